"""Settings → lines in a TOML file, in the manner of the table that they belong to."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from pytest_postmortem.registry.statements import (
    TextSpan,
    TomlStatement,
    UnexpectedSyntaxError,
    append_lines,
    find_array_items,
    scan_toml_statements,
)

__all__ = ["insert_toml_item", "insert_toml_settings"]

_TOML_LINE_END = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?:\r?\n|$)")
_TOML_COMMENT = re.compile(r"#[^\r\n]*")


def insert_toml_settings(
    text: str, table: Sequence[str], added: Mapping[str, str | Sequence[str]], newline: str
) -> str:
    """Return a text in which a table has further keys, each with a text or an array of texts.

    They follow the last key that the table has, as that one is written. A table that is not
    there comes at the end.

    Raises: Unsure where its place can't be told.
    """
    all_statements = list(scan_toml_statements(text))
    path = tuple(table)
    table_statements = [
        statement
        for statement in all_statements
        if statement.value is not None and statement.path[:-1] == path
    ]
    headers = [
        statement for statement in all_statements if statement.path == path and not statement.array
    ]
    pairs = [f"{name} = {_format_toml_setting(value)}" for name, value in added.items()]
    if table_statements:
        return _insert_after_statement(text, table_statements[-1], pairs, newline)
    if not headers:
        return append_lines(text, [f"[{'.'.join(path)}]", *pairs], newline)
    if headers[-1].value is None:
        return _insert_lines_below(text, headers[-1].end, pairs, newline)
    return _fill_empty_inline_table(text, headers[-1].value, pairs)


def _format_toml_setting(value: str | Sequence[str]) -> str:
    return (
        _quote_toml_text(value)
        if isinstance(value, str)
        else f"[{', '.join(map(_quote_toml_text, value))}]"
    )


def _quote_toml_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _insert_after_statement(
    text: str, last: TomlStatement, pairs: Sequence[str], newline: str
) -> str:
    if last.inline:
        return text[: last.end] + "".join(f", {pair}" for pair in pairs) + text[last.end :]
    line = text.rfind("\n", 0, last.start) + 1
    head = text[line : last.name]  # the indent, and `ini_options.` where keys are written so
    return _insert_lines_below(text, last.end, [head + pair for pair in pairs], newline)


def _insert_lines_below(text: str, end: int, lines: Sequence[str], newline: str) -> str:
    """Return a text with lines below the one in which something ends."""
    found = _TOML_LINE_END.match(text, end)
    if found is None:
        raise UnexpectedSyntaxError
    place = found.end()
    if text[:place].endswith("\n"):
        return text[:place] + "".join(line + newline for line in lines) + text[place:]
    return text[:place] + "".join(newline + line for line in lines) + text[place:]


def _fill_empty_inline_table(text: str, braces: TextSpan, pairs: Sequence[str]) -> str:
    """Return a text with pairs in an inline table that was empty."""
    inner = text[braces.start + 1 : braces.end - 1]
    if inner.strip():
        raise UnexpectedSyntaxError
    return f"{text[: braces.start]}{{ {', '.join(pairs)} }}{text[braces.end :]}"


def insert_toml_item(text: str, path: Sequence[str], item: str, newline: str) -> str:
    """Return a text in which the array or the text of lines under a key has a further item.

    Raises: Unsure where its place can't be told.
    """
    matching = [
        statement
        for statement in scan_toml_statements(text)
        if statement.path == tuple(path) and statement.value
    ]
    if len(matching) != 1 or matching[0].value is None:
        raise UnexpectedSyntaxError
    value = matching[0].value
    if text[value.start] == "[":
        return _insert_array_element(text, value, item, newline)
    return _insert_string_line(text, value, item, newline)


def _insert_array_element(text: str, array: TextSpan, item: str, newline: str) -> str:
    elements = find_array_items(text, array)
    if not elements:
        return _insert_text(text, array.start + 1, _quote_toml_text(item))
    last = elements[-1]
    text_behind = text[last.end : array.end - 1]
    comma = "," in _TOML_COMMENT.sub("", text_behind)
    indent = text[text.rfind("\n", 0, last.start) + 1 : last.start]
    if indent.strip() or "\n" not in text_behind:
        return _insert_text(text, last.end, f", {_quote_toml_text(item)}")
    place = text.index("\n", text.index(",", last.end) if comma else last.end)
    place -= text[place - 1] == "\r"
    added = f"{newline}{indent}{_quote_toml_text(item)}" + ("," if comma else "")
    text = _insert_text(text, place, added)
    return text if comma else _insert_text(text, last.end, ",")


def _insert_string_line(text: str, value: TextSpan, item: str, newline: str) -> str:
    """Return a text in which a string has a further line."""
    literal = text[value.start : value.end]
    quotes = literal[:3] if literal[:3] in ('"""', "'''") else literal[:1]
    end = value.end - len(quotes)
    if len(quotes) == 1:
        if quotes != '"':  # which knows no escapes
            return (
                text[: value.start]
                + _quote_toml_text(f"{literal[1:-1]}\n{item}")
                + text[value.end :]
            )
        return _insert_text(text, end, rf"\n{item}")
    lines = text[value.start + 3 : end].splitlines(keepends=True)
    full = [line for line in lines if line.strip()]
    indent = re.match(r"[ \t]*", full[-1])[0] if len(full) > 1 and full else ""  # type: ignore[index]
    if lines and not lines[-1].endswith("\n") and not lines[-1].strip():
        end -= len(lines[-1])  # the closing quotes are indented
        return _insert_text(text, end, f"{indent}{item}{newline}")
    if lines and lines[-1].endswith("\n"):
        return _insert_text(text, end, f"{indent}{item}{newline}")
    return _insert_text(text, end, f"{newline}{indent}{item}")


def _insert_text(text: str, place: int, added: str) -> str:
    return text[:place] + added + text[place:]
