"""Links in a directory of post-mortems: followed within the checkout, and never in a circle."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_postmortem.model import Location, Registry
from pytest_postmortem.registry import LoadOptions, load_registry


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a post-mortem in its directory, one elsewhere in it, and one outside."""
    top = tmp_path / "checkout"
    for folder, name in (
        (top / "pm", "PM-1.md"),
        (top / "archive" / "2024", "PM-2.md"),
        (tmp_path / "outside", "PM-3.md"),
    ):
        folder.mkdir(parents=True)
        (folder / name).write_text("# What happened\n")
    (top / ".git").mkdir()
    return top


def read(top: Path, location: str = "pm", cache: Path | None = None) -> Registry:
    """Load a directory as a run with its rootdir at the top of the checkout does."""
    return load_registry([Location(location, top)], top, LoadOptions(cache=cache))


def warnings(found: Registry) -> list[str]:
    """Return what is said of links."""
    return [str(finding) for finding in found.findings if finding.code == "registry-link"]


def test_a_link_within_the_checkout_is_followed(checkout: Path) -> None:
    """A folder and a file elsewhere belong to the directory when a link leads there."""
    (checkout / "pm" / "old").symlink_to("../archive")
    (checkout / "notes.md").write_text("# A\n")
    (checkout / "pm" / "PM-4.md").symlink_to("../notes.md")

    found = read(checkout)

    assert [(each.id, each.path) for each in found] == [
        ("PM-1", "pm/PM-1.md"),
        ("PM-4", "pm/PM-4.md"),
        ("PM-2", "pm/old/2024/PM-2.md"),
    ]
    assert found.findings == ()


def test_a_link_to_a_document_makes_no_second_one(checkout: Path) -> None:
    """It is known by its own path, and by the name of the link too."""
    (checkout / "pm" / "PM-1.md").write_text("---\nid: PM-1\n---\n# What happened\n")
    (checkout / "pm" / "A-latest.md").symlink_to("PM-1.md")
    (checkout / "pm" / "mail").mkdir()
    (checkout / "pm" / "mail" / "PM-1.md").symlink_to("../PM-1.md")
    (checkout / "pm" / "B-old.md").symlink_to("../archive/2024/PM-2.md")
    (checkout / "pm" / "C-old").symlink_to("../archive/2024")

    found = read(checkout)

    assert [(each.id, each.path) for each in found] == [
        ("B-old", "pm/B-old.md"),
        ("PM-1", "pm/PM-1.md"),
    ]
    assert found.find("a-latest") == found.find("PM-1")
    assert found.find("PM-2") == found.find("B-old")
    assert found.findings == ()


def test_a_link_makes_a_post_mortem_of_what_is_none_by_its_own_name(checkout: Path) -> None:
    """Its name is the one that counts."""
    (checkout / "pm" / "notes.txt").write_text("# Lost mail\n")
    (checkout / "pm" / "PM-4.md").symlink_to("notes.txt")

    assert [each.path for each in read(checkout)] == ["pm/PM-1.md", "pm/PM-4.md"]


LOOPS = {"itself": ".", "its parent": "..", "the top": "../..", "a circle": "sub/loop"}


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_is_skipped_with_a_warning(checkout: Path, loop: str) -> None:
    """No directory is read twice, and none for ever."""
    (checkout / "pm" / "sub").mkdir()
    (checkout / "pm" / "sub" / "PM-5.md").write_text("# B\n")
    (checkout / "pm" / "sub" / "loop").symlink_to(
        checkout / "pm" / "sub" / "loop" if loop == "a circle" else LOOPS[loop]
    )

    found = read(checkout)

    assert [each.id for each in found] == ["PM-1", "PM-5"]
    assert warnings(found) == [
        "pm/sub/loop: this link leads back to a folder above it, and is skipped: remove it"
    ]


