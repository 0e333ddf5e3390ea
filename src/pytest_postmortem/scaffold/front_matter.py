"""Front matter of a new document: that of the newest document, or of the team's template.

It is a sequence of lines with a key, a sign and a value; further lines below a key belong to it. A
document that is a whole YAML or JSON file is front matter without a body.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pytest_postmortem.registry import fields
from pytest_postmortem.scaffold.naming import find_uuid, spell_uuid_like
from pytest_postmortem.scaffold.scalars import (
    convert_json_value,
    find_quote,
    format_toml_value,
    format_yaml_value,
)

FrontMatterStyle = Literal["yaml", "toml", "rst", "json", "none"]
IncidentFacts = Mapping[str, "str | tuple[str, ...]"]
"""The values of an incident by field; an unknown value is an empty text or tuple."""

KEY_LINES: Mapping[FrontMatterStyle, re.Pattern[str]] = {
    "yaml": re.compile(r"(?P<key>:?[\w\"'][^:]*?)(?P<sign>\s*:)(?P<value>(?:\s.*)?)$"),
    "toml": re.compile(r"(?P<key>[\w\"'][^=]*?)(?P<sign>\s*=)(?P<value>.*)$"),
    "rst": re.compile(r"(?P<key>:[^:\s][^:]*)(?P<sign>:)(?P<value>.*)$"),
}
_FORMAT_KEY = re.compile(r"(?:.*_)?(?:version|schema|layout|template)")
"""Keys of the document's format, whose value is copied."""


def map_keys_to_fields(
    values: Mapping[str, Any], ids: Sequence[str] = fields.DOCUMENT_ID_KEYS
) -> dict[str, str]:
    """Return the keys that are fields; of several keys of one field, the best one."""
    best: dict[str, tuple[int, str]] = {}
    for key, value in values.items():
        name = fields.normalize_key(key.strip("\"'"))
        rank, field = (ids.index(name), "id") if name in ids else fields.find_field(name) or (0, "")
        is_prose = name in fields.SHORT_TEXT_KEYS and len(str(value)) > fields.MAX_SHORT_TEXT
        if field and not is_prose:
            best[field] = min(best.get(field, (rank, key)), (rank, key))
    return {key: field for field, (_, key) in best.items()}


@dataclass(frozen=True, slots=True)
class _KeyBlock:
    """A key with its lines: its own line, split into three parts, and those below."""

    key: str
    sign: str
    value: str
    lines: Sequence[str]

    @property
    def is_nested(self) -> bool:
        """Whether its value is on the lines below."""
        return any(line[:1] in (" ", "\t", "-") and line != "---" for line in self.lines[1:])

    @property
    def is_list(self) -> bool:
        """Whether its value is a list, or another one of several lines."""
        return self.is_nested or self.value.lstrip().startswith("[")

    def write(self, style: FrontMatterStyle, value: str | tuple[str, ...]) -> str:
        """Return its line with another value."""
        text = value if isinstance(value, str) else ", ".join(value)
        if style == "yaml":
            text = format_yaml_value(value, find_quote(self.value), self.is_list)
        elif style == "toml":
            text = format_toml_value(value, self.value, self.is_list)
        return f"{self.key}{self.sign} {text}"


def _split_key_blocks(lines: Iterable[str], style: FrontMatterStyle) -> Iterator[_KeyBlock]:
    """Yield the keys in order; lines above the first key have an empty one."""
    block = _KeyBlock("", "", "", [])
    for line in lines:
        match = KEY_LINES[style].match(line)
        if match:
            yield block
            block = _KeyBlock(match["key"], match["sign"], match["value"], [line])
        else:
            block = _KeyBlock(block.key, block.sign, block.value, [*block.lines, line])
    yield block


def _list_keys(blocks: Iterable[_KeyBlock]) -> dict[str, str]:
    """Return the fields by the keys that mean them."""
    return map_keys_to_fields({block.key: "\n".join(block.lines) for block in blocks})


