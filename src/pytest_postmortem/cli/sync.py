"""``pytest-postmortem sync``: save a remote registry to a local file, which runs read instead."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial

import pytest

from pytest_postmortem import registry, settings
from pytest_postmortem.cli.arguments import build_pytest_arguments
from pytest_postmortem.cli.project import configure_pytest
from pytest_postmortem.errors import Problem, RegistryError, SettingsError
from pytest_postmortem.files import is_written_through, open_temporary_folder, write_text_file
from pytest_postmortem.model import Location, Postmortem, Registry, format_count
from pytest_postmortem.registry.file_bytes import is_sync_file
from pytest_postmortem.registry.remote.lockfile import (
    describe_registry_changes,
    render_synced_registry,
)
from pytest_postmortem.runtime.run import build_loading_options
from pytest_postmortem.runtime.session import ask_load_hooks
from pytest_postmortem.text import sanitize_line

EXIT_OUT_OF_DATE = 1
EXIT_NOT_REACHED = 3


def main(options: argparse.Namespace) -> int:
    """Write the file, or say whether it is what would be written; return the exit status.

    Raises:
        SettingsError: It is not configured what to fetch, or where to write it.
        RegistryError: The registry, or the file as it is now, is broken.
        DestinationError: The file can't be written.
    """
    output, check, empty = options.output, options.check, options.allow_empty
    with configure_pytest(build_pytest_arguments(options)) as config:
        sync_settings = settings.read_plugin_settings(config)
        file = Location(output, config.invocation_params.dir) if output else sync_settings.sync
        if file is None:
            raise _build_sync_error(
                "the file to write is not configured", "set postmortem_sync, or give --output=FILE"
            )
        if not file.text.endswith((".yml", ".yaml")):
            raise _build_sync_error(
                f"{file.text!r} is not a YAML file", "name one that ends in .yml"
            )
        _check_overwritable(file)
        fetched = _fetch_registry(config, sync_settings)
        for finding in fetched.findings:
            print(sanitize_line(str(finding)), file=sys.stderr)
        if fetched.unreachable:
            print(f"{file.text} stays as it is", file=sys.stderr)
            return EXIT_NOT_REACHED
        previous = _load_synced_registry(
            file, needed=bool(fetched.partial) or check or not len(fetched)
        )
        kept_postmortems: Sequence[Postmortem] = (
            previous.postmortems if previous and fetched.partial else ()
        )
        if previous and len(previous) and not (kept_postmortems or len(fetched) or empty):
            print(sanitize_line(_format_empty_refusal(file, previous)), file=sys.stderr)
            return EXIT_NOT_REACHED
        text = render_synced_registry(fetched, sync_settings.show, kept_postmortems)
        return _check_synced_file(file, previous, text) if check else _write_synced_file(file, text)


def _fetch_registry(config: pytest.Config, wanted: settings.Settings) -> Registry:
    """Fetch all that is not in the checkout, with no copy to fall back on."""
    how = build_loading_options(wanted)._replace(synced=None, offline=False, fetched_only=True)
    locations = list(wanted.registry)
    if not locations:
        found = registry.find_registry(config.rootpath)
        locations = [Location(str(found), config.rootpath)] if found else []
    fetched = registry.load_registry(
        locations, config.rootpath, how._replace(ask=partial(ask_load_hooks, config))
    )
    for warning in _format_hidden_field_warnings(fetched, wanted):
        print(sanitize_line(warning), file=sys.stderr)
    if not fetched.locations:
        raise _build_sync_error(
            "postmortem_registry names files alone, and they are in the checkout already",
            "name an address or a service, such as github:owner/repo",
        )
    return fetched


def _check_overwritable(file: Location) -> None:
    """Verify that the file is not one that a person has written.

    Raises: SettingsError where the file was not written by this command.
    """
    if is_written_through(file.path) or not os.path.lexists(file.path):
        return
    if not is_sync_file(file.path):
        raise _build_sync_error(
            f"{file.text!r} was not written by it", "name another file, or remove it"
        )


def _format_hidden_field_warnings(fetched: Registry, wanted: settings.Settings) -> Iterator[str]:
    """Print the configured rules that the file has no data for."""
    policy = wanted.policy
    used_settings = {
        "postmortem_require": bool(policy.require),
        "postmortem_since": policy.since is not None,
        "postmortem_grace": bool(policy.grace),
        "postmortem_select": bool(policy.select),
    }
    if any((wanted.show or postmortem.show) in ("id", "link") for postmortem in fetched):
        for name in (name for name, used in used_settings.items() if used):
            yield f"{name} needs what postmortem_show leaves out: set it to title or all"


def _load_synced_registry(file: Location, *, needed: bool) -> Registry | None:
    """Return the content of the file, None if it is missing, or broken and not needed."""
    if is_written_through(file.path) or not file.path.exists():
        return None
    try:
        return registry.load_registry([file], file.folder)
    except RegistryError:
        if needed:
            raise
        return None


def _format_empty_refusal(file: Location, old: Registry) -> str:
    size = format_count(len(old), "post-mortem")
    return (
        f"{file.text} stays as it is: nothing was fetched, and it holds {size}; check the token"
        " and what is asked for, or give --allow-empty"
    )


def _write_synced_file(file: Location, text: str) -> int:
    if is_written_through(file.path):
        write_text_file(file.path, text)
        return 0
    same = file.path.exists() and file.path.read_bytes() == text.encode()
    if not same:
        write_text_file(file.path, text)
    size = format_count(len(registry.load_registry([file], file.folder)), "post-mortem")
    print(sanitize_line(f"{file.text} {'is up to date' if same else 'written'} ({size})"))
    return 0


def _check_synced_file(file: Location, old: Registry | None, text: str) -> int:
    if old is None:
        print(sanitize_line(f"{file.text} is not there: run `pytest-postmortem sync`"))
        return EXIT_OUT_OF_DATE
    if file.path.read_bytes() == text.encode():
        print(sanitize_line(f"{file.text} is up to date ({format_count(len(old), 'post-mortem')})"))
        return 0
    with open_temporary_folder({"new.yml": text.encode()}) as folder:
        new = registry.load_registry([Location("new.yml", folder)], folder)
    print(sanitize_line(f"{file.text} is out of date: run `pytest-postmortem sync`"))
    for change in sorted(describe_registry_changes(old, new)):
        print(sanitize_line(f"  {change}"))
    return EXIT_OUT_OF_DATE


def _build_sync_error(cause: str, remedy: str) -> SettingsError:
    return SettingsError([Problem("setting", "Couldn't sync", cause, remedy)])
