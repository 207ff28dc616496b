// The reader's own digit: drawn once, carried from page to page, and made
// into a picture the way the training digits were.
//
//   drawing.image            { data, shape: [28, 28, 1] }, 0 paper to 1 ink
//   drawing.isEmpty
//   drawing.on(f)            f() after every change; gives a function off()
//   drawing.sample(5), drawing.clear(), drawing.undo()
//   pad(label)               an element to draw in; mouse, touch, keys
//   padControls()            samples, undo, clear
//   shareWith(model, onEnd)  Python's `image` is the drawing, and back
//
// There is one drawing for all figures of a page or a notebook. It is kept
// in the browser's storage; from disk, where pages share none in some
// browsers, links to other pages carry it behind their #.

import { tensor, fromBase64 } from "./vit.js";
import { button, frame, heat, html } from "./kit.js";
import { samples } from "./samples.js";

const SIDE = 28;
const KEY = "vitlib-drawing";
const FIRST = "s5";

// --- From strokes to a picture

// The training digits fill a box of 20 pixels, ink included, and have
// their centre of mass in the middle of the pixel at row and column 14. A
// pen of this radius leaves about the ink that theirs did.
const BOX = 20;
const MIDDLE = 14.5;
const RADIUS = 1.4;
const EDGE = 0.65;

/** Strokes [[x, y, x, y, ...], ...] in pixels -> 784 numbers, 0 to 1. */
export function normalise(strokes) {
  const points = strokes.flat();
  const ink = new Float32Array(SIDE * SIDE);
  if (!points.length) return ink;
  const [xs, ys] = [0, 1].map((odd) => points.filter((_, i) => i % 2 === odd));
  const ends = [xs, ys].map((v) => [Math.min(...v), Math.max(...v)]);
  const size = Math.max(...ends.map(([low, high]) => high - low));
  const factor = Math.min((BOX - 2 * RADIUS) / Math.max(size, 0.1), 4);
  const centre = ends.map(([low, high]) => (low + high) / 2);
  const placed = (shift) => strokes.map((stroke) => stroke.map((v, i) =>
    (v - centre[i % 2]) * factor + SIDE / 2 + shift[i % 2]));
  const mass = massOf(trace(placed([0, 0])));
  return trace(placed(mass.map((place) => MIDDLE - place)));
}

/** How much ink lies on each pixel under a round pen. */
function trace(strokes) {
  const ink = new Float32Array(SIDE * SIDE);
  for (const stroke of strokes) {
    for (let i = 0; i < Math.max(2, stroke.length - 2); i += 2) {
      const [x0, y0, x1 = x0, y1 = y0] = stroke.slice(i, i + 4);
      const reach = RADIUS + EDGE;
      const clip = (v) => Math.min(SIDE - 1, Math.max(0, Math.floor(v)));
      const bottom = clip(Math.max(y0, y1) + reach);
      const right = clip(Math.max(x0, x1) + reach);
      for (let y = clip(Math.min(y0, y1) - reach); y <= bottom; y++) {
        for (let x = clip(Math.min(x0, x1) - reach); x <= right; x++) {
          const away = distance(x + 0.5, y + 0.5, x0, y0, x1, y1);
          const full = (RADIUS + EDGE - away) / (2 * EDGE);
          const at = y * SIDE + x;
          ink[at] = Math.max(ink[at], Math.min(1, full));
        }
      }
    }
  }
  return ink;
}

function distance(x, y, x0, y0, x1, y1) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length = dx * dx + dy * dy || 1;
  const along = ((x - x0) * dx + (y - y0) * dy) / length;
  const t = Math.min(1, Math.max(0, along));
  return Math.hypot(x - x0 - t * dx, y - y0 - t * dy);
}

function massOf(ink) {
  let [sum, x, y] = [0, 0, 0];
  ink.forEach((value, i) => {
    sum += value;
    x += value * ((i % SIDE) + 0.5);
    y += value * (Math.floor(i / SIDE) + 0.5);
  });
  return [x / sum, y / sum];
}

// --- As text: "s5" is a sample, "d..." strokes, "p..." pixels, "e" nothing

const STEP = SIDE / 254;
const PEN_UP = 255;

function toText(bytes) {
  const letters = Array.from(bytes, (byte) => String.fromCharCode(byte));
  return btoa(letters.join("")).replaceAll("+", "-").replaceAll("/", "_")
    .replaceAll("=", "");
}

function fromText(text) {
  return fromBase64(text.replaceAll("-", "+").replaceAll("_", "/"));
}

function encodeStrokes(strokes) {
  const bytes = strokes.flatMap((stroke) => [
    ...stroke.map((v) => Math.min(254, Math.max(0, Math.round(v / STEP)))),
    PEN_UP,
  ]);
  return `d${toText(bytes)}`;
}

function decodeStrokes(text) {
  const strokes = [[]];
  for (const byte of fromText(text)) {
    if (byte === PEN_UP) strokes.push([]);
    else strokes.at(-1).push(byte * STEP);
  }
  return strokes.filter((s) => s.length && s.length % 2 === 0);
}

