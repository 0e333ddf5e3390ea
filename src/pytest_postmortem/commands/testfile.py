"""The regression test that a new post-mortem asks for, and the file that it goes to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from pytest_postmortem.authoring.edits import FileEdit
from pytest_postmortem.authoring.regression import RegressionTestError, add_regression_test
from pytest_postmortem.authoring.titles import format_function_name
from pytest_postmortem.commands.checkout import find_suite_paths
from pytest_postmortem.commands.project import Project
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.scope import format_relative_path, is_test_file_path
from pytest_postmortem.writing import find_unfinished_files

__all__ = ["AddedRegressionTest", "RegressionTestFile"]


@dataclass(frozen=True, slots=True)
class AddedRegressionTest:
    """A test with its node id, the edit that adds it, and why it would stop nobody, if so.

    ``needs`` is a module without which it is skipped.
    """

    nodeid: str
    edit: FileEdit
    muted: str | None = None
    needs: str | None = None

    @property
    def effect_until_written(self) -> str:
        """What it does until it is written."""
        if self.muted:
            return f"does not stop anybody: {self.muted}"
        skipped = f", but is skipped where {self.needs!r} can't be imported" if self.needs else ""
        return f"fails until it is written{skipped}"

    @property
    def nodeid_from_cwd(self) -> str:
        """The test as pytest takes it in the current folder."""
        name = self.nodeid.rpartition("::")[2]
        return f"{format_relative_path(self.edit.path, Path.cwd())}::{name}"


class RegressionTestFile:
    """A file that is to hold one more test, given as ``PATH`` or ``PATH::NAME``.

    A folder stands for a new file in it.
    """

    __test__ = False  # pytest collects what begins with Test

    def __init__(self, project: Project, text: str, title: str) -> None:
        path, _, name = text.partition("::")
        file = Path(os.path.abspath(path))
        if os.path.isdir(file) or path.endswith(("/", os.sep)):
            file = file / f"test_{format_function_name(title) or 'incident'}.py"
        self._project = project
        self._title = title
        self._name = name or None
        self._file = file
        self._shown = project.shown(file)
        self._check(project, name)

    @property
    def was_interrupted(self) -> bool:
        """Whether a process that was killed had begun to write this file."""
        name = f".{self._file.name[:60]}."
        return any(path.name.startswith(name) for path in find_unfinished_files(self._file.parent))

    def _check(self, project: Project, name: str) -> None:
        """Make sure that pytest would find a test there.

        Raises: SettingsError.
        """
        patterns = project.config.getini("python_files")
        if not self._file.is_relative_to(project.root):
            raise self._wrong("it lies outside of the rootdir", "name a file of this project")
        if self._file.suffix != ".py" or not is_test_file_path(self._file, patterns):
            cause = f"pytest takes no such file for tests (python_files = {' '.join(patterns)})"
            raise self._wrong(cause, "give it a name that pytest collects")
        if "::" in name:
            raise self._wrong("a class is named", "name a function, as PATH::test_name")

    def add_incident_test(self, id: str) -> AddedRegressionTest:
        """Return the file with a test of an incident.

        Raises: SettingsError where none can be added.
        """
        old = self._read()
        try:
            added = add_regression_test(
                old, id, self._title, self._name, self._project.test_name_patterns
            )
        except RegressionTestError as error:
            raise self._wrong(error.cause, error.remedy) from None
        edit = FileEdit(self._file, self._shown, old, added.code)
        muted = added.muted or self._unseen()
        return AddedRegressionTest(f"{self._shown}::{added.name}", edit, muted, added.needs)

    def _read(self) -> bytes | None:
        try:
            return self._file.read_bytes()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            cause = str(getattr(error, "strerror", None) or error).lower()
            raise self._wrong(cause, "name another file") from None

    def _unseen(self) -> str | None:
        """Say why a bare pytest would not find the file."""
        suite_paths = find_suite_paths(self._project.config, self._project.settings)
        roots = [place for place in suite_paths if self._file.is_relative_to(place)]
        if not roots:
            return "a bare pytest does not look there (testpaths)"
        reasons = [self._explain_left_out(root) for root in roots]
        return reasons[0] if all(reasons) else None

    def _explain_left_out(self, root: Path) -> str | None:
        config = self._project.config
        below = self._file.relative_to(root).parts
        paths_down = [root.joinpath(*below[: n + 1]) for n in range(len(below))]
        for folder in paths_down[:-1]:  # which may not be there yet
            if any(fnmatch(folder.name, each) for each in config.getini("norecursedirs")):
                shown = self._project.shown(folder)
                return f"a bare pytest does not look into {shown!r} (norecursedirs)"
        hook = config.hook.pytest_ignore_collect
        is_left_out = any(hook(collection_path=each, config=config) for each in paths_down)
        return "a bare pytest leaves it out" if is_left_out else None

    def _wrong(self, cause: str, remedy: str) -> SettingsError:
        problem = Problem("setting", "Couldn't add a test to", cause, remedy, self._shown)
        return SettingsError([problem])
