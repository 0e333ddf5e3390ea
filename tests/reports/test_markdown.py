"""The report in Markdown and for GitHub Actions, and what hostile text becomes in them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from conftest import RunPytest, report_of
from pytest_postmortem.reports import github, markdown
from report_documents import BLANK, data, incident

SUITE = """
import pytest

@pytest.mark.postmortem("PM-1")
def test_fails():
    assert False

@pytest.mark.postmortem("PM-2")
@pytest.mark.skip(reason="needs a key server")
def test_skipped():
    pass

@pytest.mark.postmortem("PM-44")
def test_unknown():
    pass
"""

REGISTRY = """
- id: PM-1
  title: Checkout charged twice
  severity: sev1
  date: 2026-03-02
  url: https://wiki.example.com/pm/1
  action_items:
    - {title: Send the key, owner: payments, due: 2026-04-01, status: done}
    - {title: Alert on doubles, owner: payments, due: 2026-05-01}
    - {title: Teach the gateway, due: 2027-01-01, status: in progress}
- {id: PM-2, title: Login loop}
- {id: PM-3, title: Lost mails, severity: sev2}
- {id: PM-4, test: exempt, reason: no test can see it}
"""

GOLDEN = """\
### ❌ 1 incident may be back; 2 could return unnoticed, 1 of them sev2;\
 0 of 3 incidents guarded (0 %), 2 linked

- gate fail-under **failed**: 0 % of 3 incidents guarded, 50 % asked: 2 incidents too few

#### ❌ The problem may be back: 1 incident

