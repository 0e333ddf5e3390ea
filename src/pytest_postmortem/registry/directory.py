"""Read a directory of post-mortems into raw entries: one document an incident, in any format.

Most documents have no id; the name of the file replaces it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pytest_postmortem.documents.dates import find_numeric_date, find_part_orders
from pytest_postmortem.errors import Problem, RegistryError
from pytest_postmortem.model import Finding, format_count
from pytest_postmortem.registry import fields, parsers
from pytest_postmortem.registry.advisories import is_advisory, merge_advisories
from pytest_postmortem.registry.document import (
    DocumentDirectory,
    build_document_entry,
    find_date_in_stem,
    find_derived_texts,
    find_front_matter_id,
    find_wrapped_entries,
    has_date_field,
    is_single_document,
    read_document_lines,
)
from pytest_postmortem.registry.exports import find_export_items
from pytest_postmortem.registry.file_bytes import (
    READ_DOCUMENT,
    READ_REGISTRY,
    build_unreadable_problem,
    decode_utf8,
    read_limited_bytes,
)
from pytest_postmortem.registry.filenames import (
    DocumentName,
    cut_export_tail,
    find_folder_date,
    has_incident_name,
    parse_linked_name,
    split_stem,
)
from pytest_postmortem.registry.folder import (
    MAX_DOCUMENT_SIZE,
    MAX_LISTED_NAMES,
    NO_INCIDENTS,
    TABLE_SUFFIXES,
    FolderFiles,
    FolderWalk,
    examine_folder,
)
from pytest_postmortem.registry.incident_list import find_list_hint
from pytest_postmortem.registry.located_data import LocatedTable
from pytest_postmortem.registry.raw_entries import (
    RawEntry,
    RegistryContents,
    build_raw_entries,
)
from pytest_postmortem.registry.tables import has_incidents
from pytest_postmortem.text import clean_text, join_some_texts

EXPORT_SUFFIXES = (".json", *TABLE_SUFFIXES)


def read_directory(directory: DocumentDirectory, files: FolderFiles) -> RegistryContents:
    """Return the entries of all documents, by path, and a problem for each that can't be read.

    The findings are about links that are not followed. A document to which a link leads as well
    has the name of the link as a further one.
    """
    walk = files.walk
    paths = [
        path
        for path in files.paths
        if not directory.others
        or os.path.normpath(os.path.join(directory.path, path)) not in directory.others
    ]
    links_by_path = _find_links(directory, paths, walk.inodes)
    linked = {link for links in links_by_path.values() for link in links}
    folder = examine_folder(
        directory.path, (path for path in paths if path not in linked), directory.how.files
    )
    contents = RegistryContents(
        problems=[_build_folder_problem(directory, error) for error in walk.errors],
        findings=list(_check_unfollowed_links(directory, walk)),
    )
    raws: list[RawEntry] = []
    for path, name in folder.names.items():
        try:
            entries = _read_document_entries(directory, path, name, files.contents.get(path))
        except RegistryError as error:
            contents.problems += error.problems
            continue
        if entries is None:
            folder.unread[path] = NO_INCIDENTS
            continue
        links = links_by_path.get(path, ())
        aliases = [clean_text(text) for link in links for text in (split_stem(link), link)]
        raws += (raw._replace(implicit=(*raw.implicit, *aliases)) for raw in entries)
    raws += (_build_unread_file_entry(directory, path) for path in folder.listed)
    raws = sorted(_merge_exported_entries(raws), key=lambda raw: raw.path)
    contents.raws = _resolve_numeric_dates(_make_ids_unique(list(merge_advisories(raws))))
    unread = folder.format_unread()
    contents.notes += [f"{directory.shown}: {unread}"] if unread else []
    contents.notes += filter(None, (raw.derived.get("hint") for raw in contents.raws))
    return contents


def _merge_exported_entries(raws: Sequence[RawEntry]) -> list[RawEntry]:
    """Return entries of which those that two exports have, in JSON and in CSV, are one.

    They have the same id and the same title, in different files.
    """
    merged: dict[tuple[str, str], RawEntry] = {}
    kept = []
    for raw in raws:
        if raw.document:
            kept.append(raw)
            continue
        names = [fields.parse_scalar(raw.values.get(name)) for name in ("id", "title")]
        key = (str(names[0]).casefold(), str(names[1]).casefold())
        first = merged.setdefault(key, raw) if all(names) else None
        if first is None or first is raw or first.path == raw.path:
            kept.append(raw)
            continue
        for name, value in raw.values.items():
            earlier = first.values.get(name)
            if isinstance(earlier, list) and isinstance(value, list):
                earlier += (item for item in value if item not in earlier)
            elif earlier is None:
                first.values[name] = value
    return kept


def _make_ids_unique(raws: list[RawEntry]) -> list[RawEntry]:
    """Return entries whose id from a label or a shortened name is replaced if others have it."""
    if not any("plain_id" in raw.derived for raw in raws):
        return raws
    ids = [(raw.key or find_front_matter_id(raw.values) or "").casefold() for raw in raws]
    counts = Counter(ids)
    return [
        raw if counts[id] == 1 else raw._replace(key=raw.derived.get("plain_id", raw.key))
        for raw, id in zip(raws, ids, strict=True)
    ]


def _resolve_numeric_dates(raws: list[RawEntry]) -> list[RawEntry]:
    """Return entries with the dates such as ``02/03/2026`` whose order the others show."""
    if not any("numeric_date" in raw.derived for raw in raws):
        return raws
    dates = [find_numeric_date(raw.derived.get("numeric_date", "")) for raw in raws]
    orders = find_part_orders(filter(None, dates))
    days = [None if date is None else date.format_iso(orders.get(date.separator)) for date in dates]
    return [
        raw._replace(derived={"date": day, **raw.derived}) if day else raw
        for raw, day in zip(raws, days, strict=True)
    ]


def _find_links(
    directory: DocumentDirectory, paths: Sequence[str], inodes: Mapping[str, int]
) -> dict[str, list[str]]:
    """Return the documents that have several paths: the first, with the others."""
    first: dict[tuple[int, int], str] = {}
    links: dict[str, list[str]] = {}
    found = [inodes.get(path) for path in paths]
    if None not in found and len(set(found)) == len(found):
        return links
    for path in filter(parse_linked_name, paths):
        with suppress(OSError):
            status = os.stat(f"{directory.path}/{path}")
            same = first.setdefault((status.st_dev, status.st_ino), path)
            if same != path:
                links.setdefault(same, []).append(path)
    return links


def _check_unfollowed_links(directory: DocumentDirectory, walk: FolderWalk) -> Iterator[Finding]:
    """Report the links of a directory that are not followed."""
    for link in sorted(walk.loops):
        message = "this link leads back to a folder above it, and is skipped: remove it"
        yield Finding("registry-link", "warning", message, directory.shown_path(link))
    outside = [directory.shown_path(link) for link in sorted(walk.outside)]
    if outside:
        verb = "leads" if len(outside) == 1 else "lead"
        names = join_some_texts(outside, ", ", MAX_LISTED_NAMES)
        message = (
            f"{format_count(len(outside), 'link')} of it {verb} out of the checkout and can't be"
            f" followed: {names}; name where it is in postmortem_registry"
        )
        yield Finding("registry-link", "warning", message, directory.shown)


def _build_folder_problem(directory: DocumentDirectory, error: OSError) -> Problem:
    """Return the problem of a folder that can't be listed."""
    relative = os.path.relpath(str(error.filename), directory.path)
    shown_path = directory.shown if relative == "." else directory.shown_path(relative)
    return build_unreadable_problem(error, READ_REGISTRY, shown_path)


