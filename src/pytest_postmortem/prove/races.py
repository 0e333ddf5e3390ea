"""Many runs of a test with the fix and without it → a verdict on a test that fails now and then."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_postmortem.model import count_of
from pytest_postmortem.prove.chances import caught, fisher, interval
from pytest_postmortem.prove.missing import Known, meaning
from pytest_postmortem.prove.trial import Attempt
from pytest_postmortem.prove.verdict import Judged, TestVerdict, best

__all__ = ["Counts", "looked_at_again", "raced"]

ENOUGH = 0.05
"""The probability of chance at which a difference counts."""

OPEN = ("proven", "not-proven")
"""The verdicts that many runs may tell more of."""

SURE = 0.999
"""The most that is said of a chance which is no certainty."""

REPEATS = 20
"""How often a team may repeat a test that fails now and then."""


@dataclass(slots=True)
class Counts:
    """Runs of one test on one side, and how many failed: of all, and as CI would run it."""

    runs: int = 0
    failed: int = 0
    usual: int = 0
    usual_failed: int = 0
    first: Attempt | None = None
    alike: bool = True
    """Whether the runs of each process ended alike."""

    @property
    def clustered(self) -> bool:
        """Whether it is the process that decides, so that its runs are no runs of their own."""
        return self.alike and 0 < self.failed < self.runs

    def add(self, attempts: Sequence[Attempt], *, usual: bool) -> None:
        """Count the runs of a process, without one that had too little time."""
        known = [attempt for attempt in attempts if attempt.word != "cut"]
        self.alike &= len({attempt.word for attempt in known}) < 2
        for attempt in known:
            fails = attempt.word in ("failed", "hung", "died")
            self.runs += 1
            self.failed += fails
            self.usual += usual
            self.usual_failed += usual and fails
            if fails and self.first is None:
                self.first = attempt


def looked_at_again(
    judged: Judged,
    with_fix: Mapping[str, Counts],
    without: Mapping[str, Counts],
    known: Known,
    *,
    final: bool,
    steady: Collection[str] = (),
) -> Judged:
    """Return a verdict with what many runs tell of its tests.

    Unless it is ``final``, that is only what leaves no doubt: a test that ends alike each time. A
    ``steady`` one never failed with the fix, so that some runs without it that pass leave doubt.
    """
    tests = []
    for test in judged.tests:
        own = with_fix.get(test.nodeid, Counts())
        other = without.get(test.nodeid, Counts())
        clear = (other.runs,) if test.nodeid in steady else (0, other.runs)
        is_clear = not own.failed and other.failed in clear
        wanted = final and test.verdict in OPEN
        if (wanted or test.mixed) and (final or is_clear) and own.runs and other.runs:
            seen = test.mixed and test.nodeid in steady
            test = raced(test.nodeid, own, other, known, seen=seen)
        tests.append(test)
    top = best(tests)
    return replace(judged, verdict=top.verdict, message=top.message, tests=tuple(tests))


def raced(
    nodeid: str, with_fix: Counts, without: Counts, known: Known, *, seen: bool = False
) -> TestVerdict:
    """Return the verdict on a test by its runs on both sides; ``seen`` is that it has failed
    without the fix before.
    """
    sides = (
        f"{without.failed} of {count_of(without.runs, 'run')} without the fix,"
        f" in {with_fix.failed} of {with_fix.runs} with it"
    )
    if with_fix.failed:
        return TestVerdict(nodeid, "fails-with-fix", f"fails in {sides}")
    if not without.failed:
        passes = f"passes in all of {count_of(without.runs, 'run')} without it"
        if seen and without.runs < REPEATS:
            why = f"{passes}, and has failed before: not enough, give more --runs"
            return TestVerdict(nodeid, "inconclusive", why, mixed=True)
        return TestVerdict(nodeid, "not-proven", passes)
    failure = without.first.failure if without.first else None
    if failure is not None and meaning(failure, known) != "problem":
        return TestVerdict(nodeid, "broken", f"fails in {sides}, since something else is missing")
    if without.failed == without.runs and min(without.runs, with_fix.runs) > 1:
        why = f": {failure}" if failure is not None else ""
        return TestVerdict(nodeid, "proven", f"fails in {sides}{why}")
    chance = fisher(without.failed, without.runs, 0, with_fix.runs)
    told = f"(Fisher, one-sided, p {f'= {chance:.1g}' if chance else '< 1e-300'})"
    if chance > ENOUGH:
        why = f"fails in {sides} {told}: not enough, give more --runs"
        return TestVerdict(nodeid, "inconclusive", why, mixed=True)
    return TestVerdict(nodeid, "proven-flaky", f"fails in {sides} {told}; {_in_ci(without)}")


def _in_ci(without: Counts) -> str:
    """Say how probable it is that a run of CI notices, from the runs under usual settings."""
    share = without.usual_failed / without.usual
    low, high = interval(without.usual_failed, without.usual)
    if not without.usual_failed:
        return f"one CI run catches a return with at most {_percent(high)} %: repeat it"
    repeated = caught(share, REPEATS) if share == 1 else min(caught(share, REPEATS), SURE)
    return (
        f"one CI run catches a return with {_percent(share)} %"
        f" (95 %: {_percent(low)}–{_percent(high)} %),"
        f" twenty repeats with {_percent(repeated)} %"
    )


def _percent(share: float) -> str:
    """Return a share in percent; what is not certain does not read as if it were."""
    if share in (0, 1):
        return f"{share * 100:.0f}"
    return f"{min(share, SURE) * 100:.{0 if 0.1 <= share <= 0.99 else 1}f}"
