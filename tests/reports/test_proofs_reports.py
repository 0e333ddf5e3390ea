"""What reports, gates and joined reports say of proofs: figures, hollow tests, and no more."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest

import page_documents
from pytest_postmortem.evaluation.evaluate import evaluate
from pytest_postmortem.evaluation.gates import check_unprovable_incidents, evaluate_gates
from pytest_postmortem.model import (
    PROVEN_VERDICTS,
    VERDICTS,
    Finding,
    Link,
    NodeKey,
    Outcome,
    OutcomeWord,
    Policy,
    Postmortem,
    Proof,
    Registry,
    Scope,
    ShowLevel,
    Strength,
    Verdict,
)
from pytest_postmortem.report_model import GateResult, Report
from pytest_postmortem.reports import html, markdown, terminal
from pytest_postmortem.reports.data.merge import ReportSource, merge_reports
from pytest_postmortem.reports.json_report import build_report_document
from pytest_postmortem.reports.terminal import TerminalDetail
from report_documents import data, incident

DAY = date(2026, 11, 20)

PASSES = "passes without the fix, though it runs its lines"

POSTMORTEMS = (
    Postmortem("PM-1", "Charged twice", severity="sev1", fix=("3f2a91c",), date="2026-01-10"),
    Postmortem("PM-2", "Login loop", severity="SEV-1", patch="x.patch", date="2026-02-10"),
    Postmortem("PM-3", "Lost mails", severity="sev1", date="2026-03-10", path="pm.yml", line=9),
    Postmortem("PM-4", "Old prices", severity="sev2", fix=("77c01d2",)),
)

WHOLE = Scope()

PROOFS = {
    "PM-1": Proof("proven", DAY, "3f2a91c", "fails without the fix: AssertionError"),
    "PM-2": Proof("not-proven", DAY, "x.patch", PASSES),
}


def report(
    proofs: Mapping[str, Proof],
    outcomes: Mapping[str, OutcomeWord] | None = None,
    *,
    policy: Policy = Policy(today=DAY),
    scope: Scope = WHOLE,
    postmortems: Sequence[Postmortem] = POSTMORTEMS,
) -> Report:
    """Return a report on some incidents, each with a test that passes unless it is told."""
    index = {each.id.casefold(): each for each in postmortems}
    words = {f"test_it.py::test_{each.id[3:]}": "passed" for each in postmortems}
    words |= outcomes or {}
    links = [Link(f"PM-{nodeid[17:]}", nodeid, "test_it.py", None) for nodeid in words]
    known = {NodeKey("test_it.py", nodeid): Outcome(word) for nodeid, word in words.items()}  # type: ignore[arg-type]
    found = evaluate(Registry(tuple(postmortems), index), links, known, scope, policy, proofs)
    found = found._replace(findings=check_unprovable_incidents(found))
    return found._replace(gates=evaluate_gates(found))


@pytest.mark.parametrize("outdated", [False, True])
@pytest.mark.parametrize("verdict", VERDICTS)
def test_an_incident_is_proven_in_any_form_that_holds(verdict: Verdict, outdated: bool) -> None:
    """Where its test passes as well; what was found with other tests proves nothing."""
    proofs = {"PM-1": Proof(verdict, outdated=outdated)}

    guarded = report(proofs)
    failing = report(proofs, {"test_it.py::test_1": "failed"})

    assert guarded.totals.proven == (verdict in PROVEN_VERDICTS and not outdated)
    assert failing.totals.proven == 0
    assert guarded.incidents[0].proof == proofs["PM-1"]


def lines(report: Report, detail: TerminalDetail, show: ShowLevel | None = None) -> list[str]:
    """Return what a terminal shows."""
    return [line.text for line in terminal.render_terminal_report(report, show, 100, detail)]


LAST = "4 of 4 incidents guarded (100 %), 1 of them proven, 1 passes without its fix, 4 linked"

HOLLOW = [
    "1 incident could return too: its test passes without the fix:",
    "  PM-2  SEV-1  Login loop    proof of 2026-11-20",
]


def test_the_terminal_names_hollow_tests() -> None:
    """By default and with all of it; ``-q`` keeps the count."""
    found = report(PROOFS)

    assert lines(found, "ten lines") == [*HOLLOW, LAST]
    assert lines(found, "last line") == [LAST]
    assert lines(found, "what fails") == []
    assert lines(found, "everything") == [
        *HOLLOW,
        "3 incidents are guarded:",
        "  PM-1  sev1  Charged twice    1 test, proven",
        "  PM-3  sev1  Lost mails       1 test",
        "  PM-4  sev2  Old prices       1 test",
        LAST,
    ]


def test_the_terminal_names_many_hollow_tests_at_once() -> None:
    """Without a day where none is known; as many as there is room for."""
    postmortems = tuple(Postmortem(f"PM-{n}", f"Title {n}") for n in range(1, 21))
    proofs = {each.id: Proof("not-proven") for each in postmortems}

    assert lines(report(proofs, postmortems=postmortems), "ten lines") == [
        "20 incidents could return too: their tests pass without the fix:",
        *(f"  PM-{n}   Title {n}" for n in range(1, 8)),
        "  and 13 more (-v lists them)",
        "20 of 20 incidents guarded (100 %), 0 of them proven, 20 pass without their fix,"
        " 20 linked",
    ]


@pytest.mark.parametrize(
    ("proof", "remark"),
    [
        (Proof("proven-at-fix", DAY), "1 test, proven at fix"),
        (Proof("proven", DAY, outdated=True), "1 test, proof outdated"),
        (Proof("proven", DAY, strength=Strength(3, 1)), "1 test, proven, strength 3 of 4"),
        (Proof("proven", DAY, strength=Strength(3, 1, True)), "1 test, proven"),
        (Proof("not-proven", DAY, outdated=True), "1 test, proof outdated"),
        (Proof("inconclusive"), "1 test, proof: inconclusive"),
    ],
)
def test_the_terminal_says_what_was_found_of_each_incident(proof: Proof, remark: str) -> None:
    """When everything is asked for; what is outdated makes nothing hollow."""
    found = lines(report({"PM-1": proof}, postmortems=POSTMORTEMS[:1]), "everything")

    assert found[:-1] == ["1 incident is guarded:", f"  PM-1  sev1  Charged twice    {remark}"]


def test_the_terminal_shows_of_a_hollow_test_what_it_may() -> None:
    """Its post-mortem may come from where not everybody reads it."""
    assert lines(report(PROOFS), "ten lines", "id")[1] == "  PM-2    proof of 2026-11-20"


def test_a_hollow_test_that_fails_is_named_with_what_fails() -> None:
    """And not twice; one that is gone is not named."""
    failing = report(PROOFS, {"test_it.py::test_2": "failed"})
    assert lines(failing, "ten lines") == [
        "A test of 1 incident fails; the problem may be back:",
        "  PM-2  SEV-1  Login loop",
        "        test_it.py::test_2",
        "3 of 4 incidents guarded (75 %), 1 of them proven, 4 linked",
    ]

    untested = evaluate(Registry(POSTMORTEMS), [], {}, Scope(), Policy(), PROOFS)
    assert not [line for line in lines(untested, "ten lines") if "without" in line]


def test_the_count_stands_in_every_form_of_the_last_line() -> None:
    """Where anything is known of proofs."""
    partial = report(PROOFS, scope=Scope("partial", ("-k given",)))
    waiting = report(PROOFS, {"test_it.py::test_4": "not-run"})

    assert lines(report({}), "last line") == ["4 of 4 incidents guarded (100 %), 4 linked"]
    assert lines(partial, "last line") == [
        "4 of 4 incidents seen here guarded, 1 of them proven, 1 passes without its fix;"
        " a part of the suite: -k given"
    ]
    assert lines(waiting, "last line") == [
        "3 of 4 incidents guarded, 1 of them proven, 1 passes without its fix, 4 linked; 1 not run"
    ]


@pytest.mark.parametrize(
    ("show", "fix"), [("all", "3f2a91c"), ("title", ""), ("link", ""), ("id", "")]
)
def test_a_report_tells_of_a_proof_what_it_may(show: ShowLevel, fix: str) -> None:
    """The fix is a field of the post-mortem; the rest comes from the tests."""
    (incident,) = build_report_document(report(PROOFS, postmortems=POSTMORTEMS[:1]), show)[
        "incidents"
    ]

    assert incident["proof"] == {
        "verdict": "proven",
        "day": "2026-11-20",
        "fix": fix,
        "reason": "fails without the fix: AssertionError",
        "outdated": False,
        "strength": None,
    }
    assert incident["fix"] == ([fix] if fix else [])
    assert incident["provable"] is True


def test_a_report_says_whether_an_incident_can_be_proven() -> None:
    """By a commit, or a patch; a day that is not known is absent."""
    told = build_report_document(report({"PM-1": Proof("weak")}), None)["incidents"]

    assert [each["provable"] for each in told] == [True, True, False, True]
    assert told[0]["proof"]["day"] is None
    assert told[1]["proof"] is None


def test_markdown_says_what_was_found() -> None:
    """In words, beside the tests; text of any origin is but text."""
    proofs = {
        **PROOFS,
        "PM-3": Proof("proven-at-fix"),
        "PM-4": Proof("proven", DAY, outdated=True),
    }
    bad = {"PM-2": PROOFS["PM-2"]._replace(reason="<b> | @team")}

    told = markdown.render_markdown_report(build_report_document(report({**proofs, **bad}), None))

    remarks = dict(re.findall(r"^\| (PM-\d).*<br>(.*) \|$", told, re.MULTILINE))
    assert remarks == {
        "PM-1": "proven on 2026-11-20",
        "PM-2": "**passes without its fix**: &lt;b&gt; \\| @\u200bteam",
        "PM-3": "proven at fix",
        "PM-4": "its proof is outdated",
    }
    assert "guarded (100 %), 2 of them proven, 1 passes without its fix, 4 linked" in told


@pytest.mark.parametrize(
    ("state", "verdict", "remarks"),
    [
        ("skipped", "skipped", "`t.py::t`"),
        ("guarded", "skipped", "`t.py::t`<br>proof: skipped on 2026-11-20"),
        ("failing", "fails-with-fix", "`t.py::t`"),
        ("guarded", "weak", "`t.py::t`<br>proof: weak on 2026-11-20"),
        ("skipped", "proven", "`t.py::t`<br>proven on 2026-11-20"),
    ],
)
def test_markdown_tells_a_proof_from_a_state(state: str, verdict: str, remarks: str) -> None:
    """A verdict that says the same as the state is left out, and no other is taken for one."""
    outcome = "failed" if state == "failing" else "passed"
    proof = {"verdict": verdict, "day": "2026-11-20", "reason": "", "fix": "", "outdated": False}
    own = incident("PM-1", ("t.py::t", outcome), state=state, proof=proof)

    (row,) = re.findall(
        r"^\| PM-1 .*$", markdown.render_markdown_report(data(incidents=[own])), re.MULTILINE
    )

    assert row == f"| PM-1 |  |  | {remarks} |"


def page(proofs: Mapping[str, Proof]) -> str:
    """Return the page of a report."""
    return html.render_html_report(build_report_document(report(proofs), None), [])


def test_the_page_filters_by_proof_and_shows_what_is_hollow() -> None:
    """With a strip at the top, and all that was found with the incident."""
    shown = page(PROOFS)

    assert re.findall(r'name="proof" value="(\w+)"', shown) == ["proven", "hollow", "none"]
    assert sorted(re.findall(r'data-proof="(\w+)"', shown)) == ["hollow", "none", "none", "proven"]
    assert "<td>test passes without its fix</td>" in shown
    assert f"<dt>Proof</dt><dd>not proven on 2026-11-20<br>{PASSES}<br>fix x.patch</dd>" in shown


def test_the_page_says_nothing_of_proofs_where_there_are_none() -> None:
    """One that is outdated is named so."""
    shown = page({})
    outdated = page({"PM-1": PROOFS["PM-1"]._replace(outdated=True, reason="", fix="")})

    assert 'name="proof"' not in shown
    assert "data-proof=" not in shown
    assert "passes without its fix" not in shown
    assert "<em>proof outdated</em>" in outdated
    assert (
        "<dt>Proof</dt><dd>proven on 2026-11-20,"
        " outdated: its tests or its fix have changed since</dd>" in outdated
    )


SEV1 = Policy(require_proof=("sev1",), today=DAY)


@pytest.mark.parametrize(
    ("proofs", "policy", "passed", "message"),
    [
        (PROOFS, SEV1, False, "1 incident of sev1 not proven: PM-2"),
        ({}, SEV1, False, "2 incidents of sev1 not proven: PM-1, PM-2"),
        (
            {**PROOFS, "PM-2": Proof("proven-flaky")},
            SEV1,
            True,
            "2 of 2 incidents of sev1 proven or in grace",
        ),
        (
            {**PROOFS, "PM-2": Proof("proven", outdated=True)},
            SEV1,
            False,
            "1 incident of sev1 not proven: PM-2",
        ),
        (
            {**PROOFS, "PM-2": Proof("proven"), "PM-3": Proof("weak")},
            SEV1,
            False,
            "1 incident of sev1 not proven: PM-3",
        ),
        ({}, SEV1._replace(require_proof=("sev3",)), True, "no incident of sev3 names a fix"),
        (
            {},
            SEV1._replace(require_proof=("Sev-1", "SEV2")),
            False,
            "3 incidents of Sev-1, SEV2 not proven: PM-1, PM-2, PM-4",
        ),
        ({}, SEV1._replace(grace=400), True, "2 of 2 incidents of sev1 proven or in grace"),
        ({}, SEV1._replace(grace=300), False, "1 incident of sev1 not proven: PM-1"),
        (
            {},
            SEV1._replace(require_proof=("sev2",), grace=9999),
            False,
            "1 incident of sev2 not proven: PM-4",
        ),
    ],
)
def test_a_gate_asks_for_proof_of_grave_incidents(
    proofs: Mapping[str, Proof], policy: Policy, passed: bool, message: str
) -> None:
    """Of those whose fix is named, or was found; an undated one has no grace."""
    (gate,) = report(proofs, policy=policy).gates

    named = () if passed else tuple(message.rpartition(": ")[2].split(", "))
    assert gate == GateResult("require-proof", True, passed, message, named)


def test_the_gate_asks_nothing_of_what_is_not_required() -> None:
    """An exempt incident needs no test, and no proof."""
    exempt = tuple(each._replace(exempt=True, reason="gone") for each in POSTMORTEMS)

    found = evaluate(Registry(exempt), [], {}, Scope(), SEV1)

    assert evaluate_gates(found) == (
        GateResult("require-proof", True, True, "no incident of sev1 names a fix"),
    )
    assert check_unprovable_incidents(found) == ()


def test_the_gate_is_not_judged_in_a_part_of_the_suite() -> None:
    """As every other."""
    (gate,) = report(PROOFS, policy=SEV1, scope=Scope("partial", ("-k given",))).gates

    assert gate == GateResult(
        "require-proof", False, False, "not judged: -k given; run the whole suite to judge it"
    )


def test_an_incident_that_names_no_fix_is_told() -> None:
    """Where it has a test, and proof is asked of its severity; a proof that was found will do."""
    message = (
        "PM-3 names no fix, so that its test can't be proven; name the commit as 'fix: …'"
        " (`pytest-postmortem prove PM-3` looks for it)"
    )
    finding = Finding("fix-missing", "warning", message, "pm.yml", 9)

    assert report({}, policy=SEV1).findings == (finding,)
    assert report({}).findings == ()
    assert report({"PM-3": Proof("weak")}, policy=SEV1).findings == ()
    untested = evaluate(Registry(POSTMORTEMS), [], {}, Scope(), SEV1)
    assert check_unprovable_incidents(untested) == ()


def source(found: Report, name: str, show: ShowLevel | None = None, **scope: Any) -> ReportSource:
    """Return a report as another run wrote it."""
    told = dict(build_report_document(found, show))
    return ReportSource({**told, "scope": {**told["scope"], **scope}}, name)


def test_joined_reports_keep_proofs() -> None:
    """That of the last report which has one counts, and the gate is judged anew."""
    one = source(report(PROOFS, policy=SEV1), "one.json")
    two = source(report({"PM-2": Proof("proven", DAY)}, policy=SEV1), "two.json")

    alone, both, backwards = (
        merge_reports([one]),
        merge_reports([one, two]),
        merge_reports([two, one]),
    )

    assert {each.postmortem.id: each.proof for each in alone.incidents if each.proof} == PROOFS
    assert alone.totals.proven == 1
    assert [gate.message for gate in alone.gates] == ["1 incident of sev1 not proven: PM-2"]
    assert both.totals.proven == 2
    assert [gate.passed for gate in both.gates] == [True]
    assert backwards.totals.proven == 1


@pytest.mark.parametrize("show", [None, "title", "link", "id"])
def test_a_report_alone_is_what_it_was(show: ShowLevel | None) -> None:
    """With its proofs, the fixes that it may tell, and whether there are any."""
    policy = Policy(require_proof=("sev1",), today=DAY) if show in (None, "title") else Policy()
    proofs = {**PROOFS, "PM-3": Proof("weak", outdated=True)}
    told = build_report_document(report(proofs, policy=policy), show)

    assert build_report_document(merge_reports([ReportSource(told, "one.json")]), None) == told


def test_joined_reports_know_what_can_be_proven_though_they_may_not_tell_it() -> None:
    """A fix that is hidden is named all the same; a severity that is hidden can't be judged."""
    titles = merge_reports([source(report({}, policy=SEV1), "one.json", "title")])
    links = merge_reports([source(report({}, policy=SEV1), "one.json", "link")])

    assert [gate.message for gate in titles.gates] == ["2 incidents of sev1 not proven: PM-1, PM-2"]
    assert [gate.message for gate in links.gates] == [
        "not judged: the reports hide the severity of 4 incidents (postmortem_show);"
        " run the whole suite to judge it"
    ]


def test_a_report_of_a_newer_version_may_know_another_verdict() -> None:
    """It tells nothing here."""
    told = source(report(PROOFS), "one.json")
    told.document["incidents"][0]["proof"]["verdict"] = "proven-twice"

    found = merge_reports([told])

    assert found.incidents[0].proof == PROOFS["PM-1"]._replace(verdict="inconclusive")
    assert found.totals.proven == 0


def test_a_report_of_an_older_version_asks_for_no_proof() -> None:
    """It knows of none."""
    found = merge_reports([ReportSource(page_documents.small(), "old.json")])

    assert found.totals.proven == 0
    assert found.policy.require_proof == ()
