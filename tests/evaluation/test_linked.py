"""What a link does: a property, a selection; and links that the registry declares."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from conftest import RunPytest, gapless_report, with_a_worker_too
from junit import JUNIT, block_of, ids_of, properties, register, said

needs_reruns = pytest.mark.skipif(
    find_spec("pytest_rerunfailures") is None, reason="needs pytest-rerunfailures"
)


@with_a_worker_too
def test_every_test_case_has_the_property_once_however_it_fails(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """pytest splits a test whose call and teardown fail in two test cases, and both have it."""
    register(pytester, "PM-1", "PM-2\n  tests: [test_it.py]")
    pytester.makepyfile(
        test_it="""
        import pytest
        pytestmark = pytest.mark.postmortem("PM-1")
        @pytest.fixture
        def broken(): raise OSError
        @pytest.fixture
        def leaky():
            yield
            raise OSError
        def test_call(): assert False
        def test_setup(broken): pass
        def test_teardown(leaky): pass
        def test_both(leaky): assert False
        def test_foreign(record_property): record_property("key", "value")
        """
    )

    run(JUNIT)

    assert properties(pytester.path) == {
        "test_it.test_call": [["PM-1, PM-2"]],
        "test_it.test_setup": [["PM-1, PM-2"]],
        "test_it.test_teardown": [["PM-1, PM-2"]],
        "test_it.test_both": [["PM-1, PM-2"], ["PM-1, PM-2"]],
        "test_it.test_foreign": [["PM-1, PM-2"]],
    }


def test_a_test_without_a_link_has_no_property(pytester: pytest.Pytester, run: RunPytest) -> None:
    """A bad mark makes no link, so it makes no property either."""
    register(pytester, "PM-1")
    pytester.makepyfile(
        test_it="""
        import pytest
        @pytest.mark.postmortem
        def test_bad(): pass
        @pytest.mark.postmortem(1.5)
        def test_later(request): request.node.add_marker(pytest.mark.postmortem())
        def test_plain(): pass
        """
    )

    run(JUNIT)

    assert properties(pytester.path) == {
        "test_it.test_bad": [[]],
        "test_it.test_later": [[]],
        "test_it.test_plain": [[]],
    }


@pytest.mark.parametrize(
    "declared",
    [
        "test_it.py::TestIt::test_it[1]",
        "test_it.py::TestIt::test_it",
        "test_it.py::TestIt",
        "test_it.py",
    ],
)
def test_a_declared_test_is_linked_like_a_marked_one(
    pytester: pytest.Pytester, declared: str
) -> None:
    """A node id, one without parameters, a class and a file link all tests that they select."""
    register(pytester, f"PM-1\n  title: Charged twice\n  tests: ['{declared}']")
    pytester.makepyfile(
        test_it="""
        import pytest
        class TestIt:
            @pytest.mark.parametrize("n", [1])
            def test_it(self, n): assert False
        """
    )

    result = pytester.runpytest(JUNIT)

    assert ids_of(pytester.path) == {"test_it.TestIt.test_it[1]": "PM-1"}
    assert block_of(result) == [
        "PM-1  Charged twice",
        "      This test keeps that incident from happening again.",
    ]
    assert said(result) == [
        "A test of 1 incident fails; the problem may be back:",
        "  PM-1  Charged twice",
        "        test_it.py::TestIt::test_it[1]",
        "0 of 1 incident guarded (0 %), 1 linked",
    ]


@with_a_worker_too
@pytest.mark.smoke
def test_declared_and_marked_links_add_up(pytester: pytest.Pytester, run: RunPytest) -> None:
    """A test that two post-mortems declare and that names one of them has each id once."""
    register(
        pytester,
        "PM-1\n  tests: [test_it.py::test_it, 'test_it.py::test_two[a]']",
        "PM-2\n  regression_test: test_it.py::test_it",
        "PM-3",
    )
    pytester.makepyfile(
        test_it="""
        import pytest
        @pytest.mark.postmortem("PM-3", "pm-1")
        def test_it(): pass
        @pytest.mark.parametrize("x", ["a", "b"])
        def test_two(x): pass
        """
    )

    result = run(JUNIT)

    assert ids_of(pytester.path) == {
        "test_it.test_it": "PM-3, pm-1, PM-2",
        "test_it.test_two[a]": "PM-1",
    }
    assert said(result) == ["3 of 3 incidents guarded (100 %), 3 linked"]


SELECTED = """
import pytest
mark = pytest.mark.postmortem
@mark("PM-1")
def test_one(): pass
@mark("INC-7")
def test_alias(): pass
@mark("PM-12", "PM-2")
def test_two(): pass
def test_declared(): pass
@mark("OTHER-1")
def test_other(): pass
def test_none(): pass
"""


@pytest.mark.parametrize(
    ("arguments", "selected"),
    [
        (["--postmortem=PM-1"], "test_one test_alias"),
        (["--postmortem=pm-1"], "test_one test_alias"),
        (["--postmortem=INC-7"], "test_one test_alias"),
        (["--postmortem=inc-?"], "test_one test_alias"),
        (["--postmortem", "PM-2"], "test_two"),
        (["--postmortem=PM-3"], "test_declared"),
        (["--postmortem=PM-1*"], "test_one test_alias test_two"),
        (["--postmortem=PM-[23]"], "test_two test_declared"),
        (["--postmortem=PM-2", "--postmortem=OTHER-*"], "test_two test_other"),
        (["--postmortem=PM-1", "-k", "not alias"], "test_one"),
        (["--postmortem=*"], "test_one test_alias test_two test_declared test_other"),
        (["--postmortem=PM"], ""),
    ],
)
def test_the_tests_of_an_incident_can_be_run_alone(
    pytester: pytest.Pytester, arguments: list[str], selected: str
) -> None:
    """By id, alias or glob, without case, several times; a glob of aliases means the incident."""
    register(
        pytester,
        "PM-1\n  aliases: [INC-7]",
        "PM-12",
        "PM-2",
        "PM-3\n  tests: [test_it.py::test_declared]",
        "OTHER-1",
    )
    pytester.makepyfile(test_it=SELECTED)

    result = pytester.runpytest(*arguments, "-v")

    count = len(selected.split())
    ran = [line.split()[0] for line in result.outlines if " PASSED" in line]
    assert ran == [f"test_it.py::{test}" for test in selected.split()]
    result.assert_outcomes(passed=count, deselected=6 - count)
    assert result.ret == (pytest.ExitCode.OK if count else pytest.ExitCode.NO_TESTS_COLLECTED)


def test_what_is_not_selected_did_not_run(pytester: pytest.Pytester, run: RunPytest) -> None:
    """The links of deselected tests are known, so their incidents are no gap."""
    register(pytester, "PM-1\n  aliases: [INC-7]", "PM-12", "PM-2", "PM-3", "OTHER-1")
    pytester.makepyfile(test_it=SELECTED)

    result = run("--postmortem=PM-2", "--postmortem=INC-*")

    result.assert_outcomes(passed=3)
    assert result.ret == 0
    assert gapless_report(result) == [
        "3 of 5 incidents guarded, 4 linked; 1 not run, 1 has no regression test"
    ]


def test_tests_can_be_selected_without_a_registry(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """The ids on the marks are then all that there is."""
    pytester.makepyfile(test_it=SELECTED)

    result = run("--postmortem=pm-1*")

    result.assert_outcomes(passed=2)
    assert gapless_report(result) == [
        "3 of 5 linked incidents guarded; 2 not run; no registry, so no gap is claimed"
    ]


LATE = """
import pytest

