"""A page loads what it shows; what it lacks stops none of the rest."""

import hashlib
import re

import pytest
from built_site import NOTEBOOKS, PAGES, SITE, figures_of, html, of_page
from extensions import extension
from live_page import PHONE, settle
from py_mini_racer import mini_racer
from sphinx.errors import ExtensionError

FILES = 14  # a page asks for: 43 with each script and sheet by itself
BYTES = 1_700_000  # with the theme and all; up to 5.5 million before

some_pages = of_page(
    [
        page
        if page in ("book/index", "book/05_attention", "book/api")
        else pytest.param(page, marks=pytest.mark.long)
        for page in PAGES
    ]
)
SHEETS = (
    *("basic.css", "styles/pydata-sphinx-theme.css", "pygments.css"),
    *("styles/sphinx-book-theme.css", "togglebutton.css"),
    *("copybutton.css", "sphinx-design.min.css"),
)

# Every selector of the sheets that fits something here, and is not kept.
LOST = """([sheets, own]) => {
  const bare = /::?[a-z-]+(\\([^()]*\\))?/g;
  const parts = (text) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    const walk = (rules) => [...rules].flatMap((rule) =>
      rule.selectorText
        ? rule.selectorText.split(/,(?![^(]*\\))/).map((s) => s.trim())
        : walk(rule.cssRules ?? []));
    return walk(sheet.cssRules);
  };
  const kept = new Set(parts(own));
  const fits = (selector) => {
    try {
      return document.querySelector(selector.replace(bare, "") || "*");
    } catch {
      return false;
    }
  };
  const all = sheets.flatMap(parts);
  return [all.length, all.filter((s) => !kept.has(s) && fits(s))];
}"""

BLOCKED = """for (const name of ["localStorage", "sessionStorage"])
  Object.defineProperty(window, name, {
    get() { throw new DOMException("blocked", "SecurityError"); },
    configurable: true,
  });"""
FULL = """Storage.prototype.setItem = () => {
  throw new DOMException("full", "QuotaExceededError");
};"""
BROKEN = """for (const name of ["mode", "theme", "vitlib-drawing"])
  for (const storage of [localStorage, sessionStorage])
    storage.setItem(name, "<b>\\u0000{]");"""


def loaded(page, browser):
    """Open a page; name what it asks for, and the bytes of each."""
    tab = browser.new_page()
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(html(page).as_uri())
    tab.close()
    files = [url for url in asked if url.startswith("file:")]  # no blobs
    names = {url.split("/html/", 1)[1].split("?")[0] for url in files}
    return {name: (SITE / name).stat().st_size for name in names}


@some_pages
def test_a_page_asks_for_little(page, browser):
    found = loaded(page, browser)
    assert len(found) <= FILES, sorted(found)
    assert sum(found.values()) < BYTES, found


@some_pages
def test_no_style_that_fits_something_is_left_out(page, visit):
    tab = visit(page)
    name = "figures" if figures_of(page) else "page"
    sheets = [SITE / "_static" / sheet for sheet in SHEETS]
    sheets += (SITE / "_static").glob("mystnb*.css")
    texts = [re.sub("@import[^;]*;", "", s.read_text()) for s in sheets]
    own = (SITE / "_static" / f"{name}.css").read_text()
    count, lost = tab.evaluate(LOST, [texts, own])
    assert count > 3000
    assert lost == []


@some_pages
def test_without_scripts_formulas_and_words_are_there(page, browser):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(html(page).as_uri())
    written = tab.locator(".math").count()
    assert tab.locator(".math mjx-container > svg").count() == written
    assert tab.locator(".math math").count() == written
    said = tab.locator(".vit-noscript:visible").count()
    assert said == bool(figures_of(page))
    context.close()


@pytest.fixture
def odd(browser):
    """A tab whose storage is not as it should be, and its complaints."""
    contexts = []

    def go(script, **settings):
        context = browser.new_context(reduced_motion="reduce", **settings)
        contexts.append(context)
        tab, said = context.new_page(), []
        tab.add_init_script(script)
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.goto(html("book/index").as_uri())
        return tab, said

    yield go
    for context in contexts:
        context.close()


every_storage = pytest.mark.parametrize(
    "script",
    [
        pytest.param(BLOCKED, id="blocked"),
        pytest.param(FULL, id="full"),
        pytest.param(BROKEN, id="broken", marks=pytest.mark.long),
    ],
)


@every_storage
def test_odd_storage_stops_neither_theme_nor_search(script, odd):
    tab, said = odd(script)
    themes = set()
    for _ in range(3):
        tab.locator(".theme-switch-button:visible").first.click()
        themes.add(tab.evaluate("document.documentElement.dataset.mode"))
    assert themes == {"light", "dark", "auto"}
    tab.keyboard.press("Control+k")
    tab.locator("#pst-search-dialog input").fill("softmax")
    tab.keyboard.press("Enter")
    tab.locator("#search-results a").first.wait_for()
    assert said == []


