"""What the recorder notes of a run, asked directly: its hooks, without a run of pytest."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_postmortem.prove.child import recorder
from pytest_postmortem.prove.child.recorder import RunRecorder

IT = "test_it.py::TestA::test_it[1]"
FILE = os.path.realpath("/shop/test_it.py")


class Recording:
    """A recorder, and the notes that it has written."""

    def __init__(self, folder: Path, **config: Any) -> None:
        self._notes = folder / "notes"
        known: dict[str, Any] = {
            "ids": [],
            "marks": ["postmortem"],
            "places": [],
            "others": None,
            "rounds": 1,
            "share": 0.0,
            "started": time.time(),
            "switch": None,
            "roots": [],
            "stop": False,
            "packages": False,
        }
        self.recorder = RunRecorder({**known, "notes": str(self._notes), **config})

    def notes(self, *kinds: str) -> list[Any]:
        """Return the data of the notes of some kinds, or all kinds."""
        notes = [json.loads(line) for line in self._notes.read_text().splitlines()]
        return [data for kind, data in notes if kind in kinds] if kinds else [n[0] for n in notes]

    def collect(self, *items: Any) -> list[str]:
        """Return the tests in the order in which they would run."""
        own: list[Any] = [*items]
        steps = self.recorder.pytest_collection_modifyitems(session=None, items=own)  # type: ignore[arg-type]
        for _ in steps:
            pass
        return [item.nodeid for item in own]


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Recording]:
    """Return a recorder of few modules, which listens to nothing and ends no process."""
    monkeypatch.setattr(sys, "addaudithook", lambda hook: None)
    modules = {name: sys.modules[name] for name in ("pytest", __name__)}
    facts = SimpleNamespace(**{**vars(sys), "modules": modules})
    monkeypatch.setattr(recorder, "sys", facts)
    monkeypatch.setattr(recorder, "_end_process_after", lambda seconds: None)
    return lambda **config: Recording(tmp_path, **config)


def item(nodeid: str, *ids: str, mark: str = "postmortem") -> Any:
    """Return a collected test with a mark for each incident."""
    marks = [SimpleNamespace(name=mark, args=(id,)) for id in ids]
    return SimpleNamespace(
        nodeid=nodeid,
        path=Path("/shop") / nodeid.partition("::")[0],
        iter_markers=lambda: iter(marks),
        session=SimpleNamespace(
            shouldstop=False, _setupstate=SimpleNamespace(teardown_exact=lambda nextitem: None)
        ),
        ihook=SimpleNamespace(
            pytest_runtest_logstart=lambda **_: None, pytest_runtest_logfinish=lambda **_: None
        ),
        parent=None,
        location=("", 0, ""),
        cls=None,
    )


@pytest.mark.parametrize(
    ("outcome", "longrepr", "noted"),
    [
        ("failed", "import x\nE   SyntaxError: no\n\nx.py:1\n", ["SyntaxError: no"]),
        ("failed", "first\nlast\n\n", ["last"]),
        ("failed", "", [""]),
        ("skipped", ("test_it.py", 3, "Skipped: no torch"), ["Skipped: no torch"]),
        ("passed", None, []),
    ],
)
def test_a_file_without_tests_says_why_on_one_line(
    record: Callable[..., Recording], outcome: Any, longrepr: Any, noted: list[str]
) -> None:
    """One that could not be collected is broken, one that skipped itself is left."""
    recording = record()

    recording.recorder.pytest_collectreport(pytest.CollectReport("a.py", outcome, longrepr, None))

    kind = {"failed": "broken", "skipped": "left", "passed": "other"}[outcome]
    assert recording.notes(kind) == [["a.py", line] for line in noted]
    assert len(recording.notes()) == len(noted)


@pytest.mark.parametrize(
    ("outcome", "longrepr", "expected", "why"),
    [
        ("passed", None, None, None),
        ("skipped", ("a.py", 1, "Skipped: later"), None, "later"),
        ("skipped", "later", None, None),
        ("skipped", None, "known bug", "known bug"),
        ("failed", "[XPASS(strict)] known bug", None, "[XPASS(strict)] known bug"),
        ("failed", ("a.py", 1, "x"), None, None),
    ],
)
def test_a_result_has_the_reason_of_a_skip_or_an_expected_failure(
    record: Callable[..., Recording],
    outcome: Any,
    longrepr: Any,
    expected: str | None,
    why: str | None,
) -> None:
    """And the round of a linked test."""
    recording = record(places=[[FILE, ""]])
    recording.collect(item(IT))
    report = pytest.TestReport(IT, ("", 0, ""), {}, outcome, longrepr, "call")
    if expected is not None:
        report.wasxfail = expected

    recording.recorder.pytest_runtest_logreport(report)

    (fact,) = recording.notes("report")
    assert (fact["outcome"], fact["why"], fact["round"]) == (outcome, why, 0)
    assert fact["expected"] is (expected is not None)


OTHER = "test_it.py::test_other"


@pytest.mark.parametrize(
    ("names", "linked"),
    [
        ("TestA::test_it[1]", [IT]),
        ("TestA::test_it", [IT]),
        ("TestA", [IT]),
        ("", [OTHER, IT]),
        ("TestA::test_it[2]", []),
        ("Test", []),
    ],
)
def test_a_test_is_linked_by_its_place(
    record: Callable[..., Recording], names: str, linked: list[str]
) -> None:
    """By its node id, with or without parameters, by its class, or by its file."""
    recording = record(places=[[FILE, names]])

    order = recording.collect(item(OTHER), item(IT), item("test_b.py::test_it[1]"))

    (facts,) = recording.notes("collected")
    assert facts["linked"] == linked
    assert order[: len(linked)] == linked
    assert len(order) == 3
    assert facts["missing"] == ([] if linked else [f"{names} in test_it.py"])


@pytest.mark.parametrize(
    ("own", "is_linked"),
    [
        (item(IT, "PM-1"), True),
        (item(IT, "PM-2", " Pm-1 "), True),
        (item(IT, "PM-2"), False),
        (item(IT, "PM-1", mark="incident"), False),
        (item(IT), False),
    ],
)
def test_a_test_is_linked_by_its_mark(
    record: Callable[..., Recording], own: Any, is_linked: bool
) -> None:
    """However the incident is written there."""
    recording = record(ids=["pm-1"])

    recording.collect(own)

    (facts,) = recording.notes("collected")
    assert facts["linked"] == ([IT] if is_linked else [])


def test_only_named_further_tests_run(record: Callable[..., Recording]) -> None:
    """After the linked ones."""
    recording = record(places=[[FILE, "TestA"]], others=["b.py::test_b"])

    order = recording.collect(item(OTHER), item("b.py::test_b"), item(IT))

    assert order == [IT, "b.py::test_b"]


def test_a_clone_of_the_process_notes_nothing(
    record: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test may fork, and the clone runs on in pytest."""
    recording = record()
    monkeypatch.setattr(recorder, "_getpid", lambda: -1)

    recording.recorder.pytest_runtest_call(item(IT))

    assert recording.notes() == []


