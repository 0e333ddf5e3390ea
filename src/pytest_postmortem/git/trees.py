"""Files: those of a commit and of the work tree, their contents, and what differs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem.git.process import ask, lacking, split, top

__all__ = [
    "FILES",
    "LINK",
    "MODULE",
    "Changed",
    "Index",
    "blobs",
    "changed",
    "ever_added",
    "ever_there",
    "export",
    "files",
    "generated",
    "index",
    "modules",
    "renamed",
    "tree",
    "unlike",
]

FILES = ("100644", "100755")
"""The modes of files; links and submodules are none."""

LINK = "120000"

MODULE = "160000"
"""The mode of a submodule, whose blob is a commit of another repository."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A file that differs between two trees; the blob is None where it is not there."""

    path: str
    before: str | None
    after: str | None


def changed(folder: Path, before: str, after: str) -> list[Changed]:
    """Return the files that differ between two commits or trees; of links and submodules none."""
    arguments = ("diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", before, after)
    parts = split(ask(folder, *arguments))
    found = []
    for facts, path in zip(parts[::2], parts[1::2], strict=False):
        old, new, blob, other, _ = facts.removeprefix(":").split(" ")
        if {old, new} & {*FILES}:
            before_, after_ = (
                each if mode in FILES else None for each, mode in ((blob, old), (other, new))
            )
            found.append(Changed(path, before_, after_))
    return found


def unlike(folder: Path, commit: str) -> list[str]:
    """Return the files of the working tree that differ from a commit, new ones included.

    A submodule is among them if it has another commit or changed files.
    """
    plain = ("--no-renames", "--no-ext-diff", "--no-textconv")
    own = ("--name-only", "-z", *plain, "--ignore-submodules=untracked")
    above = top(folder) or folder
    new = ask(above, "ls-files", "-z", "--others", "--exclude-standard")
    return sorted({*split(ask(above, "diff", *own, commit, "--")), *split(new)})


def renamed(folder: Path, commit: str) -> dict[str, str]:
    """Return where files of a commit lie in HEAD that have another path there."""
    arguments = ("diff-tree", "-r", "-z", "-M", "--diff-filter=R", "--name-status", commit, "HEAD")
    parts = split(ask(folder, *arguments))
    return dict(zip(parts[1::3], parts[2::3], strict=False))


def tree(folder: Path, commit: str) -> dict[str, str]:
    """Return the files of a commit, each with its blob."""
    return {path: blob for path, mode, blob in _entries(folder, commit) if mode in FILES}


def modules(folder: Path, commit: str) -> dict[str, str]:
    """Return the submodules of a commit, each with the commit that it has."""
    return {path: id for path, mode, id in _entries(folder, commit) if mode == MODULE}


def _entries(folder: Path, commit: str) -> Iterator[tuple[str, str, str]]:
    """Yield path, mode and blob of all that a commit holds."""
    for entry in split(ask(folder, "ls-tree", "-r", "-z", "--full-tree", commit)):
        facts, _, path = entry.partition("\t")
        mode, _, blob = facts.split(" ")
        yield path, mode, blob


def files(folder: Path) -> list[str]:
    """Return the files below the top that are tracked or could be, without those ignored."""
    above = top(folder) or folder
    arguments = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return list(dict.fromkeys(split(ask(above, *arguments))))


@dataclass(frozen=True, slots=True)
class Index:
    """What the index has beyond the files of the working tree, by path.

    ``absent`` are files that a sparse checkout left out, with their blobs; ``modules`` are the
    submodules with their commits.
    """

    absent: Mapping[str, str]
    modules: Mapping[str, str]


def index(folder: Path) -> Index:
    """Return what the index has beyond the files of the working tree."""
    absent: dict[str, str] = {}
    modules: dict[str, str] = {}
    above = top(folder) or folder
    for entry in split(ask(above, "ls-files", "-z", "-t", "--stage")):
        facts, _, path = entry.partition("\t")
        tag, mode, blob, _ = facts.split(" ")
        if mode == MODULE:
            modules[path] = blob
        elif tag == "S" and mode in FILES and not os.path.lexists(above / path):
            absent[path] = blob
    return Index(absent, modules)


def ever_there(folder: Path, below: Path) -> list[str]:
    """Return all files that any branch has or had below a path, from the top.

    Outside a repository there are none.
    """
    if top(folder) is None:
        return []
    arguments = ("log", "--all", "--format=", "--name-only", "--no-renames", "-z", "--", str(below))
    return list(dict.fromkeys(split(ask(folder, *arguments))))


def ever_added(folder: Path, place: Path) -> str:
    """Return all lines that any branch ever added to a file, or to those below a folder.

    Outside a repository there are none.
    """
    if top(folder) is None:
        return ""
    plain = ("--no-ext-diff", "--no-textconv", "--no-renames", "--unified=0")
    data = ask(folder, "log", "--all", "--format=", "--patch", *plain, "--", str(place))
    lines = data.decode(errors="replace").split("\n")
    return "\n".join(line[1:] for line in lines if line[:1] == "+" and line[:3] != "+++")


def generated(folder: Path, suffixes: Sequence[str]) -> list[str]:
    """Return the ignored files of these kinds that lie beside others, as a build leaves them."""
    arguments = ("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
    found = split(ask(top(folder) or folder, *arguments))
    return [path for path in found if path.endswith(tuple(suffixes))]


def blobs(folder: Path, ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield blobs with their contents, read in one process.

    Raises: GitError where one of them is missing.
    """
    wanted = list(dict.fromkeys(ids))
    asked = "".join(f"{id}\n" for id in wanted).encode()
    data = ask(folder, "cat-file", "--batch", given=asked) if wanted else b""
    place = 0
    for id in wanted:
        end = data.index(b"\n", place)
        facts = data[place:end].split(b" ")
        place = end + 1
        if len(facts) != 3 or facts[1] != b"blob":
            raise lacking(folder, f"missing object {id}")
        size = int(facts[2])
        yield id, data[place : place + size]
        place += size + 1


def export(folder: Path, commit: str, target: Path) -> list[str]:
    """Write what a commit holds into a folder, as it is stored; return the paths of its files.

    No filter and no hook of the user's runs, and no index is touched. Submodules are left out.
    """
    entries = [each for each in _entries(folder, commit) if each[1] in (*FILES, LINK)]
    contents = dict(blobs(folder, (blob for _, _, blob in entries)))
    for path, mode, blob in entries:
        file = target / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if mode == LINK:
            file.symlink_to(os.fsdecode(contents[blob]))
        else:
            file.write_bytes(contents[blob])
            file.chmod(0o755 if mode == FILES[1] else 0o644)
    return [path for path, mode, _ in entries if mode in FILES]
