"""``pytest-postmortem comment``: report, ratchet and proofs in one comment on a change."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pytest_postmortem import git
from pytest_postmortem.ci.change import (
    Change,
    build_environment_redactor,
    find_token,
    read_change,
)
from pytest_postmortem.ci.comment_text import ChangeResults, is_worth_a_comment, render_comment
from pytest_postmortem.ci.comments import CommentError, build_marker, publish_comment
from pytest_postmortem.cli import EXIT_NOT_JUDGED
from pytest_postmortem.cli.arguments import build_pytest_arguments
from pytest_postmortem.cli.diff import compare_with_base
from pytest_postmortem.cli.git_project import DEPTH_REMEDY
from pytest_postmortem.cli.report import refuse_histories
from pytest_postmortem.cli.report_targets import print_or_write
from pytest_postmortem.errors import NotJudgedError, Problem, ReportError
from pytest_postmortem.model import VERDICTS
from pytest_postmortem.reports.data.compare import Comparison, compare_reports
from pytest_postmortem.reports.data.merge import merge_reports
from pytest_postmortem.reports.data.report_reader import (
    REPORT_UNREADABLE,
    read_own_report,
    read_report_files,
)
from pytest_postmortem.reports.json_report import build_report_document
from pytest_postmortem.reports.writers import append_job_summary
from pytest_postmortem.runtime.run import find_path_in_repository
from pytest_postmortem.text import sanitize_line

MAX_COMMENT_SIZES: Mapping[str, int] = {"GitHub": 65_536, "GitLab": 1_000_000}
"""The characters that a forge takes; a text for a file may be as long as GitHub's."""

MAX_SUMMARY_SIZE = 1_000_000
"""The bytes of a job's summary: GitHub takes 1 MiB."""

MARKER_SIZE = 600
"""The room for the marker of a comment, which may have a long name."""


def main(options: argparse.Namespace) -> int:
    """Write the comment, or print it where that is not possible; return the exit status.

    Raises:
        ReportError: A file is neither a report nor a file of proofs.
        SettingsError: The base is unknown.
        RegistryError: The registry is broken.
    """
    change = read_change(os.environ, options.number)
    report = load_joined_report(list(map(Path, options.files))) if options.files else None
    comparison, problems = None, []
    try:
        base = options.base or find_change_base(change, Path.cwd())
        if base is not None:
            comparison = compare_change(build_pytest_arguments(options), base, report)
    except NotJudgedError as error:
        problems += [f"ratchet: {format_problem(problem)}" for problem in error.problems]
    proofs = read_proofs_document(Path(options.proofs)) if options.proofs else None
    results = ChangeResults(report, comparison, proofs, tuple(problems))
    name = find_comment_name(options.name)
    text = format_comment(results, name, change, os.environ)
    if options.output:
        print_or_write(f"{build_marker(name)}\n{text}", "markdown", Path(options.output))
        return 0
    token = None if change is None else find_token(os.environ, change.forge)
    create = is_worth_a_comment(results)
    note = post_comment(change, name, text, create=create, token=token)
    if note.failed:
        print_or_write(text, "markdown", None)
        append_job_summary(format_summary(results, name, os.environ))
    print(sanitize_line(note.text), file=sys.stderr)
    return EXIT_NOT_JUDGED if note.failed and options.strict else 0


def load_joined_report(paths: Sequence[Path], fail_under: float | None = None) -> Mapping[str, Any]:
    """Return one JSON report, or that of several joined, as `combine` does.

    Raises: ReportError where one is not a report, SettingsError where one is a history.
    """
    if len(paths) == 1 and fail_under is None:
        return read_own_report(paths[0]).document
    sources = read_report_files(iter(paths))
    refuse_histories(sources)
    return build_report_document(merge_reports(sources, fail_under=fail_under))


def find_change_base(change: Change | None, folder: Path) -> str | None:
    """Return the revision of the target of a change, None where the job is about no change.

    Raises: GitError where this clone does not have it, or has something else checked out.
    """
    if change is None or not change.bases:
        return None
    git.require_repository(folder)
    if change.head is not None and not _is_checked_out(change.head, folder):
        cause = f"HEAD is not this change, whose newest commit is {change.head[:9]}"
        remedy = (
            f"check it out, as a workflow on pull_request does, with its history ({DEPTH_REMEDY})"
        )
        raise git.build_git_error(cause, remedy)
    for name in change.bases:
        if git.resolve_commit(folder, name) is not None:
            return name
    cause = f"{change.bases[0]}, the base of this change, is not in this clone"
    remedy = f"fetch the history of the base too ({DEPTH_REMEDY})"
    raise git.build_git_error(cause, remedy)


