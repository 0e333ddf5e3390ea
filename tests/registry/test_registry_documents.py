"""A directory of post-mortems: which files are documents, and what they say of themselves."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pytest_postmortem.errors import RegistryError
from pytest_postmortem.model import Location, Postmortem, Registry
from pytest_postmortem.registry import LoadOptions, load_registry

DATA = Path(__file__).parents[1] / "data"
GOLDEN = json.loads((DATA / "golden_documents.json").read_text(encoding="utf-8"))


def write(folder: Path, documents: dict[str, str]) -> Path:
    """Write documents into a directory of post-mortems, and return its parent."""
    for name, text in documents.items():
        path = folder / "pm" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def read(
    folder: Path,
    *,
    id_pattern: str | None = None,
    files: tuple[str, ...] = (),
    url_template: str | None = None,
) -> Registry:
    """Load the directory of post-mortems."""
    return load_registry(
        [Location("pm", folder)],
        folder,
        LoadOptions(id_pattern=id_pattern, files=files, url_template=url_template),
    )


def document(folder: Path, text: str, name: str = "outage.md") -> Postmortem:
    """Return the post-mortem that one document is."""
    return read(write(folder, {name: text})).postmortems[0]


def problems(folder: Path) -> str:
    """Return all messages of a directory that can't be read, without their last lines."""
    with pytest.raises(RegistryError) as caught:
        read(folder)
    return re.sub(r"\n  see `pytest-postmortem explain .*", "", str(caught.value))


@pytest.mark.parametrize("collection", sorted(GOLDEN))
def test_a_public_collection_is_read_as_it_is(collection: str) -> None:
    """Id, title and date of every document are right, and nothing else is taken for one."""
    registry = load_registry([Location(collection, DATA)], DATA)

    assert {
        (each.path or "").partition("/")[2]: [each.id, each.title, each.date] for each in registry
    } == GOLDEN[collection]["documents"]
    assert registry.findings == ()


@pytest.mark.parametrize("collection", sorted(GOLDEN))
def test_every_file_of_a_collection_is_a_document_or_is_left_out(collection: str) -> None:
    """Indexes, templates and READMEs are the files of the collections that are left out."""
    files = (path for path in (DATA / collection).rglob("*") if path.is_file())

    names = {path.relative_to(DATA / collection).as_posix() for path in files}

    assert names - GOLDEN[collection]["documents"].keys() == set(GOLDEN[collection]["left_out"])


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("PM2021-005 - All services.md", "PM2021-005"),
        ("INC-12.md", "INC-12"),
        ("INC-12-checkout.md", "INC-12"),
        ("OPS_0042_checkout.md", "OPS_0042"),
        ("PM-102-3-retries.md", "PM-102"),
        ("INC-2024-017-checkout.md", "INC-2024-017"),
        ("INC-12-2024-01-02-checkout.md", "INC-12"),
        ("incident-7.markdown", "incident-7"),
        ("pm 7 - lost.md", "pm 7"),
        ("[PM-9] lost.md", "PM-9"),
        ("COE-1.5-lost.md", "COE-1.5-lost"),
        ("incident-2024-01-02-x.md", "incident-2024-01-02-x"),
        ("INC-20240102.md", "INC-20240102"),
        ("INC-20241302.md", "INC-20241302"),
        ("incident-2024-checkout.md", "incident-2024-checkout"),
        ("PM-12a.md", "PM-12a"),
        ("sev-1-checkout.md", "sev-1-checkout"),
        ("SEV-1-checkout.md", "SEV-1-checkout"),
        ("CVE-2019-15225.md", "CVE-2019-15225"),
        ("UTF-8-again.rst", "UTF-8-again"),
        ("FIFA 2022 load.md", "FIFA 2022 load"),
        ("Retry-3-times.md", "Retry-3-times"),
        ("v1.30 upgrade.md", "v1.30 upgrade"),
        ("2025-04-14-leaked-token.html.md.erb", "2025-04-14-leaked-token"),
        ("2020.md.erb", "2020"),
        ("ausfälle.mdx", "ausfälle"),
        ("故障.MD", "故障"),
    ],
)
def test_the_name_of_a_file_gives_the_id(tmp_path: Path, name: str, id: str) -> None:
    """A prefix of letters and a number is the id, unless it is a date or something else's name."""
    found = document(tmp_path, "It broke.\n", name)

    assert found.id == id


