"""``pytest-postmortem ci``: tests, ratchet, proofs, page and comment, with one exit at the end.

An option that is not given is read from a variable, ``--pytest-args`` from
``POSTMORTEM_CI_PYTEST_ARGS``, so that a workflow file inserts no value into a shell.
"""

from __future__ import annotations

import argparse
import glob
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from pytest_postmortem import git
from pytest_postmortem.ci.change import OWN_TOKEN, find_token, read_change
from pytest_postmortem.ci.comment_text import ChangeResults, is_worth_a_comment
from pytest_postmortem.cli import EXIT_NOT_JUDGED, EXIT_WRONG_USE, choose_error_status
from pytest_postmortem.cli.arguments import build_pytest_arguments, parse_seconds
from pytest_postmortem.cli.comment import (
    compare_change,
    find_change_base,
    find_comment_name,
    format_comment,
    format_problem,
    format_summary,
    is_report_path,
    load_joined_report,
    post_comment,
)
from pytest_postmortem.cli.new_proofs import prove_new_incidents
from pytest_postmortem.cli.project import Project, configure_without_conftest
from pytest_postmortem.cli.prove import prove_request
from pytest_postmortem.cli.prove_cases import ProveRequest
from pytest_postmortem.errors import (
    PostmortemError,
    Problem,
    RegistryError,
    ReportError,
    SettingsError,
)
from pytest_postmortem.files import write_text_file
from pytest_postmortem.model import PROVEN_VERDICTS, format_count
from pytest_postmortem.prove.experiment import MAX_INCIDENT_SECONDS, RunBudget
from pytest_postmortem.prove.output import (
    FAILING_VERDICTS,
    build_proofs_document,
    compute_proof_status,
)
from pytest_postmortem.report_formats import render_report
from pytest_postmortem.reports.data.compare import Comparison, IncidentChange
from pytest_postmortem.reports.data.report_reader import read_own_report
from pytest_postmortem.reports.github import MOST_ANNOTATIONS, find_path_from_top, format_annotation
from pytest_postmortem.reports.json_report import format_json_document
from pytest_postmortem.reports.writers import append_job_summary
from pytest_postmortem.settings import parse_percentage
from pytest_postmortem.text import sanitize_line

VARIABLE_PREFIX = "POSTMORTEM_CI_"

SWITCH_WORDS: Mapping[str, str] = {"true": "on", "yes": "on", "false": "off", "no": "off"}
"""What workflow files call on and off."""


class _Input(NamedTuple):
    """An input: how its text is read, what to write, and its text if none is given."""

    convert: Callable[[str], Any]
    remedy: str = "correct it"
    default: str = ""


def _choose(*words: str) -> Callable[[str], str]:
    def convert(text: str) -> str:
        word = SWITCH_WORDS.get(text.casefold(), text.casefold())
        if word not in words:
            raise ValueError
        return word

    return convert


def _parse_optional_percentage(text: str) -> float | None:
    return parse_percentage(text) if text else None


def _parse_page(text: str) -> str | None:
    """Return ``on``, a path, or None for no page."""
    word = SWITCH_WORDS.get(text.casefold(), text.casefold())
    return None if word in ("", "off") else "on" if word == "on" else text


CI_INPUTS: Mapping[str, _Input] = {
    "reports": _Input(str.split),
    "pytest_args": _Input(shlex.split, "close the quotes"),
    "fail_under": _Input(_parse_optional_percentage, "write a percentage, as 80"),
    "base": _Input(lambda text: text or None),
    "ratchet": _Input(_choose("fail", "warn", "off"), "write fail, warn or off", "fail"),
    "prove": _Input(_choose("new", "all", "off"), "write new, all or off", "new"),
    "prove_timeout": _Input(parse_seconds, "write seconds, as 600", f"{MAX_INCIDENT_SECONDS:g}"),
    "comment": _Input(_choose("on", "off", "require"), "write on, off or require", "on"),
    "name": _Input(lambda text: text or None),
    "page": _Input(_parse_page),
    "folder": _Input(Path, default="postmortem-ci"),
}
"""The fields of `CiInputs`."""


