"""The page as text: what stands on it, what it may load, and that every text is but a text."""

from __future__ import annotations

import base64
import hashlib
import html as entities
import re
from collections import Counter
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

import pytest

from page_documents import HOSTILE, big, document, hostile, incident, small
from pytest_postmortem import report_model
from pytest_postmortem.reports import html

LOADING = {"action", "background", "data", "formaction", "ping", "poster", "src", "srcset", "style"}
"""The attributes by which a page could load, send or style."""


class Page(HTMLParser):
    """A page read by Python's own parser: its elements and the text of each."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, Mapping[str, str | None]]] = []
        self.texts: list[str] = []
        self.whole = text
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep a text that can be read."""
        if self.elements[-1:] not in ([("style", {})], [("script", {})]):
            self.texts.append(data)

    def all(self, tag: str) -> list[Mapping[str, str | None]]:
        """Return the attributes of every element of a name."""
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self) -> str:
        """Return what can be read, with single spaces."""
        return " ".join(" ".join(self.texts).split())

    def part(self, start: str, end: str) -> str:
        """Return what can be read between the first place of a text and the next of another."""
        whole = self.text()
        begin = whole.index(start)
        return whole[begin : whole.index(end, begin + len(start))]


def page(of: Mapping[str, Any] | None = None, *earlier: Mapping[str, Any]) -> Page:
    """Return the page of a report."""
    return Page(html.render_html_report(of or small(), earlier))


def rows(read: Page) -> list[Mapping[str, str | None]]:
    """Return the rows of the list, in the order in which they stand."""
    return [attributes for attributes in read.all("li") if "data-state" in attributes]


def test_both_figures_and_the_share_stand_on_the_page() -> None:
    """The page begins with how many required incidents are guarded and linked."""
    read = page()

    assert read.text().startswith("1 of 4 incidents guarded Skip to the incidents")
    assert "1 of 4 guarded 25 %" in read.text()
    assert "3 of 4 linked" in read.text()


def test_every_field_of_an_incident_can_be_read() -> None:
    """An incident opens to its tests, root cause, whys, action items and all else."""
    read = page()

    entry = read.part(
        "Checkout charged customers twice missing idempotency", "read the post-mortem"
    )

    assert entry.strip() == (
        "Checkout charged customers twice missing idempotency PM-102 recurred"
        " 1 action item overdue"
        " State failing: a linked test fails: the problem may be back"
        " Note recurred although guarded: PM-100 has a linked test"
        " Tests failed tests/test_checkout.py::test_retry_charges_once[a]"
        " tests/test_checkout.py:12"
        " passed tests/test_checkout.py::test_retry_charges_once[b]"
        " tests/test_checkout.py:12, flaky"
        " Root cause the retry carried no idempotency key and the gateway took it for a new one"
        " Whys the retry was new nobody knew of the key"
        " Action items done Send the key due 2026-04-01 payments done"
        " overdue Alert on doubles due 2026-05-01 detect"
        " open Teach the gateway due 2027-01-01 platform"
        " Owner payments Status closed Service checkout Tags payments, retry"
        " Also known as INC-77 Post-mortem https://wiki.example.com/pm/102"
        " Entry docs/postmortems/PM-102.md:1"
    )


def test_open_action_items_are_asked_for_where_there_are_some() -> None:
    """A choice that leaves nothing is none."""
    report = small()
    bare = {**report, "incidents": [{**each, "action_items": []} for each in report["incidents"]]}

    names = [
        {attributes.get("name") for attributes in page(each).all("input")}
        for each in (report, bare)
    ]

    assert ["actions" in each for each in names] == [True, False]


def test_no_heading_says_coverage_alone() -> None:
    """That word means lines."""
    text = page().text()

    assert "Incident coverage, by severity and class" in text
    assert not re.findall(r"(?<!Incident )\bCoverage\b", text)


def test_every_incident_and_test_of_a_big_report_is_there() -> None:
    """Nothing is left out, however many incidents there are."""
    report = big(300)

    read = page(report)

    assert len(rows(read)) == 300
    nodeids = {each["nodeid"] for one in report["incidents"] for each in one["tests"]}
    assert {text for text in read.texts if "::test_" in text} == nodeids


