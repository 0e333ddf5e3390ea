"""What the message of a commit says that it is: a release, an update of a dependency, a fix."""

from __future__ import annotations

import re

from pytest_postmortem.git_history import LoggedCommit

_BOT = re.compile(
    r"\[bot\]|dependabot|renovate|pyup|greenkeeper|snyk|pre-commit-ci|mergify", re.IGNORECASE
)
_BUMP_SUBJECT = re.compile(
    r"(?:\w+\((?:deps|security)[^)]*\):|Bump \S+ from|Update dependency|\[pyup\]"
    r"|Upgrade \S+ to v?\d|Scheduled (?:weekly|monthly))",
    re.IGNORECASE,
)
_RELEASE_SUBJECT = re.compile(
    r"(?:(?:(?:chore|build|docs?)(?:\([^)]*\))?|Merge \S+):\s*)?"
    r"(?:prepar\w+ (?:for )?(?:the )?(?:new )?release"
    r"|releas(?:e|ing)(?:\W*$|\W+(?:of\W+)?(?:v?\d|version|candidate|notes))"
    r"|start(?:ing)? (?:release|version)|(?:bump|set|update) (?:the )?version"
    r"|[^.]* for (?:the )?v?\d+\.\d+\S* release|version (?:bump|\d)|v?\d+\.\d+(?:\.\d+)*\b"
    r"|(?:update|add|edit) (?:the )?(?:change ?log|release notes|news|history)\b)",
    re.IGNORECASE,
)
_POSTMORTEM_SUBJECT = re.compile(r"(?:\w+:\s*)?(?:post-?mortem|incident report)\b", re.IGNORECASE)
_FIX_WORDS = re.compile(
    r"\b(?:fix\w*|resolve\w*|patch\w*|address\w*|mitigat\w*|prevent\w*|correct\w*|remediat\w*"
    r"|secur\w*|hotfix|repair\w*|handle\w*)\b",
    re.IGNORECASE,
)
_UNNAMED_MERGE = re.compile(r"Merge commit from fork", re.IGNORECASE)
_ADVISORY_MERGE = re.compile(r"Merge pull request from GHSA-|Merge commit from fork", re.IGNORECASE)
_ADVISORY_ID = re.compile(r"\b(?:CVE-\d{4}-\d{4,}|GHSA(?:-\w{4}){3})\b", re.IGNORECASE)


def is_dependency_update(commit: LoggedCommit) -> bool:
    """Return whether a commit updates a dependency: its message quotes another project's notes."""
    return bool(_BOT.search(commit.author) or _BUMP_SUBJECT.match(commit.subject))


def is_release(commit: LoggedCommit) -> bool:
    """Return whether a commit prepares a release, or only writes its notes."""
    return _RELEASE_SUBJECT.match(commit.subject) is not None


def is_postmortem_note(commit: LoggedCommit) -> bool:
    """Return whether a subject begins with the post-mortem itself, which the commit writes."""
    return _POSTMORTEM_SUBJECT.match(commit.subject) is not None


def is_advisory_merge(commit: LoggedCommit) -> bool:
    """Return whether a commit has the message that GitHub writes for the fix of an advisory."""
    return _ADVISORY_MERGE.match(commit.subject) is not None


def is_unnamed_advisory_merge(commit: LoggedCommit) -> bool:
    """Return whether it is such a message without the id, which many fixes have."""
    return _UNNAMED_MERGE.match(commit.subject) is not None


def has_fix_words(commit: LoggedCommit) -> bool:
    """Return whether a message speaks of a fix."""
    return _FIX_WORDS.search(commit.message) is not None


def find_advisory_ids(text: str) -> frozenset[str]:
    """Return the ids of advisories in a text, casefolded."""
    return frozenset(match[0].casefold() for match in _ADVISORY_ID.finditer(text))
