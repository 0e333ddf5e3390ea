"""Collections as people keep them: bundles, AsciiDoc, HTML, exports, lists of incidents."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pytest_postmortem.errors import RegistryError
from pytest_postmortem.model import Location, Postmortem, Registry
from pytest_postmortem.registry import LoadOptions, find_registry, load_registry
from pytest_postmortem.registry.postmortem_text import add_registry_details, read_document


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write files below a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def load(folder: Path, location: str = "pm", **how: object) -> Registry:
    """Load one location, with what reports show of the documents."""
    registry = load_registry([Location(location, folder)], folder, LoadOptions(**how))  # type: ignore[arg-type]  # of LoadOptions
    return add_registry_details(registry, folder)


def load_files(folder: Path, files: Mapping[str, str], location: str = "pm") -> Registry:
    """Write files below the location and load it."""
    write_files(folder / "pm", files)
    return load(folder, location)


def ids(registry: Registry) -> list[str]:
    """Return all ids."""
    return [each.id for each in registry]


BUNDLE = (
    "---\ntitle: Disk full\ndate: 2024-01-02\n---\n\n## Root cause\n\nNothing deletes old mail.\n"
)


def test_a_folder_with_one_index_or_readme_is_a_document(tmp_path: Path) -> None:
    """Its id is the name of the folder, at any depth; pictures next to it do not matter."""
    registry = load_files(
        tmp_path,
        {
            "2024-01-02-x/index.md": BUNDLE,
            "2024-01-02-x/graph.png": "",
            "2024/02/INC-12-login/README.md": "# Login loop\n",
            "2024/03/slug/index.en.md": "# A\n",
            "2024/03/slug/index.de.md": "# B\n",
            "2024/README.md": "# Year\n",
            "chart/index.adoc": "= Chart\n",
            "chart/data.json": '{"points": [1]}',
            "README.md": "# All\n",
            "index.md": "# All\n",
        },
    )

    assert {each.id: (each.title, each.path) for each in registry} == {
        "2024-01-02-x": ("Disk full", "pm/2024-01-02-x/index.md"),
        "INC-12": ("Login loop", "pm/2024/02/INC-12-login/README.md"),
        "slug": ("A", "pm/2024/03/slug/index.en.md"),
        "chart": ("Chart", "pm/chart/index.adoc"),
    }
    assert registry.postmortems[0].root_cause == "Nothing deletes old mail."
    assert registry.find("2024/02/INC-12-login") is registry.find("INC-12-login")


@pytest.mark.parametrize(
    "files",
    [
        {"a/README.md": "# All\n", "a/b.md": "# B\n"},
        {"a/index.md": "# All\n", "a/INC-1.yml": "title: B\n"},
        {"a/_index.md": "# All\n", "a/b.md": "# B\n"},
        {"a/README.md": "# All\n", "a/2024/b.md": "# B\n"},
    ],
)
def test_an_index_of_other_documents_is_none(tmp_path: Path, files: Mapping[str, str]) -> None:
    """A README next to documents or above them is a page about them."""
    assert len(load_files(tmp_path, files)) == 1


def test_a_folder_of_bundles_is_found(tmp_path: Path) -> None:
    """A default location may have nothing but bundles."""
    write_files(tmp_path, {"docs/postmortems/x/index.md": BUNDLE})

    assert find_registry(tmp_path) == tmp_path / "docs" / "postmortems"


def test_a_changed_bundle_page_or_table_is_read_again(tmp_path: Path) -> None:
    """The cache notices each kind of file that is read."""
    files = {
        "x/index.md": "# A\n",
        "b.html": "<h1>A</h1>",
        "c.adoc": "= A\n",
        "d.csv": "id,title,date\nPM-9,A,2026-01-01\n",
    }
    write_files(tmp_path / "pm", files)
    cache = tmp_path / "cache"
    for name, text in files.items():
        before = {each.id: each.title for each in load(tmp_path, cache=cache)}
        (tmp_path / "pm" / name).write_text(text.replace("A", "B"), encoding="utf-8")
        after = {each.id: each.title for each in load(tmp_path, cache=cache)}

        assert sorted(set(after.items()) - set(before.items()))[0][1] == "B"


ADOC = """\
= INC-7: Login loop
Jane Doe <jane@example.com>
v1.0, 2026-04-01
:severity: SEV1
:date: 2026-03-02
:owner: Identity

