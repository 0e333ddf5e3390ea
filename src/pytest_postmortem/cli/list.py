"""``pytest-postmortem list``: the incidents of a registry with their states."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date

from pytest_postmortem.cli.arguments import build_pytest_arguments
from pytest_postmortem.cli.listing_rows import (
    CODE_STATES,
    ROW_STATES,
    RUN_ONLY_STATES,
    IncidentRow,
    ListQuery,
    LoadedIncidents,
    index_listed_incidents,
    load_incidents,
    select_rows,
)
from pytest_postmortem.cli.report_targets import parse_report_targets, print_or_write_report
from pytest_postmortem.errors import Problem, SettingsError
from pytest_postmortem.evaluation.evaluate import list_selection_keys
from pytest_postmortem.model import Registry
from pytest_postmortem.registry import fields
from pytest_postmortem.report_model import STATES
from pytest_postmortem.similar_names import find_similar_word, format_suggestion, index_registry_ids

LIST_FAILED = "Couldn't list"


def main(options: argparse.Namespace) -> int:
    """List incidents, and return the exit status.

    Raises:
        SettingsError: A target is not valid, no incident has a selected key, or a
            setting has an unusable value.
        RegistryError: The configured registry is broken.
        ReportError: The report can't be read.
        DestinationError: A file can't be written.
    """
    query = _parse_list_query(options)
    targets = parse_report_targets("list", options.report)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    with load_incidents(build_pytest_arguments(options), options.source) as loaded:
        query = _resolve_query(query, loaded)
        rows = select_rows(loaded.rows, query)
        for target in targets:
            print_or_write_report("list", target, rows, read=loaded.read, width=width)
        return loaded.status()


def _parse_list_query(options: argparse.Namespace) -> ListQuery:
    """Return the query of the command line.

    Raises: SettingsError with every argument that is not valid.
    """
    problems: list[Problem] = []
    select: dict[str, tuple[str, ...]] = {}
    for text in options.select:
        key, _, value = text.partition(":")
        key = key.casefold()
        if not (key and value):
            remedy = "write for example severity:sev1 or id:PM-7"
            problems.append(_build_problem(f"{text!r} is not KEY:VALUE", remedy))
        elif key == "state" and value not in ROW_STATES:
            similar = find_similar_word(value, ROW_STATES)
            remedy = format_suggestion(similar, f"use {', '.join(ROW_STATES)}")
            problems.append(_build_problem(f"unknown state {value!r}", remedy))
        else:
            select[key] = (*select.get(key, ()), value)
    for text in (options.since, options.before):
        if text is not None and fields.parse_day(text) != text:
            problems.append(_build_problem(f"{text!r} is not a date", "write it as 2026-11-20"))
    if problems:
        raise SettingsError(problems)
    states = select.pop("state", ())
    since, before = (text and date.fromisoformat(text) for text in (options.since, options.before))
    return ListQuery(tuple(select.items()), states, since, before, options.sort)


def _resolve_query(query: ListQuery, loaded: LoadedIncidents) -> ListQuery:
    """Return a query with the ids of incidents in place of their other names and of globs.

    Raises: SettingsError with every key, state and id that the incidents do not have.
    """
    registry = loaded.project.registry or Registry()
    listed = index_listed_incidents(loaded.rows, registry)
    select = dict(query.select)
    matches = {
        id: listed.find_matching(id) or registry.find_matching(id) for id in select.get("id", ())
    }
    problems = [*_check_keys(loaded.rows, select), *_check_states(query.states, read=loaded.read)]
    for id, found in matches.items():
        if loaded.rows and not found:
            remedy = format_suggestion(index_registry_ids(listed).find(id), "correct the id")
            problems.append(
                Problem("unknown-id", LIST_FAILED, f"unknown post-mortem {id!r}", remedy)
            )
    if problems:
        raise SettingsError(problems)
    if matches:
        select["id"] = tuple(incident.id for found in matches.values() for incident in found)
    severities = loaded.project.settings.policy.severities
    return replace(query, select=tuple(select.items()), severities=severities)


def _check_keys(rows: Sequence[IncidentRow], keys: Iterable[str]) -> Iterator[Problem]:
    """Yield a problem for each key that no incident has."""
    known = dict.fromkeys(key for row in rows for key in list_selection_keys(row.postmortem))
    for key in keys:
        if rows and key not in known:
            usual = [
                name
                for name in list_selection_keys(rows[0].postmortem)
                if name not in rows[0].postmortem.extra
            ]
            otherwise = f"use {', '.join(usual)}, state or a key of their own"
            remedy = format_suggestion(find_similar_word(key, known), otherwise)
            yield _build_problem(f"no incident has a {key!r}", remedy)


def _check_states(states: Iterable[str], *, read: bool) -> Iterator[Problem]:
    """Yield a problem for each state that the source of the states does not have."""
    for state in states:
        if read and state in RUN_ONLY_STATES:
            yield _build_problem(
                f"only a run of pytest knows which incidents are {state!r}",
                "name its report with --from=report.json (pytest --postmortem-report=json:PATH)",
            )
        elif not read and state in CODE_STATES.values():
            remedy = f"use {', '.join(STATES)}, or leave out --from"
            yield _build_problem(f"a report has no state {state!r}", remedy)


def _build_problem(cause: str, remedy: str) -> Problem:
    return Problem("setting", LIST_FAILED, cause, remedy)
