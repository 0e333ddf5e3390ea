"""Derive the next id or file name from those in use.

A name has a lead and a title, of which either may be absent::

    PM-0007-login-loop      a number
    655ee350-a86f-424b-…    a UUID
    PM2026-004 - Login loop a number that restarts each year
    2026-11-20-login-loop   a date
    nov-2026-login-loop     a date with the name of the month
    login-loop              neither
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import groupby, pairwise
from typing import Literal, TypeVar

from pytest_postmortem.documents.labels import load_labels, load_month_names
from pytest_postmortem.registry import fields
from pytest_postmortem.registry.filenames import NO_ID_PREFIXES, find_id_prefix
from pytest_postmortem.scaffold.slugs import format_file_name

_ID_KEYS = "|".join(
    name.replace("_", "[-_ ]") for name in sorted(fields.ID_KEYS, key=len, reverse=True)
)


_QUOTED_TEXT = r"\"(?:[^\"\\]|\\.)*\"|'[^']*'"


_ID_VALUE = re.compile(
    rf"(?<![\w-])[\"']?(?:{_ID_KEYS})[\"']?\s*[:=]\s*({_QUOTED_TEXT}|[^\s,\]}}][^,\]}}\n]*)",
    re.IGNORECASE,
)


_ENTRY_KEY = re.compile(
    rf"(?:^|[{{,])[ \t]*({_QUOTED_TEXT}|[\w][\w ./-]*?)[ \t]*(?::[ \t]*(?:#.*)?$|[:=][ \t]*[{{&])",
    re.MULTILINE,
)


_TOML_HEADER = re.compile(r"^[ \t]*\[{1,2}([^\[\]\n]+)\]{1,2}[ \t]*(?:#.*)?$", re.MULTILINE)


_TOML_KEY_PART = re.compile(rf"{_QUOTED_TEXT}|[\w-]+")


_TITLE_LINE = re.compile(r"^#[ \t]+(\S.*)|^(\S.*)\n[=~*^\"#-]{3,}[ \t]*$", re.MULTILINE)


def find_past_ids(lines: str) -> Iterator[str]:
    """Yield texts that may have been ids: values and keys of entries, and prefixes of headings."""
    lines = lines.replace("\r", "")
    for text in (*_ID_VALUE.findall(lines), *_ENTRY_KEY.findall(lines)):
        yield text.partition(" #")[0].strip().strip("\"'")
    for header in _TOML_HEADER.findall(lines):
        yield from (part.strip("\"'") for part in _TOML_KEY_PART.findall(header))
    for first, second in _TITLE_LINE.findall(lines):
        id = find_id_prefix(first or second)
        if id is not None:
            yield id


T = TypeVar("T")

NAMING_WORDS = frozenset(
    "coe for incident mortem of on post postmortem rca report retrospective review".split()
)
"""Words that may be in all names and titles of a collection; any other word belongs to one."""

_NAME_TAIL = r"(?P<join>(?:[\s_:–—)\]-]|\.(?!\d))*)(?P<rest>.*)"
_LEAD_END = r"(?![^\W_]|\.\d)"
_LEAD_WORD = r"(?P<head>[\[(#]?(?:(?:[a-z]+|post-?mortem|incident[-_ ]report)[-_ #]?)?)"
_NUMBERED_NAME = re.compile(
    rf"{_LEAD_WORD}(?:(?P<year>(?:19|20)\d\d)(?P<gap>[-_./]))?(?P<number>\d{{1,18}}){_LEAD_END}{_NAME_TAIL}",
    re.DOTALL | re.IGNORECASE,
)
_DATED_NAME = re.compile(
    rf"{_LEAD_WORD}(?P<date>(?:19|20)\d\d(?P<dash>[-_.]?)\d\d(?:(?P=dash)\d\d)?){_LEAD_END}{_NAME_TAIL}",
    re.DOTALL | re.IGNORECASE,
)
_UUID_NAME = re.compile(
    r"(?P<head>)(?P<uuid>[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32})"
    rf"{_LEAD_END}{_NAME_TAIL}",
    re.DOTALL | re.IGNORECASE,
)
CASES = str.lower, str.upper
_DATE_CODE = re.compile("%([lu]?)([YmdebB])")
_DATE_PART = re.compile(r"(?P<Y>\d{4})|(?P<d>\d\d)|(?P<e>\d)|(?P<B>[^\W\d_]+)")
_WHOLE_NAME = re.compile(r"(?P<head>)(?P<join>)(?P<rest>.*)", re.DOTALL)
_YEAR_NAME = re.compile(
    rf"{_LEAD_WORD}(?P<date>(?:19|20)\d\d){_LEAD_END}{_NAME_TAIL}", re.DOTALL | re.IGNORECASE
)


@lru_cache(maxsize=1)
def _compile_month_date() -> re.Pattern[str]:
    """Return the pattern of a name that begins with a date with the name of a month."""
    names = "|".join(sorted(load_labels().months, key=len, reverse=True))
    return re.compile(
        r"(?P<head>(?:(?:incident|outage|post-?mortem|report)[-_ ])?)(?P<date>"
        rf"(?:(?:19|20)\d\d[-_. ])?(?:[0-3]?\d[-_. ])?(?P<month>{names})(?![^\W\d_])"
        rf"(?:[-_. ]?[0-3]?\d(?![\d]))?(?:,?[-_. ]?(?:19|20)\d\d)?){_LEAD_END}{_NAME_TAIL}",
        re.DOTALL | re.IGNORECASE,
    )


@dataclass(frozen=True, slots=True)
class MonthNames:
    """The names of the twelve months in one language, and their short forms."""

    full: tuple[str, ...]
    short: tuple[str, ...]


def find_month_names(texts: Sequence[str]) -> MonthNames:
    """Return the names of the first language that has all the names of months in these texts.

    The short forms are as long as most short ones of the texts.
    """
    words = [text.casefold() for text in texts]
    languages = load_month_names().values()
    known = [{name for forms in months for name in forms} for months in languages]
    months = max(
        zip(languages, known, strict=True), key=lambda each: sum(map(each[1].__contains__, words))
    )[0]
    full = tuple(forms[0] for forms in months)
    lengths = [len(word) for word in words if word not in full] or [3]
    length = find_most_common(lengths)
    short = (next((form for form in forms if len(form) == length), forms[-1]) for forms in months)
    return MonthNames(full, tuple(short))


@dataclass(frozen=True, slots=True)
class TitleSpelling:
    """How titles are written in names: the separator of words, and the text before and after."""

    join: str = "-"
    lower: bool = True
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class NamingPattern:
    """The pattern of the names in a collection.

    ``head`` precedes a number or a date, ``join`` follows it. Numbers have at least ``width``
    digits. ``year`` is the text between a year and a number, None without a year;
    ``restarts_yearly`` means that numbers start at 1 each year. ``day`` is the format of dates, see
    `format_date`, ``months`` has the names in it, and ``uuid`` is the UUID of another name.
    ``title`` is None if names have no title.
    """

    kind: Literal["number", "date", "uuid", "none"]
    head: str = ""
    width: int = 0
    year: str | None = None
    restarts_yearly: bool = True
    day: str = "%Y-%m-%d"
    months: MonthNames | None = None
    uuid: str = ""
    join: str = "-"
    title: TitleSpelling | None = TitleSpelling()

    @property
    def has_whole_date(self) -> bool:
        """Whether a name has the year, the month and the day."""
        return self.kind == "date" and self.day.count("%") == 3

    def format_lead(self, number: int, day: date, uuid: str = "") -> str:
        """Return the part of a name before the title; ``uuid`` is a fresh one."""
        if self.kind == "none":
            return ""
        if self.kind == "uuid":
            return spell_uuid_like(self.uuid, uuid)
        if self.kind == "date":
            return self.head + format_date(day, self.day, self.months)
        year = "" if self.year is None else f"{day.year}{self.year}"
        return f"{self.head}{year}{number:0{self.width}}"

    def name(self, lead: str, title: str) -> str:
        """Return a whole name, which may be the lead alone, or empty."""
        spelling = self.title
        words = format_file_name(title, spelling.join, spelling.lower) if spelling else ""
        if spelling is None or not words:
            return lead.lstrip("[(")
        before, after = spelling.before, spelling.after
        lowered = words.casefold()
        before = "" if before and lowered.startswith(before.casefold()) else before
        after = "" if after and lowered.endswith(after.casefold()) else after
        return f"{lead}{self.join if lead else ''}{before}{words}{after}"

    def next(self, names: Iterable[str], day: date) -> int:
        """Return the number after the highest one ever used; gaps are not filled."""
        used = [0]
        numbered = (_NUMBERED_NAME.match(name) for name in names if not _has_whole_date(name))
        for match in filter(None, numbered):
            is_same_kind = _find_lead_word(match) == _keep_ascii_letters(self.head) and bool(
                match["year"]
            ) == (self.year is not None)
            if is_same_kind and (
                not self.restarts_yearly or self.year is None or int(match["year"]) == day.year
            ):
                used.append(int(match["number"]))
        return max(used) + 1


DEFAULT_NAMING = NamingPattern("number", "PM-", 4)
"""The pattern of an empty collection."""


def find_naming_pattern(names: Sequence[str]) -> NamingPattern:
    """Return the pattern of most names; they are ordered, the newest last."""
    if not names:
        return DEFAULT_NAMING
    reader = _NameReader(names)
    readings = [reader.read(name) for name in names]
    kind, head = find_most_common([(kind, _find_lead_word(match)) for kind, match in readings])
    matches = [
        match
        for match_kind, match in readings
        if (match_kind, _find_lead_word(match)) == (kind, head)
    ]
    rests = [match for match in matches if match["rest"]]
    join = find_most_common([match["join"] for match in rests]) if rests and kind != "none" else "-"
    title = _find_title_spelling([match["rest"] for match in rests], join) if rests else None
    if kind == "none":
        return NamingPattern("none", title=title)
    if kind == "uuid":
        return NamingPattern("uuid", uuid=matches[-1]["uuid"], join=join, title=title)
    lead = find_most_common([match["head"] for match in matches])
    if kind == "date":
        day, months = _find_date_spelling(matches)
        return NamingPattern(
            "date",
            lead,
            day=day,
            months=months,
            join=join,
            title=title,
        )
    return _build_number_pattern(matches, lead, join, title)


def _find_date_spelling(matches: Sequence[re.Match[str]]) -> tuple[str, MonthNames | None]:
    """Return the format of most dates, and the names of months in it.

    A short name such as ``may`` is the full one as well, as the names of other months show.
    """
    formats = list(map(_find_date_format, matches))
    texts = [match.groupdict().get("month") or "" for match in matches]
    if not any(texts):
        return find_most_common(formats), None
    months = find_month_names(list(filter(None, texts)))
    if any("B" in format for format in formats):
        formats = [
            format.replace("b", "B") if text.casefold() in months.full else format
            for format, text in zip(formats, texts, strict=True)
        ]
    return find_most_common(formats), months


def _build_number_pattern(
    matches: Sequence[re.Match[str]], head: str, join: str, title: TitleSpelling | None
) -> NamingPattern:
    texts = [match["number"] for match in matches]
    padded = [len(text) for text in texts if text.startswith("0")]
    width = find_most_common(padded) if padded else 0
    yearly = [match for match in matches if match["year"]]
    if len(yearly) * 2 <= len(matches):
        return NamingPattern("number", head, width, join=join, title=title)
    year = find_most_common([match["gap"] for match in yearly])
    return NamingPattern(
        "number", head, width, year, _is_restarted_yearly(yearly), join=join, title=title
    )


def _is_restarted_yearly(yearly: Sequence[re.Match[str]]) -> bool:
    """Return whether numbers start at 1 each year; True if there is only one year."""
    pairs = sorted((int(match["year"]), int(match["number"])) for match in yearly)
    ranges = [
        (numbers[0], numbers[-1])
        for _, group in groupby(pairs, key=lambda pair: pair[0])
        if (numbers := [number for _, number in group])
    ]
    return len(ranges) < 2 or any(later[0] <= earlier[1] for earlier, later in pairwise(ranges))


class _NameReader:
    """Parse names; numbers and years are interpreted by comparison with the other names."""

    def __init__(self, names: Sequence[str]) -> None:
        numbers: dict[tuple[str, bool], set[str]] = {}
        for match in filter(None, map(_NUMBERED_NAME.match, names)):
            numbers.setdefault((_find_lead_word(match), bool(match["year"])), set()).add(
                match["number"]
            )
        self._several = {key for key, used in numbers.items() if len(used) > 1}
        self._counted = _are_numbers_consecutive(filter(None, map(_NUMBERED_NAME.match, names)))
        self._yearly = sum(bool(_YEAR_NAME.match(name)) for name in names) * 2 > len(names)

    def read(self, name: str) -> tuple[str, re.Match[str]]:
        """Return the kind of a name's lead, and the match with its parts."""
        uuid = _UUID_NAME.match(name)
        if uuid:
            return "uuid", uuid
        named = _compile_month_date().match(name)
        if named and parse_month_date(name):
            return "date", named
        dated = _DATED_NAME.match(name)
        if dated and self._is_date(dated):
            return "date", dated
        numbered = _NUMBERED_NAME.match(name)
        if numbered and self._is_number(numbered, name):
            return "number", numbered
        year = _YEAR_NAME.match(name)
        if year and self._yearly:
            return "date", year
        undivided = _WHOLE_NAME.match(name)
        assert undivided is not None
        return "none", undivided

    def _is_date(self, match: re.Match[str]) -> bool:
        """Return whether a name begins with a date; ``2026-04`` may also be number 4 of a year."""
        text = _find_date_format(match)
        if text.count("%") == 2:
            return not match["head"] and not self._counted
        return bool(text)

    def _is_number(self, match: re.Match[str], name: str) -> bool:
        """Return whether a name begins with a number of its own: ``PM-7``, but not ``http2``."""
        word, number = _find_lead_word(match), match["number"]
        if word.upper() in NO_ID_PREFIXES:
            return False
        if not word and not match["year"] and re.fullmatch(r"(?:19|20)\d\d", number):
            return False  # a year
        if find_id_prefix(name) or not match["rest"]:
            return True
        if not word and (match["year"] or number.startswith("0")):
            return True
        return (word, bool(match["year"])) in self._several


