"""The fields that hold more than texts: the fix, the guards, the action items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_postmortem.model import ActionItem, Guard
from pytest_postmortem.registry import fields
from pytest_postmortem.registry.reading import Reading

__all__ = ["action_items", "fix", "guards"]

COMMITS = ("commit", "commits", "sha")
ITEM_TITLES = ("title", "name", "summary", "description", "action")

_BETWEEN_COMMITS = r"[\s,]+"


def fix(reading: Reading) -> tuple[tuple[str, ...], str | None]:
    """Return the commits of the fix, and the patch that may stand among them."""
    for _, _, value in reading.found("fix"):
        commits: list[str] = []
        patch = None
        for item in _items(value):
            named = _named(item)
            patch = patch or fields.scalar(named.get("patch"))
            written = [named[key] for key in COMMITS if key in named] if named else [item]
            commits += [c for each in written for c in fields.split(each, _BETWEEN_COMMITS)]
        if commits or patch:
            return tuple(dict.fromkeys(commits)), patch
    return (), None


def guards(reading: Reading) -> tuple[Guard, ...]:
    """Return the guards that are no tests; a text is the type of one."""
    found = []
    for _, key, value in reading.found("guarded_by"):
        for item in _items(value):
            named = _named(item) or {"type": item}
            kind = fields.scalar(named.get("type")) or fields.scalar(named.get("name"))
            url = named.get("url")
            if kind is None:
                remedy = "write what guards, such as 'type: alert' or 'type: lint'"
                reading.wrong(key, f"a guard of {reading.id} has no 'type'", remedy)
            else:
                found.append(Guard(kind, None if url is None else reading.link(key, url)))
    return tuple(found)


def action_items(reading: Reading) -> tuple[ActionItem, ...]:
    """Return the action items; a text is the title of one."""
    for rank, key, value in reading.found("action_items"):
        items = [_action_item(_named(item) or {"title": item}) for item in _items(value)]
        if all(items) or rank > 0:
            return tuple(item for item in items if item is not None)
        remedy = "write each action item as a text, or as a mapping with a 'title'"
        reading.wrong(key, f"an action item of {reading.id} has no 'title'", remedy)
    return ()


def _action_item(named: Mapping[str, Any]) -> ActionItem | None:
    texts = {key: fields.scalar(value) for key, value in named.items()}
    title = next((text for key in ITEM_TITLES if (text := texts.get(key))), None)
    if title is None:
        return None
    return ActionItem(
        title,
        owner=texts.get("owner") or texts.get("team"),
        due=fields.day(texts.get("due")) or texts.get("due"),
        type=texts.get("type"),
        status=texts.get("status") or texts.get("state"),
    )


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _named(item: Any) -> dict[str, Any]:
    """Return a mapping by the normal form of its keys; what is none has none."""
    if not isinstance(item, Mapping):
        return {}
    return {fields.normal(key): value for key, value in item.items()}
