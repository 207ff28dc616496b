// The drawing kit of the live figures. A figure is one script beside its
// Python, in the room of its chapter:
//
//   import { figure, heat, listen } from "../../alive/web/kit.js";
//
//   export const render = figure(
//     "looks", "Who looks where", ({ model, root, onEnd }) => {
//       const map = heat("weight", [4, 4], "Who looks where");
//       const draw = () => map.paint(model.get("values"), 1);
//       root.append(map);
//       listen(model, "values", draw, onEnd);
//       draw(); // the first frame: at once
//     });
//
// `model` is anywidget's (get, set, save_changes, on, off), `root` the
// figure's own element; `links` tells if chapters can be linked from here.
// `readerOf(model)` is the trained ViT (vit.js); Python's class says
// `_reader = True`. `drawing` of drawing.js is the reader's own digit, Chart
// of chart.js a plot, panels.js has pictures that can be pointed at.
//
//   set(model, traits)         new values, in the browser and in Python
//   listen(model, traits, f, onEnd)   f() when one changes
//   bytesOf(view)              the bytes of a trait
//   html(tag, attributes, ...children), svg(...)   elements; "onclick" etc.
//   heat(kind, [rows, cols], label)   a table of numbers in colour, .paint()
//   tiles(kind, count, cols, [h, w], label)   patches side by side, each in
//                              a box of its own (.boxes), .paint(rows, top)
//   scale(kind)                the colours with their two ends, .ends(a, b)
//   token(label, { cls })      a rounded square that holds a heat
//   shape(name, sizes)         "q (4, 17, 16)" in the type of code
//   table(kind, heads, rows)   a table with a head over each column
//   button, slider, stopSlider, toggle, choice   controls, labelled
//   arrows(items, cols, choose)   a grid of things walked by arrow keys
//   arrow(event)               where an arrow key goes: [right, down]
//   chapter(links, name, text)   a link to a chapter where there is one
//   clamp(x), within(i, count), best(xs), sum(xs), mean(xs), largest(xs)
//   hint(text), speaker(), percent(x), rounded(x), thousands(n), frame(f),
//   moves()
//
// The classes in live.css carry the palette of the book (--vit-query and so
// on) into the dark; a colour on a canvas comes from `colour(kind, t)`.

import { ramps } from "./palette.js";
import { ViT } from "./vit.js";

// --- Elements

function made(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) {
      element.addEventListener(name.slice(2), value);
    } else if (name.startsWith("aria-") && value !== undefined) {
      element.setAttribute(name, value);
    } else if (value !== undefined && value !== null && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children);
  return element;
}

