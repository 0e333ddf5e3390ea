"""One GET over HTTP, bounded in every way; the only module that knows HTTP.

A request ends in an `HttpAnswer`, in None where the server says that nothing has changed, or in
`UnreachableError`, whose texts hold no address beyond the host, no header and nothing of the
answer. What was configured for one origin is sent to no other, and cookies to nobody.
"""

from __future__ import annotations

import codecs
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from pytest_postmortem import __version__
from pytest_postmortem.registry.addresses import (
    CLEARTEXT_CREDENTIAL,
    CLEARTEXT_REMEDY,
    classify_host,
    find_address_problem,
    is_loopback_host,
    parse_url_origin,
)
from pytest_postmortem.registry.http_errors import (
    ASK_LESS_OFTEN,
    CORRECT_ADDRESS,
    NOT_DECOMPRESSED,
    RETRY_LATER,
    UnreachableError,
    raise_for_refusal,
    translate_http_errors,
)
from pytest_postmortem.registry.secrets import SecretRedactor

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

__all__ = ["HttpAnswer", "HttpClient", "HttpLimits", "HttpRequest", "UnreachableError"]

T = TypeVar("T")

USER_AGENT = f"pytest-postmortem/{__version__} (python-requests/{requests.__version__})"
ACCEPT_HEADER = "application/json, application/yaml;q=0.9, text/plain;q=0.5, */*;q=0.1"
CHUNK_SIZE = 16_384  # of which no compression that is taken makes more than 17 MB
ACCEPTED_COMPRESSIONS = ("", "identity", "gzip", "deflate")
RETRIED_STATUSES = (429, 500, 502, 503, 504)
REDIRECT_STATUSES = (301, 302, 303, 307, 308)
NO_PROXIES = {"http": "", "https": "", "all": ""}
"""What keeps requests from asking a proxy of the environment."""

_URLLIB3_LOGGERS = "connection connectionpool poolmanager response util.retry".split()
_CHARSET_PARAMETER = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """How long and how much: seconds, bytes after decompression, and numbers.

    ``connect`` and ``read`` are those of requests; the latter begins anew with each byte, so
    ``total`` bounds a whole request with its retries and redirects. ``wait`` is the longest
    ``Retry-After`` that is waited for. ``pages`` and ``location`` (seconds) bound one location.
    """

    connect: float = 5
    read: float = 15
    total: float = 30
    wait: float = 10
    retries: int = 3
    backoff: float = 0.3
    redirects: int = 5
    size: int = 50_000_000
    pages: int = 100
    location: float = 120


DEFAULT_LIMITS = HttpLimits()


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request; ``headers`` and ``basic`` go to the origin of ``url`` and nowhere else.

    What ``url`` has before its host is not sent. ``secrets`` are the texts that must go to no
    other origin; the answer may repeat them, and whoever reads it has to take them out.
    ``unset`` are variables of a credential that hold nothing, ``insecure`` says that a credential
    may be sent without encryption.
    """

    url: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    basic: tuple[str, str] | None = None
    secrets: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a server said: ``following`` is the next page of its ``Link`` header, absolute."""

    text: str
    type: str
    etag: str | None = None
    modified: str | None = None
    following: str | None = None


class HttpClient:
    """Sends requests, one after another, over the same connections."""

    def __init__(self, limits: HttpLimits = DEFAULT_LIMITS) -> None:
        self._limits, self.more = limits, False  # whether more follows what has not changed
        self._session = _NoRedirectSession()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        retry = _BoundedRetry(
            limits.retries, status_forcelist=RETRIED_STATUSES, raise_on_status=False
        )
        retry.backoff_factor, retry.longest = limits.backoff, limits.wait
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self._session.close()

    def get(
        self, request: HttpRequest, etag: str | None = None, modified: str | None = None
    ) -> HttpAnswer | None:
        """Return the answer, or None where what ``etag`` or ``modified`` names is still valid.

        Raises: Unreachable where there is none, or it comes too late, is too large or says no.
        """
        secret = bool(request.basic or request.secrets) and not request.insecure
        address_problem = find_address_problem(request.url, secret)
        if address_problem is not None:
            raise UnreachableError(
                address_problem,
                CLEARTEXT_REMEDY if address_problem == CLEARTEXT_CREDENTIAL else CORRECT_ADDRESS,
            )
        headers = {
            "User-Agent": USER_AGENT,
            "Accept": ACCEPT_HEADER,
            "Accept-Encoding": "gzip, deflate",
        }
        validators = {"If-None-Match": etag, "If-Modified-Since": modified}
        headers |= {name: value for name, value in validators.items() if value}
        return _run_with_deadline(self._limits.total, lambda: self._get_answer(request, headers))

    def _get_answer(self, request: HttpRequest, headers: Mapping[str, str]) -> HttpAnswer | None:
        url, home, redactor = (
            request.url,
            parse_url_origin(request.url),
            SecretRedactor(request.secrets),
        )
        for _ in range(self._limits.redirects + 1):
            at_home = parse_url_origin(url) == home
            with (
                _mute_urllib3_loggers(),
                translate_http_errors(url),
                self._send_request(request, url, headers, at_home) as response,
            ):
                if response.status_code in REDIRECT_STATUSES and "Location" in response.headers:
                    url = _resolve_redirect(url, response.headers["Location"], request)
                    continue
                if response.status_code == 304:
                    self.more = "next" in response.links
                    return None
                if not 200 <= response.status_code < 300:
                    raise_for_refusal(response, redactor)
                return _build_answer(response, self._body(response), redactor)
        raise UnreachableError(
            f"it redirects more than {self._limits.redirects} times", CORRECT_ADDRESS
        )

    def _send_request(
        self, request: HttpRequest, url: str, headers: Mapping[str, str], at_home: bool
    ) -> requests.Response:
        """Send one request; what was configured for one origin goes to no other.

        No proxy is between a machine and itself.
        """
        own_headers = (
            {name: text.encode() for name, text in request.headers.items()} if at_home else {}
        )
        basic = request.basic if at_home else None
        return self._session.get(
            url,
            params=request.query if url == request.url else (),
            headers={**headers, **own_headers},
            auth=HTTPBasicAuth(*(text.encode() for text in basic)) if basic else _skip_netrc,
            proxies=NO_PROXIES if is_loopback_host(urlsplit(url).hostname or "") else None,
            timeout=(self._limits.connect, self._limits.read),
            allow_redirects=False,
            stream=True,
        )

    def _body(self, response: requests.Response) -> bytearray:
        """Return the body, decompressed, as long as it is not too large."""
        if (
            response.headers.get("Content-Encoding", "").strip().lower()
            not in ACCEPTED_COMPRESSIONS
        ):
            raise UnreachableError(*NOT_DECOMPRESSED)
        body = bytearray()
        for chunk in response.iter_content(CHUNK_SIZE):
            body += chunk
            if len(body) > self._limits.size:
                cause = f"the answer is larger than {self._limits.size / 1e6:g} MB"
                raise UnreachableError(cause, "ask for less, with a filter or smaller pages")
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and response.raw.tell() < int(length):
            raise requests.exceptions.ChunkedEncodingError
        return body


