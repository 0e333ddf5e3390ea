"""A title gives a name of a file and of a test that nobody has to be afraid of."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

import pytest

from pytest_postmortem.scaffold.naming import (
    MAX_SLUG_LENGTH,
    format_file_name,
    format_function_name,
    shorten_title,
)

HOSTILE = [
    "../../etc/passwd",
    "..",
    "/",
    "a/b\\c",
    "-rf *",
    "--help",
    "$(touch x); `id` | cat > /dev/null &",
    "%00 %2e%2e%2f",
    "a \"quoted\" 'title' <b>",
    "C:\\con",
    "\u202ecod.exe",
    "🔥🔥 on fire 🔥",
    "🔥",
    "x" * 10_000,
    "word " * 2_000,
    "déjà vu: Straße überflutet",
    "決済が二重に請求された",
    "\x00\x1b[31mred",
    "{{ title }} {% raw %}",
    "class",
    "1234",
    "...",
    "~root",
    "# heading",
]


@pytest.mark.parametrize(
    ("title", "slug", "snake", "sentence", "function"),
    [
        (
            "Checkout charged customers twice",
            "checkout-charged-customers-twice",
            "Checkout_charged_customers_twice",
            "Checkout charged customers twice",
            "checkout_charged_customers_twice",
        ),
        (
            "Don't retry: PM-3 (sev1), 50 % of it",
            "dont-retry-pm-3-sev1-50-of-it",
            "Dont_retry_PM_3_sev1_50_of_it",
            "Dont retry PM-3 (sev1), 50 % of it",
            "dont_retry_pm_3_sev1_50_of_it",
        ),
        (
            "Negative values in settlement_payments.clvm",
            "negative-values-in-settlement_payments-clvm",
            "Negative_values_in_settlement_payments_clvm",
            "Negative values in settlement_payments.clvm",
            "negative_values_in_settlement_payments_clvm",
        ),
        (
            "Déjà vu: Straße überflutet",
            "deja-vu-strasse-uberflutet",
            "Deja_vu_Strasse_uberflutet",
            "Deja vu Strasse uberflutet",
            "deja_vu_strasse_uberflutet",
        ),
        ("決済が二重に", "決済が二重に", "決済が二重に", "決済が二重に", ""),
        ("🔥 / 🔥", "", "", "", ""),
    ],
)
def test_a_title_is_spelled_as_its_place_asks(
    title: str, slug: str, snake: str, sentence: str, function: str
) -> None:
    """Accents go, and what is written in another script stays readable."""
    names = (
        format_file_name(title, "-", lower=True),
        format_file_name(title, "_", lower=False),
        format_file_name(title, " ", lower=False),
        format_function_name(title),
    )

    assert names == (slug, snake, sentence, function)


@pytest.mark.parametrize("title", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("join", ["-", "_", " "])
def test_no_title_makes_an_odd_file(title: str, join: str, tmp_path: Path) -> None:
    """A name stays within its folder, is no option, not hidden, not long, and can be written."""
    name = format_file_name(title, join, lower=False)

    assert len(name) <= MAX_SLUG_LENGTH
    assert not re.search(r"""[/\\:*?"'<>|$`;\x00-\x1f\u202e{}#~]|\.\.|^[.\-~ ]|[. ]$""", name)
    (tmp_path / f"x{name}.md").touch()
    assert [path.name for path in tmp_path.iterdir()] == [f"x{name}.md"]


@pytest.mark.parametrize("title", HOSTILE, ids=range(len(HOSTILE)))
def test_no_title_makes_an_odd_function(title: str) -> None:
    """What stands for a title is a part of an identifier."""
    name = f"test_{format_function_name(title)}"

    assert name.isascii()
    assert name.isidentifier()
    assert not keyword.iskeyword(name)
    assert len(name) <= MAX_SLUG_LENGTH + len("test_")


@pytest.mark.parametrize(
    ("text", "short"),
    [("one two", "one two"), ("one two three", "one two"), ("onetwothree", "onetwoth")],
)
def test_a_text_is_cut_between_words(text: str, short: str) -> None:
    """A single long word is cut where it has to be."""
    assert shorten_title(text, 8) == short
