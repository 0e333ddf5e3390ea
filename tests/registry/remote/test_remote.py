"""One GET over real sockets: what is sent, what comes back, and how everything ends that fails."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests

from pytest_postmortem import __version__
from pytest_postmortem.registry.remote import http
from pytest_postmortem.registry.remote.http import (
    HttpAnswer,
    HttpClient,
    HttpLimits,
    HttpRequest,
    UnreachableError,
)
from server import Asked, Reply, Server, endless, sending, serving, silent

CERTIFICATE = Path(__file__).parents[2] / "data" / "tls" / "localhost.pem"
QUICK = HttpLimits(60, 60, total=60, wait=1, retries=2, backoff=0, redirects=3, size=100_000)
ASK_LESS = "ask again later, or let runs read the file that `pytest-postmortem sync` writes"
CHECK = "check the address and the network, or ask again later"
LATER = "ask again later"
CORRECT = "correct the address"
TOO_LARGE = (
    "the answer is larger than 0.1 MB",
    "ask for less, with a filter or smaller pages",
)
TOKEN = "hunter2-hunter2"


def get(
    url: str,
    limits: HttpLimits = QUICK,
    etag: str | None = None,
    modified: str | None = None,
    **more: Any,
) -> HttpAnswer | None:
    """Ask once, with a client of its own."""
    with HttpClient(limits) as client:
        return client.fetch_page(HttpRequest(url, **more), etag, modified)


def text(url: str, limits: HttpLimits = QUICK, **more: Any) -> str:
    """Return the text of an answer that has to be there."""
    answer = get(url, limits, **more)
    assert answer is not None
    return answer.text


def failure(url: str, limits: HttpLimits = QUICK, **more: Any) -> tuple[str, str]:
    """Return the cause and the remedy of a request that has to fail."""
    with pytest.raises(UnreachableError) as raised:
        get(url, limits, **more)
    assert str(raised.value) == raised.value.cause
    return raised.value.cause, raised.value.remedy


@pytest.fixture
def other() -> Iterator[Server]:
    """Serve a second origin: the same host with another port."""
    with serving() as running:
        yield running


@pytest.fixture
def secure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serve over TLS, with a certificate that is trusted."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    with serving(CERTIFICATE) as running:
        yield running


def test_it_says_who_asks_and_what_for(server: Server) -> None:
    """A request names the tool with its version, and takes nothing that can't be unpacked."""
    server.on("/r", Reply("[]"))

    get(f"{server.url}/r?a=b+c&d=%C3%A9%26", headers={"X-Word": "é", "X-B": "b"})

    (asked,) = server.asked
    assert asked.query == {"a": "b c", "d": "é&"}
    assert asked.headers == {
        "user-agent": f"pytest-postmortem/{__version__} (python-requests/{requests.__version__})",
        "host": server.url.removeprefix("http://"),
        "accept": "application/json, application/yaml;q=0.9, text/plain;q=0.5, */*;q=0.1",
        "accept-encoding": "gzip, deflate",
        "connection": "keep-alive",
        "x-word": "é".encode().decode("latin-1"),
        "x-b": "b",
    }


def test_a_user_and_a_password_are_sent_in_utf_8(server: Server) -> None:
    """RFC 7617 leaves the encoding open; every service means UTF-8."""
    server.on("/r", Reply("[]"))

    get(f"{server.url}/r", basic=("jürgen", "€"))

    assert server.asked[0].headers["authorization"] == "Basic asO8cmdlbjrigqw="


def test_an_answer_is_a_text_with_what_tells_it_from_a_later_one(server: Server) -> None:
    """Type, validators and the next page come along; the latter is made absolute."""
    headers = {
        "Content-Type": "Application/JSON; charset=utf-8",
        "ETag": 'W/"1"',
        "Last-Modified": "Mon, 02 Mar 2026 10:00:00 GMT",
        "Link": '<?page=1>; rel="first", </api/r?page=2>; rel="next"',
    }
    server.on("/api/r", Reply("\ufeff[1]", headers=headers))

    assert get(f"{server.url}/api/r") == HttpAnswer(
        "[1]",
        "application/json",
        'W/"1"',
        "Mon, 02 Mar 2026 10:00:00 GMT",
        f"{server.url}/api/r?page=2",
    )


