"""The commands of ``pytest-postmortem``, one module each, imported only when it is asked for."""

from __future__ import annotations
