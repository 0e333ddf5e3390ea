"""The JSON Schema of the registry file: it says what the parser says, as far as a schema can."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import registry_schema
from pytest_postmortem.errors import RegistryError
from pytest_postmortem.model import Location
from pytest_postmortem.registry import LoadOptions, entry, fields, file, load_registry
from pytest_postmortem.registry.raw_entries import WRAPPER_KEYS
from pytest_postmortem.registry.remote import source_config
from pytest_postmortem.registry.remote.presets import PRESET_SERVICES, expand_preset, load_preset

DATA = Path(__file__).parents[1] / "data"
SCHEMA = registry_schema.build_registry_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def seen(node: Any) -> Any:
    """Return YAML as an editor sees it: with types, but dates are texts, and so are keys."""
    if isinstance(node, dict):
        return {str(key): seen(value) for key, value in node.items()}
    if isinstance(node, list):
        return [seen(each) for each in node]
    return node.isoformat() if isinstance(node, datetime.date) else node


def fits(text: str) -> bool:
    """Say whether the schema accepts a registry."""
    return VALIDATOR.is_valid(seen(yaml.safe_load(text)))


def is_read(folder: Path, text: str, name: str = "postmortems.yml") -> bool:
    """Say whether the parser takes all of a registry; where its source is, is not asked."""
    (folder / name).write_text(text, encoding="utf-8")
    try:
        registry = load_registry([Location(name, folder)], folder, LoadOptions(offline=True))
    except RegistryError:
        return False
    return not any(each.code in ("registry-field", "registry-url") for each in registry.findings)


def definition(name: str) -> Any:
    """Return a part of the schema by its name."""
    return SCHEMA["$defs"][name]


def test_the_shipped_schema_is_what_the_tables_give() -> None:
    """``python tools/registry_schema.py`` writes it."""
    assert (
        registry_schema.SCHEMA_FILE.read_text(encoding="utf-8")
        == registry_schema.render_registry_schema()
    )


def test_the_schema_is_a_schema() -> None:
    """Every editor may read it."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    assert SCHEMA["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]


def test_only_what_older_editors_know_stands_in_the_schema() -> None:
    """Beside a reference stands nothing that they would pass over, and all references lead on."""
    nodes: list[Any] = [SCHEMA]
    for node in nodes:
        nodes += node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    references = [node for node in nodes if isinstance(node, dict) and "$ref" in node]

    names = {str(node["$ref"]).removeprefix("#/$defs/") for node in references}

    assert [node for node in references if len(node) > 1] == []
    assert names == SCHEMA["$defs"].keys()


@pytest.mark.parametrize(
    "path", sorted((DATA / "registry_yaml").glob("*.yaml")), ids=lambda path: path.stem
)
def test_a_real_registry_fits(path: Path) -> None:
    """What people have is not underlined in their editor."""
    tree = seen(yaml.safe_load(path.read_text(encoding="utf-8")))

    assert [error.message for error in VALIDATOR.iter_errors(tree)] == []


@pytest.mark.parametrize(
    "path", sorted((DATA / "dir_yaml_per_incident").glob("*.yaml")), ids=lambda path: path.stem
)
def test_a_real_post_mortem_fits_as_an_entry(path: Path) -> None:
    """Files with dozens of keys of their own are entries as well."""
    tree = [seen(yaml.safe_load(path.read_text(encoding="utf-8")))]

    assert [error.message for error in VALIDATOR.iter_errors(tree)] == []


@pytest.mark.parametrize("service", PRESET_SERVICES)
def test_the_presets_are_blocks_that_fit(service: str) -> None:
    """Whoever copies a preset into a file of his own may do so."""
    for example in load_preset(service)["example"].split(", or "):
        tree = {"source": expand_preset(example, example), "postmortems": []}

        assert [error.message for error in VALIDATOR.iter_errors(tree)] == []


FULL = """
prefix: PM-
url_template: https://wiki.example.com/{id}
partial: the newest 50
postmortems:
- id: 7
  title: Twice charged
  url: https://wiki.example.com/pm/7 a
  date: 2026-03-02 10:15:00
  severity: {id: 1, name: sev1}
  status: NO
  tags: [pay, {name: retry}, ~]
  owner: [team-a, team-b]
  root_cause: |
    The retry carried no key.
  whys: [Why one, Why two]
  class: idempotency
  aliases: INC-3, INC-4
  fix: [a1b2c3, "d4 e5,f6", 12, {commits: g7..h8, patch: fix.patch}]
  patch: fix.patch
  service: checkout
  repository: [shop, api]
  component: [{name: cart}]
  recurs: 2
  guarded_by: [{type: alert, url: "https://alerts.example.com/9"}, lint, {name: policy, url: ~}]
  test: exempt
  reason: the queue is gone
  until: 2027-01-31
  tests: ["tests/test_a.py::test_b[x  y, z]"]
  action_items: [Write a test, {title: Add an alert, team: pay, due: 2026-04-01, type: detect}]
  found-by: a customer
  story: {deep: [1, 2]}
"""

