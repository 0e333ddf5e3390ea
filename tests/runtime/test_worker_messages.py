"""What a worker collected arrives as it was, and what several collected alike is read once."""

from __future__ import annotations

from typing import Any
from unittest.mock import sentinel

import pytest

from pytest_postmortem.model import Collected, Finding, Link, NodeKey
from pytest_postmortem.options import PLUGIN_WIRE_KEY
from pytest_postmortem.runtime.collection import CollectionPlan
from pytest_postmortem.runtime.xdist import ControllerPlugin, pack_collected, unpack_collected

A, B = NodeKey("a.py", "a.py::test_1"), NodeKey("b.py", "b.py::test_ü\udc80")
WHOLE = Collected(
    links=(Link("PM-1", A.nodeid, A.path, 3), Link("PM-2", B.nodeid, B.path, None, "registry")),
    deselected={A: "deselected"},
    reported=frozenset({(A, B), (B, A)}),
    repeated={B: 2},
    findings=(Finding("bad-marker", "error", "no id", "a.py", 4),),
    skipped={NodeKey("c.py", "c.py"): "no driver"},
    declared=frozenset({"a.py::test_1", "b.py"}),
    files=frozenset({"a.py", "b.py", "c.py"}),
    expected=frozenset({"a.py", "b.py", "c.py", "d.py"}),
    reasons=("3 of 4 files given",),
    odd=frozenset({"a.py:1: issue(7)"}),
)


class Report:
    """The part of a report of a worker that carries its message."""

    def __init__(self, message: str) -> None:
        setattr(self, PLUGIN_WIRE_KEY, message)


def take(plugin: ControllerPlugin, collected: Collected) -> Collected:
    """Return what the controller takes from the report of a worker that collected this."""
    report: Any = Report(pack_collected(collected))
    taken = plugin.take_collected(report)
    assert taken is not None
    assert plugin.take_collected(report) is None
    return taken


@pytest.mark.parametrize("collected", [Collected(), WHOLE])
def test_a_collection_arrives_as_it_was(collected: Collected) -> None:
    """With every field, with names of files that are no text, and the types that are hashed."""
    arrived = unpack_collected(pack_collected(collected))

    assert arrived == collected
    hash((arrived.links, arrived.findings, arrived.reported, *arrived.deselected))


def test_workers_that_collected_the_same_give_one_object() -> None:
    """Whatever the order of their sets; one that collected something else keeps its own."""
    plugin = ControllerPlugin(CollectionPlan, None, sentinel.receive)
    other_order = WHOLE._replace(files=frozenset(["c.py", "b.py", "a.py"]))
    other = WHOLE._replace(links=WHOLE.links[:1])

    first = take(plugin, WHOLE)

    assert take(plugin, other_order) is first == WHOLE
    assert take(plugin, other) == other
    assert take(plugin, WHOLE) is first
