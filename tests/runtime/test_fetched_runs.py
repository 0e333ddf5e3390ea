"""Runs whose registry is fetched: once, with a copy to fall back on, and never in the way."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import RunPytest, gapless_report, with_a_worker_too, with_workers_too
from report_schema import read_report
from server import Asked, Reply, Server

REGISTRY = """
postmortems:
  - {id: PM-1, title: Login loop, severity: sev1, root_cause: a clock}
  - {id: PM-2, title: Charged twice, severity: sev2}
"""

SUITE = """
import pytest

@pytest.mark.postmortem("PM-1")
def test_login():
    pass

@pytest.mark.postmortem("XYZ")
def test_unknown():
    pass
"""

COPY = r"a copy of \d{4}-\d\d-\d\d \d\d:\d\d UTC, \d+ minutes? old"
NO_COPY = (
    "it can't be read: the server failed (HTTP 500); its ids are not checked, and gates are not"
    " judged; ask again later"
)


@pytest.fixture
def suite(pytester: pytest.Pytester, server: Server) -> Path:
    """A suite whose registry is at a URL."""
    server.on("/pm.yml", Reply(REGISTRY, headers={"ETag": '"1"'}))
    pytester.makeini(f"[pytest]\npostmortem_registry = {server.url}/pm.yml\n")
    pytester.makepyfile(test_it=SUITE)
    return pytester.path


def fail(server: Server) -> None:
    """Let the server fail, and ask for no second try."""
    server.on("/pm.yml", Reply("no", 500, {"Retry-After": "60"}))


def steady(lines: list[str], server: Server) -> list[str]:
    """Return lines with what differs from run to run taken out."""
    text = "\n".join(lines).replace(server.url, "URL")
    text = re.sub(COPY, "a copy of THEN, AGE old", text)
    text = re.sub(r"it asks to wait for \d+ seconds", "WAIT", text)
    return text.split("\n")


def test_a_url_in_our_form_is_a_registry_like_a_file(
    suite: Path, run: RunPytest, server: Server
) -> None:
    """It is named in the header, its incidents are judged, and an unknown id is an error.

    With workers, too, it is asked once, by the controller.
    """
    result = run()

    assert f"postmortem: {server.url}/pm.yml (2 post-mortems)" in result.outlines
    assert gapless_report(result) == [
        "1 error in links or registry:",
        "  test_it.py:7: unknown post-mortem 'XYZ'; correct the id, or add the post-mortem to the"
        " registry",
        "1 of 2 incidents guarded (50 %), 1 linked; 1 has no regression test",
    ]
    assert result.ret == 1
    assert server.paths() == ["/pm.yml"]


def test_what_has_not_changed_is_not_sent_again(
    suite: Path, run: RunPytest, server: Server
) -> None:
    """The second run asks with the ETag of the first, and a 304 is as good as an answer."""
    first = gapless_report(run())
    server.on("/pm.yml", Reply(status=304))

    second = run()

    assert gapless_report(second) == first
    assert f"postmortem: {server.url}/pm.yml (2 post-mortems)" in second.outlines
    assert [asked.headers.get("if-none-match") for asked in server.asked] == [None, '"1"']


def test_what_has_changed_takes_the_place_of_the_copy(
    suite: Path, run: RunPytest, server: Server
) -> None:
    """A new post-mortem counts in the next run."""
    run()
    server.on("/pm.yml", Reply(REGISTRY + "  - {id: XYZ}\n"))

    result = run()

    assert gapless_report(result)[-1].startswith("2 of 3 incidents guarded (66.6 %), 2 linked")
    assert result.ret == 0


def test_the_last_good_copy_serves_when_the_network_does_not(
    suite: Path, run: RunPytest, server: Server
) -> None:
    """Header and report say how old it is, and an unknown id is only a warning that says why."""
    run()
    fail(server)

    result = run()

    assert "postmortem: URL/pm.yml (a copy of THEN, AGE old) (2 post-mortems)" in steady(
        result.outlines, server
    )
    assert steady(gapless_report(result), server) == [
        "2 warnings:",
        "  URL/pm.yml: it can't be read: WAIT; a copy of THEN, AGE old, is used; ask again later,"
        " or let runs read the file that `pytest-postmortem sync` writes",
        "  test_it.py:7: unknown post-mortem 'XYZ'; it may exist all the same, as the registry is"
        " partial: URL/pm.yml is a copy of THEN, AGE old",
        "1 of 2 incidents guarded (50 %), 1 linked; 1 has no regression test",
    ]
    assert result.ret == 0


def test_without_a_copy_the_tests_run_all_the_same(
    suite: Path, run: RunPytest, server: Server
) -> None:
    """Ids are not checked, gates are not judged, and one warning says why."""
    server.on("/pm.yml", Reply("no", 401))

    result = run("--postmortem-fail-under=90", "--postmortem-report=json:report.json")

    assert steady(gapless_report(result), server)[1:] == [
        "1 warning:",
        "  URL/pm.yml: it can't be read: the credential is missing or was refused (HTTP 401); its"
        " ids are not checked, and gates are not judged; check the token, and that it has not"
        " ended",
        "Gate fail-under not judged: URL/pm.yml can't be reached; run again when it can be reached",
        "2 of 2 linked incidents guarded; URL/pm.yml can't be reached, so no gap is claimed",
    ]
    assert result.ret == 0
    report = read_report(suite / "report.json")
    assert report["registry"] == {
        "locations": [f"{server.url}/pm.yml"],
        "partial": [],
        "unreachable": [f"{server.url}/pm.yml"],
        "shrunk": [],
    }
    assert report["totals"]["percent"] is None


def test_what_else_is_known_is_judged_without_the_rest(
    suite: Path, run: RunPytest, server: Server
) -> None:
    """A file keeps its say where another location can't be reached; no figure is final."""
    server.on("/pm.yml", Reply("no", 404))
    (suite / "own.yml").write_text("- id: PM-1\n- id: PM-3\n")

    result = run(f"--postmortem-registry={server.url}/pm.yml", "--postmortem-registry=own.yml")

    assert gapless_report(result)[-1] == (
        "1 of 2 incidents guarded, 1 linked; 1 has no regression test, 1 id not checked"
    )
    assert result.ret == 0


