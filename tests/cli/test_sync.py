"""``pytest-postmortem sync``: one reviewable file that runs read instead of the network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conftest import RunPytest, report_of
from pytest_postmortem.cli.main import main
from pytest_postmortem.model import Location
from pytest_postmortem.registry import LoadOptions, load_registry
from server import Reply, Server

ENTRIES: list[dict[str, object]] = [
    {"id": "PM-10", "title": "Ten", "date": "2026-03-02", "severity": "sev2"},
    {
        "id": "PM-9",
        "title": "NO",
        "url": "https://wiki.example.com/9",
        "root_cause": "two\nlines: of it",
        "aliases": ["0012"],
        "whys": ["why?", "because"],
        "guarded_by": [{"type": "alert"}],
        "action_items": [{"title": "Tell", "due": "2026-04-01"}],
        "unknown": "not modelled",
        "test": "exempt",
        "reason": "an alert does",
    },
]

WRITTEN = """\
# Written by `pytest-postmortem sync` from {url}.
# Don't edit it: add entries to another registry file.
postmortems:
- id: PM-9
  title: 'NO'
  url: https://wiki.example.com/9
  aliases:
  - '0012'
  root_cause: |-
    two
    lines: of it
  whys:
  - why?
  - because
  guarded_by:
  - type: alert
  test: exempt
  reason: an alert does
  action_items:
  - title: Tell
    due: '2026-04-01'
- id: PM-10
  title: Ten
  date: '2026-03-02'
  severity: sev2
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, server: Server) -> Path:
    """A suite whose registry is at a URL, and is to be kept in a file."""
    server.on("/pm", Reply(ENTRIES))
    configure(pytester, server)
    pytester.makepyfile(
        test_it="import pytest\n@pytest.mark.postmortem('PM-10')\ndef test_it(): pass\n"
    )
    return pytester.path


def configure(pytester: pytest.Pytester, server: Server, *lines: str) -> None:
    """Write the configuration of pytest."""
    own = f"[pytest]\npostmortem_registry = {server.url}/pm\npostmortem_sync = docs/pm.yml\n"
    pytester.makeini(own + "\n".join(lines))


