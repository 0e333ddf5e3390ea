"""Tests that fail now and then on either side: not one of them is called a proof."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from prove_repository import Repository
from pytest_postmortem.cli.prove import run_prove
from pytest_postmortem.cli.prove_cases import ProveRequest
from pytest_postmortem.prove.child.recorder import MAX_ROUND_SECONDS
from pytest_postmortem.prove.experiment import RunBudget

pytestmark = pytest.mark.slow

SLOW = MAX_ROUND_SECONDS * 0.6
"""Seconds after which a test does not run again in its process."""

TEST = """\
import pathlib
import time
import pytest
from {module} import price

PLACE = pathlib.Path({place!r})

@pytest.mark.postmortem("{module}")
def test_price():
    time.sleep({seconds})
    done = PLACE.read_text() if PLACE.exists() else ""
    PLACE.write_text(done + "x")
    assert price(500) == 500
    assert {script!r}[len(done):len(done) + 1] != "f", "now and then"
"""
"""A test that fails in the runs which the script says, whatever the code does."""


def said(
    repository: Repository, capsys: pytest.CaptureFixture[str], module: str, script: str
) -> Sequence[str]:
    """Return the words of the verdict on a test which would not notice the problem, and how often
    it ran.
    """
    place = repository.folder.parent / f"{module}.runs"
    text = TEST.format(module=module, place=str(place), seconds=SLOW, script=script)
    before = {f"{module}.py": "def price(cents):\n    return cents\n"}
    after = {f"{module}.py": "def price(cents):\n    return cents + 0\n", f"test_{module}.py": text}
    repository.fixed(module, before, after)
    repository.register()
    capsys.readouterr()
    run_prove([], ProveRequest((module,), effort=RunBudget(seconds=1)))
    return capsys.readouterr().out.splitlines()[0].split("  ", 2)[1:]


@pytest.mark.parametrize(
    ("script", "verdict", "message"),
    [
        ("pfp", "inconclusive", "has failed before: not enough, give more --runs"),
        ("p" + "f" * 99, "fails with fix", "fails in "),
        ("pfff", "not proven", "passes in all of "),
        ("fpp" + "f" * 99, "fails with fix", "fails in "),
    ],
    ids=["once", "leaves something behind", "for a while", "at first"],
)
def test_what_fails_on_either_side_is_no_proof(
    repository: Repository,
    capsys: pytest.CaptureFixture[str],
    script: str,
    verdict: str,
    message: str,
) -> None:
    """A failure that was seen once is looked at again, without the fix and with it, and so is one
    with the fix that nobody else sees: no other way of taking the fix away has another draw.
    """
    word, told = said(repository, capsys, "shop", script)

    assert (word.strip(), message in told) == (verdict, True), (word, told)


def test_a_failure_is_seen_twice_on_each_side(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """However long it takes: with the fix, without it, again without it and again with it."""
    place = Path(repository.folder.parent / "once.runs")
    text = TEST.replace("price(500) == 500", "price(500) == 5").format(
        module="once", place=str(place), seconds=SLOW, script=""
    )
    before = {"once.py": "def price(cents):\n    return cents\n"}
    after = {"once.py": "def price(cents):\n    return cents / 100\n", "test_once.py": text}
    repository.fixed("once", before, after)
    repository.register()

    status, _ = repository.prove(capsys)

    assert (status, place.read_text()) == (0, "xxxx")
