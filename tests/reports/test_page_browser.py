"""The page in Debian's Chromium: filters, keyboard, no script, accessibility, hostile text."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import pytest

from page_documents import big, document, hostile, incident, linked, small
from pytest_postmortem.reports import html

webdriver = pytest.importorskip("selenium.webdriver")
axe = pytest.importorskip("axe_core_python")

from selenium.webdriver.chrome.service import Service  # noqa: E402  # where it is installed
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.remote.webelement import WebElement  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER) and "REQUIRE_BROWSER" not in os.environ,  # a check in CI sets it
        reason="needs chromium and chromedriver on PATH",
    ),
]

OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""A browser without a screen that asks for nothing by itself."""

WIDE, PHONE = (1280, 900), (390, 800)


class Browser:
    """One real browser, with what the tests do to a page."""

    def __init__(self, driver: Any, folder: Path) -> None:
        self.driver = driver
        self._folder = folder

    def command(self, name: str, **arguments: Any) -> Any:
        """Send a command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, arguments)

    def look(self, size: tuple[int, int] = WIDE, scheme: str = "light", media: str = "") -> None:
        """Set the size of the window, the colour scheme and the medium."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.command("Emulation.setDeviceMetricsOverride", **metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.command("Emulation.setEmulatedMedia", media=media, features=features)

    def open(self, report: Mapping[str, Any], fragment: str = "") -> None:
        """Show the page of a report, read afresh."""
        path = self._folder / "page.html"
        path.write_text(html.render_html_report(report, [older()]), encoding="utf-8")
        self.driver.get("about:blank")
        self.driver.get(path.as_uri() + fragment)

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what a script returns."""
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> WebElement:
        """Return the first element that a selector fits."""
        return cast(WebElement, self.driver.find_element(By.CSS_SELECTOR, selector))

    def all(self, selector: str) -> list[WebElement]:
        """Return every element that a selector fits."""
        return cast("list[WebElement]", self.driver.find_elements(By.CSS_SELECTOR, selector))

    def select(self, name: str, value: str) -> None:
        """Choose a value of a filter."""
        Select(self.find(f"select[name={name}]")).select_by_value(value)

    def check(self, name: str, value: str) -> None:
        """Click a box of the filters, which are folded away at first."""
        self.run("document.querySelector('#boxes').open = true")
        self.find(f"input[name={name}][value='{value}']").click()

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def ids(self) -> list[str]:
        """Return the ids of the incidents that are shown, in their order."""
        shown = "return [...document.querySelectorAll('#list > li:not([hidden]) summary .id')]"
        return cast("list[str]", self.run(shown + ".map((id) => id.textContent)"))

    def count(self) -> str:
        """Return the text that says how many incidents are shown."""
        return self.find("#shown").text

    def focused(self) -> str:
        """Return the text, or else the name, of the element that has the focus."""
        return cast(
            str,
            self.run("const e = document.activeElement; return e.name || e.innerText || ''"),
        )

    def fragment(self) -> str:
        """Return the fragment of the address."""
        return cast(str, self.run("return location.hash"))

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds, at most five seconds."""
        WebDriverWait(self.driver, 5, poll_frequency=0.02).until(lambda _: condition())

    def log(self) -> list[str]:
        """Return what the console says, and forget it."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def asked(self) -> set[str]:
        """Return the addresses that anything was asked of, but of the page, and forget them."""
        entries = self.driver.get_log("performance")
        events = [json.loads(entry["message"])["message"] for entry in entries]
        urls = {
            event["params"]["request"]["url"].partition("#")[0]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
            and not event["params"].get("documentURL", "").startswith("chrome")
        }
        own = ("about:", "chrome:", "data:", (self._folder / "page.html").as_uri())
        return {url for url in urls if not url.startswith(own)}


def older() -> dict[str, Any]:
    """Return an older report, for the picture over time."""
    report = document()
    report["policy"]["today"] = "2026-01-01"
    report["totals"].update(required=4, linked=1, guarded=1, percent=25.0)
    return report


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Start a browser with a profile of its own."""
    folder = tmp_path_factory.mktemp("browser")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in (*OPTIONS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield Browser(driver, folder)
    finally:
        driver.quit()


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """Hand out the browser as new; no page may complain in the console or ask for anything."""
    chromium.look()
    chromium.log()
    chromium.asked()
    yield chromium
    assert chromium.log() == []
    assert chromium.asked() == set()


@pytest.fixture
def page(browser: Browser) -> Browser:
    """Show the page of the small report."""
    browser.open(small())
    return browser


def test_all_incidents_are_shown_at_first(page: Browser) -> None:
    """Before anything is chosen, the list is whole, the most severe first."""
    assert page.ids() == ["PM-102", "PM-104", "PM-103", "PM-101", "PM-105"]
    assert page.count() == "5 incidents"


def test_states_are_filtered_and_add_up(page: Browser) -> None:
    """Two states show the incidents of either."""
    page.check("state", "skipped")
    page.check("state", "guarded")

    assert page.ids() == ["PM-103", "PM-101"]
    assert page.count() == "2 of 5 incidents"


@pytest.mark.parametrize(
    ("name", "value", "ids"),
    [
        ("severity", "sev1", ["PM-102", "PM-104"]),
        ("severity", "(none)", ["PM-105"]),
        ("class", "missing idempotency", ["PM-102", "PM-101"]),
        ("class", "(none)", ["PM-104", "PM-105"]),
        ("owner", "payments", ["PM-102"]),
        ("owner", "(none)", ["PM-104", "PM-103", "PM-101", "PM-105"]),
        ("service", "checkout", ["PM-102"]),
        ("tag", "retry", ["PM-102", "PM-103"]),
        ("tag", "Login", ["PM-103"]),
    ],
)
def test_severity_class_owner_service_and_tag_are_filtered(
    page: Browser, name: str, value: str, ids: list[str]
) -> None:
    """A filter knows the same thing in other letters, and what is absent."""
    page.select(name, value)

    assert page.ids() == ids


def test_filters_narrow_each_other(page: Browser) -> None:
    """What is shown fits every filter."""
    page.select("class", "missing idempotency")
    page.select("severity", "sev1")
    page.check("required", "yes")
    page.check("actions", "open")

    assert page.ids() == ["PM-102"]


def test_proofs_are_filtered_and_their_strip_leads_to_them(browser: Browser) -> None:
    """What was proven and what passes without its fix add up; what is outdated is neither."""
    proof = {"verdict": "not-proven", "day": "2026-11-20", "fix": "", "reason": "passes"}
    others = [("PM-7", "proven", False), ("PM-8", "proven-flaky", False), ("PM-9", "proven", True)]
    hollow = [f"PM-{n}" for n in range(1, 7)]
    test = [linked("tests/test_it.py::test_it")]
    browser.open(
        document(
            [
                *(incident(id, tests=test, proof={**proof, "outdated": False}) for id in hollow),
                *(
                    incident(
                        id, tests=test, proof={**proof, "verdict": verdict, "outdated": outdated}
                    )
                    for id, verdict, outdated in others
                ),
                incident("PM-10"),
            ]
        )
    )

    browser.check("proof", "proven")
    assert browser.ids() == ["PM-7", "PM-8"]

    browser.check("proof", "hollow")
    assert browser.ids() == [*hollow, "PM-7", "PM-8"]

    browser.find("ul.strip a[href='#proof=hollow']").click()
    browser.until(lambda: browser.ids() == hollow)
    assert browser.fragment() == "#proof=hollow"
    assert browser.count() == "6 of 10 incidents"


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ("CHECKOUT twice", ["PM-102"]),
        ("test_orders.py", ["PM-101"]),
        ("idempotency key", ["PM-102"]),
        ("inc-77", ["PM-102"]),
        ("root cause", []),
        ("pm-10", ["PM-102", "PM-104", "PM-103", "PM-101", "PM-105"]),
    ],
)
def test_search_looks_at_every_text_of_an_incident(
    page: Browser, words: str, ids: list[str]
) -> None:
    """All words have to be found, in any field, in letters of any size; labels are no text."""
    page.find("input[name=q]").send_keys(words)

    page.until(lambda: page.ids() == ids)
    assert page.find("#nothing").is_displayed() is (not ids)


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        ("state", ["PM-102", "PM-103", "PM-104", "PM-105", "PM-101"]),
        ("newest", ["PM-103", "PM-102", "PM-101", "PM-104", "PM-105"]),
        ("oldest", ["PM-101", "PM-102", "PM-103", "PM-104", "PM-105"]),
        ("title", ["PM-102", "PM-103", "PM-101", "PM-104", "PM-105"]),
        ("class", ["PM-102", "PM-101", "PM-103", "PM-104", "PM-105"]),
        ("owner", ["PM-102", "PM-104", "PM-103", "PM-101", "PM-105"]),
        ("service", ["PM-102", "PM-104", "PM-103", "PM-101", "PM-105"]),
        ("registry", ["PM-101", "PM-102", "PM-103", "PM-104", "PM-105"]),
        ("late", ["PM-102", "PM-103", "PM-104", "PM-101", "PM-105"]),
    ],
)
def test_the_list_is_sorted(page: Browser, order: str, ids: list[str]) -> None:
    """Equal incidents keep their order, and what is absent comes last."""
    page.select("sort", order)

    assert page.ids() == ids

    page.select("sort", "")

    assert page.ids() == ["PM-102", "PM-104", "PM-103", "PM-101", "PM-105"]


