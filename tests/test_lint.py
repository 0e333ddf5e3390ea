"""The rules of the lint, on documents and entries as people write them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest

from pytest_postmortem.documents.reader import build_text_of_fields, read_document
from pytest_postmortem.lint.cases import LintCase, build_lint_case
from pytest_postmortem.lint.engine import lint_cases
from pytest_postmortem.lint.rules import LINT_RULES
from pytest_postmortem.model import ActionItem, Policy, Postmortem, Registry
from pytest_postmortem.pysource.marker_index import LinkedIncident

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


def told(*cases: LintCase, policy: Policy = TODAY, ignored: tuple[str, ...] = ()) -> list[str]:
    """Return what the rules say, the places in the order of the cases."""
    known = tuple(case.postmortem for case in cases)
    registry = Registry(known, {each.id.casefold(): each for each in known})
    found = lint_cases(cases, registry, policy, ignored)
    return [f"{f.path or ''}:{f.line or ''} {f.code}: {f.message}" for f in found]


def codes(*cases: LintCase, policy: Policy = TODAY) -> list[str]:
    """Return the codes of what the rules say."""
    return [line.partition(" ")[2].partition(":")[0] for line in told(*cases, policy=policy)]


ASK = "ask what made it reasonable at the time, and what let it through"
OR_LINK = "or link to where it is tracked"

DOCUMENTS: Mapping[str, tuple[str, list[str]]] = {
    "good": (GOOD, []),
    "no cause": (
        "# It\n\nAll gone.\n\n## Action items\n\n- Alert (ops, Q3)\n",
        [
            "PM-1.md:1 cause-missing: nothing says why it happened: "
            'add a part "Root cause" or "Contributing factors"'
        ],
    ),
    "empty cause": (
        "# It\n## Root Cause(s)\nTBD\n## Trigger\n## Action items\n- Alert (ops, Q3)\n",
        ["PM-1.md:2 cause-missing: 'Root Cause(s)' is empty: say what made it possible"],
    ),
    "template": (
        "# It\n## Root cause\n<!-- why -->\n## Five whys\n1. Why did it happen?\n2. Why there?\n"
        "## Action items\n| action | owner | due |\n|---|---|---|\n| | payments | |\n",
        [
            "PM-1.md:2 cause-missing: 'Root cause' is empty: say what made it possible",
            "PM-1.md:7 action-missing: 'Action items' is empty: "
            'say what will be done, or "none" and why',
        ],
    ),
    "cause in prose": ("# It\nIt went down because of the key.\n## Next steps\nWe see.\n", []),
    "cause behind since": ("# It\nIt ran twice since the lock was lost.\n## To do\nNone.\n", []),
    "cause in a timeline": (
        "# It\n## Timeline\n- 10:00 found that it was due to the key\n## To do\nNone.\n",
        [],
    ),
    "cause under another name": ("# It\n## What went wrong\n- No test.\n## To do\nNone.\n", []),
    "symptom": (
        "# It\n## Root cause\nThe server crashed.\n## Action items\nNone.\n",
        [
            "PM-1.md:3 cause-symptom: 'The server crashed.' says what was seen, not why: "
            "ask what made it possible"
        ],
    ),
    "symptom and more": (
        "# It\n## Root cause\nThe server crashed.\n\nA log had filled it.\n## Actions\nNone.\n",
        [],
    ),
    "person as cause": (
        "# It\n## Contributing factors\n- Human error\n- No review\n## Actions\nNone.\n",
        [f"PM-1.md:3 cause-person: 'Human error' is where the questions begin: {ASK}"],
    ),
    "slip alone": (
        "# It\n## Root cause\nWe forgot to renew it.\n## Actions\nNone.\n",
        [f"PM-1.md:3 cause-person: 'We forgot' is where the questions begin: {ASK}"],
    ),
    "slip among others": (
        "# It\n## Root cause\n- We forgot to renew it.\n- Nothing renews.\n## Actions\nNone.\n",
        [],
    ),
    "whys end in a slip": (
        "# It\n## Five whys\n1. Why? It expired.\n2. Why? We forgot it.\n## Actions\nNone.\n",
        [f"PM-1.md:4 cause-person: 'We forgot' is where the questions begin: {ASK}"],
    ),
    "whys go on": (
        "# It\n## Five whys\n1. Why? We forgot it.\n2. Why? The engineer failed to see it.\n"
        "3. Why? Nothing reminds.\n## Actions\nNone.\n",
        [],
    ),
    "a tree of whys": (
        "# It\n## Five whys\n- It expired\n\n  **Why?**\n  - We forgot it\n\n    **Why?**\n"
        "    - Nothing reminds\n  - We overlooked the mail\n## Actions\nNone.\n",
        [f"PM-1.md:10 cause-person: 'We overlooked' is where the questions begin: {ASK}"],
    ),
    "blame": (
        "# It\n## Summary\nThe engineer should have known it, because.\n\n> careless\n"
        "## Timeline\nShe failed to see.\n## Actions\nNone.\n",
        [f"PM-1.md:3 blame-word: 'The engineer should have' judges a person: {ASK}"],
    ),
    "blame alone": (
        "# It\n- **Context**:\n  - An engineer forgot the flag.\n## Actions\nNone.\n",
        [f"PM-1.md:3 blame-word: 'An engineer forgot' judges a person: {ASK}"],
    ),
    "cause among what happened": (
        "# It\n### Summary\nAll gone.\n#### Mail\nI think it relates to the old version.\n"
        "### Actions\nNone.\n",
        [],
    ),
    "names": (
        "# It\n## Authors\n@bob\n## Root cause\n- @alice deployed `@bob`\n- bob@example.com\n"
        "## Actions\nNone.\n",
        [
            "PM-1.md:5 blame-person: '@alice' names a person among the causes: "
            "name the role instead",
            "PM-1.md:6 blame-person: 'bob@example.com' names a person among the causes: "
            "name the role instead",
        ],
    ),
    "no actions": (
        "# It\n## Root cause\nNo key.\n",
        [
            "PM-1.md:1 action-missing: there is no action item: "
            'add a part "Action items", be it with "none" and why'
        ],
    ),
    "empty actions": (
        "# It\n## Root cause\nNo key.\n## Action Items\n\n-\n",
        [
            "PM-1.md:4 action-missing: 'Action Items' is empty: "
            'say what will be done, or "none" and why'
        ],
    ),
    "actions in prose": ("# It\nWe'll add a key.\n## Root cause\nNo key.\n", []),
    "nobody and never": (
        "# It\n## Root cause\nNo key.\n## Action items\n- Send the key\n- Alert on doubles\n",
        [
            f"PM-1.md:5 action-owner: 2 open action items have no owner: "
            f"name the team that does it, {OR_LINK}",
            f"PM-1.md:5 action-date: 2 open action items have no date: say until when, {OR_LINK}",
        ],
    ),
    "one of several": (
        "# It\n## Root cause\nNo key.\n## Action items\n"
        "- Send it (payments, Q3)\n- Alert, Q3\n- Test it: #12\n- [x] Tell\n",
        [
            f"PM-1.md:6 action-owner: the action item 'Alert, Q3' has no owner: "
            f"name the team that does it, {OR_LINK}"
        ],
    ),
    "no deed": (
        "# It\n## Root cause\nNo key.\n## Action items\n"
        "- Improve monitoring (ops, Q3)\n- Runbook for it (ops, Q3)\n- Better tests: #12\n"
        "- Better logs (ops, Q3)\n  - log the key\n",
        [
            "PM-1.md:5 action-vague: nobody can tell when 'Improve monitoring' is done: "
            "say what will be different, where",
            "PM-1.md:6 action-verb: 'Runbook for it' names a thing and no deed: "
            "begin with what is to be done",
        ],
    ),
    "overdue": (
        "# It\n## Root cause\nNo key.\n## Action items\n"
        "|Action|Owner|Due|Status|\n|-|-|-|-|\n|Send it|a|2026-05-31|open|\n"
        "|Test it|a|2026-06-01|open|\n|Tell|a|2026-05-31|done|\n|Ask|a|soon||\n",
        [
            "PM-1.md:7 action-overdue: 'Send it' was due on 2026-05-31 and is open: "
            "do it, give it a new date, or drop it with a reason"
        ],
    ),
    "no status is no delay": (
        "# It\n## Root cause\nNo key.\n## Action items\n"
        "|Action|Owner|Due|\n|-|-|-|\n|Send it|a|2020-05-31|\n",
        [],
    ),
    "draft": ("# It\n- **Status**: Draft\n\n## Action items\n- Send it\n", []),
    "another language": (
        "# Post verloren\n## Zusammenfassung\nAm Morgen war die gesamte Post des Vortages weg.\n"
        "## Ursache\nAlte Post wird nirgends geloescht, und kein Alarm meldet die volle Platte.\n"
        "## Massnahmen\n- Post nach einem Jahr loeschen\n",
        [],
    ),
    "kept elsewhere": ("# It\nRefer to the [full report](https://example.com).\n", []),
    "long title": (
        f"# It\n## Root cause\nNo key.\n## Action items\n- Improve tests\n- Send {'a' * 90} (Q3)\n",
        [
            f"PM-1.md:5 action-owner: 2 open action items have no owner: "
            f"name the team that does it, {OR_LINK}",
            f"PM-1.md:5 action-date: the action item 'Improve tests' has no date: "
            f"say until when, {OR_LINK}",
            "PM-1.md:5 action-vague: nobody can tell when 'Improve tests' is done: "
            "say what will be different, where",
        ],
    ),
}


@pytest.mark.parametrize(("text", "expected"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_is_told_what_a_careful_reader_would_ask(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    """With the line and what helps; a matter of taste is none."""
    assert told(case(tmp_path, text)) == expected


def test_a_document_with_a_link_of_its_own_and_few_words_is_a_note(tmp_path: Path) -> None:
    """What it lacks stands where it leads to."""
    text = "# It\nAll gone.\n"
    here = case(tmp_path, text)
    elsewhere = Postmortem("PM-1", "It", path="PM-1.md", url="https://example.com/1")

    assert codes(here) == ["cause-missing", "action-missing"]
    assert codes(build_lint_case(elsewhere, here.writing)) == []


def test_an_entry_of_a_registry_file_lacks_nothing(tmp_path: Path) -> None:
    """It points at a post-mortem; what stands in it is looked at all the same."""
    assert codes(entry("PM-1")) == []
    assert told(
        entry(
            "PM-2",
            root_cause="Human error",
            action_items=(ActionItem("Tell", due="2026-01-01"), ActionItem("Be careful: #1")),
        )
    ) == [
        f"pm.yml:2 cause-person: 'Human error' is where the questions begin: {ASK}",
        f"pm.yml:2 action-owner: the action item 'Tell' has no owner: "
        f"name the team that does it, {OR_LINK}",
        "pm.yml:2 action-overdue: 'Tell' was due on 2026-01-01 and is open: "
        "do it, give it a new date, or drop it with a reason",
    ]


def test_an_action_item_in_field_and_text_is_one(tmp_path: Path) -> None:
    """What its field says counts."""
    text = "# It\n## Root cause\nNo key.\n## Action items\n- Send the key\n"
    field = ActionItem("Send the key", "payments", "2026-07-01", status="open")
    postmortem = Postmortem("PM-1", "It", path="PM-1.md", line=1, action_items=(field,))

    assert codes(build_lint_case(postmortem, case(tmp_path, text).writing)) == []


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
    """Unless it is exempt, guarded by something else, or nothing is known of any test."""
    assert codes(entry("PM-1", tests, **fields), policy=policy) == expected


def test_what_is_said_of_a_missing_test_helps() -> None:
    """How to link one, why one does not count, and that an exemption is over."""
    over = entry("PM-3", NONE, exempt=True, until="2026-05-31")

    assert told(entry("PM-1", NONE), entry("PM-2", MUTED), over, policy=GRACE) == [
        "pm.yml:1 test-missing: PM-1 has no regression test after 14 days of grace: "
        'mark one with @pytest.mark.postmortem("PM-1"), or exempt it with a reason',
        "pm.yml:2 test-missing: no test of PM-2 would stop anybody, it is skipped: too slow: "
        "let one run everywhere",
        "pm.yml:3 test-exemption: the exemption of PM-3 ended on 2026-05-31: "
        "write the test, or say why not",
    ]


def test_what_recurs_is_known_and_a_guard_that_did_not_notice_is_told() -> None:
    """Until the repeated incident has a test of its own."""
    other = LinkedIncident("PM-9", {"t.py::test": None})
    found = told(
        entry("PM-1", ONE),
        entry("PM-2", NONE, recurs="PM-1"),
        entry("PM-3", other, recurs="PM-1"),
        entry("PM-4", other, recurs="PM-11"),
        entry("PM-5", other, recurs="INC"),
        entry("PM-6", other, recurs="pm-6"),
    )

    assert found == [
        "pm.yml:2 recurs-guarded: PM-2 recurred although guarded: PM-1 has a linked test, "
        "which did not notice; link a test that does to PM-2",
        "pm.yml:4 recurs-unknown: PM-4 recurs 'PM-11', which is not in the registry; "
        "did you mean 'PM-1'?",
        "pm.yml:5 recurs-unknown: PM-5 recurs 'INC', which is not in the registry; correct the id",
        "pm.yml:6 recurs-unknown: PM-6 recurs itself: name the incident that it repeats",
    ]


def test_of_a_registry_that_is_not_whole_nobody_knows_what_it_lacks() -> None:
    """Neither of a partial one, nor of one that can't be reached."""
    one = entry("PM-1", ONE, recurs="PM-7")

    assert lint_cases([one], Registry(partial=("the newest 50",)), TODAY) == ()
    assert lint_cases([one], Registry(unreachable=("github:o/r",)), TODAY) == ()


