"""What lies here → everything that is wrong with it: the registry, the marks, the documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pytest_postmortem.checking.checked import Checked
from pytest_postmortem.checking.collecting import Collection, collect, without_reports
from pytest_postmortem.checking.lint import lint
from pytest_postmortem.checking.marks import check_declared, check_marks, unchecked
from pytest_postmortem.commands.here import Here
from pytest_postmortem.commands.local_registry import declared
from pytest_postmortem.commands.reading_code import Code
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.marked import Linked, Reading, UnreadLinks, find_unread_links, linked
from pytest_postmortem.model import Finding, Postmortem, count_of
from pytest_postmortem.reporting import within_repository

__all__ = ["check"]

NOTHING = Problem(
    "setting",
    "Couldn't check anything",
    "there is no registry here, and no test that is marked",
    "run it where the tests are, or set postmortem_registry",
)


def check(here: Here, given: Sequence[Path] = (), *, collecting: bool = False) -> Checked:
    """Check everything, or what lies at the paths that are given, against the whole registry.

    Raises: SettingsError where nothing is given, and there is neither a registry nor a mark.
    """
    linting = not given or any(path.suffix != ".py" for path in given)
    suite = here.test_files() if linting else []
    own = suite if not given else list(_own(here, suite, given))
    code = here.code({*own, *(suite if linting else ())})
    tests = code.read(declared(here.registry), here.declared)
    unread = find_unread_links(tests, here.registry)
    mine = {here.shown(file): None for file in own}
    marked = {path: found for path, found in tests.items() if path in mine}
    if collecting:
        collection = _collected(here)
    else:
        findings = (*check_marks(marked, here.registry, here.policy), *_declared(here, code, tests))
        linked_tests = linked(tests, here.registry, here.policy) if suite else None
        left = tuple(_open(here, marked, whole=not given))
        collection = Collection(findings, linked_tests, len(own), left)
    whole = not here.absent_tests and None not in tests.values()
    known = _Known(collection.linked, None if collecting else unread, whole=whole)
    cases = list(here.cases(known.tests)) if linting else []
    found = [
        *here.findings,
        *collection.findings,
        *lint(cases, here.known, here.policy, here.settings.lint_ignore),
    ]
    if here.registry is None and not (given or found or collection.linked or collection.unjudged):
        raise SettingsError([NOTHING])
    kept = {(f.code, f.path, f.line, f.message): f for f in reversed(found)}
    wanted = [f for f in kept.values() if not given or _covers(here, given, f.path)]
    return Checked(
        tuple(sorted(wanted, key=_place)),
        (*collection.unjudged, *here.unread),
        sum(not given or _covers(here, given, case.path) for case in cases),
        len(own) if given or collection.linked == {} else collection.files,
        within_repository(here.root),
        tuple(known.unclear),
    )


def _own(here: Here, suite: Sequence[Path], given: Sequence[Path]) -> Iterator[Path]:
    """Yield the test files that are given: any Python file, and those of the suite in a folder."""
    yield from (path for path in given if path.suffix == ".py" and path.is_file())
    folders = [path for path in given if path.is_dir()]
    yield from (file for file in suite if any(map(file.is_relative_to, folders)))


def _declared(here: Here, code: Code, tests: Reading) -> Iterator[Finding]:
    return check_declared(here.known, here.lacking(code, tests))


def _collected(here: Here) -> Collection:
    """Collect the suite from the rootdir, with no report of the configuration's own."""
    config = here.config
    arguments = ["--rootdir", str(here.root)]
    if config.inipath is not None:
        arguments += ["-c", str(config.inipath)]
    kept = without_reports(config.getini("addopts"))
    if kept is not None:
        arguments += ["-o", "addopts=", *kept]
    return collect(arguments, here.root)


class _Known:
    """Knows the tests of incidents, all of them if the ``whole`` suite could be read.

    ``unclear`` is of which the code does not tell, and why.
    """

    def __init__(
        self, links: Mapping[str, Linked] | None, unread: UnreadLinks | None, *, whole: bool
    ) -> None:
        self._links = links
        self._whole = whole
        self._unread = unread
        self.unclear: list[str] = []

    def tests(self, postmortem: Postmortem) -> Linked | None:
        """Return the tests of an incident, None where it is not known whether it has any."""
        if self._links is None:
            return None
        found = self._links.get(postmortem.id.casefold(), Linked(postmortem.id))
        open_ = not (found.held or postmortem.exempt or postmortem.guarded_by)
        if open_ and self._unread:
            reason = self._unread.reason((postmortem.id, *postmortem.aliases))
            if reason:
                self.unclear.append(f"{postmortem.id}: {reason}")
                return None
        return None if open_ and not self._whole else found


def _open(here: Here, tests: Reading, *, whole: bool) -> Iterator[str]:
    """Yield what the code alone can't tell here; ``whole`` asks for the registry too."""
    broken = (path for path, found in tests.items() if found is None)
    for path in (path for path in broken if path not in here.pointers):
        yield f"{path} is no Python that can be read here"
    ids = unchecked(tests, here.registry)
    implied = here.registry is None and here.settings.url_template
    places = ", ".join(here.known.unreachable)
    why = f"{places} is not asked here, `pytest-postmortem sync` keeps a copy"
    if whole and places and not (ids or here.known.postmortems):
        yield why
    elif ids and not implied and here.policy.unknown != "ignore":
        yield f"{count_of(len(ids), 'id')} not checked: {why if places else 'there is no registry'}"


def _covers(here: Here, given: Sequence[Path], path: str | None) -> bool:
    """Say whether something stands at or below a path that is given."""
    return path is not None and any(map(here.file(path).is_relative_to, given))


def _place(finding: Finding) -> tuple[bool, str, int, str, str]:
    """Return what findings are sorted by: those at no place come last."""
    nowhere = finding.path is None
    return nowhere, finding.path or "", finding.line or 0, finding.code, finding.message
