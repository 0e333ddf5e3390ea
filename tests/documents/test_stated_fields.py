"""What a document states at its head, without front matter."""

from __future__ import annotations

import pytest

from pytest_postmortem.documents.labels import load_labels
from pytest_postmortem.documents.stated_fields import StatedFields, read_stated_fields


def read(text: str, *severities: str, stem: str = "x", rst: bool = False) -> StatedFields:
    """Return what a document states."""
    return read_stated_fields(text.split("\n"), load_labels(), severities, stem=stem, rst=rst)


def stated(text: str) -> dict[str, str]:
    """Return the fields of a document without its title."""
    return {name: value for name, value in read(text).texts.items() if name != "title"}


FULL = {"date": "2026-01-02", "severity": "SEV1", "status": "Resolved", "owner": "payments"}


@pytest.mark.parametrize(
    "text",
    [
        "**Date**: 2026-01-02\n**Severity**: SEV1\n**Status**: Resolved\n**Owner**: payments\n",
        "**Date:** 2026-01-02  \n**Severity:** SEV1  \n**Status:** Resolved\\\n**Owner:** payments",
        "__Date__: 2026-01-02\n__Severity__: SEV1\n_Status_: Resolved\n`Owner`: `payments`\n",
        "> **Date**: 2026-01-02\n> **Severity**: SEV1\n> Status: Resolved\n> Owner: payments\n",
        "- **Date:** 2026-01-02\n- **Severity:** SEV1\n- Status: Resolved\n- Owner: payments\n",
        "* Date: 2026-01-02\n* Severity: SEV1\n* [ ] Status: Resolved\n+ Owner: payments\n",
        "1. Date: 2026-01-02\n2. Severity: SEV1\n3. Status: Resolved\n4. Owner: payments\n",
        "📅 Date: 2026-01-02\n:fire: Severity: SEV1\n🚦 **Status:** Resolved\n👥 Owner: payments\n",
        "**Date:** 2026-01-02 | **Severity:** SEV1 | **Status:** Resolved | **Owner:** payments\n",
        "Date: 2026-01-02 · Severity: SEV1 · Status: Resolved · Owner: payments\n",
        "Date: 2026-01-02, Severity: SEV1, Status: Resolved, Owner: payments\n",
        "**Date** – 2026-01-02\n**Severity** – SEV1\n**Status** – Resolved\n**Owner** – payments\n",
        "Date:\n2026-01-02\n\nSeverity:\n- SEV1\n\nStatus:\nResolved\n\nOwner:\npayments\n",
        "[Date](https://x.example): 2026-01-02\nSeverity: [SEV1](https://x.example/levels)\n"
        "Status: Resolved\nOwner: [payments](../teams.md)\n",
        "Date: 2026-01-02<br>Severity: SEV1<br/>Status: Resolved<br>Owner: payments\n",
        "| Field | Value |\n|---|---|\n| Date | 2026-01-02 |\n| **Severity** | SEV1 |\n"
        "| Status | Resolved |\n| Owner | `payments` |\n",
        "| Date | 2026-01-02 |\n|---|---|\n| Severity | SEV1 |\n| Status | Resolved |\n"
        "| Owner | payments |\n",
        "|||\n|---|---|\n| Date | 2026-01-02 | Severity | SEV1 |\n"
        "| Status | Resolved | Owner | payments |\n",
        "| Date | Severity | Status | Owner |\n|---|:-:|---|---|\n"
        "| 2026-01-02 | SEV1 | Resolved | payments |\n",
        "Date | Severity | Status | Owner\n--- | --- | --- | ---\n"
        "2026-01-02 | SEV1 | Resolved | payments\n",
        "## Date\n\n2026-01-02\n\n## Severity\n\nSEV1\n\n## Status\n\n- Resolved\n\n"
        "## Owner {#owner}\n\npayments\n",
        "## 1. Date\n\n2026-01-02\n\n## 2. Severity:\n\n**SEV1**\n\nAll users.\n\n"
        "## :construction: Status\n\nResolved\n\n## 👥 Owner\n\npayments\n",
        "## Severity: SEV1\n\n## Date: 2026-01-02\n\n## Status: Resolved\n\n## Owner: payments\n",
        "## Summary\n\nIt broke.\n\n## Details\n\n- Date: 2026-01-02\n- Severity: SEV1\n"
        "- Status: Resolved\n- Owner: payments\n",
    ],
)
def test_a_field_is_read_in_every_form_of_a_label(text: str) -> None:
    """Numbers, emoji, emphasis, links and anchors around a label are ignored."""
    assert stated(f"# Checkout down\n\n{text}\n## Root cause\n\nThe pool had no limit.\n") == FULL


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("**Schweregrad:** SEV1\n**Datum:** 3. März 2026", ("SEV1", "2026-03-03")),
        ("**Gravité :** élevée\n**Date :** 3 mars 2026", ("élevée", "2026-03-03")),
        ("**Severidad:** alta\n**Fecha:** 3 de marzo de 2026", ("alta", "2026-03-03")),
        ("**Severidade:** Alta\n**Data:** 3 de março de 2026", ("Alta", "2026-03-03")),
        ("**Gravità:** critica\n**Data:** 3 marzo 2026", ("critica", "2026-03-03")),
        ("| 重大度 | SEV-1 |\n| 発生日時 | 2026年3月3日 10:00 |", ("SEV-1", "2026-03-03")),
        ("- **严重程度**: P1\n- **发生时间**：2026年3月3日", ("P1", "2026-03-03")),
        ("- **嚴重程度**：P1\n- **發生時間**：2026年3月3日", ("P1", "2026-03-03")),
        ("심각도: 심각\n발생일: 2026. 3. 3.", ("심각", "2026-03-03")),
        ("**Серьёзность:** критическая\n**Дата:** 3 марта 2026", ("критическая", "2026-03-03")),
        ("Priorytet: wysoki\nData: 3 marca 2026", ("wysoki", "2026-03-03")),
        ("Ernst: hoog\nDatum: 3 maart 2026", ("hoog", "2026-03-03")),
        ("严重程度 (Severity): P1\nDate / 日期: 2026-03-03", ("P1", "2026-03-03")),
    ],
)
def test_labels_and_values_are_read_in_twelve_languages(text: str, fields: tuple[str, str]) -> None:
    """The words are data, in vocabulary/labels.yml."""
    texts = stated(f"# X\n\n{text}\n")

    assert (texts.get("severity"), texts.get("date")) == fields


