"""The ``source:`` block: what is asked for, what is read from the answers, what may be wrong."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_postmortem.errors import RegistryError
from pytest_postmortem.model import Finding, Location, Registry
from pytest_postmortem.registry import LoadOptions, load_registry
from pytest_postmortem.registry.remote.http import HttpLimits
from server import Asked, Reply, Server

LIMITS = HttpLimits(60, 60, total=60, wait=1, retries=0, backoff=0, pages=5, size=1_000_000)
QUICK = LoadOptions(limits=LIMITS)

Read = Callable[..., Registry]


@pytest.fixture
def read(server: Server, tmp_path: Path) -> Read:
    """Load a registry file with a block, ``URL`` being the server's."""

    def reading(block: str, how: LoadOptions = QUICK, *, beside: str = "") -> Registry:
        indented = textwrap.indent(textwrap.dedent(block).strip(), "  ")
        text = f"source:\n{indented}\n{beside}".replace("URL", server.url)
        (tmp_path / "pm.yml").write_text(text, encoding="utf-8")
        return load_registry([Location("pm.yml", tmp_path)], tmp_path, how)

    return reading


def ids(registry: Registry) -> list[str]:
    """Return the ids of a registry that could be read."""
    assert registry.unreachable == (), registry.findings
    return [each.id for each in registry]


def unread(registry: Registry) -> str:
    """Return why the one location of a registry can't be read, with the remedy."""
    (finding,) = registry.findings
    assert finding.code == "registry-unreachable"
    head, tail = "it can't be read: ", "; its ids are not checked, and gates are not judged"
    assert finding.message.startswith(head)
    assert tail in finding.message
    return finding.message.removeprefix(head).replace(tail, "")


def problems(error: RegistryError) -> list[tuple[int | None, str, str]]:
    """Return the line, the cause and the remedy of all that is wrong in a block."""
    assert {(each.slug, each.path) for each in error.problems} == {("source-block", "pm.yml")}
    return [(each.line, each.cause, each.remedy) for each in error.problems]


# What an address answers


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('[{"id": "A", "title": "Late"}, {"id": 12}]', {"A": "Late", "12": "12"}),
        ('{"incidents": [{"id": "A"}]}', {"A": "A"}),
        ('{"A": {"title": "Late"}, "B": null}', {"A": "Late", "B": "B"}),
        ("- id: A\n  title: NO\n- id: 0012\n", {"A": "NO", "0012": "0012"}),
        ("postmortems:\n  A: {title: Late}\n  B:\n", {"A": "Late", "B": "B"}),
        ("[{id: A, title: in YAML}]", {"A": "in YAML"}),
    ],
)
@pytest.mark.parametrize("path", ["/pm.yml", "/pm"])
def test_an_address_answers_in_our_own_form(
    read: Read, server: Server, body: str, expected: dict[str, str], path: str
) -> None:
    """YAML and JSON, a list and a mapping: all that a file may hold."""
    kind = "application/yaml" if body.endswith(("\n", "YAML}]")) else "application/json"
    server.on(path, Reply(body, headers={"Content-Type": kind}))

    found = read(f"url: URL{path}")

    assert {each.id: each.title for each in found} == expected
    assert found.findings == ()
    assert found.partial == ()


@pytest.mark.parametrize(
    ("body", "type"),
    [
        ('[{"id": "A"}]', "text/plain"),
        ('\n {"incidents": [{"id": "A"}]}', "text/plain"),
        ('[{"id": "A"}]', "text/html"),
        ('[{"id": "A"}]', "application/vnd.api+json"),
        ("- id: A\n", "text/plain"),
        ("- id: A\n", "application/x-yaml"),
        ("- id: A\n", ""),
    ],
)
def test_what_an_answer_is_shows_without_its_type(
    read: Read, server: Server, body: str, type: str
) -> None:
    """Many servers call everything plain text."""
    server.on("/pm", Reply(body, headers={"Content-Type": type}))

    assert ids(read("url: URL/pm")) == ["A"]


@pytest.mark.parametrize(
    ("beside", "expected"),
    [
        ("", ("PM-7", "https://wiki/PM-7")),
        ("prefix: X-\nurl_template: https://own/{id}\n", ("X-7", "https://own/X-7")),
    ],
)
def test_an_answer_brings_its_settings(
    read: Read, server: Server, beside: str, expected: tuple[str, str]
) -> None:
    """Prefix and template count unless the file has its own, and a partial list stays one."""
    settings = {"prefix": "PM-", "url_template": "https://wiki/{id}", "partial": "the newest ten"}
    server.on("/pm", Reply({**settings, "incidents": [{"id": 7}]}))

    found = read("url: URL/pm", beside=beside)

    assert [(each.id, each.url) for each in found] == [expected]
    assert found.partial == (f"{server.url}/pm: the newest ten",)


def test_a_list_may_be_said_to_be_partial(read: Read, server: Server) -> None:
    """Who knows that a service never lists all says so in the block."""
    server.on("/pm", Reply([{"id": "A"}]))

    assert read("url: URL/pm\npartial: ten at most").partial == (f"{server.url}/pm: ten at most",)


