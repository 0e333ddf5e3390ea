"""``pytest-postmortem scan`` on real suites: what it says, and what it writes."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from pytest_postmortem.cli.main import main
from pytest_postmortem.scan import output
from pytest_postmortem.scan.apply import MarkerEdit, write_marker_edit
from pytest_postmortem.scan.findings import ScanResult
from pytest_postmortem.scan.suggestions import ScannedFile, Suggestion
from repositories import write

REGISTRY = """\
postmortems:
- {id: PM-1, title: Charged twice, url: 'https://wiki.example.com/pm/1', aliases: [INC-1]}
- {id: PM-2, title: Login loop}
- {id: PM-3, title: Gone mail, tests: ['tests/test_mail.py::test_declared']}
"""

INI = "[pytest]\npostmortem_registry = pm.yml\n"

CHECKOUT = '''\
"""The checkout."""

import app


# Regression test for PM-1
def test_a_retry_charges_once(): pass


class TestLogin:
    @app.slow
    def test_pm_2(self):
        """Told in https://wiki.example.com/pm/1, too."""

    def test_nothing(self): pass


def test_more():
    pass
    # as it was before (see inc-1)
    pass
'''

MAIL = """\
import pytest

@pytest.mark.postmortem("PM-3")
def test_marked():  # PM-3
    pass

def test_declared():  # PM-3
    pass

@pytest.mark.xfail(reason="PM-3")
def test_broken(): pass
"""

TERM = """\
Likely regression tests, not linked:
  tests/test_checkout.py:6  PM-1  Charged twice
      tests/test_checkout.py::test_a_retry_charges_once
      # Regression test for PM-1
      the comment above it names it, as a regression
  tests/test_checkout.py:12  PM-2  Login loop
      tests/test_checkout.py::TestLogin::test_pm_2
      def test_pm_2(self):
      its name names it
  tests/test_checkout.py:13  PM-1  Charged twice
      tests/test_checkout.py::TestLogin::test_pm_2
      \"""Told in https://wiki.example.com/pm/1, too.\"""
      its docstring links to it
Possible ones: the incident is mentioned:
  tests/test_checkout.py:20  PM-1  Charged twice
      tests/test_checkout.py::test_more
      # as it was before (see inc-1)
      a comment in it names it, in passing
Skipped or expected to fail: these tests guard nothing:
  tests/test_mail.py:10  PM-3  Gone mail
      tests/test_mail.py::test_broken
      @pytest.mark.xfail(reason="PM-3")
      the reason of an xfail or a skip names it
3 likely, 1 possible, 1 known-broken, in 2 files
A mention is not a regression test: read the test before you mark it
`--diff` shows how the likely ones would be marked, `--apply` marks them
"""

DIFF = '''\
--- a/tests/test_checkout.py
+++ b/tests/test_checkout.py
@@ -1,14 +1,17 @@
 """The checkout."""

 import app
+import pytest


 # Regression test for PM-1
+@pytest.mark.postmortem("PM-1")
 def test_a_retry_charges_once(): pass


 class TestLogin:
     @app.slow
+    @pytest.mark.postmortem("PM-1", "PM-2")
     def test_pm_2(self):
         """Told in https://wiki.example.com/pm/1, too."""

