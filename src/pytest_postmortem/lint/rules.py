"""The rules of the lint by their codes, each in one line; `docs/reference/lint.md` has them all."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping

from pytest_postmortem.documents.reader import find_ignored_codes
from pytest_postmortem.model import Finding

__all__ = [
    "LINT_RULES",
    "build_warning",
    "find_ignored_by_entry",
    "quote_text",
]


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


LINT_RULES: Mapping[str, str] = {
    "cause-missing": "A post-mortem that does not say why it happened",
    "cause-symptom": "A cause that only says what was seen",
    "cause-person": "A cause that ends in a person's error",
    "blame-word": "Words that judge a person instead of a system",
    "blame-person": "The handle or address of a person among the causes",
    "action-missing": "A post-mortem without an action item",
    "action-owner": "An action item that nobody owns",
    "action-date": "An action item without a date",
    "action-verb": "An action item that names a thing and no deed",
    "action-vague": "An action item of which nobody can tell when it is done",
    "action-overdue": "An action item that is open after its date",
    "class-missing": "A post-mortem without a class of problem, where others have one",
    "class-untested": "A class with several incidents and no regression test",
    "test-missing": "An incident without a regression test after its grace",
    "test-exemption": "An exemption from a regression test that has ended",
    "recurs-unknown": "A repeated incident that the registry lacks",
    "recurs-guarded": "An incident that recurred although guarded",
}

MAX_QUOTED_LENGTH = 60


def build_warning(code: str, message: str, path: str | None, line: int | None = None) -> Finding:
    """Return what a rule has found."""
    return Finding(code, "warning", message, path, line)


def quote_text(text: str) -> str:
    """Return a text in one line, in quotes and not too long to read."""
    flat = " ".join(text.split())
    return (
        f"'{flat}'"
        if len(flat) <= MAX_QUOTED_LENGTH
        else f"'{flat[: MAX_QUOTED_LENGTH - 1].rstrip()}…'"
    )
