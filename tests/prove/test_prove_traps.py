"""Tests that do to their process what tests do: `prove` finds what they show, and lasts."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from textwrap import dedent, indent

import pytest

from prove_repository import FIXED, HANGS, OLD, TEST, Repository, module_of, table
from pytest_postmortem.cli.prove import run_prove
from pytest_postmortem.cli.prove_cases import ProveRequest
from repositories import Files

pytestmark = pytest.mark.slow

HEAD = """\
import builtins, ctypes, json, os, re, shutil, signal, subprocess, sys, threading, time
import pytest
from {module} import price

{hangs}
@pytest.mark.postmortem("{id}")
def test_price(tmp_path, monkeypatch):
""".replace("{hangs}", HANGS)

FAILS = "fails without <{id}>: AssertionError: assert 50.0 == 5"
DIES = ": the process dies without <{id}> "

STATE = {
    "functions": "builtins.open = json.dumps = os.write = os.open = None",
    "clock": "os.name = 'nt'; time.time = lambda: 0; sys.settrace(lambda *_: None)",
    "later": "monkeypatch.setattr(os, 'name', 'nt'); sys.setprofile(lambda *_: None)\n"
    "time.time = time.monotonic = time.perf_counter = lambda: 1e12",
    "path": "sys.path.clear(); sys.meta_path.clear(); os.environ.clear()\n"
    "os.chdir(tmp_path); shutil.rmtree(tmp_path)",
    "output": "sys.stdout = sys.stderr = None; sys.setrecursionlimit(200)",
}
"""What a test changes and leaves so."""

PROCESSES = {
    "fork": (
        """
        child = os.fork()
        if child == 0:
            os._exit(0 if price(500) == 5 else 3)
        assert os.waitpid(child, 0)[1] == 0
        """,
        "fails without <{id}>: AssertionError: assert 768 == 0",
    ),
    "raises-in-fork": (
        """
        child = os.fork()
        if child == 0:
            assert price(500) == 5
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        """,
        "fails without <{id}>: AssertionError: assert 256 == 0",
    ),
    "outlives": ("if os.fork() == 0: time.sleep(1000); os._exit(0)", FAILS),
    "daemon": ("subprocess.Popen(['sleep', '1000'], start_new_session=True)", FAILS),
    "thread": ("threading.Thread(target=time.sleep, args=(1000,)).start()", FAILS),
    "spawned": (
        """
        code = f"import {price.__module__} as shop; print(shop.price(500))"
        command = [sys.executable, "-c", code]
        told = subprocess.run(command, capture_output=True, text=True, check=True)
        assert told.stdout == "5.0\\n"
        """,
        "fails without <{id}>: AssertionError: assert '50.0\\n' == '5.0\\n'",
    ),
}
"""What a test starts, and what is said of it."""

ENDINGS = {
    "exits": ("if price(500) != 5: os._exit(0)", f"{DIES}(exit status 0)"),
    "raises-exit": ("if price(500) != 5: sys.exit(0)", "fails without <{id}>: SystemExit: 0"),
    "stops-pytest": ("if price(500) != 5: pytest.exit('enough')", f"{DIES}(exit status 2)"),
    "crash": ("if price(500) != 5: ctypes.string_at(0)", f"{DIES}(signal 11)"),
    "kills-group": (
        "if price(500) != 5: os.killpg(0, signal.SIGTERM); time.sleep(20)",
        f"{DIES}(signal 15)",
    ),
    "memory": (
        "kept = []\nwhile price(500) != 5: kept.append(bytes(10 ** 9))",
        "fails without <{id}>: MemoryError",
    ),
    "recursion": (
        "deep = lambda: deep()\nif price(500) != 5: deep()",
        "fails without <{id}>: RecursionError: maximum recursion depth exceeded",
    ),
    "alarm": (
        """
        def late(*_):
            raise TimeoutError("late")
        signal.signal(signal.SIGALRM, late)
        if price(500) != 5:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            time.sleep(20)
        """,
        "fails without <{id}>: TimeoutError: late",
    ),
    "hostile": (
        """
        class Hostile(Exception):
            def __str__(self):
                os._exit(0)
        if price(500) != 5:
            raise Hostile
        """,
        f"{DIES}(exit status 0)",
    ),
    "escapes": (
        "assert price(500) == 5, '\\x1b[31mred\\x00\\udc80 ::error::x'",
        "fails without <{id}>: AssertionError:  [31mred   ::error::x",
    ),
}
"""How a test ends without the fix, and what is said of it."""

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="what these tests do is POSIX")


def trapped(repository: Repository, id: str, code: str) -> None:
    """Commit a fix with a test that does something before it asks for the price."""
    module = module_of(id)
    body = indent(dedent(code.strip("\n")), "    ")
    text = HEAD.replace("{module}", module).replace("{id}", id)
    text += f"{body}\n    assert price(500) == 5\n"
    repository.fixed(id, {f"{module}.py": OLD}, {f"{module}.py": FIXED, f"test_{module}.py": text})


@POSIX
def test_what_a_test_changes_hides_no_failure(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failure is written down with what was there before the test."""
    for id, code in STATE.items():
        trapped(repository, id, code)
    repository.register()

    with repository.untouched():
        told = repository.prove(capsys, "--timeout=60")

    rows = {id: ("proven", f"test_price {FAILS.format(id=id)}") for id in STATE}
    assert told == (0, table(rows, "5 of 5 proven"))


