"""However a package is installed: `prove` takes the fix away from what the tests import.

Those that need a build backend are run by ``nox -s installs``, which has them all.
"""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest

from prove_repository import Repository
from repositories import Files

pytestmark = pytest.mark.slow

PRICE = "def price(cents):\n    return cents / {}\n"
TAX = "def tax(cents):\n    return cents * {}\n"
OTHER_TAX = """\
class Tax:
    def __call__(self, cents):
        return cents * 3


globals()["tax"] = Tax()
"""

TEST = """\
import pytest
from shop import inner, price, tax

@pytest.mark.postmortem("PM-1")
def test_price():
    assert price.price(500) == 5

@pytest.mark.postmortem("PM-2")
def test_tax():
    assert tax.tax(2) == 6

@pytest.mark.postmortem("PM-3")
def test_hollow():
    assert price.price(0) == 0
    assert inner.two.two() == 2
"""

PACKAGE = {
    "__init__.py": "",
    "inner/__init__.py": "from . import two\n",
    "inner/two.py": "def two():\n    return 2\n",
    "tax.py": TAX.format(2),
}

EXPECTED = {
    "PM-1": ("proven", "patch", "fails without the fix: AssertionError: assert 50.0 == 5"),
    "PM-2": ("proven-at-fix", "replay", "fails without the fix: AssertionError: assert 4 == 6"),
    "PM-3": ("not-proven", "patch", "passes without the fix, though it runs its lines"),
}
"""Verdict, way and reason of each incident, whatever is installed and how."""

QUICK = {id: EXPECTED[id] for id in ("PM-1", "PM-2")}
"""What takes few runs."""

METADATA = '[project]\nname = "shop"\nversion = "1"\n'

FLIT = METADATA + 'description = "shop"\n'

MESON = """\
project('shop')
py = import('python').find_installation(pure: true)
install_subdir('src/shop', install_dir: py.get_install_dir())
"""

CMAKE = """\
cmake_minimum_required(VERSION 3.15)
project(shop LANGUAGES NONE)
"""

POETRY = """\
[tool.poetry]
name = "shop"
version = "1"
description = ""
authors = []
packages = [{include = "shop", from = "src"}]
"""


def built(backend: str, more: str = "", metadata: str = METADATA) -> str:
    """Return what names a build backend."""
    return f'{metadata}[build-system]\nrequires = []\nbuild-backend = "{backend}"\n{more}'


SETUPTOOLS = built("setuptools.build_meta")
FLAT = built("setuptools.build_meta", '[tool.setuptools]\npackages = ["shop", "shop.inner"]\n')
HATCH = built("hatchling.build", '[tool.hatch.build.targets.wheel]\npackages = ["src/shop"]\n')
EXACT = HATCH + "[tool.hatch.build]\ndev-mode-exact = true\n"
EDITABLES = '[tool.pdm.build]\neditable-backend = "editables"\n'
SCIKIT = built("scikit_build_core.build")


class Backend(NamedTuple):
    """The module of a build backend, pyproject.toml and other files, and what pip is to tell it."""

    module: str
    pyproject: str
    files: Files = MappingProxyType({})
    settings: tuple[str, ...] = ()
    folder: str = "src"


STRICT = ("editable_mode=strict",)
WITH_CMAKE = {"CMakeLists.txt": CMAKE}

BACKENDS = {
    "setuptools": Backend("setuptools", SETUPTOOLS),
    "setuptools-flat": Backend("setuptools", FLAT, folder=""),
    "setuptools-strict": Backend("setuptools", SETUPTOOLS, settings=STRICT),
    "setuptools-strict-flat": Backend("setuptools", FLAT, settings=STRICT, folder=""),
    "setuptools-compat": Backend("setuptools", SETUPTOOLS, settings=("editable_mode=compat",)),
    "hatchling": Backend("hatchling", HATCH),
    "hatchling-exact": Backend("hatchling", EXACT),
    "flit": Backend("flit_core", built("flit_core.buildapi", metadata=FLIT)),
    "pdm": Backend("pdm.backend", built("pdm.backend")),
    "pdm-editables": Backend("pdm.backend", built("pdm.backend", EDITABLES)),
    "poetry": Backend("poetry.core", built("poetry.core.masonry.api", metadata=POETRY)),
    "uv": Backend("uv_build", built("uv_build")),
    "scikit-build": Backend("scikit_build_core", SCIKIT, WITH_CMAKE),
    "scikit-build-inplace": Backend(
        "scikit_build_core", SCIKIT, WITH_CMAKE, ("editable.mode=inplace",)
    ),
    "meson": Backend("mesonpy", built("mesonpy"), {"meson.build": MESON}),
}
"""Ways of an editable install."""


