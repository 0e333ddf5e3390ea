"""``pytest-postmortem check``: marks, registry and documents, by reading them alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_postmortem.cli.main import main
from pytest_postmortem.lint.rules import LINT_RULES
from repositories import git, write
from server import Reply, Server

pytestmark = pytest.mark.usefixtures("few_lint_rules")

REGISTRY = """\
- {id: PM-1, title: Charged twice, date: 2026-01-10, tests: ['tests/test_a.py::test_one']}
- {id: PM-2, title: Login loop, date: 2026-02-20}
"""

SUITE = """\
import pytest
@pytest.mark.postmortem("PM-1")
def test_one(): pass
@pytest.mark.postmortem("PM-2")
def test_two(): pass
"""

DOCUMENT = """\
# PM-3: Gone mail
## Root cause
Human error.
## Action items
None.
"""

CLEAN = "Nothing wrong in 2 post-mortems and 1 test file\n"
HUMAN = (
    "pm/PM-3.md:3: warning: 'Human error' is not a root cause; write why it was "
    "reasonable at the time, and why no check caught it [cause-person]\n"
)
UNTESTED = (
    "pm/PM-3.md:1: warning: PM-3 has no regression test; mark one with "
    '@pytest.mark.postmortem("PM-3"), or exempt it with a reason [test-missing]\n'
)


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Path:
    """A clean suite with a registry, outside of any repository, whose tests can't be imported."""
    write(
        pytester.path,
        {
            "tox.ini": "[pytest]\npostmortem_registry = pm.yml\n",
            "pm.yml": REGISTRY,
            "tests/test_a.py": SUITE,
            "tests/conftest.py": "import no_such_module\n",
        },
    )
    return pytester.path


def checked(
    capsys: pytest.CaptureFixture[str], *arguments: str, error: str = ""
) -> tuple[int, str]:
    """Return the exit status and the output of a check, whose stderr is as expected."""
    status = main(["check", *arguments])
    said = capsys.readouterr()
    assert said.err == error
    return status, said.out


def with_documents(folder: Path) -> None:
    """Add a directory of documents to the registry of a suite."""
    write(
        folder,
        {
            "tox.ini": "[pytest]\npostmortem_registry =\n    pm.yml\n    pm\n",
            "pm/PM-3.md": DOCUMENT,
        },
    )


