"""Read the fields that a document states outside of its front matter.

They have these forms, with numbers, emoji and emphasis around a label ignored:

    **Severity:** SEV1            | Severity | SEV1 |         | Date       | Severity |
    - Severity: SEV1              | Owner    | payments |     |------------|----------|
    Date: ... | Severity: ...     ## Severity                 | 2026-03-02 | SEV1     |

Labels count at the head, which ends at the second section. Further down those count that a
document has once, since action items and other incidents have owners and severities as well.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pytest_postmortem.documents.dates import NumericDate, find_date, find_numeric_date
from pytest_postmortem.documents.head import (
    SECTION_TITLES,
    DocumentHeading,
    find_line_positions,
    find_visible_headings,
    hide_code,
    strip_inline_markup,
)
from pytest_postmortem.documents.labels import (
    Labels,
    find_label_kind,
    find_severity,
    is_severity_code,
    normalize_word,
)

MAX_LABEL = 60
MAX_VALUE_LINE = 300
MAX_NAME = 60
MAX_NAME_WORDS = 6
MAX_TITLE_LINES = 10
MAX_WORD_COUNT = 3
"""The most words of a value that has more text below it in its section."""

DATE_KINDS = ("date", "start")
FAR_KINDS = ("severity", "class", "start", "date")
"""The kinds of labels that count in any section, if a document has one value for them."""

# Patterns that few documents need are compiled when they are.
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_HTML_PAIR = (
    r"(?is)<t[hd]\b[^<>]{0,99}>([^\n]{1,99}?)</t[hd]>\s{0,99}<td\b[^<>]{0,99}>(.{0,200}?)</td>|"
    r"<dt\b[^<>]{0,99}>([^\n]{1,99}?)</dt>\s{0,99}<dd\b[^<>]{0,99}>(.{0,200}?)</dd>"
)
_HTML_TITLE = r"(?i)<h1\b[^<>]*>(.*?)</h1>"
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_SHORTCODE = re.compile(r"[\W_]*:[\w+-]+:\s*")
_LABEL_START = re.compile(
    r"(?:[\W_]{0,12}?:[\w+-]+:[\W_]*|[\W_]{0,12}(?:\d{1,2}[.)]\s+[\W_]*)?)"
    r"([^\W\d_][^:：\n]{0,58})[:：]"
)
_SEVERAL_PARTS = re.compile(r"\]\(|<|\s\|\s|[·•]|\s(?:\*\*|__)\w")
_BOLD_LABEL = re.compile(r"[\W_]*?(\*\*|__)([^*_]{2,40})\1\s*[–—-]?\s*(.*)")
_LIST_BULLET = re.compile(r"\s*(?:>\s*)*(?:[-*+•]|\d+[.)])\s+(?:\[[ xX]\]\s+)?")
_BOX = r"\s*[-*+]\s+\[([ xX✓✔])\]\s"
_LABEL_PART = re.compile(
    r"\s+\|\s+|\s*[·•;；]\s*|\s{3,}|[,，]\s*(?=[\W_]*[^\W\d_][^,:：，]{0,40}[:：])"
    r"|\s+(?=(?:\*\*|__)[^*:_]{1,40}(?::|\*\*|__))"
)
_PLACEHOLDER = re.compile(
    r"<[^<>]*>|\{+[^{}]*\}+|\[[^\[\]]*\]|[\W_]*|[?.x_-]+|"
    r".*\b(?:YYYY|yyyy|MM-DD|XXX+|[A-Z]+-[XN]+|X{2,}\d*)\b.*"
)
_BLANK_PARTS = ("YYYY", "yyyy", "MM-DD", "XX", "-X", "-N")
"""What a placeholder has that begins with a letter or a number, and not with an ``x``."""

_CHOICE_SEPARATOR = r"\s*[/|]\s*|,\s+"
_HANDLES = re.compile(r"(?:@[\w.-]+[\s,;&]*|and\s+)+")
_ID = re.compile(r"#?[^\W_][\w./-]*\d[\w./-]*")
_BRACKET = re.compile(r"[\[【(（]([^()（）\[\]【】]{1,40})[\]】)）]\s*")
_LETTERED_ID = r"[A-Za-z]+[-_ ]?\d[\w-]*"
_EMOJI_BEFORE_ID = r"[^\w\s()\[\]【】（）<{'\"“«#.,-]+\s*(?=[A-Z]{2,}[-_ ]?\d)"
_EMOJI = r"(?::[\w+-]+:|[^\w\s()\[\]<{@#'\"“«.,&/-])+\s*(?=\w)"
_END_BRACKETS = (")", "]", "）")
_END_BRACKET = re.compile(r"\s*[(\[（]([^()\[\]（）]{1,20})[)\]）]\s*$")
_COMMITS = re.compile(r"[0-9a-f]{7,64}(?:[\s,;]+[0-9a-f]{7,64})*")


@dataclass(frozen=True, slots=True)
class StatedFields:
    """The fields that a document states, and its first heading.

    ``texts`` has the fields by name, the date in ISO form. ``numeric_date`` is a date such as
    ``02/03/2026``, whose order only other documents can show.
    """

    heading: DocumentHeading | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    numeric_date: NumericDate | None = None


@dataclass(frozen=True, slots=True)
class _Statement:
    """A label with its value; a ``short`` section has the value as its only line.

    A ``column`` is the head of a column of a table without a severity, or with mostly other heads,
    which may be that of action items.
    """

    kind: str
    value: str
    position: int
    short: bool = False
    column: bool = False


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A value for a field, and the number of its section; 0 is before the first one."""

    value: str
    section: int
    short: bool


