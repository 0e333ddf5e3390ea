"""How often `scan` finds the fix of a public incident, and the tests that came with it.

    python benchmarks/adoption/evaluate.py FOLDER [REPOSITORY...] [--clone] [--prove]

reads `corpus.json`: incidents of public repositories, with the fix and the tests that were found by
hand. FOLDER has a full clone of each, as OWNER+NAME; `--clone` clones those that are missing, and
checks out the commit of the corpus. The three steps are judged separately: the fix of incidents,
the tests that came with a fix that is right, and where those tests are today. `--prove` also runs
them, in the environment of this Python, into which the repository has to be installed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

from pytest_postmortem.cli.fix_scanner import FixScanner
from pytest_postmortem.cli.git_project import open_checkout
from pytest_postmortem.cli.prove_cases import ProveRequest
from pytest_postmortem.model import Postmortem
from pytest_postmortem.pysource.marker_index import LinkedIncident
from pytest_postmortem.scan.findings import FixFinding, FixScan
from pytest_postmortem.scan.fix_tests import FixTest
from pytest_postmortem.scan.incident_fixes import IncidentFix

CORPUS = Path(__file__).with_name("corpus.json")

Incident = dict[str, Any]


def build_postmortem(incident: Incident, root: Path) -> Postmortem:
    """Return the incident as a registry would have it."""
    document = incident.get("document")
    line = None
    if document and incident.get("row"):
        text = (root / document).read_text(encoding="utf-8")
        pattern = re.compile(rf"\|\s*\[?{re.escape(incident['incident'])}(?![\w-])")
        rows = (n for n, row in enumerate(text.split("\n"), 1) if pattern.match(row))
        line = next(rows)
    return Postmortem(
        incident["incident"],
        incident["incident"],
        path=document,
        line=line,
        aliases=tuple(incident["aliases"]),
        references=tuple(incident.get("references", ())),
    )


def judge_fix(incident: Incident, fix: IncidentFix) -> str:
    """Return what the fix that was found is, compared with the one that is known."""
    known = {each for each in (incident["fix"], *incident["also"]) if each}
    found = [commit.id for commit in fix.commits]
    right = [any(id.startswith(each) for each in known) for id in found]
    if not found:
        return "missed" if known else "none, rightly"
    return "right" if all(right) else "partly right" if any(right) else "wrong"


def judge_tests(incident: Incident, tests: list[FixTest], counts: Counter[str]) -> None:
    """Count the tests that were found, those that are known, and those in both."""
    known = {(each["path"], each["name"]): each for each in incident["tests"]}
    found = {(test.path, test.names.replace("::", ".")): test for test in tests}
    counts["found"] += len(found)
    counts["found and known"] += len(found.keys() & known.keys())
    for key in found.keys() - known.keys():
        print(f"    not known: {key[0]}::{key[1]}")
    for key, each in known.items():
        counts[each["kind"]] += 1
        counts[f"{each['kind']}, found"] += key in found
        if key not in found:
            print(f"    not found: {key[0]}::{key[1]}")
            continue
        test = found[key]
        today = f"{test.path_today}::{test.names_today}" if test.path_today else None
        counts["followed" if today == each["at_head"] else "lost"] += 1
        if today != each["at_head"]:
            print(f"    is {today}, and not {each['at_head']}")


def prove_tests(
    scanner: FixScanner, incidents: list[Incident], scan: FixScan, counts: Counter[str]
) -> None:
    """Run the tests of fixes, and compare the outcome with the one that is known."""
    scan = scanner.prove_findings(scan, ProveRequest())
    for incident, finding in zip(incidents, scan.findings, strict=True):
        if not finding.was_run:
            continue
        words = Counter(test.word for test in finding.tests)
        counts.update({f"tests {word}": count for word, count in words.items()})
        counts["incidents run"] += 1
        counts["incidents proven"] += finding.is_proven
        known = incident.get("proven")
        is_hollow = words.keys() == {"passes without it"}
        agrees = not (known is False and finding.is_proven) and not (known and is_hollow)
        counts["contradicts what is known"] += not agrees
        print(f"  {incident['incident']}: {dict(words)} {'' if agrees else f'KNOWN: {known}'}")
        print(f"      {finding.message[:150]}")


def evaluate_repository(
    folder: Path, incidents: list[Incident], counts: Counter[str], *, prove: bool
) -> None:
    """Judge all incidents of one repository."""
    os.chdir(folder)
    start = time.perf_counter()
    with open_checkout([f"--rootdir={folder}"]) as checkout:
        scanner = FixScanner(checkout)
        postmortems = [build_postmortem(each, folder) for each in incidents]
        fixes = scanner.find_fixes(postmortems)
        tests = scanner.find_tests(fixes)
        seconds = time.perf_counter() - start
        print(f"{folder.name}: {len(scanner.index.commits)} commits, {seconds:.1f} s")
        for incident, fix in zip(incidents, fixes, strict=True):
            verdict = judge_fix(incident, fix)
            named = "named" if incident["names_fix"] else "not named"
            counts[f"{named}: {verdict}"] += 1
            print(f"  {incident['incident']}: {verdict} ({fix.source})")
            if verdict in ("right", "partly right"):
                judge_tests(incident, list(tests[fix.id]), counts)
        if prove:
            findings: list[FixFinding] = [
                scanner.build_finding(postmortem, fix, tests[fix.id], LinkedIncident(fix.id), ())
                for postmortem, fix in zip(postmortems, fixes, strict=True)
            ]
            prove_tests(scanner, incidents, FixScan(tuple(findings)), counts)


def clone_repository(name: str, head: str, folder: Path) -> None:
    """Clone a repository from GitHub, and check a commit out."""
    subprocess.run(["git", "clone", f"https://github.com/{name}", str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "checkout", "--detach", head], check=True)


def main() -> None:
    """Judge the repositories of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("repositories", nargs="*")
    parser.add_argument("--clone", action="store_true")
    parser.add_argument("--prove", action="store_true")
    options = parser.parse_args()
    corpus = json.loads(CORPUS.read_text(encoding="utf-8"))
    counts: Counter[str] = Counter()
    for name in dict.fromkeys(each["repository"] for each in corpus):
        if options.repositories and name not in options.repositories:
            continue
        folder = options.folder.resolve() / name.replace("/", "+")
        incidents = [each for each in corpus if each["repository"] == name]
        if not folder.exists() and options.clone:
            clone_repository(name, incidents[0]["head"], folder)
        evaluate_repository(folder, incidents, counts, prove=options.prove)
    for key, count in sorted(counts.items()):
        print(f"{count:5}  {key}")


if __name__ == "__main__":
    main()
