"""Read access to git: revisions and the log, files and their contents, patches.

The only module that runs git: without pager, hooks and colors, and without fetching. Paths are
relative to the top of the repository, with slashes and any characters. A failed call raises
`GitError` with git's own reason; missing output is never treated as empty, so `None` and empty
results are answers of git. Calls with a negative answer list the exit statuses that mean "no".
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path, PurePath

from pytest_postmortem.errors import GitError, Problem
from pytest_postmortem.model import parse_iso_date

GIT_TIMEOUT = 10.0
"""Timeout in seconds for a call that reads no history."""

LONG_GIT_TIMEOUT = 300.0
"""Timeout in seconds for a call that reads the whole history."""

INHERITED_GIT_VARIABLES = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"),
    *("GIT_NAMESPACE", "GIT_SHALLOW_FILE", "GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS"),
)
"""Environment variables that git sets for hooks, and that select another repository."""

GIT_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",  # since git 2.45
    "GIT_ALLOW_PROTOCOL": "",  # the same for any git: no transport is allowed
    "GIT_NO_REPLACE_OBJECTS": "1",  # replacement refs are not in every clone, so they are ignored
    "LC_ALL": "C",
}

GIT_OPTIONS = (
    "--no-pager",
    "--literal-pathspecs",
    *("-c", "core.quotepath=false"),
    *("-c", "core.fsmonitor=false"),  # `ls-files` would run this hook
    *("-c", "color.ui=false"),
    *("-c", "diff.orderFile=/dev/null"),  # git knows this name on every platform
    *("-c", "i18n.logOutputEncoding=UTF-8"),
    *("-c", "log.date=default"),
    *("-c", "log.follow=false"),
    *("-c", "log.showSignature=false"),
    *("-c", "log.showRoot=true"),
)
"""Options that override user settings which change output or run programs."""

ISOLATED_ENVIRONMENT = {
    **dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL"), os.devnull),
    **dict.fromkeys(("GIT_CONFIG_NOSYSTEM", "GIT_ATTR_NOSYSTEM"), "1"),
    "GIT_CONFIG_COUNT": "0",
}
"""Environment that ignores all user settings, with line endings and filters."""

REPOSITORY_UNREADABLE = "Couldn't read the repository"

OBJECT_HASH_PATTERN = re.compile(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{40}\b")
MISSING_OBJECT_PATTERN = re.compile(
    r"promisor remote|bad object|not a valid object|missing (?:blob|tree|commit|object)"
    r"|(?:could not read|unable to (?:read|find|parse)) (?:\w+ )*\(?[0-9a-f]{40}"
    r"|failed to traverse|object file .* is empty|is corrupt",
    re.IGNORECASE,
)
"""Messages of git for a missing or damaged object."""

REFUSED_TRANSPORT_PATTERN = re.compile("transport .* not allowed")
"""Messages of git that result from the disabled network."""

NO_COMMITS_MESSAGE = "does not have any commits yet"
"""Messages of git for a repository without a commit."""

RERUN_REMEDY = "correct what git names, and run it again"

GIT_REMEDIES = (
    (r"not a git repository: ", "check the code out again, or run `git worktree repair` there"),
    (r"not a git repository", "run it in a checkout of the code"),
    (NO_COMMITS_MESSAGE, "commit something first"),
)
"""Remedies by a text in the cause."""


def run_git(
    folder: Path,
    *arguments: str,
    given: bytes = b"",
    timeout: float = LONG_GIT_TIMEOUT,
) -> bytes:
    """Return the output of git.

    Raises: GitError if it fails.
    """
    return run_git_or_none(folder, *arguments, no=(), given=given, timeout=timeout) or b""


def run_git_for_text(folder: Path, *arguments: str, given: bytes = b"") -> str:
    """Return the output of a call that reads no history, as stripped text."""
    return _decode_git_output(run_git(folder, *arguments, given=given, timeout=GIT_TIMEOUT))


def run_git_for_text_or_none(
    folder: Path, *arguments: str, no: Collection[int] = (1,)
) -> str | None:
    """Return the output of a call that reads no history, None for a status that means no."""
    output = run_git_or_none(folder, *arguments, no=no, timeout=GIT_TIMEOUT)
    return None if output is None else _decode_git_output(output)


def _decode_git_output(data: bytes) -> str:
    return data.decode(errors="replace").strip()


def run_git_or_none(
    folder: Path,
    *arguments: str,
    no: Collection[int] = (1,),
    given: bytes = b"",
    timeout: float = LONG_GIT_TIMEOUT,
    alone: bool = False,
) -> bytes | None:
    """Return the output of git, None for an exit status that means no.

    ``alone`` ignores repositories above the folder and all user settings.

    Raises: GitError if it fails in any other way.
    """
    environment = {
        name: text for name, text in os.environ.items() if name not in INHERITED_GIT_VARIABLES
    }
    if alone:
        environment |= ISOLATED_ENVIRONMENT | {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
    try:
        process = subprocess.run(
            ["git", *GIT_OPTIONS, "-C", str(folder), *arguments],
            env=environment | GIT_ENVIRONMENT,
            input=given,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        cause = f"git {arguments[0]} takes longer than {timeout:g} seconds"
        raise build_git_error(cause, "run it where git is faster") from None
    except FileNotFoundError:
        raise build_git_error("git is not installed", "install git, and run it again") from None
    except (OSError, ValueError) as error:
        raise build_git_error(f"git can't be run: {error}", "see that git works here") from None
    if process.returncode in no:
        return None
    if process.returncode:
        raise _explain_git_failure(folder, process, arguments[0])
    return process.stdout


def build_git_error(cause: str, remedy: str) -> GitError:
    """Return the error for a failed call of git."""
    return GitError([Problem("git-failed", REPOSITORY_UNREADABLE, cause, remedy)])


def _explain_git_failure(
    folder: Path, process: subprocess.CompletedProcess[bytes], command: str
) -> GitError:
    """Return the cause and the remedy of a failed call."""
    errors = process.stderr.decode(errors="replace")
    reasons = dict.fromkeys(_parse_git_reasons(errors))
    cause = "; ".join(reasons) or f"git {command} ended with exit status {process.returncode}"
    if MISSING_OBJECT_PATTERN.search(cause):
        return _build_missing_object_error(folder, cause)
    trust = re.search(r"^\s*(git config .*safe\.directory .*)$", errors, re.MULTILINE)
    if trust is not None:
        return build_git_error(f"git: {cause}", f"run {trust[1].strip()}")
    known = (remedy for text, remedy in GIT_REMEDIES if re.search(text, cause))
    return build_git_error(f"git: {cause}", next(known, RERUN_REMEDY))


def _parse_git_reasons(errors: str) -> Iterator[str]:
    """Yield the reasons in git's messages, without traces, hints and advice."""
    for text in errors.splitlines():
        if text.startswith(("fatal: ", "error: ")) and not REFUSED_TRANSPORT_PATTERN.search(text):
            yield text.partition(": ")[2].strip()


