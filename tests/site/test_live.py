"""Live figures in the built site: found, drawn, driven, carried on."""

import math

import pytest
from built_site import NOTEBOOKS, SITE, figures_of, html, of_page
from live_page import faults, settle
from looking import DRAWN

LARGEST_PAGE = 1_500_000
LAYOUTS = 60  # until all of a page has its place; 30 are usual
WORK = 20  # times the yardstick; 6 are usual

COUNTED = """() => {
  window.passes = window.changes = 0;
  vitlib.drawing.drawing.on(() => { window.changes += 1; });
  const { forward } = vitlib.vit.ViT.prototype;
  vitlib.vit.ViT.prototype.forward = function (...given) {
    window.passes += 1;
    return forward.apply(this, given);
  };
}"""
READY = "document.querySelectorAll('[data-figure][data-ready]').length"
PAD = "[data-figure=digit_pad]"
ONE = [(14, 4), (14, 23)]
SEVEN = [(8, 6), (20, 6), (13, 23)]


LIVE = [page for page in NOTEBOOKS if figures_of(page)]
SOME = "book/index", "book/05_attention", "book/11_pretrained"
every_live_page = of_page(LIVE)
some_live_pages = of_page(  # what they share is tried on a few
    [
        page
        if page in SOME
        else pytest.param(page, marks=pytest.mark.long)
        for page in LIVE
    ]
)


def answer(tab, wanted):
    """Wait until the pad's model reads this."""
    tab.wait_for_selector(f"{PAD}[data-answer='{wanted}']")


def places(tab, points):
    box = tab.locator(f"{PAD} .vit-pad").bounding_box()
    side = box["width"] / 28
    return [(box["x"] + x * side, box["y"] + y * side) for x, y in points]


def draw(tab, points):
    (x, y), *rest = places(tab, points)
    tab.mouse.move(x, y)
    tab.mouse.down()
    for x, y in rest:
        tab.mouse.move(x, y, steps=8)
    tab.mouse.up()


def test_there_are_live_figures():
    assert "book/index" in LIVE


@pytest.mark.parametrize("size", [(1280, 900), (400, 800)])
def test_the_index_says_all_before_it_is_scrolled(size, visit):
    width, height = size
    tab = visit("book/index", viewport={"width": width, "height": height})
    whole = f"{PAD} .vit-pad", f"{PAD} .vit-answers", f"{PAD} .vit-stages"
    for part in ("article h1", "h1 + p", ".vit-start a", *whole):
        for found in tab.locator(part).all():
            box = found.bounding_box()
            assert box["y"] + box["height"] <= height, part
        assert tab.locator(part).count()


@pytest.mark.long
@pytest.mark.parametrize("way", ["file", "http"])
def test_the_second_door_of_the_index_opens_on_a_click(way, visit):
    tab = visit("book/index", way)
    asked = []
    tab.on("request", lambda r: asked.append(r.url.split("/")[-1]))
    door = "[data-figure=photo_explorer]"
    assert tab.evaluate(DRAWN) == ["digit_pad", "photo_explorer"]
    tab.locator(f"{door} [type=range]").fill("3")
    settle(tab)
    assert asked == []
    tab.get_by_role("button", name="Load the model").click()
    tab.wait_for_selector(f"{door}[data-state=ready][data-waiting='0']")
    assert any(name.startswith("backbone-0.js") for name in asked)


@every_live_page
def test_every_figure_is_drawn_at_once(page, look):
    seen = look(page)
    assert seen["drawn"] == figures_of(page)
    assert seen["stills"] == 0


@every_live_page
def test_a_page_is_soon_usable(page, look):
    """Its work, by a fixed piece of work of the same browser."""
    seen = look(page)
    assert seen["layouts"] <= LAYOUTS
    assert seen["work"] <= WORK * seen["yardstick"]


@every_live_page
@pytest.mark.parametrize("width", [400, 320])
def test_a_phone_shows_all_of_a_figure_and_it_can_be_read(
    page, width, look
):
    assert look(page)[f"alive, {width}"] == []


@every_live_page
def test_few_tabs_lead_to_the_first_live_figure(page, look):
    assert look(page)["tabs"] is not None


@some_live_pages
def test_every_figure_is_drawn_from_a_server(page, visit):
    tab = visit(page, "http")
    assert tab.evaluate(DRAWN) == figures_of(page)
    assert not tab.locator(".vit-live > .vit-figure:visible").count()


@every_live_page
def test_a_page_and_its_scripts_are_small(page, look):
    scripts = [s for s in look(page)["scripts"] if "/_static/live/" in s]
    names = [name.split("/")[-1].split("?")[0] for name in scripts]
    assert len(set(names)) == len(names)
    size = html(page).stat().st_size
    for name in names:
        size += (SITE / "_static" / "live" / name).stat().st_size
    assert size < LARGEST_PAGE


