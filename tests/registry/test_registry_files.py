"""A registry file: YAML, JSON and TOML, the fields, and every way in which a file can be broken."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
import yaml

from pytest_postmortem.errors import RegistryError
from pytest_postmortem.model import ActionItem, Guard, Location, Postmortem, Registry
from pytest_postmortem.registry import LoadOptions, find_registry, load_registry
from pytest_postmortem.registry.remote.presets import PRESET_SERVICES

DATA = Path(__file__).parents[1] / "data"


def write(folder: Path, text: str, name: str = "postmortems.yml") -> Path:
    """Write a registry file, and return its folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return folder


def read(folder: Path, *names: str, url_template: str | None = None) -> Registry:
    """Load registry files of a folder."""
    locations = [Location(name, folder) for name in names or ("postmortems.yml",)]
    return load_registry(locations, folder, LoadOptions(url_template=url_template))


def problems(folder: Path, *names: str, url_template: str | None = None) -> str:
    """Return all messages of a registry that can't be read, without their last lines."""
    with pytest.raises(RegistryError) as caught:
        read(folder, *names, url_template=url_template)
    return re.sub(r"\n  see `pytest-postmortem explain .*", "", str(caught.value))


def entry(folder: Path, fields: str) -> Postmortem:
    """Return the post-mortem of a registry with one entry, which has these fields."""
    lines = "".join(f"  {line}\n" for line in fields.split("\n"))
    return read(write(folder, f"- id: PM-1\n{lines}")).postmortems[0]


SHAPES = {
    "list.yml": """
- id: PM-1
  title: Twice charged
- id: PM-2
  title: "No"
""",
    "wrapped-list.yml": """
version: 2
postmortems:
- {id: PM-1, title: Twice charged}
- {id: PM-2, title: No}
""",
    "wrapped-mapping.yaml": """
Incidents:
  PM-1: {title: Twice charged}
  PM-2: {name: No}
""",
    "mapping.yml": """
PM-1: {title: Twice charged}
ignored: {ID: PM-2, title: No}
""",
    "merged.yml": """
defaults: &all {title: Twice charged, severity: ~}
defects:
- {id: PM-1, <<: *all}
- {<<: [{id: PM-2}, *all], title: No}
""",
    "anchors.yml": """
x: [&one PM-1, &two title, &three !!str no]
postmortems:
- {id: *one, *two : Twice charged}
- {id: PM-2, title: No}
""",
    "list.json": '[{"id": "PM-1", "title": "Twice charged"}, {"id": "PM-2", "title": "No"}]',
    "wrapped.json": """\ufeff
{"issues": {"PM-1": {"title": "Twice charged"}, "PM-2": {"name": "No"}}}
""",
    "list.toml": """
prefix = "PM-"
[[postmortems]]
id = 1
title = "Twice charged"
[[postmortems]]
id = "pm-2"
title = "No"
""",
    "mapping.toml": """
[PM-1]
title = "Twice charged"
["PM-2"]
title = "No"
""",
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_registry_may_have_any_of_these_shapes(tmp_path: Path, name: str) -> None:
    """A list or a mapping, bare or under one of four names, in three formats: all are the same."""
    write(tmp_path, SHAPES[name], name)

    registry = read(tmp_path, name)

    assert [(each.id.upper(), each.title) for each in registry] == [
        ("PM-1", "Twice charged"),
        ("PM-2", "No"),
    ]
    assert registry.locations == (name,)
    assert registry.findings == ()


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("list.yml", [2, 4]),
        ("wrapped-list.yml", [4, 5]),
        ("wrapped-mapping.yaml", [3, 4]),
        ("mapping.yml", [2, 3]),
        ("list.json", [1, 1]),
        ("list.toml", [3, 6]),
        ("mapping.toml", [2, 4]),
    ],
)
def test_an_entry_knows_its_line(tmp_path: Path, name: str, lines: list[int]) -> None:
    """A reader is sent to the entry, in whatever format it is."""
    write(tmp_path, SHAPES[name], name)

    registry = read(tmp_path, name)

    assert [each.line for each in registry] == lines
    assert {each.path for each in registry} == {name}


