"""Prepare a new post-mortem: its place, its id, and the file that will hold it.

Nothing is written here. The new contents are parsed once as the registry will read them.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from pytest_postmortem.errors import Problem, RegistryError, SettingsError
from pytest_postmortem.model import Location, Postmortem, Registry
from pytest_postmortem.registry import LoadOptions, load_registry, parsers
from pytest_postmortem.registry.directory import DocumentDirectory
from pytest_postmortem.registry.entry import READ_REGISTRY
from pytest_postmortem.registry.filenames import parse_document_name
from pytest_postmortem.scaffold.draft import IncidentDetails, render_document
from pytest_postmortem.scaffold.edits import FileEdit
from pytest_postmortem.scaffold.entry import are_newest_first
from pytest_postmortem.scaffold.front_matter import FrontMatterLayout
from pytest_postmortem.scaffold.id_sequence import (
    DEFAULT_NAMING,
    find_naming_pattern,
    find_past_ids,
)
from pytest_postmortem.scaffold.registry_entries import (
    add_registry_entry,
    find_registry_entries,
    list_written_ids,
)
from pytest_postmortem.scaffold.sibling_documents import (
    DocumentCollection,
    find_document_kind,
    survey_documents,
)
from pytest_postmortem.scaffold.slugs import format_file_name

SCAFFOLD_FAILED = "Couldn't create a post-mortem"

MAX_NUMBERS_PER_ID = 100
"""Numbers per used id above which another system seems to assign the ids."""

RESERVED_NAMES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{n}{d}" for n in ("com", "lpt") for d in range(1, 10)),
}
"""Device names on Windows, with any suffix."""


@dataclass(frozen=True, slots=True)
class PostmortemPlace:
    """The place of a post-mortem: a file, or a directory and its folder, None for the default."""

    path: Path
    shown: str
    folder: str | None = None


@dataclass(frozen=True, slots=True)
class UsedNames:
    """Names in use: the registry's, and further names from the past."""

    registry: Registry
    names: tuple[str, ...] = ()

    def every(self, more: Iterable[str] = ()) -> list[str]:
        """Return all names, including aliases."""
        registry_names = [
            name for postmortem in self.registry for name in (postmortem.id, *postmortem.aliases)
        ]
        return [*more, *registry_names, *self.names]

    def has(self, id: str) -> bool:
        """Return whether an id already belongs to a post-mortem."""
        return self.registry.find(id) is not None


@dataclass(frozen=True, slots=True)
class NewPostmortem:
    """A post-mortem that is ready to be written.

    ``unread`` are fields in the document that the registry does not read, ``unwritten`` fields for
    which the document has no place. ``is_sparse`` means that ids are numbers of which most are
    unused.
    """

    id: str
    edit: FileEdit
    template: str | None = None
    unread: tuple[str, ...] = ()
    unwritten: tuple[str, ...] = ()
    is_sparse: bool = False


def scaffold_document(
    incident: IncidentDetails,
    place: PostmortemPlace,
    used: UsedNames,
    how: LoadOptions,
    template: tuple[str, str] | None = None,
    test_of: Callable[[str], str] = lambda id: "",
    past: Callable[[], str] = lambda: "",
) -> NewPostmortem:
    """Prepare a document; the incident has no id, unless the user gave one.

    ``test_of`` returns the node id of the regression test of an id, ``past`` the text of all former
    versions of the directory.

    Raises:
        SettingsError: The id is taken, or can't be used.
    """
    postmortems = (
        load_registry([Location(".", place.path)], place.path, how) if place.path.is_dir() else ()
    )
    collection = survey_documents(DocumentDirectory(str(place.path), ".", how), postmortems)
    incident = replace(incident, uuid=str(uuid4()))
    if template is None and collection.template is not None:
        shown = f"{place.shown}/{collection.template}".removeprefix("./")
        template = read_template(place.path / collection.template, shown), shown
    elif template is not None and not collection.names:
        suffix, kind = find_document_kind(template[1])
        collection = replace(
            collection, suffix=suffix or ".md", kind=kind if suffix else "markdown"
        )
    names = used.every(
        collection.names if collection.ids is None else (*collection.names, *find_past_ids(past()))
    )
    relative = _build_document_path(incident, place, collection, used, names, how)
    own_id = incident.id or _build_document_id(incident, collection, used, names, relative)
    id = own_id or _read_id_from_name(relative, how)
    named = not own_id or own_id == _read_id_from_name(relative, how)
    incident = replace(incident, id=id, test=test_of(id))
    # if the file name does not contain the id, it must be in the heading or in front matter
    written = [False] if named else [False, True] if collection.in_heading else [True]
    drafts = (
        _render_draft(replace(incident, own_id=is_written), collection, template)
        for is_written in written
    )
    read = ((data, _load_preview({relative: data}, how).find(id)) for data in drafts)
    data, postmortem = next(
        (draft for draft in read if draft[1] and draft[1].id == id), (b"", None)
    )
    if postmortem is None:
        cause = f"{place.shown}/{relative} would not have the id {id!r}"
        raise build_scaffold_error(
            cause, "leave --id out, or add a place for an id to the template"
        )
    shown = f"{place.shown}/{relative}".removeprefix("./")
    edit = FileEdit(place.path / relative, shown, None, data)
    missed = dict(_list_unread_fields(incident, postmortem))
    unwritten = tuple(
        name for name, value in missed.items() if not _is_value_in_document(value, data)
    )
    unread = tuple(name for name in missed if name not in unwritten)
    return NewPostmortem(id, edit, template and template[1], unread, unwritten)


