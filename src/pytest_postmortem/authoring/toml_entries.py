"""A registry in TOML → the same with one more table, written as those that are there."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_postmortem.authoring.entry import Make, is_setting, joined_in_brackets
from pytest_postmortem.authoring.scalars import quote_of, toml_key, toml_value
from pytest_postmortem.registry.statements import (
    Span,
    Statement,
    Unsure,
    at_end,
    items,
    statements,
)

__all__ = ["snippet", "with_entry"]


def with_entry(text: str, wrapper: str | None, make: Make, first: bool, newline: str) -> str:
    """Return a text with a table at the beginning or at the end of its others.

    Raises: Unsure where the entries are no tables of their own.
    """
    every = list(statements(text))
    path = () if wrapper is None else (wrapper,)
    others = [each for each in every if path or not is_setting(each.path[0])]
    headers = [each for each in others if each.value is None and _is_entry(each, path)]
    array = next((each.value for each in every if each.path == path and each.value), None)
    if array and text[array.start] == "[":
        return _in_array(text, array, make, first)
    if not headers:
        if any(each.path[:1] == path for each in every) or (others and not path):
            raise Unsure
        return at_end(text, _table(f"[[{wrapper or 'postmortems'}]]", make, [], text), newline)
    neighbour = headers[0 if first else -1]
    like = [each for each in every if each.path[:-1] == neighbour.path and each.value]
    if neighbour.array:
        own = like[: _count(every, neighbour)] if first else like[-_count(every, neighbour) :]
        header = f"[[{_dotted(neighbour.path)}]]"
    else:
        own, header = like, f"[{_dotted((*path, make.id))}]"
    lines = _table(header, make, own, text)
    if first:
        block = "".join(line + newline for line in [*lines, ""])
        return text[: neighbour.start] + block + text[neighbour.start :]
    last = [
        each for each in others if each.path[: len(path)] == path and each.start >= neighbour.start
    ]
    if last[-1] is every[-1]:
        return at_end(text, lines, newline)
    place = text.index("\n", last[-1].end) + 1
    return text[:place] + "".join(newline + line for line in lines) + newline + text[place:]


def snippet(text: str, wrapper: str | None, make: Make) -> list[str]:
    """Return the lines of an entry to be pasted, in the shape of those that are there."""
    path = () if wrapper is None else (wrapper,)
    try:
        every = list(statements(text))
    except Unsure:
        every = []
    own = next((each.value for each in every if each.path == path and each.value), None)
    if own is not None and text[own.start] == "[":
        return [_inline(make)]
    values = [each.value for each in every if each.path[:-1] == path and each.value]
    if make.keyed and any(text[each.start] == "{" for each in values):
        return [f"{toml_key(make.id)} = {_inline(make)}"]
    header = f"[{_dotted((*path, make.id))}]" if make.keyed else f"[[{wrapper or 'postmortems'}]]"
    return _table(header, make, [], text)


def _inline(make: Make) -> str:
    pairs = ", ".join(f"{toml_key(name)} = {toml_value(value)}" for name, value, _ in make([]))
    return f"{{ {pairs} }}"


def _in_array(text: str, array: Span, make: Make, first: bool) -> str:
    """Return a text with an inline table more in an array."""
    known = items(text, array)
    if known:
        return joined_in_brackets(text, known, _inline(make), first)
    if text[array.start + 1 : array.end - 1].strip():
        raise Unsure
    return f"{text[: array.start]}[{_inline(make)}]{text[array.end :]}"


def _is_entry(header: Statement, path: tuple[str, ...]) -> bool:
    """Say whether a header begins an entry: ``[[postmortems]]`` or ``[postmortems.PM-1]``."""
    if header.array:
        return header.path == path
    return len(header.path) == len(path) + 1 and header.path[: len(path)] == path


def _count(every: Sequence[Statement], header: Statement) -> int:
    """Return how many pairs follow a header before the next one."""
    rest = every[every.index(header) + 1 :]
    end = next((n for n, each in enumerate(rest) if each.value is None), len(rest))
    return sum(each.path[:-1] == header.path for each in rest[:end])


def _table(header: str, make: Make, own: Sequence[Statement], text: str) -> list[str]:
    raws = {each.path[-1]: each for each in own}
    like = [(name, quote_of(_raw(each, text))) for name, each in raws.items()]
    many = {name for name, each in raws.items() if _raw(each, text).startswith("[")}
    lines = [header]
    for name, value, quote in make(like):
        bare = not quote and name in raws
        shown = toml_value(value, bare_dates=bare, quote=quote)
        lines.append(
            f"{toml_key(name)} = {f'[{shown}]' if name in many and shown[0] != '[' else shown}"
        )
    return lines


def _raw(statement: Statement, text: str) -> str:
    span = statement.value
    return "" if span is None else text[span.start : span.end]


def _dotted(path: Sequence[str]) -> str:
    return ".".join(map(toml_key, path))
