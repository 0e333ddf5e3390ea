"""Send one request with limits of time and size; the only module that knows HTTP.

A request ends in an `HttpAnswer`, in None if the server says that nothing has changed, or in an
`UnreachableError`, whose texts have no address beyond the host, no header and nothing of the
answer. Settings of one origin are sent to no other, and cookies to none.
"""

from __future__ import annotations

import codecs
import ipaddress
import logging
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from pytest_postmortem import __version__
from pytest_postmortem.errors import RegistryError
from pytest_postmortem.registry import parsers
from pytest_postmortem.registry.fields import MAX_SHORT_TEXT, normalize_key
from pytest_postmortem.registry.file_bytes import READ_REGISTRY
from pytest_postmortem.registry.remote.redaction import SecretRedactor
from pytest_postmortem.text import clean_text, shorten_text

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

ERROR_TEXT_KEYS = (
    *("error_description", "detail", "message", "error_message", "error_messages", "error"),
    *("errors", "errormessages", "msg", "fault", "reason", "title"),
)
"""The keys under which services write an error message, best first."""

ERROR_ONLY_KEYS = (
    *("error", "error_description", "error_message", "error_messages", "errormessages", "errors"),
    "fault",
)
"""Keys that only an error has, if their value is not empty."""

ERROR_CONTEXT_KEYS = frozenset(
    "code details documentation_url error_code error_description errorcode instance link ok path "
    "request_id requestid status status_code statuscode success timestamp trace_id traceid type "
    "url version".split()
)
"""Keys next to the text of an error that have no message themselves."""

MAX_ERROR_TEXTS = 3
MAX_ERROR_DEPTH = 4

EMPTY_ERROR_VALUES: tuple[Any, ...] = (None, "", "false", "null", "0", [], {})


def is_error_answer(tree: Any) -> bool:
    """Return whether an answer reports an error instead of, or with, the data."""
    if not isinstance(tree, Mapping):
        return False
    values_by_key = {normalize_key(key): value for key, value in tree.items()}
    if any(values_by_key.get(key) not in EMPTY_ERROR_VALUES for key in ERROR_ONLY_KEYS):
        return True
    if any(str(values_by_key.get(key)).casefold() == "false" for key in ("ok", "success")):
        return True
    return ERROR_CONTEXT_KEYS.issuperset(values_by_key.keys() - {*ERROR_TEXT_KEYS}) and any(
        isinstance(values_by_key.get(key), str) for key in ERROR_TEXT_KEYS
    )


def find_error_text(tree: Any) -> str:
    """Return the error message of an answer, an empty text if it has none under a known key."""
    texts = map(str.strip, _find_error_texts(tree, MAX_ERROR_DEPTH))
    return "; ".join([*dict.fromkeys(filter(None, texts))][:MAX_ERROR_TEXTS])


def _find_error_texts(node: Any, depth: int) -> Iterator[str]:
    if not depth:
        return
    if isinstance(node, Mapping):
        values_by_key = {normalize_key(key): value for key, value in node.items()}
        text_values = [values_by_key[key] for key in ERROR_TEXT_KEYS if key in values_by_key]
        for value in text_values or (values_by_key.values() if depth < MAX_ERROR_DEPTH else ()):
            yield from _find_error_texts(value, depth - 1)
    elif isinstance(node, list):
        for item in node[:MAX_ERROR_TEXTS]:
            yield from _find_error_texts(item, depth - 1)
    elif isinstance(node, str) and node not in EMPTY_ERROR_VALUES:
        yield node


CLEARTEXT_CREDENTIAL = "a credential is sent over https alone"
CLEARTEXT_REMEDY = "write https://, or add 'insecure: true' if your own network is trusted"


def parse_url_origin(url: str) -> tuple[str, str, int | None]:
    """Return the origin to which a credential belongs: scheme, host and port.

    Source: https://www.rfc-editor.org/rfc/rfc6454#section-4
    """
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port


def find_address_problem(url: str, secret: bool = False) -> str | None:
    """Return the reason why an address can't be requested, with a credential if ``secret``."""
    try:
        parts = urlsplit(url)
        scheme, host, _ = parse_url_origin(url)
    except ValueError:
        return "it is not an address"
    if scheme not in ("http", "https"):
        return "it is neither http nor https"
    if not host or re.search(r"[\s\\]", url):
        return "it names no host"
    if scheme == "http" and (secret or parts.password) and not is_loopback_host(host):
        return CLEARTEXT_CREDENTIAL
    return None


