"""The block that a failing test shows: the post-mortems that it is linked to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from pytest_postmortem.model import Postmortem, ShowLevel
from pytest_postmortem.reports.redaction import redact_postmortem
from pytest_postmortem.text import measure_width, sanitize_line

FAILURE_TITLE = "Post-mortem"
RETIRE_CODE = "retire-a-lesson"
"""The code under which `pytest-postmortem explain` says how to delete the test of an incident."""

WIDEST_INDENT = 16
MAX_CAUSE_LINES = 2


def render_failure_block(
    postmortems: Sequence[Postmortem], show: ShowLevel | None, width: int = 80, short: bool = False
) -> str:
    """Return the block of a failing test: every post-mortem that it is linked to.

    A root cause is wrapped to ``width`` columns, and cut after two lines; a link never is.
    """
    lines: list[str] = []
    for postmortem in postmortems:
        lines.extend(_format_postmortem_block(redact_postmortem(postmortem, show), width, short))
    if not short:
        indent = _build_block_indent(postmortems[-1])
        lines.append(f"{indent}Changed on purpose? See `pytest-postmortem explain {RETIRE_CODE}`")
    return "\n".join(sanitize_line(line) for line in lines)


def _build_block_indent(postmortem: Postmortem) -> str:
    """Return the space before all lines but the first, below its title unless the id is long."""
    column = len(postmortem.id) + 2
    return " " * (column if column <= WIDEST_INDENT else 4)


def _format_postmortem_block(postmortem: Postmortem, width: int, short: bool) -> Iterator[str]:
    indent = _build_block_indent(postmortem)
    if short:
        yield f"{postmortem.id}  {postmortem.url or ''}"
        return
    yield _format_postmortem_headline(postmortem)
    if postmortem.url:
        yield indent + postmortem.url
    if postmortem.owner:
        yield f"{indent}Owner: {postmortem.owner}"
    if postmortem.root_cause:
        yield from _wrap_cause(f"Root cause: {postmortem.root_cause}", indent, width)
    yield f"{indent}This test keeps that incident from happening again."


def _wrap_cause(text: str, indent: str, width: int) -> list[str]:
    """Return a cause on at most two lines, cut at a word."""
    text = " ".join(text.split())
    columns = max(width, len(indent) + 40) - len(indent)
    if not text.isascii():
        columns = max(columns * len(text) // max(measure_width(text), 1), 20)
    lines = wrap(text, columns, max_lines=MAX_CAUSE_LINES, placeholder="…")
    return [indent + line for line in lines]


def _format_postmortem_headline(postmortem: Postmortem) -> str:
    facts = ", ".join(filter(None, (postmortem.severity, postmortem.date)))
    title = "" if postmortem.title == postmortem.id else f"  {postmortem.title}"
    return f"{postmortem.id}{title}" + (f" ({facts})" if facts else "")