def _skip_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from looking for a password in ``~/.netrc``."""
    return request


class _NoRedirectSession(requests.Session):
    """A session that leaves redirects alone: of each, requests would read the whole body."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class _BoundedRetry(Retry):
    """Retries as urllib3 does, but gives up at once where the server asks for a long wait."""

    longest: float = 0

    def new(self, **changes: Any) -> _BoundedRetry:
        retry = super().new(**changes)
        retry.longest = self.longest
        return retry

    def increment(self, *given: Any, **named: Any) -> Any:
        retry = super().increment(*given, **named)
        response = named.get("response")
        if response is not None:
            response.close()  # urllib3 would read it to its end, if it has one
        return retry

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        try:
            return super().get_retry_after(response)
        except (HTTPError, ValueError, OverflowError):  # neither seconds nor a date
            return None

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        wait = None if response is None else self.get_retry_after(response)
        if wait is not None and wait > self.longest:
            raise UnreachableError(
                f"it asks to be left alone for {wait:.0f} seconds", ASK_LESS_OFTEN
            )
        super().sleep(response)


def _resolve_redirect(url: str, location: str, request: HttpRequest) -> str:
    """Return where a redirect leads, if it leads somewhere that may be asked."""
    home = parse_url_origin(request.url)
    try:
        target = urljoin(url, location)
        target_origin = parse_url_origin(target)
        redirect_problem = find_address_problem(target)
    except ValueError:
        target, target_origin, redirect_problem = "", home, "it is no address"
    if redirect_problem is None and target_origin[0] == "http" and urlsplit(url).scheme == "https":
        redirect_problem = "it leads from https to http"
    elif redirect_problem is None and classify_host(home[1]) == "public" != classify_host(
        target_origin[1]
    ):
        redirect_problem = "it leads into a private network"
    elif (
        redirect_problem is None
        and target_origin != home
        and SecretRedactor(request.secrets).has_secret(target)
    ):
        redirect_problem = "it leads elsewhere with a credential in it"
    if redirect_problem is not None:
        raise UnreachableError(f"its redirect is not followed: {redirect_problem}", CORRECT_ADDRESS)
    return target


def _build_answer(
    response: requests.Response, body: bytearray, redactor: SecretRedactor
) -> HttpAnswer:
    type, _, parameters = response.headers.get("Content-Type", "").partition(";")
    charset_match = _CHARSET_PARAMETER.search(parameters)
    try:
        text = body.decode(
            _check_charset(charset_match[1]) if charset_match else "utf-8-sig"
        ).removeprefix("\ufeff")
        text.encode()  # a text with half a character is none
    except (LookupError, ValueError):
        raise UnreachableError("the answer is no text", CORRECT_ADDRESS) from None
    validators = (response.headers.get(name, "") for name in ("ETag", "Last-Modified"))
    etag, modified = (
        None if not text or redactor.has_secret(text) else text for text in validators
    )
    link = response.links.get("next", {}).get("url")
    following = urljoin(response.url, link) if link else None
    return HttpAnswer(text, type.strip().lower(), etag, modified, following)


def _check_charset(name: str) -> str:
    """Return the name of a charset, if texts are sent in it.

    Raises: LookupError where there is none, or it is something that only Python knows.
    """
    if codecs.lookup(name).name in ("idna", "punycode", "raw-unicode-escape", "unicode-escape"):
        raise LookupError
    return name


@contextmanager
def _mute_urllib3_loggers() -> Iterator[None]:
    """Keep urllib3 from logging addresses, which may have a token in their query."""
    own_thread = threading.get_ident()

    def others(record: logging.LogRecord) -> bool:
        return record.thread != own_thread

    loggers = [logging.getLogger(f"urllib3.{name}") for name in _URLLIB3_LOGGERS]
    for logger in loggers:
        logger.addFilter(others)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(others)


def _run_with_deadline(seconds: float, work: Callable[[], T]) -> T:
    """Do work in a thread that is left to itself when the time is up.

    No time-out of a socket ends a server that sends a byte a second, and none a name server
    that is silent.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # handed over to whoever waits
            outcome.set_exception(error)

    threading.Thread(target=run, name="pytest-postmortem", daemon=True).start()
    try:
        return outcome.result(seconds)
    except TooLate:
        raise UnreachableError(f"it took longer than {seconds:g} seconds", RETRY_LATER) from None
