"""Read the text of a post-mortem, from a document or from the fields of an entry, as parts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem.documents import head as document_head
from pytest_postmortem.documents.sections import (
    DocumentSection,
    build_field_sections,
    parse_markdown_sections,
)
from pytest_postmortem.documents.vocabulary import DocumentPart, split_into_parts
from pytest_postmortem.errors import RegistryError
from pytest_postmortem.model import Postmortem
from pytest_postmortem.registry import fields, parsers
from pytest_postmortem.registry.directory import is_single_document, parse_front_matter
from pytest_postmortem.registry.entry import READ_DOCUMENT
from pytest_postmortem.registry.file import read_limited_text
from pytest_postmortem.registry.filenames import DocumentName, parse_document_name

MAX_PARSED_SIZE = 500_000
"""The size in bytes of the largest document that is read, which takes a few seconds."""

_IGNORE_COMMENT = re.compile(
    r"(?:<!--|(?:^|\s)#|^\.\.)\s*postmortem:\s*ignore\s*=\s*([\w*, -]{1,500}?)\s*(?:-->|$)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class PostmortemText:
    """The text of an incident: its parts, and the codes of the lint that it ignores.

    ``whole`` says that it is a document, in which a missing part is reported.
    """

    path: str
    parts: tuple[DocumentPart, ...]
    ignored: frozenset[str] = frozenset()
    whole: bool = True


def find_document_file(postmortem: Postmortem, root: Path) -> tuple[Path, str] | None:
    """Return the document of an incident and its path as it is shown, or None.

    It is the file of the entry, or else the file in the checkout to which its link leads.
    """
    for text in (postmortem.path, postmortem.url):
        shown_path = (text or "").split("#")[0]
        if (
            shown_path
            and ":" not in shown_path.split("/")[0]
            and parse_document_name(shown_path.rpartition("/")[2])
        ):
            for name in dict.fromkeys((shown_path, fields.unescape_bytes(shown_path))):
                with suppress(OSError, ValueError):
                    if (root / name).is_file():
                        return root / name, shown_path
    return None


def read_document(file: Path, shown: str) -> PostmortemText | None:
    """Return the text of a document, or None if it lists incidents or can't be read.

    Loading the registry reports the reason.
    """
    name = parse_document_name(file.name)
    if name is None:
        return None
    try:
        text = read_limited_text(str(file), shown, READ_DOCUMENT, MAX_PARSED_SIZE)
        sections_read = (
            _parse_data_sections(text, shown)
            if name.kind == "data"
            else list(_parse_text_sections(text, name, shown))
        )
    except RegistryError:
        return None
    if sections_read is None:
        return None
    comments = [comment for section in sections_read for comment in section.comments]
    return PostmortemText(shown, split_into_parts(sections_read), find_ignored_codes(comments))


def _parse_data_sections(text: str, shown: str) -> list[DocumentSection] | None:
    """Return the sections of YAML or JSON, or None if it is a list of incidents."""
    suffix = "." + shown.rpartition(".")[2].lower()
    tree = parsers.parse_data_text(text, suffix, failed=READ_DOCUMENT, path=shown)
    if not is_single_document(tree):
        return None
    return [DocumentSection(comments=text.split("\n")), *build_field_sections(tree)]


def _parse_text_sections(text: str, name: DocumentName, shown: str) -> Iterator[DocumentSection]:
    """Yield the sections of the front matter, and of the text below it."""
    lines = text.split("\n")
    values, body = parse_front_matter(text, shown, name.kind == "rst")
    yield DocumentSection(comments=lines[: len(lines) - len(body)])
    yield from build_field_sections(values)
    if name.kind == "rst":
        yield from _parse_rst_sections(body)
    else:
        yield from parse_markdown_sections("\n".join(body), len(lines) - len(body))


def _parse_rst_sections(lines: Sequence[str]) -> Iterator[DocumentSection]:
    """Yield the sections of reStructuredText, whose lists and paragraphs Markdown reads as well."""
    comments = [line for line in lines if line.startswith("..")]
    starts = [
        document_head.DocumentHeading("", 0, 0, 0),
        *document_head.find_headings(lines, rst=True),
    ]
    section_ends = [*(heading.start for heading in starts[1:]), len(lines)]
    for heading, end in zip(starts, section_ends, strict=True):
        text = "\n".join(_blank_rst_directives(lines[heading.end : end]))
        for section in parse_markdown_sections(text, heading.end)[:1]:
            level, line = heading.level, heading.start + 1
            yield DocumentSection(heading.text, level, line, section.passages, comments)
            comments = []


def _blank_rst_directives(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines, nothing in place of a directive, a comment or a table in reStructuredText."""
    inside = False
    for line in lines:
        inside = line.startswith("..") or (inside and (not line.strip() or line[:1].isspace()))
        table = line.startswith(("+-", "+=", "==", "| "))
        yield "" if inside or table else line


def find_ignored_codes(comments: Iterable[str]) -> frozenset[str]:
    """Return the codes that comments ask to ignore, as ``<!-- postmortem: ignore=CODE -->``."""
    code_lists = (codes for comment in comments for codes in _IGNORE_COMMENT.findall(comment))
    return frozenset(code for codes in code_lists for code in re.split(r"[,\s]+", codes) if code)


def build_text_of_fields(postmortem: Postmortem) -> PostmortemText:
    """Return the text of the fields of an entry in a registry file."""
    table = {
        "root_cause": postmortem.root_cause,
        "whys": list(postmortem.whys) or None,
        "class": postmortem.problem_class,
        "status": postmortem.status,
        **{key: text for key, text in postmortem.extra.items() if fields.find_field(key) is None},
    }
    written = parsers.convert_to_tables({key: value for key, value in table.items() if value})
    written.lines = dict.fromkeys(written, postmortem.line or 1)
    return PostmortemText(
        postmortem.path or "", split_into_parts(list(build_field_sections(written))), whole=False
    )
