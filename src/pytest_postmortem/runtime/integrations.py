"""The post-mortems of a test in the reports of other plugins: pytest-html, Allure and CTRF.

None of these plugins is imported; an integration is registered only if its report is requested.
JUnit XML and pytest-json-report contain the property of each test, and need no integration.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from pytest_postmortem.evaluation import links
from pytest_postmortem.model import Link
from pytest_postmortem.runtime.collection import ITEM_PROPERTY, build_test_key, read_item_property
from pytest_postmortem.runtime.outcomes import read_reported_key

if TYPE_CHECKING:
    from pytest_postmortem.model import Postmortem, Registry, ShowLevel
    from pytest_postmortem.runtime.run import RunCollector
    from pytest_postmortem.settings import Settings

ADDRESSES_WIRE_KEY = "_postmortem_addresses"
"""The key under which the controller sends links to its workers."""

Address = tuple[str, str]
"""The text and the URL of a link."""

AddressLookup = Callable[[pytest.Item], Iterable[Address]]
"""A function that returns the links of a finished test."""


def register_integrations(config: pytest.Config, run: RunCollector) -> None:
    """Register the integrations of the process that reports."""
    manager = config.pluginmanager
    if config.getoption("htmlpath", None):
        manager.register(PytestHtmlColumn(run), "postmortem-html")
    if not manager.hasplugin("dsession"):
        _register_test_integrations(
            config,
            lambda item: list_postmortem_addresses(
                run.postmortems([build_test_key(item)]), run.settings.show
            ),
        )
    elif _is_allure_enabled(config):
        manager.register(AddressSender(run), "postmortem-handing")


def register_worker_integrations(
    config: pytest.Config, settings: Settings, load: Callable[[], Registry | None]
) -> None:
    """Register the integrations of a worker; ``load`` reads a found registry."""
    _register_test_integrations(config, AddressReceiver(config, settings, load).find_addresses)


def _register_test_integrations(config: pytest.Config, addresses: AddressLookup) -> None:
    if _is_allure_enabled(config):
        config.pluginmanager.register(AllureLinks(addresses), "postmortem-allure")
    if config.pluginmanager.hasplugin("ctrf_plugin"):
        config.pluginmanager.register(CtrfTags(), "postmortem-ctrf")


def _is_allure_enabled(config: pytest.Config) -> bool:
    return config.pluginmanager.hasplugin("allure_listener")


class ShownPostmortem(NamedTuple):
    """The printable parts of a post-mortem: its id, its id with title, and its URL."""

    id: str
    name: str
    url: str | None


def list_shown_postmortems(
    postmortems: Iterable[Postmortem], show: ShowLevel | None
) -> Iterator[ShownPostmortem]:
    """Yield the printable parts of each post-mortem; paths in the repository are not links."""
    from pytest_postmortem.reports.redaction import redact_postmortem
    from pytest_postmortem.text import sanitize_line

    for postmortem in postmortems:
        part = redact_postmortem(postmortem, show)
        name = part.id if part.title == part.id else f"{part.id}: {part.title}"
        yield ShownPostmortem(
            sanitize_line(part.id),
            sanitize_line(name),
            part.url if _is_web_address(part.url) else None,
        )


def _is_web_address(url: str | None) -> bool:
    return bool(url and re.fullmatch(r"(?i)https?://[^\s/]\S*", url) and url.isprintable())


def list_postmortem_addresses(
    postmortems: Iterable[Postmortem], show: ShowLevel | None
) -> Iterator[Address]:
    """Yield the links of post-mortems that have one."""
    return ((each.name, each.url) for each in list_shown_postmortems(postmortems, show) if each.url)


def render_html_cell(postmortems: Iterable[Postmortem], show: ShowLevel | None) -> str:
    """Return a cell of pytest-html as HTML."""
    from html import escape

    entries = []
    for each in list_shown_postmortems(postmortems, show):
        text, title = escape(each.id), f'title="{escape(each.name)}"'
        if each.url:
            link = f'href="{escape(each.url)}" target="_blank" rel="noopener"'
            entries.append(f"<a {link} {title}>{text}</a>")
        else:
            entries.append(f"<span {title}>{text}</span>")
    return f'<td class="col-postmortems">{", ".join(entries)}</td>'


class PytestHtmlColumn:
    """Adds a column to the table of pytest-html."""

    def __init__(self, run: RunCollector) -> None:
        self._run = run
        self._column = False

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        """Name the column, left of the last one."""
        cells.insert(-1, "<th>Post-mortems</th>")
        self._column = True

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: pytest.TestReport, cells: list[str]) -> None:
        """Fill the column, unless the row is hidden or the header lacks the column."""
        if cells and self._column:
            found = self._run.postmortems(self._run.find_tests(read_reported_key(report)))
            cells.insert(-1, render_html_cell(found, self._run.settings.show))


class AllureLinks:
    """Adds links to a test, by the marks that allure-pytest reads when the test is over."""

    def __init__(self, addresses: AddressLookup) -> None:
        self._addresses = addresses

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Add each link once, however often the test runs."""
        for name, url in self._addresses(item):
            link = pytest.mark.allure_link(url, link_type=ITEM_PROPERTY, name=name)
            if link.mark not in item.iter_markers("allure_link"):
                item.add_marker(link)


