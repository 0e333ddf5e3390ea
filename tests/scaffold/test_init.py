"""``pytest-postmortem init``: what is there is found, and pytest is told about it, once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from projects import complaint, files
from pytest_postmortem.cli.main import main
from repositories import git

DATA = Path(__file__).parents[1] / "data"
MARKER = "postmortem(id, *ids): the test guards against these incidents"
QUOTED = f'"{MARKER}"'
INI = f"+postmortem_registry = docs/postmortems\n+markers = {MARKER}\n"
TOML = f'+postmortem_registry = ["docs/postmortems"]\n+markers = [{QUOTED}]\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository, in which commands are run."""
    git(tmp_path, "init", "--quiet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def with_one(folder: Path, place: str = "docs/postmortems") -> None:
    """Write a post-mortem."""
    (folder / place).mkdir(parents=True)
    (folder / place / "PM-0001-login-loop.md").write_text("# Login loop\n\nDate: 2026-03-02\n")


def diff_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the lines that a dry run would take away and add, each below its file."""
    assert main(["init", "--dry-run", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines(keepends=True)
    kept = (line for line in lines if line[0] in "+-" and not line.startswith("---"))
    return "".join(kept)


def test_an_empty_repository_gets_a_place_and_a_configuration(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The smallest that is natural, with the next step."""
    status = main(["init", "--yes"])

    assert status == 0
    assert files(project) == {
        "docs/postmortems/README.md": (
            "# Post-mortems\n\nOne file for each incident: what happened, why, and which test keeps"
            ' it from happening again.\n\n`pytest-postmortem new "what happened" --test tests/`'
            " begins the next one, with its test.\n"
        ),
        "pytest.ini": f"[pytest]\npostmortem_registry = docs/postmortems\nmarkers = {MARKER}\n",
    }
    said = capsys.readouterr().out
    assert said.startswith("no post-mortem was found here\n--- /dev/null\n+++ b/pytest.ini\n")
    assert said.endswith(
        "pytest.ini and docs/postmortems/README.md written\n"
        "Next:\n"
        '  begin a post-mortem: pytest-postmortem new "what happened" --test tests/\n'
        "  run pytest: the last lines say which incidents are guarded\n"
    )


def test_a_second_run_changes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever is not sure runs it again."""
    main(["init", "--yes"])
    before = files(project)
    capsys.readouterr()

    status = main(["init"])

    assert status == 0
    assert files(project) == before
    assert capsys.readouterr().out.startswith(
        "docs/postmortems: 0 post-mortems\nnothing is missing in pytest.ini\nNext:\n"
    )


def test_the_first_report_says_what_no_test_is_linked_to(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was found, what is set, what is open, and what to do next."""
    with_one(project)
    (project / ".github" / "workflows").mkdir(parents=True)

    main(["init", "--yes"])

    assert capsys.readouterr().out == (
        "docs/postmortems: 1 post-mortem\n"
        "--- /dev/null\n"
        "+++ b/pytest.ini\n"
        "@@ -0,0 +1,3 @@\n"
        "+[pytest]\n"
        f"{INI}"
        "pytest.ini written\n"
        "  PM-0001  Login loop\n"
        "1 incident: 1 not linked (read from the code; a run of pytest says what is guarded)\n"
        "Next:\n"
        '  mark the test that would have caught it: @pytest.mark.postmortem("PM-0001")\n'
        "  run pytest: the last lines say which incidents are guarded\n"
        "  in GitHub Actions (.github/workflows): pytest --postmortem-report=github\n"
    )


@pytest.mark.parametrize(
    ("name", "before", "diff"),
    [
        pytest.param(
            "pyproject.toml",
            '[project]\nname = "shop"\n\n[tool.ruff]\nline-length = 100\n',
            f"+\n+[tool.pytest.ini_options]\n{TOML}",
            id="no section yet",
        ),
        pytest.param(
            "pyproject.toml",
            '[tool.uv]\ndefault-groups = ["dev"]\n\n[tool.pytest.ini_options]\n'
            'testpaths = ["tests"]\nfilterwarnings = [\n    "error",\n]\n\n'
            "[tool.coverage.run]\nbranch = true\n",
            TOML,
            id="a table between others",
        ),
        pytest.param(
            "pyproject.toml",
            '[tool.pytest.ini_options]\naddopts = ["-ra", "--strict-markers"]\nmarkers = [\n'
            '    "slow: takes long",  # nightly\n    "net: needs the network",\n]\n\n[tool.x]\n',
            f'+    {QUOTED},\n+postmortem_registry = ["docs/postmortems"]\n',
            id="strict markers, one a line",
        ),
        pytest.param(
            "pyproject.toml",
            '[tool.pytest]\naddopts = ["-ra"]\nminversion = "9.0"\n',
            TOML,
            id="the table of pytest 9",
        ),
        pytest.param(
            "pyproject.toml",
            '[tool]\npytest.ini_options.addopts = "-ra"\nruff.line-length = 100\n',
            "".join(f"+pytest.ini_options.{line[1:]}" for line in TOML.splitlines(keepends=True)),
            id="dotted keys",
        ),
        pytest.param(
            "setup.cfg",
            "[metadata]\nname = shop\n\n[tool:pytest]\naddopts=--tb=short\ntestpaths = tests\n\n"
            "[flake8]\nignore = E501\n",
            INI,
            id="an old setup.cfg",
        ),
        pytest.param(
            "tox.ini",
            "[tox]\nenvlist = py310,py311\n\n[pytest]\n; ours\naddopts = -ra\n\n[testenv]\n",
            INI,
            id="a section of tox.ini",
        ),
        pytest.param(
            "pytest.ini",
            "[pytest]\npython_files=test_*.py __init__.py\npython_classes=\naddopts =\n"
            "    --assert=plain\n    # not ours\n    --ignore=docs/conf.py\n"
            "markers =\n    slow: takes long\n",
            f"+    {MARKER}\n+postmortem_registry=docs/postmortems\n",
            id="lines and comments",
        ),
        pytest.param(
            ".pytest.ini",
            "[pytest]\n",
            INI,
            id="hidden",
        ),
    ],
)
def test_shapes_of_configuration_change_by_what_they_should(
    name: str, before: str, diff: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the file that pytest reads already; and then pytest reads it."""
    with_one(project)
    (project / name).write_text(before, encoding="utf-8")

    shown = diff_of(capsys)
    main(["init", "--yes"])

    assert shown == f"+++ b/{name}\n{diff}"
    capsys.readouterr()
    main(["init", "--dry-run"])
    assert capsys.readouterr().err == "docs/postmortems: 1 post-mortem\nnothing is missing\n"


def test_line_ends_and_all_other_bytes_stay(project: Path) -> None:
    """A file from Windows is one afterwards."""
    with_one(project)
    before = '[tool.pytest.ini_options]\r\naddopts = "-ra" # käse\r\n\r\n[tool.x]\r\n'
    (project / "pyproject.toml").write_bytes(before.encode())

    main(["init", "--yes"])

    added = "".join(f"{line[1:]}\r\n" for line in TOML.splitlines())
    after = (project / "pyproject.toml").read_bytes().decode()
    assert after == before.replace("käse\r\n", f"käse\r\n{added}")


def test_of_several_files_the_one_counts_that_pytest_reads(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By pytest's own precedence."""
    (project / "tox.ini").write_text("[pytest]\n")
    (project / "setup.cfg").write_text("[tool:pytest]\n")
    (project / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "-ra"\n')

    assert diff_of(capsys).startswith("+++ b/pyproject.toml\n")
    assert diff_of(capsys, "-c", "tox.ini").startswith("+++ b/tox.ini\n")


@pytest.mark.parametrize(
    ("collection", "place", "size"),
    [
        ("dir_pm_prefix", "docs/incident-reports", 5),
        ("dir_dated_h1", "docs/source/incident-reports", 4),
        ("dir_yaml_per_incident", "incidents", 2),
        ("dir_srebook_table", "Documentation/postmortems", 2),
        ("dir_dated_nested", "docs/post-mortems", None),
    ],
)
def test_collections_in_other_places_are_found(
    collection: str,
    place: str,
    size: int | None,
    project: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A name that says so, and documents in it."""
    shutil.copytree(DATA / collection, project / place)

    assert diff_of(capsys).startswith(
        f"+++ b/pytest.ini\n+[pytest]\n+postmortem_registry = {place}\n"
    )
    main(["init", "--yes"])
    said = capsys.readouterr().out
    count = len([line for line in said.splitlines() if line.startswith(f"{place}: ")])
    assert count == 1
    if size is not None:
        assert said.startswith(f"{place}: {size} post-mortems\n")


def test_of_several_collections_the_largest_is_taken_and_the_others_told(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody knows whether they are another language, or another kind."""
    shutil.copytree(DATA / "dir_srebook_table", project / "outages")
    shutil.copytree(DATA / "dir_pm_prefix", project / "docs" / "incident-reports")

    main(["init", "--dry-run"])

    assert capsys.readouterr().err == (
        "docs/incident-reports: 5 post-mortems\n"
        "outages: looks like 2 post-mortems, left alone"
        " (postmortem_registry may name it as well)\n"
        "nothing was written\n"
    )


@pytest.mark.parametrize(
    "place", ["tests/incidents", "src/incidents", ".hidden/incidents", "incident"]
)
def test_a_folder_of_code_or_of_test_data_is_no_collection(
    place: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An application about incidents has such folders too."""
    (project / place).mkdir(parents=True)
    (project / place / "login.md").write_text("# Login loop\n")
    (project / place / "__init__.py").touch()

    assert "+postmortem_registry = docs/postmortems\n" in diff_of(capsys)


SUITE = (
    "import pytest\n\n\n@pytest.mark.issue(12)\ndef test_a(): pass\n\n\n"
    "@pytest.mark.issue(13)\n@pytest.mark.skip(reason='slow')\ndef test_b(): pass\n\n\n"
    "@pytest.mark.timeout(30)\n@pytest.mark.testcase('TC-1')\n@pytest.mark.bug\n"
    "def test_c(): pass\n"
)


@pytest.mark.parametrize(
    ("origin", "template"),
    [
        ("git@github.com:o/shop.git", "https://github.com/o/shop/issues/{id}"),
        ("https://me@github.com/o/shop", "https://github.com/o/shop/issues/{id}"),
        ("https://gitlab.com/g/s/shop.git", "https://gitlab.com/g/s/shop/-/issues/{id}"),
    ],
)
def test_marks_that_name_the_tracker_are_used_as_they_are(
    origin: str, template: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A suite joins with no edit; the tracker is where the repository comes from."""
    git(project, "remote", "add", "origin", origin)
    (project / "test_it.py").write_text(SUITE)

    shown = diff_of(capsys)

    assert shown == (
        f"+++ b/pytest.ini\n+[pytest]\n+postmortem_url_template = {template}\n"
        f"+postmortem_markers = issue\n+markers = {MARKER}\n"
    )
    main(["init", "--yes"])
    assert (
        "2 incidents: 2 linked (1 skipped) (read from the code; a run of pytest says what is"
        " guarded)\n"
    ) in capsys.readouterr().out
    assert diff_of(capsys) == ""


def test_marks_whose_ids_the_registry_knows_are_used(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And others are left alone, which is said."""
    (project / "postmortems.yml").write_text("- {id: 12, title: Login loop}\n")
    (project / "test_it.py").write_text(SUITE)
    (project / "test_more.py").write_text(
        "import pytest\n\n\n@pytest.mark.ticket('T-1')\ndef test_a(): pass\n"
    )

    main(["init", "--dry-run"])

    said = capsys.readouterr()
    assert "+postmortem_markers = issue\n" in said.out
    assert said.err == (
        "postmortems.yml: 1 post-mortem\n"
        "@pytest.mark.issue: 2 ids, 1 in the registry\n"
        "@pytest.mark.ticket: 1 id; left alone, as none of them is in the registry\n"
        "nothing was written\n"
    )


def test_further_marks_of_a_setting_that_is_there_are_told(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What somebody has set is theirs to change."""
    with_one(project)
    (project / "pytest.ini").write_text("[pytest]\npostmortem_markers = issue\nmarkers = bug: x\n")
    (project / "test_it.py").write_text(
        "import pytest\n\n@pytest.mark.bug('PM-0001', 'B-2')\ndef test_a(): pass\n"
    )

    assert main(["init", "--dry-run"]) == 0

    said = capsys.readouterr()
    assert (
        "@pytest.mark.bug: 2 ids, 1 in the registry; add 'bug' to postmortem_markers\n" in said.err
    )
    assert "+postmortem_markers" not in said.out


def test_marks_of_a_tracker_that_is_not_known_are_left_alone(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What their numbers mean is for the team to say."""
    (project / "test_it.py").write_text(SUITE)

    assert "postmortem_markers" not in diff_of(capsys)
    main(["init", "--yes"])
    assert (
        "@pytest.mark.issue: 2 ids; left alone, as their meaning is unknown\n"
    ) in capsys.readouterr().out


def test_marks_that_hold_more_than_numbers_are_left_alone(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their links would lead nowhere."""
    git(project, "remote", "add", "origin", "https://github.com/o/shop")
    more = "@pytest.mark.issue('https://github.com/o/shop/issues/7', 'PROJ-x', 'PROJ-y', None)\n"
    (project / "test_it.py").write_text(SUITE.replace("@pytest.mark.bug\n", more))

    main(["init", "--dry-run"])

    said = capsys.readouterr()
    assert "url_template" not in said.out
    assert said.err.startswith(
        "@pytest.mark.issue: 5 ids; left alone, as only 3 of them are plain numbers of a tracker\n"
    )


def test_a_registry_above_the_rootdir_is_named_from_the_configuration_file(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The packages of one repository share it."""
    with_one(project)
    package = project / "packages" / "shop"
    package.mkdir(parents=True)
    (package / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(package)

    assert "+postmortem_registry = ../../docs/postmortems\n" in diff_of(capsys)


def test_what_is_configured_stays(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the marker is missing, and the registry is what somebody chose."""
    with_one(project)
    with_one(project, "elsewhere")
    (project / "pytest.ini").write_text("[pytest]\npostmortem_registry = elsewhere\n")

    assert diff_of(capsys) == f"+++ b/pytest.ini\n+markers = {MARKER}\n"


def test_a_configuration_outside_of_the_repository_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's file, which pytest takes for lack of another."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "own").mkdir()
    git(tmp_path / "own", "init", "--quiet")
    monkeypatch.chdir(tmp_path / "own")

    assert main(["init", "--yes"]) == 2

    path = str(tmp_path / "pytest.ini")
    assert complaint(capsys) == (
        f"Couldn't set up: pytest is configured by {path!r}, which is outside of this repository"
        "\n  make a pytest.ini of its own, which may be empty"
    )
    assert files(tmp_path) == {"pytest.ini": "[pytest]\n"}


def test_post_mortems_that_can_not_be_read_are_told_before_they_are_configured(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Configured, they would end each run."""
    (project / "postmortems.yml").write_text("- {title: no id}\n")

    assert main(["init", "--yes"]) == 4

    assert "postmortems.yml" in complaint(capsys)
    assert list(files(project)) == ["postmortems.yml"]


def test_a_place_that_can_not_be_read_is_not_configured(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each run would end with it."""
    (project / "docs").mkdir()
    (project / "docs" / "postmortems").write_text("ours\n")

    assert main(["init", "--yes"]) == 2

    assert complaint(capsys) == (
        "Couldn't set up 'docs/postmortems': it is not a folder, but the place for post-mortems\n"
        "  rename it, or name another place in postmortem_registry"
    )
    assert list(files(project)) == ["docs/postmortems"]


def test_a_folder_of_code_with_a_broken_document_is_not_configured(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is not found as a collection, but it is where the first post-mortem would go."""
    with_one(project)
    (project / "docs" / "postmortems" / "__init__.py").touch()
    (project / "docs" / "postmortems" / "b.md").write_text("---\na: [\n---\n")

    assert main(["init", "--yes"]) == 4

    assert "'docs/postmortems/b.md'" in complaint(capsys)
    assert not (project / "pytest.ini").exists()


def test_lines_of_which_the_place_is_not_sure_are_for_the_reader(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are shown, and nothing is written."""
    with_one(project)
    before = "[tool.pytest.ini_options]\nmarkers = ['slow']\n[tool.x]\n\"\\U0001F600\" = 1\n"
    (project / "pyproject.toml").write_text(before, encoding="utf-8")

    status = main(["init", "--yes"])

    assert status == 2
    assert capsys.readouterr() == (
        "",
        "Couldn't change 'pyproject.toml': its layout is not supported\n"
        "  add them by hand to [tool.pytest.ini_options]:\n"
        '  postmortem_registry = ["docs/postmortems"]\n'
        "  and to its markers:\n"
        f"  {QUOTED}\n"
        "  see `pytest-postmortem explain setting-by-hand`\n",
    )
    assert (project / "pyproject.toml").read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("name", "data", "cause"),
    [
        ("pytest.ini", "[pytest]\n".encode("utf-16"), "its configuration file is not UTF-8"),
        (
            "setup.cfg",
            b"[pytest]\n",
            "[pytest] section in setup.cfg files is no longer supported,"
            " change to [tool:pytest] instead.",
        ),
    ],
)
def test_a_configuration_that_pytest_refuses_is_one_message(
    name: str, data: bytes, cause: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback of pytest's, where pytest itself has one."""
    (project / name).write_bytes(data)

    assert main(["init", "--yes"]) == 2

    assert complaint(capsys) == (
        f"Couldn't configure pytest: {cause}\n  run `pytest --collect-only` and fix its error"
    )


def test_a_file_that_can_not_be_written_is_one_message(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then nothing is written at all."""
    (project / "docs").write_text("no folder")

    assert main(["init", "--yes"]) == 2

    assert capsys.readouterr().err.startswith("Couldn't write 'docs/postmortems/README.md': ")
    assert list(files(project)) == ["docs"]


def test_without_a_terminal_nobody_is_asked(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is written that nobody agreed to."""
    with open(os.devnull, encoding="utf-8") as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        status = main(["init"])

    assert status == 2
    assert capsys.readouterr().err == (
        "Couldn't ask for a yes: standard input is not a terminal; nothing was written\n"
        "  give --yes to write it, or --dry-run to see it alone\n"
        "  see `pytest-postmortem explain setting`\n"
    )
    assert files(project) == {}


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
@pytest.mark.parametrize(
    ("answer", "status", "written"),
    [
        (b"\n", 0, True),
        (b"yes\n", 0, True),
        (b"n\n", 1, False),
        (b"\x04", 1, False),
        (b"\x03", 1, False),
    ],
)
def test_at_a_terminal_it_asks(answer: bytes, status: int, written: bool, project: Path) -> None:
    """Having shown what it would write."""
    import fcntl
    import pty
    import termios

    def own_terminal() -> None:
        """Let Ctrl-C reach whoever reads from this terminal."""
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pytest_postmortem", "init"]
    with subprocess.Popen(
        command,
        cwd=project,
        stdin=theirs,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=own_terminal,
    ) as done:
        assert done.stdout is not None
        out = ""
        while not out.endswith("Write this? [Y/n] "):
            out += done.stdout.read(1) or pytest.fail(out)
        for _ in range(30):
            os.write(ours, answer)
            try:
                out += done.communicate(timeout=2)[0]
                break
            except subprocess.TimeoutExpired:
                continue  # a signal that came just before the question was read from
        done.kill()
    os.close(ours)
    os.close(theirs)

    assert done.returncode == status
    assert (project / "pytest.ini").exists() is written
    assert ("nothing was written\n" in out) is not written


def test_the_links_of_allure_and_the_cases_of_testrail_are_marks(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their decorators set marks under names that no code has."""
    (project / "postmortems.yml").write_text("- id: PROJ-1\n- id: C2\n")
    (project / "test_it.py").write_text(
        "import allure\n"
        "from pytest_testrail.plugin import pytestrail\n\n\n"
        '@allure.issue("https://tracker.example/browse/PROJ-1")\ndef test_a(): pass\n\n\n'
        '@pytestrail.case("C2", "C3")\n@pytestrail.defect("PROJ-1")\ndef test_b(): pass\n'
    )

    main(["init", "--dry-run"])

    printed, found = capsys.readouterr()
    words = " ".join(printed.replace("+", "").split())
    assert "postmortem_markers = testrail allure_link testrail_defects" in words
    assert "@pytest.mark.testrail: 2 ids, 1 in the registry\n" in found
