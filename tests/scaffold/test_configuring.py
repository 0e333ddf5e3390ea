"""Settings are added to the configuration of pytest, and not a byte beside them changes."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

import pytest

from pytest_postmortem.errors import SettingsError
from pytest_postmortem.scaffold.pytest_config import (
    SettingsToAdd,
    add_pytest_settings,
    has_postmortem_marker,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

WANTED = SettingsToAdd({"postmortem_registry": ("docs/postmortems",)}, marker=True)

REGISTRY = 'postmortem_registry = ["docs/postmortems"]'
MARKER = "postmortem(id, *ids): the test guards against these incidents"
QUOTED = f'"{MARKER}"'


def changed(name: str, before: str, wanted: SettingsToAdd = WANTED) -> list[str]:
    """Return the lines that an edit takes away and adds, each with its line end."""
    after = add_pytest_settings(name, before.encode(), wanted).decode()
    lines = difflib.ndiff(before.splitlines(keepends=True), after.splitlines(keepends=True))
    return [line for line in lines if line[0] in "+-"]


@pytest.mark.parametrize(
    ("before", "diff"),
    [
        pytest.param(
            '[project]\nname = "it"\n\n[tool.pytest.ini_options]\naddopts = "-ra"\n\n[tool.x]\n',
            [f"+ {REGISTRY}\n", f"+ markers = [{QUOTED}]\n"],
            id="table",
        ),
        pytest.param(
            '[tool.pytest]\naddopts = ["-ra"]\n',
            [f"+ {REGISTRY}\n", f"+ markers = [{QUOTED}]\n"],
            id="native table of pytest 9",
        ),
        pytest.param(
            "[project]\nname = 'it'\n",
            [
                "+ \n",
                "+ [tool.pytest.ini_options]\n",
                f"+ {REGISTRY}\n",
                f"+ markers = [{QUOTED}]\n",
            ],
            id="no table",
        ),
        pytest.param(
            "",
            ["+ [tool.pytest.ini_options]\n", f"+ {REGISTRY}\n", f"+ markers = [{QUOTED}]\n"],
            id="empty",
        ),
        pytest.param(
            "[tool.pytest.ini_options]  # for pytest\n",
            [f"+ {REGISTRY}\n", f"+ markers = [{QUOTED}]\n"],
            id="empty table",
        ),
        pytest.param(
            '[tool.pytest.ini_options]\nmarkers = [\n    "slow: long",  # weekly\n    # more\n]\n',
            [f"+     {QUOTED},\n", f"+ {REGISTRY}\n"],
            id="markers, one a line",
        ),
        pytest.param(
            '[tool.pytest.ini_options]\nmarkers = [\n  "slow"  # weekly\n]\nx = 1\n',
            [
                '-   "slow"  # weekly\n',
                '+   "slow",  # weekly\n',
                f"+   {QUOTED}\n",
                f"+ {REGISTRY}\n",
            ],
            id="markers, no last comma",
        ),
        pytest.param(
            '[tool.pytest.ini_options]\nmarkers = ["slow: a, [b] \\" # c"]\n',
            [
                '- markers = ["slow: a, [b] \\" # c"]\n',
                f'+ markers = ["slow: a, [b] \\" # c", {QUOTED}]\n',
                f"+ {REGISTRY}\n",
            ],
            id="markers in one line",
        ),
        pytest.param(
            "[tool.pytest.ini_options]\nmarkers = []\n",
            ["- markers = []\n", f"+ markers = [{QUOTED}]\n", f"+ {REGISTRY}\n"],
            id="no markers yet",
        ),
        pytest.param(
            '[tool]\npytest.ini_options.addopts = "-ra"\nother.x = 1\n',
            [
                f"+ pytest.ini_options.{REGISTRY}\n",
                f"+ pytest.ini_options.markers = [{QUOTED}]\n",
            ],
            id="dotted keys",
        ),
        pytest.param(
            '[tool."pytest".\'ini_options\']\n  "addopts" = [ # here\n    "-ra",\n  ]\n[tool.x]\n',
            [f"+   {REGISTRY}\n", f"+   markers = [{QUOTED}]\n"],
            id="quoted and indented",
        ),
        pytest.param(
            '[tool.pytest.ini_options]\r\naddopts = "-ra"\r\n\r\n[tool.x]\r\n',
            [f"+ {REGISTRY}\r\n", f"+ markers = [{QUOTED}]\r\n"],
            id="CRLF",
        ),
        pytest.param(
            '\ufeff[tool.pytest.ini_options]\naddopts = "-ra"',
            [
                '- addopts = "-ra"',
                '+ addopts = "-ra"\n',
                f"+ {REGISTRY}\n",
                f"+ markers = [{QUOTED}]",
            ],
            id="byte order mark, no last line end",
        ),
    ],
)
def test_a_pyproject_gets_its_lines_where_they_belong(before: str, diff: list[str]) -> None:
    """Whatever its layout, it gains the settings and the marker, and loses nothing."""
    assert changed("pyproject.toml", before) == diff


@pytest.mark.parametrize(
    ("name", "before", "diff"),
    [
        pytest.param(
            "pytest.ini",
            "[pytest]\naddopts =\n    -ra\n    # why\n    --strict-markers\n\n; the end\n",
            ["+ postmortem_registry = docs/postmortems\n", f"+ markers = {MARKER}\n"],
            id="lines and comments",
        ),
        pytest.param(
            "tox.ini",
            "[tox]\nenvlist=py\n[pytest]\naddopts=-ra\n[testenv]\ndeps=x\n",
            ["+ postmortem_registry=docs/postmortems\n", f"+ markers={MARKER}\n"],
            id="a section between others",
        ),
        pytest.param(
            "setup.cfg",
            "[tool:pytest]\nmarkers =\n\tslow: takes long\n\t# weekly\n\tfast\n\n[wheel]\nx = 1\n",
            [f"+ \t{MARKER}\n", "+ postmortem_registry = docs/postmortems\n"],
            id="markers with tabs",
        ),
        pytest.param(
            "pytest.ini",
            "[pytest]\nmarkers = slow: takes long\npython_files = test_*.py\n",
            [f"+     {MARKER}\n", "+ postmortem_registry = docs/postmortems\n"],
            id="one marker",
        ),
        pytest.param(
            "pytest.ini",
            "[pytest]\nmarkers =\n",
            [f"+     {MARKER}\n", "+ postmortem_registry = docs/postmortems\n"],
            id="no markers yet",
        ),
        pytest.param(
            "pytest.ini",
            "[pytest]\naddopts         = -ra\nmarkers         = slow\n",
            [f"+     {MARKER}\n", "+ postmortem_registry = docs/postmortems\n"],
            id="in columns",
        ),
        pytest.param(
            ".pytest.ini",
            "[pytest]\r\naddopts: -ra",
            [
                "- addopts: -ra",
                "+ addopts: -ra\r\n",
                "+ postmortem_registry = docs/postmortems\r\n",
                f"+ markers = {MARKER}",
            ],
            id="CRLF, colons, no last line end",
        ),
        pytest.param(
            "pytest.ini",
            "",
            [
                "+ [pytest]\n",
                "+ postmortem_registry = docs/postmortems\n",
                f"+ markers = {MARKER}\n",
            ],
            id="empty",
        ),
        pytest.param(
            "setup.cfg",
            "[metadata]\nname = it\n",
            [
                "+ \n",
                "+ [tool:pytest]\n",
                "+ postmortem_registry = docs/postmortems\n",
                f"+ markers = {MARKER}\n",
            ],
            id="no section",
        ),
    ],
)
def test_an_ini_file_gets_its_lines_where_they_belong(
    name: str, before: str, diff: list[str]
) -> None:
    """The section that pytest reads in this file is the one that grows."""
    assert changed(name, before) == diff


@pytest.mark.parametrize(
    ("name", "diff"),
    [
        ("pytest.toml", ["+ [pytest]\n", f"+ {REGISTRY}\n", f"+ markers = [{QUOTED}]\n"]),
        (".pytest.toml", ["+ [pytest]\n", f"+ {REGISTRY}\n", f"+ markers = [{QUOTED}]\n"]),
        (
            "other.toml",
            ["+ [tool.pytest.ini_options]\n", f"+ {REGISTRY}\n", f"+ markers = [{QUOTED}]\n"],
        ),
    ],
)
def test_the_table_is_the_one_that_pytest_reads_in_this_file(name: str, diff: list[str]) -> None:
    """pytest's own file has a table of its own."""
    assert changed(name, "") == diff


