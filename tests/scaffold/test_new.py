"""``pytest-postmortem new``: the next post-mortem of any collection, and its regression test."""

from __future__ import annotations

import datetime
import difflib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from projects import complaint, configure, files
from pytest_postmortem.cli.main import main
from pytest_postmortem.model import Location
from pytest_postmortem.registry import load_registry
from repositories import git

DATA = Path(__file__).parents[1] / "data"
TITLE = "Checkout charged customers twice"
SLUG = "checkout-charged-customers-twice"
ON = ("--date", "2026-11-20")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project with a configuration of pytest, in which commands are run."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def begun(*arguments: str) -> int:
    """Begin a post-mortem on a fixed day."""
    return main(["new", TITLE, *ON, *arguments])


def test_the_first_post_mortem_is_begun_with_its_test(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two files, and the next three steps."""
    status = begun("--severity", "sev1", "--owner", "payments", "--test", "tests/test_checkout.py")

    assert status == 0
    assert capsys.readouterr().out == (
        "PM-0001  Checkout charged customers twice\n"
        "  docs/postmortems/PM-0001-checkout-charged-customers-twice.md\n"
        "  tests/test_checkout.py::test_checkout_charged_customers_twice"
        " (fails until it is written)\n"
        "Next:\n"
        "  1. write down what happened and why,"
        " in docs/postmortems/PM-0001-checkout-charged-customers-twice.md\n"
        "  2. write the test, and see it fail for that reason:"
        " pytest tests/test_checkout.py::test_checkout_charged_customers_twice\n"
        "  3. fix the cause, run the test until it passes, and merge all of it together\n"
    )
    written = files(project)
    assert list(written) == [
        f"docs/postmortems/PM-0001-{SLUG}.md",
        "pytest.ini",
        "tests/test_checkout.py",
    ]
    assert written["tests/test_checkout.py"] == (
        "import pytest\n\n\n"
        '@pytest.mark.postmortem("PM-0001")\n'
        "def test_checkout_charged_customers_twice():\n"
        "    pytest.fail(\n"
        '        "write the regression test of PM-0001: Checkout charged customers twice"\n'
        "    )\n"
    )
    document = written[f"docs/postmortems/PM-0001-{SLUG}.md"]
    assert document.startswith(
        "---\ndate: 2026-11-20\nseverity: sev1\nclass:\nowner: payments\n---\n\n"
        "# PM-0001: Checkout charged customers twice\n\n## Summary\n"
    )
    assert "`tests/test_checkout.py::test_checkout_charged_customers_twice` fails" in document


def test_the_next_step_can_be_run_where_the_reader_stands(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The node id is that of the rootdir, the command that of the folder and of what was given."""
    (project / "own dir").mkdir()
    (project / "own.ini").write_text("[pytest]\n")
    monkeypatch.chdir(project / "own dir")

    assert main(["new", "Login loop", *ON, "--test", "test_a.py", "-c", "../own.ini"]) == 0

    assert capsys.readouterr().out.splitlines()[2:6:3] == [
        "  own dir/test_a.py::test_login_loop (fails until it is written)",
        "  2. write the test, and see it fail for that reason:"
        " pytest -c ../own.ini test_a.py::test_login_loop",
    ]


def test_without_a_test_the_mark_is_shown(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever writes the test by hand copies it from there."""
    begun()

    assert (
        "  2. write a test that fails for that reason, and mark it:"
        ' @pytest.mark.postmortem("PM-0001")\n'
    ) in capsys.readouterr().out


def test_a_dry_run_shows_a_diff_and_writes_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The diff alone stands on standard output."""
    (project / "test_it.py").write_text("import pytest\n")
    before = files(project)

    assert begun("--dry-run", "--test", "test_it.py") == 0

    said = capsys.readouterr()
    assert said.out.startswith(f"--- /dev/null\n+++ b/docs/postmortems/PM-0001-{SLUG}.md\n")
    assert "\n--- a/test_it.py\n+++ b/test_it.py\n@@ -1 +1,8 @@\n import pytest\n+\n" in said.out
    assert said.err.endswith("(fails until it is written)\nnothing was written\n")
    assert files(project) == before


@pytest.mark.parametrize(
    ("collection", "id", "path", "template"),
    [
        (
            "dir_dated_h1",
            f"2026-11-20-{SLUG}",
            f"2026-11-20-{SLUG}.md",
            "template-incident-report.md",
        ),
        (
            "dir_dated_nested",
            f"2026-11-20-{SLUG.capitalize()}",
            f"2026-11/2026-11-20-{SLUG.capitalize()}.md",
            "template.md",
        ),
        ("dir_erb_bullets", f"2026-11-20-{SLUG}", f"2026-11-20-{SLUG}.html.md.erb", None),
        ("dir_frontmatter_toml", SLUG, f"{SLUG}.md", None),
        (
            "dir_frontmatter_yaml",
            f"2026-11-20-{SLUG}",
            f"2026-11-20-{SLUG}.md",
            None,
        ),
        (
            "dir_pm_prefix",
            "PM2026-001",
            f"PM2026-001 - {TITLE}.md",
            "PMyyyy-nnn - Postmortem template.md",
        ),
        ("dir_srebook_table", SLUG, f"{SLUG}.md", None),
        ("dir_yaml_per_incident", f"2026-{SLUG}", f"2026-{SLUG}.yaml", None),
    ],
)
def test_real_collections_get_one_more_of_their_kind(
    collection: str,
    id: str,
    path: str,
    template: str | None,
    project: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The id, the folder, the name and the template; the registry then has one more."""
    shutil.copytree(DATA / collection, project / "pm")
    configure(project, "postmortem_registry = pm")
    before = load_registry([Location("pm", project)], project)

    assert begun() == 0

    after = load_registry([Location("pm", project)], project)
    head = capsys.readouterr().out.splitlines()[:2]
    source = f" (from pm/{template})" if template else ""
    assert head == [f"{id}  {TITLE}", f"  pm/{path}{source}"]
    (new,) = [each for each in after if each.path == f"pm/{path}"]
    assert new.id == id
    assert TITLE in new.title
    assert [each for each in after if each != new] == list(before)


@pytest.mark.parametrize(
    ("name", "id", "note"),
    [
        ("github-status-819.yaml", "GHS-31233569", True),
        ("github-status-819-numeric-ids.yaml", "10793448", True),
    ],
)
def test_real_registry_files_get_one_more_entry(
    name: str, id: str, note: bool, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In their own manner; that another system seems to give the numbers is said."""
    shutil.copy(DATA / "registry_yaml" / name, project / "pm.yaml")
    configure(project, "postmortem_registry = pm.yaml")
    before = (project / "pm.yaml").read_text(encoding="utf-8")

    assert begun("--severity", "Minor") == 0

    after = (project / "pm.yaml").read_text(encoding="utf-8")
    said = capsys.readouterr().out
    assert after.startswith(before)
    assert f"- id: {id}\n" in after[len(before) :]
    assert said.startswith(f"{id}  {TITLE}\n  pm.yaml\n")
    assert ("if another system gives them" in said) is note


@pytest.mark.parametrize(
    ("words", "quoted"),
    [
        (["Checkout", "charged", "twice"], '"Checkout charged twice"'),
        (["Checkout charged", "it's twice"], '"Checkout charged it\'s twice"'),
        (["Price", "of", "$0"], "'Price of $0'"),
    ],
)
def test_a_title_without_quotes_is_shown_with_them(
    project: Path, capsys: pytest.CaptureFixture[str], words: list[str], quoted: str
) -> None:
    """A shell makes several arguments of it; nothing is written."""
    assert main(["new", *words, "--severity", "sev1"]) == 2

    assert complaint(capsys) == (
        f"Couldn't create a post-mortem: the title is {len(words)} arguments, and has to be one\n"
        f"  put it in quotes: pytest-postmortem new {quoted}"
    )
    assert files(project) == {"pytest.ini": "[pytest]\n"}


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("sev-1", ""),
        ("SEV3", ""),
        ("", ""),
        ("sev9", "no other incident has the severity 'sev9'; those in use are sev3, sev1, sev2"),
        ("svee1", "no other incident has the severity 'svee1'; those in use are sev3, sev1, sev2"),
        ("esv1", "no other incident has the severity 'esv1'; did you mean 'sev1'?"),
    ],
)
def test_a_severity_that_nothing_has_is_hinted_at(
    project: Path, capsys: pytest.CaptureFixture[str], given: str, hint: str
) -> None:
    """It may be a typing error, and is written as it was given."""
    configure(project, "postmortem_registry = pm.yml", "postmortem_severities = sev3")
    entries = ("{id: PM-1, severity: sev1}", "{id: PM-2, severity: sev2}", "{id: PM-3}")
    (project / "pm.yml").write_text("".join(f"- {each}\n" for each in entries))

    assert begun("--severity", given) == 0

    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if "severity" in line] == ([f"  {hint}"] if hint else [])


