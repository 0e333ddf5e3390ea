"""Convert AsciiDoc, HTML and dialects of Markdown to one, so that one reader reads all documents.

Converted are headings, labels, lists, tables, code, links and emphasis; the look of a
page is dropped. Each line of the result has the number of the line that it came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})\s*(.*)$")
_ADMONITION_FENCE = re.compile(
    r"\{(?:admonition|attention|caution|danger|dropdown|error|hint|important|note|seealso|tip|"
    r"warning)\}"
)
_COLON_FENCE = re.compile(r"\s*:{3,}\s*(?:\{?[\w-].*)?$")
_EXCLAMATION = re.compile(r"\s{0,3}(?:(?:!!!|\?\?\?)\+?\s*[\w-]+.*|===[!+]?\s+\".*\"\s*)$")
_ALERT = re.compile(r"(\s*(?:>\s*)+)\[![\w-]+\][+-]?.*$")
_SHORTCODE_LINE = re.compile(
    r"\s*(?:\{:\s*[.#][^{}]*\}|import\s.+\sfrom\s+['\"].*|\{%.*%\}|\{\{[<%].*[>%]\}\}|\[/?(?:info|note|warning|tip|panel|expand)\b[^\[\]]*\])\s*$"
)

MarkupKind = Literal["asciidoc", "html"]


class NumberedLines(list[str]):
    """Lines of Markdown, with the number of the line of the source for each."""

    def __init__(self, lines: Iterable[tuple[str, int]] = ()) -> None:
        pairs = list(lines)
        super().__init__(text for text, _ in pairs)
        self.numbers: list[int] = [number for _, number in pairs]

    def find_source_line(self, line: int) -> int:
        """Return the line of the source for a line of the text, both counted from 1."""
        return self.numbers[min(max(line, 1), len(self.numbers)) - 1] if self.numbers else line


@dataclass(frozen=True, slots=True)
class ConvertedText:
    """A document in Markdown.

    ``attributes`` are those in the head of a document in AsciiDoc, with their lines.
    """

    lines: NumberedLines
    attributes: Mapping[str, tuple[str, int]] = field(default_factory=dict)


def convert_to_markdown(text: str, kind: MarkupKind) -> ConvertedText:
    """Return a text in AsciiDoc or HTML as Markdown."""
    if kind == "asciidoc":
        from pytest_postmortem.documents.asciidoc import convert_asciidoc

        lines, attributes = convert_asciidoc(text)
        return ConvertedText(NumberedLines(lines), attributes)
    from pytest_postmortem.documents.html import convert_html

    return ConvertedText(NumberedLines(convert_html(text)))


def blank_markers(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines, an empty one in place of a marker; the text of an admonition moves left.

    Code in fences is left as it is. The number of lines is the same.
    """
    fence, unfenced, indented = "", "", False
    for line in lines:
        match = _FENCE.match(line)
        if fence:
            if match and match[1].startswith(fence) and not match[2]:
                fence = ""
            yield line
        elif match and unfenced and match[1].startswith(unfenced) and not match[2]:
            unfenced = ""
            yield ""
        elif match and _ADMONITION_FENCE.match(match[2]):
            unfenced = match[1]
            yield ""
        elif match:
            fence = match[1]
            yield line
        elif _EXCLAMATION.match(line):
            indented = True
            yield ""
        else:
            indented = indented and (not line.strip() or line[:1].isspace())
            if indented:
                line = line[4:] if line.startswith("    ") else line.lstrip()
            yield _blank_marker(line)


def _blank_marker(line: str) -> str:
    alert = _ALERT.match(line)
    if alert:
        return alert[1]
    return "" if _COLON_FENCE.match(line) or _SHORTCODE_LINE.match(line) else line