def test_a_column_sorts_the_list(page: Browser) -> None:
    """The heads of the columns are buttons, and say which of them is in force."""
    page.find(".columns button[data-sort=newest]").click()

    assert page.ids() == ["PM-103", "PM-102", "PM-101", "PM-104", "PM-105"]
    pressed = page.all(".columns button[aria-pressed=true]")
    assert [each.text.split()[0] for each in pressed] == ["Date"]
    page.until(lambda: page.fragment() == "#sort=newest")


@pytest.mark.parametrize(
    ("size", "shown"),
    [(WIDE, ["263 days", "no grace"]), (PHONE, ["263 days past grace", "no grace"])],
)
def test_the_days_past_grace_are_a_column(
    browser: Browser, size: tuple[int, int], shown: list[str]
) -> None:
    """The list of the incidents past their grace says how long each is; a phone has no heads."""
    browser.look(size)
    browser.open(small(), "#focus=late")
    browser.until(lambda: len(browser.ids()) == 2)

    cells = browser.run(
        "return [...document.querySelectorAll('#list > li:not([hidden]) .past')].map((cell) =>"
        " [...cell.childNodes].filter((node) => node.nodeType === 3 || node.offsetWidth > 1)"
        ".map((node) => node.textContent).join(''))"
    )
    assert [cell.strip() for cell in cells] == shown
    heads = [head.text for head in browser.all(".columns button") if head.is_displayed()]
    assert ("Past grace" in heads) == (size == WIDE)