ACCEPTED = [
    FULL,
    "",
    "[]",
    "{}",
    '""',
    "postmortems:",
    "postmortems: ''",
    "incidents: {PM-1: {title: A}, PM-2: }",
    "defects: [{id: 0012}]",
    "issues: [{key: 1.5}]",
    "postmortems: []\nincidents: [1]",
    "version: 2\npostmortems: []\nextra: [x]",
    "$schema: ./postmortems.schema.json\npostmortems: []",
    "PM-1: {title: A}\n2: {id: x}\n2026-01-02: ~",
    "prefix: {title: an entry}\nsource: ~\npartial:",
    "prefix: 12\nPM-1: ~",
    "prefix: {id: [x]}\npostmortems: []",
    "url_template: 'docs/{id}.md'\nPM-1: ~",
    "- {id: ~, slug: a}",
    "- {incident_id: {a: b}, uuid: 2026-01-02}",
    "- {id: true}",
    '- {id: "\\n a b \\n"}',
    "PM-1: {reference: ~}",
    "- {id: a, title: ~, tags: ~, url: ~, test: ~, until: ~, guarded_by: ~, action_items: ~}",
    "- {id: a, title: '', tags: '', url: '', until: '', guarded_by: '', action_items: ''}",
    "- {id: a, title: [], tags: [], url: [], until: [], guarded_by: [], action_items: []}",
    "- {id: a, title: ' ', until: ' '}",
    "- {id: a, title: 12, owner: true, severity: 1.0, recurs: 2, date: last Tuesday}",
    "- {id: a, title: [{name: b}, {x: y}], owner: {name: 3}}",
    "- {id: a, name: [[x]], impact: {x: y}, state: {x: y}, labels: {x: y}, cause: [~]}",
    "- {id: a, whys: ',', tests: 5, tags: [~, 3, [x]]}",
    "- {id: a, url: docs/a b.md#top}",
    "- {id: a, url: HTTPS://example.com}",
    "- {id: a, url: a/../b:c}",
    "- {id: a, url: 12}",
    "- {id: a, url: 'https://x', link: 'javascript:x'}",
    "- {id: a, link: ' ', permalink: {a: b}, html_url: 'https://x', web_url: 'file:///x'}",
    "- {id: a, test: required}",
    "- {id: a, test: ' Exempt '}",
    "- {id: a, until: 2027-01-31T10:00:00Z}",
    "- {id: a, until: [2027-01-31]}",
    "- {id: a, until: {name: '2027-01-31 or so'}}",
    "- {id: a, fix: {commit: a1, sha: [b2, c3]}}",
    "- {id: a, guarded_by: lint}",
    "- {id: a, guarded_by: {type: {name: alert}}}",
    "- {id: a, guarded_by: [[lint, policy], {type: ~, name: x}]}",
    "- {id: a, action_items: {action: Do it}}",
    "- {id: a, action_items: [12, {title: ~, summary: [x], owner: [[]]}]}",
    "- {id: a, actions: [{owner: x}], follow_ups: ' '}",
]

