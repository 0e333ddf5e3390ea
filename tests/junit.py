"""What a JUnit file says of links, and the suites and reports that go with it."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

import pytest

from conftest import report_of

INI = "[pytest]\npostmortem_registry = postmortems.yml\n"
JUNIT = "--junitxml=junit.xml"
BLOCK = "{:-^100}".format(" Post-mortem ")


def register(pytester: pytest.Pytester, *entries: str, ini: str = "") -> None:
    """Write a registry of entries that begin with their id, and a configuration that names it."""
    pytester.makeini(INI + ini)
    pytester.makefile(".yml", postmortems="\n".join(f"- id: {entry}" for entry in entries))


def properties(path: Path) -> dict[str, list[list[str]]]:
    """Return, for each test, the values of our property in each test case of a JUnit file."""
    found = defaultdict(list)
    for case in ElementTree.parse(path / "junit.xml").iter("testcase"):
        values = [
            element.attrib["value"]
            for element in case.iter("property")
            if element.attrib["name"] == "postmortem"
        ]
        found[f"{case.attrib['classname']}.{case.attrib['name']}"].append(values)
    return dict(found)


def ids_of(path: Path) -> dict[str, str]:
    """Return the property of each test that has one; nothing may have two of them."""
    every = properties(path)
    assert all(len(cases) == 1 and len(cases[0]) <= 1 for cases in every.values()), every
    return {test: cases[0][0] for test, cases in every.items() if cases[0]}


def said(result: pytest.RunResult) -> list[str]:
    """Return the report of a run that also wrote a JUnit file."""
    return [line for line in report_of(result) if not line.startswith("- generated xml file")]


def block_of(result: pytest.RunResult) -> list[str]:
    """Return the lines of the post-mortem that is shown beside the one failure of a run."""
    lines = result.outlines
    assert lines.count(BLOCK) == 1
    rest = lines[lines.index(BLOCK) + 1 :]
    return rest[: next(n for n, line in enumerate(rest) if "Changed on purpose?" in line)]
