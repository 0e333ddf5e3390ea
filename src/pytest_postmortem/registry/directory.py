"""Read a directory of post-mortems into raw entries: one document an incident, in any format.

Files are found, links included; `examine_folder` says which of them are documents, and why others
are not read. Most documents have no id; the name of the file replaces it.
"""

from __future__ import annotations

import errno
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import PurePosixPath
from typing import Any, TypeGuard

from pytest_postmortem.documents.dates import find_iso_dates
from pytest_postmortem.errors import Problem, RegistryError
from pytest_postmortem.model import Finding, format_count
from pytest_postmortem.registry import LoadOptions, fields, parsers
from pytest_postmortem.registry.advisories import is_advisory, merge_advisories
from pytest_postmortem.registry.cache import hash_parts
from pytest_postmortem.registry.entry import RawEntry, find_written_day
from pytest_postmortem.registry.file import WRAPPER_KEYS, RegistryContents, build_raw_entries
from pytest_postmortem.registry.file_bytes import (
    READ_DOCUMENT,
    READ_REGISTRY,
    build_unreadable_problem,
    read_limited_text,
)
from pytest_postmortem.registry.filenames import (
    AMBIGUOUS_STEMS,
    BUNDLE_STEMS,
    HEAD_SIZE,
    MARKDOWN_START,
    DocumentKind,
    DocumentName,
    cut_export_tail,
    find_dated_id,
    find_folder_date,
    find_id_prefix,
    has_incident_name,
    is_document_suffix,
    is_ignored_stem,
    is_possible_document,
    is_skipped_folder,
    parse_bundle_name,
    parse_document_name,
    parse_linked_name,
    split_stem,
)
from pytest_postmortem.registry.parsers import LocatedTable
from pytest_postmortem.text import clean_path, clean_text, join_some_texts

TEXT_KINDS = ("markdown", "rst", "asciidoc", "plain")
TABLE_SUFFIXES = (".csv", ".tsv")
MAX_LISTED_NAMES = 3

ATTACHMENT_SUFFIXES = frozenset(
    "avif bmp cfg css eot fig gif graffle heic ico ini jpeg jpg js lock map mmd mov mp3 mp4 otf "
    "png puml py pyc scss sh svg tif tiff ttf wav webm webp woff woff2".split()
)
"""The suffixes of pictures, code and settings, which no one takes for a post-mortem."""

BY_NAME = "by name"
RENDERING = "next to a document of the same name"
INDEX_OF_FOLDER = "with the rows of a folder of the same name"
NO_INCIDENTS = "without incidents"
"""Reasons for which a file is not read; other reasons are a suffix."""

MAX_DOCUMENT_SIZE = 5_000_000
EXPORT_SUFFIXES = (".json", *TABLE_SUFFIXES)

_RST_FIELD = re.compile(r":([\w -]+):(?:\s+(.*))?$")


def find_checkout_above(folder: str) -> str | None:
    """Return the nearest folder above that holds ``.git``, or None."""
    current = os.path.abspath(folder)
    while not os.path.exists(os.path.join(current, ".git")):
        current, child = os.path.dirname(current), current
        if current == child:
            return None
    return current


class FolderWalk:
    """A walk through a folder, which collects what can't be read, and links that aren't followed.

    ``loops`` and ``outside`` are links as paths relative to the folder. Without a checkout around
    the folder, ``root`` is the one that links may not leave.
    """

    def __init__(self, top: str, root: str | None = None) -> None:
        self.errors: list[OSError] = []
        self.loops: list[str] = []
        self.outside: list[str] = []
        self._top = top
        real_top = os.path.realpath(top)
        home = find_checkout_above(top) or root or top
        self._allowed = (real_top, os.path.realpath(home) if _is_in_folder(top, home) else real_top)
        self._seen = {real_top}
        self._folders = [""]
        self._links: list[str] = []

    def find_files(self) -> Iterator[str]:
        """Yield the files below the folder, as paths relative to it.

        Links come after all else, so that a file is known by its own path.
        """
        while self._folders or self._links:
            if self._folders:
                yield from self._list_folder(self._folders.pop())
                continue
            self._links.sort(reverse=True)
            link = self._links.pop()
            path = os.path.join(self._top, link)
            target = os.path.realpath(path)
            above = os.path.realpath(os.path.dirname(path))
            if not os.path.exists(path):
                self.loops += [link] if _is_link_loop(path) else []
            elif not any(_is_in_folder(target, place) for place in self._allowed):
                self.outside.append(link)
            elif os.path.isfile(target):
                yield link
            elif os.path.isdir(target) and _is_in_folder(above, target):
                self.loops.append(link)
            elif os.path.isdir(target):
                self._add_folder(link, target)

    def _list_folder(self, folder: str) -> Iterator[str]:
        """Yield the files of one folder, and note its folders and links."""
        try:
            with os.scandir(os.path.join(self._top, folder)) as entries:
                for entry in entries:
                    relative = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.is_symlink():
                        self._links.append(relative)
                    elif entry.is_dir():
                        self._add_folder(relative, os.path.realpath(entry.path))
                    elif entry.is_file():
                        yield relative
        except OSError as error:
            self.errors.append(error)

    def _add_folder(self, relative: str, real: str) -> None:
        if real not in self._seen and not is_skipped_folder(relative.rpartition("/")[2]):
            self._seen.add(real)
            self._folders.append(relative)


