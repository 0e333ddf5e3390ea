"""Find values in an answer by a path: ``fields.status.name``, through mappings and lists.

A field is read from a path; from a text with paths in braces, ``{base}/browse/{key}``; from
``{from: PATH, pattern: REGEX}``, which takes the first group of the match, or all of it; or
from a list of these: the first with a value counts, for a field of several texts all do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_postmortem.registry import fields
from pytest_postmortem.text import join_some_texts

_BRACED_PATH = re.compile(r"\{([^{}]*)\}")
_PLAIN_KEY = re.compile(r"[\w$@-]{1,40}")
MAX_LISTED_KEYS = 15


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A path from which a field may be read."""

    text: str
    pattern: re.Pattern[str] | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that must exist."""
        return tuple(_BRACED_PATH.findall(self.text)) or (self.text,)

    def read(self, item: Any) -> list[Any]:
        """Return the values at this path of an item, none if a part is missing."""
        if "{" not in self.text:
            found_values = [
                value for value in find_path_values(item, self.text) if value not in (None, "")
            ]
        else:
            parts = {path: find_first_text(item, path) for path in self.paths}
            whole = all(parts.values())
            found_values = (
                [_BRACED_PATH.sub(lambda part: parts[part[1]], self.text)] if whole else []
            )
        if self.pattern is None:
            return found_values
        texts = (
            self.pattern.search(text) for text in map(fields.parse_scalar, found_values) if text
        )
        matched = (match[min(1, match.re.groups)] for match in texts if match)
        return [text for text in matched if text]

    def exists(self, item: Any) -> bool:
        """Return whether an item has all paths, even with null."""
        return all(
            any(True for _ in find_path_values(item, path, nulls=True)) for path in self.paths
        )


def parse_field_paths(value: Any) -> tuple[FieldPath, ...]:
    """Parse the paths of a field.

    Raises: ValueError with the cause and the remedy.
    """
    if isinstance(value, list) and value:
        return tuple(spot for spot_value in value for spot in parse_field_paths(spot_value))
    pattern = None
    if isinstance(value, Mapping) and isinstance(value.get("from"), str):
        pattern, value = _compile_field_pattern(value.get("pattern")), value["from"]
    if not isinstance(value, str) or not value.strip():
        raise ValueError("is not a path", "write its path in the answer, such as 'fields.summary'")
    return (FieldPath(value.strip(), pattern),)


def _compile_field_pattern(text: Any) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except (re.error, TypeError):
        remedy = "write a 'pattern' next to 'from', such as '^[A-Z]+-[0-9]+'"
        raise ValueError("has a 'pattern' that is not a regular expression", remedy) from None


def find_path_values(item: Any, path: str, *, nulls: bool = False) -> Iterator[Any]:
    """Yield the values at a path, one for each item of the lists on its way."""
    key, dot, remaining_path = path.partition(".")
    if isinstance(item, list):
        for list_item in item or ([None] if nulls else []):
            yield from find_path_values(list_item, path, nulls=nulls)
    elif isinstance(item, Mapping) and path in item:
        yield item[path]  # a key that has a dot in it
    elif isinstance(item, Mapping) and key in item:
        if dot:
            yield from find_path_values(item[key], remaining_path, nulls=nulls)
        else:
            yield item[key]
    elif item is None and nulls:
        yield None


def find_first_text(item: Any, path: str) -> str:
    """Return the first text at a path that is not empty, else an empty text."""
    texts = (fields.parse_scalar(value) for value in find_path_values(item, path))
    return next(filter(None, texts), "")


def format_key_names(items: Iterable[Any]) -> str:
    """Return the keys of items, for a message about an answer: names, never values."""
    key_names: dict[str, None] = {}
    for item in items:
        key_names.update(dict.fromkeys(_find_key_names(item)))
    names = [name for name in key_names if all(map(_PLAIN_KEY.fullmatch, name.split(".")))]
    return join_some_texts(names, ", ", MAX_LISTED_KEYS)


def _find_key_names(item: Any) -> Iterator[str]:
    if isinstance(item, Mapping):
        for key, value in item.items():
            inner = value if isinstance(value, Mapping) else {}
            yield from [f"{key}.{name}" for name in inner] or [key]
