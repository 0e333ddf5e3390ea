"""Advisories in the OSV format as incidents: each has one entry, whatever databases publish it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_postmortem.cli.main import main
from pytest_postmortem.model import Location, Registry
from pytest_postmortem.registry import LoadOptions, load_registry
from pytest_postmortem.registry.advisories import read_advisory_prose
from pytest_postmortem.registry.fields import rate_cvss_vector
from pytest_postmortem.registry.parsers import parse_data_text
from pytest_postmortem.registry.postmortem_text import read_incident_lines

HIGH = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"
MEDIUM = "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:L/I:L/A:N"


def record(id: str, *aliases: str, **changes: Any) -> dict[str, Any]:
    """Return a record of an advisory."""
    return {
        "id": id,
        "modified": "2026-02-05T20:20:47Z",
        "published": "2026-01-29T23:15:00Z",
        "aliases": list(aliases),
        "details": "A path is not checked. It leaves the folder.\n\nUpdate to 1.2.",
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": "shop"},
                "ranges": [
                    {"type": "GIT", "events": [{"introduced": "0"}, {"fixed": "ab" * 20}]},
                    {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2"}]},
                ],
                "versions": ["1.0", "1.1"],
            }
        ],
        "references": [{"type": "FIX", "url": "https://github.com/shop/shop/pull/7"}],
        **changes,
    }


def load(folder: Path, **files: Any) -> Registry:
    """Write each record to a file of its own, and load the folder."""
    for name, data in files.items():
        (folder / f"{name}.json").write_text(json.dumps(data), encoding="utf-8")
    return load_registry([Location(".", folder)], folder, LoadOptions())


def test_a_record_is_an_incident(tmp_path: Path) -> None:
    """Its fields are those of OSV; what names its fix is kept as evidence, and is no ``fix``."""
    severity = [{"type": "CVSS_V3", "score": HIGH}]

    (postmortem,) = load(tmp_path, one=record("PYSEC-2026-1", "CVE-2026-7", severity=severity))

    assert postmortem.id == "PYSEC-2026-1"
    assert postmortem.title == "A path is not checked."
    assert postmortem.date == "2026-01-29"
    assert postmortem.severity == "HIGH"
    assert postmortem.url == "https://osv.dev/vulnerability/PYSEC-2026-1"
    assert postmortem.aliases == ("CVE-2026-7",)
    assert postmortem.fix == ()
    assert postmortem.references == (
        "fix https://github.com/shop/shop/pull/7",
        f"range {'ab' * 20}",
        "affected 1.1",
    )


def test_yaml_is_read_as_json_is(tmp_path: Path) -> None:
    """PyPA's database has its records in YAML."""
    text = (
        "id: PYSEC-2026-1\nmodified: 2026-02-05T20:20:47Z\npublished: 2026-01-29T23:15:00Z\n"
        "aliases:\n- CVE-2026-7\nsummary: A path\naffected:\n- versions:\n  - '1.0'\n"
    )
    (tmp_path / "PYSEC-2026-1.yaml").write_text(text)

    (postmortem,) = load(tmp_path)

    assert (postmortem.id, postmortem.title) == ("PYSEC-2026-1", "A path")
    assert postmortem.path == "PYSEC-2026-1.yaml"


@pytest.mark.parametrize("container", [lambda all: all, lambda all: {"vulns": all}])
def test_a_file_may_list_records(tmp_path: Path, container: Any) -> None:
    """A list of records, or an answer of the OSV service, is a registry file."""
    records = [record("PYSEC-2026-1"), record("PYSEC-2026-2", summary="Another")]
    (tmp_path / "all.json").write_text(json.dumps(container(records)))

    registry = load_registry([Location("all.json", tmp_path)], tmp_path, LoadOptions())

    assert [each.id for each in registry] == ["PYSEC-2026-1", "PYSEC-2026-2"]


def test_a_withdrawn_record_is_no_incident(tmp_path: Path) -> None:
    """Its database says that it was a mistake, or another record's twin."""
    registry = load(
        tmp_path, one=record("PYSEC-2026-1", withdrawn="2026-03-01T00:00:00Z"), two=record("X-2")
    )

    assert [each.id for each in registry] == ["X-2"]