def test_what_is_sent_is_what_the_block_says(
    read: Read, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Headers, query and user, with the variables of the environment put in."""
    monkeypatch.setenv("PM_TOKEN", " a/b+c= \n")
    monkeypatch.setenv("PM_EMPTY", "")
    server.on("/pm", Reply([{"id": "A"}]))

    read(
        """
        url: URL/pm?own=1&key=${PM_TOKEN}&gone=${PM_EMPTY:-}
        headers: {X-Auth: "t=${PM_TOKEN}", X-Gone: "t=${PM_GONE:-}", X-Kept: "${PM_GONE:-usual}"}
        query: {q: a b, gone: "${PM_EMPTY:-}", kept: "", "page[size]": "100"}
        basic: {user: me, password: "${PM_TOKEN}"}
        """
    )

    (asked,) = server.asked
    assert asked.query == {"own": "1", "key": "a/b+c=", "q": "a b", "page[size]": "100"}
    own = {name: text for name, text in asked.headers.items() if name[:2] in ("x-", "au")}
    assert own == {
        "x-auth": "t=a/b+c=",
        "x-kept": "usual",
        "authorization": "Basic bWU6YS9iK2M9",
    }


@pytest.mark.parametrize(
    ("url", "authorization"),
    [
        ("http://me:${PM_PW}@HOST/pm", "Basic bWU6cEBzcy93OnJkPyM="),  # me:p@ss/w:rd?#
        ("http://m%40e:${PM_PW}@HOST/pm", "Basic bUBlOnBAc3MvdzpyZD8j"),
        ("http://${PM_PW}@HOST/pm", "Basic cEBzcy93OnJkPyM6"),
        ("http://me:${PM_GONE:-}@HOST/pm", None),
        ("${PM_PLACE}/pm", "Basic bWU6cEB3"),  # me:p@w
        ("http://HOST/pm", None),
    ],
)
def test_user_and_password_in_an_address_are_sent_as_such(
    read: Read, server: Server, monkeypatch: pytest.MonkeyPatch, url: str, authorization: str | None
) -> None:
    """On each page, whatever signs are in the password, none of which moves the host."""
    host = server.url.removeprefix("http://")
    monkeypatch.setenv("PM_PW", "p@ss/w:rd?#")
    monkeypatch.setenv("PM_PLACE", f"http://me:p%40w@{host}")
    server.on("/pm", Reply([{"id": "A"}], headers={"Link": f'<{server.url}/2>; rel="next"'}))
    server.on("/2", Reply([{"id": "B"}]))

    found = read(f"url: {url.replace('HOST', host)}\nnext: link")

    assert ids(found) == ["A", "B"]
    assert [asked.headers.get("authorization") for asked in server.asked] == [authorization] * 2


def test_a_part_of_an_address_may_be_empty(
    read: Read, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty variable in a path leaves nothing else out."""
    monkeypatch.setenv("PM_PORT", server.url.rpartition(":")[2])
    server.on("/pm", Reply([{"id": "A"}]))

    assert ids(read("url: http://127.0.0.1:${PM_PORT}/pm${PM_VERSION:-}")) == ["A"]


# What is read from an item

ITEM = {
    "ref": "INC-7",
    "nr": 7,
    "name": {"text": "Late"},
    "labels": [{"name": "pay"}, {"name": "retry"}, {"name": ""}],
    "teams": [{"tags": ["x", "y"]}, {"tags": []}],
    "none": None,
    "zero": "",
    "with.dot": {"in.side": "dotted"},
    "level": {"name": "sev1"},
    "flag": True,
}


@pytest.mark.parametrize(
    ("spot", "expected"),
    [
        ("name.text", "Late"),
        ("nr", "7"),
        ("level", "sev1"),
        ("with.dot.in.side", None),
        ("with.dot", None),
        ("labels.name", "pay"),
        ("[none, zero, missing.path, name.text]", "Late"),
        ('"INC/{nr}"', "INC/7"),
        ('"{ref}: {name.text}"', "INC-7: Late"),
        ('"{ref} {none}"', None),
        ('["{ref} {none}", ref]', "INC-7"),
        (r"{from: ref, pattern: '\d+'}", "7"),
        (r"{from: ref, pattern: '([A-Z]+)-(\d)'}", "INC"),
        (r"{from: ref, pattern: 'X(\d)'}", None),
        (r"{from: ref, pattern: '(X)?INC'}", None),
        (r"{from: '{ref}/{nr}', pattern: '\d/\d'}", "7/7"),
        (r"[{from: ref, pattern: 'X'}, {from: nr, pattern: '.'}]", "7"),
        ("flag", "true"),
    ],
)
def test_a_field_is_read_from_its_place(
    read: Read, server: Server, spot: str, expected: str | None
) -> None:
    """A path, a template, a part of a text, or the first of several that gives something."""
    server.on("/pm", Reply([ITEM]))

    found = read(f"url: URL/pm\nfields:\n  id: ref\n  severity: {spot}")

    assert [(each.id, each.severity) for each in found] == [("INC-7", expected)]


@pytest.mark.parametrize(
    ("spot", "expected"),
    [
        ("labels.name", ("pay", "retry")),
        ("teams.tags", ("x", "y")),
        ("[labels.name, teams.tags, ref]", ("pay", "retry", "x", "y", "INC-7")),
        ('"nr-{nr}"', ("nr-7",)),
        ("none", ()),
    ],
)
def test_a_field_of_several_texts_takes_all_of_them(
    read: Read, server: Server, spot: str, expected: tuple[str, ...]
) -> None:
    """Through lists of mappings and of lists, from each of several places."""
    server.on("/pm", Reply([ITEM]))

    found = read(f"url: URL/pm\nfields:\n  id: ref\n  tags: {spot}")

    assert [each.tags for each in found] == [expected]


def test_the_base_of_an_address_may_be_named_once(read: Read, server: Server) -> None:
    """``{base}`` stands for it in the address, in fields and before the next page."""
    server.on("/api/pm", Reply({"postmortems": [{"key": "A"}], "next": "/p2"}))
    server.on("/api/p2", Reply({"postmortems": [{"key": "B"}]}))

    found = read(
        """
        base: URL/api/
        url: "{base}/pm"
        fields: {id: key, url: ["{none}", "{base}/x/{key}"]}
        next: {url: next, below: "{base}"}
        """
    )

    assert [(each.id, each.url) for each in found] == [
        ("A", f"{server.url}/api/x/A"),
        ("B", f"{server.url}/api/x/B"),
    ]


@pytest.mark.parametrize(
    ("path", "tree"),
    [
        ("data.items", {"data": {"items": [{"id": "A"}, {"id": "B"}]}}),
        ("data.items", {"data": [{"items": [{"id": "A"}]}, {"items": [{"id": "B"}]}]}),
        ("data.items", {"data.items": [{"id": "A"}, {"id": "B"}]}),
        ("items", [{"items": [{"id": "A"}]}, {"items": None}, {"items": [{"id": "B"}]}]),
    ],
)
def test_a_list_stands_where_its_path_leads(
    read: Read, server: Server, path: str, tree: Any
) -> None:
    """Through mappings and lists; what is null is an empty list."""
    server.on("/pm", Reply(tree))

    assert ids(read(f"url: URL/pm\nlist: {path}")) == ["A", "B"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("mode: real", ["a", "b"]),
        ("mode: [drill, REAL]", ["a", "b", "c"]),
        ("mode: [drill, null]", ["c", "d", "e"]),
        ("gone: null", ["a", "c", "d", "e"]),
        ('gone: "*"', ["b"]),
        ("tags.name: pay", ["a", "b"]),
        ('tags.name: "*"', ["a", "b"]),
        ("open: 'true'", ["c"]),
        ("{mode: real, gone: null}", ["a"]),
        ("nothing: x", []),
    ],
)
def test_only_wanted_items_are_read(
    read: Read, server: Server, where: str, expected: list[str]
) -> None:
    """One of several texts, nothing or anything, at each of the paths, without regard to case."""
    items = [
        {"id": "a", "mode": "Real", "tags": [{"name": "x"}, {"name": "Pay"}]},
        {"id": "b", "mode": "real", "gone": {"at": "2026"}, "tags": [{"name": "pay"}]},
        {"id": "c", "mode": "drill", "open": True, "tags": []},
        {"id": "d", "mode": None, "gone": None},
        {"id": "e", "mode": "", "gone": ""},
    ]
    server.on("/pm", Reply(items))

    found = read(f"url: URL/pm\nwhere:\n  {where}")

    assert [each.id for each in found] == expected


