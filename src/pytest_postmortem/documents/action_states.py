"""Classify the written progress of an action item: done, open or overdue."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from pytest_postmortem.documents.placeholders import list_item_words
from pytest_postmortem.documents.vocabulary import fold_text, join_words

ActionProgress = Literal["done", "open", "overdue"]

_ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def is_closed_status(status: object) -> bool:
    """Return whether a status closes an action item, as ``Done (#12)`` does."""
    return _compile_closed_status().match(fold_text(str(status or ""))) is not None


@cache
def _compile_closed_status() -> re.Pattern[str]:
    """Return the pattern for the start of a status, in folded text, that closes an action item."""
    words = join_words([fold_text(word) for word in list_item_words("closed")])
    return re.compile(
        rf"[^\w✅✓✔☑]*(?:[✅✓✔☑]|{words}|not planned$|(?:true|x|y|yes|ja|oui|si|sim|да|tak)\W*$)"
    )


def classify_action_progress(status: object, due: object, today: str | None) -> ActionProgress:
    """Return the progress of an item on a day in ISO form; without a date it isn't overdue."""
    if is_closed_status(status):
        return "done"
    dated = _ISO_DAY.match(str(due or ""))
    return "overdue" if dated and today and dated[0] < today else "open"