@pytest.mark.parametrize(
    "aliases",
    [
        (("GHSA-aaaa", "CVE-1"), ("PYSEC-1", "CVE-1"), ("PYSEC-1", "GHSA-aaaa")),
        (("CVE-1",), ("CVE-1",), ()),
        (("GHSA-aaaa", "CVE-1"), (), ()),
        ((), ("PYSEC-1", "CVE-1"), ()),
        (("cve-1",), ("CVE-1",), ()),
    ],
)
def test_records_of_one_advisory_are_one_incident(
    tmp_path: Path, aliases: tuple[tuple[str, ...], ...]
) -> None:
    """They name each other, directly or by a third; every id is accepted on a test."""
    own, github, mitre = aliases
    registry = load(
        tmp_path,
        a=record("CVE-1", *mitre),
        b=record("GHSA-aaaa", *github, summary="A path leaves"),
        c=record("PYSEC-1", *own),
        d=record("PYSEC-2", "CVE-2"),
    )

    assert [each.id for each in registry] == ["PYSEC-1", "PYSEC-2"]
    found = registry.find("GHSA-AAAA")
    assert found is not None
    assert (found.id, found.path) == ("PYSEC-1", "c.json")
    assert registry.find("cve-1") == found
    assert not registry.findings


def test_a_severity_in_words_counts_more_than_a_vector(tmp_path: Path) -> None:
    """GitHub's database rates an advisory; the vector of another one may say less."""
    vector = [{"type": "CVSS_V3", "score": MEDIUM}]
    rated = record("GHSA-a", "PYSEC-1", database_specific={"severity": "CRITICAL"}, severity=vector)

    (postmortem,) = load(tmp_path, a=record("PYSEC-1", severity=vector), b=rated)

    assert (postmortem.id, postmortem.severity) == ("PYSEC-1", "CRITICAL")


@pytest.mark.parametrize(
    ("vector", "word"),
    [
        (HIGH, "HIGH"),
        (MEDIUM, "MODERATE"),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", "CRITICAL"),
        ("AV:N/AC:L/Au:N/C:P/I:P/A:P", "HIGH"),
        ("CVSS:3.1/AV:N", None),
        ("CVSS:9.9/AV:N", None),
    ],
)
def test_a_vector_is_rated_by_its_version(vector: str, word: str | None) -> None:
    """The words are those of GitHub's database, so that a gate has to name one of each rank."""
    assert rate_cvss_vector(vector) == word


