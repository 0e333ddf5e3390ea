"""The next name is made as those that are there, and no number is ever used again."""

from __future__ import annotations

from datetime import date

import pytest

from pytest_postmortem.scaffold.naming import (
    NamingPattern,
    find_naming_pattern,
)

DAY = date(2026, 11, 20)
TITLE = "Checkout charged customers twice"
UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
SLUG = "checkout-charged-customers-twice"


@pytest.mark.parametrize(
    ("names", "name"),
    [
        ([], f"PM-0001-{SLUG}"),
        (["PM-0001-login-loop", "PM-0006-lost-mail"], f"PM-0007-{SLUG}"),
        (["PM-0099"], "PM-0100"),
        (["INC-9", "INC-12"], "INC-13"),
        (["INC-12 - DNS"], f"INC-13 - {TITLE}"),
        (["pm-1-a", "PM-2-b"], f"PM-3-{SLUG}"),
        (["0007-login-loop"], f"0008-{SLUG}"),
        (["7-a", "12-b"], f"13-{SLUG}"),
        (["7", "12"], "13"),
        (["#12", "#13"], "#14"),
        (["[PM-3] Login loop"], f"[PM-4] {TITLE}"),
        (["PM_007_lost_mail", "PM_008_x"], f"PM_009_{SLUG.replace('-', '_')}"),
        (["Incident 12 Login loop"], f"Incident 13 {TITLE}"),
        (["outage-12-a", "outage-13-b"], f"outage-14-{SLUG}"),
        (["9632825", "9630129", "10793447"], "10793448"),
        (["202601-a", "202602-b"], f"202603-{SLUG}"),
        (["20261301-a", "20261302-b"], f"20261303-{SLUG}"),
        (["PM2021-006 - A", "PM2022-002 -  B", "PM2022-009 - C"], f"PM2026-001 - {TITLE}"),
        (["PM-2025-011", "PM-2026-004"], "PM-2026-005"),
        (["PM-2026-01", "PM-2026-02"], "PM-2026-03"),
        (["PM2021-6-x", "PM2022-7-y"], f"PM2026-8-{SLUG}"),
        (["2026-01-x", "2026-02-y"], f"2026-03-{SLUG}"),
        (["2026-01-x", "2026-01-y"], f"2026-11-{SLUG}"),
        (["2026-13-x"], f"2026-14-{SLUG}"),
        (["2018-01-18-reddit-hug", "2022-06-02-pod-limit"], f"2026-11-20-{SLUG}"),
        (["2023-05-08-Negative-values", "2021-05-09-coins"], f"2026-11-20-{SLUG}"),
        (["2020-02-12", "2020-02-25"], "2026-11-20"),
        (["20260102-x"], f"20261120-{SLUG}"),
        (["2026_01_02_lost_mail"], f"2026_11_20_{SLUG.replace('-', '_')}"),
        (["2026.01.02 Mail was lost"], f"2026.11.20 {TITLE}"),
        (["incident-2026-01-02-x"], f"incident-2026-11-20-{SLUG}"),
        (["2026-13-40-x", "2026-99-99-y"], f"2026-100-{SLUG}"),
        (["2025-replit-x", "2024-air-canada-y"], f"2026-{SLUG}"),
        (["docsrs-outage-postmortem", "crates-io-postmortem"], SLUG),
        (["envoy-cve-2019-15225.head", "v3.5-data-inconsistency"], SLUG),
        (["http2-outage"], SLUG),
        (["503-errors-in-checkout"], SLUG),
        (["sev-1-checkout", "sev-2-login"], SLUG),
        (["2018-01-18-a", "2018-01-19-b", "PM-1-c"], f"2026-11-20-{SLUG}"),
        (["jan-2019-dns-outage", "jun-2019-kubelet-qps"], f"nov-2026-{SLUG}"),
        (["January-2019-dns", "may-2019-qps", "June-2019-x"], f"November-2026-{SLUG}"),
        (["2019-JAN-a"], f"2026-NOV-{SLUG}"),
        (["04-Mar-2019-a", "14-Apr-2019-b"], f"20-Nov-2026-{SLUG}"),
        (["4 march 2019 Login loop"], f"20 november 2026 {TITLE}"),
        (["sep2019_a_b"], f"nov2026_{SLUG.replace('-', '_')}"),
        (["outage-mar-2019-a"], f"outage-nov-2026-{SLUG}"),
        (["Mar-4-2019"], "Nov-20-2026"),
        (["march-of-the-penguins", "may-day"], SLUG),
        (["2026-01-02-a", "2026-01-03-b", "2026-01-04-PVC-c"], f"2026-11-20-{SLUG}"),
        (["2026-01-02-A", "2026-01-03-B", "2026-01-04-c"], f"2026-11-20-{SLUG.capitalize()}"),
        (["655ee350-a86f-424b-89c5-f80cc0fe527e"], UUID),
        (["655EE350A86F424B89C5F80CC0FE527E"], UUID.replace("-", "").upper()),
        (["655ee350-a86f-424b-89c5-f80cc0fe527e_lost_mail"], f"{UUID}_{SLUG.replace('-', '_')}"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_next_name_is_in_the_manner_of_the_others(names: list[str], name: str) -> None:
    """Prefix, padding, separators, years, dates, and how a title is spelled."""
    manner = find_naming_pattern(names)

    lead = manner.format_lead(manner.next(names, DAY), DAY, UUID)

    assert manner.name(lead, TITLE) == name


@pytest.mark.parametrize(
    ("manner", "used", "number"),
    [
        (NamingPattern("number", "PM-"), ["PM-7", "PM-3"], 8),
        (
            NamingPattern("number", "PM-"),
            ["pm-0009-x", "PM 10", "PM11", "INC-99", "PM-2026-50"],
            12,
        ),
        (NamingPattern("number", "PM-"), ["PM-" + "9" * 5000, "PM-1"], 2),
        (NamingPattern("number", "PM", year="-"), ["PM2025-009", "PM2026-003", "PM2026_004"], 5),
        (NamingPattern("number", "PM", year="-"), ["PM2025-009", "PM-77"], 1),
        (
            NamingPattern("number", "PM", year="-", restarts_yearly=False),
            ["PM2025-009", "PM2026-003"],
            10,
        ),
        (NamingPattern("number", ""), ["0012-x", "PM-40"], 13),
        (NamingPattern("number", "", year="-"), ["2026-002", "2026-07-14-b", "2026-07-10-a"], 3),
    ],
)
def test_no_number_is_used_again(manner: NamingPattern, used: list[str], number: int) -> None:
    """Whatever was used under this prefix counts, however it was written, and no gap is filled."""
    assert manner.next(used, DAY) == number


def test_a_title_without_words_leaves_no_open_bracket() -> None:
    """Nor does a name begin with one."""
    assert find_naming_pattern(["[PM-3] Login loop"]).name("[PM-4", "🔥") == "PM-4"
    assert find_naming_pattern(["2025-04-14-a"]).name("2026-11-20", "🔥") == "2026-11-20"


def test_ten_thousand_names_are_read_at_once() -> None:
    """Each is read a fixed number of times."""
    names = [f"{number}-slow-start" for number in range(10_000)]

    assert find_naming_pattern(names).next(names, DAY) == 10_000
