"""Name new post-mortems like those in use: ids, file names, and the names of their tests.

A name has a lead and a title, of which either may be absent::

    PM-0007-login-loop      a number
    655ee350-a86f-424b-…    a UUID
    PM2026-004 - Login loop a number that restarts each year
    2026-11-20-login-loop   a date
    nov-2026-login-loop     a date with the name of the month
    login-loop              neither

No title makes a name that leaves its folder, is hidden, or is invalid on an operating system.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

from pytest_postmortem.documents.labels import load_labels, load_month_names
from pytest_postmortem.registry import fields
from pytest_postmortem.registry.filenames import NO_ID_PREFIXES, find_id_prefix

MAX_SLUG_LENGTH = 60
"""The maximum length of a title in a name; it is cut between words."""

_APOSTROPHES = re.compile("(?<=\\w)['\u2019](?=\\w)")
_NO_FILE_NAME = re.compile(r"[^\w ,()&+=.%-]+")


def format_file_name(title: str, join: str, lower: bool) -> str:
    """Return a title for a file name, its words separated by ``join``.

    With a space, punctuation that is valid in file names is kept. The result is empty for a title
    without letters and digits.
    """
    text = _APOSTROPHES.sub("", _fold_accents(title))
    if join == " ":
        words = _NO_FILE_NAME.sub(" ", text).split()
        name = shorten_title(" ".join(words).strip(" .-,_")).rstrip(" .-,(&+=")
    else:
        words = [word.strip("_") for word in re.findall(r"\w+", text)]
        name = shorten_title(" ".join(filter(None, words))).replace(" ", join)
    return name.lower() if lower else name


def format_function_name(title: str) -> str:
    """Return a title for a function name: ASCII words in lower case."""
    words = re.findall("[a-z0-9]+", _APOSTROPHES.sub("", _fold_accents(title)).lower())
    return shorten_title(" ".join(words)).replace(" ", "_")


def shorten_title(text: str, most: int = MAX_SLUG_LENGTH) -> str:
    """Return as many whole words of a text as fit; a single long word is cut."""
    if len(text) <= most:
        return text
    return text[: most + 1].rpartition(" ")[0] or text[:most]


def _fold_accents(text: str) -> str:
    """Return a text without accents on Latin letters; other scripts are unchanged."""
    return "".join(map(_fold_letter, unicodedata.normalize("NFC", text.replace("ß", "ss"))))


def _fold_letter(char: str) -> str:
    base = unicodedata.normalize("NFKD", char)
    if char.isascii() or not base[:1].isascii():
        return char if char.isalnum() or char.isascii() else " "
    return "".join(letter for letter in base if letter.isascii())


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
_TITLE_LINE = re.compile(r"^#[ \t]+(\S.*)|^(\S.*)\n[=~*^\"#-]{3,}[ \t]*$", re.MULTILINE)


def find_past_ids(lines: str) -> Iterator[str]:
    """Yield texts that may have been ids: values and keys of entries, and prefixes of headings."""
    lines = lines.replace("\r", "")
    for text in (*_ID_VALUE.findall(lines), *_ENTRY_KEY.findall(lines)):
        yield text.partition(" #")[0].strip().strip("\"'")
    for header in _TOML_HEADER.findall(lines):
        yield from (part.strip("\"'") for part in re.findall(rf"{_QUOTED_TEXT}|[\w-]+", header))
    for first, second in _TITLE_LINE.findall(lines):
        yield find_id_prefix(first or second) or ""


NAMING_WORDS = frozenset(
    "coe for incident mortem of on post postmortem rca report retrospective review".split()
)
"""Words that may be in all titles of a collection; any other word belongs to one."""

_NAME_TAIL = r"(?![^\W_]|\.\d)(?P<join>(?:[\s_:–—)\]-]|\.(?!\d))*)(?P<rest>.*)"
_LEAD_WORD = r"(?P<head>[\[(#]?(?:(?:[a-z]+|post-?mortem|incident[-_ ]report)[-_ #]?)?)"


def _compile_name(lead: str) -> re.Pattern[str]:
    return re.compile(lead + _NAME_TAIL, re.DOTALL | re.IGNORECASE)


_NUMBERED_NAME = _compile_name(
    rf"{_LEAD_WORD}(?:(?P<year>(?:19|20)\d\d)(?P<gap>[-_./]))?(?P<number>\d{{1,18}})"
)
_DATED_NAME = _compile_name(
    rf"{_LEAD_WORD}(?P<date>(?:19|20)\d\d(?P<dash>[-_.]?)\d\d(?:(?P=dash)\d\d)?)"
)
_UUID_NAME = _compile_name(
    r"(?P<head>)(?P<uuid>[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32})"
)
_YEAR_NAME = _compile_name(rf"{_LEAD_WORD}(?P<date>(?:19|20)\d\d)")
_WHOLE_NAME = re.compile(r"(?P<head>)(?P<join>)(?P<rest>.*)", re.DOTALL)
_DATE_PART = re.compile(r"(?P<Y>\d{4})|(?P<d>\d\d)|(?P<e>\d)|(?P<B>[^\W\d_]+)")


@lru_cache(maxsize=1)
def _compile_month_name() -> re.Pattern[str]:
    """Return the pattern of a name that begins with a date with the name of a month."""
    names = "|".join(sorted(load_labels().months, key=len, reverse=True))
    return _compile_name(
        r"(?P<head>(?:(?:incident|outage|post-?mortem|report)[-_ ])?)(?P<date>"
        rf"(?:(?:19|20)\d\d[-_. ])?(?:[0-3]?\d[-_. ])?(?P<month>{names})(?![^\W\d_])"
        r"(?:[-_. ]?[0-3]?\d(?![\d]))?(?:,?[-_. ]?(?:19|20)\d\d)?)"
    )


@dataclass(frozen=True, slots=True)
class TitleSpelling:
    """How titles are written in names: the separator of words, and whether in lower case."""

    join: str = "-"
    lower: bool = True


NameKind = Literal["number", "date", "uuid", "none"]


@dataclass(frozen=True, slots=True)
class NamingPattern:
    """The pattern of the names in a collection.

    ``head`` precedes a number or a date, ``join`` follows it. Numbers have at least ``width``
    digits. ``year`` is the text between a year and a number, None without a year;
    ``restarts_yearly`` means that numbers start at 1 each year. ``day`` is the format of dates, as
    for `strftime`, but ``%e`` is a day without a zero and ``%B`` one of the ``months``. ``uuid`` is
    the UUID of another name. ``title`` is None if names have no title.
    """

    kind: NameKind
    head: str = ""
    width: int = 0
    year: str | None = None
    restarts_yearly: bool = True
    day: str = "%Y-%m-%d"
    months: tuple[str, ...] = ()
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
            return self.head + _format_date(day, self.day, self.months)
        year = "" if self.year is None else f"{day.year}{self.year}"
        return f"{self.head}{year}{number:0{self.width}}"

    def name(self, lead: str, title: str) -> str:
        """Return a whole name, which may be the lead alone, or empty."""
        if self.title is None:
            return lead.lstrip("[(")
        words = format_file_name(title, self.title.join, self.title.lower)
        return f"{lead}{self.join if lead else ''}{words}" if words else lead.lstrip("[(")

    def next(self, names: Iterable[str], day: date) -> int:
        """Return the number after the highest one ever used; gaps are not filled."""
        used = [0]
        for name in names:
            match = None if _has_whole_date(name) else _NUMBERED_NAME.match(name)
            if match is None or _find_lead_word(match) != _keep_ascii_letters(self.head):
                continue
            is_yearly = self.year is not None
            other_year = is_yearly and self.restarts_yearly and match["year"] != str(day.year)
            if bool(match["year"]) == is_yearly and not other_year:
                used.append(int(match["number"]))
        return max(used) + 1


DEFAULT_NAMING = NamingPattern("number", "PM-", 4)
"""The pattern of an empty collection."""


def find_naming_pattern(names: Sequence[str]) -> NamingPattern:
    """Return the pattern of most names, spelled as the last of these, which is the newest."""
    if not names:
        return DEFAULT_NAMING
    reader = _NameReader(names)
    readings = [reader.read(name) for name in names]
    shapes = [_find_shape(kind, match) for kind, match in readings]
    most = Counter(reversed(shapes)).most_common(1)[0][0]  # of several, the newest
    matches = [match for shape, (_, match) in zip(shapes, readings, strict=True) if shape == most]
    kind, newest = most[0], matches[-1]
    titled = [match for match in matches if match["rest"]]
    join = titled[-1]["join"] if titled else "-"
    title = _find_title_spelling([match["rest"] for match in titled], join) if titled else None
    parts = newest.groupdict()
    months = [match["month"] for match in matches if "month" in match.groupdict()]
    numbers = [match["number"] for match in matches if kind == "number"]
    return NamingPattern(
        kind,
        parts["head"],
        max((len(number) for number in numbers if number[0] == "0"), default=0),
        parts.get("gap"),
        not parts.get("year") or _is_restarted_yearly(matches),
        _find_date_format(newest) if kind == "date" else "",
        _spell_months(months) if months else (),
        parts.get("uuid", ""),
        join,
        title,
    )


def _find_shape(kind: NameKind, match: re.Match[str]) -> tuple[NameKind, str, bool]:
    """Return the kind of a name, the word before its number, and whether it has a year."""
    return kind, _find_lead_word(match), bool(match.groupdict().get("year"))


def _is_restarted_yearly(matches: Sequence[re.Match[str]]) -> bool:
    """Return whether the numbers of the last year begin below those of the years before."""
    last_year = max(match["year"] for match in matches)
    earlier = [int(match["number"]) for match in matches if match["year"] < last_year]
    latest = [int(match["number"]) for match in matches if match["year"] == last_year]
    return not earlier or min(latest) <= max(earlier)


class _NameReader:
    """Parse names; numbers and years are interpreted by comparison with the other names."""

    def __init__(self, names: Sequence[str]) -> None:
        numbers: dict[tuple[str, bool], set[str]] = {}
        by_year: dict[str, list[int]] = {}
        for match in filter(None, map(_NUMBERED_NAME.match, names)):
            key = _find_lead_word(match), bool(match["year"])
            numbers.setdefault(key, set()).add(match["number"])
            if match["year"] and not match["head"]:
                by_year.setdefault(match["year"], []).append(int(match["number"]))
        self._several = {key for key, used in numbers.items() if len(used) > 1}
        self._counted = all(
            sorted(used) == list(range(1, len(used) + 1)) for used in by_year.values()
        )
        self._yearly = sum(bool(_YEAR_NAME.match(name)) for name in names) * 2 > len(names)

    def read(self, name: str) -> tuple[NameKind, re.Match[str]]:
        """Return the kind of a name's lead, and the match with its parts."""
        if match := _UUID_NAME.match(name):
            return "uuid", match
        if parse_month_date(name) and (match := _compile_month_name().match(name)):
            return "date", match
        if (match := _DATED_NAME.match(name)) and self._is_date(match):
            return "date", match
        if (match := _NUMBERED_NAME.match(name)) and self._is_number(match, name):
            return "number", match
        if self._yearly and (match := _YEAR_NAME.match(name)):
            return "date", match
        match = _WHOLE_NAME.match(name)
        assert match is not None
        return "none", match

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


