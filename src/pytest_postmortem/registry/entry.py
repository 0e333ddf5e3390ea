"""Read a raw entry into a `RegistryEntry` with typed fields, or into all its problems."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from pytest_postmortem.errors import Problem
from pytest_postmortem.model import ActionItem, Finding, Guard, ShowLevel
from pytest_postmortem.registry import fields
from pytest_postmortem.registry.file_bytes import READ_DOCUMENT, READ_REGISTRY
from pytest_postmortem.registry.filenames import LEADING_SIGNS
from pytest_postmortem.registry.fix_references import REFERENCE_KEYS, find_fix_references
from pytest_postmortem.registry.raw_entries import RawEntry
from pytest_postmortem.text import clean_text

MAX_EXTRA_FIELDS = 50
COMMIT_KEYS = ("commit", "commits", "sha")
ITEM_TITLE_KEYS = ("title", "name", "summary", "description", "action")
OWN_FIELDS = ("test", "tests", "until", "guarded_by")
"""The fields that no other tool has, in which a value that makes no sense is an error."""

TEXT_FIELDS = (
    *("title", "status", "owner", "class", "patch", "recurs", "reason", "root_cause", "date"),
)
PARAGRAPH_FIELDS = ("root_cause",)
"""The fields of one text that may have several lines."""

LIST_SEPARATORS: Mapping[str, str | None] = {
    "tags": ",",
    "aliases": ",",
    "whys": "\n",
    "service": None,
    "repository": None,
    "component": None,
    "tests": "\n",
}
"""The fields of several texts, with the separator within one text."""

PLAIN_UNDER_OWN_NAME = ("severity", "url", "service", "repository", "component")
"""The fields that are mostly one plain text, but not always under other names."""

STATED_FIELDS = ("severity", "status", "owner", "class")
"""The fields that a document may state in its text if its front matter lacks them."""

_COMMIT_SEPARATOR = r"[\s,]+"
_COMMIT_IN_TEXT = re.compile(r"(?<![\w./-])(?=[0-9a-f]*\d)[0-9a-f]{7,40}(?![\w./-])")
_LEADING_SIGNS = re.compile(LEADING_SIGNS)
_REVISION = re.compile(r"(?=.*\d)[\w./^~@{}#-]+$|[\w./^~@{}-]+\.\.[\w./^~@{}-]*$|HEAD[\w^~@{}-]*$")
_SINGLE_REVISION = re.compile(r"[^\s,:;()'\"!?]+$|\w+://\S+$")

Value = TypeVar("Value", str, tuple[str, ...])

IgnoredField = tuple[str, Problem]
"""A field of an entry that is left out: its key, and the reason."""


class RegistryEntry(NamedTuple):
    """An entry with its fields; ``fallback`` has a default title and url.

    ``exempted`` is the location of its exemption. ``implicit`` are aliases from its path.
    ``show`` is the most that may be shown of it by default; ``fetched`` says that it comes from
    the network.
    """

    id: str
    path: str
    line: int | None = None
    texts: Mapping[str, str] = {}
    lists: Mapping[str, tuple[str, ...]] = {}
    guards: tuple[Guard, ...] = ()
    items: tuple[ActionItem, ...] = ()
    extra: Mapping[str, str] = {}
    fallback: Mapping[str, str] = {}
    implicit: tuple[str, ...] = ()
    exempted: tuple[str, int | None] | None = None
    fetched: bool = False
    show: ShowLevel = "all"


@dataclass(slots=True)
class BuiltEntries:
    """The entries of one location, their problems, and findings about fields that are left out.

    ``notes`` say which files are not read, ``partial`` is the reason why entries may be missing.
    """

    entries: Sequence[RegistryEntry] = ()
    problems: list[Problem] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: Sequence[str] = ()
    partial: str | None = None


def build_entries(
    raws: Sequence[RawEntry],
    *,
    prefix: str = "",
    url_template: str | None = None,
    severities: Collection[str] = (),
) -> BuiltEntries:
    """Return the entries of one file or directory, their problems, and the fields left out.

    ``severities`` are the severities that the configuration names.
    """
    entries: list[RegistryEntry] = []
    problems: list[Problem] = []
    ignored: list[IgnoredField] = []
    entry_place = "the first entry"
    for raw in raws:
        reading = EntryReader(raw)
        if _read_entry_id(reading, prefix, entry_place):
            entries.append(_build_entry(reading, url_template, severities))
            entry_place = f"the entry after {reading.id}"
        problems += reading.problems
        ignored += reading.ignored
    if prefix:
        _prefix_recurs(entries, prefix)
    return BuiltEntries(entries, problems, list(_build_ignored_findings(ignored)))


def _build_ignored_findings(ignored: Iterable[IgnoredField]) -> Iterator[Finding]:
    """Yield one warning for each key that is left out, which counts the other entries."""
    by_key: dict[tuple[str, str], list[Problem]] = {}
    for key, problem in ignored:
        by_key.setdefault((problem.slug, key), []).append(problem)
    for first, *others in by_key.values():
        more = f" (in {len(others)} more as well)" if others else ""
        message = f"{first.cause}{more}; {first.remedy}"
        yield Finding(first.slug, "warning", message, first.path, first.line)


def _prefix_recurs(entries: list[RegistryEntry], prefix: str) -> None:
    """Make ``recurs: 12`` to ``PM-12``, in a file with the prefix ``PM-``."""
    ids = {entry.id.casefold(): entry.id for entry in entries}
    for position, entry in enumerate(entries):
        earlier = ids.get((prefix + entry.texts.get("recurs", "")).casefold())
        if earlier is not None and "recurs" in entry.texts:
            entries[position] = entry._replace(texts={**entry.texts, "recurs": earlier})


def _read_entry_id(reading: EntryReader, prefix: str, entry_place: str) -> bool:
    """Set the id of a reading, or add a problem that names the ``entry_place``."""
    key, value = _find_written_id(reading)
    id = clean_text(value) if isinstance(value, str) else ""
    if not id:
        defect = "no 'id'" if value is None else "an 'id' that is not a text"
        defect = "an empty 'id'" if isinstance(value, str) else defect
        reading.add_problem(key, f"{entry_place} has {defect}", "every post-mortem needs an 'id'")
        return False
    if "\n" in value and "\n" in value.strip():
        cause = f"the id {id!r} has more than one line"
        reading.add_problem(key, cause, "write the id on one line")
    if prefix and not id.casefold().startswith(prefix.casefold()):
        id = prefix + id
    reading.id = id
    return True


def _find_written_id(reading: EntryReader) -> tuple[str | None, Any]:
    """Return the key and the value of an id; the one chosen for a document comes first."""
    raw = reading.raw
    if raw.document and raw.key is not None:
        return None, raw.key
    for key in fields.DOCUMENT_ID_KEYS if raw.document else fields.ID_KEYS:
        value = reading.values.get(key)
        if isinstance(value, str) or (key == "id" and value is not None):
            return key, value
    return None, raw.key


def _build_entry(
    reading: EntryReader, url_template: str | None, severities: Collection[str]
) -> RegistryEntry:
    """Return the entry, as far as its fields make sense."""
    raw, derived, layout = reading.raw, reading.raw.derived, reading.layout
    found = layout.names
    texts = reading.read_text_fields()
    if "severity" in found and not (texts.get("severity") or " ").isalnum():
        texts["severity"] = read_severity_field(reading, severities)
    if derived:
        texts |= {
            name: derived[name] for name in STATED_FIELDS if name in derived and not texts.get(name)
        }
    if "title" in derived and not reading.values.get("title"):
        texts["title"] = derived["title"]
    if title := texts.get("title"):
        texts["title"] = _strip_id_from_title(title, reading.id)
    if "url" in found and not _is_plain_address(texts.get("url") or ""):
        texts["url"] = _read_entry_link(reading)
    if "until" in found:
        texts["until"] = _read_until_field(reading)
    if "test" in found:
        texts["test"] = _read_test_field(reading)
    if date := find_written_day(texts.get("date")) or derived.get("date"):
        texts["date"] = date
    lists = {
        name: (texts.pop(name) or "",) if name in texts else reading.texts(name)
        for name in layout.lists
    }
    if "fix" in found or "fix" in derived:
        lists["fix"], patch = read_fix_field(reading)
        texts["patch"] = texts.get("patch") or patch
    if layout.has_references and (references := find_fix_references(reading.values)):
        lists["references"] = references
    return RegistryEntry(
        reading.id,
        raw.path,
        raw.line,
        _drop_empty(texts),
        _drop_empty(lists),
        read_guards_field(reading) if "guarded_by" in found else (),
        read_action_items_field(reading) if "action_items" in found else (),
        reading.extra() if layout.unknown else reading.kept,
        _build_fallback_texts(reading, url_template) if derived or url_template else {},
        raw.implicit,
        (raw.path, reading.line("test")) if texts.get("test") == "exempt" else None,
    )


def _is_plain_address(text: str) -> bool:
    """Return whether a clean text is an address that needs no change."""
    scheme, _, rest = text.partition("://")
    return scheme in ("https", "http") and rest[:1].isalnum() and " " not in rest


def _drop_empty(values: Mapping[str, Value | None]) -> Mapping[str, Value]:
    if all(values.values()):
        return values  # type: ignore[return-value]  # none of them is None
    return {name: value for name, value in values.items() if value}


def _strip_id_from_title(title: str, id: str) -> str:
    """Return a heading such as ``PM-12: Login loop`` without the id, which is shown next to it."""
    bare = title if title.isascii() else _LEADING_SIGNS.sub("", title, count=1)
    head, remainder = bare[: len(id)], bare[len(id) :]
    if head.casefold() != id.casefold() or remainder[:1].isalnum():
        return title
    if remainder.lstrip()[:1].isalnum() and not any(map(str.isdigit, id)):
        return title  # a longer title that begins with the words of the file's name
    return remainder.lstrip(" :.,|-–—)]") or title


def _read_entry_link(reading: EntryReader) -> str | None:
    """Return the link; a path that a site's generator means for itself is none."""
    for rank, key, value in reading.find_values("url"):
        text = clean_text(value) if isinstance(value, str) else ""
        site = text.startswith("/") and not text.startswith("//")
        if reading.raw.document and (site or (rank > 0 and not text.startswith("http"))):
            continue
        if text or rank == 0:
            return reading.link(key, value)
    return None


