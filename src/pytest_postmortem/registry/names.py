"""What the name of a file says: whether it is a post-mortem, its stem, an id, a date."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pytest_postmortem.registry import fields

__all__ = ["Name", "id_prefix", "iso_dates", "may_be_read", "name_of", "skipped_folder"]

Kind = Literal["markdown", "rst", "data", "plain"]

SUFFIXES: tuple[tuple[str, Kind], ...] = (
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
"""The endings of documents; a plain name without any may be Markdown, which its text decides."""

ENDINGS = frozenset(suffix.rpartition(".")[2] for suffix, _ in SUFFIXES)

LEFT_OUT = frozenset(
    "authors changelog code_of_conduct codeowners contributing copying dockerfile gemfile index "
    "jenkinsfile justfile licence license makefile notice owners procfile rakefile readme "
    "security summary vagrantfile".split()
)

WORDS = frozenset("coe cor inc incident ir pm postmortem rca".split())
"""The prefixes of ids that count in any case; others count in upper case."""

NO_PREFIXES = frozenset(
    "AES AP AWS AZ CPU CVE CWE DB DC DNS EC ES EU GB GCP GHSA GPU HTTP HTTPS IP IPV ISO KB MB MD "
    "OOM PEP PHP PY RAID RFC RSA SEV SEVERITY SHA SSL TB TCP TLS UDP US USB UTF VM".split()
)
"""What looks like the prefix of an id and is none: ``SEV-1``, ``CVE-2019``, ``UTF-8``."""

_SUFFIX = re.compile(r"\.\w{1,8}$")
_TOKENS = re.compile(r"[\W_]+")
_DATE = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")
_COMPACT_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})$")
_YEAR = re.compile(r"(?:19|20)\d{2}$")
_PREFIX = re.compile(
    r"\[?(?P<word>[A-Za-z]{2,})(?P<gap>[-_ ]?)(?P<number>\d+)(?P<second>-\d+)?"
    r"(?=$|[^\w.]|_|\.(?!\d))"
)


@dataclass(frozen=True, slots=True)
class Name:
    """The name of a document, without its ending, and what kind of document the ending tells."""

    stem: str
    kind: Kind


def name_of(file: str) -> Name | None:
    """Return the name of a file that is a document by its name, or None."""
    if file.startswith((".", "_")):
        return None
    lower = file.lower()
    for suffix, kind in SUFFIXES:
        if lower.endswith(suffix):
            stem = file[: -len(suffix)]
            return None if is_left_out(stem) else Name(stem, kind)
    if _SUFFIX.search(file) or is_left_out(file):
        return None
    return Name(file, "plain")


def may_be_read(file: str) -> bool:
    """Say whether a file may be a document, by its ending alone."""
    return file.rpartition(".")[2].lower() in ENDINGS or _SUFFIX.search(file) is None


def is_left_out(stem: str) -> bool:
    """Say whether a file stands beside the post-mortems: a README, a template, a licence."""
    if stem.split(".")[0].lower().replace("-", "_").replace(" ", "_") in LEFT_OUT:
        return True
    tokens = [token for token in _TOKENS.split(stem.lower()) if token]
    named = tokens[:2] == ["postmortem", "template"] or tokens[:3] == ["post", "mortem", "template"]
    template = named or "template" in tokens[:1] + tokens[-1:]
    return template and not iso_dates(stem) and id_prefix(stem) is None


def skipped_folder(folder: str) -> bool:
    """Say whether a folder holds no post-mortems, by its name."""
    return folder.startswith(".") or folder.lower() in ("template", "templates", "node_modules")


def id_prefix(text: str) -> str | None:
    """Return the id with which a file name or a heading begins, such as ``PM2021-005``.

    A number that begins a date is none; a second number belongs to the id after a year alone, so
    that ``PM-102-3-retries`` is ``PM-102``.
    """
    found = _PREFIX.match(text)
    if found is None:
        return None
    word, number = found["word"], found["number"]
    common = word.lower() in WORDS
    year = bool(_YEAR.match(number))
    if not common and (not word.isupper() or word in NO_PREFIXES or found["gap"] == " "):
        return None
    if _begins_date(text[found.start("number") :], number):
        return None
    if year and found["second"] is None and not word.isupper():
        return None
    end = found.end("second") if year and found["second"] else found.end("number")
    return text[found.start("word") : end]


def _begins_date(text: str, number: str) -> bool:
    compact = _COMPACT_DATE.match(number)
    iso = "-".join(compact.groups()) if compact else text[:10]
    return fields.day(iso) is not None


def iso_dates(text: str) -> list[str]:
    """Return the dates in a text, in ISO form and real, which are no part of a longer number."""
    return [date for date in _DATE.findall(text) if fields.day(date)]