REFUSED = [
    "hello",
    "12",
    "- 1",
    "- [2]",
    "-",
    "- hello",
    "a: 1",
    "a: [x]",
    "a: ''",
    "id: PM-1\ntitle: A",
    "$schema: ./postmortems.schema.json\nPM-1: ~",
    "postmortems: hello",
    "postmortems: 3",
    "postmortems: [~]",
    "incidents: {a: b}",
    "postmortems:\ndefects: []\nprefix: [a]",
    "prefix: {title: [~]}",
    "url_template: https://x\nPM-1: ~",
    "url_template: 'javascript:{id}'\nPM-1: ~",
    "url_template: ''\nPM-1: ~",
    "url_template: 12\nPM-1: ~",
    "url_template: [a]\nPM-1: ~",
    "partial: [a]\npostmortems: []",
    "- {}",
    "- {title: A}",
    "- {id: ~}",
    "- {id: ''}",
    "- {id: ' ', slug: a}",
    "- {id: [a]}",
    "- {id: {a: b}, slug: a}",
    '- {id: "a\\nb"}',
    "PM-1: {id: ''}",
    "PM-1: {incident_id: ' '}",
    "- {id: a, title: {a: b}}",
    "- {id: a, title: ['']}",
    "- {id: a, title: {name: ' '}}",
    "- {id: a, date: {a: b}}",
    "- {id: a, root_cause: [[x]]}",
    "- {id: a, tags: ', ,'}",
    "- {id: a, aliases: ' '}",
    "- {id: a, tests: [~]}",
    "- {id: a, service: {a: b}}",
    "- {id: a, whys: {}}",
    "- {id: a, url: [x]}",
    "- {id: a, url: ' '}",
    "- {id: a, url: 'javascript:alert(1)'}",
    "- {id: a, url: 'https:///a'}",
    "- {id: a, url: 'http:a'}",
    "- {id: a, url: /etc/passwd}",
    "- {id: a, url: '//evil.example.com/a'}",
    "- {id: a, url: ../a}",
    "- {id: a, url: ..}",
    "- {id: a, url: 'a\\b'}",
    "- {id: a, url: '', link: 'C:/a'}",
    "- {id: a, permalink: /a, html_url: 'https://x'}",
    "- {id: a, test: maybe}",
    "- {id: a, test: ''}",
    "- {id: a, test: true}",
    "- {id: a, test: [exempt]}",
    "- {id: a, test: {exempt: x}}",
    "- {id: a, until: soon}",
    "- {id: a, until: 2027}",
    "- {id: a, until: '2027-13-01'}",
    "- {id: a, until: 2027-01-31.}",
    "- {id: a, until: [2027-01-31, 2027-02-01]}",
    "- {id: a, until: {a: b}}",
    "- {id: a, guarded_by: ' '}",
    "- {id: a, guarded_by: ['']}",
    "- {id: a, guarded_by: {}}",
    "- {id: a, guarded_by: [~]}",
    "- {id: a, guarded_by: [{url: b}]}",
    "- {id: a, guarded_by: [{type: a, url: 'file:///etc'}]}",
    "- {id: a, guarded_by: [{type: a, url: ''}]}",
    "- {id: a, guarded_by: [{type: {a: b}}]}",
    "- {id: a, action_items: ' '}",
    "- {id: a, action_items: [{owner: x}]}",
    "- {id: a, action_items: [{title: ''}]}",
    "- {id: a, action_items: [x, ~]}",
    "- {id: a, action_items: [[]]}",
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_what_the_parser_accepts_the_schema_accepts(tmp_path: Path, text: str) -> None:
    """An editor underlines nothing that a run would read."""
    assert (is_read(tmp_path, text), fits(text)) == (True, True)


@pytest.mark.parametrize("text", REFUSED)
def test_what_the_parser_refuses_the_schema_refuses(tmp_path: Path, text: str) -> None:
    """What would end a run, or be left out, is underlined while it is written."""
    assert (is_read(tmp_path, text), fits(text)) == (False, False)


BLOCKS = [
    ("github:owner/repo", True),
    ("pagerduty", True),
    ("https://example.com/a", True),
    ("http://127.0.0.1:8000", True),
    ("", False),
    ("[x]", False),
    ("ftp://example.com", False),
    ("https://", False),
    ("{}", False),
    ("{url: 'https://${HOST}/a?b=${C:-}'}", True),
    ("{url: 'HTTPS://user@example.com'}", True),
    ("{url: ~}", False),
    ("{url: example.com}", False),
    ("{url: 'https://a b'}", False),
    ("{url: 'https://user@/a'}", False),
    ("{preset: 'github:owner/repo'}", True),
    ("{preset: 'github:owner/repo', base: 'https://github.example.com/api/v3'}", True),
    ("{preset: 'github:owner/repo', base: nowhere}", False),
    ("{preset: 'github:owner/repo', url: ~}", False),
    ("{preset: other}", False),
    ("{preset: }", False),
    ("{preset: 'github:owner/repo', token: x}", False),
    ("{preset: 'github:owner/repo', headers: ~, query: {state: ~}, next: ~}", True),
    ("{preset: 'jira:https://example.com/OPS', basic: {user: me}}", True),
    ("{url: 'https://x', Headers: {}}", False),
    ("{url: 'https://x', token: ~}", False),
    ("{url: 'https://x', headers: {X-Version: 2022-11-28, X-Page: 5}, query: {a: true}}", True),
    ("{url: 'https://x', headers: '', query: []}", True),
    ("{url: 'https://x', headers: [a]}", False),
    ("{url: 'https://x', headers: false}", False),
    ("{url: 'https://x', query: {a: [b]}}", False),
    ("{url: 'https://x', basic: {user: a, password: '${P}'}}", True),
    ("{url: 'https://x', basic: {user: a, password: 12}}", False),
    ("{url: 'https://x', basic: {realm: ~}}", True),
    ("{url: 'https://x', basic: {user: a}}", False),
    ("{url: 'https://x', basic: {user: a, password: ~}}", False),
    ("{url: 'https://x', basic: {user: a, password: b, realm: c}}", False),
    ("{url: 'https://x', basic: a:b}", False),
    ("{url: 'https://x', list: data.items, partial: 5}", True),
    ("{url: 'https://x', list: [a]}", False),
    ("{url: 'https://x', partial: {a: b}}", False),
    ("{url: 'https://x', where: {mode: [a, 1, ~], deleted_at: ~, x: '*', y: []}}", True),
    ("{url: 'https://x', where: {mode: {a: b}}}", False),
    ("{url: 'https://x', where: {mode: [[a]]}}", False),
    ("{url: 'https://x', where: mode}", False),
    ("{url: 'https://x', fields: {id: reference, own: 'a.{b}', url: [a, [b]]}}", True),
    ("{url: 'https://x', fields: {id: [{from: title, pattern: '^PM-[0-9]+', x: y}, 3]}}", True),
    ("{url: 'https://x', fields: {id: ''}}", False),
    ("{url: 'https://x', fields: {id: []}}", False),
    ("{url: 'https://x', fields: {own: ~}}", True),
    ("{url: 'https://x', fields: {id: {from: title}}}", False),
    ("{url: 'https://x', fields: {id: {pattern: a}}}", False),
    ("{url: 'https://x', fields: {own: {from: [a], pattern: a}}}", False),
    ("{url: 'https://x', fields: {own: [a, ~]}}", False),
    ("{url: 'https://x', fields: [id]}", False),
    ("{url: 'https://x', next: link}", True),
    ("{url: 'https://x', next: {url: a}}", True),
    ("{url: 'https://x', next: {url: a, below: b}}", True),
    ("{url: 'https://x', next: {cursor: a, query: b}}", True),
    ("{url: 'https://x', next: {offset: a, more: b}}", True),
    ("{url: 'https://x', next: {page: a}}", True),
    ("{url: 'https://x', next: a}", False),
    ("{url: 'https://x', next: ''}", False),
    ("{url: 'https://x', next: {}}", False),
    ("{url: 'https://x', next: {cursor: a}}", False),
    ("{url: 'https://x', next: {url: a, query: b}}", False),
    ("{url: 'https://x', next: {page: a, more: ~}}", False),
    ("{url: 'https://x', next: {page: [a]}}", False),
    ("{url: 'https://x', next: {url: a, page: b}}", False),
]


@pytest.mark.parametrize(("block", "good"), BLOCKS)
def test_parser_and_schema_agree_on_a_source(tmp_path: Path, block: str, good: bool) -> None:
    """A mistake in a block shows before a token is sent anywhere."""
    text = f"source: {block or repr('')}\npostmortems: []\n"

    assert (is_read(tmp_path, text), fits(text)) == (good, good)


DIFFERENCES = [
    ("- {id: a, fix: {other: b}}", False, "a fix may have keys of its own"),
    ("- {id: a}\n- {id: A}", False, "no schema compares ids"),
    ("PM-1: ~\nx: {id: pm-1}", False, "no schema compares ids"),
    ("- {ID: a}", True, "keys in another form are unknown ones"),
    ("Incidents: [{id: a}]", True, "keys in another form are unknown ones"),
    ("- {id: a, Root cause: {a: b}}", False, "keys in another form are unknown ones"),
    ("' ': {title: A}", False, "a blank key is no id"),
    ('- {id: "\\u200b"}', False, "what is invisible is blank"),
    ("- {id: a, url: a/../../b}", False, "no pattern counts the parts of a path"),
    ("- {id: a, url: ..%2fb}", False, "no pattern decodes a path"),
    ("- {id: a, until: '2027-02-30'}", False, "no pattern knows the calendar"),
    ("source: github:owner\nx: ~", False, "what may follow a service is its own business"),
    ("source: {url: 'http://a:b@example.com'}", False, "who may hear a secret is no form"),
    ("source: {url: 'https://example.com:port'}", False, "no pattern is an address"),
    ("source: {url: 'https://x', fields: {id: {from: a, pattern: '('}}}", False, "of Python"),
    ("source: {preset: 'github:a/b', basic: {user: a}}", False, "a preset may have the rest"),
    (
        "source: {preset: 'gitlab:a/b', fields: {severity: {pattern: a}}}",
        True,
        "a preset may have the rest",
    ),
    ("source: {preset: 'github:a/b', base: [a]}", True, "a base that is no text counts for none"),
    ("- {id: 1:30, url: 1:30}", False, "an editor of YAML 1.1 sees a number"),
]


@pytest.mark.parametrize(("text", "read", "reason"), DIFFERENCES)
def test_parser_and_schema_are_known_to_differ(
    tmp_path: Path, text: str, read: bool, reason: str
) -> None:
    """Where a schema can't say what the parser does, the difference is known and has a reason."""
    assert (is_read(tmp_path, text), fits(text), reason) == (read, not read, reason)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"$schema": "./postmortems.schema.json", "postmortems": [{"id": 12}]}'),
        ("a.toml", '#:schema ./postmortems.schema.json\n[[postmortems]]\nid = "a"\n'),
        ("a.yml", "# yaml-language-server: $schema=postmortems.schema.json\n- id: a\n"),
    ],
)
def test_the_parser_passes_over_what_names_the_schema(tmp_path: Path, name: str, text: str) -> None:
    """The line that the documentation tells people to write costs nothing."""
    assert is_read(tmp_path, text, name)


