"""A post-mortem is begun as the others of its folder are written, or as a template asks."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pytest_postmortem.errors import SettingsError
from pytest_postmortem.model import Location
from pytest_postmortem.registry import load_registry
from pytest_postmortem.registry.document import DocumentDirectory
from pytest_postmortem.scaffold.document import IncidentDetails, TeamTemplate, render_document
from pytest_postmortem.scaffold.sibling_documents import DocumentCollection, survey_documents

INCIDENT = IncidentDetails("PM-0007", "It: broke", date(2026, 11, 20))
FULL = IncidentDetails(
    "PM-0007",
    "It: broke",
    date(2026, 11, 20),
    "sev1",
    "missing idempotency",
    "payments",
    ("checkout", "billing"),
    "tests/test_it.py::test_it_broke",
)


def surveyed(folder: Path, files: dict[str, str]) -> DocumentCollection:
    """Return how the documents of a folder are made."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="")
    known = load_registry([Location(".", folder)], folder) if files else ()
    return survey_documents(DocumentDirectory(str(folder), "."), known)


def front(text: str) -> str:
    """Return a document up to its first section."""
    return text.partition("## Summary")[0]


FIRST = """\
---
date: 2026-11-20
severity: sev1
class: missing idempotency
owner: payments
service: [checkout, billing]
---

# PM-0007: It: broke

## Summary

<!-- What happened and how it ended, in two or three sentences for a reader who was not involved. -->

## Impact

<!-- Who was affected, how many, and for how long. Prefer numbers to adjectives. -->

## Timeline

All times in UTC.

| time | what happened |
|---|---|
| 2026-11-20 00:00 | |

## Root cause

<!-- One sentence; it is shown when the regression test fails. Name the property of the system that
made this possible, not a person: people did what made sense with the information they had. -->

## Five whys

1. Why did it happen?
2. Why was that possible?
3. Why did nothing catch it?
4. Why did it last so long?
5. Where else could the same cause exist?

## What went well

-

## What did not go well

-

## Class of problem

missing idempotency

<!-- Is this one incident, or one of a class of problems? Where else could the same cause be? -->

## Action items

<!-- Type: prevent, detect, mitigate or respond. Reports show only items that have a status. -->

| action | owner | due | type | status |
|---|---|---|---|---|
| | payments | | prevent | open |

## Regression test

`tests/test_it.py::test_it_broke` fails until it is written.

<!-- The test that fails without the fix, and passes with it. It carries
@pytest.mark.postmortem("PM-0007"). -->
"""  # noqa: E501  # a line of the template


def test_the_first_document_of_a_folder_has_all_that_a_post_mortem_needs(tmp_path: Path) -> None:
    """What is known is filled in, and no guidance is taken for a root cause."""
    like = surveyed(tmp_path, {})
    text = render_document(FULL, like)
    (tmp_path / "PM-0007-it-broke.md").write_text(text, encoding="utf-8")

    (found,) = load_registry([Location(".", tmp_path)], tmp_path)

    assert text == FIRST
    assert (found.id, found.title, found.date) == ("PM-0007", "It: broke", "2026-11-20")
    assert (found.severity, found.problem_class, found.owner) == (
        "sev1",
        "missing idempotency",
        "payments",
    )
    assert (found.service, found.root_cause) == (("checkout", "billing"), None)


def test_what_is_not_known_is_left_open(tmp_path: Path) -> None:
    """An empty key reminds of what is still missing."""
    text = render_document(INCIDENT, surveyed(tmp_path, {}))

    assert front(text) == (
        "---\ndate: 2026-11-20\nseverity:\nclass:\nowner:\n---\n\n# PM-0007: It: broke\n\n"
    )
    assert "| | | | prevent | open |\n" in text
    assert "fails until" not in text


