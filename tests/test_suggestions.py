"""What is suggested for an id that is not known: the one that was meant, or nothing."""

from __future__ import annotations

import sys

import pytest

from pytest_postmortem.model import Postmortem, Registry
from pytest_postmortem.similar_names import SuggestionIndex, find_similar_word, index_registry_ids

IDS = (
    "2018-01-18-reddit-hug",
    "2020-02-25",
    "2020-09-21-some-components-destroyed",
    "2020-12-08-maintenance-publick8s",
    "2023-07-12-ci-maintenance",
    "PM-2026-001",
    "PM-2026-051",
    "INC0042",
    "1.3.0-Outage",
)


def suggest(unknown: str, ids: tuple[str, ...] = IDS) -> str | None:
    """Return what is suggested where these ids are known."""
    return SuggestionIndex({id: id for id in ids}).find(unknown)


@pytest.mark.parametrize(
    ("unknown", "meant"),
    [
        ("2020-09-21", "2020-09-21-some-components-destroyed"),
        ("2020-12-08-maintenance", "2020-12-08-maintenance-publick8s"),
        ("2020-12-08-maint", "2020-12-08-maintenance-publick8s"),
        ("2018", "2018-01-18-reddit-hug"),
        ("1.3", "1.3.0-Outage"),
        ("reddit-hug", "2018-01-18-reddit-hug"),
        ("Reddit Hug", "2018-01-18-reddit-hug"),
        ("components", "2020-09-21-some-components-destroyed"),
        ("51", "PM-2026-051"),
        ("2026/51", "PM-2026-051"),
        ("PM-2026-1", "PM-2026-001"),
        ("pm_2026_0051", "PM-2026-051"),
        ("INC-42", "INC0042"),
        ("2020-2-25", "2020-02-25"),
        ("PN-2026-051", "PM-2026-051"),
        ("MP-2026-051", "PM-2026-051"),
        ("PMM-2026-051", "PM-2026-051"),
        ("2018-01-18-redit-hgu", "2018-01-18-reddit-hug"),
        ("PM-2O26-O51", "PM-2026-051"),
        ("INC00042", "INC0042"),
        ("INC00442", "INC0042"),
        ("PM-2026-051-cache-stampede", "PM-2026-051"),
        ("2020-02-25 disk full", "2020-02-25"),
        ("reddit-hgu", "2018-01-18-reddit-hug"),
        ("some componets", "2020-09-21-some-components-destroyed"),
        ("pm2026051", "PM-2026-051"),
        ("20200225", "2020-02-25"),
        ("130outage", "1.3.0-Outage"),
    ],
)
def test_the_one_that_was_meant_is_suggested(unknown: str, meant: str) -> None:
    """A prefix, a part, the same number, or a typing error."""
    assert suggest(unknown) == meant


@pytest.mark.parametrize(
    "unknown",
    [
        "PM-2026-999",
        "PM-2026-002",
        "PM-2026-5",
        "PM-2026-015",
        "PM-2026",
        "2020-02-26",
        "2020-09-20-some-components-destroyed",
        "2020",
        "12",
        "maintenance",
        "hu",
        "INC-4",
        "INC-43",
        "GH-51",
        "2020-02-25-2",
        "PM-2026-051-2",
        "2020-09-21-disk-full",
        "destroy-of-maintenance",
        "",
        "---",
        "x" * 100_000,
        "9" * 100_000,
        "PM-2026-051" * 10_000,
    ],
)
def test_no_suggestion_is_better_than_a_far_one(unknown: str) -> None:
    """Another number or date is another incident, and of two that fit neither is named."""
    assert suggest(unknown) is None


def test_one_incident_with_several_names_is_one() -> None:
    """An alias leads to the id; the path of a document is no name that anyone mistypes."""
    postmortem = Postmortem("PM-7", "t", aliases=("PM-7-disk-full", "docs/PM-7-disk-full.md"))
    names = (postmortem.id, *postmortem.aliases)
    index = index_registry_ids(
        Registry((postmortem,), {name.casefold(): postmortem for name in names})
    )

    assert index.find("disk-full") == "PM-7"
    assert index.find("disk-ful") == "PM-7"
    assert index.find("docs") is None


def test_ids_of_other_scripts_are_words_too() -> None:
    """Letters and digits of any script are compared."""
    ids = ("障害-2026-003", "утечка-токена", "ausfall-größe")

    assert suggest("障害2026-3", ids) == "障害-2026-003"
    assert suggest("токена", ids) == "утечка-токена"
    assert suggest("ausfall-grösse", ids) == "ausfall-größe"


def test_words_are_suggested_as_ids_are() -> None:
    """For options, keys and rules."""
    words = ("severity", "status", "state", "service")

    assert find_similar_word("sevrity", words) == "severity"
    assert find_similar_word("sev", words) == "severity"
    assert find_similar_word("region", words) is None
    assert find_similar_word("severity", ()) is None


def lines_of_a_search(number: int) -> int:
    """Return how many lines of Python it takes to look up fifty ids among that many."""
    ids = (f"{2000 + n // 300}-{n % 12 + 1:02}-case-{n:05}" for n in range(number))
    index = SuggestionIndex({id: id for id in ids})
    index.find("caes-99999")  # what is needed is prepared
    lines = 0

    def count(*_: object) -> object:
        nonlocal lines
        lines += 1
        return count

    sys.settrace(count)  # type: ignore[arg-type]
    try:
        found = [index.find(f"caes-{n:05}-{n}") for n in range(50)]
    finally:
        sys.settrace(None)
    assert found == [None] * 50
    return lines


def test_a_search_costs_the_same_however_many_ids_there_are() -> None:
    """Fifty unknown ids against ten thousand slugs took ten seconds once."""
    assert lines_of_a_search(10_000) == lines_of_a_search(100)
