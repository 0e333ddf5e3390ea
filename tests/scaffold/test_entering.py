"""A registry file gains an entry in its own manner, and not a byte beside it changes."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from pytest_postmortem.model import Location
from pytest_postmortem.registry import load_registry
from pytest_postmortem.scaffold.front_matter import IncidentFacts
from pytest_postmortem.scaffold.registry_entries import add_registry_entry

FACTS: IncidentFacts = {"title": "It: broke", "date": "2026-11-20", "severity": "sev1", "owner": ""}


def changed(name: str, before: str, facts: IncidentFacts = FACTS) -> list[str]:
    """Return the lines that an edit takes away and adds, each with its line end."""
    after = add_registry_entry(before.encode(), name, "PM-3", facts).decode()
    lines = difflib.ndiff(before.splitlines(keepends=True), after.splitlines(keepends=True))
    return [line for line in lines if line[0] in "+-"]


def plus(*lines: str) -> list[str]:
    """Return lines as they are added."""
    return [f"+ {line}\n" for line in lines]


@pytest.mark.parametrize(
    ("before", "diff"),
    [
        pytest.param(
            "- id: PM-1\n  title: x\n",
            plus("- id: PM-3", "  title: 'It: broke'", "  date: 2026-11-20", "  severity: sev1"),
            id="list",
        ),
        pytest.param(
            "# ours\npostmortems:\n  - incident_id: 'PM-1'  # the first\n    severity: \"sev2\"\n"
            "    name: x\n    more: y\n\nurl_template: https://x.example.com/{id}\n",
            plus(
                "  - incident_id: 'PM-3'",
                '    severity: "sev1"',
                "    name: 'It: broke'",
                "    date: 2026-11-20",
            ),
            id="the keys, order and quotes of the others",
        ),
        pytest.param(
            "- id: PM-1\n\n# 2\n- id: PM-2\n  text: |\n    a\n    # text\n\n  # of 2\n# end\n",
            plus(
                "", "- id: PM-3", "  title: 'It: broke'", "  date: 2026-11-20", "  severity: sev1"
            ),
            id="blank lines and comments",
        ),
        pytest.param(
            "- id: PM-2\n  date: '2026-02-02'\n\n- id: PM-1\n  date: '2026-01-01'\n",
            plus(
                "- id: PM-3", "  date: '2026-11-20'", "  title: 'It: broke'", "  severity: sev1", ""
            ),
            id="newest first",
        ),
        pytest.param(
            "PM-1:\n    title: 'x'\nPM-2:\n    title: 'y'\n",
            plus("PM-3:", "    title: 'It: broke'", "    date: 2026-11-20", "    severity: sev1"),
            id="mapping",
        ),
        pytest.param(
            '"PM-1": {title: x}\n',
            plus('"PM-3":', "  title: 'It: broke'", "  date: 2026-11-20", "  severity: sev1"),
            id="mapping of braces",
        ),
        pytest.param(
            "PM-1:\n",
            plus("PM-3:", "  title: 'It: broke'", "  date: 2026-11-20", "  severity: sev1"),
            id="mapping to nothing",
        ),
        pytest.param(
            "- {id: PM-1, title: x}\n",
            plus("- id: PM-3", "  title: 'It: broke'", "  date: 2026-11-20", "  severity: sev1"),
            id="list of braces",
        ),
        pytest.param(
            "-\n  id: PM-1\n-   id: PM-2\n",
            plus(
                "-   id: PM-3",
                "    title: 'It: broke'",
                "    date: 2026-11-20",
                "    severity: sev1",
            ),
            id="odd dashes",
        ),
        pytest.param(
            "- &a\n  id: PM-1\n  owner: &o web\n- id: PM-2\n  <<: *a\n  team: *o\n...\n",
            plus("- id: PM-3", "  title: 'It: broke'", "  date: 2026-11-20", "  severity: sev1"),
            id="anchors, merges and an end",
        ),
        pytest.param(
            "- id: PM-1\r\n  date: 2026-01-01",
            [
                "-   date: 2026-01-01",
                "+   date: 2026-01-01\r\n",
                "+ - id: PM-3\r\n",
                "+   date: 2026-11-20\r\n",
                "+   title: 'It: broke'\r\n",
                "+   severity: sev1",
            ],
            id="CRLF, no last line end",
        ),
        pytest.param(
            '\ufeff- id: PM-1\n  title: "a\u2028b" # 🔥\n',
            plus("- id: PM-3", '  title: "It: broke"', "  date: 2026-11-20", "  severity: sev1"),
            id="byte order mark, odd characters",
        ),
        *(
            pytest.param(
                before,
                [
                    *([f"- {before}"] if "[]" in before else []),
                    *plus(
                        *([] if before.rstrip("\n").endswith("postmortems:") else ["postmortems:"]),
                        "  - id: PM-3",
                        "    title: 'It: broke'",
                        "    date: 2026-11-20",
                        "    severity: sev1",
                    ),
                ],
                id=name,
            )
            for name, before in {
                "empty": "",
                "comment alone": "# none yet\n",
                "nothing": "prefix: P\npostmortems:\n",
                "empty brackets": "postmortems: []\n",
            }.items()
        ),
    ],
)
def test_a_file_in_yaml_gains_an_entry(before: str, diff: list[str]) -> None:
    """Whatever its layout; what is unknown is left out."""
    assert changed("pm.yml", before) == diff


def test_several_values_stand_in_brackets() -> None:
    """One alone stands as it is; in a mapping the quotes are those of its neighbours."""
    one = changed("pm.yml", "- id: PM-1\n", {"title": "x", "service": ("checkout",)})
    two = changed("pm.yml", "- id: PM-1\n", {"title": "x", "service": ("a,b", "c")})

    assert one[-1] == "+   service: checkout\n"
    assert two[-1] == '+   service: ["a,b", c]\n'


@pytest.mark.parametrize(
    ("before", "diff"),
    [
        pytest.param(
            '[\n  {\n    "id": "PM-1",\n    "name": "x"\n  }\n]\n',
            [
                *plus(
                    "  },",
                    "  {",
                    '    "id": "PM-3",',
                    '    "name": "It: broke",',
                    '    "date": "2026-11-20",',
                    '    "severity": "sev1"',
                ),
            ],
            id="lines",
        ),
        pytest.param(
            '{"postmortems": [{"id": "PM-1"}], "prefix": ""}',
            [
                '- {"postmortems": [{"id": "PM-1"}], "prefix": ""}',
                '+ {"postmortems": [{"id": "PM-1"}, {"id": "PM-3", "title": "It: broke",'
                ' "date": "2026-11-20", "severity": "sev1"}], "prefix": ""}',
            ],
            id="one line",
        ),
        pytest.param(
            '{\r\n\t"PM-1": {\r\n\t\t"title": "x"\r\n\t}\r\n}',
            [
                "+ \t},\r\n",
                '+ \t"PM-3": {\r\n',
                '+ \t\t"title": "It: broke",\r\n',
                '+ \t\t"date": "2026-11-20",\r\n',
                '+ \t\t"severity": "sev1"\r\n',
            ],
            id="mapping, tabs and CRLF",
        ),
        pytest.param(
            '[{"id": "b", "date": "2026-02-02"}, {"id": "a", "date": "2026-01-01"}]',
            [
                '- [{"id": "b", "date": "2026-02-02"}, {"id": "a", "date": "2026-01-01"}]',
                '+ [{"id": "PM-3", "date": "2026-11-20", "title": "It: broke", "severity": "sev1"},'
                ' {"id": "b", "date": "2026-02-02"}, {"id": "a", "date": "2026-01-01"}]',
            ],
            id="newest first",
        ),
        pytest.param(
            "{}",
            [
                "- {}",
                '+ {"postmortems": [{"id": "PM-3", "title": "It: broke", "date": "2026-11-20",'
                ' "severity": "sev1"}]}',
            ],
            id="empty mapping",
        ),
        pytest.param(
            "",
            plus(
                "{",
                '  "postmortems": [',
                "    {",
                '      "id": "PM-3",',
                '      "title": "It: broke",',
                '      "date": "2026-11-20",',
                '      "severity": "sev1"',
                "    }",
                "  ]",
                "}",
            ),
            id="empty",
        ),
    ],
)
def test_a_file_in_json_gains_an_entry(before: str, diff: list[str]) -> None:
    """In one line or in several, as the others."""
    assert changed("pm.json", before) == diff


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("pm.yml", "- id: 6  # six\n", "- id: 6  # six\n- id: 7\n  title: x\n"),
        ("pm.yml", "6:\n  title: y\n", "6:\n  title: y\n7:\n  title: x\n"),
        ("pm.json", '[{"id": 6}]', '[{"id": 6}, {"id": 7, "title": "x"}]'),
        (
            "pm.toml",
            "[[postmortems]]\nid = 6\n",
            '[[postmortems]]\nid = 6\n\n[[postmortems]]\nid = 7\ntitle = "x"\n',
        ),
    ],
)
def test_a_number_stays_one(name: str, before: str, after: str) -> None:
    """Where the others are written without quotes, this one is."""
    assert add_registry_entry(before.encode(), name, "7", {"title": "x"}).decode() == after


def test_what_is_a_list_in_json_stays_one() -> None:
    """Whoever else reads the file may count on it."""
    before = '[{"id": "PM-1", "service": ["a"], "tags": []}]'

    after = add_registry_entry(
        before.encode(), "pm.json", "PM-3", {"title": "x", "service": ("b",)}
    )

    assert after.decode() == (
        '[{"id": "PM-1", "service": ["a"], "tags": []},'
        ' {"id": "PM-3", "service": ["b"], "title": "x"}]'
    )


@pytest.mark.parametrize(
    ("before", "diff"),
    [
        pytest.param(
            '[[postmortems]]\nid = "PM-1"\ndate = 2026-01-01\n\n[[postmortems.action_items]]\n'
            'title = "x"\n',
            plus(
                "",
                "[[postmortems]]",
                'id = "PM-3"',
                "date = 2026-11-20",
                'title = "It: broke"',
                'severity = "sev1"',
            ),
            id="tables",
        ),
        pytest.param(
            '[[postmortems]]\nid = "b"\ndate = 2026-02-02\n\n[[postmortems]]\nid = "a"\n'
            "date = 2026-01-01\n",
            plus(
                "[[postmortems]]",
                'id = "PM-3"',
                "date = 2026-11-20",
                'title = "It: broke"',
                'severity = "sev1"',
                "",
            ),
            id="newest first",
        ),
        pytest.param(
            "",
            plus(
                "[[postmortems]]",
                'id = "PM-3"',
                'title = "It: broke"',
                'date = "2026-11-20"',
                'severity = "sev1"',
            ),
            id="empty",
        ),
    ],
)
def test_a_file_in_toml_gains_a_table(before: str, diff: list[str]) -> None:
    """Below the last one and all that belongs to it."""
    assert changed("pm.toml", before) == diff


@pytest.mark.parametrize(
    "title", ["- x", "a: b #c", "\\", '"', "'", "{x}", "yes", "1", "🔥", "&a *b !c"]
)
@pytest.mark.parametrize("name", ["pm.yml", "pm.json", "pm.toml"])
def test_any_title_is_read_as_it_was_given(name: str, title: str, tmp_path: Path) -> None:
    """In every format, quoted where it has to be."""
    data = add_registry_entry(b"", name, "PM-3", {**FACTS, "title": title})
    (tmp_path / name).write_bytes(data)

    (found,) = load_registry([Location(name, tmp_path)], tmp_path)

    assert (found.id, found.title, found.date, found.severity) == (
        "PM-3",
        title,
        "2026-11-20",
        "sev1",
    )
