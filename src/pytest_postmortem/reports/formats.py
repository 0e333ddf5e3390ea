"""The plain data of a report → the text of any format that is made from it alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["render_report_document"]


def render_report_document(
    type: str,
    document: Mapping[str, Any],
    earlier: Sequence[Mapping[str, Any]] = (),
    past: Mapping[str, Any] | None = None,
) -> str:
    """Return a report as ``json``, ``markdown``, ``html`` or ``github``.

    ``earlier`` are older reports, oldest first, and ``past`` is a history read from git, for the
    formats that show a course of time.
    """
    if type == "json":
        from pytest_postmortem.reports import json_report

        return json_report.format_json_document(document)
    if type == "html":
        from pytest_postmortem.reports import html

        return html.render_html_report(document, earlier, past)
    if type == "github":
        from pytest_postmortem.reports import github

        return "".join(f"{line}\n" for line in github.render_workflow_commands(document))
    from pytest_postmortem.reports import markdown

    return markdown.render_markdown_report(document)