def test_the_lines_of_json_are_those_of_the_braces(tmp_path: Path) -> None:
    """Braces in texts and in nested values don't count."""
    text = """{"url_template": "https://x/{id}",
"incidents": [
{"id": "\\"{", "fix": [{"a": 1}]},

{"id": "b"}]}"""
    write(tmp_path, text, "a.json")

    registry = read(tmp_path, "a.json")

    assert [(each.id, each.line) for each in registry] == [('"{', 3), ("b", 5)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yml", "- {id: 0012, date: 2024-03-12, status: NO, owner: 1:30, severity: 1.0, fix: ~}"),
        (
            "a.json",
            '[{"id": "0012", "date": "2024-03-12T10:00:00Z", "status": "NO", "owner": "1:30",'
            ' "severity": 1.0, "fix": null}]',
        ),
        (
            "a.toml",
            '[[postmortems]]\nid = "0012"\ndate = 2024-03-12\nstatus = "NO"\nowner = "1:30"\n'
            "severity = 1.0\n",
        ),
    ],
)
def test_every_value_is_text(tmp_path: Path, name: str, text: str) -> None:
    """No id loses its zeros, and no status its meaning, to a format that guesses types."""
    write(tmp_path, text, name)

    found = read(tmp_path, name).postmortems[0]

    assert found == Postmortem(
        "0012",
        "0012",
        path=name,
        line=1,
        date="2024-03-12",
        severity="1.0",
        status="NO",
        owner="1:30",
    )


@pytest.mark.parametrize(
    ("name", "count", "id"),
    [
        ("github-status-819.yaml", 819, r"GHS-\d+"),
        ("github-status-819-numeric-ids.yaml", 40, r"\d+"),
    ],
)
def test_a_real_registry_is_read_whole(name: str, count: int, id: str) -> None:
    """Ids are text, and every entry keeps its title, its date and its link."""
    registry = load_registry([Location(name, DATA / "registry_yaml")], DATA)

    assert len(registry) == count
    assert registry.locations == (f"registry_yaml/{name}",)
    for each in registry:
        assert re.fullmatch(id, each.id)
        assert each.title != each.id
        assert each.day is not None
        assert (each.url or "").startswith("https://www.githubstatus.com/incidents/")
        assert registry.find(each.id.lower()) is each


def test_every_field_has_its_place(tmp_path: Path) -> None:
    """All fields by their own names, in the forms in which the reference shows them."""
    text = """
postmortems:
- id: PM-7
  title: Twice charged
  url: https://wiki.example.com/pm/7 a
  date: 2026-03-02 10:15
  severity: {id: 1, name: sev1}
  status: done
  tags: [pay, {name: retry}, ~]
  owner: [team-a, team-b]
  Root cause: |
    The retry carried no key.

    And nobody saw it.
  whys: [Why one?, Why two?]
  class: idempotency
  aliases: INC-3, INC-4
  cve: [CVE-2026-1]
  fix: [a1b2c3, "d4 e5,f6", {commits: g7..h8, Patch: fix.patch}]
  service: checkout
  repository: [shop, api]
  component: [{name: cart}]
  recurs: PM-2
  guarded_by: [{type: alert, url: "https://alerts.example.com/9"}, lint]
  test: Exempt
  reason: the queue is gone
  until: 2027-01-31
  tests: ["tests/test_a.py::test_b[x  y, z]"]
  action_items:
  - Write a test
  - {title: Add an alert, team: pay, due: 2026-04-01, type: detect, state: open}
  found-by: a customer
  slug: not-an-extra
  story: {name: ignored}
"""

    found = read(write(tmp_path, text)).postmortems[0]

    assert found == Postmortem(
        id="PM-7",
        title="Twice charged",
        url="https://wiki.example.com/pm/7%20a",
        path="postmortems.yml",
        line=3,
        date="2026-03-02",
        severity="sev1",
        status="done",
        tags=("pay", "retry"),
        owner="team-a, team-b",
        root_cause="The retry carried no key.\nAnd nobody saw it.",
        whys=("Why one?", "Why two?"),
        problem_class="idempotency",
        aliases=("INC-3", "INC-4", "CVE-2026-1"),
        fix=("a1b2c3", "d4", "e5", "f6", "g7..h8"),
        patch="fix.patch",
        service=("checkout",),
        repository=("shop", "api"),
        component=("cart",),
        recurs="PM-2",
        guarded_by=(Guard("alert", "https://alerts.example.com/9"), Guard("lint")),
        exempt=True,
        reason="the queue is gone",
        until="2027-01-31",
        tests=("tests/test_a.py::test_b[x  y, z]",),
        action_items=(
            ActionItem("Write a test"),
            ActionItem("Add an alert", "pay", "2026-04-01", "detect", "open"),
        ),
        extra={"found_by": "a customer"},
    )


