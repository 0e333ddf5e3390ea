"""The modules that a run of pytest imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def loaded(folder: Path, *arguments: str) -> set[str]:
    """Return the modules that a whole run of pytest in a folder has loaded."""
    code = (
        "import sys, pytest;"
        f"pytest.main(['-q', '-p', 'no:cacheprovider', *{list(arguments)!r}]);"
        "print('LOADED', *sys.modules, sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    return set(done.stdout.partition("LOADED\n")[2].split())