| incident | severity | date | |
|---|---|---|---|
| [PM-1](https://wiki.example.com/pm/1) Checkout charged twice | sev1 | 2026-03-02 |\
 `test_it.py::test_fails`<br>**overdue**: Alert on doubles (payments, due 2026-05-01)\
<br>open: Teach the gateway (due 2027-01-01) |

#### ⬜ Could return unnoticed: 2 incidents, 1 of them sev2

| incident | severity | date | |
|---|---|---|---|
| PM-3 Lost mails | sev2 |  | no test |
| PM-2 Login loop |  |  | skipped: needs a key server<br>`test_it.py::test_skipped` |

<details><summary>▫️ Exempt: 1 incident</summary>

| incident | severity | date | |
|---|---|---|---|
| PM-4 |  |  | no test can see it |

</details>

#### 1 finding

- error: `test_it.py:12` unknown post-mortem 'PM-44'; did you mean 'PM-4'?
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Path:
    """A suite with something to say of each kind."""
    (pytester.path / "pm.yml").write_text(REGISTRY)
    pytester.makeini(
        "[pytest]\npostmortem_registry = pm.yml\n"
        "addopts = --postmortem-fail-under=50 --postmortem-today=2026-11-20\n"
    )
    pytester.makepyfile(test_it=SUITE)
    return pytester.path


def test_the_report_reads_like_this(suite: Path, run: RunPytest) -> None:
    """What is failing and what could come back stands open, the rest is folded."""
    run("--postmortem-report=markdown:out/report.md")

    text = (suite / "out" / "report.md").read_text(encoding="utf-8")
    assert text.replace("\\.", ".") == GOLDEN


def test_without_a_destination_it_is_printed(suite: Path, run: RunPytest) -> None:
    """Below the terminal's own report, or in its place."""
    result = run("--postmortem-report=", "--postmortem-report=markdown")

    assert (
        "### ❌ 1 incident may be back; 2 could return unnoticed, 1 of them sev2;"
        " 0 of 3 incidents guarded (0 %), 2 linked" in (result.outlines)
    )
    assert report_of(result) == []


def test_all_incidents_that_fail_a_gate_are_listed() -> None:
    """The message of the gate names five; a report of 0.1.0 has no more than these."""
    incidents = [
        {"id": f"PM-{n}", "state": "skipped", "reason": "skipped: slow", "proof": None}
        for n in range(7)
    ]
    gate = {"name": "require", "judged": True, "passed": False, "message": "7 not guarded"}
    ids = [incident["id"] for incident in incidents]

    notes = [
        *markdown.format_report_notes(
            {"gates": [gate | {"incidents": ids}], "incidents": incidents}
        ),
        *markdown.format_report_notes({"gates": [gate], "incidents": incidents}),
    ]

    message = "- gate require **failed**: 7 not guarded"
    assert notes == [message, *(f"  - {id}: skipped: slow" for id in ids), message]


def test_a_comment_stays_within_what_a_host_takes() -> None:
    """A table is cut, the last ones more than the first; it is said."""
    states = ("failing", "unguarded", "guarded", "exempt")
    many = [
        incident(f"PM-{n}", title="x" * 150, state=state) for state in states for n in range(5_000)
    ]

    text = markdown.render_markdown_report(data(incidents=many))

    assert len(text) < 65_000
    assert "The problem may be back: 5000 incidents" in text
    assert "and 4900 more incidents" in text
    assert re.findall("and (\\d+) more incidents", text) == ["4900", "4900", "4900", "4956"]


def test_what_may_be_back_is_told_however_long_it_is() -> None:
    """Its action items go first, then some of its rows; what is less grave may still fit."""
    items = [{"title": "y" * 300, "owner": None, "due": None, "status": None}] * 7
    failing = [incident(f"PM-{n}", state="failing", action_items=items) for n in range(60)]
    other = incident("PM-99", state="unguarded", action_items=items)

    text = markdown.render_markdown_report(data(incidents=[*failing, other]))

    assert len(text) < 62_000
    assert [line for line in text.splitlines() if "The problem may be back" in line] == [
        "<details><summary>❌ The problem may be back: 60 incidents</summary>"
    ]
    assert sum(line.startswith("| PM-") for line in text.splitlines()) == 61
    assert text.count("Action items are left out, since this would be too long.") == 1
    assert "| PM-99 |  |  | no test<br>open: " in text
    assert "<br>and 2 more action items |" in text


def test_rows_are_cut_where_brevity_does_not_help() -> None:
    """As many as there is room for, and what is left out is named with its count."""
    texts = {"title": "x" * 9_000, "reason": "|" * 9_000, "note": "&" * 9_000}
    failing = [incident(f"PM-{n}", state="failing", **texts) for n in range(40)]
    other = [incident(f"PM-1{n}", state="unguarded", **texts) for n in range(40)]

    text = markdown.render_markdown_report(data(incidents=[*failing, *other]))

    rows = sum(line.startswith("| PM-") for line in text.splitlines())
    assert 50_000 < len(text) < 62_000
    assert 10 < rows < 40
    assert f"\n\nand {40 - rows} more incidents\n\n</details>\n" in text
    assert text.endswith(
        "1 more section left out, since this would be too long:"
        " Could return unnoticed: 40 incidents.\n"
    )


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a | b | c",
    "`code` ```\n```",
    "::error::pwned",
    "\x1b[31mred\x1b[0m",
    "\u202egnp.exe",
    "[x](javascript:alert(1))",
    "x" * 100_000,
    "- list\n# heading\n| t |\n|---|",
    "@everyone #1",
    "</details></td></tr></table>",
]


def hostile(text: str) -> dict[str, Any]:
    """Return a report that has a text wherever one may come from elsewhere."""
    test = {"nodeid": f"t.py::t[{text}]", "outcome": "failed", "duration": 0.0, "path": text}
    item = {"title": text, "owner": text, "due": text, "type": text, "status": None}
    texts = dict.fromkeys(("severity", "date", "reason", "note"), text)
    whole = incident(text, title=f"{text} ", url="javascript:alert(1)", state="failing", **texts)
    whole |= {"tests": [{**test, "line": 3}], "action_items": [item]}
    finding = {"code": "x", "severity": "error", "message": text, "path": text, "line": 1}
    gate = {"name": text, "judged": False, "passed": False, "message": text}
    return data(
        incidents=[whole],
        findings=[finding],
        gates=[gate],
        unjudged=[text],
        registry={"locations": [text], "partial": [text], "unreachable": []},
    )


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12])
def test_hostile_text_is_nothing_but_text(text: str) -> None:
    """No tag, no link, no further row or heading, no command and no escape comes out of it."""
    plain = markdown.render_markdown_report(hostile("plain"))

    rendered = markdown.render_markdown_report(hostile(text))

    if len(text) < 1000:
        assert shape(rendered) == shape(plain)
    assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e]", rendered)
    assert not any(line.lstrip().startswith("::") for line in rendered.splitlines())


