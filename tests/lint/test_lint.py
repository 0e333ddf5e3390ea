"""The rules of the lint, on documents and entries as people write them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest

from pytest_postmortem.cli.main import main
from pytest_postmortem.lint import action_item_rules, cause_rules, incident_rules
from pytest_postmortem.lint.cases import LintCase, build_lint_case
from pytest_postmortem.lint.rules import LINT_RULES, lint_cases
from pytest_postmortem.model import ActionItem, Policy, Postmortem, Registry
from pytest_postmortem.pysource.marker_index import LinkedIncident
from pytest_postmortem.registry.postmortem_text import build_text_of_fields, read_document

TODAY = Policy(today=date(2026, 6, 1))

GOOD = """
# Charged twice
## Root cause
The retry carried no idempotency key.
## Action items
- [ ] Send the key (payments, due 2026-07-01)
"""


def case(
    tmp_path: Path, text: str, id: str = "PM-1", tests: LinkedIncident | None = None
) -> LintCase:
    """Return the case of a document."""
    path = f"{id}.md"
    (tmp_path / path).write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    writing = read_document(tmp_path / path, path)
    assert writing is not None
    return build_lint_case(Postmortem(id, "It", path=path, line=1), writing, tests)


def entry(id: str, tests: LinkedIncident | None = None, **fields: object) -> LintCase:
    """Return the case of an entry in a registry file."""
    line = int("".join(filter(str.isdigit, id)) or 1)
    postmortem = Postmortem(id, "It", path="pm.yml", line=line, **fields)  # type: ignore[arg-type]
    return build_lint_case(postmortem, build_text_of_fields(postmortem), tests)


def run_rules(
    rules: str, *cases: LintCase, policy: Policy = TODAY, ignored: tuple[str, ...] = ()
) -> list[str]:
    """Return the findings of some rules alone, the places in the order of the cases."""
    incidents = tuple(case.postmortem for case in cases)
    registry = Registry(incidents, {incident.id.casefold(): incident for incident in incidents})
    return [
        f"{finding.path or ''}:{finding.line or ''} {finding.code}: {finding.message}"
        for finding in lint_cases(cases, registry, policy, ignored)
        if finding.code in rules.split()
    ]


def count_findings(rule: str, *cases: LintCase, policy: Policy = TODAY) -> int:
    """Return how many findings a rule has."""
    return len(run_rules(rule, *cases, policy=policy))


ASK = "write why it was reasonable at the time, and why no check caught it"
OR_LINK = "or link to the ticket"

DOCUMENTS: Mapping[str, tuple[str, str, list[str]]] = {
    "good": ("cause-missing action-missing action-owner action-date", GOOD, []),
    "no cause": (
        "cause-missing",
        "# It\n\nAll gone.\n\n## Action items\n\n- Alert (ops, Q3)\n",
        [
            "PM-1.md:1 cause-missing: the cause is missing; "
            'add a part "Root cause" or "Contributing factors"'
        ],
    ),
    "empty cause": (
        "cause-missing",
        "# It\n## Root Cause(s)\nTBD\n## Trigger\n## Action items\n- Alert (ops, Q3)\n",
        ["PM-1.md:2 cause-missing: 'Root Cause(s)' is empty; write what made it possible"],
    ),
    "template": (
        "cause-missing action-missing",
        "# It\n## Root cause\n<!-- why -->\n## Five whys\n1. Why did it happen?\n2. Why there?\n"
        "## Action items\n| action | owner | due |\n|---|---|---|\n| | payments | |\n",
        [
            "PM-1.md:2 cause-missing: 'Root cause' is empty; write what made it possible",
            "PM-1.md:7 action-missing: 'Action items' is empty; "
            'write the planned actions, or "none" and why',
        ],
    ),
    "cause in prose": (
        "cause-missing",
        "# It\nIt went down because of the key.\n## Next steps\nWe see.\n",
        [],
    ),
    "cause behind since": (
        "cause-missing",
        "# It\nIt ran twice since the lock was lost.\n## To do\nNone.\n",
        [],
    ),
    "cause in a timeline": (
        "cause-missing",
        "# It\n## Timeline\n- 10:00 found that it was due to the key\n## To do\nNone.\n",
        [],
    ),
    "cause under another name": (
        "cause-missing",
        "# It\n## What went wrong\n- No test.\n## To do\nNone.\n",
        [],
    ),
    "symptom": (
        "cause-symptom",
        "# It\n## Root cause\nThe server crashed.\n## Action items\nNone.\n",
        [
            "PM-1.md:3 cause-symptom: 'The server crashed.' describes the symptom; "
            "write what made it possible"
        ],
    ),
    "symptom and more": (
        "cause-symptom",
        "# It\n## Root cause\nThe server crashed.\n\nA log had filled it.\n## Actions\nNone.\n",
        [],
    ),
    "person as cause": (
        "cause-person",
        "# It\n## Contributing factors\n- Human error\n- No review\n## Actions\nNone.\n",
        [f"PM-1.md:3 cause-person: 'Human error' is not a root cause; {ASK}"],
    ),
    "slip alone": (
        "cause-person",
        "# It\n## Root cause\nWe forgot to renew it.\n## Actions\nNone.\n",
        [f"PM-1.md:3 cause-person: 'We forgot' is not a root cause; {ASK}"],
    ),
    "slip among others": (
        "cause-person",
        "# It\n## Root cause\n- We forgot to renew it.\n- Nothing renews.\n## Actions\nNone.\n",
        [],
    ),
    "whys end in a slip": (
        "cause-person",
        "# It\n## Five whys\n1. Why? It expired.\n2. Why? We forgot it.\n## Actions\nNone.\n",
        [f"PM-1.md:4 cause-person: 'We forgot' is not a root cause; {ASK}"],
    ),
    "whys go on": (
        "cause-person blame-word",
        "# It\n## Five whys\n1. Why? We forgot it.\n2. Why? The engineer failed to see it.\n"
        "3. Why? Nothing reminds.\n## Actions\nNone.\n",
        [],
    ),
    "a tree of whys": (
        "cause-person",
        "# It\n## Five whys\n- It expired\n\n  **Why?**\n  - We forgot it\n\n    **Why?**\n"
        "    - Nothing reminds\n  - We overlooked the mail\n## Actions\nNone.\n",
        [f"PM-1.md:10 cause-person: 'We overlooked' is not a root cause; {ASK}"],
    ),
    "blame": (
        "blame-word",
        "# It\n## Summary\nThe engineer should have known it, because.\n\n> careless\n"
        "## Timeline\nShe failed to see.\n## Actions\nNone.\n",
        [f"PM-1.md:3 blame-word: 'The engineer should have' judges a person; {ASK}"],
    ),
    "blame alone": (
        "blame-word",
        "# It\n- **Context**:\n  - An engineer forgot the flag.\n## Actions\nNone.\n",
        [f"PM-1.md:3 blame-word: 'An engineer forgot' judges a person; {ASK}"],
    ),
    "cause among what happened": (
        "cause-missing",
        "# It\n### Summary\nAll gone.\n#### Mail\nI think it relates to the old version.\n"
        "### Actions\nNone.\n",
        [],
    ),
    "names": (
        "blame-person",
        "# It\n## Authors\n@bob\n## Root cause\n- @alice deployed `@bob`\n- bob@example.com\n"
        "## Actions\nNone.\n",
        [
            "PM-1.md:5 blame-person: '@alice' names a person among the causes; "
            "name the role instead",
            "PM-1.md:6 blame-person: 'bob@example.com' names a person among the causes; "
            "name the role instead",
        ],
    ),
    "no actions": (
        "action-missing",
        "# It\n## Root cause\nNo key.\n",
        [
            "PM-1.md:1 action-missing: the action items are missing; "
            'add a part "Action items", with "none" and why if none follows'
        ],
    ),
    "empty actions": (
        "action-missing",
        "# It\n## Root cause\nNo key.\n## Action Items\n\n-\n",
        [
            "PM-1.md:4 action-missing: 'Action Items' is empty; "
            'write the planned actions, or "none" and why'
        ],
    ),
    "actions in prose": ("action-missing", "# It\nWe'll add a key.\n## Root cause\nNo key.\n", []),
    "nobody and never": (
        "action-owner action-date",
        "# It\n## Root cause\nNo key.\n## Action items\n- Send the key\n- Alert on doubles\n",
        [
            f"PM-1.md:5 action-owner: 2 open action items have no owner; name a team, {OR_LINK}",
            f"PM-1.md:5 action-date: 2 open action items have no date; add a due date, {OR_LINK}",
        ],
    ),
    "one of several": (
        "action-owner",
        "# It\n## Root cause\nNo key.\n## Action items\n"
        "- Send it (payments, Q3)\n- Alert, Q3\n- Test it: #12\n- [x] Tell\n",
        [
            f"PM-1.md:6 action-owner: the action item 'Alert, Q3' has no owner; "
            f"name a team, {OR_LINK}"
        ],
    ),
    "no verb and no end": (
        "action-vague action-verb",
        "# It\n## Root cause\nNo key.\n## Action items\n"
        "- Improve monitoring (ops, Q3)\n- Runbook for it (ops, Q3)\n- Better tests: #12\n"
        "- Better logs (ops, Q3)\n  - log the key\n",
        [
            "PM-1.md:6 action-verb: 'Runbook for it' has no verb; begin with the action",
            "PM-1.md:5 action-vague: 'Improve monitoring' has no measurable end; "
            "write what will be different, and where",
        ],
    ),
    "overdue": (
        "action-overdue",
        "# It\n## Root cause\nNo key.\n## Action items\n"
        "|Action|Owner|Due|Status|\n|-|-|-|-|\n|Send it|a|2026-05-31|open|\n"
        "|Test it|a|2026-06-01|open|\n|Tell|a|2026-05-31|done|\n|Ask|a|soon||\n",
        [
            "PM-1.md:7 action-overdue: 'Send it' was due on 2026-05-31 and is open; "
            "do it, give it a new date, or drop it with a reason"
        ],
    ),
    "no status is no delay": (
        "action-overdue",
        "# It\n## Root cause\nNo key.\n## Action items\n"
        "|Action|Owner|Due|\n|-|-|-|\n|Send it|a|2020-05-31|\n",
        [],
    ),
    "draft": (
        "cause-missing action-owner action-date",
        "# It\n- **Status**: Draft\n\n## Action items\n- Send it\n",
        [],
    ),
    "another language": (
        "cause-missing",
        "# Post verloren\n## Zusammenfassung\nAm Morgen war die gesamte Post des Vortages weg.\n"
        "## Ursache\nAlte Post wird nirgends geloescht, und kein Alarm meldet die volle Platte.\n"
        "## Massnahmen\n- Post nach einem Jahr loeschen\n",
        [],
    ),
    "kept elsewhere": (
        "cause-missing action-missing",
        "# It\nRefer to the [full report](https://example.com).\n",
        [],
    ),
    "long title": (
        "action-owner action-date action-vague",
        f"# It\n## Root cause\nNo key.\n## Action items\n- Improve tests\n- Send {'a' * 90} (Q3)\n",
        [
            f"PM-1.md:5 action-owner: 2 open action items have no owner; name a team, {OR_LINK}",
            f"PM-1.md:5 action-date: the action item 'Improve tests' has no date; "
            f"add a due date, {OR_LINK}",
            "PM-1.md:5 action-vague: 'Improve tests' has no measurable end; "
            "write what will be different, and where",
        ],
    ),
}


@pytest.mark.parametrize(("rules", "text", "expected"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_rule_finds_in_a_document_what_it_is_for(
    tmp_path: Path, rules: str, text: str, expected: list[str]
) -> None:
    """A finding has the line and a remedy; other rules are not compared."""
    assert run_rules(rules, case(tmp_path, text)) == expected


def test_a_document_with_a_link_of_its_own_and_few_words_is_a_note(tmp_path: Path) -> None:
    """The document behind the link may have the missing parts."""
    text = "# It\nAll gone.\n"
    here = case(tmp_path, text)
    elsewhere = Postmortem("PM-1", "It", path="PM-1.md", url="https://example.com/1")

    for rule in ("cause-missing", "action-missing"):
        assert count_findings(rule, here) == 1
        assert count_findings(rule, build_lint_case(elsewhere, here.writing)) == 0


def test_an_entry_of_a_registry_file_lacks_nothing(tmp_path: Path) -> None:
    """It refers to a post-mortem; but the rules read its fields."""
    rules = "cause-missing cause-person action-missing action-owner action-overdue"

    assert run_rules(rules, entry("PM-1")) == []
    assert run_rules(
        rules,
        entry(
            "PM-2",
            root_cause="Human error",
            action_items=(ActionItem("Tell", due="2026-01-01"), ActionItem("Be careful: #1")),
        ),
    ) == [
        f"pm.yml:2 cause-person: 'Human error' is not a root cause; {ASK}",
        f"pm.yml:2 action-owner: the action item 'Tell' has no owner; name a team, {OR_LINK}",
        "pm.yml:2 action-overdue: 'Tell' was due on 2026-01-01 and is open; "
        "do it, give it a new date, or drop it with a reason",
    ]


def test_an_action_item_in_field_and_text_is_one(tmp_path: Path) -> None:
    """The owner and the date of the field count."""
    text = "# It\n## Root cause\nNo key.\n## Action items\n- Send the key\n"
    field = ActionItem("Send the key", "payments", "2026-07-01", status="open")
    postmortem = Postmortem("PM-1", "It", path="PM-1.md", line=1, action_items=(field,))

    incident = build_lint_case(postmortem, case(tmp_path, text).writing)

    assert run_rules("action-owner action-date", incident) == []


ONE = LinkedIncident("PM-1", {"t.py::test_one": None})
MUTED = LinkedIncident("PM-1", {"t.py::test_one": "skipped: too slow"})
NONE = LinkedIncident("PM-1")
GRACE = Policy(today=date(2026, 6, 1), grace=14)


@pytest.mark.parametrize(
    ("fields", "tests", "policy", "expected"),
    [
        ({}, ONE, TODAY, []),
        ({}, None, TODAY, []),
        ({}, NONE, TODAY, ["test-missing"]),
        ({}, MUTED, TODAY, ["test-missing"]),
        ({"date": "2026-05-18"}, NONE, GRACE, []),
        ({"date": "2026-05-17"}, NONE, GRACE, ["test-missing"]),
        ({"date": "2026-05-17"}, NONE, Policy(today=TODAY.today, since=date(2026, 5, 18)), []),
        ({"date": "once"}, NONE, GRACE, ["test-missing"]),
        ({"exempt": True}, NONE, TODAY, []),
        ({"exempt": True, "until": "2026-06-01"}, NONE, TODAY, []),
        ({"exempt": True, "until": "2026-05-31"}, NONE, TODAY, ["test-exemption"]),
        ({"exempt": True, "until": "2026-05-31"}, ONE, TODAY, []),
        ({"guarded_by": ("alert",)}, NONE, TODAY, []),
    ],
)
def test_an_incident_needs_a_test_after_its_grace(
    fields: dict[str, object], tests: LinkedIncident | None, policy: Policy, expected: list[str]
) -> None:
    """Unless it is exempt, guarded by something else, or its tests are unknown."""
    incident = entry("PM-1", tests, **fields)

    for rule in ("test-missing", "test-exemption"):
        assert count_findings(rule, incident, policy=policy) == expected.count(rule)


def test_the_message_of_a_missing_test_has_a_remedy() -> None:
    """How to link one, why one does not count, and that an exemption is over."""
    both = LinkedIncident("PM-4", {"t.py::a": "skipped: no db", "t.py::b": "expected to fail"})
    incidents = [
        entry("PM-1", NONE),
        entry("PM-2", MUTED),
        entry("PM-3", NONE, exempt=True, until="2026-05-31"),
        entry("PM-4", both),
    ]

    assert run_rules("test-missing test-exemption", *incidents[:3], policy=GRACE) == [
        "pm.yml:1 test-missing: PM-1 has no regression test after 14 days of grace; "
        'mark one with @pytest.mark.postmortem("PM-1"), or exempt it with a reason',
        "pm.yml:2 test-missing: PM-2's only test is skipped: too slow; let one run everywhere",
        "pm.yml:3 test-exemption: the exemption of PM-3 ended on 2026-05-31; "
        "write the test, or extend the exemption with a reason",
    ]
    assert run_rules("test-missing", incidents[3]) == [
        "pm.yml:4 test-missing: PM-4's 2 tests can't fail a run, the first is skipped: no db; "
        "let one run everywhere",
    ]


def test_a_recurrence_is_checked_against_the_registry_and_its_tests() -> None:
    """An incident that recurred although guarded needs a test of its own, and no second finding."""
    other = LinkedIncident("PM-9", {"t.py::test": None})
    findings = run_rules(
        "recurs-guarded recurs-unknown test-missing",
        entry("PM-1", ONE),
        entry("PM-2", NONE, recurs="PM-1"),
        entry("PM-3", other, recurs="PM-1"),
        entry("PM-4", other, recurs="PM-11"),
        entry("PM-5", other, recurs="INC"),
        entry("PM-6", other, recurs="pm-6"),
    )

    assert findings == [
        "pm.yml:4 recurs-unknown: PM-4 recurs 'PM-11', which is not in the registry; "
        "did you mean 'PM-1'?",
        "pm.yml:5 recurs-unknown: PM-5 recurs 'INC', which is not in the registry; correct the id",
        "pm.yml:6 recurs-unknown: PM-6 recurs itself; name the incident that it repeats",
        "pm.yml:2 recurs-guarded: PM-2 repeats PM-1, whose linked test did not notice it; "
        "link a test that does to PM-2",
    ]


@pytest.mark.parametrize(
    "registry", [Registry(partial=("the newest 50",)), Registry(unreachable=("github:o/r",))]
)
def test_an_id_may_be_in_the_missing_part_of_a_registry(registry: Registry) -> None:
    """A repeated incident is not unknown if the registry is partial or unreachable."""
    findings = lint_cases([entry("PM-1", ONE, recurs="PM-7")], registry, TODAY)

    assert "recurs-unknown" not in [finding.code for finding in findings]


def test_a_class_with_several_incidents_wants_one_test() -> None:
    """A test of any incident is enough; the finding is at the newest one."""
    tested = entry("PM-9", LinkedIncident("PM-9", {"t.py::t": None}), problem_class="keys")
    cache = [
        entry(f"PM-{n}", NONE, problem_class=f"{'Stale' if n > 1 else 'stale '} cache")
        for n in (1, 2)
    ]
    exempt = entry("PM-3", NONE, problem_class="stale cache", exempt=True)

    assert run_rules("class-untested", tested, *cache, exempt) == [
        "pm.yml:2 class-untested: the class 'Stale cache' has 2 incidents and no regression test "
        "(PM-1, PM-2); write one for the class"
    ]
    guarded = entry("PM-4", LinkedIncident("PM-4", {"t.py::t": None}), problem_class="stale cache")
    assert run_rules("class-untested", tested, *cache, guarded) == []


def test_a_document_can_ignore_a_finding_about_its_class(tmp_path: Path) -> None:
    """A finding about several incidents is ignored at the one that has it."""
    text = f"Category: cache\n{GOOD}"
    off = f"{text}\n<!-- postmortem: ignore=class-untested -->\n"
    tested = entry("PM-9", LinkedIncident("PM-9", {"t.py::t": None}))
    first = case(tmp_path, text, "PM-1", NONE)

    assert count_findings("class-untested", tested, first, case(tmp_path, text, "PM-2", NONE)) == 1
    assert count_findings("class-untested", tested, first, case(tmp_path, off, "PM-2", NONE)) == 0


def test_a_finding_of_most_post_mortems_is_summarized(tmp_path: Path) -> None:
    """Four of five would be noise; three of four are few enough, and two of five are not most."""
    lone = "# It\n## Root cause\nNo key.\n"
    many = [case(tmp_path, lone, f"PM-{n}") for n in range(1, 5)]
    good = case(tmp_path, GOOD, "PM-5")

    assert run_rules("action-missing", *many, good) == [
        ": action-missing: 4 of 5 post-mortems have no action item "
        "(PM-1, PM-2, PM-3 and 1 more); add a part for them to your template"
    ]
    assert count_findings("action-missing", *many[:3], good) == 3
    others = [case(tmp_path, GOOD, f"PM-{n}") for n in range(6, 15)]
    assert count_findings("action-missing", *many, *others) == 4


def test_missing_classes_are_summarized_only_if_a_team_has_none(tmp_path: Path) -> None:
    """A list of incidents without documents needs no classes, and neither do a few documents."""
    plain = [case(tmp_path, GOOD, f"PM-{n}") for n in range(1, 5)]
    classed = [case(tmp_path, f"Category: cache\n{GOOD}", f"PM-{n}") for n in range(5, 10)]

    assert run_rules("class-missing", *plain) == [
        ": class-missing: 4 of 4 post-mortems have no class of problem "
        "(PM-1, PM-2, PM-3 and 1 more); add a 'class', by which the report groups"
    ]
    assert run_rules("class-missing", *plain[:1], *classed) == [
        "PM-1.md:1 class-missing: the class of problem is missing; "
        "add a 'class', by which the report groups"
    ]
    assert run_rules("class-missing", *plain[:3]) == []
    assert run_rules("class-missing", *(entry(f"PM-{n}") for n in range(20))) == []


def test_a_suite_without_any_regression_test_has_one_finding() -> None:
    """It has no finding for each of hundreds of incidents, and none for classes."""
    cases = [entry(f"PM-{n}", NONE, problem_class="cache") for n in range(1, 40)]

    assert run_rules("test-missing class-untested", *cases) == [
        ": test-missing: 39 of 39 post-mortems have no regression test "
        "(PM-1, PM-2, PM-3 and 36 more); start with the most severe, `pytest -v` lists them"
    ]


def test_a_rule_is_switched_off_everywhere_or_in_a_document(tmp_path: Path) -> None:
    """By its code or a glob of codes."""
    rules = "cause-person action-missing"
    lone = "# It\n## Root cause\nHuman error\n"
    off = f"{lone}\n<!-- postmortem: ignore=cause-person, action-* -->\n"

    assert len(run_rules(rules, case(tmp_path, lone))) == 2
    assert run_rules(rules, case(tmp_path, off)) == []
    assert run_rules(rules, case(tmp_path, lone), ignored=("*-missing", "cause-person")) == []


def test_every_check_is_in_the_table_once() -> None:
    """A check without a line in the table would never run."""
    modules = (action_item_rules, cause_rules, incident_rules)
    checks = [getattr(m, name) for m in modules for name in vars(m) if name.startswith("check_")]

    assert {rule.check for rule in LINT_RULES.values()} == {*checks}
    assert [rule.check.__name__ for rule in LINT_RULES.values()] == [
        f"check_{code.replace('-', '_')}" for code in LINT_RULES
    ]


WRITTEN = 'import pytest\n@pytest.mark.postmortem("PM-1")\ndef test_new_name():\n    {step}\n'
CLAIM = (
    "# Mail gone\n\n## Regression test\n\n`tests/test_a.py::test_mail` fails until it is written.\n"
)


@pytest.mark.parametrize(
    ("step", "document", "stale"),
    [
        ("assert True", CLAIM, True),
        ('pytest.fail("write the regression test of PM-1")', CLAIM, False),
        ('"""It."""\n    pytest.fail(\n        "write it"\n    )', CLAIM, False),
        ("mail = 1\n    assert mail", CLAIM.replace("test_mail", "test_new_name"), True),
        ("assert True", CLAIM.replace("fails until it is written", "checks the mail"), False),
    ],
)
def test_a_document_must_not_call_a_written_test_unwritten(
    pytester: pytest.Pytester,
    capsys: pytest.CaptureFixture[str],
    step: str,
    document: str,
    stale: bool,
) -> None:
    """Also after the test has another name; one that only fails is as `new` has made it."""
    (pytester.path / "tox.ini").write_text("[pytest]\npostmortem_registry = pm\n")
    for name, text in (("pm/PM-1.md", document), ("tests/test_a.py", WRITTEN.format(step=step))):
        (pytester.path / name).parent.mkdir(exist_ok=True)
        (pytester.path / name).write_text(text)

    main(["check"])

    message = (
        "pm/PM-1.md:5: warning: the document says that its test fails until it is written, but "
        "tests/test_a.py::test_new_name is written; say here what the test checks [test-stale]"
    )
    assert (message in capsys.readouterr().out.splitlines()) is stale
