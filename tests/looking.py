"""Look at a page of the built site, once, and report all of it.

    seen = look_at(browser, "book/02_patches")
    seen["complaints"], seen["maths"], seen["pale, dark"], ...

To load a page costs more than to ask it something: what one visit can
tell is asked here, and the tests read it.
"""

from built_site import figures_of, html, watch
from live_page import arrive, faults
from sizes import SMALL, TARGETS

COLUMNS = 75
MOST_TABS = 10
LEAST_LETTERS = 11  # pixels of a phone

YARDSTICK = """() => {
  const numbers = new Float64Array(1_000_000).fill(0.5);
  let sum = 0;
  for (let i = 0; i < 15; i++) for (const n of numbers) sum += n * i;
  return sum;
}"""

DRAWN = """() => [
  ...document.querySelectorAll("[data-figure][data-ready]")
].map((e) => e.dataset.figure)"""

SETTLED = """() => {
  document.querySelectorAll("details").forEach((d) => (d.open = true));
}"""

# Contrast of text against what is behind it, by WCAG's formula.
PALE = """() => {
  const shade = document.createElement("canvas").getContext("2d", {
    willReadFrequently: true });
  const known = {};
  const rgba = (css) => {
    if (css in known) return known[css];
    shade.clearRect(0, 0, 1, 1);
    shade.fillStyle = css;
    shade.fillRect(0, 0, 1, 1);
    return (known[css] = [...shade.getImageData(0, 0, 1, 1).data]);
  };
  const light = (c) => {
    const [r, g, b] = c.map((v) => v / 255).map(
      (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const paint = rgba(getComputedStyle(e).backgroundColor);
      if (paint[3] > 250) return paint;
    }
    return [255, 255, 255, 255];
  };
  const pale = new Set();
  const check = (e, ink) => {
    const pair = [light(ink), light(behind(e))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    const words = e.textContent.slice(0, 20);
    if (ratio < 4.5) pale.add(`${words}: ${ratio.toFixed(2)}`);
  };
  const main = document.querySelectorAll("article *, .bd-sidebar *");
  for (const e of main) {
    const written = [...e.childNodes].some(
      (n) => n.nodeType === 3 && n.textContent.trim());
    const hidden = e.closest("svg, mjx-container, .headerlink, .copybtn");
    if (!written || hidden || !e.checkVisibility()) continue;
    check(e, rgba(getComputedStyle(e).color));
  }
  for (const e of document.querySelectorAll(".vit-figure text"))
    if (/--vit-(?!paper|mono|sans)/.test(e.style.fill))
      check(e, rgba(getComputedStyle(e).fill));
  return [...pale];
}"""

# A window on another figure has no text of its own.
FIGURES = """() => [
  ...document.querySelectorAll(".vit-figure svg:not(:has(> use))")
].map((svg) => {
    const text = svg.querySelector(
      "text[style*='--vit-ink'], text[style*='--vit-grey']");
    return text ? getComputedStyle(text).fill : "no text";
  })"""

LONG_CODE = """(columns) => {
  const scrolls = [];
  for (const pre of document.querySelectorAll("article pre")) {
    const longest = Math.max(
      ...pre.textContent.split("\\n").map((line) => line.length));
    if (longest <= columns && pre.scrollWidth > pre.clientWidth)
      scrolls.push(`${longest} columns: ${pre.textContent.slice(0, 60)}`);
  }
  return scrolls;
}"""

LONG_OUTPUT = """() => [...document.querySelectorAll(
  ".cell_output .output.stream pre")].filter(
  (e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1).map(
  (e) => e.textContent.slice(0, 60))"""

