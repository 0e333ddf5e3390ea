"""An answer in JSON → what a service says in it about an error, whatever the HTTP status is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_postmortem.registry.fields import normal

__all__ = ["error_text", "is_error"]

TEXTS = (
    *("error_description", "detail", "message", "error_message", "error_messages", "error"),
    *("errors", "errormessages", "msg", "fault", "reason", "title"),
)
"""The keys below which services write what is wrong, best first."""

CERTAIN = frozenset("error error_description error_message error_messages errors fault".split())
CERTAIN |= {"errormessages"}
"""The keys that only an error has, when there is something below them."""

BESIDE = frozenset(
    "code details documentation_url error_code error_description errorcode instance link ok path "
    "request_id requestid status status_code statuscode success timestamp trace_id traceid type "
    "url version".split()
)
"""The keys that stand with the text of an error, and say nothing themselves."""

MOST = 3
DEPTH = 4
NOTHING: tuple[Any, ...] = (None, "", "false", "null", "0", [], {})


def is_error(tree: Any) -> bool:
    """Say whether an answer reports an error instead of, or with, what was asked for."""
    if not isinstance(tree, Mapping):
        return False
    named = {normal(key): value for key, value in tree.items()}
    if any(named.get(key) not in NOTHING for key in CERTAIN):
        return True
    if any(str(named.get(key)).casefold() == "false" for key in ("ok", "success")):
        return True
    texts = [key for key in named if key in TEXTS and isinstance(named[key], str)]
    return bool(texts) and all(key in BESIDE or key in TEXTS for key in named)


def error_text(tree: Any) -> str:
    """Return what an answer says about an error, nothing where it says nothing that is known."""
    found = dict.fromkeys(text.strip() for text in _texts(tree, DEPTH) if text.strip())
    return "; ".join([*found][:MOST])


def _texts(node: Any, depth: int) -> Iterator[str]:
    if not depth:
        return
    if isinstance(node, Mapping):
        named = {normal(key): value for key, value in node.items()}
        known = [named[key] for key in TEXTS if key in named]
        for value in known or (named.values() if depth < DEPTH else ()):
            yield from _texts(value, depth - 1)
    elif isinstance(node, list):
        for item in node[:MOST]:
            yield from _texts(item, depth - 1)
    elif isinstance(node, str) and node not in NOTHING:
        yield node
