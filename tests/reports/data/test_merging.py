"""Shards, jobs and other languages, joined: the whole is what one run of everything would be."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_postmortem.cli.main import main
from pytest_postmortem.errors import ReportError
from pytest_postmortem.reports.data.merge import ReportSource, merge_reports
from pytest_postmortem.reports.data.report_reader import (
    EMPTY_REPORT_DOCUMENT,
    MAX_REPORT_SIZE,
    read_report_file,
)
from pytest_postmortem.reports.json_report import build_report_document
from report_documents import BLANK, incident
from report_schema import read_report, without_durations

REGISTRY = """
- {id: PM-1, title: One, severity: sev1, date: 2026-03-02, tags: [a], aliases: [OLD-1]}
- {id: PM-2, title: Two, url: "https://wiki.example.com/2"}
- {id: PM-3, title: Three, tests: ["test_3.py::test_more", "test_9.py::no"]}
- {id: PM-4, test: exempt, reason: none possible}
- {id: PM-5, guarded_by: [alert]}
- {id: PM-6, recurs: PM-1, root_cause: a clock, action_items: [{title: Tell}]}
- {id: PM-7, test: exempt}
"""

SHARD = """
import pytest

@pytest.mark.postmortem("PM-{n}")
def test_it():
    assert {n} != 2

@pytest.mark.postmortem("PM-1")
@pytest.mark.parametrize("key", ["a", "b"])
def test_keys(key):
    pass

@pytest.mark.postmortem("PM-9{n}")
def test_unknown():
    pass

def test_more():
    pass
"""

INI = """
[pytest]
postmortem_registry = postmortems.yml
postmortem_require = sev1
addopts = --postmortem-fail-under=40 --postmortem-today=2026-11-20
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Path:
    """A suite of four files."""
    (pytester.path / "postmortems.yml").write_text(REGISTRY)
    pytester.makeini(INI)
    pytester.makepyfile(**{f"test_{n}": SHARD.format(n=n) for n in (1, 2, 3, 4)})
    return pytester.path


def report(pytester: pytest.Pytester, name: str, *arguments: str) -> dict[str, Any]:
    """Run a part of the suite, and return its report, which is left in a file of this name."""
    run = pytester.runpytest_subprocess if "-n2" in arguments else pytester.runpytest
    run(f"--postmortem-report=json:{name}", *arguments)
    return without_durations(read_report(pytester.path / name))