def read_stated_fields(
    lines: Sequence[str],
    labels: Labels,
    severities: Collection[str] = (),
    *,
    stem: str = "",
    rst: bool = False,
) -> StatedFields:
    """Return the fields that a document states; ``severities`` are those of the configuration.

    A heading that only repeats the ``stem`` of the file's name gives way to the next one.
    """
    visible = lines if rst else hide_code(lines)
    text = "\n".join(visible)
    positions = find_line_positions(text)
    headings = list(find_visible_headings(visible, rst, positions))
    statements = [
        *_find_sections_of_one_value(visible, headings, labels),
        *_find_label_statements(visible, labels, range(len(visible)) if "|" in text else positions),
    ]
    if "<" in text and ("<td" in text or "<dt" in text):
        statements += _find_html_pairs(text, labels)
    statements.sort(key=lambda statement: statement.position)
    texts, numeric_date = _choose_texts(statements, headings, labels, severities)
    title, bracket_texts = _find_title(
        _find_title_headings(headings, visible), labels, stem, texts.get("title"), severities
    )
    texts = {**bracket_texts, **texts}
    if "bracket_id" in texts:
        texts["id"] = texts.pop("bracket_id")
    texts.pop("title", None)
    first = headings[0] if headings else None
    if first and not first.text[0].isalnum() and (emoji := re.match(_EMOJI_BEFORE_ID, first.text)):
        first = replace(first, text=first.text[emoji.end() :])
        title = title and title[emoji.end() :] if title == headings[0].text else title
    if "date" not in texts and first and (day := find_date(first.text, labels.months)):
        texts["date"] = day
    if title is None and "<" in text:
        title = _find_html_title(visible)
    if title:
        texts["title"] = title
    return StatedFields(first, texts, numeric_date)


def _find_html_title(lines: Sequence[str]) -> str | None:
    """Return the title in a heading that is written as HTML, in the first lines of a document."""
    for line in lines[:MAX_TITLE_LINES]:
        match = re.search(_HTML_TITLE, line[:MAX_VALUE_LINE])
        if match and (title := _strip_markup(match[1])):
            return title
    return None


def _find_title_headings(
    headings: Sequence[DocumentHeading], lines: Sequence[str]
) -> Sequence[DocumentHeading]:
    """Return the first heading, and a second one of the first level with no text between."""
    if len(headings) < 2 or headings[0].level > 1 or headings[1].level > 1:
        return headings[:1]
    between = lines[headings[0].end : headings[1].start]
    return headings[:1] if any(line.strip() for line in between) else headings[:2]


def _find_title(
    headings: Sequence[DocumentHeading],
    labels: Labels,
    stem: str,
    labelled_title: str | None,
    severities: Collection[str],
) -> tuple[str | None, dict[str, str]]:
    """Return the title, and the id and the severity in the brackets before or after it."""
    bracket_texts: dict[str, str] = {}
    first_title = None
    for heading in headings:
        title = _find_heading_title(heading, labels)
        if title is None:
            continue
        shown_title, found = split_title_brackets(title, labels, severities)
        bracket_texts = {**found, **bracket_texts}
        if not _is_same_text(title, stem):
            return shown_title or labelled_title, bracket_texts
        first_title = first_title or shown_title
    return labelled_title or first_title, bracket_texts