def _build_fallback_texts(reading: EntryReader, url_template: str | None) -> dict[str, str]:
    derived = reading.raw.derived
    url = derived.get("path", "")
    if url_template is not None:
        url = fields.fill_url_template(url_template, reading.id)
    elif url and fields.find_link_problem(url):
        url = ""
    fallback = {"title": derived.get("stem", ""), "url": url}
    return {name: text for name, text in fallback.items() if text}


class _KeyLayout(NamedTuple):
    """What the keys of an entry mean: the same for all entries of most files.

    ``keys`` are its keys in their normal form, ``names`` those of each field, with their rank, the
    field's own name first. ``texts`` are the fields of one text, ``lists`` those of several.
    ``plain_fields`` are those that mostly have one clean text, below one key that means nothing
    else: ``pick_plain`` returns their values. ``other_texts`` are not among them. ``unknown`` are
    the keys that mean nothing here.
    """

    keys: tuple[str, ...]
    names: Mapping[str, Sequence[tuple[int, str]]]
    texts: tuple[str, ...]
    lists: tuple[str, ...]
    other_texts: tuple[str, ...]
    plain_fields: tuple[str, ...]
    pick_plain: Callable[[Mapping[str, Any]], Sequence[Any]]
    unknown: tuple[str, ...]
    has_references: bool


