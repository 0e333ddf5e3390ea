"""No exception of a parser reaches a user: whatever a file holds, there is one message about it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from conftest import report_of
from pytest_postmortem import proofs, registry
from pytest_postmortem.cli.main import main
from pytest_postmortem.errors import PostmortemError
from pytest_postmortem.model import Location, Postmortem
from pytest_postmortem.registry import LoadOptions, postmortem_text
from pytest_postmortem.registry.parsers import parse_data_text
from pytest_postmortem.registry.postmortem_text import add_document_details
from pytest_postmortem.registry.toml_scanner import UnexpectedSyntaxError, scan_toml_statements
from pytest_postmortem.reports.data import report_reader
from pytest_postmortem.scaffold.pytest_config import parse_pytest_settings

DIGITS = "9" * 4301
DEEP = 1200
"""Deeper than Python's own limit of recursion."""

ENTRIES: Mapping[str, str] = {
    "pm.yml": """
url_template: https://wiki.example.com/{id}
postmortems:
  - &first {id: PM-1, title: "A \\u00e9", date: 2026-03-02, tags: [a, b]}
  - <<: *first
    id: PM-2
    fix: [0123abc, {patch: fix.patch}]
    action_items:
      - {title: Add a limit, owner: billing, due: 2026-04-01}
  - id: PM-3
    test: exempt
    reason: |
      a text
      of two lines
""",
    "pm.json": """
{"prefix": "PM-", "postmortems": [
  {"id": 1, "title": "A \\u00e9", "date": "2026-03-02", "numbers": [1.5e3, -0, null, true]},
  {"id": "2", "fix": ["0123abc", {"patch": "fix.patch"}], "guarded_by": [{"type": "alert"}]}
]}
""",
    "pm.toml": """
prefix = "PM-"
[[postmortems]]
id = 1
title = \"""x
[[postmortems]]
\"""
date = 2026-03-02
[postmortems.extra]
list = [[1, 2.5], ["a"]]
[[postmortems]]
id = "2"  # [no.header]
at = 2026-03-02T10:00:00Z
inline = {a.b = 1, "c d" = true}
""",
}

DOCUMENTS: Mapping[str, str] = {
    "PM-1.md": "---\nid: PM-1\ntitle: A\n---\n# PM-1: A\n\nDate: 2026-03-02\n\n## Root cause\n\n"
    "The pool had no limit.\n\n## Action items\n\n- [ ] Add one (#12)\n\n| a | b |\n|---|---|\n",
    "PM-2.md": "+++\nid = 'PM-2'\ndate = 2026-03-02\n+++\n# A\n\nText `code` <b>\n",
    "PM-3.rst": ":id: PM-3\n:date: 2026-03-02\n\nTitle\n=====\n\n.. note:: x\n\n"
    "Root cause\n----------\n\na\n",
    "PM-4.yml": "title: A\nroot_cause: b\naction_items:\n  - {title: c, status: open}\n",
    "PM-5.json": '{"title": "A", "whys": ["a", "b"]}\n',
    "plain": "# PM-6: A\n\n* **Date**: 2026-03-02\n",
}

PIECES = (
    *('"', "'", "\\", "{", "}", "[", "]", "[[", ":", "- ", "=", ",", "\n", "\t", "#", "---\n"),
    *('"""', "'''", "<<: ", "&a ", "*a", "!!python/x ", "+++\n", "\\ud800", "\\U00110000", "%"),
    *("\x00", "\x1b", "\x85", "\u2028", "\ufeff", "\u202e", "0x" + "f" * 5000, DIGITS, "1e999"),
    *("[" * DEEP, "{" * DEEP, '{"a":' * DEEP, "a: {" * 200, "- " * DEEP, "> " * 500, "nan", "a.b"),
)
RAW = (b"\xff", b"\xed\xa0\x80", b"\xc3", b"\xef\xbb\xbf", b"\xff\xfe")


def mutated(text: str, chance: random.Random) -> bytes:
    """Return a text with a few changes anywhere, now and then in another encoding."""
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(text) + 1)
        end = min(len(text), place + chance.choice((0, 1, 3, 20)))
        piece = chance.choice((*PIECES, "", text[end : end + 30]))
        text = text[:place] + piece + text[end:]
    if chance.random() < 0.05:
        return text.encode(chance.choice(("utf-16", "utf-16-le", "utf-32")))
    data = text.encode()
    if chance.random() < 0.2:
        place = chance.randrange(len(data) + 1)
        data = data[:place] + chance.choice(RAW) + data[place:]
    return data


