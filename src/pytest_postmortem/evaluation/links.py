"""Marks → links, and links × registry → findings; the only parser of the marker's arguments.

``@pytest.mark.postmortem(ID, ...)``: every ID a text or an int, at least one, no keyword.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal, NamedTuple, Protocol

from pytest_postmortem.model import (
    Finding,
    Link,
    NodeKey,
    Origin,
    Postmortem,
    Registry,
    normalize_id,
)
from pytest_postmortem.options import MARKER_NAME

ADDRESS_KEYS = ("selectedIssue", "issue", "key", "id")
"""Keys of a URL's query that hold an id; in a path it is the last part that looks like one."""

MARK_FORM = '@pytest.mark.postmortem("PM-123")'
MOST_SUGGESTIONS = 50
"""The number of unknown ids up to which similar ids are suggested."""


class MarkLike(Protocol):
    """The part of `pytest.MarkLike` that counts here."""

    @property
    def name(self) -> str:
        """The name after ``pytest.mark.``."""

    @property
    def args(self) -> tuple[Any, ...]:
        """The positional arguments."""

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """The keyword arguments."""


class MarkClaims(NamedTuple):
    """The ids of the marks of one test, and the problems of the marks.

    ``odd`` are foreign marks with unsupported arguments, as text without secrets.
    """

    ids: Mapping[str, Origin]
    complaints: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()


def parse_marks(marks: Iterable[MarkLike]) -> MarkClaims:
    """Return the ids of marks; a mark with another name is foreign, and causes no finding.

    The argument of a foreign mark may be a URL with an id, and its keywords such as ``id`` and
    ``ids`` may have ids.
    """
    ids: dict[str, tuple[str, Origin]] = {}
    complaints: list[str] = []
    odd: list[str] = []
    for mark in marks:
        origin: Origin = "marker" if mark.name == MARKER_NAME else "foreign"
        keyword_ids = [] if origin == "marker" else _list_keyword_ids(mark)
        parsed_ids = [_parse_mark_id(argument) for argument in (*mark.args, *keyword_ids)]
        for id in parsed_ids:
            if origin == "foreign" and id.casefold().startswith(("http://", "https://")):
                id = _parse_id_in_address(id, mark.kwargs.get("name"))
            key = id.casefold()
            known = ids.get(key)
            if id and (known is None or origin == "marker"):
                ids[key] = (known[0] if known else id, origin)
        if parsed_ids and all(parsed_ids) and not mark.kwargs:
            continue
        if origin == "marker":
            complaints.extend(_find_mark_complaints(mark))
        elif not all(parsed_ids) or (mark.kwargs and not parsed_ids):
            odd.append(_format_mark(mark))
    return MarkClaims(dict(ids.values()), tuple(complaints), tuple(odd))


def _is_id_keyword(keyword: str) -> bool:
    """Return whether a keyword of a foreign mark has ids: ``id``, ``ids``, ``defect_ids``."""
    return keyword.rpartition("_")[2] in ("id", "ids")


def may_have_ids(keyword: str) -> bool:
    """Return whether the ids of a foreign mark depend on a keyword; ``name`` is that of a link."""
    return _is_id_keyword(keyword) or keyword == "name"


def _list_keyword_ids(mark: MarkLike) -> list[object]:
    """Return the values of the keywords of a foreign mark that have ids."""
    values = [value for keyword, value in mark.kwargs.items() if _is_id_keyword(keyword)]
    return [
        id for value in values for id in (value if isinstance(value, (list, tuple)) else [value])
    ]


def _format_mark(mark: MarkLike) -> str:
    keywords = (f"{keyword}=..." for keyword in mark.kwargs)
    return f"{mark.name}({', '.join([*map(_format_mark_argument, mark.args), *keywords])})"


def _parse_mark_id(argument: object) -> str:
    """Return an id as text, an empty text for an invalid value such as True.

    An id is sent to other processes and written to files, so it has to be encodable, and an int
    must be short enough for Python to print.
    """
    if type(argument) is str and argument.isascii():
        return argument.strip()
    try:
        text = str(argument) if type(argument) is int else argument
        return normalize_id(text.strip()) if isinstance(text, str) and text.encode() else ""
    except ValueError:
        return ""