def test_two_links_to_one_folder_are_read_once(checkout: Path) -> None:
    """The same post-mortem is no duplicate of itself."""
    for name in ("a", "b"):
        (checkout / "pm" / name).symlink_to("../archive/2024")
    (checkout / "archive" / "2024" / "back").symlink_to(checkout / "pm")

    found = read(checkout)

    assert [each.path for each in found] == ["pm/PM-1.md", "pm/a/PM-2.md"]
    assert warnings(found) == []


@pytest.mark.parametrize("number", [1, 5])
def test_a_link_out_of_the_checkout_is_not_followed_and_counted(
    checkout: Path, tmp_path: Path, number: int
) -> None:
    """Nobody who reviews the checkout sees what is there."""
    for position in range(number):
        (checkout / "pm" / f"out{position}").symlink_to(tmp_path / "outside")
    if number > 1:
        (checkout / "pm" / "out0").unlink()
        (checkout / "pm" / "out0").symlink_to(tmp_path / "outside" / "PM-3.md")

    found = read(checkout)

    assert [each.id for each in found] == ["PM-1"]
    assert warnings(found) == [
        "pm: 1 link of it leads out of the checkout and can't be followed: pm/out0; name"
        " where it is in postmortem_registry"
        if number == 1
        else "pm: 5 links of it lead out of the checkout and can't be followed: pm/out0,"
        " pm/out1, pm/out2 and 2 more; name where it is in postmortem_registry"
    ]


@pytest.mark.parametrize("location", ["link", "../outside"])
def test_the_configured_location_may_be_anywhere(
    checkout: Path, tmp_path: Path, location: str
) -> None:
    """Who names it has looked at it; links within it are followed too."""
    (checkout / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "outside" / "more").mkdir()
    (tmp_path / "outside" / "more" / "PM-6.md").write_text("# C\n")
    (tmp_path / "outside" / "more" / "up").symlink_to(tmp_path / "outside")
    (tmp_path / "outside" / "PM-7.md").symlink_to("more/PM-6.md")

    found = read(checkout, location)

    assert sorted(each.id for each in found) == ["PM-3", "PM-6"]
    assert found.find("PM-7") == found.find("PM-6")
    assert len(warnings(found)) == 1


def test_without_a_repository_the_rootdir_is_the_limit(tmp_path: Path) -> None:
    """A link to a sibling is followed there, one that goes further is not."""
    root = tmp_path / "root"
    (root / "pm").mkdir(parents=True)
    (root / "more").mkdir()
    (tmp_path / "far").mkdir()
    (root / "more" / "PM-1.md").write_text("# A\n")
    (tmp_path / "far" / "PM-2.md").write_text("# B\n")
    (root / "pm" / "more").symlink_to("../more")
    (root / "pm" / "far").symlink_to("../../far")

    found = read(root)

    assert [each.id for each in found] == ["PM-1"]
    assert len(warnings(found)) == 1


def test_a_link_that_leads_nowhere_is_nothing(checkout: Path) -> None:
    """An editor leaves such locks."""
    (checkout / "pm" / ".#PM-1.md").symlink_to("me@host.1234")
    (checkout / "pm" / "PM-9.md").symlink_to("nowhere.md")

    found = read(checkout)

    assert [each.id for each in found] == ["PM-1"]
    assert found.findings == ()


def test_a_link_that_changes_is_noticed_by_the_next_run(checkout: Path, tmp_path: Path) -> None:
    """What was kept of an earlier run knows which links were skipped."""
    (checkout / "pm" / "more").symlink_to("../archive")
    assert len(read(checkout, cache=tmp_path / "cache")) == 2

    (checkout / "pm" / "more").unlink()
    (checkout / "pm" / "more").symlink_to("..")

    assert len(warnings(read(checkout, cache=tmp_path / "cache"))) == 1
    assert len(warnings(read(checkout, cache=tmp_path / "cache"))) == 1
    os.unlink(checkout / "pm" / "more")
    assert warnings(read(checkout, cache=tmp_path / "cache")) == []
