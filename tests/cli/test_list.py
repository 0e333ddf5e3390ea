"""``pytest-postmortem list`` and ``show``: incidents with their states, by code or by a report."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from projects import complaint, configure
from pytest_postmortem.cli.listing_output import render_incident_columns
from pytest_postmortem.cli.listing_rows import IncidentRow, ListQuery, select_rows
from pytest_postmortem.cli.main import main
from pytest_postmortem.files import PROOFS_FILENAME
from pytest_postmortem.model import Postmortem, Proof
from pytest_postmortem.proofs import StoredProof, write_proofs_file

REGISTRY = """\
- id: PM-10
  title: Checkout charged customers twice
  date: 2026-03-02
  severity: sev1
  class: missing idempotency
  service: checkout
  component: [cart, gateway]
  repository: shop
  owner: payments
  status: done
  tags: [money]
  aliases: [CASE-7]
  recurs: PM-9
  root_cause: the retry carried no idempotency key, so the gateway took it for a new payment
  whys:
  - the first answer was lost
  - nothing told the gateway that it was the same payment
  fix: 0c1d2e3
  url: https://wiki.example.com/pm/10
  action_items:
  - {title: send a key, owner: payments, due: 2026-04-01, type: prevent, status: done}
  - {title: tell the support}
- {id: PM-9, title: Login loop, date: 2025-12-01, severity: sev2, tags: [login]}
- {id: PM-8, title: Lost keys, severity: sev3, guarded_by: [{type: alert, url: https://a.example}]}
- {id: PM-7, title: Registrar down, date: 2024-01-01, test: exempt, reason: not ours}
- {id: PM-6, title: Stale cache, date: 2025-01-01}
- {id: PM-5, title: Old cache, date: 2025-01-01}
"""

SUITE = """\
import pytest

@pytest.mark.postmortem("PM-10")
def test_a_retry_charges_once(): pass

@pytest.mark.postmortem("PM-9")
@pytest.mark.skip(reason="needs the key server")
def test_login(): pass

@pytest.mark.postmortem("PM-5")
@pytest.mark.xfail
def test_cache(): assert False
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a registry and tests of three incidents, in which commands are run."""
    configure(
        tmp_path, "postmortem_registry = postmortems.yml", "postmortem_severities = sev1 sev2"
    )
    (tmp_path / "postmortems.yml").write_text(REGISTRY)
    (tmp_path / "test_shop.py").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def report(project: Path) -> str:
    """A report of a whole run of the tests."""
    command = [sys.executable, "-m", "pytest", "-q", "--postmortem-report=json:report.json"]
    subprocess.run([*command, "-p", "no:cacheprovider"], capture_output=True, check=False)
    return "report.json"


def ids(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """Return the ids that a list has, in order."""
    assert main(["list", "--report=json", *arguments]) == 0
    document = json.loads(capsys.readouterr().out)
    return [each["id"] for each in document["incidents"]]


def test_without_a_report_the_code_says_what_is_linked(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In columns, in the order of the registry; a test that stops nobody is no guard."""
    assert main(["list"]) == 0

    assert capsys.readouterr().out == (
        "ID     DATE        SEVERITY  OWNER     CLASS                STATE         REPEATS  TITLE\n"
        "PM-10  2026-03-02  sev1      payments  missing idempotency  linked        PM-9"
        "     Checkout charged customers twice\n"
        "PM-9   2025-12-01  sev2                                     skipped"
        "                Login loop\n"
        "PM-8               sev3                                     declared"
        "               Lost keys\n"
        "PM-7   2024-01-01                                           exempt"
        "                 Registrar down\n"
        "PM-6   2025-01-01                                           not-linked"
        "             Stale cache\n"
        "PM-5   2025-01-01                                           known-broken"
        "           Old cache\n"
        "\n"
        "6 incidents: 1 declared, 1 exempt, 3 linked (1 skipped, 1 known broken), 1 not linked"
        " (read from the code; a run of pytest says what is guarded)\n"
    )


def test_with_a_report_it_says_what_a_run_found(
    report: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The states of the report, and a line that counts them."""
    main(["list", "--from", report, "severity:sev1", "severity:SEV-2", "--sort=severity"])

    assert capsys.readouterr().out == (
        "ID     DATE        SEVERITY  OWNER     CLASS                STATE    REPEATS  TITLE\n"
        "PM-10  2026-03-02  sev1      payments  missing idempotency  guarded  PM-9"
        "     Checkout charged customers twice\n"
        "PM-9   2025-12-01  sev2                                     skipped           Login loop\n"
        "\n"
        "2 incidents: 1 guarded, 1 skipped\n"
    )


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (["severity:sev1"], ["PM-10"]),
        (["severity:SEV-1", "severity:sev2"], ["PM-10", "PM-9"]),
        (["severity:sev1", "service:login"], []),
        (["class:missing idempotency"], ["PM-10"]),
        (["tag:login"], ["PM-9"]),
        (["state:skipped", "state:exempt"], ["PM-9", "PM-7"]),
        (["STATE:linked", "service:checkout"], ["PM-10"]),
        (["--since", "2025-12-01"], ["PM-10", "PM-9"]),
        (["--before", "2025-01-01"], ["PM-7"]),
        (["--since", "2025-01-01", "--before", "2025-12-01"], ["PM-6", "PM-5"]),
        (["--sort", "id"], ["PM-5", "PM-6", "PM-7", "PM-8", "PM-9", "PM-10"]),
        (["--sort", "date"], ["PM-10", "PM-9", "PM-5", "PM-6", "PM-7", "PM-8"]),
        (["--sort", "severity"], ["PM-10", "PM-9", "PM-8", "PM-7", "PM-6", "PM-5"]),
        (["--sort", "class", "severity:sev1", "severity:sev2"], ["PM-10", "PM-9"]),
        (["--sort", "state"], ["PM-5", "PM-9", "PM-8", "PM-7", "PM-10", "PM-6"]),
        (["--sort", "owner"], ["PM-10", "PM-9", "PM-8", "PM-7", "PM-6", "PM-5"]),
    ],
)
def test_a_list_is_filtered_and_sorted(
    asked: list[str], wanted: list[str], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of one key any value fits, of several keys all; what says nothing stands last."""
    assert ids(capsys, *asked) == wanted


@pytest.mark.parametrize(
    ("pattern", "listed"),
    [("id:pm-1*", ["PM-10"]), ("id:CASE-*", ["PM-10"]), ("id:PM-[89]", ["PM-9", "PM-8"])],
)
def test_ids_are_selected_by_a_glob(
    pattern: str, listed: list[str], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `prove` and `--postmortem` take them: case and aliases make no difference."""
    assert ids(capsys, pattern) == listed


def test_a_glob_that_fits_no_id_is_wrong_use(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A list that is empty by mistake would look like a clean one."""
    assert main(["list", "id:HX-*"]) == 2

    assert complaint(capsys) == "Couldn't list: unknown post-mortem 'HX-*'\n  correct the id"


def test_a_state_is_asked_of_what_knows_it(
    project: Path, report: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Code knows links and a run knows what they came to: an empty list would tell neither."""
    status = main(["list", "state:guarded"])
    told = complaint(capsys)
    other = main(["list", "state:linked", "--from", report])

    assert (status, other) == (2, 2)
    assert told == (
        "Couldn't list: only a run of pytest knows which incidents are 'guarded'\n"
        "  name its report with --from=report.json (pytest --postmortem-report=json:PATH)"
    )
    assert complaint(capsys) == (
        "Couldn't list: a report has no state 'linked'\n"
        "  use failing, errored, guarded, not-run, known-broken, skipped, declared, exempt,"
        " unguarded, not-judged, or leave out --from"
    )


def test_what_code_can_not_tell_is_said_with_its_line(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An incident that a conftest may link is not judged; nothing fails for that."""
    (project / "conftest.py").write_text(
        "import pytest\n\ndef pytest_itemcollected(item):\n"
        '    item.add_marker(pytest.mark.postmortem("PM-6"))\n'
    )

    assert main(["list", "state:not-judged"]) == 0
    assert capsys.readouterr().out == (
        "ID    DATE        STATE       TITLE\n"
        "PM-6  2025-01-01  not-judged  Stale cache\n"
        "\n"
        "1 incident: 1 not judged (read from the code; a run of pytest says what is guarded)\n"
        "unknown: conftest.py:4: only a run shows what this links: "
        'item.add_marker(pytest.mark.postmortem("PM-6"))\n'
    )
    assert main(["show", "PM-6"]) == 0
    assert (
        "  state  not judged (conftest.py:4: only a run shows what this links:\n"
        '         item.add_marker(pytest.mark.postmortem("PM-6"))), read from the code\n'
    ) in capsys.readouterr().out


def test_no_more_than_three_reasons_are_listed() -> None:
    """Each once; `show` has that of each incident."""
    reasons = [f"not-judged: a{n % 5}.py can't be read" for n in range(7)]
    rows = [
        _build_row(Postmortem(f"PM-{n}", ""), state="not-judged", tests=[], proof=None)
        for n in range(7)
    ]
    given = [
        replace(row, fields={**row.fields, "reason": reason})
        for row, reason in zip(rows, reasons, strict=True)
    ]

    shown = render_incident_columns(given, None, read=True)

    assert [line for line in shown.splitlines() if line.startswith("unknown")] == [
        *(f"unknown: a{n}.py can't be read" for n in range(3)),
        "unknown: 2 more reasons, see `pytest-postmortem show ID`",
    ]


@pytest.mark.parametrize("command", ["list", "show PM-9"])
def test_a_test_file_that_can_not_be_read_is_named(
    project: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """What it links is not known, so the command could not judge."""
    (project / "test_shop.py").write_text(f"{SUITE}def x(:\n")

    status = main(command.split())

    said = capsys.readouterr().err
    assert (status, said) == (3, "not judged: test_shop.py can't be read as Python\n")


def test_what_can_not_be_understood_is_said_at_once(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of it, with what was perhaps meant."""
    status = main(["list", "severity", "state:guard", "state:x", "--since", "May", "--before="])
    main(["list", "--since", "20260201", "--before", "2026-02-30"])

    assert status == 2
    assert [line for line in complaint(capsys).splitlines() if "  see" not in line] == [
        "Couldn't list: 'severity' is not KEY:VALUE",
        "  write for example severity:sev1 or id:PM-7",
        "Couldn't list: unknown state 'guard'",
        "  did you mean 'guarded'?",
        "Couldn't list: unknown state 'x'",
        "  use failing, errored, guarded, not-run, known-broken, skipped, declared, exempt,"
        " unguarded, not-judged, linked, not-linked",
        "Couldn't list: 'May' is not a date",
        "  write it as 2026-11-20",
        *(
            line
            for day in ("", "20260201", "2026-02-30")
            for line in (f"Couldn't list: {day!r} is not a date", "  write it as 2026-11-20")
        ),
    ]


def test_a_key_that_no_incident_has_is_told(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or a typing mistake would read as good news; a key of the registry's own is one."""
    assert main(["list", "sevrity:sev1", "region:eu", "component:x"]) == 2

    assert [line for line in complaint(capsys).splitlines() if "  see" not in line] == [
        "Couldn't list: no incident has a 'sevrity'",
        "  did you mean 'severity'?",
        "Couldn't list: no incident has a 'region'",
        "  use id, severity, status, owner, class, tag, tags, service, repository, component,"
        " state or a key of their own",
    ]
    with (project / "postmortems.yml").open("a") as file:
        file.write("- {id: PM-20, region: eu}\n")
    assert ids(capsys, "region:eu") == ["PM-20"]


def test_a_list_is_a_table_in_markdown(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For a page or a comment; a file if one is named."""
    main(["list", "severity:sev1", "--report=markdown", "--report=markdown:list.md"])

    expected = (
        "1 incident: 1 linked (read from the code; a run of pytest says what is guarded)\n\n"
        "| incident | date | severity | owner | class | state | repeats |\n"
        "|---|---|---|---|---|---|---|\n"
        "| [PM-10 Checkout charged customers twice](https://wiki.example.com/pm/10)"
        " | 2026-03-02 | sev1 | payments | missing idempotency | linked | PM-9 |\n"
    )
    assert capsys.readouterr().out == expected
    assert (project / "list.md").read_text() == expected


def test_json_has_what_the_report_has_and_the_fix(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another tool needs no run to know what is linked."""
    main(["list", "id:PM-10", "--report=json"])

    document = json.loads(capsys.readouterr().out)
    (incident,) = document["incidents"]
    assert {**document, "incidents": []} == {"format": 1, "states": "code", "incidents": []}
    assert [test["nodeid"] for test in incident["tests"]] == [
        "test_shop.py::test_a_retry_charges_once"
    ]
    assert (incident["state"], incident["fix"], incident["service"]) == (
        "linked",
        ["0c1d2e3"],
        ["checkout"],
    )


def test_all_of_one_incident_is_shown(report: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever its post-mortem says, and what became of its tests."""
    assert main(["show", "pm-10", "--from", report]) == 0

    assert capsys.readouterr().out == (
        "PM-10  Checkout charged customers twice\n"
        "  link        https://wiki.example.com/pm/10\n"
        "  file        postmortems.yml:1\n"
        "  date        2026-03-02\n"
        "  severity    sev1\n"
        "  state       guarded\n"
        "  note        recurred although guarded: PM-9 has a linked test\n"
        "  status      done\n"
        "  owner       payments\n"
        "  class       missing idempotency\n"
        "  service     checkout\n"
        "  component   cart, gateway\n"
        "  repository  shop\n"
        "  aliases     CASE-7\n"
        "  tags        money\n"
        "  repeats     PM-9\n"
        "  root cause  the retry carried no idempotency key, so the gateway took it for a new"
        " payment\n"
        "  whys        1. the first answer was lost\n"
        "              2. nothing told the gateway that it was the same payment\n"
        "  tests       test_shop.py::test_a_retry_charges_once (passed)\n"
        "  fix         0c1d2e3\n"
        "  actions     send a key (prevent, payments, due 2026-04-01, done)\n"
        "              tell the support\n"
    )


def test_an_alias_that_the_file_tells_is_not_said_twice(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The path of a document and its name are aliases too, and stand there anyway."""
    (project / "docs" / "pm").mkdir(parents=True)
    (project / "docs" / "pm" / "PM-1-login.md").write_text(
        "---\naliases: [OPS-3, OPS-4]\n---\n# L\n"
    )
    configure(project, "postmortem_registry = docs/pm")

    main(["show", "PM-1"])
    main(["show", "PM-1", "--report=markdown"])

    said = capsys.readouterr().out
    assert "  link     docs/pm/PM-1-login.md\n" in said
    assert "  aliases  OPS-3, OPS-4\n" in said
    assert "- aliases: OPS-3, OPS-4\n" in said


@pytest.fixture
def documents(project: Path) -> Path:
    """A folder of documents, each with further names: its stem, its path, an alias in it."""
    pages = {
        "other.md": "---\nid: X-1\naliases: OPS-3\n---\n# B thing\n",
        "PM2021-005 - All services.md": "# A thing\n",
        "2021/r\u00e9seau.md": "---\nid: X-2\n---\n# Net\n",
        "a/twin.md": "---\nid: X-3\n---\n# Twin\n",
        "b/twin.md": "---\nid: X-4\n---\n# Twin\n",
    }
    for name, text in pages.items():
        path = project / "docs" / "pm" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    configure(project, "postmortem_registry = docs/pm")
    return project


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("other", "X-1"),
        ("OTHER", "X-1"),
        (" other ", "X-1"),
        ("ops-3", "X-1"),
        ("docs/pm/other.md", "X-1"),
        ("pm2021-005 - all services", "PM2021-005"),
        ("RE\u0301SEAU", "X-2"),
        ("a/twin.md", "X-3"),
    ],
)
def test_every_name_of_an_incident_is_understood(
    documents: Path, name: str, id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An alias, the stem and the path of a document, in any case and form of Unicode."""
    assert main(["show", name]) == 0
    shown = capsys.readouterr().out
    assert ids(capsys, f"id:{name}") == [id]
    main(["prove", name])

    assert shown.startswith(f"{id}  ")
    assert capsys.readouterr().out.startswith(f"{id}  ")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("othr", "did you mean 'X-1'?"),
        ("PM2021", "did you mean 'PM2021-005'?"),
        ("all-services", "did you mean 'PM2021-005'?"),
        ("PM2021-006", None),
        ("twin", None),
    ],
)
def test_a_name_that_no_incident_has_alone_is_told(
    documents: Path, name: str, remedy: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the one that was meant, which is suggested and never taken; a shared name is none."""
    otherwise = {"show": "`pytest-postmortem list` shows all ids"}
    for command, argument in (("show", name), ("list", f"id:{name}"), ("prove", name)):
        assert main([command, argument]) == 2
        said = complaint(capsys).splitlines()
        assert said[0] == f"Couldn't {command}: unknown post-mortem {name!r}"
        assert said[1].strip() == (remedy or otherwise.get(command, "correct the id"))


def test_an_id_with_other_punctuation_is_another(
    documents: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``x1`` is not ``X-1``, though severities are compared so."""
    assert main(["list", "id:x1"]) == 2
    assert "did you mean 'X-1'?" in complaint(capsys)


def test_one_incident_in_markdown_and_by_its_alias(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What stands in several lines is a list of its own."""
    assert main(["show", "case-7", "--report=markdown"]) == 0

    said = capsys.readouterr().out
    assert said.startswith(
        "### [PM-10 Checkout charged customers twice](https://wiki.example.com/pm/10)\n\n"
        "- file: postmortems.yml:1\n- date: 2026-03-02\n"
    )
    assert "- state: linked, read from the code\n" in said
    assert "- whys:\n  - 1\\. the first answer was lost\n  - 2\\. nothing told" in said


def test_the_proof_and_the_items_of_a_document_are_shown(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that a report tells of too: `prove` may have run since."""
    configure(project, "postmortem_registry = docs")
    document = project / "docs" / "PM-3-lost-mails.md"
    document.parent.mkdir()
    document.write_text("# PM-3: Lost mails\n\n## Action items\n\n- [ ] Count them (@bob)\n")
    proof = Proof("weak", date(2026, 3, 4), "0c1d2e3", "passes without the fix, once")
    write_proofs_file(project / PROOFS_FILENAME, {"PM-3": StoredProof(proof)})
    (project / "test_shop.py").write_text(SUITE.replace("PM-10", "PM-3"))

    assert main(["show", "PM-3", "--report=term", "--report=json:whole.json"]) == 0

    assert capsys.readouterr().out == (
        "PM-3  Lost mails\n"
        "  link     docs/PM-3-lost-mails.md\n"
        "  state    linked, read from the code\n"
        "  tests    test_shop.py::test_a_retry_charges_once\n"
        "  proof    weak on 2026-03-04: passes without the fix, once\n"
        "  actions  Count them (open)\n"
    )
    (incident,) = json.loads((project / "whole.json").read_text())["incidents"]
    assert incident["proof"]["verdict"] == "weak"
    assert [item["title"] for item in incident["action_items"]] == ["Count them"]


def test_until_when_an_incident_needs_no_test_is_shown(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The grace ends on the last day on which no gate fails."""
    configure(project, "postmortem_registry = postmortems.yml", "postmortem_grace = 14")
    (project / "postmortems.yml").write_text(
        "- {id: A-1, date: 2026-11-25}\n- {id: A-2, date: 2026-11-01}\n- {id: A-3}\n"
    )
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795910400")  # 2026-11-29

    states = {}
    for id in ("A-1", "A-2", "A-3"):
        assert main(["show", id]) == 0
        states[id] = re.findall("^  state +(.*)", capsys.readouterr().out, re.MULTILINE)

    unlinked = ["not linked, read from the code"]
    in_grace = ["not linked (grace until 2026-12-09), read from the code"]
    assert states == {"A-1": in_grace, "A-2": unlinked, "A-3": unlinked}


def test_a_file_of_proofs_that_can_not_be_read_hides_nothing_else(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said beside it."""
    (project / PROOFS_FILENAME).write_text("{")

    assert main(["show", "PM-9"]) == 0

    said = capsys.readouterr()
    assert said.out.startswith("PM-9  Login loop\n")
    assert "  proof" not in said.out
    assert said.err.startswith("Couldn't read proofs ")


def test_the_proof_that_a_report_tells_of_is_shown(
    report: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it was when the report was made."""
    document = json.loads((project / report).read_text())
    proof = {"verdict": "proven", "day": None, "fix": "", "reason": "", "outdated": True}
    for each in document["incidents"]:
        each["proof"] = proof
    (project / report).write_text(json.dumps(document))

    assert main(["show", "PM-9", "--from", report, "--report=markdown"]) == 0

    assert "- proof: proven, outdated: its tests have changed since\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("id", "state", "more"),
    [
        ("PM-9", "skipped (needs the key server), read from the code", ""),
        (
            "PM-8",
            "declared (guarded by alert, not checked here), read from the code",
            "  guarded by  alert https://a.example\n",
        ),
        ("PM-7", "exempt (not ours), read from the code", ""),
    ],
)
def test_why_an_incident_is_in_its_state_is_said(
    id: str, state: str, more: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason stands beside the state."""
    main(["show", id])

    said = " ".join(capsys.readouterr().out.split())
    assert f" state {state} " in f"{said} "
    assert " ".join(more.split()) in said


@pytest.mark.parametrize(
    ("id", "remedy"),
    [
        ("PM-100", "did you mean 'PM-10'?"),
        ("CASE-8", "`pytest-postmortem list` shows all ids"),
        ("csae-7", "did you mean 'PM-10'?"),
        ("\x1b[31mzzz\n::error", "`pytest-postmortem list` shows all ids"),
    ],
)
def test_an_id_that_is_not_known_is_told_with_the_nearest(
    id: str, remedy: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A typing error costs no search."""
    assert main(["show", id]) == 2

    assert complaint(capsys) == f"Couldn't show: unknown post-mortem {id!r}\n  {remedy}"


def test_where_nothing_is_known_nothing_is_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no error to have had no incident."""
    monkeypatch.chdir(tmp_path)
    configure(tmp_path)

    assert main(["list"]) == 0
    assert capsys.readouterr().out == "no incident\n"
    assert main(["list", "--report=markdown"]) == 0
    assert capsys.readouterr().out == "no incident\n"
    assert main(["show", "PM-1"]) == 2
    assert complaint(capsys).startswith("Couldn't show: the registry is empty\n")


def test_without_a_registry_the_ids_of_the_tests_are_the_incidents(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a run."""
    (project / "postmortems.yml").unlink()
    configure(project, "postmortem_url_template = https://wiki.example.com/{id}")

    main(["list"])

    assert capsys.readouterr().out == (
        "ID     STATE\nPM-10  linked\nPM-9   skipped\nPM-5   known-broken\n\n"
        "3 incidents: 3 linked (1 skipped, 1 known broken)"
        " (read from the code; a run of pytest says what is guarded)\n"
    )


def test_a_list_begins_with_the_most_severe_and_keeps_proofs_apart() -> None:
    """Whatever the order of the registry, which a key gives; a proof of no use is named."""
    proof = {"verdict": "not-proven", "outdated": False}
    tests = [{"nodeid": "t.py::t"}]
    rows = [
        _build_row(Postmortem("A", "A"), state="unguarded", tests=[], proof=None),
        _build_row(Postmortem("B", "B", severity="low"), state="guarded", tests=tests, proof=proof),
        _build_row(
            Postmortem("C", "C", severity="Major"), state="guarded", tests=tests, proof=None
        ),
    ]

    by_default = select_rows(rows, ListQuery())
    by_registry = select_rows(rows, ListQuery(sort="registry"))
    configured = select_rows(rows, ListQuery(severities=("low",)))

    ids = ["".join(row.shown.id for row in some) for some in (by_default, by_registry, configured)]
    assert ids == ["CBA", "ABC", "BCA"]
    assert render_incident_columns(by_default, None, read=False) == (
        "ID  SEVERITY  STATE\n"
        "C   Major     guarded\n"
        "B   low       guarded (not-proven)\n"
        "A             unguarded\n"
        "\n"
        "3 incidents: 2 guarded (1 passes without its fix), 1 unguarded\n"
    )


def _build_row(postmortem: Postmortem, **fields: Any) -> IncidentRow:
    names = ("id", "title", "date", "severity", "owner", "recurs")
    known = {name: getattr(postmortem, name) for name in names}
    return IncidentRow(postmortem, postmortem, {**known, "class": None, "reason": None, **fields})


def test_incidents_that_only_the_report_or_only_the_registry_has_are_listed_too(
    report: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A report of last week knows nothing of today's, and one of elsewhere has its own."""
    rest = REGISTRY[REGISTRY.index("- {id: PM-9") :]
    (project / "postmortems.yml").write_text(f"{rest}- {{id: PM-11, title: Of today}}\n")

    main(["list", "id:PM-10", "id:PM-11", "--from", report])

    assert capsys.readouterr().out == (
        "ID     DATE        SEVERITY  OWNER     CLASS                STATE       REPEATS  TITLE\n"
        "PM-10  2026-03-02  sev1      payments  missing idempotency  guarded     PM-9"
        "     Checkout charged customers twice\n"
        "PM-11                                                       not-judged"
        "           Of today\n"
        "\n"
        "2 incidents: 1 guarded, 1 not judged\n"
    )


def test_no_more_is_shown_than_may_be(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``postmortem_show`` holds here as in a run."""
    configure(project, "postmortem_registry = postmortems.yml", "postmortem_show = link")

    main(["list", "severity:sev1"])
    main(["show", "PM-10"])
    main(["show", "PM-10", "--report=json"])

    said = capsys.readouterr().out
    assert said.startswith("ID     STATE\nPM-10  linked\n\n1 incident: 1 linked")
    assert "PM-10\n  link   https://wiki.example.com/pm/10\n" in said
    hidden = ("sev1", "payments", "gateway", "Checkout", "0c1d2e3", "support")
    assert [word for word in hidden if word in said] == []


@pytest.mark.parametrize(
    ("name", "text", "cause"),
    [
        ("r.xml", "<testsuites/>", "JUnit XML does not say which incidents there are"),
        ("r.json", "[]", None),
        ("none.json", None, None),
    ],
)
def test_what_is_no_report_is_one_message(
    name: str,
    text: str | None,
    cause: str | None,
    project: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """For both commands, with exit status 2."""
    if text is not None:
        (project / name).write_text(text)

    assert main(["list", "--from", name]) == 2

    said = complaint(capsys)
    assert said.startswith(f"Couldn't read report {name!r}: {cause or ''}")


def test_the_width_of_a_terminal_is_honoured(project: Path) -> None:
    """Titles are cut, wide letters count twice, and no escape gets through."""
    (project / "postmortems.yml").write_text(
        '- {id: PM-1, title: "\\e[31mCheckout charged customers twice on a Sunday"}\n'
        "- {id: PM-2, title: 二重請求が発生した障害の事後検証レポート二重請求が発生した}\n"
    )

    from pytest_postmortem.cli.listing_output import render_incident_columns
    from pytest_postmortem.cli.listing_rows import build_rows_from_code
    from pytest_postmortem.model import Location, Policy
    from pytest_postmortem.registry import load_registry

    rows = build_rows_from_code(
        load_registry([Location("postmortems.yml", project)], project), (), Policy(), None
    )
    lines = render_incident_columns(rows, 50, read=True).splitlines()

    assert lines[1:3] == [
        "PM-1  not-linked  [31mCheckout charged customer...",
        "PM-2  not-linked  二重請求が発生した障害の事後...",
    ]


def test_it_runs_as_a_command_where_no_utf_8_is_printed(project: Path) -> None:
    """What can't be printed is escaped, and nothing breaks."""
    (project / "postmortems.yml").write_text("- {id: PM-1, title: Käse}\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "pytest_postmortem", "list"]

    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0
    assert done.stdout.startswith("ID    STATE       TITLE\nPM-1  not-linked  K\\xe4se\n")


def test_incidents_of_another_suite_are_shown_but_not_listed(
    report: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A registry that many repositories share is still one to look things up in."""
    settings = ("postmortem_registry = postmortems.yml", "postmortem_select = severity:sev2")
    configure(project, *settings)
    (project / "postmortems.yml").write_text(f"{REGISTRY}- {{id: PM-4, title: Elsewhere}}\n")

    assert ids(capsys) == ["PM-9"]
    assert [main(["show", "PM-10"]), main(["show", "PM-4", "--from", report])] == [0, 0]
    said = capsys.readouterr().out
    assert "  state       linked, read from the code\n" in said
    assert said.endswith("  state  not judged (the report has no such incident)\n")


def test_a_broken_registry_is_exit_4(project: Path) -> None:
    """For both commands."""
    (project / "postmortems.yml").write_text("- {title: x}\n")

    assert [main(["list"]), main(["show", "PM-1"])] == [4, 4]


@pytest.mark.parametrize("command", ["list", "check"])
def test_an_incident_that_an_unparsed_file_names_is_unknown(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """Neither a test file nor a helper that tests import; a file that no test imports is none."""
    pytester.makeini("[pytest]\npostmortem_registry = pm.yml\n")
    mark = "import pytest\nlogin = pytest.mark.postmortem({!r})\n{}"
    files = {
        "pm.yml": "".join(f"- {{id: PM-{number}, title: T}}\n" for number in range(1, 5)),
        "marks.py": mark.format("PM-1", "def (\n"),
        "test_one.py": "from marks import login\n@login\ndef test_one(): pass\n",
        "test_two.py": mark.format("PM-2", "def (\n"),
        "other.py": mark.format("PM-3", "def (\n"),
    }
    for name, text in files.items():
        (pytester.path / name).write_text(text, encoding="utf-8")

    status = main([command])

    lines = "".join(capsys.readouterr()).splitlines()
    unknown = "names it, and can't be read as Python"
    assert status == 3
    assert {line for line in lines if line.endswith(unknown)} == {
        f"unknown: {'PM-1: ' * (command == 'check')}marks.py {unknown}",
        f"unknown: {'PM-2: ' * (command == 'check')}test_two.py {unknown}",
    }
    assert not any("other.py" in line for line in lines)
