"""What documents state in their text, as entries of the registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_postmortem.cli.main import main
from pytest_postmortem.model import ExtraWords, Location, Postmortem
from pytest_postmortem.registry import LoadOptions, load_registry


def read(
    folder: Path, vocabulary: ExtraWords = (), severities: tuple[str, ...] = ()
) -> dict[str, Postmortem]:
    """Return the post-mortems of a folder by id."""
    how = LoadOptions(vocabulary=vocabulary, severities=severities)
    return {each.id: each for each in load_registry([Location("pm", folder)], folder, how)}


def write(folder: Path, **documents: str) -> None:
    """Write documents with these names and texts."""
    (folder / "pm").mkdir()
    for name, text in documents.items():
        (folder / "pm" / name).write_text(text)


def test_front_matter_wins_over_the_text(tmp_path: Path) -> None:
    """A field that front matter lacks is read from the text, the others are not."""
    text = "---\nseverity: sev2\nowner:\n---\n# X\n\nSeverity: SEV1\nOwner: web\nStatus: Done\n"
    write(tmp_path, **{"PM-1.md": text})

    postmortem = read(tmp_path)["PM-1"]

    assert (postmortem.severity, postmortem.owner, postmortem.status) == ("sev2", "web", "Done")


@pytest.mark.parametrize(
    ("name", "text", "id", "title", "severity"),
    [
        ("2026-07-22-hub.md", "# [INC-20260722-002][P0] Hub\n", "INC-20260722-002", "Hub", "P0"),
        ("INC-20260722-002-hub.md", "# Hub\n", "INC-20260722-002", "Hub", None),
        ("hub.md", "# Hub\n\n| Incident ID | INC-7 |\n", "INC-7", "Hub", None),
        ("PM-1.md", "# Hub\n\nIncident ID: INC-7\n", "PM-1", "Hub", None),
        ("hub.md", "# Hub\n\nIncident ID: TBD\n", "hub", "Hub", None),
        ("hub.md", "# Hub\n\nID: the one of May 2\n", "hub", "Hub", None),
        ("x.md", "---\nid: PM-36\ntitle: PM-36 joblib\n---\n# Hub\n", "PM-36", "joblib", None),
        ("04-25-Account.md", "# ISSUE NAME\nPhished.\n", "04-25-Account", "04-25-Account", None),
        ("empty.md", "---\n---\n\n# PM-14: Empty\n", "PM-14", "Empty", None),
        ("empty.md", "---\n# nothing\n---\n# PM-14: Empty\n", "PM-14", "Empty", None),
        (f"Login loop {'1a2b3c4d' * 4}.md", "# Login loop\n", "Login loop", "Login loop", None),
        ("RCA-001-zh.md", "# 登录循环\n\n- **严重程度**: P1\n", "RCA-001", "登录循环", "P1"),
    ],
)
def test_id_title_and_severity_of_a_document(
    tmp_path: Path, name: str, text: str, id: str, title: str, severity: str | None
) -> None:
    """Names of files come first, then headings, then labels."""
    write(tmp_path, **{name: text})

    assert [(each.id, each.title, each.severity) for each in read(tmp_path).values()] == [
        (id, title, severity)
    ]


def test_an_id_that_two_documents_state_is_that_of_neither(tmp_path: Path) -> None:
    """A label that was copied with the document, or two pages of one name, end no run."""
    tail = "0123456789abcdef"
    write(
        tmp_path,
        **{
            "a.md": "# A\n\nID: INC-1\n",
            "b.md": "# B\n\nID: INC-1\n",
            f"c {tail}{tail}.md": "# C\n",
            f"c {tail}{tail[::-1]}.md": "# C\n",
        },
    )

    assert sorted(read(tmp_path)) == ["a", "b", f"c {tail}{tail}", f"c {tail}{tail[::-1]}"]


@pytest.mark.parametrize(
    ("others", "day"),
    [
        (["13/04/2026"], "2026-03-02"),
        (["04/13/2026"], "2026-02-03"),
        (["13/04/2026", "04/13/2026"], None),
        (["13-04-2026"], None),
        (["04/05/2026"], None),
    ],
)
def test_the_collection_tells_the_order_of_the_parts_of_a_date(
    tmp_path: Path, others: list[str], day: str | None
) -> None:
    """A date such as 02/03/2026 is read where another document has a part over twelve."""
    texts = {f"PM-{n}.md": f"# X\n\nDate: {text}\n" for n, text in enumerate(others, start=2)}
    write(tmp_path, **{"PM-1.md": "# X\n\nDate: 02/03/2026\n", **texts})

    assert read(tmp_path)["PM-1"].date == day


@pytest.mark.parametrize(
    ("name", "text", "day"),
    [
        ("20-march-2026-dns.md", "# X\n", "2026-03-20"),
        ("sep-20-2025-dns.md", "# X\n", "2025-09-20"),
        ("jan-2019-dns-outage.md", "# X\n", None),
        ("x.md", "---\ndate: March 2, 2026\n---\n# X\n", "2026-03-02"),
        ("x.md", "---\ndate: some day\n---\n# X\n", "some day"),
        ("x.md", "# X\n\nDate: September 20, 2025\n", "2025-09-20"),
        ("2026-01-02-x.md", "# X\n\nDate: September 20, 2025\n", "2026-01-02"),
    ],
)
def test_dates_in_words(tmp_path: Path, name: str, text: str, day: str | None) -> None:
    """They are read in names, in front matter and in the text."""
    write(tmp_path, **{name: text})

    assert [each.date for each in read(tmp_path).values()] == [day]


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("impact: Remote code execution on workstations.", None),
        ("impact: Cross-user manipulation of output.\npriority: P2", "P2"),
        ("impact: high", "high"),
        ("priority: {name: Major}", "Major"),
        ("priority: 3", None),
        ("impact: L1 (all users)", "L1"),
        ("severity: anything goes", "anything goes"),
        ("severity: SEV-1 (major)", "SEV-1"),
        ("severity: 1", "1"),
    ],
)
def test_impact_and_priority_are_a_severity_only_if_they_look_like_one(
    tmp_path: Path, text: str, severity: str | None
) -> None:
    """Prose is none; a word of the configuration is one; its own name may have any text."""
    write(tmp_path, **{"2025-07-a.yml": f"id: 2025-002\ntitle: RCE\n{text}\n"})

    assert read(tmp_path, severities=("L1",))["2025-002"].severity == severity


def test_a_word_of_the_configuration_is_a_label(tmp_path: Path) -> None:
    """`postmortem_vocabulary` reaches the documents."""
    write(tmp_path, **{"PM-1.md": "# X\n\nAlarmstufe: P1\n"})

    assert read(tmp_path)["PM-1"].severity is None
    assert read(tmp_path, (("severity", ("Alarmstufe",)),))["PM-1"].severity == "P1"


GATE = """
import pytest
@pytest.mark.postmortem("PM-1")
def test_a(): pass
"""


@pytest.mark.parametrize(
    ("severity", "gate"),
    [("sev1", "sev1"), ("SEV-1 (major)", "sev1"), ("Critical (P0)", "p0"), ("P0", "p0")],
)
def test_a_gate_on_severities_judges_what_the_text_states(
    pytester: pytest.Pytester, severity: str, gate: str
) -> None:
    """One document has front matter, the other states its severity in the text."""
    (pytester.path / "pm").mkdir()
    (pytester.path / "pm" / "PM-1.md").write_text(f"---\nseverity: {gate}\n---\n# X\n")
    (pytester.path / "pm" / "PM-2.md").write_text(f"# Y\n\nSeverity: {severity}\n")
    pytester.makeini(f"[pytest]\npostmortem_registry = pm\npostmortem_require = {gate}\n")
    pytester.makepyfile(GATE)

    result = pytester.runpytest()

    assert result.ret == 1
    result.stdout.fnmatch_lines([f"Gate require failed: 1 incident of {gate} not guarded: PM-2"])


def test_the_template_of_new_states_its_severity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `new` writes is read, also where the collection has no front matter."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, **{"PM-1.md": "# PM-1: X\n"})
    (tmp_path / "pytest.ini").write_text("[pytest]\npostmortem_registry = pm\n")

    arguments = ["--severity", "sev1", "--owner", "web", "--class", "retry storms"]
    status = main(["new", "It broke again", *arguments])

    assert status == 0, capsys.readouterr()
    postmortem = read(tmp_path)["PM-2"]
    assert (postmortem.severity, postmortem.owner) == ("sev1", "web")
    assert postmortem.problem_class == "retry storms"


def test_a_class_in_the_text_selects_the_incident(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`list class:...` finds what the document states anywhere."""
    monkeypatch.chdir(tmp_path)
    text = "# {}\n\n## Contributing Factors\n\n- The role.\n\n## Action Items\n\n- Add an alert\n"
    write(
        tmp_path,
        **{
            "PM2021-001.md": text.format("Logs") + "\n## Stats\n\n- Category: Observability\n",
            "PM2021-005.md": text.format("Mail"),
        },
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\npostmortem_registry = pm\n")

    assert main(["list", "class:Observability"]) == 0

    output = capsys.readouterr().out
    assert "PM2021-001" in output
    assert "PM2021-005" not in output
