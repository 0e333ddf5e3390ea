"""Three strategies that revert a fix; each returns the source with the fix and without it.

``patch`` reverses the fix's exact patch on today's files. ``units`` replaces its functions in
today's files. ``replay`` exports the tree at the commit of the fix.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_postmortem import git
from pytest_postmortem.files import read_file_bytes
from pytest_postmortem.prove.ast_units import is_same_code
from pytest_postmortem.prove.checkout_at_fix import (
    copy_checkout,
    export_tree,
    find_commit_with_tests,
)
from pytest_postmortem.prove.fix import FixError, convert_git_errors, decode_fix_source
from pytest_postmortem.prove.fix_files import (
    COMPILED_SUFFIXES,
    Fix,
    FixFileKind,
    FixStep,
    classify_fix_file,
    find_data_roots,
    find_import_roots,
    format_module_name,
    is_test_support,
)
from pytest_postmortem.prove.transplant import transplant_units
from pytest_postmortem.pysource import suite_reader
from pytest_postmortem.pysource.project_modules import ModuleIndex, find_module_stem

CurrentFiles = Mapping[str, tuple[Path, bytes | None]]
"""Files of a fix by their paths from the top: where each is, and its contents."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The checkout: the top of the repository and the rootdir, both real paths, and its files.

    ``collected`` returns whether pytest would collect a file, by its path from the top, and
    ``registered`` whether a file is a part of the registry.
    """

    top: Path
    root: Path
    present: frozenset[str]
    collected: Callable[[str], bool]
    registered: Callable[[str], bool] = lambda path: False

    def file(self, path: str) -> Path:
        """Return the real path of a file, given its path from the top."""
        return Path(os.path.realpath(self.top / path))

    @property
    def prefix(self) -> str:
        """The path of the rootdir from the top, empty if they are the same."""
        return "" if self.root == self.top else self.within("")

    def within(self, path: str) -> str:
        """Return the path from the top, given a path from the rootdir."""
        return os.path.relpath(self.root / path, self.top).replace(os.sep, "/")

    def kind_of(
        self,
        path: str,
        tests: Sequence[str],
        source: Sequence[str] = (),
        data: bytes | None = None,
    ) -> FixFileKind:
        """Return the kind of a file of a fix; ``tests`` are the files of its linked tests.

        A file that is named like a test and holds none, by its ``data``, is source in a package,
        and elsewhere what its folder says. No test reads the registry, which a fix often adds to.
        """
        if not source and self.registered(path):
            return "other"

        def collects(name: str) -> bool:
            return self.collected(name) and not (data is not None and _has_no_tests(data))

        return classify_fix_file(path, tests, collects, self.present, source, self.prefix)

    def list_source_files(self) -> Iterator[tuple[Path, bytes]]:
        """Yield the Python files that are not tests, with their contents."""
        for path in sorted(self.present):
            if path.endswith(".py") and not self.collected(path):
                file = self.file(path)
                if file.is_file():
                    yield file, file.read_bytes()

    def find_test_support(self, paths: Sequence[str]) -> list[str]:
        """Return the source files of a fix that only tests use, by their names and imports."""
        has_src_folder = any("/src/" in f"/{path}" for path in paths)
        candidates = [
            path for path in paths if is_test_support(path, has_src_folder=has_src_folder)
        ]
        if not candidates:
            return []
        contents = {self._from_top(file): data for file, data in self.list_source_files()}
        index = ModuleIndex(contents)
        stems = {find_module_stem(path).encode() for path in candidates}
        imported = {
            path
            for name, data in contents.items()
            if not is_test_support(name, has_src_folder=has_src_folder)
            and any(stem in data for stem in stems)
            for path in index.find_imported(name)
        }
        return [path for path in candidates if path not in imported]

    def _from_top(self, file: Path) -> str:
        return os.path.relpath(file, self.top).replace(os.sep, "/")


def _has_no_tests(data: bytes) -> bool:
    return suite_reader.parse_source_tests(data, ()) == ()


@dataclass(frozen=True, slots=True)
class FixVersions:
    """Files with the fix and without it, by their real paths; None for a file that does not exist.

    ``modules`` are the names of modules that may be installed copies, with the digest of the file
    in the checkout. ``tree`` is another tree to run in, with the import ``roots`` of its packages
    and the node ids of the linked tests in it, each with the one of today; ``others`` are the
    contents of all files that the fix changed in it, and ``data_files`` are those that are not
    Python.
    """

    way: str
    fixed: Mapping[str, str | None]
    before: Mapping[str, str | None]
    modules: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    tree: Path | None = None
    roots: tuple[str, ...] = ()
    nodeids: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[Path, tuple[bytes | None, bytes | None]] = field(default_factory=dict)

    @property
    def pairs(self) -> dict[str, tuple[str | None, str | None]]:
        """The old and the fixed text of each Python file."""
        return {path: (self.before.get(path), text) for path, text in self.fixed.items()}

    @property
    def data_files(self) -> frozenset[str]:
        """The real paths of the files that are not Python."""
        return frozenset(map(str, self.others)) - {*self.fixed}

    def list_module_paths(self) -> Iterator[str]:
        """Yield the Python files of the fix by their paths below the folder of their package."""
        for name, (file, _) in self.modules.items():
            path = name.replace(".", os.sep)
            is_package = os.path.basename(file) == "__init__.py"
            yield os.path.join(path, "__init__.py") if is_package else f"{path}.py"
        for file in self.fixed:
            roots = [root for root in self.roots if file.startswith(os.path.join(root, ""))]
            if roots:
                yield os.path.relpath(file, max(roots, key=len))

    def of_today(self, files: Iterable[str], top: Path) -> tuple[str, ...]:
        """Return the files of a run as paths in the checkout, if its tree is a copy of the
        checkout.

        The other files that the fix changed are included then.
        """
        if self.way != "patch" or self.tree is None:
            return tuple(sorted(files))
        tree, here = (f"{folder}{os.sep}" for folder in (self.tree, top))
        all_files = {*files, *map(str, self.others)}
        relative_paths = (file.removeprefix(tree) for file in all_files if file.startswith(tree))
        return tuple(sorted(here + path for path in relative_paths))


def has_code_changes(fix: Fix) -> bool:
    """Return whether a fix changes any statement; a patch is not parsed and counts as a change."""
    if any(step.patch for step in fix.steps):
        return True
    pairs = (fix.ends(path) for path in fix.of_kind("source"))
    texts = ([decode_fix_source(data) or "" for data in pair] for pair in pairs)
    return any(one != other and not is_same_code(one, other, idle=True) for one, other in texts)


@convert_git_errors()
def revert_by_patch(
    fix: Fix, checkout: Workspace, folder: Callable[[], Path], *, copied: bool = False
) -> FixVersions:
    """Reverse the patch of a fix on today's files.

    If it changes files that are not Python, or if it has to be ``copied``, it is reversed in a copy
    of the tree; ``folder`` makes one.

    Raises:
        FixError: The patch does not apply.
    """
    _require_uncompiled_files(fix)
    opaque = fix.of_kind("opaque")
    today = _read_current_files(fix, checkout, "source", "opaque")
    contents = _revert_steps(fix, {path: data for path, (_, data) in today.items()}, checkout.root)
    if contents is None:
        raise FixError("the lines of the fix have changed since")
    if opaque or copied:
        tree = copy_checkout(checkout.root, checkout.top, folder())
        there = {
            path: (tree / os.path.relpath(file, checkout.top), data)
            for path, (file, data) in today.items()
        }
        roots = (
            *find_import_roots(fix.of_kind("source"), checkout.present),
            *find_data_roots(opaque, checkout.present),
        )
        return _build_tree_versions("patch", fix, tree, there, contents, roots)
    return FixVersions(
        "patch",
        {str(file): decode_fix_source(data) for file, data in today.values()},
        {str(file): decode_fix_source(contents.get(path)) for path, (file, _) in today.items()},
        _find_installed_names(today, checkout),
    )


def _require_uncompiled_files(fix: Fix) -> None:
    """Check that no file of a fix has to be compiled.

    Raises:
        FixError: One has.
    """
    compiled = [path for path in fix.of_kind("opaque") if path.endswith(COMPILED_SUFFIXES)]
    if compiled:
        raise FixError(f"{compiled[0]} has to be compiled, which prove does not do")


def _revert_steps(
    fix: Fix, fixed: Mapping[str, bytes | None], root: Path
) -> Mapping[str, bytes] | None:
    """Return some files of a fix without it, None if a patch of it does not apply."""
    contents = {path: data for path, data in fixed.items() if data is not None}
    for step in reversed(fix.steps):
        result = _revert_step(step, contents, root, [*fixed])
        if result is None:
            return None
        contents = {path: data for path, data in result.items() if data is not None}
    return contents


def _build_tree_versions(
    way: str,
    fix: Fix,
    tree: Path,
    fixed: CurrentFiles,
    before: Mapping[str, bytes],
    roots: Iterable[str],
    nodeids: Mapping[str, str] = {},
) -> FixVersions:
    """Return the versions of a fix in another tree; ``fixed`` are its files there."""
    python = {path: fixed[path] for path in fix.of_kind("source")}
    return FixVersions(
        way,
        {str(file): decode_fix_source(data) for file, data in python.values()},
        {str(file): decode_fix_source(before.get(path)) for path, (file, _) in python.items()},
        tree=tree,
        roots=tuple(str(tree / root) for root in dict.fromkeys(roots)),
        nodeids=nodeids,
        others={file: (before.get(path), data) for path, (file, data) in fixed.items()},
    )


def _revert_step(
    step: FixStep, contents: Mapping[str, bytes], root: Path, source_paths: Sequence[str]
) -> Mapping[str, bytes | None] | None:
    paths = [change.path for change in step.changes if change.path in source_paths]
    if not paths:
        return contents
    if step.patch:
        contents_from_prefix = {
            path.removeprefix(step.prefix): data for path, data in contents.items()
        }
        only = [path.removeprefix(step.prefix) for path in paths]
        result = git.apply_patch(
            contents_from_prefix, step.patch, reverse=not step.is_bug_patch, only=only
        )
        return result and {f"{step.prefix}{path}": data for path, data in result.items()}
    if step.after is None:  # not committed: today's files are those with the fix
        return {**contents, **{change.path: change.before for change in step.changes}}
    patch = git.build_patch(root, str(step.before), step.after, paths)
    return git.apply_patch(contents, patch, reverse=True)


def _read_current_files(fix: Fix, checkout: Workspace, *kinds: FixFileKind) -> CurrentFiles:
    """Return the files of the fix as they are today."""
    paths = fix.of_kind(*kinds)
    remaining = [path for path in paths if fix.ends(path)[1] is not None]
    missing_paths = [path for path in remaining if not checkout.file(path).is_file()]
    end = fix.steps[-1].after
    moved = git.find_renamed_files(checkout.root, end) if missing_paths and end else {}
    files = {path: checkout.file(moved.get(path, path)) for path in paths}
    return {
        path: (file, file.read_bytes() if file.is_file() else None) for path, file in files.items()
    }


def _find_installed_names(today: CurrentFiles, checkout: Workspace) -> dict[str, tuple[str, str]]:
    """Return the module names under which installed copies of files would be imported."""
    from hashlib import sha256

    module_names = {}
    for path, (file, data) in today.items():
        if data is not None:
            (root,) = find_import_roots([path], checkout.present)
            module_names[format_module_name(path, root)] = (str(file), sha256(data).hexdigest())
    return module_names


@convert_git_errors()
def revert_by_units(fix: Fix, checkout: Workspace) -> FixVersions:
    """Replace the functions and assignments of a fix in today's files.

    Raises:
        FixError: The fix has no such units, or they have no place in today's files.
    """
    opaque = fix.of_kind("opaque")
    if opaque:
        raise FixError(f"{opaque[0]} can't be replaced in memory")
    if any(step.patch or step.after is None for step in fix.steps):
        raise FixError("a patch alone does not have the whole text of its files")
    today = _read_current_files(fix, checkout, "source")
    fixed: dict[str, str | None] = {}
    before: dict[str, str | None] = {}
    for path, (file, data) in today.items():
        old, new = (decode_fix_source(version) for version in fix.ends(path))
        if old is None or (new is not None and is_same_code(old, new)):
            continue  # a file that the fix added stays, since today's code may need it
        if new is None:
            fixed[str(file)], before[str(file)] = decode_fix_source(data), old
        elif data is None:
            raise FixError(f"{path} no longer exists")
        else:
            fixed[str(file)], before[str(file)] = transplant_units(
                old, new, decode_fix_source(data) or "", _build_name_search(file, checkout)
            )
    if not before:
        raise FixError("the fix only added new files, or changed no code")
    return FixVersions("units", fixed, before, _find_installed_names(today, checkout))


def build_history_reader(
    fix: Fix, checkout: Workspace, top: Path
) -> Callable[[str], str | None] | None:
    """Return a function that reads a file as it was before the fix, None without history.

    The function takes today's path below ``top``. A file of the fix may have moved since.
    """
    first = fix.steps[0].before
    if first is None:
        return None
    names = {path.rpartition("/")[2]: path for path in fix.paths}
    trees: list[dict[str, str]] = []

    @convert_git_errors()
    def text(path: str) -> str | None:
        relative_path = os.path.relpath(path, top).replace(os.sep, "/")
        if relative_path not in fix.paths:
            if not trees:
                trees.append(git.list_commit_files(checkout.root, str(first)))
            if relative_path in trees[0]:
                ((_, data),) = git.read_blobs(checkout.root, [trees[0][relative_path]])
                return decode_fix_source(data)
            relative_path = names.get(relative_path.rpartition("/")[2], relative_path)
        return decode_fix_source(fix.ends(relative_path)[0]) if relative_path in fix.paths else None

    return text


def _build_name_search(file: Path, checkout: Workspace) -> Callable[[str], bool]:
    """Return a function that returns whether other source uses a name of a module."""

    def needed(name: str) -> bool:
        text = name.encode()
        return any(text in data for path, data in checkout.list_source_files() if path != file)

    return needed


@convert_git_errors()
def revert_by_replay(
    fix: Fix,
    checkout: Workspace,
    nodeids: Sequence[str],
    folder: Path,
    names_then: Mapping[str, str] = {},
) -> FixVersions:
    """Export the tree at the fix, together with the tests that are linked today.

    ``names_then`` has the node ids at the fix of those functions for which they are known.

    Raises:
        FixError: No tree exists in which they could run.
    """
    end = fix.steps[-1].after
    if end is None:
        raise FixError("the fix is not a commit")
    _require_uncompiled_files(fix)
    root, top = checkout.root, checkout.top
    commit, nodeids_then = find_commit_with_tests(root, top, fix, end, nodeids, names_then)
    present = export_tree(root, top, commit, folder)
    tree = Path(os.path.realpath(folder))
    fixed = {
        path: (tree / path, read_file_bytes(tree / path))
        for path in fix.of_kind("source", "opaque")
    }
    before = _revert_steps(fix, {path: data for path, (_, data) in fixed.items()}, root)
    if before is None:
        raise FixError("the source was different when the test was added")
    roots = find_import_roots(fix.of_kind("source"), set(present))
    return _build_tree_versions("replay", fix, tree, fixed, before, roots, nodeids_then)


MAX_NAMED_FILES = 4
"""The number of files that a remedy names one by one."""


@dataclass(frozen=True, slots=True)
class RevertedFiles:
    """The files of a fix that were reverted, and those that were not, without its tests."""

    taken: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


UNKNOWN_FILES = RevertedFiles()


def find_reverted_files(fix: Fix, versions: FixVersions, top: Path) -> RevertedFiles:
    """Return the files that a strategy reverted; ``top`` is the top of the tree that the tests ran
    in.

    A file may have moved since the fix.
    """
    files = {*versions.fixed, *map(str, versions.others)}
    taken = {os.path.relpath(file, top).replace(os.sep, "/") for file in files}
    stays = {
        *fix.of_kind("other", "opaque", "either"),
        *(path for path in fix.of_kind("source") if (top / path).is_file()),
    }
    return RevertedFiles(tuple(sorted(taken)), tuple(sorted(stays - taken)))


def format_source_options(paths: Collection[str]) -> str:
    """Return the options that name all source of a fix; of many files, one for each folder."""
    if len(paths) > MAX_NAMED_FILES:
        paths = {os.path.dirname(path) or path for path in paths}
    return " ".join(f"--source={path}" for path in sorted(paths))
