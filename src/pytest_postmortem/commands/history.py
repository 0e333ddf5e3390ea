"""``pytest-postmortem history``: from git alone, when incidents got and lost regression tests."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from pytest_postmortem import git
from pytest_postmortem.bindings import tree_of
from pytest_postmortem.commands.absent import is_pointer
from pytest_postmortem.commands.arguments import add_configuration, add_targets, configuration_of
from pytest_postmortem.commands.checkout import Checkout, opened
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.history import History, render, table, trace
from pytest_postmortem.marked import Linked, Reading, UnreadLinks, find_unread_links, linked
from pytest_postmortem.modules import module_name
from pytest_postmortem.reports.failure import plain
from pytest_postmortem.writing import write

__all__ = ["declare", "main", "run"]

FAILED = "Couldn't tell the history"
NOT_JUDGED = 3


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_targets(parser, "term or json:PATH")
    add_configuration(parser)


def main(options: argparse.Namespace) -> int:
    """Do what the command line asks for."""
    return run(configuration_of(options), options.report)


def run(arguments: Sequence[str], reports: Sequence[str]) -> int:
    """Make the reports of the history of HEAD, ``term`` or ``json:PATH``; return the exit status.

    Raises:
        SettingsError: There is no such report.
        GitError: There is no repository, or no commit in it, or git can't read it.
        RegistryError: The registry is broken.
        DestinationError: The file can't be written.
    """
    targets = [_target(text) for text in reports or ["term"]]
    with opened(arguments) as checkout:
        told = _history(checkout)
        unread = checkout.unread
    for destination in targets:
        if destination is None:
            print(table(told), end="")
        else:
            write(destination, render(told))
    for note in unread:
        print(plain(f"not judged: {note}"), file=sys.stderr)
    return NOT_JUDGED if unread else 0


def _target(text: str) -> Path | None:
    """Return where a report goes, None for the terminal."""
    type, _, destination = text.partition(":")
    if text == "term":
        return None
    if type == "json" and destination:
        return Path(destination)
    cause = f"there is no report {text!r} of the history"
    raise SettingsError([Problem("setting", FAILED, cause, "use term or json:PATH")])


def _history(checkout: Checkout) -> History:
    head = checkout.commit("HEAD")
    wanted: dict[str, bool] = {}

    def holds(path: str) -> bool:
        if path not in wanted:
            shown = checkout.suite.shown(path)
            held = checkout.suite.holds(path, checkout.tracked)
            wanted[path] = held or shown in checkout.declared
        return wanted[path]

    commits = git.log(checkout.root, head, holds)
    reader = _Reader(checkout, head)
    reader.read(commits)
    cut = bool(commits) and git.is_cut(checkout.root, commits[0].id)
    for commit in commits:
        checkout.submodules.note(commit.modules)
    known, show = checkout.registry, checkout.settings.show
    reading = reader.links, known, checkout.policy, show, cut
    return trace(commits, *reading, reader.unread, reader.now, reader.is_readable)


class _Reader:
    """Reads the tests of a file in any version; what can hold none is not kept.

    What they import is taken from ``head``, the commit whose history is read.
    """

    def __init__(self, checkout: Checkout, head: str) -> None:
        self._checkout = checkout
        self._contents: dict[str, bytes] = {}
        self._helpers = checkout.marking_helpers(head)
        names = map(module_name, self._helpers.modules.contents)
        self._stems = tuple(name.encode(errors="surrogateescape") for name in names)
        self._read: tuple[tuple[str, str], Reading] | None = None
        self._now = checkout.at(head)
        self._links = linked(self._now, checkout.registry, checkout.policy)
        self._unread = find_unread_links(self._now, checkout.registry)

    def read(self, commits: Sequence[git.Commit]) -> None:
        """Read all versions of the files of which one may have a mark."""
        every = bool(self._checkout.declared)
        versions = [each for commit in commits for each in commit.changed.items()]
        for blob, data in git.blobs(self._checkout.root, (blob for _, blob in versions if blob)):
            if every or is_pointer(data) or self._may_mark(data):
                self._contents[blob] = data
        marked = {path for path, blob in versions if blob in self._contents}
        others = (blob for path, blob in versions if blob and path in marked)
        more = (blob for blob in others if blob not in self._contents)
        self._contents |= dict(git.blobs(self._checkout.root, more))

    def _may_mark(self, data: bytes) -> bool:
        return self._checkout.names_a_mark(data) or any(stem in data for stem in self._stems)

    def links(self, path: str, blob: str) -> Mapping[str, Linked]:
        """Return the incidents that the tests of one version of a file are linked to."""
        reading = {
            shown: self._checkout.guessed(self._contents[blob]) if tests is None else tests
            for shown, tests in self._reading(path, blob).items()
        }
        return linked(reading, self._checkout.registry, self._checkout.policy)

    def is_readable(self, path: str, blob: str) -> bool:
        """Say whether one version of a file is Python that can be read."""
        return None not in self._reading(path, blob).values()

    def unread(self, path: str, blob: str) -> UnreadLinks | None:
        """Return what one version of a file does not say, None where it says everything."""
        found = find_unread_links(self._reading(path, blob), self._checkout.registry)
        return found if found.places or found.unsure else None

    def now(self, names: Collection[str]) -> str | None:
        """Return why the newest code can't tell whether a test is linked to an incident."""
        keys = {name.casefold() for name in names}
        held = any(each.held for key, each in self._links.items() if key in keys)
        return None if held else self._unread.reason(names)

    def _reading(self, path: str, blob: str) -> Reading:
        if self._read is None or self._read[0] != (path, blob):
            self._read = (path, blob), self._parse(path, blob)
        return self._read[1]

    def _parse(self, path: str, blob: str) -> Reading:
        checkout, shown = self._checkout, self._checkout.suite.shown(path)
        data = self._contents.get(blob)
        if data is not None and is_pointer(data):
            checkout.note_pointer(shown)
        if data is None:
            return {}
        if not (self._may_mark(data) or shown in checkout.declared):
            is_broken = shown.endswith(".py") and tree_of(data) is None
            return {shown: None} if is_broken else {}
        reading = checkout.read_version(shown, data, self._helpers)
        return {path: tests for path, tests in reading.items() if path == shown}
