"""The table of report formats: which subjects each format renders, by which function.

A renderer takes the data of its subject. It may also name, as parameters, any of the facts that
the caller gives with it, and gets those that it names::

    run         the JSON report                   earlier: older reports, past: a history from git
    list        the rows of incidents             read: whether their states come from code, width
    incident    a list of one row                 read, width
    comparison  a `Comparison`
    history     a `LinkHistory`
    scan        a `ScanResult`
    proofs      the `IncidentProof` of each incident  seconds, verbose
    check       a `LintResult`                    fallback: the path of a finding without one

Every run of pytest imports this module, so it imports renderers only when they are called.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

ReportSubject = Literal[
    "run", "list", "incident", "comparison", "history", "scan", "proofs", "check"
]


class ReportFormat(NamedTuple):
    """A format: its name, and the renderer of each subject, ``module:function`` in this package.

    ``only_file`` are the subjects that need a file to go to, ``no_file`` says that none does.
    ``terminal`` says that a report of a run is printed by pytest itself, in its colours.
    """

    name: str
    renderers: Mapping[str, str]
    only_file: tuple[str, ...] = ()
    no_file: bool = False
    terminal: bool = False
    note: str = ""


REPORT_FORMATS: tuple[ReportFormat, ...] = (
    ReportFormat(
        "term",
        {
            "run": "reports.terminal:render_terminal_report",
            "list": "cli.listing_output:render_incident_columns",
            "incident": "cli.listing_output:render_incident_text",
            "comparison": "reports.data.compare:render_comparison_text",
            "history": "reports.data.history:render_history_table",
            "scan": "scan.output:render_scan_text",
            "proofs": "prove.output:render_proofs_text",
            "check": "lint.output_formats:render_lint_text",
        },
        no_file=True,
        terminal=True,
    ),
    ReportFormat(
        "term-missing",
        {"run": "reports.terminal:render_terminal_report"},
        no_file=True,
        terminal=True,
        note=" (lists every gap)",
    ),
    ReportFormat(
        "markdown",
        {
            "run": "reports.markdown:render_markdown_report",
            "list": "cli.listing_output:render_incident_table",
            "incident": "cli.listing_output:render_incident_markdown",
            "comparison": "reports.data.compare:render_comparison_markdown",
            "scan": "scan.output:render_scan_markdown",
            "proofs": "prove.output:render_proofs_markdown",
        },
    ),
    ReportFormat("html", {"run": "reports.html:render_html_report"}, only_file=("run",)),
    ReportFormat(
        "json",
        {
            "run": "reports.json_report:format_json_document",
            "list": "cli.listing_output:render_incident_json",
            "incident": "cli.listing_output:render_incident_json",
            "comparison": "reports.data.compare:render_comparison_json",
            "history": "reports.data.history:render_history_json",
            "scan": "scan.output:render_scan_json",
            "proofs": "prove.output:render_proofs_json",
            "check": "lint.output_formats:render_lint_json",
        },
        only_file=("run", "history"),
    ),
    ReportFormat(
        "github",
        {
            "run": "reports.github:render_github_report",
            "proofs": "prove.output:render_proof_commands",
            "check": "lint.output_formats:render_lint_annotations",
        },
        no_file=True,
    ),
    ReportFormat("gitlab", {"check": "lint.output_formats:render_lint_gitlab"}),
    ReportFormat("sarif", {"check": "lint.output_formats:render_lint_sarif"}),
)
"""To add a format, write its renderers and add it here: commands, help and errors read this."""


def describe_report_types(subject: ReportSubject, notes: bool = False) -> str:
    """Return the types that a subject can be reported as, as in "term or json:PATH"."""
    types = [
        report_format.name
        + _describe_destination(report_format, subject)
        + (report_format.note if notes else "")
        for report_format in REPORT_FORMATS
        if subject in report_format.renderers
    ]
    return " or ".join(filter(None, (", ".join(types[:-1]), types[-1])))


def _describe_destination(report_format: ReportFormat, subject: ReportSubject) -> str:
    if report_format.no_file:
        return ""
    return ":PATH" if subject in report_format.only_file else "[:PATH]"


def parse_report_type(subject: ReportSubject, text: str) -> tuple[str, str]:
    """Return the type and the destination, perhaps empty, of ``TYPE[:DEST]``.

    Raises: ValueError with the cause and the remedy.
    """
    type, _, destination = text.partition(":")
    report_format = _find_format(subject, type)
    if subject in report_format.only_file and not destination:
        raise ValueError("a destination is missing", f"write {type}:PATH")
    if report_format.no_file and destination:
        raise ValueError("it goes to no file of its own", f"write {type} alone")
    return type, destination


def _find_format(subject: ReportSubject, type: str) -> ReportFormat:
    """Return the format that renders a subject.

    Raises: ValueError with the cause and the remedy.
    """
    for report_format in REPORT_FORMATS:
        if report_format.name == type and subject in report_format.renderers:
            return report_format
    raise ValueError(f"unknown report type {type!r}", f"use {describe_report_types(subject)}")


def is_terminal_type(type: str) -> bool:
    """Say whether pytest itself prints a run's report of this type."""
    return any(
        report_format.terminal for report_format in REPORT_FORMATS if report_format.name == type
    )


def render_report(subject: ReportSubject, type: str, data: Any, **facts: Any) -> str:
    """Return a report as text; ``facts`` are given to a renderer that names them.

    Raises: ValueError where no format of this name renders the subject.
    """
    from importlib import import_module
    from inspect import signature

    module_name, _, function_name = _find_format(subject, type).renderers[subject].partition(":")
    renderer = getattr(import_module(f"{__package__}.{module_name}"), function_name)
    named = signature(renderer).parameters
    text: str = renderer(data, **{name: fact for name, fact in facts.items() if name in named})
    return text
