"""What the text of a post-mortem says, in whatever it is written: its parts and their lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_postmortem.documents.heading_kinds import PartKind, classify_heading
from pytest_postmortem.documents.parts import split_into_parts
from pytest_postmortem.documents.sections import DocumentPassage, parse_markdown_sections
from pytest_postmortem.model import Postmortem
from pytest_postmortem.registry.document_files import find_document_file
from pytest_postmortem.registry.postmortem_text import (
    PostmortemText,
    build_text_of_fields,
    read_document,
)

HEADINGS: list[tuple[PartKind | None, str]] = [
    ("cause", "Root Cause(s)"),
    ("cause", "3. Root cause analysis"),
    ("cause", "Contributing factors:"),
    ("cause", "What went wrong"),
    ("cause", "What could have gone better?"),
    ("cause", "What didn't go well"),
    ("cause", "How did this happen"),
    ("cause", "🔥 Trigger"),
    ("cause", "Why was this hard to detect?"),
    ("cause", "root_cause"),
    ("cause", "Database [root cause] in short"),
    ("cause", "Root (database) cause"),
    (None, "Postgres (eu-west) and others"),
    ("cause", "Why"),
    ("cause", "3. Why?"),
    ("cause", "Reason"),
    ("whys", "Five Whys"),
    ("whys", "Root cause identification: The 5-Whys"),
    ("good", "What went well"),
    ("good", "Where we got lucky"),
    ("lessons", "Lessons learnt"),
    ("plans", "Lessons Learned and Future Improvements"),
    ("plans", "What's next?"),
    ("plans", "Remediation"),
    ("actions", "Action Items"),
    ("actions", "Follow-up actions"),
    ("actions", "Corrective and preventive measures"),
    ("actions", "Planned actions (planned or in-progress)"),
    ("actions", "## Next steps ##"),
    ("other", "Actions taken"),
    ("other", "Impact"),
    ("other", "Detection"),
    ("class", "Category"),
    ("class", "primary_failure_class"),
    ("status", "Status"),
    ("timeline", "Timeline (UTC), all times approximate"),
    ("story", "Executive Summary"),
    ("story", "What happened?"),
    (None, "Postgres"),
    (None, "2022-06-02 10:00 - Problem starts"),
    (None, "why " * 30),
    (None, ""),
]


@pytest.mark.parametrize(("kind", "heading"), HEADINGS, ids=[heading for _, heading in HEADINGS])
def test_a_heading_names_a_part_in_the_words_of_many_templates(
    kind: PartKind | None, heading: str
) -> None:
    """Numbers, signs and case don't matter; what names nothing is nothing."""
    assert classify_heading(heading) == kind


DOCUMENT = """\
# Why did the shop go down?

Bob was **away**.

- **Status**: final
- Category: stale cache

| Root cause | the `cache` kept [old keys](https://example.com/1) |
|---|---|
| Impact | none<br>at <i>all</i> |

Some more.

## Root cause analysis
### The cache
First line
second line.

> quoted

    code

### Appendix
Text
## Five whys
1. Why? Because.
   More of it.

   And a paragraph.
   - a leaf

## Action items
### Detection
- [x] ~~Add an alert~~
"""


def told(text: str) -> list[tuple[str, str, int, list[str]]]:
    """Return the parts of a document that say something: kind, heading, line, texts."""
    return [
        (part.kind, part.heading, part.line, [passage.text for passage in part.passages])
        for part in split_into_parts(parse_markdown_sections(text))
        if part.passages
    ]


def test_a_document_falls_into_its_parts() -> None:
    """By headings, by labels, and by the first cells of a table; each knows its line."""
    assert told(DOCUMENT) == [
        (
            "story",
            "Why did the shop go down?",
            1,
            ["Bob was away.", "Impact | none at all", "Some more."],
        ),
        ("status", "Status", 5, ["final"]),
        ("class", "Category", 6, ["stale cache"]),
        ("cause", "Root cause", 8, ["the cache kept old keys"]),
        ("cause", "The cache", 15, ["First line\nsecond line.", "quoted"]),
        ("other", "Appendix", 23, ["Text"]),
        ("whys", "Five whys", 25, ["Why? Because.\nMore of it.", "And a paragraph.", "a leaf"]),
        ("actions", "Detection", 33, ["[x] Add an alert"]),
    ]


