"""The fields that hold more than texts: the fix, the guards, the action items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_postmortem.model import ActionItem, Guard
from pytest_postmortem.registry import fields
from pytest_postmortem.registry.reading import EntryReader

__all__ = ["read_action_items_field", "read_fix_field", "read_guards_field"]

COMMIT_KEYS = ("commit", "commits", "sha")
ITEM_TITLE_KEYS = ("title", "name", "summary", "description", "action")

_COMMIT_SEPARATOR = r"[\s,]+"


def read_fix_field(reading: EntryReader) -> tuple[tuple[str, ...], str | None]:
    """Return the commits of the fix, and the patch that may stand among them."""
    for _, _, value in reading.found("fix"):
        commits: list[str] = []
        patch = None
        for item in _wrap_in_list(value):
            values_by_key = _normalize_keys(item)
            patch = patch or fields.parse_scalar(values_by_key.get("patch"))
            written = (
                [values_by_key[key] for key in COMMIT_KEYS if key in values_by_key]
                if values_by_key
                else [item]
            )
            commits += [
                c
                for value_text in written
                for c in fields.split_texts(value_text, _COMMIT_SEPARATOR)
            ]
        if commits or patch:
            return tuple(dict.fromkeys(commits)), patch
    return (), None


def read_guards_field(reading: EntryReader) -> tuple[Guard, ...]:
    """Return the guards that are no tests; a text is the type of one."""
    guard_list = []
    for _, key, value in reading.found("guarded_by"):
        for item in _wrap_in_list(value):
            values_by_key = _normalize_keys(item) or {"type": item}
            kind = fields.parse_scalar(values_by_key.get("type")) or fields.parse_scalar(
                values_by_key.get("name")
            )
            url = values_by_key.get("url")
            if kind is None:
                remedy = "write what guards, such as 'type: alert' or 'type: lint'"
                reading.add_problem(key, f"a guard of {reading.id} has no 'type'", remedy)
            else:
                guard_list.append(Guard(kind, None if url is None else reading.link(key, url)))
    return tuple(guard_list)


def read_action_items_field(reading: EntryReader) -> tuple[ActionItem, ...]:
    """Return the action items; a text is the title of one."""
    for rank, key, value in reading.found("action_items"):
        items = [
            _build_action_item(_normalize_keys(item) or {"title": item})
            for item in _wrap_in_list(value)
        ]
        if all(items) or rank > 0:
            return tuple(item for item in items if item is not None)
        remedy = "write each action item as a text, or as a mapping with a 'title'"
        reading.add_problem(key, f"an action item of {reading.id} has no 'title'", remedy)
    return ()


def _build_action_item(values_by_key: Mapping[str, Any]) -> ActionItem | None:
    texts = {key: fields.parse_scalar(value) for key, value in values_by_key.items()}
    title = next((text for key in ITEM_TITLE_KEYS if (text := texts.get(key))), None)
    if title is None:
        return None
    return ActionItem(
        title,
        owner=texts.get("owner") or texts.get("team"),
        due=fields.parse_day(texts.get("due")) or texts.get("due"),
        type=texts.get("type"),
        status=texts.get("status") or texts.get("state"),
    )


def _wrap_in_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _normalize_keys(item: Any) -> dict[str, Any]:
    """Return a mapping by the normal form of its keys; what is none has none."""
    if not isinstance(item, Mapping):
        return {}
    return {fields.normalize_key(key): value for key, value in item.items()}