@pytest.mark.parametrize(
    ("tile", "ids"),
    [
        (0, ["PM-104", "PM-103"]),
        (1, ["PM-102"]),
        (2, ["PM-102", "PM-104"]),
        (3, ["PM-101"]),
    ],
)
def test_each_figure_at_the_top_filters(page: Browser, tile: int, ids: list[str]) -> None:
    """What it counts is one click away, and a chip shows what is chosen."""
    page.all(".tile")[tile].click()

    page.until(lambda: page.ids() == ids)
    assert page.focused() == "Incidents"
    assert [each.get_attribute("aria-current") for each in page.all(".tile")] == [
        "true" if place == tile else None for place in range(4)
    ]
    for _ in page.all("#chips button"):
        page.find("#chips button").click()
    assert page.count() == "5 incidents"
    assert not page.all("#chips button, .tile[aria-current]")


def test_what_a_figure_filters_is_on_the_first_screen(browser: Browser) -> None:
    """After a click, or from an address, whatever stands above the list."""
    browser.open(big(60), "#focus=late")

    browser.until(lambda: browser.run("return scrollY") > 0)
    tops = browser.run(
        "return [...document.querySelectorAll('#list > li:not([hidden])')]"
        ".map((row) => row.getBoundingClientRect().top)"
    )
    assert len([top for top in tops if 0 < top < WIDE[1]]) >= 5
    assert browser.find("#chips").text.splitlines()[0] == f"{len(tops)} sev1 past grace"
    assert not browser.find("#boxes").get_attribute("open")


def test_rows_that_were_off_the_screen_are_painted_when_scrolled_to(browser: Browser) -> None:
    """The list is laid out as it is reached, and nothing of it stays blank."""
    browser.look(PHONE)
    browser.open(big(60))

    browser.run("document.querySelector('#list > li:last-child').scrollIntoView()")

    title = browser.all("#list .title")[-1]
    browser.until(lambda: title.text.startswith("PM-") and title.size["height"] > 20)


def test_the_rest_of_the_classes_is_one_click_away(browser: Browser) -> None:
    """In the same table, which paper shows as a whole."""
    browser.open(big(60))
    rest = browser.find(".classes .rest")
    assert not rest.is_displayed()

    browser.find("details.rest summary").click()
    assert rest.is_displayed()

    browser.find("details.rest summary").click()
    browser.look(media="print")
    assert rest.is_displayed()
    assert not browser.find("details.rest summary").is_displayed()


