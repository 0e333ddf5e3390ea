"""How fast `pytest-postmortem scan` is, how often it is right, and whether `--apply` is safe.

Measured on test suites that somebody else wrote and that are installed with their package. The
registry is made of the numbers that those tests mention, so that everything is looked for that
can be found. Install the packages beside pytest-postmortem in a virtual environment of
their own, and run it there:

    python -m pip install numpy pandas sympy hypothesis
    python benchmarks/scanning.py numpy https://github.com/numpy/numpy/issues/
    python benchmarks/scanning.py pandas https://github.com/pandas-dev/pandas/issues/
    python benchmarks/scanning.py sympy https://github.com/sympy/sympy/issues/

prints time and counts. To judge whether the suggestions are right, read a sample of them, the
same one for the same seed, and count yourself: does this test really speak of that issue as its
own subject?

    python benchmarks/scanning.py pandas URL --sample 70 --strength likely --seed 77

With `--apply` the package is copied, marked, and collected before and after; that is to give the
same tests, each with its ids, and a second run has nothing left to write. `--prefix GH-` makes
ids such as GH-123 of the numbers.

With `--cost` the nine files with the most numbers are read in this process, in turns with
``ast.parse`` of the same files, and the ratio of the CPU times is printed with its goal; so are
those for a registry of three of its numbers, and of one that no file has:

    python benchmarks/scanning.py test https://github.com/python/cpython/issues/ --cost
"""

from __future__ import annotations

import argparse
import ast
import gc
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pytest_postmortem.model import Postmortem, Registry
from pytest_postmortem.scan.mentions import find_mentioning_tests
from pytest_postmortem.scan.search_index import SearchIndex, build_search_index

MENTIONED = re.compile(
    r"(?:gh|issues?|bug|ticket|pr|pull|bpo|#)[\s/_:#.-]{0,3}(?:issues?\s*)?#?(\d{2,6})(?!\d)",
    re.IGNORECASE,
)
"""Far more than a scan takes for a reference, so that it has something to be wrong about."""

GOAL = 1.3
"""A scan takes at most so many times as long as parsing the same files."""

TURNS = 7

COLLECTED = """
def pytest_collection_finish(session):
    with open({path!r}, "w") as file:
        for item in session.items:
            ids = sorted(str(id) for mark in item.iter_markers("postmortem") for id in mark.args)
            print(item.nodeid, *ids, sep="\\t", file=file)
"""


def registry(folder: Path, url: str, prefix: str) -> str:
    """Return a registry of all numbers that the test files below a folder mention."""
    files = folder.rglob("test_*.py")
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in files)
    numbers = {str(int(found[1])) for text in texts for found in MENTIONED.finditer(text)}
    rows = (f"- {{id: '{prefix}{n}', url: '{url}{n}'}}\n" for n in sorted(numbers, key=int))
    return "postmortems:\n" + "".join(rows)


def run(home: Path, folder: Path, *arguments: str) -> str:
    """Run a scan of a folder, and return what it printed."""
    command = [sys.executable, "-m", "pytest_postmortem", "scan", "-c", str(home / "pytest.ini")]
    command += ["--rootdir", str(folder.parent), *arguments, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1) or done.stderr:
        raise SystemExit(done.stdout[-2000:] + done.stderr)
    return done.stdout


def scan(home: Path, folder: Path) -> list[Mapping[str, Any]]:
    """Scan a folder, print time and counts, and return the suggestions."""
    start = time.perf_counter()
    document = json.loads(run(home, folder, "--report=json"))
    seconds = time.perf_counter() - start
    found: list[Mapping[str, Any]] = document["suggestions"]
    counts = Counter(each["strength"] for each in found)
    print(f"{folder.name}: {document['files']} files in {seconds:.1f} s, {dict(counts)}")
    return found


