"""Run linked tests in a separate process, with other source if requested, and return a `Trial`."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from pytest_postmortem.model import fold_id
from pytest_postmortem.prove.child.reaper import kill_group, kill_processes_of
from pytest_postmortem.prove.interpreter import Interpreter, find_interpreter
from pytest_postmortem.prove.trial import ProcessEnd, Trial, parse_trial_notes

PTH_LINE = "import _postmortem_import_hook; _postmortem_import_hook.install_overlay()\n"


SCRIPT_TEMPLATE = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys

from {module} import {name}

if __name__ == "__main__":
    sys.exit({attribute}())
"""

RunConfigs = Mapping[Literal["import_hook", "recorder"], Mapping[str, Any]]
"""The configuration of a run for the modules that read one."""


@dataclass(frozen=True, slots=True)
class ShadowEnvironment:
    """A virtual environment in a folder; it may be copied, and the copies are independent."""

    folder: Path
    interpreter: Interpreter

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.bin / ("python.exe" if os.name == "nt" else "python")

    @property
    def bin(self) -> Path:
        """The folder of scripts, which goes first on the path."""
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    @property
    def site_packages(self) -> Path:
        """The folder of packages."""
        return self.folder / self.interpreter.packages

    def configure(self, configs: RunConfigs) -> None:
        """Write what its next run imports and records."""
        for name, config in configs.items():
            text = json.dumps(config)
            (self.site_packages / f"{name}.json").write_text(text, encoding="utf-8")

    def copy(self, folder: Path, configs: RunConfigs) -> ShadowEnvironment:
        """Return a copy, configured for its runs."""
        shutil.copytree(self.folder, folder, symlinks=True)
        copied = replace(self, folder=folder)
        copied.configure(configs)
        for name, module, attribute in self.interpreter.scripts:
            path = copied.bin / name
            if not path.exists():
                first = attribute.partition(".")[0]
                text = SCRIPT_TEMPLATE.format(
                    python=copied.python, module=module, name=first, attribute=attribute
                )
                path.write_text(text, encoding="utf-8")
                path.chmod(0o700)
        return copied


def create_shadow_environment(
    folder: Path, interpreter: Interpreter | None = None
) -> ShadowEnvironment:
    """Create an environment that has only what the runs need."""
    interpreter = interpreter or find_interpreter(None)
    interpreter.create_environment(folder)
    shadow = ShadowEnvironment(folder, interpreter)
    here = Path(__file__).parent
    for name in ("channel", "fork_server", "import_hook", "influences", "instrument", "recorder"):
        source = here / "child" / f"{name}.py"
        target = shadow.site_packages / f"_postmortem_{name}.py"
        shutil.copy2(source, target)
        compiled, copied = map(cache_from_source, map(str, (source, target)))
        if os.path.isfile(compiled):  # each run would compile it again
            os.makedirs(os.path.dirname(copied), exist_ok=True)
            shutil.copyfile(compiled, copied)
    (shadow.site_packages / "_postmortem.pth").write_text(PTH_LINE, encoding="utf-8")
    if not interpreter.has_plugin:
        link_or_copy_folder(here.parent, shadow.site_packages / here.parent.name)
    return shadow


def link_or_copy_folder(folder: Path, target: Path) -> None:
    """Make a folder available at another path; Windows may forbid links."""
    try:
        target.symlink_to(folder, target_is_directory=True)
    except OSError:
        shutil.copytree(folder, target)


START_TEMPLATE = """\
import os
import sys

if __name__ == "__main__":
    {code}
"""
"""The script that starts pytest; multiprocessing imports it again in each process it spawns."""

TEMP_VARIABLE = "TMPDIR"
"""The environment variable that identifies the processes of a run."""

NEW_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
"""On Windows, what keeps Ctrl-C away from a process: `prove` ends it itself."""

MAX_START_SECONDS = 120.0
"""Seconds in which a process that forks runs must have imported its packages."""