LONG = "long " * 50


@pytest.mark.parametrize(
    ("fields", "name", "expected"),
    [
        ("summary: Short", "title", "Short"),
        (f"name: {LONG}", "title", "PM-1"),
        ("message: |\n  two\n  lines", "title", "PM-1"),
        (f"title: {LONG}", "title", LONG.strip()),
        ("name: {name: Inner}", "title", "Inner"),
        ("impact: major", "severity", "major"),
        (f"impact: {LONG}\npriority: P2", "severity", "P2"),
        ("impact: [all, users]", "severity", None),
        ("started_at: 2024-01-02T03:04:05Z", "date", "2024-01-02"),
        ("start_timestamp: 2024-01-02 03:04:05+00:00", "date", "2024-01-02"),
        ("Start date: 2024-01-02", "date", "2024-01-02"),
        ("opened_at: 2024-01-02", "date", "2024-01-02"),
        (":title: Lost mail", "title", "Lost mail"),
        ("created: last Tuesday", "date", "last Tuesday"),
        ("date: 2024-13-02", "date", "2024-13-02"),
        ("occurred: 2024-01-02\ncreated_at: 2024-01-05", "date", "2024-01-02"),
        ("link: http://a.example.com\npermalink: b.md", "url", "http://a.example.com"),
        ("html_url: {href: x}\nweb_url: docs/a b.md#top", "url", "docs/a b.md#top"),
        ("labels: a, b,,a", "tags", ("a", "b")),
        ("services: [{name: shop}, {id: 3}, [x]]", "tags", ("shop",)),
        ("keywords: {deep: er}", "tags", ()),
        ("cause: one\nroot_cause: two", "root_cause", "two"),
        ("five whys: |\n  one\n  two", "whys", ("one", "two")),
        ("fixed_in: 1.2, 1.3", "fix", ("1.2", "1.3")),
        ("fix: {patch: a.patch}", "patch", "a.patch"),
        ("fix: {other: a}\nfix_commit: a1", "fix", ("a1",)),
        ("fix: {other: a}", "fix", ()),
        ("patch: a.bug.patch", "patch", "a.bug.patch"),
        ("aliases: [PM-1, pm-1, x]", "aliases", ("x",)),
        ("regression test: |\n  a.py::b\n  a.py::c", "tests", ("a.py::b", "a.py::c")),
        ("guarded_by: {name: policy}", "guarded_by", (Guard("policy"),)),
        ("guarded_by: []", "guarded_by", ()),
        ("actions: [{text: x}, {name: y}]", "action_items", (ActionItem("y"),)),
        ("follow-ups: write it", "action_items", (ActionItem("write it"),)),
        ("test: required\nreason: r\nuntil: 2026-01-02", "reason", None),
        ("Title : A\ntitle: B", "title", "A"),
        ('title: "a\\u202eb\\u200b\\e[31mc\\u00a0d\\te"', "title", "ab[31mc d e"),
        ('root_cause: "a\\r\\n\\n\\0b\\u2028c"', "root_cause", "a\nb\nc"),
        ('x: "a\\nb"\ny: z\n"\\e": w', "extra", {"y": "z"}),
        (f"x: {LONG}", "extra", {}),
        ("owner: ''\nteam: shop", "owner", "shop"),
        ('owner: "\\e"\nteam: shop', "owner", "shop"),
        ("state: {a: b}", "status", None),
    ],
)
def test_a_field_is_understood_by_other_names_and_in_other_forms(
    tmp_path: Path, fields: str, name: str, expected: object
) -> None:
    """Real files are read as they are; what can't be meant is passed over."""
    found = entry(tmp_path, fields)

    assert getattr(found, name) == expected


