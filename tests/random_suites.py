"""Random suites: a specification from a seed, in plain data.

`suite_files` writes a project that is as specified, `suite_oracle` says what its run has to report.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from importlib.util import find_spec

import pytest

TODAY = date(2026, 6, 1)

HAS_RERUNS = find_spec("pytest_rerunfailures") is not None
HAS_SUBTESTS = int(pytest.version_tuple[0]) >= 9 or find_spec("pytest_subtests") is not None

RESULTS = ("pass", "pass", "pass", "fail", "raise", "skip", "xfail")
"""What the body of a test may do: `raise` is a ValueError, `fail` an AssertionError."""

COLORS = ("amber", "beige", "coral")
"""Words in the names of tests, for ``-k``."""


@dataclass(frozen=True)
class Xfail:
    """An xfail mark, with its condition."""

    strict: bool = False
    run: bool = True
    raises: str | None = None
    condition: bool = True


@dataclass(frozen=True)
class Case:
    """One test, or one set of parameters of a test, and all that decides how it ends.

    ``ids`` are those of all marks in the file that apply to it, ``late`` those that it adds to
    itself while it runs, ``added`` those that a conftest adds. ``attempts`` are the results of its
    body, the last of them again and again.
    """

    name: str
    attempts: tuple[str, ...] = ("pass",)
    param: str | None = None
    ids: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    skip: bool = False
    xfail: Xfail | None = None
    setup: str = "ok"
    teardown: str = "ok"
    subtests: tuple[str, ...] = ()
    reruns: int = 0
    slow: bool = False
    unittest: bool = False


@dataclass(frozen=True)
class Group:
    """The tests of a function, with its own marks and those of each set of parameters."""

    cases: tuple[Case, ...]
    ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Class:
    """A class of tests, or the functions of a file that are in none."""

    name: str | None
    groups: tuple[Group, ...]
    ids: tuple[str, ...] = ()
    slow: bool = False
    unittest: bool = False
    breaks: bool = False


@dataclass(frozen=True)
class File:
    """A test file; ``kind`` is ``tests``, ``skips-itself`` or ``broken``."""

    path: str
    classes: tuple[Class, ...]
    ids: tuple[str, ...] = ()
    kind: str = "tests"
    skip: bool = False

    def cases(self) -> Iterator[tuple[str, Case]]:
        """Yield each test in the order in which it is collected, by node id, with all its marks."""
        for klass in self.classes:
            prefix = f"{self.path}::{klass.name}" if klass.name else self.path
            for group in klass.groups:
                for case in group.cases:
                    nodeid = f"{prefix}::{case.name}" + (f"[{case.param}]" if case.param else "")
                    yield (
                        nodeid,
                        replace(
                            case,
                            ids=(*self.ids, *klass.ids, *group.ids, *case.ids),
                            skip=case.skip or self.skip,
                            slow=case.slow or klass.slow,
                            unittest=klass.unittest,
                            setup="class" if klass.breaks else case.setup,
                        ),
                    )


@dataclass(frozen=True)
class Incident:
    """An entry of the registry."""

    id: str
    day: date | None = None
    severity: str | None = None
    exempt: bool = False
    until: date | None = None
    guarded_by: bool = False
    tests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Suite:
    """A project: its registry, its tests, its settings and the options of one run.

    ``selection`` is what the run selects: its kind, and a value.
    """

    incidents: tuple[Incident, ...]
    files: tuple[File, ...]
    selection: tuple[str, str] = ("all", "")
    fail_under: float | None = None
    require: tuple[str, ...] = ()
    grace: int = 0
    since: date | None = None


class _Maker:
    """Makes one suite from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.count = 0
        self.ids = [f"PM-{n}" for n in range(1, 31)]

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def some_ids(self, probability: float) -> tuple[str, ...]:
        """Return ids for one place: mostly none or one, seldom one that the registry lacks."""
        found: list[str] = []
        while self.chance(probability) and len(found) < 3:
            id = self.random.choice(self.ids)
            found.append(id.lower() if self.chance(0.1) else id)
            if self.chance(0.01):
                found.append(f"NO-{self.random.randrange(3)}")
        return tuple(found)

    def case(self, name: str, param: str | None, static: bool) -> Case:
        attempts: tuple[str, ...] = (self.random.choice(RESULTS),)
        reruns = 0
        if HAS_RERUNS and self.chance(0.12):
            reruns = self.random.randint(1, 2)
            attempts = tuple(self.random.choices(("fail", "raise", "pass"), k=reruns + 1))
        case = Case(name, attempts, param, self.some_ids(0.25 if param else 0), reruns=reruns)
        if self.chance(0.12):
            case = replace(
                case,
                xfail=Xfail(
                    strict=self.chance(0.4),
                    run=self.chance(0.8),
                    raises=self.random.choice((None, None, "ValueError", "OSError")),
                    condition=self.chance(0.8),
                ),
            )
        case = replace(case, skip=self.chance(0.06), slow=self.chance(0.1))
        if static:
            return case
        if HAS_SUBTESTS and not case.xfail and not reruns and self.chance(0.1):
            parts = self.random.choices(("pass", "fail", "skip"), k=self.random.randint(1, 3))
            case = replace(case, subtests=tuple(parts))
        return replace(
            case,
            setup=self.random.choices(("ok", "error", "skip"), (12, 1, 1))[0],
            teardown=self.random.choices(("ok", "error"), (12, 1))[0],
            late=self.some_ids(0.05),
        )

    def group(self, static: bool) -> Group:
        self.count += 1
        name = f"test_{self.random.choice(COLORS)}_{self.count}"
        params: Sequence[str | None] = (None,)
        if self.chance(0.2):
            params = [f"p{n}" for n in range(self.random.randint(1, 3))]
        cases = tuple(self.case(name, param, static) for param in params)
        if not static and self.chance(0.08):
            added = (self.random.choice(self.ids),)
            cases = tuple(replace(case, added=added) for case in cases)
        if len(cases) > 1:  # what applies to a function applies to all of its parameters
            first = cases[0]
            is_plain = not any(case.xfail or case.reruns for case in cases)
            cases = tuple(
                replace(
                    case,
                    setup=first.setup,
                    teardown=first.teardown,
                    reruns=first.reruns,
                    late=first.late,
                    subtests=first.subtests if is_plain else (),
                )
                for case in cases
            )
        return Group(cases, self.some_ids(0.4))

    def unit_test(self) -> Class:
        """Make a unittest.TestCase, whose tests know neither fixtures nor parameters."""
        self.count += 1
        groups = []
        breaks = self.chance(0.1)
        for n in range(self.random.randint(1, 3)):
            name = f"test_{self.random.choice(COLORS)}_{self.count}_{n}"
            result = self.random.choice(("pass", "pass", "fail", "raise", "skip"))
            case = Case(name, (result,), slow=self.chance(0.1))
            kind = self.random.random()
            if kind < 0.1 and not breaks:
                case = replace(case, skip=True)
            elif kind < 0.25 and result != "skip":  # which is an exception like any other
                case = replace(case, xfail=Xfail(strict=True))
            elif kind < 0.35:
                case = replace(case, setup="error")
            elif kind < 0.45 and result != "skip":  # which would hide the error
                case = replace(case, teardown="error")
            groups.append(Group((case,), self.some_ids(0.4)))
        groups.sort(key=lambda group: group.cases[0].name)  # the order in which unittest has them
        name = f"TestUnit{self.count}"
        return Class(name, tuple(groups), self.some_ids(0.15), unittest=True, breaks=breaks)

    def file(self, number: int) -> File:
        folder = self.random.choice(("", "sub/"))
        path = f"{folder}test_file_{number}.py"
        kind = self.random.choices(("tests", "skips-itself", "broken"), (12, 1.5, 0.3))[0]
        static = kind != "tests"
        classes = [Class(None, tuple(self.group(static) for _ in range(self.random.randint(1, 4))))]
        for _ in range(self.random.choice((0, 0, 1, 2))):
            if self.chance(0.4) and not static:
                classes.append(self.unit_test())
                continue
            self.count += 1
            groups = tuple(self.group(static) for _ in range(self.random.randint(1, 3)))
            slow = self.chance(0.1)
            classes.append(Class(f"Test{self.count}", groups, self.some_ids(0.2), slow))
        return File(path, tuple(classes), self.some_ids(0.1), kind, skip=self.chance(0.04))

    def incident(self, id: str, files: Sequence[File]) -> Incident:
        day = TODAY - timedelta(self.random.choice((3, 14, 15, 100, 400)))
        incident = Incident(
            id,
            day if self.chance(0.85) else None,
            self.random.choice(("sev1", "SEV-1", "sev2", "sev3", "sev3", None)),
        )
        kind = self.random.random()
        if kind < 0.08:
            return replace(incident, guarded_by=True)
        if kind < 0.2:
            ends = (None, None, TODAY, TODAY - timedelta(1), TODAY + timedelta(1))
            return replace(incident, exempt=True, until=self.random.choice(ends))
        if kind < 0.3:
            file = self.random.choice(files)
            nodeid = self.random.choice([nodeid for nodeid, _ in file.cases()])
            if self.chance(0.4):
                nodeid = nodeid.partition("[")[0]
            elif self.chance(0.3) and nodeid.count("::") == 2:
                nodeid = nodeid.rpartition("::")[0]
            elif self.chance(0.1):
                nodeid = f"{file.path}::test_that_is_gone"
            return replace(incident, tests=(nodeid,))
        return incident

    def selection(self, files: Sequence[File]) -> tuple[str, str]:
        kinds = ("all", "k", "m", "addopts", "deselect", "file", "nodeid", "x")
        kind = self.random.choices(kinds, (10, 2, 1, 2, 1, 1, 1, 2))[0]
        file = self.random.choice(files)
        nodeid = self.random.choice([nodeid for nodeid, _ in file.cases()])
        values = {
            "k": self.random.choice(COLORS),
            "m": self.random.choice(("slow", "not slow")),
            "addopts": "not slow",
            "deselect": nodeid,
            "file": file.path,
            "nodeid": nodeid,
        }
        if kind == "nodeid" and file.kind != "tests":
            return "file", file.path
        if kind == "x" and any(file.kind == "broken" for file in files):
            return "all", ""
        return kind, values.get(kind, "")


def make_suite(seed: int) -> Suite:
    """Return the suite that a seed gives, the same on every machine that has the same plugins."""
    maker = _Maker(seed)
    files = tuple(maker.file(number) for number in range(maker.random.randint(2, 6)))
    files = tuple(sorted(files, key=lambda file: file.path))
    chosen = maker.random
    return Suite(
        tuple(maker.incident(id, files) for id in maker.ids),
        files,
        maker.selection(files),
        chosen.choice((None, None, 10.0, 40.0, 66.6, 100.0)),
        ("sev1",) if maker.chance(0.3) else (),
        14 if maker.chance(0.5) else 0,
        TODAY - timedelta(200) if maker.chance(0.3) else None,
    )
