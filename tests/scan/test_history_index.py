"""What the messages of a history say: numbers of changes, twins, reverts, ids."""

from __future__ import annotations

import pytest

from pytest_postmortem.git_history import LoggedCommit
from pytest_postmortem.scan.history_index import (
    HistoryIndex,
    find_change_numbers,
    normalize_subject,
)


def logged(id: str, message: str, *parents: str, author: str = "Ada") -> LoggedCommit:
    """Return a commit; its id is filled up to a whole hash."""
    return LoggedCommit(
        id.ljust(40, "0"), tuple(p.ljust(40, "0") for p in parents), None, author, message
    )


@pytest.mark.parametrize(
    ("message", "numbers"),
    [
        ("Retry once (#123)", (123,)),
        ("Retry once (GH-123)", (123,)),
        ("Retry once (!123)", (123,)),
        ("Retry once (pull request #123)", (123,)),
        ("Merge pull request #123 from ada/retry\n\nRetry once", (123,)),
        ("Merge pull request 'Retry once' (#123) from ada/retry into main", (123,)),
        ("Merge branch 'retry' into 'main'\n\nRetry\n\nSee merge request shop/cart!123", (123,)),
        ("Merged in retry (pull request #123)", (123,)),
        ("Merged PR 123: Retry once", (123,)),
        ("Pull request #123: Retry once", (123,)),
        ("Auto merge of #123 - ada:retry, r=bob", (123,)),
        ("Merge #123", (123,)),
        ("Retry once\n\nPR-URL: https://github.com/shop/cart/pull/123", (123,)),
        ("Retry once\n\nReviewed-on: https://codeberg.org/shop/cart/pulls/123", (123,)),
        ("Retry once\n\nCloses #123 from ada/retry.", (123,)),
        ("[2.x] Retry once (#123) (#130)", (130, 123)),
        ('Revert "Retry once (#123)" (#140)', (140,)),
        ('Revert "Retry once (#123)"', ()),
        ("Retry once\n\nFixes #123", ()),
        ("Fix #123: retry once", ()),
        ("Handle issue #123", ()),
    ],
)
def test_a_number_belongs_to_the_commit_that_a_forge_landed(
    message: str, numbers: tuple[int, ...]
) -> None:
    """Every forge's way of writing a landed change is read, and closing keywords are not one."""
    assert find_change_numbers(message) == numbers


def test_a_number_with_a_commit_of_its_own_is_not_taken_from_a_backport() -> None:
    """A backport repeats the number of the change, which has its own commit."""
    index = HistoryIndex(
        [
            logged("c3", "Retry once (#123) (#130)", "b2"),
            logged("b2", "Retry once (#123)", "a1"),
            logged("a1", "Begin"),
        ]
    )

    assert index.numbers[123] == ("b2".ljust(40, "0"),)
    assert index.numbers[130] == ("c3".ljust(40, "0"),)


def test_a_commit_of_another_branch_has_a_twin_by_its_cherry_pick_or_its_subject() -> None:
    """A fix on a release branch is found on this one."""
    index = HistoryIndex(
        [
            logged("d4", "Charge a customer once (#31)", "c3"),
            logged("c3", "Login\n\n(cherry picked from commit " + "f" * 40 + ")", "a1"),
            logged("a1", "Begin"),
        ]
    )

    assert index.find_twins(logged("f" * 40, "Login")) == (index.find("c3"),)
    twin = logged("e5", "[2.x] Charge a customer once (#32)")
    assert index.find_twins(twin) == (index.find("d4"),)
    stranger = logged("e5", "Charge a customer once (#32)", author="Bob")
    assert index.find_twins(stranger) == ()


@pytest.mark.parametrize("message", ["Merge branch '2.x'", "Fix tests", 'Revert "Charge it once"'])
def test_a_subject_that_many_commits_have_makes_no_twins(message: str) -> None:
    """Only a subject that says something tells two commits for the same."""
    assert normalize_subject(message) == ""


def test_reverts_are_found_by_hash_and_by_subject() -> None:
    """Both forms of a revert's message name what it takes back."""
    index = HistoryIndex(
        [
            logged("d4", 'Revert "Sort the keys of a cart"', "c3"),
            logged("c3", 'Revert "Other"\n\nThis reverts commit b2' + "0" * 38 + ".", "b2"),
            logged("b2", "Cache the prices", "a1"),
            logged("a1", "Sort the keys of a cart"),
        ]
    )

    assert index.reverts == {
        index.find("b2"): (index.find("c3"),),
        index.find("a1"): (index.find("d4"),),
    }


def test_a_commit_of_a_branch_belongs_to_the_merge_of_its_change() -> None:
    """The tests of a fix may be in another commit of its pull request."""
    index = HistoryIndex(
        [
            logged("e5", "Merge branch '2.x'", "d4", "f6"),
            logged("d4", "Merge pull request #7 from ada/x", "a1", "c3"),
            logged("c3", "Fix it", "b2"),
            logged("b2", "Test it", "a1"),
            logged("f6", "Backport", "a1"),
            logged("a1", "Begin"),
        ]
    )

    assert index.find_change_merge(str(index.find("b2"))) == index.find("d4")
    assert index.find_change_merge(str(index.find("f6"))) is None
    assert index.find_bringer(str(index.find("b2"))) == index.find("d4")


@pytest.mark.parametrize(
    ("message", "is_named"),
    [
        ("Fix INC-7", True),
        ("fix inc-7: retry", True),
        ("Merge pull request #1 from ada/fix_INC-7", True),
        ("Fix INC-77", False),
        ("Fix XINC-7", False),
        ("Fix INC-7-2", False),
    ],
)
def test_a_message_names_an_incident_as_a_word(message: str, is_named: bool) -> None:
    """A longer id is another incident."""
    index = HistoryIndex([logged("a1", message)])

    assert bool(list(index.find_mentions(["INC-7"]))) is is_named
