"""The file of proofs: what `prove` found, read and written, and whether it still holds."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pytest_postmortem import __version__
from pytest_postmortem.errors import DestinationError, ProofsError
from pytest_postmortem.files import PROOFS_FILENAME, find_proofs_file
from pytest_postmortem.model import VERDICTS, Postmortem, Proof, Strength
from pytest_postmortem.proofs import (
    STRENGTH_RULES_VERSION,
    FixStrength,
    MutantResult,
    StoredProof,
    StoredTestVerdict,
    find_current_proofs,
    format_fix_name,
    read_proofs_file,
    write_proofs_file,
)
from pytest_postmortem.pysource.fingerprints import DigestReader

NODEID = "tests/test_it.py::test_one"

PROVEN = StoredProof(
    Proof("proven", date(2026, 11, 20), "3f2a91c", "fails without the fix: AssertionError"),
    "patch",
    "0123456789abcdef",
    ("src/shop.py", "tests/test_it.py"),
    {NODEID: StoredTestVerdict("proven", "fails without the fix: AssertionError", "0123")},
)

WRITTEN = f"""\
{{
 "format": 1,
 "tool": {{
  "name": "pytest-postmortem",
  "version": "{__version__}"
 }},
 "proofs": {{
  "PM-1": {{
   "verdict": "proven",
   "day": "2026-11-20",
   "fix": "3f2a91c",
   "reason": "fails without the fix: AssertionError",
   "way": "patch",
   "key": "0123456789abcdef",
   "taken": [],
   "left": [],
   "failing": 0,
   "further": 0,
   "strength": null,
   "files": [
    "src/shop.py",
    "tests/test_it.py"
   ],
   "tests": {{
    "tests/test_it.py::test_one": {{
     "verdict": "proven",
     "message": "fails without the fix: AssertionError",
     "text": "0123"
    }}
   }}
  }}
 }}
}}
"""


def test_proofs_are_written_one_field_a_line(tmp_path: Path) -> None:
    """So that two branches merge well, and a reader sees what changed."""
    path = tmp_path / "deep" / PROOFS_FILENAME

    write_proofs_file(path, {"PM-1": PROVEN})

    assert path.read_text() == WRITTEN
    assert read_proofs_file(path) == {"PM-1": PROVEN}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Every verdict, any letters, and what is not known; sorted by id."""
    kept = {
        f"PM-{n}": replace(PROVEN, proof=Proof(verdict), way="", tests={})
        for n, verdict in enumerate(VERDICTS)
    }
    odd = "größe\n\"'\\ \x1b \u2028 日本 {}"
    kept[odd] = StoredProof(
        Proof("weak", None, odd, odd), odd, odd, (odd,), {odd: StoredTestVerdict(odd, odd, odd)}
    )

    write_proofs_file(tmp_path / PROOFS_FILENAME, dict(reversed(kept.items())))

    assert read_proofs_file(tmp_path / PROOFS_FILENAME) == kept
    assert list(read_proofs_file(tmp_path / PROOFS_FILENAME)) == sorted(kept)


def test_a_name_that_is_no_unicode_survives(tmp_path: Path) -> None:
    """As that of a file may be."""
    write_proofs_file(tmp_path / PROOFS_FILENAME, {"PM-1": replace(PROVEN, files=("a\udcff.py",))})

    assert read_proofs_file(tmp_path / PROOFS_FILENAME)["PM-1"].files == ("a\udcff.py",)


STRENGTH = FixStrength(
    5, 1, 2, 0, 60, 8, STRENGTH_RULES_VERSION, (MutantResult("a.py", 3, "loop", "break", "pass"),)
)