def _is_checked_out(commit: str, folder: Path) -> bool:
    """Say whether HEAD is a commit, or contains it.

    HEAD of a shallow clone may be the merge of the commit, whose parents are missing.
    """
    head = git.read_head_commit(folder)
    if git.has_missing_parents(folder, head):
        return True
    known = git.resolve_commit(folder, commit)
    return known is not None and git.find_merge_base(folder, known, head) == known


def is_report_path(base: str) -> bool:
    """Say whether a base is the file of a report, and no revision."""
    return base.endswith(".json")


def compare_change(
    arguments: Sequence[str], base: str, report: Mapping[str, Any] | None
) -> Comparison:
    """Compare a change with its base: with a report of it, or else with a revision.

    Raises:
        ReportError: The base is a file that is not a report.
        SettingsError: The base is unknown.
        GitError: Git can't give the data to compare.
        RegistryError: The registry is broken.
    """
    if is_report_path(base):
        if report is None:
            problem = Problem(
                "report-file",
                "Couldn't compare",
                f"{base!r} is a report, and there is none of the change",
                "give its report too",
            )
            raise ReportError([problem])
        return compare_reports(read_own_report(Path(base)).document, report)
    return compare_with_base(arguments, base)


def format_problem(problem: Problem) -> str:
    """Return in one line what failed, where and why, and what to do."""
    return "; ".join(part.strip() for part in str(problem).splitlines()[:-1])


def format_comment(
    results: ChangeResults, name: str, change: Change | None, environment: Mapping[str, str]
) -> str:
    """Return the text for a forge, without the secrets of the job."""
    most = MAX_COMMENT_SIZES["GitHub" if change is None else change.forge] - MARKER_SIZE
    return build_environment_redactor(environment)(render_comment(results, most, name))


def format_summary(results: ChangeResults, name: str, environment: Mapping[str, str]) -> str:
    """Return the text for the summary of a job, which may be longer than a comment."""
    text = render_comment(results, MAX_SUMMARY_SIZE, name)
    if len(text.encode(errors="replace")) > MAX_SUMMARY_SIZE:
        text = render_comment(results, MAX_SUMMARY_SIZE // 4, name)  # a character has 4 bytes
    return build_environment_redactor(environment)(text)


def find_comment_name(given: str | None) -> str:
    """Return the name of a comment: the given one, else the path of the current folder in the
    repository, which is empty at its top.
    """
    if given is not None:
        return given
    return find_path_in_repository(Path.cwd())


class CommentNote(NamedTuple):
    """What became of a comment in one line, and whether it could not be written."""

    text: str
    failed: bool = False


def post_comment(
    change: Change | None, name: str, text: str, *, create: bool, token: str | None
) -> CommentNote:
    """Write a text into our comment on a change, and say what became of it."""
    if change is None:
        return CommentNote("Not commented: this is not a job of GitHub or GitLab", failed=True)
    if change.number is None:
        return CommentNote("Not commented: this job is about no pull or merge request", failed=True)
    try:
        done = publish_comment(change, token, name, text, create=create)
    except CommentError as error:
        return CommentNote(f"Couldn't comment on {change}: {error}", failed=True)
    reason = ": nothing to report" if done == "not needed" else ""
    return CommentNote(f"Comment on {change} {done}{reason}")


def read_proofs_document(path: Path) -> list[Mapping[str, Any]]:
    """Read the proofs that ``prove --report=json`` has written.

    Raises: ReportError where it has not.
    """
    try:
        document = json.loads(path.read_bytes())
        proofs = [_check_proof(proof) for proof in document["proofs"]]
    except OSError as error:
        raise _build_proofs_error(path, (error.strerror or str(error)).lower()) from None
    except (ValueError, RecursionError, LookupError, TypeError):
        raise _build_proofs_error(path, "it has no proofs in JSON") from None
    return proofs


def _check_proof(proof: Any) -> Mapping[str, Any]:
    """Return a proof whose fields are of their types.

    Raises: TypeError where one is not, LookupError where one is missing.
    """
    tests = [
        {name: _check_text(test[name]) for name in ("nodeid", "verdict")} for test in proof["tests"]
    ]
    if proof["verdict"] not in VERDICTS:
        raise TypeError
    return {
        **{name: _check_text(proof[name]) for name in ("id", "title", "verdict", "message")},
        "tests": tests,
    }


def _check_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _build_proofs_error(path: Path, cause: str) -> ReportError:
    remedy = "give a file that `pytest-postmortem prove --report=json:PATH` has written"
    return ReportError([Problem("report-file", REPORT_UNREADABLE, cause, remedy, str(path))])