def combined(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Return the exit status of combine, and the report that it writes."""
    status = main(["combine", "--report=json:whole.json", *arguments])
    return status, without_durations(read_report(folder / "whole.json"))


def test_four_shards_by_file_are_the_whole(suite: Path, pytester: pytest.Pytester) -> None:
    """Joined in any order they equal the report of one run, but for durations."""
    whole = report(pytester, "one.json")
    for n in (1, 2, 3, 4):
        report(pytester, f"shard{n}.json", f"test_{n}.py")

    status, joined = combined(suite, "shard1.json", "shard2.json", "shard3.json", "shard4.json")
    _, backwards = combined(suite, "shard4.json", "shard3.json", "shard2.json", "shard1.json")

    assert joined == whole
    assert backwards["incidents"] == whole["incidents"]
    assert backwards["totals"] == whole["totals"]
    assert status == 1


def test_a_shard_may_have_workers(suite: Path, pytester: pytest.Pytester) -> None:
    """And the other one none."""
    pytest.importorskip("xdist")
    whole = report(pytester, "one.json")
    report(pytester, "workers.json", "-n2", "test_1.py", "test_2.py")
    report(pytester, "alone.json", "test_3.py", "test_4.py")

    _, joined = combined(suite, "workers.json", "alone.json")

    assert joined == whole


def test_one_report_alone_is_what_it_was(suite: Path, pytester: pytest.Pytester) -> None:
    """A whole run and a part of one come back as they were written."""
    for arguments in ((), ("test_1.py",), ("test_1.py::test_it",), ("-k", "keys")):
        own = report(pytester, "own.json", *arguments)

        _, same = combined(suite, "own.json")

        assert same == own


def test_a_missing_shard_is_named(
    suite: Path, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    """No gap is claimed, no gate is judged, and the exit status says that it could not be."""
    (suite / "test_2.py").unlink()
    (suite / "test_4.py").unlink()
    (suite / "test_1.py").write_text(SHARD.format(n=1).replace("PM-91", "PM-1"))
    report(pytester, "shard1.json", "test_1.py")

    status, joined = combined(suite, "shard1.json", "--expect=2")

    assert status == 3
    assert joined["scope"]["kind"] == "partial"
    assert joined["scope"]["reasons"] == [
        "1 of 2 files in no report, such as test_3.py",
        "1 of 2 reports given: shard1.json",
    ]
    assert [gate["judged"] for gate in joined["gates"]] == [False, False]


def test_without_a_gate_a_missing_report_is_noticed_too(
    suite: Path, pytester: pytest.Pytester
) -> None:
    """Nobody can say what it would have told."""
    pytester.makeini("[pytest]\npostmortem_registry = postmortems.yml\n")
    (suite / "test_1.py").write_text("def test_it(): pass\n")
    report(pytester, "shard1.json", "test_1.py")

    status, joined = combined(suite, "shard1.json", "--expect=2")

    assert (status, joined["gates"]) == (3, [])
    assert combined(suite, "shard1.json", "--expect=1")[0] == 0


def test_a_report_too_many_is_a_finding(suite: Path, pytester: pytest.Pytester) -> None:
    """It may be one of yesterday."""
    pytester.makeini("[pytest]\npostmortem_registry = postmortems.yml\n")
    (suite / "test_1.py").write_text("def test_it(): pass\n")
    for n in (1, 2):
        report(pytester, f"shard{n}.json", "test_1.py")

    status, joined = combined(suite, "shard1.json", "shard2.json", "--expect=1")

    (finding,) = (each for each in joined["findings"] if each["severity"] == "error")
    assert (status, finding["code"]) == (1, "reports-too-many")
    assert finding["message"] == "2 reports given, 1 expected"


def test_what_one_job_skips_another_runs(suite: Path, pytester: pytest.Pytester) -> None:
    """Of a matrix, the best that any job saw of a test counts, and the worst that failed."""
    (suite / "test_1.py").write_text(
        "import os, pytest\n"
        "on = os.environ['SYSTEM']\n"
        "@pytest.mark.postmortem('PM-1')\n"
        "@pytest.mark.skipif(on != 'mac', reason='not on linux')\n"
        "def test_mac(): pass\n"
        "@pytest.mark.postmortem('PM-2')\n"
        "@pytest.mark.skipif(on != 'linux', reason='not on mac')\n"
        "def test_linux(): pass\n"
        "@pytest.mark.postmortem('PM-6')\n"
        "def test_both(): assert on == 'linux'\n"
    )
    for n in (2, 3, 4):
        (suite / f"test_{n}.py").unlink()
    for system in ("linux", "mac"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SYSTEM", system)
            report(pytester, f"{system}.json")

    _, joined = combined(suite, "linux.json", "mac.json")

    states = {each["id"]: each["state"] for each in joined["incidents"]}
    assert {id: states[id] for id in ("PM-1", "PM-2", "PM-6")} == {
        "PM-1": "guarded",
        "PM-2": "guarded",
        "PM-6": "failing",
    }
    assert joined["scope"]["kind"] == "full"


def source(name: str, incidents: Sequence[Mapping[str, Any]], **fields: Any) -> ReportSource:
    """Return a report of these incidents, its rootdir and suite among the fields."""
    scope = {**BLANK["scope"], "root": fields.pop("root", "")}
    suite = fields.pop("suite", "")
    return ReportSource({**BLANK, "incidents": incidents, "scope": scope, **fields}, name, suite)


def nodeids(sources: Sequence[ReportSource]) -> list[str]:
    """Return the node ids of the first incident of the whole."""
    return [test.nodeid for test in merge_reports(sources).incidents[0].tests]


def test_the_packages_of_one_repository_do_not_mix() -> None:
    """Two tests of one node id below two rootdirs are two tests."""
    one = source("a.json", [incident("PM-1", ("t.py::test", "failed"))], root="pkg/a")
    two = source("b.json", [incident("PM-1", ("t.py::test", "passed"))], root="pkg/b")

    assert nodeids([one, two]) == ["pkg/a/t.py::test", "pkg/b/t.py::test"]
    assert merge_reports([one, two]).incidents[0].state == "failing"


def test_paths_have_a_prefix_only_where_several_suites_are_joined() -> None:
    """Below one rootdir they stay as the runs wrote them; a suite at the top has no prefix."""
    one = source("a.json", [incident("PM-1", ("t.py::test", "passed"))], root="pkg")
    same = source("b.json", [incident("PM-1", ("u.py::test", "passed"))], root="pkg")
    top = source("c.json", [incident("PM-1", ("t.py::test", "passed"))])

    assert nodeids([one, same]) == ["t.py::test", "u.py::test"]
    assert nodeids([one, top]) == ["pkg/t.py::test", "t.py::test"]


def test_findings_are_in_the_order_of_one_run_with_the_paths_of_their_suites() -> None:
    """Bad marks and unknown ids come last, each by its place; others stay in their order."""
    places = [
        ("unknown-id", "t.py", 1),
        ("bad-marker", "u.py", 1),
        ("bad-marker", "t.py", 7),
        ("bad-marker", "t.py", 2),
        ("registry-link", "z.yml", 3),
        ("registry-link", "a.yml", 1),
        ("registry-empty", None, None),
    ]
    common = {"severity": "error", "message": "x"}
    found = [{**common, "code": code, "path": path, "line": line} for code, path, line in places]
    one, two = source("a.json", [], findings=found, root="a"), source("b.json", [], root="b")

    findings = merge_reports([one, two]).findings

    assert [(each.code, each.path, each.line) for each in findings] == [
        ("registry-link", "a/z.yml", 3),
        ("registry-link", "a/a.yml", 1),
        ("registry-empty", None, None),
        ("bad-marker", "a/t.py", 2),
        ("bad-marker", "a/t.py", 7),
        ("bad-marker", "a/u.py", 1),
        ("unknown-id", "a/t.py", 1),
    ]


def test_a_registry_is_missing_in_the_whole_if_all_reports_miss_the_same() -> None:
    """Reports that miss different ones name none."""
    tests = [incident("PM-1", ("t.py::a", "passed"))]
    none = source("a.json", tests, missing="no registry")
    other = source("b.json", tests, missing="a registry that can't be reached")

    assert merge_reports([none, none]).missing == "no registry"
    assert merge_reports([none, other]).missing is None


def test_a_test_that_the_configuration_deselects_is_told_with_that_reason() -> None:
    """Another report may have deselected it for that run alone."""
    reports = []
    for reason in ("deselected", "deselected by configuration"):
        one = incident("PM-1", ("t.py::a", "not-run"))
        one["tests"][0]["reason"] = reason
        reports.append(source(f"{reason}.json", [one]))

    for pair in (reports, reports[::-1]):
        (test,) = merge_reports(pair).incidents[0].tests

        assert test.reason == "deselected by configuration"


def test_a_test_that_is_flaky_in_one_report_is_flaky() -> None:
    """In whichever of them, and whatever it is in the other."""
    steady = incident("PM-1", ("t.py::a", "passed"))
    flaky = {**steady, "tests": [{**steady["tests"][0], "flaky": True}]}

    for pair in ((steady, flaky), (flaky, steady)):
        report = merge_reports([source(f"{n}.json", [each]) for n, each in enumerate(pair)])

        assert [test.flaky for test in report.incidents[0].tests] == [True]


def test_several_repositories_share_one_registry() -> None:
    """With a suite of its own each, one repository guards what another does not."""
    one = source("a.json", [incident("PM-1"), incident("PM-2", ("t.py::t", "passed"))], suite="a")
    two = source("b.json", [incident("PM-1", ("t.py::t", "passed")), incident("PM-2")], suite="b")

    report = merge_reports([one, two])

    assert [each.state for each in report.incidents] == ["guarded", "guarded"]
    assert [each.tests[0].nodeid for each in report.incidents] == ["b/t.py::t", "a/t.py::t"]


def test_the_newer_entry_counts_where_registries_differ() -> None:
    """And a finding says which entries do."""
    old = source("a.json", [incident("PM-1", title="Old"), incident("PM-2")])
    new = source("b.json", [incident("pm-1", title="New"), incident("PM-2"), incident("PM-3")])

    report = merge_reports([old, new])

    assert [(each.postmortem.id, each.postmortem.title) for each in report.incidents] == [
        ("pm-1", "New"),
        ("PM-2", "PM-2"),
        ("PM-3", "PM-3"),
    ]
    assert [finding.message for finding in report.findings] == [
        "the reports were made with different registries (PM-1): the last one counts"
    ]
    (backwards,) = merge_reports([new, old]).findings
    assert "(pm-1)" in backwards.message


@pytest.mark.parametrize(
    ("count", "shown"),
    [(5, "PM-0, PM-1, PM-2, PM-3, PM-4"), (6, "PM-0, PM-1, PM-2, PM-3, PM-4, ...")],
)
def test_at_most_five_differing_entries_are_named(count: int, shown: str) -> None:
    """More of them are a sign that the registries are others."""
    old, new = (
        source(f"{title}.json", [incident(f"PM-{n}", title=title) for n in range(count)])
        for title in ("Old", "New")
    )

    (finding,) = merge_reports([old, new]).findings

    assert f"different registries ({shown})" in finding.message


def test_the_whole_has_a_root_if_all_reports_have_the_same() -> None:
    """And as many reports as expected, or more, are no gap."""
    roots = ("pkg", "pkg", "other")
    reports = [source(f"{n}.json", [incident("PM-1")], root=root) for n, root in enumerate(roots)]

    assert merge_reports(reports[:2]).scope.root == "pkg"
    assert merge_reports(reports).scope.root == ""
    for expected in (1, 2):
        assert merge_reports(reports[:2], expected).scope.reasons == ()
    assert merge_reports(reports[:2], 3).scope.reasons == ("2 of 3 reports given: 0.json, 1.json",)


def test_a_severity_that_may_not_be_told_is_not_judged() -> None:
    """A gate never passes because a report was silent."""
    policy = {**BLANK["policy"], "require": ["sev1"]}
    hidden = source("a.json", [incident("PM-1", show="link")], policy=policy)

    (gate,) = merge_reports([hidden]).gates

    assert gate.judged is False
    assert "the reports hide the severity of 1 incident (postmortem_show)" in gate.message


def test_links_lost_stay_lost() -> None:
    """What a report says of itself beyond its files is open in the whole, too."""
    scope = {**BLANK["scope"], "kind": "partial", "files": ["a.py"], "expected": ["a.py", "b.py"]}
    one = source("a.json", [incident("PM-1")])
    one = ReportSource(
        {**one.document, "scope": {**scope, "reasons": ["1 of 2 files given"]}}, "a.json"
    )
    lost = {**scope, "files": ["b.py"], "reasons": ["1 of 2 files given", "links lost with gw1"]}
    two = ReportSource({**one.document, "scope": lost}, "b.json")

    assert merge_reports([one, two]).scope.reasons == ("links lost with gw1",)


JUNIT = """<?xml version="1.0"?>
<testsuites><testsuite name="pkg">
<testcase classname="github.com/x/pkg" name="TestRetry" time="0.5" file="retry_test.go" line="12">
  <properties><property name="postmortem" value="pm-2, PM-1"/><property name="x" value="1"/>
  </properties></testcase>
<testcase classname="pkg" name="TestLost"><properties><property name="postmortem">OLD-1</property>
  </properties><failure message="boom"/></testcase>
<testcase classname="pkg" name="TestTypo"><properties>
  <property name="postmortem" value="PM-404"/></properties><skipped message="later"/></testcase>
<testcase classname="pkg" name="TestPlain"/>
</testsuite></testsuites>
"""


def test_a_suite_in_another_language_guards_too(suite: Path, pytester: pytest.Pytester) -> None:
    """JUnit XML that carries the property is joined; an id that nobody knows is a finding."""
    (suite / "test_1.py").write_text("def test_plain(): pass\n")
    for n in (2, 3, 4):
        (suite / f"test_{n}.py").unlink()
    report(pytester, "python.json")
    (suite / "go.xml").write_text(JUNIT)

    status, joined = combined(suite, "python.json", "go.xml")

    assert {each["id"]: each["state"] for each in joined["incidents"]} == {
        "PM-1": "failing",
        "PM-2": "guarded",
        "PM-3": "unguarded",
        "PM-4": "exempt",
        "PM-5": "declared",
        "PM-6": "unguarded",
        "PM-7": "exempt",
    }
    assert [test["nodeid"] for test in joined["incidents"][0]["tests"]] == [
        "pkg::TestLost",
        "retry_test.go::TestRetry",
    ]
    assert [each["message"] for each in joined["findings"] if each["code"] == "unknown-id"] == [
        "unknown post-mortem 'PM-404'; correct the id, or add the post-mortem to the registry"
    ]
    assert status == 1


def test_a_link_to_an_incident_of_another_suite_is_no_error(
    suite: Path, pytester: pytest.Pytester
) -> None:
    """An id is checked against the whole registry, by any of its names, whatever may be shown."""
    report(
        pytester,
        "python.json",
        "-o",
        "postmortem_select=severity:sev1",
        "-o",
        "postmortem_show=link",
        "test_3.py",
    )
    (suite / "go.xml").write_text(JUNIT.replace("PM-404", "PM-6"))

    _, joined = combined(suite, "python.json", "go.xml")

    unknown = [each["message"] for each in joined["findings"] if each["code"] == "unknown-id"]
    assert [text for text in unknown if "PM-93" not in text] == []
    assert [each["id"] for each in joined["incidents"]] == ["PM-1"]


def test_junit_alone_implies_its_incidents(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a registry no gap is claimed."""
    (suite / "go.xml").write_text(JUNIT)

    main(["combine", "go.xml"])

    assert capsys.readouterr().out.splitlines()[-1] == (
        "2 of 4 linked incidents guarded; no registry, so no gap is claimed"
    )


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "it is neither JSON nor XML"),
        ("[1]", "it is not a report of pytest-postmortem"),
        ('{"format": 2}', "its format is 2, and 1 is understood"),
        ('{"format": 1, "incidents": []}', "it lacks scope, totals, policy, findings, gates"),
        ("<testsuites>", "it is not XML: no element found"),
        (
            "<!DOCTYPE x [<!ENTITY a 'b'>]><x/>",
            "it declares entities, which JUnit XML does not need",
        ),
        ("[" * 100_000, "it is neither JSON nor XML"),
    ],
)
def test_a_file_that_is_no_report_is_told(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str], text: str, cause: str
) -> None:
    """All of them at once, each with what to do, and nothing is written."""
    (pytester.path / "bad.json").write_text(text)

    status = main(["combine", "bad.json", "none.json", "--report=json:whole.json"])

    said = capsys.readouterr().err
    assert f"Couldn't read report 'bad.json': {cause}" in said
    assert "Couldn't read report 'none.json': no such file or directory" in said
    assert not (pytester.path / "whole.json").exists()
    assert status == 2


