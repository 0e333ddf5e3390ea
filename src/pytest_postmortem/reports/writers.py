"""Deliver a finished report: to files, the terminal, GitHub and plugins."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_postmortem.errors import DestinationError, Problem
from pytest_postmortem.files import write_text_file
from pytest_postmortem.report_formats import is_terminal_type, render_report
from pytest_postmortem.report_model import Report
from pytest_postmortem.reports import json_report, terminal
from pytest_postmortem.reports.terminal import TerminalLine
from pytest_postmortem.settings import ReportTarget, Settings

ReportReceiver = Callable[[Mapping[str, Any]], None]


@dataclass(slots=True)
class DeliveryResult:
    """The result of a delivery: whether it is complete, its notes, and the texts to print."""

    whole: bool = True
    notes: list[TerminalLine] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)

    def failed(self, lines: tuple[TerminalLine, ...]) -> None:
        """Record lines on a report that could not be delivered."""
        self.notes += lines
        self.whole = False


def deliver_report(
    report: Report, settings: Settings, verbosity: int, take: ReportReceiver | None
) -> DeliveryResult:
    """Write each report, collect those to print, and pass the data to plugins with ``take``."""
    delivery = DeliveryResult()
    targets = [target for target in settings.reports if not is_terminal_type(target.type)]
    if not targets and take is None:
        return delivery
    document = json_report.build_report_document(report, settings.show)
    for target in targets:
        try:
            put_report_at_target(target, document, delivery, verbosity)
        except DestinationError as error:
            delivery.failed(terminal.format_error_lines(error))
    if take is not None:
        try:
            take(document)
        except Exception as error:  # a plugin may raise anything
            delivery.failed(terminal.format_plugin_failure(error))
    return delivery


def put_report_at_target(
    target: ReportTarget,
    document: Mapping[str, Any],
    delivery: DeliveryResult,
    verbosity: int,
    earlier: Sequence[Mapping[str, Any]] = (),
    past: Mapping[str, Any] | None = None,
) -> None:
    """Write a report to its target, or collect it for printing.

    Raises: DestinationError where it can't be written.
    """
    if target.type == "github":
        if os.environ.get("GITHUB_ACTIONS") == "true":
            delivery.printed.append(render_report("run", "github", document))
            append_job_summary(render_report("run", "markdown", document))
        return
    text = render_report("run", target.type, document, earlier=earlier, past=past)
    if target.destination is None:
        delivery.printed.append(text)
    else:
        write_text_file(target.destination, text)
        delivery.notes += terminal.format_written_note(target.destination, verbosity)


def append_job_summary(text: str) -> None:
    """Append a text to the summary of the job of GitHub, which other steps also write to.

    Raises: DestinationError where it can't be written.
    """
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        try:
            with open(path, "a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(f"\n{text}")
        except OSError as error:
            cause = error.strerror or str(error)
            problem = Problem(
                "destination",
                "Couldn't write the step's summary",
                cause,
                "unset GITHUB_STEP_SUMMARY",
                path,
            )
            raise DestinationError([problem]) from None
