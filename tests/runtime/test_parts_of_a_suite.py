"""A run of a part of the suite claims no gap, passes no gate, and says what it left out."""

from __future__ import annotations

import pytest

from conftest import RunPytest, gapless_report

REGISTRY = """
- id: PM-1
- id: PM-2
- id: PM-3
- id: PM-4
"""
GATE = "--postmortem-fail-under=70"
UNJUDGED = "Gate fail-under not judged: {}; run the whole suite to judge it"
UNREPORTED = "the run ended before them, or a plugin left them out"
WHOLE = [
    "3 of 4 incidents guarded (75 %), 3 linked; 1 has no regression test",
]


@pytest.fixture(autouse=True)
def suite(pytester: pytest.Pytester) -> None:
    """Write three files with a test each, for three of four incidents."""
    pytester.makeini("[pytest]\npostmortem_registry = pm.yml\nmarkers = slow\n")
    pytester.makefile(".yml", pm=REGISTRY)
    for name, id in (("unit/test_a", 1), ("unit/test_b", 2), ("system/test_c", 3)):
        path = pytester.path / "tests" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        slow = "@pytest.mark.slow\n" if id == 3 else ""
        path.write_text(
            f"import pytest\n\n@pytest.mark.postmortem('PM-{id}')\n{slow}def test_{id}(): pass\n"
        )


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), marks=pytest.mark.smoke),
        ("tests",),
        ("tests/unit", "tests/system"),
        pytest.param(
            ("tests", "tests/unit/test_a.py::test_1"),
            marks=pytest.mark.skipif(
                pytest.version_tuple < (9,), reason="pytest 8 runs the one test alone"
            ),
        ),
        ("--ignore=nothing",),
        ("--lf",),
        ("--ff",),
        ("--sw",),
        ("-x",),
        ("--maxfail=1",),
        ("-k", "test"),
        ("-m", "not nothing"),
        ("--deselect=nothing",),
        ("-p", "no:cacheprovider"),
        ("-o", "testpaths=tests"),
    ],
    ids=" ".join,
)
def test_options_that_take_nothing_away_leave_the_run_full(
    run: RunPytest, arguments: tuple[str, ...]
) -> None:
    """What counts is what was collected and run, not which options were given."""
    result = run(GATE, *arguments)

    assert gapless_report(result) == WHOLE
    assert result.ret == 0


@pytest.mark.parametrize(
    ("arguments", "seen", "left", "reason"),
    [
        pytest.param(
            ("tests/unit/test_a.py::test_1",), 1, 3, "1 node id given", marks=pytest.mark.smoke
        ),
        (
            ("tests/unit/test_a.py::test_1", "tests/unit/test_b.py::test_2"),
            2,
            2,
            "2 node ids given",
        ),
        (("tests/unit/test_a.py",), 1, 3, "1 of 3 files given"),
        pytest.param(("tests/unit",), 2, 2, "2 of 3 files given", marks=pytest.mark.smoke),
        (
            ("tests/unit/test_a.py::test_1", "tests/unit/test_b.py"),
            2,
            2,
            "1 node id given; 2 of 3 files given",
        ),
        (("--ignore=tests/system",), 2, 2, "1 of 3 files left out"),
        (("--ignore-glob=*/test_c*",), 2, 2, "1 of 3 files left out"),
        (
            ("-o", "testpaths=tests/unit", "-o", "postmortem_suite=tests"),
            2,
            2,
            "1 of 3 files left out",
        ),
        (("--postmortem-scope=partial",), 3, 1, "--postmortem-scope=partial"),
    ],
)
def test_what_was_not_collected_is_not_judged(
    run: RunPytest, arguments: tuple[str, ...], seen: int, left: int, reason: str
) -> None:
    """No incident is called unguarded, and the gate neither passes nor fails."""
    result = run(GATE, *arguments)

    noun = "incident" if seen == 1 else "incidents"
    assert gapless_report(result) == [
        UNJUDGED.format(reason),
        f"{seen} of {seen} {noun} seen here guarded; {left} not judged: {reason}",
    ]
    assert result.ret == 0


