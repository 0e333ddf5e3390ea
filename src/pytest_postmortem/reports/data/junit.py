"""JUnit XML of any language → the incidents that its test cases claim, and how each test ended.

A test case claims an incident with the property that pytest's own has::

    <property name="postmortem" value="PM-101, PM-108"/>

The property may also have its value as text, be an attribute of the test case (GoogleTest before
1.8.1), belong to a whole suite, or be printed by the test, as ``[[PROPERTY|postmortem=PM-101]]``
or as an entry of JUnit's own console launcher. Namespaces are ignored.

No standard defines the outcome. GoogleTest and CTest have attributes (``status="notrun"``,
``result="suppressed"``), xUnit and NUnit other ones (``executed="False"``), most tools elements
(``<skipped/>``), and Surefire, nextest and Playwright elements for repeated tests
(``<flakyFailure>``). Only a test of which nothing says otherwise has passed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_postmortem.evaluation.links import decode_ids
from pytest_postmortem.model import OUTCOMES, OutcomeWord, format_count

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

JUNIT_PROPERTY = "postmortem"

JUNIT_ROOTS = ("testsuites", "testsuite", "testcase", "testrun")

ELEMENT_OUTCOMES: Mapping[str, OutcomeWord] = {
    "failure": "failed",
    "rerunfailure": "failed",
    "error": "error",
    "rerunerror": "error",
    "skipped": "skipped",
    "skip": "skipped",
    "disabled": "skipped",
    "ignored": "skipped",
    "notrun": "skipped",
    "pending": "skipped",
    "todo": "skipped",
    "inconclusive": "skipped",
    "incomplete": "skipped",
}
"""What an element inside a test case says, by its name in small letters."""

FLAKY_ELEMENTS = ("flakyfailure", "flakyerror")
"""Elements of a test that failed and passed when it was repeated."""

OUTCOME_ATTRIBUTES = ("status", "result", "outcome", "state")

WORD_OUTCOMES: Mapping[str, OutcomeWord] = {
    **dict.fromkeys(
        "run ran pass passed success successful succeeded ok completed complete executed"
        " finished flaky".split(),
        "passed",
    ),
    **dict.fromkeys("fail failed failure timeout timedout crashed broken".split(), "failed"),
    **dict.fromkeys("error errored".split(), "error"),
    **dict.fromkeys("xfail xfailed expectedfailure".split(), "xfailed"),
    **dict.fromkeys("xpass xpassed unexpectedsuccess".split(), "xpassed"),
    **dict.fromkeys(
        "skip skipped suppressed notrun notexecuted notrunnable notstarted disabled ignored ignore"
        " pending todo inconclusive explicit incomplete cancelled canceled aborted blocked"
        " untested filtered deselected".split(),
        "skipped",
    ),
}
"""What the value of an attribute says, by its letters alone, in small ones."""

SWITCH_ATTRIBUTES: Mapping[str, tuple[str, OutcomeWord]] = {
    "executed": ("false", "skipped"),
    "enabled": ("false", "skipped"),
    "skipped": ("true", "skipped"),
    "ignored": ("true", "skipped"),
    "disabled": ("true", "skipped"),
    "notrun": ("true", "skipped"),
    "run": ("false", "skipped"),
    "success": ("false", "failed"),
}
"""Attributes that are true or false, with the value that says something."""

COUNT_ATTRIBUTES = ("skipped", "disabled", "ignored", "notrun", "not-run", "inconclusive")
"""Attributes of a suite: how many of its tests did not run."""

PRINTED_PROPERTY_PATTERN = re.compile(
    rf"\[\[PROPERTY\|{JUNIT_PROPERTY}=(?P<bracket>[^\]\n]+)\]\]"
    rf"|^Report Entry #\d+ .*\n(?:[ \t]+- .*\n)*?[ \t]+- {JUNIT_PROPERTY}: (?P<entry>.+)$",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class JUnitReport:
    """What a file of JUnit XML says: each claimed id with its test, as a JSON report has tests.

    ``warnings`` name the values that are not understood; the tests that have them did not pass.
    """

    links: tuple[tuple[str, Mapping[str, Any]], ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _CaseResult:
    word: OutcomeWord
    reason: str | None = None
    flaky: bool = False
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class _EnclosingSuites:
    """What the suites around a test case say of it: the ids it claims, and how it ended."""

    ids: tuple[str, ...] = ()
    results: tuple[_CaseResult, ...] = ()


def parse_junit_report(root: Element) -> JUnitReport | None:
    """Read a parsed file, whose elements lose their namespaces, or return None for other XML.

    Test cases of one name in one suite are one test: pytest writes a second one for a teardown
    that breaks after a failure, and only one of the two has the properties.
    """
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    if root.tag not in JUNIT_ROOTS and root.find(".//testcase") is None:
        return None
    links: list[tuple[str, Mapping[str, Any]]] = []
    unknown: dict[str, list[str]] = {}
    for suites, cases in _group_test_cases(root):
        claims = [frozenset((*suites.ids, *_find_claimed_ids(case))) for case in cases]
        ids = dict.fromkeys(
            (*suites.ids, *(id for case in cases for id in _find_claimed_ids(case)))
        )
        if ids:
            results = [_merge_case_results(case, suites.results) for case in cases]
            for id in ids:
                links.append(
                    (id, _build_junit_test(cases[0], _select_results_of_claim(id, claims, results)))
                )
            for said in dict.fromkeys(each.unknown for each in results if each.unknown):
                unknown.setdefault(said, []).append(_build_case_nodeid(cases[0]))
    return JUnitReport(tuple(links), tuple(_warn_of_unknown_words(unknown)))


def _group_test_cases(root: Element) -> Iterator[tuple[_EnclosingSuites, list[Element]]]:
    """Yield the test cases of each name in each suite, in the order of the file."""
    if root.tag == "testcase":
        yield _EnclosingSuites(), [root]
        return
    open_: list[tuple[Element, _EnclosingSuites]] = [(root, _EnclosingSuites())]
    while open_:
        parent, above = open_.pop()
        suites = _EnclosingSuites(
            (*above.ids, *_find_claimed_ids(parent)), (*above.results, *_find_suite_results(parent))
        )
        grouped: dict[tuple[str | None, ...], list[Element]] = {}
        for case in parent.iterfind("testcase"):
            key = tuple(map(case.get, ("file", "classname", "name")))
            grouped.setdefault(key, []).append(case)
        yield from ((suites, cases) for cases in grouped.values())
        open_ += [(child, suites) for child in reversed(parent) if child.tag != "testcase"]


def _select_results_of_claim(
    id: str, claims: Sequence[frozenset[str]], results: Sequence[_CaseResult]
) -> Sequence[_CaseResult]:
    """Return the results of the cases that claim an id, and what broke in the others.

    Two tests can have one name: that one of them passed says nothing of the other's incident.
    """
    pairs = zip(claims, results, strict=True)
    return [result for own, result in pairs if id in own or result.word in ("failed", "error")]


def _find_claimed_ids(element: Element) -> list[str]:
    """Return the ids that a test case or a suite itself claims."""
    texts = (re.sub(r"\s*(?:,|\n)\s*", ", ", text.strip()) for text in _find_claims(element))
    return [id for text in texts for id in decode_ids(text)]


def _find_claims(element: Element) -> Iterator[str]:
    for name, value in element.items():
        if name.casefold() == JUNIT_PROPERTY:
            yield value
    for each in (*element.iterfind("properties/property"), *element.iterfind("property")):
        if (each.get("name") or "").strip().casefold() == JUNIT_PROPERTY:
            yield each.get("value") or each.text or ""
    if element.tag == "testcase":
        for output in element.iterfind("system-out"):
            for found in PRINTED_PROPERTY_PATTERN.finditer(output.text or ""):
                yield found["bracket"] or found["entry"]


def _merge_case_results(case: Element, suites: Iterable[_CaseResult]) -> _CaseResult:
    """Return the most severe of all that is said of a test; it passed if nothing else is said."""
    said = [*_find_element_results(case), *_find_attribute_results(case), *suites]
    worst = min(said, key=_rank_case_result, default=_CaseResult("passed"))
    return replace(worst, flaky=any(each.flaky for each in said))


def _rank_case_result(result: _CaseResult) -> int:
    return len(OUTCOMES) if result.word == "passed" else OUTCOMES.index(result.word)


def _find_element_results(case: Element) -> Iterator[_CaseResult]:
    for element in case:
        name = _normalize_outcome_word(element.tag)
        word = ELEMENT_OUTCOMES.get(name) or WORD_OUTCOMES.get(name)
        if name in FLAKY_ELEMENTS:
            yield _CaseResult("passed", flaky=True)
        elif word is not None and word != "passed":
            word = "xfailed" if element.get("type") == "pytest.xfail" else word
            text = element.get("message") or element.text or ""
            reason = " ".join(text.split()) or None
            yield _CaseResult(word, reason if word in ("skipped", "xfailed") else None)


def _normalize_outcome_word(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.casefold())


def _find_attribute_results(element: Element) -> Iterator[_CaseResult]:
    for name, value in element.items():
        key = name.casefold()
        said = f"{key} is {value!r}"
        letters = _normalize_outcome_word(value)
        if key in SWITCH_ATTRIBUTES and letters == SWITCH_ATTRIBUTES[key][0]:
            word = SWITCH_ATTRIBUTES[key][1]
            yield _CaseResult(word, said if word == "skipped" else None)
        elif key in OUTCOME_ATTRIBUTES and letters in WORD_OUTCOMES:
            word = WORD_OUTCOMES[letters]
            yield _CaseResult(word, said if word == "skipped" else None, letters == "flaky")
        elif key in OUTCOME_ATTRIBUTES and letters:
            yield _CaseResult(
                "not-run", f"{key} {value!r} is not understood", unknown=f"{key} {value!r}"
            )


def _find_suite_results(suite: Element) -> Iterator[_CaseResult]:
    """Yield the outcome that a suite has for each of its tests: it broke, or none of them ran.

    A suite that failed says nothing of a single test.
    """
    for result in (*_find_element_results(suite), *_find_attribute_results(suite)):
        if result.word == "skipped":
            yield result
    if suite.find("error") is not None or suite.find("failure") is not None:
        yield _CaseResult("error")
    counts = {
        name: number for name in COUNT_ATTRIBUTES if (number := _parse_junit_count(suite.get(name)))
    }
    tests = (
        max(_parse_junit_count(suite.get("tests")), sum(1 for _ in suite.iter("testcase")))
        if counts
        else 0
    )
    for name, number in counts.items():
        if number >= tests:
            yield _CaseResult("skipped", f"{name} is '{number}' in its suite")


def _parse_junit_count(text: str | None) -> int:
    return int(text) if text and re.fullmatch("[0-9]{1,9}", text) else 0


def _build_junit_test(case: Element, results: Sequence[_CaseResult]) -> Mapping[str, Any]:
    """Return a test as a JSON report has it; of several results the first of `OUTCOMES` counts."""
    result = min(results, key=lambda each: OUTCOMES.index(each.word))
    line = case.get("line") or ""
    return {
        "nodeid": _build_case_nodeid(case),
        "outcome": result.word,
        "duration": _parse_junit_seconds(case.get("time")),
        "path": _build_case_address(case),
        "line": int(line) if re.fullmatch("0*[1-9][0-9]{0,8}", line) else None,
        "reason": result.reason,
        "flaky": any(each.flaky for each in results),
        "address": ".".join(filter(None, (case.get("classname"), case.get("name")))),
    }


def _build_case_nodeid(case: Element) -> str:
    return "::".join(filter(None, (_build_case_address(case), case.get("name"))))


def _build_case_address(case: Element) -> str:
    return case.get("file") or case.get("classname") or ""


def _parse_junit_seconds(text: str | None) -> float:
    try:
        seconds = float((text or "0").replace(",", ""))
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < math.inf else 0.0


def _warn_of_unknown_words(unknown: Mapping[str, list[str]]) -> Iterator[str]:
    for value, tests in unknown.items():
        more = f" and {format_count(len(tests) - 1, 'other test')}" if len(tests) > 1 else ""
        yield (
            f"{value} of {tests[0]}{more} is not understood and does not count as passed; write"
            " passed, failed, error or skipped"
        )
