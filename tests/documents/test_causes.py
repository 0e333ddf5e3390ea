"""The cause, the five whys and the class of problem in documents as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_postmortem.documents.causes import (
    find_document_cause,
    find_document_class,
    find_document_whys,
)
from pytest_postmortem.documents.parts import DocumentPart, split_into_parts
from pytest_postmortem.documents.sections import parse_markdown_sections
from pytest_postmortem.model import Postmortem
from pytest_postmortem.registry.postmortem_text import add_document_details

MAIL = "Nothing deletes old mail."
POOL = "The pool had no limit."


def read(text: str) -> tuple[DocumentPart, ...]:
    """Return the parts of a document below its title."""
    return split_into_parts(parse_markdown_sections(f"# Mail gone\n\n{text}"))


def cause(text: str) -> str | None:
    """Return the cause that a document gives."""
    return find_document_cause(read(text))


@pytest.mark.parametrize(
    "heading",
    [
        *("## Root Cause:", "## 1. Root cause", "**Root cause**", "## Root cause(s)", "## Cause"),
        *("## Why it happened", "## Root causes identified", "## Technical root cause"),
        *(
            "## Root cause & trigger",
            "## Identified cause",
            "## 🔍 Root Cause",
            "## **Root Cause**",
        ),
        *("## Incident cause", "## Trigger", "### Direct cause", "## Causes", "## Diagnosis"),
        *("## Analysis", "## [Root Cause](#top)", "## :seedling: Blameless root cause"),
        *("## Why", "## Details of vulnerability", "## Root cause {#rc}", "## 3️⃣ Root cause"),
        *("## IV. Root cause", "## 2.1 Root cause", "## `Root cause`", "## _Root cause_ ✨"),
        *("## What went wrong?", "## What caused it", "- **Root cause**:", "Root cause:"),
        *("Root cause\n----------", "## RCA", "## What was the root cause?", "**Root Cause:** "),
        *("<h2>Root cause</h2>", "<details><summary>Root cause</summary>", "## Failure mode"),
        *("## Ursache", "## Grundursache", "## Ursachenanalyse", "## Auslöser"),
        *("## Was lief schief?", "## Cause racine", "## Causes profondes", "## Pourquoi ?"),
        *("## Analyse de la cause", "## Qu'est-ce qui a mal fonctionné ?", "## Causa raíz"),
        *("## Análisis de causa raíz", "## CAUSA RAIZ", "## ¿Por qué ocurrió?", "## Causa-raiz"),
        *("## O que deu errado", "## Causa principale", "## Cosa è andato storto"),
        *(
            "## 原因",
            "## 根本原因",
            "## 直接原因",
            "## 障害原因",
            "## 1、根本原因",
            "## 【根本原因】",
        ),
        *(
            "## 2. 根因分析 (Root Cause)",
            "## 一、故障原因",
            "## （三）根本原因",
            "## 問題原因",
            "根本原因：",
        ),
        *(
            "## 근본 원인",
            "## 장애 원인",
            "## Корневая причина",
            "## Причины",
            "## Что пошло не так",
        ),
        *("## Główna przyczyna", "## Przyczyna źródłowa", "## Oorzaak", "## Grondoorzaak"),
        *("## Wat ging er mis?", "## Onderliggende oorzaak"),
    ],
)
def test_a_heading_or_a_label_introduces_the_cause(heading: str) -> None:
    """In twelve languages, with numbers, emoji, emphasis, anchors and links around it."""
    assert cause(f"{heading}\n\n{MAIL}\n") == MAIL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("| Factor | Detail |\n|---|---|\n| Pool | had no limit |", "Pool: had no limit"),
        (f"| # | Cause | Owner |\n|---|---|---|\n| 1 | {POOL} | ops |", POOL),
        (f"```python\npool = Pool()\n```\n\n{POOL}", POOL),
        (f"> {POOL}", POOL),
        (f"> [!NOTE]\n> {POOL}", POOL),
        (f"> [!warning]- Cause\n> {POOL}", POOL),
        (f'!!! warning "Cause"\n    {POOL}', POOL),
        (f"???+ note\n\n    {POOL}", POOL),
        (f":::info\n{POOL}\n:::", POOL),
        (f":::danger Take care\n\n{POOL}\n\n:::", POOL),
        (f"```{{note}}\n{POOL}\n```", POOL),
        (f'{{% hint style="info" %}}\n{POOL}\n{{% endhint %}}', POOL),
        (f"*Describe the final root cause here*\n\n{POOL}", POOL),
        (f"_What was the root cause?_\n\n{POOL}", POOL),
        (f"[One sentence about the system]\n\n{POOL}", POOL),
        (f"> _Use five whys to find it._\n\n{POOL}", POOL),
        (f"*{POOL}*", POOL),
        (f"<!-- {MAIL} -->\n{POOL}", POOL),
        (f"What led to the incident?\n\n{POOL}", POOL),
        (f"Why was mail gone? {POOL}", POOL),
        (f"### Trigger\n\n{POOL}", POOL),
        (f"### Pool\n\nTBD\n\n### Mail\n\n{POOL}", POOL),
        ("See [the document](https://example.com/x) and [thread](https://example.com/y).", None),
        ("- https://example.com/x\n- [thread](https://example.com/y)", None),
        ("See the summary above.", None),
        (f"[{POOL[:-1]}](https://example.com/x)", POOL[:-1]),
        ("詳細は[こちら](https://example.com/x)を参照", None),
        *((word, None) for word in ("TBD", "N/A", "-", "???", "Unknown", "Under investigation.")),
        *(
            (word, None)
            for word in ("TODO: fill in", "調査中", "待定", "Noch offen", "à compléter")
        ),
        (f"<p>{POOL}</p>", POOL),
        ("<ul>\n<li>The pool had <b>no limit</b>.</li>\n</ul>", POOL),
        ("<table><tr><th>Cause</th></tr><tr><td>The pool had no limit.</td></tr></table>", POOL),
        (f"<details>\n<summary>Cause</summary>\n\n{POOL}\n\n</details>", POOL),
        (
            "Three gaps combined:\n\n1. The pool had no limit.\n2. No retry.",
            "Three gaps combined: The pool had no limit. No retry.",
        ),
        ("The cause is this:\n\nThe pool had no limit.", POOL),
        ("Two gaps:\n\n### No limit\n\n### No retry", "Two gaps: No limit; No retry"),
        ("These queries were slow:\n\n```sql\nselect 1\n```", "These queries were slow"),
        ("穴は二つ：\n\n- 上限がない\n- 再試行がない", "穴は二つ： 上限がない; 再試行がない"),
        ("- The pool had no limit.\n- No retry.", f"{POOL} No retry."),
        ("- Pool without limit\n- No retry", "Pool without limit; No retry"),
        ("- **Pool**: no limit\n  - since 2019\n- **Retry**: none", "Pool: no limit; Retry: none"),
        ("- [x] The pool had no limit", POOL[:-1]),
        ("The pool had no limit (@alice, alice@example.com).", POOL),
        (
            "The pool that @alice had set up had no limit.",
            "The pool that someone had set up had no limit.",
        ),
        ("The pool of @sre-team had no limit.", "The pool of @sre-team had no limit."),
        ("The pool (cc <@U0123>) had no limit.", POOL),
        (
            "`Pool()` had no limit; see commit `abc1234`.",
            "`Pool()` had no limit; see commit `abc1234`.",
        ),
        ("`@dataclass` had no limit.", "`@dataclass` had no limit."),
        (f"**Root cause:** {POOL}", POOL),
        (f"![diagram](x.png)\n\n{POOL}", POOL),
        (f"**Note:** {POOL}", POOL),
        (f"> **Warning**\n> {POOL}", POOL),
        (f"Describe what happened.\n{POOL}", POOL),
        (f"*Guidance: one sentence.* {POOL}", POOL),
        (f"Example: The disk was full.\n\n{POOL}", POOL),
        (f"The root cause should be described without blame.\n\n{POOL}", POOL),
        (f"（ここに原因を記載してください）\n\n{POOL}", POOL),
        (f"<Describe the cause>\n\n{POOL}", POOL),
        (f"Author: Jane <jane@example.com>\n\n{POOL}", POOL),
        (f"import X from 'y'\n\n{POOL}", POOL),
        (f"{{: .note }}\n{POOL}", POOL),
        (f'=== "Cause"\n\n    {POOL}', POOL),
        ("- [ ] Human error\n- [ ] Process", None),
        ("- [ ] Human error\n- [x] Pool without limit", "Pool without limit"),
        ("1. **Pool**\n\n   It had no limit.\n2. Retry", "Pool: It had no limit. Retry"),
        ("- 直接原因：停止した\n- なぜ：x", "停止した; x"),
        ("alice@example.com", None),
        *((word, None) for word in ("None identified.", "Not yet determined.", "To be analysed")),
        ("Still under investigation by the team.", None),
        ("word " * 60, "word " * 39 + "word…"),
        ("限" * 250, "限" * 199 + "…"),
    ],
)
def test_the_cause_is_a_sentence_about_the_system(text: str, expected: str | None) -> None:
    """Without guidance, placeholders, marks, mere links and persons."""
    assert cause(f"## Root cause\n\n{text}\n\n## Timeline\n\n- 10:00 it broke\n") == expected


@pytest.mark.parametrize(
    "text",
    [
        f"## What went wrong\n\n{MAIL}\n\n## Root cause\n\n{POOL}",
        f"## Analysis\n\n{MAIL}\n\n## Contributing factors\n\n{POOL}",
        f"## Contributing factors\n\n{MAIL}\n\n## Cause\n\n{POOL}",
        f"## Root cause\n\nTBD\n\n## Contributing factors\n\n{POOL}",
        f"## Root cause\n\n## Root-cause analysis\n\n{POOL}",
        f"## Analysis\n\n{MAIL}\n\n**Root cause:** {POOL}",
        f"## Analysis\n\n{MAIL}\n\n### Root cause\n\n{POOL}",
        f"## Root cause: {POOL}\n\n## Impact\n\n{MAIL}",
        f"## Five whys\n\n1. Why? {MAIL}\n2. Why? {POOL}",
        f"## Five whys\n\n1. {MAIL}\n\n## Root cause\n\n{POOL}",
        f"## Summary\n\nMail was gone. It was late.\n\n| Root cause | {POOL} |\n|---|---|\n",
        f"## Lessons learned\n\n**Root cause:** {POOL}",
        f"## Root cause analysis\n\n### Five whys\n\n1. Why? {POOL}\n\n"
        f"### Contributing factors\n\n- {MAIL}",
        f"## Five whys\n\n1. Why? {MAIL}\n2. **Why no test?** Nobody asked. **Root cause:** {POOL}",
        f"## Causa raíz (5 porqués)\n\n1. ¿Por qué? {MAIL}\n2. ¿Y? — **Causa raíz:** {POOL}",
        f"## Root cause\n\nWrong assumptions:\n\n- {MAIL}\n- It was DNS.\n\nIn fact:\n\n- {POOL}",
        f"## Root cause analysis\n\n### Direct cause\n\n{POOL}\n\n### Replay\n\n{MAIL}",
        f"## Root cause\n\n**Root cause of the outage:** {POOL}\n\n"
        f"**Root cause of the delay:** {MAIL}",
        f"## 根因\n\n错误假设：\n\n- {MAIL}\n\n{POOL}",
        f"## Root cause\n\n*Note the root cause and describe what needs to change to prevent\n"
        f"recurrence*\n\n{POOL}",
    ],
)
def test_the_most_specific_part_with_a_text_counts(text: str) -> None:
    """A root cause before factors, factors before an analysis; an empty one is passed over."""
    assert (cause(text) or "").removeprefix("In fact: ") == POOL


def test_a_sentence_of_the_summary_may_name_the_root_cause() -> None:
    """Unless it says that it is unknown."""
    text = "## Summary\n\nMail was gone. The root cause of it was a pool without limit. It is back."

    assert cause(text) == "The root cause of it was a pool without limit."
    assert cause(text.replace("was a pool", "was not found: a pool")) is None


WHYS = ("Why was mail gone? The disk was full.", "Why was it full? Nothing deletes old mail.")


@pytest.mark.parametrize(
    "text",
    [
        f"## Five whys\n\n1. {WHYS[0]}\n2. {WHYS[1]}\n3. Why that?\n",
        "## 5 Whys\n\n- Why was mail gone?\n  - The disk was full.\n- Why was it full?\n"
        "  - Nothing deletes old mail.\n",
        "## 5-Why analysis\n\n**Why was mail gone?**\n\nThe disk was full.\n\n"
        "**Why was it full?**\n\nNothing deletes old mail.\n",
        "## Whys\n\n| # | Why | Answer |\n|---|---|---|\n"
        "| 1 | Why was mail gone? | The disk was full. |\n"
        "| 2 | Why was it full? | Nothing deletes old mail. |\n| 3 | Why that? | TBD |\n",
        "## Five whys\n\n### Why was mail gone?\n\nThe disk was full.\n\n### Why was it full?\n\n"
        "Nothing deletes old mail.\n",
        f"## なぜなぜ分析\n\n1. {WHYS[0]}\n2. {WHYS[1]}\n",
        f"## Cinq pourquoi\n\n1. {WHYS[0]}\n2. {WHYS[1]}\n",
    ],
)
def test_the_five_whys_are_answers_with_their_questions(text: str) -> None:
    """In lists, tables, paragraphs and below headings; a question alone is that of a template."""
    assert find_document_whys(read(text)) == WHYS


def test_headings_why_1_are_five_whys() -> None:
    """Each with its first words."""
    text = "## Why 1\n\nThe disk was full.\n\n## Why 2\n\nNothing deletes old mail.\n"

    assert find_document_whys(read(text)) == ("The disk was full.", MAIL)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("## Stats\n\n- Category: Observability\n", "Observability"),
        ("## Class of problem\n\nUnbounded growth\n", "Unbounded growth"),
        ("**Root cause category:** Configuration\n", "Configuration"),
        ("| Class | Unbounded growth |\n|---|---|\n| Owner | ops |\n", "Unbounded growth"),
        ("## Class\n\n- [ ] Code\n- [x] Configuration\n", "Configuration"),
        (
            "## Root cause\n\n- **Category:** Configuration\n- The pool had no limit.\n",
            "Configuration",
        ),
        ("## Kategorie\n\nKonfiguration\n", "Konfiguration"),
        ("- 原因分類：設定\n", "設定"),
        ("## 故障类型\n\n配置\n", "配置"),
        ("**Categoría:** Configuración\n", "Configuración"),
        ("## Class of problem\n\nTBD\n", None),
        ("## Class of problem\n\n*Is this one incident, or a class?*\n", None),
        ("## Class\n\n" + "This is a long text without any end of a clause " * 4, None),
        ("## Impact\n\nCategory theory was of no use.\n", None),
    ],
)
def test_a_label_or_a_section_names_the_class(text: str, expected: str | None) -> None:
    """A long text is no name of a class."""
    assert find_document_class(read(text)) == expected


def test_a_field_counts_more_than_the_text(tmp_path: Path) -> None:
    """And what no field has is read."""
    text = f"# It\n\n## Cause\n\n{POOL}\n\n## Class\n\nGrowth\n\n## To do\n\n- [ ] Add it\n"
    (tmp_path / "PM-1.md").write_text(text)
    postmortem = Postmortem("PM-1", "It", path="PM-1.md", root_cause="Ours")

    (found,) = add_document_details([postmortem], tmp_path)

    assert (found.root_cause, found.problem_class) == ("Ours", "Growth")
    assert [(item.title, item.status) for item in found.action_items] == [("Add it", "open")]


def test_an_entry_of_a_file_with_several_has_the_text_below_its_heading(tmp_path: Path) -> None:
    """Its line is that of the heading."""
    text = f"# Log\n\n## PM-1\n\n### Cause\n\n{MAIL}\n\n## PM-2\n\n### Cause\n\n{POOL}\n"
    (tmp_path / "log.md").write_text(text)
    entries = [
        Postmortem(f"PM-{n}", "It", path="log.md", line=line) for n, line in ((1, 3), (2, 9))
    ]

    found = add_document_details(entries, tmp_path)

    assert [each.root_cause for each in found] == [MAIL, POOL]


def test_an_entry_of_a_registry_has_the_text_of_its_linked_document(tmp_path: Path) -> None:
    """The registry file itself is no document of one incident."""
    (tmp_path / "pm.yml").write_text("- {id: PM-1, url: docs/PM-1.md}\n- {id: PM-2}\n")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/PM-1.md").write_text(f"# It\n\n## Cause\n\n{POOL}\n")
    entries = [
        Postmortem("PM-1", "It", url="docs/PM-1.md", path="pm.yml", line=1),
        Postmortem("PM-2", "It", path="pm.yml", line=2),
    ]

    found = add_document_details(entries, tmp_path)

    assert [each.root_cause for each in found] == [POOL, None]


def test_a_team_adds_words() -> None:
    """They are compared as those of the data are."""
    parts = split_into_parts(
        parse_markdown_sections(f"# It\n\n## Was uns traf:\n\n{POOL}\n"),
        (("cause", ("was uns traf",)),),
    )

    assert find_document_cause(parts) == POOL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"## Root cause\n\n~~{MAIL}~~\n\n{POOL}\n", POOL),
        (f"## Root cause\n\n- ~~{MAIL}~~\n- {POOL}\n", POOL),
        (f"## Root cause\n\n- {MAIL}\n- ~~{POOL}~~\n", MAIL),
        ("## Root cause\n\n| # | Cause |\n|---|---|\n| 1 | TBD |\n", None),
        (f"## Root cause\n\n| # | Cause |\n|---|---|\n| 1 | TBD |\n| 2 | {POOL} |\n", POOL),
        ("## Root cause\n\n- **Storage:**\n\n  TBD\n", "Storage"),
        (
            f"## Root cause\n\n<details>\n<summary>Log</summary>\n\nx\n\n</details>\n\n{POOL}\n",
            POOL,
        ),
    ],
)
def test_what_is_struck_or_left_open_is_no_cause(text: str, expected: str | None) -> None:
    """A text that its author took back, and a placeholder in a table, say nothing."""
    assert cause(text) == expected


def test_the_hint_of_a_template_is_no_answer() -> None:
    """The sentence that explains the method stays out of the whys."""
    text = f"## Five whys\n\n*Ask why until you find the root cause.*\n\n1. {MAIL}\n2. {POOL}\n"

    assert find_document_whys(read(text)) == (MAIL, POOL)
