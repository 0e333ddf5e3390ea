"""What git knows: dates, revisions, files and their contents, patches, the log.

A call that fails raises `GitError`; `None` and empty results are answers of git.
"""

from __future__ import annotations

from pytest_postmortem.git.commits import (
    Commit,
    adding,
    commit_of,
    head,
    head_date,
    is_cut,
    is_shallow,
    is_unborn,
    log,
    mentioning,
    merge_base,
    origin,
    parent,
    subject,
)
from pytest_postmortem.git.patches import applied, is_inside, patch, patched
from pytest_postmortem.git.process import require, top, unread
from pytest_postmortem.git.trees import (
    Changed,
    Index,
    blobs,
    changed,
    ever_added,
    ever_there,
    export,
    files,
    generated,
    index,
    modules,
    renamed,
    tree,
    unlike,
)

__all__ = [
    "Changed",
    "Commit",
    "Index",
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
    "head",
    "head_date",
    "index",
    "is_cut",
    "is_inside",
    "is_shallow",
    "is_unborn",
    "log",
    "mentioning",
    "merge_base",
    "modules",
    "origin",
    "parent",
    "patch",
    "patched",
    "renamed",
    "require",
    "subject",
    "top",
    "tree",
    "unlike",
    "unread",
]
