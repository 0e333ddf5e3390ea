"""Derive the front matter of a new document from that of another one.

A document that is a whole YAML or JSON file is front matter without a body.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pytest_postmortem.registry import fields
from pytest_postmortem.registry.parsers import LocatedList, LocatedTable
from pytest_postmortem.registry.toml_scanner import UnexpectedSyntaxError, scan_toml_statements
from pytest_postmortem.scaffold.id_sequence import find_uuid, spell_uuid_like
from pytest_postmortem.scaffold.scalars import (
    NUMBER_QUOTE,
    find_quote,
    format_toml_key,
    format_toml_value,
    format_yaml_value,
)

FrontMatterStyle = Literal["yaml", "toml", "rst", "json", "none"]
IncidentFacts = Mapping[str, "str | tuple[str, ...]"]
"""The values of an incident by field; an unknown value is an empty text or tuple."""


@dataclass(frozen=True, slots=True)
class FrontMatterKey:
    """A key of the front matter: its field, and the quote of its value.

    ``constant`` is the text that is copied for a key of the document's format. ``many`` means that
    its value is a list or a table. ``uuid`` is its value if that is a UUID, and not an id.
    """

    name: str
    field: str | None = None
    quote: str = ""
    constant: str = ""
    many: bool = False
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class FrontMatterLayout:
    """The style of front matter, and its keys in order."""

    style: FrontMatterStyle = "none"
    keys: tuple[FrontMatterKey, ...] = ()

    def render(self, facts: IncidentFacts, needed: Iterable[str] = (), uuid: str = "") -> str:
        """Return the lines of front matter without fences, or of a whole data file.

        ``uuid`` is the value of keys that have a UUID in the other document.

        Known values without a key are added under the field's own name, and so are the ``needed``
        fields, even without a value.
        """
        known_fields = {key.field for key in self.keys}
        given_names = [
            name for name, value in facts.items() if value and name not in ("title", "date")
        ]
        missing_names = [
            name for name in dict.fromkeys((*needed, *given_names)) if name not in known_fields
        ]
        sign = ":" if self.keys and all(key.name.startswith(":") for key in self.keys) else ""
        keys = (*self.keys, *(FrontMatterKey(sign + name, name) for name in missing_names))
        uuids = {key.name: spell_uuid_like(key.uuid, uuid) for key in keys if key.uuid}
        keys = tuple(replace(key, field=key.name) if key.uuid else key for key in keys)
        facts = {**facts, **uuids}
        if self.style == "none":
            return ""
        if self.style == "json":
            return (
                json.dumps(dict(_list_json_values(keys, facts)), indent=2, ensure_ascii=False)
                + "\n"
            )
        if self.style == "toml":  # TOML has no empty value
            keys = tuple(key for key in keys if key.field or key.constant or key.many)
        lines = [
            _render_front_matter_line(self.style, key, facts.get(key.field or "", ""))
            for key in keys
        ]
        return "".join(f"{line}\n" for line in lines)


FIRST_FRONT_MATTER = FrontMatterLayout(
    "yaml", tuple(FrontMatterKey(name, name) for name in ("date", "severity", "class", "owner"))
)
"""The front matter of the first document of a folder."""


@dataclass(frozen=True, slots=True)
class WrittenFrontMatter:
    """The front matter of a document: its text without fences, its values, and its style."""

    style: FrontMatterStyle
    text: str
    values: LocatedTable
    above: int = 0


def find_field_of_key(key: str) -> str | None:
    """Return the field or ``id`` that a key in a document means; None for any other key."""
    return _rank_key(key, fields.DOCUMENT_ID_KEYS)[1]


def _rank_key(key: str, ids: Sequence[str]) -> tuple[int, str | None]:
    """Return the rank of a key among the names of its field, and the field."""
    name = fields.normalize_key(key)
    if name in ids:
        return ids.index(name), "id"
    return fields.find_field(name) or (0, None)


def map_keys_to_fields(
    values: Mapping[str, Any], ids: Sequence[str] = fields.DOCUMENT_ID_KEYS
) -> dict[str, str]:
    """Return the keys that are fields; of several keys of one field, the best one."""
    best: dict[str, tuple[int, str]] = {}
    for name, value in values.items():
        rank, place = _rank_key(name, ids)
        text = value if isinstance(value, str) else ""
        prose = (
            fields.normalize_key(name) in fields.SHORT_TEXT_KEYS
            and len(text) > fields.MAX_SHORT_TEXT
        )
        if place is not None and not prose:
            best[place] = min(best.get(place, (rank, name)), (rank, name))
    return {name: place for place, (_, name) in best.items()}


def find_front_matter_layout(document: WrittenFrontMatter) -> FrontMatterLayout:
    """Return the layout of a document's front matter."""
    field_by_key = map_keys_to_fields(document.values)
    return FrontMatterLayout(
        document.style,
        tuple(
            _build_front_matter_key(name, document, field_by_key)
            for name, value in document.values.items()
            # in TOML, a table would end the keys that follow it
            if document.style != "toml" or not isinstance(value, LocatedTable)
        ),
    )


