"""Resolve the name of a fix into its changes, read from git or from a patch."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pytest_postmortem import git
from pytest_postmortem.errors import GitError
from pytest_postmortem.files import read_file_bytes
from pytest_postmortem.proofs import find_trailer_names, format_revision_range, shorten_revision
from pytest_postmortem.prove.fix_files import FileChange, Fix, FixStep

MAX_CANDIDATES = 3
"""Candidates that are shown."""


def find_trailer_commits(root: Path) -> Mapping[str, tuple[str, ...]]:
    """Return the commits with a ``Postmortem:`` trailer by casefolded id, oldest first."""
    commits_by_id: dict[str, tuple[str, ...]] = {}
    for commit, message in reversed(git.find_commits_mentioning(root, ["Postmortem:"])):
        for key in find_trailer_names(message):
            commits_by_id[key] = (*commits_by_id.get(key, ()), commit)
    return commits_by_id


def find_fix_candidates(
    root: Path,
    names: Sequence[str],
    tests: Iterable[tuple[str, str]],
    is_source: Callable[[str], bool],
) -> list[str]:
    """Search for the fix of an incident; return candidates with evidence, most likely first.

    ``names`` are its id and aliases; ``tests`` are the files of its tests from the top, each with
    the name of a test function.
    """
    reasons: dict[str, list[str]] = {}
    for path, test in tests:
        for commit in git.find_commits_adding(root, f"def {test}(", path)[:1]:
            reasons.setdefault(commit, []).append(f"added {test}")
        for name in names:
            for commit in git.find_commits_adding(root, name, path)[:1]:
                reasons.setdefault(commit, []).append(f"wrote {name} into {path}")
    for commit, message in git.find_commits_mentioning(root, names):
        if any(_is_name_in_message(message, name) for name in names):
            reasons.setdefault(commit, []).append("names it")
    ranked = sorted(reasons.items(), key=lambda ranking: len(ranking[1]), reverse=True)
    return list(_select_source_commits(root, ranked, is_source))[:MAX_CANDIDATES]


def _is_name_in_message(message: str, name: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", message, re.IGNORECASE) is not None


def _select_source_commits(
    root: Path, ranked: Iterable[tuple[str, list[str]]], is_source: Callable[[str], bool]
) -> Iterator[str]:
    """Yield the commits that change source; no other commit can be a fix."""
    for commit, reasons in ranked:
        before = git.find_parent_commit(root, commit)
        changed = git.list_changed_files(root, before, commit) if before else []
        source = [change.path for change in changed if is_source(change.path)]
        if source:
            subject, day = git.read_commit_subject(root, commit)
            why = f"{' and '.join(dict.fromkeys(reasons))}, together with {source[0]}"
            yield f"'fix: {commit[:9]}' ({day}, {subject!r}: it {why})"


WORKTREE = "WORKTREE"
"""The name of the uncommitted changes."""

BUG_PATCH_SUFFIXES = (".bug.patch", ".bug.diff")
"""Suffixes of patches that restore the bug."""


class FixError(Exception):
    """A fix can't be read; the message says why, and what to do."""


class FixUnavailableError(FixError):
    """A fix can't be read here but may be valid: git fails, or the clone lacks commits."""


class FixNotInHeadError(FixError):
    """HEAD does not have the fix."""


@contextmanager
def convert_git_errors() -> Iterator[None]:
    """Convert a failure of git into an error about the fix.

    Raises:
        FixUnavailableError: With git's own reason.
    """
    try:
        yield
    except GitError as error:
        raise FixUnavailableError(error.brief) from None


@convert_git_errors()
def read_fix_from_revisions(root: Path, revisions: Sequence[str]) -> Fix:
    """Read a fix from commits, merges and ranges; ``WORKTREE`` is the uncommitted changes.

    Raises:
        FixError: The repository lacks one of them.
    """
    if list(revisions) == [WORKTREE]:
        return read_fix_since_commit(root, "HEAD", WORKTREE)
    steps = [_read_fix_step(root, revision) for revision in revisions]
    day = git.read_commit_subject(root, steps[-1].after or "HEAD")[1]
    return Fix(", ".join(step.name for step in steps), tuple(steps), day)


def read_fix_since_commit(root: Path, base: str, name: str, shown: str = "HEAD") -> Fix:
    """Read a fix that is all changes of the working tree since a commit, displayed as ``shown``.

    Raises:
        FixError: The repository lacks the commit.
    """
    commit = _resolve_commit(root, base)
    top = git.find_repository_top(root) or root
    blobs = git.list_commit_files(root, commit)
    paths = git.list_modified_files(root, commit)
    contents = dict(git.read_blobs(root, (blobs[path] for path in paths if path in blobs)))
    changes = [
        FileChange(
            path, contents[blobs[path]] if path in blobs else None, read_file_bytes(top / path)
        )
        for path in paths
    ]
    real_changes = tuple(change for change in changes if change.before != change.after)
    if not real_changes:
        raise FixError(f"there is no change since {shown}")
    return Fix(name, (FixStep(name, real_changes, before=commit),))