def _are_numbers_consecutive(matches: Iterable[re.Match[str]]) -> bool:
    """Return whether the numbers after the years count from 1 in each year."""
    years: dict[str, list[int]] = {}
    for match in matches:
        if match["year"] and not match["head"]:
            years.setdefault(match["year"], []).append(int(match["number"]))
    return all(sorted(numbers) == list(range(1, len(numbers) + 1)) for numbers in years.values())


def _find_date_format(match: re.Match[str]) -> str:
    """Return the `strftime` format of a date in a name, empty if it is not a date."""
    text = match["date"]
    if "month" in match.groupdict():
        return _DATE_PART.sub(_find_date_code, text)
    if len(text) == 4:
        return "%Y"
    dash = match["dash"]
    if not dash and len(text) < 8:
        return ""
    parts = re.findall(r"\d\d", text[4:])
    try:
        date(int(text[:4]), *map(int, [*parts, "1"][:2]))
    except ValueError:
        return ""
    return "%Y" + "".join(f"{dash}{part}" for part, _ in zip(("%m", "%d"), parts, strict=False))


def _find_date_code(part: re.Match[str]) -> str:
    """Return the code of a part of a date with the name of a month."""
    text, code = part[0], str(part.lastgroup)
    if code != "B":
        return f"%{code}"
    case = "l" if text.islower() else "u" if text.isupper() else ""
    full = {forms[0] for months in load_month_names().values() for forms in months}
    is_full = len(text) > 3 and text.casefold() in full
    return f"%{case}{'B' if is_full else 'b'}"


