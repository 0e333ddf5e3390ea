"""Where a value stands in an answer: ``fields.status.name``, through mappings and lists.

A field is read from a path; from a text with paths in braces, ``{base}/browse/{key}``; from
``{from: PATH, pattern: REGEX}``, which takes the first group of what matches, or all of it; or
from a list of these: the first that gives something, and for a field of several texts all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_postmortem.registry import fields

__all__ = ["Spot", "keys_of", "spots", "values"]

_BRACES = re.compile(r"\{([^{}]*)\}")
_PLAIN = re.compile(r"[\w$@-]{1,40}")
MOST_KEYS = 15


@dataclass(frozen=True, slots=True)
class Spot:
    """One place that a field may be read from."""

    text: str
    pattern: re.Pattern[str] | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that have to lead somewhere."""
        return tuple(_BRACES.findall(self.text)) or (self.text,)

    def read(self, item: Any) -> list[Any]:
        """Return what stands here in an item of the answer, nothing where a part is missing."""
        if "{" not in self.text:
            found = [value for value in values(item, self.text) if value not in (None, "")]
        else:
            parts = {path: _first(item, path) for path in self.paths}
            whole = all(parts.values())
            found = [_BRACES.sub(lambda part: parts[part[1]], self.text)] if whole else []
        if self.pattern is None:
            return found
        texts = (self.pattern.search(text) for text in map(fields.scalar, found) if text)
        matched = (match[min(1, match.re.groups)] for match in texts if match)
        return [text for text in matched if text]

    def exists(self, item: Any) -> bool:
        """Say whether an item has what is read here, be it null."""
        return all(any(True for _ in values(item, path, nulls=True)) for path in self.paths)


def spots(value: Any) -> tuple[Spot, ...]:
    """Read where a field stands.

    Raises: ValueError with the cause and the remedy where it says no place.
    """
    if isinstance(value, list) and value:
        return tuple(spot for each in value for spot in spots(each))
    pattern = None
    if isinstance(value, Mapping) and isinstance(value.get("from"), str):
        pattern, value = _pattern(value.get("pattern")), value["from"]
    if not isinstance(value, str) or not value.strip():
        raise ValueError("is no path", "write where it stands in the answer, as 'fields.summary'")
    return (Spot(value.strip(), pattern),)


def _pattern(text: Any) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except (re.error, TypeError):
        remedy = "write beside 'from' a 'pattern' such as '^[A-Z]+-[0-9]+'"
        raise ValueError("has a pattern that is no regular expression", remedy) from None


def values(item: Any, path: str, *, nulls: bool = False) -> Iterator[Any]:
    """Yield what a path leads to, one value for each item of the lists on its way."""
    key, dot, rest = path.partition(".")
    if isinstance(item, list):
        for each in item or ([None] if nulls else []):
            yield from values(each, path, nulls=nulls)
    elif isinstance(item, Mapping) and path in item:
        yield item[path]  # a key that has a dot in it
    elif isinstance(item, Mapping) and key in item:
        if dot:
            yield from values(item[key], rest, nulls=nulls)
        else:
            yield item[key]
    elif item is None and nulls:
        yield None


def _first(item: Any, path: str) -> str:
    texts = (fields.scalar(value) for value in values(item, path))
    return next(filter(None, texts), "")


def keys_of(items: Iterable[Any]) -> str:
    """Return the keys that items have, to show what an answer did hold: names, never values."""
    found: dict[str, None] = {}
    for item in items:
        found.update(dict.fromkeys(_keys(item)))
    names = [name for name in found if all(map(_PLAIN.fullmatch, name.split(".")))]
    shown = ", ".join(names[:MOST_KEYS])
    return shown + (f" and {len(names) - MOST_KEYS} more" if len(names) > MOST_KEYS else "")


def _keys(item: Any) -> Iterator[str]:
    if isinstance(item, Mapping):
        for key, value in item.items():
            inner = value if isinstance(value, Mapping) else {}
            yield from [f"{key}.{name}" for name in inner] or [key]
