"""The strength of a proof: the parts and mutants of a fix, what their runs mean, real runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from prove_repository import Repository
from pytest_postmortem.proofs import FixStrength, MutantFinding
from pytest_postmortem.prove.diagnose import NamesOfFix
from pytest_postmortem.prove.experiment import Experiment
from pytest_postmortem.prove.fix_lines import find_lines_today, revert_parts_one_by_one
from pytest_postmortem.prove.mutants import Mutant
from pytest_postmortem.prove.revert import FixVersions
from pytest_postmortem.prove.runner import ServerUnfitError
from pytest_postmortem.prove.strength import (
    ENDLESS,
    NO_TIME,
    FixMutant,
    StrengthRequest,
    choose_mutants,
    find_fix_mutants,
    judge_mutant_run,
    judge_part_run,
    measure_strength,
)
from pytest_postmortem.prove.trial import AttemptResult, ProcessEnd, RaisedFailure, Trial

SHOP = "/shop/shop.py"

KNOWN = NamesOfFix("/shop", frozenset(["/shop/test_it.py"]), brought_names=frozenset(["new"]))

WRONG = RaisedFailure("AssertionError", ("AssertionError",), "assert 1 == 2")
NEW = RaisedFailure(
    "ImportError",
    ("ImportError",),
    "no 'new'",
    "shop",
    frames=(("/shop/test_it.py", 3, "test_one"),),
)

UNBOUND = RaisedFailure("NameError", ("NameError",), "no 'new'", "new", frames=((SHOP, 3, "pay"),))

Parts = list[tuple[tuple[int, int], str | None]]

LINES = "".join(f"line {n}\n" for n in range(1, 21))


def changed(text: str, *numbers: int) -> str:
    """Return a text with some of its lines in capitals."""
    lines = text.splitlines(keepends=True)
    return "".join(
        line.upper() if number in numbers else line for number, line in enumerate(lines, 1)
    )


@pytest.mark.parametrize(
    ("fixed", "before", "parts"),
    [
        (LINES, LINES, []),
        (changed(LINES, 3), LINES, [((3, 3), LINES)]),
        (
            changed(LINES, 3, 9),
            LINES,
            [((3, 3), changed(LINES, 9)), ((9, 9), changed(LINES, 3))],
        ),
        (changed(LINES, 3, 6), LINES, [((3, 6), LINES)]),
        (
            changed(LINES, 3, 7),
            LINES,
            [((3, 3), changed(LINES, 7)), ((7, 7), changed(LINES, 3))],
        ),
        ("new\n" + LINES, LINES, [((1, 1), LINES)]),
        (LINES, "old\n" + LINES, [((1, 1), "old\n" + LINES)]),
        (LINES, LINES + "old\n", [((21, 21), LINES + "old\n")]),
        (LINES + "new\nnew\n", LINES, [((21, 22), LINES)]),
        ("a\x0cb\nc\nd\n", "a\x0cb\nc\nX\n", [((3, 3), "a\x0cb\nc\nX\n")]),
    ],
)
def test_each_part_is_taken_away_alone(fixed: str, before: str, parts: Parts) -> None:
    """Changes that stand two lines or less from each other are one part."""
    found = list(revert_parts_one_by_one({SHOP: fixed}, {SHOP: before}))

    assert [(part.lines, part.text) for part in found] == parts
    assert {part.path for part in found} <= {SHOP}


def test_a_part_is_shown_by_its_first_line() -> None:
    """By one that the fix added or changed, or else by one that it removed."""
    found = revert_parts_one_by_one({SHOP: "a\n\n  b\nc\nd\ne\nf\n"}, {SHOP: "a\nc\nd\ne\nX\nf\n"})

    assert [part.shown for part in found] == ["b", "X"]


def test_a_part_is_shown_by_its_code() -> None:
    """A docstring that the fix added says nothing of what was lost."""
    before = "def f():\n    return 1\n"
    fixed = 'def f():\n    """Return two.\n\n    At last.\n    """\n    import m\n    return 1\n'

    (part,) = revert_parts_one_by_one({SHOP: fixed}, {SHOP: before})

    assert part.shown == "import m"


def test_a_file_that_comes_or_goes_is_one_part() -> None:
    """An empty one has a line, for whoever is told of it."""
    fixed = {"new.py": LINES, "gone.py": None, "empty.py": "", "never.py": None}

    found = revert_parts_one_by_one(fixed, {"gone.py": "old\nold\n"})

    assert [(part.path, part.lines, part.text) for part in found] == [
        ("new.py", (1, 20), None),
        ("gone.py", (1, 2), "old\nold\n"),
        ("empty.py", (1, 1), None),
        ("never.py", (1, 1), None),
    ]


@pytest.mark.parametrize(
    ("attempts", "found"),
    [
        ([AttemptResult("passed")], "missed"),
        ([AttemptResult("passed"), AttemptResult("passed")], "missed"),
        ([AttemptResult("failed", WRONG)], "noticed"),
        ([AttemptResult("passed"), AttemptResult("failed", WRONG)], "noticed"),
        ([AttemptResult("failed", NEW), AttemptResult("failed", WRONG)], "noticed"),
        ([AttemptResult("failed")], "noticed"),
        ([AttemptResult("hung")], "noticed"),
        ([AttemptResult("died")], "noticed"),
        ([AttemptResult("failed", NEW)], "invalid"),
        ([AttemptResult("failed", UNBOUND)], "invalid"),
        ([AttemptResult("failed", NEW), AttemptResult("passed")], "invalid"),
        ([AttemptResult("error", WRONG)], "invalid"),
        ([AttemptResult("cut")], "invalid"),
        ([AttemptResult("error", WRONG), AttemptResult("passed")], "invalid"),
        ([AttemptResult("passed"), None], "invalid"),
        ([None], "invalid"),
        ([], "invalid"),
    ],
)
def test_a_part_is_guarded_where_a_test_fails_for_the_problems_own_reason(
    attempts: list[AttemptResult | None], found: MutantFinding
) -> None:
    """What breaks without it can't be taken away alone; nor is a test known that never ran."""
    nodeids = [f"test_it.py::test_{n}" for n in range(len(attempts))]
    own = {nodeid: (attempt,) for nodeid, attempt in zip(nodeids, attempts, strict=True) if attempt}

    assert judge_part_run(Trial(ProcessEnd(0), tuple(nodeids), own), KNOWN)[0] == found


