"""Fetch the entries of a remote location, or use the copy of an earlier run.

A location that can't be reached is never an error here: its `FetchResult` has a finding.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Literal

from pytest_postmortem.model import Finding, Guard, ShowLevel, format_count
from pytest_postmortem.registry import fields, parsers
from pytest_postmortem.registry.cache import (
    SnapshotStore,
    StoredSnapshot,
    deserialize_entries,
    hash_parts,
    serialize_entries,
)
from pytest_postmortem.registry.entry import RawEntry, RegistryEntry, build_entries
from pytest_postmortem.registry.load_options import LoadOptions
from pytest_postmortem.registry.merge import check_duplicate_ids
from pytest_postmortem.registry.remote.http import DEFAULT_LIMITS, UnreachableError
from pytest_postmortem.registry.remote.issue_body import add_body_fields
from pytest_postmortem.registry.remote.pagination import FetchedPages, PageValidator, read_pages
from pytest_postmortem.registry.remote.source_config import RemoteSource
from pytest_postmortem.text import clean_text

MAX_LISTED_FINDINGS = 10
"""The number of findings about entries of one location that are shown one by one."""

UNCHECKED_IDS_NOTE = "its ids are not checked, and gates are not judged; "

_URL_IN_ERROR = re.compile(r"(://|\burl: )(?:[^\s/?#]*@)?([^\s?#]*)(?:[?#]\S*)?")
HIDDEN_TEXT_FIELDS = ("root_cause", "reason")


@dataclass(frozen=True, slots=True)
class FetchResult:
    """The entries of one remote location, and how it was reached.

    ``shown`` is its name, with the age of a copy. ``findings`` are about its entries, ``trouble``
    about reaching it. ``partial`` is the reason why entries may be missing, ``missing`` says that
    it can't be reached and has no copy, ``shrunk`` that the answer was an empty list, and that the
    entries are those of an earlier answer.
    """

    shown: str
    entries: Sequence[RegistryEntry] = ()
    findings: tuple[Finding, ...] = ()
    trouble: tuple[Finding, ...] = ()
    partial: str | None = None
    missing: bool = False
    shrunk: bool = False
    digest: str = ""


@dataclass(frozen=True, slots=True)
class _FreshEntries:
    """The entries of a new answer, before they are stored."""

    entries: list[RegistryEntry]
    findings: list[Finding] = field(default_factory=list)
    pages: Sequence[PageValidator] = ()
    partial: str | None = None


def fetch_location(
    source: RemoteSource, how: LoadOptions, prefix: str, url_template: str | None
) -> FetchResult:
    """Fetch a location; if that fails, return the copy of an earlier run and a finding."""
    place = source.place(os.environ)
    settings = (source.identity_text, place, prefix, url_template, how.show, sorted(how.keep))
    name = f"{hash_parts(source.shown)}-{hash_parts(repr(settings))}"
    return _LocationFetcher(source.shown, how, name).fetch(
        lambda stored: _fetch_fresh_entries(source, how, (prefix, url_template), stored)
    )


def take_plugin_entries(
    text: str, shown: str, how: LoadOptions, provided: Iterable[Mapping[str, object]] | Exception
) -> FetchResult:
    """Return the entries that a plugin provides for a location; its error is a finding."""

    def read(stored: StoredSnapshot | None) -> _FreshEntries:
        if isinstance(provided, Exception):
            raise UnreachableError(_format_plugin_error(provided), "fix the plugin that reads it")
        try:
            raws = [
                RawEntry(parsers.convert_to_tables(dict(mapping)), shown) for mapping in provided
            ]
        except Exception as error:  # the generator of a plugin may raise anything
            raise UnreachableError(
                _format_plugin_error(error), "fix the plugin that reads it"
            ) from None
        return _build_fresh_entries(
            FetchedPages(raws), how, shown, how.show or "link", "", how.url_template
        )

    return _LocationFetcher(shown, how, _build_plugin_copy_key(text, how)).fetch(read)


def has_plugin_copy(text: str, how: LoadOptions) -> bool:
    """Return whether the store has a copy of a plugin's entries for a location."""
    return SnapshotStore(how.cache).read(f"part-{_build_plugin_copy_key(text, how)}") is not None


