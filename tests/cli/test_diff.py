"""``pytest-postmortem diff`` in real repositories: what a change loses, by code alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pytest_postmortem.cli import diff
from pytest_postmortem.errors import GitError, ReportError, SettingsError
from repositories import git, write

REGISTRY = """\
postmortems:
- {id: PM-1, title: Charged twice, url: 'https://wiki.example.com/1', aliases: [INC-1]}
- {id: PM-2, title: Login loop}
- {id: PM-3, title: Gone mail}
"""

ONE = """\
import pytest

@pytest.mark.postmortem("PM-1")
def test_one(): pass
"""

TWO = """\
import pytest

class TestTwo:
    pytestmark = pytest.mark.postmortem("PM-2")
    def test_two(self): pass
"""

PARAM = """\
import pytest

@pytest.mark.parametrize("n", [pytest.param(1, marks=[pytest.mark.postmortem("PM-2")]), 2])
def test_two(n): pass
"""

LOST_ONE = """\
No longer guarded:
  PM-1  Charged twice
        {reason}
        https://wiki.example.com/1
1 no longer guarded
"""

BROKEN = json.dumps(
    {"format": 1, "totals": 0, "policy": 0, "findings": 0, "gates": 0, "scope": [], "incidents": 3}
)

JUNIT = """\
<testsuite><testcase name="a">
<properties><property name="postmortem" value="PM-1"/></properties>
</testcase></testsuite>
"""

NOTHING = "Nothing was gained, nothing lost\n"


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Path:
    """A suite with two guarded incidents of three on ``main``, checked out on a branch."""
    pytester.makeini("[pytest]\npostmortem_registry = pm.yml\n")
    write(pytester.path, {"pm.yml": REGISTRY, "tests/test_one.py": ONE, "tests/test_two.py": TWO})
    git(pytester.path, "init", "--quiet", "--initial-branch=main")
    commit(pytester.path)
    git(pytester.path, "switch", "--quiet", "--create", "branch")
    return pytester.path


def commit(folder: Path) -> None:
    """Commit everything."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "change")


