"""What marks say, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from pytest_postmortem.evaluation.links import (
    build_implied_registry,
    check_declared_tests,
    check_links,
    check_selection,
    decode_ids,
    encode_ids,
    find_skipped_links,
    index_declared_tests,
    list_selecting_nodeids,
    list_test_file_forms,
    parse_marks,
)
from pytest_postmortem.model import Finding, Link, NodeKey, Postmortem, Registry

WRITE = 'write @pytest.mark.postmortem("PM-123")'


@dataclass(frozen=True)
class Mark:
    """A mark as pytest hands it on."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def mark(*args: Any, name: str = "postmortem", **kwargs: Any) -> Mark:
    """Return the mark of a decorator with these arguments."""
    return Mark(name, args, kwargs)


def registry(*ids: str, partial: tuple[str, ...] = ()) -> Registry:
    """Return a registry of these ids."""
    postmortems = tuple(Postmortem(id, id) for id in ids)
    return Registry(
        postmortems, {each.id.casefold(): each for each in postmortems}, partial=partial
    )


@pytest.mark.parametrize(
    ("marks", "ids"),
    [
        ([mark("PM-1")], {"PM-1": "marker"}),
        ([mark("PM-1", "PM-2")], {"PM-1": "marker", "PM-2": "marker"}),
        ([mark("PM-1"), mark("PM-2")], {"PM-1": "marker", "PM-2": "marker"}),
        ([mark("PM-1"), mark("pm-1")], {"PM-1": "marker"}),
        ([mark(" PM-1 ")], {"PM-1": "marker"}),
        ([mark("0012")], {"0012": "marker"}),
        ([mark(12)], {"12": "marker"}),
        ([mark(12, name="issue")], {"12": "foreign"}),
        ([mark(12, name="issue"), mark("12")], {"12": "marker"}),
        ([mark("12"), mark(12, name="issue")], {"12": "marker"}),
        ([mark(12, 3.5, None, name="issue", why="x")], {"12": "foreign"}),
        ([mark(12, 3.5, None, name="ticket", why="x")], {"12": "foreign"}),
        ([mark("12"), mark(12, name="ticket")], {"12": "marker"}),
        ([mark(name="issue")], {}),
        ([], {}),
    ],
)
def test_ids_are_read_once_each_as_text(marks: Sequence[Mark], ids: dict[str, str]) -> None:
    """An int is taken as text, no zero is stripped, and a foreign mark is never complained of."""
    claims = parse_marks(marks)

    assert (dict(claims.ids), claims.complaints) == (ids, ())


@pytest.mark.parametrize(
    ("address", "name", "id"),
    [
        ("https://x.atlassian.net/browse/PROJ-3", "PROJ-3", "PROJ-3"),
        ("https://x.atlassian.net/browse/PROJ-3", None, "PROJ-3"),
        ("https://x.atlassian.net/browse/PROJ-3", "Charged twice", "PROJ-3"),
        ("https://x.example/browse/PROJ-3", "https://x.example/browse/PROJ-3", "PROJ-3"),
        ("https://x.example/browse/PROJ-3?focusedCommentId=77#comment-77", None, "PROJ-3"),
        ("https://x.example/boards/5?selectedIssue=PROJ-3", None, "PROJ-3"),
        ("https://x.example/issue/PROJ-3/in-2-steps", None, "PROJ-3"),
        ("https://x.example/i/77", "PROJ-3", "PROJ-3"),
        ("HTTPS://github.com/o/r/issues/7/", "", "7"),
        ("https://bugzilla.example/show_bug.cgi?id=123", None, "123"),
        ("https://wiki.example/pm/2026-01-02-disk-full", None, "2026-01-02-disk-full"),
        ("https://wiki.example/pm/disk%20full", None, "disk full"),
        ("https://wiki.example", None, "https://wiki.example"),
        ("https://[x/", None, "https://[x/"),
    ],
)
def test_an_address_in_a_foreign_mark_names_an_id(address: str, name: str | None, id: str) -> None:
    """As Allure's decorators hand it on; the name of the link counts where it is an id."""
    marks = [mark(address, name="allure_link"), mark(address, name="issue")]
    marks[0].kwargs.update({"link_type": "issue", "name": name})

    assert list(parse_marks(marks[:1]).ids) == [id]
    if name is None:
        assert list(parse_marks(marks[1:]).ids) == [id]


