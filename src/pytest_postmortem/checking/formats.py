"""What a check came to, in the formats of other tools: JSON, GitHub, GitLab and SARIF.

GitLab: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format;
SARIF: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html, as far as
https://docs.github.com/en/code-security/reference/code-scanning/sarif-files/sarif-support uses it.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from pytest_postmortem import __version__
from pytest_postmortem.checking.checked import Checked
from pytest_postmortem.checking.rules import RULES
from pytest_postmortem.model import Finding
from pytest_postmortem.reports.github import annotation

__all__ = ["render"]

FORMAT = 1
NAME = "pytest-postmortem"
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

GITLAB = {"error": "major", "warning": "minor"}
"""How grave a finding is for GitLab."""


def render(type: str, checked: Checked, fallback: str) -> str:
    """Return a check as ``json``, ``github``, ``gitlab`` or ``sarif``.

    ``fallback`` is the path, from the top of the repository, of what stands at no place.
    """
    if type == "github":
        lines = (_annotation(finding, checked.root) for finding in checked.findings)
        return "".join(f"{line}\n" for line in lines)
    made = {"json": _json, "gitlab": _gitlab, "sarif": _sarif}[type](checked, fallback)
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def _file(finding: Finding, root: str) -> str | None:
    """Return a path from the top of the repository, None for what lies in none."""
    if finding.path is None or ":" in finding.path.split("/")[0]:
        return None
    path = posixpath.normpath(posixpath.join(root, finding.path))
    return None if path.startswith(("../", "/")) else path


def _annotation(finding: Finding, root: str) -> str:
    file = _file(finding, root)
    text = finding.message if file or not finding.path else str(finding)
    return annotation(finding.severity, file, finding.line, finding.code, text)


def _json(checked: Checked, fallback: str) -> Mapping[str, Any]:
    return {
        "format": FORMAT,
        "tool": {"name": NAME, "version": __version__},
        "root": checked.root,
        "postmortems": checked.postmortems,
        "files": checked.files,
        "findings": [asdict(finding) for finding in checked.findings],
        "unjudged": list(checked.unjudged),
        "unknown": list(checked.unknown),
    }


def _prints(checked: Checked) -> Iterator[tuple[Finding, str]]:
    """Yield the findings, each with what stays the same when lines move, and is its own."""
    seen: Counter[str] = Counter()
    for finding in checked.findings:
        text = f"{finding.code}\0{finding.path}\0{finding.message}"
        seen[text] += 1
        data = f"{text}\0{seen[text]}".encode(errors="surrogatepass")
        yield finding, hashlib.sha256(data).hexdigest()[:32]


def _gitlab(checked: Checked, fallback: str) -> list[Mapping[str, Any]]:
    return [
        {
            "description": finding.message,
            "check_name": finding.code,
            "fingerprint": fingerprint,
            "severity": GITLAB[finding.severity],
            "location": {
                "path": _file(finding, checked.root) or fallback,
                "lines": {"begin": finding.line or 1},
            },
        }
        for finding, fingerprint in _prints(checked)
    ]


def _sarif(checked: Checked, fallback: str) -> Mapping[str, Any]:
    codes = sorted({finding.code for finding in checked.findings})
    tool = {"driver": {"name": NAME, "version": __version__, "rules": [*map(_rule, codes)]}}
    results = [
        {
            "ruleId": finding.code,
            "ruleIndex": codes.index(finding.code),
            "level": finding.severity,
            "message": {"text": finding.message},
            "locations": [_location(finding, checked.root, fallback)],
            "partialFingerprints": {f"{NAME}/v{FORMAT}": fingerprint},
        }
        for finding, fingerprint in _prints(checked)
    ]
    done = {"executionSuccessful": not checked.unjudged}
    run = {
        "tool": tool,
        "invocations": [done],
        "results": results,
        "columnKind": "unicodeCodePoints",
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str) -> Mapping[str, Any]:
    page = "lint" if code in RULES else "messages"
    return {
        "id": code,
        "shortDescription": {"text": RULES.get(code, code)},
        "help": {"text": f"See docs/reference/{page}.md#{code} of {NAME}"},
        "defaultConfiguration": {"level": "warning" if code in RULES else "error"},
    }


def _location(finding: Finding, root: str, fallback: str) -> Mapping[str, Any]:
    file = _file(finding, root) or fallback
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(file, errors="surrogateescape")},
            "region": {"startLine": finding.line or 1},
        }
    }