MAX_LOG_BYTES = 20_000
"""Bytes that are kept of the end of a run's output."""

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

PLUGIN_MODULE = "pytest_postmortem.plugin"
"""This plugin, for an interpreter that does not have it installed."""

PLUGIN_OFF_OPTIONS = (
    "--postmortem-report=",
    "--postmortem-scope=partial",
    "-o",
    "postmortem_unknown=ignore",
)
"""Options that keep this plugin from changing whether a run passes."""


@dataclass(frozen=True, slots=True)
class RunSources:
    """The source that a run imports instead of the checkout's.

    ``files`` are texts by path, None for a file that must not exist. ``modules`` are the names of
    modules that may be installed copies, each with its file and digest. ``data`` are files whose
    opening is recorded, unless Python imports them. ``marks`` and ``watched``
    are line ranges of the fix: to report that they run, and exceptions that leave their functions;
    ``shake`` lets other threads run before them. ``conditions`` count as run when they are
    evaluated. ``tree`` is another tree to run in, with the
    import ``roots`` of its packages.
    """

    files: Mapping[str, str | None] = field(default_factory=dict)
    modules: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    data: tuple[str, ...] = ()
    marks: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    watched: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    shake: bool = False
    conditions: bool = False
    tree: Path | None = None
    roots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TestSelection:
    """The linked tests, and how they are run.

    ``files`` are passed to pytest, relative to the folder; ``ids`` are compared without case.
    ``rounds`` is how often each linked test runs, an upper limit if negative; ``others`` are the
    further tests, None for all; ``share`` is the share of the time that both may add. ``switch`` is
    the thread switch interval in seconds, ``seed`` determines the order of sets. ``as_module``
    starts pytest as ``python -m pytest``, ``stop`` ends the run at the first failure. ``packages``
    asks for the names of the modules that are loaded from elsewhere.
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
    stop: bool = False
    packages: bool = False


@dataclass(frozen=True, slots=True)
class RunLocation:
    """Where pytest runs: the repository's top, the rootdir, the working directory, the inifile."""

    top: Path
    root: Path
    folder: Path
    ini: Path | None = None

    def within(self, path: Path, tree: Path | None) -> Path:
        """Return the path in another tree for a path of the checkout; unchanged without a tree.

        Outside of the checkout it is the tree itself.
        """
        if tree is None:
            return path
        return tree / path.relative_to(self.top) if path.is_relative_to(self.top) else tree


class Reaper:
    """A process that ends the runs and removes their files if `prove` itself is killed."""

    def __init__(self, work: Path) -> None:
        script = Path(__file__).parent / "child" / "reaper.py"
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(script), str(work)],
            cwd=os.path.abspath(os.sep),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            creationflags=NEW_GROUP,
        )
        self._work = work
        self._lock = Lock()

    def write_line(self, line: str) -> None:
        """Report that a run starts (``+PID``) or has ended (``-PID``)."""
        with self._lock, suppress(OSError, ValueError):
            if self._process.stdin is not None:
                self._process.stdin.write(f"{line}\n".encode())
                self._process.stdin.flush()

    def __enter__(self) -> Reaper:
        """Return the reaper, which already runs."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let it end; if the folder still exists, it removes that first."""
        if not self._work.exists():
            self.write_line("done")
        with suppress(OSError, subprocess.TimeoutExpired):
            self._process.communicate(timeout=10)


class RunnerStopped(Exception):
    """The user stopped `prove`: no further process is started."""


