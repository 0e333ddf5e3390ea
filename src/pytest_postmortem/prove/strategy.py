"""Prove one incident: revert its fix with up to three strategies, until one gives a verdict."""

from __future__ import annotations

import linecache
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from time import monotonic

from pytest_postmortem import git
from pytest_postmortem.model import PROVEN_VERDICTS, VERDICTS, Verdict
from pytest_postmortem.proofs import FixStrength
from pytest_postmortem.prove import revert
from pytest_postmortem.prove.additions import AdditionsOfFix, find_additions, has_only_additions
from pytest_postmortem.prove.diagnose import NamesOfFix, collect_names_of_fix, read_source_text
from pytest_postmortem.prove.experiment import (
    FRESH_RUNS,
    MAX_RUN_SECONDS,
    Experiment,
    IncidentTimeoutError,
    RunBudget,
)
from pytest_postmortem.prove.fix import (
    FixError,
    FixNotInHeadError,
    convert_git_errors,
    decode_fix_source,
)
from pytest_postmortem.prove.fix_files import TEST_FOLDERS, Fix, FixFileKind
from pytest_postmortem.prove.flakiness import judge_repeated_runs
from pytest_postmortem.prove.revert import (
    UNKNOWN_FILES,
    FixVersions,
    RevertedFiles,
    Workspace,
    find_reverted_files,
    format_source_options,
)
from pytest_postmortem.prove.runner import Runner, TestSelection
from pytest_postmortem.prove.strength import (
    NO_TIME,
    StrengthRequest,
    measure_strength,
)
from pytest_postmortem.prove.today import (
    ProofCase,
    TestsToday,
    run_tests_today,
    run_with_module_path,
)
from pytest_postmortem.prove.trial import AttemptResult, RaisedFailure, Trial
from pytest_postmortem.prove.verdict import (
    DECIDED_VERDICTS,
    OPEN_VERDICTS,
    RED_WORDS,
    IncidentVerdict,
    TestVerdict,
    format_failure_with_fix,
    judge_incident,
)

TIME_WORDS = re.compile(
    r"(?<![a-z])(time|timed|timeout|timing|clock|elapsed|duration|took|seconds?|delay|latency|slow"
    r"|faster|perf_counter|monotonic|process_time|benchmark|now|today)(?![a-z])|time(out|r)s?\b",
    re.IGNORECASE,
)
"""Words in a failure, or in the code that raised it, by which it may depend on a clock."""

MAX_SHOWN_FRAMES = 3

STRATEGIES = ("patch", "units", "replay")

MEASURED_VERDICTS = ("proven", "proven-at-fix", "weak", "not-proven", "not-reached")
"""The verdicts on tests that pass with the fix, and may notice a mutant of it."""


@dataclass(frozen=True, slots=True)
class IncidentProof:
    """The verdict on an incident, how it was found, and its inputs.

    ``notes`` are the reasons why a strategy gave no verdict. ``files`` are the real paths of the
    files of the checkout that the runs loaded. ``strength`` is that of a proof, if requested, and
    ``measure`` is what measures it. ``hang_seconds`` is the time after which a run counts as
    hanging, ``reverted_files`` the files of the fix that were reverted, and those that were not.
    ``is_copied`` means that the tests ran in another tree, ``read_files`` are files of the fix that
    they opened past the import system. ``title`` is the incident's. ``since`` is the day of a
    reused verdict, None for a new one; ``changed`` is an input that was written during the runs.
    """

    id: str
    fix: str
    judged: IncidentVerdict
    way: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    files: tuple[str, ...] = ()
    strength: FixStrength | None = None
    measure: Callable[[], FixStrength] | None = field(default=None, compare=False, repr=False)
    hang_seconds: float = MAX_RUN_SECONDS
    reverted_files: RevertedFiles = UNKNOWN_FILES
    is_copied: bool = False
    read_files: tuple[str, ...] = ()
    title: str = ""
    since: str | None = None
    changed: str | None = None

    @property
    def verdict(self) -> Verdict:
        """The verdict on the incident."""
        return self.judged.verdict


