"""The JSON Schema of a registry file, for editors, from the tables by which a file is read.

It holds files to what the parser holds them to, as far as a schema can. A keyword of JSON Schema
says nothing of a value of another type than its own; so ``pattern``, ``required`` and ``contains``
stand side by side for a text, a mapping and a list. All keywords but ``$defs`` are known since
draft 7, and only descriptions stand beside a ``$ref``: many editors know no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pytest_postmortem.registry import entries, fields, files, nested, sources
from pytest_postmortem.registry.presets import SERVICES

__all__ = ["document", "text"]

Schema = dict[str, Any]

SCALARS = ["string", "number", "boolean"]
NOT_BLANK = r"\S"
ONE_LINE = r"^\s*\S(?:[^\n]*\S)?\s*$"
DAY = r"^\s*[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])(?:[T\s][\s\S]*)?$"
WEB = r"[Hh][Tt][Tt][Pp][Ss]?://"
LINK = rf"^\s*(?:{WEB}[^/?#\s]|(?!\.\.(?:[/?#]|\s*$))[^\s:/\\][^:/\\]*(?:/[^\\]*)?$)"
HOST = r"(?:[^\s\\/?#]*@)?[^\s\\/?#@:][^\s\\/?#@]*(?:[/?#][^\s\\]*)?\s*$"
ADDRESS = rf"^\s*{WEB}{HOST}"
PLACE = rf"^(?:https?://{HOST}|(?:{'|'.join(SERVICES)})(?::|$))"

COMMENT = (
    "The parser compares the keys of a file and of an entry without case, and takes '_', '-' and"
    " a space for the same; this schema names them in one form, and takes a key in any other for"
    " an unknown one. The parser reads every number, boolean and date as the text that is written."
)

SETTINGS: Mapping[str, str] = {
    "url_template": "The link of every entry that has none; '{id}' stands where the id belongs.",
    "prefix": "What is put before the ids of this file, where two trackers use the same numbers.",
    "source": "Where further post-mortems are: an address, a service such as 'github:owner/repo',"
    " or a block with either.",
    "partial": "Why this file may not hold all post-mortems: unknown ids are warnings then.",
}

FIELDS: Mapping[str, str] = {
    "title": "What happened, in one line; else the id.",
    "url": "The post-mortem: http, https, or a path in the repository.",
    "date": "When it happened: an ISO date or time.",
    "severity": "How bad it was: free text.",
    "status": "Where the post-mortem stands: free text.",
    "tags": "Words to find it by: a list, or a text with commas.",
    "owner": "The team that it belongs to.",
    "root_cause": "Why it happened, shown beside the failure of a test.",
    "whys": "The five whys: a list, or a text with one a line.",
    "class": "The class of problem: is this one incident, or one of many?",
    "aliases": "Other ids of the same incident: a list, or a text with commas.",
    "fix": "The commits that ended it: texts, or mappings with 'commits' or 'patch'.",
    "patch": "The path of a patch that ends it; '.bug.patch' brings the problem back.",
    "service": "The services that it hit.",
    "repository": "The repositories that it concerns.",
    "component": "The components that it hit.",
    "recurs": "The id of an earlier incident that this one repeats.",
    "guarded_by": "Guards that are no tests of this suite: their types, or mappings with 'type'"
    " and 'url'.",
    "test": "Whether a test has to guard it: 'required' (as without this key), or 'exempt', with"
    " a 'reason' beside it.",
    "reason": "Why no test has to guard it.",
    "until": "The date on which the exemption ends.",
    "tests": "The node ids of tests that guard it: a list, or a text with one a line.",
    "action_items": "What is done about it: titles, or mappings with 'title', 'owner', 'due',"
    " 'type' and 'status'.",
}

SOURCE: Mapping[str, str] = {
    "preset": "A service that is known by name, with a place in it: 'github:owner/repo'.",
    "base": "The address of the service, where it is not the usual one.",
    "url": "The address of the list; '${NAME}' is a variable of the environment.",
    "headers": "The headers of the request: a secret stands in them as '${NAME}'.",
    "query": "The parameters of the request.",
    "basic": "User and password of the request.",
    "list": "The path of the list in the answer.",
    "where": "Which items count: paths, with the texts of which one has to stand there; null"
    " stands for nothing, '*' for anything.",
    "fields": "The paths from which the fields are read.",
    "next": "The way to the next page: 'link', or a mapping: 'url', 'cursor', 'offset', 'page'.",
    "partial": "Why the list is never whole.",
    "insecure": "Send a credential over http too: 'true' for a tracker of a trusted network.",
}


def text() -> str:
    """Return the schema as the text of a file."""
    import json

    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def document() -> Mapping[str, Any]:
    """Return the schema as plain data."""
    shown = {
        **{name: {"description": "The post-mortems."} for name in files.WRAPPERS[:1]},
        **{name: _synonym(files.WRAPPERS[0]) for name in files.WRAPPERS[1:]},
        **{name: {"description": SETTINGS[name], **_setting(name)} for name in files.SETTINGS},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": COMMENT,
        "title": "Registry of post-mortems",
        "description": "The post-mortems that pytest-postmortem reads: a list of entries or a"
        " mapping from ids, bare or under 'postmortems'.",
        "type": ["array", "object", "string", "null"],
        "maxLength": 0,
        "items": _ref("listed"),
        "properties": shown,
        "allOf": [_first_of(files.WRAPPERS, {}, _ref("entries"), _bare())],
        "$defs": {
            **_texts(),
            **_entries(),
            "guard": _guard(),
            "action_item": _action_item(),
            "source": _source(),
            "spot": _spot(),
        },
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _synonym(name: str, only: str = "") -> Schema:
    return {"description": f"Another name of {name!r}{only}."}


def _first_of(names: Iterable[str], counts: Schema, must: Schema, otherwise: Schema) -> Schema:
    """Return what holds the first key that ``counts`` to what it ``must`` be."""
    chain = otherwise
    for name in reversed([*names]):
        chain = {
            "if": {"required": [name], "properties": {name: counts}},
            "then": {"properties": {name: must}},
            "else": chain,
        }
    return chain


def _setting(name: str) -> Schema:
    """Return what a setting may be; a mapping under its name is an entry, or is passed over."""
    if name == "source":
        return {"allOf": [_ref("source")]}
    if name == "url_template":
        return {
            "type": ["string", "object", "null"],
            "allOf": [{"pattern": r"\{id\}"}, {"pattern": LINK}],
        }
    return {"type": [*SCALARS, "object", "null"]}


def _bare() -> Schema:
    """Return a mapping from ids, with the settings of the file beside them."""
    entry = {"if": {"type": "object"}, "then": _ref("keyed")}
    own: Schema = {name: {} if name == "source" else entry for name in files.SETTINGS}
    return {"properties": own, "additionalProperties": _ref("keyed")}


def _texts() -> Schema:
    """Return the forms of a text: ``scalar`` and ``split`` of `fields` read these."""
    named = {"required": ["name"], "properties": {"name": _ref("text")}}
    return {
        "text": {"type": SCALARS, "pattern": NOT_BLANK},
        "named": {"type": [*SCALARS, "object"], "pattern": NOT_BLANK, **named},
        "words": {
            "$comment": "What has to give a text: one, a mapping with a 'name', or a list.",
            "type": [*SCALARS, "object", "array"],
            "pattern": NOT_BLANK,
            **named,
            "contains": _ref("named"),
        },
        "optional": {
            "$comment": "The same, or nothing: no value, an empty text, or an empty list.",
            **named,
            "if": {"minItems": 1},
            "then": {"contains": _ref("named")},
        },
        "link": {"type": SCALARS, "pattern": LINK},
        "day": {
            "type": ["string", "object"],
            "pattern": DAY,
            "required": ["name"],
            "properties": {"name": {"type": "string", "pattern": DAY}},
        },
    }


def _entries() -> Schema:
    has_id = [{"required": [n], "properties": {n: {"type": SCALARS}}} for n in fields.IDS]
    return {
        "entries": {
            "type": ["array", "object", "string", "null"],
            "maxLength": 0,
            "items": _ref("listed"),
            "additionalProperties": _ref("keyed"),
        },
        "listed": {
            "type": "object",
            "allOf": [
                _ref("entry"),
                {
                    "if": {"not": {"anyOf": has_id}},
                    "then": {"required": ["id"], "properties": {"id": {"type": SCALARS}}},
                },
            ],
        },
        "keyed": {"type": ["object", "null"], "allOf": [_ref("entry")]},
        "entry": _entry(),
    }


def _entry() -> Schema:
    shown: Schema = {
        "id": {"description": "The id, unique without regard to case.", "type": [*SCALARS, "null"]}
    }
    shown.update({name: _synonym("id") for name in fields.IDS[1:]})
    for field, names in fields.FIELDS.items():
        shown[field] = {"description": FIELDS[field], **_field(field)}
        for name in names:
            short = f", where it is one line of at most {fields.SHORT} characters"
            shown[name] = _synonym(field, short if name in fields.ONLY_SHORT else "")
    id = {"type": SCALARS, "pattern": ONE_LINE}
    link = {"type": SCALARS, "pattern": NOT_BLANK}
    links = _first_of(fields.FIELDS["url"], link, _ref("link"), {})
    return {
        "properties": shown,
        "allOf": [
            _first_of(fields.IDS, {"type": SCALARS}, id, {}),
            _first_of(["url"], {"not": {"enum": [None, "", []]}}, _ref("link"), links),
        ],
    }


def _field(name: str) -> Schema:
    """Return what a field may be under its own name; under another, what makes no sense counts
    for nothing."""
    if name in entries.SPLIT:
        separator = "," if entries.SPLIT[name] == "," else ""
        return {"pattern": rf"^$|[^\s{separator}]", "allOf": [_ref("optional")]}
    special: Mapping[str, Schema] = {
        "url": {},
        "fix": _fix(),
        "guarded_by": _one_or_many("guard"),
        "test": _required_or_exempt(),
        "until": {
            "type": ["string", "object", "array", "null"],
            "if": {"type": "array"},
            "then": {"maxItems": 1, "items": _ref("day")},
            "else": {"anyOf": [{"type": ["string", "null"], "pattern": r"^\s*$"}, _ref("day")]},
        },
        "action_items": _one_or_many("action_item"),
    }
    return special.get(name, {"allOf": [_ref("optional")]})


def _one_or_many(name: str) -> Schema:
    return {
        "if": {"type": "array"},
        "then": {"items": _ref(name)},
        "else": {"anyOf": [{"enum": [None, ""]}, _ref(name)]},
    }


def _required_or_exempt() -> Schema:
    words = ("required", "exempt")
    any_case = "|".join("".join(f"[{c.upper()}{c}]" for c in word) for word in words)
    return {
        "anyOf": [
            {"enum": [*words, None]},
            {"type": "string", "pattern": rf"^\s*(?:{any_case})\s*$"},
        ]
    }


def _fix() -> Schema:
    """Return the keys of a fix; what else stands there is passed over, and so never wrong."""
    keys = {name: {"description": "A commit, a range, or a list."} for name in nested.COMMITS}
    named = {"properties": {**keys, "patch": {"description": FIELDS["patch"]}}}
    return {**named, "items": named}


def _either(names: Iterable[str]) -> Schema:
    """Return what has a text, or a mapping with a text under one of the names."""
    return {
        "type": [*SCALARS, "object", "array"],
        "pattern": NOT_BLANK,
        "contains": _ref("named"),
        "anyOf": [{"required": [name], "properties": {name: _ref("words")}} for name in names],
    }


def _guard() -> Schema:
    shown = {
        "type": {"description": "What guards: 'alert', 'lint', 'policy'."},
        "name": _synonym("type"),
        "url": {
            "description": "Where the guard is.",
            "anyOf": [{"type": "null"}, _ref("link")],
        },
    }
    return {"properties": shown, **_either(("type", "name"))}


def _action_item() -> Schema:
    title, *synonyms = nested.ITEM_TITLES
    shown = {
        title: {"description": "What is to be done."},
        **{name: _synonym(title) for name in synonyms},
        "owner": {"description": "Who does it."},
        "team": _synonym("owner"),
        "due": {"description": "By which date."},
        "type": {"description": "'prevent', 'detect', 'mitigate' or 'respond'."},
        "status": {"description": "How far it is."},
        "state": _synonym("status"),
    }
    return {"properties": shown, **_either(nested.ITEM_TITLES)}


def _source() -> Schema:
    keys = ("preset", "base", *sources.KEYS)
    pair = {name: {"type": [*SCALARS, "null"]} for name in ("user", "password")}
    no_user = {"properties": {name: {"type": "null"} for name in pair}}
    whole = {"required": [*pair], "properties": {name: {"type": SCALARS} for name in pair}}
    return {
        "type": ["object", "string", "null"],
        "pattern": PLACE,
        "properties": {key: {"description": SOURCE[key], **_source_key(key)} for key in keys},
        "additionalProperties": False,
        "anyOf": [{"required": ["preset"]}, {"required": ["url"]}],
        # What a block leaves out of the pair, its preset may have.
        "if": {"required": ["preset"]},
        "else": {"properties": {"basic": {"anyOf": [no_user, whole]}}},
    }


def _source_key(key: str) -> Schema:
    nothing = {"type": ["object", "null", "string", "array"], "maxLength": 0, "maxItems": 0}
    wanted = [*SCALARS, "null"]
    texts = {**nothing, "additionalProperties": {"type": wanted}}
    spot: Schema = {"anyOf": [_ref("spot"), {"type": "null"}]}
    secret: Schema = {"type": ["string", "null"], "pattern": r"\$\{"}
    kinds: Mapping[str, Schema] = {
        "preset": {"type": "string", "pattern": rf"^(?:{'|'.join(SERVICES)})(?::|$)"},
        "base": {"type": ["string", "null"], "pattern": ADDRESS},
        "url": {"type": "string", "pattern": ADDRESS},
        **dict.fromkeys(("headers", "query"), texts),
        "insecure": {"enum": [True, False, "true", "false", None]},
        "basic": {
            **nothing,
            "properties": {"user": {"type": wanted}, "password": secret},
            "additionalProperties": {"type": "null"},
        },
        "where": {
            **nothing,
            "additionalProperties": {"type": [*wanted, "array"], "items": {"type": wanted}},
        },
        "fields": {
            **nothing,
            "properties": dict.fromkeys(("id", *fields.FIELDS), spot),
            "additionalProperties": spot,
        },
        "next": {"anyOf": [{"enum": ["link", None]}, *map(_next, sources.NEXT)]},
    }
    return kinds.get(key, {"type": wanted})


def _next(kind: str) -> Schema:
    """Return one way to the next page; a cursor alone needs what may stand beside it."""
    beside = sources.NEXT[kind]
    return {
        "type": "object",
        "properties": {key: {"type": SCALARS} for key in (kind, beside)},
        "required": [kind, beside] if kind == "cursor" else [kind],
        "additionalProperties": False,
    }


def _spot() -> Schema:
    """Return where a field is read from, as `paths.spots` takes it."""
    return {
        "type": [*SCALARS, "object", "array"],
        "pattern": NOT_BLANK,
        "minItems": 1,
        "items": _ref("spot"),
        "properties": {
            "from": {"description": "The path of a text.", "allOf": [_ref("text")]},
            "pattern": {
                "description": "A regular expression of Python: its first group, or all of it.",
                "type": SCALARS,
            },
        },
        "required": ["from", "pattern"],
    }
