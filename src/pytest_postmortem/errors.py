"""Exception classes, one for each action that the reader must take.

Every message has one form, and every slug a section in ``docs/reference/messages.md``::

    Couldn't read registry 'docs/postmortems.yml', line 14: the entry after PM-0013 has no 'id'
      every post-mortem needs an 'id'
      see `pytest-postmortem explain registry-field`
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Problem(NamedTuple):
    """A problem with its location and its remedy.

    ``failed`` names the failed action ("Couldn't read registry"), ``cause`` the reason, without a
    final period. ``path`` is printed as given, ``line`` counts from 1.
    """

    slug: str
    failed: str
    cause: str
    remedy: str
    path: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        """Return the message in the common form of all messages."""
        place = "" if self.path is None else f" {self.path!r}"
        if self.line is not None:
            place += f", line {self.line}"
        return (
            f"{self.failed}{place}: {self.cause}\n"
            f"  {self.remedy}\n"
            f"  see `pytest-postmortem explain {self.slug}`"
        )


class PostmortemError(Exception):
    """An error that the reader has to fix; holds all problems."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class RegistryError(PostmortemError):
    """Fix the registry: a location is missing, unreadable, or holds broken entries."""


class SettingsError(PostmortemError):
    """Fix the command line or the configuration: a value is invalid."""


class DestinationError(PostmortemError):
    """Choose another place for the report: the file can't be written."""


class ProofsError(PostmortemError):
    """Fix or delete the file of proofs: it can't be read."""


class ReportError(PostmortemError):
    """Give another file: this one is not a report, or its format is unknown."""


class NotJudgedError(PostmortemError):
    """Make the named input readable: the command needs it for its result."""


class GitError(NotJudgedError):
    """Fix the failure of git: its missing output is unknown, not empty."""

    @property
    def brief(self) -> str:
        """The causes and remedies in one line."""
        return "; ".join(f"{problem.cause}; {problem.remedy}" for problem in self.problems)