def fill_front_matter(
    lines: Sequence[str], style: FrontMatterStyle, facts: IncidentFacts
) -> list[str]:
    """Return the front matter of a template with the known values; all else is unchanged."""
    blocks = list(_split_key_blocks(lines, style))
    field_by_key = _list_keys(blocks)
    filled: list[str] = []
    for block in blocks:
        value = facts.get(field_by_key.get(block.key, ""), "")
        if value and not block.is_nested:
            filled.append(block.write(style, value))
            filled += block.lines[1:]
        else:
            filled += block.lines
    return filled


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The front matter of a document, without fences."""

    style: FrontMatterStyle = "none"
    text: str = ""

    @property
    def fields(self) -> frozenset[str]:
        """The fields that have a key."""
        if self.style in ("none", "json"):
            return frozenset(map_keys_to_fields(json.loads(self.text or "{}")).values())
        return frozenset(_list_keys(_split_key_blocks(self.text.split("\n"), self.style)).values())

    def imitate(self, facts: IncidentFacts, needed: Iterable[str] = (), uuid: str = "") -> str:
        """Return the front matter of another document with the same keys.

        ``uuid`` is the value of keys that have a UUID here. Values of keys that are not fields are
        left out. Known values without a key are added under the field's own name, and so are the
        ``needed`` fields, even without a value.
        """
        known = [name for name, value in facts.items() if value and name not in ("title", "date")]
        added = [name for name in dict.fromkeys((*needed, *known)) if name not in self.fields]
        if self.style == "none":
            return ""
        if self.style == "json":
            return _imitate_json(json.loads(self.text), facts, added)
        lines = self.text.split("\n")
        blocks = [block for block in _split_key_blocks(lines, self.style) if block.key]
        field_by_key = _list_keys(blocks)
        kept = [_imitate_key(self.style, each, field_by_key, facts, uuid) for each in blocks]
        colon = ":" if blocks and all(block.key[0] == ":" for block in blocks) else ""
        sign = " =" if self.style == "toml" else ":"
        kept += [
            _imitate_key(
                self.style, _KeyBlock(colon + name, sign, "", []), {colon + name: name}, facts, uuid
            )
            for name in added
        ]
        return "".join(f"{line}\n" for line in kept if line is not None)


FIRST_FRONT_MATTER = FrontMatter("yaml", "date:\nseverity:\nclass:\nowner:")
"""The front matter of the first document of a folder."""


def _imitate_key(
    style: FrontMatterStyle,
    block: _KeyBlock,
    field_by_key: Mapping[str, str],
    facts: IncidentFacts,
    uuid: str,
) -> str | None:
    """Return the line of a key in a new document, None if it is left out."""
    if _FORMAT_KEY.fullmatch(fields.normalize_key(block.key)):
        return "\n".join(block.lines).rstrip()
    field = field_by_key.get(block.key)
    value = facts.get(field or "", "")
    other_uuid = find_uuid(block.value.strip(" \"'")) if field is None else None
    if other_uuid:
        value = spell_uuid_like(other_uuid, uuid)
    if value:
        return block.write(style, value)
    if style != "toml":
        return f"{block.key}{block.sign}"
    empty = "[]" if block.is_list else '""' if field else None  # TOML has no empty value
    return empty and f"{block.key}{block.sign} {empty}"


def _imitate_json(old: Mapping[str, Any], facts: IncidentFacts, added: Iterable[str]) -> str:
    field_by_key = map_keys_to_fields(old)
    new: dict[str, Any] = {}
    for key in (*old, *added):
        model = old.get(key)
        value = facts.get(field_by_key.get(key, key), "")
        if _FORMAT_KEY.fullmatch(fields.normalize_key(key)):
            new[key] = model
        elif value:
            new[key] = convert_json_value(value, model)
        else:
            new[key] = [] if isinstance(model, (list, dict)) else None
    return json.dumps(new, indent=2, ensure_ascii=False) + "\n"
