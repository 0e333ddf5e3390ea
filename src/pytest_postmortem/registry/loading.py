"""All locations together → one `Registry`; what has not changed since the last run is not parsed.

The digest of everything that locations hold is the key of one snapshot of the whole registry.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_postmortem.errors import Problem, RegistryError
from pytest_postmortem.model import Finding, Location, Registry
from pytest_postmortem.registry import fields
from pytest_postmortem.registry.entries import Entry, from_raws
from pytest_postmortem.registry.files import (
    Contents,
    bad_template,
    load_file,
    parse_file,
    unreadable,
)
from pytest_postmortem.registry.how import How
from pytest_postmortem.registry.reading import READ_REGISTRY
from pytest_postmortem.registry.snapshot import (
    Store,
    digest,
    registry_from,
    registry_to,
)
from pytest_postmortem.registry.tables import Table

if TYPE_CHECKING:
    from pytest_postmortem.registry.fetching import Part

__all__ = ["Loader", "is_remote"]

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_CREDENTIALS = re.compile(r"//(?:[^/?#]*@|[^/?#@:]*:(?!\d*(?:[/?#]|$)).*@)")
"""What stands before a host, be it written with characters that belong behind it."""


def is_remote(text: str) -> bool:
    """Say whether a location is an address or a service, not a file or a directory."""
    return _REMOTE.match(text) is not None


@dataclass(frozen=True, slots=True)
class _Batch:
    """What one location holds, read."""

    entries: Sequence[Entry]
    problems: Sequence[Problem] = ()
    findings: Sequence[Finding] = ()
    partial: str | None = None


class _Place:
    """One location: what tells whether it has changed, and how to read it.

    ``mark`` is None where that can't be told. ``plain`` is the digest of a file that holds all
    of its entries itself, ``more`` says that it names a source of further ones.
    """

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.mark: str | None = None
        self.plain: str | None = None
        self.part: Part | None = None
        self.more = False

    def read(self, how: How) -> _Batch:
        """Return what the location holds."""
        assert self.part is not None
        return _Batch(self.part.entries, (), self.part.findings)

    def still(self) -> bool:
        """Say whether the location is what it was when it was opened."""
        return True


class _Broken(_Place):
    """A location that can't be opened."""

    def __init__(self, error: RegistryError) -> None:
        super().__init__("")
        self._error = error

    def read(self, how: How) -> _Batch:
        raise self._error


class _File(_Place):
    """A registry file, which may say where further entries are."""

    def __init__(self, path: str, shown: str) -> None:
        super().__init__(shown)
        self._path = path
        self._data = load_file(path, shown)
        self._contents: Contents | None = None
        self.mark = digest(self._data)

    @property
    def contents(self) -> Contents:
        """What stands in the file, parsed once."""
        if self._contents is None:
            self._contents = parse_file(self._data, self._path, self.shown)
        return self._contents

    def read(self, how: How) -> _Batch:
        found = self.contents
        template = found.url_template or how.url_template
        entries, wrong = from_raws(found.raws, prefix=found.prefix, url_template=template)
        problems = sorted([*found.problems, *wrong], key=lambda problem: problem.line or 0)
        partial = found.partial and f"{self.shown}: {found.partial}"
        return _Batch(entries, problems, (), partial)


class _Directory(_Place):
    """A directory of documents."""

    def __init__(self, path: str, shown: str, how: How, root: str) -> None:
        from pytest_postmortem.registry.documents import Directory

        super().__init__(shown)
        self._directory = Directory(path, shown, how.id_pattern, how.files, root)
        self._kept = how.cache is not None
        self.mark = self._mark()

    def _mark(self) -> str | None:
        from pytest_postmortem.registry.documents import fingerprint

        return fingerprint(self._directory) if self._kept else None

    def read(self, how: How) -> _Batch:
        from pytest_postmortem.registry.documents import read_directory

        raws, problems, findings = read_directory(self._directory)
        entries, wrong = from_raws(raws, url_template=how.url_template)
        return _Batch(entries, [*problems, *wrong], findings)

    def still(self) -> bool:
        return self.mark is not None and self.mark == self._mark()


