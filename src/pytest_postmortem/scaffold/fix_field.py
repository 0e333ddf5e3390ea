"""Write the fix into a document, or into an entry of a registry file.

It is a key of the front matter or of the entry, or a label next to those at the head of a text. The
result is read again to verify that it has the fix and that nothing else has changed.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from pytest_postmortem.errors import RegistryError
from pytest_postmortem.registry import fields, parsers
from pytest_postmortem.registry.document import (
    DocumentDirectory,
    find_derived_texts,
    read_document_lines,
)
from pytest_postmortem.registry.file_bytes import READ_DOCUMENT
from pytest_postmortem.registry.filenames import DocumentName, parse_linked_name
from pytest_postmortem.registry.located_data import LocatedList, LocatedTable
from pytest_postmortem.scaffold.edits import edit_text, insert_lines
from pytest_postmortem.scaffold.label_lines import list_label_insertions
from pytest_postmortem.scaffold.scalars import format_toml_value, format_yaml_value

FIX_KEY = "fix"
FIX_LABEL = "Fix commit"
FENCES = ("---", "+++")


def add_fix_field(
    data: bytes,
    shown: str,
    line: int | None,
    fix: Sequence[str],
    *,
    new_front_matter: bool = False,
) -> bytes | None:
    """Return a file in which an incident has its fix, None if that can't be done safely.

    ``line`` is that of the incident's entry in a file, None for a document without front matter;
    ``fix`` are the commits. A document gets front matter only if ``new_front_matter`` says so.
    """

    def insert_fix(text: str) -> str:
        new = _insert_fix(text, shown, line, tuple(fix))
        if new is None and line is None:
            new = _insert_into_text(text, shown, tuple(fix), new_front_matter)
        if new is None:
            raise LookupError
        return new

    try:
        return edit_text(data, insert_fix)
    except (RegistryError, ValueError, LookupError, RecursionError):
        return None


def _insert_fix(text: str, shown: str, line: int | None, fix: tuple[str, ...]) -> str | None:
    name = parse_linked_name(shown)
    suffix = PurePath(shown).suffix.lower()
    if suffix in (".yml", ".yaml"):
        tree = parsers.parse_data_text(text, suffix, failed=READ_DOCUMENT, path=shown)
        table = _find_table(tree, line)
        return None if table is None else _insert_verified(text, table, fix, shown, suffix)
    if name is None or name.kind in ("data", "rst", "html", "plain"):
        return None
    fence = text.partition("\n")[0].rstrip()
    if fence not in FENCES:
        return None
    values, _ = read_document_lines(text, shown, name.kind)
    if not values:
        return None
    if fence == "+++":
        return _insert_into_toml(text, values, fix, shown)
    return _insert_verified(text, values, fix, shown, None)


def has_front_matter(data: bytes) -> bool:
    """Return whether a document begins with front matter in YAML."""
    return data.removeprefix(BOM_UTF8).partition(b"\n")[0].rstrip() == b"---"


def _insert_into_text(
    text: str, shown: str, fix: tuple[str, ...], new_front_matter: bool
) -> str | None:
    """Insert a label next to those at the head of a document, else front matter above it."""
    name = parse_linked_name(shown)
    if name is None or name.kind not in ("markdown", "rst", "plain"):
        return None
    before = _read_stated_texts(text, shown, name)
    rows = text.split("\n")
    if FIX_KEY in before or rows[0].rstrip() in FENCES:
        return None
    expected = {**before, FIX_KEY: " ".join(fix)}
    for place, new in list_label_insertions(rows, FIX_LABEL, ", ".join(fix)):
        with_label = insert_lines(text, place, new)
        if _read_stated_texts(with_label, shown, name) == expected:
            return with_label
    if not new_front_matter or name.kind != "markdown":
        return None
    gap = "" if text.startswith("\n") else "\n"
    with_front = f"---\n{FIX_KEY}: {format_yaml_value(fix)}\n---\n{gap}{text}"
    values, _ = read_document_lines(with_front, shown, name.kind)
    is_as_before = _read_stated_texts(with_front, shown, name) == before
    return with_front if set(values) == {FIX_KEY} and is_as_before else None


def _read_stated_texts(text: str, shown: str, name: DocumentName) -> Mapping[str, str]:
    """Return the fields that a document states outside of its front matter."""
    values, lines = read_document_lines(text, shown, name.kind)
    return find_derived_texts(DocumentDirectory("", shown), values, lines, name)


def _find_table(tree: Any, line: int | None) -> LocatedTable | None:
    """Return the mapping of an entry: the innermost one that begins on its line, or the whole."""
    if isinstance(tree, LocatedTable) and _has_id(tree):
        return tree
    tables = [each for each in _walk_tables(tree) if line in (each.line, *each.lines.values())]
    exact = [each for each in tables if each.line == line]
    found = exact or [each for each in _walk_tables(tree) if each.line == (line or 0) + 1]
    return found[-1] if found else None


def _has_id(table: LocatedTable) -> bool:
    return any(fields.normalize_key(key) in fields.ID_KEYS for key in table)


def _walk_tables(tree: Any) -> Iterator[LocatedTable]:
    if isinstance(tree, LocatedTable):
        yield tree
    inner = tree.values() if isinstance(tree, LocatedTable) else tree
    for value in inner if isinstance(tree, (LocatedTable, LocatedList)) else ():
        yield from _walk_tables(value)


def _insert_into_toml(
    text: str, values: LocatedTable, fix: tuple[str, ...], shown: str
) -> str | None:
    """Insert the line at the top of front matter in TOML, above its tables."""
    if any(fields.normalize_key(key) == FIX_KEY for key in values):
        return None
    new = insert_lines(text, 1, [f"{FIX_KEY} = {format_toml_value(fix)}"])
    after = _parse_whole(new, shown, None)
    expected = _parse_whole(text, shown, None)
    expected["values"][FIX_KEY] = fix[0] if len(fix) == 1 else list(fix)
    return new if after == expected else None


def _insert_verified(
    text: str,
    table: LocatedTable,
    fix: tuple[str, ...],
    shown: str,
    suffix: str | None,
) -> str | None:
    """Insert the line after a key of a mapping, where the result is as expected."""
    if any(fields.normalize_key(key) == FIX_KEY for key in table):
        return None
    rows = text.split("\n")
    value = format_yaml_value(fix)
    before = _parse_whole(text, shown, suffix)
    for line in sorted(set(table.lines.values())):
        row = rows[line - 1]
        bare = row.lstrip(" ").removeprefix("- ").lstrip(" ")
        indent = " " * (len(row) - len(bare))
        new = insert_lines(text, line, [f"{indent}{FIX_KEY}: {value}"])
        try:
            after = _parse_whole(new, shown, suffix)
        except RegistryError:
            continue
        if _has_only_new_fix(before, after, fix, table, line):
            return new
    return None


def _parse_whole(text: str, shown: str, suffix: str | None) -> Any:
    """Return all data of a file: its tree, or its front matter and its body."""
    if suffix is not None:
        return parsers.parse_data_text(text, suffix, failed=READ_DOCUMENT, path=shown)
    name = parse_linked_name(shown)
    values, body = read_document_lines(text, shown, name.kind if name else "markdown")
    whole = LocatedTable()
    whole["values"], whole["body"] = values, list(body)
    return whole


def _has_only_new_fix(
    before: Any, after: Any, fix: tuple[str, ...], table: LocatedTable, line: int
) -> bool:
    """Return whether one mapping has the new key on its line, and all else is as before."""
    added = [each for each in _walk_tables(after) if each.lines.get(FIX_KEY) == line + 1]
    if len(added) != 1 or set(added[0]) != {*table, FIX_KEY}:
        return False
    value = added[0].pop(FIX_KEY)
    written = tuple(value) if isinstance(value, list) else (fields.parse_scalar(value),)
    return written == fix and bool(before == after)
