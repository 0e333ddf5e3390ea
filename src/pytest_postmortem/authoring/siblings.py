"""The documents of a directory → how they are made, for one more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pytest_postmortem.authoring.front import FRESH, Front, Style, Written, front_of, place_of
from pytest_postmortem.authoring.naming import FIRST, Manner, manner_of, most_common
from pytest_postmortem.authoring.phrasing import phrase_of
from pytest_postmortem.errors import RegistryError
from pytest_postmortem.model import Postmortem
from pytest_postmortem.registry import formats, markup
from pytest_postmortem.registry.documents import Directory, document, front_matter, walk
from pytest_postmortem.registry.names import SUFFIXES, Kind, id_prefix, iso_dates
from pytest_postmortem.registry.reading import READ_DOCUMENT
from pytest_postmortem.registry.tables import Table

__all__ = ["Collection", "kind_of", "survey"]

RECENT = 50
"""The newest documents, which say how the next one is written; of older ones the name counts."""

_TEMPLATES = ("template", "templates")

FOLDERS = ("%Y", "%Y-%m", "%Y/%m", "%Y/%Y-%m", "%Y/%m/%d", "%Y_%m", "%Y%m")
"""The folders that a date may lead to."""

_YEAR, _MONTH, _DAY = r"(?P<year>(?:19|20)\d\d)", "(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"


@dataclass(frozen=True, slots=True)
class Collection:
    """How the documents of a directory are made.

    ``names`` are those of all documents, without their endings. ``folder`` is where the next one
    goes, with its date as `strftime` has it. ``heading`` is the phrase of headings, None where
    there are none, and ``title`` that of titles in front matter. ``ids`` is the manner of ids
    where they stand in front matter, or else ``in_heading``. ``template`` is the path of the
    team's own.
    """

    names: tuple[str, ...] = ()
    manner: Manner = FIRST
    suffix: str = ".md"
    kind: Kind = "markdown"
    folder: str = ""
    front: Front = FRESH
    heading: str | None = "{id}: {title}"
    title: str = "{title}"
    ids: Manner | None = None
    in_heading: bool = False
    newline: str = "\n"
    template: str | None = None


@dataclass(frozen=True, slots=True)
class _Sibling:
    """A document: its path in the directory, its name, and what the registry knows of it."""

    relative: str
    stem: str
    kind: Kind
    known: Postmortem | None

    @property
    def folder(self) -> str:
        return self.relative.rpartition("/")[0]

    @property
    def suffix(self) -> str:
        return self.relative.rpartition("/")[2][len(self.stem) :]

    @property
    def day(self) -> date | None:
        dates = iso_dates(self.stem)
        return date.fromisoformat(dates[0]) if dates else self.known.day if self.known else None

    @property
    def order(self) -> tuple[str, Sequence[tuple[str, int]]]:
        """What sorts documents as they were written: by date, and as people count."""
        parts = re.findall(r"(\D*)(\d{0,18})", self.stem.casefold())
        natural = [(text, int(number) if number else -1) for text, number in parts]
        return str(self.day or ""), natural


def survey(directory: Directory, known: Iterable[Postmortem]) -> Collection:
    """Say how the documents of a directory are made; ``known`` are its post-mortems."""
    files = sorted(walk(directory.path, []))
    aside = [name for name in _TEMPLATES if Path(directory.path, name).is_dir()]
    files += [f"{name}/{each}" for name in aside for each in walk(f"{directory.path}/{name}", [])]
    by_path = {each.path: each for each in known}
    found = []
    for relative in files:
        if relative.partition("/")[0] in aside:
            continue
        name = document(directory.path, relative)
        if name is not None:
            own = by_path.get(directory.shown_path(relative))
            found.append(_Sibling(relative, name.stem, name.kind, own))
    found.sort(key=lambda each: each.order)
    return _collection(directory, found, files)


def _collection(
    directory: Directory, found: Sequence[_Sibling], files: Sequence[str]
) -> Collection:
    if not found:
        template = _template(files, ".md")
        suffix, kind = kind_of(template or "x.md")
        return Collection(suffix=suffix, kind=kind, template=template)
    suffix = most_common([each.suffix for each in found])
    own = [each for each in found if each.suffix == suffix]
    names = tuple(each.stem for each in found)
    pages = [_Page(directory, each) for each in own[-RECENT:]]
    titles = [(page.title, page.id) for page in pages if page.title]
    headings = [(page.heading, page.id) for page in pages if page.heading]
    written_ids = [page.written_id for page in pages if page.written_id]
    in_heading = sum(bool(page.heading_id) for page in pages) * 2 > len(pages)
    if in_heading:
        written_ids = [page.heading_id for page in pages if page.heading_id]
    return Collection(
        names,
        manner_of(names),
        suffix,
        own[-1].kind,
        _folder(found),
        front_of([page.written for page in pages]),
        phrase_of(headings) if len(headings) * 2 > len(pages) else None,
        phrase_of(titles),
        manner_of(written_ids) if len(written_ids) * 2 > len(pages) else None,
        in_heading,
        "\r\n" if pages[-1].has_crlf else "\n",
        _template(files, suffix),
    )


class _Page:
    """What stands in a document, as far as the next one is to be like it."""

    def __init__(self, directory: Directory, sibling: _Sibling) -> None:
        data = Path(directory.path, sibling.relative).read_bytes()
        text = data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
        self.has_crlf = b"\r\n" in data
        self.id = sibling.known.id if sibling.known else sibling.stem
        lines: Sequence[str] = ()
        if sibling.kind == "data":
            self.written = _whole(text, sibling.relative)
        else:
            rst = sibling.kind == "rst"
            self.written, lines = _head(text, sibling.relative, rst)
        heading = markup.first_heading(lines, rst=sibling.kind == "rst")
        self.heading = heading.text if heading and heading.level == 1 else ""
        self.title = self._text("title")
        self.written_id = self._text("id")
        told = id_prefix(heading.text) if heading and not self.written_id else None
        self.heading_id = self.id if told == self.id and id_prefix(sibling.stem) is None else ""

    def _text(self, field: str) -> str:
        values = self.written.values
        named = (values[name] for name in values if place_of(name) == field)
        return next((value for value in named if isinstance(value, str)), "")


def _whole(text: str, shown: str) -> Written:
    """Return a document that is nothing but data."""
    style: Style = "json" if shown.lower().endswith(".json") else "yaml"
    suffix = ".json" if style == "json" else ".yml"
    try:
        tree = formats.parse(text, suffix, failed=READ_DOCUMENT, path=shown)
    except RegistryError:
        tree = None
    return Written(style, text, tree if isinstance(tree, Table) else Table())


def _head(text: str, shown: str, rst: bool) -> tuple[Written, Sequence[str]]:
    try:
        values, body = front_matter(text, shown, rst)
    except RegistryError:
        return Written("none", "", Table()), ()
    lines = text.split("\n")
    if rst:
        return Written("rst" if values else "none", text, values), body
    if not values:
        return Written("none", "", values), body
    own = lines[1 : len(lines) - len(body) - 1]
    style: Style = "yaml" if lines[0].startswith("---") else "toml"
    return Written(style, "\n".join(own), values, above=1), body


def _folder(found: Sequence[_Sibling]) -> str:
    """Return the folder of the next document: by date, the one that all are in, or the top."""
    folders = [_format(each) for each in found]
    most = most_common(folders)
    return most if "%" in most or len(set(folders)) == 1 else ""


def _format(sibling: _Sibling) -> str:
    """Return the folder of a document, as `strftime` has it where it is one of a date."""
    day, folder = sibling.day, sibling.folder
    if day is None:
        known = (each for each in FOLDERS if _is_dated(folder, each))
    else:
        known = (each for each in FOLDERS if day.strftime(each) == folder)
    return next(known, folder)


def _is_dated(folder: str, shape: str) -> bool:
    pattern = shape.replace("%Y", _YEAR, 1).replace("%Y", "(?P=year)")
    return re.fullmatch(pattern.replace("%m", _MONTH).replace("%d", _DAY), folder) is not None


def kind_of(file: str) -> tuple[str, Kind]:
    """Return the ending of a document, and what kind of document it tells."""
    lower = file.lower()
    return next((each for each in SUFFIXES if lower.endswith(each[0])), ("", "plain"))


def _template(files: Iterable[str], suffix: str) -> str | None:
    """Return the template among the files of a directory, one with the same ending first."""
    found = sorted(filter(_is_template, files), key=lambda file: _template_order(file, suffix))
    return found[0] if found else None


def _template_order(file: str, suffix: str) -> tuple[bool, int, int, str]:
    return not file.lower().endswith(suffix or ".md"), file.count("/"), len(file), file


def _is_template(file: str) -> bool:
    folder, _, name = file.rpartition("/")
    ending = kind_of(name)[0]
    stem = name[: len(name) - len(ending)].lower()
    if not ending or stem.split(".")[0] in ("readme", "index"):
        return False
    tokens = [token for token in re.split(r"[\W_]+", stem) if token]
    return "template" in tokens[:1] + tokens[-1:] or folder in _TEMPLATES
