"""What a process imports instead of some files: in real processes of a shadow environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from pytest_postmortem.prove.runner import ShadowEnvironment, create_shadow_environment
from repositories import Files, write


@pytest.fixture(scope="module")
def shadow(tmp_path_factory: pytest.TempPathFactory) -> ShadowEnvironment:
    """An environment, of which each run gets a copy."""
    return create_shadow_environment(tmp_path_factory.mktemp("shadow") / "env")


@dataclass
class Process:
    """Runs Python in a copy of the environment, in a folder that it imports from."""

    shadow: ShadowEnvironment
    folder: Path
    number: int = 0

    def run(self, code: str, **config: Any) -> tuple[str, list[list[Any]]]:
        """Return what some code printed, and what was noted; ``config`` as an overlay has it.

        The files that are given are named by their paths in the folder.
        """
        return self.start(["-c", code], **config)

    def start(self, arguments: Sequence[str], **config: Any) -> tuple[str, list[list[Any]]]:
        """Start the interpreter with arguments of its own."""
        self.number += 1
        notes = self.folder.parent / f"notes{self.number}"
        named = ("files", "marks", "watched")
        paths = {name: self.paths(config.pop(name, {})) for name in named}
        known: dict[str, Any] = {
            "modules": {},
            "shake": False,
            "sites": [],
            "moved": [],
            "roots": [],
            "trees": [],
            "data": [],
        }
        overlay = {**known, **paths, "notes": str(notes), **config}
        own = self.shadow.copy(self.folder.parent / f"env{self.number}", {"import_hook": overlay})
        done = subprocess.run(
            [own.python, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        lines = notes.read_text().splitlines()
        return done.stdout + done.stderr, [json.loads(line) for line in lines]

    def paths(self, named: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is said of files, by their real paths."""
        return {os.path.realpath(self.folder / name): value for name, value in named.items()}

    def path(self, name: str) -> str:
        """Return the real path of a file."""
        return os.path.realpath(self.folder / name)


@pytest.fixture
def process(shadow: ShadowEnvironment, tmp_path: Path) -> Process:
    """A folder with a module and a package, and an environment to run in."""
    files: Files = {
        "shop.py": "VALUE = 'today'\n",
        "pkg/__init__.py": "from pkg.inner import VALUE\n",
        "pkg/inner.py": "VALUE = 'today'\n",
        "pkg/other.py": "VALUE = 'other'\n",
    }
    write(tmp_path / "project", files)
    return Process(shadow, tmp_path / "project")


def test_a_file_has_another_text(process: Process) -> None:
    """It is noted that it was served; the file itself is as it was, and no bytecode is left."""
    said, notes = process.run(
        "import shop, pkg, pkg.other; print(shop.VALUE, pkg.VALUE, pkg.other.VALUE, shop.__file__)",
        files={"shop.py": "VALUE = 'then'\n", "pkg/inner.py": "VALUE = 'older'\n"},
    )

    assert said == f"then older other {process.folder / 'shop.py'}\n"
    assert notes == [["served", process.path("shop.py")], ["served", process.path("pkg/inner.py")]]
    assert (process.folder / "shop.py").read_text() == "VALUE = 'today'\n"
    assert not list(process.folder.rglob("__pycache__"))


def test_a_package_has_another_text(process: Process) -> None:
    """Its ``__init__`` is a file like any other."""
    said, notes = process.run(
        "import pkg; print(pkg.VALUE)", files={"pkg/__init__.py": "VALUE = 'then'\n"}
    )

    assert said == "then\n"
    assert notes == [["served", process.path("pkg/__init__.py")]]


def test_bytecode_that_was_there_is_not_used(process: Process) -> None:
    """Nor is it touched."""
    subprocess.run([sys.executable, "-m", "compileall", "-q", "."], cwd=process.folder, check=True)
    before = {path: path.read_bytes() for path in process.folder.rglob("*.pyc")}

    said, _ = process.run("import shop; print(shop.VALUE)", files={"shop.py": "VALUE = 'then'\n"})

    assert said == "then\n"
    assert {path: path.read_bytes() for path in process.folder.rglob("*.pyc")} == before
    assert before


@pytest.mark.parametrize(
    ("name", "module"),
    [("shop.py", "shop"), ("pkg/inner.py", "pkg.inner"), ("pkg/__init__.py", "pkg")],
)
def test_a_file_may_not_be_there(process: Process, name: str, module: str) -> None:
    """Importing it fails as it does where there is none."""
    code = f"""
try:
    import {module}
except ModuleNotFoundError as error:
    print(error, error.name)
"""
    said, notes = process.run(code, files={name: None})

    assert said == f"No module named {module!r} {module}\n"
    assert notes == [["served", process.path(name)]]


