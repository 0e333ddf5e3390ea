"""A directory of post-mortems → raw entries: one document an incident, whatever it is written in.

Most collections have no ids in their documents, so that the name of the file must do.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import PurePosixPath
from typing import Any, TypeGuard

from pytest_postmortem.errors import Problem, RegistryError
from pytest_postmortem.model import Finding, count_of
from pytest_postmortem.registry import fields, formats, markup
from pytest_postmortem.registry.files import WRAPPERS, raws_of, read_text, unreadable
from pytest_postmortem.registry.folders import Skipped, walk
from pytest_postmortem.registry.names import (
    Name,
    id_prefix,
    is_left_out,
    iso_dates,
    may_be_read,
    name_of,
)
from pytest_postmortem.registry.reading import READ_DOCUMENT, READ_REGISTRY, Raw
from pytest_postmortem.registry.snapshot import digest
from pytest_postmortem.registry.tables import Table

__all__ = ["Directory", "document", "fingerprint", "front_matter", "read_directory", "walk"]

MAX_SIZE = 5_000_000
HEAD = 4096
MOST_LINKS = 3

_RST_FIELD = re.compile(r":([\w -]+):(?:\s+(.*))?$")
_PLAIN = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:# |---\r?\n|\+\+\+\r?\n)")


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory of post-mortems: where it is, how it is shown, and how its files are read.

    ``root`` is what links may not leave where there is no checkout.
    """

    path: str
    shown: str
    id_pattern: str | None = None
    files: Sequence[str] = ()
    root: str | None = None

    def shown_path(self, relative: str) -> str:
        """Return the path of a file as the reader sees it."""
        return fields.clean_path(relative if self.shown == "." else f"{self.shown}/{relative}")


def document(top: str, relative: str) -> Name | None:
    """Return the name of a file that is a post-mortem; of a plain name, the text decides."""
    name = name_of(relative.rpartition("/")[2])
    if name is not None and name.kind == "plain" and not _is_markdown(f"{top}/{relative}"):
        return None
    return name


def _is_markdown(path: str) -> bool:
    """Say whether a file without an ending begins as Markdown does, and is text."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD)
    except OSError:
        return False
    return b"\0" not in head and _PLAIN.match(head) is not None


def read_directory(directory: Directory) -> tuple[list[Raw], list[Problem], list[Finding]]:
    """Return the entries of all documents, by path, and a problem for each that can't be read.

    The findings are about links that are not followed. A document to which a link leads as well
    has the name of the link as a further one.
    """
    errors: list[OSError] = []
    skipped = Skipped()
    paths = list(walk(directory.path, errors, directory.root, skipped))
    problems = [_closed(directory, error) for error in errors]
    others = _find_other_paths(directory, paths)
    linked = {path for same in others.values() for path in same}
    names = {path: document(directory.path, path) for path in sorted({*paths} - linked)}
    stems = {(_folder(path), name.stem) for path, name in names.items() if name is not None}
    raws: list[Raw] = []
    for path, name in names.items():
        if name is not None:
            try:
                found = _document(directory, path, name)
                more = [each for same in others.get(path, ()) for each in (_stem(same), same)]
                implicit = tuple(map(fields.clean, more))
                raws += (replace(raw, implicit=(*raw.implicit, *implicit)) for raw in found)
            except RegistryError as error:
                problems += error.problems
        elif _is_named(path, directory.files) and (_folder(path), _stem(path)) not in stems:
            raws.append(_file(directory, path))
    return raws, problems, [*_not_followed(directory, skipped)]


def _find_other_paths(directory: Directory, paths: Sequence[str]) -> dict[str, list[str]]:
    """Return the documents that have several paths: the first, with the others."""
    first: dict[tuple[int, int], str] = {}
    others: dict[str, list[str]] = {}
    for path in paths:
        if document(directory.path, path) is not None:
            try:
                status = os.stat(f"{directory.path}/{path}")
            except OSError:
                continue
            same = first.setdefault((status.st_dev, status.st_ino), path)
            if same != path:
                others.setdefault(same, []).append(path)
    return others


def _not_followed(directory: Directory, skipped: Skipped) -> Iterator[Finding]:
    """Report the links of a directory that are not followed."""
    for link in sorted(skipped.loops):
        message = "this link leads back to a folder above it, and is skipped: remove it"
        yield Finding("registry-link", "warning", message, directory.shown_path(link))
    outside = [directory.shown_path(link) for link in sorted(skipped.outside)]
    if outside:
        what, verb = count_of(len(outside), "link"), "leads" if len(outside) == 1 else "lead"
        names = ", ".join(outside[:MOST_LINKS])
        more = f" and {len(outside) - MOST_LINKS} more" if len(outside) > MOST_LINKS else ""
        message = (
            f"{what} of it {verb} out of the checkout, and what is there is not read: {names}"
            f"{more}; name where it is in postmortem_registry"
        )
        yield Finding("registry-link", "warning", message, directory.shown)


def _folder(relative: str) -> str:
    return relative.rpartition("/")[0]


def _stem(relative: str) -> str:
    return os.path.splitext(relative.rpartition("/")[2])[0]


def _closed(directory: Directory, error: OSError) -> Problem:
    """Return the problem of a folder that can't be listed."""
    relative = os.path.relpath(str(error.filename), directory.path)
    shown = directory.shown if relative == "." else directory.shown_path(relative)
    return unreadable(error, READ_REGISTRY, shown)


