"""Many incidents: what has not changed is known, and the others are proved beside each other."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path

from pytest_postmortem import __version__, proofs
from pytest_postmortem.digests import Texts
from pytest_postmortem.model import PROVEN, VERDICTS, Proof, Verdict
from pytest_postmortem.proofs import Kept, KeptTest
from pytest_postmortem.prove.fixes import Unknown
from pytest_postmortem.prove.ladder import Case, Proved, Prover
from pytest_postmortem.prove.left import Shares
from pytest_postmortem.prove.verdict import Judged, TestVerdict
from pytest_postmortem.prove.ways import Workspace
from pytest_postmortem.scope import bytes_of

__all__ = ["KEPT", "Began", "began", "keep", "kept_of", "known", "merged", "prove_all"]

KEPT: tuple[Verdict, ...] = (*PROVEN, "weak", "not-proven", "not-reached")
"""The verdicts that hold as long as nothing changes; any other is looked for again."""


def prove_all(
    prover: Prover, cases: Sequence[Case], jobs: int, done: Callable[[Proved], None]
) -> list[Proved]:
    """Prove some incidents, so many at a time; return them in their order.

    ``done`` is told of each as it comes. Ctrl-C ends all runs, and is passed on.
    """
    found: dict[str, Proved] = {}
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        waiting: set[Future[Proved]] = {pool.submit(prover.prove, case) for case in cases}
        try:
            while waiting:
                ended, waiting = wait(waiting, timeout=1, return_when=FIRST_COMPLETED)
                for future in ended:
                    proved = future.result()
                    found[proved.id] = proved
                    done(proved)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            prover.stop()
            raise
    return [found[case.id] for case in cases]


def known(
    case: Case, kept: Mapping[str, Kept], checkout: Workspace, settings: Sequence[str]
) -> Proved | None:
    """Return what is known of an incident of which nothing has changed, None for any other.

    ``settings`` are what else the verdict depends on.
    """
    own = kept.get(case.id)
    if own is None or own.proof.verdict not in KEPT:
        return None
    try:
        key = _key(case, sorted({*own.files, *_tests(case, checkout)}), checkout, settings)
    except Unknown:
        return None
    if key != own.key:
        return None
    tests = tuple(
        TestVerdict(nodeid, _verdict(each.verdict), each.message)
        for nodeid, each in own.tests.items()
    )
    judged = Judged(own.proof.verdict, own.proof.reason, tests, own.failing, own.further)
    return Proved(case.id, own.proof.fix, judged, own.way, shares=Shares(own.taken, own.left))


def _verdict(text: str) -> Verdict:
    return next((verdict for verdict in VERDICTS if verdict == text), "inconclusive")


def kept_of(case: Case, proved: Proved, checkout: Workspace, settings: Sequence[str]) -> Kept:
    """Return what is kept of a verdict."""
    files = tuple(_files(proved, case, checkout))
    texts = Texts(checkout.root)
    return Kept(
        Proof(proved.judged.verdict, date.today(), proved.fix, proved.judged.message),
        proved.way,
        _key(case, files, checkout, settings),
        files,
        {
            test.nodeid: KeptTest(test.verdict, test.message, texts.digest(test.nodeid))
            for test in proved.judged.tests
            if proved.way != "replay" or (checkout.root / test.nodeid.partition("::")[0]).is_file()
        },
        proved.shares.taken,
        proved.shares.left,
        proved.judged.failing,
        proved.judged.further,
    )


@dataclass(frozen=True, slots=True)
class Began:
    """When the runs began, in nanoseconds, and the digest of each incident's fix at that time."""

    time: int
    fixes: Mapping[str, str | None]


def began(cases: Iterable[Case], checkout: Workspace, settings: Sequence[str]) -> Began:
    """Note what is there before anything runs."""
    fixes = {case.id: _of_fix(case, checkout, settings) for case in cases}
    return Began(time.time_ns(), fixes)


def _of_fix(case: Case, checkout: Workspace, settings: Sequence[str]) -> str | None:
    """Return the digest of a fix and of what is asked, None where the fix can't be read."""
    try:
        return _key(case, (), checkout, settings)
    except Unknown:
        return None


def keep(
    place: Path,
    cases: Iterable[Case],
    found: Mapping[str, Proved],
    began: Began,
    checkout: Workspace,
    settings: Sequence[str],
) -> dict[str, str]:
    """Write verdicts into the file of proofs; return by id what keeps one from being written.

    Raises:
        ProofsError: The file can't be read any more.
        DestinationError: It can't be written.
    """
    new, changed = {}, {}
    for case in cases:
        if case.id in found:
            what = _changed(case, found[case.id], began, checkout, settings)
            if what is None:
                new[case.id] = kept_of(case, found[case.id], checkout, settings)
            else:
                changed[case.id] = what
    if new:
        proofs.save(place, merged(proofs.read(place), new))
    return changed


def _changed(
    case: Case, proved: Proved, began: Began, checkout: Workspace, settings: Sequence[str]
) -> str | None:
    """Return what was written since the runs began, of all that a verdict rests on.

    Some of them may have read it as it was before, others as it is now.
    """
    if _of_fix(case, checkout, settings) != began.fixes[case.id]:
        return "the fix"
    files = _files(proved, case, checkout)
    return next((path for path in files if _written(checkout.top / path) >= began.time), None)


def _written(path: Path) -> int:
    """Return when a file was written, in nanoseconds; nobody can set that back but on Windows."""
    try:
        facts = path.stat()
    except OSError:
        return 0
    return facts.st_mtime_ns if os.name == "nt" else facts.st_ctime_ns


def _files(proved: Proved, case: Case, checkout: Workspace) -> Iterator[str]:
    """Yield what the verdict depends on: modules that were loaded, the tests, their conftests."""
    top = str(checkout.top) + os.sep
    found = {path.removeprefix(top) for path in proved.files if path.startswith(top)}
    found.update(_tests(case, checkout))
    yield from sorted(path.replace(os.sep, "/") for path in found)


def _tests(case: Case, checkout: Workspace) -> Iterator[str]:
    """Yield the files of linked tests, and the conftests that there are for them today."""
    for test in case.tests:
        path = Path(checkout.within(test))
        yield path.as_posix()
        for folder in path.parents:
            conftest = (folder / "conftest.py").as_posix()
            if conftest in checkout.present:
                yield conftest


def _key(case: Case, files: Sequence[str], checkout: Workspace, settings: Sequence[str]) -> str:
    """Return the digest of all that a verdict depends on.

    Raises: Unknown where the fix can't be read.
    """
    fix = case.fix()
    steps = [(step.name, step.before, step.after, _digest(step.patch)) for step in fix.steps]
    changes = [
        (each.path, _digest(each.before), _digest(each.after))
        for step in fix.steps
        for each in step.changes
    ]
    here = [(path, _digest(bytes_of(checkout.top / path))) for path in files]
    own = (__version__, sys.version_info[:2], case.tests, case.ids, case.nodeids, list(settings))
    return sha256(json.dumps([own, steps, changes, here]).encode()).hexdigest()[:32]


def _digest(data: bytes | None) -> str | None:
    return None if data is None else sha256(data).hexdigest()


def merged(kept: Mapping[str, Kept], new: Mapping[str, Kept]) -> dict[str, Kept]:
    """Return all proofs; one that decides gives way to none that does not."""
    found = dict(kept)
    for id, own in new.items():
        old = found.get(id)
        if old is None or own.proof.verdict in KEPT or old.proof.verdict not in KEPT:
            found[id] = own
    return found