def main(options: argparse.Namespace) -> int:
    """Run every step, deliver the results, and return the exit status of the whole.

    Raises: SettingsError with every input that is not valid.
    """
    environment = dict(os.environ)
    os.environ.pop(OWN_TOKEN, None)  # no test inherits it
    inputs = read_ci_inputs(options, environment)
    job = CiJob(inputs, build_pytest_arguments(options), environment)
    job.run_steps()
    job.deliver_results()
    return job.compute_status()


def read_ci_inputs(options: argparse.Namespace, environment: Mapping[str, str]) -> CiInputs:
    """Return the inputs of options, or else of variables.

    Raises: SettingsError with every input that is not valid.
    """
    values: dict[str, Any] = {}
    problems = []
    for name, kind in CI_INPUTS.items():
        variable = VARIABLE_PREFIX + name.upper()
        given: str | None = getattr(options, name)
        source = variable if given is None else f"--{name.replace('_', '-')}"
        text = (environment.get(variable, "") if given is None else given).strip()
        try:
            values[name] = kind.convert(text or kind.default)
        except ValueError:
            failed, cause = f"Couldn't use {source}", f"{text!r} is not valid"
            problems.append(Problem("setting", failed, cause, kind.remedy))
    if problems:
        raise SettingsError(problems)
    return CiInputs(**values)


EXIT_FAILED = 1

NO_CHANGE = "Nothing to compare with: this is not a pull or merge request, and no base is given"


NO_REGISTRY = "no registry found; run `pytest-postmortem init`"

EXITS_OF_A_RUN = (0, 1, 5)
"""The exit statuses of pytest after it ran: all passed, some failed, there were none."""


class CiInputs(NamedTuple):
    """What a job asks for; ``page`` is the path of its file, or ``on`` for one in the folder."""

    reports: Sequence[str]
    pytest_args: Sequence[str]
    fail_under: float | None
    base: str | None
    ratchet: str
    prove: str
    prove_timeout: float
    comment: str
    name: str | None
    page: str | None
    folder: Path


