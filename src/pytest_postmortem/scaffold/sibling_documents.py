"""Derive the style of a new document from its siblings; the newest is the model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from pytest_postmortem.documents import head as document_head
from pytest_postmortem.documents.dates import find_iso_dates
from pytest_postmortem.errors import RegistryError
from pytest_postmortem.model import Postmortem
from pytest_postmortem.registry import parsers
from pytest_postmortem.registry.directory import (
    TABLE_SUFFIXES,
    DocumentDirectory,
    FolderWalk,
    examine_folder,
    is_single_document,
    parse_front_matter,
)
from pytest_postmortem.registry.entry import READ_DOCUMENT
from pytest_postmortem.registry.exports import find_export_items
from pytest_postmortem.registry.filenames import (
    DOCUMENT_SUFFIXES,
    DocumentKind,
    find_id_prefix,
)
from pytest_postmortem.registry.parsers import LocatedTable
from pytest_postmortem.scaffold.front_matter import (
    FIRST_FRONT_MATTER,
    FrontMatterLayout,
    FrontMatterStyle,
    WrittenFrontMatter,
    find_field_of_key,
    find_front_matter_layout,
)
from pytest_postmortem.scaffold.id_sequence import (
    DEFAULT_NAMING,
    NamingPattern,
    find_naming_pattern,
    parse_month_date,
)
from pytest_postmortem.scaffold.template import find_label_lines
from pytest_postmortem.scaffold.title_style import find_title_phrase

_TEMPLATE_FOLDERS = ("template", "templates")

FOLDER_FORMATS = ("%Y", "%Y-%m", "%Y/%m", "%Y/%Y-%m", "%Y/%m/%d", "%Y_%m", "%Y%m")
"""The formats of folders that are named after a date."""

_YEAR, _MONTH, _DAY = r"(?P<year>(?:19|20)\d\d)", "(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"


@dataclass(frozen=True, slots=True)
class DocumentCollection:
    """The style of the documents of a directory.

    ``names`` are those of all documents, without suffixes. ``folder`` is the folder of the next one
    as a `strftime` format. ``heading`` is the phrase of headings, None without headings, ``title``
    that of titles in front matter. ``ids`` is the pattern of ids that are written in front matter,
    or in the heading if ``in_heading``. ``template`` is the path of the team's own template.
    ``bundle`` is the name of the file in a folder of its own, as in ``disk-full/index.md``.
    ``label_lines`` are the lines with labels below the heading, without their values.
    """

    names: tuple[str, ...] = ()
    naming_pattern: NamingPattern = DEFAULT_NAMING
    suffix: str = ".md"
    kind: DocumentKind = "markdown"
    folder: str = ""
    front: FrontMatterLayout = FIRST_FRONT_MATTER
    heading: str | None = "{id}: {title}"
    title: str = "{title}"
    ids: NamingPattern | None = None
    in_heading: bool = False
    newline: str = "\n"
    template: str | None = None
    bundle: str = ""
    label_lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _SiblingDocument:
    """A document: its path in the directory, its name, and its post-mortem in the registry."""

    relative: str
    stem: str
    kind: DocumentKind
    known: Postmortem | None

    @property
    def bundle(self) -> str:
        """The name of its file, if it is named after the folder that it has for itself."""
        file = self.relative.rpartition("/")[2]
        return file if is_bundle_file(file) else ""

    @property
    def folder(self) -> str:
        return self.relative.removesuffix(f"/{self.bundle}").rpartition("/")[0]

    @property
    def suffix(self) -> str:
        if self.bundle:
            return find_document_kind(self.bundle)[0]
        return self.relative.rpartition("/")[2][len(self.stem) :]

    @property
    def day(self) -> date | None:
        dates = find_iso_dates(self.stem)
        day = date.fromisoformat(dates[0]) if dates else parse_month_date(self.stem)
        return day or (self.known.day if self.known else None)

    @property
    def sort_key(self) -> tuple[str, Sequence[tuple[str, int]]]:
        """The key that sorts documents by date and number."""
        parts = re.findall(r"(\D*)(\d{0,18})", self.stem.casefold())
        natural = [(text, int(number) if number else -1) for text, number in parts]
        return str(self.day or ""), natural


def survey_documents(
    directory: DocumentDirectory, postmortems: Iterable[Postmortem]
) -> DocumentCollection:
    """Return the style of the documents of a directory; ``postmortems`` are in it."""
    files = sorted(FolderWalk(directory.path).find_files())
    aside = [name for name in _TEMPLATE_FOLDERS if Path(directory.path, name).is_dir()]
    files += [
        f"{name}/{each}"
        for name in aside
        for each in FolderWalk(f"{directory.path}/{name}").find_files()
    ]
    by_path = {each.path: each for each in postmortems}
    documents = []
    own_files = (relative for relative in files if relative.partition("/")[0] not in aside)
    for relative, name in examine_folder(directory.path, own_files).names.items():
        postmortem = by_path.get(directory.shown_path(relative))
        if name.kind == "data" and not _is_whole_document(Path(directory.path, relative)):
            continue
        documents.append(_SiblingDocument(relative, name.stem, name.kind, postmortem))
    documents.sort(key=lambda each: each.sort_key)
    return _build_collection(directory, documents, files)


def _build_collection(
    directory: DocumentDirectory, documents: Sequence[_SiblingDocument], files: Sequence[str]
) -> DocumentCollection:
    names = tuple(document.stem for document in documents)
    written = [document for document in documents if is_written_kind(document.relative)]
    if not written:
        template = _find_template(files, ".md")
        suffix, kind = find_document_kind(template or "x.md")
        collection = DocumentCollection(suffix=suffix, kind=kind, template=template)
        if not documents:
            return collection
        naming, folder = find_naming_pattern(names), _find_next_folder(documents)
        return replace(collection, names=names, naming_pattern=naming, folder=folder)
    # one document of several may lack its suffix by mistake
    newest = next((document for document in reversed(written) if document.suffix), written[-1])
    page = _DocumentPage(directory, newest)
    ids = [document.known.id for document in documents if document.known]
    has_id = bool(page.written_id or page.is_id_in_heading)
    return DocumentCollection(
        names,
        find_naming_pattern(names),
        newest.suffix,
        newest.kind,
        _find_next_folder(documents),
        find_front_matter_layout(page.written),
        find_title_phrase(page.heading, page.id) if page.heading else None,
        find_title_phrase(page.title, page.id),
        find_naming_pattern(ids) if has_id else None,
        page.is_id_in_heading,
        "\r\n" if page.has_crlf else "\n",
        _find_template(files, newest.suffix),
        newest.bundle,
        page.label_lines,
    )


class _DocumentPage:
    """The parts of a document that a new one imitates."""

    def __init__(self, directory: DocumentDirectory, sibling: _SiblingDocument) -> None:
        data = Path(directory.path, sibling.relative).read_bytes()
        text = data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
        self.has_crlf = b"\r\n" in data
        self.id = sibling.known.id if sibling.known else sibling.stem
        lines: Sequence[str] = ()
        if sibling.kind == "data":
            self.written = _parse_data_document(text, sibling.relative)
        else:
            rst = sibling.kind == "rst"
            self.written, lines = _parse_text_document(text, sibling.relative, rst)
        heading = document_head.find_first_heading(lines, rst=sibling.kind == "rst")
        self.heading = heading.text if heading and heading.level == 1 else ""
        self.label_lines = find_label_lines(lines)
        self.title = self._text("title")
        self.written_id = self._text("id")
        heading_id = find_id_prefix(heading.text) if heading and not self.written_id else None
        self.is_id_in_heading = heading_id == self.id and find_id_prefix(sibling.stem) is None

    def _text(self, field: str) -> str:
        values = self.written.values
        named = (values[name] for name in values if find_field_of_key(name) == field)
        return next((value for value in named if isinstance(value, str)), "")


def _parse_data_document(text: str, shown: str) -> WrittenFrontMatter:
    """Return a document that is a data file."""
    style: FrontMatterStyle = "json" if shown.lower().endswith(".json") else "yaml"
    suffix = ".json" if style == "json" else ".yml"
    try:
        tree = parsers.parse_data_text(text, suffix, failed=READ_DOCUMENT, path=shown)
    except RegistryError:
        tree = None
    return WrittenFrontMatter(
        style, text, tree if isinstance(tree, LocatedTable) else LocatedTable()
    )


def _parse_text_document(
    text: str, shown: str, rst: bool
) -> tuple[WrittenFrontMatter, Sequence[str]]:
    try:
        values, body = parse_front_matter(text, shown, rst)
    except RegistryError:
        return WrittenFrontMatter("none", "", LocatedTable()), ()
    lines = text.split("\n")
    if rst:
        return WrittenFrontMatter("rst" if values else "none", text, values), body
    if not values:
        return WrittenFrontMatter("none", "", values), body
    front_lines = lines[1 : len(lines) - len(body) - 1]
    style: FrontMatterStyle = "yaml" if lines[0].startswith("---") else "toml"
    return WrittenFrontMatter(style, "\n".join(front_lines), values, above=1), body


def _is_whole_document(path: Path) -> bool:
    """Return whether a data file is one post-mortem, and not an export or a list of them."""
    if path.suffix.lower() in TABLE_SUFFIXES:
        return False
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    tree = _parse_data_document(text, path.name).values
    return find_export_items(tree) is None and is_single_document(tree)


def _find_next_folder(documents: Sequence[_SiblingDocument]) -> str:
    """Return the folder of the next document: by date, the only one in use, or the top."""
    folders = [_find_folder_format(document) for document in documents]
    return folders[-1] if "%" in folders[-1] or len(set(folders)) == 1 else ""


def _find_folder_format(sibling: _SiblingDocument) -> str:
    """Return the folder of a document, as a `strftime` format if it is named after the date."""
    day, folder = sibling.day, sibling.folder
    if day is None:
        known = (
            folder_format
            for folder_format in FOLDER_FORMATS
            if _is_dated_folder(folder, folder_format)
        )
    else:
        known = (each for each in FOLDER_FORMATS if day.strftime(each) == folder)
    return next(known, folder)


def _is_dated_folder(folder: str, shape: str) -> bool:
    pattern = shape.replace("%Y", _YEAR, 1).replace("%Y", "(?P=year)")
    return re.fullmatch(pattern.replace("%m", _MONTH).replace("%d", _DAY), folder) is not None


WRITTEN_SUFFIXES = tuple(
    (suffix, kind)
    for suffix, kind in DOCUMENT_SUFFIXES
    if kind not in ("asciidoc", "html") and suffix not in TABLE_SUFFIXES
)
"""The suffixes of documents that `new` can write."""


def is_written_kind(file: str) -> bool:
    """Return whether `new` can write a document such as this one."""
    suffix = f".{file.rpartition('.')[2].lower()}"
    return not any(suffix == other for other, _ in {*DOCUMENT_SUFFIXES} - {*WRITTEN_SUFFIXES})


def is_bundle_file(file: str) -> bool:
    """Return whether a document with this name is named after its folder."""
    return file.split(".")[0].lower() in ("index", "readme")


def find_document_kind(file: str) -> tuple[str, DocumentKind]:
    """Return the suffix of a document, and its kind."""
    lower = file.lower()
    return next((kind for kind in WRITTEN_SUFFIXES if lower.endswith(kind[0])), ("", "plain"))


def _find_template(files: Iterable[str], suffix: str) -> str | None:
    """Return the template among the files of a directory, preferring the same suffix."""
    found = sorted(filter(_is_template_file, files), key=lambda file: _rank_template(file, suffix))
    return found[0] if found else None


def _rank_template(file: str, suffix: str) -> tuple[bool, int, int, str]:
    return not file.lower().endswith(suffix or ".md"), file.count("/"), len(file), file


def _is_template_file(file: str) -> bool:
    folder, _, name = file.rpartition("/")
    ending = find_document_kind(name)[0]
    stem = name[: len(name) - len(ending)].lower()
    if not ending or stem.split(".")[0] in ("readme", "index"):
        return False
    tokens = [token for token in re.split(r"[\W_]+", stem) if token]
    return "template" in tokens[:1] + tokens[-1:] or folder in _TEMPLATE_FOLDERS
