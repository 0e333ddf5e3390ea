"""Render the verdicts of `prove` as text: for a terminal, a pull request, GitHub, other tools."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pytest_postmortem import __version__
from pytest_postmortem.model import PROVEN_VERDICTS, VERDICTS, Verdict, format_count
from pytest_postmortem.proofs import FixStrength, MutantResult
from pytest_postmortem.prove.fix import BUG_PATCH_SUFFIXES
from pytest_postmortem.prove.revert import format_source_options
from pytest_postmortem.prove.strategy import IncidentProof
from pytest_postmortem.prove.strength import ENDLESS, PART
from pytest_postmortem.reports import github
from pytest_postmortem.reports.markdown import escape_markdown
from pytest_postmortem.text import sanitize_line

PROVE_FORMAT = 1
MAX_TESTS = 10
MAX_MUTANTS = 20

PREDICATE_WORDS = ("fails", "passes", "needs", "does", "skipped", "xfailed", "xpassed")
"""The first words of messages that continue a sentence after the name of a test."""

VERDICT_MEANING: Mapping[Verdict, str] = {
    "not-proven": "the test would not notice if the problem came back",
    "not-reached": "another platform, interpreter or option may reach them",
    "weak": "the problem itself was not tested",
    "broken": "this is not a proof",
}

NOTHING_TO_PROVE = (
    "nothing to prove: no incident names a fix; `pytest-postmortem scan` finds fixes in the history"
)

FAILING_VERDICTS: tuple[Verdict, ...] = ("not-proven", "fails-with-fix")


def compute_proof_status(proofs: Iterable[IncidentProof], *, strict: bool) -> int:
    """Return the exit status: 1 if a test passes without the fix or fails with it, 3 if undecided.

    Status 3 is returned only if ``strict``.
    """
    verdicts = {proved.verdict for proved in proofs}
    if verdicts & {*FAILING_VERDICTS}:
        return 1
    return 3 if strict and (verdicts - {*PROVEN_VERDICTS} or not verdicts) else 0


def render_proofs_text(
    proofs: Sequence[IncidentProof], seconds: float, *, verbose: bool = False
) -> str:
    """Return the verdicts for a terminal, one or more lines each, with the totals last."""
    ids = max((len(proved.id) for proved in proofs), default=0)
    words = max((len(_format_verdict_word(proved.verdict)) for proved in proofs), default=0)
    lines = []
    for proved in proofs:
        head = f"{proved.id:<{ids}}  {_format_verdict_word(proved.verdict):<{words}}  "
        first, *more_lines = _format_proof_lines(proved, verbose)
        lines += [head + first, *(" " * len(head) + line for line in more_lines)]
    lines.append(
        f"{_format_proof_totals(proofs)} ({seconds:.1f} s)" if proofs else NOTHING_TO_PROVE
    )
    return "".join(f"{sanitize_line(line)}\n" for line in lines)


def _format_verdict_word(verdict: Verdict) -> str:
    return verdict.replace("-", " ")


def _format_proof_lines(proved: IncidentProof, verbose: bool) -> Iterator[str]:
    if proved.strength is not None:
        yield format_strength(proved.strength)
    yield _format_proof_headline(proved)
    if proved.verdict in VERDICT_MEANING:
        yield VERDICT_MEANING[proved.verdict]
    yield from _format_missed_mutants(proved, verbose)
    verdicts = {test.verdict for test in proved.judged.tests}
    several = len(proved.judged.tests) > 1 and (verbose or len(verdicts) > 1)
    tests = proved.judged.tests if several else ()
    for test in tests if verbose else tests[:MAX_TESTS]:
        yield (
            f"{test.nodeid}: {_format_verdict_word(test.verdict)},"
            f" {_insert_fix_name(test.message, proved.fix)}"
        )
    if len(tests) > MAX_TESTS and not verbose:
        yield f"and {len(tests) - MAX_TESTS} more (--verbose lists them)"
    yield from _format_reverted_files(proved, verbose)
    for note in proved.notes if verbose else ():
        yield f"tried {note}"


def _format_proof_headline(proved: IncidentProof) -> str:
    judged = proved.judged
    decisive_tests = [test for test in judged.tests if test.verdict == judged.verdict]
    message = _insert_fix_name(judged.message, proved.fix)
    if not decisive_tests:
        return message
    name = decisive_tests[0].nodeid.rpartition("::")[2]
    facts = [*_format_further_failures(proved)]
    if len(judged.tests) > 1:
        facts.append(f"{len(decisive_tests)} of {format_count(len(judged.tests), 'linked test')}")
    if proved.since:
        facts.append(f"unchanged since {proved.since}")
    if proved.changed:
        facts.append(f"not kept: {proved.changed} changed during the run")
    sentence = f"{name}{'' if message.startswith(PREDICATE_WORDS) else ':'} {message}"
    return sentence + (f" ({'; '.join(facts)})" if facts else "")


def _insert_fix_name(message: str, fix: str) -> str:
    """Return a message that names the fix, unless that is a patch which restores the bug."""
    if not fix or fix.endswith(BUG_PATCH_SUFFIXES):
        return message
    return message.replace("without the fix", f"without {fix}", 1)


def _format_further_failures(proved: IncidentProof) -> Iterator[str]:
    """Yield how many tests of the same files fail without the fix, of those that ran."""
    judged = proved.judged
    if judged.further and judged.verdict in PROVEN_VERDICTS:
        failing = judged.failing + sum(test.verdict in PROVEN_VERDICTS for test in judged.tests)
        files = {test.nodeid.partition("::")[0] for test in judged.tests}
        where = "in its file" if len(files) == 1 else "in their files"
        yield f"{failing} of {judged.further + len(judged.tests)} {where}"


def _format_reverted_files(proved: IncidentProof, verbose: bool) -> Iterator[str]:
    """Yield which files of the fix were reverted, and which were not."""
    shares = proved.reverted_files
    if verbose and shares.taken:
        yield f"reverted: {', '.join(shares.taken)}"
    if verbose and shares.left:
        yield f"left in place: {', '.join(shares.left)}"
    code = [path for path in shares.left if path.endswith(".py")]
    if not verbose and code and proved.verdict == "not-proven":
        options = format_source_options((*shares.taken, code[0]))
        yield f"{code[0]} is part of the fix too, and was not reverted; pass {options}"


def format_strength(strength: FixStrength) -> str:
    """Return how many mutants the tests noticed, of those that ran."""
    if strength.problem:
        return f"strength not measured: {strength.problem}"
    numbers = {
        "missed": strength.missed,
        "not reached": strength.not_reached,
        "invalid": strength.invalid,
    }
    counts = [f"{number} {word}" for word, number in numbers.items() if number]
    endless = sum(mutant.why == ENDLESS for mutant in strength.mutants)
    if endless:
        counts.append(f"{endless} noticed at the time limit")
    tried = strength.noticed + sum(numbers.values())
    if tried < strength.made:
        counts.append(f"{tried} of {strength.made} mutants tried")
    return f"strength {strength.noticed} of {strength.noticed + strength.missed}" + (
        f" ({', '.join(counts)})" if counts else ""
    )


def _format_missed_mutants(proved: IncidentProof, verbose: bool) -> Iterator[str]:
    """Yield the mutants that no test noticed; if ``verbose``, all."""
    if proved.strength is None:
        return
    every = proved.strength.mutants
    shown = [mutant for mutant in every if verbose or mutant.found == "missed"]
    listed = shown if verbose else shown[:MAX_MUTANTS]
    word = max((len(mutant.found) for mutant in listed), default=0)
    place = max((len(f"{mutant.path}:{mutant.line}") for mutant in listed), default=0)
    for mutant in listed:
        where = f"{mutant.path}:{mutant.line}"
        why = f" ({mutant.why})" if mutant.why else ""
        yield f"{mutant.found:<{word}}  {where:<{place}}  {_format_mutant(mutant)}{why}"
    if len(shown) > len(listed):
        yield f"and {len(shown) - len(listed)} more (--verbose lists them)"


def _format_mutant(mutant: MutantResult) -> str:
    """Return the change of a mutant on one line."""
    if mutant.kind == PART:
        return f'lost part of the fix: "{mutant.before}" reverted alone'
    return f"{mutant.before}  →  {mutant.after or '(removed)'}"


def _format_proof_totals(proofs: Sequence[IncidentProof]) -> str:
    counts = Counter(proved.verdict for proved in proofs)
    proven = sum(counts[verdict] for verdict in PROVEN_VERDICTS)
    rest = [word for word in VERDICTS if counts[word] and word not in PROVEN_VERDICTS]
    others = [f"{counts[word]} {_format_verdict_word(word)}" for word in rest]
    flaky = [
        f"{counts[word]} of them {_format_verdict_word(word)}"
        for word in PROVEN_VERDICTS[1:]
        if counts[word]
    ]
    return ", ".join((f"{proven} of {len(proofs)} proven", *flaky, *others))


def render_proofs_markdown(proofs: Sequence[IncidentProof]) -> str:
    """Return the verdicts for a pull request, an empty text if there are none."""
    if not proofs:
        return ""
    lines = [
        f"### Regression tests: {_format_proof_totals(proofs)}",
        "",
        "| incident | verdict | |",
        "|---|---|---|",
    ]
    for proved in proofs:
        title = f" {escape_markdown(proved.title)}" if proved.title not in ("", proved.id) else ""
        first = escape_markdown(_format_proof_headline(proved))
        lines.append(
            f"| {escape_markdown(proved.id)}{title} |"
            f" {_format_verdict_word(proved.verdict)}{_format_strength_cell(proved)} | {first} |"
        )
    lines += _format_markdown_mutants(proofs)
    return "\n".join(lines) + "\n"


def _format_strength_cell(proved: IncidentProof) -> str:
    strength = proved.strength
    return "" if strength is None else f", {escape_markdown(format_strength(strength))}"


def _format_markdown_mutants(proofs: Sequence[IncidentProof]) -> Iterator[str]:
    """Yield the changes to fixes that no test noticed."""
    missed = [
        (proved.id, mutant)
        for proved in proofs
        if proved.strength is not None
        for mutant in proved.strength.mutants
        if mutant.found == "missed"
    ]
    if missed:
        yield ""
        yield f"{format_count(len(missed), 'change')} to fixes that no test notices:"
        yield ""
    for id, mutant in missed[:MAX_MUTANTS]:
        place = escape_markdown(f"{id} {mutant.path}:{mutant.line}")
        yield f"- {place} {escape_markdown(_format_mutant(mutant))}"
    if len(missed) > MAX_MUTANTS:
        yield f"- and {len(missed) - MAX_MUTANTS} more"


def render_proof_commands(proofs: Sequence[IncidentProof]) -> str:
    """Return GitHub workflow commands for tests that pass without the fix or fail with it."""
    failing = [proved for proved in proofs if proved.verdict in FAILING_VERDICTS]
    lines = (
        github.format_annotation(
            "error",
            None,
            None,
            f"Post-mortem {proved.id}",
            _format_proof_headline(proved),
        )
        for proved in failing[: github.MOST_ANNOTATIONS]
    )
    return "".join(f"{line}\n" for line in lines)


def build_proofs_document(proofs: Sequence[IncidentProof]) -> Mapping[str, Any]:
    """Return the verdicts as plain data."""
    return {
        "format": PROVE_FORMAT,
        "tool": {"name": "pytest-postmortem", "version": __version__},
        "proofs": [_build_proof_entry(proved) for proved in proofs],
    }


def _build_proof_entry(proved: IncidentProof) -> Mapping[str, Any]:
    judged = proved.judged
    return {
        "id": proved.id,
        "title": proved.title or proved.id,
        "verdict": judged.verdict,
        "message": judged.message,
        "fix": proved.fix,
        "way": proved.way or None,
        "since": proved.since,
        "seconds": round(proved.seconds, 2),
        "tests": [
            {"nodeid": test.nodeid, "verdict": test.verdict, "message": test.message}
            for test in judged.tests
        ],
        "further": {"failing": judged.failing, "run": judged.further},
        "strength": proved.strength and _build_strength_entry(proved.strength),
        "taken": list(proved.reverted_files.taken),
        "left": list(proved.reverted_files.left),
        "notes": list(proved.notes),
    }


def _build_strength_entry(strength: FixStrength) -> Mapping[str, Any]:
    return {
        "noticed": strength.noticed,
        "missed": strength.missed,
        "not_reached": strength.not_reached,
        "invalid": strength.invalid,
        "made": strength.made,
        "seconds": round(strength.seconds, 2),
        "problem": strength.problem or None,
        "mutants": [{**asdict(mutant), "why": mutant.why or None} for mutant in strength.mutants],
    }


def render_proofs_json(proofs: Sequence[IncidentProof]) -> str:
    """Return the verdicts as JSON."""
    return json.dumps(build_proofs_document(proofs), indent=1, ensure_ascii=False) + "\n"