== Root cause

The session was signed with `the newest key`.
"""


def test_asciidoc_gives_its_attributes_title_and_cause(tmp_path: Path) -> None:
    """The attributes in the head are its front matter."""
    found = load_files(tmp_path, {"login.adoc": ADOC}).postmortems[0]

    assert (found.id, found.title, found.date, found.severity, found.owner, found.root_cause) == (
        "INC-7",
        "Login loop",
        "2026-03-02",
        "SEV1",
        "Identity",
        "The session was signed with `the newest key`.",
    )


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "Login loop - Google Docs.html",
            '<html><head><meta charset="UTF-8"><style>.c1{}</style></head><body>'
            '<p class="c3 title"><span>Login loop after rotation</span></p>'
            '<p class="c1"><span>Date: 2026-03-02</span></p>'
            "<h1><span>Root cause</span></h1><p><span>The key was old</span>"
            '<sup><a href="#cmnt1">[a]</a></sup><span>.</span></p></body></html>',
            ("Login loop", "Login loop after rotation", "2026-03-02", "The key was old."),
        ),
        (
            "Disk-full_1310730.html",
            "<html><head><title>Ops : Disk full</title></head><body>"
            '<div id="breadcrumb-section"><ol><li>Ops</li></ol></div>'
            '<h1 id="title-heading"><span id="title-text"> Ops : Disk full </span></h1>'
            '<div class="page-metadata">Created by Jane Doe</div><table><tbody>'
            '<tr><th>Date</th><td><p><time datetime="2026-03-02">02 Mar 2026</time></p></td></tr>'
            "<tr><th>Owner</th><td>Storage</td></tr></tbody></table>"
            "<h1>Root cause</h1><p>Nothing deletes <b>old </b>mail.</p>"
            '<div id="footer">Document generated by Confluence</div></body></html>',
            ("Disk-full", "Disk full", "2026-03-02", "Nothing deletes old mail."),
        ),
        (
            "outage_20260302.html",
            "<title>Outage - Confluence</title><p>Date: 2026-03-02<h2>Root cause</h2><p>A&amp;B",
            ("outage_20260302", "Outage", "2026-03-02", "A&B"),
        ),
        (
            "Login 1a2b3c4d5e6f7890abcdef1234567890.md",
            "# Login\n\nDate: 2026-03-02\n\n# Root cause\n\nA.\n",
            ("Login", "Login", "2026-03-02", "A."),
        ),
    ],
)
def test_an_exported_page_is_read(
    tmp_path: Path, name: str, text: str, expected: tuple[str, ...]
) -> None:
    """The name of the service and the id of the page belong neither to the id nor to the title."""
    found = load_files(tmp_path, {name: text}).postmortems[0]

    assert (found.id, found.title, found.date, found.root_cause) == expected


def test_a_page_that_was_made_of_a_document_is_not_read(tmp_path: Path) -> None:
    """Nor are the signature of a file, and the pages that a generator of websites adds."""
    registry = load_files(
        tmp_path,
        {"a.md": "# A\n", "a.html": "<h1>A</h1>", "404.html": "", "a.md.asc": "", "b.asc": "= B\n"},
    )

    assert ids(registry) == ["a", "b"]
    assert registry.notes == (
        "pm: 1 file is not read: 1 next to a document of the same name (a.html)",
    )


def test_what_is_not_read_is_counted_with_the_reason(tmp_path: Path) -> None:
    """One line; a README, a template and pictures are no loss."""
    files = ["a.docx", "b.docx", "c.pdf", "README.md", "template.md", "x.png", ".x.odt", "Makefile"]
    registry = load_files(
        tmp_path,
        {**dict.fromkeys(files, ""), "d.md": "# D\n", "data.tsv": "a\tb\n1\t2\n"},
    )

    assert registry.notes == (
        "pm: 4 files are not read: 2 .docx, 1 .pdf (name them with postmortem_files), "
        "1 without incidents (data.tsv)",
    )
    assert load(tmp_path, files=("*.docx", "*.pdf")).notes == (
        "pm: 1 file is not read: 1 without incidents (data.tsv)",
    )


def test_what_is_not_read_is_known_to_the_cache(tmp_path: Path) -> None:
    """A second run says the same."""
    write_files(tmp_path / "pm", {"a.md": "# A\n", "b.docx": ""})

    first, second = (load(tmp_path, cache=tmp_path / "cache") for _ in range(2))

    assert first.notes == second.notes != ()


LOG = """\
# Incident log