SIDEWAYS = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.querySelectorAll("body *")].filter(
    (e) => e.getBoundingClientRect().right > width + 1).slice(0, 5).map(
    (e) => `${e.tagName}.${e.className}`);
}"""

NAMELESS = """() => {
  const kinds = ["img", "svg", "canvas", "[role=application]",
    "[role=slider]", "[role=group]", "[data-figure]"];
  const pictures = document.querySelectorAll(
    kinds.map((kind) => `article ${kind}`).join());
  return [...pictures].filter((e) => {
    if (e.closest("mjx-container, a.headerlink, button")) return false;
    const picture = e.closest("[role=img]");
    if (!picture && e.closest("[aria-hidden=true]")) return false;
    const told = picture || e;
    return !(told.getAttribute("aria-label") || e.alt || "").trim();
  }).map((e) => e.outerHTML.slice(0, 80));
}"""

MATHS = """() => ({
  written: document.querySelectorAll(".math").length,
  drawn: document.querySelectorAll(".math mjx-container > svg").length,
  wrong: document.querySelectorAll("[data-mjx-error]").length,
})"""


# Each still figure that is seen: how many pieces, and what is wrong.
# No text of a window can be asked for its size: one that is put into it
# and looks like those of the figure can.
PIECES = """(least = 0) => {
  const letters = (svg) => {
    const window = svg.querySelector(":scope > use");
    const shown = window
      ? document.querySelector(window.getAttribute("href")) : svg;
    const looks = new Set([...shown.querySelectorAll("text")].map(
      (text) => text.getAttribute("style")));
    const probe = document.createElementNS(svg.namespaceURI, "text");
    svg.append(probe);
    const sizes = [...looks].map((look) => {
      probe.setAttribute("style", look);
      return parseFloat(getComputedStyle(probe).fontSize);
    });
    probe.remove();
    return Math.min(...sizes);
  };
  const stills = [...document.querySelectorAll(".vit-figure")].filter(
    (e) => !e.closest(".vit-live") && e.querySelector("svg")
      && e.checkVisibility());
  return stills.map((figure) => {
    const room = figure.getBoundingClientRect();
    const pieces = [...figure.querySelectorAll("svg")].filter(
      (svg) => svg.parentElement.closest("svg") === null
        && svg.getBoundingClientRect().width > 0);
    const faults = pieces.flatMap((svg) => {
      const { left, right, width } = svg.getBoundingClientRect();
      const scale = width / svg.viewBox.baseVal.width;
      const size = least && scale * letters(svg);
      return [
        size < least - 0.005 ? [`letters of ${size.toFixed(2)}`] : [],
        left < room.left - 1 || right > room.right + 1
          ? ["stands out"] : [],
        scale < 0.8 ? [`is shown at ${scale.toFixed(2)}`] : [],
      ].flat();
    });
    if (figure.scrollWidth > figure.clientWidth) faults.push("scrolls");
    const name = figure.querySelector("[role=img]").ariaLabel.slice(0, 40);
    return [name, pieces.length, faults];
  });
}"""

ALIVE = """() => [
  ...document.querySelectorAll("[data-figure]")
].filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth).map(
  (e) => `${e.dataset.figure}: ${e.scrollWidth} in ${e.clientWidth}`)"""

# "You are here" may be drawn in a window on the figure, where no text
# can be asked: its place in the figure is, and what the windows show.
HERE = """() => [...document.querySelectorAll(".vit-figure text")].filter(
  (e) => e.textContent === "you are here").map((e) => {
    const move = /translate\\(([\\d.]+)/.exec(e.getAttribute("transform"));
    const x = parseFloat(e.getAttribute("x") ?? move[1]);
    const shown = [...e.closest(".vit-figure").querySelectorAll("svg")];
    return shown.some((svg) => {
      const { left, right, width } = svg.getBoundingClientRect();
      const { x: from, width: wide } = svg.viewBox.baseVal;
      return width > 0 && left >= 0 && right <= innerWidth + 1
        && x > from + 36 && x < from + wide - 36;
    });
  })"""

# Formulas: how much smaller they are shown than they would stand alone.
SHRUNK = """() => {
  const all = [...document.querySelectorAll(
    "mjx-container[display=true] > svg")].filter(
    (e) => e.checkVisibility());
  const room = all.map((e) => e.parentElement.clientWidth);
  const shown = all.map((e) => e.getBoundingClientRect().width);
  all.forEach((e) => { e.style.maxWidth = "none"; });
  const alone = all.map((e) => e.getBoundingClientRect().width);
  all.forEach((e) => { e.style.maxWidth = ""; });
  return all.map((e, i) => [
    e.parentElement.parentElement.textContent.trim().slice(0, 40),
    shown[i] <= room[i] + 1 ? shown[i] / alone[i] : 0]);
}"""

# Tables: columns, whether they scroll, whether they show that they do.
TABLES = """() => [...document.querySelectorAll("article table")].filter(
  (e) => e.checkVisibility() && !e.closest("[data-figure]")
).map((table) => {
    const box = table.closest(".pst-scrollable-table-container")
      ?? table.parentElement;
    const look = getComputedStyle(box);
    return {
      columns: Math.max(...[...table.rows].map((r) => r.cells.length)),
      scrolls: box.scrollWidth > box.clientWidth + 1,
      shows: look.backgroundImage.includes("gradient"),
      words: table.textContent.trim().slice(0, 40),
    };
  })"""

STOPS = """() => [...document.querySelectorAll(
  "mjx-container[tabindex], mjx-container [tabindex], " +
  ".vit-figure[tabindex], .vit-figure [tabindex]")].map(
  (e) => e.outerHTML.slice(0, 60))"""

FOCUSED = """() => {
  const e = document.activeElement;
  return e.closest("[data-figure]") ? "figure" : e.textContent.trim();
}"""
SKIP = "Skip to the first live figure"


def tabs_to_a_figure(tab, most):
    """Say how many Tabs from the top lead into a live figure."""
    for count in range(1, most + 1):
        tab.keyboard.press("Tab")
        found = tab.evaluate(FOCUSED)
        if found == "figure":
            return count
        if found == SKIP:
            tab.keyboard.press("Enter")
    return None


def watch_the_work(tab):
    """Give a function that asks how much a page has worked.

    Seconds are those of its own thread, whatever runs beside it.
    """
    session = tab.context.new_cdp_session(tab)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def ask():
        found = session.send("Performance.getMetrics")["metrics"]
        return {metric["name"]: metric["value"] for metric in found}

    return ask


def look_at(browser, page):
    """Open a page from disk, by day, at night, on paper, on a phone."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.emulate_media(color_scheme="light", reduced_motion="reduce")
    seen = {"complaints": watch(tab, "file://")}
    ask = watch_the_work(tab)
    tab.goto(html(page).as_uri(), wait_until="load")
    arrive(tab)
    loaded = ask()
    tab.evaluate(YARDSTICK)
    seen["layouts"] = loaded["LayoutCount"]
    seen["work"] = loaded["TaskDuration"]
    seen["yardstick"] = ask()["TaskDuration"] - seen["work"]
    seen["drawn"] = tab.evaluate(DRAWN)
    still = tab.locator(".vit-live > .vit-figure:visible")
    seen["stills"] = still.count()
    seen["scripts"] = tab.evaluate(
        "[...document.scripts].map((script) => script.src)"
    )
    tab.emulate_media(media="print")
    seen["stills on paper"] = still.count()
    alive = tab.locator("[data-figure]:visible")
    seen["alive on paper"] = alive.count()
    tab.emulate_media(media="screen")
    tab.evaluate(SETTLED)
    seen["maths"] = tab.evaluate(MATHS)
    seen["nameless"] = tab.evaluate(NAMELESS)
    seen["long code"] = tab.evaluate(LONG_CODE, COLUMNS)
    seen["long output"] = tab.evaluate(LONG_OUTPUT)
    seen["pieces, 1280"] = tab.evaluate(PIECES)
    seen["stops"] = tab.evaluate(STOPS)
    for theme in ("light", "dark"):
        tab.emulate_media(color_scheme=theme)
        tab.wait_for_selector(f"html[data-theme={theme}]")
        seen[f"pale, {theme}"] = tab.evaluate(PALE)
        seen[f"ink, {theme}"] = tab.evaluate(FIGURES)
    if figures_of(page):
        # PALE has looked for what is pale, of more than figures.
        seen["faults"] = faults(tab, without=["color-contrast"])
    for width in (400, 320):
        tab.set_viewport_size({"width": width, "height": 800})
        seen[f"sideways, {width}"] = tab.evaluate(SIDEWAYS)
        least = LEAST_LETTERS if width == 320 else 0
        seen[f"pieces, {width}"] = tab.evaluate(PIECES, least)
        seen[f"alive, {width}"] = tab.evaluate(ALIVE)
        seen[f"here, {width}"] = tab.evaluate(HERE)
        seen[f"shrunk, {width}"] = tab.evaluate(SHRUNK)
        seen[f"tables, {width}"] = tab.evaluate(TABLES)
    seen["small, 320"] = tab.evaluate(SMALL, LEAST_LETTERS)
    seen["targets, 320"] = tab.evaluate(TARGETS)
    if figures_of(page):
        seen["tabs"] = tabs_to_a_figure(tab, MOST_TABS)
    tab.close()
    return seen