# The next page


def paged(server: Server, answer: Callable[[Asked], Reply]) -> None:
    """Let all pages be answered by a function."""
    server.on("/pm", answer)


def by_link(server: Server) -> str:
    """Name the next page in the Link header, of which the last page has another."""

    def answer(asked: Asked) -> Reply:
        page = int(asked.query.get("p", "1"))
        links = [f'<{server.url}/pm?p=1>; rel="first"']
        links += [f'</pm?p={page + 1}>; rel="next"'] if page < 3 else []
        return Reply([{"id": f"p{page}"}], headers={"Link": ", ".join(links)})

    paged(server, answer)
    return "next: link"


def by_url(form: str, below: str = "") -> Callable[[Server], str]:
    """Name the next page in the answer."""

    def prepare(server: Server) -> str:
        def answer(asked: Asked) -> Reply:
            page = int(asked.query.get("p", "1"))
            following = form.replace("URL", server.url) + str(page + 1)
            return Reply({"list": [{"id": f"p{page}"}], "to": following if page < 3 else None})

        paged(server, answer)
        return f"list: list\nnext: {{url: to{below}}}"

    return prepare


def by_cursor(server: Server) -> str:
    """Give a cursor, and an empty one with the last page."""

    def answer(asked: Asked) -> Reply:
        page = {"": 1, "c/2=": 2, "c/3=": 3}[asked.query.get("after", "")]
        cursor = f"c/{page + 1}=" if page < 3 else ""
        return Reply({"list": [{"id": f"p{page}"}], "meta": {"after": cursor}})

    paged(server, answer)
    return "list: list\nquery: {q: x}\nnext: {cursor: meta.after, query: after}"


