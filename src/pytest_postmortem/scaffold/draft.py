"""Render the text of a new post-mortem from an incident and a template."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from importlib.resources import files

from pytest_postmortem.registry.filenames import find_id_prefix
from pytest_postmortem.scaffold.front_matter import IncidentFacts
from pytest_postmortem.scaffold.sibling_documents import DocumentCollection
from pytest_postmortem.scaffold.slugs import format_file_name
from pytest_postmortem.scaffold.template import (
    fill_labelled_line,
    fill_plain_template,
    find_label_field,
    has_placeholders,
    render_jinja_template,
    write_label_like,
)
from pytest_postmortem.scaffold.title_style import render_title_phrase

FIELD_LABELS = {"date": "Date", "severity": "Severity", "owner": "Owner", "service": "Service"}
"""Labels of the fields that a document without front matter shows in its text."""

BLOCK_STARTS = ("|", ">", "- ", "* ", "+ ", " ")
"""How a line begins that is not joined with the next one."""

DEFAULT_LABEL_LINES = "Date:", "| Date:"
"""The model of such a line in Markdown, and in reStructuredText."""


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


def render_document(
    incident: IncidentDetails, like: DocumentCollection, template: tuple[str, str] | None = None
) -> str:
    """Return the text of a document; ``template`` is the team's own, with its path for messages.

    Raises:
        SettingsError: The template can't be rendered.
    """
    facts = incident.facts(_render_incident_title(like.title, incident))
    text = (
        _render_team_template(incident, like, facts, template)
        if template
        else _render_default_template(incident, like, facts)
    )
    return text.replace("\n", like.newline)


def _render_incident_title(phrase: str, incident: IncidentDetails) -> str:
    title, id = (format_file_name(text, "-", lower=True) for text in (incident.title, incident.id))
    if "{id}" in phrase and title in id and find_id_prefix(incident.id) is None:
        phrase = "{title}"  # the id contains the whole title
    return render_title_phrase(phrase, incident.title, incident.id, incident.day)


def _render_default_template(
    incident: IncidentDetails, like: DocumentCollection, facts: IncidentFacts
) -> str:
    """Return a document from the package's template."""
    if like.kind == "data":
        return _render_front_matter(incident, like, facts, fences=False)
    suffix = "rst" if like.kind == "rst" else "md"
    name = f"postmortem.{suffix}"
    text = (files("pytest_postmortem") / "scaffold" / "templates" / name).read_text("utf-8")
    return _render_front_matter(incident, like, facts) + render_jinja_template(
        text, _build_template_values(incident, like), name
    )


def _render_team_template(
    incident: IncidentDetails,
    like: DocumentCollection,
    facts: IncidentFacts,
    template: tuple[str, str],
) -> str:
    """Return a document from the team's template."""
    text, path = template
    values = _build_template_values(incident, like)
    if has_placeholders(text):
        text = render_jinja_template(text, values, path)
    else:
        facts_with_id = {"id": incident.id, **facts}
        heading = str(values["heading"]) or incident.title
        rst, data = like.kind == "rst", like.kind == "data"
        text = fill_plain_template(text, facts_with_id, heading, rst=rst, data=data)
    if like.kind == "data" or text.startswith(("---", "+++", ":")):
        return text
    return _render_front_matter(incident, like, facts) + text


def _render_front_matter(
    incident: IncidentDetails, like: DocumentCollection, facts: IncidentFacts, fences: bool = True
) -> str:
    """Return front matter in the layout of the other documents."""
    needed = ["id"] if incident.own_id else []
    values = {**facts, "id": incident.id if _is_id_in_front_matter(incident, like) else ""}
    if not like.naming_pattern.has_whole_date:
        needed.append("date")
    text = like.front.render(values, needed, incident.uuid)
    fence = {"yaml": "---\n", "toml": "+++\n"}.get(like.front.style, "") if fences else ""
    return f"{fence}{text}{fence}\n" if text and fences else text


def _is_id_in_front_matter(incident: IncidentDetails, like: DocumentCollection) -> bool:
    return incident.own_id or any(key.field == "id" for key in like.front.keys)


def _build_template_values(
    incident: IncidentDetails, like: DocumentCollection
) -> dict[str, object]:
    """Return the values of the template's placeholders."""
    titled = any(key.field == "title" for key in like.front.keys)
    phrase = "{title}" if like.heading is None and not titled else like.heading
    if like.in_heading and "{id}" not in (phrase or ""):
        phrase = "{id}: {title}"
    heading = "" if phrase is None else _render_incident_title(phrase, incident)
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
    """Return the lines with labels that a document without front matter has below its heading.

    They are those of the newest document, and one for each further field with a value.
    """
    facts = incident.facts("")
    filled = [fill_labelled_line(line, facts) for line in like.label_lines]
    there = set(map(find_label_field, like.label_lines))
    further = {
        FIELD_LABELS[name]: value if isinstance(value, str) else ", ".join(value)
        for name, value in facts.items()
        if value and name in FIELD_LABELS and name not in there
    }
    labelled = [line for line in like.label_lines if find_label_field(line)]
    model = labelled[-1] if like.label_lines else DEFAULT_LABEL_LINES[like.kind == "rst"]
    lines = [*filled, *(write_label_like(model, label, text) for label, text in further.items())]
    is_paragraph = [bool(line) and not line.startswith((*BLOCK_STARTS, "#")) for line in lines]
    return [
        f"{line}  " if is_text and number < len(lines) else line
        for number, (line, is_text) in enumerate(zip(lines, is_paragraph, strict=True), start=1)
    ]
