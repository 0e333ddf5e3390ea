"""A remote location → its entries: fetched, or from the copy of an earlier run, or from nowhere.

A location that can't be reached is never an error here: its `Part` says so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Literal

from pytest_postmortem.model import Finding, Guard, Show, count_of
from pytest_postmortem.registry import fields, formats
from pytest_postmortem.registry.entries import Entry, from_raws
from pytest_postmortem.registry.how import How
from pytest_postmortem.registry.merge import duplicates
from pytest_postmortem.registry.pages import Pages, Validator, read_pages
from pytest_postmortem.registry.reading import Raw
from pytest_postmortem.registry.remote import USUAL, Unreachable
from pytest_postmortem.registry.snapshot import (
    Store,
    Stored,
    digest,
    entries_from,
    entries_to,
)
from pytest_postmortem.registry.sources import Source

__all__ = ["Part", "ask", "fetch", "kept"]

MOST_FINDINGS = 10
"""The findings about entries of one location that are told one by one."""

NOTHING_KNOWN = "its ids are not checked, and gates are not judged; "

_ADDRESS = re.compile(r"(://|\burl: )(?:[^\s/?#]*@)?([^\s?#]*)(?:[?#]\S*)?")
BELOW_TITLE = ("root_cause", "reason")


@dataclass(frozen=True, slots=True)
class Part:
    """What one remote location gave.

    ``shown`` names it, with the age of a copy. ``findings`` are about what it holds, ``trouble``
    about how it was reached. ``partial`` says why there may be more, ``missing`` that there
    is nothing at all because it can't be reached, ``shrunk`` that an empty list came where there
    were entries before, which are still given.
    """

    shown: str
    entries: Sequence[Entry] = ()
    findings: tuple[Finding, ...] = ()
    trouble: tuple[Finding, ...] = ()
    partial: str | None = None
    missing: bool = False
    shrunk: bool = False
    digest: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is fresh now, on its way into the store and into a `Part`."""

    entries: list[Entry]
    findings: list[Finding] = field(default_factory=list)
    pages: Sequence[Validator] = ()
    partial: str | None = None


def fetch(source: Source, how: How, prefix: str, url_template: str | None) -> Part:
    """Fetch a location, or say what is wrong and return the copy of an earlier run."""
    place = source.place(os.environ)
    settings = (source.described, place, prefix, url_template, how.show, sorted(how.keep))
    name = f"{digest(source.shown)}-{digest(repr(settings))}"
    return _Fetching(source.shown, how, name).fetch(
        lambda stored: _fetched(source, how, (prefix, url_template), stored)
    )


def ask(text: str, shown: str, how: How, given: Iterable[Mapping[str, object]] | Exception) -> Part:
    """Take the entries that somebody else gives for a location, or the error that he raised."""

    def read(stored: Stored | None) -> _Kept:
        if isinstance(given, Exception):
            raise Unreachable(_raised(given), "mend the plugin that reads it")
        try:
            raws = [Raw(formats.plain(dict(each)), shown) for each in given]
        except Exception as error:  # a generator of somebody else's, or no mapping
            raise Unreachable(_raised(error), "mend the plugin that reads it") from None
        return _read(Pages(raws), how, shown, how.show or "link", "", how.url_template)

    return _Fetching(shown, how, _asked(text, how)).fetch(read)


def kept(text: str, how: How) -> bool:
    """Say whether there is a copy of what somebody else gave for a location."""
    return Store(how.cache).read(f"part-{_asked(text, how)}") is not None


def _asked(text: str, how: How) -> str:
    return f"{digest(text)}-{digest(repr((how.show, how.url_template, sorted(how.keep))))}"


def _raised(error: Exception) -> str:
    """Return what a plugin raised; an address in it has no query and nothing before its host."""
    said = _ADDRESS.sub(r"\1\2", str(error))
    return fields.clean(f"{type(error).__name__}: {said}")[: fields.SHORT]


