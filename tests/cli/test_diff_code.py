"""``pytest-postmortem diff --base``: marks that are not written out, and what only a run shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from repositories import git, write
from test_diff import LOST_ONE, NOTHING, ONE, REGISTRY, commit, compared, suite

__all__ = ["suite"]

MARKS = "import pytest\nlogin = pytest.mark.postmortem('PM-1')\n"
IMPORTED = "from .marks import login\n\n@login\ndef test_one(): pass\n"
COMPUTED = "import os, pytest\n@pytest.mark.postmortem(os.environ['ID'])\ndef test_one(): pass\n"
HOOK = (
    "import pytest\n\ndef pytest_itemcollected(item):\n"
    "    item.add_marker(pytest.mark.postmortem({}))\n"
)


@pytest.mark.parametrize(
    ("files", "note"),
    [
        (
            {"tests/test_one.py": COMPUTED},
            "2 incidents can't be compared: PM-1, PM-3 (tests/test_one.py:2: only a run"
            " shows what this links: @pytest.mark.postmortem(os.environ['ID']))",
        ),
        (
            {"tests/test_one.py": "def test_one(): pass\n", "conftest.py": HOOK.format("'pm-1'")},
            "1 incident can't be compared: PM-1 (conftest.py:4: only a run shows what this links:"
            " item.add_marker(pytest.mark.postmortem('pm-1')))",
        ),
        (
            {
                "tests/test_one.py": "def test_one(): pass\n",
                "pm.yml": REGISTRY.replace("id: PM-1", "id: PM-1, tests: ['tests/one.yaml::one']"),
                "tests/one.yaml": "one: 1\n",
            },
            "1 incident can't be compared: PM-1 (only a run shows whether tests/one.yaml::one"
            " exists)",
        ),
    ],
    ids=["computed", "conftest", "declared"],
)
def test_what_only_a_run_shows_is_not_lost(
    suite: Path, capsys: pytest.CaptureFixture[str], files: dict[str, str | None], note: str
) -> None:
    """A mark that was written out and is computed now can't be compared, which fails nothing."""
    write(suite, files)

    status, said = compared(capsys)

    assert (status, said.splitlines()[0]) == (0, note)
    assert "no longer guarded" not in said


@pytest.mark.parametrize(
    "unread",
    [{"conftest.py": HOOK.format("IDS[item.name]")}, {"tests/test_four.py": COMPUTED}],
    ids=["conftest", "computed"],
)
def test_what_was_not_read_before_either_explains_no_loss(
    suite: Path, capsys: pytest.CaptureFixture[str], unread: dict[str, str | None]
) -> None:
    """One mark that only a run can read does not hide that another one was removed."""
    write(suite, unread)
    commit(suite)
    git(suite, "branch", "--force", "main")
    write(suite, {"tests/test_one.py": "def test_one(): pass\n"})

    status, said = compared(capsys)

    lost = LOST_ONE.format(reason="tests/test_one.py::test_one has lost its marker")
    assert (status, said.splitlines()[:4]) == (1, lost.splitlines()[:4])


TABLE = "IDS = {'test_four': 'PM-2'}\n"
HOOKED = f"from tests.tables import IDS\n{HOOK.format('IDS[item.name]')}"
TAKEN = "import pytest\n{}\n@pytest.mark.postmortem(*IDS['x'])\ndef test_four(): pass\n"


@pytest.mark.parametrize(
    "unread",
    [
        {"conftest.py": HOOKED},
        {"tests/test_four.py": TAKEN.format("from tests.tables import IDS")},
        {"tests/test_four.py": TAKEN.format("from .tables import IDS")},
        {"tests/test_four.py": TAKEN.format("def f(): import tests.tables\nIDS = f()")},
        {"tests/test_four.py": TAKEN.format("IDS = pytest.importorskip('tests.tables').IDS")},
        {
            "tests/ids.py": "def ids():\n    from tests import tables\n    return tables.IDS\n",
            "tests/test_four.py": TAKEN.format("from tests.ids import ids\nIDS = ids()"),
        },
    ],
    ids=["conftest", "test", "relative", "later", "by a call", "through another"],
)
def test_an_id_that_moved_into_a_table_which_an_unread_place_imports_is_unknown(
    suite: Path, capsys: pytest.CaptureFixture[str], unread: dict[str, str | None]
) -> None:
    """The place itself is as it was, and may link what the table has now."""
    write(suite, {**unread, "tests/tables.py": TABLE, "tests/__init__.py": ""})
    commit(suite)
    git(suite, "branch", "--force", "main")
    write(suite, {"tests/test_one.py": "def test_one(): pass\n"})
    lost = compared(capsys)
    write(suite, {"tests/tables.py": TABLE.replace("{", "{'test_one': 'PM-1', ")})

    moved = compared(capsys)

    assert lost[0] == 1
    assert (moved[0], moved[1].splitlines()[-1]) == (0, f"{NOTHING.strip()} in what could be read")
    assert moved[1].startswith("2 incidents can't be compared: PM-1, PM-3 (")


DATA_HOOK = HOOK.format("json.load(open('tests/ids.json'))[item.name]").replace(
    "import pytest", "import json, pytest"
)


