"""The words of documents, as data: well-formed, in twelve languages, read when they are needed."""

from __future__ import annotations

from typing import get_args

import pytest

from pytest_postmortem.documents.action_items import (
    find_document_items,
    is_nothing_to_do,
)
from pytest_postmortem.documents.action_progress import is_closed_status
from pytest_postmortem.documents.heading_kinds import PartKind, classify_heading
from pytest_postmortem.documents.parts import split_into_parts
from pytest_postmortem.documents.sections import parse_markdown_sections
from pytest_postmortem.documents.vocabulary import compile_phrases, fold_text, read_vocabulary_file

LANGUAGES = set("en de fr es pt it ja zh ko ru pl nl".split())


def test_every_kind_of_section_has_words_in_every_language() -> None:
    """Which is what the documentation promises."""
    languages: dict[str, set[str]] = {}
    for entry in read_vocabulary_file("headings.yml"):
        words = set(entry) - {"kind", "rank"}
        languages.setdefault(entry["kind"], set()).update(words)

    assert languages == dict.fromkeys(get_args(PartKind), LANGUAGES)


@pytest.mark.parametrize(
    ("phrases", "text", "fits"),
    [
        ("* root[ ]cause[s] *", "the root cause", True),
        ("* root[ ]cause[s] *", "rootcauses of it", True),
        ("* root[ ]cause[s] *", "uproot causes", False),
        ("* root[ ]cause[s] *", "root causeway", False),
        ("what * (wrong|bad)", "what went wrong", True),
        ("what * (wrong|bad)", "whatever wrong", False),
        ("*原因*", "障害原因の分析", True),
        ("Maßnahmen", fold_text("MASSNAHMEN"), True),
        ("follow-up", fold_text("Follow up"), True),
        ("a.b", "axb", False),
    ],
)
def test_the_signs_of_a_phrase(phrases: str, text: str, fits: bool) -> None:
    """A star, brackets and parentheses; everything else is itself."""
    assert (compile_phrases(phrases).fullmatch(text) is not None) is fits


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        *((text, "actions") for text in ("Maßnahmen", "Nächste Schritte", "Plan d'action")),
        *((text, "actions") for text in ("Acciones correctivas", "Próximos pasos", "Ações")),
        *(
            (text, "actions")
            for text in ("Azioni correttive", "アクションアイテム", "再発防止策", "対応")
        ),
        *((text, "actions") for text in ("改进措施", "后续行动", "後續行動", "재발 방지 대책")),
        *((text, "actions") for text in ("План действий", "Działania naprawcze", "Vervolgacties")),
        *((text, "actions") for text in ("✅ Action items", ":ballot_box_with_check: Follow-ups")),
        *(
            (text, "timeline")
            for text in ("Zeitlicher Ablauf", "Chronologie", "タイムライン", "时间线")
        ),
        *((text, "timeline") for text in ("Хронология", "Oś czasu", "Tijdlijn", "타임라인")),
        *(
            (text, "story")
            for text in ("Zusammenfassung", "Résumé", "概要", "摘要", "요약", "Resumo")
        ),
        *(
            (text, "lessons")
            for text in ("Lessons Learned", "Lecciones aprendidas", "教訓", "Выводы")
        ),
        *((text, "good") for text in ("Was lief gut", "Ce qui a bien fonctionné", "良かった点")),
        *((text, "whys") for text in ("5 Whys", "なぜなぜ分析", "Los 5 porqués", "五个为什么")),
        *((text, "other") for text in ("影響", "Auswirkungen", "Actions taken", "Impact analysis")),
        *((text, "class") for text in ("Root cause category", "Kategorie", "故障类型")),
        *((text, None) for text in ("Follow-up クエリの成功率", "It", "", "🙂", "Pool", "x" * 200)),
    ],
)
def test_headings_in_many_languages(heading: str, kind: PartKind | None) -> None:
    """A heading that names nothing belongs to the part around it."""
    assert classify_heading(heading) == kind