class Prover:
    """Prove incidents of one checkout; calls may come from several threads."""

    def __init__(
        self,
        runner: Runner,
        checkout: Workspace,
        marks: Sequence[str] = ("postmortem",),
        source: Sequence[str] = (),
        effort: RunBudget = RunBudget(),
        strength: StrengthRequest | None = None,
        show_mutants: Callable[[str, int, int], None] = lambda id, done, total: None,
    ) -> None:
        self._runner = runner
        self._checkout = checkout
        self._marks = tuple(marks)
        self._source = tuple(source)
        self._effort = effort
        self._strength = strength
        self._show_mutants = show_mutants
        self._git = Lock()

    def prove(self, case: ProofCase) -> IncidentProof:
        """Return the verdict on one incident."""
        start = monotonic()
        limit = self._effort.incident_limit
        case = replace(case, deadline=start + limit)
        try:
            with self._git:
                fix = self._classify_fix(case.fix(), case)
            proved = self._prove_both_ways(case, fix)
            proved = _measure_strength(proved)
        except FixError as error:
            proved = IncidentProof(case.id, "", IncidentVerdict("inconclusive", str(error)))
        except IncidentTimeoutError:
            why = f"no verdict within {limit:g} s, the limit of one incident: give a longer"
            judged = IncidentVerdict("inconclusive", f"{why} --incident-timeout")
            proved = IncidentProof(case.id, "", judged)
        return replace(proved, seconds=monotonic() - start)

    def stop(self) -> None:
        """Stop all running experiments (Ctrl-C)."""
        self._runner.stop()

    def _classify_fix(self, fix: Fix, case: ProofCase) -> Fix:
        tests = [self._checkout.within(path) for path in case.tests]
        kinds: dict[str, FixFileKind] = {}
        for path in fix.paths:
            before, after = fix.ends(path)
            data = after if after is not None else before
            kinds[path] = self._checkout.kind_of(path, tests, self._source, data)
        if not self._source:
            code = [path for path, kind in kinds.items() if kind == "source"]
            support = self._checkout.find_test_support(code)
            if len(support) < len(code) or "opaque" in kinds.values():
                kinds |= dict.fromkeys(support, "either")
        return replace(fix, kinds=kinds)

    def _prove_both_ways(self, case: ProofCase, fix: Fix) -> IncidentProof:
        """Leave files in place that are test or source; if that decides nothing, revert them too.

        A helper of tests to which the fix only added something is left in place.
        """
        shared = [path for path in fix.of_kind("either") if not _is_extended_helper(fix, path)]
        whole = replace(fix, kinds={**fix.kinds, **dict.fromkeys(shared, "source")})
        if not shared:
            return self._try_strategies(case, fix)
        if not fix.of_kind("source", "opaque"):
            return choose_proof_with_shared_files(None, self._try_strategies(case, whole), shared)
        kept = self._try_strategies(case, fix)
        is_decided = kept.judged.verdict not in (*OPEN_VERDICTS, "inconclusive")
        if is_decided and (
            kept.judged.verdict not in PROVEN_VERDICTS or _is_own_assertion(kept.judged)
        ):
            return _add_note_of_shared_files(kept, shared)
        return choose_proof_with_shared_files(kept, self._try_strategies(case, whole), shared)

    def _try_strategies(self, case: ProofCase, fix: Fix) -> IncidentProof:
        if not fix.of_kind("source", "opaque"):
            raise FixError(f"{fix.name} changes no source: {', '.join(fix.paths[:3])}")
        if not fix.of_kind("opaque") and not revert.has_code_changes(fix):
            raise FixError(f"{fix.name} changes no code that runs")
        proofs: list[IncidentProof] = []
        notes: list[str] = []
        today: TestsToday | None = None
        for way in STRATEGIES:
            try:
                if way != "patch" and today is None:
                    self._require_fix_in_head(fix)
                    today = self._run_tests_today(case, proofs)
                    if today.failing and not today.others:
                        return IncidentProof(case.id, fix.name, today.judge(), "today")
                    case = today.select_others(case)
                if way == "replay" and today is not None and not today.others:
                    raise FixError(f"today {today.reason}")
                proved = self._try_strategy(way, case, fix, proofs, today)
            except FixError as error:
                notes.append(f"{way}: {error}")
                if isinstance(error, FixNotInHeadError):
                    notes = [str(error)]
                    break
                continue
            if way == "patch" and proved.judged.verdict in OPEN_VERDICTS:
                proved = self._try_in_copy(case, fix, proved)
            proofs.append(replace(proved, judged=today.add_to(proved.judged)) if today else proved)
            if _is_verdict_settled(proved.judged):
                return replace(proofs[-1], notes=tuple(notes))
            notes.append(f"{way}: {proved.judged.message}")
        if not proofs:
            return IncidentProof(
                case.id, fix.name, IncidentVerdict("inconclusive", "; ".join(notes))
            )
        chosen = min(
            proofs,
            key=lambda proof: (VERDICTS.index(proof.judged.verdict), not proof.judged.tests),
        )
        return replace(chosen, notes=tuple(notes))

    def _require_fix_in_head(self, fix: Fix) -> None:
        """Check that HEAD has the commits of a fix.

        Raises:
            FixNotInHeadError: It lacks one, or a shallow clone does not show whether it does.
        """
        root = self._checkout.root
        with self._git, convert_git_errors():
            for step in fix.steps:
                if step.after is None or git.is_commit_included(root, step.after):
                    continue
                raise FixNotInHeadError(
                    f"whether HEAD has {step.name} is not known in this shallow clone:"
                    " git fetch --unshallow"
                    if git.is_shallow_clone(root)
                    else f"{step.name} is not in HEAD: merge it, or name its commit here"
                )

    def _run_tests_today(self, case: ProofCase, proofs: Sequence[IncidentProof]) -> TestsToday:
        """Run the linked tests on the checkout as it is, unless the exact reverse has done so."""
        if proofs:
            tests = proofs[0].judged.tests
            failing = tuple(test for test in tests if test.verdict == "fails-with-fix")
            others = tuple(test.nodeid for test in tests if test not in failing)
            return TestsToday(others, failing, proofs[0].judged.message)
        selection = TestSelection(case.tests, case.ids, case.nodeids, self._marks)
        versions = FixVersions("today", {}, {})
        return run_tests_today(
            Experiment(self._runner, selection, versions, self._effort, deadline=case.deadline)
        )

    def _try_in_copy(self, case: ProofCase, fix: Fix, proved: IncidentProof) -> IncidentProof:
        """Revert the fix in a copy of the tree, since tests may read its files past the import."""
        if proved.is_copied:
            return proved
        try:
            copied = self._try_strategy("patch", case, fix, [], copied=True)
        except FixError as error:
            copied = replace(proved, judged=IncidentVerdict("inconclusive", str(error)))
        if copied.judged.verdict in (*PROVEN_VERDICTS, "weak"):
            return copied
        if copied.judged.verdict in OPEN_VERDICTS or not proved.read_files:
            return proved
        name = os.path.relpath(min(proved.read_files), self._checkout.top)
        why = f"{name} is read as a file, which a copy of the tree does not allow to revert"
        return replace(proved, judged=proved.judged.make_inconclusive(why))

    def _try_strategy(
        self,
        way: str,
        case: ProofCase,
        fix: Fix,
        proofs: Sequence[IncidentProof],
        today: TestsToday | None = None,
        *,
        copied: bool = False,
    ) -> IncidentProof:
        """Try one strategy, with the tests that earlier strategies found."""
        with self._git:
            if way == "patch":
                versions = revert.revert_by_patch(
                    fix, self._checkout, self._runner.folder, copied=copied
                )
            elif way == "units":
                versions = revert.revert_by_units(fix, self._checkout)
            else:
                tests = (test.nodeid for proved in proofs for test in proved.judged.tests)
                nodeids = list(dict.fromkeys(tests)) or list(case.seen or case.nodeids)
                folder = self._runner.folder()
                versions = revert.revert_by_replay(
                    fix, self._checkout, nodeids, folder, case.names_then
                )
        if versions.nodeids:
            files = tuple(dict.fromkeys(nodeid.partition("::")[0] for nodeid in versions.nodeids))
            case = replace(case, tests=files, ids=(), nodeids=tuple(versions.nodeids))
        selection = TestSelection(case.tests, case.ids, case.nodeids, self._marks)
        enough = min((proof.hang_seconds for proof in proofs), default=MAX_RUN_SECONDS)
        names_of_fix = replace(self._known(case, fix, versions), data_files=versions.data_files)
        sides = Experiment(
            self._runner,
            selection,
            versions,
            self._effort,
            enough,
            case.deadline,
            names_of_fix.brought_names,
        )
        if today is not None and way == "units" and _is_text_of_today(versions):
            sides.control, sides.as_module = today.trial, today.as_module
        judged, control = self._judge_versions(sides, versions, names_of_fix, quick=copied)
        if judged.verdict in ("proven", "proven-flaky", "weak"):
            additions = self._find_additions(case, fix, versions)
            judged = judge_additions(judged, sides, control, names_of_fix, additions)
        if versions.way == "replay":
            judged = _convert_replay_verdict(judged)
        tree = versions.tree or self._checkout.top
        shares = find_reverted_files(fix, versions, tree)
        judged = _check_remaining_files(judged, shares, tree, sides.modules, fix.of_kind("either"))
        files = versions.of_today({*sides.modules, *versions.fixed}, self._checkout.top)
        measure = self._build_measure(case, sides, versions, names_of_fix, judged)
        return IncidentProof(
            case.id,
            fix.name,
            _name_tests_of_today(judged, versions.nodeids),
            way,
            files=files,
            measure=measure,
            hang_seconds=sides.hang_seconds,
            reverted_files=shares,
            is_copied=versions.tree is not None,
            read_files=tuple(sides.read_files),
        )

    def _build_measure(
        self,
        case: ProofCase,
        experiment: Experiment,
        versions: FixVersions,
        fix_names: NamesOfFix,
        judged: IncidentVerdict,
    ) -> Callable[[], FixStrength] | None:
        """Return what measures the strength of a proof, None if that is not requested."""
        request = self._strength
        if request is None or judged.verdict not in PROVEN_VERDICTS:
            return None
        nodeids = [test.nodeid for test in judged.tests if test.verdict in MEASURED_VERDICTS]
        if judged.is_mixed or judged.verdict == "proven-flaky":
            return lambda: FixStrength(problem="one run for each mutant says nothing about a race")

        def advance(done: int, total: int) -> None:
            self._show_mutants(case.id, done, total)

        def measure() -> FixStrength:
            strength = measure_strength(experiment, versions, fix_names, nodeids, request, advance)
            top = f"{versions.tree or self._checkout.top}{os.sep}"
            mutants = (replace(own, path=own.path.removeprefix(top)) for own in strength.mutants)
            return replace(strength, mutants=tuple(mutants))

        return measure

    def _known(self, case: ProofCase, fix: Fix, versions: FixVersions) -> NamesOfFix:
        checkout = self._checkout
        top = versions.tree or checkout.top
        tests = [str(top / checkout.within(path)) for path in case.tests]
        pairs = versions.pairs
        texts = (decode_fix_source(data) or "" for _, data in checkout.list_source_files())
        if versions.way == "replay":
            return collect_names_of_fix(str(top), tests, pairs)
        then = revert.build_history_reader(fix, checkout, top)
        return collect_names_of_fix(str(top), tests, pairs, lambda: texts, then)

    def _find_additions(
        self, case: ProofCase, fix: Fix, versions: FixVersions
    ) -> AdditionsOfFix | None:
        """Return what the fix added for its tests alone."""
        top = versions.tree or self._checkout.top
        paths = {*map(self._checkout.within, case.tests), *fix.of_kind("test")}
        paths.update(path for path in self._checkout.present if path.endswith("conftest.py"))
        tests = {str(top / path) for path in paths if path.endswith(".py")}
        pairs = versions.pairs
        others = (
            decode_fix_source(data) or ""
            for file, data in self._checkout.list_source_files()
            if str(top / os.path.relpath(file, self._checkout.top)) not in {*pairs, *tests}
        )
        texts = (read_source_text(path) or "" for path in sorted(tests - {*pairs}))
        return find_additions(pairs, texts, others)

    def _judge_versions(
        self,
        experiment: Experiment,
        versions: FixVersions,
        fix_names: NamesOfFix,
        *,
        quick: bool,
    ) -> tuple[IncidentVerdict, Trial]:
        """Return the verdict, and the run with the fix.

        A ``quick`` verdict does not say why a test passes without the fix.
        """
        control = run_with_module_path(experiment, experiment.run_with_fix)
        if versions.way != "replay" and not _are_all_passing(control):
            control = _check_control_run(experiment, control, versions.way, self._checkout.top)
        if control.passing_tests().isdisjoint(control.linked):
            judged = judge_incident(control, Trial(control.ended), fix_names)
        else:
            without = experiment.without()
            if experiment.control and without.escaped_failures:  # today's run recorded none
                experiment.control = None
                control = experiment.run_with_fix()
            judged = judge_incident(control, without, fix_names)
            if quick and judged.is_open:
                return judged, control
            reached = experiment.reached() if judged.is_open else None
            judged = judge_incident(control, without, fix_names, reached)
            if judged.verdict == "not-proven":
                judged = _mark_flaky_tests(
                    judged, experiment.find_order_dependent_tests(), _find_steady_tests(control)
                )
            elif not self._effort.asked:
                judged, control = _confirm_verdict(
                    judged, experiment, control, without, fix_names, reached
                )
            judged = self._judge_again(experiment, judged, control, fix_names)
        return judged, control

    def _judge_again(
        self, experiment: Experiment, judged: IncidentVerdict, control: Trial, fix_names: NamesOfFix
    ) -> IncidentVerdict:
        """Repeat tests that did not end alike each time, or all tests if the user asked for it."""
        asked = self._effort.asked
        steady = _find_steady_tests(control)
        alone = not steady.issuperset(control.attempts)
        if not asked and judged.is_mixed:
            fresh = experiment.run_fresh_processes()
            judged = judge_repeated_runs(judged, *fresh, fix_names, final=False, steady=steady)
            alone |= not any(count.failed for count in fresh[1].values())
        if asked or judged.is_mixed:
            counts = experiment.repeated(alone=alone)
            if not alone and any(count.is_clustered for count in counts[1].values()):
                counts = experiment.repeated(alone=True)
            judged = judge_repeated_runs(judged, *counts, fix_names, final=True, steady=steady)
        return judged


