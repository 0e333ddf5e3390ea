"""Import hook that serves reverted source, active in every process of a run without the fix.

A copy of this file is in the shadow environment, next to a ``.pth`` file that calls
`install_overlay`. It imports only the standard library. The texts come from ``import_hook.json`` in
the same folder::

    {"files": {PATH: TEXT or null}, "modules": {NAME: [PATH, DIGEST]}, "data": [PATH, ...],
     "notes": PATH,
     "marks": {PATH: [[FIRST, LAST], ...]}, "watched": {PATH: ...}, "shake": false,
     "conditions": false, "sites": [...], "moved": [[FROM, TO], ...], "roots": [...],
     "trees": [...], "packages": [...]}

A file whose text is null does not exist. A module that is loaded from another path, such as an
installed copy, is replaced too if its digest shows that it is the same file.
"""

from __future__ import annotations

import builtins
import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from io import StringIO
from types import CodeType, ModuleType
from typing import Any

MAX_EXCEPTIONS = 1000
"""Exceptions that a process records; code may raise and catch millions."""

MOVED_CODE_ERRORS = (AttributeError, ImportError, NameError, SyntaxError, TypeError)
"""Exceptions of old code that no longer fits today's code; callers may swallow them."""

_replaced_paths: set[str] = set()

_dumps, _read, _realpath = json.dumps, open, os.path.realpath  # a test may patch them

IN_SHADOW = __name__ == "_postmortem_import_hook"
channel: Any = import_module("_postmortem_channel" if IN_SHADOW else f"{__package__}.channel")
instrument: Any = import_module(
    "_postmortem_instrument" if IN_SHADOW else f"{__package__}.instrument"
)


def install_overlay() -> None:
    """Install the import hook, and add the user's site folders to the path.

    A virtual environment reads its ``.pth`` files twice.
    """
    if _list_overlays():
        return
    config = read_config()
    sys.dont_write_bytecode = True
    ImportOverlay(config).start()
    import site

    known_paths = set(sys.path)
    for folder in config["sites"]:
        site.addsitedir(folder, known_paths)
    moved = [(os.path.realpath(old), new) for old, new in config["moved"]]
    sys.path[:] = [*config["roots"], *(_move_path_entry(entry, moved) for entry in sys.path)]
    if config["roots"]:
        sys.meta_path.insert(0, RootFinder(config["roots"]))


def read_config() -> dict[str, Any]:
    """Read the configuration of a run."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "import_hook.json")
    with _read(path, encoding="utf-8") as file:
        return dict(json.load(file))


def configure_overlay() -> None:
    """Read the configuration again, for another run in a fork of this process."""
    for overlay in _list_overlays():
        overlay.configure(read_config())


def forget_reached_places() -> None:
    """Record the lines of the fix again, for another test."""
    for overlay in _list_overlays():
        overlay.forget_reached_places()


def _list_overlays() -> list[ImportOverlay]:
    return [finder for finder in sys.meta_path if isinstance(finder, ImportOverlay)]


def _move_path_entry(entry: str, moved: Sequence[tuple[str, str]]) -> str:
    """Return the folder in another tree for a folder of the checkout."""
    real = os.path.realpath(entry)
    for old, new in moved:
        if (real == old or real.startswith(old + os.sep)) and "site-packages" not in real:
            return new + real[len(old) :]
    return entry


def start_pytest() -> int:
    """Start pytest."""
    prepare_pytest()
    import pytest

    return int(pytest.main())


def prepare_pytest() -> None:
    """Switch assertion rewriting off for files that are served with another text.

    pytest would read the file itself. Plugins are imported before any hook of theirs runs.
    """
    from _pytest.assertion.rewrite import AssertionRewritingHook

    original = AssertionRewritingHook._should_rewrite

    def should_rewrite(self: Any, name: str, fn: str, state: Any) -> bool:
        return os.path.realpath(fn) not in _replaced_paths and original(self, name, fn, state)

    AssertionRewritingHook._should_rewrite = should_rewrite  # type: ignore[method-assign]


class RootFinder:
    """Find packages below some folders before all other finders, including editable installs."""

    def __init__(self, roots: Sequence[str]) -> None:
        self._roots = list(roots)
        self._within = tuple(os.path.join(root, "") for root in roots)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a package or module below the roots.

        A namespace package also has parts elsewhere. An editable install may map single modules.
        """
        search_path = self._roots
        if path is not None:
            search_path = [entry for entry in path if str(entry).startswith(self._within)]
        spec = PathFinder.find_spec(name, search_path) if search_path else None
        return spec if spec is not None and spec.loader is not None else None


