"""JUnit XML as the tools of other languages write it: a test that did not pass guards nothing."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pytest_postmortem.cli.main import main
from pytest_postmortem.reports.data.junit import parse_junit_report

CLAIM = '<properties><property name="postmortem" value="PM-2"/></properties>'
COMMON = 'classname="shop" name="t" time="0.01"'


def case(attributes: str = "", inner: str = "") -> str:
    """Return a suite of one linked test."""
    test = f"<testcase {COMMON} {attributes}>{CLAIM}{inner}</testcase>"
    return f"<testsuites><testsuite>{test}</testsuite></testsuites>"


def outcomes_of(text: str) -> list[tuple[str, str, str, str | None, bool]]:
    """Return each id with its test, outcome, reason and whether it was flaky."""
    report = parse_junit_report(ElementTree.fromstring(text))
    assert report is not None
    return [
        (id, test["nodeid"], test["outcome"], test["reason"], test["flaky"])
        for id, test in report.links
    ]


@pytest.mark.parametrize(
    ("text", "outcome", "reason"),
    [
        pytest.param(case(), "passed", None, id="plain"),
        pytest.param(case('status="run" result="completed"'), "passed", None, id="googletest"),
        pytest.param(
            case('status="notrun" result="suppressed"'),
            "skipped",
            "status is 'notrun'",
            id="googletest-disabled",
        ),
        pytest.param(
            case('status="run" result="skipped"'),
            "skipped",
            "result is 'skipped'",
            id="googletest-1.10-skipped",
        ),
        pytest.param(
            case('status="run" result="skipped"', '<skipped message="x.cc:3&#x0A;no GPU"/>'),
            "skipped",
            "x.cc:3 no GPU",
            id="googletest-skipped",
        ),
        pytest.param(case('status="run"'), "passed", None, id="ctest"),
        pytest.param(
            case('status="disabled"', '<skipped message="Disabled"/>'),
            "skipped",
            "Disabled",
            id="ctest-disabled",
        ),
        pytest.param(
            case('status="notrun"', '<skipped message="Unable to find executable"/>'),
            "skipped",
            "Unable to find executable",
            id="ctest-not-run",
        ),
        pytest.param(case('status="fail"'), "failed", None, id="ctest-failed"),
        pytest.param(case("", "<not-run/>"), "skipped", None, id="element-not-run"),
        pytest.param(case("", "<Not_Run>no</Not_Run>"), "skipped", "no", id="element-of-any-case"),
        pytest.param(case("", "<cancelled/>"), "skipped", None, id="element-cancelled"),
        pytest.param(case("", "<passed/>"), "passed", None, id="element-passed"),
        pytest.param(case('notrun="true"'), "skipped", "notrun is 'true'", id="attribute-not-run"),
        pytest.param(case('run="false"'), "skipped", "run is 'false'", id="attribute-run"),
        pytest.param(case("", "<skipped/>"), "skipped", None, id="surefire-jest-mocha-skipped"),
        pytest.param(
            case("", "<skipped>=== SKIP: pkg TestIt&#x0A;  later</skipped>"),
            "skipped",
            "=== SKIP: pkg TestIt later",
            id="go",
        ),
        pytest.param(
            case("", '<error type="E"/><rerunError type="E"/>'), "error", None, id="surefire-error"
        ),
        pytest.param(
            case("", '<failure type="E"/><rerunFailure type="E"/>'), "failed", None, id="reruns"
        ),
        pytest.param(case("", '<rerunFailure type="E"/>'), "failed", None, id="rerun-alone"),
        pytest.param(case('result="Pass"'), "passed", None, id="xunit"),
        pytest.param(case('result="Skip"'), "skipped", "result is 'Skip'", id="xunit-skipped"),
        pytest.param(case('result="Fail"'), "failed", None, id="xunit-failed"),
        pytest.param(
            case('executed="True" result="Success" success="True" asserts="0"'),
            "passed",
            None,
            id="nunit",
        ),
        pytest.param(
            case('executed="False"'), "skipped", "executed is 'False'", id="nunit-not-executed"
        ),
        *(
            pytest.param(case(f'result="{word}"'), "skipped", f"result is '{word}'", id=word)
            for word in ("NotRunnable", "Ignored", "Inconclusive", "Not Run", "Cancelled")
        ),
        pytest.param(case('executed="True" success="False"'), "failed", None, id="nunit-failed"),
        pytest.param(case("", "<ignored/>"), "skipped", None, id="testng-ignored"),
        pytest.param(
            case("", '<skipped type="pytest.xfail" message="later"/>'),
            "xfailed",
            "later",
            id="pytest-xfail",
        ),
        pytest.param(
            case("", '<skipped message="x"/><failure message="y"/>'), "failed", None, id="both"
        ),
        pytest.param(case('status="passed"', "<skipped/>"), "skipped", None, id="element-wins"),
        pytest.param(
            case('result="skipped"', "<failure/>"), "failed", None, id="failure-is-not-forgotten"
        ),
    ],
)
def test_only_a_test_of_which_nothing_else_is_said_has_passed(
    text: str, outcome: str, reason: str | None
) -> None:
    """Skipped, disabled and not run are no pass, as an attribute or as an element."""
    assert outcomes_of(text) == [("PM-2", "shop::t", outcome, reason, False)]
    spaced = text.replace("<testsuites", '<testsuites xmlns="https://example.com/junit"')
    assert outcomes_of(spaced) == outcomes_of(text)


@pytest.mark.parametrize(
    ("inner", "outcome"),
    [
        ('<flakyFailure message="x" type="E">x</flakyFailure>', "passed"),
        ("<flakyError/><flakyFailure/><system-out/>", "passed"),
        ("<flakyFailure/><failure/>", "failed"),
        ("<flakyFailure/><skipped/>", "skipped"),
    ],
)
def test_a_test_that_passed_when_it_was_repeated_is_flaky(inner: str, outcome: str) -> None:
    """As Surefire, nextest and Playwright write it; a last failure still fails it."""
    assert [row[2:] for row in outcomes_of(case("", inner))] == [(outcome, None, True)]


@pytest.mark.parametrize(
    ("suite", "outcome", "reason"),
    [
        ('tests="1" disabled="1"', "skipped", "disabled is '1' in its suite"),
        ('tests="1" skipped="1"', "skipped", "skipped is '1' in its suite"),
        ('disabled="1"', "skipped", "disabled is '1' in its suite"),
        ('disabled="true"', "skipped", "disabled is 'true'"),
        ('result="Ignored"', "skipped", "result is 'Ignored'"),
        ('tests="2" disabled="1"', "passed", None),
        ('tests="1" failures="0" disabled="0" skipped="0"', "passed", None),
        ('result="Failed" success="False"', "passed", None),
    ],
)
def test_a_suite_of_which_no_test_ran_has_no_test_that_passed(
    suite: str, outcome: str, reason: str | None
) -> None:
    """Its counts say so where the test case is silent; one that failed says nothing of a test."""
    inner = case().replace("<testsuite>", f"<testsuite><testsuite {suite}>")

    rows = outcomes_of(inner.replace("</testsuite>", "</testsuite></testsuite>", 1))

    assert [row[2:4] for row in rows] == [(outcome, reason)]


def test_a_suite_that_broke_is_an_error_of_its_tests() -> None:
    """Something failed before or after them all, as with a broken fixture of a class."""
    text = case().replace("<testsuite>", '<testsuite><error message="no database"/>')

    assert [row[2] for row in outcomes_of(text)] == ["error"]


def test_test_cases_of_one_name_are_one_test() -> None:
    """A failure counts whichever of them has the property; other suites have their own."""
    other = f"<testcase {COMMON}>{CLAIM}</testcase>"
    twice = f"<testsuite><testcase {COMMON}><failure/></testcase>{other}</testsuite>"

    assert [row[2] for row in outcomes_of(twice)] == ["failed"]
    apart = f"<testsuites>{twice}<testsuite>{other}</testsuite></testsuites>"
    assert [row[2] for row in outcomes_of(apart)] == ["failed", "passed"]


def test_a_pass_of_another_test_of_the_same_name_is_no_pass() -> None:
    """Two tests can have one name; each guards against its own incidents alone."""
    other = CLAIM.replace("PM-2", "PM-3")
    text = (
        "<testsuites><testsuite>"
        f"<testcase {COMMON}>{CLAIM}<skipped message='no database'/></testcase>"
        f"<testcase {COMMON}>{other}</testcase>"
        "</testsuite></testsuites>"
    )

    assert outcomes_of(text) == [
        ("PM-2", "shop::t", "skipped", "no database", False),
        ("PM-3", "shop::t", "passed", None, False),
    ]


@pytest.mark.parametrize(
    "claim",
    [
        '<properties><property name="postmortem" value="PM-1, PM-2"/></properties>',
        '<properties><property name="postmortem">PM-1, PM-2</property></properties>',
        '<properties><property name="postmortem">\n  PM-1\n  PM-2\n</property></properties>',
        '<properties><property name="PostMortem" value="PM-1,PM-2"/></properties>',
        '<properties><property name="postmortem" value="PM-1"/><property name="x" value="y"/>'
        '<property name="postmortem" value="PM-2"/></properties>',
        '<property name="postmortem" value="PM-1, PM-2"/>',
        "<system-out>a\n[[PROPERTY|postmortem=PM-1, PM-2]]\nb</system-out>",
        "<system-out>unique-id: x\nReport Entry #1 (timestamp: 2026-11-20T10:00)\n\t- a: b\n"
        "\t- postmortem: PM-1, PM-2\n</system-out>",
    ],
)
def test_a_test_claims_its_incidents_in_any_of_the_forms(claim: str) -> None:
    """As a property, its text, or what a test prints where a tool has no properties."""
    text = f"<testsuite><testcase {COMMON}>{claim}</testcase></testsuite>"

    assert [row[:3] for row in outcomes_of(text)] == [
        ("PM-1", "shop::t", "passed"),
        ("PM-2", "shop::t", "passed"),
    ]


def test_an_attribute_is_a_property_of_older_tools() -> None:
    """GoogleTest before 1.8.1 wrote them so, and writes those of a suite so today."""
    one = '<testsuite><testcase name="t" classname="shop" postmortem="PM-1"/></testsuite>'
    suite = '<testsuite postmortem="PM-1"><testcase name="t" classname="shop"/></testsuite>'

    assert outcomes_of(one) == outcomes_of(suite) == [("PM-1", "shop::t", "passed", None, False)]


def test_a_property_of_a_suite_is_one_of_each_of_its_tests() -> None:
    """As a mark on a class or a module is."""
    text = f"""
    <testsuites><testsuite name="outer">{CLAIM}
      <testsuite name="inner"><testcase classname="a" name="one"/>
        <testcase classname="a" name="two"><skipped/></testcase></testsuite>
    </testsuite><testsuite><testcase classname="b" name="three"/></testsuite></testsuites>"""

    assert [row[:3] for row in outcomes_of(text)] == [
        ("PM-2", "a::one", "passed"),
        ("PM-2", "a::two", "skipped"),
    ]


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Path:
    """A report of two incidents of which one is guarded in Python."""
    pytester.makeini("[pytest]\npostmortem_registry = pm.yml\n")
    pytester.makefile(".yml", pm="- {id: PM-1, title: One}\n- {id: PM-2, title: Two}")
    pytester.makepyfile("import pytest\n@pytest.mark.postmortem('PM-1')\ndef test_a(): pass\n")
    result = pytester.runpytest("-q", "--postmortem-report=json:py.json")
    assert result.ret == 0
    return pytester.path


@pytest.mark.parametrize(
    ("text", "last"),
    [
        (case(), "2 of 2 incidents guarded (100 %), 2 linked"),
        (case('status="disabled"'), "1 of 2 incidents guarded (50 %), 2 linked"),
        (case("", "<flakyFailure/>"), "2 of 2 incidents guarded (100 %), 2 linked"),
    ],
)
def test_a_gate_judges_what_passed_in_another_language(
    suite: Path, capsys: pytest.CaptureFixture[str], text: str, last: str
) -> None:
    """Exit 1 where the linked test did not run."""
    (suite / "other.xml").write_text(text)

    status = main(["combine", "py.json", "other.xml", "--fail-under=100", "--report=json:r.json"])
    main(["report", "r.json"])

    assert capsys.readouterr().out.splitlines()[-1] == last
    assert status == (0 if last.startswith("2 of 2") else 1)
    incident = json.loads((suite / "r.json").read_text())["incidents"][1]
    assert incident["flaky"] == ("flaky" in text)


def test_an_outcome_that_is_not_understood_is_no_pass_and_is_named(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 3 with a gate: it may have passed."""
    second = f'<testcase classname="shop" name="u" status="Odd">{CLAIM}</testcase></testsuite>'
    text = case('status="Odd" result="completed"').replace("</testsuite>", second, 1)
    (suite / "other.xml").write_text(text)

    status = main(["combine", "py.json", "other.xml", "--fail-under=100"])

    assert capsys.readouterr().out.splitlines() == [
        "1 warning:",
        "  other.xml: status 'Odd' of shop::t and 1 other test is not understood and does not count"
        " as passed; write passed, failed, error or skipped",
        "Gate fail-under not judged: the tests of 1 incident were not run: status 'Odd' is not"
        " understood; run the whole suite to judge it",
        "1 of 2 incidents guarded, 2 linked; 1 not run",
    ]
    assert status == 3


def test_other_xml_is_no_report(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It would otherwise count as a file in which nothing is linked."""
    (suite / "other.xml").write_text(
        "<assemblies><assembly><test result='Pass'/></assembly></assemblies>"
    )

    assert main(["combine", "py.json", "other.xml"]) == 2
    assert capsys.readouterr().err == (
        "Couldn't read report 'other.xml': it is XML, but not JUnit XML: its outermost element is"
        " 'assemblies'\n"
        "  convert it to JUnit XML\n"
        "  see `pytest-postmortem explain report-file`\n"
    )


def test_a_test_alone_is_a_report() -> None:
    """Some tools write a file for each test, without a suite around it."""
    text = f"<testcase {COMMON}>{CLAIM}</testcase>"

    assert [(id, outcome) for id, _, outcome, _, _ in outcomes_of(text)] == [("PM-2", "passed")]
