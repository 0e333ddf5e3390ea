"""Options and ini become one `Settings`, or one error that names every bad value."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_postmortem.errors import SettingsError
from pytest_postmortem.model import Location, Policy
from pytest_postmortem.options import COMMAND_LINE_OPTIONS, INI_SETTINGS, is_plugin_configured
from pytest_postmortem.report_formats import describe_report_types
from pytest_postmortem.settings import ReportTarget, Settings, read_plugin_settings

ROOT = Path("/suite")
CWD = Path("/suite/sub")


@dataclass
class Config:
    """As much of pytest's configuration as is read, with nothing set but what is given."""

    options: dict[str, Any] = field(default_factory=dict)
    ini: dict[str, Any] = field(default_factory=dict)
    rootpath: Path = ROOT
    inipath: Path | None = ROOT / "pytest.ini"
    invocation_params: Any = field(default_factory=lambda: SimpleNamespace(dir=CWD))

    def getoption(self, name: str) -> Any:
        """Return an option by its flag."""
        flag = next(option.flag for option in COMMAND_LINE_OPTIONS if option.dest == name)
        return self.options.get(flag)

    def getini(self, name: str) -> Any:
        """Return a setting, its default where it is not set."""
        return self.ini.get(name, next(ini.default for ini in INI_SETTINGS if ini.name == name))


def test_nothing_configured_asks_for_nothing() -> None:
    """The plugin is installed for everyone and wanted by some."""
    settings = read_plugin_settings(Config())

    assert settings == Settings()
    assert not settings.used


def test_a_template_alone_asks_for_nothing_in_a_run() -> None:
    """It is for those who write, and stands beside the configuration file."""
    settings = read_plugin_settings(Config(ini={"postmortem_template": "docs/template.md"}))

    assert settings.template == ROOT / "docs/template.md"
    assert not settings.used


def test_everything_configured_is_read() -> None:
    """Each setting has its type, and its place."""
    config = Config(
        options={
            "--postmortem": ["PM-*"],
            "--postmortem-report": ["term-missing", "json:out/report.json"],
            "--postmortem-fail-under": "77.5",
            "--postmortem-scope": "full",
            "--postmortem-today": "2026-11-20",
        },
        ini={
            "postmortem_registry": ["docs/postmortems", "local.yml"],
            "postmortem_url_template": "https://wiki.example.com/{id}",
            "postmortem_markers": ["issue", "bug"],
            "postmortem_select": ["service:checkout", "Service:billing", "severity:sev1"],
            "postmortem_suite": ["tests", "integration"],
            "postmortem_files": ["*.pdf"],
            "postmortem_id_pattern": r"PM\d+",
            "postmortem_vocabulary": ["severity = Dringlichkeit, Stufe", "Cause=Warum"],
            "postmortem_show": "link",
            "postmortem_unknown": "warn",
            "postmortem_severities": ["sev1", "sev2"],
            "postmortem_require": ["SEV-1"],
            "postmortem_grace": "14",
            "postmortem_since": "2025-01-01",
            "postmortem_scan_patterns": [r"OPS-\d+", r"ops=(\d+)"],
        },
    )

    settings = read_plugin_settings(config)

    assert settings == Settings(
        registry=(Location("docs/postmortems", ROOT), Location("local.yml", ROOT)),
        url_template="https://wiki.example.com/{id}",
        markers=frozenset({"issue", "bug"}),
        suite=(ROOT / "tests", ROOT / "integration"),
        files=("*.pdf",),
        id_pattern=r"PM\d+",
        vocabulary=(("severity", ("Dringlichkeit", "Stufe")), ("cause", ("Warum",))),
        show="link",
        only=("PM-*",),
        reports=(ReportTarget("term-missing"), ReportTarget("json", CWD / "out/report.json")),
        scope="full",
        today=date(2026, 11, 20),
        scan_patterns=(r"OPS-\d+", r"ops=(\d+)"),
        policy=Policy(
            fail_under=77.5,
            require=("SEV-1",),
            grace=14,
            since=date(2025, 1, 1),
            select=(("service", ("checkout", "billing")), ("severity", ("sev1",))),
            severities=("sev1", "sev2"),
            unknown="warn",
        ),
    )
    assert settings.used


