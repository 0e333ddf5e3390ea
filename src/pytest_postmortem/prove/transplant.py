"""Replace the functions and assignments that a fix changed in today's text: a transplant.

Old text × fixed text × today's text → today's text with the units as the fix made them, and again
with the units as they were before it. The two texts differ by the fix alone: if the tests pass with
the first, the result of the second is valid. Names that the units need from their own version are
copied along.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from pytest_postmortem.prove.ast_units import CodeUnit, UnitKey, UnitText, parse_code_units
from pytest_postmortem.prove.fix import FixError

MAX_HELPERS = 25
"""The maximum of helpers that are copied along; units that need more do not fit today's text."""

LineEdit = tuple[int, int, list[str]]
"""The first and the end line to replace in today's text, and the new lines."""


def transplant_units(
    before: str, fixed: str, today: str, needed: Callable[[str], bool] = lambda _: False
) -> tuple[str, str]:
    """Return today's text with units as they are in two other texts: the fixed, and the old one.

    ``needed`` returns whether other files use a name of this module; such a name stays even if the
    fix added it.

    Raises:
        FixError: A unit has no place in today's text.
    """
    texts = tuple(map(parse_code_units, (before, fixed, today)))
    old, new, now = texts
    if old is None or new is None or now is None:
        raise FixError("a version of it can't be parsed as Python")
    swapping = _Transplant(old, new, now, needed)
    if not swapping.touched_units:
        raise FixError("the fix changes no code in it, or only its order")
    result = swapping.text(new), swapping.text(old)
    if not all(map(swapping.is_whole, result)):
        raise FixError("its units do not fit today's text")
    if result[0] == result[1]:
        raise FixError("nothing of the fix is left in today's text")
    return result


