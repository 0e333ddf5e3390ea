"""Read one document with many incidents: an entry for each heading with an id or a date.

The headings of the highest level at which ids repeat are those of the incidents, or where no
heading has an id, those at which dates repeat; the text below a heading is that of its
incident. In a document without such headings the rows of its tables are the incidents. The parts
of a post-mortem, such as its timeline, have neither, and a document with nothing else is one
post-mortem.
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from pytest_postmortem.documents.dates import DatePlace, find_date_place
from pytest_postmortem.documents.head import DocumentHeading, find_headings
from pytest_postmortem.documents.heading_kinds import classify_heading
from pytest_postmortem.documents.labels import load_labels
from pytest_postmortem.documents.markup import NumberedLines
from pytest_postmortem.registry import fields
from pytest_postmortem.registry.document import (
    DocumentDirectory,
    build_document_entry,
    find_derived_texts,
    read_document_lines,
)
from pytest_postmortem.registry.filenames import (
    DocumentKind,
    DocumentName,
    cut_export_tail,
    find_id_prefix,
    parse_bundle_name,
)
from pytest_postmortem.registry.located_data import LocatedTable
from pytest_postmortem.registry.raw_entries import RawEntry
from pytest_postmortem.registry.tables import (
    build_table_rows,
    has_incidents,
    name_table_fields,
)
from pytest_postmortem.text import clean_text

_TABLE_DELIMITER = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
_CELL_SEPARATOR = re.compile(r"(?<!\\)\|")
_DIGITS = re.compile(r"\d{4}")
_LINK = re.compile(r"\[([^\[\]]*)\]\(([^()\s]*)[^()]*\)")
_EMPHASIS = re.compile(r"[*`~]+|(?<!\w)_+|_+(?!\w)")
_BRACKETED = re.compile(r"\s*[(\[][^()\[\]]*[)\]]")
_NO_WORD = re.compile(r"[^\w\s-]")
_JOINTS = " :.,|–—-"


@dataclass(frozen=True, slots=True)
class IncidentPart:
    """The part of a document that one incident has: its heading, and the lines below it."""

    id: str
    anchor: str
    heading: DocumentHeading
    end: int


def read_incident_list(
    text: str, kind: DocumentKind, directory: DocumentDirectory
) -> list[RawEntry]:
    """Return the incidents of a document, each with the line of its heading or its row.

    ``directory`` has the path of the document, and how documents are read.

    Raises: RegistryError where its front matter can't be read.
    """
    shown = directory.shown
    values, lines = read_document_lines(text, shown, kind)
    above = text.count("\n") + 1 - len(lines)
    numbers = lines.numbers if isinstance(lines, NumberedLines) else range(above + 1, sys.maxsize)
    parts = find_incident_parts(lines, kind)
    if not parts:
        rows = list(_read_table_rows(_hide_sections(lines, kind), numbers, shown))
        return rows or _read_one_document(values, lines, kind, directory)
    raws = []
    for part in parts:
        name = DocumentName(part.id, kind if kind == "rst" else "markdown")
        body = lines[part.heading.start : part.end]
        derived = find_derived_texts(directory, LocatedTable(), body, name)
        derived["title"] = _find_title(part, body, kind)
        derived |= {"stem": part.id, "path": f"{shown}#{part.anchor}"}
        line = numbers[part.heading.start]
        implicit = (part.anchor,) if part.anchor != part.id else ()
        raws.append(RawEntry(LocatedTable(), shown, line, part.id, True, derived, implicit))
    return raws


def _read_one_document(
    values: LocatedTable, lines: Sequence[str], kind: DocumentKind, directory: DocumentDirectory
) -> list[RawEntry]:
    """Return the entry of a document that lists no incidents, or nothing if it is empty."""
    if not values and not any(line.strip() for line in lines):
        return []
    file = os.path.basename(directory.path)
    stem = cut_export_tail(file.partition(".")[0] or file, kind)
    bundle = parse_bundle_name(os.path.abspath(directory.path).replace(os.sep, "/"))
    name = DocumentName(bundle.stem if bundle else stem, kind)
    derived = find_derived_texts(directory, values, lines, name)
    folder = replace(directory, path="", shown=directory.shown.rpartition("/")[0] or ".")
    return [build_document_entry(folder, file, values, name.stem, derived)]


def find_list_hint(lines: Sequence[str], kind: DocumentKind, shown: str) -> str | None:
    """Return the hint that a document may be named as a location, or None.

    It has several incidents: headings of a high level with different ids or dates, or nothing but
    a table.
    """
    headings = list(find_headings(lines, kind == "rst"))
    if len(headings) < 2:
        count = sum(1 for _ in _read_table_rows(lines, range(len(lines)), shown))
    else:
        level = find_incident_level(headings)
        texts = [heading.text for heading in headings if heading.level == level and level < 3]
        names = (find_heading_id(text) or _find_date(text) for text in texts)
        count = len({name.day if isinstance(name, DatePlace) else name for name in names} - {None})
    if count < 2:
        return None
    return f"{shown} lists {count} incidents: name it in postmortem_registry to read each of them"


def find_incident_parts(lines: Sequence[str], kind: DocumentKind) -> list[IncidentPart]:
    """Return the parts of a document that are incidents, by the headings with an id or a date."""
    headings = list(find_headings(lines, kind == "rst"))
    if find_incident_level(headings) is None:
        return []
    inner = {heading.start for heading in _find_inner_headings(headings)}
    level = find_incident_level(heading for heading in headings if heading.start not in inner)
    if level is None:
        return []
    anchors: Counter[str] = Counter()
    parts = []
    for position, heading in enumerate(headings):
        anchor = _build_anchor(heading.text)
        anchors[anchor] += 1
        if anchors[anchor] > 1:
            anchor = f"{anchor}-{anchors[anchor] - 1}"
        if heading.level != level or heading.start in inner or not _names_incident(heading.text):
            continue
        later = (next_.start for next_ in headings[position + 1 :] if next_.level <= level)
        id = find_heading_id(heading.text) or anchor
        parts.append(IncidentPart(id, anchor, heading, next(later, len(lines))))
    return parts


def _find_inner_headings(headings: Sequence[DocumentHeading]) -> Iterator[DocumentHeading]:
    """Yield the headings of the parts of a post-mortem, such as "Timeline", and those in them."""
    level = 0
    for number, heading in enumerate(headings):
        if level and heading.level > level:
            yield heading
            continue
        level = 0
        if _is_section(heading, number):
            level = heading.level
            yield heading


def _is_section(heading: DocumentHeading, number: int) -> bool:
    """Return whether a heading is that of a part of a post-mortem, and not of a document."""
    if number == 0 and heading.level == 1:
        return False  # the title
    return bool(classify_heading(heading.text)) and not _names_incident(heading.text)


def _hide_sections(lines: Sequence[str], kind: DocumentKind) -> Sequence[str]:
    """Return the lines, with nothing instead of those in the parts of a post-mortem."""
    headings = list(find_headings(lines, kind == "rst"))
    inner = {heading.start for heading in _find_inner_headings(headings)}
    if not inner:
        return lines
    ends = [*(heading.start for heading in headings[1:]), len(lines)]
    shown_lines = list(lines)
    for heading, end in zip(headings, ends, strict=True):
        if heading.start in inner:
            shown_lines[heading.start : end] = [""] * (end - heading.start)
    return shown_lines


def find_incident_level(headings: Iterable[DocumentHeading]) -> int | None:
    """Return the level of the headings that are incidents, or None if there are none."""
    texts = [(heading.level, heading.text) for heading in headings]
    for names_incident in (find_heading_id, _find_date):
        counts = Counter(level for level, text in texts if names_incident(text))
        repeated = [level for level, count in counts.items() if count > 1]
        if repeated:
            return min(repeated)
        below_title = [level for level in counts if level > 1]
        if below_title:
            return min(below_title)
    return None


def find_heading_id(text: str) -> str | None:
    """Return the id with which a heading begins, after a date if it has one."""
    bare = text.lstrip("[( ")
    date = _find_date(bare)
    if date is not None and date.start == 0:
        bare = bare[date.end :].lstrip(" :.,|–—)]([-")
    return find_id_prefix(bare)


def _find_date(text: str) -> DatePlace | None:
    """Return the place of the date in a heading; one without a year is none."""
    if _DIGITS.search(text) is None:
        return None
    return find_date_place(text, load_labels().months)


def _names_incident(text: str) -> bool:
    return find_heading_id(text) is not None or _find_date(text) is not None


def _build_anchor(text: str) -> str:
    """Return the anchor that a heading has on the page of a forge."""
    return _NO_WORD.sub("", text.casefold()).strip().replace(" ", "-")


def _find_title(part: IncidentPart, body: Sequence[str], kind: DocumentKind) -> str:
    """Return a heading without its id and date, or that of the first part below a date alone."""
    title = part.heading.text
    date = _find_date(title)
    if date is not None:
        before, after = title[: date.start], title[date.end :]
        if before.rstrip().endswith(("(", "[")) and after.lstrip().startswith((")", "]")):
            title = f"{before.rstrip()[:-1].rstrip()} {after.lstrip()[1:].lstrip()}"
        elif not before.strip(f"{_JOINTS}[("):
            title = after.lstrip(f"{_JOINTS})]")
        elif not after.strip(_JOINTS):
            title = before.rstrip(_JOINTS)
        elif before.rstrip(_JOINTS) != before.rstrip() and after.lstrip(_JOINTS) != after.lstrip():
            title = f"{before.rstrip()} {after.lstrip(_JOINTS)}"
    if title.strip(" []"):
        id = part.id
        bare = title.lstrip("[(") if title.lstrip("[(").startswith(id) else title
        return (bare.removeprefix(id).lstrip(" :.,|–—)]-") or part.heading.text).strip()
    below = list(find_headings(body, kind == "rst"))[1:2]
    return below[0].text if below else part.heading.text


def _read_table_rows(
    lines: Sequence[str], numbers: Sequence[int], shown: str
) -> Iterator[RawEntry]:
    """Yield an entry for each row of the tables that list incidents."""
    for position in range(1, len(lines)):
        if "|" not in lines[position - 1] or not _TABLE_DELIMITER.match(lines[position]):
            continue
        rows = list(takewhile(lambda line: "|" in line, lines[position + 1 :]))
        cells_of_rows = list(map(_split_cells, rows))
        numbered_cells = (
            (numbers[row], list(map(_strip_markup, cells)))
            for row, cells in enumerate(cells_of_rows, position + 1)
        )
        header = list(map(_strip_markup, _split_cells(lines[position - 1])))
        entries = name_table_fields(build_table_rows(header, numbered_cells))
        if not has_incidents(entries):
            continue
        for cells, entry in zip(cells_of_rows, entries, strict=True):
            link = next((m[2] for cell in cells for m in _LINK.finditer(cell)), None)
            if link and "url" not in entry and fields.find_link_problem(link) is None:
                entry["url"] = link
            yield RawEntry(entry, shown, entry.line)


def _split_cells(line: str) -> list[str]:
    bare = line.strip()
    cells = _CELL_SEPARATOR.split(line if bare.endswith(r"\|") else bare.strip("|"))
    return [cell.strip().replace(r"\|", "|") for cell in cells]


def _strip_markup(cell: str) -> str:
    return clean_text(_EMPHASIS.sub("", _LINK.sub(r"\1", cell)))
