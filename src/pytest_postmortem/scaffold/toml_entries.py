"""A registry in TOML → the same with one more table, written as those that are there."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_postmortem.registry.toml_scanner import (
    TextSpan,
    TomlStatement,
    UnexpectedSyntaxError,
    append_lines,
    find_array_items,
    scan_toml_statements,
)
from pytest_postmortem.scaffold.entry import (
    EntryBuilder,
    insert_item_in_brackets,
    is_registry_setting,
)
from pytest_postmortem.scaffold.scalars import find_quote, format_toml_key, format_toml_value

__all__ = ["insert_toml_entry", "render_toml_snippet"]


def insert_toml_entry(
    text: str, wrapper: str | None, make: EntryBuilder, first: bool, newline: str
) -> str:
    """Return a text with a table at the beginning or at the end of its others.

    Raises: Unsure where the entries are no tables of their own.
    """
    all_statements = list(scan_toml_statements(text))
    path = () if wrapper is None else (wrapper,)
    others = [
        statement
        for statement in all_statements
        if path or not is_registry_setting(statement.path[0])
    ]
    headers = [
        statement
        for statement in others
        if statement.value is None and _is_entry_header(statement, path)
    ]
    array = next(
        (
            statement.value
            for statement in all_statements
            if statement.path == path and statement.value
        ),
        None,
    )
    if array and text[array.start] == "[":
        return _insert_array_entry(text, array, make, first)
    if not headers:
        if any(statement.path[:1] == path for statement in all_statements) or (others and not path):
            raise UnexpectedSyntaxError
        return append_lines(
            text, _render_entry_table(f"[[{wrapper or 'postmortems'}]]", make, [], text), newline
        )
    neighbour = headers[0 if first else -1]
    neighbour_pairs = [
        statement
        for statement in all_statements
        if statement.path[:-1] == neighbour.path and statement.value
    ]
    if neighbour.array:
        entry_pairs = (
            neighbour_pairs[: _count_entry_pairs(all_statements, neighbour)]
            if first
            else neighbour_pairs[-_count_entry_pairs(all_statements, neighbour) :]
        )
        header = f"[[{_format_table_path(neighbour.path)}]]"
    else:
        entry_pairs, header = neighbour_pairs, f"[{_format_table_path((*path, make.id))}]"
    lines = _render_entry_table(header, make, entry_pairs, text)
    if first:
        block = "".join(line + newline for line in [*lines, ""])
        return text[: neighbour.start] + block + text[neighbour.start :]
    last = [
        statement
        for statement in others
        if statement.path[: len(path)] == path and statement.start >= neighbour.start
    ]
    if last[-1] is all_statements[-1]:
        return append_lines(text, lines, newline)
    place = text.index("\n", last[-1].end) + 1
    return text[:place] + "".join(newline + line for line in lines) + newline + text[place:]


def render_toml_snippet(text: str, wrapper: str | None, make: EntryBuilder) -> list[str]:
    """Return the lines of an entry to be pasted, in the shape of those that are there."""
    path = () if wrapper is None else (wrapper,)
    try:
        all_statements = list(scan_toml_statements(text))
    except UnexpectedSyntaxError:
        all_statements = []
    array = next(
        (
            statement.value
            for statement in all_statements
            if statement.path == path and statement.value
        ),
        None,
    )
    if array is not None and text[array.start] == "[":
        return [_render_inline_table(make)]
    values = [
        statement.value
        for statement in all_statements
        if statement.path[:-1] == path and statement.value
    ]
    if make.is_keyed and any(text[statement.start] == "{" for statement in values):
        return [f"{format_toml_key(make.id)} = {_render_inline_table(make)}"]
    header = (
        f"[{_format_table_path((*path, make.id))}]"
        if make.is_keyed
        else f"[[{wrapper or 'postmortems'}]]"
    )
    return _render_entry_table(header, make, [], text)


def _render_inline_table(make: EntryBuilder) -> str:
    pairs = ", ".join(
        f"{format_toml_key(name)} = {format_toml_value(value)}" for name, value, _ in make([])
    )
    return f"{{ {pairs} }}"


def _insert_array_entry(text: str, array: TextSpan, make: EntryBuilder, first: bool) -> str:
    """Return a text with an inline table more in an array."""
    known = find_array_items(text, array)
    if known:
        return insert_item_in_brackets(text, known, _render_inline_table(make), first)
    if text[array.start + 1 : array.end - 1].strip():
        raise UnexpectedSyntaxError
    return f"{text[: array.start]}[{_render_inline_table(make)}]{text[array.end :]}"


def _is_entry_header(header: TomlStatement, path: tuple[str, ...]) -> bool:
    """Say whether a header begins an entry: ``[[postmortems]]`` or ``[postmortems.PM-1]``."""
    if header.array:
        return header.path == path
    return len(header.path) == len(path) + 1 and header.path[: len(path)] == path


def _count_entry_pairs(every: Sequence[TomlStatement], header: TomlStatement) -> int:
    """Return how many pairs follow a header before the next one."""
    rest = every[every.index(header) + 1 :]
    end = next((n for n, each in enumerate(rest) if each.value is None), len(rest))
    return sum(each.path[:-1] == header.path for each in rest[:end])


def _render_entry_table(
    header: str, make: EntryBuilder, own: Sequence[TomlStatement], text: str
) -> list[str]:
    raws = {statement.path[-1]: statement for statement in own}
    keys_and_quotes = [
        (name, find_quote(_read_statement_value(statement, text)))
        for name, statement in raws.items()
    ]
    many = {
        name
        for name, statement in raws.items()
        if _read_statement_value(statement, text).startswith("[")
    }
    lines = [header]
    for name, value, quote in make(keys_and_quotes):
        bare = not quote and name in raws
        shown = format_toml_value(value, bare_dates=bare, quote=quote)
        lines.append(
            f"{format_toml_key(name)} ="
            f" {f'[{shown}]' if name in many and shown[0] != '[' else shown}"
        )
    return lines


def _read_statement_value(statement: TomlStatement, text: str) -> str:
    span = statement.value
    return "" if span is None else text[span.start : span.end]


def _format_table_path(path: Sequence[str]) -> str:
    return ".".join(map(format_toml_key, path))