@every_live_page
def test_only_a_page_that_shows_photos_loads_the_first_look(page):
    loads = "live/first_look.js" in html(page).read_text()
    assert loads == ("photo_explorer" in figures_of(page))


def test_a_page_without_figures_loads_none_of_it():
    assert "_static/live/" not in (SITE / "genindex.html").read_text()


@every_live_page
def test_without_scripts_each_figure_is_a_picture(page, browser):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(html(page).as_uri())
    drawn = [name for name in figures_of(page) if name != "quiz"]
    stills = tab.locator(".vit-live > .vit-figure [role=img]:visible")
    assert stills.count() == len(drawn)
    questions = tab.locator(".vit-live > .vit-words:visible")
    assert questions.count() == len(figures_of(page)) - len(drawn)
    context.close()


@every_live_page
def test_on_paper_each_figure_is_a_picture(page, look):
    assert look(page)["stills on paper"] == len(figures_of(page))
    assert look(page)["alive on paper"] == 0


@some_live_pages
def test_a_figure_that_breaks_leaves_its_picture(page, browser, server):
    broken, *others = figures_of(page)
    tab = browser.new_page()
    tab.route("**/tex-svg.js*", lambda r: r.abort())  # costs half of it
    tab.route(f"**/live/{broken}.js*", lambda r: r.fulfill(body="oh no("))
    tab.goto(f"{server}/{page}.html")
    tab.wait_for_selector(".vit-live > .vit-figure:visible")
    assert tab.evaluate(READY) == len([n for n in others if n != broken])
    tab.close()


@pytest.mark.parametrize("way", ["file", "http"])
def test_a_digit_drawn_by_mouse_is_read(way, visit):
    tab = visit("book/index", way)
    answer(tab, 5)
    draw(tab, ONE)
    answer(tab, 1)
    assert "reads 1" in tab.locator(f"{PAD} .vit-verdict").inner_text()
    tab.get_by_role("button", name="clear the drawing").click()
    draw(tab, SEVEN)
    answer(tab, 7)


def test_a_digit_drawn_by_keys_is_read(visit):
    tab = visit("book/index")
    tab.locator(f"{PAD} .vit-pad").focus()
    for _ in range(9):
        tab.keyboard.press("ArrowUp")
    tab.keyboard.press("Space")
    for _ in range(18):
        tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Space")
    answer(tab, 1)
    tab.keyboard.press("Backspace")
    answer(tab, "")
    tab.keyboard.press("3")
    answer(tab, 3)
    tab.keyboard.press("Delete")
    answer(tab, "")


def test_a_digit_drawn_by_finger_on_a_phone_is_read(visit):
    tab = visit(
        "book/index",
        viewport={"width": 400, "height": 800},
        has_touch=True,
        is_mobile=True,
    )
    answer(tab, 5)
    touch = tab.context.new_cdp_session(tab)

    def send(kind, points):
        points = [{"x": x, "y": y} for x, y in points]
        event = {"type": kind, "touchPoints": points}
        touch.send("Input.dispatchTouchEvent", event)

    # Upwards: a page that took this for scrolling would move down.
    (_, y1), (x0, y0) = places(tab, ONE)
    send("touchStart", [(x0, y0)])
    for part in range(1, 13):
        send("touchMove", [(x0, y0 + (y1 - y0) * part / 12)])
    send("touchEnd", [])
    answer(tab, 1)
    assert tab.evaluate("scrollY") == 0


def test_no_change_of_the_drawing_is_read_twice(visit):
    tab = visit("book/index")
    answer(tab, 5)
    tab.evaluate(COUNTED)
    for digit in (3, 8, 1):
        tab.evaluate(f"vitlib.drawing.drawing.sample({digit})")
        answer(tab, digit)
    settle(tab)
    assert tab.evaluate("[changes, passes]") == [3, 3]
    draw(tab, SEVEN)
    answer(tab, 7)
    settle(tab)
    changes, passes = tab.evaluate("[changes, passes]")
    assert 3 < passes <= changes


def test_samples_undo_and_clear(visit):
    tab = visit("book/index")
    for digit in range(10):
        tab.locator(f"{PAD} .vit-sample").nth(digit).click()
        answer(tab, digit)
    tab.get_by_role("button", name="clear the drawing").click()
    answer(tab, "")
    assert (
        "Draw a digit" in tab.locator(f"{PAD} .vit-verdict").inner_text()
    )
    draw(tab, SEVEN)
    answer(tab, 7)
    draw(tab, [(4, 25), (24, 25)])
    tab.get_by_role("button", name="undo the last stroke").click()
    answer(tab, 7)


