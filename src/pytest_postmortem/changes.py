"""What a change gained and lost, as plain data and as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from pytest_postmortem.reports.failure import plain
from pytest_postmortem.reports.marking import escaped, link

__all__ = ["Change", "Comparison", "Kind", "markdown", "ordered", "some", "text"]

Kind = Literal["lost", "unlinked", "removed", "failing", "new", "gained", "retired"]
"""``unlinked`` and ``removed`` are incidents that nothing guarded before either."""

WORDS: Mapping[Kind, str] = {
    "lost": "no longer guarded",
    "unlinked": "no longer linked to a test",
    "removed": "no longer in the registry",
    "failing": "now failing",
    "new": "new without a test",
    "gained": "newly guarded",
    "retired": "retired on purpose",
}

LINKED_WORDS: Mapping[Kind, str] = {**WORDS, "gained": "newly linked to a test"}
"""A reading of the code can't tell whether a test passes."""

NOTHING = "Nothing was gained, nothing lost"
LISTED = 50
"""Incidents of a kind that Markdown lists; hosts refuse a comment that is too long."""

MOST = 3
"""Reasons and ids that are listed before the others are only counted."""


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one incident, and why; title and link as far as they may be shown."""

    kind: Kind
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

    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    judged: bool = True
    by_code: bool = False
    unchanged: int = 0

    @property
    def lost(self) -> bool:
        """Whether a lesson was lost."""
        return any(change.kind in ("lost", "unlinked", "removed") for change in self.changes)


def some(texts: Sequence[str], separator: str = "; ") -> str:
    """Join some texts, and count those that would be too many."""
    shown = separator.join(texts[:MOST])
    return f"{shown} and {len(texts) - MOST} more" if len(texts) > MOST else shown


def ordered(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return changes with the gravest kind first."""
    return tuple(sorted(changes, key=lambda change: get_args(Kind).index(change.kind)))


def text(comparison: Comparison) -> str:
    """Return a comparison for a terminal, one or two lines an incident, the sum at the end."""
    lines = []
    for words, changes in _groups(comparison):
        lines.append(f"{words.capitalize()}:")
        for change in changes:
            title = "" if change.title in ("", change.id) else f"  {change.title}"
            lines.append(f"  {change.id}{title}")
            indent = " " * (len(change.id) + 4)
            lines += [f"{indent}{part}" for part in (change.reason, change.url) if part]
    lines += [*comparison.notes, _sum(comparison)]
    return "".join(f"{plain(line)}\n" for line in lines)


def markdown(comparison: Comparison) -> str:
    """Return a comparison for a pull request, an empty text where nothing has changed."""
    if not comparison.changes:
        return ""
    lines = [f"### Incident coverage: {_sum(comparison)}"]
    for words, changes in _groups(comparison):
        lines += ["", f"**{words.capitalize()}**", ""]
        lines += [_item(change) for change in changes[:LISTED]]
        if len(changes) > LISTED:
            lines.append(f"- and {len(changes) - LISTED} more")
    lines += [part for note in comparison.notes for part in ("", escaped(note))]
    return "\n".join(lines) + "\n"


def _item(change: Change) -> str:
    title = "" if change.title in ("", change.id) else f" {escaped(change.title)}"
    reason = f" – {escaped(change.reason)}" if change.reason else ""
    return f"- {link(change.id, change.url)}{title}{reason}"


def _groups(comparison: Comparison) -> Iterator[tuple[str, list[Change]]]:
    """Yield what happened, in words, each with the incidents to which it did."""
    for kind, words in (LINKED_WORDS if comparison.by_code else WORDS).items():
        changes = [change for change in comparison.changes if change.kind == kind]
        if changes:
            yield words, changes


def _sum(comparison: Comparison) -> str:
    counts = [f"{len(changes)} {words}" for words, changes in _groups(comparison)]
    if counts:
        return ", ".join(counts)
    if comparison.judged or comparison.unchanged:
        return f"{NOTHING}{_limits(comparison)}"
    return "Nothing could be compared"


def _limits(comparison: Comparison) -> str:
    """Say of what nothing was lost, where something can't be compared."""
    if not comparison.notes:
        return ""
    if comparison.by_code:
        return " in what could be read"
    return f" among the {comparison.unchanged} that could be compared"