@pytest.fixture
def linked(request):
    request.node.add_marker(pytest.mark.postmortem("PM-1"))

@pytest.fixture
def broken(request, linked):
    raise OSError

def test_call(linked): {body}
def test_setup({fixture}): pass
"""


@with_a_worker_too
@pytest.mark.parametrize(
    ("body", "fixture", "heading", "test"),
    [
        (
            "assert False",
            "linked",
            "A test of 1 incident fails; the problem may be back:",
            "test_call",
        ),
        (
            "pass",
            "broken",
            "A test of 1 incident broke in its setup or teardown; nothing can be said:",
            "test_setup",
        ),
    ],
)
def test_a_failing_test_that_was_marked_while_it_ran_shows_its_post_mortem(
    pytester: pytest.Pytester, run: RunPytest, body: str, fixture: str, heading: str, test: str
) -> None:
    """The block stands beside the failure although the failure was reported first."""
    register(pytester, "PM-1\n  title: Charged twice")
    pytester.makepyfile(test_it=LATE.format(body=body, fixture=fixture))

    result = run()

    assert block_of(result) == [
        "PM-1  Charged twice",
        "      This test keeps that incident from happening again.",
    ]
    assert gapless_report(result) == [
        heading,
        "  PM-1  Charged twice",
        f"        test_it.py::{test}",
        "0 of 1 incident guarded (0 %), 1 linked",
    ]


@with_a_worker_too
@needs_reruns
def test_a_mark_added_on_each_attempt_of_a_rerun_counts_once(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """The failure of the last attempt shows the post-mortem, and the link stands once."""
    register(pytester, "PM-1", "PM-2")
    pytester.makepyfile(
        test_it="""
        import pytest
        def test_fails(request):
            request.node.add_marker(pytest.mark.postmortem("PM-1"))
            assert False
        attempts = []
        def test_passes(request):
            request.node.add_marker(pytest.mark.postmortem("PM-2"))
            attempts.append(1)
            assert len(attempts) > 1
        """
    )

    result = run("--reruns=2", "-v", JUNIT)

    cases = properties(pytester.path)
    assert {id for (id,) in cases["test_it.test_fails"]} == {"PM-1"}
    assert {id for (id,) in cases["test_it.test_passes"]} == {"PM-2"}
    assert block_of(result) == ["PM-1", "      This test keeps that incident from happening again."]
    assert said(result) == [
        "A test of 1 incident fails; the problem may be back:",
        "  PM-1",
        "        test_it.py::test_fails",
        "1 incident is guarded:",
        "  PM-2    1 test, flaky",
        "1 of 2 incidents guarded (50 %), 2 linked",
    ]


@with_a_worker_too
def test_a_marked_test_that_marks_itself_again_shows_all_its_post_mortems(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """The block that was shown at once gives way to one with what came later, shown once."""
    register(pytester, "PM-1", "PM-2")
    pytester.makepyfile(
        test_it="""
        import pytest
        @pytest.mark.postmortem("PM-1")
        @pytest.mark.xdist_group("g")
        def test_it(request):
            request.node.add_marker(pytest.mark.postmortem("PM-2"))
            assert False
        """
    )

    result = run("--dist=loadgroup")

    assert block_of(result) == [
        "PM-1",
        "      This test keeps that incident from happening again.",
        "PM-2",
        "      This test keeps that incident from happening again.",
    ]
    assert gapless_report(result) == [
        "Tests of 2 incidents fail; the problems may be back:",
        "  PM-1",
        "        test_it.py::test_it",
        "  PM-2",
        "        test_it.py::test_it",
        "0 of 2 incidents guarded (0 %), 2 linked",
    ]


@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_failing_parameters_show_their_post_mortem_once(
    pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    """The first of a function as a whole, then id and link; other incidents are shown anew."""
    register(pytester, "PM-1\n  title: One\n  url: https://x.example/1", "PM-2\n  title: Two")
    pytester.makepyfile(
        "import pytest\n"
        "marked = pytest.mark.postmortem\n"
        "@pytest.mark.postmortem('PM-1')\n"
        "@pytest.mark.parametrize('n', [1, 2, 3, pytest.param(4, marks=marked('PM-2'))])\n"
        "def test_it(n): assert 0\n"
        "@pytest.mark.postmortem('PM-1')\n"
        "def test_other(): assert 0\n"
    )

    lines = pytester.runpytest("-p", "no:randomly", *workers).outlines

    shown = lines[: lines.index(next(filter(is_coverage, lines)))]
    blocks = [line for line in shown if line.startswith(("PM-", "      Changed"))]
    changed = "      Changed on purpose? See `pytest-postmortem explain retire-a-lesson`"
    short = "PM-1  https://x.example/1"
    assert sorted(blocks) == sorted([*["PM-1  One", changed] * 3, short, short, "PM-2  Two"])


def is_coverage(line: str) -> bool:
    """Say whether the report begins here."""
    return "incident coverage" in line


ERRORS = "1 error in links or registry:"
UNKNOWN = "  --postmortem=PM-11 selects no test: unknown post-mortem 'PM-11'; did you mean 'PM-1'?"


ASKED: list[tuple[list[str], list[str], int]] = [
    (["--postmortem=PM-11"], [ERRORS, UNKNOWN], 5),
    (
        ["--postmortem=PM-11", "--postmortem=PM-1"],
        [ERRORS, UNKNOWN],
        1,
    ),
    (
        ["--postmortem=X-*"],
        [
            ERRORS,
            "  --postmortem=X-* selects no test: no post-mortem has such an id;"
            " correct the pattern",
        ],
        5,
    ),
    (["--postmortem=PM-1*"], [], 0),
    (["--postmortem=old-7"], [], 0),
    (
        ["--postmortem=PM-11", "-o", "postmortem_unknown=warn"],
        ["1 warning:", UNKNOWN],
        5,
    ),
]
"""What is asked for, what is reported, and the exit status."""


@pytest.mark.parametrize(
    ("workers", "arguments", "said", "status"),
    [*(((), *case) for case in ASKED), *((("-n2",), *case) for case in ASKED[:2])],
)
def test_an_unknown_id_that_is_asked_for_is_named(
    pytester: pytest.Pytester,
    workers: tuple[str, ...],
    arguments: list[str],
    said: list[str],
    status: int,
) -> None:
    """Nothing runs, and the reason is in sight; an id that a foreign mark names is known."""
    register(pytester, "PM-1", ini="markers = issue: x\npostmortem_markers = issue\n")
    pytester.makepyfile(
        "import pytest\n"
        "@pytest.mark.postmortem('PM-1')\n"
        "@pytest.mark.issue('OLD-7')\n"
        "def test_it(): pass\n"
    )

    result = pytester.runpytest(*workers, *arguments)

    assert [
        line
        for line in gapless_report(result)
        if "error" in line or "  --" in line or "warning" in line
    ] == said
    assert result.ret == status


def test_without_a_registry_an_id_that_no_test_has_is_named(pytester: pytest.Pytester) -> None:
    """A warning, since no registry says that it does not exist."""
    pytester.makepyfile("import pytest\n@pytest.mark.postmortem('PM-1')\ndef test_it(): pass\n")

    result = pytester.runpytest("--postmortem=PM-01")

    assert gapless_report(result)[:2] == [
        "1 warning:",
        "  --postmortem=PM-01 selects no test: no collected test is linked to it; did you mean"
        " 'PM-1'?",
    ]
    assert result.ret == 5