OWN_ASSERTIONS = ("AssertionError", "Failed")
"""The exceptions with which a test itself says that something is wrong."""


def _is_own_assertion(judged: IncidentVerdict) -> bool:
    _, _, failure = judged.message.partition("without the fix: ")
    return failure.startswith(OWN_ASSERTIONS)


def _is_extended_helper(fix: Fix, path: str) -> bool:
    """Return whether a fix only added to a conftest, or to a file in a folder of tests.

    A patch alone does not show that.
    """
    *folders, name = path.split("/")
    is_helper = name == "conftest.py" or not {*TEST_FOLDERS}.isdisjoint(folders)
    if not is_helper or any(step.patch for step in fix.steps):
        return False
    return has_only_additions(*map(decode_fix_source, fix.ends(path)))


def _add_note_of_shared_files(proved: IncidentProof, shared: Sequence[str]) -> IncidentProof:
    if proved.judged.verdict not in PROVEN_VERDICTS:
        return proved
    message = f"{proved.judged.message}; {', '.join(shared[:3])} was left in place"
    return replace(proved, judged=replace(proved.judged, message=message))


def choose_proof_with_shared_files(
    kept: IncidentProof | None, whole: IncidentProof, shared: Sequence[str]
) -> IncidentProof:
    """Return the proof with shared files left in place, or the one with these reverted too.

    With either half of the fix alone, only the test's own assertion is proof: any other failure may
    come from two halves that do not fit together. ``kept`` is None if nothing else was to revert.
    """
    names = ", ".join(shared[:3])
    judged = whole.judged
    is_proven = judged.verdict in PROVEN_VERDICTS
    if kept is not None and kept.judged.verdict in PROVEN_VERDICTS:
        if is_proven:
            return _add_note_of_shared_files(kept, shared)
        why = f"{kept.judged.message}; {names} is a part of the fix that was left in place then"
        return replace(kept, judged=kept.judged.make_inconclusive(why))
    if is_proven and _is_own_assertion(judged):
        note = "" if kept is None else f"; {names} is reverted too, and without that it passes"
        return replace(whole, judged=replace(judged, message=judged.message + note))
    if is_proven:
        judged = judged.make_inconclusive(f"fails with {names} reverted too, not by an assertion")
    if kept is None:
        return replace(whole, judged=judged)
    if judged.verdict in OPEN_VERDICTS or kept.judged.verdict == "inconclusive":
        return kept
    why = f"passes without the rest of the fix; {names} is a part of it: {judged.message}"
    return replace(kept, judged=kept.judged.make_inconclusive(why))


