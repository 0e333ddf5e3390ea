"""What a run gets copies of: the files of the checkout, and the scripts of an environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pytest_postmortem.prove.checkout_at_fix import copy_checkout
from pytest_postmortem.prove.fix import FixError
from pytest_postmortem.prove.fix_lines import find_effective_ranges
from pytest_postmortem.prove.interpreter import Interpreter
from pytest_postmortem.prove.runner import ShadowEnvironment
from repositories import commit, repository


def test_a_copy_of_the_checkout_has_its_files_as_they_are(tmp_path: Path) -> None:
    """A file that git knows and that was deleted is in no copy, and new ones are."""
    repo = repository(tmp_path / "repo")
    commit(repo, {"shop.py": "x = 1\n", "pkg/gone.py": "x = 1\n", ".gitignore": "*.log\n"})
    (repo / "pkg" / "gone.py").unlink()
    (repo / "shop.py").write_text("x = 2\n", encoding="utf-8")
    (repo / "new.py").write_text("y = 1\n", encoding="utf-8")
    (repo / "run.log").write_text("", encoding="utf-8")

    copied = copy_checkout(repo, repo, tmp_path / "copy")

    files = {path.relative_to(copied).as_posix() for path in copied.rglob("*") if path.is_file()}
    assert files == {"shop.py", "new.py", ".gitignore"}
    assert (copied / "shop.py").read_text(encoding="utf-8") == "x = 2\n"


def test_a_checkout_without_files_is_not_copied(tmp_path: Path) -> None:
    """No run could have the tests."""
    repo = repository(tmp_path / "repo")

    with pytest.raises(FixError, match="git could not list the files of the tree"):
        copy_checkout(repo, repo, tmp_path / "copy")


@pytest.mark.skipif(os.name == "nt", reason="Windows has scripts of another kind")
def test_a_copy_of_an_environment_has_the_scripts_of_the_interpreter(tmp_path: Path) -> None:
    """But for one that the environment itself has, such as ``python``."""
    scripts = (("shop", "shop.cli", "app.main"), ("python", "other", "main"))
    interpreter = Interpreter(sys.executable, (3, 11), (), "lib", scripts)
    shadow = ShadowEnvironment(tmp_path / "env", interpreter)
    shadow.bin.mkdir(parents=True)
    shadow.site_packages.mkdir()
    (shadow.bin / "python").write_text("the interpreter", encoding="utf-8")

    copied = shadow.copy(tmp_path / "copy", {"recorder": {"stop": True}})

    script = (copied.bin / "shop").read_text(encoding="utf-8")
    assert str(copied.python) in script
    assert "from shop.cli import app" in script
    assert os.access(copied.bin / "shop", os.X_OK)
    assert (copied.bin / "python").read_text(encoding="utf-8") == "the interpreter"
    assert (copied.site_packages / "recorder.json").read_text() == '{"stop": true}'


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a = (\n", "b = (\n", ([(1, 1)], [(1, 1)])),
        ("a = 1\n# old\n", "a = 2\n# new\n", ([(1, 1)], [(1, 1)])),
    ],
)
def test_lines_of_what_is_no_python_all_have_an_effect(
    old: str, new: str, expected: tuple[list[tuple[int, int]], list[tuple[int, int]]]
) -> None:
    """Of code, comments have none."""
    assert find_effective_ranges({"shop.py": (old, new)}) == {"shop.py": expected}