def _build_missing_object_error(folder: Path, cause: str) -> GitError:
    """Return the error for a missing object, with the message of git in ``cause``."""
    pattern = r"^(remote\..*\.promisor|extensions\.partialclone)$"
    promised = run_git_for_text_or_none(folder, "config", "--get-regexp", pattern, no=range(1, 256))
    named = OBJECT_HASH_PATTERN.search(cause)
    if promised and named:
        return build_git_error(
            f"git: object {named[0]} is not in this partial clone",
            "run `git fetch --refetch --no-filter`, or clone it without --filter",
        )
    return build_git_error(
        f"git: {cause}", "run `git fsck`; clone the repository again if it is damaged"
    )


def split_null_separated(data: bytes) -> list[str]:
    """Return the texts that end in a null byte; any byte can be encoded again."""
    return [os.fsdecode(part) for part in data.split(b"\0") if part]


def require_repository(folder: Path) -> None:
    """Check that git reads the repository of a folder.

    Raises: GitError with git's own reason without a repository, or if access is refused.
    """
    reported_top = run_git_for_text(folder, "rev-parse", "--show-toplevel")
    above = find_repository_top(folder)
    if above is None or not os.path.samefile(above, reported_top):
        cause = (
            f"git takes {reported_top!r} for the top of the repository, and it looks like {above}"
        )
        raise build_git_error(cause, "see that .git is what git makes it")


def find_repository_top(folder: Path) -> Path | None:
    """Return the top of the repository that holds a folder, found without running git."""
    return next(
        (each for each in (folder, *folder.parents) if _is_git_repository(each / ".git")), None
    )


def _is_git_repository(path: Path) -> bool:
    """Return whether a path is a repository; False for an empty mounted ``.git``."""
    try:
        return path.exists() and (path.is_file() or next(path.iterdir(), None) is not None)
    except OSError:
        return True


