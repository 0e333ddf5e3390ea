"""The words that the lint stumbles over, and those that it must not stumble over."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pytest_postmortem.documents.action_items import (
    has_date_words,
    has_tracker_reference,
    parse_item_facts,
)
from pytest_postmortem.documents.heading_kinds import classify_heading
from pytest_postmortem.documents.persons import find_person
from pytest_postmortem.documents.placeholders import is_placeholder_text
from pytest_postmortem.documents.sections import find_ignored_codes, parse_markdown_sections
from pytest_postmortem.lint.action_item_rules import find_vague_words, lacks_verb
from pytest_postmortem.lint.cause_rules import (
    find_blame_words,
    find_human_error,
    is_mere_symptom,
)

BLAMES = [
    ("careless", "It was a careless change"),
    ("The on-call engineer failed to", "The on-call engineer failed to notice the alert."),
    ("The engineer should have", "All was well. The engineer should have checked it first"),
    ("One of the engineers forgot", "One of the engineers forgot the second step"),
    ("he wasn't fully aware", "he wasn’t fully aware in which workspace he was"),
    ("act of laziness", "I put the token there in an act of laziness"),
    ("should have known better", "We should have known better"),
    ("the engineer was negligent", "Some say the engineer was negligent"),
    ("a new contractor was to blame", "In the end a new contractor was to blame"),
    ("messed it up", "We messed it up"),
    ("the operator forgot", "At noon the operator forgot the second step"),
    ("The engineer was not aware", "The engineer was not aware of the flag"),
]


@pytest.mark.parametrize(("words", "text"), BLAMES, ids=[words for words, _ in BLAMES])
def test_words_that_judge_a_person(words: str, text: str) -> None:
    """With hindsight, or by what somebody is like."""
    assert find_blame_words(text) == words


@pytest.mark.parametrize(
    "text",
    [
        "I enabled lazy loading",
        "The load balancer failed to start",
        "The cache is to blame",
        "This was not careless",
        "Nobody is to blame, and no engineer failed to do their work",
        "We should have tested the fail-over",
        "The user described the behavior of the script as really, really stupid",
        "a company is liable for the negligent misrepresentations of its chatbot",
        "A segmentation fault",
        "The developer of the change was notified",
        "The team ignored empty fields on purpose",
        "The cluster operator failed to reconcile, and the site admin failed to load",
        "The on-call engineer should have been paged, and no engineer should have had access",
        "The on-call engineer failed to receive the page",
        "The engineer was not aware of the runbook, since the alert did not link to it",
        "The migration messed up the index",
        "",
    ],
)
def test_words_that_judge_a_system_or_nobody(text: str) -> None:
    """A system may fail, be lazy and be to blame; a team may speak of itself."""
    assert find_blame_words(text) is None


@pytest.mark.parametrize(
    ("words", "text", "last"),
    [
        ("Human error", "Human error in not knowing the account", False),
        ("operator error", "It was put down to operator error", False),
        ("fat-fingered", "Someone fat-fingered the command", False),
        ("was not careful enough", "The engineer was not careful enough", False),
        ("lack of attention", "A lack of attention", False),
        ("We forgot", "We forgot to renew the certificate", True),
        ("the operator mistyped", "Because the operator mistyped the name", True),
        ("A typo", "A typo.", True),
        (None, "We forgot to renew the certificate", False),
        (None, "A typo in the name was accepted, since nothing checks it", True),
        (None, "This was not human error", True),
        (None, "Human error is never a root cause; the tool has no confirmation", True),
        ("Human error", "Human error was the root cause", True),
        (None, "Rather than 'human error' we name what let it through", True),
        (None, "User errors were returned", True),
        (None, "A user error message, an operator error code and individual errors", True),
        (None, "Nothing guards against fat-fingering the region", True),
        (None, "We did not notice, because the alert was muted", True),
        (None, "Nothing checks the name", True),
    ],
)
def test_a_cause_that_is_a_person(words: str | None, text: str, last: bool) -> None:
    """A mere slip counts only where no further question follows."""
    assert find_human_error(text, last=last) == words


@pytest.mark.parametrize(
    "text",
    [
        *("The server crashed", "Database was down.", "our payment service timed out again"),
        *("Out of memory", "OOM", "high CPU usage on the db host", "a bug", "500 errors"),
        *("Timeouts in the payment gateway", "Disk full on db-1", "The queue stopped working"),
        *("The API returned 503 errors", "Due to an outage", "The pool ran out of connections"),
    ],
)
def test_a_cause_that_only_says_what_was_seen(text: str) -> None:
    """It leads to the next question, and answers none."""
    assert is_mere_symptom(text)


@pytest.mark.parametrize(
    "text",
    [
        "The retry carried no idempotency key",
        "The database ran out of connections because the pool was unbounded",
        "the registrar served no name records for our domain, and we had no second provider",
        "The server crashed when the certificate had expired",
        "A bug in the retry charged twice",
        "Outages of the provider were not planned for in the design of the queue",
        "AWS us-east-1 outage",
        "The upstream API returned errors",
        "",
    ],
)
def test_a_cause_that_says_why(text: str) -> None:
    """Be it short."""
    assert not is_mere_symptom(text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bob@example.com", "Mail bob@example.com about it"),
        ("@alice", "@alice deployed it"),
        ("@j.doe", "deployed by @j.doe."),
        (None, "see <security@example.com>, the oncall-payments@example.com list"),
        (None, "the @oncall-payments group, @here and @org/platform"),
        (None, "@Transactional was missing, and @pytest.mark too, and @property"),
        (None, "the @retry decorator, @lru_cache, an @mention, deploy@web.example.com"),
        (None, "git@github.com:org/repo, pkg@1.2.3, @babel/core, image@sha256:12"),
        (None, "nothing of that kind"),
    ],
)
def test_a_person_among_the_causes(name: str | None, text: str) -> None:
    """By a handle or an address; a role, a package and a decorator are none."""
    assert find_person(text) == name


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("Improve monitoring", "Improve monitoring"),
        ("improve our monitoring and alerting", "improve our monitoring and alerting."),
        ("Better alerts", "Better alerts"),
        ("More tests", "P1: More tests"),
        ("improve docs", "MEDIUM improve docs"),
        ("Be more careful with the switch", "Be more careful with the switch"),
        ("Ensure that this doesn't happen again", "Ensure that this doesn’t happen again"),
        ("Prevent such incidents in the future", "Prevent such incidents in the future"),
        ("keep an eye on the certificate", "keep an eye on the certificate"),
        ("Investigate", "Investigate the training"),
        ("investigate", "[P1] investigate"),
        ("Look into", "Look into the API"),
        ("Consider", "Consider writing a script"),
        ("Exploring", "Exploring other data stores"),
        (None, "Investigate the leak and write a proposal"),
        (None, "Explore other stores, and agree on one"),
        (None, "Improve coverage of the readiness probes"),
        (None, "Improve monitoring of the queue: alert on its age"),
        (None, "Add alerts when the disk is full"),
        (None, "Ensure that the sandbox alerts as production does"),
        (None, "Considerable changes are announced"),
        (None, "Add a runbook"),
        (None, "Keep an eye on memory until the next release"),
    ],
)
def test_an_action_item_without_an_end(words: str | None, title: str) -> None:
    """Nobody can tell when it is done; with something that comes out of it, somebody can."""
    assert find_vague_words(title) == words


def test_details_say_what_is_meant_but_end_no_investigation() -> None:
    """A better anything may be spelled out below it."""
    assert find_vague_words("Improve monitoring", "Alert when a job has not run") is None
    assert find_vague_words("Investigate the leak", "It may be the cache") == "Investigate"
    assert find_vague_words("Investigate the leak", "and decide on the cache") is None


@pytest.mark.parametrize(
    "title",
    [
        *("Monitoring", "Runbook for the fail-over", "Better monitoring of queues", "Backups"),
        *("Flux metrics and alerts", "Redundancy of the name servers", "Alerts when it is full"),
        *("HIGH: Deeper engine monitoring", "Tests for retries", "Automatic process for it"),
    ],
)
def test_an_action_item_that_is_a_thing(title: str) -> None:
    """It names what there should be, and not what is to be done."""
    assert lacks_verb(title)


@pytest.mark.parametrize(
    "title",
    [
        *("Test retries", "Alert on doubles", "Load tests", "Document the runbook", "Rate limits"),
        *("Setup alerts for logs", "Create ingress test suite", "Everyone completes training"),
        *("Implementing monitoring", "The alert needs a better name", "Clear communication"),
        *("Runbook to fail over", "Automatic process to see vulnerabilities in images"),
        *("Describe the process", "etcd detects corruption by default", "Review process", ""),
    ],
)
def test_an_action_item_that_is_a_deed(title: str) -> None:
    """Where it is not sure, it is one."""
    assert not lacks_verb(title)


@contextmanager
def seconds_of_work(most: float) -> Iterator[None]:
    """Fail where the block keeps this process busy for longer, however busy the machine is.

    What is quadratic takes many times as long as this.
    """
    if sys.platform == "win32":
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise AssertionError(f"it is not done after {most:g} seconds of work")

    usual = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, most)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, usual)


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    [
        *(
            "-",
            "- ",
            "a ",
            "(",
            "()",
            "the engineer ",
            "not be ",
            "a.",
            "a@a.",
            " ",
            "improve more ",
        ),
        *("[", "![", "*", "`", "<", "|a", "> ", "postmortem: ignore= ", "<!-- "),
    ],
)
def test_no_text_takes_long(unit: str) -> None:
    """Not even one that somebody has thought out: it would stop a whole check."""
    text = f"improve {unit * (100_000 // len(unit))}x"
    read: tuple[Callable[[str], object], ...] = (
        *(
            find_blame_words,
            find_human_error,
            is_mere_symptom,
            find_vague_words,
            lacks_verb,
        ),
        *(
            parse_item_facts,
            has_date_words,
            is_placeholder_text,
            has_tracker_reference,
            classify_heading,
            parse_markdown_sections,
        ),
    )

    with seconds_of_work(30):
        for function in read:
            function(text)
        find_ignored_codes([text])
