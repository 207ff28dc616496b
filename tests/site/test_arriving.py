"""A long page arrives a part at a time, and nothing of it jumps."""

import pytest
from built_site import html
from live_page import arrive, settle

SEEN = "(e) => e.checkVisibility({ contentVisibilityAuto: true })"
LAST = "article > section > section:last-of-type > :is(h2, p, ul)"


def test_what_lies_below_is_laid_out_when_the_page_is_there(
    browser, server
):
    tab = browser.new_page()
    held = []
    tab.route("**/page.js*", lambda r: held.append(r))  # all waits for it
    tab.goto(f"{server}/book/05_attention.html", wait_until="commit")
    tab.locator("[data-figure=attention_explorer][data-ready]").wait_for()
    tab.locator("#pst-secondary-sidebar").wait_for()  # it comes last
    last = tab.locator(LAST).first
    assert not last.evaluate(SEEN)
    assert tab.locator("article h1").first.evaluate(SEEN)
    held[0].continue_()
    arrive(tab)
    assert last.evaluate(SEEN)
    tab.close()


SHIFTS = """window.shifts = [];
new PerformanceObserver((list) => {
  for (const shift of list.getEntries()) shifts.push(shift.value);
}).observe({ type: "layout-shift", buffered: true });"""


@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_jumps_while_a_page_arrives(width, browser, server):
    tab = browser.new_page(viewport={"width": width, "height": 900})
    tab.add_init_script(SHIFTS)
    tab.goto(f"{server}/book/05_attention.html")
    arrive(tab)
    settle(tab)
    assert sum(tab.evaluate("shifts")) < 0.01
    tab.close()


def test_a_link_to_a_heading_and_a_reload_find_their_place(browser):
    tab = browser.new_page()
    tab.goto(html("book/05_attention").as_uri() + "#exercises")
    heading = tab.locator("#exercises > h2")
    settle(tab)
    assert 0 <= heading.bounding_box()["y"] < 200
    where = tab.evaluate("scrollY")
    tab.reload()
    settle(tab)
    assert tab.evaluate("scrollY") == where > 5000
    tab.close()
