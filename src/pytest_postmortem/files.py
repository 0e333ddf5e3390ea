"""Files read, found and written atomically: to a temporary file, which is then renamed.

Devices, FIFOs and open descriptors such as ``/dev/stdout`` are written directly. For a symbolic
link its target is written. A process that is killed leaves the old or the new content, and at
most one hidden file that ends in ``.pytest-postmortem``; the next write to the folder removes it.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatch, translate
from functools import cache
from pathlib import Path

from pytest_postmortem.errors import DestinationError, Problem

PROOFS_FILENAME = "postmortem-proofs.json"
UNFINISHED_SUFFIX = ".pytest-postmortem"
UNFINISHED_MAX_AGE = 24 * 60 * 60
"""The age in seconds from which an unfinished file of any machine may be removed."""

NO_HARD_LINK_ERRORS = (
    errno.EPERM,
    errno.EACCES,
    errno.ENOTSUP,
    errno.ENOSYS,
    errno.EMLINK,
    errno.EINVAL,
)
"""The errors of file systems without hard links."""

VENV_ENTRIES = frozenset({"pyvenv.cfg", "conda-meta"})
"""Entries by which pytest knows a virtual environment, which it mostly does not enter."""

_DESCRIPTOR_PATTERN = re.compile(r"/dev/(?:std(in|out|err)|fd/(\d{1,9}))|/proc/self/fd/(\d{1,9})")
_UNFINISHED_PATTERN = re.compile(
    rf"\..*\.([0-9a-f]{{8}})-(\d+)-\w+{re.escape(UNFINISHED_SUFFIX)}", re.DOTALL
)


class FileChangedError(Exception):
    """A file was changed after it had been read."""


@contextmanager
def open_temporary_folder(contents: Mapping[str, bytes]) -> Iterator[Path]:
    """Make a folder with some files, which is removed at the end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, data in contents.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        yield folder


def write_text_file(path: Path, text: str) -> None:
    """Write text as UTF-8 atomically; create missing folders.

    Raises:
        DestinationError: The file can't be written; nothing is left behind.
    """
    data = text.encode("utf-8", errors="backslashreplace")
    try:
        if is_written_through(path):
            _write_to_device(path, data)
            return
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace_file(target, data)
    except OSError as error:
        cause = error.strerror or str(error)
        remedy = "choose a destination that can be written"
        problem = Problem("destination", "Couldn't write report", cause, remedy, str(path))
        raise DestinationError([problem]) from None


def is_written_through(path: Path) -> bool:
    """Return whether a path names a device, a FIFO or an open descriptor."""
    if _DESCRIPTOR_PATTERN.fullmatch(str(path)):
        return True
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _write_to_device(path: Path, data: bytes) -> None:
    """Write to a device or a FIFO; an open descriptor keeps its position."""
    found = _DESCRIPTOR_PATTERN.fullmatch(str(path))
    if found is None:
        descriptor = os.open(path, os.O_WRONLY)
    else:
        name = found[1]
        number = ("in", "out", "err").index(name) if name else int(found[2] or found[3])
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        descriptor = os.dup(number)
    with open(descriptor, "wb") as file:
        file.write(data)


@dataclass(frozen=True, slots=True)
class StagedFile:
    """The new content of a file in a temporary file next to it.

    ``old`` is the present content, None for a new file.
    """

    path: Path
    old: bytes | None
    staged: str

    def put_in_place(self) -> None:
        """Replace the file by the temporary one.

        Raises:
            FileChangedError: The file was changed in the meantime.
            FileExistsError: The file was created in the meantime; it is kept.
            OSError: The file can't be written; it is unchanged.
        """
        try:
            if self.old is None:
                self._make()
            elif self.path.read_bytes() != self.old:
                raise FileChangedError
            else:
                os.replace(self.staged, self.path)
        except BaseException:
            self.drop_staged()
            raise

    def _make(self) -> None:
        """Create the file by a hard link, so that it is never incomplete."""
        try:
            os.link(self.staged, self.path)
        except OSError as error:
            if error.errno not in NO_HARD_LINK_ERRORS:
                raise
            self._claim_unfinished_name()
        else:
            os.unlink(self.staged)

    def _claim_unfinished_name(self) -> None:
        os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            os.replace(self.staged, self.path)
        except BaseException:
            with suppress(OSError):
                os.unlink(self.path)
            raise

    def drop_staged(self) -> None:
        """Remove the temporary file; the file is unchanged."""
        with suppress(OSError):
            os.unlink(self.staged)


