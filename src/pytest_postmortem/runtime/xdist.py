"""Between the controller and its workers: the plan goes one way, what was collected the other.

Only builtins cross. Each worker attaches all that it collected to its first report, since
``workeroutput`` is empty after Ctrl-C and None for a killed worker; it is the fallback.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple
from typing import Any

import pytest

from pytest_postmortem.model import Collected, Finding, Link, NodeKey
from pytest_postmortem.options import PLUGIN_WIRE_KEY
from pytest_postmortem.runtime.collection import CollectionPlan
from pytest_postmortem.runtime.completeness import join_collections
from pytest_postmortem.runtime.selection import find_given_names

__all__ = [
    "CollectedReceiver",
    "ControllerPlugin",
    "PlanProvider",
    "WorkerPlugin",
    "find_given_names_on_worker",
    "read_worker_plan",
    "take_collected",
]

PlanProvider = Callable[[bool], CollectionPlan]
"""Asked for the plan, once it is known whether any test is marked."""

CollectedReceiver = Callable[[Collected], None]

Node = Any
"""``xdist.workermanage.WorkerController``; xdist need not be installed."""


def pack_collected(collected: Collected) -> dict[str, Any]:
    """Turn what was collected into builtins."""
    return {
        "links": [astuple(link) for link in collected.links],
        "deselected": [(tuple(test), why) for test, why in collected.deselected.items()],
        "declared": list(collected.declared),
        "reported": [(tuple(name), tuple(test)) for name, test in collected.reported],
        "repeated": [(tuple(test), count) for test, count in collected.repeated.items()],
        "findings": [astuple(finding) for finding in collected.findings],
        "skipped": [(tuple(file), reason) for file, reason in collected.skipped.items()],
        "files": list(collected.files),
        "expected": None if collected.expected is None else list(collected.expected),
        "reasons": list(collected.reasons),
        "odd": list(collected.odd),
    }


def unpack_collected(data: Mapping[str, Any]) -> Collected:
    """Turn builtins back into what was collected."""
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


def take_collected(report: pytest.TestReport) -> Collected | None:
    """Take what a worker attached to a report off it again."""
    data = report.__dict__.pop(PLUGIN_WIRE_KEY, None)
    return None if data is None else unpack_collected(data)


def read_worker_plan(config: pytest.Config) -> tuple[CollectionPlan, str | None]:
    """Return, on a worker, the controller's plan and the registry that was found, if any.

    There is none where the controller does not know yet that a test is marked.
    """
    data = config.workerinput.get(PLUGIN_WIRE_KEY)  # type: ignore[attr-defined]  # xdist adds it
    if data is None:
        return CollectionPlan(), None
    declared = {nodeid: tuple(ids) for nodeid, ids in data["declared"].items()}
    return CollectionPlan(declared, frozenset(data["names"]), data["judged"]), data["found"]


def find_given_names_on_worker(config: pytest.Config) -> frozenset[str]:
    """Return what the controller found in the command line, which no worker sees."""
    data = config.workerinput.get(PLUGIN_WIRE_KEY)  # type: ignore[attr-defined]  # xdist adds it
    return frozenset(data["given"]) if data is not None else frozenset()


class WorkerPlugin:
    """Lives in a worker: sends what was collected, and later what a test adds to it."""

    def __init__(self, config: pytest.Config, wanted: bool) -> None:
        self._config = config
        self._wanted = wanted
        self._outbox: Collected | None = None

    def deliver_collected(self, collected: Collected) -> None:
        """Keep what was collected until the next report goes out."""
        if self._wanted or collected.links or collected.findings:
            self._outbox = join_collections(
                [self._outbox, collected] if self._outbox else [collected]
            )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Attach what has not been sent yet."""
        if self._outbox is not None:
            setattr(report, PLUGIN_WIRE_KEY, pack_collected(self._outbox))
            self._outbox = None

    def pytest_sessionfinish(self) -> None:
        """Leave what no report could carry, because this worker ran no test."""
        if self._outbox is not None:
            self._config.workeroutput[PLUGIN_WIRE_KEY] = pack_collected(self._outbox)  # type: ignore[attr-defined]


class ControllerPlugin:
    """Lives in the controller: hands out the plan, and knows whose links were lost."""

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

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Node) -> None:
        """Give a new worker what it needs; nothing is read or fetched twice."""
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
        """Take what a worker left behind that ran no test."""
        data = (getattr(node, "workeroutput", None) or {}).get(PLUGIN_WIRE_KEY)
        if data is not None:
            self._receive(unpack_collected(data), node.gateway.id)

    def lost(self, heard: frozenset[str], each: bool) -> tuple[str, ...]:
        """Return the workers whose links are lost, given those that were heard of.

        But for ``--dist each`` all workers collect the same, and one of them is enough.
        """
        return tuple(id for id in self._started if id not in heard) if each or not heard else ()
