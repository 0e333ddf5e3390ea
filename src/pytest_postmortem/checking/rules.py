"""The rules of the lint by their codes, each in one line; `docs/reference/lint.md` has them all."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_postmortem.model import Finding

__all__ = ["LINT_RULES", "build_warning", "quote_text"]

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
