"""Add an entry to a registry file in the usual shape of YAML, JSON or TOML, like its neighbour.

Text is inserted, so that comments and layout stay. The result is parsed to verify that it has the
new entry and that nothing else has changed. For a file in any other shape, the message has the
entry to paste.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import PurePath
from typing import Any

from pytest_postmortem.errors import Problem, RegistryError, SettingsError
from pytest_postmortem.registry import fields, parsers
from pytest_postmortem.registry.file import FILE_SETTINGS
from pytest_postmortem.registry.file_bytes import READ_REGISTRY
from pytest_postmortem.registry.located_data import LocatedList, LocatedTable
from pytest_postmortem.registry.raw_entries import WRAPPER_KEYS
from pytest_postmortem.registry.toml_scanner import (
    UnexpectedSyntaxError,
    append_lines,
    scan_toml_statements,
)
from pytest_postmortem.scaffold.edits import edit_text, insert_lines
from pytest_postmortem.scaffold.front_matter import KEY_LINES, IncidentFacts, map_keys_to_fields
from pytest_postmortem.scaffold.scalars import (
    convert_json_value,
    find_quote,
    format_toml_key,
    format_toml_value,
    format_yaml_scalar,
    format_yaml_value,
)

DEFAULT_WRAPPER = "postmortems"


@dataclass(frozen=True, slots=True)
class RegistryEntries:
    """The entries of a registry file: the key above them and their container, None without one.

    ``rows`` are the entries alone, without settings of the file next to them.
    """

    wrapper: str | None
    container: Any
    rows: Mapping[Any, Any]

    @property
    def is_keyed(self) -> bool:
        """Whether the entries are a mapping of ids."""
        return isinstance(self.container, LocatedTable) and bool(self.rows)

    @property
    def are_newest_first(self) -> bool:
        """Whether the entries are ordered newest first, by their dates."""
        days = [day for row in self.rows.values() if (day := _find_entry_day(row))]
        return len(days) > 1 and days[0] > days[-1]

    @property
    def ids(self) -> list[str]:
        """The ids as they are written, without a configured ``prefix``."""
        if self.is_keyed:
            return list(self.rows)
        return list(filter(None, map(_find_entry_id, self.rows.values())))


def find_registry_entries(tree: Any) -> RegistryEntries:
    """Return the entries of a parsed registry file."""
    wrapper, container = None, tree
    if isinstance(tree, LocatedTable):
        names = {fields.normalize_key(key): key for key in tree}
        wrapper = next((names[name] for name in WRAPPER_KEYS if name in names), None)
        container = tree if wrapper is None else tree[wrapper]
    if not isinstance(container, (LocatedList, LocatedTable)):
        return RegistryEntries(wrapper, None, {})
    rows: dict[Any, Any] = dict(enumerate(container))
    if isinstance(container, LocatedTable):
        rows = {
            key: row
            for key, row in container.items()
            if wrapper is not None or fields.normalize_key(key) not in FILE_SETTINGS
        }
    return RegistryEntries(wrapper, container, rows)


def _find_entry_day(row: Any) -> str | None:
    values = row if isinstance(row, dict) else {}
    field_by_key = map_keys_to_fields(values, fields.ID_KEYS)
    text = next((values[key] for key, field in field_by_key.items() if field == "date"), None)
    return fields.parse_day(text) if isinstance(text, str) else None


def _find_entry_id(row: Any) -> str | None:
    values = {fields.normalize_key(key): value for key, value in row.items()}
    return next(
        filter(None, (fields.parse_scalar(values.get(key)) for key in fields.ID_KEYS)), None
    )


@dataclass(frozen=True, slots=True)
class _NewEntry:
    """An entry to add; ``is_first`` means that it goes above the others."""

    id: str
    facts: IncidentFacts
    is_keyed: bool
    is_first: bool

    def list_pairs(self, like: Mapping[str, Any]) -> list[tuple[str, str | tuple[str, ...], Any]]:
        """Return keys and values in the order of another entry, each with the value there."""
        facts = self.facts if self.is_keyed else {"id": self.id, **self.facts}
        key_by_field = {
            field: key for key, field in map_keys_to_fields(like, fields.ID_KEYS).items()
        }
        order = [field for field in facts if field == "id"]
        order += [field for field in key_by_field if field in facts and field != "id"]
        order += [field for field in facts if field not in order]
        pairs = ((key_by_field.get(field, field), facts[field]) for field in order)
        return [(key, value, like.get(key)) for key, value in pairs if value]


def add_registry_entry(data: bytes, shown: str, id: str, facts: IncidentFacts) -> bytes:
    """Return the contents of a registry file with a new entry, first if the newest are first.

    Raises:
        SettingsError: The file has an uncommon shape; the message shows the entry to paste.
    """
    suffix = PurePath(shown).suffix.lower()
    text = data.decode("utf-8-sig").replace("\r\n", "\n")
    tree = _parse_registry_text(text, suffix, shown)
    entries = find_registry_entries(tree)
    entry = _NewEntry(id, facts, entries.is_keyed, entries.are_newest_first)

    def insert_entry(text: str) -> str:
        insert = {".json": _insert_json_entry, ".toml": _insert_toml_entry}.get(suffix)
        new = (insert or _insert_yaml_entry)(text, entries, entry)
        _check_added_entry(tree, _parse_registry_text(new, suffix, shown), entry)
        return new

    try:
        return edit_text(data, insert_entry)
    except (UnexpectedSyntaxError, RegistryError, ValueError, LookupError):
        lines = _render_snippet(text, suffix, entries, entry)
        remedy = "\n  ".join(["add it by hand:", *lines])
        problem = Problem(
            "entry-by-hand", "Couldn't change", "its layout is not supported", remedy, shown
        )
        raise SettingsError([problem]) from None


def _parse_registry_text(text: str, suffix: str, shown: str) -> Any:
    return parsers.parse_data_text(text, suffix, failed=READ_REGISTRY, path=shown)


def _check_added_entry(before: Any, after: Any, entry: _NewEntry) -> None:
    """Check that a parsed file has one more entry, and is unchanged otherwise.

    Raises:
        UnexpectedSyntaxError: The entry is incomplete, or something else has changed.
    """
    entries = find_registry_entries(after)
    if not entries.rows:
        raise UnexpectedSyntaxError
    added = entries.container.pop(entry.id if entry.is_keyed else 0 if entry.is_first else -1)
    if not isinstance(added, LocatedTable):
        raise UnexpectedSyntaxError
    pairs = ((key, value) for key, value, _ in entry.list_pairs(added))
    is_complete = _list_texts(added.items()) == _list_texts(pairs)
    wrapper = entries.wrapper
    if not is_complete or _drop_empty(after, wrapper) != _drop_empty(before, wrapper):
        raise UnexpectedSyntaxError


def _list_texts(pairs: Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
    """Return the values by their keys, one text like a list with one."""
    return {
        key: list(value) if isinstance(value, (list, tuple)) else [value] for key, value in pairs
    }


def _drop_empty(tree: Any, wrapper: str | None) -> Any:
    """Return a parsed file, without a list of entries that is empty."""
    if not isinstance(tree, LocatedTable):
        return tree or {}
    return {key: value for key, value in tree.items() if value or key != wrapper}


def _insert_yaml_entry(text: str, entries: RegistryEntries, entry: _NewEntry) -> str:
    lines = text.split("\n")
    starts = _find_yaml_starts(lines, entries)
    if not entries.rows and not _is_in_brackets(lines, entries.container):
        return _insert_first_yaml_entry(text, entries, entry)
    if not starts:
        raise UnexpectedSyntaxError
    new = _render_yaml_entry(lines, starts, entry)
    column = _count_indent(lines[starts[-1]])
    above = lines[_find_block_end(lines, starts[-2], column) : starts[-1]] if starts[1:] else []
    blank = [] if all(line.strip() for line in above) else [""]
    if entry.is_first:
        return insert_lines(text, starts[0], [*new, *blank])
    return insert_lines(text, _find_block_end(lines, starts[-1], column), [*blank, *new])


def _find_yaml_starts(lines: Sequence[str], entries: RegistryEntries) -> list[int]:
    """Return the indexes of the lines on which entries begin, empty if they are not known."""
    if not entries.rows or _is_in_brackets(lines, entries.container):
        return []
    located = entries.container.lines
    try:
        starts = [located[key] - 1 for key in entries.rows]
    except LookupError:
        return []
    is_dashed = lines[starts[-1]].lstrip().startswith("-")
    return starts if entries.is_keyed or is_dashed else []


def _is_in_brackets(lines: Sequence[str], container: Any) -> bool:
    line = lines[(container.line or 1) - 1] if container is not None else ""
    return line.lstrip()[:1] in ("[", "{")


def _count_indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _find_block_end(lines: Sequence[str], start: int, column: int) -> int:
    """Return the index below the lines that are deeper than the first one, which is at a column."""
    end = start + 1
    for number in range(start + 1, len(lines)):
        if lines[number].strip():
            if _count_indent(lines[number]) <= column:
                break
            end = number + 1
    return end


def _render_yaml_entry(lines: Sequence[str], starts: Sequence[int], entry: _NewEntry) -> list[str]:
    """Return the lines of an entry like its neighbour: its keys, order, quotes and indents."""
    start = starts[0 if entry.is_first else -1]
    column = _count_indent(lines[start])
    block = [line[column:] for line in lines[start : _find_block_end(lines, start, column)]]
    if entry.is_keyed:
        inner = _count_indent(block[1]) if len(block) > 1 else 2
        pairs = _render_yaml_pairs(entry, _read_yaml_pairs(line[inner:] for line in block[1:]))
        key = format_yaml_scalar(entry.id, find_quote(block[0]))
        new = [f"{key}:", *(" " * inner + pair for pair in pairs)]
    else:
        inner = max(2, len(block[0]) - len(block[0].lstrip("- ")))
        pairs = _render_yaml_pairs(entry, _read_yaml_pairs(line[inner:] for line in block))
        new = ["-".ljust(inner) + pairs[0], *(" " * inner + pair for pair in pairs[1:])]
    return [" " * column + line for line in new]


def _read_yaml_pairs(lines: Iterable[str]) -> dict[str, str]:
    matches = filter(None, map(KEY_LINES["yaml"].match, lines))
    return {match["key"].strip("\"'"): match["value"] for match in matches}


def _render_yaml_pairs(entry: _NewEntry, like: Mapping[str, str]) -> list[str]:
    return [
        f"{format_yaml_scalar(key)}: {format_yaml_value(value, find_quote(written or ''))}"
        for key, value, written in entry.list_pairs(like)
    ]


def _insert_first_yaml_entry(text: str, entries: RegistryEntries, entry: _NewEntry) -> str:
    """Return a text with its first entry: under the key of entries, or under a new key."""
    lines = text.split("\n")
    item = _render_first_yaml_item(entry)
    if entries.wrapper is None:
        return insert_lines(text, len(lines), [f"{DEFAULT_WRAPPER}:", *item])
    key = re.compile(rf"(\s*[\"']?{re.escape(entries.wrapper)}[\"']?[ \t]*:)(?:[ \t]*\[[ \t]*\])?")
    start = next(number for number, line in enumerate(lines) if key.match(line))
    lines[start] = key.sub(r"\1", lines[start], count=1)
    place = _find_block_end(lines, start, _count_indent(lines[start]))
    return insert_lines("\n".join(lines), place, item)


def _render_first_yaml_item(entry: _NewEntry) -> list[str]:
    first, *rest = _render_yaml_pairs(entry, {})
    return [f"  - {first}", *(f"    {line}" for line in rest)]


def _insert_json_entry(text: str, entries: RegistryEntries, entry: _NewEntry) -> str:
    body = text.strip()
    tree = json.loads(body or "{}")
    indent = re.search(r"\n([ \t]+)", text if body else "\n  ")
    escaped = "\\u" in text

    def dump() -> str:
        return json.dumps(tree, indent=indent and indent[1], ensure_ascii=escaped)

    if body not in ("", dump()):
        raise UnexpectedSyntaxError
    container = tree if entries.wrapper is None else tree[entries.wrapper]
    rows = [container[key] for key in entries.rows]
    values = _build_json_entry(entry, rows[0 if entry.is_first else -1] if rows else {})
    if entry.is_keyed:
        others = dict(container)
        container.clear()
        new = {entry.id: values}
        container.update({**new, **others} if entry.is_first else {**others, **new})
    elif isinstance(container, list):
        container.insert(0 if entry.is_first else len(container), values)
    else:
        tree[entries.wrapper or DEFAULT_WRAPPER] = [values]
    return text.replace(body, dump()) if body else f"{text}{dump()}\n"


def _build_json_entry(entry: _NewEntry, like: Any) -> dict[str, Any]:
    pairs = entry.list_pairs(like if isinstance(like, dict) else {})
    return {key: convert_json_value(value, written) for key, value, written in pairs}


def _insert_toml_entry(text: str, entries: RegistryEntries, entry: _NewEntry) -> str:
    path = (entries.wrapper or DEFAULT_WRAPPER,)
    statements = list(scan_toml_statements(text))
    headers = [statement for statement in statements if statement.array and statement.path == path]
    if entry.is_keyed or (not headers and entries.wrapper is not None):
        raise UnexpectedSyntaxError
    if not headers:
        return append_lines(text, [f"[[{path[0]}]]", *_render_toml_pairs(entry, {})], "\n")
    neighbour = headers[0 if entry.is_first else -1]
    below = statements[statements.index(neighbour) + 1 :]
    pairs = takewhile(lambda statement: statement.value is not None, below)
    like = {pair.path[-1]: text[pair.value.start : pair.value.end] for pair in pairs if pair.value}
    lines = [f"[[{format_toml_key(path[0])}]]", *_render_toml_pairs(entry, like)]
    if entry.is_first:
        return text[: neighbour.start] + "\n".join([*lines, "", text[neighbour.start :]])
    return append_lines(text, lines, "\n")


def _render_toml_pairs(entry: _NewEntry, like: Mapping[str, str]) -> list[str]:
    lines = []
    for key, value, written in entry.list_pairs(like):
        is_list = (written or "").startswith("[")
        lines.append(f"{format_toml_key(key)} = {format_toml_value(value, written or '', is_list)}")
    return lines


def _render_snippet(
    text: str, suffix: str, entries: RegistryEntries, entry: _NewEntry
) -> list[str]:
    """Return the lines of an entry to be pasted, in the shape of those that are there."""
    if suffix == ".toml":
        return _render_toml_snippet(text, entries.wrapper, entry)
    lines = text.split("\n")
    if suffix != ".json" and not _is_in_brackets(lines, entries.container):
        starts = _find_yaml_starts(lines, entries)
        if starts:
            return _render_yaml_entry(lines, starts, entry)
    body = json.dumps(_build_json_entry(entry, {}), indent=2, ensure_ascii=False)
    head = f"{json.dumps(entry.id, ensure_ascii=False)}: " if entry.is_keyed else ""
    return f"{head}{body}".split("\n")


def _render_toml_snippet(text: str, wrapper: str | None, entry: _NewEntry) -> list[str]:
    lines = _render_toml_pairs(entry, {})
    inline = f"{{ {', '.join(lines)} }}"
    if entry.is_keyed:
        if re.search(r"=\s*\{", text):
            return [f"{format_toml_key(entry.id)} = {inline}"]
        path = filter(None, (wrapper, entry.id))
        return [f"[{'.'.join(map(format_toml_key, path))}]", *lines]
    if wrapper and re.search(rf"\b{re.escape(wrapper)}[\"']?\s*=\s*\[", text):
        return [inline]
    return [f"[[{format_toml_key(wrapper or DEFAULT_WRAPPER)}]]", *lines]