def test_a_percentage_may_be_asked_of_the_whole(suite: Path, pytester: pytest.Pytester) -> None:
    """The option takes the place of what the reports were judged by."""
    report(pytester, "one.json")

    _, joined = combined(suite, "one.json", "--fail-under=99")

    assert joined["gates"][0]["message"].endswith("99 % asked: 2 incidents too few")


def test_a_share_that_is_asked_of_the_whole_is_a_warning(
    suite: Path, pytester: pytest.Pytester
) -> None:
    """Here too it is a percentage; what a run was asked for before no longer counts."""
    report(pytester, "one.json", "--postmortem-fail-under=0.7")

    _, kept = combined(suite, "one.json")
    _, other = combined(suite, "one.json", "--fail-under=0.25")
    _, percentage = combined(suite, "one.json", "--fail-under=70")

    found = [
        [each["message"] for each in joined["findings"] if each["code"] == "fail-under-fraction"]
        for joined in (kept, other, percentage)
    ]
    assert found == [
        ["fail-under is a percentage, and 0.7 asks for 0.7 %; write 70 for 70 %"],
        ["fail-under is a percentage, and 0.25 asks for 0.25 %; write 25 for 25 %"],
        [],
    ]


def test_incidents_without_a_severity_fail_the_gate_on_the_whole(
    suite: Path, pytester: pytest.Pytester
) -> None:
    """As they do in the run itself."""
    (suite / "unrated.yml").write_text("- id: PM-1\n")
    registry = ("-o", "postmortem_registry=unrated.yml")
    own = report(pytester, "one.json", *registry, "-o", "postmortem_require=sev1,sev2")

    status, joined = combined(suite, "one.json")

    assert joined["gates"] == own["gates"]
    assert [gate["passed"] for gate in joined["gates"] if gate["name"] == "require"] == [False]
    assert joined["policy"]["require"] == ["sev1", "sev2"]
    assert status == 1


