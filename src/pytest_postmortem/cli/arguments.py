"""The arguments of all commands, importable without anything that the commands need."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

from pytest_postmortem.report_formats import ReportSubject, describe_report_types

SORT_KEYS = ("severity", "registry", "id", "title", "date", "class", "state", "owner")
"""What a list can be sorted by."""

SCAN_SOURCES = ("names", "fixes")
"""What `scan` looks for: tests that name an incident, and tests that came with its fix."""


def declare_init_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``init``."""
    parser.add_argument("-y", "--yes", action="store_true", help="write it without asking")
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be written, and write nothing"
    )
    _add_configuration_options(parser)


def declare_new_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``new``."""
    parser.add_argument(
        "title", metavar="TITLE", nargs="+", help="short description of the problem, in quotes"
    )
    parser.add_argument("--severity", metavar="LEVEL", default="", help="severity")
    parser.add_argument(
        "--date", metavar="DATE", help="date of the incident, as 2026-11-20 (default: today)"
    )
    parser.add_argument("--owner", metavar="TEAM", default="", help="the team that owns it")
    parser.add_argument(
        "--class", metavar="CLASS", dest="problem_class", default="", help="the class of problem"
    )
    parser.add_argument(
        "--service",
        metavar="NAME",
        action="append",
        default=[],
        help="affected service (repeatable)",
    )
    parser.add_argument("--id", metavar="ID", default="", help="its id (default: the next one)")
    parser.add_argument(
        "--test",
        metavar="PATH[::NAME]",
        help="file or folder that gets a regression test, which fails until it is written",
    )
    parser.add_argument(
        "--in",
        dest="location",
        metavar="LOCATION",
        help="location of the registry that it is added to",
    )
    parser.add_argument(
        "--template", metavar="FILE", help="template of the document (default: the team's own)"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show the changes without writing them"
    )
    _add_configuration_options(parser)


def declare_list_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``list``."""
    parser.add_argument(
        "select",
        nargs="*",
        metavar="KEY:VALUE",
        help="list only these, as postmortem_select; state:WORD and globs of ids too",
    )
    parser.add_argument("--since", metavar="DATE", help="list only incidents from this day on")
    parser.add_argument("--before", metavar="DATE", help="list only incidents before this day")
    parser.add_argument(
        "--sort",
        choices=SORT_KEYS,
        metavar="KEY",
        help=f"{', '.join(SORT_KEYS[:-1])} or {SORT_KEYS[-1]} (default: severity)",
    )
    _add_listing_options(parser)


def declare_show_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``show``."""
    parser.add_argument("id", metavar="ID", help="the id of the incident, or an alias of it")
    _add_listing_options(parser)


def declare_scan_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``scan``."""
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="files and folders (default: the whole suite)"
    )
    parser.add_argument(
        "--from",
        choices=SCAN_SOURCES,
        dest="source",
        help="look only for tests that name an incident, or only for those that came with its fix",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="print all evidence")
    proving = parser.add_argument_group("proof")
    proving.add_argument(
        "--prove",
        action="store_true",
        help="run the tests that came with a fix, with and without it",
    )
    _add_jobs_option(proving)
    _add_python_option(proving)
    _add_again_option(proving)
    marking = parser.add_argument_group("changes")
    marking.add_argument(
        "--apply",
        action="store_true",
        help="mark the tests that likely name an incident, and those that are proven",
    )
    marking.add_argument("--diff", action="store_true", help="show what --apply would write")
    marking.add_argument(
        "--possible", action="store_true", help="with --apply or --diff: the possible ones too"
    )
    marking.add_argument(
        "--unproven",
        action="store_true",
        help="with --apply or --diff: also tests that came with a fix and were not run",
    )
    marking.add_argument(
        "--fixes",
        action="store_true",
        help="with --apply or --diff: write 'fix' into post-mortems and registry entries",
    )
    _add_report_option(parser, "scan")
    _add_configuration_options(parser)