def _find_heading_title(heading: DocumentHeading, labels: Labels) -> str | None:
    """Return the title that a heading gives, unless it is a section, a genre or a placeholder."""
    head, colon, value = heading.text.partition(":")
    if colon and len(head) < MAX_LABEL and find_label_kind(labels, head) == "title":
        return _clean_title(value.strip(), labels)
    word = normalize_word(heading.text)
    if heading.level > 1 and (
        word in labels.sections
        or SECTION_TITLES.fullmatch(heading.text.casefold().rstrip(": "))
        or find_label_kind(labels, word)
    ):
        return None
    return None if word in labels.documents or _is_placeholder(heading.text) else heading.text


def _is_placeholder(text: str) -> bool:
    """Return whether a text is one that a template leaves to be filled in."""
    if text[:1].isalnum() and text[0] != "x" and not any(map(text.__contains__, _BLANK_PARTS)):
        return False
    return _PLACEHOLDER.fullmatch(text) is not None


def split_title_brackets(
    title: str, labels: Labels, severities: Collection[str]
) -> tuple[str, dict[str, str]]:
    """Return a title without the id and severity in brackets before it, and these by field.

    A severity in brackets behind it, or as ``SEV1:`` before it, stays in the title.
    """
    texts: dict[str, str] = {}
    rest = title
    while match := _BRACKET.match(rest):
        severity = find_severity(match[1], labels, severities)
        if severity:
            texts.setdefault("severity", severity)
        elif (
            re.fullmatch(_ID.pattern if match[0][0] == "[" else _LETTERED_ID, match[1])
            and find_date(match[1], {}) != match[1]
        ):
            texts.setdefault("bracket_id", match[1])
        else:
            break
        rest = rest[match.end() :].lstrip(" :–—-")
    prefix, colon, _ = rest.partition(":")
    if colon and is_severity_code(prefix.strip()):
        texts.setdefault("severity", prefix.strip())
    elif rest.rstrip().endswith(_END_BRACKETS):
        match = _END_BRACKET.search(rest)
        if match and is_severity_code(match[1]):
            texts.setdefault("severity", match[1])
    return rest or title, texts


def _is_same_text(first: str, second: str) -> bool:
    """Return whether two texts have the same letters and numbers, without regard to case."""
    ends = first[-1:], second[-1:]  # most titles end with another letter than the file's name
    if all(map(str.isalnum, ends)) and ends[0].casefold()[-1:] != ends[1].casefold()[-1:]:
        return False
    return _fold_letters(first) == _fold_letters(second)


def _fold_letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


def _find_sections_of_one_value(
    lines: Sequence[str], headings: Sequence[DocumentHeading], labels: Labels
) -> Iterator[_Statement]:
    """Yield the values of sections whose heading is a label."""
    for number, heading in enumerate(headings):
        if len(heading.text) > MAX_LABEL or (number == 0 and heading.level == 1):
            continue
        kind = find_label_kind(labels, heading.text)
        if kind is None:
            continue
        end = headings[number + 1].start if number + 1 < len(headings) else len(lines)
        texts = [line for line in lines[heading.end : end] if line.strip()]
        if texts and "|" not in texts[0][:3]:
            line = _find_chosen_line(texts)
            value = _clean_value(line, kind)
            short = len(texts) == 1 or len(value.split()) <= MAX_WORD_COUNT
            if short or kind in ("date", "severity"):
                yield _Statement(kind, value, heading.start, short)


def _find_label_statements(
    lines: Sequence[str], labels: Labels, positions: Sequence[int]
) -> Iterator[_Statement]:
    """Yield the values of labels in lines, lists and tables, in order."""
    table: list[str] = []
    for position in positions:
        line = lines[position]
        if "|" in line:
            is_row = line.lstrip()[:1] == "|" and line.count("|") > 1
            if is_row or table or _is_separator(lines, position + 1):
                table.append(line)
                continue
        if table:
            yield from _read_table(table, position - len(table), labels)
            table = []
        if ":" in line or "：" in line:
            label = _LABEL_START.match(line)
            if label and (find_label_kind(labels, label[1]) or _SEVERAL_PARTS.search(line)):
                yield from _read_label_line(lines, position, labels)
        elif "**" in line[:8] or "__" in line[:8]:
            yield from _read_label_line(lines, position, labels)
    if table:
        yield from _read_table(table, len(lines) - len(table), labels)


def _find_html_pairs(text: str, labels: Labels) -> Iterator[_Statement]:
    """Yield the labels in rows and definition lists that are written as HTML."""
    for match in re.finditer(_HTML_PAIR, text):
        if kind := find_label_kind(labels, _strip_markup(match[1] or match[3])):
            value = _strip_markup(_TAG.sub(" ", match[2] or match[4] or ""))
            yield _Statement(kind, value, text.count("\n", 0, match.start()))


