"""Where nothing is configured and no test is marked, a run is as if the plugin were not there."""

from __future__ import annotations

import re
import subprocess
import sys
from difflib import SequenceMatcher
from pathlib import Path

import pytest


def printed(folder: Path, *arguments: str) -> str:
    """Return what pytest prints in a folder, but for durations and the list of plugins."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    text = re.sub(r"\d+\.\d+s( =*)?", "TIME", done.stdout + done.stderr)
    text = re.sub(r"=+ (?=\d)", "= ", text)
    # With workers, who runs what and who finishes first is chance.
    text = re.sub(r"^\[gw\d+\] ", "", text, flags=re.MULTILINE)
    text = re.sub(r"^[.Fs]+ ", lambda found: "".join(sorted(found[0])), text, flags=re.MULTILINE)
    return re.sub(r"^plugins: .*$", "", text, flags=re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), marks=pytest.mark.smoke),
        ("-v",),
        ("-q",),
        ("-n2",),
        ("--collect-only",),
        ("-k", "passes"),
        ("--fixtures", "-q"),
    ],
    ids=" ".join,
)
def test_the_output_is_the_same_to_the_byte(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Nobody sees a plugin that they do not use."""
    if "-n2" in arguments:
        pytest.importorskip("xdist")
    (tmp_path / "test_it.py").write_text(
        "import pytest\n\n"
        "def test_passes(): pass\n\n"
        "def test_fails(): assert 1 == 2\n\n"
        "@pytest.mark.skip(reason='no')\ndef test_skips(): pass\n"
    )

    with_it = printed(tmp_path, *arguments)
    without = printed(tmp_path, *arguments, "-p", "no:postmortem")

    assert with_it == without
    assert "test" in without


def test_help_differs_by_our_options_alone(tmp_path: Path) -> None:
    """They stand together, and the settings of the configuration file together too."""
    others = printed(tmp_path, "--help", "-p", "no:postmortem").splitlines()
    ours = printed(tmp_path, "--help").splitlines()

    kinds = [operation[0] for operation in SequenceMatcher(None, others, ours, False).get_opcodes()]

    assert kinds == ["equal", "insert", "equal", "insert", "equal"]


def test_help_has_one_group_of_options(pytester: pytest.Pytester) -> None:
    """It stands apart, with every option in it."""
    result = pytester.runpytest("--help")

    text = result.stdout.str()
    assert text.count("incident coverage (pytest-postmortem):") == 1
    assert len(re.findall(r"^  --postmortem", text, re.MULTILINE)) == 6


def test_the_marker_is_listed(pytester: pytest.Pytester) -> None:
    """With what it takes and what it does."""
    result = pytester.runpytest("--markers")

    result.stdout.fnmatch_lines(
        [
            "@pytest.mark.postmortem(id, *ids): the test guards against the incidents of these"
            " post-mortems, and shows them when it fails"
        ]
    )


@pytest.mark.parametrize("option", ["--help", "--markers", "--version"])
def test_a_broken_registry_does_not_break_the_help(pytester: pytest.Pytester, option: str) -> None:
    """Whoever has to mend it may look up how."""
    pytester.makeini("[pytest]\npostmortem_registry = gone.yml\npostmortem_grace = soon\n")

    result = pytester.runpytest_subprocess(option)

    assert result.ret == 0


@pytest.mark.smoke
def test_a_registry_that_was_found_gets_one_line(pytester: pytest.Pytester) -> None:
    """Whoever has post-mortems and no marked test learns how to begin."""
    folder = pytester.mkdir("postmortems")
    (folder / "2026-03-02-checkout.md").write_text("# Checkout\n")
    pytester.makepyfile("def test_it(): pass")

    result = pytester.runpytest()

    result.stdout.fnmatch_lines(["postmortem: postmortems (found, not configured)"])
    result.stdout.fnmatch_lines(
        [
            "postmortems holds post-mortems, and no test is linked to one: mark it with"
            ' @pytest.mark.postmortem("ID")'
        ]
    )
    assert "incident coverage" not in result.stdout.str()


def test_a_package_of_that_name_is_no_registry(pytester: pytest.Pytester) -> None:
    """A folder with code in it and no document is not taken for post-mortems."""
    pytester.mkpydir("postmortems")
    pytester.makepyfile("def test_it(): pass")

    result = pytester.runpytest()

    assert "postmortem:" not in result.stdout.str()
