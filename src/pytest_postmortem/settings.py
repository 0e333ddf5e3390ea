"""Options and ini → one frozen `Settings` with its `Policy`.

The options and settings are defined in `options`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, get_args

from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.model import ExtraWords, Location, Policy, ShowLevel, normalize_id
from pytest_postmortem.options import COMMAND_LINE_OPTIONS
from pytest_postmortem.report_formats import is_terminal_type, parse_report_type

T = TypeVar("T")

LABEL_KINDS = ("id", "title", "date", "severity", "owner", "status", "class")
SECTION_KINDS = (
    "cause",
    "whys",
    "actions",
    "plans",
    "lessons",
    "timeline",
    "good",
    "story",
    "other",
)
VOCABULARY_KINDS = (*LABEL_KINDS, *SECTION_KINDS)
"""The kinds to which ``postmortem_vocabulary`` can add words: of labels, then of sections."""


class ReportTarget(NamedTuple):
    """A report that was asked for: its type, and the file that it goes to, if any."""

    type: str
    destination: Path | None = None


class Settings(NamedTuple):
    """All that was configured, checked.

    Attributes:
        registry: Where post-mortems are read from, in the order in which they are merged.
        url_template: The link of a post-mortem that has none; holds ``{id}``.
        markers: Names of foreign marks whose arguments are ids.
        suite: What makes up the whole suite; empty for what a bare ``pytest`` collects.
        files: Globs of documents whose stem is the id, within a directory of post-mortems.
        id_pattern: The pattern of the id in the name of a document.
        vocabulary: Further words for labels and headings, by kind.
        show: How much of a post-mortem may appear in logs and reports; None for all, but the
            link alone for entries that were fetched with a credential.
        sync: The local copy that replaces all remote locations.
        proofs: The file in which proofs are kept.
        offline: Whether no socket may be opened.
        unreachable: How bad it is that a registry can't be reached.
        only: Ids, aliases or globs of the incidents whose tests are to run; empty for all.
        reports: The reports to make; empty for none.
        scope: Whether the run is declared as full or partial.
        today: The date to judge by, ``now`` for the clock's, None for the default.
        scan_patterns: What else `pytest-postmortem scan` takes for an id.
        lint_ignore: Codes of rules that `check` leaves out, or globs of them.
        template: The file from which a post-mortem is begun.
        policy: The requirements; its ``today`` is set later.
    """

    registry: tuple[Location, ...] = ()
    url_template: str | None = None
    markers: frozenset[str] = frozenset()
    suite: tuple[Path, ...] = ()
    files: tuple[str, ...] = ()
    id_pattern: str | None = None
    vocabulary: ExtraWords = ()
    show: ShowLevel | None = None
    sync: Location | None = None
    proofs: Path | None = None
    offline: bool = False
    unreachable: Literal["warn", "error"] = "warn"
    only: tuple[str, ...] = ()
    reports: tuple[ReportTarget, ...] = (ReportTarget("term"),)
    scope: Literal["full", "partial"] | None = None
    today: date | Literal["now"] | None = None
    scan_patterns: tuple[str, ...] = ()
    lint_ignore: tuple[str, ...] = ()
    template: Path | None = None
    policy: Policy = Policy()

    @property
    def terminal_report(self) -> Literal["term", "term-missing"] | None:
        """The report that goes to the terminal, the longer one if both were asked for."""
        types = {report.type for report in self.reports}
        if "term-missing" in types:
            return "term-missing"
        return "term" if "term" in types else None

    @property
    def dated(self) -> bool:
        """Whether a report was asked for that shows the age of incidents."""
        return any(report.type != "term" for report in self.reports)

    @property
    def detailed(self) -> bool:
        """Whether a report was asked for that shows action items."""
        return any(not is_terminal_type(report.type) for report in self.reports)

    @property
    def used(self) -> bool:
        """Whether anything here asks the plugin for something."""
        return self != Settings(
            markers=self.markers,
            scan_patterns=self.scan_patterns,
            lint_ignore=self.lint_ignore,
            template=self.template,
        )


class ConfigLike(Protocol):
    """The part of `pytest.ConfigLike` that is read here."""

    @property
    def rootpath(self) -> Path:
        """The rootdir."""

    @property
    def inipath(self) -> Path | None:
        """The configuration file."""

    @property
    def invocation_params(self) -> Any:
        """How pytest was started; ``dir`` is the folder."""

    def getoption(self, name: str) -> Any:
        """Return the value of a command-line option."""

    def getini(self, name: str) -> Any:
        """Return the value of a setting in the configuration file."""


def read_plugin_settings(config: ConfigLike) -> Settings:
    """Read and check the whole configuration.

    Raises:
        SettingsError: One or more values can't be used; it names all of them.
    """
    reader = _SettingsReader(config)
    settings = reader.settings()
    if reader.problems:
        raise SettingsError(reader.problems)
    return settings


class _SettingsReader:
    """Converts raw values to typed ones, and collects the problems."""

    def __init__(self, config: ConfigLike) -> None:
        self._config = config
        self._options = {
            option.flag: config.getoption(option.dest) for option in COMMAND_LINE_OPTIONS
        }
        self.problems: list[Problem] = []

    def settings(self) -> Settings:
        ini = self._config.getini
        return Settings(
            registry=tuple(self._locations()),
            url_template=self._read_ini_setting("postmortem_url_template", _parse_url_template),
            markers=frozenset(self._words("postmortem_markers")),
            suite=tuple(map(self._path, self._texts("postmortem_suite"))),
            files=tuple(self._texts("postmortem_files")),
            id_pattern=self._read_ini_setting("postmortem_id_pattern", _parse_id_pattern),
            vocabulary=self._convert_texts("postmortem_vocabulary", _parse_vocabulary_line),
            show=self._read_ini_setting(
                "postmortem_show", _build_choice_parser(*get_args(ShowLevel))
            ),
            sync=self._read_sync_location(),
            proofs=self._read_ini_setting("postmortem_proofs", self._path),
            offline=bool(ini("postmortem_offline")),
            unreachable=self._read_ini_setting(
                "postmortem_unreachable", _build_choice_parser("warn", "error")
            )
            or "warn",
            only=tuple(map(normalize_id, self._options["--postmortem"] or ())),
            reports=tuple(self._read_report_targets()),
            scope=self._read_option("--postmortem-scope", _build_choice_parser("full", "partial")),
            today=self._read_option("--postmortem-today", _parse_today_setting),
            scan_patterns=self._convert_texts("postmortem_scan_patterns", _parse_id_pattern),
            lint_ignore=tuple(self._words("postmortem_lint_ignore")),
            template=self._read_ini_setting("postmortem_template", self._path),
            policy=self._read_policy(),
        )

    def _read_policy(self) -> Policy:
        unknown = self._read_ini_setting(
            "postmortem_unknown", _build_choice_parser("error", "warn", "ignore")
        )
        return Policy(
            fail_under=self._read_option("--postmortem-fail-under", parse_percentage),
            require=tuple(self._words("postmortem_require")),
            require_proof=tuple(self._words("postmortem_require_proof")),
            require_strength=self._read_ini_setting(
                "postmortem_require_strength", parse_percentage
            ),
            grace=self._read_ini_setting("postmortem_grace", _parse_day_count) or 0,
            since=self._read_ini_setting("postmortem_since", _parse_date_setting),
            select=self._select(),
            severities=tuple(self._words("postmortem_severities")),
            unknown=unknown or "error",
        )

    def _locations(self) -> Iterator[Location]:
        given = [text for text in self._options["--postmortem-registry"] or () if text.strip()]
        folder = Path(self._config.invocation_params.dir) if given else self._ini_folder()
        for text in given or self._texts("postmortem_registry"):
            if text.strip():
                yield Location(text.strip(), folder)

    def _words(self, name: str) -> Iterator[str]:
        """Yield words of a list; commas separate them too, since none of them holds one."""
        for text in self._texts(name):
            yield from filter(None, map(str.strip, text.split(",")))

    def _texts(self, name: str) -> list[str]:
        """Return the items of a list, and keep a problem for each that is not a string: pytest
        does not look into lists in ``[tool.pytest.ini_options]``.
        """
        values = self._config.getini(name)
        self.problems += [
            _build_type_problem(name, value) for value in values if not isinstance(value, str)
        ]
        return [value for value in values if isinstance(value, str)]

    def _convert_texts(self, name: str, convert: Callable[[str], T]) -> tuple[T, ...]:
        """Convert the items of a list, without those that can't be used."""
        values = (self._convert_value(name, text, convert) for text in self._texts(name))
        return tuple(value for value in values if value is not None)

    def _path(self, text: str) -> Path:
        return self._ini_folder() / text

    def _read_sync_location(self) -> Location | None:
        text = self._read_ini_setting("postmortem_sync", _parse_registry_filename)
        given = any(self._options["--postmortem-registry"] or ())
        return Location(text, self._ini_folder()) if text and not given else None

    def _ini_folder(self) -> Path:
        inipath = self._config.inipath
        return inipath.parent if inipath else self._config.rootpath

    def _read_report_targets(self) -> Iterator[ReportTarget]:
        given: Sequence[str] | None = self._options["--postmortem-report"]
        if given is None or all(
            text and not is_terminal_type(text.partition(":")[0]) for text in given
        ):
            yield ReportTarget("term")
        folder = Path(self._config.invocation_params.dir)
        for text in filter(None, given or ()):
            report = self._convert_value(
                "--postmortem-report", text, lambda text: parse_report_target(text, folder)
            )
            if report is not None:
                yield report

    def _select(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        chosen: dict[str, tuple[str, ...]] = {}
        for key, value in self._convert_texts("postmortem_select", _parse_selection_pair):
            chosen[key] = (*chosen.get(key, ()), value)
        return tuple(chosen.items())

    def _read_ini_setting(self, name: str, convert: Callable[[str], T]) -> T | None:
        value = self._config.getini(name)
        if value and not isinstance(value, str):
            self.problems.append(_build_type_problem(name, value))
            return None
        return self._convert_value(name, value, convert)

    def _read_option(self, flag: str, convert: Callable[[str], T]) -> T | None:
        text = self._options[flag]
        if text == "":  # such as an empty variable leaves
            remedy = "give it a value, or leave it out"
            self.problems.append(Problem("setting", f"Couldn't use {flag}=", "it is empty", remedy))
        return self._convert_value(flag, text, convert)

    def _convert_value(self, name: str, text: str | None, convert: Callable[[str], T]) -> T | None:
        """Convert a value, or keep the problem; an empty one counts as not given."""
        if not text:
            return None
        try:
            return convert(text.strip())
        except ValueError as error:
            cause, remedy = error.args
            self.problems.append(
                Problem("setting", f"Couldn't use {name} = {text!r}", cause, remedy)
            )
            return None


def _build_type_problem(name: str, value: object) -> Problem:
    cause = f"{type(value).__name__} is not a string"
    return Problem("setting", f"Couldn't use {name} = {value!r}", cause, "write it in quotes")


def parse_report_target(text: str, folder: Path) -> ReportTarget:
    """Read ``TYPE[:DEST]``; a destination is relative to ``folder``.

    Raises: ValueError with the cause and the remedy.
    """
    type, destination = parse_report_type("run", text)
    return ReportTarget(type, folder / destination if destination else None)


def _join_with_or(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _build_choice_parser(*words: str) -> Callable[[str], Any]:
    def convert(text: str) -> str:
        if text not in words:
            raise ValueError("it is not a valid choice", f"use {_join_with_or(words)}")
        return text

    return convert


def parse_percentage(text: str) -> float:
    """Read a percentage.

    Raises: ValueError with the cause and the remedy.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise ValueError("it is not a percentage", "use a number from 0 to 100")
    return value


def _parse_day_count(text: str) -> int:
    if not text.isdecimal() or len(text) > 6:
        raise ValueError("it is not a number of days", "use a whole number such as 14")
    return int(text)


def _parse_date_setting(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("it is not a date", "use an ISO date such as 2026-03-02") from None


def _parse_today_setting(text: str) -> date | Literal["now"]:
    if text == "now":
        return "now"
    return _parse_date_setting(text)


def _parse_url_template(text: str) -> str:
    if "{id}" not in text:
        raise ValueError("it has no place for the id", "write {id} where the id belongs")
    if not re.match(r"https?://[^\s/]", text):
        raise ValueError("it is not a link", "begin it with https:// or http://")
    return text


def _parse_id_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"it is not a regular expression: {error}", "fix the pattern") from None
    return text


def _parse_vocabulary_line(text: str) -> tuple[str, tuple[str, ...]]:
    kind, equals, words = (part.strip() for part in text.partition("="))
    word_list = tuple(filter(None, map(str.strip, words.split(","))))
    if not (equals and word_list):
        raise ValueError("it names no word", "write for example severity = Dringlichkeit, Stufe")
    if kind.casefold() not in VOCABULARY_KINDS:
        raise ValueError(f"{kind!r} is not a kind", f"use {_join_with_or(VOCABULARY_KINDS)}")
    return kind.casefold(), word_list


def _parse_registry_filename(text: str) -> str:
    if not text.lower().endswith((".yml", ".yaml")):
        raise ValueError("it is not a YAML file", "name one that ends in .yml")
    return text


def _parse_selection_pair(text: str) -> tuple[str, str]:
    key, colon, value = text.partition(":")
    if not (key and colon and value):
        raise ValueError("it is not a KEY:VALUE", "write for example service:checkout")
    return key.casefold(), value