def read_registry(path: Path) -> None:
    """Load a registry as a run does, and keep what it holds."""
    registry.load_registry(
        [Location(path.name, path.parent)], path.parent, LoadOptions(cache=path.parent / "kept")
    )


def read_folder(path: Path) -> None:
    """Load a directory with one document as a run does, then read the document as a whole."""
    postmortem_text.read_document(path, path.name)
    add_document_details([Postmortem("PM-1", "It", path=path.name)], path.parent)
    registry.load_registry_with_problems([Location(".", path.parent)], path.parent)


def read_settings(path: Path) -> None:
    """Read pytest's settings as ``init`` does."""
    parse_pytest_settings(path.name, path.read_bytes())


def read_proofs(path: Path) -> None:
    """Read a file of proofs."""
    proofs.read_proofs_file(path)


def read_report(path: Path) -> None:
    """Read a report as ``combine`` and ``report`` do."""
    report_reader.read_report_file(path)


PROOFS = """{"format": 1, "proofs": {"PM-1": {"verdict": "proven", "day": "2026-03-02", "fix": "ab",
"reason": "", "way": "patch", "key": "k", "files": ["a.py"], "failing": 1, "further": 2,
"tests": {"t.py::t": {"verdict": "proven", "message": "m", "text": "t"}}}}}"""
JUNIT = """<?xml version="1.0"?><testsuites><testsuite name="a" tests="1"><testcase
classname="test_a" name="test_b" time="0.1"><properties><property name="postmortem" value="PM-1"/>
</properties><failure message="m">t</failure></testcase></testsuite></testsuites>"""

ENTRANCES: Mapping[str, tuple[Callable[[Path], None], str]] = {
    **{name: (read_registry, text) for name, text in ENTRIES.items()},
    **{name: (read_folder, text) for name, text in DOCUMENTS.items()},
    "pyproject.toml": (read_settings, '[tool.pytest.ini_options]\nmarkers = ["a: b"]\nx = 1\n'),
    "pytest.ini": (read_settings, "[pytest]\nmarkers =\n  a: b\nx = 1\n"),
    "proofs.json": (read_proofs, PROOFS),
    "junit.xml": (read_report, JUNIT),
    "report.json": (
        read_report,
        '{"format": 1, "points": [{"day": "2026-03-02", "linked": 1}], "commits": 1}',
    ),
}


@pytest.mark.parametrize("name", ENTRANCES)
def test_nothing_but_our_own_errors_leaves_a_parser(tmp_path: Path, name: str) -> None:
    """A hundred damaged files of each kind are read, or there is a message that says why not."""
    read, text = ENTRANCES[name]
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    read(path)
    chance = random.Random(name)

    for _ in range(100):
        path.write_bytes(mutated(text, chance))
        with suppress(PostmortemError):
            read(path)


HUGE = {
    "pm.toml": f"[[postmortems]]\nid = {DIGITS}\n",
    "hex/pm.toml": f"[[postmortems]]\nid = 0x{'f' * 4000}\n",
    "nested/pm.toml": f"a = {'[' * 5000}\n",
    "pm.yml": "[" * 100_000,
    "pm.json": "[" * 100_000,
}


