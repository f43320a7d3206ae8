"""Pages in a real browser: Debian's Chromium, without a head."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from policies import parse_policy
from scheduler import LatencyProfile, encode_line
from scheduler.latency import Decode, Probe
from simulations.pool import Checkpoint, LoggedQuestion, LoggedSample, Pool
from simulations.recording import record_stream
from simulations.report import write_report
from simulations.report.cli import main
from simulations.results import Settings
from simulations.runs import run_of
from simulations.tournament import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from selenium.webdriver.remote.webelement import WebElement

    from scheduler import JournalLine
    from simulations.results import PolicyResult, Results

PROFILE = LatencyProfile(
    name="flat",
    decode=Decode(width=(1, 8), step_s=(0.004, 0.006)),
    probe=Probe(base_s=0.02, tokens=5),
    stop_s=0.05,
)
PHONE = 390
NAME = "a-question-whose-name-is-longer-than-any-phone-is-wide-and-has-no-place-to-break-"


@pytest.fixture(scope="module")
def chromium() -> Iterator[webdriver.Chrome]:
    """Debian's Chromium; skipped where it is missing, but not in CI."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        reason = "Chromium is not installed (Debian: apt-get install chromium chromium-driver)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    yield chrome
    chrome.quit()


def stream(policy: str) -> list[JournalLine]:
    """Return the journal of a stream of twelve questions, some right, some wrong."""

    def sample(number: int, place: int) -> LoggedSample:
        tokens = 120 + 37 * ((5 * number + place) % 11)
        answer = (
            None if number % 7 == 6 else "7" if (number * place) % 5 < 3 else str(10**9 + place)
        )
        points = [Checkpoint(at, 0.5, 0.2, probed=True, answer="7") for at in range(50, tokens, 50)]
        return LoggedSample(number, tokens=tokens, answer=answer, checkpoints=tuple(points))

    questions = tuple(
        LoggedQuestion(
            f"{NAME}{place}",
            "7",
            {"default": tuple(sample(number, place) for number in range(32))},
            f"What is {'x' * 200}?",
            {},
        )
        for place in range(12)
    )
    settings = Settings(
        profile=PROFILE.name,
        profile_digest="0" * 64,
        questions=12,
        total_s=20.0,
        order="logged",
        draw="logged",
        streams=1,
        seed=0,
    )
    entry = Entry(policy, parse_policy(policy))
    return record_stream(Pool("tiny", questions), entry, PROFILE, settings, "command")


@pytest.fixture(params=["replay", "run"])
def page(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    results_of: Callable[..., Results],
    result_of: Callable[..., PolicyResult],
) -> Path:
    """The page of a replay with a stream of each policy, or that of a run."""
    path = tmp_path / "page.html"
    if request.param == "run":
        journal = tmp_path / "run.jsonl"
        lines = stream("parallel-probe:width=8")
        journal.write_bytes(b"".join(encode_line(line) + b"\n" for line in lines))
        assert main([str(journal), "--html", str(path)]) == 0
        return path
    policies = ["share", "lead:width=8,lead=2,cap=16"]
    runs = [run_of((("", line) for line in stream(policy)), policy) for policy in policies]
    results = results_of([result_of("share", 0.7), result_of("lead:width=8,lead=2,cap=16", 0.6)])
    write_report(results, path, "command", runs)
    return path


def visit(chrome: webdriver.Chrome, page: Path, width: int, *, dark: bool = False) -> None:
    """Open a page in a window of so many pixels, and wait until its pictures are drawn."""
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    for log in ("browser", "performance"):
        chrome.get_log(log)  # what earlier pages said
    chrome.get(page.as_uri())
    chrome.set_script_timeout(30)
    chrome.execute_async_script(
        """
        const done = arguments[0];
        const drawn = () => [...document.querySelectorAll(".chart")].every(
          (chart) => chart.querySelector("svg"));
        const look = () => (drawn() ? done() : setTimeout(look, 50));
        look();
        """
    )


def asked_for(chrome: webdriver.Chrome) -> list[str]:
    """Return the addresses that the page has asked for."""
    entries = [json.loads(entry["message"])["message"] for entry in chrome.get_log("performance")]
    return [
        entry["params"]["request"]["url"]
        for entry in entries
        if entry["method"] == "Network.requestWillBeSent"
    ]


@pytest.mark.parametrize("width", [1280, PHONE])
def test_a_page_draws_without_an_error_or_another_address(
    chromium: webdriver.Chrome, page: Path, width: int
) -> None:
    """Every picture has marks, the console is silent, and nothing but the file is read."""
    visit(chromium, page, width)
    charts = chromium.find_elements(By.CSS_SELECTOR, ".chart svg")
    assert charts
    for chart in charts:
        assert len(chart.find_elements(By.CSS_SELECTOR, "path[d]")) > 5
    assert len(chromium.find_elements(By.CSS_SELECTOR, ".lanes rect")) > 12
    assert chromium.get_log("browser") == []
    addresses = asked_for(chromium)
    assert addresses[0] == page.as_uri()
    assert all(address.startswith("data:") for address in addresses[1:])