def test_an_address_in_our_own_mark_is_no_id() -> None:
    """It has to be one of the registry."""
    assert list(parse_marks([mark("https://x.example/PM-1")]).ids) == ["https://x.example/PM-1"]


@pytest.mark.parametrize(
    ("bad", "ids", "complaints"),
    [
        (mark(), {}, [f"@pytest.mark.postmortem names no post-mortem; {WRITE}"]),
        (
            mark(reason="x"),
            {},
            [f"@pytest.mark.postmortem(reason=...) is not known; ids are positional: {WRITE}"],
        ),
        (
            mark("\udc80"),
            {},
            [f"@pytest.mark.postmortem('\\udc80') names no id but a str; {WRITE}"],
        ),
        (mark(""), {}, [f"@pytest.mark.postmortem('') names an empty id; {WRITE}"]),
        (mark("  "), {}, [f"@pytest.mark.postmortem('  ') names an empty id; {WRITE}"]),
        (
            mark(["PM-1"]),
            {},
            [f"@pytest.mark.postmortem(['PM-1']) names no id but a list; {WRITE}"],
        ),
        (mark(True), {}, [f"@pytest.mark.postmortem(True) names no id but a bool; {WRITE}"]),
        (
            mark("PM-1", reason="x"),
            {"PM-1": "marker"},
            [f"@pytest.mark.postmortem(reason=...) is not known; ids are positional: {WRITE}"],
        ),
        (
            mark("PM-1", None, 1.5),
            {"PM-1": "marker"},
            [
                f"@pytest.mark.postmortem(None) names no id but a NoneType; {WRITE}",
                f"@pytest.mark.postmortem(1.5) names no id but a float; {WRITE}",
            ],
        ),
    ],
)
def test_a_bad_mark_is_complained_of_and_its_good_ids_count(
    bad: Mark, ids: dict[str, str], complaints: list[str]
) -> None:
    """Each complaint shows what was written and the form that is right."""
    claims = parse_marks([bad])

    assert (dict(claims.ids), list(claims.complaints)) == (ids, complaints)


class Unprintable:
    """A value whose text can't be made: `reprlib` takes it for a list by its name."""

    def __len__(self) -> int:
        raise RuntimeError("no length")


Unprintable.__name__ = "list"


@pytest.mark.parametrize(
    ("foreign", "odd"),
    [
        (mark("X-1", name="issue"), ()),
        (mark(name="issue"), ()),
        (mark("X-1", name="issue", by="me"), ()),
        (mark("X-1", None, name="issue"), ("issue('X-1', None)",)),
        (mark(name="issue", url="X-1"), ("issue(url=...)",)),
        (mark(name="issue", id="X-1"), ()),
        (mark(name="issue", ids=["X-1", None]), ("issue(ids=...)",)),
        (mark(Unprintable(), name="issue"), ("issue(...)",)),
    ],
    ids=[
        "argument",
        "empty",
        "id and keyword",
        "no id among ids",
        "keyword",
        "id",
        "no id in a list",
        "unprintable",
    ],
)
def test_a_foreign_mark_of_a_form_that_is_not_understood_is_noted(
    foreign: Mark, odd: tuple[str, ...]
) -> None:
    """An argument that is no id, or keywords alone; it is no complaint."""
    claims = parse_marks([foreign])

    assert (claims.odd, claims.complaints) == (odd, ())


