"""Files outside the rootdir may share node ids: a test is known by its file as well."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from conftest import RunPytest, report_of, with_a_worker_too
from junit import block_of
from pytest_postmortem.cli.main import main
from report_schema import read_report, without_durations
from repositories import repository

REPORT = "--postmortem-report=json:report.json"
IMPORTLIB = "--import-mode=importlib"
MARKED = '@pytest.mark.postmortem("{id}")\n'
PASSES = "def test_it(): pass\n"
FAILS = "def test_it(): assert False\n"
SKIPPED = '@pytest.mark.skip(reason="no database")\n' + PASSES

needs_xdist = pytest.mark.skipif(find_spec("xdist") is None, reason="needs pytest-xdist")
needs_reruns = pytest.mark.skipif(
    find_spec("pytest_rerunfailures") is None, reason="needs pytest-rerunfailures"
)


def marked(id: str, test: str = PASSES) -> str:
    """Return the code of a test file with one test that is linked to an incident."""
    return f"import os, pytest\n{MARKED.format(id=id)}{test}"


def write(root: Path, registry: str = "- id: PM-1\n- id: PM-2\n", **files: str) -> None:
    """Write two packages ``a`` and ``b``, each with the test file of its name.

    The rootdir is ``a``, which has the configuration; both are given, so that the test files
    have one node id.
    """
    for name, text in files.items():
        (root / name / "tests").mkdir(parents=True)
        (root / name / "tests" / "test_it.py").write_text(text)
    (root / "a" / "pytest.ini").write_text("[pytest]\npostmortem_registry = ../postmortems.yml\n")
    (root / "postmortems.yml").write_text(registry)


def incidents_of(root: Path) -> dict[str, tuple[str, dict[str, str]]]:
    """Return the state of each incident in the JSON report, with the outcomes of its tests."""
    document = json.loads((root / "report.json").read_text())
    return {
        each["id"]: (
            each["state"],
            {f"{test['path']} {test['nodeid']}": test["outcome"] for test in each["tests"]},
        )
        for each in document["incidents"]
    }


A = "tests/test_it.py tests/test_it.py::test_it"
B = "../b/tests/test_it.py tests/test_it.py::test_it"


def test_a_skipped_test_does_not_pass_because_another_one_does(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Each test has its own outcome, and all files that were given were seen."""
    write(pytester.path, a=marked("PM-1", SKIPPED), b=marked("PM-2"))

    run("a", "b", IMPORTLIB, REPORT)

    document = json.loads((pytester.path / "report.json").read_text())
    assert incidents_of(pytester.path) == {
        "PM-1": ("skipped", {A: "skipped"}),
        "PM-2": ("guarded", {B: "passed"}),
    }
    assert document["scope"]["files"] == ["../b/tests/test_it.py", "tests/test_it.py"]
    assert document["scope"]["kind"] == "full"


@pytest.mark.parametrize(
    "given", [("tests/unit", "tests/integration"), ("tests/unit/test_it.py", "tests/integration")]
)
def test_a_configuration_in_a_folder_of_its_own_puts_all_tests_outside(
    pytester: pytest.Pytester, run: RunPytest, given: tuple[str, ...]
) -> None:
    """The rootdir is the folder of the file that ``-c`` names."""
    for name, text in (("unit", marked("PM-1", FAILS)), ("integration", marked("PM-2"))):
        (pytester.path / "tests" / name).mkdir(parents=True)
        (pytester.path / "tests" / name / "test_it.py").write_text(text)
    (pytester.path / "config").mkdir()
    (pytester.path / "config" / "pytest.ini").write_text("[pytest]\n")

    run("-c", "config/pytest.ini", *given, IMPORTLIB, REPORT)

    states = {id: state for id, (state, _) in incidents_of(pytester.path).items()}
    assert states == {"PM-1": "failing", "PM-2": "guarded"}


