"""What a reader sees of whole runs, with pytest's own options for more, for less and for colour."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import pytest

from conftest import RunPytest, report_of
from report_schema import read_report

REGISTRY = """
- id: PM-1
  title: Charged twice
  url: https://wiki.example.com/1
  date: 2026-03-02
  severity: sev1
  owner: payments
  root_cause: the retry carried no idempotency key
- {id: PM-2, title: Login loop, date: 2026-11-01, severity: sev2}
- {id: PM-3, title: Lost mails}
- {id: PM-4, title: Slow start}
"""

SUITE = """
import pytest

@pytest.mark.postmortem("PM-1")
def test_retry():
    print("captured")
    assert False

@pytest.mark.postmortem("PM-3")
@pytest.mark.skip(reason="needs the staging server")
def test_mail():
    pass

@pytest.mark.postmortem("PM-4")
def test_start():
    pass
"""

BLOCK = [
    "PM-1  Charged twice (sev1, 2026-03-02)",
    "      https://wiki.example.com/1",
    "      Owner: payments",
    "      Root cause: the retry carried no idempotency key",
    "      This test keeps that incident from happening again.",
    "      Changed on purpose? See `pytest-postmortem explain retire-a-lesson`",
]

FAILS = [
    "A test of 1 incident fails; the problem may be back:",
    "  PM-1  sev1  payments  Charged twice    https://wiki.example.com/1",
    "        test_it.py::test_retry",
]
OPEN = [
    "2 incidents could return unnoticed, 1 of them sev2:",
    "  PM-2  sev2  Login loop    no test",
    "  PM-3        Lost mails    skipped: needs the staging server",
]
AGED = [line.replace("no test", "no test, 19 days old") for line in OPEN]
LAST = "1 of 4 incidents guarded (25 %), 3 linked; 1 has no regression test"

WHOLE = [
    *FAILS,
    *AGED,
    "1 incident is guarded:",
    "  PM-4  Slow start    1 test",
    LAST,
]

CONFIGURED = "[pytest]\npostmortem_registry = postmortems.yml\n"


@pytest.fixture(autouse=True)
def suite(pytester: pytest.Pytester) -> None:
    """Write a suite of four incidents: failing, skipped, guarded and without a test."""
    pytester.path.joinpath("postmortems.yml").write_text(REGISTRY, encoding="utf-8")
    pytester.makepyfile(test_it=SUITE)
    pytester.makeini(CONFIGURED + "addopts = --postmortem-today=2026-11-20\n")


def blocks_of(result: pytest.RunResult) -> list[list[str]]:
    """Return the lines of each block beside a failing test."""
    found: list[list[str]] = []
    inside = False
    for line in result.outlines:
        if re.match("[-=_]{5,} ", line):
            inside = bool(re.fullmatch("-+ Post-mortem -+", line))
            found += [[]] if inside else []
        elif inside:
            found[-1].append(line)
    return found


@pytest.mark.smoke
def test_a_failure_shows_its_post_mortem_and_the_end_lists_it(run: RunPytest) -> None:
    """Beside pytest's own output, which stays as it is."""
    result = run()

    assert blocks_of(result) == [BLOCK]
    assert report_of(result) == [*FAILS, *OPEN, LAST]
    result.stdout.fnmatch_lines(["E * assert False", "*- Captured stdout call -*", "captured"])
    result.assert_outcomes(passed=1, failed=1, skipped=1)
    assert result.ret == 1


@pytest.mark.parametrize("arguments", [("-v",), ("--postmortem-report=term-missing",)])
def test_everything_is_listed_for_who_asks(run: RunPytest, arguments: tuple[str, ...]) -> None:
    """``-v`` or ``term-missing``: the gaps with severity and age too."""
    result = run(*arguments)

    assert report_of(result) == WHOLE