@lru_cache(maxsize=1024)
def _find_key_layout(written_keys: tuple[str, ...]) -> _KeyLayout:
    keys = tuple(map(fields.normalize_key, written_keys))
    names: dict[str, list[tuple[int, str]]] = {}
    for key in dict.fromkeys(keys):
        rank, name = fields.find_field(key) or (0, "")
        names.setdefault(name, []).append((rank, key))
    unknown = [key for _, key in names.pop("", ()) if key not in fields.ID_KEYS]
    texts = tuple(name for name in TEXT_FIELDS if name in names)
    single = {name: places[0][1] for name, places in names.items() if len(places) == 1}
    plain = {
        name: key
        for name, key in single.items()
        if (name in TEXT_FIELDS and key not in fields.SHORT_TEXT_KEYS)
        or (name in PLAIN_UNDER_OWN_NAME and key == name)
    }
    return _KeyLayout(
        keys,
        {name: sorted(places, key=itemgetter(0)) for name, places in names.items()},
        texts,
        tuple(name for name in LIST_SEPARATORS if name in names),
        tuple(name for name in texts if name not in plain),
        tuple(plain),
        _build_picker(tuple(plain.values())),
        tuple(unknown),
        not REFERENCE_KEYS.isdisjoint(keys),
    )


def _build_picker(keys: Sequence[str]) -> Callable[[Mapping[str, Any]], Sequence[Any]]:
    """Return a function that returns the values of keys; `itemgetter` needs two for a tuple."""
    if len(keys) > 1:
        return itemgetter(*keys)
    return lambda values: [values[key] for key in keys]