def test_reports_are_rendered_in_any_format(
    suite: Path, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    """One command makes what a run could have made, without running anything."""
    own = report(pytester, "one.json", "--postmortem-report=markdown:own.md")

    targets = ["markdown:again.md", "json:again.json", "html:again.html", "term", "markdown"]
    status = main(["report", "one.json", *(f"--report={each}" for each in targets)])

    said = capsys.readouterr()
    assert status == 0
    assert (suite / "again.md").read_text() == (suite / "own.md").read_text()
    assert without_durations(json.loads((suite / "again.json").read_text())) == own
    assert (suite / "again.html").read_text().startswith("<!DOCTYPE html>")
    assert "--report=term-missing lists them" in said.out
    assert said.out.endswith((suite / "own.md").read_text())


@pytest.mark.parametrize("target", ["pdf", "json", "term:x"])
def test_a_target_that_makes_no_sense_is_told(
    suite: Path, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str], target: str
) -> None:
    """Exit 2, as for any wrong use."""
    report(pytester, "one.json")

    assert main(["report", "one.json", f"--report={target}"]) == 2
    assert f"Couldn't use --report={target}: " in capsys.readouterr().err


PLAIN = "<testsuites><testsuite><testcase classname='x' name='y'/></testsuite></testsuites>"


def test_a_report_in_another_format_changes_neither_gates_nor_scope(
    suite: Path, pytester: pytest.Pytester
) -> None:
    """Wherever JUnit XML stands among the files, and whether it claims anything or not."""
    report(pytester, "part.json", "test_1.py")
    (suite / "a.xml").write_text(PLAIN)
    _, alone = combined(suite, "part.json")

    _, first = combined(suite, "a.xml", "part.json", "--expect=2")
    _, last = combined(suite, "part.json", "a.xml", "--expect=2")

    assert first == last == alone
    assert [gate["judged"] for gate in first["gates"]] == [False, False]