@pytest.mark.parametrize(("id", "status"), [("inc-1", 0), ("PM-11", 1)], ids=["alias", "longer"])
def test_an_id_that_moved_into_data_which_code_may_read_is_unknown(
    suite: Path, capsys: pytest.CaptureFixture[str], id: str, status: int
) -> None:
    """A conftest that reads the file is as it was; another id in the file explains nothing."""
    write(suite, {"conftest.py": DATA_HOOK, "tests/ids.json": '{"test_four": "PM-2"}'})
    commit(suite)
    git(suite, "branch", "--force", "main")
    data = json.dumps({"test_four": "PM-2", "test_one": id})
    write(suite, {"tests/test_one.py": "def test_one(): pass\n", "tests/ids.json": data})

    found, said = compared(capsys)

    unknown = "PM-1, PM-3 (only a run shows whether code reads its id from tests/ids.json"
    assert (found, unknown in said, "PM-1  Charged" in said) == (status, not status, bool(status))


def test_data_explains_no_loss_where_no_code_adds_marks_in_a_run(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without code that only a run explains, nothing reads an id from a file."""
    write(suite, {"tests/test_one.py": "def test_one(): pass\n", "tests/ids.json": '["PM-1"]'})

    status, said = compared(capsys)

    assert (status, "tests/test_one.py::test_one has lost its marker" in said) == (1, True)


UNPARSED = "1 file can't be read as Python: {}\n1 incident can't be compared: PM-1\n"


def test_a_helper_that_can_not_be_parsed_leaves_the_links_of_its_importers_unknown(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it gave to their tests before it may still give, once it is mended."""
    write(suite, {"tests/marks.py": MARKS, "tests/test_one.py": IMPORTED, "tests/__init__.py": ""})
    commit(suite)
    git(suite, "branch", "--force", "main")
    write(suite, {"tests/marks.py": f"{MARKS}\ndef (\n"})

    status, said = compared(capsys)

    assert (status, said.startswith(UNPARSED.format("tests/marks.py"))) == (3, True)


def test_an_id_that_moved_into_a_file_that_can_not_be_parsed_is_unknown(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The text of the file names the incident."""
    write(suite, {"tests/test_one.py": None, "tests/test_new.py": f"{ONE}\ndef (\n"})

    status, said = compared(capsys)

    assert (status, said.startswith(UNPARSED.format("tests/test_new.py"))) == (3, True)


DECLARED = REGISTRY.replace("id: PM-3", "id: PM-3, tests: ['tests/three.yaml::three']")
THREE = "tests/three.yaml"


@pytest.mark.parametrize("undeclared", [False, True])
def test_a_declared_test_of_another_collector_is_lost_with_its_file(
    suite: Path, capsys: pytest.CaptureFixture[str], undeclared: bool
) -> None:
    """What a file held only a run shows, and one that is gone holds nothing."""
    write(suite, {"pm.yml": DECLARED, THREE: "three: 3\n"})
    commit(suite)
    git(suite, "branch", "--force", "main")
    write(suite, {THREE: None, "pm.yml": REGISTRY if undeclared else DECLARED})

    assert compared(capsys) == (
        1,
        "No longer guarded:\n  PM-3  Gone mail\n"
        "        tests/three.yaml::three is deleted with its file\n1 no longer guarded\n",
    )


@pytest.mark.parametrize(
    ("files", "status", "first"),
    [
        (
            {
                "pm.yml": DECLARED.replace("three']", "three', 'tests/new.yaml::three']"),
                "tests/new.yaml": "three: 3",
            },
            0,
            "1 incident can't be compared: PM-3 (only a run shows whether"
            " tests/new.yaml::three exists)",
        ),
        ({"tests/test_three.py": ONE.replace("PM-1", "PM-3")}, 0, NOTHING.strip()),
        (
            {"pm.yml": REGISTRY.replace("id: PM-3", "id: PM-3, test: exempt, reason: no mail")},
            0,
            "Retired on purpose:",
        ),
    ],
    ids=["moved", "marked", "exempt"],
)
def test_a_declared_test_that_is_replaced_is_not_lost(
    suite: Path,
    capsys: pytest.CaptureFixture[str],
    files: dict[str, str | None],
    status: int,
    first: str,
) -> None:
    """By another file, by a test with a mark, or by a decision."""
    write(suite, {"pm.yml": DECLARED, THREE: "three: 3\n"})
    commit(suite)
    git(suite, "branch", "--force", "main")
    write(suite, {THREE: None, **files})

    found = compared(capsys)

    assert (found[0], found[1].splitlines()[0]) == (status, first)


@pytest.mark.parametrize(
    "files",
    [
        {"tests/marks.py": MARKS, "tests/test_one.py": IMPORTED},
        {"tests/test_one.py": ONE.replace('"PM-1"', "f'PM-{1}'")},
        {"tests/test_one.py": ONE.replace("def", "@pytest.mark.slow\ndef")},
    ],
    ids=["imported", "f-string", "other mark"],
)
def test_a_mark_may_be_written_in_another_way(
    suite: Path, capsys: pytest.CaptureFixture[str], files: dict[str, str | None]
) -> None:
    """What can be followed is compared."""
    write(suite, files)

    assert compared(capsys) == (0, NOTHING)


def test_a_mark_that_another_file_held_is_lost_with_it(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The test and its decorator are there, and the helper marks nothing any more."""
    write(suite, {"tests/marks.py": MARKS, "tests/test_one.py": IMPORTED})
    commit(suite)
    git(suite, "branch", "--force", "main")
    write(suite, {"tests/marks.py": "def login(function): return function\n"})

    assert compared(capsys) == (
        1,
        LOST_ONE.format(reason="tests/test_one.py::test_one has lost its marker"),
    )
