"""The proofs file: verdicts of `prove`, read and written, and whether each is still current.

``postmortem-proofs.json`` may be committed. `prove` then runs only the incidents that changed::

    {"format": 1, "tool": {...}, "proofs": {"PM-102": {"verdict": "proven", "day": "2026-11-20",
     "fix": "3f2a91c", "reason": "...", "way": "patch", "key": DIGEST, "taken": [...],
     "left": [...], "failing": 0, "further": 84, "strength": null or {"noticed": 11, "missed": 2,
     "not_reached": 0, "invalid": 1, "made": 14, "limit": 40, "rules": 1, "mutants": [...]},
     "files": [...],
     "tests": {NODEID: {"verdict": ..., "message": ..., "text": DIGEST}}}}}
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

from pytest_postmortem import __version__
from pytest_postmortem.errors import Problem, ProofsError
from pytest_postmortem.files import is_written_through, write_text_file
from pytest_postmortem.model import (
    VERDICTS,
    Postmortem,
    Proof,
    Strength,
    fold_id,
    normalize_id,
    parse_iso_date,
)
from pytest_postmortem.pysource.fingerprints import DigestReader

PROOFS_FORMAT = 1
STRENGTH_RULES_VERSION = 1
"""Counts the changes to which mutants are made, which make a stored strength outdated."""

SHORT_REVISION_LENGTH = 9
"""Characters of a hash that are shown."""

HASH_PATTERN = re.compile("[0-9a-f]{4,64}")

TRAILER_PATTERN = re.compile(r"^Postmortem:[ \t]*(.+)$", re.IGNORECASE | re.MULTILINE)

FIX_SEPARATOR_PATTERN = re.compile(r"(, |\.\.)")
"""The separators between the hashes in the name of a fix."""


@dataclass(frozen=True, slots=True)
class StoredTestVerdict:
    """The verdict on one test, and the digest of the test's code then; empty if unknown."""

    verdict: str
    message: str
    text: str = ""


MutantFinding = Literal["noticed", "missed", "not reached", "invalid"]


@dataclass(frozen=True, slots=True)
class MutantResult:
    """A change to a line of the fix, and whether the linked tests noticed it."""

    path: str
    line: int
    kind: str
    before: str
    after: str
    found: MutantFinding = "missed"
    why: str = ""


@dataclass(frozen=True, slots=True)
class FixStrength:
    """How many mutants of a fix the tests noticed.

    ``made`` is the number of all mutants, of which no more than ``limit`` ran. ``problem`` is why
    it could not be measured. A stored strength has only missed ``mutants``.
    """

    noticed: int = 0
    missed: int = 0
    not_reached: int = 0
    invalid: int = 0
    made: int = 0
    limit: int = 0
    rules: int = STRENGTH_RULES_VERSION
    mutants: tuple[MutantResult, ...] = ()
    problem: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class StoredProof:
    """A proof and the inputs of its verdict.

    ``key`` is the digest of all inputs of the runs. ``files`` are those among them that are files,
    by their paths from the top of the repository. ``taken`` and ``left`` are the files of the fix
    that were reverted, and those that were not. ``failing`` of ``further`` other tests in the same
    files fail without the fix. ``strength`` is None if it was not measured.
    """

    proof: Proof
    way: str = ""
    key: str = ""
    files: tuple[str, ...] = ()
    tests: Mapping[str, StoredTestVerdict] = field(default_factory=dict)
    taken: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    failing: int = 0
    further: int = 0
    strength: FixStrength | None = None


def read_proofs_file(path: Path) -> dict[str, StoredProof]:
    """Read a proofs file into a mapping by id; empty for a missing or empty file, or a device.

    Raises:
        ProofsError: It is not a proofs file, or it has another format.
    """
    if is_written_through(path):
        return {}
    try:
        data = path.read_bytes()
        if not data.strip():
            return {}
        document = json.loads(data)
        if document["format"] != PROOFS_FORMAT:
            raise _build_proofs_error(
                path, f"format {document['format']!r} is not supported (expected {PROOFS_FORMAT})"
            )
        return {
            normalize_id(id): _parse_stored_proof(stored_document)
            for id, stored_document in document["proofs"].items()
        }
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _build_proofs_error(path, (error.strerror or str(error)).lower()) from None
    except (ArithmeticError, LookupError, ValueError, TypeError, AttributeError, RecursionError):
        raise _build_proofs_error(path, "it is not a proofs file") from None


def _build_proofs_error(path: Path, cause: str) -> ProofsError:
    remedy = "delete it; `pytest-postmortem prove` writes a new one"
    return ProofsError([Problem("proofs-file", "Couldn't read proofs", cause, remedy, str(path))])


def _parse_stored_proof(data: Mapping[str, Any]) -> StoredProof:
    verdict = VERDICTS[VERDICTS.index(data["verdict"])]
    tests = {
        str(nodeid): StoredTestVerdict(
            str(test_data["verdict"]), str(test_data["message"]), str(test_data["text"])
        )
        for nodeid, test_data in data["tests"].items()
    }
    proof = Proof(verdict, parse_iso_date(data["day"]), str(data["fix"]), str(data["reason"]))
    files, taken, left = (
        tuple(map(str, paths))
        for paths in (data["files"], data.get("taken", ()), data.get("left", ()))
    )
    return StoredProof(
        proof,
        str(data["way"]),
        str(data["key"]),
        files,
        tests,
        taken,
        left,
        int(data.get("failing", 0)),
        int(data.get("further", 0)),
        _parse_strength(data.get("strength")),
    )