@pytest.mark.parametrize(
    ("body", "type", "expected"),
    [
        ("é".encode(), "text/plain", "é"),
        ("é".encode("latin-1"), "text/plain; charset=latin-1", "é"),
        ("é".encode("utf-16"), 'text/plain; charset="UTF-16"', "é"),
        (b"", "text/plain; charset=", ""),
    ],
)
def test_a_text_is_read_in_the_encoding_that_is_named(
    server: Server, body: bytes, type: str, expected: str
) -> None:
    """Without a name it is UTF-8."""
    server.on("/r", Reply(body, headers={"Content-Type": type}))

    assert text(f"{server.url}/r") == expected


@pytest.mark.parametrize("charset", ["", "utf-8", "ascii", "no-such", "hex", "zlib", "undefined"])
def test_what_is_no_text_is_not_read(server: Server, charset: str) -> None:
    """A wrong charset and one that is none are said, in whatever way the body is broken."""
    kind = f"text/plain; charset={charset}"
    server.on("/r", Reply("é".encode("latin-1"), headers={"Content-Type": kind}))

    assert failure(f"{server.url}/r") == ("the answer is not a text", CORRECT)


@pytest.mark.parametrize("kind", ["etag", "modified"])
def test_nothing_new_is_no_answer(server: Server, kind: str) -> None:
    """With either validator a 304 is None, and it is sent under its own name."""
    server.on("/r", Reply(status=304))

    given: dict[str, Any] = {kind: "x"}
    assert get(f"{server.url}/r", **given) is None

    sent = {name: value for name, value in server.asked[0].headers.items() if name[:3] == "if-"}
    assert sent == {"etag": {"if-none-match": "x"}, "modified": {"if-modified-since": "x"}}[kind]


def test_a_validator_that_repeats_a_secret_is_not_kept(server: Server) -> None:
    """What goes into a cache holds no token, though a server makes an ETag of it."""
    headers = {"ETag": f'"{TOKEN}"', "Last-Modified": "hunter2%2Dhunter2"}
    server.on("/r", Reply("[]", headers=headers))

    answer = get(f"{server.url}/r", secrets=(TOKEN,))

    assert answer == HttpAnswer("[]", "text/plain")


def test_cookies_are_not_kept(server: Server, other: Server) -> None:
    """A cookie goes to every port of a host: what a server made of a token would go along."""
    server.on("/r", Reply("[]", headers={"Set-Cookie": f"t={TOKEN}; Path=/"}))
    other.on("/r", Reply("[]"))

    with HttpClient(QUICK) as client:
        for url in (server.url, server.url, other.url):
            client.fetch_page(HttpRequest(f"{url}/r"))

    assert [asked.headers.get("cookie") for asked in (*server.asked, *other.asked)] == [None] * 3


