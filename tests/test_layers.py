"""The map of ARCHITECTURE.md, held: what a module may import, and what the start may cost."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import pytest_postmortem
from loaded_modules import FIRST_TEST, loaded, loaded_before_first_test

PACKAGE = Path(pytest_postmortem.__file__).parent

LAYERS: dict[str, set[str]] = {
    "errors": set(),
    "text": {"model"},
    "report_formats": set(),
    "options": {"report_formats"},
    "hookspecs": {"report_types"},
    "report_types": set(),
    "model": {"errors"},
    "report_model": {"model"},
    "similar_names": {"model"},
    "settings": {"model", "options"},
    "files": {"errors"},
    "git": {"model"},
    "git_history": {"git"},
    "today": {"git"},
    "evaluation": {"options", "report_model", "similar_names", "text"},
    "pysource": {"evaluation", "files"},
    "documents": {"model", "text"},
    "registry": {"documents", "files", "options"},
    "proofs": {"pysource"},
    "reports": {"git", "pysource", "registry", "settings"},
    "runtime": {"proofs", "reports", "today"},
    "plugin": {"hookspecs", "runtime"},
    "prove": {"proofs", "reports"},
    "ci": {"prove"},
    "lint": {"reports"},
    "scan": {"git_history", "proofs", "reports"},
    "scaffold": {"pysource", "registry"},
    "cli": {"ci", "lint", "runtime", "scaffold", "scan"},
}
"""For each module or package at the top, the highest ones that it may import."""

START = {
    "pytest_postmortem",
    "pytest_postmortem.hookspecs",
    "pytest_postmortem.options",
    "pytest_postmortem.plugin",
    "pytest_postmortem.report_formats",
}
"""All that a run imports which has nothing to do with post-mortems."""


def allowed(name: str) -> set[str]:
    """Return all that a module may import: what its row names, with all that those may."""
    return LAYERS[name].union(*(allowed(each) for each in LAYERS[name]))


MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
"""The file of each module and package, by its name."""


def find_row(name: str) -> str:
    """Return the row on the map of a module, empty for the package itself."""
    return name.removeprefix("pytest_postmortem").lstrip(".").partition(".")[0]


@cache
def imports(name: str) -> set[str]:
    """Return the modules of the package that a module imports, but for its type checker."""
    tree = ast.parse(MODULES[name].read_text())
    typing = {
        id(each)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name)
        if node.test.id == "TYPE_CHECKING"
        for each in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in typing:
            assert node.level == 0, f"{name} has a relative import"
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            imported = {each if each in MODULES else str(node.module) for each in names}
            found |= imported & MODULES.keys()
    return found


def test_a_module_imports_only_what_its_row_on_the_map_allows() -> None:
    """The data goes one way: nothing imports what stands above it."""
    forbidden = {
        name: above
        for name in MODULES
        if (row := find_row(name)) not in ("", "__main__")
        if (above := set(map(find_row, imports(name))) - {"", row} - allowed(row))
    }

    assert forbidden == {}


def test_no_modules_import_each_other() -> None:
    """Within a package the data goes one way as well: no chain of imports leads back to its start.

    Imports within functions count. `CycleError` names the modules of a circle.
    """
    TopologicalSorter({name: imports(name) - {name} for name in MODULES}).prepare()


def test_the_map_shows_these_rows() -> None:
    """The table of ARCHITECTURE.md is the one that is held here."""
    text = (Path(__file__).parents[1] / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*`) \| .* \| (.*) \|$", text, re.M)
    shown = {
        name: set(allowed.split(", ")) - {"–"}
        for names, allowed in rows
        for name in re.findall(r"`([a-z_]+)(?:\.py|/)`", names)
    }

    assert shown == LAYERS


@pytest.mark.postmortem("PM-0002")
def test_a_run_without_post_mortems_imports_only_the_few_modules_of_the_start(
    tmp_path: Path,
) -> None:
    """Whoever does not use the plugin pays for no library, and for none of its reports."""
    (tmp_path / "test_it.py").write_text("def test_it(): pass\n")

    extra = loaded(tmp_path) - loaded(tmp_path, "-p", "no:postmortem")

    assert extra == START


IN_USE = {
    *START,
    "pytest_postmortem.errors",
    "pytest_postmortem.evaluation",
    "pytest_postmortem.evaluation.links",
    "pytest_postmortem.files",
    "pytest_postmortem.model",
    "pytest_postmortem.registry",
    "pytest_postmortem.registry.cache",
    "pytest_postmortem.registry.file_bytes",
    "pytest_postmortem.registry.load_options",
    "pytest_postmortem.registry.loader",
    "pytest_postmortem.runtime",
    "pytest_postmortem.runtime.collection",
    "pytest_postmortem.runtime.outcomes",
    "pytest_postmortem.runtime.run",
    "pytest_postmortem.runtime.selection",
    "pytest_postmortem.runtime.session",
    "pytest_postmortem.runtime.suite_files",
    "pytest_postmortem.settings",
    "pytest_postmortem.text",
}
"""All that a run in use imports before its first test if its registry is unchanged."""


OF_DIRECTORY = {
    "pytest_postmortem.documents",
    "pytest_postmortem.documents.dates",
    "pytest_postmortem.registry.fields",
    "pytest_postmortem.registry.filenames",
    "pytest_postmortem.registry.folder",
}
"""What else is imported to see that a directory of documents is unchanged."""


@pytest.mark.postmortem("PM-0002")
@pytest.mark.parametrize(("location", "more"), [("registry.yml", set()), ("pm", OF_DIRECTORY)])
def test_a_run_in_use_imports_few_modules_before_its_first_test(
    tmp_path: Path, location: str, more: set[str]
) -> None:
    """What reads a registry or makes a report is imported when it is needed, and no library."""
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npostmortem_registry = {location}\n")
    (tmp_path / "registry.yml").write_text("- id: PM-1\n")
    (tmp_path / "pm").mkdir()
    (tmp_path / "pm" / "PM-1.md").write_text("# PM-1: Checkout was down\n")
    (tmp_path / "test_it.py").write_text(FIRST_TEST)
    loaded_before_first_test(tmp_path)  # which keeps the registry

    modules = loaded_before_first_test(tmp_path)
    others = loaded_before_first_test(tmp_path, "-p", "no:postmortem", "-c", "/dev/null")

    assert modules - others == IN_USE | more


AT_THE_END = {
    "pytest_postmortem.documents",
    "pytest_postmortem.documents.dates",
    "pytest_postmortem.evaluation.evaluate",
    "pytest_postmortem.evaluation.gates",
    "pytest_postmortem.git",
    "pytest_postmortem.registry.document_files",
    "pytest_postmortem.registry.fields",
    "pytest_postmortem.registry.filenames",
    "pytest_postmortem.report_model",
    "pytest_postmortem.reports",
    "pytest_postmortem.reports.forge",
    "pytest_postmortem.reports.incident_facts",
    "pytest_postmortem.reports.json_report",
    "pytest_postmortem.reports.redaction",
    "pytest_postmortem.reports.terminal",
    "pytest_postmortem.reports.writers",
    "pytest_postmortem.runtime.run_metadata",
    "pytest_postmortem.today",
}
"""All that a run with reports imports after its tests if its registry is a file of incidents."""

PROGRESS_OF_ITEMS = {
    "pytest_postmortem.documents.action_progress",
    "pytest_postmortem.documents.vocabulary",
}

REPORT_MODULES: dict[str, set[str]] = {
    "json": set(),
    "html": {
        *PROGRESS_OF_ITEMS,
        "jinja2",
        "markupsafe",
        "pytest_postmortem.reports.charts",
        "pytest_postmortem.reports.data",
        "pytest_postmortem.reports.data.summary",
        "pytest_postmortem.reports.html",
        "pytest_postmortem.reports.page_figures",
    },
    "markdown": {*PROGRESS_OF_ITEMS, "pytest_postmortem.reports.markdown"},
}
"""What each report imports more; of other packages only their names, of Python nothing."""


USE = ("--postmortem-registry=registry.yml", "-p", "cacheprovider")


@pytest.fixture(scope="module")
def used_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a registry that an earlier run has kept, and a test."""
    folder = tmp_path_factory.mktemp("used")
    (folder / "registry.yml").write_text(
        "- {id: PM-1, title: Login, url: 'https://x.io/1', root_cause: A cache.}\n"
        "- {id: PM-2, title: Search}\n"
    )
    (folder / "test_it.py").write_text(FIRST_TEST)
    loaded(folder, *USE)
    return folder


