"""The plain data of a report → the text of any format that is made from it alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["render"]


def render(
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
        from pytest_postmortem.reports import json

        return json.text_of(document)
    if type == "html":
        from pytest_postmortem.reports import html

        return html.render(document, earlier, past)
    if type == "github":
        from pytest_postmortem.reports import github

        return "".join(f"{line}\n" for line in github.commands(document))
    from pytest_postmortem.reports import markdown

    return markdown.render(document)