def by_offset(server: Server) -> str:
    """Count items, and say whether there are more."""

    def answer(asked: Asked) -> Reply:
        start = int(asked.query.get("start", "0"))
        return Reply({"list": [{"id": f"p{start + 1}"}], "more": start < 2})

    paged(server, answer)
    return "list: list\nnext: {offset: start, more: more}"


def by_page(start: str, more: str = "") -> Callable[[Server], str]:
    """Count pages, to an empty one or until the answer says that there is none left."""

    def prepare(server: Server) -> str:
        def answer(asked: Asked) -> Reply:
            page = int(asked.query.get("page", "1")) + (start == "query: {page: '0'}\n")
            items = [{"id": f"p{page}"}] if page <= 3 else []
            return Reply({"list": items, "next": "3" if page < 3 else 0})

        paged(server, answer)
        return f"list: list\n{start}next: {{page: page{more}}}"

    return prepare


WAYS = {
    "link": by_link,
    "url": by_url("URL/pm?p="),
    "relative": by_url("?p="),
    "path": by_url("/pm?p="),
    "below": by_url("/pm?p=", ', below: "URL/"'),
    "below-absolute": by_url("URL/pm?p=", ', below: "https://x.example"'),
    "cursor": by_cursor,
    "offset": by_offset,
    "page": by_page(""),
    "page-0": by_page("query: {page: '0'}\n"),
    "page-more": by_page("", ", more: next"),
}


@pytest.mark.parametrize("way", WAYS)
def test_pages_are_followed_to_the_last(read: Read, server: Server, way: str) -> None:
    """Each way to the next page leads through three of them, once each."""
    block = WAYS[way](server)

    found = read(f"url: URL/pm\n{block}")

    assert ids(found) == ["p1", "p2", "p3"]
    assert found.findings == ()
    assert found.partial == ()
    assert len(server.asked) == (4 if way in ("page", "page-0") else 3)
    if way == "cursor":
        assert [asked.query.get("q") for asked in server.asked] == ["x"] * 3


def test_a_page_that_stands_in_the_address_is_counted_on(read: Read, server: Server) -> None:
    """The parameter is replaced there, not sent a second time, and the others stay."""
    pages = {"2": [{"id": "A"}], "3": [{"id": "B"}], "4": []}
    server.on("/pm", lambda asked: Reply(pages[asked.query["page"]]))

    assert ids(read("url: URL/pm?page=2&size=1\nnext: {page: page}")) == ["A", "B"]
    assert [asked.query for asked in server.asked] == [
        {"page": page, "size": "1"} for page in ("2", "3", "4")
    ]


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        (
            "https://127.0.0.1/pm",
            "its next page is on another host, which is not asked; correct the address, or how the"
            " next page is found",
        ),
        (
            "https://example.com/pm",
            "its next page is on another host, which is not asked; correct the address, or how the"
            " next page is found",
        ),
        (
            "http://[/",
            "the address of its next page is none; correct the address, or how the next page is"
            " found",
        ),
        (
            "http://127.0.0.1:x/",
            "the address of its next page is none; correct the address, or how the next page is"
            " found",
        ),
        (
            "URL/pm",
            "its pages form a loop; correct the address, or how the next page is found",
        ),
    ],
)
@pytest.mark.parametrize("below", ["", ", below: URL"])
def test_a_next_page_that_leads_astray_is_not_followed(
    read: Read, server: Server, to: str, expected: str, below: str
) -> None:
    """A credential must not be led to another host, nor a run in a circle."""
    following = to.replace("URL", server.url)
    server.on("/pm", Reply({"incidents": [{"id": "A"}], "to": following}))

    assert unread(read(f"url: URL/pm\nnext: {{url: to{below}}}")) == expected


def test_a_cursor_that_stays_is_a_circle(read: Read, server: Server) -> None:
    """A server that gives the same cursor again would never end."""
    server.on("/pm", Reply({"incidents": [{"id": "A"}], "to": "x"}))

    assert unread(read("url: URL/pm\nnext: {cursor: to, query: after}")) == (
        "its pages form a loop; correct the address, or how the next page is found"
    )
    assert len(server.asked) == 2


def test_more_pages_than_may_be_are_said_to_be_missing(read: Read, server: Server) -> None:
    """What was read counts, and an unknown id may exist all the same."""
    server.on("/pm", lambda asked: Reply([{"id": f"p{asked.query.get('page', '1')}"}]))

    found = read("url: URL/pm\nnext: {page: page}")

    assert ids(found) == ["p1", "p2", "p3", "p4", "p5"]
    assert found.partial == (f"{server.url}/pm: only its first 5 pages are read",)