@pytest.mark.parametrize("copy", [True, False])
def test_who_wants_it_is_failed_by_an_unreachable_registry(
    suite: Path, run: RunPytest, server: Server, copy: bool
) -> None:
    """``postmortem_unreachable = error`` fails a run that is otherwise green, copy or not."""
    if copy:
        run("-k", "login")
    fail(server)

    result = run("-k", "login", "-o", "postmortem_unreachable=error")

    assert gapless_report(result)[0] == "1 error in links or registry:"
    assert result.ret == 1
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("copy", [True, False])
def test_offline_no_socket_is_opened(
    suite: Path, run: RunPytest, server: Server, copy: bool
) -> None:
    """What was fetched before has to do."""
    if copy:
        run()
    asked = len(server.asked)

    result = run("-o", "postmortem_offline=true")

    said = " ".join(steady(gapless_report(result), server))
    assert "URL/pm.yml: it can't be read: postmortem_offline is set;" in said
    assert ("a copy of THEN, AGE old, is used" in said) is copy
    assert len(server.asked) == asked
    assert result.ret == 0


def test_without_a_cache_every_run_asks_anew(suite: Path, run: RunPytest, server: Server) -> None:
    """``-p no:cacheprovider`` keeps nothing, and nothing is missing."""
    for _ in range(2):
        assert gapless_report(run("-p", "no:cacheprovider"))[-1].startswith(
            "1 of 2 incidents guarded"
        )

    assert [asked.headers.get("if-none-match") for asked in server.asked] == [None, None]
    assert not (suite / ".pytest_cache").exists()