export function html(tag, attributes = {}, ...children) {
  return made(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  const space = "http://www.w3.org/2000/svg";
  return made(document.createElementNS(space, tag), attributes, children);
}

/** Make a figure's `render`: its root, its first frame, its failure. */
export function figure(name, title, draw) {
  return function render({ model, el }) {
    const root = html("section", {
      class: "vit-live-figure", "data-figure": name, "aria-label": title,
    });
    root.addEventListener("focusin", ({ target }) => {
      // What has this attribute keeps its arrow keys in JupyterLab.
      target.setAttribute("data-lm-suppress-shortcuts", "");
    });
    const ends = [];
    const links = Boolean(el.closest(".vit-live"));
    try {
      draw({ model, root, links, onEnd: (end) => ends.push(end) });
      root.dataset.ready = "";
    } catch (error) {
      root.dataset.failed = "";
      root.replaceChildren(hint(
        "This figure could not be drawn in this browser."));
      console.error(error);
    }
    el.append(root); // drawn by now: the page is laid out once, not twice
    return () => ends.forEach((end) => end());
  };
}

// --- Traits: what a figure shares with Python

/** Give traits new values, here and in Python: { query: 3 }. */
export function set(model, traits) {
  for (const [name, value] of Object.entries(traits)) model.set(name, value);
  model.save_changes();
}

/** Call `f` when a trait, or one of several, changes: until the end. */
export function listen(model, traits, f, onEnd) {
  for (const trait of [traits].flat()) {
    model.on(`change:${trait}`, f);
    onEnd(() => model.off(`change:${trait}`, f));
  }
}

/** The bytes of a trait, of whichever view they came in. */
export function bytesOf({ buffer, byteOffset, byteLength }) {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

const readers = new WeakMap();

/** The trained model: from the page's own file, or from the kernel. */
export function readerOf(model) {
  const view = model.get("weights");
  if (!readers.has(view)) readers.set(view, ViT.read(bytesOf(view)));
  return readers.get(view);
}

// --- Numbers

export function clamp(value, low = 0, high = 1) {
  return Math.min(high, Math.max(low, value));
}

/** The nearest of `count` places, 0 to count - 1. */
export function within(place, count) {
  return clamp(place, 0, count - 1);
}

/** Where the largest number stands. */
export function best(values) {
  return values.indexOf(Math.max(...values));
}

export function sum(values) {
  return values.reduce((total, v) => total + v, 0);
}

export function mean(values) {
  return sum(values) / values.length;
}

/** The largest number, whatever its sign. */
export function largest(values) {
  return values.reduce((top, v) => Math.max(top, Math.abs(v)), 0);
}

export function percent(share) {
  if (share >= 0.995 && share < 1) return "> 99 %";
  if (share < 0.005 && share > 0) return "< 1 %";
  return `${Math.round(100 * share)} %`;
}

/**
 * A whole number with a comma for every thousand: 1,234,567. The browser's
 * own way first loads all that it knows of languages: longer than the rest
 * of a figure takes.
 */
export function thousands(count) {
  return count.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A number as the chapters print it; the minus is typographic. */
export function rounded(value, digits = 2) {
  return value.toFixed(digits).replace("-", "\u2212");
}

// --- Colours: the same thing has the same colour in the whole book

const RAMPS = Object.fromEntries(Object.entries(ramps).map(
  ([kind, stops]) => [kind, stops.map((stop) => [1, 3, 5].map(
    (at) => parseInt(stop.slice(at, at + 2), 16)))]));

/**
 * Red, green, blue and opacity, 0 to 255. `t` runs from 0 to 1 for "weight"
 * (white to violet) and "position" (white to dark cyan), from -1 to 1 for
 * "signed" (blue, white, red).
 */
export function colour(kind, t) {
  return [...blend(RAMPS[kind], kind === "signed" ? (t + 1) / 2 : t), 255];
}

/** The colour at a share of the way along a ramp. */
export function blend(ramp, share) {
  const along = clamp(share) * (ramp.length - 1);
  const step = Math.min(ramp.length - 2, Math.floor(along));
  const [from, to] = [ramp[step], ramp[step + 1]];
  return from.map((v, i) => v + (to[i] - v) * (along - step));
}

/** Red, green and blue, as a style has them. */
export function rgb([r, g, b]) {
  return `rgb(${r}, ${g}, ${b})`;
}

/**
 * A table of numbers as coloured squares: a canvas of rows x cols pixels,
 * to be sized by style. Kinds are those of `colour` and "ink": clear to
 * black, which live.css turns white in the dark. `paint(values, top)`: `top`
 * is the number that gets the full colour, by default the largest. `gap`
 * leaves clear lines every so many squares, as between patches.
 */
export function heat(kind, [rows, cols], label, gap = 0) {
  const lines = (count) => (gap ? Math.ceil(count / gap) - 1 : 0);
  const place = (i) => i + (gap ? Math.floor(i / gap) : 0);
  const [width, height] = [cols + lines(cols), rows + lines(rows)];
  const canvas = html("canvas", {
    class: `vit-heat vit-heat-${kind}`, width, height,
    role: "img", "aria-label": label,
  });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  canvas.paint = (values, top = largest(values)) => {
    for (let row = 0, i = 0; row < rows; row++) {
      for (let col = 0; col < cols; col++, i++) {
        const at = 4 * (place(row) * width + place(col));
        const share = top ? values[i] / top : 0;
        if (kind === "ink") image.data[at + 3] = 255 * share;
        else image.data.set(colour(kind, share), at);
      }
    }
    context.putImageData(image, 0, 0);
    return canvas;
  };
  return canvas;
}

/** (n, p p) -> (rows p, cols p): squares side by side, as one picture. */
export function sheet(squares, p, cols) {
  const whole = new Float32Array(squares.length);
  squares.forEach((value, i) => {
    const [one, at] = [Math.floor(i / p ** 2), i % p ** 2];
    const row = Math.floor(one / cols) * p + Math.floor(at / p);
    whole[(row * cols + (one % cols)) * p + (at % p)] = value;
  });
  return whole;
}

/** Patches in boxes; `paint` takes (n, h w) and the number of full colour. */
export function tiles(kind, count, cols, size, label) {
  const heats = Array.from({ length: count }, (_, i) =>
    heat(kind, size, `${label} ${i}`));
  const boxes = heats.map((one) => html("span", { class: "vit-tile" }, one));
  const whole = html("span", {
    class: "vit-tiles", role: "img", "aria-label": label,
    style: `--cols: ${cols}`,
  }, ...boxes);
  whole.boxes = boxes;
  whole.paint = ({ data }, top = largest(data)) => {
    const length = data.length / count;
    heats.forEach((one, i) =>
      one.paint(data.subarray(i * length, (i + 1) * length), top));
    return whole;
  };
  return whole;
}

/** Three channels, (h, w, 3) from 0 to 1, on a canvas of their size. */
export function picture(image, label) {
  const [height, width] = image.shape;
  const canvas = html("canvas", {
    class: "vit-heat", width, height, role: "img", "aria-label": label,
  });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) {
      pixels.data[4 * i + c] = 255 * image.data[3 * i + c];
    }
    pixels.data[4 * i + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

/** The colours of a kind, with the numbers at their two ends. */
export function scale(kind) {
  const low = html("span");
  const high = html("span");
  const bar = html("span", { class: `vit-ramp vit-ramp-${kind}` });
  const whole = html("span", { class: "vit-scale" }, low, bar, high);
  whole.ends = (from, to) => {
    low.textContent = from;
    high.textContent = to;
    return whole;
  };
  /** As far to either side of zero. */
  whole.around = (top) => whole.ends(rounded(-top), rounded(top));
  return whole;
}

// --- The grammar: tokens, names with shapes

/** A rounded square around what a token holds; `cls` makes it gold. */
export function token(label, { cls = false } = {}, ...inside) {
  const kind = cls ? "vit-token vit-token-cls" : "vit-token";
  return html("span", { class: kind, title: label }, ...inside);
}

/** What a figure calls the token at a place. */
export function nameOf(place) {
  return place ? `patch ${place - 1}` : "the class token";
}

export function shape(name, sizes) {
  return html("code", { class: "vit-shape" },
    `${name} (${sizes.join(", ")})`.trim());
}

export function hint(text) {
  return html("p", { class: "vit-hint" }, text);
}

/** A table; over its first column stands nothing. */
export function table(kind, heads, rows) {
  return html("table", { class: kind },
    html("thead", {}, html("tr", {}, html("td"), ...heads)),
    html("tbody", {}, ...rows));
}

/**
 * Says to those who listen what has come out, once the hand rests. The first
 * words stand there at once: as a page opens, no figure speaks up.
 */
export function speaker() {
  const spoken = html("output", { class: "vit-spoken" });
  let waiting;
  spoken.say = (text) => {
    clearTimeout(waiting);
    const write = () => { spoken.textContent = text; };
    if (spoken.textContent) waiting = setTimeout(write, 700);
    else write();
  };
  return spoken;
}

/** A link to a chapter on the page; in a notebook its words alone. */
export function chapter(links, name, ...inside) {
  return links
    ? html("a", { class: "vit-stage", href: `${name}.html` }, ...inside)
    : html("span", { class: "vit-stage" }, ...inside);
}

// --- Controls

export function button(text, onclick, label) {
  return html("button", {
    type: "button", class: "vit-button", onclick, "aria-label": label,
  }, text);
}

/** A labelled slider; `write(value)` is what stands behind it. */
export function slider(text, { min, max, step = 1, value }, write, change) {
  const output = html("output");
  const input = html("input", { type: "range", min, max, step, value });
  const show = () => {
    output.textContent = write(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => {
    show();
    change(Number(input.value));
  });
  const whole = html("label", { class: "vit-slider" }, text, input, output);
  whole.set = (next) => {
    input.value = next;
    show();
  };
  show();
  return whole;
}

/**
 * A slider that stops at the numbers of a list, and at its own value;
 * `set(value, list)` moves it, to another list if that has changed.
 */
export function stopSlider(text, list, value, write, change) {
  const stopsOf = (numbers, own) =>
    [...new Set([...numbers, own])].sort((a, b) => a - b);
  let stops = stopsOf(list, value);
  const whole = slider(text, {
    min: 0, max: stops.length - 1, value: stops.indexOf(value),
  }, (at) => write(stops[at]), (at) => change(stops[at]));
  const [input, move] = [whole.querySelector("input"), whole.set];
  whole.set = (next, numbers = list) => {
    stops = stopsOf(numbers, next);
    input.max = stops.length - 1;
    move(stops.indexOf(next));
  };
  return whole;
}

/** A switch with its words; `change(on)` is called. */
export function toggle(text, on, change) {
  const input = html("input", {
    type: "checkbox", checked: on,
    onchange: () => change(input.checked),
  });
  const whole = html("label", { class: "vit-toggle" }, input, text);
  whole.set = (next) => { input.checked = next; };
  return whole;
}

let groups = 0;

/** One of several: `choices` are [value, text]. */
export function choice(text, choices, value, change) {
  const name = `vit-choice-${(groups += 1)}-${Date.now()}`;
  const inputs = new Map();
  const labels = choices.map(([key, words]) => {
    const input = html("input", {
      type: "radio", name, checked: key === value,
      onchange: () => change(key),
    });
    inputs.set(key, input);
    return html("label", {}, input, html("span", {}, words));
  });
  const whole = html("fieldset", { class: "vit-choice" },
    html("legend", {}, text), ...labels);
  whole.set = (key) => { inputs.get(key).checked = true; };
  return whole;
}

const ARROWS = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
};

/** [right, down] of an arrow key that is pressed alone; else undefined. */
export function arrow({ key, ctrlKey, metaKey, altKey }) {
  return ctrlKey || metaKey || altKey ? undefined : ARROWS[key];
}

/**
 * Let arrow keys walk a grid of elements; one of them is in the Tab order.
 * `choose(index)` is called by a click, Enter, Space or walking there.
 */
export function arrows(items, cols, choose) {
  const pick = (index, focus) => {
    items.forEach((item, i) => { item.tabIndex = i === index ? 0 : -1; });
    if (focus) items[index].focus();
    choose(index);
  };
  items.forEach((item, index) => {
    item.tabIndex = index === 0 ? 0 : -1;
    item.addEventListener("click", () => pick(index, true));
    item.addEventListener("keydown", (event) => {
      const step = arrow(event);
      if (!step && ![" ", "Enter"].includes(event.key)) return;
      event.preventDefault();
      const [right, down] = step ?? [0, 0];
      const next = index + right + down * cols;
      if (next >= 0 && next < items.length) pick(next, true);
    });
  });
}

// --- Time

/** Call it as often as you like: `f` runs once, before the next frame. */
export function frame(f) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      f();
    });
  };
}

/** False where the reader asked for less motion. */
export function moves() {
  return !matchMedia("(prefers-reduced-motion: reduce)").matches;
}
