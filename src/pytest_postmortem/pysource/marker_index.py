"""Test files of a suite, and links of incidents to tests, from code alone.

`SourceTest`s × registry → `LinkedIncident`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path

from pytest_postmortem.evaluation import links
from pytest_postmortem.evaluation.evaluate import is_incident_selected
from pytest_postmortem.files import format_relative_path, is_test_file_path
from pytest_postmortem.model import Policy, Registry
from pytest_postmortem.pysource.suite_reader import SourceTest, UnreadPlace
from pytest_postmortem.pysource.unresolved_marks import LinkClaim

SourceTestsByFile = Mapping[str, "tuple[SourceTest, ...] | None"]
"""The tests of each test file by its path, None for a file that can't be parsed."""


@dataclass(frozen=True, slots=True)
class SuiteLayout:
    """The rules by which a path is a test file.

    ``top`` is the top of the repository, ``places`` are the files and folders that make up the
    suite, ``patterns`` and ``left_out`` are ``python_files`` and ``norecursedirs``.
    """

    top: Path
    root: Path
    places: tuple[Path, ...]
    patterns: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def is_suite_file(self, path: str, present: Collection[str]) -> bool:
        """Return whether a file, by its path from the top, is or was a test file of the suite.

        A file that is not ``present`` may have been one anywhere below the rootdir, since the old
        configuration is unknown.
        """
        file = self.top / path
        if file in self.places:
            return True
        if not is_test_file_path(file, self.patterns):
            return False
        places = self.places if path in present else (*self.places, self.root)
        return any(file.is_relative_to(place) and self._is_entered(file, place) for place in places)

    def may_hold_tests(self, folder: str) -> bool:
        """Return whether a folder, by its path from the top, may hold tests of the suite."""
        path = self.top / folder
        return any(
            place.is_relative_to(path)
            or (path.is_relative_to(place) and self._is_entered(path / "x", place))
            for place in self.places
        )

    def _is_entered(self, file: Path, place: Path) -> bool:
        folders = file.relative_to(place).parts[:-1]
        return not any(fnmatch(name, pattern) for name in folders for pattern in self.left_out)

    def shown(self, path: str) -> str:
        """Return the path of a file from the rootdir, as in node ids."""
        return format_relative_path(self.top / path, self.root)


@dataclass(slots=True)
class LinkedIncident:
    """An incident with the node ids of its tests, each with the reason why it can never fail a run.

    The reason is None for an active test.
    """

    id: str
    tests: dict[str, str | None] = field(default_factory=dict)

    @property
    def has_active_test(self) -> bool:
        """Whether a test is neither skipped nor xfailed."""
        return None in self.tests.values()

    def add(self, nodeid: str, muted: str | None) -> None:
        """Add a test; of two links of a test an active one counts."""
        self.tests[nodeid] = self.tests.get(nodeid, muted) and muted


@dataclass(frozen=True, slots=True)
class UninterpretedFile:
    """A file of which the code reader knows the text and no meaning: it is Python that can't be
    parsed, which the ``importers`` import, or data.
    """

    path: str
    text: str
    is_python: bool = True
    importers: frozenset[str] = frozenset()

    def may_link(self, names: Collection[str], test_files: Collection[str] = ()) -> bool:
        """Return whether it has an incident's name as a whole word, without regard to case, or may
        have given a mark to one of its tests.
        """
        words = "|".join(map(re.escape, names))
        pattern = rf"(?<![\w-])(?:{words})(?![\w-])"
        has_name = re.search(pattern, self.text, re.IGNORECASE) is not None
        return has_name or not self.importers.isdisjoint(test_files)