class Loader:
    """Opens all locations, and reads those of which no snapshot is left."""

    def __init__(self, locations: Sequence[Location], root: Path, how: How) -> None:
        self._locations = locations
        self._root = root
        self._how = how
        self._store = Store(how.cache)
        self._problems: list[Problem] = []

    def load(self) -> Registry:
        """Return the registry.

        Raises: RegistryError with all problems of all locations.
        """
        self._check_template()
        name = self._name()
        stored = self._store.read(name)
        places = list(self._open(frozenset(stored.head["plain"] if stored else ())))
        key = _key(places)
        if stored is not None and key is not None and stored.head["key"] == key:
            registry = registry_from(stored.data(), stored.head["partial"])
        else:
            registry = self._read(places)
            if self._problems:
                raise RegistryError(self._problems)
            if key is not None and all(place.still() for place in places):
                plain = [place.plain for place in places if place.plain is not None]
                head = {"key": key, "plain": plain, "partial": registry.partial}
                self._store.write(name, head, registry_to(registry))
        return _with_trouble(registry, places)

    def examine(self) -> tuple[Registry, tuple[Problem, ...]]:
        """Return the registry as far as it can be read, and everything that is wrong with it."""
        self._check_template()
        places = list(self._open(frozenset()))
        registry = _with_trouble(self._read(places), places)
        return registry, tuple(self._problems)

    def _check_template(self) -> None:
        if self._how.url_template is not None:
            self._problems += bad_template(self._how.url_template)

    def _name(self) -> str:
        how = self._how
        texts = [f"{location.folder}\0{location.text}" for location in self._locations]
        settings = (how.id_pattern, list(how.files), how.url_template, how.show, how.synced)
        more = digest(repr((str(self._root), settings, sorted(how.keep), how.fetched_only)))
        return f"registry-{digest(repr(texts))}-{more}"

    def _open(self, plain: frozenset[str]) -> Iterable[_Place]:
        """Open all locations; the synced file stands where the first would be fetched."""
        synced = self._how.synced
        if synced is None:
            for location in self._locations:
                yield from self._tried(location, plain)
            return
        standing = False
        for location in self._locations:
            own = [] if is_remote(location.text) else self._tried(location, plain)
            if not standing and (is_remote(location.text) or any(each.more for each in own)):
                standing = True
                yield from self._tried(synced, plain)
            yield from own
        if not standing and synced.path.exists():
            yield from self._tried(synced, plain)

    def _tried(self, location: Location, plain: frozenset[str]) -> list[_Place]:
        try:
            shown = _shown(location, self._root)
            if is_remote(location.text):
                return [self._remote(location.text, shown)]
            return self._local(location, shown, plain)
        except RegistryError as error:
            return [_Broken(error)]

    def _local(self, location: Location, shown: str, plain: frozenset[str]) -> list[_Place]:
        """Open a file or a directory, and the source that a file may name."""
        try:
            path = os.path.normpath(location.path)
            is_directory = stat.S_ISDIR(os.stat(path).st_mode)
        except (OSError, ValueError, RuntimeError) as error:
            if location is self._how.synced:
                raise RegistryError([_not_synced(shown)]) from None
            raise RegistryError([unreadable(error, READ_REGISTRY, shown)]) from None
        root = str(self._root)
        if is_directory:
            return [] if self._how.fetched_only else [_Directory(path, shown, self._how, root)]
        file = _File(path, shown)
        if file.mark in plain:
            file.plain = file.mark
            return [file]
        block = file.contents.source
        file.more = block is not None
        if block is None:
            file.plain = file.mark
        own: list[_Place] = [] if self._how.fetched_only else [file]
        if block is None or self._how.synced is not None:
            return own
        return [self._fetched(block, shown, file.contents), *own]

    def _remote(self, text: str, shown: str) -> _Place:
        """Open an address, a service, or what a plugin knows."""
        scheme = text.partition(":")[0].lower()
        block = Table()
        if scheme in ("http", "https"):
            block["url"] = text
            return self._fetched(block, shown)
        given = self._asked(text, scheme)
        if given is not None:
            from pytest_postmortem.registry import fetching

            return self._placed(fetching.ask(text, shown, self._how, given))
        block["preset"] = text
        return self._fetched(block, shown)

    def _asked(self, text: str, scheme: str) -> Any:
        """Return what a plugin gives for a location, or the error that it raises; None for none.

        Offline it is not asked, and its copy stands for it.
        """
        from pytest_postmortem.registry import fetching, presets

        if self._how.ask is None:
            return None
        if self._how.offline:
            return () if scheme not in presets.SERVICES or fetching.kept(text, self._how) else None
        try:
            return self._how.ask(text)
        except Exception as error:  # whatever somebody's plugin does
            return error

    def _placed(self, part: Part) -> _Place:
        place = _Place(part.shown)
        place.part, place.mark = part, part.digest
        return place

    def _fetched(self, block: Table, shown: str, file: Contents | None = None) -> _Place:
        from pytest_postmortem.registry import fetching, presets
        from pytest_postmortem.registry.sources import source_from

        named = str(block.get("preset") or block.get("url") or "")
        sure = None
        if "preset" in block:
            own = block.get("fields")
            sure = tuple(own) if isinstance(own, Table) else ()
            block = presets.expand(str(block["preset"] or ""), shown, block)
        source = replace(source_from(block, shown, block.line), sure=sure)
        if file is not None:
            source = replace(source, shown=_without_secrets(named))
        template = (file and file.url_template) or self._how.url_template
        return self._placed(
            fetching.fetch(source, self._how, file.prefix if file else "", template)
        )

    def _read(self, places: Iterable[_Place]) -> Registry:
        """Read all places, and merge what they hold."""
        from pytest_postmortem.registry.merge import build, duplicates, merge

        findings: list[Finding] = []
        batches = []
        for place in places:
            try:
                batch = place.read(self._how)
            except RegistryError as error:
                self._problems += error.problems
                continue
            batches.append(batch)
            findings += batch.findings
            self._problems += [*batch.problems, *duplicates(batch.entries)]
            empty = not (batch.entries or batch.problems)
            if empty and not (place.part and place.part.missing) and not place.more:
                findings.append(_empty(place.shown))
        postmortems, index, more = build(merge([batch.entries for batch in batches]))
        partial = tuple(batch.partial for batch in batches if batch.partial)
        return Registry(postmortems, index, (), (*findings, *more), partial)