@pytest.mark.parametrize(
    ("head", "row"),
    [
        (
            "カテゴリ | アクション | 担当 | 期限 | 状態",
            "予防 | 上限を実装 | ops | 2026-12-01 | 未着手",
        ),
        (
            "类型 | 改进措施 | 负责人 | 截止时间 | 状态",
            "预防 | 增加上限 | ops | 2026-12-01 | 进行中",
        ),
        (
            "유형 | 조치 내용 | 담당자 | 기한 | 상태",
            "예방 | 제한 추가 | ops | 2026-12-01 | 진행 중",
        ),
        (
            "Typ | Maßnahme | Verantwortlich | Frist | Status",
            "p | Grenze | ops | 2026-12-01 | offen",
        ),
        (
            "Type | Tâche | Responsable | Échéance | Statut",
            "p | Limite | ops | 2026-12-01 | ouvert",
        ),
        (
            "Tipo | Acción | Responsable | Fecha límite | Estado",
            "p | Tope | ops | 2026-12-01 | abierta",
        ),
        ("Tipo | Ação | Responsável | Prazo | Situação", "p | Teto | ops | 2026-12-01 | aberta"),
        (
            "Tipo | Azione | Responsabile | Scadenza | Stato",
            "p | Tetto | ops | 2026-12-01 | aperta",
        ),
        ("Тип | Задача | Ответственный | Срок | Статус", "p | Лимит | ops | 2026-12-01 | в работе"),
        (
            "Rodzaj | Zadanie | Odpowiedzialny | Termin | Stan",
            "p | Limit | ops | 2026-12-01 | w toku",
        ),
        ("Soort | Actie | Eigenaar | Deadline | Status", "p | Grens | ops | 2026-12-01 | open"),
    ],
)
def test_a_table_of_action_items_in_any_language(head: str, row: str) -> None:
    """Also below a heading that is unknown, if it has an owner and a date or a state."""
    table = f"| {head} |\n|---|---|---|---|---|\n| {row} |\n"
    parts = split_into_parts(parse_markdown_sections(f"# It\n\n## Unheard of\n\n{table}"))

    (item,) = find_document_items(parts)

    kind, title, owner, due, status = row.split(" | ")
    found = item.action
    assert (found.type, found.title, found.owner, found.due) == (kind, title, owner, due)
    assert (found.status, item.over) == (status, False)


@pytest.mark.parametrize(
    "status",
    [
        *(
            "erledigt",
            "Terminé",
            "hecho",
            "Concluído",
            "fatto",
            "完了",
            "対応済み",
            "已完成",
            "완료",
        ),
        *("готово", "zrobione", "afgerond", "WONTFIX", "wont fix"),
    ],
)
def test_states_that_close_an_item(status: str) -> None:
    """In every language."""
    assert is_closed_status(status)


@pytest.mark.parametrize(
    "status", ["未完了", "進行中", "offen", "未完成", "не готово", "nicht fertig"]
)
def test_states_that_do_not(status: str) -> None:
    """A negation is none."""
    assert not is_closed_status(status)


@pytest.mark.parametrize(
    "text",
    [
        *("none, the parser is retired", "None: retired", "none - retired", "None", "N/A"),
        *(
            "No further action is needed",
            "keine, weil er weg ist",
            "なし",
            "特になし。",
            "无",
            "нет",
        ),
        *("Aucune", "ninguna", "geen", "brak", "없음"),
    ],
)
def test_texts_that_say_that_nothing_is_to_do(text: str) -> None:
    """With or without a reason."""
    assert is_nothing_to_do(text)


@pytest.mark.parametrize(
    "text", ["None of the alerts fired: fix them", "Nothing deletes mail", "No-op"]
)
def test_texts_that_only_begin_so(text: str) -> None:
    """They are items."""
    assert not is_nothing_to_do(text)


