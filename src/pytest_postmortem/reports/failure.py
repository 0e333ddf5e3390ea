"""The block beside a failing test: the post-mortems that it is linked to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from pytest_postmortem.model import Postmortem, Show
from pytest_postmortem.reports.shown import reveal

__all__ = ["TITLE", "plain", "render"]

TITLE = "Post-mortem"
RETIRE = "how-to/retire-a-lesson.md"

WIDEST_INDENT = 16


def plain(text: str) -> str:
    """Make text of any origin fit for one line of a terminal or a CI log.

    What can't be printed becomes a space, and no line is taken for a command of GitHub Actions,
    which reads ``::`` at the start of a line and ``##[`` anywhere in it.
    """
    text = "".join(char if char.isprintable() else " " for char in text).rstrip()
    text = text.replace("##[", "## [")
    return text.replace("::", ": :", 1) if text.lstrip().startswith("::") else text


def render(
    postmortems: Sequence[Postmortem], show: Show | None, width: int = 80, short: bool = False
) -> str:
    """Return what is shown beside a failing test: every post-mortem that it is linked to.

    A root cause is wrapped to ``width`` columns; a link never is.
    """
    lines: list[str] = []
    for postmortem in postmortems:
        lines.extend(_block(reveal(postmortem, show), width, short))
    if not short:
        indent = _indent(postmortems[-1])
        lines.append(f"{indent}Changed on purpose? See {RETIRE} in pytest-postmortem's docs")
    return "\n".join(plain(line) for line in lines)


def _indent(postmortem: Postmortem) -> str:
    """Return the space before all lines but the first, below its title unless the id is long."""
    column = len(postmortem.id) + 2
    return " " * (column if column <= WIDEST_INDENT else 4)


def _block(postmortem: Postmortem, width: int, short: bool) -> Iterator[str]:
    indent = _indent(postmortem)
    if short:
        yield f"{postmortem.id}  {postmortem.url or ''}"
        return
    yield _headline(postmortem)
    if postmortem.url:
        yield indent + postmortem.url
    if postmortem.owner:
        yield f"{indent}Owner: {postmortem.owner}"
    if postmortem.root_cause:
        text = " ".join(f"Root cause: {postmortem.root_cause}".split())
        yield from wrap(
            text, max(width, len(indent) + 40), initial_indent=indent, subsequent_indent=indent
        )
    yield f"{indent}This test keeps that incident from happening again."


def _headline(postmortem: Postmortem) -> str:
    facts = ", ".join(filter(None, (postmortem.severity, postmortem.date)))
    title = "" if postmortem.title == postmortem.id else f"  {postmortem.title}"
    return f"{postmortem.id}{title}" + (f" ({facts})" if facts else "")
