"""Read one post-mortem of a directory into a raw entry, of its front matter, its text, its name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, TypeGuard

from pytest_postmortem.documents.dates import find_date, find_iso_dates, find_numeric_date
from pytest_postmortem.documents.head import find_first_heading
from pytest_postmortem.documents.labels import load_labels
from pytest_postmortem.documents.markup import convert_to_markdown
from pytest_postmortem.documents.stated_fields import read_stated_fields
from pytest_postmortem.registry import fields, parsers
from pytest_postmortem.registry.entry import find_written_day
from pytest_postmortem.registry.file_bytes import READ_DOCUMENT
from pytest_postmortem.registry.filenames import (
    BUNDLE_STEMS,
    DocumentKind,
    DocumentName,
    find_dated_id,
    find_id_prefix,
    split_stem,
)
from pytest_postmortem.registry.load_options import LoadOptions
from pytest_postmortem.registry.located_data import LocatedTable
from pytest_postmortem.registry.raw_entries import WRAPPER_KEYS, RawEntry
from pytest_postmortem.text import clean_path, clean_text

_RST_FIELD = re.compile(r":([\w -]+):(?:\s+(.*))?$")


@dataclass(frozen=True, slots=True)
class DocumentDirectory:
    """A directory of post-mortems: its path, its shown path, and how its files are read.

    ``others`` are the paths of further locations, whose files are not read a second time.
    """

    path: str
    shown: str
    how: LoadOptions = field(default_factory=LoadOptions)
    others: frozenset[str] = frozenset()

    def shown_path(self, relative: str) -> str:
        """Return the path of a file as the reader sees it."""
        return clean_path(relative if self.shown == "." else f"{self.shown}/{relative}")


def read_document_lines(
    text: str, shown: str, kind: DocumentKind
) -> tuple[LocatedTable, Sequence[str]]:
    """Return the front matter of a document of any kind, and the lines of its body.

    The lines of AsciiDoc and HTML are those of the same text in Markdown.

    Raises: RegistryError where it can't be read.
    """
    if kind not in ("asciidoc", "html"):
        return parse_front_matter(text, shown, kind == "rst")

    values, lines = parse_front_matter(text, shown, False)
    converted = convert_to_markdown("\n".join(lines), kind)
    if values or kind == "html":
        return values, converted.lines
    for key, (value, line) in converted.attributes.items():
        values.line = values.line or line
        values[key] = value or None
        values.lines[key] = line
    return values, converted.lines


def is_single_document(tree: Any) -> TypeGuard[LocatedTable]:
    """Return whether YAML or JSON is one post-mortem, and not a list of them."""
    return isinstance(tree, LocatedTable) and (
        _has_entry_keys(tree) or not find_wrapped_entries(tree)
    )


def _has_entry_keys(tree: LocatedTable) -> bool:
    return any(fields.normalize_key(key) in ("title", *fields.DOCUMENT_ID_KEYS) for key in tree)


def find_wrapped_entries(tree: LocatedTable) -> Any:
    """Return the entries below a key such as ``postmortems``, or None."""
    wrapped = (tree[key] for key in tree if fields.normalize_key(key) in WRAPPER_KEYS)
    return next((value for value in wrapped if isinstance(value, (list, Mapping))), None)


def build_document_entry(
    directory: DocumentDirectory,
    relative: str,
    values: LocatedTable,
    stem: str,
    name_and_body: Mapping[str, str],
) -> RawEntry:
    """Return the entry of a document; ``name_and_body`` are texts from its name and its body."""
    shown_path = directory.shown_path(relative)
    written_id = find_front_matter_id(values)
    derived = {"stem": clean_text(stem), "path": shown_path, **name_and_body}
    folder, _, file = relative.rpartition("/")
    is_bundle = file.split(".")[0].lower() in BUNDLE_STEMS
    id = _find_id_by_pattern(directory.how.id_pattern, stem)
    if id is None and written_id is None:
        id = _find_id_in_name(stem) or _find_id_in_name(name_and_body.get("heading", ""))
        if id is None:
            id = name_and_body.get("id", stem)
            full_stem = split_stem(relative)
            if id != full_stem and not is_bundle:
                derived["plain_id"] = stem if id != stem else full_stem
    shown_folder = directory.shown_path(folder) if folder else ""
    paths = (shown_path, relative, *((folder, shown_folder) if is_bundle else ()))
    names = map(clean_text, (stem, *paths, written_id or ""))
    implicit = tuple(dict.fromkeys(name for name in names if name))
    return RawEntry(values, shown_path, values.line, id, True, derived, implicit)


def _find_id_in_name(text: str) -> str | None:
    return find_id_prefix(text) or find_dated_id(text)


def _find_id_by_pattern(pattern: str | None, stem: str) -> str | None:
    """Return the id that the reader's own pattern finds in a name: its first group, or all."""
    match = None if pattern is None else re.search(pattern, clean_text(stem))
    if match is None:
        return None
    return (match[1] if match.re.groups else None) or match[0] or None


