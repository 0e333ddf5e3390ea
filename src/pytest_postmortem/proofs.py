"""The file of proofs: what `prove` found, read and written, and whether it still holds.

``postmortem-proofs.json`` may be committed, so that `prove` looks only at what has changed since::

    {"format": 1, "tool": {...}, "proofs": {"PM-102": {"verdict": "proven", "day": "2026-11-20",
     "fix": "3f2a91c", "reason": "...", "way": "patch", "key": DIGEST, "taken": [...],
     "left": [...], "failing": 0, "further": 84, "files": [...],
     "tests": {NODEID: {"verdict": ..., "message": ..., "text": DIGEST}}}}}
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from pytest_postmortem import __version__
from pytest_postmortem.digests import Texts
from pytest_postmortem.errors import Problem, ProofsError
from pytest_postmortem.model import VERDICTS, Postmortem, Proof, iso_date, normalize_id
from pytest_postmortem.writing import is_written_through, write

__all__ = [
    "FILE",
    "Kept",
    "KeptTest",
    "fix_of",
    "named",
    "place",
    "read",
    "revision_of",
    "save",
    "short",
    "still",
]

FILE = "postmortem-proofs.json"
FORMAT = 1
SHORT = 9
"""Letters of a hash that are shown."""

HASH = re.compile("[0-9a-f]{4,64}")

SPACE = re.compile(r"(, |\.\.)")
"""What stands between the hashes of a name."""


@dataclass(frozen=True, slots=True)
class KeptTest:
    """The verdict on one test, and the digest of what it rested on then, empty where it is not
    known.
    """

    verdict: str
    message: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A proof with what it rests on: ``key`` is the digest of all that the runs depended on,
    ``files`` among it, by their paths from the top of the repository. ``taken`` and ``left`` are
    the files of the fix that were taken away, and those that stayed; ``failing`` of ``further``
    other tests in the same files fail without it.
    """

    proof: Proof
    way: str = ""
    key: str = ""
    files: tuple[str, ...] = ()
    tests: Mapping[str, KeptTest] = field(default_factory=dict)
    taken: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    failing: int = 0
    further: int = 0


def place(configured: Path | None, root: Path, cache: Path | None) -> Path | None:
    """Return the file of proofs: the configured one, one in the rootdir, else one in the cache."""
    own = configured or root / FILE
    if configured is not None or own.exists():
        return own
    return None if cache is None else cache / FILE


def read(path: Path) -> dict[str, Kept]:
    """Read a file of proofs by id; nothing where there is none, an empty one, or a device.

    Raises:
        ProofsError: It is none, or one of another format.
    """
    if is_written_through(path):
        return {}
    try:
        data = path.read_bytes()
        if not data.strip():
            return {}
        document = json.loads(data)
        if document["format"] != FORMAT:
            raise _wrong(path, f"its format is {document['format']!r}, and {FORMAT} is understood")
        return {normalize_id(id): _kept(each) for id, each in document["proofs"].items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _wrong(path, (error.strerror or str(error)).lower()) from None
    except (ArithmeticError, LookupError, ValueError, TypeError, AttributeError, RecursionError):
        raise _wrong(path, "it is no file of proofs") from None


def _wrong(path: Path, cause: str) -> ProofsError:
    remedy = "delete it: `pytest-postmortem prove` writes it anew"
    return ProofsError([Problem("proofs-file", "Couldn't read proofs", cause, remedy, str(path))])


def _kept(told: Mapping[str, Any]) -> Kept:
    verdict = VERDICTS[VERDICTS.index(told["verdict"])]
    tests = {
        str(nodeid): KeptTest(str(each["verdict"]), str(each["message"]), str(each["text"]))
        for nodeid, each in told["tests"].items()
    }
    proof = Proof(verdict, iso_date(told["day"]), str(told["fix"]), str(told["reason"]))
    files, taken, left = (
        tuple(map(str, each))
        for each in (told["files"], told.get("taken", ()), told.get("left", ()))
    )
    counts = (int(told.get(name, 0)) for name in ("failing", "further"))
    return Kept(proof, str(told["way"]), str(told["key"]), files, tests, taken, left, *counts)


def save(path: Path, kept: Mapping[str, Kept]) -> None:
    """Write a file of proofs, with one line a field, so that two branches merge well.

    Raises:
        DestinationError: It can't be written.
    """
    document = {
        "format": FORMAT,
        "tool": {"name": "pytest-postmortem", "version": __version__},
        "proofs": {id: _told(kept[id]) for id in sorted(kept)},
    }
    write(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def _told(kept: Kept) -> Mapping[str, Any]:
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
        "files": list(kept.files),
        "tests": {
            nodeid: {"verdict": each.verdict, "message": each.message, "text": each.text}
            for nodeid, each in sorted(kept.tests.items())
        },
    }


def still(
    kept: Mapping[str, Kept], root: Path, fixes: Mapping[str, str] | None = None
) -> dict[str, Proof]:
    """Return the proofs by id; one of other tests than today's is outdated, or of another fix.

    ``fixes`` are the names of those that are named today, by id.
    """
    texts = Texts(root)
    found = {}
    for id, own in kept.items():
        changed = any(
            each.text and each.text != texts.digest(nodeid) for nodeid, each in own.tests.items()
        )
        now = (fixes or {}).get(id)
        other = now is not None and not _is_same(own.proof.fix, now)
        found[id] = replace(own.proof, outdated=changed or other)
    return found


def fix_of(postmortem: Postmortem) -> str | None:
    """Return the name of the fix that a post-mortem names, None where it names none."""
    if postmortem.fix:
        return ", ".join(named(revision_of(text)) for text in postmortem.fix)
    return os.path.basename(postmortem.patch) if postmortem.patch else None


def revision_of(text: str) -> str:
    """Return the revision that a text names, which may be the address of a commit."""
    _, found, rest = text.rpartition("/commit/")
    return rest.strip("/") if found and "://" in text else text.strip()


def named(revision: str) -> str:
    """Return a commit or a range as a reader knows it."""
    older, dots, newer = revision.partition("..")
    if not dots:
        return short(revision)
    return f"{short(older or 'HEAD')}..{short(newer.lstrip('.') or 'HEAD')}"


def short(revision: str) -> str:
    """Return a revision as it is shown: a long hash is cut."""
    return revision[:SHORT] if len(revision) > SHORT and HASH.fullmatch(revision) else revision


def _is_same(one: str, other: str) -> bool:
    """Say whether two names are those of one fix; hashes may be cut at different places."""
    pairs = zip_longest(SPACE.split(one), SPACE.split(other), fillvalue="")
    return all(own == its or _is_same_hash(own, its) for own, its in pairs)


def _is_same_hash(one: str, other: str) -> bool:
    are_hashes = HASH.fullmatch(one) and HASH.fullmatch(other)
    return bool(are_hashes) and (one.startswith(other) or other.startswith(one))