def test_the_file_is_sorted_and_holds_what_is_modelled(
    suite: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """It reads the same in a review whatever the server's order is, and again after itself."""
    assert main(["sync"]) == 0

    text = (suite / "docs" / "pm.yml").read_text()
    assert text == WRITTEN.format(url=f"{server.url}/pm")
    assert capsys.readouterr().out == "docs/pm.yml written (2 post-mortems)\n"
    server.on("/pm", Reply(ENTRIES[::-1]))
    assert main(["sync"]) == 0
    assert (suite / "docs" / "pm.yml").read_text() == text
    assert capsys.readouterr().out == "docs/pm.yml is up to date (2 post-mortems)\n"


def test_what_is_written_reads_as_what_was_fetched(suite: Path, server: Server) -> None:
    """Every modelled field survives."""
    main(["sync"])

    fetched = load_registry([Location(f"{server.url}/pm", suite)], suite)
    synced = load_registry([Location("docs/pm.yml", suite)], suite)
    assert {each.id: (each.title, each.url, each.whys, each.root_cause) for each in fetched} == {
        each.id: (each.title, each.url, each.whys, each.root_cause) for each in synced
    }
    assert {each.id: (each.guarded_by, each.action_items, each.exempt) for each in fetched} == {
        each.id: (each.guarded_by, each.action_items, each.exempt) for each in synced
    }


def test_runs_read_the_file_instead_of_the_network(
    suite: Path, run: RunPytest, server: Server
) -> None:
    """No socket is opened, and files of the checkout are laid over it."""
    main(["sync"])
    server.asked.clear()
    (suite / "own.yml").write_text("- {id: PM-9, title: Our own title}\n")

    result = run("-v", "-o", f"postmortem_registry={server.url}/pm\nown.yml")

    assert "postmortem: docs/pm.yml, own.yml (2 post-mortems)" in result.outlines
    assert "  PM-9  Our own title    guarded by alert, not checked here" in report_of(result)
    assert report_of(result)[-1] == "1 of 1 incident guarded (100 %), 1 linked; 1 declared"
    assert server.asked == []


def test_a_file_with_a_source_is_read_without_it(
    pytester: pytest.Pytester, suite: Path, run: RunPytest, server: Server
) -> None:
    """Where the synced file stands for what is fetched, a block is not asked either."""
    (suite / "own.yml").write_text(f"source: {server.url}/pm\npostmortems:\n- id: PM-11\n")
    pytester.makeini("[pytest]\npostmortem_registry = own.yml\npostmortem_sync = synced.yaml\n")
    assert main(["sync"]) == 0
    server.asked.clear()

    result = run()

    assert "postmortem: synced.yaml, own.yml (3 post-mortems)" in result.outlines
    assert server.asked == []
    assert "PM-11" not in (suite / "synced.yaml").read_text()


def test_a_file_that_is_not_there_yet_says_what_to_do(suite: Path, run: RunPytest) -> None:
    """The first run after the setting was made is told to sync."""
    result = run()

    assert "'docs/pm.yml': it has not been written yet" in result.stderr.str()
    assert "run `pytest-postmortem sync`" in result.stderr.str()
    assert result.ret == 4


def test_check_tells_what_has_changed_and_writes_nothing(
    suite: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1 and the differences, so that a scheduled job can open a pull request."""
    assert main(["sync", "--check"]) == 1
    assert capsys.readouterr().out == "docs/pm.yml is not there: run `pytest-postmortem sync`\n"
    main(["sync"])
    assert main(["sync", "--check"]) == 0
    before = (suite / "docs" / "pm.yml").read_bytes()
    server.on("/pm", Reply([{**ENTRIES[0], "severity": "sev1", "owner": "web"}, {"id": "PM-11"}]))
    capsys.readouterr()

    assert main(["sync", "--check"]) == 1

    assert capsys.readouterr().out.splitlines() == [
        "docs/pm.yml is out of date: run `pytest-postmortem sync`",
        "  PM-10 has another owner, severity",
        "  PM-11 is new",
        "  PM-9 is gone",
    ]
    assert (suite / "docs" / "pm.yml").read_bytes() == before


def test_what_can_not_be_reached_leaves_the_file_as_it_is(
    suite: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 3, and a message that says why; a copy in the cache is no reason to write."""
    main(["sync"])
    before = (suite / "docs" / "pm.yml").read_bytes()
    server.on("/pm", Reply("no", 403))
    capsys.readouterr()

    assert main(["sync"]) == 3
    assert main(["sync", "--check"]) == 3

    said = capsys.readouterr()
    assert "it can't be read: the credential may not read this (HTTP 403)" in said.err
    assert "docs/pm.yml stays as it is" in said.err
    assert (suite / "docs" / "pm.yml").read_bytes() == before


def test_what_a_partial_list_drops_is_kept(
    suite: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """A status page forgets what the file remembers; it stays partial all the same."""
    page = {"partial": "it lists its newest alone", "postmortems": ENTRIES}
    server.on("/pm", Reply(page))
    main(["sync"])
    server.on("/pm", Reply({**page, "postmortems": [{"id": "PM-11"}]}))

    assert main(["sync"]) == 0

    registry = load_registry([Location("docs/pm.yml", suite)], suite)
    assert [each.id for each in registry] == ["PM-9", "PM-10", "PM-11"]
    assert registry.partial == (f"docs/pm.yml: {server.url}/pm: it lists its newest alone",)
    assert main(["sync", "--check"]) == 0


@pytest.mark.parametrize(
    ("show", "fields", "note"),
    [
        ("", {"id", "url", "aliases"}, "for a source with a credential"),
        ("id", {"id", "aliases"}, "Only fields that postmortem_show allows are here.\n"),
        ("title", {"id", "title", "url", "date", "severity", "aliases"}, "allows are here.\n"),
    ],
)
def test_no_more_is_written_than_may_be_shown(
    pytester: pytest.Pytester,
    suite: Path,
    monkeypatch: pytest.MonkeyPatch,
    server: Server,
    show: str,
    fields: set[str],
    note: str,
) -> None:
    """The file may end up in a public repository, and never holds the credential."""
    monkeypatch.setenv("PM_TOKEN", "hunter2-hunter2")
    (suite / "own.yml").write_text(
        f"source:\n  url: {server.url}/pm\n  headers:\n    X-Token: ${{PM_TOKEN}}\n"
    )
    pytester.makeini(
        "[pytest]\npostmortem_registry = own.yml\npostmortem_sync = pm.yml\n"
        f"postmortem_show = {show}\n"
    )

    assert main(["sync"]) == 0

    text = (suite / "pm.yml").read_text()
    lines = [line for line in text.splitlines() if line[:2] in ("- ", "  ") and ": " in line]
    assert {line[2:].partition(":")[0] for line in lines} | {"aliases"} == fields
    assert note in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("ini", "arguments", "cause"),
    [
        ("postmortem_registry = {url}/pm", [], "the file to write is not configured"),
        ("postmortem_sync = pm.yml", [], "names files alone, and they are in the checkout already"),
        ("postmortem_registry = {url}/pm", ["--output=pm.json"], "'pm.json' is not a YAML file"),
        ("postmortem_sync = pm.json", [], "it is not a YAML file"),
        ("postmortem_registry = {url}/pm\naddopts = --no-such", ["--output=pm.yml"], "--no-such"),
    ],
)
def test_wrong_use_is_one_clear_message(
    pytester: pytest.Pytester,
    server: Server,
    capsys: pytest.CaptureFixture[str],
    ini: str,
    arguments: list[str],
    cause: str,
) -> None:
    """Exit 2, and nothing is written."""
    pytester.makeini(f"[pytest]\n{ini.format(url=server.url)}\n")

    assert main(["sync", *arguments]) == 2

    assert cause in capsys.readouterr().err
    assert [path.name for path in pytester.path.iterdir()] == ["tox.ini"]


def test_a_conftest_that_can_not_be_imported_is_named(
    pytester: pytest.Pytester, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback of pytest's inside reaches the reader."""
    pytester.makeconftest("import no_such_module")

    assert main(["sync"]) == 2

    said = capsys.readouterr().err
    assert "conftest.py can't be imported: No module named 'no_such_module'" in said
    assert "Traceback" not in said


def test_a_file_that_is_broken_is_not_written_over_unseen(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What somebody wrote into it by hand is not lost without a word."""
    (suite / "docs").mkdir()
    (suite / "docs" / "pm.yml").write_text("- id: PM-1\n")

    assert main(["sync"]) == 2

    assert (suite / "docs" / "pm.yml").read_text() == "- id: PM-1\n"
    assert "'docs/pm.yml' was not written by it" in capsys.readouterr().err


def test_a_synced_file_with_a_conflict_in_it_is_written_anew(suite: Path) -> None:
    """The command mends what a merge has left; ``--check`` says that it can't be read."""
    main(["sync"])
    path = suite / "docs" / "pm.yml"
    whole = path.read_text()
    path.write_text(whole.replace("  title: Ten", "<<<<<<< HEAD\n  title: Ten\n======="))

    assert main(["sync", "--check"]) == 4
    assert main(["sync"]) == 0

    assert path.read_text() == whole


def test_a_folder_is_no_file_to_write(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One message, and no traceback."""
    (suite / "docs" / "pm.yml").mkdir(parents=True)

    assert main(["sync"]) == 2
    assert "'docs/pm.yml' was not written by it" in capsys.readouterr().err


def test_what_is_asked_for_on_the_command_line_is_read(
    suite: Path, run: RunPytest, server: Server
) -> None:
    """An explicit location takes the place of the configured ones, the synced file included."""
    main(["sync"])

    result = run(f"--postmortem-registry={server.url}/pm")

    assert f"postmortem: {server.url}/pm (2 post-mortems)" in result.outlines


def test_the_synced_file_stands_where_the_first_would_be_fetched(
    suite: Path, pytester: pytest.Pytester, server: Server
) -> None:
    """What comes before it is laid under it, as without it."""
    main(["sync"])
    (suite / "own.yml").write_text("- {id: PM-10, severity: sev9}\n")

    for locations, severity in (("own.yml\n{url}", "sev2"), ("{url}\nown.yml", "sev9")):
        where = locations.format(url=f"{server.url}/pm")
        result = pytester.runpytest("-o", f"postmortem_registry={where}", "-rA", "-v")
        assert result.ret == 0
        texts = [Location(name, suite) for name in where.split("\n")]
        how = LoadOptions(synced=Location("docs/pm.yml", suite))
        assert {each.id: each.severity for each in load_registry(texts, suite, how)}[
            "PM-10"
        ] == severity


def test_a_synced_file_alone_is_a_registry(suite: Path, pytester: pytest.Pytester) -> None:
    """It is read where nothing else is configured, and not missed where nothing is fetched."""
    main(["sync"])
    pytester.makeini("[pytest]\npostmortem_sync = docs/pm.yml\n")
    assert "postmortem: docs/pm.yml (2 post-mortems)" in pytester.runpytest().outlines

    (suite / "own.yml").write_text("- id: PM-10\n")
    pytester.makeini("[pytest]\npostmortem_registry = own.yml\npostmortem_sync = none.yml\n")
    assert "postmortem: own.yml (1 post-mortem)" in pytester.runpytest().outlines


def test_a_rule_that_the_file_will_not_be_able_to_judge_is_told(
    pytester: pytest.Pytester,
    suite: Path,
    monkeypatch: pytest.MonkeyPatch,
    server: Server,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And the gate fails, where it would pass because nothing has a severity."""
    monkeypatch.setenv("PM_TOKEN", "hunter2-hunter2")
    (suite / "own.yml").write_text(
        f"source:\n  url: {server.url}/pm\n  headers:\n    X-Token: ${{PM_TOKEN}}\n"
    )
    pytester.makeini(
        "[pytest]\npostmortem_registry = own.yml\npostmortem_sync = pm.yml\n"
        "postmortem_require = sev2\n"
    )

    assert main(["sync"]) == 0

    assert "postmortem_require needs what postmortem_show leaves out" in capsys.readouterr().err
    assert (
        "Gate require failed: the severity of 2 incidents is withheld by postmortem_show, or"
        " missing: not judged (PM-9, PM-10); set postmortem_show to title or all, and run"
        " `pytest-postmortem sync`"
    ) in pytester.runpytest().outlines


def test_what_was_kept_before_is_not_told_when_less_may_be(
    pytester: pytest.Pytester, suite: Path, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    """Entries that a partial list has dropped stay, with no more than the others."""
    monkeypatch.setenv("PM_TOKEN", "hunter2-hunter2")
    (suite / "own.yml").write_text(
        f"source:\n  url: {server.url}/pm\n  partial: newest\n"
        "  headers:\n    X-Token: ${PM_TOKEN}\n"
    )
    ini = "[pytest]\npostmortem_registry = own.yml\npostmortem_sync = pm.yml\n"
    pytester.makeini(f"{ini}postmortem_show = all\n")
    main(["sync"])
    pytester.makeini(ini)
    server.on("/pm", Reply([{"id": "PM-11", "title": "Eleven"}]))

    assert main(["sync"]) == 0

    text = (suite / "pm.yml").read_text()
    assert "PM-10" in text
    assert "Ten" not in text


def test_the_command_reads_the_configuration_that_it_is_told(
    pytester: pytest.Pytester, server: Server
) -> None:
    """``-c`` and ``--rootdir`` are those of pytest; a real process does as much."""
    server.on("/pm", Reply(ENTRIES))
    below = pytester.mkdir("below")
    (below / "own.ini").write_text(
        f"[pytest]\npostmortem_registry = {server.url}/pm\npostmortem_sync = pm.yml\n"
    )

    done = subprocess.run(
        [sys.executable, "-m", "pytest_postmortem", "sync", "-c", "below/own.ini"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "pm.yml written (2 post-mortems)\n",
        "",
    )
    assert (below / "pm.yml").exists()


def test_a_plugin_is_asked_too(pytester: pytest.Pytester) -> None:
    """What the hook knows is fetched as well."""
    pytester.makeconftest(
        "def pytest_postmortem_load(location, config): return [{'id': 'N-1', 'title': 'x'}]"
    )
    pytester.makeini(
        "[pytest]\npostmortem_registry = notion:DB\npostmortem_sync = pm.yml\n"
        "postmortem_show = all\n"
    )

    assert main(["sync"]) == 0

    registry = load_registry([Location("pm.yml", pytester.path)], pytester.path, LoadOptions())
    assert [(each.id, each.title) for each in registry] == [("N-1", "x")]


EMPTIED = (
    "docs/pm.yml stays as it is: nothing was fetched, and it holds 2 post-mortems; check the token"
    " and what is asked for, or give --allow-empty\n"
)


@pytest.mark.parametrize("answer", [[], {"postmortems": []}, {}])
@pytest.mark.parametrize("flags", [[], ["--check"]])
def test_an_empty_list_empties_no_file(
    suite: Path,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: object,
    flags: list[str],
) -> None:
    """A token that has ended, or a filter that finds nothing, is no reason to forget it all."""
    monkeypatch.chdir(suite)
    assert main(["sync"]) == 0
    before = (suite / "docs" / "pm.yml").read_bytes()
    server.on("/pm", Reply(answer, headers={"Content-Type": "application/json"}))
    capsys.readouterr()

    assert main(["sync", *flags]) == 3

    assert capsys.readouterr().err.endswith(EMPTIED)
    assert (suite / "docs" / "pm.yml").read_bytes() == before


def test_a_file_is_emptied_on_demand(
    suite: Path,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With ``--allow-empty`` an empty list is what it seems to be."""
    monkeypatch.chdir(suite)
    assert main(["sync"]) == 0
    server.on("/pm", Reply([]))
    capsys.readouterr()

    assert main(["sync", "--check", "--allow-empty"]) == 1
    assert main(["sync", "--allow-empty"]) == 0

    assert capsys.readouterr().out.splitlines()[-1] == "docs/pm.yml written (0 post-mortems)"
    assert main(["sync"]) == 0


def test_the_first_file_may_be_empty(
    suite: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no file was, nothing is lost."""
    monkeypatch.chdir(suite)
    server.on("/pm", Reply([]))

    assert main(["sync"]) == 0
    assert capsys.readouterr().out == "docs/pm.yml written (0 post-mortems)\n"
