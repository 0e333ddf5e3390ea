"""Lines with labels at the head of a document: which they are, and how they are filled in."""

from __future__ import annotations

import pytest

from pytest_postmortem.scaffold.label_lines import fill_labelled_line, find_label_lines
from pytest_postmortem.scaffold.scalars import format_yaml_scalar


@pytest.mark.parametrize(
    ("line", "filled"),
    [
        ("**Severity:**", "**Severity:** SEV1"),
        ("| Severity | |", "| Severity | SEV1 |"),
        ("| Severity |", "| Severity |"),
        ("| Severity | SEV3 |", "| Severity | SEV3 |"),
        ("**Weather:**", "**Weather:**"),
    ],
)
def test_only_an_empty_value_is_filled_in(line: str, filled: str) -> None:
    """A row that is only its label has no cell for a value."""
    assert fill_labelled_line(line, {"severity": "SEV1"}) == filled


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["**Severity:** SEV1", "# A", "**Owner:** payments"], ("**Severity:**",)),
        (["**Severity:** SEV1", "**Date:** after the deploy"], ("**Severity:**",)),
        (["**Severity:** SEV1", "**Date:** 2026-03-02"], ("**Severity:**", "**Date:**")),
    ],
)
def test_labels_are_those_above_the_first_heading(lines: list[str], found: tuple[str, ...]) -> None:
    """A label of dates with prose is a sentence, and is not copied to the next document."""
    assert find_label_lines(lines) == found


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_an_emoji_in_yaml_stays_one(quote: str) -> None:
    """No title becomes an escape that nobody can read."""
    assert "\N{FIRE}" in format_yaml_scalar("Mail \N{FIRE}", quote)