@pytest.mark.parametrize(
    ("keywords", "ids"),
    [
        ({"id": "X-1"}, ["X-1"]),
        ({"id": 12}, ["12"]),
        ({"ids": ("C1", "C2")}, ["C1", "C2"]),
        ({"defect_ids": ["BUG-1"]}, ["BUG-1"]),
        ({"case_id": "https://tracker.example/browse/X-1"}, ["X-1"]),
        ({"id": None}, []),
        ({"grid": "X-1", "reason": "X-2"}, []),
    ],
)
def test_a_foreign_mark_may_have_its_ids_in_keywords(
    keywords: dict[str, Any], ids: list[str]
) -> None:
    """As the marks of pytest-testrail and pytest-reqcov have them."""
    assert list(parse_marks([mark(name="case", **keywords)]).ids) == ids


def test_our_marker_has_its_ids_in_arguments_alone() -> None:
    """A keyword of it is a mistake, and said."""
    claims = parse_marks([mark(id="PM-1")])

    assert (dict(claims.ids), len(claims.complaints)) == ({}, 1)


def test_a_mark_with_our_name_from_another_string_is_ours() -> None:
    """Names are compared by their letters."""
    assert parse_marks([mark("PM-1", name="".join(["post", "mortem"]))]).ids == {"PM-1": "marker"}


def test_ids_become_one_text_from_which_they_can_be_read_again() -> None:
    """A comma or a per cent sign inside an id does not read as two ids."""
    ids = ["PM-1", "a,b", "50%", "%2C", "%25", "a, b"]

    text = encode_ids(ids)

    assert text == "PM-1, a%2Cb, 50%25, %252C, %2525, a%2C b"
    assert (decode_ids(text), decode_ids("")) == (ids, [])


@pytest.mark.parametrize(
    ("nodeid", "expected"),
    [
        ("a.py::test_x", ["a.py::test_x", "a.py"]),
        (
            "a.py::TestA::test_x[1-b::c]",
            ["a.py::TestA::test_x[1-b::c]", "a.py::TestA::test_x", "a.py::TestA", "a.py"],
        ),
        ("README.md", ["README.md"]),
    ],
)
def test_a_test_is_declared_by_any_node_id_that_selects_it(
    nodeid: str, expected: list[str]
) -> None:
    """As on pytest's command line: with or without its parameters, by its class, by its file."""
    assert list(list_selecting_nodeids(nodeid)) == expected


@pytest.mark.parametrize(
    ("test", "files", "expected"),
    [
        (NodeKey("a.py", "a.py::test_x"), ["a.py"], ("a.py",)),
        (NodeKey("../t/a.py", "a.py::test_x"), ["../t/a.py"], ("../t/a.py", "a.py")),
        (NodeKey("../t/a.py", "t/a.py::T::test_x"), ["a.py"], ("../t/a.py", "t/a.py")),
        (NodeKey("../t/a.py", "a.py::test_x"), ["../t/a.py", "a.py"], ("../t/a.py",)),
        (NodeKey("b.py", "a.py::test_x"), ["b.py", "a.py"], ("b.py",)),
        (NodeKey("../t/a.py", "z.py"), ["../t/a.py"], ("../t/a.py", "z.py")),
    ],
)
def test_the_file_of_a_test_is_written_as_its_path_or_as_its_node_id_has_it(
    test: NodeKey, files: list[str], expected: tuple[str, ...]
) -> None:
    """But for a node id that names another file."""
    assert list_test_file_forms(test, files) == expected


def test_two_post_mortems_may_declare_the_same_test() -> None:
    """It guards both."""
    first = Postmortem("PM-1", "", tests=("a.py::test_x",))
    second = Postmortem("PM-2", "", tests=("a.py::test_x", "a.py::test_y"))

    assert index_declared_tests([first, second]) == {
        "a.py::test_x": ("PM-1", "PM-2"),
        "a.py::test_y": ("PM-2",),
    }