def test_where_no_incident_has_a_severity_any_is_as_good(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first one begins the scale."""
    configure(project, "postmortem_registry = pm.yml")
    (project / "pm.yml").write_text("- id: PM-1\n")

    assert begun("--severity", "sev9") == 0
    assert "severity" not in capsys.readouterr().out


def test_an_entry_keeps_comments_and_layout(project: Path) -> None:
    """A registry file grows at its end, or at its top if the newest stand there."""
    before = (
        "# Our post-mortems.\nurl_template: https://wiki.example.com/{id}\npostmortems:\n"
        "  # the newest first\n"
        "  - id: PM-2  # two\n    title: 'Two'\n    date: 2026-02-02\n    severity: SEV-1\n\n"
        "  - id: PM-1\n    title: 'One'\n    date: 2026-01-01\n    severity: SEV-2\n"
    )
    (project / "postmortems.yml").write_text(before)

    assert begun("--severity", "sev1", "--service", "checkout", "--class", "lost keys") == 0

    own = (
        "  - id: PM-3\n    title: 'Checkout charged customers twice'\n    date: 2026-11-20\n"
        "    severity: SEV-1\n    class: lost keys\n    service: checkout\n\n"
    )
    assert (project / "postmortems.yml").read_text() == before.replace(
        "  - id: PM-2", f"{own}  - id: PM-2"
    )


@pytest.mark.parametrize(
    ("name", "before", "added"),
    [
        pytest.param(
            "postmortems.yml",
            "# ours\n- id: PM-1\n  title: Login loop\n  date: 2026-03-02\n",
            "- id: PM-2\n  title: {title}\n  date: 2026-11-20\n",
            id="a list",
        ),
        pytest.param(
            "postmortems.yml",
            "url_template: https://wiki.example.com/{id}\npostmortems:\n"
            "  - id: INC-0012\n    title: 'Login loop'  # weekly\n",
            "  - id: INC-0013\n    title: '{title}'\n    date: 2026-11-20\n",
            id="a list under a key",
        ),
        pytest.param(
            "postmortems.yml",
            "PM-1:\n    title: Login loop\n\nPM-2:\n    title: Lost keys\n",
            "\nPM-3:\n    title: {title}\n    date: 2026-11-20\n",
            id="a mapping",
        ),
        pytest.param(
            "postmortems.yml",
            "- {id: 7, title: Login loop}\n- {id: 9, title: Lost keys}\n",
            "- id: 10\n  title: {title}\n  date: 2026-11-20\n",
            id="flow, numbers, a gap",
        ),
        pytest.param(
            "postmortems.yml",
            "incidents:\n- number: 7\n  name: Login loop\n  impact: low\n",
            "- number: 8\n  name: {title}\n  date: 2026-11-20\n",
            id="keys of another tool",
        ),
        pytest.param(
            "pm.json",
            '[\n  {\n    "id": "PM-1",\n    "title": "Login loop"\n  }\n]\n',
            '  }},\n  {{\n    "id": "PM-2",\n    "title": "{title}",\n    "date": "2026-11-20"\n',
            id="JSON",
        ),
        pytest.param(
            "pm.toml",
            '[[postmortems]]\nid = "PM-1"\ntitle = "Login loop"\ndate = 2026-03-02\n',
            '\n[[postmortems]]\nid = "PM-2"\ntitle = "{title}"\ndate = 2026-11-20\n',
            id="TOML",
        ),
        pytest.param(
            "pm.yaml",
            "# ours\r\n- id: SHOP-001\r\n  title: Login loop\r\n",
            "- id: SHOP-002\r\n  title: {title}\r\n  date: 2026-11-20\r\n",
            id="line ends of Windows",
        ),
        pytest.param(
            "pm.yaml",
            "- id: PM-2\n  title: Two\n  date: 2026-02-02\n\n"
            "- id: PM-1\n  title: One\n  date: 2026-01-01\n",
            "- id: PM-3\n  title: {title}\n  date: 2026-11-20\n\n",
            id="the newest first",
        ),
    ],
)
def test_shapes_of_registry_files_gain_an_entry_and_nothing_else(
    name: str, before: str, added: str, project: Path
) -> None:
    """The diff of each is the entry."""
    configure(project, f"postmortem_registry = {name}")
    (project / name).write_bytes(before.encode())

    assert begun() == 0

    after = (project / name).read_bytes().decode()
    lines = list(difflib.ndiff(before.splitlines(True), after.splitlines(True)))
    assert "".join(line for line in lines if line[0] in "+-?") == "".join(
        f"+ {line}" for line in added.format(title=TITLE).splitlines(True)
    )
    load_registry([Location(name, project)], project)


def test_a_prefix_of_the_file_is_not_written_again(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The entry has the number, the registry the whole id."""
    (project / "postmortems.yml").write_text("prefix: PM-\npostmortems:\n- {id: 7, title: x}\n")

    assert begun() == 0

    assert "- id: 8\n  title: Checkout" in (project / "postmortems.yml").read_text()
    assert capsys.readouterr().out.startswith("PM-8  Checkout")


@pytest.mark.parametrize(
    ("text", "id"),
    [
        ("- {id: checkout-lost-keys}\n- {id: login-loop}\n", SLUG),
        ("- {id: 2026-03-02-login-loop}\n", f"2026-11-20-{SLUG}"),
        (
            "- {id: 2026-11-20-x}\n- {id: 2026-11-20-checkout-charged-customers-twice}\n",
            f"2026-11-20-{SLUG}-2",
        ),
    ],
)
def test_ids_of_words_are_made_of_the_title(text: str, id: str, project: Path) -> None:
    """As they are in a folder, and never twice the same."""
    (project / "postmortems.yml").write_text(text)

    assert begun() == 0

    assert load_registry([Location("postmortems.yml", project)], project).find(id) is not None


def test_ids_without_a_pattern_have_to_be_given(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody invents the id of another system."""
    (project / "postmortems.yml").write_text("- {id: 5jfkz8q1mlql}\n- {id: qdh0m7tdrh80}\n")

    assert begun() == 2
    assert complaint(capsys) == (
        "Couldn't create a post-mortem: the ids in postmortems.yml follow no pattern,"
        " such as 'qdh0m7tdrh80'\n  pass an id with --id"
    )
    assert begun("--id", "437q52fb70hg") == 0
    assert "- id: 437q52fb70hg\n  title:" in (project / "postmortems.yml").read_text()


def test_no_id_is_used_again(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not one whose document was deleted, is on another branch, or is named by a test alone."""
    folder = project / "docs" / "postmortems"
    folder.mkdir(parents=True)
    git(project, "init", "--quiet", "--initial-branch=main")
    for number in (1, 3):
        (folder / f"PM-{number}.md").write_text("# One\n")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=one")
    (folder / "PM-3.md").unlink()
    assert begun("--dry-run") == 0
    git(project, "switch", "--quiet", "--create=other")
    (folder / "PM-5.md").touch()
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=two")
    git(project, "switch", "--quiet", "main")
    (folder / "PM-5.md").unlink(missing_ok=True)
    assert begun("--dry-run") == 0
    (project / "test_it.py").write_text(
        "import pytest\npytestmark = pytest.mark.postmortem('PM-8')"
    )
    assert begun("--dry-run") == 0
    (project / "other.yml").write_text("- {id: PM-1, aliases: [PM-12]}\n")
    configure(project, "postmortem_registry =", "    docs/postmortems", "    other.yml")

    assert begun("--dry-run") == 0

    heads = [line for line in capsys.readouterr().err.splitlines() if line.endswith(f"  {TITLE}")]
    assert heads == [f"PM-{number}  {TITLE}" for number in (4, 6, 6, 13)]


def test_no_id_of_a_registry_file_is_used_again(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor one that any branch ever had in it."""
    git(project, "init", "--quiet", "--initial-branch=main")
    for text in ("- id: 7\n- id: 12\n", "- id: 7\n"):
        (project / "postmortems.yml").write_text(text)
        git(project, "add", "--all")
        git(project, "commit", "--quiet", "--message=one")

    assert begun("--dry-run") == 0

    assert capsys.readouterr().err.startswith(f"13  {TITLE}\n")


def test_a_name_that_is_taken_gets_a_number(project: Path) -> None:
    """Whether a document has it, or any other file, in whatever case."""
    folder = project / "docs" / "incidents"
    folder.mkdir(parents=True)
    (folder / "2026-01-01-x.md").write_text("# X\n")
    (folder / f"2026-11-20-{SLUG.capitalize()}.md").write_text("# theirs\n")

    assert main(["new", TITLE.lower(), *ON]) == 0
    assert main(["new", TITLE.lower(), *ON]) == 0

    assert sorted(path.name for path in folder.iterdir())[1:] == [
        f"2026-11-20-{SLUG.capitalize()}.md",
        f"2026-11-20-{SLUG}-2.md",
        f"2026-11-20-{SLUG}-3.md",
    ]
    assert (folder / f"2026-11-20-{SLUG.capitalize()}.md").read_text() == "# theirs\n"


@pytest.mark.parametrize(
    ("title", "stem"),
    [
        ("Security", "security-incident"),
        ("CON", "con-incident"),
        ("Template", "incident-template-2026-11-20"),
        ("🔥", "incident-2026-11-20"),
    ],
)
def test_a_name_that_would_not_be_a_post_mortem_is_changed(
    title: str, stem: str, project: Path
) -> None:
    """What the registry leaves out, or an operating system refuses."""
    folder = project / "docs" / "incidents"
    folder.mkdir(parents=True)
    (folder / "lost-mail.md").write_text("# Lost mail\n")

    assert main(["new", title, *ON]) == 0

    assert sorted(path.stem for path in folder.iterdir()) == sorted(["lost-mail", stem])
    assert load_registry([Location("docs/incidents", project)], project).find(stem) is not None


def test_ids_in_front_matter_are_continued_there(project: Path) -> None:
    """The names of the files have their own manner."""
    folder = project / "docs" / "incidents"
    folder.mkdir(parents=True)
    (folder / "lost-mail.md").write_text("---\nid: INC-2026-007\n---\n# Lost mail\n")

    assert begun() == 0

    text = (folder / f"{SLUG}.md").read_text()
    assert text.startswith(f"---\nid: INC-2026-008\ndate: 2026-11-20\n---\n\n# {TITLE}\n")


def test_an_id_can_be_given(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is the name's where names have one, and stands in front matter where they don't."""
    numbered, dated = project / "docs" / "postmortems", project / "docs" / "incidents"
    numbered.mkdir(parents=True)
    dated.mkdir()
    (numbered / "PM-1-x.md").write_text("# X\n")
    (dated / "2026-01-01-x.md").write_text("# X\n")

    assert begun("--id", "INC-99") == 0
    assert begun("--id", "a/b: c") == 0
    configure(project, "postmortem_registry = docs/incidents")
    assert begun("--id", "INC-99") == 0

    assert sorted(path.name for path in numbered.iterdir()) == [
        f"INC-99-{SLUG}.md",
        "PM-1-x.md",
        f"a-b-c-{SLUG}.md",
    ]
    assert (numbered / f"a-b-c-{SLUG}.md").read_text().startswith("---\nid: 'a/b: c'\n")
    assert (dated / f"2026-11-20-{SLUG}.md").read_text().startswith("---\nid: INC-99\n")
    capsys.readouterr()
    assert begun("--id", "inc-99") == 2
    assert complaint(capsys) == (
        "Couldn't create a post-mortem: 'inc-99' is a post-mortem already:"
        f" docs/incidents/2026-11-20-{SLUG}.md\n"
        "  leave --id out for the next one, or give another"
    )


def test_a_template_that_has_no_place_for_an_id_is_told(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rather than writing a document that is found under another id."""
    folder = project / "docs" / "incidents"
    folder.mkdir(parents=True)
    (folder / "2026-01-01-x.md").write_text("# X\n")
    (folder / "template.md").write_text("---\ntitle:\n---\n")

    assert begun("--id", "INC-99") == 2

    assert complaint(capsys) == (
        f"Couldn't create a post-mortem: docs/incidents/2026-11-20-{SLUG}.md would not have the id"
        " 'INC-99'\n  leave --id out, or add a place for an id to the template"
    )


def test_a_template_may_be_given_or_configured(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one on the command line counts, then the setting, then the one that is found."""
    folder = project / "docs" / "postmortems"
    folder.mkdir(parents=True)
    for name in ("docs/postmortems/template.md", "own.md", "given.md"):
        (project / name).write_text(f"# {{{{ id }}}} from {name}\n", encoding="utf-8-sig")
    heads = []

    for lines, arguments in (
        ((), ()),
        (("postmortem_template = own.md",), ()),
        (("postmortem_template = own.md",), ("--template", "given.md")),
    ):
        configure(project, *lines)
        assert begun(*arguments) == 0
        heads.append(capsys.readouterr().out.splitlines()[1].partition(" (")[2])

    assert heads == ["from docs/postmortems/template.md)", "from own.md)", "from given.md)"]
    assert [path.read_text() for path in sorted(folder.glob("PM*"))] == [
        "---\ndate: 2026-11-20\nseverity:\nclass:\nowner:\n---\n\n"
        "# PM-0001 from docs/postmortems/template.md\n",
        "---\ndate: 2026-11-20\nseverity:\nclass:\nowner:\n---\n\n# PM-0002 from own.md\n",
        "---\ndate: 2026-11-20\nseverity:\nclass:\nowner:\n---\n\n# PM-0003 from given.md\n",
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [(None, "no such file or directory"), (b"\xff", "it is not UTF-8"), (b"{{ id }}{{ x", "")],
)
def test_a_template_that_can_not_be_used_is_one_message(
    data: bytes | None, said: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing is written."""
    if data is not None:
        (project / "t.md").write_bytes(data)

    assert begun("--template", "t.md") == 2

    assert complaint(capsys).startswith(
        f"Couldn't use template 't.md'{', line 1' * (not said)}: {said}"
    )
    assert not (project / "docs").exists()


def test_the_first_document_is_of_the_kind_of_the_template(project: Path) -> None:
    """A template in reStructuredText makes such a document."""
    (project / "t.rst").write_text("Title\n=====\n\nDate: \n")

    assert begun("--template", "t.rst") == 0

    (path,) = (project / "docs" / "postmortems").iterdir()
    assert path.name == f"PM-0001-{SLUG}.rst"


def test_what_a_template_makes_is_read_before_it_is_written(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Broken front matter would stop every run of pytest."""
    (project / "t.md").write_text("---\ndate: [\n---\n# {{ title }}\n")

    assert begun("--template", "t.md") == 2

    assert complaint(capsys).startswith(
        "Couldn't create a post-mortem: the new file would not be readable: it is not YAML"
    )
    assert not (project / "docs").exists()


def test_what_pytest_will_not_know_is_said(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where documents have no front matter, a service in their text alone is not read."""
    folder = project / "docs" / "postmortems"
    folder.mkdir(parents=True)
    (folder / "PM-1.md").write_text("# PM-1: X\n")

    assert begun("--severity", "sev1", "--owner", "web", "--service", "x") == 0

    assert capsys.readouterr().out.splitlines()[2] == (
        "  service in the text of a document is not read: use front matter"
    )
    (document,) = folder.glob("PM-2*.md")
    text = document.read_text()
    assert "Severity: sev1" in text
    assert "Owner: web" in text


def test_what_stands_nowhere_is_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A template may have no place for what was given."""
    folder = project / "docs" / "postmortems"
    folder.mkdir(parents=True)
    (folder / "PM-1.md").write_text("# PM-1: X\n")
    (folder / "template.md").write_text("# Title\n\nOwner: <team>\n")

    assert begun("--severity", "sev1", "--owner", "web", "--service", "e") == 0

    assert capsys.readouterr().out.splitlines()[2] == (
        "  not written, as the document has no place for them: date, severity, service"
    )


def locations(project: Path, *names: str) -> None:
    """Make and configure several locations."""
    for name in names:
        if name.endswith(".yml"):
            (project / name).write_text("- {id: PM-1, title: x}\n")
        elif ":" not in name:
            (project / name).mkdir(parents=True)
            (project / name / "PM-1-x.md").write_text("# x\n")
    configure(project, "postmortem_registry =", *(f"    {name}" for name in names))


@pytest.mark.parametrize(
    ("names", "given", "path"),
    [
        (("pm", "more.yml"), None, f"pm/PM-2-{SLUG}.md"),
        (("pm", "more.yml"), "more.yml", "more.yml"),
        (("a", "b"), "b", f"b/PM-2-{SLUG}.md"),
        (("a", "b"), "b/", f"b/PM-2-{SLUG}.md"),
        (("a", "b"), "./a/2026", f"a/2026/PM-2-{SLUG}.md"),
        (("github:owner/repo", "more.yml"), None, "more.yml"),
    ],
)
def test_of_several_locations_one_is_meant(
    names: tuple[str, ...],
    given: str | None,
    path: str,
    project: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The folder among files, or the one that is named, or a folder in it."""
    locations(project, *names)

    assert begun("--dry-run", *(("--in", given) if given else ())) == 0

    assert f"\n+++ b/{path}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("names", "given", "said"),
    [
        (
            ("a", "b"),
            None,
            "the registry has several locations\n  name one with --in: a, b",
        ),
        (("a", "b"), "c", "'c' is not a location of the registry\n  name one of a, b"),
        (("a",), "../x", "'../x' is not a location of the registry\n  name one of a"),
        (
            ("github:owner/repo",),
            None,
            "the registry is kept elsewhere (github:owner/repo)\n"
            "  write it there, or add a folder to postmortem_registry",
        ),
    ],
)
def test_which_location_is_meant_is_never_guessed(
    names: tuple[str, ...],
    given: str | None,
    said: str,
    project: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All of them are named."""
    locations(project, *names)

    assert begun(*(("--in", given) if given else ())) == 2

    assert (
        capsys.readouterr()
        .err.rpartition("\n  see `pytest-postmortem explain ")[0]
        .endswith(f"Couldn't create a post-mortem: {said}")
    )


def test_a_file_that_sync_writes_is_not_written_to(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would be gone with the next sync."""
    text = "# Written by `pytest-postmortem sync` from x.\npostmortems:\n- id: PM-1\n"
    (project / "postmortems.yml").write_text(text)

    assert begun() == 2

    assert complaint(capsys).startswith(
        "Couldn't create a post-mortem: the registry is kept elsewhere (postmortems.yml)"
    )


def test_where_nothing_is_configured_the_usual_places_may_be_named(project: Path) -> None:
    """Since they are found by themselves."""
    assert begun("--in", "postmortems") == 0

    assert (project / "postmortems" / f"PM-0001-{SLUG}.md").is_file()


@pytest.mark.parametrize(
    ("test", "path"),
    [
        ("tests/", "tests/test_checkout_charged_customers_twice.py"),
        ("there", "there/test_checkout_charged_customers_twice.py"),
        ("tests/test_new.py::test_it", "tests/test_new.py"),
    ],
)
def test_the_test_may_get_a_file_of_its_own(test: str, path: str, project: Path) -> None:
    """In the folder that is named, or under the name that is given."""
    (project / "there").mkdir()

    assert begun("--test", test) == 0

    name = test.partition("::")[2] or "test_checkout_charged_customers_twice"
    assert f"\ndef {name}():\n" in (project / path).read_text()


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("broken_test.py", "'broken_test.py': it can't be parsed as Python"),
        ("checkout.py", "'checkout.py': pytest takes no such file for tests (python_files ="),
        ("test_checkout.txt", "'test_checkout.txt': pytest takes no such file for tests"),
        ("../test_x.py", "'../test_x.py': it is outside of the rootdir"),
        ("test_x.py::TestX::test_y", "'test_x.py': a class is named"),
        ("test_x.py::check", "'test_x.py': pytest does not collect 'check' as a test"),
        ("test_there.py::test_it", "'test_there.py': 'test_it' already exists"),
        ("folder_test.py/test_x.py", "'folder_test.py/test_x.py': not a directory"),
        (f"test_{'x' * 300}.py", f"'test_{'x' * 300}.py': file name too long"),
        ("test_\0.py", "'test_\\x00.py': "),
    ],
)
def test_when_the_test_can_not_be_added_nothing_is_written(
    test: str, said: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All or nothing, and the reason."""
    (project / "broken_test.py").write_text("def (:\n")
    (project / "folder_test.py").write_text("")
    (project / "test_there.py").write_text("def test_it(): pass\n")
    before = files(project)

    assert begun("--test", test) == 2

    assert complaint(capsys).startswith(f"Couldn't add a test to {said}")
    assert files(project) == before


def test_when_a_file_can_not_be_written_none_is(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the document nor the test."""
    (project / "docs").touch()
    before = files(project)

    assert begun("--test", "test_it.py") == 2

    assert complaint(capsys).startswith(f"Couldn't write 'docs/postmortems/PM-0001-{SLUG}.md': ")
    assert files(project) == before


def test_a_test_that_would_stop_nobody_is_told(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that skips itself, or one where a bare pytest does not look."""
    (project / "tests").mkdir()
    (project / "tests" / "test_a.py").write_text(
        "import pytest\npytest.skip('no server', allow_module_level=True)\n"
    )
    configure(project, "testpaths = tests")

    begun("--dry-run", "--test", "tests/test_a.py")
    begun("--dry-run", "--test", "test_b.py")

    said = [line for line in capsys.readouterr().err.splitlines() if "stop" in line]
    assert said == [
        "  tests/test_a.py::test_checkout_charged_customers_twice"
        " (does not stop anybody: skipped: no server)",
        "  test_b.py::test_checkout_charged_customers_twice"
        " (does not stop anybody: a bare pytest does not look there (testpaths))",
    ]


FAILS = "fails until it is written"


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (
            "build/",
            "does not stop anybody: a bare pytest does not look into 'build' (norecursedirs)",
        ),
        (
            "tests/.h/deep/test_x.py",
            "does not stop anybody: a bare pytest does not look into 'tests/.h' (norecursedirs)",
        ),
        ("tests/ignored/", "does not stop anybody: a bare pytest leaves it out"),
        ("tests/test_left.py", "does not stop anybody: a bare pytest leaves it out"),
        (
            "tests/test_off.py",
            "does not stop anybody: pytest collects no tests from a file with __test__ = False",
        ),
        ("tests/new/", FAILS),
    ],
)
def test_why_a_bare_pytest_would_not_see_a_test_is_told(
    test: str, said: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever believes that it fails would look for a failure that never comes."""
    configure(project, "addopts = --ignore=tests/ignored --ignore=tests/test_left.py")
    (project / "tests" / "ignored").mkdir(parents=True)
    (project / "tests" / "test_off.py").write_text("__test__ = False\n")

    assert begun("--dry-run", "--test", test) == 0

    line = capsys.readouterr().err.splitlines()[2]
    assert line.partition(" (")[2] == f"{said})"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((" \n",), "the title is empty\n  say what happened, in a few words"),
        (
            ("x" * 201,),
            "the title has 201 characters, and at most 200 are read\n"
            "  say it in fewer words, and the rest in the document",
        ),
        (("x", "--date", "20.11.2026"), "'20.11.2026' is not a date\n  write it as 2026-11-20"),
        (("x", "--date", "2026-02-30"), "'2026-02-30' is not a date\n  write it as 2026-11-20"),
        (("x", "--id", " "), "the id is empty, or too long\n  use an id such as PM-12"),
    ],
)
def test_what_is_said_of_an_incident_is_checked(
    arguments: tuple[str, ...], said: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is read or written."""
    assert main(["new", *arguments]) == 2
    assert complaint(capsys) == f"Couldn't create a post-mortem: {said}"


def test_an_incident_of_today_needs_no_date(project: Path) -> None:
    """Most post-mortems are begun on the day."""
    before = datetime.date.today()

    main(["new", "x"])

    (path,) = (project / "docs" / "postmortems").iterdir()
    date = datetime.date.fromisoformat(path.read_text().splitlines()[1].removeprefix("date: "))
    assert before <= date <= datetime.date.today()


HOSTILE = [
    "../../x",
    "/etc/passwd",
    "a\nb: c\n---\nd",
    "-rf *",
    "--help",
    'say "it\'s" <b>|`$(x)`',
    "\\..\\..\\x",
    "🔥🔥🔥",
    "x" * 200,
    "決済が二重に請求された",
    "Straße überflutet",
    "\x1b[31mred\x00",
    "\u202efdp.exe",
    "{{ id }} {% endraw %}",
    "# *heading* [link](javascript:x)",
    "...",
    "con",
    "%s %n {0}",
]


@pytest.mark.slow
@pytest.mark.parametrize("manner", ["PM-1.md", "2026-01-01-x.md", "lost mail.md", "lost-mail.rst"])
def test_no_title_makes_an_odd_file_or_leaves_the_folder(manner: str, project: Path) -> None:
    """Whatever it holds, its document lies where the others do, and says what was given."""
    folder = project / "docs" / "postmortems"
    folder.mkdir(parents=True)
    (folder / manner).write_text("Kept\n====\n" if manner.endswith(".rst") else "# Kept\n")
    for title in HOSTILE:
        before = files(project)

        assert main(["new", *ON, "--test", "test_it.py", "--", title]) == 0

        after = files(project)
        new = after.keys() - before.keys() - {"test_it.py"}
        assert [Path(name).parent.as_posix() for name in new] == ["docs/postmortems"]
        assert all(name.isprintable() and len(name) < 120 for name in new)
        assert {name: after[name] for name in before if name != "test_it.py"} == {
            name: before[name] for name in before if name != "test_it.py"
        }
    registry = load_registry([Location("docs/postmortems", project)], project)
    assert len(registry) == len(HOSTILE) + 1
    compile((project / "test_it.py").read_text(encoding="utf-8"), "test_it.py", "exec")


@pytest.mark.parametrize("name", ["postmortems.yml", "pm.json", "pm.toml"])
def test_no_title_breaks_a_registry_file(name: str, project: Path) -> None:
    """What is read is what was given, in one line, without what can't be seen."""
    (project / name).write_text("")
    configure(project, f"postmortem_registry = {name}")
    for title in HOSTILE:
        assert main(["new", *ON, "--", title]) == 0

    titles = [each.title for each in load_registry([Location(name, project)], project)]

    assert titles == [
        *HOSTILE[:2],
        "a b: c --- d",
        *HOSTILE[3:11],
        "[31mred",
        "fdp.exe",
        *HOSTILE[13:],
    ]


def test_a_broken_registry_is_exit_4(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is added to what can't be read."""
    (project / "pm.yml").write_text("- {id: [}\n")
    configure(project, "postmortem_registry = pm.yml")

    assert begun() == 4

    assert complaint(capsys).startswith("Couldn't read registry 'pm.yml', line 1")


def test_it_runs_as_a_command(project: Path) -> None:
    """From anywhere in the project, without git and in any encoding of the terminal."""
    (project / "sub").mkdir()

    done = subprocess.run(
        [sys.executable, "-m", "pytest_postmortem", "new", "überflutet 🔥", *ON],
        cwd=project / "sub",
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PATH": ""},
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0
    assert done.stdout.startswith(b"PM-0001  \\xfcberflutet \\U0001f525\n")
    assert (project / "docs" / "postmortems" / "PM-0001-uberflutet.md").is_file()