def _is_separator(lines: Sequence[str], position: int) -> bool:
    """Return whether a line is the one below the head of a table."""
    line = lines[position] if position < len(lines) else ""
    return "-" in line and "|" in line and not line.strip(" \t\r|:+-")


def _read_label_line(lines: Sequence[str], position: int, labels: Labels) -> Iterator[_Statement]:
    """Yield the labels of one line; a value that is missing may be in the line below."""
    line = lines[position][:MAX_VALUE_LINE]
    if "](" in line:
        line = _LINK.sub(r"\1", line)
    if "<" in line:
        line = _TAG.sub("", _LINE_BREAK.sub(" | ", line))
    parts = [line]
    if line.count(":") + line.count("：") > 1:
        parts = _LABEL_PART.split(line)
    for part in parts:
        kind, value = _split_label(part, labels)
        if kind is not None:
            value = _strip_markup(value) or _find_value_below(lines, position, labels, kind)
            yield _Statement(kind, value, position)


def _split_label(text: str, labels: Labels) -> tuple[str | None, str]:
    """Return the kind of the label at the start of a text, and the text after it."""
    label, value = _split_at_colon(text)
    if label and not any(map(str.isalnum, label)):
        shortcode = _SHORTCODE.match(text)
        label, value = _split_at_colon(text[shortcode.end() :]) if shortcode else ("", "")
    is_short = label and len(label) <= MAX_LABEL
    if is_short and (kind := find_label_kind(labels, label.strip(" \t*_>#"))):
        return kind, value
    if "**" in text[:8] or "__" in text[:8]:
        bold = _BOLD_LABEL.match(text)
        if bold and (kind := find_label_kind(labels, bold[2])):
            return kind, bold[3]
    return None, ""


def _split_at_colon(text: str) -> tuple[str, str]:
    colons = [position for position in (text.find(":"), text.find("：")) if position >= 0]
    if not colons:
        return "", ""
    return text[: min(colons)] or " ", text[min(colons) + 1 :]


def _find_chosen_line(texts: Sequence[str]) -> str:
    """Return the first line; of several boxes the one that is checked, or nothing."""
    if re.match(_BOX, texts[0]) is None:
        return texts[0]
    boxes = [(match, text) for text in texts if (match := re.match(_BOX, text))]
    if len(boxes) == 1 and boxes[0][0][1] == " ":
        return texts[0]
    return next((text for match, text in boxes if match[1] != " "), "")


def _find_value_below(lines: Sequence[str], position: int, labels: Labels, kind: str) -> str:
    """Return the value of a label that ends its line: the next line, unless it has a label."""
    for line in lines[position + 1 : position + 3]:
        if line.strip():
            if line.lstrip()[:1] in "#|" or _split_label(line, labels)[0]:
                break
            return _clean_value(line, kind)
    return ""


def _read_table(rows: Sequence[str], position: int, labels: Labels) -> Iterator[_Statement]:
    """Yield the labels of a table: in its first column, or in the row above its only row."""
    cells = [[_strip_markup(cell) for cell in _split_row(row)] for row in rows]
    has_head = _is_separator(rows, 1)
    body = cells[2:] if has_head else cells
    if has_head:
        kinds = [find_label_kind(labels, cell) for cell in cells[0]]
        pairs = [row for row in body if len(row) > 1 and find_label_kind(labels, row[0])]
        if len(body) == 1 and not pairs and any(kinds):
            few = len(kinds) >= 2 * (len(kinds) - kinds.count(None))
            column = few or "severity" not in kinds
            for kind, value in zip(kinds, body[0], strict=False):
                if kind is not None:
                    yield _Statement(kind, value, position, column=column)
            return
        if pairs or not body:
            body = [cells[0], *body]
    for offset, row in enumerate(body):
        for label, value in zip(row[::2], row[1::2], strict=False):
            if len(label) <= MAX_LABEL and (kind := find_label_kind(labels, label)):
                yield _Statement(kind, value, position + offset)


def _split_row(row: str) -> list[str]:
    return row.strip().strip("|").replace("\\|", "/").split("|")


def _clean_value(line: str, kind: str) -> str:
    """Return the value on a line of its own; a date may begin like an item of a list."""
    bullet = None if kind in DATE_KINDS else _LIST_BULLET.match(line)
    return _strip_markup(line[bullet.end() :] if bullet else line)