def _fail() -> None:
    raise KeyError("a")


def _pass() -> None:
    pass


@pytest.mark.parametrize(
    ("when", "caught", "later", "noted"),
    [
        (_pass, [], False, []),
        (_fail, [], False, ["KeyError"]),
        (_pass, [ValueError("x")], False, ["ValueError"]),
        (_pass, [], True, ["KeyError"]),
        (_fail, [ValueError("x")], False, ["KeyError"]),
    ],
)
def test_an_exception_is_noted_before_its_report(
    record: Callable[..., Recording],
    when: Callable[[], None],
    caught: list[Exception],
    later: bool,
    noted: list[str],
) -> None:
    """Of a unittest too; one that a plugin adds to the call is noted afterwards."""
    recording = record()
    own = item(IT)
    own._excinfo = [pytest.ExceptionInfo.from_exc_info((type(e), e, None)) for e in caught]  # type: ignore[arg-type]
    call = pytest.CallInfo.from_call(when, "call")
    failed = pytest.CallInfo.from_call(_fail, "call")

    steps = recording.recorder.pytest_runtest_makereport(own, call)
    next(steps)
    before = len(recording.notes())
    if later:
        call.excinfo = failed.excinfo
    with pytest.raises(StopIteration) as ended:
        steps.send("the report")

    assert ended.value.value == "the report"
    assert [failure["type"] for *_, failure in recording.notes("raised")] == noted
    assert before == (0 if later else len(noted))