def test_what_fails_for_a_file_that_is_not_there_fails_where_it_is_imported(
    process: Process,
) -> None:
    """What we do about it leaves no line in the traceback that is noted."""
    code = """
from importlib import import_module
from _postmortem_import_hook import describe_exception

def plain(): import shop
def named(): from shop import VALUE
def asked(): import_module("shop")

for function in (plain, named, asked):
    try:
        function()
    except ImportError as error:
        print([name for _, _, name in describe_exception(error)["frames"]][:3])
"""
    said, _ = process.run(code, files={"shop.py": None})

    assert said.splitlines() == [
        "['<module>', 'plain']",
        "['<module>', 'named']",
        "['<module>', 'asked', 'import_module']",
    ]


def test_a_file_may_be_there_again(process: Process) -> None:
    """As a module, in a package, or as a package; what is absent stays absent."""
    files = {
        "gone.py": "VALUE = 'a module'\n",
        "pkg/gone.py": "VALUE = 'in a package'\n",
        "old/__init__.py": "VALUE = 'a package'\n",
        "old/deep.py": "VALUE = 'in that'\n",
        "never.py": None,
    }
    code = """
import gone, pkg.gone, old.deep, importlib.util
print(gone.VALUE, pkg.gone.VALUE, old.VALUE, old.deep.VALUE, sep=", ")
print(importlib.util.find_spec("never"), importlib.util.find_spec("pkg.never"))
"""
    said, notes = process.run(code, files=files)

    assert said == "a module, in a package, a package, in that\nNone None\n"
    assert sorted(path for kind, path in notes if kind == "served") == sorted(
        process.path(name) for name in files if name != "never.py"
    )


def test_a_file_is_known_by_its_real_path(process: Process, tmp_path: Path) -> None:
    """However it is imported."""
    (tmp_path / "link").symlink_to(process.folder)
    link = str(tmp_path / "link")
    code = f"import sys; sys.path.insert(0, {link!r}); import shop; print(shop.VALUE)"

    said, _ = process.run(code, files={"shop.py": "VALUE = 'then'\n"})

    assert said == "then\n"


@pytest.mark.parametrize(
    ("name", "installed", "value", "noted"),
    [
        ("shop.py", "VALUE = 'today'\n", "then", ["copy", "served"]),
        ("shop.py", "VALUE = 'released'\n", "released", ["other"]),
        ("vendor/shop.py", "VALUE = 'today'\n", "then", ["copy", "served"]),
        ("vendor/shop.py", "VALUE = 'released'\n", "released", []),
    ],
)
def test_a_copy_that_is_installed_counts_if_it_is_the_same(
    process: Process, tmp_path: Path, name: str, installed: str, value: str, noted: list[str]
) -> None:
    """It may lie in another package; another version under the same name is told."""
    site = tmp_path / "site"
    write(site, {name: installed, "vendor/__init__.py": ""})
    module = name.removesuffix(".py").replace("/", ".")
    digest = sha256((process.folder / "shop.py").read_bytes()).hexdigest()
    code = f"""
import sys; sys.path.insert(0, {str(site)!r})
import {module} as shop; print(shop.VALUE)
"""
    said, notes = process.run(
        code,
        files={"shop.py": "VALUE = 'then'\n"},
        modules={"shop": [process.path("shop.py"), digest]},
    )

    own = os.path.realpath(site / name)
    places = {"copy": own, "other": own, "served": process.path("shop.py")}
    assert said == f"{value}\n"
    assert notes == [[kind, places[kind]] for kind in noted]


def test_a_file_of_the_same_name_is_another(process: Process) -> None:
    """Only the module that the fix changed is replaced."""
    write(process.folder, {"pkg/shop.py": "VALUE = 'of the package'\n"})

    said, notes = process.run(
        "import pkg.shop; print(pkg.shop.VALUE)", files={"shop.py": "VALUE = 'then'\n"}
    )

    assert (said, notes) == ("of the package\n", [])