def judge_additions(
    judged: IncidentVerdict,
    experiment: Experiment,
    control: Trial,
    fix_names: NamesOfFix,
    additions: AdditionsOfFix | None,
) -> IncidentVerdict:
    """Return the verdict after a run that keeps the additions.

    Tests that pass then are ``weak``; those that needed an addition are proven by an assertion.
    """
    if additions is None or (judged.verdict == "weak" and additions.is_all):
        return judged
    trial = control if additions.is_all else experiment.run_with_additions(additions.texts)

    def judge_test(test: TestVerdict) -> TestVerdict:
        again = judge_incident(
            replace(control, linked=(test.nodeid,)),
            replace(trial, linked=control.linked),
            fix_names,
        )
        if test.verdict == "weak":
            return _judge_weak_test_again(test, again, additions)
        if test.verdict not in PROVEN_VERDICTS or again.verdict == "proven":
            return test
        attempts = trial.attempts.get(test.nodeid, ())
        is_passing = bool(attempts) and attempts[0].word == "passed"
        return _judge_test_with_additions(test, again, additions, is_passing=is_passing)

    return judged.with_tests(map(judge_test, judged.tests))


def _judge_test_with_additions(
    test: TestVerdict, again: IncidentVerdict, additions: AdditionsOfFix, *, is_passing: bool
) -> TestVerdict:
    """Return the verdict on a proven test that does not fail for the problem with the additions."""
    shown = ", ".join(additions.names[:3])
    if not is_passing:
        return test.make_inconclusive(
            f"{test.message}; whether only {shown} is missing can't be tested: {again.message}"
        )
    if additions.doubts:
        return test.make_inconclusive(
            f"fails only without {shown}; whether {additions.doubts[0]} replaces a method of a"
            " class outside of the repository is not known"
        )
    why = f"fails only because {shown} is missing without the fix"
    if additions.is_all:
        why = f"needs {shown}, which the fix added: new behaviour, there is nothing to revert"
    return TestVerdict(test.nodeid, "weak", why)


