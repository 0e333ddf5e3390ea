"""Render a new post-mortem from an incident: by the team's template, or by the package's.

A template with placeholders is rendered with Jinja2. In any other, the heading, the values of front
matter and the text after labels such as ``Date:`` are filled in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

from pytest_postmortem.documents.head import SECTION_TITLES, find_headings
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.registry.filenames import find_id_prefix
from pytest_postmortem.scaffold.front_matter import (
    FrontMatterStyle,
    IncidentFacts,
    fill_front_matter,
)
from pytest_postmortem.scaffold.label_lines import (
    fill_label_lines,
    fill_labelled_line,
    fill_labelled_sections,
)
from pytest_postmortem.scaffold.naming import format_file_name
from pytest_postmortem.scaffold.sibling_documents import DocumentCollection

PLACEHOLDERS = ("id", "title", "heading", "date", "severity", "class", "owner", "service", "test")
"""The names of placeholders."""

_OWN_PLACEHOLDER = re.compile(rf"\{{\{{-?\s*(?:{'|'.join(PLACEHOLDERS)})\s*(?:\||-?\}}\}})")

BLOCK_STARTS = ("|", ">", "- ", "* ", "+ ", " ", "#")
"""How a line begins that is not joined with the next one."""


@dataclass(frozen=True, slots=True)
class IncidentDetails:
    """The details of an incident for a new post-mortem.

    ``test`` is the node id of its regression test. ``own_id`` means that the id must be written
    into the document, since its file name does not contain it. ``uuid`` is a fresh one, for a
    document that has one.
    """

    id: str
    title: str
    day: date
    severity: str = ""
    problem_class: str = ""
    owner: str = ""
    service: tuple[str, ...] = ()
    test: str = ""
    own_id: bool = False
    uuid: str = ""

    def facts(self, title: str) -> IncidentFacts:
        """Return the fields with their values; ``title`` is the title as it is phrased there."""
        return {
            "title": title,
            "date": self.day.isoformat(),
            "severity": self.severity,
            "class": self.problem_class,
            "owner": self.owner,
            "service": self.service,
        }

    def render_title(self, phrase: str) -> str:
        """Return the title in a phrase such as ``{id}: {title}``."""
        title, id = (format_file_name(text, "-", lower=True) for text in (self.title, self.id))
        if "{id}" in phrase and title in id and find_id_prefix(self.id) is None:
            phrase = "{title}"  # the id contains the whole title
        parts = {"{title}": self.title, "{id}": self.id, "{date}": self.day.isoformat()}
        return re.sub(r"\{(?:title|id|date)\}", lambda name: parts[name[0]], phrase)


@dataclass(frozen=True, slots=True)
class TeamTemplate:
    """The text of a team's own template, and its path for messages."""

    text: str
    path: str


def read_template(path: Path, shown: str) -> TeamTemplate:
    """Return a template.

    Raises:
        SettingsError: It can't be read.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        return TeamTemplate(text, shown)
    except UnicodeDecodeError:
        cause, remedy = "it is not UTF-8", "save it as UTF-8"
    except OSError as error:
        cause, remedy = (error.strerror or str(error)).lower(), "correct the path"
    raise SettingsError([Problem("bad-template", "Couldn't use template", cause, remedy, shown)])


def render_document(
    incident: IncidentDetails, like: DocumentCollection, template: TeamTemplate | None = None
) -> str:
    """Return the text of a document, in the style of others.

    Raises:
        SettingsError: The template can't be rendered.
    """
    facts = incident.facts(incident.render_title(like.title))
    values = _build_template_values(incident, like)
    if template is None and like.kind == "data":
        text = ""
    elif template is None:
        name = "postmortem.rst" if like.kind == "rst" else "postmortem.md"
        path = files("pytest_postmortem") / "scaffold" / "templates" / name
        text = _render_jinja_template(path.read_text("utf-8"), values, name)
    elif _OWN_PLACEHOLDER.search(template.text):
        text = _render_jinja_template(template.text, values, template.path)
    else:
        heading = str(values["heading"]) or incident.title
        text = _fill_plain_template(template.text, {"id": incident.id, **facts}, heading, like)
    has_own_front = template and (like.kind == "data" or text.startswith(("---", "+++", ":")))
    front = "" if has_own_front else _render_front_matter(incident, like, facts)
    return f"{front}{text}".replace("\n", like.newline)


def _render_front_matter(
    incident: IncidentDetails, like: DocumentCollection, facts: IncidentFacts
) -> str:
    """Return front matter in the layout of the other documents, with its fences."""
    is_dated = like.naming_pattern.has_whole_date
    needed = ["id"] * incident.own_id + ["date"] * (not is_dated)
    has_id = incident.own_id or "id" in like.front.fields
    values = {**facts, "id": incident.id if has_id else ""}
    text = like.front.imitate(values, needed, incident.uuid)
    fence = {"yaml": "---\n", "toml": "+++\n"}.get(like.front.style, "")
    return text if like.kind == "data" or not text else f"{fence}{text}{fence}\n"


def _build_template_values(
    incident: IncidentDetails, like: DocumentCollection
) -> dict[str, object]:
    """Return the values of the template's placeholders."""
    is_titled = "title" in like.front.fields
    phrase = "{title}" if like.heading is None and not is_titled else like.heading
    if like.in_heading and "{id}" not in (phrase or ""):
        phrase = "{id}: {title}"
    heading = "" if phrase is None else incident.render_title(phrase)
    return {
        "id": incident.id,
        "title": incident.title,
        "heading": heading,
        "width": max(len(heading), 3),
        "date": incident.day.isoformat(),
        "severity": incident.severity,
        "class": incident.problem_class,
        "owner": incident.owner,
        "service": ", ".join(incident.service),
        "test": incident.test,
        "lines": _list_labelled_lines(incident, like) if like.front.style == "none" else [],
    }


