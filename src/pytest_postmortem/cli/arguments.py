"""The table of all commands with their arguments, importable without anything that they need."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

from pytest_postmortem.report_formats import ReportSubject, describe_report_types

SORT_KEYS = ("severity", "registry", "id", "title", "date", "class", "state", "owner")
"""What a list can be sorted by."""

SCAN_SOURCES = ("names", "fixes")
"""What `scan` looks for: tests that name an incident, and tests that came with its fix."""


class CliArgument:
    """An argument by its usage: its name or its flags, and the word for its value.

    A flag without a word is a switch; ``help`` may be a function that is called when it is needed.
    ``details`` are further arguments of `argparse.ArgumentParser.add_argument`.
    """

    def __init__(self, usage: str, help: str | Callable[[], str], **details: Any) -> None:
        self._flags = [word for word in usage.split() if word.startswith("-")]
        words = [word for word in usage.split() if not word.startswith("-")]
        if not self._flags:
            self._flags.append(words.pop(0))
        kind = {"metavar": words[0]} if words else {"action": "store_true"}
        self._help = help
        self._details = {**kind, **details}

    def declare(self, parser: argparse._ActionsContainer) -> None:
        """Add the argument to a parser or a group of it."""
        text = self._help if isinstance(self._help, str) else self._help()
        parser.add_argument(*self._flags, help=text, **self._details)


class CliCommand(NamedTuple):
    """A command: its group in the help, and its arguments.

    A text among them is the title of those that follow it, empty for those without one. The module
    of its name is imported when it is run.
    """

    name: str
    help: str
    group: str
    arguments: tuple[CliArgument | str, ...]

    def declare_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments to a parser."""
        group: argparse._ActionsContainer = parser
        for argument in self.arguments:
            if isinstance(argument, CliArgument):
                argument.declare(group)
            else:
                group = parser.add_argument_group(argument) if argument else parser

    def run(self, options: argparse.Namespace) -> int:
        """Run the command, and return the exit status."""
        return int(import_module(f"{__package__}.{self.name}").main(options))


def _parse_count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 100000")
    return int(text)


def parse_seconds(text: str) -> float:
    """Return a limit of time.

    Raises: ValueError where it is not a positive number below a million.
    """
    seconds = float(text)
    if not 0 < seconds < 1e6:
        raise ValueError
    return seconds


