"""Convert AsciiDoc and HTML to Markdown, so that one reader reads all documents.

Converted are headings, labels, lists, tables, code, links and emphasis; the look of a
page is dropped. Each line of the result has the number of the line that it came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

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
