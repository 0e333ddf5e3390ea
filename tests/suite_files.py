"""The files of a random suite: its registry, its configuration, a conftest and its tests."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import indent

from random_suites import Case, Class, File, Group, Incident, Suite

PREAMBLE = """\
import unittest
from collections import Counter

import pytest

TRIES = Counter()

@pytest.fixture
def broken():
    raise OSError("no database")

@pytest.fixture
def missing():
    pytest.skip("no server")

@pytest.fixture
def leaky():
    yield
    raise OSError("no database")

def act(results, key=""):
    TRIES[key] += 1
    result = results[min(TRIES[key], len(results)) - 1]
    if result == "fail":
        assert False
    elif result == "raise":
        raise ValueError("wrong")
    elif result == "skip":
        pytest.skip("not here")
    elif result == "xfail":
        pytest.xfail("not yet")

"""

FIXTURES: Mapping[str, str] = {"error": "broken", "skip": "missing"}


def _marks(ids: Sequence[str], seed: str) -> list[str]:
    """Return marks with these ids: one for all of them, or one for each."""
    if not ids:
        return []
    if random.Random(seed).random() < 0.5:
        return [f"pytest.mark.postmortem({', '.join(map(repr, ids))})"]
    return [f"pytest.mark.postmortem({id!r})" for id in ids]


def _marks_of(case: Case) -> list[str]:
    marks = []
    if case.skip:
        marks.append("pytest.mark.skip(reason='too slow')")
    if case.xfail is not None:
        raises = f", raises={case.xfail.raises}" if case.xfail.raises else ""
        marks.append(
            f"pytest.mark.xfail({case.xfail.condition}, reason='known',"
            f" strict={case.xfail.strict}, run={case.xfail.run}{raises})"
        )
    if case.slow:
        marks.append("pytest.mark.slow")
    return marks


def _function(group: Group, method: bool) -> str:
    """Return the code of a function with all its parameters."""
    first = group.cases[0]
    decorators = _marks(group.ids, first.name)
    arguments = ["self"] if method else []
    key = repr(first.name)
    results = repr(first.attempts)
    if first.reruns:
        decorators.append(f"pytest.mark.flaky(reruns={first.reruns})")
    if first.param:
        sets = []
        for case in group.cases:
            marks = ", ".join((*_marks(case.ids, case.name), *_marks_of(case)))
            sets.append(f"pytest.param({case.attempts!r}, id={case.param!r}, marks=[{marks}])")
        decorators.append(f"pytest.mark.parametrize('results', [{', '.join(sets)}])")
        arguments.append("results")
        key, results = "request.node.name", "results"
    else:
        decorators += _marks_of(first)
    arguments += [*filter(None, [FIXTURES.get(first.setup)])]
    arguments += ["leaky"] if first.teardown == "error" else []
    arguments += ["subtests"] if first.subtests else []
    body = [f"request.node.add_marker(pytest.mark.postmortem({id!r}))" for id in first.late]
    for n, part in enumerate(first.subtests):
        body += [f"with subtests.test(msg='part {n}'):", f"    act([{part!r}], 'part')"]
    body.append(f"act({results}, {key})")
    lines = [f"@{decorator}" for decorator in decorators]
    lines.append(f"def {first.name}({', '.join([*arguments, 'request'])}):")
    return "\n".join([*lines, indent("\n".join(body), "    "), ""])


def _unit_test(group: Group) -> str:
    (case,) = group.cases
    decorators = [f"@{mark}" for mark in _marks(group.ids, case.name)]
    decorators += ["@unittest.skip('too slow')"] if case.skip else []
    decorators += ["@unittest.expectedFailure"] if case.xfail else []
    decorators += ["@pytest.mark.slow"] if case.slow else []
    return "\n".join([*decorators, f"def {case.name}(self):", f"    act({case.attempts!r})", ""])


def _class(klass: Class) -> str:
    if klass.name is None:
        return "\n".join(_function(group, method=False) for group in klass.groups)
    marks = [f"@{mark}" for mark in _marks(klass.ids, klass.name)]
    marks += ["@pytest.mark.slow"] if klass.slow else []
    if not klass.unittest:
        body = "\n".join(_function(group, method=True) for group in klass.groups)
        return "\n".join([*marks, f"class {klass.name}:", indent(body, "    ")])
    cases = [case for group in klass.groups for case in group.cases]
    body = ""
    for method, broken in (
        ("setUp", [case.name for case in cases if case.setup == "error"]),
        ("tearDown", [case.name for case in cases if case.teardown == "error"]),
    ):
        if broken:
            body += f"def {method}(self):\n    if self._testMethodName in {broken!r}:\n"
            body += "        raise OSError('no database')\n\n"
    if klass.breaks:
        body += "@classmethod\ndef setUpClass(cls):\n    raise OSError('no database')\n\n"
    body += "\n".join(_unit_test(group) for group in klass.groups)
    return "\n".join([*marks, f"class {klass.name}(unittest.TestCase):", indent(body, "    ")])


def _text_of(file: File) -> str:
    start = ""
    if file.kind == "skips-itself":
        start = "pytest.importorskip('no_such_module')\n"
    marks = _marks(file.ids, file.path)
    marks += ["pytest.mark.skip(reason='no such system')"] if file.skip else []
    if marks:
        start += f"pytestmark = [{', '.join(marks)}]\n"
    end = "raise OSError('no database')\n" if file.kind == "broken" else ""
    return PREAMBLE + start + "\n".join(map(_class, file.classes)) + end


def _entry(incident: Incident) -> str:
    lines = [f"- id: {incident.id}"]
    if incident.day:
        lines.append(f"  date: {incident.day}")
    if incident.severity:
        lines.append(f"  severity: {incident.severity}")
    if incident.exempt:
        lines += ["  test: exempt", "  reason: nothing to test"]
    if incident.until:
        lines.append(f"  until: {incident.until}")
    if incident.guarded_by:
        lines.append("  guarded_by: [{type: alert, url: https://alerts.example.com/1}]")
    if incident.tests:
        lines += ["  tests:", *(f"    - {nodeid!r}" for nodeid in incident.tests)]
    return "\n".join([*lines, ""])


def write_suite(suite: Suite, folder: Path) -> None:
    """Write the project into a folder."""
    (folder / "postmortems.yml").write_text("".join(map(_entry, suite.incidents)))
    kind, value = suite.selection
    settings = {
        "postmortem_registry": "postmortems.yml",
        "markers": "slow: takes long",
        "addopts": f'-m "{value}"' if kind == "addopts" else "",
        "postmortem_require": " ".join(suite.require),
        "postmortem_grace": str(suite.grace or ""),
        "postmortem_since": str(suite.since or ""),
    }
    lines = [f"{name} = {text}\n" for name, text in settings.items() if text]
    (folder / "pytest.ini").write_text("[pytest]\n" + "".join(lines))
    added = {case.name: case.added for file in suite.files for _, case in file.cases()}
    known = {name: ids for name, ids in added.items() if ids}
    (folder / "conftest.py").write_text(
        f"import pytest\n\nADDED = {known!r}\n\n"
        "def pytest_collection_modifyitems(items):\n"
        "    for item in items:\n"
        "        for id in ADDED.get(item.name.partition('[')[0], ()):\n"
        "            item.add_marker(pytest.mark.postmortem(id))\n"
    )
    for file in suite.files:
        path = folder / file.path
        path.parent.mkdir(exist_ok=True)
        path.write_text(_text_of(file))
