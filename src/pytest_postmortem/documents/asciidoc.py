"""Convert AsciiDoc to Markdown, line by line: https://docs.asciidoctor.org/asciidoc/latest/."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

HeadAttributes = Mapping[str, tuple[str, int]]

_ATTRIBUTE = re.compile(r":(!?[\w][\w -]*!?):(?:[ \t]+(.*))?$")
_SECTION = re.compile(r"(={1,6})[ \t]+(\S.*?)(?:[ \t]+=+)?[ \t]*$")
_UNDERLINE = re.compile(r"(=|-|~|\^|\+)\1{3,}[ \t]*$")
_UNDERLINE_LEVELS = "=-~^+"
_FENCE = re.compile(r"(-{4,}|\.{4,}|\+{4,})[ \t]*$")
_FRAME = re.compile(r"(?:={4,}|\*{4,}|--|_{4,})[ \t]*$")
_TABLE_BORDER = re.compile(r"[|,:!]={3,}[ \t]*$")
_BLOCK_ATTRIBUTES = re.compile(r"\[.*\][ \t]*$")
_BLOCK_MACRO = re.compile(r"(?:image|video|audio|include|toc|ifdef|ifndef|ifeval|endif)::.*")
_BLOCK_TITLE = re.compile(r"\.([^\s.].*)$")
_BULLET = re.compile(r"[ \t]*(\*{1,5}|-)[ \t]+(\S.*)$")
_NUMBERED = re.compile(r"[ \t]*(\.{1,5}|\d+\.)[ \t]+(\S.*)$")
_LABELLED = re.compile(r"[ \t]*(\S(?:.*?\S)?):{2,4}(?:[ \t]+(.*))?$")
_CHECKBOX = re.compile(r"\[([ x*])\][ \t]+", re.IGNORECASE)
_STRONG = re.compile(r"(?<![\w*\\])\*(?![\s*])([^*\n]+?)(?<!\s)\*(?![\w*])")
_UNCONSTRAINED = re.compile(r"\*\*([^*\n]+)\*\*")
_CODE = re.compile(r"(?<!\w)\+(\S[^+\n]*?)\+(?!\w)")
_LINK = re.compile(r"(?:link:)?(https?://[^\s\[\]<>]+|(?<=link:)[^\s\[\]]+)\[([^\]]*)\]")
_XREF = re.compile(r"xref:[^\s\[\]]+\[([^\]]*)\]|<<[^,<>]+,\s*([^<>]+)>>|<<([^<>]+)>>")
_ANCHOR = re.compile(r"\[\[[^\]]*\]\]|\[#[\w-]+\]")
_ROLE = re.compile(r"\[\.[\w.-]+\](?=[#*_])")
_REFERENCE = re.compile(r"\{([\w-]+)\}")
_CELL = re.compile(r"(?<!\\)(?:\d+(?:\.\d+)?[*+]|\.\d+\+)?[<^>]?(?:\.[<^>])?[aehlmsd]?(?<!\\)\|")
_COLUMNS = re.compile(r"cols=\"?([^\"\]]+)\"?")


def convert_asciidoc(text: str) -> tuple[list[tuple[str, int]], HeadAttributes]:
    """Return the lines of a text in Markdown with their numbers, and the attributes of its head."""
    converter = _AsciidocConverter(text.split("\n"))
    return list(converter.convert()), converter.attributes


class _AsciidocConverter:
    """Converts lines in order; it holds the position, and the blocks that are open."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._at = 0
        self._below_title = False
        self._quoted = False
        self._block = ""
        self.attributes: dict[str, tuple[str, int]] = {}

    def convert(self) -> Iterator[tuple[str, int]]:
        """Yield the converted lines with their numbers."""
        while self._at < len(self._lines):
            line = self._lines[self._at].rstrip()
            number = self._at + 1
            self._at += 1
            for text, at in self._convert_line(line, number):
                yield (f"> {text}" if self._quoted and text else text), at

    def _convert_line(self, line: str, number: int) -> Iterator[tuple[str, int]]:
        fence = _FENCE.match(line)
        if line.startswith("////"):
            yield "", number
            yield from (("", at) for _, at in self._take_until(line))
            yield "", self._at
        elif line.startswith("//"):
            yield f"<!--{line[2:].replace('--', '')} -->", number
        elif self._is_title_above_underline(line):
            level = _UNDERLINE_LEVELS.index(self._lines[self._at].strip()[0]) + 1
            yield f"{'#' * level} {self._convert_inline(line)}", number
            yield "", number + 1
            self._at += 1
        elif fence:
            yield "```", number
            yield from self._take_until(fence[1])
            yield "```", self._at
        elif _TABLE_BORDER.match(line):
            yield from self._convert_table(line, number)
        else:
            yield self._convert_plain_line(line, number), number

    def _take_until(self, mark: str) -> Iterator[tuple[str, int]]:
        """Yield the next lines with their numbers, up to one that is only a mark."""
        while self._at < len(self._lines):
            line = self._lines[self._at]
            self._at += 1
            if line.rstrip() == mark:
                return
            yield line, self._at

    def _is_title_above_underline(self, line: str) -> bool:
        """Return whether the next line underlines this one, as in the old form of titles."""
        if not line or self._at >= len(self._lines) or not line[:1].isalnum():
            return False
        below = self._lines[self._at].rstrip()
        blank_above = self._at < 2 or not self._lines[self._at - 2].strip()
        return bool(blank_above and _UNDERLINE.match(below) and abs(len(below) - len(line)) <= 2)

    def _convert_plain_line(self, line: str, number: int) -> str:
        """Return a line that is not part of code, a table or a comment."""
        attribute = _ATTRIBUTE.match(line)
        if attribute:
            value = self._convert_inline(attribute[2] or "")
            self.attributes.setdefault(attribute[1].strip("!"), (value, number))
            return ""
        if not line:
            self._below_title = False
            return ""
        section = _SECTION.match(line)
        if section:
            self._below_title = len(section[1]) == 1
            return f"{'#' * len(section[1])} {self._convert_inline(section[2])}"
        if self._below_title and ":" not in line and line[:1] not in "*_|":
            return ""  # the authors and the revision
        if _FRAME.match(line):
            self._quoted = line.startswith("____") and not self._quoted
            return ""
        if _BLOCK_ATTRIBUTES.match(line):
            self._block = line
            return ""
        if line == "+" or _BLOCK_MACRO.fullmatch(line):
            return ""
        title = _BLOCK_TITLE.match(line)
        return f"**{title[1]}**" if title else self._convert_item(line)

    def _convert_item(self, line: str) -> str:
        """Return an item of a list, a label with its text, or a line of a paragraph."""
        for pattern, mark in ((_BULLET, "-"), (_NUMBERED, "1.")):
            item = pattern.match(line)
            if item:
                depth = len(item[1]) if not item[1][0].isdigit() else 1
                text = _CHECKBOX.sub(_convert_checkbox, self._convert_inline(item[2]), count=1)
                return f"{'   ' * (depth - 1)}{mark} {text}"
        label = _LABELLED.match(line)
        if label:
            return self._convert_label(label[1], label[2] or "")
        return self._convert_inline(line)

    def _convert_label(self, label: str, value: str) -> str:
        """Return ``Label:: text``, whose text may be on the next line, as a bold label."""
        if not value and self._at < len(self._lines):
            below = self._lines[self._at].strip()
            if below and not _BULLET.match(below) and not _LABELLED.match(below):
                value = below
                self._lines = [*self._lines[: self._at], "", *self._lines[self._at + 1 :]]
        name = self._convert_inline(label).strip("*_ ").rstrip(":")
        return f"- **{name}:** {self._convert_inline(value)}".rstrip()

    def _convert_inline(self, text: str) -> str:
        text = _REFERENCE.sub(self._find_reference, text)
        text = _ROLE.sub("", _ANCHOR.sub("", text))
        text = _LINK.sub(lambda link: f"[{link[2].rstrip('^') or link[1]}]({link[1]})", text)
        text = text.replace("link:[", "[")
        text = _XREF.sub(lambda ref: ref[1] or ref[2] or ref[3] or "", text)
        text = _UNCONSTRAINED.sub(r"*\1*", text)
        text = _STRONG.sub(r"**\1**", text)
        text = _CODE.sub(r"`\1`", text)
        return text[:-2] if text.endswith(" +") else text

    def _find_reference(self, reference: re.Match[str]) -> str:
        value = self.attributes.get(reference[1])
        return value[0] if value else reference[0]

    def _convert_table(self, border: str, number: int) -> Iterator[tuple[str, int]]:
        """Yield the rows of a table, the first of which is the head of a table in Markdown."""
        body = [(line.rstrip(), at) for line, at in self._take_until(border.rstrip())]
        rows = self._split_rows(body, border[0])
        self._block = ""
        yield "", number
        for position, (cells, at) in enumerate(rows):
            yield f"| {' | '.join(cells)} |", at
            if position == 0:
                yield f"|{'---|' * len(cells)}", at
        yield "", self._at

    def _split_rows(
        self, body: Sequence[tuple[str, int]], mark: str
    ) -> list[tuple[list[str], int]]:
        cells: list[tuple[str, int]] = []
        width = self._count_columns()
        for line, number in body:
            if not line or (line.startswith("//") and not line.startswith("///")):
                continue
            parts = ["", *line.split(mark)] if mark in ",:" else _CELL.split(line)
            if len(parts) == 1 and cells:
                text, first = cells[-1]
                cells[-1] = (f"{text} {line.strip()}".strip(), first)
                continue
            cells += [(part.strip(), number) for part in parts[1:]]
            width = width or len(parts) - 1
        shown = [(self._convert_inline(text).replace("|", r"\|"), line) for text, line in cells]
        rows = (shown[start : start + width] for start in range(0, len(shown), width or 1))
        return [([text for text, _ in row], row[0][1]) for row in rows]

    def _count_columns(self) -> int:
        """Return the number of columns that the attributes of a table state, else 0."""
        columns = _COLUMNS.search(self._block)
        if columns is None:
            return 0
        repeated = re.match(r"(\d+)\*", columns[1])
        return int(repeated[1]) if repeated else len(re.findall(r"[^,;\s][^,;]*", columns[1]))


def _convert_checkbox(box: re.Match[str]) -> str:
    return "[ ] " if box[1] == " " else "[x] "
