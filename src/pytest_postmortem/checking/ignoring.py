"""Which rules a comment in a registry file switches off, and for which of its entries.

``# postmortem: ignore=CODE`` within an entry is meant for it, before the first for all of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping

from pytest_postmortem.written.reading import ignores

__all__ = ["ignored_by_entry"]


def ignored_by_entry(text: str, lines: Iterable[int]) -> Mapping[int, frozenset[str]]:
    """Return the codes to ignore by the line on which an entry begins."""
    starts = sorted(set(lines))
    found: dict[int, frozenset[str]] = dict.fromkeys([0, *starts], frozenset())
    for number, line in enumerate(text.split("\n"), 1):
        codes = ignores([line])
        if codes:
            before = bisect_right(starts, number)
            found[starts[before - 1] if before else 0] |= codes
    return {start: codes | found[0] for start, codes in found.items()}
