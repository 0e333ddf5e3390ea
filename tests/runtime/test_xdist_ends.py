"""Runs with workers that end too early: what is known then, and what is not made up."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import gapless_report

pytestmark = pytest.mark.slow

pytest.importorskip("xdist")

REGISTRY = """
- {id: PM-1, title: One}
- {id: PM-2, title: Two}
- {id: PM-3, title: Three}
- {id: PM-4, title: Four}
"""


@pytest.fixture(autouse=True)
def registry(pytester: pytest.Pytester) -> None:
    """Write a registry of four incidents."""
    pytester.path.joinpath("postmortems.yml").write_text(REGISTRY, encoding="utf-8")
    pytester.makeini("[pytest]\npostmortem_registry = postmortems.yml\n")


KILLS = """
import os
import signal
import pytest

@pytest.mark.postmortem("PM-1")
def test_before():
    pass

@pytest.mark.postmortem("PM-2")
def test_kills_its_worker():
    os.kill(os.getpid(), signal.SIGKILL)

@pytest.mark.postmortem("PM-3")
def test_after():
    pass
"""


@pytest.mark.smoke
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_test_that_kills_its_worker_fails(pytester: pytest.Pytester) -> None:
    """Its incident may be back; another worker runs what is left, and no gap is made up."""
    pytester.makepyfile(test_it=KILLS)

    result = pytester.runpytest_subprocess("-n2")

    assert gapless_report(result) == [
        "A test of 1 incident fails; the problem may be back:",
        "  PM-2  Two",
        "        test_it.py::test_kills_its_worker",
        "2 of 4 incidents guarded (50 %), 3 linked; 1 has no regression test",
    ]
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*- Post-mortem -*", "PM-2  Two"])


DIES_COLLECTING = """
import os
import pytest

if os.environ.get("PYTEST_XDIST_WORKER") in {workers!r}:
    os._exit(1)

@pytest.mark.postmortem("PM-1")
def test_it():
    pass
"""


def test_a_worker_that_dies_while_it_collects_takes_its_links_along(
    pytester: pytest.Pytester,
) -> None:
    """The run saw a part of the suite, so nothing is called unguarded, and no gate passes."""
    pytester.makepyfile(test_it=DIES_COLLECTING.format(workers=["gw0"]))

    result = pytester.runpytest_subprocess(
        "-n1", "--max-worker-restart=0", "--postmortem-fail-under=1"
    )

    assert gapless_report(result) == [
        "Gate fail-under not judged: links lost with worker gw0; run the whole suite to judge it",
        "no incident seen here; 4 not judged: links lost with worker gw0",
    ]
    assert result.ret != 0


def test_what_one_worker_lost_another_has(pytester: pytest.Pytester) -> None:
    """All workers collect the whole suite, so the run of the one that is left is full."""
    pytester.makepyfile(test_it=DIES_COLLECTING.format(workers=["gw0"]))

    result = pytester.runpytest_subprocess("-n2")

    assert gapless_report(result) == [
        "1 of 4 incidents guarded (25 %), 1 linked; 3 have no regression test"
    ]


CRASHES = """
import os
import pathlib
import threading
import pytest

@pytest.fixture
def native_library():
    pathlib.Path("crashed").touch()
    os._exit(1)

@pytest.fixture
def database():
    while not pathlib.Path("crashed").exists():
        threading.Event().wait(0.02)

@pytest.mark.postmortem("PM-1")
@pytest.mark.xdist_group("one")
def test_crashes(native_library):
    pass

@pytest.mark.postmortem("PM-1", "PM-2")
@pytest.mark.xdist_group("two")
def test_passes(database):
    pass
