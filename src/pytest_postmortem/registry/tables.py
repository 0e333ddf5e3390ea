"""Read tables with a header row, from CSV or from Markdown, into the mappings of entries.

A column has the name of a field, or one of those that are accepted as well; case, spaces and
punctuation do not count. CSV is separated by commas, semicolons or tabs, with or without a byte
order mark, and a quoted cell may have several lines.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pytest_postmortem.documents.dates import find_numeric_date, find_part_orders
from pytest_postmortem.registry import fields
from pytest_postmortem.registry.filenames import find_id_prefix
from pytest_postmortem.registry.located_data import BrokenDataError, LocatedList, LocatedTable
from pytest_postmortem.text import clean_text

MAX_CELL_SIZE = 10_000_000
SEPARATORS = (",", ";", "\t", "|")

TABLE_COLUMNS = {
    "number": ("no", "nr", "incidentnumber", "incidentno", "incidentnr"),
    "reference": ("ref", "incidentref", "incidentreference", "ticket", "ticketid"),
    "key": ("issuekey",),
    "title": (
        *("incidenttitle", "incidentname", "incident", "subject", "headline", "event", "what"),
        *("whathappened", "shortdescription", "description"),
    ),
    "date": (
        *("day", "when", "start", "started", "startedon", "createdon", "opened", "openedat"),
        *("createdtime", "creationdate", "createddate", "incidentstart"),
    ),
    "severity": ("sev", "incidentseverity"),
    "owner": ("ownerteam", "owningteam", "responsibleteam"),
    "url": ("incidenturl", "href", "postmortemlink"),
    "status": ("incidentstatus",),
}
"""The names of columns that count besides those of `fields.FIELD_SYNONYMS`."""

_SQUEEZED = re.compile(r"[\W_]+")
_SEPARATOR_LINE = re.compile(r"sep=(.)\n")


class TableRows(LocatedList):
    """The rows of a table, as mappings from the names of its columns as they are written."""

    __slots__ = ("header",)

    def __init__(self, header: Sequence[str] = ()) -> None:
        super().__init__()
        self.header = tuple(header)


def squeeze_key(key: str) -> str:
    """Return the form in which names of columns are compared: ``Started At`` is ``startedat``."""
    return _SQUEEZED.sub("", key.casefold())


def parse_csv(text: str, above: int = 0) -> TableRows:
    """Return the rows of a text in CSV as mappings with their lines.

    Raises: BrokenDataError for a quotation mark that is never closed.
    """
    hint = _SEPARATOR_LINE.match(text)
    separator = hint[1] if hint else _find_separator(text)
    skipped = 1 if hint else 0
    lines = text.split("\n")[skipped:]
    try:
        records = list(_read_records(lines, separator, strict=True))
    except csv.Error as error:
        if "end of data" in str(error):
            line = text.count("\n", 0, text.rindex('"')) + above + 1
            remedy = "close the quotation mark, or write it twice within a quoted cell"
            raise BrokenDataError("it is not CSV: a quoted cell never ends", remedy, line) from None
        records = list(_read_records(lines, separator, strict=False))
    filled = [(line + skipped + above, cells) for line, cells in records if any(cells)]
    head = next((n for n, (_, cells) in enumerate(filled) if sum(map(bool, cells)) > 1), 0)
    filled = filled[head:]  # without the title of a sheet, which is a row of one cell
    if not filled:
        return TableRows()
    return build_table_rows(filled[0][1], filled[1:])


def _read_records(
    lines: Sequence[str], separator: str, *, strict: bool
) -> Iterator[tuple[int, list[str]]]:
    """Yield the first line and the cells of each record."""
    limit = csv.field_size_limit(MAX_CELL_SIZE)
    try:
        reader = csv.reader(
            (f"{line}\n" for line in lines),
            delimiter=separator,
            strict=strict,
            skipinitialspace=True,
        )
        first = 1
        for cells in reader:
            yield first, [cell.strip() for cell in cells]
            first = reader.line_num + 1
    finally:
        csv.field_size_limit(limit)


def _find_separator(text: str) -> str:
    """Return the separator that the first line has most often outside of quoted cells."""
    head = re.sub(r'"[^"]*"', "", text[:10_000]).lstrip().partition("\n")[0]
    return max(SEPARATORS, key=head.count)


def build_table_rows(header: Sequence[str], rows: Iterable[tuple[int, Sequence[str]]]) -> TableRows:
    """Return numbered rows as mappings from the names of columns; repeated columns are lists."""
    result = TableRows(header)
    for line, cells in rows:
        table = LocatedTable(line)
        for key, cell in zip(header, cells, strict=False):
            if key:
                _add_cell(table, key, cell or None, line)
        result.append(table)
        result.lines.append(line)
    return result


def name_table_fields(rows: TableRows, *, ids_from_cells: bool = True) -> LocatedList:
    """Return the rows of a table as entries, with the names of fields for its columns.

    In a table without a column of ids, the column counts that has nothing else, or the title is the
    id, or the id with which it begins; but not without ``ids_from_cells``.
    """
    names = dict(zip(rows.header, _name_columns(rows, ids_from_cells), strict=True))
    result = LocatedList()
    for row in rows:
        table = LocatedTable(row.line)
        for key, value in row.items():
            table.setdefault(names[key], value)
            table.lines[names[key]] = row.line
        result.append(table)
        result.lines.append(row.line)
    _resolve_dates(result)
    has_ids = any(fields.normalize_key(key) in fields.ID_KEYS for key in names.values())
    if result and ids_from_cells and not has_ids:
        _add_title_ids(result)
    return result


def _resolve_dates(rows: LocatedList) -> None:
    """Write dates such as ``02/03/2026`` in ISO form where other rows show the order."""
    for name in _list_same_names("date"):
        cells = ((row, row.get(name)) for row in rows)
        dates = [
            (row, find_numeric_date(cell))
            for row, cell in cells
            if isinstance(cell, str) and "20" in cell
        ]
        orders = find_part_orders(filter(None, (numeric for _, numeric in dates)))
        for row, numeric in dates:
            day = numeric.format_iso(orders.get(numeric.separator)) if numeric else None
            row[name] = day or row[name]


def _name_columns(rows: TableRows, own_ids: bool) -> list[str]:
    """Return the names of columns: those of fields as we write them, others unchanged."""
    header = rows.header
    known = {squeeze_key(name): name for name in (*fields.ID_KEYS, *fields.FIELDS_BY_KEY)}
    keys = [known.get(squeeze_key(name), name) for name in header]
    if not any(key in fields.ID_KEYS for key in keys):
        columns = (n for n, name in enumerate(header) if own_ids and _are_ids(rows, name))
        position = next(columns, None)
        if position is not None:
            keys[position] = "id"
    for canonical, others in TABLE_COLUMNS.items():
        if any(key in keys for key in _list_same_names(canonical)):
            continue
        squeezed = [squeeze_key(key) for key in keys]
        position = next((squeezed.index(name) for name in others if name in squeezed), None)
        if position is not None:
            keys[position] = canonical
    _name_translated_columns(keys)
    if "#" in header and not any(key in fields.ID_KEYS for key in keys):
        keys[list(header).index("#")] = "number"
    return keys


def _name_translated_columns(keys: list[str]) -> None:
    """Name the columns whose names are labels or headings of documents, in any language."""
    from pytest_postmortem.documents.heading_kinds import classify_heading
    from pytest_postmortem.documents.labels import find_label_kind, load_labels

    labels = load_labels()
    known = {fields.normalize_key(key) for key in keys}
    for position, key in enumerate(keys):
        if fields.find_field(fields.normalize_key(key)) or key in fields.ID_KEYS:
            continue
        kind = find_label_kind(labels, key)
        kind = {"start": "date"}.get(kind or "", kind)
        if kind is None and classify_heading(key) == "cause":
            kind = "root_cause"
        if kind in ("id", *fields.FIELD_SYNONYMS) and not known & {*_list_same_names(kind)}:
            keys[position] = kind
            known.add(kind)


def _list_same_names(name: str) -> tuple[str, ...]:
    """Return all the names of the field to which a name belongs."""
    if name in fields.ID_KEYS:
        return fields.ID_KEYS
    return (name, *fields.FIELD_SYNONYMS[name])


def _are_ids(rows: TableRows, column: str) -> bool:
    """Return whether a column has nothing but ids such as ``INC-12``."""
    cells = [row[column] for row in rows if row.get(column)]
    return bool(cells) and all(
        isinstance(cell, str) and find_id_prefix(cell) == cell for cell in cells
    )


def _add_cell(table: LocatedTable, key: str, cell: str | None, line: int) -> None:
    earlier = table.get(key)
    if isinstance(earlier, LocatedList):
        earlier += [] if cell is None else [cell]
    elif earlier is None or cell in (None, earlier):
        table[key] = earlier or cell
    else:
        table[key] = LocatedList(line)
        table[key] += (earlier, cell)
    table.lines[key] = line


def _add_title_ids(rows: LocatedList) -> None:
    """Give each row an id: the one with which its title begins, else the title.

    The date is added to a title that a table has more than once.
    """
    titles = [_find_title(row) for row in rows]
    counts = Counter(titles)
    for row, title in zip(rows, titles, strict=True):
        id = find_id_prefix(title) or title
        if counts[title] > 1 and isinstance(row.get("date"), str):
            id = f"{id} ({fields.parse_day(row['date']) or row['date']})"
        if id:
            row["id"] = id
            row.lines["id"] = row.line or 0


def _find_title(row: Any) -> str:
    texts = map(row.get, _list_same_names("title"))
    return next((clean_text(text) for text in texts if isinstance(text, str)), "")


def has_incidents(rows: LocatedList) -> bool:
    """Return whether a table lists incidents: its columns name an id, or a title and a date."""
    if not rows:
        return False
    keys = set(rows[0])
    named = not keys.isdisjoint(fields.DOCUMENT_ID_KEYS) and _find_title(rows[0]) != ""
    details = {*_list_same_names("date"), "severity", "root_cause", "status"}
    return named and not keys.isdisjoint(details)
