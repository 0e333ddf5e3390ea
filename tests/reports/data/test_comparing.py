"""Two reports → what was gained and lost; and how it reads, whatever somebody has written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from pytest_postmortem.reports.data.compare import (
    Comparison,
    IncidentChange,
    compare_reports,
    render_comparison_markdown,
    render_comparison_text,
    sort_changes,
)
from pytest_postmortem.reports.markdown import (
    escape_markdown,
    format_markdown_code,
    format_markdown_link,
)

LOST = "no longer guarded"
UNLINKED = "no longer linked to a test"
REMOVED = "no longer in the registry"
GAINED = "newly guarded"
NEW = "new without a test"
FAILING = "now failing"
RETIRED = "retired on purpose"
OPEN = "can't be compared"


def incident(id: str, state: str, reason: str | None = None, **more: Any) -> dict[str, Any]:
    """Return an incident of a report; it has a test unless its state says that there is none."""
    none = state in ("unguarded", "not-judged", "declared", "exempt")
    tests = [] if none else [{"nodeid": f"t/test_a.py::test_{id}", "path": "t/test_a.py"}]
    own = {"id": id, "title": f"About {id}", "url": None, "state": state, "reason": reason}
    return {**own, "tests": tests, **more}


def run_of(
    *incidents: Mapping[str, Any],
    files: Sequence[str] = ("t/test_a.py",),
    reasons: Sequence[str] = (),
    partial: Sequence[str] = (),
    missing: str | None = None,
) -> dict[str, Any]:
    """Return a report as plain data."""
    scope = {"files": files, "reasons": reasons}
    registry = {"partial": partial, "unreachable": []}
    document = {"format": 1, "scope": scope, "registry": registry, "incidents": incidents}
    return {**document, "missing": missing}


def verdict(comparison: Comparison) -> tuple[str | None, str | None]:
    """Return what a comparison says of its one incident, and why."""
    if comparison.notes:
        assert comparison.changes == ()
        return OPEN, None
    if not comparison.changes:
        return None, None
    (change,) = comparison.changes
    heading = render_comparison_text(comparison).splitlines()[0]
    return heading.rstrip(":").lower(), change.reason


def test_a_change_has_the_severity_and_the_owner() -> None:
    """Whoever reads of a loss sees how bad it is, and whose it is."""
    owned = {"severity": "sev1", "owner": "payments"}

    found = compare_reports(
        run_of(incident("A", "guarded", **owned)), run_of(incident("A", "unguarded", **owned))
    )

    assert [(change.severity, change.owner) for change in found.changes] == [("sev1", "payments")]


GONE = "t/test_a.py::test_A is deleted or has lost its marker"


@pytest.mark.parametrize(
    ("before", "after", "said", "reason"),
    [
        ("guarded", "guarded", None, None),
        ("guarded", "unguarded", LOST, GONE),
        ("guarded", "skipped", LOST, "now skipped"),
        ("guarded", "known-broken", LOST, "now known-broken"),
        ("failing", "skipped", LOST, "now skipped"),
        ("failing", "unguarded", LOST, GONE),
        ("skipped", "unguarded", UNLINKED, GONE),
        ("known-broken", "unguarded", UNLINKED, GONE),
        ("not-run", "unguarded", LOST, GONE),
        ("errored", "unguarded", LOST, GONE),
        ("declared", "unguarded", LOST, "the registry names no other guard any more"),
        ("exempt", "unguarded", NEW, "no longer exempt"),
        ("guarded", "failing", FAILING, None),
        ("unguarded", "failing", FAILING, None),
        ("failing", "failing", None, None),
        ("guarded", "exempt", RETIRED, "now exempt"),
        ("skipped", "declared", RETIRED, "now declared"),
        ("unguarded", "exempt", RETIRED, "now exempt"),
        ("declared", "exempt", None, None),
        ("unguarded", "guarded", GAINED, None),
        ("skipped", "guarded", GAINED, None),
        ("exempt", "guarded", GAINED, None),
        ("failing", "guarded", GAINED, "it failed before"),
        ("unguarded", "skipped", None, None),
        ("skipped", "known-broken", None, None),
        ("unguarded", "unguarded", None, None),
        ("guarded", "not-run", OPEN, None),
        ("guarded", "not-judged", OPEN, None),
        ("guarded", "errored", OPEN, None),
        ("not-judged", "guarded", OPEN, None),
        ("not-judged", "unguarded", OPEN, None),
        ("not-run", "skipped", OPEN, None),
        ("not-judged", "not-judged", OPEN, None),
        (None, "guarded", GAINED, None),
        (None, "unguarded", NEW, None),
        (None, "skipped", NEW, "now skipped"),
        (None, "failing", FAILING, None),
        (None, "exempt", None, None),
        (None, "declared", None, None),
        (None, "not-judged", OPEN, None),
        ("guarded", None, LOST, "its post-mortem is gone from the registry"),
        ("exempt", None, LOST, "its post-mortem is gone from the registry"),
        ("unguarded", None, REMOVED, "its post-mortem is gone from the registry"),
        ("skipped", None, REMOVED, "its post-mortem is gone from the registry"),
    ],
)
def test_what_a_change_did_to_an_incident(
    before: str | None, after: str | None, said: str | None, reason: str | None
) -> None:
    """Only what was guarded and is not is lost; what one run can't tell is not compared."""
    runs = [run_of(*([incident("A", state)] if state else [])) for state in (before, after)]

    comparison = compare_reports(*runs)

    assert verdict(comparison) == (said, reason)
    assert comparison.lost == (said in (LOST, UNLINKED, REMOVED))
    assert comparison.judged == (said != OPEN)


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (incident("A", "skipped", "skipped: no key"), "now skipped: no key"),
        (incident("A", "known-broken", "xfailed: later"), "now xfailed: later"),
        (
            incident("A", "known-broken", "passes now, remove the xfail"),
            "now known-broken: passes now, remove the xfail",
        ),
    ],
)
def test_a_muted_test_says_why(after: Mapping[str, Any], reason: str) -> None:
    """In the words of its mark."""
    comparison = compare_reports(run_of(incident("A", "guarded")), run_of(after))

    assert verdict(comparison) == (LOST, reason)


