"""What can go wrong, by what the reader must do next.

Every message has one form, and every slug a section in ``docs/reference/messages.md``::

    Couldn't read registry 'docs/postmortems.yml', line 14: the entry after PM-0013 has no 'id'
      every post-mortem needs an 'id'
      see `pytest-postmortem explain registry-field`
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "DestinationError",
    "GitError",
    "NotJudgedError",
    "PostmortemError",
    "Problem",
    "ProofsError",
    "RegistryError",
    "ReportError",
    "SettingsError",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, where it stands, and what to do about it.

    ``failed`` says what could not be done ("Couldn't read registry"), ``cause`` why, without a
    full stop; ``path`` is shown as it is given, ``line`` counts from 1.
    """

    slug: str
    failed: str
    cause: str
    remedy: str
    path: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        """Return the message in the one form that all messages have."""
        place = "" if self.path is None else f" {self.path!r}"
        if self.line is not None:
            place += f", line {self.line}"
        return (
            f"{self.failed}{place}: {self.cause}\n"
            f"  {self.remedy}\n"
            f"  see `pytest-postmortem explain {self.slug}`"
        )


class PostmortemError(Exception):
    """Something that the reader has to mend; carries every problem that was found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class RegistryError(PostmortemError):
    """Mend the registry: a location is missing, unreadable, or holds broken entries."""


class SettingsError(PostmortemError):
    """Mend the command line or the configuration: an option or a setting has an unusable value."""


class DestinationError(PostmortemError):
    """Choose another place for the report: the file can't be written."""


class ProofsError(PostmortemError):
    """Mend or delete the file of proofs: it can't be read."""


class ReportError(PostmortemError):
    """Give another file: it is no report, or one of a format that is not known."""


class NotJudgedError(PostmortemError):
    """Make readable what could not be read: without it, nothing can be judged."""


class GitError(NotJudgedError):
    """Make git able to answer: it failed, and what it did not give is unknown, not empty."""

    @property
    def brief(self) -> str:
        """The causes and remedies in one line."""
        return "; ".join(f"{problem.cause}; {problem.remedy}" for problem in self.problems)