def _parse_id_in_address(address: str, name: object) -> str:
    """Return the id in a URL, as in a link of Allure, or the URL itself.

    ``name`` is the text of the link; Allure uses the URL if there is none.
    """
    from urllib.parse import parse_qsl, unquote, urlsplit

    shown = _parse_mark_id(name)
    if re.fullmatch(r"(?=\S*\d)[^\s/]+", shown):
        return shown
    try:
        parts = urlsplit(address)
        query = dict(parse_qsl(parts.query))
    except ValueError:
        return address
    asked = [query[key] for key in ADDRESS_KEYS if query.get(key)]
    segments = [unquote(each) for each in parts.path.split("/") if each]
    segments.reverse()
    usual = [each for each in segments if re.fullmatch(r"(?:[A-Za-z]\w*-)?[0-9]+", each)]
    numbered = [each for each in segments if any(map(str.isdigit, each))]
    return _parse_mark_id(next(iter([*asked, *usual, *numbered, *segments[:1]]), address))


def _find_mark_complaints(mark: MarkLike) -> Iterator[str]:
    if not mark.args and not mark.kwargs:
        yield f"@pytest.mark.{MARKER_NAME} names no post-mortem; write {MARK_FORM}"
    for argument in mark.args:
        if isinstance(argument, str) and not argument.strip():
            yield f"@pytest.mark.{MARKER_NAME}({argument!r}) names an empty id; write {MARK_FORM}"
        elif not _parse_mark_id(argument):
            shown = _format_mark_argument(argument)
            yield (
                f"@pytest.mark.{MARKER_NAME}({shown}) names no id but a"
                f" {type(argument).__name__}; write {MARK_FORM}"
            )
    for keyword in mark.kwargs:
        yield (
            f"@pytest.mark.{MARKER_NAME}({keyword}=...) is not known; ids are positional:"
            f" write {MARK_FORM}"
        )


def _format_mark_argument(argument: object) -> str:
    try:
        return reprlib.repr(argument)
    except Exception:  # a user's class may raise anything
        return "..."


def encode_ids(ids: Iterable[str]) -> str:
    """Join ids into the text of one property, a comma or ``%`` inside an id percent-encoded."""
    return ", ".join(id.replace("%", "%25").replace(",", "%2C") for id in ids)


def decode_ids(text: str) -> list[str]:
    """Return the ids that `encode_ids` joined."""
    text = normalize_id(text)
    return [id.replace("%2C", ",").replace("%25", "%") for id in text.split(", ") if id]


def index_declared_tests(registry: Iterable[Postmortem]) -> dict[str, tuple[str, ...]]:
    """Return the node ids under ``tests:``, each with the ids of the post-mortems that name it."""
    found: dict[str, tuple[str, ...]] = {}
    for postmortem in registry:
        for nodeid in postmortem.tests:
            found[nodeid] = (*found.get(nodeid, ()), postmortem.id)
    return found


def list_selecting_nodeids(nodeid: str) -> Iterator[str]:
    """Yield every node id that selects this test: itself, without parameters, class, file."""
    nodeid = normalize_id(nodeid)
    yield nodeid
    path, colons, names = nodeid.partition("::")
    name, bracket, _ = names.partition("[")
    base = f"{path}{colons}{name}"
    if bracket:
        yield base
    while "::" in base:
        base = base.rpartition("::")[0]
        yield base


def list_test_file_forms(test: NodeKey, files: Container[str]) -> tuple[str, ...]:
    """Return the names of the file of a test: its path from the rootdir, and the path in its
    node id unless that is another file.
    """
    named = test.nodeid.partition("::")[0]
    return (test.path,) if named == test.path or named in files else (test.path, named)


def build_implied_registry(links: Iterable[Link], url_template: str | None) -> Registry:
    """Return a registry made of the linked ids, for a suite without a registry.

    Each id is an incident, in the order of the tests; none is unguarded.
    """
    from urllib.parse import quote

    index: dict[str, Postmortem] = {}
    for link in links:
        if link.id.casefold() not in index:
            url = url_template and url_template.replace("{id}", quote(link.id, safe=""))
            index[link.id.casefold()] = Postmortem(link.id, title=link.id, url=url)
    return Registry(tuple(index.values()), index)


