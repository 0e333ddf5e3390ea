"""``pytest-postmortem prove``: does each regression test fail without the fix of its incident?"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import current_thread, main_thread
from time import monotonic

from pytest_postmortem import git, proofs
from pytest_postmortem.commands.arguments import (
    add_configuration,
    add_targets,
    add_today,
    configuration_of,
    put_text,
    target_of,
)
from pytest_postmortem.commands.cases import Asked, Subject, subjects_of, workspace_of
from pytest_postmortem.commands.checkout import Checkout, opened
from pytest_postmortem.prove import proving, telling, ways
from pytest_postmortem.prove.ladder import Case, Proved, Prover
from pytest_postmortem.prove.run import Runner, Where
from pytest_postmortem.prove.shadow import create
from pytest_postmortem.prove.sides import LONGEST, Effort
from pytest_postmortem.prove.telling import Told
from pytest_postmortem.prove.verdict import Judged
from pytest_postmortem.session import cache_folder

__all__ = ["declare", "main", "run"]

LEAST_MEMORY = 2 << 30
"""Bytes that any run may have."""

ENDING = ("SIGTERM", "SIGHUP")
"""The signals by which a job is cancelled and a terminal closed."""

PRINTED = ("term", "github")
"""The reports that go to no file."""


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "what", nargs="*", metavar="ID|NODEID", help="incidents (globs too), or tests of a --fix"
    )
    parser.add_argument(
        "--fix",
        action="append",
        default=[],
        metavar="REV",
        help="commit, merge, range, patch file or WORKTREE that is the fix (repeatable)",
    )
    parser.add_argument("--base", metavar="REV", help="the fix is all that came since this commit")
    parser.add_argument(
        "--jobs",
        type=_count,
        default=1,
        metavar="N",
        help="incidents at a time (default: 1), whose tests share no port, file or database",
    )
    parser.add_argument(
        "--runs", type=_count, metavar="N", help="runs on each side, for tests that are races"
    )
    parser.add_argument(
        "--shake", action="store_true", help="let threads switch at the lines of the fix"
    )
    parser.add_argument(
        "--hunks", action="store_true", help="say which parts of the fix no test guards"
    )
    parser.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help="of one run (default: what it needs)"
    )
    parser.add_argument(
        "--source", action="append", default=[], metavar="GLOB", help="files that are source"
    )
    parser.add_argument("--again", action="store_true", help="prove what has not changed, too")
    parser.add_argument("--strict", action="store_true", help="exit with 3 where little is known")
    parser.add_argument("-v", "--verbose", action="store_true", help="say all that was found")
    add_today(parser)
    add_targets(parser, "term, markdown, json or github")
    add_configuration(parser)


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 100000")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds


def main(options: argparse.Namespace) -> int:
    """Do what the command line asks for."""
    effort = Effort(options.timeout or LONGEST, options.runs, shake=options.shake)
    asked = Asked(
        tuple(options.what),
        tuple(options.fix),
        options.base,
        tuple(options.source),
        options.jobs,
        effort,
        hunks=options.hunks,
        again=options.again,
    )
    return run(
        configuration_of(options),
        asked,
        options.report,
        strict=options.strict,
        verbose=options.verbose,
    )


def run(
    arguments: Sequence[str],
    asked: Asked,
    reports: Sequence[str] = (),
    *,
    strict: bool = False,
    verbose: bool = False,
) -> int:
    """Prove what is asked for, tell it, and return the exit status.

    Raises:
        SettingsError: It is not clear what to prove.
        RegistryError: The registry is broken.
        ProofsError: The file of proofs can't be read.
        DestinationError: A report can't be written.
    """
    targets = [
        target_of(text, "Couldn't prove", "proofs", printed=PRINTED) for text in reports or ["term"]
    ]
    start = monotonic()
    with opened(arguments, needs_git=False) as checkout:
        here = workspace_of(checkout)
        wanted = list(subjects_of(checkout, here, asked))
        told = _told(checkout, here, asked, wanted)
        if not told:
            _note_shallow(checkout)
    seconds = monotonic() - start
    for type, destination in targets:
        _deliver(type, destination, told, seconds, verbose)
    return telling.status(told, strict=strict)


def _told(
    checkout: Checkout, here: ways.Workspace, asked: Asked, wanted: Sequence[Subject]
) -> list[Told]:
    """Prove what has changed, and return all verdicts in the order of the registry."""
    cache = cache_folder(checkout.config)
    place = proofs.place(checkout.settings.proofs, checkout.root, cache)
    kept = proofs.read(place) if place is not None else {}
    settings = (*asked.source, *checkout.settings.markers)
    found: dict[str, Told] = {}
    open_: list[Case] = []
    for each in wanted:
        if each.case is None:
            found[each.id] = Told(Proved(each.id, "", Judged("inconclusive", each.why)))
            continue
        old = None if _is_fresh(asked, each) else proving.known(each.case, kept, here, settings)
        if old is None:
            open_.append(each.case)
        else:
            day = kept[each.id].proof.day
            found[each.id] = Told(old, since=day.isoformat() if day else "earlier")
    began = proving.began(open_, here, settings)
    for proved in _prove(checkout, here, asked, open_):
        found[proved.id] = Told(proved)
    if place is not None and not (asked.fix or asked.base):
        decided = {case.id: found[case.id].proved for case in open_ if found[case.id].proved.way}
        changed = proving.keep(place, open_, decided, began, here, settings)
        found |= {id: replace(found[id], changed=what) for id, what in changed.items()}
    titles = {each.id: each.postmortem.title for each in wanted if each.postmortem}
    return [replace(found[each.id], title=titles.get(each.id, "")) for each in wanted]


def _note_shallow(checkout: Checkout) -> None:
    """Print that commits which name a fix may be missing."""
    if git.top(checkout.root) is not None and git.is_shallow(checkout.root):
        note = "the clone is shallow, and older commits may name a fix: run git fetch --unshallow"
        print(note, file=sys.stderr)


def _is_fresh(asked: Asked, wanted: Subject) -> bool:
    """Say whether what is known does not count here."""
    more = asked.again or asked.hunks or asked.effort.runs is not None or asked.effort.shake
    return more or bool(asked.fix or asked.base) or wanted.postmortem is None


def _prove(
    checkout: Checkout, here: ways.Workspace, asked: Asked, cases: Sequence[Case]
) -> Iterable[Proved]:
    if not cases:
        return []
    with tempfile.TemporaryDirectory(prefix="pm-", ignore_cleanup_errors=True) as name:
        work = Path(os.path.realpath(name))
        where = Where(here.top, here.root, Path.cwd(), checkout.config.inipath)
        jobs = min(asked.jobs, len(cases))
        has = checkout.config.pluginmanager.hasplugin
        as_module = os.path.basename(sys.argv[0]) == "__main__.py"
        runner = Runner(create(work / "env"), work, where, _memory(jobs), has, as_module)
        marks = ("postmortem", *sorted(checkout.settings.markers))
        prover = Prover(runner, here, marks, asked.source, asked.effort, asked.hunks)
        with _ended_cleanly(), _progress(len(cases)) as advance:
            return proving.prove_all(prover, cases, jobs, advance)


@contextmanager
def _ended_cleanly() -> Iterator[None]:
    """Let a signal that ends this process end what it has started, as Ctrl-C does."""

    def end(number: int, frame: object) -> None:
        sys.exit(128 + number)

    kept = {}
    if current_thread() is main_thread():
        for number in (getattr(signal, name, None) for name in ENDING):
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                kept[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _memory(jobs: int) -> int | None:
    """Return the bytes that a run may have: half of what there is, shared by all of them."""
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    return max(LEAST_MEMORY, whole // (2 * max(jobs, os.cpu_count() or 1)))


@contextmanager
def _progress(count: int) -> Iterator[Callable[[Proved], None]]:
    """Show on a terminal how far it has come."""
    if not sys.stderr.isatty():
        yield lambda proved: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("proving", total=count)
        yield lambda proved: progress.advance(task)


def _deliver(
    type: str, destination: Path | None, told: Sequence[Told], seconds: float, verbose: bool
) -> None:
    text = {
        "term": lambda: telling.text(told, seconds, verbose=verbose),
        "markdown": lambda: telling.markdown(told),
        "json": lambda: telling.text_of(told),
        "github": lambda: telling.commands(told),
    }[type]()
    put_text(text, type, destination)
