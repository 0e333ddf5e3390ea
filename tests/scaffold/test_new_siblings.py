"""A new post-mortem is named and written as the newest one of its folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from pytest_postmortem.cli.main import main
from pytest_postmortem.model import Location
from pytest_postmortem.registry import load_registry
from repositories import git

TITLE = "Another loop"
CAUSE = "\n\n## Root cause\n\nX had no limit.\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of post-mortems in a project, in which commands are run."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "postmortems").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "postmortems"


def begin(folder: Path, files: Mapping[str, str], *arguments: str) -> tuple[str, str]:
    """Begin a post-mortem next to others; return its path and its text up to the first section."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    assert main(["new", TITLE, "--date", "2026-11-29", *arguments]) == 0
    (new,) = (path for path in folder.rglob("*.*") if str(path.relative_to(folder)) not in files)
    return new.relative_to(folder).as_posix(), new.read_text("utf-8").partition("\n\n## ")[0]


def test_a_name_with_the_name_of_a_month(folder: Path) -> None:
    """It is that of the date; which document is the newest is told by it too."""
    files = {
        "jan-2019-dns-outage.md": f"# A{CAUSE}",
        "jun-2019-kubelet-qps.md": f"# B\n\nDate: 2019-06-02{CAUSE}",
        "sep-2018-old.md": f"# C\n\n- Date: 2018-09-02{CAUSE}",
    }

    assert begin(folder, files) == (
        "nov-2026-another-loop.md",
        "# Another loop\n\nDate: 2026-11-29",
    )


def test_a_date_in_a_name_is_no_number_of_an_id(folder: Path) -> None:
    """``2026-07-14-b`` does not use up ``2026-007``."""
    files = {
        "2026-07-10-a.yml": "id: 2026-001\ntitle: a\ndate: 2026-07-10\n",
        "2026-07-14-b.yml": "id: 2026-002\ntitle: b\ndate: 2026-07-14\n",
    }

    path, text = begin(folder, files)

    assert path == "2026-11-29-another-loop.yml"
    assert text == "id: 2026-003\ntitle: Another loop\ndate: 2026-11-29\n"


@pytest.mark.parametrize("key", ["uuid", "id", "incident_id"])
def test_a_uuid_is_a_fresh_one(folder: Path, key: str) -> None:
    """In the name, and in front matter; both are the same."""
    ids = ("655ee350-a86f-424b-89c5-f80cc0fe527e", "00b7f759-21f8-4767-8803-f09d863005cd")
    files = {
        f"{id}.md": f"---\n{key}: {id}\ntitle: T\nstart_time: 2026-01-02\n---{CAUSE}" for id in ids
    }

    path, text = begin(folder, files)

    fresh = re.fullmatch(r"([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})\.md", path)
    assert fresh is not None
    assert fresh[1] not in ids
    assert text == f"---\n{key}: {fresh[1]}\ntitle: Another loop\nstart_time: 2026-11-29\n---"
    assert load_registry([Location(".", folder)], folder).find(fresh[1]) is not None


def test_a_uuid_may_be_a_key_of_front_matter_alone(folder: Path) -> None:
    """The name is a title there; the new document does not share the UUID of the other."""
    id = "655EE350-A86F-424B-89C5-F80CC0FE527E"

    path, text = begin(folder, {"2026-01-02-a.md": f"---\nguid: {id}\n---\n# A{CAUSE}"})

    assert path == "2026-11-29-another-loop.md"
    assert re.fullmatch(r"---\nguid: [0-9A-F-]{36}\n---\n\n# Another loop", text)
    assert id not in text


@pytest.mark.parametrize("mark", ["PM-2026-999", "PM-2026-017"])
def test_an_id_that_only_a_mark_names_does_not_count(folder: Path, mark: str) -> None:
    """It may be a slip, and a number is not skipped for it."""
    (folder.parent / "test_a.py").write_text(
        f"import pytest\n\n@pytest.mark.postmortem({mark!r})\ndef test_1(): pass\n"
    )
    files = {f"PM-2026-00{n}-t{n}.md": f"# PM-2026-00{n}: t{n}{CAUSE}" for n in (1, 2, 3)}

    assert begin(folder, files)[0] == "PM-2026-004-another-loop.md"


@pytest.mark.parametrize(
    ("names", "name"),
    [
        (("disk-full", "dns-down", "PVC-locked", "mail-gone"), "another-loop"),
        (("Disk-full", "DNS-down", "mail-gone"), "Another-loop"),
    ],
)
def test_a_slug_is_in_lower_case_unless_most_are_not(
    folder: Path, names: tuple[str, ...], name: str
) -> None:
    """One abbreviation makes no manner."""
    files = {f"2026-01-0{n}-{each}.md": f"# X{CAUSE}" for n, each in enumerate(names, start=1)}

    assert begin(folder, files)[0] == f"2026-11-29-{name}.md"