def _parse_seconds(text: str) -> float:
    try:
        return parse_seconds(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None


def _parse_percent(text: str) -> float:
    from pytest_postmortem.settings import parse_percentage

    try:
        return parse_percentage(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentage") from None


REPEATABLE: Mapping[str, Any] = {"action": "append", "default": []}


def _build_report_argument(subject: ReportSubject) -> CliArgument:
    """Return the argument for the formats of a report, and the files that it is written to."""

    def describe_types() -> str:
        return f"{describe_report_types(subject)} (repeatable; default: term)"

    return CliArgument("--report TYPE[:DEST]", describe_types, **REPEATABLE)


CONFIGURATION = (
    CliArgument("-c --config-file FILE", "pytest's configuration file"),
    CliArgument("--rootdir DIR", "pytest's rootdir"),
)
"""Which configuration of pytest is meant."""

TODAY = CliArgument(
    "--today now|DATE",
    "the date to judge by (default: SOURCE_DATE_EPOCH, or else the date of HEAD)",
)
JOBS = CliArgument(
    "--jobs N",
    "incidents in parallel (default: 1); their tests must share no port, file or database",
    type=_parse_count,
    default=1,
)
PYTHON = CliArgument(
    "--python PATH", "interpreter or virtual environment that runs the tests (default: the own one)"
)
AGAIN = CliArgument("--again", "ignore cached proofs")
CHANGE_BASE = CliArgument(
    "--base REVISION|FILE.json",
    "what to compare with (default: the target of the pull or merge request)",
)
COMMENT_NAME = CliArgument("--name NAME", "name of the comment (default: the folder's path)")
STATE_SOURCE = CliArgument(
    "--from REPORT",
    "JSON report to take the states from (default: read from the code)",
    dest="source",
)

INIT = (
    CliArgument("-y --yes", "write it without asking"),
    CliArgument("--dry-run", "show what would be written, and write nothing"),
    *CONFIGURATION,
)

NEW = (
    CliArgument("title TITLE", "short description of the problem, in quotes", nargs="+"),
    CliArgument("--severity LEVEL", "severity", default=""),
    CliArgument("--date DATE", "date of the incident, as 2026-11-20 (default: today)"),
    CliArgument("--owner TEAM", "the team that owns it", default=""),
    CliArgument("--class CLASS", "the class of problem", default="", dest="problem_class"),
    CliArgument("--service NAME", "affected service (repeatable)", **REPEATABLE),
    CliArgument("--id ID", "its id (default: the next one)", default=""),
    CliArgument(
        "--test PATH[::NAME]",
        "file or folder that gets a regression test, which fails until it is written",
    ),
    CliArgument("--in LOCATION", "location of the registry that it is added to", dest="location"),
    CliArgument("--template FILE", "template of the document (default: the team's own)"),
    CliArgument("--dry-run", "show the changes without writing them"),
    *CONFIGURATION,
)

LIST = (
    CliArgument(
        "select KEY:VALUE",
        "list only these, as postmortem_select; state:WORD and globs of ids too",
        nargs="*",
    ),
    CliArgument("--since DATE", "list only incidents from this day on"),
    CliArgument("--before DATE", "list only incidents before this day"),
    CliArgument(
        "--sort KEY",
        f"{', '.join(SORT_KEYS[:-1])} or {SORT_KEYS[-1]} (default: severity)",
        choices=SORT_KEYS,
    ),
    STATE_SOURCE,
    TODAY,
    _build_report_argument("list"),
    *CONFIGURATION,
)

SHOW = (
    CliArgument("id ID", "the id of the incident, or an alias of it"),
    STATE_SOURCE,
    TODAY,
    _build_report_argument("list"),
    *CONFIGURATION,
)

SCAN = (
    CliArgument("paths PATH", "files and folders (default: the whole suite)", nargs="*"),
    CliArgument(
        "--from {names,fixes}",
        "look only for tests that name an incident, or only for those that came with its fix",
        choices=SCAN_SOURCES,
        dest="source",
    ),
    CliArgument("-v --verbose", "print all evidence"),
    "proof",
    CliArgument("--prove", "run the tests that came with a fix, with and without it"),
    JOBS,
    PYTHON,
    AGAIN,
    "changes",
    CliArgument(
        "--apply", "mark the tests that likely name an incident, and those that are proven"
    ),
    CliArgument("--diff", "show what --apply would write"),
    CliArgument("--possible", "with --apply or --diff: the possible ones too"),
    CliArgument(
        "--unproven", "with --apply or --diff: also tests that came with a fix and were not run"
    ),
    CliArgument(
        "--fixes", "with --apply or --diff: write 'fix' into post-mortems and registry entries"
    ),
    "",
    _build_report_argument("scan"),
    *CONFIGURATION,
)

PROVE = (
    CliArgument("what ID|NODEID", "incidents (also globs), or tests of a --fix", nargs="*"),
    "the fix",
    CliArgument(
        "--fix REV",
        "commit, merge, range, patch file or WORKTREE that is the fix (repeatable)",
        **REPEATABLE,
    ),
    CliArgument("--base REV", "the fix is everything since this commit"),
    CliArgument(
        "--source GLOB",
        "the files of the fix that are source, and no others (repeatable)",
        **REPEATABLE,
    ),
    "the strength of a proof",
    CliArgument(
        "--strength", "list the changes to the lines of the fix that no linked test notices"
    ),
    CliArgument("--hunks", "the former name of --strength"),
    CliArgument("--mutants N", "changes to try for each incident (default: 40)", type=_parse_count),
    "runs of tests",
    JOBS,
    CliArgument("--runs N", "runs with and without the fix, for tests of races", type=_parse_count),
    CliArgument("--shake", "switch threads at the lines of the fix"),
    CliArgument("--timeout SECONDS", "limit of one run (default: measured)", type=_parse_seconds),
    CliArgument(
        "--incident-timeout SECONDS",
        "limit of all runs of one incident (default: 1800)",
        type=_parse_seconds,
    ),
    PYTHON,
    AGAIN,
    "results",
    CliArgument("--strict", "exit 3 unless every incident is proven"),
    CliArgument("-v --verbose", "print all details"),
    _build_report_argument("proofs"),
    "configuration",
    TODAY,
    *CONFIGURATION,
)

CHECK = (
    CliArgument("files FILE", "check these alone, against the whole registry", nargs="*"),
    CliArgument("--collect", "ask pytest's own collection, which imports the tests"),
    CliArgument("--strict", "let warnings fail the check too"),
    TODAY,
    _build_report_argument("check"),
    *CONFIGURATION,
)

DIFF = (
    CliArgument("reports REPORT", "two JSON reports, the older first", nargs="*"),
    CliArgument(
        "--base REVISION", "compare the code with this revision instead (default: origin/HEAD)"
    ),
    TODAY,
    _build_report_argument("comparison"),
    *CONFIGURATION,
)

CI = (
    "tests",
    CliArgument(
        "--reports GLOBS", "JSON reports and JUnit XML of earlier jobs, in place of a run of pytest"
    ),
    CliArgument("--pytest-args ARGS", "arguments of `python -m pytest`, as in a shell"),
    CliArgument("--fail-under PERCENT", "as --postmortem-fail-under"),
    "the change",
    CHANGE_BASE,
    CliArgument("--ratchet fail|warn|off", "what a lost lesson does (default: fail)"),
    CliArgument(
        "--prove new|all|off", "prove incidents whose tests or fix are new, or all (default: new)"
    ),
    CliArgument("--prove-timeout SECONDS", "limit of all runs of one incident (default: 1800)"),
    "results",
    CliArgument(
        "--comment on|off|require",
        "comment on the pull or merge request; require: exit 3 if not (default: on)",
    ),
    COMMENT_NAME,
    CliArgument("--page on|off|PATH", "write the page, in the folder or to a path"),
    CliArgument("--folder DIR", "folder of the reports (default: postmortem-ci)"),
    "configuration",
    TODAY,
    *CONFIGURATION,
)

COMMENT = (
    CliArgument("files FILE", "JSON reports of the change, and JUnit XML", nargs="*"),
    CHANGE_BASE,
    CliArgument("--proofs FILE", "file that `prove --report=json:FILE` has written"),
    CliArgument(
        "--number N",
        "number of the pull or merge request (default: that of the job)",
        type=_parse_count,
    ),
    COMMENT_NAME,
    CliArgument("--output FILE", "write the text there, and no comment"),
    CliArgument("--strict", "exit 3 if the comment can't be written"),
    TODAY,
    *CONFIGURATION,
)

COMBINE = (
    CliArgument("files FILE", "JSON reports, and JUnit XML of any language", nargs="+"),
    _build_report_argument("run"),
    CliArgument("--expect N", "how many reports there should be", type=_parse_count),
    CliArgument("--fail-under PERCENT", "as --postmortem-fail-under", type=_parse_percent),
    CliArgument("--across", "each report is of another repository"),
)

REPORT = (
    CliArgument("files FILE", "JSON reports in any order, and a history", nargs="+"),
    _build_report_argument("run"),
)

SYNC = (
    CliArgument("--check", "only say whether it is up to date"),
    CliArgument("--allow-empty", "write a file without any post-mortem, too"),
    CliArgument("--output FILE", "file to write (default: postmortem_sync)"),
    *CONFIGURATION,
)

HISTORY = (_build_report_argument("history"), *CONFIGURATION)

EXPLAIN = (CliArgument("code CODE", "code of a message or rule (default: list them)", nargs="?"),)

SCHEMA = (
    CliArgument(
        "of {registry,report}",
        "the file (default: registry)",
        nargs="?",
        choices=("registry", "report"),
        default="registry",
    ),
)

CLI_COMMANDS: tuple[CliCommand, ...] = (
    CliCommand("init", "detect post-mortems and configure pytest", "everyday", INIT),
    CliCommand("new", "create a post-mortem and its regression test", "everyday", NEW),
    CliCommand("list", "list incidents with their states", "everyday", LIST),
    CliCommand("show", "show everything about one incident", "everyday", SHOW),
    CliCommand("scan", "find and mark tests that mention an incident", "everyday", SCAN),
    CliCommand("prove", "verify that regression tests fail without their fix", "everyday", PROVE),
    CliCommand("explain", "explain the code of a message or a lint rule", "everyday", EXPLAIN),
    CliCommand("check", "lint markers, registry and post-mortems", "CI", CHECK),
    CliCommand("diff", "show which guards a change adds and removes", "CI", DIFF),
    CliCommand("ci", "run the tests, diff, prove and comment, in one step", "CI", CI),
    CliCommand(
        "comment", "comment on a pull request with report, ratchet and proofs", "CI", COMMENT
    ),
    CliCommand("combine", "merge the reports of shards and jobs", "CI", COMBINE),
    CliCommand("report", "render JSON reports in any format", "CI", REPORT),
    CliCommand("sync", "save a remote registry to a local file", "CI", SYNC),
    CliCommand("history", "show when incidents got and lost their tests", "advanced", HISTORY),
    CliCommand("schema", "print the JSON Schema of a file", "advanced", SCHEMA),
)


def build_pytest_arguments(options: argparse.Namespace) -> list[str]:
    """Return the options with which pytest finds its configuration, and the date to judge by."""
    values_by_flag = {"-c": options.config_file, "--rootdir": options.rootdir}
    arguments = [
        part
        for flag, value in values_by_flag.items()
        if value is not None
        for part in (flag, value)
    ]
    today = getattr(options, "today", None)
    return arguments if today is None else [*arguments, f"--postmortem-today={today}"]