def test_every_key_of_an_entry_is_in_the_schema() -> None:
    """What the parser understands is completed, and nothing that it doesn't understand."""
    names = {
        *fields.ID_KEYS,
        *fields.FIELD_SYNONYMS,
        *(n for each in fields.FIELD_SYNONYMS.values() for n in each),
    }

    assert definition("entry")["properties"].keys() == names
    assert all(each.get("description") for each in definition("entry")["properties"].values())


def test_every_key_of_a_file_is_in_the_schema() -> None:
    """The names of the list, and the settings beside it."""
    assert SCHEMA["properties"].keys() == {*WRAPPER_KEYS, *file.FILE_SETTINGS}
    assert all(each.get("description") for each in SCHEMA["properties"].values())


def test_every_key_of_a_source_is_in_the_schema() -> None:
    """The keys of the block, the ways to the next page, and the fields that it may read."""
    shown = definition("source")["properties"]
    _, *ways = shown["next"]["anyOf"]

    assert shown.keys() == {*source_config.SOURCE_KEYS, "preset", "base"}
    assert all(each["description"] for each in shown.values())
    assert [way["required"][0] for way in ways] == [*source_config.NEXT_PAGE_KEYS]
    assert [{*way["properties"]} for way in ways] == [
        {*each} for each in source_config.NEXT_PAGE_KEYS.items()
    ]
    assert shown["fields"]["properties"].keys() == {"id", *fields.FIELD_SYNONYMS}


