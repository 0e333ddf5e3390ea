"""``--python`` names the interpreter of the tests, for a command that is installed elsewhere."""

from __future__ import annotations

import json
import os
import site
import sys
import venv
from pathlib import Path

import pytest

from prove_repository import FIXED, OLD, Repository, table
from pytest_postmortem.cli.main import main

NEEDED = ("_pytest", "pytest", "pluggy", "iniconfig", "packaging", "pygments", "exceptiongroup",
          "py.py", "tomli", "colorama", "typing_extensions.py")  # fmt: skip
"""What pytest needs to run."""

TEST = """\
import only_there
import pytest
from shop import price

@pytest.mark.postmortem("PM-1")
def test_price():
    assert price(500) == only_there.FIVE
"""


def make_environment(folder: Path) -> Path:
    """Make a virtual environment with pytest, without this plugin, and with a module of its own."""
    venv.create(folder, symlinks=os.name != "nt", with_pip=False)
    packages = next(folder.glob("lib/python*/site-packages"))
    for entry in Path(site.getsitepackages()[0]).iterdir():
        if entry.name in NEEDED or (
            entry.suffix == ".dist-info" and entry.name.partition("-")[0] in NEEDED
        ):
            (packages / entry.name).symlink_to(entry)
    (packages / "only_there.py").write_text("FIVE = 5\n")
    return folder


def write_fix(repository: Repository) -> None:
    """Commit a fix whose test needs a module that this environment lacks."""
    ini = "[pytest]\naddopts = --strict-markers\npythonpath = .\n"
    repository.commit({"shop.py": OLD, "pytest.ini": ini})
    repository.fixes["FIX"] = repository.commit({"shop.py": FIXED, "test_shop.py": TEST})


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the folders of an environment are others there")
def test_the_tests_run_with_the_interpreter_that_is_named(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It needs pytest; the marker of this plugin is known there too."""
    write_fix(repository)
    environment = make_environment(tmp_path / "environment")

    fix = repository.fixes["FIX"]
    own = repository.prove(capsys, "--fix", fix)
    with repository.untouched():
        other = repository.prove(capsys, "--fix", fix, f"--python={environment}")

    why = "test_shop.py can't be collected: no module named only_there in this environment"
    assert own == (0, table({"<FIX>": ("inconclusive", why)}, "0 of 1 proven, 1 inconclusive"))
    why = "test_price fails without <FIX>: AssertionError: assert 50.0 == 5"
    assert other == (0, table({"<FIX>": ("proven", why)}, "1 of 1 proven"))


@pytest.mark.slow
def test_an_isolated_command_says_that_it_is_one(
    repository: Repository,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Installed by pipx or uv, it lacks what the project has."""
    write_fix(repository)
    (tmp_path / "pipx_metadata.json").write_text("{}")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))

    _, printed = repository.prove(capsys, "--fix", repository.fixes["FIX"])

    why = (
        "test_shop.py can't be collected: no module named only_there in the environment of pipx:"
        " name the project's interpreter with --python=PATH"
    )
    assert printed == table({"<FIX>": ("inconclusive", why)}, "0 of 1 proven, 1 inconclusive")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (None, "it can't be run: No such file or directory"),
        ("#!/bin/sh\necho no >&2; exit 3\n", "it is not a working Python: no"),
        ("#!/bin/sh\necho '{\"version\": [3, 8]}'\n", "it is Python 3.8, and prove needs 3.10"),
        (
            '#!/bin/sh\necho \'{"version": [3, 12], "has_pytest": false, "python": "/p"}\'\n',
            "no module named pytest: install it for /p",
        ),
    ],
    ids=["absent", "fails", "old", "without pytest"],
)
def test_an_interpreter_that_can_not_run_tests(
    repository: Repository, capsys: pytest.CaptureFixture[str], text: str | None, cause: str
) -> None:
    """One message with the reason."""
    write_fix(repository)
    path = repository.folder.parent / "python"
    if text is not None:
        path.write_text(text)
        path.chmod(0o755)

    status = main(["prove", "--fix", repository.fixes["FIX"], f"--python={path}"])

    assert status == 2
    assert capsys.readouterr().err.splitlines()[0] == f"Couldn't prove: --python={path}: {cause}"


@pytest.mark.slow
def test_a_test_that_does_not_exist_is_named(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not only that no test was collected."""
    write_fix(repository)
    repository.write({"test_shop.py": TEST.replace("import only_there\n", "")})

    status, printed = repository.prove(
        capsys, "--fix", repository.fixes["FIX"], "test_shop.py::test_prize"
    )

    assert status == 0
    assert "pytest collects no test_prize in test_shop.py" in printed.splitlines()[0]
    assert json.dumps(printed).count("rootdir") == 0
