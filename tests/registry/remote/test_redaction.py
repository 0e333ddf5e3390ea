"""A credential is found in a text in whatever form a server repeats it, and as a part of itself."""

from __future__ import annotations

import html
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from conftest import report_of
from pytest_postmortem.model import Location
from pytest_postmortem.registry import LoadOptions, load_registry
from pytest_postmortem.registry.remote.redaction import SecretRedactor
from server import Asked, Reply, Server

TOKEN = "ghp_A1b2C3d4-E5f6/G7h8+I9j0=K1l2M3n4o5p6Q7r8"
ODD = "S3cr/t+tok én=42 'a\"b\\c"

FORMS: Mapping[str, str] = {
    "as it is": ODD,
    "in capitals": ODD.upper(),
    "percent-encoded": quote(ODD, safe=""),
    "percent-encoded in small letters": quote(ODD, safe="").lower(),
    "encoded as a form": quote_plus(ODD),
    "percent-encoded twice": quote(quote(ODD, safe=""), safe=""),
    "escaped as JSON": json.dumps(ODD)[1:-1],
    "escaped as JSON with slashes": json.dumps(ODD)[1:-1].replace("/", "\\/"),
    "escaped as Python": repr(ODD)[1:-1],
    "every character escaped": "".join(f"\\u{ord(char):04x}" for char in ODD),
    "every byte escaped": "".join(f"\\x{ord(char):02X}" for char in ODD),
    "escaped as HTML": html.escape(ODD),
    "every character as an entity": "".join(f"&#{ord(char)};" for char in ODD),
    "wrapped": "\r\n  ".join(ODD[start : start + 5] for start in range(0, len(ODD), 5)),
    "with invisible characters": "\u200b\u00ad".join(ODD),
    "in hexadecimal": ODD.encode().hex(),
}

PARTS: Mapping[str, str] = {
    "all but the last character": TOKEN[:-1],
    "all but the first": TOKEN[1:],
    "the first eight": TOKEN[:8],
    "eight in the middle": TOKEN[13:21],
    "half, percent-encoded": quote(TOKEN[10:30], safe=""),
    "twelve letters": "abcdefghijkl",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_credential_is_found_in_every_form(form: str) -> None:
    """However it is written, three asterisks take its place, and all else stays."""
    redactor = SecretRedactor([ODD])

    assert redactor.redact_text(f"who is {FORMS[form]}, and why?") == "who is ***, and why?"
    assert redactor.has_secret(FORMS[form])


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_a_long_credential_counts(part: str) -> None:
    """A server that cuts what it repeats gives nothing away."""
    redactor = SecretRedactor([TOKEN, "abcdefghijklmnop"])

    assert redactor.redact_text(f"<{PARTS[part]}…>") == "<***…>"


@pytest.mark.parametrize("before", ["", "m", "me", "me:", "user:"])
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
def test_a_credential_is_found_in_base64(before: str, encode: Callable[[bytes], bytes]) -> None:
    """Wherever it is in what was encoded, as in ``Authorization: Basic``."""
    encoded = encode(f"{before}{TOKEN}".encode()).decode()

    shown = SecretRedactor([TOKEN]).redact_text(encoded)

    left = shown.replace("***", "").replace("=", "")
    assert "***" in shown
    assert len(left) <= len(b64encode(before.encode())) + 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing of it",
        "2026-03-02",
        "ghp_",
        "the checkout of 2026-03-02 charged customers twice",
        "100 % of \\u0041 and &amp; stay as they were",
    ],
)
def test_what_is_no_credential_stays(text: str) -> None:
    """Not a byte of another text changes."""
    assert SecretRedactor([TOKEN, "checkout-2026-03-01-a"]).redact_text(text) == text


def test_what_is_short_counts_whole_or_not_at_all() -> None:
    """Five characters are no secret, and of eleven no part is one."""
    redactor = SecretRedactor(["12345", "abcdef-1234"])

    assert redactor.redact_text("12345 abcdef-123 abcdef-1234 1") == "12345 abcdef-123 *** 1"


def test_without_credentials_nothing_is_redacted() -> None:
    """Most sources have none."""
    assert not SecretRedactor([]).has_secret(TOKEN)