def test_without_the_package_a_vector_is_no_severity_and_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remedy is named once, however many advisories there are."""
    monkeypatch.setitem(sys.modules, "cvss", None)
    monkeypatch.setattr("pytest_postmortem.registry.fields.find_spec", lambda name: None)
    severity = [{"type": "CVSS_V3", "score": HIGH}]

    registry = load(
        tmp_path, a=record("X-1", severity=severity), b=record("X-2", severity=severity)
    )

    assert [each.severity for each in registry] == [None, None]
    (finding,) = registry.findings
    assert finding.code == "registry-cvss"
    assert finding.message == (
        f"'severity' of X-1 is the CVSS vector {HIGH!r}, and is left out (in 1 more as well);"
        " install pytest-postmortem[cvss], which rates it, or write a word"
    )


def test_an_entry_of_another_kind_is_not_joined(tmp_path: Path) -> None:
    """Two post-mortems with one alias are a mistake; only records of advisories are twins."""
    entries = [{"id": "PM-1", "aliases": ["X"]}, {"id": "PM-2", "aliases": ["X"]}]
    (tmp_path / "pm.json").write_text(json.dumps(entries))

    registry = load_registry([Location("pm.json", tmp_path)], tmp_path, LoadOptions())

    assert [each.id for each in registry] == ["PM-1", "PM-2"]
    assert [finding.severity for finding in registry.findings] == ["error"]


@pytest.mark.parametrize("key", ["schema_version", "database_specific", "references"])
def test_a_record_may_lack_what_is_affected(tmp_path: Path, key: str) -> None:
    """The format requires only `id` and `modified`; such a record has twins as well."""
    mitre = {"database_specific": {}, "schema_version": "1.6.0", **record("CVE-1", summary="Short")}
    bare = {name: mitre[name] for name in ("id", "modified", "summary", key)}

    registry = load(tmp_path, a=bare, b=record("PYSEC-1", "CVE-1"))

    assert [each.id for each in registry] == ["PYSEC-1"]
    assert not registry.findings


def test_a_post_mortem_with_affected_services_is_no_record(tmp_path: Path) -> None:
    """Its own fields are read, and entries with a common name are not joined."""
    own = {"id": "PM-1", "modified": "2026-01-01", "affected": ["cart"], "owner": "payments"}
    (tmp_path / "PM-1.json").write_text(json.dumps(own), encoding="utf-8")

    (postmortem,) = load(tmp_path)

    assert (postmortem.id, postmortem.owner) == ("PM-1", "payments")


def test_the_title_is_a_sentence_and_no_heading(tmp_path: Path) -> None:
    """Details in Markdown begin with a heading such as "Impact"."""
    details = "### Impact\n\nA path leaves the folder. It is not checked.\n\n### Patches\n1.2\n"

    (postmortem,) = load(tmp_path, a=record("PYSEC-1", details=details))

    assert postmortem.title == "A path leaves the folder."


def test_a_vector_that_cannot_be_rated_is_one_warning_with_what_to_do(tmp_path: Path) -> None:
    """Another version of the package may rate it, a word needs none."""
    severity = [{"type": "CVSS_V3", "score": "CVSS:9.9/AV:N"}]

    registry = load(tmp_path, a=record("PYSEC-1", severity=severity))

    assert [each.severity for each in registry] == [None]
    assert [each.message.rpartition("; ")[2] for each in registry.findings] == [
        "correct the vector, or write a word"
    ]


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
@pytest.mark.parametrize(
    "container", [lambda one: one, lambda one: {"count": 1, "vulns": [one, "more"]}]
)
def test_prose_is_read_wherever_a_record_is(suffix: str, container: Any) -> None:
    """What stands beside the records has none."""
    text = json.dumps(container(record("PYSEC-1")), indent=1)

    prose = read_advisory_prose(parse_data_text(text, suffix, failed="", path="a"))

    assert [line for _, line in prose if line] == [
        "A path is not checked. It leaves the folder.",
        "Update to 1.2.",
    ]


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
@pytest.mark.parametrize("container", [lambda one: one, lambda one: {"vulns": [one]}])
def test_the_text_of_a_record_is_its_prose(tmp_path: Path, suffix: str, container: Any) -> None:
    """References and ranges are no sentences: "fixed: 1a2b3c4" in a range says little."""
    text = json.dumps(container(record("PYSEC-1")), indent=1)  # it is YAML as well
    (tmp_path / f"PYSEC-1{suffix}").write_text(text, encoding="utf-8")

    registry = load(tmp_path)
    lines = read_incident_lines(list(registry), tmp_path)["PYSEC-1"].lines

    assert [line for _, line in lines if line] == [
        "A path is not checked. It leaves the folder.",
        "Update to 1.2.",
    ]


def test_references_of_a_registry_file_are_no_sentences(tmp_path: Path) -> None:
    """`sync` writes them, and "fix ADDRESS" would be a sentence that calls it the fix."""
    text = (
        "postmortems:\n- id: PM-1\n  title: Fixed in #7\n  references:\n"
        "  - fix https://github.com/o/p/commit/1a2b3c4\n  - 'range abc1234'\n"
    )
    (tmp_path / "pm.yml").write_text(text)
    registry = load_registry([Location("pm.yml", tmp_path)], tmp_path, LoadOptions())

    lines = read_incident_lines(list(registry), tmp_path)["PM-1"].lines

    assert [line.strip() for _, line in lines if line][1:] == [
        "title: Fixed in #7",
        "references:",
    ]


def test_an_advisory_is_not_asked_for_a_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its record is written by others, and the team's own post-mortems have classes."""
    monkeypatch.chdir(tmp_path)
    own = [{"id": f"PM-{n}", "title": "Twice", "class": "races"} for n in range(3)]
    (tmp_path / "pm.json").write_text(json.dumps([*own, {"id": "PM-9", "title": "Late"}]))
    (tmp_path / "advisories").mkdir()
    (tmp_path / "advisories" / "a.json").write_text(json.dumps(record("PYSEC-1")))
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\npostmortem_registry =\n  pm.json\n  advisories\n"
    )

    main(["check"])

    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()[:-1]] == [
        "pm.json"
    ]