class EntryReader:
    """Reads the fields of one raw entry, and collects its problems.

    ``values`` has all values by normalized key, of a key that is there twice the first that is not
    null.
    """

    def __init__(self, raw: RawEntry) -> None:
        self.raw = raw
        self.id = ""
        self.problems: list[Problem] = []
        self.ignored: list[IgnoredField] = []
        self.kept: dict[str, str] = {}
        written_keys = tuple(raw.values)
        self.layout = layout = _find_key_layout(written_keys)
        self.values: dict[str, Any] = raw.values
        if layout.keys != written_keys:
            pairs = list(zip(layout.keys, raw.values.values(), strict=True))
            self.values = dict.fromkeys(layout.keys)
            self.values |= {key: value for key, value in reversed(pairs) if value is not None}

    def find_values(self, name: str) -> list[tuple[int, str, Any]]:
        """Return the ranks, keys and values of a field that are not empty, its own name first."""
        places = self.layout.names.get(name, ())
        found = ((rank, key, self.values[key]) for rank, key in places)
        return [each for each in found if each[2] or isinstance(each[2], Mapping)]

    def line(self, key: str | None) -> int | None:
        """Return the line of a key, or that of the entry."""
        lines = self.raw.values.lines
        written = (each for each in lines if fields.normalize_key(each) == key)
        numbers = (lines[each] for each in written if self.raw.values.get(each) is not None)
        return next(numbers, self.raw.line)

    def add_problem(
        self, key: str | None, cause: str, remedy: str, slug: str = "registry-field"
    ) -> None:
        """Add a problem of a key, or of the entry as a whole."""
        failed = READ_DOCUMENT if self.raw.document else READ_REGISTRY
        self.problems.append(Problem(slug, failed, cause, remedy, self.raw.path, self.line(key)))

    def leave_out(
        self,
        key: str,
        cause: str,
        remedy: str,
        slug: str = "registry-field",
        outcome: str = "is left out",
    ) -> None:
        """Note a field that is not understood; only one that we define ourselves is a problem."""
        owner = fields.find_field(key)
        if owner is not None and owner[1] in OWN_FIELDS:
            self.add_problem(key, cause, remedy, slug)
        else:
            cause = f"{cause}, and {outcome}"
            problem = Problem(slug, "", cause, remedy, self.raw.path, self.line(key))
            self.ignored.append((key, problem))

    def read_text_fields(self) -> dict[str, str | None]:
        """Return the fields of one text.

        The values of plain fields are mostly all clean, and then taken as they are, with those of
        fields that may have several texts.
        """
        layout = self.layout
        texts: dict[str, str | None] = {}
        picked = layout.pick_plain(self.values)
        if fields.are_clean_texts(picked):
            texts = dict(zip(layout.plain_fields, picked, strict=True))
        for name in layout.other_texts if texts else layout.texts:
            texts[name] = self.text(name)
        return texts

    def text(self, name: str) -> str | None:
        """Return a field as one text, in one line or, where people write paragraphs, in several."""
        lines = name in PARAGRAPH_FIELDS
        for rank, key in self.layout.names.get(name, ()):
            value = self.values[key]
            text = fields.parse_scalar(value, lines=lines)
            if text is not None and (key not in fields.SHORT_TEXT_KEYS or _is_short_text(value)):
                return text
            if text is None and rank == 0 and isinstance(value, (list, Mapping)) and value != []:
                cause = f"{key!r} of {self.id} is not a text"
                self.leave_out(key, cause, f"write {key!r} as one text")
        return None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a field as texts; aliases are gathered from all the names that they have."""
        pattern = LIST_SEPARATORS[name]
        gathered: tuple[str, ...] = ()
        for rank, key in self.layout.names.get(name, ()):
            value = self.values[key]
            gathered += fields.split_texts(value, pattern)
            if rank == 0 and not gathered and value not in (None, "", []):
                cause = f"{key!r} of {self.id} is not a list of texts"
                self.leave_out(key, cause, f"write {key!r} as a text or as a list of texts")
            if gathered and name != "aliases":
                break
        return tuple(dict.fromkeys(gathered)) if len(gathered) > 1 else gathered

    def link(self, key: str, value: Any) -> str | None:
        """Return a link that is safe to follow, or add a problem."""
        url = clean_text(value) if isinstance(value, str) else ""
        url_problem = fields.find_link_problem(url) if url else "it is not a text"
        if url_problem is None:
            return url.replace(" ", "%20") if "://" in url[:8] else url
        shown_url = url[: fields.MAX_SHORT_TEXT]
        cause = f"the link {shown_url!r} of {self.id} can't be used: {url_problem}"
        cause = cause if url else f"{key!r} of {self.id} is not a text"
        remedy = "write an http or https address, or the path of a file in the repository"
        self.leave_out(key, cause, remedy, "registry-url")
        return None

    def extra(self) -> dict[str, str]:
        """Return the short texts under keys that mean nothing here."""
        values = ((key, self.values[key]) for key in self.layout.unknown)
        unknown = (
            (clean_text(key), clean_text(value))
            for key, value in values
            if isinstance(value, str) and _is_short_text(value)
        )
        short = [(key, text) for key, text in unknown if key and text][:MAX_EXTRA_FIELDS]
        return {**dict(short), **self.kept}


def _is_short_text(value: Any) -> bool:
    """Return whether a value is one line of at most 200 characters, like a title or a level."""
    text = fields.find_name(value) if isinstance(value, Mapping) else value
    return isinstance(text, str) and len(text) <= fields.MAX_SHORT_TEXT and "\n" not in text.strip()


def read_severity_field(reading: EntryReader, severities: Collection[str]) -> str | None:
    """Return the severity; ``impact`` and ``priority`` are one only if they look like one.

    ``SEV-1 (major)`` is ``SEV-1``, so that it compares equal to the severity of a gate.
    """
    for rank, _, value in reading.find_values("severity"):
        text = reading.text("severity") if rank == 0 else fields.parse_scalar(value)
        if text is None or (rank == 0 and text.isalnum()):
            return text if rank == 0 else None
        if text.startswith(("CVSS:", "AV:")):
            return _rate_vector(reading, text)
        from pytest_postmortem.documents.labels import find_severity, load_labels

        severity = find_severity(text, load_labels(), severities)
        if severity or rank == 0:
            return severity or text
    return None


def _rate_vector(reading: EntryReader, vector: str) -> str | None:
    """Return the severity that a CVSS vector means; one that can't be rated is left out."""
    severity = fields.rate_cvss_vector(vector)
    if severity is None:
        cause = f"'severity' of {reading.id} is the CVSS vector {vector[:80]!r}"
        reading.leave_out("severity", cause, fields.find_vector_remedy(), "registry-cvss")
    return severity


