"""Documents in the words of other people: headings, hints, labels, dates, titles, action items."""

from __future__ import annotations

import pytest

from pytest_postmortem.documents.action_items import find_document_items
from pytest_postmortem.documents.causes import (
    find_document_cause,
    find_document_class,
    find_document_whys,
)
from pytest_postmortem.documents.dates import find_date
from pytest_postmortem.documents.heading_kinds import classify_heading
from pytest_postmortem.documents.labels import load_labels
from pytest_postmortem.documents.parts import DocumentPart, split_into_parts
from pytest_postmortem.documents.sections import parse_markdown_sections
from pytest_postmortem.documents.stated_fields import StatedFields, read_stated_fields

POOL = "The pool had no limit."


def read(text: str) -> tuple[DocumentPart, ...]:
    """Return the parts of a document below its title."""
    return split_into_parts(parse_markdown_sections(f"# Mail gone\n\n{text}"))


def cause(text: str) -> str | None:
    """Return the cause of a document with a text below "Root cause"."""
    return find_document_cause(
        read(f"## Root cause\n\n{text}\n\n## Timeline\n\n- 10:00 it broke\n")
    )


def state(text: str) -> StatedFields:
    """Return what a document states."""
    return read_stated_fields(text.split("\n"), load_labels(), stem="2026-01-01-x")


@pytest.mark.parametrize(
    "heading",
    [
        *("The underlying issue", "The root of the problem", "What was broken", "What broke"),
        *("What failed", "Source of the problem", "Origin", "Fault analysis", "Core issue"),
        *("Latent causes", "How it happened", "How did this happen and how was it fixed?"),
        *("L'origine de la panne", "Explication", "Comment est-ce arrivé ?", "Wie kam es dazu?"),
        *("Was war das Problem?", "Grundlegende Ursache", "Ursachenforschung", "Razón"),
        *("¿Por qué?", "Por que isso aconteceu", "Raiz do problema", "Perché", "Origine"),
        *(
            "장애 발생 원인",
            "В чём была причина",
            "Почему",
            "Dlaczego",
            "Waarom",
            "Hoe kon dit gebeuren?",
        ),
        *("どのように発生したか", "问题的原因", "怎么发生的"),
    ],
)
def test_other_headings_of_a_cause(heading: str) -> None:
    """A cause has many names; those in the text are read like the usual ones."""
    assert classify_heading(heading) == "cause"
    assert find_document_cause(read(f"## {heading}\n\n{POOL}\n")) == POOL


@pytest.mark.parametrize(
    "heading",
    [
        *("How did we detect it?", "How we responded", "How was it resolved?", "How we recovered"),
        *("How do we prevent this?", "How we communicated", "How were customers affected?"),
        *("Why this matters", "Why we are writing this", "Why it took so long to detect"),
        *("What could go wrong in future?", "Analysis of impact", "Trigger for rollback"),
        *("Root cause remediation", "Ruled-out causes", "Causes for concern"),
        *("Analyse der Auswirkungen", "Analyse d'impact", "Análisis de impacto"),
        *("Análise de impacto", "Analisi dell'impatto", "影響分析", "影响分析", "영향 분석"),
        *("Анализ последствий", "Analiza wpływu", "Impactanalyse", "原因への対策", "原因対策"),
    ],
)
def test_questions_that_do_not_ask_for_the_cause(heading: str) -> None:
    """A section on detection, recovery or impact gives no cause."""
    assert find_document_cause(read(f"## {heading}\n\nWe restarted it.\n")) is None


@pytest.mark.parametrize(
    "hint",
    [
        "> ℹ️ Fill in this section after the review.",
        "> What is the underlying cause? Keep asking why.",
        "What were the conditions? Why did nobody notice?",
        "Use the [Five Whys](https://example.com/5) to find the root cause.",
        "*If known, the commit that introduced the bug.*",
        "**Note**: This section is blameless. Describe systems, not people.",
        "Remplir cette section après l'analyse.",
        "Preencha esta seção.",
        "Wypełnij tę sekcję po analizie.",
        "$ROOT_CAUSE",
        "%ROOT_CAUSE%",
        "«root cause here»",
        "Written by alice.smith@example.com on 2026-01-02",
    ],
)
def test_hints_of_other_templates_are_no_cause(hint: str) -> None:
    """The cause is what is written below a hint, and nothing if there is only the hint."""
    assert cause(f"{hint}\n\n{POOL}") == POOL
    assert cause(hint) is None


