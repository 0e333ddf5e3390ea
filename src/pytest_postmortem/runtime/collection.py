"""pytest's items and files → `Collected`, in each process that collects tests."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

import pytest

from pytest_postmortem import files, options
from pytest_postmortem.evaluation import links
from pytest_postmortem.model import Collected, Finding, Link, NodeKey, Origin, Registry
from pytest_postmortem.runtime.selection import DeselectionRecorder
from pytest_postmortem.settings import Settings

ITEM_PROPERTY = "postmortem"
"""The user property that holds the ids of a test in every report format."""

NODEID = pytest.StashKey[str]()
"""The node id that an item has in every run, where this run renames it."""


INTERRUPTED_REASON = "the collection was interrupted"
"""Why a run is partial of which the collection did not end, or never arrived."""


class CollectionPlan(NamedTuple):
    """The data of the registry that a collecting process needs.

    ``declared`` are the node ids under ``tests:``, each with its ids. ``names`` are the ids and
    aliases of the incidents that ``--postmortem`` selects, case-folded. ``judged`` is True if the
    completeness of the run has to be determined.
    """

    declared: Mapping[str, tuple[str, ...]] = {}
    names: frozenset[str] = frozenset()
    judged: bool = False


def build_collection_plan(registry: Registry | None, settings: Settings) -> CollectionPlan:
    """Return the plan for a registry, which may not be known yet."""
    if registry is None:
        return CollectionPlan(judged=settings.used)
    asked = {
        postmortem.id for pattern in settings.only for postmortem in registry.find_matching(pattern)
    }
    names = frozenset(name for name, known in registry.index.items() if asked and known.id in asked)
    return CollectionPlan(links.index_declared_tests(registry), names, judged=True)


_get_own_markers = attrgetter("own_markers")

_ClaimedItem = tuple[pytest.Item, str, links.MarkClaims]
"""A test, the node id that it has in every run, and what its marks claim."""


class LinkCollector:
    """Reads the links of every item, and gives each linked item its property.

    ``plan`` is called once it is known whether any test is marked; ``deliver`` gets the result at
    the end of the collection; ``selection`` has the reasons of deselection.
    """

    def __init__(
        self,
        settings: Settings,
        plan: Callable[[bool], CollectionPlan],
        deliver: Callable[[Collected], None],
        selection: DeselectionRecorder,
    ) -> None:
        self._only = tuple(pattern.casefold() for pattern in settings.only)
        self._names = frozenset((options.MARKER_NAME, *settings.markers))
        self._plan = plan
        self._deliver = deliver
        self._selection = selection
        self._collected = Collected()
        self.marks: Mapping[int, tuple[pytest.Mark, ...]] = {}
        """The marks that were read, by the identity of their item."""

        self._linked: list[pytest.Item] = []
        self._paths: dict[int, tuple[object, str]] = {}
        self._before: tuple[Sequence[pytest.Item], Sequence[str]] = (), ()
        self._nodeids: dict[int, str] | None = None
        self._wanted: frozenset[str] = frozenset()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        """Read all items before deselection, with their marks after it."""
        before, nodeids = list(items), [item.nodeid for item in items]
        yield
        self.read(config, before, nodeids, items)

    def read(
        self,
        config: pytest.Config,
        before: Sequence[pytest.Item],
        nodeids: Sequence[str],
        items: list[pytest.Item],
    ) -> None:
        """Read the links of all items, and deselect what ``--postmortem`` does not ask for.

        ``before`` are the items, with their ``nodeids``, before other plugins deselected items or
        changed node ids (xdist does with ``--dist loadgroup``).
        """
        every, nodeids = list(before), list(nodeids)
        if items != every:
            known = set(map(id, before))
            added = [item for item in items if id(item) not in known]
            every += added
            nodeids += [item.nodeid for item in added]
        self._before = every, nodeids
        self._read(every, nodeids)
        if self._only:
            for item in items:
                self.keep_nodeid(item)
            self._select(config, items)

    def keep_nodeid(self, item: pytest.Item) -> None:
        """Keep the node id that a test has in every run, if this run has renamed the test."""
        if self._nodeids is None:
            items, nodeids = self._before
            self._nodeids = dict(zip(map(id, items), nodeids, strict=True))
        _keep_nodeid(item, self._nodeids.get(id(item), item.nodeid))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Deliver the links, and the linked tests that were deselected."""
        kept = set(map(id, session.items))
        gone = [item for item in self._linked if id(item) not in kept]
        deselected = self._explain_deselections(gone) if gone else {}
        self._deliver(self._collected._replace(deselected=deselected))

    def _explain_deselections(self, items: Iterable[pytest.Item]) -> dict[NodeKey, str]:
        """Return why tests were deselected; the code for this is imported only now."""
        from pytest_postmortem.runtime.deselection_reasons import DeselectionReasons

        reasons = DeselectionReasons(self._selection)
        return {
            self._find_item_key(item): reasons.explain_deselection(item, _find_item_nodeid(item))
            for item in items
        }

    def _find_item_key(self, item: pytest.Item) -> NodeKey:
        """Return the key of a test."""
        return NodeKey(self._find_path(item), _find_item_nodeid(item))

    def _find_path(self, item: pytest.Item) -> str:
        """Return the path of a test's file; it is computed once, since its tests share the path.

        The path object is kept, so that no other one gets its identity.
        """
        path = item.path
        known = self._paths.get(id(path))
        if known is None:
            known = self._paths[id(path)] = path, _find_item_path(item)
        return known[1]

    def _read(self, items: Sequence[pytest.Item], nodeids: Sequence[str]) -> None:
        """Read the links of all items, which had these node ids before any was renamed."""
        claimed: list[_ClaimedItem] = []
        marks_by_item: dict[int, tuple[pytest.Mark, ...]] = {}
        used = False
        for item, nodeid, marks in self._find_marks(items, nodeids):
            claims = links.parse_marks(marks)
            claimed.append((item, nodeid, claims))
            marks_by_item[id(item)] = marks
            used = used or bool(claims.ids or claims.complaints)
        self.marks = marks_by_item
        plan = self._plan(used)
        self._wanted = plan.names
        if plan.declared:
            claimed = self._add_other_items(items, nodeids, claimed)
        renamed = [item for item, nodeid, _ in claimed if _keep_nodeid(item, nodeid)]
        files = {self._find_path(item) for item, _, _ in claimed} if plan.declared else set()
        item_links: list[Link] = []
        findings: dict[Finding, None] = {}
        declared: set[str] = set()
        reported: set[tuple[NodeKey, NodeKey]] = set()
        odd: set[str] = set()
        for item, nodeid, claims in claimed:
            ids, test = claims.ids, NodeKey(self._find_path(item), nodeid)
            if plan.declared:
                ids = dict(ids)
                for key in _list_nodeid_forms(test, files):
                    if key in plan.declared:
                        declared.add(key)
                        ids.update(_find_new_declared_ids(ids, plan.declared[key]))
            if claims.odd:
                odd.update(_find_odd_marks(item, claims.odd))
            if claims.complaints:
                findings.update(dict.fromkeys(_build_marker_findings(item, claims.complaints)))
            if ids:
                item_links += _build_item_links(item, test, ids)
                self._linked.append(item)
                set_item_property(item, ids)
                if renamed or item.location[0] != test.path:
                    reported.update(_find_reported_keys(item, test))
        self._collected = Collected(
            links=tuple(item_links),
            declared=frozenset(declared),
            reported=frozenset(reported),
            repeated=_count_repeated_tests(items, nodeids, bool(renamed)),
            findings=tuple(findings),
            odd=frozenset(odd),
        )

    def _add_other_items(
        self,
        items: Iterable[pytest.Item],
        nodeids: Iterable[str],
        claimed: Iterable[_ClaimedItem],
    ) -> list[_ClaimedItem]:
        """Return all items in their order, most of which claim nothing."""
        claims = {id(item): each for item, _, each in claimed}
        nothing = links.MarkClaims({})
        return [
            (item, nodeid, claims.get(id(item), nothing))
            for item, nodeid in zip(items, nodeids, strict=True)
        ]

    def _find_marks(
        self, items: Iterable[pytest.Item], nodeids: Iterable[str]
    ) -> list[tuple[pytest.Item, str, tuple[pytest.Mark, ...]]]:
        """Return the items with our or a configured mark, each with its node id and these marks.

        Each parent is read once.
        """
        names, found = self._names, []
        parent: object = None
        inherited: tuple[pytest.Mark, ...] = ()
        marks_by_parent: dict[int, tuple[pytest.Mark, ...]] = {}
        for item, nodeid in zip(items, nodeids, strict=True):
            if item.parent is not parent:
                parent = item.parent
                if id(parent) not in marks_by_parent:
                    marks = parent.iter_markers() if parent else ()
                    marks_by_parent[id(parent)] = tuple(
                        mark for mark in marks if mark.name in names
                    )
                inherited = marks_by_parent[id(parent)]
            own = item.own_markers
            if own or inherited:
                item_marks = (*[mark for mark in own if mark.name in names], *inherited)
                if item_marks:
                    found.append((item, nodeid, item_marks))
        return found

    def _select(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Deselect what ``--postmortem`` does not ask for."""
        selected_tests = {
            link.test
            for link in self._collected.links
            if link.id.casefold() in self._wanted
            or any(fnmatchcase(link.id.casefold(), pattern) for pattern in self._only)
        }
        deselected_items = [
            item for item in items if self._find_item_key(item) not in selected_tests
        ]
        if deselected_items:
            config.hook.pytest_deselected(items=deselected_items)
            items[:] = [item for item in items if self._find_item_key(item) in selected_tests]


def build_test_key(item: pytest.Item) -> NodeKey:
    """Return the key of a test."""
    return NodeKey(_find_item_path(item), _find_item_nodeid(item))


def _find_item_path(item: pytest.Item) -> str:
    return files.format_relative_path(item.path, item.config.rootpath)


def _keep_nodeid(item: pytest.Item, nodeid: str) -> bool:
    """Keep the node id that an item has in every run; return whether this run has another."""
    if item.nodeid == nodeid:
        return False
    item.stash[NODEID] = nodeid
    return True


def _find_item_nodeid(item: pytest.Item) -> str:
    return item.stash.get(NODEID, None) or item.nodeid


def _find_reported_keys(item: pytest.Item, test: NodeKey) -> Iterator[tuple[NodeKey, NodeKey]]:
    """Yield the key in the reports of a test and the key of the test, if they differ."""
    named = _build_reported_key(item)
    if named != test:
        yield named, test


def _build_reported_key(item: pytest.Item) -> NodeKey:
    """Return the key in the reports of a test (see `outcomes.read_reported_key`)."""
    return NodeKey(item.location[0], item.nodeid)


def _count_repeated_tests(
    items: Sequence[pytest.Item], nodeids: Sequence[str], renamed: bool
) -> dict[NodeKey, int]:
    """Count the tests that share one key in reports, given the node ids before any was renamed.

    That is an inherited test in files with the same node id, or a file that is given twice.
    """
    if not renamed and len(set(nodeids)) == len(nodeids):
        return {}
    reported = [item.nodeid for item in items]
    counts = Counter(reported)
    named = Counter(
        _build_reported_key(item)
        for item, nodeid in zip(items, reported, strict=True)
        if counts[nodeid] > 1
    )
    return {name: count for name, count in named.items() if count > 1}


def _list_nodeid_forms(test: NodeKey, files: Collection[str]) -> Iterator[str]:
    """Yield every node id that selects a test, in each form in which its file may be written."""
    _, colons, names = test.nodeid.partition("::")
    for file in links.list_test_file_forms(test, files):
        yield from links.list_selecting_nodeids(f"{file}{colons}{names}")


def _find_new_declared_ids(
    ids: Mapping[str, Origin], declared: Iterable[str]
) -> Iterator[tuple[str, Origin]]:
    """Yield the declared ids that the test does not name itself."""
    known = {id.casefold() for id in ids}
    return ((id, "registry") for id in declared if id.casefold() not in known)


def _find_item_location(item: pytest.Item) -> tuple[str, int | None]:
    path, line, _ = item.location
    return path.replace(os.sep, "/"), None if line is None else line + 1


def _build_item_links(item: pytest.Item, test: NodeKey, ids: Mapping[str, Origin]) -> list[Link]:
    path, line = _find_item_location(item)
    defined_in = None if path == test.path else path
    return [
        Link(id, test.nodeid, test.path, line, origin, defined_in) for id, origin in ids.items()
    ]


def _build_marker_findings(item: pytest.Item, complaints: Iterable[str]) -> Iterator[Finding]:
    path, line = _find_item_location(item)
    return (Finding("bad-marker", "error", text, path, line) for text in complaints)


def _find_odd_marks(item: pytest.Item, marks: Iterable[str]) -> Iterator[str]:
    path, line = _find_item_location(item)
    return (f"{path}:{line}: {mark}" for mark in marks)


def set_item_property(item: pytest.Item, ids: Iterable[str]) -> None:
    """Give an item its one property, in place of an older one."""
    properties = item.user_properties
    if properties:
        properties[:] = [pair for pair in properties if pair[:1] != (ITEM_PROPERTY,)]
    properties.append((ITEM_PROPERTY, links.encode_ids(ids)))


def read_item_property(item: pytest.Item) -> str:
    """Return the value of our property; properties of others may have any type."""
    own = (
        pair[1] for pair in item.user_properties if pair[:1] == (ITEM_PROPERTY,) and len(pair) == 2
    )
    return str(next(own, ""))


def join_collections(collections: Iterable[Collected]) -> Collected:
    """Return the joined collections of several workers, which are mostly equal."""
    all = tuple(collections)
    expected_files = [collected.expected for collected in all if collected.expected is not None]
    return Collected(
        links=_join_links([collected.links for collected in all if collected.links]),
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


def _join_links(links: Sequence[tuple[Link, ...]]) -> tuple[Link, ...]:
    """Return the links of several collections, each once."""
    if len(links) == 1:
        return links[0]
    joined: dict[tuple[NodeKey, str], Link] = {}
    for link in chain.from_iterable(links):
        joined.setdefault((link.test, link.id.casefold()), link)
    return tuple(joined.values())


class RuntimeMarkCollector:
    """Picks up the marks that a test, or a fixture, adds while it runs."""

    def __init__(
        self,
        settings: Settings,
        collector: LinkCollector,
        deliver: Callable[[Collected], None],
    ) -> None:
        self._names = frozenset((options.MARKER_NAME, *settings.markers))
        self._collector = collector
        self._deliver = deliver
        self._parent: pytest.Item | pytest.Collector | None = None
        self._above: Sequence[Any] = ()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Compare the marks with those that were read before the run, if there are any.

        The nodes above are looked up once for the tests of one parent; their lists of marks are
        not, since a fixture may replace one.
        """
        if item.parent is not self._parent:
            self._parent = item.parent
            self._above = item.listchain()[-2::-1]
        if item.own_markers or any(map(_get_own_markers, self._above)):
            self._compare_marks(item)

    def _compare_marks(self, item: pytest.Item) -> None:
        names = self._names
        node_marks = chain(item.own_markers, *map(_get_own_markers, self._above))
        marks = [mark for mark in node_marks if mark.name in names]
        if marks and tuple(marks) != self._collector.marks.get(id(item)):
            self._add(item, links.parse_marks(marks))

    def _add(self, item: pytest.Item, claims: links.MarkClaims) -> None:
        old = links.decode_ids(read_item_property(item))
        new = dict(_find_new_declared_ids(dict.fromkeys(old, "marker"), claims.ids))
        if new or claims.complaints or claims.odd:
            ids = {id: claims.ids[id] for id in new}
            if ids:
                set_item_property(item, [*old, *ids])
            self._collector.keep_nodeid(item)
            test = build_test_key(item)
            found = tuple(_build_item_links(item, test, ids))
            findings = tuple(_build_marker_findings(item, claims.complaints))
            reported = frozenset(_find_reported_keys(item, test))
            odd = frozenset(_find_odd_marks(item, claims.odd))
            self._deliver(Collected(links=found, reported=reported, findings=findings, odd=odd))
