"""A severity is told from prose, and kept as it is written."""

from __future__ import annotations

import pytest

from pytest_postmortem.documents.labels import find_severity, load_labels


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("SEV1", "SEV1"),
        ("SEV-1 (major)", "SEV-1"),
        ("SEV-1（重大）", "SEV-1"),
        ("P0 - Critical", "P0"),
        ("P1: the hub", "P1"),
        ("P1 was declared at once", "P1"),
        ("P1级", "P1"),
        ("Sev 2", "Sev 2"),
        ("Severity 2", "Severity 2"),
        ("Critical (P0)", "Critical"),
        ("🔴 Critical", "Critical"),
        (":red_circle: High", "High"),
        ("High: all users", "High"),
        ("Major incident", "Major"),
        ("Total outage (SEV1)", "SEV1"),
        ("SEV2 (downgraded from SEV1)", "SEV2"),
        ("1 (critical)", "critical"),
        ("ALTA", "ALTA"),
        ("muito alta", "muito alta"),
        ("Élevée", "Élevée"),
        ("Hoch", "Hoch"),
        ("Серьёзная", "Серьёзная"),
        ("심각", "심각"),
        ("严重", "严重"),
        ("wysoki", "wysoki"),
        ("hoog", "hoog"),
        ("gravità alta", None),
        ("SEV1 / SEV2 / SEV3", None),
        ("SEV1 | SEV2", None),
        ("P0, P1 or P2", None),
        ("SEV1-SEV3", None),
        ("Low, Medium, High", None),
        ("<severity>", None),
        ("SEV-X", None),
        ("2", None),
        (f"alta ({'bloquea avisos ' * 9})", "alta"),
        (f"SEV-3 ({'一部' * 60})", "SEV-3"),
        (f"High - {'all users saw errors ' * 6}", "High"),
        (f"{'Users of high value ' * 6}- critical", None),
        ("high impact on users", None),
        ("Remote code execution on developer workstations.", None),
        ("", None),
    ],
)
def test_a_severity_is_told_from_prose(text: str, severity: str | None) -> None:
    """It begins the value, or is a code; several of one scale are the choices of a template."""
    assert find_severity(text, load_labels()) == severity


@pytest.mark.parametrize(
    ("text", "known", "severity"),
    [
        ("Critical (P0)", ["p0"], "P0"),
        ("Critical (P0)", ["critical"], "Critical"),
        ("L1", ["l1"], "L1"),
        ("Stufe 1 (alle Kunden)", ["stufe-1"], "Stufe 1"),
    ],
)
def test_the_severities_of_the_configuration_come_first(
    text: str, known: list[str], severity: str
) -> None:
    """A gate names one of the names of a severity, and compares that one."""
    assert find_severity(text, load_labels(), known) == severity
