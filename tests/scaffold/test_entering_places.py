"""An entry goes where entries stand: comments and settings stay with what they are about."""

from __future__ import annotations

from contextlib import suppress

import pytest

from pytest_postmortem.errors import PostmortemError, SettingsError
from pytest_postmortem.scaffold.registry_entries import add_registry_entry
from test_entering import FACTS

ENTRY = "- id: PM-3\n  title: 'It: broke'\n  date: 2026-11-20\n  severity: sev1\n"
INNER = "".join(f"  {line}\n" for line in ENTRY.splitlines())

PAIRS = 'title = "It: broke", date = "2026-11-20", severity = "sev1"'
LINES = PAIRS.replace(", ", "\n")
OBJECT = (
    '{\n  "id": "PM-3",\n  "title": "It: broke",\n  "date": "2026-11-20",\n  "severity": "sev1"\n}'
)
KEYED_OBJECT = OBJECT.replace('{\n  "id": "PM-3",', '"PM-3": {')


def after(before: str, name: str = "pm.yml") -> str:
    """Return what a file holds with an entry more."""
    return add_registry_entry(before.encode(), name, "PM-3", FACTS).decode()


def by_hand(before: str, name: str) -> str:
    """Return the entry that is to be pasted."""
    with pytest.raises(SettingsError) as caught:
        after(before, name)

    (problem,) = caught.value.problems
    assert problem.slug == "entry-by-hand"
    first, *lines = problem.remedy.split("\n  ")
    assert first == "add it by hand:"
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ("postmortems: []  # none yet\n", f"postmortems:  # none yet\n{INNER}"),
        ("postmortems: []  # none yet", f"postmortems:  # none yet\n{INNER.rstrip()}"),
        ("postmortems: []\nprefix: P\n", f"postmortems:\n{INNER}prefix: P\n"),
        ("postmortems:\n  # newest first\n", f"postmortems:\n  # newest first\n{INNER}"),
    ],
)
def test_a_comment_stays_with_its_key(before: str, text: str) -> None:
    """The first entry goes below it."""
    assert after(before) == text


@pytest.mark.parametrize(
    "before",
    [
        "postmortems: [\n  # keep newest first\n]\n",
        "postmortems: [  # ours\n]\n",
        "{postmortems: []}\n",
        "postmortems:  # ours\n  [ ]\n",
        "[]  # none yet\n",
    ],
)
def test_what_stands_in_brackets_is_not_lost(before: str) -> None:
    """A comment has no place of its own in there."""
    assert by_hand(before, "pm.yml") == OBJECT


KEYED = "PM-3:\n  title: 'It: broke'\n  date: 2026-11-20\n  severity: sev1\n"
OLD = "A-1:\n  title: a\n  date: 2026-01-02\nA-0:\n  title: b\n  date: 2026-01-01\n"
URL = "url_template: https://x.example.com/{id}\n"


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (f"PM-1:\n  title: a\n{URL}", f"PM-1:\n  title: a\n{KEYED}{URL}"),
        (
            f"prefix: A-\n{OLD}",
            "prefix: A-\nPM-3:\n  title: 'It: broke'\n  date: 2026-11-20\n  severity: sev1\n" + OLD,
        ),
        (URL, f"{URL}postmortems:\n{INNER}"),
        (
            "source:\n  url: https://x.example.com\nprefix: P",
            "source:\n  url: https://x.example.com\nprefix: P\npostmortems:\n" + INNER.rstrip(),
        ),
    ],
    ids=("below", "above", "alone", "with a source"),
)
def test_a_setting_of_a_file_in_yaml_is_no_entry(before: str, text: str) -> None:
    """Neither is the new one laid out like it, nor does it stand beyond it."""
    assert after(before) == text


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (
            '{\n  "PM-1": {\n    "name": "a"\n  },\n  "prefix": ""\n}\n',
            '{\n  "PM-1": {\n    "name": "a"\n  },\n  "prefix": "",\n  "PM-3": {\n'
            '    "name": "It: broke",\n    "date": "2026-11-20",\n    "severity": "sev1"\n  }\n}\n',
        ),
        (
            '{\n  "prefix": "A-"\n}\n',
            '{\n  "prefix": "A-",\n  "postmortems": [\n    {\n      "id": "PM-3",\n'
            '      "title": "It: broke",\n      "date": "2026-11-20",\n      "severity": "sev1"\n'
            "    }\n  ]\n}\n",
        ),
        (
            '{"prefix": "A-"}\n',
            '{"prefix": "A-", "postmortems": [{"id": "PM-3", "title": "It: broke",'
            ' "date": "2026-11-20", "severity": "sev1"}]}\n',
        ),
    ],
    ids=("below", "alone", "in one line"),
)
def test_a_setting_of_a_file_in_json_is_no_entry(before: str, text: str) -> None:
    """As in YAML."""
    assert after(before, "pm.json") == text


