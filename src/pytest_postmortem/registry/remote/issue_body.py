"""Read the body of an issue in a tracker as a post-mortem, for the fields that its entry lacks.

A body is Markdown, or what Jira has, which is turned into Markdown: in Jira Cloud a document of
nested nodes (https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/), in Jira
Data Center a text with headings such as ``h2. Root cause``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from pytest_postmortem.documents.action_items import find_document_items
from pytest_postmortem.documents.causes import find_document_cause
from pytest_postmortem.documents.labels import load_labels
from pytest_postmortem.documents.parts import split_into_parts
from pytest_postmortem.documents.sections import parse_markdown_sections
from pytest_postmortem.documents.stated_fields import read_stated_fields
from pytest_postmortem.model import ActionItem, ShowLevel
from pytest_postmortem.registry.entry import EntryReader
from pytest_postmortem.registry.located_data import LocatedTable, convert_to_tables
from pytest_postmortem.registry.raw_entries import RawEntry
from pytest_postmortem.text import clean_text

BODY_KEY = "body"
"""The name under ``fields`` of a source for the path of the body, which is no field of an entry."""

OWNER_IN_BODY = "named in the issue"

MAX_BODY_SIZE = 200_000
"""The size of the longest body that is read, in characters; GitHub's limit is a third of it."""

MAX_NODE_DEPTH = 100


@dataclass(frozen=True, slots=True)
class IssueBody:
    """What the body of an issue says: texts by field, and its action items."""

    texts: Mapping[str, str]
    items: tuple[ActionItem, ...] = ()


def read_issue_body(text: str) -> IssueBody:
    """Return the severity, the root cause and the action items of a body in Markdown.

    Of the owner of an action item only that there is one is kept: in a body it is often a person.
    """
    parts = split_into_parts(parse_markdown_sections(text))
    stated = read_stated_fields(text.split("\n"), load_labels())
    texts = {"severity": stated.texts.get("severity"), "root_cause": find_document_cause(parts)}
    items = tuple(
        item.action._replace(owner=OWNER_IN_BODY if item.owned else None)
        for item in find_document_items(parts)
    )
    return IssueBody({name: clean_text(found) for name, found in texts.items() if found}, items)


def add_body_fields(raw: RawEntry, show: ShowLevel) -> RawEntry:
    """Return an entry with the fields that its body has and it lacks, and without the body.

    The body is read only as far as it may be shown: under ``title`` for the severity, under
    ``all`` for the rest. Under ``link`` and ``id`` it is dropped.
    """
    if BODY_KEY not in raw.values:
        return raw
    values = LocatedTable(raw.values.line)
    values.lines = raw.values.lines
    values.update((name, value) for name, value in raw.values.items() if name != BODY_KEY)
    entry = raw._replace(values=values)
    text = render_body_markdown(raw.values[BODY_KEY])
    if not text or show in ("id", "link"):
        return entry
    body = read_issue_body(text)
    reading = EntryReader(entry)
    for name, found in body.texts.items():
        if (show == "all" or name == "severity") and not reading.find_values(name):
            values[name] = found
    if show == "all" and body.items and not reading.find_values("action_items"):
        values["action_items"] = convert_to_tables([item._asdict() for item in body.items])
    return entry


def render_body_markdown(body: Any) -> str:
    """Return a body as Markdown, empty if it is neither a text nor a document of nodes."""
    if isinstance(body, Mapping):
        text = "\n\n".join(_render_blocks(body, 0))
    else:
        text = _render_wiki_text(body) if isinstance(body, str) else ""
    return text.replace("\r\n", "\n").replace("\r", "\n")[:MAX_BODY_SIZE]


def _render_wiki_text(text: str) -> str:
    """Return a text with headings of Jira's markup as Markdown; any other is unchanged."""
    if not _WIKI_HEADING.search(text):
        return text
    for pattern, replacement in _WIKI_MARKUP:
        text = pattern.sub(replacement, text)
    return _WIKI_HEADING.sub(lambda found: f"{'#' * int(found[1])} ", text)


_WIKI_HEADING = re.compile(r"^[ \t]*h([1-6])\.[ \t]+", re.MULTILINE)
_WIKI_MARKUP = tuple(
    (re.compile(pattern, re.MULTILINE), replacement)
    for pattern, replacement in (
        (r"^#[ \t]+", "1. "),
        (r"\{(?:code|noformat)[^{}\n]*\}", "\n```\n"),
        (r"(?<![*\w])\*(?=[^\s*])([^*\n]+)(?<=\S)\*(?![*\w])", r"**\1**"),
        (r"^\|\|(.*)\|\|[ \t]*$", lambda found: _render_wiki_row(found[1])),
        (r"\[([^\[\]|\n]+)\|([^\[\]|\n]+)\]", r"[\1](\2)"),
    )
)


