"""What reaches the reports of other plugins, each tried with the real one, and JUnit XML."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from conftest import RunPytest
from junit import JUNIT, register
from pytest_postmortem.model import Postmortem, ShowLevel
from pytest_postmortem.runtime.integrations import render_html_cell

URL = "https://wiki.example.com"
HOSTILE = "\"><script>alert('1')</script>&amp; ::error::x"

REGISTRY = (
    f"PM-1\n  title: Carts were emptied\n  url: {URL}/1?a=1&b=2",
    f"PM-2\n  url: {URL}/2\n  tests: ['test_it.py::test_both']",
    "PM-3\n  title: In the repository\n  url: docs/3.md",
)

SUITE = """
import pytest

@pytest.mark.postmortem("PM-1")
def test_both(): pass

@pytest.mark.postmortem("pm-1", "PM-3")
def test_fails(): assert 1 == 2

@pytest.fixture
def broken(): raise OSError

@pytest.mark.postmortem("PM-2")
def test_breaks(broken): pass

@pytest.mark.postmortem("PM-2")
@pytest.mark.skip
def test_skipped(): pass

def test_late(request): request.node.add_marker(pytest.mark.postmortem("PM-2"))

def test_plain(): pass
"""

PROPERTIES = {
    "test_both": "PM-1, PM-2",
    "test_fails": "pm-1, PM-3",
    "test_breaks": "PM-2",
    "test_skipped": "PM-2",
    "test_late": "PM-2",
}
"""The property of each test of the suite that has one."""


@pytest.fixture(params=[(), ("-n2",)], ids=["alone", "n2"])
def run(request: pytest.FixtureRequest, pytester: pytest.Pytester) -> RunPytest:
    """Run pytest in a process of its own, since other plugins keep what they know in globals."""
    workers: tuple[str, ...] = request.param
    if workers:
        pytest.importorskip("xdist")

    def runner(*arguments: str) -> pytest.RunResult:
        result = pytester.runpytest_subprocess(*workers, *arguments)
        assert "INTERNALERROR" not in result.stdout.str()
        return result

    return runner


def write(pytester: pytest.Pytester, ini: str = "", suite: str = SUITE) -> None:
    """Write the suite and its registry."""
    register(pytester, *REGISTRY, ini=f"addopts = --strict-markers\n{ini}")
    pytester.makepyfile(test_it=suite)


def parsed(path: Path) -> Any:
    """Return what a JSON file holds."""
    return json.loads(path.read_text(encoding="utf-8"))


def name_of(nodeid: str) -> str:
    """Return the name of a test without its file."""
    return nodeid.rpartition("::")[2]


class Tags(HTMLParser):
    """Collects every tag of a piece of HTML with its attributes, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        """Collect a tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Collect text."""
        self.text += data


# pytest-html


def html(path: Path) -> tuple[list[str], dict[str, list[Mapping[str, Any]]]]:
    """Return the columns of pytest-html's report, and its rows by the name of their test."""
    text = path.read_text(encoding="utf-8")
    blob = next(tag for _, tag in Tags(text).tags if "data-jsonblob" in tag)["data-jsonblob"]
    head = text.partition('<table id="results-table">')[2].partition("</thead>")[0]
    columns = [each.partition("</th>")[0].partition(">")[2] for each in head.split("<th")[2:]]
    tests = json.loads(blob or "")["tests"]
    return columns, {name_of(nodeid): rows for nodeid, rows in tests.items()}


def in_column(row: Mapping[str, Any]) -> Tags:
    """Return our cell of a row."""
    (own,) = [each for each in row["resultsTableRow"] if "col-postmortems" in each]
    return Tags(own)


def hrefs(row: Mapping[str, Any]) -> list[str | None]:
    """Return where the links of our cell lead."""
    return [attributes["href"] for tag, attributes in in_column(row).tags if tag == "a"]