STRENGTH_COUNTS = ("noticed", "missed", "not_reached", "invalid", "made", "limit", "rules")
MUTANT_FACTS = ("path", "line", "kind", "before", "after")


def _parse_strength(data: Mapping[str, Any] | None) -> FixStrength | None:
    if data is None:
        return None
    mutants = (
        MutantResult(
            str(each["path"]),
            int(each["line"]),
            str(each["kind"]),
            str(each["before"]),
            str(each["after"]),
        )
        for each in data["mutants"]
    )
    counts: dict[str, Any] = {name: int(data[name]) for name in STRENGTH_COUNTS}
    return FixStrength(**counts, mutants=tuple(mutants))


def _build_strength_document(strength: FixStrength) -> Mapping[str, Any]:
    missed = (asdict(mutant) for mutant in strength.mutants if mutant.found == "missed")
    return {
        **{name: getattr(strength, name) for name in STRENGTH_COUNTS},
        "mutants": [{name: facts[name] for name in MUTANT_FACTS} for facts in missed],
    }


def write_proofs_file(path: Path, kept: Mapping[str, StoredProof]) -> None:
    """Write a proofs file with one field per line, so that two branches merge cleanly.

    Raises:
        DestinationError: It can't be written.
    """
    document = {
        "format": PROOFS_FORMAT,
        "tool": {"name": "pytest-postmortem", "version": __version__},
        "proofs": {id: _build_stored_document(kept[id]) for id in sorted(kept)},
    }
    write_text_file(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def _build_stored_document(kept: StoredProof) -> Mapping[str, Any]:
    proof = kept.proof
    return {
        "verdict": proof.verdict,
        "day": proof.day and proof.day.isoformat(),
        "fix": proof.fix,
        "reason": proof.reason,
        "way": kept.way,
        "key": kept.key,
        "taken": list(kept.taken),
        "left": list(kept.left),
        "failing": kept.failing,
        "further": kept.further,
        "strength": kept.strength and _build_strength_document(kept.strength),
        "files": list(kept.files),
        "tests": {
            nodeid: asdict(test_verdict) for nodeid, test_verdict in sorted(kept.tests.items())
        },
    }


def find_current_proofs(
    kept: Mapping[str, StoredProof], root: Path, fixes: Mapping[str, str] | None = None
) -> dict[str, Proof]:
    """Return the proofs by id; mark those outdated whose tests or whose fix have changed.

    ``fixes`` are the names of the fixes in today's registry, by id.
    """
    texts = DigestReader(root)
    proofs_by_id = {}
    for id, stored_proof in kept.items():
        changed = any(
            test_verdict.text and test_verdict.text != texts.digest(nodeid)
            for nodeid, test_verdict in stored_proof.tests.items()
        )
        current_fix = (fixes or {}).get(id)
        has_other_fix = current_fix is not None and not _is_same_fix(
            stored_proof.proof.fix, current_fix
        )
        outdated = changed or has_other_fix
        strength = _get_current_strength(stored_proof.strength, outdated)
        proofs_by_id[id] = stored_proof.proof._replace(outdated=outdated, strength=strength)
    return proofs_by_id


def _get_current_strength(stored: FixStrength | None, outdated: bool) -> Strength | None:
    if stored is None:
        return None
    outdated |= stored.rules != STRENGTH_RULES_VERSION
    return Strength(stored.noticed, stored.missed, outdated)


def format_fix_name(postmortem: Postmortem) -> str | None:
    """Return the name of a post-mortem's fix, None if it has no fix."""
    if postmortem.fix:
        return ", ".join(format_revision_range(parse_revision(text)) for text in postmortem.fix)
    return os.path.basename(postmortem.patch) if postmortem.patch else None


def parse_revision(text: str) -> str:
    """Return the revision in a text, which may be the URL of a commit."""
    _, separator, rest = text.rpartition("/commit/")
    return rest.strip("/") if separator and "://" in text else text.strip()


def find_trailer_names(message: str) -> list[str]:
    """Return the incidents that the trailers ``Postmortem: ID, ID`` of a commit name, folded."""
    named = (name for names in TRAILER_PATTERN.findall(message) for name in names.split(","))
    return list(dict.fromkeys(filter(None, map(fold_id, named))))


def format_revision_range(revision: str) -> str:
    """Return a commit or a range as it is shown to the reader."""
    older, dots, newer = revision.partition("..")
    if not dots:
        return shorten_revision(revision)
    return f"{shorten_revision(older or 'HEAD')}..{shorten_revision(newer.lstrip('.') or 'HEAD')}"


def shorten_revision(revision: str) -> str:
    """Return a revision for display; a long hash is cut."""
    return (
        revision[:SHORT_REVISION_LENGTH]
        if len(revision) > SHORT_REVISION_LENGTH and HASH_PATTERN.fullmatch(revision)
        else revision
    )


def _is_same_fix(one: str, other: str) -> bool:
    """Return whether two names mean the same fix; hashes may be cut at different lengths."""
    pairs = zip_longest(
        FIX_SEPARATOR_PATTERN.split(one), FIX_SEPARATOR_PATTERN.split(other), fillvalue=""
    )
    return all(
        revision == other_revision or _is_same_hash(revision, other_revision)
        for revision, other_revision in pairs
    )


def _is_same_hash(one: str, other: str) -> bool:
    are_hashes = HASH_PATTERN.fullmatch(one) and HASH_PATTERN.fullmatch(other)
    return bool(are_hashes) and (one.startswith(other) or other.startswith(one))
