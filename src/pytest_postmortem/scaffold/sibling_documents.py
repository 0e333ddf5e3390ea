"""Derive the style of a new document from its siblings; the newest is the model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from pytest_postmortem.documents.dates import find_iso_dates
from pytest_postmortem.documents.head import find_first_heading
from pytest_postmortem.documents.labels import load_labels, normalize_word
from pytest_postmortem.errors import RegistryError
from pytest_postmortem.model import Postmortem
from pytest_postmortem.registry import fields, parsers
from pytest_postmortem.registry.document import (
    DocumentDirectory,
    is_single_document,
    parse_front_matter,
)
from pytest_postmortem.registry.exports import find_export_items
from pytest_postmortem.registry.file_bytes import READ_DOCUMENT
from pytest_postmortem.registry.filenames import (
    BUNDLE_STEMS,
    DOCUMENT_SUFFIXES,
    DocumentKind,
    find_id_prefix,
)
from pytest_postmortem.registry.folder import TABLE_SUFFIXES, FolderWalk, examine_folder
from pytest_postmortem.scaffold.front_matter import (
    FIRST_FRONT_MATTER,
    FrontMatter,
    FrontMatterStyle,
    map_keys_to_fields,
)
from pytest_postmortem.scaffold.label_lines import find_label_lines
from pytest_postmortem.scaffold.naming import (
    DEFAULT_NAMING,
    NAMING_WORDS,
    NamingPattern,
    find_naming_pattern,
    parse_month_date,
)

_TEMPLATE_FOLDERS = ("template", "templates")
_UNWRITTEN_SUFFIXES = tuple(
    suffix
    for suffix, kind in DOCUMENT_SUFFIXES
    if kind in ("asciidoc", "html") or suffix in TABLE_SUFFIXES
)


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
    front: FrontMatter = FIRST_FRONT_MATTER
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
    postmortem: Postmortem | None

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
        """The suffix of its file; one document of several may lack it by mistake."""
        if self.bundle:
            return find_document_kind(self.bundle)[0]
        return self.relative.rpartition("/")[2][len(self.stem) :]

    @property
    def sort_key(self) -> tuple[str, Sequence[tuple[str, int]]]:
        """The key that sorts documents by date and number."""
        dates = find_iso_dates(self.stem)
        day = date.fromisoformat(dates[0]) if dates else parse_month_date(self.stem)
        day = day or (self.postmortem.day if self.postmortem else None)
        parts = re.findall(r"(\D*)(\d{0,18})", self.stem.casefold())
        natural = [(text, int(number) if number else -1) for text, number in parts]
        return str(day or ""), natural


def survey_documents(
    directory: DocumentDirectory, postmortems: Iterable[Postmortem]
) -> DocumentCollection:
    """Return the style of the documents of a directory; ``postmortems`` are in it."""
    files = sorted(FolderWalk(directory.path).find_files())
    documents = _list_documents(directory, files, {each.path: each for each in postmortems})
    for folder in _TEMPLATE_FOLDERS:
        if Path(directory.path, folder).is_dir():
            templates = FolderWalk(f"{directory.path}/{folder}").find_files()
            files += [f"{folder}/{file}" for file in templates]
    written = [each for each in documents if not each.relative.endswith(_UNWRITTEN_SUFFIXES)]
    last = written[-1] if written else None
    newest = next((each for each in reversed(written) if each.suffix), last)
    template = _find_template(files, newest.suffix if newest else ".md")
    collection = DocumentCollection(template=template)
    if documents:
        names = tuple(document.stem for document in documents)
        collection = replace(
            collection,
            names=names,
            naming_pattern=find_naming_pattern(names),
            folder=_find_next_folder([document.folder for document in documents]),
        )
    if newest is None:
        suffix, kind = find_document_kind(template or "x.md")
        return replace(collection, suffix=suffix, kind=kind)
    collection = replace(collection, suffix=newest.suffix, kind=newest.kind, bundle=newest.bundle)
    ids = [document.postmortem.id for document in documents if document.postmortem]
    return _imitate_document(collection, directory, newest, ids)


def _list_documents(
    directory: DocumentDirectory, files: Sequence[str], postmortems: dict[str | None, Postmortem]
) -> list[_SiblingDocument]:
    """Return the documents of a directory, the newest last."""
    documents = [
        _SiblingDocument(
            relative, name.stem, name.kind, postmortems.get(directory.shown_path(relative))
        )
        for relative, name in examine_folder(directory.path, files).names.items()
        if name.kind != "data" or _is_whole_document(Path(directory.path, relative))
    ]
    return sorted(documents, key=lambda document: document.sort_key)


def _imitate_document(
    collection: DocumentCollection,
    directory: DocumentDirectory,
    newest: _SiblingDocument,
    ids: Sequence[str],
) -> DocumentCollection:
    """Return the style of a collection with that of its newest document."""
    data = Path(directory.path, newest.relative).read_bytes()
    text = data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    front, values, body = _split_document(text, newest)
    heading = find_first_heading(body, rst=newest.kind == "rst")
    phrase = heading.text if heading and heading.level == 1 else ""
    id = newest.postmortem.id if newest.postmortem else newest.stem
    written_id = values.get("id")
    in_heading = (
        heading is not None
        and not written_id
        and find_id_prefix(heading.text) == id
        and find_id_prefix(newest.stem) is None
    )
    return replace(
        collection,
        front=front,
        heading=find_title_phrase(phrase, id) if phrase else None,
        title=find_title_phrase(values.get("title", ""), id),
        ids=find_naming_pattern(ids) if written_id or in_heading else None,
        in_heading=in_heading,
        newline="\r\n" if b"\r\n" in data else "\n",
        label_lines=find_label_lines(body),
    )


def _split_document(
    text: str, sibling: _SiblingDocument
) -> tuple[FrontMatter, dict[str, str], Sequence[str]]:
    """Return the front matter of a document, the texts of its fields, and the lines below it."""
    style: FrontMatterStyle = "none"
    lines, body = text.split("\n"), list[str]()
    rst = sibling.kind == "rst"
    try:
        if sibling.kind == "data":
            style = "json" if sibling.relative.lower().endswith(".json") else "yaml"
            tree = parsers.parse_data_text(
                text, f".{style}", failed=READ_DOCUMENT, path=sibling.relative
            )
        else:
            tree, body = parse_front_matter(text, sibling.relative, rst)
    except RegistryError:
        return FrontMatter(), {}, ()
    if sibling.kind != "data" and tree:
        style = "rst" if rst else "yaml" if lines[0].startswith("---") else "toml"
        end = max(tree.lines.values()) if rst else len(lines) - len(body) - 1
        text = "\n".join(lines[min(tree.lines.values()) - 1 if rst else 1 : end])
    values = {
        field: tree[key]
        for key, field in map_keys_to_fields(tree or {}).items()
        if isinstance(tree[key], str)
    }
    return FrontMatter(style, text if style != "none" else ""), values, body


def _is_whole_document(path: Path) -> bool:
    """Return whether a data file is one post-mortem, and not an export or a list of them."""
    if path.suffix.lower() in TABLE_SUFFIXES:
        return False
    suffix = ".json" if path.suffix.lower() == ".json" else ".yaml"
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
        tree = parsers.parse_data_text(text, suffix, failed=READ_DOCUMENT, path=path.name)
    except RegistryError:
        return True
    return is_single_document(tree) and find_export_items(tree) is None


def _find_next_folder(folders: Sequence[str]) -> str:
    """Return the folder of the next document: by date, the only one in use, or the top."""
    newest = _find_folder_format(folders[-1])
    return newest if "%" in newest or len(set(folders)) == 1 else ""


def _find_folder_format(folder: str) -> str:
    """Return a folder, as a `strftime` format if it is named after a date."""
    dated = re.sub(r"(?<!\d)(?:19|20)\d\d", "%Y", folder)
    dated = re.sub(r"(?<=%Y)([-_/]?)(?:0[1-9]|1[0-2])(?!\d)", r"\1%m", dated)
    dated = re.sub(r"(?<=%m)([-_/]?)(?:0[1-9]|[12]\d|3[01])(?!\d)", r"\1%d", dated)
    return dated if re.fullmatch(r"(?:%[Ymd][-_/]?)+", dated) else folder


_DATE_IN_TITLE = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")
_PHRASE_TOKEN = rf"(?:\{{id\}}|\{{date\}}|\b(?:{'|'.join(sorted(NAMING_WORDS))})\b|[^\w{{}}])"
_PHRASE_LEAD = re.compile(
    rf"{_PHRASE_TOKEN}*(?:\{{id\}}|\{{date\}}|[:,|–—\])]|(?<=\s)-)[\s:.,|–—\])-]*(?=\S)",
    re.IGNORECASE,
)
_GENRE_LEAD = re.compile(r"([^:：–—{}]{2,40}?)\s*[:：–—]\s*(?=\S)")
"""The words that say what a document is, before its title: ``Störungsbericht: ...``."""


def find_title_phrase(title: str, id: str) -> str:
    """Return the phrase of a title: ``{title}``, with ``{id}`` and ``{date}`` if it has them.

    ``PM-7: Login loop`` is ``{id}: {title}``, ``Incident on 2026-03-02 - Login loop`` is ``Incident
    on {date} - {title}``.
    """
    text = title.replace("{", "(").replace("}", ")")
    if id and text.casefold().lstrip("[(").startswith(id.casefold()):
        text = re.sub(re.escape(id), lambda _: "{id}", text, count=1, flags=re.IGNORECASE)
    text = _DATE_IN_TITLE.sub(
        lambda match: "{date}" if fields.parse_day(match[0]) else match[0], text
    )
    genre = _GENRE_LEAD.match(text)
    if genre and normalize_word(genre[1]) in load_labels().documents:
        return f"{genre[0]}{{title}}"
    is_only_lead = re.fullmatch(f"{_PHRASE_TOKEN}*", text, re.IGNORECASE)
    lead = None if is_only_lead else _PHRASE_LEAD.match(text)
    return f"{lead[0] if lead else ''}{{title}}"


def is_bundle_file(file: str) -> bool:
    """Return whether a document with this name is named after its folder."""
    return file.split(".")[0].lower() in BUNDLE_STEMS


def find_document_kind(file: str) -> tuple[str, DocumentKind]:
    """Return the suffix of a document that `new` can write, and its kind; empty for another."""
    kinds = (each for each in DOCUMENT_SUFFIXES if each[0] not in _UNWRITTEN_SUFFIXES)
    return next((each for each in kinds if file.lower().endswith(each[0])), ("", "plain"))


def _find_template(files: Iterable[str], suffix: str) -> str | None:
    """Return the template among the files of a directory, preferring the same suffix."""

    def rank_template(file: str) -> tuple[bool, int, int, str]:
        return not file.lower().endswith(suffix or ".md"), file.count("/"), len(file), file

    return min(filter(_is_template_file, files), key=rank_template, default=None)


def _is_template_file(file: str) -> bool:
    folder, _, name = file.rpartition("/")
    suffix = find_document_kind(name)[0]
    stem = name.lower().removesuffix(suffix)
    if not suffix or is_bundle_file(stem):
        return False
    tokens = [token for token in re.split(r"[\W_]+", stem) if token]
    return "template" in tokens[:1] + tokens[-1:] or folder in _TEMPLATE_FOLDERS
