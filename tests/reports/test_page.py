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

from page_documents import HOSTILE, big, document, hostile, incident, linked, small
from pytest_postmortem import report_model
from pytest_postmortem.reports import html
from pytest_postmortem.reports.charts import build_history_chart

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


def test_the_page_begins_with_its_verdict_and_four_figures() -> None:
    """Both figures and the share stand among them, and each leads to its incidents."""
    read = page()

    assert read.text().startswith(
        "1 of 4 incidents guarded Skip to the incidents"
        " commit abc1234def56 20 November 2026 docs/postmortems What the words mean"
        " 1 sev1 incident could return; 1 failing; share 25 %"
        " Gate fail-under failed: 25 %, 75 % asked"
        " 1 error in links or the registry: no post-mortem is called 'PM-404'"
        " Figures 2 could return 1 failing 2 sev1 past grace 1 failing, 1 without a date"
        " 25 % 1 of 4 guarded 3 linked Do next"
    )
    assert [link["href"] for link in read.all("a") if link.get("title")][:4] == [
        "#focus=return",
        "#focus=lost",
        "#focus=late",
        "#state=guarded&required=yes",
    ]


def test_the_figures_have_their_change_since_the_report_before() -> None:
    """A lead sees whether it gets better, and what was lost, before anything is opened."""
    before = document(
        [
            incident("PM-1", severity="sev1", tests=[linked("t.py::test_1")]),
            incident("PM-2", severity="sev1", tests=[linked("t.py::test_2")]),
            incident("PM-3", "unguarded", severity="sev1", date="2026-11-01"),
        ]
    )
    before["policy"] |= {"today": "2026-11-13", "grace": 14}
    now = document(
        [
            incident("PM-1", "unguarded", severity="sev1"),
            incident("PM-2", "failing", severity="sev1", tests=[linked("t.py::test_2", "failed")]),
            incident("PM-3", "unguarded", severity="sev1", date="2026-11-01"),
        ],
        run={"commit": "fedcba987654321", "project": "acme/shop", "pytest": "9", "arguments": []},
    )
    now["policy"] |= {"grace": 14}
    before["run"] = {"commit": "abcdef123456"}

    read = page(now, before)

    assert read.part("commit", "Do next").strip() == (
        "commit fedcba987654 20 November 2026 What the words mean 2 sev1 incidents could return;"
        " 1 guard lost and 1 failing since 13 November; share 66.6 → 0 %"
        " Figures 2 could return +1 since 13 Nov"
        " 2 lost or failing 1 lost since 13 Nov, 1 failing"
        " 3 sev1 past grace +3 since 13 Nov; 1 failing, 2 without a date"
        " 0 % 0 of 3 guarded \N{MINUS SIGN}66.6 points since 13 Nov, 1 linked"
    )
    assert read.part("Do next", "Share of guarded").strip() == (
        "Do next 2 could return, 1 failing Lost and failing first, then by severity"
        " Severity Incident Reason Past grace Owner"
        " sev1 PM-1 guard lost: no test since 20 Nov, abcdef1..fedcba9 no grace no owner"
        " sev1 PM-2 test fails since 20 Nov, abcdef1..fedcba9 no grace no owner"
        " sev1 PM-3 no test 5 days past grace no owner"
    )


def test_every_field_of_an_incident_can_be_read() -> None:
    """An incident opens to its tests, root cause, whys, action items and all else."""
    read = page()

    entry = read.part("Checkout charged customers twice 2026-03-02 263", "read the post-mortem")

    assert entry.strip() == (
        "Checkout charged customers twice 2026-03-02 263 days past grace missing idempotency"
        " payments checkout recurred"
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
        " Status closed Tags payments, retry"
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

    assert "Incident coverage of 5 incidents" in text
    assert not re.findall(r"(?<!Incident )\bCoverage\b", text)


def test_every_incident_and_test_of_a_big_report_is_there() -> None:
    """Nothing is left out, however many incidents there are."""
    report = big(300)

    read = page(report)

    assert len(rows(read)) == 300
    nodeids = {each["nodeid"] for one in report["incidents"] for each in one["tests"]}
    assert {text for text in read.texts if "::test_" in text} == nodeids


def test_the_gravest_come_first() -> None:
    """The list begins with the most severe, then what needs attention, then the newest."""
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
    assert ids == ["PM-6", "PM-1", "PM-5", "PM-4", "PM-7", "PM-3", "PM-2"]


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

    assert "Gates 1 failed: fail-under failed fail-under 25 %, 75 % asked" in read.text()
    assert "Findings 1 error in links or the registry" in read.text()
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
        " 2 more Registry that can't be reached: jira:X"
        " There may be more post-mortems: the newest 50"
    )
    assert "%" not in read.part("Figures", "Do next")