// --- The one drawing

class Drawing {
  constructor() {
    this.listeners = new Set();
    this.read(FIRST);
    for (const text of [fromHash(), fromStorage()]) {
      if (text && this.read(text)) break;
    }
    this.carry = frame(() => toStorage(this.text));
    addEventListener("storage", ({ key, newValue }) => {
      if (key === KEY && newValue && this.read(newValue)) this.tell();
    });
    if (location.protocol === "file:") carryByLinks(this);
  }

  /** Take what `text` says; false where it says nothing sensible. */
  read(text) {
    try {
      const [kind, rest] = [text[0], text.slice(1)];
      let [strokes, data] = [[], null];
      if (kind === "d") {
        strokes = decodeStrokes(rest);
        data = normalise(strokes);
      } else if (kind === "e") {
        data = new Float32Array(SIDE * SIDE);
      } else if (kind === "s" || kind === "p") {
        const bytes = kind === "s" ? fromBase64(samples[rest])
          : fromText(rest);
        data = Float32Array.from(bytes, (byte) => byte / 255);
      }
      if (data?.length !== SIDE * SIDE) return false;
      Object.assign(this, { text, strokes, kind });
      this.image = tensor([SIDE, SIDE, 1], data);
      return true;
    } catch {
      return false; // not ours: the drawing stays as it is
    }
  }

  get isEmpty() {
    return this.image.data.every((value) => value === 0);
  }

  get bytes() {
    return Uint8Array.from(this.image.data, (v) => Math.round(255 * v));
  }

  on(f) {
    this.listeners.add(f);
    return () => this.listeners.delete(f);
  }

  tell() {
    for (const f of this.listeners) f();
  }

  change(text) {
    if (this.read(text)) {
      this.carry();
      this.tell();
    }
  }

  setStrokes(strokes) {
    this.change(strokes.length ? encodeStrokes(strokes) : "e");
  }

  sample(digit) {
    this.change(`s${digit}`);
  }

  pixels(bytes) {
    this.change(`p${toText(bytes)}`);
  }

  clear() {
    this.change("e");
  }

  undo() {
    this.setStrokes(this.strokes.slice(0, -1));
  }
}

function fromHash() {
  const found = location.hash.match(/^#drawing=([\w-]+)$/);
  if (!found) return null;
  const here = location.pathname + location.search;
  try {
    history.replaceState(history.state, "", here);
  } catch {
    // A page from disk may not be allowed to: the # stays.
  }
  return found[1];
}

function fromStorage() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // no storage here: the drawing lives as long as the page
  }
}

function toStorage(text) {
  try {
    localStorage.setItem(KEY, text);
  } catch {
    // No storage here, or it is full.
  }
}

function carryByLinks(drawing) {
  const carry = ({ target }) => {
    const link = target.closest?.("a[href]");
    const own = link && link.protocol === "file:";
    const plain = own && (!link.hash || link.hash.startsWith("#drawing="));
    if (plain && link.pathname !== location.pathname) {
      link.hash = `drawing=${drawing.text}`;
    }
  };
  addEventListener("pointerdown", carry, true);
  addEventListener("click", carry, true);
}

const one = Symbol.for("vitlib.drawing");
export const drawing = (globalThis[one] ??= new Drawing());

// --- Python has it too

/** The bytes of a trait, of whichever view they came in. */
function bytesOf({ buffer, byteOffset, byteLength }) {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Keep the trait `pixels` (vitlib.teach.alive.drawn) the drawing. */
export function shareWith(model, onEnd) {
  const isSame = (bytes) => {
    const own = drawing.bytes;
    return bytes.length === own.length && bytes.every((b, i) => b === own[i]);
  };
  const send = () => {
    const bytes = drawing.bytes;
    if (isSame(bytesOf(model.get("pixels")))) return;
    model.set("pixels", new DataView(bytes.buffer));
    model.save_changes();
  };
  const take = () => {
    const bytes = bytesOf(model.get("pixels"));
    if (bytes.length && !isSame(bytes)) drawing.pixels(bytes);
  };
  model.on("change:pixels", take);
  onEnd(() => model.off("change:pixels", take));
  onEnd(drawing.on(send));
  take();
  send();
}

// --- The pad

const SHARP = 10; // pixels of the canvas a pixel of the picture
const PEN = 2;
const NEAR = 0.4;
const WALK = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
};
const HELP =
  "Draw with mouse, finger or pen. By keys: arrows move the pen, Space " +
  "lowers or lifts it, Backspace takes a stroke back, Delete clears, 0 to " +
  "9 bring a sample.";