def _render_draft(
    incident: IncidentDetails, like: DocumentCollection, template: tuple[str, str] | None
) -> bytes:
    if incident.own_id and like.front.style == "none":
        like = replace(like, front=FrontMatterLayout("yaml"))
    return render_document(incident, like, template).encode()


def read_template(path: Path, shown: str) -> str:
    """Return the text of a template.

    Raises:
        SettingsError: It can't be read.
    """
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        cause, remedy = "it is not UTF-8", "save it as UTF-8"
    except OSError as error:
        cause, remedy = (error.strerror or str(error)).lower(), "correct the path"
    raise SettingsError([Problem("bad-template", "Couldn't use template", cause, remedy, shown)])


def _build_document_path(
    incident: IncidentDetails,
    place: PostmortemPlace,
    like: DocumentCollection,
    used: UsedNames,
    names: list[str],
    how: LoadOptions,
) -> str:
    """Return the path of the document: a name that no file and no post-mortem has yet."""
    manner = like.naming_pattern
    lead = manner.format_lead(manner.next(names, incident.day), incident.day, incident.uuid)
    if incident.id and manner.kind in ("number", "uuid"):
        lead = format_file_name(incident.id, "-", lower=False)
    stem = manner.name(lead, incident.title) or f"incident-{incident.day}"
    folder = incident.day.strftime(like.folder) if place.folder is None else place.folder
    there = {path.name.casefold() for path in (place.path / folder).glob("*")}
    space = " " if like.naming_pattern.title and like.naming_pattern.title.join == " " else "-"
    stems = (stem, f"{stem}{space}incident", f"incident{space}{stem}{space}{incident.day}")
    stem = next(name for name in stems if _is_allowed_name(name, like.suffix))
    for number in range(1, 1000):
        name = f"{stem}{f'{space}{number}' if number > 1 else ''}"
        name += "" if like.bundle else like.suffix
        path = f"{folder}/{name}" if folder else name
        relative = f"{path}/{like.bundle}" if like.bundle else path
        taken = name.casefold() in there or (
            not incident.id and used.has(_read_id_from_name(relative, how))
        )
        if not taken:
            return relative
    raise build_scaffold_error(
        f"{place.shown} already has a thousand files named {stem!r}", "use another title"
    )


def _is_allowed_name(stem: str, suffix: str) -> bool:
    """Return whether a name is that of a post-mortem, and valid on every system."""
    return parse_document_name(stem + suffix) is not None and stem.casefold() not in RESERVED_NAMES


def _read_id_from_name(relative: str, how: LoadOptions) -> str:
    """Return the id that the registry reads from the name of a document."""
    blank = b"{}" if relative.lower().endswith(".json") else b"# x\n"
    return next(iter(_load_preview({relative: blank}, how))).id


def _build_document_id(
    incident: IncidentDetails,
    like: DocumentCollection,
    used: UsedNames,
    names: list[str],
    relative: str,
) -> str:
    """Return the id to write into the document, empty if its name contains it."""
    if like.ids is None:
        return ""
    manner = like.ids
    if manner.title is not None and manner.kind not in ("number", "uuid"):
        path = relative.removesuffix(f"/{like.bundle}" if like.bundle else like.suffix)
        return path.rpartition("/")[2]
    return manner.format_lead(manner.next(names, incident.day), incident.day, incident.uuid)


