"""Read the bytes and the text of a file of a registry, within limits, before it is parsed."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path

from pytest_postmortem.errors import Problem, RegistryError

READ_REGISTRY = "Couldn't read registry"
READ_DOCUMENT = "Couldn't read post-mortem"

UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
MAX_REGISTRY_SIZE = 50_000_000


SYNC_FIRST_LINE = "# Written by `pytest-postmortem sync` from "
LIMITED_SYNC_LINE = "# Only fields that postmortem_show allows are here"
"""Lines at the beginning of the file that `sync` writes, by which it is known."""


def is_sync_file(path: Path) -> bool:
    """Return whether a file can be read and was written by `sync`."""
    try:
        with path.open("rb") as file:
            return file.readline().startswith(SYNC_FIRST_LINE.encode())
    except OSError:
        return False


def is_limited_sync_file(data: bytes) -> bool:
    """Return whether a file was written by `sync` without the fields that may not be shown."""
    return data.startswith(SYNC_FIRST_LINE.encode()) and LIMITED_SYNC_LINE.encode() in data[:2000]


def read_limited_text(path: str, shown: str, failed: str, limit: int) -> str:
    """Return the text of a UTF-8 file of at most ``limit`` bytes; its size is checked first.

    Raises: RegistryError where it can't be read, is too big, or isn't UTF-8.
    """
    return decode_utf8(read_limited_bytes(path, shown, failed, limit), shown, failed)


def read_limited_bytes(path: str, shown: str, failed: str, limit: int) -> bytes:
    """Return the content of a file of at most ``limit`` bytes.

    Raises: RegistryError where it can't be read or is too big.
    """
    try:
        status = os.stat(path)
        slug, cause = "", ""
        if not stat.S_ISREG(status.st_mode):
            slug, cause = "registry-location", "it is neither a file nor a directory"
            remedy = "name a file or a directory"
        elif status.st_size > limit:
            cause = (
                f"it has {status.st_size / 1e6:.0f} MB, and at most {limit / 1e6:.0f} MB are read"
            )
            slug, remedy = "registry-size", "split it, or move other data to another file"
        if slug:
            raise RegistryError([Problem(slug, failed, cause, remedy, shown)])
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise RegistryError([build_unreadable_problem(error, failed, shown)]) from None


def decode_utf8(data: bytes, shown: str, failed: str) -> str:
    """Return the text of a file; one with the byte order mark of UTF-16 is read as well.

    Raises: RegistryError where it isn't UTF-8.
    """
    try:
        encoding = "utf-16" if data[:2] in UTF16_MARKS else "utf-8"
        text = data.removeprefix(codecs.BOM_UTF8).decode(encoding)
        return text.replace("\r\n", "\n") if "\r" in text else text
    except UnicodeDecodeError as error:
        # Where there is a byte order mark, the position counts from behind it.
        line = error.object.count(b"\n", 0, error.start) + 1
        cause = f"the byte 0x{error.object[error.start]:02x} is not {error.encoding.upper()}"
        remedy = "save the file as UTF-8"
        problem = Problem("registry-encoding", failed, cause, remedy, shown, line)
        raise RegistryError([problem]) from None


def build_unreadable_problem(error: Exception, failed: str, shown: str) -> Problem:
    """Return the problem for an error of the operating system about a path."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        cause, remedy = "no such file or directory", "correct the path, or create it"
    elif not isinstance(error, OSError):
        cause, remedy = "it is not a path", "correct the path"
    else:
        cause = (error.strerror or str(error)).lower()
        remedy = "let the user that runs the tests read it"
    return Problem("registry-location", failed, cause, remedy, shown)