def test_a_deleted_file_is_told_from_a_lost_marker() -> None:
    """As far as a report can tell, and with no more than three tests named."""
    tests = [{"nodeid": f"t/test_a.py::test_{n}", "path": "t/test_a.py"} for n in range(5)]
    before = run_of(incident("A", "guarded", tests=tests))

    comparison = compare_reports(before, run_of(incident("A", "unguarded"), files=[]))

    gone = "; ".join(f"t/test_a.py::test_{n} is deleted with its file" for n in range(3))
    assert verdict(comparison) == (LOST, f"{gone} and 2 more")


@pytest.mark.parametrize(
    ("base", "head", "said"),
    [
        (incident("A", "guarded"), incident("B", "guarded", aliases=["a"]), None),
        (incident("A", "guarded", aliases=["X"]), incident("x", "guarded"), None),
        (incident("A", "guarded"), incident("a", "unguarded"), LOST),
    ],
)
def test_an_id_that_lives_on_as_an_alias_is_not_lost(
    base: Mapping[str, Any], head: Mapping[str, Any], said: str | None
) -> None:
    """An entry may be renamed, and ids are compared without case."""
    assert verdict(compare_reports(run_of(base), run_of(head)))[0] == said


def test_an_entry_that_a_partial_registry_lacks_is_not_lost() -> None:
    """A status page forgets what is old."""
    head = run_of(partial=["it lists its newest alone"])

    comparison = compare_reports(run_of(incident("A", "guarded")), head)

    assert comparison.notes == ("1 incident can't be compared: A (it lists its newest alone)",)


