"""Read a registry file into raw entries, each with its line.

A file has a list or a mapping of entries, bare or under ``postmortems`` (``incidents``,
``defects``, ``issues``), and next to it settings for all of them.
"""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_postmortem.errors import Problem, RegistryError
from pytest_postmortem.registry import fields, parsers
from pytest_postmortem.registry.entry import READ_REGISTRY, RawEntry
from pytest_postmortem.registry.filenames import DOCUMENT_SUFFIXES, DocumentKind
from pytest_postmortem.registry.load_options import LoadOptions
from pytest_postmortem.registry.parsers import LocatedList, LocatedTable
from pytest_postmortem.text import clean_text

WRAPPER_KEYS = ("postmortems", "incidents", "defects", "issues")
FILE_SETTINGS = ("url_template", "prefix", "source", "partial")
INCIDENT_LIST_KINDS: Mapping[str, DocumentKind] = {
    suffix: kind for suffix, kind in DOCUMENT_SUFFIXES if kind != "data"
}
"""The suffixes of a document that may be named as a location, since it lists incidents."""

UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
MAX_REGISTRY_SIZE = 50_000_000


@dataclass(frozen=True, slots=True)
class RegistryContents:
    """The entries and settings of a file, or of an answer in the format of a file.

    ``source`` is the block for further entries, ``partial`` the reason why entries may be missing.
    """

    raws: list[RawEntry]
    problems: list[Problem]
    prefix: str = ""
    url_template: str | None = None
    source: LocatedTable | None = None
    partial: str | None = None


@dataclass(frozen=True, slots=True)
class _FileOutline:
    """The entries of a file, and the settings next to them."""

    entries: Any
    settings: Mapping[str, Any]
    lines: Mapping[str, int]


