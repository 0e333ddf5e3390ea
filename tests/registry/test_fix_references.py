"""The fields of a record that name commits and changes."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_postmortem.registry.fix_references import find_fix_references

PULL = "https://github.com/shop/cart/pull/12"


def test_the_fields_of_an_advisory_name_commits_and_changes() -> None:
    """References, ranges of git and the last affected version are read with their roles."""
    record = {
        "references": [
            {"type": "FIX", "url": PULL},
            {"type": "WEB", "url": "https://example.com"},
            "range abc1234",
        ],
        "affected": [
            {
                "ranges": [
                    {"type": "GIT", "events": [{"introduced": "0"}, {"fixed": "a" * 40}]},
                    {"type": "GIT", "events": [{"introduced": "b" * 40}]},
                    {"type": "ECOSYSTEM", "events": [{"fixed": "1.2"}]},
                ],
                "versions": ["1.0", "1.1"],
            }
        ],
        "pull_request": {"html_url": PULL},
    }

    assert find_fix_references(record) == (
        f"fix {PULL}",
        "link https://example.com",
        "range abc1234",
        f"range {'a' * 40}",
        f"introduced {'b' * 40}",
        "affected 1.1",
    )


def test_fields_of_another_shape_name_nothing() -> None:
    """What is not a record of an advisory is left alone."""
    assert find_fix_references({"references": 3, "affected": "all", "pr": None}) == ()


@pytest.mark.parametrize(
    ("values", "references"),
    [
        ({"references": f"see {PULL} for more"}, [f"link {PULL}"]),
        ({"references": f" fix {PULL} "}, [f"fix {PULL}"]),
        (
            {"references": [7, {"type": "fix", "link": PULL}, [PULL]]},
            [f"fix {PULL}", f"link {PULL}"],
        ),
        ({"prs": ["#12", {"name": "x"}, {"Web URL": PULL}]}, [f"fix {PULL}"]),
        ({"affected": ["shop", {"ranges": "1.0", "versions": []}]}, []),
        ({"affected": [{"ranges": ["1.0", {"type": "GIT", "events": "0"}]}]}, []),
        (
            {"affected": [{"ranges": [{"events": ["0", {"last_affected": "1.1", "note": "x"}]}]}]},
            ["affected 1.1"],
        ),
        (
            {
                "affected": [
                    {
                        "ranges": [
                            {"type": "git", "events": [{"fixed": "v1.2"}, {"limit": "a" * 40}]},
                            {"type": "GIT", "events": [{"last_affected": "c" * 40}]},
                        ]
                    }
                ]
            },
            [],
        ),
    ],
)
def test_what_names_no_commit_or_change_is_passed_over(
    values: dict[str, Any], references: list[str]
) -> None:
    """Beside it everything else is read."""
    assert list(find_fix_references(values)) == references