def test_all_pages_together_are_bounded(read: Read, server: Server) -> None:
    """In size, and in time."""
    server.on("/pm", lambda asked: Reply([{"id": asked.query.get("page", "1"), "x": "y" * 900}]))
    block = "url: URL/pm\nnext: {page: page}"

    small = read(block, LoadOptions(limits=HttpLimits(size=2000)))
    short = read(block, LoadOptions(limits=HttpLimits(location=0)))

    assert unread(small) == "its pages are larger than 0.002 MB; ask for less, with a filter"
    assert unread(short) == (
        "its pages took longer than 0 seconds; ask for less, with a filter or larger pages"
    )


# What is not as the block says


def test_a_field_that_no_item_has_is_told_with_those_that_are_there(
    read: Read, server: Server
) -> None:
    """The keys of the answer are named, what stands below them never is."""
    items = [
        {"ref": "A", "info": {"name": "secret title", "level": "x"}, "odd key": 1},
        {"ref": "B", "labels": [], "empty": None},
    ]
    server.on("/pm", Reply(items))

    found = read(
        """
        url: URL/pm
        fields:
          id: ref
          title: info.nmae
          severity: [levle, "{info.levle}!"]
          tags: labels.name
          status: empty.name
        """
    )

    held = "they have ref, info.name, info.level, labels, empty: correct 'fields' in the source"
    assert found.findings == (
        Finding(
            "source-field",
            "warning",
            f"'title' is read from 'info.nmae', which no item has; {held}",
            f"{server.url}/pm",
        ),
        Finding(
            "source-field",
            "warning",
            f"'severity' is read from 'levle' or '{{info.levle}}!', which no item has; {held}",
            f"{server.url}/pm",
        ),
    )
    assert ids(found) == ["A", "B"]


@pytest.mark.parametrize(
    ("reply", "block", "expected"),
    [
        (
            Reply([{"ref": "A", "n": 1}]),
            "fields: {id: nr}",
            "'id' is read from 'nr', which no item has; they have ref, n; correct 'fields' in the"
            " source",
        ),
        (
            Reply([{"ref": None}, {"ref": ""}]),
            "fields: {id: ref}",
            "none of its 2 items has an id; set its path in 'fields'",
        ),
        (
            Reply([{"titel": "A"}]),
            "",
            "none of its 1 items has an id; set its path in 'fields'",
        ),
        (
            Reply({"data": {"itms": []}, "n": 1}),
            "list: data.items",
            "there is no list at 'data.items'; the answer has data.itms, n; correct 'list' in the"
            " source",
        ),
        (
            Reply({"data": {"A": {}}}),
            "list: data",
            "there is no list at 'data'; the answer has data.A; correct 'list' in the source",
        ),
        (
            Reply("12"),
            "list: data",
            "there is no list at 'data'; the answer has no keys; correct 'list' in the source",
        ),
        (
            Reply([["a"]]),
            "",
            "a list is not an entry; write each post-mortem as a mapping with an"
            " 'id', such as '- id: PM-1'",
        ),
        (
            Reply("{id: 1}", headers={"Content-Type": "application/json"}),
            "",
            "it is not JSON: Expecting property name enclosed in double quotes (line 1 of the"
            " answer); fix the answer of this address",
        ),
        (
            Reply('[{"id": 1, "a": "b"},\n{"id": 2', headers={"Content-Type": "text/json"}),
            "",
            "it is not JSON: Expecting ',' delimiter (line 2 of the answer); fix the answer of this"
            " address",
        ),
        (
            Reply("[" * 10_000 + "]" * 10_000),
            "",
            "it is nested more than 100 levels deep; fix the answer of this address",
        ),
        (
            Reply('[{"id": "a", "title": ' + "[" * 150 + "]" * 150 + "}]"),
            "",
            "it is nested more than 100 levels deep (line 1 of the answer); fix the answer of this"
            " address",
        ),
        (
            Reply('{"a":' * 10_000 + "1" + "}" * 10_000),
            "list: a",
            "it is nested more than 100 levels deep; fix the answer of this address",
        ),
        (Reply(""), "", "the answer is empty; fix the answer of this address"),
        (Reply(status=204), "", "the answer is empty; fix the answer of this address"),
        (
            Reply("<html>Log in</html>", headers={"Content-Type": "application/json"}),
            "",
            "it answered with a web page, not with data: is it the one to log in?; correct the"
            " address, or check the token",
        ),
        (
            Reply("Log in", headers={"Content-Type": "text/html; charset=utf-8"}),
            "",
            "it answered with a web page, not with data: is it the one to log in?; correct the"
            " address, or check the token",
        ),
        (
            Reply("no", 304),
            "",
            "it says that nothing has changed; ask again later",
        ),
    ],
)
def test_an_answer_that_is_no_registry_is_told(
    read: Read, server: Server, reply: Reply, block: str, expected: str
) -> None:
    """What is wrong with it, on which line, and what to correct; nothing of what it holds."""
    server.on("/pm", reply)

    assert unread(read(f"url: URL/pm\n{block}")) == expected


