"""Read one document with many incidents: an entry for each heading with an id or a date.

The headings of the highest level at which ids repeat are those of the incidents, or where no
heading has an id, those at which dates repeat; what is below a heading is the text of its
incident. In a document without such headings the rows of its tables are the incidents.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pytest_postmortem.documents import head as document_head
from pytest_postmortem.documents.dates import find_iso_dates
from pytest_postmortem.documents.head import DocumentHeading
from pytest_postmortem.registry import fields
from pytest_postmortem.registry.directory import (
    DocumentDirectory,
    find_derived_texts,
    read_document_lines,
)
from pytest_postmortem.registry.entry import RawEntry
from pytest_postmortem.registry.filenames import (
    DocumentKind,
    DocumentName,
    find_id_prefix,
)
from pytest_postmortem.registry.parsers import LocatedTable
from pytest_postmortem.registry.tables import (
    TableRows,
    build_table_rows,
    has_incidents,
    name_table_fields,
)

_TABLE_DELIMITER = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
_CELL_SEPARATOR = re.compile(r"(?<!\\)\|")
_LINK = re.compile(r"\[([^\[\]]*)\]\(([^()\s]*)[^()]*\)")
_EMPHASIS = re.compile(r"[*`~]+|(?<!\w)_+|_+(?!\w)")
_BRACKETED = re.compile(r"\s*[(\[][^()\[\]]*[)\]]")
_NO_WORD = re.compile(r"[^\w\s-]")


@dataclass(frozen=True, slots=True)
class IncidentPart:
    """The part of a document that one incident has: its heading, and the lines below it."""

    id: str
    anchor: str
    heading: DocumentHeading
    end: int


def read_incident_list(text: str, kind: DocumentKind, shown: str) -> list[RawEntry]:
    """Return the incidents of a document, each with the line of its heading or its row.

    Raises: RegistryError where its front matter can't be read.
    """
    _values, lines = read_document_lines(text, shown, kind)
    numbers = getattr(lines, "numbers", None)
    above = 0 if numbers or kind == "rst" else len(text.split("\n")) - len(lines)
    parts = find_incident_parts(lines, kind)
    if not parts:
        return list(_read_table_rows(lines, shown, above))
    directory = DocumentDirectory("", shown)
    raws = []
    for part in parts:
        name = DocumentName(part.id, kind if kind == "rst" else "markdown")
        body = lines[part.heading.start : part.end]
        derived = find_derived_texts(directory, LocatedTable(), body, name)
        derived["title"] = _find_title(part, body, kind)
        derived |= {"stem": part.id, "path": f"{shown}#{part.anchor}"}
        line = numbers[part.heading.start] if numbers else part.heading.start + above + 1
        implicit = (part.anchor,) if part.anchor != part.id else ()
        raws.append(RawEntry(LocatedTable(), shown, line, part.id, True, derived, implicit))
    return raws


def find_list_hint(lines: Sequence[str], kind: DocumentKind, shown: str) -> str | None:
    """Return the hint that a document may be named as a location, or None.

    It has several incidents: headings of a high level with different ids or dates, or nothing but
    a table.
    """
    headings = list(document_head.find_headings(lines, kind == "rst"))
    level = find_incident_level(headings)
    names = {
        find_heading_id(heading.text) or _find_date(heading.text)
        for heading in headings
        if heading.level == level and level < 3
    } - {None}
    count = len(names)
    if len(headings) < 2:
        count = sum(1 for _ in _read_table_rows(lines, shown, 0))
    if count < 2:
        return None
    return f"{shown} lists {count} incidents: name it in postmortem_registry to read each of them"


def find_incident_parts(lines: Sequence[str], kind: DocumentKind) -> list[IncidentPart]:
    """Return the parts of a document that are incidents, by the headings with an id or a date."""
    headings = list(document_head.find_headings(lines, kind == "rst"))
    level = find_incident_level(headings)
    if level is None:
        return []
    anchors: Counter[str] = Counter()
    parts = []
    for position, heading in enumerate(headings):
        anchor = _build_anchor(heading.text)
        anchors[anchor] += 1
        if anchors[anchor] > 1:
            anchor = f"{anchor}-{anchors[anchor] - 1}"
        if heading.level != level or not _names_incident(heading.text):
            continue
        later = (next_.start for next_ in headings[position + 1 :] if next_.level <= level)
        id = find_heading_id(heading.text) or anchor
        parts.append(IncidentPart(id, anchor, heading, next(later, len(lines))))
    return parts


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
    for date in find_iso_dates(bare)[:1]:
        if bare.startswith(date):
            bare = bare[len(date) :].lstrip(" :.,|–—)]([-")
    return find_id_prefix(bare)


def _find_date(text: str) -> str | None:
    return next(iter(find_iso_dates(text)), None)


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
        title = re.sub(rf"\s*[(\[]\s*{date}\s*[)\]]", "", title)
        title = re.sub(rf"^{date}\s*[:.,|–—-]*\s*|\s*[:.,|–—-]*\s*{date}$", "", title)
    if title.strip(" []"):
        id = part.id
        bare = title.lstrip("[(") if title.lstrip("[(").startswith(id) else title
        return (bare.removeprefix(id).lstrip(" :.,|–—)]-") or part.heading.text).strip()
    below = list(document_head.find_headings(body, kind == "rst"))[1:2]
    return below[0].text if below else part.heading.text


def _read_table_rows(lines: Sequence[str], shown: str, above: int) -> Iterator[RawEntry]:
    """Yield an entry for each row of the tables that list incidents."""
    numbers = getattr(lines, "numbers", None)
    for position in range(1, len(lines)):
        if "|" not in lines[position - 1] or not _TABLE_DELIMITER.match(lines[position]):
            continue
        rows = TableRows()
        header = [_strip_markup(cell) for cell in _split_cells(lines[position - 1])]
        cells_by_line = []
        for row in range(position + 1, len(lines)):
            if "|" not in lines[row]:
                break
            number = numbers[row] if numbers else row + above + 1
            cells_by_line.append((number, _split_cells(lines[row])))
        rows = build_table_rows(
            header, [(line, list(map(_strip_markup, cells))) for line, cells in cells_by_line]
        )
        entries = name_table_fields(rows)
        if not has_incidents(entries):
            continue
        for (line, cells), entry in zip(cells_by_line, entries, strict=True):
            link = next((m[2] for cell in cells for m in _LINK.finditer(cell)), None)
            if link and "url" not in entry and fields.find_link_problem(link) is None:
                entry["url"] = link
            yield RawEntry(entry, shown, line)


def _split_cells(line: str) -> list[str]:
    cells = _CELL_SEPARATOR.split(
        line.strip().strip("|") if not line.strip().endswith(r"\|") else line
    )
    return [cell.strip().replace(r"\|", "|") for cell in cells]


def _strip_markup(cell: str) -> str:
    return fields.clean_text(_EMPHASIS.sub("", _LINK.sub(r"\1", cell)))