def project(repository: Repository, folder: str, files: Files) -> Path:
    """Commit a package with three incidents, and return the folder of the package."""
    package = f"{folder}/shop".lstrip("/")
    tests = {"tests/test_it.py": TEST}
    more = {f"{package}/{name}": text for name, text in PACKAGE.items()}
    repository.fixed(
        "PM-1",
        before={**files, **more, f"{package}/price.py": PRICE.format(10)},
        after={f"{package}/price.py": PRICE.format(100), **tests},
    )
    repository.fixes["PM-3"] = repository.fixes["PM-1"]
    repository.fixes["PM-2"] = repository.commit({f"{package}/tax.py": TAX.format(3)})
    repository.commit({f"{package}/tax.py": OTHER_TAX})
    repository.register()
    return repository.folder / package


def environment(folder: Path) -> tuple[Path, Path]:
    """Make a virtual environment that has what this one has.

    Returns:
        Its interpreter, and the folder of its packages.
    """
    venv.create(folder, symlinks=os.name != "nt", with_pip=False)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    asked = "import site; print(site.getsitepackages()[0])"
    done = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True)
    packages = Path(done.stdout.strip())
    lines = (f"import site; site.addsitedir({each!r})\n" for each in site.getsitepackages())
    (packages / "0.pth").write_text("".join(lines))
    return python, packages