def _build_front_matter_key(
    name: str, document: WrittenFrontMatter, field_by_key: Mapping[str, str]
) -> FrontMatterKey:
    raw = _read_key_lines(document, name)
    many = isinstance(document.values[name], (LocatedList, LocatedTable))
    if _CONSTANT_KEY.fullmatch(fields.normalize_key(name)):
        return FrontMatterKey(name, constant=raw, many=many)
    quote = find_quote(raw.partition(_KEY_SIGNS[document.style])[2])
    value = document.values[name]
    is_uuid = isinstance(value, str) and name not in field_by_key
    uuid = (find_uuid(value) or "") if is_uuid else ""
    return FrontMatterKey(name, field_by_key.get(name), quote, many=many, uuid=uuid)


_CONSTANT_KEY = re.compile(r"(?:.*_)?(?:version|schema|layout|template)")
"""Keys of the document's format, whose value is copied."""

_KEY_SIGNS: Mapping[FrontMatterStyle, str] = {"yaml": ":", "toml": "=", "rst": ": ", "json": ":"}


def _read_key_lines(document: WrittenFrontMatter, name: str) -> str:
    """Return the lines of a key in a document, empty if they can't be found."""
    if document.style == "toml":
        return _read_toml_statement(document.text, name)
    if document.style == "json":
        return json.dumps(json.loads(document.text)[name])
    lines = document.text.split("\n")
    starts = sorted(document.values.lines.values())
    start = document.values.lines.get(name, 0)
    end = next((line for line in starts if line > start), len(lines) + document.above + 1)
    key_lines = lines[start - 1 - document.above : end - 1 - document.above] if start else []
    while key_lines and not key_lines[-1].strip():
        key_lines.pop()
    return "\n".join(key_lines)


def _read_toml_statement(text: str, name: str) -> str:
    try:
        statements = [
            statement
            for statement in scan_toml_statements(text)
            if statement.path == (name,) and statement.value
        ]
    except UnexpectedSyntaxError:
        return ""
    return text[statements[0].start : statements[0].end] if statements else ""


def _render_front_matter_line(
    style: FrontMatterStyle, key: FrontMatterKey, value: str | tuple[str, ...]
) -> str:
    if key.constant:
        return key.constant
    if style == "rst":
        text = value if isinstance(value, str) else ", ".join(value)
        return f":{key.name}: {text}".rstrip()
    if style == "toml":
        empty = "[]" if key.many else '""'
        bare = key.quote in ("", NUMBER_QUOTE)
        shown = format_toml_value(value, bare_dates=bare, quote=key.quote) if value else empty
        return f"{format_toml_key(key.name)} = {shown}"
    name = format_yaml_value(key.name)
    if key.many and isinstance(value, str) and value:
        return f"{name}: [{format_yaml_value(value, key.quote)}]"
    return f"{name}: {format_yaml_value(value, key.quote)}" if value else f"{name}:"


def _list_json_values(
    keys: Iterable[FrontMatterKey], facts: IncidentFacts
) -> Iterator[tuple[str, Any]]:
    for key in keys:
        value = facts.get(key.field or "", "")
        if key.constant:
            yield key.name, json.loads(key.constant)
        elif isinstance(value, tuple):
            yield key.name, value[0] if len(value) == 1 and not key.many else list(value)
        else:
            yield key.name, [value] if key.many and value else value or ([] if key.many else None)
