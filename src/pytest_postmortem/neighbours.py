"""The post-mortems of a test in the reports of other plugins: pytest-html, Allure and CTRF.

None of them is required or imported; what is here registers only where such a report is asked
for. JUnit XML and pytest-json-report carry the property of each test, and need nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from pytest_postmortem import links
from pytest_postmortem.collection import PROPERTY, make_key, property_of
from pytest_postmortem.model import Link
from pytest_postmortem.outcomes import read_reported_key

if TYPE_CHECKING:
    from pytest_postmortem.model import Postmortem, Registry, Show
    from pytest_postmortem.reporting import Run
    from pytest_postmortem.settings import Settings

__all__ = ["register", "register_on_worker"]

WIRE = "_postmortem_addresses"
"""The name under which the controller hands its workers what they link to."""

Address = tuple[str, str]
"""What a link is called, and where it leads."""

Addresses = Callable[[pytest.Item], Iterable[Address]]
"""Asked for the links of a test when it is over."""


def register(config: pytest.Config, run: Run) -> None:
    """Register what fills others' reports in the process that reports."""
    manager = config.pluginmanager
    if config.getoption("htmlpath", None):
        manager.register(Html(run), "postmortem-html")
    if not manager.hasplugin("dsession"):
        _register_beside_tests(config, Own(run).addresses)
    elif _writes_allure(config):
        manager.register(Handing(run), "postmortem-handing")


def register_on_worker(
    config: pytest.Config, settings: Settings, load: Callable[[], Registry | None]
) -> None:
    """Register what fills others' reports in a worker; ``load`` reads a registry that was found."""
    _register_beside_tests(config, Handed(config, settings, load).addresses)


def _register_beside_tests(config: pytest.Config, addresses: Addresses) -> None:
    if _writes_allure(config):
        config.pluginmanager.register(Allure(addresses), "postmortem-allure")
    if config.pluginmanager.hasplugin("ctrf_plugin"):
        config.pluginmanager.register(Ctrf(), "postmortem-ctrf")


def _writes_allure(config: pytest.Config) -> bool:
    return config.pluginmanager.hasplugin("allure_listener")


class Shown(NamedTuple):
    """What may be shown of a post-mortem: its id, that with its title, and a link on the web."""

    id: str
    name: str
    url: str | None


def shown(postmortems: Iterable[Postmortem], show: Show | None) -> Iterator[Shown]:
    """Yield as much of each post-mortem as may be shown; a path in the repository is no link."""
    from pytest_postmortem.reports.failure import plain
    from pytest_postmortem.reports.shown import reveal

    for postmortem in postmortems:
        part = reveal(postmortem, show)
        name = part.id if part.title == part.id else f"{part.id}: {part.title}"
        yield Shown(plain(part.id), plain(name), part.url if _on_web(part.url) else None)


def _on_web(url: str | None) -> bool:
    return bool(url and re.fullmatch(r"(?i)https?://[^\s/]\S*", url) and url.isprintable())


def linked(postmortems: Iterable[Postmortem], show: Show | None) -> Iterator[Address]:
    """Yield the links of post-mortems that have one."""
    return ((each.name, each.url) for each in shown(postmortems, show) if each.url)


def cell(postmortems: Iterable[Postmortem], show: Show | None) -> str:
    """Return a cell of pytest-html, which takes it for HTML."""
    from html import escape

    entries = []
    for each in shown(postmortems, show):
        text, title = escape(each.id), f'title="{escape(each.name)}"'
        if each.url:
            link = f'href="{escape(each.url)}" target="_blank" rel="noopener"'
            entries.append(f"<a {link} {title}>{text}</a>")
        else:
            entries.append(f"<span {title}>{text}</span>")
    return f'<td class="col-postmortems">{", ".join(entries)}</td>'


class Html:
    """Adds a column to the table of pytest-html."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._column = False

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        """Name the column, left of the last one."""
        cells.insert(-1, "<th>Post-mortems</th>")
        self._column = True

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: pytest.TestReport, cells: list[str]) -> None:
        """Fill the column, unless the row is hidden, or the head was written before any mark."""
        if cells and self._column:
            found = self._run.postmortems(self._run.find_tests(read_reported_key(report)))
            cells.insert(-1, cell(found, self._run.settings.show))


class Allure:
    """Adds links to a test, by the marks that allure-pytest reads when the test is over."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Add each link once, however often the test runs."""
        for name, url in self._addresses(item):
            link = pytest.mark.allure_link(url, link_type=PROPERTY, name=name)
            if link.mark not in item.iter_markers("allure_link"):
                item.add_marker(link)


class Ctrf:
    """Adds a tag to a test; pytest-json-ctrf writes tags, and no properties."""

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Put all ids into one tag, in place of those that the plugin makes of our marks."""
        metadata = (getattr(item, "funcargs", None) or {}).get("ctrf_json_metadata")
        ids = property_of(item)
        if ids and isinstance(metadata, dict):
            tags = [tag for tag in metadata.get("tags", ()) if not tag.startswith(f"{PROPERTY}::")]
            metadata["tags"] = [*tags, f"{PROPERTY}::{ids}"]


class Own:
    """Knows the links of a test where one process does all."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def addresses(self, item: pytest.Item) -> Iterator[Address]:
        """Yield the links of a test."""
        found = self._run.postmortems([make_key(item)])
        return linked(found, self._run.settings.show)


class Handing:
    """Lives in the controller: gives the workers, who write Allure's results, what to link to."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Hand over the links of the registry, as far as it is known before the tests are."""
        if self._run.registry:
            node.workerinput[WIRE] = _by_name(self._run.registry, self._run.settings.show)


class Handed:
    """Lives in a worker: knows the links of a test by the ids of its property."""

    def __init__(
        self, config: pytest.Config, settings: Settings, load: Callable[[], Registry | None]
    ) -> None:
        self._config = config
        self._settings = settings
        self._load = load
        self._known: Mapping[str, Address] | None = None
        self._asked = False

    def addresses(self, item: pytest.Item) -> Iterator[Address]:
        """Yield the links of a test; without a registry the ids themselves imply them."""
        ids = links.decode(property_of(item))
        known = self._registry() if ids else None
        if known is not None:
            return (known[id.casefold()] for id in ids if id.casefold() in known)
        own = (Link(id, item.nodeid, "", None) for id in ids)
        implied = links.registry_of(own, self._settings.url_template)
        return linked(implied, self._settings.show)

    def _registry(self) -> Mapping[str, Address] | None:
        """Return what was handed over, or stands in a registry that was found, read once."""
        if not self._asked:
            self._asked = True
            self._known = self._config.workerinput.get(WIRE)  # type: ignore[attr-defined]  # xdist
            found = self._load() if self._known is None else None
            if found:
                self._known = _by_name(found, self._settings.show)
        return self._known


def _by_name(registry: Registry, show: Show | None) -> dict[str, Address]:
    """Return the links of a registry by every name that a test may use, case-folded."""
    return {
        name: address
        for name, postmortem in registry.index.items()
        for address in linked([postmortem], show)
    }