@pytest.mark.parametrize(
    ("id", "advice"),
    [
        ("PM-1O2", "; did you mean 'PM-102'?"),
        ("pm-1022", "; did you mean 'PM-102'?"),
        ("zzz", "; correct the id, or add the post-mortem to the registry"),
    ],
)
def test_an_unknown_id_is_an_error_with_advice(id: str, advice: str) -> None:
    """The nearest id is offered, where there is one near."""
    link = Link(id, "a.py::test_x", "a.py", 7)

    findings = check_links([link], registry("PM-102", "PM-7"))

    message = f"unknown post-mortem {id!r}{advice}"
    assert findings == (Finding("unknown-id", "error", message, "a.py", 7),)


def test_a_shared_alias_is_the_remedy_of_an_unknown_id() -> None:
    """To add the incident, or to correct the id, would be the wrong advice."""
    owners = tuple(Postmortem(id, title=id, aliases=("OPS-1",)) for id in ("A-1", "A-2"))
    known = Registry(owners, {owner.id.casefold(): owner for owner in owners})

    (finding,) = check_links([Link("ops-1", "a.py::test_x", "a.py", 7)], known)

    assert finding.message == (
        "unknown post-mortem 'ops-1'; A-1 and A-2 share this alias: take it from all but one"
    )


def test_an_unknown_id_is_said_once_a_place() -> None:
    """A test with forty parameters has one mark, and so one finding."""
    links = [Link("PM-9", f"a.py::test_x[{n}]", "a.py", 7) for n in range(40)]

    assert len(check_links(links, registry())) == 1


def test_a_foreign_mark_may_name_what_the_registry_lacks() -> None:
    """A suite's older marks may mean anything."""
    assert check_links([Link("9", "a.py::test_x", "a.py", 7, "foreign")], registry()) == ()


def test_an_alias_and_another_case_are_known() -> None:
    """Ids are compared without case."""
    assert check_links([Link("pm-1", "a.py::test_x", "a.py", 7)], registry("PM-1")) == ()


def test_unknown_ids_may_be_warnings_or_ignored() -> None:
    """A registry that is partial can't make an error of what it does not hold."""
    link = Link("PM-9", "a.py::test_x", "a.py", 7)

    assert check_links([link], registry(), "ignore") == ()
    assert [each.severity for each in check_links([link], registry(), "warn")] == ["warning"]
    (finding,) = check_links([link], registry(partial=("a page shows its newest 50",)))
    assert finding.severity == "warning"
    assert finding.message.endswith(
        "; it may exist all the same, as the registry is partial: a page shows its newest 50"
    )


def test_advice_is_not_sought_without_end() -> None:
    """A wrong registry makes every id unknown; the search for near ones is bounded."""
    links = [Link(f"INC-{n}", "a.py::test_x", "a.py", n) for n in range(1, 101)]

    findings = check_links(links, registry(*(f"INC-{n}-late" for n in range(1, 101))))

    assert sum("did you mean" in finding.message for finding in findings) == 50


def test_a_declared_test_that_was_not_collected_is_an_error_at_its_entry() -> None:
    """Whoever renames a test learns that a post-mortem counts on it."""
    postmortem = Postmortem("PM-1", "", path="pm.yml", line=3, tests=("a.py::gone", "a.py::here"))
    known = Registry((postmortem,))

    findings = check_declared_tests(known, frozenset({"a.py::here"}))

    message = (
        "PM-1 declares the test 'a.py::gone', which was collected nowhere;"
        " correct the node id, or remove it"
    )
    assert findings == (Finding("unknown-test", "error", message, "pm.yml", 3),)


def test_links_make_a_registry_where_there_is_no_other() -> None:
    """Each id once, in the order of the tests, without a link unless a template gives one."""
    links = [Link(id, "a.py::test_x", "a.py", 1) for id in ("PM-2", "PM-1", "pm-2")]

    known = build_implied_registry(links, None)

    assert list(known) == [Postmortem("PM-2", "PM-2"), Postmortem("PM-1", "PM-1")]
    assert known.find("pm-1") is known.postmortems[1]


