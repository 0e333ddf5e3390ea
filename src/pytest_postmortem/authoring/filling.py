"""A team's own template → a document, with what is known of the incident where it belongs.

A template with placeholders of Jinja2 is rendered. Of any other, the heading, the values of front
matter and what stands behind labels such as ``Date:`` are filled in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

from pytest_postmortem.authoring.front import Facts, place_of
from pytest_postmortem.authoring.scalars import quote_of, toml_value, yaml_value
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.registry.markup import SECTIONS, Heading, headings

__all__ = ["filled", "has_placeholders", "rendered"]

PLACEHOLDERS = ("id", "title", "heading", "date", "severity", "class", "owner", "service", "test")
"""What a template may have between two braces."""

_OURS = re.compile(rf"\{{\{{-?\s*(?:{'|'.join(PLACEHOLDERS)})\s*(?:\||-?\}}\}})")
_PAIR = re.compile(r"(?P<key>[\w][\w -]*?)(?P<sign>\s*[:=])(?P<value>(?:[ \t].*)?)$")
_BLANK = re.compile(
    r"[\W_]*|_[^_]+_|\*[^*]+\*|sev[-_ ]?[?xn#]|(?!.*\]\()[<\[({].*[>\])}]"
    r"|(?=.*(?:yy|mm|dd|xx))[ymdhx0-9\s:./-]+|tbd|todo|date|x+",
    re.IGNORECASE,
)
_LABELS: Mapping[str, str] = {
    "id": r"(?:incident|post-?mortem)[ -](?:id|number|no\.?)|id|reference",
    "title": r"(?:incident )?title|incident name",
    "date": r"(?:incident )?dates?(?:\(s\))?(?: of (?:the )?incident)?",
    "severity": r"(?:incident )?severity(?: level)?|priority",
    "class": r"class(?: of problem)?|category",
    "owner": r"(?:incident |owning )?(?:owner|team)",
    "service": r"(?:affected )?services?(?:\(s\))?",
}


def has_placeholders(text: str) -> bool:
    """Say whether a template has a placeholder that is known here."""
    return _OURS.search(text) is not None


def rendered(text: str, values: Mapping[str, object], path: str) -> str:
    """Return a template of Jinja2 with its placeholders filled; nothing is escaped.

    Raises: SettingsError where it can't be rendered.
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
        remedy = f"mend it; the placeholders are {', '.join(PLACEHOLDERS)}"
        problem = Problem("bad-template", "Couldn't use template", str(error), remedy, path, line)
        raise SettingsError([problem]) from None


def filled(text: str, facts: Facts, heading: str, *, rst: bool = False, data: bool = False) -> str:
    """Return a template with all that can be told: what is unknown stays as it is.

    ``data`` says that it is nothing but front matter.
    """
    lines = text.split("\n")
    end, fence = len(lines) if data else _front(lines), lines[0].rstrip()
    front = [
        line
        if below[:1] in (" ", "\t", "-") and below[:3] != "---"
        else _in_front(line, facts, fence)
        for line, below in zip(lines[:end], [*lines[1:], ""], strict=False)
    ]
    if data:
        return "\n".join(front)
    body = _with_heading(lines[end:], heading, rst)
    body = _with_sections([_labelled(line, facts) for line in body], facts, rst)
    return "\n".join([*front, *body])


def _front(lines: Sequence[str]) -> int:
    """Return how many lines are front matter."""
    fence = lines[0].rstrip()
    if fence not in ("---", "+++"):
        return 0
    ends = (n for n in range(1, len(lines)) if lines[n].rstrip() == fence)
    return next(ends, -1) + 1


def _in_front(line: str, facts: Facts, fence: str) -> str:
    found = _PAIR.match(line)
    place = place_of(found["key"]) if found else None
    value = facts.get(place or "", "")
    if found is None or not value:
        return line
    quote = quote_of(found["value"])
    if fence == "+++":
        written = toml_value(value, bare_dates=not quote)
    else:
        written = yaml_value(value, quote)
    return f"{found['key']}{found['sign']} {written}{_comment(found['value'])}"


def _comment(value: str) -> str:
    """Return the comment behind a value, with the blanks before it."""
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


def _with_heading(lines: Sequence[str], heading: str, rst: bool) -> list[str]:
    """Set the first heading that is the document's own; what names a template goes."""
    tops = [each for each in headings(lines, rst) if each.level == 1 and not _is_section(each)]
    if not tops:
        return [*_heading(heading, rst), "", *lines]
    named = [each for each in tops if "template" not in each.text.casefold()]
    own = named[0] if named else tops[0]
    above = [each for each in tops if each.start < own.start]
    dropped = {n for each in above for n in range(each.start, _blanks(lines, each.end))}
    head = [line for n, line in enumerate(lines[: own.start]) if n not in dropped]
    marked = lines[own.start].lstrip().startswith("#") and not rst
    new = [f"# {heading}"] if marked else _underlined(heading, lines[own.end - 1][:1])
    return [*head, *new, *lines[own.end :]]


def _is_section(heading: Heading) -> bool:
    return SECTIONS.fullmatch(heading.text.casefold().rstrip(": ")) is not None


def _blanks(lines: Sequence[str], start: int) -> int:
    while start < len(lines) and not lines[start].strip():
        start += 1
    return start


def _heading(text: str, rst: bool) -> list[str]:
    return _underlined(text, "=") if rst else [f"# {text}"]


def _underlined(text: str, char: str) -> list[str]:
    return [text, char * max(len(text), 3)]


def _labelled(line: str, facts: Facts) -> str:
    """Fill in what stands behind a label, in a line, a list or the row of a table."""
    for name, pattern in _LABELS.items():
        value = _shown(facts.get(name, ""))
        label = rf"[\s>|*+_-]*(?:{pattern})[\s*_]*(?P<sign>[:|])[*_]*"
        found = re.match(rf"(?P<lead>{label})(?P<rest>.*)$", line, re.IGNORECASE) if value else None
        if found is None:
            continue
        cell, bar, tail = found["rest"], "", ""
        if found["sign"] == "|":
            cell, bar, tail = found["rest"].partition("|")
            if not bar:
                continue  # the label is all that there is
        if _BLANK.fullmatch(cell.strip()):
            return f"{found['lead']} {value}{' ' * bool(bar)}{bar}{tail}"
    return line


def _with_sections(lines: Sequence[str], facts: Facts, rst: bool) -> list[str]:
    """Fill in what stands under a heading that is a label, where nothing does."""
    found = [*headings(lines, rst), Heading("", 0, len(lines), len(lines))]
    result = list(lines)
    for own, following in reversed(list(pairwise(found))):
        name = next((name for name in _LABELS if _is_label(own.text, name)), "")
        value = _shown(facts.get(name, ""))
        body = " ".join(lines[own.end : following.start]).strip()
        if value and name != "title" and _BLANK.fullmatch(body):
            result[own.end : following.start] = ["", value, ""]
    return result


def _is_label(text: str, name: str) -> bool:
    return re.fullmatch(rf"(?:{_LABELS[name]})\s*:?", text, re.IGNORECASE) is not None


def _shown(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ", ".join(value)
