"""Load all locations into one `Registry`; unchanged ones are not parsed again.

The digest of the content of all locations is the key of one snapshot of the whole registry.
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
from pytest_postmortem.registry.cache import (
    SnapshotStore,
    deserialize_registry,
    hash_parts,
    serialize_registry,
)
from pytest_postmortem.registry.entry import READ_REGISTRY, RegistryEntry, build_entries
from pytest_postmortem.registry.file import (
    RegistryContents,
    build_unreadable_problem,
    check_url_template,
    parse_registry_file,
    read_registry_file,
)
from pytest_postmortem.registry.load_options import LoadOptions
from pytest_postmortem.registry.parsers import LocatedTable
from pytest_postmortem.registry.sync_header import is_limited_sync_file
from pytest_postmortem.text import escape_bytes

if TYPE_CHECKING:
    from pytest_postmortem.registry.remote.fallback import FetchResult

_REMOTE_LOCATION = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_URL_CREDENTIALS = re.compile(r"//(?:[^/?#]*@|[^/?#@:]*:(?!\d*(?:[/?#]|$)).*@)")
"""The part of an address before its host, even if it contains characters such as ``/``."""


def is_remote_location(text: str) -> bool:
    """Return whether a location is an address or a service, not a file or a directory."""
    return _REMOTE_LOCATION.match(text) is not None


@dataclass(frozen=True, slots=True)
class _LocationContents:
    """The content of one location."""

    entries: Sequence[RegistryEntry]
    problems: Sequence[Problem] = ()
    findings: Sequence[Finding] = ()
    partial: str | None = None
    notes: Sequence[str] = ()


class _OpenedLocation:
    """A location that was opened: a digest of its content, and how to read it.

    ``mark`` is the digest, None if it is unknown. ``plain`` is the digest of a file without a
    source block, ``more`` says that the file has one, ``limited`` that `sync` wrote it without the
    fields that may not be shown.
    """

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.mark: str | None = None
        self.plain: str | None = None
        self.part: FetchResult | None = None
        self.more = False
        self.limited = False

    def read(self, how: LoadOptions) -> _LocationContents:
        """Return the content of the location."""
        assert self.part is not None
        return _LocationContents(self.part.entries, (), self.part.findings)

    def is_unchanged(self) -> bool:
        """Return whether the location is unchanged since it was opened."""
        return True


class _BrokenLocation(_OpenedLocation):
    """A location that can't be opened."""

    def __init__(self, error: RegistryError) -> None:
        super().__init__("")
        self._error = error

    def read(self, how: LoadOptions) -> _LocationContents:
        raise self._error


class _FileLocation(_OpenedLocation):
    """A registry file, which may have a source block for further entries."""

    def __init__(self, path: str, shown: str, how: LoadOptions) -> None:
        super().__init__(shown)
        self._path = path
        self._how = how
        self._data = read_registry_file(path, shown)
        self._contents: RegistryContents | None = None
        self.mark = hash_parts(self._data)
        self.limited = is_limited_sync_file(self._data)

    @property
    def contents(self) -> RegistryContents:
        """The content of the file, parsed once."""
        if self._contents is None:
            self._contents = parse_registry_file(self._data, self._path, self.shown, self._how)
        return self._contents

    def read(self, how: LoadOptions) -> _LocationContents:
        contents = self.contents
        template = contents.url_template or how.url_template
        built = build_entries(
            contents.raws,
            prefix=contents.prefix,
            url_template=template,
            severities=how.severities,
        )
        problems = sorted(
            [*contents.problems, *built.problems], key=lambda problem: problem.line or 0
        )
        partial = contents.partial and f"{self.shown}: {contents.partial}"
        return _LocationContents(built.entries, problems, built.findings, partial)


class _DirectoryLocation(_OpenedLocation):
    """A directory of documents."""

    def __init__(
        self, path: str, shown: str, how: LoadOptions, root: str, others: frozenset[str]
    ) -> None:
        from pytest_postmortem.registry.directory import DocumentDirectory

        super().__init__(shown)
        self._directory = DocumentDirectory(
            path,
            shown,
            how.id_pattern,
            how.files,
            root,
            how.vocabulary,
            tuple(how.severities),
            others,
        )
        self._kept = how.cache is not None
        self.mark = self._hash_contents()

    def _hash_contents(self) -> str | None:
        from pytest_postmortem.registry.directory import hash_directory

        return hash_directory(self._directory) if self._kept else None

    def read(self, how: LoadOptions) -> _LocationContents:
        from pytest_postmortem.registry.directory import read_directory

        result = read_directory(self._directory)
        built = build_entries(result.raws, url_template=how.url_template, severities=how.severities)
        return _LocationContents(
            built.entries,
            [*result.problems, *built.problems],
            [*result.findings, *built.findings],
            notes=result.notes,
        )

    def is_unchanged(self) -> bool:
        return self.mark is not None and self.mark == self._hash_contents()