def _judge_weak_test_again(
    test: TestVerdict, again: IncidentVerdict, additions: AdditionsOfFix
) -> TestVerdict:
    """Return the verdict on a test that needed an addition of the fix, with the additions kept.

    Only an assertion of the test itself speaks of the old behaviour.
    """
    if additions.doubts or again.verdict != "proven" or not _is_own_assertion(again):
        return test
    why = f"{again.message}; {', '.join(additions.names[:3])}, which the fix added, was kept"
    return TestVerdict(test.nodeid, "proven", why)


def _check_control_run(experiment: Experiment, control: Trial, way: str, top: Path) -> Trial:
    """Return the run with the fix, without failures of tests that pass today.

    Such a failure means that the code of the fix no longer fits today's tree, or that the test does
    not work in prove's environment. A test that passes in some of these runs is flaky, which no
    other strategy would change.
    """
    first = control.first_attempts()
    failing = [nodeid for nodeid, attempt in first.items() if attempt.word in RED_WORDS]
    today = experiment.today().passing_tests() if way == "units" else set()
    still_failing = [nodeid for nodeid in failing if nodeid not in today]
    outside = (
        {*still_failing} if still_failing and experiment.are_tests_passing(still_failing) else set()
    )
    passing = today | outside
    for _ in range(FRESH_RUNS - 1):
        if not passing.isdisjoint(failing) and control.passing_tests().isdisjoint(failing):
            control = control.add_attempts(experiment.again(fixed=True))
    copy = experiment.find_installed_copy(top) if outside else None
    return _excuse_failing_tests(control, passing, today, copy)


