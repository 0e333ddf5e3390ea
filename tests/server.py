"""A real HTTP server on 127.0.0.1 that answers as it is told, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request that has come in: its path, its query, and its headers by lower-case name.

    ``posted`` is the data of a request that has some.
    """

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    posted: Any = None
    method: str = "GET"


@dataclass(frozen=True)
class Reply:
    """What to answer: ``body`` as bytes, a text, or plain data that goes out as JSON."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def data(self) -> bytes:
        """Return the body as it goes over the wire."""
        if isinstance(self.body, bytes):
            return self.body
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return text.encode()


Answering = Callable[[Asked], Reply]
Raw = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers each path with what ``on`` says, the last reply again and again.

    A reply may be a function of what was asked, and ``otherwise`` answers all other paths; ``raw``
    takes over the whole connection.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self.otherwise: Answering = lambda asked: Reply("not here", 404)
        self._replies: dict[str, list[Reply | Answering]] = {}
        self._raw: dict[str, Raw] = {}
        self._lock = threading.Lock()

    def on(self, path: str, *replies: Reply | Answering) -> None:
        """Answer a path with these replies, one after the other."""
        self._replies[path] = list(replies)

    def raw(self, path: str, answer: Raw) -> None:
        """Let a function write whatever it wants to the connection."""
        self._raw[path] = answer

    def paths(self) -> list[str]:
        """Return the paths that were asked for, in order."""
        return [asked.path for asked in self.asked]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        parts = urlsplit(handler.path)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        size = int(headers.get("content-length", 0))
        posted = json.loads(handler.rfile.read(size)) if size else None
        asked = Asked(parts.path, dict(parse_qsl(parts.query)), headers, posted, handler.command)
        with self._lock:
            self.asked.append(asked)
            replies = self._replies.get(parts.path, [self.otherwise])
            reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if parts.path in self._raw:
            self._raw[parts.path](handler)
            return
        if not isinstance(reply, Reply):
            reply = reply(asked)
        data = reply.data()
        kind = "text/plain" if isinstance(reply.body, (str, bytes)) else "application/json"
        handler.send_response(reply.status)
        for name, value in {"Content-Type": kind, **reply.headers}.items():
            handler.send_header(name, value)
        if reply.status not in (204, 304):
            handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        if reply.status not in (204, 304):
            handler.wfile.write(data)


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[Server]:
    """Serve until the block ends, over TLS where there is a certificate with its key."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else a body waits 40 ms for the head to be acknowledged

        def do_GET(self) -> None:
            try:
                server.answer(self)
            except OSError:  # whoever asked has gone
                self.close_connection = True

        do_POST = do_PATCH = do_PUT = do_DELETE = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Keep the tests' output to themselves."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Say nothing of a handshake that a test wants to fail."""

    http = Quiet(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        http.socket = context.wrap_socket(http.socket, server_side=True)
    scheme = "http" if certificate is None else "https"
    server = Server(f"{scheme}://127.0.0.1:{http.server_address[1]}")
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join(5)


def sending(*parts: bytes, pause: float = 0, reset: bool = False) -> Raw:
    """Return what writes these bytes to a connection, and ends it.

    With a ``pause`` that many seconds go by before each part but the first. With ``reset`` the
    connection is not closed but broken off.
    """

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        for position, part in enumerate(parts):
            if position:
                time.sleep(pause)
            handler.wfile.write(part)
        if reset:
            linger = struct.pack("ii", 1, 0)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.connection.close()

    return send


def silent(until: threading.Event) -> Raw:
    """Return what writes nothing to a connection, and ends it when an event is set."""

    def wait(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        until.wait(60)

    return wait


def endless(head: bytes, part: bytes, pause: float = 0) -> Raw:
    """Return what writes a head, and then the same bytes until nobody listens any more."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.wfile.write(head)
        while True:
            handler.wfile.write(part)
            time.sleep(pause)

    return send
