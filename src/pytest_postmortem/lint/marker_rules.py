"""Check the marks in test files, and the tests that the registry names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from pytest_postmortem.evaluation import links
from pytest_postmortem.model import Finding, Link, Policy, Postmortem, Registry
from pytest_postmortem.options import MARKER_NAME
from pytest_postmortem.pysource.lost_marks import LostMark
from pytest_postmortem.pysource.marker_index import SourceTestsByFile
from pytest_postmortem.pysource.suite_reader import SourceMark


def find_marker_links(reading: SourceTestsByFile) -> tuple[Link, ...]:
    """Return the links that the marks of these tests claim, each at the line of its mark."""
    return tuple(
        Link(id, f"{path}::{test.name}", path, mark.line, origin)
        for path, tests in reading.items()
        for test in tests or ()
        for mark in test.marks
        for id, origin in links.parse_marks([mark]).ids.items()
    )


def check_markers(
    reading: SourceTestsByFile, registry: Registry | None, policy: Policy
) -> Iterator[Finding]:
    """Yield a finding for each mark of a wrong form, and for each id that the registry lacks."""
    marks = {
        (path, mark.line, complaint): None
        for path, tests in reading.items()
        for test in tests or ()
        for mark in test.marks
        for complaint in _find_marker_complaints(mark)
    }
    for path, line, complaint in marks:
        yield Finding("bad-marker", "error", complaint, path, line)
    if registry is not None:
        yield from links.check_links(find_marker_links(reading), registry, policy.unknown)


def _find_marker_complaints(mark: SourceMark) -> Sequence[str]:
    """Return the complaints about a mark; a partly computed one is judged by its read parts."""
    complaints = links.parse_marks([mark]).complaints
    return complaints if mark.whole or mark.args or mark.kwargs else ()


def check_lost_marks(lost: Iterable[tuple[str, LostMark]]) -> Iterator[Finding]:
    """Yield a warning for each mark that is on no test, given with its file."""
    for path, mark in lost:
        why = f", as {mark.reason}" if mark.reason else ""
        message = (
            f"@pytest.mark.{MARKER_NAME}({', '.join(map(repr, mark.ids))}) is on no test: pytest"
            f" does not collect {mark.name}{why}; rename it, or move the mark to a test"
        )
        yield Finding("bad-marker", "warning", message, path, mark.line)


def find_unchecked_ids(reading: SourceTestsByFile, registry: Registry | None) -> tuple[str, ...]:
    """Return the ids of marks that can't be checked here.

    These are the unknown ids of an unreachable registry, or all ids without a registry.
    """
    if registry is not None and not registry.unreachable:
        return ()
    own_ids = (link.id for link in find_marker_links(reading) if link.origin == "marker")
    searched = registry or Registry()
    return tuple(dict.fromkeys(id for id in own_ids if searched.find(id) is None))


def check_listed_tests(
    registry: Iterable[Postmortem], is_lacking: Callable[[str], bool]
) -> Iterator[Finding]:
    """Yield a finding for each node id under ``tests:`` that the code certainly lacks."""
    for postmortem in registry:
        for nodeid in postmortem.tests:
            if is_lacking(nodeid):
                message = (
                    f"{postmortem.id} declares the test {nodeid!r}, which is not in the code; "
                    "correct the node id, or remove it"
                )
                path, line = postmortem.path, postmortem.line
                yield Finding("unknown-test", "error", message, path, line)
