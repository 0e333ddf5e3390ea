"""A ``source:`` block, or the preset of a service → what to ask for, and how to read the answer.

::

    source:
      url: https://api.example.com/v1/incidents
      headers: {Authorization: "Bearer ${INCIDENTS_TOKEN}"}
      query: {state: closed}
      list: data.items                      # where the list is; else the answer is one, or has one
      where: {mode: [standard, drill], deleted_at: null}
      fields: {id: reference, title: name, severity: severity.name}
      next: {cursor: meta.after, query: after}

``next`` is ``link`` (the ``Link`` header), ``{url: PATH}``, ``{cursor: PATH, query: NAME}``,
``{offset: NAME, more: PATH}`` or ``{page: NAME}``. ``${NAME}`` is a variable of the environment;
what is made of an empty ``${NAME:-}`` is left out. A credential comes from there alone: what the
names of headers, ``basic`` and the address give away as one may not stand in the block.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pytest_postmortem.errors import Problem, RegistryError
from pytest_postmortem.registry import fields
from pytest_postmortem.registry.addresses import IN_CLEAR, wrong_address
from pytest_postmortem.registry.paths import Spot, spots
from pytest_postmortem.registry.reading import READ_REGISTRY
from pytest_postmortem.registry.remote import Request, Unreachable
from pytest_postmortem.registry.tables import Table

__all__ = ["KEYS", "Next", "Source", "source_from"]

KEYS = (
    *("url", "headers", "query", "basic", "list", "where", "fields", "next", "partial"),
    "insecure",
)
"""What a block may hold, beside ``preset`` and ``base``."""

NEXT: Mapping[str, str] = {"url": "below", "cursor": "query", "offset": "more", "page": "more"}
"""The ways to find the next page, and what each may have beside it."""

_VARIABLE = re.compile(r"\$\{(\w+)(:-([^}]*))?\}")
_SECRET = re.compile(r"token|key|secret|pass|auth|credential", re.IGNORECASE)
_CREDENTIAL = re.compile(r"token|key|secret|password|auth|credential|cookie", re.IGNORECASE)
_HEADER = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
_PART = r"(?:\$\{[^}]*\}|\$(?!\{)|[^$/?#@%s])*"
_ADDRESS = re.compile(
    rf"(?P<scheme>(?:https?://)?)(?:(?P<user>{_PART % ':'})(?::(?P<password>{_PART % ''}))?@)?"
    r"(?P<place>[^?]*)(?P<query>.*)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Next:
    """How the next page is found; ``more`` is the path of what says that there is one."""

    kind: Literal["link", "url", "cursor", "offset", "page"]
    path: str = ""
    query: str = ""
    below: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A list somewhere on the network: what to ask for, and what to read from the answer.

    ``shown`` is how the reader knows it. ``where`` keeps the items that have one of the texts
    at a path; None stands for nothing there, ``*`` for anything. ``partial`` says why the list
    is never whole, ``insecure`` that a credential
    may be sent without encryption. ``sure`` are the fields that every answer should have, None
    for all of them.
    """

    shown: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    basic: tuple[str, str] | None = None
    list: str | None = None
    where: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    fields: Mapping[str, tuple[Spot, ...]] = field(default_factory=dict)
    next: Next | None = None
    partial: str | None = None
    insecure: bool = False
    sure: tuple[str, ...] | None = None

    @property
    def described(self) -> str:
        """All of it as one text without any secret, to tell it from what it was before."""
        return repr(self)

    def place(self, environ: Mapping[str, str]) -> str:
        """Return where it is read from now, of which only a digest may be kept."""
        try:
            request = self.request({**dict.fromkeys(self._variables(), "-"), **environ})
        except Unreachable:
            return ""
        return repr((request.url, request.query))

    def _variables(self) -> Iterator[str]:
        for text in (*self.headers.values(), *(self.basic or ())):
            yield from (found[1] for found in _VARIABLE.finditer(text))

    def request(self, environ: Mapping[str, str]) -> Request:
        """Return what to send, with the variables of the environment put in.

        Raises:
            Unreachable: A variable is not set, or can't be sent.
        """
        filled = _Filling(environ)
        url, basic = filled.address(self.url)
        return Request(
            url=url,
            query=tuple(filled.all(self.query)),
            headers=dict(filled.all(self.headers)),
            basic=filled.pair(*self.basic) if self.basic else basic,
            secrets=tuple(filled.secrets),
            unset=tuple(filled.unset),
            insecure=self.insecure,
        )


