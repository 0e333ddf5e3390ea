"""Determine which files of a fix were reverted, and adjust the verdict for those that were not."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem.prove.fix_files import Fix
from pytest_postmortem.prove.revert import FixVersions
from pytest_postmortem.prove.verdict import OPEN_VERDICTS, IncidentVerdict

MAX_NAMED_FILES = 4
"""The number of files that a remedy names one by one."""


@dataclass(frozen=True, slots=True)
class RevertedFiles:
    """The files of a fix that were reverted, and those that were not, without its tests."""

    taken: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


UNKNOWN_FILES = RevertedFiles()


def find_reverted_files(fix: Fix, versions: FixVersions, top: Path) -> RevertedFiles:
    """Return the files that a strategy reverted; ``top`` is the top of the tree that the tests ran
    in.

    A file may have moved since the fix.
    """
    files = {*versions.fixed, *map(str, versions.others)}
    taken = {os.path.relpath(file, top).replace(os.sep, "/") for file in files}
    stays = {
        *fix.of_kind("other", "opaque", "either"),
        *(path for path in fix.of_kind("source") if (top / path).is_file()),
    }
    return RevertedFiles(tuple(sorted(taken)), tuple(sorted(stays - taken)))


def format_source_options(paths: Collection[str]) -> str:
    """Return the options that name all source of a fix; of many files, one for each folder."""
    if len(paths) > MAX_NAMED_FILES:
        paths = {os.path.dirname(path) or path for path in paths}
    return " ".join(f"--source={path}" for path in sorted(paths))


def check_remaining_files(
    judged: IncidentVerdict,
    shares: RevertedFiles,
    top: Path,
    loaded: Collection[str],
    shared: Collection[str] = (),
) -> IncidentVerdict:
    """Return ``inconclusive`` for tests that may guard a file of the fix that was not reverted.

    ``loaded`` are the real paths of the modules that the runs loaded. ``shared`` files, which are
    test or source, are reverted afterwards.
    """
    left = [path for path in shares.left if path not in shared]
    loaded_remaining = [path for path in left if os.path.realpath(top / path) in loaded]
    if judged.verdict not in OPEN_VERDICTS or not loaded_remaining:
        return judged
    message = (
        f"the tests load {loaded_remaining[0]}, a part of the fix that was not reverted;"
        f" revert it too with {format_source_options((*shares.taken, loaded_remaining[0]))}"
    )
    return judged.make_inconclusive(message)