class ImportOverlay:
    """Serve modules with their configured text, and record that."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.configure(config)

    def configure(self, config: Mapping[str, Any]) -> None:
        """Take the texts of a run, of which nothing is recorded yet."""
        _replaced_paths.clear()
        _replaced_paths.update(config["files"])
        self._files: Mapping[str, str | None] = config["files"]
        self._modules: Mapping[str, Sequence[str]] = config["modules"]
        self._names = {os.path.basename(path) for path in self._files}
        self._data = frozenset(config["data"])
        self._data_names = {os.path.basename(path) for path in self._data}
        self._marks: Mapping[str, Sequence[Sequence[int]]] = config["marks"]
        self._watched: Mapping[str, Sequence[Sequence[int]]] = config["watched"]
        self._shake = bool(config["shake"])
        self._conditions = self._shake or bool(config.get("conditions"))
        self._add = channel.open_note_writer(config["notes"])
        self._said: set[str] = set()
        self._reached: set[str] = set()
        self._told = 0
        self._loaded = channel.build_load_recorder(config["trees"], self.note)

    def start(self) -> None:
        """Replace the function that reads the code of modules."""
        original = SourceFileLoader.get_code

        def get_code(loader: SourceFileLoader, fullname: str) -> CodeType | None:
            path = loader.get_filename(fullname)
            self._loaded(path)
            is_named = os.path.basename(path) in self._names
            replaced_path = self.known(path, fullname) if is_named else None
            return (
                original(loader, fullname)
                if replaced_path is None
                else self.code(loader, path, replaced_path)
            )

        SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment]
        if self._data:
            sys.addaudithook(self.note_opened_file)
        sys.meta_path.append(self)
        setattr(
            builtins,
            instrument.REACHED,
            _build_shaker(self.reached) if self._shake else self.reached,
        )
        setattr(builtins, instrument.RAISED, self.note_exception)

    def note(self, kind: str, what: object) -> None:
        """Record a fact once per process; errors never reach the surrounding code."""
        line = _dumps([kind, what])
        if line not in self._said:
            self._said.add(line)
            with suppress(OSError):  # a test may close what it has not opened
                self._add(line)

    def note_opened_file(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Record that a file of the fix is opened other than by the import of its module.

        Files of the fix are imported from their configured text and not opened.
        """
        if event not in ("open", "sqlite3.connect") or not self._data:
            return
        with suppress(Exception):  # a test may patch anything
            path = os.fsdecode(arguments[0])
            if os.path.basename(path) in self._data_names:
                real = _realpath(path)
                if real in self._data:
                    self.note("read", real)

    def known(self, path: str, fullname: str) -> str | None:
        """Return the configured file that a module is loaded from, None for any other."""
        real = os.path.realpath(path)
        if real in self._files:
            return real
        for name, (file, digest) in self._modules.items():
            if fullname == name or fullname.endswith(f".{name}"):
                if _hash_file_content(real) == digest:
                    self.note("copy", real)
                    return file
                if fullname == name:
                    self.note("other", real)
        return None

    def code(self, loader: SourceFileLoader, path: str, file: str) -> CodeType:
        """Return the code of a file from its configured text."""
        text = self._files[file]
        self.note("served", file)
        if text is None:
            name = loader.name
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        import linecache

        lines = list(StringIO(text, newline="\n"))
        linecache.cache[path] = (len(text), None, lines, path)
        source: Any = text
        marks, watched = self._marks.get(file, ()), self._watched.get(file, ())
        if marks or watched:
            with suppress(RecursionError):  # code that is too deep is not looked into
                source = instrument.instrument_code(
                    text, marks, watched, conditions=self._conditions, name=file
                )
        code: CodeType = loader.source_to_code(source, path)
        return code

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module whose file does not exist any more."""
        tail = name.rpartition(".")[2]
        for entry in sys.path if path is None else path:
            if not isinstance(entry, str):
                continue
            for parts in ((f"{tail}.py",), (tail, "__init__.py")):
                file = os.path.join(entry or os.curdir, *parts)
                if os.path.basename(file) in self._names and self._files.get(
                    os.path.realpath(file)
                ):
                    return spec_from_file_location(name, file)
        return None

    def reached(self, place: str) -> None:
        """Record that a statement is about to run."""
        if place not in self._reached:
            self._reached.add(place)
            with suppress(OSError):  # a test may close what it has not opened
                self._add(_dumps(["reached", place]))

    def forget_reached_places(self) -> None:
        """Record again which statements run, for another test."""
        self._reached.clear()

    def note_exception(self, caught: str = "") -> None:
        """Record an exception that leaves a function of the fix and may be due to the surrounding
        code.

        Within a function it may be ``caught``; an import error is ignored then.
        """
        error = sys.exc_info()[1]
        if (
            error is None
            or not issubclass(type(error), MOVED_CODE_ERRORS)
            or self._told >= MAX_EXCEPTIONS
        ):
            return
        if not (caught and issubclass(type(error), ModuleNotFoundError)):
            self._told += 1
            self.note("escaped", describe_exception(error))


def describe_exception(error: BaseException) -> dict[str, Any]:
    """Return an exception as plain data, without frames of this hook; its own methods may fail."""
    frames, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename != describe_exception.__code__.co_filename:
            frames.append([code.co_filename, trace.tb_lineno or 0, code.co_name])
        trace = trace.tb_next
    message = _call_safely(str, error) or ""
    bases = [_call_safely(_read_type_name, base) or "" for base in type(error).__mro__]
    return {
        "type": bases[0],
        "bases": bases,
        "message": message[:2000],
        "name": _call_safely(lambda failure: getattr(failure, "name", None), error),
        "names": _find_missing_names(error, message),
        "frames": frames[-30:],
    }


def _read_type_name(type: type) -> str:
    return type.__name__


def _call_safely(ask: Callable[[Any], object], thing: object) -> str | None:
    """Return the text that a call returns, None for any other type or an exception."""
    try:
        answer = ask(thing)
        return str.__str__(answer) if issubclass(type(answer), str) else None
    except BaseException:
        return None


def _find_missing_names(error: BaseException, message: str) -> list[str]:
    """Return the names that an error reports as missing from a module, an object, or a call."""
    if issubclass(type(error), ImportError):
        return [word for word in message.split("'")[1:2] if word.isidentifier()]
    if issubclass(type(error), TypeError) and "keyword argument" in message:
        return [word for word in message.split("'")[1::2] if word.isidentifier()]
    return []


def _hash_file_content(path: str) -> str:
    try:
        with _read(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return ""


def _build_shaker(reached: Callable[[str], None]) -> Callable[[str], None]:
    """Return a function that lets other threads run before a statement, every other time."""
    from random import Random
    from time import sleep

    dice = Random()

    def shake(place: str) -> None:
        reached(place)
        if dice.random() < 0.5:
            sleep(dice.random() * 0.0005)

    return shake