def test_every_key_of_a_nested_field_is_in_the_schema() -> None:
    """A fix, a guard and an action item are completed as well."""
    fix = definition("entry")["properties"]["fix"]

    assert fix["properties"].keys() == {*entry.COMMIT_KEYS, "patch"}
    assert definition("guard")["properties"].keys() == {"type", "name", "url"}
    assert definition("action_item")["properties"].keys() == {
        *entry.ITEM_TITLE_KEYS,
        *("owner", "team", "due", "type", "status", "state"),
    }


def test_every_table_of_the_parser_has_its_words() -> None:
    """No field is described that is gone, and every text or list of texts is a known field."""
    assert registry_schema.FIELD_DESCRIPTIONS.keys() == fields.FIELD_SYNONYMS.keys()
    assert registry_schema.SETTING_DESCRIPTIONS.keys() == {*file.FILE_SETTINGS}
    assert registry_schema.SOURCE_DESCRIPTIONS.keys() == {
        *source_config.SOURCE_KEYS,
        "preset",
        "base",
    }
    assert {*entry.TEXT_FIELDS, *entry.LIST_SEPARATORS} <= fields.FIELD_SYNONYMS.keys()


def test_the_text_is_json() -> None:
    """What is printed is what is meant, with a line end."""
    text = registry_schema.render_registry_schema()

    assert json.loads(text) == SCHEMA
    assert text.endswith("}\n")
