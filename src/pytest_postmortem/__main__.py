"""``python -m pytest_postmortem``, the same as ``pytest-postmortem``."""

from __future__ import annotations

import sys

from pytest_postmortem.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
