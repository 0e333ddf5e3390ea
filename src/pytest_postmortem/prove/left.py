"""What of a fix is taken away and what stays in place, and what can't be said for that."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_postmortem.prove.plan import Fix
from pytest_postmortem.prove.verdict import Judged
from pytest_postmortem.prove.ways import Versions

__all__ = ["UNKNOWN", "Shares", "doubted", "shares_of"]

OPEN = ("not-proven", "not-reached")
"""Verdicts for which a part that stays in place may be the reason."""


@dataclass(frozen=True, slots=True)
class Shares:
    """The files of a fix that were taken away, and those that stayed, its tests apart."""

    taken: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


UNKNOWN = Shares()


def shares_of(fix: Fix, versions: Versions, top: Path) -> Shares:
    """Tell what one way took away; ``top`` is that of the tree in which the tests ran.

    A file may have moved since the fix.
    """
    files = {*versions.fixed, *map(str, versions.others)}
    taken = {os.path.relpath(file, top).replace(os.sep, "/") for file in files}
    stays = {*fix.of_kind("other", "opaque"), *_present(fix.of_kind("source"), top)}
    return Shares(tuple(sorted(taken)), tuple(sorted(stays - taken)))


def _present(paths: Collection[str], top: Path) -> set[str]:
    return {path for path in paths if (top / path).is_file()}


def doubted(judged: Judged, shares: Shares, top: Path, loaded: Collection[str]) -> Judged:
    """Return a verdict that calls no test hollow which may guard what stays in place.

    ``loaded`` are the real paths of the modules that the runs had.
    """
    left = [path for path in shares.left if os.path.realpath(top / path) in loaded]
    if judged.verdict not in OPEN or not left:
        return judged
    message = (
        f"{left[0]} is a part of the fix that stays in place, and the tests load it:"
        f" take it away too with --source={left[0]}"
    )
    tests = tuple(
        replace(test, verdict="inconclusive", message=message) if test.verdict in OPEN else test
        for test in judged.tests
    )
    return replace(judged, verdict="inconclusive", message=message, tests=tests)