def _render_wiki_row(text: str) -> str:
    heads = text.split("||")
    return f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}"


def _render_blocks(node: Mapping[str, Any], depth: int) -> Iterator[str]:
    """Yield the blocks of a node: paragraphs, headings, lists, tables."""
    for child in _list_mappings(node) if depth < MAX_NODE_DEPTH else ():
        kind = child.get("type")
        if kind == "heading":
            level = str(_get_attribute(child, "level") or "1")
            yield f"{'#' * min(int(level) if level.isdecimal() else 1, 6)} {_render_inline(child)}"
        elif kind == "paragraph":
            yield _render_inline(child)
        elif kind in ("bulletList", "orderedList", "taskList", "decisionList"):
            yield "\n".join(_render_list(child, depth))
        elif kind == "codeBlock":
            yield f"```\n{_render_inline(child)}\n```"
        elif kind == "blockquote":
            yield "\n>\n".join(f"> {block}" for block in _render_blocks(child, depth + 1))
        elif kind == "table":
            yield "\n".join(_render_table(child, depth))
        else:  # a panel, an expander, a layout
            title = _get_attribute(child, "title")
            if kind in ("expand", "nestedExpand") and title:
                yield f"**{title}**"
            yield from _render_blocks(child, depth + 1)


def _render_list(node: Mapping[str, Any], depth: int) -> Iterator[str]:
    for child in _list_mappings(node):
        if child.get("type") == "taskList":
            yield from (f"  {line}" for line in _render_list(child, depth + 1))
            continue
        mark = "-"
        if child.get("type") == "taskItem":
            mark = f"- [{'x' if _get_attribute(child, 'state') == 'DONE' else ' '}]"
            blocks = [_render_inline(child)]
        else:
            blocks = list(_render_blocks(child, depth + 1)) or [_render_inline(child)]
        first, *others = "\n".join(blocks).split("\n")
        yield f"{mark} {first}"
        yield from (f"  {line}" for line in others)


def _render_table(node: Mapping[str, Any], depth: int) -> Iterator[str]:
    for number, row in enumerate(_list_mappings(node)):
        cells = [
            " ".join(_render_blocks(cell, depth + 1)).replace("\n", " ").replace("|", "\\|")
            for cell in _list_mappings(row)
        ]
        yield f"| {' | '.join(cells)} |"
        if number == 0:
            yield f"|{'---|' * len(cells)}"


def _render_inline(node: Mapping[str, Any]) -> str:
    return "".join(map(_render_inline_node, _list_mappings(node))).strip()


def _render_inline_node(node: Mapping[str, Any]) -> str:
    kind = node.get("type")
    if kind == "text":
        return _mark_text(node)
    if kind == "hardBreak":
        return "\n"
    if kind == "date":
        return _format_timestamp(_get_attribute(node, "timestamp"))
    named = (_get_attribute(node, name) for name in ("text", "shortName", "url"))
    return next(filter(None, named), "")


def _mark_text(node: Mapping[str, Any]) -> str:
    text = node.get("text")
    if not isinstance(text, str) or not text.strip():
        return text if isinstance(text, str) else ""
    for mark in _list_mappings(node, "marks"):
        kind = mark.get("type")
        sign = {"strong": "**", "code": "`", "strike": "~~"}.get(str(kind), "")
        text = f"{sign}{text}{sign}"
        url = _get_attribute(mark, "href") if kind == "link" else ""
        text = f"[{text}]({url})" if url else text
    return text


def _format_timestamp(text: str) -> str:
    if not text.isdecimal() or len(text) > 14:
        return ""
    return datetime.fromtimestamp(int(text) / 1000, timezone.utc).date().isoformat()


def _list_mappings(node: Mapping[str, Any], name: str = "content") -> list[Mapping[str, Any]]:
    """Return the mappings in a list of a node: its children by default."""
    values = node.get(name)
    values = values if isinstance(values, list) else []
    return [value for value in values if isinstance(value, Mapping)]


def _get_attribute(node: Mapping[str, Any], name: str) -> str:
    attributes = node.get("attrs")
    value = attributes.get(name) if isinstance(attributes, Mapping) else None
    return value if isinstance(value, str) else ""
