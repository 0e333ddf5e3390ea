"""``pytest-postmortem new``: a post-mortem is begun, and with it the regression test."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatch
from pathlib import Path
from typing import TypeVar

from pytest_postmortem import git
from pytest_postmortem.cli.arguments import add_configuration_options, build_pytest_arguments
from pytest_postmortem.cli.project import Project, configure_without_conftest, find_suite_paths
from pytest_postmortem.errors import GitError, Problem, SettingsError
from pytest_postmortem.evaluation.evaluate import normalize_severity
from pytest_postmortem.files import find_unfinished_files, format_relative_path, is_test_file_path
from pytest_postmortem.model import Registry, normalize_id
from pytest_postmortem.options import DEFAULT_LOCATIONS, MARKER_NAME
from pytest_postmortem.registry import fields, parsers
from pytest_postmortem.registry.file import SYNC_FIRST_LINE
from pytest_postmortem.registry.filenames import parse_document_name
from pytest_postmortem.registry.loader import is_remote_location
from pytest_postmortem.scaffold import edits
from pytest_postmortem.scaffold.draft import IncidentDetails
from pytest_postmortem.scaffold.edits import FileEdit
from pytest_postmortem.scaffold.new_postmortem import (
    SCAFFOLD_FAILED,
    NewPostmortem,
    PostmortemPlace,
    UsedNames,
    build_scaffold_error,
    read_template,
    scaffold_document,
    scaffold_entry,
)
from pytest_postmortem.scaffold.regression_test import RegressionTestError, add_regression_test
from pytest_postmortem.scaffold.sibling_documents import is_bundle_file
from pytest_postmortem.scaffold.slugs import format_function_name
from pytest_postmortem.similar_names import find_similar_word
from pytest_postmortem.text import clean_text, sanitize_line, unescape_bytes


@dataclass(frozen=True, slots=True)
class AddedRegressionTest:
    """A test with its node id, the edit that adds it, and the reason if it can't fail.

    ``needs`` is a module without which it is skipped.
    """

    nodeid: str
    edit: FileEdit
    muted: str | None = None
    needs: str | None = None

    @property
    def effect_until_written(self) -> str:
        """How the test fails until it is written."""
        if self.muted:
            return f"does not stop anybody: {self.muted}"
        skipped = f", but is skipped where {self.needs!r} can't be imported" if self.needs else ""
        return f"fails until it is written{skipped}"

    @property
    def nodeid_from_cwd(self) -> str:
        """The test as pytest takes it in the current folder."""
        name = self.nodeid.rpartition("::")[2]
        return f"{format_relative_path(self.edit.path, Path.cwd())}::{name}"


class RegressionTestFile:
    """A file that is to hold one more test, given as ``PATH`` or ``PATH::NAME``.

    A folder means a new file in it.
    """

    __test__ = False  # pytest collects what begins with Test

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
        old = self._read()
        try:
            added = add_regression_test(
                old, id, self._title, self._name, self._project.test_name_patterns
            )
        except RegressionTestError as error:
            raise self._wrong(error.cause, error.remedy) from None
        edit = FileEdit(self._file, self._shown, old, added.code)
        muted = added.muted or self._unseen()
        return AddedRegressionTest(f"{self._shown}::{added.name}", edit, muted, added.needs)

    def _read(self) -> bytes | None:
        try:
            return self._file.read_bytes()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            cause = str(getattr(error, "strerror", None) or error).lower()
            raise self._wrong(cause, "name another file") from None

    def _unseen(self) -> str | None:
        """Say why a bare pytest would not find the file."""
        suite_paths = find_suite_paths(self._project.config, self._project.settings)
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


class WritableLocations:
    """The locations of a registry to which something can be added."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._writable_places = list(self._own())

    def _own(self) -> Iterator[PostmortemPlace]:
        synced = self._project.settings.sync
        for location in self._project.locations:
            if not is_remote_location(location.text) and (
                synced is None or location.path != synced.path
            ):
                place = self._place(location.path)
                if not _is_sync_output(place.path):
                    yield place

    def _place(self, path: Path) -> PostmortemPlace:
        path = Path(os.path.abspath(path))
        return PostmortemPlace(path, format_relative_path(path, self._project.root))

    def choose_location(self, text: str | None) -> PostmortemPlace:
        """Return the place that is meant.

        Raises: SettingsError where that is not clear.
        """
        if text is not None:
            return self._named(text)
        if not self._writable_places and self._project.locations:
            names = ", ".join(location.text for location in self._project.locations)
            cause = f"the registry is kept elsewhere ({names})"
            remedy = "write it there, or add a folder to postmortem_registry"
            raise build_scaffold_error(cause, remedy)
        if not self._writable_places:
            return self._place(self._project.root / FIRST_LOCATION)
        folders = [place for place in self._writable_places if place.path.is_dir()]
        if len(self._writable_places) > 1 and len(folders) != 1:
            names = ", ".join(place.shown for place in self._writable_places)
            raise build_scaffold_error(
                "the registry has several locations", f"name one with --in: {names}"
            )
        return folders[0] if folders else self._writable_places[0]

    def _named(self, text: str) -> PostmortemPlace:
        root = self._project.root
        known_places = self._writable_places or [
            self._place(root / place) for place in DEFAULT_LOCATIONS
        ]
        for path in (Path(text).absolute(), root / text):
            asked_path = Path(os.path.abspath(path))
            for place in known_places:
                if asked_path == place.path:
                    return place
                if place.path.is_dir() and asked_path.is_relative_to(place.path):
                    return replace(place, folder=asked_path.relative_to(place.path).as_posix())
        names = ", ".join(place.shown for place in known_places)
        raise build_scaffold_error(
            f"{text!r} is not a location of the registry", f"name one of {names}"
        )