@pytest.mark.parametrize("argument", ["--tb=no", "--show-capture=no"])
def test_the_end_lists_what_the_options_of_pytest_hide(
    pytester: pytest.Pytester, argument: str
) -> None:
    """Where no section is shown, the incident that may be back is named all the same."""
    result = pytester.runpytest(argument)

    assert report_of(result) == [*FAILS, *OPEN, LAST]


def test_no_traceback_shows_no_block(pytester: pytest.Pytester) -> None:
    """``--tb=no`` hides sections, ours among them."""
    assert blocks_of(pytester.runpytest("--tb=no")) == []


@pytest.mark.parametrize("argument", ["-q", "-qq"])
def test_quiet_leaves_the_last_line(pytester: pytest.Pytester, argument: str) -> None:
    """No title and no list, but the figures."""
    result = pytester.runpytest(argument)

    ours = [line for line in result.outlines if "incident" in line and line[0] != " "]
    assert ours == [LAST + " (-v lists them)"]
    assert "postmortem: " not in result.stdout.str()


def test_quiet_says_what_turns_a_green_run_red(run: RunPytest) -> None:
    """A gate that failed, or could not be judged, is told about, however quiet."""
    gate = ("--postmortem-fail-under=90",)

    result = run("-qq", "-k", "start or mail", *gate)

    result.stdout.fnmatch_lines(["Gate fail-under not judged: *", "1 of 4 incidents guarded, *"])
    assert result.ret == 0

    result = run("-q", "-k", "start or mail", "--postmortem-scope=full", *gate)

    result.stdout.fnmatch_lines(["Gate fail-under failed: 25 % of 4 incidents guarded, 90 % *"])
    assert result.ret == 1


def test_no_summary_leaves_the_summary_out(pytester: pytest.Pytester) -> None:
    """It is pytest's own switch for all that stands at the end."""
    result = pytester.runpytest("--no-summary")

    assert report_of(result) == []
    assert [line for line in result.outlines if "incident" in line and " is " in line] == []


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ((), ["postmortem: postmortems.yml (4 post-mortems)"]),
        (("-v",), ["postmortem: postmortems.yml (4 post-mortems)"]),
        (("--no-header",), []),
        (("-q",), []),
    ],
)
def test_the_header_names_the_registry(
    pytester: pytest.Pytester, arguments: tuple[str, ...], shown: list[str]
) -> None:
    """In a line of pytest's own header, where there is one."""
    result = pytester.runpytest(*arguments)

    assert [line for line in result.outlines if line.startswith("postmortem: ")] == shown


def test_a_registry_that_was_found_is_named(pytester: pytest.Pytester) -> None:
    """So that nobody wonders where the incidents come from."""
    pytester.makeini("[pytest]\naddopts = --postmortem-today=2026-11-20\n")

    result = pytester.runpytest()

    assert "postmortem: postmortems.yml (found, not configured)" in result.outlines
    assert report_of(result) == [*FAILS, *OPEN, LAST]


HINT = (
    "postmortems.yml holds post-mortems, and no test is linked to one: mark it with"
    ' @pytest.mark.postmortem("ID")'
)


@pytest.mark.parametrize(
    ("arguments", "shown"), [((), [HINT]), (("-v",), [HINT]), (("-q",), [])], ids=["", "v", "q"]
)
def test_a_suite_with_a_registry_and_no_mark_gets_a_hint(
    pytester: pytest.Pytester, arguments: tuple[str, ...], shown: list[str]
) -> None:
    """One line, when nothing is configured, and it changes nothing."""
    pytester.makeini("[pytest]\n")
    pytester.makepyfile(test_it="def test_it(): pass")

    result = pytester.runpytest(*arguments)

    assert [line for line in result.outlines if "no test is linked" in line] == shown
    assert report_of(result) == []
    assert result.ret == 0


def test_colours_are_those_of_pytest(pytester: pytest.Pytester) -> None:
    """Red for what may be back, yellow for what nothing would catch; none without a terminal."""
    coloured = pytester.runpytest("--color=yes")
    plain = pytester.runpytest("--color=no")

    assert f"\x1b[31m{FAILS[0]}\x1b[0m" in coloured.outlines
    assert f"\x1b[33m{OPEN[0]}\x1b[0m" in coloured.outlines
    assert f"\x1b[31m{LAST}\x1b[0m" in coloured.outlines
    assert "\x1b[" not in plain.stdout.str()


