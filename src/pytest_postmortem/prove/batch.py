"""Prove many incidents: reuse the proofs of unchanged ones, and run the others in parallel."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path

from pytest_postmortem import proofs
from pytest_postmortem.files import read_file_bytes
from pytest_postmortem.model import PROVEN_VERDICTS, VERDICTS, Proof, Verdict
from pytest_postmortem.proofs import STRENGTH_RULES_VERSION, StoredProof, StoredTestVerdict
from pytest_postmortem.prove.fix import FixError
from pytest_postmortem.prove.revert import RevertedFiles, Workspace
from pytest_postmortem.prove.strategy import IncidentProof, Prover
from pytest_postmortem.prove.strength import StrengthRequest
from pytest_postmortem.prove.today import ProofCase
from pytest_postmortem.prove.verdict import IncidentVerdict, TestVerdict
from pytest_postmortem.pysource.fingerprints import DigestReader

RULES_VERSION = 2
"""Counts the changes to the rules of a verdict, which make stored proofs outdated."""

STORED_VERDICTS: tuple[Verdict, ...] = (*PROVEN_VERDICTS, "weak", "not-proven", "not-reached")
"""The verdicts that are reused until an input changes; any other is computed again."""


def prove_incidents(
    prover: Prover, cases: Sequence[ProofCase], jobs: int, done: Callable[[IncidentProof], None]
) -> list[IncidentProof]:
    """Prove incidents, up to ``jobs`` at a time; return the proofs in the order of the cases.

    ``done`` is called with each proof when it is ready. Ctrl-C stops all runs and is raised again.
    """
    proof_by_id: dict[str, IncidentProof] = {}
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        waiting: set[Future[IncidentProof]] = {pool.submit(prover.prove, case) for case in cases}
        try:
            while waiting:
                ended, waiting = wait(waiting, timeout=1, return_when=FIRST_COMPLETED)
                for future in ended:
                    proved = future.result()
                    proof_by_id[proved.id] = proved
                    done(proved)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            prover.stop()
            raise
    return [proof_by_id[case.id] for case in cases]


class ProofStore:
    """The proofs file of a checkout: current proofs are read from it, new ones written to it.

    ``place`` is None without a file. ``settings`` are the further inputs of all verdicts.

    Raises:
        ProofsError: The file can't be read.
    """

    def __init__(self, place: Path | None, checkout: Workspace, settings: Sequence[str]) -> None:
        self._place = place
        self._checkout = checkout
        self._settings = settings
        self._stored = proofs.read_proofs_file(place) if place is not None else {}
        self._fixes: dict[str, str | None] = {}
        self._start = 0

    def find(self, case: ProofCase, request: StrengthRequest | None) -> IncidentProof | None:
        """Return the stored proof of an incident if no input has changed, else None.

        With a ``request``, a proven incident has to have the requested strength.
        """
        stored = self._stored.get(case.id)
        if stored is None or stored.proof.verdict not in STORED_VERDICTS:
            return None
        strength = stored.strength
        if strength is not None and strength.rules != STRENGTH_RULES_VERSION:
            strength = None
        is_measured = strength is not None and request and strength.limit == request.mutants
        if request and stored.proof.verdict in PROVEN_VERDICTS and not is_measured:
            return None
        files = sorted({*stored.files, *self._list_test_files(case)})
        if self._digest_inputs(case, files) != stored.key:
            return None
        tests = tuple(
            TestVerdict(nodeid, _parse_verdict(stored_test.verdict), stored_test.message)
            for nodeid, stored_test in stored.tests.items()
        )
        proof = stored.proof
        return IncidentProof(
            case.id,
            proof.fix,
            IncidentVerdict(proof.verdict, proof.reason, tests, stored.failing, stored.further),
            stored.way,
            strength=strength,
            reverted_files=RevertedFiles(stored.taken, stored.left),
            since=proof.day.isoformat() if proof.day else "earlier",
        )

    def record_start(self, cases: Iterable[ProofCase]) -> None:
        """Record the state of the fixes before anything runs."""
        self._fixes = {case.id: self._digest_inputs(case, ()) for case in cases}
        self._start = time.time_ns()

    def store(
        self, cases: Iterable[ProofCase], proof_by_id: Mapping[str, IncidentProof]
    ) -> dict[str, str]:
        """Write new proofs into the file; return by id which input changed and prevented it.

        Raises:
            ProofsError: The file can't be read any more.
            DestinationError: It can't be written.
        """
        new, changed = {}, {}
        for case in cases if self._place is not None else ():
            if case.id in proof_by_id:
                files = self._list_proof_files(proof_by_id[case.id], case)
                changed_input = self._find_changed_input(case, files)
                if changed_input is None:
                    new[case.id] = self._build_stored_proof(case, proof_by_id[case.id], files)
                else:
                    changed[case.id] = changed_input
        if new and self._place is not None:
            stored = merge_stored_proofs(proofs.read_proofs_file(self._place), new)
            proofs.write_proofs_file(self._place, stored)
        return changed

    def _build_stored_proof(
        self, case: ProofCase, proved: IncidentProof, files: Sequence[str]
    ) -> StoredProof:
        texts = DigestReader(self._checkout.root)
        return StoredProof(
            Proof(proved.judged.verdict, date.today(), proved.fix, proved.judged.message),
            proved.way,
            self._digest_inputs(case, files) or "",
            tuple(files),
            {
                test.nodeid: StoredTestVerdict(
                    test.verdict, test.message, texts.digest(test.nodeid)
                )
                for test in proved.judged.tests
            },
            proved.reverted_files.taken,
            proved.reverted_files.left,
            proved.judged.failing,
            proved.judged.further,
            None if proved.strength is None or proved.strength.problem else proved.strength,
        )

    def _find_changed_input(self, case: ProofCase, files: Iterable[str]) -> str | None:
        """Return an input of the verdict that was written after the runs started, None if there is
        none.

        Some runs may have read it as it was before, others as it is now.
        """
        if self._digest_inputs(case, ()) != self._fixes[case.id]:
            return "the fix"
        paths = (
            path for path in files if _read_change_time(self._checkout.top / path) >= self._start
        )
        return next(paths, None)

    def _list_proof_files(self, proved: IncidentProof, case: ProofCase) -> list[str]:
        """Return the files that the verdict depends on: modules, the tests, their conftests."""
        top = str(self._checkout.top) + os.sep
        loaded = {path.removeprefix(top) for path in proved.files if path.startswith(top)}
        loaded.update(self._list_test_files(case))
        return sorted(path.replace(os.sep, "/") for path in loaded)

    def _list_test_files(self, case: ProofCase) -> Iterator[str]:
        """Yield the files of linked tests, and the conftests that apply to them today."""
        for test in case.tests:
            path = Path(self._checkout.within(test))
            yield path.as_posix()
            for folder in path.parents:
                conftest = (folder / "conftest.py").as_posix()
                if conftest in self._checkout.present:
                    yield conftest

    def _digest_inputs(self, case: ProofCase, files: Sequence[str]) -> str | None:
        """Return the digest of all inputs of a verdict, None if its fix can't be read."""
        try:
            fix = case.fix()
        except FixError:
            return None
        steps = [
            (step.name, step.before, step.after, _digest_content(step.patch)) for step in fix.steps
        ]
        changes = [
            (change.path, _digest_content(change.before), _digest_content(change.after))
            for step in fix.steps
            for change in step.changes
        ]
        top = self._checkout.top
        here = [(path, _digest_content(read_file_bytes(top / path))) for path in files]
        request = (
            RULES_VERSION,
            sys.version_info[:2],
            case.tests,
            case.ids,
            case.nodeids,
            list(self._settings),
        )
        return sha256(json.dumps([request, steps, changes, here]).encode()).hexdigest()[:32]