TABLE = (
    '[[postmortems]]\nid = "PM-3"\ntitle = "It: broke"\ndate = "2026-11-20"\nseverity = "sev1"\n'
)


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ('prefix = "A-"\n', f'prefix = "A-"\n\n{TABLE}'),
        ('[source]\nurl = "https://x"\n', f'[source]\nurl = "https://x"\n\n{TABLE}'),
    ],
    ids=("alone", "a source"),
)
def test_a_setting_of_a_file_in_toml_is_no_entry(before: str, text: str) -> None:
    """As in YAML."""
    assert after(before, "pm.toml") == text


@pytest.mark.parametrize(
    ("name", "before", "snippet"),
    [
        ("pm.yml", "[{id: PM-1}, # one\n {id: PM-2}]\n", OBJECT),
        ("pm.yml", "{PM-1: {title: a}, prefix: A-}\n", KEYED_OBJECT),
        ("pm.yml", "PM-3:\n  name: a\n", KEYED.replace("title", "name").rstrip()),
        (
            "pm.yml",
            "issues:\n  PM-3:\n    name: a\n",
            "  PM-3:\n    name: 'It: broke'\n    date: 2026-11-20\n    severity: sev1",
        ),
        ("pm.toml", "postmortems = {PM-1 = {}}\n", f"PM-3 = {{ {PAIRS} }}"),
        ("pm.toml", "[incidents]\nPM-1 = {title = 'a'}\n", f"PM-3 = {{ {PAIRS} }}"),
        (
            "pm.toml",
            "incidents = [{id = 'PM-1'}, # one\n {id = 'PM-2'}]",
            f'{{ id = "PM-3", {PAIRS} }}',
        ),
        ("pm.toml", "PM-1.title = 'x'\n", f"[PM-3]\n{LINES}"),
        ("pm.toml", "defects.PM-1.title = 'x'\n", f"[defects.PM-3]\n{LINES}"),
        ("pm.toml", '[PM-1]\n"\\U0001F600" = 1\n', f"[PM-3]\n{LINES}"),
        (
            "pm.toml",
            '[[postmortems]]\nid = "PM-1"\n"\\U0001F600" = 1\n',
            f'[[postmortems]]\nid = "PM-3"\n{LINES}',
        ),
        ("pm.toml", '[PM-1]\nname = "a"\n', f"[PM-3]\n{LINES}"),
        ("pm.toml", '[incidents.PM-1]\nname = "a"\n', f"[incidents.PM-3]\n{LINES}"),
        ("pm.toml", "postmortems = []\n", f'{{ id = "PM-3", {PAIRS} }}'),
        ("pm.json", "[ ]", OBJECT),
        ("pm.json", '{"PM-1": {},  "PM-2": {}}', KEYED_OBJECT),
    ],
)
def test_what_can_not_be_added_safely_is_left_to_the_reader(
    name: str, before: str, snippet: str
) -> None:
    """The message has the entry to paste, in the shape of those that are there."""
    assert by_hand(before, name) == snippet


@pytest.mark.parametrize(
    "before",
    [
        "-\n  id: PM-1\n",
        "postmortems:\n  - *a\n",
        "x: &a {id: PM-0}\npostmortems: [*a]\n",
        "postmortems:\n-   - id: PM-1\n",
        "postmortems: text\n",
        "PM-1: &a\n  title: x\n<<: {PM-2: {title: y}}\n",
        "- id: PM-1\r\n- id: PM-2\n",
    ],
)
def test_an_odd_file_is_never_a_crash(before: str) -> None:
    """It is changed correctly, or the message has the entry."""
    with suppress(PostmortemError):
        assert "PM-3" in after(before)
