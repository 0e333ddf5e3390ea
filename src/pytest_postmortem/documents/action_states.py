"""Classify the written progress of an action item: done, open or overdue."""

from __future__ import annotations

import re
from typing import Literal

ActionProgress = Literal["done", "open", "overdue"]

_CLOSED_STATUS = re.compile(
    r"[^\w✅✓✔☑]*(?:[✅✓✔☑]|(?:100 ?%|abandoned|cancell?ed|closed|completed?|declined|delivered|"
    r"deployed|done|dropped|duplicate|finished|fixed|implemented|merged|n/?a|no longer needed|"
    r"not planned$|obsolete|rejected|released|resolved|rolled out|shipped|superseded|verified|"
    r"won['’]?t ?(?:do|fix)|will not (?:do|fix)|(?:true|x|y|yes)\W*$)(?!\w))"
)
"""The words at the start of a status that closes an action item."""

_ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def is_closed_status(status: object) -> bool:
    """Return whether a status closes an action item, as ``Done (#12)`` does."""
    return _CLOSED_STATUS.match(str(status or "").casefold()) is not None


def classify_action_progress(status: object, due: object, today: str | None) -> ActionProgress:
    """Return the progress of an item on a day in ISO form; without a date it isn't overdue."""
    if is_closed_status(status):
        return "done"
    dated = _ISO_DAY.match(str(due or ""))
    return "overdue" if dated and today and dated[0] < today else "open"