"""
CRASHED = [
    "A test of 1 incident fails; the problem may be back:",
    "  PM-1",
    "        test_it.py::test_crashes",
]
MODES = [
    ("-n2",),
    ("-n2", "--max-worker-restart=0"),
    ("-n2", "--dist=loadgroup", "--maxfail=1", "--max-worker-restart=1"),
]


@pytest.mark.parametrize("mode", MODES, ids=" ".join)
def test_a_crash_in_the_first_set_up_of_a_worker_counts(
    pytester: pytest.Pytester, mode: tuple[str, ...]
) -> None:
    """It is reported before any link is known, and is not forgotten until one is."""
    pytester.makepyfile(test_it=CRASHES)

    result = pytester.runpytest_subprocess(*mode, "--postmortem-fail-under=100")

    lines = gapless_report(result)
    assert [lines[0], lines[1].partition("  One")[0], lines[2]] == CRASHED
    result.stdout.fnmatch_lines(["worker 'gw* crashed while running 'test_it.py::test_crashes*"])
    result.stdout.fnmatch_lines(["*- Post-mortem -*", "PM-1  One"])


@pytest.mark.parametrize(
    ("mode", "tests"), [(("-n2",), "test_it.py"), (("-n1",), "test_it.py::test_crashes")]
)
def test_a_crash_before_any_mark_is_known_wakes_with_the_plugin(
    pytester: pytest.Pytester, mode: tuple[str, ...], tests: str
) -> None:
    """Where nothing is configured, a failure is kept until a worker reports the first mark."""
    pytester.makeini("[pytest]\n")
    (pytester.path / "postmortems.yml").unlink()
    pytester.makepyfile(test_it=CRASHES)

    result = pytester.runpytest_subprocess(*mode, tests)

    lines = gapless_report(result)
    assert lines[:3] == CRASHED
    result.stdout.fnmatch_lines(["*- Post-mortem -*", "PM-1"])


def test_one_linked_test_alone_that_crashes_has_run(pytester: pytest.Pytester) -> None:
    """The links come with a worker that has no test left to run."""
    pytester.makepyfile(test_it=CRASHES)

    result = pytester.runpytest_subprocess("-n1", "-k", "crashes", "--postmortem-fail-under=25")

    assert gapless_report(result) == [
        "A test of 1 incident fails; the problem may be back:",
        "  PM-1  One",
        "        test_it.py::test_crashes",
        "Gate fail-under not judged: the tests of 1 incident were not run: deselected;"
        " run the whole suite to judge it",
        "0 of 4 incidents guarded, 2 linked; 1 not run, 2 have no regression test",
    ]


def test_a_crash_whose_links_are_lost_guards_nothing(pytester: pytest.Pytester) -> None:
    """Without a worker that replaces it nobody knows the links: the run is a part."""
    pytester.makepyfile(test_it=CRASHES)

    result = pytester.runpytest_subprocess(
        "-n1", "--max-worker-restart=0", "--postmortem-fail-under=1"
    )

    assert gapless_report(result) == [
        "Gate fail-under not judged: links lost with worker gw0; run the whole suite to judge it",
        "no incident seen here; 4 not judged: links lost with worker gw0",
    ]
    assert result.ret == 1


LINKS_ITSELF_LATE = """
import os
import pathlib
import threading
import pytest

def test_links_itself(request):
    first = os.environ["PYTEST_XDIST_WORKER"] == "gw0"
    while not first and not pathlib.Path("failed").exists():
        threading.Event().wait(0.02)
    assert not first, "before its mark is added"
    request.node.add_marker(pytest.mark.postmortem("PM-1"))
"""
SAYS_THAT_IT_FAILED = """
import os
import pathlib
import pytest

@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report):
    if os.environ.get("PYTEST_XDIST_WORKER") == "gw0" and report.failed:
        pathlib.Path("failed").touch()
"""


def test_a_failure_counts_that_a_worker_reported_before_another_one_linked_its_test(
    pytester: pytest.Pytester,
) -> None:
    """With ``--dist each`` one worker fails without the link, and another passes and adds it."""
    pytester.makepyfile(test_it=LINKS_ITSELF_LATE)
    pytester.makeconftest(SAYS_THAT_IT_FAILED)

    result = pytester.runpytest_subprocess("-n2", "--dist=each")

    assert gapless_report(result)[:3] == [
        "A test of 1 incident fails; the problem may be back:",
        "  PM-1  One",
        "        test_it.py::test_links_itself",
    ]
    result.stdout.fnmatch_lines(["*- Post-mortem -*", "PM-1  One"])


CRASHES_ONCE = """
import os
import pathlib
import pytest

