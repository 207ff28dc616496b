"""How large what is pressed and read is, and what is lost: in the page.

Each of these is evaluated in a tab. `TARGETS` names what is pressed and
smaller than 24 pixels, `SMALL` the words that are smaller than so many,
`LOST` the words that are cut off, and those that stand on one another.
"""

# WCAG 2.5.8: a link in a sentence may be as high as its line. A list or
# a table of links is denser than 24 pixels where it reads better: there
# a circle of 24 pixels around each touches no other target.
TARGETS = """() => {
  const SIDE = 24;
  const listed = "article a";
  const doubled = ".vit-map-dot";  // a button above does the same
  const pressed = `a[href], button, select, textarea, summary,
    input:not([type=hidden]), label:has(input), [role=slider],
    [role=button], [role=option], [tabindex="0"]`;
  const cursor = (e) => e && getComputedStyle(e).cursor;
  const own = (e) => {
    const label = e.closest("label");
    const within = label?.querySelector("input");
    if (!within) return true;
    const drawn = !/^(range|number|text|search)$/.test(within.type);
    return e === (drawn ? label : within);
  };
  const pointed = [...document.querySelectorAll(
    "[data-figure] *")].filter((e) => cursor(e) === "pointer"
      && cursor(e.parentElement) !== "pointer");
  const all = new Set([
    ...document.querySelectorAll(pressed), ...pointed]);
  const box = (e) => e.getBoundingClientRect();
  const there = [...all].filter((e) => {
    const { width, height } = box(e);
    return own(e) && !e.matches(doubled) && width > 1 && height > 1
      && e.checkVisibility({ visibilityProperty: true });
  }).map((e) => [e, box(e)]);
  const written = (e) => e.textContent.replace(/\\s+/g, " ").trim();
  const inSentence = (e) => {
    if (e.tagName !== "A" || getComputedStyle(e).display !== "inline")
      return false;
    let block = e.parentElement;
    while (getComputedStyle(block).display.startsWith("inline"))
      block = block.parentElement;
    return written(block).length > written(e).length + 1;
  };
  const small = ({ width, height }) =>
    width < SIDE - 0.1 || height < SIDE - 0.1;
  const middle = (b) => [b.x + b.width / 2, b.y + b.height / 2];
  const far = (one, other) => {
    const [x, y] = middle(one);
    if (small(other)) {
      const [u, v] = middle(other);
      return Math.hypot(x - u, y - v) >= SIDE;
    }
    const dx = Math.max(other.x - x, 0, x - other.right);
    const dy = Math.max(other.y - y, 0, y - other.bottom);
    return Math.hypot(dx, dy) >= SIDE / 2;
  };
  return there.filter(([e, b]) => small(b) && !inSentence(e)
    && !(e.matches(listed)
      && there.every(([o, c]) => o.contains(e) || far(b, c)))
  ).map(([e, b]) => [
    e.closest("[data-figure]")?.dataset.figure ?? "",
    e.tagName, e.getAttribute("class") ?? "",
    `${b.width.toFixed(1)} x ${b.height.toFixed(1)}`,
    written(e).slice(0, 30)].join(" "));
}"""

# Words of the page and of live figures; stills have their own measure.
SMALL = """(least) => {
  const found = new Set();
  const walk = document.createTreeWalker(document.body, 4);
  while (walk.nextNode()) {
    const text = walk.currentNode, e = text.parentElement;
    if (!text.data.trim() || !e.checkVisibility()) continue;
    if (e.closest("mjx-container, .vit-figure:has([role=img])")) continue;
    const m = e.closest("svg") && e.getScreenCTM();
    const scale = m ? Math.sqrt(m.a * m.d - m.b * m.c) : 1;
    const size = scale * parseFloat(getComputedStyle(e).fontSize);
    if (size < least - 0.005)
      found.add(`${size.toFixed(2)}: ${text.data.trim().slice(0, 30)}`);
  }
  return [...found];
}"""

