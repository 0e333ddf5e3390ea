"""Load all locations into one `Registry`; unchanged ones are not parsed again.

The digest of the content of all locations is the key of one snapshot of the whole registry. Most
runs find it valid, so parsers are imported only where something is parsed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_postmortem.errors import Problem, RegistryError
from pytest_postmortem.model import Columns, Finding, Location, Registry
from pytest_postmortem.options import find_default_locations
from pytest_postmortem.registry.cache import (
    SnapshotStore,
    deserialize_registry,
    hash_parts,
    serialize_registry,
)
from pytest_postmortem.registry.file_bytes import (
    MAX_REGISTRY_SIZE,
    READ_REGISTRY,
    build_unreadable_problem,
    is_limited_sync_file,
    read_limited_bytes,
)
from pytest_postmortem.registry.load_options import LoadOptions
from pytest_postmortem.text import escape_bytes

if TYPE_CHECKING:
    from pytest_postmortem.registry.entry import BuiltEntries
    from pytest_postmortem.registry.located_data import LocatedTable
    from pytest_postmortem.registry.raw_entries import RegistryContents
    from pytest_postmortem.registry.remote.fallback import FetchResult

_REMOTE_LOCATION = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_SOURCE_KEY = re.compile(rb"^[\s{]*[\"']?source[\"']?\s*[:=]|^\[source\]", re.MULTILINE)
_URL_CREDENTIALS = re.compile(r"//(?:[^/?#]*@|[^/?#@:]*:(?!\d*(?:[/?#]|$)).*@)")
"""The part of an address before its host, even if it contains characters such as ``/``."""


def load_registry(
    locations: Sequence[Location], root: Path, how: LoadOptions | None = None
) -> Registry:
    """Load all locations and merge their entries.

    A location that can't be reached over the network is a finding, not a problem.

    Raises: RegistryError with all problems of all locations.
    """
    return _RegistryLoader(locations, root, how or LoadOptions()).load()


def load_registry_with_problems(
    locations: Sequence[Location], root: Path, how: LoadOptions | None = None
) -> tuple[Registry, tuple[Problem, ...]]:
    """Load all locations as far as they can be read, and return the registry and its problems."""
    return _RegistryLoader(locations, root, how or LoadOptions()).load_with_problems()


def find_registry(root: Path) -> Path | None:
    """Return the default location of a registry: under the root, or above it in its repository.

    A directory counts only if it has a post-mortem.
    """
    return next(filter(_is_registry_path, map(Path, find_default_locations(str(root)))), None)


def has_source_block(place: Path) -> bool:
    """Return whether a registry file may have a source block."""
    if place.is_dir():
        return False
    try:
        text = place.read_bytes()
    except OSError:
        return False
    return _SOURCE_KEY.search(text) is not None


def _is_registry_path(place: Path) -> bool:
    if place.suffix:
        return os.path.isfile(place)
    if not os.path.isdir(place) or os.path.exists(place / "__init__.py"):
        return False
    from pytest_postmortem.registry.folder import FolderWalk, examine_folder

    return bool(examine_folder(str(place), FolderWalk(str(place)).find_files()).names)


def is_remote_location(text: str) -> bool:
    """Return whether a location is an address or a service, not a file or a directory."""
    return _REMOTE_LOCATION.match(text) is not None


@dataclass(slots=True)
class _OpenedLocation:
    """A location that was opened; ``read`` returns its content, or raises a RegistryError.

    ``digest`` is that of the content, None if it is unknown. ``plain`` says that it is a file
    without a source block, ``more`` that it has one, ``limited`` that `sync` wrote it without the
    fields that may not be shown. ``fetched`` is the answer of a remote location.
    """

    shown: str
    read: Callable[[], BuiltEntries]
    digest: str | None = None
    plain: bool = False
    more: bool = False
    limited: bool = False
    fetched: FetchResult | None = None


class _RegistryLoader:
    """Opens all locations, and reads them if no snapshot is valid."""

    def __init__(self, locations: Sequence[Location], root: Path, how: LoadOptions) -> None:
        self._locations = locations
        self._root = root
        self._how = how
        self._store = SnapshotStore(how.cache)
        self._problems: list[Problem] = []
        if how.url_template is not None:
            from pytest_postmortem.registry.file import check_url_template

            self._problems += check_url_template(how.url_template)

    def load(self) -> Registry:
        """Return the registry.

        Raises: RegistryError with all problems of all locations.
        """
        name = self._build_snapshot_name()
        stored = self._store.read(name)
        opened = list(self._open_all(frozenset(stored.head["plain"] if stored else ())))
        digests = [(location.shown, location.digest) for location in opened]
        key = None if any(digest is None for _, digest in digests) else hash_parts(repr(digests))
        if stored is not None and key is not None and stored.head["key"] == key:
            head = stored.head
            registry = deserialize_registry(stored.data(), head["partial"], head["notes"])
        else:
            registry, columns = self._read_all(opened)
            if self._problems:
                raise RegistryError(self._problems)
            if key is not None:
                head = {
                    "key": key,
                    "plain": [location.digest for location in opened if location.plain],
                    "partial": registry.partial,
                    "notes": registry.notes,
                }
                self._store.write(name, head, serialize_registry(registry, columns))
        return _add_fetch_results(registry, opened)

    def load_with_problems(self) -> tuple[Registry, tuple[Problem, ...]]:
        """Return the registry as far as it can be read, and everything that is wrong with it."""
        opened = list(self._open_all(frozenset()))
        registry, _ = self._read_all(opened)
        return _add_fetch_results(registry, opened), tuple(self._problems)

    def _build_snapshot_name(self) -> str:
        how = self._how
        texts = [f"{location.folder}\0{location.text}" for location in self._locations]
        settings = (
            *(str(self._root), how.id_pattern, list(how.files), how.vocabulary),
            *(list(how.severities), how.url_template, how.show, how.synced),
            *(sorted(how.keep), how.fetched_only),
        )
        return f"registry-{hash_parts(repr(texts))}-{hash_parts(repr(settings))}"

    def _open_all(self, plain: frozenset[str]) -> Iterable[_OpenedLocation]:
        """Open all locations; the synced file replaces the first one that would be fetched.

        ``plain`` are the digests of files that are known to have no source block.
        """
        synced = self._how.synced
        for location in self._locations:
            remote = is_remote_location(location.text)
            opened = [] if remote and self._how.synced else self._open_location(location, plain)
            if synced and (remote or any(place.more for place in opened)):
                yield from self._open_location(synced, plain)
                synced = None
            yield from opened
        if synced and synced.path.exists():
            yield from self._open_location(synced, plain)

    def _open_location(self, location: Location, plain: frozenset[str]) -> list[_OpenedLocation]:
        try:
            shown = _format_location(location, self._root)
            if is_remote_location(location.text):
                return [self._open_remote(location.text, shown)]
            return self._open_local(location, shown, plain)
        except RegistryError as error:
            return [_OpenedLocation("", partial(_fail_to_read, error.problems))]

    def _open_local(
        self, location: Location, shown: str, plain: frozenset[str]
    ) -> list[_OpenedLocation]:
        """Open a file or a directory, and the source block of a file."""
        how = self._how
        try:
            path = os.path.normpath(location.path)
            is_directory = stat.S_ISDIR(os.stat(path).st_mode)
        except (OSError, ValueError, RuntimeError) as error:
            problem = build_unreadable_problem(error, READ_REGISTRY, shown)
            if location is how.synced:
                cause, remedy = "it has not been written yet", "run `pytest-postmortem sync`"
                problem = problem._replace(cause=cause, remedy=remedy)
            raise RegistryError([problem]) from None
        if is_directory:
            return [] if how.fetched_only else [self._open_directory(path, shown)]
        data = read_limited_bytes(path, shown, READ_REGISTRY, MAX_REGISTRY_SIZE)
        parse = cache(partial(_parse_file, data, path, shown, how))
        file = _OpenedLocation(
            shown,
            lambda: self._build_entries(parse(), shown),
            hash_parts(data),
            limited=is_limited_sync_file(data),
        )
        if file.digest in plain:
            file.plain = True
            return [file]
        block = parse().source
        file.plain, file.more = block is None, block is not None
        opened = [] if how.fetched_only else [file]
        if block is None or how.synced is not None:
            return opened
        return [self._fetch_source(block, shown, parse()), *opened]

    def _open_directory(self, path: str, shown: str) -> _OpenedLocation:
        from pytest_postmortem.registry.folder import hash_files, list_files

        local = (each for each in self._locations if not is_remote_location(each.text))
        others = frozenset(os.path.normpath(location.path) for location in local)
        files = list_files(path, str(self._root))

        def read() -> BuiltEntries:
            from pytest_postmortem.registry.directory import read_directory
            from pytest_postmortem.registry.document import DocumentDirectory

            directory = DocumentDirectory(path, shown, self._how, others)
            return self._build_entries(read_directory(directory, files), shown)

        digest = None if self._how.cache is None else hash_files(path, files)
        return _OpenedLocation(shown, read, digest)

    def _build_entries(self, contents: RegistryContents, shown: str) -> BuiltEntries:
        """Return the entries of a file or a directory, with all that is wrong with it."""
        from pytest_postmortem.registry.entry import BuiltEntries, build_entries

        built = build_entries(
            contents.raws,
            prefix=contents.prefix,
            url_template=contents.url_template or self._how.url_template,
            severities=self._how.severities,
        )
        return BuiltEntries(
            built.entries,
            sorted(
                [*contents.problems, *built.problems],
                key=lambda problem: (problem.path or "", problem.line or 0),
            ),
            [*contents.findings, *built.findings],
            contents.notes,
            contents.partial and f"{shown}: {contents.partial}",
        )

    def _open_remote(self, text: str, shown: str) -> _OpenedLocation:
        """Open an address, a service, or a location that a plugin reads."""
        scheme = text.partition(":")[0].lower()
        is_address = scheme in ("http", "https")
        provided = None if is_address else self._ask_plugins(text, scheme)
        if provided is not None:
            from pytest_postmortem.registry.remote.fallback import take_plugin_entries

            return _open_fetched(take_plugin_entries(text, shown, self._how, provided))
        from pytest_postmortem.registry.located_data import LocatedTable

        block = LocatedTable()
        block["url" if is_address else "preset"] = text
        return self._fetch_source(block, shown)

    def _ask_plugins(self, text: str, scheme: str) -> Any:
        """Return a plugin's entries for a location, the error that it raised, or None.

        Offline no plugin is called, and its copy is used.
        """
        from pytest_postmortem.registry.remote import fallback, presets

        if self._how.ask is None:
            return None
        if self._how.offline:
            service = scheme in presets.PRESET_SERVICES
            return None if service and not fallback.has_plugin_copy(text, self._how) else ()
        try:
            return self._how.ask(text)
        except Exception as error:  # a plugin may raise anything
            return error

    def _fetch_source(
        self, block: LocatedTable, shown: str, file: RegistryContents | None = None
    ) -> _OpenedLocation:
        """Fetch the entries of a source block; ``file`` is the content of the file that has it."""
        from pytest_postmortem.registry.located_data import LocatedTable
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
        return _open_fetched(
            fallback.fetch_location(source, self._how, file.prefix if file else "", template)
        )

    def _read_all(self, opened: Iterable[_OpenedLocation]) -> tuple[Registry, Columns]:
        """Read all locations, and merge their entries; return their values in columns as well."""
        from pytest_postmortem.registry.merge import (
            build_columns,
            build_postmortems,
            check_duplicate_ids,
            merge_entries,
        )

        findings: list[Finding] = []
        batches = []
        for location in opened:
            try:
                batch = location.read()
            except RegistryError as error:
                self._problems += error.problems
                continue
            batches.append(batch)
            findings += batch.findings
            self._problems += [*batch.problems, *check_duplicate_ids(batch.entries)]
            missing = location.fetched is not None and location.fetched.missing
            if not (batch.entries or batch.problems or missing or location.more):
                message = "it has no post-mortem; write the first, or correct the path"
                findings.append(Finding("registry-empty", "warning", message, location.shown))
        entries = merge_entries([batch.entries for batch in batches])
        columns = build_columns(entries)
        postmortems, index, merge_findings = build_postmortems(entries, columns)
        registry = Registry(
            postmortems,
            index,
            findings=(*findings, *merge_findings),
            partial=tuple(batch.partial for batch in batches if batch.partial),
            notes=tuple(note for batch in batches for note in batch.notes),
        )
        return registry, columns


def _fail_to_read(problems: Sequence[Problem]) -> BuiltEntries:
    raise RegistryError(problems)


def _parse_file(data: bytes, path: str, shown: str, how: LoadOptions) -> RegistryContents:
    from pytest_postmortem.registry.file import parse_registry_file

    return parse_registry_file(data, path, shown, how)


def _open_fetched(fetched: FetchResult) -> _OpenedLocation:
    from pytest_postmortem.registry.entry import BuiltEntries

    built = BuiltEntries(fetched.entries, findings=list(fetched.findings))
    return _OpenedLocation(fetched.shown, lambda: built, fetched.digest, fetched=fetched)


def _add_fetch_results(registry: Registry, opened: Sequence[_OpenedLocation]) -> Registry:
    """Return a registry with the results of this run's requests."""
    results = [location.fetched for location in opened if location.fetched is not None]
    reasons = [result.partial for result in results if result.partial]
    return replace(
        registry,
        locations=tuple(dict.fromkeys(location.shown for location in opened if location.shown)),
        findings=(*(f for result in results for f in result.trouble), *registry.findings),
        partial=tuple(dict.fromkeys([*registry.partial, *reasons])),
        unreachable=tuple(result.shown for result in results if result.missing),
        shrunk=tuple(result.shown for result in results if result.shrunk),
        limited=tuple(location.shown for location in opened if location.limited),
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