def test_a_class_leads_to_its_incidents(page: Browser) -> None:
    """Which incidents a class has is one click away."""
    page.find(".classes a[href='#class=missing+idempotency']").click()

    page.until(lambda: page.ids() == ["PM-102", "PM-101"])


def test_the_filters_are_in_the_address(page: Browser) -> None:
    """An address leads another reader to the same list."""
    page.find("input[name=q]").send_keys("login")
    page.select("severity", "sev2")
    page.select("sort", "newest")
    page.check("state", "skipped")

    wanted = "#q=login&severity=sev2&sort=newest&state=skipped"
    page.until(lambda: page.fragment() == wanted)

    page.open(small(), wanted)

    assert page.ids() == ["PM-103"]
    assert page.find("input[name=q]").get_attribute("value") == "login"
    assert page.find("input[value=skipped]").is_selected()


def test_an_address_that_nobody_understands_hides_nothing(browser: Browser) -> None:
    """Old or broken addresses show the whole list."""
    browser.open(small(), "#severity=sev9&tag=&sort=x&state=lost&%%%")

    assert browser.count() == "5 incidents"


def test_clearing_the_filters_shows_all(page: Browser) -> None:
    """One button takes every filter back, in the address too."""
    page.check("state", "skipped")
    page.select("sort", "title")
    page.until(lambda: "skipped" in page.fragment())

    page.find("button[type=reset]").click()

    page.until(lambda: page.fragment() == "")
    assert page.ids() == ["PM-102", "PM-104", "PM-103", "PM-101", "PM-105"]


def test_a_reason_to_look_leads_to_its_incidents(browser: Browser) -> None:
    """The rest of a short list is one click away, and the focus goes along."""
    browser.open(big(60))

    browser.find("#next a.more").click()

    browser.until(lambda: browser.count() != "60 incidents")
    states = browser.run(
        "const rows = document.querySelectorAll('#list > li:not([hidden])');"
        "return [...rows].map((row) => row.dataset.state)"
    )
    assert set(states) == {"failing", "errored", "unguarded", "skipped", "known-broken"}
    assert browser.focused() == "Incidents"


def test_a_link_to_an_incident_opens_it(page: Browser) -> None:
    """An incident that is named at the top is opened in the list, and has the focus."""
    page.check("state", "guarded")

    page.find(".steps a[href='#incident-pm-102']").click()

    page.until(lambda: page.find("#incident-pm-102").is_displayed())
    assert "Checkout charged customers twice" in page.focused()
    assert page.count() == "5 incidents"


def test_a_link_within_the_page_keeps_the_filters(page: Browser) -> None:
    """Only where the filters hide an incident that is linked to are they taken back."""
    page.check("state", "failing")
    page.run("document.querySelector('.skip').click()")
    page.find(".steps a[href='#incident-pm-102']").click()

    page.until(lambda: page.find("#incident-pm-102").is_displayed())
    assert page.ids() == ["PM-102"]


def test_an_address_of_an_incident_opens_it(browser: Browser) -> None:
    """An incident can be sent to somebody."""
    browser.open(small(), "#incident-pm-103")

    assert browser.find("#incident-pm-103").is_displayed()


def test_the_keyboard_is_enough(page: Browser) -> None:
    """Search, filter, open and follow: every step without a mouse, with a focus to be seen."""
    page.press(Keys.TAB)
    assert page.focused() == "Skip to the incidents"
    page.press(Keys.ENTER)
    page.press("/")
    assert page.focused() == "q"
    page.press("login/")
    page.until(lambda: page.ids() == [])
    page.press(Keys.ESCAPE)
    page.until(lambda: len(page.ids()) == 5)
    page.press("login")
    page.until(lambda: page.ids() == ["PM-103"])
    for _ in range(30):
        page.press(Keys.TAB)
        if "Login loop" in page.focused():
            break
    outline = page.run("return getComputedStyle(document.activeElement).outlineStyle")
    page.press(Keys.ENTER)

    assert outline == "solid"
    assert page.find("#incident-pm-103").is_displayed()


def test_the_count_is_announced(page: Browser) -> None:
    """A screen reader is told how many incidents are shown."""
    assert page.find("#shown").get_attribute("role") == "status"
    assert page.find("#shown").aria_role == "status"


