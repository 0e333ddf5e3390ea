"""The plugin on a suite that somebody else wrote: spaCy's, with its own ``@pytest.mark.issue(N)``.

Run by ``nox -s real`` where spaCy, hypothesis and mock are installed. The registry is made from
the numbers that the suite's own decorators name, read from its source and not by this plugin.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

EXPECTED = {
    "3.8.18": {"items": 267, "ids": 188, "guarded": 178, "skipped": 8, "known-broken": 2},
}
TRACKER = "https://github.com/explosion/spaCy/issues/"
MARK = ("-o", "markers=issue(number): an issue", "-o", "postmortem_markers=issue")
QUIET = ("-q", "-p", "no:cacheprovider", "-W", "ignore", "--tb=line", "--rootdir=.")


def numbers(package: Path) -> list[str]:
    """Return the numbers that the decorators of a package name, each once, in order."""
    found = {str(number) for path in package.rglob("*.py") for number in _marked(path)}
    return sorted(found, key=int)


def _marked(path: Path) -> Iterator[object]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.issue":
            yield from (each.value for each in node.args if isinstance(each, ast.Constant))


def run(folder: Path, *arguments: str) -> tuple[str, Mapping[str, Any]]:
    """Run pytest in a folder; return what it printed and the JSON report."""
    command = [sys.executable, "-m", "pytest", *QUIET, *MARK, "--postmortem-report=json:r.json"]
    done = subprocess.run(
        [*command, "--postmortem-report=term", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if done.returncode not in (0, 1):
        raise SystemExit(done.stdout + done.stderr)
    report: Mapping[str, Any] = json.loads((folder / "r.json").read_text(encoding="utf-8"))
    return done.stdout, report


def figures(printed: str, report: Mapping[str, Any]) -> dict[str, int]:
    """Return how many tests ran, and how many incidents are in which state."""
    counts = re.findall(
        r"(\d+) (?:passed|failed|skipped|xfailed|xpassed)", printed.splitlines()[-1]
    )
    states = Counter(incident["state"] for incident in report["incidents"])
    return {"items": sum(map(int, counts)), "ids": len(report["incidents"]), **states}


def check(name: str, found: object, expected: object) -> bool:
    """Print a comparison, and return whether it holds."""
    holds = found == expected
    print(f"{'ok ' if holds else 'NOT'} {name}: {found}" + ("" if holds else f", not {expected}"))
    return holds


def main() -> int:
    """Make the comparisons; the exit status says whether all of them hold."""
    spec = importlib.util.find_spec("spacy")
    if spec is None or spec.origin is None:
        raise SystemExit("spaCy is not installed")
    package = Path(spec.origin).parent
    expected = EXPECTED[version("spacy")]
    with tempfile.TemporaryDirectory() as folder:
        return 0 if all([*_checks(Path(folder), package, expected)]) else 1


def _checks(folder: Path, package: Path, expected: Mapping[str, int]) -> Iterator[bool]:
    entries = [{"id": number, "url": f"{TRACKER}{number}"} for number in numbers(package)]
    (folder / "issues.json").write_text(json.dumps(entries))
    known = ("--postmortem-registry=issues.json", "-o", f"postmortem_suite={package}")
    template = ("-o", f"postmortem_url_template={TRACKER}{{id}}")
    suite = ("--pyargs", "spacy", "-m", "issue")
    last = "178 of 188 incidents guarded (94.6 %), 188 linked"
    yield from _same(folder, "registry", (*known, *suite), expected, last)
    last = "178 of 188 linked incidents guarded; no registry, so no gap is claimed"
    yield from _same(folder, "template", (*template, *suite), expected, last)

    _, report = run(folder, *known, *suite, "-k", "issue1")
    yield check("-k: gaps", _gaps(report), 0)
    yield check("-k: linked", report["totals"]["linked"], expected["ids"])
    path = package / "tests" / "tokenizer" / "test_tokenizer.py"
    _, report = run(folder, *known, str(path))
    yield check("one file: gaps", _gaps(report), 0)
    yield check("one file: scope", report["scope"]["kind"], "partial")
    name = next(_linked(report)).partition("::")[2]
    _, report = run(folder, *known, f"{path}::{name}")
    yield check("one node id: gaps", _gaps(report), 0)
    yield check("one node id: reasons", report["scope"]["reasons"], ["1 node id given"])


def _same(
    folder: Path, name: str, arguments: Sequence[str], expected: Mapping[str, int], last: str
) -> Iterator[bool]:
    """Compare a run alone and one with two workers with what is expected."""
    for workers in ((), ("-n2",)):
        printed, report = run(folder, *arguments, *workers)
        label = " ".join((name, *workers))
        yield check(label, figures(printed, report), dict(expected))
        yield check(f"{label}: last line", printed.splitlines()[-2], last)
        links = {incident["url"] == TRACKER + incident["id"] for incident in report["incidents"]}
        yield check(f"{label}: links", links, {True})


def _gaps(report: Mapping[str, Any]) -> int:
    return sum(incident["state"] == "unguarded" for incident in report["incidents"])


def _linked(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the node ids of the linked tests that a run collected."""
    return (test["nodeid"] for incident in report["incidents"] for test in incident["tests"])


if __name__ == "__main__":
    sys.exit(main())
