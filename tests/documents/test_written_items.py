"""Action items as people write them: in lists, with boxes, in tables, with facts in the text."""

from __future__ import annotations

import pytest

from pytest_postmortem.documents.action_items import (
    DocumentItem,
    build_item_of_field,
    find_document_items,
    find_item_date,
    has_date_words,
    has_tracker_reference,
    parse_item_facts,
)
from pytest_postmortem.documents.parts import split_into_parts
from pytest_postmortem.documents.placeholders import is_placeholder_text
from pytest_postmortem.documents.sections import parse_markdown_sections
from pytest_postmortem.model import ActionItem


def found(text: str, heading: str = "## Action items") -> tuple[DocumentItem, ...]:
    """Return the action items below a heading."""
    return find_document_items(
        split_into_parts(parse_markdown_sections(f"# It\n\n{heading}\n\n{text}"))
    )


def flags(item: DocumentItem) -> str:
    """Return what is known of an item: owned, dated, tracked, stated, detailed, over."""
    named = ("owned", "dated", "tracked", "stated", "detailed", "over")
    return " ".join(name for name in named if getattr(item, name))


TABLE = """\
| # | Action Item | Type | Owner | Due | Status | Bug |
|---|---|---|---|---|---|---|
| 1 | Send the key | prevent | payments | 2026-04-01 | DONE | [#7](https://x/7) |
| 2 | Alert on doubles | detect | | Q3 | | |
| 3 | ~~Ask~~ | | TBD | - | | PAY-12 |
| 4 | | | nobody | | | |
| 5 | {{ summary }} | | | | | |
"""


def test_a_table_has_its_facts_in_columns() -> None:
    """A row without a title, or with that of a template, is none."""
    one, two, three = found(TABLE)

    assert one.action == ActionItem("Send the key", "payments", "2026-04-01", "prevent", "DONE")
    assert two.action == ActionItem("Alert on doubles", None, "Q3", "detect", None)
    assert three.action == ActionItem("Ask", None, None, None, None)
    assert [item.line for item in (one, two, three)] == [7, 8, 9]
    assert [flags(item) for item in (one, two, three)] == [
        "owned dated tracked stated over",
        "dated stated",
        "tracked stated",
    ]


@pytest.mark.parametrize(
    "head",
    [
        ("Action", "Owner", "Due"),
        ("Task", "Assigned to", "Deadline"),
        ("What", "Who", "When"),
        ("Follow-up item", "Action owner", "Target date"),
        ("Remediation", "Responsible team", "ETA"),
    ],
)
def test_a_column_is_known_by_many_names(head: tuple[str, ...]) -> None:
    """Those of public templates; without a column for it no status is stated."""
    (item,) = found(f"|{'|'.join(head)}|\n|-|-|-|\n|Alert|ops|2026-04-01|\n")

    assert item.action == ActionItem("Alert", "ops", "2026-04-01")
    assert flags(item) == "owned dated"


LIST = """\
Some are done already. There are:
- P0: the first kind

**Prevent**

- [x] Send the key
- [ ] Alert on doubles (payments, due 2026-05-01)
- Write a runbook for the
  fail-over of the gateway
  - with a checklist
  - see [the other](https://x)

  and a picture
1. Add metrics for:
- lag
- size
2. ~~Ask the vendor~~
3. The team then raised a ticket
4. TBD
5. [How it is elsewhere](https://x/9)

An end.
"""


def test_a_list_has_an_item_for_each_of_its_outermost() -> None:
    """With all that belongs to it; a list that nobody indented belongs to the colon above it."""
    every = found(LIST)

    assert [(item.action.title, item.line, flags(item)) for item in every] == [
        ("P0: the first kind", 6, ""),
        ("Send the key", 10, "stated over"),
        ("Alert on doubles", 11, "owned dated stated"),
        ("Write a runbook for the fail-over of the gateway", 12, "tracked detailed"),
        ("Add metrics for:", 18, "detailed"),
        ("Ask the vendor", 21, "stated over"),
        ("The team then raised a ticket", 22, "tracked over"),
        ("How it is elsewhere", 24, "tracked"),
    ]
    assert every[2].action == ActionItem("Alert on doubles", "payments", "2026-05-01", None, "open")
    assert every[3].text == (
        "Write a runbook for the fail-over of the gateway\nwith a checklist\nsee the other\n"
        "and a picture"
    )
    assert every[4].text == "Add metrics for:\nlag\nsize"


