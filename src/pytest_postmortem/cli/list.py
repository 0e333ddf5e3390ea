"""``pytest-postmortem list``: the incidents of a registry with their states."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

from pytest_postmortem.cli.arguments import build_pytest_arguments
from pytest_postmortem.cli.listing_rows import (
    CODE_STATES,
    ROW_STATES,
    RUN_ONLY_STATES,
    IncidentRow,
    ListQuery,
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
from pytest_postmortem.similar_names import find_similar_word, index_registry_ids

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
        _check_selected_keys(loaded.rows, query)
        _check_selected_states(query.states, read=loaded.read)
        query = _resolve_selected_ids(loaded.rows, query, loaded.project.registry or Registry())
        severities = loaded.project.settings.policy.severities
        rows = select_rows(loaded.rows, replace(query, severities=severities))
        for target in targets:
            print_or_write_report("list", target, rows, read=loaded.read, width=width)
        return loaded.status()


def _parse_list_query(options: argparse.Namespace) -> ListQuery:
    """Return the query of the command line.

    Raises: SettingsError with every argument that is not valid.
    """
    problems: list[tuple[str, str]] = []
    select, states = _parse_selectors(options.select, problems)
    since, before = (
        _parse_day(text, problems) if text is not None else None
        for text in (options.since, options.before)
    )
    if problems:
        raise SettingsError(
            [Problem("setting", LIST_FAILED, *cause_and_remedy) for cause_and_remedy in problems]
        )
    return ListQuery(select, states, since, before, options.sort)


def _parse_selectors(
    texts: Iterable[str], problems: list[tuple[str, str]]
) -> tuple[tuple[tuple[str, tuple[str, ...]], ...], tuple[str, ...]]:
    select: dict[str, tuple[str, ...]] = {}
    for text in texts:
        key, _, value = text.partition(":")
        key = key.casefold()
        if not (key and value):
            problems.append(
                (f"{text!r} is not KEY:VALUE", "write for example severity:sev1 or id:PM-7")
            )
        elif key == "state" and value not in ROW_STATES:
            suggestion = find_similar_word(value, ROW_STATES)
            remedy = (
                f"did you mean {suggestion!r}?" if suggestion else f"use {', '.join(ROW_STATES)}"
            )
            problems.append((f"unknown state {value!r}", remedy))
        else:
            select[key] = (*select.get(key, ()), value)
    states = select.pop("state", ())
    return tuple(select.items()), states


def _parse_day(text: str, problems: list[tuple[str, str]]) -> date | None:
    if fields.parse_day(text) == text:
        return date.fromisoformat(text)
    problems.append((f"{text!r} is not a date", "write it as 2026-11-20"))
    return None


def _check_selected_states(states: Iterable[str], *, read: bool) -> None:
    """Verify that the source of the states has those that are selected.

    Raises: SettingsError.
    """
    problems = []
    for state in states:
        if read and state in RUN_ONLY_STATES:
            cause = f"only a run of pytest knows which incidents are {state!r}"
            remedy = (
                "name its report with --from=report.json (pytest --postmortem-report=json:PATH)"
            )
            problems.append(Problem("setting", LIST_FAILED, cause, remedy))
        elif not read and state in CODE_STATES.values():
            cause = f"a report has no state {state!r}"
            remedy = f"use {', '.join(STATES)}, or leave out --from"
            problems.append(Problem("setting", LIST_FAILED, cause, remedy))
    if problems:
        raise SettingsError(problems)


def _resolve_selected_ids(
    rows: Sequence[IncidentRow], query: ListQuery, registry: Registry
) -> ListQuery:
    """Return a query with the ids of incidents in place of their other names.

    Raises: SettingsError for a name that no incident has.
    """
    listed = index_listed_incidents(rows, registry)
    problems, ids = [], []
    for id in dict(query.select).get("id", ()):
        known = listed.find(id) or registry.find(id)
        ids.append(known.id if known else id)
        if rows and known is None:
            suggestion = index_registry_ids(listed).find(id)
            remedy = f"did you mean {suggestion!r}?" if suggestion else "correct the id"
            cause = f"unknown post-mortem {id!r}"
            problems.append(Problem("unknown-id", LIST_FAILED, cause, remedy))
    if problems:
        raise SettingsError(problems)
    select = {**dict(query.select), "id": tuple(ids)} if ids else dict(query.select)
    return replace(query, select=tuple(select.items()))


def _check_selected_keys(rows: Sequence[IncidentRow], query: ListQuery) -> None:
    """Verify that incidents have the keys that are selected.

    Raises: SettingsError.
    """
    known_keys = dict.fromkeys(key for row in rows for key in list_selection_keys(row.postmortem))
    extra_keys = set(rows[0].postmortem.extra) if rows else set()
    problems = []
    for key in (key for key, _ in query.select if rows and key not in known_keys):
        suggestion = find_similar_word(key, known_keys)
        usual_keys = ", ".join(
            selectable_key
            for selectable_key in list_selection_keys(rows[0].postmortem)
            if selectable_key not in extra_keys
        )
        remedy = (
            f"did you mean {suggestion!r}?"
            if suggestion
            else f"use {usual_keys}, state or a key of their own"
        )
        problems.append(Problem("setting", LIST_FAILED, f"no incident has a {key!r}", remedy))
    if problems:
        raise SettingsError(problems)