/** An element to draw in. It shows the drawing, whoever changed it. */
export function pad(label = "Drawing pad", { onEnd } = {}) {
  const canvas = html("canvas", {
    width: SIDE * SHARP, height: SIDE * SHARP,
    class: "vit-heat-ink", role: "img", "aria-label": "The drawing",
  });
  const pixels = heat("ink", [SIDE, SIDE], "The sample");
  const pen = html("span", { class: "vit-pen", hidden: true });
  const whole = html("div", {
    class: "vit-pad", tabindex: 0, role: "application",
    "aria-label": label, "aria-description": HELP, title: HELP,
  }, pixels, canvas, pen);
  const context = canvas.getContext("2d");
  let strokes = null; // while a stroke is under way: all of them
  let place = [SIDE / 2, SIDE / 2];
  let down = false;

  const line = (stroke, from = 0) => {
    context.lineWidth = PEN * SHARP;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    for (let i = from; i < stroke.length; i += 2) {
      context.lineTo(stroke[i] * SHARP, stroke[i + 1] * SHARP);
    }
    if (stroke.length - from === 2) { // a dot
      context.lineTo(stroke[from] * SHARP + 0.1, stroke[from + 1] * SHARP);
    }
    context.stroke();
  };
  const show = () => {
    const isPicture = drawing.kind === "s" || drawing.kind === "p";
    pixels.hidden = !isPicture;
    if (isPicture) pixels.paint(drawing.image.data, 1);
    if (strokes) return; // the hand is ahead of the drawing
    context.clearRect(0, 0, canvas.width, canvas.height);
    drawing.strokes.forEach((stroke) => line(stroke));
  };
  const publish = frame(() => {
    if (strokes) drawing.setStrokes(strokes);
  });
  const begin = (point) => {
    if (!drawing.strokes.length) {
      context.clearRect(0, 0, canvas.width, canvas.height);
      pixels.hidden = true;
    }
    strokes = [...drawing.strokes, [...point]];
    line(strokes.at(-1));
    publish();
  };
  const go = ([x, y]) => {
    const stroke = strokes.at(-1);
    const [x0, y0] = stroke.slice(-2);
    if (Math.hypot(x - x0, y - y0) < NEAR) return;
    stroke.push(x, y);
    line(stroke, stroke.length - 4);
    publish();
  };
  const end = () => {
    if (!strokes) return;
    const all = strokes;
    strokes = null;
    down = false;
    drawing.setStrokes(all);
  };
  const movePen = () => {
    pen.hidden = false;
    pen.classList.toggle("vit-pen-down", down);
    pen.style.left = `${(100 * place[0]) / SIDE}%`;
    pen.style.top = `${(100 * place[1]) / SIDE}%`;
  };
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top].map((v, i) => {
      const side = i ? box.height : box.width;
      return Math.min(SIDE, Math.max(0, (v / side) * SIDE));
    });
  };

  whole.addEventListener("pointerdown", (event) => {
    if (event.button || strokes) return;
    event.preventDefault();
    whole.focus({ preventScroll: true });
    whole.setPointerCapture(event.pointerId);
    pen.hidden = true;
    begin(at(event));
  });
  whole.addEventListener("pointermove", (event) => {
    if (!strokes || down) return;
    const all = event.getCoalescedEvents?.() ?? [];
    for (const part of all.length ? all : [event]) go(at(part));
  });
  for (const over of ["pointerup", "pointercancel"]) {
    whole.addEventListener(over, () => { if (!down) end(); });
  }
  whole.addEventListener("blur", () => {
    end();
    pen.hidden = true;
  });
  whole.addEventListener("keydown", (event) => {
    const { key, ctrlKey, metaKey, altKey } = event;
    if ((ctrlKey || metaKey) && key === "z") {
      end();
      drawing.undo();
    } else if (ctrlKey || metaKey || altKey) {
      return;
    } else if (key in WALK) {
      place = place.map((v, i) =>
        Math.min(SIDE - 1, Math.max(1, v + WALK[key][i])));
      if (down) go(place);
    } else if (key === " ") {
      if (down) end();
      else {
        down = true;
        begin(place);
      }
    } else if (key === "Backspace") {
      end();
      drawing.undo();
    } else if (key === "Delete") {
      end();
      drawing.clear();
    } else if (/^\d$/.test(key)) {
      end();
      drawing.sample(key);
    } else {
      return;
    }
    event.preventDefault();
    movePen();
  });
  onEnd?.(drawing.on(show));
  show();
  return whole;
}

/** Ten samples to try, and the ways back. */
export function padControls() {
  const thumbs = samples.map((_, digit) => {
    const thumb = heat("ink", [SIDE, SIDE], `Sample: ${digit}`);
    const bytes = fromBase64(samples[digit]);
    thumb.paint(Float32Array.from(bytes, (byte) => byte / 255), 1);
    return html("button", {
      type: "button", class: "vit-sample",
      title: `A sample ${digit}`,
      onclick: () => drawing.sample(digit),
    }, thumb);
  });
  return html("div", { class: "vit-pad-controls" },
    html("div", {
      class: "vit-samples", role: "group", "aria-label": "Samples",
    }, ...thumbs),
    button("undo", () => drawing.undo(), "undo the last stroke"),
    button("clear", () => drawing.clear(), "clear the drawing"));
}
