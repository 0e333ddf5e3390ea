"""Insert markers into the files of suggested tests, checked before they are written."""

from __future__ import annotations

import difflib
import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem.files import FileChangedError, rewrite_file
from pytest_postmortem.pysource.marker_edit import MarkingError, add_markers
from pytest_postmortem.scan.mentions import decode_module
from pytest_postmortem.scan.scoring import Strength
from pytest_postmortem.scan.suggestions import ScannedFile, Suggestion


@dataclass(frozen=True, slots=True)
class MarkerEdit:
    """A file with its new contents, and the number of functions that got a marker."""

    source: ScannedFile
    new: bytes
    count: int


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that is not edited, and the reason."""

    path: str
    why: str

    def __str__(self) -> str:
        return f"{self.path} is unchanged: {self.why}"


def build_marker_edits(
    suggestions: Iterable[Suggestion],
    sources: Mapping[str, ScannedFile],
    strengths: Collection[Strength],
    within: Sequence[Path],
    rules: tuple[Sequence[str], Sequence[str]],
) -> Iterator[MarkerEdit | SkippedFile]:
    """Yield an edit for each file with tests to mark, in order, or why it is skipped.

    Only files in the folders ``within`` are edited. Incidents that the registry lacks get no
    marker, since the next run would report them as unknown. ``rules`` are pytest's
    ``python_functions`` and ``python_classes``.
    """
    ids_by_line: dict[str, dict[int, list[str]]] = {}
    for suggestion in suggestions:
        if suggestion.known and suggestion.strength in strengths:
            ids_by_line.setdefault(suggestion.path, {}).setdefault(suggestion.def_line, []).append(
                suggestion.id
            )
    seen: set[Path] = set()
    for path in sorted(ids_by_line):
        source = sources[path]
        file = source.file.resolve()
        if file in seen:
            continue  # another path to the same file, with the same tests
        seen.add(file)
        if not any(file.is_relative_to(place) for place in within):
            yield SkippedFile(path, "it is outside the suite")
            continue
        ids = {line: sorted(line_ids) for line, line_ids in ids_by_line[path].items()}
        try:
            yield MarkerEdit(source, add_markers(source.data, ids, *rules), len(ids))
        except MarkingError as error:
            yield SkippedFile(path, str(error))


def write_marker_edit(edit: MarkerEdit) -> SkippedFile | None:
    """Write an edited file atomically, or return why it is not written."""
    source = edit.source
    try:
        rewrite_file(source.file.resolve(), source.data, edit.new)
    except FileChangedError:
        return SkippedFile(source.path, "it has changed since it was read")
    except OSError as error:
        return SkippedFile(source.path, f"it can't be written: {error.strerror or error}")
    return None


def render_marker_diff(edit: MarkerEdit) -> str:
    """Return an edit as a unified diff."""
    path = edit.source.path
    old, new = (_split_module_lines(data) for data in (edit.source.data, edit.new))
    return "".join(
        line if line.endswith("\n") else f"{line}\n"
        for line in difflib.unified_diff(old, new, f"a/{path}", f"b/{path}")
    )


def _split_module_lines(data: bytes) -> list[str]:
    return io.StringIO(decode_module(data) or "", newline=None).readlines()