@pytest.fixture(scope="module")
def unused_modules(used_folder: Path) -> set[str]:
    """The modules of a run without the plugin."""
    return loaded(used_folder, "-p", "no:postmortem")


@pytest.mark.parametrize("type", REPORT_MODULES)
def test_a_report_of_a_registry_file_imports_no_parser_of_documents(
    type: str, used_folder: Path, unused_modules: set[str]
) -> None:
    """What reads the text of a document is imported only if an incident has one."""
    report = f"--postmortem-report={type}:report"

    modules = loaded(used_folder, *USE, report) - unused_modules

    own = {name for name in modules if name.startswith("pytest_postmortem")}
    others = {name.partition(".")[0] for name in modules - own} - sys.stdlib_module_names
    assert (own | others) - IN_USE == AT_THE_END | REPORT_MODULES[type]


def test_a_run_that_only_prints_imports_nothing_that_writes_a_report(tmp_path: Path) -> None:
    """The terminal gets the report alone: no other format is made, and git is not asked."""
    (tmp_path / "registry.json").write_text('[{"id": "PM-1", "title": "Down"}]')
    (tmp_path / "test_it.py").write_text(FIRST_TEST)

    modules = loaded(tmp_path, "--postmortem-registry=registry.json")

    assert "pytest_postmortem.reports.terminal" in modules
    assert not modules & {
        "pytest_postmortem.git",
        "pytest_postmortem.reports.forge",
        "pytest_postmortem.reports.json_report",
        "pytest_postmortem.reports.writers",
        "pytest_postmortem.runtime.run_metadata",
    }
