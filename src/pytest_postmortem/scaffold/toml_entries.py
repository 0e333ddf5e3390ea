"""Add a ``[[postmortems]]`` table to a registry in TOML, written like its neighbour."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from pytest_postmortem.registry.toml_scanner import (
    TomlStatement,
    UnexpectedSyntaxError,
    append_lines,
    scan_toml_statements,
)
from pytest_postmortem.scaffold.entry import EntryBuilder
from pytest_postmortem.scaffold.scalars import find_quote, format_toml_key, format_toml_value


def insert_toml_entry(
    text: str, wrapper: str | None, make: EntryBuilder, first: bool, newline: str
) -> str:
    """Return a text with one more table in its array of tables: before the others or at the end.

    Raises:
        UnexpectedSyntaxError: The entries are not an array of tables.
    """
    path = (wrapper or "postmortems",)
    statements = list(scan_toml_statements(text))
    headers = [statement for statement in statements if statement.array and statement.path == path]
    is_other_shape = not headers and any(statement.path[:1] == path for statement in statements)
    if make.is_keyed or is_other_shape:
        raise UnexpectedSyntaxError
    if not headers:
        return append_lines(text, _render_entry_table(path, make, [], text), newline)
    neighbour = headers[0 if first else -1]
    following = statements[statements.index(neighbour) + 1 :]
    pairs = list(takewhile(lambda statement: statement.value is not None, following))
    lines = _render_entry_table(path, make, pairs, text)
    if first:
        block = "".join(line + newline for line in [*lines, ""])
        return text[: neighbour.start] + block + text[neighbour.start :]
    return append_lines(text, lines, newline)


def render_toml_snippet(text: str, wrapper: str | None, make: EntryBuilder) -> list[str]:
    """Return the lines of an entry to be pasted: an inline table next to others, else a table."""
    path = () if wrapper is None else (wrapper,)
    try:
        starts = [
            (statement.path, text[statement.value.start])
            for statement in scan_toml_statements(text)
            if statement.value
        ]
    except UnexpectedSyntaxError:
        starts = []
    pairs = ", ".join(
        f"{format_toml_key(name)} = {format_toml_value(value)}" for name, value, _ in make([])
    )
    if (path, "[") in starts:
        return [f"{{ {pairs} }}"]
    if not make.is_keyed:
        return _render_entry_table((wrapper or "postmortems",), make, [], text)
    if any(name[:-1] == path and start == "{" for name, start in starts):
        return [f"{format_toml_key(make.id)} = {{ {pairs} }}"]
    table = ".".join(map(format_toml_key, (*path, make.id)))
    return [f"[{table}]", *_render_pair_lines(make, [], text)]


def _render_entry_table(
    path: tuple[str], make: EntryBuilder, pairs: Sequence[TomlStatement], text: str
) -> list[str]:
    return [f"[[{format_toml_key(path[0])}]]", *_render_pair_lines(make, pairs, text)]


def _render_pair_lines(make: EntryBuilder, pairs: Sequence[TomlStatement], text: str) -> list[str]:
    """Return the lines of a table, with the keys and quotes of another table's pairs."""
    values = {
        pair.path[-1]: text[pair.value.start : pair.value.end] for pair in pairs if pair.value
    }
    lines = []
    for name, value, quote in make([(name, find_quote(value)) for name, value in values.items()]):
        bare = not quote and name in values
        shown = format_toml_value(value, bare_dates=bare, quote=quote)
        if values.get(name, "").startswith("[") and shown[0] != "[":
            shown = f"[{shown}]"
        lines.append(f"{format_toml_key(name)} = {shown}")
    return lines