def test_pytest_html_has_a_column_with_links(pytester: pytest.Pytester, run: RunPytest) -> None:
    """Each row has a cell, whatever became of the test, and the block is in the log."""
    pytest.importorskip("pytest_html")
    write(pytester)

    run("--html=report.html")

    columns, rows = html(pytester.path / "report.html")
    assert columns == ["Result", "Test", "Duration", "Post-mortems", "Links"]
    assert all(len(row["resultsTableRow"]) == 5 for each in rows.values() for row in each)
    assert {name: in_column(each[0]).text for name, each in rows.items()} == {
        "test_both": "PM-1, PM-2",
        "test_fails": "PM-1, PM-3",
        "test_breaks": "PM-2",
        "test_skipped": "PM-2",
        "test_late": "PM-2",
        "test_plain": "",
    }
    assert hrefs(rows["test_both"][0]) == [f"{URL}/1?a=1&b=2", f"{URL}/2"]
    assert hrefs(rows["test_fails"][0]) == [f"{URL}/1?a=1&b=2"]
    assert " Post-mortem " in rows["test_fails"][0]["log"]


@pytest.mark.parametrize(
    ("show", "links", "title"),
    [
        ("id", [], "PM-1"),
        ("link", [f"{URL}/1?a=1&b=2"], "PM-1"),
        ("title", [f"{URL}/1?a=1&b=2"], "PM-1: Carts were emptied"),
    ],
)
def test_pytest_html_shows_what_may_be_shown(
    pytester: pytest.Pytester, run: RunPytest, show: str, links: list[str], title: str
) -> None:
    """``postmortem_show`` holds in the column as well."""
    pytest.importorskip("pytest_html")
    write(pytester, ini=f"postmortem_show = {show}")

    run("--html=report.html", "-k", "test_fails")

    (row,) = html(pytester.path / "report.html")[1]["test_fails"]
    assert hrefs(row) == links
    assert in_column(row).tags[1][1]["title"] == title


def test_rows_that_somebody_hides_stay_hidden(pytester: pytest.Pytester) -> None:
    """A suite may take rows away, and add columns of its own."""
    pytest.importorskip("pytest_html")
    write(pytester)
    pytester.makeconftest(
        """
        import pytest
        @pytest.hookimpl(tryfirst=True)
        def pytest_html_results_table_header(cells):
            cells.pop()
            cells.append("<th>Own</th>")
        @pytest.hookimpl(tryfirst=True)
        def pytest_html_results_table_row(report, cells):
            if "plain" in report.nodeid:
                del cells[:]
            else:
                cells.pop()
                cells.append("<td>own</td>")
        """
    )

    pytester.runpytest_subprocess("--html=report.html")

    columns, rows = html(pytester.path / "report.html")
    assert columns == ["Result", "Test", "Duration", "Post-mortems", "Own"]
    assert "test_plain" not in rows
    assert rows["test_late"][0]["resultsTableRow"][-1] == "<td>own</td>"
    assert in_column(rows["test_late"][0]).text == "PM-2"


def test_without_a_registry_pytest_html_stays_as_it_is(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """Its head is written before a mark is seen, and bare ids lead nowhere."""
    pytest.importorskip("pytest_html")
    pytester.makepyfile(test_it=SUITE)

    run("--html=report.html")

    columns, rows = html(pytester.path / "report.html")
    assert columns == ["Result", "Test", "Duration", "Links"]
    assert all(len(row["resultsTableRow"]) == 4 for each in rows.values() for row in each)


def test_text_of_any_origin_is_inert_in_pytest_html(pytester: pytest.Pytester) -> None:
    """Neither the cell nor the block in the log brings a tag along."""
    pytest.importorskip("pytest_html")
    text, url = json.dumps(HOSTILE), json.dumps(f"{URL}/{HOSTILE}")
    register(pytester, f"PM-1\n  title: {text}\n  url: {url}\n  root_cause: {text}")
    pytester.makepyfile(test_it=SUITE)

    pytester.runpytest_subprocess("--html=report.html", "-k", "test_fails")

    page = (pytester.path / "report.html").read_text(encoding="utf-8")
    (row,) = html(pytester.path / "report.html")[1]["test_fails"]
    (td, _), (a, attributes) = in_column(row).tags
    assert (td, a) == ("td", "a")
    assert attributes == {
        "href": f"{URL}/{HOSTILE}".replace(" ", "%20"),
        "target": "_blank",
        "rel": "noopener",
        "title": f"PM-1: {HOSTILE}",
    }
    assert {tag for tag, _ in Tags(row["log"]).tags} <= {"span"}
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    ("id", "title", "url", "show", "expected"),
    [
        ("PM-1", "PM-1", None, None, '<span title="PM-1">PM-1</span>'),
        ("<b>", "<i>", None, None, '<span title="&lt;b&gt;: &lt;i&gt;">&lt;b&gt;</span>'),
        ("PM-1", '" x="', None, None, '<span title="PM-1: &quot; x=&quot;">PM-1</span>'),
        ("PM-1", "a\x1b\u202eb", None, None, '<span title="PM-1: a  b">PM-1</span>'),
        ("PM-1", "PM-1", "javascript:alert(1)", None, '<span title="PM-1">PM-1</span>'),
        ("PM-1", "PM-1", "https:///x", None, '<span title="PM-1">PM-1</span>'),
        ("PM-1", "PM-1", "https://x\n.y", None, '<span title="PM-1">PM-1</span>'),
        ("PM-1", "T", f"{URL}/1", "id", '<span title="PM-1">PM-1</span>'),
        (
            "PM-1",
            "T",
            "HTTP://x/?\"'<>&",
            None,
            '<a href="HTTP://x/?&quot;&#x27;&lt;&gt;&amp;" target="_blank" rel="noopener"'
            ' title="PM-1: T">PM-1</a>',
        ),
    ],
)
def test_a_cell_is_escaped_and_links_to_the_web_alone(
    id: str, title: str, url: str | None, show: ShowLevel | None, expected: str
) -> None:
    """Cells of pytest-html are HTML as they stand."""
    assert (
        render_html_cell([Postmortem(id, title, url)], show)
        == f'<td class="col-postmortems">{expected}</td>'
    )


