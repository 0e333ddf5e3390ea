"""``pytest-postmortem init``: detect post-mortems and configure pytest."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pytest_postmortem import git, registry
from pytest_postmortem.cli.arguments import build_pytest_arguments
from pytest_postmortem.cli.listing_rows import (
    IncidentRow,
    build_rows_from_code,
    format_state_counts,
)
from pytest_postmortem.cli.new import FIRST_LOCATION
from pytest_postmortem.cli.project import Project, configure_without_conftest
from pytest_postmortem.errors import GitError, Problem, SettingsError
from pytest_postmortem.evaluation.links import parse_marks
from pytest_postmortem.files import format_relative_path
from pytest_postmortem.model import Location, Registry, format_count
from pytest_postmortem.options import MARKER_NAME
from pytest_postmortem.pysource import suite_reader
from pytest_postmortem.pysource.expressions import PLUGIN_DECORATORS
from pytest_postmortem.registry.folder import FolderWalk, examine_folder
from pytest_postmortem.scaffold import edits
from pytest_postmortem.scaffold.edits import FileEdit
from pytest_postmortem.scaffold.pytest_config import (
    SettingsToAdd,
    SettingValue,
    add_pytest_settings,
    has_postmortem_marker,
    parse_pytest_settings,
)
from pytest_postmortem.text import sanitize_line

SETUP_FAILED = "Couldn't set up"


FIRST_README = b"""\
# Post-mortems

One file for each incident: what happened, why, and which test keeps it from happening again.