def test_a_run_of_which_both_files_are_given_is_counted_once(
    suite: Path, pytester: pytest.Pytester
) -> None:
    """Whichever stands first; the report has the say, since XML calls an XPASS a pass."""
    (suite / "test_0.py").write_text(
        "import pytest\n"
        "class TestIt:\n"
        "    @pytest.mark.postmortem('PM-6')\n"
        "    @pytest.mark.parametrize('n', ['a.b/c', 'd[e]'])\n"
        "    def test_it(self, n): pass\n"
        "@pytest.mark.postmortem('PM-5')\n"
        "@pytest.mark.xfail\n"
        "def test_expected(): pass\n"
    )
    whole = report(pytester, "one.json", "--junitxml=one.xml")

    for files in (["one.json", "one.xml"], ["one.xml", "one.json"]):
        assert combined(suite, *files)[1] == whole

    states = {each["id"]: each["state"] for each in whole["incidents"]}
    assert (states["PM-6"], states["PM-5"]) == ("guarded", "known-broken")


def test_a_test_of_another_outcome_is_another_test() -> None:
    """What fails is never left out because something of the same name passed."""
    known = source("a.json", [incident("PM-1", ("t.py::a", "passed"))])
    fields = {"duration": 0, "path": "t", "line": None, "nodeid": "t::a", "address": "t.a"}
    xml = ReportSource(
        EMPTY_REPORT_DOCUMENT,
        "a.xml",
        links=(("PM-1", {**fields, "outcome": "failed"}),),
        foreign=True,
    )

    assert [each.state for each in merge_reports([known, xml]).incidents] == ["failing"]


