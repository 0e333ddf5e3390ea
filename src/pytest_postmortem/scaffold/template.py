"""Fill in the team's own template with the details of an incident.

A template with placeholders is rendered with Jinja2. In any other, the heading, the values of front
matter and the text after labels such as ``Date:`` are filled in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

from pytest_postmortem.documents.head import SECTION_TITLES, DocumentHeading, find_headings
from pytest_postmortem.documents.labels import find_label_kind, load_labels, normalize_word
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.scaffold.front_matter import IncidentFacts, find_field_of_key
from pytest_postmortem.scaffold.scalars import find_quote, format_toml_value, format_yaml_value

PLACEHOLDERS = ("id", "title", "heading", "date", "severity", "class", "owner", "service", "test")
"""The names of placeholders."""

_OWN_PLACEHOLDER = re.compile(rf"\{{\{{-?\s*(?:{'|'.join(PLACEHOLDERS)})\s*(?:\||-?\}}\}})")
_FRONT_MATTER_PAIR = re.compile(r"(?P<key>[\w][\w -]*?)(?P<sign>\s*[:=])(?P<value>(?:[ \t].*)?)$")
_BLANK_VALUE = re.compile(
    r"[\W_]*|_[^_]+_|\*[^*]+\*|sev[-_ ]?[?xn#]|(?!.*\]\()[<\[({].*[>\])}]"
    r"|(?=.*(?:yy|mm|dd|xx))[ymdhx0-9\s:./-]+|tbd|todo|date|x+",
    re.IGNORECASE,
)
_BLANK_DATE = re.compile(
    r"(?=.*([ymdajtr\u0433\u043c\u0434])\1)[ymdhxajtr\u0433\u043c\u0434\d\s:./-]+", re.IGNORECASE
)
"""A date that is to be filled in, such as ``YYYY-MM-DD``, in Latin or Cyrillic letters."""

_LABEL_FIELDS = ("id", "title", "date", "severity", "class", "owner")
_FURTHER_LABELS: Mapping[str, str] = {
    "reference": "id",
    "service": "service",
    "services": "service",
    "affected service": "service",
    "affected services": "service",
    "owning team": "owner",
    "class of problem": "class",
}
_LABELLED_LINE = re.compile(
    r"(?P<lead>(?P<before>[\s>|*+_-]*)(?P<label>[^\s:|\uff1a][^:|\uff1a\n]{0,58}?)"
    r"[\s*_]*(?P<sign>[:|\uff1a])[*_]*)(?P<rest>.*)$"
)


def has_placeholders(text: str) -> bool:
    """Return whether a template has one of the placeholders."""
    return _OWN_PLACEHOLDER.search(text) is not None


def render_jinja_template(text: str, values: Mapping[str, object], path: str) -> str:
    """Return a rendered Jinja2 template, without escaping.

    Raises:
        SettingsError: It can't be rendered.
    """
    environment = SandboxedEnvironment(
        autoescape=False,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        newline_sequence="\n",
    )
    try:
        return environment.from_string(text).render(values)
    except (TemplateError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        line = error.lineno if isinstance(error, TemplateSyntaxError) else None
        remedy = f"fix it; the placeholders are {', '.join(PLACEHOLDERS)}"
        problem = Problem("bad-template", "Couldn't use template", str(error), remedy, path, line)
        raise SettingsError([problem]) from None


def fill_plain_template(
    text: str, facts: IncidentFacts, heading: str, *, rst: bool = False, data: bool = False
) -> str:
    """Return a template with the known values filled in; the rest is unchanged.

    ``data`` means that the whole template is front matter.
    """
    lines = text.split("\n")
    end, fence = len(lines) if data else _count_front_matter_lines(lines), lines[0].rstrip()
    front = [
        line
        if below[:1] in (" ", "\t", "-") and below[:3] != "---"
        else _fill_front_matter_line(line, facts, fence)
        for line, below in zip(lines[:end], [*lines[1:], ""], strict=False)
    ]
    if data:
        return "\n".join(front)
    body = _replace_heading(lines[end:], heading, rst)
    body = _fill_labelled_sections([fill_labelled_line(line, facts) for line in body], facts, rst)
    return "\n".join([*front, *body])


def _count_front_matter_lines(lines: Sequence[str]) -> int:
    """Return the number of lines of front matter."""
    fence = lines[0].rstrip()
    if fence not in ("---", "+++"):
        return 0
    ends = (n for n in range(1, len(lines)) if lines[n].rstrip() == fence)
    return next(ends, -1) + 1


def _fill_front_matter_line(line: str, facts: IncidentFacts, fence: str) -> str:
    pair = _FRONT_MATTER_PAIR.match(line)
    place = find_field_of_key(pair["key"]) if pair else None
    value = facts.get(place or "", "")
    if pair is None or not value:
        return line
    quote = find_quote(pair["value"])
    if fence == "+++":
        written = format_toml_value(value, bare_dates=not quote)
    else:
        written = format_yaml_value(value, quote)
    return f"{pair['key']}{pair['sign']} {written}{_find_value_comment(pair['value'])}"


def _find_value_comment(value: str) -> str:
    """Return the comment after a value, with the blanks before it."""
    quote, before = "", " "
    for place, char in enumerate(value):
        if quote:
            quote = "" if char == quote and before != "\\" else quote
        elif char in "\"'" and before in " \t[{,":
            quote = char
        elif char == "#" and before in " \t":
            return value[len(value[:place].rstrip()) :]
        before = char
    return ""


def _replace_heading(lines: Sequence[str], heading: str, rst: bool) -> list[str]:
    """Replace the document's first heading; remove a heading that names the template."""
    tops = [
        candidate
        for candidate in find_headings(lines, rst)
        if candidate.level == 1 and not _is_section_heading(candidate)
    ]
    if not tops:
        return [*_format_heading_lines(heading, rst), "", *lines]
    named = [candidate for candidate in tops if "template" not in candidate.text.casefold()]
    title_heading = named[0] if named else tops[0]
    above = [candidate for candidate in tops if candidate.start < title_heading.start]
    dropped = {
        n
        for candidate in above
        for n in range(candidate.start, _skip_blank_lines(lines, candidate.end))
    }
    head = [line for n, line in enumerate(lines[: title_heading.start]) if n not in dropped]
    marked = lines[title_heading.start].lstrip().startswith("#") and not rst
    new = (
        [f"# {heading}"]
        if marked
        else _underline_heading(heading, lines[title_heading.end - 1][:1])
    )
    return [*head, *new, *lines[title_heading.end :]]