@pytest.mark.parametrize(
    ("text", "id"),
    [
        ("# PM-12: Twice charged", "PM-12"),
        ("# [INC-12] Twice charged", "INC-12"),
        ("# Incident 12 – twice charged", "Incident 12"),
        ("# CVE-2024-1: overflow", "outage"),
        ("# Incident on 2024-01-02", "outage"),
        ("# Incident 2024-01-02", "outage"),
        ("---\nnumber: 0012\n---\n# PM-12: Twice charged", "0012"),
        ("---\nslug: x\nuuid: y\n---\n", "outage"),
        ("---\nid: ~\n---\n", "outage"),
    ],
)
def test_the_document_gives_the_id_where_its_name_has_none(
    tmp_path: Path, text: str, id: str
) -> None:
    """Front matter comes first, the first heading after the name; a slug is no id."""
    found = document(tmp_path, text)

    assert found.id == id


def test_every_document_is_known_by_its_name_and_its_paths(tmp_path: Path) -> None:
    """A test may name the stem or a path, where it means one document alone."""
    documents = {"a/PM-1-lost.md": "", "b/PM-2-lost.md": "", "a/same.md": "---\nid: x\n---\n"}
    write(tmp_path, documents | {"b/same.md": "---\nid: y\n---\n"})

    registry = read(tmp_path)

    names = ["pm-1-LOST", "a/PM-1-lost.md", "pm/b/PM-2-lost.md", "same", "b/same.md", "x"]
    found = [registry.find(name) for name in names]
    assert [each and each.id for each in found] == ["PM-1", "PM-1", "PM-2", None, "y", "x"]
    assert registry.findings == ()
    assert all(each.aliases == () for each in registry)


@pytest.mark.parametrize(
    ("pattern", "id"),
    [(r"^\d+", "017"), (r"(\d+)-(\w+)", "017"), (r"x|(y)", "x"), ("none", "own"), ("z*$", "own")],
)
def test_a_pattern_of_the_readers_own_overrides(tmp_path: Path, pattern: str, id: str) -> None:
    """Its first group or the whole match is the id, and the front matter's becomes an alias."""
    write(tmp_path, {"017-x-lost.md": "---\nid: own\n---\n"})

    registry = read(tmp_path, id_pattern=pattern)

    assert [each.id for each in registry] == [id]
    assert registry.find("OWN") is registry.postmortems[0]


LEFT_OUT = """
README.md readme.de.md index.md _index.md _category_.json .hidden.md .git/a.md templates/a.md
LICENSE LICENCE.md CONTRIBUTING.md CHANGELOG.md SUMMARY.md code-of-conduct.md template.md
template-incident.md Postmortem_Template.md post-mortem-template-short.md image.png notes.txt
toc.toml Makefile Dockerfile script empty binary
"""


def test_what_stands_beside_the_post_mortems_is_left_out(tmp_path: Path) -> None:
    """A directory with nothing else in it is empty, which is a warning."""
    write(tmp_path, dict.fromkeys(LEFT_OUT.split(), "# A heading\n"))
    write(tmp_path, {"script": "#!/bin/sh\n", "empty": "", "binary": "# A\0\n"})
    (tmp_path / "pm" / "gone.md").symlink_to(tmp_path / "nowhere")

    registry = read(tmp_path)

    assert [each.path for each in registry] == []
    assert [(each.code, str(each)) for each in registry.findings] == [
        (
            "registry-empty",
            "pm: it has no post-mortem; write the first, or correct the path",
        )
    ]