DONE = """\
- DONE add alerting on logrotate failing
- WONTFIX stress test the machine
- **DONE** write a runbook
- DONE: clone volumes
- ~~add a dashboard~~
- ✅ add a limit
- [Done] add a retry
- Add a quota (done)
- Erledigt: Grenze setzen
- 【完了】上限を実装
- Add a limit (status: shipped)
- Add a limit [DONE]
- Add a limit (fixed in 1.2)
- Add a limit :white_check_mark:
- 增加上限（负责人：运维，已完成）
"""
OPEN = """\
- TODO add a second quota
- [ ] add a limit
- In progress: add a retry
- ☐ add a third
- 未着手：上限を実装
- Add a limit (not done)
- Alarm: offen
"""
UNSTATED = """\
- Add a fourth
- Close the door
- Count them (dropped packets)
- Let the proxy fail-closed
- Complete the migration
"""


def test_the_state_of_an_item_in_a_list() -> None:
    """Before it, after it, around it, or as an emoji; the title is without it."""
    text = f"# It\n\n## Follow-up tasks\n\n{DONE}{OPEN}{UNSTATED}"
    items = find_document_items(split_into_parts(parse_markdown_sections(text)))

    assert [item.over for item in items] == [True] * 15 + [False] * 12
    assert [item.stated for item in items] == [True] * 22 + [False] * 5
    assert [item.action.title for item in items][:9] == [
        "add alerting on logrotate failing",
        "stress test the machine",
        "write a runbook",
        "clone volumes",
        "add a dashboard",
        "add a limit",
        "add a retry",
        "Add a quota",
        "Grenze setzen",
    ]


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        ("Desligar o proxy (responsável: infra, prazo 2026-12-01)", "infra"),
        ("Beide Schlüssel prüfen (Team Login, bis 2026-12-01)", "Team Login"),
        ("上限を実装（担当：ops、期限：2026-12-01）", "ops"),
        ("增加上限（负责人：运维，截止：2026-12-01）", "运维"),
        ("Лимит (ответственный: ops, срок 2026-12-01)", "ops"),
        ("Clone volumes first (owner: ops, due 2026-12-01)", "ops"),
    ],
)
def test_owner_and_date_in_the_text_of_an_item(text: str, owner: str) -> None:
    """With the words of each language."""
    (item,) = find_document_items(
        split_into_parts(parse_markdown_sections(f"# It\n\n## TODO\n\n- [ ] {text}\n"))
    )

    assert (item.action.owner, item.action.due) == (owner, "2026-12-01")
    assert (item.owned, item.dated) == (True, True)


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("Add it by 20 September 2026", "2026-09-20"),
        ("Add it (ops, due September 20, 2026)", "2026-09-20"),
        ("Grenze setzen (Frist: 3. März 2026)", "2026-03-03"),
        ("上限を実装（期限：2026年3月2日）", "2026-03-02"),
        ("Add it by 02/03/2026", None),
    ],
)
def test_a_date_in_words_is_the_due_date(text: str, due: str | None) -> None:
    """A date whose order is not certain is left out, and counts as a date."""
    (item,) = find_document_items(
        split_into_parts(parse_markdown_sections(f"# It\n\n## TODO\n\n- [ ] {text}\n"))
    )

    assert (item.action.due, item.dated) == (due, True)


def test_a_follow_up_in_the_impact_is_no_action_item() -> None:
    """It is the name of a number there."""
    numbers = "- **Follow-up クエリの成功率**: 0%\n- **Follow-up queries**: 12\n- Follow-up: 3\n"
    text = f"# It\n\n## 影響\n\n{numbers}"

    assert find_document_items(split_into_parts(parse_markdown_sections(text))) == ()


def test_a_heading_with_a_text_below_action_items_is_one() -> None:
    """A heading above a list groups the items of the list."""
    text = (
        "# It\n\n## Action items\n\n### 1. Add a limit\n\nOwner: ops. Due 2026-12-01.\n\n"
        "### Short term\n\n- Add a retry\n\n## Timeline\n\n### Ten\n\nIt broke.\n"
    )

    items = find_document_items(split_into_parts(parse_markdown_sections(text)))

    assert [item.action.title for item in items] == ["Add a limit", "Add a retry"]
    assert (items[0].action.owner, items[0].action.due) == ("ops", "2026-12-01")