@pytest.mark.parametrize(
    ("files", "head"),
    [
        pytest.param(
            {"PM-1.md": "---\ntitle: 'One'\nincident_date: \"2026-01-01\"\nteam: x\n---\n# One\n"},
            "---\ntitle: 'It: broke'\nincident_date: \"2026-11-20\"\nteam: payments\n"
            "severity: sev1\nclass: missing idempotency\nservice: [checkout, billing]\n"
            "---\n\n# It: broke\n\n",
            id="the keys and quotes of the others",
        ),
        pytest.param(
            {
                "PM-1.md": "---\nlayout: post\nby: one\ntags: [a]\ndate: 2026-01-01\n---\n",
                "PM-2.md": "---\nlayout: post\nby: one\ntags: [a]\ndate: 2026-01-02\n---\n",
            },
            "---\nlayout: post\nby:\ntags:\ndate: 2026-11-20\nseverity: sev1\n"
            "class: missing idempotency\nowner: payments\nservice: [checkout, billing]\n---\n\n"
            "# It: broke\n\n",
            id="what says what a document is stays, what says what happened does not",
        ),
        pytest.param(
            {"PM-1.md": "# PM-1: One\n\ntext\n", "PM-2.md": "# PM-2: Two\n"},
            "# PM-0007: It: broke\n\nDate: 2026-11-20  \nSeverity: sev1  \nOwner: payments  \n"
            "Service: checkout, billing\n\n",
            id="no front matter",
        ),
        pytest.param(
            {
                "PM-1.md": '+++\ntitle = "One"\ndate = 2026-01-01\npath = "x"\nby = ["a"]\n'
                "[extra]\n+++\n"
            },
            '+++\ntitle = "It: broke"\ndate = 2026-11-20\nby = []\nseverity = "sev1"\n'
            'class = "missing idempotency"\nowner = "payments"\n'
            'service = ["checkout", "billing"]\n+++\n\n',
            id="TOML, no heading",
        ),
        pytest.param(
            {
                "2026-01-01-a.md": "# Incident on 2026-01-01 - A\n",
                "2026-01-02-b.md": "# Incident on 2026-01-02 - B\n",
            },
            "# Incident on 2026-11-20 - It: broke\n\nDate: 2026-11-20  \nSeverity: sev1  \n"
            "Owner: payments  \nService: checkout, billing\n\n",
            id="the phrase of headings",
        ),
    ],
)
def test_a_document_is_written_as_the_others_are(
    files: dict[str, str], head: str, tmp_path: Path
) -> None:
    """Front matter, its keys and quotes, and the words of headings."""
    assert front(render_document(FULL, surveyed(tmp_path, files))) == head


def test_line_ends_are_those_of_the_others(tmp_path: Path) -> None:
    """A folder with one kind of line ends keeps it."""
    text = render_document(INCIDENT, surveyed(tmp_path, {"PM-1.md": "# One\r\n\r\ntext\r\n"}))

    assert text.startswith("# It: broke\r\n\r\nDate: 2026-11-20\r\n\r\n## Summary\r\n")
    assert text.count("\n") == text.count("\r\n")


def test_a_folder_of_restructured_text_gets_some(tmp_path: Path) -> None:
    """With a field list where the others have one; the registry reads it."""
    like = surveyed(
        tmp_path, {"PM-1.rst": ":date: 2026-01-01\n:owner: x\n\nPM-1: One\n=========\n"}
    )
    text = render_document(FULL, like)
    (tmp_path / "PM-0007-it.rst").write_text(text, encoding="utf-8")

    found = load_registry([Location(".", tmp_path)], tmp_path).find("PM-0007")

    assert text.startswith(
        ":date: 2026-11-20\n:owner: payments\n:severity: sev1\n:class: missing idempotency\n"
        ":service: checkout, billing\n\n"
        "PM-0007: It: broke\n==================\n\nSummary\n-------\n"
    )
    assert found is not None
    assert (found.title, found.date, found.severity) == ("It: broke", "2026-11-20", "sev1")


def test_restructured_text_without_a_field_list_says_its_date_in_a_line(tmp_path: Path) -> None:
    """Which the registry reads as well."""
    like = surveyed(tmp_path, {"PM-1.rst": "PM-1: One\n=========\n\ntext\n"})
    text = render_document(INCIDENT, like)
    (tmp_path / "PM-0007-it.rst").write_text(text, encoding="utf-8")

    found = load_registry([Location(".", tmp_path)], tmp_path).find("PM-0007")

    assert found is not None
    assert (found.title, found.date, found.root_cause) == ("It: broke", "2026-11-20", None)


def test_an_incident_a_file_of_data(tmp_path: Path) -> None:
    """The keys of the others, with what is known; the rest is open."""
    like = surveyed(
        tmp_path,
        {
            f"{id}.yaml": f"schema_version: '1.0'\nincident_id: {id}\ntitle: A\nsummary: x\n"
            f"system:\n  y: 1\ndate: '2026-01-0{day}'\n"
            for day, id in enumerate(("a-a", "b-b"), 1)
        },
    )

    assert render_document(INCIDENT, like) == (
        "schema_version: '1.0'\nincident_id: PM-0007\ntitle: 'It: broke'\nsummary:\nsystem:\n"
        "date: '2026-11-20'\n"
    )


