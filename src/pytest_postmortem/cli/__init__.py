"""The commands of ``pytest-postmortem``, one module each, imported only when it is asked for."""

from __future__ import annotations

__all__ = ["EXIT_NOT_JUDGED"]

EXIT_NOT_JUDGED = 3
"""The exit status of a command that could not read all data for its answer."""
