"""Files are changed together or not at all, and a diff says how."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_postmortem.errors import DestinationError
from pytest_postmortem.scaffold.edits import FileEdit, render_edits_diff, write_edits


def edit(folder: Path, name: str, old: bytes | None, new: bytes) -> FileEdit:
    """Return an edit of a file in a folder."""
    return FileEdit(folder / name, name, old, new)


def files(folder: Path) -> dict[str, bytes]:
    """Return all files and folders below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else b"(folder)"
        for path in folder.rglob("*")
    }


def test_all_files_are_written_with_their_folders(tmp_path: Path) -> None:
    """A new file and a changed one."""
    (tmp_path / "pytest.ini").write_bytes(b"old")

    write_edits(
        [edit(tmp_path, "pytest.ini", b"old", b"new"), edit(tmp_path, "docs/pm/a.md", None, b"a")]
    )

    assert files(tmp_path) == {
        "pytest.ini": b"new",
        "docs": b"(folder)",
        "docs/pm": b"(folder)",
        "docs/pm/a.md": b"a",
    }


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (("kept.md", None, b"x"), "'kept.md': it already exists"),
        (("kept.md", b"old", b"x"), "'kept.md': it has changed since it was read"),
        (("kept.md/deeper/a.md", None, b"x"), "'kept.md/deeper/a.md': not a directory"),
        (("kept.md/a.md", None, b"x"), "'kept.md/a.md': not a directory"),
        (("gone.md", b"old", b"x"), "'gone.md': no such file or directory"),
        ((f"new/{'x' * 300}.md", None, b"x"), ".md': file name too long"),
        ((f"new/{'x' * 300}/a.md", None, b"x"), "/a.md': file name too long"),
    ],
)
def test_when_one_file_can_not_be_written_none_is(
    tmp_path: Path, last: tuple[str, bytes | None, bytes], said: str
) -> None:
    """What was written before is taken back, folders included."""
    (tmp_path / "kept.md").write_bytes(b"theirs")
    (tmp_path / "pytest.ini").write_bytes(b"old")
    before = files(tmp_path)

    with pytest.raises(DestinationError) as caught:
        write_edits(
            [
                edit(tmp_path, "pytest.ini", b"old", b"new"),
                edit(tmp_path, "docs/pm/a.md", None, b"a"),
                edit(tmp_path, *last),
            ]
        )

    assert str(caught.value).startswith("Couldn't write '")
    assert said in str(caught.value)
    assert files(tmp_path) == before


MOMENT = """\
import os, sys
from pathlib import Path
from pytest_postmortem.scaffold.edits import FileEdit, write_edits

renamed = []

def moment(event, arguments):
    if event not in ("os.rename", "os.link"):
        return
    renamed.append(arguments[1])
    if len(renamed) == 2:
        {deed}

sys.addaudithook(moment)
try:
    write_edits([
        FileEdit(Path("pytest.ini"), "pytest.ini", b"old", b"new"),
        FileEdit(Path("docs/pm/a.md"), "docs/pm/a.md", None, b"a"),
    ])
except BaseException as error:
    print(f"{{type(error).__name__}}: {{error}}")
"""
"""A program in which something happens when the second of two files is put in its place."""


def happened(folder: Path, deed: str) -> str:
    """Return what is said when something happens between two files."""
    code = MOMENT.format(deed=deed)
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout


def test_ctrl_c_between_two_files_leaves_none(tmp_path: Path) -> None:
    """Whoever interrupts has nothing to clean up."""
    (tmp_path / "pytest.ini").write_bytes(b"old")
    before = files(tmp_path)

    assert happened(tmp_path, "raise KeyboardInterrupt") == "KeyboardInterrupt: \n"

    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("error", "cause", "remedy"),
    [
        (
            "OSError(28, 'No space left on device')",
            "no space left on device",
            "choose a writable place",
        ),
        ("KeyboardInterrupt", "it was interrupted", "try again"),
    ],
)
def test_what_can_not_be_put_back_is_named(
    error: str, cause: str, remedy: str, tmp_path: Path
) -> None:
    """Somebody has changed the first file meanwhile: it is theirs, and it is told."""
    (tmp_path / "pytest.ini").write_bytes(b"old")

    said = happened(tmp_path, f"Path('pytest.ini').write_bytes(b'theirs'); raise {error}")

    assert said == (
        f"DestinationError: Couldn't write 'docs/pm/a.md': {cause}\n"
        f"  {remedy}\n"
        "  see `pytest-postmortem explain destination`\n"
        "Couldn't restore 'pytest.ini': it has changed since it was written\n"
        "  review it, and remove the added lines by hand\n"
        "  see `pytest-postmortem explain destination`\n"
    )
    assert files(tmp_path) == {"pytest.ini": b"theirs"}


def test_a_link_stays_one(tmp_path: Path) -> None:
    """The file that it leads to is the one that changes."""
    (tmp_path / "real.ini").write_bytes(b"old")
    (tmp_path / "pytest.ini").symlink_to("real.ini")

    write_edits([edit(tmp_path, "pytest.ini", b"old", b"new")])

    assert (tmp_path / "pytest.ini").is_symlink()
    assert (tmp_path / "real.ini").read_bytes() == b"new"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_one_message(tmp_path: Path) -> None:
    """And nothing is left in it."""
    tmp_path.chmod(0o500)

    with pytest.raises(DestinationError, match="permission denied"):
        write_edits([edit(tmp_path, "docs/a.md", None, b"a")])