def _strip_markup(text: str) -> str:
    """Return a value without the marks of links, emphasis, code and tags around it."""
    text = text[:MAX_VALUE_LINE].lstrip(" \t\r*_`\\~>").rstrip(" \t\r*_`\\~")
    if "[" in text:
        text = _LINK.sub(r"\1", text)
    if "<" in text:
        text = _TAG.sub("", text) or text
    return strip_inline_markup(text).strip(" *_`")


def _choose_texts(
    statements: Sequence[_Statement],
    headings: Sequence[DocumentHeading],
    labels: Labels,
    severities: Collection[str],
) -> tuple[dict[str, str], NumericDate | None]:
    """Return the chosen value for each field, and the first date whose parts have no order."""
    starts = _find_section_starts(headings, labels)
    candidates: dict[str, list[_Candidate]] = {}
    numeric_date = None
    for statement in statements:
        section = bisect_right(starts, statement.position)
        if statement.column and section > 1:
            continue
        if statement.kind in DATE_KINDS and "20" in statement.value:
            numeric_date = numeric_date or find_numeric_date(statement.value)
        if value := _convert_value(statement, labels, severities):
            candidate = _Candidate(value, section, statement.short)
            candidates.setdefault(statement.kind, []).append(candidate)
    described = {
        candidate.section for kind in ("severity", "date") for candidate in candidates.get(kind, ())
    }
    texts: dict[str, str] = {}
    for kind, values in candidates.items():
        near = [candidate for candidate in values if candidate.section <= 1]
        far = {
            candidate.value
            for candidate in values
            if candidate.short or kind in FAR_KINDS or candidate.section in described
        }
        if near or kind in DATE_KINDS:
            texts[kind] = (near or values)[0].value
        elif len(far) == 1:
            texts[kind] = far.pop()
    start = texts.pop("start", None)
    if start:
        texts.setdefault("date", start)
    return texts, numeric_date


def _find_section_starts(headings: Sequence[DocumentHeading], labels: Labels) -> list[int]:
    """Return where sections begin; neither the title nor a heading that is a label begins one."""
    return [
        heading.start
        for number, heading in enumerate(headings)
        if not (
            (number == 0 and heading.level == 1)
            or find_label_kind(labels, heading.text.partition(":")[0][:MAX_LABEL])
        )
    ]


def _convert_value(
    statement: _Statement, labels: Labels, severities: Collection[str]
) -> str | None:
    """Return the value of a statement if it makes sense for its field."""
    kind, value = statement.kind, statement.value
    if kind in DATE_KINDS:
        return find_date(value, labels.months)
    if kind == "severity":
        return None if _is_template_text(value) else find_severity(value, labels, severities)
    if kind == "id":
        is_id = _ID.fullmatch(value) and not _PLACEHOLDER.fullmatch(value)
        return value.lstrip("#") if is_id else None
    if kind == "title":
        return _clean_title(value, labels)
    if kind == "fix":
        commits = value.replace("`", "")
        return " ".join(re.split(r"[\s,;]+", commits)) if _COMMITS.fullmatch(commits) else None
    if (
        (kind == "owner" and (_HANDLES.fullmatch(value) or "@" in value[1:]))
        or (kind == "status" and _is_choice_of_statuses(value, labels))
        or (kind == "class" and len(re.split(_CHOICE_SEPARATOR, value)) > MAX_WORD_COUNT)
    ):
        return None
    if not value.isascii() or value[:1] == ":":
        value = re.sub(rf"\A{_EMOJI}", "", value)
    return _clean_name(value, labels, kind)


def _is_choice_of_statuses(value: str, labels: Labels) -> bool:
    words = [normalize_word(part) for part in re.split(r"[/|,]", value)]
    return len(words) > 1 and all(word in labels.statuses for word in words)


def _is_template_text(value: str) -> bool:
    """Return whether a value is one that a template leaves to be filled in."""
    return _is_placeholder(value) and not is_severity_code(value.strip("[]"))


def _clean_title(value: str, labels: Labels) -> str | None:
    word = normalize_word(value)
    if not word or word in labels.placeholders or word in labels.documents:
        return None
    return None if _is_placeholder(value) else value


def _clean_name(value: str, labels: Labels, kind: str) -> str | None:
    """Return a short name, such as a team; None for prose and for placeholders."""
    word = normalize_word(value)
    if not word or len(value) > MAX_NAME or len(value.split()) > MAX_NAME_WORDS:
        return None
    if word in labels.placeholders and not (kind == "status" and word in labels.statuses):
        return None
    return None if _is_placeholder(value) else value.rstrip(".")
