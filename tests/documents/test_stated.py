"""Action items that a document says the state of, in the reports that show action items."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import RunPytest
from loaded_modules import loaded
from pytest_postmortem.model import ActionItem, Postmortem
from pytest_postmortem.registry.postmortem_text import add_document_details
from repositories import write

DOCUMENT = """\
# PM-1: Charged twice

## Action items

Some are open.

### Prevent
- [x] Send the key (payments, due 2026-04-01)
- [ ] Alert on doubles (@alice, due 2026-05-01)
- Nobody knows

### Detect

| Action | Owner | Due | Status |
|---|---|---|---|
| Teach the gateway | Bob | 2027-01-01 | in progress |

## Timeline
- [ ] no item
"""

ITEMS = (
    ActionItem("Send the key", None, "2026-04-01", None, "done"),
    ActionItem("Alert on doubles", None, "2026-05-01", None, "open"),
    ActionItem("Teach the gateway", None, "2027-01-01", None, "in progress"),
)

REST = """\
Charged twice
=============

Next steps
----------

* [ ] Alert
* Nobody knows

Timeline
--------

* [ ] no item
"""


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("PM-1.md", DOCUMENT, ITEMS),
        ("PM-1.rst", REST, (ActionItem("Alert", status="open"),)),
        ("PM-1.md", DOCUMENT.replace("## Action items", "## Impact"), ITEMS),
        ("PM-1.md", "# It\n## Impact\n- [ ] one\n", ()),
        ("PM-1.md", "# It\n## To do\n- one\n## Status\ndone\n", ()),
        ("PM-1.md", "# It\n## To do\n- one\n", ()),
        (
            "PM-1.md",
            "## To do\n- [ ] one\n# Follow-up\n- [ ] two\n## To do\n- [ ] three\n",
            tuple(ActionItem(title, status="open") for title in ("one", "two", "three")),
        ),
        ("PM-1.yml", "id: PM-1\nnext steps: ['[ ] one']\n", (ActionItem("one", status="open"),)),
        ("README.md", DOCUMENT, ()),
        ("gone.md", None, ()),
    ],
)
def test_only_what_a_document_states_is_an_item(
    tmp_path: Path, name: str, text: str | None, expected: tuple[ActionItem, ...]
) -> None:
    """Without a box, a column or a word nobody knows whether it is open; no person is named."""
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")

    (found,) = add_document_details([Postmortem("PM-1", "It", path=name)], tmp_path)

    assert found.action_items == expected


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Path:
    """A suite with a document that has action items, and an entry that has its own."""
    write(
        pytester.path,
        {
            "tox.ini": "[pytest]\npostmortem_registry =\n    pm\n    pm.yml\n"
            "addopts = --postmortem-today=2026-11-20\n",
            "pm/PM-1.md": DOCUMENT,
            "pm/PM-2.md": DOCUMENT.replace("PM-1", "PM-2"),
            "pm.yml": "- {id: PM-2, action_items: [Tell]}\n- {id: PM-3}\n",
            "test_it.py": "import pytest\n@pytest.mark.postmortem('PM-1')\ndef test_it(): pass\n",
        },
    )
    return pytester.path


def test_every_report_shows_what_is_open_and_overdue(suite: Path, run: RunPytest) -> None:
    """A field of the registry counts more than the text."""
    run(*(f"--postmortem-report={type}:out.{type}" for type in ("json", "markdown", "html")))

    texts = {
        type: (suite / f"out.{type}").read_text(encoding="utf-8")
        for type in ("json", "markdown", "html")
    }
    found = {each["id"]: each["action_items"] for each in json.loads(texts["json"])["incidents"]}
    assert [(each["title"], each["status"]) for each in found["PM-1"]] == [
        ("Send the key", "done"),
        ("Alert on doubles", "open"),
        ("Teach the gateway", "in progress"),
    ]
    assert [each["title"] for each in found["PM-2"]] == ["Tell"]
    assert found["PM-3"] == []
    assert (
        "<br>**overdue**: Alert on doubles (due 2026-05-01)"
        "<br>open: Teach the gateway (due 2027-01-01) |"
    ) in texts["markdown"].replace("\\", "")
    assert "<em>1 action item overdue</em>" in texts["html"]
    assert not any("alice" in text or "Bob" in text for text in texts.values())


def test_a_plugin_that_takes_the_report_gets_them_too(
    suite: Path, pytester: pytest.Pytester
) -> None:
    """Without any report being asked for."""
    pytester.makeconftest(
        "def pytest_postmortem_report(report, config):\n"
        "    print('ITEMS', len(report['incidents'][0]['action_items']))\n"
    )

    result = pytester.runpytest_subprocess("-s")

    result.stdout.fnmatch_lines(["*ITEMS 3*"])


def test_a_run_that_shows_no_action_items_reads_none(suite: Path) -> None:
    """It pays for no parser of Markdown."""
    plain = loaded(suite, "-v")
    shown = loaded(suite, "--postmortem-report=json:out.json")

    assert ("markdown_it" in plain, "markdown_it" in shown) == (False, True)


ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for folder in ("docs/postmortems", "examples/shop/docs/postmortems")
    for path in (ROOT / folder).glob("PM-*.md")
)


@pytest.mark.parametrize("file", DOCUMENTS, ids=[path.stem[:7] for path in DOCUMENTS])
def test_our_own_documents_say_how_far_each_item_is(file: Path) -> None:
    """Those of the example too, which shows what a report tells."""
    (found,) = add_document_details([Postmortem("PM-1", "It", path=file.name)], file.parent)

    assert len(found.action_items) >= 2
