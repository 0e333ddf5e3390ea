"""What has not changed since the last run is not parsed again, and a bad copy does no harm."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_postmortem.errors import RegistryError
from pytest_postmortem.model import Location, Registry
from pytest_postmortem.registry import LoadOptions, load_registry
from pytest_postmortem.registry.cache import SnapshotStore
from server import Reply, Server, serving

FULL = """
url_template: https://wiki.example.com/{id}
postmortems:
  - id: PM-1
    title: Login loop
    date: 2026-03-02
    severity: sev1
    tags: [login, keys]
    whys: [the key was rotated, nobody was told]
    aliases: [OLD-1]
    fix: abc123
    guarded_by: [{type: alert, url: "https://alerts.example.com/1"}]
    action_items: [{title: Tell everybody, owner: identity, due: 2026-04-01}]
    reviewed: yes
  - {id: PM-2, test: exempt}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A registry file and a directory of documents."""
    (tmp_path / "pm.yml").write_text(FULL)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "PM-3.md").write_text("# PM-3: Charged twice\n")
    return tmp_path


def read(folder: Path, name: str = "pm.yml", **how: Any) -> Registry:
    """Load one location with a cache."""
    return load_registry(
        [Location(name, folder)], folder, LoadOptions(cache=folder / "cache", **how)
    )


def snapshot(folder: Path) -> Path:
    """Return the one file that the cache holds."""
    (path,) = (folder / "cache").iterdir()
    return path


def pretend(folder: Path) -> None:
    """Put another title into the snapshot, to see whether it is what is read."""
    path = snapshot(folder)
    stored = SnapshotStore(path.parent).read(path.name)
    assert stored is not None
    SnapshotStore(path.parent).write(
        path.name, stored.head, json.loads(stored.body.replace("Login loop", "From the copy"))
    )


@pytest.mark.parametrize("name", ["pm.yml", "docs", "."])
def test_a_snapshot_gives_the_same_registry(folder: Path, name: str) -> None:
    """Every field, every alias, every place and every finding is as it was."""
    first = read(folder, name)

    second = read(folder, name)

    assert second == first
    assert second == load_registry([Location(name, folder)], folder)
    assert list(second.index) == list(first.index)


def test_what_has_not_changed_is_read_from_the_snapshot(folder: Path) -> None:
    """The file itself is not parsed again."""
    read(folder)
    pretend(folder)

    assert read(folder).postmortems[0].title == "From the copy"


def rewrite(folder: Path) -> Registry:
    """Change the file, and leave its time and size as they were."""
    path = folder / "pm.yml"
    before = path.stat()
    path.write_text(FULL.replace("severity: sev1", "severity: sev2"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return read(folder)


def test_a_change_is_seen_by_what_the_file_holds(folder: Path) -> None:
    """Times of files mean nothing after a checkout."""
    read(folder)
    pretend(folder)

    registry = rewrite(folder)

    assert (registry.postmortems[0].title, registry.postmortems[0].severity) == (
        "Login loop",
        "sev2",
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda docs: (docs / "PM-3.md").write_text("# PM-3: Another title\n"),
        lambda docs: (docs / "PM-3.md").rename(docs / "PM-4.md"),
        lambda docs: (docs / "below").mkdir() or (docs / "below" / "PM-5.rst").write_text("x\n=\n"),
        lambda docs: (docs / "v1.2 outage").write_text("# PM-6: No ending\n"),
        lambda docs: (docs / "PM-3.md").unlink(),
    ],
    ids=["text", "name", "folder", "plain", "gone"],
)
def test_a_directory_changes_with_any_document(
    folder: Path, change: Callable[[Path], object]
) -> None:
    """A document that is written, renamed or removed is seen at once."""
    before = read(folder, "docs")
    change(folder / "docs")

    after = read(folder, "docs")

    assert after.postmortems != before.postmortems
    assert after == load_registry([Location("docs", folder)], folder)


@pytest.mark.parametrize(
    "how",
    [{"url_template": "https://x.example.com/{id}"}, {"show": "link"}, {"id_pattern": r"\d+"}],
)
def test_another_setting_is_another_snapshot(folder: Path, how: dict[str, Any]) -> None:
    """What was read under other settings is not what is asked for."""
    read(folder)
    pretend(folder)

    assert read(folder, **how).postmortems[0].title == "Login loop"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-10],
        lambda data: data.replace(b"Login", b"Lagin"),
        lambda data: b"\xff" + data,
        lambda data: data.replace(b'"version": [1', b'"version": [0'),
        lambda data: b"[" * 100_000,
        lambda data: b"null\n" + data,
    ],
    ids=["empty", "short", "changed", "no text", "version", "deep", "null"],
)
def test_a_damaged_snapshot_is_dropped(folder: Path, damage: Callable[[bytes], bytes]) -> None:
    """It is read anew, and the next run has a whole one."""
    first = read(folder)
    path = snapshot(folder)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))

    assert read(folder) == first
    assert path.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_no_cache(folder: Path) -> None:
    """A file stands where the folder should be, as in a checkout that is read-only."""
    (folder / "cache").write_text("")

    assert read(folder) == read(folder)


def test_what_is_broken_is_never_kept(folder: Path) -> None:
    """A broken registry says so in every run."""
    (folder / "pm.yml").write_text("- id: PM-1\n- title: no id\n")

    for _ in range(2):
        with pytest.raises(RegistryError):
            read(folder)

    assert not (folder / "cache").exists()


def test_a_run_keeps_its_snapshot_in_pytests_cache(pytester: pytest.Pytester) -> None:
    """Where ``--cache-clear`` finds it, and ``-p no:cacheprovider`` leaves none."""
    (pytester.path / "postmortems.yml").write_text("- id: PM-1\n")
    pytester.makeini("[pytest]\npostmortem_registry = postmortems.yml\n")
    pytester.makepyfile("def test_it(): pass")
    kept = pytester.path / ".pytest_cache" / "d" / "postmortem"

    pytester.runpytest("-p", "no:cacheprovider")
    assert not kept.exists()

    pytester.runpytest()
    assert [path.name.partition("-")[0] for path in kept.iterdir()] == ["registry"]


def test_what_is_kept_never_says_where_to_send_a_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    """The address of a further page counts only where the credential belongs anyway."""
    monkeypatch.setenv("PM_TOKEN", "hunter2-hunter2")
    link = {"Link": f'<{server.url}/api?page=2>; rel="next"', "ETag": '"1"'}
    server.on(
        "/api",
        lambda asked: (
            Reply([{"id": "PM-2"}], headers={"ETag": '"2"'})
            if asked.query
            else Reply([{"id": "PM-1"}], headers=link)
        ),
    )
    (tmp_path / "pm.yml").write_text(
        f"source:\n  url: {server.url}/api\n  headers:\n    X-Token: ${{PM_TOKEN}}\n  next: link\n"
    )
    first = read(tmp_path)
    with serving() as other:
        other.on("/api", Reply([{"id": "PM-3"}]))
        (part,) = (tmp_path / "cache").glob("part-*")
        stored = SnapshotStore(part.parent).read(part.name)
        assert stored is not None
        pages = json.dumps(stored.head["pages"]).replace(server.url, other.url)
        SnapshotStore(part.parent).keep(
            part.name, {**stored.head, "pages": json.loads(pages)}, stored.body
        )

        second = read(tmp_path)

        assert other.asked == []
    assert second == first


def test_a_list_that_has_grown_behind_its_last_page_is_read_anew(
    tmp_path: Path, server: Server
) -> None:
    """A page that has not changed may have another behind it now."""
    (tmp_path / "pm.yml").write_text(f"source:\n  url: {server.url}/api\n  next: link\n")
    server.on("/api", Reply([{"id": "PM-1"}], headers={"ETag": '"1"'}))
    read(tmp_path)
    link = {"Link": f'<{server.url}/more>; rel="next"'}
    server.on(
        "/api",
        lambda asked: (
            Reply(status=304, headers=link)
            if "if-none-match" in asked.headers
            else Reply([{"id": "PM-1"}], headers=link)
        ),
    )
    server.on("/more", Reply([{"id": "PM-2"}]))

    assert [each.id for each in read(tmp_path)] == ["PM-1", "PM-2"]
