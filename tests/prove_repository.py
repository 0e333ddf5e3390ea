"""Small git repositories with a bug, its fix and a test, and what `prove` makes of them."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest

import repositories
from pytest_postmortem.cli.main import main
from repositories import Files, git

OLD = "def price(cents):\n    return cents / 10\n"
FIXED = "def price(cents):\n    return cents / 100\n"

TEST = """\
import pytest
from {module} import price

@pytest.mark.postmortem("{id}")
def test_price():
    assert price(500) == 5
"""

HOLLOW = TEST.replace("price(500) == 5", "price(0) == 0")

HANGING = "PROVE_HANGING"
"""The variable with the folder for what says that a run hangs."""

HANGS = f"""\
def hangs():
    open(os.path.join(os.environ["{HANGING}"], str(os.getsid(0))), "w").close()
"""
"""Code of a test with which a run says that it hangs from now on."""

MARKER = "PROVE_REPOSITORY"
"""The variable by which the processes of a test are known."""

Said = tuple[int, str]
"""The exit status and what was printed."""

Facts = tuple[int, int, str]
"""Mode, time and digest of a file."""


class Repository:
    """A git repository, whose folder is the current one, with a folder for what is temporary.

    ``fixes`` are commits by what they are called in expected texts, at first the ids of incidents.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = repositories.repository(folder)
        self.temporary = folder.parent / "for a while"
        self.temporary.mkdir(exist_ok=True)
        self.marker = uuid4().hex
        self.fixes: dict[str, str] = {}
        (folder / ".git" / "info" / "exclude").write_text(".pytest_cache\n__pycache__\n")
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["pytest-postmortem"])
        monkeypatch.setattr(tempfile, "tempdir", str(self.temporary))
        monkeypatch.setenv("TMPDIR", str(self.temporary))
        monkeypatch.setenv(MARKER, self.marker)

    def write(self, files: Files) -> None:
        """Write files, or delete those that hold nothing."""
        repositories.write(self.folder, files)

    def commit(self, files: Files, message: str = "change") -> str:
        """Commit everything with these files, and return what the commit is called."""
        return repositories.commit(self.folder, files, message)

    def git(self, *arguments: str) -> None:
        """Run git, with nobody's own settings."""
        git(self.folder, *arguments)

    def fixed(
        self, id: str = "PM-1", before: Files | None = None, after: Files | None = None
    ) -> str:
        """Commit a bug and then its fix with a test, and return what the fix is called."""
        module = module_of(id)
        if before is None:
            before = {f"{module}.py": OLD}
        if after is None:
            after = {f"{module}.py": FIXED, f"test_{module}.py": text_of(id)}
        self.commit(before, f"{id} before")
        self.fixes[id] = self.commit(after, f"{id} fixed")
        return self.fixes[id]

    def register(self, **entries: str) -> None:
        """Write a registry that names the fixes; ``entries`` are others, by their id."""
        named = {id: f"fix: {commit}" for id, commit in self.fixes.items()}
        named |= {id.replace("_", "-"): entry for id, entry in entries.items()}
        lines = [f"- {{id: {id}, {entry}}}\n" for id, entry in named.items()]
        self.write({"postmortems.yml": "".join(lines)})

    def prove(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> Said:
        """Return the exit status of the command and what it said, without what is never alike."""
        capsys.readouterr()
        status = main(["prove", *arguments])
        said = capsys.readouterr()
        assert said.err == ""
        return status, self.told(said.out)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "pytest_postmortem", "prove", *arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def told(self, text: str) -> str:
        """Return a text without what is never alike; fixes are called what `fixes` says."""
        for name, commit in self.fixes.items():
            text = text.replace(commit, f"<{name}>").replace(commit[:9], f"<{name}>")
        return steady(text)

    def end_hanging_runs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the time of a run be up as soon as its test calls what `HANGS` defines, not before.

        So no clock has a say in whether a run ends within its limit.
        """
        folder = self.folder.parent / "hanging"
        folder.mkdir()
        monkeypatch.setenv(HANGING, str(folder))
        usual = subprocess.Popen.wait

        def wait(process: subprocess.Popen[bytes], timeout: float | None = None) -> int:
            while timeout is not None:
                with suppress(subprocess.TimeoutExpired):
                    return usual(process, 0.05)
                if (folder / str(process.pid)).exists():
                    (folder / str(process.pid)).unlink()  # once it was killed, its end is awaited
                    raise subprocess.TimeoutExpired(process.args, timeout)
            return usual(process)

        monkeypatch.setattr(subprocess.Popen, "wait", wait)

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """See that the block leaves everything as it is, and nothing behind."""
        (self.folder / ".pytest_cache").mkdir(exist_ok=True)
        before, status = snapshot(self.folder), self._status()
        yield
        changed = {path for path, _ in before.items() ^ snapshot(self.folder).items()}
        left = [each.name for each in self.temporary.iterdir()]
        running = self.running()
        assert (changed, left, running) == (set(), [], []), (changed, left, running)
        assert self._status() == status

    def _status(self) -> str:
        if not (self.folder / ".git").exists():
            return ""
        return repositories.said(
            self.folder, "--no-optional-locks", "status", "--porcelain=v2", "--branch"
        )

    def running(self) -> list[str]:
        """Return the commands of this test that still run; one that was just killed may yet."""
        end = time.monotonic() + 5
        while (found := list(self._processes())) and time.monotonic() < end:
            time.sleep(0.02)
        return found

    def _processes(self) -> Iterator[str]:
        """Yield what runs with the marker in its environment, or in the folder for a while."""
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if int(place.name) == os.getpid() or _is_over(place):
                    continue
                own = self.marker.encode() in (place / "environ").read_bytes()
                if own or os.readlink(place / "cwd").startswith(str(self.temporary)):
                    yield (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:  # it has ended
                continue


def _is_over(place: Path) -> bool:
    """Say whether a process only waits for somebody to ask how it ended."""
    return (place / "stat").read_text().rpartition(")")[2].split()[0] == "Z"


def module_of(id: str) -> str:
    """Return the name of the module that an incident is about."""
    return re.sub(r"\W", "", id.lower())


def text_of(id: str, template: str = TEST) -> str:
    """Return the test file of an incident."""
    return template.format(module=module_of(id), id=id)


def table(rows: Mapping[str, Sequence[str]], last: str) -> str:
    """Return what the command prints: of each incident the verdict and lines, and the sum."""
    ids = max(map(len, rows))
    words = max(len(verdict) for verdict, *_ in rows.values())
    lines = []
    for id, (verdict, first, *rest) in rows.items():
        lines.append(f"{id:<{ids}}  {verdict:<{words}}  {first}\n")
        lines += [" " * (ids + words + 4) + f"{each}\n" for each in rest]
    return "".join(lines) + f"{last} (_ s)\n"


def steady(text: str) -> str:
    """Return a text without seconds and days."""
    text = re.sub(r"\d+\.\d s\b", "_ s", text)
    return re.sub(r"unchanged since \d{4}-\d\d-\d\d", "unchanged since DAY", text)


def snapshot(folder: Path) -> dict[str, Facts]:
    """Return the facts of all that lies in a folder but for pytest's cache."""
    return dict(_facts(folder, folder))


def _facts(folder: Path, top: Path) -> Iterator[tuple[str, Facts]]:
    for entry in os.scandir(folder):
        if entry.name == ".pytest_cache":
            continue
        path, facts = Path(entry.path), entry.stat(follow_symlinks=False)
        content = b""
        if entry.is_symlink():
            content = os.fsencode(os.readlink(path))
        elif entry.is_file():
            content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        yield str(path.relative_to(top)), (facts.st_mode, facts.st_mtime_ns, digest)
        if entry.is_dir(follow_symlinks=False):
            yield from _facts(path, top)
