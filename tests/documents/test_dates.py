"""Dates as people write them, in the text of documents and in the names of files."""

from __future__ import annotations

import pytest

from pytest_postmortem.documents.dates import (
    NumericDate,
    find_date,
    find_numeric_date,
    find_part_orders,
)
from pytest_postmortem.documents.labels import load_labels


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-03-02", "2026-03-02"),
        ("2026-03-02 – 2026-03-05", "2026-03-02"),
        ("2026-03-02T10:00Z", "2026-03-02"),
        ("September 20, 2025", "2025-09-20"),
        ("Sept. 20th, 2025", "2025-09-20"),
        ("Monday, March 2nd 2026 at 10:00", "2026-03-02"),
        ("March 30 – April 2, 2026", "2026-03-30"),
        ("20 September 2025", "2025-09-20"),
        ("3rd March 2026", "2026-03-03"),
        ("20th of September 2025", "2025-09-20"),
        ("02-MAR-2026", "2026-03-02"),
        ("3. März 2026", "2026-03-03"),
        ("20. bis 21. September 2025", "2025-09-20"),
        ("le 1er mars 2026", "2026-03-01"),
        ("del 2 al 3 de marzo de 2026", "2026-03-02"),
        ("2 de março de 2026", "2026-03-02"),
        ("1º de março de 2026", "2026-03-01"),
        ("2 marzo 2026", "2026-03-02"),
        ("2026年3月2日", "2026-03-02"),
        ("2026年03月02日 10:00", "2026-03-02"),
        ("2026년 3월 2일", "2026-03-02"),
        ("2026. 3. 2.", "2026-03-02"),
        ("2 марта 2026 г.", "2026-03-02"),
        ("2 marca 2026", "2026-03-02"),
        ("2 maart 2026", "2026-03-02"),
        ("2026/3/2", "2026-03-02"),
        ("2026.03.02", "2026-03-02"),
        ("02.03.2026", "2026-03-02"),
        ("13/03/2026", "2026-03-13"),
        ("03/13/2026", "2026-03-13"),
        ("03/03/2026", "2026-03-03"),
        ("sep-20-2025-outage", "2025-09-20"),
        ("2026_03_02_dns", "2026-03-02"),
        ("20260302-dns", "2026-03-02"),
        ("02/03/2026", None),
        ("jan-2019-dns-outage", None),
        ("March 2026", None),
        ("2026-02-30", None),
        ("Flub 3, 2026", None),
        ("v2024.1.5", None),
        ("10.1.2.2026.4", None),
        ("", None),
    ],
)
def test_the_first_date_of_a_text_is_found_in_any_form(text: str, day: str | None) -> None:
    """A date has a day; one that may be two days is none."""
    assert find_date(text, load_labels().months) == day


def test_the_other_dates_of_a_collection_tell_the_order_of_the_parts() -> None:
    """One date with a part over twelve is enough, unless another says the opposite."""
    dates = [find_numeric_date(text) for text in ("02/03/2026", "13/03/2026", "02-03-2026")]
    numeric_dates = [date for date in dates if date is not None]

    assert len(numeric_dates) == 3
    assert find_part_orders(numeric_dates) == {"/": "day-first"}
    assert find_part_orders([*numeric_dates, NumericDate(1, 20, "/", 2026)]) == {}
    assert numeric_dates[0].format_iso("day-first") == "2026-03-02"
    assert numeric_dates[0].format_iso("month-first") == "2026-02-03"
    assert numeric_dates[0].format_iso(None) is None