@pytest.mark.parametrize(
    ("config", "seconds", "runs"),
    [
        ({"rounds": 1}, 0.0, 1),
        ({"rounds": 3}, 9.0, 3),
        ({"rounds": -3}, 0.01, 3),
        ({"rounds": -3}, 0.1, 3),
        ({"rounds": -3}, 0.9, 1),
        ({"rounds": -3, "share": 4.0}, 0.9, 3),
    ],
)
def test_a_linked_test_runs_its_rounds(
    record: Callable[..., Recording],
    monkeypatch: pytest.MonkeyPatch,
    config: dict[str, Any],
    seconds: float,
    runs: int,
) -> None:
    """All that were asked for; of rounds with an upper limit those for which there is time."""
    now = [1000.0]
    monkeypatch.setattr(recorder, "_time", lambda: now[0])
    monkeypatch.setattr(recorder, "_measure_work", lambda: 0.0)

    def run(item: Any, nextitem: Any) -> None:
        now[0] += seconds

    monkeypatch.setattr(recorder, "runtestprotocol", run)
    recording = record(places=[[FILE, ""]], started=1000.0, **config)
    own = item(IT)
    recording.collect(own)

    assert recording.recorder.pytest_runtest_protocol(own, None) is True
    assert recording.notes("start") == [[IT, number] for number in range(runs)]
    assert recording.notes("teardown") == [IT]


def test_each_round_has_a_new_instance_of_the_class(
    record: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a test leaves on its instance is gone then."""
    own = item(IT)
    own.cls = object
    seen: list[bool] = []

    def run(item: Any, nextitem: Any) -> None:
        seen.append("_instance" in vars(item) or "_obj" in vars(item))
        item._instance = item._obj = object()

    monkeypatch.setattr(recorder, "runtestprotocol", run)
    recording = record(places=[[FILE, ""]], rounds=3)
    recording.collect(own)

    recording.recorder.pytest_runtest_protocol(own, None)

    assert seen == [False, False, False]


@pytest.mark.parametrize(("stop", "failed"), [(True, True), (True, False), (False, True)])
def test_the_first_failure_ends_a_run_that_asks_for_no_more(
    record: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch, stop: bool, failed: bool
) -> None:
    """A mutant is noticed then."""
    recording = record(places=[[FILE, ""]], stop=stop)
    own = item(IT)
    recording.collect(own)
    outcome: Any = "failed" if failed else "passed"
    report = pytest.TestReport(IT, ("", 0, ""), {}, outcome, None, "call")
    monkeypatch.setattr(
        recorder,
        "runtestprotocol",
        lambda item, nextitem: recording.recorder.pytest_runtest_logreport(report),
    )

    recording.recorder.pytest_runtest_protocol(own, None)

    assert own.session.shouldstop == ("a test failed" if stop and failed else False)


def test_further_tests_run_while_there_is_time(
    record: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a share of the time of the requested runs."""
    now = [1010.0]
    monkeypatch.setattr(recorder, "_time", lambda: now[0])
    recording = record(started=1000.0, share=0.2)
    own = item(OTHER)

    early = recording.recorder.pytest_runtest_protocol(own, None)
    now[0] += 1.9
    still = recording.recorder.pytest_runtest_protocol(own, None)
    shouldstop = own.session.shouldstop
    now[0] += 1
    late = recording.recorder.pytest_runtest_protocol(own, None)

    assert (early, still, shouldstop) == (None, None, False)
    assert (late, own.session.shouldstop) == (True, "enough is known")
    assert recording.notes("others") == [None]


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (["a.py", "data.yaml", "data.txt"], ["a.py", "data.yaml"]),
        (["data.txt"], ["data.txt"]),
    ],
)
def test_files_that_no_plugin_collects_are_left_out(
    record: Callable[..., Recording], arguments: list[str], kept: list[str]
) -> None:
    """Unless nothing would be left, which pytest takes for everything."""

    def collect(file_path: Path, parent: object) -> list[object]:
        return ["a collector"] if file_path.suffix == ".yaml" else []

    hooks = SimpleNamespace(pytest_collect_file=collect)
    session: Any = SimpleNamespace(
        config=SimpleNamespace(args=arguments), gethookproxy=lambda folder: hooks
    )

    record().recorder.pytest_collection(session)

    assert session.config.args == kept


@pytest.mark.parametrize("packages", [True, False])
def test_a_run_notes_its_end_and_what_it_has_loaded(
    record: Callable[..., Recording], packages: bool
) -> None:
    """Files of the checkout as paths, all other modules by their names if that is asked for."""
    folder = str(Path(__file__).parent)
    recording = record(roots=[folder], packages=packages)

    recording.recorder.pytest_sessionfinish(1)

    assert recording.notes("finish") == [1]
    assert str(Path(__file__).resolve()) in recording.notes("modules")[0]
    assert ["pytest" in names for names in recording.notes("packages")] == [True] * packages
    assert all(__name__ not in names for names in recording.notes("packages"))