def test_a_class_with_several_incidents_wants_one_test() -> None:
    """Of any of them; the newest of them is where it is said."""
    tested = entry("PM-9", LinkedIncident("PM-9", {"t.py::t": None}), problem_class="keys")
    cache = [
        entry(f"PM-{n}", NONE, problem_class=f"{'Stale' if n > 1 else 'stale '} cache")
        for n in (1, 2)
    ]
    exempt = entry("PM-3", NONE, problem_class="stale cache", exempt=True)

    found = told(tested, *cache, exempt, ignored=("test-missing",))

    assert found == [
        "pm.yml:2 class-untested: the class 'Stale cache' has 2 incidents and no regression test "
        "(PM-1, PM-2): write one for the class"
    ]
    guarded = entry("PM-4", LinkedIncident("PM-4", {"t.py::t": None}), problem_class="stale cache")
    assert told(tested, *cache, guarded, ignored=("test-missing",)) == []


def test_what_most_lack_is_said_once(tmp_path: Path) -> None:
    """Four of five would be noise; three of four are few enough, and two of five are not most."""
    lone = "# It\n## Root cause\nNo key.\n"
    many = [case(tmp_path, lone, f"PM-{n}") for n in range(1, 5)]
    good = case(tmp_path, GOOD, "PM-5")

    assert told(*many, good)[0] == (
        ": action-missing: 4 of 5 post-mortems have no action item "
        "(PM-1, PM-2, PM-3 and 1 more): give your template a part for them"
    )
    assert codes(*many[:3], good) == ["action-missing"] * 3 + ["class-missing"]
    others = [case(tmp_path, GOOD, f"PM-{n}") for n in range(6, 15)]
    assert codes(*many, *others).count("action-missing") == 4