def test_the_gravest_come_first() -> None:
    """The list begins with what needs attention, by state, then severity, then age."""
    incidents = [
        incident("PM-1", severity="sev1"),
        incident("PM-2", "unguarded"),
        incident("PM-3", "unguarded", severity="sev10"),
        incident("PM-4", "unguarded", severity="SEV-2", date="2025-01-01"),
        incident("PM-5", "unguarded", severity="sev2", date="2026-01-01"),
        incident("PM-6", "unguarded", severity="critical"),
        incident("PM-7", "failing", severity="low"),
    ]

    read = page(document(incidents))

    ids = [f"PM-{int(row['data-place'] or 0) + 1}" for row in rows(read)]
    assert ids == ["PM-7", "PM-6", "PM-5", "PM-4", "PM-3", "PM-2", "PM-1"]


def test_severities_stand_as_a_team_has_put_them_in_order() -> None:
    """What is configured counts before what words usually mean; the rest follows."""
    words = ["red", "sev1", "Amber", "green"]
    told = document([incident(word, severity=word) for word in words])
    told["policy"]["severities"] = ["green", "amber", "red"]

    read = page(told)

    assert [row["data-severity"] for row in rows(read)] == ["green", "Amber", "red", "sev1"]


def test_severities_are_one_where_the_report_takes_them_for_one() -> None:
    """A severity is compared as everywhere: ``SEV-1``, ``Sev1`` and ``sev1`` are one."""
    words = ["SEV-1", "sev1", "Sev 1", "sev_1", "sev2"]

    read = page(document([incident(word, severity=word) for word in words]))

    assert [row["data-severity"] for row in rows(read)] == ["SEV-1"] * 4 + ["sev2"]


@pytest.mark.parametrize("state", report_model.STATES)
def test_every_state_says_what_it_means(state: str) -> None:
    """No state stands without a word and its meaning."""
    read = page(document([incident("PM-1", state)]))

    assert rows(read)[0]["data-state"] == state
    assert f"State {state}: {html.STATE_MEANINGS[state]}" in read.text()


def test_findings_and_gates_are_listed() -> None:
    """What fails a run stands on the page with its code and its place."""
    read = page()

    assert "Gates failed fail-under 25 %, 75 % asked" in read.text()
    assert "error no post-mortem is called 'PM-404' unknown-id tests/test_a.py:3" in read.text()


def test_a_partial_run_is_said_first() -> None:
    """What the figures don't stand for is said above them, a gate that was not judged too."""
    report = small()
    report["scope"] = {"kind": "partial", "reasons": ["1 node id given"]}
    report["totals"]["percent"] = None
    report["unjudged"] = ["1 node id given", "the tracker can't be reached"]
    message = "not judged: 1 node id given; run the whole suite to judge it"
    report["gates"] = [{"name": "fail-under", "judged": False, "passed": False, "message": message}]
    report["registry"] = {"locations": [], "partial": ["the newest 50"], "unreachable": ["jira:X"]}

    read = page(report)

    assert read.part("Not the whole picture", "Figures").strip() == (
        "Not the whole picture"
        " This run collected only a part of the suite: 1 node id given"
        " The figures are not of the whole suite: the tracker can't be reached"
        " Gate fail-under has not passed, it was not judged: 1 node id given;"
        " run the whole suite to judge it"
        " Registry that can't be reached: jira:X"
        " There may be more post-mortems: the newest 50"
    )
    assert "%" not in read.part("Figures", "What needs attention")


def test_a_whole_run_warns_of_nothing() -> None:
    """A page without a reason for a warning has none."""
    assert "Not the whole picture" not in page().text()


def test_reasons_to_look_name_five_and_lead_to_the_rest() -> None:
    """The top of the page stays short, and its links filter the list."""
    report = document([incident(f"PM-{n}", "unguarded") for n in range(7)])

    read = page(report)

    links = [link["href"] for link in read.all("a")]
    assert links == [
        "#incidents",
        *(f"#incident-pm-{n}" for n in range(5)),
        "#state=unguarded&required=yes",
    ]
    assert "and 2 more" in read.text()


def test_an_incident_is_linked_by_the_same_anchor_whatever_others_there_are() -> None:
    """Ids of other scripts have a digest in it, so that none is taken twice."""
    ids = ["PM-1", "障害-1", "障害-2", "事故", "a b", "a_b", "a-b", "x" * 90, "x" * 91]

    def anchors(*given: str) -> list[str]:
        read = page(document([incident(id, "unguarded") for id in given]))
        return [str(attributes["id"]) for attributes in read.all("dl")]

    together = anchors(*ids)

    assert together[0] == "incident-pm-1"
    assert len(set(together)) == len(ids)
    assert [anchor for id in ids for anchor in anchors(id)] == together