def test_a_whole_run_warns_of_nothing() -> None:
    """A page without a reason for a warning has none."""
    assert "Not the whole picture" not in page().text()


def test_what_to_do_next_names_six_and_leads_to_the_rest() -> None:
    """The top of the page stays short, and its links filter the list."""
    report = document([incident(f"PM-{n}", "unguarded", date=f"2026-01-0{n}") for n in range(1, 9)])

    read = page(report)

    links = [link["href"] for link in read.all("a")]
    assert links[6:] == ["#focus=next", *(f"#incident-pm-{n}" for n in range(1, 7))]
    assert "Do next all 8 : 8 could return" in read.text()


@pytest.mark.parametrize(("severe", "named"), [(2, 6), (8, 8), (30, 9)])
def test_what_to_do_next_names_all_severe_ones_past_their_grace(severe: int, named: int) -> None:
    """Where they are few; many are one click away, so that the list begins soon."""
    incidents = [incident(f"PM-{n}", "unguarded", severity="sev1") for n in range(severe)]
    incidents += [incident(f"LOW-{n}", "unguarded", severity="sev3") for n in range(20)]

    read = page(document(incidents))

    assert sum(str(link["href"]).startswith("#incident-") for link in read.all("a")) == named


def test_what_to_do_next_says_what_it_is_made_of() -> None:
    """Its count is not that of the incidents that could return."""
    proof = {"verdict": "not-proven", "outdated": False}
    test = [linked("t.py::test_it")]
    hollow = [incident(f"PM-{n}", tests=test, proof=proof) for n in range(4)]
    gaps = [incident(f"GAP-{n}", "unguarded") for n in range(2)]

    read = page(document([*hollow, *gaps, incident("PM-9", "failing", tests=test)]))

    assert (
        "Do next all 7 : 2 could return, 1 failing, 4 whose tests pass without the fix"
    ) in read.text()


def test_long_and_many_warnings_are_folded() -> None:
    """Three lines at the top; the rest, and what was cut of them, can be opened."""
    report = document([incident("PM-1")])
    report["scope"] |= {"kind": "partial", "reasons": [f"reason {n} " + "x" * 99 for n in range(3)]}
    message = "not judged: a reason"
    report["gates"] = [
        {"name": name, "judged": False, "passed": False, "message": message} for name in "abcd"
    ]

    warnings = page(report).part("Not the whole picture", "Figures")

    top, _, folded = warnings.partition(" 2 more ")
    assert "reason 2" not in top
    assert "Gate b has" in top
    assert "reason 2" in folded
    assert folded.count("Gate") == 2


def test_why_a_run_fails_is_said_below_the_verdict() -> None:
    """A gate that passed or was not judged, and a warning, fail nothing."""
    gates = [
        {"name": "require", "judged": True, "passed": False, "message": "2 of sev1 not guarded"},
        {"name": "fail-under", "judged": True, "passed": True, "message": "all well"},
        {"name": "require-proof", "judged": False, "passed": False, "message": "not judged: x"},
    ]
    finding = {"code": "c", "message": "an odd date", "path": None, "line": None}
    findings = [{**finding, "severity": "warning"}, {**finding, "severity": "error"}]

    read = page(document([incident("PM-1")], gates=gates, findings=[*findings, findings[1]]))

    assert (
        "share 100 % Gate require failed: 2 of sev1 not guarded"
        " 2 errors in links or the registry: an odd date (and 1 more) Not the whole picture"
    ) in read.text()