def declare_prove_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``prove``."""
    parser.add_argument(
        "what", nargs="*", metavar="ID|NODEID", help="incidents (also globs), or tests of a --fix"
    )
    fix = parser.add_argument_group("the fix")
    fix.add_argument(
        "--fix",
        action="append",
        default=[],
        metavar="REV",
        help="commit, merge, range, patch file or WORKTREE that is the fix (repeatable)",
    )
    fix.add_argument("--base", metavar="REV", help="the fix is everything since this commit")
    fix.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="GLOB",
        help="the files of the fix that are source, and no others (repeatable)",
    )
    strength = parser.add_argument_group("the strength of a proof")
    strength.add_argument(
        "--strength",
        action="store_true",
        help="list the changes to the lines of the fix that no linked test notices",
    )
    strength.add_argument("--hunks", action="store_true", help="the former name of --strength")
    strength.add_argument(
        "--mutants",
        type=_parse_count,
        metavar="N",
        help="changes to try for each incident (default: 40)",
    )
    runs = parser.add_argument_group("runs of tests")
    _add_jobs_option(runs)
    runs.add_argument(
        "--runs",
        type=_parse_count,
        metavar="N",
        help="runs with and without the fix, for tests of races",
    )
    runs.add_argument("--shake", action="store_true", help="switch threads at the lines of the fix")
    runs.add_argument(
        "--timeout",
        type=_parse_seconds,
        metavar="SECONDS",
        help="limit of one run (default: measured)",
    )
    runs.add_argument(
        "--incident-timeout",
        type=_parse_seconds,
        metavar="SECONDS",
        help="limit of all runs of one incident (default: 1800)",
    )
    _add_python_option(runs)
    _add_again_option(runs)
    results = parser.add_argument_group("results")
    results.add_argument(
        "--strict", action="store_true", help="exit 3 unless every incident is proven"
    )
    results.add_argument("-v", "--verbose", action="store_true", help="print all details")
    _add_report_option(results, "proofs")
    configuration = parser.add_argument_group("configuration")
    _add_today_option(configuration)
    _add_configuration_options(configuration)


def _add_jobs_option(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--jobs",
        type=_parse_count,
        default=1,
        metavar="N",
        help="incidents in parallel (default: 1); their tests must share no port, file or database",
    )


def _add_python_option(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--python",
        metavar="PATH",
        help="interpreter or virtual environment that runs the tests (default: the own one)",
    )


def _add_again_option(group: argparse._ActionsContainer) -> None:
    group.add_argument("--again", action="store_true", help="ignore cached proofs")


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


def declare_explain_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``explain``."""
    parser.add_argument(
        "code", nargs="?", metavar="CODE", help="code of a message or rule (default: list them)"
    )


def declare_check_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``check``."""
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="check these alone, against the whole registry"
    )
    parser.add_argument(
        "--collect",
        action="store_true",
        help="ask pytest's own collection, which imports the tests",
    )
    parser.add_argument("--strict", action="store_true", help="let warnings fail the check too")
    _add_today_option(parser)
    _add_report_option(parser, "check")
    _add_configuration_options(parser)


def declare_diff_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``diff``."""
    parser.add_argument(
        "reports", nargs="*", metavar="REPORT", help="two JSON reports, the older first"
    )
    parser.add_argument(
        "--base",
        metavar="REVISION",
        help="compare the code with this revision instead (default: origin/HEAD)",
    )
    _add_today_option(parser)
    _add_report_option(parser, "comparison")
    _add_configuration_options(parser)


def declare_ci_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``ci``."""
    tests = parser.add_argument_group("tests")
    tests.add_argument(
        "--reports",
        metavar="GLOBS",
        help="JSON reports and JUnit XML of earlier jobs, in place of a run of pytest",
    )
    tests.add_argument(
        "--pytest-args", metavar="ARGS", help="arguments of `python -m pytest`, as in a shell"
    )
    tests.add_argument("--fail-under", metavar="PERCENT", help="as --postmortem-fail-under")
    change = parser.add_argument_group("the change")
    _add_change_base_option(change)
    change.add_argument(
        "--ratchet", metavar="fail|warn|off", help="what a lost lesson does (default: fail)"
    )
    change.add_argument(
        "--prove",
        metavar="new|all|off",
        help="prove incidents whose tests or fix are new, or all (default: new)",
    )
    change.add_argument(
        "--prove-timeout",
        metavar="SECONDS",
        help="limit of all runs of one incident (default: 1800)",
    )
    results = parser.add_argument_group("results")
    results.add_argument(
        "--comment",
        metavar="on|off|require",
        help="comment on the pull or merge request; require: exit 3 if not (default: on)",
    )
    _add_comment_name_option(results)
    results.add_argument(
        "--page", metavar="on|off|PATH", help="write the page, in the folder or to a path"
    )
    results.add_argument(
        "--folder", metavar="DIR", help="folder of the reports (default: postmortem-ci)"
    )
    configuration = parser.add_argument_group("configuration")
    _add_today_option(configuration)
    _add_configuration_options(configuration)


def declare_comment_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``comment``."""
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="JSON reports of the change, and JUnit XML"
    )
    _add_change_base_option(parser)
    parser.add_argument(
        "--proofs", metavar="FILE", help="file that `prove --report=json:FILE` has written"
    )
    parser.add_argument(
        "--number",
        type=_parse_count,
        metavar="N",
        help="number of the pull or merge request (default: that of the job)",
    )
    _add_comment_name_option(parser)
    parser.add_argument("--output", metavar="FILE", help="write the text there, and no comment")
    parser.add_argument(
        "--strict", action="store_true", help="exit 3 if the comment can't be written"
    )
    _add_today_option(parser)
    _add_configuration_options(parser)


