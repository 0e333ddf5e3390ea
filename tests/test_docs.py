"""README and documentation say what is so: outputs are generated, examples run, links lead on."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from conftest import report_of
from pytest_postmortem.cli.main import main
from pytest_postmortem.options import COMMAND_LINE_OPTIONS, INI_SETTINGS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
GENERATED = [path for path in PAGES if "[[[cog" in path.read_text(encoding="utf-8")]
PROVE = ROOT / "docs" / "how-to" / "prove.md"
SCAN = ROOT / "docs" / "how-to" / "scan.md"
TUTORIAL = ROOT / "docs" / "tutorial" / "first-incident.md"

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="the outputs are those of a newer Python"
)


def blocks(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the code blocks of a page: the text before each, its language, and what is in it."""
    text = path.read_text(encoding="utf-8")
    for found in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        before = text[: found.start()].rstrip().rpartition("\n")[2]
        yield before, found[1], found[2]


def write_files(path: Path, folder: Path, language: str) -> None:
    """Write the blocks of a page that the text before them puts into a file."""
    for before, written, text in blocks(path):
        names = re.findall(r"`([\w./-]+\.(?:py|md))`", before)
        if names and written == language:
            (folder / names[-1]).parent.mkdir(parents=True, exist_ok=True)
            (folder / names[-1]).write_text(text, encoding="utf-8")


def test_the_readme_leads_to_every_page() -> None:
    """Whoever has the repository alone finds all of the documentation."""
    folders = ("tutorial", "how-to", "reference", "explanation")
    pages = [path for folder in folders for path in sorted((ROOT / "docs" / folder).glob("*.md"))]
    names = [path.relative_to(ROOT).as_posix() for path in pages]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert [name for name in names if f"({name})" not in readme] == []