def test_what_only_a_command_needs_asks_a_run_for_nothing() -> None:
    """The plugin stays away where nothing else is configured."""
    config = Config(ini={"postmortem_scan_patterns": ["OPS"]})

    assert not is_plugin_configured(config)
    assert not read_plugin_settings(config).used


def test_every_broken_pattern_is_named() -> None:
    """All at once, as all other values."""
    config = Config(ini={"postmortem_scan_patterns": ["OPS", "(", "*"]})

    with pytest.raises(SettingsError) as caught:
        read_plugin_settings(config)

    assert [problem.failed for problem in caught.value.problems] == [
        "Couldn't use postmortem_scan_patterns = '('",
        "Couldn't use postmortem_scan_patterns = '*'",
    ]


def test_a_registry_on_the_command_line_is_relative_to_the_folder_it_was_given_in() -> None:
    """And takes the place of the configured one, which is relative to its own file."""
    config = Config(
        options={"--postmortem-registry": ["pm.yml"]}, ini={"postmortem_registry": ["other"]}
    )

    assert read_plugin_settings(config).registry == (Location("pm.yml", CWD),)


def test_without_a_configuration_file_paths_are_relative_to_the_rootdir() -> None:
    """`-o postmortem_registry=...` works in any folder."""
    config = Config(ini={"postmortem_registry": ["pm.yml", " "]}, inipath=None)

    assert read_plugin_settings(config).registry == (Location("pm.yml", ROOT),)


@pytest.mark.parametrize(
    ("given", "reports", "terminal"),
    [
        (None, ["term"], "term"),
        (["term"], ["term"], "term"),
        (["term-missing"], ["term-missing"], "term-missing"),
        (["term", "term-missing"], ["term", "term-missing"], "term-missing"),
        (["json:x.json"], ["term", "json"], "term"),
        (["", "json:x.json"], ["json"], None),
        ([""], [], None),
    ],
)
def test_the_terminals_report_stays_unless_it_is_emptied(
    given: list[str] | None, reports: list[str], terminal: str | None
) -> None:
    """As with pytest-cov, whose users know the option."""
    settings = read_plugin_settings(Config(options={"--postmortem-report": given}))

    assert [report.type for report in settings.reports] == reports
    assert settings.terminal_report == terminal


def test_the_clock_is_asked_only_by_name() -> None:
    """``now`` is for the run that somebody schedules."""
    assert read_plugin_settings(Config(options={"--postmortem-today": "now"})).today == "now"


