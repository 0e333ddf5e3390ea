"""Did this run see the whole suite? The answer, with its reasons in words.

What counts is the effect: which of the test files that a bare ``pytest`` collects were
collected here, whole and without error, whatever options were given.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from pytest_postmortem.model import Collected, Link, NodeKey, format_count

__all__ = [
    "INTERRUPTED_REASON",
    "find_partial_reasons",
    "find_test_files",
    "format_relative_path",
    "is_test_file_path",
    "join_collections",
    "read_file_bytes",
]

INTERRUPTED_REASON = "the collection was interrupted"


def is_test_file_path(path: Path, patterns: Iterable[str]) -> bool:
    """Say whether a file is a test file by ``python_files``: by its name, or where a pattern
    holds a slash by its path, as pytest does.
    """
    return any(
        fnmatch(path.as_posix(), f"*/{pattern}") if "/" in pattern else fnmatch(path.name, pattern)
        for pattern in patterns
    )


def format_relative_path(path: Path, root: Path) -> str:
    """Return a path from the rootdir, which need not be above it, nor on the same drive."""
    try:
        return os.path.relpath(path, root).replace(os.sep, "/")
    except ValueError:
        return path.as_posix()


def find_test_files(
    roots: Iterable[Path], patterns: Sequence[str], ignored: Callable[[Path], bool]
) -> Iterator[Path]:
    """Walk ``roots`` for test files; ``ignored`` says which files and folders pytest leaves out.

    A root that is itself a file counts whatever its name, as it does for pytest.
    """
    for root in roots:
        if root.is_file():
            yield root
        else:
            yield from _walk_test_folder(root, patterns, ignored)


def _walk_test_folder(
    folder: Path, patterns: Sequence[str], ignored: Callable[[Path], bool]
) -> Iterator[Path]:
    """Walk a folder as pytest does, links to folders included, but for one that leads upwards."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        path = Path(entry.path)
        if _is_folder_entry(entry):
            upwards = entry.is_symlink() and folder.resolve().is_relative_to(path.resolve())
            if entry.name != "__pycache__" and not upwards and not ignored(path):
                yield from _walk_test_folder(path, patterns, ignored)
        elif is_test_file_path(path, patterns) and not ignored(path):
            yield path


def _is_folder_entry(entry: os.DirEntry[str]) -> bool:
    """Say whether an entry is a folder; a link that leads round in circles is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def find_partial_reasons(
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
        yield INTERRUPTED_REASON
    if nodeids:
        yield f"{format_count(nodeids, 'node id')} given"
    if last_failed is not None:
        yield (
            f"--lf skipped {format_count(last_failed, 'file')}"
            if last_failed
            else "--lf left out what passed last time"
        )
    elif expected is not None:
        yield from _describe_missing_files(given, collected, expected)
    if broken:
        yield f"{format_count(len(broken), 'file')} could not be collected: {_format_some_names(broken)}"


def _describe_missing_files(
    given: bool, collected: frozenset[str], expected: frozenset[str]
) -> Iterator[str]:
    missing = len(expected - collected)
    if missing and given:
        yield f"{len(expected) - missing} of {format_count(len(expected), 'file')} given"
    elif missing:
        yield f"{missing} of {format_count(len(expected), 'file')} left out"
    elif given and not expected:
        yield "no test file under the rootdir says what the suite is (set postmortem_suite)"


def _format_some_names(names: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(sorted(names)[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def join_collections(collections: Iterable[Collected]) -> Collected:
    """Join what several workers collected; they mostly say the same, each for itself."""
    all = tuple(collections)
    links: dict[tuple[NodeKey, str], Link] = {}
    for link in (link for collected in all for link in collected.links):
        links.setdefault((link.test, link.id.casefold()), link)
    expected_files = [collected.expected for collected in all if collected.expected is not None]
    return Collected(
        links=tuple(links.values()),
        deselected={
            nodeid: why for collected in all for nodeid, why in collected.deselected.items()
        },
        declared=frozenset().union(*(collected.declared for collected in all)),
        reported=frozenset().union(*(collected.reported for collected in all)),
        repeated={test: count for collected in all for test, count in collected.repeated.items()},
        findings=tuple(
            dict.fromkeys(finding for collected in all for finding in collected.findings)
        ),
        skipped={file: reason for collected in all for file, reason in collected.skipped.items()},
        files=frozenset().union(*(collected.files for collected in all)),
        expected=frozenset().union(*expected_files) if expected_files else None,
        reasons=tuple(dict.fromkeys(reason for collected in all for reason in collected.reasons)),
        odd=frozenset().union(*(collected.odd for collected in all)),
    )


def read_file_bytes(file: Path) -> bytes | None:
    """Return what a file holds, None where it can't be read."""
    try:
        return file.read_bytes()
    except (OSError, ValueError):
        return None
