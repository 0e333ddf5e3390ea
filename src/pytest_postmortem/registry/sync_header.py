"""The first lines of the file that `sync` writes, by which it is known."""

from __future__ import annotations

SYNC_FIRST_LINE = "# Written by `pytest-postmortem sync` from "
LIMITED_SYNC_LINE = "# Only fields that postmortem_show allows are here"


def is_limited_sync_file(data: bytes) -> bool:
    """Return whether a file was written by `sync` without the fields that may not be shown."""
    return data.startswith(SYNC_FIRST_LINE.encode()) and LIMITED_SYNC_LINE.encode() in data[:2000]
