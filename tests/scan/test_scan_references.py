"""What a text refers to: ids, numbers and links with proper boundaries, in their forms."""

from __future__ import annotations

import pytest

from pytest_postmortem.model import Policy, Postmortem, Registry
from pytest_postmortem.scan.references import find_references
from pytest_postmortem.scan.search_index import SearchIndex, build_search_index

GITHUB = "https://github.com/acme/shop/issues/"


def registry(*postmortems: Postmortem) -> Registry:
    """Return a registry of some post-mortems, found by all of their names."""
    index = {name.casefold(): each for each in postmortems for name in (*each.aliases, each.id)}
    return Registry(postmortems, index)


def numbers(url: str | None, *ids: str) -> SearchIndex:
    """Return numbers to look for, each with a link that begins so."""
    given = ids or ("7", "123", "456", "0012")
    return build_search_index(registry(*(Postmortem(id, id, url and url + id) for id in given)))


def found(text: str, own: SearchIndex, name: bool = False) -> list[tuple[str, str]]:
    """Return ids and forms, in the order of the text."""
    some = sorted(find_references(text, own, name=name), key=lambda each: each.start)
    return [(each.id, each.form) for each in some]


NAMES = build_search_index(
    registry(
        Postmortem("PM-1", "", "https://wiki.example.com/pm/1", aliases=("INC-2024-003",)),
        Postmortem("PM-0012", "Login loop"),
        Postmortem("2025-04-14-leaked-token", "Leaked token"),
        Postmortem("2025-04-14", "A date"),
        Postmortem("leaked-token", "Two words"),
        Postmortem("outage", "One word"),
        Postmortem("Störung-9", "Umlaut"),
    )
)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("PM-1", "PM-1"),
        ("see pm-1.", "PM-1"),
        ("(PM-1)", "PM-1"),
        ("PM_1 and PM1", "PM-1 PM-1"),
        ("at 3 pm 1 of them", ""),
        ("PM 1", "PM-1"),
        ("PM-12", ""),
        ("PM-1.5", ""),
        ("PM-1-2", ""),
        ("PM-1-related", "PM-1"),
        ("XPM-1", ""),
        ("FOO-PM-1", ""),
        ("pre-PM-1", "PM-1"),
        ("PM-12, PM-0012", "PM-0012"),
        ("PM-012", ""),
        ("inc-2024-003", "PM-1"),
        ("INC 2024-003", "PM-1"),
        ("2025-04-14-leaked-token", "2025-04-14-leaked-token leaked-token"),
        ("on 2025-04-14", ""),
        ("the incident of 2025-04-14", "2025-04-14"),
        ("an outage, outage", ""),
        ("STÖRUNG-9", "Störung-9"),
        ("https://wiki.example.com/pm/1", "PM-1"),
        ("http://www.Wiki.example.com/pm/1/#cause).", "PM-1"),
        ("https://wiki.example.com/pm/12", ""),
        ("https://other.example.com/PM-1", ""),
        ("UTF-8 GMT-9 sha-1 #1", ""),
    ],
)
def test_ids_as_text(text: str, ids: str) -> None:
    """Never a part of something longer, in any case and with the usual signs in between."""
    assert " ".join(id for id, _ in found(text, NAMES)) == ids


