"""Read the text of a post-mortem, from a document or from the fields of an entry.

Loading a registry reads the head of each document; this reads the whole of those that are shown
or checked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from pytest_postmortem.documents.action_items import find_document_items
from pytest_postmortem.documents.causes import (
    find_document_cause,
    find_document_class,
    find_document_whys,
)
from pytest_postmortem.documents.heading_kinds import PartKind, blank_sections
from pytest_postmortem.documents.markup import NumberedLines
from pytest_postmortem.documents.parts import DocumentPart, split_into_parts
from pytest_postmortem.documents.sections import (
    DocumentPassage,
    DocumentSection,
    find_ignored_codes,
    parse_markdown_sections,
    parse_numbered_sections,
    parse_rst_sections,
)
from pytest_postmortem.errors import RegistryError
from pytest_postmortem.model import ExtraWords, Postmortem, Registry
from pytest_postmortem.registry import fields, parsers
from pytest_postmortem.registry.advisories import read_advisory_prose
from pytest_postmortem.registry.document import is_single_document, read_document_lines
from pytest_postmortem.registry.document_files import (
    find_document_files,
    find_incident_lists,
    is_text_document,
)
from pytest_postmortem.registry.exports import find_export_items
from pytest_postmortem.registry.file_bytes import READ_DOCUMENT, read_limited_text
from pytest_postmortem.registry.filenames import DocumentName, parse_linked_name
from pytest_postmortem.registry.fix_references import is_written_reference
from pytest_postmortem.registry.located_data import LocatedList, LocatedTable, convert_to_tables
from pytest_postmortem.text import clean_text

_HEADING_MARK = re.compile("(#{1,6}) ")

MAX_PARSED_SIZE = 500_000
"""The size in bytes of the largest document that is read, which takes a few seconds."""

SKIPPED_KINDS: tuple[PartKind, ...] = ("timeline", "good")
"""The kinds of sections that have no details, and are often the longest."""


@dataclass(frozen=True, slots=True)
class PostmortemText:
    """The text of an incident: its parts, and the codes of the lint that it ignores.

    ``whole`` says that it is a document, in which a missing part is reported.
    """

    path: str
    parts: tuple[DocumentPart, ...]
    ignored: frozenset[str] = frozenset()
    whole: bool = True


def read_document(
    file: Path, shown: str, extra: ExtraWords = (), line: int | None = None
) -> PostmortemText | None:
    """Return the text of a document, or None if it lists incidents or can't be read.

    Loading the registry reports the reason. ``extra`` are headings that a team adds. With a
    ``line`` at which a heading is, it is the text below that heading alone.
    """
    whole = read_document_sections(file, shown)
    if whole is None:
        return None
    sections = select_entry_sections(whole, line)
    comments = [comment for section in sections for comment in section.comments]
    return PostmortemText(shown, split_into_parts(sections, extra), find_ignored_codes(comments))


def read_document_sections(
    file: Path, shown: str, skipped: Collection[PartKind] = (), extra: ExtraWords = ()
) -> list[DocumentSection] | None:
    """Return the sections of a document, or None if it lists incidents or can't be read.

    Sections of the ``skipped`` kinds are empty, and cost nothing.
    """
    name = parse_linked_name(shown)
    if name is None:
        return None
    try:
        text = read_limited_text(str(file), shown, READ_DOCUMENT, MAX_PARSED_SIZE)
        if name.kind == "data":
            return _parse_data_sections(text, shown)
        return list(_parse_text_sections(text, name, shown, skipped, extra))
    except RegistryError:
        return None


def select_entry_sections(
    sections: Sequence[DocumentSection], line: int | None
) -> Sequence[DocumentSection]:
    """Return the sections of an entry: from the heading on its line, else the whole document."""
    starts = (n for n, each in enumerate(sections) if is_text_heading(each) and each.line == line)
    start = next(starts, None)
    if line is None or start is None:
        return sections
    level = sections[start].level
    deeper = takewhile(lambda section: section.level > level, sections[start + 1 :])
    return [sections[start], *deeper]


def is_text_heading(section: DocumentSection) -> bool:
    """Return whether a section has a heading in the text, and is not a field."""
    return section.level > 0 and not section.is_field


def _parse_data_sections(text: str, shown: str) -> list[DocumentSection] | None:
    """Return the sections of YAML or JSON, or None if it is a list of incidents."""
    suffix = "." + shown.rpartition(".")[2].lower()
    tree = parsers.parse_data_text(text, suffix, failed=READ_DOCUMENT, path=shown)
    if not is_single_document(tree) or find_export_items(tree) is not None:
        return None
    return [DocumentSection(comments=text.split("\n")), *build_field_sections(tree)]


def _parse_text_sections(
    text: str,
    name: DocumentName,
    shown: str,
    skipped: Collection[PartKind],
    extra: ExtraWords,
) -> Iterator[DocumentSection]:
    """Yield the sections of the front matter, and of the text below it."""
    lines = text.split("\n")
    values, body = read_document_lines(text, shown, name.kind)
    above = len(lines) - len(body)
    if isinstance(body, NumberedLines):
        yield from build_field_sections(values)
        yield from parse_numbered_sections(body)
        return
    yield DocumentSection(comments=lines[:above])
    yield from build_field_sections(values)
    if name.kind == "rst":
        yield from parse_rst_sections(body)
    else:
        body = blank_sections(body, skipped, extra) if skipped else body
        yield from parse_markdown_sections("\n".join(body), above)


def build_text_of_fields(postmortem: Postmortem, extra: ExtraWords = ()) -> PostmortemText:
    """Return the text of the fields of an entry in a registry file."""
    table = {
        "root_cause": postmortem.root_cause,
        "whys": list(postmortem.whys) or None,
        "class": postmortem.problem_class,
        "status": postmortem.status,
        **{key: text for key, text in postmortem.extra.items() if fields.find_field(key) is None},
    }
    written = convert_to_tables({key: value for key, value in table.items() if value})
    written.lines = dict.fromkeys(written, postmortem.line or 1)
    sections = list(build_field_sections(written))
    return PostmortemText(postmortem.path or "", split_into_parts(sections, extra), whole=False)


TOP_KEY_LEVEL = 2
"""The level of a top key; a single heading of level 1 would be the title."""


def build_field_sections(tree: Any, level: int = TOP_KEY_LEVEL) -> Iterator[DocumentSection]:
    """Yield a section for each field of a mapping, with nested ones below it."""
    for key, value in tree.items() if isinstance(tree, LocatedTable) else ():
        line = tree.lines.get(key, tree.line or 1)
        name = fields.normalize_key(str(key)).replace("_", " ")
        section = DocumentSection(name, level, line, is_field=True)
        section.passages += _build_value_passages(value, line, 0)
        yield section
        yield from build_field_sections(value, level + 1)


def _build_value_passages(value: Any, line: int, depth: int) -> Iterator[DocumentPassage]:
    """Yield the paragraphs of a text, or the passages of each item of a list."""
    if isinstance(value, str):
        for text in value.split("\n\n"):
            if text.strip():
                clean = clean_text(text, lines=True)
                yield DocumentPassage(clean, line, clean, depth, depth, depth > 0)
    elif isinstance(value, LocatedList):
        for position, item in enumerate(value):
            item_line = value.line_of(position) or line
            if isinstance(item, LocatedTable):
                yield _build_table_row(item, item_line)
            else:
                yield from _build_value_passages(item, item_line, depth + 1)


def _build_table_row(table: LocatedTable, line: int) -> DocumentPassage:
    """Return a mapping within a list as the row of a table."""
    texts = {str(key): fields.parse_scalar(value) or "" for key, value in table.items()}
    cells = tuple((key.replace("_", " "), text) for key, text in texts.items())
    text = " | ".join(filter(None, texts.values()))
    return DocumentPassage(text, line, text, cells=cells)


def add_registry_details(registry: Registry, root: Path, extra: ExtraWords = ()) -> Registry:
    """Return a registry in which each post-mortem has the details of its document."""
    lists = find_incident_lists(registry)
    return replace(registry, postmortems=add_document_details(registry, root, extra, lists))


def add_document_details(
    postmortems: Iterable[Postmortem],
    root: Path,
    extra: ExtraWords = (),
    lists: Collection[str] = (),
) -> tuple[Postmortem, ...]:
    """Return post-mortems with cause, whys, class and action items of their documents.

    A field of the registry or of the front matter counts more than the text. Each document is
    parsed but for its timeline, which takes a millisecond for each kilobyte or so. ``lists`` are
    known not to be documents.
    """

    @cache
    def read_sections(file: Path, shown: str) -> Sequence[DocumentSection] | None:
        return read_document_sections(file, shown, SKIPPED_KINDS, extra)

    def add_details(postmortem: Postmortem) -> Postmortem:
        has_cause = postmortem.root_cause and postmortem.whys and postmortem.problem_class
        if has_cause and postmortem.action_items:
            return postmortem
        documents = (
            read_sections(*place) for place in find_document_files(postmortem, root, lists)
        )
        sections = next((each for each in documents if each is not None), ())
        selected = select_entry_sections(sections, postmortem.line)
        return _add_section_details(postmortem, selected, extra) if selected else postmortem

    return tuple(map(add_details, postmortems))


def _add_section_details(
    postmortem: Postmortem, sections: Sequence[DocumentSection], extra: ExtraWords
) -> Postmortem:
    """Return a post-mortem with what the text of its document says beyond its head.

    Of action items those count that have a written status, without their owner: in a field an
    owner is a team, in a document often a person.
    """
    parts = split_into_parts(sections, extra)
    items = (item for item in find_document_items(parts) if item.stated)
    return postmortem._replace(
        root_cause=postmortem.root_cause
        or clean_text(find_document_cause(parts, extra) or "")
        or None,
        whys=postmortem.whys or tuple(map(clean_text, find_document_whys(parts))),
        problem_class=postmortem.problem_class
        or clean_text(find_document_class(parts, extra) or "")
        or None,
        action_items=postmortem.action_items
        or tuple(item.action._replace(owner=None) for item in items),
    )


@dataclass(frozen=True, slots=True)
class IncidentLines:
    """The numbered lines of the text of an incident, and those of the whole file."""

    path: str
    lines: Sequence[tuple[int, str]]
    whole: Sequence[tuple[int, str]]


def read_incident_lines(postmortems: Sequence[Postmortem], root: Path) -> dict[str, IncidentLines]:
    """Return by id the lines of the text that each incident has, as Markdown.

    Of a file with several incidents these are the lines from its entry to the next one, those below
    its heading, or its row with the head of the table.
    """
    starts: dict[str, set[int]] = {}
    for postmortem in postmortems:
        if postmortem.path and postmortem.line:
            starts.setdefault(postmortem.path, set()).add(postmortem.line)
    reader = _LineReader()
    lines_by_id = {}
    for postmortem in postmortems:
        for file, shown in find_document_files(postmortem, root):
            whole = reader.read_lines(file, shown)
            own = whole
            if shown == postmortem.path and postmortem.line:
                others = starts[shown] - {postmortem.line}
                end = min((line for line in others if line > postmortem.line), default=None)
                if others or not is_text_document(shown):
                    own = _select_incident_lines(whole, postmortem.line, end)
            if own:
                lines_by_id[postmortem.id] = IncidentLines(shown, own, whole)
                break
    return lines_by_id


def _select_incident_lines(
    lines: Sequence[tuple[int, str]], start: int, end: int | None
) -> list[tuple[int, str]]:
    """Return the lines of an incident that begins on a line, at most up to ``end``."""
    position = next((n for n, (number, _) in enumerate(lines) if number >= start), len(lines))
    rest = lines[position:]
    first = rest[0][1] if rest else ""
    if first.lstrip().startswith("|"):
        above = takewhile(lambda line: line[1].lstrip().startswith("|"), lines[:position][::-1])
        return [*list(above)[-1:], rest[0]]
    level = _HEADING_MARK.match(first)
    own = []
    for number, text in rest:
        other = _HEADING_MARK.match(text) if number > start and level else None
        if (end is not None and number >= end) or (
            other and level and len(other[1]) <= len(level[1])
        ):
            break
        own.append((number, text))
    return own


class _LineReader:
    """Reads the lines of documents as Markdown with their numbers, each file once."""

    def __init__(self) -> None:
        self._lines: dict[Path, list[tuple[int, str]]] = {}

    def read_lines(self, file: Path, shown: str) -> list[tuple[int, str]]:
        if file not in self._lines:
            with suppress(RegistryError):
                self._lines[file] = _read_numbered_lines(file, shown)
        return self._lines.get(file, [])


def _read_numbered_lines(file: Path, shown: str) -> list[tuple[int, str]]:
    """Return the lines of a document as Markdown.

    Raises: RegistryError where it can't be read.
    """
    name = parse_linked_name(shown)
    text = read_limited_text(str(file), shown, READ_DOCUMENT, MAX_PARSED_SIZE)
    if name is None or name.kind == "data":
        lines = enumerate(text.split("\n"), 1)
        return _find_advisory_prose(text, shown) or [
            (number, line) for number, line in lines if not is_written_reference(line)
        ]
    _, body = read_document_lines(text, shown, name.kind)
    if isinstance(body, NumberedLines):
        return list(zip(body.numbers, body, strict=True))
    return list(enumerate(body, len(text.split("\n")) - len(body) + 1))


def _find_advisory_prose(text: str, shown: str) -> list[tuple[int, str]]:
    """Return the prose of advisories, whose other lines are not read as sentences."""
    suffix = os.path.splitext(shown)[1].lower()
    if "modified" not in text or suffix not in parsers.PARSERS_BY_SUFFIX:
        return []
    try:
        tree = parsers.parse_data_text(text, suffix, failed=READ_DOCUMENT, path=shown)
    except RegistryError:
        return []
    return read_advisory_prose(tree)