class _Fetching:
    """Reads what is there now, keeps it, and falls back on what was kept."""

    def __init__(self, shown: str, how: How, name: str) -> None:
        self._shown = shown
        self._how = how
        self._name = f"part-{name}"
        self._store = Store(how.cache)

    def fetch(self, read: Any) -> Part:
        stored = self._store.read(self._name)
        try:
            if self._how.offline:
                raise Unreachable("postmortem_offline is set", "unset it to fetch anew")
            fresh: _Kept | None = read(stored)
        except Unreachable as error:
            return self._copy(stored, error)
        if fresh is not None and not fresh.entries and stored is not None and stored.data():
            return self._shrunk(stored)
        if fresh is None and stored is not None:
            self._store.keep(self._name, {**stored.head, "read": _now()}, stored.body)
            return self._part(stored)
        assert fresh is not None
        return self._part(
            self._store.write(
                self._name,
                {
                    "read": _now(),
                    "pages": [[page.url, page.etag, page.modified] for page in fresh.pages],
                    "partial": fresh.partial,
                    "show": [entry.show for entry in fresh.entries[:1]],
                    "findings": [[each.code, each.message] for each in fresh.findings],
                },
                entries_to(fresh.entries),
            )
        )

    def _part(self, stored: Stored) -> Part:
        findings = (
            Finding(code, "warning", message, self._shown)
            for code, message in stored.head["findings"]
        )
        partial = stored.head["partial"]
        return Part(
            self._shown,
            entries_from(stored.data()),
            tuple(findings),
            partial=partial and f"{self._shown}: {partial}",
            digest=digest(stored.head["content"], repr((stored.head["findings"], partial))),
        )

    def _copy(self, stored: Stored | None, error: Unreachable) -> Part:
        """Return what an earlier run has kept, if it has, and say why it has to serve."""
        level: Literal["warning", "error"] = (
            "error" if self._how.unreachable == "error" else "warning"
        )
        if stored is None:
            then = "" if self._how.fetched_only else NOTHING_KNOWN
            message = f"it can't be read: {error.cause}; {then}{error.remedy}"
            trouble = Finding("registry-unreachable", level, message, self._shown)
            return Part(self._shown, trouble=(trouble,), missing=True)
        age = _age(stored.head["read"])
        message = f"it can't be read: {error.cause}; {age}, is used; {error.remedy}"
        trouble = Finding("registry-unreachable", level, message, self._shown)
        return self._aged(stored, age, trouble)

    def _shrunk(self, stored: Stored) -> Part:
        """Return what an earlier run has kept, since an empty list may mean a token that ended."""
        age, size = _age(stored.head["read"]), count_of(len(stored.data()), "post-mortem")
        message = (
            f"it answers with an empty list, and had {size} before; {age}, is used, and gates are"
            " not judged; check the token and what is asked for, or run `pytest --cache-clear` if"
            " nothing is there any more"
        )
        trouble = Finding("registry-shrunk", "warning", message, self._shown)
        return replace(self._aged(stored, age, trouble), shrunk=True)

    def _aged(self, stored: Stored, age: str, trouble: Finding) -> Part:
        part = self._part(stored)
        partial = part.partial or f"{self._shown} is {age}"
        return replace(part, shown=f"{self._shown} ({age})", trouble=(trouble,), partial=partial)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _age(read: str) -> str:
    """Return in words how old a copy is."""
    then = datetime.fromisoformat(read)
    minutes = max(0, int((datetime.now(timezone.utc) - then).total_seconds() // 60))
    old = count_of(minutes, "minute")
    if minutes >= 2 * 24 * 60:
        old = count_of(minutes // (24 * 60), "day")
    elif minutes >= 2 * 60:
        old = count_of(minutes // 60, "hour")
    return f"a copy of {then:%Y-%m-%d %H:%M} UTC, {old} old"


def _fetched(
    source: Source, how: How, defaults: tuple[str, str | None], stored: Stored | None
) -> _Kept | None:
    """Return what a source gives now, None where that is what was kept."""
    credential = bool(source.request(os.environ).secrets)
    show: Show = how.show or ("link" if credential else "all")
    known: list[Validator] = []
    if stored is not None and stored.head["show"] in ([], [show]):
        known = [Validator(*page) for page in stored.head["pages"]]
    pages = read_pages(source, os.environ, known, how.limits or USUAL)
    if pages is None:
        return None
    prefix, template = defaults
    return _read(
        pages, how, source.shown, show, prefix or pages.prefix, template or pages.url_template
    )


def _read(
    pages: Pages, how: How, shown: str, show: Show, prefix: str, url_template: str | None
) -> _Kept:
    entries, problems = from_raws(pages.raws, prefix=prefix, url_template=url_template)
    if pages.raws and not entries:
        raise Unreachable(
            f"none of its {len(pages.raws)} items has an id", "say where it is, in 'fields'"
        )
    unique: dict[str, Entry] = {}
    for entry in entries:
        unique.setdefault(entry.id.casefold(), entry)
    problems += duplicates(entries)
    findings = [*pages.findings]
    if problems and show != "all":
        findings.append(Finding(problems[0].slug, "warning", _hidden(len(problems))))
        problems = []
    for problem in problems[:MOST_FINDINGS]:
        findings.append(Finding(problem.slug, "warning", f"{problem.cause}; {problem.remedy}"))
    if len(problems) > MOST_FINDINGS:
        more = f"and {len(problems) - MOST_FINDINGS} more of this kind"
        findings.append(Finding(problems[-1].slug, "warning", more))
    reduced = [_reduced(entry, show, how.keep) for entry in unique.values()]
    return _Kept(reduced, findings, pages.validators, pages.partial)


def _hidden(number: int) -> str:
    """Say that something is wrong with entries of which not even that may be told."""
    values = count_of(number, "value")
    return f"{values} of its entries can't be used; postmortem_show = all would tell which"


def _reduced(entry: Entry, show: Show, keep: frozenset[str]) -> Entry:
    """Return an entry without what may not be shown, so that no file, log or cache can tell it."""
    entry = replace(entry, line=None, fetched=True, show=show, exempted=None)
    if show == "all":
        return entry
    hidden = {*BELOW_TITLE, *(() if show == "title" else ("title",))}
    hidden |= {"url"} if show == "id" else set()
    return replace(
        entry,
        texts={name: text for name, text in entry.texts.items() if name not in hidden},
        lists={name: texts for name, texts in entry.lists.items() if name != "whys"},
        guards=tuple(Guard(guard.type) for guard in entry.guards),
        items=(),
        extra={name: text for name, text in entry.extra.items() if name in keep},
        fallback={name: text for name, text in entry.fallback.items() if name not in hidden},
    )