def test_what_is_clean_is_said_to_be(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is run, and no repository is needed."""
    assert checked(capsys) == (0, CLEAN)
    assert checked(capsys, "--strict") == (0, CLEAN)


def test_every_mark_is_checked_at_its_own_line(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unknown ids with the nearest one, bad marks with the right form; each once."""
    code = """
import pytest
mark = pytest.mark.postmortem

@mark("PM-1", "PM-22")
@pytest.mark.parametrize("n", [1, pytest.param(2, marks=mark("PM-9"))])
def test_it(n): pass

@mark
@mark(["PM-1"], ticket=3)
class TestIt:
    @mark("")
    def test_a(self): pass
    def test_b(self): pass

@mark(find_id())
@mark(f"PM-{n}", **more)
@pytest.mark.issue("PM-44")
def test_computed(): pass
"""
    write(suite, {"tests/test_marks.py": code})
    form = 'write @pytest.mark.postmortem("PM-123")'
    marker = "@pytest.mark.postmortem"

    assert checked(capsys) == (
        1,
        "tests/test_marks.py:5: error: unknown post-mortem 'PM-22'; did you mean 'PM-2'?"
        " [unknown-id]\n"
        "tests/test_marks.py:6: error: unknown post-mortem 'PM-9'; correct the id,"
        " or add the post-mortem to the registry"
        " [unknown-id]\n"
        f"tests/test_marks.py:9: error: {marker} names no post-mortem; {form} [bad-marker]\n"
        f"tests/test_marks.py:10: error: {marker}(['PM-1']) names no id but a list; {form}"
        " [bad-marker]\n"
        f"tests/test_marks.py:10: error: {marker}(ticket=...) is not known; ids are positional:"
        f" {form} [bad-marker]\n"
        f"tests/test_marks.py:12: error: {marker}('') names an empty id; {form} [bad-marker]\n"
        "6 errors in 2 post-mortems and 2 test files\n",
    )


@pytest.mark.parametrize(
    ("unknown", "status", "severity"), [("error", 1, "error"), ("warn", 0, "warning")]
)
def test_an_unknown_id_is_as_grave_as_configured(
    suite: Path, capsys: pytest.CaptureFixture[str], unknown: str, status: int, severity: str
) -> None:
    """Foreign marks are never complained of."""
    ini = "[pytest]\npostmortem_registry = pm.yml\npostmortem_markers = issue\n"
    write(suite, {"tox.ini": f"{ini}postmortem_unknown = {unknown}\n"})
    code = SUITE.replace('"PM-2"', '"PM-7"').replace("def test_one", "@pytest.mark.issue(4)\ndef x")
    write(suite, {"tests/test_b.py": code})

    found, said = checked(capsys)

    assert (found, said.splitlines()[0]) == (
        status,
        f"tests/test_b.py:5: {severity}: unknown post-mortem 'PM-7'; correct the id, or add"
        " the post-mortem to the registry"
        " [unknown-id]",
    )


def test_an_id_may_be_anything_where_a_team_says_so(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then nothing is left open either."""
    ini = "[pytest]\npostmortem_registry = https://127.0.0.1:9/pm\npostmortem_unknown = ignore\n"
    write(suite, {"tox.ini": ini})

    assert checked(capsys) == (0, "Nothing wrong in 0 post-mortems and 1 test file\n")


def test_a_broken_registry_is_found_whole_and_stops_nothing(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of it is said at once; what can't be read may hold an id that seems unknown."""
    ini = "[pytest]\npostmortem_registry =\n    pm.yml\n    gone.yml\n    pm\n"
    broken = f"{REGISTRY}- {{title: no id}}\n- {{id: PM-5, until: soon}}\n"
    write(suite, {"tox.ini": ini, "pm.yml": broken, "pm/PM-3.md": "---\n- [\n---\n# It\n"})
    write(suite, {"tests/test_b.py": SUITE.replace("PM-2", "PM-3")})

    status, said = checked(capsys)

    assert (status, [line.partition(": ")[0] for line in said.splitlines()[:-1]]) == (
        1,
        ["gone.yml", "pm.yml:3", "pm.yml:4", "pm.yml:4", "pm/PM-3.md:2", "tests/test_b.py:4"],
    )
    assert said.splitlines()[1] == (
        "pm.yml:3: error: the entry after PM-2 has no 'id'; every post-mortem needs an 'id'"
        " [registry-field]"
    )
    assert said.splitlines()[5] == (
        "tests/test_b.py:4: warning: unknown post-mortem 'PM-3'; it may "
        "exist all the same, as the registry is partial: pm.yml can't be read as a whole; "
        "gone.yml can't be read as a whole; pm/PM-3.md can't be read as a whole [unknown-id]"
    )


def test_a_registry_that_was_found_is_checked_as_well(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run would only warn of it; here somebody asks."""
    write(suite, {"tox.ini": "[pytest]\n", "pm.yml": None, "postmortems.yml": "- {title: x}\n"})

    status, said = checked(capsys)

    assert (status, said.splitlines()[0]) == (
        1,
        "postmortems.yml:1: error: the first entry has no 'id'; every post-mortem needs an 'id'"
        " [registry-field]",
    )


@pytest.mark.parametrize(
    ("nodeid", "found"),
    [
        ("tests/test_a.py", True),
        ("tests", True),
        ("tests/test_a.py::test_two[x]", True),
        ("tests/notes.txt::notes.txt", True),
        ("tests/test_2.py::test_python_2", True),
        ("tests/test_b.py::test_two", False),
        ("tests/test_a.py::test_twoo", False),
        ("tests/test_a.py::TestA::test_two", False),
        ("tests/" + "x" * 300 + ".py::test_a", False),
        ("tests/\\0.py::test_a", False),
    ],
)
def test_a_test_that_the_registry_names_has_to_be_there(
    suite: Path, capsys: pytest.CaptureFixture[str], nodeid: str, found: bool
) -> None:
    """What the code certainly lacks is an error at the entry."""
    entry = f'- id: PM-3\n  tests: ["{nodeid}"]\n'
    write(suite, {"pm.yml": REGISTRY + entry, "tests/notes.txt": "", "tests/test_2.py": "print 1"})

    status, said = checked(capsys, "pm.yml")

    errors = [line for line in said.splitlines() if "unknown-test" in line]
    assert status == (0 if found else 1)
    assert [line.partition(" declares")[0] for line in errors] == (
        [] if found else ["pm.yml:3: error: PM-3"]
    )


def test_the_message_for_a_test_that_is_gone(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what to do."""
    write(suite, {"tests/test_a.py": SUITE.replace("test_one", "test_once")})

    assert checked(capsys) == (
        1,
        "pm.yml:1: error: PM-1 declares the test 'tests/test_a.py::test_one', which is not in "
        "the code; correct the node id, or remove it [unknown-test]\n"
        "1 error in 2 post-mortems and 1 test file\n",
    )


def test_warnings_of_the_lint_fail_only_a_strict_check(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A document is read as a whole, and its tests are those that the code marks."""
    with_documents(suite)
    said = f"{UNTESTED}{HUMAN}2 warnings in 3 post-mortems and 1 test file\n"

    assert checked(capsys) == (0, said)
    assert checked(capsys, "--strict") == (1, said)


def test_only_the_given_files_are_told_of_but_against_all(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a pre-commit hook gives them: tests, documents, registries, folders, and other files."""
    with_documents(suite)
    write(suite, {"tests/test_b.py": SUITE.replace("PM-2", "PM-3"), "setup.py": "", "a.txt": ""})
    write(suite, {"tests/test_c.py": SUITE.replace("PM-2", "PM-0"), "other.py": SUITE + "(\n"})
    unknown = "tests/test_c.py:4: error: unknown post-mortem 'PM-0'; correct the id, or add"
    unknown += " the post-mortem to the registry"
    only_c = f"{unknown} [unknown-id]\n1 error in 0 post-mortems and "

    assert checked(capsys, "tests/test_c.py") == (1, f"{only_c}1 test file\n")
    assert checked(capsys, "tests/test_a.py", "tests/test_c.py") == (1, f"{only_c}2 test files\n")
    assert checked(capsys, "tests") == (1, f"{only_c}3 test files\n")
    assert checked(capsys, "pm/PM-3.md") == (
        0,
        f"{HUMAN}1 warning in 1 post-mortem and 0 test files\n",
    )
    assert checked(capsys, "pm") == checked(capsys, "pm/PM-3.md")
    assert checked(capsys, "pm.yml", "a.txt") == (
        0,
        "Nothing wrong in 2 post-mortems and 0 test files\n",
    )
    assert checked(capsys, "setup.py") == (0, "Nothing wrong in 0 post-mortems and 1 test file\n")


def test_a_file_is_given_from_where_one_stands(
    suite: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paths of findings begin at the rootdir."""
    write(suite, {"tests/test_c.py": SUITE.replace("PM-2", "PM-0")})
    monkeypatch.chdir(suite / "tests")

    status, said = checked(capsys, "test_c.py")

    assert (status, said[:24]) == (1, "tests/test_c.py:4: error")


def test_a_suite_elsewhere_is_checked_by_its_own_configuration(
    suite: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Its rootdir is where pytest finds it for these files."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    write(suite, {"tests/test_c.py": SUITE.replace("PM-2", "PM-0")})

    status, said = checked(capsys, str(suite / "tests" / "test_c.py"))

    assert (status, said[:24]) == (1, "tests/test_c.py:4: error")


@pytest.mark.parametrize(
    "setting",
    [
        "addopts = --no-such-option",
        "required_plugins = pytest-no-such-plugin",
        "filterwarnings =\n    error\n    error::no_such_module.SomeWarning",
        "strict_config = true\nno_such_option = 1",
        "addopts = --strict-config\nno_such_option = 1",
    ],
)
def test_no_dependency_of_the_suite_is_needed(
    suite: Path, capsys: pytest.CaptureFixture[str], setting: str
) -> None:
    """A hook has an environment of its own, and what is configured for others is not there."""
    ini = (suite / "tox.ini").read_text()
    write(suite, {"tox.ini": f"{ini}{setting}\n"})

    assert checked(capsys) == (0, CLEAN)


def test_a_registry_elsewhere_is_given_to_the_suite_that_one_stands_in(
    suite: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands in no file here is shown at the configuration."""
    write(suite, {"own/tox.ini": "[pytest]\npostmortem_registry = ../empty.yml\n"})
    write(suite, {"empty.yml": "[]\n"})
    git(suite / "own", "init", "--quiet")
    monkeypatch.chdir(suite / "own")
    empty = "../empty.yml: warning: it has no post-mortem; write the first, or correct "

    status, said = checked(capsys, "../empty.yml")

    assert (status, said.startswith(empty)) == (0, True)
    assert checked(capsys, "--report=gitlab")[1].count('"path": "tox.ini"') == 1


def test_a_folder_that_is_gone_is_wrong_use(
    suite: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one stands in it."""
    (suite / "gone").mkdir()
    monkeypatch.chdir(suite / "gone")
    (suite / "gone").rmdir()

    assert main(["check", str(suite / "pm.yml")]) == 2

    assert capsys.readouterr().err.startswith("Couldn't configure pytest: ")


def test_a_plugin_that_can_not_be_loaded_is_wrong_use(
    suite: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any error of its import is named by its type and its first line."""
    (suite / "broken_plugin.py").write_text("raise ValueError('old name\\nuse the new one')\n")
    monkeypatch.syspath_prepend(str(suite))
    monkeypatch.setenv("PYTEST_PLUGINS", "broken_plugin")

    assert main(["check", str(suite / "pm.yml")]) == 2

    assert capsys.readouterr().err == (
        "Couldn't configure pytest: a plugin can't be loaded: ValueError: old name\n"
        "  run `pytest --collect-only` and fix its error\n"
        "  see `pytest-postmortem explain setting`\n"
    )


def test_files_that_are_not_there_are_wrong_use(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of them are named."""
    told = "".join(
        f"Couldn't check '{name}': it is not there\n"
        "  correct the path, or leave it out\n"
        "  see `pytest-postmortem explain setting`\n"
        for name in ("a.py", "b/c.md")
    )

    assert checked(capsys, "a.py", "pm.yml", "b/c.md", error=told) == (2, "")


@pytest.mark.parametrize("location", ["https://127.0.0.1:9/pm", "github:owner/repo"])
def test_a_registry_elsewhere_is_not_asked_and_its_ids_are_left_open(
    suite: Path, capsys: pytest.CaptureFixture[str], location: str
) -> None:
    """What can be checked is; a file whose marks name nothing leaves nothing open."""
    write(suite, {"tox.ini": f"[pytest]\npostmortem_registry = {location}\n"})
    write(suite, {"tests/test_b.py": "def test_b(): pass\n"})

    assert checked(capsys) == (
        3,
        f"not judged: 2 ids not checked: {location} is not asked here, "
        "`pytest-postmortem sync` keeps a copy\n"
        "Nothing wrong in 0 post-mortems and 2 test files\n",
    )
    assert checked(capsys, "tests/test_b.py")[0] == 0


def test_nothing_is_fetched(
    suite: Path, capsys: pytest.CaptureFixture[str], server: Server
) -> None:
    """Not even from a server that is there."""
    server.on("/pm", Reply([]))
    write(suite, {"tox.ini": f"[pytest]\npostmortem_registry = {server.url}/pm\n"})

    status, _ = checked(capsys)

    assert (status, server.paths()) == (3, [])


@pytest.mark.parametrize(
    ("ini", "status", "left"),
    [
        ("", 3, "not judged: 2 ids not checked: no registry is configured\n"),
        ("postmortem_url_template = https://example.com/{id}\n", 0, ""),
    ],
)
def test_without_a_registry_ids_are_left_open_unless_they_are_the_incidents(
    suite: Path, capsys: pytest.CaptureFixture[str], ini: str, status: int, left: str
) -> None:
    """A library whose tests name its tracker's issues has no other registry."""
    write(suite, {"tox.ini": f"[pytest]\n{ini}", "pm.yml": None})

    assert checked(capsys) == (status, f"{left}Nothing wrong in 0 post-mortems and 1 test file\n")


@pytest.mark.parametrize("arguments", [(), ("--collect",)])
@pytest.mark.parametrize("tests", [None, "def test_one(): pass\n"])
def test_where_there_is_nothing_to_check_that_is_said(
    suite: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], tests: str | None
) -> None:
    """The wrong folder, or a setting that is not read, would else pass for ever."""
    nothing = dict.fromkeys(("tox.ini", "pm.yml", "tests/conftest.py"))
    write(suite, {**nothing, "tests/test_a.py": tests})
    told = (
        "Couldn't check anything: the project has neither a registry nor a marked test\n"
        "  run it where the tests are, or set postmortem_registry\n"
        "  see `pytest-postmortem explain setting`\n"
    )

    assert checked(capsys, *arguments, error=told) == (2, "")


def test_a_hook_with_files_that_concern_nobody_passes(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a registry and without; elsewhere nothing is found in a folder without anything."""
    write(suite, {"src/a.txt": "a\n", "lib/b.py": "b = 1\n"})
    nothing = "Nothing to check: no post-mortem and no test file\n"

    assert checked(capsys, "src/a.txt", "src") == (0, nothing)
    write(suite, {"tox.ini": None, "pm.yml": None, "tests/test_a.py": None})
    assert checked(capsys, "src/a.txt") == (0, nothing)
    assert checked(capsys, "lib/b.py")[0] == 0


def test_a_registry_elsewhere_is_left_open_even_if_nothing_is_marked(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its post-mortems are not read."""
    ini = "[pytest]\npostmortem_registry = github:owner/repo\n"
    write(suite, {"tox.ini": ini, "tests/test_a.py": "def test_a(): pass\n"})

    assert checked(capsys) == (
        3,
        "not judged: github:owner/repo is not asked here, "
        "`pytest-postmortem sync` keeps a copy\n"
        "Nothing wrong in 0 post-mortems and 1 test file\n",
    )


def test_a_file_that_is_no_python_is_left_open(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """If it can hold a mark at all."""
    write(suite, {"tests/test_b.py": SUITE + "print 1\n", "tests/test_c.py": "print 1\n"})

    assert checked(capsys) == (
        3,
        "not judged: tests/test_b.py is not Python that this interpreter can parse\n"
        "Nothing wrong in 2 post-mortems and 3 test files\n",
    )


def test_findings_count_more_than_what_is_left_open(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both are said."""
    write(suite, {"tests/test_b.py": SUITE + "(\n", "tests/test_c.py": SUITE.replace("-2", "-9")})

    status, said = checked(capsys)

    assert (status, [line.partition(":")[0] for line in said.splitlines()]) == (
        1,
        ["tests/test_c.py", "not judged", "1 error in 2 post-mortems and 3 test files"],
    )


def test_rules_are_switched_off_in_the_configuration(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In words or globs; a word that is no rule is wrong use."""
    with_documents(suite)
    ini = (suite / "tox.ini").read_text()
    write(suite, {"tox.ini": f"{ini}postmortem_lint_ignore = cause-* test-missing\n"})

    assert checked(capsys) == (0, CLEAN.replace("2 post", "3 post"))
    write(suite, {"tox.ini": f"{ini}postmortem_lint_ignore = cause-persons nothing\n"})
    message = (
        "Couldn't use postmortem_lint_ignore = 'cause-persons': unknown rule\n"
        "  did you mean 'cause-person'?\n"
        "  see `pytest-postmortem explain setting`\n"
        "Couldn't use postmortem_lint_ignore = 'nothing': unknown rule\n"
        f"  use some of {', '.join(LINT_RULES)}\n"
        "  see `pytest-postmortem explain setting`\n"
    )
    assert checked(capsys, error=message) == (2, "")


@pytest.mark.parametrize(
    ("registry", "codes"),
    [
        ("{}\n{}\n", ["cause-person", "cause-person"]),
        ("{} # postmortem: ignore=cause-person\n{}\n", ["cause-person"]),
        ("{}\n{}\n# postmortem: ignore = cause-*\n", ["cause-person"]),
        ("# postmortem: ignore=cause-person\n{}\n{}\n", []),
    ],
)
def test_rules_are_switched_off_in_a_registry_file(
    suite: Path, capsys: pytest.CaptureFixture[str], registry: str, codes: list[str]
) -> None:
    """By a comment within an entry for that one, before the first for all of them."""
    entries = (
        f"- {{id: PM-{n}, root_cause: human error, test: exempt, reason: x}}" for n in (1, 2)
    )
    write(suite, {"pm.yml": registry.format(*entries)})

    status, said = checked(capsys)

    assert status == 0
    assert [line.rpartition("[")[2][:-1] for line in said.splitlines()[:-1]] == codes


@pytest.mark.parametrize("count", [1, 2])
def test_a_list_of_incidents_in_a_folder_is_no_document(
    suite: Path, capsys: pytest.CaptureFixture[str], count: int
) -> None:
    """An entry of it lacks nothing, as little as that of a registry file; a comment counts too."""
    with_documents(suite)
    incidents = "".join(
        f"- {{id: PM-1{n}, name: It, root_cause: human error}} # postmortem: ignore=cause-*\n"
        for n in range(count)
    )
    write(suite, {"pm/status.yml": f"incidents:\n{incidents}"})

    status, said = checked(capsys, "pm/status.yml")

    assert status == 0
    assert {line.rpartition("[")[2] for line in said.splitlines()[:-1]} == {"test-missing]"}


def test_what_belongs_to_another_suite_is_not_told_of(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A registry that many share is linted for the part that belongs here."""
    with_documents(suite)
    ini = (suite / "tox.ini").read_text()
    write(suite, {"tox.ini": f"{ini}postmortem_select = service:mail\n"})

    assert checked(capsys) == (0, "Nothing wrong in 0 post-mortems and 1 test file\n")


def test_where_there_are_no_tests_none_is_missed(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Post-mortems may live in a repository of their own."""
    with_documents(suite)
    write(suite, {"tests/test_a.py": None, "pm.yml": REGISTRY.replace("tests:", "x:")})

    assert checked(capsys) == (0, f"{HUMAN}1 warning in 3 post-mortems and 0 test files\n")


def test_dates_are_judged_by_the_date_of_head(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A commit that was clean stays clean; a scheduled job asks for today."""
    item = "action_items: [{title: Tell them, owner: ops, due: 2026-03-15, status: open}]"
    write(suite, {"pm.yml": REGISTRY.replace("Login loop,", f"Login loop, {item},")})
    git(suite, "init", "--quiet")
    git(suite, "add", "--all")
    git(suite, "commit", "--quiet", "--message", "it", day="2026-03-15T12:00:00 +0000")

    assert checked(capsys) == (0, CLEAN)
    for today in ("2026-03-16", "now"):
        assert checked(capsys, f"--today={today}") == (
            0,
            "pm.yml:2: warning: 'Tell them' was due on 2026-03-15 and is open; do it, give it a "
            "new date, or drop it with a reason [action-overdue]\n"
            "1 warning in 2 post-mortems and 1 test file\n",
        )


def test_a_synced_file_stands_for_what_would_be_fetched(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With it nothing is left open, and its entries lack nothing."""
    ini = "[pytest]\npostmortem_registry = github:owner/repo\npostmortem_sync = pm.yml\n"
    write(suite, {"tox.ini": ini})

    assert checked(capsys) == (0, CLEAN)


def test_hostile_text_reaches_no_terminal(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Escapes are left out, and no line is a command of GitHub."""
    entry = '- {id: "::error::\\u001b[31mPM", title: x, recurs: "\\u001b[1m::error::"}\n'
    write(suite, {"pm.yml": REGISTRY + entry, "tests/test_b.py": SUITE.replace("PM-2", "\\x1b[0m")})

    _, said = checked(capsys)

    assert "\x1b" not in said
    assert not any(line.startswith("::") for line in said.splitlines())


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"", b"\xef\xbb\xbfimport pytest\n", b"\0"])
def test_no_file_of_any_encoding_is_a_traceback(
    suite: Path, capsys: pytest.CaptureFixture[str], data: bytes
) -> None:
    """Be it a test, a document or a registry."""
    with_documents(suite)
    for name in ("tests/test_b.py", "pm/PM-4.md", "pm/PM-5.rst", "pm/PM-6.yml"):
        (suite / name).write_bytes(data + b"@pytest.mark.postmortem('PM-1')")

    assert checked(capsys)[0] in (0, 1, 3)


def test_the_command_is_one_of_its_own(suite: Path) -> None:
    """As a hook starts it, in a process of its own and with what pytest configures."""
    command = [sys.executable, "-m", "pytest_postmortem", "check", "tests/test_a.py"]

    done = subprocess.run(command, cwd=suite, capture_output=True, text=True, check=False)

    clean = "Nothing wrong in 0 post-mortems and 1 test file\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, clean, "")