# The picture of each live figure that is seen: what is too small on it,
# whether a part is beyond the edge, how that is told, and whether it can
# be brought into view.
STILLS = """(least) => [...document.querySelectorAll(
  ".vit-live > .vit-figure:has(svg)")].filter(
  (e) => e.checkVisibility()).map((figure) => {
    const svg = figure.querySelector("svg");
    const size = (text) => {
      const { a, b, c, d } = text.getScreenCTM();
      const scale = Math.sqrt(Math.abs(a * d - b * c));
      return scale * parseFloat(getComputedStyle(text).fontSize);
    };
    const small = [...svg.querySelectorAll("text")].filter(
      (text) => size(text) < least - 0.005).map(
      (text) => `${size(text).toFixed(2)}: ${text.textContent}`);
    const beyond = figure.scrollWidth > figure.clientWidth;
    const told = figure.querySelector(".vit-more").checkVisibility();
    const { backgroundImage } = getComputedStyle(figure);
    figure.scrollLeft = figure.scrollWidth;
    const { right } = svg.getBoundingClientRect();
    return {
      small, beyond, told,
      shaded: backgroundImage.includes("gradient"),
      reached: right <= figure.getBoundingClientRect().right + 1,
    };
  })"""

LOST = """() => {
  const lines = [], lost = [];
  const walk = document.createTreeWalker(document.body, 4);
  const range = document.createRange();
  while (walk.nextNode()) {
    const text = walk.currentNode, e = text.parentElement;
    if (!text.data.trim()) continue;
    if (e.closest(
      "mjx-container, script, .skip-link, .vit-figure svg")) continue;
    if (!e.checkVisibility({ visibilityProperty: true })) continue;
    const box = e.closest("svg text")?.getBoundingClientRect();
    range.selectNodeContents(text);
    let boxes = box ? [box] : [...range.getClientRects()];
    boxes = boxes.filter((b) => b.width > 1);
    for (let up = e; up !== document.body; up = up.parentElement) {
      const { overflow, overflowX: x, overflowY: y } =
        getComputedStyle(up);
      if (overflow === "visible") continue;
      const room = up.getBoundingClientRect();
      if (room.width <= 1) boxes = [];  // for a screen reader alone
      if (/auto|scroll/.test(x))  // what is beyond can be scrolled to
        boxes = boxes.filter((b) => b.right <= room.right);
      const [wide, high] = [x, y].map((o) => /hidden|clip/.test(o));
      if (boxes.some((b) =>
        (wide && (b.left < room.left - 1 || b.right > room.right + 1))
        || (high && (b.top + 0.25 * b.height < room.top
          || b.bottom - 0.25 * b.height > room.bottom))))
        lost.push(`cut off: ${text.data.trim().slice(0, 40)}`);
    }
    lines.push(...boxes.map((b) => ({
      text, e, x0: b.left + 1, x1: b.right - 1,
      y0: b.top + 0.2 * b.height, y1: b.bottom - 0.2 * b.height })));
  }
  lines.sort((a, b) => a.y0 - b.y0);
  const beside = (e) => e.closest(
    "header, .bd-header, .bd-header-article, .bd-sidebar, dialog");
  lines.forEach((one, i) => {
    for (let j = i + 1; lines[j]?.y0 < one.y1; j++) {
      const two = lines[j];
      if (two.text === one.text || beside(one.e) !== beside(two.e))
        continue;
      if (Math.min(one.x1, two.x1) - Math.max(one.x0, two.x0) > 1)
        lost.push(`on one another: ${one.text.data.trim().slice(0, 30)}`
          + ` | ${two.text.data.trim().slice(0, 30)}`);
    }
  });
  return [...new Set(lost)];
}"""

# WCAG 1.4.12: whoever reads so loses nothing.
WIDER = """* {
  line-height: 1.5 !important;
  letter-spacing: 0.12em !important;
  word-spacing: 0.16em !important;
}
p { margin-bottom: 2em !important; }"""
