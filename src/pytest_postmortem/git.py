"""The only subprocess to git: dates, revisions, files and their contents, patches, the log.

Git runs without pager, hooks and colours; paths come and go as git has them, from the top of the
repository, with slashes, whatever letters they hold.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pytest_postmortem.model import iso_date

__all__ = [
    "Changed",
    "Commit",
    "adding",
    "applied",
    "blobs",
    "changed",
    "commit_of",
    "export",
    "files",
    "generated",
    "head_date",
    "is_cut",
    "is_shallow",
    "log",
    "mentioning",
    "merge_base",
    "parent",
    "patch",
    "patched",
    "renamed",
    "subject",
    "top",
    "tree",
    "trouble",
    "unlike",
]

TIMEOUT = 10.0
"""Seconds; a git that takes longer than that is not worth waiting for."""

LONG_TIMEOUT = 300.0
"""Seconds for what reads a whole history."""

OTHERS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")
"""What git tells its hooks, and what would lead a git below them to another repository."""

OWN = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}

PLAIN = (
    "--no-pager",
    "--literal-pathspecs",
    *("-c", "core.quotepath=false"),
    *("-c", "core.fsmonitor=false"),  # it is a hook that `ls-files` would run
    *("-c", "color.ui=false"),
    *("-c", "i18n.logOutputEncoding=UTF-8"),
    *("-c", "log.follow=false"),
    *("-c", "log.showSignature=false"),
    *("-c", "log.showRoot=true"),
)
"""What keeps the user's own settings from changing what git prints, or running anything else."""

NOBODYS = {
    **dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL"), os.devnull),
    **dict.fromkeys(("GIT_CONFIG_NOSYSTEM", "GIT_ATTR_NOSYSTEM"), "1"),
    "GIT_CONFIG_COUNT": "0",
}
"""What keeps them away altogether, line ends and filters of files among them."""

FILES = ("100644", "100755")
"""The modes of files; links and submodules are none."""

LINK = "120000"


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit, with the files that it gave other contents: path → blob, None where it is gone."""

    id: str
    day: date | None
    changed: Mapping[str, str | None]


def head_date(folder: Path) -> date | None:
    """Return the date of HEAD's commit, or None outside a repository, without a commit or git."""
    return iso_date(_line(folder, "log", "-1", "--format=%cs", "HEAD"))


