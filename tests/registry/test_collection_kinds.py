"""Variants of the collections that people have: logs, bundles, tables, exports of services."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pytest_postmortem.errors import RegistryError
from pytest_postmortem.model import Location, Registry
from pytest_postmortem.registry import LoadOptions, load_registry
from pytest_postmortem.registry.postmortem_text import add_registry_details

Expected = Sequence[tuple[str | None, ...]]


def load(
    folder: Path, files: Mapping[str, str], *locations: str, how: LoadOptions | None = None
) -> Registry:
    """Write files, and load locations with what reports show of the documents."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    places = [Location(location, folder) for location in locations or ("pm",)]
    return add_registry_details(load_registry(places, folder, how or LoadOptions()), folder)


def heads(registry: Registry) -> list[tuple[str | None, ...]]:
    """Return id, title, date and severity of all incidents."""
    return [(each.id, each.title, each.date, each.severity) for each in registry]


LOGS: dict[str, tuple[str, str, Expected]] = {
    "months": (
        "l.md",
        "# Incidents\n\n## March 3, 2026\n\nSeverity: SEV1\n\n## February 1, 2026 - Login loop\n"
        "\n## 1 January 2026: Charged twice\n",
        [
            ("march-3-2026", "March 3, 2026", "2026-03-03", "SEV1"),
            ("february-1-2026---login-loop", "Login loop", "2026-02-01", None),
            ("1-january-2026-charged-twice", "Charged twice", "2026-01-01", None),
        ],
    ),
    "dates within": (
        "l.md",
        "# Incidents\n\n## INC-1 Login loop (2026-02-01) in the shop\n\nSeverity: SEV1\n\n"
        "## INC-2 Mail - 2026-03-03 - lost\n\n| who | what |\n|---|---|\n| we | saw it |\n",
        [
            ("INC-1", "Login loop in the shop", "2026-02-01", "SEV1"),
            ("INC-2", "Mail - lost", "2026-03-03", None),
        ],
    ),
    "german": (
        "l.md",
        "# Störungen\n\n## 3. März 2026: Mail weg\n\nSchweregrad: Hoch\n\n## 1. Mai 2026: DNS\n",
        [
            ("3-märz-2026-mail-weg", "Mail weg", "2026-03-03", "Hoch"),
            ("1-mai-2026-dns", "DNS", "2026-05-01", None),
        ],
    ),
    "japanese": (
        "l.md",
        "# 障害一覧\n\n## 2026年3月3日 メール消失\n\n重大度: 高\n\n## 2026年2月1日 ログイン\n",
        [
            ("2026年3月3日-メール消失", "メール消失", "2026-03-03", "高"),
            ("2026年2月1日-ログイン", "ログイン", "2026-02-01", None),
        ],
    ),
    "slashes": (
        "l.md",
        "# Log\n\n## 2026/03/03 Mail\n\n## 2026/02/01 Login\n",
        [
            ("20260303-mail", "Mail", "2026-03-03", None),
            ("20260201-login", "Login", "2026-02-01", None),
        ],
    ),
    "changelog": (
        "l.md",
        "# Log\n\n## [INC-3] - 2026-03-01 - Mail gone\n\n## [INC-2] - 2026-02-01 - Login\n",
        [("INC-3", "Mail gone", "2026-03-01", None), ("INC-2", "Login", "2026-02-01", None)],
    ),
    "years": (
        "l.md",
        "# Log\n\n## 2026\n\n### INC-3: A\n\n#### Root cause\n\nX.\n\n## 2025\n\n### INC-1: C\n",
        [("INC-3", "A", None, None), ("INC-1", "C", None, None)],
    ),
    "asciidoc": (
        "l.adoc",
        "= Log\n:toc:\n\n== INC-2: Login (2026-02-01)\n\nSeverity:: SEV2\n\n== INC-1: Twice\n\n"
        '[cols="1,1"]\n|===\n|Severity |SEV1\n|Date |2026-01-01\n|===\n',
        [("INC-2", "Login", "2026-02-01", "SEV2"), ("INC-1", "Twice", "2026-01-01", "SEV1")],
    ),
    "german table": (
        "l.md",
        "# Vorfälle\n\n| Nr. | Datum | Schwere | Titel |\n|---|---|---|---|\n"
        "| INC-1 | 02.03.2026 | Hoch | Login |\n",
        [("INC-1", "Login", "2026-03-02", "Hoch")],
    ),
    "one post-mortem": (
        "2026-03-02-disk.md",
        "# Disk full\n\nSeverity: SEV1\n\n## Timeline\n\n### 2026-03-02 10:00\n\n### 2026-03-03\n\n"
        "## Action items\n\n| ID | Title | Status |\n|---|---|---|\n| A-1 | x | open |\n",
        [("2026-03-02-disk", "Disk full", "2026-03-02", "SEV1")],
    ),
    "index": (
        "disk/index.md",
        "---\ntitle: Disk full\ndate: 2026-03-02\n---\n\nX.\n",
        [("disk", "Disk full", "2026-03-02", None)],
    ),
    "empty": ("l.md", "\n", []),
}