def test_a_file_that_names_a_source_adds_to_what_is_there(
    pytester: pytest.Pytester, suite: Path, run: RunPytest, server: Server
) -> None:
    """Its own entries are laid over those that are fetched."""
    (suite / "pm.yml").write_text(
        f"source: {server.url}/pm.yml\n"
        "postmortems:\n  - {id: PM-2, test: exempt, reason: an alert does}\n  - id: XYZ\n"
    )

    result = run("--postmortem-registry=pm.yml", "-v")

    assert f"postmortem: {server.url}/pm.yml, pm.yml (3 post-mortems)" in result.outlines
    assert "  PM-2  sev2  Charged twice    an alert does" in gapless_report(result)
    assert gapless_report(result)[-1] == "2 of 2 incidents guarded (100 %), 2 linked; 1 exempt"


@with_workers_too
def test_a_registry_that_was_found_may_name_a_source(
    pytester: pytest.Pytester, run: RunPytest, server: Server
) -> None:
    """It is fetched once a run, though every worker reads the file."""
    server.on("/pm.yml", Reply(REGISTRY))
    pytester.makepyfile(test_it=SUITE)
    (pytester.path / "postmortems.yml").write_text(f"source: {server.url}/pm.yml\n")

    result = run()

    assert gapless_report(result)[-1].startswith("1 of 2 incidents guarded (50 %)")
    assert server.paths() == ["/pm.yml"]


def test_what_a_registry_lacks_by_its_nature_is_said(
    suite: Path, run: RunPytest, server: Server
) -> None:
    """An unknown id is no error where a list is never whole."""
    server.on("/pm.yml", Reply(f"partial: it lists the newest alone\n{REGISTRY}"))

    result = run()

    assert steady(gapless_report(result), server)[:2] == [
        "1 warning:",
        "  test_it.py:7: unknown post-mortem 'XYZ'; it may exist all the same, as the registry is"
        " partial: URL/pm.yml: it lists the newest alone",
    ]
    assert result.ret == 0


def behind_a_token(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    server: Server,
    answer: object,
    *settings: str,
) -> None:
    """Configure a registry that a token from the environment opens, and further settings."""
    monkeypatch.setenv("PM_TOKEN", "hunter2-hunter2")
    server.on("/api", Reply(answer))
    (pytester.path / "pm.yml").write_text(
        f"source:\n  url: {server.url}/api\n  headers:\n    Authorization: Bearer ${{PM_TOKEN}}\n"
    )
    pytester.makeini("\n".join(["[pytest]", "postmortem_registry = pm.yml", *settings, ""]))


FAILING = """
import pytest

@pytest.mark.postmortem("PM-1")
def test_login():
    assert False
"""


@pytest.mark.parametrize(
    ("show", "seen"),
    [
        ("", {"https://wiki/1"}),
        ("id", set()),
        ("link", {"https://wiki/1"}),
        ("title", {"https://wiki/1", "Login loop", "sev1"}),
        ("all", {"https://wiki/1", "Login loop", "sev1", "a secret cause", "Payments"}),
    ],
)
def test_what_a_credential_opened_is_shown_as_far_as_it_is_wanted(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    run: RunPytest,
    server: Server,
    show: str,
    seen: set[str],
) -> None:
    """Titles and causes are in no log, report, JUnit file or cache unless they are asked for."""
    texts = {"https://wiki/1", "Login loop", "sev1", "a secret cause", "Payments"}
    entry = {
        "id": "PM-1",
        "title": "Login loop",
        "url": "https://wiki/1",
        "severity": "sev1",
        "root_cause": "a secret cause",
        "owner": "Payments",
    }
    answer = {"postmortems": [entry, {"id": "PM-2", "test": "exempt"}]}
    behind_a_token(pytester, monkeypatch, server, answer, f"postmortem_show = {show}")
    pytester.makepyfile(test_it=FAILING)

    result = run("-vv", "--junitxml=junit.xml", "--postmortem-report=json:report.json")

    everything = result.stdout.str() + result.stderr.str()
    everything += (pytester.path / "junit.xml").read_text()
    everything += (pytester.path / "report.json").read_text()
    assert {text for text in texts if text in everything} == seen
    kept = "".join(
        path.read_text() for path in (pytester.path / ".pytest_cache").rglob("*") if path.is_file()
    )
    assert ("Login loop" in kept) is ("Login loop" in seen)
    assert ("a secret cause" in kept) is ("a secret cause" in seen)
    assert "hunter2" not in kept + everything
    assert server.asked[0].headers["authorization"] == "Bearer hunter2-hunter2"