def commit_of(folder: Path, revision: str) -> str | None:
    """Return the commit that a revision names, None for what names none."""
    if revision.startswith("-"):
        return None
    return _line(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") or None


def merge_base(folder: Path, one: str, other: str) -> str | None:
    """Return the newest commit that two commits have in common, None where none is known."""
    return _line(folder, "merge-base", one, other) or None


def is_shallow(folder: Path) -> bool:
    """Say whether a clone lacks a part of its history."""
    return _line(folder, "rev-parse", "--is-shallow-repository") == "true"


def is_cut(folder: Path, commit: str) -> bool:
    """Say whether a commit has parents that a shallow clone lacks."""
    if not is_shallow(folder):
        return False
    header, _, _ = (_line(folder, "cat-file", "commit", commit) or "").partition("\n\n")
    known = _line(folder, "rev-parse", "--verify", "--quiet", f"{commit}^")
    return "\nparent " in header and not known


def parent(folder: Path, commit: str) -> str | None:
    """Return the first parent of a commit; of the first commit, the tree that holds nothing."""
    if is_cut(folder, commit):
        return None
    own = _line(folder, "rev-parse", "--verify", "--quiet", f"{commit}^1")
    return own or _line(folder, "hash-object", "-t", "tree", "--stdin")


def subject(folder: Path, commit: str) -> tuple[str, date | None]:
    """Return the first line of a commit's message, and its day."""
    day, _, text = (_line(folder, "show", "-s", "--format=%cs %s", commit) or "").partition(" ")
    return text, iso_date(day)


@dataclass(frozen=True, slots=True)
class Changed:
    """A file that differs between two trees; the blob is None where it is not there."""

    path: str
    before: str | None
    after: str | None


def changed(folder: Path, before: str, after: str) -> list[Changed]:
    """Return the files that differ between two commits or trees; of links and submodules none."""
    arguments = ("diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", before, after)
    parts = _split(_run(folder, *arguments) or b"")
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
    """Return the files of the working tree that differ from a commit, new ones included."""
    arguments = ("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", commit, "--")
    above = top(folder) or folder
    new = _run(above, "ls-files", "-z", "--others", "--exclude-standard") or b""
    return sorted({*_split(_run(above, *arguments) or b""), *_split(new)})


def patch(folder: Path, before: str, after: str, paths: Iterable[str]) -> bytes:
    """Return what changes between two commits or trees, of these files alone."""
    arguments = ("diff", "--binary", "--full-index", "--no-renames", "--no-ext-diff")
    own = ("--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", "--no-color", "-U3")
    above = top(folder) or folder
    return _run(above, *arguments, *own, before, after, "--", *paths) or b""


def patched(data: bytes) -> list[str]:
    """Return the files that a patch changes."""
    with tempfile.TemporaryDirectory() as name:
        parts = _split(
            _run(Path(name), "apply", "--numstat", "-z", "-", given=data, alone=True) or b""
        )
    return [part.split("\t")[2] for part in parts if part.count("\t") == 2]


def applied(
    contents: Mapping[str, bytes], patch: bytes, *, reverse: bool, only: Iterable[str] = ()
) -> dict[str, bytes | None] | None:
    """Return files as a patch leaves them, None where it does not apply to the letter.

    Lines may have moved; what stands around them has to be as it was. ``only`` are the files of
    the patch that count, all where there are none.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, data in contents.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        arguments = ["apply", "--whitespace=nowarn", *(["--reverse"] if reverse else [])]
        plain = (re.sub(r"([*?[\\])", r"\\\1", path) for path in only)  # it takes globs
        arguments += [f"--include={path}" for path in plain]
        if _run(folder, *arguments, "-", given=patch, alone=True) is None:
            return None
        found = (path for path in folder.rglob("*") if path.is_file())
        now = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
        return {path: now.get(path) for path in {*contents, *now}}


def renamed(folder: Path, commit: str) -> dict[str, str]:
    """Return where files of a commit lie in HEAD that have another path there."""
    arguments = ("diff-tree", "-r", "-z", "-M", "--diff-filter=R", "--name-status", commit, "HEAD")
    parts = _split(_run(folder, *arguments) or b"")
    return dict(zip(parts[1::3], parts[2::3], strict=False))


def mentioning(folder: Path, texts: Iterable[str]) -> list[tuple[str, str]]:
    """Return the commits of HEAD whose messages hold any of these texts, with their messages."""
    patterns = [part for text in texts for part in ("-e", text)]
    arguments = ("log", "-z", "-i", "-F", *patterns, "--format=%H%n%B", "HEAD")
    own = ["--grep" if part == "-e" else part for part in arguments]
    found = _split(_run(folder, *own) or b"") if patterns else []
    return [(commit, message) for commit, _, message in (each.partition("\n") for each in found)]


def adding(folder: Path, text: str, path: str) -> list[str]:
    """Return the commits that changed how often a text stands in a file, oldest first."""
    own = ("--no-textconv", "--no-ext-diff", "--format=%H", f"-S{text}")
    return (
        _line(top(folder) or folder, "log", "--reverse", *own, "HEAD", "--", path) or ""
    ).split()


def export(folder: Path, commit: str, target: Path) -> list[str]:
    """Write what a commit holds into a folder, as it is stored; return the paths of its files.

    No filter and no hook of the user's runs, and no index is touched.
    """
    entries = list(_entries(folder, commit))
    contents = dict(blobs(folder, (blob for _, _, blob in entries)))
    for path, mode, blob in entries:
        file = target / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if mode == LINK:
            file.symlink_to(os.fsdecode(contents.get(blob, b"")))
        elif mode in FILES:
            file.write_bytes(contents.get(blob, b""))
            file.chmod(0o755 if mode == FILES[1] else 0o644)
    return [path for path, mode, _ in entries if mode in FILES]


def generated(folder: Path, suffixes: Sequence[str]) -> list[str]:
    """Return the ignored files of these kinds that lie beside others, as a build leaves them."""
    arguments = ("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
    found = _split(_run(top(folder) or folder, *arguments) or b"")
    return [path for path in found if path.endswith(tuple(suffixes))]


def tree(folder: Path, commit: str) -> dict[str, str]:
    """Return the files of a commit, each with its blob."""
    return {path: blob for path, mode, blob in _entries(folder, commit) if mode in FILES}


def _entries(folder: Path, commit: str) -> Iterator[tuple[str, str, str]]:
    """Yield path, mode and blob of all that a commit holds."""
    for entry in _split(_run(folder, "ls-tree", "-r", "-z", "--full-tree", commit) or b""):
        facts, _, path = entry.partition("\t")
        mode, _, blob = facts.split(" ")
        yield path, mode, blob


def files(folder: Path) -> list[str]:
    """Return the files below the top that are tracked or could be, without those ignored."""
    above = top(folder) or folder
    arguments = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
    return _split(_run(above, *arguments) or b"")


def blobs(folder: Path, ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield blobs with their contents, read in one process; a missing one is left out."""
    wanted = list(dict.fromkeys(ids))
    asked = "".join(f"{id}\n" for id in wanted).encode()
    data = _run(folder, "cat-file", "--batch", given=asked) if wanted else b""
    place = 0
    while data and place < len(data):
        end = data.index(b"\n", place)
        facts = data[place:end].split(b" ")
        place = end + 1
        if len(facts) == 3 and facts[1] == b"blob":
            size = int(facts[2])
            yield facts[0].decode(), data[place : place + size]
            place += size + 1


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
    return list(_commits(_split(_run(folder, *arguments) or b""), wanted))


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


def _split(data: bytes) -> list[str]:
    """Return the parts that end in a null byte; any byte survives the way there and back."""
    return [os.fsdecode(part) for part in data.split(b"\0") if part]


def _line(folder: Path, *arguments: str) -> str | None:
    data = _run(folder, *arguments, timeout=TIMEOUT)
    return None if data is None else data.decode(errors="replace").strip()


def _run(
    folder: Path,
    *arguments: str,
    given: bytes = b"",
    timeout: float = LONG_TIMEOUT,
    alone: bool = False,
) -> bytes | None:
    """Return what git prints, None where it fails or is not there.

    ``alone`` keeps it from taking a folder for a part of a repository that lies above, and from
    whatever a user has set.
    """
    command = ["git", *PLAIN, "-C", str(folder), *arguments]
    environment = {name: text for name, text in os.environ.items() if name not in OTHERS}
    if alone:
        environment |= NOBODYS | {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
    try:
        done = subprocess.run(
            command,
            env={**environment, **OWN},
            input=given,
            capture_output=True,
            timeout=timeout,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout


def trouble(folder: Path) -> str | None:
    """Return why git reads nothing of a repository, None where it does.

    It may not be installed, or refuse a folder that belongs to somebody else.
    """
    command = ["git", *PLAIN, "-C", str(folder), "rev-parse", "--git-dir"]
    environment = {name: text for name, text in os.environ.items() if name not in OTHERS}
    try:
        subprocess.run(
            command, env={**environment, **OWN}, capture_output=True, timeout=TIMEOUT, check=True
        )
    except FileNotFoundError:
        return "it is not installed"
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").splitlines()
        return next(iter(lines), f"exit status {error.returncode}").removeprefix("fatal: ")
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return str(error)
    return None


def top(folder: Path) -> Path | None:
    """Return the top of the repository that holds a folder, found without running git."""
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)
