"""An incident that came back in spite of a test is told wherever a report goes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import RunPytest, report_of

REGISTRY = """
- {id: PM-1, title: Charged twice}
- {id: PM-2, title: Charged twice again, recurs: PM-1}
"""

SUITE = """
import pytest

@pytest.mark.postmortem("PM-1")
def test_one(): pass
"""

NOTE = "recurred although guarded: PM-1 has a linked test"

FORMATS = ("json", "markdown", "html")


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Path:
    """A suite in which the repeated incident has a test, and the repetition has none."""
    (pytester.path / "pm.yml").write_text(REGISTRY)
    pytester.makeini("[pytest]\npostmortem_registry = pm.yml\n")
    pytester.makepyfile(test_it=SUITE)
    return pytester.path


def test_a_recurrence_is_told_in_every_format(
    suite: Path, run: RunPytest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The terminal, the files, and the annotations of GitHub."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    files = [f"--postmortem-report={format}:out.{format}" for format in FORMATS]

    result = run("--postmortem-report=term", "--postmortem-report=github", *files)

    assert report_of(result)[:3] == [
        f"Incident report written to {suite / 'out.json'}",
        f"Incident report written to {suite / 'out.markdown'}",
        f"Incident report written to {suite / 'out.html'}",
    ]
    assert report_of(result)[3:7] == [
        "1 incident could return unnoticed:",
        "  PM-2  Charged twice again    no test",
        f"        {NOTE}",
        "1 of 2 incidents guarded (50 %), 1 linked; 1 has no regression test",
    ]
    assert [line for line in result.outlines if line.startswith("::")] == [
        f"::warning file=pm.yml,line=3,title=Post-mortem PM-2::PM-2 {NOTE}"
    ]
    document = json.loads((suite / "out.json").read_text(encoding="utf-8"))
    assert [each["note"] for each in document["incidents"]] == [None, NOTE]
    assert f"**{NOTE}**" in (suite / "out.markdown").read_text(encoding="utf-8")
    assert f"<dt>Note</dt><dd>{NOTE}</dd>" in (suite / "out.html").read_text(encoding="utf-8")


LACKING = "repeats PM-1, which has no regression test"


def test_the_end_of_the_earlier_test_hides_no_recurrence(suite: Path, run: RunPytest) -> None:
    """Deleting the only guard of the earlier incident makes it worse, and is told so."""
    (suite / "test_it.py").write_text("def test_one(): pass\n")

    result = run("--postmortem-report=term", "--postmortem-report=json:out.json")

    assert report_of(result)[1:] == [
        "2 incidents could return unnoticed, 1 repeats an earlier one:",
        "  PM-1  Charged twice          no test",
        "  PM-2  Charged twice again    no test",
        f"        {LACKING}",
        "0 of 2 incidents guarded (0 %), 0 linked; 2 have no regression test",
    ]
    document = json.loads((suite / "out.json").read_text(encoding="utf-8"))
    assert [each["note"] for each in document["incidents"]] == [None, LACKING]


@pytest.mark.parametrize(
    ("registry", "note"),
    [
        ("- {id: PM-1}\n- {id: PM-2, recurs: PM-1}", "repeats PM-1, which has no regression test"),
        ("- {id: PM-2, recurs: PM-1}", "repeats PM-1, which is not in the registry"),
        ("- {id: PM-2, recurs: PM-2}", None),
        ("- {id: PM-2}", None),
    ],
)
def test_what_is_repeated_is_named_however_little_is_known_of_it(
    suite: Path, run: RunPytest, registry: str, note: str | None
) -> None:
    """In a full run: of a part of the suite nobody can say what has no test."""
    (suite / "pm.yml").write_text(registry)
    (suite / "test_it.py").write_text("def test_one(): pass\ndef test_two(): pass\n")

    run("--postmortem-report=json:out.json")
    run("--postmortem-report=json:part.json", "test_it.py::test_two")

    notes = [
        json.loads((suite / name).read_text(encoding="utf-8"))["incidents"][-1]["note"]
        for name in ("out.json", "part.json")
    ]
    partial = note if note is None or "not in the registry" in note else None
    assert notes == [note, partial]


def test_what_has_a_test_of_its_own_is_settled(suite: Path, run: RunPytest) -> None:
    """The history stays, and is read where everything is asked for."""
    (suite / "test_it.py").write_text(SUITE.replace('"PM-1"', '"PM-1", "PM-2"'))

    short, whole = run(), run("-v")

    assert report_of(short) == ["2 of 2 incidents guarded (100 %), 2 linked"]
    assert f"        {NOTE}" in report_of(whole)
