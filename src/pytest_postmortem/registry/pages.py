"""A `Source` → its items, page after page, as raw entries; asks a `remote.Client` for each.

What a server repeats of a credential is taken out of all that leaves this module.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from pytest_postmortem.errors import RegistryError
from pytest_postmortem.model import Finding
from pytest_postmortem.registry import fields, formats, paths
from pytest_postmortem.registry.addresses import origin
from pytest_postmortem.registry.entries import SPLIT
from pytest_postmortem.registry.files import WRAPPERS, contents
from pytest_postmortem.registry.http_errors import says
from pytest_postmortem.registry.reading import READ_REGISTRY, Raw
from pytest_postmortem.registry.remote import USUAL, Answer, Client, Limits, Request, Unreachable
from pytest_postmortem.registry.secrets import Redactor
from pytest_postmortem.registry.service_errors import error_text, is_error
from pytest_postmortem.registry.sources import Next, Source
from pytest_postmortem.registry.tables import MAX_DEPTH, Table, too_deep

__all__ = ["Pages", "Validator", "read_pages"]

SEVERAL = frozenset((*SPLIT, "fix"))
"""The fields that may hold several texts."""

MEND = "mend what the address answers"
ELSEWHERE = "correct the address, or how the next page is found"


@dataclass(frozen=True, slots=True)
class Validator:
    """What tells whether a page is still what it was."""

    url: str
    etag: str | None
    modified: str | None


NOTHING = Validator("", None, None)


@dataclass(slots=True)
class Pages:
    """What all pages hold: raw entries, what the answer says of them, and what is odd."""

    raws: list[Raw] = field(default_factory=list)
    validators: list[Validator] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    url_template: str | None = None
    prefix: str = ""
    partial: str | None = None


def read_pages(
    source: Source,
    environ: Mapping[str, str],
    known: Sequence[Validator] = (),
    limits: Limits = USUAL,
) -> Pages | None:
    """Return all items of a source, or None where none of the ``known`` pages has changed.

    Raises:
        Unreachable: A page can't be read, or is not what the source says.
    """
    request = source.request(environ)
    home = origin(request.url)
    if not all(page.etag or page.modified for page in known):
        known = ()
    if any(page.url and origin(page.url) != home for page in known):
        known = ()  # what is kept may be old, or somebody else's
    redactor = Redactor(request.secrets)
    try:
        with Client(limits) as client:
            return _Walk(source, request, client, limits, redactor).read(known)
    except Unreachable as error:
        cause, remedy = (redactor.redact(text) for text in (error.cause, error.remedy))
        if request.unset and error.status in (401, 403, 404):
            remedy = f"set {' and '.join(request.unset)}, which holds nothing here, or {remedy}"
        raise Unreachable(cause, remedy, error.status) from None


class _Walk:
    """Goes from page to page, and gathers what they hold."""

    def __init__(
        self,
        source: Source,
        request: Request,
        client: Client,
        limits: Limits,
        redactor: Redactor,
    ) -> None:
        self._redactor = redactor
        self._source = source
        self._request = request
        self._client = client
        self._limits = limits
        self._pages = Pages(partial=source.partial)
        self._kept = 0
        self._size = 0
        sure = source.fields if source.sure is None else {"id", *source.sure}
        self._lacking = dict.fromkeys(name for name in source.fields if name in sure)
        self._samples: list[Any] = []
        self._end = time.monotonic() + limits.location

    def read(self, known: Sequence[Validator]) -> Pages | None:
        """Return what all pages hold, None where none of the known ones has changed."""
        first = None
        for position, page in enumerate(known):
            first = self._get(_at(self._request, page.url), page)
            if first is not None:
                return self._walk(first if position == 0 else None)
        grown = known and self._client.more and self._source.next == Next("link")
        return None if known and not grown else self._walk(None)

    def _get(self, request: Request, known: Validator = NOTHING) -> Answer | None:
        if time.monotonic() > self._end:
            raise Unreachable(
                f"its pages took longer than {self._limits.location:g} seconds",
                "ask for less, with a filter or larger pages",
            )
        return self._client.get(request, known.etag, known.modified)

    def _walk(self, first: Answer | None) -> Pages:
        request: Request | None = self._request
        seen: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
        while request is not None:
            key = (request.url, request.query)
            if key in seen:
                raise Unreachable("its pages lead round in a circle", ELSEWHERE)
            if len(seen) >= self._limits.pages:
                self._pages.partial = f"only its first {self._limits.pages} pages are read"
                break
            seen.add(key)
            answer, first = first or self._get(request), None
            if answer is None:
                raise Unreachable("it says that nothing has changed", "ask again later")
            request = self._page(request, answer, start=len(seen) == 1)
        self._lacks()
        if any(self._redactor.finds(page.url) for page in self._pages.validators):
            self._pages.validators.clear()  # an address that has a credential is not kept
        return self._pages

    def _page(self, request: Request, answer: Answer, *, start: bool) -> Request | None:
        """Take what a page holds, and return the request for the next one, if there is one."""
        self._size += len(answer.text)
        if self._size > self._limits.size:
            raise Unreachable(
                f"its pages are larger than {self._limits.size / 1e6:g} MB",
                "ask for less, with a filter",
            )
        tree = _parsed(request, answer, self._source.shown)
        target, more = _next_texts(tree, self._source.next)  # these may need a credential in them
        if self._redactor.finds(answer.text):
            tree = _without(self._redactor, tree)
        items = self._items(tree, start)
        for item in items:
            self._take(item)
        url = "" if start else _address(request)
        self._pages.validators.append(Validator(url, answer.etag, answer.modified))
        return self._following(request, answer.following, target, more, len(items))

    def _items(self, tree: Any, start: bool) -> Sequence[Any]:
        """Return the items of a page: those of the configured list, or of our own form.

        Raises: Unreachable where there are none, since the answer reports an error.
        """
        failed = is_error(tree)
        bare = failed and not any(fields.normal(key) in WRAPPERS for key in tree)
        try:
            items = () if bare and not self._source.list else self._listed(tree, start)
        except Unreachable:
            if not failed:
                raise
            items = ()
        error = says(error_text(tree), self._redactor) if failed else ""
        if failed and not items:
            remedy = "check the token, and what the source asks for"
            raise Unreachable(f"it answered with an error{error}", remedy)
        if failed:
            self._pages.partial = f"it answered with an error as well{error}"
        return items

    def _listed(self, tree: Any, start: bool) -> Sequence[Any]:
        if self._source.list is not None:
            lists = list(paths.values(tree, self._source.list))
            found = [item for each in lists if isinstance(each, list) for item in each]
            if not lists or not all(each is None or isinstance(each, list) for each in lists):
                held = paths.keys_of([tree]) or "nothing that has a name"
                raise Unreachable(
                    f"there is no list at {self._source.list!r}; the answer has {held}",
                    "correct 'list' in the source",
                )
            return found
        try:
            own = contents(tree, self._source.shown)
            if own.problems:
                raise RegistryError(own.problems)
        except RegistryError as error:
            problem = error.problems[0]
            raise Unreachable(problem.cause, problem.remedy) from None
        if start:
            self._pages.url_template, self._pages.prefix = own.url_template, own.prefix
            self._pages.partial = self._pages.partial or own.partial
        return [_with_key(raw) for raw in own.raws]

    def _take(self, item: Any) -> None:
        if not all(_fits(item, path, want) for path, want in self._source.where.items()):
            return
        self._kept += 1
        if len(self._samples) < 20:
            self._samples.append(item)
        values = item if isinstance(item, Table) else Table()
        if self._source.fields:
            values = Table()
            for name, spots in self._source.fields.items():
                if name in self._lacking and any(spot.exists(item) for spot in spots):
                    del self._lacking[name]
                found = [value for spot in spots for value in spot.read(item)]
                if found:
                    values[name] = _flat(found) if fields.normal(name) in SEVERAL else found[0]
        self._pages.raws.append(Raw(values, self._source.shown))

    def _lacks(self) -> None:
        """Say which configured fields no item has; without an id, nothing can be read."""
        if not self._kept:
            return
        held = paths.keys_of(self._samples) or "nothing that has a name"
        for name in self._lacking:
            texts = " or ".join(repr(spot.text) for spot in self._source.fields[name])
            cause = f"{name!r} is read from {texts}, which no item has; they have {held}"
            if fields.normal(name) == "id":
                raise Unreachable(cause, "correct 'fields' in the source")
            message = f"{cause}: correct 'fields' in the source"
            self._pages.findings.append(
                Finding("source-field", "warning", message, self._source.shown)
            )

    def _following(
        self, request: Request, link: str | None, target: str, more: bool, count: int
    ) -> Request | None:
        way = self._source.next
        if way is None:
            return None
        if way.kind == "link":
            return self._moved(request, link)
        if way.kind == "url":
            return self._moved(request, target, way.below)
        if not count or not more:
            return None
        if way.kind == "cursor":
            return _asking(request, way, target) if target else None
        position = _asked(request).get(way.query, "")
        here = int(position) if position.isdecimal() and len(position) < 18 else None
        if here is None:
            here = int(way.kind == "page")
        return _asking(request, way, str(here + (1 if way.kind == "page" else count)))

    def _moved(self, request: Request, target: str | None, below: str = "") -> Request | None:
        if not target:
            return None
        try:
            if below and not urlsplit(target).scheme:
                target = f"{below.rstrip('/')}/{target.lstrip('/')}"
            url = urljoin(request.url, target)
            elsewhere = origin(url) != origin(self._request.url)
        except ValueError:
            raise Unreachable("the address of its next page is none", ELSEWHERE) from None
        if elsewhere:
            raise Unreachable("its next page is on another host, which is not asked", ELSEWHERE)
        return replace(request, url=url, query=())


def _at(request: Request, url: str) -> Request:
    """Return the request for a page; all but the first have their query in the address."""
    return request if not url else replace(request, url=url, query=())


def _asked(request: Request) -> dict[str, str]:
    """Return what a request asks for, in its address or beside it."""
    pairs = parse_qsl(urlsplit(request.url).query, keep_blank_values=True)
    return {**dict(pairs), **dict(request.query)}


def _asking(request: Request, way: Next, value: str) -> Request:
    parts = urlsplit(request.url)
    if way.query in dict(parse_qsl(parts.query, keep_blank_values=True)):
        url, query = parts._replace(query="").geturl(), _asked(request)
    else:
        url, query = request.url, dict(request.query)
    return replace(request, url=url, query=tuple({**query, way.query: value}.items()))


def _address(request: Request) -> str:
    mark = "&" if urlsplit(request.url).query else "?"
    return request.url + (mark + urlencode(request.query) if request.query else "")


def _next_texts(tree: Any, way: Next | None) -> tuple[str, bool]:
    """Return what an answer has of its next page, and whether it says that there is one."""
    if way is None or way.kind == "link":
        return "", True
    target = _text(tree, way.path) if way.path else ""
    return target, not way.more or _true(_text(tree, way.more))


def _without(redactor: Redactor, node: Any) -> Any:
    """Return data without what must not be seen; tables and lists keep their lines."""
    if isinstance(node, str):
        return redactor.redact(node)
    if isinstance(node, list):
        node[:] = [_without(redactor, each) for each in node]
    elif isinstance(node, Table):
        items = [(redactor.redact(key), _without(redactor, each)) for key, each in node.items()]
        node.clear()
        node.update(items)
    return node


def _parsed(request: Request, answer: Answer, shown: str) -> Any:
    """Parse an answer as what it says that it is, or what its address or its first sign says."""
    text, sign = answer.text, answer.text.lstrip()[:1]
    path = urlsplit(request.url).path.lower()
    usual = ".json" if sign in ("{", "[") and "yaml" not in answer.type else ".yml"
    suffix = next((end for end in formats.PARSERS if path.endswith(end)), usual)
    if sign == "<" or ("html" in answer.type and sign not in ("{", "[")):
        raise Unreachable(
            "it answered with a web page, not with data: is it the one to log in?",
            "correct the address, or check the token",
        )
    if not sign:
        raise Unreachable("the answer is empty", MEND)
    if "json" in answer.type:
        suffix = ".json"
    try:
        tree = formats.parse(text, suffix, failed=READ_REGISTRY, path=shown)
    except RegistryError as error:
        problem = error.problems[0]
        line = "" if problem.line is None else f" (line {problem.line} of the answer)"
        raise Unreachable(problem.cause + line, MEND) from None
    if _is_deep(tree):
        raise Unreachable(too_deep(None).cause, MEND)
    return tree


def _is_deep(tree: Any) -> bool:
    """Say whether a tree has more levels than anything that makes sense."""
    level = [[tree]]
    for _ in range(MAX_DEPTH + 1):
        found = (each for node in level for each in node if isinstance(each, (Table, list)))
        level = [list(node.values()) if isinstance(node, Table) else node for node in found]
    return bool(level)


def _with_key(raw: Raw) -> Table:
    """Return an entry of our own form with the id under which it stands."""
    if raw.key is not None and not any(fields.normal(key) == "id" for key in raw.values):
        raw.values["id"] = raw.key
    return raw.values


def _fits(item: Any, path: str, wanted: Sequence[str | None]) -> bool:
    """Say whether an item has one of the wanted texts at a path."""
    found = [value for value in paths.values(item, path) if value not in (None, "")]
    if not found:
        return None in wanted
    texts = {text.casefold() for text in fields.split(list(_flat(found)), None)}
    named = {each.casefold() for each in wanted if each is not None}
    return "*" in named or bool(texts & named)


def _flat(found: Sequence[Any]) -> list[Any]:
    return list(_leaves(found))


def _leaves(found: Sequence[Any]) -> Iterator[Any]:
    for value in found:
        if isinstance(value, list):
            yield from _leaves(value)
        else:
            yield value


def _text(tree: Any, path: str) -> str:
    texts = (fields.scalar(value) for value in paths.values(tree, path))
    return next(filter(None, texts), "")


def _true(text: str) -> bool:
    """Say whether what tells of more pages does: anything but nothing, false and zero."""
    return text.casefold() not in ("", "false", "0")
