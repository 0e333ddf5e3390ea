"""Find the documents below a folder, links included, and say why other files are not read."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from pytest_postmortem.model import format_count
from pytest_postmortem.registry.cache import hash_parts
from pytest_postmortem.registry.filenames import (
    AMBIGUOUS_STEMS,
    HEAD_SIZE,
    MARKDOWN_START,
    DocumentName,
    cut_export_tail,
    has_incident_name,
    is_document_suffix,
    is_ignored_stem,
    is_possible_document,
    is_skipped_folder,
    parse_bundle_name,
    parse_document_name,
    split_stem,
)
from pytest_postmortem.text import join_some_texts

BY_NAME = "by name"
RENDERING = "next to a document of the same name"
INDEX_OF_FOLDER = "with the rows of a folder of the same name"
NO_INCIDENTS = "without incidents"
"""Reasons for which a file is not read; other reasons are a suffix."""

TEXT_KINDS = ("markdown", "rst", "asciidoc", "plain")
TABLE_SUFFIXES = (".csv", ".tsv")
MAX_LISTED_NAMES = 3
MAX_DOCUMENT_SIZE = 5_000_000

ATTACHMENT_SUFFIXES = frozenset(
    "avif bmp cfg css eot fig gif graffle heic ico ini jpeg jpg js lock map mmd mov mp3 mp4 otf "
    "png puml py pyc scss sh svg tif tiff ttf wav webm webp woff woff2".split()
)
"""The suffixes of pictures, code and settings, which no one takes for a post-mortem."""


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

    ``loops`` and ``outside`` are links as paths relative to the folder, ``inodes`` those of the
    files, without links that were followed. Without a checkout around
    the folder, ``root`` is the one that links may not leave.
    """

    def __init__(self, top: str, root: str | None = None) -> None:
        self.errors: list[OSError] = []
        self.loops: list[str] = []
        self.outside: list[str] = []
        self.inodes: dict[str, int] = {}
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
                        self.inodes[relative] = entry.inode()
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
class FolderFiles:
    """The files below a folder, with the contents of those that were read for their digest."""

    walk: FolderWalk
    paths: Sequence[str]
    contents: dict[str, bytes] = field(default_factory=dict)


def list_files(top: str, root: str | None) -> FolderFiles:
    """Return the files below a folder, links last; none of them is read."""
    walk = FolderWalk(top, root)
    return FolderFiles(walk, list(walk.find_files()))


def hash_files(top: str, files: FolderFiles) -> str | None:
    """Return a digest of all readable files below a folder, or None if one can't be read.

    Every run with an unchanged directory computes it, so documents are found by their suffix alone.
    The contents are kept, so that the digest is that of the parsed bytes.
    """
    parts: list[str | bytes] = []
    for relative in sorted(files.paths):
        parts.append(relative)
        if is_possible_document(relative.rpartition("/")[2]):
            data = _read_whole_file(f"{top}/{relative}")
            if data is None:
                return None
            files.contents[relative] = data
            parts.append(data)
    parts += ["links", *files.walk.loops, "outside", *files.walk.outside]
    return None if files.walk.errors else hash_parts(*parts)


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