class CiJob:
    """A job: runs the steps, and delivers what they found.

    ``arguments`` say which configuration of pytest is meant; ``environment`` is that of the job
    with the token to comment with, which the environment of this process no longer has.
    """

    def __init__(
        self, inputs: CiInputs, arguments: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        self._inputs, self._arguments, self._environment = inputs, arguments, environment
        self._folder = inputs.folder.absolute()
        self._change = read_change(environment)
        self._on_github = environment.get("GITHUB_ACTIONS") == "true"
        self._statuses: dict[str, int] = {}
        self._problems: dict[str, str] = {}
        self._no_registry = False
        self._report: Mapping[str, Any] | None = None
        self._comparison: Comparison | None = None
        self._proofs: Mapping[str, Any] | None = None
        self._paths: dict[str, Path] = {}
        self._pytest_status = 0

    def run_steps(self) -> None:
        """Run every step that was asked for; proofs come first, since the reports show them."""
        self._create_folder()
        base: str | None = None
        if self._inputs.ratchet != "off" or self._inputs.prove == "new":
            base = self._run_step("base", self._find_base)
        if self._inputs.prove == "all" or (self._inputs.prove == "new" and base is not None):
            self._run_step("proofs", lambda: self._prove(base))
        self._run_step("tests", self._take_reports if self._inputs.reports else self._run_pytest)
        if self._on_github:  # the report knows the line of a test
            for line in annotate_proofs(self._gather_results().proofs or (), self._report):
                print(line)
        if self._inputs.ratchet != "off" and base is not None:
            self._run_step("ratchet", lambda: self._compare(base))
        if self._inputs.ratchet != "fail":
            for step in ("base", "ratchet"):
                self._statuses.pop(step, None)
        if self._inputs.page is not None and self._report is not None:
            name = "incidents.html"
            page = self._folder / name if self._inputs.page == "on" else Path(self._inputs.page)
            self._run_step("page", lambda: self._write_page(page.absolute()))

    def deliver_results(self) -> None:
        """Write the files, the summary, the outputs and the comment."""
        results = self._gather_results()
        name = find_comment_name(self._inputs.name)
        if self._no_registry and not is_worth_a_comment(results):
            text = summary = f"{NO_REGISTRY}\n"
        else:
            text = format_comment(results, name, self._change, self._environment)
            summary = format_summary(results, name, self._environment)
        self._run_step("files", lambda: self._write_files(text, summary))
        self._run_step("comment", lambda: self._comment(results, name, text))
        self._run_step("outputs", lambda: self._write_outputs(results))

    def compute_status(self) -> int:
        """Return the exit status: 1 if a step says no, else that of the first that failed."""
        failed = {step: status for step, status in self._statuses.items() if status}
        if failed:
            steps = ", ".join(f"{step} (exit status {status})" for step, status in failed.items())
            print(f"Failed: {steps}")
        return EXIT_FAILED if EXIT_FAILED in failed.values() else next(iter(failed.values()), 0)

    def _run_step(self, step: str, run: Callable[[], Any]) -> Any:
        """Run a step, and keep a failure of it; return what the step does."""
        try:
            return run()
        except PostmortemError as error:
            for problem in error.problems:
                self._keep_problem(step, error, problem)
            self._statuses[step] = self._statuses.get(step) or choose_error_status(error)
        except OSError as error:
            cause = f"{error.filename}: {(error.strerror or str(error)).lower()}"
            print(sanitize_line(f"{step}: {cause}"), file=sys.stderr)
            self._problems[cause] = f"{step}: {cause}"
            self._statuses[step] = EXIT_WRONG_USE
        return None

    def _keep_problem(self, step: str, error: PostmortemError, problem: Problem) -> None:
        """Print a problem, annotate its place, and keep it for the comment; all once."""
        text = format_problem(problem)
        if text in self._problems:
            return
        print(problem, file=sys.stderr)
        self._problems[text] = f"{'registry' if isinstance(error, RegistryError) else step}: {text}"
        if self._on_github and len(self._problems) <= MOST_ANNOTATIONS:
            tolerated = step in ("base", "ratchet") and self._inputs.ratchet != "fail"
            path = None if problem.path is None else _find_file_in_repository(problem.path)
            level, title = "warning" if tolerated else "error", "Incident coverage"
            print(format_annotation(level, path, problem.line, title, text))

    def _create_folder(self) -> None:
        """Make the folder of the results; git ignores a new one."""
        if not self._folder.exists():
            self._folder.mkdir(parents=True)
            (self._folder / ".gitignore").write_text("*\n", encoding="utf-8")

    def _find_base(self) -> str | None:
        base = self._inputs.base or find_change_base(self._change, Path.cwd())
        if base is None:
            print(NO_CHANGE)
        return base

    def _prove(self, base: str | None) -> None:
        effort = RunBudget(incident_limit=self._inputs.prove_timeout)
        if self._inputs.prove == "all":
            results = prove_request(self._arguments, ProveRequest(effort=effort))
        else:
            if base is None or is_report_path(base):
                base = find_change_base(self._change, Path.cwd())
            if base is None:
                return
            results = prove_new_incidents(self._arguments, base, effort)
        self._proofs = build_proofs_document(results)
        if results:
            seconds = sum(result.seconds for result in results)
            print(render_report("proofs", "term", results, seconds=seconds, verbose=False), end="")
        self._statuses["proofs"] = compute_proof_status(results, strict=False)

    def _run_pytest(self) -> None:
        """Run the suite in a process of its own, whose report stays if it fails."""
        place = self._folder / "report.json"
        place.unlink(missing_ok=True)
        limit = self._inputs.fail_under
        arguments = [
            *self._arguments,
            *self._inputs.pytest_args,
            *([] if limit is None else [f"--postmortem-fail-under={limit}"]),
            f"--postmortem-report=json:{place}",
        ]
        sys.stdout.flush()
        status = subprocess.run([sys.executable, "-m", "pytest", *arguments]).returncode
        self._pytest_status = status if status >= 0 else 128 - status
        self._statuses["tests"] = self._pytest_status
        if place.is_file():
            report = read_own_report(place).document
            self._take_report(report)
            if not status and any(not gate["judged"] for gate in report["gates"]):
                self._statuses["tests"] = EXIT_NOT_JUDGED
        else:
            self._explain_missing_report(status)

    def _explain_missing_report(self, status: int) -> None:
        """Keep why pytest wrote no report; none is expected where there is nothing to report.

        Raises:
            RegistryError: The registry is broken.
            SettingsError: The configuration is.
        """
        with configure_without_conftest(self._arguments) as config:
            self._no_registry = Project(config).registry is None and status in EXITS_OF_A_RUN
        if self._no_registry:
            print(NO_REGISTRY)
        else:
            text = f"pytest wrote no report (exit status {status})"
            self._problems[text] = f"tests: {text}"

    def _take_reports(self) -> None:
        """Join the reports of earlier jobs, and judge the gates on the whole."""
        paths = [*dict.fromkeys(_find_report_files(self._inputs.reports))]
        report = load_joined_report(paths, self._inputs.fail_under)
        self._take_report(report)
        self._statuses["tests"] = _judge_report(report)
        print(render_report("run", "markdown", report).partition("\n")[0].lstrip("# "))
        for reason in report["unjudged"]:
            print(sanitize_line(f"not judged as a whole: {reason}"))

    def _take_report(self, report: Mapping[str, Any]) -> None:
        self._report = report
        if self._on_github:
            print(render_report("run", "github", report), end="")

    def _compare(self, base: str) -> None:
        self._comparison = comparison = compare_change(self._arguments, base, self._report)
        print(render_report("comparison", "term", comparison), end="")
        lost = self._gather_results().lost
        level = "error" if self._inputs.ratchet == "fail" else "warning"
        for line in annotate_losses(lost, self._report, level) if self._on_github else ():
            print(line)
        if self._inputs.ratchet == "fail":
            unjudged = 0 if comparison.judged else EXIT_NOT_JUDGED
            self._statuses["ratchet"] = EXIT_FAILED if lost else unjudged

    def _write_page(self, page: Path) -> None:
        write_text_file(page, render_report("run", "html", self._report, earlier=(), past=None))
        self._paths["page"] = page

    def _gather_results(self) -> ChangeResults:
        return ChangeResults(
            self._report,
            self._comparison,
            None if self._proofs is None else self._proofs["proofs"],
            tuple(self._problems.values()),
            self._pytest_status,
            tolerates_losses=self._inputs.ratchet == "warn",
        )

    def _write_files(self, text: str, summary: str) -> None:
        """Write the JSON of report and proofs, the text of the comment, and the summary."""
        for name, document in (("report", self._report), ("proofs", self._proofs)):
            if document is not None:
                self._paths[name] = self._folder / f"{name}.json"
                write_text_file(self._paths[name], format_json_document(document))
        self._paths["text"] = self._folder / "comment.md"
        write_text_file(self._paths["text"], text)
        append_job_summary(summary)

    def _comment(self, results: ChangeResults, name: str, text: str) -> None:
        if self._inputs.comment == "off" or self._change is None or self._change.number is None:
            return
        token = find_token(self._environment, self._change.forge)
        create = is_worth_a_comment(results)
        note = post_comment(self._change, name, text, create=create, token=token)
        if note.failed:
            print(text, end="")
        print(sanitize_line(note.text))
        if note.failed and self._inputs.comment == "require":
            self._statuses["comment"] = EXIT_NOT_JUDGED

    def _write_outputs(self, results: ChangeResults) -> None:
        """Write the outputs for GitHub's file and, as variables of a job of GitLab, for ours."""
        outputs = {**_count_results(results), **{k: str(v) for k, v in self._paths.items()}}
        lines = (f"POSTMORTEM_{name.upper()}={text}\n" for name, text in outputs.items())
        write_text_file(self._folder / "outputs.env", "".join(lines))
        place = self._environment.get("GITHUB_OUTPUT")
        if place:
            end = f"end-{uuid4().hex}"  # no path can have it, so none can add an output
            texts = (f"{name}<<{end}\n{text}\n{end}\n" for name, text in outputs.items())
            with open(place, "a", encoding="utf-8", errors="backslashreplace") as file:
                file.write("".join(texts))


def _find_report_files(patterns: Sequence[str]) -> Iterator[Path]:
    """Yield the files of patterns.

    Raises: ReportError where a pattern matches none.
    """
    for pattern in patterns:
        paths = sorted(glob.glob(pattern, recursive=True))
        if not paths:
            cause = "no file matches it"
            problem = Problem(
                "report-file", "Couldn't read report", cause, "correct the path", pattern
            )
            raise ReportError([problem])
        yield from map(Path, paths)


def _find_file_in_repository(path: str) -> str | None:
    """Return the path of a file from the top of its repository, None if it does not exist."""
    place, top = Path.cwd() / path, git.find_repository_top(Path.cwd())
    if top is None or not place.is_file() or not place.resolve().is_relative_to(top.resolve()):
        return None
    return place.resolve().relative_to(top.resolve()).as_posix()


def _judge_report(report: Mapping[str, Any]) -> int:
    """Return the exit status for a report of other jobs: 1 if a test failed or a gate, 3 if a gate
    was not judged, or the reports do not cover the suite.
    """
    gates = report["gates"]
    failed = (
        any(each["state"] in ("failing", "errored") for each in report["incidents"]),
        any(finding["severity"] == "error" for finding in report["findings"]),
        any(gate["judged"] and not gate["passed"] for gate in gates),
    )
    if any(failed):
        return EXIT_FAILED
    whole = report["scope"]["kind"] == "full" and all(gate["judged"] for gate in gates)
    return 0 if whole else EXIT_NOT_JUDGED


def _count_results(results: ChangeResults) -> dict[str, str]:
    """Return the figures as texts, empty where they are not known."""
    totals = {} if results.report is None else results.report["totals"]
    figures = {name: totals.get(name) for name in ("guarded", "required", "percent")}
    compared, proved = results.comparison is not None, results.proofs is not None
    hollow = len(results.list_proofs("not-proven"))
    proven = len(results.list_proofs(*PROVEN_VERDICTS))
    counts = {
        **figures,
        "lost": len(results.lost) if compared else None,
        "hollow": hollow if proved else None,
        "unproven": len(results.proofs or ()) - proven - hollow if proved else None,
    }
    return {
        name: "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in counts.items()
    }


LOSS_REMEDY = "put the test back, move its mark, or retire the lesson"

FAILING_WORDS: Mapping[str, str] = {
    "not-proven": "passes without its fix",
    "fails-with-fix": "fails with the fix in place",
}


def annotate_losses(
    losses: Sequence[IncidentChange], report: Mapping[str, Any] | None, level: str
) -> Iterator[str]:
    """Yield an annotation at the post-mortem of each incident that lost its test."""
    incidents = _index_incidents(report)
    lines = []
    for change in losses[:MOST_ANNOTATIONS]:
        incident = incidents.get(change.id, {})
        file = find_path_from_top(_find_root(report), incident.get("path"))
        reason = f": {change.reason}" if change.reason else ""
        text = f"{change.id} is no longer guarded{reason}; {LOSS_REMEDY}"
        lines.append(format_annotation(level, file, incident.get("line"), "Lost lesson", text))
    return _name_others(lines, len(losses))


def annotate_proofs(
    proofs: Iterable[Mapping[str, Any]], report: Mapping[str, Any] | None
) -> Iterator[str]:
    """Yield an annotation at the test of each incident that passes without the fix, or fails with
    it.
    """
    incidents = _index_incidents(report)
    failing = [proof for proof in proofs if proof["verdict"] in FAILING_VERDICTS]
    lines = []
    for proof in failing[:MOST_ANNOTATIONS]:
        verdict = proof["verdict"]
        nodeid = next((t["nodeid"] for t in proof["tests"] if t["verdict"] == verdict), "")
        tests = incidents.get(proof["id"], {}).get("tests", ())
        test: Mapping[str, Any] = next((each for each in tests if each["nodeid"] == nodeid), {})
        path = test.get("path") or nodeid.partition("::")[0]
        file = find_path_from_top(_find_root(report), path)
        name = nodeid.rpartition("::")[2] or "its test"
        text = f"{name} {FAILING_WORDS[verdict]}: {proof['message']}"
        title = f"Post-mortem {proof['id']}"
        lines.append(format_annotation("error", file, test.get("line"), title, text))
    return _name_others(lines, len(failing))


def _index_incidents(report: Mapping[str, Any] | None) -> Mapping[str, Mapping[str, Any]]:
    return {each["id"]: each for each in (report or {}).get("incidents", ())}


def _find_root(report: Mapping[str, Any] | None) -> str:
    return "" if report is None else str(report["scope"]["root"])


def _name_others(lines: Sequence[str], total: int) -> Iterator[str]:
    """Yield lines, and how many incidents there are more, which GitHub would not show."""
    yield from lines
    if total > len(lines):
        yield f"and {format_count(total - len(lines), 'more incident')}"