`pytest-postmortem new "what happened" --test tests/` begins the next one, with its test.
"""


MAX_FOLDER_DEPTH = 4
"""The maximum depth of a folder with post-mortems."""

CI_SYSTEMS: tuple[tuple[str, str], ...] = (
    (".github/workflows", "GitHub Actions"),
    (".gitlab-ci.yml", "GitLab CI"),
    (".circleci/config.yml", "CircleCI"),
    ("azure-pipelines.yml", "Azure Pipelines"),
    ("bitbucket-pipelines.yml", "Bitbucket Pipelines"),
    (".buildkite", "Buildkite"),
    (".travis.yml", "Travis CI"),
    ("Jenkinsfile", "Jenkins"),
)
"""Files that show where else a project is tested."""

_COLLECTION_NAME = re.compile(
    r"(?:(?:incident|outage)[-_ ]?(?:report|review|retro)s?|incidents?|outages?|rcas?|coes?"
    r"|post[-_ ]?mortems?)(?:[-_ ]?reports?)?",
    re.IGNORECASE,
)
_CODE_FOLDERS = frozenset(
    "build dist env fixtures node_modules site-packages src test testdata tests vendor venv".split()
)
_TRACKER_NAMES = frozenset(
    "bug bugs defect defects gh github incident incidents issue issues jira outage outages "
    "regression ticket tickets".split()
)
_PLUGIN_MARKS = {
    own.mark: own.mark.partition("_")[0].encode() for own in PLUGIN_DECORATORS.values()
}
"""The marks that decorators of plugins set, each with a word in the code that uses it."""

_MARK_CALL = re.compile(rb"\bmark\.(\w+)\(")
_HOSTED_ORIGIN = re.compile(
    r"(?:https?://(?:[^@/\s]+@)?|ssh://git@|git@)(?P<host>github\.com|gitlab\.com)[:/]"
    r"(?P<path>[\w./-]+?)(?:\.git)?/?"
)
_ISSUE_PATHS: Mapping[str, str] = {"github.com": "issues", "gitlab.com": "-/issues"}


def find_document_collections(root: Path) -> dict[str, int]:
    """Return the folders that look like collections of post-mortems, largest first.

    The values are the numbers of documents, by their names. Folders with code are excluded.
    """
    counts = {
        folder: _count_documents(root / folder)
        for folder in _list_collection_folders(root, "", MAX_FOLDER_DEPTH)
    }
    return dict(sorted(((k, n) for k, n in counts.items() if n), key=lambda pair: -pair[1]))


def _list_collection_folders(root: Path, folder: str, depth: int) -> Iterator[str]:
    try:
        with os.scandir(root / folder) as entries:
            below = sorted(entry.name for entry in entries if _is_searchable_folder(entry))
    except OSError:
        return
    for name in below:
        relative = f"{folder}/{name}" if folder else name
        if _COLLECTION_NAME.fullmatch(name):
            yield relative
        elif depth > 1:
            yield from _list_collection_folders(root, relative, depth - 1)


def _is_searchable_folder(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or entry.name.lower() in _CODE_FOLDERS:
        return False
    project_files = (os.path.join(entry.path, name) for name in ("__init__.py", "pyvenv.cfg"))
    return entry.is_dir(follow_symlinks=False) and not any(map(os.path.exists, project_files))


def _count_documents(folder: Path) -> int:
    """Return the number of documents in a folder; data files count only without texts."""
    names = examine_folder(str(folder), FolderWalk(str(folder)).find_files()).names.values()
    written = sum(name.kind != "data" for name in names)
    return written or len(names)


@dataclass(frozen=True, slots=True)
class MarkIds:
    """The ids in the marks of one name, in order; one for each mark that has one."""

    mark: str
    every: tuple[str, ...]

    @property
    def distinct_ids(self) -> tuple[str, ...]:
        """The ids without duplicates."""
        return tuple(dict.fromkeys(self.every))

    @property
    def numeric_count(self) -> int:
        """The number of ids that are plain numbers, like those of a tracker."""
        return sum(id.isdecimal() for id in self.distinct_ids)

    @property
    def are_numbers(self) -> bool:
        """Whether nearly all ids are plain numbers."""
        return self.numeric_count * 10 >= len(self.distinct_ids) * 9


def find_marks_with_ids(codes: Iterable[bytes]) -> list[MarkIds]:
    """Return the marks of test files that seem to name incidents, the most frequent first.

    Only certain mark names count: ``timeout(10)`` and ``testcase("TC-1")`` mean something else.
    """
    ids_by_mark: dict[str, list[str]] = {}
    for code in codes:
        names = {name.decode() for name in _MARK_CALL.findall(code)}
        tracked = {name for name in names if _TRACKER_NAMES & set(name.lower().split("_"))}
        tracked |= {mark for mark, word in _PLUGIN_MARKS.items() if word in code}
        text = code.decode("utf-8", errors="replace") if tracked else ""
        for mark in suite_reader.find_called_marks(text, tracked) if tracked else ():
            ids = parse_marks([mark]).ids
            ids_by_mark.setdefault(mark.name, []).extend(id for id in ids if " " not in id)
    marks = [MarkIds(name, tuple(ids)) for name, ids in ids_by_mark.items() if ids]
    return sorted(marks, key=lambda mark_ids: (-len(mark_ids.every), mark_ids.mark))


def find_ci_system(root: Path) -> tuple[str, str] | None:
    """Return the file or folder of a CI configuration, and the name of the CI."""
    return next((ci_file for ci_file in CI_SYSTEMS if (root / ci_file[0]).exists()), None)


def find_issue_url_template(origin: str | None) -> str | None:
    """Return the URL template of the issues of a repository, with ``{id}``, from its remote URL."""
    match = _HOSTED_ORIGIN.fullmatch(origin or "")
    if match is None:
        return None
    host, path = match["host"], match["path"]
    return f"https://{host}/{path}/{_ISSUE_PATHS[host]}/{{id}}"


class ProjectSetup:
    """The parts of a set-up that a project has, and those that it lacks.

    Raises:
        SettingsError: It is configured by a file that is not its own.
        RegistryError: The post-mortems that are there can't be read.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._root = project.root
        self._unread = ""
        self._file = self._find_configuration_file()
        self.shown = project.shown(self._file)
        self._old = self._file.read_bytes() if self._file.is_file() else None
        self._current_settings = parse_pytest_settings(self._file.name, self._old or b"")
        self._marks = self._list_used_marks()
        self._settings = {k: v for k, v in self._missing() if k not in self._current_settings}

    def _find_configuration_file(self) -> Path:
        """Return the file that pytest reads here, or the one that is natural."""
        config = self._project.config
        path, top = config.inipath, git.find_repository_top(config.invocation_params.dir)
        if path is None:
            path = self._root / "pyproject.toml"
            path = path if path.is_file() else self._root / "pytest.ini"
        given = config.option.inifilename or config.option.rootdir
        if top is not None and not given and not path.resolve().is_relative_to(top.resolve()):
            cause = f"pytest is configured by {str(path)!r}, which is outside of this repository"
            remedy = "make a pytest.ini of its own, which may be empty"
            raise SettingsError([Problem("setting", SETUP_FAILED, cause, remedy)])
        return path

    @cached_property
    def _place(self) -> str | None:
        """The collection that is there and not configured, from the rootdir."""
        if self._project.settings.registry:
            return None
        found = registry.find_registry(self._root)
        if found is not None:
            return format_relative_path(found, self._root)
        return next(iter(self._others), None)

    @cached_property
    def _others(self) -> dict[str, int]:
        return find_document_collections(self._root)

    @cached_property
    def _known(self) -> Registry | None:
        """What the registry will hold: broken, it would end each run."""
        if self._place is None:
            return self._project.registry
        return registry.load_registry(
            [Location(self._place, self._root)], self._root, self._project.offline_options
        )

    def _list_used_marks(self) -> list[MarkIds]:
        known_marks = self._project.settings.markers
        all_marks = find_marks_with_ids(data for _, data in self._project.contents())
        return [ids for ids in all_marks if ids.mark not in {MARKER_NAME, *known_marks}]

    def _missing(self) -> Iterator[tuple[str, SettingValue]]:
        """Yield the settings that are missing."""
        useful_marks = [ids for ids in self._marks if self._count_matched_ids(ids)]
        if self._place is not None:
            yield "postmortem_registry", (self._relative_to_configuration(self._place),)
        elif self._is_first_registry and not self._uses_tracker:
            yield "postmortem_registry", (self._relative_to_configuration(FIRST_LOCATION),)
        if self._is_first_registry and self._uses_tracker:
            useful_marks = [ids for ids in self._marks if ids.are_numbers]
            yield "postmortem_url_template", self._tracker_template or ""
        if useful_marks:
            yield "postmortem_markers", tuple(ids.mark for ids in useful_marks)

    def _count_matched_ids(self, ids: MarkIds) -> int:
        """Return how many ids of a mark the registry knows."""
        known_registry = self._known
        return (
            sum(known_registry.find(id) is not None for id in ids.distinct_ids)
            if known_registry
            else 0
        )

    @property
    def _is_first_registry(self) -> bool:
        """Whether any kind of registry is missing."""
        settings = self._project.settings
        is_configured = settings.registry or settings.sync or settings.url_template
        return self._place is None and not is_configured

    @cached_property
    def _tracker_template(self) -> str | None:
        try:
            return find_issue_url_template(git.read_origin_url(self._root))
        except GitError as error:
            self._unread = error.brief
            return None

    @property
    def _uses_tracker(self) -> bool:
        """Whether tests name the numbers of a tracker that is known."""
        return self._tracker_template is not None and any(each.are_numbers for each in self._marks)

    def _relative_to_configuration(self, place: str) -> str:
        """Return a path from the rootdir as the configuration file has it."""
        return format_relative_path(Path(os.path.normpath(self._root / place)), self._file.parent)

    @property
    def edits(self) -> list[FileEdit]:
        """The changes to write, none where nothing is missing.

        Raises:
            SettingsError: The file for the settings is not clear, or would not be read.
            RegistryError: What would be named can't be read.
        """
        wanted = SettingsToAdd(
            self._settings, marker=not has_postmortem_marker(self._current_settings.get("markers"))
        )
        files = []
        if wanted.settings or wanted.marker:
            new = add_pytest_settings(self.shown, self._old or b"", wanted)
            files.append(FileEdit(self._file, self.shown, self._old, new))
        if (self._relative_to_configuration(FIRST_LOCATION),) in self._settings.values():
            files += self._build_first_files(self._root / FIRST_LOCATION)
        return files

    def _build_first_files(self, folder: Path) -> Iterator[FileEdit]:
        """Yield what goes to the folder of the first post-mortem, which a run must be able to read.

        Raises:
            SettingsError: The path is not a folder.
            RegistryError: A post-mortem in it is broken.
        """
        if not folder.exists():
            yield FileEdit(folder / "README.md", f"{FIRST_LOCATION}/README.md", None, FIRST_README)
        elif folder.is_dir():
            registry.load_registry(
                [Location(FIRST_LOCATION, self._root)], self._root, self._project.offline_options
            )
        else:
            cause = "it is not a folder, but the place for post-mortems"
            remedy = "rename it, or name another place in postmortem_registry"
            raise SettingsError([Problem("setting", SETUP_FAILED, cause, remedy, FIRST_LOCATION)])

    def describe_findings(self) -> Iterator[str]:
        """Yield a line on each thing that was found."""
        known_registry, place = self._known, self._place
        if known_registry is not None:
            where = place or ", ".join(known_registry.locations)
            yield f"{where}: {format_count(len(known_registry), 'post-mortem')}"
        for other, count in self._others.items() if place or known_registry is None else ():
            if other != place:
                likeness = f"looks like {format_count(count, 'post-mortem')}"
                yield f"{other}: {likeness}, left alone (postmortem_registry may name it as well)"
        for ids in self._marks:
            yield f"@pytest.mark.{ids.mark}: {self._describe_mark(ids)}"
        if known_registry is None and not self._marks:
            yield "no post-mortem was found here"
        if self._unread:
            yield f"the address of the repository is not known: {self._unread}"

    def _describe_mark(self, ids: MarkIds) -> str:
        used = format_count(len(ids.distinct_ids), "id")
        matched = self._count_matched_ids(ids)
        if ids.mark in self._settings.get("postmortem_markers", ()):
            return f"{used}, {matched} in the registry" if self._known else used
        if matched:  # by a setting that the user has written
            return f"{used}, {matched} in the registry; add {ids.mark!r} to postmortem_markers"
        why = "their meaning is unknown"
        if self._known:
            why = "none of them is in the registry"
        elif self._tracker_template is not None:
            why = f"only {ids.numeric_count} of them are plain numbers of a tracker"
        return f"{used}; left alone, as {why}"


