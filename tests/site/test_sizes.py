"""At every width, zoomed and with wider letters: nothing is lost."""

import pytest
from built_site import MADE, NOTEBOOKS, PAGES, figures_of, html, of_page
from live_page import arrive
from looking import LEAST_LETTERS, SETTLED, SIDEWAYS
from sizes import LOST, SMALL, STILLS, TARGETS, WIDER

pytestmark = pytest.mark.long

every_page = of_page(PAGES + MADE)

# A window of 1280 x 900, as it is, zoomed to 200 % and to 400 %; a phone.
WINDOWS = [(1280, 900, 1), (640, 450, 2), (320, 225, 4), (400, 800, 1)]
every_window = pytest.mark.parametrize("window", WINDOWS)


def drawn_on(page):
    """Count the live figures of a page that a picture stands for."""
    return sum(name != "quiz" for name in figures_of(page))


@pytest.fixture
def zoomed(browser):
    """Open a page, with all that it folds, in a window of this size."""
    contexts = []

    def go(page, window):
        width, height, scale = window
        context = browser.new_context(
            viewport={"width": width, "height": height},
            device_scale_factor=scale,
            reduced_motion="reduce",
        )
        contexts.append(context)
        tab = context.new_page()
        tab.goto(html(page).as_uri())
        arrive(tab)
        tab.evaluate(SETTLED)
        return tab

    yield go
    for context in contexts:
        context.close()


@every_page
@every_window
def test_nothing_is_lost_and_all_can_be_pressed(page, window, zoomed):
    tab = zoomed(page, window)
    assert tab.evaluate(SIDEWAYS) == []
    assert tab.evaluate(LOST) == []
    assert tab.evaluate(TARGETS) == []
    assert tab.evaluate(SMALL, LEAST_LETTERS) == []
    tab.add_style_tag(content=WIDER)
    assert tab.evaluate(SIDEWAYS) == []
    assert tab.evaluate(LOST) == []


@of_page([page for page in NOTEBOOKS if drawn_on(page)])
@pytest.mark.parametrize("width", [320, 400, 1280])
def test_without_scripts_the_letters_of_pictures_are_legible(
    page, width, browser
):
    """On a phone such a picture scrolls, and a line says so."""
    context = browser.new_context(
        java_script_enabled=False,
        viewport={"width": width, "height": 800},
    )
    tab = context.new_page()
    tab.goto(html(page).as_uri())
    phone = width < 600
    found = tab.evaluate(STILLS, LEAST_LETTERS if phone else 0)
    assert len(found) == drawn_on(page)
    for still in found:
        assert still == {
            "small": [],
            "beyond": phone,
            "told": phone,
            "shaded": True,
            "reached": True,
        }
    assert tab.evaluate(SIDEWAYS) == []
    context.close()


@every_window
def test_the_menu_and_the_search_are_no_different(window, zoomed):
    tab = zoomed("book/02_patches", window)
    for opens, shown in {
        ".primary-toggle": ".bd-links li > a",
        ".search-button__button": "input[type=search]",
    }.items():
        if not tab.locator(f"{shown}:visible").count():
            tab.locator(f"{opens}:visible").first.click()
        tab.locator(f"{shown}:visible").first.wait_for()
        assert tab.evaluate(SIDEWAYS) == []
        assert tab.evaluate(LOST) == []
        assert tab.evaluate(TARGETS) == []
        assert tab.evaluate(SMALL, LEAST_LETTERS) == []
        tab.keyboard.press("Escape")