def format_date(day: date, format: str, months: MonthNames | None = None) -> str:
    """Return a date in a format: ``%Y``, ``%m`` and ``%d`` as for `strftime`, ``%e`` for a day
    without a zero, ``%b`` and ``%B`` for the name of the month, in English if ``months`` is None,
    ``%lb`` in lower case and ``%ub`` in upper case.
    """
    months = months or find_month_names(())
    texts = {
        "Y": f"{day.year:04}",
        "m": f"{day.month:02}",
        "d": f"{day.day:02}",
        "e": str(day.day),
        "b": months.short[day.month - 1].capitalize(),
        "B": months.full[day.month - 1].capitalize(),
    }
    lower, upper = ({code: change(text) for code, text in texts.items()} for change in CASES)
    spellings = {"": texts, "l": lower, "u": upper}
    return _DATE_CODE.sub(lambda found: spellings[found[1]][found[2]], format)


def parse_month_date(name: str) -> date | None:
    """Return the date with the name of a month at the start of a name; its day may be missing."""
    match = _compile_month_date().match(name)
    parts = (
        {part.lastgroup: part[0] for part in _DATE_PART.finditer(match["date"])} if match else {}
    )
    if "Y" not in parts or "B" not in parts:
        return None
    month = load_labels().months[parts["B"].casefold()]
    try:
        return date(int(parts["Y"]), month, int(parts.get("d") or parts.get("e") or 1))
    except ValueError:
        return None