def _is_named(relative: str, globs: Sequence[str]) -> bool:
    if relative.rpartition("/")[2].startswith(".") or is_left_out(_stem(relative)):
        return False
    path = PurePosixPath(relative)
    patterns = (glob.removeprefix("**/").strip("/") for glob in globs)
    return any(path.match(pattern) for pattern in patterns if pattern.strip("."))


def _file(directory: Directory, relative: str) -> Raw:
    """Return the entry of a file that is named by a glob and not read, such as a PDF."""
    stem = _stem(relative)
    said = _dated_by_name(Table(), stem) | {"title": fields.clean(stem)}
    return replace(_raw(directory, relative, Table(), stem, said), key=stem)


def _document(directory: Directory, relative: str, name: Name) -> list[Raw]:
    shown = directory.shown_path(relative)
    text = read_text(os.path.join(directory.path, relative), shown, READ_DOCUMENT, MAX_SIZE)
    if name.kind == "data":
        return _data(directory, relative, name, text)
    values, lines = front_matter(text, shown, name.kind == "rst")
    said = _said(values, lines, name)
    return [_raw(directory, relative, values, name.stem, said)]


def _data(directory: Directory, relative: str, name: Name, text: str) -> list[Raw]:
    """Return the one entry that a YAML or JSON document is, or those that it lists."""
    shown = directory.shown_path(relative)
    suffix = os.path.splitext(relative)[1].lower()
    tree = formats.parse(text, suffix, failed=READ_DOCUMENT, path=shown)
    tree = Table() if tree is None else tree
    if is_document(tree):
        said = _dated_by_name(tree, name.stem)
        return [_raw(directory, relative, tree, name.stem, said)]
    raws, problems = raws_of(_wrapped(tree) if isinstance(tree, Table) else tree, shown)
    if problems:
        raise RegistryError(problems)
    return raws


def is_document(tree: Any) -> TypeGuard[Table]:
    """Say whether YAML or JSON is one post-mortem, and does not list them."""
    return isinstance(tree, Table) and (_is_entry(tree) or not _wrapped(tree))


def _is_entry(tree: Table) -> bool:
    return any(fields.normal(key) in ("title", *fields.DOCUMENT_IDS) for key in tree)


def _wrapped(tree: Table) -> Any:
    named = (tree[key] for key in tree if fields.normal(key) in WRAPPERS)
    return next((value for value in named if isinstance(value, (list, Mapping))), None)


def _raw(
    directory: Directory, relative: str, values: Table, stem: str, said: Mapping[str, str]
) -> Raw:
    """Return the entry of a document; ``said`` is what its name and its body say."""
    shown = directory.shown_path(relative)
    own = _own_id(values)
    id = _by_pattern(directory.id_pattern, stem)
    if id is None and own is None:
        id = id_prefix(stem) or id_prefix(said.get("heading", "")) or stem
    derived = {"stem": fields.clean(stem), "path": shown, **said}
    names = map(fields.clean, (stem, shown, relative, own or ""))
    implicit = tuple(dict.fromkeys(name for name in names if name))
    return Raw(values, shown, values.line, id, True, derived, implicit)