@pytest.mark.parametrize(
    ("name", "value", "cause", "remedy"),
    [
        (
            "--postmortem-report",
            ["pdf"],
            "unknown report type 'pdf'",
            f"use {describe_report_types('run')}",
        ),
        ("--postmortem-report", ["json"], "a destination is missing", "write json:PATH"),
        ("--postmortem-report", ["term:x"], "it goes to no file of its own", "write term alone"),
        ("--postmortem-fail-under", "many", "it is not a percentage", "use a number from 0 to 100"),
        ("--postmortem-fail-under", "101", "it is not a percentage", "use a number from 0 to 100"),
        ("--postmortem-fail-under", "nan", "it is not a percentage", "use a number from 0 to 100"),
        (
            "--postmortem-scope",
            "half",
            "it is not a valid choice",
            "use full or partial",
        ),
        (
            "--postmortem-today",
            "tomorrow",
            "it is not a date",
            "use an ISO date such as 2026-03-02",
        ),
        (
            "postmortem_url_template",
            "https://wiki.example.com/",
            "it has no place for the id",
            "write {id} where the id belongs",
        ),
        (
            "postmortem_url_template",
            "javascript:{id}",
            "it is not a link",
            "begin it with https:// or http://",
        ),
        (
            "postmortem_select",
            ["checkout"],
            "it is not a KEY:VALUE",
            "write for example service:checkout",
        ),
        (
            "postmortem_id_pattern",
            "(",
            "it is not a regular expression: missing ), unterminated subpattern at position 0",
            "fix the pattern",
        ),
        (
            "postmortem_show",
            "some",
            "it is not a valid choice",
            "use id, link, title or all",
        ),
        (
            "postmortem_unknown",
            "warning",
            "it is not a valid choice",
            "use error, warn or ignore",
        ),
        (
            "postmortem_grace",
            "two weeks",
            "it is not a number of days",
            "use a whole number such as 14",
        ),
        ("postmortem_grace", "-1", "it is not a number of days", "use a whole number such as 14"),
        ("postmortem_since", "2026", "it is not a date", "use an ISO date such as 2026-03-02"),
        (
            "postmortem_vocabulary",
            ["urgency = Dringlichkeit"],
            "'urgency' is not a kind",
            "use id, title, date, severity, owner, status, class, cause, whys, actions, plans,"
            " lessons, timeline, good, story or other",
        ),
        (
            "postmortem_vocabulary",
            ["severity ="],
            "it names no word",
            "write for example severity = Dringlichkeit, Stufe",
        ),
        (
            "postmortem_vocabulary",
            ["severity: Stufe"],
            "it names no word",
            "write for example severity = Dringlichkeit, Stufe",
        ),
    ],
)
def test_a_bad_value_is_named_with_its_remedy(
    name: str, value: str | list[str], cause: str, remedy: str
) -> None:
    """The message names the option or setting, the value, and what would be right."""
    values = {name: value}
    config = Config(options=values) if name.startswith("--") else Config(ini=values)

    with pytest.raises(SettingsError) as caught:
        read_plugin_settings(config)

    shown = value if isinstance(value, str) else value[0]
    assert str(caught.value) == (
        f"Couldn't use {name} = {shown!r}: {cause}\n"
        f"  {remedy}\n"
        "  see `pytest-postmortem explain setting`"
    )


def test_all_bad_values_are_named_at_once() -> None:
    """Nobody mends a configuration one run at a time."""
    config = Config(
        options={"--postmortem-scope": "half"},
        ini={"postmortem_grace": "soon", "postmortem_select": ["a", "b:c", "d"]},
    )

    with pytest.raises(SettingsError) as caught:
        read_plugin_settings(config)

    assert len(caught.value.problems) == 4


@pytest.mark.parametrize(
    ("name", "value", "shown", "kind"),
    [
        ("postmortem_require", [1], "1", "int"),
        ("postmortem_require_proof", [["sev1"]], "['sev1']", "list"),
        ("postmortem_severities", ["sev1", 2.5], "2.5", "float"),
        ("postmortem_markers", [True], "True", "bool"),
        ("postmortem_lint_ignore", [{}], "{}", "dict"),
        ("postmortem_select", [1], "1", "int"),
        ("postmortem_registry", [1], "1", "int"),
        ("postmortem_suite", [3], "3", "int"),
        ("postmortem_files", [date(2026, 3, 2)], "datetime.date(2026, 3, 2)", "date"),
        ("postmortem_scan_patterns", [7], "7", "int"),
        ("postmortem_vocabulary", [7], "7", "int"),
        ("postmortem_show", ["id"], "['id']", "list"),
    ],
)
def test_a_value_that_is_not_a_string_is_named(
    name: str, value: list[object], shown: str, kind: str
) -> None:
    """In [tool.pytest.ini_options] a list may hold anything, and pytest does not look into it."""
    with pytest.raises(SettingsError) as caught:
        read_plugin_settings(Config(ini={name: value}))

    assert str(caught.value) == (
        f"Couldn't use {name} = {shown}: {kind} is not a string\n"
        "  write it in quotes\n"
        "  see `pytest-postmortem explain setting`"
    )