def _is_link_loop(link: str) -> bool:
    """Return whether a link is part of a loop; a link to a missing file is not."""
    try:
        os.stat(link)
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _is_in_folder(path: str, folder: str) -> bool:
    """Return whether a path is a folder, or is below it."""
    path, folder = os.path.abspath(path), os.path.abspath(folder)
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


@dataclass(slots=True)
class FolderContents:
    """The documents below a folder by their paths, the files that a glob names, and the others.

    ``unread`` has the reason for each file that is not read.
    """

    names: dict[str, DocumentName] = field(default_factory=dict)
    listed: list[str] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)

    def format_unread(self) -> str | None:
        """Return one line about the files that are not read, or None if there are none."""
        if not self.unread:
            return None
        groups: dict[str, list[str]] = {}
        for path, reason in self.unread.items():
            groups.setdefault(reason, []).append(path.rpartition("/")[2])
        suffixes, reasons = [], []
        for reason, names in sorted(groups.items(), key=lambda group: -len(group[1])):
            if reason.startswith("."):
                suffixes.append(f"{len(names)} {reason}")
            else:
                shown_names = join_some_texts(names, ", ", MAX_LISTED_NAMES)
                reasons.append(f"{len(names)} {reason} ({shown_names})")
        if suffixes:
            suffixes[-1] += " (name them with postmortem_files)"
        count = len(self.unread)
        verb = "is" if count == 1 else "are"
        return f"{format_count(count, 'file')} {verb} not read: {', '.join(suffixes + reasons)}"


def examine_folder(top: str, paths: Iterable[str], globs: Sequence[str] = ()) -> FolderContents:
    """Return which of the files below a folder are documents; only plain names are opened."""
    contents = FolderContents()
    bundle_files: dict[str, list[str]] = {}
    paths = sorted(paths)
    for path in paths:
        name = detect_document_name(top, path)
        if name is not None:
            contents.names[path] = name
        elif "/" in path and parse_bundle_name(path) is not None:
            bundle_files.setdefault(path.rpartition("/")[0], []).append(path)
        else:
            _sort_other_file(contents, path, globs)
    _add_bundles(contents, bundle_files)
    if not contents.names:
        _add_bundle_of_location(contents, top, paths)
    _drop_repeated_contents(contents)
    stems = {(_split_folder(path), name.stem) for path, name in contents.names.items()}
    contents.listed = [
        path for path in contents.listed if (_split_folder(path), split_stem(path)) not in stems
    ]
    return contents


def detect_document_name(top: str, relative: str) -> DocumentName | None:
    """Return the name of a file that is a post-mortem; of a plain name, the text decides."""
    name = parse_document_name(relative.rpartition("/")[2])
    if name is None or name.kind != "plain":
        return name
    head = b""
    with suppress(OSError), open(f"{top}/{relative}", "rb") as file:
        head = file.read(HEAD_SIZE)
    return name if b"\0" not in head and MARKDOWN_START.match(head) else None


def _sort_other_file(contents: FolderContents, path: str, globs: Sequence[str]) -> None:
    """Note a file that is not a document: one that a glob names, or an unread one."""
    stem, suffix = os.path.splitext(path.rpartition("/")[2])
    suffix = suffix.lower()
    if stem.startswith("."):
        return
    if not is_ignored_stem(stem) and _matches_glob(path, globs):
        contents.listed.append(path)
    elif is_document_suffix(path):
        if stem.lower() in AMBIGUOUS_STEMS:
            contents.unread[path] = BY_NAME
    elif suffix and suffix[1:] not in ATTACHMENT_SUFFIXES:
        contents.unread[path] = suffix


def _matches_glob(relative: str, globs: Sequence[str]) -> bool:
    """Return whether ``postmortem_files`` names a file."""
    patterns = (glob.removeprefix("**/").strip("/") for glob in globs)
    path = PurePosixPath(relative)
    return any(path.match(pattern) for pattern in patterns if pattern.strip("."))