class RegistryLoader:
    """Opens all locations, and reads them if no snapshot is valid."""

    def __init__(self, locations: Sequence[Location], root: Path, how: LoadOptions) -> None:
        self._locations = locations
        self._root = root
        self._how = how
        self._store = SnapshotStore(how.cache)
        self._problems: list[Problem] = []

    def load(self) -> Registry:
        """Return the registry.

        Raises: RegistryError with all problems of all locations.
        """
        self._check_template()
        name = self._name()
        stored = self._store.read(name)
        places = list(self._open(frozenset(stored.head["plain"] if stored else ())))
        key = _build_snapshot_key(places)
        if stored is not None and key is not None and stored.head["key"] == key:
            registry = deserialize_registry(
                stored.data(), stored.head["partial"], stored.head["notes"]
            )
        else:
            registry = self._read(places)
            if self._problems:
                raise RegistryError(self._problems)
            if key is not None and all(place.is_unchanged() for place in places):
                plain = [place.plain for place in places if place.plain is not None]
                head = {
                    "key": key,
                    "plain": plain,
                    "partial": registry.partial,
                    "notes": registry.notes,
                }
                self._store.write(name, head, serialize_registry(registry))
        return _add_fetch_results(registry, places)

    def load_with_problems(self) -> tuple[Registry, tuple[Problem, ...]]:
        """Return the registry as far as it can be read, and everything that is wrong with it."""
        self._check_template()
        places = list(self._open(frozenset()))
        registry = _add_fetch_results(self._read(places), places)
        return registry, tuple(self._problems)

    def _check_template(self) -> None:
        if self._how.url_template is not None:
            self._problems += check_url_template(self._how.url_template)

    def _name(self) -> str:
        how = self._how
        texts = [f"{location.folder}\0{location.text}" for location in self._locations]
        settings = (
            how.id_pattern,
            list(how.files),
            how.vocabulary,
            list(how.severities),
            how.url_template,
            how.show,
            how.synced,
        )
        settings_digest = hash_parts(
            repr((str(self._root), settings, sorted(how.keep), how.fetched_only))
        )
        return f"registry-{hash_parts(repr(texts))}-{settings_digest}"

    def _open(self, plain: frozenset[str]) -> Iterable[_OpenedLocation]:
        """Open all locations; the synced file replaces the first one that would be fetched."""
        synced = self._how.synced
        if synced is None:
            for location in self._locations:
                yield from self._tried(location, plain)
            return
        synced_opened = False
        for location in self._locations:
            local_places = [] if is_remote_location(location.text) else self._tried(location, plain)
            if not synced_opened and (
                is_remote_location(location.text) or any(opened.more for opened in local_places)
            ):
                synced_opened = True
                yield from self._tried(synced, plain)
            yield from local_places
        if not synced_opened and synced.path.exists():
            yield from self._tried(synced, plain)

    def _tried(self, location: Location, plain: frozenset[str]) -> list[_OpenedLocation]:
        try:
            shown = _format_location(location, self._root)
            if is_remote_location(location.text):
                return [self._open_remote(location.text, shown)]
            return self._open_local(location, shown, plain)
        except RegistryError as error:
            return [_BrokenLocation(error)]

    def _open_local(
        self, location: Location, shown: str, plain: frozenset[str]
    ) -> list[_OpenedLocation]:
        """Open a file or a directory, and the source block of a file."""
        try:
            path = os.path.normpath(location.path)
            is_directory = stat.S_ISDIR(os.stat(path).st_mode)
        except (OSError, ValueError, RuntimeError) as error:
            if location is self._how.synced:
                raise RegistryError([_build_not_synced_problem(shown)]) from None
            raise RegistryError([build_unreadable_problem(error, READ_REGISTRY, shown)]) from None
        root = str(self._root)
        if is_directory:
            if self._how.fetched_only:
                return []
            return [_DirectoryLocation(path, shown, self._how, root, self._find_local_paths())]
        file = _FileLocation(path, shown, self._how)
        if file.mark in plain:
            file.plain = file.mark
            return [file]
        block = file.contents.source
        file.more = block is not None
        if block is None:
            file.plain = file.mark
        local_places: list[_OpenedLocation] = [] if self._how.fetched_only else [file]
        if block is None or self._how.synced is not None:
            return local_places
        return [self._fetch_source(block, shown, file.contents), *local_places]

    def _find_local_paths(self) -> frozenset[str]:
        """Return the paths of all locations that are not fetched."""
        local = (each for each in self._locations if not is_remote_location(each.text))
        return frozenset(os.path.normpath(location.path) for location in local)

    def _open_remote(self, text: str, shown: str) -> _OpenedLocation:
        """Open an address, a service, or a location that a plugin reads."""
        scheme = text.partition(":")[0].lower()
        block = LocatedTable()
        if scheme in ("http", "https"):
            block["url"] = text
            return self._fetch_source(block, shown)
        provided = self._asked(text, scheme)
        if provided is not None:
            from pytest_postmortem.registry.remote import fallback

            return self._build_remote_location(
                fallback.take_plugin_entries(text, shown, self._how, provided)
            )
        block["preset"] = text
        return self._fetch_source(block, shown)

    def _asked(self, text: str, scheme: str) -> Any:
        """Return a plugin's entries for a location, the error that it raised, or None.

        Offline no plugin is called, and its copy is used.
        """
        from pytest_postmortem.registry.remote import fallback, presets

        if self._how.ask is None:
            return None
        if self._how.offline:
            return (
                ()
                if scheme not in presets.PRESET_SERVICES
                or fallback.has_plugin_copy(text, self._how)
                else None
            )
        try:
            return self._how.ask(text)
        except Exception as error:  # a plugin may raise anything
            return error

    def _build_remote_location(self, part: FetchResult) -> _OpenedLocation:
        place = _OpenedLocation(part.shown)
        place.part, place.mark = part, part.digest
        return place

    def _fetch_source(
        self, block: LocatedTable, shown: str, file: RegistryContents | None = None
    ) -> _OpenedLocation:
        from pytest_postmortem.registry.remote import fallback, presets
        from pytest_postmortem.registry.remote.source_config import parse_source_block

        source_text = str(block.get("preset") or block.get("url") or "")
        sure_fields = None
        if "preset" in block:
            own_fields = block.get("fields")
            sure_fields = tuple(own_fields) if isinstance(own_fields, LocatedTable) else ()
            block = presets.expand_preset(str(block["preset"] or ""), shown, block)
        source = replace(parse_source_block(block, shown, block.line), sure=sure_fields)
        if file is not None:
            source = replace(source, shown=_strip_url_secrets(source_text))
        template = (file and file.url_template) or self._how.url_template
        return self._build_remote_location(
            fallback.fetch_location(source, self._how, file.prefix if file else "", template)
        )

    def _read(self, places: Iterable[_OpenedLocation]) -> Registry:
        """Read all locations, and merge their entries."""
        from pytest_postmortem.registry.merge import (
            build_postmortems,
            check_duplicate_ids,
            merge_entries,
        )

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
            self._problems += [*batch.problems, *check_duplicate_ids(batch.entries)]
            empty = not (batch.entries or batch.problems)
            if empty and not (place.part and place.part.missing) and not place.more:
                findings.append(_build_empty_finding(place.shown))
        postmortems, index, merge_findings = build_postmortems(
            merge_entries([batch.entries for batch in batches])
        )
        partial = tuple(batch.partial for batch in batches if batch.partial)
        notes = tuple(note for batch in batches for note in batch.notes)
        return Registry(postmortems, index, (), (*findings, *merge_findings), partial, notes=notes)


