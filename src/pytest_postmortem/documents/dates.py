"""Find dates in the text of documents and in the names of files.

A date names its day: as ``2026-03-02``, ``2026/3/2``, ``2026年3月2日``, ``02.03.2026``, ``March 2,
2026``, ``2. März 2026``, ``20260302``. Of a range, the first day is found. ``02/03/2026`` is
March in one country and February in another: it is found only with the order of its parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Literal

PartOrder = Literal["day-first", "month-first"]

_YEAR = r"((?:19|20)\d\d)"
_YEAR_IN_TEXT = re.compile(_YEAR)
_ISO_DATE = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")
_MONTH = r"([^\W\d_]{3,})"
_WIDE_SIGNS = {0x2010: "-", 0x2011: "-", 0x2212: "-"} | {
    0xFF00 + code - 0x20: chr(code) for code in map(ord, "0123456789-./")
}
_GAP = r"[\s.,/_-]+(?:(?:de|del|of|d')\s+)?"
_ORDINAL = r"(?:st|nd|rd|th|er|[ºª°]|-?го|\.)?"
_TO = r"\s*(?:[-–—/&+]|to|and|bis|und|au|et|al?|y|e|по|и|do|tot|en)\s*"


@dataclass(frozen=True, slots=True)
class NumericDate:
    """A date such as ``02/03/2026``: two parts of unknown order, their separator, and the year."""

    first: int
    second: int
    separator: str
    year: int

    def __str__(self) -> str:
        return f"{self.first:02}{self.separator}{self.second:02}{self.separator}{self.year}"

    @property
    def order(self) -> PartOrder | None:
        """The order of the parts if one of them can only be a day, else None."""
        if self.first > 12 >= self.second:
            return "day-first"
        return "month-first" if self.second > 12 >= self.first else None

    def format_iso(self, order: PartOrder | None) -> str | None:
        """Return the ISO date in an order of the parts, None if it is unknown or no date."""
        if self.first == self.second:
            order = "day-first"
        if order is None:
            return None
        day, month = (
            (self.first, self.second) if order == "day-first" else (self.second, self.first)
        )
        return format_iso_date(self.year, month, day)


def find_iso_dates(text: str) -> list[str]:
    """Return the real ISO dates in a text that are not part of a longer number."""
    return [day for day in _ISO_DATE.findall(text) if format_iso_date(*map(int, day.split("-")))]


def find_date(text: str, months: Mapping[str, int]) -> str | None:
    """Return the first date in a text as an ISO date, or None; ``months`` has their names."""
    if not text.isascii():
        text = text.translate(_WIDE_SIGNS)
    if _YEAR_IN_TEXT.search(text) is None:
        return None
    place = find_date_place(text, months)
    return place.day if place else None


@dataclass(frozen=True, slots=True, order=True)
class DatePlace:
    """The place of a date in a text, and its day in ISO form."""

    start: int
    day: str
    end: int


def find_date_place(text: str, months: Mapping[str, int]) -> DatePlace | None:
    """Return the place of the date that `find_date` finds, or None."""
    for match in _ISO_DATE.finditer(text):
        if format_iso_date(*map(int, match[0].split("-"))):
            return DatePlace(match.start(), match[0], match.end())
    return min(_find_written_dates(text, months), default=None)


def find_numeric_date(text: str) -> NumericDate | None:
    """Return the first date such as ``02/03/2026`` in a text, or None."""
    match = _compile_unordered_pattern().search(text)
    return _build_numeric_date(match) if match else None


def _build_numeric_date(match: re.Match[str]) -> NumericDate:
    return NumericDate(int(match[1]), int(match[3]), match[2], int(match[4]))


def find_part_orders(dates: Iterable[NumericDate]) -> dict[str, PartOrder]:
    """Return the order of the parts for each separator: the one that all clear dates have."""
    orders: dict[str, set[PartOrder]] = {}
    for numeric_date in dates:
        if numeric_date.order is not None:
            orders.setdefault(numeric_date.separator, set()).add(numeric_date.order)
    return {separator: found.pop() for separator, found in orders.items() if len(found) == 1}


def format_iso_date(year: int, month: int, day: int) -> str | None:
    """Return a date in ISO form, or None if there is none."""
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None


_DatePattern = tuple[re.Pattern[str], tuple[int, int, int]]
"""The pattern of a date, and its groups for the year, the month and the day."""


@cache
def _compile_number_patterns() -> tuple[_DatePattern, ...]:
    """Return the patterns of dates in numbers; compiled with the first document, as the others."""
    year_first = re.compile(
        rf"(?<![\w.]){_YEAR}\s*(?:[-/._]|[年년])\s*(\d{{1,2}})\s*(?:[-/._]|[月월])\s*(\d{{1,2}})"
        r"(?!\d)(?:\s*[日일])?"
    )
    compact = re.compile(rf"(?<![^\W_]){_YEAR}(\d\d)(\d\d)(?![^\W_])")
    dotted = re.compile(rf"(?<![\w.])(\d{{1,2}})\.\s?(\d{{1,2}})\.\s?{_YEAR}(?!\d)")
    return (year_first, (1, 2, 3)), (compact, (1, 2, 3)), (dotted, (3, 2, 1))


@cache
def _compile_unordered_pattern() -> re.Pattern[str]:
    return re.compile(rf"(?<![\w/-])(\d{{1,2}})([/-])(\d{{1,2}})\2{_YEAR}(?![\d/])")


@cache
def _compile_patterns_with_names() -> tuple[_DatePattern, ...]:
    """Return the patterns of dates with the name of a month.

    They take some milliseconds to compile, and most collections have none of these dates.
    """
    day_first = re.compile(
        rf"(?<!\w)(\d{{1,2}}){_ORDINAL}(?:{_TO}\d{{1,2}}{_ORDINAL})?(?:{_GAP}){_MONTH}"
        rf"(?:{_TO}\d{{1,2}}{_ORDINAL}{_GAP}[^\W\d_]{{3,}})?{_GAP}{_YEAR}(?!\d)",
        re.IGNORECASE,
    )
    month_first = re.compile(
        rf"(?<![^\W_]){_MONTH}[\s._-]+(\d{{1,2}}){_ORDINAL}(?!\d)"
        rf"(?:{_TO}(?:[^\W\d_]{{3,}}[\s.]+)?\d{{1,2}}{_ORDINAL})?(?:{_GAP}){_YEAR}(?!\d)",
        re.IGNORECASE,
    )
    year_first = re.compile(
        rf"(?<!\w){_YEAR}[\s.,_-]+{_MONTH}[\s._-]+(\d{{1,2}}){_ORDINAL}(?![\d:])", re.IGNORECASE
    )
    return (day_first, (3, 2, 1)), (month_first, (3, 1, 2)), (year_first, (1, 2, 3))


def _find_written_dates(text: str, months: Mapping[str, int]) -> Iterator[DatePlace]:
    """Yield the places of the real dates in other forms than ISO."""
    for match in _compile_unordered_pattern().finditer(text):
        date_parts = _build_numeric_date(match)
        if day := date_parts.format_iso(date_parts.order):
            yield DatePlace(match.start(), day, match.end())
    for pattern, groups in (*_compile_number_patterns(), *_compile_patterns_with_names()):
        for match in pattern.finditer(text):
            year, month, number = match.group(*groups)
            month_number = int(month) if month.isdecimal() else months.get(month.casefold(), 0)
            if day := format_iso_date(int(year), month_number, int(number)):
                yield DatePlace(match.start(), day, match.end())
