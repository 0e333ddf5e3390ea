"""Revert each part of a fix alone, to find the parts that no linked test guards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Literal

from pytest_postmortem.prove.ast_units import parse_code_units, split_source_lines
from pytest_postmortem.prove.diagnose import NamesOfFix, classify_failure
from pytest_postmortem.prove.experiment import Experiment
from pytest_postmortem.prove.revert import FixVersions
from pytest_postmortem.prove.trial import Trial
from pytest_postmortem.pysource.bindings import parse_python_tree

MAX_UNCHANGED_LINES = 2
"""The maximum of lines between two changes of one part."""

PartFinding = Literal["guarded", "not guarded", "not apart"]


@dataclass(frozen=True, slots=True)
class FixPart:
    """Lines of a file with the fix, the last included, and the test result without them.

    ``not apart`` means that the lines can't be reverted alone. ``where`` is the function or class
    that holds them if today's file has other lines, or the fix at which the file had them.
    """

    path: str
    lines: tuple[int, int]
    found: PartFinding
    where: str = ""


def prove_fix_parts(
    versions: FixVersions, experiment: Experiment, fix_names: NamesOfFix
) -> Iterator[FixPart]:
    """Revert each part of a fix alone and yield the results; nothing for a fix of one part."""
    alone = list(revert_parts_one_by_one(versions.fixed, versions.before))
    for path, lines, text in alone if len(alone) > 1 else ():
        if text is not None and parse_python_tree(text) is None:
            yield FixPart(path, lines, "not apart")
            continue
        trial = experiment.part({**versions.fixed, path: text})
        yield FixPart(path, lines, judge_part_run(trial, fix_names))


def locate_part_in_text(part: FixPart, fixed: str, today: str) -> FixPart:
    """Return a part with its lines in today's text, or the lines of its enclosing unit."""
    first, last = part.lines
    matcher = SequenceMatcher(
        None, split_source_lines(fixed), split_source_lines(today), autojunk=False
    )
    for start, place, size in matcher.get_matching_blocks():
        if start < first and last <= start + size:
            return replace(part, lines=(first + place - start, last + place - start))
    fixed_units, today_units = parse_code_units(fixed), parse_code_units(today)
    within = [
        (start - end, key)
        for key, unit in (fixed_units.units.items() if fixed_units else ())
        for start, end in unit.spans
        if start < last and first <= end and today_units and key in today_units.units
    ]
    if not within or today_units is None:
        return part
    key = max(within)[1]
    spans = today_units.units[key].spans
    return replace(part, lines=(spans[0][0] + 1, spans[-1][1]), where=f"in {key}")


def revert_parts_one_by_one(
    fixed: Mapping[str, str | None], before: Mapping[str, str | None]
) -> Iterator[tuple[str, tuple[int, int], str | None]]:
    """Yield each part of each file, with the text of the file without that part."""
    for path, text in fixed.items():
        old = before.get(path)
        if text is None or old is None:
            yield path, (1, max(1, len(split_source_lines(text or old or "")))), old
            continue
        fixed_lines, old_lines = split_source_lines(text), split_source_lines(old)
        for first, last, start, end in _list_changed_blocks(fixed_lines, old_lines):
            changed = [*fixed_lines[:first], *old_lines[start:end], *fixed_lines[last:]]
            yield path, (first + 1, max(last, first + 1)), "".join(changed)


def _list_changed_blocks(mine: list[str], other: list[str]) -> Iterator[tuple[int, int, int, int]]:
    """Yield the ranges of differing lines; ranges close to each other are joined."""
    codes = SequenceMatcher(None, mine, other, autojunk=False).get_opcodes()
    current: tuple[int, int, int, int] | None = None
    for code, *places in codes:
        first, last, start, end = places
        if code == "equal":
            continue
        if current is not None and first - current[1] <= MAX_UNCHANGED_LINES:
            current = (current[0], last, current[2], end)
            continue
        if current is not None:
            yield current
        current = (first, last, start, end)
    if current is not None:
        yield current


def judge_part_run(trial: Trial, fix_names: NamesOfFix) -> PartFinding:
    """Return the finding of a run: whether a linked test fails because of the bug itself."""
    attempts = [trial.attempts[nodeid][0] for nodeid in trial.linked if trial.attempts.get(nodeid)]
    failed = [attempt for attempt in attempts if attempt.word in ("failed", "hung", "died")]
    if any(
        attempt.failure is None or classify_failure(attempt.failure, fix_names) == "problem"
        for attempt in failed
    ):
        return "guarded"
    if failed or trial.broken or len(attempts) < len(trial.linked) or not attempts:
        return "not apart"
    return (
        "not apart"
        if any(attempt.word in ("error", "cut") for attempt in attempts)
        else "not guarded"
    )