@pytest.mark.parametrize(("reasons", "said"), [([], (LOST, GONE)), (["-x"], (OPEN, None))])
def test_without_a_registry_a_link_that_is_gone_takes_its_incident_along(
    reasons: Sequence[str], said: tuple[str, str | None]
) -> None:
    """Where the whole suite was seen, it is lost like any other."""
    head = run_of(reasons=reasons, missing="no registry")

    assert verdict(compare_reports(run_of(incident("A", "guarded")), head)) == said


def test_an_incident_that_needs_no_test_is_no_gap() -> None:
    """Old ones may join the registry without a test."""
    assert (
        compare_reports(run_of(), run_of(incident("A", "unguarded", required=False))).changes == ()
    )


def test_partial_reports_say_what_they_leave_open() -> None:
    """In one line, beside what can be compared."""
    reasons = ["1 node id given"]
    base = run_of(*(incident(id, "guarded") for id in "ABCDE"))
    head = run_of(
        incident("A", "skipped"), *(incident(id, "not-judged") for id in "BCDE"), reasons=reasons
    )

    comparison = compare_reports(base, head)

    assert render_comparison_text(comparison) == (
        "No longer guarded:\n  A  About A\n     now skipped\n"
        "4 incidents can't be compared: B, C, D and 1 more (1 node id given)\n"
        "1 no longer guarded\n"
    )
    assert comparison.judged


def test_reports_without_common_ground_judge_nothing() -> None:
    """Nothing lost would be a lie; with no incident at all it is the truth."""
    nothing = compare_reports(run_of(incident("A", "not-judged")), run_of(incident("A", "guarded")))
    empty = compare_reports(run_of(), run_of())

    assert render_comparison_text(nothing).splitlines()[-1] == "Nothing could be compared"
    assert (empty.judged, render_comparison_text(empty)) == (
        True,
        "Nothing was gained, nothing lost\n",
    )


@pytest.mark.parametrize("waived", ["exempt", "declared"])
def test_what_needs_no_test_is_no_common_ground(waived: str) -> None:
    """It is not compared, so it makes no judgement of what can't be."""
    base = run_of(incident("A", "guarded"), incident("B", waived))
    head = run_of(incident("A", "not-judged"), incident("B", waived))

    comparison = compare_reports(base, head)

    assert not comparison.judged
    assert render_comparison_text(comparison).splitlines()[-1] == "Nothing could be compared"


def test_nothing_is_lost_only_among_what_could_be_compared() -> None:
    """Of the others nobody knows."""
    base = run_of(*(incident(id, "guarded") for id in "AB"))
    head = run_of(incident("A", "guarded"), incident("B", "not-judged"))

    assert render_comparison_text(compare_reports(base, head)) == (
        "1 incident can't be compared: B (they did not run in both)\n"
        "Nothing was gained, nothing lost among the 1 that could be compared\n"
    )


def test_an_older_report_is_read_as_well() -> None:
    """Fields that were added later may be missing."""
    document: dict[str, Any] = {"scope": {"files": [], "reasons": []}, "incidents": []}

    assert compare_reports(document, document) == Comparison()


def test_a_long_list_is_cut_in_markdown() -> None:
    """A host refuses a comment of any length."""
    found = Comparison(tuple(IncidentChange("gained", f"PM-{n}") for n in range(53)))

    assert render_comparison_markdown(found).splitlines()[-2:] == ["- PM-49", "- and 3 more"]


HOSTILE = Comparison(
    (
        IncidentChange(
            "lost",
            "PM-1|`x`",
            "<script>alert(1)</script> @admin *b*\n::error::gotcha #12",
            "https://x.example.com/a)(b|<c>?d=`&e=1",
            "##[error] https://evil.example.com [click](javascript:x)",
        ),
        IncidentChange("lost", "::error::x", "\x1b[31mred", "javascript:alert(1)", None),
    ),
    ("1 incident can't be compared: @all",),
)