def test_netrc_is_not_read(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password that was given for something else is never sent."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    server.on("/r", Reply("[]"))

    get(f"{server.url}/r")
    get(f"http://you:too@{server.url.removeprefix('http://')}/r")

    assert [asked.headers.get("authorization") for asked in server.asked] == [None, None]


def test_a_closed_port_refuses() -> None:
    """Nobody listens: that is said in three words, with the host alone."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    assert failure(f"http://127.0.0.1:{port}/r?token={TOKEN}") == (
        "127.0.0.1 refuses the connection",
        CHECK,
    )


def test_a_name_that_does_not_exist_is_named() -> None:
    """A typing error in a host is found at once."""
    assert failure("http://nope.invalid/r", QUICK) == (
        "the name nope.invalid does not resolve",
        "correct the address, or check the network",
    )


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("parts", "reset"),
    [
        ([], False),
        ([], True),
        ([b"HTTP/1.1 20"], False),
        ([OK + b"Content-Length: 100\r\n\r\n[1"], False),
        ([OK + b"Content-Length: 100\r\n\r\n[1"], True),
        ([OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n[1"], False),
        ([OK + b"Transfer-Encoding: chunked\r\n\r\nx\r\n[1"], False),
        ([b"\x16\x03\x01 no HTTP at all\r\n\r\n"], False),
    ],
)
def test_half_an_answer_is_none(server: Server, parts: list[bytes], reset: bool) -> None:
    """What breaks off, before, within or after the headers, never counts as whole."""
    server.raw("/r", sending(*parts, reset=reset))

    cause, remedy = failure(f"{server.url}/r?token={TOKEN}")

    assert cause in ("127.0.0.1 broke the connection off", "the answer can't be read")
    assert remedy in (CHECK, LATER)


def test_a_compressed_body_that_is_broken_is_none(server: Server) -> None:
    """It is said that it can't be decompressed, whether it is no gzip or breaks off."""
    whole = gzip.compress(b"[1, 2, 3]" * 1000)
    packed = {"Content-Encoding": "gzip"}
    server.on("/r", Reply(b"no gzip", headers=packed))
    server.on("/good", Reply(whole, headers=packed))
    for name in ("br", "zstd", "gzip, gzip", "x"):
        server.on(f"/{name[:2]}", Reply(whole, headers={"Content-Encoding": name}))

    assert text(f"{server.url}/good") == "[1, 2, 3]" * 1000
    for path in ("r", "br", "zs", "gz", "x"):
        assert failure(f"{server.url}/{path}") == ("the answer can't be decompressed", LATER)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_a_server_that_has_a_hiccup_is_asked_again(server: Server, status: int) -> None:
    """Two failures in a row are no reason to give up."""
    server.on("/r", Reply("no", status), Reply("no", status), Reply("[]"))

    assert text(f"{server.url}/r") == "[]"
    assert len(server.asked) == 3


def test_a_connection_that_breaks_is_made_anew(server: Server) -> None:
    """What was not answered at all is asked for again."""
    left = [1, 2]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = b"" if left and left.pop() else OK + b"Content-Length: 2\r\n\r\n[]"
        sending(body)(handler)

    server.raw("/r", answer)

    assert text(f"{server.url}/r") == "[]"
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("status", "headers", "cause", "remedy", "tries"),
    [
        (401, {}, "the credential is missing or was refused", "", 1),
        (403, {}, "the credential may not read this", "give the token the right to read it", 1),
        (403, {"X-RateLimit-Remaining": "0"}, "it has been asked too often", ASK_LESS, 1),
        (404, {}, "there is nothing at this address", "", 1),
        (418, {}, "it did not answer the question", CORRECT, 1),
        (302, {}, "it did not answer the question", CORRECT, 1),
        (300, {}, "it did not answer the question", CORRECT, 1),
        (429, {}, "it has been asked too often", ASK_LESS, 3),
        (500, {}, "the server failed", LATER, 3),
        (503, {"Retry-After": "soon"}, "the server failed", LATER, 3),
        (503, {"Retry-After": "9" * 5000}, "the server failed", LATER, 3),
        (501, {}, "the server failed", LATER, 1),
    ],
)
def test_each_no_has_one_cause_and_one_remedy(
    server: Server, status: int, headers: dict[str, str], cause: str, remedy: str, tries: int
) -> None:
    """The status stands in the message, what the server wrote beside it does not."""
    server.on("/r", Reply(f"<h1>{TOKEN}</h1>", status, headers))
    remedies = {
        401: "check the token, and that it has not ended",
        404: "correct it; some services answer this if the token has no access",
    }

    found = failure(f"{server.url}/r?token={TOKEN}", headers={"X-Token": TOKEN})

    assert found == (f"{cause} (HTTP {status})", remedy or remedies[status])
    assert len(server.asked) == tries


def test_a_short_wait_is_waited_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """``Retry-After: 1`` means a second."""
    server.on("/r", Reply("no", 429, {"Retry-After": "1"}), Reply("[]"))
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)

    assert text(f"{server.url}/r") == "[]"

    assert waits == [1]


@pytest.mark.parametrize("status", [429, 503])
def test_a_long_wait_is_told_and_not_waited_for(server: Server, status: int) -> None:
    """Nobody's tests wait an hour for a list."""
    server.on("/r", Reply("no", status, {"Retry-After": "3600"}))

    assert failure(f"{server.url}/r") == ("it asks to wait for 3600 seconds", ASK_LESS)
    assert len(server.asked) == 1


def test_a_certificate_that_nobody_vouches_for_is_not_trusted() -> None:
    """The remedy is the authority's bundle, not a switch that turns the check off."""
    with serving(CERTIFICATE) as server:
        server.on("/r", Reply("[]"))

        found = failure(f"{server.url}/r", headers={"X-Token": TOKEN})

    assert found == (
        "the certificate of 127.0.0.1 is not trusted",
        "fix it, or name your authority's bundle in REQUESTS_CA_BUNDLE",
    )
    assert server.asked == []