def test_a_file_given_with_c_keeps_to_the_table_that_it_has() -> None:
    """pytest reads either table in a file of any name, but not both."""
    diff = changed("other.toml", '[pytest]\naddopts = ["-ra"]\n')

    assert diff == [f"+ {REGISTRY}\n", f"+ markers = [{QUOTED}]\n"]


def test_several_values_and_one_text_are_written_as_their_kind_asks() -> None:
    """A list is an array, or a line each; a text is one in either format."""
    wanted = SettingsToAdd(
        {"postmortem_markers": ("issue", "bug"), "postmortem_url_template": 'https://x/{id}"'}
    )

    assert changed("pyproject.toml", "[tool.pytest.ini_options]\n", wanted) == [
        '+ postmortem_markers = ["issue", "bug"]\n',
        '+ postmortem_url_template = "https://x/{id}\\""\n',
    ]
    assert changed("pytest.ini", "[pytest]\n", wanted) == [
        "+ postmortem_markers =\n",
        "+     issue\n",
        "+     bug\n",
        '+ postmortem_url_template = https://x/{id}"\n',
    ]


def test_nothing_wanted_changes_nothing() -> None:
    """A file comes back as it was."""
    data = b"\xef\xbb\xbf[pytest]\r\n  # odd\r\n"

    assert add_pytest_settings("pytest.ini", data, SettingsToAdd()) == data


OWN = f"  {REGISTRY}"
AND_MARKERS = "\n  and to its markers:\n  "
IN_TABLE = "add them by hand to [tool.pytest.ini_options]:\n" + OWN + AND_MARKERS + QUOTED
IN_INI = (
    "add them by hand to [pytest]:\n  postmortem_registry = docs/postmortems" + AND_MARKERS + MARKER
)