def shape(text: str) -> list[str]:
    """Return what a renderer makes of Markdown, without any of the texts."""
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    inner = (child for token in tokens for child in token.children or ())
    marks = [token.type for token in inner if token.type not in ("text", "softbreak")]
    return [token.type for token in tokens] + [mark for mark in marks if mark != "text_special"]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12])
def test_hostile_text_makes_no_further_command(text: str) -> None:
    """Each annotation stays one line, whose parts nobody can add to."""
    rows = github.render_workflow_commands(hostile(text))

    assert len(rows) == 4
    for row in rows:
        assert re.fullmatch(r"::(error|warning) [^\n\r]*::[^\n\r]*", row)
        head = row[2:].partition("::")[0]
        assert set(re.findall(r"(?:^\w+ |,)(\w+)=", head)) <= {"file", "line", "title"}
        assert row.isprintable()


def test_annotations_point_at_the_lines_concerned(
    suite: Path, run: RunPytest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test that fails, the mark with an unknown id, and the gate; the summary is appended."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(suite / "summary.md"))
    (suite / "summary.md").write_text("Of another step.\n")

    result = run("--postmortem-report=github")

    assert [line for line in result.outlines if line.startswith("::")] == [
        "::error file=test_it.py,line=3,title=Post-mortem PM-1::PM-1 Checkout charged twice:"
        " the problem may be back. https://wiki.example.com/pm/1",
        "::error file=test_it.py,line=12,title=Incident coverage::unknown post-mortem 'PM-44';"
        " did you mean 'PM-4'?",
        "::error title=Incident coverage::gate fail-under failed: 0 % of 3 incidents guarded,"
        " 50 %25 asked: 2 incidents too few".replace("0 % of", "0 %25 of"),
    ]
    summary = (suite / "summary.md").read_text(encoding="utf-8")
    assert summary.replace("\\.", ".") == f"Of another step.\n\n{GOLDEN}"


def test_annotations_need_no_terminal(
    suite: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who switches pytest's own output off has asked for these all the same."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")

    result = pytester.runpytest("-p", "no:terminal", "--postmortem-report=github")

    assert [line.partition(",")[0] for line in result.outlines] == [
        "::error file=test_it.py",
        "::error file=test_it.py",
        "::error title=Incident coverage::gate fail-under failed: 0 %25 of 3 incidents guarded",
    ]


def test_outside_of_github_there_is_nothing(suite: Path, run: RunPytest) -> None:
    """A configuration may ask for it everywhere."""
    result = run("--postmortem-report=github")

    assert [line for line in result.outlines if line.startswith("::")] == []


def test_a_summary_that_can_not_be_written_is_told(
    suite: Path, run: RunPytest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the path and the reason, and no traceback."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(suite / "none" / "summary.md"))

    result = run("--postmortem-report=github")

    said = result.stdout.str()
    assert "Couldn't write the step's summary '" in said
    assert "Traceback" not in said


def test_no_more_is_told_than_github_shows() -> None:
    """Ten errors and ten warnings of a step."""
    finding = {"code": "x", "message": "m", "path": "a.yml", "line": 1}
    findings = [{**finding, "severity": word} for word in ("error", "warning") for _ in range(30)]

    rows = github.render_workflow_commands({**BLANK, "findings": findings})

    assert [row.startswith("::error") for row in rows] == [True] * 10 + [False] * 10


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="knows no limit of a file's size")
@pytest.mark.parametrize("type", ["json", "html", "markdown"])
def test_a_disk_that_is_full_costs_no_older_report(suite: Path, type: str) -> None:
    """The report of an earlier run stays whole, nothing is left beside it, and the run says so."""
    report = suite / "out" / "report"
    report.parent.mkdir()
    report.write_text("An older report.\n")
    arguments = ["-q", "-p", "no:cacheprovider", f"--postmortem-report={type}:out/report"]

    done = subprocess.run(
        [sys.executable, "-B", "-c", FULL, *arguments],
        cwd=suite,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Couldn't write report" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert [path.name for path in report.parent.iterdir()] == ["report"]
    assert report.read_text() == "An older report.\n"
    assert done.returncode == 1


def test_the_most_severe_incident_is_the_first_of_each_table() -> None:
    """With its owner and how late it is; the headline has how many there are."""
    policy = {**BLANK["policy"], "severities": ["huge", "tiny"], "today": "2026-11-20", "grace": 5}
    some = [
        incident("A", severity="tiny", date="2026-11-01"),
        incident("B", severity="Huge", owner="pay|ments", date="2026-11-19"),
        incident("C"),
        incident("D", state="unguarded", severity="huge", required=False, date="2020-01-01"),
    ]

    text = markdown.render_markdown_report(data(incidents=some, policy=policy))

    assert text.startswith("### 3 incidents could return unnoticed, 1 of them Huge; ")
    assert [
        line for line in text.splitlines() if line.startswith(("#### ", "| A", "| B", "| C"))
    ] == [
        "#### ⬜ Could return unnoticed: 3 incidents, 1 of them Huge",
        "| B | Huge | pay\\|ments | 2026-11-19 | no test<br>in grace |",
        "| A | tiny |  | 2026-11-01 | no test<br>14 days past grace |",
        "| C |  |  |  | no test |",
    ]
    assert "<details><summary>▫️ Older, needs no test: 1 incident</summary>" in text


def test_what_passes_without_its_fix_is_not_guarded_in_markdown() -> None:
    """It has a section that is open, and a figure of its own."""
    hollow = {"verdict": "not-proven", "day": None, "reason": "so it is", "outdated": False}
    passed = ("t.py::test_it", "passed")
    some = [
        incident("A", passed, state="guarded", proof=hollow),
        incident("B", passed, state="guarded", proof={**hollow, "outdated": True}),
    ]

    text = markdown.render_markdown_report(data(incidents=some))

    assert "#### ⬜ Passes without its fix: 1 incident\n" in text
    assert "✅ Guarded: 1 incident</summary>" in text
    assert text.index("| A") < text.index("Guarded:") < text.index("| B")


def test_a_step_shows_annotations_of_the_most_severe_incidents() -> None:
    """Of more than ten a forge shows the first ten."""
    failed = ("t.py::test_it", "failed")
    some = [incident(f"PM-{n}", failed, state="failing", severity="sev3") for n in range(12)]
    some.append(incident("PM-99", failed, state="failing", severity="sev1"))

    rows = github.render_workflow_commands(data(incidents=some))

    assert "PM-99" in rows[0]
    assert len(rows) == 10


def test_only_the_tests_that_fail_are_annotated() -> None:
    """A test of the same incident that passes is no place of the problem."""
    tests = (("t.py::test_a", "failed"), ("t.py::test_b", "passed"))
    failing = incident("PM-1", *tests, state="failing")

    (row,) = github.render_workflow_commands(data(incidents=[failing]))

    assert row.startswith("::error file=t.py,line=1,title=Post-mortem PM-1::")


def test_a_long_list_of_a_gate_ends_with_its_number() -> None:
    """The summary of a step has a limit, and what is left out is counted."""
    ids = [f"PM-{n}" for n in range(markdown.MOST_ROWS + 2)]
    incidents = [
        {"id": id, "state": "skipped", "reason": "skipped: slow", "proof": None} for id in ids
    ]
    gate = {"name": "require", "judged": True, "passed": False, "message": "not guarded"}

    notes = markdown.format_report_notes(
        {"gates": [gate | {"incidents": ids}], "incidents": incidents}
    )

    assert [*notes][-2:] == ["  - PM-99: skipped: slow", "  - and 2 more"]


def test_a_flaky_incident_and_a_finding_without_a_place_are_told() -> None:
    """A finding on the settings as a whole has no file to point at."""
    flaky = incident("PM-1", ("t.py::test_it", "passed"), state="guarded", flaky=True)
    finding = {"severity": "warning", "path": None, "line": None, "message": "git is missing"}

    text = markdown.render_markdown_report(data(incidents=[flaky], findings=[finding]))

    assert "- warning: git is missing" in text
    assert "flaky" in text


@pytest.mark.parametrize(
    ("outdated", "said"), [(False, ", strength 3 of 4"), (True, "")], ids=["today", "outdated"]
)
def test_the_strength_of_a_proof_is_told_while_it_holds(outdated: bool, said: str) -> None:
    """A figure for another state of the test says nothing about today."""
    strength = {"noticed": 3, "missed": 1, "outdated": outdated}

    assert markdown.format_proof_strength({"strength": strength}) == said
