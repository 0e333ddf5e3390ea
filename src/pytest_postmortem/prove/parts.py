"""The parts of a fix, each taken away alone: which of them does no linked test guard?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Literal

from pytest_postmortem.bindings import tree_of
from pytest_postmortem.prove.missing import Known, meaning
from pytest_postmortem.prove.sides import Sides
from pytest_postmortem.prove.trial import Trial
from pytest_postmortem.prove.units import lines_of, read
from pytest_postmortem.prove.ways import Versions

__all__ = ["Part", "found_by", "parts_of", "placed", "without_parts"]

NEAR = 2
"""Lines between two changes that make them one part."""

Found = Literal["guarded", "not guarded", "not apart"]


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of a file with the fix, the last included, and what the linked tests say without them.

    What can't be taken away alone is ``not apart``. ``where`` is the function or class they are in,
    where today's file has other lines, or the fix at which the file had them.
    """

    path: str
    lines: tuple[int, int]
    found: Found
    where: str = ""


def parts_of(versions: Versions, sides: Sides, known: Known) -> Iterator[Part]:
    """Take each part of a fix away alone; a fix of one part has nothing to tell."""
    alone = list(without_parts(versions.fixed, versions.before))
    for path, lines, text in alone if len(alone) > 1 else ():
        if text is not None and tree_of(text) is None:
            yield Part(path, lines, "not apart")
            continue
        trial = sides.part({**versions.fixed, path: text})
        yield Part(path, lines, found_by(trial, known))


def placed(part: Part, fixed: str, today: str) -> Part:
    """Return a part of a text with its lines in that of today, or those of the unit it is in."""
    first, last = part.lines
    matcher = SequenceMatcher(None, lines_of(fixed), lines_of(today), autojunk=False)
    for start, place, size in matcher.get_matching_blocks():
        if start < first and last <= start + size:
            return replace(part, lines=(first + place - start, last + place - start))
    then, now = read(fixed), read(today)
    within = [
        (start - end, key)
        for key, unit in (then.units.items() if then else ())
        for start, end in unit.spans
        if start < last and first <= end and now and key in now.units
    ]
    if not within or now is None:
        return part
    key = max(within)[1]
    spans = now.units[key].spans
    return replace(part, lines=(spans[0][0] + 1, spans[-1][1]), where=f"in {key}")


def without_parts(
    fixed: Mapping[str, str | None], before: Mapping[str, str | None]
) -> Iterator[tuple[str, tuple[int, int], str | None]]:
    """Yield each part of each file, with the text of the file when it alone is taken away."""
    for path, text in fixed.items():
        old = before.get(path)
        if text is None or old is None:
            yield path, (1, max(1, len(lines_of(text or old or "")))), old
            continue
        mine, other = lines_of(text), lines_of(old)
        for first, last, start, end in _blocks(mine, other):
            changed = [*mine[:first], *other[start:end], *mine[last:]]
            yield path, (first + 1, max(last, first + 1)), "".join(changed)


def _blocks(mine: list[str], other: list[str]) -> Iterator[tuple[int, int, int, int]]:
    """Yield the lines that differ, those that stand near each other as one."""
    codes = SequenceMatcher(None, mine, other, autojunk=False).get_opcodes()
    current: tuple[int, int, int, int] | None = None
    for code, *places in codes:
        first, last, start, end = places
        if code == "equal":
            continue
        if current is not None and first - current[1] <= NEAR:
            current = (current[0], last, current[2], end)
            continue
        if current is not None:
            yield current
        current = (first, last, start, end)
    if current is not None:
        yield current


def found_by(trial: Trial, known: Known) -> Found:
    """Return what a run says: whether a linked test fails for the problem's own reason."""
    own = [trial.attempts[nodeid][0] for nodeid in trial.linked if trial.attempts.get(nodeid)]
    failed = [each for each in own if each.word in ("failed", "hung", "died")]
    if any(each.failure is None or meaning(each.failure, known) == "problem" for each in failed):
        return "guarded"
    if failed or trial.broken or len(own) < len(trial.linked) or not own:
        return "not apart"
    return "not apart" if any(each.word in ("error", "cut") for each in own) else "not guarded"
