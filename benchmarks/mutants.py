"""Mutation testing of the modules that judge: which changes of their code does no test notice?

    python benchmarks/mutants.py evaluation/gates [...] [--lines 81,90] [--fast] [--jobs 2]

copies the checkout, lets cosmic-ray change one thing at a time in the copy, and runs the tests of
the module: first those of pure functions, and for what survives them those that run pytest. Prints
the diff of each survivor, and ends with status 1 if there is one. ``--fast`` leaves out the second.

Not changed is what does nothing that a user could notice: annotations, protocols, ``__all__``, and
whether a data class is frozen and has slots.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from difflib import unified_diff
from pathlib import Path

from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import MutationSpec

TOP = Path(__file__).parents[1]

PURE = {
    "runtime/outcomes": ("outcomes",),
    "evaluation/evaluate": ("assess", "gates"),
    "evaluation/links": ("links",),
    "runtime/suite_files": ("scope",),
    "evaluation/gates": ("gates",),
    "reports/data/merge": ("merging",),
}
"""The tests of each module that start no pytest, or hardly any."""

RUNS = (
    *("states", "attempts", "findings", "gates_in_runs", "partial_runs", "parts_of_a_suite"),
    *("json", "marker", "terminal_runs", "linked", "same_node_id", "xdist", "xdist_ends"),
    *("merging", "proofs_reports", "random_suites"),
)
"""The tests that run pytest, of all modules."""

LIMIT = 900
"""Seconds after which a run of tests is called endless, which a change may make of it."""


def main() -> int:
    """Change the modules that are asked for, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", default=list(PURE), metavar="MODULE")
    parser.add_argument("--lines", default="", help="change these lines alone")
    parser.add_argument("--fast", action="store_true", help="run the tests of pure functions alone")
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    lines = {int(line) for line in given.lines.split(",") if line}
    survivors = 0
    for module in given.modules:
        survivors += _survivors_of(module, lines, given.jobs, given.fast)
    return int(survivors > 0)


def _survivors_of(module: str, lines: set[int], jobs: int, fast: bool) -> int:
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        copies = [_copy(Path(name) / str(number)) for number in range(jobs)]
        path = Path("src", "pytest_postmortem", f"{module}.py")
        if _tests(copies[0], _files(copies[0], PURE[module])) != 0:
            sys.exit(f"{module}: its tests fail without any change")
        changed = list(_changed(copies[0], path, lines))
        print(f"{module}: {len(changed)} changes", flush=True)
        free = list(copies)

        def survives(change: tuple[int, str, str]) -> bool:
            copy = free.pop()
            try:
                return _survives(copy, path, change[1], module, fast)
            finally:
                free.append(copy)

        with ThreadPoolExecutor(jobs) as pool:
            found = 0
            for change, alive in zip(changed, pool.map(survives, changed), strict=True):
                if alive:
                    found += 1
                    print(change[2], flush=True)
    seconds = time.monotonic() - start
    print(f"{module}: {found} of {len(changed)} changes survive ({seconds:.0f} s)", flush=True)
    return found


def _copy(folder: Path) -> Path:
    """Copy what git knows, and what is new."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=TOP, capture_output=True, check=True).stdout.decode()
    for name in filter(None, names.split("\0")):
        if (TOP / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TOP / name, folder / name)
    return folder


def _changed(copy: Path, path: Path, lines: set[int]) -> Iterator[tuple[int, str, str]]:
    """Yield each text that cosmic-ray makes of a module: its line, itself and the diff."""
    config, session = copy / "mutants.toml", copy / "mutants.sqlite"
    config.write_text(
        f'[cosmic-ray]\nmodule-path = "{path.as_posix()}"\ntimeout = {LIMIT}\n'
        'excluded-modules = []\ntest-command = "false"\n'
        '[cosmic-ray.distributor]\nname = "local"\n'
    )
    command = [sys.executable, "-m", "cosmic_ray.cli", "init", str(config), str(session)]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    code = (copy / path).read_text(encoding="utf-8")
    left_out = list(_annotations(ast.parse(code)))
    seen = {code}
    with use_db(str(session)) as db:
        specs = [mutation for item in db.work_items for mutation in item.mutations]
    for spec in sorted(specs, key=lambda each: (each.start_pos, each.operator_name)):
        if any(start <= spec.start_pos < end for start, end in left_out):
            continue
        if lines and spec.start_pos[0] not in lines:
            continue
        text = _mutated(code, spec)
        if text is not None and text not in seen:
            seen.add(text)
            yield spec.start_pos[0], text, _diff(path, code, text, spec.operator_name)


def _mutated(code: str, spec: MutationSpec) -> str | None:
    operator = get_operator(spec.operator_name)(**spec.operator_args)
    text = mutate_code(code, operator, spec.occurrence)
    try:
        ast.parse(text or "")
    except SyntaxError:
        return None
    return text


def _annotations(tree: ast.AST) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield where each annotation begins and ends, and each part of a module that does nothing."""
    for node in ast.walk(tree):
        found: list[ast.AST | None] = []
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found.append(node.returns)
        elif isinstance(node, (ast.arg, ast.AnnAssign)):
            found.append(node.annotation)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            found.append(node)
        elif isinstance(node, ast.ClassDef):
            is_protocol = any(ast.unparse(base) == "Protocol" for base in node.bases)
            found += [node] if is_protocol else node.decorator_list
        for each in filter(None, found):
            yield (each.lineno, each.col_offset), (each.end_lineno, each.end_col_offset)


def _diff(path: Path, code: str, text: str, operator: str) -> str:
    lines = list(unified_diff(code.splitlines(), text.splitlines(), n=0, lineterm=""))
    head = f"{path.as_posix()} survives {operator}"
    return "\n".join([head, *(f"  {line}" for line in lines[2:])])


def _survives(copy: Path, path: Path, text: str, module: str, fast: bool) -> bool:
    """Say whether all tests pass with another text of a module."""
    file = copy / path
    usual = file.read_bytes()
    file.write_text(text, encoding="utf-8")
    try:
        if _tests(copy, _files(copy, PURE[module])) != 0:
            return False
        return fast or _tests(copy, _files(copy, RUNS)) == 0
    finally:
        file.write_bytes(usual)


def _files(copy: Path, names: Sequence[str]) -> list[str]:
    """Return the test files of these names, wherever they are; each has to be there."""
    files = {path.stem: path for path in (copy / "tests").rglob("test_*.py")}
    return [str(files[f"test_{name}"].relative_to(copy)) for name in names]


def _tests(copy: Path, files: Sequence[str]) -> int:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    own = {"PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        [*command, f"--basetemp={copy / 'basetemp'}", "--postmortem-report=", *files],
        cwd=copy,
        env=os.environ | own,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            return process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            return -1


if __name__ == "__main__":
    sys.exit(main())