'''

MARKED = (
    CHECKOUT.replace("import app\n", "import app\nimport pytest\n")
    .replace("PM-1\ndef", 'PM-1\n@pytest.mark.postmortem("PM-1")\ndef')
    .replace("    @app.slow", '    @app.slow\n    @pytest.mark.postmortem("PM-1", "PM-2")')
)


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Path:
    """A suite with a registry and two files, in no repository."""
    files: dict[str, str | None] = {
        "pm.yml": REGISTRY,
        "pytest.ini": INI,
        "tests/conftest.py": "import no_such_module\n",
        "tests/test_checkout.py": CHECKOUT,
        "tests/test_mail.py": MAIL,
    }
    write(pytester.path, files)
    return pytester.path


def scanned(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Return the exit status of a scan, and what it printed."""
    status = main(["scan", *arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_every_mention_is_listed_with_its_evidence(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is linked already, by mark or in the registry, is not; and nothing is written."""
    assert scanned(capsys) == (1, TERM, "")
    assert (suite / "tests" / "test_checkout.py").read_text() == CHECKOUT


def test_what_would_be_written_is_shown(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the likely ones, and nothing is written yet."""
    status, out, err = scanned(capsys, "--diff")

    assert (status, out, err) == (1, DIFF, "")
    assert (suite / "tests" / "test_checkout.py").read_text() == CHECKOUT


def test_the_likely_ones_are_marked(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Once: a second run has nothing left to write, and tells what is left to a reader."""
    status, out, err = scanned(capsys, "--apply", "--report=markdown")

    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == "2 tests marked in 1 file"
    assert (suite / "tests" / "test_checkout.py").read_text() == MARKED
    assert (suite / "tests" / "test_mail.py").read_text() == MAIL
    status, out, err = scanned(capsys, "--apply", "--diff")
    assert (status, out, err) == (0, "0 tests marked in 0 files\n", "")
    assert (suite / "tests" / "test_checkout.py").read_text() == MARKED


def test_the_possible_ones_are_marked_when_asked_for(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that are known to be broken never are."""
    status, out, _ = scanned(capsys, "--apply", "--possible", "--diff")

    assert (status, out.splitlines()[-1]) == (0, "3 tests marked in 1 file")
    assert '+@pytest.mark.postmortem("PM-1")\n def test_more():\n' in out
    assert scanned(capsys)[1].splitlines()[-2] == "0 likely, 0 possible, 1 known-broken, in 2 files"


def test_marked_tests_are_those_that_were_collected(suite: Path, pytester: pytest.Pytester) -> None:
    """The same tests, and their links are known to a run."""
    (suite / "tests" / "conftest.py").unlink()
    (suite / "app.py").write_text("def slow(test): return test\n")
    before = pytester.runpytest_subprocess("--collect-only", "-q").outlines

    assert main(["scan", "--apply", "--report=json:scan.json"]) == 0

    after = pytester.runpytest_subprocess("--collect-only", "-q").outlines
    assert [line for line in after if "::" in line] == [line for line in before if "::" in line]
    result = pytester.runpytest_subprocess("--postmortem-report=json:run.json")
    result.assert_outcomes(passed=6, xpassed=1)
    incidents = json.loads((suite / "run.json").read_text())["incidents"]
    assert {each["id"]: len(each["tests"]) for each in incidents} == {
        "PM-1": 2,
        "PM-2": 1,
        "PM-3": 2,
    }


EXPAND = """\
import functools, sys

def expand(cases):
    def made(test):
        names = sys._getframe(1).f_locals
        for n, case in enumerate(cases):
            @functools.wraps(test)
            def one(self, case=case):
                return test(self, case)
            names[f"{test.__name__}_{n}"] = one
    return made
"""


def test_tests_that_are_made_of_a_function_are_linked(
    suite: Path, pytester: pytest.Pytester
) -> None:
    """A decorator that hands on no function gets one that is marked."""
    code = """\
import unittest
import app

class TestMade(unittest.TestCase):
    @app.expand([1, 2])
    def test_pm_2(self, case): pass
"""
    write(suite, {"app.py": EXPAND, "tests/conftest.py": None, "tests/test_mail.py": None})
    write(suite, {"tests/test_checkout.py": code})

    assert main(["scan", "--apply", "--report=json:scan.json"]) == 0

    pytester.runpytest_subprocess("--postmortem-report=json:run.json")
    incidents = json.loads((suite / "run.json").read_text())["incidents"]
    assert {each["id"]: [test["nodeid"] for test in each["tests"]] for each in incidents} == {
        "PM-1": [],
        "PM-2": [f"tests/test_checkout.py::TestMade::test_pm_2_{n}" for n in (0, 1)],
        "PM-3": [],
    }


def test_paths_are_scanned_instead_of_the_suite(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is named counts whatever it is called."""
    write(suite, {"more/checks.py": "def test_pm_2(): pass\n", "more/test_no.py": "PM-1 = (\n"})

    assert scanned(capsys, "tests/test_mail.py")[1].splitlines()[-2] == (
        "0 likely, 0 possible, 1 known-broken, in 1 file"
    )
    status, out, _ = scanned(capsys, "more/checks.py", "more", "--report=json")
    document = json.loads(out)
    assert status == 1
    assert [each["tests"] for each in document["suggestions"]] == [["more/checks.py::test_pm_2"]]
    assert (document["files"], document["unread"]) == (2, ["more/test_no.py"])


def test_the_suite_is_what_is_configured(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``testpaths``, ``norecursedirs``, ``--ignore`` and the rules for names."""
    ini = (
        f"{INI}testpaths = tests\naddopts = --ignore=tests/old\n"
        "python_files = check_*.py\npython_functions = should_*\npython_classes = *Suite\n"
    )
    code = "def should_pm_1(): pass\nclass MySuite:\n  def should_pm_2(self): pass\n"
    write(suite, {"pytest.ini": ini, "tests/check_a.py": code, "check_b.py": code})
    write(suite, {"tests/old/check_c.py": code, "tests/build/check_d.py": code})

    _, out, _ = scanned(capsys, "--report=json")

    assert [each["tests"][0] for each in json.loads(out)["suggestions"]] == [
        "tests/check_a.py::should_pm_1",
        "tests/check_a.py::MySuite::should_pm_2",
    ]
    assert main(["scan", "--apply"]) == 0
    assert (suite / "tests" / "check_a.py").read_text().count("@pytest.mark.postmortem") == 2


def test_a_folder_without_tests_is_not_judged(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may be the wrong one."""
    (suite / "docs").mkdir()

    assert scanned(capsys, "docs") == (3, "No test files found\n", "")


def test_the_same_as_json(suite: Path) -> None:
    """For other tools, in a file whose folder is made."""
    assert main(["scan", "--report=json:out/scan.json", "--report=term"]) == 1

    document = json.loads((suite / "out" / "scan.json").read_text(encoding="utf-8"))
    assert (document["format"], document["files"], document["unread"]) == (1, 2, [])
    assert document["suggestions"][0] == {
        "strength": "likely",
        "id": "PM-1",
        "title": "Charged twice",
        "url": "https://wiki.example.com/pm/1",
        "known": True,
        "path": "tests/test_checkout.py",
        "line": 7,
        "tests": ["tests/test_checkout.py::test_a_retry_charges_once"],
        "evidence": {"line": 6, "text": "# Regression test for PM-1"},
        "why": "the comment above it names it, as a regression",
    }


def test_the_same_as_markdown(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For a pull request; nothing at all where nothing was found."""
    status, out, _ = scanned(capsys, "--report=markdown", "tests/test_mail.py")

    assert status == 0
    assert out == (
        "### Tests that mention an incident: 0 likely, 0 possible, 1 known-broken, in 1 file\n"
        "\n"
        "A mention is not a regression test: read the test before you mark it.\n"
        "\n"
        "**Skipped or expected to fail: these tests guard nothing**\n"
        "\n"
        "- PM-3 Gone mail – `tests/test_mail.py::test_broken`:"
        " the reason of an xfail or a skip names it,"
        ' `tests/test_mail.py:10` `@pytest.mark.xfail(reason="PM-3")`\n'
    )
    (suite / "tests" / "test_mail.py").unlink()
    (suite / "tests" / "test_checkout.py").write_text("def test_a(): pass\n")
    assert scanned(capsys, "--report=markdown") == (0, "", "")
    assert scanned(capsys) == (
        0,
        "No test in 1 file mentions an incident that it is not linked to\n",
        "",
    )


def test_patterns_find_what_the_registry_lacks(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told apart, and never marked: the next run would call it unknown."""
    write(suite, {"pytest.ini": INI + "postmortem_scan_patterns =\n    PM-\\d+\n    ops=(\\d+)\n"})
    code = "# ops=17\n\ndef test_a():\n    # PM-9, PM-2\n    pass\n\n# ops=17\ndef test_b(): pass\n"
    write(suite, {"tests/test_mail.py": code, "tests/test_checkout.py": None})

    status, out, _ = scanned(capsys)

    assert status == 1
    assert [line for line in out.splitlines() if line.startswith("  tests")] == [
        "  tests/test_mail.py:4  PM-2  Login loop",
        "  tests/test_mail.py:4  PM-9  (not in the registry)",
        "  tests/test_mail.py:7  17  (not in the registry)",
    ]
    assert main(["scan", "--apply"]) == 0
    assert (suite / "tests" / "test_mail.py").read_text() == code.replace(
        "def test_a", 'import pytest\n\n\n@pytest.mark.postmortem("PM-2")\ndef test_a'
    )


def test_without_a_registry_patterns_have_to_do(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then the ids are the incidents, as they are in a run."""
    ini = "[pytest]\npostmortem_scan_patterns = PM-\\d+\npostmortem_markers = issue\n"
    code = (
        "import pytest\n\n\n@pytest.mark.issue('PM-1')\ndef test_a():\n    # PM-1, PM-2\n    \"\"\n"
    )
    write(suite, {"pytest.ini": ini, "pm.yml": None, "tests/test_mail.py": code})

    status, out, _ = scanned(capsys, "tests/test_mail.py", "--apply", "--report=term")

    assert (status, out.splitlines()[1]) == (0, "  tests/test_mail.py:6  PM-2")
    assert (
        '@pytest.mark.postmortem("PM-2")\n@pytest.mark.issue'
        in (suite / "tests" / "test_mail.py").read_text()
    )


def test_a_suite_without_anything_to_look_for_is_one_clear_message(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what to configure."""
    write(suite, {"pytest.ini": "[pytest]\n", "pm.yml": None})

    status, out, err = scanned(capsys)

    assert (status, out) == (2, "")
    assert err == (
        "Couldn't scan: no registry is configured, so no incident is known\n"
        "  run `pytest-postmortem init`, or set postmortem_registry or postmortem_scan_patterns\n"
        "  see `pytest-postmortem explain setting`\n"
    )


def test_a_registry_elsewhere_is_not_fetched(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing is known nothing is claimed; a synced file is enough."""
    url = "https://127.0.0.1:9/pm"
    write(suite, {"pytest.ini": f"[pytest]\npostmortem_registry = {url}\n"})

    assert scanned(capsys) == (
        3,
        "",
        f"{url} is not asked here: its incidents are not looked for;"
        " `pytest-postmortem sync` gets them\n",
    )
    write(suite, {"pytest.ini": "[pytest]\npostmortem_sync = pm.yml\n"})
    assert scanned(capsys) == (1, TERM, "")


def test_a_broken_registry_is_a_message(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As it is for every command."""
    write(suite, {"pm.yml": "- {title: No id}\n"})

    status, _, err = scanned(capsys)

    assert status == 4
    assert err.startswith("Couldn't read registry 'pm.yml', line 1: the first entry has no 'id'")


def test_as_much_of_a_post_mortem_is_told_as_may_be(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``postmortem_show`` holds here too, and so does ``postmortem_select``."""
    write(suite, {"pytest.ini": f"{INI}postmortem_show = id\npostmortem_select = id:PM-2\n"})

    status, out, _ = scanned(capsys, "--report=json")

    (found,) = json.loads(out)["suggestions"]
    assert (status, found["id"], found["title"], found["url"]) == (1, "PM-2", "PM-2", None)


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["no/such.py"], "file or folder 'no/such.py' does not exist"),
        (["tests/test_mail.py::test_marked"], "name files and folders"),
        (["--report=html:x"], "unknown report type 'html'"),
        (["--report=term:x"], "it goes to no file of its own"),
        (["--possible"], "--possible alone marks nothing"),
    ],
)
def test_wrong_use_is_one_clear_message(
    suite: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], cause: str
) -> None:
    """Before anything is read."""
    status, out, err = scanned(capsys, *arguments)

    assert (status, out) == (2, "")
    assert cause in err


def test_a_broken_pattern_is_one_clear_message(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the setting."""
    write(suite, {"pytest.ini": f"{INI}postmortem_scan_patterns = (\n"})

    status, _, err = scanned(capsys)

    assert status == 2
    assert err.startswith(
        "Couldn't use postmortem_scan_patterns = '(': it is not a regular expression"
    )


def test_files_that_can_not_be_read_are_named(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What they hold is not known; where that is all, nothing is judged."""
    broken = {f"tests/test_{n}.py": "PM-1 = (\n" for n in range(5)}
    write(suite, {**broken, "tests/test_checkout.py": None})

    status, out, _ = scanned(capsys)

    assert status == 0
    assert out.splitlines()[-3] == (
        "5 files can't be read as Python:"
        " tests/test_0.py, tests/test_1.py, tests/test_2.py and 2 more"
    )
    assert scanned(capsys, *list(broken)[:2])[0] == 3


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_nothing_is_written_outside_of_the_suite(
    suite: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A link may lead anywhere; one within is another name of a file."""
    theirs = tmp_path_factory.mktemp("theirs") / "test_theirs.py"
    theirs.write_text("def test_pm_1(): pass\n")
    (suite / "tests" / "test_link.py").symlink_to(theirs)
    (suite / "tests" / "test_again.py").symlink_to(suite / "tests" / "test_checkout.py")
    (suite / "tests" / "test_gone.py").symlink_to(suite / "nowhere.py")
    os.mkfifo(suite / "tests" / "test_pipe.py")

    status, out, err = scanned(capsys, "--apply", "--report=json:scan.json")

    assert (status, err) == (
        1,
        "tests/test_link.py is unchanged: it is outside the suite\n",
    )
    assert out == "2 tests marked in 1 file\n"
    assert theirs.read_text() == "def test_pm_1(): pass\n"
    assert (suite / "tests" / "test_checkout.py").read_text() == MARKED
    assert (suite / "tests" / "test_again.py").is_symlink()


def test_a_file_that_can_not_be_marked_is_left_alone(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And said, while the others are marked."""
    write(suite, {"tests/test_own.py": "from x import pytest\ndef test_pm_1(): pass\n"})

    status, out, err = scanned(capsys, "--apply", "--report=json:scan.json")

    assert (status, out) == (1, "2 tests marked in 1 file\n")
    assert err == ("tests/test_own.py is unchanged: it binds the name pytest to something else\n")


def test_a_file_that_has_changed_or_is_gone_is_left_alone(tmp_path: Path) -> None:
    """What was read is what may be written over."""
    file = tmp_path / "test_a.py"
    edit = MarkerEdit(ScannedFile("test_a.py", file, b"old"), b"new", 1)

    gone = write_marker_edit(edit)
    file.write_bytes(b"theirs")
    changed = write_marker_edit(edit)

    assert str(gone) == ("test_a.py is unchanged: it can't be written: No such file or directory")
    assert str(changed) == "test_a.py is unchanged: it has changed since it was read"
    assert file.read_bytes() == b"theirs"


def test_a_full_disk_leaves_every_file_as_it_was(
    suite: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is said; nothing is left beside it."""

    def full(source: str, destination: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = sorted(suite.rglob("*"))
    monkeypatch.setattr(os, "replace", full)

    status, out, err = scanned(capsys, "--apply", "--report=markdown", "tests/test_checkout.py")

    assert (status, out.splitlines()[-1]) == (1, "0 tests marked in 0 files")
    assert err == (
        "tests/test_checkout.py is unchanged: it can't be written: No space left on device\n"
    )
    assert (suite / "tests" / "test_checkout.py").read_text() == CHECKOUT
    assert sorted(suite.rglob("*")) == before


def test_a_terminal_is_safe_from_what_stands_in_code(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither an escape nor a command of a CI gets through, and a long line is cut."""
    code = f"def test_a():\n    # PM-1 \x1b[31m ##[error] {'x' * 300}\n    ::\n    pass\n".replace(
        "::\n", "# ::x\n"
    )
    write(suite, {"tests/test_checkout.py": code})

    _, out, _ = scanned(capsys, "--report=term")
    _, diff, _ = scanned(capsys, "--diff")

    assert "\x1b" not in out + diff
    assert "##[error]" not in out + diff
    assert f"      # PM-1  [31m ## [error] {'x' * 137}…\n" in out


def test_long_lists_are_cut_where_a_host_would_refuse_them() -> None:
    """In Markdown; a terminal shows all of them."""
    some = tuple(
        Suggestion(
            "possible", "a.py", n, n, ("a.py::A::t", "a.py::B::t", "a.py::C::t", "a.py::D::t"),
            f"PM-{n}", "", None, True, "# x", "why",
        )
        for n in range(60)
    )  # fmt: skip

    cut = output.render_scan_markdown(ScanResult(some, 1, ("b.py",))).splitlines()
    whole = output.render_scan_text(ScanResult(some, 1)).splitlines()

    assert cut[-3:] == ["- and 10 more", "", "1 file can't be read as Python: b.py"]
    assert len(whole) == 60 * 4 + 3
    assert whole[2] == "      a.py::A::t, a.py::B::t, a.py::C::t and 1 more"