def test_a_severity_counts_though_it_is_not_shown(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    """A gate on severities works whatever may be shown."""
    answer = [{"id": "PM-1", "severity": "sev1"}, {"id": "PM-2", "severity": "3"}]
    settings = ("postmortem_require = sev1", "addopts = --postmortem-report=json:report.json")
    behind_a_token(pytester, monkeypatch, server, answer, *settings)
    pytester.makepyfile(test_it=SUITE)

    pytester.runpytest("-k", "login")

    (gate,) = read_report(pytester.path / "report.json")["gates"]
    assert gate["message"] == "1 of 1 incident of sev1 guarded or in grace"


def test_two_runs_at_the_same_time_do_each_other_no_harm(
    pytester: pytest.Pytester, suite: Path, server: Server
) -> None:
    """Each leaves a whole copy, and the next run can use it."""
    command = [sys.executable, "-m", "pytest", "-q"]
    runs = [subprocess.Popen(command, cwd=suite, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [each.wait(60) for each in runs] == [1, 1, 1]
    server.on("/pm.yml", lambda asked: Reply(status=304 if validated(asked) else 500))

    result = pytester.runpytest()

    assert gapless_report(result)[-1].startswith("1 of 2 incidents guarded (50 %)")


def validated(asked: Asked) -> bool:
    """Say whether a request names what it has."""
    return asked.headers.get("if-none-match") == '"1"'


def test_what_a_copy_said_of_itself_is_forgotten_with_it(
    suite: Path, run: RunPytest, server: Server
) -> None:
    """An unknown id is an error again as soon as the registry can be reached again."""
    run()
    fail(server)
    assert run().ret == 0
    server.on("/pm.yml", Reply(REGISTRY, headers={"ETag": '"1"'}))

    result = run()

    assert gapless_report(result)[0] == "1 error in links or registry:"
    assert result.ret == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"partial: this year alone\n{REGISTRY}", REGISTRY),
        (REGISTRY, f"partial: this year alone\n{REGISTRY}"),
        (REGISTRY + "  - {id: pm-1}\n", REGISTRY),
        (REGISTRY, REGISTRY + "  - {id: pm-1}\n"),
    ],
    ids=["whole again", "partial now", "mended", "broken now"],
)
def test_what_is_said_beside_the_entries_is_no_less_fresh(
    suite: Path, run: RunPytest, server: Server, before: str, after: str
) -> None:
    """Entries that stay the same do not keep what was said of them."""
    server.on("/pm.yml", Reply(before))
    run()
    server.on("/pm.yml", Reply(after))

    result = run()

    fresh = run("-p", "no:cacheprovider")
    assert gapless_report(result) == gapless_report(fresh)
    assert result.ret == fresh.ret


DECLARED = """
postmortems:
  - {id: PM-1, tests: [test_it.py::test_plain]}
"""


@with_a_worker_too
def test_tests_that_only_the_registry_names_are_known_to_workers(
    pytester: pytest.Pytester, run: RunPytest, server: Server
) -> None:
    """A registry that was found and names a source is fetched before the workers start."""
    server.on("/pm.yml", Reply(DECLARED))
    (pytester.path / "postmortems.yml").write_text(f"source: {server.url}/pm.yml\n")
    plain = "def test_plain(): assert False\n"
    marked = "@pytest.mark.postmortem('PM-1')\ndef test_marked(): pass\n"
    pytester.makepyfile(test_it=f"import pytest\n{plain}{marked}")

    result = run("-p", "no:cacheprovider")

    assert gapless_report(result)[-1] == "0 of 1 incident guarded (0 %), 1 linked"
    assert server.paths() == ["/pm.yml"]


