"""Where a mark may stand: pytest's places, each through a real run."""

from __future__ import annotations

import pytest

from conftest import RunPytest, with_workers_too
from junit import JUNIT, ids_of, register, said

PLACES = {
    "function": (
        """
        @mark("PM-1")
        def test_it(): pass
        def test_other(): pass
        """,
        {"test_it": "PM-1"},
    ),
    "several_ids": (
        """
        @mark("PM-1", "PM-2")
        def test_it(): pass
        """,
        {"test_it": "PM-1, PM-2"},
    ),
    "stacked": (
        """
        @mark("PM-2")
        @mark("PM-1")
        def test_it(): pass
        """,
        {"test_it": "PM-1, PM-2"},
    ),
    "each_id_once_without_case": (
        """
        @mark("pm-2", "PM-1")
        @mark("PM-1", "pm-1", "PM-1 ")
        def test_it(): pass
        """,
        {"test_it": "PM-1, pm-2"},
    ),
    "int_and_zeros": (
        """
        @mark(12, "0012", -1)
        def test_it(): pass
        """,
        {"test_it": "12, 0012, -1"},
    ),
    "all_levels_count": (
        """
        pytestmark = mark("PM-1")
        @mark("PM-2")
        class TestIt:
            @mark("PM-3")
            def test_it(self): pass
            @mark("PM-1")
            def test_same(self): pass
        def test_plain(): pass
        """,
        {
            "TestIt.test_it": "PM-3, PM-2, PM-1",
            "TestIt.test_same": "PM-1, PM-2",
            "test_plain": "PM-1",
        },
    ),
    "module_list": (
        """
        pytestmark = [mark("PM-1"), pytest.mark.filterwarnings("error"), mark("PM-2")]
        def test_it(): pass
        """,
        {"test_it": "PM-1, PM-2"},
    ),
    "class_attribute": (
        """
        class TestIt:
            pytestmark = [mark("PM-1"), mark("PM-2")]
            def test_it(self): pass
        """,
        {"TestIt.test_it": "PM-1, PM-2"},
    ),
    "nested_class": (
        """
        @mark("PM-1")
        class TestOuter:
            @mark("PM-2")
            class TestInner:
                def test_it(self): pass
        """,
        {"TestOuter.TestInner.test_it": "PM-2, PM-1"},
    ),
    "inherited": (
        """
        @mark("PM-1")
        class Base:
            @mark("PM-2")
            def test_it(self): pass
        class TestSame(Base): pass
        @mark("PM-3")
        class TestMore(Base):
            def test_own(self): pass
        """,
        {
            "TestSame.test_it": "PM-2, PM-1",
            "TestMore.test_it": "PM-2, PM-1, PM-3",
            "TestMore.test_own": "PM-1, PM-3",
        },
    ),
    "param": (
        """
        @pytest.mark.parametrize("n", [
            pytest.param(1, marks=mark("PM-1")),
            pytest.param(2, marks=[mark("PM-2"), mark("PM-3")]),
            3,
        ])
        def test_it(n): pass
        """,
        {"test_it[1]": "PM-1", "test_it[2]": "PM-2, PM-3"},
    ),
    "param_and_function": (
        """
        @mark("PM-1")
        @pytest.mark.parametrize("n", [pytest.param(1, marks=mark("PM-2")), 2])
        @pytest.mark.parametrize("m", [pytest.param(1, marks=mark("PM-3")), 2])
        def test_it(n, m): pass
        """,
        {
            "test_it[1-1]": "PM-1, PM-3, PM-2",
            "test_it[1-2]": "PM-1, PM-3",
            "test_it[2-1]": "PM-1, PM-2",
            "test_it[2-2]": "PM-1",
        },
    ),
    "fixture_param": (
        """
        @pytest.fixture(params=[1, pytest.param(2, marks=mark("PM-1"))])
        def n(request): pass
        def test_it(n): pass
        """,
        {"test_it[2]": "PM-1"},
    ),
    "unittest_case": (
        """
        @mark("PM-1")
        class ItCase(unittest.TestCase):
            @mark("PM-2")
            def test_it(self): pass
            def test_other(self): pass
        class MoreCase(ItCase): pass
        """,
        {
            "ItCase.test_it": "PM-2, PM-1",
            "ItCase.test_other": "PM-1",
            "MoreCase.test_it": "PM-2, PM-1",
            "MoreCase.test_other": "PM-1",
        },
    ),
    "run_time": (
        """
        @pytest.fixture
        def linked(request): request.node.add_marker(mark("PM-1"))
        def test_fixture(linked): pass
        def test_body(request): request.node.add_marker(mark("PM-1", 2))
        @mark("PM-1")
        def test_once(linked, request): request.node.add_marker(mark("pm-1", "PM-2"))
        def test_none(): pass
        """,
        {
            "test_fixture": "PM-1",
            "test_body": "PM-1, 2",
            "test_once": "PM-1, PM-2",
        },
    ),
    "skipped_and_xfailed": (
        """
        @mark("PM-1")
        @pytest.mark.skip
        def test_skipped(): pass
        @mark("PM-2")
        @pytest.mark.xfail
        def test_xfailed(): assert False
        @mark("PM-3")
        @pytest.mark.xfail(run=False)
        def test_never(): pass
        """,
        {"test_skipped": "PM-1", "test_xfailed": "PM-2", "test_never": "PM-3"},
    ),
    "encoded": (
        """
        @mark("a,b", "50%", "%2C", "c, d")
        def test_it(): pass
        @mark("a,b")
        def test_once(request): request.node.add_marker(mark("A,B", "%2C", "50%", "50%"))
        """,
        {"test_it": "a%2Cb, 50%25, %252C, c%2C d", "test_once": "a%2Cb, %252C, 50%25"},
    ),
}


