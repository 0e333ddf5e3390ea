"""Options, settings and default locations of the registry, as plain data.

Every run of pytest imports this module, so it makes no dataclass and imports none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from pytest_postmortem.report_formats import describe_report_types

MARKER_NAME = "postmortem"
PLUGIN_WIRE_KEY = "_postmortem"
"""The key of the data that controller and workers exchange."""

DEFAULT_LOCATIONS = ("postmortems.yml", "postmortems", "docs/postmortems", "docs/incidents")
"""The places where a registry is searched, in this order."""


class CommandLineOption(NamedTuple):
    """A command-line option; ``many`` says that it may be given several times."""

    flag: str
    metavar: str
    help: str
    many: bool = False

    @property
    def dest(self) -> str:
        """The name under which pytest keeps the value."""
        name = self.flag.removeprefix("--").replace("-", "_")
        return "postmortem_only" if name == "postmortem" else f"{name}_option"


class IniSetting(NamedTuple):
    """A setting in the configuration file; ``kind`` is pytest's name for its type."""

    name: str
    kind: Literal["string", "args", "linelist", "bool"]
    help: str

    @property
    def default(self) -> str | list[str] | bool:
        """The value of the setting if it is not set."""
        if self.kind == "bool":
            return False
        return "" if self.kind == "string" else []


COMMAND_LINE_OPTIONS: tuple[CommandLineOption, ...] = (
    CommandLineOption(
        "--postmortem",
        "ID",
        "run only the tests of this post-mortem (repeatable; may be a glob)",
        many=True,
    ),
    CommandLineOption(
        "--postmortem-registry",
        "LOCATION",
        "file, directory, URL or service such as github:owner/repo (repeatable; later ones add"
        " to earlier ones)",
        many=True,
    ),
    CommandLineOption(
        "--postmortem-report",
        "TYPE[:DEST]",
        f"{describe_report_types('run', notes=True)} (repeatable; empty: no report)",
        many=True,
    ),
    CommandLineOption(
        "--postmortem-fail-under",
        "PERCENT",
        "fail if less than this percentage of the required incidents is guarded",
    ),
    CommandLineOption(
        "--postmortem-scope",
        "full|partial",
        "whether this run is of the whole suite, if the plugin detects it wrongly",
    ),
    CommandLineOption(
        "--postmortem-today",
        "now|DATE",
        "the date by which graces and exemptions are judged"
        " (default: SOURCE_DATE_EPOCH, or else the date of HEAD)",
    ),
)

INI_SETTINGS: tuple[IniSetting, ...] = (
    IniSetting(
        "postmortem_registry", "linelist", "files, directories, URLs or services, one a line"
    ),
    IniSetting(
        "postmortem_sync", "string", "file that `pytest-postmortem sync` writes and runs read"
    ),
    IniSetting("postmortem_offline", "bool", "use cached data only"),
    IniSetting("postmortem_unreachable", "string", "warn or error if a registry can't be reached"),
    IniSetting(
        "postmortem_url_template",
        "string",
        "URL of a post-mortem that has none; {id} is replaced by its id",
    ),
    IniSetting("postmortem_markers", "args", "names of other marks whose arguments are ids"),
    IniSetting(
        "postmortem_select", "args", "KEY:VALUE ..., the incidents that belong to this suite"
    ),
    IniSetting("postmortem_suite", "args", "files and directories that make up the whole suite"),
    IniSetting("postmortem_files", "args", "globs of other documents whose file name is the id"),
    IniSetting("postmortem_id_pattern", "string", "regular expression for the id in a file name"),
    IniSetting(
        "postmortem_vocabulary",
        "linelist",
        "KIND = word, word, ...: further words for labels and headings, one kind a line",
    ),
    IniSetting(
        "postmortem_show", "string", "how much of a post-mortem is shown: id, link, title or all"
    ),
    IniSetting("postmortem_unknown", "string", "error, warn or ignore if the registry lacks an id"),
    IniSetting("postmortem_severities", "args", "the severities, most severe first"),
    IniSetting(
        "postmortem_require",
        "args",
        "severities whose incidents must have a passing regression test",
    ),
    IniSetting("postmortem_require_proof", "args", "severities whose incidents must be proven"),
    IniSetting(
        "postmortem_require_strength",
        "string",
        "percentage of the changes to a fix that the tests of each proven incident must notice",
    ),
    IniSetting(
        "postmortem_proofs", "string", "file in which `pytest-postmortem prove` stores proofs"
    ),
    IniSetting(
        "postmortem_grace", "string", "days within which an incident needs its regression test"
    ),
    IniSetting("postmortem_since", "string", "incidents before this date need no regression test"),
    IniSetting(
        "postmortem_scan_patterns", "linelist", "regular expressions for ids, used by `scan` only"
    ),
    IniSetting("postmortem_lint_ignore", "args", "rules of `check` to switch off (also globs)"),
    IniSetting("postmortem_template", "string", "template of the post-mortems that `new` creates"),
)

COMMAND_SETTINGS = frozenset(
    {"postmortem_scan_patterns", "postmortem_lint_ignore", "postmortem_template"}
)
"""The settings that only commands use."""


def is_plugin_configured(config: Any) -> bool:
    """Say whether any option or setting of the plugin is given."""
    given = any(config.getoption(option.dest) is not None for option in COMMAND_LINE_OPTIONS)
    return given or any(
        config.getini(ini.name) for ini in INI_SETTINGS if ini.name not in COMMAND_SETTINGS
    )


def find_default_locations(root: str) -> Iterator[str]:
    """Yield the default locations that exist, from the root up to the top of its repository.

    The top is the nearest folder that holds ``.git``; without one, only the root is looked at.
    """
    folder, folders = os.path.abspath(root), [os.path.abspath(root)]
    while not os.path.exists(os.path.join(folder, ".git")):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            del folders[1:]
            break
        folders.append(folder)
    for folder in folders:
        yield from filter(
            os.path.exists, (os.path.join(folder, place) for place in DEFAULT_LOCATIONS)
        )
