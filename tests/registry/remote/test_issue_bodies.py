"""The body of an issue is read as a post-mortem, as far as ``postmortem_show`` lets it be shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_postmortem.model import ActionItem, Location, Postmortem, Registry
from pytest_postmortem.registry import LoadOptions, load_registry
from pytest_postmortem.registry.remote.http import HttpLimits
from pytest_postmortem.registry.remote.issue_body import read_issue_body, render_body_markdown
from pytest_postmortem.registry.remote.json_path import find_path_values
from server import Reply, Server

QUICK = HttpLimits(retries=0)
TOKEN = "abc1def2ghi3jkl4mnop5"

BODY = """\
**Severity:** SEV1 - all users\r
\r
## Root cause\r
\r
The pool had no limit.\r
\r
## Action items\r
\r
- [x] Cap the pool\r
- [ ] Alert at 80 % (owner: Maria, due 2026-12-31)\r
"""

ITEMS = (
    ActionItem("Cap the pool", status="done"),
    ActionItem("Alert at 80 %", owner="named in the issue", due="2026-12-31", status="open"),
)


def issue(**values: object) -> dict[str, object]:
    """Return an issue as GitHub gives it."""
    return {
        "number": 7,
        "title": "Pool full",
        "html_url": "https://github.com/o/r/issues/7",
        "created_at": "2026-03-02T09:00:00Z",
        "state": "closed",
        "labels": [],
        "body": BODY,
        **values,
    }


def load(
    folder: Path, server: Server, issues: Any, cache: Path | None = None, **how: Any
) -> Registry:
    """Return the registry of a repository on GitHub with these issues."""
    server.on("/repos/o/r/issues", Reply(issues))
    file = folder / "postmortems.yml"
    file.write_text(f'source: {{preset: "github:o/r", base: "{server.url}"}}\n')
    options = LoadOptions(limits=QUICK, cache=cache, **how)
    return load_registry([Location(file.name, folder)], folder, options)


def only(registry: Registry) -> Postmortem:
    """Return the one post-mortem of a registry without any finding."""
    (postmortem,) = registry
    assert registry.findings == ()
    return postmortem


def test_the_body_gives_what_the_issue_has_no_field_for(tmp_path: Path, server: Server) -> None:
    """Severity, root cause and action items; the body itself is not kept."""
    cache = tmp_path / "cache"

    postmortem = only(load(tmp_path, server, [issue()], cache))

    assert postmortem.severity == "SEV1"
    assert postmortem.root_cause == "The pool had no limit."
    assert postmortem.action_items == ITEMS
    assert (postmortem.title, postmortem.date, postmortem.extra) == ("Pool full", "2026-03-02", {})
    kept = "".join(path.read_text() for path in cache.iterdir())
    assert "The pool had no limit" in kept
    assert not any(text in kept for text in ("all users", "Maria"))


@pytest.mark.parametrize(
    ("show", "severity", "kept"),
    [("title", "SEV1", True), ("link", None, False), ("id", None, False), (None, None, False)],
)
def test_no_more_of_a_body_is_kept_than_may_be_shown(
    tmp_path: Path,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    show: Any,
    severity: str | None,
    kept: bool,
) -> None:
    """With a credential it is the link alone, unless more is asked for."""
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    cache = tmp_path / "cache"

    postmortem = only(load(tmp_path, server, [issue()], cache, show=show))

    assert (postmortem.severity, postmortem.root_cause) == (severity, None)
    assert postmortem.action_items == ()
    stored = "".join(path.read_text() for path in cache.iterdir())
    assert ("SEV1" in stored) == kept
    assert not any(text in stored for text in ("no limit", "Cap the pool", "all users", TOKEN))


def test_a_field_of_the_issue_counts_before_its_body(tmp_path: Path, server: Server) -> None:
    """As GitLab's severity does."""
    incident = {"iid": 4, "title": "T", "web_url": "https://g/4", "description": BODY}
    server.on(
        "/api/v4/projects/g%2Fp/issues",
        Reply([{**incident, "severity": "HIGH"}, {**incident, "iid": 5, "severity": "UNKNOWN"}]),
    )
    location = Location(f"gitlab:{server.url}/g/p", tmp_path)

    first, second = load_registry([location], tmp_path, LoadOptions(limits=QUICK))

    assert (first.severity, first.root_cause) == ("HIGH", "The pool had no limit.")
    assert second.severity == "SEV1"