def test_markdown_shows_any_text_as_text() -> None:
    """Nobody is mentioned, nothing is linked or run but the link of the post-mortem itself."""
    zero = "\u200b"

    assert render_comparison_markdown(HOSTILE) == (
        "### Incident coverage: 2 no longer guarded\n\n**No longer guarded**\n\n"
        "- [PM-1\\|\\`x\\`]"
        "(https://x.example.com/a%29%28b%7C%3Cc%3E?d=%60&amp;e=1)"
        f" &lt;script&gt;alert(1)&lt;/script&gt; @{zero}admin \\*b\\* ::error::gotcha #{zero}12"
        f" – \\##\\[error\\] https://{zero}evil.example.com \\[click\\](javascript:x)\n"
        f"- {zero}::error::x \\[31mred\n\n"
        f"1 incident can't be compared: @{zero}all\n"
    )


def test_a_terminal_shows_any_text_as_text() -> None:
    """One line is one line, and none of them is a command."""
    assert render_comparison_text(HOSTILE).splitlines() == [
        "No longer guarded:",
        "  PM-1|`x`  <script>alert(1)</script> @admin *b* ::error::gotcha #12",
        "            ## [error] https://evil.example.com [click](javascript:x)",
        "            https://x.example.com/a)(b|<c>?d=`&e=1",
        "  : :error::x   [31mred",
        "              javascript:alert(1)",
        "1 incident can't be compared: @all",
        "2 no longer guarded",
    ]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("", ""),
        ("plain words, 3.5 % (so)", "plain words, 3.5 % (so)"),
        ("  a \n\r\n\u2028 b\x00 ", "a b"),
        ("# heading", "\\# heading"),
        ("- item", "\\- item"),
        ("1. item", "1\\. item"),
        ("12) item", "12\\) item"),
        ("/close", "\u200b/close"),
        ("a_b_c ~x~ $y$ \\", "a\\_b\\_c \\~x\\~ \\$y\\$ \\\\"),
        ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
        ("GH-12 a@b.c !3 www.x.y", "GH\u200b-12 a@\u200bb.c !\u200b3 www\u200b.x.y"),
        ("![i](u)", "!\\[i\\](u)"),
    ],
)
def test_escaped_text(given: str, shown: str) -> None:
    """Fit for a paragraph, a list and a table, also at the start of a line."""
    assert escape_markdown(given) == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a.py::test_b[x|y]", "`a.py::test_b[x|y]`"),
        ("a`b", "``a`b``"),
        ("`", "`` ` ``"),
        ("a\nb", "`a b`"),
        ("", "`  `"),
    ],
)
def test_code(given: str, shown: str) -> None:
    """Whatever it holds, it ends where it should."""
    assert format_markdown_code(given) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (None, "PM-1"),
        ("docs/pm.md", "PM-1"),
        ("javascript:alert(1)", "PM-1"),
        ("https://", "PM-1"),
        ("HTTP://x.example.com", "[PM-1](HTTP://x.example.com)"),
        ("https://x.example.com/ü ä", "[PM-1](https://x.example.com/%C3%BC%20%C3%A4)"),
        ("https://x.example.com/%41\\b", "[PM-1](https://x.example.com/%41%5Cb)"),
    ],
)
def test_link(url: str | None, shown: str) -> None:
    """Only a web address is one."""
    assert format_markdown_link("PM-1", url) == shown


def test_of_each_kind_the_most_severe_incident_is_the_first() -> None:
    """With severity and owner; equal ones stay in the order of the report."""
    some = [
        IncidentChange("new", "A", "A", severity="sev2"),
        IncidentChange("lost", "B", "B", severity=None),
        IncidentChange("lost", "C", "Charged | twice", severity="sev1", owner="payments"),
    ]

    comparison = Comparison(sort_changes(some))

    assert render_comparison_text(comparison) == (
        "No longer guarded:\n  C  Charged | twice (sev1, payments)\n  B\n"
        "New without a test:\n  A (sev2)\n"
        "2 no longer guarded, 1 new without a test\n"
    )
    assert "- C Charged \\| twice (sev1, payments)\n- B\n" in render_comparison_markdown(comparison)
    assert [change.id for change in sort_changes(some[::-1], ("sev2",))] == ["C", "B", "A"]