class Runner:
    """Start runs with one configuration; they may run in parallel.

    ``work`` is a folder for the files of the runs; the caller removes it. ``memory`` is the limit
    of a process in bytes, ``plugins`` returns whether pytest has a plugin of this name.
    ``as_module`` is the default for starting pytest as ``python -m pytest``; ``reaper`` is informed
    of each process.
    """

    def __init__(
        self,
        shadow: ShadowEnvironment,
        work: Path,
        where: RunLocation,
        memory: int | None,
        plugins: Callable[[str], bool],
        reaper: Reaper,
        *,
        as_module: bool,
    ) -> None:
        self._reaper = reaper
        self._shadow = shadow
        self._work = work
        self._where = where
        self._memory = memory
        self.as_module = as_module
        self._interpreter = shadow.interpreter
        self._plugins = plugins
        self._lock = Lock()
        self._count = 0
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(self, selection: TestSelection, sources: RunSources, limit: float) -> Trial:
        """Run the tests for at most ``limit`` seconds."""
        place = self._place()
        shadow = self._shadow.copy(place / "env", self._build_configs(selection, sources, place))
        code = "import _postmortem_import_hook as hook; sys.exit(hook.start_pytest())"
        command, environment = self._build_command(shadow, place, selection, sources, code)
        ended = self._run_command(command, environment, place, sources, limit)
        return read_trial(place / "notes", ended)

    def serve(
        self, selection: TestSelection, sources: RunSources, packages: Sequence[str]
    ) -> ForkServer:
        """Return a process that forks runs, after it has imported some packages."""
        place = self._place()
        configs = self._build_configs(selection, sources, place)
        overlay = {**configs["import_hook"], "packages": packages}
        configs = {**configs, "import_hook": overlay}
        shadow = self._shadow.copy(place / "env", configs)
        code = "import _postmortem_fork_server as server; sys.exit(server.serve_runs())"
        command, environment = self._build_command(shadow, place, selection, sources, code)

        def start() -> AbstractContextManager[subprocess.Popen[bytes]]:
            return self._start_process(command, environment, place, sources, subprocess.PIPE)

        return ForkServer(start, shadow, place, configs)

    def _build_command(
        self,
        shadow: ShadowEnvironment,
        place: Path,
        selection: TestSelection,
        sources: RunSources,
        code: str,
    ) -> tuple[list[str], dict[str, str]]:
        """Return the command that starts pytest by some code, and its environment."""
        if selection.as_module:
            code = f"sys.path.insert(0, os.getcwd()); {code}"
        script = _write_start_script(shadow.bin, code)
        options = ["-p", "_postmortem_recorder", *self._options(place, sources.tree)]
        if not self._interpreter.has_plugin:
            options = ["-p", PLUGIN_MODULE, *options]
        root = self._where.within(self._where.root, sources.tree)
        files = (str(root / file) for file in selection.files)
        environment = self._build_environment(shadow, place)
        environment["PYTHONHASHSEED"] = str(selection.seed)
        return [str(shadow.python), script, *options, *files], environment

    def are_tests_passing(
        self, nodeids: Sequence[str], limit: float, *, as_module: bool = False
    ) -> bool:
        """Return whether tests pass in the user's own environment, with nothing replaced."""
        place = self._place()
        options = self._options(place, None)
        if self._interpreter.has_plugin:
            options += PLUGIN_OFF_OPTIONS
        files = [str(self._where.root / nodeid) for nodeid in nodeids]
        code = "import pytest; sys.exit(pytest.main())"
        start = ["-m", "pytest"] if as_module else [_write_start_script(place, code)]
        environment = self._build_environment(None, place)
        command = [self._interpreter.python, *start, *options, *files]
        return self._run_command(command, environment, place, RunSources(), limit).status == 0

    def find_installed_copy(self, modules: Iterable[str], top: Path) -> str | None:
        """Return an installed file of the modules, by their paths below an import root.

        Files below ``top`` belong to the checkout.
        """
        for module in modules:
            for folder in self._interpreter.site_folders:
                path = os.path.join(folder, module)
                if os.path.isfile(path) and not Path(os.path.realpath(path)).is_relative_to(top):
                    return path
        return None

    def folder(self) -> Path:
        """Create a folder for a tree, within the runner's work folder."""
        return self._place() / "tree"

    def stop(self) -> None:
        """Stop all running experiments (Ctrl-C)."""
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

    def _build_configs(
        self, selection: TestSelection, sources: RunSources, place: Path
    ) -> RunConfigs:
        """Return what a run imports and what it records, as plain data."""
        trees = [str(tree) for tree in (sources.tree, self._where.top) if tree]
        root = self._where.within(self._where.root, sources.tree)
        notes = str(place / "notes")
        overlay = {
            **asdict(replace(sources, tree=None)),
            "notes": notes,
            "sites": self._interpreter.site_folders,
            "moved": [(str(self._where.top), str(sources.tree))] if sources.tree else [],
            "trees": trees,
        }
        recorder = {
            **asdict(selection),
            "ids": [fold_id(id) for id in selection.ids],
            "notes": notes,
            "places": [_resolve_test_path(nodeid, root) for nodeid in selection.nodeids],
            "memory": self._memory,
            "started": time.time(),
            "roots": trees,
        }
        return {"import_hook": overlay, "recorder": recorder}

    def _options(self, place: Path, tree: Path | None) -> list[str]:
        has = self._plugins
        named = (own for name, own in OVERRIDING_OPTIONS if not name or has(name))
        plugin_options = [
            option.replace("{place}", str(place)) for options in named for option in options
        ]
        cache_option = ("-o", f"cache_dir={place / 'cache'}")
        where = [f"--rootdir={self._where.within(self._where.root, tree)}"]
        if self._where.ini is not None and tree is None:
            where += ["-c", str(self._where.ini)]
        return [*where, *cache_option, f"--basetemp={place / 'b'}", *plugin_options]

    def _build_environment(self, shadow: ShadowEnvironment | None, place: Path) -> dict[str, str]:
        environment = {
            name: text for name, text in os.environ.items() if not name.startswith("COV_CORE_")
        }
        for name in ("PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_TESTRUNUID"):
            environment.pop(name, None)
        environment |= {TEMP_VARIABLE: str(place / "t"), "PYTHONDONTWRITEBYTECODE": "1"}
        environment["HYPOTHESIS_STORAGE_DIRECTORY"] = str(place / "hypothesis")
        if shadow is not None:
            folders = [str(shadow.bin), environment.get("PATH", "")]
            if self._interpreter.is_other:
                folders.insert(1, os.path.dirname(self._interpreter.python))
            environment["PATH"] = os.pathsep.join(filter(None, folders))
        return environment

    def _run_command(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        place: Path,
        sources: RunSources,
        limit: float,
    ) -> ProcessEnd:
        start = time.monotonic()
        with self._start_process(command, environment, place, sources) as process:
            try:
                status = None if self._stopped else process.wait(limit)
            except subprocess.TimeoutExpired:
                status = None
        return ProcessEnd(status, time.monotonic() - start, read_log(place))

    @contextmanager
    def _start_process(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        place: Path,
        sources: RunSources,
        pipe: int | None = None,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start a process, and kill it and its children in the end.

        Its input and output are a ``pipe``, or nothing and the log.

        Raises:
            RunnerStopped: The user stopped `prove`.
        """
        if self._stopped:
            raise RunnerStopped
        folder = self._where.within(self._where.folder, sources.tree)
        folder = folder if folder.is_dir() else sources.tree or folder
        with open(place / "log", "wb") as log:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=pipe or subprocess.DEVNULL,
                stdout=pipe or log,
                stderr=log,
                start_new_session=True,
                creationflags=NEW_GROUP,
            )
            self._reaper.write_line(f"+{process.pid}")
            with self._lock:
                self._running.add(process)
            try:
                if self._stopped:
                    _kill_process_group(process)
                yield process
            finally:
                _kill_process_group(process)
                kill_processes_of(str(place))
                self._reaper.write_line(f"-{process.pid}")
                with self._lock:
                    self._running.discard(process)


class ServerUnfitError(Exception):
    """A process can't fork runs that are as good as a new process each."""


class ForkServer:
    """A process that forks a run of the same tests for each text of some files, one at a time.

    It starts with the first run, and again after one that did not end. ``start`` starts it;
    its runs read their configuration from ``shadow``, and have their log and notes in ``place``.
    """

    def __init__(
        self,
        start: Callable[[], AbstractContextManager[subprocess.Popen[bytes]]],
        shadow: ShadowEnvironment,
        place: Path,
        configs: RunConfigs,
    ) -> None:
        self._start = start
        self._shadow = shadow
        self._place = place
        self._configs = configs
        self._count = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._resources = ExitStack()

    def run(
        self,
        files: Mapping[str, str | None],
        marks: Mapping[str, Sequence[tuple[int, int]]],
        limit: float,
        *,
        stop: bool = False,
    ) -> Trial:
        """Run the tests with other texts of files, for at most ``limit`` seconds.

        With ``stop``, the first failure ends the run.

        Raises:
            ServerUnfitError: The process can't fork.
            RunnerStopped: The user stopped `prove`.
        """
        self._count += 1
        notes = self._place / f"notes-{self._count}"
        overlay = {"files": files, "marks": marks, "conditions": True, "notes": str(notes)}
        recorder = {"stop": stop, "notes": str(notes)}
        self._shadow.configure(
            {
                "import_hook": {**self._configs["import_hook"], **overlay},
                "recorder": {**self._configs["recorder"], **recorder},
            }
        )
        process = self._process or self._start_server()
        start = time.monotonic()
        answer = self._ask(process, b"run\n", limit)
        seconds = time.monotonic() - start
        status = int(answer) if answer else None
        if answer:
            kill_processes_of(str(self._place), but=process.pid)
        else:
            if answer is not None:  # the run has ended this process too
                with suppress(subprocess.TimeoutExpired):
                    status = process.wait(10)
            self.close()
        shutil.rmtree(self._place / "hypothesis", ignore_errors=True)
        return read_trial(notes, ProcessEnd(status, seconds, read_log(self._place)))

    def _start_server(self) -> subprocess.Popen[bytes]:
        self._process = self._resources.enter_context(self._start())
        if self._ask(self._process, b"", MAX_START_SECONDS) != b"ready\n":
            self.close()
            raise ServerUnfitError
        return self._process

    def _ask(self, process: subprocess.Popen[bytes], line: bytes, limit: float) -> bytes | None:
        """Return the answer to a line: empty if the process has ended, None at the time limit."""
        if process.stdin is None or process.stdout is None:
            return b""
        with suppress(OSError):
            process.stdin.write(line)
            process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], limit)
        return process.stdout.readline() if ready else None

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        self._resources.close()
        for stream in (process.stdin, process.stdout) if process else ():
            with suppress(OSError):
                if stream is not None:
                    stream.close()


def read_trial(notes: Path, ended: ProcessEnd) -> Trial:
    """Read what a run has recorded."""
    return parse_trial_notes(notes.read_bytes().splitlines() if notes.exists() else [], ended)


def read_log(place: Path) -> str:
    """Return the end of the output of a run."""
    return (place / "log").read_bytes()[-MAX_LOG_BYTES:].decode(errors="replace")


@cache
def _resolve_test_path(nodeid: str, root: Path) -> tuple[str, str]:
    """Return the real path of a test's file, and the test's names within the file."""
    path, _, names = nodeid.partition("::")
    return os.path.realpath(root / path), names


def _write_start_script(folder: Path, code: str) -> str:
    """Write the script that starts pytest; the folder of a shadow environment is not imported."""
    script = folder / "run_pytest.py"
    script.write_text(START_TEMPLATE.format(code=code), encoding="utf-8")
    return str(script)


def _kill_process_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all processes in its group."""
    kill_group(process.pid)
    with suppress(OSError):
        process.kill()
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