def _confirm_verdict(
    judged: IncidentVerdict,
    experiment: Experiment,
    control: Trial,
    without: Trial,
    fix_names: NamesOfFix,
    reached: Collection[str] | None,
) -> tuple[IncidentVerdict, Trial]:
    """Repeat a failure that was seen only once, and return the verdict and the run with the fix.

    This is done if something was seen that may let a test end differently next time. The tests run
    without the fix and then with it, since runs may leave files behind.
    """
    if not (control.influences or without.influences or _is_failure_about_time(without)):
        return judged, control
    if _is_single_run_decisive(judged, without):
        without = without.add_attempts(experiment.again(fixed=False))
        judged = judge_incident(control, without, fix_names, reached)
    if _is_single_run_decisive(judged, control):
        control = control.add_attempts(experiment.again(fixed=True))
        judged = judge_incident(control, without, fix_names, reached)
    return judged, control


def _is_single_run_decisive(judged: IncidentVerdict, trial: Trial) -> bool:
    """Return whether the verdict on a test depends on one single run."""
    proven_once = (test for test in judged.tests if test.verdict == "proven" and not test.is_mixed)
    return any(len(trial.attempts.get(test.nodeid, ())) < 2 for test in proven_once)


def _measure_strength(proved: IncidentProof) -> IncidentProof:
    """Return a proof with its strength, if that was requested; it can't void the proof."""
    if proved.measure is None:
        return proved
    try:
        strength = proved.measure()
    except IncidentTimeoutError:
        strength = FixStrength(problem=NO_TIME)
    return replace(proved, strength=strength, measure=None)