# Allure


def allure(path: Path) -> dict[str, Mapping[str, Any]]:
    """Return Allure's results by the name of their test, each of which has one alone."""
    files = [parsed(file) for file in path.glob("*-result.json")]
    found = {each["name"]: each for each in files}
    assert len(found) == len(files)
    return found


def allure_links(path: Path) -> dict[str, list[tuple[str, str, str]]]:
    """Return the links of each test that has any."""
    return {
        name: [(each["type"], each["name"], each["url"]) for each in result["links"]]
        for name, result in allure(path).items()
        if result.get("links")
    }


PM_1 = ("postmortem", "PM-1: Carts were emptied", f"{URL}/1?a=1&b=2")
PM_2 = ("postmortem", "PM-2", f"{URL}/2")

ALLURE_LINKS = {
    "test_both": [PM_1, PM_2],
    "test_fails": [PM_1],
    "test_breaks": [PM_2],
    "test_skipped": [PM_2],
    "test_late": [PM_2],
}


def sorted_links(path: Path) -> dict[str, list[tuple[str, str, str]]]:
    """Return the links of each test that has any, in one order."""
    return {name: sorted(found) for name, found in allure_links(path).items()}


def test_allure_has_links_of_the_type_postmortem(pytester: pytest.Pytester, run: RunPytest) -> None:
    """Marked, declared or late, whatever becomes of the test; the same with workers."""
    pytest.importorskip("allure_pytest")
    write(pytester)

    run("--alluredir=allure")

    assert sorted_links(pytester.path / "allure") == ALLURE_LINKS