def _find_date_format(match: re.Match[str]) -> str:
    """Return the format of a date in a name, empty if it is not a date."""
    text = match["date"]
    if "month" in match.groupdict():
        return _DATE_PART.sub(lambda part: f"%{part.lastgroup}", text)
    if len(text) == 4:
        return "%Y"
    dash, parts = match["dash"], re.findall(r"\d\d", text[4:])
    try:
        date(int(text[:4]), *map(int, [*parts, "1"][:2]))
    except ValueError:
        return ""
    if not dash and len(parts) < 2:
        return ""
    return f"%Y{dash}%m" + f"{dash}%d" * (len(parts) - 1)


def _format_date(day: date, format: str, months: Sequence[str]) -> str:
    texts = {
        "%Y": f"{day.year:04}",
        "%m": f"{day.month:02}",
        "%d": f"{day.day:02}",
        "%e": str(day.day),
        "%B": months[day.month - 1] if months else "",
    }
    return re.sub("%[YmdeB]", lambda code: texts[code[0]], format)


def _spell_months(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the twelve months, spelled like some of them.

    They are of the language that has most of these names, short if one of them is short, and in
    the case of the last one.
    """
    words = [text.casefold() for text in texts]

    def count_known_words(months: Sequence[Sequence[str]]) -> int:
        return sum(any(word in forms for forms in months) for word in words)

    months = max(load_month_names().values(), key=count_known_words)
    full = [forms[0] for forms in months]
    lengths = [len(word) for word in words if word not in full]
    names = full if not lengths else [_pick_short_form(forms, lengths[-1]) for forms in months]
    newest = texts[-1]
    change = str.lower if newest.islower() else str.upper if newest.isupper() else str.capitalize
    return tuple(map(change, names))


def _pick_short_form(forms: Sequence[str], length: int) -> str:
    return next((form for form in forms if len(form) == length), forms[-1])


def parse_month_date(name: str) -> date | None:
    """Return the date with the name of a month at the start of a name; its day may be missing."""
    match = _compile_month_name().match(name)
    found = _DATE_PART.finditer(match["date"] if match else "")
    parts = {part.lastgroup: part[0] for part in found}
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


def _find_title_spelling(titles: Sequence[str], join: str) -> TitleSpelling:
    """Return the spelling of the newest title that has a separator, or else that of the lead.

    It is in lower case if most titles are: an abbreviation in one of them makes no rule.
    """
    model = next((title for title in reversed(titles) if re.search("[ _-]", title)), join)
    between = next((sign for sign in " -_" if sign in model), "-")
    lower = sum(title == title.lower() for title in titles) * 2 >= len(titles)
    return TitleSpelling(between, lower)
