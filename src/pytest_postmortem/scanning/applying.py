"""Suggestions → the files in which their tests are marked, checked before they are written."""

from __future__ import annotations

import difflib
import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem.scanning.marker import Unmarkable, marked
from pytest_postmortem.scanning.mentions import decoded
from pytest_postmortem.scanning.suggestions import Source, Suggestion
from pytest_postmortem.scanning.weighing import Strength
from pytest_postmortem.writing import Changed, rewrite

__all__ = ["Edit", "LeftAlone", "edits", "put", "unified"]


@dataclass(frozen=True, slots=True)
class Edit:
    """A file with its new contents, and how many functions carry a marker more."""

    source: Source
    new: bytes
    count: int


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A file that is not written, and why."""

    path: str
    why: str

    def __str__(self) -> str:
        return f"{self.path} is left alone: {self.why}"


def edits(
    suggestions: Iterable[Suggestion],
    sources: Mapping[str, Source],
    strengths: Collection[Strength],
    within: Sequence[Path],
    rules: tuple[Sequence[str], Sequence[str]],
) -> Iterator[Edit | LeftAlone]:
    """Yield each file in which a test is to be marked, in order, none outside of some folders.

    What the registry lacks is not marked: the next run would call it unknown. ``rules`` are
    pytest's ``python_functions`` and ``python_classes``.
    """
    wanted: dict[str, dict[int, list[str]]] = {}
    for each in suggestions:
        if each.known and each.strength in strengths:
            wanted.setdefault(each.path, {}).setdefault(each.def_line, []).append(each.id)
    seen: set[Path] = set()
    for path in sorted(wanted):
        source = sources[path]
        file = source.file.resolve()
        if file in seen:
            continue  # another name of the same file, whose tests are the same
        seen.add(file)
        if not any(file.is_relative_to(place) for place in within):
            yield LeftAlone(path, "it lies outside of the suite")
            continue
        ids = {line: sorted(own) for line, own in wanted[path].items()}
        try:
            yield Edit(source, marked(source.data, ids, *rules), len(ids))
        except Unmarkable as error:
            yield LeftAlone(path, str(error))


def put(edit: Edit) -> LeftAlone | None:
    """Write a file whole, or return why it is left alone."""
    source = edit.source
    try:
        rewrite(source.file.resolve(), source.data, edit.new)
    except Changed:
        return LeftAlone(source.path, "it has changed since it was read")
    except OSError as error:
        return LeftAlone(source.path, f"it can't be written: {error.strerror or error}")
    return None


def unified(edit: Edit) -> str:
    """Return what an edit changes, as a unified diff."""
    path = edit.source.path
    old, new = (_lines(data) for data in (edit.source.data, edit.new))
    return "".join(
        line if line.endswith("\n") else f"{line}\n"
        for line in difflib.unified_diff(old, new, f"a/{path}", f"b/{path}")
    )


def _lines(data: bytes) -> list[str]:
    return io.StringIO(decoded(data) or "", newline=None).readlines()
