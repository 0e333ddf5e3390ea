"""Fetch the entries of a remote location, or use the copy of an earlier run.

A location that can't be reached is never an error here: its `FetchResult` has a finding.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any, Literal

from pytest_postmortem.model import ActionItem, Finding, Guard, ShowLevel, format_count
from pytest_postmortem.registry import fields
from pytest_postmortem.registry.advisories import merge_advisories
from pytest_postmortem.registry.cache import (
    SnapshotStore,
    StoredSnapshot,
    hash_parts,
)
from pytest_postmortem.registry.entry import RegistryEntry, build_entries
from pytest_postmortem.registry.load_options import LoadOptions
from pytest_postmortem.registry.located_data import convert_to_tables
from pytest_postmortem.registry.merge import check_duplicate_ids
from pytest_postmortem.registry.raw_entries import RawEntry
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


_EntryReader = Callable[[StoredSnapshot | None], FetchedPages | None]
"""Reads a location, with its stored copy; returns None if that is still valid."""


def fetch_location(
    source: RemoteSource, how: LoadOptions, prefix: str, url_template: str | None
) -> FetchResult:
    """Fetch a location; if that fails, return the copy of an earlier run and a finding."""
    address = source.format_address(os.environ)
    settings = (repr(source), address, prefix, url_template, how.show, sorted(how.keep))
    key = f"{hash_parts(source.shown)}-{hash_parts(repr(settings))}"

    def read(stored: StoredSnapshot | None) -> FetchedPages | None:
        credential = bool(source.build_request(os.environ).secrets)
        show: ShowLevel = how.show or ("link" if credential else "all")
        validators = []
        if stored is not None and stored.head["show"] in ([], [show]):
            validators = [PageValidator(*page) for page in stored.head["pages"]]
        pages = read_pages(source, os.environ, validators, how.limits or DEFAULT_LIMITS)
        if pages is not None:
            pages.prefix = prefix or pages.prefix
            pages.url_template = url_template or pages.url_template
            _add_entries(pages, how, show)
        return pages

    return _fetch_or_use_copy(source.shown, how, key, read)


def take_plugin_entries(
    text: str, shown: str, how: LoadOptions, provided: Iterable[Mapping[str, object]] | Exception
) -> FetchResult:
    """Return the entries that a plugin provides for a location; its error is a finding."""

    def read(stored: StoredSnapshot | None) -> FetchedPages:
        try:
            if isinstance(provided, Exception):
                raise provided
            tables = (convert_to_tables(dict(mapping)) for mapping in provided)
            pages = FetchedPages([RawEntry(table, shown) for table in tables])
        except Exception as error:  # the generator of a plugin may raise anything
            message = _URL_IN_ERROR.sub(r"\1\2", str(error))
            cause = clean_text(f"{type(error).__name__}: {message}")[: fields.MAX_SHORT_TEXT]
            raise UnreachableError(cause, "fix the plugin that reads it") from None
        pages.url_template = how.url_template
        _add_entries(pages, how, how.show or "link")
        return pages

    return _fetch_or_use_copy(shown, how, _build_plugin_copy_key(text, how), read)


def has_plugin_copy(text: str, how: LoadOptions) -> bool:
    """Return whether the store has a copy of a plugin's entries for a location."""
    return SnapshotStore(how.cache).read(f"part-{_build_plugin_copy_key(text, how)}") is not None


def _build_plugin_copy_key(text: str, how: LoadOptions) -> str:
    return f"{hash_parts(text)}-{hash_parts(repr((how.show, how.url_template, sorted(how.keep))))}"


def _fetch_or_use_copy(shown: str, how: LoadOptions, key: str, read: _EntryReader) -> FetchResult:
    """Return and store the entries that were read, or the stored copy with a finding."""
    store, name = SnapshotStore(how.cache), f"part-{key}"
    stored = store.read(name)
    try:
        if how.offline:
            raise UnreachableError("postmortem_offline is set", "unset it to fetch anew")
        pages = read(stored)
    except UnreachableError as error:
        return _use_copy(shown, how, stored, error)
    if pages is not None and not pages.entries and stored is not None and stored.data():
        return _use_copy_for_empty(shown, stored)
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    if pages is None and stored is not None:
        store.keep(name, {**stored.head, "read": now}, stored.body)
        return _build_result(shown, stored)
    assert pages is not None
    head = {
        "read": now,
        "pages": [[page.url, page.etag, page.modified] for page in pages.validators],
        "partial": pages.partial,
        "show": [entry.show for entry in pages.entries[:1]],
        "findings": [[finding.code, finding.message] for finding in pages.findings],
    }
    return _build_result(shown, store.write(name, head, pages.entries))


def _build_result(shown: str, stored: StoredSnapshot) -> FetchResult:
    findings, partial = stored.head["findings"], stored.head["partial"]
    return FetchResult(
        shown,
        _deserialize_entries(stored.data()),
        tuple(Finding(code, "warning", message, shown) for code, message in findings),
        partial=partial and f"{shown}: {partial}",
        digest=hash_parts(stored.head["content"], repr((findings, partial))),
    )


