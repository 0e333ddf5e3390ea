"""How much of the suite was collected, told from the files alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_postmortem.files import find_test_files, is_test_file_path, read_file_bytes
from pytest_postmortem.model import Collected, Finding, Link, NodeKey
from pytest_postmortem.runtime.collection import join_collections
from pytest_postmortem.runtime.suite_files import find_partial_reasons

THREE = frozenset({"a.py", "b.py", "c.py"})


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"expected": None}, []),
        ({"expected": THREE, "given": True, "collected": THREE}, []),
        ({"expected": THREE, "given": True, "collected": THREE | {"more.py"}}, []),
        (
            {"expected": THREE, "given": True, "collected": frozenset({"a.py"})},
            ["1 of 3 files given"],
        ),
        (
            {"expected": THREE | {"d.py", "e.py"}, "given": True, "collected": THREE},
            ["3 of 5 files given"],
        ),
        ({"expected": THREE, "collected": frozenset({"a.py"})}, ["2 of 3 files left out"]),
        ({"expected": THREE, "collected": THREE}, []),
        (
            {"expected": frozenset(), "given": True},
            ["no test file under the rootdir says what the suite is (set postmortem_suite)"],
        ),
        ({"expected": frozenset()}, []),
        ({"interrupted": True}, ["the collection was interrupted"]),
        ({"nodeids": 1}, ["1 node id given"]),
        ({"nodeids": 2}, ["2 node ids given"]),
        (
            {"nodeids": 1, "given": True, "expected": THREE, "collected": frozenset({"a.py"})},
            ["1 node id given", "1 of 3 files given"],
        ),
        ({"last_failed": 37}, ["--lf skipped 37 files"]),
        ({"last_failed": 0}, ["--lf left out what passed last time"]),
        (
            {"last_failed": 1, "expected": THREE, "given": True},
            ["--lf skipped 1 file"],
        ),
        ({"broken": ["a.py"]}, ["1 file could not be collected: a.py"]),
        (
            {"broken": ["d.py", "c.py", "b.py", "a.py"]},
            ["4 files could not be collected: a.py, b.py, c.py and 1 more"],
        ),
    ],
)
def test_each_reason_why_a_collection_is_partial_is_said_in_words(
    facts: dict[str, Any], expected: list[str]
) -> None:
    """What counts is what is missing, not which option was given."""
    known: dict[str, Any] = {"nodeids": 0, "given": False, "collected": frozenset()}
    known |= {"expected": None} | facts

    assert list(find_partial_reasons(**known)) == expected


@pytest.mark.parametrize(
    ("path", "patterns", "expected"),
    [
        ("tests/test_a.py", ["test_*.py", "*_test.py"], True),
        ("tests/a_test.py", ["test_*.py", "*_test.py"], True),
        ("tests/conftest.py", ["test_*.py"], False),
        ("/suite/tests/unit/check_a.py", ["unit/check_*.py"], True),
        ("/suite/tests/other/check_a.py", ["unit/check_*.py"], False),
    ],
)
def test_a_test_file_is_told_by_pytests_own_patterns(
    path: str, patterns: list[str], expected: bool
) -> None:
    """A pattern with a slash looks at the path, any other at the name."""
    assert is_test_file_path(Path(path), patterns) is expected


def test_the_walk_leaves_out_what_pytest_leaves_out(tmp_path: Path) -> None:
    """Ignored files and folders, and a link that leads upwards; another link is followed."""
    for name in ("test_a.py", "b/test_b.py", "b/__pycache__/test_c.py", "build/test_d.py", "e.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.touch()
    (tmp_path / "test_ignored.py").touch()
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "b")
    ignored = ("build", "test_ignored.py")

    found = find_test_files([tmp_path], ["test_*.py"], lambda path: path.name in ignored)

    names = [path.relative_to(tmp_path).as_posix() for path in found]
    assert names == ["b/test_b.py", "link/test_b.py", "test_a.py"]


def test_only_folders_that_hold_a_test_file_are_asked_about(tmp_path: Path) -> None:
    """pytest's answer takes longer than the reading of a folder; a folder that it does not enter
    by its name, or a virtual environment, is not read for its test files.
    """
    for name in ("data/1/a.csv", "b/c/test_b.py", "build/deep/test_d.py", "env/lib/test_e.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.touch()
    (tmp_path / "env" / "pyvenv.cfg").touch()
    asked: list[str] = []

    def is_ignored(path: Path) -> bool:
        asked.append(path.relative_to(tmp_path).as_posix())
        return path.name in ("build", "env")

    found = list(find_test_files([tmp_path], ["test_*.py"], is_ignored, ["build"]))

    assert found == [tmp_path / "b" / "c" / "test_b.py"]
    assert sorted(asked) == ["b", "b/c", "b/c/test_b.py", "build", "env"]


def test_the_files_in_an_ignored_folder_are_not_asked_about(tmp_path: Path) -> None:
    """Nor is a folder within it, and each folder is asked about once."""
    for name in ("old/a/test_1.py", "old/a/test_2.py", "old/b/test_3.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    asked: list[Path] = []

    def is_ignored(path: Path) -> bool:
        asked.append(path)
        return True

    found = find_test_files([tmp_path], ["test_*.py"], is_ignored)

    assert list(found) == []
    assert asked == [tmp_path / "old"]


def test_a_file_that_is_named_counts_whatever_its_name(tmp_path: Path) -> None:
    """As it does for pytest."""
    (tmp_path / "odd.py").touch()

    found = find_test_files(
        [tmp_path / "odd.py", tmp_path / "gone"], ["test_*.py"], lambda _: False
    )

    assert list(found) == [tmp_path / "odd.py"]


def test_what_workers_collected_is_joined_each_thing_once() -> None:
    """All workers collect the same, and say so each for itself."""
    link, finding = Link("PM-1", "a", "a.py", 1), Finding("bad-marker", "error", "x")
    other, file = NodeKey("a.py", "b"), NodeKey("c.py", "c.py")
    one = Collected((link,), findings=(finding,), expected=frozenset({"a.py"}), reasons=("r",))
    two = Collected(
        (link, link._replace(id="PM-2")),
        {other: "deselected"},
        frozenset({(other, link.test)}),
        {other: 2},
        (finding,),
        {file: "no driver"},
        frozenset({"a.py::b"}),
        files=frozenset({"a.py"}),
        reasons=("r", "s"),
    )

    assert join_collections([one, two, one]) == Collected(
        two.links,
        two.deselected,
        two.reported,
        two.repeated,
        skipped=two.skipped,
        declared=two.declared,
        findings=(finding,),
        files=frozenset({"a.py"}),
        expected=frozenset({"a.py"}),
        reasons=("r", "s"),
    )
    assert join_collections([]) == Collected()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right of their own")
def test_a_link_that_leads_round_in_circles_is_no_folder(tmp_path: Path) -> None:
    """Nor is it a reason to stop."""
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "test_it.py").touch()

    found = find_test_files([tmp_path], ["test_*.py"], lambda _: False)

    assert list(found) == [tmp_path / "test_it.py"]


def test_what_can_not_be_read_has_no_bytes(tmp_path: Path) -> None:
    """A file that is gone, and a name that no file can have."""
    (tmp_path / "a.py").write_bytes(b"a")

    names = ("a.py", "gone.py", "a\0.py")

    assert [read_file_bytes(tmp_path / name) for name in names] == [b"a", None, None]
