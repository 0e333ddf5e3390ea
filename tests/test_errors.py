"""One form for every message, and a section in the docs for each."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest_postmortem
from pytest_postmortem.errors import PostmortemError, Problem

PACKAGE = Path(pytest_postmortem.__file__).parent
PAGE = Path(__file__).parent.parent / "docs" / "reference" / "messages.md"


def test_a_message_says_what_failed_where_why_and_what_to_do() -> None:
    """A reader of one message knows what to do next, without a search."""
    problem = Problem(
        slug="registry-field",
        failed="Couldn't read registry",
        path="docs/postmortems.yml",
        line=14,
        cause="the entry after PM-0013 has no 'id'",
        remedy="every post-mortem needs an 'id'",
    )

    text = str(problem)

    assert text == (
        "Couldn't read registry 'docs/postmortems.yml', line 14: "
        "the entry after PM-0013 has no 'id'\n"
        "  every post-mortem needs an 'id'\n"
        "  see `pytest-postmortem explain registry-field`"
    )


def test_an_error_carries_all_its_problems() -> None:
    """Nobody mends a registry one run at a time."""
    problems = [Problem("setting", "Couldn't use it", str(n), "mend it") for n in range(3)]

    error = PostmortemError(problems)

    assert str(error).count("Couldn't use it") == 3


def slugs() -> Iterator[str]:
    """Yield the slug of every message in the code: the first argument, or the one so named."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            value = node.value if isinstance(node, ast.Constant) else None
            if isinstance(value, str) and re.fullmatch(
                r"[a-z]+(-[a-z]+)+|setting|destination", value
            ):
                yield value


def test_every_message_has_a_section_in_the_docs_and_every_section_a_message() -> None:
    """What a message points at is there, and nothing is explained that is never said."""
    sections = set(re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    families = (
        "registry-",
        "report-",
        "reports-",
        "source-",
        "unknown-",
        "shared-",
        "bad-",
        "entry-",
        "exempt-",
        "fail-under-",
        "fix-",
        "git-",
        "proofs-",
        "missing-",
        "setting",
        "destination",
    )

    used = {slug for slug in slugs() if slug.startswith(families)}

    assert used == sections
