"""Transport between controller and workers: plans to workers, collections to the controller.

Each worker attaches its collection to its first report, since ``workeroutput`` is empty after
Ctrl-C and None for a killed worker; it is the fallback. All workers send it, as any of them may be
killed, but as one text, which is equal if they collected the same: then it is parsed once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pytest_postmortem.model import Collected, Finding, Link, NodeKey
from pytest_postmortem.options import PLUGIN_WIRE_KEY
from pytest_postmortem.runtime.collection import CollectionPlan, join_collections
from pytest_postmortem.runtime.selection import find_given_names

PlanProvider = Callable[[bool], CollectionPlan]
"""A function that returns the plan, given whether any test is marked."""

CollectedReceiver = Callable[[Collected], None]

Node = Any
"""``xdist.workermanage.WorkerController``; xdist need not be installed."""


def pack_collected(collected: Collected) -> str:
    """Convert a collection to text, the same one for equal collections."""
    fields = {
        "links": [tuple(link) for link in collected.links],
        "deselected": [(tuple(test), why) for test, why in collected.deselected.items()],
        "declared": sorted(collected.declared),
        "reported": sorted((tuple(name), tuple(test)) for name, test in collected.reported),
        "repeated": [(tuple(test), count) for test, count in collected.repeated.items()],
        "findings": [tuple(finding) for finding in collected.findings],
        "skipped": [(tuple(file), reason) for file, reason in collected.skipped.items()],
        "files": sorted(collected.files),
        "expected": None if collected.expected is None else sorted(collected.expected),
        "reasons": list(collected.reasons),
        "odd": sorted(collected.odd),
    }
    return json.dumps(fields)


def unpack_collected(text: str) -> Collected:
    """Convert text to a collection."""
    data: Mapping[str, Any] = json.loads(text)
    expected = data["expected"]
    return Collected(
        links=tuple(Link(*fields) for fields in data["links"]),
        deselected={NodeKey(*test): why for test, why in data["deselected"]},
        declared=frozenset(data["declared"]),
        reported=frozenset((NodeKey(*name), NodeKey(*test)) for name, test in data["reported"]),
        repeated={NodeKey(*test): count for test, count in data["repeated"]},
        findings=tuple(Finding(*fields) for fields in data["findings"]),
        skipped={NodeKey(*file): reason for file, reason in data["skipped"]},
        files=frozenset(data["files"]),
        expected=None if expected is None else frozenset(expected),
        reasons=tuple(data["reasons"]),
        odd=frozenset(data["odd"]),
    )


def read_worker_plan(config: pytest.Config) -> tuple[CollectionPlan, str | None]:
    """Return in a worker the plan and the found registry of the controller, if any.

    The plan is missing until the controller knows a marked test.
    """
    data = config.workerinput.get(PLUGIN_WIRE_KEY)  # type: ignore[attr-defined]  # xdist adds it
    if data is None:
        return CollectionPlan(), None
    declared = {nodeid: tuple(ids) for nodeid, ids in data["declared"].items()}
    return CollectionPlan(declared, frozenset(data["names"]), data["judged"]), data["found"]


def find_given_names_on_worker(config: pytest.Config) -> frozenset[str]:
    """Return the given options of the command line, which only the controller knows."""
    data = config.workerinput.get(PLUGIN_WIRE_KEY)  # type: ignore[attr-defined]  # xdist adds it
    return frozenset(data["given"]) if data is not None else frozenset()


class WorkerPlugin:
    """Plugin of a worker: sends the collection, and later additions of tests."""

    def __init__(self, config: pytest.Config, wanted: bool) -> None:
        self._config = config
        self._wanted = wanted
        self._outbox: Collected | None = None

    def deliver_collected(self, collected: Collected) -> None:
        """Keep a collection until the next report is sent."""
        if self._wanted or collected.links or collected.findings:
            self._outbox = join_collections(
                [self._outbox, collected] if self._outbox else [collected]
            )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Attach the collections that are not sent yet."""
        if self._outbox is not None:
            setattr(report, PLUGIN_WIRE_KEY, pack_collected(self._outbox))
            self._outbox = None

    def pytest_sessionfinish(self) -> None:
        """Store the collections of a worker that ran no test."""
        if self._outbox is not None:
            self._config.workeroutput[PLUGIN_WIRE_KEY] = pack_collected(self._outbox)  # type: ignore[attr-defined]


class ControllerPlugin:
    """Plugin of the controller: sends the plan, and records lost workers."""

    def __init__(
        self,
        plan: Callable[[], CollectionPlan],
        found: str | None,
        receive: Callable[[Collected, str], None],
    ) -> None:
        self._plan = plan
        self._found = found
        self._receive = receive
        self._started: dict[str, None] = {}
        self._names: frozenset[str] | None = None
        self._first: tuple[str, Collected] | None = None

    def take_collected(self, report: pytest.TestReport) -> Collected | None:
        """Remove the attached collections from a report, and return them.

        Workers that collected the same give the same object.
        """
        text = report.__dict__.pop(PLUGIN_WIRE_KEY, None)
        return None if text is None else self._unpack(text)

    def _unpack(self, text: str) -> Collected:
        if self._first is None:
            self._first = text, unpack_collected(text)
        first, collected = self._first
        return collected if text == first else unpack_collected(text)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Node) -> None:
        """Send the plan and the registry to a new worker."""
        plan = self._plan()
        self._started[node.gateway.id] = None
        node.workerinput[PLUGIN_WIRE_KEY] = {
            "declared": {nodeid: list(ids) for nodeid, ids in plan.declared.items()},
            "names": list(plan.names),
            "judged": plan.judged,
            "found": self._found,
            "given": list(self._given(node.config)),
        }

    def _given(self, config: pytest.Config) -> frozenset[str]:
        if self._names is None:
            self._names = find_given_names(config)
        return self._names

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Node) -> None:
        """Receive the stored collections of a worker that ran no test."""
        text = (getattr(node, "workeroutput", None) or {}).get(PLUGIN_WIRE_KEY)
        if text is not None:
            self._receive(self._unpack(text), node.gateway.id)

    def lost(self, heard: frozenset[str], each: bool) -> tuple[str, ...]:
        """Return the workers whose links are lost, given the workers with links.

        Except for ``--dist each`` all workers collect the same tests, so that one is enough.
        """
        return tuple(id for id in self._started if id not in heard) if each or not heard else ()