def test_a_passage_knows_how_it_stands_there() -> None:
    """In how many lists, whether it begins an item, what is code, struck through or quoted."""
    found = [
        passage for section in parse_markdown_sections(DOCUMENT) for passage in section.passages
    ]
    by_text = {passage.text: passage for passage in found}

    cause, quote = by_text["Root cause | the cache kept old keys"], by_text["quoted"]
    why, more, leaf = (
        by_text[text] for text in ("Why? Because.\nMore of it.", "And a paragraph.", "a leaf")
    )
    assert (cause.prose, cause.links, cause.is_head) == (
        "Root cause | the … kept old keys",
        ("https://example.com/1",),
        True,
    )
    assert quote.quoted
    assert [(each.depth, each.item) for each in (why, more, leaf)] == [
        (1, True),
        (1, False),
        (2, True),
    ]
    assert by_text["[x] Add an alert"].struck
    assert not by_text["Status: final"].struck


LABELLED = """\
# Incident

- **Key events**
  - 10:00 it broke
- **Root cause**:

1. the cache
2. the keys

- **Review actions**:

Can we see it?

Write it down.

**Lessons learned**
Look first.

**Next steps:** none

Something else.
"""


def test_a_label_holds_what_follows_it_however_it_is_indented() -> None:
    """Up to the next label of the same rank."""
    assert told(LABELLED) == [
        ("timeline", "Key events", 3, ["10:00 it broke"]),
        ("cause", "Root cause", 5, ["the cache", "the keys"]),
        ("actions", "Review actions", 10, ["Can we see it?", "Write it down."]),
        ("lessons", "Lessons learned", 16, ["Look first."]),
        ("actions", "Next steps", 19, ["none", "Something else."]),
    ]


@pytest.mark.parametrize(
    "text", ["", "\n", "#", "<b>", "[", "|a|\n|-|\n", "- ", "\x00", "**", "![](x)"]
)
def test_any_text_has_parts(text: str) -> None:
    """And none that are made up."""
    assert all(
        part.kind in ("story", "other") for part in split_into_parts(parse_markdown_sections(text))
    )


def written(folder: Path, name: str, text: str) -> PostmortemText:
    """Return what a document says."""
    file = folder / name
    file.write_text(text, encoding="utf-8")
    found = read_document(file, name)
    assert found is not None
    return found


def said(writing: PostmortemText) -> dict[str, tuple[int, list[str]]]:
    """Return the parts that say something, by what they are."""
    return {
        part.kind: (part.line, [passage.text for passage in part.passages])
        for part in writing.parts
        if part.passages
    }


FRONT = """\
---
title: Charged twice
root_cause: the retry carried no key
class: missing idempotency
# postmortem: ignore=action-date
whys:
- one
- two
---

# Charged twice

## Action items
- Send the key
<!-- postmortem: ignore=class-*, action-owner -->

```md
<!-- postmortem: ignore=blame-word -->
```
"""


def test_front_matter_counts_as_parts_and_lines_go_on(tmp_path: Path) -> None:
    """A comment asks to ignore rules, but for one that is shown as code."""
    writing = written(tmp_path, "a.md", FRONT)

    assert said(writing) == {
        "other": (2, ["Charged twice"]),
        "cause": (3, ["the retry carried no key"]),
        "class": (4, ["missing idempotency"]),
        "whys": (6, ["one", "two"]),
        "actions": (13, ["Send the key"]),
    }
    assert writing.ignored == {"action-date", "class-*", "action-owner"}


DATA = """\
# postmortem: ignore=action-missing
id: PM-1
summary: >-
  It went
  down.
root_cause: |
  One reason.

  Another.


contributing_factors: [a, b]
action_items:
- {title: Do it, owner: payments}
prevention: {how: tests}
nothing: ~
"""


