"""A post-mortem is begun: where it goes, what its id is, and the file that holds it then.

Nothing is written here. What is to be written was read again, as the registry will read it.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from pytest_postmortem.authoring.drafting import Incident, draft
from pytest_postmortem.authoring.edits import Edit
from pytest_postmortem.authoring.entering import entered, entries_of, written_ids
from pytest_postmortem.authoring.entry import newest_first
from pytest_postmortem.authoring.front import Front
from pytest_postmortem.authoring.naming import FIRST, manner_of
from pytest_postmortem.authoring.past import past_ids
from pytest_postmortem.authoring.siblings import Collection, kind_of, survey
from pytest_postmortem.authoring.titles import in_file_name
from pytest_postmortem.errors import Problem, RegistryError, SettingsError
from pytest_postmortem.model import Location, Postmortem, Registry
from pytest_postmortem.registry import How, formats, load
from pytest_postmortem.registry.documents import Directory
from pytest_postmortem.registry.names import name_of
from pytest_postmortem.registry.reading import READ_REGISTRY

__all__ = ["FAILED", "Begun", "Place", "Used", "in_directory", "in_file", "read_template"]

FAILED = "Couldn't begin a post-mortem"

SPARSE = 100
"""How many numbers an id may stand for on average, until another system seems to give them."""

RESERVED = {"con", "prn", "aux", "nul", *(f"{n}{d}" for n in ("com", "lpt") for d in range(1, 10))}
"""What Windows takes for a device, whatever the ending."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a post-mortem goes: a file, or a directory and a folder in it, None for the usual."""

    path: Path
    shown: str
    folder: str | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """What is in use: the registry, and further names that were used once, or are by tests."""

    registry: Registry
    names: tuple[str, ...] = ()

    def every(self, more: Iterable[str] = ()) -> list[str]:
        """Return all names, those of aliases too."""
        own = [name for each in self.registry for name in (each.id, *each.aliases)]
        return [*more, *own, *self.names]

    def has(self, id: str) -> bool:
        """Say whether an id means a post-mortem already."""
        return self.registry.find(id) is not None


@dataclass(frozen=True, slots=True)
class Begun:
    """A post-mortem that can be written.

    ``unread`` are the fields which the registry will not know, ``unwritten`` those that the
    document does not even hold, since it has no place for them. ``sparse`` says that ids are
    numbered, and most numbers are in no use.
    """

    id: str
    edit: Edit
    template: str | None = None
    unread: tuple[str, ...] = ()
    unwritten: tuple[str, ...] = ()
    sparse: bool = False


def in_directory(
    incident: Incident,
    place: Place,
    used: Used,
    how: How,
    template: tuple[str, str] | None = None,
    test_of: Callable[[str], str] = lambda id: "",
    past: Callable[[], str] = lambda: "",
) -> Begun:
    """Begin a document; the incident has no id, unless one was asked for.

    ``test_of`` gives the node id of the regression test of an id, ``past`` all that ever stood
    in the directory.

    Raises: SettingsError where the id is taken, or can't be given.
    """
    known = load([Location(".", place.path)], place.path, how) if place.path.is_dir() else ()
    directory = Directory(str(place.path), ".", how.id_pattern, how.files)
    like = survey(directory, known)
    if template is None and like.template is not None:
        shown = f"{place.shown}/{like.template}".removeprefix("./")
        template = read_template(place.path / like.template, shown), shown
    elif template is not None and not like.names:
        suffix, kind = kind_of(template[1])
        like = replace(like, suffix=suffix or ".md", kind=kind if suffix else "markdown")
    names = used.every(like.names if like.ids is None else (*like.names, *past_ids(past())))
    relative = _relative(incident, place, like, used, names, how)
    own = incident.id or _own_id(incident, like, used, names, PurePath(relative).name)
    id = own or _id_of_name(relative, how)
    named = not own or own == _id_of_name(relative, how)
    incident = replace(incident, id=id, test=test_of(id))
    # where its name does not tell it, the id has to be written into front matter, at the latest
    written = [False] if named else [False, True] if like.in_heading else [True]
    drafts = (_drafted(replace(incident, own_id=each), like, template) for each in written)
    read = ((data, _previewed({relative: data}, how).find(id)) for data in drafts)
    data, found = next((each for each in read if each[1] and each[1].id == id), (b"", None))
    if found is None:
        cause = f"{place.shown}/{relative} would not have the id {id!r}"
        raise _wrong(cause, "leave --id out, or add a place for an id to the template")
    shown = f"{place.shown}/{relative}".removeprefix("./")
    edit = Edit(place.path / relative, shown, None, data)
    missed = dict(_unread(incident, found))
    unwritten = tuple(name for name, value in missed.items() if not _stands(value, data))
    unread = tuple(name for name in missed if name not in unwritten)
    return Begun(id, edit, template and template[1], unread, unwritten)


def _drafted(incident: Incident, like: Collection, template: tuple[str, str] | None) -> bytes:
    if incident.own_id and like.front.style == "none":
        like = replace(like, front=Front("yaml"))
    return draft(incident, like, template).encode()


def read_template(path: Path, shown: str) -> str:
    """Return the text of a template.

    Raises: SettingsError where it can't be read.
    """
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        cause, remedy = "it is not UTF-8", "save it as UTF-8"
    except OSError as error:
        cause, remedy = (error.strerror or str(error)).lower(), "correct the path"
    raise SettingsError([Problem("bad-template", "Couldn't use template", cause, remedy, shown)])