## INC-3: Mail gone (2026-03-01)

Severity: SEV1

### Root cause

Nothing deletes old mail.

### Timeline

#### 2026-03-01 10:00

## [INC-2] Login loop (2026-02-01)

### Root cause

The key was rotated half.

## Glossary
"""


def test_a_document_named_as_a_location_has_an_entry_for_each_incident(tmp_path: Path) -> None:
    """The heading gives id, title, date and line, the text below it the rest."""
    write_files(tmp_path, {"log.md": LOG})

    assert [
        (each.id, each.title, each.date, each.line, each.root_cause, each.url)
        for each in load(tmp_path, "log.md")
    ] == [
        (
            *("INC-3", "Mail gone", "2026-03-01", 3, "Nothing deletes old mail."),
            "log.md#inc-3-mail-gone-2026-03-01",
        ),
        (
            *("INC-2", "Login loop", "2026-02-01", 15, "The key was rotated half."),
            "log.md#inc-2-login-loop-2026-02-01",
        ),
    ]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "a.md",
            "---\nx: y\n---\n# 2026\n\n## 2026-01-02: Disk full\n\n## 2026-01-01\n\n### Login\n",
            [("2026-01-02-disk-full", "Disk full", 6), ("2026-01-01", "Login", 8)],
        ),
        (
            "a.adoc",
            "= Log\n\n== PM-1 One\n\n== PM-2 Two\n",
            [("PM-1", "One", 3), ("PM-2", "Two", 5)],
        ),
        ("a.rst", "Log\n===\n\nPM-1: One\n---------\n\nx\n", [("PM-1", "One", 4)]),
        ("a.html", "<h1>Log</h1>\n<h2>PM-1: One</h2>\n<p>x", [("PM-1", "One", 2)]),
        (
            "a.md",
            "# Log\n\n| Id | Date | What |\n|---|---|---|\n| [INC-1](x.md) | 2026-01-01 | `A` |\n",
            [("INC-1", "A", 5)],
        ),
    ],
)
def test_incidents_are_listed_in_many_ways(
    tmp_path: Path, name: str, text: str, expected: list[tuple[str, str, int]]
) -> None:
    """By dates without ids, in every kind of document, or as the rows of a table."""
    write_files(tmp_path, {name: text})

    assert [(each.id, each.title, each.line) for each in load(tmp_path, name)] == expected


def test_in_a_folder_such_a_document_stays_one_with_a_hint(tmp_path: Path) -> None:
    """Only a location says that a document lists incidents; a timeline is none."""
    registry = load_files(
        tmp_path,
        {
            "log.md": LOG,
            "2026.md": "# 2026\n\n|Id|Date|What|\n|-|-|-|\n|INC-1|x|A|\n|INC-2|x|B|\n",
            "disk.md": "# Disk\n\n## Timeline\n\n### 2026-01-01\n\n### 2026-01-02\n",
        },
    )

    assert ids(registry) == ["2026", "disk", "log"]
    assert registry.notes == (
        "pm/2026.md lists 2 incidents: name it in postmortem_registry to read each of them",
        "pm/log.md lists 2 incidents: name it in postmortem_registry to read each of them",
    )


def test_csv_is_read_by_its_header(tmp_path: Path) -> None:
    """With any separator, a byte order mark, quoted lines, and the names of fields in any form."""
    text = (
        "\ufeffIncident ID;Started At;Severity;Title;Root-Cause;Team\r\n"
        'INC-1;2026-01-02;SEV1;"Charged\r\ntwice";"No ""key""";Pay\r\n'
        ";;;;;\r\n"
        "INC-2;2026-02-02T10:00:00Z;;Login;;Id\r\n"
    )
    (tmp_path / "log.csv").write_bytes(text.encode())

    assert [
        (each.id, each.title, each.date, each.severity, each.root_cause, each.owner, each.line)
        for each in load(tmp_path, "log.csv")
    ] == [
        ("INC-1", "Charged twice", "2026-01-02", "SEV1", 'No "key"', "Pay", 2),
        ("INC-2", "Login", "2026-02-02", None, None, "Id", 5),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name,date\nPM-1: A,2026-01-01\nB,2026-01-02\n", ["PM-1", "B"]),
        ("name,date\nA,2026-01-01\nA,2026-01-02\n", ["A (2026-01-01)", "A (2026-01-02)"]),
        ("#\twhat\tdate\n7\tA\t2026-01-01\n", ["7"]),
        ("Incident,Summary\nINC-1,A\nINC-2,B\n", ["INC-1", "INC-2"]),
        ("sep=;\nid;title\nPM-1;A\n", ["PM-1"]),
        ('id,title\nPM-1,a "b" c\nPM-2,"a"b\n', ["PM-1", "PM-2"]),
        ("", []),
    ],
)
def test_the_id_of_a_row_is_found(tmp_path: Path, text: str, expected: list[str]) -> None:
    """Without a column of ids the title is the id."""
    write_files(tmp_path, {"a.csv": text})

    assert ids(load(tmp_path, "a.csv")) == expected


