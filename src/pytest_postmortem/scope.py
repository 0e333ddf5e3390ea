"""Did this run see the whole suite? The answer, with its reasons in words.

What counts is the effect: which of the test files that a bare ``pytest`` collects were
collected here, whole and without error, whatever options were given.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from pytest_postmortem.model import Collected, Link, NodeKey, count_of

__all__ = [
    "INTERRUPTED",
    "bytes_of",
    "find_files",
    "joined",
    "matches",
    "reasons",
    "relative",
]

INTERRUPTED = "the collection was interrupted"


def matches(path: Path, patterns: Iterable[str]) -> bool:
    """Say whether a file is a test file by ``python_files``: by its name, or where a pattern
    holds a slash by its path, as pytest does.
    """
    return any(
        fnmatch(path.as_posix(), f"*/{pattern}") if "/" in pattern else fnmatch(path.name, pattern)
        for pattern in patterns
    )


def relative(path: Path, root: Path) -> str:
    """Return a path from the rootdir, which need not be above it, nor on the same drive."""
    try:
        return os.path.relpath(path, root).replace(os.sep, "/")
    except ValueError:
        return path.as_posix()


def find_files(
    roots: Iterable[Path], patterns: Sequence[str], ignored: Callable[[Path], bool]
) -> Iterator[Path]:
    """Walk ``roots`` for test files; ``ignored`` says which files and folders pytest leaves out.

    A root that is itself a file counts whatever its name, as it does for pytest.
    """
    for root in roots:
        if root.is_file():
            yield root
        else:
            yield from _walk(root, patterns, ignored)


def _walk(folder: Path, patterns: Sequence[str], ignored: Callable[[Path], bool]) -> Iterator[Path]:
    """Walk a folder as pytest does, links to folders included, but for one that leads upwards."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        path = Path(entry.path)
        if _is_dir(entry):
            upwards = entry.is_symlink() and folder.resolve().is_relative_to(path.resolve())
            if entry.name != "__pycache__" and not upwards and not ignored(path):
                yield from _walk(path, patterns, ignored)
        elif matches(path, patterns) and not ignored(path):
            yield path


def _is_dir(entry: os.DirEntry[str]) -> bool:
    """Say whether an entry is a folder; a link that leads round in circles is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def reasons(
    *,
    nodeids: int,
    given: bool,
    collected: frozenset[str],
    expected: frozenset[str] | None,
    broken: Sequence[str] = (),
    last_failed: int | None = None,
    interrupted: bool = False,
) -> Iterator[str]:
    """Yield why the collection is less than the whole suite, nothing where it is not.

    ``nodeids`` counts the node ids given for files that nothing else given covers, ``given``
    says whether any file or folder was named, ``expected`` is None where a bare run needed no
    comparison, ``last_failed`` the files that ``--lf`` skipped, None where it took nothing away.
    """
    if interrupted:
        yield INTERRUPTED
    if nodeids:
        yield f"{count_of(nodeids, 'node id')} given"
    if last_failed is not None:
        yield (
            f"--lf skipped {count_of(last_failed, 'file')}"
            if last_failed
            else "--lf left out what passed last time"
        )
    elif expected is not None:
        yield from _missing(given, collected, expected)
    if broken:
        yield f"{count_of(len(broken), 'file')} could not be collected: {_some(broken)}"


def _missing(given: bool, collected: frozenset[str], expected: frozenset[str]) -> Iterator[str]:
    missing = len(expected - collected)
    if missing and given:
        yield f"{len(expected) - missing} of {count_of(len(expected), 'file')} given"
    elif missing:
        yield f"{missing} of {count_of(len(expected), 'file')} left out"
    elif given and not expected:
        yield "no test file under the rootdir says what the suite is (set postmortem_suite)"


def _some(names: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(sorted(names)[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def joined(collections: Iterable[Collected]) -> Collected:
    """Join what several workers collected; they mostly say the same, each for itself."""
    all = tuple(collections)
    links: dict[tuple[NodeKey, str], Link] = {}
    for link in (link for each in all for link in each.links):
        links.setdefault((link.test, link.id.casefold()), link)
    known = [each.expected for each in all if each.expected is not None]
    return Collected(
        links=tuple(links.values()),
        deselected={nodeid: why for each in all for nodeid, why in each.deselected.items()},
        declared=frozenset().union(*(each.declared for each in all)),
        reported=frozenset().union(*(each.reported for each in all)),
        repeated={test: count for each in all for test, count in each.repeated.items()},
        findings=tuple(dict.fromkeys(finding for each in all for finding in each.findings)),
        skipped={file: reason for each in all for file, reason in each.skipped.items()},
        files=frozenset().union(*(each.files for each in all)),
        expected=frozenset().union(*known) if known else None,
        reasons=tuple(dict.fromkeys(reason for each in all for reason in each.reasons)),
        odd=frozenset().union(*(each.odd for each in all)),
    )


def bytes_of(file: Path) -> bytes | None:
    """Return what a file holds, None where it can't be read."""
    try:
        return file.read_bytes()
    except (OSError, ValueError):
        return None