def _list_labelled_lines(incident: IncidentDetails, like: DocumentCollection) -> list[str]:
    """Return the lines with labels that a document without front matter has below its heading."""
    default = "| Date:" if like.kind == "rst" else "Date:"
    lines = fill_label_lines(like.label_lines, incident.facts(""), default)
    is_joined = [line and not line.startswith(BLOCK_STARTS) for line in lines[:-1]]
    return [
        f"{line}  " if joined else line
        for line, joined in zip(lines, [*is_joined, False], strict=True)
    ]


def _render_jinja_template(text: str, values: Mapping[str, object], path: str) -> str:
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


def _fill_plain_template(
    text: str, facts: IncidentFacts, heading: str, like: DocumentCollection
) -> str:
    """Return a template with the known values filled in; the rest is unchanged."""
    lines, rst = text.split("\n"), like.kind == "rst"
    if like.kind == "data":
        return "\n".join(fill_front_matter(lines, "yaml", facts))
    end = _count_front_matter_lines(lines)
    style: FrontMatterStyle = "toml" if lines[0].rstrip() == "+++" else "yaml"
    front = fill_front_matter(lines[:end], style, facts) if end else []
    body = _replace_heading(lines[end:], heading, rst)
    body = [fill_labelled_line(line, facts) for line in body]
    return "\n".join([*front, *fill_labelled_sections(body, facts, rst)])


def _count_front_matter_lines(lines: Sequence[str]) -> int:
    """Return the number of lines of front matter, with its fences."""
    fence = lines[0].rstrip()
    if fence not in ("---", "+++"):
        return 0
    ends = (n for n in range(1, len(lines)) if lines[n].rstrip() == fence)
    return next(ends, -1) + 1


def _replace_heading(lines: Sequence[str], heading: str, rst: bool) -> list[str]:
    """Replace the document's first heading; remove a heading that names the template."""
    tops = [
        candidate
        for candidate in find_headings(lines, rst)
        if candidate.level == 1
        and not SECTION_TITLES.fullmatch(candidate.text.casefold().rstrip(": "))
    ]
    if not tops:
        return [*(_underline(heading, "=") if rst else [f"# {heading}"]), "", *lines]
    named = [candidate for candidate in tops if "template" not in candidate.text.casefold()]
    title = named[0] if named else tops[0]
    head = list(lines[: title.start])
    for other in reversed(tops):
        if other.start < title.start:
            del head[other.start : _skip_blank_lines(head, other.end)]
    if lines[title.start].lstrip().startswith("#") and not rst:
        return [*head, f"# {heading}", *lines[title.end :]]
    return [*head, *_underline(heading, lines[title.end - 1][:1]), *lines[title.end :]]


def _skip_blank_lines(lines: Sequence[str], start: int) -> int:
    while start < len(lines) and not lines[start].strip():
        start += 1
    return start


def _underline(heading: str, sign: str) -> list[str]:
    return [heading, sign * max(len(heading), 3)]