def read_registry_file(path: str, shown: str) -> bytes:
    """Return the content of a registry file.

    Raises: RegistryError if the file can't be read.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in parsers.READ_SUFFIXES and suffix not in INCIDENT_LIST_KINDS:
        raise RegistryError([_build_suffix_problem(shown)])
    return read_limited_bytes(path, shown, READ_REGISTRY, MAX_REGISTRY_SIZE)


def parse_registry_file(data: bytes, path: str, shown: str, how: LoadOptions) -> RegistryContents:
    """Parse the content of a registry file, in the format of its suffix.

    ``how`` has the words and severities for a document that lists incidents.

    Raises: RegistryError if nothing of it can be read.
    """
    suffix = os.path.splitext(path)[1].lower()
    text = decode_utf8(data, shown, READ_REGISTRY)
    if suffix in INCIDENT_LIST_KINDS:
        from pytest_postmortem.registry.directory import DocumentDirectory
        from pytest_postmortem.registry.incident_list import read_incident_list

        kind = INCIDENT_LIST_KINDS[suffix]
        document = DocumentDirectory(
            path,
            shown,
            how.id_pattern,
            vocabulary=how.vocabulary,
            severities=tuple(how.severities),
        )
        return RegistryContents(read_incident_list(text, kind, document), [])
    return parse_registry_tree(
        parsers.parse_data_text(text, suffix, failed=READ_REGISTRY, path=shown), shown
    )


def parse_registry_tree(tree: Any, shown: str, *, exports: bool = True) -> RegistryContents:
    """Return the contents of a tree in the format of a file, with the problems of its outline.

    With ``exports`` it may also have the form in which a service delivers its incidents.

    Raises: RegistryError if it is one bare entry.
    """
    shape = _find_outline(tree, shown, exports)
    raws, problems = build_raw_entries(shape.entries, shown)
    texts = {}
    for name in ("prefix", "url_template", "partial"):
        texts[name], setting_problems = _read_file_setting(shape, name, shown)
        problems += setting_problems
    template = texts["url_template"]
    if template is not None:
        problems += check_url_template(template, shown, shape.lines.get("url_template"))
    return RegistryContents(
        raws,
        problems,
        texts["prefix"] or "",
        template,
        _read_source_block(shape, shown, problems),
        texts["partial"],
    )


def _read_source_block(
    shape: _FileOutline, shown: str, problems: list[Problem]
) -> LocatedTable | None:
    """Return the block that says where further entries are; a text names a preset or a URL."""
    value = shape.settings.get("source")
    if value is None or isinstance(value, LocatedTable):
        return value
    line = shape.lines.get("source")
    if isinstance(value, str) and value:
        block = LocatedTable(line)
        key = "url" if value.startswith(("http:", "https:")) else "preset"
        block[key] = value
        return block
    cause, remedy = "'source' is neither a text nor a mapping", "write a mapping with a 'url'"
    problems.append(Problem("source-block", READ_REGISTRY, cause, remedy, shown, line))
    return None


def _build_suffix_problem(shown: str) -> Problem:
    return Problem(
        "registry-location",
        READ_REGISTRY,
        "its name ends in none of .yml, .yaml, .json, .toml, .csv and .md",
        "name a file in one of these formats, or a directory of post-mortems",
        shown,
    )


def _find_outline(tree: Any, shown: str, exports: bool) -> _FileOutline:
    from pytest_postmortem.registry.exports import find_export_items

    exported = find_export_items(tree) if exports else None
    if exported is not None:
        return _FileOutline(exported, {}, {})
    if not isinstance(tree, LocatedTable):
        return _FileOutline(tree, {}, {})
    names = {fields.normalize_key(key): key for key in tree}
    wrapper = next((names[name] for name in WRAPPER_KEYS if name in names), None)
    settings = {name: tree[names[name]] for name in FILE_SETTINGS if name in names}
    lines = {name: tree.lines[key] for name, key in names.items() if key in tree.lines}
    if wrapper is not None:
        return _FileOutline(tree[wrapper], settings, lines)
    if isinstance(tree.get(names.get("id", "")), str):
        raise RegistryError([_build_lone_entry_problem(shown, lines.get("id"))])
    entries = LocatedTable(tree.line)
    for name, key in names.items():
        if name not in FILE_SETTINGS or (name != "source" and isinstance(tree[key], Mapping)):
            entries[key] = tree[key]
    entries.lines = tree.lines
    return _FileOutline(entries, settings, lines)


def _build_lone_entry_problem(shown: str, line: int | None) -> Problem:
    return Problem(
        "registry-shape",
        READ_REGISTRY,
        "it holds one bare entry",
        "write a list of entries, even if it has only one",
        shown,
        line,
    )


def build_raw_entries(entries: Any, shown: str) -> tuple[list[RawEntry], list[Problem]]:
    """Return the entries of a list or of a mapping from ids, and a problem for each that is none.

    ``None`` and an empty text are an empty list.
    """
    if not entries:
        return [], []
    rows: list[tuple[str | None, Any, int | None]]
    if isinstance(entries, LocatedList):
        rows = [(None, item, entries.line_of(n)) for n, item in enumerate(entries)]
    elif isinstance(entries, LocatedTable):
        rows = [
            (key, LocatedTable() if item is None else item, entries.lines.get(key))
            for key, item in entries.items()
        ]
    else:
        rows = [(None, entries, None)]
    raws, problems = [], []
    for key, item, line in rows:
        if isinstance(item, LocatedTable):
            entry_line = item.line if key is None or line is None else line
            raws.append(RawEntry(item, shown, entry_line, key))
        else:
            problems.append(_build_no_entry_problem(item, shown, line))
    return raws, problems


def _build_no_entry_problem(item: Any, shown: str, line: int | None) -> Problem:
    value_kind = "a list" if isinstance(item, list) else "nothing" if item is None else None
    return Problem(
        "registry-shape",
        READ_REGISTRY,
        f"{value_kind or repr(clean_text(item)[:50])} is not an entry",
        "write each post-mortem as a mapping with an 'id', such as '- id: PM-1'",
        shown,
        line,
    )


def _read_file_setting(
    shape: _FileOutline, name: str, shown: str
) -> tuple[str | None, list[Problem]]:
    value = shape.settings.get(name)
    if value is None or isinstance(value, LocatedTable):
        return None, []
    if isinstance(value, str):
        return clean_text(value), []
    cause, remedy = f"{name!r} is not a text", f"write {name!r} as one text, or leave it out"
    line = shape.lines.get(name)
    return None, [Problem("registry-field", READ_REGISTRY, cause, remedy, shown, line)]


def check_url_template(
    template: str, path: str | None = None, line: int | None = None
) -> list[Problem]:
    """Return the problems of a template of links."""
    reason = "it has no '{id}'"
    if "{id}" in template:
        reason = fields.find_link_problem(fields.fill_url_template(template, "id")) or ""
    if not reason:
        return []
    cause = f"the url_template {template!r} can't be used: {reason}"
    remedy = "write an address with '{id}' in it, such as https://wiki.example.com/{id}"
    return [Problem("registry-url", READ_REGISTRY, cause, remedy, path, line)]


def read_limited_text(path: str, shown: str, failed: str, limit: int) -> str:
    """Return the text of a UTF-8 file of at most ``limit`` bytes; its size is checked first.

    Raises: RegistryError where it can't be read, is too big, or isn't UTF-8.
    """
    return decode_utf8(read_limited_bytes(path, shown, failed, limit), shown, failed)


def read_limited_bytes(path: str, shown: str, failed: str, limit: int) -> bytes:
    """Return the content of a file of at most ``limit`` bytes.

    Raises: RegistryError where it can't be read or is too big.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise RegistryError([_build_no_file_problem(failed, shown)])
        if status.st_size > limit:
            raise RegistryError([_build_size_problem(failed, shown, status.st_size, limit)])
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise RegistryError([build_unreadable_problem(error, failed, shown)]) from None


def decode_utf8(data: bytes, shown: str, failed: str) -> str:
    """Return the text of a file; one with the byte order mark of UTF-16 is read as well.

    Raises: RegistryError where it isn't UTF-8.
    """
    try:
        encoding = "utf-16" if data[:2] in UTF16_MARKS else "utf-8-sig"
        return data.decode(encoding).replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        # Where there is a byte order mark, the position counts from behind it.
        line = error.object.count(b"\n", 0, error.start) + 1
        cause = f"the byte 0x{error.object[error.start]:02x} is not {error.encoding.upper()}"
        remedy = "save the file as UTF-8"
        problem = Problem("registry-encoding", failed, cause, remedy, shown, line)
        raise RegistryError([problem]) from None


def build_unreadable_problem(error: Exception, failed: str, shown: str) -> Problem:
    """Return the problem for an error of the operating system about a path."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        cause, remedy = "no such file or directory", "correct the path, or create it"
    elif not isinstance(error, OSError):
        cause, remedy = "it is not a path", "correct the path"
    else:
        cause = (error.strerror or str(error)).lower()
        remedy = "let the user that runs the tests read it"
    return Problem("registry-location", failed, cause, remedy, shown)


def _build_no_file_problem(failed: str, shown: str) -> Problem:
    cause, remedy = "it is neither a file nor a directory", "name a file or a directory"
    return Problem("registry-location", failed, cause, remedy, shown)


def _build_size_problem(failed: str, shown: str, size: int, limit: int) -> Problem:
    cause = f"it has {size / 1e6:.0f} MB, and at most {limit / 1e6:.0f} MB are read"
    remedy = "split it, or move other data to another file"
    return Problem("registry-size", failed, cause, remedy, shown)
