"""The front matter of the documents that are there → that of a new one.

A whole document in YAML or JSON, one an incident, is front matter without a body.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pytest_postmortem.authoring.naming import most_common
from pytest_postmortem.authoring.scalars import NUMBER, quote_of, toml_key, toml_value, yaml_value
from pytest_postmortem.registry import fields
from pytest_postmortem.registry.statements import Unsure, statements
from pytest_postmortem.registry.tables import Rows, Table

__all__ = [
    "FRESH",
    "Facts",
    "Front",
    "Key",
    "Style",
    "Written",
    "front_of",
    "place_of",
    "places",
]

Style = Literal["yaml", "toml", "rst", "json", "none"]
Facts = Mapping[str, "str | tuple[str, ...]"]
"""What is known of an incident, by field; nothing is an empty text or tuple."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as the documents have it: the field that it is, and the quote that its value has.

    ``constant`` is how it stands in all of them, where it says what they are. ``many`` says that
    its value is a list, or a table.
    """

    name: str
    field: str | None = None
    quote: str = ""
    constant: str = ""
    many: bool = False


@dataclass(frozen=True, slots=True)
class Front:
    """How front matter is written, and the keys that it has, in order."""

    style: Style = "none"
    keys: tuple[Key, ...] = ()

    def render(self, facts: Facts, needed: Iterable[str] = ()) -> str:
        """Return the lines of front matter, fences included, or of a whole document.

        What is known and has no key is added under the field's own name, and so is what is
        ``needed``, be it known or not.
        """
        known = {key.field for key in self.keys}
        given = [name for name, value in facts.items() if value and name not in ("title", "date")]
        more = [name for name in dict.fromkeys((*needed, *given)) if name not in known]
        keys = (*self.keys, *(Key(name, name) for name in more))
        if self.style == "none":
            return ""
        if self.style == "json":
            return json.dumps(dict(_json(keys, facts)), indent=2, ensure_ascii=False) + "\n"
        if self.style == "toml":  # which has no way to say that a value is still missing
            keys = tuple(key for key in keys if key.field or key.constant or key.many)
        lines = [_line(self.style, key, facts.get(key.field or "", "")) for key in keys]
        return "".join(f"{line}\n" for line in lines)


FRESH = Front("yaml", tuple(Key(name, name) for name in ("date", "severity", "class", "owner")))
"""The front matter of the first document of a folder."""


@dataclass(frozen=True, slots=True)
class Written:
    """The front matter of a document: its text without fences, parsed, and how it is written."""

    style: Style
    text: str
    values: Table
    above: int = 0


def place_of(key: str) -> str | None:
    """Return the field that a key in a document is, an id's included; None for any other."""
    return _ranked(key, fields.DOCUMENT_IDS)[1]


def _ranked(key: str, ids: Sequence[str]) -> tuple[int, str | None]:
    """Return the field of a key, after how good a name of it the key is."""
    name = fields.normal(key)
    if name in ids:
        return ids.index(name), "id"
    return fields.field_of(name) or (0, None)


def places(values: Mapping[str, Any], ids: Sequence[str] = fields.DOCUMENT_IDS) -> dict[str, str]:
    """Return the keys that are fields, of several names of one field the best alone."""
    best: dict[str, tuple[int, str]] = {}
    for name, value in values.items():
        rank, place = _ranked(name, ids)
        text = value if isinstance(value, str) else ""
        prose = fields.normal(name) in fields.ONLY_SHORT and len(text) > fields.SHORT
        if place is not None and not prose:
            best[place] = min(best.get(place, (rank, name)), (rank, name))
    return {name: place for place, (_, name) in best.items()}


def front_of(documents: Sequence[Written]) -> Front:
    """Return the front matter that most documents have, the newest standing last."""
    if not documents:
        return FRESH
    style = most_common([each.style for each in documents])
    own = [each for each in documents if each.style == style]
    if style == "none":
        return Front()
    names = [name for name, value in own[-1].values.items() if _is_common(name, own)]
    if style == "toml":  # a table would end the keys that follow it
        names = [name for name in names if not isinstance(own[-1].values[name], Table)]
    known = places(own[-1].values)
    return Front(style, tuple(_key(name, own, known) for name in names))


def _is_common(name: str, documents: Sequence[Written]) -> bool:
    return sum(name in each.values for each in documents) * 2 > len(documents)


def _key(name: str, documents: Sequence[Written], known: Mapping[str, str]) -> Key:
    newest = documents[-1]
    value, raw = newest.values[name], _raw(newest, name)
    many = isinstance(value, (Rows, Table))
    same = len(documents) > 1 and all(each.values.get(name) == value for each in documents)
    if same and _CONSTANT.fullmatch(fields.normal(name)):
        return Key(name, constant=raw, many=many)
    quote = quote_of(raw.partition(_SIGN[newest.style])[2])
    return Key(name, known.get(name), quote, many=many)


_CONSTANT = re.compile(r"(?:.*_)?(?:version|schema|type|kind|layout|template)")
"""The keys that say what a document is, and not what happened."""

_SIGN: Mapping[Style, str] = {"yaml": ":", "toml": "=", "rst": ": ", "json": ":"}


def _raw(document: Written, name: str) -> str:
    """Return the lines of a key as they stand in a document, nothing where that can't be told."""
    if document.style == "toml":
        return _toml_statement(document.text, name)
    if document.style == "json":
        return json.dumps(json.loads(document.text)[name])
    lines = document.text.split("\n")
    starts = sorted(document.values.lines.values())
    start = document.values.lines.get(name, 0)
    end = next((line for line in starts if line > start), len(lines) + document.above + 1)
    own = lines[start - 1 - document.above : end - 1 - document.above] if start else []
    while own and not own[-1].strip():
        own.pop()
    return "\n".join(own)


def _toml_statement(text: str, name: str) -> str:
    try:
        found = [each for each in statements(text) if each.path == (name,) and each.value]
    except Unsure:
        return ""
    return text[found[0].start : found[0].end] if found else ""


def _line(style: Style, key: Key, value: str | tuple[str, ...]) -> str:
    if key.constant:
        return key.constant
    if style == "rst":
        text = value if isinstance(value, str) else ", ".join(value)
        return f":{key.name}: {text}".rstrip()
    if style == "toml":
        empty = "[]" if key.many else '""'
        bare = key.quote in ("", NUMBER)
        shown = toml_value(value, bare_dates=bare, quote=key.quote) if value else empty
        return f"{toml_key(key.name)} = {shown}"
    name = yaml_value(key.name)
    if key.many and isinstance(value, str) and value:
        return f"{name}: [{yaml_value(value, key.quote)}]"
    return f"{name}: {yaml_value(value, key.quote)}" if value else f"{name}:"


def _json(keys: Iterable[Key], facts: Facts) -> Iterator[tuple[str, Any]]:
    for key in keys:
        value = facts.get(key.field or "", "")
        if key.constant:
            yield key.name, json.loads(key.constant)
        elif isinstance(value, tuple):
            yield key.name, value[0] if len(value) == 1 and not key.many else list(value)
        else:
            yield key.name, [value] if key.many and value else value or ([] if key.many else None)
