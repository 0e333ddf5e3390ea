"""What the text of a post-mortem names: the change that fixed it, and those that did not."""

from __future__ import annotations

import pytest

from pytest_postmortem.scan.fix_mentions import find_fix_mentions
from pytest_postmortem.scan.forges import (
    ForgeLink,
    OwnRepositories,
    find_own_repositories,
    parse_forge_link,
    parse_remote_url,
)

OWN = OwnRepositories(frozenset(["shop/cart"]), frozenset(["cart"]))
PULL = "https://github.com/shop/cart/pull"


def roles(text: str) -> list[tuple[str, str]]:
    """Return what a text names, each with its role."""
    lines = list(enumerate(text.split("\n"), 1))
    return [
        (f"#{m.link.number}" if m.link.number else str(m.link.hash), m.role)
        for m in find_fix_mentions(lines, OWN)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"The [public PR]({PULL}/12) was opened with the fix.", [("#12", "fix")]),
        (f"See {PULL}/12.", [("#12", "plain")]),
        (
            f"The problem was introduced in {PULL}/9 and fixed in {PULL}/12.",
            [("#9", "cause"), ("#12", "fix")],
        ),
        (
            f"Fixed by [#12]({PULL}/12), see also [#14]({PULL}/14).",
            [("#12", "fix"), ("#14", "related")],
        ),
        ("Introduced with the shop in #3, fixed in #12.", [("#3", "cause"), ("#12", "fix")]),
        (
            f"It was introduced long ago with {PULL}/9, fixed by [the PR]({PULL}/12).",
            [("#9", "cause"), ("#12", "fix")],
        ),
        (f"Caused by {PULL}/9. We merged {PULL}/12.", [("#9", "cause"), ("#12", "plain")]),
        (f"We rolled back {PULL}/9.", [("#9", "revert")]),
        (
            f"[Remediated][1] [1], [2]\n\n[1]: {PULL}/12\n[2]: {PULL}/13",
            [("#12", "fix"), ("#13", "fix")],
        ),
        (f"| Finding | Fix |\n| --- | --- |\n| PM-1 | {PULL}/12 |", [("#12", "fix")]),
        (f"We tried to fix it in {PULL}/11, which did not help.", [("#11", "related")]),
        (f"```\nfixed in {PULL}/12\n```", []),
        ("Fixed in #12.", [("#12", "fix")]),
        ("PR 12 was merged.", [("#12", "plain")]),
        ("Step #12 of the runbook.", []),
        ("The row `#12` was corrected, `shop run #13` and PR `#14` too.", []),
        (
            "# The release of commit abc1234\n\nThe commit abc1234 said more.",
            [("abc1234", "related")],
        ),
        ("## Detection\n\nSeen by the check of commit abc1234.", [("abc1234", "related")]),
        ("## Detection\n\nFixed by commit abc1234.", [("abc1234", "fix")]),
        ("Fixed in abc1234.", [("abc1234", "fix")]),
        ("The commit abc1234 went out.", [("abc1234", "plain")]),
        ("The request abc1234 hung.", []),
        ("# The commit abc1234\n\nCommit abc1234 was pushed.", [("abc1234", "related")]),
        ("# Fixed by commit abc1234", [("abc1234", "fix")]),
        ("The health check (commit abc1234) caught it an hour later.", [("abc1234", "related")]),
        ("Fixed in https://github.com/other/infra/pull/3.", [("#3", "elsewhere")]),
        ("Fixed in https://github.com/former/cart/pull/12.", [("#12", "fix")]),
        ("Fixed in other/infra#3.", [("#3", "elsewhere")]),
        ("Behoben mit #12.", [("#12", "fix")]),
    ],
)
def test_a_change_has_the_role_that_the_sentence_gives_it(
    text: str, expected: list[tuple[str, str]]
) -> None:
    """The fix is told from the cause, from "see also", and from other repositories."""
    assert roles(text) == expected


@pytest.mark.parametrize(
    ("url", "link"),
    [
        (f"{PULL}/12/files", ForgeLink("change", "shop/cart", 12)),
        (f"{PULL}/12/commits/abc1234", ForgeLink("change", "shop/cart", 12, "abc1234")),
        (
            "https://github.com/shop/cart/commit/abc1234def#diff-1",
            ForgeLink("commit", "shop/cart", None, "abc1234def"),
        ),
        ("https://gitlab.com/a/b/cart/-/merge_requests/12", ForgeLink("change", "a/b/cart", 12)),
        (
            "https://gitlab.com/a/b/cart/-/commit/abc1234",
            ForgeLink("commit", "a/b/cart", None, "abc1234"),
        ),
        ("https://codeberg.org/shop/cart/pulls/12", ForgeLink("change", "shop/cart", 12)),
        ("https://bitbucket.org/shop/cart/pull-requests/12", ForgeLink("change", "shop/cart", 12)),
        (
            "https://git.example.com/projects/SHOP/repos/cart/pull-requests/12/overview",
            ForgeLink("change", "shop/cart", 12),
        ),
        (
            "https://dev.azure.com/org/shop/_git/cart/pullrequest/12",
            ForgeLink("change", "org/shop/cart", 12),
        ),
        ("https://github.com/shop/cart/issues/12", ForgeLink("issue", "shop/cart", 12)),
        ("https://example.com/shop", None),
    ],
)
def test_the_links_of_every_forge_are_read(url: str, link: ForgeLink | None) -> None:
    """A link to a change or a commit is known by its address."""
    assert parse_forge_link(url) == link


@pytest.mark.parametrize(
    ("url", "repository"),
    [
        ("git@github.com:Shop/Cart.git", "shop/cart"),
        ("https://token@github.com/shop/cart", "shop/cart"),
        ("ssh://git@git.example.com:7999/shop/cart.git", "shop/cart"),
        ("https://git.example.com/scm/shop/cart.git", "shop/cart"),
        ("git@ssh.dev.azure.com:v3/org/shop/cart", "org/shop/cart"),
        ("https://dev.azure.com/org/shop/_git/cart", "org/shop/cart"),
        ("/srv/git/cart.git", None),
        ("../cart", None),
    ],
)
def test_a_remote_names_the_repository_under_any_form_of_its_url(
    url: str, repository: str | None
) -> None:
    """The links of the same repository compare equal to its remotes."""
    assert parse_remote_url(url) == repository


def test_a_repository_without_a_forge_is_known_by_its_metadata_or_its_messages() -> None:
    """A clone of a local mirror still knows which links are its own."""
    messages = ["see https://github.com/shop/cart/pull/1"] * 3 + ["https://github.com/a/b/pull/2"]

    assert find_own_repositories(["/srv/x"], messages).paths == {"shop/cart"}
    assert find_own_repositories(
        [], messages, ['Source = "https://github.com/shop/till"']
    ).paths == {"shop/till"}
    assert not find_own_repositories([], messages[:1]).is_known
