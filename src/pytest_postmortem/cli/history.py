"""``pytest-postmortem history``: from git alone, when incidents got and lost regression tests."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Mapping, Sequence

from pytest_postmortem import git
from pytest_postmortem.cli import EXIT_NOT_JUDGED
from pytest_postmortem.cli.absent_files import is_lfs_pointer
from pytest_postmortem.cli.arguments import build_pytest_arguments
from pytest_postmortem.cli.git_project import GitCheckout, open_checkout
from pytest_postmortem.cli.report_targets import parse_report_targets, print_or_write_report
from pytest_postmortem.pysource.bindings import parse_python_tree
from pytest_postmortem.pysource.marker_index import (
    LinkedIncident,
    SourceTestsByFile,
    UnreadLinks,
    find_unread_links,
)
from pytest_postmortem.pysource.project_modules import find_module_stem
from pytest_postmortem.pysource.suite_reader import SourceTest, guess_source_tests
from pytest_postmortem.reports.data.history import (
    LinkHistory,
    trace_history,
)
from pytest_postmortem.text import sanitize_line


def main(options: argparse.Namespace) -> int:
    """Report the history of HEAD, and return the exit status.

    Raises:
        SettingsError: The report type is unknown.
        GitError: The repository or its first commit is missing, or git can't read it.
        RegistryError: The registry is broken.
        DestinationError: The file can't be written.
    """
    targets = parse_report_targets("history", options.report)
    with open_checkout(build_pytest_arguments(options)) as checkout:
        history = _trace_history(checkout)
        unread = checkout.unread
    for target in targets:
        print_or_write_report("history", target, history)
    for note in unread:
        print(sanitize_line(f"not judged: {note}"), file=sys.stderr)
    return EXIT_NOT_JUDGED if unread else 0


def _trace_history(checkout: GitCheckout) -> LinkHistory:
    head = checkout.commit("HEAD")
    holds_by_path: dict[str, bool] = {}

    def holds_tests(path: str) -> bool:
        if path not in holds_by_path:
            shown = checkout.suite.shown(path)
            is_test_file = checkout.suite.is_suite_file(path, checkout.tracked)
            holds_by_path[path] = is_test_file or shown in checkout.declared_files
        return holds_by_path[path]

    commits = git.read_commit_log(checkout.root, head, holds_tests)
    reader = _FileVersionReader(checkout, head)
    reader.read(commits)
    cut = bool(commits) and git.has_missing_parents(checkout.root, commits[0].id)
    for commit in commits:
        checkout.submodules.note(commit.modules)
    known_registry, show = checkout.registry, checkout.settings.show
    reading = reader.links, known_registry, checkout.policy, show, cut
    return trace_history(commits, *reading, reader.unread, reader.now, reader.is_readable)


class _FileVersionReader:
    """Reads the tests of a file in any version; content without any test is not kept.

    Imported modules are those of ``head``, the commit whose history is read.
    """

    def __init__(self, checkout: GitCheckout, head: str) -> None:
        self._checkout = checkout
        self._contents: dict[str, bytes] = {}
        self._helpers = checkout.find_marking_helpers(head)
        names = map(find_module_stem, self._helpers.modules.contents)
        self._helper_stems = tuple(name.encode(errors="surrogateescape") for name in names)
        self._read: tuple[tuple[str, str], SourceTestsByFile] | None = None
        self._now = checkout.read_commit_tests(head)
        self._links = checkout.find_links(self._now)
        self._unread = find_unread_links(self._now, checkout.registry)

    def read(self, commits: Sequence[git.Commit]) -> None:
        """Read all versions of the files of which one may have a mark."""
        every = bool(self._checkout.declared_files)
        versions = [each for commit in commits for each in commit.changed.items()]
        for blob, data in git.read_blobs(
            self._checkout.root, (blob for _, blob in versions if blob)
        ):
            if every or is_lfs_pointer(data) or self._may_mark(data):
                self._contents[blob] = data
        marked = {path for path, blob in versions if blob in self._contents}
        others = (blob for path, blob in versions if blob and path in marked)
        more = (blob for blob in others if blob not in self._contents)
        self._contents |= dict(git.read_blobs(self._checkout.root, more))

    def _may_mark(self, data: bytes) -> bool:
        return self._checkout.may_have_mark(data) or any(
            stem in data for stem in self._helper_stems
        )

    def links(self, path: str, blob: str) -> Mapping[str, LinkedIncident]:
        """Return the incidents that the tests of one version of a file are linked to."""
        reading = {
            shown: self._guess_tests(blob) if tests is None else tests
            for shown, tests in self._reading(path, blob).items()
        }
        return self._checkout.find_links(reading)

    def _guess_tests(self, blob: str) -> tuple[SourceTest, ...]:
        """Return the tests of a file of an old commit that this interpreter can't parse."""
        return guess_source_tests(self._contents[blob], self._checkout.names)

    def is_readable(self, path: str, blob: str) -> bool:
        """Say whether one version of a file is valid Python."""
        return None not in self._reading(path, blob).values()

    def unread(self, path: str, blob: str) -> UnreadLinks | None:
        """Return the links of one version of a file that can't be read, None without any."""
        unread_links = find_unread_links(self._reading(path, blob), self._checkout.registry)
        return unread_links if unread_links.places or unread_links.unsure else None

    def now(self, names: Collection[str]) -> str | None:
        """Return why the newest code does not show whether a test is linked to an incident."""
        keys = {name.casefold() for name in names}
        has_linked_test = any(
            linked_tests.has_active_test for key, linked_tests in self._links.items() if key in keys
        )
        return None if has_linked_test else self._unread.reason(names)

    def _reading(self, path: str, blob: str) -> SourceTestsByFile:
        if self._read is None or self._read[0] != (path, blob):
            self._read = (path, blob), self._parse_version(path, blob)
        return self._read[1]

    def _parse_version(self, path: str, blob: str) -> SourceTestsByFile:
        checkout, shown = self._checkout, self._checkout.suite.shown(path)
        data = self._contents.get(blob)
        if data is not None and is_lfs_pointer(data):
            checkout.pointers.append(shown)
        if data is None:
            return {}
        if not (self._may_mark(data) or shown in checkout.declared_files):
            is_broken = shown.endswith(".py") and parse_python_tree(data) is None
            return {shown: None} if is_broken else {}
        reading = checkout.read_version(shown, data, self._helpers)
        return {path: tests for path, tests in reading.items() if path == shown}