@every_storage
def test_odd_storage_does_not_shut_the_menu_of_a_phone(script, odd):
    tab, said = odd(script, **PHONE)
    tab.locator("button.primary-toggle").click()
    links = tab.locator("#pst-primary-sidebar-modal a:visible")
    links.first.wait_for()
    assert links.count() >= len(NOTEBOOKS)
    modal = tab.locator("#pst-primary-sidebar-modal")
    modal.locator("a[href^='05_attention.html']").click()
    tab.wait_for_url("**/05_attention.html*")
    settle(tab)
    assert said == []


def test_the_first_figure_waits_for_no_other(browser, server):
    tab = browser.new_page()
    tab.route("**/live/quiz.js*", lambda route: None)  # never comes
    tab.goto(f"{server}/book/05_attention.html", wait_until="commit")
    tab.locator("[data-figure=attention_explorer][data-ready]").wait_for()
    assert tab.evaluate("document.readyState") == "loading"
    tab.close()


def test_code_that_scrolls_is_reached_by_keys(visit):
    size = {"width": 320, "height": 600}
    tab = visit("book/05_attention", viewport=size)
    scrolls = "(e) => [e.scrollWidth > e.clientWidth, e.tabIndex === 0]"
    found = tab.locator("pre").evaluate_all(f"(all) => all.map({scrolls})")
    assert {tuple(p) for p in found} == {(True, True), (False, False)}


def test_a_button_of_the_theme_names_itself(visit):
    tab = visit("book/api")
    tip = tab.locator(".tooltip")
    tab.locator(".theme-switch-button:visible").hover()
    tip.wait_for()
    assert tip.inner_text() == "Color mode"
    tab.mouse.move(600, 600)
    tip.wait_for(state="detached")
    tab.locator("button.search-button-field").focus()
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Tab")
    tip.wait_for()
    assert tip.inner_text() == "Search"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_day_or_night_is_known_before_the_first_word(theme, browser):
    context = browser.new_context(color_scheme=theme)
    tab = context.new_page()
    tab.route("**/page.js*", lambda route: route.abort())
    tab.goto(html("book/api").as_uri())
    assert tab.evaluate("document.documentElement.dataset.theme") == theme
    context.close()


def test_a_formula_that_cannot_be_set_stops_the_build():
    formulas = extension("formulas")
    with mini_racer() as engine:
        typesetter = formulas.Typesetter(engine)
        assert "<mfrac>" in typesetter.formula(r"\(\frac 1 2\)")
        with pytest.raises(ExtensionError, match="frac"):
            typesetter.formula(r"\(\frac{1}\)")


def test_a_page_draws_each_glyph_once():
    formulas = extension("formulas")
    one = '<span class="math notranslate nohighlight">\\(x\\)</span>'
    page = f"<head></head><body>{one}{one}</body>"
    with mini_racer() as engine:
        typesetter = formulas.Typesetter(engine)
        first, second = (typesetter.page(page) for _ in range(2))
    assert first == second
    assert first.count("<path ") == 1
    assert first.count("<use ") == first.count("<math ") == 2


def test_an_icon_that_the_theme_has_not_stops_the_build():
    light = extension("light")
    script = (SITE / light.ICONS).read_text()
    icons = light.Icons(script)
    drawn = light.ICON.sub(icons.draw, '<i class="fas fa-list"></i>')
    assert drawn.startswith('<svg class="svg-inline--fa fa-list"')
    with pytest.raises(ExtensionError, match="fa-solid no-such"):
        light.ICON.sub(icons.draw, '<i class="fa-solid fa-no-such"></i>')


def test_a_style_stays_for_what_any_page_or_script_names(tmp_path):
    static = tmp_path / "_static"
    static.mkdir()
    (static / "theme.css").write_text(
        ".a, .b > p { color: red } #c { color: blue }"
        "@media print { .d:hover { color: red } .e { color: red } }"
        "p:not(.f) { color: red } @font-face { font-family: g }"
    )
    sheets = extension("styles").Sheets(tmp_path, {"b", "d"})
    kept = "".join(sheets.read("theme.css").split())
    assert kept == (
        ".b>p{color:red}@mediaprint{.d:hover{color:red}}"
        "p:not(.f){color:red}@font-face{font-family:g}"
    )


def test_the_one_script_is_that_of_every_page():
    """It is written once a page: two that differ would end as one."""
    script = (SITE / "_static" / "page.js").read_bytes()
    version = hashlib.sha256(script).hexdigest()[:8]
    for page in PAGES:
        text = html(page).read_text(encoding="utf-8")
        assert f"_static/page.js?v={version}" in text, page
