"""Runs linked tests in a process of their own, with other source where that is wanted → `Trial`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from pytest_postmortem.prove.shadow import ShadowEnvironment, list_site_folders
from pytest_postmortem.prove.trial import ProcessEnd, Trial, parse_trial_notes

__all__ = ["RunLocation", "RunSources", "Runner", "RunnerStopped", "TestSelection"]

START_CODE = "sys.exit(_postmortem_overlay.start_pytest())\n"

TEMP_VARIABLE = "TMPDIR"
"""The variable by which all that a run has started is known."""

MAX_LOG_BYTES = 20_000
"""Bytes at the end of a run's output that are kept."""

OVERRIDING_OPTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("", ("--maxfail=0", "--continue-on-collection-errors", "-m", "", "-k", "", "-q", "--tb=line")),
    ("xdist", ("-n0", "--dist=no")),
    ("pytest_cov", ("--no-cov",)),
    ("randomly", ("--randomly-seed=1",)),
    ("sugar", ("-p", "no:sugar")),
    ("pytest-testmon", ("--no-testmon",)),
    ("junitxml", ("--junitxml=",)),
    ("logging", ("--log-file=",)),
    ("html", ("--html=",)),
    ("pytest_reportlog", ("--report-log=",)),
    ("pytest_jsonreport", ("--json-report-file={place}/report.json",)),
    ("allure_pytest", ("--alluredir=",)),
    ("pytest_csv", ("--csv=",)),
    ("nunit", ("--nunit-xml=",)),
    ("ctrf", ("--ctrf={place}/ctrf.json",)),
    ("pytest-md-report", ("--md-report-output={place}/report.md",)),
    ("monitor", ("--no-monitor",)),
    ("benchmark", ("--benchmark-storage=file://{place}/b", "--benchmark-json={place}/b.json")),
    ("pytest-split", ("--durations-path={place}/durations",)),
)
"""What takes back options in ``addopts`` that leave tests out, stop early or write elsewhere, for
each plugin that knows them; ``{place}`` is a folder of the run.
"""

PLUGIN_OFF_OPTIONS = (
    "--postmortem-report=",
    "--postmortem-scope=partial",
    "-o",
    "postmortem_unknown=ignore",
)
"""What keeps this plugin from having a say in whether a run passes."""


@dataclass(frozen=True, slots=True)
class RunSources:
    """What a run imports in place of what lies in the checkout.

    ``files`` are texts by path, None for a file that is not to be there. ``modules`` are the names
    under which installed copies are imported, each with its file and digest. ``marks`` and
    ``watched`` are ranges of lines of the fix: to tell that they run, and what leaves the functions
    that hold them; ``shake`` lets other threads run before them. ``tree`` is another tree to run
    in, with the ``roots`` of its packages.
    """

    files: Mapping[str, str | None] = field(default_factory=dict)
    modules: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    marks: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    watched: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    shake: bool = False
    tree: Path | None = None
    roots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TestSelection:
    """Which tests are linked, and how they are run.

    ``files`` are given to pytest, relative to the folder; ``ids`` are compared without case.
    ``rounds`` says how often each linked test runs, at most where it is negative; ``others`` are
    the further tests, None for all; ``share`` is the part of the time that both may add. ``switch``
    are the seconds after which threads are switched, ``seed`` gives the order of sets.
    ``as_module`` starts pytest as ``python -m pytest`` does.
    """

    files: tuple[str, ...]
    ids: tuple[str, ...] = ()
    nodeids: tuple[str, ...] = ()
    marks: tuple[str, ...] = ("postmortem",)
    rounds: int = -3
    others: tuple[str, ...] | None = None
    share: float = 0.2
    switch: float | None = None
    seed: int = 0
    as_module: bool = False