def test_a_quotation_mark_that_never_ends_is_an_error(tmp_path: Path) -> None:
    """Otherwise all later incidents would be one cell."""
    write_files(tmp_path, {"a.csv": 'id,title\nPM-1,"A\nPM-2,B\n'})

    with pytest.raises(RegistryError) as caught:
        load(tmp_path, "a.csv")

    assert str(caught.value).startswith(
        "Couldn't read registry 'a.csv', line 2: it is not CSV: a quoted cell never ends\n"
    )


def test_the_table_of_an_exported_folder_is_its_index(tmp_path: Path) -> None:
    """Notion exports a database as a table and a folder with the pages."""
    tail = "1a2b3c4d5e6f7890abcdef1234567890"
    registry = load_files(
        tmp_path,
        {
            f"Log {tail}.csv": "Name,Date\nLogin,2026-01-01\n",
            f"Log {tail}_all.csv": "Name,Date\nLogin,2026-01-01\n",
            f"Log/Login {tail}.md": "# Login\n",
        },
    )

    assert ids(registry) == ["Login"]


EXPORTS: dict[str, tuple[str, Mapping[str, object]]] = {
    "pagerduty.json": (
        '{"incidents":[{"incident_number":1234,"title":"[#1234] High error rate on checkout",'
        '"description":"x","created_at":"2026-01-05T10:00:00Z","status":"resolved","id":"PT4KHLK",'
        '"html_url":"https://acme.pagerduty.com/incidents/PT4KHLK","urgency":"high",'
        '"priority":{"id":"P53","summary":"P1","name":"P1"},"service":{"id":"PIJ90",'
        '"summary":"Checkout API"},"teams":[{"summary":"Payments"}]}],"more":false}',
        {
            "id": "PT4KHLK",
            "title": "High error rate on checkout",
            "date": "2026-01-05",
            "severity": "P1",
            "url": "https://acme.pagerduty.com/incidents/PT4KHLK",
            "owner": "Payments",
            "service": ("Checkout API",),
            "aliases": ("1234", "#1234"),
        },
    ),
    "one-pagerduty.json": (
        '{"incident":{"id":"PX","incident_number":7,"html_url":"https://a.example/7",'
        '"title":"A","created_at":"2026-01-05T10:00:00Z","priority":null}}',
        {"id": "PX", "title": "A", "severity": None},
    ),
    "pagerduty.csv": (
        "id,incident_number,description,service_name,created_on,priority\n"
        "PX,7,Disk full,API,2026-01-05 10:00:00 +0000,P2\n",
        {"id": "PX", "title": "Disk full", "date": "2026-01-05", "severity": "P2"},
    ),
    "opsgenie.json": (
        '{"data":[{"id":"70413a06","tinyId":"1791","message":"Disk is full on db-1",'
        '"status":"closed","tags":["db"],"createdAt":"2026-02-08T08:05:18.508Z","priority":"P2",'
        '"ownerTeam":"Platform","extraProperties":{},"responders":[{"type":"team","id":"x"}]}],'
        '"requestId":"x"}',
        {
            "id": "1791",
            "title": "Disk is full on db-1",
            "date": "2026-02-08",
            "severity": "P2",
            "owner": "Platform",
            "tags": ("db",),
            "aliases": ("70413a06", "#1791"),
        },
    ),
    "opsgenie.csv": (
        "Alert ID,TinyID,Message,Status,CreatedAt,Priority,Teams\n"
        "a-1,12,Disk,closed,1770537918508,P2,Platform\n",
        {"id": "12", "title": "Disk", "date": "2026-02-08", "severity": "P2", "owner": "Platform"},
    ),
    "firehydrant.json": (
        '{"data":[{"id":"8ce0a3b1","name":"Login loop","created_at":"2026-03-04T00:00:00Z",'
        '"started_at":"2026-03-03T23:58:00Z","severity":"SEV1","priority":"P1","number":42,'
        '"incident_url":"https://app.firehydrant.io/incidents/42","current_milestone":"resolved",'
        '"summary":"Users could not log in","organization":{"name":"Acme"},"tag_list":["auth"]}],'
        '"pagination":{"count":1}}',
        {
            "id": "42",
            "title": "Login loop",
            "date": "2026-03-03",
            "severity": "SEV1",
            "status": "resolved",
            "url": "https://app.firehydrant.io/incidents/42",
            "aliases": ("8ce0a3b1", "#42"),
        },
    ),
    "firehydrant.csv": (
        "number,name,severity,started_at,resolved_at,incident_url\n"
        "42,Login loop,SEV1,2026-03-03T23:58:00Z,,https://app.firehydrant.io/incidents/42\n",
        {"id": "42", "title": "Login loop", "date": "2026-03-03", "severity": "SEV1"},
    ),
    "statuspage.json": (
        '{"page":{"id":"k"},"incidents":[{"id":"p31zjtct2jer","name":"Data store instability",'
        '"status":"postmortem","created_at":"2026-02-14T14:22:39.441-06:00","impact":"major",'
        '"shortlink":"http://stspg.io/Z0","components":[{"name":"API"}],'
        '"postmortem_body":"## Root cause\\n\\nA bad index.","incident_updates":[]}]}',
        {
            "id": "p31zjtct2jer",
            "title": "Data store instability",
            "date": "2026-02-14",
            "severity": "major",
            "root_cause": "A bad index.",
            "service": ("API",),
        },
    ),
    "rootly.json": (
        '{"data":[{"id":"u-1","type":"incidents","attributes":{"sequential_id":12,"title":"Login",'
        '"slug":"login","status":"resolved","severity":{"data":{"id":"s","type":"severities",'
        '"attributes":{"name":"SEV1","slug":"sev1"}}},"started_at":"2026-03-01T10:00:00.000-08:00",'
        '"url":"https://rootly.com/account/incidents/12-login"}}],"meta":{}}',
        {
            "id": "12",
            "title": "Login",
            "severity": "SEV1",
            "date": "2026-03-01",
            "aliases": ("u-1", "login", "#12", "INC-12"),
        },
    ),
    "jira.json": (
        '{"issues":[{"id":"10012","key":"OPS-12","self":"https://a.atlassian.net/rest/api/3/issue/1'
        '0012","fields":{"summary":"Login loop","created":"2026-03-02T10:00:00.000+0000",'
        '"priority":{"name":"High"},"status":{"name":"Done"},"labels":["auth"],"description":'
        '{"type":"doc","content":[]},"components":[{"name":"api"}]}}],"total":1}',
        {
            "id": "OPS-12",
            "title": "Login loop",
            "url": "https://a.atlassian.net/browse/OPS-12",
            "date": "2026-03-02",
            "severity": "High",
            "status": "Done",
            "tags": ("auth",),
            "component": ("api",),
        },
    ),
    "jira.csv": (
        "Summary,Issue key,Issue id,Priority,Status,Created,Labels,Labels\n"
        "Login loop,OPS-12,10012,High,Done,02/Mar/26 10:00 AM,auth,prod\n",
        {
            "id": "OPS-12",
            "title": "Login loop",
            "date": "2026-03-02",
            "severity": "High",
            "tags": ("auth", "prod"),
            "aliases": ("10012",),
        },
    ),
    "incidentio.json": (
        '{"incidents":[{"id":"01F","reference":"INC-12","name":"Login","permalink":'
        '"https://app.incident.io/incidents/12","severity":{"id":"s","name":"Major","rank":2},'
        '"incident_status":{"id":"x","name":"Closed","category":"closed"},"created_at":'
        '"2026-03-01T10:00:00Z"},{"id":"02F","reference":"INC-13","name":"x","incident_status":'
        '{"name":"Declined","category":"declined"}}],"pagination_meta":{}}',
        {"id": "INC-12", "title": "Login", "severity": "Major", "date": "2026-03-01"},
    ),
    "github.json": (
        '[{"number":7,"title":"Login","html_url":"https://github.com/a/b/issues/7",'
        '"repository_url":"x","created_at":"2026-03-01T10:00:00Z","state":"closed",'
        '"labels":[{"name":"postmortem"}],"body":"## Root cause\\n\\nA."}]',
        {"id": "7", "title": "Login", "root_cause": "A.", "aliases": ("#7",)},
    ),
    "unknown.json": (
        '{"results":[{"id":"a-1","attributes":{"title":"Login","severity":{"name":"high"},'
        '"created_at":"2026-03-01"}}],"next":null}',
        {"id": "a-1", "title": "Login", "severity": "high", "date": "2026-03-01"},
    ),
}