def _build_snapshot_key(places: Iterable[_OpenedLocation]) -> str | None:
    """Return a digest of all locations, None if one of theirs is unknown."""
    marks = [(place.shown, place.mark) for place in places]
    return None if any(mark is None for _, mark in marks) else hash_parts(repr(marks))


def _add_fetch_results(registry: Registry, places: Sequence[_OpenedLocation]) -> Registry:
    """Return a registry with the results of this run's requests."""
    parts = [place.part for place in places if place.part is not None]
    shown_locations = [place.part.shown if place.part else place.shown for place in places]
    trouble = [finding for part in parts for finding in part.trouble]
    partial = [part.partial for part in parts if part.partial]
    return replace(
        registry,
        locations=tuple(dict.fromkeys(filter(None, shown_locations))),
        findings=(*trouble, *registry.findings),
        partial=tuple(dict.fromkeys([*registry.partial, *partial])),
        unreachable=tuple(part.shown for part in parts if part.missing),
        shrunk=tuple(part.shown for part in parts if part.shrunk),
        limited=tuple(place.shown for place in places if place.limited),
    )


def _format_location(location: Location, root: Path) -> str:
    """Return a location as the reader sees it: below the root, or as it was given, no secrets."""
    if is_remote_location(location.text):
        return _strip_url_secrets(location.text)
    try:
        path = Path(os.path.normpath(location.path))
        return escape_bytes(path.relative_to(os.path.abspath(root)).as_posix())
    except (ValueError, RuntimeError):
        return escape_bytes(location.text)


def _strip_url_secrets(text: str) -> str:
    """Return an address without its query and user information, which may be secret."""
    return re.split("[?#]", _URL_CREDENTIALS.sub("//…@", text))[0]


def _build_not_synced_problem(shown: str) -> Problem:
    cause, remedy = "it has not been written yet", "run `pytest-postmortem sync`"
    return Problem("registry-location", READ_REGISTRY, cause, remedy, shown)


def _build_empty_finding(shown: str) -> Finding:
    message = "it has no post-mortem; write the first, or correct the path"
    return Finding("registry-empty", "warning", message, shown)