def _is_failure_about_time(without: Trial) -> bool:
    """Return whether a linked test fails by something that may depend on a clock, or dies."""
    attempts = (
        attempt for nodeid in without.linked for attempt in without.attempts.get(nodeid, ())
    )
    return any(
        attempt.word in ("hung", "died")
        or (attempt.failure is not None and _mentions_time(attempt.failure))
        for attempt in attempts
    )


def _mentions_time(failure: RaisedFailure) -> bool:
    lines = (linecache.getline(path, line) for path, line, _ in failure.frames[-MAX_SHOWN_FRAMES:])
    return any(map(TIME_WORDS.search, (failure.type, failure.message, *lines)))


def _is_text_of_today(versions: FixVersions) -> bool:
    """Return whether the files with the fix are those of the checkout."""
    return all(read_source_text(path) == text for path, text in versions.fixed.items())


def _is_verdict_settled(judged: IncidentVerdict) -> bool:
    """Return whether another strategy could not change the verdict, for example on a flaky test."""
    if judged.verdict in PROVEN_VERDICTS or judged.is_mixed:
        return True
    words = {judged.verdict, *(test.verdict for test in judged.tests)}
    return words <= {*DECIDED_VERDICTS, "skipped"}


def _are_all_passing(trial: Trial) -> bool:
    words = [attempt.word for attempt in trial.first_attempts().values()]
    return bool(words) and words == ["passed"] * len(trial.linked)