def test_an_old_gap_that_is_not_required_is_no_reason_to_look() -> None:
    """Incidents before ``postmortem_since`` are listed, and counted nowhere."""
    report = document([incident("PM-1", "unguarded", required=False)])

    read = page(report)

    assert "0 No regression test: could come back unnoticed None" in read.text()
    assert "No incident requires a regression test." in read.text()
    assert "PM-1 not required" in read.text()


def test_ids_that_look_alike_have_links_of_their_own() -> None:
    """Two incidents never share a place on the page."""
    ids = ["PM 1", "pm-1", "PM:1", "片", "障"]

    read = page(document([incident(id, "failing") for id in ids]))

    anchors = [attributes["id"] for attributes in read.all("dl")]
    assert len(set(anchors)) == 5
    assert {f"#{anchor}" for anchor in anchors} <= {link["href"] for link in read.all("a")}


def test_optional_fields_may_be_missing() -> None:
    """The fixed part of the report is enough for a page."""
    one: dict[str, Any] = {
        "id": "PM-1",
        "title": "PM-1",
        "url": None,
        "date": None,
        "severity": None,
        "tests": [],
    }
    one |= {"class": None, "state": "unguarded", "flaky": False, "reason": None}
    one |= {"action_items": [], "proof": None}
    report = {key: value for key, value in document().items() if key != "incidents"}
    report["incidents"] = [one]

    read = page(report)

    assert len(rows(read)) == 1
    assert "None" not in read.part("Incidents Search", "pytest-postmortem 0")


def test_a_report_without_incidents_has_a_page() -> None:
    """An empty registry is no error."""
    assert "There is no incident." in page(document()).text()


def earlier(day: str | None, guarded: int, percent: float | None = 50.0) -> dict[str, Any]:
    """Return an older report of four incidents."""
    report = document()
    report["policy"]["today"] = day
    report["totals"].update(required=4, linked=3, guarded=guarded, percent=percent)
    return report


def lines(read: Page) -> list[str | None]:
    """Return the lines that are drawn over time: required, linked and guarded."""
    paths = read.all("path")
    return [path["d"] for path in paths if "line" in str(path.get("class"))][3:]


def test_one_report_has_no_picture_over_time() -> None:
    """There is nothing to compare with."""
    assert "Over time" not in page().text()


def test_reports_are_drawn_by_their_dates() -> None:
    """The lines step where the reports were made, and the last one is seen as well."""
    read = page(earlier("2026-01-11", 4), earlier("2026-01-01", 1), earlier("2026-01-03", 2))

    assert lines(read) == [
        "M0 0H190V0H950V0H1000",
        "M0 250H190V250H950V250H1000",
        "M0 750H190V500H950V0H1000",
    ]
    assert read.part("Report Required Linked", "Incidents").strip() == (
        "Report Required Linked Guarded Share"
        " 2026-01-01 4 3 1 50 % 2026-01-03 4 3 2 50 % 2026-01-11 4 3 4 50 %"
    )


@pytest.mark.parametrize("days", [(None, "2026-01-02", None), ("2026-02-01",) * 3])
def test_reports_without_days_that_follow_stand_evenly(days: tuple[str | None, ...]) -> None:
    """Runs of one day alone, or a report without a date, are drawn in their order."""
    reports = [earlier(day, 2) for day in days]

    read = page(reports[2], *reports[:2])

    assert lines(read)[2] == "M0 500H475V500H950V500H1000"


@pytest.mark.parametrize(
    ("days", "across"),
    [
        (("2026-01-01", "2026-01-01", "2026-01-11"), (0, 950)),
        (("2026-01-01", "2026-01-11", "2026-01-11"), (950, 950)),
        (("2026-01-01", "2026-01-11", "2026-01-06"), (950, 950)),
    ],
)
def test_reports_of_one_day_share_it(days: tuple[str, ...], across: tuple[int, int]) -> None:
    """The axis stays true to the dates."""
    reports = [earlier(day, 2) for day in days]

    read = page(reports[2], *reports[:2])

    first, second = across
    assert lines(read)[2] == f"M0 500H{first}V500H{second}V500H1000"


def test_a_report_that_was_not_judged_is_in_the_table_alone() -> None:
    """A part of the suite is no point of a line."""
    old = [earlier("2026-01-01", 1), earlier("2026-01-02", 0, None)]

    read = page(earlier("2026-01-11", 4), *old)

    assert lines(read)[2] == "M0 750H950V0H1000"
    assert "2026-01-02 4 3 0 not judged" in read.text()
    assert "Not drawn, since not judged: 1 report" in read.text()


