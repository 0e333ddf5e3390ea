"""The file of proofs: what `prove` found, read and written, and whether it still holds.

``postmortem-proofs.json`` may be committed, so that `prove` looks only at what has changed since::

    {"format": 1, "tool": {...}, "proofs": {"PM-102": {"verdict": "proven", "day": "2026-11-20",
     "fix": "3f2a91c", "reason": "...", "way": "patch", "key": DIGEST, "files": [...],
     "tests": {NODEID: {"verdict": ..., "message": ..., "text": DIGEST}}}}}
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from pytest_postmortem import __version__
from pytest_postmortem.errors import Problem, ProofsError
from pytest_postmortem.model import VERDICTS, Proof, iso_date
from pytest_postmortem.writing import write

__all__ = ["FILE", "Kept", "KeptTest", "digest_of", "place", "read", "save", "still"]

FILE = "postmortem-proofs.json"
FORMAT = 1
LETTERS = 16
"""Letters of a digest that are kept."""


@dataclass(frozen=True, slots=True)
class KeptTest:
    """The verdict on one test, and the digest of its text then, empty where it is not known."""

    verdict: str
    message: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A proof with what it rests on: ``key`` is the digest of all that the runs depended on,
    ``files`` among it, by their paths from the top of the repository.
    """

    proof: Proof
    way: str = ""
    key: str = ""
    files: tuple[str, ...] = ()
    tests: Mapping[str, KeptTest] = field(default_factory=dict)


def place(configured: Path | None, root: Path, cache: Path | None) -> Path | None:
    """Return the file of proofs: the configured one, one in the rootdir, else one in the cache."""
    own = configured or root / FILE
    if configured is not None or own.exists():
        return own
    return None if cache is None else cache / FILE


def read(path: Path) -> dict[str, Kept]:
    """Read a file of proofs by id; nothing where there is none, or an empty one.

    Raises:
        ProofsError: It is none, or one of another format.
    """
    try:
        data = path.read_bytes()
        if not data.strip():
            return {}
        document = json.loads(data)
        if document["format"] != FORMAT:
            raise _wrong(path, f"its format is {document['format']!r}, and {FORMAT} is understood")
        return {id: _kept(each) for id, each in document["proofs"].items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _wrong(path, (error.strerror or str(error)).lower()) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
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
    return Kept(proof, str(told["way"]), str(told["key"]), tuple(map(str, told["files"])), tests)


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
        "files": list(kept.files),
        "tests": {
            nodeid: {"verdict": each.verdict, "message": each.message, "text": each.text}
            for nodeid, each in sorted(kept.tests.items())
        },
    }


def still(kept: Mapping[str, Kept], root: Path) -> dict[str, Proof]:
    """Return the proofs by id; one whose tests have another text today is outdated."""
    texts: dict[str, str | None] = {}
    found = {}
    for id, own in kept.items():
        changed = any(
            each.text and each.text != _digest_here(nodeid, root, texts)
            for nodeid, each in own.tests.items()
        )
        found[id] = replace(own.proof, outdated=changed)
    return found


def _digest_here(nodeid: str, root: Path, texts: dict[str, str | None]) -> str:
    path, _, names = nodeid.partition("::")
    if path not in texts:
        try:
            texts[path] = (root / path).read_text(encoding="utf-8")
        except (OSError, ValueError):
            texts[path] = None
    text = texts[path]
    return "" if text is None else digest_of(text, names)


def digest_of(text: str, names: str) -> str:
    """Return what a test is known by: its code without comments and format, wherever it stands.

    ``names`` is what follows the file in its node id. A test that stands in no code of its own, as
    a generated one does, is known by the code of its whole file.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return sha256(text.encode(errors="replace")).hexdigest()[:LETTERS]
    node: ast.AST = tree
    for name in names.partition("[")[0].split("::"):
        inner = [each for each in ast.iter_child_nodes(node) if getattr(each, "name", "") == name]
        if not inner:
            node = tree
            break
        node = inner[-1]  # which hides the others
    return sha256("\n".join(_spelled(node)).encode(errors="replace")).hexdigest()[:LETTERS]


def _spelled(node: ast.AST) -> Iterator[str]:
    """Yield the code below a node, alike on every Python: what newer ones add is empty in it."""
    waiting: list[object] = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, _Word):
            yield each.text
        elif isinstance(each, list):
            own = (value for value in reversed(each) if not _is_empty(value))
            waiting += [_Word("]"), *own, _Word("[")]
        elif isinstance(each, ast.AST):
            fields = [(name, value) for name, value in ast.iter_fields(each) if value != []]
            waiting.append(_Word(")"))
            for name, value in reversed(fields):
                if value is not None:
                    waiting += [value, _Word(name)]
            waiting.append(_Word(f"{type(each).__name__}("))
        else:
            yield f"{each:x}" if type(each) is int else repr(each)


def _is_empty(value: object) -> bool:
    """Say whether a value is the empty text that Python 3.12.0 adds to formats of f-strings."""
    return (
        isinstance(value, ast.Constant)
        and value.value == ""
        and value.col_offset == value.end_col_offset
    )


class _Word(NamedTuple):
    """What stands between the values of a node."""

    text: str
