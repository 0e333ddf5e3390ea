"""The name of a fix → what it consists of, read from git or from a patch."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pytest_postmortem import git
from pytest_postmortem.errors import GitError
from pytest_postmortem.proofs import named, short
from pytest_postmortem.prove.plan import Change, Fix, Step
from pytest_postmortem.scope import bytes_of

__all__ = [
    "BACK",
    "WORKTREE",
    "Unknown",
    "Unread",
    "decoded",
    "of_branch",
    "of_patch",
    "of_revisions",
    "reading_git",
]

WORKTREE = "WORKTREE"
"""The name of what is not committed yet."""

BACK = (".bug.patch", ".bug.diff")
"""How the name of a patch ends that brings the problem back."""

HASH = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
"""A hash that is whole."""


class Unknown(Exception):
    """A fix can't be read; says why, and what to do."""


class Unread(Unknown):
    """A fix can't be read here, and may be a good one: git fails, or the clone lacks a part."""


@contextmanager
def reading_git() -> Iterator[None]:
    """Let a failure of git say that a fix can't be read.

    Raises: Unread with git's own reason.
    """
    try:
        yield
    except GitError as error:
        raise Unread(error.brief) from None


@reading_git()
def of_revisions(root: Path, revisions: Sequence[str]) -> Fix:
    """Read a fix of commits, merges and ranges; ``WORKTREE`` is what is not committed.

    Raises: Unknown where the repository lacks one of them.
    """
    if list(revisions) == [WORKTREE]:
        return of_base(root, "HEAD", WORKTREE)
    steps = [_step(root, revision) for revision in revisions]
    day = git.subject(root, steps[-1].after or "HEAD")[1]
    return Fix(", ".join(step.name for step in steps), tuple(steps), day)


def of_base(root: Path, base: str, name: str, shown: str = "HEAD") -> Fix:
    """Read a fix that is all that the working tree has since a commit, which a reader knows as
    ``shown``.

    Raises: Unknown where the repository lacks the commit.
    """
    commit = _commit(root, base)
    top = git.top(root) or root
    blobs = git.tree(root, commit)
    paths = git.unlike(root, commit)
    contents = dict(git.blobs(root, (blobs[path] for path in paths if path in blobs)))
    changes = [
        Change(path, contents[blobs[path]] if path in blobs else None, bytes_of(top / path))
        for path in paths
    ]
    own = tuple(each for each in changes if each.before != each.after)
    if not own:
        raise Unknown(f"nothing differs from {shown}")
    return Fix(name, (Step(name, own, before=commit),))


@reading_git()
def of_branch(root: Path, base: str) -> Fix:
    """Read a fix that is all that a branch has brought since it left another, committed or not.

    Raises: Unknown where the two have no commit in common here.
    """
    start = git.merge_base(root, _commit(root, base), _commit(root, "HEAD"))
    if start is None:
        raise Unread(f"{base} and HEAD have no commit in common in this clone: fetch its history")
    return of_base(root, start, f"what came since {base}", base)


def _step(root: Path, revision: str) -> Step:
    older, dots, newer = revision.partition("..")
    if dots:
        older, newer = older or "HEAD", newer.lstrip(".") or "HEAD"
        before, after = _commit(root, older), _commit(root, newer)
    else:
        after = _commit(root, revision)
        parent = git.parent(root, after)
        if parent is None:
            raise Unread(f"the parent of {short(revision)} is not in this clone: {_deeper(after)}")
        before = parent
    found = git.changed(root, before, after)
    ids = (blob for each in found for blob in (each.before, each.after) if blob)
    contents = dict(git.blobs(root, ids))
    changes = tuple(
        Change(each.path, *(contents[blob] if blob else None for blob in (each.before, each.after)))
        for each in found
    )
    return Step(named(revision), changes, before=before, after=after)


def _commit(root: Path, revision: str) -> str:
    if git.top(root) is None:
        raise Unknown("there is no git repository: name a fix as `patch: FILE`")
    commit = git.commit_of(root, revision.strip())
    if commit is not None:
        return commit
    if git.is_unborn(root):
        return git.head(root)
    kind = Unread if git.is_shallow(root) else Unknown
    raise kind(_absent(root, revision.strip()))


def _absent(root: Path, revision: str) -> str:
    """Say that a revision is not known, and how to get it: a server knows only whole hashes, and
    a depth would cut a clone that is whole.
    """
    is_shallow = git.is_shallow(root)
    if HASH.fullmatch(revision):
        fetch = _deeper(revision) if is_shallow else f"git fetch origin {revision}"
        return f"{short(revision)} is not in this clone: {fetch}"
    if is_shallow:
        return f"{revision} is not in this clone: give the full hash, or git fetch --unshallow"
    return f"{revision} is no commit that this clone knows: correct it, or git fetch origin"


def _deeper(commit: str) -> str:
    return f"git fetch --depth=2 origin {commit}"


@reading_git()
def of_patch(root: Path, place: str, folders: Iterable[Path]) -> Fix:
    """Read a fix that is a patch; one called ``NAME.bug.patch`` brings the problem back.

    Its paths are those from the top of the repository, or from the rootdir. The file is looked for
    in ``folders``.

    Raises: Unknown where the file can't be read, or changes nothing.
    """
    top = git.top(root) or root
    file = next((folder / place for folder in folders if (folder / place).is_file()), None)
    data = bytes_of(file) if file else None
    if data is None:
        raise Unknown(f"the patch {place!r} can't be read")
    paths = git.patched(data)
    if not paths:
        raise Unknown(f"{place!r} is no patch that git can read")
    outside = [path for path in paths if not git.is_inside(path)]
    if outside:
        raise Unknown(f"{place!r} names a file outside of the repository: {outside[0]}")
    name = os.path.basename(place)
    back = name.endswith(BACK)
    own = os.path.relpath(os.path.realpath(root), os.path.realpath(top)).replace(os.sep, "/")
    from_top = own == "." or any((top / path).is_file() for path in paths)
    prefix = "" if from_top else f"{own}/"
    now = {f"{prefix}{path}": bytes_of(top / prefix / path) for path in paths}
    changes = tuple(Change(path, text, text) for path, text in now.items())
    return Fix(name, (Step(name, changes, data, back, prefix),))


def decoded(data: bytes | None) -> str | None:
    """Return the text of a Python file, None for what is none.

    Raises: Unknown where its encoding is wrong.
    """
    from importlib.util import decode_source

    if data is None:
        return None
    try:
        return decode_source(data)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise Unknown(f"a file of the fix can't be decoded: {error}") from None
