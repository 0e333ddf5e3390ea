"""``python -m pytest_postmortem``, the same as ``pytest-postmortem``."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    try:
        from pytest_postmortem.cli.main import main
    except KeyboardInterrupt:  # before the command could handle it
        sys.exit("Interrupted")
    sys.exit(main())