def find_written_day(text: str | None) -> str | None:
    """Return the ISO date with which a text begins, or a date that it has in words."""
    day = fields.parse_day(text)
    if day is None and text and len(text) <= fields.MAX_SHORT_TEXT:
        from pytest_postmortem.documents.dates import find_date
        from pytest_postmortem.documents.labels import load_labels

        day = find_date(text, load_labels().months)
    return day


def read_fix_field(reading: EntryReader) -> tuple[tuple[str, ...], str | None]:
    """Return the commits of the fix, else those in the text of a document, and the patch."""
    for _, key, value in reading.find_values("fix"):
        commits: dict[str, None] = {}
        patch = None
        for item in _list_mappings(value, "commit"):
            patch = patch or fields.parse_scalar(item.get("patch"))
            for name in COMMIT_KEYS:
                commits |= dict.fromkeys(_split_commits(reading, key, item.get(name)))
        if commits or patch:
            return tuple(commits), patch
        if isinstance(value, Mapping):
            cause = f"{key!r} of {reading.id} names no commit"
            reading.leave_out(key, cause, "write 'commit' or 'patch' below it")
    return tuple(reading.raw.derived.get("fix", "").split()), None


def _split_commits(reading: EntryReader, key: str, value: Any) -> list[str]:
    """Return the commits that a value names; prose is kept as a text, with a warning."""
    parts = list(fields.split_texts(value, _COMMIT_SEPARATOR))
    if not isinstance(value, str) or all(map(_REVISION.match, parts)):
        return parts
    if len(parts) == 1 and _SINGLE_REVISION.match(parts[0]):
        return parts
    named = _COMMIT_IN_TEXT.findall(value)
    if named:
        return named
    text = clean_text(value)
    reading.kept["fix"] = text[: fields.MAX_SHORT_TEXT]
    cause = f"{key!r} of {reading.id} names no commit"
    remedy = "write the commit that fixed it, such as 'fix: 3f1adba'"
    reading.leave_out(key, cause, remedy, outcome="is kept as a text")
    return []