def test_files_that_are_given_one_by_one_have_empty_paths_in_their_node_ids(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Their node ids hold nothing but the name of the test."""
    write(pytester.path, a=PASSES, b=marked("PM-1", SKIPPED), c=marked("PM-2"))

    run("--rootdir=a", "b/tests/test_it.py", "c/tests/test_it.py", IMPORTLIB, REPORT)

    assert incidents_of(pytester.path) == {
        "PM-1": ("skipped", {"../b/tests/test_it.py ::test_it": "skipped"}),
        "PM-2": ("guarded", {"../c/tests/test_it.py ::test_it": "passed"}),
    }


def test_a_failure_shows_the_post_mortem_of_its_own_file(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Another test of the same node id has nothing to do with it."""
    write(pytester.path, a=marked("PM-1"), b=marked("PM-2", FAILS))

    result = run("a", "b", IMPORTLIB)

    assert block_of(result) == ["PM-2", "      This test keeps that incident from happening again."]


def test_a_failure_of_a_test_without_a_link_is_nobody_elses(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """The linked test of the same node id passed."""
    write(pytester.path, "- id: PM-1\n", a=marked("PM-1"), b=FAILS)

    run("a", "b", IMPORTLIB, REPORT)

    assert incidents_of(pytester.path) == {"PM-1": ("guarded", {A: "passed"})}


@with_a_worker_too
def test_what_was_deselected_is_known_by_its_file(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """``--postmortem`` runs the tests of its incident alone."""
    write(pytester.path, a=marked("PM-1"), b=marked("PM-2"))

    result = run("a", "b", IMPORTLIB, REPORT, "--postmortem=PM-2")

    result.assert_outcomes(passed=1)
    assert incidents_of(pytester.path)["PM-2"] == ("guarded", {B: "passed"})


@with_a_worker_too
def test_a_file_that_skips_itself_is_not_the_other_one(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Its links are read from its code, and its reason is its own."""
    skip = 'import pytest\npytest.skip("no database", allow_module_level=True)\n'
    write(pytester.path, a=skip + marked("PM-1"), b=marked("PM-2"))

    run("a", "b", IMPORTLIB, REPORT)

    assert incidents_of(pytester.path) == {
        "PM-1": ("skipped", {"tests/test_it.py tests/test_it.py": "skipped"}),
        "PM-2": ("guarded", {B: "passed"}),
    }


def test_a_file_that_cannot_be_collected_is_not_the_other_one(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """The finding names it by its path."""
    write(pytester.path, a=marked("PM-1"), b="import nothing_of_this_name\n")

    run("a", "b", IMPORTLIB, REPORT, "--continue-on-collection-errors")

    scope = json.loads((pytester.path / "report.json").read_text())["scope"]
    assert scope["files"] == ["tests/test_it.py"]
    assert scope["reasons"] == ["1 file could not be collected: ../b/tests/test_it.py"]


@pytest.mark.parametrize(
    ("declared", "tests"),
    [
        ("tests/test_it.py::test_it", {A: "passed"}),
        ("../b/tests/test_it.py::test_it", {B: "skipped"}),
        ("../b/tests/test_it.py", {B: "skipped"}),
    ],
)
def test_a_declared_test_is_meant_by_its_path_from_the_rootdir(
    pytester: pytest.Pytester, run: RunPytest, declared: str, tests: dict[str, str]
) -> None:
    """A node id that is the path of a file from there names no other file."""
    entry = f"- id: PM-1\n  tests: ['{declared}']\n"
    write(pytester.path, entry, a=PASSES, b="import pytest\n" + SKIPPED)

    run("a", "b", IMPORTLIB, REPORT)

    assert incidents_of(pytester.path)["PM-1"][1] == tests


def test_a_declared_node_id_that_fits_several_tests_is_all_of_them(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """None of the files has that path from the rootdir, so nothing tells which is meant."""
    entry = "- id: PM-1\n  tests: ['tests/test_it.py::test_it']\n"
    write(pytester.path, entry, b=PASSES, c=FAILS, a="")
    (pytester.path / "a" / "tests" / "test_it.py").unlink()

    run("--rootdir=a", "-c", "a/pytest.ini", "b", "c", IMPORTLIB, REPORT)

    assert incidents_of(pytester.path)["PM-1"] == (
        "failing",
        {B: "passed", B.replace("/b/", "/c/"): "failed"},
    )


@pytest.mark.parametrize("declared", ["tests/test_it.py::test_it", "../b/tests/test_it.py"])
def test_a_declared_test_in_a_file_that_skipped_itself_is_found(
    pytester: pytest.Pytester, run: RunPytest, declared: str
) -> None:
    """It is no test that was collected nowhere."""
    skip = 'import pytest\npytest.skip("no database", allow_module_level=True)\n'
    write(pytester.path, f"- id: PM-1\n  tests: ['{declared}']\n", a="", b=skip)
    (pytester.path / "a" / "tests" / "test_it.py").unlink()

    run("--rootdir=a", "-c", "a/pytest.ini", "b", IMPORTLIB, REPORT)

    assert incidents_of(pytester.path)["PM-1"] == (
        "skipped",
        {"../b/tests/test_it.py tests/test_it.py": "skipped"},
    )


@with_a_worker_too
def test_a_test_that_marks_itself_is_known_by_its_file(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Its link arrives after its reports."""
    late = 'def test_it(request): request.node.add_marker(pytest.mark.postmortem("PM-2"))\n'
    write(pytester.path, a=marked("PM-1", SKIPPED), b="import pytest\n" + late)

    run("a", "b", IMPORTLIB, REPORT)

    assert incidents_of(pytester.path) == {
        "PM-1": ("skipped", {A: "skipped"}),
        "PM-2": ("guarded", {B: "passed"}),
    }


BASE = "class Base:\n    def test_it(self):\n        if self.broken: raise ValueError\n"
INHERITS = "import pytest\nfrom base import Base\n"


@pytest.mark.parametrize("broken", [False, True])
def test_tests_that_inherit_from_one_class_are_guarded_when_all_of_them_pass(
    pytester: pytest.Pytester, run: RunPytest, *, broken: bool
) -> None:
    """Their reports say where the base class is, so nothing tells them apart."""
    pytester.syspathinsert()
    (pytester.path / "base.py").write_text(BASE)
    write(
        pytester.path,
        a=INHERITS + MARKED.format(id="PM-1") + "class TestIt(Base): broken = False\n",
        b=INHERITS + MARKED.format(id="PM-2") + f"class TestIt(Base): broken = {broken}\n",
    )

    run("a", "b", IMPORTLIB, REPORT)

    word, state = ("failed", "failing") if broken else ("passed", "guarded")
    assert incidents_of(pytester.path) == {
        "PM-1": (state, {A.replace("::", "::TestIt::"): word}),
        "PM-2": (state, {B.replace("::", "::TestIt::"): word}),
    }


def test_a_test_that_inherits_from_one_class_does_not_pass_for_the_other(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """A skipped one is no pass, whichever of the two ran."""
    pytester.syspathinsert()
    (pytester.path / "base.py").write_text(BASE)
    skip = '@pytest.mark.skip(reason="no database")\n'
    write(
        pytester.path,
        a=INHERITS + MARKED.format(id="PM-1") + f"{skip}class TestIt(Base): broken = False\n",
        b=INHERITS + "class TestIt(Base): broken = False\n",
    )

    run("a", "b", IMPORTLIB, REPORT)

    assert incidents_of(pytester.path)["PM-1"][0] == "skipped"


def test_a_test_that_is_inherited_is_known_by_the_file_of_its_class(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """The line of its function is in another file, where an unknown id is found."""
    pytester.makeini("[pytest]\npostmortem_registry = postmortems.yml\n")
    pytester.makefile(".yml", postmortems="- id: PM-1\n")
    ids = '    @pytest.mark.postmortem("PM-1", "PM-9")\n'
    base = f"import pytest\nclass Base:\n{ids}    def test_it(self): pass\n"
    pytester.makepyfile(base=base, test_a="from base import Base\nclass TestA(Base): pass\n")

    run(REPORT)

    document = json.loads((pytester.path / "report.json").read_text())
    (test,) = document["incidents"][0]["tests"]
    (finding,) = document["findings"]
    assert (test["path"], test["nodeid"], test["line"]) == (
        "test_a.py",
        "test_a.py::TestA::test_it",
        None,
    )
    assert (finding["path"], finding["line"]) == ("base.py", 3)


@pytest.mark.slow
@needs_xdist
def test_a_worker_that_dies_in_a_test_takes_no_other_test_with_it(
    pytester: pytest.Pytester,
) -> None:
    """Its report has the node id alone, but the worker said before which test it began."""
    write(pytester.path, a=marked("PM-1"), b=marked("PM-2", "def test_it(): os._exit(1)\n"))

    pytester.runpytest_subprocess("-n2", "a", "b", IMPORTLIB, REPORT)

    assert incidents_of(pytester.path) == {
        "PM-1": ("guarded", {A: "passed"}),
        "PM-2": ("failing", {B: "failed"}),
    }


@pytest.mark.slow
@needs_xdist
def test_a_worker_that_dies_in_a_setup_counts_for_each_test_of_that_node_id(
    pytester: pytest.Pytester,
) -> None:
    """Nothing tells which of the two it was, and a failure is never forgotten."""
    dies = "@pytest.fixture\ndef dies(): os._exit(1)\n"
    write(
        pytester.path,
        a=marked("PM-1"),
        b=f"import os, pytest\n{dies}{MARKED.format(id='PM-2')}def test_it(dies): pass\n",
    )

    pytester.runpytest_subprocess("-n2", "a", "b", IMPORTLIB, REPORT)

    assert incidents_of(pytester.path) == {
        "PM-1": ("failing", {A: "failed"}),
        "PM-2": ("failing", {B: "failed"}),
    }


@needs_xdist
def test_a_group_changes_the_node_id_and_not_the_file(pytester: pytest.Pytester) -> None:
    """``--dist loadgroup`` adds the group, and of two tests of one node id it runs the first."""
    group = '@pytest.mark.xdist_group("one")\n'
    write(pytester.path, a=marked("PM-1", group + PASSES), b=marked("PM-2", group + PASSES))

    pytester.runpytest_subprocess("-n2", "--dist=loadgroup", "a", "b", IMPORTLIB, REPORT)

    assert incidents_of(pytester.path) == {
        "PM-1": ("guarded", {A: "passed"}),
        "PM-2": ("not-run", {B: "not-run"}),
    }


@with_a_worker_too
@needs_reruns
def test_a_rerun_of_one_test_says_nothing_of_the_other(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Only the one that needed it is flaky."""
    flaky = "def test_it(tries=[]):\n    tries.append(1)\n    assert len(tries) > 1\n"
    write(pytester.path, a=marked("PM-1"), b=marked("PM-2", flaky))

    run("a", "b", IMPORTLIB, REPORT, "--reruns=1")

    incidents = json.loads((pytester.path / "report.json").read_text())["incidents"]
    assert [(each["state"], each["flaky"]) for each in incidents] == [
        ("guarded", False),
        ("guarded", True),
    ]


def test_a_file_that_is_given_twice_has_to_pass_twice(pytester: pytest.Pytester) -> None:
    """With ``--keep-duplicates`` pytest runs it as often as it was given."""
    once = "def test_it(tries=[]):\n    tries.append(1)\n    if len(tries) > 1: pytest.skip()\n"
    write(pytester.path, a=marked("PM-1", once))

    pytester.runpytest("a/tests", "a/tests", "--keep-duplicates", REPORT)

    assert incidents_of(pytester.path)["PM-1"] == ("skipped", {A: "skipped"})


def test_the_terminal_names_a_failing_test_by_its_path(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """The node id that pytest gives it may be that of another test."""
    write(pytester.path, a=marked("PM-1"), b=marked("PM-2", FAILS))

    result = run("a", "b", IMPORTLIB)

    assert report_of(result) == [
        "A test of 1 incident fails; the problem may be back:",
        "  PM-2",
        "        ../b/tests/test_it.py::test_it",
        "1 of 2 incidents guarded (50 %), 2 linked",
    ]


def written(pytester: pytest.Pytester, name: str, *arguments: str) -> dict[str, Any]:
    """Run pytest, and return the JSON report that it writes under this name."""
    pytester.runpytest(*arguments, IMPORTLIB, f"--postmortem-report=json:{name}")
    return without_durations(read_report(pytester.path / name))


def combined(root: Path, *names: str) -> dict[str, Any]:
    """Return what combine makes of reports."""
    main(["combine", "--report=json:report.json", *names])
    return without_durations(read_report(root / "report.json"))


def test_a_report_is_the_same_when_it_is_combined_alone(pytester: pytest.Pytester) -> None:
    """Both tests are in it, each with its own outcome."""
    write(pytester.path, a=marked("PM-1", SKIPPED), b=marked("PM-1"))

    own = written(pytester, "own.json", "a", "b")

    assert combined(pytester.path, "own.json") == own
    assert incidents_of(pytester.path)["PM-1"] == ("guarded", {A: "skipped", B: "passed"})


def test_parts_of_a_suite_that_name_other_folders_are_of_the_same_tests(
    pytester: pytest.Pytester,
) -> None:
    """A node id outside of the rootdir begins at what was given; the file is one and the same."""
    write(pytester.path, a=PASSES, b=marked("PM-1", FAILS), c=marked("PM-2"))

    written(pytester, "1.json", "--rootdir=a", "-c", "a/pytest.ini", "b/tests", "c")
    written(pytester, "2.json", "--rootdir=a", "-c", "a/pytest.ini", "b", "c/tests")
    combined(pytester.path, "1.json", "2.json")

    assert incidents_of(pytester.path) == {
        "PM-1": ("failing", {"../b/tests/test_it.py test_it.py::test_it": "failed"}),
        "PM-2": ("guarded", {"../c/tests/test_it.py tests/test_it.py::test_it": "passed"}),
    }


def test_a_file_outside_of_one_rootdir_is_the_same_below_another_one(
    pytester: pytest.Pytester,
) -> None:
    """Reports of two rootdirs are joined by the place of each file in the repository."""
    repository(pytester.path)
    write(pytester.path, a=marked("PM-1", SKIPPED), b=marked("PM-2", FAILS))

    written(pytester, "1.json", "a", "b")
    (pytester.path / "b" / "pytest.ini").write_text(
        "[pytest]\npostmortem_registry = ../postmortems.yml\n"
    )
    written(pytester, "2.json", "--rootdir=b", "-c", "b/pytest.ini", "b")
    combined(pytester.path, "1.json", "2.json")

    assert incidents_of(pytester.path) == {
        "PM-1": ("skipped", {"a/tests/test_it.py a/tests/test_it.py::test_it": "skipped"}),
        "PM-2": ("failing", {"b/tests/test_it.py b/tests/test_it.py::test_it": "failed"}),
    }


def test_a_comparison_names_each_test_that_is_gone(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two tests of one node id are two."""
    write(pytester.path, a=marked("PM-1"), b=marked("PM-1"))
    written(pytester, "old.json", "a", "b")
    (pytester.path / "a" / "tests" / "test_it.py").write_text(PASSES)
    (pytester.path / "b" / "tests" / "test_it.py").write_text("")

    written(pytester, "new.json", "a", "b")
    capsys.readouterr()
    main(["diff", "old.json", "new.json"])

    gone = "::test_it is deleted or has lost its marker"
    assert capsys.readouterr().out == (
        "No longer guarded:\n"
        "  PM-1\n"
        f"        ../b/tests/test_it.py{gone}; tests/test_it.py{gone}\n"
        "1 no longer guarded\n"
    )


@pytest.mark.parametrize("given", ["{}", "{}/tests/test_it.py"])
def test_a_run_of_which_both_files_are_given_is_counted_once(
    pytester: pytest.Pytester, given: str
) -> None:
    """JUnit XML has no path of a test outside of the rootdir; what it says is known already."""
    write(pytester.path, a=PASSES, b=marked("PM-1"), c=marked("PM-2", SKIPPED))

    own = written(pytester, "own.json", *map(given.format, "abc"), "--junitxml=own.xml")

    assert combined(pytester.path, "own.json", "own.xml") == own


ITEMS_WITH_NEW_PATHS = """
from pathlib import Path
import pytest

class Item(pytest.Item):
    @property
    def path(self):
        return Path(self.place)

    @path.setter
    def path(self, value):
        self.place = str(value)

    def runtest(self):
        pass

class File(pytest.File):
    def collect(self):
        for name in "abc":
            item = Item.from_parent(self, name=name)
            item.add_marker(pytest.mark.postmortem("PM-1"))
            yield item

def pytest_collect_file(file_path, parent):
    return File.from_parent(parent, path=file_path) if file_path.suffix == ".it" else None
"""


def test_items_that_make_their_path_anew_are_told_apart(pytester: pytest.Pytester) -> None:
    """A test is known by its file, also where its path is another object each time."""
    pytester.makeconftest(ITEMS_WITH_NEW_PATHS)
    (pytester.path / "postmortems.yml").write_text("- id: PM-1\n")
    for name in ("one", "two", "three"):
        (pytester.path / f"{name}.it").write_text("")

    pytester.runpytest(REPORT)

    (incident,) = read_report(pytester.path / "report.json")["incidents"]
    assert [test["path"] for test in incident["tests"]] == [
        test["nodeid"].partition("::")[0] for test in incident["tests"]
    ]
    assert {test["outcome"] for test in incident["tests"]} == {"passed"}
