"""The text of YAML, JSON or TOML → plain mappings, lists and texts that know their lines.

Every scalar stays the text that was written: no number, date or object is ever made of it. What
is left out or null is None. A mapping is a `Table`, a list `Rows`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pytest_postmortem.errors import Problem, RegistryError
from pytest_postmortem.registry.tables import Broken, Rows, Table, repeated, too_deep

__all__ = ["PARSERS", "parse", "plain"]

_JSON_OPENING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{\[]')
_DIGITS = re.compile(r"[0-9A-Fa-f_]{3000}")  # Python converts up to 4,300 decimal digits
_TOML_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def parse(text: str, suffix: str, *, failed: str, path: str, above: int = 0) -> Any:
    """Parse a text in the format of a file name's suffix; ``above`` lines stand before it.

    Raises: RegistryError with the one problem that keeps the text from being read.
    """
    try:
        return PARSERS[suffix](text, above)
    except RecursionError:
        broken = too_deep(None)
    except Broken as error:
        broken = error
    except Exception as error:  # each version of each parser has others
        broken = _unexpected(error, text, above)
    problem = Problem("registry-syntax", failed, broken.cause, broken.remedy, path, broken.line)
    raise RegistryError([problem]) from None


def _unexpected(error: Exception, text: str, above: int) -> Broken:
    """Return what a parser means that raises something other than its own error."""
    digits = _DIGITS.search(text)
    if digits is None:
        return Broken(f"it can't be parsed ({type(error).__name__})", "correct its syntax", None)
    line = text.count("\n", 0, digits.start()) + above + 1
    return Broken("a number has thousands of digits", "write it as a text, in quotes", line)


def _yaml(text: str, above: int) -> Any:
    from pytest_postmortem.registry.composer import compose

    return compose(text, above)


def _json(text: str, above: int) -> Any:
    import json

    try:
        tree = json.loads(
            text, object_pairs_hook=_table, parse_int=str, parse_float=str, parse_constant=str
        )
    except json.JSONDecodeError as error:
        if not text.strip():
            return None
        cause = f"it is not JSON: {error.msg}"
        raise Broken(cause, "mend the JSON on this line", error.lineno + above) from None
    return _numbered(tree, _json_lines(text, above))


def _table(pairs: list[tuple[str, Any]]) -> Table:
    table = Table()
    for key, value in pairs:
        if key in table:
            table.repeated = key
        table[key] = value
    return table


def _json_lines(text: str, above: int) -> Iterator[int]:
    """Return the line of each opening brace and bracket outside of strings, in their order."""
    lines: list[int] = []
    line, last = above + 1, 0
    for found in _JSON_OPENING.finditer(text):
        if found[0][0] != '"':
            line += text.count("\n", last, found.start())
            last = found.start()
            lines.append(line)
    return iter(lines)


def _numbered(node: Any, lines: Iterator[int]) -> Any:
    if isinstance(node, Table):
        node.line = next(lines)
        if node.repeated is not None:
            raise repeated(node.repeated, node.line)
        for key, value in node.items():
            node[key] = _numbered(value, lines)
        return node
    if isinstance(node, list):
        rows = Rows(next(lines))
        rows.extend(_numbered(value, lines) for value in node)
        return rows
    return _text(node)


def _toml(text: str, above: int) -> Any:
    import sys

    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    text = text.replace("\r\n", "\n")
    try:
        tree = tomllib.loads(text, parse_float=str)
    except tomllib.TOMLDecodeError as error:
        found = _TOML_LINE.search(str(error))
        cause = f"it is not TOML: {_TOML_LINE.sub('', str(error))}"
        line = int(found[1]) if found and found[1] else text.rstrip().count("\n") + 1
        raise Broken(cause, "mend the TOML on this line", line + above) from None
    return _located(plain(tree), (), _toml_headers(text, above))


def _toml_headers(text: str, above: int) -> dict[tuple[str, ...], list[int]]:
    """Return the lines of headers by their keys, in order, as far as statements are understood."""
    from pytest_postmortem.registry.statements import Unsure, statements

    headers: dict[tuple[str, ...], list[int]] = {}
    line, last = above + 1, 0
    try:
        for statement in statements(text):
            if statement.value is None:
                line += text.count("\n", last, statement.start)
                last = statement.start
                headers.setdefault(statement.path, []).append(line)
    except (Unsure, ValueError):
        pass
    return headers


def _located(tree: Any, name: tuple[str, ...], headers: dict[tuple[str, ...], list[int]]) -> Any:
    """Give tables the lines of their headers, as far as every one of them has its own."""
    for key, value in tree.items():
        lines = headers.get((*name, key), [])
        if isinstance(value, Table):
            _located(value, (*name, key), headers)
        if isinstance(value, Table) and lines:
            value.line = tree.lines[key] = lines[0]
        elif isinstance(value, Rows) and len(lines) == len(value):
            value.lines = lines
            for line, table in zip(lines, value, strict=True):
                table.line = line
    return tree


def plain(node: Any) -> Any:
    """Return plain data of any origin as tables, lists and texts."""
    if isinstance(node, Mapping):
        table = Table()
        table.update((str(key), plain(value)) for key, value in node.items())
        return table
    if isinstance(node, (list, tuple, set, frozenset)):
        rows = Rows()
        rows.extend(map(plain, node))
        return rows
    return _text(node)


def _text(value: Any) -> str | None:
    """Return a scalar as it would be written: dates and times in ISO form."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or isinstance(value, str):
        return value
    return str(value.isoformat() if hasattr(value, "isoformat") else value)


PARSERS: dict[str, Callable[[str, int], Any]] = {
    ".yml": _yaml,
    ".yaml": _yaml,
    ".json": _json,
    ".toml": _toml,
}
"""The parser of each suffix that a registry file may have."""