def test_a_yaml_document_has_the_same_parts(tmp_path: Path) -> None:
    """Its keys are its headings."""
    writing = written(tmp_path, "a.yaml", DATA)

    causes = [part for part in writing.parts if part.kind == "cause"]
    assert [(part.heading, part.line, len(part.passages)) for part in causes] == [
        ("root cause", 6, 2),
        ("contributing factors", 12, 2),
    ]
    found = said(writing)
    assert found["story"] == (3, ["It went down."])
    assert found["actions"] == (13, ["Do it | payments"])
    assert found["plans"] == (15, ["tests"])
    assert writing.ignored == {"action-missing"}


REST = """\
Charged twice
=============

.. postmortem: ignore=action-date

Root cause
----------

The *retry* had no key.

.. note:: nothing

   of this

+---+
| a |
+---+

Action items
------------

* Send the key
* Alert
"""


def test_a_document_in_restructuredtext_has_them_too(tmp_path: Path) -> None:
    """As far as it is written like Markdown; directives and tables are left out."""
    writing = written(tmp_path, "a.rst", REST)

    assert said(writing) == {
        "cause": (6, ["The retry had no key."]),
        "actions": (19, ["Send the key", "Alert"]),
    }
    assert writing.ignored == {"action-date"}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.md", b"\xff"),
        ("a.md", b"---\n- [\n---\n"),
        ("a.yml", b"a: [\n"),
        ("a.json", b'{"incidents": [{"id": "PM-1", "name": "Gone mail"}]}'),
        ("a.yml", b"- id: PM-1\n"),
        ("a.pdf", b"%PDF"),
        ("README.md", b"# Read me\n"),
        ("a.md", b"a\n" * 300_000),
        ("none.md", None),
    ],
)
def test_what_can_not_be_read_says_nothing(tmp_path: Path, name: str, data: bytes | None) -> None:
    """Loading the registry tells what is wrong with it."""
    if data is not None:
        (tmp_path / name).write_bytes(data)

    assert read_document(tmp_path / name, name) is None


@pytest.mark.parametrize(
    ("path", "url", "found"),
    [
        ("docs/PM-1.md", None, "docs/PM-1.md"),
        ("docs/PM-1.md", "docs/PM-2.md", "docs/PM-1.md"),
        ("pm.yml", "docs/PM-1.md#root-cause", "docs/PM-1.md"),
        ("docs/gone.md", "docs/PM-1.md", "docs/PM-1.md"),
        ("pm.toml", "https://example.com/PM-1.md", None),
        (None, "docs/README.md", None),
        (None, "\0.md", None),
        (None, "x" * 300 + ".md", None),
        ("github:owner/repo", None, None),
        (None, None, None),
    ],
)
def test_the_document_of_an_incident_is_its_place_or_what_it_links_to(
    tmp_path: Path, path: str | None, url: str | None, found: str | None
) -> None:
    """Where it lies in the checkout."""
    (tmp_path / "docs").mkdir()
    for name in ("PM-1.md", "PM-2.md", "README.md"):
        (tmp_path / "docs" / name).write_text("# It\n")
    postmortem = Postmortem("PM-1", "It", url=url, path=path)

    assert find_document_file(postmortem, tmp_path) == (found and (tmp_path / found, found))


def test_the_fields_of_an_entry_are_parts_as_well() -> None:
    """All at its line; a part of a mere entry is never missed."""
    entry = Postmortem(
        "PM-1",
        "It",
        path="pm.yml",
        line=7,
        root_cause="one\n\ntwo",
        whys=("three",),
        extra={"incident_class": "cache"},
    )

    writing = build_text_of_fields(entry)

    assert (writing.path, writing.whole) == ("pm.yml", False)
    assert said(writing) == {
        "cause": (7, ["one", "two"]),
        "whys": (7, ["three"]),
        "class": (7, ["cache"]),
    }


def test_the_head_of_a_table_is_no_row_of_it() -> None:
    """A table may have no rows at all, and a row may lack cells."""
    (section,) = parse_markdown_sections("|a|b|\n|-|-|\n|x|\n")

    assert [passage.is_head for passage in section.passages] == [True, False]
    assert [len(part.said) for part in split_into_parts([section])] == [1]
    assert section.passages[1].cells == (("a", "x"), ("b", ""))
    assert not DocumentPassage("", 1).is_head