@pytest.mark.parametrize(
    "text",
    [
        "Severity: SEV1 / SEV2 / SEV3\nDate: YYYY-MM-DD\nOwner: <team>\nStatus: Draft / Final",
        "Severity: [severity]\nDate: [date]\nOwner: [team]\nStatus: [status]",
        "Severity: TBD\nDate: TBD\nOwner: TBD\nStatus: TBD\nID: INC-XXXX",
        "Severity: n/a\nOwner: n/a\nStatus: -\nDate: N/A",
        "Owner: @alice\nStatus: The service was restored after two hours of work by the team.",
        "Owner: alice@example.com\nOwner: @alice, @bob",
        "Severity: {{ severity }}\nOwner: {{ owner }}\nDate: {{ date }}",
        "```\nSeverity: SEV1\n```\n<!-- Severity: SEV1 -->\n<!--\nOwner: payments\n-->",
        "- 10:00 Severity: SEV1 was declared\n- The severity: it was SEV1",
        "Severity of it: SEV1",
        "## Severity\n\nAll users of the shop saw an error page for two hours.",
        "## Owner\n\nThe team of payments and\n\nthe team of the shop",
        "## Actions\n\n| Action | Owner | Status |\n|---|---|---|\n| Fix | web | Open |\n"
        "| Test | ops | Done |",
        "## A\n\n## B\n\n- Owner: web\n- Status: Open",
        "## A\n\n## PM-1\n\nSeverity: SEV1\n\n## PM-2\n\nSeverity: SEV2",
        "| Owner | Action |\n|---|---|\n| web | fix it |\n| ops | test it |",
    ],
)
def test_what_is_no_value_of_the_incident_is_left_out(text: str) -> None:
    """Placeholders, persons, prose, code, and the labels of action items are none."""
    assert stated(f"# X\n\n{text}\n") == {}


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("## Stats\n\n- Category: Observability\n", {"class": "Observability"}),
        ("## Class of problem\n\nretry storms\n\n<!-- One? -->\n", {"class": "retry storms"}),
        ("Incident ID: INC-17\n", {"id": "INC-17"}),
        ("| 事件编号 | RCA-001 |\n", {"id": "RCA-001"}),
        ("Start: 2026-03-02 10:00\nDate: 2026-03-03\n", {"date": "2026-03-03"}),
        ("Started at: 2026-03-02 10:00 UTC\n", {"date": "2026-03-02"}),
        (
            "Severity: P1\n\n## Cause\n\nX.\n\n## Actions\n\n"
            "| Category | Action | Owner | Date |\n|---|---|---|---|\n"
            "| Prevent | Alert | ops | 2026-12-01 |\n",
            {"severity": "P1"},
        ),
        ("| 影響期間 | 不明 〜 2026-03-02（当初から） |\n", {"date": "2026-03-02"}),
        ("**Incident period:** 2026-03-02 to 2026-03-09\n", {"date": "2026-03-02"}),
        (
            "Status: Complete, action items in progress\n",
            {"status": "Complete, action items in progress"},
        ),
    ],
)
def test_further_fields_are_read(text: str, fields: dict[str, str]) -> None:
    """A class is read anywhere if the document has one; a start is a date."""
    assert stated(f"# X\n\n## Summary\n\nIt broke.\n\n{text}") == fields


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# [INC-20260722-002][P0] Hub is open\n", "Hub is open"),
        ("# [INC-2026-07] [SEV2]: Hub down\n", "Hub down"),
        ("# [Resolved] Hub down\n", "[Resolved] Hub down"),
        ("# ISSUE NAME\nIt broke.\n", None),
        ("# Incident report\n\nTitle: Hub down\n", "Hub down"),
        ("# <Incident title>\n", None),
        ("# [Incident title]\n", None),
        ("# Title: Hub down\n", "Hub down"),
        ("# 标题\n", None),
        ("## 概要\n", None),
        ("# 2026-06-03_hub\n\n# Incident: hub down\n", "Incident: hub down"),
        ("# 2026-06-03 hub\n\nIt broke.\n\n# Summary\n", "2026-06-03 hub"),
    ],
)
def test_the_title_is_a_text_of_its_own(text: str, title: str | None) -> None:
    """A placeholder, the name of a section and the name of the file give way to another title."""
    assert read(text, stem="2026-06-03_hub").texts.get("title") == title


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (
            "# [INC-20260722-002][P0] Hub\n",
            {"id": "INC-20260722-002", "severity": "P0", "date": "2026-07-22"},
        ),
        ("# [SEV-2][INC-7] Hub\n", {"id": "INC-7", "severity": "SEV-2"}),
        ("# SEV1: Hub down\n", {"severity": "SEV1"}),
        ("# Hub down (SEV-1)\n", {"severity": "SEV-1"}),
        ("# Hub down on March 2, 2026\n", {"date": "2026-03-02"}),
        ("# [SEV2] Hub\n\nSeverity: SEV1\n", {"severity": "SEV1"}),
    ],
)
def test_a_title_states_fields_too(text: str, fields: dict[str, str]) -> None:
    """A label counts more than what is in the title."""
    assert stated(text) == fields


