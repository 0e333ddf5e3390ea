"""Parse the name of a file: whether it is a post-mortem, its stem, an id, a date."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Literal

from pytest_postmortem.documents.dates import find_iso_dates
from pytest_postmortem.registry import fields

DocumentKind = Literal["markdown", "rst", "asciidoc", "html", "data", "plain"]

DOCUMENT_SUFFIXES: tuple[tuple[str, DocumentKind], ...] = (
    (".html.md.erb", "markdown"),
    (".md.erb", "markdown"),
    (".markdown", "markdown"),
    (".mdx", "markdown"),
    (".md", "markdown"),
    (".rst", "rst"),
    (".adoc", "asciidoc"),
    (".asciidoc", "asciidoc"),
    (".asc", "asciidoc"),
    (".html", "html"),
    (".htm", "html"),
    (".yaml", "data"),
    (".yml", "data"),
    (".json", "data"),
    (".csv", "data"),
    (".tsv", "data"),
)
"""The suffixes of documents; a name without a suffix may be Markdown, by its text."""

DOCUMENT_ENDINGS = frozenset(suffix.rpartition(".")[2] for suffix, _ in DOCUMENT_SUFFIXES)
"""The last parts of these suffixes."""

IGNORED_STEMS = frozenset(
    "authors changelog code_of_conduct codeowners contributing copying dockerfile gemfile index "
    "jenkinsfile justfile licence license makefile notice owners procfile rakefile readme "
    "security summary vagrantfile".split()
)

AMBIGUOUS_STEMS = frozenset({"notice", "security", "summary"})
"""Names that are left out, and that a post-mortem may have all the same."""

ID_PREFIX_WORDS = frozenset("coe cor inc incident ir pm postmortem rca".split())
"""The prefixes of ids that count in any case; others count in upper case."""

NO_ID_PREFIXES = frozenset(
    "AES AP AWS AZ CPU CVE CWE DB DC DNS EC ES EU GB GCP GHSA GPU HTTP HTTPS IP IPV ISO KB MB MD "
    "OOM PEP PHP PY RAID RFC RSA SEV SEVERITY SHA SSL TB TCP TLS UDP US USB UTF VM".split()
)
"""Prefixes of numbers that are not ids: ``SEV-1``, ``CVE-2019``, ``UTF-8``."""

BUNDLE_STEMS = ("index", "readme")
"""The stems of a document that is named after its folder, as in ``disk-full/index.md``."""

_SKIPPED_FOLDERS = frozenset(
    "template templates node_modules _drafts _includes _layouts _sass _site".split()
)
"""The folders of templates and packages, and those of Jekyll that are not published."""

_WEBSITE_PAGES = frozenset("404 genindex py-modindex search sitemap".split())
"""Pages in HTML that generators of websites write."""

_NOTION_TAIL = re.compile(r"[ _-][0-9a-f]{32}(?:_all)?$")
_BROWSER_TAIL = re.compile(r" [-–—|] (?:Google (?:Docs|Drive)|Confluence|Notion)$")
_CONFLUENCE_TAIL = re.compile(r"(?<=[^\W\d_])_(\d{5,12})$")
HEAD_SIZE = 4096
MARKDOWN_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:# |---\r?\n|\+\+\+\r?\n)")
"""The beginning of a file without a suffix that is Markdown."""

_ANY_SUFFIX = re.compile(r"\.\w{1,8}$")
_TOKEN_SEPARATOR = re.compile(r"[\W_]+")
_COMPACT_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})$")
_FULL_YEAR = re.compile(r"(?:19|20)\d{2}$")
LEADING_SIGNS = r"(?:[^\x00-\x7f\w]+\s*)?"
"""The pattern of an emoji before a name."""

_ID_PREFIX = re.compile(
    rf"{LEADING_SIGNS}\[?(?P<word>[A-Za-z]{{2,}})(?P<gap>[-_ ]?)(?P<number>\d+)(?P<second>-\d+)?"
    r"(?=$|[^\w.]|_|\.(?!\d))"
)


@dataclass(frozen=True, slots=True)
class DocumentName:
    """The name of a document without its suffix, and the kind of its suffix."""

    stem: str
    kind: DocumentKind


def parse_document_name(file: str) -> DocumentName | None:
    """Return the name of a file that is a document by its name, or None."""
    name = _split_suffix(file)
    if name is None or is_ignored_stem(name.stem):
        return None
    if name.kind == "html" and name.stem.lower() in _WEBSITE_PAGES:
        return None
    return name


def parse_bundle_name(path: str) -> DocumentName | None:
    """Return the name of ``slug/index.md`` or ``slug/README.md``, which is that of its folder."""
    folder, _, file = path.rpartition("/")
    name = _split_suffix(file)
    if name is None or name.stem.split(".")[0].lower() not in BUNDLE_STEMS:
        return None
    folder_name = cut_export_tail(folder.rpartition("/")[2])
    return DocumentName(folder_name, name.kind) if folder_name else None


def parse_linked_name(path: str) -> DocumentName | None:
    """Return the name of a path that is known to lead to a document."""
    return parse_document_name(path.rpartition("/")[2]) or parse_bundle_name(path)


def _split_suffix(file: str) -> DocumentName | None:
    """Return the stem of a file and the kind of its suffix, or None if no document has it."""
    if file.startswith((".", "_")):
        return None
    lower = file.lower()
    for suffix, kind in DOCUMENT_SUFFIXES if is_document_suffix(file) else ():
        if lower.endswith(suffix):
            if suffix == ".asc" and _ANY_SUFFIX.search(file[:-4]):
                return None  # the signature of another file
            return DocumentName(cut_export_tail(file[: -len(suffix)], kind), kind)
    return None if _ANY_SUFFIX.search(file) else DocumentName(cut_export_tail(file), "plain")


def cut_export_tail(stem: str, kind: DocumentKind = "markdown") -> str:
    """Return a name without what an export adds: the id of a page, the name of the service.

    ``Login loop 1a2b…`` is from Notion, ``Login loop - Google Docs`` from a browser, and
    ``Login-loop_131073.html`` from Confluence.
    """
    if len(stem) > 33 and (match := _NOTION_TAIL.search(stem)):
        return stem[: match.start()]
    if kind == "html":
        stem = _BROWSER_TAIL.sub("", stem)
        match = _CONFLUENCE_TAIL.search(stem)
        if match and not _is_start_of_date(match[1], match[1]):
            return stem[: match.start()]
    return stem


def is_document_suffix(file: str) -> bool:
    """Return whether a file has a suffix of documents."""
    return file.rpartition(".")[2].lower() in DOCUMENT_ENDINGS


def is_possible_document(file: str) -> bool:
    """Return whether a file may be a document, by its suffix alone."""
    return is_document_suffix(file) or _ANY_SUFFIX.search(file) is None


_FOLDERS_OF_DATE = re.compile(r"(?:^|/)((?:19|20)\d\d)/(\d\d)/(\d\d)(?=/)")


def find_folder_date(relative: str) -> str | None:
    """Return the date of a document in folders of a year, a month and a day, as ISO date."""
    match = _FOLDERS_OF_DATE.search(relative)
    return fields.parse_day("-".join(match.groups())) if match else None


def is_ignored_stem(stem: str) -> bool:
    """Return whether a file is not a post-mortem: a README, a template, a licence."""
    if stem.split(".")[0].lower().replace("-", "_").replace(" ", "_") in IGNORED_STEMS:
        return True
    if "template" not in stem.lower():
        return False
    tokens = [token for token in _TOKEN_SEPARATOR.split(stem.lower()) if token]
    is_template = (
        "template" in tokens[:1] + tokens[-1:]
        or tokens[:2] == ["postmortem", "template"]
        or tokens[:3] == ["post", "mortem", "template"]
    )
    return is_template and not has_incident_name(stem)


def has_incident_name(stem: str) -> bool:
    """Return whether a file or a folder has the name of an incident: an id, or a date."""
    return bool(find_iso_dates(stem)) or find_id_prefix(stem) is not None


def split_stem(path: str) -> str:
    """Return the name of a file without its folder and its last suffix."""
    return os.path.splitext(path.rpartition("/")[2])[0]


def is_skipped_folder(folder: str) -> bool:
    """Return whether a folder has no post-mortems, by its name."""
    return folder.startswith(".") or folder.lower() in _SKIPPED_FOLDERS


def find_id_prefix(text: str) -> str | None:
    """Return the id with which a file name or a heading begins, such as ``PM2021-005``.

    A number that begins a date is none; a second number belongs to the id after a year alone, so
    that ``PM-102-3-retries`` is ``PM-102``.
    """
    match = _ID_PREFIX.match(text)
    if match is None:
        return None
    word, number = match["word"], match["number"]
    common = word.lower() in ID_PREFIX_WORDS
    year = bool(_FULL_YEAR.match(number))
    if not common and (not word.isupper() or word in NO_ID_PREFIXES or match["gap"] == " "):
        return None
    if _is_start_of_date(text[match.start("number") :], number):
        return None
    if year and match["second"] is None and not word.isupper():
        return None
    end = match.end("second") if year and match["second"] else match.end("number")
    return text[match.start("word") : end]


def find_dated_id(text: str) -> str | None:
    """Return the id of the form ``INC-20260722-002`` with which a text begins: a date, a number."""
    match = _ID_PREFIX.match(text)
    if match is None or not (match["second"] and match["word"].isupper()):
        return None
    if match["word"] in NO_ID_PREFIXES or not _COMPACT_DATE.match(match["number"]):
        return None
    return text[match.start("word") : match.end("second")]


def _is_start_of_date(text: str, number: str) -> bool:
    compact = _COMPACT_DATE.match(number)
    iso = "-".join(compact.groups()) if compact else text[:10]
    return fields.parse_day(iso) is not None
