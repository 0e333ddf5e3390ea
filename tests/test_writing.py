"""A file is written whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pytest_postmortem.errors import DestinationError
from pytest_postmortem.writing import Changed, rewrite, stage, write


def test_missing_folders_are_made(tmp_path: Path) -> None:
    """As ``--junitxml`` does."""
    write(tmp_path / "a" / "b" / "report.json", "ä\n")

    assert (tmp_path / "a" / "b" / "report.json").read_bytes() == "ä\n".encode()


def test_an_older_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    """The new file has the permissions that any new file has."""
    path = tmp_path / "report.json"
    write(path, "old")

    write(path, "new")

    mask = os.umask(0)
    os.umask(mask)
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["report.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_text_that_is_no_unicode_is_escaped(tmp_path: Path) -> None:
    """A lone surrogate, as a file name may hold, does not lose the report."""
    write(tmp_path / "report.json", "\udc80")

    assert (tmp_path / "report.json").read_text() == "\\udc80"


def test_a_file_that_can_not_be_written_is_one_message(tmp_path: Path) -> None:
    """The path, the reason and the remedy; the older file is kept, and nothing is left."""
    target = tmp_path / "folder"
    target.mkdir()
    (target / "kept").touch()

    with pytest.raises(DestinationError) as caught:
        write(target, "text")

    assert str(caught.value) == (
        f"Couldn't write report {str(target)!r}: Is a directory\n"
        "  choose a destination that can be written\n"
        "  see reference/messages.md#destination in pytest-postmortem's docs"
    )
    assert sorted(os.listdir(tmp_path)) == ["folder"]


def test_a_folder_that_is_a_file_is_one_message(tmp_path: Path) -> None:
    """The folder of a report can't be made below a file."""
    (tmp_path / "file").touch()

    with pytest.raises(DestinationError, match="Couldn't write report"):
        write(tmp_path / "file" / "report.json", "text")


def test_a_file_is_rewritten_with_its_mode(tmp_path: Path) -> None:
    """A script stays one, and nothing is left beside it."""
    path = tmp_path / "test_a.py"
    path.write_bytes(b"old\r\n")
    path.chmod(0o754)

    rewrite(path, b"old\r\n", b"new\r\n")

    assert path.read_bytes() == b"new\r\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o754
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_has_changed_meanwhile_is_not_rewritten(tmp_path: Path) -> None:
    """Somebody's editor may have been faster."""
    path = tmp_path / "test_a.py"
    path.write_bytes(b"theirs")

    with pytest.raises(Changed):
        rewrite(path, b"old", b"new")

    assert path.read_bytes() == b"theirs"


def test_a_file_that_changes_while_the_new_one_is_written_stays(tmp_path: Path) -> None:
    """It is looked at again before the new one takes its place, of which nothing is left."""
    path = tmp_path / "test_a.py"
    path.write_bytes(b"old")
    staged = stage(path, b"old", b"new")
    path.write_bytes(b"theirs")

    with pytest.raises(Changed):
        staged.put()

    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anything")
def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path: Path) -> None:
    """Though its folder would allow it."""
    path = tmp_path / "test_a.py"
    path.write_bytes(b"old")
    path.chmod(0o444)

    with pytest.raises(PermissionError):
        rewrite(path, b"old", b"new")


def test_a_file_is_made_only_where_there_is_none(tmp_path: Path) -> None:
    """Nobody's file is written over, not even one that was made a moment ago."""
    path = tmp_path / "new.md"
    ours, theirs = stage(path, None, b"ours"), stage(path, None, b"theirs")

    ours.put()

    with pytest.raises(FileExistsError):
        theirs.put()
    with pytest.raises(FileExistsError):
        stage(path, None, b"theirs")
    assert path.read_bytes() == b"ours"
    assert list(tmp_path.iterdir()) == [path]