def test_a_file_that_can_not_be_collected_guards_nothing() -> None:
    """Whatever the tests of another say."""
    trial = Trial(
        ProcessEnd(2),
        ("a.py::b",),
        {"a.py::b": (AttemptResult("passed"),)},
        {"c.py": "SyntaxError"},
    )

    assert judge_part_run(trial, KNOWN)[0] == "invalid"


ONE, TWO = "a.py::test_one", "a.py::test_two"


@pytest.mark.parametrize(
    ("words", "status", "expected"),
    [
        (["passed", "passed"], 0, ("missed", "")),
        (["passed", "skipped"], 0, ("missed", "")),
        (["failed"], 1, ("noticed", "")),
        (["passed", "failed"], 1, ("noticed", "")),
        (["passed", "died"], -11, ("noticed", "the process dies")),
        (["passed", "died"], -9, ("missed", "")),
        (["passed", "hung"], None, ("noticed", ENDLESS)),
        ([], None, ("noticed", ENDLESS)),
        (["cut"], None, ("invalid", "--timeout is too short")),
        (["error", "passed"], 1, ("invalid", "the set-up or teardown of a test fails")),
        (["passed"], 0, ("invalid", "a test did not run")),
        ([], 0, ("invalid", "a test did not run")),
    ],
)
def test_a_mutant_is_noticed_by_a_test_that_fails_in_its_call(
    words: list[Any], status: int | None, expected: tuple[MutantFinding, str]
) -> None:
    """Or that dies, or does not end; a set-up that fails does not count."""
    attempts = {
        nodeid: (AttemptResult(word),) for nodeid, word in zip((ONE, TWO), words, strict=False)
    }
    trial = Trial(ProcessEnd(status), (ONE, TWO), attempts)

    assert judge_mutant_run(trial, (ONE, TWO)) == expected


