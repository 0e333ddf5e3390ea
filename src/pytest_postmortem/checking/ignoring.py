"""Which rules a comment in a registry file switches off, and for which of its entries.

``# postmortem: ignore=CODE`` within an entry is meant for it, before the first for all of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping

from pytest_postmortem.written.reading import find_ignored_codes

__all__ = ["find_ignored_by_entry"]


def find_ignored_by_entry(text: str, lines: Iterable[int]) -> Mapping[int, frozenset[str]]:
    """Return the codes to ignore by the line on which an entry begins."""
    starts = sorted(set(lines))
    codes_by_line: dict[int, frozenset[str]] = dict.fromkeys([0, *starts], frozenset())
    for number, line in enumerate(text.split("\n"), 1):
        codes = find_ignored_codes([line])
        if codes:
            start_index = bisect_right(starts, number)
            codes_by_line[starts[start_index - 1] if start_index else 0] |= codes
    return {start: codes | codes_by_line[0] for start, codes in codes_by_line.items()}
