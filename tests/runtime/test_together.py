"""A run with thirty plugins installed together gives the report and the gates of one without.

The session `together` of noxfile.py installs them; elsewhere these tests are skipped. None had to
be left out for pytest itself to work, but for one pair: pytest-azurepipelines (its pytest-nunit)
ends with a KeyError of its own when pytest-retry retries a test.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

import pytest

from report_schema import read_report

PLUGINS = """
    allure-pytest anyio hypothesis pytest-asyncio pytest-azurepipelines pytest-bdd pytest-benchmark
    pytest-clarity pytest-cov pytest-django pytest-github-actions-annotate-failures pytest-html
    pytest-instafail pytest-json-report pytest-metadata pytest-mock pytest-order pytest-picked
    pytest-randomly pytest-repeat pytest-rerunfailures pytest-retry pytest-rich pytest-split
    pytest-subtests pytest-sugar pytest-testmon pytest-timeout pytest-xdist teamcity-messages
""".split()


def missing() -> list[str]:
    """Return the plugins that are not installed."""
    found = []
    for name in PLUGINS:
        try:
            distribution(name)
        except PackageNotFoundError:
            found.append(name)
    return found


pytestmark = pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}")

INI = """
[pytest]
addopts = -m "not slow"
markers =
    slow: takes long
    issue: an id
postmortem_registry = pm.yml
postmortem_markers = issue
postmortem_require = sev1, sev2
"""

CONFTEST = """
import pytest

def pytest_addoption(parser):
    parser.addoption("--network", action="store_true")

def pytest_collection_modifyitems(config, items):
    for item in items:
        if item.name == "test_by_conftest":
            item.add_marker(pytest.mark.postmortem("PM-11"))
    if not config.getoption("--network"):
        network = [item for item in items if "network" in item.name]
        items[:] = [item for item in items if item not in network]
        config.hook.pytest_deselected(items=network)

@pytest.fixture(scope="session")
def broken():
    raise OSError("no database")

@pytest.fixture
def value():
    yield 1
"""

TESTS = """
import unittest

import pytest

pytestmark = pytest.mark.postmortem("PM-1")

def test_plain(value): assert value

def test_by_conftest(): pass

def test_declared(): pass

@pytest.mark.postmortem("PM-2")
def test_fails(): assert {"a": 1} == {"a": 2}, "no"

@pytest.mark.postmortem("PM-3")
@pytest.mark.skip(reason="no network")
def test_skipped(): pass

@pytest.mark.postmortem("PM-4")
@pytest.mark.xfail(reason="known")
def test_xfails(): assert 0

@pytest.mark.postmortem("PM-4")
@pytest.mark.xfail
def test_xpasses(): pass

@pytest.mark.postmortem("PM-5")
@pytest.mark.xfail(strict=True)
def test_strict(): pass

@pytest.mark.postmortem("PM-6")
def test_breaks(broken): pass

@pytest.mark.parametrize("n", [
    1,
    pytest.param(2, marks=pytest.mark.postmortem("PM-7")),
    pytest.param(3, marks=[pytest.mark.slow, pytest.mark.postmortem("PM-13")]),
])
def test_parameters(n): assert n

@pytest.mark.postmortem("PM-8")
class TestClass:
    def test_one(self): pass

    class TestInner:
        @pytest.mark.issue("PM-9")
        def test_two(self): pass

@pytest.mark.postmortem("PM-10")
class TestUnit(unittest.TestCase):
    def test_it(self): self.assertTrue(True)

    @unittest.skip("not here")
    def test_not(self): pass

@pytest.mark.postmortem("PM-14")
def test_of_the_network(): pass

def test_late(request): request.node.add_marker(pytest.mark.postmortem("PM-9"))

@pytest.mark.postmortem("PM-404")
def test_unknown(): pass
"""

SKIPPED = """
import pytest

pytest.importorskip("nothing_like_it")

@pytest.mark.postmortem("PM-15")
def test_it(): pass
"""

REGISTRY = "".join(f"- id: PM-{n}\n  severity: sev{n % 3 + 1}\n" for n in range(1, 18))

OPTIONS = {
    "none": (),
    "many": (
        *("--html=report.html", "--self-contained-html", "--alluredir=allure", "--json-report"),
        *("--instafail", "--teamcity", "--order-scope=module", "--benchmark-skip", "--reuse-db"),
        *("--hypothesis-seed=3", "--asyncio-mode=auto", "--cov=.", "--timeout=90", "--count=1"),
        *("--randomly-seed=7", "--splits=1", "--group=1", "--picked=first"),
    ),
    "rich": ("--rich",),
    "reruns": ("--reruns=1",),
    "retries": ("--retries=1", "-p", "no:azurepipelines"),
}


def read(pytester: pytest.Pytester, *arguments: str, name: str) -> dict[str, Any]:
    """Run the suite and return its report, but for versions, times and attempts."""
    result = pytester.runpytest_subprocess(
        "--postmortem-fail-under=60", f"--postmortem-report=json:{name}", *arguments
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
    report: dict[str, Any] = read_report(pytester.path / name)
    del report["tool"], report["run"]
    for each in (*report["incidents"], *report["unknown"]):
        each.pop("flaky", None)
        for test in each["tests"]:
            del test["duration"]
            test.pop("flaky", None)
    return report


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "n2"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_plugins_that_select_nothing_change_nothing(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    workers: tuple[str, ...],
) -> None:
    """Incidents, scope, findings and gates are those of a run with this plugin alone."""
    pytester.makeini(INI)
    pytester.makeconftest(CONFTEST)
    tests = "  tests: ['test_it.py::test_declared']\n"
    pytester.makefile(".yml", pm=REGISTRY.replace("- id: PM-12\n", f"- id: PM-12\n{tests}"))
    pytester.makepyfile(test_it=TESTS, test_skipped=SKIPPED)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    expected = read(pytester, "-p", "pytest_postmortem.plugin", name="alone.json")
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")

    together = read(pytester, *options, *workers, name="together.json")

    assert together == expected
    assert [(gate["judged"], gate["passed"]) for gate in together["gates"]] == [(True, False)] * 2
