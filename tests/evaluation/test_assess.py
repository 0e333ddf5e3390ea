"""Every row of the table of states, the figures, and what they count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from pytest_postmortem.evaluation.evaluate import (
    compute_percentage,
    evaluate,
    is_incident_selected,
    normalize_severity,
)
from pytest_postmortem.evaluation.links import build_implied_registry
from pytest_postmortem.model import (
    ActionItem,
    Guard,
    Link,
    NodeKey,
    Outcome,
    OutcomeWord,
    Policy,
    Postmortem,
    Registry,
    Scope,
    ShowLevel,
)
from pytest_postmortem.report_model import Report, State
from pytest_postmortem.reports.redaction import redact_postmortem

FULL = Scope()
PARTIAL = Scope("partial", ("1 node id given",))


def registry(*postmortems: Postmortem) -> Registry:
    """Return a registry that finds its post-mortems by id."""
    return Registry(postmortems, {each.id.casefold(): each for each in postmortems})


def incident(**fields: Any) -> Postmortem:
    """Return a post-mortem, PM-1 unless it is said otherwise."""
    return Postmortem(**{"id": "PM-1", "title": "Checkout", **fields})


def links(outcomes: Mapping[NodeKey, Outcome], id: str = "PM-1") -> list[Link]:
    """Return a link to an incident from every test that has an outcome."""
    return [Link(id, test.nodeid, test.path, line) for line, test in enumerate(outcomes, 1)]


def of(path: str, **words: OutcomeWord) -> dict[NodeKey, Outcome]:
    """Return the outcomes of the tests of a file, which are named by their node ids."""
    return {NodeKey(path, nodeid): Outcome(word) for nodeid, word in words.items()}


def judged(
    *words: OutcomeWord | Outcome,
    postmortem: Postmortem | None = None,
    scope: Scope = FULL,
    policy: Policy | None = None,
) -> Report:
    """Return the report on one incident whose linked tests came to these outcomes."""
    known = [word if isinstance(word, Outcome) else Outcome(word) for word in words]
    ids = (NodeKey("test_a.py", f"test_a.py::test_{n}") for n in range(len(known)))
    outcomes = dict(zip(ids, known, strict=True))
    chosen = registry(postmortem or incident())
    return evaluate(chosen, links(outcomes), outcomes, scope, policy or Policy())


@pytest.mark.parametrize(
    ("words", "state"),
    [
        (["passed"], "guarded"),
        (["failed"], "failing"),
        (["error"], "errored"),
        (["skipped"], "skipped"),
        (["xfailed"], "known-broken"),
        (["xpassed"], "known-broken"),
        (["not-run"], "not-run"),
        (["passed", "failed"], "failing"),
        (["error", "failed"], "failing"),
        (["passed", "error"], "errored"),
        (["not-run", "passed"], "guarded"),
        (["skipped", "passed"], "guarded"),
        (["xfailed", "passed"], "guarded"),
        (["not-run", "xfailed"], "not-run"),
        (["skipped", "not-run"], "not-run"),
        (["skipped", "xpassed"], "known-broken"),
        (["xfailed", "xpassed"], "known-broken"),
    ],
)
def test_the_state_is_the_first_row_of_the_table_that_fits(
    words: list[OutcomeWord], state: State
) -> None:
    """Only a passing test guards an incident, and a failing one says that it may be back."""
    assert judged(*words).incidents[0].state == state


@pytest.mark.parametrize("word", ["passed", "failed", "skipped", "not-run"])
def test_a_linked_test_says_more_than_the_registry(word: OutcomeWord) -> None:
    """An incident that is exempt or declared, and has a test all the same, is judged by it."""
    postmortem = incident(exempt=True, reason="no", guarded_by=(Guard("alert"),))

    report = judged(word, postmortem=postmortem)

    assert report.incidents[0].state not in ("exempt", "declared")
    assert report.incidents[0].required


@pytest.mark.parametrize(
    ("fields", "scope", "state", "reason", "required"),
    [
        ({}, FULL, "unguarded", None, True),
        ({}, PARTIAL, "not-judged", None, True),
        (
            {"guarded_by": (Guard("alert"), Guard("lint"))},
            FULL,
            "declared",
            "guarded by alert, lint, not checked here",
            False,
        ),
        ({"exempt": True, "reason": "DNS is not ours"}, FULL, "exempt", "DNS is not ours", False),
        ({"exempt": True}, PARTIAL, "exempt", None, False),
        ({"exempt": True, "until": "2026-03-11"}, FULL, "exempt", None, False),
        (
            {"exempt": True, "reason": "later", "until": "2026-03-10"},
            FULL,
            "exempt",
            "later",
            False,
        ),
        (
            {"exempt": True, "reason": "later", "until": "2026-03-09"},
            FULL,
            "unguarded",
            "the exemption ended on 2026-03-09",
            True,
        ),
        (
            {"exempt": True, "until": "2026-03-09"},
            PARTIAL,
            "not-judged",
            "the exemption ended on 2026-03-09",
            True,
        ),
    ],
)
def test_an_incident_without_a_test_is_what_the_registry_says(
    fields: dict[str, Any], scope: Scope, state: State, reason: str | None, required: bool
) -> None:
    """Only a run of the whole suite may call an incident unguarded."""
    report = judged(
        postmortem=incident(**fields), scope=scope, policy=Policy(today=date(2026, 3, 10))
    )

    (found,) = report.incidents
    assert (found.state, found.reason, found.required) == (state, reason, required)


@pytest.mark.parametrize(
    ("outcomes", "reason"),
    [
        ([Outcome("skipped", reason="no server")], "skipped: no server"),
        ([Outcome("skipped")], "skipped"),
        ([Outcome("xfailed", reason="known")], "xfailed: known"),
        ([Outcome("xpassed", reason="known")], "passes now, remove the xfail"),
        (
            [Outcome("skipped", reason="a"), Outcome("skipped", reason="b")],
            "skipped: a; skipped: b",
        ),
        ([Outcome("skipped", reason="a"), Outcome("skipped", reason="a")], "skipped: a"),
        ([Outcome("skipped", reason="a"), Outcome("xfailed", reason="b")], "xfailed: b"),
        ([Outcome("not-run", reason="deselected")], "deselected"),
        ([Outcome("passed"), Outcome("skipped", reason="a")], None),
    ],
)
def test_a_state_that_does_not_guard_says_why(outcomes: list[Outcome], reason: str | None) -> None:
    """The reasons are those of the tests that make the state, each once."""
    assert judged(*outcomes).incidents[0].reason == reason


@pytest.mark.parametrize(
    ("day", "required"),
    [
        ("2025-12-31", False),
        ("2026-01-01", True),
        ("2026-01-02", True),
        (None, True),
        ("long ago", True),
    ],
)
def test_an_unguarded_incident_older_than_since_is_kept_and_not_required(
    day: str | None, required: bool
) -> None:
    """A team that starts today need not write tests for all of its past."""
    report = judged(postmortem=incident(date=day), policy=Policy(since=date(2026, 1, 1)))

    assert report.incidents[0].required is required
    assert (report.totals.incidents, report.totals.required) == (1, int(required))


def test_an_old_incident_whose_test_is_skipped_is_still_required() -> None:
    """``since`` forgives that a test was never written, not that one was switched off."""
    policy = Policy(since=date(2026, 1, 1))

    report = judged("skipped", postmortem=incident(date="2020-01-01"), policy=policy)

    assert report.incidents[0].required


def test_both_figures_are_counted_of_the_required_incidents() -> None:
    """Linked is not guarded, and an exempt incident is in neither figure."""
    postmortems = [incident(id=f"PM-{n}") for n in range(4)]
    postmortems.append(incident(id="PM-4", exempt=True, reason="no"))
    outcomes = of("test_a.py", a="passed", b="skipped", c="passed")
    found = [Link(f"PM-{n}", test.nodeid, test.path, 1) for n, test in enumerate(outcomes)]

    report = evaluate(registry(*postmortems), found, outcomes, FULL, Policy())

    totals = report.totals
    assert (totals.incidents, totals.required, totals.linked, totals.guarded) == (5, 4, 3, 2)
    assert totals.percent == 50.0


def test_an_unknown_id_is_in_no_figure() -> None:
    """A typing error changes no number, neither of our marker nor of a foreign mark."""
    outcomes = of("test_a.py", a="passed", b="passed", c="failed")
    found = [
        Link("PM-1", "a", "test_a.py", 1),
        Link("PM-9", "b", "test_a.py", 2),
        Link("99", "c", "test_a.py", 3, "foreign"),
    ]

    report = evaluate(registry(incident()), found, outcomes, FULL, Policy())

    assert [each.state for each in report.incidents] == ["guarded"]
    assert (report.totals.linked, report.totals.percent, report.unknown_foreign_ids) == (
        1,
        100.0,
        ("99",),
    )


def test_nothing_required_has_no_share() -> None:
    """Nothing of nothing is neither 0 nor 100 per cent."""
    report = judged(postmortem=incident(exempt=True, reason="no"))

    assert report.totals.percent is None


@pytest.mark.parametrize(
    ("outcome", "scope", "unjudged"),
    [
        (Outcome("passed"), FULL, ()),
        (Outcome("passed"), PARTIAL, ("1 node id given",)),
        (
            Outcome("not-run", reason="did not run"),
            FULL,
            (
                "the tests of 1 incident were not run: the run ended before them,"
                " or a plugin left them out",
            ),
        ),
        (Outcome("not-run", reason="deselected"), FULL, ()),
        (
            Outcome("not-run", reason="deselected"),
            Scope(own_selection=False),
            ("the tests of 1 incident were not run: deselected",),
        ),
        (Outcome("not-run", reason="deselected"), Scope(own_selection=False, forced=True), ()),
        (
            Outcome("not-run", reason="did not run"),
            Scope(reasons=("--collect-only",), executes=False, forced=True),
            ("--collect-only",),
        ),
    ],
)
def test_the_figures_stand_for_the_suite_only_when_all_of_it_ran(
    outcome: Outcome, scope: Scope, unjudged: tuple[str, ...]
) -> None:
    """What the configured options always deselect defines the suite, and counts as a gap."""
    report = judged(outcome, scope=scope)

    assert report.unjudged == unjudged
    assert (report.totals.percent is None) is bool(unjudged)


def test_an_incident_that_came_back_although_it_had_a_test_says_so() -> None:
    """The most useful line that a post-mortem can have."""
    first, second = incident(id="PM-1"), incident(id="PM-2", recurs="pm-1")
    outcomes = of("test_a.py", a="passed")

    report = evaluate(registry(first, second), links(outcomes), outcomes, FULL, Policy())

    assert [each.note for each in report.incidents] == [
        None,
        "recurred although guarded: PM-1 has a linked test",
    ]


@pytest.mark.parametrize(
    ("recurs", "note"),
    [
        ("PM-1", "repeats PM-1, which has no regression test"),
        ("PM-9", "repeats PM-9, which is not in the registry"),
        ("PM-2", None),
    ],
)
def test_a_recurrence_of_an_incident_without_a_test_is_one_too(
    recurs: str, note: str | None
) -> None:
    """Nothing could have caught it, and still nothing does."""
    first, second = incident(id="PM-1"), incident(id="PM-2", recurs=recurs)

    report = evaluate(registry(first, second), [], {}, FULL, Policy())

    assert [each.note for each in report.incidents] == [None, note]


@pytest.mark.parametrize(
    "open_", [{"partial": ("a page is missing",)}, {"unreachable": ("https://pm.example.com",)}]
)
def test_what_an_incomplete_registry_lacks_may_be_there(open_: dict[str, Any]) -> None:
    """An earlier incident that was not read is named, and not called missing."""
    known = replace(registry(incident(id="PM-2", recurs="PM-9")), **open_)

    assert evaluate(known, [], {}, FULL, Policy()).incidents[0].note == "repeats PM-9"


@pytest.mark.parametrize("unreachable", [(), ("https://pm.example.com",)], ids=["read", "down"])
def test_an_unknown_id_is_not_checked_where_the_registry_is_unreachable(
    unreachable: tuple[str, ...],
) -> None:
    """It may be there, and is listed for the reports."""
    outcomes = of("a.py", one="passed")
    known = replace(registry(), unreachable=unreachable)

    report = evaluate(known, links(outcomes, "X-1"), outcomes, FULL, Policy())

    assert report.unchecked == (("x-1",) if unreachable else ())


def test_a_test_that_another_file_defines_has_no_line() -> None:
    """The line of an inherited test is that of the other file."""
    outcomes = of("a.py", one="passed")
    (test,) = outcomes
    link = Link("PM-1", test.nodeid, test.path, 7)

    def line(link: Link) -> int | None:
        return (
            evaluate(registry(incident()), [link], outcomes, FULL, Policy())
            .incidents[0]
            .tests[0]
            .line
        )

    assert line(link) == 7
    assert line(link._replace(defined_in="base.py")) is None


def test_an_incident_with_a_flaky_test_is_flaky() -> None:
    """It guards, but the report marks it."""
    (found,) = judged(Outcome("passed", flaky=True), "passed").incidents

    assert (found.state, found.flaky) == ("guarded", True)


def test_tests_stand_by_path_and_line_and_incidents_in_the_registrys_order() -> None:
    """Two runs compare equal under any order of execution."""
    outcomes = of("test_b.py", z="passed") | of("test_a.py", y="passed", x="passed")
    found = [
        Link("pm-1", "z", "test_b.py", 1),
        Link("PM-1", "y", "test_a.py", 9),
        Link("PM-1", "x", "test_a.py", None),
        Link("PM-1", "x", "test_a.py", None),
    ]

    report = evaluate(registry(incident()), found, outcomes, FULL, Policy())

    assert [test.nodeid for test in report.incidents[0].tests] == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ((), True),
        ((("service", ("checkout",)),), True),
        ((("service", ("billing", "checkout")),), True),
        ((("service", ("billing",)),), False),
        ((("service", ("checkout",)), ("severity", ("SEV-1",))), True),
        ((("service", ("checkout",)), ("severity", ("sev2",))), False),
        ((("class", ("Missing Idempotency",)),), True),
        ((("tag", ("eu",)),), True),
        ((("id", ("other-name",)),), True),
        ((("environment", ("production",)),), True),
        ((("region", ("eu",)),), False),
        ((("class", ("other, missing idempotency",)),), False),
        ((("tag", ("eu,us",)),), False),
        ((("severity", ("sev2, sev1",)),), True),
    ],
)
def test_select_keeps_what_belongs_to_this_suite(
    select: tuple[tuple[str, tuple[str, ...]], ...], expected: bool
) -> None:
    """The same key means or, different keys mean and; a key may be one that nobody knows here."""
    postmortem = incident(
        service=("checkout",),
        severity="Sev1",
        problem_class="missing idempotency",
        tags=("eu",),
        aliases=("other-name",),
        extra={"environment": "production"},
    )

    assert is_incident_selected(postmortem, Policy(select=select)) is expected


def test_what_is_not_selected_is_in_no_figure() -> None:
    """A registry that many repositories share is counted for each of them alone."""
    known = registry(incident(service=("a",)), incident(id="PM-2", service=("b",)))

    report = evaluate(known, [], {}, FULL, Policy(select=(("service", ("b",)),)))

    assert [each.postmortem.id for each in report.incidents] == ["PM-2"]


def test_without_a_registry_the_links_are_the_incidents() -> None:
    """Each has a test, so no gap can be claimed."""
    outcomes = of("test_a.py", a="passed", b="failed")
    found = [Link("12", "a", "test_a.py", 1, "foreign"), Link("7/8", "b", "test_a.py", 2)]

    known = build_implied_registry(found, "https://bugs.example.com/{id}")
    report = evaluate(known, found, outcomes, FULL, Policy())

    assert [(each.postmortem.id, each.state) for each in report.incidents] == [
        ("12", "guarded"),
        ("7/8", "failing"),
    ]
    assert [each.url for each in known] == [
        "https://bugs.example.com/12",
        "https://bugs.example.com/7%2F8",
    ]


@pytest.mark.parametrize(
    ("part", "whole", "digits", "expected"),
    [(14, 18, 0, 77), (14, 18, 1, 77.7), (9996, 10000, 1, 99.9), (1, 1, 1, 100), (29, 50, 1, 58)],
)
def test_a_share_is_rounded_down(part: int, whole: int, digits: int, expected: float) -> None:
    """99.96 never reads as 100, and no share is lost to binary fractions."""
    assert compute_percentage(part, whole, digits) == expected


def test_a_share_has_no_digits_unless_they_are_asked_for() -> None:
    """It is a whole number of percent."""
    assert compute_percentage(2, 3) == 66


@pytest.mark.parametrize("text", ["SEV-1", "Sev1", "sev1", "sev 1", "sev_1"])
def test_severities_are_compared_in_one_form(text: str) -> None:
    """Teams write them in many ways."""
    assert normalize_severity(text) == "sev1"


@pytest.mark.parametrize(
    ("show", "expected"),
    [
        ("id", Postmortem("PM-1", "PM-1", path="pm.yml", line=3)),
        ("link", Postmortem("PM-1", "PM-1", url="https://x.example", path="pm.yml", line=3)),
        (
            "title",
            Postmortem(
                "PM-1",
                "Checkout",
                url="https://x.example",
                path="pm.yml",
                line=3,
                date="2026-03-02",
                severity="sev1",
                problem_class="retries",
            ),
        ),
    ],
)
def test_show_reveals_no_more_than_it_says(show: ShowLevel, expected: Postmortem) -> None:
    """What may be shown is listed; a field that comes later is hidden until it is listed too."""
    postmortem = incident(
        url="https://x.example",
        path="pm.yml",
        line=3,
        date="2026-03-02",
        severity="sev1",
        problem_class="retries",
        owner="payments",
        root_cause="secret",
        action_items=(ActionItem("secret"),),
        extra={"secret": "secret"},
    )

    assert redact_postmortem(postmortem, show) == expected
    assert redact_postmortem(postmortem, "all") is postmortem


def test_a_share_is_told_to_one_digit_rounded_down() -> None:
    """Two of three are 66.6 %, in the figures as in the gate."""
    three = [incident(id=f"PM-{n}") for n in range(3)]
    outcomes = of("a.py", one="passed", two="passed")
    both = [Link(f"PM-{n}", test.nodeid, test.path, 1) for n, test in enumerate(outcomes)]

    report = evaluate(registry(*three), both, outcomes, FULL, Policy())

    assert report.totals.percent == 66.6


def test_a_test_that_did_not_run_leaves_nothing_open_where_another_one_passed() -> None:
    """The incident is guarded, whatever that test would have said."""
    report = judged("passed", "not-run")

    assert (report.incidents[0].state, report.unjudged) == ("guarded", ())


@pytest.mark.parametrize(
    ("scope", "missing", "unreachable", "unjudged"),
    [
        (FULL, None, (), ()),
        (FULL, "no registry", (), ("no registry",)),
        (FULL, "no registry", ("https://a",), ("no registry",)),
        (
            FULL,
            None,
            ("https://a", "https://b"),
            ("https://a can't be reached", "https://b can't be reached"),
        ),
        (PARTIAL, "no registry", (), ("1 node id given",)),
        (PARTIAL, None, ("https://a",), ("1 node id given", "https://a can't be reached")),
    ],
)
def test_why_the_figures_do_not_count(
    scope: Scope, missing: str | None, unreachable: tuple[str, ...], unjudged: tuple[str, ...]
) -> None:
    """What the run saw comes first; a missing registry is no place that can't be reached."""
    known = replace(registry(incident()), unreachable=unreachable)

    report = evaluate(known, (), {}, scope, Policy(), missing=missing)

    assert (report.unjudged, report.totals.percent) == (unjudged, None if unjudged else 0.0)


def test_an_unknown_id_is_listed_once_with_all_of_its_tests() -> None:
    """However it is written; the first way is shown."""
    outcomes = of("a.py", one="passed", two="failed")
    one, two = outcomes
    claims = [Link("X-1", one.nodeid, one.path, 1), Link("x-1", two.nodeid, two.path, 2)]

    (unknown,) = evaluate(registry(), claims, outcomes, FULL, Policy()).unknown

    tests = [(test.nodeid, test.outcome) for test in unknown.tests]
    assert (unknown.id, tests) == ("X-1", [("one", "passed"), ("two", "failed")])
