"""Several locations, one registry: what later ones add, which names count, what is found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_postmortem.model import ActionItem, Finding, Guard, Location, Postmortem, Registry
from pytest_postmortem.registry import load_registry, load_registry_with_problems


def registry(folder: Path, *texts: str) -> Registry:
    """Load registry files with these texts, named a.yml, b.yml, and so on."""
    names = [f"{letter}.yml" for letter in "abc"[: len(texts)]]
    for name, text in zip(names, texts, strict=True):
        (folder / name).write_text(text, encoding="utf-8")
    return load_registry([Location(name, folder) for name in names], folder)


def test_no_location_is_no_post_mortem(tmp_path: Path) -> None:
    """Nothing is read, and nothing is wrong."""
    assert load_registry([], tmp_path) == Registry()


def test_a_later_location_adds_to_an_earlier_one(tmp_path: Path) -> None:
    """Its texts win where it has any, its lists are added, and place and order stay."""
    first = """
- id: PM-1
  title: Twice charged
  date: 2024-01-02
  tags: [pay, retry]
  guarded_by: lint
  action_items: [Write a test]
  found_by: a customer
- {id: PM-2, url: "https://x/2"}
"""
    later = """
url_template: https://template/{id}
defects:
- {id: PM-3}
- {id: pm-2, status: done}
- id: pm-1
  date: 2024-01-03
  tags: [retry, late]
  fix: a1..b2
  guarded_by: [lint, policy]
  action_items: [Write a test, Add an alert]
  found_by: an alert
  test: exempt
  reason: the queue is gone
"""

    found = registry(tmp_path, first, later)

    assert found.postmortems == (
        Postmortem(
            "PM-1",
            "Twice charged",
            url="https://template/pm-1",
            path="a.yml",
            line=2,
            date="2024-01-03",
            tags=("pay", "retry", "late"),
            fix=("a1..b2",),
            guarded_by=(Guard("lint"), Guard("policy")),
            exempt=True,
            reason="the queue is gone",
            action_items=(ActionItem("Write a test"), ActionItem("Add an alert")),
            extra={"found_by": "an alert"},
        ),
        Postmortem("PM-2", "PM-2", "https://x/2", "a.yml", 9, status="done"),
        Postmortem("PM-3", "PM-3", "https://template/PM-3", "b.yml", 4),
    )
    assert found.locations == ("a.yml", "b.yml")
    assert found.findings == ()


@pytest.mark.parametrize(
    ("first", "later", "expected"),
    [
        ("[{id: a}]", "[{id: A, owner: x}]", {"a": "x"}),
        ("[{id: a, aliases: b}]", "[{id: B, owner: x}]", {"a": "x"}),
        ("[{id: a}]", "[{id: b, aliases: A, owner: x}]", {"a": "x"}),
        ("[{id: a}, {id: b}]", "[{id: b, aliases: a, owner: x}]", {"a": None, "b": "x"}),
        ("[{id: b, aliases: a}, {id: a}]", "[{id: a, owner: x}]", {"b": None, "a": "x"}),
        ("[{id: a, aliases: [1, 2]}]", "[{id: 1}, {id: 2, owner: x}]", {"a": "x"}),
        (
            "[{id: a, aliases: c}, {id: b, aliases: c}]",
            "[{id: c}]",
            {"a": None, "b": None, "c": None},
        ),
        ("[{id: a, aliases: c}]", "[{id: b, aliases: c}]", {"a": None, "b": None}),
        ("[{id: a}]", "[{id: b, owner: x}]", {"a": None, "b": "x"}),
    ],
)
def test_entries_merge_by_id_or_alias(
    tmp_path: Path, first: str, later: str, expected: dict[str, str | None]
) -> None:
    """The id comes first; an alias that two have in common is no link between them."""
    found = registry(tmp_path, first, later)

    assert {each.id: each.owner for each in found} == expected


def test_the_id_of_what_was_merged_becomes_an_alias(tmp_path: Path) -> None:
    """A test may name either."""
    found = registry(tmp_path, "[{id: '123'}]", "[{id: PM-1, aliases: '123'}]")

    assert [(each.id, each.aliases) for each in found] == [("123", ("PM-1",))]
    assert found.find("pm-1") is found.postmortems[0]


def test_a_file_lies_over_documents_by_their_names(tmp_path: Path) -> None:
    """An overlay names a document by the name that its file has."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "PM-1-lost.md").write_text("# Lost\n")
    (tmp_path / "docs" / "late.md").write_text("Late\n")
    (tmp_path / "a.yml").write_text("[{id: pm-1-lost, class: x}, {id: docs/late.md, title: Late}]")

    found = load_registry([Location("docs", tmp_path), Location("a.yml", tmp_path)], tmp_path)

    assert [(each.id, each.title, each.problem_class) for each in found] == [
        ("PM-1", "Lost", "x"),
        ("late", "Late", None),
    ]


