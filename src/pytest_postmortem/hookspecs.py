"""The two hooks that other plugins, and a suite's ``conftest.py``, may implement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_postmortem.report_types import Report


@pytest.hookspec(firstresult=True)
def pytest_postmortem_load(
    location: str, config: pytest.Config
) -> Iterable[Mapping[str, object]] | None:
    """Return the post-mortems of a location that is neither a file nor an http address.

    Called once a run, in the process that reports, for each location such as ``notion:DATABASE``;
    the first result that is not None is taken. An exception becomes a warning, and what an
    earlier run was given is used in its place.

    :param location: The configured location, with its scheme.
    :param config: pytest's configuration.
    :returns: The post-mortems, each a mapping with the fields of a registry file, ``id`` at
        least; None for a location of another plugin.
    """


@pytest.hookspec
def pytest_postmortem_report(report: Report, config: pytest.Config) -> None:
    """Do something with the finished report, in the process that reports.

    Called once a run, after the gates are judged and before the report is printed, where there
    is anything to report. An exception is printed, and fails a run that is otherwise green.

    :param report: The plain data of the JSON report, with no more of each post-mortem than
        ``postmortem_show`` allows.
    :param config: pytest's configuration.
    """
