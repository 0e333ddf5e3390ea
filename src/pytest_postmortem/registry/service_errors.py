"""An answer in JSON → what a service says in it about an error, whatever the HTTP status is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_postmortem.registry.fields import normalize_key

__all__ = ["find_error_text", "is_error_answer"]

ERROR_TEXT_KEYS = (
    *("error_description", "detail", "message", "error_message", "error_messages", "error"),
    *("errors", "errormessages", "msg", "fault", "reason", "title"),
)
"""The keys below which services write what is wrong, best first."""

ERROR_ONLY_KEYS = frozenset(
    "error error_description error_message error_messages errors fault".split()
)
ERROR_ONLY_KEYS |= {"errormessages"}
"""The keys that only an error has, when there is something below them."""

ERROR_CONTEXT_KEYS = frozenset(
    "code details documentation_url error_code error_description errorcode instance link ok path "
    "request_id requestid status status_code statuscode success timestamp trace_id traceid type "
    "url version".split()
)
"""The keys that stand with the text of an error, and say nothing themselves."""

MAX_ERROR_TEXTS = 3
MAX_ERROR_DEPTH = 4
EMPTY_ERROR_VALUES: tuple[Any, ...] = (None, "", "false", "null", "0", [], {})


def is_error_answer(tree: Any) -> bool:
    """Say whether an answer reports an error instead of, or with, what was asked for."""
    if not isinstance(tree, Mapping):
        return False
    values_by_key = {normalize_key(key): value for key, value in tree.items()}
    if any(values_by_key.get(key) not in EMPTY_ERROR_VALUES for key in ERROR_ONLY_KEYS):
        return True
    if any(str(values_by_key.get(key)).casefold() == "false" for key in ("ok", "success")):
        return True
    texts = [
        key
        for key in values_by_key
        if key in ERROR_TEXT_KEYS and isinstance(values_by_key[key], str)
    ]
    return bool(texts) and all(
        key in ERROR_CONTEXT_KEYS or key in ERROR_TEXT_KEYS for key in values_by_key
    )


def find_error_text(tree: Any) -> str:
    """Return what an answer says about an error, nothing where it says nothing that is known."""
    error_texts = dict.fromkeys(
        text.strip() for text in _find_error_texts(tree, MAX_ERROR_DEPTH) if text.strip()
    )
    return "; ".join([*error_texts][:MAX_ERROR_TEXTS])


def _find_error_texts(node: Any, depth: int) -> Iterator[str]:
    if not depth:
        return
    if isinstance(node, Mapping):
        values_by_key = {normalize_key(key): value for key, value in node.items()}
        text_values = [values_by_key[key] for key in ERROR_TEXT_KEYS if key in values_by_key]
        for value in text_values or (values_by_key.values() if depth < MAX_ERROR_DEPTH else ()):
            yield from _find_error_texts(value, depth - 1)
    elif isinstance(node, list):
        for item in node[:MAX_ERROR_TEXTS]:
            yield from _find_error_texts(item, depth - 1)
    elif isinstance(node, str) and node not in EMPTY_ERROR_VALUES:
        yield node