@pytest.mark.parametrize(
    "key",
    ["id", "incident_id", "postmortem_id", "Document-ID", "reference", "KEY", "uuid", "slug"],
)
def test_an_id_is_found_under_many_names(tmp_path: Path, key: str) -> None:
    """What a tracker calls the id of an incident is its id."""
    registry = read(write(tmp_path, f"- {{title: A, {key}: 0012}}"))

    assert [each.id for each in registry] == ["0012"]


def test_a_prefix_keeps_the_numbers_of_two_trackers_apart(tmp_path: Path) -> None:
    """It is put before each id that lacks it, also before one that an entry recurs to."""
    text = "prefix: PM-\npostmortems: [{id: 1}, {id: pm-2, recurs: 1}, {id: 3, recurs: INC-9}]"

    registry = read(write(tmp_path, text))

    assert [(each.id, each.recurs) for each in registry] == [
        ("PM-1", None),
        ("pm-2", "PM-1"),
        ("PM-3", "INC-9"),
    ]


@pytest.mark.parametrize(
    ("text", "argument", "expected"),
    [
        ("[{id: a/b}]", None, None),
        ("[{id: a/b}]", "https://a/{id}/{id}?{x}", "https://a/a%2Fb/a%2Fb?{x}"),
        (
            "{url_template: 'docs/{id}.md', incidents: [{id: a b}]}",
            "https://a/{id}",
            "docs/a%20b.md",
        ),
        ("{url_template: 'docs/{id}.md', x: {url: https://x}}", None, "https://x"),
        ("{url_template: {id: deep}, x: {url: https://x}}", None, None),
    ],
)
def test_a_template_gives_links(
    tmp_path: Path, text: str, argument: str | None, expected: str | None
) -> None:
    """An entry's own link comes first, then the file's template, then the setting."""
    registry = read(write(tmp_path, text), url_template=argument)

    assert registry.postmortems[0].url == expected


@pytest.mark.parametrize("name", ["a.yml", "a.json", "a.toml"])
@pytest.mark.parametrize("text", ["", "\n \n"])
def test_an_empty_registry_is_a_warning(tmp_path: Path, name: str, text: str) -> None:
    """A team that begins has no post-mortem yet."""
    registry = read(write(tmp_path, text, name), name)

    assert [(each.code, each.severity, str(each)) for each in registry.findings] == [
        (
            "registry-empty",
            "warning",
            f"{name}: it has no post-mortem; write the first, or correct the path",
        )
    ]


@pytest.mark.parametrize("text", ["[]", "{}", "postmortems:", "prefix: PM-", "# no"])
def test_a_registry_without_entries_is_empty(tmp_path: Path, text: str) -> None:
    """An empty list, nothing under its name, and settings alone are all the same."""
    registry = read(write(tmp_path, text))

    assert [each.code for each in registry.findings] == ["registry-empty"]