LABELS = {
    "**Date of incident:** 2026-01-02\n**Severity:** SEV2\n**Authors:** me": (
        "**Date of incident:** 2026-11-29  \n**Severity:** sev1  \n**Owner:** payments"
    ),
    "- **Severity**: SEV2\n- Date: 2026-01-02": (
        "- **Severity**: sev1\n- Date: 2026-11-29\n- Owner: payments"
    ),
    "| Field | Value |\n|---|---|\n| Severity | SEV2 |\n| Team | x |": (
        "| Field | Value |\n|---|---|\n| Severity | sev1 |\n| Team | payments |\n"
        "| Date | 2026-11-29 |"
    ),
    "> Severity: SEV2": "> Severity: sev1\n> Date: 2026-11-29\n> Owner: payments",
    "重大度\uff1aSEV2\n発生日\uff1a2026-01-02": (
        "重大度\uff1a sev1  \n発生日\uff1a 2026-11-29  \nOwner\uff1a payments"
    ),
    "Schweregrad: hoch\nDatum: 2026-01-02": (
        "Schweregrad: sev1  \nDatum: 2026-11-29  \nOwner: payments"
    ),
    "It was dark.": "Date: 2026-11-29  \nSeverity: sev1  \nOwner: payments",
    "Severity of the outage was high: SEV1": (
        "Date: 2026-11-29  \nSeverity: sev1  \nOwner: payments"
    ),
}


@pytest.mark.parametrize("head", LABELS, ids=range(len(LABELS)))
def test_the_labels_of_the_newest_document_are_taken_over(folder: Path, head: str) -> None:
    """Its own names of the fields, in its own form; a field without one is written alike."""
    files = {
        "2026-01-01-a.md": f"# A\n\nDate: 2026-01-01{CAUSE}",
        "2026-01-02-b.md": f"# B\n\n{head}{CAUSE}",
    }

    text = begin(folder, files, "--severity", "sev1", "--owner", "payments")[1]

    assert text == f"# Another loop\n\n{LABELS[head]}"


@pytest.mark.parametrize(
    "line",
    [
        "Severity: ",
        "**Severity:** SEV1 / SEV2 / SEV3",
        "| Severity | [SEV-1, SEV-2] |",
        "- Severity level: low | medium | high",
        "Gravité : ",
    ],
)
def test_the_severity_of_a_template_is_filled_in(folder: Path, line: str) -> None:
    """Also where it offers several, or has no English label."""
    files = {"template.md": f"# Title\n\n{line}\nDate: YYYY-MM-DD{CAUSE}", "PM-1.md": f"# A{CAUSE}"}

    text = begin(folder, files, "--severity", "sev1")[1]

    label = re.split(r"[:|]\W*(?=\w*$|SEV|low)", line)[0].strip(" *")
    assert "sev1" in text
    assert label in text
    assert "SEV2" not in text
    assert "Date: 2026-11-29" in text


@pytest.mark.parametrize("file", ["index.md", "README.md"])
def test_a_page_bundle_is_followed_by_one(folder: Path, file: str) -> None:
    """A folder of its own, whose name is that of the post-mortem."""
    files = {
        f"{name}/{file}": f"---\ntitle: Disk {name}\n---{CAUSE}"
        for name in ("2024-01-02-x", "2024-02-02-y")
    }

    path, text = begin(folder, files)

    assert path == f"2026-11-29-another-loop/{file}"
    assert text.startswith("---\ntitle: Another loop\n")
    registry = load_registry([Location(".", folder)], folder)
    assert registry.find("2026-11-29-another-loop") is not None


def test_bundles_may_be_in_folders_of_years(folder: Path) -> None:
    """The year of the new one is that of its date."""
    files = {
        "2024/2024-01-02-x/index.md": f"# X{CAUSE}",
        "2025/2025-02-02-y/index.md": f"# Y{CAUSE}",
    }

    assert begin(folder, files)[0] == "2026/2026-11-29-another-loop/index.md"


def test_the_number_of_a_deleted_bundle_is_not_used_again(folder: Path) -> None:
    """Its name is that of its folder, in former commits too."""
    git(folder.parent, "init", "--quiet", "--initial-branch=main")
    (folder / "PM-2").mkdir()
    (folder / "PM-2" / "index.md").write_text(f"# Login{CAUSE}")
    git(folder.parent, "add", "--all")
    git(folder.parent, "commit", "--quiet", "--message=x")
    (folder / "PM-2" / "index.md").unlink()

    assert begin(folder, {"PM-1-a.md": f"# A{CAUSE}"})[0] == "PM-3-another-loop.md"


@pytest.mark.parametrize(
    ("names", "new"),
    [
        (("3-märz-2026-a", "1-mai-2026-b"), "29-november-2026-another-loop"),
        (("Mär-2026-a", "Feb-2026-b"), "Nov-2026-another-loop"),
        (("2026-ene-05-a", "2026-ago-06-b"), "2026-nov-29-another-loop"),
        (("grudnia-2025-a", "maja-2026-b"), "listopada-2026-another-loop"),
        (("2026-mars-02-a", "2026-mai-03-b"), "2026-novembre-29-another-loop"),
        (("02-января-2026-a", "03-марта-2026-b"), "29-ноября-2026-another-loop"),
    ],
)
def test_the_names_of_months_may_be_in_other_languages(
    folder: Path, names: tuple[str, str], new: str
) -> None:
    """All names together tell the language, and whether its short forms are used."""
    assert begin(folder, {f"{name}.md": f"# A{CAUSE}" for name in names})[0] == f"{new}.md"