def test_a_mutant_with_which_a_file_can_not_be_collected_is_invalid() -> None:
    """Every test would fail, also one that is of no use."""
    trial = Trial(ProcessEnd(2), broken={"a.py": "SyntaxError: no"})

    expected = ("invalid", "can't be collected: SyntaxError: no")
    assert judge_mutant_run(trial, (ONE, TWO)) == expected


def mutants(count: int, kind: str) -> list[FixMutant]:
    """Return mutants of one kind."""
    return [
        FixMutant(SHOP, Mutant(kind, n, frozenset([n]), "", f"{kind} {n}", ""), {})
        for n in range(count)
    ]


def test_a_sample_has_every_part_and_is_always_the_same() -> None:
    """It keeps the order, and hardly changes with the mutants that there are."""
    parts, others = mutants(3, "part"), mutants(50, "constant")

    sample = choose_mutants([*parts, *others], 10)

    assert sample[:3] == parts
    assert len(sample) == 10
    assert sample[3:] == sorted(sample[3:], key=others.index)
    assert choose_mutants([*parts, *reversed(others)], 10)[3:] == sample[:2:-1]
    assert set(map(id, choose_mutants([*parts, *others[:49]], 10))) >= {
        id(each) for each in sample if each is not others[49]
    }
    assert choose_mutants([*parts, *others], 2) == parts
    assert choose_mutants(others[:3], 40) == others[:3]


LINES_TODAY = "top\n1\n2\nnew\n3\nother\n5\n"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((1, 2), [(2, 3)]),
        ((2, 3), [(3, 3), (5, 5)]),
        ((4, 4), [(6, 6)]),
        ((5, 5), [(7, 7)]),
        ((6, 6), []),
    ],
)
def test_lines_of_the_fix_are_found_in_todays_text(
    lines: tuple[int, int], expected: list[tuple[int, int]]
) -> None:
    """What has changed since is what is in its place; what is gone is not found."""
    assert find_lines_today("1\n2\n3\n4\n5\n6\n", LINES_TODAY, [lines]) == expected


def kinds(versions: FixVersions) -> list[tuple[str, int, str]]:
    """Return the kind, line and changed line of each mutant of a fix."""
    return [
        (each.mutant.kind, each.mutant.line, each.mutant.after or each.mutant.before)
        for each in find_fix_mutants(versions)
    ]


def test_a_part_that_is_the_whole_fix_is_no_mutant() -> None:
    """The proof has reverted it; nor is a mutant that is the same code."""
    before = "def f(a):\n    return a\n"
    fixed = "def f(a):\n    if a > 1:\n        a.b = 1\n    return a\n"

    found = kinds(FixVersions("patch", {SHOP: fixed}, {SHOP: before}))

    assert found == [
        ("comparison", 2, "if a >= 1:"),
        ("constant", 2, "if a > 2:"),
        ("constant", 3, "a.b = 2"),
    ]


def test_a_part_without_code_is_no_mutant() -> None:
    """A comment or a docstring."""
    before = 'def f(a):\n    """Old."""\n    b = a\n    c = b\n    return -a\n    # old\n'
    fixed = 'def f(a):\n    """New."""\n    b = a\n    c = b\n    return a\n    # new\n'

    found = kinds(FixVersions("patch", {SHOP: fixed}, {SHOP: before}))

    assert found == [("returned value", 5, "return None")]


SHOP_OLD = "def f(a):\n    b = a\n    c = b\n    d = c\n    e = d\n    return a\n"
SHOP_FIXED = "def f(a):\n    b = -a\n    c = b\n    d = c\n    e = d\n    return not a\n"


@pytest.mark.parametrize(
    ("today", "lines"),
    [
        (SHOP_FIXED, [2, 6, 6]),
        ("import m\n\n" + SHOP_FIXED, [4, 8, 8, 8]),
        ("def f(a):\n    return not a\n", [2, 2, 2]),
        (None, [2, 6]),
    ],
)
def test_mutants_are_made_of_the_lines_as_they_are_today(
    tmp_path: Path, today: str | None, lines: list[int]
) -> None:
    """The lines of a fix may have moved or gone since; a file that is gone has only its parts."""
    shop = tmp_path / "shop.py"
    if today is not None:
        shop.write_text(today, encoding="utf-8")
    versions = FixVersions("units", {str(shop): SHOP_FIXED}, {str(shop): SHOP_OLD})

    assert sorted(each.mutant.line for each in find_fix_mutants(versions)) == lines


