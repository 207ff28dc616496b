"""The site for whoever sees little of it, hears it, or has no mouse.

Every page is tried, by day and by night, on a desk and on a phone, in
forced colours: that takes long. Once a page, looking.py asks for what is
asked for always.
"""

import re
from itertools import pairwise

import numpy as np
import pytest
from built_site import MADE, NOTEBOOKS, PAGES, figures_of, of_page
from live_page import ask_axe, faults, settle
from looking import SETTLED
from shots import (
    PLAIN,
    around,
    changed,
    colours,
    contrast,
    luminance,
    rim,
    shot,
)

pytestmark = pytest.mark.long
LIVE = [page for page in NOTEBOOKS if figures_of(page)]


# --- what a screen reader says

# Of each figure: where to go with Tab, the keys to press there, and what
# is said then.
SAID = {
    "attention_explorer": (
        ".vit-ask[tabindex='0']",
        ["ArrowRight"],
        r"Patch \d+ asks patch \d+: .* tokens heard\. .* reads \d",
    ),
    "data_explorer": (
        ".vit-data-name[tabindex='0']",
        ["ArrowDown"],
        r"For what the CNN does with .* the ViT needs ",
    ),
    "digit_pad": (".vit-pad", ["7"], r"The model reads 7\."),
    "encoder_switches": (
        ".vit-part[tabindex='0']",
        ["ArrowRight", "Enter"],
        r"The model reads \d, .* 1 of \d+ parts taken away",
    ),
    "filter_explorer": (
        "[role=slider]",
        ["ArrowRight"],
        r"Patch \d+, filter \d+: the products sum to ",
    ),
    "lens_explorer": (
        "[type=range]",
        ["End"],
        r"After layer 3 .* would answer \d",
    ),
    "patch_explorer": (
        "[type=range]",
        ["ArrowRight"],
        r"\d+ patches of \d+ × \d+ pixels, .* red \d\.\d+, green ",
    ),
    "patch_shuffle": (
        ".vit-piece[tabindex='0']",
        ["Enter", "ArrowRight", "Enter"],
        r"With positions: reads \d.* Without: reads \d",
    ),
    "photo_explorer": (
        "[type=range]",
        ["Home"],
        r"is most like patch \d+ there",
    ),
    "position_explorer": (
        ".vit-places",
        ["ArrowRight"],
        r"learned from digits: \(\d, \d\): beside it",
    ),
    "quiz": (".vit-quiz-choice", ["Enter"], r"^(Right|Not so)\. "),
    "receptive_field": (
        "[type=range]",
        ["ArrowRight"],
        r"\d+ convolutions: \d+ × \d+ pixels, .* % of the picture",
    ),
    "recipe_explorer": (
        ".vit-rung[tabindex='0']",
        ["ArrowDown"],
        r"From .* to .*: .* points (more|less)",
    ),
    "run_planner": (
        "[type=radio]:checked",
        ["ArrowRight"],
        r"work .*FLOPs, time .*, device hours .*, memory of a device ",
    ),
    "size_explorer": (
        ".vit-button",
        ["Enter"],
        r"ViT-Ti/16\. 197 tokens, 5,717,416 parameters, ",
    ),
    "training_replay": (
        "[type=range]",
        ["Home"],
        r"Epoch 0; loss .* misread; ",
    ),
}
FROM_HERE = """(figure) => {
  figure.tabIndex = -1;
  figure.focus();
  figure.removeAttribute("tabindex");
}"""
OTHERWISE = "([spoken, before]) => spoken.textContent !== before"
STANDS_AT = "(figure, stop) => document.activeElement.matches(stop)"


def go_to(tab, figure, stop):
    """Go with Tab to the first such stop of a figure."""
    figure.evaluate(FROM_HERE)
    for _ in range(40):
        tab.keyboard.press("Tab")
        if figure.evaluate(STANDS_AT, stop):
            return
    pytest.fail(f"no Tab leads to {stop}")


def test_every_figure_of_the_book_is_listened_to():
    assert {n for page in LIVE for n in figures_of(page)} == set(SAID)


