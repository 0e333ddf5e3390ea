"""How a collection phrases its titles, in headings and in front matter.

``PM-7: Login loop`` is ``{id}: {title}``, ``Incident on 2026-03-02 - Login loop`` is
``Incident on {date} - {title}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date

from pytest_postmortem.authoring.naming import VOCABULARY, most_common
from pytest_postmortem.registry import fields

__all__ = ["phrase_of", "phrased"]

_DATE = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")
_TOKEN = rf"(?:\{{id\}}|\{{date\}}|\b(?:{'|'.join(sorted(VOCABULARY))})\b|[^\w{{}}])"
_NO_TITLE = re.compile(rf"{_TOKEN}*", re.IGNORECASE)
_LEAD = re.compile(
    rf"{_TOKEN}*(?:\{{id\}}|\{{date\}}|[:,|–—\])]|(?<=\s)-)[\s:.,|–—\])-]*(?=\S)", re.IGNORECASE
)


def phrase_of(titles: Iterable[tuple[str, str]]) -> str:
    """Return the phrase of most titles, given with their ids, the newest last.

    It holds ``{title}``, and ``{id}`` and ``{date}`` where titles have them.
    """
    phrases = list(_phrases(titles))
    return most_common(phrases) if phrases else "{title}"


def _phrases(titles: Iterable[tuple[str, str]]) -> Iterator[str]:
    for title, id in titles:
        text = title.replace("{", "(").replace("}", ")")
        if id and text.casefold().lstrip("[(").startswith(id.casefold()):
            text = re.sub(re.escape(id), lambda _: "{id}", text, count=1, flags=re.IGNORECASE)
        text = _DATE.sub(lambda found: "{date}" if fields.day(found[0]) else found[0], text)
        lead = _LEAD.match(text)
        if not _NO_TITLE.fullmatch(text):
            yield f"{lead[0] if lead else ''}{{title}}"


def phrased(phrase: str, title: str, id: str, day: date) -> str:
    """Return a title in the words of a phrase."""
    parts = {"{title}": title, "{id}": id, "{date}": day.isoformat()}
    return re.sub(r"\{(?:title|id|date)\}", lambda found: parts[found[0]], phrase)