def test_a_credential_in_a_body_is_redacted(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it only shows once the parts of the body are joined."""
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    texts = ("The key ", TOKEN[:7], TOKEN[7:14], TOKEN[14:])
    parts = [{"type": "text", "text": text} for text in texts]
    body = {
        "type": "doc",
        "content": [heading("Root cause"), {"type": "paragraph", "content": parts}],
    }

    postmortem = only(load(tmp_path, server, [issue(body=body)], show="all"))

    assert postmortem.root_cause == "The key ***"


@pytest.mark.parametrize("body", [None, "", "...", 7, [], {"type": "doc"}, {"content": [[]]}])
def test_a_body_may_say_nothing(tmp_path: Path, server: Server, body: object) -> None:
    """An empty one, or one of a shape that no service has, leaves the fields as they are."""
    postmortem = only(load(tmp_path, server, [issue(body=body)]))

    assert (postmortem.severity, postmortem.root_cause) == (None, None)


def heading(text: str) -> dict[str, Any]:
    """Return a heading as Jira Cloud has it."""
    return {
        "type": "heading",
        "attrs": {"level": 2},
        "content": [{"type": "text", "text": text}],
    }


def paragraph(*texts: str, bold: bool = False) -> dict[str, Any]:
    """Return a paragraph as Jira Cloud has it; its first text may be bold."""
    content: list[dict[str, Any]] = [{"type": "text", "text": text} for text in texts]
    if bold:
        content[0]["marks"] = [{"type": "strong"}]
    return {"type": "paragraph", "content": content}


JIRA_BODY = {
    "type": "doc",
    "version": 1,
    "content": [
        paragraph("Severity:", " SEV-2", bold=True),
        heading("Root cause"),
        {"type": "panel", "content": [paragraph("Nothing deletes ", "old mail.")]},
        heading("Action items"),
        {
            "type": "taskList",
            "content": [
                {
                    "type": "taskItem",
                    "attrs": {"state": state},
                    "content": [{"type": "text", "text": text}],
                }
                for text, state in (("Delete old mail", "DONE"), ("Alert on a full disk", "TODO"))
            ],
        },
    ],
}

JIRA_WIKI = """\
*Severity:* SEV-2

h2. Root cause

Nothing deletes old mail.

h2. Action items

||Action||Status||
|Delete old mail|Done|
|Alert on a full disk|Open|
"""


@pytest.mark.parametrize("body", [JIRA_BODY, JIRA_WIKI], ids=["cloud", "data-center"])
def test_jira_s_documents_are_read_as_markdown(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, body: object
) -> None:
    """Those of Jira Cloud, which are nested nodes, and the markup of Jira Data Center."""
    monkeypatch.setenv("JIRA_EMAIL", "bot@example.com")
    monkeypatch.setenv("JIRA_API_TOKEN", TOKEN)
    issues = [{"key": "PM-1", "fields": {"summary": "Disk full", "description": body}}]
    server.on("/rest/api/3/search/jql", Reply({"issues": issues}))
    location = Location(f"jira:{server.url}/PM", tmp_path)

    (postmortem,) = load_registry([location], tmp_path, LoadOptions(limits=QUICK, show="all"))

    assert (postmortem.severity, postmortem.root_cause) == ("SEV-2", "Nothing deletes old mail.")
    assert [(item.title, item.status) for item in postmortem.action_items] in (
        [("Delete old mail", "done"), ("Alert on a full disk", "open")],
        [("Delete old mail", "Done"), ("Alert on a full disk", "Open")],
    )


def test_every_kind_of_node_becomes_markdown() -> None:
    """Lists in lists, tables, quotes, code, links, dates and mentions."""
    row = [{"type": "tableHeader", "content": [paragraph(text)]} for text in ("a|b", "c")]
    nodes = [
        {"type": "table", "content": [{"type": "tableRow", "content": row}] * 2},
        {"type": "blockquote", "content": [paragraph("one"), paragraph("two")]},
        {"type": "codeBlock", "content": [{"type": "text", "text": "x = 1"}]},
        {
            "type": "bulletList",
            "content": [
                {
                    "type": "listItem",
                    "content": [
                        paragraph("first"),
                        {
                            "type": "orderedList",
                            "content": [{"type": "listItem", "content": [paragraph("inner")]}],
                        },
                    ],
                }
            ],
        },
        {
            "type": "paragraph",
            "content": [
                {"type": "date", "attrs": {"timestamp": "1798675200000"}},
                {"type": "hardBreak"},
                {"type": "mention", "attrs": {"text": "@ops"}},
                {
                    "type": "text",
                    "text": "log",
                    "marks": [{"type": "link", "attrs": {"href": "https://x/1"}}],
                },
            ],
        },
        {"type": "expand", "attrs": {"title": "More"}, "content": [paragraph("inside")]},
    ]

    assert render_body_markdown({"type": "doc", "content": nodes}) == (
        "| a\\|b | c |\n|---|---|\n| a\\|b | c |\n\n> one\n>\n> two\n\n```\nx = 1\n```\n\n"
        "- first\n  - inner\n\n2026-12-31\n@ops[log](https://x/1)\n\n**More**\n\ninside"
    )


def test_a_document_that_is_nested_without_end_is_cut() -> None:
    """A service may send anything."""
    node: dict[str, Any] = paragraph("deep")
    for _ in range(500):
        node = {"type": "panel", "content": [node]}

    assert render_body_markdown(node) == ""


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("Severity: sev2", "sev2"),
        ("- **Severity**: `P1`", "P1"),
        ("| Severity | High |", "High"),
        ("### Severity\n\nSEV-1 (critical)", "SEV-1"),
        ("**Incident severity:** critical", "critical"),
        ("### Severity\n\n_No response_", None),
        ("Severity: we do not know yet", None),
        ("Severity: high load on the disks", None),
        ("The severity: none of it was seen", None),
    ],
)
def test_a_severity_looks_like_one(text: str, severity: str | None) -> None:
    """A label, a row, a list item, or the answer to a question of a form."""
    assert read_issue_body(text).texts.get("severity") == severity


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("### What caused it?\n\nThe pool.", "The pool."),
        ("### Root cause\n\n_No response_", None),
        ("### Root Cause\n\nTBD", None),
        (
            "## Summary\n\nA.\n\n## Contributing factors\n\nThe queue has no limit.",
            "The queue has no limit.",
        ),
    ],
)
def test_a_question_without_an_answer_is_no_cause(text: str, cause: str | None) -> None:
    """What GitHub writes for it is no text of anyone."""
    assert read_issue_body(text).texts.get("root_cause") == cause


def test_a_run_says_that_a_severity_is_withheld(
    pytester: pytest.Pytester, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not that there is none, which nobody has seen."""
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    server.on("/repos/o/r/issues", Reply([issue()]))
    source = {"source": {"preset": "github:o/r", "base": server.url}}
    (pytester.path / "pm.json").write_text(json.dumps(source))
    pytester.makepyfile("import pytest\n\n@pytest.mark.postmortem('7')\ndef test_it(): pass\n")
    pytester.makeini("[pytest]\npostmortem_registry = pm.json\npostmortem_require = sev1\n")

    withheld = pytester.runpytest()
    shown = pytester.runpytest("-o", "postmortem_show=title")

    assert (
        "Gate require failed: the severity of 1 incident is withheld by postmortem_show, or"
        " missing: not judged (7); set postmortem_show to title or all"
    ) in withheld.outlines
    assert "no severity" not in withheld.stdout.str()
    assert "Gate" not in shown.stdout.str()
    assert shown.ret == 0


def node(kind: str, *content: Any, **attributes: Any) -> dict[str, Any]:
    """Return a node of the documents of Jira, in which numbers were read as texts."""
    return {"type": kind, "content": list(content), "attrs": attributes}


def text(words: Any, *marks: dict[str, Any]) -> dict[str, Any]:
    """Return a text with marks."""
    return {"type": "text", "text": words, "marks": list(marks)}


LINK = {"type": "link", "attrs": {"href": "https://a.example"}}


@pytest.mark.parametrize(
    ("block", "markdown"),
    [
        (node("heading", text("Cause"), level="9"), "###### Cause"),
        (node("heading", text("Cause"), level="high"), "# Cause"),
        (node("paragraph", text("a", {"type": "strong"}), text(" "), text(7)), "**a**"),
        (node("paragraph", text("wiki", LINK, {"type": "underline"})), "[wiki](https://a.example)"),
        (node("paragraph", text("a"), node("hardBreak"), text("b")), "a\nb"),
        (node("paragraph", node("date", timestamp="1772409600000")), "2026-03-02"),
        (node("paragraph", text("at "), node("date", timestamp="soon")), "at"),
        (node("paragraph", node("date", timestamp="1" * 15)), ""),
        (node("paragraph", node("emoji", shortName=":fire:"), node("status")), ":fire:"),
        (
            node(
                "taskList",
                node("taskItem", text("Cap it"), state="DONE"),
                node("taskList", node("taskItem", text("Alert"), state="TODO")),
            ),
            "- [x] Cap it\n  - [ ] Alert",
        ),
        (
            node("bulletList", node("listItem", node("paragraph", text("a")), node("codeBlock"))),
            "- a\n  ```\n  \n  ```",
        ),
        (node("expand", node("paragraph", text("a")), title="More"), "**More**\n\na"),
        (node("panel", node("paragraph", text("a")), title="More"), "a"),
        (node("blockquote", node("paragraph", text("a")), node("rule")), "> a"),
        (
            node(
                "table",
                node("tableRow", node("tableHeader", node("paragraph", text("a|b")))),
                node("tableRow", node("tableCell")),
            ),
            "| a\\|b |\n|---|\n|  |",
        ),
        ("no node", ""),
    ],
)
def test_each_block_of_a_document_is_written_as_markdown(block: Any, markdown: str) -> None:
    """What has no form in it leaves its text."""
    assert render_body_markdown({"type": "doc", "content": [block]}) == markdown


@pytest.mark.parametrize(
    ("item", "path", "nulls", "values"),
    [
        ({"a": {"b": 1}}, "a.b", False, [1]),
        ({"a.b": 1, "a": {"b": 2}}, "a.b", False, [1]),
        ({"a": [{"b": 1}, {"c": 2}, 7, {"b": 3}]}, "a.b", False, [1, 3]),
        ({"a": None}, "a.b", False, []),
        ({"a": None}, "a.b", True, [None]),
        ({"a": []}, "a.b", True, [None]),
        ("text", "a", True, []),
    ],
)
def test_a_path_leads_into_every_item_of_a_list(
    item: Any, path: str, nulls: bool, values: list[Any]
) -> None:
    """What has no such key is passed over; a null is a value only where it is asked for."""
    assert list(find_path_values(item, path, nulls=nulls)) == values
