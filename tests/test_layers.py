"""The map of ARCHITECTURE.md, held: what a module may import, and what the start may cost."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pytest_postmortem

PACKAGE = Path(pytest_postmortem.__file__).parent

LAYERS: dict[str, set[str]] = {
    "actions": set(),
    "errors": set(),
    "model": {"errors"},
    "options": set(),
    "settings": {"model", "options"},
    "suggestions": {"model"},
    "links": {"options", "suggestions"},
    "outcomes": {"model"},
    "scope": {"model"},
    "bindings": set(),
    "folding": set(),
    "expressions": set(),
    "modules": {"bindings"},
    "reducing": {"modules", "folding", "expressions"},
    "marking_lines": {"modules"},
    "unread": {"marking_lines", "reducing"},
    "muting": {"expressions"},
    "source_tests": {"unread", "muting"},
    "source": {"model", "source_tests"},
    "states": {"model"},
    "assess": {"states"},
    "gates": {"assess"},
    "git": {"model"},
    "today": {"git"},
    "writing": {"errors"},
    "registry": {"model", "options", "writing"},
    "written": {"actions", "registry"},
    "reports": {"actions", "assess", "gates"},
    "selection": {"model", "options", "bindings"},
    "collection": {"links", "scope", "selection", "settings"},
    "suite": {"links", "outcomes", "scope", "selection", "settings", "source"},
    "xdist": {"collection", "scope"},
    "digests": {"bindings"},
    "proofs": {"model", "writing", "digests"},
    "reporting": {"xdist", "registry", "gates", "outcomes", "today", "proofs", "written"},
    "ran": {"states"},
    "neighbours": {"collection", "outcomes", "reports"},
    "delivery": {"reports", "settings", "writing"},
    "session": {"ran", "delivery", "neighbours", "reporting", "suite"},
    "restored": {"model"},
    "merging": {"gates", "links", "restored"},
    "junit": {"links"},
    "received": {"junit", "merging"},
    "hookspecs": set(),
    "plugin": {"session", "hookspecs"},
    "syncing": {"model"},
    "marked": {"assess", "links", "scope", "source"},
    "declared": {"marked"},
    "results": {"model"},
    "changes": {"reports"},
    "comparing": {"changes", "marked", "results"},
    "history": {"changes"},
    "prove": {"git", "proofs", "reports", "scope", "source"},
    "scanning": {"links", "reports", "source", "writing"},
    "checking": {"marked", "reports", "written"},
    "authoring": {"registry", "source"},
    "listing": {"marked", "reports"},
    "commands": {
        "session",
        "syncing",
        "received",
        "comparing",
        "history",
        "declared",
        "marked",
        "results",
        "prove",
        "scanning",
        "checking",
        "authoring",
        "listing",
    },
    "cli": {"commands"},
}
"""For each module, or folder of modules, the highest ones that it may import."""

START = {
    "pytest_postmortem",
    "pytest_postmortem.hookspecs",
    "pytest_postmortem.options",
    "pytest_postmortem.plugin",
}
"""All that a run imports which has nothing to do with post-mortems."""


def allowed(name: str) -> set[str]:
    """Return all that a module may import: what its row names, with all that those may."""
    return LAYERS[name].union(*(allowed(each) for each in LAYERS[name]))


def modules() -> Iterator[tuple[str, Path]]:
    """Yield every module with its row on the map."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] not in ("__init__", "__main__"):
            yield parts[0], path


def imports(path: Path) -> Iterator[str]:
    """Yield the rows that a module imports, but for its type checker."""
    tree = ast.parse(path.read_text())
    typing = {
        id(each)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for each in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in typing:
            assert node.level == 0, f"{path} has a relative import"
            package, _, rest = (node.module or "").partition(".")
            if package == "pytest_postmortem":
                names = [rest.partition(".")[0]] if rest else [alias.name for alias in node.names]
                yield from (name for name in names if not name.startswith("__"))


def test_a_module_imports_only_what_its_row_on_the_map_allows() -> None:
    """The data goes one way: nothing imports what stands above it."""
    forbidden = {
        str(path.relative_to(PACKAGE)): above
        for row, path in modules()
        if (above := set(imports(path)) - {row} - allowed(row))
    }

    assert forbidden == {}


def test_no_file_grows_past_what_can_be_read_at_once() -> None:
    """A module that needs more than 400 lines has more than one purpose."""
    lines = {path.name: len(path.read_text().splitlines()) for _, path in modules()}

    assert {name: count for name, count in lines.items() if count > 400} == {}


def loaded(folder: Path, *arguments: str) -> set[str]:
    """Return the modules that a whole run of pytest in a folder has loaded."""
    code = (
        "import sys, pytest;"
        f"pytest.main(['-q', '-p', 'no:cacheprovider', *{list(arguments)!r}]);"
        "print('LOADED', *sys.modules, sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    return set(done.stdout.partition("LOADED\n")[2].split())


@pytest.mark.postmortem("PM-0002")
def test_a_run_without_post_mortems_imports_only_the_few_modules_of_the_start(
    tmp_path: Path,
) -> None:
    """Whoever does not use the plugin pays for no library, and for none of its reports."""
    (tmp_path / "test_it.py").write_text("def test_it(): pass\n")

    extra = loaded(tmp_path) - loaded(tmp_path, "-p", "no:postmortem")

    assert extra == START