def test_each_filter_that_is_linked_has_a_place_before_the_list() -> None:
    """Without scripts the link leads to the incidents."""
    report = small()
    report["incidents"][0]["proof"] = {"verdict": "proven", "outdated": False}
    report["incidents"][1]["class"] = "zero\u200bwidth \ud800"

    read = page(report, small())

    ids = {attributes.get("id") for _, attributes in read.elements}
    filters = {str(link["href"])[1:] for link in read.all("a") if "=" in str(link["href"])}
    assert "class=zero%5BU%2B200B%5Dwidth+%5BU%2BD800%5D" in filters
    assert "proof=proven" in filters
    assert filters - {"focus=next"} <= ids


def test_what_is_missing_names_its_command() -> None:
    """No chart and no proof are no empty places."""
    test = [linked("t.py::test_it")]

    alone = page(document([incident("PM-1", tests=test)])).text()
    unlinked = page(document([incident("PM-1", "unguarded")])).text()

    assert "two whole runs: pytest-postmortem report OLD.json NEW.json --report=html:" in alone
    assert "No proof yet that a test fails without its fix: pytest-postmortem prove" in alone
    assert "No proof yet" not in unlinked


def test_an_incident_is_linked_by_the_same_anchor_whatever_others_there_are() -> None:
    """Ids of other scripts have a digest in it, so that none is taken twice."""
    ids = ["PM-1", "障害-1", "障害-2", "事故", "a b", "a_b", "a-b", "x" * 90, "x" * 91]

    def anchors(*given: str) -> list[str]:
        read = page(document([incident(id, "unguarded") for id in given]))
        return [str(attributes["id"]) for attributes in read.all("dl") if "id" in attributes]

    together = anchors(*ids)

    assert together[0] == "incident-pm-1"
    assert len(set(together)) == len(ids)
    assert [anchor for id in ids for anchor in anchors(id)] == together


def test_an_old_gap_that_is_not_required_is_no_reason_to_look() -> None:
    """Incidents before ``postmortem_since`` are listed, and counted nowhere."""
    report = document([incident("PM-1", "unguarded", required=False)])

    read = page(report)

    assert "No incident requires a regression test Figures 0 could return" in read.text()
    assert "Do next Nothing" in read.text()
    assert "not required" in read.part("PM-1", "State unguarded")


def test_ids_that_look_alike_have_links_of_their_own() -> None:
    """Two incidents never share a place on the page."""
    ids = ["PM 1", "pm-1", "PM:1", "片", "障"]

    read = page(document([incident(id, "failing") for id in ids]))

    anchors = [attributes["id"] for attributes in read.all("dl") if "id" in attributes]
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
    assert "None" not in read.part("Figures", "Incidents Search")


def test_a_report_without_incidents_has_a_page() -> None:
    """An empty registry is no error."""
    assert "There is no incident." in page(document()).text()


def earlier(day: str | None, guarded: int, percent: float | None = 50.0) -> dict[str, Any]:
    """Return an older report of four incidents."""
    report = document()
    report["policy"]["today"] = day
    report["totals"].update(required=4, linked=3, guarded=guarded, percent=percent)
    return report


def places(read: Page) -> list[str | None]:
    """Return where the reports are drawn, from left to right."""
    return [dot["cx"] for dot in read.all("circle")]


def test_one_report_has_no_picture_over_time() -> None:
    """There is nothing to compare with."""
    assert "Share of guarded incidents" not in page().text()


def test_reports_are_drawn_by_their_times() -> None:
    """Each has a place on the axis, and its share is a point of the line."""
    old = earlier("2026-01-11", 4, 100.0), earlier("2026-01-01", 1, 25.0)
    read = page(old[0], old[1], earlier("2026-01-03", 2))

    assert [line["points"] for line in read.all("polyline")] == ["0,75 20,50 100,0"]
    assert places(read) == ["0%", "20%", "100%"]
    assert read.part("Report Required Linked", "Incidents").strip() == (
        "Report Required Linked Guarded Share Lost or failing"
        " 2026-01-01 4 3 1 25 % 2026-01-03 4 3 2 50 % 2026-01-11 4 3 4 100 %"
        " No proof yet that a test fails without its fix: pytest-postmortem prove"
    )


