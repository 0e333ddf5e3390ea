"""``pytest-postmortem sync``: what is fetched → the file that runs read instead."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from pytest_postmortem import registry, settings
from pytest_postmortem.commands.arguments import add_configuration, configuration_of
from pytest_postmortem.commands.configuration import configured
from pytest_postmortem.errors import Problem, RegistryError, SettingsError
from pytest_postmortem.model import Location, Postmortem, Registry, count_of
from pytest_postmortem.reporting import how_from
from pytest_postmortem.reports.failure import plain
from pytest_postmortem.session import ask
from pytest_postmortem.syncing import FIRST, changes, render
from pytest_postmortem.writing import is_written_through, write

__all__ = ["declare", "main", "run"]

OUT_OF_DATE = 1
NOT_REACHED = 3


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    parser.add_argument(
        "--allow-empty", action="store_true", help="write a file without any post-mortem, too"
    )
    parser.add_argument("--output", metavar="FILE", help="file to write (default: postmortem_sync)")
    add_configuration(parser)


def main(options: argparse.Namespace) -> int:
    """Do what the command line asks for."""
    return run(
        configuration_of(options), options.output, check=options.check, empty=options.allow_empty
    )


def run(arguments: Sequence[str], output: str | None, *, check: bool, empty: bool = False) -> int:
    """Write the file, or say whether it is what would be written; return the exit status.

    Raises:
        SettingsError: It is not configured what to fetch, or where to write it.
        RegistryError: The registry, or the file as it is now, is broken.
        DestinationError: The file can't be written.
    """
    with configured(arguments) as config:
        wanted = settings.read(config)
        file = Location(output, config.invocation_params.dir) if output else wanted.sync
        if file is None:
            raise _wrong("there is no file to write", "set postmortem_sync, or give --output=FILE")
        if not file.text.endswith((".yml", ".yaml")):
            raise _wrong(f"{file.text!r} is no YAML file", "name one that ends in .yml")
        _own(file)
        fetched = _fetched(config, wanted)
        for finding in fetched.findings:
            print(plain(str(finding)), file=sys.stderr)
        if fetched.unreachable:
            print(f"{file.text} stays as it is", file=sys.stderr)
            return NOT_REACHED
        old = _old(file, needed=bool(fetched.partial) or check or not len(fetched))
        kept: Sequence[Postmortem] = old.postmortems if old and fetched.partial else ()
        if old and len(old) and not (kept or len(fetched) or empty):
            print(plain(_emptied(file, old)), file=sys.stderr)
            return NOT_REACHED
        text = render(fetched, wanted.show, kept)
        return _checked(file, old, text) if check else _written(file, text)


def _fetched(config: pytest.Config, wanted: settings.Settings) -> Registry:
    """Fetch all that is not in the checkout, with no copy to fall back on."""
    how = replace(how_from(wanted), synced=None, offline=False, fetched_only=True)
    locations = list(wanted.registry)
    if not locations:
        found = registry.find(config.rootpath)
        locations = [Location(str(found), config.rootpath)] if found else []
    fetched = registry.load(locations, config.rootpath, replace(how, ask=partial(ask, config)))
    for warning in _left_out(fetched, wanted):
        print(plain(warning), file=sys.stderr)
    if not fetched.locations:
        raise _wrong(
            "postmortem_registry names files alone, and they are in the checkout already",
            "name an address or a service, such as github:owner/repo",
        )
    return fetched


def _own(file: Location) -> None:
    """Make sure that nobody's own work is written over.

    Raises: SettingsError where the file was not written by this command.
    """
    if is_written_through(file.path):
        return
    try:
        with file.path.open(encoding="utf-8", errors="replace") as text:
            known = text.readline().startswith(FIRST)
    except FileNotFoundError:
        return
    except OSError:
        known = False
    if not known:
        raise _wrong(f"{file.text!r} was not written by it", "name another file, or remove it")


def _left_out(fetched: Registry, wanted: settings.Settings) -> Iterator[str]:
    """Say which of the configured rules the file will not be able to tell anything about."""
    policy = wanted.policy
    asked = {
        "postmortem_require": bool(policy.require),
        "postmortem_since": policy.since is not None,
        "postmortem_grace": bool(policy.grace),
        "postmortem_select": bool(policy.select),
    }
    if any((wanted.show or each.show) in ("id", "link") for each in fetched):
        for name in (name for name, used in asked.items() if used):
            yield f"{name} needs what postmortem_show leaves out: set it to title or all"


def _old(file: Location, *, needed: bool) -> Registry | None:
    """Return what stands in the file, None where there is none, or it is broken and not needed."""
    if is_written_through(file.path) or not file.path.exists():
        return None
    try:
        return registry.load([file], file.folder)
    except RegistryError:
        if needed:
            raise
        return None


def _emptied(file: Location, old: Registry) -> str:
    size = count_of(len(old), "post-mortem")
    return (
        f"{file.text} stays as it is: nothing was fetched, and it holds {size}; check the token"
        " and what is asked for, or give --allow-empty"
    )


def _written(file: Location, text: str) -> int:
    if is_written_through(file.path):
        write(file.path, text)
        return 0
    same = file.path.exists() and file.path.read_bytes() == text.encode()
    if not same:
        write(file.path, text)
    size = count_of(len(registry.load([file], file.folder)), "post-mortem")
    print(plain(f"{file.text} {'is up to date' if same else 'written'} ({size})"))
    return 0


def _checked(file: Location, old: Registry | None, text: str) -> int:
    import tempfile

    if old is None:
        print(plain(f"{file.text} is not there: run `pytest-postmortem sync`"))
        return OUT_OF_DATE
    if file.path.read_bytes() == text.encode():
        print(plain(f"{file.text} is up to date ({count_of(len(old), 'post-mortem')})"))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "new.yml").write_text(text, encoding="utf-8")
        new = registry.load([Location("new.yml", Path(folder))], Path(folder))
    print(plain(f"{file.text} is out of date: run `pytest-postmortem sync`"))
    for change in sorted(changes(old, new)):
        print(plain(f"  {change}"))
    return OUT_OF_DATE


def _wrong(cause: str, remedy: str) -> SettingsError:
    return SettingsError([Problem("setting", "Couldn't sync", cause, remedy)])
