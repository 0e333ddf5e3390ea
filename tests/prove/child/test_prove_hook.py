"""What the import hook serves and notes, asked directly; the overlay's tests have real imports."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_postmortem.prove.child import import_hook
from pytest_postmortem.prove.child.channel import (
    build_load_recorder,
    list_files_below,
    open_note_writer,
)
from pytest_postmortem.prove.child.import_hook import ImportOverlay, RootFinder
from repositories import write


@dataclass
class Hook:
    """A hook that is not installed, in a folder of a run."""

    folder: Path

    def open(self, **config: Any) -> ImportOverlay:
        """Return the hook; files are named by their paths in the folder."""
        known: dict[str, Any] = {
            "files": {},
            "modules": {},
            "marks": {},
            "watched": {},
            "shake": False,
            "data": [],
            "trees": [],
            "notes": str(self.folder / "notes"),
        }
        return ImportOverlay({**known, **config})

    def path(self, name: str) -> str:
        """Return the real path of a file."""
        return os.path.realpath(self.folder / name)

    def notes(self) -> list[list[Any]]:
        """Return what was noted."""
        return [json.loads(line) for line in (self.folder / "notes").read_text().splitlines()]


@pytest.fixture
def hook(tmp_path: Path) -> Iterator[Hook]:
    """A folder with files; this process replaces none afterwards."""
    write(tmp_path, {"shop.py": "VALUE = 1\n", "data.txt": "x", "lib/shop.py": "VALUE = 1\n"})
    yield Hook(tmp_path)
    import_hook._replaced_paths.clear()


DIGEST = sha256(b"VALUE = 1\n").hexdigest()


@pytest.mark.parametrize(
    ("name", "loaded", "digest", "is_known", "noted"),
    [
        ("shop", "shop.py", DIGEST, True, []),
        ("shop", "lib/shop.py", DIGEST, True, ["copy"]),
        ("app.shop", "lib/shop.py", DIGEST, True, ["copy"]),
        ("shop", "lib/shop.py", "0", False, ["other"]),
        ("app.shop", "lib/shop.py", "0", False, []),
        ("workshop", "lib/shop.py", DIGEST, False, []),
        ("shop", "lib/none.py", DIGEST, False, ["other"]),
    ],
)
def test_a_copy_is_known_by_its_name_and_its_content(
    hook: Hook, name: str, loaded: str, digest: str, is_known: bool, noted: list[str]
) -> None:
    """Another module of that name is told, so that no verdict rests on it."""
    file = hook.path("shop.py")
    overlay = hook.open(files={file: "VALUE = 2\n"}, modules={"shop": [file, digest]})

    assert overlay.known(hook.path(loaded), name) == (file if is_known else None)
    assert [kind for kind, _ in hook.notes()] == noted


@pytest.mark.parametrize("is_marked", [True, False])
def test_the_code_of_a_file_is_that_of_its_text(hook: Hook, is_marked: bool) -> None:
    """Marked lines report that they run, once for each test; the file itself is not read."""
    file = hook.path("shop.py")
    marks = {file: [[1, 1]]} if is_marked else {}
    overlay = hook.open(files={file: "VALUE = 2\n"}, marks=marks)
    space: dict[str, Any] = {import_hook.instrument.REACHED: overlay.reached}

    code = overlay.code(SourceFileLoader("shop", file), file, file)
    exec(code, space)
    exec(code, space)
    overlay.forget_reached_places()
    exec(code, space)

    assert space["VALUE"] == 2
    kinds = [kind for kind, _ in hook.notes()]
    assert kinds == (["served", "reached", "reached"] if is_marked else ["served"])


def test_a_file_that_was_not_there_can_not_be_imported(hook: Hook) -> None:
    """The error is that of any module that is missing."""
    file = hook.path("shop.py")
    overlay = hook.open(files={file: None})

    with pytest.raises(ModuleNotFoundError, match="No module named 'shop'"):
        overlay.code(SourceFileLoader("shop", file), file, file)

    assert hook.notes() == [["served", file]]


@pytest.mark.parametrize(
    ("name", "files", "found"),
    [
        ("gone", {"gone.py": "x = 1\n"}, "gone.py"),
        ("app.gone", {"gone.py": "x = 1\n"}, "gone.py"),
        ("gone", {"gone/__init__.py": "x = 1\n"}, "gone/__init__.py"),
        ("gone", {"gone.py": None}, None),
        ("gone", {"other/gone.py": "x = 1\n"}, None),
        ("json", {"gone.py": "x = 1\n"}, None),
    ],
)
def test_a_file_that_is_gone_is_found_where_it_was(
    hook: Hook, name: str, files: dict[str, str | None], found: str | None
) -> None:
    """Whatever else is on the path."""
    overlay = hook.open(files={hook.path(path): text for path, text in files.items()})
    path: Sequence[Any] = [None, str(hook.folder)]

    spec = overlay.find_spec(name, path)

    assert (spec.origin if spec else None) == (str(hook.folder / found) if found else None)


@pytest.mark.parametrize(
    ("event", "opened", "noted"),
    [
        ("open", "data.txt", True),
        ("sqlite3.connect", "data.txt", True),
        ("os.remove", "data.txt", False),
        ("open", "shop.py", False),
        ("open", "lib/data.txt", False),
        ("open", 3, False),
    ],
)
def test_a_file_of_the_fix_that_is_opened_is_noted_once(
    hook: Hook, event: str, opened: str | int, noted: bool
) -> None:
    """No other, and no errors reach the test."""
    data = hook.path("data.txt")
    overlay = hook.open(data=[data])
    argument = hook.path(opened) if isinstance(opened, str) else opened

    overlay.note_opened_file(event, (argument, "r"))
    overlay.note_opened_file(event, (argument, "r"))

    assert hook.notes() == ([["read", data]] if noted else [])


def test_a_run_without_files_of_data_notes_no_opened_file(hook: Hook) -> None:
    """A process that is forked for another run has the listener of the first."""
    hook.open().note_opened_file("open", (hook.path("data.txt"),))

    assert hook.notes() == []


@pytest.mark.parametrize(
    ("error", "caught", "noted"),
    [
        (NameError("x"), "", True),
        (NameError("x"), "caught", True),
        (ModuleNotFoundError("x"), "", True),
        (ModuleNotFoundError("x"), "caught", False),
        (ValueError("x"), "", False),
        (None, "", False),
    ],
)
def test_an_exception_of_code_that_does_not_fit_is_noted(
    hook: Hook, error: Exception | None, caught: str, noted: bool
) -> None:
    """One that code asks for, to see whether a module is there, is not."""
    overlay = hook.open()
    try:
        if error is not None:
            raise error
        overlay.note_exception(caught)
    except Exception:
        overlay.note_exception(caught)

    assert [kind for kind, _ in hook.notes()] == (["escaped"] if noted else [])


def test_no_more_exceptions_are_noted_than_anyone_reads(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code may raise millions."""
    monkeypatch.setattr(import_hook, "MAX_EXCEPTIONS", 2)
    overlay = hook.open()
    for number in range(5):
        try:
            raise NameError(f"x{number}")
        except NameError:
            overlay.note_exception()

    assert len(hook.notes()) == 2