def test_other_processes_import_the_same(process: Process) -> None:
    """Those that are started with the interpreter, forked or spawned."""
    write(
        process.folder,
        {
            "start.py": """
import multiprocessing, subprocess, sys

def value():
    import shop
    return shop.VALUE

if __name__ == "__main__":
    code = "import shop; print('process', shop.VALUE, flush=True)"
    subprocess.run([sys.executable, "-c", code], check=True)
    subprocess.run([sys.executable, "-m", "shop"], check=True)
    for how in ("fork", "spawn"):
        with multiprocessing.get_context(how).Pool(1) as pool:
            print(how, pool.apply(value), flush=True)
"""
        },
    )
    text = "VALUE = 'then'\nif __name__ == '__main__':\n    print('main', VALUE, flush=True)\n"

    said, notes = process.start(["start.py"], files={"shop.py": text})

    assert said == "process then\nmain then\nfork then\nspawn then\n"
    assert notes == [["served", process.path("shop.py")]] * 4


def test_tracebacks_and_inspection_show_the_text_that_runs(process: Process) -> None:
    """Not that of the file."""
    text = "\x0c\n# one\ndef fail():\n    raise KeyError('then')\n"
    code = """
import inspect, shop, traceback
print(inspect.getsource(shop.fail), end="")
try:
    shop.fail()
except KeyError:
    print(traceback.format_exc().splitlines()[-2].strip())
"""
    said, _ = process.run(code, files={"shop.py": text})

    assert said == ("def fail():\n    raise KeyError('then')\nraise KeyError('then')\n")


MARKED = """\
def pay(n):
    if n > 1:
        return "much"
    return fee(n)

def swallow(n):
    try:
        return pay(n)
    except Exception as error:
        return type(error).__name__
"""


def test_lines_that_ran_and_what_left_are_noted_once(process: Process) -> None:
    """Once a process, whatever a test does with what it is written by."""
    code = """
import os, json, shop
os.write = json.dumps = None
print([shop.swallow(1), shop.swallow(1), shop.swallow(2), shop.swallow("x")])
"""
    said, notes = process.run(
        code,
        files={"shop.py": MARKED},
        marks={"shop.py": [[3, 3], [4, 4]]},
        watched={"shop.py": [[2, 2]]},
    )

    assert said == "['NameError', 'NameError', 'much', 'TypeError']\n"
    path = process.path("shop.py")
    assert [[kind, what["type"] if kind == "escaped" else what] for kind, what in notes] == [
        ["served", path],
        ["reached", f"{path}:4"],
        ["escaped", "NameError"],
        ["reached", f"{path}:3"],
        ["escaped", "TypeError"],
    ]
    assert notes[2][1]["frames"][-1] == [path, 4, "pay"]
    assert notes[2][1]["name"] == "fee"


def test_code_that_is_too_deep_runs_and_is_not_looked_into(process: Process) -> None:
    """It tells nothing of its lines."""
    text = "x = " + " + ".join(["1"] * 1200) + "\n"

    said, notes = process.run(
        "import shop; print(shop.x)", files={"shop.py": text}, marks={"shop.py": [[1, 1]]}
    )

    assert said == "1200\n"
    assert notes == [["served", process.path("shop.py")]]


def test_a_test_may_do_to_its_process_what_it_likes(process: Process) -> None:
    """Close what it has not opened, remove its folder, or put odd things on the path."""
    code = """
import os, pathlib, shop, sys, tempfile
folder = tempfile.mkdtemp()
os.chdir(folder)
os.rmdir(folder)
sys.path[:0] = ["", pathlib.Path("x"), b"y", None]
try:
    import no_such_module
except ModuleNotFoundError as error:
    print(error)
os.closerange(3, 100)
print(shop.swallow(1))
"""
    said, notes = process.run(code, files={"shop.py": MARKED}, watched={"shop.py": [[2, 2]]})

    assert said == "No module named 'no_such_module'\nNameError\n"
    assert [kind for kind, _ in notes] == ["served", "escaped"]


def test_threads_may_be_shaken_at_marked_lines(process: Process) -> None:
    """What the code does is the same, and it still tells what ran."""
    said, notes = process.run(
        "import shop; print([shop.pay(2) for _ in range(20)] == ['much'] * 20)",
        files={"shop.py": MARKED},
        marks={"shop.py": [[3, 3]]},
        shake=True,
    )

    assert said == "True\n"
    path = process.path("shop.py")
    assert notes == [["served", path], ["reached", f"{path}:3"]]


def test_the_packages_of_the_user_are_there(process: Process, tmp_path: Path) -> None:
    """With the lines of their ``.pth`` files, each once."""
    site = tmp_path / "site"
    added = "import sys; sys.added = getattr(sys, 'added', 0) + 1"
    write(
        site,
        {
            "library.py": "VALUE = 'installed'\n",
            "more.pth": f"{tmp_path / 'editable'}\n{added}\n",
        },
    )
    write(tmp_path / "editable", {"project.py": "import shop; VALUE = shop.VALUE\n"})
    code = "import sys, library, project; print(library.VALUE, project.VALUE, sys.added)"

    said, _ = process.run(code, files={"shop.py": "VALUE = 'then'\n"}, sites=[str(site)])

    assert said == "installed then 1\n"