def find_front_matter_id(values: LocatedTable) -> str | None:
    """Return the id in the front matter; `build_entries` refuses an empty one."""
    values_by_key = {fields.normalize_key(key): value for key, value in values.items()}
    if values_by_key.keys().isdisjoint(fields.DOCUMENT_ID_KEYS):
        return None
    ids = map(values_by_key.get, fields.DOCUMENT_ID_KEYS)
    id = next((id for id in ids if id is not None), None)
    return id if id is None or isinstance(id, str) else ""


def find_date_in_stem(stem: str) -> dict[str, str]:
    """Return the date in the name of a file, or one whose parts are of unknown order."""

    iso_dates = find_iso_dates(stem)
    date = iso_dates[0] if iso_dates else find_date(stem, load_labels().months)
    numeric_date = None if date else find_numeric_date(stem)
    derived = {"date": date} if date else {}
    return derived | ({"numeric_date": str(numeric_date)} if numeric_date else {})


def has_date_field(values: LocatedTable) -> bool:
    """Return whether front matter has a date."""
    for key, value in values.items():
        _, field = fields.find_field(fields.normalize_key(key)) or (0, "")
        if field == "date" and isinstance(value, str) and find_written_day(value.strip()):
            return True
    return False


def find_derived_texts(
    directory: DocumentDirectory,
    values: LocatedTable,
    lines: Sequence[str],
    name: DocumentName,
) -> dict[str, str]:
    """Return the first heading, and the fields that the name and the body of a document state."""

    rst = name.kind == "rst"
    labels = load_labels(directory.how.vocabulary)
    severities = tuple(directory.how.severities)
    stated = read_stated_fields(lines, labels, severities, stem=name.stem, rst=rst)
    derived = {**stated.texts}
    if stated.heading is not None:
        derived["heading"] = stated.heading.text
    if stated.numeric_date is not None:
        derived["numeric_date"] = str(stated.numeric_date)
    if has_date_field(values):
        derived.pop("date", None)
    else:
        derived |= find_date_in_stem(name.stem)
    return derived


def parse_front_matter(text: str, shown: str, rst: bool) -> tuple[LocatedTable, list[str]]:
    """Return the front matter of a document, and the lines of its body.

    Raises: RegistryError where it can't be read.
    """
    lines = text.split("\n")
    first = lines[0].rstrip()
    if rst:
        return _parse_rst_fields(lines), lines
    if first not in ("---", "+++"):
        return LocatedTable(), lines
    end_marks = ("---", "...") if first == "---" else ("+++",)
    end = next((n for n in range(1, len(lines)) if lines[n].rstrip() in end_marks), None)
    if end is None:
        return LocatedTable(), lines
    suffix = ".yml" if first == "---" else ".toml"
    front = "\n".join(lines[1:end]) + "\n"
    tree = parsers.parse_data_text(front, suffix, failed=READ_DOCUMENT, path=shown, above=1)
    if tree is None:
        return LocatedTable(), lines[end + 1 :]
    if not isinstance(tree, LocatedTable):
        return LocatedTable(), lines
    tree.line = 1
    return tree, lines[end + 1 :]


def _parse_rst_fields(lines: Sequence[str]) -> LocatedTable:
    """Return the field list at the top of a document, or right below its title."""

    heading = find_first_heading(lines, rst=True)
    start = 0
    if heading is not None and not any(line.strip() for line in lines[: heading.start]):
        start = heading.end
    blank = sum(1 for _ in takewhile(lambda line: not line.strip(), lines[start:]))
    table = LocatedTable()
    key = ""
    for position in range(start + blank, len(lines)):
        line = lines[position]
        match = _RST_FIELD.match(line)
        if match:
            key = match[1]
            table.line = table.line or position + 1
            table[key] = match[2] or None
            table.lines[key] = position + 1
        elif key and line[:1].isspace() and line.strip():
            table[key] = " ".join(filter(None, (table[key], line.strip())))
        else:
            break
    return table
