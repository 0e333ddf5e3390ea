"""Settings → lines in a TOML file, in the manner of the table that they belong to."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from pytest_postmortem.registry.statements import (
    Span,
    Statement,
    Unsure,
    at_end,
    items,
    statements,
)

__all__ = ["with_item", "with_settings"]

_LINE_END = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?:\r?\n|$)")
_COMMENT = re.compile(r"#[^\r\n]*")


def with_settings(
    text: str, table: Sequence[str], added: Mapping[str, str | Sequence[str]], newline: str
) -> str:
    """Return a text in which a table has further keys, each with a text or an array of texts.

    They follow the last key that the table has, as that one is written. A table that is not
    there comes at the end.

    Raises: Unsure where its place can't be told.
    """
    every = list(statements(text))
    path = tuple(table)
    own = [each for each in every if each.value is not None and each.path[:-1] == path]
    headers = [each for each in every if each.path == path and not each.array]
    pairs = [f"{name} = {_value(value)}" for name, value in added.items()]
    if own:
        return _after(text, own[-1], pairs, newline)
    if not headers:
        return at_end(text, [f"[{'.'.join(path)}]", *pairs], newline)
    if headers[-1].value is None:
        return _below(text, headers[-1].end, pairs, newline)
    return _within(text, headers[-1].value, pairs)


def _value(value: str | Sequence[str]) -> str:
    return _quoted(value) if isinstance(value, str) else f"[{', '.join(map(_quoted, value))}]"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _after(text: str, last: Statement, pairs: Sequence[str], newline: str) -> str:
    if last.inline:
        return text[: last.end] + "".join(f", {pair}" for pair in pairs) + text[last.end :]
    line = text.rfind("\n", 0, last.start) + 1
    head = text[line : last.name]  # the indent, and `ini_options.` where keys are written so
    return _below(text, last.end, [head + pair for pair in pairs], newline)


def _below(text: str, end: int, lines: Sequence[str], newline: str) -> str:
    """Return a text with lines below the one in which something ends."""
    found = _LINE_END.match(text, end)
    if found is None:
        raise Unsure
    place = found.end()
    if text[:place].endswith("\n"):
        return text[:place] + "".join(line + newline for line in lines) + text[place:]
    return text[:place] + "".join(newline + line for line in lines) + text[place:]


def _within(text: str, braces: Span, pairs: Sequence[str]) -> str:
    """Return a text with pairs in an inline table that was empty."""
    inner = text[braces.start + 1 : braces.end - 1]
    if inner.strip():
        raise Unsure
    return f"{text[: braces.start]}{{ {', '.join(pairs)} }}{text[braces.end :]}"


def with_item(text: str, path: Sequence[str], item: str, newline: str) -> str:
    """Return a text in which the array or the text of lines under a key has a further item.

    Raises: Unsure where its place can't be told.
    """
    found = [each for each in statements(text) if each.path == tuple(path) and each.value]
    if len(found) != 1 or found[0].value is None:
        raise Unsure
    value = found[0].value
    if text[value.start] == "[":
        return _with_element(text, value, item, newline)
    return _with_line(text, value, item, newline)


def _with_element(text: str, array: Span, item: str, newline: str) -> str:
    known = items(text, array)
    if not known:
        return _spliced(text, array.start + 1, _quoted(item))
    last = known[-1]
    rest = text[last.end : array.end - 1]
    comma = "," in _COMMENT.sub("", rest)
    indent = text[text.rfind("\n", 0, last.start) + 1 : last.start]
    if indent.strip() or "\n" not in rest:
        return _spliced(text, last.end, f", {_quoted(item)}")
    place = text.index("\n", text.index(",", last.end) if comma else last.end)
    place -= text[place - 1] == "\r"
    added = f"{newline}{indent}{_quoted(item)}" + ("," if comma else "")
    text = _spliced(text, place, added)
    return text if comma else _spliced(text, last.end, ",")


def _with_line(text: str, value: Span, item: str, newline: str) -> str:
    """Return a text in which a string has a further line."""
    whole = text[value.start : value.end]
    quotes = whole[:3] if whole[:3] in ('"""', "'''") else whole[:1]
    end = value.end - len(quotes)
    if len(quotes) == 1:
        if quotes != '"':  # which knows no escapes
            return text[: value.start] + _quoted(f"{whole[1:-1]}\n{item}") + text[value.end :]
        return _spliced(text, end, rf"\n{item}")
    lines = text[value.start + 3 : end].splitlines(keepends=True)
    full = [line for line in lines if line.strip()]
    indent = re.match(r"[ \t]*", full[-1])[0] if len(full) > 1 and full else ""  # type: ignore[index]
    if lines and not lines[-1].endswith("\n") and not lines[-1].strip():
        end -= len(lines[-1])  # the closing quotes are indented
        return _spliced(text, end, f"{indent}{item}{newline}")
    if lines and lines[-1].endswith("\n"):
        return _spliced(text, end, f"{indent}{item}{newline}")
    return _spliced(text, end, f"{newline}{indent}{item}")


def _spliced(text: str, place: int, added: str) -> str:
    return text[:place] + added + text[place:]