def test_parts_may_be_joined_in_several_steps(suite: Path, pytester: pytest.Pytester) -> None:
    """Two halves of halves are the whole."""
    whole = report(pytester, "one.json")
    for n in (1, 2, 3, 4):
        report(pytester, f"shard{n}.json", f"test_{n}.py")
    main(["combine", "shard1.json", "shard2.json", "--report=json:left.json"])
    main(["combine", "shard3.json", "shard4.json", "--report=json:right.json"])

    _, joined = combined(suite, "left.json", "right.json")

    assert joined == whole


def test_a_report_without_a_registry_adds_its_links_alone() -> None:
    """What it had to make up takes the place of no entry, and what nobody knows is unknown."""
    known = source("a.json", [incident("PM-1", title="One", severity="sev1")])
    tests = [incident("PM-1", ("t.py::a", "passed")), incident("PM-9", ("t.py::b", "passed"))]
    bare = source("b.json", tests, missing="no registry")

    whole = merge_reports([known, bare])

    (only,) = whole.incidents
    assert (only.state, only.postmortem.title, only.postmortem.severity) == (
        "guarded",
        "One",
        "sev1",
    )
    assert [finding.code for finding in whole.findings] == ["unknown-id"]


def test_what_one_report_did_not_know_yet_is_no_error_of_the_whole() -> None:
    """A post-mortem that was added between two jobs is known."""
    finding = {"code": "unknown-id", "severity": "error", "path": "t.py", "line": 1}
    old = source("a.json", [], findings=[{**finding, "message": "unknown post-mortem 'PM-9'; x"}])
    new = source("b.json", [incident("PM-9")])

    assert merge_reports([old, new]).findings == ()


def test_a_test_counts_whose_post_mortem_another_report_knows() -> None:
    """Alone it is unknown; joined, in one step or several, it guards."""
    named = {"id": "pm-9", "tests": incident("", ("t.py::a", "passed"))["tests"]}
    old = source("a.json", [], unknown=[named])
    new = source("b.json", [incident("PM-9")])
    alone = ReportSource(build_report_document(merge_reports([old])), "alone.json")

    (only,) = merge_reports([alone, new]).incidents

    assert (only.state, [test.nodeid for test in only.tests]) == ("guarded", ["t.py::a"])