SAID: Mapping[str, Reply] = {
    "a text": Reply("who is TOKEN"),
    "a cut text": Reply("who is TOKEN"[:-1]),
    "a list": Reply("- who is TOKEN\n"),
    "a key": Reply({"who is TOKEN": "a", "postmortems": [1]}),
    "an escape": Reply('["who is ESCAPED"]'),
    "a key twice": Reply('{"TOKEN": 1, "TOKEN": 2}'),
    "an escaped key twice": Reply('{"ESCAPED": 1, "TOKEN": 2}'),
    "an alias": Reply("a: *TOKEN"),
    "a refusal": Reply({"message": "unknown token TOKEN"}, 401),
    "a long refusal": Reply({"message": f"{'x' * 170}TOKEN"}, 403),
    "an escaped refusal": Reply('{"errors": ["ESCAPED"]}', 404, {"Content-Type": "text/json"}),
    "an error": Reply({"error": {"message": "TOKEN has ended"}}),
    "a page": Reply("<html>TOKEN", headers={"Content-Type": "text/html"}),
    "a redirect": Reply("", 302, {"Location": "ftp://TOKEN/"}),
    "a link": Reply([{"id": "PM-1", "url": "javascript:TOKEN"}]),
    "a field": Reply([{"id": "PM-1", "test": "TOKEN"}]),
    "an id twice": Reply([{"id": "TOKEN"}, {"id": "TOKEN"}]),
    "a post-mortem": Reply([{"id": "PM-1", "title": "TOKEN", "root_cause": "a\n  TO-\nKEN TOKEN"}]),
    "broken YAML": Reply("a: [TOKEN\nb: TOKEN: c\n"),
    "broken TOML": Reply("TOKEN = TOKEN", headers={"Content-Type": "application/toml"}),
}


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("cut", [0, 1, 20])
def test_what_a_server_says_is_redacted_before_it_is_cut(
    pytester: pytest.Pytester,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    cut: int,
) -> None:
    """No message, report or cache has eight characters of a token in a row."""
    reply = SAID[said]
    token = TOKEN[: len(TOKEN) - cut]
    body = reply.data().decode().replace("TOKEN", token)
    body = body.replace("ESCAPED", "".join(f"\\u{ord(char):04x}" for char in token))
    headers = {
        name: text.replace("TOKEN", quote(token, safe="")) for name, text in reply.headers.items()
    }
    kind = "text/plain" if isinstance(reply.body, str) else "application/json"
    server.on("/pm", Reply(body, reply.status, {"Content-Type": kind, **headers}))
    monkeypatch.setenv("TOK", TOKEN)
    (pytester.path / "pm.yml").write_text(
        f"source:\n  url: {server.url}/pm\n  headers: {{Authorization: 'Bearer ${{TOK}}'}}\n"
    )
    pytester.makeini("[pytest]\npostmortem_registry = pm.yml\npostmortem_show = all\n")
    pytester.makepyfile(
        "import pytest\n\n@pytest.mark.postmortem('PM-1')\ndef test_a():\n    pass\n"
    )

    result = pytester.runpytest("-v", "--postmortem-report=json:report.json")

    assert report_of(result)
    texts = [result.stdout.str(), result.stderr.str()]
    texts += [
        path.read_bytes().decode(errors="replace")
        for path in Path(pytester.path).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    ]
    windows = {TOKEN[start : start + 8].lower() for start in range(len(TOKEN) - 7)}
    found = [text for text in texts if any(window in text.lower() for window in windows)]
    assert found == []


def test_a_link_to_the_next_page_keeps_its_credential(
    pytester: pytest.Pytester, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked for next is taken from the answer before it is redacted."""

    def answer(asked: Asked) -> Reply:
        if "key" in asked.query:
            return Reply({"items": [{"id": "PM-2"}]})
        return Reply({"items": [{"id": "PM-1"}], "next": f"/pm?key={quote(TOKEN, safe='')}"})

    server.on("/pm", answer)
    monkeypatch.setenv("TOK", TOKEN)
    (pytester.path / "pm.yml").write_text(
        f"source:\n  url: {server.url}/pm\n  headers: {{Authorization: 'Bearer ${{TOK}}'}}\n"
        "  list: items\n  next: {url: next}\n"
    )
    pytester.makeini("[pytest]\npostmortem_registry = pm.yml\n")
    pytester.makepyfile("def test_a():\n    pass\n")

    result = pytester.runpytest()

    result.stdout.fnmatch_lines(["postmortem: *pm.yml (2 post-mortems)"])
    assert server.asked[1].query == {"key": TOKEN}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("no answer from https://me:pw@host.example/a?token=x#y", "https://host.example/a"),
        ("Max retries exceeded with url: /a?token=x (refused)", "url: /a (refused)"),
    ],
)
def test_what_a_plugin_raises_is_shown_without_a_query(
    tmp_path: Path, said: str, shown: str
) -> None:
    """Its credentials are not known here, and addresses are where they usually are."""

    def ask(text: str) -> list[Mapping[str, object]]:
        raise ConnectionError(said)

    found = load_registry([Location("tracker:x", tmp_path)], tmp_path, LoadOptions(ask=ask))

    (finding,) = found.findings
    assert shown in finding.message
    assert "token" not in finding.message
    assert "pw" not in finding.message