def _is_sync_output(path: Path) -> bool:
    """Say whether a file is one that `sync` writes, and would write over."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline().startswith(SYNC_FIRST_LINE)
    except OSError:
        return False


Past = TypeVar("Past", str, list[str])


def declare_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "title", metavar="TITLE", nargs="+", help="short description of the problem, in quotes"
    )
    parser.add_argument("--severity", metavar="LEVEL", default="", help="severity")
    parser.add_argument(
        "--date", metavar="DATE", help="date of the incident, as 2026-11-20 (default: today)"
    )
    parser.add_argument("--owner", metavar="TEAM", default="", help="the team that owns it")
    parser.add_argument(
        "--class", metavar="CLASS", dest="problem_class", default="", help="the class of problem"
    )
    parser.add_argument(
        "--service",
        metavar="NAME",
        action="append",
        default=[],
        help="affected service (repeatable)",
    )
    parser.add_argument("--id", metavar="ID", default="", help="its id (default: the next one)")
    parser.add_argument(
        "--test",
        metavar="PATH[::NAME]",
        help="file or folder that gets a regression test, which fails until it is written",
    )
    parser.add_argument(
        "--in",
        dest="location",
        metavar="LOCATION",
        help="location of the registry that it is added to",
    )
    parser.add_argument(
        "--template", metavar="FILE", help="template of the document (default: the team's own)"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show the changes without writing them"
    )
    add_configuration_options(parser)


def main(options: argparse.Namespace) -> int:
    """Run the command with parsed arguments, and return its exit status."""
    return run_new(
        build_pytest_arguments(options),
        _parse_incident(options),
        test=options.test,
        location=options.location,
        template=options.template,
        dry_run=options.dry_run,
    )


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


def run_new(
    arguments: Sequence[str],
    incident: IncidentDetails,
    *,
    test: str | None = None,
    location: str | None = None,
    template: str | None = None,
    dry_run: bool = False,
) -> int:
    """Begin a post-mortem, and its test if one is asked for; return the exit status.

    Raises:
        SettingsError: It is not clear where it goes, or it can't be added there.
        RegistryError: The registry is broken.
        DestinationError: A file can't be written; then none is.
    """
    with configure_without_conftest(arguments) as config:
        project = Project(config)
        known_registry = project.registry or Registry()
        _check_id_is_free(incident.id, known_registry)
        incident = replace(
            incident,
            severity=_resolve_severity_spelling(incident.severity, project, known_registry),
        )
        new_severity = _format_severity_hint(incident.severity, project, known_registry)
        place = WritableLocations(project).choose_location(location)
        file = RegressionTestFile(project, test, incident.title) if test is not None else None
        template_text = _load_template(project, template)
        begun = _find_interrupted_postmortem(
            project, incident, known_registry, file
        ) or _scaffold_postmortem(project, incident, place, known_registry, template_text, file)
        added_test = file.add_incident_test(begun.id) if file else None
    files = [
        edit
        for edit in (begun.edit, added_test and added_test.edit)
        if edit and edit.old != edit.new
    ]
    if dry_run:
        print(*map(sanitize_line, edits.render_edits_diff(files)), sep="\n")
    else:
        edits.write_edits(files)
    for line in _format_new_postmortem(
        incident, begun, added_test, arguments, dry_run, new_severity
    ):
        print(sanitize_line(line), file=sys.stderr if dry_run else sys.stdout)
    return 0


def _check_id_is_free(id: str, known_registry: Registry) -> None:
    """Make sure that an id which was asked for is free.

    Raises: SettingsError.
    """
    existing = known_registry.find(id) if id else None
    if existing is not None:
        cause = (
            f"{id!r} is a post-mortem already: {existing.path or existing.url or existing.title}"
        )
        remedy = "leave --id out for the next one, or give another"
        raise build_scaffold_error(cause, remedy)


def _resolve_severity_spelling(severity: str, project: Project, known_registry: Registry) -> str:
    """Return a severity as the team writes it: ``sev1`` is ``SEV-1``, where that is how."""
    own = (each.severity for each in known_registry if each.severity)
    for each in (*own, *project.settings.policy.severities):
        if normalize_severity(each) == normalize_severity(severity):
            return each
    return severity


def _format_severity_hint(severity: str, project: Project, known_registry: Registry) -> str:
    """Return a line on a severity that nothing in the registry has, an empty one where it is
    known, or the registry has none at all.
    """
    used_severities = [each.severity for each in known_registry if each.severity]
    policy = project.settings.policy
    spellings = {
        normalize_severity(each): each for each in (*policy.severities, *sorted(used_severities))
    }
    if not (severity and spellings) or normalize_severity(severity) in spellings:
        return ""
    suggestion = find_similar_word(severity, spellings.values())
    examples = ", ".join(list(spellings.values())[:8])
    remedy = f"did you mean {suggestion!r}?" if suggestion else f"those in use are {examples}"
    return f"no other incident has the severity {severity!r}; {remedy}"


def _find_interrupted_postmortem(
    project: Project,
    incident: IncidentDetails,
    known_registry: Registry,
    file: RegressionTestFile | None,
) -> NewPostmortem | None:
    """Return the post-mortem that this command wrote before it was killed, without its test."""
    if file is None or not file.was_interrupted:
        return None
    marked_ids = {normalize_id(id).casefold() for id in project.marked_ids()}
    for postmortem in known_registry:
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
    known_registry: Registry,
    template: tuple[str, str] | None,
    file: RegressionTestFile | None,
) -> NewPostmortem:
    noted_errors: set[str] = set()
    if place.path.suffix.lower() in parsers.PARSERS_BY_SUFFIX and not place.path.is_dir():
        ever = _read_git_past(
            lambda: git.read_lines_ever_added(project.root, place.path), "", noted_errors
        )
        return scaffold_entry(
            incident, place, UsedNames(known_registry), ever, project.offline_options
        )
    paths = _read_git_past(
        lambda: git.list_files_ever_tracked(project.root, place.path), [], noted_errors
    )
    used = UsedNames(known_registry, tuple(_list_past_stems(paths)))

    def test_of(id: str) -> str:
        return file.add_incident_test(id).nodeid if file else ""

    def read_past_text() -> str:
        return _read_git_past(
            lambda: git.read_lines_ever_added(project.root, place.path), "", noted_errors
        )

    return scaffold_document(
        incident, place, used, project.offline_options, template, test_of, read_past_text
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


def _load_template(project: Project, given: str | None) -> tuple[str, str] | None:
    """Return the template that was asked for or configured, with its path as it is shown."""
    path = project.settings.template if given is None else Path(given).absolute()
    if path is None:
        return None
    shown = project.shown(path)
    return read_template(path, shown), shown


def _format_unread_fields(incident: IncidentDetails, names: Sequence[str]) -> Iterator[str]:
    """Yield a note on each option that the document can't hold, with the remedy."""
    if "severity" in names:
        yield (
            f"  {incident.severity!r} is not read as a severity:"
            " name it in postmortem_severities, or use a word such as SEV1 or high"
        )
    others = [name for name in names if name != "severity"]
    if others:
        yield f"  {' and '.join(others)} in the text of a document is not read: use front matter"