FULL_HASH_PATTERN = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
"""A full hash, which may be of another clone."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit, with its changed files: path → blob, None for a deleted file.

    ``modules`` are the changed submodules by path, with the commits before and after.
    """

    id: str
    day: date | None
    changed: Mapping[str, str | None]
    modules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_head_commit(folder: Path) -> str:
    """Return the commit that is checked out.

    Raises: GitError with git's own reason if the repository is empty.
    """
    return run_git_for_text(folder, "log", "-1", "--format=%H")


def read_head_date(folder: Path) -> date | None:
    """Return the date of HEAD's commit, None outside a repository or without a commit.

    Raises: GitError if git fails.
    """
    if find_repository_top(folder) is None or is_unborn_branch(folder):
        return None
    return parse_iso_date(run_git_for_text(folder, "log", "-1", "--format=%cs", "HEAD"))


def is_unborn_branch(folder: Path) -> bool:
    """Return whether the current branch has no commit.

    Raises: GitError if git fails.
    """
    if run_git_for_text_or_none(folder, "rev-parse", "--verify", "--quiet", "HEAD"):
        return False
    try:
        read_head_commit(folder)
    except GitError as error:
        if NO_COMMITS_MESSAGE in error.brief:
            return True
        raise
    return False


def resolve_commit(folder: Path, revision: str) -> str | None:
    """Return the commit of a revision, None for an unknown revision.

    Raises: GitError if git fails, for example since an object is missing.
    """
    if revision.startswith("-"):
        return None
    own = ("rev-parse", "--verify", "--quiet")
    commit = run_git_for_text_or_none(folder, *own, f"{revision}^{{commit}}")
    if commit or not revision:
        return commit or None
    id = run_git_for_text_or_none(folder, *own, revision)
    named = id and not FULL_HASH_PATTERN.fullmatch(revision)
    if named and run_git_for_text_or_none(folder, "cat-file", "-t", str(id), no=(128,)) is None:
        raise _build_missing_object_error(folder, f"missing object {id}")
    if not is_shallow_clone(folder):
        run_git(folder, "rev-list", "--count", "--all")  # all ancestors are present
    return None


def find_merge_base(folder: Path, one: str, other: str) -> str | None:
    """Return the merge base of two commits, None if there is none.

    Raises: GitError if git fails.
    """
    return run_git_for_text_or_none(folder, "merge-base", one, other)


def is_ancestor(folder: Path, commit: str, descendant: str) -> bool:
    """Return whether a commit is contained in another.

    Raises: GitError if git fails.
    """
    own = ("merge-base", "--is-ancestor", commit, descendant)
    return run_git_for_text_or_none(folder, *own) is not None


def is_commit_included(folder: Path, commit: str) -> bool:
    """Return whether HEAD contains a commit, or another commit with the same changes.

    Raises: GitError if git fails.
    """
    if is_ancestor(folder, commit, "HEAD"):
        return True
    equal = run_git_for_text_or_none(folder, "cherry", "HEAD", commit, f"{commit}^", no=(128,))
    return bool(equal) and str(equal).startswith("-")


def is_shallow_clone(folder: Path) -> bool:
    """Return whether a clone is shallow."""
    return run_git_for_text(folder, "rev-parse", "--is-shallow-repository") == "true"


def has_missing_parents(folder: Path, commit: str) -> bool:
    """Return whether a commit has parents that a shallow clone lacks."""
    if not is_shallow_clone(folder):
        return False
    known = run_git_for_text_or_none(folder, "rev-parse", "--verify", "--quiet", f"{commit}^")
    return not known and _read_first_parent(folder, commit) is not None


def find_parent_commit(folder: Path, commit: str) -> str | None:
    """Return the first parent of a commit; for the first commit, the empty tree.

    Raises: GitError if git fails.
    """
    if has_missing_parents(folder, commit):
        return None
    return _read_first_parent(folder, commit) or run_git_for_text(
        folder, "hash-object", "-t", "tree", "--stdin"
    )


def _read_first_parent(folder: Path, commit: str) -> str | None:
    """Return the first parent that a commit names, even if its object is missing."""
    header, _, _ = run_git_for_text(folder, "cat-file", "commit", commit).partition("\n\n")
    names = (each.partition(" ") for each in header.splitlines())
    return next((id for word, _, id in names if word == "parent"), None)


def read_commit_subject(folder: Path, commit: str) -> tuple[str, date | None]:
    """Return the first line of a commit's message, and its day."""
    day, _, text = run_git_for_text(folder, "show", "-s", "--format=%cs %s", commit).partition(" ")
    return text, parse_iso_date(day)