def is_loopback_host(host: str) -> bool:
    """Return whether a host is this machine, by its text alone."""
    return classify_host(host) == "machine"


def classify_host(host: str) -> Literal["machine", "private", "public"]:
    """Return the network of a host, by its text alone; 127.1 is an address as well."""
    host = host.rstrip(".")
    try:
        address = ipaddress.ip_address(host if ":" in host else socket.inet_aton(host))
    except (OSError, ValueError):
        return "machine" if f".{host}".endswith(".localhost") else "public"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return "machine" if address.is_loopback else "public" if address.is_global else "private"


RETRY_LATER = "ask again later"
CORRECT_ADDRESS = "correct the address"
ASK_LESS_OFTEN = "ask again later, or let runs read the file that `pytest-postmortem sync` writes"
SERVER_FAILED = ("the server failed", RETRY_LATER)
NOT_DECOMPRESSED = ("the answer can't be decompressed", RETRY_LATER)
STATUS_EXPLANATIONS: Mapping[int, tuple[str, str]] = {
    401: ("the credential is missing or was refused", "check the token, and that it has not ended"),
    403: ("the credential may not read this", "give the token the right to read it"),
    404: (
        "there is nothing at this address",
        "correct it; some services answer this if the token has no access",
    ),
    407: ("the proxy asks for a credential", "check HTTPS_PROXY and NO_PROXY"),
    410: ("this address is gone", "ask the service where it is now"),
    429: ("it has been asked too often", ASK_LESS_OFTEN),
}

MAX_ERROR_BODY = 100_000
"""The number of bytes of a refusal that are read."""


class UnreachableError(Exception):
    """A registry can't be read over the network; has the cause and the remedy.

    ``status`` is that of HTTP, if there was an answer.
    """

    def __init__(self, cause: str, remedy: str, status: int | None = None) -> None:
        super().__init__(cause)
        self.cause, self.remedy, self.status = cause, remedy, status


def raise_for_refusal(response: requests.Response, redactor: SecretRedactor) -> NoReturn:
    """Raise an error for an unsuccessful answer, with the message of the service."""
    status = response.status_code
    usual = ("it did not answer the question", CORRECT_ADDRESS) if status < 500 else SERVER_FAILED
    wait = response.headers.get("Retry-After", "").strip()
    limited = status == 403 and (wait or response.headers.get("X-RateLimit-Remaining") == "0")
    cause, remedy = STATUS_EXPLANATIONS.get(429 if limited else status, usual)
    if status == 403 and wait.isascii() and wait.isdecimal():
        cause = f"it asks to wait for {wait[:9]} seconds"
    message = format_service_message(_read_error_text(response), redactor)
    raise UnreachableError(f"{cause} (HTTP {status}){message}", remedy, status)


def format_service_message(text: str, redactor: SecretRedactor) -> str:
    """Return the error message of a service, as the end of a cause."""
    text = shorten_text(clean_text(redactor.redact_text(text)), MAX_SHORT_TEXT)
    return f": the service says {text!r}" if text else ""


def _read_error_text(response: requests.Response) -> str:
    """Return the text about the error in an answer, as far as it is JSON."""
    if "json" not in response.headers.get("Content-Type", "").lower():
        return ""
    body = bytearray()
    with suppress(requests.RequestException, HTTPError, OSError, ValueError, RegistryError):
        for chunk in response.iter_content(4096):
            body += chunk
            if len(body) > MAX_ERROR_BODY:
                return ""
        text = body.decode("utf-8-sig", errors="replace")
        tree = parsers.parse_data_text(text, ".json", failed=READ_REGISTRY, path="")
        return find_error_text(tree)
    return ""


@contextmanager
def translate_http_errors(url: str) -> Iterator[None]:
    """Translate the exceptions of requests, whose texts contain whole addresses."""
    try:
        yield
    except requests.RequestException as error:
        raise UnreachableError(*_explain_http_error(error, urlsplit(url).hostname)) from None
    except (HTTPError, OSError, ValueError):  # a body broken within, an odd header
        raise UnreachableError("the answer can't be read", RETRY_LATER) from None