@pytest.mark.parametrize(("columns", "title"), [(40, 32), (80, 41), (200, 75)])
def test_titles_are_cut_to_the_terminal(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, columns: int, title: int
) -> None:
    """As far as there is space; ids and links are never cut, and ``-v`` cuts nothing."""
    monkeypatch.setenv("COLUMNS", str(columns))
    long = "A title of many words that goes on and on until no terminal has room for it"
    entry = {"id": "PM-1", "title": long, "url": "https://wiki.example.com/1"}
    pytester.path.joinpath("postmortems.yml").write_text(json.dumps([entry]), encoding="utf-8")
    pytester.makepyfile(test_it=SUITE.replace("PM-3", "PM-1").replace("PM-4", "PM-1"))

    short, whole = pytester.runpytest(), pytester.runpytest("-v")

    cut = long[: title - 3].rstrip() + "..." if title < len(long) else long
    assert report_of(short)[1] == f"  PM-1  {cut}    https://wiki.example.com/1"
    assert report_of(whole)[1] == f"  PM-1  {long}    https://wiki.example.com/1"


def test_an_output_without_unicode_is_no_reason_to_fail(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't be encoded is written as escapes, as pytest does with its own text."""
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    monkeypatch.setenv("PYTHONUTF8", "0")
    entry = {"id": "PM-1", "title": "Kündigung 名前", "root_cause": "Ω – ☃"}
    pytester.path.joinpath("postmortems.yml").write_text(json.dumps([entry]), encoding="utf-8")

    result = pytester.runpytest_subprocess("--postmortem-report=json:r.json")

    assert "Traceback" not in result.stderr.str()
    assert "INTERNALERROR" not in result.stdout.str()
    assert report_of(result)[2] == r"  PM-1  K\xfcndigung \u540d\u524d"
    assert read_report(pytester.path / "r.json")["incidents"][0]["title"] == "Kündigung 名前"
    assert result.ret == 1


@pytest.mark.parametrize(("count", "lines"), [(20, 6), (21, 1)])
def test_where_many_tests_fail_all_blocks_shrink(
    pytester: pytest.Pytester, run: RunPytest, count: int, lines: int
) -> None:
    """Up to twenty are shown in full; with one more each is its id and its link."""
    mark = 'import pytest\npytestmark = pytest.mark.postmortem("PM-1")\n'
    tests = "".join(f"def test_{n}(): assert False\n" for n in range(count))
    pytester.makepyfile(test_it=mark + tests)

    result = run()

    short = ["PM-1  https://wiki.example.com/1"]
    assert blocks_of(result) == [BLOCK if lines > 1 else short] * count


def test_the_marker_is_explained(pytester: pytest.Pytester) -> None:
    """``pytest --markers`` says how it is written."""
    result = pytester.runpytest("--markers", "--strict-markers")

    ours = [line for line in result.outlines if line.startswith("@pytest.mark.postmortem")]
    assert ours == [
        "@pytest.mark.postmortem(id, *ids): the test guards against the incidents of these"
        " post-mortems, and shows them when it fails"
    ]


@pytest.mark.parametrize("argument", ["--help", "--markers"])
def test_help_works_with_a_broken_registry(pytester: pytest.Pytester, argument: str) -> None:
    """Whoever looks for the right option has something that doesn't work."""
    pytester.path.joinpath("postmortems.yml").write_text("- title: no id\n", encoding="utf-8")

    assert pytester.runpytest(argument).ret == 0
    assert pytester.runpytest().ret == pytest.ExitCode.USAGE_ERROR


def test_all_options_stand_in_one_group(pytester: pytest.Pytester) -> None:
    """``pytest --help`` has a heading of ours, and each option below it."""
    result = pytester.runpytest("--help")

    lines = result.outlines
    start = lines.index("incident coverage (pytest-postmortem):")
    end = lines.index("", start)
    flags = [n for n, line in enumerate(lines) if line.startswith("  --postmortem")]
    assert lines.count(lines[start]) == 1
    assert flags
    assert [n for n in flags if not start < n < end] == []


SECRETS: dict[str, Any] = {
    "title": "Secret of the title",
    "root_cause": "Secret of the root cause",
    "owner": "Secret of the owner",
    "severity": "secret-severity",
    "class": "secret-class",
    "url": "https://wiki.example.com/secret-link",
    "action_items": [{"title": "Secret of an action"}],
    "whys": ["Secret of a why"],
    "tags": ["secret-tag"],
    "reason": "Secret of the reason",
    "extra": "Secret of another field",
}

TITLED = ["title", "severity", "class", "url"]


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("show", "shown"),
    [
        ("id", []),
        ("link", ["url"]),
        ("title", TITLED),
        ("all", [*TITLED, "root_cause", "whys", "tags", "owner", "action_items", "reason"]),
    ],
)
def test_no_more_is_shown_than_may_be_shown(
    pytester: pytest.Pytester, run: RunPytest, show: str, shown: list[str]
) -> None:
    """In the block, the report, the JSON and JUnit's XML; logs of a CI are often public."""
    exempt = {"test": "exempt", "reason": SECRETS["reason"]}
    entries = [{"id": "PM-1", **SECRETS}, {"id": "PM-2", **SECRETS, **exempt}]
    pytester.path.joinpath("postmortems.yml").write_text(json.dumps(entries), encoding="utf-8")
    pytester.makepyfile(test_it=SUITE.replace("PM-3", "PM-1").replace("PM-4", "PM-1"))
    pytester.makeini(f"{CONFIGURED}postmortem_show = {show}\n")

    result = run("-v", "--junitxml=junit.xml", "--postmortem-report=json:r.json")

    document = read_report(pytester.path / "r.json")
    xml = (pytester.path / "junit.xml").read_text(encoding="utf-8")
    everything = result.stdout.str() + result.stderr.str() + xml + json.dumps(document)
    assert {name for name in SECRETS if _text(SECRETS[name]) in everything} == set(shown)
    assert [each["id"] for each in document["incidents"]] == ["PM-1", "PM-2"]


