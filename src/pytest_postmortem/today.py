"""The date of evaluation, the same for all commands and runs.

The configured date, else ``SOURCE_DATE_EPOCH``, else the date of HEAD's commit, else the clock's.
Source: https://reproducible-builds.org/specs/source-date-epoch/
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Literal

from pytest_postmortem import git
from pytest_postmortem.errors import GitError
from pytest_postmortem.model import Finding, Postmortem

EPOCH_VARIABLE = "SOURCE_DATE_EPOCH"


@dataclass(frozen=True, slots=True)
class Today:
    """The date of evaluation.

    ``notes`` name ignored sources with the reason. ``error`` is a failure of git, after which the
    date of the clock was used.
    """

    day: date
    notes: tuple[Finding, ...] = ()
    error: GitError | None = None


def find_today(
    wanted: date | Literal["now"] | None, root: Path, postmortems: Iterable[Postmortem] = ()
) -> Today:
    """Return the date of evaluation; ``wanted`` is the date of an option or a setting.

    An epoch before the newest of the post-mortems is not used: build systems set it to
    1980, where no grace and no exemption would ever end.
    """
    if wanted is not None:
        return Today(wanted if isinstance(wanted, date) else date.today())
    text = os.environ.get(EPOCH_VARIABLE, "").strip()
    moment = read_epoch()
    day = moment and moment.date()
    why = _describe_epoch_problem(text, day, postmortems) if text else None
    if day is not None and why is None:
        return Today(day)
    error = None
    try:
        day = git.read_head_date(root)
    except GitError as failure:
        day, error = None, failure
    notes = tuple(_build_epoch_findings(text, why, day or date.today()))
    return Today(day or date.today(), notes, error)


def read_epoch() -> datetime | None:
    """Return the time of ``SOURCE_DATE_EPOCH`` in UTC, None if it is not set or invalid."""
    text = os.environ.get(EPOCH_VARIABLE, "").strip()
    if not (text.isascii() and text.isdigit()):
        return None
    try:
        return datetime.fromtimestamp(int(text), tz=timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None


def _describe_epoch_problem(
    text: str, day: date | None, postmortems: Iterable[Postmortem]
) -> str | None:
    """Return why an epoch can't be used, None if it can."""
    if day is None:
        return "is not a number of seconds since 1970"
    newest = max(postmortems, key=lambda each: each.day or date.min, default=None)
    if newest is None or newest.day is None or newest.day <= day:
        return None
    return f"is {day}, before the newest incident, {newest.id}"


def _build_epoch_findings(text: str, why: str | None, used: date) -> Iterator[Finding]:
    if why is not None:
        shown = text if len(text) <= 20 else f"{text[:20]}..."
        message = f"{EPOCH_VARIABLE}={shown} {why}; ignored, dates are judged by {used}"
        yield Finding("source-date-epoch", "warning", message)
