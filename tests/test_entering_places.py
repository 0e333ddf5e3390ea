"""An entry goes where entries stand: comments and settings stay with what they are about."""

from __future__ import annotations

import pytest

from pytest_postmortem.authoring.entering import entered
from pytest_postmortem.errors import SettingsError
from test_entering import FACTS

ENTRY = "- id: PM-3\n  title: 'It: broke'\n  date: 2026-11-20\n  severity: sev1\n"
INNER = "".join(f"  {line}\n" for line in ENTRY.splitlines())


def after(before: str, name: str = "pm.yml") -> str:
    """Return what a file holds with an entry more."""
    return entered(before.encode(), name, "PM-3", FACTS).decode()


def by_hand(before: str, name: str) -> str:
    """Return the entry that is to be pasted."""
    with pytest.raises(SettingsError) as caught:
        after(before, name)

    (problem,) = caught.value.problems
    assert problem.slug == "entry-by-hand"
    return problem.remedy.removeprefix("add it by hand:\n")


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ("postmortems: []  # none yet\n", f"postmortems:  # none yet\n{INNER}"),
        ("postmortems: []  # none yet", f"postmortems:  # none yet\n{INNER}".rstrip("\n")),
        ("postmortems: []\nprefix: P\n", f"postmortems:\n{INNER}prefix: P\n"),
        ("postmortems:  # ours\n  [ ]\n", f"postmortems:  # ours\n{INNER}"),
        ("postmortems:\n  # newest first\n", f"postmortems:\n  # newest first\n{INNER}"),
        ("[]  # none yet\n", f"# none yet\n{ENTRY}"),
        ("# ours\n[]\n", f"# ours\n{ENTRY}"),
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
    ],
)
def test_what_stands_in_brackets_is_not_lost(before: str) -> None:
    """A comment has no place of its own in there."""
    assert "- id: PM-3\n" in by_hand(before, "pm.yml")


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
            "source:\n  url: https://x.example.com\nprefix: P\npostmortems:\n" + INNER,
        ),
        (
            "{A-1: {title: a}, prefix: A-}\n",
            "{A-1: {title: a}, PM-3: {title: 'It: broke', date: 2026-11-20, severity: sev1},"
            " prefix: A-}\n",
        ),
    ],
    ids=("below", "above", "alone", "beside a source", "in braces"),
)
def test_a_setting_of_a_file_in_yaml_is_no_entry(before: str, text: str) -> None:
    """Neither is the new one laid out like it, nor does it stand beyond it."""
    assert after(before) == text


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (
            '{\n  "PM-1": {\n    "name": "a"\n  },\n  "prefix": ""\n}\n',
            '{\n  "PM-1": {\n    "name": "a"\n  },\n  "PM-3": {\n    "name": "It: broke",\n'
            '    "date": "2026-11-20",\n    "severity": "sev1"\n  },\n  "prefix": ""\n}\n',
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
        (
            '[PM-1]\nname = "a"\n\n[source]\nurl = "https://x"\n',
            '[PM-1]\nname = "a"\n\n[PM-3]\nname = "It: broke"\ndate = "2026-11-20"\n'
            'severity = "sev1"\n\n[source]\nurl = "https://x"\n',
        ),
    ],
    ids=("alone", "a source", "below"),
)
def test_a_setting_of_a_file_in_toml_is_no_entry(before: str, text: str) -> None:
    """As in YAML."""
    assert after(before, "pm.toml") == text