def _text(value: Any) -> str:
    while not isinstance(value, str):
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    return value


HOSTILE = "\x1b[31m\u202ered\u2066\x07\r\n::error::x ##[error]y\x9b2J\nend"


@pytest.mark.skipif(sys.platform == "win32", reason="the ids are no file names there")
def test_hostile_text_is_inert(pytester: pytest.Pytester, run: RunPytest) -> None:
    """Whatever a tracker sends: no escape, no turned direction, no command of a CI."""
    names = ("title", "owner", "root_cause", "severity", "class", "date")
    entry = {"id": "PM-1", **dict.fromkeys(names, HOSTILE), "tests": [f"test_it.py::{HOSTILE}"]}
    exempt = {
        "id": HOSTILE.replace("\n", "").replace("\r", ""),
        "test": "exempt",
        "reason": HOSTILE,
        "recurs": "PM-1",
    }
    text = json.dumps([entry, exempt])
    pytester.path.joinpath("postmortems.yml").write_text(text, encoding="utf-8")
    pytester.makepyfile(
        test_it=SUITE.replace("needs the staging server", repr(HOSTILE)[1:-1])
        .replace("PM-3", "PM-1")
        .replace('"PM-4"', f"{HOSTILE!a}, {HOSTILE + '!'!a}")
    )

    result = run("-v", "--color=no")

    ours = [*report_of(result), *blocks_of(result)[0]]
    assert [line for line in ours if not line.isprintable()] == []
    assert [line for line in ours if line.lstrip().startswith("::") or "##[" in line] == []
    assert len(ours) > 15