def test_the_strength_of_a_proof_is_read_as_it_was_written(tmp_path: Path) -> None:
    """A file of an older version has none."""
    place = tmp_path / PROOFS_FILENAME
    own = replace(PROVEN, strength=STRENGTH)
    old = json.loads(WRITTEN)
    del old["proofs"]["PM-1"]["strength"]

    write_proofs_file(place, {"PM-1": own})
    read = read_proofs_file(place)
    place.write_text(json.dumps(old))

    assert read == {"PM-1": own}
    assert read_proofs_file(place) == {"PM-1": PROVEN}


@pytest.mark.parametrize(
    ("rules", "fix", "outdated"),
    [
        (STRENGTH_RULES_VERSION, "3f2a91c", False),
        (STRENGTH_RULES_VERSION + 1, "3f2a91c", True),
        (STRENGTH_RULES_VERSION, "77c01d2", True),
    ],
)
def test_a_strength_holds_as_long_as_its_proof_and_its_rules(
    tmp_path: Path, rules: int, fix: str, outdated: bool
) -> None:
    """With other rules, other mutants would run today; the proof itself still holds."""
    own = replace(PROVEN, strength=replace(STRENGTH, rules=rules), tests={})

    (proof,) = find_current_proofs({"PM-1": own}, tmp_path, {"PM-1": fix}).values()

    assert proof.strength == Strength(5, 1, outdated)
    assert proof.outdated == (fix != "3f2a91c")


def test_what_a_newer_version_adds_is_left_alone(tmp_path: Path) -> None:
    """As long as the format is the same."""
    document = json.loads(WRITTEN)
    document["proofs"]["PM-1"]["new"] = document["new"] = {"more": 1}
    (tmp_path / PROOFS_FILENAME).write_text(json.dumps(document))

    assert read_proofs_file(tmp_path / PROOFS_FILENAME) == {"PM-1": PROVEN}


def test_without_a_file_there_is_no_proof(tmp_path: Path) -> None:
    """As before the first run of `prove`."""
    assert read_proofs_file(tmp_path / PROOFS_FILENAME) == {}


def changed(**fields: Any) -> str:
    """Return a file of one proof with some fields of it changed."""
    document = json.loads(WRITTEN)
    document["proofs"]["PM-1"].update(fields)
    return json.dumps(document)


MARKERS = WRITTEN.replace(
    '   "day": "2026-11-20",\n',
    '<<<<<<< HEAD\n   "day": "2026-11-20",\n=======\n   "day": "2026-11-21",\n>>>>>>> branch\n',
)

DAMAGED = {
    "torn": WRITTEN[:200],
    "conflict markers": MARKERS,
    "list": "[]",
    "number": "1",
    "null": "null",
    "no format": '{"proofs": {}}',
    "no proofs": '{"format": 1}',
    "list of proofs": '{"format": 1, "proofs": []}',
    "proof is a text": '{"format": 1, "proofs": {"PM-1": "proven"}}',
    "proof is empty": '{"format": 1, "proofs": {"PM-1": {}}}',
    "verdict": changed(verdict="surely"),
    "verdict is a list": changed(verdict=["proven"]),
    "day is a number": changed(day=20261120),
    "files is a number": changed(files=1),
    "tests is a list": changed(tests=[]),
    "test is a text": changed(tests={"a": "proven"}),
    "deep": "[" * 100_000,
    "binary": "\0\1",
}


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_file_holds_no_proofs_yet(tmp_path: Path, text: str) -> None:
    """It is how a team says where proofs are to be kept."""
    (tmp_path / PROOFS_FILENAME).write_text(text)

    assert read_proofs_file(tmp_path / PROOFS_FILENAME) == {}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_one_message(tmp_path: Path, name: str) -> None:
    """The remedy is to let it be written anew."""
    path = tmp_path / PROOFS_FILENAME
    path.write_text(DAMAGED[name])

    with pytest.raises(ProofsError) as caught:
        read_proofs_file(path)

    assert str(caught.value) == (
        f"Couldn't read proofs {str(path)!r}: it is not a proofs file\n"
        "  delete it; `pytest-postmortem prove` writes a new one\n"
        "  see `pytest-postmortem explain proofs-file`"
    )