def test_a_certificate_of_ones_own_authority_is_trusted(secure: Server) -> None:
    """``REQUESTS_CA_BUNDLE`` is heard."""
    secure.on("/r", Reply("[]"))

    assert text(f"{secure.url}/r", basic=("me", TOKEN)) == "[]"


def test_a_port_without_tls_is_told_from_a_bad_certificate(server: Server) -> None:
    """Who writes https for http is not sent to look at certificates."""
    url = server.url.replace("http:", "https:")

    assert failure(f"{url}/r") == (
        "127.0.0.1 speaks no TLS that is understood here",
        "check the address",
    )


DRIPS = HttpLimits(connect=60, read=60, total=0.4, retries=0)


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"", b"H"),
        (OK, b"X: y\r\n"),
        (OK + b"Content-Length: 999\r\n\r\n", b" "),
        (OK + b"Content-Length: 999\r\nContent-Encoding: gzip\r\n\r\n", b"\x1f"),
        (b"HTTP/1.1 301 x\r\nLocation: /r\r\n", b"A"),
    ],
    ids=["status", "headers", "body", "packed", "redirect"],
)
def test_a_server_that_drips_is_left_when_the_time_is_up(
    server: Server, head: bytes, part: bytes
) -> None:
    """A byte now and then keeps every time-out of a socket from ending; ours ends all the same."""
    server.raw("/r", endless(head, part, pause=0.05))

    assert failure(f"{server.url}/r", DRIPS) == ("it took longer than 0.4 seconds", LATER)


def test_a_server_that_is_silent_does_not_answer_in_time(server: Server) -> None:
    """The time of a read ends before all of the time is up."""
    left = threading.Event()
    server.raw("/r", silent(left))

    found = failure(f"{server.url}/r", HttpLimits(connect=60, read=0.2, total=60, retries=0))

    left.set()
    assert found == ("127.0.0.1 does not answer in time", LATER)


@pytest.mark.parametrize(
    "head",
    [
        OK + b"\r\n",
        OK + b"Content-Length: 99999999999\r\n\r\n",
    ],
)
def test_an_endless_body_ends_at_the_limit(server: Server, head: bytes) -> None:
    """However long it says that it is."""
    server.raw("/r", endless(head, b" " * 10_000))

    assert failure(f"{server.url}/r") == TOO_LARGE


@pytest.mark.parametrize("status", [200, 301, 404, 500])
def test_memory_is_bounded_whatever_is_sent(server: Server, status: int) -> None:
    """A small gzip file of 200 MB, and an endless one beside any status, fill no memory."""
    bomb = gzip.compress(bytes(20_000_000), 9)
    head = f"HTTP/1.1 {status} x\r\nLocation: /r\r\nContent-Encoding: gzip\r\n\r\n".encode()
    server.raw("/r", endless(head, bomb))
    tracemalloc.start()

    try:
        failure(f"{server.url}/r")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert most < 60_000_000


def test_nothing_goes_on_in_the_background_that_has_no_end(server: Server) -> None:
    """A failure with a body that never ends is not read to its end."""
    gone = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        try:
            endless(b"HTTP/1.1 500 x\r\n\r\n", b" " * 10_000)(handler)
        except OSError:
            gone.set()
            raise

    server.raw("/r", answer)

    assert failure(f"{server.url}/r", replace(QUICK, retries=1)) == (
        "the server failed (HTTP 500)",
        LATER,
    )
    assert gone.wait(60)


CONFIGURED: dict[str, Any] = {"headers": {"X-Token": TOKEN}, "secrets": (TOKEN,)}


def sent(asked: Asked) -> tuple[str | None, str | None]:
    """Return what a server saw of a credential."""
    return asked.headers.get("x-token"), asked.headers.get("authorization")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_origin_keeps_the_headers(server: Server, status: int) -> None:
    """The query is not repeated: where it has to go, the redirect says."""
    server.on("/a", Reply("no", status, {"Location": "/b?c=d"}))
    server.on("/b", Reply("[]"))

    found = text(f"{server.url}/a?q=1", **CONFIGURED, basic=("me", "pw"))

    assert found == "[]"
    assert [(asked.path, asked.query) for asked in server.asked] == [
        ("/a", {"q": "1"}),
        ("/b", {"c": "d"}),
    ]
    assert [sent(asked) for asked in server.asked] == [(TOKEN, "Basic bWU6cHc=")] * 2


