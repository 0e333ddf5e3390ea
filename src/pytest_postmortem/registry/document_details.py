"""Read what reports show of the text of documents: cause, five whys, class and action items.

Loading a registry reads the head of each document; this reads the whole of those that are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_postmortem.documents.action_items import find_document_items
from pytest_postmortem.documents.causes import (
    find_document_cause,
    find_document_class,
    find_document_whys,
)
from pytest_postmortem.documents.heading_kinds import PartKind
from pytest_postmortem.documents.parts import split_into_parts
from pytest_postmortem.documents.sections import DocumentSection
from pytest_postmortem.model import ActionItem, ExtraWords, Postmortem, Registry
from pytest_postmortem.registry.postmortem_text import (
    find_document_files,
    read_document_sections,
    select_entry_sections,
)
from pytest_postmortem.text import clean_text

SKIPPED_KINDS: tuple[PartKind, ...] = ("timeline", "good")
"""The kinds of sections that have no details, and are often the longest."""


@dataclass(frozen=True, slots=True)
class DocumentDetails:
    """What the text of a document says beyond its head; items are those with a written status."""

    root_cause: str | None = None
    whys: tuple[str, ...] = ()
    problem_class: str | None = None
    action_items: tuple[ActionItem, ...] = ()


def add_registry_details(registry: Registry, root: Path, extra: ExtraWords = ()) -> Registry:
    """Return a registry in which each post-mortem has the details of its document."""
    return replace(registry, postmortems=add_document_details(registry, root, extra))


def add_document_details(
    postmortems: Iterable[Postmortem], root: Path, extra: ExtraWords = ()
) -> tuple[Postmortem, ...]:
    """Return post-mortems with cause, whys, class and action items of their documents.

    A field of the registry or of the front matter counts more than the text. Each document is
    parsed but for its timeline, which takes a millisecond for each kilobyte or so.
    """
    reader = _DetailReader(root, extra)
    return tuple(map(reader.add_details, postmortems))


class _DetailReader:
    """Reads documents, each file once."""

    def __init__(self, root: Path, extra: ExtraWords) -> None:
        self._root = root
        self._extra = extra
        self._sections: dict[Path, list[DocumentSection] | None] = {}

    def add_details(self, postmortem: Postmortem) -> Postmortem:
        is_complete = postmortem.root_cause and postmortem.whys and postmortem.problem_class
        if is_complete and postmortem.action_items:
            return postmortem
        sections = self._read_sections(postmortem)
        if not sections:
            return postmortem
        details = find_document_details(sections, self._extra)
        return replace(
            postmortem,
            root_cause=postmortem.root_cause or details.root_cause,
            whys=postmortem.whys or details.whys,
            problem_class=postmortem.problem_class or details.problem_class,
            action_items=postmortem.action_items or details.action_items,
        )

    def _read_sections(self, postmortem: Postmortem) -> Sequence[DocumentSection]:
        for file, shown in find_document_files(postmortem, self._root):
            if file not in self._sections:
                self._sections[file] = read_document_sections(
                    file, shown, SKIPPED_KINDS, self._extra
                )
            sections = self._sections[file]
            if sections is not None:
                return select_entry_sections(sections, postmortem.line)
        return ()


def find_document_details(
    sections: Sequence[DocumentSection], extra: ExtraWords = ()
) -> DocumentDetails:
    """Return what sections of a document say beyond its head.

    Owners of action items are left out: in a field an owner is a team, in a document often a
    person.
    """
    parts = split_into_parts(sections, extra)
    cause, problem_class = find_document_cause(parts, extra), find_document_class(parts, extra)
    items = (item for item in find_document_items(parts) if item.stated)
    return DocumentDetails(
        clean_text(cause) or None if cause else None,
        tuple(map(clean_text, find_document_whys(parts))),
        clean_text(problem_class) or None if problem_class else None,
        tuple(replace(item.action, owner=None) for item in items),
    )
