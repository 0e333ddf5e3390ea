"""Find the document of an incident: the file of its entry, or the one to which its link leads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from pytest_postmortem.model import Postmortem
from pytest_postmortem.registry.filenames import parse_document_name, parse_linked_name
from pytest_postmortem.text import unescape_bytes


def find_document_file(postmortem: Postmortem, root: Path) -> tuple[Path, str] | None:
    """Return the document of an incident and its path as it is shown, or None.

    It is the file of the entry, or else the file in the checkout to which its link leads.
    """
    return next(find_document_files(postmortem, root), None)


def find_document_files(
    postmortem: Postmortem, root: Path, lists: Collection[str] = ()
) -> Iterator[tuple[Path, str]]:
    """Yield the files that may be the document of an incident, with their paths as shown.

    ``lists`` are paths of files that list incidents.
    """
    for text in (postmortem.path, postmortem.url):
        shown_path = (text or "").split("#")[0]
        if shown_path in lists:
            continue
        if shown_path and ":" not in shown_path.split("/")[0] and parse_linked_name(shown_path):
            names = (shown_path, unescape_bytes(shown_path), unquote(shown_path))
            for name in dict.fromkeys(names):
                with suppress(OSError, ValueError):
                    file = root / name
                    if file.is_file() and (text == postmortem.path or _is_document(file)):
                        yield file, shown_path
                        break


def has_document(postmortem: Postmortem, root: Path, lists: Collection[str] = ()) -> bool:
    """Return whether there is a file that may be the document of an incident."""
    return any(True for _ in find_document_files(postmortem, root, lists))


def _is_document(file: Path) -> bool:
    """Return whether a file is a post-mortem by its name: an index or a README if it is alone."""
    if parse_document_name(file.name) is not None:
        return True
    return not any(parse_document_name(each.name) for each in file.parent.iterdir())


def find_incident_lists(postmortems: Iterable[Postmortem]) -> frozenset[str]:
    """Return the paths of YAML, JSON or CSV that have several incidents, and so are not documents.

    They need not be read to find that out.
    """
    lines_by_path: dict[str, int | None] = {}
    several = {
        postmortem.path
        for postmortem in postmortems
        if postmortem.path
        and lines_by_path.setdefault(postmortem.path, postmortem.line) != postmortem.line
    }
    return frozenset(path for path in several if _is_data_file(path))


def _is_data_file(path: str) -> bool:
    name = parse_linked_name(path)
    return name is not None and name.kind == "data"


def is_text_document(path: str) -> bool:
    """Return whether a path is that of a text, whose incidents each have a heading."""
    name = parse_linked_name(path)
    return name is not None and name.kind not in ("data", "plain")
