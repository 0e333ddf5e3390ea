"""Completeness of a run: whether it collected the whole suite, with the reasons.

The collected test files are compared with those that a bare ``pytest`` collects; the options of
the run do not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pytest_postmortem.model import Collected, Link, NodeKey, format_count
from pytest_postmortem.text import join_some_texts

INTERRUPTED_REASON = "the collection was interrupted"


def find_partial_reasons(
    *,
    nodeids: int,
    given: bool,
    collected: frozenset[str],
    expected: frozenset[str] | None,
    broken: Sequence[str] = (),
    last_failed: int | None = None,
    interrupted: bool = False,
) -> Iterator[str]:
    """Yield the reasons why the collection is less than the whole suite.

    ``nodeids`` counts the node ids given for files that nothing else given covers, ``given``
    says whether any file or folder was named, ``expected`` is None where a bare run needed no
    comparison, ``last_failed`` the files that ``--lf`` skipped, None where it took nothing away.
    """
    if interrupted:
        yield INTERRUPTED_REASON
    if nodeids:
        yield f"{format_count(nodeids, 'node id')} given"
    if last_failed is not None:
        yield (
            f"--lf skipped {format_count(last_failed, 'file')}"
            if last_failed
            else "--lf left out what passed last time"
        )
    elif expected is not None:
        yield from _describe_missing_files(given, collected, expected)
    if broken:
        yield (
            f"{format_count(len(broken), 'file')} could not be collected:"
            f" {join_some_texts(sorted(broken), ', ')}"
        )


def _describe_missing_files(
    given: bool, collected: frozenset[str], expected: frozenset[str]
) -> Iterator[str]:
    missing = len(expected - collected)
    if missing and given:
        yield f"{len(expected) - missing} of {format_count(len(expected), 'file')} given"
    elif missing:
        yield f"{missing} of {format_count(len(expected), 'file')} left out"
    elif given and not expected:
        yield "no test file under the rootdir says what the suite is (set postmortem_suite)"


def join_collections(collections: Iterable[Collected]) -> Collected:
    """Return the joined collections of several workers, which are mostly equal."""
    all = tuple(collections)
    links: dict[tuple[NodeKey, str], Link] = {}
    for link in (link for collected in all for link in collected.links):
        links.setdefault((link.test, link.id.casefold()), link)
    expected_files = [collected.expected for collected in all if collected.expected is not None]
    return Collected(
        links=tuple(links.values()),
        deselected={
            nodeid: why for collected in all for nodeid, why in collected.deselected.items()
        },
        declared=frozenset().union(*(collected.declared for collected in all)),
        reported=frozenset().union(*(collected.reported for collected in all)),
        repeated={test: count for collected in all for test, count in collected.repeated.items()},
        findings=tuple(
            dict.fromkeys(finding for collected in all for finding in collected.findings)
        ),
        skipped={file: reason for collected in all for file, reason in collected.skipped.items()},
        files=frozenset().union(*(collected.files for collected in all)),
        expected=frozenset().union(*expected_files) if expected_files else None,
        reasons=tuple(dict.fromkeys(reason for collected in all for reason in collected.reasons)),
        odd=frozenset().union(*(collected.odd for collected in all)),
    )