NO_ENTRY = "\n  write each post-mortem as a mapping with an 'id', such as '- id: PM-1'"
NEEDS_ID = "\n  every post-mortem needs an 'id'"
LINK = "\n  write an http or https address, or the path of a file in the repository"
MEND = "\n  fix the YAML on this line or the one before"
AT = "Couldn't read registry 'postmortems.yml'"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "- id: [",
            f"{AT}, line 1: it is not YAML: did not find expected node content{MEND}",
        ),
        (
            "- id: PM-1\n\ttitle: A\n",
            f"{AT}, line 2: it is not YAML: found a tab character that violates indentation\n"
            "  indent with spaces: YAML allows no tabs at the beginning of a line",
        ),
        ("a: 'x", f"{AT}, line 1: it is not YAML: found unexpected end of stream{MEND}"),
        (
            "- id: a\n  title: \x1bb",
            f"{AT}, line 2: it is not YAML: it holds a control character\n"
            "  remove the character from this line",
        ),
        (
            "- 1\n- [2]\n-\n- id: x\n",
            f"{AT}, line 1: '1' is not an entry{NO_ENTRY}\n"
            f"{AT}, line 2: a list is not an entry{NO_ENTRY}\n"
            f"{AT}, line 3: nothing is not an entry{NO_ENTRY}",
        ),
        ("hello", f"{AT}: 'hello' is not an entry{NO_ENTRY}"),
        ("a: 1", f"{AT}, line 1: '1' is not an entry{NO_ENTRY}"),
        (
            "id: PM-1\ntitle: A",
            f"{AT}, line 1: it holds one bare entry\n"
            "  write a list of entries, even if it has only one",
        ),
        (
            "- title: A\n- id: PM-13\n- title: B\n- {id: , title: C}\n",
            f"{AT}, line 1: the first entry has no 'id'{NEEDS_ID}\n"
            f"{AT}, line 3: the entry after PM-13 has no 'id'{NEEDS_ID}\n"
            f"{AT}, line 4: the entry after PM-13 has no 'id'{NEEDS_ID}",
        ),
        (
            "- title: A\n  id: ' '\n- id: {a: b}\n- id: |\n    a\n    b\n",
            f"{AT}, line 2: the first entry has an empty 'id'{NEEDS_ID}\n"
            f"{AT}, line 3: the first entry has an 'id' that is not a text{NEEDS_ID}\n"
            f"{AT}, line 4: the id 'a b' has more than one line\n  write the id on one line",
        ),
        (
            "- id: PM-1\n- id: pm-1\n",
            f"{AT}, line 2: the id 'pm-1' at postmortems.yml:2 is also that of the entry at "
            "postmortems.yml:1\n"
            "  give each post-mortem an id of its own; upper and lower case are the same",
        ),
        (
            "- id: a\n  id: b\n",
            f"{AT}, line 2: the key 'id' is twice in one mapping\n"
            "  keep one of the two, or rename one of them",
        ),
        (
            "- &a\n  id: x\n  self: *a\n",
            f"{AT}, line 3: the alias '*a' refers to its own parent\n"
            "  write the value out instead of the alias",
        ),
        (
            "- id: *a\n",
            f"{AT}, line 1: the alias '*a' names nothing\n"
            "  put '&a' before the value that it means",
        ),
        (
            "- id: x\n---\n- id: y\n",
            f"{AT}, line 2: a second YAML document begins\n"
            "  keep one document in the file: remove the line '---'",
        ),
        ("[a, b]: c", f"{AT}, line 1: a key is not a text\n  write each key as plain text"),
        (
            "- {id: x, <<: y}",
            f"{AT}, line 1: '<<' is followed by no mapping\n  let it name a mapping: '<<: *name'",
        ),
        (
            "[" * 200_000,
            f"{AT}, line 1: it is nested more than 100 levels deep\n"
            "  a post-mortem is a flat mapping of fields: look for brackets that are never closed",
        ),
        (
            "a: &a [" + "x," * 1000 + "]\nb: &b [" + "*a," * 999 + "]\nc: [*b, *b]",
            f"{AT}, line 3: its aliases expand to more than 1,000,000 values\n"
            "  share fewer values, or none",
        ),
        (
            "- id: PM-1\n  guarded_by: [{type: a, url: 'file:///etc'}, {url: b}]\n",
            f"{AT}, line 2: the link 'file:///etc' of PM-1 can't be used: "
            f"it is neither http nor https{LINK}\n"
            f"{AT}, line 2: a guard of PM-1 has no 'type'\n"
            "  write the type of the guard, such as 'type: alert' or 'type: lint'",
        ),
        (
            "- id: PM-1\n  test: maybe\n  until: soon\n- {id: PM-2, test: {exempt: x}}",
            f"{AT}, line 2: 'test' of PM-1 is 'maybe'\n"
            "  write 'test: required' or 'test: exempt', the latter with a 'reason'\n"
            f"{AT}, line 3: 'until' of PM-1 is 'soon'\n  write a date such as 2026-12-31\n"
            f"{AT}, line 4: 'test' of PM-2 is not a text\n"
            "  write 'test: required' or 'test: exempt', the latter with a 'reason'",
        ),
        (
            "prefix: [a]\nurl_template: https://x\ndefects: [{id: b}]",
            f"{AT}, line 1: 'prefix' is not a text\n  write 'prefix' as one text, or leave it out\n"
            f"{AT}, line 2: the url_template 'https://x' can't be used: it has no '{{id}}'\n"
            "  write an address with '{id}' in it, such as https://wiki.example.com/{id}",
        ),
    ],
)
def test_a_broken_file_is_told_with_line_and_remedy(
    tmp_path: Path, text: str, expected: str
) -> None:
    """Whatever is wrong, the reader learns where and what to do, of all faults at once."""
    write(tmp_path, text)

    assert problems(tmp_path) == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "a.json",
            "[\n{,",
            "line 2: it is not JSON: Expecting property name enclosed in double quotes\n"
            "  fix the JSON on this line",
        ),
        (
            "a.json",
            '[1,\n{"id": "x",\n "id": "y"}]',
            "line 2: the key 'id' is twice in one mapping\n"
            "  keep one of the two, or rename one of them",
        ),
        (
            "a.json",
            "\n[1, true]",
            f"line 2: '1' is not an entry{NO_ENTRY}\n"
            "Couldn't read registry 'a.json', line 2: 'true' is not an entry" + NO_ENTRY,
        ),
        (
            "a.toml",
            "a = 1\nb",
            "line 2: it is not TOML: Expected '=' after a key in a key/value pair\n"
            "  fix the TOML on this line",
        ),
        (
            "a.toml",
            "a = 1\nb =[",
            "line 2: it is not TOML: Invalid value\n  fix the TOML on this line",
        ),
    ],
)
def test_broken_json_and_toml_are_told_with_line_and_remedy(
    tmp_path: Path, name: str, text: str, expected: str
) -> None:
    """The other formats are no second-class citizens."""
    write(tmp_path, text, name)

    assert problems(tmp_path, name) == f"Couldn't read registry {name!r}, {expected}"


