"""Which way a request goes: never through a proxy to this machine, never in clear with a token."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_postmortem.errors import RegistryError
from pytest_postmortem.model import Location, Registry
from pytest_postmortem.registry import LoadOptions, load_registry
from server import Asked, Reply, Server, serving

TOKEN = "s3cret-token-of-44-characters-0123456789abcd"
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serve as a proxy for everything, which answers with a registry of its own."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TOK", TOKEN)
    with serving() as running:
        running.on("/pm", Reply([{"id": "PROXY"}]))
        for name in VARIABLES:
            monkeypatch.setenv(name, running.url)
        yield running


def read(folder: Path, url: str, more: str = "", *, secret: bool = True) -> Registry:
    """Load what a source with a credential gives."""
    header = "  headers: {Authorization: 'Bearer ${TOK}'}\n" if secret else ""
    (folder / "pm.yml").write_text(f"source:\n  url: {url}\n{header}{more}")
    return load_registry([Location("pm.yml", folder)], folder, LoadOptions())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "127.1", "2130706433"])
@pytest.mark.parametrize("secret", [True, False], ids=["credential", "open"])
def test_no_proxy_is_between_a_machine_and_itself(
    tmp_path: Path, server: Server, proxy: Server, host: str, secret: bool
) -> None:
    """Whatever the environment says, a server on this machine is asked directly."""
    server.on("/pm", Reply([{"id": "PM-1"}]))

    found = read(tmp_path, f"{server.url}/pm".replace("127.0.0.1", host), secret=secret)

    assert [each.id for each in found] == ["PM-1"]
    assert proxy.asked == []


def test_a_redirect_to_this_machine_takes_no_proxy_either(
    tmp_path: Path, server: Server, proxy: Server
) -> None:
    """The address that is asked decides, not the one that was configured."""
    server.on("/a", Reply("", 302, {"Location": f"{server.url}/pm"}))
    server.on("/pm", Reply([{"id": "PM-1"}]))

    assert [each.id for each in read(tmp_path, f"{server.url}/a")] == ["PM-1"]
    assert proxy.asked == []


def test_the_page_after_the_first_takes_no_proxy_either(
    tmp_path: Path, server: Server, proxy: Server
) -> None:
    """Every page is asked like the first."""
    link = {"Link": f'<{server.url}/pm?page=2>; rel="next"'}
    server.on("/pm", Reply([{"id": "PM-1"}], headers=link), Reply([{"id": "PM-2"}]))

    found = read(tmp_path, f"{server.url}/pm", "  next: link\n")

    assert [each.id for each in found] == ["PM-1", "PM-2"]
    assert proxy.asked == []


PLACES = {
    "header": "  url: http://tracker.example/pm\n  headers: {X-Key: '${TOK}'}\n",
    "basic": "  url: http://tracker.example/pm\n  basic: {user: me, password: '${TOK}'}\n",
    "userinfo": "  url: http://me:${TOK}@tracker.example/pm\n",
    "query": "  url: http://tracker.example/pm\n  query: {key: '${TOK}'}\n",
    "private": "  url: http://10.1.2.3/pm\n  headers: {X-Key: '${TOK}'}\n",
    "ipv6": "  url: 'http://[fd00::1]/pm'\n  headers: {X-Key: '${TOK}'}\n",
    "capitals": "  url: HTTP://tracker.example/pm\n  headers: {X-Key: '${TOK}'}\n",
}


@pytest.mark.parametrize("place", PLACES)
def test_a_credential_is_not_sent_in_clear(tmp_path: Path, proxy: Server, place: str) -> None:
    """Over http to another machine it is not sent at all, and the message says what to do."""
    (tmp_path / "pm.yml").write_text(f"source:\n{PLACES[place]}")

    found = load_registry([Location("pm.yml", tmp_path)], tmp_path, LoadOptions())

    assert proxy.asked == []
    assert [finding.message for finding in found.findings] == [
        "it can't be read: a credential is sent over https alone; its ids are not checked, and"
        " gates are not judged; write https://, or add 'insecure: true' if your own network"
        " is trusted"
    ]


@pytest.mark.parametrize("place", PLACES)
def test_a_source_may_allow_it(tmp_path: Path, proxy: Server, place: str) -> None:
    """A tracker of one's own network may have no certificate: ``insecure: true`` says so."""
    (tmp_path / "pm.yml").write_text(f"source:\n{PLACES[place]}  insecure: true\n")

    found = load_registry([Location("pm.yml", tmp_path)], tmp_path, LoadOptions())

    assert [each.id for each in found] == ["PROXY"]
    assert [asked.path for asked in proxy.asked] == ["/pm"]


def test_a_redirect_to_http_carries_nothing_even_then(tmp_path: Path, proxy: Server) -> None:
    """``insecure`` holds for the address of the source alone."""

    def moved(asked: Asked) -> Reply:
        return Reply("", 302, {"Location": "http://elsewhere.example/pm"})

    proxy.on("/a", moved)

    read(tmp_path, "http://tracker.example/a", "  insecure: true\n")

    first, second = proxy.asked
    assert first.headers["authorization"] == f"Bearer {TOKEN}"
    assert second.headers["host"] == "elsewhere.example"
    assert TOKEN not in str(second.headers)


def test_without_a_credential_a_proxy_is_asked(tmp_path: Path, proxy: Server) -> None:
    """What is nobody's secret may go in clear."""
    found = read(tmp_path, "http://tracker.example/pm", secret=False)

    assert [each.id for each in found] == ["PROXY"]
    assert proxy.asked[0].headers["host"] == "tracker.example"


def test_a_proxy_sees_nothing_of_what_goes_over_https(
    tmp_path: Path, proxy: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for a tunnel, and the credential waits for the certificate."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        heads: list[bytes] = []

        def refuse() -> None:
            while True:
                connection, _ = listening.accept()
                with connection:
                    heads.append(connection.recv(65536))
                    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=refuse, daemon=True).start()
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{listening.getsockname()[1]}")
        monkeypatch.delenv("HTTPS_PROXY")
        monkeypatch.setattr(time, "sleep", lambda seconds: None)  # between the attempts

        found = read(tmp_path, "https://tracker.example/pm")

    assert heads[0].startswith(b"CONNECT tracker.example:443 HTTP/1.")
    assert not [head for head in heads if TOKEN.encode() in head or b"uthorization" in head]
    assert [finding.message for finding in found.findings] == [
        "it can't be read: the proxy does not answer; its ids are not checked, and gates are not"
        " judged; check HTTPS_PROXY and NO_PROXY"
    ]


@pytest.mark.parametrize("value", ["yes", "1", "[true]"])
def test_insecure_is_true_or_false(tmp_path: Path, value: str) -> None:
    """Nothing else is taken for an allowance."""
    with pytest.raises(RegistryError, match="'insecure' of the source is "):
        read(tmp_path, "http://tracker.example/pm", f"  insecure: {value}\n")