def test_an_incident_a_file_of_json(tmp_path: Path) -> None:
    """With its types as they are."""
    like = surveyed(
        tmp_path,
        {
            "PM-1.json": '{"version": 1, "id": "PM-1", "title": "A", "service": ["a"], "why": "x"}',
            "PM-2.json": '{"version": 1, "id": "PM-2", "title": "B", "service": ["b"], "why": "y"}',
        },
    )

    assert render_document(FULL, like) == (
        '{\n  "version": 1,\n  "id": "PM-0007",\n  "title": "It: broke",\n  "service": [\n'
        '    "checkout",\n    "billing"\n  ],\n  "why": null,\n  "date": "2026-11-20",\n'
        '  "severity": "sev1",\n  "class": "missing idempotency",\n  "owner": "payments"\n}\n'
    )


LABELLED = """\
> From the handbook.

# Template for post-mortems

# Incident title (number)

| | |
|---|---|
| Date | YYYY-MM-DD |
| Severity | |
| Status | draft |

- **Incident ID:** TBD
- **Team**: [who?](https://example.com)
- Service(s): <name>

| Date | What |
|---|---|

## Date

## Class

None known
"""


@pytest.mark.parametrize(
    ("template", "text"),
    [
        pytest.param(
            LABELLED,
            LABELLED.replace("# Template for post-mortems\n\n", "")
            .replace("# Incident title (number)", "# PM-0007: It: broke")
            .replace("| YYYY-MM-DD |", "| 2026-11-20 |")
            .replace("| Severity | |", "| Severity | sev1 |")
            .replace("** TBD", "** PM-0007")
            .replace("<name>", "checkout, billing")
            .replace("## Date\n", "## Date\n\n2026-11-20\n"),
            id="labels",
        ),
        pytest.param(
            "---\ntitle: A title  \ndate:\nseverity: sev1|sev2\nservice:\n  - x\nmore: y\n---\n\n"
            "# Post-mortem template\n\n## Summary\n",
            "---\ntitle: 'It: broke'\ndate: 2026-11-20\nseverity: sev1\nservice:\n  - x\nmore: y\n"
            "---\n\n# PM-0007: It: broke\n\n## Summary\n",
            id="front matter",
        ),
        pytest.param(
            '+++\ntitle = "x"\ndate = 2000-01-01\n+++\nTitle\n=====\n',
            '+++\ntitle = "It: broke"\ndate = 2026-11-20\n+++\nPM-0007: It: broke\n'
            "==================\n",
            id="TOML, underlined",
        ),
        pytest.param(
            "# T\n\n**Date:** _YYYY_\n**Severity**: SEV?\nOwner: *which team*\nClass: _a_ or b\n",
            "# PM-0007: It: broke\n\n**Date:** 2026-11-20\n**Severity**: sev1\nOwner: payments\n"
            "Class: _a_ or b\n",
            id="placeholders in italics",
        ),
        pytest.param(
            "## Summary\n\n{{ in your words }}\n",
            "# PM-0007: It: broke\n\n## Summary\n\n{{ in your words }}\n",
            id="no heading of its own",
        ),
        pytest.param(
            "# {{ id }}: {{title|upper}}\n{% if severity == 'sev1' %}\nWake: {{ owner }}\n"
            "{% endif %}{{ date }} {{ class }} {{ service }} {{ test }}\n",
            "# PM-0007: IT: BROKE\nWake: payments\n2026-11-20 missing idempotency"
            " checkout, billing tests/test_it.py::test_it_broke\n",
            id="Jinja2",
        ),
        pytest.param(
            "---\nopen\n", "# PM-0007: It: broke\n\n---\nopen\n", id="no end of front matter"
        ),
    ],
)
def test_the_teams_template_is_filled_in(template: str, text: str, tmp_path: Path) -> None:
    """Placeholders, front matter, headings and labels; what is unknown stays as it is."""
    like = surveyed(tmp_path, {"PM-1.md": "# PM-1: One\n\n"})

    assert render_document(FULL, like, TeamTemplate(template, "template.md")) == text


def test_a_template_of_restructured_text_is_filled_in(tmp_path: Path) -> None:
    """Its title has a line of its own length."""
    like = surveyed(tmp_path, {"PM-1.rst": "PM-1: One\n=========\n\n"})

    text = render_document(
        INCIDENT, like, TeamTemplate("Title\n#####\n\nDate: <when>\n\nOwner\n-----\n", "x.rst")
    )

    assert text == "PM-0007: It: broke\n##################\n\nDate: 2026-11-20\n\nOwner\n-----\n"