def stage_file(path: Path, old: bytes | None, new: bytes) -> StagedFile:
    """Write new content to a temporary file next to a file; ``old`` is None for a new file.

    Raises:
        FileChangedError: The content is not ``old``.
        FileExistsError: A new file exists already.
        OSError: The file can't be written; no temporary file is left.
    """
    if old is None:
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        return StagedFile(path, old, _write_neighbour_file(path, new, None))
    if path.read_bytes() != old:
        raise FileChangedError
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return StagedFile(path, old, _write_neighbour_file(path, new, path.stat()))


def rewrite_file(path: Path, old: bytes, new: bytes) -> None:
    """Replace the old content of a file by a new one, and keep its mode.

    Raises:
        FileChangedError: The content is not ``old``.
        OSError: The file can't be written; it is unchanged.
    """
    stage_file(path, old, new).put_in_place()


def _replace_file(path: Path, data: bytes) -> None:
    """Write a file atomically; keep the mode and the owner of an existing one."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        status = None
    name = _write_neighbour_file(path, data, status)
    try:
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _copy_owner(name: str, status: os.stat_result) -> None:
    """Copy the owner to a file, if permitted."""
    own = os.stat(name)
    if hasattr(os, "chown") and (own.st_uid, own.st_gid) != (status.st_uid, status.st_gid):
        with suppress(OSError):
            os.chown(name, status.st_uid, status.st_gid)
            os.chmod(name, stat.S_IMODE(status.st_mode))  # a change of owner may clear bits


def _write_neighbour_file(path: Path, data: bytes, status: os.stat_result | None) -> str:
    """Write a temporary file next to a file, with its mode and owner, and return its name."""
    remove_unfinished_files(path.parent)
    prefix = f".{path.name[:60]}.{_read_machine_name()}-{os.getpid()}-"
    handle, name = tempfile.mkstemp(suffix=UNFINISHED_SUFFIX, prefix=prefix, dir=path.parent)
    try:
        with open(handle, "wb") as file:
            file.write(data)
        if status is None:
            os.chmod(name, 0o666 & ~_read_umask())
        else:
            os.chmod(name, stat.S_IMODE(status.st_mode))
            _copy_owner(name, status)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    return name


def remove_unfinished_files(folder: Path) -> None:
    """Remove the temporary files of killed processes from a folder."""
    for path in find_unfinished_files(folder):
        with suppress(OSError):
            os.unlink(path)


def find_unfinished_files(folder: Path) -> list[Path]:
    """Return the temporary files of killed processes in a folder."""
    left: list[Path] = []
    with suppress(OSError), os.scandir(folder) as entries:
        for name in [entry.name for entry in entries if entry.name.endswith(UNFINISHED_SUFFIX)]:
            found = _UNFINISHED_PATTERN.fullmatch(name)
            path = folder / name
            if found and (_is_process_over(found[1], int(found[2])) or _is_old_file(path)):
                left.append(path)
    return left


def _is_process_over(machine: str, process: int) -> bool:
    """Return whether a process of this machine has ended; False for other machines."""
    if machine != _read_machine_name() or os.name == "nt":  # where signal 0 ends a process
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _is_old_file(path: Path) -> bool:
    import time

    return time.time() - os.lstat(path).st_mtime > UNFINISHED_MAX_AGE


def _read_machine_name() -> str:
    """Return a short hash of the name of this machine or container."""
    import platform
    import zlib

    return f"{zlib.crc32(platform.node().encode()):08x}"


def _read_umask() -> int:
    """Return the umask; it can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def is_test_file_path(path: Path, patterns: Iterable[str]) -> bool:
    """Return whether a file matches ``python_files``: by its name, or by its path if the pattern
    contains a slash, as in pytest.
    """
    return any(
        fnmatch(path.as_posix(), f"*/{pattern}") if "/" in pattern else fnmatch(path.name, pattern)
        for pattern in patterns
    )


