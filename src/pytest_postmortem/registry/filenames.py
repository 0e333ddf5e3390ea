"""Parse the name of a file: whether it is a post-mortem, its stem, an id, a date."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pytest_postmortem.documents.dates import find_iso_dates
from pytest_postmortem.registry import fields

DocumentKind = Literal["markdown", "rst", "data", "plain"]

DOCUMENT_SUFFIXES: tuple[tuple[str, DocumentKind], ...] = (
    (".html.md.erb", "markdown"),
    (".md.erb", "markdown"),
    (".markdown", "markdown"),
    (".mdx", "markdown"),
    (".md", "markdown"),
    (".rst", "rst"),
    (".yaml", "data"),
    (".yml", "data"),
    (".json", "data"),
)
"""The suffixes of documents; a name without a suffix may be Markdown, by its text."""

DOCUMENT_ENDINGS = frozenset(suffix.rpartition(".")[2] for suffix, _ in DOCUMENT_SUFFIXES)

IGNORED_STEMS = frozenset(
    "authors changelog code_of_conduct codeowners contributing copying dockerfile gemfile index "
    "jenkinsfile justfile licence license makefile notice owners procfile rakefile readme "
    "security summary vagrantfile".split()
)

ID_PREFIX_WORDS = frozenset("coe cor inc incident ir pm postmortem rca".split())
"""The prefixes of ids that count in any case; others count in upper case."""

NO_ID_PREFIXES = frozenset(
    "AES AP AWS AZ CPU CVE CWE DB DC DNS EC ES EU GB GCP GHSA GPU HTTP HTTPS IP IPV ISO KB MB MD "
    "OOM PEP PHP PY RAID RFC RSA SEV SEVERITY SHA SSL TB TCP TLS UDP US USB UTF VM".split()
)
"""Prefixes of numbers that are not ids: ``SEV-1``, ``CVE-2019``, ``UTF-8``."""

_ANY_SUFFIX = re.compile(r"\.\w{1,8}$")
_TOKEN_SEPARATOR = re.compile(r"[\W_]+")
_COMPACT_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})$")
_FULL_YEAR = re.compile(r"(?:19|20)\d{2}$")
_ID_PREFIX = re.compile(
    r"\[?(?P<word>[A-Za-z]{2,})(?P<gap>[-_ ]?)(?P<number>\d+)(?P<second>-\d+)?"
    r"(?=$|[^\w.]|_|\.(?!\d))"
)


@dataclass(frozen=True, slots=True)
class DocumentName:
    """The name of a document without its suffix, and the kind of its suffix."""

    stem: str
    kind: DocumentKind


def parse_document_name(file: str) -> DocumentName | None:
    """Return the name of a file that is a document by its name, or None."""
    if file.startswith((".", "_")):
        return None
    lower = file.lower()
    for suffix, kind in DOCUMENT_SUFFIXES:
        if lower.endswith(suffix):
            stem = file[: -len(suffix)]
            return None if is_ignored_stem(stem) else DocumentName(stem, kind)
    if _ANY_SUFFIX.search(file) or is_ignored_stem(file):
        return None
    return DocumentName(file, "plain")


def is_possible_document(file: str) -> bool:
    """Return whether a file may be a document, by its suffix alone."""
    return file.rpartition(".")[2].lower() in DOCUMENT_ENDINGS or _ANY_SUFFIX.search(file) is None


def is_ignored_stem(stem: str) -> bool:
    """Return whether a file is not a post-mortem: a README, a template, a licence."""
    if stem.split(".")[0].lower().replace("-", "_").replace(" ", "_") in IGNORED_STEMS:
        return True
    tokens = [token for token in _TOKEN_SEPARATOR.split(stem.lower()) if token]
    names_template = tokens[:2] == ["postmortem", "template"] or tokens[:3] == [
        "post",
        "mortem",
        "template",
    ]
    template = names_template or "template" in tokens[:1] + tokens[-1:]
    return template and not find_iso_dates(stem) and find_id_prefix(stem) is None


def is_skipped_folder(folder: str) -> bool:
    """Return whether a folder has no post-mortems, by its name."""
    return folder.startswith(".") or folder.lower() in ("template", "templates", "node_modules")


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


def _is_start_of_date(text: str, number: str) -> bool:
    compact = _COMPACT_DATE.match(number)
    iso = "-".join(compact.groups()) if compact else text[:10]
    return fields.parse_day(iso) is not None