def _by_pattern(pattern: str | None, stem: str) -> str | None:
    """Return the id that the reader's own pattern finds in a name: its first group, or all."""
    found = None if pattern is None else re.search(pattern, fields.clean(stem))
    if found is None:
        return None
    return (found[1] if found.re.groups else None) or found[0] or None


def _own_id(values: Table) -> str | None:
    """Return the id in the front matter; an empty one is for `entries` to refuse."""
    named = {fields.normal(key): value for key, value in values.items()}
    ids = (named[key] for key in fields.DOCUMENT_IDS if named.get(key) is not None)
    id = next(ids, None)
    return id if id is None or isinstance(id, str) else ""


def _dated_by_name(values: Table, stem: str) -> dict[str, str]:
    dates = iso_dates(stem)
    return {"date": dates[0]} if dates and not _says_date(values) else {}


def _says_date(values: Table) -> bool:
    keys = ("date", *fields.FIELDS["date"])
    own = (value for key, value in values.items() if fields.normal(key) in keys)
    return any(isinstance(value, str) and fields.day(value.strip()) for value in own)


def _said(values: Table, lines: Sequence[str], name: Name) -> dict[str, str]:
    """Return the first heading, and the title, date and root cause that name and body give."""
    rst = name.kind == "rst"
    said = _dated_by_name(values, name.stem)
    heading = markup.first_heading(lines, rst=rst)
    title = markup.title(heading)
    if heading is not None:
        said["heading"] = heading.text
    if title:
        said["title"] = title
    if "date" not in said and not _says_date(values):
        date = markup.said_date(lines, heading, rst=rst)
        said |= {"date": date} if date else {}
    cause = markup.root_cause(lines, rst=rst)
    return said | ({"root_cause": cause} if cause else {})


def front_matter(text: str, shown: str, rst: bool) -> tuple[Table, list[str]]:
    """Return the front matter of a document, and the lines of its body.

    Raises: RegistryError where it can't be read.
    """
    lines = text.split("\n")
    first = lines[0].rstrip()
    if rst:
        return _rst_fields(lines), lines
    if first not in ("---", "+++"):
        return Table(), lines
    ends = ("---", "...") if first == "---" else ("+++",)
    end = next((n for n in range(1, len(lines)) if lines[n].rstrip() in ends), None)
    if end is None:
        return Table(), lines
    suffix = ".yml" if first == "---" else ".toml"
    front = "\n".join(lines[1:end]) + "\n"
    tree = formats.parse(front, suffix, failed=READ_DOCUMENT, path=shown, above=1)
    if not isinstance(tree, Table):
        return Table(), lines
    tree.line = 1
    return tree, lines[end + 1 :]


def _rst_fields(lines: Sequence[str]) -> Table:
    """Return the field list at the top of a document, or right below its title."""
    heading = markup.first_heading(lines, rst=True)
    start = 0
    if heading is not None and not any(line.strip() for line in lines[: heading.start]):
        start = heading.end
    blank = sum(1 for _ in takewhile(lambda line: not line.strip(), lines[start:]))
    table = Table()
    key = ""
    for position in range(start + blank, len(lines)):
        line = lines[position]
        found = _RST_FIELD.match(line)
        if found:
            key = found[1]
            table.line = table.line or position + 1
            table[key] = found[2] or None
            table.lines[key] = position + 1
        elif key and line[:1].isspace() and line.strip():
            table[key] = " ".join(filter(None, (table[key], line.strip())))
        else:
            break
    return table


def fingerprint(directory: Directory) -> str | None:
    """Return a digest of all that may be read of a directory, None where something can't be.

    This is what an unchanged directory costs, so a document is told by its ending alone.
    """
    errors: list[OSError] = []
    parts: list[str | bytes] = []
    skipped = Skipped()
    for relative in sorted(walk(directory.path, errors, directory.root, skipped)):
        parts.append(relative)
        if may_be_read(relative.rpartition("/")[2]):
            data = _whole(f"{directory.path}/{relative}")
            if data is None:
                return None
            parts.append(data)
    parts += ["links", *skipped.loops, "outside", *skipped.outside]
    return None if errors else digest(*parts)


def _whole(path: str) -> bytes | None:
    """Return what a file holds, None where it is too large or can't be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError:
        return None
    try:
        size = os.fstat(descriptor).st_size
        return os.read(descriptor, size + 1) if size <= MAX_SIZE else None
    except OSError:
        return None
    finally:
        os.close(descriptor)