EXIT_REFUSED = 1

MOST_GAPS_SHOWN = 3
"""How many incidents without a test the first report names."""


def main(options: argparse.Namespace) -> int:
    """Write the missing settings, show the first report, and return the exit status.

    Raises:
        SettingsError: The settings to write are not clear, or standard input is not a terminal.
        RegistryError: The post-mortems that were found can't be read.
        DestinationError: A file can't be written; then none is.
    """
    arguments, dry_run = build_pytest_arguments(options), options.dry_run
    with configure_without_conftest(arguments) as config:
        setup = ProjectSetup(Project(config))
    files = setup.edits
    note_stream = sys.stderr if dry_run else sys.stdout
    for line in setup.describe_findings():
        print(sanitize_line(line), file=note_stream)
    if files:
        print(*map(sanitize_line, edits.render_edits_diff(files)), sep="\n")
    if dry_run:
        print("nothing was written" if files else "nothing is missing", file=note_stream)
        return 0
    if files and not options.yes and not _ask_to_write():
        print("nothing was written")
        return EXIT_REFUSED
    edits.write_edits(files)
    names = " and ".join(edit.shown for edit in files)
    print(sanitize_line(f"{names} written" if files else f"nothing is missing in {setup.shown}"))
    _print_first_report(arguments)
    return 0