@convert_git_errors()
def read_fix_from_branch(root: Path, base: str) -> Fix:
    """Read a fix that is all changes of a branch since it left another, committed or not.

    Raises:
        FixError: The two have no commit in common in this clone.
    """
    start = git.find_merge_base(root, _resolve_commit(root, base), _resolve_commit(root, "HEAD"))
    if start is None:
        raise FixUnavailableError(
            f"{base} and HEAD have no commit in common in this clone: fetch its history"
        )
    return read_fix_since_commit(root, start, f"the changes since {base}", base)


def _read_fix_step(root: Path, revision: str) -> FixStep:
    older, dots, newer = revision.partition("..")
    if dots:
        older, newer = older or "HEAD", newer.lstrip(".") or "HEAD"
        before, after = _resolve_commit(root, older), _resolve_commit(root, newer)
    else:
        after = _resolve_commit(root, revision)
        parent = git.find_parent_commit(root, after)
        if parent is None:
            raise FixUnavailableError(
                f"the parent of {shorten_revision(revision)} is not in this clone:"
                f" {_format_fetch_command(after)}"
            )
        before = parent
    changed_files = git.list_changed_files(root, before, after)
    ids = (
        blob
        for changed_file in changed_files
        for blob in (changed_file.before, changed_file.after)
        if blob
    )
    contents = dict(git.read_blobs(root, ids))
    changes = tuple(
        FileChange(
            changed_file.path,
            *(
                contents[blob] if blob else None
                for blob in (changed_file.before, changed_file.after)
            ),
        )
        for changed_file in changed_files
    )
    return FixStep(format_revision_range(revision), changes, before=before, after=after)


def _resolve_commit(root: Path, revision: str) -> str:
    if git.find_repository_top(root) is None:
        raise FixError("this is not a git repository: name the fix as `patch: FILE`")
    commit = git.resolve_commit(root, revision.strip())
    if commit is not None:
        return commit
    if git.is_unborn_branch(root):
        return git.read_head_commit(root)
    kind = FixUnavailableError if git.is_shallow_clone(root) else FixError
    raise kind(_explain_missing_revision(root, revision.strip()))


def _explain_missing_revision(root: Path, revision: str) -> str:
    """Return the message for an unknown revision, with the command that fetches it.

    A server accepts only whole hashes, and ``--depth`` would make a complete clone shallow.
    """
    is_shallow = git.is_shallow_clone(root)
    if git.FULL_HASH_PATTERN.fullmatch(revision):
        fetch = _format_fetch_command(revision) if is_shallow else f"git fetch origin {revision}"
        return f"{shorten_revision(revision)} is not in this clone: {fetch}"
    if is_shallow:
        return f"{revision} is not in this clone: give the full hash, or git fetch --unshallow"
    return f"{revision} is not a commit in this clone: correct it, or git fetch origin"


def _format_fetch_command(commit: str) -> str:
    return f"git fetch --depth=2 origin {commit}"


@convert_git_errors()
def read_fix_from_patch(root: Path, place: str, folders: Iterable[Path]) -> Fix:
    """Read a fix from a patch; one named ``NAME.bug.patch`` restores the bug.

    Its paths are relative to the top of the repository, or to the rootdir. The file is searched for
    in ``folders``.

    Raises:
        FixError: The file can't be read, or changes nothing.
    """
    top = git.find_repository_top(root) or root
    file = next((folder / place for folder in folders if (folder / place).is_file()), None)
    data = read_file_bytes(file) if file else None
    if data is None:
        raise FixError(f"the patch {place!r} can't be read")
    paths = git.list_patched_files(data)
    if not paths:
        raise FixError(f"{place!r} is not a patch that git can read")
    outside = [path for path in paths if not git.is_path_inside(path)]
    if outside:
        raise FixError(f"{place!r} names a file outside of the repository: {outside[0]}")
    name = os.path.basename(place)
    back = name.endswith(BUG_PATCH_SUFFIXES)
    root_prefix = os.path.relpath(os.path.realpath(root), os.path.realpath(top)).replace(
        os.sep, "/"
    )
    from_top = root_prefix == "." or any((top / path).is_file() for path in paths)
    prefix = "" if from_top else f"{root_prefix}/"
    current_contents = {f"{prefix}{path}": read_file_bytes(top / prefix / path) for path in paths}
    changes = tuple(FileChange(path, text, text) for path, text in current_contents.items())
    return Fix(name, (FixStep(name, changes, data, back, prefix),))


def decode_fix_source(data: bytes | None) -> str | None:
    """Return the text of a Python file, None if the file does not exist.

    Raises:
        FixError: Its encoding is wrong.
    """
    from importlib.util import decode_source

    if data is None:
        return None
    try:
        return decode_source(data)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise FixError(f"a file of the fix can't be decoded: {error}") from None