class _Filling:
    """Puts variables of the environment into texts, and remembers those that are secret."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.secrets: dict[str, None] = {}
        self.unset: dict[str, None] = {}

    def all(self, texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Yield names and filled texts, without those that an empty variable leaves pointless."""
        for name, text in texts.items():
            if not self._is_pointless(text):
                yield name, self._fill(text)

    def pair(self, user: str, password: str) -> tuple[str, str] | None:
        """Return a user and a password, of which nobody may see the form in which they are sent."""
        if self._is_pointless(user) or self._is_pointless(password):
            return None
        return self._pair(self._fill(user), self._fill(password))

    def address(self, text: str) -> tuple[str, tuple[str, str] | None]:
        """Return an address without what stands before its host, and that as user and password.

        In the query, where it is percent-encoded, a variable is secret, elsewhere by its name.
        """
        found = _ADDRESS.fullmatch(text)
        assert found is not None  # it matches any text
        place = self._fill(found["place"], secret=False)
        query = found["query"].split("&")
        told = (self._fill(part, quoted=True) for part in query if not self._is_pointless(part))
        url = found["scheme"] + place + "&".join(told)
        if found["user"] is not None:
            return url, self.pair(unquote(found["user"]), unquote(found["password"] or ""))
        return self._whole(url) if "${" in found["place"] else (url, None)

    def _whole(self, url: str) -> tuple[str, tuple[str, str] | None]:
        """Return what `address` does for one that stands in a variable, with all that it holds."""
        if wrong_address(url) not in (None, IN_CLEAR):
            return url, None
        parts = urlsplit(url)
        for _, value in parse_qsl(parts.query):
            self._remember(value)
        before, at, host = parts.netloc.rpartition("@")
        if not at:
            return url, None
        user, _, password = before.partition(":")
        self._remember(unquote(password or user))
        return parts._replace(netloc=host).geturl(), self._pair(unquote(user), unquote(password))

    def _pair(self, user: str, password: str) -> tuple[str, str]:
        self._remember(b64encode(f"{user}:{password}".encode()).decode())
        return user, password

    def _is_pointless(self, text: str) -> bool:
        empty = [found[1] for found in _VARIABLE.finditer(text) if not self._value(found)]
        self.unset.update(dict.fromkeys(filter(_SECRET.search, empty)))
        return bool(empty)

    def _value(self, found: re.Match[str]) -> str:
        name, default = found[1], found[3]
        value = self._environ.get(name, "").strip() or default
        if value is None:
            raise Unreachable(f"the environment variable {name} is not set", "set it")
        if not value.isprintable():
            raise Unreachable(f"{name} holds characters that can't be sent", "set it anew")
        return str(value)

    def _fill(self, text: str, *, secret: bool = True, quoted: bool = False) -> str:
        def filled(found: re.Match[str]) -> str:
            value = self._value(found)
            if value != found[3] and (secret or _SECRET.search(found[1])):
                self._remember(value)
            return quote(value, safe="") if quoted else value

        return _VARIABLE.sub(filled, text)

    def _remember(self, text: str) -> None:
        if text:
            self.secrets[text] = None


def source_from(block: Table, shown: str, line: int | None = None) -> Source:
    """Read a block that has a ``url``.

    Raises: RegistryError with everything that is wrong with it.
    """
    reader = _Reader(block, shown, line)
    source = reader.source()
    if reader.problems:
        raise RegistryError(reader.problems)
    return source


def _based(node: Any, base: str) -> Any:
    """Put the address of a service where ``{base}`` stands."""
    if isinstance(node, Table):
        table = Table(node.line)
        table.lines = node.lines
        table.update((key, _based(value, base)) for key, value in node.items())
        return table
    if isinstance(node, list):
        return [_based(value, base) for value in node]
    return node.replace("{base}", base) if isinstance(node, str) else node


