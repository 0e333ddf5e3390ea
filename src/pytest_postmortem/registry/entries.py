"""A raw entry → an `Entry` with typed fields, or the problems that it has, all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_postmortem.errors import Problem
from pytest_postmortem.model import ActionItem, Guard
from pytest_postmortem.registry import fields
from pytest_postmortem.registry.tables import Table

__all__ = ["READ_DOCUMENT", "READ_REGISTRY", "Entry", "Raw", "from_raws"]

READ_REGISTRY = "Couldn't read registry"
READ_DOCUMENT = "Couldn't read post-mortem"

TEXTS = ("date", "severity", "status", "owner", "class", "patch", "recurs", "reason")
SPLIT: Mapping[str, str | None] = {
    "tags": ",",
    "aliases": ",",
    "whys": "\n",
    "service": None,
    "repository": None,
    "component": None,
    "tests": "\n",
}
ITEM_TITLES = ("title", "name", "summary", "description", "action")
MAX_EXTRA = 50


@dataclass(frozen=True, slots=True)
class Raw:
    """An entry as it was written, and what its place says about it where it is silent.

    ``key`` is the id that stands outside of the entry. ``document`` marks a document in a
    directory, whose ``derived`` texts come from its name and its body, and hold where its front
    matter says nothing; ``implicit`` are the aliases that its path gives it.
    """

    values: Table
    path: str
    line: int | None = None
    key: str | None = None
    document: bool = False
    derived: Mapping[str, str] = field(default_factory=dict)
    implicit: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry with its fields; ``fallback`` holds a title and a url for want of better ones."""

    id: str
    path: str
    line: int | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    guards: tuple[Guard, ...] = ()
    items: tuple[ActionItem, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    fallback: Mapping[str, str] = field(default_factory=dict)
    implicit: tuple[str, ...] = ()
    exempted: tuple[str, int | None] | None = None


def from_raws(
    raws: Sequence[Raw], *, prefix: str = "", url_template: str | None = None
) -> tuple[list[Entry], list[Problem]]:
    """Return the entries of one location or file, and what is wrong with them."""
    entries: list[Entry] = []
    problems: list[Problem] = []
    before = "the first entry"
    for raw in raws:
        reading = _Reading(raw)
        id = reading.id(prefix, before)
        if id is not None:
            entries.append(reading.entry(id, url_template))
            before = f"the entry after {id}"
        problems += reading.problems
    return _with_prefixed_recurs(entries, prefix), problems


def _with_prefixed_recurs(entries: list[Entry], prefix: str) -> list[Entry]:
    """Let ``recurs: 12`` mean the ``PM-12`` of the same file, whose ids get the prefix ``PM-``."""
    if not prefix:
        return entries
    ids = {entry.id.casefold(): entry.id for entry in entries}
    for position, entry in enumerate(entries):
        earlier = ids.get((prefix + entry.texts.get("recurs", "")).casefold())
        if earlier is not None and "recurs" in entry.texts:
            entries[position] = replace(entry, texts={**entry.texts, "recurs": earlier})
    return entries


class _Reading:
    """Reads the fields of one raw entry, and gathers what is wrong with them."""

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.problems: list[Problem] = []
        self.name = "the entry"
        self.values: dict[str, Any] = {}
        self.lines: dict[str, int] = {}
        for key, value in raw.values.items():
            name = fields.normal(key)
            if self.values.setdefault(name, value) is value and key in raw.values.lines:
                self.lines[name] = raw.values.lines[key]

    def wrong(self, slug: str, key: str | None, cause: str, remedy: str) -> None:
        failed = READ_DOCUMENT if self.raw.document else READ_REGISTRY
        line = self.raw.line if key is None else self.lines.get(key, self.raw.line)
        self.problems.append(Problem(slug, failed, cause, remedy, self.raw.path, line))

    def id(self, prefix: str, before: str) -> str | None:
        """Return the id with its prefix; ``before`` says in words which entry this is."""
        names = fields.DOCUMENT_IDS if self.raw.document else fields.IDS
        if self.raw.document and self.raw.key is not None:
            return self._valid_id(None, self.raw.key, prefix, before)
        for key in names:
            value = self.values.get(key)
            if value is not None and (key == "id" or isinstance(value, str)):
                return self._valid_id(key, value, prefix, before)
        if self.raw.key is not None:
            return self._valid_id(None, self.raw.key, prefix, before)
        self.wrong(
            "registry-field", None, f"{before} has no 'id'", "every post-mortem needs an 'id'"
        )
        return None

    def _valid_id(self, key: str | None, value: Any, prefix: str, before: str) -> str | None:
        id = fields.clean(value) if isinstance(value, str) else ""
        if not id:
            cause = f"{before} has an empty 'id'"
            if not isinstance(value, str):
                cause = f"{before} has an 'id' that is no text"
            self.wrong("registry-field", key, cause, "every post-mortem needs an 'id'")
            return None
        if "\n" in value.strip():
            cause = f"the id {id!r} has more than one line"
            self.wrong("registry-field", key, cause, "write the id on one line")
        if not id.casefold().startswith(prefix.casefold()):
            id = prefix + id
        self.name = id
        return id

    def entry(self, id: str, url_template: str | None) -> Entry:
        """Return the entry, as far as its fields make sense."""
        texts = {name: self.text(name) for name in TEXTS}
        texts["title"] = self.title()
        texts["url"] = self.url()
        texts["root_cause"] = self.text("root_cause", lines=True)
        texts["test"] = self.test()
        texts["until"] = self.until()
        texts["date"] = fields.day(texts["date"]) or self.raw.derived.get("date") or texts["date"]
        lists = {name: self.texts(name, pattern) for name, pattern in SPLIT.items()}
        lists["fix"] = self.fix(texts)
        derived = {key: self.raw.derived[key] for key in ("root_cause",) if key in self.raw.derived}
        return Entry(
            id=id,
            path=self.raw.path,
            line=self.raw.line,
            texts=derived | {name: text for name, text in texts.items() if text},
            lists={name: items for name, items in lists.items() if items},
            guards=self.guards(),
            items=self.action_items(),
            extra=self.extra(),
            fallback=self.fallback(id, url_template),
            implicit=self.raw.implicit,
            exempted=self.place("test") if texts["test"] == "exempt" else None,
        )

    def place(self, key: str) -> tuple[str, int | None]:
        return self.raw.path, self.lines.get(key, self.raw.line)

    def text(self, name: str, *, lines: bool = False) -> str | None:
        """Return a field as one text, in one line or, where people write paragraphs, in several."""
        for key, value in fields.found(self.values, name):
            text = fields.scalar(value, lines=lines)
            if text is not None and (key not in fields.ONLY_SHORT or _short(value)):
                return text
            if key == name and text is None and not isinstance(value, str):
                self.wrong(
                    "registry-field",
                    key,
                    f"{key!r} of {self.name} is no text",
                    f"write {key!r} as one text",
                )
        return None

    def title(self) -> str | None:
        """Return the title: its own field, a document's heading, a short text by another name."""
        if self.values.get("title") or "title" not in self.raw.derived:
            return self.text("title")
        return _without_id(self.raw.derived["title"], self.name)

    def texts(self, name: str, pattern: str | None) -> tuple[str, ...]:
        """Return a field as texts; aliases are gathered from all the names that they have."""
        gathered: dict[str, None] = {}
        for key, value in fields.found(self.values, name):
            gathered.update(dict.fromkeys(fields.split(value, pattern)))
            if key == name and not gathered:
                self.wrong(
                    "registry-field",
                    key,
                    f"{key!r} of {self.name} is no list of texts",
                    f"write {key!r} as a text or a list of texts",
                )
            if gathered and name != "aliases":
                break
        return tuple(gathered)

    def url(self) -> str | None:
        """Return the link; what a site's generator means by its own paths is no link here."""
        for key, value in fields.found(self.values, "url"):
            url = fields.clean(value) if isinstance(value, str) else ""
            wrong = fields.wrong_url(url) if url else "it is no text"
            site = url.startswith("/") and not url.startswith("//")
            if self.raw.document and (site or (wrong and key != "url")):
                continue
            if wrong is None:
                return url.replace(" ", "%20") if "://" in url[:8] else url
            if key == "url" or url:
                self._wrong_url(key, value, wrong)
        return None

    def _wrong_url(self, key: str, value: Any, wrong: str) -> None:
        shown = fields.clean(value)[: fields.SHORT] if isinstance(value, str) else "that"
        self.wrong(
            "registry-url",
            key,
            f"the link {shown!r} of {self.name} can't be used: {wrong}",
            "write an http or https address, or the path of a file in the repository",
        )

    def fallback(self, id: str, url_template: str | None) -> dict[str, str]:
        fallback = {"title": self.raw.derived.get("stem", "")}
        if url_template is not None:
            fallback["url"] = fields.from_template(url_template, id)
        elif "path" in self.raw.derived and not fields.wrong_url(self.raw.derived["path"]):
            fallback["url"] = self.raw.derived["path"]
        return {name: text for name, text in fallback.items() if text}

    def test(self) -> str | None:
        value = self.values.get("test")
        if value is None:
            return None
        text = fields.clean(value).casefold() if isinstance(value, str) else ""
        if text in ("required", "exempt"):
            return text
        shown = repr(fields.clean(value)) if isinstance(value, str) else "no text"
        self.wrong(
            "registry-field",
            "test",
            f"'test' of {self.name} is {shown}",
            "write 'test: required' or 'test: exempt', the latter with a 'reason' beside it",
        )
        return None

    def until(self) -> str | None:
        text = self.text("until")
        if text is None or fields.day(text) is not None:
            return fields.day(text)
        self.wrong(
            "registry-field",
            "until",
            f"'until' of {self.name} is {text!r}",
            "write a date such as 2026-12-31",
        )
        return None

    def fix(self, texts: dict[str, str | None]) -> tuple[str, ...]:
        """Return the commits of the fix; a patch that stands among them goes to ``texts``."""
        for _, value in fields.found(self.values, "fix"):
            commits: list[str] = []
            for item in value if isinstance(value, list) else [value]:
                commits += self._commits(item, texts)
            if commits or texts["patch"]:
                return tuple(dict.fromkeys(commits))
        return ()

    def _commits(self, item: Any, texts: dict[str, str | None]) -> tuple[str, ...]:
        if not isinstance(item, Mapping):
            return fields.split(item, r"[\s,]+")
        named = {fields.normal(key): value for key, value in item.items()}
        texts["patch"] = texts["patch"] or fields.scalar(named.get("patch"))
        commits = named.get("commit", named.get("commits", named.get("sha")))
        return () if commits is None else fields.split(commits, r"[\s,]+")

    def guards(self) -> tuple[Guard, ...]:
        value = self.values.get("guarded_by")
        guards = []
        for item in value if isinstance(value, list) else [value]:
            named = item if isinstance(item, Mapping) else {"type": item}
            kind = fields.scalar(named.get("type")) or fields.scalar(named.get("name"))
            if kind is not None:
                guards.append(Guard(kind, self._guard_url(named.get("url"))))
            elif item is not None:
                self.wrong(
                    "registry-field",
                    "guarded_by",
                    f"a guard of {self.name} has no 'type'",
                    "write what guards, such as 'type: alert' or 'type: lint'",
                )
        return tuple(guards)

    def _guard_url(self, value: Any) -> str | None:
        if value is None:
            return None
        url = fields.clean(value) if isinstance(value, str) else ""
        wrong = fields.wrong_url(url) if url else "it is no text"
        if wrong is not None:
            self._wrong_url("guarded_by", value, wrong)
            return None
        return url

    def action_items(self) -> tuple[ActionItem, ...]:
        for key, value in fields.found(self.values, "action_items"):
            items = [_action_item(item) for item in (value if isinstance(value, list) else [value])]
            if all(items) or key != "action_items":
                return tuple(item for item in items if item is not None)
            self.wrong(
                "registry-field",
                key,
                f"an action item of {self.name} has no 'title'",
                "write each action item as a text, or as a mapping with a 'title'",
            )
        return ()

    def extra(self) -> dict[str, str]:
        unknown = (
            (fields.clean(key), fields.clean(value))
            for key, value in self.values.items()
            if not fields.known(key) and _short(value)
        )
        return dict([(key, text) for key, text in unknown if key and text][:MAX_EXTRA])


def _without_id(title: str, id: str) -> str:
    """Return a heading such as ``PM-12: Login loop`` without the id, which is shown beside it."""
    head, rest = title[: len(id)], title[len(id) :]
    if head.casefold() != id.casefold() or rest[:1].isalnum():
        return title
    return rest.lstrip(" :.,|-–—)]") or title


def _short(value: Any) -> bool:
    """Say whether a value is one line of at most 200 characters, as a title or a level would be."""
    text = value.get("name") if isinstance(value, Mapping) else value
    return isinstance(text, str) and len(text) <= fields.SHORT and "\n" not in text.strip()


def _action_item(item: Any) -> ActionItem | None:
    if not isinstance(item, Mapping):
        title = fields.scalar(item)
        return None if title is None else ActionItem(title)
    named = {fields.normal(key): fields.scalar(value) for key, value in item.items()}
    title = next((named[key] for key in ITEM_TITLES if named.get(key)), None)
    if title is None:
        return None
    return ActionItem(
        title,
        owner=named.get("owner") or named.get("team"),
        due=fields.day(named.get("due")) or named.get("due"),
        type=named.get("type"),
        status=named.get("status") or named.get("state"),
    )