def test_runs_of_one_day_are_drawn_by_their_start() -> None:
    """The axis has the time of the run, not the day by which it was judged."""
    reports = [earlier("2026-11-29", 2) for _ in range(3)]
    for report, started in zip(reports, ("06:00:00Z", "12:00:00Z", "18:00:00Z"), strict=True):
        report["run"] = {"started": f"2026-11-29T{started}"}

    read = page(reports[2], reports[0], reports[1])

    assert places(read) == ["0%", "50%", "100%"]
    assert "2026-11-29 06:00 4 3 2 50 %" in read.text()
    assert "no guard lost since 29 November, 12:00 UTC; share 50 %" in read.text()


@pytest.mark.parametrize("days", [(None, "2026-01-02", None), ("2026-02-01",) * 3])
def test_reports_without_times_that_follow_stand_evenly(days: tuple[str | None, ...]) -> None:
    """Reports of one day alone, or a report without a date, are drawn in their order."""
    reports = [earlier(day, 2) for day in days]

    read = page(reports[2], *reports[:2])

    assert places(read) == ["0%", "50%", "100%"]


@pytest.mark.parametrize(
    ("days", "across"),
    [
        (("2026-01-01", "2026-01-01", "2026-01-11"), ["0%", "0%", "100%"]),
        (("2026-01-01", "2026-01-11", "2026-01-11"), ["0%", "100%", "100%"]),
    ],
)
def test_reports_of_one_day_share_it(days: tuple[str, ...], across: list[str]) -> None:
    """The axis stays true to the dates."""
    reports = [earlier(day, 2) for day in days]

    assert places(page(reports[2], *reports[:2])) == across


def test_a_report_that_was_not_judged_is_in_the_table_alone() -> None:
    """A part of the suite is no point of a line."""
    old = [earlier("2026-01-01", 1, 25.0), earlier("2026-01-02", 0, None)]

    read = page(earlier("2026-01-11", 4, 100.0), *old)

    assert [line["points"] for line in read.all("polyline")] == ["0,75 100,0"]
    assert "2026-01-02 4 3 0 not judged" in read.text()


def test_losses_are_marked_in_the_chart_and_named_below() -> None:
    """Where a guard was lost, and which."""
    guarded = incident("PM-1", tests=[linked("t.py::test_it")])
    old, now = document([guarded]), document([incident("PM-1", "unguarded")])
    old["policy"]["today"] = "2026-10-20"

    read = page(now, old)

    chart = next(i for i, (tag, _) in enumerate(read.elements) if tag == "polyline")
    marks = [each["href"] for tag, each in read.elements[chart:] if tag == "use"]
    assert marks == ["#fall"]
    assert "2026-11-20 1 0 0 0 % PM-1" in read.text()


def test_a_history_of_git_is_drawn_for_the_incidents_of_the_report() -> None:
    """It counts the required incidents, as the figures do."""
    events = [{"kind": "linked", "day": "2026-01-01"}, {"kind": "lost", "day": "2026-02-01"}]
    past = {
        "points": [{"day": "2025-01-01", "linked": 7}],
        "incidents": [
            {"id": "pm-1", "events": events},
            {"id": "PM-2", "events": events[:1]},
            {"id": "OTHER", "events": events[:1]},
        ],
    }

    text = html.render_html_report(document([incident("PM-1"), incident("PM-2")]), past=past)

    assert "Regression tests over time 2 on 2026-01-01, 1 since 2026-02-01" in Page(text).text()
    assert '<path class="line" d="M0 0H100V50H100"/>' in text