@pytest.mark.parametrize(
    ("contents", "kinds_of_parts"),
    [
        ((b"old\n", b"new\n"), ["data.txt", "shop.py"]),
        ((None, b"new\n"), ["data.txt", "shop.py"]),
        ((b"\xff\n", b"new\n"), []),
    ],
)
def test_a_file_of_data_is_a_part_of_the_fix(
    contents: tuple[bytes | None, bytes | None], kinds_of_parts: list[str]
) -> None:
    """Unless it is no text."""
    before, fixed = {"/shop/shop.py": "a = f(1)\n"}, {"/shop/shop.py": "a = f(2)\n"}
    others = {Path("/shop/data.txt"): contents}

    found = find_fix_mutants(FixVersions("patch", fixed, before, others=others))

    parts = [Path(each.path).name for each in found if each.mutant.kind == "part"]
    assert sorted(parts) == kinds_of_parts


class ToldServer:
    """A server without a process."""

    def close(self) -> None:
        """Do nothing."""


Texts = Mapping[str, str | None]


@dataclass
class ToldExperiment:
    """An experiment that starts no process; ``answer`` is called with the way and the texts.

    The way is the packages that a server has imported, None without a server.
    """

    answer: Callable[[tuple[str, ...] | None, Texts], Trial]
    has_time: bool = True
    packages: tuple[str, ...] = ("numpy",)
    has_tree: bool = False
    ways: list[tuple[str, ...] | None] = field(default_factory=list)
    servers: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def find_time_limit(self) -> float:
        """Return any limit."""
        return 10.0

    def serve(self, nodeids: object, packages: tuple[str, ...]) -> ToldServer:
        """Return a server."""
        server = ToldServer()
        self.servers[id(server)] = tuple(packages)
        return server

    def run_with_texts(
        self, server: object, nodeids: object, texts: Texts, *_: object, stop: bool
    ) -> Trial:
        """Return what is told of a run."""
        way = None if server is None else self.servers[id(server)]
        self.ways.append(way)
        return self.answer(way, texts)


IT = "test_it.py::test_it"
RED = Trial(ProcessEnd(1), (IT,), {IT: (AttemptResult("failed", WRONG),)})
GREEN = Trial(ProcessEnd(0), (IT,), {IT: (AttemptResult("passed"),)}, places=frozenset([(SHOP, 1)]))
ONE_LINE = FixVersions("patch", {SHOP: "a = f(2)\n"}, {SHOP: "a = f(1)\n"})


def measure(experiment: ToldExperiment, versions: FixVersions = ONE_LINE) -> FixStrength:
    """Measure the strength of a proof by one test."""
    own = cast(Experiment, experiment)
    return measure_strength(own, versions, KNOWN, [IT], StrengthRequest(), lambda done, total: None)


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")


@needs_fork
def test_a_fix_without_anything_to_change_needs_no_run() -> None:
    """It says so."""
    experiment = ToldExperiment(lambda way, texts: GREEN)

    strength = measure(experiment, FixVersions("patch", {SHOP: "import a\n"}, {SHOP: ""}))

    assert strength.problem == "its lines have nothing to change"
    assert experiment.ways == []


@needs_fork
def test_tests_that_pass_in_no_way_without_a_mutant_measure_nothing() -> None:
    """Each way is tried: with packages imported before, without them, and in a new process."""
    experiment = ToldExperiment(lambda way, texts: RED)

    assert measure(experiment).problem == "the tests do not pass in a run of their own"
    assert experiment.ways == [("numpy",), (), None]


@needs_fork
def test_mutants_run_in_the_first_way_in_which_the_tests_pass() -> None:
    """A process that can't fork is no such way."""

    def answer(way: tuple[str, ...] | None, texts: Texts) -> Trial:
        if way is not None:
            raise ServerUnfitError
        return GREEN if texts == ONE_LINE.fixed else RED

    experiment = ToldExperiment(answer)

    strength = measure(experiment)

    assert (strength.noticed, strength.missed) == (1, 0)
    assert experiment.ways == [("numpy",), (), None, None]


