"""A JSON report, read again → `Run`: the states of incidents as a run found them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_postmortem.model import NodeKey

__all__ = ["Result", "Run", "parse"]


@dataclass(frozen=True, slots=True)
class Result:
    """An incident as a JSON report has it."""

    id: str
    state: str
    title: str = ""
    url: str | None = None
    reason: str | None = None
    required: bool = True
    aliases: tuple[str, ...] = ()
    tests: tuple[NodeKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """A JSON report: ``files`` were collected, ``reasons`` say why it saw a part of the suite,
    ``lacking`` why its registry may lack post-mortems. Where there is none, the incidents are
    ``implied`` by the links.
    """

    incidents: tuple[Result, ...] = ()
    files: frozenset[str] = frozenset()
    reasons: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    implied: bool = False


def parse(document: Mapping[str, Any]) -> Run:
    """Turn a JSON report, as plain data, into types.

    Raises:
        ValueError: A part that should be there is missing, or has another form.
    """
    try:
        scope, registry = document["scope"], document.get("registry", {})
        return Run(
            tuple(map(_result, document["incidents"])),
            frozenset(map(str, scope["files"])),
            tuple(map(str, scope["reasons"])),
            (*registry.get("partial", ()), *registry.get("unreachable", ())),
            bool(document.get("missing")),
        )
    except (KeyError, TypeError, AttributeError):
        raise ValueError("a part of the report is missing, or has another form") from None


def _result(incident: Mapping[str, Any]) -> Result:
    return Result(
        str(incident["id"]),
        str(incident["state"]),
        str(incident["title"]),
        _text(incident["url"]),
        _text(incident["reason"]),
        bool(incident.get("required", True)),
        tuple(map(str, incident.get("aliases", ()))),
        tuple(NodeKey(str(test["path"]), str(test["nodeid"])) for test in incident["tests"]),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