@pytest.mark.parametrize("name", LOGS)
def test_a_document_named_as_a_location(tmp_path: Path, name: str) -> None:
    """Its incidents have dates in any language; without any it is one post-mortem."""
    file, text, expected = LOGS[name]

    assert heads(load(tmp_path, {file: text}, file)) == expected


def test_the_words_of_the_configuration_count_in_a_log(tmp_path: Path) -> None:
    """As they do in a directory."""
    how = LoadOptions(vocabulary=(("severity", ("Alarm",)),), severities=("Blackout",))
    text = "# Log\n\n## PM-1 One\n\nAlarm: SEV1\n\n## PM-2 Two\n\nSeverity: Blackout\n"

    assert [each.severity for each in load(tmp_path, {"l.md": text}, "l.md", how=how)] == [
        "SEV1",
        "Blackout",
    ]


def test_a_file_that_is_a_location_is_not_read_twice(tmp_path: Path) -> None:
    """Its folder leaves it out, without a hint."""
    files = {"pm/a.md": "# A\n", "pm/log.md": "# Log\n\n## PM-1 One\n\n## PM-2 Two\n"}

    registry = load(tmp_path, files, "pm", "pm/log.md")

    assert [each.id for each in registry] == ["a", "PM-1", "PM-2"]
    assert registry.notes == ()


@pytest.mark.parametrize(
    ("files", "location", "expected"),
    [
        (
            {"pm/2026-03-02-disk/index.md": "# Disk\n", "pm/2026-03-02-disk/g.png": ""},
            "pm/2026-03-02-disk",
            [("2026-03-02-disk", "Disk", "2026-03-02", None)],
        ),
        (
            {"pm/INC-3-disk/README.md": "# Disk\n\nDate: 2026-03-02\n"},
            "pm/INC-3-disk",
            [("INC-3", "Disk", "2026-03-02", None)],
        ),
        ({"pm/README.md": "# Post-mortems\n"}, "pm", []),
        (
            {"pm/2026/03/02/disk/index.md": "# Disk\n", "pm/2026/03/05/mail.md": "# Mail\n"},
            "pm",
            [("disk", "Disk", "2026-03-02", None), ("mail", "Mail", "2026-03-05", None)],
        ),
        (
            {
                "pm/2026-03-02-disk/index.mdx": "---\ntitle: Disk\n---\n",
                "pm/authors.yml": "jane:\n  name: Jane\n",
                "pm/tags.yml": "db:\n  label: DB\n",
            },
            "pm",
            [("2026-03-02-disk", "Disk", "2026-03-02", None)],
        ),
        (
            {
                "pm/_posts/2026-03-02-disk.md": "---\ntitle: Disk\n---\n",
                "pm/_drafts/x.md": "# X\n",
                "pm/_layouts/post.html": "<html></html>",
            },
            "pm",
            [("2026-03-02-disk", "Disk", "2026-03-02", None)],
        ),
        (
            {"pm/🔥 INC-12 Login 1a2b3c4d5e6f7890abcdef1234567890.md": "# 🔥 INC-12 Login\n"},
            "pm",
            [("INC-12", "Login", None, None)],
        ),
    ],
)
def test_folders_of_site_generators(
    tmp_path: Path, files: Mapping[str, str], location: str, expected: Expected
) -> None:
    """Bundles, dated folders, and the files that are no post-mortems."""
    assert heads(load(tmp_path, files, location)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'Nr.;Datum;Schweregrad;Titel;Ursache\nINC-1;02.03.2026;Hoch;"Login\nloop";"Alt; neu"\n',
            [("INC-1", "Login loop", "2026-03-02", "Hoch")],
        ),
        (
            "ID,発生日,重大度,タイトル,原因\nINC-1,2026年3月2日,高,ログイン障害,鍵が古かった。\n",
            [("INC-1", "ログイン障害", "2026-03-02", "高")],
        ),
        (
            "ID\tTitle\tDate\nPM-1\tA\t3/2/2026\nPM-2\tB\t3/22/2026\n",
            [("PM-1", "A", "2026-03-02", None), ("PM-2", "B", "2026-03-22", None)],
        ),
        (
            "Incident log 2026,,,\n,,,\nID,Date,Title,Severity\nPM-1,2026-03-02,A,SEV1\n",
            [("PM-1", "A", "2026-03-02", "SEV1")],
        ),
    ],
)
def test_tables_of_other_languages_and_programs(
    tmp_path: Path, text: str, expected: Expected
) -> None:
    """A header in any language, dates whose order other rows tell, a title above the header."""
    registry = load(tmp_path, {"a.csv": text}, "a.csv")

    assert heads(registry) == expected


def test_a_table_in_utf16_is_read(tmp_path: Path) -> None:
    """Spreadsheets call it "Unicode text"."""
    (tmp_path / "a.csv").write_bytes("id\ttitle\nPM-1\tÄ\n".encode("utf-16"))

    assert heads(load(tmp_path, {}, "a.csv")) == [("PM-1", "Ä", None, None)]