def _build_plugin_copy_key(text: str, how: LoadOptions) -> str:
    return f"{hash_parts(text)}-{hash_parts(repr((how.show, how.url_template, sorted(how.keep))))}"


def _format_plugin_error(error: Exception) -> str:
    """Return the error of a plugin; addresses in it lose their query and user information."""
    message = _URL_IN_ERROR.sub(r"\1\2", str(error))
    return clean_text(f"{type(error).__name__}: {message}")[: fields.MAX_SHORT_TEXT]


class _LocationFetcher:
    """Reads a location, stores the answer, and falls back to the stored one."""

    def __init__(self, shown: str, how: LoadOptions, name: str) -> None:
        self._shown = shown
        self._how = how
        self._name = f"part-{name}"
        self._store = SnapshotStore(how.cache)

    def fetch(self, read: Any) -> FetchResult:
        stored = self._store.read(self._name)
        try:
            if self._how.offline:
                raise UnreachableError("postmortem_offline is set", "unset it to fetch anew")
            fresh: _FreshEntries | None = read(stored)
        except UnreachableError as error:
            return self._use_copy(stored, error)
        if fresh is not None and not fresh.entries and stored is not None and stored.data():
            return self._use_copy_for_empty(stored)
        if fresh is None and stored is not None:
            self._store.keep(
                self._name, {**stored.head, "read": _format_current_time()}, stored.body
            )
            return self._build_result(stored)
        assert fresh is not None
        return self._build_result(
            self._store.write(
                self._name,
                {
                    "read": _format_current_time(),
                    "pages": [[page.url, page.etag, page.modified] for page in fresh.pages],
                    "partial": fresh.partial,
                    "show": [entry.show for entry in fresh.entries[:1]],
                    "findings": [[finding.code, finding.message] for finding in fresh.findings],
                },
                serialize_entries(fresh.entries),
            )
        )

    def _build_result(self, stored: StoredSnapshot) -> FetchResult:
        findings = (
            Finding(code, "warning", message, self._shown)
            for code, message in stored.head["findings"]
        )
        partial = stored.head["partial"]
        return FetchResult(
            self._shown,
            deserialize_entries(stored.data()),
            tuple(findings),
            partial=partial and f"{self._shown}: {partial}",
            digest=hash_parts(stored.head["content"], repr((stored.head["findings"], partial))),
        )

    def _use_copy(self, stored: StoredSnapshot | None, error: UnreachableError) -> FetchResult:
        """Return the copy of an earlier run, if there is one, and a finding with the reason."""
        level: Literal["warning", "error"] = (
            "error" if self._how.unreachable == "error" else "warning"
        )
        if stored is None:
            consequence = "" if self._how.fetched_only else UNCHECKED_IDS_NOTE
            message = f"it can't be read: {error.cause}; {consequence}{error.remedy}"
            trouble = Finding("registry-unreachable", level, message, self._shown)
            return FetchResult(self._shown, trouble=(trouble,), missing=True)
        age = _format_copy_age(stored.head["read"])
        message = f"it can't be read: {error.cause}; {age}, is used; {error.remedy}"
        trouble = Finding("registry-unreachable", level, message, self._shown)
        return self._build_aged_result(stored, age, trouble)

    def _use_copy_for_empty(self, stored: StoredSnapshot) -> FetchResult:
        """Return the copy of an earlier run: an empty answer may mean that a token has expired."""
        age, size = (
            _format_copy_age(stored.head["read"]),
            format_count(len(stored.data()), "post-mortem"),
        )
        message = (
            f"it answers with an empty list, and had {size} before; {age}, is used, and gates are"
            " not judged; check the token and the query, or run `pytest --cache-clear` if"
            " the list is really empty"
        )
        trouble = Finding("registry-shrunk", "warning", message, self._shown)
        return replace(self._build_aged_result(stored, age, trouble), shrunk=True)

    def _build_aged_result(self, stored: StoredSnapshot, age: str, trouble: Finding) -> FetchResult:
        part = self._build_result(stored)
        partial = part.partial or f"{self._shown} is {age}"
        return replace(part, shown=f"{self._shown} ({age})", trouble=(trouble,), partial=partial)


