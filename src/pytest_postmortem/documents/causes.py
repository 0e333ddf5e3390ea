"""Find the cause, the five whys and the class of problem in the parts of a document.

The cause is a sentence about the system. Guidance of a template, placeholders, references and
persons are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from pytest_postmortem.documents.heading_kinds import classify_heading, rank_heading
from pytest_postmortem.documents.labels import find_label_kind, load_labels
from pytest_postmortem.documents.parts import DocumentPart, split_cause_heading, split_label
from pytest_postmortem.documents.persons import SOMEONE, is_only_person, remove_persons
from pytest_postmortem.documents.placeholders import (
    is_assumption_label,
    is_guidance,
    is_placeholder_text,
    is_reference,
    is_unfinished_text,
)
from pytest_postmortem.documents.sections import CHECKBOX, DocumentPassage
from pytest_postmortem.documents.vocabulary import compile_expression
from pytest_postmortem.model import ExtraWords

MAX_CAUSE_LENGTH = 200
NAMED_CAUSE_RANK = 1.4
WHYS_RANK = 1.6
"""A sentence "The root cause was ..." in a summary, and the last answer of the five whys, count
more than contributing factors (2), and less than a section on the cause (1).
"""

BEST_FACTOR_RANK = 2
MAX_SEARCHED_LENGTH = 5000
MAX_WHY_LENGTH = 300
MAX_TODO_WORDS = 8
MAX_REQUEST_WORDS = 12
MIN_SENTENCE_WORDS = 3
MAX_CLASS_LENGTH = 80
MAX_ITEMS = 3
"""The number of items of a list that are joined to one cause."""

COLONS = (":", "：")
QUESTION_MARKS = ("?", "？")

_SENTENCE_START = re.compile(r"(?<=[.!])\s+(?=\S)|\n(?![a-zß-ÿа-я])")
"""The end of a sentence, or of a line unless the next one continues it in lower case."""

_METADATA_KINDS = ("id", "title", "date", "severity", "owner", "status", "class", "fix")
_LABEL_DASH = re.compile(r"([^\n–—-]{3,40}?)\s[–—-]+\s+(?=\S)")
_LEADING_QUESTION = re.compile(r"[^?？.。!]{3,300}[?？][)*_\"”]*\s*(?=\S)")
_INLINE_LABEL = re.compile(
    r"(?:^|(?<=[.?!—–:)。？！»”\"])\s*|\n)([^\W\d_][^\W\d_ ]*(?: [^\W\d_]+){0,3})\s*[:：]\s+"
)
_SENTENCE_END = re.compile(r"(?<=[.!])\s+|\n\n")
_FOOTNOTE = re.compile(r"\[\^[^\[\]]*\]")
_LINK_ASIDE = re.compile(r"\s*[(\[]\s*(?:see:?\s*)?(?:https?://\S+?)\s*[)\]]")
_CLAUSE_END = re.compile(r"[.:;。：；]\s|\s[–—]\s|[。：；]")
_CLASS_CHOICE = re.compile(r"\s+[/|]\s+")


def find_document_cause(parts: Sequence[DocumentPart], extra: ExtraWords = ()) -> str | None:
    """Return the cause that a document gives, in one line of at most 200 characters, or None.

    Of several parts the most specific that has a text counts.
    """
    candidates = [*_list_whys_candidates(parts), *_list_cause_candidates(parts, extra)]
    candidates.sort(key=lambda candidate: candidate.rank)
    text = next(filter(None, map(_build_cause_text, candidates)), None)
    return text and shorten_at_word(text, MAX_CAUSE_LENGTH)


@dataclass(frozen=True, slots=True)
class _CauseCandidate:
    """Passages that may give the cause, or a text that does; ``below`` are the headings below."""

    rank: float
    passages: Sequence[DocumentPassage] = ()
    below: Sequence[str] = ()
    text: str = ""


def _list_whys_candidates(parts: Sequence[DocumentPart]) -> Iterator[_CauseCandidate]:
    for why in find_document_whys(parts)[-1:]:
        yield _CauseCandidate(WHYS_RANK, text=_strip_question(why))


def _list_cause_candidates(
    parts: Sequence[DocumentPart], extra: ExtraWords
) -> Iterator[_CauseCandidate]:
    for position, part in enumerate(parts):
        if part.kind == "story":
            yield from _list_named_causes(part, NAMED_CAUSE_RANK)
        if part.kind in ("cause", "whys"):
            yield from _list_inline_causes(part, extra)
        if part.kind == "cause":
            if not part.passages:
                text = split_cause_heading(part.heading, extra)
                yield _CauseCandidate(part.rank, [DocumentPassage(text, part.line)])
            yield from _list_labelled_causes(part, extra)
            yield from _list_named_causes(part, part.rank)
            below = takewhile(lambda after: after.level > part.level > 0, parts[position + 1 :])  # noqa: B023
            headings = [after.heading for after in below if after.kind == "cause"]
            yield _CauseCandidate(part.rank, part.passages, headings)


def _list_named_causes(part: DocumentPart, rank: float) -> Iterator[_CauseCandidate]:
    """Yield the sentences of a part that say what the root cause was."""
    for passage in part.passages:
        for sentence in _SENTENCE_END.split(passage.text[:MAX_SEARCHED_LENGTH]):
            if compile_expression("named_cause").match(sentence):
                yield _CauseCandidate(rank, [DocumentPassage(sentence, passage.line)])


def _list_inline_causes(part: DocumentPart, extra: ExtraWords) -> Iterator[_CauseCandidate]:
    """Yield the texts behind a label within a passage, as in "5. Why? **Root cause:** ..."."""
    for passage in part.passages:
        text = passage.text[:MAX_SEARCHED_LENGTH]
        for match in _INLINE_LABEL.finditer(text):
            ranked = rank_heading(match[1], extra)
            if (
                not ranked
                or ranked.kind != "cause"
                or compile_expression("why").fullmatch(match[1])
            ):
                continue
            if part.kind == "whys" or (match.start() > 0 and ranked.rank <= part.rank):
                answer = DocumentPassage(text[match.end() :], passage.line)
                yield _CauseCandidate(ranked.rank, [answer])


def _list_labelled_causes(part: DocumentPart, extra: ExtraWords) -> Iterator[_CauseCandidate]:
    """Yield the passages of a part that a label names as a better cause than its heading does.

    Of labels that are as good as the heading, the first counts, since text above it introduces it.
    """
    is_labelled = False
    for position, passage in enumerate(part.passages):
        label, remainder = split_label(passage)
        if passage.is_head and len(remainder.text.split()) < MIN_SENTENCE_WORDS:
            continue
        ranked = rank_heading(label, extra)
        if not ranked or ranked.kind != "cause":
            continue
        is_better = ranked.rank < part.rank
        is_equal = ranked.rank == part.rank < BEST_FACTOR_RANK and not is_labelled
        is_labelled = is_labelled or is_equal
        if is_better or (is_equal and (position or passage.is_head)):
            following = part.passages[position + 1 :]
            passages = [remainder, *following] if remainder.text else following
            yield _CauseCandidate(ranked.rank - (0 if is_better else 0.1), passages)


def _build_cause_text(candidate: _CauseCandidate) -> str | None:
    """Return the first sentences in the passages that are about the system.

    A line in bold is the heading of the text below it, and the text if there is nothing else.
    """
    if candidate.text:
        return candidate.text
    passages = _drop_assumptions(
        passage
        for passage in candidate.passages
        if not (passage.is_head or _is_unchecked_option(passage))
    )
    text = _read_first_text(passages, candidate.below)
    if text is None and any(passage.label for passage in passages):
        unlabelled = [replace(passage, label="") for passage in passages]
        text = _read_first_text(unlabelled, candidate.below)
    return text


def _read_first_text(passages: Sequence[DocumentPassage], below: Sequence[str]) -> str | None:
    for position, passage in enumerate(passages):
        following = passages[position + 1 :]
        texts = _read_group(passage, following)
        if texts and texts[0].endswith(COLONS):
            return _complete_introduction(texts[0], passage, following, below)
        if texts:
            return _join_items(texts)
    return None


def _read_group(passage: DocumentPassage, following: Sequence[DocumentPassage]) -> list[str]:
    """Return the text of a passage with those of the items or rows after it, if it has any."""
    text = _read_item(passage, following)
    if not text:
        return []
    if passage.item:
        return [text, *_read_sibling_items(passage, following)]
    rows = takewhile(lambda row: bool(row.cells), following) if passage.cells else ()
    return [text, *filter(None, map(_read_passage, rows))]


def _drop_assumptions(passages: Iterable[DocumentPassage]) -> Sequence[DocumentPassage]:
    """Return passages without "Wrong assumptions:" and the list below it: what people believed."""
    kept: list[DocumentPassage] = []
    group = 0
    for passage in passages:
        if group and passage.item and passage.group == group:
            continue
        if is_assumption_label(passage.text.split("\n")[0]):
            group = -1
        elif group == -1 and passage.item:
            group = passage.group
        else:
            group = 0
            kept.append(passage)
    return kept


def _is_unchecked_option(passage: DocumentPassage) -> bool:
    """Return whether a passage is a box that is not checked: an option of a template."""
    box = CHECKBOX.match(passage.text) if passage.item else None
    return box is not None and box[1] == " "


def _read_item(passage: DocumentPassage, following: Sequence[DocumentPassage]) -> str:
    """Return the text of an item; one that is only a label is completed by its paragraph."""
    text = _read_passage(passage)
    if text and _is_only_label(passage) and following:
        after = following[0]
        if not after.item and after.depth >= passage.depth and (detail := _read_passage(after)):
            return f"{text.rstrip(' :：')}: {detail}"
    return text


def _read_sibling_items(
    first: DocumentPassage, following: Sequence[DocumentPassage]
) -> Iterator[str]:
    """Yield the texts of the other items of a list, up to one with a label of another part."""
    for position, passage in enumerate(following):
        if passage.depth < first.depth or (passage.item and _begins_other_part(passage, first)):
            return
        if passage.item and passage.depth == first.depth and passage.group == first.group:
            text = _read_item(passage, following[position + 1 :])
            if text and not text.endswith(COLONS):
                yield text


def _begins_other_part(item: DocumentPassage, first: DocumentPassage) -> bool:
    """Return whether an item has a label as ``Impact:``, or that of a lesser cause than another."""
    label, remainder = split_label(item)
    ranked = rank_heading(label) if label and remainder.text else None
    if ranked is None or ranked.kind == "whys":
        return False
    best = rank_heading(split_label(first)[0])
    return ranked.kind != "cause" or (
        best is not None and best.kind == "cause" and ranked.rank > best.rank
    )


def _complete_introduction(
    text: str,
    passage: DocumentPassage,
    following: Sequence[DocumentPassage],
    below: Sequence[str],
) -> str:
    """Return an introduction that ends with a colon, with the text that it introduces."""
    groups = (_read_group(after, following[n + 1 :]) for n, after in enumerate(following))
    position, texts = next(((n, group) for n, group in enumerate(groups) if group), (0, []))
    if not texts or following[position].depth < passage.depth:
        texts = [heading for heading in below if not is_placeholder_text(heading)]
    if not texts:
        return text.rstrip(" :：")
    return f"{text} {_join_items([introduced.rstrip(':： ') for introduced in texts])}"


def _join_items(texts: Sequence[str]) -> str:
    """Return items in one line: sentences after each other, others with a semicolon."""
    line = texts[0]
    for text in texts[1:MAX_ITEMS]:
        ended = line.endswith((".", "!", "。", "！", ";", "；"))
        line += f"{' ' if ended else '; '}{text}"
    return line


def _read_passage(passage: DocumentPassage) -> str:
    """Return what a passage says about the system, nothing if it is a hint or a reference."""
    if passage.struck or passage.is_head:
        return ""
    if passage.cells:
        return _read_row(passage)
    stripped = _strip_own_label(passage)
    shown = stripped.text if stripped.shown is None else stripped.shown
    if stripped.emphasised and is_guidance(" ".join(shown.split()), emphasised=True):
        return ""
    text = _drop_guidance_sentences(shown)
    if text != shown:
        stripped = replace(stripped, text=text, emphasised=False)
    if not stripped.text or _is_saying_nothing(stripped):
        return ""
    text = compile_expression("admonition").sub("", CHECKBOX.sub("", text))
    text = _drop_guidance_sentences(text)
    sentence = _clean_sentence(_strip_question(text))
    if is_guidance(text) and not sentence.endswith(COLONS):
        return ""
    is_person = sentence == SOMEONE or compile_expression("byline").fullmatch(sentence) is not None
    return "" if is_person or is_only_person(stripped.text, sentence) else sentence


def _drop_guidance_sentences(text: str) -> str:
    """Return a text without sentences at its start that say what to write."""
    while split := _SENTENCE_START.search(text):
        first = text[: split.end()].strip()
        if not is_guidance(first) or first.endswith(QUESTION_MARKS):
            return text
        text = text[split.end() :]
    return text


def _strip_own_label(passage: DocumentPassage) -> DocumentPassage:
    """Return a passage without a label that only names the part: ``Root cause: ...``."""
    label, remainder = split_label(passage)
    if not label and (dash := _LABEL_DASH.match(passage.text)):
        text = passage.text[dash.end() :]
        if classify_heading(dash[1]) == "cause":
            return replace(passage, text=text, prose=text, unlinked=None, shown=None)
    kind = classify_heading(label) if label else None
    if kind in ("cause", "whys") or (kind == "story" and remainder.text):
        return remainder
    is_author = compile_expression("author_label").fullmatch(label)
    if label and (is_author or find_label_kind(load_labels(), label) in _METADATA_KINDS):
        return replace(passage, text="")
    is_sentence = passage.label.endswith((".", "!", "。"))
    if _is_only_label(passage) and not passage.item and not is_sentence:
        return replace(passage, text="")
    return passage


def _is_only_label(passage: DocumentPassage) -> bool:
    return bool(passage.label) and passage.label == passage.text.strip(" :：*")


def _is_saying_nothing(passage: DocumentPassage) -> bool:
    text = passage.text
    words = len(text.split())
    if (
        is_placeholder_text(CHECKBOX.sub("", text))
        or is_unfinished_text(text)
        or compile_expression("unknown_cause").match(text)
        or compile_expression("tickets").fullmatch(text)
        or (words <= MAX_TODO_WORDS and compile_expression("to_be_written").match(text))
        or (words <= MAX_REQUEST_WORDS and compile_expression("request").match(text))
    ):
        return True
    answer = _strip_question(text)
    if answer != text:
        return is_placeholder_text(answer) or is_guidance(answer)
    return is_guidance(text, emphasised=passage.emphasised) or is_reference(passage)


def _read_row(row: DocumentPassage) -> str:
    """Return the cause in the row of a table: a column for it, or the cells in one line."""
    cells = [(head, cell) for head, cell in row.cells if not is_placeholder_text(cell)]
    best = [cell for head, cell in cells if classify_heading(head) == "cause"]
    details = [
        cell for head, cell in cells if compile_expression("detail_head").fullmatch(head.strip())
    ]
    texts = [cell for _, cell in cells if not cell.strip(" #.").isdigit()]
    if not texts:
        return ""
    name = best[0] if best else texts[0]
    detail = next((cell for cell in details if cell != name), None)
    if detail is None and not best and len(texts) > 1:
        detail = texts[1]
    return _clean_sentence(f"{name.rstrip(':')}: {detail}" if detail else name)


def _strip_question(text: str) -> str:
    """Return the answer in a text that begins with its question."""
    while match := _LEADING_QUESTION.match(text):
        text = text[match.end() :].lstrip(" -–—→>:")
    return text


def _clean_sentence(text: str) -> str:
    text = remove_persons(" ".join(_LINK_ASIDE.sub("", _FOOTNOTE.sub("", text)).split()))
    return re.sub(r"\s+([,.;:])", r"\1", text).strip(" -–—>")


def shorten_at_word(text: str, most: int) -> str:
    """Return a text of at most ``most`` characters, cut after a word and with an ellipsis."""
    if len(text) <= most:
        return text
    head = text[: most - 1]
    cut = most - 1 if text[most - 1] == " " else head.rfind(" ")
    return (head[:cut] if cut > most * 2 // 3 else head).rstrip(" ,;:（(") + "…"


def find_document_whys(parts: Sequence[DocumentPart]) -> tuple[str, ...]:
    """Return the answers of the five whys, each with its question if the document has it."""
    whys: list[str] = []
    for part in parts:
        if part.kind == "whys":
            question = part.heading if part.heading.rstrip().endswith(QUESTION_MARKS) else ""
            single = bool(re.search(r"[1-9]", part.heading)) and not re.search(
                r"(?:5|five)", part.heading, re.IGNORECASE
            )
            found = list(_list_answers(part.passages, question if single or question else ""))
            whys += [" ".join(found)] if single and found else found
    return tuple(shorten_at_word(why, MAX_WHY_LENGTH) for why in whys if why)


def _list_answers(passages: Sequence[DocumentPassage], question: str = "") -> Iterator[str]:
    """Yield each answer after its question; a question without an answer is left out."""
    items = [passage for passage in passages if passage.item]
    top = min((passage.depth for passage in items), default=0)
    depths = [passage.depth for passage in items]
    is_chain = len(set(depths)) == len(depths)
    for passage in passages:
        if passage.is_head or passage.struck:
            continue
        if passage.cells:
            yield from _list_row_answers(passage)
            continue
        text = _clean_sentence(compile_expression("why_label").sub("", passage.text, count=1))
        text = re.sub(r"([?？])\s+[-–—→>]+\s+", r"\1 ", re.sub(r"^Q\d*[:.]\s*", "", text))
        if not text or is_placeholder_text(text):
            continue
        if text.endswith(QUESTION_MARKS):
            question = text
        elif question:
            yield f"{question} {text}"
            question = ""
        elif (passage.depth <= top or is_chain) and not is_guidance(
            passage.text, emphasised=passage.emphasised
        ):
            yield text


def _list_row_answers(row: DocumentPassage) -> Iterator[str]:
    """Yield the answer in a row of a table of questions and answers."""
    texts = [
        _clean_sentence(cell)
        for _, cell in row.cells
        if not is_placeholder_text(cell) and not re.fullmatch(r"\W*(?:why\W*)?#?\d*\W*", cell, re.I)
    ]
    if texts and not texts[-1].endswith(QUESTION_MARKS):
        yield " ".join(texts[-2:])


def find_document_class(parts: Sequence[DocumentPart], extra: ExtraWords = ()) -> str | None:
    """Return the class of problem that a document gives, or None; a long text is none."""
    passages = [passage for part in parts if part.kind == "class" for passage in part.said]
    for part in parts:
        if part.kind in ("cause", "whys"):
            labelled = map(split_label, part.said)
            passages += [rest for label, rest in labelled if _is_class_label(label, extra)]
    boxes = [CHECKBOX.match(passage.text) for passage in passages]
    checked = [p for p, box in zip(passages, boxes, strict=True) if box and box[1] != " "]
    if any(boxes):
        passages = checked
    for passage in passages:
        text = CHECKBOX.sub("", passage.text.strip().split("\n")[0])
        if is_placeholder_text(text) or len(_CLASS_CHOICE.split(text)) > MAX_ITEMS:
            continue
        label, remainder = split_label(DocumentPassage(text, 0, label=passage.label))
        text = _clean_sentence(remainder.text if _is_class_label(label, extra) else text)
        text = text.rstrip(".;")
        if is_placeholder_text(text) or is_guidance(passage.text) or is_reference(passage):
            continue
        clause = _CLAUSE_END.split(text)[0]
        name = text if len(text) <= MAX_CLASS_LENGTH else clause
        return name if len(name) <= MAX_CLASS_LENGTH else None
    return None


def _is_class_label(label: str, extra: ExtraWords) -> bool:
    return bool(label) and classify_heading(label, extra) == "class"
