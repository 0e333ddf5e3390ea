"""Revisions: which commit is meant, what leads to it, what its message says, and the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pytest_postmortem.git.process import ask, line, split, top
from pytest_postmortem.git.trees import FILES
from pytest_postmortem.model import iso_date

__all__ = [
    "Commit",
    "adding",
    "commit_of",
    "head_date",
    "is_cut",
    "is_shallow",
    "log",
    "mentioning",
    "merge_base",
    "origin",
    "parent",
    "subject",
]


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit, with the files that it gave other contents: path → blob, None where it is gone."""

    id: str
    day: date | None
    changed: Mapping[str, str | None]


def head_date(folder: Path) -> date | None:
    """Return the date of HEAD's commit, or None outside a repository, without a commit or git."""
    return iso_date(line(folder, "log", "-1", "--format=%cs", "HEAD"))


def commit_of(folder: Path, revision: str) -> str | None:
    """Return the commit that a revision names, None for what names none."""
    if revision.startswith("-"):
        return None
    return line(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") or None


def merge_base(folder: Path, one: str, other: str) -> str | None:
    """Return the newest commit that two commits have in common, None where none is known."""
    return line(folder, "merge-base", one, other) or None


def is_shallow(folder: Path) -> bool:
    """Say whether a clone lacks a part of its history."""
    return line(folder, "rev-parse", "--is-shallow-repository") == "true"


def is_cut(folder: Path, commit: str) -> bool:
    """Say whether a commit has parents that a shallow clone lacks."""
    if not is_shallow(folder):
        return False
    header, _, _ = (line(folder, "cat-file", "commit", commit) or "").partition("\n\n")
    known = line(folder, "rev-parse", "--verify", "--quiet", f"{commit}^")
    return "\nparent " in header and not known


def parent(folder: Path, commit: str) -> str | None:
    """Return the first parent of a commit; of the first commit, the tree that holds nothing."""
    if is_cut(folder, commit):
        return None
    own = line(folder, "rev-parse", "--verify", "--quiet", f"{commit}^1")
    return own or line(folder, "hash-object", "-t", "tree", "--stdin")


def subject(folder: Path, commit: str) -> tuple[str, date | None]:
    """Return the first line of a commit's message, and its day."""
    day, _, text = (line(folder, "show", "-s", "--format=%cs %s", commit) or "").partition(" ")
    return text, iso_date(day)


def mentioning(folder: Path, texts: Iterable[str]) -> list[tuple[str, str]]:
    """Return the commits of HEAD whose messages hold any of these texts, with their messages."""
    patterns = [part for text in texts for part in ("-e", text)]
    arguments = ("log", "-z", "-i", "-F", *patterns, "--format=%H%n%B", "HEAD")
    own = ["--grep" if part == "-e" else part for part in arguments]
    found = split(ask(folder, *own) or b"") if patterns else []
    return [(commit, message) for commit, _, message in (each.partition("\n") for each in found)]


def adding(folder: Path, text: str, path: str) -> list[str]:
    """Return the commits that changed how often a text stands in a file, oldest first."""
    own = ("--no-textconv", "--no-ext-diff", "--format=%H", f"-S{text}")
    return (line(top(folder) or folder, "log", "--reverse", *own, "HEAD", "--", path) or "").split()


def log(folder: Path, commit: str, wanted: Callable[[str], bool]) -> list[Commit]:
    """Return the commits that lead to one, oldest first, with what each changed of wanted files.

    The way is that of the first parents: a merge stands for all that it brought, on its day.
    The first commit brings all of its files, in a shallow clone those from before it too.
    """
    arguments = (
        *("log", "--first-parent", "-m", "--reverse", "--root", "--raw", "-z", "--no-abbrev"),
        *("--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all"),
        *("--format=%x01%H %cs", commit, "--"),
    )
    return list(_commits(split(ask(folder, *arguments) or b""), wanted))


def origin(folder: Path) -> str | None:
    """Return the address from which a repository was cloned, None where none is known."""
    return line(folder, "remote", "get-url", "origin") or None


def _commits(parts: Sequence[str], wanted: Callable[[str], bool]) -> Iterator[Commit]:
    """Read ``\\1ID DAY``, then ``:MODE MODE BLOB BLOB STATUS`` and a path for each file."""
    changed: dict[str, str | None] = {}
    facts = ""
    for part in parts:
        part = part.removeprefix("\n")
        if part.startswith("\1"):
            id, _, day = part[1:].partition(" ")
            changed = {}
            yield Commit(id, iso_date(day), changed)
        elif not facts:
            facts = part
        else:
            _, mode, _, blob, _ = facts.split(" ")
            facts = ""
            if wanted(part):
                changed[part] = blob if mode in FILES else None
