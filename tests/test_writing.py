"""A file is written whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pytest_postmortem.errors import DestinationError
from pytest_postmortem.files import FileChangedError, rewrite_file, stage_file, write_text_file


def test_missing_folders_are_made(tmp_path: Path) -> None:
    """As ``--junitxml`` does."""
    write_text_file(tmp_path / "a" / "b" / "report.json", "ä\n")

    assert (tmp_path / "a" / "b" / "report.json").read_bytes() == "ä\n".encode()


def test_an_older_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    """The new file has the permissions that any new file has."""
    path = tmp_path / "report.json"
    write_text_file(path, "old")

    write_text_file(path, "new")

    mask = os.umask(0)
    os.umask(mask)
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["report.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_text_that_is_no_unicode_is_escaped(tmp_path: Path) -> None:
    """A lone surrogate, as a file name may hold, does not lose the report."""
    write_text_file(tmp_path / "report.json", "\udc80")

    assert (tmp_path / "report.json").read_text() == "\\udc80"


def test_a_file_that_can_not_be_written_is_one_message(tmp_path: Path) -> None:
    """The path, the reason and the remedy; the older file is kept, and nothing is left."""
    target = tmp_path / "folder"
    target.mkdir()
    (target / "kept").touch()

    with pytest.raises(DestinationError) as caught:
        write_text_file(target, "text")

    assert str(caught.value) == (
        f"Couldn't write report {str(target)!r}: Is a directory\n"
        "  choose a destination that can be written\n"
        "  see `pytest-postmortem explain destination`"
    )
    assert sorted(os.listdir(tmp_path)) == ["folder"]


def test_a_folder_that_is_a_file_is_one_message(tmp_path: Path) -> None:
    """The folder of a report can't be made below a file."""
    (tmp_path / "file").touch()

    with pytest.raises(DestinationError, match="Couldn't write report"):
        write_text_file(tmp_path / "file" / "report.json", "text")


def test_a_file_is_rewritten_with_its_mode(tmp_path: Path) -> None:
    """A script stays one, and nothing is left beside it."""
    path = tmp_path / "test_a.py"
    path.write_bytes(b"old\r\n")
    path.chmod(0o754)

    rewrite_file(path, b"old\r\n", b"new\r\n")

    assert path.read_bytes() == b"new\r\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o754
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_has_changed_meanwhile_is_not_rewritten(tmp_path: Path) -> None:
    """Somebody's editor may have been faster."""
    path = tmp_path / "test_a.py"
    path.write_bytes(b"theirs")

    with pytest.raises(FileChangedError):
        rewrite_file(path, b"old", b"new")

    assert path.read_bytes() == b"theirs"


def test_a_file_that_changes_while_the_new_one_is_written_stays(tmp_path: Path) -> None:
    """It is looked at again before the new one takes its place, of which nothing is left."""
    path = tmp_path / "test_a.py"
    path.write_bytes(b"old")
    staged = stage_file(path, b"old", b"new")
    path.write_bytes(b"theirs")

    with pytest.raises(FileChangedError):
        staged.put_in_place()

    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anything")
def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path: Path) -> None:
    """Though its folder would allow it."""
    path = tmp_path / "test_a.py"
    path.write_bytes(b"old")
    path.chmod(0o444)

    with pytest.raises(PermissionError):
        rewrite_file(path, b"old", b"new")


def test_a_file_is_made_only_where_there_is_none(tmp_path: Path) -> None:
    """Nobody's file is written over, not even one that was made a moment ago."""
    path = tmp_path / "new.md"
    ours, theirs = stage_file(path, None, b"ours"), stage_file(path, None, b"theirs")

    ours.put_in_place()

    with pytest.raises(FileExistsError):
        theirs.put_in_place()
    with pytest.raises(FileExistsError):
        stage_file(path, None, b"theirs")
    assert path.read_bytes() == b"ours"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("target", ["there.json", "missing.json", "missing/folder.json"])