@needs_fork
def test_a_mutant_for_which_no_time_is_left_is_invalid() -> None:
    """It says which option gives more."""
    strength = measure(ToldExperiment(lambda way, texts: GREEN, has_time=False))

    assert [(each.found, each.why) for each in strength.mutants] == [("invalid", NO_TIME)]


@needs_fork
@pytest.mark.parametrize("is_read", [True, False])
def test_a_file_of_data_is_reached_where_it_is_read(is_read: bool) -> None:
    """No statement of it runs."""
    data = Path("/shop/data.txt")
    versions = FixVersions("patch", {}, {}, others={data: (b"1\n2\n3\n4\n5\n", b"x\n2\n3\n4\ny\n")})
    control = Trial(
        GREEN.ended,
        GREEN.linked,
        GREEN.attempts,
        read_files=frozenset([str(data)] if is_read else []),
    )

    strength = measure(ToldExperiment(lambda way, texts: control), versions)

    assert (strength.missed, strength.not_reached) == ((2, 0) if is_read else (0, 2))


PAY_OLD = """\
def pay(send, key=None):
    return send({})


def refund(send):
    send("x")
    return 2
"""
PAY = """\
def pay(send, key=None):
    for attempt in range(3):
        if attempt > 0:
            wait(attempt)
        try:
            return send({"key": key})
        except TimeoutError:
            continue
        except KeyError:
            raise RuntimeError("no key")


def refund(send):
    while not send("x"):
        break
    return 2


def wait(attempt):
    WAITED.append(attempt)


WAITED = []
"""
PAY_TEST = """\
import pytest
from shop import pay, refund

def test_pay():
    seen = []
    def send(headers):
        seen.append(headers)
        if len(seen) == 1:
            raise TimeoutError
        return 1
    assert pay(send, "k") == 1
    assert seen == [{"key": "k"}] * 2
    assert refund(lambda x: x == "") == 2
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with a fix of several parts; a run that does not end is noticed soon."""
    monkeypatch.setattr("pytest_postmortem.prove.strength.MIN_HANG_SECONDS", 1.0)
    repository = Repository(tmp_path / "repo", monkeypatch)
    repository.commit({"shop.py": PAY_OLD, "pytest.ini": "[pytest]\npythonpath = .\n"})
    repository.fixes["FIX"] = repository.commit({"shop.py": PAY, "tests/test_shop.py": PAY_TEST})
    return repository


EXPECTED = {
    (2, "part: for attempt in range(3):"): ("noticed", None),
    (14, 'part: while not send("x"):'): ("invalid", "the rest of the fix needs it"),
    (2, "for attempt in range(4):"): ("missed", None),
    (3, "if False:"): ("missed", None),
    (3, "if attempt >= 0:"): ("missed", None),
    (3, "if attempt > 1:"): ("missed", None),
    (6, "return None"): ("noticed", None),
    (6, 'return send({"": key})'): ("noticed", None),
    (7, "except ():"): ("noticed", None),
    (8, "break"): ("noticed", None),
    (9, "except ():"): ("not reached", None),
    (10, "pass"): ("not reached", None),
    (14, 'while send("x"):'): ("missed", None),
    (14, 'while not send(""):'): ("missed", None),
    (15, "continue"): ("noticed", "does not end"),
    (20, "pass"): ("missed", None),
}
SAID = """\
<FIX>  proven  strength 6 of 13 (7 missed, 2 not reached, 1 invalid, 1 noticed at the time limit)
                   test_pay fails without <FIX>: TimeoutError
                   missed  shop.py:2   for attempt in range(3):  →  for attempt in range(4):
                   missed  shop.py:3   if attempt > 0:  →  if False:
                   missed  shop.py:3   if attempt > 0:  →  if attempt >= 0:
                   missed  shop.py:3   if attempt > 0:  →  if attempt > 1:
                   missed  shop.py:14  while not send("x"):  →  while send("x"):
                   missed  shop.py:14  while not send("x"):  →  while not send(""):
                   missed  shop.py:20  WAITED.append(attempt)  →  pass
1 of 1 proven (_ s)
"""


