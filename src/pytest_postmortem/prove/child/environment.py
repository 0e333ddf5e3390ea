"""What an interpreter has installed; run as a script, it prints this as JSON.

It imports only the standard library, since the interpreter may be any.
"""

from __future__ import annotations

import json
import os
import site
import sys
import sysconfig
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any


def describe_environment() -> dict[str, Any]:
    """Return the facts about the running interpreter that its runs depend on."""
    folders = site.getsitepackages()
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    has_venv_scheme = "venv" in sysconfig.get_scheme_names()  # from Python 3.11
    scheme = "nt" if os.name == "nt" else "posix_prefix"
    packages = sysconfig.get_path("purelib", "venv" if has_venv_scheme else scheme, {"base": "."})
    installed = entry_points()
    return {
        "python": sys.executable,
        "version": list(sys.version_info[:2]),
        "site_folders": [folder for folder in folders if os.path.isdir(folder)],
        "packages": packages,
        "scripts": [
            [script.name, script.module, script.attr]
            for script in (installed.select(group="console_scripts") if os.name != "nt" else ())
            if script.attr and script.name.isprintable() and "/" not in script.name
        ],
        "plugins": sorted({plugin.name for plugin in installed.select(group="pytest11")}),
        "has_pytest": find_spec("pytest") is not None,
        "has_plugin": find_spec("pytest_postmortem") is not None,
    }


if __name__ == "__main__":
    print(json.dumps(describe_environment()))