def test_labels_are_read_in_restructuredtext() -> None:
    """Sections there have lines below their headings."""
    text = "Hub\n===\n\n| Severity: SEV1\n| Status: Done\n\nOwner\n-----\n\npayments\n"

    assert read(text, rst=True).texts == {
        "title": "Hub",
        "severity": "SEV1",
        "status": "Done",
        "owner": "payments",
    }


def test_a_team_can_add_words() -> None:
    """A word of the configuration counts as one of the vocabulary."""
    labels = load_labels((("severity", ("Dringlichkeitsstufe",)), ("owner", ("Mannschaft",))))
    lines = ["# X", "", "Dringlichkeitsstufe: P1", "Mannschaft: web"]

    texts = read_stated_fields(lines, labels).texts

    assert texts == {"title": "X", "severity": "P1", "owner": "web"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "<tr><td>Weather</td><td>fine</td></tr>\n<tr><td>Severity</td><td>SEV1</td></tr>\n",
            {"severity": "SEV1"},
        ),
        ("# PM-1: A\n\n## Severity\n\n- [ ] SEV1\n- [x] SEV2\n", {"severity": "SEV2"}),
        ("# PM-1: A\n\n## Severity\n\n- [ ] SEV1\n- [ ] SEV2\n", {}),
    ],
)
def test_what_is_not_chosen_is_not_stated(text: str, expected: dict[str, str]) -> None:
    """A label that means no field is passed over, and of several boxes the checked one counts."""
    assert stated(text) == expected


@pytest.mark.parametrize("title", ["TBD", "Post-mortem", "..."])
def test_a_title_that_says_nothing_is_none(title: str) -> None:
    """The name of the kind of document, and a placeholder, are no title of an incident."""
    assert "title" not in read(f"Title: {title}\nSeverity: SEV1\n").texts