def _format_current_time() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _format_copy_age(read: str) -> str:
    """Return in words how old a copy is."""
    read_at = datetime.fromisoformat(read)
    minutes = max(0, int((datetime.now(timezone.utc) - read_at).total_seconds() // 60))
    old = format_count(minutes, "minute")
    if minutes >= 2 * 24 * 60:
        old = format_count(minutes // (24 * 60), "day")
    elif minutes >= 2 * 60:
        old = format_count(minutes // 60, "hour")
    return f"a copy of {read_at:%Y-%m-%d %H:%M} UTC, {old} old"


def _fetch_fresh_entries(
    source: RemoteSource,
    how: LoadOptions,
    defaults: tuple[str, str | None],
    stored: StoredSnapshot | None,
) -> _FreshEntries | None:
    """Return the current entries of a source, or None if they are those of the stored copy."""
    credential = bool(source.build_request(os.environ).secrets)
    show: ShowLevel = how.show or ("link" if credential else "all")
    validators: list[PageValidator] = []
    if stored is not None and stored.head["show"] in ([], [show]):
        validators = [PageValidator(*page) for page in stored.head["pages"]]
    pages = read_pages(source, os.environ, validators, how.limits or DEFAULT_LIMITS)
    if pages is None:
        return None
    prefix, template = defaults
    return _build_fresh_entries(
        pages, how, source.shown, show, prefix or pages.prefix, template or pages.url_template
    )


def _build_fresh_entries(
    pages: FetchedPages,
    how: LoadOptions,
    shown: str,
    show: ShowLevel,
    prefix: str,
    url_template: str | None,
) -> _FreshEntries:
    raws = [add_body_fields(raw, show) for raw in pages.raws]
    built = build_entries(raws, prefix=prefix, url_template=url_template)
    entries, problems = built.entries, built.problems
    if pages.raws and not entries:
        raise UnreachableError(
            f"none of its {len(pages.raws)} items has an id", "set its path in 'fields'"
        )
    unique: dict[str, RegistryEntry] = {}
    for entry in entries:
        unique.setdefault(entry.id.casefold(), entry)
    problems += check_duplicate_ids(entries)
    findings = [*pages.findings]
    if (problems or built.findings) and show != "all":
        slug = problems[0].slug if problems else built.findings[0].code
        hidden_count = len(problems) + len(built.findings)
        findings.append(Finding(slug, "warning", _format_hidden_problems(hidden_count)))
        problems = []
    else:
        findings += (replace(finding, path=None, line=None) for finding in built.findings)
    for problem in problems[:MAX_LISTED_FINDINGS]:
        findings.append(Finding(problem.slug, "warning", f"{problem.cause}; {problem.remedy}"))
    if len(problems) > MAX_LISTED_FINDINGS:
        omitted = f"and {len(problems) - MAX_LISTED_FINDINGS} more of this kind"
        findings.append(Finding(problems[-1].slug, "warning", omitted))
    reduced = [_redact_entry(entry, show, how.keep) for entry in unique.values()]
    return _FreshEntries(reduced, findings, pages.validators, pages.partial)


def _format_hidden_problems(number: int) -> str:
    """Return a message about problems of entries whose content must not be shown."""
    values = format_count(number, "value")
    return f"{values} of its entries can't be used; postmortem_show = all shows which"


def _redact_entry(entry: RegistryEntry, show: ShowLevel, keep: frozenset[str]) -> RegistryEntry:
    """Return an entry without hidden fields, so that no file, log or cache contains them."""
    entry = replace(entry, line=None, fetched=True, show=show, exempted=None)
    if show == "all":
        return entry
    hidden_fields = {*HIDDEN_TEXT_FIELDS, *(() if show == "title" else ("title",))}
    hidden_fields |= {"url"} if show == "id" else set()
    return replace(
        entry,
        texts={name: text for name, text in entry.texts.items() if name not in hidden_fields},
        lists={name: texts for name, texts in entry.lists.items() if name != "whys"},
        guards=tuple(Guard(guard.type) for guard in entry.guards),
        items=(),
        extra={name: text for name, text in entry.extra.items() if name in keep},
        fallback={name: text for name, text in entry.fallback.items() if name not in hidden_fields},
    )
