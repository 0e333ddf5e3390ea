"""Find values in an answer by a path: ``fields.status.name``, through mappings and lists.

A field is read from a path; from a text with paths in braces, ``{base}/browse/{key}``; from
``{from: PATH, pattern: REGEX}``, which takes the first group of the match, or all of it; or
from a list of these: the first with a value counts, for a field of several texts all do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_postmortem.registry import fields
from pytest_postmortem.registry.entry import LIST_SEPARATORS
from pytest_postmortem.text import join_some_texts

_BRACED_PATH = re.compile(r"\{([^{}]*)\}")
_PLAIN_KEY = re.compile(r"[\w$@-]{1,40}")
MAX_LISTED_KEYS = 15
MULTI_TEXT_FIELDS = frozenset((*LIST_SEPARATORS, "fix"))
"""The fields that may hold several texts."""


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
        if "{" in self.text:
            parts = {path: find_first_text(item, path) for path in self.paths}
            filled = _BRACED_PATH.sub(lambda part: parts[part[1]], self.text)
            values: list[Any] = [filled] if all(parts.values()) else []
        else:
            values = _find_set_values(item, self.text)
        if self.pattern is None:
            return values
        matches = (self.pattern.search(fields.parse_scalar(value) or "") for value in values)
        texts = (match[min(1, match.re.groups)] for match in matches if match)
        return [text for text in texts if text]

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
        try:
            pattern = re.compile(value["pattern"])
        except (re.error, TypeError, KeyError):
            remedy = "write a 'pattern' next to 'from', such as '^[A-Z]+-[0-9]+'"
            raise ValueError("has a 'pattern' that is not a regular expression", remedy) from None
        value = value["from"]
    if not isinstance(value, str) or not value.strip():
        raise ValueError("is not a path", "write its path in the answer, such as 'fields.summary'")
    return (FieldPath(value.strip(), pattern),)


def read_field(name: str, paths: Iterable[FieldPath], item: Any) -> Any:
    """Return the value of a field of an item: all of them in a list, or the first with a text.

    None if no path has a value.
    """
    values = [value for path in paths for value in path.read(item)]
    if not values:
        return None
    if fields.normalize_key(name) in MULTI_TEXT_FIELDS:
        return _flatten_values(values)
    return next(filter(fields.parse_scalar, values), values[0])


def is_accepted(item: Any, where: Mapping[str, Sequence[str | None]]) -> bool:
    """Return whether an item has, at each path, one of the texts; None is a missing value."""
    for path, accepted in where.items():
        values = _find_set_values(item, path)
        if not values:
            if None not in accepted:
                return False
            continue
        texts = {text.casefold() for text in fields.split_texts(_flatten_values(values), None)}
        accepted_texts = {text.casefold() for text in accepted if text is not None}
        if "*" not in accepted_texts and not texts & accepted_texts:
            return False
    return True


def _flatten_values(values: Iterable[Any]) -> list[Any]:
    """Return the values of nested lists."""
    flat: list[Any] = []
    for value in values:
        flat += _flatten_values(value) if isinstance(value, list) else [value]
    return flat


def _find_set_values(item: Any, path: str) -> list[Any]:
    return [value for value in find_path_values(item, path) if value not in (None, "")]


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
        for key, value in item.items() if isinstance(item, Mapping) else ():
            inner = value if isinstance(value, Mapping) else {}
            key_names |= dict.fromkeys([f"{key}.{name}" for name in inner] or [key])
    names = [name for name in key_names if all(map(_PLAIN_KEY.fullmatch, name.split(".")))]
    return join_some_texts(names, ", ", MAX_LISTED_KEYS) or "no keys"