def test_json_without_end_is_no_crash(tmp_path: Path) -> None:
    """Half a million brackets are one problem, not an endless recursion."""
    write(tmp_path, "[" * 500_000, "a.json")

    assert problems(tmp_path, "a.json") == (
        "Couldn't read registry 'a.json': it is nested more than 100 levels deep\n"
        "  a post-mortem is a flat mapping of fields: look for brackets that are never closed"
    )


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("a.json", '[\n{"id": "a", "b": ' + "[" * 99 + "]" * 99 + "}]", ", line 2"),
        ("a.toml", "a = " + "[" * 100 + "]" * 100, ""),
    ],
)
def test_json_and_toml_have_the_depth_of_yaml(
    tmp_path: Path, name: str, text: str, place: str
) -> None:
    """More than 100 levels are one problem in every format."""
    write(tmp_path, text, name)

    assert problems(tmp_path, name) == (
        f"Couldn't read registry {name!r}{place}: it is nested more than 100 levels deep\n"
        "  a post-mortem is a flat mapping of fields: look for brackets that are never closed"
    )


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("javascript:alert(1)", "it is neither http nor https"),
        ("data:text/html,x", "it is neither http nor https"),
        ("C:/a", "it is neither http nor https"),
        ("https:///a", "it names no host"),
        ("http:a", "it names no host"),
        ("//evil.example.com/a", "it begins with '/'"),
        ("/etc/passwd", "it begins with '/'"),
        ("..%2f..%2fetc", "it leaves the repository"),
        ("a/../../b", "it leaves the repository"),
        ("a\\b", "it holds characters that no link has"),
        ("a%00b", "it holds characters that no link has"),
    ],
)
def test_a_link_leads_to_the_web_or_into_the_repository(
    tmp_path: Path, url: str, wrong: str
) -> None:
    """Nothing else is ever shown as a link: it is left out with a warning."""
    write(tmp_path, f"- id: PM-1\n  url: {url!r}\n".replace("\\\\", "\\"))

    registry = read(tmp_path)

    assert (registry.postmortems[0].url, [str(each) for each in registry.findings]) == (
        None,
        [
            f"postmortems.yml:2: the link {url!r} of PM-1 can't be used: {wrong}, and is left out;"
            " write an http or https address, or the path of a file in the repository"
        ],
    )