@pytest.mark.parametrize(
    "text",
    [
        "We are still investigating.",
        "The cause is not yet known.",
        "We do not know yet.",
        "Waiting for logs from the vendor.",
        "Will be added later",
        "To be completed after the post-mortem meeting on Friday.",
        "Wird noch untersucht.",
        "En cours d'investigation",
        "En investigación",
        "A ser definido",
        "In corso di analisi",
        "調査中です。",
        "目前正在调查中",
        "조사 중입니다.",
        "Выясняется.",
        "W trakcie analizy.",
        "Nog in onderzoek.",
        "@alice to fill in",
        "@bob: please add",
        "John Doe (@jdoe)",
        "Jira: OPS-123",
        "OPS-1, OPS-2",
    ],
)
def test_texts_without_a_cause(text: str) -> None:
    """What is not known yet, requests to others, names and tickets are no cause."""
    assert cause(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**The pool had no limit.**", POOL),
        ("**Pool without limit**", "Pool without limit"),
        ("**TL;DR:** The pool had no limit.", POOL),
        ("Root Cause - The pool had no limit.", POOL),
        ("| Root cause | The pool had no limit. |\n|---|---|\n| Trigger | A deploy. |", POOL),
        ("- **Trigger:** a deploy\n- **Root cause:** The pool had no limit.", POOL),
        ("- **Root cause:** The pool had no limit.\n- **Trigger:** a deploy", POOL),
        ("### Immediate cause\n\nA deploy.\n\n### Root cause\n\nThe pool had no limit.", POOL),
        ("**Category:** Capacity\n\nThe pool had no limit.", POOL),
        ("The pool had no limit.<br><br>It grew.", "The pool had no limit. It grew."),
        ("The pool had no limit [1].\n\n[1]: https://example.com", POOL),
        ("The pool had no limit (thanks @alice for finding it).", POOL),
        ("The pool had no limit. cc @alice @bob", POOL),
        ("The pool had no limit. /cc @alice", POOL),
        ("The pool had no limit. — @alice", POOL),
        ("**@alice**: The pool had no limit.", POOL),
        ("@alice deployed it without a limit.", "someone deployed it without a limit."),
        ("値が不明であるため停止した。", "値が不明であるため停止した。"),
        ("Pods will fill the disk.", "Pods will fill the disk."),
        ("The client version was unknown to the proxy.",) * 2,
    ],
)
def test_the_cause_in_other_markup(text: str, expected: str) -> None:
    """The cause is one sentence, without labels, lesser causes and persons."""
    assert cause(text) == expected


def test_a_bold_and_italic_line_is_a_heading() -> None:
    """``***Root cause***`` introduces a part as ``**Root cause**`` does."""
    assert find_document_cause(read(f"***Root cause***\n\n{POOL}\n")) == POOL


@pytest.mark.parametrize(
    "whys",
    [
        "1. Why: The disk was full.\n2. Why: Nothing rotates logs.\n3. Why:",
        "1st why: The disk was full.\n\n2nd why: Nothing rotates logs.",
    ],
)
def test_labels_of_whys(whys: str) -> None:
    """The label "Why" is no cause, and the last answer is."""
    parts = read(f"## Five whys\n\n{whys}\n")

    assert find_document_whys(parts) == ("The disk was full.", "Nothing rotates logs.")
    assert find_document_cause(parts) == "Nothing rotates logs."


@pytest.mark.parametrize("text", ["<one of: Config, Code>", "Config / Code / Capacity / Network"])
def test_the_choices_of_a_template_are_no_class(text: str) -> None:
    """A class that is not chosen yet is none, in the head as below it."""
    assert find_document_class(read(f"## Category\n\n{text}\n")) is None
    assert "class" not in state(f"# A\n\n**Category:** {text}").texts
    assert "class" not in state(f"# A\n\n| Field | Value |\n|---|---|\n| Category | {text} |").texts


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("**Severity**\n\nSEV2", "SEV2"),
        ("<table><tr><td>Severity</td><td>SEV2</td></tr></table>", "SEV2"),
        ("<tr>\n<th>Severity</th>\n<td><b>SEV2</b></td>\n</tr>", "SEV2"),
        ("<dl><dt>Severity</dt><dd>SEV2</dd></dl>", "SEV2"),
        ("## Severity\n\n- [ ] SEV1\n- [x] SEV2\n- [ ] SEV3", "SEV2"),
        ("## Severity\n\n- [ ] SEV1\n- [ ] SEV2", None),
        ("**Severity:** Critical – payments down", "Critical"),
    ],
)
def test_severities_in_other_markup(head: str, expected: str | None) -> None:
    """A severity is read from HTML, from below a bold label, and from a box that is checked."""
    assert state(f"# Checkout down\n\n{head}\n").texts.get("severity") == expected


@pytest.mark.parametrize(
    ("label", "text", "expected"),
    [
        ("Datum", "3. März 2026", "2026-03-03"),
        ("발생일", "2026. 3. 3.", "2026-03-03"),
        ("Date de l’incident", "mardi 3 mars 2026 à 10 h", "2026-03-03"),
        ("Date", "03/Mar/2026", "2026-03-03"),
        ("日付", "２０２６年３月３日", "2026-03-03"),
        ("Date", "2026‑03‑03", "2026-03-03"),
        ("Datum", "3. Jän. 2026", "2026-01-03"),
        ("Data", "1º de março de 2026", "2026-03-01"),
    ],
)
def test_dates_in_other_forms(label: str, text: str, expected: str) -> None:
    """A date is read from a line, a table and a section of its own alike."""
    assert find_date(text, load_labels().months) == expected
    for head in (f"**{label}:** {text}", f"## {label}\n\n{text}", f"**{label}:**\n{text}"):
        assert state(f"# Checkout down\n\n{head}\n").texts.get("date") == expected


