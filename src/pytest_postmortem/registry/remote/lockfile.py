"""Render a fetched registry as the file that runs read instead of the network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from pytest_postmortem.model import SHOW_LEVELS, Postmortem, Registry, ShowLevel
from pytest_postmortem.registry.file_bytes import LIMITED_SYNC_LINE, SYNC_FIRST_LINE


class _SyncDumper(yaml.SafeDumper):
    """Writes paragraphs as blocks, which are readable in reviews."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_SyncDumper.add_representer(str, _represent_text)

SYNC_HEADER = (
    SYNC_FIRST_LINE
    + """{locations}.
# Don't edit it: add entries to another registry file.
"""
)
LIMITED_SYNC_HEADER = LIMITED_SYNC_LINE + "{why}.\n"
CREDENTIAL_NOTE = ": `link` by default for a source with a credential"


def render_synced_registry(
    registry: Registry, show: ShowLevel | None = None, kept: Iterable[Postmortem] = ()
) -> str:
    """Return the registry as YAML: sorted by id, with the fields that may be shown.

    ``kept`` are entries of the old file that a partial list no longer has.
    """
    fetched_ids = {postmortem.id.casefold() for postmortem in registry}
    least: ShowLevel = min(
        (postmortem.show for postmortem in registry), key=SHOW_LEVELS.index, default="all"
    )
    capped = [
        postmortem._replace(show=least)
        for postmortem in kept
        if postmortem.id.casefold() not in fetched_ids
    ]
    postmortems = sorted([*registry, *capped], key=_build_id_sort_key)
    document: dict[str, Any] = {}
    if registry.partial:
        document["partial"] = "; ".join(registry.partial)
    document["postmortems"] = [
        _list_synced_fields(postmortem, show or postmortem.show) for postmortem in postmortems
    ]
    text = yaml.dump(
        document,
        Dumper=_SyncDumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=1000,
    )
    head = SYNC_HEADER.format(locations=", ".join(registry.locations))
    if any((show or postmortem.show) != "all" for postmortem in postmortems):
        head += LIMITED_SYNC_HEADER.format(why="" if show else CREDENTIAL_NOTE)
    return f"{head}{text}"


def _build_id_sort_key(postmortem: Postmortem) -> tuple[tuple[str, int], ...]:
    """Return a key that sorts ids by number: PM-9 before PM-10."""
    parts = re.findall(r"(\D*)(\d*)", postmortem.id.casefold())
    return tuple((text, int(number) if number.isdecimal() else -1) for text, number in parts)


SYNCED_FIELDS = (
    *("id", "title", "url", "date", "severity", "class", "aliases", "status", "tags", "owner"),
    *(
        "root_cause",
        "whys",
        "fix",
        "patch",
        "references",
        "service",
        "repository",
        "component",
        "recurs",
    ),
    *("guarded_by", "test", "reason", "until", "tests", "action_items"),
)
"""The fields of an entry, in the order of the reference."""

SHOWN_FIELDS: Mapping[ShowLevel, tuple[str, ...]] = {
    "id": ("id", "aliases"),
    "link": ("id", "url", "aliases"),
    "title": ("id", "title", "url", "date", "severity", "class", "aliases"),
    "all": SYNCED_FIELDS,
}


def _list_synced_fields(postmortem: Postmortem, show: ShowLevel) -> dict[str, Any]:
    """Return the fields of an entry that have a value and may be shown."""
    shown = SHOWN_FIELDS[show]
    values = {name: _find_synced_value(postmortem, name) for name in SYNCED_FIELDS if name in shown}
    return {name: value for name, value in values.items() if value}


def _find_synced_value(postmortem: Postmortem, name: str) -> Any:
    if name == "test":
        return "exempt" if postmortem.exempt else None
    value = getattr(postmortem, "problem_class" if name == "class" else name)
    if name in ("guarded_by", "action_items"):
        return [{key: text for key, text in item._asdict().items() if text} for item in value]
    if name == "title" and value == postmortem.id:
        return None
    return list(value) if isinstance(value, tuple) else value


def describe_registry_changes(old: Registry, new: Registry) -> Iterator[str]:
    """Yield lines about the differences between two versions of a synced file."""
    before = {entry.id: _list_synced_fields(entry, "all") for entry in old}
    after = {entry.id: _list_synced_fields(entry, "all") for entry in new}
    yield from (f"{id} is new" for id in after.keys() - before.keys())
    yield from (f"{id} is gone" for id in before.keys() - after.keys())
    for id in after.keys() & before.keys():
        names = before[id].keys() | after[id].keys()
        changed = sorted(name for name in names if before[id].get(name) != after[id].get(name))
        if changed:
            yield f"{id} has another {', '.join(changed)}"