def test_a_template_without_front_matter_gets_that_of_the_others(tmp_path: Path) -> None:
    """Or the registry would not know what it knows of them."""
    like = surveyed(tmp_path, {"PM-1.md": "---\ndate: 2026-01-01\nowner: x\n---\n# One\n"})

    text = render_document(INCIDENT, like, TeamTemplate("# Title\n", "template.md"))

    assert text == "---\ndate: 2026-11-20\nowner:\n---\n\n# It: broke\n"


def test_a_template_of_data_is_filled_in(tmp_path: Path) -> None:
    """Values that are known take the place of what stands there."""
    like = surveyed(tmp_path, {"PM-1.yml": "id: PM-1\ntitle: A\ndate: 2026-01-01\n"})

    text = render_document(
        INCIDENT, like, TeamTemplate("id: TBD\ntitle:\nroot_cause: |\n  say\n", "t.yml")
    )

    assert text == "id: PM-0007\ntitle: 'It: broke'\nroot_cause: |\n  say\n"


@pytest.mark.parametrize(
    ("template", "line", "said"),
    [
        ("{{ id }}\n{{ nobody }}\n", None, "'nobody' is undefined"),
        ("{{ id }}\n{% if %}\n", 2, "Expected an expression"),
        ("{{ id }}{{ 1 / 0 }}", None, "division by zero"),
        ("{{ id }}{{ id.__class__.__mro__ }}", None, "unsafe"),
        ("{{ id }}{% include 'x' %}", None, "no loader"),
    ],
)
def test_a_template_that_can_not_be_rendered_is_one_message(
    template: str, line: int | None, said: str, tmp_path: Path
) -> None:
    """The message names the file, and what a template may name."""
    with pytest.raises(SettingsError) as caught:
        render_document(
            INCIDENT, surveyed(tmp_path, {}), TeamTemplate(template, "docs/template.md")
        )

    (problem,) = caught.value.problems
    assert (problem.slug, problem.path, problem.line) == ("bad-template", "docs/template.md", line)
    assert said in problem.cause
    assert problem.remedy.startswith("fix it; the placeholders are id, title, heading, date")


@pytest.mark.parametrize(
    ("files", "template"),
    [
        (["PM-1.md"], None),
        (["PM-1.md", "template.md"], "template.md"),
        (["PM-1.md", "_template.md", "README.md"], "_template.md"),
        (["PM-1.md", ".template.md"], ".template.md"),
        (["PM-1.md", "PMyyyy-nnn - Postmortem template.md"], "PMyyyy-nnn - Postmortem template.md"),
        (["PM-1.md", "templates/incident.md"], "templates/incident.md"),
        (["PM-1.md", "templates/README.md"], None),
        (["PM-1.rst", "template.md", "template.rst"], "template.rst"),
        (["PM-1.md", "template.html"], None),
        (["PM-1.md", "template-of-the-outage-we-had.md"], "template-of-the-outage-we-had.md"),
        (["template.md"], "template.md"),
    ],
)
def test_the_teams_template_is_found(
    files: list[str], template: str | None, tmp_path: Path
) -> None:
    """By its name, beside the documents or in a folder for it."""
    assert surveyed(tmp_path, dict.fromkeys(files, "# PM-1: One\n")).template == template


@pytest.mark.parametrize(
    ("files", "folder"),
    [
        (["2023/2023-05-08-a.md", "2024/2024-01-01-b.md"], "%Y"),
        (["2023-05/2023-05-08-a.md", "2021-05/2021-05-09-b.md", "template.md"], "%Y-%m"),
        (["2023/05/2023-05-08-a.md"], "%Y/%m"),
        (["checkout/PM-1.md", "login/PM-2.md"], ""),
        (["checkout/PM-1.md", "checkout/PM-2.md"], "checkout"),
        (["PM-1.md", "old/PM-2.md"], ""),
        (["2023/lost-mail.md", "2024/login-loop.md"], "%Y"),
        (["2023/PM-1.md"], "%Y"),
        (["2023-05/PM-1.md", "2023-11/PM-2.md"], "%Y-%m"),
        (["2023/05/PM-1.md", "2023/11/PM-2.md"], "%Y/%m"),
        (["2023_13/PM-1.md"], "2023_13"),
        (["1000/PM-1001.md", "1100/PM-1101.md"], ""),
    ],
)
def test_the_folder_of_the_next_document_follows_from_the_others(
    files: list[str], folder: str, tmp_path: Path
) -> None:
    """By its date, or where all of them are."""
    assert surveyed(tmp_path, dict.fromkeys(files, "# One\n")).folder == folder
