"""Build the changes that write the fixes of incidents into their post-mortems."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_postmortem.cli.project import Project
from pytest_postmortem.files import read_file_bytes
from pytest_postmortem.model import Postmortem
from pytest_postmortem.scaffold.edits import FileEdit
from pytest_postmortem.scaffold.fix_field import add_fix_field, has_front_matter
from pytest_postmortem.scan.findings import FixFinding


def build_fix_edits(
    project: Project, findings: Sequence[FixFinding]
) -> tuple[list[FileEdit], list[str]]:
    """Return the edits of the files of incidents, and the lines to write by hand.

    An incident that names a fix already is left alone.
    """
    contents: dict[str, tuple[bytes, bytes]] = {}
    by_hand: list[str] = []
    for postmortem, finding in _list_open_fixes(project, findings):
        fix = [commit.id for commit in finding.fix.commits]
        shown = postmortem.path or ""
        file = project.root / shown
        if shown not in contents and shown and (data := read_file_bytes(file)) is not None:
            contents[shown] = (data, data)
        old, data = contents.get(shown, (b"", b""))
        new = None
        if data:
            has_neighbours = _has_front_matter_next_to(project, shown)
            new = add_fix_field(data, shown, postmortem.line, fix, new_front_matter=has_neighbours)
        if new is None:
            place = f" in {shown}" if shown else ""
            value = fix[0] if len(fix) == 1 else f"[{', '.join(fix)}]"
            by_hand.append(f"{postmortem.id}{place}: write 'fix: {value}' by hand")
        else:
            contents[shown] = (old, new)
    edits = [
        FileEdit(project.root / shown, shown, old, new)
        for shown, (old, new) in contents.items()
        if new != old
    ]
    return edits, by_hand


def _has_front_matter_next_to(project: Project, shown: str) -> bool:
    """Return whether most other documents of the same folder have front matter."""
    folder = shown.rpartition("/")[0]
    paths = {each.path for each in project.registry or () if each.path} - {shown}
    others = [path for path in paths if path.rpartition("/")[0] == folder]
    found = [has_front_matter(read_file_bytes(project.root / path) or b"") for path in others]
    return sum(found) * 2 > len(found)


def _list_open_fixes(
    project: Project, findings: Sequence[FixFinding]
) -> list[tuple[Postmortem, FixFinding]]:
    """Return the incidents whose fix is found and not registered, the last of a file first.

    A line that is inserted moves the entries below it.
    """
    found = [
        (postmortem, finding)
        for finding in findings
        if finding.fix.commits and not finding.fix.is_registered
        if project.registry and (postmortem := project.registry.find(finding.id))
    ]
    return sorted(found, key=lambda each: (each[0].path or "", -(each[0].line or 0)))