@pytest.mark.parametrize("report", [small(), hostile()], ids=["small", "hostile"])
def test_the_page_loads_and_sends_nothing(report: dict[str, Any]) -> None:
    """No element asks for anything, and every link is one that the reader follows."""
    read = page(report, earlier("2026-01-01", 1))

    assert {tag for tag, _ in read.elements} & {"base", "embed", "frame", "iframe", "img"} == set()
    assert [link["href"] for link in read.all("link")] == ["data:,"]
    for tag, attributes in read.elements:
        assert attributes.keys() & LOADING == set(), tag
        assert not [name for name in attributes if name.startswith("on")], tag
    assert not re.search(r"@import|url\((?!#)", read.whole.partition("</style>")[0])
    for link in read.all("a"):
        href = link["href"] or ""
        assert href.startswith("#") or link["rel"] == "noreferrer noopener"
        assert href.startswith(("#", "https://wiki.example.com/"))


def test_the_policy_allows_this_style_and_this_script_alone() -> None:
    """The hashes of the content security policy fit what stands on the page."""
    text = html.render_html_report(small())

    policy = next(
        entities.unescape(each)
        for each in re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    )
    hashes = {
        tag: base64.b64encode(hashlib.sha256(found.encode()).digest()).decode()
        for tag in ("style", "script")
        for found in re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    }
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes['style']}';"
        f" script-src 'sha256-{hashes['script']}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
    assert text.count("<script") == text.count("<style") == 1


@pytest.mark.parametrize(
    ("url", "linked"),
    [
        ("https://wiki.example.com/pm/1?a=b&c=d#e", True),
        ("HTTP://wiki.example.com", True),
        ("javascript:alert(1)", False),
        (" javascript:alert(1)", False),
        ("java\nscript:alert(1)", False),
        ("data:text/html,x", False),
        ("https:evil", False),
        ("https://", False),
        ("https://[", False),
        ('https://a.example/"onclick="x', False),
        ("https://a.example/\u202egnp", False),
        ("//a.example/x", False),
        ("docs/postmortems/PM-1.md", False),
        ("https://a.example/" + "x" * 3000, False),
    ],
)
def test_only_http_addresses_are_links(url: str, linked: bool) -> None:
    """Every other address is text."""
    read = page(document([incident("PM-1", url=url)]))

    links = [link["href"] for link in read.all("a")]
    assert links == ["#incidents", url, url][: 3 if linked else 1]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_becomes_no_element(text: str) -> None:
    """Text of any origin adds no element, whichever field it stands in."""
    harmless = hostile_in_every_field("harmless")

    read = page(hostile_in_every_field(text))

    assert tags(read) == tags(page(harmless))


def tags(read: Page) -> Counter[str]:
    """Return how often each element stands on a page."""
    return Counter(tag for tag, _ in read.elements)


def hostile_in_every_field(text: str) -> dict[str, Any]:
    """Return the hostile report with one text in place of each."""

    def replaced(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: replaced(each) for key, each in value.items()}
        if isinstance(value, list):
            return [replaced(each) for each in value]
        return value if value not in HOSTILE else text

    return {**replaced(hostile()), "policy": hostile()["policy"]}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x00", "[U+001B][31mred[U+0000]"),
        ("\u202egnp.exe\u2066", "[U+202E]gnp.exe[U+2066]"),
        ("pay\u200bpal\ufeff", "pay[U+200B]pal[U+FEFF]"),
        ("a\u2028b\x85", "a[U+2028]b[U+0085]"),
        ("lone \ud800", "lone [U+D800]"),
        ("\U000e0041", "[U+E0041]"),
        ("a\u200db \u200d", "a[U+200D]b [U+200D]"),
        ("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0631\u062f",
            "\u0645\u06cc\u200c\u062e\u0648\u0631\u062f",
        ),
        ("\u00a0 soft", "\u00a0 soft"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
    ],
)
def test_what_is_unseen_is_shown(text: str, shown: str) -> None:
    """No character hides, or turns the text around it; joiners join where they belong."""
    read = page(document([incident("PM-1", root_cause=text)]))

    assert shown in read.texts
    read.whole.encode()


def test_the_template_is_no_input() -> None:
    """Text that looks like a template is not one."""
    assert "{{ 7 * 7 }}{% raw %}" in page(hostile()).texts


def test_an_endless_title_stands_once_in_the_list() -> None:
    """A title of 100 kB is whole where the incident is opened, and cut everywhere else."""
    title = "x" * 100_000

    text = html.render_html_report(document([incident("PM-1", "failing", title=title)]))

    assert text.count(title) == 1
    assert text.count("x" * 60) < 2 * len(title)
    assert len(text) < 150_000