def test_another_tree_takes_the_place_of_the_checkout(process: Process, tmp_path: Path) -> None:
    """Whatever leads to it: the path, a finder of an editable install, a namespace."""
    tree, site, elsewhere = tmp_path / "tree", tmp_path / "site", tmp_path / "elsewhere"
    write(
        process.folder,
        {
            "pkg/part.py": "VALUE = 'today'\n",
            "space/one.py": "VALUE = 'today'\n",
            "tools/tool.py": "VALUE = 'today'\n",
        },
    )
    write(
        tree,
        {
            "shop.py": "VALUE = 'tree'\n",
            "pkg/__init__.py": "VALUE = 'tree'\n",
            "pkg/part.py": "VALUE = 'tree'\n",
            "space/one.py": "VALUE = 'tree'\n",
            "tools/tool.py": "VALUE = 'tree'\n",
        },
    )
    write(elsewhere, {"space/two.py": "VALUE = 'elsewhere'\n"})
    finder = f"""
import sys
from importlib.machinery import PathFinder

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name in ("shop", "pkg"):
            return PathFinder.find_spec(name, [{str(process.folder)!r}])
        if name == "pkg.part":
            return PathFinder.find_spec(name, [{str(process.folder / "pkg")!r}])

sys.meta_path.insert(0, Finder())
"""
    write(site, {"_editable.py": finder, "_editable.pth": "import _editable\n"})
    code = f"""
import sys
sys.path.remove("")  # the folder in which it is started, which is one of the tree
sys.path += [{str(elsewhere)!r}]
import shop, pkg.part, space.one, space.two, tool
print(shop.VALUE, pkg.VALUE, pkg.part.VALUE, space.one.VALUE, space.two.VALUE, tool.VALUE)
import pkg.inner
"""
    top = os.path.realpath(process.folder)
    said, _ = process.run(
        code,
        sites=[str(site), str(process.folder / "tools")],
        moved=[[top, str(tree)]],
        roots=[str(tree)],
    )

    assert said.splitlines()[0] == "tree tree tree tree elsewhere tree"
    assert said.splitlines()[-1] == "ModuleNotFoundError: No module named 'pkg.inner'"


def test_installed_packages_below_the_checkout_are_no_part_of_it(
    process: Process, tmp_path: Path
) -> None:
    """An environment may lie there, which the other tree has not."""
    site = process.folder / ".venv" / "lib" / "site-packages"
    write(site, {"library.py": "VALUE = 'installed'\n"})
    top = os.path.realpath(process.folder)

    said, _ = process.run(
        "import library; print(library.VALUE)",
        sites=[str(site)],
        moved=[[top, str(tmp_path / "tree")]],
        roots=[str(tmp_path / "tree")],
    )

    assert said == "installed\n"


def test_pytest_rewrites_no_assertion_of_a_file_that_has_another_text(process: Process) -> None:
    """It would read the file itself; those of all others it does."""
    write(
        process.folder,
        {
            "conftest.py": "pytest_plugins = ['shop', 'helper']\n",
            "helper.py": "def helps(n):\n    assert n == 1\n",
            "test_it.py": "import shop, helper\n"
            "def test_shop(): shop.sells(2)\ndef test_helper(): helper.helps(2)\n",
        },
    )
    text = "VALUE = 'then'\ndef sells(n):\n    assert n == 1\n"
    site = [path for path in sys.path if path.endswith("site-packages")]
    code = "import _postmortem_import_hook; _postmortem_import_hook.start_pytest()"

    said, notes = process.start(
        ["-c", code, "-q", "-p", "no:cacheprovider"], files={"shop.py": text}, sites=site
    )

    lines = [line.split()[1:] for line in said.splitlines() if line.startswith("E ")]
    assert lines == [["AssertionError"], ["assert", "2", "==", "1"]]
    assert notes == [["served", process.path("shop.py")]]


def test_a_process_that_can_not_read_what_it_is_to_import_says_so(
    shadow: ShadowEnvironment, tmp_path: Path
) -> None:
    """It goes on without, and the run has no note of what was served."""
    own = shadow.copy(tmp_path / "env", {})
    (own.site_packages / "import_hook.json").write_text("{")

    done = subprocess.run(
        [own.python, "-c", "print('runs')"], capture_output=True, text=True, check=False
    )

    assert done.stdout == "runs\n"
    assert "JSONDecodeError" in done.stderr