def write_place(pytester: pytest.Pytester, place: str) -> dict[str, str]:
    """Write the module of a place, and return the property that each of its tests is to have."""
    source, expected = PLACES[place]
    preamble = "import unittest\nimport pytest\nmark = pytest.mark.postmortem\n"
    (pytester.path / f"test_{place}.py").write_text(preamble + _dedented(source))
    return {f"test_{place}.{test}": ids for test, ids in expected.items()}


def _dedented(source: str) -> str:
    return "\n".join(line[8:] for line in source.splitlines())


@pytest.mark.parametrize("place", PLACES)
def test_a_mark_counts_wherever_pytest_lets_one_stand(
    pytester: pytest.Pytester, place: str
) -> None:
    """All marks of a test count, the closest first, and each id once; nothing has to be set."""
    expected = write_place(pytester, place)
    pytester.makeini("[pytest]\npostmortem_url_template = https://wiki.example.com/{id}\n")

    pytester.runpytest(JUNIT)

    assert ids_of(pytester.path) == expected


@with_workers_too
@pytest.mark.smoke
def test_all_places_are_seen_in_one_run(pytester: pytest.Pytester, run: RunPytest) -> None:
    """Strict markers are content, the workers send what they saw, and every id is known."""
    known = ("PM-1", "PM-2", "PM-3", "12", "0012", "-1", "2", "'a,b'", "50%", "'%2C'", "'c, d'")
    register(pytester, *known)
    expected: dict[str, str] = {}
    for place in PLACES:
        expected |= write_place(pytester, place)

    result = run("--strict-markers", JUNIT)

    assert ids_of(pytester.path) == expected
    assert said(result) == ["11 of 11 incidents guarded (100 %), 11 linked"]


def test_a_mark_that_a_test_adds_to_its_module_is_also_of_the_tests_after_it(
    pytester: pytest.Pytester,
) -> None:
    """So it is for pytest, whose markers are those that a node has when they are asked for."""
    register(pytester, "PM-1")
    pytester.makepyfile(
        test_it="""
        import pytest
        def test_before(): pass
        def test_it(request): request.node.parent.add_marker(pytest.mark.postmortem("PM-1"))
        def test_after(): pass
        """
    )

    pytester.runpytest(JUNIT)

    assert ids_of(pytester.path) == {"test_it.test_it": "PM-1", "test_it.test_after": "PM-1"}


def test_a_mark_in_a_new_list_of_marks_of_the_module_is_read(pytester: pytest.Pytester) -> None:
    """A fixture may set the marks of a node, also after a test of it has run."""
    register(pytester, "PM-1")
    pytester.makepyfile(
        test_it="""
        import pytest
        def test_before(): pass
        mark = pytest.mark.postmortem("PM-1").mark
        def test_it(request): request.node.parent.own_markers = [mark]
        """
    )

    pytester.runpytest(JUNIT)

    assert ids_of(pytester.path) == {"test_it.test_it": "PM-1"}