def test_an_id_that_may_be_a_phrase_is_told_apart() -> None:
    """``leaked-token`` is what anybody might write."""
    assert found("a leaked-token", NAMES) == [("leaked-token", "vague")]
    assert found("test_leaked_token", NAMES, name=True) == [("leaked-token", "vague")]


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("test_pm_1_is_gone", "PM-1"),
        ("test_PM1", "PM-1"),
        ("testPM1Twice", "PM-1"),
        ("test_pm_12", ""),
        ("test_spm_1", ""),
        ("test_inc_2024_003", "PM-1"),
        ("test_2025_04_14", ""),
        ("TestPM0012::test_it", "PM-0012"),
    ],
)
def test_ids_in_names(name: str, ids: str) -> None:
    """An underscore parts what belongs together, and so does a capital."""
    assert " ".join(id for id, _ in found(name, NAMES, name=True)) == ids


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("issue 123", "123:id"),
        ("Issue #123", "123:id"),
        ("issue: #123", "123:id"),
        ("issue no. 123", "123:id"),
        ("issues 123 and 456", "123:id 456:id"),
        ("issues #7, #123", "7:id 123:id"),
        ("GH123 gh-456", "123:id 456:id"),
        ("GH#123/456", "123:id 456:id"),
        ("gh 7", "7:id"),
        ("PR 123", "123:id"),
        ("pull request #123", "123:id"),
        ("fixes #123", "123:id"),
        ("incident 123, outage #456", "123:id 456:id"),
        ("bug 7", "7:vague"),
        ("regression 7", "7:vague"),
        ("incident 7, outage 7, post-mortem 7", "7:id 7:id 7:id"),
        ("bug #7", "7:id"),
        ("issue 123b", "123:id"),
        ("issue 123bc", ""),
        ("issue 1234", ""),
        ("issue 123.4", ""),
        ("issue 12, issue 012", ""),
        ("issue 0012", "0012:id"),
        ("tissue 123", ""),
        ("123, 456", ""),
        ("#123", "123:sign"),
        ("(#123, #456)", "123:sign 456:sign"),
        ("#7", "7:vague"),
        ("case #7, test #123", "123:sign"),
        ("line #123", ""),
        ("acme/shop#123", "123:link"),
        ("acme/other#123", ""),
        ("other#123 &#123; '#123'", ""),
        ("#1234567", ""),
        ("ticket 123", "123:vague"),
        ("trac 123, bpo-123", ""),
        ("https://github.com/acme/shop/issues/123#issuecomment-456", "123:link"),
        ("https://github.com/acme/shop/pull/123?x=1", "123:link"),
        ("https://github.com/acme/other/issues/123", ""),
    ],
)
def test_numbers_of_an_issue_tracker(text: str, expected: str) -> None:
    """A number counts behind a word or a sign alone, and only in the tracker that it is of."""
    assert _shown(text, GITHUB) == expected


@pytest.mark.parametrize(
    ("url", "text", "expected"),
    [
        (None, "issue 123, gh-123, ticket 123", "123:id 123:id 123:id"),
        (None, "bpo-123", ""),
        (None, "#123", "123:vague"),
        ("docs/pm/", "issue 123", "123:id"),
        ("https://bugs.python.org/issue", "bpo-123, issue 123, gh-123", "123:id 123:id"),
        ("https://bugzilla.example.org/show_bug.cgi?id=", "rhbz#123 gh-123", "123:id"),
        ("https://trac.example.org/ticket/", "Trac #123, ticket 123 #7", "123:id 123:id 7:vague"),
        ("https://gitlab.com/a/b/-/issues/", "issue 123, PR 123 but #123", "123:id 123:sign"),
        ("https://app.example.com/incidents/", "incident 123, postmortem #123", "123:id 123:id"),
        ("https://app.example.com/incidents/", "issue 123, bug 123", "123:vague 123:vague"),
        ("https://app.example.com/incidents/", "gh-123 PR 123", ""),
        ("https://app.example.com/incidents/", "#123", "123:vague"),
        ("https://app.example.com/incidents/", "https://app.example.com/incidents/123", "123:link"),
    ],
)
def test_which_word_means_which_tracker(url: str | None, text: str, expected: str) -> None:
    """Issue 123 of GitHub is not incident 123 of another service."""
    assert _shown(text, url) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("test_issue_123", "123:id"),
        ("test_issue123_and_more", "123:id"),
        ("test_issues_123_456", "123:id 456:id"),
        ("test_issue_123_7", "123:id"),
        ("test_incident_7", "7:vague"),
        ("testIssue123", "123:id"),
        ("test_gh_123b", "123:id"),
        ("TestGH123::test_456", "123:id"),
        ("test_123", ""),
        ("test_otherissue_123", ""),
        ("test_issue_1234", ""),
    ],
)
def test_numbers_in_names(name: str, expected: str) -> None:
    """Several may stand in one name; a low one behind another is only the next test for it."""
    own = numbers(GITHUB)

    assert " ".join(":".join(each) for each in found(name, own, name=True)) == expected


