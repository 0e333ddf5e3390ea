"""With workers a run says what it says alone, however the tests are spread."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import report_of
from report_schema import read_report, without_durations

pytestmark = pytest.mark.slow

pytest.importorskip("xdist")

REGISTRY = """
- {id: PM-1, title: Guarded well}
- {id: PM-2, title: Comes back, url: "https://wiki.example.com/2"}
- {id: PM-3, title: Skipped here}
- {id: PM-4, title: Declared, tests: ["tests/test_a.py::test_declared"]}
- {id: PM-5, title: Marked while it runs}
- {id: PM-6, title: Deselected}
- {id: PM-7, title: Without a test}
- {id: PM-8, title: Known to be broken}
- {id: PM-9, title: Broken set-up}
- {id: PM-10, title: In another file, tests: ["tests/test_c.py::test_other", "tests/gone.py"]}
"""

TESTS = {
    "tests/test_a.py": """
import pytest

@pytest.mark.postmortem("PM-1")
@pytest.mark.xdist_group("one")
def test_guards():
    pass

@pytest.mark.postmortem("PM-2")
@pytest.mark.xdist_group("two")
def test_comes_back():
    assert False

@pytest.mark.postmortem("PM-3")
@pytest.mark.skip(reason="no server")
def test_skipped():
    pass

@pytest.mark.xdist_group(name="one")
def test_declared():
    pass

@pytest.mark.postmortem("PM-404", "PM-1")
def test_unknown():
    pass

@pytest.mark.postmortem()
def test_bad_mark():
    pass
""",
    "tests/test_b.py": """
import pytest

@pytest.mark.xdist_group("three")
def test_marks_itself(request):
    request.node.add_marker(pytest.mark.postmortem("PM-5"))

@pytest.mark.postmortem("PM-6")
@pytest.mark.xdist_group("one")
def test_slow():
    pass

@pytest.mark.postmortem("PM-8")
@pytest.mark.xfail(reason="known")
@pytest.mark.parametrize("n", [1, 2])
def test_broken(n):
    assert False

@pytest.fixture
def broken():
    raise OSError("no server")

@pytest.mark.postmortem("PM-9")
@pytest.mark.xdist_group("three")
def test_set_up(broken):
    pass
""",
    "tests/test_c.py": """
def test_other():
    pass
""",
}

INI = """
[pytest]
testpaths = tests
postmortem_registry = postmortems.yml
"""

FULL = ("-k", "not slow", "--postmortem-fail-under=10")
PART = ("tests/test_b.py", "tests/test_a.py::test_declared")


def write(pytester: pytest.Pytester, files: dict[str, str], registry: str = REGISTRY) -> None:
    """Write a suite and its registry."""
    (pytester.path / "tests").mkdir(exist_ok=True)
    for name, text in files.items():
        (pytester.path / name).write_text(text, encoding="utf-8")
    (pytester.path / "postmortems.yml").write_text(registry, encoding="utf-8")
    pytester.makeini(INI)


def spread(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run in this process, or, with workers, in one of their own."""
    if any(argument.startswith(("-n", "--tx")) for argument in arguments):
        return pytester.runpytest_subprocess(*arguments)
    return pytester.runpytest(*arguments)


def document(pytester: pytest.Pytester, *arguments: str) -> tuple[dict[str, Any], list[str], int]:
    """Run, and return the JSON report, the report in the terminal and the exit status."""
    result = spread(pytester, "--postmortem-report=json:r.json", *arguments)
    return without_durations(read_report(pytester.path / "r.json")), report_of(result), result.ret


MODES = [
    ("-n2",),
    ("-n2", "--dist=loadgroup"),
    ("-n2", "--dist=each"),
    ("-d", "--tx=2*popen"),
]


def name_of(value: object) -> str:
    """Return the id of a case."""
    return "".join(value) if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize("mode", MODES, ids=name_of)
