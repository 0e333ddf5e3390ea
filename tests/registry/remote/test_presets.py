"""The services known by name, and those of the how-to pages: asked over HTTP, page after page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pytest_postmortem.errors import RegistryError
from pytest_postmortem.model import Finding, Location, Postmortem, Registry
from pytest_postmortem.registry import LoadOptions, load_registry
from pytest_postmortem.registry.located_data import LocatedTable
from pytest_postmortem.registry.remote import presets
from pytest_postmortem.registry.remote.http import HttpLimits
from pytest_postmortem.registry.remote.source_config import parse_source_block
from server import Reply, Server

SHAPES = Path(__file__).parents[2] / "data" / "api_shapes"
HOW_TO = Path(__file__).parents[3] / "docs" / "how-to"
PRESETS = Path(presets.__file__).parent
QUICK = HttpLimits(retries=0)


def shape(name: str) -> Any:
    """Return an answer of a service, as it is documented."""
    return json.loads((SHAPES / f"{name}.json").read_text(encoding="utf-8"))


def but(item: Any, **changes: object) -> Any:
    """Return an item of an answer with other values; ``a__b`` stands for a path."""
    item = deepcopy(item)
    for path, value in changes.items():
        *way, last = path.split("__")
        below = item
        for key in way:
            below = below[key]
        below[last] = value
    return item


def linked(body: Any, url: str) -> Reply:
    """Return a page whose header says where the next one is."""
    return Reply(body, headers={"Link": f'<{url}>; rel="next", <{url}&last>; rel="last"'})


Pages = Callable[[Server, str], list[Reply]]
"""The answers of a server under a path, one after the other."""


@dataclass(frozen=True)
class Case:
    """A service: what it is asked for, and what becomes of its answers.

    ``source`` stands in the registry file, with ``BASE`` for the server. ``asked`` holds the
    query of each page, ``headers`` what tells the service who asks, ``posted`` the data that is
    sent for each page, if it is.
    """

    source: str
    path: str
    pages: Pages
    asked: tuple[Mapping[str, str], ...]
    found: tuple[Postmortem, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    posted: tuple[Any, ...] = ()


def github(server: Server, path: str) -> list[Reply]:
    """Answer with an issue and a pull request, and with another issue."""
    issue, pull = shape("github_issues")
    other = but(issue, number=14051, title="Quota", state="open", labels=[], html_url="https://g/1")
    return [linked([issue, pull], f"{server.url}{path}?labels=postmortem&page=2"), Reply([other])]


def gitlab(server: Server, path: str) -> list[Reply]:
    """Answer with an incident that nobody has rated, and with one of a known severity."""
    (incident,) = shape("gitlab_issues")
    other = but(incident, iid=41, severity="CRITICAL", state="opened", references__full="g/p#41")
    return [linked([incident], f"{server.url}{path}?page=2"), Reply([other])]


def statuspage(server: Server, path: str) -> list[Reply]:
    """Answer with all that a status page has: there is no second page."""
    return [Reply(shape("statuspage_incidents"))]


def incidentio(server: Server, path: str) -> list[Reply]:
    """Answer with an incident, one that was declined, one without a document, and no more."""
    page = shape("incidentio_v2_incidents")
    (incident,) = page["incidents"]
    declined = but(incident, reference="INC-124", incident_status__category="declined")
    other = but(incident, reference="INC-125", id="01B", severity=None)
    del other["postmortem_document_url"]
    return [
        Reply(but(page, incidents=[incident, declined])),
        Reply(but(page, incidents=[other], pagination_meta={"page_size": 250})),
    ]


def pagerduty(server: Server, path: str) -> list[Reply]:
    """Answer with an incident, and with one that has no priority."""
    page = shape("pagerduty_incidents")
    (incident,) = page["incidents"]
    other = but(incident, id="Q2", incident_number=1235, status="triggered", priority=None)
    return [Reply(page), Reply(but(page, incidents=[other], offset=1, more=False))]


def jira(server: Server, path: str) -> list[Reply]:
    """Answer with an issue without a component, and with one that has two."""
    page = shape("jira_search_jql")
    (issue,) = page["issues"]
    issue = but(issue, fields__components=[])
    other = but(issue, key="PM-124", fields__components=[{"name": "api"}, {"name": "web"}])
    return [
        Reply(but(page, issues=[issue], nextPageToken="CAEaAgge", isLast=False)),
        Reply(but(page, issues=[other])),
    ]


def confluence(server: Server, path: str) -> list[Reply]:
    """Answer with a page that has an id in its title, and with one that has only a severity."""
    page = shape("confluence_content_search")
    (first,) = page["results"]
    other = but(
        first, id="65600", title="SEV-1 on a bad day", _links__webui="/spaces/OPS/pages/65600/A"
    )
    following = "/rest/api/content/search?next=true&cursor=_f_MTAw&limit=100"
    return [Reply(but(page, _links__next=following)), Reply(but(page, results=[other]))]


def rootly(server: Server, path: str) -> list[Reply]:
    """Answer with an incident and an exercise, and with an incident that never began."""
    page = shape("rootly_incidents")
    (incident,) = page["data"]
    exercise = but(incident, attributes__sequential_id=43, attributes__kind="test")
    other = but(
        incident,
        id="u-44",
        attributes__sequential_id=44,
        attributes__slug="44-mail",
        attributes__started_at=None,
        attributes__severity=None,
    )
    following = f"{server.url}{path}?page%5Bnumber%5D=2"
    first = but(page, data=[incident, exercise], links__next=following)
    return [Reply(first), Reply(but(page, data=[other]))]


def firehydrant(server: Server, path: str) -> list[Reply]:
    """Answer with an incident, and with one without a severity."""
    page = shape("firehydrant_incidents")
    (incident,) = page["data"]
    other = but(incident, id="u-124", number=124, severity=None, tag_list=[])
    return [Reply(but(page, pagination__next=2)), Reply(but(page, data=[other]))]


def opsgenie(server: Server, path: str) -> list[Reply]:
    """Answer with an incident, and with a resolved one."""
    page = shape("opsgenie_incidents")
    (incident,) = page["data"]
    other = but(incident, id="u-13", tinyId="13", status="resolved", tags=[])
    following = f"{server.url}{path}?offset=100&limit=100"
    return [Reply(but(page, paging__next=following)), Reply(but(page, data=[other]))]


def yaml_blocks(page: str) -> Iterator[tuple[str, str]]:
    """Yield the registry files that a how-to page shows, each after the heading above it."""
    text = (HOW_TO / page).read_text(encoding="utf-8")
    for found in re.finditer(r"^```yaml\n(# postmortems\.yml\n.*?)^```$", text, re.M | re.S):
        above = re.sub(r"^```.*?^```", "", text[: found.start()], flags=re.M | re.S)
        headings = re.findall(r"^#+ (.*)$", above, re.M)
        yield headings[-1], found[1]


def documented(page: str, heading: str, host: str) -> str:
    """Return the registry file below a heading of a page, for our server in place of a host."""
    (text,) = [text for above, text in yaml_blocks(page) if above == heading]
    assert host in text
    return text.replace(host, "BASE")


GITHUB = Case(
    source='source: {preset: "github:owner/repo", base: "BASE"}',
    path="/repos/owner/repo/issues",
    pages=github,
    asked=(
        {"labels": "postmortem", "state": "all", "per_page": "100"},
        {"labels": "postmortem", "page": "2"},
    ),
    found=(
        Postmortem(
            id="14045",
            title="Plans for reproducing historical data inconsistency",
            url="https://github.com/o/r/issues/14045",
            date="2022-05-13",
            status="closed",
            tags=("postmortem", "sev1"),
            aliases=("owner/repo#14045",),
        ),
        Postmortem(
            id="14051",
            title="Quota",
            url="https://g/1",
            date="2022-05-13",
            status="open",
            aliases=("owner/repo#14051",),
        ),
    ),
    environ={"GITHUB_TOKEN": "s3cret"},
    headers={
        "accept": "application/vnd.github+json",
        "authorization": "Bearer s3cret",
        "x-github-api-version": "2022-11-28",
    },
)

GITLAB_INCIDENT = Postmortem(
    id="40",
    title="Dismiss Cipher with no integrity",
    url="https://gitlab.example.com/g/p/-/issues/40",
    date="2022-02-21",
    status="closed",
    tags=("incident",),
    aliases=("g/p#40",),
)

GITLAB = Case(
    source='source: "gitlab:BASE/group/sub/project"',
    path="/api/v4/projects/group%2Fsub%2Fproject/issues",
    pages=gitlab,
    asked=({"issue_type": "incident", "per_page": "100"}, {"page": "2"}),
    found=(
        GITLAB_INCIDENT,
        GITLAB_INCIDENT._replace(
            id="41",
            severity="CRITICAL",
            status="opened",
            aliases=("g/p#41",),
        ),
    ),
    environ={"GITLAB_TOKEN": "s3cret"},
    headers={"private-token": "s3cret"},
)

STATUSPAGE = Case(
    source='source: {preset: "statuspage:https://status.example.com", base: "BASE/"}',
    path="/api/v2/incidents.json",
    pages=statuspage,
    asked=({},),
    found=(
        Postmortem(
            id="wrg1yfdmxm0g",
            title="Increased API latency",
            url="https://stspg.io/5pryg1hfzn2y",
            date="2026-09-15",
            severity="minor",
            status="postmortem",
        ),
        Postmortem(
            id="01M3ACKDE4GYY67FXXNRRSC0CE",
            title="Elevated Error Rates "
            "(incident.io-hosted page: no shortlink, started_at may be null)",
            url="BASE/incidents/01M3ACKDE4GYY67FXXNRRSC0CE",
            date="2026-09-24",
            severity="none",
            status="identified",
        ),
    ),
)

INCIDENTIO_INCIDENT = Postmortem(
    id="INC-123",
    title="Our database is sad",
    url="https://docs.google.com/my_doc_id",
    date="2021-08-17",
    severity="Minor",
    status="Closed",
    aliases=("01FDAG4SAP5TYPT98WGR2N7W91",),
)

INCIDENTIO = Case(
    source='source: {preset: "incidentio:", base: "BASE"}',
    path="/v2/incidents",
    pages=incidentio,
    asked=(
        {"page_size": "250"},
        {"page_size": "250", "after": "01FCNDV6P870EA6S7TK1DSYDG0"},
    ),
    found=(
        INCIDENTIO_INCIDENT,
        INCIDENTIO_INCIDENT._replace(
            id="INC-125",
            url="https://app.incident.io/incidents/123",
            severity=None,
            aliases=("01B",),
        ),
    ),
    environ={"INCIDENT_API_KEY": "s3cret"},
    headers={"authorization": "Bearer s3cret"},
)

PAGERDUTY_INCIDENT = Postmortem(
    id="PT4KHLK",
    title="The server is on fire.",
    url="https://subdomain.pagerduty.com/incidents/PT4KHLK",
    date="2015-10-06",
    severity="P2",
    status="resolved",
    service=("My Mail Service",),
    aliases=("1234",),
)

PAGERDUTY = Case(
    source='source: {preset: "pagerduty:", base: "BASE"}',
    path="/incidents",
    pages=pagerduty,
    asked=(
        {"date_range": "all", "limit": "100"},
        {"date_range": "all", "limit": "100", "offset": "1"},
    ),
    found=(
        PAGERDUTY_INCIDENT,
        PAGERDUTY_INCIDENT._replace(id="Q2", severity=None, status="triggered", aliases=("1235",)),
    ),
    environ={"PAGERDUTY_TOKEN": "s3cret"},
    headers={
        "accept": "application/vnd.pagerduty+json;version=2",
        "authorization": "Token token=s3cret",
        "content-type": "application/json",
    },
)

JIRA_QUERY = {
    "jql": 'project = "PM" AND labels = postmortem ORDER BY key',
    "fields": "summary,status,priority,labels,components,created,description",
    "maxResults": "100",
}

JIRA_ISSUE = Postmortem(
    id="PM-123",
    title="Checkout outage",
    url="https://example.atlassian.net/browse/PM-123",
    date="2024-03-12",
    severity="Highest",
    status="Done",
    tags=("postmortem",),
)

JIRA = Case(
    source='source: {preset: "jira:https://example.atlassian.net/PM", base: "BASE/ex/jira/7"}',
    path="/ex/jira/7/rest/api/3/search/jql",
    pages=jira,
    asked=(JIRA_QUERY, {**JIRA_QUERY, "nextPageToken": "CAEaAgge"}),
    found=(
        JIRA_ISSUE,
        JIRA_ISSUE._replace(
            id="PM-124",
            url="https://example.atlassian.net/browse/PM-124",
            component=("api", "web"),
        ),
    ),
    environ={"JIRA_EMAIL": "bot@example.com", "JIRA_API_TOKEN": "s3cret"},
    headers={"authorization": "Basic Ym90QGV4YW1wbGUuY29tOnMzY3JldA=="},
)

CONFLUENCE_QUERY = {
    "cql": 'space = "OPS" AND type = page AND label = "postmortem" ORDER BY created',
    "expand": "history,metadata.labels",
    "limit": "100",
}

CONFLUENCE = Case(
    source='source: {preset: "confluence:https://example.atlassian.net/OPS", base: "BASE"}',
    path="/wiki/rest/api/content/search",
    pages=confluence,
    asked=(CONFLUENCE_QUERY, {"next": "true", "cursor": "_f_MTAw", "limit": "100"}),
    found=(
        Postmortem(
            id="INC-7",
            title="Search returned nothing",
            url="https://example.atlassian.net/wiki/spaces/OPS/pages/65591"
            "/INC-7+Search+returned+nothing",
            date="2024-03-14",
            tags=("postmortem",),
            aliases=("65591",),
        ),
        Postmortem(
            id="65600",
            title="SEV-1 on a bad day",
            url="https://example.atlassian.net/wiki/spaces/OPS/pages/65600/A",
            date="2024-03-14",
            tags=("postmortem",),
        ),
    ),
    environ={"CONFLUENCE_EMAIL": "bot@example.com", "CONFLUENCE_API_TOKEN": "s3cret"},
    headers={"authorization": "Basic Ym90QGV4YW1wbGUuY29tOnMzY3JldA=="},
)

ROOTLY_INCIDENT = Postmortem(
    id="INC-42",
    title="Checkout errors",
    url="https://rootly.com/account/incidents/42-checkout-errors",
    date="2024-03-12",
    severity="SEV1",
    status="resolved",
    aliases=("42-checkout-errors", "f6c5c6b4-5d0f-4a06-8e5b-1f2b3c4d5e6f"),
)

ROOTLY = Case(
    source=documented("other-services.md", "Rootly", "https://api.rootly.com"),
    path="/v1/incidents",
    pages=rootly,
    asked=({"page[size]": "100"}, {"page[number]": "2"}),
    found=(
        ROOTLY_INCIDENT,
        ROOTLY_INCIDENT._replace(id="INC-44", severity=None, aliases=("44-mail", "u-44")),
    ),
    environ={"ROOTLY_API_TOKEN": "s3cret"},
    headers={"accept": "application/vnd.api+json", "authorization": "Bearer s3cret"},
)

FIREHYDRANT_INCIDENT = Postmortem(
    id="INC-123",
    title="Checkout errors",
    url="https://app.firehydrant.io/org/incidents/123",
    date="2024-03-12",
    severity="SEV1",
    status="postmortem_completed",
    tags=("checkout",),
    aliases=("3fa85f64-5717-4562-b3fc-2c963f66afa6",),
)

FIREHYDRANT = Case(
    source=documented("other-services.md", "FireHydrant", "https://api.firehydrant.io"),
    path="/v1/incidents",
    pages=firehydrant,
    asked=({"per_page": "100"}, {"per_page": "100", "page": "2"}),
    found=(
        FIREHYDRANT_INCIDENT,
        FIREHYDRANT_INCIDENT._replace(id="INC-124", severity=None, tags=(), aliases=("u-124",)),
    ),
    environ={"FIREHYDRANT_API_KEY": "s3cret"},
    headers={"authorization": "Bearer s3cret"},
)

OPSGENIE_INCIDENT = Postmortem(
    id="INC-12",
    title="Checkout errors",
    url="https://example.app.opsgenie.com/incident/detail/c41f18a2-8d43-4ee8-8f1c-0d6d9c2a6a11",
    date="2024-03-12",
    severity="P1",
    status="closed",
    tags=("checkout",),
    aliases=("c41f18a2-8d43-4ee8-8f1c-0d6d9c2a6a11",),
)

OPSGENIE = Case(
    source=documented("other-services.md", "Opsgenie", "https://api.opsgenie.com"),
    path="/v1/incidents",
    pages=opsgenie,
    asked=(
        {
            "query": "status: resolved OR status: closed",
            "sort": "createdAt",
            "order": "desc",
            "limit": "100",
        },
        {"offset": "100", "limit": "100"},
    ),
    found=(
        OPSGENIE_INCIDENT,
        OPSGENIE_INCIDENT._replace(
            id="INC-13",
            url="https://example.app.opsgenie.com/incident/detail/u-13",
            status="resolved",
            tags=(),
            aliases=("u-13",),
        ),
    ),
    environ={"OPSGENIE_API_KEY": "s3cret"},
    headers={"authorization": "GenieKey s3cret"},
)

ADVISORY = {
    "id": "PYSEC-2024-24",
    "modified": "2024-02-05T20:20:47Z",
    "published": "2024-01-29T23:15:00Z",
    "aliases": ["CVE-2024-23334"],
    "summary": "Directory traversal",
    "database_specific": {"severity": "HIGH"},
    "affected": [{"package": {"ecosystem": "PyPI", "name": "aiohttp"}}],
    "references": [{"type": "FIX", "url": "https://github.com/aio-libs/aiohttp/pull/8079"}],
}

OSV_ADVISORY = Postmortem(
    id="PYSEC-2024-24",
    title="Directory traversal",
    url="https://osv.dev/vulnerability/PYSEC-2024-24",
    date="2024-01-29",
    severity="HIGH",
    aliases=("CVE-2024-23334",),
    references=("fix https://github.com/aio-libs/aiohttp/pull/8079",),
)


def osv(server: Server, path: str) -> list[Reply]:
    """Answer with an advisory and its twin, and with a withdrawn one and another on a later page.

    The twin is the record of GitHub for the same advisory.
    """
    twin = but(ADVISORY, id="GHSA-5h86-8mv2-jq9f")
    other = but(ADVISORY, id="PYSEC-2024-26", aliases=[])
    withdrawn = but(ADVISORY, id="PYSEC-2024-25", withdrawn="2024-03-01T00:00:00Z")
    return [
        Reply({"vulns": [twin, ADVISORY], "next_page_token": "abc"}),
        Reply({"vulns": [withdrawn, other]}),
    ]


PACKAGE = {"package": {"ecosystem": "PyPI", "name": "aiohttp"}}

OSV = Case(
    source='source: {preset: "osv:PyPI/aiohttp", base: "BASE"}',
    path="/v1/query",
    pages=osv,
    asked=({}, {}),
    found=(
        OSV_ADVISORY._replace(aliases=("GHSA-5h86-8mv2-jq9f", "CVE-2024-23334")),
        OSV_ADVISORY._replace(
            id="PYSEC-2024-26",
            url="https://osv.dev/vulnerability/PYSEC-2024-26",
            aliases=(),
        ),
    ),
    posted=(PACKAGE, {**PACKAGE, "page_token": "abc"}),
)

GITHUB_ADVISORY = {
    "ghsa_id": "GHSA-5h86-8mv2-jq9f",
    "cve_id": "CVE-2024-23334",
    "html_url": "https://github.com/o/r/security/advisories/GHSA-5h86-8mv2-jq9f",
    "summary": "Directory traversal",
    "description": "The folder of static files can be left.",
    "severity": "high",
    "identifiers": [
        {"value": "GHSA-5h86-8mv2-jq9f", "type": "GHSA"},
        {"value": "CVE-2024-23334", "type": "CVE"},
    ],
    "state": "published",
    "published_at": "2024-01-29T23:15:00Z",
    "withdrawn_at": None,
}

GITHUB_ADVISORIES = Case(
    source='source: {preset: "github-advisories:owner/repo", base: "BASE"}',
    path="/repos/owner/repo/security-advisories",
    pages=lambda server, path: [
        linked([GITHUB_ADVISORY], f"{server.url}{path}?page=2"),
        Reply([but(GITHUB_ADVISORY, ghsa_id="GHSA-b", cve_id=None, identifiers=[])]),
    ],
    asked=({"state": "published", "per_page": "100"}, {"page": "2"}),
    found=(
        Postmortem(
            id="GHSA-5h86-8mv2-jq9f",
            title="Directory traversal",
            url="https://github.com/o/r/security/advisories/GHSA-5h86-8mv2-jq9f",
            date="2024-01-29",
            severity="high",
            aliases=("CVE-2024-23334",),
        ),
        Postmortem(
            id="GHSA-b",
            title="Directory traversal",
            url="https://github.com/o/r/security/advisories/GHSA-5h86-8mv2-jq9f",
            date="2024-01-29",
            severity="high",
        ),
    ),
    environ={"GITHUB_TOKEN": "s3cret"},
    headers={"authorization": "Bearer s3cret"},
)

CASES = {
    "osv": OSV,
    "github-advisories": GITHUB_ADVISORIES,
    "github": GITHUB,
    "gitlab": GITLAB,
    "statuspage": STATUSPAGE,
    "incidentio": INCIDENTIO,
    "pagerduty": PAGERDUTY,
    "jira": JIRA,
    "confluence": CONFLUENCE,
    "rootly": ROOTLY,
    "firehydrant": FIREHYDRANT,
    "opsgenie": OPSGENIE,
}

WITH_CREDENTIAL = [name for name, case in CASES.items() if case.environ]
OPTIONAL = ["github", "github-advisories", "gitlab"]
WHO_ASKS = ("authorization", "private-token")


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what a developer may have set from being sent."""
    for case in CASES.values():
        for name in case.environ:
            monkeypatch.delenv(name, raising=False)


