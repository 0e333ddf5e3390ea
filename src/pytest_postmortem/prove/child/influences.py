"""Notice influences on a test: threads, processes, the network, files, random numbers.

It is copied into the shadow environment, like the import hook. A test without any of these is
deterministic, since the order of sets is fixed, and needs no second run. Clocks can't be noticed;
a failure that mentions time is repeated for that reason.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

VARYING_EVENTS = frozenset(
    {
        *("_thread.start_new_thread", "_thread.start_joinable_thread", "time.sleep"),
        *("subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec"),
        *("socket.__new__", "socket.connect", "socket.bind", "socket.getaddrinfo"),
        *("os.startfile", "pty.spawn", "signal.pthread_kill"),
    }
)
"""Audit events of things with an order or a duration of their own."""

CHANGING_EVENTS = frozenset(
    {
        *("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink"),
        *("os.truncate", "shutil.rmtree", "sqlite3.connect"),
    }
)
"""Audit events that leave something behind; their first argument is a path."""

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_fspath, _abspath, _join = os.fspath, os.path.abspath, os.path.join  # a test may patch them


class InfluenceWatcher:
    """Calls ``note`` once for each kind of influence during the linked tests.

    Files in ``folder``, which belongs to the run alone, do not count.
    """

    def __init__(self, folder: str, note: Callable[[str, object], None]) -> None:
        self._within = _join(os.path.realpath(folder), "")
        self._note = note
        self._is_on = False
        self._noted: set[str] = set()
        sys.addaudithook(self._hear)

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Watch what runs in the block."""
        state = list(_read_state())
        start_thread = getattr(threading, "_start_new_thread", None)  # no event before Python 3.12

        def start_noted_thread(*arguments: Any) -> Any:
            self._add("thread")
            return start_thread(*arguments) if start_thread is not None else None

        if start_thread is not None:
            threading.__dict__["_start_new_thread"] = start_noted_thread
        self._is_on = True
        try:
            yield
        finally:
            self._is_on = False
            if threading.__dict__.get("_start_new_thread") is start_noted_thread:
                threading.__dict__["_start_new_thread"] = start_thread
            if state != list(_read_state()):
                self._add("random")

    def _hear(self, event: str, arguments: Sequence[Any]) -> None:
        if not self._is_on:
            return
        if event in VARYING_EVENTS:
            self._add(event)
        elif event in CHANGING_EVENTS or (event == "open" and _is_writing(arguments)):
            with suppress(Exception):  # a test may patch anything
                path = os.fsdecode(_fspath(arguments[0]))
                if path not in (":memory:", os.devnull, "") and not _abspath(path).startswith(
                    self._within
                ):
                    self._add("files")

    def _add(self, kind: str) -> None:
        if kind not in self._noted:
            self._noted.add(kind)
            self._note("influence", kind)


def _is_writing(arguments: Sequence[Any]) -> bool:
    flags = arguments[2] if len(arguments) > 2 else 0
    is_path = bool(arguments) and isinstance(arguments[0], (str, bytes, os.PathLike))
    return is_path and isinstance(flags, int) and bool(flags & WRITING)


def _read_state() -> Iterator[object]:
    """Yield the state of random numbers, and how many processes multiprocessing has started."""
    with suppress(Exception):
        yield sys.modules["random"].getstate()
    with suppress(Exception):
        yield str(sys.modules["numpy"].random.get_state())
    with suppress(Exception):
        yield repr(sys.modules["multiprocessing.process"]._process_counter)
