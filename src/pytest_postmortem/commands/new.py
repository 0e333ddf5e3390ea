"""``pytest-postmortem new``: a post-mortem is begun, and with it the regression test."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TypeVar

from pytest_postmortem import git
from pytest_postmortem.assess import severity_key
from pytest_postmortem.authoring import edits
from pytest_postmortem.authoring.begin import (
    FAILED,
    Begun,
    Place,
    Used,
    in_directory,
    in_file,
    read_template,
)
from pytest_postmortem.authoring.drafting import Incident
from pytest_postmortem.commands.arguments import add_configuration, configuration_of
from pytest_postmortem.commands.checkout import reading
from pytest_postmortem.commands.location import Places
from pytest_postmortem.commands.project import Project
from pytest_postmortem.commands.testfile import AddedTest, TestFile
from pytest_postmortem.errors import GitError, Problem, SettingsError
from pytest_postmortem.model import Registry, normalize_id
from pytest_postmortem.options import MARK
from pytest_postmortem.registry import fields, formats
from pytest_postmortem.registry.names import name_of
from pytest_postmortem.reports.failure import plain
from pytest_postmortem.suggestions import find_similar

__all__ = ["declare", "main", "run"]

Past = TypeVar("Past", str, list[str])


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "title", metavar="TITLE", nargs="+", help="what happened, in a few words and in quotes"
    )
    parser.add_argument("--severity", metavar="LEVEL", default="", help="how grave it was")
    parser.add_argument(
        "--date", metavar="DATE", help="when it was, as 2026-11-20 (default: today)"
    )
    parser.add_argument("--owner", metavar="TEAM", default="", help="the team that owns it")
    parser.add_argument(
        "--class", metavar="CLASS", dest="problem_class", default="", help="the class of problem"
    )
    parser.add_argument(
        "--service",
        metavar="NAME",
        action="append",
        default=[],
        help="what was concerned (repeatable)",
    )
    parser.add_argument("--id", metavar="ID", default="", help="its id (default: the next one)")
    parser.add_argument(
        "--test",
        metavar="PATH[::NAME]",
        help="file or folder that gets a regression test, which fails until it is written",
    )
    parser.add_argument(
        "--in",
        dest="location",
        metavar="LOCATION",
        help="which location of the registry it goes to",
    )
    parser.add_argument(
        "--template", metavar="FILE", help="template of the document (default: the team's own)"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be written, and write nothing"
    )
    add_configuration(parser)


def main(options: argparse.Namespace) -> int:
    """Do what the command line asks for."""
    return run(
        configuration_of(options),
        _incident(options),
        test=options.test,
        location=options.location,
        template=options.template,
        dry_run=options.dry_run,
    )


def _incident(options: argparse.Namespace) -> Incident:
    """Return what is said about an incident, checked.

    Raises: SettingsError with everything that can't be used.
    """
    title, id = fields.clean(" ".join(options.title)), fields.clean(options.id)
    problems = []
    if len(options.title) > 1:
        cause = f"the title is {len(options.title)} arguments, and has to be one"
        plain_text = not re.search(r'["$`\\!]', title)
        quoted = f'"{title}"' if plain_text else shlex.quote(title)
        problems.append((cause, f"put it in quotes: pytest-postmortem new {quoted}"))
    if not title:
        problems.append(("the title is empty", "say what happened, in a few words"))
    if len(title) > fields.SHORT:
        cause = f"the title has {len(title)} characters, and at most {fields.SHORT} are read"
        problems.append((cause, "say it in fewer words, and the rest in the document"))
    if len(id) > fields.SHORT or (options.id and not id):
        problems.append(("the id is empty, or too long", "use an id such as PM-12"))
    if options.date is not None and fields.day(options.date) != options.date:
        problems.append((f"{options.date!r} is no date", "write it as 2026-11-20"))
    if problems:
        raise SettingsError([Problem("setting", FAILED, *each) for each in problems])
    return Incident(
        id,
        title,
        date.fromisoformat(options.date) if options.date else date.today(),
        fields.clean(options.severity),
        fields.clean(options.problem_class),
        fields.clean(options.owner),
        tuple(filter(None, map(fields.clean, options.service))),
    )


def run(
    arguments: Sequence[str],
    incident: Incident,
    *,
    test: str | None = None,
    location: str | None = None,
    template: str | None = None,
    dry_run: bool = False,
) -> int:
    """Begin a post-mortem, and its test if one is asked for; return the exit status.

    Raises:
        SettingsError: It is not clear where it goes, or it can't be added there.
        RegistryError: The registry is broken.
        DestinationError: A file can't be written; then none is.
    """
    with reading(arguments) as config:
        project = Project(config)
        known = project.registry or Registry()
        _check(incident.id, known)
        incident = replace(incident, severity=_spelled(incident.severity, project, known))
        new_severity = _hint_at_severities(incident.severity, project, known)
        place = Places(project).choose(location)
        file = TestFile(project, test, incident.title) if test is not None else None
        template_text = _template(project, template)
        begun = _interrupted(project, incident, known, file) or _begun(
            project, incident, place, known, template_text, file
        )
        added = file.with_test(begun.id) if file else None
    files = [each for each in (begun.edit, added and added.edit) if each and each.old != each.new]
    if dry_run:
        print(*map(plain, edits.diff(files)), sep="\n")
    else:
        edits.apply(files)
    for line in _told(incident, begun, added, arguments, dry_run, new_severity):
        print(plain(line), file=sys.stderr if dry_run else sys.stdout)
    return 0


def _check(id: str, known: Registry) -> None:
    """Make sure that an id which was asked for is free.

    Raises: SettingsError.
    """
    taken = known.find(id) if id else None
    if taken is not None:
        cause = f"{id!r} is a post-mortem already: {taken.path or taken.url or taken.title}"
        remedy = "leave --id out for the next one, or give another"
        raise SettingsError([Problem("setting", FAILED, cause, remedy)])


def _spelled(severity: str, project: Project, known: Registry) -> str:
    """Return a severity as the team writes it: ``sev1`` is ``SEV-1``, where that is how."""
    own = (each.severity for each in known if each.severity)
    for each in (*own, *project.settings.policy.severities):
        if severity_key(each) == severity_key(severity):
            return each
    return severity


def _hint_at_severities(severity: str, project: Project, known: Registry) -> str:
    """Return a line on a severity that nothing in the registry has, an empty one where it is
    known, or the registry has none at all.
    """
    own = [each.severity for each in known if each.severity]
    policy = project.settings.policy
    usual = {severity_key(each): each for each in (*policy.severities, *sorted(own))}
    if not (severity and usual) or severity_key(severity) in usual:
        return ""
    near = find_similar(severity, usual.values())
    few = ", ".join(list(usual.values())[:8])
    remedy = f"did you mean {near!r}?" if near else f"those in use are {few}"
    return f"no other incident has the severity {severity!r}; {remedy}"


def _interrupted(
    project: Project, incident: Incident, known: Registry, file: TestFile | None
) -> Begun | None:
    """Return the post-mortem that this command wrote before it was killed, without its test."""
    if file is None or not file.was_interrupted:
        return None
    marked = {normalize_id(id).casefold() for id in project.marked_ids()}
    for postmortem in known:
        wanted = postmortem.title == incident.title and incident.id in ("", postmortem.id)
        if wanted and postmortem.path and postmortem.id.casefold() not in marked:
            path = project.root / fields.file_name(postmortem.path)
            data = path.read_bytes()
            return Begun(postmortem.id, edits.Edit(path, postmortem.path, data, data))
    return None


def _begun(
    project: Project,
    incident: Incident,
    place: Place,
    known: Registry,
    template: tuple[str, str] | None,
    file: TestFile | None,
) -> Begun:
    marked = tuple(project.marked_ids())
    noted: set[str] = set()
    if place.path.suffix.lower() in formats.PARSERS and not place.path.is_dir():
        ever = _read_past(lambda: git.ever_added(project.root, place.path), "", noted)
        return in_file(incident, place, Used(known, marked), ever, project.how)
    paths = _read_past(lambda: git.ever_there(project.root, place.path), [], noted)
    files = (path.rpartition("/")[2] for path in paths)
    stems = (name.stem for name in map(name_of, files) if name)
    used = Used(known, (*marked, *stems))

    def test_of(id: str) -> str:
        return file.with_test(id).nodeid if file else ""

    def past() -> str:
        return _read_past(lambda: git.ever_added(project.root, place.path), "", noted)

    return in_directory(incident, place, used, project.how, template, test_of, past)


def _read_past(read: Callable[[], Past], nothing: Past, noted: set[str]) -> Past:
    """Return what git knows of the past; where it fails nothing, which is printed once."""
    try:
        return read()
    except GitError as error:
        if error.brief not in noted:
            noted.add(error.brief)
            note = f"ids of deleted post-mortems are unknown, so one may be reused: {error.brief}"
            print(plain(note), file=sys.stderr)
        return nothing


def _template(project: Project, given: str | None) -> tuple[str, str] | None:
    """Return the template that was asked for or configured, with its path as it is shown."""
    path = project.settings.template if given is None else Path(given).absolute()
    if path is None:
        return None
    shown = project.shown(path)
    return read_template(path, shown), shown


def _told(
    incident: Incident,
    begun: Begun,
    added: AddedTest | None,
    arguments: Sequence[str],
    dry_run: bool,
    hint: str,
) -> Iterator[str]:
    """Yield what was written, and the next steps."""
    yield f"{begun.id}  {incident.title}"
    source = f" (from {begun.template})" if begun.template else ""
    yield f"  {begun.edit.shown}{source}"
    if added:
        yield f"  {added.nodeid} ({added.effect})"
    if begun.unread:
        names = " or ".join(filter(None, (", ".join(begun.unread[:-1]), begun.unread[-1])))
        yield f"  pytest reads no {names} from it: that would have to stand in front matter"
    if begun.unwritten:
        names = ", ".join(begun.unwritten)
        yield f"  not written, as the document has no place for {_them(begun.unwritten)}: {names}"
    if hint:
        yield f"  {hint}"
    if begun.sparse:
        yield "  its number follows the highest; if another system gives them, say which with --id"
    if dry_run:
        yield "nothing was written"
        return
    yield "Next:"
    yield f"  1. write down what happened and why, in {begun.edit.shown}"
    if added:
        command = shlex.join(("pytest", *arguments, added.from_here))
        yield f"  2. write the test, and see it fail for that reason: {command}"
    else:
        mark = f'@pytest.mark.{MARK}("{begun.id}")'
        yield f"  2. write a test that fails for that reason, and mark it: {mark}"
    yield "  3. mend the cause, see the test pass, and merge all of it together"


def _them(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"
