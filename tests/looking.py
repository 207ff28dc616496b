"""Look at a page of the built site, once, and report all of it.

    seen = look_at(browser, "book/02_patches")
    seen["complaints"], seen["maths"], seen["pale, dark"], ...

To load a page costs more than to ask it something: what one visit can
tell is asked here, and the tests read it.
"""

from built_site import figures_of, html, watch
from live_page import faults

COLUMNS = 75

YARDSTICK = """() => {
  const numbers = new Float64Array(1_000_000).fill(0.5);
  let sum = 0;
  for (let i = 0; i < 15; i++) for (const n of numbers) sum += n * i;
  return sum;
}"""

DRAWN = """() => [
  ...document.querySelectorAll("[data-figure][data-ready]")
].map((e) => e.dataset.figure)"""

SETTLED = """async () => {
  if (window.MathJax && MathJax.startup) await MathJax.startup.promise;
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

FIGURES = """() => [...document.querySelectorAll(".vit-figure svg")].map(
  (svg) => {
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

SIDEWAYS = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.querySelectorAll("body *")].filter(
    (e) => e.getBoundingClientRect().right > width + 1).slice(0, 5).map(
    (e) => `${e.tagName}.${e.className}`);
}"""

NAMELESS = """() => {
  const pictures = document.querySelectorAll(
    "article img, article svg, article canvas");
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
    for theme in ("light", "dark"):
        tab.emulate_media(color_scheme=theme)
        tab.wait_for_selector(f"html[data-theme={theme}]")
        seen[f"pale, {theme}"] = tab.evaluate(PALE)
        seen[f"ink, {theme}"] = tab.evaluate(FIGURES)
        if figures_of(page):
            # Several quizzes have one name: axe calls that moderate.
            # Nothing but colours is another thing at night.
            seen[f"faults, {theme}"] = faults(
                tab,
                of=("serious", "critical"),
                rules=["color-contrast"] if theme == "dark" else None,
            )
    tab.set_viewport_size({"width": 400, "height": 800})
    seen["sideways"] = tab.evaluate(SIDEWAYS)
    tab.close()
    return seen