def _key(places: Iterable[_Place]) -> str | None:
    """Return what changes when any place does, None where that can't be told."""
    marks = [(place.shown, place.mark) for place in places]
    return None if any(mark is None for _, mark in marks) else digest(repr(marks))


def _with_trouble(registry: Registry, places: Sequence[_Place]) -> Registry:
    """Return a registry with what is different each time: how its locations were reached."""
    parts = [place.part for place in places if place.part is not None]
    shown = [place.part.shown if place.part else place.shown for place in places]
    trouble = [finding for part in parts for finding in part.trouble]
    partial = [part.partial for part in parts if part.partial]
    return replace(
        registry,
        locations=tuple(dict.fromkeys(filter(None, shown))),
        findings=(*trouble, *registry.findings),
        partial=tuple(dict.fromkeys([*registry.partial, *partial])),
        unreachable=tuple(part.shown for part in parts if part.missing),
        shrunk=tuple(part.shown for part in parts if part.shrunk),
    )


def _shown(location: Location, root: Path) -> str:
    """Return a location as the reader sees it: below the root, or as it was given, no secrets."""
    if is_remote(location.text):
        return _without_secrets(location.text)
    try:
        path = Path(os.path.normpath(location.path))
        return fields.escape_bytes(path.relative_to(os.path.abspath(root)).as_posix())
    except (ValueError, RuntimeError):
        return fields.escape_bytes(location.text)


def _without_secrets(text: str) -> str:
    """Return an address without its query and what stands before its host, be they secret."""
    return re.split("[?#]", _CREDENTIALS.sub("//…@", text))[0]


def _not_synced(shown: str) -> Problem:
    cause, remedy = "it has not been written yet", "run `pytest-postmortem sync`"
    return Problem("registry-location", READ_REGISTRY, cause, remedy, shown)


def _empty(shown: str) -> Finding:
    message = "there is no post-mortem in it: write the first, or correct the path"
    return Finding("registry-empty", "warning", message, shown)
