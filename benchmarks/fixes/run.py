"""Run `prove` on real fixes of public projects, and compare its verdicts with the truth.

    python benchmarks/fixes/run.py truth|prove|table [--work DIR] [--only TEXT] [--at fix|head]
        [--clones DIR] [--minutes N]

`facts.yml` next to this file has the projects, what their tests need, and for each fix the truth.
The truth was established without `prove`: the test runs at the commit of the fix, then the source
part of the fix is reverted with `git apply -R`, and the test runs again.

- `truth` repeats this, and prints each fix whose test does not do what its fact says.
- `prove` runs the tool on each fix, in the checkout at the fix or at the newest commit.
- `table` prints the comparison.

Results are kept in the folder `--work`, and what is there is not run again. Each project is cloned
from its URL, or from `DIR/OWNER+NAME/repo` with `--clones DIR`, and gets a virtual environment of
its own. No project is built: its modules are put on the path, and its metadata is written next to
them, so compiled parts are absent and their fallbacks in Python run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import venv
from collections import Counter
from configparser import ConfigParser
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FACTS = Path(__file__).with_name("facts.yml")
TOOL = Path(__file__).resolve().parents[2]
RUN_LIMIT = 30.0
PROVE_LIMIT = 180.0
TEST_FOLDERS = {"test", "tests", "testing", "unit_tests", "test_project"}
NOT_SOURCE = {"docs", "doc", "examples", ".github", "news", "changes", "changelog.d", "benchmarks"}
SOURCE_SUFFIXES = (".py", ".html", ".sql", ".mako", ".j2", ".jinja2", ".json", ".pyi")
TOP_FILES = {"setup.py", "noxfile.py", "tasks.py", "conftest.py", "version.py"}


@dataclass(frozen=True)
class Project:
    """A project: where it comes from, and what its tests need."""

    name: str
    url: str
    distribution: str
    source: str = "."
    install: tuple[str, ...] = ()
    generated: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fix:
    """A fix, its test, and what is true of them."""

    project: str
    commit: str
    date: str
    test: str
    truth: str
    reason: str = ""
    how: str = "reverted"
    kind: str = ""
    also: str = ""
    source: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return the name of this fix in the files of results."""
        return f"{self.project} {self.commit[:10]} {self.test}"


@dataclass(frozen=True)
class TestRun:
    """What one run of a test showed: passed, failed, error, skipped or hung."""

    result: str
    message: str = ""
    output: str = ""


def read_facts(path: Path = FACTS) -> tuple[dict[str, Project], list[Fix]]:
    """Return the projects and the fixes of the file of facts."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    projects = {}
    for name, entry in data["projects"].items():
        entry = dict(entry)
        install = tuple(str(entry.pop("install", "")).split())
        url = f"https://github.com/{name}"
        distribution = entry.pop("distribution", name.partition("/")[2])
        projects[name] = Project(name, url, distribution, install=install, **entry)
    fixes = []
    for entry in data["fixes"] or ():
        entry = {key: str(value) for key, value in entry.items()}
        source = tuple(entry.pop("source", "").split())
        fixes.append(Fix(**entry, source=source))
    return projects, fixes


def run(
    command: list[str], folder: Path, environment: dict[str, str] | None = None, limit: float = 600
) -> tuple[int, str]:
    """Run a command in a process group, and return its exit status (-9: stopped) and output."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return -9, output
    return process.returncode, output


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, and return what it prints."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        raise RuntimeError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


