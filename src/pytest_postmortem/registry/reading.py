"""The keys and values of one raw entry, by field, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_postmortem.errors import Problem
from pytest_postmortem.registry import fields
from pytest_postmortem.registry.tables import LocatedTable

__all__ = ["READ_DOCUMENT", "READ_REGISTRY", "EntryReader", "RawEntry"]

READ_REGISTRY = "Couldn't read registry"
READ_DOCUMENT = "Couldn't read post-mortem"

MAX_EXTRA_FIELDS = 50


@dataclass(frozen=True, slots=True)
class RawEntry:
    """An entry as it was written, and what its place says about it where it is silent.

    ``key`` is the id that stands outside of the entry. ``document`` marks a document in a
    directory, whose ``derived`` texts come from its name and its body, and hold where its front
    matter says nothing; ``implicit`` are the aliases that its path gives it.
    """

    values: LocatedTable
    path: str
    line: int | None = None
    key: str | None = None
    document: bool = False
    derived: Mapping[str, str] = field(default_factory=dict)
    implicit: tuple[str, ...] = ()


class EntryReader:
    """Reads the fields of one raw entry, and gathers what is wrong with them.

    ``values`` has everything that is not absent, by the normal form of its key.
    """

    def __init__(self, raw: RawEntry) -> None:
        self.raw = raw
        self.id = ""
        self.problems: list[Problem] = []
        self.values: dict[str, Any] = {}
        self._lines: dict[str, int] = {}
        self._found: dict[str, list[tuple[int, str, Any]]] = {}
        for key, value in raw.values.items():
            if value is not None:
                self._take(fields.normalize_key(key), value, raw.values.lines.get(key))

    def _take(self, key: str, value: Any, line: int | None) -> None:
        if key in self.values:
            return
        self.values[key] = value
        if line is not None:
            self._lines[key] = line
        owner = fields.find_field(key)
        if owner is not None and value != "" and value != []:
            rank, name = owner
            field_values = self._found.setdefault(name, [])
            field_values.append((rank, key, value))
            field_values.sort(key=lambda each: each[0])

    def found(self, name: str) -> list[tuple[int, str, Any]]:
        """Return what there is for a field, its own name first: ranks, keys, and values."""
        return self._found.get(name, [])

    def line(self, key: str | None) -> int | None:
        """Return the line of a key, or that of the entry."""
        return self.raw.line if key is None else self._lines.get(key, self.raw.line)

    def add_problem(
        self, key: str | None, cause: str, remedy: str, slug: str = "registry-field"
    ) -> None:
        """Note a problem at a key, or with the entry as a whole."""
        failed = READ_DOCUMENT if self.raw.document else READ_REGISTRY
        self.problems.append(Problem(slug, failed, cause, remedy, self.raw.path, self.line(key)))

    def text(self, name: str, *, lines: bool = False) -> str | None:
        """Return a field as one text, in one line or, where people write paragraphs, in several."""
        for rank, key, value in self.found(name):
            text = fields.parse_scalar(value, lines=lines)
            if text is not None and (key not in fields.SHORT_TEXT_KEYS or _is_short_text(value)):
                return text
            if text is None and rank == 0 and not isinstance(value, str):
                cause = f"{key!r} of {self.id} is no text"
                self.add_problem(key, cause, f"write {key!r} as one text")
        return None

    def texts(self, name: str, pattern: str | None) -> tuple[str, ...]:
        """Return a field as texts; aliases are gathered from all the names that they have."""
        gathered: dict[str, None] = {}
        for rank, key, value in self.found(name):
            gathered.update(dict.fromkeys(fields.split_texts(value, pattern)))
            if rank == 0 and not gathered:
                cause = f"{key!r} of {self.id} is no list of texts"
                self.add_problem(key, cause, f"write {key!r} as a text or as a list of texts")
            if gathered and name != "aliases":
                break
        return tuple(gathered)

    def link(self, key: str, value: Any) -> str | None:
        """Return a link that is safe to follow, or note what is wrong with it."""
        url = fields.clean_text(value) if isinstance(value, str) else ""
        url_problem = fields.find_link_problem(url) if url else "it is no text"
        if url_problem is None:
            return url.replace(" ", "%20") if "://" in url[:8] else url
        self.add_problem(
            key,
            f"the link {url[: fields.MAX_SHORT_TEXT]!r} of {self.id} can't be used: {url_problem}",
            "write an http or https address, or the path of a file in the repository",
            "registry-url",
        )
        return None

    def extra(self) -> dict[str, str]:
        """Return the short texts under keys that mean nothing here."""
        unknown = (
            (fields.clean_text(key), fields.clean_text(value))
            for key, value in self.values.items()
            if fields.find_field(key) is None and key not in fields.ID_KEYS
            if isinstance(value, str) and _is_short_text(value)
        )
        return dict([(key, text) for key, text in unknown if key and text][:MAX_EXTRA_FIELDS])


def _is_short_text(value: Any) -> bool:
    """Say whether a value is one line of at most 200 characters, as a title or a level would be."""
    text = value.get("name") if isinstance(value, Mapping) else value
    return isinstance(text, str) and len(text) <= fields.MAX_SHORT_TEXT and "\n" not in text.strip()