@of_page(LIVE)
def test_a_figure_says_what_came_out_to_whoever_has_keys_alone(
    page, visit
):
    tab = visit(page)
    for figure in tab.locator("[data-figure]").all():
        stop, keys, words = SAID[figure.get_attribute("data-figure")]
        spoken = figure.locator("output.vit-spoken")
        assert spoken.count() == 1
        before = spoken.text_content()
        go_to(tab, figure, stop)
        for key in keys:
            tab.keyboard.press(key)
        spoken = spoken.element_handle()
        tab.wait_for_function(OTHERWISE, arg=[spoken, before])
        assert re.search(words, spoken.text_content())
        said = figure.get_by_role("status").filter(
            has_text=spoken.text_content()
        )
        assert said.count() == 1
    assert faults(tab) == []


# --- where the focus is, and where it goes

# The stop that has the focus: what kind it is, where its ring is drawn,
# whether any of it is seen. A radio's ring is drawn around its label.
STOP = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  (window.reached ??= new Set()).add(e);
  const ring = e.matches("input") && getComputedStyle(e).opacity === "0"
    ? e.closest("label") : e;
  const { x, y, width, height } = ring.getBoundingClientRect();
  const scrolled = [0, 0]; // by whatever scrolls around it
  for (let up = ring.parentElement; up; up = up.parentElement) {
    scrolled[0] += up.scrollLeft;
    scrolled[1] += up.scrollTop;
  }
  const [left, top] = [Math.max(x, 0), Math.max(y, 0)];
  const right = Math.min(x + width, innerWidth);
  const bottom = Math.min(y + height, innerHeight);
  const places = [0.1, 0.5, 0.9].flatMap((across) => [0.1, 0.5, 0.9].map(
    (down) => document.elementFromPoint(
      left + across * (right - left), top + down * (bottom - top))));
  const name = (one) => `${one.tagName}.${[...one.classList].join(".")}`;
  const kind = [ring, ring.parentElement, ring.parentElement.parentElement]
    .map(name).join(" < ");
  return {
    kind, left: x + scrolled[0], top: y + scrolled[1], width, height,
    words: (e.ariaLabel ?? e.textContent).trim().slice(0, 30),
    figure: e.closest("[data-figure]")?.dataset.figure ?? null,
    place: e.closest(".skip-link, .bd-sidebar, dialog")?.className,
    seen: places.some((p) => p && (ring.contains(p) || p.contains(ring))),
    box: {
      x: left, y: top, width: right - left, height: bottom - top,
    },
  };
}"""
# What Tab should reach; of radios with one name it reaches one.
LEFT_OUT = """() => [...document.querySelectorAll(
  "a[href], button, input, select, textarea, summary, [tabindex]"
)].filter((e) => e.tabIndex >= 0 && !e.disabled && e.type !== "radio"
  && e.checkVisibility({ visibilityProperty: true })
  && !e.closest("[inert]") && !reached.has(e)
).map((e) => e.outerHTML.slice(0, 80))"""
MOST_STOPS = 600
RING = 6  # pixels: the ring, and the room before it
MODES = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "forced": {"color_scheme": "dark", "forced_colors": "active"},
}


def walk(tab):
    """Go with Tab from the top of a page to its end, stop by stop."""
    for _ in range(MOST_STOPS):
        tab.keyboard.press("Tab")
        stop = tab.evaluate(STOP)
        if stop is None:
            return
        yield stop
    pytest.fail(f"Tab does not come to an end: {stop}")


def ring_of(tab, stop):
    """Count the pixels by which a stop with the focus differs."""
    box = around(stop["box"], RING)
    focused = shot(tab, box)
    tab.evaluate("document.activeElement.blur()")
    return changed(focused, shot(tab, box))


@of_page(PAGES + MADE)
@pytest.mark.parametrize("mode", MODES)
def test_the_focus_is_always_seen(page, mode, visit):
    tab = visit(page, **MODES[mode])
    tab.evaluate(SETTLED)
    known, faults = set(), []
    for stop in walk(tab):
        if not stop["seen"]:
            faults.append(f"covered: {stop['words']} {stop['kind']}")
        if stop["kind"] in known:
            continue
        known.add(stop["kind"])
        least = (stop["box"]["width"] + stop["box"]["height"]) / 2
        if ring_of(tab, stop) < least:
            faults.append(f"no ring: {stop['words']} {stop['kind']}")
    assert faults == []


def goes_back(one, other):
    """Say whether the way to the next stop leads against the reading."""
    bottom = one["top"] + one["height"]
    right = one["left"] + one["width"]
    other_bottom = other["top"] + other["height"]
    other_right = other["left"] + other["width"]
    above = other_bottom <= one["top"] + 2
    if above:
        return other["left"] < right - 2  # no column to the right
    shared = min(bottom, other_bottom) - max(one["top"], other["top"])
    same_line = shared > min(one["height"], other["height"]) / 2
    return same_line and other_right <= one["left"] + 2


@of_page(PAGES)  # what Sphinx lists by itself has an order of its own
@pytest.mark.parametrize("width", [1280, 400])
def test_the_focus_goes_where_one_reads_and_reaches_all(
    page, width, visit
):
    tab = visit(page, viewport={"width": width, "height": 900})
    tab.evaluate(SETTLED)
    stops = list(walk(tab))
    assert tab.evaluate(LEFT_OUT) == []
    back = [
        f"{one['words']} -> {other['words']}"
        for one, other in pairwise(stops)
        if one["place"] == other["place"] and goes_back(one, other)
    ]
    assert back == []


# --- forced colours: a contrast theme paints with few colours of its own

FORCED = [
    {"forced_colors": "active", "color_scheme": scheme}
    for scheme in ("light", "dark")
]
forced = pytest.mark.parametrize("forced", FORCED, ids=["light", "dark"])
# What can be chosen, one of each group of a figure: what is not chosen
# yet, or else what can be taken back.
CHOICES = """(figure) => {
  const groups = new Map();
  const all = [
    "[aria-pressed=false]", "label:has([type=radio]:not(:checked))",
    "[role=toolbar] [aria-pressed=true]",
  ].flatMap((kind) => [...figure.querySelectorAll(kind)]);
  for (const one of all) {
    const group = one.closest(
      "[role=group], [role=toolbar], fieldset, table, ul") ?? figure;
    if (one.checkVisibility() && !one.disabled && !groups.has(group)) {
      groups.set(group, one);
    }
  }
  return [...groups.values()];
}"""
LENGTHS = """(figure) => [...figure.querySelectorAll(
  ".vit-bar, .vit-pair-bar")].map((e) => {
    const { left, right, y, height } = e.getBoundingClientRect();
    return [...[left, right, y + height / 2].map(Math.floor),
      Number(e.style.getPropertyValue("--share"))];
  })"""


def handles(figure, script):
    """Give the elements that a script finds."""
    found = figure.evaluate_handle(script)
    return [one.as_element() for one in found.get_properties().values()]


def look_of(tab, element):
    """Take what an element looks like without hand and focus."""
    tab.mouse.move(0, 0)
    tab.evaluate("document.activeElement.blur()")
    element.scroll_into_view_if_needed()
    settle(tab)
    return shot(tab, around(element.bounding_box(), RING))


@of_page(LIVE)
@forced
def test_forced_colours_leave_to_be_seen_what_is_chosen(
    page, forced, visit
):
    tab = visit(page, **forced)
    faults = []
    for figure in tab.locator("[data-figure]").element_handles():
        for one in handles(figure, CHOICES):
            before = look_of(tab, one)
            one.click()
            after = look_of(tab, one)
            if one.query_selector("canvas"):  # its picture may change
                before, after = (rim(s, RING + 2) for s in (before, after))
            found = changed(before, after)
            wanted = sum(before.shape) / 2
            if found < wanted:
                words = one.evaluate("(e) => e.outerHTML")[:150]
                faults.append(f"{found} of {wanted}: {words}")
    assert faults == []


def lit(row):
    """Count the pixels of a row that stand out from its last one."""
    return int((contrast(row, row[-1]) >= PLAIN).sum())


@forced
def test_forced_colours_leave_a_bar_its_length(forced, visit):
    seen = {}
    for page in ("book/index", "book/04_tokens", "book/06_encoder"):
        tab = visit(page, **forced)
        for figure in tab.locator("[data-figure]").all():
            figure.scroll_into_view_if_needed()
            settle(tab)
            shown = shot(tab)
            for left, right, y, share in figure.evaluate(LENGTHS):
                row = shown[y, left:right]
                wanted = 1 + share * (right - left - 1)
                seen[f"{page} {len(seen)}"] = (lit(row[:-1]), wanted)
    assert len(seen) >= 60
    lengths = [length for length, _ in seen.values()]
    assert max(lengths) > 40
    assert lengths == pytest.approx([w for _, w in seen.values()], abs=3)


# --- less motion, where it is asked for

SLOW = """() => [...document.querySelectorAll("*")].flatMap((e) =>
  [undefined, "::before", "::after"].flatMap((part) => {
    const look = getComputedStyle(e, part);
    const takes = [look.transitionDuration, look.animationDuration].join()
      .split(",").some((time) => parseFloat(time) > 0);
    return takes || look.scrollBehavior === "smooth"
      ? [`${e.tagName}.${e.className} ${part ?? ""}`] : [];
  }))"""


@of_page(PAGES + MADE)
def test_nothing_takes_time_to_move_where_less_motion_is_asked_for(
    page, visit
):
    tab = visit(page)
    assert tab.evaluate(SLOW) == []
    assert tab.evaluate("document.getAnimations().length") == 0


def test_the_still_picture_appears_though_less_motion_is_asked_for(
    browser, server
):
    tab = browser.new_page(reduced_motion="reduce")
    tab.route("**/live/*.js*", lambda route: route.abort())
    tab.goto(f"{server}/book/02_patches.html")
    tab.locator(".vit-live > .vit-figure:visible").first.wait_for()
    tab.close()


# --- what axe-core finds, and what it leaves open

READABLE, LARGE = 4.5, 3  # contrasts, by WCAG
WINDOWS = [(1280, 900), (400, 800)]
TILE = 1000  # pixels of a page that are looked at together
# Nothing stands still while the page goes by: all is where it is.
LAID_OUT = """.bd-header-article, .skip-link, .bd-sidebar {
  position: static !important;
  max-height: none !important;
  overflow: visible !important;
}"""
# The texts of places: where they stand on the page, the colour of their
# ink over black and over white (it may be clear), whether it is large.
INKS = """(places) => {
  const shade = document.createElement("canvas").getContext("2d", {
    willReadFrequently: true });
  const over = (ground, css, opacity) => {
    shade.globalAlpha = 1;
    shade.fillStyle = ground;
    shade.fillRect(0, 0, 1, 1);
    shade.globalAlpha = opacity;
    shade.fillStyle = css;
    shade.fillRect(0, 0, 1, 1);
    return [...shade.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const ancestors = (e) => {
    const all = [];
    for (let up = e; up; up = up.parentElement) all.push(up);
    return all;
  };
  const inks = (e, look) => {
    const opacity = ancestors(e).reduce(
      (product, up) => product * Number(getComputedStyle(up).opacity), 1);
    const css = e.ownerSVGElement ? look.fill : look.color;
    return ["black", "white"].map((g) => over(g, css, opacity));
  };
  const seen = (e, { left, top, right, bottom }) => {
    const box = [left, top, right, bottom];
    for (const up of ancestors(e)) {
      if (getComputedStyle(up).overflowX === "visible") continue;
      const edge = up.getBoundingClientRect();
      box[0] = Math.max(box[0], edge.left);
      box[2] = Math.min(box[2], edge.right);
    }
    return [box[0] + scrollX, box[1] + scrollY, box[2] + scrollX,
      box[3] + scrollY].map(Math.round);
  };
  return places.flatMap((place) => {
    const e = document.querySelector(place);
    if (!e.checkVisibility({ visibilityProperty: true })) return [];
    const look = getComputedStyle(e);
    const size = parseFloat(look.fontSize);
    const texts = [...e.childNodes].filter(
      (n) => n.nodeType === 3 && n.textContent.trim());
    return texts.map((text) => {
      const range = document.createRange();
      range.selectNodeContents(text);
      return {
        words: `${text.textContent.trim().slice(0, 20)} (${place})`,
        large: size >= 24 || (size >= 18.66 && look.fontWeight >= 700),
        boxes: [...range.getClientRects()].map((box) => seen(e, box)),
        inks: inks(e, look),
      };
    });
  });
}"""
CLEAR = """*, *::before, *::after {
  color: transparent !important;
  -webkit-text-fill-color: transparent !important;
}
svg text { fill: transparent !important; stroke: none !important; }"""


def grounds(tab):
    """Take what lies behind all texts of a page, (height, width, 3)."""
    tab.add_style_tag(content=CLEAR)
    height = tab.evaluate("document.documentElement.scrollHeight")
    width = tab.viewport_size["width"]
    tab.set_viewport_size({"width": width, "height": TILE})
    whole = np.zeros((height, width, 3), dtype=np.uint8)
    for top in range(0, height, TILE):
        at = tab.evaluate(
            "(y) => { scrollTo(0, y); return scrollY; }", top
        )
        tile = colours(tab)[: height - at]
        whole[at : at + len(tile)] = tile
    return whole


def readable(text, ground):
    """Say whether a text stands out from most of what is behind it."""
    over_black, over_white = np.array(text["inks"], dtype=float)
    behind = [
        ground[top:bottom, left:right].reshape(-1, 3)
        for left, top, right, bottom in text["boxes"]
    ]
    behind = np.concatenate(behind or [ground[:0, 0]])
    if not len(behind):
        return True  # scrolled out of sight: like the rest of its line
    clear = (over_white - over_black) / 255
    ink = over_black + clear * behind
    found = contrast(luminance(ink), luminance(behind))
    return np.quantile(found, 0.2) >= (
        LARGE if text["large"] else READABLE
    )


def pale(tab, places):
    """Name the texts of these places that cannot be read."""
    tab.add_style_tag(content=LAID_OUT)
    texts = tab.evaluate(INKS, places)
    ground = grounds(tab)
    return [t["words"] for t in texts if not readable(t, ground)]


SIGNS = """(places) => places.map(
  (place) => document.querySelector(place).textContent)"""


def worded(tab, places):
    """Name the buttons of these whose words are not in their name.

    A sign, as the + of a sum, is no word.
    """
    return [text for text in tab.evaluate(SIGNS, places) if len(text) > 1]


# What axe-core leaves open is decided here, by rule.
DECIDED = {"color-contrast": pale, "label-content-name-mismatch": worded}


@of_page(PAGES + MADE)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", WINDOWS, ids=["wide", "phone"])
def test_axe_finds_nothing_and_what_it_leaves_open_is_well(
    page, theme, size, visit
):
    width, height = size
    tab = visit(
        page,
        own=True,
        color_scheme=theme,
        viewport={"width": width, "height": height},
    )
    tab.evaluate(SETTLED)
    found, left_open = ask_axe(tab)
    assert found == []
    assert set(left_open) <= set(DECIDED)
    for rule, places in sorted(left_open.items(), reverse=True):
        assert DECIDED[rule](tab, places) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("opener", "opened"),
    [
        (".primary-toggle", "The book"),
        (".secondary-toggle", "Contents"),
        (".article-header-buttons .search-button", "Search"),
    ],
)
def test_axe_finds_nothing_in_what_opens_over_a_page(
    theme, opener, opened, visit
):
    tab = visit(
        "book/05_attention",
        own=True,
        color_scheme=theme,
        viewport={"width": 400, "height": 800},
    )
    tab.locator(opener).click()
    tab.get_by_role("dialog", name=opened).wait_for()
    found, left_open = ask_axe(tab)
    assert found == []
    assert set(left_open) <= set(DECIDED)
