"""Read the fields of a record that name a commit or a change request, as one text each.

A reference is its role and its target: ``fix ADDRESS``, ``link ADDRESS``, ``range COMMIT`` and
``introduced COMMIT`` of a range of git, ``affected VERSION`` for the last version with the bug.
Fields are those of OSV (``references`` with a type, ``affected`` with ranges), and the names that
trackers use, such as ``pull_request`` or ``merge_requests``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_postmortem.registry import fields

REFERENCE_ROLES = ("fix", "link", "range", "introduced", "affected")

_WRITTEN_REFERENCE = re.compile(rf"(?:{'|'.join(REFERENCE_ROLES)}) \S+")
_CHANGE_KEYS = frozenset(
    (
        "pull_request pull_requests merge_request merge_requests fix_pr fix_url fix_urls fixed_by"
        " pr prs patch_url patches commit_url related_pull_requests"
    ).split()
)
REFERENCE_KEYS = _CHANGE_KEYS | {"references", "affected"}
"""The keys, in their normal form, below which records name commits and changes."""

_ADDRESS_KEYS = ("html_url", "web_url", "url", "link")
_COMMIT = re.compile(r"[0-9a-f]{7,64}", re.IGNORECASE)
MAX_REFERENCES = 60


def find_fix_references(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the references of a record, each once and in order; its keys are normalized."""
    found: dict[str, None] = {}
    for name, value in values.items():
        if name == "references":
            found.update(dict.fromkeys(_read_reference_list(value)))
        elif name == "affected":
            found.update(dict.fromkeys(_read_affected(value)))
        elif name in _CHANGE_KEYS:
            found.update(dict.fromkeys(f"fix {address}" for address in _find_addresses(value)))
    return tuple(found)[:MAX_REFERENCES]


def is_written_reference(line: str) -> bool:
    """Return whether a line of a registry file is a reference in our own form, and no sentence."""
    return _WRITTEN_REFERENCE.fullmatch(line.strip().removeprefix("- ").strip("'\", ")) is not None


def _read_reference_list(value: Any) -> Iterator[str]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            text = item.strip()
            if _WRITTEN_REFERENCE.fullmatch(text):
                yield text
                continue
        is_fix = isinstance(item, Mapping) and str(item.get("type", "")).upper() == "FIX"
        for address in _find_addresses(item):
            yield f"{'fix' if is_fix else 'link'} {address}"


def _find_addresses(value: Any) -> Iterator[str]:
    """Yield the addresses in a text, a list, or a mapping with an address."""
    if isinstance(value, str):
        yield from re.findall(r"https?://[^\s<>\"']+", value)
    elif isinstance(value, list):
        for item in value:
            yield from _find_addresses(item)
    elif isinstance(value, Mapping):
        by_name = {fields.normalize_key(str(key)): item for key, item in value.items()}
        address = next((by_name[key] for key in _ADDRESS_KEYS if by_name.get(key)), None)
        yield from _find_addresses(address)


def _read_affected(value: Any) -> Iterator[str]:
    for package in value if isinstance(value, list) else ():
        if not isinstance(package, Mapping):
            continue
        ranges = package.get("ranges")
        for each in ranges if isinstance(ranges, list) else ():
            if isinstance(each, Mapping):
                yield from _read_range_events(each)
        versions = package.get("versions")
        if isinstance(versions, list) and versions:
            yield f"affected {versions[-1]}"


def _read_range_events(range: Mapping[str, Any]) -> Iterator[str]:
    is_git = str(range.get("type", "")).upper() == "GIT"
    events = range.get("events")
    for event in events if isinstance(events, list) else ():
        for key, target in event.items() if isinstance(event, Mapping) else ():
            if key == "last_affected" and not is_git:
                yield f"affected {target}"
            elif is_git and _COMMIT.fullmatch(str(target)) and key in ("fixed", "introduced"):
                yield f"{'range' if key == 'fixed' else 'introduced'} {target}"