def get_fields(postmortem: Postmortem, names: Mapping[str, object]) -> dict[str, object]:
    """Return the named fields of a post-mortem."""
    return {name: getattr(postmortem, name) for name in names}


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_read_as_it_comes_from_the_service(tmp_path: Path, name: str) -> None:
    """As a location and in a folder alike, without a warning."""
    text, expected = EXPORTS[name]
    write_files(tmp_path / "pm", {name: text})

    for registry in (load(tmp_path, f"pm/{name}"), load(tmp_path)):
        assert [get_fields(each, expected) for each in registry] == [expected]
        assert registry.findings == ()


def test_two_exports_of_one_incident_are_one(tmp_path: Path) -> None:
    """JSON and CSV of one service are next to each other in the folder of an export."""
    names = ("firehydrant.csv", "firehydrant.json")
    registry = load_files(tmp_path, {name: EXPORTS[name][0] for name in names})

    assert [(each.id, each.status, each.aliases) for each in registry] == [
        ("42", "resolved", ("#42", "8ce0a3b1"))
    ]


def test_our_own_form_is_no_export(tmp_path: Path) -> None:
    """A list whose keys are fields, a mapping of entries, and unknown keys stay what they are."""
    text = '{"incidents": [{"id": "PM-1", "title": "A", "number": "9", "name": "x", "data": "y"}]}'
    write_files(tmp_path, {"a.json": text})

    found = load(tmp_path, "a.json").postmortems[0]

    assert (found.id, found.title, found.extra) == ("PM-1", "A", {"data": "y"})


