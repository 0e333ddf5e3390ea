"""``pytest-postmortem history``: from git alone, when incidents got and lost regression tests."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pytest_postmortem import git
from pytest_postmortem.commands.arguments import add_configuration, add_targets, configuration_of
from pytest_postmortem.commands.checkout import Checkout, opened
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.history import History, render, table, trace
from pytest_postmortem.marked import Linked, linked
from pytest_postmortem.writing import write

__all__ = ["declare", "main", "run"]

FAILED = "Couldn't tell the history"


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
        SettingsError: There is no repository, or no commit in it, or no such report.
        RegistryError: The registry is broken.
        DestinationError: The file can't be written.
    """
    targets = [_target(text) for text in reports or ["term"]]
    with opened(arguments) as checkout:
        told = _history(checkout)
    for destination in targets:
        if destination is None:
            print(table(told), end="")
        else:
            write(destination, render(told))
    return 0


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
            wanted[path] = checkout.suite.holds(path, checkout.present)
        return wanted[path]

    commits = git.log(checkout.root, head, holds)
    reader = _Reader(checkout)
    reader.read(blob for commit in commits for blob in commit.changed.values() if blob)
    cut = bool(commits) and git.is_cut(checkout.root, commits[0].id)
    known, show = checkout.registry, checkout.settings.show
    return trace(commits, reader.links, known, checkout.policy, show, cut)


class _Reader:
    """Gives the links of a file in any version; what can hold none is not kept."""

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        self._policy = checkout.policy
        self._contents: dict[str, bytes] = {}

    def read(self, blobs: Iterable[str]) -> None:
        """Read the contents of blobs."""
        every = bool(self._checkout.declared)
        for blob, data in git.blobs(self._checkout.root, blobs):
            if every or self._checkout.names_a_mark(data):
                self._contents[blob] = data

    def links(self, path: str, blob: str) -> Mapping[str, Linked]:
        """Return the incidents that the tests of one version of a file are linked to."""
        checkout, shown = self._checkout, self._checkout.suite.shown(path)
        data = self._contents.get(blob)
        if data is None or not (checkout.names_a_mark(data) or shown in checkout.declared):
            return {}
        reading = {shown: checkout.guessed(data)}
        return linked(reading, checkout.registry, self._policy)