def _is_section_heading(heading: DocumentHeading) -> bool:
    return SECTION_TITLES.fullmatch(heading.text.casefold().rstrip(": ")) is not None


def _skip_blank_lines(lines: Sequence[str], start: int) -> int:
    while start < len(lines) and not lines[start].strip():
        start += 1
    return start


def _format_heading_lines(text: str, rst: bool) -> list[str]:
    return _underline_heading(text, "=") if rst else [f"# {text}"]


def _underline_heading(text: str, char: str) -> list[str]:
    return [text, char * max(len(text), 3)]


def fill_labelled_line(line: str, facts: IncidentFacts) -> str:
    """Fill in the value after a label, in a line, a list or a table row."""
    match = _LABELLED_LINE.match(line)
    name = _find_field_of_label(match["label"]) if match else None
    value = _format_fact(facts.get(name or "", ""))
    if match is None or name is None or not value:
        return line
    cell, bar, tail = match["rest"], "", ""
    if match["sign"] == "|":
        cell, bar, tail = match["rest"].partition("|")
        if not bar:
            return line  # the line is only the label
    if not _is_blank_value(cell, name):
        return line
    return f"{match['lead']} {value}{' ' * bool(bar)}{bar}{tail}"


def _find_field_of_label(label: str) -> str | None:
    """Return the field that a label or a heading means in one of the twelve languages, or None."""
    word = normalize_word(label)
    kind = _FURTHER_LABELS.get(word.partition("(")[0].strip()) or find_label_kind(
        load_labels(), label
    )
    return kind if kind in (*_LABEL_FIELDS, "service") else None