def _build_unread_file_entry(directory: DocumentDirectory, relative: str) -> RawEntry:
    """Return the entry of a file that is named by a glob and not read, such as a PDF."""
    stem = cut_export_tail(split_stem(relative), "html")
    derived = find_date_in_stem(stem) | {"title": clean_text(stem)}
    return build_document_entry(directory, relative, LocatedTable(), stem, derived)._replace(
        key=stem
    )


def _read_document_entries(
    directory: DocumentDirectory, relative: str, name: DocumentName, data: bytes | None
) -> list[RawEntry] | None:
    """Return the entries of a document, or None if it is data that lists no incident.

    ``data`` is its content, if it was read before.
    """
    shown_path = directory.shown_path(relative)
    if data is None:
        file = os.path.join(directory.path, relative)
        data = read_limited_bytes(file, shown_path, READ_DOCUMENT, MAX_DOCUMENT_SIZE)
    text = decode_utf8(data, shown_path, READ_DOCUMENT)
    if name.kind == "data":
        return _read_data_entries(directory, relative, name, text)
    values, lines = read_document_lines(text, shown_path, name.kind)
    derived = find_derived_texts(directory, values, lines, name)
    day = find_folder_date(relative)
    if day and "date" not in derived and not has_date_field(values):
        derived["date"] = day
    if not values and not has_incident_name(name.stem):
        hint = find_list_hint(lines, name.kind, shown_path)
        derived |= {"hint": hint} if hint else {}
    return [build_document_entry(directory, relative, values, name.stem, derived)]


def _read_data_entries(
    directory: DocumentDirectory, relative: str, name: DocumentName, text: str
) -> list[RawEntry] | None:
    """Return the one entry that a YAML or JSON document is, or those that it lists."""
    shown_path = directory.shown_path(relative)
    suffix = os.path.splitext(relative)[1].lower()
    tree = parsers.parse_data_text(text, suffix, failed=READ_DOCUMENT, path=shown_path)
    tree = LocatedTable() if tree is None else tree
    entries: Any = None
    if suffix in EXPORT_SUFFIXES or is_advisory(tree):
        entries = find_export_items(tree)
    if entries is None:
        if is_single_document(tree):
            if _is_other_data(tree, name.stem):
                return None
            derived = {} if has_date_field(tree) else find_date_in_stem(name.stem)
            return [build_document_entry(directory, relative, tree, name.stem, derived)]
        entries = find_wrapped_entries(tree) if isinstance(tree, LocatedTable) else tree
    if suffix in TABLE_SUFFIXES and not has_incidents(entries):
        return None
    raws, problems = build_raw_entries(entries, shown_path)
    if problems:
        raise RegistryError(problems)
    return raws


def _is_other_data(tree: LocatedTable, stem: str) -> bool:
    """Return whether data has no field of a post-mortem, and no name of one."""
    keys = map(fields.normalize_key, tree)
    known = any(fields.find_field(key) or key in fields.ID_KEYS for key in keys)
    return bool(tree) and not (known or has_incident_name(stem))
