"""Read the action items with a written status from documents, for reports that show them.

Only the part with the action items is parsed: a report has no time to read every document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_postmortem.documents import head as document_head
from pytest_postmortem.documents.action_items import find_document_items
from pytest_postmortem.documents.reader import MAX_PARSED_SIZE, find_document_file
from pytest_postmortem.documents.sections import parse_markdown_sections
from pytest_postmortem.documents.vocabulary import (
    DocumentPart,
    classify_heading,
    classify_heading_within,
)
from pytest_postmortem.errors import RegistryError
from pytest_postmortem.model import ActionItem, Postmortem, Registry
from pytest_postmortem.registry.entry import READ_DOCUMENT
from pytest_postmortem.registry.file import read_limited_text
from pytest_postmortem.registry.filenames import parse_document_name

_STATUS_WORDS = re.compile(
    r"\[[ xX]\]|status|state|progress|done|complete|~~|[✅✔☑]", re.IGNORECASE
)
"""A document without any of these words has no action item with a status."""


def add_stated_items(registry: Registry, root: Path) -> Registry:
    """Return a registry with the action items of its documents that have a written status.

    A post-mortem with an ``action_items`` field keeps that. Owners are left out: in a field an
    owner is a team, in a document often a person.
    """
    return replace(
        registry,
        postmortems=tuple(_add_items_of_document(postmortem, root) for postmortem in registry),
    )


def _add_items_of_document(postmortem: Postmortem, root: Path) -> Postmortem:
    file = None if postmortem.action_items else find_document_file(postmortem, root)
    stated = read_stated_items(*file) if file else ()
    return replace(postmortem, action_items=stated) if stated else postmortem


def read_stated_items(file: Path, shown: str) -> tuple[ActionItem, ...]:
    """Return the action items of a document that have a written status."""
    name = parse_document_name(file.name)
    if name is None or name.kind == "data":
        return ()
    try:
        text = read_limited_text(str(file), shown, READ_DOCUMENT, MAX_PARSED_SIZE)
    except RegistryError:
        return ()
    if not _STATUS_WORDS.search(text):
        return ()
    written_items = find_document_items(
        _find_action_parts(text.split("\n"), rst=name.kind == "rst")
    )
    return tuple(replace(item.action, owner=None) for item in written_items if item.stated)


def _find_action_parts(lines: Sequence[str], *, rst: bool) -> Iterator[DocumentPart]:
    """Yield the parts with action items, each up to the next heading of its level."""
    headings = list(document_head.find_headings(lines, rst))
    end = 0
    for position, heading in enumerate(headings):
        if heading.start < end or classify_heading(heading.text) != "actions":
            continue
        later_starts = (
            later.start for later in headings[position + 1 :] if later.level <= heading.level
        )
        end = next(later_starts, len(lines))
        if _STATUS_WORDS.search("\n".join(lines[heading.start : end])):
            yield from _split_action_groups(heading, lines[heading.end : end])


def _split_action_groups(
    heading: document_head.DocumentHeading, lines: Sequence[str]
) -> Iterator[DocumentPart]:
    for section in parse_markdown_sections("\n".join(lines), heading.end):
        kind = classify_heading_within(section.heading, "actions") if section.heading else "actions"
        yield DocumentPart(
            kind, section.heading or heading.text, section.line, tuple(section.passages)
        )