def read_guards_field(reading: EntryReader) -> tuple[Guard, ...]:
    """Return the guards that are not tests; a text is the type of one."""
    guards = []
    for _, key, value in reading.find_values("guarded_by"):
        for item in _list_mappings(value, "type"):
            kind = fields.parse_scalar(item.get("type")) or fields.parse_scalar(item.get("name"))
            url = item.get("url")
            if kind is None:
                remedy = "write the type of the guard, such as 'type: alert' or 'type: lint'"
                reading.add_problem(key, f"a guard of {reading.id} has no 'type'", remedy)
            else:
                guards.append(Guard(kind, None if url is None else reading.link(key, url)))
    return tuple(guards)


def read_action_items_field(reading: EntryReader) -> tuple[ActionItem, ...]:
    """Return the action items; a text is the title of one."""
    for rank, key, value in reading.find_values("action_items"):
        items = list(map(_build_action_item, _list_mappings(value, "title")))
        if not all(items) and rank == 0:
            remedy = "write each action item as a text, or as a mapping with a 'title'"
            reading.leave_out(key, f"an item in {key!r} of {reading.id} has no 'title'", remedy)
        if any(items) or rank > 0:
            return tuple(filter(None, items))
    return ()


def _build_action_item(values_by_key: Mapping[str, Any]) -> ActionItem | None:
    texts = {key: fields.parse_scalar(value) for key, value in values_by_key.items()}
    title = next(filter(None, map(texts.get, ITEM_TITLE_KEYS)), None)
    if title is None:
        return None
    return ActionItem(
        title,
        owner=texts.get("owner") or texts.get("team"),
        due=fields.parse_day(texts.get("due")) or texts.get("due"),
        type=texts.get("type"),
        status=texts.get("status") or texts.get("state"),
    )


def _list_mappings(value: Any, name: str) -> list[dict[str, Any]]:
    """Return the items of a list with normalized keys; another value gets a name."""
    return [
        {fields.normalize_key(key): inner for key, inner in item.items()}
        if isinstance(item, Mapping)
        else {name: item}
        for item in (value if isinstance(value, list) else [value])
    ]


def _read_test_field(reading: EntryReader) -> str | None:
    value = reading.values.get("test")
    text = clean_text(value) if isinstance(value, str) else ""
    if value is None or text.casefold() in ("required", "exempt"):
        return text.casefold() or None
    remedy = "write 'test: required' or 'test: exempt', the latter with a 'reason'"
    shown_value = repr(text) if isinstance(value, str) else "not a text"
    reading.add_problem("test", f"'test' of {reading.id} is {shown_value}", remedy)
    return None


def _read_until_field(reading: EntryReader) -> str | None:
    text = reading.text("until")
    day = fields.parse_day(text)
    if text is not None and day is None:
        cause = f"'until' of {reading.id} is {text!r}"
        reading.add_problem("until", cause, "write a date such as 2026-12-31")
    return day
