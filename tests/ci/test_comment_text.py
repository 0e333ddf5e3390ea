"""The text of the comment: what a reviewer sees of a change, in Markdown, and nothing active."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from markdown_it import MarkdownIt

from pytest_postmortem.ci.comment_text import ChangeResults, is_worth_a_comment, render_comment
from pytest_postmortem.reports.data.compare import Comparison, IncidentChange

LOST = IncidentChange("lost", "PM-1", "Charged twice", "https://w.example/1", "test_a is deleted")
GAINED = IncidentChange("gained", "PM-4", "Login loop")
NEW = IncidentChange("new", "PM-5", "Gone mail")


def incident(id: str, state: str, **fields: Any) -> dict[str, Any]:
    """Return an incident of a report."""
    return {
        "id": id,
        "title": f"Title of {id}",
        "url": None,
        "severity": "sev1",
        "date": "2026-03-02",
        "state": state,
        "reason": None,
        "tests": [],
        "action_items": [],
        **fields,
    }


def report(*incidents: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """Return the parts of a report that the comment shows."""
    guarded = sum(each["state"] == "guarded" for each in incidents)
    totals = {"required": len(incidents), "guarded": guarded, "linked": guarded, "proven": 0}
    percent = 100 * guarded / len(incidents) if incidents else None
    return {
        "totals": {**totals, "percent": percent},
        "policy": {"today": "2026-11-20"},
        "incidents": list(incidents),
        "findings": [],
        "gates": [],
        **fields,
    }


def proof(id: str, verdict: str, message: str = "passes") -> dict[str, Any]:
    """Return a proof, as the JSON of `prove` has it."""
    test = {"nodeid": "tests/test_a.py::test_a", "verdict": verdict, "message": message}
    return {"id": id, "title": id, "verdict": verdict, "message": message, "tests": [test]}


def code_comparison(*changes: IncidentChange, **fields: Any) -> Comparison:
    """Return a comparison of two states of the code."""
    return Comparison(changes, by_code=True, **fields)


def test_all_is_well_in_one_line() -> None:
    """Figures, what was gained, and the proofs of it."""
    results = ChangeResults(
        report(incident("PM-1", "guarded"), incident("PM-2", "unguarded")),
        code_comparison(GAINED),
        [proof("PM-4", "proven")],
    )

    assert render_comment(results, 65_000) == (
        "✅ 1 of 2 incidents guarded (50 %), 1 linked. No lesson lost."
        " Newly linked to an active test: PM-4. 1 of 1 proven.\n"
    )
    assert is_worth_a_comment(results)


def test_a_change_that_concerns_no_incident_is_not_worth_a_comment() -> None:
    """A comment on every change would soon be read by no one."""
    results = ChangeResults(report(incident("PM-1", "guarded")), code_comparison(), [])

    assert not is_worth_a_comment(results)
    assert render_comment(results, 65_000) == (
        "✅ 1 of 1 incident guarded (100 %), 1 linked. No lesson lost.\n"
    )


def test_all_that_is_wrong_is_named_most_severe_first() -> None:
    """Loss, proofs and gate in the heading; then each with its reason."""
    gate = {"name": "fail-under", "judged": True, "passed": False, "message": "50 % of 80 %"}
    results = ChangeResults(
        report(incident("PM-2", "failing"), incident("PM-4", "guarded"), gates=[gate]),
        code_comparison(LOST, NEW, GAINED, notes=("1 incident can't be compared",)),
        [proof("PM-4", "proven", "fails"), proof("PM-6", "not-proven")],
        test_status=1,
    )

    text = render_comment(results, 65_000)

    assert text == (
        "### ❌ 1 lesson lost; 1 incident may be back; 1 regression test passes without its fix;"
        " gate fail-under failed\n"
        "\n"
        "1 new incident without a test.\n"
        "\n"
        "1 of 2 incidents guarded (50 %), 1 linked.\n"
        "\n"
        "- gate fail-under **failed**: 50 % of 80 %\n"
        "- 1 incident can't be compared\n"
        "\n"
        "#### ❌ No longer guarded: 1 incident\n"
        "\n"
        "Put the test back, move its mark to another test, or retire the lesson: `test: exempt`"
        " with a reason (see `pytest-postmortem explain retire-a-lesson`).\n"
        "\n"
        "- [PM-1](https://w.example/1) Charged twice – test\\_a is deleted\n"
        "\n"
        "#### ❌ Proofs: 1 of 2 proven, 1 passes without its fix\n"
        "\n"
        "| incident | verdict | |\n"
        "|---|---|---|\n"
        "| PM-6 | passes without its fix | test\\_a: passes |\n"
        "| PM-4 | proven | test\\_a: fails |\n"
        "\n"
        "#### New without a test: 1 incident\n"
        "\n"
        "- PM-5 Gone mail\n"
        "\n"
        "#### Newly linked to an active test: 1 incident\n"
        "\n"
        "- PM-4 Login loop\n"
        "\n"
        "#### ❌ The problem may be back: 1 incident\n"
        "\n"
        "| incident | severity | date | |\n"
        "|---|---|---|---|\n"
        "| PM-2 Title of PM-2 | sev1 | 2026-03-02 |  |\n"
        "\n"
        "<details><summary>✅ Guarded: 1 incident</summary>\n"
        "\n"
        "| incident | severity | date | |\n"
        "|---|---|---|---|\n"
        "| PM-4 Title of PM-4 | sev1 | 2026-03-02 |  |\n"
        "\n"
        "</details>\n"
    )


def test_a_part_of_the_suite_is_never_well() -> None:
    """It says which part it was, and its figures are not those of the suite."""
    results = ChangeResults(
        report(incident("PM-1", "guarded"), unjudged=["1 of 3 files given"]),
        code_comparison(GAINED),
    )

    text = render_comment(results, 65_000)

    assert text.startswith(
        "### ⚠️ not everything could be judged\n\nOf what could be judged: 1 of 1"
    )
    assert "\n- not judged as a whole: 1 of 3 files given\n" in text
    assert "✅ 1" not in text


def test_a_post_mortem_is_linked_and_a_possible_return_has_owner_and_cause() -> None:
    """At the forge that the report names; a proof of this job that failed is in its row."""
    back = incident("PM-2", "failing", path="pm.yml", line=4, owner="ann", root_cause="no lock")
    hollow = incident("PM-3", "guarded", url="docs/PM%203.md", path="docs/PM 3.md")
    results = ChangeResults(
        report(
            back,
            hollow,
            run={"files_url": "https://forge.example/shop/blob/abc/"},
            scope={"root": "packages/api"},
        ),
        code_comparison(IncidentChange("gained", "PM-3", "Gone", "docs/PM%203.md")),
        [proof("PM-3", "not-proven")],
    )

    text = render_comment(results, 65_000)

    files = "https://forge.example/shop/blob/abc/packages/api/"
    assert f"[PM-2]({files}pm.yml#L4) Title of PM-2 | sev1 | ann | 2026-03-02 |" in text
    assert "root cause: no lock |" in text
    assert f"\n- [PM-3]({files}docs/PM%203.md) Gone\n" in text
    assert f"| [PM-3]({files}docs/PM%203.md) | passes without its fix |" in text
    assert "**its regression test passes without its fix** |" in text


def test_a_retired_lesson_is_shown_to_reviewers_with_severity_and_reason() -> None:
    """Whether it may be retired is for them to say."""
    retired = IncidentChange("retired", "PM-1", "Down", None, "the service is gone", "sev1")

    text = render_comment(ChangeResults(comparison=code_comparison(retired)), 65_000)

    assert text == (
        "### ⚠️ 1 lesson retired on purpose (sev1)\n\n"
        "#### Retired on purpose: 1 incident\n\n"
        "- PM-1 Down (sev1) – the service is gone\n"
    )


@pytest.mark.parametrize(
    ("results", "heading"),
    [
        (ChangeResults(comparison=code_comparison(NEW)), "1 new incident without a test"),
        (ChangeResults(proofs=[proof("PM-4", "inconclusive")]), "1 incident not proven"),
        (ChangeResults(comparison=Comparison(judged=False)), "not everything could be judged"),
        (ChangeResults(problems=("ratchet: no base",)), "not everything could be judged"),
    ],
)
def test_what_is_only_to_be_noticed_is_no_failure(results: ChangeResults, heading: str) -> None:
    """And it is not all well either."""
    assert render_comment(results, 65_000).startswith(f"### ⚠️ {heading}\n")
    assert is_worth_a_comment(results)


UNJUDGED = {"name": "require", "judged": False, "passed": False, "message": "1 node id given"}


@pytest.mark.parametrize(
    ("results", "heading"),
    [
        (ChangeResults(report(), test_status=2), "the tests ended with exit status 2"),
        (ChangeResults(report(gates=[UNJUDGED])), "not everything could be judged"),
    ],
)
def test_what_concerns_no_incident_is_said_in_a_comment_that_is_there(
    results: ChangeResults, heading: str
) -> None:
    """And is no reason to write one."""
    assert render_comment(results, 65_000).startswith(f"### ⚠️ {heading}\n")
    assert not is_worth_a_comment(results)


HOSTILE = (
    "@everyone <img src=x onerror=alert(1)> [a](javascript:alert(1)) ![](https://t.example/p)"
    " `x` | #1 www.evil.example\n/close\n::error::x <!-- pytest-postmortem -->"
)


def test_the_text_of_an_incident_is_inert() -> None:
    """No mention, no HTML, no picture, no link, no command of a forge, no second marker."""
    lost = IncidentChange("lost", HOSTILE, HOSTILE, "javascript:alert(1)", HOSTILE)
    results = ChangeResults(
        report(incident(HOSTILE, "failing", title=HOSTILE, reason=HOSTILE, url="javascript:x")),
        code_comparison(lost, notes=(HOSTILE,)),
        [{**proof(HOSTILE, "not-proven", HOSTILE), "title": HOSTILE}],
        (HOSTILE,),
    )

    text = render_comment(results, 65_000)
    html = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text)

    assert "<img" not in html
    assert "<a " not in html
    assert "<!--" not in html
    assert "@everyone" not in text
    assert not any(line.startswith(("/", "::")) for line in text.splitlines())


def test_the_one_line_of_a_hostile_incident_is_one_line() -> None:
    """It can't add a second one."""
    gained = IncidentChange("gained", HOSTILE, HOSTILE)

    text = render_comment(ChangeResults(comparison=code_comparison(gained)), 65_000)

    assert text.count("\n") == 1
    assert "@everyone" not in text


def test_a_comment_is_never_longer_than_the_forge_takes() -> None:
    """Sections that do not fit are named, after those that are more severe."""
    long = "x<&" * 200
    incidents = [incident(f"PM-{n}", "failing", title=long, reason=long) for n in range(90)]
    others = [incident(f"PM-1{n}", "unguarded", title=long) for n in range(90)]
    lost = [IncidentChange("lost", f"PM-{n}", long, None, long) for n in range(40)]
    results = ChangeResults(report(*incidents, *others), code_comparison(*lost))

    text = render_comment(results, 65_000)

    assert len(text) <= 65_000
    assert "No longer guarded: 40 incidents" in text
    assert text.endswith(
        "2 more sections left out, since this would be too long: The problem may be back: 90"
        " incidents, all sev1; Could return unnoticed: 90 incidents, all sev1.\n"
    )


def test_long_problems_are_cut_too() -> None:
    """Whatever a step says."""
    results = ChangeResults(report(), Comparison(notes=("n" * 900,) * 30), [], ("&" * 900,) * 30)

    text = render_comment(results, 9000)

    assert len(text) <= 9000
    assert "The rest is left out, since this would be too long." in text
