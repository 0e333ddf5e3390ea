"""The checks of this project: continuous integration and pre-commit run them under these names."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import zipfile
from pathlib import Path

import nox
from nox.project import dependency_groups, load_toml

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "venv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "docs", "tests"]

PYPROJECT = load_toml("pyproject.toml")

OLDEST_PYTEST_8 = nox.param("pytest==8.0.0", id="pytest8.0")
NEWEST_PYTEST_8 = nox.param("pytest>=8,<9", id="pytest8")
NEWEST_PYTEST_9 = nox.param("pytest>=9,<10", id="pytest9")

SAY_VERSIONS = (
    "import platform, pytest;"
    "print(f'smoke: Python {platform.python_version()} with pytest {pytest.__version__}')"
)


def group(name: str) -> tuple[str, ...]:
    """Return the requirements of a dependency group, for `Session.install`."""
    return dependency_groups(PYPROJECT, name)


def install_for_tests(session: nox.Session, pytest: str) -> None:
    """Install the package and what its tests need, beside the wanted pytest."""
    # pytest 9 has subtests of its own.
    subtests = () if pytest.startswith("pytest>=9") else ("pytest-subtests",)
    session.install("-e", ".[test]", pytest, *subtests)


@nox.session
def lint(session: nox.Session) -> None:
    """Check the style and the format of all code, and the safety of workflows and the action."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("zizmor", "--offline", "--no-progress", "--quiet", ".github", "action.yml")


@nox.session
def actionlint(session: nox.Session) -> None:
    """Check the workflows; not a part of `lint`, since its installation needs github.com."""
    session.install(*group("actionlint"))
    session.run("actionlint")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of sources and tests."""
    session.install("-e", ".[test]", *group("types"))
    session.run("mypy")


@nox.session(python=["3.10", "3.11", "3.12", "3.13", "3.14"])
@nox.parametrize("pytest", [OLDEST_PYTEST_8, NEWEST_PYTEST_8, NEWEST_PYTEST_9])
def tests(session: nox.Session, pytest: str) -> None:
    """Run all tests, on each Python and pytest that is supported."""
    install_for_tests(session, pytest)
    session.run("python", "-m", "pytest", "--slow", "-n", "auto", *session.posargs)


@nox.session
def tests_without_xdist(session: nox.Session) -> None:
    """Run all tests where pytest-xdist is not installed."""
    install_for_tests(session, "pytest>=9,<10")
    session.run("python", "-m", "pip", "uninstall", "--quiet", "--yes", "pytest-xdist", "execnet")
    session.run("python", "-m", "pytest", "--slow", *session.posargs)


@nox.session
@nox.parametrize("pytest", [OLDEST_PYTEST_8, NEWEST_PYTEST_8, NEWEST_PYTEST_9])
def smoke(session: nox.Session, pytest: str) -> None:
    """Run the few tests that show whether another Python or pytest still works."""
    install_for_tests(session, pytest)
    session.run("python", "-c", SAY_VERSIONS, silent=False, log=False)
    session.run("python", "-m", "pytest", "-n", "2", "-m", "smoke", *session.posargs)


@nox.session
def others(session: nox.Session) -> None:
    """Run the tests with other plugins' reports, which would change the output of all others."""
    session.install("-e", ".[test]", *group("others"))
    session.run("python", "-m", "pytest", "tests/runtime/test_neighbours.py", *session.posargs)


@nox.session
def together(session: nox.Session) -> None:
    """Run one suite with and without the plugins that many suites have, installed together."""
    session.install("-e", ".[test]", *group("together"))
    # What runs the tests is this plugin alone; the runs that they start load all plugins.
    own = ("-p", "pytest_postmortem.plugin", "tests/runtime/test_together.py")
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    session.run("python", "-m", "pytest", *own, *session.posargs, env=alone)


@nox.session
def installs(session: nox.Session) -> None:
    """Run `prove` on packages that each build backend has installed in its own way."""
    session.install("-e", ".[test]", *group("installs"))
    session.run("python", "-m", "pytest", "tests/prove/test_prove_installs.py", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure which lines and branches the tests reach."""
    session.install("-e", ".[test]", *group("coverage"))
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "--slow", "-n", "auto", *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session
def real(session: nox.Session) -> None:
    """Run the plugin on a large suite that somebody else wrote: spaCy's."""
    session.install("-e", ".[test]", "hypothesis", "mock", "spacy")
    session.run("python", "tests/real/spacy_suite.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure what the plugin and its peers cost, and write the page that shows it."""
    session.install("-e", ".[test]")
    session.run("python", "benchmarks/cost.py", *session.posargs)
    session.run("cog", "-P", "-r", "-I", "docs", "docs/explanation/cost.md")


@nox.session
def guard(session: nox.Session) -> None:
    """Count instructions, and fail when the plugin has become dearer by more than 3 %."""
    session.install(".", *group("guard"))
    session.run("python", "benchmarks/cost_guard.py", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error."""
    session.install("-e", ".", *group("docs"))
    session.run("sphinx-build", "-W", "-n", "--keep-going", "-q", "docs", "docs/_build")


@nox.session
def build(session: nox.Session) -> None:
    """Build sdist and wheel, check metadata and links, and start the command from the wheel alone.

    The argument is a new folder for both, without one a temporary folder.
    """
    session.install(*group("build"))
    folder = Path(session.create_tmp()).absolute()
    fresh, dist = folder / "fresh", folder / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    if session.posargs:
        dist = Path(session.posargs[0]).absolute()
        if dist.exists():
            session.error(f"{dist} exists: name a new folder")
    session.run("python", "-m", "build", "--outdir", str(dist))
    session.run("twine", "check", "--strict", *map(str, sorted(dist.iterdir())))

    session.run("python", "-m", "venv", "--clear", str(fresh))
    scripts = fresh / ("Scripts" if os.name == "nt" else "bin")
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        relative = re.findall(r"\]\((?!https://)[^)]*\)", archive.read(metadata).decode())
    if relative:
        session.error(f"links that lead nowhere on the package index: {relative}")
    session.run(str(scripts / "python"), "-m", "pip", "install", "-q", str(wheel), external=True)
    session.run(str(scripts / "pytest-postmortem"), "--version", external=True)


@nox.session
def sdist(session: nox.Session) -> None:
    """Run the tests from the sdist alone, where no git repository and no other file is."""
    session.install(*group("build"))
    # Not in nox's own folder: that is in a repository, which tests would find.
    with tempfile.TemporaryDirectory() as folder:
        session.run("python", "-m", "build", "--sdist", "--outdir", folder)
        (archive,) = Path(folder).glob("*.tar.gz")
        shutil.unpack_archive(archive, folder, filter="data")
        with session.chdir(Path(folder) / archive.name.removesuffix(".tar.gz")):
            session.install("-e", ".[test]")
            session.run("python", "-m", "pytest", "-q", "-n", "2", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Run the tests of the page in a browser; without a browser the session fails."""
    session.install("-e", ".[test]")
    session.run(
        *("python", "-m", "pytest", "-q", "tests/reports/test_page_browser.py", *session.posargs),
        env={"REQUIRE_BROWSER": "1"},
    )