class _Reader:
    """Turns the texts of a block into a `Source`, and gathers what is wrong with them."""

    def __init__(self, block: Table, shown: str, line: int | None) -> None:
        base = block.get("base")
        self._block = _based(block, base.rstrip("/")) if isinstance(base, str) else block
        self._shown = shown
        self._line = line
        self.problems: list[Problem] = []

    def source(self) -> Source:
        for key in self._block:
            if key not in (*KEYS, "preset", "base"):
                self._wrong(key, "is not understood", f"use {', '.join(KEYS)} or preset")
        return Source(
            shown=self._shown,
            url=self._url(),
            headers=self._headers(),
            query=self._texts("query"),
            basic=self._basic(),
            list=self._text("list"),
            where={path: self._wanted(path, value) for path, value in self._table("where")},
            fields={
                name: self._spots(name, value)
                for name, value in self._table("fields")
                if value is not None
            },
            next=self._next(),
            partial=self._text("partial"),
            insecure=self._flag("insecure"),
        )

    def _url(self) -> str:
        url = self._text("url")
        if url is None:
            if not isinstance(self._block.get("url"), (Mapping, list)):
                self._wrong("url", "is missing", "write an address with https://")
            return ""
        found = _ADDRESS.fullmatch(url)
        assert found is not None  # it matches any text
        self._credential("url", found["password"] or "")
        whole = _VARIABLE.sub("1", found["scheme"] + found["place"] + found["query"])
        if not found["scheme"] and _VARIABLE.match(url):
            whole = "https://" + whole  # the variable holds it
        wrong = wrong_address(whole)
        if wrong is not None:
            self._wrong("url", f"can't be asked: {wrong}", "write an address with https://")
        return url

    def _headers(self) -> dict[str, str]:
        headers = self._texts("headers")
        for name, text in headers.items():
            if _CREDENTIAL.search(name):
                self._credential(f"headers.{name}", text)
            if not _HEADER.fullmatch(name) or not text.isprintable():
                self._wrong(f"headers.{name}", "is no header", "write 'Name: text' on one line")
        return headers

    def _basic(self) -> tuple[str, str] | None:
        texts = self._texts("basic")
        if not texts:
            return None
        if set(texts) != {"user", "password"}:
            self._wrong("basic", "is no pair", "write 'user' and 'password' below it")
        self._credential("basic.password", texts.get("password", ""))
        return texts.get("user", ""), texts.get("password", "")

    def _credential(self, key: str, text: str) -> None:
        """Note a credential that does not come from the environment, without telling it."""
        variables = list(_VARIABLE.finditer(text))
        if text and (not variables or any(found[3] for found in variables)):
            self._wrong(
                key,
                "can't be used: a credential stands in the file",
                "put it into a variable of the environment, and write ${NAME}",
            )

    def _wanted(self, path: str, value: Any) -> tuple[str | None, ...]:
        wanted = tuple(value) if isinstance(value, list) else (value,)
        if not all(each is None or isinstance(each, str) for each in wanted):
            self._wrong(f"where.{path}", "is no text", "write a text, a list of texts, or null")
            return ()
        return wanted

    def _spots(self, name: str, value: Any) -> tuple[Spot, ...]:
        try:
            return spots(value)
        except ValueError as error:
            cause, remedy = error.args
            self._wrong(f"fields.{name}", cause, remedy)
            return ()

    def _next(self) -> Next | None:
        value = self._block.get("next")
        if value is None or value == "link":
            return None if value is None else Next("link")
        texts = dict(value) if isinstance(value, Mapping) else {}
        kind = next((kind for kind in NEXT if kind in texts), None)
        known = {kind, NEXT.get(kind or "")}
        if kind is None or not all(isinstance(text, str) for text in texts.values()):
            remedy = "see reference/registry.md in pytest-postmortem's docs"
            self._wrong("next", "names no way to the next page", remedy)
            return None
        for key in texts:
            if key not in known:
                self._wrong(f"next.{key}", f"has no meaning beside {kind!r}", "remove it")
        if kind == "cursor" and "query" not in texts:
            self._wrong("next", "has no 'query'", "name the parameter that takes the cursor")
        own = texts[kind]
        beside = {key: texts[key] for key in ("query", "below", "more") if key in texts}
        if kind in ("offset", "page"):
            return Next(kind, **{"query": own, **beside})  # type: ignore[arg-type]  # of NEXT
        return Next(kind, own, **beside)  # type: ignore[arg-type]  # of NEXT

    def _text(self, name: str) -> str | None:
        value = self._block.get(name)
        if value is None or isinstance(value, str):
            return (value or "").strip() or None
        self._wrong(name, "is no text", f"write {name!r} as one text")
        return None

    def _flag(self, name: str) -> bool:
        text = (self._text(name) or "false").casefold()
        if text not in ("true", "false"):
            self._wrong(name, "is neither true nor false", f"write '{name}: true', or remove it")
        return text == "true"

    def _table(self, name: str) -> Iterator[tuple[str, Any]]:
        value = self._block.get(name)
        if isinstance(value, Mapping):
            yield from value.items()
        elif value:
            self._wrong(name, "is no mapping", f"write names and values below {name!r}")

    def _texts(self, name: str) -> dict[str, str]:
        texts = {}
        for key, value in self._table(name):
            if isinstance(value, str):
                texts[key] = value.strip()
            elif value is not None:
                self._wrong(f"{name}.{key}", "is no text", "write it as one text")
        return texts

    def _wrong(self, key: str, cause: str, remedy: str) -> None:
        name, _, rest = key.partition(".")
        inner = self._block.get(name)
        line = self._block.lines.get(name, self._line)
        if isinstance(inner, Table):
            line = inner.lines.get(rest, line)
        cause = f"{key!r} of the source {fields.clean(cause)}"
        self.problems.append(
            Problem("source-block", READ_REGISTRY, cause, remedy, self._shown, line)
        )
