"""Write the JSON Schema of a registry file, from the tables by which the parser reads one.

Run ``python tools/registry_schema.py`` after a change of these tables; a test compares the file.

The schema accepts what the parser accepts, as far as a schema can. A JSON Schema keyword ignores
values of other types than its own; so one schema has ``pattern`` for a text, ``required`` for a
mapping and ``contains`` for a list. Many editors know draft 7 only: apart from ``$defs`` no newer
keyword is used, and a ``$ref`` has no sibling but a description.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest_postmortem
from pytest_postmortem.registry import entry, fields, file
from pytest_postmortem.registry.raw_entries import WRAPPER_KEYS
from pytest_postmortem.registry.remote import source_config
from pytest_postmortem.registry.remote.presets import PRESET_SERVICES

__all__ = ["SCHEMA_FILE", "build_registry_schema", "render_registry_schema"]

SCHEMA_FILE = Path(pytest_postmortem.__file__).parent / "schemas" / "registry.json"

JsonSchema = dict[str, Any]

SCALAR_TYPES = ["string", "number", "boolean"]
NOT_BLANK_PATTERN = r"\S"
ONE_LINE_PATTERN = r"^\s*\S(?:[^\n]*\S)?\s*$"
DAY_PATTERN = r"^\s*[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])(?:[T\s][\s\S]*)?$"
WEB_SCHEME_PATTERN = r"[Hh][Tt][Tt][Pp][Ss]?://"
LINK_PATTERN = (
    rf"^\s*(?:{WEB_SCHEME_PATTERN}[^/?#\s]|(?!\.\.(?:[/?#]|\s*$))[^\s:/\\][^:/\\]*(?:/[^\\]*)?$)"
)
HOST_PATTERN = r"(?:[^\s\\/?#]*@)?[^\s\\/?#@:][^\s\\/?#@]*(?:[/?#][^\s\\]*)?\s*$"
ADDRESS_PATTERN = rf"^\s*{WEB_SCHEME_PATTERN}{HOST_PATTERN}"
SOURCE_TEXT_PATTERN = rf"^(?:https?://{HOST_PATTERN}|(?:{'|'.join(PRESET_SERVICES)})(?::|$))"

SCHEMA_COMMENT = (
    "The parser compares the keys of a file and of an entry without case, and takes '_', '-' and"
    " a space for the same; this schema names them in one form, and takes a key in any other for"
    " an unknown one. The parser reads every number, boolean and date as the text that is written."
)

SETTING_DESCRIPTIONS: Mapping[str, str] = {
    "url_template": "The link of every entry that has none; '{id}' is replaced by its id.",
    "prefix": "A prefix for the ids of this file, if two trackers use the same numbers.",
    "source": "The source of further post-mortems: an address, a service such as"
    " 'github:owner/repo', or a block with one of these.",
    "partial": "Why post-mortems may be missing in this file; then unknown ids are only warnings.",
}

FIELD_DESCRIPTIONS: Mapping[str, str] = {
    "title": "The title in one line; the id by default.",
    "url": "The post-mortem: http, https, or a path in the repository.",
    "date": "When it happened: an ISO date or time.",
    "severity": "How bad it was: free text.",
    "status": "The status of the post-mortem: free text.",
    "tags": "Words for searching: a list, or a text with commas.",
    "owner": "The team that it belongs to.",
    "root_cause": "The root cause, shown with the failure of a test.",
    "whys": "The five whys: a list, or a text with one a line.",
    "class": "The class of problem, by which reports group incidents.",
    "aliases": "Other ids of the same incident: a list, or a text with commas.",
    "fix": "The commits of the fix: texts, or mappings with 'commits' or 'patch'.",
    "patch": "The path of a patch with the fix; a '.bug.patch' reintroduces the bug.",
    "service": "The services that it hit.",
    "repository": "The repositories that it concerns.",
    "component": "The components that it hit.",
    "recurs": "The id of an earlier incident that this one repeats.",
    "guarded_by": "Guards other than tests of this suite: their types, or mappings with 'type'"
    " and 'url'.",
    "test": "Whether it needs a regression test: 'required' (the default), or 'exempt' with"
    " a 'reason'.",
    "reason": "Why it needs no regression test.",
    "until": "The date on which the exemption ends.",
    "tests": "The node ids of tests that guard it: a list, or a text with one a line.",
    "action_items": "The action items: titles, or mappings with 'title', 'owner', 'due',"
    " 'type' and 'status'.",
}

SOURCE_DESCRIPTIONS: Mapping[str, str] = {
    "preset": "A service with a preset, and a location in it: 'github:owner/repo'.",
    "base": "The address of the service, if it is not the default one.",
    "url": "The address of the list; '${NAME}' is an environment variable.",
    "headers": "The headers of the request; write a secret as '${NAME}'.",
    "query": "The parameters of the request.",
    "basic": "User and password of the request.",
    "list": "The path of the list in the answer.",
    "where": "The items to keep: paths, each with the accepted texts; null is a missing value,"
    " '*' any value.",
    "fields": "The paths from which the fields are read.",
    "next": "The way to the next page: 'link', or a mapping: 'url', 'cursor', 'offset', 'page'.",
    "partial": "Why the list is never complete.",
    "post": "Data that is sent as JSON in a POST request.",
    "insecure": "Send a credential over http too: 'true' for a tracker in a trusted network.",
}


def render_registry_schema() -> str:
    """Return the schema as the text of a file."""
    return json.dumps(build_registry_schema(), indent=2, ensure_ascii=False) + "\n"


def build_registry_schema() -> Mapping[str, Any]:
    """Return the schema as plain data."""
    properties = {
        **{name: {"description": "The post-mortems."} for name in WRAPPER_KEYS[:1]},
        **{name: _build_synonym_schema(WRAPPER_KEYS[0]) for name in WRAPPER_KEYS[1:]},
        **{
            name: {"description": SETTING_DESCRIPTIONS[name], **_build_setting_schema(name)}
            for name in file.FILE_SETTINGS
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": SCHEMA_COMMENT,
        "title": "Registry of post-mortems",
        "description": "The post-mortems that pytest-postmortem reads: a list of entries or a"
        " mapping from ids, bare or under 'postmortems'.",
        "type": ["array", "object", "string", "null"],
        "maxLength": 0,
        "items": _build_reference("listed"),
        "properties": properties,
        "allOf": [
            _build_first_key_schema(
                WRAPPER_KEYS, {}, _build_reference("entries"), _build_bare_schema()
            )
        ],
        "$defs": {
            **_build_text_schemas(),
            **_build_entry_list_schemas(),
            "guard": _build_guard_schema(),
            "action_item": _build_action_item_schema(),
            "source": _build_source_schema(),
            "spot": _build_field_path_schema(),
        },
    }


def _build_reference(name: str) -> JsonSchema:
    return {"$ref": f"#/$defs/{name}"}


def _build_synonym_schema(name: str, only: str = "") -> JsonSchema:
    return {"description": f"Another name of {name!r}{only}."}


def _build_first_key_schema(
    names: Iterable[str], counts: JsonSchema, must: JsonSchema, otherwise: JsonSchema
) -> JsonSchema:
    """Return a schema that applies ``must`` to the first key whose value matches ``counts``."""
    chain = otherwise
    for name in reversed([*names]):
        chain = {
            "if": {"required": [name], "properties": {name: counts}},
            "then": {"properties": {name: must}},
            "else": chain,
        }
    return chain


def _build_setting_schema(name: str) -> JsonSchema:
    """Return the schema of a setting; a mapping under its name is an entry, or is ignored."""
    if name == "source":
        return {"allOf": [_build_reference("source")]}
    if name == "url_template":
        return {
            "type": ["string", "object", "null"],
            "allOf": [{"pattern": r"\{id\}"}, {"pattern": LINK_PATTERN}],
        }
    return {"type": [*SCALAR_TYPES, "object", "null"]}


def _build_bare_schema() -> JsonSchema:
    """Return the schema of a mapping from ids, next to the settings of the file."""
    entry = {"if": {"type": "object"}, "then": _build_reference("keyed")}
    setting_schemas: JsonSchema = {
        name: {} if name == "source" else entry for name in file.FILE_SETTINGS
    }
    return {"properties": setting_schemas, "additionalProperties": _build_reference("keyed")}


def _build_text_schemas() -> JsonSchema:
    """Return the schemas of texts, as `fields.parse_scalar` and `fields.split_texts` read them."""
    named_text = {"required": ["name"], "properties": {"name": _build_reference("text")}}
    return {
        "text": {"type": SCALAR_TYPES, "pattern": NOT_BLANK_PATTERN},
        "named": {"type": [*SCALAR_TYPES, "object"], "pattern": NOT_BLANK_PATTERN, **named_text},
        "words": {
            "$comment": "A text, a mapping with a 'name', or a list of these; not empty.",
            "type": [*SCALAR_TYPES, "object", "array"],
            "pattern": NOT_BLANK_PATTERN,
            **named_text,
            "contains": _build_reference("named"),
        },
        "optional": {
            "$comment": "The same, or nothing: no value, an empty text, or an empty list.",
            **named_text,
            "if": {"minItems": 1},
            "then": {"contains": _build_reference("named")},
        },
        "link": {"type": SCALAR_TYPES, "pattern": LINK_PATTERN},
        "day": {
            "type": ["string", "object"],
            "pattern": DAY_PATTERN,
            "required": ["name"],
            "properties": {"name": {"type": "string", "pattern": DAY_PATTERN}},
        },
    }


def _build_entry_list_schemas() -> JsonSchema:
    has_id = [{"required": [n], "properties": {n: {"type": SCALAR_TYPES}}} for n in fields.ID_KEYS]
    return {
        "entries": {
            "type": ["array", "object", "string", "null"],
            "maxLength": 0,
            "items": _build_reference("listed"),
            "additionalProperties": _build_reference("keyed"),
        },
        "listed": {
            "type": "object",
            "allOf": [
                _build_reference("entry"),
                {
                    "if": {"not": {"anyOf": has_id}},
                    "then": {"required": ["id"], "properties": {"id": {"type": SCALAR_TYPES}}},
                },
            ],
        },
        "keyed": {"type": ["object", "null"], "allOf": [_build_reference("entry")]},
        "entry": _build_entry_schema(),
    }


def _build_entry_schema() -> JsonSchema:
    properties: JsonSchema = {
        "id": {
            "description": "The id, unique without regard to case.",
            "type": [*SCALAR_TYPES, "null"],
        }
    }
    properties.update({name: _build_synonym_schema("id") for name in fields.ID_KEYS[1:]})
    for field, names in fields.FIELD_SYNONYMS.items():
        properties[field] = {"description": FIELD_DESCRIPTIONS[field], **_build_field_schema(field)}
        for name in names:
            short = f", where it is one line of at most {fields.MAX_SHORT_TEXT} characters"
            properties[name] = _build_synonym_schema(
                field, short if name in fields.SHORT_TEXT_KEYS else ""
            )
    id = {"type": SCALAR_TYPES, "pattern": ONE_LINE_PATTERN}
    link = {"type": SCALAR_TYPES, "pattern": NOT_BLANK_PATTERN}
    links = _build_first_key_schema(
        fields.FIELD_SYNONYMS["url"], link, _build_reference("link"), {}
    )
    return {
        "properties": properties,
        "allOf": [
            _build_first_key_schema(fields.ID_KEYS, {"type": SCALAR_TYPES}, id, {}),
            _build_first_key_schema(
                ["url"], {"not": {"enum": [None, "", []]}}, _build_reference("link"), links
            ),
        ],
    }


def _build_field_schema(name: str) -> JsonSchema:
    """Return the schema of a field under its own name; under a synonym a wrong value is ignored."""
    if name in entry.LIST_SEPARATORS:
        separator = "," if entry.LIST_SEPARATORS[name] == "," else ""
        return {"pattern": rf"^$|[^\s{separator}]", "allOf": [_build_reference("optional")]}
    special: Mapping[str, JsonSchema] = {
        "url": {},
        "fix": _build_fix_schema(),
        "guarded_by": _build_one_or_many_schema("guard"),
        "test": _build_test_field_schema(),
        "until": {
            "type": ["string", "object", "array", "null"],
            "if": {"type": "array"},
            "then": {"maxItems": 1, "items": _build_reference("day")},
            "else": {
                "anyOf": [
                    {"type": ["string", "null"], "pattern": r"^\s*$"},
                    _build_reference("day"),
                ]
            },
        },
        "action_items": _build_one_or_many_schema("action_item"),
    }
    return special.get(name, {"allOf": [_build_reference("optional")]})


def _build_one_or_many_schema(name: str) -> JsonSchema:
    return {
        "if": {"type": "array"},
        "then": {"items": _build_reference(name)},
        "else": {"anyOf": [{"enum": [None, ""]}, _build_reference(name)]},
    }


def _build_test_field_schema() -> JsonSchema:
    words = ("required", "exempt")
    any_case = "|".join("".join(f"[{c.upper()}{c}]" for c in word) for word in words)
    return {
        "anyOf": [
            {"enum": [*words, None]},
            {"type": "string", "pattern": rf"^\s*(?:{any_case})\s*$"},
        ]
    }


def _build_fix_schema() -> JsonSchema:
    """Return the schema of a fix; other keys are ignored, and so never wrong."""
    keys = {name: {"description": "A commit, a range, or a list."} for name in entry.COMMIT_KEYS}
    fix_mapping = {"properties": {**keys, "patch": {"description": FIELD_DESCRIPTIONS["patch"]}}}
    return {**fix_mapping, "items": fix_mapping}


def _build_either_key_schema(names: Iterable[str]) -> JsonSchema:
    """Return the schema of a text, or a mapping with a text under one of the names."""
    return {
        "type": [*SCALAR_TYPES, "object", "array"],
        "pattern": NOT_BLANK_PATTERN,
        "contains": _build_reference("named"),
        "anyOf": [
            {"required": [name], "properties": {name: _build_reference("words")}} for name in names
        ],
    }


def _build_guard_schema() -> JsonSchema:
    properties = {
        "type": {"description": "The type of the guard: 'alert', 'lint', 'policy'."},
        "name": _build_synonym_schema("type"),
        "url": {
            "description": "Where the guard is.",
            "anyOf": [{"type": "null"}, _build_reference("link")],
        },
    }
    return {"properties": properties, **_build_either_key_schema(("type", "name"))}


def _build_action_item_schema() -> JsonSchema:
    title, *synonyms = entry.ITEM_TITLE_KEYS
    properties = {
        title: {"description": "The title of the action item."},
        **{name: _build_synonym_schema(title) for name in synonyms},
        "owner": {"description": "The team that does it."},
        "team": _build_synonym_schema("owner"),
        "due": {"description": "The due date."},
        "type": {"description": "'prevent', 'detect', 'mitigate' or 'respond'."},
        "status": {"description": "The status of the action item."},
        "state": _build_synonym_schema("status"),
    }
    return {"properties": properties, **_build_either_key_schema(entry.ITEM_TITLE_KEYS)}


def _build_source_schema() -> JsonSchema:
    keys = ("preset", "base", *source_config.SOURCE_KEYS)
    pair = {name: {"type": [*SCALAR_TYPES, "null"]} for name in ("user", "password")}
    no_user = {"properties": {name: {"type": "null"} for name in pair}}
    whole = {"required": [*pair], "properties": {name: {"type": SCALAR_TYPES} for name in pair}}
    return {
        "type": ["object", "string", "null"],
        "pattern": SOURCE_TEXT_PATTERN,
        "properties": {
            key: {"description": SOURCE_DESCRIPTIONS[key], **_build_source_key_schema(key)}
            for key in keys
        },
        "additionalProperties": False,
        "anyOf": [{"required": ["preset"]}, {"required": ["url"]}],
        # The preset may have the other half of the pair.
        "if": {"required": ["preset"]},
        "else": {"properties": {"basic": {"anyOf": [no_user, whole]}}},
    }


def _build_source_key_schema(key: str) -> JsonSchema:
    nothing = {"type": ["object", "null", "string", "array"], "maxLength": 0, "maxItems": 0}
    value_types = [*SCALAR_TYPES, "null"]
    texts = {**nothing, "additionalProperties": {"type": value_types}}
    spot: JsonSchema = {"anyOf": [_build_reference("spot"), {"type": "null"}]}
    secret: JsonSchema = {"type": ["string", "null"], "pattern": r"\$\{"}
    kinds: Mapping[str, JsonSchema] = {
        "preset": {"type": "string", "pattern": rf"^(?:{'|'.join(PRESET_SERVICES)})(?::|$)"},
        "base": {"type": ["string", "null"], "pattern": ADDRESS_PATTERN},
        "url": {"type": "string", "pattern": ADDRESS_PATTERN},
        **dict.fromkeys(("headers", "query"), texts),
        "post": {"type": ["object", "null"]},
        "insecure": {"enum": [True, False, "true", "false", None]},
        "basic": {
            **nothing,
            "properties": {"user": {"type": value_types}, "password": secret},
            "additionalProperties": {"type": "null"},
        },
        "where": {
            **nothing,
            "additionalProperties": {
                "type": [*value_types, "array"],
                "items": {"type": value_types},
            },
        },
        "fields": {
            **nothing,
            "properties": dict.fromkeys(("id", *fields.FIELD_SYNONYMS), spot),
            "additionalProperties": spot,
        },
        "next": {
            "anyOf": [
                {"enum": ["link", None]},
                *map(_build_next_page_schema, source_config.NEXT_PAGE_KEYS),
            ]
        },
    }
    return kinds.get(key, {"type": value_types})


def _build_next_page_schema(kind: source_config.PageKind) -> JsonSchema:
    """Return the schema of a way to the next page; only a cursor needs its second key."""
    companion_key = source_config.NEXT_PAGE_KEYS[kind]
    return {
        "type": "object",
        "properties": {key: {"type": SCALAR_TYPES} for key in (kind, companion_key)},
        "required": [kind, companion_key] if kind == "cursor" else [kind],
        "additionalProperties": False,
    }


def _build_field_path_schema() -> JsonSchema:
    """Return the schema of the path of a field, as `json_path.parse_field_paths` reads it."""
    return {
        "type": [*SCALAR_TYPES, "object", "array"],
        "pattern": NOT_BLANK_PATTERN,
        "minItems": 1,
        "items": _build_reference("spot"),
        "properties": {
            "from": {"description": "The path of a text.", "allOf": [_build_reference("text")]},
            "pattern": {
                "description": "A regular expression of Python: its first group, or all of it.",
                "type": SCALAR_TYPES,
            },
        },
        "required": ["from", "pattern"],
    }


if __name__ == "__main__":
    SCHEMA_FILE.write_text(render_registry_schema(), encoding="utf-8")
