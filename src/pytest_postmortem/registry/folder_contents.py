"""Decide which files of a directory are post-mortems, and why the others are not read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from pytest_postmortem.documents.dates import find_iso_dates
from pytest_postmortem.model import format_count
from pytest_postmortem.registry import filenames
from pytest_postmortem.registry.filenames import (
    DocumentName,
    find_id_prefix,
    is_ignored_stem,
    parse_bundle_name,
    parse_document_name,
    split_stem,
)
from pytest_postmortem.text import join_some_texts

TEXT_KINDS = ("markdown", "rst", "asciidoc", "plain")
TABLE_SUFFIXES = (".csv", ".tsv")
MAX_LISTED_NAMES = 3

ATTACHMENT_SUFFIXES = frozenset(
    "avif bmp cfg css eot fig gif graffle heic ico ini jpeg jpg js lock map mmd mov mp3 mp4 otf "
    "png puml py pyc scss sh svg tif tiff ttf wav webm webp woff woff2".split()
)
"""The suffixes of pictures, code and settings, which no one takes for a post-mortem."""


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
        groups = Counter(self.unread.values())
        reasons = [
            _format_unread_group(
                reason, [path for path in self.unread if self.unread[path] == reason]
            )
            for reason, _ in sorted(
                groups.items(), key=lambda group: (group[0][:1] != ".", -group[1])
            )
        ]
        count = len(self.unread)
        verb = "is" if count == 1 else "are"
        suffixes = [reason for reason in groups if reason.startswith(".")]
        if suffixes:
            last = sum(reason.startswith(".") for reason in groups) - 1
            reasons[last] += " (name them with postmortem_files)"
        return f"{format_count(count, 'file')} {verb} not read: {', '.join(reasons)}"


BY_NAME = "by name"
RENDERING = "next to a document of the same name"
INDEX_OF_FOLDER = "with the rows of a folder of the same name"
NO_INCIDENTS = "without incidents"
"""Reasons for which a file is not read; other reasons are a suffix."""


def _format_unread_group(reason: str, paths: Sequence[str]) -> str:
    if reason.startswith("."):
        return f"{len(paths)} {reason}"
    names = join_some_texts([path.rpartition("/")[2] for path in paths], ", ", MAX_LISTED_NAMES)
    return f"{len(paths)} {reason} ({names})"


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
    if name is not None and name.kind == "plain" and not _is_markdown(f"{top}/{relative}"):
        return None
    return name


def _is_markdown(path: str) -> bool:
    """Return whether a file without a suffix is text that begins like Markdown."""
    try:
        with open(path, "rb") as file:
            head = file.read(filenames.HEAD_SIZE)
    except OSError:
        return False
    return b"\0" not in head and filenames.MARKDOWN_START.match(head) is not None


def _sort_other_file(contents: FolderContents, path: str, globs: Sequence[str]) -> None:
    """Note a file that is no document: it is named by a glob, it is not read, or it is nothing."""
    file = path.rpartition("/")[2]
    if is_named_by_glob(path, globs):
        contents.listed.append(path)
    elif not file.startswith("."):
        suffix = os.path.splitext(file)[1].lower()
        if filenames.is_document_suffix(file):
            if split_stem(file).lower() in filenames.AMBIGUOUS_STEMS:
                contents.unread[path] = BY_NAME
        elif suffix and suffix[1:] not in ATTACHMENT_SUFFIXES:
            contents.unread[path] = suffix


def is_named_by_glob(relative: str, globs: Sequence[str]) -> bool:
    """Return whether ``postmortem_files`` names a file."""
    if relative.rpartition("/")[2].startswith(".") or is_ignored_stem(split_stem(relative)):
        return False
    path = PurePosixPath(relative)
    patterns = (glob.removeprefix("**/").strip("/") for glob in globs)
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
        is_section = nested and not _has_incident_name(folder.rpartition("/")[2])
        name = parse_bundle_name(chosen)
        if (
            name is None
            or is_section
            or not (not attached or (has_index and all(map(_is_attachment, attached))))
        ):
            continue
        for path in attached:
            del contents.names[path]
        contents.names[chosen] = name
    contents.names = dict(sorted(contents.names.items()))


def _add_bundle_of_location(contents: FolderContents, top: str, paths: Sequence[str]) -> None:
    """Add the index or the README of a location that is a bundle itself, by its name."""
    folder = os.path.basename(os.path.abspath(top))
    files = [path for path in paths if "/" not in path and parse_bundle_name(f"{folder}/{path}")]
    if files and _has_incident_name(folder):
        chosen = min(files, key=_rank_bundle_file)
        name = parse_bundle_name(f"{folder}/{chosen}")
        if name is not None:
            contents.names[chosen] = name


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


def _has_incident_name(name: str) -> bool:
    return bool(find_iso_dates(name)) or find_id_prefix(name) is not None


def _is_attachment(path: str) -> bool:
    name = parse_document_name(path.rpartition("/")[2])
    return name is not None and name.kind in ("data", "html") and not _has_incident_name(name.stem)


def _drop_repeated_contents(contents: FolderContents) -> None:
    """Drop a page that was made of a document next to it, and the index of an export's folder."""
    rendered = [path for path, name in contents.names.items() if name.kind == "html"]
    tables = [path for path in contents.names if path.lower().endswith(TABLE_SUFFIXES)]
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
    for path in tables:
        folder = f"{_split_folder(path)}/{contents.names[path].stem}".lstrip("/")
        if any(_is_in_exported_folder(other, folder) for other in contents.names):
            del contents.names[path]
            contents.unread[path] = INDEX_OF_FOLDER


def _is_in_exported_folder(path: str, folder: str) -> bool:
    """Return whether a document is in a folder, whose name may have the tail of an export."""
    above = _split_folder(path)
    parent, _, name = above.rpartition("/")
    return bool(name) and f"{parent}/{filenames.cut_export_tail(name)}".lstrip("/") == folder


def _split_folder(relative: str) -> str:
    return relative.rpartition("/")[0]