def test_a_link_stays_one_and_what_it_leads_to_is_written(tmp_path: Path, target: str) -> None:
    """Also where nothing is there yet, and where the link is relative."""
    (tmp_path / "there.json").write_text("old")
    (tmp_path / "link.json").symlink_to(target)

    write_text_file(tmp_path / "link.json", "new")

    assert (tmp_path / "link.json").is_symlink()
    assert os.readlink(tmp_path / "link.json") == target
    assert (tmp_path / target).read_text() == "new"
    assert not (tmp_path / target).is_symlink()


def test_a_link_to_itself_is_one_message(tmp_path: Path) -> None:
    """There is nothing that it leads to."""
    (tmp_path / "link.json").symlink_to("link.json")

    with pytest.raises(DestinationError, match="Couldn't write report"):
        write_text_file(tmp_path / "link.json" / "a", "new")


def test_a_fifo_is_written_to(tmp_path: Path) -> None:
    """Whoever reads gets the whole text, and the FIFO is still one."""
    fifo = tmp_path / "report.json"
    os.mkfifo(fifo)
    read: list[bytes] = []
    thread = threading.Thread(target=lambda: read.append(fifo.read_bytes()))
    thread.start()

    write_text_file(fifo, "text" * 100_000)
    thread.join(30)

    assert read == [b"text" * 100_000]
    assert stat.S_ISFIFO(os.lstat(fifo).st_mode)
    assert os.listdir(tmp_path) == ["report.json"]


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """A node like ``/dev/null``, which is left alone: who may make one could replace it."""
    path = tmp_path / "null"
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        path.write_bytes(b"")
    except OSError:
        pytest.skip("a device can't be made here")
    return path


def test_a_device_is_written_to(tmp_path: Path, device: Path) -> None:
    """It is still a device afterwards."""
    write_text_file(device, "text")

    assert stat.S_ISCHR(os.lstat(device).st_mode)
    assert os.listdir(tmp_path) == ["null"]


def test_a_device_behind_a_link_is_written_to(tmp_path: Path, device: Path) -> None:
    """Neither the link nor the device changes."""
    (tmp_path / "link.json").symlink_to("null")

    write_text_file(tmp_path / "link.json", "text")

    assert os.readlink(tmp_path / "link.json") == "null"
    assert stat.S_ISCHR(os.lstat(device).st_mode)


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("kind", ["pipe", "file"])
def test_an_open_descriptor_goes_on_where_it_is(tmp_path: Path, name: str, kind: str) -> None:
    """What was printed before stays before, and what is printed after comes after."""
    code = f"""if True:
        from pathlib import Path
        from pytest_postmortem.files import write_text_file
        print("before")
        write_text_file(Path({name!r}), "text\\n")
        print("after")
    """
    command = [sys.executable, "-c", code]

    if kind == "pipe":
        output = subprocess.run(command, stdout=subprocess.PIPE).stdout
    else:
        with (tmp_path / "out").open("wb") as file:
            subprocess.run(command, stdout=file)
        output = (tmp_path / "out").read_bytes()

    assert output.splitlines() == [b"before", b"text", b"after"]


def test_a_closed_descriptor_is_one_message() -> None:
    """As a folder that is missing would be."""
    with pytest.raises(DestinationError, match="Bad file descriptor"):
        write_text_file(Path("/dev/fd/987654"), "text")


def test_mode_and_owner_of_an_older_file_stay(tmp_path: Path) -> None:
    """A report that a web server may read can be read after the next run too."""
    path = tmp_path / "report.json"
    path.write_text("old")
    path.chmod(0o604)
    owner = (1234, 2345) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    os.chown(path, *owner)

    write_text_file(path, "new")

    status = path.stat()
    assert path.read_text() == "new"
    assert (status.st_uid, status.st_gid) == owner
    assert stat.S_IMODE(status.st_mode) == 0o604
