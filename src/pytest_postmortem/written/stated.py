"""The action items of documents that say how far each is, for reports that show them.

Only the part with the action items is parsed: a report has no time to read every document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_postmortem.errors import RegistryError
from pytest_postmortem.model import ActionItem, Postmortem, Registry
from pytest_postmortem.registry import markup
from pytest_postmortem.registry.files import read_text
from pytest_postmortem.registry.names import name_of
from pytest_postmortem.registry.reading import READ_DOCUMENT
from pytest_postmortem.written.items import items
from pytest_postmortem.written.kinds import kind_of
from pytest_postmortem.written.parts import Part, kind_within
from pytest_postmortem.written.passages import sections
from pytest_postmortem.written.reading import MAX_SIZE, file_of

__all__ = ["stated_items", "with_items"]

_STATED = re.compile(r"\[[ xX]\]|status|state|progress|done|complete|~~|[✅✔☑]", re.IGNORECASE)
"""Without any of these no document says how far an action item is."""


def with_items(known: Registry, root: Path) -> Registry:
    """Return a registry whose post-mortems have the action items that their documents state.

    Those that have a field for them keep it. Who does it is left out: in a field an owner is a
    team, and in a document often a person.
    """
    return replace(known, postmortems=tuple(_with_items(each, root) for each in known))


def _with_items(postmortem: Postmortem, root: Path) -> Postmortem:
    file = None if postmortem.action_items else file_of(postmortem, root)
    found = stated_items(*file) if file else ()
    return replace(postmortem, action_items=found) if found else postmortem


def stated_items(file: Path, shown: str) -> tuple[ActionItem, ...]:
    """Return the action items of a document of which it says how far they are."""
    name = name_of(file.name)
    if name is None or name.kind == "data":
        return ()
    try:
        text = read_text(str(file), shown, READ_DOCUMENT, MAX_SIZE)
    except RegistryError:
        return ()
    if not _STATED.search(text):
        return ()
    found = items(_parts(text.split("\n"), rst=name.kind == "rst"))
    return tuple(replace(item.action, owner=None) for item in found if item.stated)


def _parts(lines: Sequence[str], *, rst: bool) -> Iterator[Part]:
    """Yield the parts with action items, each up to the next heading of its level."""
    headings = list(markup.headings(lines, rst))
    end = 0
    for position, heading in enumerate(headings):
        if heading.start < end or kind_of(heading.text) != "actions":
            continue
        others = (each.start for each in headings[position + 1 :] if each.level <= heading.level)
        end = next(others, len(lines))
        if _STATED.search("\n".join(lines[heading.start : end])):
            yield from _groups(heading, lines[heading.end : end])


def _groups(heading: markup.Heading, lines: Sequence[str]) -> Iterator[Part]:
    for section in sections("\n".join(lines), heading.end):
        kind = kind_within(section.heading, "actions") if section.heading else "actions"
        yield Part(kind, section.heading or heading.text, section.line, tuple(section.passages))
