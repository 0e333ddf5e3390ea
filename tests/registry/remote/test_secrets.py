"""A credential is sent to one origin, and is nowhere else: no output, file, log, report or cache.

The servers here repeat whatever they were sent wherever they can; a real run of pytest, as
talkative as it gets, is searched for every form of the secret.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from conftest import report_of
from pytest_postmortem.model import Location
from pytest_postmortem.registry import LoadOptions, load_registry
from server import Asked, Reply, Server, sending, serving

TOKEN = "S3cr/t+tok én=42"
PATH_TOKEN = "p4th-S3cret.42"
PAIR = b64encode(f"me:{TOKEN}".encode()).decode()
FORMS = (TOKEN, quote(TOKEN), quote(TOKEN, safe=""), quote_plus(TOKEN), PATH_TOKEN, PAIR)

SUITE = """
import pytest

@pytest.mark.postmortem("PM-1")
def test_login():
    registry = "locals are shown"
    assert not registry

@pytest.mark.postmortem("XYZ")
def test_unknown():
    pass
"""

LOUD = (
    "-vv",
    "-l",
    "-rA",
    "--log-file=run.log",
    "--log-level=DEBUG",
    "--log-cli-level=DEBUG",
    "--junitxml=junit.xml",
    "--postmortem-report=json:report.json",
    "--postmortem-report=term-missing",
)


@dataclass(frozen=True)
class Place:
    """A place of a block in which a credential may stand, and all that a server sees of it."""

    path: str
    block: str
    seen: tuple[str, ...] = FORMS[:4]

    @property
    def echo(self) -> str:
        """What a server can repeat, in large and small letters."""
        return " ".join((*self.seen, *(form.lower() for form in self.seen)))


PLACES = {
    "header": Place("/pm", "url: http://HOST/pm\nheaders: {X-Token: 'Bearer ${PM_A}'}"),
    "basic": Place(
        "/pm", "url: http://HOST/pm\nbasic: {user: me, password: '${PM_A}'}", (*FORMS[:4], PAIR)
    ),
    "query": Place("/pm", "url: http://HOST/pm\nquery: {key: '${PM_A}'}"),
    "address": Place("/pm", "url: http://HOST/pm?key=${PM_A}"),
    "userinfo": Place("/pm", "url: http://me:${PM_A}@HOST/pm", (*FORMS[:4], PAIR)),
    "path": Place(f"/{PATH_TOKEN}/pm", "url: http://HOST/${PM_TOKEN}/pm", (PATH_TOKEN,)),
}

places = pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PM_A", TOKEN)
    monkeypatch.setenv("PM_TOKEN", PATH_TOKEN)


@pytest.fixture
def other() -> Iterator[Server]:
    """Serve a second origin: the same host with another port."""
    with serving() as running:
        yield running


def suite(pytester: pytest.Pytester, server: Server, block: str) -> None:
    """Write a suite whose registry is what a block says, all of which may be shown."""
    host = server.url.removeprefix("http://")
    lines = "".join(f"  {line}\n" for line in block.replace("HOST", host).splitlines())
    (pytester.path / "pm.yml").write_text(f"source:\n{lines}")
    pytester.makeini("[pytest]\npostmortem_registry = pm.yml\npostmortem_show = all\n")
    pytester.makepyfile(test_it=SUITE)


def run(pytester: pytest.Pytester) -> list[str]:
    """Run pytest, look for the secrets in all that it leaves, and return the report."""
    result = pytester.runpytest(*LOUD)

    assert result.ret == 1, result.stdout.str()
    found = {"stdout": result.stdout.str(), "stderr": result.stderr.str()}
    for path in pytester.path.rglob("*"):
        if path.is_file():
            found[str(path.relative_to(pytester.path))] = path.read_bytes().decode(errors="replace")
    assert {"run.log", "junit.xml", "report.json"} <= found.keys()
    assert any(name.startswith(".pytest_cache") for name in found)
    assert {name: told for name, text in found.items() if (told := forms_in(text))} == {}
    return report_of(result)


def forms_in(text: str) -> list[str]:
    """Return the forms of the secrets that stand in a text, as they are or as JSON has them."""
    text = text.casefold()
    written = ((form, {form, json.dumps(form)[1:-1]}) for form in FORMS)
    return [form for form, ways in written if any(way.casefold() in text for way in ways)]


def entry(place: Place) -> dict[str, Any]:
    """Return a post-mortem that repeats a secret in every field, and in the name of one."""
    echo, token = place.echo, place.seen[0]
    return {
        "id": "PM-1",
        "title": f"Title {echo}",
        "url": f"https://wiki.example.com/?t={quote(token)}",
        "date": echo,
        "severity": f"sev1 {echo}",
        "root_cause": f"why\n{echo}",
        "class": echo,
        "tags": [echo, "tag"],
        "whys": [echo],
        "owner": echo,
        "tests": [f"test_it.py::{token}"],
        "aliases": [token, place.seen[-1]],
        "guarded_by": [{"type": echo, "url": f"https://x.example/{quote(token)}"}],
        "action_items": [{"title": echo, "owner": echo}],
        "extra": echo,
        f"extra {token}": "extra",
    }


def test_the_search_finds_what_it_looks_for() -> None:
    """A search that finds nothing anywhere would hold everything."""
    everything = " ".join(FORMS)

    assert forms_in(everything) == forms_in(everything.upper()) == list(FORMS)
    assert forms_in(json.dumps({"a": TOKEN})) == [TOKEN]
    assert forms_in("nothing") == []


@places
@pytest.mark.parametrize("way", ["link", "{url: next}"])
def test_what_a_server_repeats_is_told_nowhere(
    pytester: pytest.Pytester, server: Server, place: Place, way: str
) -> None:
    """Titles, links, ETags, settings and next pages are all without it; the next page gets it."""
    suite(pytester, server, f"{place.block}\nnext: {way}")
    token = place.seen[0]

    def answer(asked: Asked) -> Reply:
        last = asked.query.get("page") == "2"
        following = f"{server.url}{place.path}?page=2&key={quote(token, safe='')}"
        tree: dict[str, Any] = {
            "postmortems": [{"id": "PM-2", "title": place.echo}] if last else [entry(place)],
            "next": None if last else following,
            "partial": place.echo,
            "url_template": f"https://x.example/{{id}}?{quote(token)}",
        }
        headers = {"Last-Modified": quote(token), "ETag": f'"{place.seen[-1]}"'}
        link = {} if last else {"Link": f'<{following}>; rel="next"'}
        return Reply(tree, headers={**headers, **link})

    server.on(place.path, answer)

    report = run(pytester)

    assert [asked.query.get("page") for asked in server.asked] == [None, "2"]
    assert server.asked[1].query["key"] == token
    assert all(sees(asked) for asked in server.asked)
    assert "***" in "\n".join(report)

    server.on(place.path, html(418))
    assert "a copy of" in "\n".join(run(pytester))


def sees(asked: Asked) -> bool:
    """Say whether a request came with one of the credentials."""
    texts = [asked.path, *asked.query.values(), *asked.headers.values()]
    sent = [text.encode("latin-1", "replace").decode("utf-8", "replace") for text in texts]
    return any(form in text for form in FORMS for text in (*texts, *sent))


def html(status: int = 200) -> Reply:
    """Return a web page that repeats the secrets."""
    return Reply(
        f"<html>{' '.join(FORMS)}", status, {"X-Echo": quote(TOKEN), "Content-Type": "text/html"}
    )


ODD = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\nno header %s\r\n\r\n[]"
    % quote(TOKEN).encode()
)

ANSWERS: Mapping[str, tuple[Reply, str]] = {
    "error": (html(418), "it did not answer the question (HTTP 418)"),
    "unauthorised": (html(401), "the credential is missing or was refused (HTTP 401)"),
    "page": (html(), "it answered with a web page, not with data"),
    "next": (
        Reply([{"id": "PM-1"}], headers={"Link": f"<http://{PATH_TOKEN}:1/>; rel=next"}),
        "its next page is on another host, which is not asked",
    ),
    "no-json": (Reply(f'[{{"{PATH_TOKEN}": }}]'), "it is not JSON"),
    "no-yaml": (Reply(f"a: [{PATH_TOKEN}\n{PATH_TOKEN}: !"), "it is not YAML"),
    "twice": (
        Reply(f'"{PATH_TOKEN}": 1\n"{PATH_TOKEN}": 2\n'),
        "the key '***' is twice in one mapping",
    ),
    "shape": (Reply([PATH_TOKEN]), "'***' is not an entry"),
    "template": (
        Reply({"url_template": f"javascript:{PATH_TOKEN}", "incidents": []}),
        "the url_template 'javascript:***' can't be used",
    ),
    "redirect": (
        Reply(TOKEN, 302, {"Location": f"{PATH_TOKEN}://x"}),
        "its redirect is not followed: it is neither http nor https",
    ),
    "charset": (
        Reply("[]", headers={"Content-Type": f"text/plain; charset={PATH_TOKEN}"}),
        "the answer is not a text",
    ),
    "packed": (
        Reply("[]", headers={"Content-Encoding": PATH_TOKEN}),
        "the answer can't be decompressed",
    ),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_no_message_repeats_a_secret(
    pytester: pytest.Pytester, server: Server, answer: str
) -> None:
    """Whatever is wrong with an answer is told without what stands in it."""
    reply, cause = ANSWERS[answer]
    suite(
        pytester,
        server,
        f"{PLACES['path'].block}\nheaders: {{X-Token: '${{PM_A}}'}}\nnext: link",
    )
    server.on(PLACES["path"].path, reply)

    report = run(pytester)

    assert cause in "\n".join(report)
    assert [sees(asked) for asked in server.asked] == [True]


@places
def test_a_finding_about_an_answer_repeats_no_secret(
    pytester: pytest.Pytester, server: Server, place: Place
) -> None:
    """Names of keys are shown, and even they may be a token."""
    suite(pytester, server, f"{place.block}\nfields: {{id: id, title: nmae}}")
    token = place.seen[0]
    server.on(place.path, Reply([{"id": "PM-1", token: "x", "in": {token: "y"}}]))

    report = run(pytester)

    assert "'title' is read from 'nmae', which no item has" in "\n".join(report)


@places
def test_headers_that_are_broken_are_not_logged(
    pytester: pytest.Pytester, server: Server, place: Place
) -> None:
    """urllib3 warns of them with the whole address."""
    suite(pytester, server, place.block)
    server.raw(place.path, sending(ODD))

    run(pytester)

    assert [sees(asked) for asked in server.asked] == [True]


@places
def test_a_connection_that_breaks_is_told_without_the_address(
    pytester: pytest.Pytester, server: Server, place: Place
) -> None:
    """urllib3 logs each try with the whole address, and requests raises with it."""
    suite(pytester, server, place.block)
    server.raw(place.path, sending(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[", reset=True))

    report = run(pytester)

    assert "127.0.0.1 broke the connection off" in "\n".join(report)


@places
def test_a_redirect_elsewhere_never_sees_a_secret(
    pytester: pytest.Pytester, server: Server, other: Server, place: Place
) -> None:
    """The other origin is asked like by anybody, and answers like to anybody."""
    suite(pytester, server, place.block)
    headers = {"Location": f"{other.url}/pm", "Set-Cookie": f"key={quote(TOKEN)}; Path=/"}
    server.on(place.path, Reply(TOKEN, 302, headers))
    other.on("/pm", Reply([{"id": "PM-1"}]))

    run(pytester)

    assert [sees(asked) for asked in server.asked] == [True]
    assert [sees(asked) for asked in other.asked] == [False]
    assert {"authorization", "x-token", "cookie"}.isdisjoint(other.asked[0].headers)


@places
def test_a_redirect_that_takes_a_secret_along_is_not_followed(
    pytester: pytest.Pytester, server: Server, other: Server, place: Place
) -> None:
    """A server that keeps path and query in its redirects would hand the token on."""
    suite(pytester, server, place.block)
    token = PATH_TOKEN if "PM_TOKEN" in place.block else TOKEN
    where = f"{other.url}/pm?key={quote(token, safe='')}"
    server.on(place.path, Reply(TOKEN, 301, {"Location": where}))

    report = run(pytester)

    assert "it leads elsewhere with a credential in it" in "\n".join(report)
    assert other.asked == []


@places
@pytest.mark.parametrize("host", ["nope.invalid", "10.255.255.1:9", "localhost.invalid"])
def test_a_credential_goes_over_http_to_this_machine_alone(
    tmp_path: Path, place: Place, host: str
) -> None:
    """Everywhere else it has to be https; no socket is opened to find out."""
    block = place.block.replace("HOST", host)
    lines = "".join(f"  {line}\n" for line in block.splitlines())
    (tmp_path / "pm.yml").write_text(f"source:\n{lines}")

    found = load_registry([Location("pm.yml", tmp_path)], tmp_path, LoadOptions())

    (finding,) = found.findings
    assert finding.message == (
        "it can't be read: a credential is sent over https alone; its ids are not checked, and"
        " gates are not judged; write https://, or add 'insecure: true' if your own network"
        " is trusted"
    )


def test_what_is_short_is_no_secret(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number from the environment that goes into the query is not taken out of every id."""
    monkeypatch.setenv("PM_PROJECT", "12")
    (tmp_path / "pm.yml").write_text(
        f"source: {{url: '{server.url}/pm', query: {{project: '${{PM_PROJECT}}'}}}}\n"
    )
    server.on("/pm", Reply([{"id": "PM-12"}]))

    found = load_registry([Location("pm.yml", tmp_path)], tmp_path, LoadOptions())

    assert [each.id for each in found] == ["PM-12"]