def measured(path: Path) -> dict[str, Any]:
    """Return the strength in a JSON report of one incident."""
    (proof,) = json.loads(path.read_text())["proofs"]
    strength: dict[str, Any] = proof["strength"]
    return strength


@pytest.mark.slow
@pytest.mark.parametrize("way", ["fork", "processes"])
def test_a_real_fix(
    repository: Repository,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    way: str,
) -> None:
    """Where processes can't fork, each mutant has its own; the checkout stays as it is."""
    if way == "processes":
        monkeypatch.delattr(os, "fork")
    report = tmp_path / "report.json"
    fix = repository.fixes["FIX"]

    with repository.untouched():
        said = repository.prove(
            capsys,
            "--fix",
            fix,
            "--strength",
            "--mutants=100",
            "--report=term",
            f"--report=json:{report}",
        )

    strength = measured(report)
    found = {
        (each["line"], each["after"] or f"part: {each['before']}"): (each["found"], each["why"])
        for each in strength["mutants"]
    }
    assert said == (0, SAID)
    assert found == EXPECTED
    counts = [strength[word] for word in ("noticed", "missed", "not_reached", "invalid")]
    assert sum(counts) == len(found) == strength["made"]


ENDLESS_TEST = """\
from shop import countdown
def test_it():
    assert countdown(3) == 0
"""


@pytest.mark.slow
def test_a_mutant_that_does_not_end_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says so; the next mutant has a new process to fork."""
    monkeypatch.setattr("pytest_postmortem.prove.strength.MIN_HANG_SECONDS", 1.0)
    repository = Repository(tmp_path / "repo", monkeypatch)
    repository.commit({"shop.py": "def countdown(n):\n    return n\n", "pytest.ini": "[pytest]\n"})
    fixed = "def countdown(n):\n    while n > 0:\n        n -= 1\n    return n\n"
    fix = repository.commit({"shop.py": fixed, "test_shop.py": ENDLESS_TEST})

    _, said = repository.prove(capsys, "--fix", fix, "--strength", "-v")

    assert "strength 5 of 5 (2 noticed at the time limit)" in said
    assert "shop.py:3  n -= 1  →  pass (does not end)" in said
    assert repository.running() == []


@pytest.mark.slow
def test_the_former_name_of_the_option_works(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a note on standard error."""
    from pytest_postmortem.cli.main import main

    status = main(["prove", "--fix", repository.fixes["FIX"], "--hunks", "--mutants=1"])

    said = capsys.readouterr()
    assert status == 0
    assert "  proven  strength " in said.out
    assert said.err == "--hunks is now --strength; the old name ends with the next version\n"


SLEEPING_TEST = (
    PAY_TEST
    + """\
    import os, time
    if os.path.exists("go"):
        open("started", "w").close()
        time.sleep(300)
"""
)


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT], ids=["kill", "interrupt"])
def test_no_process_or_file_outlives_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: signal.Signals
) -> None:
    """Whether it is killed or interrupted while a mutant runs."""
    repository = Repository(tmp_path / "repo", monkeypatch)
    repository.commit(
        {
            "shop.py": PAY_OLD,
            "pytest.ini": "[pytest]\npythonpath = .\n",
            ".gitignore": "go\nstarted\nforks.log\n",
        }
    )
    fix = repository.commit({"shop.py": PAY, "tests/test_shop.py": SLEEPING_TEST})
    process = repository.start("--fix", fix, "--strength", "--timeout=100")
    _wait_for_fork_server(repository, process)
    (repository.folder / "go").touch()
    while not (repository.folder / "started").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)

    process.send_signal(end)
    process.communicate()

    assert repository.running() == []
    until = time.monotonic() + 5
    while [*repository.temporary.iterdir()] and time.monotonic() < until:
        time.sleep(0.05)
    assert [*repository.temporary.iterdir()] == []


def _wait_for_fork_server(repository: Repository, process: subprocess.Popen[str]) -> None:
    """Wait until the runs of mutants begin."""
    while not [*repository.temporary.glob("pm-*/*/notes-1")]:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
