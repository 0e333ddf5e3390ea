"""``pytest-postmortem history``: when incidents got and lost their tests, from git alone."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import pytest

from pytest_postmortem.cli import history
from pytest_postmortem.errors import GitError, SettingsError
from pytest_postmortem.git import Commit
from pytest_postmortem.model import parse_iso_date
from pytest_postmortem.pysource.marker_index import LinkedIncident
from pytest_postmortem.report_formats import describe_report_types
from pytest_postmortem.reports.data import history as told
from repositories import git, said, write
from test_diff import ONE, REGISTRY

TABLE = """\
incident  first test  since then                              title
PM-1      2020-02-01  inactive 2021-01-10, active 2022-05-05  Charged twice
PM-2      2020-03-01                                          Login loop
PM-3      none                                                Gone mail

from        linked  with an active test
2020-02-01       1                    1
2020-03-01       2                    2
2021-01-10       2                    1
2022-05-05       2                    2

2 of 3 incidents linked to a test, 2 to an active one; 6 commits read
"""


def run_history(reports: list[str]) -> int:
    """Run the command with some reports, and return its exit status."""
    return history.main(argparse.Namespace(report=reports, config_file=None, rootdir=None))


def commit(folder: Path, day: str, files: dict[str, str | None]) -> None:
    """Commit files on a day."""
    write(folder, files)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "change", day=f"{day}T12:00:00 +0000")


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Path:
    """A repository in which PM-1 gets a test, loses it, and gets it back."""
    folder = pytester.path
    git(folder, "init", "--quiet", "--initial-branch=main")
    ini = "[pytest]\npostmortem_registry = pm.yml\n"
    commit(folder, "2020-01-01", {"pm.yml": REGISTRY, "tox.ini": ini, "tests/test_a.py": ""})
    commit(folder, "2020-02-01", {"tests/test_a.py": ONE})
    commit(folder, "2020-03-01", {"tests/test_ä b.py": ONE.replace("PM-1", "PM-2")})
    commit(folder, "2020-04-01", {"tests/test_a.py": None, "unit/test_moved.py": ONE})
    skipped = ONE.replace("def", "@pytest.mark.skip\ndef")
    commit(folder, "2021-01-10", {"unit/test_moved.py": skipped})
    commit(folder, "2022-05-05", {"unit/test_new.py": ONE.replace("PM-1", "inc-1")})
    return folder


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the table of the repository in the current folder."""
    assert run_history([]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out


def test_each_incident_has_its_first_test_and_its_losses(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A move is none, a skip is one, and an alias counts for its incident."""
    assert printed(capsys) == TABLE


def test_what_is_not_committed_is_no_history(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor is a suite's own code run, and a detached HEAD is as good as a branch."""
    git(suite, "switch", "--quiet", "--detach")
    write(suite, {"tests/test_x.py": ONE.replace("PM-1", "PM-3"), "conftest.py": "import nothing"})

    assert printed(capsys) == TABLE


def test_a_shallow_clone_says_at_or_before(
    suite: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """What was there at its first commit is older, and it is said how to know more."""
    clone = tmp_path_factory.mktemp("clone") / "it"
    git(suite, "clone", "--quiet", "--depth=3", suite.as_uri(), str(clone))
    monkeypatch.chdir(clone)

    assert printed(capsys) == (
        "incident  first test               since then                              title\n"
        "PM-1      at or before 2020-04-01  inactive 2021-01-10, active 2022-05-05  Charged twice\n"
        "PM-2      at or before 2020-04-01                                          Login loop\n"
        "PM-3      none                                                             Gone mail\n"
        "\n"
        "from        linked  with an active test\n"
        "2020-04-01       2                    2\n"
        "2021-01-10       2                    1\n"
        "2022-05-05       2                    2\n"
        "\n"
        "2 of 3 incidents linked to a test, 2 to an active one; 3 commits read\n"
        "The clone is shallow: run `git fetch --unshallow` for older commits\n"
    )


def test_a_merge_stands_for_all_that_it_brought(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    """An incident is guarded from the day on which its test reached this branch."""
    folder = pytester.path
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "2020-01-01", {"test_a.py": ""})
    git(folder, "switch", "--quiet", "--create", "side")
    commit(folder, "2020-02-01", {"test_b.py": ONE})
    git(folder, "switch", "--quiet", "main")
    commit(folder, "2020-03-01", {"test_c.py": ""})
    merge = ("merge", "--quiet", "--no-ff", "--no-edit", "side")
    git(folder, *merge, day="2020-04-01T12:00:00 +0000")

    assert printed(capsys) == (
        "incident  first test  since then  title\n"
        "PM-1      2020-04-01\n"
        "\n"
        "from        linked  with an active test\n"
        "2020-04-01       1                    1\n"
        "\n"
        "1 of 1 incident linked to a test, 1 to an active one; 3 commits read\n"
    )


def test_code_for_python_2_is_read_as_far_as_it_goes(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    """A suite may be older than the Python that reads it."""
    pytester.makeini("[pytest]\npostmortem_markers = issue\n")
    git(pytester.path, "init", "--quiet")
    old = "import pytest\n@pytest.mark.issue(12, u'B-7')\ndef test_a():\n    print 'a'\n"
    commit(pytester.path, "2009-05-01", {"test_a.py": old})
    commit(pytester.path, "2019-05-01", {"test_a.py": old.replace("print 'a'", "print('a')")})

    assert printed(capsys).splitlines()[1:3] == ["12        2009-05-01", "B-7       2009-05-01"]


BROKEN_HISTORY = """\
incident  first test  since then                              title
PM-1      2020-02-01                                          Charged twice
PM-2      2020-02-01  lost 2020-06-01                         Login loop
PM-3      2020-02-01  inactive 2020-02-01, active 2020-06-01  Gone mail

from        linked  with an active test
2020-02-01       3                    2
2020-06-01       2                    2

2 of 3 incidents linked to a test, 2 to an active one; 6 commits read
can't be read as Python: tests/test_a.py at {}, tests/test_a.py at {}, tests/test_a.py at {}
"""


def test_a_version_that_is_no_python_loses_nothing(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the file held before goes on, whatever is left of it, and the commit is named."""
    folder = pytester.path
    git(folder, "init", "--quiet", "--initial-branch=main")
    ini = "[pytest]\npostmortem_registry = pm.yml\n"
    commit(folder, "2020-01-01", {"pm.yml": REGISTRY, "tox.ini": ini})
    muted = "@pytest.mark.skip\n@pytest.mark.postmortem('PM-3')\ndef test_three(): pass\n"
    named = "ID = 'PM-2'\n@pytest.mark.postmortem(ID)\ndef test_two(): pass\n"
    commit(folder, "2020-02-01", {"tests/test_a.py": f"{ONE}{named}{muted}"})
    broken = []
    for day, text in (
        ("2020-03-01", f"<<<<<<< HEAD\n{ONE}{named}{muted}"),
        ("2020-04-01", "def test_one(:\n"),
        ("2020-05-01", f"{ONE}{named}{muted}>>>>>>> main\n"),
    ):
        commit(folder, day, {"tests/test_a.py": text})
        broken.append(said(folder, "rev-parse", "HEAD")[:10])
    third = "@pytest.mark.postmortem('PM-3')\ndef test_three(): pass\n"
    commit(folder, "2020-06-01", {"tests/test_a.py": f"{ONE}{third}"})

    assert printed(capsys) == BROKEN_HISTORY.format(*broken)


def test_the_history_as_json(suite: Path) -> None:
    """Every event with its day and commit, for other tools."""
    owned = REGISTRY.replace("Charged twice", "Charged twice, severity: sev1, owner: payments", 1)
    write(suite, {"pm.yml": owned})

    assert run_history(["json:out/history.json"]) == 0

    document = json.loads((suite / "out" / "history.json").read_text(encoding="utf-8"))
    commits = {each.pop("commit") for story in document["incidents"] for each in story["events"]}
    assert all(len(id) == 40 for id in commits)
    assert document["tool"]["name"] == "pytest-postmortem"
    assert (document["format"], document["commits"], document["shallow"]) == (1, 6, False)
    assert document["unread"] == []
    assert document["incidents"][0] == {
        "id": "PM-1",
        "title": "Charged twice",
        "date": None,
        "severity": "sev1",
        "owner": "payments",
        "linked": True,
        "active": True,
        "unknown": None,
        "events": [
            {"kind": "linked", "day": "2020-02-01", "at_or_before": False},
            {"kind": "inactive", "day": "2021-01-10", "at_or_before": False},
            {"kind": "active", "day": "2022-05-05", "at_or_before": False},
        ],
    }
    assert [(each["day"], each["linked"], each["active"]) for each in document["points"]] == [
        ("2020-02-01", 1, 1),
        ("2020-03-01", 2, 2),
        ("2021-01-10", 2, 1),
        ("2022-05-05", 2, 2),
    ]


def test_a_repository_without_a_commit_is_one_clear_message(pytester: pytest.Pytester) -> None:
    """It has no history."""
    git(pytester.path, "init", "--quiet", "--initial-branch=main")

    with pytest.raises(GitError) as caught:
        run_history([])

    assert str(caught.value).splitlines()[:2] == [
        "Couldn't read the repository: git: your current branch 'main'"
        " does not have any commits yet",
        "  commit something first",
    ]


@pytest.mark.parametrize(
    ("report", "remedy"),
    [
        ("html:x", f"use {describe_report_types('history')}"),
        ("json", "write json:PATH"),
        ("json:", "write json:PATH"),
        ("term:x", "write term alone"),
        ("", f"use {describe_report_types('history')}"),
    ],
)
def test_an_unknown_report_is_one_clear_message(suite: Path, report: str, remedy: str) -> None:
    """It says which ones there are."""
    with pytest.raises(SettingsError, match=re.escape(remedy)):
        run_history([report])


def test_counts_follow_every_file_that_holds_an_incident() -> None:
    """A test that goes is no loss while another file has one; a pure function, without git."""
    held = {"p-1": LinkedIncident("P-1", {"a::t": None})}
    muted = {"p-1": LinkedIncident("P-1", {"a::t": "skipped"})}
    blobs = {"held": held, "muted": muted, "none": {}}
    steps: list[dict[str, str | None]] = [
        {"a": "held", "b": "held"},
        {"a": None},
        {"b": "muted"},
        {"c": "none"},
        {"b": None, "a": "held"},
    ]
    commits = [
        Commit(f"{n}", parse_iso_date(f"2020-01-0{n}"), changed)
        for n, changed in enumerate(steps, 1)
    ]

    found = told.trace_history(commits, lambda _, blob: blobs[blob])

    points = [(each.commit, each.linked, each.active) for each in found.points]
    assert points == [("1", 1, 1), ("3", 1, 0), ("5", 1, 1)]
    (story,) = found.stories
    assert [(each.kind, each.commit) for each in story.events] == [
        ("linked", "1"),
        ("inactive", "3"),
        ("active", "5"),
    ]


COMPUTED = "import os, pytest\n@pytest.mark.postmortem(os.environ['ID'])\ndef test_one(): pass\n"
MARKS = "import pytest\nlogin = pytest.mark.postmortem('PM-1')\n"


def test_a_mark_that_only_a_run_explains_is_no_loss(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is unknown from then on, and lost when it goes; an imported mark is followed."""
    imported = "from .marks import login\n@login\ndef test_one(): pass\n"
    files: dict[str, str | None] = {"tests/marks.py": MARKS, "tests/test_b.py": imported}
    gone = dict.fromkeys(("unit/test_new.py", "tests/test_ä b.py"))
    commit(suite, "2022-06-01", {**files, **gone})
    commit(suite, "2022-07-01", {"tests/test_b.py": COMPUTED})

    unknown = printed(capsys)
    commit(suite, "2022-08-01", {"tests/test_b.py": "def test_one(): pass\n"})
    lost = printed(capsys)

    assert unknown.splitlines()[:4] == [
        "incident  first test  since then                                           title",
        "PM-1      2020-02-01  inactive 2021-01-10, active 2022-05-05, unknown now  Charged twice",
        "PM-2      2020-03-01  lost 2022-06-01, unknown now                         Login loop",
        "PM-3      unknown                                                          Gone mail",
    ]
    assert unknown.splitlines()[-2:] == [
        "0 of 3 incidents linked to a test, 0 to an active one; 8 commits read",
        "unknown: PM-1, PM-2, PM-3: tests/test_b.py:2: only a run shows what this links: "
        "@pytest.mark.postmortem(os.environ['ID'])",
    ]
    assert [line.split("  ", 1)[1].strip() for line in lost.splitlines()[1:4]] == [
        "2020-02-01  inactive 2021-01-10, active 2022-05-05, inactive 2022-08-01  Charged twice",
        "2020-03-01  lost 2022-06-01                                              Login loop",
        "none                                                                     Gone mail",
    ]
