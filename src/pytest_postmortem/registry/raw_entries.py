"""Entries as they are written in a location, before their fields are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pytest_postmortem.errors import Problem
from pytest_postmortem.model import Finding
from pytest_postmortem.registry.file_bytes import READ_REGISTRY
from pytest_postmortem.registry.located_data import LocatedList, LocatedTable
from pytest_postmortem.text import clean_text

WRAPPER_KEYS = ("postmortems", "incidents", "defects", "issues")


class RawEntry(NamedTuple):
    """An entry as it was written, with defaults from its location.

    ``key`` is an id from outside of the entry. ``document`` marks a document in a directory:
    ``derived`` are texts from its name and its body, for fields that its front matter lacks, and
    ``implicit`` the aliases from its path.
    """

    values: LocatedTable
    path: str
    line: int | None = None
    key: str | None = None
    document: bool = False
    derived: Mapping[str, str] = {}
    implicit: tuple[str, ...] = ()


@dataclass(slots=True)
class RegistryContents:
    """The entries of a location as they are written, with their problems, and its settings.

    ``notes`` say which files of a directory are not read. ``source`` is the block for further
    entries, ``partial`` the reason why entries may be missing.
    """

    raws: list[RawEntry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    prefix: str = ""
    url_template: str | None = None
    source: LocatedTable | None = None
    partial: str | None = None


def build_raw_entries(entries: Any, shown: str) -> tuple[list[RawEntry], list[Problem]]:
    """Return the entries of a list or of a mapping from ids, and a problem for each that is none.

    ``None`` and an empty text are an empty list.
    """
    if not entries:
        return [], []
    rows: list[tuple[str | None, Any, int | None]] = [(None, entries, None)]
    if isinstance(entries, LocatedList):
        rows = [(None, item, entries.line_of(n)) for n, item in enumerate(entries)]
    elif isinstance(entries, LocatedTable):
        rows = [
            (key, LocatedTable() if item is None else item, entries.lines.get(key))
            for key, item in entries.items()
        ]
    raws, problems = [], []
    for key, item, line in rows:
        if isinstance(item, LocatedTable):
            entry_line = item.line if key is None or line is None else line
            raws.append(RawEntry(item, shown, entry_line, key))
        else:
            value = "a list" if isinstance(item, list) else "nothing" if item is None else None
            cause = f"{value or repr(clean_text(item)[:50])} is not an entry"
            remedy = "write each post-mortem as a mapping with an 'id', such as '- id: PM-1'"
            problems.append(Problem("registry-shape", READ_REGISTRY, cause, remedy, shown, line))
    return raws, problems
