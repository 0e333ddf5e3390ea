"""The interpreter that runs the tests: the one of this process, or another that the user names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem.prove.child.environment import describe_environment

MIN_VERSION = (3, 10)
"""The oldest Python that the code in the runs supports."""

ISOLATING_FILES = {"pipx_metadata.json": "pipx", "uv-receipt.toml": "uv tool"}
"""Files by which installers mark an environment that they make for one command."""

CREATE_CODE = "import sys, venv; venv.create(sys.argv[1], symlinks=True, with_pip=False)"


class InterpreterError(Exception):
    """An interpreter can't run tests; the message says why."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter and the packages installed for it.

    ``packages`` is the folder of packages in a virtual environment, relative to it. ``scripts`` are
    console scripts, each with its module and function; ``plugins`` are the names of installed
    plugins of pytest. ``is_other`` means that it is not the interpreter of this process.
    """

    python: str
    version: tuple[int, ...]
    site_folders: tuple[str, ...]
    packages: str
    scripts: tuple[tuple[str, str, str], ...] = ()
    plugins: frozenset[str] = frozenset()
    has_plugin: bool = True
    is_other: bool = False

    def create_environment(self, folder: Path) -> None:
        """Create a virtual environment without packages."""
        if not self.is_other:
            venv.create(folder, symlinks=os.name != "nt", with_pip=False)
        else:
            code = CREATE_CODE if os.name != "nt" else CREATE_CODE.replace("True", "False", 1)
            _run_python(self.python, ["-c", code, str(folder)])


def find_interpreter(python: str | None) -> Interpreter:
    """Return the interpreter at a path, without one that of this process.

    Raises:
        InterpreterError: It can't be run, is too old, or has no pytest.
    """
    if python is None:
        facts = describe_environment()
    else:
        path = os.path.abspath(os.path.expanduser(python))
        if os.path.isdir(path):  # a virtual environment
            parts = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
            path = os.path.join(path, *parts)
        script = Path(__file__).parent / "child" / "environment.py"
        facts = json.loads(_run_python(path, [str(script)]))
        version = ".".join(map(str, facts["version"]))
        if tuple(facts["version"]) < MIN_VERSION:
            raise InterpreterError(f"it is Python {version}, and prove needs 3.10")
        if not facts["has_pytest"]:
            raise InterpreterError(f"no module named pytest: install it for {facts['python']}")
    return Interpreter(
        facts["python"],
        tuple(facts["version"]),
        tuple(facts["site_folders"]),
        facts["packages"],
        tuple((name, module, attribute) for name, module, attribute in facts["scripts"]),
        frozenset(facts["plugins"]),
        facts["has_plugin"],
        is_other=python is not None,
    )


def find_isolating_tool() -> str | None:
    """Return the tool that installed this command alone in an environment, None for any other."""
    return next(
        (
            tool
            for name, tool in ISOLATING_FILES.items()
            if os.path.exists(os.path.join(sys.prefix, name))
        ),
        None,
    )


def _run_python(python: str, arguments: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            [python, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except OSError as error:
        raise InterpreterError(f"it can't be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise InterpreterError("it does not end within 60 s") from None
    except subprocess.CalledProcessError as error:
        lines = str(error.stderr).strip().splitlines() or [f"exit status {error.returncode}"]
        raise InterpreterError(f"it is not a working Python: {lines[-1]}") from None
    return done.stdout
