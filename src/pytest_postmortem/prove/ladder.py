"""One incident: its fix is taken away in up to three ways, until one of them decides."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from time import monotonic

from pytest_postmortem.model import PROVEN, VERDICTS, Verdict
from pytest_postmortem.prove import ways
from pytest_postmortem.prove.fixes import Unknown, decoded
from pytest_postmortem.prove.left import UNKNOWN, Shares, doubted, shares_of
from pytest_postmortem.prove.missing import Known, known_of, text_at
from pytest_postmortem.prove.parts import Part, parts_of, placed
from pytest_postmortem.prove.plan import Fix
from pytest_postmortem.prove.races import looked_at_again
from pytest_postmortem.prove.replay import CantReplay
from pytest_postmortem.prove.run import Runner, Wanted
from pytest_postmortem.prove.sides import FRESH, LONGEST, Effort, Sides
from pytest_postmortem.prove.swap import CantSwap
from pytest_postmortem.prove.trial import Attempt, Trial
from pytest_postmortem.prove.verdict import DECIDED, RED, Judged, judge, red
from pytest_postmortem.prove.ways import Versions, Workspace

__all__ = ["Case", "Proved", "Prover"]

NO_MODULE = re.compile("No module named|ModuleNotFoundError")

WAYS = ("patch", "units", "replay")


@dataclass(frozen=True, slots=True)
class Case:
    """What is to be proved: the linked tests, and a way to read the fix.

    ``tests`` are the files of linked tests from the rootdir; in them those are linked that carry
    one of ``ids``, or are named in ``nodeids``. ``seen`` are those that the code alone tells, for
    a tree in which none has run yet.
    """

    id: str
    fix: Callable[[], Fix]
    tests: tuple[str, ...]
    ids: tuple[str, ...] = ()
    nodeids: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proved:
    """The verdict on an incident, how it was found, and what it rests on.

    ``notes`` say why a way did not decide. ``files`` are the real paths of what the runs loaded of
    the checkout. ``parts`` are the parts of the fix, where somebody asked for them. ``enough``
    are the seconds after which a run will not end any more, ``shares`` the files of the fix that
    were taken away, or not.
    """

    id: str
    fix: str
    judged: Judged
    way: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    files: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    enough: float = LONGEST
    shares: Shares = UNKNOWN


class Prover:
    """Proves incidents of one checkout, each call in a thread of its own if need be."""

    def __init__(
        self,
        runner: Runner,
        checkout: Workspace,
        marks: Sequence[str] = ("postmortem",),
        source: Sequence[str] = (),
        effort: Effort = Effort(),
        hunks: bool = False,
    ) -> None:
        self._runner = runner
        self._checkout = checkout
        self._marks = tuple(marks)
        self._source = tuple(source)
        self._effort = effort
        self._hunks = hunks
        self._git = Lock()

    def prove(self, case: Case) -> Proved:
        """Return the verdict on one incident."""
        start = monotonic()
        try:
            with self._git:
                fix = self._classified(case.fix(), case)
            proved = self._prove(case, fix)
        except Unknown as error:
            proved = Proved(case.id, "", Judged("inconclusive", str(error)))
        return replace(proved, seconds=monotonic() - start)

    def stop(self) -> None:
        """End every run, for somebody who has had enough."""
        self._runner.stop()

    def _classified(self, fix: Fix, case: Case) -> Fix:
        tests = [self._checkout.within(path) for path in case.tests]
        kinds = {path: self._checkout.kind_of(path, tests, self._source) for path in fix.paths}
        return replace(fix, kinds=kinds)

    def _prove(self, case: Case, fix: Fix) -> Proved:
        if not fix.of_kind("source", "opaque"):
            raise Unknown(f"{fix.name} changes no source: {', '.join(fix.paths[:3])}")
        if not fix.of_kind("opaque") and not ways.changes_code(fix):
            raise Unknown(f"{fix.name} changes no code that runs")
        found: list[Proved] = []
        notes: list[str] = []
        for way in WAYS:
            try:
                proved = self._by(way, case, fix, found)
            except (Unknown, CantSwap, CantReplay) as error:
                notes.append(f"{way}: {error}")
                continue
            found.append(proved)
            if _is_settled(proved.judged):
                return replace(proved, notes=tuple(notes))
            notes.append(f"{way}: {proved.judged.message}")
        if not found:
            return Proved(case.id, fix.name, Judged("inconclusive", "; ".join(notes)))
        chosen = min(found, key=lambda each: VERDICTS.index(each.judged.verdict))
        return replace(chosen, notes=tuple(notes))

    def _by(self, way: str, case: Case, fix: Fix, found: Sequence[Proved]) -> Proved:
        """Try one way; a way that comes later knows which tests an earlier one found."""
        with self._git:
            if way == "patch":
                versions = ways.reversed_patch(fix, self._checkout, self._runner.folder)
            elif way == "units":
                versions = ways.swapped(fix, self._checkout)
            else:
                tests = (test.nodeid for proved in found for test in proved.judged.tests)
                nodeids = list(dict.fromkeys(tests)) or list(case.seen or case.nodeids)
                folder = self._runner.folder()
                versions = ways.replayed(fix, self._checkout, nodeids, folder)
        if versions.nodeids:
            files = tuple(dict.fromkeys(each.partition("::")[0] for each in versions.nodeids))
            case = replace(case, tests=files, ids=(), nodeids=versions.nodeids)
        wanted = Wanted(case.tests, case.ids, case.nodeids, self._marks)
        enough = min((each.enough for each in found), default=LONGEST)
        sides = Sides(self._runner, wanted, versions, self._effort, enough)
        known = self._known(case, fix, versions)
        judged = self._judged(sides, versions, known)
        shares = shares_of(fix, versions, versions.tree or self._checkout.top)
        judged = doubted(judged, shares, versions.tree or self._checkout.top, sides.modules)
        hunks = self._hunks and judged.verdict in PROVEN
        own = parts_of(versions, sides, known) if hunks else ()
        top = f"{versions.tree or self._checkout.top}{os.sep}"
        parts = tuple(
            replace(_placed(part, versions, fix), path=part.path.removeprefix(top)) for part in own
        )
        files = versions.of_today({*sides.modules, *versions.fixed}, self._checkout.top)
        return Proved(
            case.id,
            fix.name,
            judged,
            way,
            files=files,
            parts=parts,
            enough=sides.enough,
            shares=shares,
        )

    def _known(self, case: Case, fix: Fix, versions: Versions) -> Known:
        checkout = self._checkout
        top = versions.tree or checkout.top
        tests = [str(top / checkout.within(path)) for path in case.tests]
        pairs = {path: (versions.before.get(path), text) for path, text in versions.fixed.items()}
        texts = (decoded(data) or "" for _, data in checkout.sources())
        if versions.way == "replay":
            return known_of(str(top), tests, pairs)
        then = ways.then(fix, checkout, top)
        return known_of(str(top), tests, pairs, lambda: texts, then)

    def _judged(self, sides: Sides, versions: Versions, known: Known) -> Judged:
        control = _control(sides)
        if versions.way != "replay" and not _all_pass(control):
            control = _checked(sides, control, versions.way)
        if _passing(control).isdisjoint(control.linked):
            judged = judge(control, Trial(control.ended), known)
        else:
            without = sides.without()
            judged = judge(control, without, known)
            reached = sides.reached() if judged.is_open else None
            judged = judge(control, without, known, reached)
            if judged.verdict == "not-proven":
                judged = _doubted(judged, sides.varied(), _steady(control))
            elif not self._effort.asked:
                judged, control = _confirmed(sides, control, without, known, reached)
            judged = self._repeated(sides, judged, control, known)
        return _at_fix(judged) if versions.way == "replay" else judged

    def _repeated(self, sides: Sides, judged: Judged, control: Trial, known: Known) -> Judged:
        """Look again at tests that did not end alike each time, or at all where it is asked for."""
        asked = self._effort.asked
        steady = _steady(control)
        alone = not steady.issuperset(control.attempts)
        if not asked and judged.mixed:
            fresh = sides.fresh()
            judged = looked_at_again(judged, *fresh, known, final=False, steady=steady)
            alone |= not any(each.failed for each in fresh[1].values())
        if asked or judged.mixed:
            counts = sides.repeated(alone=alone)
            if not alone and any(each.clustered for each in counts[1].values()):
                counts = sides.repeated(alone=True)
            judged = looked_at_again(judged, *counts, known, final=True, steady=steady)
        return judged


def _checked(sides: Sides, control: Trial, way: str) -> Trial:
    """Return a run with the fix in which no test is red that passes today.

    It says nothing of today if the code of the fix does not fit in any more, or if a test does
    not stand runs of ours. One that passes in some of them fails now and then, which no other
    way of taking the fix away would change.
    """
    failing = [nodeid for nodeid in control.linked if _is_red(control, nodeid)]
    today = _passing(sides.today()) if way == "units" else set()
    left = [nodeid for nodeid in failing if nodeid not in today]
    outside = {*left} if left and sides.passes(left) else set()
    passing = today | outside
    for _ in range(FRESH - 1):
        if not passing.isdisjoint(failing) and _passing(control).isdisjoint(failing):
            control = control.and_again(sides.again(fixed=True))
    return _excused(control, passing, today)


def _control(sides: Sides) -> Trial:
    """Run the tests with the fix; from the folder, if they need to import what lies in it."""
    control = sides.control()
    texts = (control.ended.output, *control.broken.values())
    if control.linked or sides.as_module or not any(map(NO_MODULE.search, texts)):
        return control
    sides.as_module = True
    again = sides.control()
    sides.as_module = bool(again.linked)
    return again if again.linked else control


def _confirmed(
    sides: Sides,
    control: Trial,
    without: Trial,
    known: Known,
    reached: Collection[str] | None,
) -> tuple[Judged, Trial]:
    """Run again what was seen to fail but once: without the fix and then with it, since the runs
    may leave something behind. Return the run with the fix as well.
    """
    judged = judge(control, without, known, reached)
    if _is_single(judged, without):
        without = without.and_again(sides.again(fixed=False))
        judged = judge(control, without, known, reached)
    if _is_single(judged, control):
        control = control.and_again(sides.again(fixed=True))
        judged = judge(control, without, known, reached)
    return judged, control


def _is_single(judged: Judged, trial: Trial) -> bool:
    """Say whether one run of a test decides, of which nothing else is known yet."""
    own = (test for test in judged.tests if test.verdict == "proven" and not test.mixed)
    return any(len(trial.attempts.get(test.nodeid, ())) < 2 for test in own)


def _placed(part: Part, versions: Versions, fix: Fix) -> Part:
    """Return a part with lines that a reader can look up."""
    if versions.way == "replay":
        return replace(part, where=f"at {fix.name}")
    today, fixed = text_at(part.path), versions.fixed.get(part.path)
    return part if today is None or fixed is None else placed(part, fixed, today)


def _is_settled(judged: Judged) -> bool:
    """Say whether another way would tell no more, as of a test that fails now and then."""
    if judged.verdict in PROVEN or judged.mixed:
        return True
    words = {judged.verdict, *(test.verdict for test in judged.tests)}
    return words <= {*DECIDED, "skipped"}


def _all_pass(trial: Trial) -> bool:
    return bool(trial.linked) and all(
        own and own[0].word == "passed" for own in map(trial.attempts.get, trial.linked)
    )


def _passing(trial: Trial) -> set[str]:
    """Return the tests that pass, be it now and then."""
    return {
        nodeid
        for nodeid, each in trial.attempts.items()
        if any(attempt.word == "passed" for attempt in each)
    }


def _is_red(trial: Trial, nodeid: str) -> bool:
    return any(each.word in RED for each in trial.attempts.get(nodeid, ())[:1])


def _excused(control: Trial, passing: Collection[str], today: Collection[str]) -> Trial:
    """Return a run with the fix in which a test that passes elsewhere, and never here, has not
    run; ``today`` are those that pass with what lies in the checkout.
    """
    excused = {}
    for nodeid in {*passing} - _passing(control):
        for first in control.attempts.get(nodeid, ())[:1]:
            why = f"passes by itself, but not where fixes are taken away: {red(first)}"
            if nodeid in today:
                why = "the code of the fix does not work in today's tree"
            excused[nodeid] = (Attempt("not-run", reason=why),)
    return replace(control, attempts={**control.attempts, **excused})


def _steady(control: Trial) -> frozenset[str]:
    """Return the tests that end alike each time with the fix."""
    ends = {nodeid: {each.word for each in own} for nodeid, own in control.attempts.items()}
    return frozenset(nodeid for nodeid, words in ends.items() if len(words) == 1)


def _doubted(judged: Judged, failing: frozenset[str], steady: frozenset[str]) -> Judged:
    """Return a verdict that has to be looked at again for tests that fail now and then: with other
    orders of sets, or only without the fix.
    """
    tests = tuple(
        replace(
            test,
            mixed=test.verdict == "not-proven"
            and (test.nodeid in failing or (test.mixed and test.nodeid in steady)),
        )
        for test in judged.tests
    )
    return replace(judged, tests=tests)


def _at_fix(judged: Judged) -> Judged:
    """Return what a replay tells: proof at the fix, or an old tree that does not run today."""
    words: dict[Verdict, Verdict] = {"proven": "proven-at-fix", "fails-with-fix": "inconclusive"}
    tests = tuple(
        replace(test, verdict=words.get(test.verdict, test.verdict)) for test in judged.tests
    )
    return replace(judged, verdict=words.get(judged.verdict, judged.verdict), tests=tests)
