"""What a fix consists of, and which of its files are source: pure.

A fix is a list of steps, oldest first: a commit, a merge, a range of commits, or a patch. Linked
tests' files, what pytest collects, conftests and what lies beside them are tests; documentation,
changelog, CI and packaging are neither; the rest is source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatch
from typing import Literal

from pytest_postmortem.prove.ast_units import split_source_lines

__all__ = [
    "COMPILED_SUFFIXES",
    "FileChange",
    "Fix",
    "FixFileKind",
    "FixStep",
    "classify_fix_file",
    "find_changed_ranges",
    "find_import_roots",
]

FixFileKind = Literal["source", "test", "other", "opaque"]
"""Source is Python that runs; what is ``opaque`` has an effect, and can't be swapped in memory."""

TEST_FOLDERS = ("test", "tests", "testing")

BUILD_SCRIPTS = ("setup.py", "noxfile.py", "tasks.py", "fabfile.py", "build.py")
"""Python at the top of a repository that is no source."""

PROSE_SUFFIXES = (".md", ".rst")
"""What is read by people, in a package too."""

COMPILED_SUFFIXES = (
    ".c",
    ".cc",
    ".cpp",
    ".cxx",
    ".f",
    ".f90",
    ".go",
    ".h",
    ".hpp",
    ".pxd",
    ".pyx",
    ".rs",
)
"""What has to be compiled before it runs."""

UNRELATED_FOLDERS = frozenset(
    (
        "doc docs changelog changelog.d changes news newsfragments releasenotes ci "
        "requirements benchmarks bench examples example scripts tools licenses typing_tests"
    ).split()
)
"""Folders at the top of a repository that no regression test is about; so are hidden ones."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file as a step found it and as it left it, None where it was not there."""

    path: str
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True, slots=True)
class FixStep:
    """A part of a fix: what it changed, and the patch that does it, to the letter.

    ``is_bug_patch`` says that the patch takes the fix away rather than making it, ``prefix`` is
    what stands before its paths from the top. ``before`` and ``after`` are commits or trees, where
    the repository holds them.
    """

    name: str
    changes: tuple[FileChange, ...] = ()
    patch: bytes = b""
    is_bug_patch: bool = False
    prefix: str = ""
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Fix:
    """A fix: its name as a reader knows it, and its steps, oldest first."""

    name: str
    steps: tuple[FixStep, ...]
    day: date | None = None
    kinds: Mapping[str, FixFileKind] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[str, ...]:
        """All files that it changes, each once."""
        return tuple(dict.fromkeys(each.path for step in self.steps for each in step.changes))

    def of_kind(self, *kinds: FixFileKind) -> tuple[str, ...]:
        """Return the files of these kinds."""
        return tuple(path for path in self.paths if self.kinds.get(path) in kinds)

    def ends(self, path: str) -> tuple[bytes | None, bytes | None]:
        """Return a file as the first step found it and as the last one left it."""
        own = [each for step in self.steps for each in step.changes if each.path == path]
        return own[0].before, own[-1].after


def classify_fix_file(
    path: str,
    tests: Collection[str],
    collected: Callable[[str], bool],
    present: Collection[str],
    source: Iterable[str] = (),
    root: str = "",
) -> FixFileKind:
    """Return what a file of a fix is.

    ``tests`` are the files of linked tests, ``collected`` says whether pytest would collect a file,
    ``present`` are the files that there are, ``source`` are globs of files that are source whatever
    they look like. ``root`` is the path of the rootdir, whose own top is what counts below it.
    """
    if not any(fnmatch(path, pattern) for pattern in source):
        name = path.rpartition("/")[2]
        if (
            path in tests
            or collected(path)
            or name == "conftest.py"
            or _is_near_linked_test(path, tests)
        ):
            return "test"
        if _is_other_file(path, present, path.removeprefix(f"{root}/" if root else "")):
            return "other"
    return "source" if path.endswith(".py") else "opaque"


def _is_other_file(path: str, present: Collection[str], within: str) -> bool:
    """Say whether a file is documentation, changelog, CI, packaging, or a stub."""
    top, slash, _ = within.partition("/")
    if not slash:
        return within in BUILD_SCRIPTS or not path.endswith((".py", *COMPILED_SUFFIXES))
    if (
        top in UNRELATED_FOLDERS
        or top.startswith(".")
        or path.endswith((".pyi", ".typed", *PROSE_SUFFIXES))
    ):
        return True
    return not path.endswith((".py", *COMPILED_SUFFIXES)) and not _is_package_data(path, present)


def _is_package_data(path: str, present: Collection[str]) -> bool:
    """Say whether a file lies in a package, as its data do."""
    folder = path.rpartition("/")[0]
    while folder:
        if f"{folder}/__init__.py" in present:
            return True
        folder = folder.rpartition("/")[0]
    return False


def _is_near_linked_test(path: str, tests: Iterable[str]) -> bool:
    """Say whether a file lies in the innermost folder of tests that holds a linked test."""
    return any(path.startswith(folder) for test in tests for folder in _find_test_folder(test))


def _find_test_folder(test: str) -> Iterator[str]:
    parts = test.split("/")[:-1]
    places = [place for place, part in enumerate(parts) if part in TEST_FOLDERS]
    if places:
        yield "/".join(parts[: places[-1] + 1]) + "/"


def find_import_roots(paths: Iterable[str], present: Collection[str]) -> tuple[str, ...]:
    """Return the folders from which the packages of some files are imported.

    A package ends where no ``__init__.py`` lies; ``present`` are the files that there are.
    """
    root_folders: dict[str, None] = {}
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and f"{folder}/__init__.py" in present:
            folder = folder.rpartition("/")[0]
        root_folders[folder] = None
    return tuple(root_folders)


def format_module_name(path: str, root: str) -> str:
    """Return the dotted name of a file below its root."""
    inner = path.removeprefix(f"{root}/" if root else "").removesuffix(".py")
    return re.sub(r"\.__init__$", "", inner.replace("/", "."))


def find_changed_ranges(
    one: str, other: str
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the lines in which two texts differ, as ranges in either, the last line included."""
    from difflib import SequenceMatcher

    old, new = ([line.rstrip("\n") for line in split_source_lines(text)] for text in (one, other))
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    changed = [code[1:] for code in matcher.get_opcodes() if code[0] != "equal"]
    return (
        [(start + 1, end) for start, end, _, _ in changed if end > start],
        [(start + 1, end) for _, _, start, end in changed if end > start],
    )