def test_a_date_or_an_id_makes_a_post_mortem_of_a_template(tmp_path: Path) -> None:
    """The incident with the template was one."""
    names = [
        "2024-01-02-broken-template.md",
        "lost-postmortem-template-mail.md",
        "PM-1-template.md",
        "contemplate.md",
        "plain name",
    ]

    registry = read(write(tmp_path, dict.fromkeys(names, "# A heading\n")))

    assert [each.path for each in registry] == [f"pm/{name}" for name in sorted(names)]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("\ufeff# Twice charged #\n", "Twice charged"),
        ("\n\n# **Twice** [charged](http://x) `now` {#anchor}\r\n", "Twice charged now"),
        ("Twice charged\n===\n", "Twice charged"),
        ("Twice charged\r\n---\r\n", "Twice charged"),
        ("- a list\n---\n# Twice charged\n", "Twice charged"),
        ("One line\nand two\n---\n# Twice charged\n", "Twice charged"),
        ("```\n# code\n~~~\n```\n# Twice charged\n", "Twice charged"),
        ("~~~~ text\n~~~\n# code\n~~~~\n# Twice charged\n", "Twice charged"),
        ("<!-- # one -->\n<!--\n# two\n-->\n# Twice charged\n", "Twice charged"),
        ("#no heading\n    # code\n#\n# Twice charged\n", "Twice charged"),
        ("## Twice charged\n", "Twice charged"),
        ("## Issue summary\n", "outage"),
        ("## Timeline:\n# Twice charged\n", "outage"),
        ("# Summary\n", "Summary"),
        ("No heading.\n", "outage"),
        ("", "outage"),
        ("---\ntitle: Own\n---\n# Twice charged\n", "Own"),
        ("---\ntitle: ''\nname: Other\n---\n# Twice charged\n", "Twice charged"),
        ("---\nname: Other\n---\ntext\n", "Other"),
        ("---\nsummary: |\n  two\n  lines\n---\ntext\n", "outage"),
        ("---\n# Twice charged\n", "Twice charged"),
        ("---\njust a rule\n---\n# Twice charged\n", "Twice charged"),
        ('+++\ntitle = "Own"\n+++\n', "Own"),
        ("---\ntitle: Own\n...\n", "Own"),
        ("# \x1b[31mRed\x07 \u202etwice\n", "[31mRed twice"),
    ],
)
def test_the_title_is_that_of_the_front_matter_or_the_first_heading(
    tmp_path: Path, text: str, title: str
) -> None:
    """Code, comments and mere sections are no titles; for want of one, the stem is."""
    found = document(tmp_path, text)

    assert found.title == title


