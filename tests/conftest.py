"""What every test may use: pytest in pytest, alone and with workers, and the report it printed."""

from __future__ import annotations

import gc
import importlib.metadata
import os
import pkgutil
import re
import signal
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml  # noqa: F401  # libyaml keeps the classes of the first import, see below

import pytest_postmortem
from prove_repository import Repository
from pytest_postmortem.lint import rules
from pytest_postmortem.plugin import CompiledModuleFinder
from pytest_postmortem.runtime.run_metadata import COMMIT_VARIABLES
from server import Server, serving

pytest_plugins = ["pytester"]

# pytester forgets the modules that a run within this process imported first. What is imported
# before stays, so that no class of ours exists twice. As in a run in use, it comes from bytecode.
sys.meta_path.insert(0, CompiledModuleFinder)
for module in pkgutil.walk_packages(pytest_postmortem.__path__, "pytest_postmortem."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
sys.meta_path.remove(CompiledModuleFinder)


OWN = ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "SOURCE_DATE_EPOCH")
"""What tells a run where it is."""

JOB = ("GITHUB_", "CI_", "POSTMORTEM_")
"""How the variables of a job begin, which name the change that it is about."""

TOKENS = (
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "GITLAB_TOKEN",
    "INCIDENT_API_KEY",
    "PAGERDUTY_TOKEN",
    "JIRA_EMAIL",
    "JIRA_API_TOKEN",
    "CONFLUENCE_EMAIL",
    "CONFLUENCE_API_TOKEN",
    "ROOTLY_API_TOKEN",
    "FIREHYDRANT_API_KEY",
    "OPSGENIE_API_KEY",
)
"""What a developer may have set, and no test may send."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for the slow tests."""
    parser.addoption("--slow", action="store_true", help="also run the slow tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the slow tests of a whole run, unless it asks for them.

    A file, a node id, ``-k`` and ``-m`` select them as any other test.
    """
    option = config.option
    if (
        option.slow
        or option.markexpr
        or option.keyword
        or config.args != config.getini("testpaths")
    ):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        items[:] = [item for item in items if not item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)


class RunPytest(Protocol):
    """Runs pytest on the suite in the current folder."""

    def __call__(self, *arguments: str) -> pytest.RunResult:
        """Return what a run with these arguments printed, and its exit status."""


@pytest.fixture
def few_lint_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run three rules of the lint alone, so that no new rule changes the output of a check."""
    codes = ("cause-person", "action-overdue", "test-missing")
    few = {code: rules.LINT_RULES[code] for code in codes}
    monkeypatch.setattr(rules, "LINT_RULES", few)


@pytest.fixture(autouse=True, scope="session")
def _rare_garbage_collection() -> None:
    """Keep the garbage collector away from what lasts; it took a fifth of the time of a run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


class KnownDistribution:
    """An installed distribution, of which each file is read once."""

    def __init__(self, distribution: Distribution) -> None:
        self._distribution = distribution

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._distribution, name)
        if not callable(value):
            setattr(self, name, value)
        return value


@pytest.fixture(autouse=True, scope="session")
def _known_distributions() -> Iterator[None]:
    """Read once what is installed, which each run within this process reads several times.

    It took a seventh of the time of such a run. Folders that a test adds to the path are read anew.
    """
    installed = frozenset(sys.path)
    read_distributions = importlib.metadata.distributions

    @cache
    def read_once(folder: str) -> list[KnownDistribution]:
        return list(map(KnownDistribution, read_distributions(path=[folder])))

    def find_distributions(**context: Any) -> Iterator[Distribution | KnownDistribution]:
        if context:
            yield from read_distributions(**context)
            return
        for folder in sys.path:
            known = folder in installed
            yield from read_once(folder) if known else read_distributions(path=[folder])

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(importlib.metadata, "distributions", find_distributions)
        yield


@pytest.fixture(autouse=True, scope="session")
def _heard_signals() -> Iterator[None]:
    """Let the processes that tests start hear the signals that a job in the background ignores."""
    ignored = {}
    for name, heard in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_IGN:
            ignored[number] = signal.signal(number, heard)
    yield
    for number, handler in ignored.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what surrounds the tests out of the runs that they start."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name in [name for name in os.environ if name.startswith(JOB)]:
        monkeypatch.delenv(name)
    for name in TOKENS:
        monkeypatch.delenv(name, raising=False)
    for name in (*OWN, *COMMIT_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    # Without kept bytecode each process of a test would compile the plugin again.
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    # The messages of argparse and git are in English, and no file of translations is looked for.
    monkeypatch.setenv("LANGUAGE", "C")


@pytest.fixture
def run(request: pytest.FixtureRequest, pytester: pytest.Pytester) -> RunPytest:
    """Run pytest within this process or, where a mark says so, with one worker or two.

    Workers are started from a process of their own: where this test itself runs in a worker,
    the connections of both would meet in one process, and wait for each other.
    """
    workers: tuple[str, ...] = getattr(request, "param", ())
    if workers:
        pytest.importorskip("xdist")

    def runner(*arguments: str) -> pytest.RunResult:
        if workers:
            return pytester.runpytest_subprocess(*workers, *arguments)
        return pytester.runpytest(*arguments)

    return runner


with_workers_too = pytest.mark.parametrize(
    "run", [(), ("-n2",)], ids=["alone", "n2"], indirect=True
)
"""Marks a test whose `run` is made alone and, in a second test, with two workers.

It costs twenty times as much, so it is for what workers do: they collect, link and report.
"""

with_a_worker_too = pytest.mark.parametrize(
    "run", [(), ("-n1",)], ids=["alone", "n1"], indirect=True
)
"""Marks a test whose `run` is made alone and, in a second test, with one worker.

That is enough where a second worker would only collect and send the same, or run nothing.
"""


def report_of(result: pytest.RunResult) -> list[str]:
    """Return the lines of the report at the end of a run, without its title."""
    lines = result.outlines
    titles = [n for n, line in enumerate(lines) if re.fullmatch("=+ incident coverage =+", line)]
    if not titles:
        return []
    rest = lines[titles[-1] + 1 :]
    ends = [n for n, line in enumerate(rest) if re.match("=+ .* =+$|!+ .* !+$", line)]
    return rest[: ends[0]] if ends else rest


def gapless_report(result: pytest.RunResult) -> list[str]:
    """Return the lines of the report without its list of incidents that could return."""
    kept, in_list = [], False
    for line in report_of(result):
        in_list = "could return unnoticed" in line or (in_list and line.startswith("  "))
        kept += [] if in_list else [line]
    return kept


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A git repository without a commit, in which the test runs."""
    return Repository(tmp_path / "shop", monkeypatch)


@pytest.fixture
def server() -> Iterator[Server]:
    """Serve over HTTP on 127.0.0.1."""
    with serving() as running:
        yield running
