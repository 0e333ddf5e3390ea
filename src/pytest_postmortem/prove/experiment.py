"""Run the linked tests with the fix and without it, and repeat runs as needed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from math import inf
from pathlib import Path
from time import monotonic

from pytest_postmortem.prove.fix_lines import (
    find_differing_lines,
    find_effective_ranges,
    find_reading_lines,
)
from pytest_postmortem.prove.flakiness import RunCounts
from pytest_postmortem.prove.revert import FixVersions
from pytest_postmortem.prove.runner import ForkServer, Runner, RunSources, TestSelection
from pytest_postmortem.prove.trial import Trial

MAX_RUN_SECONDS = 600.0
"""Seconds that a run may take by default."""

MAX_INCIDENT_SECONDS = 1800.0
"""Seconds that all runs of one incident may take by default."""

TIMEOUT_FACTOR = 10
"""The time limit as a multiple of the duration with the fix."""

HASH_SEEDS = 4
"""Set orders in which a test must pass without the fix before it is ``not-proven``."""

FRESH_RUNS = 3
"""Runs in separate processes that distinguish a race from a test that can't run twice in one."""

BATCH_SECONDS = 3.0
"""Seconds that one process of many runs should take."""

MAX_BATCH_RUNS = 50
"""The maximum of runs in one process."""

QUICK_SWITCH_SECONDS = 1e-6
"""The thread switch interval in every other process of many runs; Python's default is 0.005."""

