"""A folder → the files below it; symbolic links are followed as far as the checkout goes.

What a link leads to is read once. A link that leads back to a folder above it is skipped, and so
is one that leaves the checkout, unless it is the top of the folder itself.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from pytest_postmortem.registry.names import is_skipped_folder

__all__ = ["UnfollowedLinks", "find_checkout_above", "walk_documents"]


@dataclass(slots=True)
class UnfollowedLinks:
    """The links that are not followed, as paths relative to the top."""

    loops: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)


def find_checkout_above(folder: str) -> str | None:
    """Return the nearest folder above that holds ``.git``, or None."""
    current = os.path.abspath(folder)
    while not os.path.exists(os.path.join(current, ".git")):
        current, child = os.path.dirname(current), current
        if current == child:
            return None
    return current


def walk_documents(
    top: str,
    problems: list[OSError],
    root: str | None = None,
    skipped: UnfollowedLinks | None = None,
) -> Iterator[str]:
    """Yield the files below a folder, as paths relative to it.

    Without a checkout around ``top``, ``root`` takes its place. Links come after all else, so
    that a file is known by its own path.
    """
    skipped = UnfollowedLinks() if skipped is None else skipped
    real_top = os.path.realpath(top)
    home = find_checkout_above(top) or root or top
    allowed = (real_top, os.path.realpath(home) if _is_in_folder(top, home) else real_top)
    seen_folders = {real_top}
    folders = [""]
    links: list[str] = []
    while folders or links:
        if folders:
            folder = folders.pop()
            yield from _list_folder(top, folder, folders, links, seen_folders, problems)
            continue
        links.sort(reverse=True)
        link = links.pop()
        path = os.path.join(top, link)
        target = os.path.realpath(path)
        if not os.path.exists(path):
            if _is_link_loop(path):
                skipped.loops.append(link)
        elif not any(_is_in_folder(target, place) for place in allowed):
            skipped.outside.append(link)
        elif not os.path.isdir(target):
            if os.path.isfile(target):
                yield link
        elif _is_in_folder(os.path.realpath(os.path.join(top, os.path.dirname(link))), target):
            skipped.loops.append(link)
        elif target not in seen_folders and not is_skipped_folder(link.rpartition("/")[2]):
            seen_folders.add(target)
            folders.append(link)


def _list_folder(
    top: str,
    folder: str,
    folders: list[str],
    links: list[str],
    seen_folders: set[str],
    problems: list[OSError],
) -> Iterator[str]:
    """Yield the files of one folder, and note its folders and links."""
    try:
        with os.scandir(os.path.join(top, folder)) as entries:
            for entry in entries:
                relative = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_symlink():
                    links.append(relative)
                elif entry.is_dir():
                    real = os.path.realpath(entry.path)
                    if not is_skipped_folder(entry.name) and real not in seen_folders:
                        seen_folders.add(real)
                        folders.append(relative)
                elif entry.is_file():
                    yield relative
    except OSError as error:
        problems.append(error)


def _is_link_loop(link: str) -> bool:
    """Say whether links lead to each other, and not just nowhere."""
    try:
        os.stat(link)
    except FileNotFoundError:
        return False
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _is_in_folder(path: str, folder: str) -> bool:
    """Say whether a path is a folder, or below it."""
    path, folder = os.path.abspath(path), os.path.abspath(folder)
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
