"""What the plugin and its peers cost a run of pytest, measured on the same suites.

    nox -s bench
    python benchmarks/cost.py [--jobs 2] [--parts instructions native]

Each plugin is in an environment of its own with what it requires; the anchor is pytest alone, in
an environment without any plugin, with the marker registered in its configuration. Instructions
are counted by valgrind, which repeats where seconds do not. The figures are those of
``benchmarks/cost.json``, from which ``docs/cost_page.py`` makes the page.

- instructions: a run of 20 tests, which is nearly all start, collection and report, and what 100
  more tests take.
- native: runs of 10,000 tests with 1,000 post-mortems, and with this plugin of ten times as many,
  alone and with two workers: the largest resident set, CPU seconds, and the seconds from the last
  report of a test to the end.

Not measured: plugins together, and tests that do something, of which each plugin is a smaller part.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from callgrind import WITHOUT_COLLECTOR, count_instructions, make_environment
from cost_suites import CONFTEST, Suite

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).with_suffix(".json")
PARTS = ("instructions", "native")

MARK = '@pytest.mark.postmortem("{id}")'


@dataclass(frozen=True)
class Plugin:
    """A plugin: what installs it, how it marks a test, and the options that put it in use."""

    name: str
    requirement: str
    arguments: tuple[str, ...]
    mark: str = MARK
    imports: str = "import pytest"
    registered: str = "postmortem"
    """The marker that the configuration registers, since the plugin does not."""

    more: tuple[str, ...] = ()
    """What is installed with it."""


BARE = Plugin("pytest", "pytest", ())
OURS = Plugin(
    "pytest-postmortem", str(ROOT), ("--postmortem-registry=registry.yml",), registered=""
)
EMPTY = Plugin("an empty plugin", str(ROOT), ())
"""Our distribution with its metadata and requirements, whose modules are empty."""

WITH_WORKERS = Plugin(
    "pytest-postmortem -n 2",
    str(ROOT),
    (*OURS.arguments, "-n2"),
    registered="",
    more=("pytest-xdist",),
)
PEERS = (
    Plugin(
        "pytest-verifies",
        "pytest-verifies",
        ("--verifies-baseline=registry.json",),
        mark='@verifies("{id}")',
        imports="import pytest\nfrom pytest_verifies import verifies",
    ),
    Plugin(
        "pytest-requirements",
        "pytest-requirements",
        (),
        mark='@pytest.mark.verifies_requirement("{id}")',
    ),
    Plugin("pytest-html", "pytest-html", ("--html=report.html", "--self-contained-html")),
    Plugin(
        "allure-pytest",
        "allure-pytest",
        ("--alluredir=allure", "--clean-alluredir"),
        mark='@allure.link("{id}")',
        imports="import pytest\nimport allure",
    ),
    Plugin("pytest-cov", "pytest-cov", ("--cov=.",)),
)

FEW, MANY = 20, 120
PLAIN = Suite("no test marked", FEW)
TENTH = Suite("10 % marked", FEW, marked=10)
SUITES = (
    PLAIN,
    TENTH,
    Suite("100 % marked", FEW, marked=1),
    Suite("10 % marked and failing", FEW, marked=10, failing=True),
    Suite("10 % marked, -v", FEW, marked=10, arguments=("-v",)),
)


@dataclass(frozen=True)
class Run:
    """One run whose instructions are counted."""

    plugin: Plugin
    suite: Suite
    used: bool = True
    bytecode: str = "kept"
    cache: str = "warm"
    collector: bool = True

    def describe(self) -> dict[str, Any]:
        """Return what tells it from all other runs."""
        return {
            "plugin": self.plugin.name,
            "suite": self.suite.name,
            "tests": self.suite.tests,
            "used": self.used,
            "bytecode": self.bytecode,
            "cache": self.cache,
            "collector": self.collector,
        }


@dataclass(frozen=True)
class Environments:
    """The environments of the plugins, below one folder."""

    folder: Path

    def make(self, plugin: Plugin, pytest: str) -> None:
        """Install a plugin, and what it requires, next to a version of pytest."""
        top = self.find_folder(plugin)
        if top.exists():
            return
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", top], check=True)
        pip = [sys.executable, "-m", "pip", "--python", str(self.find_python(plugin))]
        wanted = dict.fromkeys([pytest, plugin.requirement, *plugin.more])
        subprocess.run([*pip, "install", "--quiet", *wanted], check=True)
        if plugin is EMPTY:
            (package,) = top.glob("lib/python*/site-packages/pytest_postmortem")
            for module in package.rglob("*.py"):
                module.write_text("")

    def find_folder(self, plugin: Plugin) -> Path:
        """Return the top of a plugin's environment."""
        return self.folder / plugin.name.replace(" ", "-")

    def find_python(self, plugin: Plugin) -> Path:
        """Return the interpreter of a plugin's environment."""
        return self.find_folder(plugin) / "bin" / "python"

    def read_version(self, plugin: Plugin, name: str) -> str:
        """Return the version of a distribution in a plugin's environment."""
        code = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
        command = [str(self.find_python(plugin)), "-c", code, name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()


def name_bytecode(kind: str, empty: Path) -> Mapping[str, str]:
    """Return the variables of the environment for what bytecode there is."""
    return {
        "kept": {},
        # As in many images: what the installer has compiled is there, and nothing is added.
        "not written": {"PYTHONDONTWRITEBYTECODE": "1"},
        # Python looks for all bytecode in an empty folder, so the anchor has none either.
        "none": {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": str(empty)},
    }[kind]


def count_run(environments: Environments, run: Run) -> int:
    """Return the instructions of a run in a new folder, in which it has run before if warm."""
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as empty:
        folder = Path(name)
        plugin = run.plugin
        run.suite.write(folder, plugin.mark, plugin.imports, plugin.registered)
        arguments = (*run.suite.arguments, *(plugin.arguments if run.used else ()))
        how = ("-m", "pytest") if run.collector else WITHOUT_COLLECTOR
        command = [str(environments.find_python(plugin)), *how, *arguments]
        variables = name_bytecode(run.bytecode, Path(empty))
        if run.cache == "warm":
            for _ in range(2):
                subprocess.run(
                    command, cwd=folder, env=make_environment(variables), capture_output=True
                )
        statuses = (1,) if run.suite.failing else (0,)
        return count_instructions(command, folder, variables, statuses)


def list_runs() -> Iterator[Run]:
    """Yield the runs to count, what matters most first, and some more than once."""
    yield from list_slopes(TENTH, (BARE, OURS))
    for plugin in (BARE, OURS):
        yield Run(plugin, TENTH)
        yield Run(plugin, PLAIN, used=False)
        yield Run(plugin, TENTH, bytecode="none")
    yield Run(EMPTY, PLAIN, used=False)
    for plugin in PEERS:
        yield Run(plugin, TENTH)
        yield Run(plugin, PLAIN, used=False)
    yield from list_slopes(TENTH, PEERS)
    for suite in SUITES:
        yield from list_slopes(suite, (BARE, OURS))
    for plugin in (BARE, OURS):
        yield Run(plugin, TENTH, cache="cold")
    for plugin in (BARE, OURS, *PEERS):
        yield Run(plugin, TENTH, bytecode="not written")
    for bytecode in ("none", "not written"):
        for plugin in (BARE, EMPTY, OURS):
            yield Run(plugin, PLAIN, used=False, bytecode=bytecode)


def list_slopes(suite: Suite, plugins: Sequence[Plugin]) -> Iterator[Run]:
    """Yield the pairs of runs whose difference is what a test takes."""
    for plugin in plugins:
        for tests in (FEW, MANY):
            used = suite is not PLAIN
            yield Run(plugin, replace(suite, tests=tests), used=used, collector=False)


def measure_native(
    environments: Environments, plugin: Plugin, tests: int, used: bool
) -> dict[str, Any]:
    """Return memory, CPU seconds and the length of the end of a run outside of valgrind."""
    suite = Suite("", tests, marked=10 if used else 0, postmortems=tests // 10)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        suite.write(folder, plugin.mark, plugin.imports, plugin.registered)
        (folder / "conftest.py").write_text(CONFTEST)
        arguments = plugin.arguments if used else ()
        command = [str(environments.find_python(plugin)), "-m", "pytest", "-q", *arguments]
        begun = time.perf_counter()
        with (folder / "output.txt").open("w") as output:
            process = subprocess.Popen(
                command, cwd=folder, env=make_environment({}), stdout=output, stderr=output
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - begun
        if process.returncode:
            raise SystemExit((folder / "output.txt").read_text()[-2000:])
        wall, cpu = json.loads((folder / "end.json").read_text())
        return {
            "plugin": plugin.name,
            "used": used,
            "tests": tests,
            "kib": usage.ru_maxrss,
            "cpu": round(usage.ru_utime + usage.ru_stime, 2),
            "seconds": round(seconds, 2),
            "end": round(wall, 3),
            "end_cpu": round(cpu, 3),
        }


def measure_instructions(
    environments: Environments, jobs: int, rows: Iterable[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield what each run counted, so many at a time; what is in the rows is not counted again."""
    counted = {tuple(row.values())[:-1]: row["instructions"] for row in rows}

    def count(run: Run) -> dict[str, Any]:
        described = run.describe()
        instructions = counted.get(tuple(described.values())) or count_run(environments, run)
        return {**described, "instructions": instructions}

    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(count, dict.fromkeys(list_runs()))


def measure_native_runs(environments: Environments, jobs: int) -> Iterator[dict[str, Any]]:
    """Yield memory and time of large runs: first those of one process, so many at a time.

    The longest of them starts first, and the shorter ones run next to it.
    """
    single = [
        (OURS, 100_000, True),
        *((plugin, 10_000, True) for plugin in (OURS, BARE, *PEERS)),
        *((plugin, 10_000, False) for plugin in (BARE, OURS)),
    ]
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda run: measure_native(environments, *run), single)
    for tests in (10_000, 100_000):
        yield measure_native(environments, WITH_WORKERS, tests, used=True)


def write_part(part: str, versions: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write what was measured of one part; the other part stays as it is."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results[part] = {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "python": platform.python_version(),
        "versions": versions,
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def main() -> None:
    """Measure the parts, and write them into the file of results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--environments", type=Path, help="make them here, and use what is here")
    parser.add_argument("--resume", action="store_true", help="count only what is not in the file")
    options = parser.parse_args()
    known = json.loads(RESULTS.read_text())["instructions"]["rows"] if options.resume else ()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        environments = Environments(options.environments or Path(name))
        environments.make(BARE, "pytest")
        pytest = environments.read_version(BARE, "pytest")
        for plugin in (OURS, EMPTY, WITH_WORKERS, *PEERS):
            environments.make(plugin, f"pytest=={pytest}")
        print(f"environments: {time.monotonic() - begun:.0f} s", flush=True)
        versions = {
            plugin.name: environments.read_version(plugin, plugin.name)
            for plugin in (BARE, OURS, *PEERS)
        }
        for part in options.parts:
            rows = []
            for row in (
                measure_instructions(environments, options.jobs, known)
                if part == "instructions"
                else measure_native_runs(environments, options.jobs)
            ):
                print(f"{time.monotonic() - begun:.0f} s:", *row.values(), flush=True)
                rows.append(row)
                kept = known if part == "instructions" else ()
                write_part(part, versions, [*rows, *(row for row in kept if row not in rows)])


if __name__ == "__main__":
    main()