def test_an_answer_may_be_deep_as_long_as_it_makes_sense(read: Read, server: Server) -> None:
    """Sixty levels are read like one."""
    tree: Any = [{"id": "A"}]
    for _ in range(60):
        tree = {"d": tree}
    server.on("/pm", Reply(tree))

    assert ids(read(f"url: URL/pm\nlist: {'.'.join('d' * 60)}")) == ["A"]


def test_no_item_is_an_empty_registry(read: Read, server: Server) -> None:
    """A list that has nothing in it yet lacks no field, and is told to be empty."""
    server.on("/pm", Reply({"data": []}))

    found = read("url: URL/pm\nlist: data\nfields: {id: x, title: y}")

    assert [(each.code, each.severity) for each in found.findings] == [
        ("registry-empty", "warning")
    ]


def test_an_item_that_is_wrong_is_a_warning(read: Read, server: Server) -> None:
    """The rest of what somebody else keeps counts."""
    items = [{"id": "A"}, {"id": "a"}, {"titel": "x"}, {"id": "B", "url": "javascript:x"}]
    server.on("/pm", Reply(items))

    found = read("url: URL/pm")

    assert ids(found) == ["A", "B"]
    assert {each.severity for each in found.findings} == {"warning"}
    assert len(found.findings) == 3


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (
            "headers: {X-A: '${PM_GONE}'}",
            "the environment variable PM_GONE is not set; set it",
        ),
        ("query: {a: '${PM_BLANK}'}", "the environment variable PM_BLANK is not set; set it"),
        (
            "basic: {user: me, password: '${PM_ODD}'}",
            "PM_ODD holds characters that can't be sent; set it anew",
        ),
    ],
)
def test_a_variable_that_is_missing_is_named(
    read: Read, server: Server, monkeypatch: pytest.MonkeyPatch, block: str, expected: str
) -> None:
    """Nothing is sent without what it needs, and the tests run all the same."""
    monkeypatch.setenv("PM_BLANK", "  ")
    monkeypatch.setenv("PM_ODD", "hunter\x1b2")

    assert unread(read(f"url: URL/pm\n{block}")) == expected
    assert server.asked == []


# Mistakes in a block

FILE = "put it into a variable of the environment, and write ${NAME}"
NO_PATH = "write its path in the answer, such as 'fields.summary'"
NO_PATTERN = "write a 'pattern' next to 'from', such as '^[A-Z]+-[0-9]+'"
ADDRESS = "write an address with https://"
KEYS = (
    "use url, headers, query, basic, list, where, fields, next, partial, insecure, post or preset"
)


@pytest.mark.parametrize(
    ("block", "cause", "remedy"),
    [
        ("header: {a: b}", "'header' of the source is not understood", KEYS),
        ("url:", "'url' of the source is missing", ADDRESS),
        ("url: ''", "'url' of the source is missing", ADDRESS),
        ("url: [a]", "'url' of the source is not a text", "write 'url' as one text"),
        (
            "url: ftp://x.example/",
            "'url' of the source can't be asked: it is neither http nor https",
            ADDRESS,
        ),
        (
            "url: x.example/pm",
            "'url' of the source can't be asked: it is neither http nor https",
            ADDRESS,
        ),
        ("url: https:///pm", "'url' of the source can't be asked: it names no host", ADDRESS),
        ("url: https://[/pm", "'url' of the source can't be asked: it is not an address", ADDRESS),
        ("list: {a: b}", "'list' of the source is not a text", "write 'list' as one text"),
        ("partial: [a]", "'partial' of the source is not a text", "write 'partial' as one text"),
        (
            "headers: x",
            "'headers' of the source is not a mapping",
            "write names and values below 'headers'",
        ),
        (
            "query: [a]",
            "'query' of the source is not a mapping",
            "write names and values below 'query'",
        ),
        ("query: {a: [b]}", "'query.a' of the source is not a text", "write it as one text"),
        ("headers: {a: {b: c}}", "'headers.a' of the source is not a text", "write it as one text"),
        (
            "headers: {a b: c}",
            "'headers.a b' of the source is not a header",
            "write 'Name: text' on one line",
        ),
        (
            'headers: {a: "b\\nc"}',
            "'headers.a' of the source is not a header",
            "write 'Name: text' on one line",
        ),
        (
            "basic: {user: me}",
            "'basic' of the source is not a pair",
            "write 'user' and 'password' below it",
        ),
        (
            "basic: {user: me, password: '${X}', realm: x}",
            "'basic' of the source is not a pair",
            "write 'user' and 'password' below it",
        ),
        (
            "where: {a: {b: c}}",
            "'where.a' of the source is not a text",
            "write a text, a list of texts, or null",
        ),
        ("fields: {id: []}", "'fields.id' of the source is not a path", NO_PATH),
        ("fields: {id: {a: b}}", "'fields.id' of the source is not a path", NO_PATH),
        (
            "fields: {id: {from: a}}",
            "'fields.id' of the source has a 'pattern' that is not a regular expression",
            NO_PATTERN,
        ),
        (
            "fields: {id: {from: a, pattern: '('}}",
            "'fields.id' of the source has a 'pattern' that is not a regular expression",
            NO_PATTERN,
        ),
        (
            "fields: {id: {from: a, pattern: [b]}}",
            "'fields.id' of the source has a 'pattern' that is not a regular expression",
            NO_PATTERN,
        ),
        *[
            (
                f"next: {value}",
                "'next' of the source names no way to the next page",
                "see reference/registry.md in pytest-postmortem's docs",
            )
            for value in ("following", "[link]", "{query: a}", "{cursor: {a: b}, query: c}")
        ],
        (
            "next: {cursor: a}",
            "'next' of the source has no 'query'",
            "name the parameter that takes the cursor",
        ),
        (
            "next: {url: a, query: b}",
            "'next.query' of the source can't be combined with 'url'",
            "remove it",
        ),
        (
            "next: {page: a, offset: b}",
            "'next.page' of the source can't be combined with 'offset'",
            "remove it",
        ),
    ],
)
def test_a_mistake_in_a_block_is_told_with_its_place(
    read: Read, server: Server, block: str, cause: str, remedy: str
) -> None:
    """One mistake is one problem, whatever else the block holds."""
    text = block if block.startswith("url:") else f"url: URL/pm\n{block}"

    with pytest.raises(RegistryError) as raised:
        read(text)

    line = 2 if block.startswith("url:") and block != "url:" else 3
    assert problems(raised.value) == [(line if block != "url:" else 2, cause, remedy)]
    assert server.asked == []