def test_a_history_of_git_names_the_commit_of_a_loss() -> None:
    """It is more exact than two reports; the forge of the run leads to it."""
    lost = {"kind": "lost", "day": "2026-11-17", "commit": "0123456789abcdef"}
    past = {"points": [], "incidents": [{"id": "PM-1", "events": [lost]}]}
    run = {"commits_url": "https://git.example/a/b/commit/", "files_url": "javascript:x"}

    text = html.render_html_report(document([incident("PM-1", "unguarded")], run=run), past=past)

    assert "guard lost: no test since 17 Nov, 0123456789 no grace" in Page(text).text()
    assert '"https://git.example/a/b/commit/0123456789abcdef"' in text


def test_classes_lead_to_their_incidents() -> None:
    """Those with the most recurrences come first, under one name."""
    read = page(
        document(
            [
                incident("PM-1", **{"class": "Clock & skew"}, date="2025-01-01"),
                incident("PM-2", "unguarded", **{"class": "cache"}, date="2026-01-01"),
                incident("PM-3", **{"class": "Cache"}, date="2026-02-01", recurs="PM-2"),
                incident("PM-4", date="2026-03-01"),
            ]
        )
    )

    assert read.part("Class In all", "No chart").strip() == (
        "Class In all 12 months Recurred Could return"
        " cache 2 2 1 1 Clock & skew 1 0 0 0 no class 1 1 0 0"
    )
    assert [link["href"] for link in read.all("a") if "class" in str(link["href"])] == [
        "#class=cache",
        "#class=Clock+%26+skew",
        "#class=%28none%29",
    ]


@pytest.mark.parametrize(
    ("recurrences", "said"),
    [
        ({"cache": 2, "clock": 1}, "Keep returning: cache (2 of 3 recurred)"),
        (
            {"cache": 1, "clock": 1},
            "No class has returned more than once;"
            " most incidents: clock (1 of 4 recurred), cache (1 of 3 recurred)",
        ),
        (
            {},
            "No class has returned;"
            " most incidents: clock (0 of 4 recurred), cache (0 of 3 recurred)",
        ),
    ],
)
def test_which_class_keeps_returning_is_said_in_words(
    recurrences: Mapping[str, int], said: str
) -> None:
    """That none does as well, with the classes of the most incidents."""
    report = document(
        [
            incident(
                f"{name}-{n}",
                recurs="PM-0" if n < recurrences.get(name, 0) else None,
                **{"class": name},
            )
            for name, count in (("cache", 3), ("clock", 4), ("", 5))
            for n in range(count)
        ]
    )

    assert f"Classes most recurrences first {said} Class In all" in page(report).text()


def test_incidents_without_a_class_leave_nothing_to_say() -> None:
    """No class, no sentence on the classes."""
    read = page(document([incident("PM-1")]))

    assert "Classes most recurrences first Class In all" in read.text()


def test_the_list_has_the_days_past_grace() -> None:
    """Of each incident that is open, or how many of its grace are left."""
    report = document(
        [
            incident("PM-1", "unguarded", date="2026-03-02"),
            incident("PM-2", "unguarded", date="2026-11-19"),
            incident("PM-3", "unguarded"),
            incident("PM-4", date="2026-03-02"),
        ]
    )
    report["policy"]["grace"] = 14

    read = page(report)

    assert [str(row.get("data-late")) for row in read.all("li") if "data-state" in row] == [
        "-13",
        "249",
        "0",
        "None",
    ]
    assert "2026-03-02 249 days past grace no class" in read.text()
    assert "2026-11-19 13 days left of grace no class" in read.text()
    assert "no date no grace no class" in read.text()
    assert "PM-4 PM-4 2026-03-02 no class" in read.text()


@pytest.mark.parametrize(("recurring", "shown"), [(0, 6), (8, 8), (12, 10)])
def test_no_class_that_recurred_is_folded_away_unsaid(recurring: int, shown: int) -> None:
    """All classes are rows of one table, the last ones folded."""
    report = document(
        [
            incident(f"PM-{n}", recurs="PM-0" if n < recurring else None, **{"class": f"class {n}"})
            for n in range(14)
        ]
    )

    read = page(report)

    tables = [each for each in read.all("table") if each["class"] == "table classes"]
    assert len(tables) == 1
    more = f"{14 - shown} more" + (", of which 2 recurred" if recurring == 12 else "")
    assert f"{more} No chart" in read.text()


