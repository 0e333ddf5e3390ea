"""The process that forks runs: what it imports before, when it is of use, and how it is asked."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pytest_postmortem.prove.child import fork_server
from pytest_postmortem.prove.child.fork_server import import_packages, list_plugin_packages
from pytest_postmortem.prove.interpreter import Interpreter
from pytest_postmortem.prove.runner import ForkServer, ServerUnfitError, ShadowEnvironment


@pytest.mark.parametrize(
    ("names", "loaded", "threads", "is_fit"),
    [
        ([], {}, 1, True),
        (["shop_package"], {}, 1, True),
        (["no_such_package"], {}, 1, True),
        (["a_plugin.hooks"], {}, 1, True),
        ([], {}, 2, False),
        ([], {"shop": "tree/shop.py"}, 1, False),
        ([], {"shop": "elsewhere/shop.py"}, 1, True),
        ([], {"__main__": "tree/shop.py"}, 1, True),
        (["shop_package"], {"a_plugin.other": "a_plugin/other.py"}, 1, False),
    ],
)
def test_a_fork_is_as_good_as_a_new_process(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    names: list[str],
    loaded: dict[str, str],
    threads: int,
    is_fit: bool,
) -> None:
    """Without threads, modules of the checkout, and plugins that pytest has to rewrite."""
    modules = {}
    for name, path in loaded.items():
        modules[name] = ModuleType(name)
        modules[name].__file__ = os.path.realpath(tmp_path / path)
    imported: list[str] = []

    def load(name: str) -> None:
        imported.append(name)
        if name == "no_such_package":
            raise ModuleNotFoundError(name)

    monkeypatch.setattr(fork_server, "sys", SimpleNamespace(modules=modules))
    monkeypatch.setattr(fork_server, "import_module", load)
    monkeypatch.setattr(fork_server, "list_plugin_packages", lambda: {"a_plugin"})
    monkeypatch.setattr(threading, "active_count", lambda: threads)

    assert import_packages(names, [str(tmp_path / "tree")]) is is_fit
    assert imported == [name for name in names if not name.startswith("a_plugin")]


def test_packages_with_plugins_are_known_by_their_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of pytest itself are imported already; a distribution may not list its files."""

    def distribution(group: str, *files: str) -> Any:
        return SimpleNamespace(
            entry_points=[SimpleNamespace(group=group)], files=[Path(file) for file in files]
        )

    unlisted = SimpleNamespace(entry_points=[SimpleNamespace(group="pytest11")], files=None)
    known = [
        distribution("pytest11", "one/hooks.py", "one-1.0.dist-info/METADATA", "two.py"),
        distribution("pytest11", "_pytest/python.py"),
        distribution("console_scripts", "three.py"),
        unlisted,
    ]
    monkeypatch.setattr(fork_server, "distributions", lambda: iter(known))

    assert list_plugin_packages() == {"one", "two"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
@pytest.mark.parametrize("answer", [b"unfit\n", b""])
def test_a_process_that_is_not_ready_is_closed_and_said_to_be_unfit(
    tmp_path: Path, answer: bytes
) -> None:
    """Whether it says so, or has ended."""
    ended = []

    @contextmanager
    def start() -> Iterator[Any]:
        (reading, asked), (answered, answering) = os.pipe(), os.pipe()
        os.write(answering, answer)
        os.close(answering)
        with os.fdopen(asked, "wb") as stdin, os.fdopen(answered, "rb") as stdout:
            yield SimpleNamespace(stdin=stdin, stdout=stdout, pid=0)
        os.close(reading)
        ended.append(True)

    interpreter = Interpreter(sys.executable, (3, 11), (), "lib")
    (tmp_path / "env" / "lib").mkdir(parents=True)
    shadow = ShadowEnvironment(tmp_path / "env", interpreter)
    server = ForkServer(start, shadow, tmp_path, {"import_hook": {}, "recorder": {}})

    with pytest.raises(ServerUnfitError):
        server.run({}, {}, 1.0)

    assert ended == [True]
