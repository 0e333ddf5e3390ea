"""Small git repositories, and the settings of a user that might disturb whoever reads them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

Files = Mapping[str, str | bytes | None]
"""What files hold by their paths, None for one that is deleted."""


def git(folder: Path, *arguments: str, day: str = "2026-03-02T12:00:00 +0000") -> None:
    """Run git in a folder, with nobody's own settings, and without a look for garbage."""
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "maintenance.auto",
        "GIT_CONFIG_VALUE_0": "false",
        "GIT_AUTHOR_DATE": day,
        "GIT_COMMITTER_DATE": day,
        **{f"GIT_{who}_NAME": "nobody" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "nobody@example.com" for who in ("AUTHOR", "COMMITTER")},
    }
    subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True)


def repository(folder: Path) -> Path:
    """Make a folder a repository without a commit."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    return folder


def write(folder: Path, files: Files) -> None:
    """Write files, or delete those that hold nothing."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)


def commit(folder: Path, files: Files, message: str = "change", day: str = "2026-03-02") -> str:
    """Commit everything with these files, and return what the commit is called."""
    write(folder, files)
    git(folder, "add", "--all")
    git(
        folder,
        *("commit", "--quiet", "--allow-empty", "--message", message),
        day=f"{day}T12:00:00 +0000",
    )
    return find_head(folder)


def find_head(folder: Path) -> str:
    """Return what the current commit is called; git is asked where no file says so."""
    head = folder / ".git" / "HEAD"
    name = head.read_text().strip() if head.is_file() else ""
    if name.startswith("ref: "):
        branch = head.parent / name.removeprefix("ref: ")
        name = branch.read_text().strip() if branch.is_file() else ""
    return name or said(folder, "rev-parse", "HEAD")


def said(folder: Path, *arguments: str) -> str:
    """Return what git prints."""
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


DISTURBING = """\
[apply]
    ignoreWhitespace = change
    whitespace = error-all
[color]
    diff = always
    ui = always
[core]
    abbrev = 5
    attributesFile = {0}/attributes
    autocrlf = true
    fsmonitor = {0}/ran
    hooksPath = {0}
    pager = {0}/ran
    quotepath = true
[diff]
    algorithm = patience
    colorMoved = zebra
    context = 0
    external = {0}/ran
    interHunkContext = 50
    mnemonicPrefix = true
    noprefix = true
    relative = true
    renames = copies
    suppressBlankEmpty = true
[diff "odd"]
    command = {0}/ran
    textconv = {0}/ran
[filter "odd"]
    clean = {0}/ran
    required = true
    smudge = {0}/ran
[format]
    pretty = oneline
[grep]
    patternType = perl
[i18n]
    logOutputEncoding = ISO-8859-1
[log]
    abbrevCommit = true
    date = relative
    decorate = full
    follow = true
    showRoot = false
    showSignature = true
"""


def disturb(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set what a user may have set; return the file that is there once anything of it ran."""
    folder.mkdir()
    (folder / "config").write_text(DISTURBING.format(folder))
    (folder / "attributes").write_text("* diff=odd\n*.bin filter=odd\n*.txt text eol=crlf\n")
    for name in ("ran", "post-checkout", "post-index-change", "reference-transaction"):
        (folder / name).write_text(f"#!/bin/sh\ntouch '{folder}/marker'\nexit 1\n")
        (folder / name).chmod(0o700)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(folder / "config"))
    return folder / "marker"