def _use_copy(
    shown: str, how: LoadOptions, stored: StoredSnapshot | None, error: UnreachableError
) -> FetchResult:
    """Return the copy of an earlier run, if there is one, and a finding with the reason."""
    level: Literal["warning", "error"] = "error" if how.unreachable == "error" else "warning"
    if stored is None:
        consequence = "" if how.fetched_only else UNCHECKED_IDS_NOTE
    else:
        consequence = f"{_format_copy_age(stored)}, is used; "
    message = f"it can't be read: {error.cause}; {consequence}{error.remedy}"
    trouble = Finding("registry-unreachable", level, message, shown)
    if stored is None:
        return FetchResult(shown, trouble=(trouble,), missing=True)
    return _build_aged_result(stored, trouble)


def _use_copy_for_empty(shown: str, stored: StoredSnapshot) -> FetchResult:
    """Return the copy of an earlier run: an empty answer may mean that a token has expired."""
    size = format_count(len(stored.data()), "post-mortem")
    message = (
        f"it answers with an empty list, and had {size} before; {_format_copy_age(stored)}, is"
        " used, and gates are not judged; check the token and the query, or run"
        " `pytest --cache-clear` if the list is really empty"
    )
    trouble = Finding("registry-shrunk", "warning", message, shown)
    return replace(_build_aged_result(stored, trouble), shrunk=True)


def _build_aged_result(stored: StoredSnapshot, trouble: Finding) -> FetchResult:
    shown, age = str(trouble.path), _format_copy_age(stored)
    result = _build_result(shown, stored)
    partial = result.partial or f"{shown} is {age}"
    return replace(result, shown=f"{shown} ({age})", trouble=(trouble,), partial=partial)


def _format_copy_age(stored: StoredSnapshot) -> str:
    """Return in words how old a copy is."""
    read_at = datetime.fromisoformat(stored.head["read"])
    minutes = max(0, int((datetime.now(timezone.utc) - read_at).total_seconds() // 60))
    old = format_count(minutes, "minute")
    if minutes >= 2 * 24 * 60:
        old = format_count(minutes // (24 * 60), "day")
    elif minutes >= 2 * 60:
        old = format_count(minutes // 60, "hour")
    return f"a copy of {read_at:%Y-%m-%d %H:%M} UTC, {old} old"


def _add_entries(pages: FetchedPages, how: LoadOptions, show: ShowLevel) -> None:
    """Add the entries of pages, as far as they may be shown, and findings about them.

    Raises: UnreachableError if none of the items has an id.
    """
    raws = [add_body_fields(raw, show) for raw in pages.raws]
    built = build_entries(
        merge_advisories(raws), prefix=pages.prefix, url_template=pages.url_template
    )
    if pages.raws and not built.entries:
        cause = f"none of its {len(pages.raws)} items has an id"
        raise UnreachableError(cause, "set its path in 'fields'")
    unique: dict[str, RegistryEntry] = {}
    for entry in built.entries:
        unique.setdefault(entry.id.casefold(), entry)
    pages.entries = [_redact_entry(entry, show, how.keep) for entry in unique.values()]
    problems = [*built.problems, *check_duplicate_ids(built.entries)]
    slugs = [*(problem.slug for problem in problems), *(each.code for each in built.findings)]
    if slugs and show != "all":  # the messages have content that must not be shown
        values = format_count(len(slugs), "value")
        message = f"{values} of its entries can't be used; postmortem_show = all shows which"
        pages.findings.append(Finding(slugs[0], "warning", message))
        return
    pages.findings += (finding._replace(path=None, line=None) for finding in built.findings)
    for problem in problems[:MAX_LISTED_FINDINGS]:
        message = f"{problem.cause}; {problem.remedy}"
        pages.findings.append(Finding(problem.slug, "warning", message))
    if len(problems) > MAX_LISTED_FINDINGS:
        omitted = f"and {len(problems) - MAX_LISTED_FINDINGS} more of this kind"
        pages.findings.append(Finding(problems[-1].slug, "warning", omitted))


def _redact_entry(entry: RegistryEntry, show: ShowLevel, keep: frozenset[str]) -> RegistryEntry:
    """Return an entry without hidden fields, so that no file, log or cache contains them."""
    entry = entry._replace(line=None, fetched=True, show=show, exempted=None)
    if show == "all":
        return entry
    hidden_fields = {*HIDDEN_TEXT_FIELDS, *(() if show == "title" else ("title",))}
    hidden_fields |= {"url"} if show == "id" else set()
    return entry._replace(
        texts={name: text for name, text in entry.texts.items() if name not in hidden_fields},
        lists={name: texts for name, texts in entry.lists.items() if name != "whys"},
        guards=tuple(Guard(guard.type) for guard in entry.guards),
        items=(),
        extra={name: text for name, text in entry.extra.items() if name in keep},
        fallback={name: text for name, text in entry.fallback.items() if name not in hidden_fields},
    )


def _deserialize_entries(data: Iterable[Any]) -> list[RegistryEntry]:
    """Return the entries of a remote location from builtins."""
    entries = (RegistryEntry(*values) for values in data)
    return [
        entry._replace(
            lists={name: tuple(items) for name, items in entry.lists.items()},
            guards=tuple(Guard(*guard) for guard in entry.guards),
            items=tuple(ActionItem(*item) for item in entry.items),
            implicit=tuple(entry.implicit),
        )
        for entry in entries
    ]
