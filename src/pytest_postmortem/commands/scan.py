"""``pytest-postmortem scan``: tests that speak of an incident, and are not linked to it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_postmortem import links
from pytest_postmortem.commands.arguments import (
    add_configuration,
    add_targets,
    configuration_of,
    put_text,
    target_of,
)
from pytest_postmortem.commands.checkout import reading
from pytest_postmortem.commands.project import Project
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.model import count_of
from pytest_postmortem.reports.failure import plain
from pytest_postmortem.scanning import listing
from pytest_postmortem.scanning.known import known
from pytest_postmortem.scanning.mentions import read
from pytest_postmortem.scanning.suggestions import Scan, Source, Suggestion, suggestions
from pytest_postmortem.scanning.weighing import Strength
from pytest_postmortem.scope import bytes_of

__all__ = ["declare", "main", "run"]

FAILED = "Couldn't scan"
FOUND = 1
NOT_JUDGED = 3

UNASKED = "its incidents are not looked for; `pytest-postmortem sync` gets them"
HOW = "`--diff` shows how the likely ones would be marked, `--apply` marks them"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="files and folders (default: the whole suite)"
    )
    parser.add_argument("--apply", action="store_true", help="mark the likely ones (needs LibCST)")
    parser.add_argument(
        "--diff", action="store_true", help="show what --apply would write (needs LibCST)"
    )
    parser.add_argument(
        "--possible", action="store_true", help="with --apply or --diff: the possible ones too"
    )
    add_targets(parser, "term, markdown or json")
    add_configuration(parser)


def main(options: argparse.Namespace) -> int:
    """Do what the command line asks for."""
    return run(
        configuration_of(options),
        options.paths,
        options.report,
        apply=options.apply,
        diff=options.diff,
        possible=options.possible,
    )


def run(
    arguments: Sequence[str],
    paths: Sequence[str] = (),
    targets: Sequence[str] = (),
    *,
    apply: bool = False,
    diff: bool = False,
    possible: bool = False,
) -> int:
    """Say which tests mention an incident, and mark them if that is asked for.

    Raises:
        SettingsError: It is not known what to look for or where, or LibCST is not installed.
        RegistryError: The registry is broken.
        DestinationError: A report can't be written.
    """
    given = targets or ([] if diff else ["term"])
    wanted = [target_of(each, FAILED, "a scan") for each in given]
    if apply or diff:
        _need_libcst()
    elif possible:
        raise _wrong("--possible alone marks nothing", "add --diff, or --apply")
    roots = [_root(text) for text in paths]
    with reading([*arguments, *paths]) as config:
        scanner = _Scanner(config, roots)
        if scanner.blind:
            return NOT_JUDGED
        scan = scanner.scan()
        for type, destination in wanted:
            _deliver(scan, type, destination, hint=not (apply or diff))
        if apply or diff:
            return scanner.mark(scan, write=apply, diff=diff, possible=possible)
    if scan.of("likely"):
        return FOUND
    return NOT_JUDGED if len(scan.unread) == scan.files else 0


def _root(text: str) -> Path:
    """Return a path that was given.

    Raises: SettingsError where nothing is there.
    """
    path = Path(text).absolute()
    if not path.exists():
        remedy = "name files and folders" if "::" in text else "correct the path"
        raise _wrong(f"there is no file or folder {text!r}", remedy)
    return path


def _wrong(cause: str, remedy: str) -> SettingsError:
    return SettingsError([Problem("setting", FAILED, cause, remedy)])


def _need_libcst() -> None:
    try:
        import libcst  # noqa: F401  # the marker module would fail with less to say
    except ImportError:
        remedy = "install it with `pip install 'pytest-postmortem[scan]'`"
        problem = Problem("missing-extra", "Couldn't mark", "LibCST is not installed", remedy)
        raise SettingsError([problem]) from None


def _deliver(scan: Scan, type: str, destination: Path | None, hint: bool) -> None:
    """Print or write a report; for a terminal it says what to do next."""
    render = {"term": listing.text, "markdown": listing.markdown, "json": listing.document}[type]
    put_text(render(scan), type, destination)
    if type == "term" and hint and scan.of("likely"):
        print(HOW)


class _Scanner:
    """Reads the test files of a configuration of pytest, and marks tests in them."""

    def __init__(self, config: pytest.Config, roots: Sequence[Path]) -> None:
        """Load the registry as it lies here.

        Raises: SettingsError where there is none, and no pattern either.
        """
        self._project = Project(config, UNASKED)
        self._settings = self._project.settings
        self._roots = tuple(roots)
        self._sources: dict[str, Source] = {}
        if self._project.registry is None and not self._settings.scan_patterns:
            cause = "there is no registry that says which incidents to look for"
            remedy = "set postmortem_registry, or say in postmortem_scan_patterns what an id is"
            raise _wrong(cause, remedy)

    @property
    def blind(self) -> bool:
        """Whether nothing is known here of what to look for."""
        known = self._project.registry
        nothing = known is not None and not known.postmortems and bool(known.unreachable)
        return nothing and not self._settings.scan_patterns

    def scan(self) -> Scan:
        """Read all test files."""
        own, registry = self._settings, self._project.registry
        wanted = known(registry, own.policy, own.scan_patterns)
        declared = links.declared(registry or ())
        names, rules = self._project.names, self._project.rules
        found: list[Suggestion] = []
        unread: list[str] = []
        files = [file for file in self._project.test_files(self._roots) if file.is_file()]
        for file in files:
            path = self._project.shown(file)
            data = bytes_of(file)
            tests = None if data is None else read(data, wanted, names, *rules)
            if data is None or tests is None:
                unread.append(path)
            elif some := list(suggestions(path, tests, registry, own.show, declared)):
                found += some
                self._sources[path] = Source(path, file, data)
        ordered = tuple(sorted(found, key=lambda each: each.key))
        return Scan(ordered, len(files), tuple(sorted(unread)))

    def mark(self, scan: Scan, *, write: bool, diff: bool, possible: bool) -> int:
        """Show and write the marks; return the exit status."""
        from pytest_postmortem.scanning.applying import LeftAlone, edits, put, unified

        strengths: tuple[Strength, ...] = ("likely", "possible") if possible else ("likely",)
        within = [place.resolve() for place in self._project.places(self._roots)]
        count = files = 0
        whole = True
        for each in edits(scan.suggestions, self._sources, strengths, within, self._project.rules):
            if isinstance(each, LeftAlone):
                print(plain(str(each)), file=sys.stderr)
                whole = False
                continue
            if diff:
                print("".join(f"{plain(line)}\n" for line in unified(each).splitlines()), end="")
            problem = put(each) if write else None
            if problem:
                print(plain(str(problem)), file=sys.stderr)
                whole = False
            else:
                count, files = count + each.count, files + 1
        if write:
            print(f"{count_of(count, 'test')} marked in {count_of(files, 'file')}")
        return 0 if whole and (write or not count) else FOUND
