"""Judge the progress of an action item by its status and due date."""

from __future__ import annotations

import re
from typing import Literal

from pytest_postmortem.documents.vocabulary import compile_expression, fold_text

ActionProgress = Literal["done", "open", "overdue"]

_ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def is_closed_status(status: object) -> bool:
    """Return whether a status closes an action item, as ``Done (#12)`` does."""
    return compile_expression("closed_status").match(fold_text(str(status or ""))) is not None


def classify_action_progress(status: object, due: object, today: str | None) -> ActionProgress:
    """Return the progress of an item on a day in ISO form; without a date it isn't overdue."""
    if is_closed_status(status):
        return "done"
    dated = _ISO_DAY.match(str(due or ""))
    return "overdue" if dated and today and dated[0] < today else "open"