def _load_preview(files: Mapping[str, bytes], how: LoadOptions, location: str = ".") -> Registry:
    """Return the registry of some files, written to a temporary folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for relative, data in files.items():
            (folder / relative).parent.mkdir(parents=True, exist_ok=True)
            (folder / relative).write_bytes(data)
        try:
            return load_registry([Location(location, folder)], folder, how)
        except RegistryError as error:
            problem = error.problems[0]
            cause = f"the new file would not be readable: {problem.cause}"
            raise build_scaffold_error(cause, "fix the template") from None


def _list_unread_fields(
    incident: IncidentDetails, postmortem: Postmortem
) -> Iterator[tuple[str, str]]:
    """Yield the known fields that the registry does not read from the file, with their values."""
    fields_and_values: Mapping[str, tuple[object, object]] = {
        "date": (incident.day.isoformat(), postmortem.date),
        "severity": (incident.severity, postmortem.severity),
        "class": (incident.problem_class, postmortem.problem_class),
        "owner": (incident.owner, postmortem.owner),
        "service": (incident.service, postmortem.service),
    }
    for name, (expected, read) in fields_and_values.items():
        if expected and expected != read:
            yield name, ", ".join(expected) if isinstance(expected, tuple) else str(expected)


def _is_value_in_document(value: str, data: bytes) -> bool:
    """Return whether a document contains a value as a word of its own."""
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", data.decode()) is not None


def scaffold_entry(
    incident: IncidentDetails, place: PostmortemPlace, used: UsedNames, past: str, how: LoadOptions
) -> NewPostmortem:
    """Prepare an entry of a registry file; ``past`` is the text of all former versions of the file.

    Raises:
        SettingsError: There is no next id, or no entry can be added safely.
    """
    data = place.path.read_bytes()
    id, sparse = (
        (incident.id, False) if incident.id else _build_next_id(incident, data, place, used, past)
    )
    new = add_registry_entry(data, place.shown, id, incident.facts(incident.title))
    name = place.path.name
    old_ids = {postmortem.id for postmortem in _load_preview({name: data}, how, name)}
    new_ids = [
        postmortem.id
        for postmortem in _load_preview({name: new}, how, name)
        if postmortem.id not in old_ids
    ]
    edit = FileEdit(place.path, place.shown, data, new)
    return NewPostmortem(new_ids[0] if new_ids else id, edit, is_sparse=sparse)


def _build_next_id(
    incident: IncidentDetails, data: bytes, place: PostmortemPlace, used: UsedNames, past: str
) -> tuple[str, bool]:
    """Return the id after those of a file, as it is written there, and whether ids are sparse."""
    text = data.decode("utf-8-sig").replace("\r\n", "\n")
    suffix = place.path.suffix.lower()
    _, entries = find_registry_entries(
        parsers.parse_data_text(text, suffix, failed=READ_REGISTRY, path=place.shown)
    )
    rows = entries.values() if isinstance(entries, Mapping) else entries or ()
    ids = list_written_ids(entries)
    ordered = ids[::-1] if are_newest_first([row or {} for row in rows]) else ids
    manner = find_naming_pattern(ordered) if ids else replace(DEFAULT_NAMING, title=None)
    if manner.kind == "none" and not _are_ids_words(ids):
        cause = f"the ids in {place.shown} follow no pattern, such as {ids[-1]!r}"
        raise build_scaffold_error(cause, "pass an id with --id")
    names = [*used.every(ids), *find_past_ids(past)]
    number = manner.next(names, incident.day)
    lead = manner.format_lead(number, incident.day, str(uuid4()))
    id = manner.name(lead, incident.title) or f"incident-{incident.day}"
    candidates = (id, *(f"{id}-{n}" for n in range(2, 1000)))
    sparse = manner.kind == "number" and len(ids) > 2 and number > MAX_NUMBERS_PER_ID * len(ids)
    return next(candidate for candidate in candidates if not used.has(candidate)), sparse


def _are_ids_words(ids: Sequence[str]) -> bool:
    """Return whether ids are made of words, like a title."""
    words = [
        id for id in ids if any(part.isalpha() and len(part) > 2 for part in _split_id_words(id))
    ]
    return len(words) * 2 > len(ids)


def _split_id_words(id: str) -> list[str]:
    return id.replace("_", "-").replace(" ", "-").split("-")


def build_scaffold_error(cause: str, remedy: str) -> SettingsError:
    """Return the error of a post-mortem or a test that `new` can't write."""
    return SettingsError([Problem("setting", SCAFFOLD_FAILED, cause, remedy)])
