"""Parse a ``source:`` block, or that of a preset: the request, and how to read the answer.

::

    source:
      url: https://api.example.com/v1/incidents
      headers: {Authorization: "Bearer ${INCIDENTS_TOKEN}"}
      query: {state: closed}
      post: {filter: {state: closed}}       # sent as JSON, in a POST request
      list: data.items                      # the path of the list, if the answer is not a list
      where: {mode: [standard, drill], deleted_at: null}
      fields: {id: reference, title: name, severity: severity.name}
      next: {cursor: meta.after, query: after}

``next`` is ``link`` (the ``Link`` header), ``{url: PATH}``, ``{cursor: PATH, query: NAME}``,
``{offset: NAME, more: PATH}`` or ``{page: NAME}``. ``${NAME}`` is an environment variable; a value
with an empty ``${NAME:-}`` is left out. A credential must come from the environment: the block
may not contain one in a header with such a name, in ``basic`` or in the address.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from pytest_postmortem.errors import Problem, RegistryError
from pytest_postmortem.registry.file_bytes import READ_REGISTRY
from pytest_postmortem.registry.located_data import LocatedTable
from pytest_postmortem.registry.remote.http import (
    CLEARTEXT_CREDENTIAL,
    HttpRequest,
    UnreachableError,
    find_address_problem,
)
from pytest_postmortem.registry.remote.json_path import FieldPath, parse_field_paths
from pytest_postmortem.registry.remote.presets import fill_placeholders
from pytest_postmortem.text import clean_text

SOURCE_KEYS = (
    *("url", "headers", "query", "basic", "list", "where", "fields", "next", "partial"),
    *("insecure", "post"),
)
"""The keys of a block, without ``preset`` and ``base``."""

PageKind = Literal["link", "url", "cursor", "offset", "page"]
NEXT_PAGE_KEYS: Mapping[PageKind, str] = {
    "url": "below",
    "cursor": "query",
    "offset": "more",
    "page": "more",
}
"""The ways to find the next page, each with the key that may be added."""

_ENVIRONMENT_VARIABLE = re.compile(r"\$\{(\w+)(:-([^}]*))?\}")
_SECRET_NAME = re.compile(r"token|key|secret|pass|auth|credential", re.IGNORECASE)
_CREDENTIAL_HEADER = re.compile(r"token|key|secret|password|auth|credential|cookie", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
_USER = r"(?:\$\{[^}]*\}|\$(?!\{)|[^$/?#@%s])*"
_SOURCE_ADDRESS = re.compile(
    rf"(?P<scheme>(?:https?://)?)(?:(?P<user>{_USER % ':'})(?::(?P<password>{_USER % ''}))?@)?"
    r"(?P<place>[^?]*)(?P<query>.*)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class NextPage:
    """How the next page is found; ``more`` is the path of a value that says that there is one."""

    kind: PageKind
    path: str = ""
    query: str = ""
    below: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True)
class RemoteSource:
    """A list on the network: the request, and how to read the answer.

    ``shown`` is its name in messages. ``where`` keeps the items that have one of the texts at a
    path; None is a missing value, ``*`` any value. ``partial`` is the reason why the list is never
    whole, ``insecure`` says that a credential may be sent unencrypted. ``sure`` are the fields that
    every answer should have, None for all of them.
    """

    shown: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    basic: tuple[str, str] | None = None
    list: str | None = None
    where: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    fields: Mapping[str, tuple[FieldPath, ...]] = field(default_factory=dict)
    next: NextPage | None = None
    partial: str | None = None
    insecure: bool = False
    sure: tuple[str, ...] | None = None
    post: Mapping[str, Any] | None = None

    def format_address(self, environ: Mapping[str, str]) -> str:
        """Return where it is read from now, of which only a digest may be kept."""
        try:
            return self._fill_address(_VariableFiller(environ))[0]
        except UnreachableError:
            return ""

    def build_request(self, environ: Mapping[str, str]) -> HttpRequest:
        """Return the request, with environment variables filled in.

        Raises:
            UnreachableError: A variable is not set, or can't be sent.
        """
        filled = _VariableFiller(environ)
        url, basic = self._fill_address(filled)
        return HttpRequest(
            url=url,
            headers=dict(filled.all(self.headers)),
            basic=filled.pair(*self.basic) if self.basic else basic,
            secrets=tuple(filter(None, filled.secrets)),
            unset=tuple(filled.unset),
            insecure=self.insecure,
            post=self.post,
        )

    def _fill_address(self, filled: _VariableFiller) -> tuple[str, tuple[str, str] | None]:
        """Return the address with its query, and the user and the password in it."""
        url, basic = filled.fill_address(self.url)
        if query := urlencode(dict(filled.all(self.query))):
            url = url.partition("#")[0]
            mark = "" if url.endswith(("?", "&")) else "&" if "?" in url else "?"
            url = f"{url}{mark}{query}"
        return url, basic


class _VariableFiller:
    """Fills environment variables into texts, and collects the secret ones."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.secrets: dict[str, None] = {}
        self.unset: dict[str, None] = {}

    def all(self, texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Yield names and filled texts, without those that an empty variable leaves pointless."""
        for name, text in texts.items():
            if not self._is_pointless(text):
                yield name, self._fill_variables(text)

    def pair(self, user: str, password: str) -> tuple[str, str] | None:
        """Return a user and a password; their encoded form is a secret."""
        if self._is_pointless(user) or self._is_pointless(password):
            return None
        return self._remember_pair(self._fill_variables(user), self._fill_variables(password))

    def fill_address(self, text: str) -> tuple[str, tuple[str, str] | None]:
        """Return an address without user information, and that as user and password.

        In the query, which is percent-encoded, every variable is secret, elsewhere by its name.
        """
        match = _SOURCE_ADDRESS.fullmatch(text)
        assert match is not None  # it matches any text
        place = self._fill_variables(match["place"], secret=False)
        query = match["query"].split("&")
        kept = [part for part in query if not self._is_pointless(part)]
        filled = (self._fill_variables(part, quoted=True) for part in kept)
        url = match["scheme"] + place + "&".join(filled)
        if match["user"] is not None:
            return url, self.pair(unquote(match["user"]), unquote(match["password"] or ""))
        return self._fill_whole_address(url) if "${" in match["place"] else (url, None)

    def _fill_whole_address(self, url: str) -> tuple[str, tuple[str, str] | None]:
        """Return an address from a variable as `fill_address` does; its parts are secret."""
        if find_address_problem(url) not in (None, CLEARTEXT_CREDENTIAL):
            return url, None
        parts = urlsplit(url)
        for _, value in parse_qsl(parts.query):
            self.secrets[value] = None
        userinfo, at, host = parts.netloc.rpartition("@")
        if not at:
            return url, None
        user, _, password = userinfo.partition(":")
        self.secrets[unquote(password or user)] = None
        return parts._replace(netloc=host).geturl(), self._remember_pair(
            unquote(user), unquote(password)
        )

    def _remember_pair(self, user: str, password: str) -> tuple[str, str]:
        self.secrets[b64encode(f"{user}:{password}".encode()).decode()] = None
        return user, password

    def _is_pointless(self, text: str) -> bool:
        variables = _ENVIRONMENT_VARIABLE.finditer(text)
        empty = [match[1] for match in variables if not self._find_variable_value(match)]
        self.unset |= dict.fromkeys(filter(_SECRET_NAME.search, empty))
        return bool(empty)

    def _find_variable_value(self, match: re.Match[str]) -> str:
        name, default = match[1], match[3]
        value = self._environ.get(name, "").strip() or default
        if value is None:
            raise UnreachableError(f"the environment variable {name} is not set", "set it")
        if not value.isprintable():
            raise UnreachableError(f"{name} holds characters that can't be sent", "set it anew")
        return str(value)

    def _fill_variables(self, text: str, *, secret: bool = True, quoted: bool = False) -> str:
        def fill(match: re.Match[str]) -> str:
            value = self._find_variable_value(match)
            if value != match[3] and (secret or _SECRET_NAME.search(match[1])):
                self.secrets[value] = None
            return quote(value, safe="") if quoted else value

        return _ENVIRONMENT_VARIABLE.sub(fill, text)


def parse_source_block(block: LocatedTable, shown: str, line: int | None = None) -> RemoteSource:
    """Parse a block that has a ``url``.

    Raises: RegistryError with everything that is wrong with it.
    """
    reader = _SourceBlockReader(block, shown, line)
    source = reader.read_source()
    if reader.problems:
        raise RegistryError(reader.problems)
    return source


class _SourceBlockReader:
    """Parses a block into a `RemoteSource`, and collects its problems."""

    def __init__(self, block: LocatedTable, shown: str, line: int | None) -> None:
        base = block.get("base")
        if isinstance(base, str):
            block = fill_placeholders(block, {"base": base.rstrip("/")})
        self._block = block
        self._shown = shown
        self._line = line
        self.problems: list[Problem] = []

    def read_source(self) -> RemoteSource:
        remedy = f"use {', '.join(SOURCE_KEYS)} or preset"
        for key in self._block:
            if key not in (*SOURCE_KEYS, "preset", "base"):
                self._add_problem(key, "is not understood", remedy)
        return RemoteSource(
            shown=self._shown,
            url=self._read_url(),
            headers=self._read_headers(),
            query=self._read_texts("query"),
            basic=self._read_basic(),
            list=self._read_text("list"),
            where=dict(self._read_where()),
            fields=dict(self._read_fields()),
            next=self._read_next_page(),
            partial=self._read_text("partial"),
            insecure=self._read_flag("insecure"),
            post=dict(self._read_mapping("post")) or None,
        )

    def _read_url(self) -> str:
        url = self._read_text("url")
        if url is None:
            if not isinstance(self._block.get("url"), (Mapping, list)):
                self._add_problem("url", "is missing", "write an address with https://")
            return ""
        match = _SOURCE_ADDRESS.fullmatch(url)
        assert match is not None  # it matches any text
        self._check_credential("url", match["password"] or "")
        address = match["scheme"] + match["place"] + match["query"]
        if not match["scheme"] and _ENVIRONMENT_VARIABLE.match(url):
            address = "https://" + address  # the variable holds it
        problem = find_address_problem(_ENVIRONMENT_VARIABLE.sub("1", address))
        if problem is not None:
            self._add_problem("url", f"can't be asked: {problem}", "write an address with https://")
        return url

    def _read_headers(self) -> dict[str, str]:
        headers = self._read_texts("headers")
        for name, text in headers.items():
            key = f"headers.{name}"
            if _CREDENTIAL_HEADER.search(name):
                self._check_credential(key, text)
            if not _HEADER_NAME.fullmatch(name) or not text.isprintable():
                self._add_problem(key, "is not a header", "write 'Name: text' on one line")
        return headers

    def _read_basic(self) -> tuple[str, str] | None:
        texts = self._read_texts("basic")
        if not texts:
            return None
        if set(texts) != {"user", "password"}:
            self._add_problem("basic", "is not a pair", "write 'user' and 'password' below it")
        self._check_credential("basic.password", texts.get("password", ""))
        return texts.get("user", ""), texts.get("password", "")

    def _check_credential(self, key: str, text: str) -> None:
        """Add a problem for a credential that is not in the environment, without showing it."""
        variables = list(_ENVIRONMENT_VARIABLE.finditer(text))
        if text and (not variables or any(match[3] for match in variables)):
            cause = "can't be used: the file contains a credential"
            remedy = "put it into a variable of the environment, and write ${NAME}"
            self._add_problem(key, cause, remedy)

    def _read_where(self) -> Iterator[tuple[str, tuple[str | None, ...]]]:
        for path, value in self._read_mapping("where"):
            texts = tuple(value) if isinstance(value, list) else (value,)
            if not all(text is None or isinstance(text, str) for text in texts):
                remedy = "write a text, a list of texts, or null"
                self._add_problem(f"where.{path}", "is not a text", remedy)
                texts = ()
            yield path, texts

    def _read_fields(self) -> Iterator[tuple[str, tuple[FieldPath, ...]]]:
        for name, value in self._read_mapping("fields"):
            try:
                if value is not None:
                    yield name, parse_field_paths(value)
            except ValueError as error:
                self._add_problem(f"fields.{name}", *error.args)

    def _read_next_page(self) -> NextPage | None:
        value = self._block.get("next")
        if value is None or value == "link":
            return None if value is None else NextPage("link")
        texts = dict(value) if isinstance(value, Mapping) else {}
        kind = next((kind for kind in NEXT_PAGE_KEYS if kind in texts), None)
        if kind is None or not all(isinstance(text, str) for text in texts.values()):
            remedy = "see reference/registry.md in pytest-postmortem's docs"
            self._add_problem("next", "names no way to the next page", remedy)
            return None
        first, companion = texts.pop(kind), NEXT_PAGE_KEYS[kind]
        for key in texts:
            if key != companion:
                self._add_problem(f"next.{key}", f"can't be combined with {kind!r}", "remove it")
        if kind == "cursor" and "query" not in texts:
            self._add_problem("next", "has no 'query'", "name the parameter that takes the cursor")
        texts = {companion: texts.get(companion, "")}
        texts["query" if kind in ("offset", "page") else "path"] = first
        return NextPage(kind, **texts)

    def _read_text(self, name: str) -> str | None:
        value = self._block.get(name)
        if value is None or isinstance(value, str):
            return (value or "").strip() or None
        self._add_problem(name, "is not a text", f"write {name!r} as one text")
        return None

    def _read_flag(self, name: str) -> bool:
        text = (self._read_text(name) or "false").casefold()
        if text not in ("true", "false"):
            remedy = f"write '{name}: true', or remove it"
            self._add_problem(name, "is neither true nor false", remedy)
        return text == "true"

    def _read_mapping(self, name: str) -> Iterator[tuple[str, Any]]:
        value = self._block.get(name)
        if isinstance(value, Mapping):
            yield from value.items()
        elif value:
            self._add_problem(name, "is not a mapping", f"write names and values below {name!r}")

    def _read_texts(self, name: str) -> dict[str, str]:
        texts = {}
        for key, value in self._read_mapping(name):
            if isinstance(value, str):
                texts[key] = value.strip()
            elif value is not None:
                self._add_problem(f"{name}.{key}", "is not a text", "write it as one text")
        return texts

    def _add_problem(self, key: str, cause: str, remedy: str) -> None:
        name, _, inner_key = key.partition(".")
        inner = self._block.get(name)
        line = self._block.lines.get(name, self._line)
        if isinstance(inner, LocatedTable):
            line = inner.lines.get(inner_key, line)
        cause = f"{key!r} of the source {clean_text(cause)}"
        problem = Problem("source-block", READ_REGISTRY, cause, remedy, self._shown, line)
        self.problems.append(problem)
