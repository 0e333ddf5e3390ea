"""``pytest-postmortem prove``: verify that regression tests fail without their fix."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import current_thread, main_thread
from time import monotonic

from pytest_postmortem import git, proofs
from pytest_postmortem.cli.arguments import (
    add_configuration_options,
    add_report_option,
    add_today_option,
    build_pytest_arguments,
    parse_report_targets,
    print_or_write_report,
)
from pytest_postmortem.cli.git_project import GitCheckout, open_checkout
from pytest_postmortem.cli.prove_cases import (
    ProofSubject,
    ProveRequest,
    build_workspace,
    find_proof_subjects,
)
from pytest_postmortem.errors import PostmortemError
from pytest_postmortem.prove import batch, output, revert
from pytest_postmortem.prove.experiment import MAX_RUN_SECONDS, RunBudget
from pytest_postmortem.prove.output import ProofResult
from pytest_postmortem.prove.runner import (
    Reaper,
    RunLocation,
    Runner,
    create_shadow_environment,
)
from pytest_postmortem.prove.strategy import IncidentProof, Prover
from pytest_postmortem.prove.today import ProofCase
from pytest_postmortem.prove.verdict import IncidentVerdict
from pytest_postmortem.runtime.session import find_cache_folder

LEAST_MEMORY_BYTES = 2 << 30
"""The smallest memory limit of a run."""

ENDING_SIGNALS = ("SIGTERM", "SIGHUP")
"""The signals by which a job is cancelled and a terminal closed."""


def declare_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "what", nargs="*", metavar="ID|NODEID", help="incidents (also globs), or tests of a --fix"
    )
    fix = parser.add_argument_group("the fix")
    fix.add_argument(
        "--fix",
        action="append",
        default=[],
        metavar="REV",
        help="commit, merge, range, patch file or WORKTREE that is the fix (repeatable)",
    )
    fix.add_argument("--base", metavar="REV", help="the fix is everything since this commit")
    fix.add_argument(
        "--source", action="append", default=[], metavar="GLOB", help="files that are source"
    )
    fix.add_argument(
        "--hunks", action="store_true", help="list the parts of the fix that no test guards"
    )
    runs = parser.add_argument_group("runs of tests")
    runs.add_argument(
        "--jobs",
        type=parse_count,
        default=1,
        metavar="N",
        help="incidents in parallel (default: 1); their tests must share no port, file or database",
    )
    runs.add_argument(
        "--runs",
        type=parse_count,
        metavar="N",
        help="runs with and without the fix, for tests of races",
    )
    runs.add_argument("--shake", action="store_true", help="switch threads at the lines of the fix")
    runs.add_argument(
        "--timeout",
        type=_parse_seconds,
        metavar="SECONDS",
        help="limit of one run (default: measured)",
    )
    runs.add_argument("--again", action="store_true", help="ignore cached proofs")
    results = parser.add_argument_group("results")
    results.add_argument(
        "--strict", action="store_true", help="exit 3 unless every incident is proven"
    )
    results.add_argument("-v", "--verbose", action="store_true", help="print all details")
    add_report_option(results, "proofs")
    configuration = parser.add_argument_group("configuration")
    add_today_option(configuration)
    add_configuration_options(configuration)


def parse_count(text: str) -> int:
    """Return a number of an option.

    Raises: ArgumentTypeError where it is none from 1 to 100000.
    """
    if not text.isdecimal() or not 0 < int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 100000")
    return int(text)


def _parse_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


def main(options: argparse.Namespace) -> int:
    """Run the command with parsed arguments, and return its exit status."""
    effort = RunBudget(options.timeout or MAX_RUN_SECONDS, options.runs, shake=options.shake)
    request = ProveRequest(
        tuple(options.what),
        tuple(options.fix),
        options.base,
        tuple(options.source),
        options.jobs,
        effort,
        hunks=options.hunks,
        again=options.again,
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
    with open_checkout(arguments, needs_git=False) as checkout:
        workspace = build_workspace(checkout)
        subjects = list(find_proof_subjects(checkout, workspace, request))
        results = prove_subjects(checkout, workspace, request, subjects)
        if not results:
            _warn_of_shallow_clone(checkout)
    seconds = monotonic() - start
    for target in targets:
        print_or_write_report("proofs", target, results, seconds=seconds, verbose=verbose)
    return output.compute_proof_status(results, strict=strict)


def prove_subjects(
    checkout: GitCheckout,
    workspace: revert.Workspace,
    request: ProveRequest,
    subjects: Sequence[ProofSubject],
) -> list[ProofResult]:
    """Prove the incidents without a current proof; return all verdicts in registry order."""
    cache = find_cache_folder(checkout.config)
    place = proofs.find_proofs_file(checkout.settings.proofs, checkout.root, cache)
    stored_proofs = proofs.read_proofs_file(place) if place is not None else {}
    settings = (*request.source, *checkout.settings.markers)
    results: dict[str, ProofResult] = {}
    open_cases: list[ProofCase] = []
    for subject in subjects:
        if subject.case is None:
            results[subject.id] = ProofResult(
                IncidentProof(subject.id, "", IncidentVerdict("inconclusive", subject.why))
            )
            continue
        stored_result = (
            None
            if _ignores_stored_proof(request, subject)
            else batch.find_stored_proof(subject.case, stored_proofs, workspace, settings)
        )
        if stored_result is None:
            open_cases.append(subject.case)
        else:
            day = stored_proofs[subject.id].proof.day
            results[subject.id] = ProofResult(
                stored_result, since=day.isoformat() if day else "earlier"
            )
    began = batch.record_run_start(open_cases, workspace, settings)
    finished: dict[str, IncidentProof] = {}

    def store_finished() -> dict[str, str]:
        if place is None or request.fix or request.base:
            return {}
        decided = {id: proved for id, proved in finished.items() if proved.way}
        return batch.store_proofs(place, open_cases, decided, began, workspace, settings)

    try:
        _prove_cases(checkout, workspace, request, open_cases, finished)
    except BaseException:
        with suppress(PostmortemError):
            store_finished()  # what was proven before Ctrl-C need not run again
        raise
    results |= {id: ProofResult(proved) for id, proved in finished.items()}
    results |= {id: replace(results[id], changed=what) for id, what in store_finished().items()}
    titles = {subject.id: subject.postmortem.title for subject in subjects if subject.postmortem}
    return [replace(results[subject.id], title=titles.get(subject.id, "")) for subject in subjects]


def _warn_of_shallow_clone(checkout: GitCheckout) -> None:
    """Print that commits which name a fix may be missing."""
    if git.find_repository_top(checkout.root) is not None and git.is_shallow_clone(checkout.root):
        note = "the clone is shallow, and older commits may name a fix: run git fetch --unshallow"
        print(note, file=sys.stderr)


def _ignores_stored_proof(request: ProveRequest, subject: ProofSubject) -> bool:
    """Say whether a stored proof is ignored."""
    asks_for_more = (
        request.again or request.hunks or request.effort.runs is not None or request.effort.shake
    )
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
    temporary = tempfile.TemporaryDirectory(prefix="pm-", ignore_cleanup_errors=True)
    with temporary as name, ExitStack() as resources:
        work = Path(os.path.realpath(name))
        reaper = resources.enter_context(Reaper(work))
        where = RunLocation(workspace.top, workspace.root, Path.cwd(), checkout.config.inipath)
        jobs = min(request.jobs, len(cases))
        has_plugin = checkout.config.pluginmanager.hasplugin
        as_module = os.path.basename(sys.argv[0]) == "__main__.py"
        runner = Runner(
            create_shadow_environment(work / "env"),
            work,
            where,
            _compute_memory_limit(jobs),
            has_plugin,
            as_module,
            reaper,
        )
        marks = ("postmortem", *sorted(checkout.settings.markers))
        prover = Prover(runner, workspace, marks, request.source, request.effort, request.hunks)
        with _exit_on_signals(), _show_progress(len(cases)) as advance:

            def finish(proved: IncidentProof) -> None:
                finished[proved.id] = proved
                advance(proved)

            proofs_in_order = batch.prove_incidents(prover, cases, jobs, finish)
            finished.update((proved.id, proved) for proved in proofs_in_order)


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


@contextmanager
def _show_progress(count: int) -> Iterator[Callable[[IncidentProof], None]]:
    """Show a progress bar on a terminal."""
    if not sys.stderr.isatty():
        yield lambda proved: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("proving", total=count)
        yield lambda proved: progress.advance(task)