@POSIX
@pytest.mark.parametrize("traps", [PROCESSES, ENDINGS], ids=["processes", "ends"])
def test_no_process_hides_a_failure_or_outlives_its_run(
    repository: Repository,
    capsys: pytest.CaptureFixture[str],
    traps: Mapping[str, tuple[str, str]],
) -> None:
    """Whatever a test starts, and however it ends."""
    for id, (code, _) in traps.items():
        trapped(repository, id, code)
    repository.register()

    with repository.untouched():
        told = repository.prove(capsys, "--timeout=60")

    rows = {
        id: ("proven", "test_price" + " " * (message[0] != ":") + message.format(id=id))
        for id, (_, message) in traps.items()
    }
    assert told == (0, table(rows, f"{len(traps)} of {len(traps)} proven"))


ENDLESS = {
    "pattern": "if price(500) != 5: hangs(); re.match('(a+)+$', 'a' * 50 + 'b')",
    "deaf": """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if price(500) != 5:
            hangs()
            while True: pass
        """,
}
"""What does not end without the fix: in C that lets nothing else run, and what nobody may stop."""


@POSIX
def test_what_does_not_end_without_the_fix_is_proven(
    repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ended after ten times what it takes with the fix, or more, and seen again."""
    for id, code in ENDLESS.items():
        trapped(repository, id, code)
    repository.register()
    repository.end_hanging_runs(monkeypatch)

    with repository.untouched():
        status = run_prove([], ProveRequest(jobs=2))

    told = re.sub(r"\d+ s, ", "_ s, ", repository.told(capsys.readouterr().out))
    rows = {
        id: ("proven", f"test_price does not end without <{id}> (_ s, _ s with it)")
        for id in ENDLESS
    }
    assert (status, told) == (0, table(rows, "2 of 2 proven"))


SLOWER = {
    "slower": "if price(500) != 5: hangs(); time.sleep(60)",
    "slow": "hangs(); time.sleep(60)",
}


@POSIX
def test_a_short_time_limit_makes_no_verdict(
    repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test may only be slower without the fix, or too slow for the limit with it."""
    for id, code in SLOWER.items():
        trapped(repository, id, code)
    repository.register()
    repository.end_hanging_runs(monkeypatch)

    with repository.untouched():
        told = repository.prove(capsys, "--timeout=3")

    why = "test_price does not end {} within _ s: give a longer --timeout"
    rows = {
        "slower": ("inconclusive", why.format("without <slower>")),
        "slow": ("inconclusive", why.format("with the fix")),
    }
    assert told == (0, table(rows, "0 of 2 proven, 2 inconclusive"))


TORN = """\
import os
import pytest
from {module} import price

@pytest.fixture(scope="{scope}")
def shop():
    yield
    if price(500) != 5:
        os._exit(3)

@pytest.mark.postmortem("{module}")
def test_price(shop):
    assert price(0) == 0
"""


def test_a_process_that_ends_in_the_teardown_has_not_passed(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the test, or of what it shares with others."""
    scopes = ("function", "module")
    for scope in scopes:
        text = TORN.format(module=scope, scope=scope)
        after = {f"{scope}.py": FIXED, f"test_{scope}.py": text}
        repository.fixed(scope, {f"{scope}.py": OLD}, after)
    repository.register()

    told = repository.prove(capsys)

    why = "its set-up or teardown fails without <{}>: it stopped in its teardown"
    rows = {
        scope: ("broken", f"test_price: {why.format(scope)}", "this is not a proof")
        for scope in scopes
    }
    assert told == (0, table(rows, "0 of 2 proven, 2 broken"))


NEW = FIXED + "\n\ndef tax(cents):\n    return 0\n"

USED = TEST.replace("import price", "import price, tax")

ELSEWHERE = """\
import sys

def price(cents):
    if sys.platform == "nothing like it":
        return {value}
    return cents / 100
"""

SEES = """\
import sys
import pytest
from {module} import price

@pytest.mark.postmortem("{id}")
def test_price():
    assert "_postmortem_channel" not in sys.modules, "seen"
    assert price(500) == 5
"""

NO_PROOF: dict[str, tuple[Files, Files, tuple[str, ...]]] = {
    "collection": (
        {"{module}.py": FIXED},
        {"{module}.py": NEW, "test_{module}.py": USED},
        (
            "broken",
            "test_price: test_collection.py can't be collected without <collection>:"
            " ImportError: cannot import name 'tax' from 'collection' ({folder}/collection.py)",
            "this is not a proof",
        ),
    ),
    "packaging": (
        {"{module}.py": FIXED, "pyproject.toml": "[project]\nname = 'x'\n"},
        {"pyproject.toml": "[project]\nname = 'y'\n", "test_{module}.py": TEST},
        ("inconclusive", "<packaging> changes no source: pyproject.toml, test_packaging.py"),
    ),
    "comment": (
        {"{module}.py": FIXED},
        {"{module}.py": FIXED + "# per cent\n", "test_{module}.py": TEST},
        ("inconclusive", "<comment> changes no code that runs"),
    ),
    "unreached": (
        {"{module}.py": ELSEWHERE.replace("{value}", "0")},
        {"{module}.py": ELSEWHERE.replace("{value}", "1"), "test_{module}.py": TEST},
        (
            "not reached",
            "test_price passes without <unreached>, and never runs its lines here",
            "another platform, interpreter or option may reach them",
        ),
    ),
    "red": (
        {"{module}.py": OLD},
        {"{module}.py": FIXED, "test_{module}.py": TEST.replace("== 5", "== 6")},
        (
            "fails with fix",
            "test_price fails with the fix in place: AssertionError: assert 5.0 == 6",
        ),
    ),
    "sees-us": (
        {"{module}.py": OLD},
        {
            "{module}.py": FIXED,
            "test_{module}.py": SEES,
        },
        (
            "inconclusive",
            "test_price passes by itself, but fails in prove's environment:"
            " fails with the fix in place: AssertionError: seen",
        ),
    ),
    "skips-itself": (
        {"{module}.py": OLD},
        {
            "{module}.py": FIXED,
            "test_{module}.py": "import pytest\npytest.importorskip('nothing_like_it')\n" + TEST,
        },
        (
            "inconclusive",
            "test_skipsitself.py skips itself: could not import 'nothing_like_it':"
            " No module named 'nothing_like_it'",
        ),
    ),
}
"""What the fix was, what it brought, and what is said of it."""


def test_what_is_no_proof_is_called_none(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """A red run is proof for one reason alone: the problem is back."""
    for id, (before, after, _) in NO_PROOF.items():
        repository.fixed(id, *(filled(files, id) for files in (before, after)))
    repository.register()

    with repository.untouched():
        status, said = repository.prove(capsys)

    folder = str(repository.folder)
    rows = {
        id: [part.replace("{folder}", folder) for part in told]
        for id, (_, _, told) in NO_PROOF.items()
    }
    assert said == table(
        rows,
        "0 of 7 proven, 1 not reached, 1 fails with fix, 1 broken, 4 inconclusive",
    )
    assert status == 1


def filled(files: Files, id: str) -> Files:
    """Return files with the names that go with an incident."""
    names = {"{module}": module_of(id), "{id}": id}
    found = {}
    for path, text in files.items():
        for key, value in names.items():
            path, text = path.replace(key, value), str(text).replace(key, value)
        found[path] = text
    return found