class _Transplant:
    """The units that a fix changed, added and removed, and the edits for each."""

    def __init__(
        self, old: UnitText, new: UnitText, now: UnitText, needed: Callable[[str], bool]
    ) -> None:
        self._old, self._new, self._now = old, new, now
        self._needed = needed
        self._changed = [
            key
            for key, unit in new.units.items()
            if key in old.units and old.units[key].dumped_code != unit.dumped_code
        ]
        self._brought = list(
            _select_outermost_units(key for key in new.units if key not in old.units)
        )
        self._taken = list(
            _select_outermost_units(key for key in old.units if key not in new.units)
        )
        self._check()

    @property
    def touched_units(self) -> list[UnitKey]:
        """The units of the fix."""
        return [*self._changed, *self._brought, *self._taken]

    def _check(self) -> None:
        """Check that each unit has a place in today's text.

        Raises:
            FixError: A unit has none.
        """
        for key in self._changed:
            self._check_place(self._new.units[key])
        statements = [key for key in self._brought if key.kind == "statement"]
        if any(key not in self._now.units for key in statements):
            raise FixError("a statement of the fix no longer exists")
        for key in self._taken:
            if key in self._now.units and key.kind != "statement":
                raise FixError(f"{key} exists again today")
            if key.kind == "statement" and not statements:
                raise FixError("a statement that the fix removed has no place today")

    def _check_place(self, unit: CodeUnit) -> None:
        today = self._now.units.get(unit.key)
        if today is None:
            raise FixError(f"{unit.key} no longer exists")
        if unit.key.kind == "class" and today.dumped_code != unit.dumped_code:
            raise FixError(f"the head of class {unit.key} has changed since")
        if len(today.spans) != len(unit.spans) or today.column != unit.column:
            raise FixError(f"{unit.key} has moved since")

    def text(self, version: UnitText) -> str:
        """Return today's text with the units of a version.

        Raises:
            FixError: The units need too many helpers, or share a line with other code.
        """
        edits = sorted(self._list_edits(version), key=lambda edit: edit[:2])
        lines = list(self._now.lines)
        for (_, end, _), (start, _, _) in pairwise(edits):
            if start < end:
                raise FixError("several of its statements are on one line")
        for start, end, new_lines in reversed(edits):
            lines[start:end] = new_lines
        return "".join(lines)

    def is_whole(self, text: str) -> bool:
        """Return whether a text is Python and has all of today's units outside the fix."""
        result = parse_code_units(text)
        classes = [f"{key.inner_scope}." for key in self._brought if key.kind == "class"]
        other_units = [
            unit
            for key, unit in self._now.units.items()
            if key not in self.touched_units and not f"{key.scope}.".startswith(tuple(classes))
        ]
        if result is None:
            return False
        result_units = result.units
        return all(
            unit.key in result_units and result_units[unit.key].dumped_code == unit.dumped_code
            for unit in other_units
        )

    def _list_edits(self, version: UnitText) -> Iterator[LineEdit]:
        is_old = version is self._old
        for key in self._changed:
            yield from self._replace_unit(self._now.units[key], version.units[key], version)
        for key in self._brought:
            today = self._now.units.get(key)
            if today is not None:
                yield from (
                    self._remove_unit(today)
                    if is_old
                    else self._restore_brought_unit(today, version)
                )
            elif not is_old:
                yield self._added(key, version)
        for key in self._taken if is_old else ():
            if key.kind != "statement":
                yield self._added(key, version)
        yield from self._list_helper_edits(version, is_old)

    def _replace_unit(
        self, today: CodeUnit, unit: CodeUnit, version: UnitText
    ) -> Iterator[LineEdit]:
        """Yield the edits that replace a unit; for a class, only its head."""
        if unit.column != today.column:
            raise FixError(f"{unit.key} has moved since")
        texts = [version.lines[start:end] for start, end in unit.spans]
        last = len(today.spans) - 1
        for place, (start, end) in enumerate(today.spans):
            unit_texts = texts[place:] if place == last else texts[place : place + 1]
            yield start, end, [line for text in unit_texts for line in text]

    def _restore_brought_unit(self, today: CodeUnit, version: UnitText) -> Iterator[LineEdit]:
        """Yield the edits that restore a unit that the fix added to its version in the fix."""
        unit = version.units[today.key]
        same = len(today.spans) == len(unit.spans) and today.column == unit.column
        if same and today.key.kind != "class":
            yield from self._replace_unit(today, unit, version)

    def _remove_unit(self, today: CodeUnit) -> Iterator[LineEdit]:
        """Yield the edits that remove a unit that the fix added.

        A module-level name that other code uses stays: the old units do not use it, unless it hides
        an older name. Old statements replace the first new one.
        """
        key = today.key
        if not key.scope and key.kind not in ("statement", "import") and self._is_used(key):
            return
        if key.kind == "import":
            return
        spans = list(today.spans)
        if key.kind == "class":
            spans = [(spans[0][0], self._now.ends[key.inner_scope][0])]
        for place, (start, end) in enumerate(spans):
            yield start, end, self._find_replacement(today) if place == 0 else []

    def _find_replacement(self, today: CodeUnit) -> list[str]:
        statements = [key for key in self._brought if key.kind == "statement"]
        lines: list[str] = []
        if today.key in statements[:1]:
            for key in self._taken:
                if key.kind == "statement":
                    lines += [
                        line for text in self._old.texts(self._old.units[key]) for line in text
                    ]
        return lines or [" " * today.column + "pass\n"]

    def _is_used(self, key: UnitKey) -> bool:
        """Return whether code outside the units of the fix uses a name of the module."""
        names = [
            name
            for name in self._now.names(key)
            if name not in self._old.bound and not hasattr(builtins, name)
        ]
        keys = [
            unit_key for unit_key in (*self._changed, *self._brought) if unit_key in self._now.units
        ]
        fix_spans = [span for unit_key in keys for span in self._now.units[unit_key].spans]
        other_lines = (
            line
            for number, line in enumerate(self._now.lines)
            if not any(start <= number < end for start, end in fix_spans)
        )
        words = {word for line in other_lines for word in re.findall(r"\w+", line)}
        return any(name in words or self._needed(name) for name in names)

    def _added(self, key: UnitKey, version: UnitText) -> LineEdit:
        """Return the edit that adds a unit to a scope that lacks it."""
        unit = version.units[key]
        if key.scope not in self._now.ends:
            raise FixError(f"class {key.scope} no longer exists")
        place, column = self._now.ends[key.scope]
        if key.scope and column != unit.column:
            raise FixError(f"class {key.scope} has moved since")
        if not key.scope and key.kind != "def":
            place = max([self._before_use(), *self._behind_imports(version.names(key))])
        lines = [line for text in version.texts(unit) for line in text]
        return place, place, ["\n", *lines, "\n"]

    def _before_use(self) -> int:
        """Return the line of the first unit of the fix, which may use an inserted name."""
        keys = [key for key in (*self._changed, *self._brought) if key in self._now.units]
        return min(map(self._find_outermost_line, keys), default=len(self._now.lines))

    def _behind_imports(self, names: Iterable[str]) -> Iterator[int]:
        """Yield the lines after today's imports of the fix that define one of these names."""
        for key in self._brought:
            if key.kind == "import" and not {*names}.isdisjoint(self._now.names(key)):
                yield self._now.units[key].spans[-1][1]

    def _find_outermost_line(self, key: UnitKey) -> int:
        """Return the first line of a unit's outermost scope."""
        outer = UnitKey("", "class", key.scope.partition(".")[0])
        return self._now.units.get(outer, self._now.units[key]).spans[0][0]

    def _list_helper_edits(self, version: UnitText, is_old: bool) -> Iterator[LineEdit]:
        """Yield the edits that add names that the units need and today's module lacks."""
        keys = [*self._changed, *(self._taken if is_old else self._brought)]
        waiting, along = [version.units[key] for key in keys], dict.fromkeys(keys)
        while waiting:
            unit = waiting.pop()
            for name in version.used(unit):
                key = version.bound.get(name)
                if key is None or key in along or self._is_name_available(name, is_old):
                    continue
                if len(along) - len(keys) >= MAX_HELPERS:
                    raise FixError("its units need too many names that no longer exist")
                along[key] = None
                waiting.append(version.units[key])
        for key in list(along)[len(keys) :]:
            if key.kind == "import":
                place = self._behind_future()
                lines = [line for text in version.texts(version.units[key]) for line in text]
                yield place, place, lines
            else:
                yield self._added(key, version)

    def _is_name_available(self, name: str, is_old: bool) -> bool:
        """Return whether the module has a name after the additions of the fix are removed."""
        key = self._now.bound.get(name)
        if key is None:
            return hasattr(builtins, name)
        return not is_old or key not in self._brought or key.kind == "import" or self._is_used(key)

    def _behind_future(self) -> int:
        """Return the first line where an import may be inserted."""
        top = [unit for key, unit in self._now.units.items() if not key.scope]
        future = [unit.spans[0][1] for unit in top if "module='__future__'" in unit.key.name]
        first = min((unit.spans[0][0] for unit in top), default=0)
        return max(future, default=first)


def _select_outermost_units(keys: Iterable[UnitKey]) -> Iterator[UnitKey]:
    """Yield the units that are not inside a class of the same list."""
    classes: list[str] = []
    for key in sorted(keys, key=lambda key: key.scope.count(".") + bool(key.scope)):
        if not any(f"{key.scope}.".startswith(f"{name}.") for name in classes):
            yield key
        if key.kind == "class":
            classes.append(key.inner_scope)