def test_a_redirect_to_another_origin_carries_no_credential(server: Server, other: Server) -> None:
    """Not even where the redirect brings a user and a password of its own."""
    host = other.url.removeprefix("http://")
    server.on("/a", Reply("no", 302, {"Location": f"http://me:pw@{host}/b"}))
    other.on("/b", Reply("no", 302, {"Location": f"{other.url}/c"}))
    other.on("/c", Reply("[]"))

    assert text(f"{server.url}/a", **CONFIGURED, basic=("me", "pw")) == "[]"

    assert [sent(asked) for asked in other.asked] == [(None, None)] * 2


def test_a_credential_is_there_again_once_back_home(server: Server, other: Server) -> None:
    """A service that sends its callers round by a gate gets what was given for it."""
    server.on("/a", Reply("no", 302, {"Location": f"{other.url}/b"}))
    other.on("/b", Reply("no", 302, {"Location": f"{server.url}/c"}))
    server.on("/c", Reply("[]"))

    text(f"{server.url}/a", **CONFIGURED)

    assert [sent(asked)[0] for asked in (*server.asked, *other.asked)] == [TOKEN, TOKEN, None]


@pytest.mark.parametrize("form", [TOKEN, "hunter2%2Dhunter2"])
def test_a_redirect_that_repeats_a_token_elsewhere_is_refused(
    server: Server, other: Server, form: str
) -> None:
    """A server that keeps the query in its redirects would hand the token on."""
    server.on("/a", Reply("no", 301, {"Location": f"{other.url}/a?token={form}"}))

    found = failure(f"{server.url}/a?token={TOKEN}", secrets=(TOKEN,))

    assert found == (
        "its redirect is not followed: it leads elsewhere with a credential in it",
        CORRECT,
    )
    assert other.asked == []


def test_redirects_come_to_an_end(server: Server) -> None:
    """A circle is left after the number of redirects that is allowed."""
    server.on("/a", Reply("no", 302, {"Location": "/a"}))

    assert failure(f"{server.url}/a") == ("it redirects more than 3 times", CORRECT)
    assert len(server.asked) == 4


def test_a_redirect_from_https_to_http_is_refused(secure: Server, server: Server) -> None:
    """What was asked for in private is not answered in public."""
    secure.on("/a", Reply("no", 302, {"Location": f"{server.url}/b"}))

    assert failure(f"{secure.url}/a") == (
        "its redirect is not followed: it leads from https to http",
        CORRECT,
    )
    assert server.asked == []


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("file:///etc/passwd", "it is neither http nor https"),
        ("ftp://127.0.0.1/x", "it is neither http nor https"),
        ("javascript:alert(1)", "it is neither http nor https"),
        (f"{TOKEN}:x", "it is neither http nor https"),
        ("http://[", "it is not an address"),
        ("http://127.0.0.1:99999/", "it is not an address"),
        ("http:///x y", "it names no host"),
        ("http://me:pw@example.com/", "a credential is sent over https alone"),
    ],
)
def test_a_redirect_to_what_is_no_address_is_refused(
    server: Server, location: str, why: str
) -> None:
    """No file is opened and no other protocol spoken, whatever a server says."""
    server.on("/a", Reply("no", 302, {"Location": location}))

    assert failure(f"{server.url}/a") == (f"its redirect is not followed: {why}", CORRECT)


PUBLIC = HttpRequest("https://api.example.com/v1", secrets=(TOKEN,))


@pytest.mark.parametrize(
    "location",
    [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.0.0.1/",
        "https://127.0.0.1./",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://a.localhost/",
        "https://10.0.0.1/",
        "https://192.168.1.1:8443/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fd00::1]/",
        "https://0.0.0.0/",
    ],
)
def test_a_redirect_from_outside_does_not_lead_inside(location: str) -> None:
    """A server on the internet can't have a private network asked in its name."""
    with pytest.raises(UnreachableError) as raised:
        http._resolve_redirect(PUBLIC.url, location, PUBLIC)

    assert raised.value.cause == ("its redirect is not followed: it leads into a private network")


