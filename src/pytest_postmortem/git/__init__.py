"""What git knows: dates, revisions, files and their contents, patches, the log."""

from __future__ import annotations

from pytest_postmortem.git.commits import (
    Commit,
    adding,
    commit_of,
    head_date,
    is_cut,
    is_shallow,
    log,
    mentioning,
    merge_base,
    origin,
    parent,
    subject,
)
from pytest_postmortem.git.patches import applied, is_inside, patch, patched
from pytest_postmortem.git.process import top, trouble
from pytest_postmortem.git.trees import (
    Changed,
    blobs,
    changed,
    ever_added,
    ever_there,
    export,
    files,
    generated,
    renamed,
    tree,
    unlike,
)

__all__ = [
    "Changed",
    "Commit",
    "adding",
    "applied",
    "blobs",
    "changed",
    "commit_of",
    "ever_added",
    "ever_there",
    "export",
    "files",
    "generated",
    "head_date",
    "is_cut",
    "is_inside",
    "is_shallow",
    "log",
    "mentioning",
    "merge_base",
    "origin",
    "parent",
    "patch",
    "patched",
    "renamed",
    "subject",
    "top",
    "tree",
    "trouble",
    "unlike",
]
