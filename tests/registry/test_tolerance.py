"""A foreign file never ends a run by the shape of a field."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_postmortem.errors import RegistryError
from pytest_postmortem.model import Location, Registry
from pytest_postmortem.registry import load_registry


def load(folder: Path, text: str, name: str = "a.yml") -> Registry:
    """Load one registry file."""
    (folder / name).write_text(text, encoding="utf-8")
    return load_registry([Location(name, folder)], folder)


@pytest.mark.parametrize(
    ("field", "warning"),
    [
        (
            "title: {en: x}",
            "'title' of PM-1 is not a text, and is left out; write 'title' as one text",
        ),
        ("severity: [[x]]", "'severity' of PM-1 is not a text, and is left out; "),
        ("date: {start: 2026}", "'date' of PM-1 is not a text, and is left out; "),
        ("tags: [{a: b}]", "'tags' of PM-1 is not a list of texts, and is left out; "),
        ("whys: {a: b}", "'whys' of PM-1 is not a list of texts, and is left out; "),
        ("url: [x]", "'url' of PM-1 is not a text, and is left out; "),
        ("url: 'see wiki: x'", "the link 'see wiki: x' of PM-1 can't be used: "),
        (
            "action_items: [{owner: x}]",
            "an item in 'action_items' of PM-1 has no 'title', and is left out; ",
        ),
        ("fix: {note: x}", "'fix' of PM-1 names no commit, and is left out; "),
        (
            "fix: raised the limit",
            "'fix' of PM-1 names no commit, and is kept as a text; "
            "write the commit that fixed it, such as 'fix: 3f1adba'",
        ),
    ],
)
def test_a_field_of_foreign_shape_is_left_out(tmp_path: Path, field: str, warning: str) -> None:
    """The warning names file, line and field; the entry is there."""
    registry = load(tmp_path, f"- id: PM-1\n  {field}\n")

    [found] = registry.findings

    assert len(registry) == 1
    assert (found.severity, found.path, found.line) == ("warning", "a.yml", 2)
    assert found.message.startswith(warning)


def test_one_warning_stands_for_all_entries(tmp_path: Path) -> None:
    """The others are counted."""
    text = "".join(f"- id: PM-{n}\n  tags: {{a: b}}\n  title: {{a: b}}\n" for n in range(3))

    assert [str(each) for each in load(tmp_path, text).findings] == [
        "a.yml:3: 'title' of PM-0 is not a text, and is left out (in 2 more as well); "
        "write 'title' as one text",
        "a.yml:2: 'tags' of PM-0 is not a list of texts, and is left out (in 2 more as well); "
        "write 'tags' as a text or as a list of texts",
    ]


@pytest.mark.parametrize(
    "field",
    ["test: maybe", "tests: {a: b}", "until: soon", "guarded_by: [{url: x}]", "id: [a]"],
)
def test_an_error_stays_an_error_in_fields_that_only_we_have(tmp_path: Path, field: str) -> None:
    """No other tool writes them, so that they are ours to correct."""
    with pytest.raises(RegistryError):
        load(tmp_path, f"- {field}\n" if field.startswith("id") else f"- id: PM-1\n  {field}\n")


@pytest.mark.parametrize(
    ("fix", "commits"),
    [
        ("3f1adba", ("3f1adba",)),
        ("release/1.2", ("release/1.2",)),
        ("v1.2..v1.3", ("v1.2..v1.3",)),
        ("3f1adba, 5ca8e3a", ("3f1adba", "5ca8e3a")),
        ("fixed by 3f1adba0 on Monday", ("3f1adba0",)),
        ("[3f1adba, HEAD~3]", ("3f1adba", "HEAD~3")),
        ("main", ("main",)),
        ("deadbeef is the fix", ()),
        ("raised the limit to 50", ()),
        ("Added a timeout.", ()),
    ],
)
def test_a_fix_is_a_commit_where_it_names_one(
    tmp_path: Path, fix: str, commits: tuple[str, ...]
) -> None:
    """Prose is kept as a text under its own name."""
    found = load(tmp_path, f"- id: PM-1\n  fix: {fix}\n").postmortems[0]

    assert (found.fix, found.extra.get("fix")) == (commits, None if commits else fix)


def test_a_mapping_with_a_name_is_that_text(tmp_path: Path) -> None:
    """Services write a severity as an object with a name, a summary or a value."""
    keys = ("name", "summary", "value")
    text = "".join(f"- id: PM-{key}\n  severity: {{id: 1, {key}: SEV1}}\n" for key in keys)

    assert [each.severity for each in load(tmp_path, text)] == ["SEV1"] * 3


def test_a_failure_mode_is_a_cause(tmp_path: Path) -> None:
    """Under this name it is written in public collections."""
    found = load(tmp_path, "- id: PM-1\n  failure_mode: Text was taken for code.\n").postmortems[0]

    assert found.root_cause == "Text was taken for code."