def test_the_package_index_shows_absolute_links() -> None:
    """Each relative link of the README leads to a file of the repository on the web."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    hook = project["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    relative = re.findall(r"\]\((?!http)([^)]+)\)", readme)

    shown = readme
    for substitution in hook["substitutions"]:
        shown = re.sub(substitution["pattern"], substitution["replacement"], shown)

    assert hook["fragments"] == [{"path": "README.md"}]
    assert relative
    assert [link for link in relative if f"/blob/main/{link})" not in shown] == []
    assert re.findall(r"\]\((?!https://)[^)]*\)", shown) == []


def check_generated(*paths: Path) -> subprocess.CompletedProcess[str]:
    """Let cog compare what pages hold with what it would write, and show the differences."""
    command = [sys.executable, "-m", "cogapp", "-P", "--check", "--diff", "-I", "docs"]
    return subprocess.run(
        [*command, *map(str, paths)], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_what_is_generated_is_up_to_date() -> None:
    """No output and no table is typed; ``cog -P -r -I docs PAGE`` writes them anew."""
    done = check_generated(*(path for path in GENERATED if path != PROVE))

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.skipif(pytest.version_tuple < (9,), reason="it shows a message of pytest 9")
def test_the_verdicts_in_the_docs_are_those_of_experiments() -> None:
    """The page on ``prove`` is generated as well, by proving the fixes of the example."""
    done = check_generated(PROVE)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_first_guarded_incident_of_the_readme_is_guarded(pytester: pytest.Pytester) -> None:
    """Thirty lines are enough, and end as the README says."""
    write_files(ROOT / "README.md", pytester.path, "markdown")
    write_files(ROOT / "README.md", pytester.path, "python")

    result = pytester.runpytest()

    (promised,) = [text for _, language, text in blocks(ROOT / "README.md") if language == "text"]
    assert report_of(result) == [promised.strip()]
    result.assert_outcomes(passed=1)


def test_the_tutorial_works_step_by_step(pytester: pytest.Pytester) -> None:
    """Its test fails before the fix, with the post-mortem beside it, and passes after it."""
    code = [text for _, language, text in blocks(TUTORIAL) if language == "python"]
    shown = [text.strip() for _, language, text in blocks(TUTORIAL) if language == "text"]
    typed = [text for _, language, text in blocks(TUTORIAL) if language == "console"]
    for command in re.findall(r"^\$ pytest-postmortem (.*)$", "".join(typed), re.MULTILINE):
        assert main(shlex.split(command)) == 0
    begun = {path.name for path in pytester.path.rglob("*") if path.suffix in (".md", ".py")}
    write_files(TUTORIAL, pytester.path, "markdown")
    broken, test, fixed = code
    pytester.makepyfile(discount=broken, test_discount=test)
    assert begun == {
        "PM-0001-discount-page-failed-for-everyone.md",
        "README.md",
        "test_discount.py",
    }

    before = pytester.runpytest("-p", "no:cacheprovider")
    pytester.makepyfile(discount=fixed)
    after = pytester.runpytest_subprocess()

    before.assert_outcomes(passed=1, failed=1)
    before.stdout.fnmatch_lines(["*- Post-mortem -*", shown[0].splitlines()[1], "*"])
    assert report_of(before)[0] == shown[1]
    assert report_of(after) == [shown[2]]


@pytest.mark.slow
def test_the_tutorial_on_proofs_works_step_by_step(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    """The test is proven, and hollow when somebody has tidied it up; a run says so."""
    page = ROOT / "docs" / "tutorial" / "prove.md"
    broken, fixed, test, hollow = (text for _, kind, text in blocks(page) if kind == "python")
    (registry,) = (text for _, kind, text in blocks(page) if kind == "yaml")
    consoles = [text for _, kind, text in blocks(page) if kind == "console" and "prove" in text]
    (promised,) = (text.strip() for _, kind, text in blocks(page) if kind == "text")
    git = repository(pytester.path)
    pytester.makepyfile(discount=broken)
    git("add", "discount.py")
    git("commit", "--quiet", "--message", "A discount")
    pytester.makepyfile(discount=fixed, test_discount=test)
    git("add", "discount.py", "test_discount.py")
    git("commit", "--quiet", "--message", "Fix: a refund gives no discount")
    commit = git("rev-parse", "HEAD")
    (pytester.path / "postmortems.yml").write_text(registry.replace("COMMIT", commit))

    told = []
    for text in (test, hollow):
        pytester.makepyfile(test_discount=text)
        status = main(["prove"])
        steady = re.sub(r" \(\d+\.\d s\)", "", capsys.readouterr().out)
        told.append((status, steady.replace(commit[:9], "COMMIT")))
    result = pytester.runpytest()

    assert told == [
        (status, text.partition("\n")[2]) for status, text in zip((0, 1), consoles, strict=True)
    ]
    assert promised in result.outlines


@pytest.mark.slow
def test_the_tutorial_on_old_incidents_works_step_by_step(tmp_path: Path) -> None:
    """From nothing to a proven test in one command, whose output the page and the how-to show."""
    page = ROOT / "docs" / "tutorial" / "old-incidents.md"
    how_to = ROOT / "docs" / "how-to" / "old-incidents.md"
    run = console(tmp_path)
    shown = []
    printed = []

    for before, language, text in blocks(page):
        names = re.findall(r"`([\w./-]+\.(?:py|md))`", before)
        if language in ("python", "markdown"):
            (tmp_path / names[-1]).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / names[-1]).write_text(text, encoding="utf-8")
        elif language == "console":
            for command in re.findall(r"^\$ (.*)$", text, re.MULTILINE):
                printed.append(f"$ {command}\n{run(command)}")
            shown.append(text)
        else:
            assert text.strip() in run("pytest").splitlines()

    hide = partial(re.sub, r"\b[0-9a-f]{40}\b|\b[0-9a-f]{7,9}\b|\(\d+\.\d s\)", "…")
    assert hide("".join(printed)) == hide("".join(shown))
    assert next(text for _, kind, text in blocks(how_to) if kind == "console") in shown


def console(folder: Path) -> Callable[[str], str]:
    """Return what runs the commands of a page in a folder, and returns what they print."""
    identity = {
        f"GIT_{who}_{what}": f"{what.lower()}@example.com"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    modules = {"pytest": "pytest", "pytest-postmortem": "pytest_postmortem"}

    def run(command: str) -> str:
        program, *arguments = shlex.split(command)
        words = [sys.executable, "-m", modules[program]] if program in modules else [program]
        environment = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull}
        done = subprocess.run(
            [*words, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    return run


def repository(folder: Path) -> Callable[..., str]:
    """Make a repository, and return what runs git in it."""

    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "--quiet")
    return git


@pytest.mark.slow
def test_a_post_mortem_is_written_as_its_page_says(tmp_path: Path) -> None:
    """Each command prints what the page shows, from an empty project to the guarded incident."""
    page = ROOT / "docs" / "how-to" / "write-a-post-mortem.md"
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    commands = []

    for before, language, text in blocks(page):
        names = re.findall(r"`([\w./-]+\.py)`", before)
        if language == "python":
            (tmp_path / names[-1]).write_text(text, encoding="utf-8")
        elif language == "console":
            command, _, shown = text.removeprefix("$ ").partition("\n")
            words = [sys.executable, "-m", *shlex.split(command)]
            words[2] = words[2].replace("-", "_")
            done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
            whole = words[2] != "pytest"
            kept = [each for each in done.stdout.splitlines() if whole or each in shown]
            commands.append(command.split(" ")[:2])
            assert [*filter(None, kept)] == [*filter(None, shown.splitlines())]

    assert [each[-1] for each in commands] == [
        "init",
        "new",
        "pytest",
        "check",
        "pytest",
        "list",
        "show",
    ]


def test_the_hooks_on_their_page_work(pytester: pytest.Pytester) -> None:
    """A conftest with both reads incidents from a database, and writes which are failing."""
    page = ROOT / "docs" / "reference" / "hooks.md"
    code = [text for _, language, text in blocks(page) if language == "python"]
    (ini,) = [text for _, language, text in blocks(page) if language == "ini"]
    pytester.makeini(ini)
    pytester.makeconftest("\n".join(code))
    pytester.makepyfile(
        "import pytest\n@pytest.mark.postmortem('INC-7')\ndef test_it(): assert False\n"
    )
    with closing(sqlite3.connect(pytester.path / "incidents.db")) as database:
        database.execute("CREATE TABLE incidents (number, title, severity)")
        database.execute("INSERT INTO incidents VALUES (7, 'Login loop', 'sev1')")
        database.commit()

    result = pytester.runpytest()

    assert "postmortem: sqlite:incidents.db (1 post-mortem)" in result.outlines
    assert "INC-7  Login loop (sev1)" in result.outlines
    assert (pytester.path / "failing-incidents.txt").read_text() == "INC-7\n"


def test_the_page_about_scans_shows_what_they_print(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    """And its JSON is what they write."""
    write_files(SCAN, pytester.path, "markdown")
    write_files(SCAN, pytester.path, "python")
    shown = [text for _, language, text in blocks(SCAN) if language == "console"]
    (document,) = [json.loads(text) for _, language, text in blocks(SCAN) if language == "json"]

    printed = []
    for command in shown:
        assert main(command.partition("\n")[0].split()[2:]) == 1
        printed.append(command.partition("\n")[0] + "\n" + capsys.readouterr().out)
    main(["scan", "--report=json"])

    assert printed == shown
    assert json.loads(capsys.readouterr().out)["suggestions"][0] == document


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_within_the_project_leads_somewhere(path: Path) -> None:
    """A page that was renamed is not linked by its old name."""
    text = path.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", text)

    missing = [link for link in links if not (path.parent / link).exists()]

    assert missing == []


def test_every_option_and_setting_stands_in_the_reference() -> None:
    """Nothing can be configured that nobody can look up."""
    text = (ROOT / "docs" / "reference" / "options.md").read_text(encoding="utf-8")

    names = [option.flag for option in COMMAND_LINE_OPTIONS] + [ini.name for ini in INI_SETTINGS]

    assert [name for name in names if f"`{name}" not in text] == []


def test_the_texts_of_explain_are_those_of_the_documentation() -> None:
    """The copy in the package is current; ``python docs/generate.py`` writes it anew."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)

    assert generate.EXPLANATIONS.read_text(encoding="utf-8") == generate.explanations()


def test_the_page_about_other_marks_shows_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The code of each example is read by its setting, and a scan marks the docstring."""
    page = ROOT / "docs" / "how-to" / "migrate.md"
    monkeypatch.chdir(tmp_path)
    after = ""
    for _, language, text in blocks(page):
        if language == "yaml":
            Path("postmortems.yml").write_text(text, encoding="utf-8")
        elif language == "python":
            head, _, code = text.partition("\n")
            name, _, when = head.removeprefix("# ").partition(", ")
            Path(name).parent.mkdir(exist_ok=True)
            after = code if when == "after" else after
            if when != "after":
                Path(name).write_text(code, encoding="utf-8")
    names = ("issue", "allure_link", "testrail")
    Path("pytest.ini").write_text(f"[pytest]\npostmortem_markers = {' '.join(names)}\n")

    assert main(["list", "--report=json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["incidents"]
    assert sorted(test["nodeid"].partition("::")[0] for test in row["tests"]) == [
        "tests/test_login.py",
        "tests/test_orders.py",
        "tests/test_payment.py",
    ]
    main(["scan", "--apply"])
    capsys.readouterr()
    assert Path("tests/test_cart.py").read_text(encoding="utf-8") == after