def test_all_that_is_shown_is_opened_at_once(page: Browser) -> None:
    """One button opens what the filters show, and closes it again."""
    page.check("state", "guarded")
    page.find("#unfold").click()
    assert len(page.all("#list details[open]")) == 1
    page.find("#unfold").click()
    assert len(page.all("#list details[open]")) == 0


def test_everything_can_be_read_without_scripts(browser: Browser) -> None:
    """Without scripts there are no filters, and nothing is hidden for good."""
    browser.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(small())

        assert not browser.find("#filters").is_displayed()
        assert len([row for row in browser.all("#list > li") if row.is_displayed()]) == 5
        browser.all("#list summary")[0].click()
        assert browser.find("#incident-pm-102").is_displayed()
        browser.all(".tile")[0].click()
    finally:
        browser.command("Emulation.setScriptExecutionDisabled", value=False)
    assert browser.run("return scrollY") > 0, "a figure leads to the list"


PRINTED = "return [...document.querySelectorAll('#list > li')].filter((li) => li.offsetHeight)"


def test_paper_has_what_is_to_be_done(page: Browser) -> None:
    """A short page: the figures, and a line for each incident to work on; no filters."""
    page.look(media="print")

    assert not page.find("input[name=q]").is_displayed()
    assert page.find(".printed.heads").text.split() == [
        *("Severity", "State", "Incident", "Date", "Past", "grace", "Class", "Owner")
    ]
    assert page.find(".failures").is_displayed()
    assert [each.text for each in page.all(".noted summary")] == [
        "Gates 1 failed: fail-under",
        "Findings 1 error in links or the registry",
    ]
    assert len(page.run(PRINTED)) == 3
    assert not page.find("#incident-pm-102").is_displayed()


def test_paper_has_what_is_chosen_and_opened(page: Browser) -> None:
    """What a reader has filtered and opened is printed as it is shown."""
    page.check("state", "guarded")
    page.find("#list > li:not([hidden]) summary").click()

    page.look(media="print")

    assert len(page.run(PRINTED)) == 1
    assert page.find("#incident-pm-101").is_displayed()


@pytest.mark.parametrize("size", [(700, 900), (1000, 700)], ids=["upright", "across"])
def test_paper_cuts_no_table(browser: Browser, size: tuple[int, int]) -> None:
    """No table is wider than the sheet, and none scrolls."""
    browser.look(size, media="print")
    browser.open(big(60))

    assert browser.run("return document.documentElement.scrollWidth") <= size[0]
    assert browser.run(
        "return [...document.querySelectorAll('table')].every((table) => !table.offsetWidth"
        " || table.getBoundingClientRect().right <= innerWidth)"
    )


def test_a_list_without_services_has_no_column_for_them(browser: Browser) -> None:
    """A column that says nothing is left out."""
    browser.open(big(5))
    assert not browser.find(".columns [data-sort=service]").is_displayed()

    browser.open(small())
    assert browser.find(".columns [data-sort=service]").is_displayed()


@pytest.mark.parametrize(("size", "screens"), [(WIDE, 1), (PHONE, 2)], ids=["desktop", "phone"])
def test_incidents_begin_soon(browser: Browser, size: tuple[int, int], screens: int) -> None:
    """In the first screen, or the second of a phone, below all of the answers."""
    browser.look(size)
    browser.open(big(60))

    top = browser.run("return document.querySelector('#incidents').getBoundingClientRect().top")

    assert top < screens * size[1] - 100


@pytest.mark.parametrize(
    ("report", "scheme", "size"),
    [
        pytest.param(small(), "light", WIDE, id="small-light-desktop"),
        pytest.param(small(), "dark", WIDE, id="small-dark-desktop"),
        pytest.param(small(), "light", PHONE, id="small-light-phone"),
        pytest.param(small(), "dark", PHONE, id="small-dark-phone"),
        pytest.param(hostile(), "light", WIDE, id="hostile-light-desktop"),
        pytest.param(hostile(), "dark", PHONE, id="hostile-dark-phone"),
        pytest.param(document(), "dark", WIDE, id="empty-dark-desktop"),
        pytest.param(document(), "light", PHONE, id="empty-light-phone"),
    ],
)
def test_axe_finds_nothing(
    browser: Browser, report: dict[str, Any], scheme: str, size: tuple[int, int]
) -> None:
    """The page breaks no rule of axe-core, closed or open, in any colour at any width."""
    browser.look(size, scheme)
    browser.open(report)
    browser.run((files(axe) / "axe.min.js").read_text(encoding="utf-8"))

    closed = violations(browser)
    browser.run("for (const each of document.querySelectorAll('details')) each.open = true")
    opened = violations(browser)

    assert closed == opened == []