def test_what_is_too_old_to_be_a_gap_stays_so_when_its_date_is_hidden() -> None:
    """The figures are those of the run."""
    policy = {**BLANK["policy"], "since": "2025-01-01", "fail_under": 50}
    old = incident("PM-2", show="link", required=False)
    done = incident("PM-1", ("t.py::t", "passed"), show="link")

    whole = merge_reports([source("a.json", [done, old], policy=policy)])

    assert (whole.totals.guarded, whole.totals.required, whole.gates[0].passed) == (1, 1, True)


def test_repositories_whose_reports_have_one_name_do_not_mix(
    suite: Path, pytester: pytest.Pytester
) -> None:
    """Artifacts are often unpacked into a folder each."""
    for name in ("x", "y"):
        (suite / name).mkdir()
        report(pytester, f"{name}/report.json", "test_1.py")

    _, joined = combined(suite, "--across", "x/report.json", "y/report.json")

    nodeids = [test["nodeid"] for test in joined["incidents"][0]["tests"]]
    assert nodeids[0].startswith("x/report/test_1.py::")
    assert nodeids[-1].startswith("y/report/test_1.py::")


@pytest.mark.parametrize(
    "arguments",
    [("--expect=0",), ("--expect=-1",), ("--fail-under=nan",), ("--fail-under=-5",)],
)
def test_a_number_that_makes_no_sense_is_wrong_use(
    suite: Path, pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    """As with any option of the command line."""
    report(pytester, "one.json")

    with pytest.raises(SystemExit) as caught:
        main(["combine", "one.json", *arguments])

    assert caught.value.code == 2


@pytest.mark.slow
def test_no_change_to_a_report_ends_in_a_traceback(
    suite: Path, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    """Any field taken away or of another type is one message, or makes no difference.

    Each field is wrong in two ways in each format.
    """
    own = report(pytester, "one.json")
    places = [(own, key) for key in own]
    places += [(own[key], name) for key in own if isinstance(own[key], dict) for name in own[key]]
    places += [(own["incidents"][0], key) for key in own["incidents"][0]]
    places += [(own["incidents"][0]["tests"][0], key) for key in own["incidents"][0]["tests"][0]]
    targets = ["--report=markdown", "--report=html:x.html", "--report=term", "--report=github"]

    for number, (owner, key) in enumerate(places):
        value = owner[key]
        others: list[Any] = [None, 3, "x", [], {}, True, [[]], [{}]]
        for turn, wrong in enumerate(others, number):
            owner[key] = wrong
            (suite / "odd.json").write_text(json.dumps(own))
            assert main(["report", "odd.json", targets[turn % len(targets)]]) in (0, 2)
        owner[key] = value
    capsys.readouterr()


@pytest.mark.parametrize(
    "text",
    [
        "<?xml version='1.0' encoding='foo'?><testsuites/>",
        "<testsuites><testcase line='" + "9" * 5000 + "' time='inf'/></testsuites>",
    ],
)
def test_odd_junit_ends_in_no_traceback(
    suite: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """Whatever another tool has written."""
    (suite / "odd.xml").write_text(text)

    assert main(["combine", "odd.xml"]) in (0, 2)


def test_junit_in_two_bytes_a_character_is_read(suite: Path) -> None:
    """As tools on Windows write it."""
    text = JUNIT.replace('<?xml version="1.0"?>', '<?xml version="1.0" encoding="utf-16"?>')
    (suite / "wide.xml").write_text(text, encoding="utf-16")

    _, joined = combined(suite, "wide.xml")

    assert len(joined["incidents"]) == 4


def test_a_report_that_is_given_twice_is_told(
    suite: Path, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would count as two of those that are expected."""
    report(pytester, "one.json")

    assert main(["combine", "one.json", "./one.json"]) == 2
    assert "it is given twice" in capsys.readouterr().err


def history(*points: tuple[str, int]) -> dict[str, Any]:
    """Return the plain data of a history."""
    return {
        "format": 1,
        "commits": 9,
        "points": [{"day": day, "linked": linked, "commit": "0"} for day, linked in points],
    }


def test_a_history_is_drawn_in_the_page(suite: Path, pytester: pytest.Pytester) -> None:
    """When incidents got their regression tests, as git tells it, beside the report."""
    report(pytester, "one.json")
    past = history(("2024-02-01", 1), ("2025-01-10", 0), ("2025-05-05", 4))
    (suite / "history.json").write_text(json.dumps(past))

    assert main(["report", "one.json", "history.json", "--report=html:page.html"]) == 0

    page = (suite / "page.html").read_text()
    assert "<b>Regression tests over time</b> 1 on 2024-02-01, 4 since 2025-05-05" in page
    assert '<path class="line" d="M0 75H' in page
    assert '<tr><th scope="row">2025-05-05</th><td>4</td></tr>' in page


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["old.json", "middle.json", "new.json"], ""),
        (
            ["new.json", "old.json", "middle.json"],
            "Sorted by date, the newest last: old.json, middle.json, new.json\n",
        ),
        (
            ["middle.json", "undated.json"],
            "Without a date, so taken in the order given: undated.json\n",
        ),
        (["middle.json", "again.json"], ""),
    ],
)
def test_the_newest_of_several_reports_is_today(
    suite: Path,
    pytester: pytest.Pytester,
    capsys: pytest.CaptureFixture[str],
    files: list[str],
    said: str,
) -> None:
    """Whatever the order in which they are given; another one than that of the dates is said."""
    own = report(pytester, "new.json")
    days = {"old": "2026-11-01", "middle": "2026-11-08", "again": "2026-11-08", "undated": None}
    for name, day in days.items():
        older = {**own, "run": None, "policy": {**own["policy"], "today": day}}
        (suite / f"{name}.json").write_text(json.dumps(older))
    capsys.readouterr()

    assert main(["report", *files, "--report=json:out.json"]) == 0

    assert capsys.readouterr().err == said + "Incident report written to out.json\n"
    newest = "new.json" if "new.json" in files else files[-1]
    assert read_report(suite / "out.json") == read_report(suite / newest)


def test_runs_of_one_day_are_sorted_by_their_start(
    suite: Path, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    """The day by which a run is judged, that of its commit say, does not order the runs."""
    own = report(pytester, "new.json")
    starts = {"first": "2026-11-29T09:00:00Z", "second": "2026-11-29T10:30:00+01:00"}
    for name, started in starts.items():
        run: dict[str, Any] = {"python": "3", "pytest": "9", "arguments": [], "commit": None}
        run["started"] = started
        policy = {**own["policy"], "today": "2026-11-29" if name == "first" else "2026-11-20"}
        (suite / f"{name}.json").write_text(json.dumps({**own, "run": run, "policy": policy}))
    joined = {**own, "run": None, "policy": {**own["policy"], "today": "2026-11-29"}}
    (suite / "joined.json").write_text(json.dumps(joined))
    capsys.readouterr()

    files = ["second.json", "joined.json", "first.json"]
    assert main(["report", *files, "--report=json:out.json"]) == 0

    assert capsys.readouterr().err == (
        "Sorted by date, the newest last: joined.json, first.json, second.json\n"
        "Incident report written to out.json\n"
    )


@pytest.mark.parametrize(
    ("command", "files", "cause"),
    [
        ("report", ["history.json"], "a history alone can't be rendered"),
        ("combine", ["one.json", "history.json"], "a history can't be joined"),
        ("report", ["one.json", "odd.json"], "its points are not those of a history"),
        ("report", ["one.json", "undated.json"], "its points are not those of a history"),
    ],
)
def test_a_history_is_no_report(
    suite: Path,
    pytester: pytest.Pytester,
    capsys: pytest.CaptureFixture[str],
    command: str,
    files: list[str],
    cause: str,
) -> None:
    """Exit 2, and a message that says what to do."""
    report(pytester, "one.json")
    (suite / "history.json").write_text(json.dumps(history(("2024-02-01", 1))))
    (suite / "odd.json").write_text(json.dumps({**history(), "points": [{"day": 3}]}))
    (suite / "undated.json").write_text(json.dumps(history(("yesterday", 1))))

    assert main([command, *files]) == 2
    assert cause in capsys.readouterr().err


def test_a_report_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """One message comes before the memory is full."""
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(MAX_REPORT_SIZE + 1)

    with pytest.raises(ReportError, match="has more than 500 MB"):
        read_report_file(large)


def test_a_report_that_does_not_know_its_files_leaves_the_reasons_as_they_are() -> None:
    """Whether the others have the rest can't be known; each reason is told once."""
    known = {"files": ["test_a.py"], "expected": ["test_a.py", "test_b.py"]}
    scopes = [{"reasons": ["-k fast"], **known}, {"reasons": ["1 file of 2 given"]}]
    sources = [
        ReportSource({**BLANK, "scope": {**BLANK["scope"], "kind": "partial", **scope}}, "a.json")
        for scope in scopes
    ]

    scope = build_report_document(merge_reports(sources))["scope"]

    assert (scope["kind"], scope["reasons"]) == ("partial", ["-k fast", "1 file of 2 given"])