def test_all_mistakes_of_a_block_are_told_at_once(read: Read) -> None:
    """Each with the line on which it stands."""
    with pytest.raises(RegistryError) as raised:
        read(
            """
            url: gopher://x
            headers:
              X-Fine: a
              X-Bad: [b]
            fields:
              id: a
              title:
                from: b
                pattern: "*"
            next: {page: a, more: b, c: d}
            lst: data
            """
        )

    assert [(line, cause) for line, cause, _ in problems(raised.value)] == [
        (12, "'lst' of the source is not understood"),
        (2, "'url' of the source can't be asked: it is neither http nor https"),
        (5, "'headers.X-Bad' of the source is not a text"),
        (8, "'fields.title' of the source has a 'pattern' that is not a regular expression"),
        (11, "'next.c' of the source can't be combined with 'page'"),
    ]


@pytest.mark.parametrize(
    ("block", "key"),
    [
        ("headers: {Authorization: Bearer hunter2}", "headers.Authorization"),
        ("headers: {cookie: hunter2}", "headers.cookie"),
        ("headers: {PRIVATE-TOKEN: hunter2}", "headers.PRIVATE-TOKEN"),
        ("headers: {x-api-key: hunter2}", "headers.x-api-key"),
        ("headers: {X-Secret: hunter2}", "headers.X-Secret"),
        ("headers: {X-Auth: hunter2}", "headers.X-Auth"),
        ("headers: {X-Password: hunter2}", "headers.X-Password"),
        ("headers: {X-Auth: '$TOKEN hunter2'}", "headers.X-Auth"),
        ("headers: {X-Auth: '${TOKEN:-hunter2}'}", "headers.X-Auth"),
        ("basic: {user: me, password: hunter2}", "basic.password"),
        ("basic: {user: '${ME}', password: hunter2}", "basic.password"),
        ("url: https://me:hunter2@x.example/", "url"),
        ("url: https://${ME}:hunter2@x.example/", "url"),
    ],
)
def test_a_credential_in_the_file_is_refused(
    read: Read, server: Server, block: str, key: str
) -> None:
    """What is in a repository is no secret; the message says where to put it, not what it is."""
    with pytest.raises(RegistryError) as raised:
        read(block if key == "url" else f"url: URL/pm\n{block}")

    assert problems(raised.value) == [
        (
            2 if key == "url" else 3,
            f"{key!r} of the source can't be used: the file contains a credential",
            FILE,
        )
    ]
    assert "hunter2" not in str(raised.value)
    assert server.asked == []


def test_a_credential_in_a_location_is_refused_too(tmp_path: Path) -> None:
    """An ini file is as public as a registry file."""
    location = Location("https://me:hunter2@x.example/pm.yml", tmp_path)

    with pytest.raises(RegistryError) as raised:
        load_registry([location], tmp_path)

    assert str(raised.value) == (
        "Couldn't read registry 'https://…@x.example/pm.yml': 'url' of the source can't be used:"
        " the file contains a credential\n"
        f"  {FILE}\n"
        "  see `pytest-postmortem explain source-block`"
    )


def test_what_only_looks_like_a_credential_may_stand_there(read: Read, server: Server) -> None:
    """A variable, an empty text, and headers with other names."""
    server.on("/pm", Reply([{"id": "A"}]))

    found = read(
        """
        url: URL/pm?page_token=x
        headers: {Authorization: "${PM_GONE:-}", X-Key: "", X-Version: "2"}
        """
    )

    assert ids(found) == ["A"]


