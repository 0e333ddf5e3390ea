"""Addresses: what they belong to, who is behind them, and what may be sent there."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Literal
from urllib.parse import urlsplit

__all__ = [
    "CLEARTEXT_CREDENTIAL",
    "CLEARTEXT_REMEDY",
    "classify_host",
    "find_address_problem",
    "is_loopback_host",
    "parse_url_origin",
]

CLEARTEXT_CREDENTIAL = "a credential is sent over https alone"
CLEARTEXT_REMEDY = "write https://, or 'insecure: true' beside it if your own network is trusted"


def parse_url_origin(url: str) -> tuple[str, str, int | None]:
    """Return what a credential belongs to: scheme, host and port.

    Source: https://www.rfc-editor.org/rfc/rfc6454#section-4
    """
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port


def find_address_problem(url: str, secret: bool = False) -> str | None:
    """Say what keeps an address from being asked, a credential along with it if ``secret``."""
    try:
        parts = urlsplit(url)
        scheme, host, _ = parse_url_origin(url)
    except ValueError:
        return "it is no address"
    if scheme not in ("http", "https"):
        return "it is neither http nor https"
    if not host or re.search(r"[\s\\]", url):
        return "it names no host"
    if scheme == "http" and (secret or parts.password) and not is_loopback_host(host):
        return CLEARTEXT_CREDENTIAL
    return None


def is_loopback_host(host: str) -> bool:
    """Say whether a host is this machine, by its text alone."""
    return classify_host(host) == "machine"


def classify_host(host: str) -> Literal["machine", "private", "public"]:
    """Say who can be behind a host, by its text alone; 127.1 is an address as well."""
    host = host.rstrip(".")
    try:
        address = ipaddress.ip_address(host if ":" in host else socket.inet_aton(host))
    except (OSError, ValueError):
        return "machine" if f".{host}".endswith(".localhost") else "public"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return "machine" if address.is_loopback else "public" if address.is_global else "private"