@pytest.mark.parametrize(
    ("texts", "exempt", "findings"),
    [
        (["[{id: a, test: exempt, reason: r}]"], True, []),
        (["[{id: a, test: exempt}]"], True, ["a.yml:1"]),
        (["[{id: a, test: exempt}]", "[{id: a, reason: r}]"], True, []),
        (["[{id: a}]", "\n- id: a\n  test: exempt"], True, ["b.yml:3"]),
        (["[{id: a, test: exempt}]", "[{id: a, owner: x}]"], True, ["a.yml:1"]),
        (["[{id: a, test: exempt, until: 2027-01-01}]", "[{id: a, test: required}]"], False, []),
        (
            ["[{id: a, test: exempt}]", "[{id: a, test: required}]", "[{id: a, test: exempt}]"],
            True,
            ["c.yml:1"],
        ),
    ],
)
def test_the_last_word_on_exemption_counts(
    tmp_path: Path, texts: list[str], exempt: bool, findings: list[str]
) -> None:
    """Whoever exempts without a reason is told where."""
    found = registry(tmp_path, *texts)

    assert found.postmortems[0].exempt is exempt
    assert [(each.code, each.severity, str(each)) for each in found.findings] == [
        (
            "exempt-without-reason",
            "warning",
            f"{place}: a is exempt without a reason; add one, such as 'reason: …'",
        )
        for place in findings
    ]
    assert found.postmortems[0].until is None


def test_an_alias_of_two_post_mortems_names_none(tmp_path: Path) -> None:
    """A test that names it could mean either: both places are told, and the ids keep counting."""
    text = "- {id: a, aliases: [X, c]}\n- {id: b, aliases: [x, A]}\n- {id: c, aliases: [x, y]}\n"

    found = registry(tmp_path, text)

    a, b, c = found
    assert dict(found.index) == {"a": a, "b": b, "c": c, "y": c}
    end = "take it from one of the two, it doesn't count"
    assert found.findings == tuple(
        Finding("shared-alias", "error", f"{message}: {end}", "a.yml", line)
        for message, line in [
            ("the alias 'x' of b is also an alias of a at a.yml:1", 2),
            ("the alias 'x' of c is also an alias of a at a.yml:1", 3),
            ("the alias 'c' of a is also the id of the entry at a.yml:3", 1),
            ("the alias 'A' of b is also the id of the entry at a.yml:1", 2),
        ]
    )


def test_a_name_that_somebody_wrote_comes_before_that_of_a_file(tmp_path: Path) -> None:
    """An alias wins over a stem, and a stem that is somebody's shared alias names nothing."""
    documents = {"PM-1 x.md": "", "a.md": "---\nid: PM-2\naliases: PM-1 x\n---\n"}
    for name, text in documents.items():
        (tmp_path / name).write_text(text)

    found = load_registry([Location(".", tmp_path)], tmp_path)

    assert {name: each.id for name, each in found.index.items()} == {
        "pm-1": "PM-1",
        "pm-2": "PM-2",
        "pm-1 x": "PM-2",
        "pm-1 x.md": "PM-1",
        "a": "PM-2",
        "a.md": "PM-2",
    }


def test_a_broken_registry_can_be_examined(tmp_path: Path) -> None:
    """What can be read of it is there, and every problem of every location beside it."""
    (tmp_path / "a.yml").write_text("- {id: PM-1, title: One, until: never}\n- {title: None}\n")
    (tmp_path / "b.yml").write_text("- {id: PM-2}\n- {id: pm-2}\n- nothing\n")
    (tmp_path / "c.yml").write_text("- {id: PM-1, aliases: [INC-1]}\n")
    names = ("a.yml", "b.yml", "c.yml", "d.yml")

    known, problems = load_registry_with_problems(
        [Location(name, tmp_path) for name in names], tmp_path
    )

    assert {name: each.id for name, each in known.index.items()} == {
        "pm-1": "PM-1",
        "pm-2": "pm-2",
        "inc-1": "PM-1",
    }
    assert known.locations == ("a.yml", "b.yml", "c.yml")
    assert sorted((problem.path, problem.line, problem.slug) for problem in problems) == [
        ("a.yml", 1, "registry-field"),
        ("a.yml", 2, "registry-field"),
        ("b.yml", 2, "registry-duplicate"),
        ("b.yml", 3, "registry-shape"),
        ("d.yml", None, "registry-location"),
    ]


def test_the_registry_costs_nothing_until_it_is_loaded() -> None:
    """Who has no post-mortems does not pay for reading YAML."""
    code = "import pytest_postmortem.registry, sys; print('yaml' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
