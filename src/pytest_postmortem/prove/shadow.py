"""A virtual environment beside the user's own, in which a run imports what it is told to.

It shares the interpreter and all that is installed; only a line in a ``.pth`` file makes the
difference, so that ``python -m``, spawned processes and scripts of the environment see it as well.
"""

from __future__ import annotations

import json
import os
import shutil
import site
import sysconfig
import venv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

__all__ = ["ShadowEnvironment", "create_shadow_environment", "list_site_folders"]

PTH_LINE = "import _postmortem_overlay; _postmortem_overlay.install_overlay()\n"

SCRIPT_TEMPLATE = """#!{python}
import sys

from {module} import {name}
sys.exit({attribute}())
"""


@dataclass(frozen=True, slots=True)
class ShadowEnvironment:
    """The folder of the environment; it may be copied, and each copy is one of its own.

    ``scripts`` are the commands of what is installed, each with its module and function.
    """

    folder: Path
    scripts: tuple[tuple[str, str, str], ...] = ()

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.bin / ("python.exe" if os.name == "nt" else "python")

    @property
    def bin(self) -> Path:
        """The folder of scripts, which belongs in front of the path."""
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    @property
    def site_packages(self) -> Path:
        """The folder of packages."""
        scheme = "nt" if os.name == "nt" else "posix_prefix"
        if "venv" in sysconfig.get_scheme_names():  # from Python 3.11
            scheme = "venv"
        return Path(sysconfig.get_path("purelib", scheme, {"base": str(self.folder)}))

    def copy(
        self, folder: Path, overlay: Mapping[str, Any], recorder: Mapping[str, Any]
    ) -> ShadowEnvironment:
        """Return a copy with what its runs are to import and to record."""
        shutil.copytree(self.folder, folder, symlinks=True)
        copied = replace(self, folder=folder)
        for name, content in (("overlay", overlay), ("recorder", recorder)):
            (copied.site_packages / f"{name}.json").write_text(
                json.dumps(content), encoding="utf-8"
            )
        for name, module, attribute in self.scripts:
            path = copied.bin / name
            if not path.exists():
                first = attribute.partition(".")[0]
                text = SCRIPT_TEMPLATE.format(
                    python=copied.python, module=module, name=first, attribute=attribute
                )
                path.write_text(text, encoding="utf-8")
                path.chmod(0o700)
        return copied


def create_shadow_environment(folder: Path) -> ShadowEnvironment:
    """Make an environment without anything to import yet."""
    venv.create(folder, symlinks=os.name != "nt", with_pip=False)
    shadow = ShadowEnvironment(folder, tuple(_list_console_scripts()))
    here = Path(__file__).parent
    for name in ("notes", "overlay", "recorder", "watching"):
        shutil.copyfile(here / f"{name}.py", shadow.site_packages / f"_postmortem_{name}.py")
    (shadow.site_packages / "_postmortem.pth").write_text(PTH_LINE, encoding="utf-8")
    return shadow


def list_site_folders() -> list[str]:
    """Return the folders in which this environment has its packages."""
    own = site.getsitepackages()
    if site.ENABLE_USER_SITE:
        own.append(site.getusersitepackages())
    return [folder for folder in own if os.path.isdir(folder)]


def _list_console_scripts() -> Iterator[tuple[str, str, str]]:
    """Yield the scripts of what is installed, so that they start the interpreter of the shadow."""
    for each in entry_points(group="console_scripts") if os.name != "nt" else ():
        if each.attr and each.name.isprintable() and "/" not in each.name:
            yield each.name, each.module, each.attr