def list_numbers(path: Path) -> set[str]:
    """Return the numbers that a file mentions."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return {str(int(found[1])) for found in MENTIONED.finditer(text)}


def measure_ratio(files: Sequence[bytes], index: SearchIndex) -> float:
    """Return the CPU time of a scan of files by that of parsing them: the median of some turns."""
    ratios = []
    for _ in range(TURNS):
        times = []
        for read in (ast.parse, partial(find_mentioning_tests, index=index, names={"postmortem"})):
            gc.collect()
            start = time.process_time()
            for data in files:
                read(data)
            times.append(time.process_time() - start)
        ratios.append(times[1] / times[0])
    return statistics.median(ratios)


def print_cost(folder: Path, url: str, prefix: str) -> None:
    """Print the ratios for registries of all numbers, of few, and of one that no file has."""
    by_file = {path: list_numbers(path) for path in sorted(folder.rglob("test_*.py"))}
    numbers = sorted(set().union(*by_file.values()), key=int)
    files = sorted(by_file, key=lambda path: -len(by_file[path]))[:9]
    contents = [path.read_bytes() for path in files]
    print(f"{len(files)} files, {sum(map(len, contents)) / 1e6:.1f} MB; goal: {GOAL}")
    for ids in (numbers, [*numbers[-3:]], ["999999937"]):
        some = tuple(Postmortem(f"{prefix}{n}", n, f"{url}{n}") for n in ids)
        index = build_search_index(Registry(some, {each.id.casefold(): each for each in some}))
        print(f"{len(ids)} ids: {measure_ratio(contents, index):.2f} times parsing")


def show(folder: Path, some: Iterable[Mapping[str, Any]]) -> None:
    """Print suggestions with the code around their evidence."""
    for n, each in enumerate(some, start=1):
        line = each["evidence"]["line"]
        path = folder.parent / each["path"]
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        print(f"\n[{n}] {each['id']}: {each['why']}\n    {each['tests'][0]}")
        for number in range(max(line - 2, 1), min(line + 3, len(lines) + 1)):
            print(f"    {'>' if number == line else ' '} {lines[number - 1]}")


def collected(home: Path, folder: Path) -> dict[str, list[str]]:
    """Return the tests that pytest collects below a folder, with the ids of their markers."""
    path = home / "items.txt"
    (home / "collected.py").write_text(COLLECTED.format(path=str(path)))
    (home / "collect.ini").write_text("[pytest]\nmarkers =\n    slow: one of the suites' own\n")
    command = [sys.executable, "-m", "pytest", "-p", "collected", "-p", "no:cacheprovider"]
    command += ["-c", str(home / "collect.ini"), "--rootdir", str(folder.parent)]
    command += ["--collect-only", "-qq", "--continue-on-collection-errors", str(folder)]
    paths = os.pathsep.join([str(home), str(folder.parent)])
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, check=False
    )
    if not path.exists():
        raise SystemExit(done.stdout[-2000:] + done.stderr)
    rows = (line.split("\t") for line in path.read_text().splitlines())
    return {nodeid: ids for nodeid, *ids in rows}


def apply(home: Path, folder: Path, found: Iterable[Mapping[str, Any]]) -> None:
    """Mark a copy of a package, and print whether its tests are the same as before."""
    copy = home / "copy" / folder.name
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("__pycache__"))
    libraries = folder.with_name(f"{folder.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, copy.with_name(libraries.name))
    before = collected(home, copy)
    print(run(home, copy, "--apply", "--report=json:" + str(home / "scan.json")), end="")
    after = collected(home, copy)
    wanted: dict[str, set[str]] = {}
    for each in found:
        for nodeid in each["tests"] if each["strength"] == "likely" else ():
            wanted.setdefault(nodeid, set()).add(each["id"])
    lacking = [
        nodeid
        for nodeid, ids in after.items()
        if not wanted.get(nodeid.partition("[")[0], set()) <= set(ids)
    ]
    marked = sum(bool(ids) for ids in after.values())
    print(f"{len(before)} tests before, the same after: {list(before) == list(after)}")
    print(f"{marked} of them carry the marker, {len(lacking)} lack an id")
    again = run(home, copy, "--apply", "--report=json:" + str(home / "scan.json"))
    print(f"a second run: {again}", end="")


def main() -> None:
    """Measure one package."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("package", help="an installed package that has its tests with it")
    parser.add_argument("url", help="the address of an issue, without its number")
    parser.add_argument("--prefix", default="", help="what stands before a number in an id")
    parser.add_argument("--sample", type=int, default=0, help="print so many suggestions to judge")
    parser.add_argument("--strength", default="likely", help="of this strength")
    parser.add_argument("--seed", type=int, default=0, help="which sample")
    parser.add_argument("--cost", action="store_true", help="print the ratio to parsing")
    parser.add_argument("--apply", action="store_true", help="mark a copy, and compare")
    options = parser.parse_args()
    spec = find_spec(options.package)
    if spec is None or spec.origin is None:
        parser.error(f"{options.package} is not installed")
    folder = Path(spec.origin).parent
    if options.cost:
        print_cost(folder, options.url, options.prefix)
        return
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        (home / "pm.yml").write_text(registry(folder, options.url, options.prefix))
        (home / "pytest.ini").write_text("[pytest]\npostmortem_registry = pm.yml\n")
        found = scan(home, folder)
        if options.sample:
            own = [each for each in found if each["strength"] == options.strength]
            show(folder, random.Random(options.seed).sample(own, min(options.sample, len(own))))
        if options.apply:
            apply(home, folder, found)


if __name__ == "__main__":
    main()