_SEVERITY_CHOICE = re.compile(r"[\w*-]+(?:\s*(?:/|\||,|\bor\b)\s*[\w*-]+)+")


def _is_blank_value(text: str, name: str) -> bool:
    """Return whether a value is a placeholder, or a choice such as ``SEV1 / SEV2 / SEV3``."""
    text = text.strip()
    is_choice = name == "severity" and _SEVERITY_CHOICE.fullmatch(text)
    is_date = name == "date" and _BLANK_DATE.fullmatch(text)
    return bool(is_choice or is_date or _BLANK_VALUE.fullmatch(text))


def find_label_field(line: str) -> str | None:
    """Return the field of the label with which a line begins, or None."""
    match = _LABELLED_LINE.match(line)
    name = _find_field_of_label(match["label"]) if match else None
    return None if name in ("id", "title") else name


def find_label_lines(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the lines with labels at the head of a document, without their values.

    The rows that make the head of a table belong to them, and so does the heading of the first
    section if they are below it.
    """
    starts = [number for number, line in enumerate(lines) if line.startswith("## ")][:2]
    first, second = (*starts, len(lines), len(lines))[:2]
    above = _find_labels_between(lines[:first])
    if above or first == len(lines):
        return above
    below = _find_labels_between(lines[first + 1 : second])
    return (lines[first], "", *below) if len(below) > 2 else ()


def _find_labels_between(lines: Sequence[str]) -> tuple[str, ...]:
    found: list[str] = []
    for number, line in enumerate(lines[:MAX_LABEL_LINES]):
        if found and line.startswith("#"):
            break
        name = find_label_field(line)
        is_head = _TABLE_DELIMITER.match("".join(lines[number + 1 : number + 2])) is not None
        if name is None:
            found += [line] if is_head or _TABLE_DELIMITER.match(line) else []
            continue
        match = _LABELLED_LINE.match(line)
        assert match is not None
        if name == "date" and not _DATE_OR_BLANK.search(match["rest"]):
            continue
        found.append(match["lead"].rstrip() + ("  |" if match["sign"] == "|" else ""))
    return tuple(found) if any(map(find_label_field, found)) else ()


def write_label_like(line: str, label: str, value: str) -> str:
    """Return a line with another label and a value, written as a line with a label is."""
    match = _LABELLED_LINE.match(line)
    if match is None or find_label_field(line) is None:
        return f"{label}: {value}"
    lead = f"{match['before']}{label}{match['lead'][match.end('label') :]}".rstrip()
    return f"{lead} {value}{' |' if match['sign'] == '|' else ''}"


MAX_LABEL_LINES = 40
_DATE_OR_BLANK = re.compile(r"\d|^[\s|]*$")
_TABLE_DELIMITER = re.compile(r"\s*\|(?:\s*:?-+:?\s*\|)+\s*$")


def _fill_labelled_sections(lines: Sequence[str], facts: IncidentFacts, rst: bool) -> list[str]:
    """Fill in empty sections whose heading is a label."""
    all_headings = [*find_headings(lines, rst), DocumentHeading("", 0, len(lines), len(lines))]
    result = list(lines)
    for current, following in reversed(list(pairwise(all_headings))):
        name = _find_field_of_label(current.text) or ""
        value = _format_fact(facts.get(name, ""))
        body = " ".join(lines[current.end : following.start]).strip()
        if value and name != "title" and _is_blank_value(body, name):
            result[current.end : following.start] = ["", value, ""]
    return result


def _format_fact(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ", ".join(value)
