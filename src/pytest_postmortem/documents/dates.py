"""Find dates in the text of documents and in the names of files."""

from __future__ import annotations

import re
from datetime import date

_ISO_DATE_IN_TEXT = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")


def find_iso_dates(text: str) -> list[str]:
    """Return the real ISO dates in a text that are not part of a longer number."""
    return [day for day in _ISO_DATE_IN_TEXT.findall(text) if _is_real_date(day)]


def _is_real_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
