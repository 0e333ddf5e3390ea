"""What is known of an incident × how documents are made → the text of a new one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.resources import files

from pytest_postmortem.authoring.filling import filled, has_placeholders, rendered
from pytest_postmortem.authoring.front import Facts
from pytest_postmortem.authoring.phrasing import phrased
from pytest_postmortem.authoring.siblings import Collection
from pytest_postmortem.authoring.titles import in_file_name
from pytest_postmortem.registry.names import id_prefix

__all__ = ["Incident", "draft"]

LABELS = {"date": "Date", "severity": "Severity", "owner": "Owner", "service": "Service"}
"""What stands in the text of a document that has no front matter."""


@dataclass(frozen=True, slots=True)
class Incident:
    """What is known of an incident when its post-mortem is begun.

    ``test`` is the node id of its regression test, ``own_id`` says that the id has to be written
    into the document, since its name does not tell it.
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

    def facts(self, title: str) -> Facts:
        """Return the fields with their values; ``title`` is how the title is phrased."""
        return {
            "title": title,
            "date": self.day.isoformat(),
            "severity": self.severity,
            "class": self.problem_class,
            "owner": self.owner,
            "service": self.service,
        }


def draft(incident: Incident, like: Collection, template: tuple[str, str] | None = None) -> str:
    """Return the text of a document; ``template`` is the team's own, with the path as shown.

    Raises: SettingsError where the template can't be rendered.
    """
    facts = incident.facts(_phrased(like.title, incident))
    text = _own(incident, like, facts, template) if template else _document(incident, like, facts)
    return text.replace("\n", like.newline)


def _phrased(phrase: str, incident: Incident) -> str:
    title, id = (in_file_name(each, "-", lower=True) for each in (incident.title, incident.id))
    if title in id and id_prefix(incident.id) is None:
        phrase = "{title}"  # the id, a whole name, says it already
    return phrased(phrase, incident.title, incident.id, incident.day)


def _document(incident: Incident, like: Collection, facts: Facts) -> str:
    """Return a document from the template that comes along."""
    if like.kind == "data":
        return _front(incident, like, facts, fences=False)
    suffix = "rst" if like.kind == "rst" else "md"
    name = f"postmortem.{suffix}"
    text = (files("pytest_postmortem") / "authoring" / "templates" / name).read_text("utf-8")
    return _front(incident, like, facts) + rendered(text, _values(incident, like), name)


def _own(incident: Incident, like: Collection, facts: Facts, template: tuple[str, str]) -> str:
    """Return a document from a template of the team."""
    text, path = template
    values = _values(incident, like)
    if has_placeholders(text):
        text = rendered(text, values, path)
    else:
        known = {"id": incident.id, **facts}
        heading = str(values["heading"]) or incident.title
        rst, data = like.kind == "rst", like.kind == "data"
        text = filled(text, known, heading, rst=rst, data=data)
    if like.kind == "data" or text.startswith(("---", "+++", ":")):
        return text
    return _front(incident, like, facts) + text


def _front(incident: Incident, like: Collection, facts: Facts, fences: bool = True) -> str:
    """Return front matter as other documents have it."""
    needed = ["id"] if incident.own_id else []
    known = {**facts, "id": incident.id if _names_id(incident, like) else ""}
    if like.manner.kind != "date":
        needed.append("date")
    text = like.front.render(known, needed)
    fence = {"yaml": "---\n", "toml": "+++\n"}.get(like.front.style, "") if fences else ""
    return f"{fence}{text}{fence}\n" if text and fences else text


def _names_id(incident: Incident, like: Collection) -> bool:
    return incident.own_id or any(key.field == "id" for key in like.front.keys)


def _values(incident: Incident, like: Collection) -> dict[str, object]:
    """Return what a template may name."""
    titled = any(key.field == "title" for key in like.front.keys)
    phrase = "{title}" if like.heading is None and not titled else like.heading
    if like.in_heading and "{id}" not in (phrase or ""):
        phrase = "{id}: {title}"
    heading = "" if phrase is None else _phrased(phrase, incident)
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
        "lines": list(_lines(incident)) if like.front.style == "none" else [],
    }


def _lines(incident: Incident) -> Iterator[tuple[str, str]]:
    """Yield the lines that stand for front matter in a document without any."""
    for name, value in incident.facts("").items():
        text = value if isinstance(value, str) else ", ".join(value)
        if text and name in LABELS:
            yield LABELS[name], text
