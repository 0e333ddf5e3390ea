"""A registry in JSON → the same with one more entry, set off as those that are there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_postmortem.registry.toml_scanner import TextSpan, UnexpectedSyntaxError
from pytest_postmortem.scaffold.entry import (
    EntryBuilder,
    insert_item_in_brackets,
    is_registry_setting,
)

__all__ = ["insert_json_entry", "render_json_snippet"]

_DECODER = json.JSONDecoder()
_JSON_BLANKS = re.compile(r"\s*")
_JSON_INDENT = re.compile(r"\n([ \t]*)$")


def insert_json_entry(
    text: str, wrapper: str | None, make: EntryBuilder, first: bool, newline: str
) -> str:
    """Return a text with an entry at the beginning or at the end of its list or mapping.

    Raises: Unsure where its place can't be told.
    """
    if not text.strip():
        document = json.dumps(
            {"postmortems": [_build_json_entry(make, {})]}, indent=2, ensure_ascii=False
        )
        return text + f"{document}\n".replace("\n", newline)
    start = _skip_json_blanks(text, 0)
    if wrapper is not None:
        start = next(value.start for key, value in _list_json_pairs(text, start) if key == wrapper)
    parts = list(_list_json_items(text, start))
    entries = [item for item in parts if wrapper is not None or not _is_json_setting(text, item)]
    if parts and not entries:  # settings alone
        value = _render_json_entry(
            [_build_json_entry(make, {})], text, [*map(_join_item_span, parts)], newline, outer=True
        )
        return insert_item_in_brackets(
            text, [*map(_join_item_span, parts)], f'"postmortems": {value}', False
        )
    items = [_join_item_span(item) for item in entries]
    value = _render_json_entry(
        _build_json_entry(make, _read_json_neighbour(text, entries, first)), text, items, newline
    )
    keyed = text[start] == "{"
    new = f"{json.dumps(make.id, ensure_ascii=False)}: {value}" if keyed else value
    if items:
        return insert_item_in_brackets(text, items, new, first)
    if text[start] not in "[{":
        raise UnexpectedSyntaxError
    inner = text.index("]" if text[start] == "[" else "}", start)
    return f"{text[: start + 1]}{new}{text[inner:]}"


def render_json_snippet(text: str, wrapper: str | None, make: EntryBuilder) -> list[str]:
    """Return the lines of an entry to be pasted, behind its id where others have theirs so."""
    lines = json.dumps(_build_json_entry(make, {}), indent=2, ensure_ascii=False).split("\n")
    head = f"{json.dumps(make.id, ensure_ascii=False)}: " if make.is_keyed else ""
    return [head + lines[0], *lines[1:]]


def _skip_json_blanks(text: str, place: int) -> int:
    found = _JSON_BLANKS.match(text, place)
    return found.end() if found else place


def _list_json_items(text: str, start: int) -> Iterator[tuple[TextSpan, TextSpan]]:
    """Yield the items of an array or an object, each as its key and its value."""
    if text[start] == "{":
        for _, key, value in _list_json_spans(text, start):
            yield key, value
    elif text[start] == "[":
        place = _skip_json_blanks(text, start + 1)
        while text[place] != "]":
            span = _find_json_value(text, place)
            yield span, span
            place = _skip_json_blanks(text, span.end)
            place = _skip_json_blanks(text, place + 1) if text[place] == "," else place


def _list_json_spans(text: str, start: int) -> Iterator[tuple[str, TextSpan, TextSpan]]:
    place = _skip_json_blanks(text, start + 1)
    while text[place] != "}":
        key, end = _DECODER.raw_decode(text, place)
        value = _find_json_value(text, _skip_json_blanks(text, _skip_json_blanks(text, end) + 1))
        yield key, TextSpan(place, end), value
        place = _skip_json_blanks(text, value.end)
        place = _skip_json_blanks(text, place + 1) if text[place] == "," else place


def _list_json_pairs(text: str, start: int) -> Iterator[tuple[str, TextSpan]]:
    for key, _, value in _list_json_spans(text, start):
        yield key, value


def _find_json_value(text: str, place: int) -> TextSpan:
    return TextSpan(place, _DECODER.raw_decode(text, place)[1])


def _join_item_span(item: tuple[TextSpan, TextSpan]) -> TextSpan:
    return TextSpan(item[0].start, item[1].end)


def _is_json_setting(text: str, item: tuple[TextSpan, TextSpan]) -> bool:
    key, value = item
    return key != value and is_registry_setting(json.loads(text[key.start : key.end]))


def _read_json_neighbour(
    text: str, items: Sequence[tuple[TextSpan, TextSpan]], first: bool
) -> Mapping[str, Any]:
    """Return the entry beside which the new one goes."""
    if not items:
        return {}
    span = items[0 if first else -1][1]
    found = json.loads(text[span.start : span.end])
    return found if isinstance(found, dict) else {}


def _build_json_entry(make: EntryBuilder, like: Mapping[str, Any]) -> dict[str, Any]:
    pairs = make([(name, "") for name in like])
    return {name: _convert_json_value(value, like.get(name)) for name, value, _ in pairs}


def _convert_json_value(value: str | tuple[str, ...], like: Any) -> Any:
    """Return a value of the type that another entry has."""
    values = [value] if isinstance(value, str) else list(value)
    if isinstance(like, list) or len(values) > 1:
        return values
    number = isinstance(like, int) and re.fullmatch("[0-9]{1,18}", values[0])
    return int(values[0]) if number else values[0]


def _render_json_entry(
    entry: Mapping[str, Any] | Sequence[Any],
    text: str,
    items: Sequence[TextSpan],
    newline: str,
    outer: bool = False,
) -> str:
    """Return an entry in one line or in several, as the others are; ``outer`` says that those
    are settings, and lines of their own are enough.
    """
    if not items or "\n" not in text[0 if outer else items[-1].start : items[-1].end]:
        return json.dumps(entry, ensure_ascii=False)
    above = _JSON_INDENT.search(text[: items[-1].start])
    indent = above[1] if above else ""
    inner = re.match(r"[^{]*\{\s*?\n([ \t]*)", text[items[-1].start : items[-1].end])
    step = inner[1][len(indent) :] if inner else indent if outer and indent else "  "
    lines = json.dumps(entry, indent=step, ensure_ascii=False).split("\n")
    return newline.join([lines[0], *(indent + line for line in lines[1:])])