@dataclass(frozen=True, slots=True)
class UnreadLinks:
    """Links that only a run shows: places in code, each with its file, the casefolded ids of
    incidents whose declared tests may exist, and files that can't be parsed.
    """

    places: tuple[tuple[str, UnreadPlace], ...] = ()
    unsure: Mapping[str, str] = field(default_factory=dict)
    unparsed: Sequence[UninterpretedFile] = ()

    def reason(self, names: Collection[str]) -> str | None:
        """Return why the links of an incident with these names are unknown, else None."""
        keys = {name.casefold() for name in names}
        for key in keys & self.unsure.keys():
            return f"only a run shows whether {self.unsure[key]} exists"
        for path, place in self.places:
            if place.claim.more or any(id.casefold() in keys for id in place.claim.ids):
                return f"{path}:{place.line}: only a run shows what this links: {place.code}"
        for file in self.unparsed:
            if file.may_link(names):
                return f"{file.path} names it, and can't be read as Python"
        return None

    def without(self, files: Collection[str]) -> UnreadLinks:
        """Return the unread links without places in these files that may link any incident."""
        places = (each for each in self.places if not (each[0] in files and each[1].claim.more))
        return UnreadLinks(tuple(places), self.unsure, self.unparsed)


def find_unread_links(
    reading: SourceTestsByFile,
    declaring: Registry | None = None,
    unparsed: Sequence[UninterpretedFile] = (),
) -> UnreadLinks:
    """Return the links that only a run shows; ``declaring`` is the registry with ``tests:``,
    ``unparsed`` are the files that can't be parsed.
    """
    declared = links.index_declared_tests(declaring or ())
    places = [
        (path, replace(place, claim=_resolve_aliases(place.claim, declaring)))
        for path, tests in reading.items()
        for test in tests or ()
        for place in test.unread
    ]
    unsure = {
        id.casefold(): f"{path}::{test.name}" if test.name else f"a test in {path}"
        for path, tests in reading.items()
        for test in tests or ()
        if not test.sure
        for id in declared.get(f"{path}::{test.name}" if test.name else path, ())
    }
    return UnreadLinks(tuple(places), unsure, unparsed)


def _resolve_aliases(claim: LinkClaim, registry: Registry | None) -> LinkClaim:
    """Return a claim with the ids of its aliases, such as the name of a document, as well."""
    known = (registry.find(id) for id in claim.ids) if registry else ()
    return LinkClaim(claim.ids.union(each.id for each in known if each), claim.more)


def find_unread_files(reading: SourceTestsByFile) -> Iterator[str]:
    """Yield the files with links that only a run shows, or that can't be parsed."""
    for path, tests in reading.items():
        if tests is None or any(test.unread for test in tests):
            yield path


def find_linked_tests(links: Mapping[str, LinkedIncident], id: str) -> LinkedIncident:
    """Return the tests of one of the incidents of `find_linked_incidents`, perhaps none."""
    return links.get(id.casefold(), LinkedIncident(id))


def find_linked_incidents(
    reading: SourceTestsByFile,
    registry: Registry | None,
    policy: Policy = Policy(),
    declaring: Registry | None = None,
) -> dict[str, LinkedIncident]:
    """Return the linked incidents of this suite by casefolded id.

    An alias counts for its incident. Without a registry every id is one; marks of other names
    count only for ids that it knows, unless a part of it can't be reached. ``declaring`` is the
    registry whose ``tests:`` count, where that is another.
    """
    declared = links.index_declared_tests(declaring or registry or ())
    incidents_by_id: dict[str, LinkedIncident] = {}
    for path, tests in reading.items():
        for test in tests or ():
            if test.unread or not test.sure:
                continue
            nodeid = f"{path}::{test.name}"
            for id in _find_linked_ids(test, nodeid, registry, declared):
                postmortem = registry.find(id) if registry else None
                if postmortem and not is_incident_selected(postmortem, policy):
                    continue
                incident_id = postmortem.id if postmortem else id
                incidents_by_id.setdefault(incident_id.casefold(), LinkedIncident(incident_id)).add(
                    nodeid, test.muted
                )
    return incidents_by_id


def _find_linked_ids(
    test: SourceTest,
    nodeid: str,
    registry: Registry | None,
    declared: Mapping[str, tuple[str, ...]],
) -> Iterator[str]:
    is_registry_reachable = registry is not None and not registry.unreachable
    for id, origin in links.parse_marks(test.marks).ids.items():
        if origin == "marker" or not is_registry_reachable or (registry and registry.find(id)):
            yield id
    for key in links.list_selecting_nodeids(nodeid) if declared else ():
        yield from declared.get(key, ())