RST = """\
=============
Twice charged
=============

:Date: 2024-01-02
:Root Cause: the retry
   had no key
:Owner:
   shop

Root cause
----------

Not this.
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (RST, ("Twice charged", "2024-01-02", "the retry had no key", "shop", 5)),
        (
            ":date: 2024-01-02\n\nTwice charged\n-------------\n",
            ("Twice charged", "2024-01-02", None, None, 1),
        ),
        (
            ".. _label:\n\n***\nOne\n***\n\nDate\n====\n\n2024-01-02\n\n"
            "Root causes\n===========\n\nDetail\n~~~~~~\n\n- a key\n  was lost\n- more\n\n"
            "Two\n***\n",
            ("One", "2024-01-02", None, None, None),
        ),
        ("No heading\n..\n---\n ====\n\n    code\n    ----\n", ("outage", None, None, None, None)),
        (":date: 2024-01-02\n:owner: shop", ("outage", "2024-01-02", None, "shop", 1)),
        ("Much too long a line\n---\n", ("outage", None, None, None, None)),
    ],
)
def test_restructured_text_is_understood(
    tmp_path: Path, text: str, expected: tuple[str | None, ...]
) -> None:
    """Headings under any adornment, and the field list at the top."""
    found = document(tmp_path, text, "outage.rst")

    assert (found.title, found.date, found.root_cause, found.owner, found.line) == expected


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("Date: 2024-01-02\n", "2024-01-02"),
        ("**Date:** Monday, 2024-01-02, 10:00\n", "2024-01-02"),
        ("- **Incident date**: 2024-01-02\n", "2024-01-02"),
        ("| Date of the incident | 2024-01-02 |\n", "2024-01-02"),
        ("| __Date__ | 2024-01-02 |\n", "2024-01-02"),
        ("> Date(s): 2024-01-02 to 2024-01-05\n", "2024-01-02"),
        ("date: 2024-13-02\n\ndate: 2024-01-02\n", "2024-01-02"),
        ("# Outage of 2024-01-02\n", "2024-01-02"),
        ("# Outage of 12024-01-02 and 2024-01-021\n", None),
        ("# Outage\n\n## Incident date(s)\n\n2024-01-02 - 2024-01-05\n", "2024-01-02"),
        ("# Outage\n\n## Date\n\nlast week\n", None),
        ("# Outage\n\n## Date\n", None),
        ("Updated: 2024-01-02\n\nOutdated | 2024-01-02\n", None),
        ("```\nDate: 2024-01-02\n```\n", None),
        ("---\ndate: 2024-03-04 10:00\n---\nDate: 2024-01-02\n", "2024-03-04"),
        ("---\ndate: last week\n---\nDate: 2024-01-02\n", "2024-01-02"),
        ("---\ndate: last week\n---\n", "last week"),
        ("+++\ndate = 2024-03-04T10:00:00Z\n+++\n", "2024-03-04"),
    ],
)
def test_the_date_is_looked_for_where_people_write_it(
    tmp_path: Path, text: str, date: str | None
) -> None:
    """A line, a row or a bullet, the first heading, a section; only real dates in ISO form."""
    found = document(tmp_path, text)

    assert found.date == date


@pytest.mark.parametrize(
    ("name", "text", "date"),
    [
        ("2024-01-02-lost.md", "Date: 2024-03-04\n", "2024-01-02"),
        ("2024-01-02-lost.md", "---\ndate: 2024-03-04\n---\n", "2024-03-04"),
        ("lost-2024-01-02.yml", "title: Lost\n", "2024-01-02"),
        ("lost-2024-01-02.yml", "occurred: 2024-03-04\n", "2024-03-04"),
        ("lost-2024-02-30.md", "", None),
    ],
)
def test_the_name_of_the_file_dates_a_document(
    tmp_path: Path, name: str, text: str, date: str | None
) -> None:
    """It comes after the front matter and before the text."""
    found = document(tmp_path, text, name)

    assert found.date == date


def test_loading_reads_no_cause(tmp_path: Path) -> None:
    """Only what shows a cause pays for reading it."""
    found = document(tmp_path, "# It\n\n## Root cause\n\nA key was lost.\n")

    assert found.root_cause is None


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", "pm/outage.md"),
        ("---\nurl: https://x/1\n---\n", "https://x/1"),
        ("---\nurl: docs/x.md\n---\n", "docs/x.md"),
        ("---\nurl: /blog/x\npermalink: /:year/:title\nlink: other.md\n---\n", "pm/outage.md"),
        ("---\nhtml_url: https://x/1\n---\n", "https://x/1"),
    ],
)
def test_a_document_without_a_link_is_its_own(tmp_path: Path, text: str, url: str) -> None:
    """What a site's generator takes for a path of the site is no link."""
    found = document(tmp_path, text)

    assert found.url == url


def test_a_template_comes_before_the_path_of_a_document(tmp_path: Path) -> None:
    """A site that renders the documents is where readers want to be."""
    write(tmp_path, {"PM-1-lost.md": ""})

    registry = read(tmp_path, url_template="https://x/{id}")

    assert registry.postmortems[0].url == "https://x/PM-1"


def test_a_document_outside_the_root_has_no_link(tmp_path: Path) -> None:
    """A path that leaves the repository leads nowhere on another machine."""
    write(tmp_path, {"PM-1-lost.md": ""})
    root = tmp_path / "root"

    registry = load_registry([Location("../pm", root)], root)

    assert [(each.path, each.url) for each in registry] == [("../pm/PM-1-lost.md", None)]


def test_a_directory_may_be_the_root(tmp_path: Path) -> None:
    """A repository of post-mortems alone has them at its top."""
    write(tmp_path, {"a/PM-1-lost.md": ""})

    registry = load_registry([Location(".", tmp_path / "pm")], tmp_path / "pm")

    assert registry.locations == (".",)
    assert registry.postmortems[0].path == "a/PM-1-lost.md"