def violations(browser: Browser) -> list[str]:
    """Return what axe-core has to say of the page, by rule and place."""
    found = browser.driver.execute_async_script(
        "const done = arguments[0]; axe.run().then((result) => done(result.violations))"
    )
    return [f"{rule['id']}: {node['html']}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("size", [WIDE, PHONE, (320, 600)], ids=["desktop", "phone", "small"])
def test_no_text_runs_a_script_or_leaves_its_place(browser: Browser, size: tuple[int, int]) -> None:
    """Hostile text is but text: nothing runs, nothing is wider than the page."""
    browser.look(size)
    browser.open(hostile())
    browser.run("for (const each of document.querySelectorAll('details')) each.open = true")
    browser.find("input[name=q]").send_keys('<img src=x onerror="window.ran = 1">')
    browser.until(lambda: browser.count() != "12 incidents")
    browser.find("button[type=reset]").click()
    for control in browser.all("#filters select"):
        for option in Select(control).options:
            Select(control).select_by_value(str(option.get_attribute("value")))

    assert browser.run("return window.ran === undefined")
    width = browser.run("return document.documentElement.scrollWidth")
    assert width <= size[0]


def test_an_endless_title_is_short_until_it_is_opened(browser: Browser) -> None:
    """A title of 100 kB takes two lines of the list, and can be read as a whole."""
    browser.open(hostile(), "#q=long+title")
    row = browser.find("#list > li:not([hidden])")
    closed = row.size["height"]

    row.find_element(By.TAG_NAME, "summary").click()

    assert closed < 120
    assert row.size["height"] > 10_000


def test_the_policy_of_the_page_holds(browser: Browser) -> None:
    """A script or a style that is not ours does nothing, whoever brings it in."""
    browser.open(small())

    browser.run("document.body.insertAdjacentHTML('beforeend', arguments[0])", BROUGHT_IN)

    refused = [entry for entry in browser.log() if "Content Security Policy" in entry]
    assert len(refused) == 2
    assert browser.asked() == {"https://tracker.example/x.png"}, "refused, and so never sent"
    assert browser.run("return window.ran === undefined")


BROUGHT_IN = '<img src="https://tracker.example/x.png" onerror="window.ran = 1">'


def test_the_work_of_a_filter_grows_with_the_incidents_and_no_faster(browser: Browser) -> None:
    """A search, a filter and a sort change and read each row at most a few times."""
    counts = []
    for incidents in (40, 160):
        browser.open(big(incidents))
        browser.run(COUNTING)
        counts.append([browser.driver.execute_async_script(COUNTED, *each) for each in CHANGED])

    assert all(0 < many <= 4 * few + 20 for few, many in zip(*counts, strict=True)), counts


CHANGED = [
    ("q", "incident 1"),
    ("q", ""),
    ("severity", "sev1"),
    ("severity", ""),
    ("sort", "title"),
    ("sort", ""),
]
"""What is chosen, one after the other."""

COUNTING = """
window.work = 0;
const observer = new MutationObserver((records) => {
  for (const record of records) {
    window.work += 1 + record.addedNodes.length + record.removedNodes.length;
  }
});
observer.observe(document.body, { subtree: true, childList: true, attributes: true });
const counted = (owner, name, kind) => {
  const found = Object.getOwnPropertyDescriptor(owner, name);
  const usual = found[kind];
  found[kind] = function (...given) {
    window.work += 1;
    return usual.apply(this, given);
  };
  Object.defineProperty(owner, name, found);
};
for (const name of ["querySelector", "querySelectorAll", "getBoundingClientRect"]) {
  counted(Element.prototype, name, "value");
}
for (const name of ["offsetHeight", "offsetTop"]) counted(HTMLElement.prototype, name, "get");
counted(Node.prototype, "textContent", "get");
counted(window, "getComputedStyle", "value");
"""
"""Counts changes of the page, and what makes a browser look at it."""

COUNTED = """
const [name, value, done] = arguments;
const control = document.querySelector(`[name=${name}]`);
window.work = 0;
control.value = value;
for (const kind of ["input", "change"]) {
  control.dispatchEvent(new Event(kind, { bubbles: true }));
}
requestAnimationFrame(() => requestAnimationFrame(() => done(window.work)));
"""