@pytest.mark.parametrize(
    ("format", "shown"), [(2, "2"), ("1", "'1'"), (None, "None"), ({"a": 1}, "{'a': 1}")]
)
def test_another_format_is_said(tmp_path: Path, format: object, shown: str) -> None:
    """It was written by a newer version, perhaps."""
    path = tmp_path / PROOFS_FILENAME
    path.write_text(json.dumps({"format": format, "proofs": []}))

    with pytest.raises(ProofsError) as caught:
        read_proofs_file(path)

    (problem,) = caught.value.problems
    assert problem.cause == f"format {shown} is not supported (expected 1)"


def test_bytes_that_are_no_text_are_one_message(tmp_path: Path) -> None:
    """As of a file that was not written by us; so is a folder."""
    (tmp_path / PROOFS_FILENAME).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProofsError, match="it is not a proofs file"):
        read_proofs_file(tmp_path / PROOFS_FILENAME)

    (tmp_path / "folder").mkdir()
    with pytest.raises(ProofsError, match="is a directory"):
        read_proofs_file(tmp_path / "folder")


def test_a_place_that_can_not_be_written_is_one_message(tmp_path: Path) -> None:
    """The older file is kept."""
    (tmp_path / PROOFS_FILENAME).mkdir()

    with pytest.raises(DestinationError, match="Couldn't write report"):
        write_proofs_file(tmp_path / PROOFS_FILENAME, {})


WRITER = """
import sys
from pathlib import Path
from pytest_postmortem.model import Proof
from pytest_postmortem.proofs import StoredProof, write_proofs_file
proofs = {f"PM-{n}": StoredProof(Proof("proven"), sys.argv[2]) for n in range(200)}
for _ in range(30):
    write_proofs_file(Path(sys.argv[1]), proofs)
"""


def test_two_writers_leave_a_file_that_is_whole(tmp_path: Path) -> None:
    """Of one of them; whoever reads meanwhile reads one or the other."""
    path = tmp_path / PROOFS_FILENAME
    command = [sys.executable, "-c", WRITER, str(path)]

    with subprocess.Popen([*command, "one"]) as one, subprocess.Popen([*command, "two"]) as two:
        while one.poll() is None or two.poll() is None:
            assert {each.way for each in read_proofs_file(path).values()} in (
                {"one"},
                {"two"},
                set(),
            )

    assert (one.returncode, two.returncode) == (0, 0)
    assert len(read_proofs_file(path)) == 200
    assert [file.name for file in tmp_path.iterdir()] == [PROOFS_FILENAME]


def test_the_file_lies_where_it_is_configured_or_in_the_rootdir(tmp_path: Path) -> None:
    """Else in the cache, if there is one."""
    configured, cache = tmp_path / "x" / "proofs.json", tmp_path / "cache"

    assert find_proofs_file(configured, tmp_path, cache) == configured
    assert find_proofs_file(None, tmp_path, cache) == cache / PROOFS_FILENAME
    assert find_proofs_file(None, tmp_path, None) is None
    (tmp_path / PROOFS_FILENAME).touch()
    assert find_proofs_file(None, tmp_path, cache) == tmp_path / PROOFS_FILENAME
    assert find_proofs_file(configured, tmp_path, None) == configured


TESTS = """\
def test_one(value=1):
    assert value == 1

def test_two(): ...
"""