def _explain_http_error(error: requests.RequestException, host: str | None) -> tuple[str, str]:
    reason = getattr(error.args[0], "reason", error.args[0]) if error.args else None
    if isinstance(error, requests.exceptions.SSLError):
        if "CERTIFICATE_VERIFY_FAILED" not in str(error):
            return f"{host} speaks no TLS that is understood here", "check the address"
        remedy = "fix it, or name your authority's bundle in REQUESTS_CA_BUNDLE"
        return f"the certificate of {host} is not trusted", remedy
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not answer", "check HTTPS_PROXY and NO_PROXY"
    if "NameResolution" in type(reason).__name__ or "not known" in str(reason):
        return f"the name {host} does not resolve", "correct the address, or check the network"
    if "Timeout" in type(reason).__name__:
        return f"{host} does not answer in time", RETRY_LATER
    if isinstance(error, (requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        refused = "refused" in str(reason).lower()
        action = "refuses the connection" if refused else "broke the connection off"
        return f"{host} {action}", "check the address and the network, or ask again later"
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return NOT_DECOMPRESSED
    return "the address can't be asked", CORRECT_ADDRESS


T = TypeVar("T")

USER_AGENT = f"pytest-postmortem/{__version__} (python-requests/{requests.__version__})"
ACCEPT_HEADER = "application/json, application/yaml;q=0.9, text/plain;q=0.5, */*;q=0.1"
REQUEST_HEADERS = {
    "User-Agent": USER_AGENT,
    "Accept": ACCEPT_HEADER,
    "Accept-Encoding": "gzip, deflate",
}
CHUNK_SIZE = 16_384  # of which no compression that is taken makes more than 17 MB
ACCEPTED_COMPRESSIONS = ("", "identity", "gzip", "deflate")
PYTHON_CODECS = ("idna", "punycode", "raw-unicode-escape", "unicode-escape")
"""Codecs that are no charsets, and that only Python knows."""

RETRIED_STATUSES = (429, 500, 502, 503, 504)
REDIRECT_STATUSES = (301, 302, 303, 307, 308)
NO_PROXIES = {"http": "", "https": "", "all": ""}
"""The setting that keeps requests from using a proxy of the environment."""

_URLLIB3_LOGGERS = "connection connectionpool poolmanager response util.retry".split()
_CHARSET_PARAMETER = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Limits of a request: seconds, bytes after decompression, and numbers.

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
    """A request; ``headers`` and ``basic`` are sent only to the origin of ``url``.

    The user information of ``url`` is not sent. ``secrets`` are the texts that must not be sent to
    another origin; an answer may repeat them, and its reader has to redact them. ``unset`` are the
    empty variables of a credential, ``insecure`` says that a credential may be sent unencrypted.
    A request with ``post`` sends it as JSON. One with a ``method`` changes something, so it is
    redirected within its origin alone.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    basic: tuple[str, str] | None = None
    secrets: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()
    insecure: bool = False
    post: Mapping[str, Any] | None = None
    method: Literal["POST", "PATCH", "PUT", "DELETE"] | None = None


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The answer of a server: ``following`` is the next page of its ``Link`` header, absolute."""

    text: str
    type: str
    etag: str | None = None
    modified: str | None = None
    following: str | None = None


class HttpClient:
    """Sends requests, one after another, over the same connections."""

    def __init__(self, limits: HttpLimits = DEFAULT_LIMITS) -> None:
        self._limits, self.more = limits, False  # whether an unchanged page has a next one
        self._session = _NoRedirectSession()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        retry = _BoundedRetry(
            limits.retries,
            status_forcelist=RETRIED_STATUSES,
            allowed_methods=None,  # a POST asks, too, and a change that is sent twice is found
            raise_on_status=False,
        )
        retry.backoff_factor, retry.longest = limits.backoff, limits.wait
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self._session.close()

    def fetch_page(
        self, request: HttpRequest, etag: str | None = None, modified: str | None = None
    ) -> HttpAnswer | None:
        """Return the answer, or None if the content of ``etag`` or ``modified`` is still valid.

        Raises: UnreachableError if there is no answer in time, or it is too large or a refusal.
        """
        secret = bool(request.basic or request.secrets) and not request.insecure
        address_problem = find_address_problem(request.url, secret)
        if address_problem is not None:
            cleartext = address_problem == CLEARTEXT_CREDENTIAL
            raise UnreachableError(
                address_problem, CLEARTEXT_REMEDY if cleartext else CORRECT_ADDRESS
            )
        validators = {"If-None-Match": etag, "If-Modified-Since": modified}
        headers = REQUEST_HEADERS | {name: value for name, value in validators.items() if value}
        return _run_with_deadline(self._limits.total, lambda: self._get_answer(request, headers))

    def _get_answer(self, request: HttpRequest, headers: Mapping[str, str]) -> HttpAnswer | None:
        url, redactor = request.url, SecretRedactor(request.secrets)
        for _ in range(self._limits.redirects + 1):
            with (
                _mute_urllib3_loggers(),
                translate_http_errors(url),
                self._send_request(request, url, headers) as response,
            ):
                if response.status_code in REDIRECT_STATUSES and "Location" in response.headers:
                    url = _resolve_redirect(url, response.headers["Location"], request)
                    continue
                if response.status_code == 304:
                    self.more = "next" in response.links
                    return None
                if not 200 <= response.status_code < 300:
                    raise_for_refusal(response, redactor)
                return _build_answer(response, self._read_body(response), redactor)
        cause = f"it redirects more than {self._limits.redirects} times"
        raise UnreachableError(cause, CORRECT_ADDRESS)

    def _send_request(
        self, request: HttpRequest, url: str, headers: Mapping[str, str]
    ) -> requests.Response:
        """Send one request; the settings of an origin are sent to no other origin.

        A request to this machine uses no proxy.
        """
        at_home = parse_url_origin(url) == parse_url_origin(request.url)
        own_headers = request.headers if at_home else {}
        basic = request.basic if at_home else None
        return self._session.request(
            request.method or ("GET" if request.post is None else "POST"),
            url,
            json=request.post,
            headers={**headers, **{name: text.encode() for name, text in own_headers.items()}},
            auth=HTTPBasicAuth(*(text.encode() for text in basic)) if basic else _skip_netrc,
            proxies=NO_PROXIES if is_loopback_host(urlsplit(url).hostname or "") else None,
            timeout=(self._limits.connect, self._limits.read),
            allow_redirects=False,
            stream=True,
        )

    def _read_body(self, response: requests.Response) -> bytearray:
        """Return the body, decompressed, as long as it is not too large."""
        compression = response.headers.get("Content-Encoding", "").strip().lower()
        if compression not in ACCEPTED_COMPRESSIONS:
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
    """Retries as urllib3 does, but gives up at once if the server asks for a long wait."""

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
            raise UnreachableError(f"it asks to wait for {wait:.0f} seconds", ASK_LESS_OFTEN)
        super().sleep(response)


def _resolve_redirect(url: str, location: str, request: HttpRequest) -> str:
    """Return where a redirect leads, if it leads somewhere that may be asked."""
    try:
        target = urljoin(url, location)
        problem = _find_redirect_problem(url, target, request)
    except ValueError:
        problem = "it is not an address"
    if problem is not None:
        raise UnreachableError(f"its redirect is not followed: {problem}", CORRECT_ADDRESS)
    return target


def _find_redirect_problem(url: str, target: str, request: HttpRequest) -> str | None:
    home, target_origin = parse_url_origin(request.url), parse_url_origin(target)
    address_problem = find_address_problem(target)
    if address_problem is not None:
        return address_problem
    if target_origin[0] == "http" and urlsplit(url).scheme == "https":
        return "it leads from https to http"
    if classify_host(home[1]) == "public" != classify_host(target_origin[1]):
        return "it leads into a private network"
    if target_origin != home and request.method is not None:
        return "it leads a change elsewhere"
    if target_origin != home and SecretRedactor(request.secrets).has_secret(target):
        return "it leads elsewhere with a credential in it"
    return None


def _build_answer(
    response: requests.Response, body: bytearray, redactor: SecretRedactor
) -> HttpAnswer:
    type, _, parameters = response.headers.get("Content-Type", "").partition(";")
    charset_match = _CHARSET_PARAMETER.search(parameters)
    charset = charset_match[1] if charset_match else "utf-8-sig"
    try:
        if codecs.lookup(charset).name in PYTHON_CODECS:
            raise LookupError
        text = body.decode(charset).removeprefix("\ufeff")
        text.encode()  # a text with half a character is none
    except (LookupError, ValueError):
        raise UnreachableError("the answer is not a text", CORRECT_ADDRESS) from None
    validators = (response.headers.get(name, "") for name in ("ETag", "Last-Modified"))
    etag, modified = (None if redactor.has_secret(text) else text or None for text in validators)
    link = response.links.get("next", {}).get("url")
    following = urljoin(response.url, link) if link else None
    return HttpAnswer(text, type.strip().lower(), etag, modified, following)


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
    """Run work in a thread that is abandoned when the time is up.

    No time-out of a socket ends a server that sends a byte a second, and none a name server
    that is silent.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # raised again by the waiting thread
            outcome.set_exception(error)

    threading.Thread(target=run, name="pytest-postmortem", daemon=True).start()
    try:
        return outcome.result(seconds)
    except TooLate:
        raise UnreachableError(f"it took longer than {seconds:g} seconds", RETRY_LATER) from None