def test_a_bold_line_is_the_title_and_a_rank_before_it_is_none() -> None:
    """What stands below it on the next line is said of it."""
    titled, ranked = found("1. **Watch the pool**\n   We add metrics.\n2. **HIGH** Send the key\n")

    assert (titled.action.title, titled.detailed) == ("Watch the pool", True)
    assert (ranked.action.title, ranked.detailed) == ("HIGH Send the key", False)


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("## Immediate actions (completed)", ["done"]),
        ("## Planned actions (planned or in-progress, none completed)", [None]),
        ("## Action items\n### Process improvements", [None]),
        ("## Action items\n### Impact", [None]),
        ("## Lessons learned and next steps", []),
        ("## Impact", []),
    ],
)
def test_the_heading_says_what_a_list_is(heading: str, expected: list[str | None]) -> None:
    """Done, open, in a group of its own; or no list of action items at all."""
    assert [item.action.status for item in found("- Alert on doubles\n", heading)] == expected


@pytest.mark.parametrize(
    ("above", "expected"),
    [
        ("All of them are tracked on [the board](https://x/b).", "tracked"),
        ("Tracker: PAY-12", "tracked"),
        ("Owner: payments", "owned"),
        ("They are due by the end of the quarter.", "dated"),
        ("In the review of 2026-05-01 we agreed to track them ([how](https://x/h)):", "tracked"),
        ("In the review of 2026-05-01 we agreed on these, see [the guide](https://x/g):", ""),
    ],
)
def test_what_stands_above_the_items_is_said_of_all(above: str, expected: str) -> None:
    """Be they a list or a table."""
    listed = found(f"{above}\n\n- Send the key\n- Alert on doubles\n")
    (row,) = found(f"{above}\n\n|Action|\n|-|\n|Send the key|\n")

    assert [flags(item) for item in (*listed, row)] == [expected] * 3


def test_what_is_planned_is_not_over_for_a_word_in_the_past() -> None:
    """Improved runbooks are still to be written there."""
    text = "- Improved runbooks for the gateway\n"

    (noted,), (planned,) = found(text), found(text, "## Planned actions (or in-progress)")

    assert (flags(noted), flags(planned)) == ("over", "")


@pytest.mark.parametrize("text", ["", "None.", "A paragraph\nof two lines.", "|a|b|\n|-|-|\n|x|y|"])
def test_without_a_list_or_a_known_table_there_are_none(text: str) -> None:
    """Nobody can tell where in a text one item ends."""
    assert found(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "- none, the parser is retired",
        "- None",
        "- None: the parser is retired",
        "* None needed - the parser is retired",
        "- N/A (the parser is retired)",
        "1. No further actions are required, as the parser is retired",
        "- [ ] none, the parser is retired",
        "- **None** \u2013 the parser is retired",
        "- Nothing to do because the parser is retired",
    ],
)
def test_an_item_that_says_none_and_why_is_none(text: str) -> None:
    """The lint asks for this sentence, in a list too."""
    assert found(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "- None of the alerts fired: add one",
        "- No action button on the page: add it",
        "- Nothing alerts on doubles; add an alert",
        "- Not needed fields are sent: drop them",
    ],
)
def test_an_item_that_begins_like_none_is_one(text: str) -> None:
    """Only a reason or nothing may follow the word."""
    assert len(found(text)) == 1


def test_an_item_in_a_field_of_its_own_is_what_it_says() -> None:
    """Its title may say more than its fields."""
    plain = build_item_of_field(ActionItem("Alert on doubles"), 3)
    full = build_item_of_field(ActionItem("Alert (ops team, by Friday): #12", status="done"), 3)

    assert (flags(plain), plain.line) == ("stated", 3)
    assert flags(full) == "owned dated tracked stated over"