def _relative(
    incident: Incident, place: Place, like: Collection, used: Used, names: list[str], how: How
) -> str:
    """Return the path of the document: a name that no file and no post-mortem has yet."""
    manner = like.manner
    lead = manner.lead(manner.next(names, incident.day), incident.day)
    if incident.id and manner.kind == "number":
        lead = in_file_name(incident.id, "-", lower=False)
    stem = manner.name(lead, incident.title) or f"incident-{incident.day}"
    folder = incident.day.strftime(like.folder) if place.folder is None else place.folder
    there = {each.name.casefold() for each in (place.path / folder).glob("*")}
    space = " " if like.manner.title and like.manner.title.join == " " else "-"
    stems = (stem, f"{stem}{space}incident", f"incident{space}{stem}{space}{incident.day}")
    stem = next(each for each in stems if _is_name(each, like.suffix))
    for number in range(1, 1000):
        name = f"{stem}{f'{space}{number}' if number > 1 else ''}{like.suffix}"
        relative = f"{folder}/{name}" if folder else name
        taken = name.casefold() in there or (
            not incident.id and used.has(_id_of_name(relative, how))
        )
        if not taken:
            return relative
    raise _wrong(f"{place.shown} has a thousand of {stem!r}", "give it another title")


def _is_name(stem: str, suffix: str) -> bool:
    """Say whether a name is that of a post-mortem, and one that every system allows."""
    return name_of(stem + suffix) is not None and stem.casefold() not in RESERVED


def _id_of_name(relative: str, how: How) -> str:
    """Return the id that the registry reads from the name of a document."""
    blank = b"{}" if relative.lower().endswith(".json") else b"# x\n"
    return next(iter(_previewed({relative: blank}, how))).id


def _own_id(incident: Incident, like: Collection, used: Used, names: list[str], file: str) -> str:
    """Return the id that goes into the document, nothing where its name tells it."""
    if like.ids is None:
        return ""
    manner = like.ids
    if manner.title is not None and manner.kind != "number":
        return file.removesuffix(like.suffix)
    return manner.lead(manner.next(names, incident.day), incident.day)


def _previewed(files: Mapping[str, bytes], how: How, location: str = ".") -> Registry:
    """Return the registry that files make, read in a folder of their own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for relative, data in files.items():
            (folder / relative).parent.mkdir(parents=True, exist_ok=True)
            (folder / relative).write_bytes(data)
        try:
            return load([Location(location, folder)], folder, how)
        except RegistryError as error:
            problem = error.problems[0]
            cause = f"what would be written can't be read: {problem.cause}"
            raise _wrong(cause, "mend the template") from None


def _unread(incident: Incident, found: Postmortem) -> Iterator[tuple[str, str]]:
    """Yield the fields that are known and that the registry does not read, with their values."""
    wanted: Mapping[str, tuple[object, object]] = {
        "date": (incident.day.isoformat(), found.date),
        "severity": (incident.severity, found.severity),
        "class": (incident.problem_class, found.problem_class),
        "owner": (incident.owner, found.owner),
        "service": (incident.service, found.service),
    }
    for name, (asked, read) in wanted.items():
        if asked and asked != read:
            yield name, ", ".join(asked) if isinstance(asked, tuple) else str(asked)


def _stands(value: str, data: bytes) -> bool:
    """Say whether a document holds a value, and not only as a part of other words."""
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", data.decode()) is not None


def in_file(incident: Incident, place: Place, used: Used, past: str, how: How) -> Begun:
    """Begin an entry of a registry file; ``past`` is all that ever stood in it.

    Raises: SettingsError where there is no next id, or no entry can be added safely.
    """
    data = place.path.read_bytes()
    id, sparse = (
        (incident.id, False) if incident.id else _next_id(incident, data, place, used, past)
    )
    new = entered(data, place.shown, id, incident.facts(incident.title))
    name = place.path.name
    known = {each.id for each in _previewed({name: data}, how, name)}
    own = [each.id for each in _previewed({name: new}, how, name) if each.id not in known]
    edit = Edit(place.path, place.shown, data, new)
    return Begun(own[0] if own else id, edit, sparse=sparse)


def _next_id(
    incident: Incident, data: bytes, place: Place, used: Used, past: str
) -> tuple[str, bool]:
    """Return the id that follows those of a file, as it is written there, and if it is sparse."""
    text = data.decode("utf-8-sig").replace("\r\n", "\n")
    suffix = place.path.suffix.lower()
    _, entries = entries_of(formats.parse(text, suffix, failed=READ_REGISTRY, path=place.shown))
    rows = entries.values() if isinstance(entries, Mapping) else entries or ()
    ids = written_ids(entries)
    ordered = ids[::-1] if newest_first([row or {} for row in rows]) else ids
    manner = manner_of(ordered) if ids else replace(FIRST, title=None)
    if manner.kind == "none" and not _are_words(ids):
        cause = f"the ids in {place.shown} follow no pattern, such as {ids[-1]!r}"
        raise _wrong(cause, "say which id it has, with --id")
    names = [*used.every(ids), *past_ids(past)]
    number = manner.next(names, incident.day)
    lead = manner.lead(number, incident.day)
    id = manner.name(lead, incident.title) or f"incident-{incident.day}"
    every = (id, *(f"{id}-{n}" for n in range(2, 1000)))
    sparse = manner.kind == "number" and len(ids) > 2 and number > SPARSE * len(ids)
    return next(each for each in every if not used.has(each)), sparse


def _are_words(ids: Sequence[str]) -> bool:
    """Say whether ids are made of words, as a title is."""
    words = [id for id in ids if any(part.isalpha() and len(part) > 2 for part in _parts(id))]
    return len(words) * 2 > len(ids)


def _parts(id: str) -> list[str]:
    return id.replace("_", "-").replace(" ", "-").split("-")


def _wrong(cause: str, remedy: str) -> SettingsError:
    return SettingsError([Problem("setting", FAILED, cause, remedy)])