# The second time


def validated(server: Server, path: str, etag: str, tree: Any, *, link: str = "") -> None:
    """Answer a path with an ETag, and with a 304 to whoever has it."""
    headers = {"ETag": etag, **({"Link": f'<{link}>; rel="next"'} if link else {})}

    def answer(asked: Asked) -> Reply:
        known = asked.headers.get("if-none-match") == etag
        return Reply(status=304) if known else Reply(tree, headers=headers)

    server.on(path, answer)


def sent(server: Server) -> list[tuple[str, str | None]]:
    """Return which pages were asked for with which ETag, and forget them."""
    found = [(asked.path, asked.headers.get("if-none-match")) for asked in server.asked]
    server.asked.clear()
    return found


@pytest.fixture
def three(server: Server) -> list[str]:
    """Three pages that lead from one to the next."""
    validated(server, "/pm", '"1"', [{"id": "p1"}], link="/2")
    validated(server, "/2", '"2"', [{"id": "p2"}], link="/3")
    validated(server, "/3", '"3"', [{"id": "p3"}])
    return ["/pm", "/2", "/3"]


def test_pages_that_are_what_they_were_are_not_sent_again(
    read: Read, server: Server, tmp_path: Path, three: list[str]
) -> None:
    """Each page has its own ETag, and the copy is as good as the answer."""
    kept = LoadOptions(limits=LIMITS, cache=tmp_path / "cache")
    first = read("url: URL/pm\nnext: link", kept)
    assert sent(server) == [("/pm", None), ("/2", None), ("/3", None)]

    second = read("url: URL/pm\nnext: link", kept)

    assert sent(server) == [("/pm", '"1"'), ("/2", '"2"'), ("/3", '"3"')]
    assert second == first
    assert ids(second) == ["p1", "p2", "p3"]


@pytest.mark.parametrize("changed", [0, 1, 2])
def test_one_page_that_has_changed_has_all_of_them_sent(
    read: Read, server: Server, tmp_path: Path, three: list[str], changed: int
) -> None:
    """Half of an old list and half of a new one are no list."""
    kept = LoadOptions(limits=LIMITS, cache=tmp_path / "cache")
    read("url: URL/pm\nnext: link", kept)
    sent(server)
    link = "" if changed == 2 else three[changed + 1]
    validated(server, three[changed], '"new"', [{"id": "new"}], link=link)

    found = read("url: URL/pm\nnext: link", kept)

    expected = ["p1", "p2", "p3"]
    expected[changed] = "new"
    assert ids(found) == expected
    asked = [(path, f'"{n}"') for n, path in enumerate(three[: changed + 1], 1)]
    assert sent(server) == asked + [(path, None) for path in three[changed == 0 :]]


def test_pages_that_are_counted_are_asked_for_under_their_numbers(
    read: Read, server: Server, tmp_path: Path
) -> None:
    """The query of each page is that of the first time, beside what stands in the address."""

    def answer(asked: Asked) -> Reply:
        page = asked.query.get("page", "1")
        if asked.headers.get("if-none-match") == page:
            return Reply(status=304)
        return Reply([{"id": page}] if page < "3" else [], headers={"ETag": page})

    server.on("/pm", answer)
    kept = LoadOptions(limits=LIMITS, cache=tmp_path / "cache")
    read("url: URL/pm?a=b\nquery: {c: d}\nnext: {page: page}", kept)
    first = [asked.query for asked in server.asked]
    server.asked.clear()

    found = read("url: URL/pm?a=b\nquery: {c: d}\nnext: {page: page}", kept)

    assert ids(found) == ["1", "2"]
    assert [asked.query for asked in server.asked] == first
    assert [asked.headers.get("if-none-match") for asked in server.asked] == ["1", "2", "3"]


def test_without_a_validator_for_each_page_all_are_fetched_anew(
    read: Read, server: Server, tmp_path: Path, three: list[str]
) -> None:
    """A page that can't be told from a later one may have changed."""
    server.on("/2", Reply([{"id": "p2"}], headers={"Link": '</3>; rel="next"'}))
    kept = LoadOptions(limits=LIMITS, cache=tmp_path / "cache")
    read("url: URL/pm\nnext: link", kept)
    sent(server)

    assert ids(read("url: URL/pm\nnext: link", kept)) == ["p1", "p2", "p3"]
    assert sent(server) == [("/pm", None), ("/2", None), ("/3", None)]


def test_another_block_has_another_copy(
    read: Read, server: Server, tmp_path: Path, three: list[str]
) -> None:
    """Who changes what is read gets no list of before."""
    kept = LoadOptions(limits=LIMITS, cache=tmp_path / "cache")
    read("url: URL/pm\nnext: link", kept)
    sent(server)

    assert ids(read("url: URL/pm\nwhere: {id: p1}\nnext: link", kept)) == ["p1"]
    assert sent(server) == [("/pm", None), ("/2", None), ("/3", None)]