def _format_new_postmortem(
    incident: IncidentDetails,
    begun: NewPostmortem,
    added: AddedRegressionTest | None,
    arguments: Sequence[str],
    dry_run: bool,
    hint: str,
) -> Iterator[str]:
    """Yield the files that were written, and the next steps."""
    yield f"{begun.id}  {incident.title}"
    source = f" (from {begun.template})" if begun.template else ""
    yield f"  {begun.edit.shown}{source}"
    if added:
        yield f"  {added.nodeid} ({added.effect_until_written})"
    yield from _format_unread_fields(incident, begun.unread)
    if begun.unwritten:
        names = ", ".join(begun.unwritten)
        yield (
            "  not written, as the document has no place for"
            f" {_format_pronoun(begun.unwritten)}: {names}"
        )
    if hint:
        yield f"  {hint}"
    if begun.is_sparse:
        yield "  its number follows the highest; if another system gives them, say which with --id"
    if dry_run:
        yield "nothing was written"
        return
    yield "Next:"
    yield f"  1. write down what happened and why, in {begun.edit.shown}"
    if added:
        command = shlex.join(("pytest", *arguments, added.nodeid_from_cwd))
        yield f"  2. write the test, and see it fail for that reason: {command}"
    else:
        mark = f'@pytest.mark.{MARKER_NAME}("{begun.id}")'
        yield f"  2. write a test that fails for that reason, and mark it: {mark}"
    yield "  3. fix the cause, run the test until it passes, and merge all of it together"


def _format_pronoun(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"
