"""With workers the same report as without, and a clear word where one takes its links along."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import report_of

pytest.importorskip("xdist")

SUITE = """
import os
import pytest

@pytest.fixture
def broken():
    raise OSError("no database")

@pytest.mark.postmortem("PM-1")
@pytest.mark.xdist_group("g")
def test_passes(): pass

@pytest.mark.postmortem("PM-2")
@pytest.mark.xdist_group("g")
def test_fails(): assert 0

@pytest.mark.postmortem("PM-3", "PM-33", "")
@pytest.mark.skip(reason="no server")
def test_skips(): pass

def test_marks_itself(request):
    request.node.add_marker(pytest.mark.postmortem("PM-4"))

@pytest.mark.postmortem("PM-5")
def test_breaks(broken): pass

@pytest.mark.parametrize("n", [1, 2])
def test_is_declared(n): pass
"""
REPORT = [
    "A test of 1 incident fails; the problem may be back:",
    "  PM-2",
    "        test_it.py::test_fails",
    "A test of 1 incident broke in its setup or teardown; nothing can be said:",
    "  PM-5",
    "        test_it.py::test_breaks",
    "1 incident is linked, but nothing here would catch it:",
    "  PM-3    skipped: no server",
    "1 incident has no regression test:",
    "  PM-7",
    "3 incidents are guarded:",
    "  PM-1    1 test",
    "  PM-4    1 test",
    "  PM-6    2 tests",
    "2 errors in links or registry:",
    "  test_it.py:16: @pytest.mark.postmortem('') names an empty id;"
    ' write @pytest.mark.postmortem("PM-123")',
    "  test_it.py:16: unknown post-mortem 'PM-33'; did you mean 'PM-3'?",
    "3 of 7 incidents guarded (42 %), 6 linked; 1 has no regression test",
]


@pytest.fixture(autouse=True)
def registry(pytester: pytest.Pytester) -> None:
    """Write a registry of seven incidents, one of which names its test."""
    entries = "".join(f"- id: PM-{n}\n" for n in range(1, 8))
    entries = entries.replace("PM-6\n", "PM-6\n  tests: test_it.py::test_is_declared\n")
    pytester.makefile(".yml", pm=entries)
    pytester.makeini("[pytest]\npostmortem_registry = pm.yml\n")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), marks=pytest.mark.smoke),
        ("-n0",),
        pytest.param(("-n2",), marks=pytest.mark.smoke),
        ("-n2", "--dist=loadscope"),
        ("-n2", "--dist=loadfile"),
        pytest.param(("-n2", "--dist=loadgroup"), marks=pytest.mark.smoke),
        ("-n2", "--dist=worksteal"),
        pytest.param(("-n2", "--dist=each"), marks=pytest.mark.smoke),
        ("--tx", "2*popen", "--dist=load"),
    ],
    ids=" ".join,
)
def test_the_report_is_the_same_however_tests_are_distributed(
    pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    """Nothing is said twice, nothing is lost, and the exit status is the same."""
    pytester.makepyfile(test_it=SUITE)

    result = pytester.runpytest_subprocess(*arguments, "--postmortem-report=term-missing")

    assert report_of(result) == REPORT
    assert result.ret == 1


@pytest.mark.parametrize(
    "arguments",
    [("-k", "passes"), ("-k", "nothing"), ("test_it.py::test_passes",), ("--collect-only",)],
    ids=" ".join,
)
def test_a_part_of_the_suite_is_the_same_part_with_workers(
    pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    """A worker that runs no test still tells what it collected."""
    pytester.makepyfile(test_it=SUITE)

    alone = pytester.runpytest_subprocess(*arguments)
    workers = pytester.runpytest_subprocess("-n2", *arguments)

    assert report_of(workers) == report_of(alone)
    assert report_of(alone)[-1].startswith(("1 of ", "0 of "))
    assert workers.ret == alone.ret


@pytest.mark.parametrize(
    "arguments",
    [
        ("-n2",),
        pytest.param(("-n1",), id="the-only-worker"),
        pytest.param(("-n1", "--max-worker-restart=0"), id="the-only-worker-for-good"),
    ],
    ids=" ".join,
)
def test_an_incident_whose_test_kills_its_worker_may_be_back(
    pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    """A crash is a failure of the test in which it happened, and takes no other link along."""
    pytester.makepyfile(
        test_it="""
        import os
        import pytest

        @pytest.mark.postmortem("PM-1")
        def test_passes(): pass

        @pytest.mark.postmortem("PM-2")
        def test_kills(): os._exit(3)

        @pytest.mark.parametrize("n", [1])
        def test_is_declared(n): pass
        """
    )

    result = pytester.runpytest_subprocess(*arguments)

    reported = report_of(result)
    assert reported[:3] == [
        "A test of 1 incident fails; the problem may be back:",
        "  PM-2",
        "        test_it.py::test_kills",
    ]
    whole = "2 of 7 incidents guarded (28 %), 3 linked; 4 have no regression test (-v lists them)"
    cut = "1 of 7 incidents guarded, 3 linked; 1 not run, 4 have no regression test (-v lists them)"
    assert reported[3:] == [cut if "--max-worker-restart=0" in arguments else whole]
    assert result.ret == 1


def test_workers_that_die_while_they_collect_take_their_links_along(
    pytester: pytest.Pytester,
) -> None:
    """The run is partial, and no incident is called unguarded."""
    pytester.makepyfile(test_it=SUITE)
    pytester.makeconftest(
        """
        import os

        def pytest_collection_modifyitems(config):
            if hasattr(config, "workerinput"):
                os._exit(4)
        """
    )

    result = pytester.runpytest_subprocess("-n2", "--max-worker-restart=0")

    assert report_of(result) == [
        "no incident seen here; 7 not judged: links lost with worker gw0, gw1"
    ]


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "n2"])
def test_ctrl_c_leaves_what_did_not_run_open(
    pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    """What ran before the interruption counts, and nothing else is claimed."""
    pytester.makepyfile(
        test_it="""
        import pathlib
        import time
        import pytest

        @pytest.mark.postmortem("PM-1")
        def test_passes(): pass

        @pytest.mark.postmortem("PM-2")
        def test_waits():
            pathlib.Path("waiting").touch()
            time.sleep(60)

        @pytest.mark.postmortem("PM-3")
        def test_waits_too(): time.sleep(60)

        def test_is_declared(): time.sleep(60)
        """
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *workers]
    started = subprocess.Popen(
        command,
        cwd=pytester.path,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )

    wait_for(pytester.path / "waiting")
    os.killpg(started.pid, signal.SIGINT)
    output, _ = started.communicate(timeout=30)

    (last,) = [line for line in output.splitlines() if " incidents guarded" in line]
    assert last == (
        "1 of 7 incidents guarded, 4 linked; 3 not run, 3 have no regression test (-v lists them)"
    )
    assert started.returncode == pytest.ExitCode.INTERRUPTED


def wait_for(path: Path) -> None:
    """Return when a file exists.

    Raises:
        TimeoutError: It did not within a minute.
    """
    end = time.monotonic() + 60
    while not path.exists():
        if time.monotonic() > end:
            raise TimeoutError(path)
        time.sleep(0.05)


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "n2"])
def test_a_mark_is_found_where_nothing_is_configured(
    pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    """The plugin wakes at the first mark, in this process or in a worker."""
    pytester.makeini("[pytest]\n")
    pytester.makepyfile(test_it=SUITE.replace("test_marks_itself(request)", "no_test(request)"))

    result = pytester.runpytest_subprocess(*workers, "--postmortem-report=term-missing")

    assert (
        report_of(result)[-1]
        == "1 of 5 linked incidents guarded; no registry, so no gap is claimed"
    )


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "n2"])
def test_a_registry_that_was_found_serves_workers_too(
    pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    """Its declared tests are links like any other, once any test is marked."""
    pytester.makeini("[pytest]\n")
    (pytester.path / "pm.yml").rename(pytester.path / "postmortems.yml")
    pytester.makepyfile(test_it=SUITE)

    result = pytester.runpytest_subprocess(*workers, "--postmortem-report=term-missing")

    assert report_of(result) == REPORT


def test_a_configured_registry_is_read_by_the_controller_alone(pytester: pytest.Pytester) -> None:
    """However many workers there are, it is read or fetched once."""
    pytester.makepyfile(test_it=SUITE)
    pytester.makeconftest(
        """
        import os

        def pytest_sessionstart(session):
            if hasattr(session.config, "workerinput") and os.path.exists("pm.yml"):
                os.replace("pm.yml", f"gone-{os.getpid()}.yml")
        """
    )

    result = pytester.runpytest_subprocess("-n2", "--postmortem-report=term-missing")

    assert report_of(result) == REPORT