class Workplace:
    """The folder with the clones, the environments and the results."""

    def __init__(self, folder: Path, clones: Path | None) -> None:
        self.folder = folder.resolve()
        self.clones = clones.resolve() if clones else None

    def clone(self, project: Project) -> Path:
        """Clone a project unless that is done, and return the folder."""
        folder = self.folder / "clones" / project.name.replace("/", "+")
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            command = ["clone", "--quiet", "--no-checkout"]
            origin = project.url
            if self.clones:
                command.append("--shared")
                origin = str(self.clones / project.name.replace("/", "+") / "repo")
            git(self.folder, *command, origin, str(folder))
        return folder

    def environment(self, project: Project) -> Path:
        """Make the virtual environment of a project unless that is done, and return its Python."""
        folder = self.folder / "environments" / project.name.replace("/", "+")
        python = folder / "bin" / "python"
        done = folder / "installed"
        wanted = " ".join(("pytest", *project.install))
        if done.exists() and done.read_text() == wanted:
            return python
        venv.create(folder, with_pip=False, clear=True)
        if shutil.which("uv"):
            pip = ["uv", "pip"]
            target = ["--python", str(python)]
        else:
            pip = [sys.executable, "-m", "pip", "--python", str(python)]
            target = []
        tool = tomllib.loads((TOOL / "pyproject.toml").read_text())["project"]["dependencies"]
        status, output = run(
            [*pip, "install", "--quiet", *target, "pytest", *tool, *project.install], self.folder
        )
        if status:
            raise RuntimeError(f"pip install for {project.name}: {output[-600:]}")
        yes = [] if target else ["--yes"]
        run([*pip, "uninstall", "--quiet", *target, *yes, project.distribution], self.folder)
        link(folder, TOOL, "pytest-postmortem", "src")
        done.write_text(wanted)
        return python

    def checkout(self, project: Project, revision: str) -> Path:
        """Check out a revision, link it into the environment, and return the folder."""
        folder = self.clone(project)
        git(folder, "-c", "advice.detachedHead=false", "checkout", "--quiet", "-f", revision)
        git(folder, "clean", "-ffdxq")
        for name, text in project.generated.items():
            path = folder / name
            if path.parent.is_dir() and not path.exists():
                path.write_text(text, encoding="utf-8")
        self.environment(project)
        environment = self.folder / "environments" / project.name.replace("/", "+")
        link(environment, folder, project.distribution, project.source)
        return folder

    def variables(self, project: Project) -> dict[str, str]:
        """Return the environment variables of the runs of a project."""
        environment = self.folder / "environments" / project.name.replace("/", "+")
        return {
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "1",
            "VIRTUAL_ENV": str(environment),
            "PATH": f"{environment / 'bin'}:{os.environ['PATH']}",
            **project.environment,
        }

    def results(self, name: str) -> dict[str, dict[str, Any]]:
        """Return the results that are there already, by the key of their fix."""
        path = self.folder / f"{name}.jsonl"
        if not path.exists():
            return {}
        lines = path.read_text(encoding="utf-8").splitlines()
        return {entry["key"]: entry for entry in map(json.loads, lines)}

    def add_result(self, name: str, entry: dict[str, Any]) -> None:
        """Keep one more result."""
        with (self.folder / f"{name}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def link(environment: Path, folder: Path, distribution: str, source: str) -> None:
    """Put a project's modules on the path of an environment, with its metadata and scripts."""
    packages = next(environment.glob("lib/python*/site-packages"))
    name = distribution.replace("-", "_")
    paths = [str((folder / each).resolve()) for each in source.split()]
    # In front of the installed packages: some projects are among the packages that pytest needs.
    (packages / f"__editable__.{name}.pth").write_text("\n".join(paths) + "\n")
    info = packages / f"{name}-999.0.dist-info"
    info.mkdir(exist_ok=True)
    metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 999.0\n"
    (info / "METADATA").write_text(metadata)
    groups = read_entry_points(folder)
    lines = []
    for group, entries in groups.items():
        lines += [f"[{group}]", *(f"{key} = {value}" for key, value in entries.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines))
    for script, target in groups.get("console_scripts", {}).items():
        module, _, function = target.partition("[")[0].strip().partition(":")
        path = environment / "bin" / script
        path.write_text(
            f"#!{environment / 'bin' / 'python'}\nimport sys\n"
            f"from {module} import {function.split('.')[0]}\nsys.exit({function}())\n"
        )
        path.chmod(0o755)


def read_entry_points(folder: Path) -> dict[str, dict[str, str]]:
    """Return the entry points of a project, from pyproject.toml and setup.cfg."""
    groups: dict[str, dict[str, str]] = {}
    path = folder / "pyproject.toml"
    if path.exists():
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        project = data.get("project", {})
        poetry = data.get("tool", {}).get("poetry", {})
        scripts = {**poetry.get("scripts", {}), **project.get("scripts", {})}
        if scripts:
            groups["console_scripts"] = {k: v for k, v in scripts.items() if isinstance(v, str)}
        for group, entries in project.get("entry-points", {}).items():
            groups[group] = dict(entries)
    path = folder / "setup.cfg"
    if path.exists():
        parser = ConfigParser(strict=False, interpolation=None)
        parser.optionxform = str  # type: ignore[method-assign, assignment]  # names have capitals
        parser.read_string(path.read_text(encoding="utf-8"))
        section = "options.entry_points"
        for group, text in parser.items(section) if parser.has_section(section) else ():
            pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
            groups[group] = {key.strip(): value.strip() for key, _, value in pairs}
    return groups


def is_test_file(path: str) -> bool:
    """Return whether a path is one of tests or of their data."""
    *folders, name = path.split("/")
    if TEST_FOLDERS.intersection(folders):
        return True
    return name.startswith("test_") or name.endswith(("_test.py", "_tests.py"))


def find_source(folder: Path, fix: Fix) -> list[str]:
    """Return the files of a fix that are source: those in its fact, or found by their names."""
    if fix.source:
        return list(fix.source)
    changed = git(folder, "diff", "--name-only", f"{fix.commit}^1", fix.commit).splitlines()
    return [
        path
        for path in changed
        if not is_test_file(path)
        and path.split("/")[0] not in NOT_SOURCE
        and path.endswith(SOURCE_SUFFIXES)
        and path not in TOP_FILES
        and ("/" in path or path.endswith(".py"))
    ]


def run_tests(
    place: Workplace, project: Project, folder: Path, tests: list[str]
) -> dict[str, TestRun]:
    """Run tests without the tool, and return what each of them did."""
    report = place.folder / "junit.xml"
    report.unlink(missing_ok=True)
    command = [str(place.environment(project)), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["-p", "no:postmortem", f"--junit-xml={report}", "--tb=short", *tests]
    status, output = run(command, folder, place.variables(project), RUN_LIMIT)
    if status == -9:
        return {"": TestRun("hung", "", output[-4000:])}
    if not report.exists():
        return {"": TestRun("error", f"exit {status}", output[-4000:])}
    runs: dict[str, TestRun] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        found = TestRun("passed")
        for tag, result in (("skipped", "skipped"), ("error", "error"), ("failure", "failed")):
            child = case.find(tag)
            if child is not None:
                found = TestRun(result, child.get("message") or "", child.text or "")
        runs[name] = found
    return runs or {"": TestRun("error", f"exit {status}", output[-4000:])}


def summarize_runs(runs: dict[str, TestRun]) -> TestRun:
    """Return the one run that counts: a failure, then an error, then a pass, then a skip."""
    for result in ("hung", "failed", "error", "passed", "skipped"):
        for each in runs.values():
            if each.result == result:
                return each
    raise AssertionError("no test ran")


def establish_truth(
    place: Workplace, project: Project, fix: Fix, tests: list[str]
) -> tuple[dict[str, TestRun], dict[str, TestRun]]:
    """Run tests at a fix, and again with the source part of the fix reverted."""
    folder = place.checkout(project, fix.commit)
    fixed = run_tests(place, project, folder, tests)
    if summarize_runs(fixed).result != "passed":
        return fixed, {}
    source = find_source(folder, fix)
    patch = git(folder, "diff", "--binary", f"{fix.commit}^1", fix.commit, "--", *source)
    path = place.folder / "source.patch"
    path.write_text(patch, encoding="utf-8", errors="surrogateescape")
    git(folder, "apply", "-R", "--whitespace=nowarn", str(path))
    return fixed, run_tests(place, project, folder, tests)


def prove(place: Workplace, project: Project, fix: Fix, at: str) -> dict[str, Any]:
    """Run the tool on a fix, and return its verdict."""
    revision = fix.commit
    if at == "head":
        revision = git(place.clone(project), "rev-parse", "origin/HEAD").strip()
    folder = place.checkout(project, revision)
    if not (folder / fix.test.partition("::")[0]).exists():
        return {"verdict": "no test", "message": "the file of the test is not there any more"}
    report = place.folder / "prove.json"
    report.unlink(missing_ok=True)
    command = [str(place.environment(project)), "-m", "pytest_postmortem", "prove", "--again"]
    command += ["--fix", fix.commit, f"--report=json:{report}", fix.test]
    start = time.monotonic()
    status, output = run(command, folder, place.variables(project), PROVE_LIMIT)
    seconds = round(time.monotonic() - start, 1)
    left = git(folder, "status", "--porcelain").strip()
    result: dict[str, Any] = {"status": status, "seconds": seconds, "left": left}
    if report.exists():
        proof = json.loads(report.read_text(encoding="utf-8"))["proofs"][0]
        result |= {name: proof[name] for name in ("verdict", "message", "way", "notes")}
    else:
        result |= {"verdict": "no report", "message": output.strip()[-600:]}
    return result


EXPECTED = {
    "proven": {"proven", "proven-flaky", "proven-at-fix"},
    "weak": {"weak", "broken"},
    "not-proven": {"not-proven", "not-reached", "skipped"},
}
UNDECIDED = {"inconclusive", "broken", "no report", "no test"}


def compare(fix: Fix, verdict: str) -> str:
    """Return whether a verdict is right, undecided or wrong."""
    if verdict in EXPECTED[fix.truth] or (fix.also and verdict in EXPECTED[fix.also]):
        return "right"
    return "undecided" if verdict in UNDECIDED else "wrong"


def print_table(place: Workplace, fixes: list[Fix], at: str) -> None:
    """Print how many fixes of each truth got which verdict, and each fix that differs."""
    results = place.results(f"prove-{at}")
    judged = [(fix, results[fix.key]) for fix in fixes if fix.key in results]
    judged = [(fix, result) for fix, result in judged if result["verdict"] != "no test"]
    verdicts = [result["verdict"] for _, result in judged]
    columns = [name for name, _ in Counter(verdicts).most_common()]
    print(f"{len(judged)} of {len(fixes)} fixes, {at}, {date.today()}\n")
    print("| truth | fixes |", " | ".join(columns), "| wrong |")
    print("|---|" + "---|" * (len(columns) + 2))
    for truth in EXPECTED:
        of_truth = [(fix, result["verdict"]) for fix, result in judged if fix.truth == truth]
        rows = [verdict for _, verdict in of_truth]
        wrong = sum(compare(fix, verdict) == "wrong" for fix, verdict in of_truth)
        counts = " | ".join(str(rows.count(name) or "") for name in columns)
        print(f"| {truth} | {len(rows)} | {counts} | {wrong} |")
    seconds = sorted(result["seconds"] for _, result in judged if "seconds" in result)
    if seconds:
        middle, tenth = seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.9)]
        print(f"\nseconds: median {middle}, 90th percentile {tenth}")
    print()
    for fix, result in judged:
        state = compare(fix, result["verdict"])
        if state != "right":
            print(f"{state}: {fix.key}: {fix.truth}, prove: {result['verdict']}")
            print(f"    {result['message'][:300]}")