def test_a_diff_reads_as_that_of_git(tmp_path: Path) -> None:
    """Line ends that are not there are told, and a file that is new."""
    edits = [
        edit(tmp_path, "pytest.ini", b"[pytest]\r\na = 1", b"[pytest]\r\na = 1\r\nb = 2"),
        edit(tmp_path, "new.md", None, b"# New\n"),
        edit(tmp_path, "same.md", b"same", b"same"),
    ]

    assert list(render_edits_diff(edits)) == [
        "--- a/pytest.ini",
        "+++ b/pytest.ini",
        "@@ -1,2 +1,3 @@",
        " [pytest]",
        "-a = 1",
        "\\ No newline at end of file",
        "+a = 1",
        "+b = 2",
        "\\ No newline at end of file",
        "--- /dev/null",
        "+++ b/new.md",
        "@@ -0,0 +1 @@",
        "+# New",
    ]


def unfinished(folder: Path) -> list[str]:
    """Return the hidden files that a killed process has left."""
    return [path.name for path in folder.rglob("*.pytest-postmortem")]


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_killed_edit_leaves_each_file_whole_and_is_finished_by_the_next(tmp_path: Path) -> None:
    """What was written is there, the rest is as it was, and what is left over goes away."""
    (tmp_path / "pytest.ini").write_bytes(b"old")
    code = MOMENT.format(deed="os.kill(os.getpid(), 9)")
    killed = subprocess.run([sys.executable, "-c", code], cwd=tmp_path)
    assert killed.returncode == -9
    assert (tmp_path / "pytest.ini").read_bytes() == b"new"
    assert not (tmp_path / "docs" / "pm" / "a.md").exists()
    assert len(unfinished(tmp_path)) == 1

    write_edits([FileEdit(tmp_path / "docs" / "pm" / "a.md", "a.md", None, b"a")])

    assert (tmp_path / "docs" / "pm" / "a.md").read_bytes() == b"a"
    assert unfinished(tmp_path) == []


SCAN = """\
import os, sys
from pytest_postmortem.cli.main import main

renamed = []

def moment(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith(".py"):
        renamed.append(arguments[1])
        if len(renamed) == {number}:
            os.kill(os.getpid(), 9)

sys.addaudithook(moment)
sys.exit(main(["scan", "--apply"]))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_killed_scan_is_finished_by_running_it_again(tmp_path: Path, number: int) -> None:
    """However many files are marked, each is as it was or as it should be, and then all are."""
    (tmp_path / "pytest.ini").write_text("[pytest]\npostmortem_registry = pm.yml\n")
    (tmp_path / "pm.yml").write_text("- {id: PM-1, title: a}\n- {id: PM-2, title: b}\n")
    old = 'def test_PM_1():\n    """Regression test for PM-1."""\n'
    for name in "abc":
        (tmp_path / f"test_{name}.py").write_text(old)
    command = [sys.executable, "-c", SCAN.format(number=number)]

    killed = subprocess.run(command, cwd=tmp_path, capture_output=True)

    assert killed.returncode == -9, killed.stderr
    texts = [(tmp_path / f"test_{name}.py").read_text() for name in "abc"]
    new = f'import pytest\n\n\n@pytest.mark.postmortem("PM-1")\n{old}'
    assert texts == [new] * (number - 1) + [old] * (4 - number)
    assert len(unfinished(tmp_path)) == 1

    again = [sys.executable, "-m", "pytest_postmortem", "scan", "--apply"]
    assert subprocess.run(again, cwd=tmp_path, capture_output=True).returncode == 0
    assert {(tmp_path / f"test_{name}.py").read_text() for name in "abc"} == {new}
    assert unfinished(tmp_path) == []


def test_what_another_process_is_writing_stays(tmp_path: Path) -> None:
    """Only what a process that has ended left is removed, or what is a day old."""
    from pytest_postmortem import files as writing

    running = tmp_path / f".a.{writing._read_machine_name()}-{os.getpid()}-abc.pytest-postmortem"
    elsewhere = tmp_path / ".a.00000000-1-abc.pytest-postmortem"
    old = tmp_path / ".b.00000000-1-abc.pytest-postmortem"
    own = tmp_path / ".notes.pytest-postmortem"
    for path in (running, elsewhere, old, own):
        path.touch()
    os.utime(old, (0, 0))

    writing.remove_unfinished_files(tmp_path)

    assert sorted(files(tmp_path)) == sorted(path.name for path in (running, elsewhere, own))


NEW = SCAN.replace('["scan", "--apply"]', "sys.argv[1:]").replace(
    'event == "os.rename"', 'event in ("os.rename", "os.link")'
)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
@pytest.mark.parametrize("registry", ["pm", "pm.yml"])
def test_a_killed_new_is_finished_by_running_it_again(tmp_path: Path, registry: str) -> None:
    """The post-mortem that is there gets its test, and no second one is begun."""
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npostmortem_registry = {registry}\n")
    if registry == "pm":
        (tmp_path / "pm").mkdir()
        (tmp_path / "pm" / "PM-1-login.md").write_text("# PM-1: Login loop\n")
    else:
        (tmp_path / "pm.yml").write_text("- id: PM-1\n  title: Login loop\n")
    command = ["new", "Charged twice", "--test", "test_a.py"]

    killed = subprocess.run(
        [sys.executable, "-c", NEW.format(number=1), *command], cwd=tmp_path, capture_output=True
    )

    assert killed.returncode == -9, killed.stderr
    assert len(unfinished(tmp_path)) == 1
    assert not (tmp_path / "test_a.py").exists()
    before = {name: data for name, data in files(tmp_path).items() if "pm" in name.split(".")[0]}

    again = [sys.executable, "-m", "pytest_postmortem", *command]
    done = subprocess.run(again, cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "PM-2  Charged twice"
    assert 'postmortem("PM-2")' in (tmp_path / "test_a.py").read_text()
    assert unfinished(tmp_path) == []
    assert {name: files(tmp_path)[name] for name in before} == before
