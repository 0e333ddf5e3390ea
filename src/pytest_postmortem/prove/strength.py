"""Measure the strength of a proof: which changes to the lines of a fix its tests notice.

A test that fails without the whole fix may pass without half of it. Each part of the fix is
reverted alone, and small changes are made to its lines as they are today.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic

from pytest_postmortem.proofs import FixStrength, MutantFinding, MutantResult
from pytest_postmortem.prove.diagnose import NamesOfFix, classify_failure, read_source_text
from pytest_postmortem.prove.experiment import Experiment
from pytest_postmortem.prove.fix_lines import (
    find_changed_ranges,
    find_lines_today,
    revert_parts_one_by_one,
)
from pytest_postmortem.prove.mutants import (
    CodeVersions,
    Mutant,
    find_effect_places,
    find_mutants,
)
from pytest_postmortem.prove.revert import FixVersions
from pytest_postmortem.prove.runner import ForkServer, ServerUnfitError
from pytest_postmortem.prove.trial import RaisedFailure, Trial

DEFAULT_MUTANTS = 40
"""The mutants of an incident that run by default."""

MIN_HANG_SECONDS = 5.0
"""The least time after which a run with a mutant counts as hanging."""

HANG_FACTOR = 5
"""The time limit of a run with a mutant as a multiple of that without one."""

PART = "part"
"""The kind of a mutant that is a part of the fix reverted alone."""

ENDLESS = "does not end"
"""Why a mutant is noticed whose run reaches the time limit."""

NO_TIME = "no time is left: give a longer --incident-timeout"
"""Why a mutant did not run."""

Texts = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class StrengthRequest:
    """How many mutants run for an incident, and how many of them in parallel."""

    mutants: int = DEFAULT_MUTANTS
    jobs: int = 1


@dataclass(frozen=True, slots=True)
class FixMutant:
    """A mutant, its file, and the texts of all files of the fix with it."""

    path: str
    mutant: Mutant
    texts: Texts


def measure_strength(
    experiment: Experiment,
    versions: FixVersions,
    fix_names: NamesOfFix,
    nodeids: Sequence[str],
    request: StrengthRequest,
    advance: Callable[[int, int], None],
) -> FixStrength:
    """Run tests that pass with the fix with mutants of its lines.

    ``advance`` is called with the number of mutants that have run, and with that of all.
    """
    start = monotonic()
    mutants = list(find_fix_mutants(versions))
    chosen = choose_mutants(mutants, request.mutants)
    if not chosen:
        return FixStrength(problem="its lines have nothing to change")
    with ExitStack() as resources:
        runs = MutantRuns(experiment, nodeids, resources)
        control = runs.run_control(read_texts_today(versions), _list_marks(chosen))
        if control is None:
            return FixStrength(problem="the tests do not pass in a run of their own")
        results = _run_mutants(runs, control, chosen, fix_names, request.jobs, advance)
    counts = Counter(result.found for result in results)
    return FixStrength(
        counts["noticed"],
        counts["missed"],
        counts["not reached"],
        counts["invalid"],
        len(mutants),
        request.mutants,
        mutants=tuple(results),
        seconds=monotonic() - start,
    )


def read_texts_today(versions: FixVersions) -> Texts:
    """Return the files of the fix as they are today; a replay has them as they were at the fix."""
    if versions.way != "units":
        return versions.fixed
    return {path: read_source_text(path) for path in versions.fixed}


def find_fix_mutants(versions: FixVersions) -> Iterator[FixMutant]:
    """Yield each part of the fix reverted alone, and then the mutants of its lines today.

    A part that is all of the fix is left out: the proof itself has reverted it. So is the
    same code as that of another mutant.
    """
    today = read_texts_today(versions)
    code = {path: CodeVersions(text) for path, text in today.items() if text is not None}
    fixed = {**versions.fixed, **_decode_data_files(versions, 1)}
    before = {**versions.before, **_decode_data_files(versions, 0)}
    parts = list(revert_parts_one_by_one(fixed, before))
    for part in parts:
        is_new = part.path not in code or part.text is None or code[part.path].add(part.text)
        lines = [part.lines]
        text, fixed_text = today.get(part.path), fixed[part.path]
        if text is not None and fixed_text is not None and text != fixed_text:
            lines = find_lines_today(fixed_text, text, lines)
        if len(parts) < 2 or not is_new or not lines:
            continue
        places = find_effect_places(text or "", min(lines)[0], max(lines)[1])
        mutant = Mutant(PART, min(lines)[0], places, part.text, part.shown, "")
        yield FixMutant(part.path, mutant, {**versions.fixed, part.path: part.text})
    for path, text in today.items():
        if text is None:
            continue
        _, ranges = find_changed_ranges(versions.before.get(path) or "", fixed[path] or "")
        if text != fixed[path]:
            ranges = find_lines_today(fixed[path] or "", text, ranges)
        for mutant in find_mutants(text, ranges, code[path]):
            yield FixMutant(path, mutant, {**today, path: mutant.text})


def _decode_data_files(versions: FixVersions, side: int) -> dict[str, str | None]:
    """Return the texts of the files that are not Python, without the fix or with it."""
    texts: dict[str, str | None] = {}
    for path in versions.data_files:
        contents = versions.others[Path(path)]
        try:
            decoded = [None if data is None else data.decode() for data in contents]
        except UnicodeDecodeError:
            continue
        texts[path] = decoded[side]
    return texts


def choose_mutants(mutants: Sequence[FixMutant], most: int) -> list[FixMutant]:
    """Return the parts of the fix, and a sample of the other mutants, always the same."""
    parts = [mutant for mutant in mutants if mutant.mutant.kind == PART]
    others = [mutant for mutant in mutants if mutant.mutant.kind != PART]
    ranked = sorted(others, key=_digest_mutant)[: max(0, most - len(parts))]
    return [*parts, *(mutant for mutant in others if mutant in ranked)]


def _digest_mutant(mutant: FixMutant) -> str:
    own = mutant.mutant
    name = os.path.basename(mutant.path)
    return sha256(f"{name}\0{own.kind}\0{own.before}\0{own.after}".encode()).hexdigest()


def _list_marks(mutants: Sequence[FixMutant]) -> dict[str, list[tuple[int, int]]]:
    """Return the lines of the statements whose running matters, by file."""
    lines: dict[str, set[int]] = {}
    for mutant in mutants:
        lines.setdefault(mutant.path, set()).update(mutant.mutant.places)
    return {path: [(line, line) for line in sorted(own)] for path, own in lines.items()}


class MutantRuns:
    """Run tests with other texts of files: each run in a fork of one process, if that works.

    ``nodeids`` are tests that pass with the fix; processes end with the ``resources``.
    """

    def __init__(
        self, experiment: Experiment, nodeids: Sequence[str], resources: ExitStack
    ) -> None:
        self._experiment = experiment
        self._nodeids = tuple(nodeids)
        self._resources = resources
        self._packages: Sequence[str] = ()
        self._server: ForkServer | None = None
        self._limit = experiment.find_time_limit()

    @property
    def has_time(self) -> bool:
        """Whether the time limit of the incident allows another run."""
        return self._experiment.has_time

    def run_control(
        self, texts: Texts, marks: Mapping[str, Sequence[tuple[int, int]]]
    ) -> Trial | None:
        """Run the tests without a mutant, and find a way of running them in which they pass.

        None is returned if there is none. Packages are imported before the runs, unless these then
        end in another way.
        """
        attempts: list[Sequence[str] | None] = [None]
        if hasattr(os, "fork"):
            attempts = [self._experiment.packages, (), None]
        for packages in attempts:
            server = self._open_server(packages)
            try:
                control = self.run(server, texts, marks)
            except ServerUnfitError:
                continue
            if control.passing_tests() >= {*self._nodeids}:
                self._packages, self._server = packages or (), server
                self._limit = max(MIN_HANG_SECONDS, HANG_FACTOR * control.ended.seconds)
                return control
            if server is not None:
                server.close()
        return None

    def _open_server(self, packages: Sequence[str] | None) -> ForkServer | None:
        if packages is None:
            return None
        server = self._experiment.serve(self._nodeids, packages)
        return self._resources.enter_context(closing(server))

    def open_servers(self, count: int) -> list[ForkServer | None]:
        """Return the processes for some parallel runs; None starts a process for each run.

        Runs in another tree share its files, and so are not parallel.
        """
        count = 1 if self._experiment.has_tree else count
        if self._server is None:
            return [None] * count
        return [self._server, *(self._open_server(self._packages) for _ in range(count - 1))]

    def run(
        self,
        server: ForkServer | None,
        texts: Texts,
        marks: Mapping[str, Sequence[tuple[int, int]]] | None = None,
        *,
        stop: bool = False,
    ) -> Trial:
        """Run the tests with some texts."""
        return self._experiment.run_with_texts(
            server, self._nodeids, texts, marks or {}, self._limit, stop=stop
        )


def _run_mutants(
    runs: MutantRuns,
    control: Trial,
    mutants: Sequence[FixMutant],
    fix_names: NamesOfFix,
    jobs: int,
    advance: Callable[[int, int], None],
) -> list[MutantResult]:
    """Return the results, in the order of the mutants."""
    waiting: SimpleQueue[int] = SimpleQueue()
    results: dict[int, MutantResult] = {}
    for number, mutant in enumerate(mutants):
        if _is_reached(mutant, control):
            waiting.put(number)
        else:
            results[number] = _build_result(mutant, "not reached")
    total = waiting.qsize()

    def work(server: ForkServer | None) -> None:
        while True:
            try:
                number = waiting.get_nowait()
            except Empty:
                return
            mutant = mutants[number]
            if not runs.has_time:
                results[number] = _build_result(mutant, "invalid", NO_TIME)
                continue
            is_part = mutant.mutant.kind == PART
            trial = runs.run(server, mutant.texts, stop=not is_part)
            found = (
                judge_part_run(trial, fix_names)
                if is_part
                else judge_mutant_run(trial, control.linked)
            )
            results[number] = _build_result(mutant, *found)
            advance(total - waiting.qsize(), total)

    servers = runs.open_servers(min(jobs, total or 1))
    with ThreadPoolExecutor(len(servers)) as pool:
        for future in [pool.submit(work, server) for server in servers]:
            future.result()
    return [results[number] for number in range(len(mutants))]


def _is_reached(mutant: FixMutant, control: Trial) -> bool:
    """Return whether a statement of a mutant ran, or its file was read that is not Python."""
    if mutant.path in control.read_files:
        return True
    return any((mutant.path, line) in control.places for line in mutant.mutant.places)


def _build_result(mutant: FixMutant, found: MutantFinding, why: str = "") -> MutantResult:
    own = mutant.mutant
    return MutantResult(mutant.path, own.line, own.kind, own.before, own.after, found, why)


def judge_mutant_run(trial: Trial, linked: Collection[str]) -> tuple[MutantFinding, str]:
    """Return whether tests that pass without a mutant notice it, and why."""
    attempts = {
        nodeid: own[0] for nodeid, own in trial.attempts.items() if nodeid in linked and own
    }
    words = {attempt.word for attempt in attempts.values()}
    if "failed" in words:
        return "noticed", ""
    if "died" in words and trial.ended.status != -9:
        return "noticed", "the process dies"
    if "cut" in words:
        return "invalid", "--timeout is too short"
    if "hung" in words or trial.ended.status is None:
        return "noticed", ENDLESS
    if trial.broken:
        return "invalid", f"can't be collected: {min(trial.broken.items())[1]}"
    if "error" in words:
        return "invalid", "the set-up or teardown of a test fails"
    if len(attempts) < len(linked):
        return "invalid", "a test did not run"
    return "missed", ""


def _is_problem(failure: RaisedFailure, fix_names: NamesOfFix) -> bool:
    """Return whether a failure is more than a name that another part of the fix needs."""
    is_unbound = "NameError" in failure.bases and "UnboundLocalError" not in failure.bases
    if is_unbound and failure.name in fix_names.brought_names:
        return False
    return classify_failure(failure, fix_names) == "problem"


def judge_part_run(trial: Trial, fix_names: NamesOfFix) -> tuple[MutantFinding, str]:
    """Return whether a linked test fails without a part of a fix, because of the bug itself.

    A failure that comes from two halves which do not fit together is none.
    """
    attempts = trial.first_attempts().values()
    failed = [attempt for attempt in attempts if attempt.word in ("failed", "hung", "died")]
    for attempt in failed:
        if attempt.failure is None or _is_problem(attempt.failure, fix_names):
            return "noticed", ENDLESS if attempt.word == "hung" else ""
    words = {attempt.word for attempt in attempts}
    is_whole = bool(attempts) and len(attempts) == len(trial.linked) and not trial.broken
    if failed or not is_whole or words & {"error", "cut"}:
        return "invalid", "the rest of the fix needs it"
    return "missed", ""