every = pytest.mark.parametrize("case", [pytest.param(CASES[name], id=name) for name in CASES])


def read(
    case: Case, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch, how: LoadOptions
) -> Registry:
    """Load the registry of a case from the server, with the variables of the case set."""
    for name, value in case.environ.items():
        monkeypatch.setenv(name, value)
    text = case.source.replace("BASE", server.url)
    (folder / "postmortems.yml").write_text(text, encoding="utf-8")
    return load_registry([Location("postmortems.yml", folder)], folder, how)


def expected(case: Case, server: Server) -> list[Postmortem]:
    """Return the post-mortems of a case, for this server."""
    return [
        each._replace(url=each.url and each.url.replace("BASE", server.url)) for each in case.found
    ]


@every
def test_a_service_is_asked_page_by_page_and_each_field_has_its_place(
    case: Case, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the documentation of a service promises becomes post-mortems, down to the last page."""
    server.on(case.path, *case.pages(server, case.path))

    registry = read(case, server, tmp_path, monkeypatch, LoadOptions(show="all"))

    assert list(registry) == expected(case, server)
    assert registry.findings == ()
    assert registry.unreachable == ()
    assert server.paths() == [case.path] * len(case.asked)
    assert [asked.query for asked in server.asked] == list(case.asked)
    assert [asked.posted for asked in server.asked] == list(case.posted or [None] * len(case.asked))


@every
def test_the_credential_of_the_environment_goes_along_with_every_page(
    case: Case, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service gets its credential in the header that it reads, and nothing else."""
    server.on(case.path, *case.pages(server, case.path))
    wanted = {*case.headers, *WHO_ASKS}

    read(case, server, tmp_path, monkeypatch, LoadOptions())

    sent = [
        {name: text for name, text in asked.headers.items() if name in wanted}
        for asked in server.asked
    ]
    assert sent == [dict(case.headers)] * len(case.asked)


@pytest.mark.parametrize("name", OPTIONAL)
def test_a_public_project_is_read_without_a_token_and_shown_whole(
    name: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a token is optional, none is sent that is not set, and nothing is held back."""
    case = replace(CASES[name], environ={})
    server.on(case.path, *case.pages(server, case.path))

    registry = read(case, server, tmp_path, monkeypatch, LoadOptions())

    assert list(registry) == expected(case, server)
    assert [set(WHO_ASKS) & set(asked.headers) for asked in server.asked] == [set(), set()]


@pytest.mark.parametrize("name", WITH_CREDENTIAL)
def test_what_a_credential_opened_is_kept_without_its_words(
    name: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a credential and no setting, the title is not even kept, and only a link is shown."""
    case = CASES[name]
    server.on(case.path, *case.pages(server, case.path))

    registry = read(case, server, tmp_path, monkeypatch, LoadOptions())

    assert list(registry) == [
        each._replace(title=each.id, show="link") for each in expected(case, server)
    ]


@pytest.mark.parametrize("name", [name for name in WITH_CREDENTIAL if name not in OPTIONAL])
def test_a_variable_that_is_not_set_is_named(
    name: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a service needs a credential, nothing is asked without it, and the run goes on."""
    case = CASES[name]
    missing = next(iter(case.environ))

    registry = read(replace(case, environ={}), server, tmp_path, monkeypatch, LoadOptions())

    (finding,) = registry.findings
    assert finding.message == unread(f"the environment variable {missing} is not set", "set it")
    assert server.asked == []


def test_lists_that_are_empty_everywhere_are_no_reason_to_warn(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tracker that knows no component and no label is read without a complaint."""
    page = shape("jira_search_jql")
    bare = but(page["issues"][0], fields__components=[], fields__labels=[], fields__priority=None)
    server.on(JIRA.path, Reply(but(page, issues=[bare])))
    (issue, _) = shape("github_issues")
    server.on(GITHUB.path, Reply([but(issue, labels=[])]))

    registries = [
        read(case, server, tmp_path, monkeypatch, LoadOptions()) for case in (JIRA, GITHUB)
    ]

    assert [registry.findings for registry in registries] == [(), ()]
    assert [len(registry) for registry in registries] == [1, 1]


def test_a_status_page_says_that_it_is_never_whole(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An id that has become too old for a status page is not held against a test."""
    server.on(STATUSPAGE.path, *statuspage(server, STATUSPAGE.path))

    registry = read(STATUSPAGE, server, tmp_path, monkeypatch, LoadOptions())

    assert registry.partial == (
        "statuspage:https://status.example.com: a status page lists its newest 50 incidents alone",
    )


def test_a_status_page_of_fifty_incidents_is_read_whole(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page as full as it gets is one request, and all of it."""
    page = shape("statuspage_incidents")
    many = [but(page["incidents"][0], id=f"i{number}") for number in range(50)]
    server.on(STATUSPAGE.path, Reply(but(page, incidents=many)))

    registry = read(STATUSPAGE, server, tmp_path, monkeypatch, LoadOptions())

    assert [each.id for each in registry] == [f"i{number}" for number in range(50)]
    assert server.paths() == [STATUSPAGE.path]


def unread(cause: str, remedy: str) -> str:
    """Return what is said of a location that can't be read."""
    return f"it can't be read: {cause}; its ids are not checked, and gates are not judged; {remedy}"


ASK_LESS = "ask again later, or let runs read the file that `pytest-postmortem sync` writes"

REFUSALS = {
    "401": (
        Reply({"message": "Bad credentials"}, 401),
        "the credential is missing or was refused (HTTP 401): the service says 'Bad credentials'",
        "check the token, and that it has not ended",
    ),
    "403": (
        Reply({"message": "Forbidden"}, 403),
        "the credential may not read this (HTTP 403): the service says 'Forbidden'",
        "give the token the right to read it",
    ),
    "404": (
        Reply({"message": "Not Found"}, 404),
        "there is nothing at this address (HTTP 404): the service says 'Not Found'",
        "correct it; some services answer this if the token has no access",
    ),
    "429": (
        Reply({}, 429, {"Retry-After": "3600"}),
        "it has been asked too often (HTTP 429)",
        ASK_LESS,
    ),
    "500": (Reply("oh no", 500), "the server failed (HTTP 500)", "ask again later"),
    "html": (
        Reply("<!doctype html><title>Log in</title>", headers={"Content-Type": "text/html"}),
        "it answered with a web page, not with data: is it the one to log in?",
        "correct the address, or check the token",
    ),
}


@every
@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_service_that_says_no_stops_no_test(
    case: Case, refusal: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a service answers, the run goes on, and one warning says why and what to do."""
    reply, cause, remedy = REFUSALS[refusal]
    server.on(case.path, reply)

    registry = read(case, server, tmp_path, monkeypatch, LoadOptions(limits=QUICK))

    (shown,) = registry.unreachable
    assert list(registry) == []
    assert registry.findings == (
        Finding("registry-unreachable", "warning", unread(cause, remedy), shown),
    )
    assert len(server.asked) == 1


@every
def test_a_later_page_that_fails_makes_no_half_registry(
    case: Case, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a list would call ids unknown that are known: it counts as not read."""
    first, *rest = case.pages(server, case.path)
    server.on(case.path, *([first] if rest else []), Reply("oh no", 500))

    registry = read(case, server, tmp_path, monkeypatch, LoadOptions(limits=QUICK))

    assert list(registry) == []
    assert [finding.code for finding in registry.findings] == ["registry-unreachable"]


LOCATIONS = {
    "github:o/r?labels=incident&state=closed": (
        "https://api.github.com/repos/o/r/issues",
        {"labels": "incident", "state": "closed", "per_page": "100"},
    ),
    "github:o/r?labels=a%20b,c&since=2026-01-01T00:00:00Z": (
        "https://api.github.com/repos/o/r/issues",
        {
            "labels": "a b,c",
            "since": "2026-01-01T00:00:00Z",
            "state": "all",
            "per_page": "100",
        },
    ),
    "gitlab:group/sub/project": (
        "https://gitlab.com/api/v4/projects/group%2Fsub%2Fproject/issues",
        {"issue_type": "incident", "per_page": "100"},
    ),
    "gitlab:https://git.example.com:8443/group/project?issue_type=issue&labels=postmortem": (
        "https://git.example.com:8443/api/v4/projects/group%2Fproject/issues",
        {"issue_type": "issue", "labels": "postmortem", "per_page": "100"},
    ),
    "statuspage:https://status.example.com/": (
        "https://status.example.com/api/v2/incidents.json",
        {},
    ),
    "incidentio:": ("https://api.incident.io/v2/incidents", {"page_size": "250"}),
    "incidentio:?severity[gte]=01G": (
        "https://api.incident.io/v2/incidents",
        {"page_size": "250", "severity[gte]": "01G"},
    ),
    "pagerduty:?service_ids[]=PIJ90N7": (
        "https://api.pagerduty.com/incidents",
        {"date_range": "all", "limit": "100", "service_ids[]": "PIJ90N7"},
    ),
    "jira:https://jira.example.com/PROJ": (
        "https://jira.example.com/rest/api/3/search/jql",
        {**JIRA_QUERY, "jql": 'project = "PROJ" AND labels = postmortem ORDER BY key'},
    ),
    "jira:https://jira.example.com/browse/PROJ/": (
        "https://jira.example.com/rest/api/3/search/jql",
        {**JIRA_QUERY, "jql": 'project = "PROJ" AND labels = postmortem ORDER BY key'},
    ),
    "confluence:https://wiki.example.com/OPS": (
        "https://wiki.example.com/wiki/rest/api/content/search",
        CONFLUENCE_QUERY,
    ),
    "confluence:https://wiki.example.com/wiki/spaces/OPS?limit=25": (
        "https://wiki.example.com/wiki/rest/api/content/search",
        {**CONFLUENCE_QUERY, "limit": "25"},
    ),
}


@pytest.mark.parametrize("location", LOCATIONS)
def test_a_location_says_where_and_what_to_ask(location: str) -> None:
    """A host of one's own and a query in the location go where the service expects them."""
    source = parse_source_block(presets.expand_preset(location, location), location)

    assert (source.url, dict(source.query)) == LOCATIONS[location]


def tables(block: Mapping[str, Any]) -> LocatedTable:
    """Return a block as it is read from a file."""
    table = LocatedTable()
    for key, value in block.items():
        table[key] = tables(value) if isinstance(value, Mapping) else value
    return table


def test_a_block_may_take_away_and_change_what_a_preset_says() -> None:
    """What stands beside a preset is laid over it, field by field, and null takes away."""
    own = tables({"query": {"labels": "incident", "state": None}, "fields": {"date": "closed_at"}})

    block = presets.expand_preset("github:o/r?labels=sev1", "postmortems.yml", own)

    source = parse_source_block(block, "postmortems.yml")
    assert dict(source.query) == {"labels": "incident", "per_page": "100"}
    assert [spot.text for spot in source.fields["date"]] == ["closed_at"]
    assert [spot.text for spot in source.fields["title"]] == ["title"]


WRONG_TARGETS = {
    "github:repo": "write github:owner/repo",
    "github:https://github.com/owner/repo": "write github:owner/repo",
    "github:owner/repo/issues": "write github:owner/repo",
    "gitlab:project": (
        "write gitlab:group/project, or gitlab:https://gitlab.example.com/group/project"
    ),
    "statuspage:status.example.com": "write statuspage:https://status.example.com",
    "statuspage:https://status.example.com/history": "write statuspage:https://status.example.com",
    "incidentio:example": "write incidentio:",
    "pagerduty:example": "write pagerduty:",
    "jira:PM": "write jira:https://example.atlassian.net/PROJECT",
    "jira:https://example.atlassian.net": "write jira:https://example.atlassian.net/PROJECT",
    "jira:https://example.atlassian.net/PM-1": "write jira:https://example.atlassian.net/PROJECT",
    'jira:https://example.atlassian.net/PM" OR x = "': (
        "write jira:https://example.atlassian.net/PROJECT"
    ),
    "confluence:OPS": "write confluence:https://example.atlassian.net/SPACE",
    "confluence:https://example.atlassian.net/wiki/spaces/OPS/pages/1": (
        "write confluence:https://example.atlassian.net/SPACE"
    ),
}


@pytest.mark.parametrize("location", WRONG_TARGETS)
def test_a_location_that_names_no_place_is_answered_with_an_example(
    location: str, tmp_path: Path
) -> None:
    """Whoever writes a location the wrong way reads the right way in the message."""
    with pytest.raises(RegistryError) as caught:
        load_registry([Location(location, tmp_path)], tmp_path, LoadOptions())

    assert str(caught.value) == (
        f"Couldn't read registry {location!r}: the part after the colon is not valid\n"
        f"  {WRONG_TARGETS[location]}\n"
        "  see `pytest-postmortem explain registry-location`"
    )


def test_a_filter_that_stands_twice_is_not_halved(tmp_path: Path) -> None:
    """A second value would take the place of the first, so that too little is asked for."""
    location = "pagerduty:?statuses[]=resolved&statuses[]=triggered"

    with pytest.raises(RegistryError) as caught:
        load_registry([Location(location, tmp_path)], tmp_path, LoadOptions())

    assert str(caught.value).splitlines()[:2] == [
        "Couldn't read registry 'pagerduty:': 'statuses[]' is in its query more than once",
        "  keep one value, and filter the answer with 'where' in a source block",
    ]


def test_a_package_without_advisories_is_an_empty_list(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service leaves an empty list out of its answer."""
    server.on(OSV.path, Reply({}))

    registry = read(OSV, server, tmp_path, monkeypatch, LoadOptions())

    assert list(registry) == []
    assert registry.unreachable == ()


def test_an_unknown_service_is_answered_with_those_that_are_known(tmp_path: Path) -> None:
    """The message for a mistyped service lists the services, and not a missing file."""
    with pytest.raises(RegistryError) as caught:
        load_registry([Location("githbu:owner/repo", tmp_path)], tmp_path, LoadOptions())

    assert str(caught.value).splitlines()[:2] == [
        "Couldn't read registry 'githbu:owner/repo': 'githbu' is not a known service",
        "  name a file, a directory, an https:// address or a service: "
        + ", ".join(presets.PRESET_SERVICES),
    ]


def test_every_preset_has_a_case_here() -> None:
    """Each is tried against a server that answers as the service does."""
    assert set(presets.PRESET_SERVICES) <= set(CASES)


@pytest.mark.parametrize("service", presets.PRESET_SERVICES)
def test_a_preset_is_whole_and_its_examples_lead_somewhere(service: str) -> None:
    """A preset says where its list is and how an id is read, and each example of it is right."""
    text = (PRESETS / f"{service}.yml").read_text(encoding="utf-8")
    written = re.findall(r"^(\w+):", text, re.M)
    (example,) = re.findall(r'^example: "?(.*?)"?$', text, re.M)

    sources = [
        parse_source_block(presets.expand_preset(each, each), each)
        for each in example.split(", or ")
    ]

    assert {"target", "example", "url", "fields"} <= set(written)
    assert all(source.url.startswith("https://") for source in sources)
    assert all("id" in source.fields for source in sources)
    assert not any("{" in source.url for source in sources)


@pytest.mark.parametrize("service", presets.PRESET_SERVICES)
def test_a_preset_is_documented(service: str) -> None:
    """A row of the reference has its location, and a how-to page its setting."""
    reference = (HOW_TO.parent / "reference" / "registry.md").read_text(encoding="utf-8")
    setting = f'postmortem_registry = ["{service}:'

    assert f"\n| `{service}:" in reference
    assert any(setting in (HOW_TO / page).read_text(encoding="utf-8") for page in PAGES)


PAGES = sorted(
    path.name
    for path in HOW_TO.glob("*.md")
    if re.search(
        rf'^source:$|^postmortem_registry = \["(?:{"|".join(presets.PRESET_SERVICES)}):[^"]*"\]$',
        path.read_text(encoding="utf-8"),
        re.M,
    )
)
"""The how-to pages that show a registry of a service."""


@pytest.mark.parametrize("page", PAGES)
def test_every_registry_that_a_page_shows_is_understood(page: str, tmp_path: Path) -> None:
    """Whatever is copied from a page is read without a complaint about how it is written."""
    text = (HOW_TO / page).read_text(encoding="utf-8")
    files = [block for _, block in yaml_blocks(page)]
    settings = re.findall(r'^postmortem_registry = \["(.*)"\]$', text, re.M)
    for number, block in enumerate(files):
        (tmp_path / f"{number}.yml").write_text(block, encoding="utf-8")
    names = [f"{number}.yml" for number in range(len(files))]
    locations = [text for text in settings if text != "postmortems.yml"]

    registry = load_registry(
        [Location(name, tmp_path) for name in names + locations],
        tmp_path,
        LoadOptions(offline=True),
    )

    assert {finding.code for finding in registry.findings} == {"registry-unreachable"}
    assert len(registry.findings) == len(names + locations) > 0


DATA_CENTER = {
    "jira": Case(
        source=documented("jira-confluence.md", "Jira Data Center", "https://jira.example.com"),
        path="/rest/api/2/search",
        pages=lambda server, path: [
            Reply({**shape("jira_search_jql"), "startAt": 0, "total": 1}),
            Reply({"issues": [], "startAt": 1, "total": 1}),
        ],
        asked=(JIRA_QUERY, {**JIRA_QUERY, "startAt": "1"}),
        found=(JIRA_ISSUE._replace(url="BASE/browse/PM-123"),),
        environ={"JIRA_API_TOKEN": "s3cret"},
        headers={"authorization": "Bearer s3cret"},
    ),
    "confluence": Case(
        source=documented(
            "jira-confluence.md", "Confluence Data Center", "https://wiki.example.com"
        ),
        path="/rest/api/content/search",
        pages=confluence,
        asked=CONFLUENCE.asked,
        found=tuple(
            each._replace(
                url=(each.url or "").replace("https://example.atlassian.net/wiki", "BASE")
            )
            for each in CONFLUENCE.found
        ),
        environ={"CONFLUENCE_API_TOKEN": "s3cret"},
        headers={"authorization": "Bearer s3cret"},
    ),
}


@pytest.mark.parametrize("name", DATA_CENTER)
def test_a_server_of_ones_own_is_read_with_what_its_page_says(
    name: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older API of a self-hosted server needs other words in the block, and no other code."""
    case = DATA_CENTER[name]
    server.on(case.path, *case.pages(server, case.path))

    registry = read(case, server, tmp_path, monkeypatch, LoadOptions(show="all"))

    assert list(registry) == expected(case, server)
    assert [asked.query for asked in server.asked] == list(case.asked)
    assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer s3cret"] * 2
