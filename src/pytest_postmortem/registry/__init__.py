"""Locations → one `Registry` of all post-mortems, with every problem of all of them at once."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_postmortem.errors import Problem, RegistryError
from pytest_postmortem.model import Finding, Location, Registry
from pytest_postmortem.options import places

if TYPE_CHECKING:
    from pytest_postmortem.registry.entries import Entry

__all__ = ["find", "load"]

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_CREDENTIALS = re.compile(r"//[^/?#]*@")


def load(
    locations: Sequence[Location],
    root: Path,
    *,
    id_pattern: str | None = None,
    files: Sequence[str] = (),
    url_template: str | None = None,
) -> Registry:
    """Read all locations and merge what they hold.

    ``id_pattern`` finds the ids of documents in their names, ``files`` are globs of files that
    are listed and not read, ``url_template`` gives links to what has none.

    Raises: RegistryError with all problems of all locations.
    """
    from pytest_postmortem.registry.files import bad_template
    from pytest_postmortem.registry.merge import build, duplicates, merge

    problems = [] if url_template is None else bad_template(url_template)
    findings: list[Finding] = []
    read: list[list[Entry]] = []
    shown = tuple(_shown(location, root) for location in locations)
    for location, text in zip(locations, shown, strict=True):
        try:
            entries, wrong = _read(location, text, (id_pattern, files, url_template))
        except RegistryError as error:
            problems += error.problems
            continue
        problems += wrong + duplicates(entries)
        read.append(entries)
        if not entries:
            findings.append(_empty(text))
    if problems:
        raise RegistryError(problems)
    postmortems, index, more = build(merge(read))
    return Registry(postmortems, index, shown, (*findings, *more))


def _read(
    location: Location, shown: str, how: tuple[str | None, Sequence[str], str | None]
) -> tuple[list[Entry], list[Problem]]:
    from pytest_postmortem.registry.documents import Directory, read_directory
    from pytest_postmortem.registry.entries import from_raws
    from pytest_postmortem.registry.files import load_file, unreadable
    from pytest_postmortem.registry.reading import READ_REGISTRY

    if _REMOTE.match(location.text):
        raise RegistryError([_remote(shown)])
    id_pattern, files, url_template = how
    try:
        path = os.path.normpath(location.path)
        is_directory = stat.S_ISDIR(os.stat(path).st_mode)
    except (OSError, ValueError, RuntimeError) as error:
        raise RegistryError([unreadable(error, READ_REGISTRY, shown)]) from None
    if not is_directory:
        return load_file(path, shown, url_template)
    raws, problems = read_directory(Directory(path, shown, id_pattern, files))
    entries, wrong = from_raws(raws, url_template=url_template)
    return entries, problems + wrong


def _shown(location: Location, root: Path) -> str:
    """Return a location as the reader sees it: below the root, or as it was given, no secrets."""
    if _REMOTE.match(location.text):
        return _CREDENTIALS.sub("//…@", re.split("[?#]", location.text)[0])
    try:
        path = Path(os.path.normpath(location.path))
        return path.relative_to(os.path.abspath(root)).as_posix()
    except (ValueError, RuntimeError):
        return location.text


def _remote(shown: str) -> Problem:
    return Problem(
        "registry-location",
        "Couldn't read registry",
        "this version reads files and directories, no addresses and no services",
        "name a file or a directory in the checkout",
        shown,
    )


def _empty(shown: str) -> Finding:
    message = "there is no post-mortem in it: write the first, or correct the path"
    return Finding("registry-empty", "warning", message, shown)


def find(root: Path) -> Path | None:
    """Return where a registry is, if nobody says: under the root, or above it in its repository.

    A directory counts only when a post-mortem is in it.
    """
    return next((place for place in map(Path, places(str(root))) if _is_registry(place)), None)


def _is_registry(place: Path) -> bool:
    if place.suffix:
        return os.path.isfile(place)
    if not os.path.isdir(place) or os.path.exists(place / "__init__.py"):
        return False
    from pytest_postmortem.registry.documents import document, walk

    return any(document(str(place), relative) for relative in walk(str(place), []))