def find_commits_mentioning(folder: Path, texts: Iterable[str]) -> list[tuple[str, str]]:
    """Return the ancestors of HEAD whose messages contain any of these texts, with the messages.

    Return nothing outside of a repository.

    Raises: GitError if git fails.
    """
    patterns = [part for text in texts for part in ("--grep", text)]
    if not patterns or find_repository_top(folder) is None:
        return []
    arguments = ("log", "-z", "-i", "-F", *patterns, "--format=%H%n%B", read_head_commit(folder))
    found = split_null_separated(run_git(folder, *arguments))
    return [(commit, message) for commit, _, message in (each.partition("\n") for each in found)]


def find_commits_adding(folder: Path, text: str, path: str) -> list[str]:
    """Return the commits that changed the number of occurrences of a text in a file, oldest first.

    Return nothing outside of a repository.

    Raises: GitError if git fails.
    """
    above = find_repository_top(folder)
    if above is None:
        return []
    own = ("--no-textconv", "--no-ext-diff", "--format=%H", f"-S{text}")
    found = run_git(above, "log", "--reverse", *own, read_head_commit(folder), "--", path)
    return found.decode().split()


def read_commit_log(folder: Path, commit: str, wanted: Callable[[str], bool]) -> list[Commit]:
    """Return the first-parent history of a commit, oldest first, with the changes of wanted files.

    A merge has the changes of its whole branch, on its day. The first commit has all of its files,
    in a shallow clone also those of older commits.

    Raises: GitError if git fails.
    """
    arguments = (
        *("log", "--first-parent", "-m", "--reverse", "--root", "--raw", "-z", "--no-abbrev"),
        *("--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=none"),
        *("--format=%H %cs", commit, "--"),
    )
    log = split_raw_log(run_git(folder, *arguments))
    return [_parse_commit(header, changes, wanted) for header, changes in log]


def read_origin_url(folder: Path) -> str | None:
    """Return the URL from which a repository was cloned, None if unknown.

    Raises: GitError if git fails.
    """
    if find_repository_top(folder) is None:
        return None
    return run_git_for_text_or_none(folder, "remote", "get-url", "origin", no=(2,)) or None