def _check_remaining_files(
    judged: IncidentVerdict,
    shares: RevertedFiles,
    top: Path,
    loaded: Collection[str],
    shared: Collection[str] = (),
) -> IncidentVerdict:
    """Return ``inconclusive`` for tests that may guard a file of the fix that was not reverted.

    ``loaded`` are the real paths of the modules that the runs loaded. ``shared`` files, which are
    test or source, are reverted afterwards.
    """
    left = [path for path in shares.left if path not in shared]
    loaded_remaining = [path for path in left if os.path.realpath(top / path) in loaded]
    if judged.verdict not in OPEN_VERDICTS or not loaded_remaining:
        return judged
    message = (
        f"the tests load {loaded_remaining[0]}, a part of the fix that was not reverted;"
        f" revert it too with {format_source_options((*shares.taken, loaded_remaining[0]))}"
    )
    return judged.make_inconclusive(message)


def _excuse_failing_tests(
    control: Trial, passing: Collection[str], today: Collection[str], copy: str | None
) -> Trial:
    """Return the run with the fix, with tests as ``not-run`` that pass only elsewhere.

    ``today`` are the tests that pass with the files of the checkout; ``copy`` is an installed copy
    of a file of the fix.
    """
    excused = {}
    for nodeid in {*passing} - control.passing_tests():
        for first in control.attempts.get(nodeid, ())[:1]:
            why = (
                "passes by itself, but fails in prove's environment:"
                f" {format_failure_with_fix(first)}"
            )
            if copy is not None:
                why = f"passes with {copy}, and fails with the checkout's file: install it again"
            if nodeid in today:
                why = "the code of the fix does not work in today's tree"
            excused[nodeid] = (AttemptResult("not-run", reason=why),)
    return replace(control, attempts={**control.attempts, **excused})


def _find_steady_tests(control: Trial) -> frozenset[str]:
    """Return the tests that end alike each time with the fix."""
    ends = {
        nodeid: {attempt.word for attempt in attempts}
        for nodeid, attempts in control.attempts.items()
    }
    return frozenset(nodeid for nodeid, words in ends.items() if len(words) == 1)


def _mark_flaky_tests(
    judged: IncidentVerdict, failing: frozenset[str], steady: frozenset[str]
) -> IncidentVerdict:
    """Return the verdict with tests marked as mixed that fail in some runs without the fix.

    Those are tests that fail with other set orders, or that are flaky only without the fix.
    """
    tests = tuple(
        replace(
            test,
            is_mixed=test.verdict == "not-proven"
            and (test.nodeid in failing or (test.is_mixed and test.nodeid in steady)),
        )
        for test in judged.tests
    )
    return replace(judged, tests=tests)


def _name_tests_of_today(judged: IncidentVerdict, nodeids: Mapping[str, str]) -> IncidentVerdict:
    """Return the verdict of a replay with the node ids of today; the parameters are those then."""

    def name_today(nodeid: str) -> str:
        function, bracket, parameters = nodeid.partition("[")
        return f"{nodeids.get(function, function)}{bracket}{parameters}"

    tests = (replace(test, nodeid=name_today(test.nodeid)) for test in judged.tests)
    return replace(judged, tests=tuple(tests))


def _convert_replay_verdict(judged: IncidentVerdict) -> IncidentVerdict:
    """Return the verdict of a replay: proof at the fix, or an old tree that does not run today."""
    words: dict[Verdict, Verdict] = {"proven": "proven-at-fix", "fails-with-fix": "inconclusive"}
    tests = tuple(
        replace(test, verdict=words.get(test.verdict, test.verdict)) for test in judged.tests
    )
    return replace(judged, verdict=words.get(judged.verdict, judged.verdict), tests=tests)