@pytest.mark.parametrize(
    ("arguments", "guarded", "waiting", "reason"),
    [
        pytest.param(("-k", "test_1"), 1, 2, "deselected", marks=pytest.mark.smoke),
        (("-m", "not slow"), 2, 1, "deselected"),
        (("--deselect=tests/unit",), 1, 2, "deselected"),
        (("--postmortem=PM-1", "--postmortem=pm-2"), 2, 1, "deselected"),
        (("--postmortem=*-[12]",), 2, 1, "deselected"),
    ],
)
def test_what_was_deselected_is_linked_and_did_not_run(
    run: RunPytest, arguments: tuple[str, ...], guarded: int, waiting: int, reason: str
) -> None:
    """Deselected tests were collected, so a gap is known, but the gate can't be judged."""
    result = run(GATE, *arguments)

    verb = "the tests of 1 incident were" if waiting == 1 else "the tests of 2 incidents were"
    assert gapless_report(result) == [
        UNJUDGED.format(f"{verb} not run: {reason}"),
        f"{guarded} of 4 incidents guarded, 3 linked; {waiting} not run, 1 has no regression test",
    ]
    assert result.ret == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), marks=pytest.mark.smoke),
        ("tests/unit/test_a.py::test_1", "tests/unit/test_b.py"),
        ("--ignore=tests/system",),
        ("--postmortem=PM-1", "--postmortem=pm-2"),
        ("--setup-only",),
        ("-o", "addopts=-m 'not slow'"),
    ],
    ids=" ".join,
)
def test_workers_leave_out_the_same_part(
    pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    """They collect and deselect; the controller knows the command line."""
    pytest.importorskip("xdist")
    alone = pytester.runpytest(GATE, *arguments)

    workers = pytester.runpytest_subprocess("-n2", GATE, *arguments)

    assert gapless_report(workers) == gapless_report(alone)
    assert workers.ret == alone.ret


@pytest.mark.parametrize("option", ["--collect-only", "--setup-only"])
def test_a_run_that_runs_no_test_judges_nothing(run: RunPytest, option: str) -> None:
    """Not even when it is said to be the whole suite."""
    result = run(GATE, "--postmortem-scope=full", option)

    assert gapless_report(result) == [
        UNJUDGED.format(option),
        f"0 of 4 incidents guarded, 3 linked; 3 not run: {option}, 1 has no regression test",
    ]
    assert result.ret == 0


def test_what_the_configured_options_deselect_defines_the_suite(run: RunPytest) -> None:
    """A suite that always leaves its slow tests out is judged, and they count as no guard."""
    result = run(GATE, "-o", "addopts=-m 'not slow'")

    assert gapless_report(result) == [
        "Gate fail-under failed: 50 % of 4 incidents guarded, 70 % asked: 1 incident too few",
        "2 of 4 incidents guarded (50 %), 3 linked; 1 not run, 1 has no regression test",
    ]
    assert result.ret == 1


def test_what_the_configured_options_ignore_is_no_part_of_the_suite(run: RunPytest) -> None:
    """The same option is the suite's own in the configuration, and a part of it on the line."""
    result = run(GATE, "-o", "addopts=--ignore=tests/system", "tests")

    assert gapless_report(result) == [
        "Gate fail-under failed: 50 % of 4 incidents guarded, 70 % asked: 1 incident too few",
        "2 of 4 incidents guarded (50 %), 2 linked; 2 have no regression test",
    ]


def test_the_reader_may_know_better(run: RunPytest) -> None:
    """With ``--postmortem-scope=full`` what did not run counts as not guarded."""
    result = run(GATE, "--postmortem-scope=full", "tests/unit", "-k", "test_1")

    assert gapless_report(result) == [
        "Gate fail-under failed: 25 % of 4 incidents guarded, 70 % asked: 2 incidents too few",
        "1 of 4 incidents guarded (25 %), 2 linked; 1 not run, 2 have no regression test",
    ]
    assert result.ret == 1


def test_a_run_from_a_subdirectory_sees_that_directory(
    pytester: pytest.Pytester, run: RunPytest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without arguments pytest collects the folder that it is started in."""
    monkeypatch.chdir(pytester.path / "tests" / "unit")

    result = run()

    assert gapless_report(result) == [
        "2 of 2 incidents seen here guarded; 2 not judged: 2 of 3 files given"
    ]


def test_last_failed_leaves_out_what_passed(pytester: pytest.Pytester, run: RunPytest) -> None:
    """Files that ``--lf`` skips were not collected."""
    path = pytester.path / "tests" / "unit" / "test_a.py"
    path.write_text(path.read_text().replace("pass", "assert 0"))
    pytester.runpytest()

    result = run("--lf", "-q")

    last = "0 of 1 incident seen here guarded; 3 not judged: --lf skipped 2 files"
    assert report_lines(result)[-1] == last


def report_lines(result: pytest.RunResult) -> list[str]:
    """Return the lines of a quiet run that speak of incidents."""
    return [line for line in result.outlines if " incident" in line]


def test_stepwise_continues_where_it_stopped(pytester: pytest.Pytester) -> None:
    """What ``--sw`` deselects was collected, and did not run."""
    path = pytester.path / "tests" / "unit" / "test_a.py"
    path.write_text(path.read_text().replace("pass", "assert 0"))
    pytester.runpytest("--sw")

    result = pytester.runpytest("--sw", "-q", GATE)

    assert report_lines(result)[-2:] == [
        UNJUDGED.format(f"the tests of 2 incidents were not run: {UNREPORTED}; deselected"),
        "0 of 4 incidents guarded, 3 linked; 2 not run, 1 has no regression test (-v lists them)",
    ]


@pytest.mark.parametrize("option", ["-x", "--maxfail=1"])
def test_what_was_not_reached_did_not_run(pytester: pytest.Pytester, option: str) -> None:
    """A run that stops at the first failure judges no gate."""
    path = pytester.path / "tests" / "system" / "test_c.py"
    path.write_text(path.read_text().replace("pass", "assert 0"))

    result = pytester.runpytest(option, GATE)

    reason = f"the tests of 2 incidents were not run: {UNREPORTED}"
    assert gapless_report(result) == [
        "A test of 1 incident fails; the problem may be back:",
        "  PM-3",
        "        tests/system/test_c.py::test_3",
        UNJUDGED.format(reason),
        "0 of 4 incidents guarded, 3 linked; 2 not run, 1 has no regression test",
    ]


def test_a_file_that_can_not_be_collected_makes_the_run_partial(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Nobody knows which incidents its tests guard."""
    (pytester.path / "tests" / "system" / "test_c.py").write_text("import nothing_like_it\n")

    result = run(GATE, "--continue-on-collection-errors")

    reason = "1 file could not be collected: tests/system/test_c.py"
    assert gapless_report(result) == [
        UNJUDGED.format(reason),
        f"2 of 2 incidents seen here guarded; 2 not judged: {reason}",
    ]
    assert result.ret == 1


def test_folders_that_pytest_leaves_out_are_no_part_of_the_suite(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """``norecursedirs``, ``collect_ignore`` and virtual environments hold no test files."""
    for name in ("build/test_x.py", "venv/test_x.py", "tests/old/test_x.py", "x.egg/test_x.py"):
        path = pytester.path / name
        path.parent.mkdir(parents=True)
        path.write_text("raise RuntimeError\n")
    (pytester.path / "venv" / "pyvenv.cfg").touch()
    (pytester.path / "tests" / "conftest.py").write_text("collect_ignore = ['old']\n")

    result = run(GATE, "tests")

    assert gapless_report(result) == WHOLE


def test_doctests_of_modules_are_test_files_where_they_are_collected(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """With ``--doctest-modules`` every module belongs to the suite."""
    pytester.makepyfile(shop="'''>>> 1\n1\n'''")

    result = run("-o", "addopts=--doctest-modules", "tests")

    assert gapless_report(result) == [
        "3 of 3 incidents seen here guarded; 1 not judged: 3 of 4 files given"
    ]


MISSING = "3 of 3 incidents seen here guarded; 1 not judged: {}"

COLLECTOR = """
import pytest

def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".yaml" and file_path.name.startswith("test_"):
        return YamlFile.from_parent(parent, path=file_path)

class YamlFile(pytest.File):
    def collect(self):
        return [YamlItem.from_parent(self, name="it")]

class YamlItem(pytest.Item):
    def runtest(self):
        pass
"""


@pytest.mark.parametrize(
    ("name", "text", "arguments", "is_missed"),
    [
        ("docs/test_shop.txt", ">>> 1\n1\n", (), True),
        ("test-requirements.txt", "pytest>=8\n", (), False),
        ("docs/shop.rst", ">>> 1\n1\n", (), False),
        ("docs/shop.rst", ">>> 1\n1\n", ("-o", "addopts=--doctest-glob=*.rst"), True),
        ("docs/test_shop.txt", ">>> 1\n1\n", ("-p", "no:doctest"), False),
        ("data/test_it.json", "{}", ("-o", "python_files=test_*"), False),
    ],
)
def test_a_text_counts_if_it_has_doctests(
    name: str,
    text: str,
    arguments: tuple[str, ...],
    is_missed: bool,
    pytester: pytest.Pytester,
    run: RunPytest,
) -> None:
    """A bare pytest runs the examples in it; a text without any has no test that can be missed."""
    path = pytester.path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)

    result = run(*arguments, "tests")

    assert gapless_report(result) == (
        [MISSING.format("3 of 4 files given")] if is_missed else WHOLE
    )


@pytest.mark.parametrize(
    ("name", "is_missed"),
    [("specs/test_it.yaml", True), ("specs/it.yaml", False), ("build/test_it.yaml", False)],
)
def test_a_file_that_a_collector_of_the_suite_takes_is_a_test_file(
    name: str, is_missed: bool, pytester: pytest.Pytester, run: RunPytest
) -> None:
    """The collectors of plugins and conftests are asked about files of any name."""
    pytester.makeconftest(COLLECTOR)
    path = pytester.path / name
    path.parent.mkdir()
    path.write_text("- 1\n")

    result = run("tests")
    whole = run("tests", str(path.parent))

    assert gapless_report(result) == (
        [MISSING.format("3 of 4 files given")] if is_missed else WHOLE
    )
    assert gapless_report(whole) == WHOLE


def test_a_collector_of_a_folder_that_was_not_given_is_not_known(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Its conftest is not loaded, so no one can say which files it collects."""
    specs = pytester.mkdir("specs")
    (specs / "conftest.py").write_text(COLLECTOR)
    (specs / "test_it.yaml").write_text("- 1\n")

    part, whole = run(GATE, "tests"), run("tests", "specs")

    reason = "what specs/conftest.py may collect left out"
    assert gapless_report(part) == [UNJUDGED.format(reason), MISSING.format(reason)]
    assert gapless_report(whole) == WHOLE


def test_a_collector_of_a_folder_takes_no_files_of_others(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """pytest calls the hooks of a conftest for the files below it."""
    (pytester.path / "tests" / "conftest.py").write_text(COLLECTOR)
    (pytester.path / "test_it.yaml").write_text("- 1\n")

    result = run("tests")

    assert gapless_report(result) == WHOLE


def test_a_collector_that_fails_leaves_the_run_partial(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """It would fail in a whole run as well, so the file is not seen as covered."""
    pytester.makeconftest(
        "def pytest_collect_file(file_path, parent):\n"
        "    assert file_path.name != 'it.yaml', 'broken'\n"
    )
    (pytester.mkdir("specs") / "it.yaml").write_text("- 1\n")

    result = run("tests")

    assert gapless_report(result) == [MISSING.format("3 of 4 files given")]


def test_a_suite_outside_of_the_rootdir_has_to_be_named(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Nothing under the rootdir says what the whole is, so nothing is claimed."""
    here = pytester.mkdir("here")
    options = (f"--rootdir={here}", "--postmortem-registry=pm.yml", "tests")

    unnamed = run(*options)
    named = run(*options, "-o", f"postmortem_suite={pytester.path / 'tests'}")

    reason = "no test file under the rootdir says what the suite is (set postmortem_suite)"
    assert gapless_report(unnamed) == [
        f"3 of 3 incidents seen here guarded; 1 not judged: {reason}",
    ]
    assert gapless_report(named) == WHOLE
