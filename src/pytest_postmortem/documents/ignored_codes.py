"""Find the codes of the lint that a comment asks to ignore."""

from __future__ import annotations

import re
from collections.abc import Iterable

_IGNORE_COMMENT = re.compile(
    r"(?:<!--|(?:^|\s)#|^\.\.)\s*postmortem:\s*ignore\s*=\s*([\w*, -]{1,500}?)\s*(?:-->|$)",
    re.MULTILINE,
)


def find_ignored_codes(comments: Iterable[str]) -> frozenset[str]:
    """Return the codes that comments ask to ignore, as ``<!-- postmortem: ignore=CODE -->``."""
    code_lists = (codes for comment in comments for codes in _IGNORE_COMMENT.findall(comment))
    return frozenset(code for codes in code_lists for code in re.split(r"[,\s]+", codes) if code)