def test_files_named_by_a_glob_are_listed_and_not_read(tmp_path: Path) -> None:
    """Their stem is id and title; beside a document of the same name they are its attachment."""
    names = ["PM-2 2024-01-02 lost.pdf", "PM-1-lost.pdf", "sub/b.pdf", "sub/c.doc", "d.doc"]
    write(tmp_path, dict.fromkeys([*names, ".e.pdf", "template.pdf", "PM-1-lost.md"], ""))

    registry = read(tmp_path, files=("**/*.pdf", "sub/*.doc", "**/", "."))

    assert [(each.id, each.title, each.date) for each in registry] == [
        ("PM-1", "PM-1-lost", None),
        ("PM-2 2024-01-02 lost", "PM-2 2024-01-02 lost", "2024-01-02"),
        ("b", "b", None),
        ("c", "c", None),
    ]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("PM-1.yml", "title: Lost\nissues: [{id: a}]\n", [("PM-1", "Lost", 1)]),
        ("PM-1.yaml", "\nowner: shop\n", [("PM-1", "PM-1", 2)]),
        ("PM-1.json", '{"reference": "7", "summary": "Lost"}', [("7", "Lost", 1)]),
        ("PM-1.yml", "", [("PM-1", "PM-1", None)]),
        ("all.yml", "- id: a\n- id: b\n", [("a", "a", 1), ("b", "b", 2)]),
        ("all.json", '{"incidents":\n [{"id": "a"}]}', [("a", "a", 2)]),
    ],
)
def test_a_yaml_or_json_document_is_one_post_mortem_or_lists_them(
    tmp_path: Path, name: str, text: str, expected: list[tuple[str, str, int | None]]
) -> None:
    """The whole file is the entry, unless it has the shape of a registry."""
    registry = read(write(tmp_path, {name: text}))

    assert [(each.id, each.title, each.line) for each in registry] == expected


def test_every_broken_document_is_told(tmp_path: Path) -> None:
    """One message each, with the line in the document, and all of them at once."""
    write(
        tmp_path,
        {
            "a.md": "---\ntitle: [\n---\n",
            "b.md": "+++\na = 1\nb\n+++\n",
            "c.md": "---\n\nurl: javascript:x\n---\n",
            "d.yml": "- 1\n",
            "e.md": "---\nid: ''\n---\n",
            "f/PM-1-a.md": "",
            "f/PM-1-b.md": "---\ntitle: Lost\n---\n",
        },
    )
    (tmp_path / "pm" / "g.md").write_bytes(b"# a\n\n\xff\n")
    with (tmp_path / "pm" / "h.md").open("wb") as file:
        file.truncate(6_000_000)

    message = problems(tmp_path)

    assert message == (
        "Couldn't read post-mortem 'pm/a.md', line 2: it is not YAML: "
        "did not find expected node content\n"
        "  fix the YAML on this line or the one before\n"
        "Couldn't read post-mortem 'pm/b.md', line 3: it is not TOML: "
        "Expected '=' after a key in a key/value pair\n"
        "  fix the TOML on this line\n"
        "Couldn't read registry 'pm/d.yml', line 1: '1' is not an entry\n"
        "  write each post-mortem as a mapping with an 'id', such as '- id: PM-1'\n"
        "Couldn't read post-mortem 'pm/e.md', line 2: the entry after c has an empty 'id'\n"
        "  every post-mortem needs an 'id'\n"
        "Couldn't read post-mortem 'pm/g.md', line 3: the byte 0xff is not UTF-8\n"
        "  save the file as UTF-8\n"
        "Couldn't read post-mortem 'pm/h.md': it has 6 MB, and at most 5 MB are read\n"
        "  split it, or move other data to another file\n"
        "Couldn't read registry 'pm/f/PM-1-b.md', line 1: the id 'PM-1' at pm/f/PM-1-b.md:1 is "
        "also that of the entry at pm/f/PM-1-a.md\n"
        "  give each post-mortem an id of its own; upper and lower case are the same"
    )