def test_allure_has_them_from_a_registry_that_was_found(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """A worker reads such a registry itself."""
    pytest.importorskip("allure_pytest")
    write(pytester)
    pytester.makeini("[pytest]\n")

    run("--alluredir=allure")

    assert sorted_links(pytester.path / "allure") == ALLURE_LINKS


def test_allure_has_them_from_a_url_template_alone(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """A suite whose tests name the issues of a tracker has links as well."""
    pytest.importorskip("allure_pytest")
    pytester.makeini(f"[pytest]\npostmortem_url_template = {URL}/{{id}}\n")
    pytester.makepyfile(test_it=SUITE)

    run("--alluredir=allure", "-k", "test_both or test_plain")

    assert allure_links(pytester.path / "allure") == {
        "test_both": [("postmortem", "PM-1", f"{URL}/PM-1")]
    }


def test_allure_shows_what_may_be_shown(pytester: pytest.Pytester, run: RunPytest) -> None:
    """With ids alone there is nothing to link to."""
    pytest.importorskip("allure_pytest")
    write(pytester, ini="postmortem_show = id")

    result = run("--alluredir=allure")

    assert allure_links(pytester.path / "allure") == {}
    result.assert_outcomes(passed=3, failed=1, errors=1, skipped=1)


def test_allure_has_each_link_once_and_keeps_those_of_others(pytester: pytest.Pytester) -> None:
    """A test that runs again gets no second one."""
    pytest.importorskip("allure_pytest")
    pytest.importorskip("pytest_rerunfailures")
    write(
        pytester,
        suite="""
        import allure, pytest
        @allure.link("https://other.example.com", name="Other")
        @pytest.mark.postmortem("PM-1")
        @pytest.mark.postmortem("PM-2")
        def test_flaky(seen=[]):
            seen.append(1)
            assert len(seen) == 3
        """,
    )

    pytester.runpytest_subprocess("--alluredir=allure", "--reruns=2").assert_outcomes(passed=1)

    results = [parsed(file) for file in (pytester.path / "allure").glob("*-result.json")]
    assert [sorted(each["url"] for each in result["links"]) for result in results] == [
        ["https://other.example.com", PM_1[2], PM_2[2]]
    ] * len(results)


def test_text_of_any_origin_is_one_line_in_allure(pytester: pytest.Pytester) -> None:
    """Names of links are text there; control characters are gone."""
    pytest.importorskip("allure_pytest")
    register(pytester, f'PM-1\n  title: "a\\e[31m\\nb"\n  url: {URL}')
    pytester.makepyfile(test_it=SUITE)

    pytester.runpytest_subprocess("--alluredir=allure", "-k", "test_fails")

    ((_, name, _),) = allure_links(pytester.path / "allure")["test_fails"]
    assert name.isprintable()


# pytest-json-report, CTRF


def test_the_property_arrives_in_pytest_json_report(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """One property, as in JUnit XML."""
    pytest.importorskip("pytest_jsonreport")
    write(pytester)

    run("--json-report", "--json-report-file=report.json")

    report = parsed(pytester.path / "report.json")
    found = {name_of(test["nodeid"]): test.get("user_properties") for test in report["tests"]}
    assert found == {
        "test_plain": None,
        **{name: [{"postmortem": value}] for name, value in PROPERTIES.items()},
    }
    assert report["summary"]["total"] == 6


def test_the_property_arrives_in_ctrf_as_a_tag(pytester: pytest.Pytester, run: RunPytest) -> None:
    """One tag, with all ids of the test, the declared ones too; other tags stay."""
    pytest.importorskip("ctrf")
    write(pytester, suite=SUITE.replace("def test_late", "@pytest.mark.xfail\ndef test_late"))

    run("--ctrf=report.json")

    results = parsed(pytester.path / "report.json")["results"]
    found = {name_of(test["name"]): test.get("tags", []) for test in results["tests"]}
    own = {name: [f"postmortem::{value}"] for name, value in PROPERTIES.items()}
    # A skipped test is skipped before the plugin collects any tags.
    assert found == {
        "test_plain": [],
        **own,
        "test_late": ["xfail", *own["test_late"]],
        "test_skipped": [],
    }
    assert results["summary"]["tests"] == 6


# pytest-github-actions-annotate-failures


def test_annotations_stay_whole(
    pytester: pytest.Pytester, run: RunPytest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One for the failure, as without us, and nothing of ours is taken for another."""
    pytest.importorskip("pytest_github_actions_annotate_failures")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    text = json.dumps("::error::x\n::error::y ##[error]z")
    register(pytester, f"PM-1\n  title: {text}\n  root_cause: {text}")
    pytester.makepyfile(test_it=SUITE)

    result = run("-k", "test_fails")

    bare = run("-k", "test_fails", "-p", "no:postmortem")
    lines = [*result.outlines, *result.errlines]
    found = [line for line in lines if line.lstrip().startswith("::") or "##[" in line]
    assert found == [line for line in bare.errlines if line.startswith("::error ")]
    assert len(found) == 1
    assert any("Post-mortem" in line for line in lines)


# JUnit XML, for GitLab and Jenkins

CHILDREN: Mapping[str, set[str]] = {
    "testsuites": {"testsuite"},
    "testsuite": {"testsuite", "properties", "testcase", "system-out", "system-err"},
    "testcase": {"properties", "skipped", "error", "failure", "system-out", "system-err"},
    "properties": {"property"},
}
"""What may stand where by the schema of Jenkins' xUnit plugin, and properties in a test case,
which it lacks, and pytest's own `record_property` writes all the same.

Source: https://github.com/jenkinsci/xunit-plugin/blob/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd
"""

ATTRIBUTES: Mapping[str, tuple[set[str], set[str]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {
            "group",
            "time",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "package",
            "file",
            "log",
            "url",
        },
    ),
    "testcase": ({"name"}, {"time", "classname", "group"}),
    "properties": (set(), set()),
    "property": ({"name", "value"}, set()),
    "failure": (set(), {"type", "message"}),
    "error": (set(), {"type", "message"}),
    "skipped": (set(), {"type", "message"}),
    "system-out": (set(), set()),
    "system-err": (set(), set()),
}
"""The attributes that an element must have, and those that it may have."""


def violations(element: ElementTree.Element) -> Iterator[str]:
    """Yield what the schema does not allow in an element and all that stands in it."""
    needed, allowed = ATTRIBUTES[element.tag]
    yield from (f"{element.tag} lacks {name}" for name in needed - element.attrib.keys())
    found = element.attrib.keys() - needed - allowed
    yield from (f"{element.tag} has {name}" for name in found)
    for child in element:
        if child.tag in CHILDREN.get(element.tag, set()):
            yield from violations(child)
        else:
            yield f"{child.tag} in {element.tag}"
    names = [each.get("name") for each in element.iter("property")]
    if element.tag == "testcase" and len(names) != len(set(names)):
        yield f"two properties of one name: {names}"


def test_junit_xml_is_valid_and_each_property_stands_once(
    pytester: pytest.Pytester, run: RunPytest
) -> None:
    """GitLab and Jenkins read it; no title is in it, since CI shows it to whoever may look."""
    write(
        pytester,
        suite=SUITE
        + """
@pytest.mark.postmortem("PM-2", '<a & "b">', "a, b\\x00\\x1b")
@pytest.mark.postmortem("PM-2")
def test_hostile(record_property): record_property("own", "1")

@pytest.fixture
def leaky():
    yield
    raise OSError

@pytest.mark.postmortem("PM-1")
def test_twice(leaky): assert False
""",
    )

    run(JUNIT)

    root = ElementTree.parse(pytester.path / "junit.xml").getroot()
    assert list(violations(root)) == []
    found = [
        (case.attrib["name"], each.attrib["value"])
        for case in root.iter("testcase")
        for each in case.iter("property")
        if each.attrib["name"] == "postmortem"
    ]
    assert sorted(found) == sorted(
        [
            *PROPERTIES.items(),
            ("test_hostile", 'PM-2, <a & "b">, a%2C b#x00#x1B'),
            ("test_twice", "PM-1"),
            ("test_twice", "PM-1"),
        ]
    )
    assert "Carts" not in (pytester.path / "junit.xml").read_text(encoding="utf-8")


# All and none of them


def test_all_of_them_get_on_with_each_other(pytester: pytest.Pytester, run: RunPytest) -> None:
    """Each report is written whole when every plugin is asked at once."""
    for module in ("pytest_html", "allure_pytest", "pytest_jsonreport", "ctrf"):
        pytest.importorskip(module)
    write(pytester)

    result = run(
        "--html=all.html",
        "--self-contained-html",
        "--alluredir=allure",
        "--json-report",
        "--json-report-file=json.json",
        "--ctrf=ctrf.json",
        JUNIT,
    )

    result.assert_outcomes(passed=3, failed=1, errors=1, skipped=1)
    assert len(html(pytester.path / "all.html")[1]) == 6
    assert sorted_links(pytester.path / "allure") == ALLURE_LINKS
    assert len(parsed(pytester.path / "json.json")["tests"]) == 6
    tags = [test.get("tags") for test in parsed(pytester.path / "ctrf.json")["results"]["tests"]]
    assert not any("allure" in tag for each in tags for tag in each or ())


def test_nothing_of_theirs_is_imported_or_registered_where_they_are_not(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has other reports, or none, pays for nothing."""
    write(pytester)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(
        """
        import sys
        def pytest_sessionfinish(session):
            names = {each.partition(".")[0] for each in sys.modules}
            theirs = {"pytest_html", "allure_commons", "allure_pytest", "pytest_jsonreport", "ctrf"}
            manager = session.config.pluginmanager
            own = ["html", "allure", "ctrf", "handing"]
            print("THEIRS", sorted(names & theirs))
            print("OURS", [each for each in own if manager.hasplugin(f"postmortem-{each}")])
        """
    )

    result = pytester.runpytest_subprocess("-s", "-ppytest_postmortem.plugin")

    result.stdout.fnmatch_lines(["*THEIRS []", "OURS []"])
