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
_LABEL_PATTERNS: Mapping[str, str] = {
    "id": r"(?:incident|post-?mortem)[ -](?:id|number|no\.?)|id|reference",
    "title": r"(?:incident )?title|incident name",
    "date": r"(?:incident )?dates?(?:\(s\))?(?: of (?:the )?incident)?",
    "severity": r"(?:incident )?severity(?: level)?|priority",
    "class": r"class(?: of problem)?|category",
    "owner": r"(?:incident |owning )?(?:owner|team)",
    "service": r"(?:affected )?services?(?:\(s\))?",
}


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
    body = _fill_labelled_sections([_fill_labelled_line(line, facts) for line in body], facts, rst)
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


def _fill_labelled_line(line: str, facts: IncidentFacts) -> str:
    """Fill in the value after a label, in a line, a list or a table row."""
    for name, pattern in _LABEL_PATTERNS.items():
        value = _format_fact(facts.get(name, ""))
        label = rf"[\s>|*+_-]*(?:{pattern})[\s*_]*(?P<sign>[:|])[*_]*"
        match = re.match(rf"(?P<lead>{label})(?P<rest>.*)$", line, re.IGNORECASE) if value else None
        if match is None:
            continue
        cell, bar, tail = match["rest"], "", ""
        if match["sign"] == "|":
            cell, bar, tail = match["rest"].partition("|")
            if not bar:
                continue  # the line is only the label
        if _BLANK_VALUE.fullmatch(cell.strip()):
            return f"{match['lead']} {value}{' ' * bool(bar)}{bar}{tail}"
    return line


def _fill_labelled_sections(lines: Sequence[str], facts: IncidentFacts, rst: bool) -> list[str]:
    """Fill in empty sections whose heading is a label."""
    all_headings = [*find_headings(lines, rst), DocumentHeading("", 0, len(lines), len(lines))]
    result = list(lines)
    for current, following in reversed(list(pairwise(all_headings))):
        name = next((name for name in _LABEL_PATTERNS if _is_label_heading(current.text, name)), "")
        value = _format_fact(facts.get(name, ""))
        body = " ".join(lines[current.end : following.start]).strip()
        if value and name != "title" and _BLANK_VALUE.fullmatch(body):
            result[current.end : following.start] = ["", value, ""]
    return result


def _is_label_heading(text: str, name: str) -> bool:
    return re.fullmatch(rf"(?:{_LABEL_PATTERNS[name]})\s*:?", text, re.IGNORECASE) is not None


def _format_fact(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ", ".join(value)