def check_links(
    links: Iterable[Link],
    registry: Registry,
    unknown: Literal["error", "warn", "ignore"] = "error",
) -> tuple[Finding, ...]:
    """Return a finding for each link to an id that the registry lacks.

    Foreign marks are ignored. An unknown id is a warning if the registry is partial; there are
    no findings if a part of the registry is unreachable.
    """
    if unknown == "ignore" or registry.unreachable:
        return ()
    places: dict[tuple[str, str, int | None], str] = {}
    for link in links:
        if link.origin == "marker" and registry.find(link.id) is None:
            path = link.defined_in or link.path
            places.setdefault((link.id.casefold(), path, link.line), link.id)
    if not places:
        return ()
    severity: Literal["error", "warning"] = (
        "error" if unknown == "error" and not registry.partial else "warning"
    )
    advice = _UnknownIdAdvice(registry)
    return tuple(
        Finding("unknown-id", severity, f"unknown post-mortem {id!r}{advice.on(id)}", path, line)
        for (_, path, line), id in places.items()
    )


class _UnknownIdAdvice:
    """Remedies for unknown ids, each computed once."""

    def __init__(self, registry: Registry) -> None:
        from pytest_postmortem.similar_names import index_registry_ids

        self._partial = "; ".join(registry.partial)
        self._known: dict[str, str] = {}
        self._registry = registry
        self._index = index_registry_ids(registry)

    def on(self, id: str) -> str:
        key = id.casefold()
        if key not in self._known:
            self._known[key] = (
                self._build_advice(key) if len(self._known) < MOST_SUGGESTIONS else ""
            )
        return self._known[key]

    def _build_advice(self, key: str) -> str:
        owners = [owner.id for owner in self._registry.find_sharing(key)]
        if owners:
            return f"; {' and '.join(owners)} share this alias: take it from all but one"
        near = self._index.find(key)
        why = "; it may exist all the same, as the registry is partial"
        partial = f"{why}: {self._partial}" if self._partial else ""
        if near:
            return f"; did you mean {near!r}?{partial}"
        if partial:
            return partial
        return "; correct the id, or add the post-mortem to the registry"


def check_selection(
    patterns: Iterable[str],
    registry: Registry | None,
    linked: Iterable[str],
    unknown: Literal["error", "warn", "ignore"] = "error",
) -> Iterator[Finding]:
    """Yield a finding for each pattern of ``--postmortem`` that selects nothing.

    Patterns may match ids of the registry or ``linked`` ids of collected tests. The finding is a
    warning if the registry is missing, partial or unreachable.
    """
    ids = dict.fromkeys(linked)
    names = {*map(str.casefold, ids), *(registry.index if registry else ())}
    sure = registry is not None and not (registry.partial or registry.unreachable)
    severity: Literal["error", "warning"] = "error" if sure and unknown == "error" else "warning"
    advice = _UnknownIdAdvice(registry) if registry and len(registry) else None
    for pattern in dict.fromkeys(patterns):
        if any(fnmatchcase(name, pattern.casefold()) for name in names):
            continue
        message = f"--postmortem={pattern} selects no test: unknown post-mortem {pattern!r}"
        if any(letter in pattern for letter in "*?["):
            message = f"--postmortem={pattern} selects no test: no post-mortem has such an id"
            yield Finding("unknown-id", severity, f"{message}; correct the pattern")
        elif advice is not None:
            yield Finding("unknown-id", severity, message + advice.on(pattern))
        else:
            from pytest_postmortem.similar_names import find_similar_word

            near = find_similar_word(pattern, ids)
            remedy = f"did you mean {near!r}?" if near else "correct the id"
            message = f"--postmortem={pattern} selects no test: no collected test is linked to it"
            yield Finding("unknown-id", severity, f"{message}; {remedy}")


def find_skipped_links(
    registry: Registry, skipped: Collection[NodeKey], files: Collection[str]
) -> Iterator[tuple[str, Link]]:
    """Yield the node ids under ``tests:`` in files that skip themselves, with the links of these
    files; ``files`` are the paths of all collected files.
    """
    found: dict[str, list[NodeKey]] = {}
    for file in skipped:
        for name in list_test_file_forms(file, files):
            found.setdefault(name, []).append(file)
    for postmortem in registry:
        for nodeid in postmortem.tests:
            for file in found.get(nodeid.partition("::")[0], ()):
                yield nodeid, Link(postmortem.id, file.nodeid, file.path, None, "registry")


def check_declared_tests(registry: Registry, found: frozenset[str]) -> tuple[Finding, ...]:
    """Return a finding for each node id under ``tests:`` that a full run did not collect."""
    return tuple(
        Finding(
            "unknown-test",
            "error",
            f"{postmortem.id} declares the test {nodeid!r}, which was collected nowhere;"
            " correct the node id, or remove it",
            postmortem.path,
            postmortem.line,
        )
        for postmortem in registry
        for nodeid in postmortem.tests
        if nodeid not in found
    )
