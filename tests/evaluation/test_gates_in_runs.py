"""The gates, through real runs: the line that says why, and the exit status."""

from __future__ import annotations

from inspect import cleandoc

import pytest

from conftest import RunPytest, gapless_report, with_a_worker_too

REGISTRY = """
- id: PM-1
  severity: SEV-1
  date: 2026-01-10
- id: PM-2
  severity: sev2
  date: 2026-02-10
- id: PM-3
  severity: Sev1
  date: 2026-03-10
- id: PM-4
  date: 2026-03-20
"""
TESTS = """
import pytest

@pytest.mark.postmortem("PM-1")
def test_one():
    pass

@pytest.mark.slow
@pytest.mark.postmortem("PM-2")
def test_two():
    pass
"""
TODAY = "--postmortem-today=2026-03-20"
FAILED = "Gate fail-under failed: 50 % of 4 incidents guarded, 60 % asked: 1 incident too few"

LAST = "2 of 4 incidents guarded (50 %), 2 linked; 2 have no regression test"


@pytest.fixture(autouse=True)
def suite(pytester: pytest.Pytester) -> None:
    """Write four incidents, and a test for each of two."""
    pytester.makeini("[pytest]\npostmortem_registry = pm.yml\nmarkers = slow\n")
    pytester.makefile(".yml", pm=REGISTRY)
    pytester.makepyfile(test_it=TESTS)


@with_a_worker_too
@pytest.mark.smoke
def test_a_failing_gate_turns_a_green_run_red(run: RunPytest) -> None:
    """One line says which rule failed, and by how much."""
    result = run("--postmortem-fail-under=60")

    assert gapless_report(result) == [FAILED, LAST]
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=2)


def test_a_gate_that_passes_is_silent_but_with_v(pytester: pytest.Pytester) -> None:
    """Half of the incidents are guarded, and no more is asked."""
    result = pytester.runpytest("--postmortem-fail-under=50")
    verbose = pytester.runpytest("--postmortem-fail-under=50", "-v", TODAY)

    assert gapless_report(result) == [LAST]
    assert gapless_report(verbose)[-2:] == [
        "Gate fail-under passed: 50 % of 4 incidents guarded, 50 % asked",
        LAST,
    ]
    assert (result.ret, verbose.ret) == (0, 0)