def check_truth(place: Workplace, project: Project, fix: Fix) -> dict[str, Any]:
    """Establish the truth of a fact again, and return whether it is what the fact says."""
    fixed, reverted = establish_truth(place, project, fix, [fix.test])
    if not reverted:
        first = summarize_runs(fixed)
        return {"agrees": False, "result": f"{first.result} with the fix", "message": first.message}
    found = summarize_runs(reverted)
    expected = {
        "proven": {"failed", "hung"},
        "weak": {"failed", "error"},
        "not-proven": {"passed", "skipped"},
    }
    agrees = found.result in expected[fix.truth]
    return {"agrees": agrees, "result": found.result, "message": found.message[:300]}


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["truth", "prove", "table"])
    parser.add_argument("--work", type=Path, default=Path("fixes-work"), metavar="DIR")
    parser.add_argument("--clones", type=Path, metavar="DIR", help="local bare clones")
    parser.add_argument("--only", default="", metavar="TEXT", help="part of project and commit")
    parser.add_argument("--since", default="", metavar="DATE", help="only fixes from this day on")
    parser.add_argument("--at", choices=["fix", "head"], default="fix")
    parser.add_argument("--minutes", type=float, default=1e6, metavar="N", help="stop after these")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    place = Workplace(options.work, options.clones)
    projects, fixes = read_facts()
    fixes = [fix for fix in fixes if options.only in fix.key and fix.date >= options.since]
    if options.what == "table":
        print_table(place, fixes, options.at)
        return 0
    end = time.monotonic() + options.minutes * 60
    name = "truth" if options.what == "truth" else f"prove-{options.at}"
    done = place.results(name)
    for fix in fixes:
        if fix.key in done or time.monotonic() > end:
            continue
        project = projects[fix.project]
        try:
            if options.what == "truth":
                result = check_truth(place, project, fix)
            else:
                result = prove(place, project, fix, options.at)
        except RuntimeError as error:
            result = {"verdict": "no report", "agrees": False, "message": str(error)}
        place.add_result(name, {"key": fix.key, **result})
        print(fix.key, fix.truth, result.get("verdict", result.get("result")), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
