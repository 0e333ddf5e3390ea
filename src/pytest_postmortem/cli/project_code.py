"""The files of a project, at any of its states → its tests as the code has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

import pytest

from pytest_postmortem.files import VENV_ENTRIES, find_test_files
from pytest_postmortem.pysource import suite_reader
from pytest_postmortem.pysource.declared_tests import DeclaredTests, DoctestSettings
from pytest_postmortem.pysource.lost_marks import LostMark, LostMarkFinder
from pytest_postmortem.pysource.marker_index import SourceTestsByFile, UninterpretedFile
from pytest_postmortem.pysource.project_modules import ModuleIndex, ParsedModule


class ProjectCode:
    """The code of a project at one state; ``parsed`` is a cache that several states share.

    ``tests`` are the test files, ``helpers`` the other Python files, ``present`` any other file
    of which a registry names a test: the content by path from the rootdir, None for a test file
    that can't be read.
    """

    def __init__(
        self,
        config: pytest.Config,
        names: Iterable[str],
        tests: Mapping[str, bytes | None],
        helpers: Mapping[str, bytes],
        present: Mapping[str, bytes],
        parsed: dict[tuple[str, bytes], ParsedModule | None] | None = None,
    ) -> None:
        self._names = tuple(names)
        self._rules = tuple(config.getini(f"python_{kind}") for kind in ("functions", "classes"))
        globs = tuple(getattr(config.option, "doctestglob", ()) or ("test*.txt",))
        modules = bool(getattr(config.option, "doctestmodules", False))
        self._doctests = DoctestSettings(modules, globs)
        self._tests = tests
        readable_files = {path: data for path, data in tests.items() if data is not None}
        self._present = {**present, **helpers, **readable_files}
        python = {path: data for path, data in readable_files.items() if path.endswith(".py")}
        self._modules = ModuleIndex({**helpers, **python}, parsed)

    def read(self, nodeids: Sequence[str] = (), others: Iterable[str] = ()) -> SourceTestsByFile:
        """Return the tests of the files that may have a mark, of those with the tests under
        ``tests:`` of a registry, and of some others.
        """
        files = {*others, *(nodeid.partition("::")[0] for nodeid in nodeids)}
        other_files = files.intersection(self._tests)
        reading = suite_reader.read_suite_tests(
            self._modules, self._names, {*self._tests}, other_files, *self._rules
        )
        unreadable = {path: None for path, data in self._tests.items() if data is None}
        return self._build_declared_tests({**reading, **unreadable}).add_to(nodeids)

    def read_file(
        self, path: str, helpers: suite_reader.MarkCodeReader, nodeids: Sequence[str]
    ) -> SourceTestsByFile:
        """Return the tests of one file alone, with those under ``tests:`` of a registry."""
        data = self._modules.contents.get(path)
        reading: SourceTestsByFile = {}
        if data is not None:
            given = (helpers, self._names, path, data, *self._rules)
            reading = {path: suite_reader.read_test_file(*given, unmarked=bool(nodeids))}
        return self._build_declared_tests(reading).add_to(nodeids)

    def find_unparsed_files(self) -> list[UninterpretedFile]:
        """Return the files that name a mark and can't be parsed: test files, and files that a test
        file may import.
        """
        names = [name.encode() for name in self._names]
        contents = self._modules.contents
        unparsed = [
            UninterpretedFile(path, data.decode(errors="replace"))
            for path, data in contents.items()
            if any(name in data for name in names) and self._modules.read(path) is None
        ]
        helpers = any(file.path not in self._tests for file in unparsed)
        used = {path for test in self._tests for path in self.find_used(test)} if helpers else set()
        return [file for file in unparsed if file.path in self._tests or file.path in used]

    def find_marks_outside(self) -> Iterator[tuple[str, suite_reader.SourceMark]]:
        """Yield the marks that files call which are not test files of the suite."""
        names = [name.encode() for name in self._names]
        for path, data in self._modules.contents.items():
            if path not in self._tests and any(name in data for name in names):
                text = data.decode(errors="replace")
                for mark in suite_reader.find_called_marks(text, self._names):
                    yield path, mark

    def find_lost_marks(
        self, reading: SourceTestsByFile, paths: Iterable[str]
    ) -> Iterator[tuple[str, LostMark]]:
        """Yield the marks in some test files that are on no test of the suite that was read."""
        finder = LostMarkFinder(reading)
        for path in paths:
            module = self._modules.read(path) if reading.get(path) is not None else None
            for mark in finder.find(path, module.tree) if module else ():
                yield path, mark

    def find_used(self, path: str) -> frozenset[str]:
        """Return the Python files that a file may import, those that these import, and itself."""
        return self._modules.find_used(path)

    def lacks_test(self, reading: SourceTestsByFile, nodeid: str) -> bool:
        """Say whether the code certainly has no test of a node id."""
        return self._build_declared_tests(reading).find(nodeid) is False

    def _build_declared_tests(self, reading: SourceTestsByFile) -> DeclaredTests:
        return DeclaredTests(reading, self._modules, self._present, self._doctests)


def find_code_files(root: Path, left_out: Iterable[str]) -> Iterator[Path]:
    """Yield the Python files below a folder but for those of folders that pytest does not enter."""
    patterns = tuple(left_out)

    def is_ignored(path: Path) -> bool:
        if any(fnmatch(path.name, pattern) for pattern in patterns):
            return True
        return path.suffix != ".py" and any((path / name).exists() for name in VENV_ENTRIES)

    return find_test_files([root], ["*.py"], is_ignored, patterns)