@pytest.mark.parametrize(
    ("text", "outdated"),
    [
        (TESTS, False),
        ("# moved\n\ndef test_two(): ...\ndef test_one(value=0x1): assert (value == 1)", False),
        (TESTS.replace("value == ", "value != "), True),
        (TESTS.replace("test_one", "test_renamed"), True),
        (TESTS.replace("def test_two", "def test_2"), False),
        ("import os\n" + TESTS, True),
        ("", True),
        (None, True),
        ("def test_one(:", True),
    ],
)
def test_a_proof_holds_as_long_as_its_tests_are_the_same(
    tmp_path: Path, text: str | None, outdated: bool
) -> None:
    """Reformatted and moved in their file they are; changed, renamed or deleted they are not."""
    (tmp_path / "test_it.py").write_text(TESTS)
    own = StoredTestVerdict("proven", "", DigestReader(tmp_path).digest("test_it.py::test_one[1]"))
    other = StoredTestVerdict("proven", "")
    kept = {"PM-1": replace(PROVEN, tests={"test_it.py::test_one[1]": own, "gone.py::a": other})}
    (tmp_path / "test_it.py").unlink()
    if text is not None:
        (tmp_path / "test_it.py").write_text(text)

    found = find_current_proofs(kept, tmp_path)

    assert found == {"PM-1": PROVEN.proof._replace(outdated=outdated)}
    assert found["PM-1"].proven is not outdated


def test_one_outdated_test_is_enough(tmp_path: Path) -> None:
    """And a file that can't be read any more has no text."""
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "test_b.py").write_bytes(b"\xff")
    same = StoredTestVerdict("proven", "", DigestReader(tmp_path).digest("test_it.py::test_one"))
    own = dict.fromkeys(("test_it.py::test_one", "test_it.py::test_one[1]"), same)
    tests = {**own, "test_b.py::test_one": same}

    found = find_current_proofs({"PM-1": replace(PROVEN, tests=tests), "PM-2": PROVEN}, tmp_path)

    assert [found[id].outdated for id in ("PM-1", "PM-2")] == [True, True]
    assert (
        find_current_proofs({"PM-3": replace(PROVEN, tests={})}, tmp_path)["PM-3"] == PROVEN.proof
    )


@pytest.mark.parametrize(
    ("fix", "patch", "kept", "outdated"),
    [
        (("3f2a91c",), None, "3f2a91c", False),
        (("3f2a91c0b7790eb9cf2eaa596ba401c422e2110a",), None, "3f2a91c", False),
        (("https://x.example/a/b/commit/3f2a91c0b7790eb",), None, "3f2a91c0b", False),
        (("3f2a91c", "77c01d2"), None, "3f2a91c0b, 77c01d2aa", False),
        (("3f2a91c...77c01d2",), None, "3f2a91c0b..77c01d2aa", False),
        ((), "docs/x.bug.patch", "x.bug.patch", False),
        ((), None, "3f2a91c", False),
        (("77c01d2",), None, "3f2a91c", True),
        (("3f2a91c", "77c01d2"), None, "3f2a91c", True),
        (("3f2a91c",), None, "3f2a91c, 77c01d2", True),
        (("3f2a91c",), None, "3f2a91c..77c01d2", True),
        (("main",), None, "main-2", True),
        ((), "docs/y.patch", "x.patch", True),
        ((), "docs/y.patch", "3f2a91c", True),
    ],
)
def test_a_proof_holds_as_long_as_its_fix_is_the_same(
    tmp_path: Path, fix: tuple[str, ...], patch: str | None, kept: str, outdated: bool
) -> None:
    """However long its hash is; one that a commit says itself is not asked for."""
    named = format_fix_name(Postmortem("PM-1", "Charged twice", fix=fix, patch=patch))
    own = StoredProof(PROVEN.proof._replace(fix=kept))

    found = find_current_proofs({"PM-1": own}, tmp_path, {"PM-1": named} if named else {})

    assert found["PM-1"].outdated is outdated


@pytest.mark.parametrize("verdict", VERDICTS)
def test_what_a_proof_says_is_not_said_of_other_tests(verdict: Any) -> None:
    """An outdated one neither proves nor shows that a test is hollow."""
    proof = Proof(verdict)

    assert proof.proven is verdict.startswith("proven")
    assert proof.hollow is (verdict == "not-proven")
    assert not proof._replace(outdated=True).proven
    assert not proof._replace(outdated=True).hollow