@pytest.mark.parametrize(
    ("heading", "title", "texts"),
    [
        ("# (INC-44) Hub open", "Hub open", {"id": "INC-44"}),
        ("# 【INC-45】【P1】中枢打开", "中枢打开", {"id": "INC-45", "severity": "P1"}),
        ("# (2026) Hub open", "(2026) Hub open", {}),
        ("# ![logo](x.png) Hub open", "Hub open", {}),
        ('<h1 align="center">Hub open</h1>', "Hub open", {}),
        ("# Incident Title Here", None, {}),
        ("# 故障复盘报告\n\n标题：入口打开", "入口打开", {}),
    ],
)
def test_titles_in_other_forms(heading: str, title: str | None, texts: dict[str, str]) -> None:
    """Ids and severities in any brackets are no part of the title."""
    stated = dict(state(heading).texts)

    assert stated.pop("title", None) == title
    assert stated == texts


def test_an_emoji_before_an_id_is_no_part_of_it() -> None:
    """The id of "🔥 INC-50: Hub open" is found, and the emoji of another title is kept."""
    stated = state("# 🔥 INC-50: Hub open")

    assert stated.heading is not None
    assert stated.heading.text == "INC-50: Hub open"
    assert state("# 🔥 Hub open").texts["title"] == "🔥 Hub open"


def test_an_emoji_before_a_status_is_no_part_of_it() -> None:
    """The status of "✅ Resolved" is "Resolved"."""
    assert state("# A\n\n**Status:** ✅ Resolved").texts["status"] == "Resolved"


@pytest.mark.parametrize(
    ("item", "over"),
    [
        ("ГОТОВО добавить алерт", True),
        ("<s>add x</s>", True),
        ("<del>add x</del>", True),
        ("Add x → done", True),
        ("DONE(alice): add x", True),
        ("Fixed-size pools everywhere", False),
        ("Add x (to be done by ops)", False),
    ],
)
def test_states_of_items_in_other_forms(item: str, over: bool) -> None:
    """An item is over if it says so, and not for a word that only begins like a state."""
    items = find_document_items(read(f"## Action items\n\n- {item}\n- Add another alert\n"))

    assert [each.over for each in items] == [over, False]


@pytest.mark.parametrize(
    "heading",
    [
        *("CAPA", "Work items", "Remedies", "Long-term fixes", "Jira tickets", "Issues filed"),
        *("Steps we are taking", "Mesures", "Piano", "Hardening"),
    ],
)
def test_other_headings_of_action_items(heading: str) -> None:
    """Action items have many names as well."""
    assert len(find_document_items(read(f"## {heading}\n\n- Add a limit\n- Add an alert\n"))) == 2


def test_words_within_a_sentence_are_no_labels() -> None:
    """A hint, a box or "a:" is removed at the start of a text, and nowhere else."""
    whys = read(
        "## Five whys\n\n1. Bad data: nothing checked it.\n2. A: Nobody knew why: no log.\n"
    )
    text = "The pool had no limit. Note: it was set in 2019. The matrix [x] was full."

    assert find_document_whys(whys) == ("Bad data: nothing checked it.", "Nobody knew why: no log.")
    assert cause(text) == text


def test_columns_of_action_items_are_no_severity() -> None:
    """A table with one action item has a priority and an owner that are not the incident's."""
    rows = (
        "| # | Action | Owner | Priority | Due |\n|---|---|---|---|---|\n| 1 | x | ops | High | - |"
    )
    texts = state(f"# A\n\n## Impact\n\nx\n\n## Timeline\n\nx\n\n## Action items\n\n{rows}\n").texts

    assert "severity" not in texts
    assert "owner" not in texts


@pytest.mark.parametrize("text", ["(" * 20_000, "—" * 20_000, "[~" * 10_000, "why? " * 5_000])
def test_long_rows_of_signs_are_read_at_once(text: str) -> None:
    """Signs are searched from the start of a text, and not from each of its positions."""
    assert cause(f"{text}\n\n{POOL}") is not None


@pytest.mark.parametrize(
    "text",
    ['- "None": the parser is retired', "| Action | Owner |\n|---|---|\n| none | |", "- **None**"],
)
def test_nothing_to_do_in_other_markup(text: str) -> None:
    """What `check` asks for, "none" and why, is no action item in any markup."""
    assert find_document_items(read(f"## Action items\n\n{text}\n")) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Unknown keys in the config were ignored.",
        "Investigating the queue was not possible because logs were off.",
        "Waiting for a lock without a timeout blocked all workers.",
        "Outline tables were not indexed.",
        "This section of the pipeline had no retry.",
        "In this section of the network all switches share one uplink.",
        "Complete this step twice and the lock is lost.",
        "A/B/C tests ran at once.",
        "Note that the cache was shared between tenants.",
    ],
)
def test_causes_that_begin_like_a_hint(text: str) -> None:
    """A sentence about the system is shown, even if it begins as hints do."""
    assert cause(text) == text
