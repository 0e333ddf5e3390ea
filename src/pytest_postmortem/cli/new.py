"""``pytest-postmortem new``: a post-mortem is begun, and with it the regression test."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatch
from pathlib import Path
from typing import TypeVar

from pytest_postmortem import git
from pytest_postmortem.cli.arguments import build_pytest_arguments
from pytest_postmortem.cli.project import Project, configure_without_conftest
from pytest_postmortem.errors import GitError, Problem, SettingsError
from pytest_postmortem.evaluation.evaluate import normalize_severity
from pytest_postmortem.files import find_unfinished_files, format_relative_path, is_test_file_path
from pytest_postmortem.model import Registry, normalize_id
from pytest_postmortem.options import DEFAULT_LOCATIONS, MARKER_NAME
from pytest_postmortem.registry import fields, parsers
from pytest_postmortem.registry.file_bytes import is_sync_file
from pytest_postmortem.registry.filenames import parse_document_name
from pytest_postmortem.registry.loader import is_remote_location
from pytest_postmortem.scaffold import edits
from pytest_postmortem.scaffold.document import IncidentDetails, TeamTemplate, read_template
from pytest_postmortem.scaffold.edits import FileEdit
from pytest_postmortem.scaffold.naming import format_function_name
from pytest_postmortem.scaffold.new_postmortem import (
    SCAFFOLD_FAILED,
    NewPostmortem,
    PostmortemPlace,
    UsedNames,
    build_scaffold_error,
    scaffold_document,
    scaffold_entry,
)
from pytest_postmortem.scaffold.regression_test import RegressionTestError, add_regression_test
from pytest_postmortem.scaffold.sibling_documents import is_bundle_file
from pytest_postmortem.similar_names import find_similar_word, format_suggestion
from pytest_postmortem.text import clean_text, sanitize_line, unescape_bytes


@dataclass(frozen=True, slots=True)
class AddedRegressionTest:
    """A test with its node id, the edit that adds it, and how it fails until it is written."""

    nodeid: str
    edit: FileEdit
    effect: str

    @property
    def nodeid_from_cwd(self) -> str:
        """The test as pytest takes it in the current folder."""
        name = self.nodeid.rpartition("::")[2]
        return f"{format_relative_path(self.edit.path, Path.cwd())}::{name}"


class RegressionTestFile:
    """A file that is to hold one more test, given as ``PATH`` or ``PATH::NAME``.

    A folder means a new file in it.
    """

    def __init__(self, project: Project, text: str, title: str) -> None:
        path, _, name = text.partition("::")
        file = Path(os.path.abspath(path))
        if os.path.isdir(file) or path.endswith(("/", os.sep)):
            file = file / f"test_{format_function_name(title) or 'incident'}.py"
        self._project = project
        self._title = title
        self._name = name or None
        self._file = file
        self._shown = project.shown(file)
        self._check(project, name)

    @property
    def was_interrupted(self) -> bool:
        """Whether a process that was killed had begun to write this file."""
        name = f".{self._file.name[:60]}."
        return any(path.name.startswith(name) for path in find_unfinished_files(self._file.parent))

    def _check(self, project: Project, name: str) -> None:
        """Make sure that pytest would find a test there.

        Raises: SettingsError.
        """
        patterns = project.config.getini("python_files")
        if not self._file.is_relative_to(project.root):
            raise self._wrong("it is outside of the rootdir", "name a file of this project")
        if self._file.suffix != ".py" or not is_test_file_path(self._file, patterns):
            cause = f"pytest takes no such file for tests (python_files = {' '.join(patterns)})"
            raise self._wrong(cause, "give it a name that pytest collects")
        if "::" in name:
            raise self._wrong("a class is named", "name a function, as PATH::test_name")

    def add_incident_test(self, id: str) -> AddedRegressionTest:
        """Return the file with a test of an incident.

        Raises: SettingsError where none can be added.
        """
        rules = self._project.test_name_patterns
        try:
            old = self._read()
            added = add_regression_test(old, id, self._title, self._name, rules)
        except RegressionTestError as error:
            raise self._wrong(error.cause, error.remedy) from None
        except (OSError, ValueError) as error:
            cause = str(getattr(error, "strerror", None) or error).lower()
            raise self._wrong(cause, "name another file") from None
        muted = added.muted or self._unseen()
        effect = f"does not stop anybody: {muted}" if muted else "fails until it is written"
        edit = FileEdit(self._file, self._shown, old, added.code)
        return AddedRegressionTest(f"{self._shown}::{added.name}", edit, effect)

    def _read(self) -> bytes | None:
        with suppress(FileNotFoundError):
            return self._file.read_bytes()
        return None

    def _unseen(self) -> str | None:
        """Say why a bare pytest would not find the file."""
        suite_paths = self._project.suite_paths
        roots = [place for place in suite_paths if self._file.is_relative_to(place)]
        if not roots:
            return "a bare pytest does not look there (testpaths)"
        reasons = [self._explain_left_out(root) for root in roots]
        return reasons[0] if all(reasons) else None

    def _explain_left_out(self, root: Path) -> str | None:
        config = self._project.config
        below = self._file.relative_to(root).parts
        paths_down = [root.joinpath(*below[: n + 1]) for n in range(len(below))]
        for folder in paths_down[:-1]:  # which may not be there yet
            if any(fnmatch(folder.name, each) for each in config.getini("norecursedirs")):
                shown = self._project.shown(folder)
                return f"a bare pytest does not look into {shown!r} (norecursedirs)"
        hook = config.hook.pytest_ignore_collect
        is_left_out = any(hook(collection_path=each, config=config) for each in paths_down)
        return "a bare pytest leaves it out" if is_left_out else None

    def _wrong(self, cause: str, remedy: str) -> SettingsError:
        problem = Problem("setting", "Couldn't add a test to", cause, remedy, self._shown)
        return SettingsError([problem])


FIRST_LOCATION = DEFAULT_LOCATIONS[2]
"""Where the first post-mortem of a project goes."""


def _choose_place(project: Project, text: str | None) -> PostmortemPlace:
    """Return the location of the registry to which the post-mortem is added.

    Raises: SettingsError where it is not clear which one is meant.
    """
    places = [
        _build_place(project, location.path)
        for location in project.locations
        if not (is_remote_location(location.text) or _is_sync_output(project, location.path))
    ]
    if text is not None:
        return _find_named_place(project, places, text)
    if not places and project.locations:
        names = ", ".join(location.text for location in project.locations)
        cause = f"the registry is kept elsewhere ({names})"
        remedy = "write it there, or add a folder to postmortem_registry"
        raise build_scaffold_error(cause, remedy)
    if not places:
        return _build_place(project, project.root / FIRST_LOCATION)
    folders = [place for place in places if place.path.is_dir()]
    if len(places) > 1 and len(folders) != 1:
        names = ", ".join(place.shown for place in places)
        cause = "the registry has several locations"
        raise build_scaffold_error(cause, f"name one with --in: {names}")
    return (folders or places)[0]


def _build_place(project: Project, path: Path) -> PostmortemPlace:
    path = Path(os.path.abspath(path))
    return PostmortemPlace(path, format_relative_path(path, project.root))


def _find_named_place(
    project: Project, places: Sequence[PostmortemPlace], text: str
) -> PostmortemPlace:
    """Return the location that ``--in`` names, by its path or that of a folder in it."""
    places = places or [_build_place(project, project.root / name) for name in DEFAULT_LOCATIONS]
    for path in (Path(os.path.abspath(text)), Path(os.path.abspath(project.root / text))):
        for place in places:
            if path == place.path:
                return place
            if place.path.is_dir() and path.is_relative_to(place.path):
                return replace(place, folder=path.relative_to(place.path).as_posix())
    names = ", ".join(place.shown for place in places)
    cause = f"{text!r} is not a location of the registry"
    raise build_scaffold_error(cause, f"name one of {names}")


def _is_sync_output(project: Project, path: Path) -> bool:
    """Say whether a file is one that `sync` writes, and would write over."""
    is_configured = project.settings.sync is not None and path == project.settings.sync.path
    return is_configured or is_sync_file(path)


Past = TypeVar("Past", str, list[str])


def main(options: argparse.Namespace) -> int:
    """Create a post-mortem, and its test if one is asked for; return the exit status.

    Raises:
        SettingsError: It is not clear where it goes, or it can't be added there.
        RegistryError: The registry is broken.
        DestinationError: A file can't be written; then none is.
    """
    arguments, dry_run = build_pytest_arguments(options), options.dry_run
    incident = _parse_incident(options)
    with configure_without_conftest(arguments) as config:
        project = Project(config)
        registry = project.registry or Registry()
        _check_id_is_free(incident.id, registry)
        severity, hint = _resolve_severity(incident.severity, project, registry)
        incident = replace(incident, severity=severity)
        place = _choose_place(project, options.location)
        file = RegressionTestFile(project, options.test, incident.title) if options.test else None
        template = _load_template(project, options.template)
        new = _find_interrupted_postmortem(project, incident, registry, file)
        new = new or _scaffold_postmortem(project, incident, place, registry, template, file)
        test = file.add_incident_test(new.id) if file else None
    files = [edit for edit in (new.edit, test and test.edit) if edit and edit.old != edit.new]
    if dry_run:
        print(*map(sanitize_line, edits.render_edits_diff(files)), sep="\n")
    else:
        edits.write_edits(files)
    report = list(_describe_files(incident, new, test, hint))
    report += ["nothing was written"] if dry_run else _list_next_steps(new, test, arguments)
    for line in report:
        print(sanitize_line(line), file=sys.stderr if dry_run else sys.stdout)
    return 0


def _parse_incident(options: argparse.Namespace) -> IncidentDetails:
    """Return the checked fields of the incident.

    Raises: SettingsError with everything that can't be used.
    """
    title, id = clean_text(" ".join(options.title)), clean_text(options.id)
    problems = []
    if len(options.title) > 1:
        cause = f"the title is {len(options.title)} arguments, and has to be one"
        plain_text = not re.search(r'["$`\\!]', title)
        quoted = f'"{title}"' if plain_text else shlex.quote(title)
        problems.append((cause, f"put it in quotes: pytest-postmortem new {quoted}"))
    if not title:
        problems.append(("the title is empty", "say what happened, in a few words"))
    if len(title) > fields.MAX_SHORT_TEXT:
        cause = (
            f"the title has {len(title)} characters, and at most {fields.MAX_SHORT_TEXT} are read"
        )
        problems.append((cause, "say it in fewer words, and the rest in the document"))
    if len(id) > fields.MAX_SHORT_TEXT or (options.id and not id):
        problems.append(("the id is empty, or too long", "use an id such as PM-12"))
    if options.date is not None and fields.parse_day(options.date) != options.date:
        problems.append((f"{options.date!r} is not a date", "write it as 2026-11-20"))
    if problems:
        raise SettingsError([Problem("setting", SCAFFOLD_FAILED, *each) for each in problems])
    return IncidentDetails(
        id,
        title,
        date.fromisoformat(options.date) if options.date else date.today(),
        clean_text(options.severity),
        clean_text(options.problem_class),
        clean_text(options.owner),
        tuple(filter(None, map(clean_text, options.service))),
    )


def _check_id_is_free(id: str, registry: Registry) -> None:
    """Make sure that an id which was asked for is free.

    Raises: SettingsError.
    """
    existing = registry.find(id) if id else None
    if existing is not None:
        cause = (
            f"{id!r} is a post-mortem already: {existing.path or existing.url or existing.title}"
        )
        remedy = "leave --id out for the next one, or give another"
        raise build_scaffold_error(cause, remedy)


def _resolve_severity(severity: str, project: Project, registry: Registry) -> tuple[str, str]:
    """Return a severity as the team writes it, ``SEV-1`` for ``sev1``, and a hint.

    The hint is empty for one that is known, and while nothing in the registry has any.
    """
    used = [postmortem.severity for postmortem in registry if postmortem.severity]
    configured = project.settings.policy.severities
    for spelling in (*used, *configured):
        if normalize_severity(spelling) == normalize_severity(severity):
            return spelling, ""
    known = {normalize_severity(each): each for each in (*configured, *sorted(used))}
    if not severity or not known:
        return severity, ""
    similar = find_similar_word(severity, known.values())
    examples = ", ".join(list(known.values())[:8])
    remedy = format_suggestion(similar, f"those in use are {examples}")
    return severity, f"no other incident has the severity {severity!r}; {remedy}"


def _find_interrupted_postmortem(
    project: Project,
    incident: IncidentDetails,
    registry: Registry,
    file: RegressionTestFile | None,
) -> NewPostmortem | None:
    """Return the post-mortem that this command wrote before it was killed, without its test."""
    if file is None or not file.was_interrupted:
        return None
    marked_ids = {normalize_id(id).casefold() for id in project.marked_ids()}
    for postmortem in registry:
        is_same_incident = postmortem.title == incident.title and incident.id in ("", postmortem.id)
        if is_same_incident and postmortem.path and postmortem.id.casefold() not in marked_ids:
            path = project.root / unescape_bytes(postmortem.path)
            data = path.read_bytes()
            return NewPostmortem(postmortem.id, edits.FileEdit(path, postmortem.path, data, data))
    return None


def _scaffold_postmortem(
    project: Project,
    incident: IncidentDetails,
    place: PostmortemPlace,
    registry: Registry,
    template: TeamTemplate | None,
    file: RegressionTestFile | None,
) -> NewPostmortem:
    noted_errors: set[str] = set()

    def read_past() -> str:
        return _read_git_past(
            lambda: git.read_lines_ever_added(project.root, place.path), "", noted_errors
        )

    if place.path.suffix.lower() in parsers.PARSERS_BY_SUFFIX and not place.path.is_dir():
        used = UsedNames(registry, read_past=read_past)
        return scaffold_entry(incident, place, used, project.offline_options)
    paths = _read_git_past(
        lambda: git.list_files_ever_tracked(project.root, place.path), [], noted_errors
    )
    used = UsedNames(registry, tuple(_list_past_stems(paths)), read_past)
    return scaffold_document(
        incident,
        place,
        used,
        project.offline_options,
        template,
        lambda id: file.add_incident_test(id).nodeid if file else "",
    )


def _list_past_stems(paths: Iterable[str]) -> Iterator[str]:
    """Yield the stems of documents by their paths; that of ``slug/index.md`` is its folder."""
    for path in paths:
        folder, _, file = path.rpartition("/")
        name = parse_document_name(file)
        if name is not None:
            yield name.stem
        elif is_bundle_file(file):
            yield folder.rpartition("/")[2]


def _read_git_past(read: Callable[[], Past], nothing: Past, noted: set[str]) -> Past:
    """Return what git knows of the past; where it fails nothing, which is printed once."""
    try:
        return read()
    except GitError as error:
        if error.brief not in noted:
            noted.add(error.brief)
            note = f"ids of deleted post-mortems are unknown, so one may be reused: {error.brief}"
            print(sanitize_line(note), file=sys.stderr)
        return nothing


def _load_template(project: Project, given: str | None) -> TeamTemplate | None:
    """Return the template that was asked for or configured."""
    path = project.settings.template if given is None else Path(given).absolute()
    return None if path is None else read_template(path, project.shown(path))


def _describe_files(
    incident: IncidentDetails, new: NewPostmortem, test: AddedRegressionTest | None, hint: str
) -> Iterator[str]:
    """Yield the files, with notes on each option that they can't hold."""
    yield f"{new.id}  {incident.title}"
    source = f" (from {new.template})" if new.template else ""
    yield f"  {new.edit.shown}{source}"
    if test:
        yield f"  {test.nodeid} ({test.effect})"
    if "severity" in new.unread:
        yield (
            f"  {incident.severity!r} is not read as a severity:"
            " name it in postmortem_severities, or use a word such as SEV1 or high"
        )
    others = [name for name in new.unread if name != "severity"]
    if others:
        yield f"  {' and '.join(others)} in the text of a document is not read: use front matter"
    if new.unwritten:
        pronoun = "it" if len(new.unwritten) == 1 else "them"
        names = ", ".join(new.unwritten)
        yield f"  not written, as the document has no place for {pronoun}: {names}"
    if hint:
        yield f"  {hint}"
    if new.is_sparse:
        yield "  its number follows the highest; if another system gives them, say which with --id"


def _list_next_steps(
    new: NewPostmortem, test: AddedRegressionTest | None, arguments: Sequence[str]
) -> Iterator[str]:
    yield "Next:"
    yield f"  1. write down what happened and why, in {new.edit.shown}"
    if test:
        command = shlex.join(("pytest", *arguments, test.nodeid_from_cwd))
        yield f"  2. write the test, and see it fail for that reason: {command}"
    else:
        mark = f'@pytest.mark.{MARKER_NAME}("{new.id}")'
        yield f"  2. write a test that fails for that reason, and mark it: {mark}"
    yield "  3. fix the cause, run the test until it passes, and merge all of it together"
