"""Turn mentions without a link into suggestions: which test may belong to which incident."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_postmortem.evaluation import links
from pytest_postmortem.model import Registry, ShowLevel
from pytest_postmortem.pysource.suite_reader import SourceTest
from pytest_postmortem.reports.redaction import redact_postmortem
from pytest_postmortem.scan.mentions import Mention, MentioningTest
from pytest_postmortem.scan.scoring import Strength

STRENGTH_ORDER: tuple[Strength, ...] = ("likely", "possible", "known-broken")
"""The order in which suggestions are shown."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A test that mentions an incident and is not linked to it.

    ``def_line`` is that of the function, ``tests`` are the node ids that pytest makes of it;
    ``line`` and ``evidence`` are the place and the text of the mention. ``known`` is False if the
    registry lacks the incident; title and link are present only if they may be shown.
    """

    strength: Strength
    path: str
    line: int
    def_line: int
    tests: tuple[str, ...]
    id: str
    title: str
    url: str | None
    known: bool
    evidence: str
    why: str

    @property
    def key(self) -> tuple[Any, ...]:
        """The sort key."""
        return STRENGTH_ORDER.index(self.strength), self.path, self.line, self.def_line, self.id


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A file as it was read; ``file`` is its path, ``path`` how it is shown."""

    path: str
    file: Path
    data: bytes


def build_suggestions(
    path: str,
    mentioning_tests: Iterable[MentioningTest],
    registry: Registry | None,
    show: ShowLevel | None = None,
    declared: Mapping[str, tuple[str, ...]] | None = None,
) -> Iterator[Suggestion]:
    """Yield the incidents that tests of a file mention without being linked to them.

    ``declared`` are the node ids under ``tests:`` of the registry, with their incidents.
    """
    for tested in mentioning_tests:
        linked = {
            f"{path}::{name}": _find_incidents_of_test(
                path, name, same_name_tests, registry, declared or {}
            )
            for name, same_name_tests in _group_tests_by_name(tested.tests).items()
        }
        for mention in tested.mentions:
            nodeids = tuple(id for id, ids in linked.items() if mention.id.casefold() not in ids)
            if nodeids:
                yield _build_suggestion(path, tested, mention, nodeids, registry, show)


def _group_tests_by_name(tests: Iterable[SourceTest]) -> dict[str, list[SourceTest]]:
    """Return the tests of each name; parametrized sets with their own marks are several tests."""
    tests_by_name: dict[str, list[SourceTest]] = {}
    for test in tests:
        tests_by_name.setdefault(test.name, []).append(test)
    return tests_by_name


def _find_incidents_of_test(
    path: str,
    name: str,
    tests: Iterable[SourceTest],
    registry: Registry | None,
    declared: Mapping[str, tuple[str, ...]],
) -> set[str]:
    """Return the incidents to which a test is linked, casefolded."""
    ids = [id for test in tests for id in links.parse_marks(test.marks).ids]
    for key in links.list_selecting_nodeids(f"{path}::{name}") if declared else ():
        ids += declared.get(key, ())
    ids_and_postmortems = ((id, registry.find(id) if registry else None) for id in ids)
    return {
        (postmortem.id if postmortem else id).casefold() for id, postmortem in ids_and_postmortems
    }


def _build_suggestion(
    path: str,
    tested: MentioningTest,
    mention: Mention,
    nodeids: tuple[str, ...],
    registry: Registry | None,
    show: ShowLevel | None,
) -> Suggestion:
    postmortem = registry.find(mention.id) if registry and mention.known else None
    shown = redact_postmortem(postmortem, show) if postmortem else None
    return Suggestion(
        mention.strength,
        path,
        mention.line,
        tested.line,
        nodeids,
        mention.id,
        shown.title if shown and shown.title != shown.id else "",
        shown.url if shown else None,
        mention.known,
        mention.text,
        mention.why,
    )