def _add_bundles(contents: FolderContents, bundle_files: dict[str, list[str]]) -> None:
    """Add the folders whose only document is an index or a README; others keep it unread.

    Data next to an index are its attachments, unless one has the name of an incident.
    """
    if not bundle_files:
        return
    full_folders = set(_list_folders_above(contents.names))
    documents: dict[str, list[str]] = {}
    for path in contents.names:
        documents.setdefault(_split_folder(path), []).append(path)
    above_bundles = set(_list_folders_above(f"{folder}/x" for folder in bundle_files))
    for folder, files in bundle_files.items():
        chosen = min(files, key=_rank_bundle_file)
        attached = documents.get(folder, [])
        has_index = split_stem(chosen).split(".")[0].lower() == "index"
        nested = folder in full_folders or folder in above_bundles
        is_section = nested and not has_incident_name(folder.rpartition("/")[2])
        if is_section or (attached and not (has_index and all(map(_is_attachment, attached)))):
            continue
        for path in attached:
            del contents.names[path]
        _add_bundle(contents, chosen, chosen)
    contents.names = dict(sorted(contents.names.items()))


def _add_bundle_of_location(contents: FolderContents, top: str, paths: Sequence[str]) -> None:
    """Add the index or the README of a location that is a bundle itself, by its name."""
    folder = os.path.basename(os.path.abspath(top))
    files = [path for path in paths if "/" not in path and parse_bundle_name(f"{folder}/{path}")]
    if files and has_incident_name(folder):
        chosen = min(files, key=_rank_bundle_file)
        _add_bundle(contents, chosen, f"{folder}/{chosen}")


def _add_bundle(contents: FolderContents, path: str, path_with_folder: str) -> None:
    name = parse_bundle_name(path_with_folder)
    if name is not None:
        contents.names[path] = name


def _list_folders_above(paths: Iterable[str]) -> Iterator[str]:
    """Yield the folders that are two or more levels above each path."""
    for path in paths:
        folder = _split_folder(_split_folder(path))
        while folder:
            yield folder
            folder = _split_folder(folder)


def _rank_bundle_file(path: str) -> tuple[bool, int, bool, str]:
    """Return the key that puts ``index.md`` first, and a translation last."""
    stem = split_stem(path).lower()
    return not stem.startswith("index"), stem.count("."), not stem.endswith(".en"), path


def _is_attachment(path: str) -> bool:
    name = parse_document_name(path.rpartition("/")[2])
    return name is not None and name.kind in ("data", "html") and not has_incident_name(name.stem)


def _drop_repeated_contents(contents: FolderContents) -> None:
    """Drop a page that was made of a document next to it, and the index of an export's folder."""
    rendered = [path for path, name in contents.names.items() if name.kind == "html"]
    if rendered:
        texts = {
            (_split_folder(path), name.stem)
            for path, name in contents.names.items()
            if name.kind in TEXT_KINDS
        }
        for path in rendered:
            if (_split_folder(path), contents.names[path].stem) in texts:
                del contents.names[path]
                contents.unread[path] = RENDERING
    tables = [path for path in contents.names if path.lower().endswith(TABLE_SUFFIXES)]
    if tables:
        folders = set(map(_find_exported_folder, contents.names))
        for path in tables:
            if f"{_split_folder(path)}/{contents.names[path].stem}" in folders:
                del contents.names[path]
                contents.unread[path] = INDEX_OF_FOLDER


def _find_exported_folder(path: str) -> str:
    """Return the folder of a document, without the tail of an export in its name."""
    parent, _, name = _split_folder(path).rpartition("/")
    return f"{parent}/{cut_export_tail(name)}"


def _split_folder(relative: str) -> str:
    return relative.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class DocumentDirectory:
    """A directory of post-mortems: its path, its shown path, and how its files are read.

    ``root`` is the folder that links may not leave if there is no checkout. ``others`` are the
    paths of further locations, whose files are not read a second time.
    """

    path: str
    shown: str
    how: LoadOptions = field(default_factory=LoadOptions)
    root: str | None = None
    others: frozenset[str] = frozenset()

    def shown_path(self, relative: str) -> str:
        """Return the path of a file as the reader sees it."""
        return clean_path(relative if self.shown == "." else f"{self.shown}/{relative}")


