"""Read a registry file into raw entries, each with its line.

A file has a list or a mapping of entries, bare or under ``postmortems`` (``incidents``,
``defects``, ``issues``), and next to it settings for all of them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pytest_postmortem.errors import Problem, RegistryError
from pytest_postmortem.registry import fields, parsers
from pytest_postmortem.registry.advisories import merge_advisories
from pytest_postmortem.registry.exports import find_export_items
from pytest_postmortem.registry.file_bytes import READ_REGISTRY, decode_utf8
from pytest_postmortem.registry.filenames import DOCUMENT_SUFFIXES, DocumentKind
from pytest_postmortem.registry.load_options import LoadOptions
from pytest_postmortem.registry.located_data import LocatedTable
from pytest_postmortem.registry.raw_entries import WRAPPER_KEYS, RegistryContents, build_raw_entries
from pytest_postmortem.text import clean_text

FILE_SETTINGS = ("url_template", "prefix", "source", "partial")
INCIDENT_LIST_KINDS: Mapping[str, DocumentKind] = {
    suffix: kind for suffix, kind in DOCUMENT_SUFFIXES if kind != "data"
}
"""The suffixes of a document that may be named as a location, since it lists incidents."""


def parse_registry_file(data: bytes, path: str, shown: str, how: LoadOptions) -> RegistryContents:
    """Parse the content of a registry file, in the format of its suffix.

    ``how`` has the words and severities for a document that lists incidents.

    Raises: RegistryError if nothing of it can be read.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in parsers.READ_SUFFIXES and suffix not in INCIDENT_LIST_KINDS:
        cause = "its name ends in none of .yml, .yaml, .json, .toml, .csv and .md"
        remedy = "name a file in one of these formats, or a directory of post-mortems"
        raise RegistryError([Problem("registry-location", READ_REGISTRY, cause, remedy, shown)])
    text = decode_utf8(data, shown, READ_REGISTRY)
    if suffix in INCIDENT_LIST_KINDS:
        from pytest_postmortem.registry.document import DocumentDirectory
        from pytest_postmortem.registry.incident_list import read_incident_list

        document = DocumentDirectory(path, shown, how)
        return RegistryContents(read_incident_list(text, INCIDENT_LIST_KINDS[suffix], document))
    tree = parsers.parse_data_text(text, suffix, failed=READ_REGISTRY, path=shown)
    return parse_registry_tree(tree, shown)


def parse_registry_tree(tree: Any, shown: str, *, exports: bool = True) -> RegistryContents:
    """Return the contents of a tree in the format of a file, with the problems of its outline.

    With ``exports`` it may also have the form in which a service delivers its incidents.

    Raises: RegistryError if it is one bare entry.
    """
    exported = find_export_items(tree) if exports else None
    if exported is not None:
        raws, problems = build_raw_entries(exported, shown)
        return RegistryContents(list(merge_advisories(raws)), problems)
    if not isinstance(tree, LocatedTable):
        return RegistryContents(*build_raw_entries(tree, shown))
    names = {fields.normalize_key(key): key for key in tree}
    lines = {name: tree.lines[key] for name, key in names.items() if key in tree.lines}
    settings = {name: tree[names[name]] for name in FILE_SETTINGS if name in names}
    contents = RegistryContents(*build_raw_entries(_find_entries(tree, names, shown), shown))
    texts = {}
    for name in ("prefix", "url_template", "partial"):
        value = settings.get(name)
        if isinstance(value, str):
            texts[name] = clean_text(value)
        elif value is not None and not isinstance(value, LocatedTable):  # a mapping is an entry
            cause = f"{name!r} is not a text"
            remedy = f"write {name!r} as one text, or leave it out"
            contents.problems.append(
                Problem("registry-field", READ_REGISTRY, cause, remedy, shown, lines.get(name))
            )
    contents.prefix, contents.partial = texts.get("prefix", ""), texts.get("partial")
    contents.url_template = template = texts.get("url_template")
    if template is not None:
        contents.problems += check_url_template(template, shown, lines.get("url_template"))
    source, line = settings.get("source"), lines.get("source")
    if isinstance(source, str) and source:  # it names a preset or an address
        contents.source = LocatedTable(line)
        contents.source["url" if source.startswith(("http:", "https:")) else "preset"] = source
    elif source is None or isinstance(source, LocatedTable):
        contents.source = source
    else:
        cause, remedy = "'source' is neither a text nor a mapping", "write a mapping with a 'url'"
        problem = Problem("source-block", READ_REGISTRY, cause, remedy, shown, line)
        contents.problems.append(problem)
    return contents


def _find_entries(tree: LocatedTable, names: Mapping[str, str], shown: str) -> Any:
    """Return the entries of a file; ``names`` has the keys of its mapping by normalized key."""
    wrapper = next((names[name] for name in WRAPPER_KEYS if name in names), None)
    if wrapper is not None:
        return tree[wrapper]
    id_key = names.get("id", "")
    if isinstance(tree.get(id_key), str):
        cause, remedy = (
            "it holds one bare entry",
            "write a list of entries, even if it has only one",
        )
        problem = Problem(
            "registry-shape", READ_REGISTRY, cause, remedy, shown, tree.lines.get(id_key)
        )
        raise RegistryError([problem])
    entries = LocatedTable(tree.line)
    for name, key in names.items():
        if name not in FILE_SETTINGS or (name != "source" and isinstance(tree[key], Mapping)):
            entries[key] = tree[key]
    entries.lines = tree.lines
    return entries


def check_url_template(
    template: str, path: str | None = None, line: int | None = None
) -> list[Problem]:
    """Return the problems of a template of links."""
    reason: str | None = "it has no '{id}'"
    if "{id}" in template:
        reason = fields.find_link_problem(fields.fill_url_template(template, "id"))
    if not reason:
        return []
    cause = f"the url_template {template!r} can't be used: {reason}"
    remedy = "write an address with '{id}' in it, such as https://wiki.example.com/{id}"
    return [Problem("registry-url", READ_REGISTRY, cause, remedy, path, line)]
