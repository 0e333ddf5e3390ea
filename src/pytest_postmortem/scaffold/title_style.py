"""The phrase of titles in a collection, in headings and in front matter.

``PM-7: Login loop`` is ``{id}: {title}``, ``Incident on 2026-03-02 - Login loop`` is ``Incident on
{date} - {title}``.
"""

from __future__ import annotations

import re
from datetime import date

from pytest_postmortem.documents.labels import load_labels, normalize_word
from pytest_postmortem.registry import fields
from pytest_postmortem.scaffold.id_sequence import NAMING_WORDS

_DATE_IN_TITLE = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")
_PHRASE_TOKEN = rf"(?:\{{id\}}|\{{date\}}|\b(?:{'|'.join(sorted(NAMING_WORDS))})\b|[^\w{{}}])"
_NO_TITLE = re.compile(rf"{_PHRASE_TOKEN}*", re.IGNORECASE)
_PHRASE_LEAD = re.compile(
    rf"{_PHRASE_TOKEN}*(?:\{{id\}}|\{{date\}}|[:,|–—\])]|(?<=\s)-)[\s:.,|–—\])-]*(?=\S)",
    re.IGNORECASE,
)
_GENRE_LEAD = re.compile(r"([^:：–—{}]{2,40}?)\s*[:：–—]\s*(?=\S)")
"""The words that say what a document is, before its title: ``Störungsbericht: ...``."""


def find_title_phrase(title: str, id: str) -> str:
    """Return the phrase of a title: ``{title}``, with ``{id}`` and ``{date}`` if it has them."""
    text = title.replace("{", "(").replace("}", ")")
    if id and text.casefold().lstrip("[(").startswith(id.casefold()):
        text = re.sub(re.escape(id), lambda _: "{id}", text, count=1, flags=re.IGNORECASE)
    text = _DATE_IN_TITLE.sub(
        lambda match: "{date}" if fields.parse_day(match[0]) else match[0], text
    )
    genre = _GENRE_LEAD.match(text)
    if genre and normalize_word(genre[1]) in load_labels().documents:
        return f"{genre[0]}{{title}}"
    lead = None if _NO_TITLE.fullmatch(text) else _PHRASE_LEAD.match(text)
    return f"{lead[0] if lead else ''}{{title}}"


def render_title_phrase(phrase: str, title: str, id: str, day: date) -> str:
    """Return a title in a phrase."""
    parts = {"{title}": title, "{id}": id, "{date}": day.isoformat()}
    return re.sub(r"\{(?:title|id|date)\}", lambda found: parts[found[0]], phrase)