def test_where_nothing_is_required_the_gate_passes_and_says_why(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Of no incident at all, a hundred per cent can't be missed."""
    pytester.makefile(".yml", pm="- {id: PM-9, test: exempt, reason: the service is gone}")
    pytester.makepyfile(test_it="def test_it(): pass")

    result = run("--postmortem-fail-under=100")

    assert gapless_report(result) == [
        "Gate fail-under passed: no incident requires a regression test",
        "no incident requires a regression test; 1 exempt",
    ]
    assert result.ret == 0


@pytest.mark.parametrize(
    ("settings", "lines", "status"),
    [
        pytest.param(
            {"require": "sev1"},
            [
                "Gate require failed: 1 incident of sev1 not guarded: PM-3;"
                " 1 incident has no severity: not judged (PM-4)",
                LAST,
            ],
            1,
            id="severity",
            marks=pytest.mark.smoke,
        ),
        pytest.param(
            {"require": "sev-1 SEV2"},
            [
                "Gate require failed: 1 incident of sev-1, SEV2 not guarded: PM-3;"
                " 1 incident has no severity: not judged (PM-4)",
                LAST,
            ],
            1,
            id="two-severities",
        ),
        pytest.param(
            {"require": "sev1", "grace": "10"},
            [
                "Gate require passed: 2 of 2 incidents of sev1 guarded or in grace;"
                " 1 incident has no severity: not judged (PM-4)",
                LAST,
            ],
            0,
            id="last-day-of-grace",
            marks=pytest.mark.smoke,
        ),
        pytest.param(
            {"require": "sev1", "grace": "9"},
            [
                "Gate require failed: 1 incident of sev1 not guarded: PM-3;"
                " 1 incident has no severity: not judged (PM-4)",
                LAST,
            ],
            1,
            id="grace-over",
        ),
        pytest.param(
            {"require": "sev1", "since": "2026-03-11"},
            [
                "Gate require passed: 1 of 1 incident of sev1 guarded or in grace;"
                " 1 incident has no severity: not judged (PM-4)",
                "2 of 3 incidents guarded (66.6 %), 2 linked; 1 has no regression test,"
                " 1 older without one",
            ],
            0,
            id="older-than-since",
        ),
        pytest.param(
            {"require": "sev1", "since": "2026-03-10"},
            [
                "Gate require failed: 1 incident of sev1 not guarded: PM-3;"
                " 1 incident has no severity: not judged (PM-4)",
                LAST,
            ],
            1,
            id="as-old-as-since",
        ),
        pytest.param(
            {"require": "sev2"},
            [
                "Gate require passed: 1 of 1 incident of sev2 guarded or in grace;"
                " 1 incident has no severity: not judged (PM-4)",
                LAST,
            ],
            0,
            id="incidents-without-severity-are-not-swallowed",
        ),
        pytest.param(
            {"require": "sev9"},
            [
                "1 warning:",
                "  postmortem_require has 'sev9', a severity of no incident; there are SEV-1, sev2",
                "Gate require passed: no incident of sev9 is required;"
                " 1 incident has no severity: not judged (PM-4)",
                LAST,
            ],
            0,
            id="no-such-severity",
        ),
    ],
)
def test_the_severities_that_are_required_have_to_be_guarded(
    pytester: pytest.Pytester, settings: dict[str, str], lines: list[str], status: int
) -> None:
    """Unless an incident is young enough, or too old; what has no severity is said."""
    overrides = [f"-o=postmortem_{name}={value}" for name, value in settings.items()]

    result = pytester.runpytest(TODAY, *overrides)

    assert gapless_report(result) == lines
    assert result.ret == status


@pytest.mark.parametrize("setting", ["sev1,sev2", "sev1, sev2", "sev1 sev2", ",sev2,,sev1"])
def test_commas_separate_severities(pytester: pytest.Pytester, setting: str) -> None:
    """``sev1,sev2`` is no severity of its own that nothing has, with which the gate would pass."""
    result = pytester.runpytest(TODAY, f"-o=postmortem_require={setting}")

    severities = "sev2, sev1" if setting.startswith(",") else "sev1, sev2"
    assert gapless_report(result)[0] == (
        f"Gate require failed: 1 incident of {severities} not guarded: PM-3;"
        " 1 incident has no severity: not judged (PM-4)"
    )


def test_commas_separate_what_other_settings_name(pytester: pytest.Pytester) -> None:
    """Severities that are selected, and the names of marks."""
    pytester.makeini(
        "[pytest]\npostmortem_registry = pm.yml\nmarkers =\n  slow\n  bug\n"
        "postmortem_select = severity:sev1,sev2\npostmortem_markers = issue,bug\n"
    )
    pytester.makepyfile(test_it=f"{TESTS}\n@pytest.mark.bug('PM-3')\ndef test_three(): pass\n")

    result = pytester.runpytest("--postmortem-fail-under=100")

    assert gapless_report(result) == ["3 of 3 incidents guarded (100 %), 3 linked"]


@pytest.mark.parametrize("arguments", [(), ("--postmortem-fail-under=0.5",)])
def test_where_no_incident_has_a_severity_none_can_be_required(
    pytester: pytest.Pytester, run: RunPytest, arguments: tuple[str, ...]
) -> None:
    """The run fails and says what to do, since the gate would pass for ever."""
    pytester.makefile(".yml", pm="- id: PM-1\n- id: PM-2\n")

    result = run("-o", "postmortem_require=sev1", *arguments)

    warning = [
        "1 warning:",
        "  fail-under is a percentage, and 0.5 asks for 0.5 %; write 50 for 50 %",
    ]
    assert gapless_report(result) == [
        *(warning if arguments else []),
        "Gate require failed: 2 incidents required, none with a severity; add one to each,"
        " such as 'severity: sev1'",
        "2 of 2 incidents guarded (100 %), 2 linked",
    ]
    assert result.ret == 1


def test_an_empty_registry_requires_nothing(pytester: pytest.Pytester) -> None:
    """A project without an incident passes, and is warned that there is none."""
    pytester.makefile(".yml", pm="postmortems: []\n")
    pytester.makepyfile(test_it="def test_it(): pass")

    result = pytester.runpytest("-o", "postmortem_require=sev1,sev2")

    assert [line for line in gapless_report(result) if line.startswith("Gate")] == [
        "Gate require passed: no incident of sev1, sev2 is required"
    ]
    assert result.ret == 0


def test_both_gates_are_judged_and_both_fail(run: RunPytest) -> None:
    """A reader who mends one learns of the other in the same run."""
    result = run("--postmortem-fail-under=60", "-o", "postmortem_require=sev1")

    assert gapless_report(result) == [
        FAILED,
        "Gate require failed: 1 incident of sev1 not guarded: PM-3;"
        " 1 incident has no severity: not judged (PM-4)",
        LAST,
    ]


@pytest.mark.smoke
def test_a_gate_over_a_part_of_the_suite_neither_passes_nor_fails(run: RunPytest) -> None:
    """Both gates say that they could not be judged, why, and what would help."""
    result = run(
        "--postmortem-fail-under=10", "-o", "postmortem_require=sev2", "test_it.py::test_one"
    )

    remedy = "not judged: 1 node id given; run the whole suite to judge it"
    assert gapless_report(result) == [
        f"Gate fail-under {remedy}",
        f"Gate require {remedy}",
        "1 of 1 incident seen here guarded; 3 not judged: 1 node id given",
    ]
    assert result.ret == 0


@pytest.mark.parametrize(
    ("tests", "arguments", "status"),
    [
        pytest.param("def test_it(): assert 0", (), 1, id="failed"),
        pytest.param("def test_it(): raise KeyboardInterrupt", (), 2, id="interrupted"),
        pytest.param("import nothing_like_it", (), 2, id="collection-error"),
        pytest.param("def test_it(): pass", ("-k", "nothing"), 5, id="nothing-collected"),
        pytest.param("def test_it(): pass", ("no_such_file.py",), 4, id="wrong-use"),
        pytest.param("def test_it(): pass", ("--no-such-option",), 4, id="wrong-option"),
    ],
)
@pytest.mark.parametrize("scope", ["full", "partial"])
def test_a_gate_leaves_another_exit_status_alone(
    pytester: pytest.Pytester, scope: str, tests: str, arguments: tuple[str, ...], status: int
) -> None:
    """A gate that fails turns 0 into 1 and nothing else, and none turns red into green."""
    pytester.makepyfile(test_it=tests)
    gates = (f"--postmortem-scope={scope}", "--postmortem-fail-under=100")

    result = pytester.runpytest(*gates, *arguments, no_reraise_ctrlc=True)

    assert result.ret == status


@pytest.mark.parametrize(
    "options",
    [
        ("-q",),
        ("-qq",),
        pytest.param(("--no-summary",), marks=pytest.mark.smoke),
        ("--postmortem-report=",),
        ("-q", "--no-summary", "--no-header", "--tb=no"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize(
    ("arguments", "reason", "status"),
    [
        (("--postmortem-fail-under=60",), FAILED, 1),
        (
            ("--postmortem-fail-under=60", "-k", "one"),
            "Gate fail-under not judged: the tests of 1 incident were not run: deselected;"
            " run the whole suite to judge it",
            0,
        ),
    ],
    ids=["failed", "not-judged"],
)
def test_however_quiet_a_run_is_it_says_why_the_gate_did_not_pass(
    pytester: pytest.Pytester,
    options: tuple[str, ...],
    arguments: tuple[str, ...],
    reason: str,
    status: int,
) -> None:
    """An exit status without its reason sends the reader looking for a failed test."""
    result = pytester.runpytest(*options, *arguments)

    assert [line for line in result.outlines if line.startswith("Gate ")] == [reason]
    assert result.ret == status


CONFIGURATIONS = {
    "pytest.ini": """
        [pytest]
        addopts = -m "not slow" --postmortem-fail-under=50
        markers = slow
        postmortem_registry = pm.yml
        postmortem_require = sev1 sev2
        postmortem_grace = 10
        postmortem_since = 2026-01-11
        """,
    "setup.cfg": """
        [tool:pytest]
        addopts = -m "not slow" --postmortem-fail-under=50
        markers = slow
        postmortem_registry =
            pm.yml
        postmortem_require = sev1 sev2
        postmortem_grace = 10
        postmortem_since = 2026-01-11
        """,
    "pyproject.toml, a table of the old kind": """
        [tool.pytest.ini_options]
        addopts = ["-m", "not slow", "--postmortem-fail-under=50"]
        markers = ["slow"]
        postmortem_registry = ["pm.yml"]
        postmortem_require = ["sev1", "sev2"]
        postmortem_grace = 10
        postmortem_since = "2026-01-11"
        """,
    "pyproject.toml, a native table": """
        [tool.pytest]
        addopts = ["-m", "not slow", "--postmortem-fail-under=50"]
        markers = ["slow"]
        postmortem_registry = ["pm.yml"]
        postmortem_require = ["sev1", "sev2"]
        postmortem_grace = "10"
        postmortem_since = "2026-01-11"
        """,
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_kind_of_configuration_gives_the_same(pytester: pytest.Pytester, name: str) -> None:
    """What the configured options always deselect counts as not guarded, wherever it stands."""
    if "native" in name and pytest.version_tuple < (9,):
        pytest.skip("native tables come with pytest 9")
    (pytester.path / "tox.ini").unlink()
    (pytester.path / name.partition(",")[0]).write_text(cleandoc(CONFIGURATIONS[name]))

    result = pytester.runpytest(TODAY)

    assert gapless_report(result) == [
        "Gate fail-under failed: 25 % of 4 incidents guarded, 50 % asked: 1 incident too few",
        "Gate require failed: 1 incident of sev1, sev2 not guarded: PM-2;"
        " 1 incident has no severity: not judged (PM-4)",
        "1 of 4 incidents guarded (25 %), 2 linked; 1 not run, 2 have no regression test",
    ]
    assert result.ret == 1


@pytest.mark.parametrize(
    ("arguments", "judged"),
    [
        (("-m", "not slow"), True),
        (("-m", "not  slow"), False),
        (("-m", "not slow and not other"), False),
        (("-m", ""), True),
        (("-k", "one"), False),
        (("--deselect=test_it.py::test_one",), False),
    ],
)
def test_a_selection_on_the_command_line_is_no_definition_of_the_suite(
    pytester: pytest.Pytester, arguments: tuple[str, ...], judged: bool
) -> None:
    """Only the selection that the configured options alone give leaves the gate to be judged."""
    pytester.makeini(
        "[pytest]\npostmortem_registry = pm.yml\nmarkers =\n  slow\n  other\n"
        "addopts = -m 'not slow'\n"
    )

    result = pytester.runpytest("--postmortem-fail-under=100", *arguments)

    gate = gapless_report(result)[0]
    assert gate.startswith("Gate fail-under failed" if judged else "Gate fail-under not judged")
