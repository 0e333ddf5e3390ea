"""Files of commits and of the work tree, their contents and differences."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem.git.process import (
    build_missing_object_error,
    find_repository_top,
    run_git,
    split_null_separated,
)

FILE_MODES = ("100644", "100755")
"""The modes of regular files."""

LINK_MODE = "120000"

SUBMODULE_MODE = "160000"
"""The mode of a submodule, whose blob is a commit of another repository."""


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file that differs between two trees; the blob is None if it is missing there."""

    path: str
    before: str | None
    after: str | None


def list_changed_files(folder: Path, before: str, after: str) -> list[ChangedFile]:
    """Return the regular files that differ between two commits or trees."""
    arguments = ("diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", before, after)
    parts = split_null_separated(run_git(folder, *arguments))
    changed_files = []
    for facts, path in zip(parts[::2], parts[1::2], strict=False):
        old, new, blob, new_blob, _ = facts.removeprefix(":").split(" ")
        if {old, new} & {*FILE_MODES}:
            before_, after_ = (
                each if mode in FILE_MODES else None
                for each, mode in ((blob, old), (new_blob, new))
            )
            changed_files.append(ChangedFile(path, before_, after_))
    return changed_files


def list_modified_files(folder: Path, commit: str) -> list[str]:
    """Return the files of the working tree that differ from a commit, new ones included.

    A submodule is among them if it has another commit or changed files.
    """
    plain = ("--no-renames", "--no-ext-diff", "--no-textconv")
    own = ("--name-only", "-z", *plain, "--ignore-submodules=untracked")
    above = find_repository_top(folder) or folder
    new = run_git(above, "ls-files", "-z", "--others", "--exclude-standard")
    return sorted(
        {
            *split_null_separated(run_git(above, "diff", *own, commit, "--")),
            *split_null_separated(new),
        }
    )


def find_renamed_files(folder: Path, commit: str) -> dict[str, str]:
    """Return the paths in HEAD of files that were renamed since a commit."""
    arguments = ("diff-tree", "-r", "-z", "-M", "--diff-filter=R", "--name-status", commit, "HEAD")
    parts = split_null_separated(run_git(folder, *arguments))
    return dict(zip(parts[1::3], parts[2::3], strict=False))


def list_commit_files(folder: Path, commit: str) -> dict[str, str]:
    """Return the files of a commit, each with its blob."""
    return {
        path: blob for path, mode, blob in _list_tree_entries(folder, commit) if mode in FILE_MODES
    }


def list_submodules(folder: Path, commit: str) -> dict[str, str]:
    """Return the submodules of a commit, each with the commit that it has."""
    return {
        path: id for path, mode, id in _list_tree_entries(folder, commit) if mode == SUBMODULE_MODE
    }


def _list_tree_entries(folder: Path, commit: str) -> Iterator[tuple[str, str, str]]:
    """Yield path, mode and blob of all entries of a commit."""
    for entry in split_null_separated(
        run_git(folder, "ls-tree", "-r", "-z", "--full-tree", commit)
    ):
        facts, _, path = entry.partition("\t")
        mode, _, blob = facts.split(" ")
        yield path, mode, blob


def list_repository_files(folder: Path) -> list[str]:
    """Return the tracked and untracked files below the top, without ignored ones."""
    above = find_repository_top(folder) or folder
    arguments = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return list(dict.fromkeys(split_null_separated(run_git(above, *arguments))))


@dataclass(frozen=True, slots=True)
class IndexOnlyFiles:
    """Entries of the index that are not files of the working tree, by path.

    ``absent`` are files that a sparse checkout left out, with their blobs; ``list_submodules`` are
    the submodules with their commits.
    """

    absent: Mapping[str, str]
    modules: Mapping[str, str]


def read_index_only_files(folder: Path) -> IndexOnlyFiles:
    """Return the entries of the index that are not files of the working tree."""
    absent: dict[str, str] = {}
    modules: dict[str, str] = {}
    above = find_repository_top(folder) or folder
    for entry in split_null_separated(run_git(above, "ls-files", "-z", "-t", "--stage")):
        facts, _, path = entry.partition("\t")
        tag, mode, blob, _ = facts.split(" ")
        if mode == SUBMODULE_MODE:
            modules[path] = blob
        elif tag == "S" and mode in FILE_MODES and not os.path.lexists(above / path):
            absent[path] = blob
    return IndexOnlyFiles(absent, modules)


def list_files_ever_tracked(folder: Path, below: Path) -> list[str]:
    """Return all files that any branch has or had below a path, from the top.

    Return nothing outside of a repository.
    """
    if find_repository_top(folder) is None:
        return []
    arguments = ("log", "--all", "--format=", "--name-only", "--no-renames", "-z", "--", str(below))
    return list(dict.fromkeys(split_null_separated(run_git(folder, *arguments))))


def read_lines_ever_added(folder: Path, place: Path) -> str:
    """Return all lines that any branch ever added to a file, or to those below a folder.

    Return nothing outside of a repository.
    """
    if find_repository_top(folder) is None:
        return ""
    plain = ("--no-ext-diff", "--no-textconv", "--no-renames", "--unified=0")
    data = run_git(folder, "log", "--all", "--format=", "--patch", *plain, "--", str(place))
    lines = data.decode(errors="replace").split("\n")
    return "\n".join(line[1:] for line in lines if line[:1] == "+" and line[:3] != "+++")


def list_generated_files(folder: Path, suffixes: Sequence[str]) -> list[str]:
    """Return the ignored files with these suffixes, such as build results."""
    arguments = ("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
    found = split_null_separated(run_git(find_repository_top(folder) or folder, *arguments))
    return [path for path in found if path.endswith(tuple(suffixes))]


def read_blobs(folder: Path, ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield blobs with their contents, read in one process.

    Raises: GitError if one of them is missing.
    """
    unique_ids = list(dict.fromkeys(ids))
    request = "".join(f"{id}\n" for id in unique_ids).encode()
    data = run_git(folder, "cat-file", "--batch", given=request) if unique_ids else b""
    place = 0
    for id in unique_ids:
        end = data.index(b"\n", place)
        facts = data[place:end].split(b" ")
        place = end + 1
        if len(facts) != 3 or facts[1] != b"blob":
            raise build_missing_object_error(folder, f"missing object {id}")
        size = int(facts[2])
        yield id, data[place : place + size]
        place += size + 1


def export_commit(folder: Path, commit: str, target: Path) -> list[str]:
    """Write the files of a commit to a folder unfiltered; return their paths.

    Filters and hooks of the user do not run, and the index is unchanged. Submodules are left out.
    """
    entries = [
        each for each in _list_tree_entries(folder, commit) if each[1] in (*FILE_MODES, LINK_MODE)
    ]
    contents = dict(read_blobs(folder, (blob for _, _, blob in entries)))
    for path, mode, blob in entries:
        file = target / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if mode == LINK_MODE:
            file.symlink_to(os.fsdecode(contents[blob]))
        else:
            file.write_bytes(contents[blob])
            file.chmod(0o755 if mode == FILE_MODES[1] else 0o644)
    return [path for path, mode, _ in entries if mode in FILE_MODES]