LineRanges = Mapping[str, Sequence[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class RunBudget:
    """The limits of the runs.

    ``limit`` are the seconds per run. ``runs`` are the runs per side for a race, None for as many
    as time allows in ``seconds`` per side. ``shake`` switches threads at the lines of the fix.
    ``min_hang_seconds`` is the least time after which a run counts as hanging, ``incident_limit``
    are the seconds for all runs of one incident.
    """

    limit: float = MAX_RUN_SECONDS
    runs: int | None = None
    seconds: float = 60.0
    shake: bool = False
    min_hang_seconds: float = 20.0
    incident_limit: float = MAX_INCIDENT_SECONDS

    @property
    def asked(self) -> bool:
        """Whether stable tests are to be repeated too."""
        return self.runs is not None or self.shake

    @property
    def max_runs(self) -> int:
        """The runs per side."""
        return self.runs or 100


class IncidentTimeoutError(Exception):
    """The time for all runs of an incident is over."""


class Experiment:
    """Run the linked tests with and without the fix, and record which files of the checkout they
    load.

    ``enough`` are the seconds after which a run counts as hanging, computed from the run with the
    fix; ``as_module`` starts pytest as ``python -m pytest``. ``control`` is an earlier run of the
    same files with the fix, if there was one. ``deadline`` is when all runs must have ended.
    Exceptions are recorded at the changes of the fix, and where ``brought_names`` are read, the
    names that it added.
    """

    def __init__(
        self,
        runner: Runner,
        selection: TestSelection,
        versions: FixVersions,
        effort: RunBudget,
        enough: float = MAX_RUN_SECONDS,
        deadline: float = inf,
        brought_names: Collection[str] = (),
    ) -> None:
        self._runner = runner
        self._wanted = selection
        self._versions = versions
        self._effort = effort
        self._deadline = deadline
        self.hang_seconds = enough
        self.as_module = runner.as_module
        self._others: tuple[str, ...] = ()
        self.control: Trial | None = None
        self.modules: set[str] = set()
        self.read_files: set[str] = set()
        self.packages: tuple[str, ...] = ()
        pairs = {path: (old or "", new or "") for path, (old, new) in versions.pairs.items()}
        lines = find_effective_ranges(pairs)
        self._old: LineRanges = {path: old for path, (old, _) in lines.items() if old}
        self._new: LineRanges = {path: new for path, (_, new) in lines.items() if new}
        self._lines_around = (
            {path: find_differing_lines(old, new) for path, (old, new) in pairs.items()},
            {path: find_differing_lines(new, old) for path, (old, new) in pairs.items()},
        )
        self._watched = [
            {
                path: [*lines, *find_reading_lines(pairs[path][side], brought_names)]
                for path, lines in self._lines_around[side].items()
            }
            for side in (0, 1)
        ]

    def run_with_fix(self) -> Trial:
        """Run the tests with the fix; limit later runs to ten times its duration."""
        selection = replace(self._wanted, packages=True)
        trial = self.control or self._run(selection, fixed=True, watched=True)
        self.modules |= trial.modules
        self.packages = trial.packages
        if trial.ended.status is not None:
            self.hang_seconds = max(
                self._effort.min_hang_seconds, TIMEOUT_FACTOR * trial.ended.seconds
            )
        self._others = tuple(trial.further())
        return trial

    def today(self) -> Trial:
        """Run the tests with the files of the checkout, and other tests as with the fix."""
        return self._start(replace(self._wanted, packages=True), RunSources())

    def are_tests_passing(self, nodeids: Sequence[str]) -> bool:
        """Return whether tests pass in the user's own environment."""
        limit = self.find_time_limit()
        return self._runner.are_tests_passing(nodeids, limit, as_module=self.as_module)

    def find_installed_copy(self, top: Path) -> str | None:
        """Return an installed file that the user's own environment may import for the fix's."""
        return self._runner.find_installed_copy(self._versions.list_module_paths(), top)

    def without(self) -> Trial:
        """Run the tests without the fix, and of the other tests those that ran with it."""
        selection = replace(self._wanted, others=self._others)
        return self._run(selection, fixed=False, watched=True)

    def again(self, *, fixed: bool) -> Trial:
        """Run the tests once more in a separate process."""
        return self._run(self._once, fixed=fixed)

    def reached(self) -> frozenset[str]:
        """Return the tests that run a line of the fix, with or without it."""
        reached: set[str] = set()
        for fixed, lines in ((False, self._old), (True, self._new)):
            if lines:
                trial = self._run(self._once, fixed=fixed, marked=True)
                reached |= trial.reached
                reached.update(trial.linked if "" in trial.reached else ())
        return frozenset(reached)

    def find_order_dependent_tests(self) -> frozenset[str]:
        """Return the tests that fail without the fix when sets iterate in another order."""
        failing = set()
        for seed in range(1, HASH_SEEDS):
            trial = self._run(replace(self._once, seed=seed), fixed=False)
            for nodeid, own in trial.attempts.items():
                if own[0].word in ("failed", "hung", "died"):
                    failing.add(nodeid)
        return frozenset(failing)

    def serve(self, nodeids: Sequence[str], packages: Sequence[str]) -> ForkServer:
        """Return a process that forks runs of some tests, after it has imported some packages."""
        selection = replace(self._select_tests(nodeids), as_module=self.as_module)
        return self._runner.serve(selection, self._bare, packages)

    def run_with_texts(
        self,
        server: ForkServer | None,
        nodeids: Sequence[str],
        texts: Mapping[str, str | None],
        marks: LineRanges,
        limit: float,
        *,
        stop: bool,
    ) -> Trial:
        """Run some tests with other texts of files: in a fork of a process, or in their own.

        ``limit`` are the seconds after which the run counts as hanging. With ``stop``, the first
        failure ends the run.
        """
        self._write_other_files(fixed=True, texts=texts)
        allowed = min(limit, self._effort.limit)
        if server is not None:
            trial = server.run(texts, marks, allowed, stop=stop)
        else:
            selection = replace(self._select_tests(nodeids), as_module=self.as_module, stop=stop)
            sources = replace(self._bare, files=texts, marks=marks, conditions=True)
            trial = self._runner.run(selection, sources, allowed)
        return trial.cut() if trial.ended.status is None and allowed < limit else trial

    @property
    def has_tree(self) -> bool:
        """Whether the runs share the files of another tree."""
        return bool(self._versions.others)

    def _select_tests(self, nodeids: Sequence[str]) -> TestSelection:
        files = tuple(dict.fromkeys(nodeid.partition("::")[0] for nodeid in nodeids))
        return replace(self._once, files=files, ids=(), nodeids=tuple(nodeids))

    def run_with_additions(self, texts: Mapping[str, str | None]) -> Trial:
        """Run the tests with the modifications of the fix reverted, and with its additions."""
        self._write_other_files(fixed=False, added=True, texts=texts)
        return self._start(self._once, replace(self._bare, files=texts))

    def run_fresh_processes(self) -> tuple[dict[str, RunCounts], dict[str, RunCounts]]:
        """Run each test a few times on either side, each time in a separate process."""
        return self._count_runs(FRESH_RUNS, quick=False, alone=True)

    def repeated(self, *, alone: bool) -> tuple[dict[str, RunCounts], dict[str, RunCounts]]:
        """Run the tests many times on either side, in turn; ``alone`` means once per process."""
        return self._count_runs(self._effort.max_runs, quick=True, alone=alone)

    def _count_runs(
        self, runs: int, *, quick: bool, alone: bool
    ) -> tuple[dict[str, RunCounts], dict[str, RunCounts]]:
        """Return the counts with the fix and without it, with one process per batch of runs."""
        counts = (defaultdict[str, RunCounts](RunCounts), defaultdict[str, RunCounts](RunCounts))
        start, done, size = monotonic(), 0, 1
        for number in count():
            usual = not (quick and number % 2)
            selection = replace(
                self._once,
                rounds=size,
                switch=None if usual else QUICK_SWITCH_SECONDS,
                seed=number // 2,
            )
            before = monotonic()
            for side_counts, fixed in zip(counts, (True, False), strict=True):
                shake = self._effort.shake and not usual
                trial = self._run(selection, fixed=fixed, shake=shake)
                for nodeid in trial.linked:
                    side_counts[nodeid].add(trial.attempts.get(nodeid, ()), usual=usual)
            done += size
            now = monotonic()
            if done >= runs or now - start > 2 * self._effort.seconds:
                break
            if not alone and now - before < 2 * BATCH_SECONDS:
                size *= 4
            size = min(size, MAX_BATCH_RUNS, runs - done)
        return dict(counts[0]), dict(counts[1])

    @property
    def _once(self) -> TestSelection:
        return replace(self._wanted, others=(), rounds=1, share=0.0)

    @property
    def _bare(self) -> RunSources:
        versions = self._versions
        return RunSources(
            modules=versions.modules,
            data=tuple({*versions.fixed, *map(str, versions.others)}),
            tree=versions.tree,
            roots=versions.roots,
        )

    def _run(
        self,
        selection: TestSelection,
        *,
        fixed: bool,
        watched: bool = False,
        marked: bool = False,
        shake: bool = False,
    ) -> Trial:
        self._write_other_files(fixed=fixed)
        lines = self._new if fixed else self._old
        sources = replace(
            self._bare,
            files=self._versions.fixed if fixed else self._versions.before,
            watched=self._watched[fixed] if watched else {},
            marks=self._lines_around[fixed] if shake else lines if marked else {},
            shake=shake,
        )
        trial = self._start(selection, sources)
        self.modules |= trial.modules
        self.read_files |= trial.read_files
        return trial

    def _start(self, selection: TestSelection, sources: RunSources) -> Trial:
        selection = replace(selection, as_module=self.as_module)
        limit = self.find_time_limit()
        trial = self._runner.run(selection, sources, limit)
        if trial.ended.status is None:
            self.find_time_limit()
        is_cut = trial.ended.status is None and limit < self.hang_seconds
        return trial.cut() if is_cut else trial

    @property
    def has_time(self) -> bool:
        """Whether some of the time for the whole incident is left."""
        return monotonic() < self._deadline

    def find_time_limit(self) -> float:
        """Return the seconds that a run may take.

        Raises:
            IncidentTimeoutError: No time is left.
        """
        left = self._deadline - monotonic()
        if left <= 0:
            raise IncidentTimeoutError
        return min(self._effort.limit, self.hang_seconds, left)

    def _write_other_files(
        self, *, fixed: bool, added: bool = False, texts: Mapping[str, str | None] | None = None
    ) -> None:
        """Write the files of the fix in an exported tree; ``texts`` are the Python files."""
        for file, (before, after) in self._versions.others.items():
            data = after if fixed or (added and before is None) else before
            if texts is not None and str(file) in texts:
                text = texts[str(file)]
                data = None if text is None else text.encode()
            if data is None:
                file.unlink(missing_ok=True)
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