def find_uuid(text: str) -> str | None:
    """Return the UUID that a text is, or None."""
    match = _UUID_NAME.fullmatch(text.strip())
    return match["uuid"] if match and not match["rest"] else None


def spell_uuid_like(model: str, uuid: str) -> str:
    """Return a UUID in the spelling of another one: its case, and with or without dashes."""
    text = uuid if "-" in model or not model else uuid.replace("-", "")
    return text.upper() if model.isupper() else text


def _has_whole_date(name: str) -> bool:
    match = _DATED_NAME.match(name)
    return match is not None and _find_date_format(match).count("%") == 3


def _find_lead_word(match: re.Match[str]) -> str:
    return _keep_ascii_letters(match["head"])


def _keep_ascii_letters(head: str) -> str:
    return re.sub(r"[^a-z]", "", head.casefold())


def _find_title_spelling(rests: Sequence[str], join: str) -> TitleSpelling:
    """Return the spelling of titles; without a separator in any title, that of the lead decides."""
    spaced = sum(" " in rest for rest in rests)
    dashed = sum("-" in rest and " " not in rest for rest in rests)
    snake = sum("_" in rest and "-" not in rest and " " not in rest for rest in rests)
    most = max(spaced, dashed, snake)
    if not most:
        between = " " if " " in join else "_" if "_" in join else "-"
    else:
        between = " " if spaced == most else "-" if dashed == most else "_"
    lower = sum(rest == rest.lower() for rest in rests) * 2 >= len(rests)
    before, after = find_common_words(rests, between)
    return TitleSpelling(between, lower, before, after)


def find_common_words(texts: Sequence[str], join: str) -> tuple[str, str]:
    """Return the words at the start and end of all texts that only name the kind of document."""
    if len(set(texts)) < 2:
        return "", ""
    split = [text.split(join) for text in texts]
    before = list(_list_common_words(split, lambda words: words))
    after = list(_list_common_words(split, lambda words: words[::-1]))[::-1]
    return (
        "".join(word + join for word in before),
        "".join(join + word for word in after) if len(before) < min(map(len, split)) else "",
    )


def _list_common_words(
    split: Sequence[Sequence[str]], turned: Callable[[Sequence[str]], Sequence[str]]
) -> Iterator[str]:
    for words in zip(*map(turned, split), strict=False):
        bare = {re.sub(r"\W", "", word).casefold() for word in words}
        if len(bare) > 1 or not bare <= NAMING_WORDS:
            return
        yield words[-1]


def find_most_common(items: Sequence[T]) -> T:
    """Return the most common item; of several, the one that is last."""
    counted = Counter(items)
    most = max(counted.values())
    return next(item for item in reversed(items) if counted[item] == most)