def test_a_file_that_skips_itself_stands_for_the_tests_that_the_registry_names_in_it() -> None:
    """For each incident, also where two of them name the same test; other files are not meant."""
    first = Postmortem("PM-1", "", tests=("a.py::test_x", "b.py::test_x"))
    second = Postmortem("PM-2", "", tests=("a.py::test_x", "a.py::TestA::test_y"))
    file = NodeKey("a.py", "a.py")

    found = list(find_skipped_links(Registry((first, second)), [file], ["a.py", "b.py"]))

    assert found == [
        ("a.py::test_x", Link("PM-1", "a.py", "a.py", None, "registry")),
        ("a.py::test_x", Link("PM-2", "a.py", "a.py", None, "registry")),
        ("a.py::TestA::test_y", Link("PM-2", "a.py", "a.py", None, "registry")),
    ]


def test_the_file_of_a_test_is_compared_by_its_letters() -> None:
    """A node id that begins at another folder is another name for the file."""
    equal = NodeKey("".join(["a/", "test_a.py"]), "a/test_a.py::test_a")
    before, behind = NodeKey("b/t.py", "a/t.py::test_a"), NodeKey("a/t.py", "b/t.py::test_a")

    assert list_test_file_forms(equal, ()) == ("a/test_a.py",)
    assert list_test_file_forms(before, ()) == ("b/t.py", "a/t.py")
    assert list_test_file_forms(behind, ()) == ("a/t.py", "b/t.py")


PM_12 = Postmortem("PM-12", "Login loop", aliases=("INC-9",))
KNOWN = Registry((PM_12,), {"pm-12": PM_12, "inc-9": PM_12})
NO_TEST = "--postmortem={0} selects no test: "


@pytest.mark.parametrize(
    ("patterns", "linked", "messages"),
    [
        (["PM-12", "inc-9", "pm-*"], [], []),
        (["X-1"], ["x-1"], []),
        (["PM-21"], [], [NO_TEST + "unknown post-mortem '{0}'"]),
        (["Z-*"], [], [NO_TEST + "no post-mortem has such an id; correct the pattern"]),
        (["PM-12", "Z-?", "Z-?"], [], ["--postmortem=Z-? selects no test: no post-mortem has"]),
    ],
)
def test_a_selection_that_selects_nothing_is_named(
    patterns: list[str], linked: list[str], messages: list[str]
) -> None:
    """Ids of the registry, aliases and linked ids select; each pattern is named once."""
    found = list(check_selection(patterns, KNOWN, linked))

    assert [(each.code, each.severity) for each in found] == [("unknown-id", "error")] * len(
        messages
    )
    for finding, message in zip(found, messages, strict=True):
        assert finding.message.startswith(message.format(patterns[-1]))


@pytest.mark.parametrize(
    ("registry", "unknown", "severity"),
    [
        (KNOWN, "error", "error"),
        (KNOWN, "warn", "warning"),
        (KNOWN, "ignore", "warning"),
        (None, "error", "warning"),
        (replace(KNOWN, partial=("a page is missing",)), "error", "warning"),
        (replace(KNOWN, unreachable=("https://pm.example.com",)), "error", "warning"),
    ],
)
def test_a_selection_is_an_error_where_the_registry_is_complete(
    registry: Registry | None, unknown: Any, severity: str
) -> None:
    """Otherwise what it selects may exist."""
    (finding,) = check_selection(["X-7"], registry, [], unknown)

    assert finding.severity == severity


def test_without_a_registry_a_selection_is_compared_with_the_linked_ids() -> None:
    """The nearest one is suggested."""
    messages = [each.message for each in check_selection(["lgoin-loop", "X"], None, ["login-loop"])]

    text = "no collected test is linked to it; "
    assert messages == [
        f"{NO_TEST.format('lgoin-loop')}{text}did you mean 'login-loop'?",
        f"{NO_TEST.format('X')}{text}correct the id",
    ]