def test_another_value_of_a_variable_is_another_registry(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    """What was kept of one team is no copy of another's."""
    headers = {"Last-Modified": "Mon, 02 Mar 2026 10:00:00 GMT"}
    server.on(
        "/api",
        lambda asked: (
            Reply(status=304)
            if "if-modified-since" in asked.headers
            else Reply([{"id": f"PM-{asked.query['team']}"}], headers=headers)
        ),
    )
    (pytester.path / "pm.yml").write_text(
        f"source:\n  url: {server.url}/api\n  query:\n    team: ${{TEAM}}\n"
    )
    pytester.makeini("[pytest]\npostmortem_registry = pm.yml\n")
    pytester.makepyfile("import pytest\n@pytest.mark.postmortem('PM-blue')\ndef test_it(): pass\n")
    monkeypatch.setenv("TEAM", "red")
    assert "unknown post-mortem 'PM-blue'" in pytester.runpytest().stdout.str()
    monkeypatch.setenv("TEAM", "blue")

    assert gapless_report(pytester.runpytest())[-1] == "1 of 1 incident guarded (100 %), 1 linked"


def test_incidents_are_selected_by_what_may_not_be_shown(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    """A key of one's own counts for ``postmortem_select`` whatever may be shown."""
    answer = [{"id": "PM-1", "region": "eu"}, {"id": "PM-2", "region": "us"}]
    settings = ("postmortem_select = region:us", "addopts = --postmortem-fail-under=100")
    behind_a_token(pytester, monkeypatch, server, answer, *settings)
    pytester.makepyfile(test_it=SUITE.replace("XYZ", "PM-1"))

    result = pytester.runpytest()

    assert "Gate fail-under failed: 0 % of 1 incident guarded" in result.stdout.str()


def test_what_was_kept_goes_when_less_may_be_shown(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    """Of one location only what the last settings allow is kept, findings included."""
    answer = [{"id": "PM-1", "title": "A secret title", "until": "a secret day"}]
    behind_a_token(pytester, monkeypatch, server, answer)
    pytester.makepyfile(test_it=SUITE)
    pytester.runpytest("-o", "postmortem_show=all")

    result = pytester.runpytest("--postmortem-report=json:report.json")

    kept = (pytester.path / ".pytest_cache" / "d" / "postmortem").iterdir()
    texts = [path.read_text() for path in (*kept, pytester.path / "report.json")]
    assert not any("secret" in text for text in (*texts, result.stdout.str()))
    assert "1 value of its entries can't be used" in result.stdout.str()


SHRUNK = (
    "it answers with an empty list, and had 2 post-mortems before; a copy of THEN, AGE old, is"
    " used, and gates are not judged; check the token and the query, or run `pytest"
    " --cache-clear` if the list is really empty"
)


def test_a_list_that_shrinks_to_nothing_is_not_believed(
    suite: Path, run: RunPytest, server: Server
) -> None:
    """The copy is used and no gate is judged, until the cache is cleared."""
    assert run().ret == 1  # XYZ is unknown
    server.on("/pm.yml", Reply("postmortems: []"))

    for _ in range(2):
        result = run("--postmortem-fail-under=100", "--postmortem-report=json:report.json")

        assert result.ret == 0
        lines = steady(gapless_report(result), server)
        assert f"  URL/pm.yml: {SHRUNK}" in lines
        report = read_report(suite / "report.json")
        assert [gate["judged"] for gate in report["gates"]] == [False]
        assert [each["id"] for each in report["incidents"]] == ["PM-1", "PM-2"]
        (message,) = steady([gate["message"] for gate in report["gates"]], server)
        assert message == (
            "not judged: URL/pm.yml (a copy of THEN, AGE old) answers with an empty list; check"
            " its token, and the requested data"
        )

    result = run("--cache-clear", "--postmortem-fail-under=100")

    assert "answers with an empty list" not in result.stdout.str()


def test_a_list_that_was_always_empty_is_one(suite: Path, run: RunPytest, server: Server) -> None:
    """Without anything to lose, an empty registry is an empty registry."""
    server.on("/pm.yml", Reply("[]"))

    for _ in range(2):
        result = run("--postmortem-fail-under=100")

        assert "answers with an empty list" not in result.stdout.str()