@pytest.mark.parametrize(
    ("text", "title", "owner", "due", "done"),
    [
        ("Alert on doubles", "Alert on doubles", None, None, None),
        ("Alert (payments, due 2026-05-01)", "Alert", "payments", "2026-05-01", None),
        ("Alert [2026-05-01; payments]", "Alert", "payments", "2026-05-01", None),
        ("Alert - payments, 2026-05-01", "Alert - payments, 2026-05-01", "payments", None, None),
        ("Alert, owner: payments team", "Alert, owner: payments team", "payments team", None, None),
        ("Alert @ops by June 3", "Alert @ops by June 3", "ops", None, None),
        ("[x] Alert.", "Alert", None, None, True),
        ("[ ] Alert (done)", "Alert", None, None, False),
        ("Alert (done)", "Alert", None, None, True),
        ("DONE: alert", "alert", None, None, True),
        ("✅ Alert", "Alert", None, None, True),
        ("Alert\nThis has been fixed.", "Alert", None, None, True),
        ("Test it before it is deployed", "Test it before it is deployed", None, None, None),
        ("(no title)", "(no title)", None, None, None),
    ],
)
def test_what_a_text_says_beside_its_title(
    text: str, title: str, owner: str | None, due: str | None, done: bool | None
) -> None:
    """In the ways that people have of saying it."""
    said = parse_item_facts(text)

    known = due if due is not None else find_item_date(text)
    assert (said.title, said.owner, said.due, said.done) == (title, owner, known, done)
    assert said.owned == (owner is not None)


@pytest.mark.parametrize("text", ["Alert (Rasmus calls)", "Alert – Platform", "Alert (ops team)"])
def test_a_name_in_brackets_or_at_the_end_is_taken_for_an_owner(text: str) -> None:
    """Better than to say that there is none."""
    said = parse_item_facts(text)

    assert (said.owner, said.owned) == (None, True)


@pytest.mark.parametrize(
    ("past", "text"),
    [
        (True, "We have raised the limit"),
        (True, "The platform team then added an alert"),
        (True, "Got guidance from the vendor"),
        (False, "Need a limit"),
        (False, "Speed up the build"),
        (False, "Add what was removed"),
    ],
)
def test_what_tells_of_the_past_is_over(past: bool, text: str) -> None:
    """People note what they did among what is to be done."""
    assert parse_item_facts(text).past == past


DATED = ["2026-05", "3.6.2026", "June 3", "3rd of June", "Q3", "this sprint", "ETA soon", "2 weeks"]


@pytest.mark.parametrize("text", DATED)
def test_a_date_has_many_forms(text: str) -> None:
    """Any of them says until when."""
    assert has_date_words(f"Alert, {text}")


@pytest.mark.parametrize("text", ["may fail", "14 pods", "by hand", "version 1.2", "the next pod"])
def test_what_is_no_date(text: str) -> None:
    """Numbers and words that dates have too."""
    assert not has_date_words(f"Alert, {text}")


@pytest.mark.parametrize(
    "text", ["https://x", "#12", "PAY-12", "(issue created)", "filed a ticket"]
)
def test_what_leads_to_a_tracker(text: str) -> None:
    """An address, a number, or that there is one."""
    assert has_tracker_reference(f"Alert {text}")


@pytest.mark.parametrize("text", ["UTF-8", "a pod-15", "&#12;", "an issue", "top-10", "C#7x"])
def test_what_leads_to_none(text: str) -> None:
    """What looks like the number of a ticket and is none."""
    assert not has_tracker_reference(f"Alert {text}")


@pytest.mark.parametrize(
    "text", ["", "-", "TBD", "n/a", "{{ summary }}", "<cause>", "[Owner]", "XXX", "Lorem ipsum d"]
)
def test_what_a_template_leaves_says_nothing(text: str) -> None:
    """It is as if it were empty."""
    assert is_placeholder_text(text)


@pytest.mark.parametrize("text", ["To be or not", "A [link] to it", "none of the caches", "x"])
def test_what_says_something_is_no_placeholder(text: str) -> None:
    """Be it short."""
    assert not is_placeholder_text(text)
