"""Render a check for other tools: JSON, GitHub, GitLab and SARIF.

GitLab: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format;
SARIF: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html, as far as
https://docs.github.com/en/code-security/reference/code-scanning/sarif-files/sarif-support uses it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pytest_postmortem import __version__
from pytest_postmortem.lint.rules import LINT_RULES
from pytest_postmortem.model import Finding, format_count
from pytest_postmortem.reports.github import find_path_from_top, format_annotation
from pytest_postmortem.reports.json_report import format_json_document
from pytest_postmortem.text import sanitize_line

MAX_LISTED_UNKNOWN = 3
"""The number of listed incidents whose tests only a run shows."""


@dataclass(frozen=True, slots=True)
class LintResult:
    """The findings of a check, the reasons why something was not judged, and the counts.

    ``root`` is the path of the rootdir in its repository, from which all paths begin;
    ``unknown`` are incidents whose tests only a run shows, and ``notes`` say which files of the
    registry are not read; neither fails a check.
    """

    findings: tuple[Finding, ...] = ()
    unjudged: tuple[str, ...] = ()
    postmortems: int = 0
    files: int = 0
    root: str = ""
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def count(self, severity: str) -> int:
        """Return how many findings are of a severity."""
        return sum(finding.severity == severity for finding in self.findings)


def render_lint_text(checked: LintResult) -> str:
    """Return the findings, one line each with its location first, and a line of counts."""
    lines = [
        *map(_format_finding_line, checked.findings),
        *(f"not judged: {reason}" for reason in checked.unjudged),
        *_format_unknown_lines(checked),
        *(f"note: {note}" for note in checked.notes),
        _format_lint_summary(checked),
    ]
    return "".join(f"{sanitize_line(line)}\n" for line in lines)


def _format_finding_line(finding: Finding) -> str:
    place = finding.path or "registry"
    line = f":{finding.line}" if finding.path and finding.line is not None else ""
    return f"{place}{line}: {finding.severity}: {finding.message} [{finding.code}]"


def _format_unknown_lines(checked: LintResult) -> Iterator[str]:
    """Yield lines about incidents whose tests only a run shows, and the number of others."""
    omitted = len(checked.unknown) - MAX_LISTED_UNKNOWN
    yield from (f"unknown: {reason}" for reason in checked.unknown[:MAX_LISTED_UNKNOWN])
    if omitted > 0:
        yield f"unknown: the same for {format_count(omitted)} more"
    if checked.unknown:
        yield "`pytest-postmortem check --collect` asks pytest itself"


def _format_lint_summary(checked: LintResult) -> str:
    if not (checked.postmortems or checked.files or checked.findings):
        return "Nothing to check: no post-mortem and no test file"
    looked = (
        f"{format_count(checked.postmortems, 'post-mortem')} and "
        f"{format_count(checked.files, 'test file')}"
    )
    counts = {severity: checked.count(severity) for severity in ("error", "warning")}
    wrong = ", ".join(format_count(count, name) for name, count in counts.items() if count)
    return f"{wrong or 'Nothing wrong'} in {looked}"


LINT_FORMAT = 1
TOOL_NAME = "pytest-postmortem"
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

GITLAB_SEVERITIES = {"error": "major", "warning": "minor"}
"""GitLab's names for our severities."""


def render_lint_annotations(checked: LintResult) -> str:
    """Return the findings as annotations of GitHub."""
    lines = (_format_lint_annotation(finding, checked.root) for finding in checked.findings)
    return "".join(f"{line}\n" for line in lines)


def render_lint_json(checked: LintResult) -> str:
    """Return the result of a check as JSON."""
    document = {
        "format": LINT_FORMAT,
        "tool": {"name": TOOL_NAME, "version": __version__},
        "root": checked.root,
        "postmortems": checked.postmortems,
        "files": checked.files,
        "findings": [finding._asdict() for finding in checked.findings],
        "unjudged": list(checked.unjudged),
        "unknown": list(checked.unknown),
        "notes": list(checked.notes),
    }
    return format_json_document(document)


def render_lint_gitlab(checked: LintResult, fallback: str) -> str:
    """Return the findings as a code quality report of GitLab.

    ``fallback`` is the path, from the top of the repository, of a finding without a path in it.
    """
    report = [
        {
            "description": finding.message,
            "check_name": finding.code,
            "fingerprint": fingerprint,
            "severity": GITLAB_SEVERITIES[finding.severity],
            "location": {
                "path": find_path_from_top(checked.root, finding.path) or fallback,
                "lines": {"begin": finding.line or 1},
            },
        }
        for finding, fingerprint in _fingerprint_findings(checked)
    ]
    return format_json_document(report)


def render_lint_sarif(checked: LintResult, fallback: str) -> str:
    """Return the findings as SARIF; ``fallback`` as in `render_lint_gitlab`."""
    codes = sorted({finding.code for finding in checked.findings})
    rules = [*map(_build_sarif_rule, codes)]
    results = [
        {
            "ruleId": finding.code,
            "ruleIndex": codes.index(finding.code),
            "level": finding.severity,
            "message": {"text": finding.message},
            "locations": [_build_sarif_location(finding, checked.root, fallback)],
            "partialFingerprints": {f"{TOOL_NAME}/v{LINT_FORMAT}": fingerprint},
        }
        for finding, fingerprint in _fingerprint_findings(checked)
    ]
    run = {
        "tool": {"driver": {"name": TOOL_NAME, "version": __version__, "rules": rules}},
        "invocations": [{"executionSuccessful": not checked.unjudged}],
        "results": results,
        "columnKind": "unicodeCodePoints",
    }
    return format_json_document({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def _format_lint_annotation(finding: Finding, root: str) -> str:
    file = find_path_from_top(root, finding.path)
    text = finding.message if file or not finding.path else str(finding)
    return format_annotation(finding.severity, file, finding.line, finding.code, text)


def _fingerprint_findings(checked: LintResult) -> Iterator[tuple[Finding, str]]:
    """Yield the findings with fingerprints that are unique and don't depend on lines."""
    text_counts: Counter[str] = Counter()
    for finding in checked.findings:
        text = f"{finding.code}\0{finding.path}\0{finding.message}"
        text_counts[text] += 1
        data = f"{text}\0{text_counts[text]}".encode(errors="surrogatepass")
        yield finding, hashlib.sha256(data).hexdigest()[:32]


def _build_sarif_rule(code: str) -> Mapping[str, Any]:
    return {
        "id": code,
        "shortDescription": {"text": LINT_RULES[code].description if code in LINT_RULES else code},
        "help": {"text": f"See `{TOOL_NAME} explain {code}`"},
        "defaultConfiguration": {"level": "warning" if code in LINT_RULES else "error"},
    }


def _build_sarif_location(finding: Finding, root: str, fallback: str) -> Mapping[str, Any]:
    file = find_path_from_top(root, finding.path) or fallback
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(file, errors="surrogateescape")},
            "region": {"startLine": finding.line or 1},
        }
    }