def split_raw_log(data: bytes) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the line of each commit, and its changes as git writes them: facts and path.

    The facts are ``:MODE MODE BLOB BLOB STATUS``.
    """
    header, changes = "", list[tuple[str, str]]()
    parts = iter(split_null_separated(data))
    for part in parts:
        text = part.strip("\n")
        if text.startswith(":"):
            changes.append((text, next(parts)))
        elif text:
            if header:
                yield header, changes
            header, changes = text, []
    if header:
        yield header, changes


def _parse_commit(
    header: str, changes: Iterable[tuple[str, str]], wanted: Callable[[str], bool]
) -> Commit:
    changed: dict[str, str | None] = {}
    modules: dict[str, tuple[str, ...]] = {}
    for facts, path in changes:
        old, mode, *blobs, _ = facts.removeprefix(":").split(" ")
        if SUBMODULE_MODE in (old, mode):
            both = zip((old, mode), blobs, strict=True)
            modules[path] = tuple(blob for blob_mode, blob in both if blob_mode == SUBMODULE_MODE)
        if wanted(path):
            changed[path] = blobs[1] if mode in FILE_MODES else None
    id, _, day = header.partition(" ")
    return Commit(id, parse_iso_date(day), changed, modules)


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
    changes = map(parse_raw_change, parts[::2], parts[1::2])
    return [change for change in changes if change is not None]


def parse_raw_change(facts: str, path: str) -> ChangedFile | None:
    """Return a change that git writes as ``:MODE MODE BLOB BLOB STATUS``, None of another kind.

    That is the change of a link or a submodule that is no regular file on either side.
    """
    old, new, blob, new_blob, _ = facts.removeprefix(":").split(" ")
    if not {old, new} & {*FILE_MODES}:
        return None
    before, after = (
        each if mode in FILE_MODES else None for each, mode in ((blob, old), (new_blob, new))
    )
    return ChangedFile(path, before, after)


def list_modified_files(folder: Path, commit: str) -> list[str]:
    """Return the files of the working tree that differ from a commit, new ones included.

    A submodule is among them if it has another commit or changed files.
    """
    plain = ("--no-renames", "--no-ext-diff", "--no-textconv")
    own = ("--name-only", "-z", *plain, "--ignore-submodules=untracked")
    top = find_repository_top(folder) or folder
    new = run_git(top, "ls-files", "-z", "--others", "--exclude-standard")
    changed = run_git(top, "diff", *own, commit, "--")
    return sorted({*split_null_separated(changed), *split_null_separated(new)})


def find_renamed_files(
    folder: Path, before: str, after: str = "HEAD", how: Sequence[str] = ("-M",)
) -> dict[str, str]:
    """Return the files that were renamed between two commits: the old path and the new one.

    ``how`` are the options of git for similar files.

    Raises: GitError if git fails.
    """
    arguments = ("diff-tree", "-r", "-z", *how, "--diff-filter=R", "--name-status", before, after)
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
    top = find_repository_top(folder) or folder
    arguments = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return list(dict.fromkeys(split_null_separated(run_git(top, *arguments))))


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
    top = find_repository_top(folder) or folder
    for entry in split_null_separated(run_git(top, "ls-files", "-z", "-t", "--stage")):
        facts, _, path = entry.partition("\t")
        tag, mode, blob, _ = facts.split(" ")
        if mode == SUBMODULE_MODE:
            modules[path] = blob
        elif tag == "S" and mode in FILE_MODES and not os.path.lexists(top / path):
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
            raise _build_missing_object_error(folder, f"missing object {id}")
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


REFUSED_STATUSES = (1, 128)
"""The exit statuses of git for an invalid patch, or one that does not apply."""


def build_patch(folder: Path, before: str, after: str, paths: Iterable[str]) -> bytes:
    """Return the patch between two commits or trees for these files."""
    arguments = ("diff", "--binary", "--full-index", "--no-renames", "--no-ext-diff")
    own = ("--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", "--no-color", "-U3")
    top = find_repository_top(folder) or folder
    return run_git(top, *arguments, *own, before, after, "--", *paths)


def list_patched_files(data: bytes) -> list[str]:
    """Return the files that a patch changes."""
    arguments = ("apply", "--numstat", "-z", "-")
    with tempfile.TemporaryDirectory() as name:
        output = run_git_or_none(
            Path(name), *arguments, no=REFUSED_STATUSES, given=data, alone=True
        )
    parts = split_null_separated(output or b"")
    return [part.split("\t")[2] for part in parts if part.count("\t") == 2]


def is_path_inside(path: str) -> bool:
    """Return whether a path of a patch is below the folder to which it is applied."""
    return not PurePath(path).anchor and ".." not in PurePath(path).parts


def apply_patch(
    contents: Mapping[str, bytes], patch: bytes, *, reverse: bool, only: Iterable[str] = ()
) -> dict[str, bytes | None] | None:
    """Return the patched files, None if the patch does not apply exactly.

    Lines may have moved; their context has to be unchanged, but for the ends of lines in files that
    have one kind of them. ``only`` limits the patch to some files, if it is not empty. Nothing is
    written outside of the folder.
    """
    patched = _apply_exact_patch(contents, patch, reverse=reverse, only=(paths := list(only)))
    if patched is not None:
        return patched
    converted = {path for path, data in contents.items() if _has_only_crlf(data)}
    if not converted and b"\r\n" not in patch:
        return None
    unix = {
        path: data.replace(b"\r\n", b"\n") if path in converted else data
        for path, data in contents.items()
    }
    patch = patch.replace(b"\r\n", b"\n")
    patched = _apply_exact_patch(unix, patch, reverse=reverse, only=paths)
    return patched and {
        path: data.replace(b"\n", b"\r\n") if data is not None and path in converted else data
        for path, data in patched.items()
    }


def _has_only_crlf(data: bytes) -> bool:
    """Return whether all lines of a text end as on Windows."""
    return b"\0" not in data and 0 < data.count(b"\n") == data.count(b"\r\n")


def _apply_exact_patch(
    contents: Mapping[str, bytes], patch: bytes, *, reverse: bool, only: Iterable[str]
) -> dict[str, bytes | None] | None:
    if not all(map(is_path_inside, contents)):
        return None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, data in contents.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        arguments = ["apply", "--whitespace=nowarn", *(["--reverse"] if reverse else [])]
        plain = (re.sub(r"([*?[\\])", r"\\\1", path) for path in only)  # it takes globs
        arguments += [f"--include={path}" for path in plain]
        if (
            run_git_or_none(folder, *arguments, "-", no=REFUSED_STATUSES, given=patch, alone=True)
            is None
        ):
            return None
        patched_paths = (path for path in folder.rglob("*") if path.is_file())
        patched_contents = {
            path.relative_to(folder).as_posix(): path.read_bytes() for path in patched_paths
        }
        return {path: patched_contents.get(path) for path in {*contents, *patched_contents}}