def _ask_to_write() -> bool:
    """Ask whether to write the settings that were shown.

    Raises: SettingsError where standard input is not a terminal.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        cause = "standard input is not a terminal; nothing was written"
        remedy = "give --yes to write it, or --dry-run to see it alone"
        raise SettingsError([Problem("setting", "Couldn't ask for a yes", cause, remedy)])
    try:
        return input("Write this? [Y/n] ").strip().lower() in ("", "y", "yes")
    except (EOFError, KeyboardInterrupt):
        print()
        return False


def _print_first_report(arguments: Sequence[str]) -> None:
    """Show the linked incidents, with the settings as they are now."""
    with configure_without_conftest(arguments) as config:
        project = Project(config)
        known_registry, settings = project.registry, project.settings
        tests = project.code().read(project.declared)
        linked_incidents = project.find_links(tests).values()
        rows = build_rows_from_code(
            known_registry, linked_incidents, project.policy, settings.show, settings.url_template
        )
        for line in (*_format_gaps(rows), *_format_next_steps(rows, project)):
            print(sanitize_line(line))


def _format_gaps(rows: Sequence[IncidentRow]) -> Iterator[str]:
    gaps = [row.fields for row in rows if row.state == "not-linked"]
    for fields in gaps[:MOST_GAPS_SHOWN]:
        title = "" if fields["title"] == fields["id"] else f"  {fields['title']}"
        yield f"  {fields['id']}{title}"
    if len(gaps) > MOST_GAPS_SHOWN:
        yield f"  and {len(gaps) - MOST_GAPS_SHOWN} more that no test is linked to"
    if rows:
        yield format_state_counts(rows, read=True)


def _format_next_steps(rows: Sequence[IncidentRow], project: Project) -> Iterator[str]:
    """Yield what to do now."""
    gap = next((row.fields["id"] for row in rows if row.state == "not-linked"), None)
    yield "Next:"
    if gap is not None:
        yield f'  mark the test that would have caught it: @pytest.mark.{MARKER_NAME}("{gap}")'
    elif not rows:
        yield '  begin a post-mortem: pytest-postmortem new "what happened" --test tests/'
    yield "  run pytest: the last lines say which incidents are guarded"
    ci = find_ci_system(git.find_repository_top(project.root) or project.root)
    if ci is not None:
        target = "github" if ci[1] == "GitHub Actions" else "markdown:incidents.md"
        yield f"  in {ci[1]} ({ci[0]}): pytest --postmortem-report={target}"
