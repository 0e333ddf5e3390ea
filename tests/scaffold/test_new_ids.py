"""The id of the next post-mortem follows those that are there, wherever they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_postmortem.cli.main import main
from pytest_postmortem.model import Location
from pytest_postmortem.registry import load_registry
from repositories import git

TITLE = "Another loop"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of post-mortems in a project, in which commands are run."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "postmortems").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "postmortems"


def begun(*arguments: str) -> int:
    """Begin a post-mortem on a fixed day."""
    return main(["new", TITLE, "--date", "2026-02-02", *arguments])


def written(folder: Path, files: dict[str, str]) -> None:
    """Write documents into a folder."""
    for name, text in files.items():
        (folder / name).write_text(text)


def head(path: Path) -> str:
    """Return a document up to its first section."""
    return path.read_text().partition("\n\n## ")[0]


@pytest.mark.parametrize(
    ("files", "id", "name", "text"),
    [
        (
            {f"2026-01-0{n}-thing-{n}.md": f"# INC-10{n}: Thing {n}\n" for n in (1, 2, 3)},
            "INC-104",
            "2026-02-02-another-loop.md",
            "# INC-104: Another loop",
        ),
        (
            {"login-loop.md": "# PM-7: a\n"},
            "PM-8",
            "another-loop.md",
            "# PM-8: Another loop\n\nDate: 2026-02-02",
        ),
        (
            {"login-loop.md": "---\nowner: web\n---\n\n# [PM-7] a\n"},
            "PM-8",
            "another-loop.md",
            "---\nowner:\ndate: 2026-02-02\n---\n\n# [PM-8] Another loop",
        ),
        (
            {"a.rst": "PM2026-004 - A\n==============\n", "b.rst": "PM2026-005 - B\n====\n"},
            "PM2026-006",
            "another-loop.rst",
            "PM2026-006 - Another loop\n=========================\n\n| Date: 2026-02-02",
        ),
        (
            {"login-loop.md": "Draft.\n\n## PM-7: a\n"},
            "PM-8",
            "another-loop.md",
            "# PM-8: Another loop\n\nDate: 2026-02-02",
        ),
        (
            {
                "a.md": "# PM-1: A\n",
                "b.md": "# PM-2: B\n",
                "c.md": "# C\n",
                "d.md": "# D at last\n",
            },
            "another-loop",
            "another-loop.md",
            "# Another loop",
        ),
    ],
    ids=("dated", "bare", "in brackets", "yearly", "second level", "half of them"),
)
def test_ids_in_headings_are_continued_there(
    files: dict[str, str],
    id: str,
    name: str,
    text: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The registry reads them from there; the names of the files have their own manner."""
    written(folder, files)

    assert begun() == 0

    assert capsys.readouterr().out.startswith(f"{id}  {TITLE}\n")
    assert head(folder / name).replace("\n\n\n", "\n\n").startswith(text)
    assert load_registry([Location(".", folder)], folder).find(id) is not None


def test_an_id_that_was_given_stands_in_the_heading(folder: Path) -> None:
    """Or in front matter, where a heading would not tell it."""
    written(folder, {"login-loop.md": "# PM-7: a\n"})

    assert begun("--id", "PM-40") == 0
    assert main(["new", "Third", "--date", "2026-02-02", "--id", "third outage"]) == 0

    assert head(folder / "another-loop.md").startswith("# PM-40: Another loop\n")
    assert head(folder / "third.md") == "---\nid: third outage\ndate: 2026-02-02\n---\n\n# Third"


def test_a_template_gets_the_id_in_its_heading(folder: Path) -> None:
    """Where a template of Jinja2 has no place for it there, it stands in front matter."""
    written(folder, {"login-loop.md": "# PM-7: a\n", "template.md": "# Template\n\n## Summary\n"})
    (folder.parent / "own.md").write_text("# {{ title }}\n\n## Summary\n")

    assert begun() == 0
    assert main(["new", "Third", "--date", "2026-02-02", "--template", "own.md"]) == 0

    assert head(folder / "another-loop.md") == "# PM-8: Another loop"
    assert head(folder / "third.md") == "---\nid: PM-9\ndate: 2026-02-02\n---\n\n# Third"


def committed(folder: Path) -> None:
    """Commit all that lies in a project."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=x")


@pytest.mark.parametrize("text", ["---\nid: PM-{n}\n---\n# Login\n", "# PM-{n}: Login\n"])
def test_no_id_of_a_deleted_document_is_used_again(
    text: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not one that its name does not tell, either; what it says of others is no id."""
    written(folder, {f"login-{n}.md": text.format(n=n) for n in (7, 8, 9)})
    with (folder / "login-9.md").open("a") as file:
        file.write("\nIt began at 3 PM 2026, as PM-40 did.\n\n## PM-50 again\n\nparent_id: PM-60\n")
    git(folder.parent, "init", "--quiet", "--initial-branch=main")
    committed(folder.parent)
    (folder / "login-9.md").unlink()
    committed(folder.parent)

    assert begun("--dry-run") == 0

    assert capsys.readouterr().err.startswith(f"PM-10  {TITLE}\n")


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("a.yml", "7:\n  title: a\n12:\n  title: b\n", "7:\n  title: a\n"),
        ("a.yml", "'7':  # first\n  title: a\n'12': {title: b}\n", "'7':\n  title: a\n"),
        ("a.yml", "7:\r\n  title: a\r\n12:\r\n  title: b\r\n", "7:\r\n  title: a\r\n"),
        ("a.yml", "- incident_id: 7\n- incident_id: 12  # last\n", "- incident_id: 7\n"),
        ("a.yml", "- {title: a, Incident ID: 7}\n- {number: '12'}\n", "- number: 7\n"),
        ("a.toml", "[postmortems.7]\ntitle = 'a'\n[postmortems.12]\n", "[[issues]]\nkey = 7\n"),
        ("a.toml", "[postmortems]\n7 = {title = 'a'}\n\"12\" = {}\n", "[[issues]]\nkey = 7\n"),
        (
            "a.toml",
            "[[postmortems]]\nkey = 7\n[[postmortems]]\nkey = 12\n",
            "[[issues]]\nkey = 7\n",
        ),
        ("a.json", '{"7": {"title": "a"}, "12": {"title": "b"}}', '{"7": {}}'),
        ("a.json", '[{"uuid": "7"},\n {"uuid": "12"}]', '[{"uuid": 7}]'),
    ],
)
def test_no_id_of_a_deleted_entry_is_used_again(
    name: str, before: str, after: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever its key is, and be it the key of the entry itself."""
    project = folder.parent
    (project / "pytest.ini").write_text(f"[pytest]\npostmortem_registry = {name}\n")
    git(project, "init", "--quiet", "--initial-branch=main")
    for text in (before, after):
        (project / name).write_bytes(text.encode())
        committed(project)

    assert begun("--dry-run") == 0

    assert capsys.readouterr().err.startswith(f"13  {TITLE}\n")


@pytest.mark.parametrize("text", ["", "postmortems: []\n", "# none yet\n", "prefix: A-\n"])
def test_the_first_id_of_a_registry_file_is_that_of_a_folder(
    text: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A number alone, for the title stands beside it."""
    (folder.parent / "pytest.ini").write_text("[pytest]\npostmortem_registry = a.yml\n")
    (folder.parent / "a.yml").write_text(text)

    assert begun() == 0

    id = "A-PM-0001" if "prefix" in text else "PM-0001"
    assert capsys.readouterr().out.startswith(f"{id}  {TITLE}\n")
    assert "  - id: PM-0001\n    title: Another loop\n" in (folder.parent / "a.yml").read_text()
