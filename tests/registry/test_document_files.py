"""Which file is the document of an incident, and which is known to list incidents."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_postmortem.model import Postmortem
from pytest_postmortem.registry.document_files import find_incident_lists, has_document


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([("pm.yml", 1), ("pm.yml", 2)], {"pm.yml"}),
        ([("pm.json", 1), ("pm.json", None)], {"pm.json"}),
        ([("pm.yml", 1), ("other.yml", 2)], set()),
        ([("pm.yml", None), ("pm.yml", None)], set()),
        ([("incidents.md", 1), ("incidents.md", 9)], set()),
        ([("a/pm.csv", 2), ("b.md", 1), ("a/pm.csv", 3), (None, 1), (None, 2)], {"a/pm.csv"}),
    ],
)
def test_data_with_incidents_on_several_lines_is_a_list(
    places: list[tuple[str | None, int | None]], expected: set[str]
) -> None:
    """The entries of a text each have their heading in it, and one entry may be the document."""
    postmortems = [
        Postmortem(f"PM-{n}", "It", path=path, line=line) for n, (path, line) in enumerate(places)
    ]

    assert find_incident_lists(postmortems) == expected


def test_a_list_is_no_document_and_a_link_may_lead_to_one(tmp_path: Path) -> None:
    """The file of the entry is left out, the document in the checkout is not."""
    (tmp_path / "pm.yml").touch()
    (tmp_path / "outage.md").touch()
    listed = Postmortem("PM-1", "It", path="pm.yml")
    linked = Postmortem("PM-2", "It", path="pm.yml", url="outage.md")

    assert has_document(listed, tmp_path)
    assert not has_document(listed, tmp_path, {"pm.yml"})
    assert has_document(linked, tmp_path, {"pm.yml"})