def test_proofs_stand_in_one_strip() -> None:
    """Which are proven, which pass without their fix, which are outdated, and which are missing."""
    proof = {"day": "2026-11-20", "fix": "", "reason": "", "outdated": False}
    test = [linked("t.py::test_it")]
    verdicts = ["proven", "proven-flaky", "not-proven", "inconclusive"]

    read = page(
        document(
            [
                *(
                    incident(verdict, tests=test, proof={**proof, "verdict": verdict})
                    for verdict in verdicts
                ),
                incident("old", tests=test, proof={**proof, "verdict": "proven", "outdated": True}),
                incident("bare", tests=test),
                incident("unlinked", "unguarded"),
            ]
        )
    )

    assert (
        "Proofs of 6 incidents with a test 2 proven 1 passes without its fix 1 outdated 2 no proof"
    ) in read.text()
    assert "not-proven test passes without its fix" in read.part("Do next", "Classes")


FORGE = {"files_url": "https://git.example/a/b/blob/0123abc/"}


@pytest.mark.parametrize(
    ("url", "root", "leads_to"),
    [
        ("docs/PM 1.md#cause", "", "https://git.example/a/b/blob/0123abc/docs/PM%201.md#cause"),
        ("docs/PM%201.md", "", "https://git.example/a/b/blob/0123abc/docs/PM%201.md"),
        ("%2e%2e/x.md", "", None),
        ("../docs/PM-1.md", "pkg", "https://git.example/a/b/blob/0123abc/docs/PM-1.md"),
        ("../../x.md", "pkg", None),
        ("/etc/passwd", "", None),
        ("javascript:alert(1)", "", None),
        ("https://wiki.example.com/1", "", "https://wiki.example.com/1"),
    ],
)
def test_documents_of_the_repository_lead_to_the_forge(
    url: str, root: str, leads_to: str | None
) -> None:
    """Where CI has named it, and the document is in the repository."""
    report = document([incident("PM-1", url=url, path="pm.yml")], run=FORGE)
    report["scope"]["root"] = root

    links = [link["href"] for link in page(report).all("a") if link.get("class") == "read"]

    assert links == ([leads_to] if leads_to else [])


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


def test_a_joined_report_has_the_forge_of_the_job_that_joined_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It says of no run, and shards are joined in CI."""
    monkeypatch.setenv("CI_PROJECT_URL", "https://me:secret@git.example/a/b")
    monkeypatch.setenv("CI_PROJECT_PATH", "a/b")
    monkeypatch.setenv("CI_COMMIT_SHA", "0123abc")

    read = page(document([incident("PM-1", url="docs/PM-1.md")], run=None))

    links = [link["href"] for link in read.all("a") if link.get("class") == "read"]
    assert links == ["https://git.example/a/b/-/blob/0123abc/docs/PM-1.md"]
    assert "secret" not in read.whole


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
    ("url", "leads_there"),
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
def test_only_http_addresses_are_links(url: str, leads_there: bool) -> None:
    """Every other address is text."""
    read = page(document([incident("PM-1", url=url)]))

    links = [link["href"] for link in read.all("a") if not str(link["href"]).startswith("#")]
    assert links == [url, url] * leads_there


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


def test_a_day_on_which_one_test_came_and_another_went_is_no_step() -> None:
    """The chart of a history has a point where the number changed."""
    stories = {
        "PM-1": [("2026-01-01", "linked"), ("2026-02-01", "lost")],
        "PM-2": [("2026-02-01", "linked")],
        "PM-3": [("2026-03-01", "linked")],
    }
    past = {
        "incidents": [
            {"id": id, "events": [{"day": day, "kind": kind} for day, kind in events]}
            for id, events in stories.items()
        ]
    }

    chart = build_history_chart(past, {"incidents": [{"id": id} for id in stories]})

    assert chart is not None
    assert chart.points == (("2026-01-01", 1), ("2026-03-01", 2))