def test_frames_of_the_hook_are_not_told(hook: Hook) -> None:
    """The code that imported a missing file is where the error comes from."""
    file = hook.path("shop.py")
    overlay = hook.open(files={file: None})

    with pytest.raises(ModuleNotFoundError) as caught:
        overlay.code(SourceFileLoader("shop", file), file, file)

    frames = import_hook.describe_exception(caught.value)["frames"]
    assert [path for path, *_ in frames] == [__file__]


def test_an_installed_hook_is_configured_for_each_fork(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It notes to another file, and forgets what was reached for each test."""
    overlay = hook.open()
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, overlay])
    config = {"files": {}, "modules": {}, "marks": {}, "watched": {}, "shake": False}
    config |= {"data": [], "trees": [], "notes": str(hook.folder / "others")}
    monkeypatch.setattr(import_hook, "read_config", lambda: config)

    overlay.reached("shop.py:1")
    import_hook.forget_reached_places()
    overlay.reached("shop.py:1")
    import_hook.configure_overlay()
    overlay.reached("shop.py:1")

    assert hook.notes() == [["reached", "shop.py:1"]] * 2
    assert (hook.folder / "others").read_text() == '["reached", "shop.py:1"]\n'


@pytest.mark.parametrize(
    ("name", "path", "found"),
    [
        ("shop", None, "shop.py"),
        ("none", None, None),
        ("lib", None, None),
        ("lib.shop", ["lib"], "lib/shop.py"),
        ("lib.shop", ["/elsewhere/lib"], None),
        ("lib.shop", [], None),
    ],
)
def test_packages_below_the_roots_come_first(
    hook: Hook, name: str, path: list[str] | None, found: str | None
) -> None:
    """A namespace package is not taken alone, since it has parts elsewhere."""
    search = None if path is None else [str(hook.folder / entry) for entry in path]

    spec = RootFinder([str(hook.folder)]).find_spec(name, search)

    assert (spec.origin if spec else None) == (str(hook.folder / found) if found else None)


def test_a_note_is_written_though_a_test_closes_what_it_did_not_open(tmp_path: Path) -> None:
    """The file is opened again."""
    handle = os.open(os.devnull, os.O_RDONLY)
    os.close(handle)
    note = open_note_writer(str(tmp_path / "notes"))
    note("one")
    assert os.path.samestat(os.fstat(handle), os.stat(tmp_path / "notes"))
    os.close(handle)
    note("two")

    assert (tmp_path / "notes").read_text() == "one\ntwo\n"


def test_loaded_files_of_the_trees_are_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The main script too, which no loader reads; but nothing that is installed."""
    monkeypatch.setattr(sys, "orig_argv", ["python", "-X", str(tmp_path / "main.py")])
    noted: list[object] = []
    loaded = build_load_recorder([str(tmp_path)], lambda kind, what: noted.append((kind, what)))

    loaded(str(tmp_path / "shop.py"))
    loaded(str(tmp_path / "cart.py"))
    loaded(str(tmp_path / "site-packages" / "lib.py"))
    loaded(str(tmp_path.parent / "other.py"))

    names = ("main.py", "shop.py", "cart.py")
    assert noted == [("modules", [os.path.realpath(tmp_path / name)]) for name in names]


class Broken:
    """An object whose attributes can't be read."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)


def test_files_of_modules_are_those_below_the_roots(tmp_path: Path) -> None:
    """Any object may stand in ``sys.modules``."""
    files = ["shop.py", "site-packages/lib.py", "../other.py", None]
    modules: list[object] = [Broken()]
    for name in files:
        module = ModuleType("any")
        module.__file__ = None if name is None else os.path.realpath(tmp_path / name)
        modules.append(module)

    assert [*list_files_below([str(tmp_path)], modules)] == [os.path.realpath(tmp_path / "shop.py")]
