"""A checkout with the line ends of Windows gives the verdicts of any other."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from prove_repository import FIXED, OLD, Repository, text_of
from pytest_postmortem.git import apply_patch

PATCH = b"--- a/m.py\n+++ b/m.py\n@@ -1,2 +1,2 @@\n x = 1\n-y = 1\n+y = 2\n"


@pytest.mark.parametrize(
    ("now", "patch", "then"),
    [
        (b"x = 1\ny = 2\n", PATCH, b"x = 1\ny = 1\n"),
        (b"x = 1\r\ny = 2\r\n", PATCH, b"x = 1\r\ny = 1\r\n"),
        (b"x = 1\ny = 2\n", PATCH.replace(b"\n", b"\r\n"), b"x = 1\ny = 1\n"),
        (b"x = 1\r\ny = 2\n", PATCH, None),
        (b"x = 1\r\ny = 3\r\n", PATCH, None),
    ],
    ids=["same", "checkout", "patch", "mixed", "other"],
)
def test_a_patch_applies_whatever_the_line_ends(
    now: bytes, patch: bytes, then: bytes | None
) -> None:
    """If the file has one kind of them, which it keeps."""
    patched = apply_patch({"m.py": now}, patch, reverse=True)

    assert (patched and patched["m.py"]) == then


@pytest.mark.slow
def test_a_checkout_of_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exact reverse decides, and committed proofs stay valid."""
    repository = Repository(tmp_path / "repo", monkeypatch)
    ini = "[pytest]\npostmortem_proofs = proofs.json\npostmortem_registry = postmortems.yml\n"
    repository.commit({"pm1.py": OLD, "pytest.ini": ini, "page.txt": "a\n"})
    repository.fixed(before={}, after={"pm1.py": FIXED, "page.txt": "b\n"})
    repository.commit({"test_pm1.py": text_of("PM-1")})
    repository.register()
    assert "proven  " in repository.prove(capsys)[1]
    repository.commit({})
    windows = tmp_path / "windows"
    subprocess.run(
        ["git", "clone", "--quiet", "-c", "core.autocrlf=true", str(repository.folder), windows],
        check=True,
    )
    monkeypatch.chdir(windows)

    stored = repository.prove(capsys)[1]
    again = repository.prove(capsys, "--again", "-v")[1]

    assert (windows / "pm1.py").read_bytes() == FIXED.replace("\n", "\r\n").encode()
    assert "unchanged since DAY" in stored
    assert again.startswith("PM-1  proven  test_price fails without <PM-1>: AssertionError")
    assert "reverted: page.txt, pm1.py" in again
    assert "tried" not in again