def format_relative_path(path: Path, root: Path) -> str:
    """Return a path relative to the rootdir; absolute if it is on another drive."""
    text, folder = str(path), f"{root}{os.sep}"
    if text.startswith(folder) and ".." not in text:  # a tenth of the work of `relpath`
        return text[len(folder) :].replace(os.sep, "/")
    try:
        return os.path.relpath(path, root).replace(os.sep, "/")
    except ValueError:
        return path.as_posix()


def find_test_files(
    roots: Iterable[Path],
    patterns: Sequence[str],
    ignored: Callable[[Path], bool],
    unentered: Sequence[str] = (),
    is_test_file: Callable[[Path], bool] = lambda path: True,
) -> Iterator[Path]:
    """Yield the test files below ``roots``, without files and folders that are ``ignored``.

    A root that is a file is yielded with any name, as in pytest. ``is_test_file`` decides on files
    that match ``patterns``. ``ignored`` may take longer than the reading of a folder, so that only
    folders are asked about that hold such a file, and before they are entered those that match
    ``unentered``: it is asked about a folder before the files in it.
    """
    for root in roots:
        if root.is_file():
            yield root
            continue
        is_left_out = _build_exclusion(root, ignored)
        named = _walk_named_files(root, patterns, unentered, is_left_out)
        for path in sorted(named, key=lambda path: path.parts):
            if not is_left_out(path.parent) and is_test_file(path) and not ignored(path):
                yield path


def _build_exclusion(root: Path, ignored: Callable[[Path], bool]) -> Callable[[Path], bool]:
    """Return a function that returns whether a folder, or one above it, is ignored."""

    @cache
    def is_left_out(folder: Path) -> bool:
        return folder != root and (is_left_out(folder.parent) or ignored(folder))

    return is_left_out


def _walk_named_files(
    root: Path,
    patterns: Sequence[str],
    unentered: Sequence[str],
    is_left_out: Callable[[Path], bool],
) -> Iterator[Path]:
    """Walk a folder as pytest does: follow links, except to a parent folder."""
    file_names = _compile_patterns(pattern for pattern in patterns if "/" not in pattern)
    file_paths = [pattern for pattern in patterns if "/" in pattern]
    folder_names = _compile_patterns(unentered)
    folders = [str(root)]
    while folders:
        folder = folders.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        is_venv = not VENV_ENTRIES.isdisjoint(entry.name for entry in entries)
        for entry in () if is_venv and is_left_out(Path(folder)) else entries:
            name = os.path.normcase(entry.name)
            if _is_folder_entry(entry):
                ignorable = folder_names.match(name) and is_left_out(Path(entry.path))
                if name != "__pycache__" and not ignorable and not _leads_upwards(entry, folder):
                    folders.append(entry.path)
            elif file_names.match(name) or (
                file_paths and is_test_file_path(Path(entry.path), file_paths)
            ):
                yield Path(entry.path)


def _compile_patterns(patterns: Iterable[str]) -> re.Pattern[str]:
    """Return an expression for names that match any pattern as in ``fnmatch``."""
    expressions = [translate(os.path.normcase(pattern)) for pattern in patterns]
    return re.compile("|".join(expressions) or r"(?!)")


def _leads_upwards(entry: os.DirEntry[str], folder: str) -> bool:
    """Return whether a folder is a link to one above it."""
    return entry.is_symlink() and Path(folder).resolve().is_relative_to(Path(entry.path).resolve())


def _is_folder_entry(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder; False for a circular link."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def read_file_bytes(file: Path) -> bytes | None:
    """Return the content of a file, None if it can't be read."""
    try:
        return file.read_bytes()
    except (OSError, ValueError):
        return None


def find_proofs_file(configured: Path | None, root: Path, cache: Path | None) -> Path | None:
    """Return the proofs file: the configured one, else that in the rootdir, else in the cache."""
    proofs_file = configured or root / PROOFS_FILENAME
    if configured is not None or proofs_file.exists():
        return proofs_file
    return None if cache is None else cache / PROOFS_FILENAME
