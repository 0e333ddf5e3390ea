"""What HTTP, requests and urllib3 report → a cause and a remedy in words.

None of them holds an address beyond the host, a header, or what an exception quotes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import NoReturn
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from pytest_postmortem.errors import RegistryError
from pytest_postmortem.registry import fields, formats
from pytest_postmortem.registry.reading import READ_REGISTRY
from pytest_postmortem.registry.secrets import SecretRedactor
from pytest_postmortem.registry.service_errors import find_error_text

__all__ = [
    "ASK_LESS_OFTEN",
    "CORRECT_ADDRESS",
    "NOT_DECOMPRESSED",
    "RETRY_LATER",
    "UnreachableError",
    "format_service_message",
    "raise_for_refusal",
    "translate_http_errors",
]

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
        "correct it; some services say so when the token may not see what is there",
    ),
    407: ("the proxy asks for a credential", "check HTTPS_PROXY and NO_PROXY"),
    410: ("what was at this address is gone", "ask the service where it is now"),
    429: ("it has been asked too often", ASK_LESS_OFTEN),
}
MAX_ERROR_BODY = 100_000
"""The bytes that are read of an answer that refuses."""


class UnreachableError(Exception):
    """A registry can't be read over the network: the cause, and what to do about it.

    ``status`` is that of HTTP, where there was an answer.
    """

    def __init__(self, cause: str, remedy: str, status: int | None = None) -> None:
        super().__init__(cause)
        self.cause, self.remedy, self.status = cause, remedy, status


def raise_for_refusal(response: requests.Response, redactor: SecretRedactor) -> NoReturn:
    """Report an answer that is no success, with what the service says about it."""
    status = response.status_code
    usual = ("it did not answer the question", CORRECT_ADDRESS) if status < 500 else SERVER_FAILED
    wait = response.headers.get("Retry-After", "").strip()
    spent = response.headers.get("X-RateLimit-Remaining") == "0"
    cause, remedy = STATUS_EXPLANATIONS.get(
        429 if status == 403 and (wait or spent) else status, usual
    )
    if status == 403 and wait.isascii() and wait.isdecimal():
        cause = f"it asks to be left alone for {wait[:9]} seconds"
    raise UnreachableError(
        f"{cause} (HTTP {status}){format_service_message(_read_error_text(response), redactor)}",
        remedy,
        status,
    )


def format_service_message(text: str, redactor: SecretRedactor) -> str:
    """Return what a service says about an error, as the end of a cause."""
    text = fields.clean_text(redactor.redact_text(text))
    if len(text) > fields.MAX_SHORT_TEXT:
        text = f"{text[: fields.MAX_SHORT_TEXT]}…"
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
        return find_error_text(
            formats.parse_data_text(text, ".json", failed=READ_REGISTRY, path="")
        )
    return ""


@contextmanager
def translate_http_errors(url: str) -> Iterator[None]:
    """Turn what requests raises, which quotes addresses with all that is in them, into words."""
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
        remedy = "mend it, or name your authority's bundle in REQUESTS_CA_BUNDLE"
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
