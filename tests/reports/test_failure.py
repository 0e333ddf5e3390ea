"""What stands beside a failing test: its post-mortems, as much of them as may be shown."""

from __future__ import annotations

import pytest

from pytest_postmortem.model import Postmortem, ShowLevel
from pytest_postmortem.reports import failure_block
from pytest_postmortem.text import sanitize_line

FULL = Postmortem(
    "PM-1",
    "Charged twice",
    url="https://wiki.example.com/1",
    date="2026-03-02",
    severity="sev1",
    owner="payments",
    root_cause="the retry carried no\nidempotency key",
)
"""A post-mortem that says all that a block may show."""

GUARD = "      This test keeps that incident from happening again."
CHANGED = "      Changed on purpose? See `pytest-postmortem explain retire-a-lesson`"


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("show", "lines"),
    [
        ("id", ["PM-1"]),
        ("link", ["PM-1", "      https://wiki.example.com/1"]),
        (
            "title",
            ["PM-1  Charged twice (sev1, 2026-03-02)", "      https://wiki.example.com/1"],
        ),
        (
            "all",
            [
                "PM-1  Charged twice (sev1, 2026-03-02)",
                "      https://wiki.example.com/1",
                "      Owner: payments",
                "      Root cause: the retry carried no idempotency key",
            ],
        ),
    ],
)
def test_a_failure_shows_as_much_as_it_may(show: ShowLevel, lines: list[str]) -> None:
    """Each level shows what the one before it does, and more."""
    assert failure_block.render_failure_block([FULL], show).splitlines() == [*lines, GUARD, CHANGED]


def test_a_test_of_several_incidents_shows_them_all() -> None:
    """The way to retire a lesson stands once, at the end."""
    other = Postmortem("LONG-2", "Login loop")

    assert failure_block.render_failure_block([FULL, other], "title").splitlines() == [
        "PM-1  Charged twice (sev1, 2026-03-02)",
        "      https://wiki.example.com/1",
        GUARD,
        "LONG-2  Login loop",
        "  " + GUARD,
        "  " + CHANGED,
    ]


@pytest.mark.parametrize(("id", "column"), [("PM-2026-000001", 16), ("PM-2026-0000001", 4)])
def test_text_below_a_long_id_has_the_width_of_the_terminal(id: str, column: int) -> None:
    """A date and the words of a title are an id of 40 letters in many collections."""
    lines = failure_block.render_failure_block([FULL._replace(id=id)], "all").splitlines()

    assert [len(line) - len(line.lstrip()) for line in lines] == [0, *[column] * 5]


def test_where_many_fail_each_block_is_a_line() -> None:
    """The id and the link are enough to look the rest up."""
    assert failure_block.render_failure_block(
        [FULL, Postmortem("PM-2", "B")], "all", short=True
    ).splitlines() == [
        "PM-1  https://wiki.example.com/1",
        "PM-2",
    ]


@pytest.mark.parametrize("width", [10, 40, 80, 200])
def test_a_root_cause_is_wrapped_and_a_link_is_not(width: int) -> None:
    """Forty columns of text stay legible, and a link that is broken is none."""
    long = FULL._replace(root_cause="why " * 100, url="https://example.com/" + "a" * 300)

    lines = failure_block.render_failure_block([long], "all", width).splitlines()

    assert f"      {long.url}" in lines
    causes = [line for line in lines if "why" in line]
    assert max(map(len, causes)) <= max(width, 46)
    assert len(causes) == 2
    text = " ".join(line.strip() for line in causes)
    assert text == ("Root cause: " + "why " * 100)[: len(text) - 1] + "…"


HOSTILE = "\x1b[31mred\x07 \u202eleft\u2066 \u200f\u200bend\r\n::error::x ##[error]y \x9b2J"
"""Escapes, marks that turn the direction, and commands of a CI, as any tracker may send them."""


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain – text, 名前 and ümlauts", "plain – text, 名前 and ümlauts"),
        ("\x1b[2Jgone", " [2Jgone"),
        ("a\r\nb\tc\x00d\x7f", "a  b c d"),
        ("\u202etxt.exe\u2066\u200f", " txt.exe"),
        ("::error::x", ": :error::x"),
        ("  ::set-output name=a::b", "  : :set-output name=a::b"),
        ("test.py::test_it", "test.py::test_it"),
        ("a ##[error]b ##[group]", "a ## [error]b ## [group]"),
        ("lone \udc80", "lone"),
        ("", ""),
    ],
)
def test_text_of_any_origin_is_inert(text: str, shown: str) -> None:
    """It moves no cursor, turns no direction, and is no command to a CI."""
    assert sanitize_line(text) == shown


@pytest.mark.parametrize("width", range(20, 120, 7))
def test_a_hostile_post_mortem_is_text(width: int) -> None:
    """However its root cause is wrapped, no line begins with a command."""
    hostile = Postmortem(
        HOSTILE, HOSTILE, owner=HOSTILE, root_cause=f"{HOSTILE} " * 9, severity=HOSTILE
    )

    text = failure_block.render_failure_block([hostile], "all", width)

    assert [line for line in text.splitlines() if not line.isprintable()] == []
    assert [line for line in text.splitlines() if line.lstrip().startswith("::")] == []
    assert "##[" not in text