def test_the_page_says_when_the_model_is_not_sure(visit):
    tab = visit("book/index")
    said = tab.locator(f"{PAD} .vit-verdict")
    tab.evaluate("vitlib.drawing.drawing.pixels(new Uint8Array(784))")
    said.filter(has_text="Draw a digit").wait_for()
    black = "vitlib.drawing.drawing.pixels(new Uint8Array(784).fill(255))"
    tab.evaluate(black)
    said.filter(has_text="Not sure").wait_for()


def shown(tab):
    return tab.evaluate("[...vitlib.drawing.drawing.bytes]")


def test_the_drawing_waits_on_the_next_page(visit, server):
    tab = visit("book/index", "http")
    draw(tab, SEVEN)
    answer(tab, 7)
    before = shown(tab)
    tab.goto(f"{server}/book/02_patches.html")
    tab.goto(f"{server}/book/index.html")
    answer(tab, 7)
    assert shown(tab) == before


def test_from_disk_links_carry_the_drawing(visit):
    tab = visit("book/index")
    draw(tab, SEVEN)
    answer(tab, 7)
    before = shown(tab)
    tab.locator(f"{PAD} a.vit-stage").first.click()
    tab.wait_for_url("**/02_patches.html#drawing=*")
    carried = tab.url.split("#")[1]
    other = visit("book/index")
    other.goto(f"{html('book/index').as_uri()}#{carried}")
    other.reload()
    answer(other, 7)
    assert shown(other) == before


@pytest.mark.parametrize(
    "hash", ["#drawing=", "#drawing=x", "#drawing=p00", "#drawing=s12"]
)
def test_a_hash_that_is_no_drawing_changes_nothing(hash, visit):
    tab = visit("book/index")
    tab.goto(f"{html('book/index').as_uri()}{hash}")
    tab.reload()
    answer(tab, 5)


def test_a_browser_without_storage_draws_all_the_same(browser):
    tab = browser.new_page()
    tab.add_init_script(
        "Object.defineProperty(window, 'localStorage', "
        "{ get() { throw new Error('none'); } })"
    )
    tab.goto(html("book/index").as_uri())
    draw(tab, ONE)
    answer(tab, 1)
    tab.close()


def test_each_stage_leads_to_its_chapter(visit):
    tab = visit("book/index")
    links = tab.evaluate(
        f"[...document.querySelectorAll('{PAD} a.vit-stage')]"
        ".map((a) => a.getAttribute('href'))"
    )
    assert links == [
        "02_patches.html",
        "04_tokens.html",
        "05_attention.html",
        "07_vit.html",
    ]


def arc(x, y, rx, ry, start, end):
    """Points of a part of an ellipse, angles in degrees."""
    turn = (start + (end - start) * i / 24 for i in range(25))
    angles = [math.radians(a) for a in turn]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


DIGITS = {
    0: [arc(14, 14, 5, 8, -90, 270)],
    1: [ONE],
    2: [[*arc(14, 10, 5, 5, -170, 40), (10, 22), (20, 22)]],
    3: [arc(13, 9, 5, 4, -150, 90), arc(13, 18, 5.5, 5, -90, 150)],
    4: [[(12, 5), (8, 15), (20, 15)], [(17, 6), (17, 24)]],
    5: [[(19, 5), (10, 5), (9, 13), *arc(13.5, 17, 5.5, 5, -120, 140)]],
    6: [[(17, 4), (12, 9), (9.5, 15), *arc(14, 18, 4.5, 4.5, 180, -180)]],
    7: [SEVEN],
    8: [arc(14, 9, 4, 4, 90, 450), arc(14, 18, 4.5, 5, -90, 270)],
    9: [[*arc(14, 10, 4.5, 4.5, 0, 360), (18, 16), (17, 24)]],
}


@pytest.mark.parametrize("size", [1, 0.5])
def test_ten_digits_drawn_large_or_small_are_read(size, visit):
    tab = visit("book/index")
    for digit, strokes in DIGITS.items():
        flat = [
            [1 + size * v for point in stroke for v in point]
            for stroke in strokes
        ]
        tab.evaluate("(s) => vitlib.drawing.drawing.setStrokes(s)", flat)
        answer(tab, digit)
    mass = tab.evaluate(
        """() => {
          let [sum, x, y] = [0, 0, 0];
          vitlib.drawing.drawing.image.data.forEach((v, i) => {
            sum += v; x += v * (i % 28); y += v * Math.floor(i / 28); });
          return [x / sum, y / sum];
        }"""
    )
    assert mass == pytest.approx([14, 14], abs=0.1)


@every_live_page
def test_no_figure_shuts_a_reader_out(page, look):
    assert look(page)["faults"] == []


@pytest.mark.long
@every_live_page
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_figure_pale(page, theme, visit):
    tab = visit(page, color_scheme=theme)
    assert faults(tab, only=["color-contrast"]) == []