@pytest.mark.parametrize(
    ("name", "before", "remedy"),
    [
        ("pyproject.toml", b"[tool.pytest.ini_options]\nmarkers = 3\n", IN_TABLE),
        ("pyproject.toml", b"[[tool.pytest]]\nx = 1\n", IN_TABLE),
        ("pyproject.toml", b"tool = 3\n", IN_TABLE),
        ("pyproject.toml", b"[tool\n", IN_TABLE),
        ("pyproject.toml", b"[tool.pytest.ini_options]\n\xff = 1\n", IN_TABLE),
        ("pyproject.toml", b"[tool.pytest]\nini_options = { addopts = '-ra' }\n", IN_TABLE),
        (
            "pyproject.toml",
            b'[tool.pytest]\nmarkers = ["a"]\n"\\U0001F600" = 1\n',
            f"add them by hand to [tool.pytest]:\n{OWN}" + AND_MARKERS + QUOTED,
        ),
        (
            "pyproject.toml",
            b'[tool.pytest.ini_options]\nmarkers = "a"\n',
            IN_TABLE.replace(QUOTED, MARKER),
        ),
        (
            "pyproject.toml",
            b'[tool.pytest.ini_options]\n[tool.x]\n"\\U0001F600" = 1\n',
            IN_TABLE,
        ),
        ("pytest.ini", b"no section = 1\n", IN_INI),
        ("pytest.ini", b"[pytest]\nx = \xff\n", IN_INI),
        ("pytest.ini", b"[pytest]\nmarkers = slow\n[other]\nx = 1\n[pytest]\n", IN_INI),
        ("pytest.ini", b"[pytest]\nx = 1\r\ny = 2\n", IN_INI),
    ],
)
def test_what_is_not_sure_is_left_to_the_reader(name: str, before: bytes, remedy: str) -> None:
    """The message shows the lines to add, so that they can be pasted: no header, no key twice."""
    with pytest.raises(SettingsError) as caught:
        add_pytest_settings(name, before, WANTED)

    (problem,) = caught.value.problems
    assert problem.slug == "setting-by-hand"
    assert problem.remedy == remedy


def test_the_marker_alone_is_one_line() -> None:
    """Where no setting is missing."""
    with pytest.raises(SettingsError) as caught:
        add_pytest_settings(
            "pyproject.toml",
            b"[tool.pytest.ini_options]\nmarkers = 3\n",
            SettingsToAdd(marker=True),
        )

    (problem,) = caught.value.problems
    assert problem.remedy == (
        f"add this by hand to the markers in [tool.pytest.ini_options]:\n  {QUOTED}"
    )


def test_a_long_file_is_read_as_tomllib_reads_it(tmp_path: Path) -> None:
    """Strings, comments and brackets that only look like something else lead nobody astray."""
    before = (
        "# [tool.pytest.ini_options]\n"
        'a = """\n[tool.pytest.ini_options]\nmarkers = ["no"]\n"""\n'
        "b = '''x'''  # ]\n"
        'c = [1, {d = "]", e = [{}, []]}, \'}\', "\\"]"]\n'
        "[[x.y]]\nz = 2026-11-20T10:00:00Z\n"
        '[tool.pytest.ini_options]\naddopts = """-ra""""\n\n'
        "[[x.y]]\n[x.y.markers]\n"
    )

    after = add_pytest_settings("pyproject.toml", before.encode(), WANTED).decode()

    tree, grown = tomllib.loads(before), tomllib.loads(after)
    own = grown["tool"]["pytest"]["ini_options"]
    assert own.pop("postmortem_registry") == ["docs/postmortems"]
    assert own.pop("markers") == [MARKER]
    assert grown == tree


@pytest.mark.parametrize(
    ("lines", "known"),
    [
        ((), False),
        (("slow: takes long", "postmortems: no"), False),
        (("slow", "postmortem(id, *ids): the test"), True),
        (("postmortem",), True),
        ((" postmortem : ours",), True),
    ],
)
def test_a_marker_is_known_however_it_is_described(lines: tuple[str, ...], known: bool) -> None:
    """What a team has registered itself is not registered again."""
    assert has_postmortem_marker(lines) == known


def test_the_marker_joins_those_of_a_table() -> None:
    """Nothing but one item is added where the setting is known already."""
    before = '[tool.pytest.ini_options]\nmarkers = ["slow: x"]\n'

    diff = changed("pyproject.toml", before, SettingsToAdd(marker=True))

    assert diff == ['- markers = ["slow: x"]\n', f'+ markers = ["slow: x", {QUOTED}]\n']


def test_a_setting_alone_is_shown_without_markers() -> None:
    """Where the marker is registered, the message says nothing of it."""
    with pytest.raises(SettingsError) as caught:
        add_pytest_settings("pyproject.toml", b"tool = 3\n", SettingsToAdd(WANTED.settings))

    assert caught.value.problems[0].remedy == IN_TABLE.partition(AND_MARKERS)[0]