def _shown(text: str, url: str | None) -> str:
    return " ".join(":".join(each) for each in found(text, numbers(url)))


@pytest.mark.parametrize("id", ["GH-123", "gh 123", "#123", "GH#123"])
def test_an_id_that_is_written_as_on_github_is_its_number(id: str) -> None:
    """``GH-123``, ``#123`` and issue 123 are one there."""
    own = build_search_index(registry(Postmortem(id, id)))

    assert found("gh-123 issue #123 #123 GH-1234", own) == [(id, "id"), (id, "id"), (id, "sign")]


def test_configured_patterns_find_what_nobody_knows() -> None:
    """The first group is the id, or the whole match; what is in the registry counts as that."""
    patterns = [r"\bOPS-\d+\b", r"Sentry\((\w*)\)"]
    own = build_search_index(
        registry(Postmortem("OPS-1", "One", aliases=("abc",))), Policy(), patterns
    )

    some = list(find_references("OPS-1 OPS-2 Sentry(ABC) Sentry()", own))

    assert [(each.id, each.form, each.known) for each in some] == [
        ("OPS-1", "id", True),
        ("OPS-1", "pattern", True),
        ("OPS-2", "pattern", False),
        ("OPS-1", "pattern", True),
        ("Sentry()", "pattern", False),
    ]


def test_without_a_registry_what_a_pattern_finds_is_an_incident() -> None:
    """As the ids in marks are."""
    own = build_search_index(None, Policy(), [r"OPS-\d+"])

    assert [each.known for each in find_references("OPS-2", own)] == [True]


def test_what_belongs_to_another_suite_is_not_looked_for() -> None:
    """Not even by a pattern that finds it."""
    both = registry(
        Postmortem("PM-1", "One", service=("shop",)), Postmortem("PM-2", "Two", service=("mail",))
    )
    policy = Policy(select=(("service", ("shop",)),))

    own = build_search_index(both, policy, [r"PM-\d+"])

    assert found("PM-1 PM-2", own) == [("PM-1", "id"), ("PM-1", "pattern")]


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("nothing at all, 1234, PM", False),
        ("number 123", True),
        ("wiki example com pm https 1", True),
        ("wiki com 2", False),
        ("twice: pm 1", True),
        ("OPS-9", True),
    ],
)
def test_what_can_stand_in_a_text_is_known_before_it_is_read(text: str, may: bool) -> None:
    """All tokens of a name have to be there."""
    own = build_search_index(
        registry(
            Postmortem("123", "", "https://github.com/a/b/issues/123"),
            Postmortem("PM-1", "", "https://wiki.example.com/pm/1"),
            Postmortem("PM-2", "", "https://~/"),
        ),
        Policy(),
        ["OPS-9"],
    )

    assert own.is_match_possible(text) is may


@pytest.mark.parametrize(
    "text",
    [
        "#" * 50_000,
        "#123 " * 20_000,
        "issue " * 20_000,
        "gh" + " " * 50_000,
        "http" * 20_000,
        "https://" * 10_000,
        "a/" * 50_000,
        "issue 123" + ", 123" * 20_000,
        "PM-1-" * 20_000,
    ],
    ids=lambda text: text[:9],
)
def test_no_text_takes_long(text: str) -> None:
    """Whatever stands in a docstring."""
    own = build_search_index(
        registry(Postmortem("123", "", GITHUB + "123"), Postmortem("PM-1", ""))
    )

    assert len(list(find_references(text, own))) <= 50_000


def test_an_address_among_the_aliases_is_a_link() -> None:
    """The ticket of an incident is often given so."""
    own = build_search_index(registry(Postmortem("PM-1", "", aliases=(GITHUB + "44",))))

    assert found(f"see {GITHUB}44, or acme/shop#44", own) == [("PM-1", "link"), ("PM-1", "link")]
    assert found("test_issue_44", own, name=True) == []
