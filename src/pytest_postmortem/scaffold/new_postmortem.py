"""Prepare a new post-mortem: its place, its id, and the file that will hold it.

Nothing is written here. The new contents are read once as the registry will read them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from pytest_postmortem.errors import Problem, RegistryError, SettingsError
from pytest_postmortem.files import open_temporary_folder
from pytest_postmortem.model import Location, Postmortem, Registry
from pytest_postmortem.registry import LoadOptions, load_registry, parsers
from pytest_postmortem.registry.document import DocumentDirectory
from pytest_postmortem.registry.file_bytes import READ_REGISTRY
from pytest_postmortem.registry.filenames import parse_document_name
from pytest_postmortem.scaffold.document import (
    IncidentDetails,
    TeamTemplate,
    read_template,
    render_document,
)
from pytest_postmortem.scaffold.edits import FileEdit
from pytest_postmortem.scaffold.front_matter import FrontMatter
from pytest_postmortem.scaffold.naming import (
    DEFAULT_NAMING,
    NamingPattern,
    find_naming_pattern,
    find_past_ids,
    format_file_name,
)
from pytest_postmortem.scaffold.registry_entries import add_registry_entry, find_registry_entries
from pytest_postmortem.scaffold.sibling_documents import (
    DocumentCollection,
    find_document_kind,
    survey_documents,
)

SCAFFOLD_FAILED = "Couldn't create a post-mortem"

MAX_NUMBERS_PER_ID = 100
"""Numbers per used id above which another system seems to assign the ids."""

RESERVED_NAMES = re.compile(r"(?:con|prn|aux|nul|(?:com|lpt)\d)", re.IGNORECASE)
"""Device names on Windows, with any suffix."""


@dataclass(frozen=True, slots=True)
class PostmortemPlace:
    """The place of a post-mortem: a file, or a directory and its folder, None for the default."""

    path: Path
    shown: str
    folder: str | None = None


@dataclass(frozen=True, slots=True)
class UsedNames:
    """Names in use: the registry's, and further ``names`` from the past.

    ``read_past`` returns the text of all former versions of the file or directory.
    """

    registry: Registry
    names: tuple[str, ...] = ()
    read_past: Callable[[], str] = lambda: ""

    def list_all(self, more: Sequence[str], *, with_past: bool) -> list[str]:
        """Return all names, including aliases."""
        past = find_past_ids(self.read_past()) if with_past else ()
        postmortems = (each for entry in self.registry for each in (entry.id, *entry.aliases))
        return [*more, *postmortems, *self.names, *past]


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
    template: TeamTemplate | None = None,
    test_of: Callable[[str], str] = lambda id: "",
) -> NewPostmortem:
    """Prepare a document; the incident has no id, unless the user gave one.

    ``test_of`` returns the node id of the regression test of an id.

    Raises:
        SettingsError: The id is taken, or can't be used.
    """
    collection = _survey_place(place, how)
    if template is None and collection.template is not None:
        shown = f"{place.shown}/{collection.template}".removeprefix("./")
        template = read_template(place.path / collection.template, shown)
    elif template is not None and not collection.names:
        suffix, kind = find_document_kind(template.path)
        collection = replace(
            collection, suffix=suffix or ".md", kind=kind if suffix else "markdown"
        )
    incident = replace(incident, uuid=str(uuid4()))
    names = used.list_all(collection.names, with_past=collection.ids is not None)
    relative = _choose_path(incident, place, collection, used.registry, names, how)
    id_of_name = _read_id_from_name(relative, how)
    id = incident.id or _build_document_id(incident, collection, names, relative) or id_of_name
    incident = replace(incident, id=id, test=test_of(id))
    # an id that is not in the file's name must be in the heading, or in front matter
    for own_id in (False,) if id == id_of_name else (False, True):
        if not own_id and id != id_of_name and not collection.in_heading:
            continue
        data = _render_draft(replace(incident, own_id=own_id), collection, template)
        postmortem = _load_preview({relative: data}, how).find(id)
        if postmortem is not None and postmortem.id == id:
            break
    else:
        cause = f"{place.shown}/{relative} would not have the id {id!r}"
        raise build_scaffold_error(
            cause, "leave --id out, or add a place for an id to the template"
        )
    shown = f"{place.shown}/{relative}".removeprefix("./")
    missed = dict(_list_unread_fields(incident, postmortem))
    unread = tuple(name for name, value in missed.items() if _is_word_in(value, data.decode()))
    unwritten = tuple(name for name in missed if name not in unread)
    edit = FileEdit(place.path / relative, shown, None, data)
    source = template.path if template else None
    return NewPostmortem(id, edit, source, unread, unwritten)


def _survey_place(place: PostmortemPlace, how: LoadOptions) -> DocumentCollection:
    is_folder = place.path.is_dir()
    postmortems = load_registry([Location(".", place.path)], place.path, how) if is_folder else ()
    return survey_documents(DocumentDirectory(str(place.path), ".", how), postmortems)


def _render_draft(
    incident: IncidentDetails, like: DocumentCollection, template: TeamTemplate | None
) -> bytes:
    if incident.own_id and like.front.style == "none":
        like = replace(like, front=FrontMatter("yaml"))
    return render_document(incident, like, template).encode()


def _choose_path(
    incident: IncidentDetails,
    place: PostmortemPlace,
    like: DocumentCollection,
    registry: Registry,
    names: Sequence[str],
    how: LoadOptions,
) -> str:
    """Return the path of the document: a name that no file and no post-mortem has yet."""
    pattern = like.naming_pattern
    lead = pattern.format_lead(pattern.next(names, incident.day), incident.day, incident.uuid)
    if incident.id and pattern.kind in ("number", "uuid"):
        lead = format_file_name(incident.id, "-", lower=False)
    stem = pattern.name(lead, incident.title) or f"incident-{incident.day}"
    space = " " if pattern.title and pattern.title.join == " " else "-"
    stems = (stem, f"{stem}{space}incident", f"incident{space}{stem}{space}{incident.day}")
    stem = next(name for name in stems if _is_allowed_name(name, like.suffix))
    folder = incident.day.strftime(like.folder) if place.folder is None else place.folder
    existing = {path.name.casefold() for path in (place.path / folder).glob("*")}
    for number in range(1, 1000):
        name = f"{stem}{space}{number}" if number > 1 else stem
        file = name if like.bundle else f"{name}{like.suffix}"
        relative = "/".join(filter(None, (folder, file, like.bundle)))
        is_id_taken = not incident.id and registry.find(_read_id_from_name(relative, how))
        if file.casefold() not in existing and not is_id_taken:
            return relative
    raise build_scaffold_error(
        f"{place.shown} already has a thousand files named {stem!r}", "use another title"
    )


def _is_allowed_name(stem: str, suffix: str) -> bool:
    """Return whether a name is that of a post-mortem, and valid on every system."""
    return parse_document_name(stem + suffix) is not None and not RESERVED_NAMES.fullmatch(stem)


def _read_id_from_name(relative: str, how: LoadOptions) -> str:
    """Return the id that the registry reads from the name of a document."""
    blank = b"{}" if relative.lower().endswith(".json") else b"# x\n"
    return next(iter(_load_preview({relative: blank}, how))).id


def _build_document_id(
    incident: IncidentDetails, like: DocumentCollection, names: Sequence[str], relative: str
) -> str:
    """Return the id to write into the document, empty if its name contains it."""
    pattern = like.ids
    if pattern is None:
        return ""
    if pattern.title is not None and pattern.kind not in ("number", "uuid"):
        path = relative.removesuffix(f"/{like.bundle}" if like.bundle else like.suffix)
        return path.rpartition("/")[2]
    return pattern.format_lead(pattern.next(names, incident.day), incident.day, incident.uuid)


def _load_preview(files: Mapping[str, bytes], how: LoadOptions, location: str = ".") -> Registry:
    """Return the registry of some files, written to a temporary folder."""
    with open_temporary_folder(files) as folder:
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
    for name, expected in incident.facts("").items():
        read = getattr(postmortem, "problem_class" if name == "class" else name)
        if expected and expected != read:
            yield name, expected if isinstance(expected, str) else ", ".join(expected)


def _is_word_in(word: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def scaffold_entry(
    incident: IncidentDetails, place: PostmortemPlace, used: UsedNames, how: LoadOptions
) -> NewPostmortem:
    """Prepare an entry of a registry file.

    Raises:
        SettingsError: The next id is unknown, or no entry can be added safely.
    """
    data = place.path.read_bytes()
    id, is_sparse = (
        (incident.id, False) if incident.id else _build_entry_id(incident, data, place, used)
    )
    new = add_registry_entry(data, place.shown, id, incident.facts(incident.title))
    name = place.path.name
    old_ids = {postmortem.id for postmortem in _load_preview({name: data}, how, name)}
    read_ids = (postmortem.id for postmortem in _load_preview({name: new}, how, name))
    whole_id = next((read_id for read_id in read_ids if read_id not in old_ids), id)
    return NewPostmortem(
        whole_id, FileEdit(place.path, place.shown, data, new), is_sparse=is_sparse
    )


def _build_entry_id(
    incident: IncidentDetails, data: bytes, place: PostmortemPlace, used: UsedNames
) -> tuple[str, bool]:
    """Return the id after those of a file, as it is written there, and whether ids are sparse."""
    text = data.decode("utf-8-sig").replace("\r\n", "\n")
    suffix = place.path.suffix.lower()
    entries = find_registry_entries(
        parsers.parse_data_text(text, suffix, failed=READ_REGISTRY, path=place.shown)
    )
    ids = entries.ids
    pattern = _find_id_pattern(ids[::-1] if entries.are_newest_first else ids, place)
    number = pattern.next(used.list_all(ids, with_past=True), incident.day)
    lead = pattern.format_lead(number, incident.day, str(uuid4()))
    id = pattern.name(lead, incident.title) or f"incident-{incident.day}"
    candidates = (id, *(f"{id}-{n}" for n in range(2, 1000)))
    is_sparse = len(ids) > 2 and number > MAX_NUMBERS_PER_ID * len(ids)
    free = next(candidate for candidate in candidates if used.registry.find(candidate) is None)
    return free, is_sparse and pattern.kind == "number"


def _find_id_pattern(ids: Sequence[str], place: PostmortemPlace) -> NamingPattern:
    """Return the pattern of the ids of entries.

    Raises:
        SettingsError: They have none, and are not made of words, like a title.
    """
    if not ids:
        return replace(DEFAULT_NAMING, title=None)
    pattern = find_naming_pattern(ids)
    with_words = [id for id in ids if re.search(r"(?<![^-_ ])[^\W\d_]{3,}(?![^-_ ])", id)]
    if pattern.kind == "none" and len(with_words) * 2 <= len(ids):
        cause = f"the ids in {place.shown} follow no pattern, such as {ids[-1]!r}"
        raise build_scaffold_error(cause, "pass an id with --id")
    return pattern


def build_scaffold_error(cause: str, remedy: str) -> SettingsError:
    """Return the error of a post-mortem or a test that `new` can't write."""
    return SettingsError([Problem("setting", SCAFFOLD_FAILED, cause, remedy)])