JIRA = {
    "id": "10002",
    "key": "OPS-9",
    "self": "https://jira.example.com/rest/api/2/issue/1",
    "fields": {
        "summary": "Login loop",
        "description": "h2. Root cause\n\nThe key was old.\n\nh2. Action items\n\n* Rotate it\n",
        "priority": {"name": "P1"},
        "created": "2026-03-02T10:00:00.000+0000",
    },
}
EXPORTS: dict[str, tuple[object, tuple[str | None, ...]]] = {
    "jira with a text": ({"issues": [JIRA]}, ("OPS-9", "Login loop", "2026-03-02", "P1")),
    "jira, one issue": (JIRA, ("OPS-9", "Login loop", "2026-03-02", "P1")),
    "gh issue list": (
        [
            {
                "number": 12,
                "title": "Login",
                "body": "Severity: SEV2\n\n## Root cause\n\nOld key.",
                "labels": [{"name": "postmortem"}],
                "createdAt": "2026-01-02T00:00:00Z",
                "url": "https://github.com/o/r/issues/12",
            }
        ],
        ("12", "Login", "2026-01-02", "SEV2"),
    ),
    "grafana": (
        {
            "incidents": [
                {
                    "incidentID": "42",
                    "title": "Checkout",
                    "severity": "critical",
                    "incidentStart": "2026-01-02T10:00:00Z",
                }
            ],
            "cursor": {"hasMore": False},
        },
        ("42", "Checkout", "2026-01-02", "critical"),
    ),
    "documents of incident.io": (
        {
            "postmortem_documents": [
                {
                    "id": "01G",
                    "incident_id": "01F",
                    "type": "in_app",
                    "title": "INC-123: Database is sad",
                    "document_url": "https://app.incident.io/x",
                    "created_at": "2021-08-17T13:28:57Z",
                }
            ]
        },
        ("INC-123", "Database is sad", "2021-08-17", None),
    ),
    "servicenow": (
        {
            "result": [
                {
                    "number": "INC0010012",
                    "short_description": "Mail down",
                    "opened_at": "2026-03-02 10:00:00",
                    "priority": "1 - Critical",
                }
            ]
        },
        ("INC0010012", "Mail down", "2026-03-02", "Critical"),
    ),
    "another, in camel case": (
        {"incidents": [{"incidentNumber": "44", "startTime": "2026-03-02", "name": "Disk"}]},
        ("44", "Disk", "2026-03-02", None),
    ),
    "graphql": (
        {"data": {"issues": {"nodes": [{"id": "u", "title": "A", "createdAt": "2026-03-02"}]}}},
        ("u", "A", "2026-03-02", None),
    ),
}


@pytest.mark.parametrize("name", EXPORTS)
def test_exports_of_further_services(tmp_path: Path, name: str) -> None:
    """By their keys, or as a table whose columns are the keys."""
    tree, expected = EXPORTS[name]

    assert heads(load(tmp_path, {"a.json": json.dumps(tree)}, "a.json")) == [expected]


def test_the_text_of_an_exported_issue_is_read(tmp_path: Path) -> None:
    """In the markup of its service, with its action items."""
    (issue,) = load(tmp_path, {"a.json": json.dumps([JIRA])}, "a.json")

    assert issue.root_cause == "The key was old."
    assert [item.title for item in issue.action_items] == ["Rotate it"]


def test_a_reference_to_another_incident_is_no_id(tmp_path: Path) -> None:
    """An entry of our own without an id stays an error."""
    with pytest.raises(RegistryError, match="no 'id'"):
        load(tmp_path, {"a.json": '[{"title": "A", "recurs": "PM-1", "x": "y"}]'}, "a.json")


def test_a_link_to_an_index_leads_to_its_document(tmp_path: Path) -> None:
    """A README next to documents is a page about them."""
    document = "# S\n\n## Root cause\n\nOld key.\n"
    paths = ("docs/slug/index.md", "docs/README.md", "docs/a%20b.md", "docs/c/README.md")
    files = {path.replace("%20", " "): document for path in paths}
    entries = "".join(f"- id: PM-{n}\n  url: {path}\n" for n, path in enumerate(paths))

    registry = load(tmp_path, {**files, "r.yml": entries}, "r.yml")

    assert [each.root_cause for each in registry] == ["Old key.", None, "Old key.", "Old key."]


def test_the_folder_of_a_bundle_is_a_name_of_it(tmp_path: Path) -> None:
    """As it is shown, and below its location."""
    registry = load(tmp_path, {"pm/slug/index.md": "# A\n"})

    assert registry.find("pm/slug") is registry.find("slug") is not None


def test_a_field_of_rst_goes_on_where_a_line_is_indented(tmp_path: Path) -> None:
    """The list of fields ends at the first line that is neither a field nor indented."""
    text = (
        "Login loop\n==========\n\n:Severity: SEV1\n:Owner: payments\n   and shop\n"
        ":Date:\n   2026-02-01\n\nText.\n"
    )

    (found,) = load(tmp_path, {"pm/PM-1.rst": text})

    assert (found.severity, found.owner, found.date) == ("SEV1", "payments and shop", "2026-02-01")