def _parse_verdict(text: str) -> Verdict:
    return next((verdict for verdict in VERDICTS if verdict == text), "inconclusive")


def _read_change_time(path: Path) -> int:
    """Return when a file was changed, in nanoseconds; only Windows lets programs reset it."""
    try:
        facts = path.stat()
    except OSError:
        return 0
    return facts.st_mtime_ns if os.name == "nt" else facts.st_ctime_ns


def _digest_content(data: bytes | None) -> str | None:
    """Return the digest of a file; the ends of its lines depend on the checkout."""
    return None if data is None else sha256(data.replace(b"\r\n", b"\n")).hexdigest()


def merge_stored_proofs(
    kept: Mapping[str, StoredProof], new: Mapping[str, StoredProof]
) -> dict[str, StoredProof]:
    """Return all proofs; a new undecided proof does not replace a decided one.

    A strength that was measured with the same inputs is kept.
    """
    all_proofs = dict(kept)
    for id, new_proof in new.items():
        old = all_proofs.get(id)
        if (
            old is None
            or new_proof.proof.verdict in STORED_VERDICTS
            or old.proof.verdict not in STORED_VERDICTS
        ):
            all_proofs[id] = new_proof
            if old is not None and old.key == new_proof.key and new_proof.strength is None:
                all_proofs[id] = replace(new_proof, strength=old.strength)
    return all_proofs