@pytest.mark.postmortem("PM-1")
def test_crashes_once():
    tried = pathlib.Path("tried")
    before, _ = tried.exists(), tried.touch()
    before or os._exit(1)

@pytest.mark.postmortem("PM-2")
def test_crashes_always():
    os._exit(1)
"""


def test_a_crash_that_is_rerun_counts_as_its_last_attempt(pytester: pytest.Pytester) -> None:
    """pytest-rerunfailures runs a test again, on another worker, that ended its worker."""
    pytest.importorskip("pytest_rerunfailures")
    pytester.makepyfile(test_it=CRASHES_ONCE)

    result = pytester.runpytest_subprocess("-n2", "--reruns=1", "--postmortem-report=term-missing")

    assert gapless_report(result) == [
        "A test of 1 incident fails; the problem may be back:",
        "  PM-2  Two",
        "        test_it.py::test_crashes_always",
        "1 incident is guarded:",
        "  PM-1  One    1 test, flaky",
        "1 of 4 incidents guarded (25 %), 2 linked; 2 have no regression test",
    ]


WAITS = """
import pathlib
import threading
import pytest

@pytest.mark.postmortem("PM-1")
def test_before():
    pass

@pytest.mark.postmortem("PM-2")
def test_waits():
    pathlib.Path("waiting").touch()
    threading.Event().wait(60)

@pytest.mark.postmortem("PM-3")
def test_after():
    pass
"""


SAYS_WHAT_IT_HEARD = """
import os
import pathlib
import pytest

@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report):
    if report.when == "teardown" and "PYTEST_XDIST_WORKER" not in os.environ:
        pathlib.Path("heard").touch()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
@pytest.mark.parametrize("workers", [(), ("-n2", "--dist=loadfile")], ids=["alone", "n2"])
def test_what_ctrl_c_kept_from_running_did_not_run(
    pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    """The links are known, so no gap is made up, and the gate is not judged."""
    pytester.makepyfile(test_it=WAITS)
    pytester.makeconftest(SAYS_WHAT_IT_HEARD)
    command = [sys.executable, "-m", "pytest", "--postmortem-fail-under=1", *workers]

    with subprocess.Popen(
        command, cwd=pytester.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            until_it_is_there(pytester.path / "heard", process)
            until_it_is_there(pytester.path / "waiting", process)
            process.send_signal(signal.SIGINT)
            printed, _ = process.communicate(timeout=60)
        finally:
            process.kill()

    result = pytest.RunResult(process.returncode, printed.splitlines(), [], 0)
    assert gapless_report(result) == [
        "Gate fail-under not judged: the tests of 2 incidents were not run:"
        " the run ended before them, or a plugin left them out;"
        " run the whole suite to judge it",
        "1 of 4 incidents guarded, 3 linked; 2 not run, 1 has no regression test",
    ]
    assert result.ret == 2


def until_it_is_there(path: Path, process: subprocess.Popen[str]) -> None:
    """Wait for a file that another process makes, a minute at most."""
    end = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)


STOPS = """
import pytest

@pytest.mark.postmortem("PM-1")
def test_fails():
    assert False

@pytest.mark.postmortem("PM-2")
def test_never_runs():
    pass
"""


@pytest.mark.parametrize(
    ("workers", "status"),
    [pytest.param((), 1, id="alone"), pytest.param(("-n2", "--dist=loadfile"), 2, id="n2")],
)
def test_the_first_failure_ends_the_run(
    pytester: pytest.Pytester, workers: tuple[str, ...], status: int
) -> None:
    """With ``-x`` the report is the same; the exit status differs as pytest's own does."""
    pytester.makepyfile(test_it=STOPS)

    result = pytester.runpytest_subprocess("-x", *workers)

    assert gapless_report(result) == [
        "A test of 1 incident fails; the problem may be back:",
        "  PM-1  One",
        "        test_it.py::test_fails",
        "0 of 4 incidents guarded, 2 linked; 1 not run, 2 have no regression test",
    ]
    assert result.ret == status