def test_the_template_of_the_settings_must_be_usable(tmp_path: Path) -> None:
    """A template is held to what a link is held to."""
    write(tmp_path, "[]")

    assert problems(tmp_path, url_template="javascript:{id}") == (
        "Couldn't read registry: the url_template 'javascript:{id}' can't be used: "
        "it is neither http nor https\n"
        "  write an address with '{id}' in it, such as https://wiki.example.com/{id}"
    )


CORRECT = "\n  correct the path, or create it"
KINDS = "\n  name a file, a directory, an https:// address or a service: " + ", ".join(
    PRESET_SERVICES
)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("none/a.yml", f"'none/a.yml': no such file or directory{CORRECT}"),
        ("none", f"'none': no such file or directory{CORRECT}"),
        ("file/below", f"'file/below': no such file or directory{CORRECT}"),
        (
            "file",
            "'file': its name ends in none of .yml, .yaml, .json, .toml, .csv and .md\n"
            "  name a file in one of these formats, or a directory of post-mortems",
        ),
        ("../no.yml", f"'../no.yml': no such file or directory{CORRECT}"),
        ("a\0b", "'a\\x00b': it is not a path\n  correct the path"),
        (
            "~nobody-has-this-name/a.yml",
            "'~nobody-has-this-name/a.yml': it is not a path\n  correct the path",
        ),
        ("wiki:PM", f"'wiki:PM': 'wiki' is not a known service{KINDS}"),
        ("file:///etc/passwd", f"'file:///etc/passwd': 'file' is not a known service{KINDS}"),
        ("ftp://x.example.com/a", f"'ftp://x.example.com/a': 'ftp' is not a known service{KINDS}"),
        (
            "github:owner",
            "'github:owner': the part after the colon is not valid\n  write github:owner/repo",
        ),
        (
            "pipe.yml",
            "'pipe.yml': it is neither a file nor a directory\n  name a file or a directory",
        ),
        (
            "loop.yml",
            "'loop.yml': too many levels of symbolic links\n"
            "  let the user that runs the tests read it",
        ),
        (
            "big.yml",
            "'big.yml': it has 200 MB, and at most 50 MB are read\n"
            "  split it, or move other data to another file",
        ),
        ("latin.yml", "'latin.yml', line 2: the byte 0xe9 is not UTF-8\n  save the file as UTF-8"),
    ],
)
def test_a_location_that_cannot_be_read_is_told(
    tmp_path: Path, location: str, expected: str
) -> None:
    """What is not there, not text, or far too big, is refused before anything else happens."""
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe.yml")
    (tmp_path / "loop.yml").symlink_to("loop.yml")
    with (tmp_path / "big.yml").open("wb") as file:
        file.truncate(200_000_000)
    (tmp_path / "latin.yml").write_bytes(b"\xef\xbb\xbf- id: PM-1\n  title: caf\xe9\n")

    assert problems(tmp_path, location) == f"Couldn't read registry {expected}"


def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    """The message names the cause, and who must be let in; of what looks like none, nothing."""
    write(tmp_path, "[]")
    for name in ("pm/a.md", "pm/plain", "pm/sub/b.md"):
        write(tmp_path, "# A", name)
    locked = [tmp_path / name for name in ("postmortems.yml", "pm/a.md", "pm/plain", "pm/sub")]
    for path in locked:
        path.chmod(0)
    if os.access(locked[0], os.R_OK):
        pytest.skip("root may read everything")

    message = problems(tmp_path, "postmortems.yml", "pm")

    for path in locked:
        path.chmod(0o700)
    denied = "permission denied\n  let the user that runs the tests read it"
    assert message == (
        f"{AT}: {denied}\n"
        f"Couldn't read registry 'pm/sub': {denied}\n"
        f"Couldn't read post-mortem 'pm/a.md': {denied}"
    )