ITEM_LOG = (
    "# Log\n\n## PM-1\n\n### Action items\n\n- [x] a\n\n## PM-2\n\n### Action items\n\n- [ ] b\n"
)


def test_an_incident_of_a_list_has_its_own_text(tmp_path: Path) -> None:
    """Its action items and its lint are those below its heading."""
    write_files(tmp_path, {"log.md": ITEM_LOG})

    registry = load(tmp_path, "log.md")
    document = read_document(tmp_path / "log.md", "log.md", line=9)

    assert [[item.title for item in each.action_items] for each in registry] == [["a"], ["b"]]
    assert document is not None
    assert [part.line for part in document.parts] == [9, 11]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "a.adoc",
            "= A\n:owner: X\n\n== Action items\n|===\n|Action |Status\n\n|Fix it\n|Done\n|===\n",
        ),
        ("a.html", "<h1>A</h1>\n<h2>Action items</h2>\n\n\n\n\n\n<ul><li>[x] Fix it</ul>"),
        ("a.rst", "Abc\n===\n\n:owner: X\n\nAction items\n------------\n- [x] Fix it\n"),
    ],
)
def test_action_items_of_any_kind_of_document_are_read(
    tmp_path: Path, name: str, text: str
) -> None:
    """With the line of the document that they are on."""
    found = load_files(tmp_path, {name: text}).postmortems[0]
    document = read_document(tmp_path / "pm" / name, f"pm/{name}", line=found.line)

    assert [item.title for item in found.action_items] == ["Fix it"]
    assert document is not None
    assert document.parts[-1].said[-1].line == 8