@pytest.mark.parametrize("name", HUGE)
def test_what_no_parser_takes_is_one_message(
    tmp_path: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Numbers without end and brackets without end are told like any other broken file."""
    file = tmp_path / name.rpartition("/")[2]
    file.write_text(HUGE[name])
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npostmortem_registry = {file.name}\n")
    monkeypatch.chdir(tmp_path)

    assert main(["list"]) == 4

    first, remedy, see = capsys.readouterr().err.splitlines()
    assert first.startswith(f"Couldn't read registry '{file.name}'")
    assert remedy.strip()
    assert see.strip() == ("see `pytest-postmortem explain registry-syntax`")


def test_a_number_without_end_is_named_with_its_line(tmp_path: Path) -> None:
    """The message says what to do about it, not what Python's converter says."""
    (tmp_path / "pm.toml").write_text(HUGE["pm.toml"])

    with pytest.raises(PostmortemError) as caught:
        read_registry(tmp_path / "pm.toml")

    assert str(caught.value) == (
        "Couldn't read registry 'pm.toml', line 2: a number has thousands of digits\n"
        "  write it as a text, in quotes\n"
        "  see `pytest-postmortem explain registry-syntax`"
    )


def test_a_registry_that_was_only_found_warns(pytester: pytest.Pytester) -> None:
    """Front matter that no parser takes stops no test."""
    folder = pytester.path / "docs" / "postmortems"
    folder.mkdir(parents=True)
    (folder / "PM-1.md").write_text(f"+++\nviews = {DIGITS}\n+++\n# A\n")
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.postmortem("PM-1")
        def test_a():
            pass
        """
    )

    result = pytester.runpytest()

    assert result.ret == 0
    assert report_of(result)[:2] == [
        "1 warning:",
        "  docs/postmortems/PM-1.md:2: a number has thousands of digits; write it as a text,"
        " in quotes",
    ]


LINES = {
    "a string": ('title = """x\n[postmortems.PM-2]\n"""\n', 6),
    "a literal string": ("title = '''x\n[postmortems.PM-2]\n'''\n", 6),
    "an array": ('lists = [\n  ["postmortems"]\n]\n', 6),
    "a comment": ("# [postmortems.PM-2]\n", 4),
    "an escape": ('"\\u00e9[x]" = "a"\n', 4),
}


@pytest.mark.parametrize("case", LINES)
def test_a_toml_header_is_none_within_a_value(tmp_path: Path, case: str) -> None:
    """An entry has the line of its own header, whatever its neighbours quote."""
    between, line = LINES[case]
    path = tmp_path / "pm.toml"
    path.write_text(f"[postmortems.PM-1]\n{between}\n[postmortems.PM-2]\ntitle = 'b'\n")

    found = registry.load_registry([Location("pm.toml", tmp_path)], tmp_path)

    assert [(each.id, each.line) for each in found] == [("PM-1", 1), ("PM-2", line)]


def test_a_toml_header_of_a_list_is_none_within_a_text(tmp_path: Path) -> None:
    """A text that quotes the header of a further entry changes the line of none."""
    text = '[[postmortems]]\nid = \'PM-1\'\ntitle = """\n[[postmortems]]\n"""\n'
    (tmp_path / "pm.toml").write_text(f"{text}\n[[postmortems]]\nid = 'PM-2'\n")

    found = registry.load_registry([Location("pm.toml", tmp_path)], tmp_path)

    assert [(each.id, each.line) for each in found] == [("PM-1", 1), ("PM-2", 7)]


def test_a_table_within_an_entry_changes_the_line_of_none(tmp_path: Path) -> None:
    """Its header has the name of the list, and is no entry of it."""
    text = (
        "[[postmortems]]\nid = 'PM-1'\n[postmortems.extra]\na = 1\n\n[[postmortems]]\nid = 'PM-2'\n"
    )
    (tmp_path / "pm.toml").write_text(text)

    found = registry.load_registry([Location("pm.toml", tmp_path)], tmp_path)

    assert [(each.id, each.line) for each in found] == [("PM-1", 1), ("PM-2", 6)]


@pytest.mark.parametrize(
    "text", ["a", "= 1", "a =", "a = [1", "a = [1, {b = 2]", "[a", '"\\U000000e9" = 1', "[]"]
)
def test_what_the_scanner_of_toml_does_not_know_is_not_guessed(text: str) -> None:
    """Callers then leave the file as it is, or the lines of its entries unknown."""
    with pytest.raises((UnexpectedSyntaxError, ValueError)):
        list(scan_toml_statements(text))


def test_columns_of_one_name_are_a_list(tmp_path: Path) -> None:
    """A column without a name is left out, as is a cell that is empty."""
    (tmp_path / "pm.csv").write_text(
        "id,title,date,tags,tags,tags,\nPM-1,Login,2026-01-01,a,b,c,x\nPM-2,Mail,2026-01-02,a,,c,\n"
    )

    found = registry.load_registry([Location("pm.csv", tmp_path)], tmp_path)

    assert [(each.id, each.tags) for each in found] == [
        ("PM-1", ("a", "b", "c")),
        ("PM-2", ("a", "c")),
    ]
    assert not any(each.extra for each in found)


def test_brackets_and_escapes_in_json_strings_move_no_line(tmp_path: Path) -> None:
    """An entry has the line of its own brace, whatever its neighbours quote."""
    title = json.dumps('{[ \\" {" \\\\ \n [')
    text = f'[\n {{"id": "PM-1", "title": {title},\n "tags": ["{{"]}},\n\n {{"id": "PM-2"}}\n]'
    (tmp_path / "pm.json").write_text(text)

    found = registry.load_registry([Location("pm.json", tmp_path)], tmp_path)

    assert [(each.id, each.line) for each in found] == [("PM-1", 2), ("PM-2", 5)]


def test_brackets_in_strings_do_not_move_lines_of_json() -> None:
    """An entry of JSON has its line, even if a string before it has brackets."""
    text = '[\n{"id": "[[{"},\n{"id": "a \\\\\\" {", "tags": [\n"x"]},\n{"id": "b"}]'
    tree = parse_data_text(text, ".json", failed="", path="a.json")
    assert [entry.line for entry in tree] == [2, 3, 5]