def read_directory(directory: DocumentDirectory) -> RegistryContents:
    """Return the entries of all documents, by path, and a problem for each that can't be read.

    The findings are about links that are not followed. A document to which a link leads as well
    has the name of the link as a further one.
    """
    walk = FolderWalk(directory.path, directory.root)
    paths = [
        path
        for path in walk.find_files()
        if not directory.others
        or os.path.normpath(os.path.join(directory.path, path)) not in directory.others
    ]
    links_by_path = _find_links(directory, paths)
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
            entries = _read_document_entries(directory, path, name)
        except RegistryError as error:
            contents.problems += error.problems
            continue
        if entries is None:
            folder.unread[path] = NO_INCIDENTS
            continue
        links = links_by_path.get(path, ())
        aliases = [clean_text(text) for link in links for text in (split_stem(link), link)]
        raws += (replace(raw, implicit=(*raw.implicit, *aliases)) for raw in entries)
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
        names = [fields.parse_scalar(raw.values.get(name)) for name in ("id", "title")]
        key = (str(names[0]).casefold(), str(names[1]).casefold())
        first = None if raw.document or not all(names) else merged.setdefault(key, raw)
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
    ids = [(raw.key or _find_front_matter_id(raw.values) or "").casefold() for raw in raws]
    counts = Counter(ids)
    return [
        raw if counts[id] == 1 else replace(raw, key=raw.derived.get("plain_id", raw.key))
        for raw, id in zip(raws, ids, strict=True)
    ]


def _resolve_numeric_dates(raws: list[RawEntry]) -> list[RawEntry]:
    """Return entries with the dates such as ``02/03/2026`` whose order the others show."""
    if not any("numeric_date" in raw.derived for raw in raws):
        return raws
    from pytest_postmortem.documents.dates import find_numeric_date, find_part_orders

    dates = [find_numeric_date(raw.derived.get("numeric_date", "")) for raw in raws]
    orders = find_part_orders(filter(None, dates))
    days = [None if date is None else date.format_iso(orders.get(date.separator)) for date in dates]
    return [
        replace(raw, derived={"date": day, **raw.derived}) if day else raw
        for raw, day in zip(raws, days, strict=True)
    ]


def _find_links(directory: DocumentDirectory, paths: Sequence[str]) -> dict[str, list[str]]:
    """Return the documents that have several paths: the first, with the others."""
    first: dict[tuple[int, int], str] = {}
    links: dict[str, list[str]] = {}
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
    derived = _find_date_in_stem(stem) | {"title": clean_text(stem)}
    return replace(
        build_document_entry(directory, relative, LocatedTable(), stem, derived), key=stem
    )


def _read_document_entries(
    directory: DocumentDirectory, relative: str, name: DocumentName
) -> list[RawEntry] | None:
    """Return the entries of a document, or None if it is data that lists no incident."""
    shown_path = directory.shown_path(relative)
    text = read_limited_text(
        os.path.join(directory.path, relative), shown_path, READ_DOCUMENT, MAX_DOCUMENT_SIZE
    )
    if name.kind == "data":
        return _read_data_entries(directory, relative, name, text)
    values, lines = read_document_lines(text, shown_path, name.kind)
    derived = find_derived_texts(directory, values, lines, name)
    if "date" not in derived and not _has_date_field(values):
        day = find_folder_date(relative)
        derived |= {"date": day} if day else {}
    if not values and not has_incident_name(name.stem):
        from pytest_postmortem.registry.incident_list import find_list_hint

        hint = find_list_hint(lines, name.kind, shown_path)
        derived |= {"hint": hint} if hint else {}
    return [build_document_entry(directory, relative, values, name.stem, derived)]


def read_document_lines(
    text: str, shown: str, kind: DocumentKind
) -> tuple[LocatedTable, Sequence[str]]:
    """Return the front matter of a document of any kind, and the lines of its body.

    The lines of AsciiDoc and HTML are those of the same text in Markdown.

    Raises: RegistryError where it can't be read.
    """
    if kind not in ("asciidoc", "html"):
        return parse_front_matter(text, shown, kind == "rst")
    from pytest_postmortem.documents.markup import convert_to_markdown

    values, lines = parse_front_matter(text, shown, False)
    converted = convert_to_markdown("\n".join(lines), kind)
    if values or kind == "html":
        return values, converted.lines
    for key, (value, line) in converted.attributes.items():
        values.line = values.line or line
        values[key] = value or None
        values.lines[key] = line
    return values, converted.lines


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
        from pytest_postmortem.registry.exports import find_export_items

        entries = find_export_items(tree)
    if entries is None:
        if is_single_document(tree):
            if _is_other_data(tree, name.stem):
                return None
            derived = {} if _has_date_field(tree) else _find_date_in_stem(name.stem)
            return [build_document_entry(directory, relative, tree, name.stem, derived)]
        entries = _find_wrapped_entries(tree) if isinstance(tree, LocatedTable) else tree
    if suffix in TABLE_SUFFIXES:
        from pytest_postmortem.registry.tables import has_incidents

        if not has_incidents(entries):
            return None
    raws, problems = build_raw_entries(entries, shown_path)
    if problems:
        raise RegistryError(problems)
    return raws