@pytest.mark.parametrize(
    ("line", "filled"),
    [
        ("**Fecha del incidente:** YYYY-MM-DD", "**Fecha del incidente:** 2026-11-29"),
        ("**Data:** AAAA-MM-DD", "**Data:** 2026-11-29"),
        ("Datum: JJJJ-MM-TT", "Datum: 2026-11-29"),
        ("Дата: ГГГГ-\u041c\u041c-ДД", "Дата: 2026-11-29"),
        ("| 発生日時 | |", "| 発生日時 | 2026-11-29 |"),
        ("Datum van het incident: ", "Datum van het incident: 2026-11-29"),
    ],
)
def test_a_date_of_a_template_is_filled_in_any_language(
    folder: Path, line: str, filled: str
) -> None:
    """By the words by which documents are read."""
    files = {"template.md": f"# Title\n\n{line}{CAUSE}", "PM-1.md": f"# A{CAUSE}"}

    assert filled in begin(folder, files)[1].split("\n")


@pytest.mark.parametrize(
    ("heading", "new"),
    [
        ("ポストモーテム: A", "ポストモーテム: Another loop"),
        ("2026-01-02 — A", "2026-11-29 — Another loop"),
        ("Störungsbericht: A", "Störungsbericht: Another loop"),
        ("Mail: gone", "Another loop"),
    ],
)
def test_a_heading_has_the_words_that_say_what_it_is(folder: Path, heading: str, new: str) -> None:
    """And the date, as the heading of the newest document has them."""
    text = begin(folder, {"2026-01-02-mail-gone.md": f"# {heading}{CAUSE}"})[1]

    assert text.split("\n")[0] == f"# {new}"


def test_labels_below_the_first_heading_are_taken_over_with_it(folder: Path) -> None:
    """Reports in Japanese often have a table of their data there."""
    table = "| 項目 | 内容 |\n|---|---|\n| 発生日時 | 2026-01-02 |\n| 重大度 | SEV-2 |"
    (folder).mkdir(exist_ok=True)
    (folder / "PM-1-a.md").write_text(f"# A\n\n## メタデータ\n\n{table}{CAUSE}", encoding="utf-8")

    assert main(["new", TITLE, "--date", "2026-11-29", "--severity", "SEV-1"]) == 0

    (new,) = folder.glob("PM-2*")
    text = new.read_text("utf-8")
    assert text.startswith(
        "# Another loop\n\n## メタデータ\n\n| 項目 | 内容 |\n|---|---|\n"
        "| 発生日時 | 2026-11-29 |\n| 重大度 | SEV-1 |\n\n## "
    )


def test_keys_of_jekyll_keep_their_colon(folder: Path) -> None:
    """A key without one would be another kind of key."""
    files = {"2026-01-02-a.md": f"---\n:title: A\n:layout: post\n---{CAUSE}"}

    assert ":severity: sev1" in begin(folder, files, "--severity", "sev1")[1]


def test_an_export_is_no_model_for_a_document(folder: Path) -> None:
    """Nothing could be added to it."""
    export = '{"page": {"id": "x"}, "incidents": [{"id": "a", "name": "A", "impact": "minor"}]}'

    assert begin(folder, {"incidents.json": export})[0] == "PM-0001-another-loop.md"


def test_the_folder_follows_the_newest_document_of_any_kind(folder: Path) -> None:
    """Also where that is AsciiDoc, which is not written."""
    files = {
        "2015/2015-08-04-a.md": f"# A{CAUSE}",
        "2021/09/2021-09-04-b.adoc": "= B\n",
    }

    assert begin(folder, files)[0] == "2026/11/2026-11-29-another-loop.md"


def test_a_severity_that_is_not_read_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what to do about it."""
    begin(folder, {"PM-1.md": f"# A{CAUSE}"}, "--severity", "Blackout")

    assert (
        "  'Blackout' is not read as a severity: name it in postmortem_severities,"
        " or use a word such as SEV1 or high"
    ) in capsys.readouterr().out


def test_a_table_of_incidents_is_no_model_for_a_document(folder: Path) -> None:
    """The next document is written as the others, not as a row of a spreadsheet."""
    files = {
        "2026-01-02-login-loop.md": f"# Login loop\n\nDate: 2026-01-02{CAUSE}",
        "2026-02-03-exported.csv": "id,title,date\nPM-1,Charged twice,2026-02-03\n",
    }

    assert begin(folder, files) == (
        "2026-11-29-another-loop.md",
        "# Another loop\n\nDate: 2026-11-29",
    )