@pytest.mark.parametrize(
    ("decorator", "body"),
    [
        ("", "add(items)"),
        ("@pytest.hookimpl(tryfirst=True)", "add(items)"),
        ("@pytest.hookimpl(trylast=True)", "add(items)"),
        ("@pytest.hookimpl(hookwrapper=True)", "yield; add(items)"),
        ("@pytest.hookimpl(hookwrapper=True, tryfirst=True)", "yield; add(items)"),
        ("@pytest.hookimpl(wrapper=True, tryfirst=True)", "add(items); return (yield)"),
    ],
)
@pytest.mark.parametrize("folder", ["", "below"])
def test_a_mark_that_a_conftest_adds_at_collection_counts(
    pytester: pytest.Pytester, decorator: str, body: str, folder: str
) -> None:
    """However its hook is ordered, and whether it is loaded at the start or during collection."""
    register(pytester, "PM-1", "PM-2")
    (pytester.path / "one" / folder).mkdir(parents=True)
    place = pytester.path / "one" / folder
    (place / "test_it.py").write_text("def test_a(): pass\ndef test_b(): pass\n")
    (place / "conftest.py").write_text(
        f"""
import pytest
def add(items):
    items[0].add_marker(pytest.mark.postmortem("PM-1"))
    items[1].add_marker(pytest.mark.postmortem("PM-2"), append=False)
{decorator}
def pytest_collection_modifyitems(items):
    {body}
"""
    )

    result = pytester.runpytest(JUNIT, "-q")

    assert sorted(ids_of(pytester.path).values()) == ["PM-1", "PM-2"]
    assert "2 of 2 incidents guarded (100 %), 2 linked" in result.outlines


def test_the_marker_is_listed(pytester: pytest.Pytester) -> None:
    """What pytest lists under ``--markers`` says what the marker takes and does."""
    result = pytester.runpytest("--markers")

    assert [line for line in result.outlines if "postmortem" in line] == [
        "@pytest.mark.postmortem(id, *ids): the test guards against the incidents of these"
        " post-mortems, and shows them when it fails"
    ]


@pytest.mark.parametrize(
    "line", ["postmortem: own words", "postmortem(id, *ids): own", "postmortem"]
)
def test_a_marker_that_the_project_registers_is_listed_once(
    pytester: pytest.Pytester, line: str
) -> None:
    """As ``init`` writes it, for whoever runs the tests without the plugin."""
    pytester.makeini(f"[pytest]\nmarkers =\n    postmortems: another one\n    {line}\n")

    result = pytester.runpytest("--markers", "--strict-markers")

    listed = [each for each in result.outlines if each.startswith("@pytest.mark.postmortem")]
    own = f"@pytest.mark.{line}" + ("" if ":" in line else ":")
    assert listed == ["@pytest.mark.postmortems: another one", own]


def test_marks_of_other_names_count_where_they_are_configured(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Ints and texts are ids; odd arguments, keywords and unknown numbers are no finding."""
    markers = "\nmarkers =\n    issue\n    bug\n    other\npostmortem_markers = issue bug\n"
    register(pytester, "12", "13", "PM-1", ini=markers)
    pytester.makepyfile(
        test_it="""
        import pytest
        pytestmark = pytest.mark.bug(13)
        @pytest.mark.issue(12)
        def test_int(): pass
        @pytest.mark.bug("12", reason="text")
        @pytest.mark.postmortem("PM-1")
        def test_both(): pass
        @pytest.mark.issue(99, 98)
        @pytest.mark.issue(99, None, 1.5, True, "")
        def test_unknown(): pass
        @pytest.mark.bug
        @pytest.mark.issue(url="12")
        @pytest.mark.other("PM-1")
        def test_none(): pass
        """
    )

    result = run("--strict-markers", JUNIT)

    assert result.ret == 0
    assert said(result) == [
        "3 of 3 incidents guarded (100 %), 3 linked; 2 ids of other marks are unknown"
    ]
    assert ids_of(pytester.path) == {
        "test_it.test_int": "12, 13",
        "test_it.test_both": "PM-1, 12, 13",
        "test_it.test_unknown": "99, 98, 13",
        "test_it.test_none": "13",
    }


@with_workers_too
def test_marks_of_other_names_that_are_not_understood_are_counted_when_asked(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """They may mean something else, so nobody is bothered with them but with ``-v``."""
    markers = "\nmarkers =\n    issue\n    bug\npostmortem_markers = issue bug\n"
    register(pytester, "12", ini=markers)
    pytester.makepyfile(
        test_it="""
        import pytest
        @pytest.mark.issue(12, reason="text")
        @pytest.mark.bug
        def test_a(): pass
        @pytest.mark.issue(url="https://example.com/12")
        def test_b(): pass
        def test_c(request):
            request.node.add_marker(pytest.mark.bug({"id": 12}))
        """
    )

    quiet, verbose = pytester.runpytest(), run("-v")

    assert said(quiet) == ["1 of 1 incident guarded (100 %), 1 linked"]
    assert verbose.ret == 0
    assert said(verbose)[-1] == (
        "1 of 1 incident guarded (100 %), 1 linked; "
        "2 other marks not understood, as test_it.py:5: issue(url=...)"
    )