def _add_change_base_option(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--base",
        metavar="REVISION|FILE.json",
        help="what to compare with (default: the target of the pull or merge request)",
    )


def _add_comment_name_option(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--name", metavar="NAME", help="name of the comment (default: the folder's path)"
    )


def declare_combine_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``combine``."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="JSON reports, and JUnit XML of any language"
    )
    _add_report_option(parser, "run")
    parser.add_argument(
        "--expect", type=_parse_report_count, metavar="N", help="how many reports there should be"
    )
    parser.add_argument(
        "--fail-under", type=_parse_percent, metavar="PERCENT", help="as --postmortem-fail-under"
    )
    parser.add_argument(
        "--across", action="store_true", help="each report is of another repository"
    )


def _parse_report_count(text: str) -> int:
    if not text.isdecimal() or len(text) > 6 or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of reports")
    return int(text)


def _parse_percent(text: str) -> float:
    from pytest_postmortem.settings import parse_percentage

    try:
        return parse_percentage(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentage") from None


def declare_report_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``report``."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="JSON reports in any order, and a history"
    )
    _add_report_option(parser, "run")


def declare_sync_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``sync``."""
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    parser.add_argument(
        "--allow-empty", action="store_true", help="write a file without any post-mortem, too"
    )
    parser.add_argument("--output", metavar="FILE", help="file to write (default: postmortem_sync)")
    _add_configuration_options(parser)


def declare_history_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``history``."""
    _add_report_option(parser, "history")
    _add_configuration_options(parser)


def declare_schema_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``schema``."""
    parser.add_argument(
        "of",
        nargs="?",
        choices=("registry", "report"),
        default="registry",
        help="the file (default: registry)",
    )


def _add_report_option(parser: argparse._ActionsContainer, subject: ReportSubject) -> None:
    """Add the option that chooses the formats of a report, and the files that it is written to."""
    parser.add_argument(
        "--report",
        action="append",
        default=[],
        metavar="TYPE[:DEST]",
        help=f"{describe_report_types(subject)} (repeatable; default: term)",
    )


def _add_configuration_options(parser: argparse._ActionsContainer) -> None:
    """Add the options that say which configuration of pytest is meant."""
    parser.add_argument("-c", "--config-file", metavar="FILE", help="pytest's configuration file")
    parser.add_argument("--rootdir", metavar="DIR", help="pytest's rootdir")


def _add_today_option(parser: argparse._ActionsContainer) -> None:
    """Add the option that says by which date to judge."""
    parser.add_argument(
        "--today",
        metavar="now|DATE",
        help="the date to judge by (default: SOURCE_DATE_EPOCH, or else the date of HEAD)",
    )


def _add_listing_options(parser: argparse.ArgumentParser) -> None:
    """Add what says where the states come from, and how incidents are shown."""
    parser.add_argument(
        "--from",
        dest="source",
        metavar="REPORT",
        help="JSON report to take the states from (default: read from the code)",
    )
    _add_today_option(parser)
    _add_report_option(parser, "list")
    _add_configuration_options(parser)


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


ARGUMENTS_BY_COMMAND: Mapping[str, Callable[[argparse.ArgumentParser], None]] = {
    "init": declare_init_arguments,
    "new": declare_new_arguments,
    "list": declare_list_arguments,
    "show": declare_show_arguments,
    "scan": declare_scan_arguments,
    "prove": declare_prove_arguments,
    "explain": declare_explain_arguments,
    "check": declare_check_arguments,
    "diff": declare_diff_arguments,
    "ci": declare_ci_arguments,
    "comment": declare_comment_arguments,
    "combine": declare_combine_arguments,
    "report": declare_report_arguments,
    "sync": declare_sync_arguments,
    "history": declare_history_arguments,
    "schema": declare_schema_arguments,
}