def compared(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Return the exit status and the output of a comparison with ``main``."""
    status = diff.run_diff(list(arguments), "main", [], ["term"])
    said = capsys.readouterr()
    assert said.err == ""
    return status, said.out


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "tests/test_one.py::test_one is deleted with its file"),
        ("import pytest\n", "tests/test_one.py::test_one is deleted"),
        (ONE.replace("test_one", "xtest_one"), "tests/test_one.py::test_one is deleted"),
        ("def test_one(): pass", "tests/test_one.py::test_one has lost its marker"),
        (
            ONE.replace("def", "@pytest.mark.skip(reason='too slow')\ndef"),
            "tests/test_one.py::test_one is now skipped: too slow",
        ),
        (
            ONE.replace("def", "@pytest.mark.xfail(strict=True)\ndef"),
            "tests/test_one.py::test_one is now xfailed",
        ),
        (
            "import pytest\npytest.skip('broken', allow_module_level=True)\n" + ONE,
            "tests/test_one.py::test_one is now skipped: broken",
        ),
    ],
)
@pytest.mark.parametrize("committed", [False, True])
def test_a_lost_lesson_is_named_with_its_reason(
    suite: Path, capsys: pytest.CaptureFixture[str], text: str | None, reason: str, committed: bool
) -> None:
    """Exit 1, whether the change is committed or not, and no test is imported."""
    write(suite, {"tests/test_one.py": text, "tests/conftest.py": "import no_such_module"})
    if committed:
        commit(suite)

    assert compared(capsys) == (1, LOST_ONE.format(reason=reason))


@pytest.mark.parametrize(
    "files",
    [
        {},
        {
            "tests/test_one.py": None,
            "tests/deep/test_new name.py": ONE.replace("test_one", "test_x"),
        },
        {"tests/test_one.py": ONE.replace("PM-1", "inc-1")},
        {"tests/test_one.py": ONE.replace("def", "@pytest.mark.skipif(X, reason='x')\ndef")},
        {"tests/test_one.py": "def test_one(): pass", "tests/test_é.py": ONE},
        {"tests/test_two.py": PARAM},
        {"pm.yml": REGISTRY.replace("PM-2,", "PM-4, aliases: [PM-2],")},
    ],
    ids=["nothing", "renamed", "alias", "condition", "moved", "param", "registry"],
)
def test_what_still_has_a_test_is_not_lost(
    suite: Path, capsys: pytest.CaptureFixture[str], files: dict[str, str | None]
) -> None:
    """Tests may be renamed, moved and marked in another way."""
    write(suite, files)

    assert compared(capsys) == (0, NOTHING)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("test: exempt, reason: no retries any more", "no retries any more"),
        ("guarded_by: [{type: alert}]", "guarded by alert"),
        ("test: exempt", "now exempt without a reason"),
    ],
)
def test_what_the_registry_retires_on_purpose_is_not_lost(
    suite: Path, capsys: pytest.CaptureFixture[str], entry: str, reason: str
) -> None:
    """The decision is reviewed in the same change, and said."""
    registry = REGISTRY.replace("{id: PM-2,", f"{{id: PM-2, {entry},")
    write(suite, {"pm.yml": registry, "tests/test_two.py": None})

    assert compared(capsys) == (
        0,
        f"Retired on purpose:\n  PM-2  Login loop\n        {reason}\n1 retired on purpose\n",
    )


def test_an_exemption_that_has_ended_retires_nothing(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is judged against the date of HEAD, as a run does."""
    entry = "{id: PM-2, test: exempt, reason: later, until: 2026-03-01,"
    write(suite, {"pm.yml": REGISTRY.replace("{id: PM-2,", entry), "tests/test_two.py": None})

    status, said = compared(capsys)

    assert (status, said.splitlines()[-1]) == (1, "1 no longer guarded")


def test_what_is_newly_linked_is_said(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An id that the registry lacks gains nothing."""
    write(suite, {"tests/test_new.py": ONE.replace('"PM-1"', '"PM-3", "PM-33"')})

    assert compared(capsys) == (
        0,
        "Newly linked to an active test:\n  PM-3  Gone mail\n1 newly linked to an active test\n",
    )


def test_what_the_base_gained_meanwhile_is_not_lost(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The working tree is compared with the commit at which it left the base."""
    git(suite, "switch", "--quiet", "main")
    write(suite, {"tests/test_three.py": ONE.replace("PM-1", "PM-3")})
    commit(suite)
    git(suite, "switch", "--quiet", "--detach", "branch")

    assert compared(capsys) == (0, NOTHING)


def test_tests_that_the_registry_names_count_as_linked(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``tests:`` of an entry is a link like any other."""
    registry = REGISTRY.replace("{id: PM-3,", "{id: PM-3, tests: ['tests/test_three.py::test_3'],")
    git(suite, "switch", "--quiet", "main")
    write(suite, {"pm.yml": registry, "tests/test_three.py": "def test_3(): pass\n"})
    commit(suite)
    write(suite, {"tests/test_three.py": "def test_4(): pass\n"})

    status, said = compared(capsys)

    assert (status, said.splitlines()[2]) == (
        1,
        "        tests/test_three.py::test_3 is deleted",
    )


@pytest.mark.parametrize("place", ["pm.yml", "docs/postmortems/PM-0007-lost-mail.md"])
def test_an_incident_that_joins_the_registry_without_a_test_is_said(
    suite: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    """Configured or found, a registry is known as the base had it; nothing is lost by it."""
    if place != "pm.yml":
        git(suite, "switch", "--quiet", "main")
        write(suite, {"tox.ini": "[pytest]\n", "pm.yml": None})
        write(suite, {"docs/postmortems/PM-0006-old.md": "# Old\n"})
        commit(suite)
    texts = {"pm.yml": REGISTRY + "- {id: PM-0007, title: Lost mail}\n"}
    write(suite, {place: texts.get(place, "# Lost mail\n")})

    assert compared(capsys) == (
        0,
        "New without a test:\n  PM-0007  Lost mail\n1 new without a test\n"
        if place == "pm.yml"
        else "New without a test:\n  PM-0007  Lost mail\n"
        "           docs/postmortems/PM-0007-lost-mail.md\n1 new without a test\n",
    )


@pytest.mark.parametrize(
    ("entry", "status"),
    [("", 1), ("- {id: PM-33, aliases: [pm-3]}\n", 0), ("- {id: PM-3, test: exempt}\n", 0)],
)
def test_an_entry_that_vanishes_from_the_registry_is_lost(
    suite: Path, capsys: pytest.CaptureFixture[str], entry: str, status: int
) -> None:
    """Unless its id lives on as an alias; one that had no test was not guarded before either."""
    write(suite, {"pm.yml": REGISTRY.replace("- {id: PM-3, title: Gone mail}\n", entry)})

    told = compared(capsys)

    lost = (
        "No longer in the registry:\n  PM-3  Gone mail\n"
        "        its post-mortem is gone from the registry\n1 no longer in the registry\n"
    )
    assert told == (status, lost if status else NOTHING)


@pytest.mark.parametrize("how", ["skip(reason='slow')", "xfail(strict=True)"])
def test_a_test_that_stopped_nobody_guarded_nothing(
    suite: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    """When it is deleted, its incident is not called guarded before."""
    git(suite, "switch", "--quiet", "main")
    write(suite, {"tests/test_one.py": ONE.replace("def", f"@pytest.mark.{how}\ndef")})
    commit(suite)
    write(suite, {"tests/test_one.py": None})

    assert compared(capsys) == (
        1,
        LOST_ONE.format(reason="tests/test_one.py::test_one is deleted with its file").replace(
            "o longer guarded", "o longer linked to a test"
        ),
    )


def test_a_declared_test_that_goes_with_its_declaration_is_lost(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The registry of the base says what was linked there."""
    declared = REGISTRY.replace("{id: PM-3,", "{id: PM-3, tests: ['tests/test_three.py'],")
    git(suite, "switch", "--quiet", "main")
    write(suite, {"pm.yml": declared, "tests/test_three.py": "def test_3(): pass\n"})
    commit(suite)
    write(suite, {"pm.yml": REGISTRY, "tests/test_three.py": None})

    status, said = compared(capsys)

    reason = "        tests/test_three.py::test_3 is deleted with its file"
    assert (status, said.splitlines()[2]) == (1, reason)


def test_an_id_that_was_only_written_wrong_is_corrected_and_not_lost(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The test is linked to another incident now; when it goes, its lesson is lost."""
    git(suite, "switch", "--quiet", "main")
    write(suite, {"tests/test_new.py": ONE.replace("PM-1", "PM-O3")})
    commit(suite)
    write(suite, {"tests/test_new.py": ONE.replace("PM-1", "PM-3")})

    assert compared(capsys)[0] == 0
    write(suite, {"tests/test_new.py": None})
    assert compared(capsys)[0] == 1


def test_without_a_registry_the_ids_are_the_incidents(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Marks that a suite already has count too."""
    write(suite, {"pm.yml": None, "tox.ini": "[pytest]\npostmortem_markers = issue\n"})
    git(suite, "switch", "--quiet", "main")
    write(suite, {"tests/test_issue.py": ONE.replace('postmortem("PM-1")', "issue(12)")})
    commit(suite)
    write(suite, {"tests/test_issue.py": "def test_one(): pass"})

    assert compared(capsys) == (
        1,
        "No longer guarded:\n  12\n      tests/test_issue.py::test_one has lost its marker\n"
        "1 no longer guarded\n",
    )


def test_a_registry_elsewhere_is_not_fetched(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ids are taken as they are written, and it is said."""
    url = "https://127.0.0.1:9/pm"
    write(suite, {"tox.ini": f"[pytest]\npostmortem_registry = {url}\n"})
    write(suite, {"tests/test_one.py": None})

    status = diff.run_diff([], "main", [], ["term"])

    said = capsys.readouterr()
    assert status == 1
    assert (
        said.err == "https://127.0.0.1:9/pm is not asked here: ids are taken as they are written\n"
    )
    assert said.out.splitlines()[1] == "  PM-1"


def test_a_synced_file_alone_is_a_registry(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As it is for a run: an incident has a title, and an alias is one with its id."""
    write(suite, {"tox.ini": "[pytest]\npostmortem_sync = pm.yml\n"})
    write(suite, {"tests/test_one.py": None, "tests/test_two.py": ONE.replace("PM-1", "INC-1")})

    status, said = compared(capsys)

    assert (status, said.splitlines()[:2]) == (1, ["No longer guarded:", "  PM-2  Login loop"])


@pytest.mark.parametrize(
    ("older", "newer", "note"),
    [
        (ONE, ONE + "print 'two'\n", "1 incident can't be compared: PM-1"),
        (ONE + "print 'two'\n", ONE, None),
    ],
)
def test_a_file_that_is_no_python_is_named(
    suite: Path, capsys: pytest.CaptureFixture[str], older: str, newer: str, note: str | None
) -> None:
    """What it held is neither lost nor gained, and no traceback is shown."""
    git(suite, "switch", "--quiet", "main")
    write(suite, {"tests/test_one.py": older})
    commit(suite)
    write(suite, {"tests/test_one.py": newer})

    status, said = compared(capsys)

    notes = ["1 file can't be read as Python: tests/test_one.py", *([note] if note else [])]
    assert (status, said.splitlines()) == (3, [*notes, f"{NOTHING.strip()} in what could be read"])


def test_a_file_that_is_no_python_on_both_sides_loses_nothing(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is the same, and what a test suite holds for another Python fails no comparison."""
    git(suite, "switch", "--quiet", "main")
    write(suite, {"tests/test_old.py": ONE + "print 'two'\n"})
    commit(suite)

    assert compared(capsys) == (
        0,
        "1 file can't be read as Python: tests/test_old.py\n"
        f"{NOTHING.strip()} in what could be read\n",
    )


def test_a_loss_that_was_seen_counts_more_than_a_file_that_was_not_read(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both are shown, and the exit status is that of the loss."""
    write(suite, {"tests/test_one.py": None, "tests/test_two.py": TWO + "<<<<<<< HEAD\n"})

    assert compared(capsys) == (
        1,
        LOST_ONE.format(reason="tests/test_one.py::test_one is deleted with its file").replace(
            "1 no longer",
            "1 file can't be read as Python: tests/test_two.py\n"
            "1 incident can't be compared: PM-2\n1 no longer",
        ),
    )


def test_where_nothing_can_be_read_nothing_is_judged(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A ratchet that saw nothing says so, and never passes."""
    for path in suite.rglob("test_*.py"):
        path.write_text(path.read_text() + "print 'two'\n")

    status, said = compared(capsys)

    assert status == 3
    assert said.splitlines()[-1] == "Nothing could be compared"


def test_the_project_need_not_be_installed(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither are conftest files run, nor have plugins to be there that the options belong to."""
    addopts = "addopts = --no-such-option -p no_such_module\nrequired_plugins = no-such-plugin\n"
    ini = f"[pytest]\npostmortem_registry = pm.yml\n{addopts}filterwarnings = error\n"
    write(suite, {"tox.ini": ini, "conftest.py": "import no_such_module", "pm/x": ""})

    assert compared(capsys) == (0, NOTHING)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow fewer names")
def test_what_is_no_text_file_of_this_repository_is_left_out(
    suite: Path, capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A link has no text of its own; any name of a file is read."""
    other = tmp_path_factory.mktemp("other") / "test_theirs.py"
    other.write_text(ONE.replace("PM-1", "PM-3"))
    git(suite, "switch", "--quiet", "main")
    (suite / "tests" / "test_link.py").symlink_to(other)
    new = ONE.replace("PM-1", "PM-3")
    write(suite, {'tests/ a\t"b" é/test_\n.py': new, "tests/test_\udcff.py": new})
    commit(suite)
    write(suite, {'tests/ a\t"b" é/test_\n.py': None, "tests/test_\udcff.py": None})

    status, said = compared(capsys)

    assert (status, said.splitlines()[2]) == (
        1,
        '        tests/ a "b" é/test_ .py::test_one is deleted with its file;'
        " tests/test_ .py::test_one is deleted with its file",
    )


def test_only_files_of_the_suite_are_read(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is ignored, lies elsewhere or has another name holds no test."""
    ini = "[pytest]\npostmortem_registry = pm.yml\ntestpaths = tests\n"
    new = ONE.replace("PM-1", "PM-3")
    names = ("other/test_a.py", "tests/b.py", "tests/venv/test_c.py", "tests/test_ignored.py")
    write(suite, {"tox.ini": ini, ".gitignore": "*ignored*\n", **dict.fromkeys(names, new)})
    (suite / "tests" / "test_link.py").symlink_to(suite / "other" / "test_a.py")

    assert compared(capsys) == (0, NOTHING)


def test_a_suite_that_moves_to_another_folder_loses_nothing(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was a test before ``testpaths`` changed is still known to have been one."""
    write(suite, {"tox.ini": "[pytest]\npostmortem_registry = pm.yml\ntestpaths = unit\n"})
    write(suite, {"tests/test_one.py": None, "tests/test_two.py": None, "unit/test_one.py": ONE})

    status, said = compared(capsys)

    assert (status, said.splitlines()[1]) == (1, "  PM-2  Login loop")


def test_a_suite_below_the_top_of_its_repository_is_read_alone(
    suite: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Node ids begin at the rootdir, and other folders are no business of it."""
    below = {"below/tests/test_b.py": ONE, "below/pytest.ini": "[pytest]\n"}
    git(suite, "switch", "--quiet", "main")
    write(suite, dict(below))
    commit(suite)
    write(suite, {"below/tests/test_b.py": None, "tests/test_two.py": None})
    monkeypatch.chdir(suite / "below")

    assert compared(capsys) == (
        1,
        "No longer guarded:\n  PM-1\n        tests/test_b.py::test_one is deleted with its file\n"
        "1 no longer guarded\n",
    )


def test_nothing_of_the_users_git_gets_in_the_way(
    suite: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No hook, pager, colour or external diff runs, and a hook's environment misleads nobody."""
    trap = suite / "trap.sh"
    trap.write_text("#!/bin/sh\ntouch trapped\nexit 1\n")
    trap.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "diff.external"):
        git(suite, "config", name, str(trap))
    git(suite, "config", "color.ui", "always")
    monkeypatch.setenv("GIT_DIR", str(suite / "nowhere"))
    write(suite, {"tests/test_two.py": None})

    assert compared(capsys)[0] == 1
    assert not (suite / "trapped").exists()


def test_markdown_is_empty_where_nothing_changed(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job can post what is there and nothing else."""
    assert diff.run_diff([], "main", [], ["markdown"]) == 0
    assert capsys.readouterr() == ("", "")
    write(suite, {"tests/test_one.py": None})

    assert diff.run_diff([], "main", [], ["markdown"]) == 1

    assert capsys.readouterr().out == (
        "### Incident coverage: 1 no longer guarded\n\n**No longer guarded**\n\n"
        "- [PM-1](https://wiki.example.com/1) Charged twice –"
        " tests/test\\_one.py::test\\_one is deleted with its file\n"
    )


@pytest.mark.parametrize("revision", ["origin/main", "--output=x", "", "HEAD:pm.yml"])
def test_a_revision_that_is_not_there_is_one_clear_message(suite: Path, revision: str) -> None:
    """It says what a job has to fetch."""
    with pytest.raises(SettingsError) as caught:
        diff.run_diff([], revision, [], ["term"])

    assert str(caught.value) == (
        f"Couldn't read the code: revision {revision!r} is unknown in this clone\n"
        "  correct it, or fetch it with its history (in CI fetch-depth: 0 or GIT_DEPTH: 0)\n"
        "  see `pytest-postmortem explain setting`"
    )


def test_without_a_common_commit_nothing_can_be_judged(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A clone that is too shallow is no reason to call a lesson lost."""
    git(suite, "checkout", "--quiet", "--orphan", "other")
    write(suite, {"new": ""})
    commit(suite)

    assert compared(capsys) == (
        3,
        "main and HEAD have no commit in common in this clone"
        " (in CI fetch-depth: 0 or GIT_DEPTH: 0 gets them)\nNothing could be compared\n",
    )


def test_outside_of_a_repository_there_is_nothing_to_compare(pytester: pytest.Pytester) -> None:
    """The message is git's own."""
    with pytest.raises(GitError) as caught:
        diff.run_diff([], "main", [], ["term"])

    assert str(caught.value) == (
        "Couldn't read the repository: git: not a git repository"
        " (or any of the parent directories): .git\n"
        "  run it in a checkout of the code\n"
        "  see `pytest-postmortem explain git-failed`"
    )


def test_two_reports_of_real_runs_are_compared(
    suite: Path, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    """The older one first; no repository is needed, and a skip on this machine counts."""
    pytester.runpytest("--postmortem-report=json:old.json")
    write(suite, {"tests/test_one.py": ONE.replace("pass", "pytest.skip('no key')")})
    pytester.runpytest("--postmortem-report=json:new.json")
    capsys.readouterr()

    same = diff.run_diff([], None, [suite / "old.json", suite / "old.json"], ["markdown"])
    assert (same, capsys.readouterr().out) == (0, "")
    assert diff.run_diff([], None, [suite / "old.json", suite / "new.json"], ["term"]) == 1

    assert capsys.readouterr().out == LOST_ONE.format(reason="now skipped: no key")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (None, "no such file or directory"),
        ("{", "it is neither JSON nor XML"),
        ("[]", "it is not a report of pytest-postmortem"),
        ('{"format": 2}', "its format is 2, and 1 is understood"),
        (BROKEN, "report.tool does not follow the format"),
        (JUNIT, "JUnit XML does not say which incidents there are"),
    ],
)
def test_a_file_that_is_no_report_is_one_clear_message(
    tmp_path: Path, text: str | None, cause: str
) -> None:
    """Path, what is wrong, and what to do."""
    path = tmp_path / "report.json"
    if text is not None:
        path.write_text(text)

    with pytest.raises(ReportError) as caught:
        diff.run_diff([], None, [path, path], ["term"])

    said = str(caught.value).splitlines()
    assert said[0].startswith(f"Couldn't read report {str(path)!r}: ")
    assert said[0].endswith(cause)
    assert said[2] == "  see `pytest-postmortem explain report-file`"


@pytest.mark.parametrize(
    ("base", "count", "given"),
    [
        (None, 1, "1 report and no base are given"),
        (None, 3, "3 reports and no base are given"),
        ("main", 2, "2 reports and a base are given"),
    ],
)
def test_wrong_use_is_one_clear_message(
    tmp_path: Path, base: str | None, count: int, given: str
) -> None:
    """Two reports, or a base."""
    with pytest.raises(SettingsError) as caught:
        diff.run_diff([], base, [tmp_path] * count, ["term"])

    assert str(caught.value).splitlines()[:2] == [
        f"Couldn't compare: {given}",
        "  name two reports, the older first, or a revision with --base",
    ]


def test_a_bare_comparison_is_with_the_default_branch_of_the_remote(
    suite: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where a clone knows none, a base is asked for."""
    with pytest.raises(SettingsError) as caught:
        diff.run_diff([], None, [], ["term"])
    assert str(caught.value).splitlines()[:2] == [
        "Couldn't compare: neither reports nor a base are given, and this clone has no origin/HEAD",
        "  name two reports, the older first, or a revision with --base",
    ]
    git(suite, "switch", "--quiet", "main")
    clone = tmp_path_factory.mktemp("clone") / "it"
    git(suite, "clone", "--quiet", str(suite), str(clone))
    monkeypatch.chdir(clone)
    write(clone, {"tests/test_one.py": None})

    assert diff.run_diff([], None, [], ["term"]) == 1
    assert capsys.readouterr().out == LOST_ONE.format(
        reason="tests/test_one.py::test_one is deleted with its file"
    )


def test_a_branch_that_only_the_remote_has_is_found(
    suite: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As ``git switch`` finds it."""
    clone = tmp_path_factory.mktemp("clone") / "it"
    git(suite, "clone", "--quiet", str(suite), str(clone))
    monkeypatch.chdir(clone)

    assert compared(capsys) == (0, NOTHING)


def test_what_pytest_itself_would_stumble_over_is_said(suite: Path) -> None:
    """In the words of the configuration as it is, not of what was left out of it."""
    write(suite, {"tox.ini": "[pytest]\nminversion = 99\naddopts = --no-such-option\n"})

    with pytest.raises(SettingsError, match="'minversion' requires pytest-99"):
        diff.run_diff([], "main", [], ["term"])


def test_a_found_registry_that_is_broken_decides_nothing(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody configured it, so it is no reason to stop; the ids are the incidents."""
    write(suite, {"tox.ini": "[pytest]\n", "postmortems.yml": "- {", "tests/test_one.py": None})

    assert diff.run_diff([], "main", [], ["term"]) == 1

    said = capsys.readouterr()
    assert said.err == "postmortems.yml can't be read: it decides nothing here\n"
    assert said.out.splitlines()[:2] == ["No longer guarded:", "  PM-1"]


def test_a_registry_that_was_broken_in_the_base_is_not_known(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The change that mends it is compared by its marks."""
    git(suite, "switch", "--quiet", "main")
    write(suite, {"pm.yml": "- {"})
    commit(suite)
    write(suite, {"pm.yml": REGISTRY})

    assert compared(capsys) == (0, NOTHING)


def test_incidents_of_other_suites_are_left_out(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``postmortem_select`` says what belongs here."""
    ini = "[pytest]\npostmortem_registry = pm.yml\npostmortem_select = id:PM-2\n"
    write(suite, {"tox.ini": ini, "tests/test_one.py": None, "pm.yml": REGISTRY + "- {id: PM-9}\n"})

    assert compared(capsys) == (0, NOTHING)


def test_no_more_is_shown_than_may_be(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The words of a post-mortem stay where they are."""
    ini = "[pytest]\npostmortem_registry = pm.yml\npostmortem_show = link\n"
    exempt = "{id: PM-1, test: exempt, reason: a secret,"
    registry = REGISTRY.replace("{id: PM-1,", exempt)
    write(suite, {"tox.ini": ini, "tests/test_one.py": None, "pm.yml": registry})

    assert compared(capsys) == (
        0,
        "Retired on purpose:\n  PM-1\n        the registry says so\n"
        "        https://wiki.example.com/1\n1 retired on purpose\n",
    )


def test_what_is_fetched_is_known_as_far_as_it_is_kept_in_the_repository(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The synced file of each revision stands for the service."""
    ini = "[pytest]\npostmortem_registry = github:example/pm\npostmortem_sync = pm.yml\n"
    git(suite, "switch", "--quiet", "main")
    write(suite, {"tox.ini": ini})
    commit(suite)
    write(suite, {"pm.yml": REGISTRY + "- {id: PM-4}\n", "tests/test_two.py": None})

    assert compared(capsys) == (
        1,
        "No longer guarded:\n  PM-2  Login loop\n"
        "        tests/test_two.py::TestTwo::test_two is deleted with its file\n"
        "New without a test:\n  PM-4\n1 no longer guarded, 1 new without a test\n",
    )


def test_a_comparison_goes_where_it_is_wanted(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Several reports of one comparison, each in its file or printed."""
    write(suite, {"tests/test_one.py": "def test_it(): pass\n"})

    status = diff.run_diff([], "main", [], ["term", "json:lost.json", "markdown:out/lost.md"])

    document = json.loads((suite / "lost.json").read_text())
    assert status == 1
    assert [(each["kind"], each["id"]) for each in document["changes"]] == [("lost", "PM-1")]
    assert document["format"] == 1
    assert "PM-1" in (suite / "out" / "lost.md").read_text()
    assert "1 no longer guarded" in capsys.readouterr().out


@pytest.mark.parametrize("target", ["html", "term:x", "pdf:x"])
def test_a_target_that_makes_no_sense_is_refused(suite: Path, target: str) -> None:
    """Before anything is read or written."""
    with pytest.raises(SettingsError, match=f"Couldn't use --report={target}"):
        diff.run_diff([], "main", [], [target])
