"""Read access to git: dates, revisions, files and their contents, patches, the log.

A failed call raises `GitError`; `None` and empty results are answers of git.
"""

from __future__ import annotations

from pytest_postmortem.git.commits import (
    Commit,
    find_commits_adding,
    find_commits_mentioning,
    find_merge_base,
    find_parent_commit,
    has_missing_parents,
    is_commit_included,
    is_shallow_clone,
    is_unborn_branch,
    read_commit_log,
    read_commit_subject,
    read_head_commit,
    read_head_date,
    read_origin_url,
    resolve_commit,
)
from pytest_postmortem.git.patches import (
    apply_patch,
    build_patch,
    is_path_inside,
    list_patched_files,
)
from pytest_postmortem.git.process import build_git_error, find_repository_top, require_repository
from pytest_postmortem.git.trees import (
    ChangedFile,
    IndexOnlyFiles,
    export_commit,
    find_renamed_files,
    list_changed_files,
    list_commit_files,
    list_files_ever_tracked,
    list_generated_files,
    list_modified_files,
    list_repository_files,
    list_submodules,
    read_blobs,
    read_index_only_files,
    read_lines_ever_added,
)

__all__ = [
    "ChangedFile",
    "Commit",
    "IndexOnlyFiles",
    "apply_patch",
    "build_git_error",
    "build_patch",
    "export_commit",
    "find_commits_adding",
    "find_commits_mentioning",
    "find_merge_base",
    "find_parent_commit",
    "find_renamed_files",
    "find_repository_top",
    "has_missing_parents",
    "is_commit_included",
    "is_path_inside",
    "is_shallow_clone",
    "is_unborn_branch",
    "list_changed_files",
    "list_commit_files",
    "list_files_ever_tracked",
    "list_generated_files",
    "list_modified_files",
    "list_patched_files",
    "list_repository_files",
    "list_submodules",
    "read_blobs",
    "read_commit_log",
    "read_commit_subject",
    "read_head_commit",
    "read_head_date",
    "read_index_only_files",
    "read_lines_ever_added",
    "read_origin_url",
    "require_repository",
    "resolve_commit",
]