@dataclass(frozen=True, slots=True)
class RunLocation:
    """Where pytest runs: the top of the checkout, the rootdir, the folder in which it is started,
    and its configuration file.
    """

    top: Path
    root: Path
    folder: Path
    ini: Path | None = None

    def within(self, path: Path, tree: Path | None) -> Path:
        """Return where a path of the checkout lies in another tree; without one, where it is."""
        return path if tree is None else tree / os.path.relpath(path, self.top)


class RunnerStopped(Exception):
    """Somebody has had enough: nothing is started any more."""


class Runner:
    """Starts runs with one configuration, which may run beside each other.

    ``work`` is a folder for all that a run needs, which somebody else removes. ``memory`` are the
    bytes that a process may have, ``plugins`` says whether pytest has a plugin of this name.
    ``as_module`` starts pytest as ``python -m pytest`` does, where nobody wants it otherwise.
    """

    def __init__(
        self,
        shadow: ShadowEnvironment,
        work: Path,
        where: RunLocation,
        memory: int | None = None,
        plugins: Callable[[str], bool] = lambda name: False,
        as_module: bool = False,
    ) -> None:
        self._shadow = shadow
        self._work = work
        self._where = where
        self._memory = memory
        self.as_module = as_module
        self._sites = list_site_folders()
        self._plugins = plugins
        self._lock = Lock()
        self._count = 0
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(self, wanted: TestSelection, sources: RunSources, limit: float) -> Trial:
        """Run the tests, for at most ``limit`` seconds."""
        place = self._place()
        notes = place / "notes"
        overlay = self._build_overlay_config(sources, notes)
        recorder = self._build_recorder_config(wanted, sources, notes)
        shadow = self._shadow.copy(place / "env", overlay, recorder)
        options = ["-p", "_postmortem_recorder", *self._options(place, sources.tree)]
        root = self._where.within(self._where.root, sources.tree)
        files = [str(root / file) for file in wanted.files]
        command = [str(shadow.python), *self._start(shadow, wanted), *options, *files]
        environment = self._build_environment(shadow, place) | {"PYTHONHASHSEED": str(wanted.seed)}
        ended = self._run_command(command, environment, place, sources, limit)
        lines = notes.read_bytes().splitlines() if notes.exists() else []
        return parse_trial_notes(lines, ended)

    def are_tests_passing(
        self, nodeids: Sequence[str], limit: float, *, as_module: bool = False
    ) -> bool:
        """Say whether tests pass as the user would run them, with nothing replaced."""
        place = self._place()
        options = [*self._options(place, None), *PLUGIN_OFF_OPTIONS]
        files = [str(self._where.root / nodeid) for nodeid in nodeids]
        start = ["-m", "pytest"] if as_module else [str(self._write_start_script(place))]
        own = self._build_environment(None, place)
        command = [sys.executable, *start, *options, *files]
        return self._run_command(command, own, place, RunSources(), limit).status == 0

    def folder(self) -> Path:
        """Make a folder for a tree, which goes with everything else."""
        return self._place() / "tree"

    def stop(self) -> None:
        """End every run, for somebody who has had enough."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            _kill_process_group(process)

    def _place(self) -> Path:
        with self._lock:
            self._count += 1
            place = self._work / str(self._count)
        (place / "t").mkdir(parents=True)
        return place

    def _build_overlay_config(self, sources: RunSources, notes: Path) -> Mapping[str, Any]:
        tree = sources.tree
        return {
            "files": dict(sources.files),
            "modules": dict(sources.modules),
            "marks": dict(sources.marks),
            "watched": dict(sources.watched),
            "shake": sources.shake,
            "notes": str(notes),
            "sites": self._sites,
            "moved": [] if tree is None else [[str(self._where.top), str(tree)]],
            "roots": list(sources.roots),
            "trees": [str(each) for each in (sources.tree, self._where.top) if each],
        }

    def _build_recorder_config(
        self, wanted: TestSelection, sources: RunSources, notes: Path
    ) -> Mapping[str, Any]:
        root = self._where.within(self._where.root, sources.tree)
        return {
            "notes": str(notes),
            "ids": [id.casefold() for id in wanted.ids],
            "marks": list(wanted.marks),
            "places": [list(_resolve_test_path(nodeid, root)) for nodeid in wanted.nodeids],
            "others": None if wanted.others is None else list(wanted.others),
            "rounds": wanted.rounds,
            "share": wanted.share,
            "switch": wanted.switch,
            "memory": self._memory,
            "started": time.time(),
            "roots": [str(each) for each in (sources.tree, self._where.top) if each],
        }

    def _start(self, shadow: ShadowEnvironment, wanted: TestSelection) -> list[str]:
        """Return what starts pytest: a script, which does not put the folder on the path itself."""
        own = "sys.path.insert(0, os.getcwd())\n" if wanted.as_module else ""
        script = shadow.bin / "run_pytest.py"
        script.write_text(f"import os, sys, _postmortem_overlay\n{own}{START_CODE}")
        return [str(script)]

    def _write_start_script(self, place: Path) -> Path:
        script = place / "run_pytest.py"
        script.write_text("import sys, pytest\nsys.exit(pytest.main())\n")
        return script

    def _options(self, place: Path, tree: Path | None) -> list[str]:
        has = self._plugins
        named = (own for name, own in OVERRIDING_OPTIONS if not name or has(name))
        known = [each.replace("{place}", str(place)) for own in named for each in own]
        own = ("-o", f"cache_dir={place / 'cache'}")
        where = [f"--rootdir={self._where.within(self._where.root, tree)}"]
        if self._where.ini is not None and tree is None:
            where += ["-c", str(self._where.ini)]
        return [*where, *own, f"--basetemp={place / 'b'}", *known]

    def _build_environment(self, shadow: ShadowEnvironment | None, place: Path) -> dict[str, str]:
        own = {name: text for name, text in os.environ.items() if not name.startswith("COV_CORE_")}
        for name in ("PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_TESTRUNUID"):
            own.pop(name, None)
        own |= {TEMP_VARIABLE: str(place / "t"), "PYTHONDONTWRITEBYTECODE": "1"}
        own["HYPOTHESIS_STORAGE_DIRECTORY"] = str(place / "hypothesis")
        if shadow is not None:
            own["PATH"] = os.pathsep.join(filter(None, (str(shadow.bin), own.get("PATH"))))
        return own

    def _run_command(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        place: Path,
        sources: RunSources,
        limit: float,
    ) -> ProcessEnd:
        if self._stopped:
            raise RunnerStopped
        start = time.monotonic()
        folder = self._where.within(self._where.folder, sources.tree)
        folder = folder if folder.is_dir() else sources.tree or folder
        with open(place / "log", "wb") as log:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            with self._lock:
                self._running.add(process)
                stopped = self._stopped
            try:
                status = None if stopped else process.wait(limit)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                _kill_process_group(process)
                _kill_stray_processes(place)
                with self._lock:
                    self._running.discard(process)
        output = (place / "log").read_bytes()[-MAX_LOG_BYTES:].decode(errors="replace")
        return ProcessEnd(status, time.monotonic() - start, output)


def _resolve_test_path(nodeid: str, root: Path) -> tuple[str, str]:
    """Return the real path of a test's file, and its names in it."""
    path, _, names = nodeid.partition("::")
    return os.path.realpath(root / path), names


def _kill_process_group(process: subprocess.Popen[bytes]) -> None:
    """End a process with all that it has started and left in its group."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)


def _kill_stray_processes(place: Path) -> None:
    """End what a run has started and left in other groups, where the system can tell."""
    marker = f"{TEMP_VARIABLE}={place / 't'}\0".encode(errors="surrogateescape")
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        with suppress(OSError, ValueError):
            number = int(name)
            with open(f"/proc/{name}/environ", "rb") as file:
                environment = file.read()
            if marker in environment:
                os.kill(number, signal.SIGKILL)
