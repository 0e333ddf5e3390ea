"""The guard of the cost: what makes the plugin dearer fails, what does not passes."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
EXPECTED = {"start, in use": 0.2, "each test, in use": 0.05, "each test, unused": -0.0001}


@pytest.fixture
def cost_guard(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the guard."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("cost_guard")


@pytest.mark.parametrize(
    ("name", "share", "passes"),
    [
        ("start, in use", 0.2, True),
        ("start, in use", 0.206, True),
        ("start, in use", 0.2079, True),
        ("start, in use", 0.2081, False),
        ("start, in use", 0.1, True),
        ("each test, in use", 0.0594, True),
        ("each test, in use", 0.0596, False),
        ("each test, unused", 0.0079, True),
        ("each test, unused", 0.0081, False),
    ],
)
def test_the_plugin_may_become_dearer_by_three_hundredths_of_its_own_part(
    cost_guard: ModuleType, name: str, share: float, passes: bool
) -> None:
    """What counts is the plugin's part, not that of pytest; some of it is rounding."""
    judged = cost_guard.judge(EXPECTED, {**EXPECTED, name: share})

    assert judged is passes


def test_a_run_that_became_cheaper_asks_for_new_figures(
    cost_guard: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else the gain could be spent again without notice."""
    cost_guard.judge(EXPECTED, {**EXPECTED, "start, in use": 0.1})

    assert "start, in use        +10.00% of pytest, at most 20.80%  cheaper" in (
        capsys.readouterr().out
    )


def test_figures_are_those_of_supported_pythons(cost_guard: ModuleType) -> None:
    """And each has all of them, so that none is compared with nothing."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    figures = json.loads(Path(str(cost_guard.EXPECTED)).read_text())

    assert figures
    for version, shares in figures.items():
        assert f"Programming Language :: Python :: {version}" in project["classifiers"]
        assert list(shares) == [
            f"{kind}, {use}" for use in ("unused", "in use") for kind in ("start", "each test")
        ]
