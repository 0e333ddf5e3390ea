"""A document, or the fields of an entry → what it says, in parts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_postmortem.errors import RegistryError
from pytest_postmortem.model import Postmortem
from pytest_postmortem.registry import fields, formats, markup
from pytest_postmortem.registry.documents import front_matter, is_document
from pytest_postmortem.registry.files import read_text
from pytest_postmortem.registry.names import Name, name_of
from pytest_postmortem.registry.reading import READ_DOCUMENT
from pytest_postmortem.written.parts import Part, parts
from pytest_postmortem.written.passages import Section, sections
from pytest_postmortem.written.trees import of_tree

__all__ = ["Writing", "file_of", "ignores", "of_fields", "read"]

MAX_SIZE = 500_000
"""The bytes of the largest document that is read as a whole, which takes a few seconds."""

_COMMENT = re.compile(
    r"(?:<!--|(?:^|\s)#|^\.\.)\s*postmortem:\s*ignore\s*=\s*([\w*, -]{1,500}?)\s*(?:-->|$)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Writing:
    """What is written about an incident: its parts, and the codes that it asks to ignore.

    ``whole`` says that it is a document, of which a part may be missed.
    """

    path: str
    parts: tuple[Part, ...]
    ignored: frozenset[str] = frozenset()
    whole: bool = True


def file_of(postmortem: Postmortem, root: Path) -> tuple[Path, str] | None:
    """Return the document of an incident and its path as it is shown, None where there is none.

    It is the place of the entry, or else what its link leads to in the checkout.
    """
    for text in (postmortem.path, postmortem.url):
        shown = (text or "").split("#")[0]
        if shown and ":" not in shown.split("/")[0] and name_of(shown.rpartition("/")[2]):
            for name in dict.fromkeys((shown, fields.file_name(shown))):
                with suppress(OSError, ValueError):
                    if (root / name).is_file():
                        return root / name, shown
    return None


def read(file: Path, shown: str) -> Writing | None:
    """Read a document; None where it lists several, or can't be read, which loading the registry
    says.
    """
    name = name_of(file.name)
    if name is None:
        return None
    try:
        text = read_text(str(file), shown, READ_DOCUMENT, MAX_SIZE)
        found = _of_data(text, shown) if name.kind == "data" else list(_sections(text, name, shown))
    except RegistryError:
        return None
    if found is None:
        return None
    comments = [comment for section in found for comment in section.comments]
    return Writing(shown, parts(found), ignores(comments))


def _of_data(text: str, shown: str) -> list[Section] | None:
    """Return the sections of YAML or JSON, None where it is no document of its own."""
    suffix = "." + shown.rpartition(".")[2].lower()
    tree = formats.parse(text, suffix, failed=READ_DOCUMENT, path=shown)
    if not is_document(tree):
        return None
    return [Section(comments=text.split("\n")), *of_tree(tree)]


def _sections(text: str, name: Name, shown: str) -> Iterator[Section]:
    """Yield the sections of the front matter, and of the text below it."""
    lines = text.split("\n")
    values, body = front_matter(text, shown, name.kind == "rst")
    yield Section(comments=lines[: len(lines) - len(body)])
    yield from of_tree(values)
    if name.kind == "rst":
        yield from _rst(body)
    else:
        yield from sections("\n".join(body), len(lines) - len(body))


def _rst(lines: Sequence[str]) -> Iterator[Section]:
    """Yield the sections of reStructuredText, whose lists and paragraphs Markdown reads as well."""
    comments = [line for line in lines if line.startswith("..")]
    starts = [markup.Heading("", 0, 0, 0), *markup.headings(lines, rst=True)]
    ends = [*(heading.start for heading in starts[1:]), len(lines)]
    for heading, end in zip(starts, ends, strict=True):
        text = "\n".join(_without_directives(lines[heading.end : end]))
        for section in sections(text, heading.end)[:1]:
            level, line = heading.level, heading.start + 1
            yield Section(heading.text, level, line, section.passages, comments)
            comments = []


def _without_directives(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines, nothing in place of a directive, a comment or a table in reStructuredText."""
    inside = False
    for line in lines:
        inside = line.startswith("..") or (inside and (not line.strip() or line[:1].isspace()))
        table = line.startswith(("+-", "+=", "==", "| "))
        yield "" if inside or table else line


def ignores(comments: Iterable[str]) -> frozenset[str]:
    """Return the codes that comments ask to ignore, as ``<!-- postmortem: ignore=CODE -->``."""
    found = (codes for comment in comments for codes in _COMMENT.findall(comment))
    return frozenset(code for codes in found for code in re.split(r"[,\s]+", codes) if code)


def of_fields(postmortem: Postmortem) -> Writing:
    """Return what the fields of an entry say which stands in a registry file."""
    table = {
        "root_cause": postmortem.root_cause,
        "whys": list(postmortem.whys) or None,
        "class": postmortem.problem_class,
        "status": postmortem.status,
        **{key: text for key, text in postmortem.extra.items() if fields.field_of(key) is None},
    }
    written = formats.plain({key: value for key, value in table.items() if value})
    written.lines = dict.fromkeys(written, postmortem.line or 1)
    return Writing(postmortem.path or "", parts(list(of_tree(written))), whole=False)