def test_a_run_says_the_same_however_it_is_spread(
    pytester: pytest.Pytester, mode: tuple[str, ...]
) -> None:
    """Failing, skipped, deselected, unknown, badly marked, declared and marked while running."""
    write(pytester, TESTS)
    alone = document(pytester, *FULL)

    workers = document(pytester, *FULL, *mode)

    assert workers == alone
    states = {each["id"]: each["state"] for each in workers[0]["incidents"]}
    assert states == {
        "PM-1": "guarded",
        "PM-2": "failing",
        "PM-3": "skipped",
        "PM-4": "guarded",
        "PM-5": "guarded",
        "PM-6": "not-run",
        "PM-7": "unguarded",
        "PM-8": "known-broken",
        "PM-9": "errored",
        "PM-10": "guarded",
    }


@pytest.mark.parametrize("mode", [MODES[1], MODES[2]], ids=name_of)
def test_a_part_of_the_suite_is_the_same_part(
    pytester: pytest.Pytester, mode: tuple[str, ...]
) -> None:
    """A file and a node id give no gap, alone and with workers."""
    write(pytester, TESTS)
    alone = document(pytester, *PART)

    workers = document(pytester, *PART, *mode)

    assert workers == alone
    assert workers[0]["scope"]["kind"] == "partial"
    assert workers[0]["scope"]["reasons"] == ["1 node id given", "2 of 3 files given"]


@pytest.mark.smoke
def test_no_node_id_ends_in_the_name_of_its_group(pytester: pytest.Pytester) -> None:
    """xdist writes ``@group`` behind them; neither the report nor a later run knows that name."""
    write(pytester, TESTS)

    found, lines, _ = document(pytester, "-n2", "--dist=loadgroup", "-v")

    nodeids = [test["nodeid"] for each in found["incidents"] for test in each["tests"]]
    assert [nodeid for nodeid in nodeids if "@" in nodeid] == []
    assert [line for line in lines if "@" in line and "pytest.mark" not in line] == []
    assert "tests/test_b.py::test_marks_itself" in nodeids


HIDES_REGISTRY = """
import os
import pathlib
import pytest

@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session):
    if not hasattr(session.config, "workerinput"):
        pathlib.Path("postmortems.yml").unlink()
        pathlib.Path("gone").touch()
    else:
        assert pathlib.Path("gone").exists()
"""


def test_workers_never_read_the_registry(pytester: pytest.Pytester) -> None:
    """It is gone before the first worker starts, and tests that it declares are known there."""
    write(pytester, TESTS)
    alone = document(pytester)
    write(pytester, {**TESTS, "conftest.py": HIDES_REGISTRY})

    workers = document(pytester, "-n2")

    assert (pytester.path / "gone").exists()
    assert not (pytester.path / "postmortems.yml").exists()
    assert workers == alone


TWO = """
- {id: PM-1, title: One}
- {id: PM-2, title: Two}
"""

FLAKY = """
import pathlib
import pytest

@pytest.mark.postmortem("PM-1")
def test_flaky():
    tried = pathlib.Path("tried")
    before, _ = tried.exists(), tried.touch()
    assert before

@pytest.mark.postmortem("PM-2")
def test_fails():
    assert False
"""


def test_a_rerun_on_a_worker_discards_an_attempt(pytester: pytest.Pytester) -> None:
    """What passed at last guards and is flaky; what failed each time fails."""
    pytest.importorskip("pytest_rerunfailures")
    write(pytester, {"tests/test_it.py": FLAKY}, TWO)
    alone = document(pytester, "--reruns=1")
    (pytester.path / "tried").unlink()

    workers = document(pytester, "--reruns=1", "-n2")

    found = [(each["id"], each["state"], each["flaky"]) for each in workers[0]["incidents"]]
    assert found == [("PM-1", "guarded", True), ("PM-2", "failing", True)]
    assert workers == alone
