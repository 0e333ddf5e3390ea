"""The text of YAML, JSON or TOML → plain mappings, lists and texts that know their lines.

Every scalar stays the text that was written: no number, date or object is ever made of it. What
is left out or null is None. A mapping is a `Table`, a list `Rows`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pytest_postmortem.errors import Problem, RegistryError
from pytest_postmortem.registry.tables import (
    BrokenDataError,
    LocatedList,
    LocatedTable,
    build_depth_error,
    build_repeated_key_error,
)

__all__ = ["PARSERS_BY_SUFFIX", "convert_to_tables", "parse_data_text"]

_JSON_OPENING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{\[]')
_LONG_NUMBER = re.compile(r"[0-9A-Fa-f_]{3000}")  # Python converts up to 4,300 decimal digits
_TOML_ERROR_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def parse_data_text(text: str, suffix: str, *, failed: str, path: str, above: int = 0) -> Any:
    """Parse a text in the format of a file name's suffix; ``above`` lines stand before it.

    Raises: RegistryError with the one problem that keeps the text from being read.
    """
    try:
        return PARSERS_BY_SUFFIX[suffix](text, above)
    except RecursionError:
        broken = build_depth_error(None)
    except BrokenDataError as error:
        broken = error
    except Exception as error:  # each version of each parser has others
        broken = _build_parser_crash_error(error, text, above)
    problem = Problem("registry-syntax", failed, broken.cause, broken.remedy, path, broken.line)
    raise RegistryError([problem]) from None


def _build_parser_crash_error(error: Exception, text: str, above: int) -> BrokenDataError:
    """Return what a parser means that raises something other than its own error."""
    digits = _LONG_NUMBER.search(text)
    if digits is None:
        return BrokenDataError(
            f"it can't be parsed ({type(error).__name__})", "correct its syntax", None
        )
    line = text.count("\n", 0, digits.start()) + above + 1
    return BrokenDataError(
        "a number has thousands of digits", "write it as a text, in quotes", line
    )


def _parse_yaml(text: str, above: int) -> Any:
    from pytest_postmortem.registry.composer import compose_yaml

    return compose_yaml(text, above)


def _parse_json(text: str, above: int) -> Any:
    import json

    try:
        tree = json.loads(
            text,
            object_pairs_hook=_build_json_table,
            parse_int=str,
            parse_float=str,
            parse_constant=str,
        )
    except json.JSONDecodeError as error:
        if not text.strip():
            return None
        cause = f"it is not JSON: {error.msg}"
        raise BrokenDataError(cause, "mend the JSON on this line", error.lineno + above) from None
    return _number_json_nodes(tree, _find_json_lines(text, above))


def _build_json_table(pairs: list[tuple[str, Any]]) -> LocatedTable:
    table = LocatedTable()
    for key, value in pairs:
        if key in table:
            table.repeated = key
        table[key] = value
    return table


def _find_json_lines(text: str, above: int) -> Iterator[int]:
    """Return the line of each opening brace and bracket outside of strings, in their order."""
    lines: list[int] = []
    line, last = above + 1, 0
    for match in _JSON_OPENING.finditer(text):
        if match[0][0] != '"':
            line += text.count("\n", last, match.start())
            last = match.start()
            lines.append(line)
    return iter(lines)


def _number_json_nodes(node: Any, lines: Iterator[int]) -> Any:
    if isinstance(node, LocatedTable):
        node.line = next(lines)
        if node.repeated is not None:
            raise build_repeated_key_error(node.repeated, node.line)
        for key, value in node.items():
            node[key] = _number_json_nodes(value, lines)
        return node
    if isinstance(node, list):
        rows = LocatedList(next(lines))
        rows.extend(_number_json_nodes(value, lines) for value in node)
        return rows
    return _format_plain_scalar(node)


def _parse_toml(text: str, above: int) -> Any:
    import sys

    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    text = text.replace("\r\n", "\n")
    try:
        tree = tomllib.loads(text, parse_float=str)
    except tomllib.TOMLDecodeError as error:
        match = _TOML_ERROR_PLACE.search(str(error))
        cause = f"it is not TOML: {_TOML_ERROR_PLACE.sub('', str(error))}"
        line = int(match[1]) if match and match[1] else text.rstrip().count("\n") + 1
        raise BrokenDataError(cause, "mend the TOML on this line", line + above) from None
    return _number_toml_tables(convert_to_tables(tree), (), _find_toml_headers(text, above))


def _find_toml_headers(text: str, above: int) -> dict[tuple[str, ...], list[int]]:
    """Return the lines of headers by their keys, in order, as far as statements are understood."""
    from pytest_postmortem.registry.statements import UnexpectedSyntaxError, scan_toml_statements

    headers: dict[tuple[str, ...], list[int]] = {}
    line, last = above + 1, 0
    try:
        for statement in scan_toml_statements(text):
            if statement.value is None:
                line += text.count("\n", last, statement.start)
                last = statement.start
                headers.setdefault(statement.path, []).append(line)
    except (UnexpectedSyntaxError, ValueError):
        pass
    return headers


def _number_toml_tables(
    tree: Any, name: tuple[str, ...], headers: dict[tuple[str, ...], list[int]]
) -> Any:
    """Give tables the lines of their headers, as far as every one of them has its own."""
    for key, value in tree.items():
        lines = headers.get((*name, key), [])
        if isinstance(value, LocatedTable):
            _number_toml_tables(value, (*name, key), headers)
        if isinstance(value, LocatedTable) and lines:
            value.line = tree.lines[key] = lines[0]
        elif isinstance(value, LocatedList) and len(lines) == len(value):
            value.lines = lines
            for line, table in zip(lines, value, strict=True):
                table.line = line
    return tree


def convert_to_tables(node: Any) -> Any:
    """Return plain data of any origin as tables, lists and texts."""
    if isinstance(node, Mapping):
        table = LocatedTable()
        table.update((str(key), convert_to_tables(value)) for key, value in node.items())
        return table
    if isinstance(node, (list, tuple, set, frozenset)):
        rows = LocatedList()
        rows.extend(map(convert_to_tables, node))
        return rows
    return _format_plain_scalar(node)


def _format_plain_scalar(value: Any) -> str | None:
    """Return a scalar as it would be written: dates and times in ISO form."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or isinstance(value, str):
        return value
    return str(value.isoformat() if hasattr(value, "isoformat") else value)


PARSERS_BY_SUFFIX: dict[str, Callable[[str, int], Any]] = {
    ".yml": _parse_yaml,
    ".yaml": _parse_yaml,
    ".json": _parse_json,
    ".toml": _parse_toml,
}
"""The parser of each suffix that a registry file may have."""
