"""The page in a real browser: quiet, complete, filtering, and as narrow as a phone.

The page forbids eval. What Playwright evaluates at once is exempt, since the browser's inspector asks
for it; what it evaluates later, as in `wait_for_function`, is not. So tests wait by `expect` only.
"""

import re
from itertools import pairwise

import pytest
from playwright.sync_api import expect, sync_playwright
from support.finished_study import HOSTILE
from support.needs import need

DESKTOP, PHONE = (1280, 900), (390, 844)


@pytest.fixture(scope="module")
def browser():
    chromium = need("browser")
    with sync_playwright() as driver:
        # A sandbox needs rights that containers seldom give; the page is our own file.
        running = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        yield running
        running.close()


@pytest.fixture
def opened(browser, finished_study):
    """Open the page at a size and colour scheme; complaints of the browser fail the test."""
    contexts, complaints = [], []

    def open_page(size=DESKTOP, scheme="light", offline=True):
        width, height = size
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, offline=offline
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.goto((finished_study / "report" / "report.html").as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_figure_is_visible_and_nothing_sticks_out(opened, size, scheme):
    page = opened(size, scheme)
    images = page.locator("#figures img")
    assert images.count() > 3
    for image in images.all():
        assert image.evaluate("image => image.complete && image.naturalWidth") > 100
        box = image.bounding_box()
        assert box["width"] > 250 and box["height"] > 80
        assert box["x"] >= 0 and box["x"] + box["width"] <= size[0]
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]


def brightness(page, selector, property):
    colour = page.locator(selector).first.evaluate(
        "(element, name) => getComputedStyle(element)[name].match(/[0-9.]+/g).map(Number)", property
    )
    return sum(colour[:3]) / 3


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_the_page_follows_the_colour_scheme_and_figures_stay_on_white(opened, scheme, dark):
    page = opened(scheme=scheme)
    assert (brightness(page, "body", "backgroundColor") < 60) is dark
    assert (brightness(page, "body", "color") > 190) is dark
    assert brightness(page, ".card", "backgroundColor") == 255


def test_wide_tables_scroll_inside_their_own_box(opened):
    page = opened(PHONE)
    boxes = page.locator(".scroll")
    scrolling = [
        box
        for box in boxes.all()
        if box.evaluate("b => b.checkVisibility() && b.scrollWidth > b.clientWidth")
    ]
    assert scrolling
    for box in scrolling:
        assert box.get_attribute("tabindex") == "0" and box.get_attribute("aria-label")


def test_the_explorer_filters(opened):
    page = opened()
    found = page.locator("#found")
    expect(found).to_have_text("84 responses to 7 problems, of 84 stored")
    page.select_option("[name=method]", "tampo")
    expect(found).to_have_text("28 responses to 7 problems, of 28 stored")
    page.select_option("[name=benchmark]", "maxima")
    page.select_option("[name=outcome]", "wrong")
    expect(found).to_have_text(re.compile("^0 responses"))
    page.select_option("[name=outcome]", "correct")
    # 3 problems, 2 seeds, 2 samples.
    expect(found).to_have_text("12 responses to 3 problems, of 12 stored")
    assert page.locator(".response").count() == 12
    assert set(page.locator(".response b").all_inner_texts()) == {"correct"}
    assert all("tampo, seed" in text for text in page.locator(".response p").all_inner_texts())
    page.select_option("[name=seed]", "2")
    expect(found).to_have_text("6 responses to 3 problems")
    page.click("button[type=reset]")
    expect(found).to_have_text(re.compile("^84 responses"))


def test_the_explorer_turns_pages_by_keyboard(opened):
    page = opened()
    label = page.locator("#page")
    expect(label).to_have_text("Page 1 of 5")
    assert page.locator("#previous").is_disabled()
    page.focus("#next")
    for _ in range(4):
        page.keyboard.press("Enter")
    expect(label).to_have_text("Page 5 of 5")
    assert page.locator("#next").is_disabled()
    assert page.locator(".response").count() == 4


def test_a_response_is_shown_as_text_and_never_run(opened):
    page = opened()
    page.fill("[name=text]", "taken over")
    assert page.locator(".response pre").all_inner_texts() == [HOSTILE] * 2
    assert "taken over" not in page.title()


def test_headings_are_in_order_and_controls_have_names(opened):
    page = opened()
    levels = page.locator("h1, h2, h3").evaluate_all("all => all.map(h => Number(h.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    unnamed = page.locator("select, input").evaluate_all(
        "all => all.filter(c => !c.labels.length).map(c => c.name)"
    )
    assert unnamed == []
    for link in page.locator("nav a").all():
        assert page.locator(link.get_attribute("href")).count() == 1


def test_print_leaves_out_what_paper_cannot_do(opened):
    page = opened(scheme="dark")
    page.emulate_media(media="print")
    assert not page.locator("#samples").is_visible() and not page.locator("nav").is_visible()
    assert page.locator("#claims").is_visible() and page.locator("#figures img").first.is_visible()
    assert brightness(page, "body", "backgroundColor") == 255
