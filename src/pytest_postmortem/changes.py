"""What a change gained and lost, as plain data and as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from pytest_postmortem.reports.failure import sanitize_line
from pytest_postmortem.reports.marking import escape_markdown, format_markdown_link

__all__ = [
    "ChangeKind",
    "Comparison",
    "IncidentChange",
    "join_some_texts",
    "render_comparison_markdown",
    "render_comparison_text",
    "sort_changes",
]

ChangeKind = Literal["lost", "unlinked", "removed", "failing", "new", "gained", "retired"]
"""``unlinked`` and ``removed`` are incidents that nothing guarded before either."""

CHANGE_WORDS: Mapping[ChangeKind, str] = {
    "lost": "no longer guarded",
    "unlinked": "no longer linked to a test",
    "removed": "no longer in the registry",
    "failing": "now failing",
    "new": "new without a test",
    "gained": "newly guarded",
    "retired": "retired on purpose",
}

LINKED_CHANGE_WORDS: Mapping[ChangeKind, str] = {**CHANGE_WORDS, "gained": "newly linked to a test"}
"""A reading of the code can't tell whether a test passes."""

NO_CHANGE_TEXT = "Nothing was gained, nothing lost"
MAX_LISTED_CHANGES = 50
"""Incidents of a kind that Markdown lists; hosts refuse a comment that is too long."""

MAX_JOINED_TEXTS = 3
"""Reasons and ids that are listed before the others are only counted."""


@dataclass(frozen=True, slots=True)
class IncidentChange:
    """What happened to one incident, and why; title and link as far as they may be shown."""

    kind: ChangeKind
    id: str
    title: str = ""
    url: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a change gained and lost.

    ``notes`` are lines about what can't be compared; ``judged`` is False where that is all.
    ``by_code`` says that no test ran, so that a link is all that is known. ``unchanged`` counts the
    incidents that are as they were, but for those that needed no test and need none.
    """

    changes: tuple[IncidentChange, ...] = ()
    notes: tuple[str, ...] = ()
    judged: bool = True
    by_code: bool = False
    unchanged: int = 0

    @property
    def lost(self) -> bool:
        """Whether a lesson was lost."""
        return any(change.kind in ("lost", "unlinked", "removed") for change in self.changes)


def join_some_texts(texts: Sequence[str], separator: str = "; ") -> str:
    """Join some texts, and count those that would be too many."""
    shown = separator.join(texts[:MAX_JOINED_TEXTS])
    return (
        f"{shown} and {len(texts) - MAX_JOINED_TEXTS} more"
        if len(texts) > MAX_JOINED_TEXTS
        else shown
    )


def sort_changes(changes: Iterable[IncidentChange]) -> tuple[IncidentChange, ...]:
    """Return changes with the gravest kind first."""
    return tuple(sorted(changes, key=lambda change: get_args(ChangeKind).index(change.kind)))


def render_comparison_text(comparison: Comparison) -> str:
    """Return a comparison for a terminal, one or two lines an incident, the sum at the end."""
    lines = []
    for words, changes in _group_changes_by_kind(comparison):
        lines.append(f"{words.capitalize()}:")
        for change in changes:
            title = "" if change.title in ("", change.id) else f"  {change.title}"
            lines.append(f"  {change.id}{title}")
            indent = " " * (len(change.id) + 4)
            lines += [f"{indent}{part}" for part in (change.reason, change.url) if part]
    lines += [*comparison.notes, _format_change_totals(comparison)]
    return "".join(f"{sanitize_line(line)}\n" for line in lines)


def render_comparison_markdown(comparison: Comparison) -> str:
    """Return a comparison for a pull request, an empty text where nothing has changed."""
    if not comparison.changes:
        return ""
    lines = [f"### Incident coverage: {_format_change_totals(comparison)}"]
    for words, changes in _group_changes_by_kind(comparison):
        lines += ["", f"**{words.capitalize()}**", ""]
        lines += [_format_change_item(change) for change in changes[:MAX_LISTED_CHANGES]]
        if len(changes) > MAX_LISTED_CHANGES:
            lines.append(f"- and {len(changes) - MAX_LISTED_CHANGES} more")
    lines += [part for note in comparison.notes for part in ("", escape_markdown(note))]
    return "\n".join(lines) + "\n"


def _format_change_item(change: IncidentChange) -> str:
    title = "" if change.title in ("", change.id) else f" {escape_markdown(change.title)}"
    reason = f" – {escape_markdown(change.reason)}" if change.reason else ""
    return f"- {format_markdown_link(change.id, change.url)}{title}{reason}"


def _group_changes_by_kind(comparison: Comparison) -> Iterator[tuple[str, list[IncidentChange]]]:
    """Yield what happened, in words, each with the incidents to which it did."""
    for kind, words in (LINKED_CHANGE_WORDS if comparison.by_code else CHANGE_WORDS).items():
        changes = [change for change in comparison.changes if change.kind == kind]
        if changes:
            yield words, changes


def _format_change_totals(comparison: Comparison) -> str:
    counts = [f"{len(changes)} {words}" for words, changes in _group_changes_by_kind(comparison)]
    if counts:
        return ", ".join(counts)
    if comparison.judged or comparison.unchanged:
        return f"{NO_CHANGE_TEXT}{_format_comparison_limits(comparison)}"
    return "Nothing could be compared"


def _format_comparison_limits(comparison: Comparison) -> str:
    """Say of what nothing was lost, where something can't be compared."""
    if not comparison.notes:
        return ""
    if comparison.by_code:
        return " in what could be read"
    return f" among the {comparison.unchanged} that could be compared"