class CtrfTags:
    """Adds a tag to a test; pytest-json-ctrf writes tags, and no properties."""

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Put all ids into one tag, in place of those that the plugin makes of our marks."""
        metadata = (getattr(item, "funcargs", None) or {}).get("ctrf_json_metadata")
        ids = read_item_property(item)
        if ids and isinstance(metadata, dict):
            tags = [
                tag for tag in metadata.get("tags", ()) if not tag.startswith(f"{ITEM_PROPERTY}::")
            ]
            metadata["tags"] = [*tags, f"{ITEM_PROPERTY}::{ids}"]


class AddressSender:
    """Plugin of the controller: sends links to the workers, which write the results of Allure."""

    def __init__(self, run: RunCollector) -> None:
        self._run = run

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Send the links of the registry if it is loaded."""
        if self._run.registry:
            node.workerinput[ADDRESSES_WIRE_KEY] = _index_addresses_by_name(
                self._run.registry, self._run.settings.show
            )


class AddressReceiver:
    """Plugin of a worker: returns the links of a test by the ids of its property."""

    def __init__(
        self, config: pytest.Config, settings: Settings, load: Callable[[], Registry | None]
    ) -> None:
        self._config = config
        self._settings = settings
        self._load = load

    def find_addresses(self, item: pytest.Item) -> Iterator[Address]:
        """Yield the links of a test; without a registry those of its ids."""
        ids = links.decode_ids(read_item_property(item))
        known = self._known if ids else None
        if known is not None:
            return (known[id.casefold()] for id in ids if id.casefold() in known)
        own = (Link(id, item.nodeid, "", None) for id in ids)
        implied = links.build_implied_registry(own, self._settings.url_template)
        return list_postmortem_addresses(implied, self._settings.show)

    @cached_property
    def _known(self) -> Mapping[str, Address] | None:
        """The received links, or those of a found registry, which is read once."""
        received: Mapping[str, Address] | None = self._config.workerinput.get(ADDRESSES_WIRE_KEY)  # type: ignore[attr-defined]  # xdist
        found = self._load() if received is None else None
        return _index_addresses_by_name(found, self._settings.show) if found else received


def _index_addresses_by_name(registry: Registry, show: ShowLevel | None) -> dict[str, Address]:
    """Return the links of a registry by every name that a test may use, case-folded."""
    return {
        name: address
        for name, postmortem in registry.index.items()
        for address in list_postmortem_addresses([postmortem], show)
    }
