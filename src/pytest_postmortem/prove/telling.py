"""The verdicts of `prove` as text: for a terminal, a pull request, other tools, GitHub."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_postmortem import __version__
from pytest_postmortem.model import PROVEN, VERDICTS, Verdict, count_of
from pytest_postmortem.prove.fixes import BACK
from pytest_postmortem.prove.ladder import Proved
from pytest_postmortem.reports import github
from pytest_postmortem.reports.failure import plain
from pytest_postmortem.reports.marking import escaped

__all__ = ["Told", "commands", "document", "markdown", "status", "text", "text_of"]

FORMAT = 1
MOST_TESTS = 10

PREDICATE = ("fails", "passes", "needs", "does", "skipped", "xfailed", "xpassed")
"""With which words a message goes on after the name of a test."""

MEANING: Mapping[Verdict, str] = {
    "not-proven": "the test would not notice if the problem came back",
    "not-reached": "another platform, interpreter or option may reach them",
    "weak": "nothing is known of the problem itself",
    "broken": "this is no proof",
}

NOTHING = "nothing to prove: no incident names a fix"

FAILS: tuple[Verdict, ...] = ("not-proven", "fails-with-fix")


@dataclass(frozen=True, slots=True)
class Told:
    """A verdict as it is told: ``since`` is the day on which it was found, if that was not now,
    ``changed`` what was written while it was.
    """

    proved: Proved
    title: str = ""
    since: str | None = None
    changed: str | None = None

    @property
    def verdict(self) -> Verdict:
        """The verdict on the incident."""
        return self.proved.judged.verdict


def status(told: Iterable[Told], *, strict: bool) -> int:
    """Return the exit status: 1 where a test is hollow or red, 3 where little or nothing is known.

    The latter only where it is to be ``strict``.
    """
    verdicts = {each.verdict for each in told}
    if verdicts & {*FAILS}:
        return 1
    return 3 if strict and (verdicts - {*PROVEN} or not verdicts) else 0


def text(told: Sequence[Told], seconds: float, *, verbose: bool = False) -> str:
    """Return the verdicts for a terminal, one or more lines each, the sum at the end."""
    ids = max((len(each.proved.id) for each in told), default=0)
    words = max((len(_word(each.verdict)) for each in told), default=0)
    lines = []
    for each in told:
        head = f"{each.proved.id:<{ids}}  {_word(each.verdict):<{words}}  "
        first, *rest = _lines(each, verbose)
        lines += [head + first, *(" " * len(head) + line for line in rest)]
    lines.append(f"{_sum(told)} ({seconds:.1f} s)" if told else NOTHING)
    return "".join(f"{plain(line)}\n" for line in lines)


def _word(verdict: Verdict) -> str:
    return verdict.replace("-", " ")


def _lines(told: Told, verbose: bool) -> Iterator[str]:
    proved = told.proved
    yield _headline(told)
    if told.verdict in MEANING:
        yield MEANING[told.verdict]
    verdicts = {test.verdict for test in proved.judged.tests}
    several = len(proved.judged.tests) > 1 and (verbose or len(verdicts) > 1)
    tests = proved.judged.tests if several else ()
    for test in tests if verbose else tests[:MOST_TESTS]:
        yield f"{test.nodeid}: {_word(test.verdict)}, {_named(test.message, proved.fix)}"
    if len(tests) > MOST_TESTS and not verbose:
        yield f"and {len(tests) - MOST_TESTS} more (--verbose lists them)"
    yield from _parts(proved)
    yield from _shares(told, verbose)
    for note in proved.notes if verbose else ():
        yield f"not by {note}"


def _headline(told: Told) -> str:
    proved, judged = told.proved, told.proved.judged
    own = [test for test in judged.tests if test.verdict == judged.verdict]
    message = _named(judged.message, proved.fix)
    if not own:
        return message
    name = own[0].nodeid.rpartition("::")[2]
    facts = [*_further(proved)]
    if len(judged.tests) > 1:
        facts.append(f"{len(own)} of {count_of(len(judged.tests), 'linked test')}")
    if told.since:
        facts.append(f"unchanged since {told.since}")
    if told.changed:
        facts.append(f"not kept: {told.changed} changed meanwhile")
    said = f"{name}{'' if message.startswith(PREDICATE) else ':'} {message}"
    return said + (f" ({'; '.join(facts)})" if facts else "")


def _named(message: str, fix: str) -> str:
    """Return a message with the name of the fix in it, unless that is a patch which breaks it."""
    if not fix or fix.endswith(BACK):
        return message
    return message.replace("without the fix", f"without {fix}", 1)


def _further(proved: Proved) -> Iterator[str]:
    """Say how many tests of the same files fail without the fix, of those that ran."""
    judged = proved.judged
    if judged.further and judged.verdict in PROVEN:
        failing = judged.failing + sum(test.verdict in PROVEN for test in judged.tests)
        files = {test.nodeid.partition("::")[0] for test in judged.tests}
        where = "in its file" if len(files) == 1 else "in their files"
        yield f"{failing} of {judged.further + len(judged.tests)} {where}"


def _shares(told: Told, verbose: bool) -> Iterator[str]:
    """Say which files of the fix were taken away, and which stayed."""
    shares = told.proved.shares
    if verbose and shares.taken:
        yield f"taken away: {', '.join(shares.taken)}"
    if verbose and shares.left:
        yield f"left in place: {', '.join(shares.left)}"
    code = [path for path in shares.left if path.endswith(".py")]
    if not verbose and code and told.verdict == "not-proven":
        yield f"{code[0]} is a part of the fix too, and stays in place: --source takes it away"


def _parts(proved: Proved) -> Iterator[str]:
    if proved.parts:
        count = Counter(part.found for part in proved.parts)
        yield f"{count['guarded']} of {count_of(len(proved.parts), 'part')} of the fix guarded"
    for part in proved.parts:
        if part.found != "guarded":
            first, last = part.lines
            lines = f"{first}-{last}" if last > first else f"{first}"
            where = f" {part.where}" if part.where else ""
            yield f"{part.path}:{lines}{where}: {part.found}"


def _sum(told: Sequence[Told]) -> str:
    counts = Counter(each.verdict for each in told)
    proven = sum(counts[verdict] for verdict in PROVEN)
    rest = [word for word in VERDICTS if counts[word] and word not in PROVEN]
    others = [f"{counts[word]} {_word(word)}" for word in rest]
    flaky = [f"{counts[word]} of them {_word(word)}" for word in PROVEN[1:] if counts[word]]
    return ", ".join((f"{proven} of {len(told)} proven", *flaky, *others))


def markdown(told: Sequence[Told]) -> str:
    """Return the verdicts for a pull request, an empty text where nothing was proved."""
    if not told:
        return ""
    lines = [f"### Regression tests: {_sum(told)}", "", "| incident | verdict | |", "|---|---|---|"]
    for each in told:
        title = f" {escaped(each.title)}" if each.title not in ("", each.proved.id) else ""
        first = escaped(_headline(each))
        lines.append(f"| {escaped(each.proved.id)}{title} | {_word(each.verdict)} | {first} |")
    return "\n".join(lines) + "\n"


def commands(told: Sequence[Told]) -> str:
    """Return workflow commands of GitHub Actions for what is hollow or red."""
    found = [each for each in told if each.verdict in FAILS]
    lines = (
        github.annotation("error", None, None, f"Post-mortem {each.proved.id}", _headline(each))
        for each in found[: github.MOST]
    )
    return "".join(f"{line}\n" for line in lines)


def document(told: Sequence[Told]) -> Mapping[str, Any]:
    """Return the verdicts as plain data."""
    return {
        "format": FORMAT,
        "tool": {"name": "pytest-postmortem", "version": __version__},
        "proofs": [_plain(each) for each in told],
    }


def _plain(told: Told) -> Mapping[str, Any]:
    proved, judged = told.proved, told.proved.judged
    return {
        "id": proved.id,
        "title": told.title or proved.id,
        "verdict": judged.verdict,
        "message": judged.message,
        "fix": proved.fix,
        "way": proved.way or None,
        "since": told.since,
        "seconds": round(proved.seconds, 2),
        "tests": [
            {"nodeid": test.nodeid, "verdict": test.verdict, "message": test.message}
            for test in judged.tests
        ],
        "further": {"failing": judged.failing, "run": judged.further},
        "parts": [
            {
                "path": part.path,
                "lines": list(part.lines),
                "where": part.where or None,
                "found": part.found,
            }
            for part in proved.parts
        ],
        "taken": list(proved.shares.taken),
        "left": list(proved.shares.left),
        "notes": list(proved.notes),
    }


def text_of(told: Sequence[Told]) -> str:
    """Return the verdicts as they stand in a file."""
    return json.dumps(document(told), indent=1, ensure_ascii=False) + "\n"
