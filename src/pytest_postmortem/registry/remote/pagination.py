"""Read the items of a `RemoteSource`, page after page, as raw entries.

Credentials that a server repeats are removed from all data that leaves this module.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from pytest_postmortem.errors import RegistryError
from pytest_postmortem.model import Finding
from pytest_postmortem.registry import fields, parsers
from pytest_postmortem.registry.entry import RegistryEntry
from pytest_postmortem.registry.file import parse_registry_tree
from pytest_postmortem.registry.file_bytes import READ_REGISTRY
from pytest_postmortem.registry.located_data import LocatedTable
from pytest_postmortem.registry.raw_entries import WRAPPER_KEYS, RawEntry
from pytest_postmortem.registry.remote import json_path
from pytest_postmortem.registry.remote.http import (
    DEFAULT_LIMITS,
    HttpAnswer,
    HttpClient,
    HttpLimits,
    HttpRequest,
    UnreachableError,
    find_error_text,
    format_service_message,
    is_error_answer,
    parse_url_origin,
)
from pytest_postmortem.registry.remote.issue_body import BODY_KEY, render_body_markdown
from pytest_postmortem.registry.remote.redaction import SecretRedactor
from pytest_postmortem.registry.remote.source_config import NextPage, RemoteSource

FIX_ANSWER = "fix the answer of this address"
CORRECT_PAGINATION = "correct the address, or how the next page is found"


@dataclass(frozen=True, slots=True)
class PageValidator:
    """The headers that show whether a page has changed."""

    url: str
    etag: str | None
    modified: str | None


NO_VALIDATOR = PageValidator("", None, None)


@dataclass(slots=True)
class FetchedPages:
    """The content of all pages: raw entries, settings of the answer, and findings.

    ``entries`` are those of the raw ones that are kept.
    """

    raws: list[RawEntry] = field(default_factory=list)
    entries: list[RegistryEntry] = field(default_factory=list)
    validators: list[PageValidator] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    url_template: str | None = None
    prefix: str = ""
    partial: str | None = None


def read_pages(
    source: RemoteSource,
    environ: Mapping[str, str],
    stored_pages: Sequence[PageValidator] = (),
    limits: HttpLimits = DEFAULT_LIMITS,
) -> FetchedPages | None:
    """Return all items of a source, or None if no stored page has changed.

    Raises:
        UnreachableError: A page can't be read, or does not match the source block.
    """
    request = source.build_request(environ)
    home = parse_url_origin(request.url)
    if not all(page.etag or page.modified for page in stored_pages):
        stored_pages = ()
    if any(page.url and parse_url_origin(page.url) != home for page in stored_pages):
        stored_pages = ()  # the stored pages may be those of another source
    redactor = SecretRedactor(request.secrets)
    try:
        with HttpClient(limits) as client:
            return _PageWalker(source, request, client, limits, redactor).read(stored_pages)
    except UnreachableError as error:
        cause, remedy = (redactor.redact_text(text) for text in (error.cause, error.remedy))
        if request.unset and error.status in (401, 403, 404):
            remedy = f"set {' and '.join(request.unset)}, which holds nothing here, or {remedy}"
        raise UnreachableError(cause, remedy, error.status) from None


class _PageWalker:
    """Requests page after page, and collects their content."""

    def __init__(
        self,
        source: RemoteSource,
        request: HttpRequest,
        client: HttpClient,
        limits: HttpLimits,
        redactor: SecretRedactor,
    ) -> None:
        self._redactor = redactor
        self._source = source
        self._request = request
        self._client = client
        self._limits = limits
        self._pages = FetchedPages(partial=source.partial)
        self._kept = 0
        self._size = 0
        sure_fields = source.fields if source.sure is None else {"id", *source.sure}
        self._lacking = dict.fromkeys(name for name in source.fields if name in sure_fields)
        self._samples: list[Any] = []
        self._end = time.monotonic() + limits.location

    def read(self, stored_pages: Sequence[PageValidator]) -> FetchedPages | None:
        """Return the content of all pages, or None if no stored page has changed."""
        first = None
        for position, page in enumerate(stored_pages):
            request = replace(self._request, url=page.url or self._request.url)
            first = self._get_answer(request, page)
            if first is not None:
                return self._walk_pages(first if position == 0 else None)
        grown = stored_pages and self._client.more and self._source.next == NextPage("link")
        return None if stored_pages and not grown else self._walk_pages(None)

    def _get_answer(
        self, request: HttpRequest, stored_page: PageValidator = NO_VALIDATOR
    ) -> HttpAnswer | None:
        if time.monotonic() > self._end:
            cause = f"its pages took longer than {self._limits.location:g} seconds"
            raise UnreachableError(cause, "ask for less, with a filter or larger pages")
        return self._client.fetch_page(request, stored_page.etag, stored_page.modified)

    def _walk_pages(self, first: HttpAnswer | None) -> FetchedPages:
        request: HttpRequest | None = self._request
        seen_pages: set[str] = set()
        while request is not None:
            page = f"{request.url} {request.post}"
            if page in seen_pages:
                raise UnreachableError("its pages form a loop", CORRECT_PAGINATION)
            if len(seen_pages) >= self._limits.pages:
                self._pages.partial = f"only its first {self._limits.pages} pages are read"
                break
            seen_pages.add(page)
            answer, first = first or self._get_answer(request), None
            if answer is None:
                raise UnreachableError("it says that nothing has changed", "ask again later")
            request = self._read_page(request, answer, start=len(seen_pages) == 1)
        self._check_missing_fields()
        if any(self._redactor.has_secret(page.url) for page in self._pages.validators):
            self._pages.validators.clear()  # an address that has a credential is not kept
        return self._pages

    def _read_page(
        self, request: HttpRequest, answer: HttpAnswer, *, start: bool
    ) -> HttpRequest | None:
        """Add the content of a page, and return the request for the next one, or None."""
        self._size += len(answer.text)
        if self._size > self._limits.size:
            cause = f"its pages are larger than {self._limits.size / 1e6:g} MB"
            raise UnreachableError(cause, "ask for less, with a filter")
        tree = _parse_answer(request, answer, self._source.shown)
        target, has_more = self._find_next_texts(tree)  # before a credential in them is redacted
        if self._redactor.has_secret(answer.text):
            tree = _redact_tree(self._redactor, tree)
        items = self._find_items(tree, start)
        for item in items:
            self._add_item(item)
        url = "" if start else request.url
        self._pages.validators.append(PageValidator(url, answer.etag, answer.modified))
        return self._build_following_request(
            request, answer.following, target, has_more, len(items)
        )

    def _find_items(self, tree: Any, start: bool) -> Sequence[Any]:
        """Return the items of a page: those of the configured list, or of our own form.

        Raises: UnreachableError if there are none, since the answer reports an error.
        """
        failed = is_error_answer(tree)
        bare = failed and not any(fields.normalize_key(key) in WRAPPER_KEYS for key in tree)
        try:
            items = () if bare and not self._source.list else self._find_listed_items(tree, start)
        except UnreachableError:
            if not failed:
                raise
            items = ()
        error = format_service_message(find_error_text(tree), self._redactor) if failed else ""
        if failed and not items:
            remedy = "check the token, and the query of the source"
            raise UnreachableError(f"it answered with an error{error}", remedy)
        if failed:
            self._pages.partial = f"it answered with an error as well{error}"
        return items

    def _find_listed_items(self, tree: Any, start: bool) -> Sequence[Any]:
        if self._source.list is not None:
            if tree == {}:  # as APIs of protobuf write an empty list: it is left out
                return ()
            lists = list(json_path.find_path_values(tree, self._source.list))
            if not lists or not all(value is None or isinstance(value, list) for value in lists):
                key_names = json_path.format_key_names([tree])
                cause = f"there is no list at {self._source.list!r}; the answer has {key_names}"
                raise UnreachableError(cause, "correct 'list' in the source")
            return [item for value in lists if value is not None for item in value]
        try:
            own_contents = parse_registry_tree(
                tree, self._source.shown, exports=not self._source.fields
            )
            if own_contents.problems:
                raise RegistryError(own_contents.problems)
        except RegistryError as error:
            problem = error.problems[0]
            raise UnreachableError(problem.cause, problem.remedy) from None
        if start:
            self._pages.url_template = own_contents.url_template
            self._pages.prefix = own_contents.prefix
            self._pages.partial = self._pages.partial or own_contents.partial
        return [_add_outer_id(raw) for raw in own_contents.raws]

    def _add_item(self, item: Any) -> None:
        """Add an item, if it is one of those that the source keeps."""
        if not json_path.is_accepted(item, self._source.where):
            return
        self._kept += 1
        if len(self._samples) < 20:
            self._samples.append(item)
        values = item if isinstance(item, LocatedTable) else LocatedTable()
        if self._source.fields:
            values = LocatedTable()
            for name, paths in self._source.fields.items():
                if name in self._lacking and any(path.exists(item) for path in paths):
                    del self._lacking[name]
                value = json_path.read_field(name, paths, item)
                if value is not None:
                    values[name] = value
        if BODY_KEY in values:  # a credential may only show once its parts are joined
            body = render_body_markdown(values[BODY_KEY])
            values[BODY_KEY] = self._redactor.redact_text(body)
        self._pages.raws.append(RawEntry(values, self._source.shown))

    def _check_missing_fields(self) -> None:
        """Add findings about fields that no item has; an error if that is the id."""
        if not self._kept:
            return
        key_names = json_path.format_key_names(self._samples)
        for name in self._lacking:
            texts = " or ".join(repr(spot.text) for spot in self._source.fields[name])
            cause = f"{name!r} is read from {texts}, which no item has; they have {key_names}"
            if fields.normalize_key(name) == "id":
                raise UnreachableError(cause, "correct 'fields' in the source")
            message = f"{cause}: correct 'fields' in the source"
            self._pages.findings.append(
                Finding("source-field", "warning", message, self._source.shown)
            )

    def _find_next_texts(self, tree: Any) -> tuple[str, bool]:
        """Return the next page according to an answer, and whether it says that there is one."""
        next_page = self._source.next
        target = has_more = ""
        if next_page is not None and next_page.path:
            target = json_path.find_first_text(tree, next_page.path)
        if next_page is not None and next_page.more:
            has_more = json_path.find_first_text(tree, next_page.more)
            return target, has_more.casefold() not in ("", "false", "0")
        return target, True

    def _build_following_request(
        self, request: HttpRequest, link: str | None, target: str, more: bool, count: int
    ) -> HttpRequest | None:
        next_page = self._source.next
        if next_page is None:
            return None
        if next_page.kind == "link":
            return self._build_moved_request(request, link)
        if next_page.kind == "url":
            return self._build_moved_request(request, target, next_page.below)
        if not count or not more:
            return None
        if next_page.kind == "cursor":
            return _build_next_request(request, next_page, target) if target else None
        is_page = next_page.kind == "page"
        position = dict(_parse_query(request)).get(next_page.query, "")
        current = int(position) if position.isdecimal() and len(position) < 18 else int(is_page)
        return _build_next_request(request, next_page, str(current + (1 if is_page else count)))

    def _build_moved_request(
        self, request: HttpRequest, target: str | None, below: str = ""
    ) -> HttpRequest | None:
        """Return the request for the address of a page, relative to ``below`` if it has one."""
        if not target:
            return None
        cause = "its next page is on another host, which is not asked"
        try:
            if below and not urlsplit(target).scheme:
                target = f"{below.rstrip('/')}/{target.lstrip('/')}"
            url = urljoin(request.url, target)
            if parse_url_origin(url) == parse_url_origin(self._request.url):
                return replace(request, url=url)
        except ValueError:
            cause = "the address of its next page is none"
        raise UnreachableError(cause, CORRECT_PAGINATION)


def _parse_query(request: HttpRequest) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(request.url).query, keep_blank_values=True)


def _build_next_request(request: HttpRequest, next_page: NextPage, value: str) -> HttpRequest:
    """Return the request with another value of the parameter that names the page."""
    name = next_page.query
    if request.post is not None:
        return replace(request, post={**request.post, name: value})
    query = [(key, value if key == name else text) for key, text in _parse_query(request)]
    if name not in dict(query):
        query.append((name, value))
    return replace(request, url=urlsplit(request.url)._replace(query=urlencode(query)).geturl())


def _redact_tree(redactor: SecretRedactor, node: Any) -> Any:
    """Return data with credentials redacted; tables and lists keep their lines."""
    if isinstance(node, str):
        return redactor.redact_text(node)
    if isinstance(node, list):
        node[:] = [_redact_tree(redactor, child) for child in node]
    elif isinstance(node, LocatedTable):
        items = [
            (redactor.redact_text(key), _redact_tree(redactor, child))
            for key, child in node.items()
        ]
        node.clear()
        node.update(items)
    return node


def _parse_answer(request: HttpRequest, answer: HttpAnswer, shown: str) -> Any:
    """Parse an answer by its content type, else by its address or its first character."""
    text, sign = answer.text, answer.text.lstrip()[:1]
    path = urlsplit(request.url).path.lower()
    usual = ".json" if sign in ("{", "[") and "yaml" not in answer.type else ".yml"
    suffix = next((end for end in parsers.PARSERS_BY_SUFFIX if path.endswith(end)), usual)
    if sign == "<" or ("html" in answer.type and sign not in ("{", "[")):
        raise UnreachableError(
            "it answered with a web page, not with data: is it the one to log in?",
            "correct the address, or check the token",
        )
    if not sign:
        raise UnreachableError("the answer is empty", FIX_ANSWER)
    if "json" in answer.type:
        suffix = ".json"
    try:
        return parsers.parse_data_text(text, suffix, failed=READ_REGISTRY, path=shown)
    except RegistryError as error:
        problem = error.problems[0]
        line = "" if problem.line is None else f" (line {problem.line} of the answer)"
        raise UnreachableError(problem.cause + line, FIX_ANSWER) from None


def _add_outer_id(raw: RawEntry) -> LocatedTable:
    """Return an entry of our own format with the key of its mapping as its id."""
    if raw.key is not None and not any(fields.normalize_key(key) == "id" for key in raw.values):
        raw.values["id"] = raw.key
    return raw.values