def test_a_team_without_classes_is_told_once_and_one_with_them_each_time(tmp_path: Path) -> None:
    """A list of incidents without any document is told nothing."""
    plain = [case(tmp_path, GOOD, f"PM-{n}") for n in range(1, 5)]
    classed = [case(tmp_path, f"Category: cache\n{GOOD}", f"PM-{n}") for n in range(5, 10)]

    assert told(*plain) == [
        ": class-missing: 4 of 4 post-mortems have no class of problem "
        "(PM-1, PM-2, PM-3 and 1 more): add a 'class', by which the report groups"
    ]
    assert told(*plain[:1], *classed) == [
        "PM-1.md:1 class-missing: it has no class of problem, by which the report groups: "
        "add a 'class'"
    ]
    assert told(*plain[:3]) == []
    assert told(*(entry(f"PM-{n}") for n in range(20))) == []


def test_a_suite_that_has_just_begun_is_told_once() -> None:
    """Not for each of hundreds of incidents; and nothing of classes, of which none is tested."""
    cases = [entry(f"PM-{n}", NONE, problem_class="cache") for n in range(1, 40)]

    assert told(*cases) == [
        ": test-missing: 39 of 39 post-mortems have no regression test "
        "(PM-1, PM-2, PM-3 and 36 more): begin with the gravest, `pytest -v` lists them"
    ]


def test_a_rule_is_switched_off_everywhere_or_in_a_document(tmp_path: Path) -> None:
    """By its code or a glob of codes; what is switched off counts for nothing."""
    lone = "# It\n## Root cause\nHuman error\n"
    off = f"{lone}\n<!-- postmortem: ignore=cause-person, action-* -->\n"

    assert codes(case(tmp_path, lone)) == ["cause-person", "action-missing"]
    assert codes(case(tmp_path, off)) == []
    assert told(case(tmp_path, lone), ignored=("*-missing", "cause-person")) == []


def test_every_rule_is_tried_here() -> None:
    """No code is without a case."""
    text = Path(__file__).read_text(encoding="utf-8")

    assert [code for code in LINT_RULES if text.count(code) < 1] == []