def told(
    python: Path,
    repository: Repository,
    variables: Mapping[str, str] = {},
    asked: Sequence[str] = tuple(QUICK),
) -> object:
    """Return what the command says in an environment: of each incident verdict, way, reason."""
    script = "import sys; from pytest_postmortem.cli.main import main; sys.exit(main())"
    writes = (repository.folder / "meson.build").exists()  # a log, at each import of the package
    with nullcontext() if writes else repository.untouched():
        done = subprocess.run(
            [python, "-c", script, "prove", "--again", "--report=json", *asked],
            cwd=repository.folder,
            env={**os.environ, **variables, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.stderr == ""
    proofs = json.loads(done.stdout)["proofs"]
    return {each["id"]: (each["verdict"], each["way"], each["message"]) for each in proofs}


@pytest.mark.parametrize("name", BACKENDS)
def test_a_package_may_be_installed_by_any_backend(
    name: str, repository: Repository, tmp_path: Path
) -> None:
    """As an editable install, which each of them does in a way of its own."""
    backend = BACKENDS[name]
    least = "70.1" if backend.module == "setuptools" else None
    pytest.importorskip(backend.module, minversion=least)
    ignored = "build\n*.egg-info\n__pycache__\n.pytest_cache\n"
    files = {"pyproject.toml": backend.pyproject, ".gitignore": ignored, **backend.files}
    project(repository, backend.folder, files)
    python, _ = environment(tmp_path / "environment")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"),
            *("--no-build-isolation", "--no-deps", "--no-index", "--editable", "."),
            *(f"--config-settings={each}" for each in backend.settings),
        ],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

    assert told(python, repository, {"PATH": path}, asked=()) == EXPECTED


Bare = Callable[[Path, Path], None]
"""Makes a package importable, given its folder and that of the packages of an environment."""


def by_path_file(package: Path, packages: Path) -> None:
    """Name its folder in a file, as many an editable install does."""
    (packages / "shop.pth").write_text(f"{package.parent}\n")


def by_link(package: Path, packages: Path) -> None:
    """Have a link to it among what is installed."""
    (packages / "shop").symlink_to(package)


def by_finder(package: Path, packages: Path) -> None:
    """Have a finder of its own, which stands before all others and knows each module."""
    files = {
        ".".join(("shop", *path.relative_to(package).with_suffix("").parts)): str(path)
        for path in package.rglob("*.py")
    }
    names = {name.removesuffix(".__init__"): path for name, path in files.items()}
    text = f"""\
import sys
from importlib.util import spec_from_file_location

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name in {names!r}:
            return spec_from_file_location(name, {names!r}[name])

sys.meta_path.insert(0, Finder())
"""
    (packages / "_shop.py").write_text(text)
    (packages / "shop.pth").write_text("import _shop\n")


def by_copy(package: Path, packages: Path) -> None:
    """Install it, and change nothing since."""
    shutil.copytree(package, packages / "shop")


@pytest.mark.parametrize("install", [by_path_file, by_link, by_finder, by_copy])
def test_a_package_may_be_installed_by_hand(
    install: Bare, repository: Repository, tmp_path: Path
) -> None:
    """Without any backend."""
    package = project(repository, "src", {})
    python, packages = environment(tmp_path / "environment")
    install(package, packages)

    assert told(python, repository) == QUICK


@pytest.mark.parametrize(
    ("folder", "files"),
    [
        ("src", {"pytest.ini": "[pytest]\npythonpath = src\n"}),
        (
            "src",
            {"pytest.ini": "[pytest]\npythonpath = src\naddopts = --import-mode=importlib\n"},
        ),
        ("", {"conftest.py": ""}),
        ("", {"tests/__init__.py": ""}),
        ("src", {"tests/conftest.py": "import sys\nsys.path.insert(0, 'src')\n"}),
        (
            "lib",
            {
                "tests/conftest.py": "import sys, os\nsys.path[:0] = [os.path.dirname(__file__)"
                " + '/../lib']\n"
            },
        ),
    ],
    ids=["pythonpath", "importlib", "conftest", "package", "relative", "beside"],
)
def test_a_package_need_not_be_installed(
    folder: str, files: Files, repository: Repository, tmp_path: Path
) -> None:
    """Where pytest or the suite finds it by itself."""
    project(repository, folder, files)

    assert told(Path(sys.executable), repository) == QUICK


@pytest.mark.parametrize("path", ["src", "/nowhere:{0}/src"])
def test_a_variable_may_lead_to_it(path: str, repository: Repository) -> None:
    """Absolute or relative to the folder in which pytest is started."""
    project(repository, "src", {})
    path = path.format(repository.folder).replace(":", os.pathsep)

    assert told(Path(sys.executable), repository, {"PYTHONPATH": path}) == QUICK


def test_an_installed_copy_that_is_not_todays_proves_nothing_of_today(
    repository: Repository, tmp_path: Path
) -> None:
    """The tests run something else than what the fix is taken away from, but for the tree of the
    fix.
    """
    package = project(repository, "src", {})
    python, packages = environment(tmp_path / "environment")
    by_copy(package, packages)
    repository.write({"src/shop/price.py": PRICE.format(200)})

    found = told(python, repository)
    today = told(python, repository, asked=("--fix=WORKTREE", "tests/test_it.py::test_price"))

    assert found == {**QUICK, "PM-1": ("proven-at-fix", "replay", QUICK["PM-1"][2])}
    copy = packages / "shop" / "price.py"
    why = f"another copy was imported: {copy}"
    assert today == {"WORKTREE": ("inconclusive", "patch", why)}


def test_an_installed_copy_that_is_not_todays_is_named_where_the_fix_changes_data(
    repository: Repository, tmp_path: Path
) -> None:
    """Such a fix is reverted in a copy of the tree, where the test fails with the fix as well."""
    package = project(repository, "src", {})
    repository.commit({"src/shop/rates.csv": "1\n"})
    python, packages = environment(tmp_path / "environment")
    by_copy(package, packages)
    repository.write({"src/shop/price.py": PRICE.format(200), "src/shop/rates.csv": "2\n"})

    today = told(python, repository, asked=("--fix=WORKTREE", "tests/test_it.py::test_price"))

    copy = packages / "shop" / "price.py"
    why = f"passes with {copy}, and fails with the checkout's file: install it again"
    assert today == {"WORKTREE": ("inconclusive", "patch", why)}