def test_all_problems_of_all_locations_are_told_at_once(tmp_path: Path) -> None:
    """Nobody mends a registry one message at a time."""
    write(tmp_path, "- id: ''\n", "a.yml")
    write(tmp_path, "- x\n", "b/b.yml")

    assert problems(tmp_path, "a.yml", "none", "b/b.yml") == (
        f"Couldn't read registry 'a.yml', line 1: the first entry has an empty 'id'{NEEDS_ID}\n"
        f"Couldn't read registry 'none': no such file or directory{CORRECT}\n"
        f"Couldn't read registry 'b/b.yml', line 1: 'x' is not an entry{NO_ENTRY}"
    )


def test_a_path_outside_the_root_is_shown_as_it_was_given(tmp_path: Path) -> None:
    """Shared registries lie beside the checkout."""
    write(tmp_path, "[{id: x}]")
    root = tmp_path / "root"

    registry = load_registry([Location("../postmortems.yml", root)], root)

    assert registry.locations == ("../postmortems.yml",)
    assert registry.postmortems[0].path == "../postmortems.yml"


@pytest.mark.parametrize("text", [*SHAPES.values()][:5])
def test_yaml_is_read_without_libyaml(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where PyYAML has no libyaml, its own parser gives the same."""
    expected = read(write(tmp_path, text)).postmortems
    monkeypatch.delattr(yaml, "CBaseLoader", raising=False)

    found = read(tmp_path).postmortems

    assert found == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a: ]", "line 1: it is not YAML: expected the node content, but found ']'" + MEND),
        (
            "- id: a\n  title: \x1bb",
            "line 2: it is not YAML: it holds a control character\n"
            "  remove the character from this line",
        ),
    ],
)
def test_broken_yaml_is_told_without_libyaml(
    tmp_path: Path, text: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyYAML's own parser is as clear."""
    write(tmp_path, text)
    monkeypatch.delattr(yaml, "CBaseLoader", raising=False)

    assert problems(tmp_path) == f"{AT}, {expected}"


@pytest.mark.parametrize("text", ["- id: [", "- id: \x1b"])
def test_broken_yaml_is_told_where_yaml_is_imported_twice(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What libyaml raises then is of a class that nobody else knows."""
    expected = problems(write(tmp_path, text))
    for name in [each for each in sys.modules if each.partition(".")[0] == "yaml"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "pytest_postmortem.registry.parsers")

    assert problems(tmp_path) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["postmortems.yml", "postmortems/a.md"], "postmortems.yml"),
        (["postmortems/sub/a.md", "docs/postmortems/a.md"], "postmortems"),
        (["docs/postmortems/a.md", "docs/incidents/a.md"], "docs/postmortems"),
        (["docs/incidents/2024 outage"], "docs/incidents"),
        (["postmortems/__init__.py", "postmortems/data.yml"], None),
        (["postmortems/README.md", "postmortems/a.png", "postmortems/.a.md"], None),
        (["postmortems/Makefile", "postmortems/binary", "postmortems/templates/a.md"], None),
        (["../postmortems.yml", "../.git/HEAD"], "../postmortems.yml"),
        (["../postmortems.yml", "../.git/HEAD", "postmortems/a.md"], "postmortems"),
        (["../postmortems.yml", ".git/HEAD"], None),
        (["../postmortems.yml"], None),
        (["../../postmortems/a.rst", "../../.git"], "../../postmortems"),
        (["postmortems.yml/a.txt"], None),
    ],
)
def test_a_registry_is_found_where_people_put_it(
    tmp_path: Path, files: list[str], expected: str | None
) -> None:
    """The first place that exists, under the root, then above it to the top of the repository."""
    root = tmp_path / "one" / "two"
    root.mkdir(parents=True)
    for name in files:
        write(root, "\0" if name.endswith("binary") else "\n# A post-mortem\n", name)

    found = find_registry(root)

    assert found == (None if expected is None else Path(os.path.normpath(root / expected)))
