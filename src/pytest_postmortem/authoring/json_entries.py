"""A registry in JSON → the same with one more entry, set off as those that are there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_postmortem.authoring.entry import Make, is_setting, joined_in_brackets
from pytest_postmortem.registry.statements import Span, Unsure

__all__ = ["snippet", "with_entry"]

_DECODER = json.JSONDecoder()
_GAP = re.compile(r"\s*")
_INDENT = re.compile(r"\n([ \t]*)$")


def with_entry(text: str, wrapper: str | None, make: Make, first: bool, newline: str) -> str:
    """Return a text with an entry at the beginning or at the end of its list or mapping.

    Raises: Unsure where its place can't be told.
    """
    if not text.strip():
        whole = json.dumps({"postmortems": [_entry(make, {})]}, indent=2, ensure_ascii=False)
        return text + f"{whole}\n".replace("\n", newline)
    start = _after(text, 0)
    if wrapper is not None:
        start = next(value.start for key, value in _pairs(text, start) if key == wrapper)
    parts = list(_items(text, start))
    own = [each for each in parts if wrapper is not None or not _is_setting(text, each)]
    if parts and not own:  # settings alone
        value = _rendered([_entry(make, {})], text, [*map(_whole, parts)], newline, outer=True)
        return joined_in_brackets(text, [*map(_whole, parts)], f'"postmortems": {value}', False)
    items = [_whole(each) for each in own]
    value = _rendered(_entry(make, _like(text, own, first)), text, items, newline)
    keyed = text[start] == "{"
    new = f"{json.dumps(make.id, ensure_ascii=False)}: {value}" if keyed else value
    if items:
        return joined_in_brackets(text, items, new, first)
    if text[start] not in "[{":
        raise Unsure
    inner = text.index("]" if text[start] == "[" else "}", start)
    return f"{text[: start + 1]}{new}{text[inner:]}"


def snippet(text: str, wrapper: str | None, make: Make) -> list[str]:
    """Return the lines of an entry to be pasted, behind its id where others have theirs so."""
    lines = json.dumps(_entry(make, {}), indent=2, ensure_ascii=False).split("\n")
    head = f"{json.dumps(make.id, ensure_ascii=False)}: " if make.keyed else ""
    return [head + lines[0], *lines[1:]]


def _after(text: str, place: int) -> int:
    found = _GAP.match(text, place)
    return found.end() if found else place


def _items(text: str, start: int) -> Iterator[tuple[Span, Span]]:
    """Yield the items of an array or an object, each as its key and its value."""
    if text[start] == "{":
        for _, key, value in _spans(text, start):
            yield key, value
    elif text[start] == "[":
        place = _after(text, start + 1)
        while text[place] != "]":
            span = _value(text, place)
            yield span, span
            place = _after(text, span.end)
            place = _after(text, place + 1) if text[place] == "," else place


def _spans(text: str, start: int) -> Iterator[tuple[str, Span, Span]]:
    place = _after(text, start + 1)
    while text[place] != "}":
        key, end = _DECODER.raw_decode(text, place)
        value = _value(text, _after(text, _after(text, end) + 1))
        yield key, Span(place, end), value
        place = _after(text, value.end)
        place = _after(text, place + 1) if text[place] == "," else place


def _pairs(text: str, start: int) -> Iterator[tuple[str, Span]]:
    for key, _, value in _spans(text, start):
        yield key, value


def _value(text: str, place: int) -> Span:
    return Span(place, _DECODER.raw_decode(text, place)[1])


def _whole(item: tuple[Span, Span]) -> Span:
    return Span(item[0].start, item[1].end)


def _is_setting(text: str, item: tuple[Span, Span]) -> bool:
    key, value = item
    return key != value and is_setting(json.loads(text[key.start : key.end]))


def _like(text: str, items: Sequence[tuple[Span, Span]], first: bool) -> Mapping[str, Any]:
    """Return the entry beside which the new one goes."""
    if not items:
        return {}
    span = items[0 if first else -1][1]
    found = json.loads(text[span.start : span.end])
    return found if isinstance(found, dict) else {}


def _entry(make: Make, like: Mapping[str, Any]) -> dict[str, Any]:
    pairs = make([(name, "") for name in like])
    return {name: _shaped(value, like.get(name)) for name, value, _ in pairs}


def _shaped(value: str | tuple[str, ...], like: Any) -> Any:
    """Return a value of the type that another entry has."""
    values = [value] if isinstance(value, str) else list(value)
    if isinstance(like, list) or len(values) > 1:
        return values
    number = isinstance(like, int) and re.fullmatch("[0-9]{1,18}", values[0])
    return int(values[0]) if number else values[0]


def _rendered(
    entry: Mapping[str, Any] | Sequence[Any],
    text: str,
    items: Sequence[Span],
    newline: str,
    outer: bool = False,
) -> str:
    """Return an entry in one line or in several, as the others are; ``outer`` says that those
    are settings, and lines of their own are enough.
    """
    if not items or "\n" not in text[0 if outer else items[-1].start : items[-1].end]:
        return json.dumps(entry, ensure_ascii=False)
    above = _INDENT.search(text[: items[-1].start])
    own = above[1] if above else ""
    inner = re.match(r"[^{]*\{\s*?\n([ \t]*)", text[items[-1].start : items[-1].end])
    step = inner[1][len(own) :] if inner else own if outer and own else "  "
    lines = json.dumps(entry, indent=step, ensure_ascii=False).split("\n")
    return newline.join([lines[0], *(own + line for line in lines[1:])])