@pytest.mark.parametrize(
    ("url", "location", "expected"),
    [
        ("https://api.example.com/v1", "/v2", "https://api.example.com/v2"),
        ("https://api.example.com/v1", "https://example.org/", "https://example.org/"),
        ("https://api.example.com/v1", "https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://api.example.com/v1", "https://10.example.org/", "https://10.example.org/"),
        ("http://api.example.com/v1", "https://api.example.com/", "https://api.example.com/"),
        ("http://127.0.0.1/v1", "http://localhost:99/", "http://localhost:99/"),
        ("http://10.0.0.1/v1", "http://10.0.0.2/", "http://10.0.0.2/"),
    ],
)
def test_other_redirects_lead_where_they_say(url: str, location: str, expected: str) -> None:
    """From public to public, and within what is private."""
    assert http._resolve_redirect(url, location, HttpRequest(url)) == expected


@pytest.mark.parametrize(
    ("url", "secret", "expected"),
    [
        ("https://x.example/", True, None),
        ("http://x.example/", False, None),
        ("http://x.example/", True, "a credential is sent over https alone"),
        ("http://me:pw@x.example/", False, "a credential is sent over https alone"),
        ("http://10.0.0.1/", True, "a credential is sent over https alone"),
        ("http://127.0.0.1:80/", True, None),
        ("http://127.9.9.9/", True, None),
        ("http://[::1]/", True, None),
        ("http://localhost/", True, None),
        ("http://localhost.example/", True, "a credential is sent over https alone"),
        ("ftp://x.example/", False, "it is neither http nor https"),
        ("x.example", False, "it is neither http nor https"),
        ("", False, "it is neither http nor https"),
        ("https://", False, "it names no host"),
        ("https://x.example\\@evil.example/", False, "it names no host"),
        ("https://x.example/a b", False, "it names no host"),
        ("https://x.example:0x1/", False, "it is not an address"),
        ("https://[x/", False, "it is not an address"),
    ],
)
def test_an_address_that_must_not_be_asked_is_told(
    url: str, secret: bool, expected: str | None
) -> None:
    """A credential goes over http to this machine alone."""
    assert http.find_address_problem(url, secret) == expected
    if expected is not None:
        in_clear = expected == http.CLEARTEXT_CREDENTIAL
        remedy = http.CLEARTEXT_REMEDY if in_clear else CORRECT
        assert failure(url, secrets=(TOKEN,) if secret else ()) == (expected, remedy)


def everything(server: Server) -> Iterator[Callable[[], tuple[str, str]]]:
    """Yield requests full of secrets that fail in all the ways there are."""
    more: dict[str, Any] = {
        "headers": {"X-Token": TOKEN, "X-Odd": f"{TOKEN}\nX: y", f"{TOKEN} :": "z"},
        "secrets": (TOKEN,),
    }
    plain = {**more, "headers": {"X-Token": TOKEN}}
    url = f"{server.url}/{TOKEN}?token={TOKEN}"
    yield lambda: failure(url, **more)
    for reply in (
        Reply(TOKEN, 418, {"X-Echo": TOKEN}),
        Reply(TOKEN, 302, {"Location": f"https://{TOKEN}.example\\/"}),
        Reply(TOKEN, 302, {"Location": f"{TOKEN}://x"}),
        Reply(TOKEN, headers={"Content-Encoding": TOKEN}),
        Reply(TOKEN, headers={"Content-Type": f"text/plain; charset={TOKEN}"}),
        Reply(TOKEN, 429, {"Retry-After": TOKEN}),
    ):

        def fail(reply: Reply = reply) -> tuple[str, str]:
            server.on(f"/{TOKEN}", reply)
            return failure(url, **plain)

        yield fail


def test_no_failure_tells_a_secret(
    server: Server, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A message holds no query, header or path, and urllib3 logs none, not even at DEBUG."""
    caplog.set_level("DEBUG")
    server.raw("/odd", sending(OK + b"X-Good: 1\r\nno header\r\nX: y\r\n\r\n[]"))

    told = [attempt() for attempt in everything(server)]
    text(f"{server.url}/odd?token={TOKEN}")

    assert TOKEN not in repr(told)
    assert caplog.text == ""
    assert capfd.readouterr() == ("", "")
