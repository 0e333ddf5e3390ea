"""``pytest-postmortem prove``: verify that regression tests fail without their fix."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import current_thread, main_thread
from time import monotonic
from uuid import uuid4

import pytest

from pytest_postmortem import git
from pytest_postmortem.cli.arguments import build_pytest_arguments
from pytest_postmortem.cli.git_project import GitCheckout, open_checkout
from pytest_postmortem.cli.prove_cases import (
    ProofSubject,
    ProveRequest,
    build_prove_error,
    build_workspace,
    find_proof_subjects,
)
from pytest_postmortem.cli.report_targets import parse_report_targets, print_or_write_report
from pytest_postmortem.errors import PostmortemError
from pytest_postmortem.files import find_proofs_file
from pytest_postmortem.prove import batch, output, revert
from pytest_postmortem.prove.experiment import MAX_INCIDENT_SECONDS, MAX_RUN_SECONDS, RunBudget
from pytest_postmortem.prove.interpreter import (
    Interpreter,
    InterpreterError,
    find_interpreter,
    find_isolating_tool,
)
from pytest_postmortem.prove.runner import (
    Reaper,
    RunLocation,
    Runner,
    create_shadow_environment,
)
from pytest_postmortem.prove.strategy import IncidentProof, Prover
from pytest_postmortem.prove.strength import DEFAULT_MUTANTS, StrengthRequest
from pytest_postmortem.prove.today import ProofCase
from pytest_postmortem.prove.verdict import IncidentVerdict
from pytest_postmortem.runtime.session import find_cache_folder

LEAST_MEMORY_BYTES = 2 << 30
"""The smallest memory limit of a run."""

BUILTIN_PLUGINS = ("junitxml", "logging")
"""Plugins with options that `prove` takes back and that every pytest has."""

ENDING_SIGNALS = ("SIGTERM", "SIGHUP")
"""The signals by which a job is cancelled and a terminal closed."""


def main(options: argparse.Namespace) -> int:
    """Run the command with parsed arguments, and return its exit status."""
    if options.hunks:
        print("--hunks is now --strength; the old name ends with the next version", file=sys.stderr)
    effort = RunBudget(
        options.timeout or MAX_RUN_SECONDS,
        options.runs,
        shake=options.shake,
        incident_limit=options.incident_timeout or MAX_INCIDENT_SECONDS,
    )
    request = ProveRequest(
        tuple(options.what),
        tuple(options.fix),
        options.base,
        tuple(options.source),
        options.jobs,
        effort,
        strength=StrengthRequest(options.mutants or DEFAULT_MUTANTS, options.jobs)
        if options.strength or options.hunks
        else None,
        again=options.again,
        python=options.python,
    )
    return run_prove(
        build_pytest_arguments(options),
        request,
        options.report,
        strict=options.strict,
        verbose=options.verbose,
    )


def run_prove(
    arguments: Sequence[str],
    request: ProveRequest,
    reports: Sequence[str] = (),
    *,
    strict: bool = False,
    verbose: bool = False,
) -> int:
    """Prove the requested incidents, report the verdicts, and return the exit status.

    Raises:
        SettingsError: The arguments name nothing that can be proved.
        RegistryError: The registry is broken.
        ProofsError: The file of proofs can't be read.
        DestinationError: A report can't be written.
    """
    targets = parse_report_targets("proofs", reports)
    start = monotonic()
    results = prove_request(arguments, request)
    seconds = monotonic() - start
    results = _add_shared_seconds(results, seconds)
    for target in targets:
        print_or_write_report("proofs", target, results, seconds=seconds, verbose=verbose)
    return output.compute_proof_status(results, strict=strict)


def prove_request(arguments: Sequence[str], request: ProveRequest) -> list[IncidentProof]:
    """Prove the requested incidents, and return the verdicts in registry order.

    Raises:
        SettingsError: The arguments name nothing that can be proved.
        RegistryError: The registry is broken.
        ProofsError: The file of proofs can't be read.
    """
    with open_checkout(arguments, needs_git=False) as checkout:
        workspace = build_workspace(checkout)
        subjects = list(find_proof_subjects(checkout, workspace, request))
        results = prove_subjects(checkout, workspace, request, subjects)
        if not results:
            _warn_of_shallow_clone(checkout)
    return results


def _add_shared_seconds(results: Sequence[IncidentProof], seconds: float) -> list[IncidentProof]:
    """Return results with the seconds that the user waited: new proofs share those of the set-up.

    With parallel proofs, each has its own seconds.
    """
    new = [result for result in results if result.since is None and result.seconds]
    shared = seconds - sum(result.seconds for result in new)
    if not new or shared <= 0:
        return list(results)
    return [
        replace(result, seconds=result.seconds + shared / len(new)) if result in new else result
        for result in results
    ]


def prove_subjects(
    checkout: GitCheckout,
    workspace: revert.Workspace,
    request: ProveRequest,
    subjects: Sequence[ProofSubject],
) -> list[IncidentProof]:
    """Prove the incidents without a current proof; return all verdicts in registry order."""
    cache = find_cache_folder(checkout.config)
    place = find_proofs_file(checkout.settings.proofs, checkout.root, cache)
    settings = (*request.source, *checkout.settings.markers)
    if request.python is not None:
        settings += (f"python={os.path.abspath(request.python)}",)
    store = batch.ProofStore(place, workspace, settings)
    results: dict[str, IncidentProof] = {}
    open_cases: list[ProofCase] = []
    for subject in subjects:
        if subject.case is None:
            results[subject.id] = IncidentProof(
                subject.id, "", IncidentVerdict("inconclusive", subject.why)
            )
            continue
        is_reused = not _ignores_stored_proof(request, subject)
        stored_result = store.find(subject.case, request.strength) if is_reused else None
        if stored_result is None:
            open_cases.append(subject.case)
        else:
            results[subject.id] = stored_result
    store.record_start(open_cases)
    finished: dict[str, IncidentProof] = {}

    def store_finished() -> dict[str, str]:
        if request.fix or request.base:
            return {}
        decided = {id: proved for id, proved in finished.items() if proved.way}
        return store.store(open_cases, decided)

    try:
        _prove_cases(checkout, workspace, request, open_cases, finished)
    except BaseException:
        with suppress(PostmortemError):
            store_finished()  # what was proven before Ctrl-C need not run again
        raise
    results |= finished
    results |= {id: replace(results[id], changed=what) for id, what in store_finished().items()}
    if request.python is None and (tool := find_isolating_tool()):
        results |= {id: _explain_isolation(result, tool) for id, result in results.items()}
    titles = {subject.id: subject.postmortem.title for subject in subjects if subject.postmortem}
    return [replace(results[subject.id], title=titles.get(subject.id, "")) for subject in subjects]


def _explain_isolation(result: IncidentProof, tool: str) -> IncidentProof:
    """Return a result whose message says which interpreter lacks a module or plugin, and why."""
    judged = result.judged
    where = f"in the environment of {tool}: name the project's interpreter with --python=PATH"
    message = judged.message.replace("in this environment", where)
    return replace(result, judged=replace(judged, message=message))


def _warn_of_shallow_clone(checkout: GitCheckout) -> None:
    """Print that commits which name a fix may be missing."""
    if git.find_repository_top(checkout.root) is not None and git.is_shallow_clone(checkout.root):
        note = "the clone is shallow, and older commits may name a fix: run git fetch --unshallow"
        print(note, file=sys.stderr)


def _ignores_stored_proof(request: ProveRequest, subject: ProofSubject) -> bool:
    """Say whether a stored proof is ignored."""
    asks_for_more = request.again or request.effort.runs is not None or request.effort.shake
    return asks_for_more or bool(request.fix or request.base) or subject.postmortem is None


def _prove_cases(
    checkout: GitCheckout,
    workspace: revert.Workspace,
    request: ProveRequest,
    cases: Sequence[ProofCase],
    finished: dict[str, IncidentProof],
) -> None:
    """Prove incidents, and add each proof to ``finished`` when it is ready."""
    if not cases:
        return
    interpreter = _find_interpreter(request)
    with _open_work_folder() as (work, reaper):
        where = RunLocation(workspace.top, workspace.root, Path.cwd(), checkout.config.inipath)
        jobs = min(request.jobs, len(cases))
        manager = checkout.config.pluginmanager
        runner = Runner(
            create_shadow_environment(work / "env", interpreter),
            work,
            where,
            _compute_memory_limit(jobs),
            partial(_has_plugin, manager, interpreter),
            reaper,
            as_module=os.path.basename(sys.argv[0]) == "__main__.py",
        )
        marks = ("postmortem", *sorted(checkout.settings.markers))
        strength = request.strength and replace(request.strength, jobs=max(1, request.jobs // jobs))
        with _exit_on_signals(), _show_progress(len(cases)) as progress:
            prover = Prover(
                runner,
                workspace,
                marks,
                request.source,
                request.effort,
                strength,
                progress.show_mutants,
            )

            def finish(proved: IncidentProof) -> None:
                finished[proved.id] = proved
                progress.advance(proved)

            proofs_in_order = batch.prove_incidents(prover, cases, jobs, finish)
            finished.update((proved.id, proved) for proved in proofs_in_order)


@contextmanager
def _open_work_folder() -> Iterator[tuple[Path, Reaper]]:
    """Make the folder of all temporary files, which is removed even if the command is killed.

    The reaper knows it before it exists, and until it is gone.
    """
    usual = tempfile.tempdir
    work = Path(os.path.realpath(tempfile.gettempdir())) / f"pm-{uuid4().hex[:12]}"
    with Reaper(work) as reaper:
        work.mkdir(mode=0o700)
        tempfile.tempdir = str(work)
        try:
            yield work, reaper
        finally:
            tempfile.tempdir = usual
            shutil.rmtree(work, ignore_errors=True)


def _find_interpreter(request: ProveRequest) -> Interpreter:
    """Return the interpreter that runs the tests.

    Raises: SettingsError where it can't.
    """
    try:
        return find_interpreter(request.python)
    except InterpreterError as error:
        cause = f"--python={request.python}: {error}"
        raise build_prove_error(
            cause, "name an interpreter or virtual environment with pytest"
        ) from None


def _has_plugin(manager: pytest.PytestPluginManager, interpreter: Interpreter, name: str) -> bool:
    """Return whether the runs have a plugin; another interpreter has others than this process."""
    if not interpreter.is_other or name in BUILTIN_PLUGINS:
        return bool(manager.hasplugin(name))
    return name in interpreter.plugins and not manager.is_blocked(name)


@contextmanager
def _exit_on_signals() -> Iterator[None]:
    """Exit on a terminating signal as on Ctrl-C, so that started processes end too."""

    def exit_on_signal(number: int, frame: object) -> None:
        sys.exit(128 + number)

    previous_handlers = {}
    if current_thread() is main_thread():
        for number in (getattr(signal, name, None) for name in ENDING_SIGNALS):
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                previous_handlers[number] = signal.signal(number, exit_on_signal)
    try:
        yield
    finally:
        for number, handler in previous_handlers.items():
            signal.signal(number, handler)


def _compute_memory_limit(jobs: int) -> int | None:
    """Return the memory limit of a run in bytes: half of the machine's, shared by all runs."""
    try:
        total_memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    return max(LEAST_MEMORY_BYTES, total_memory // (2 * max(jobs, os.cpu_count() or 1)))


@dataclass(frozen=True, slots=True)
class ProveProgress:
    """What to call when an incident is proven, and when a mutant of it has run."""

    advance: Callable[[IncidentProof], None] = lambda proved: None
    show_mutants: Callable[[str, int, int], None] = lambda id, done, total: None


@contextmanager
def _show_progress(count: int) -> Iterator[ProveProgress]:
    """Show a progress bar on a terminal."""
    if not sys.stderr.isatty():
        yield ProveProgress()
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("proving", total=count)

        def show_mutants(id: str, done: int, total: int) -> None:
            progress.update(task, description=f"{id}: {done} of {total} mutants")

        yield ProveProgress(lambda proved: progress.advance(task), show_mutants)