def is_single_document(tree: Any) -> TypeGuard[LocatedTable]:
    """Return whether YAML or JSON is one post-mortem, and not a list of them."""
    return isinstance(tree, LocatedTable) and (
        _has_entry_keys(tree) or not _find_wrapped_entries(tree)
    )


def _is_other_data(tree: LocatedTable, stem: str) -> bool:
    """Return whether data has no field of a post-mortem, and no name of one."""
    keys = map(fields.normalize_key, tree)
    known = any(fields.find_field(key) or key in fields.ID_KEYS for key in keys)
    return bool(tree) and not (known or has_incident_name(stem))


def _has_entry_keys(tree: LocatedTable) -> bool:
    return any(fields.normalize_key(key) in ("title", *fields.DOCUMENT_ID_KEYS) for key in tree)


def _find_wrapped_entries(tree: LocatedTable) -> Any:
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
    written_id = _find_front_matter_id(values)
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


def _find_front_matter_id(values: LocatedTable) -> str | None:
    """Return the id in the front matter; `build_entries` refuses an empty one."""
    values_by_key = {fields.normalize_key(key): value for key, value in values.items()}
    ids = map(values_by_key.get, fields.DOCUMENT_ID_KEYS)
    id = next((id for id in ids if id is not None), None)
    return id if id is None or isinstance(id, str) else ""


def _find_date_in_stem(stem: str) -> dict[str, str]:
    """Return the date in the name of a file, or one whose parts are of unknown order."""
    from pytest_postmortem.documents.dates import find_date, find_numeric_date
    from pytest_postmortem.documents.labels import load_labels

    iso_dates = find_iso_dates(stem)
    date = iso_dates[0] if iso_dates else find_date(stem, load_labels().months)
    numeric_date = None if date else find_numeric_date(stem)
    derived = {"date": date} if date else {}
    return derived | ({"numeric_date": str(numeric_date)} if numeric_date else {})


def _has_date_field(values: LocatedTable) -> bool:
    keys = ("date", *fields.FIELD_SYNONYMS["date"])
    dates = (value for key, value in values.items() if fields.normalize_key(key) in keys)
    return any(isinstance(value, str) and find_written_day(value.strip()) for value in dates)


def find_derived_texts(
    directory: DocumentDirectory,
    values: LocatedTable,
    lines: Sequence[str],
    name: DocumentName,
) -> dict[str, str]:
    """Return the first heading, and the fields that the name and the body of a document state."""
    from pytest_postmortem.documents.labels import load_labels
    from pytest_postmortem.documents.stated_fields import read_stated_fields

    rst = name.kind == "rst"
    labels = load_labels(directory.how.vocabulary)
    severities = tuple(directory.how.severities)
    stated = read_stated_fields(lines, labels, severities, stem=name.stem, rst=rst)
    derived = {**stated.texts}
    if stated.heading is not None:
        derived["heading"] = stated.heading.text
    if stated.numeric_date is not None:
        derived["numeric_date"] = str(stated.numeric_date)
    if _has_date_field(values):
        derived.pop("date", None)
    else:
        derived |= _find_date_in_stem(name.stem)
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
    from pytest_postmortem.documents import head as document_head

    heading = document_head.find_first_heading(lines, rst=True)
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


def hash_directory(directory: DocumentDirectory) -> str | None:
    """Return a digest of all readable files of a directory, or None if one can't be read.

    Every run with an unchanged directory computes it, so documents are found by their suffix alone.
    """
    walk = FolderWalk(directory.path, directory.root)
    parts: list[str | bytes] = []
    for relative in sorted(walk.find_files()):
        parts.append(relative)
        if is_possible_document(relative.rpartition("/")[2]):
            data = _read_whole_file(f"{directory.path}/{relative}")
            if data is None:
                return None
            parts.append(data)
    parts += ["links", *walk.loops, "outside", *walk.outside]
    return None if walk.errors else hash_parts(*parts)


def _read_whole_file(path: str) -> bytes | None:
    """Return the content of a file, or None if it is too large or can't be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError:
        return None
    try:
        size = os.fstat(descriptor).st_size
        return os.read(descriptor, size + 1) if size <= MAX_DOCUMENT_SIZE else None
    except OSError:
        return None
    finally:
        os.close(descriptor)