def test_nothing_is_wider_than_a_phone(chromium: webdriver.Chrome, page: Path) -> None:
    """With all that is folded open; wide tables scroll by themselves."""
    visit(chromium, page, PHONE)
    chromium.execute_script(
        "for (const one of document.querySelectorAll('details')) one.open = true"
    )
    assert chromium.execute_script("return document.documentElement.scrollWidth") == PHONE
    # Nor is any line of text cut at the page's edge, outside what scrolls.
    wide = chromium.execute_script(
        """
        return [...document.querySelectorAll("main *")].filter((one) =>
          !one.closest(".wide, svg") && one.getBoundingClientRect().right > innerWidth + 1
        ).map((one) => one.outerHTML.slice(0, 80));
        """
    )
    assert wide == []


def column(table: WebElement, place: int) -> list[str]:
    """Return the cells of a column, from the top, each without its small print."""
    script = "return arguments[0].dataset.value ?? arguments[0].firstChild.textContent.trim()"
    cells = table.find_elements(By.CSS_SELECTOR, f"tbody tr > :nth-child({place})")
    return [table.parent.execute_script(script, cell) for cell in cells]


@pytest.mark.parametrize("page", ["run"], indirect=True)
def test_tables_sort_by_pointer_and_keyboard(chromium: webdriver.Chrome, page: Path) -> None:
    """First upwards, then downwards; one column at a time says so to screen readers."""
    visit(chromium, page, 1280)
    table = chromium.find_element(By.CSS_SELECTOR, "[aria-label=Questions] table")
    heads = table.find_elements(By.CSS_SELECTOR, "thead th")
    names = [head.text.split("\n")[0] for head in heads]
    seconds = names.index("seconds")
    heads[seconds].find_element(By.TAG_NAME, "button").click()
    upwards = [float(text) for text in column(table, seconds + 1)]
    assert upwards == sorted(upwards)
    assert upwards[0] < upwards[-1]
    assert heads[seconds].get_attribute("aria-sort") == "ascending"
    chromium.switch_to.active_element.send_keys(Keys.ENTER)
    assert [float(text) for text in column(table, seconds + 1)] == upwards[::-1]
    assert heads[seconds].get_attribute("aria-sort") == "descending"
    heads[names.index("ended")].find_element(By.TAG_NAME, "button").send_keys(Keys.SPACE)
    ended = [cell.text for cell in table.find_elements(By.CSS_SELECTOR, "tbody td.left")][::2]
    assert ended == sorted(ended)
    assert heads[seconds].get_attribute("aria-sort") is None


@pytest.mark.parametrize("page", ["run"], indirect=True)
def test_a_question_opens_where_a_link_leads(chromium: webdriver.Chrome, page: Path) -> None:
    """From the table of questions to its samples, and all of them at once by a button."""
    visit(chromium, page, 1280)
    folded = chromium.find_element(By.ID, "q3")
    assert folded.get_attribute("open") is None
    link = chromium.find_element(By.CSS_SELECTOR, "td a[href='#q3']")
    chromium.execute_script("arguments[0].click()", link)
    assert folded.get_attribute("open") is not None
    assert folded.find_element(By.CSS_SELECTOR, ".lanes svg").is_displayed()
    chromium.find_element(By.CSS_SELECTOR, "[data-open=true]").click()
    assert len(chromium.find_elements(By.CSS_SELECTOR, "details[open]")) == 12
    chromium.find_element(By.CSS_SELECTOR, "[data-open=false]").click()
    assert not chromium.find_elements(By.CSS_SELECTOR, "details[open]")


@pytest.mark.parametrize("page", ["run"], indirect=True)
def test_a_lane_tells_its_story_to_a_thumb(chromium: webdriver.Chrome, page: Path) -> None:
    """A phone has no pointer that hovers: a tap anywhere in a lane shows what its title says."""
    visit(chromium, page, PHONE)
    folded = chromium.find_element(By.ID, "q2")
    folded.find_element(By.TAG_NAME, "summary").click()
    svg = folded.find_element(By.CSS_SELECTOR, ".lanes svg")
    box, lanes = svg.rect, svg.find_elements(By.CSS_SELECTOR, "g[role=listitem]")
    third = int(box["height"] * 2.5 / len(lanes) - box["height"] / 2)
    webdriver.ActionChains(chromium).move_to_element_with_offset(svg, 0, third).click().perform()
    told = folded.find_element(By.CSS_SELECTOR, ".told").text
    assert told.startswith("Sample 2: asked for at ")
    assert " tokens." in told


def test_dark_is_dark(chromium: webdriver.Chrome, page: Path) -> None:
    """Whoever prefers it gets light ink on a dark page, in the pictures too."""
    brightness = []
    for dark in (False, True):
        visit(chromium, page, 1280, dark=dark)
        body = chromium.find_element(By.TAG_NAME, "body")
        axis = chromium.find_element(By.CSS_SELECTOR, ".chart .role-axis-label text")
        colours = [body.value_of_css_property(name) for name in ("background-color", "color")]
        colours.append(axis.value_of_css_property("fill"))
        brightness.append([_bright(colour) for colour in colours])
    assert brightness == [[True, False, False], [False, True, True]]


def _bright(colour: str) -> bool:
    """Tell whether `rgb(r, g, b)` or `rgba(r, g, b, a)` is more white than black."""
    red, green, blue, *_ = (float(part) for part in colour.partition("(")[2][:-1].split(","))
    return red + green + blue > 384.0
