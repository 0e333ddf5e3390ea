"""The changes of a fix, and the classification of its files: pure.

A fix is a list of steps, oldest first: a commit, a merge, a range of commits, or a patch. Tests are
the files of linked tests, files that hold tests, and data next to them. Conftests and helpers next
to tests are either test or source. Documentation, changelog, CI and packaging are neither.
Everything else is source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatch
from typing import Literal

FixFileKind = Literal["source", "test", "either", "other", "opaque"]
"""``source`` is Python that runs; ``opaque`` has an effect but can't be replaced in memory.

``either`` is Python that tests share: a conftest, a factory, a fake.
"""

TEST_FOLDERS = ("test", "tests", "testing")

PACKAGING_FILES = (
    "setup.py setup.cfg pyproject.toml MANIFEST.in *requirements*.txt *constraints*.txt *.lock"
    " Pipfile environment.yml package.json package-lock.json Dockerfile* docker-compose* Makefile"
    " noxfile.py tasks.py fabfile.py build.py tox.ini pytest.ini mypy.ini *.toml"
    " codecov.yml mkdocs.yml readthedocs.yml appveyor.yml azure-pipelines.yml"
).split()
"""Files at the top of a repository that package, build and check it."""

PROSE_FILES = (
    "README* CHANGE* CHANGES* HISTORY* NEWS* LICENSE* LICENCE* COPYING* AUTHORS* CONTRIBUT* NOTICE*"
    " SECURITY* TODO* CREDITS* CITATION*"
).split()
"""Documentation by its usual names, unless it is Python."""

NEWS_FRAGMENT = re.compile(
    r"(\.(bugfix|feature)"
    r"|(^\+.*|\d)\.(breaking|change|deprecation|doc|fix|improvement|misc|removal))(\.\w+)*$",
    re.IGNORECASE,
)
"""The end of the name of a changelog fragment, as towncrier and its kin name them."""

NEWS_FOLDERS = ("newsfragments", "changelog.d", "changes.d", "news.d")
"""Folders of changelog fragments, in packages too."""

SUPPORT_NAME = re.compile(
    r"^(dummy|fake|mock|stub|test(ing|util|lib|server|app|support|helper|s?$|s?_))"
    r"|_(dummy|fakes?|mocks?|stubs?)$|(factory|factories|fixtures?)$",
    re.IGNORECASE,
)
"""The names of modules and folders that hold what tests use: a dummy server, a factory, a fake."""

PROSE_SUFFIXES = (".md", ".rst", ".pot")
"""Documentation, in packages too."""

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
"""Source that must be compiled before it runs."""

UNRELATED_FOLDERS = frozenset(
    (
        "doc docs changelog changelog.d changes news newsfragments releasenotes ci requirements"
        " licenses typing_tests"
    ).split()
)
"""Top-level folders, besides hidden ones, of documentation, packaging and CI."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file before and after a step, None if it did not exist."""

    path: str
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True, slots=True)
class FixStep:
    """A step of a fix: its changes, and the exact patch that makes them.

    ``is_bug_patch`` means that the patch reverts the fix instead of making it. ``prefix`` precedes
    its paths from the top. ``before`` and ``after`` are commits or trees, if the repository has
    them.
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
    """A fix: its name as shown to the reader, and its steps, oldest first."""

    name: str
    steps: tuple[FixStep, ...]
    day: date | None = None
    kinds: Mapping[str, FixFileKind] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[str, ...]:
        """All files that it changes, without duplicates."""
        return tuple(dict.fromkeys(change.path for step in self.steps for change in step.changes))

    def of_kind(self, *kinds: FixFileKind) -> tuple[str, ...]:
        """Return the files of these kinds."""
        return tuple(path for path in self.paths if self.kinds.get(path) in kinds)

    def ends(self, path: str) -> tuple[bytes | None, bytes | None]:
        """Return a file before the first step and after the last one."""
        changes = [change for step in self.steps for change in step.changes if change.path == path]
        return changes[0].before, changes[-1].after


def classify_fix_file(
    path: str,
    tests: Collection[str],
    collected: Callable[[str], bool],
    present: Collection[str],
    source: Iterable[str] = (),
    root: str = "",
) -> FixFileKind:
    """Return the kind of a file of a fix.

    ``tests`` are the files of linked tests, ``collected`` returns whether pytest finds tests in a
    file, ``present`` are the existing files, ``source`` are globs or folders of the files that are
    source; without any, the names and places of files decide. ``root`` is the path of the rootdir;
    below it, names at its own top level are compared.
    """
    own_kind: FixFileKind = "source" if path.endswith(".py") else "opaque"
    within = path.removeprefix(f"{root}/" if root else "")
    if path not in source and _is_news_fragment(path):
        return "other"
    if any(_is_named(name, pattern) for pattern in source for name in (path, within)):
        return own_kind
    if path in tests or collected(path):
        return "test"
    if source:
        return "other"
    if path.rpartition("/")[2] == "conftest.py" or _is_near_linked_test(path, tests):
        return "either" if own_kind == "source" else "test"
    return "other" if _is_other_file(path, within) else own_kind


def _is_named(path: str, pattern: str) -> bool:
    """Return whether a glob or a folder names a file."""
    folder = pattern.replace("\\", "/").removeprefix("./").rstrip("/")
    return fnmatch(path, folder) or fnmatch(path, f"{folder}/*")


def _is_news_fragment(path: str) -> bool:
    *folders, name = path.split("/")
    in_folder = not {*NEWS_FOLDERS}.isdisjoint(folders)
    return not name.endswith(".py") and (in_folder or NEWS_FRAGMENT.search(name) is not None)


def _is_other_file(path: str, within: str) -> bool:
    """Return whether a file is documentation, changelog, CI, packaging, or a stub."""
    top, slash, _ = within.partition("/")
    name = path.rpartition("/")[2]
    if not path.endswith(".py") and any(fnmatch(name, pattern) for pattern in PROSE_FILES):
        return True
    if path.endswith((".pyi", ".typed", *PROSE_SUFFIXES)) or top.startswith("."):
        return True
    if not slash:
        return any(fnmatch(name, pattern) for pattern in PACKAGING_FILES)
    return top.lower() in UNRELATED_FOLDERS


def is_test_support(path: str, *, has_src_folder: bool) -> bool:
    """Return whether a Python file may only support tests, by its name or its place.

    In a project with a ``src`` folder these are all files outside of it.
    """
    *folders, module = path.removesuffix(".py").removesuffix("/__init__").split("/")
    if module == "conftest" or any(map(SUPPORT_NAME.search, (*folders, module))):
        return True
    return has_src_folder and "src" not in folders


def _is_near_linked_test(path: str, tests: Iterable[str]) -> bool:
    """Return whether a file is in the innermost test folder that holds a linked test."""
    for test in tests:
        folders = test.split("/")[:-1]
        while folders and folders[-1] not in TEST_FOLDERS:
            folders.pop()
        if folders and path.startswith(f"{'/'.join(folders)}/"):
            return True
    return False


def find_data_roots(paths: Iterable[str], present: Collection[str]) -> tuple[str, ...]:
    """Return the import roots of the Python files that are closest to some files."""
    folders = {path.rpartition("/")[0] for path in present if path.endswith(".py")}
    closest = []
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in folders:
            folder = folder.rpartition("/")[0]
        closest.append(f"{folder}/x.py" if folder else "x.py")
    return find_import_roots(closest, present)


def find_import_roots(paths: Iterable[str], present: Collection[str]) -> tuple[str, ...]:
    """Return the folders from which the packages of some files are imported.

    A package ends at the first folder without ``__init__.py``; ``present`` are the existing files.
    """
    root_folders: dict[str, None] = {}
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and f"{folder}/__init__.py" in present:
            folder = folder.rpartition("/")[0]
        root_folders[folder] = None
    return tuple(root_folders)


def format_module_name(path: str, root: str) -> str:
    """Return the dotted module name of a file below its import root."""
    inner = path.removeprefix(f"{root}/" if root else "").removesuffix(".py")
    return re.sub(r"\.__init__$", "", inner.replace("/", "."))
