// The reader's own digit: drawn once, carried from page to page, and made
// into a picture the way the training digits were.
//
//   drawing.image            { data, shape: [28, 28, 1] }, 0 paper to 1 ink
//   drawing.isEmpty
//   drawing.on(f)            f() after every change; gives a function off()
//   drawing.sample(5), drawing.clear(), drawing.undo()
//   drawing.open(file)       the digit of a photo; drawing.note says if not
//   pad(label)               an element to draw in; mouse, touch, keys
//   padControls(onEnd)       samples, undo, clear
//   drawOver(shown, ...)     the same, with a pad in the place of a picture
//   shareWith(model, onEnd)  Python's `image` is the drawing, and back
//
// There is one drawing for all figures of a page or a notebook. It is kept
// in the browser's storage; from disk, where pages share none in some
// browsers, links to other pages carry it behind their #.

import { tensor, fromBase64 } from "./vit.js";
import {
  arrow, bytesOf, button, clamp, frame, heat, hint, html, listen,
  within,
} from "./kit.js";
import { checkLike, knownDigits } from "./likeness.js";
import { digitOf } from "./own_digit.js";
import { openPhoto } from "./photo.js";
import { fileButton, opener, takeFiles } from "./photo_door.js";
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
      const pixel = (v) => within(Math.floor(v), SIDE);
      const bottom = pixel(Math.max(y0, y1) + reach);
      const right = pixel(Math.max(x0, x1) + reach);
      for (let y = pixel(Math.min(y0, y1) - reach); y <= bottom; y++) {
        for (let x = pixel(Math.min(x0, x1) - reach); x <= right; x++) {
          const away = distance([x + 0.5, y + 0.5], [x0, y0], [x1, y1]);
          const full = (RADIUS + EDGE - away) / (2 * EDGE);
          const at = y * SIDE + x;
          ink[at] = Math.max(ink[at], Math.min(1, full));
        }
      }
    }
  }
  return ink;
}

/** From a point to the line between two others. */
function distance([x, y], [x0, y0], [x1, y1]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length = dx * dx + dy * dy || 1;
  const t = clamp(((x - x0) * dx + (y - y0) * dy) / length);
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
    ...stroke.map((v) => clamp(Math.round(v / STEP), 0, 254)),
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

/** What text of each kind but strokes says: 784 numbers, 0 to 1. */
const PICTURES = {
  s: (digit) => inkOf(fromBase64(samples[digit])),
  p: (text) => inkOf(fromText(text)),
  e: () => new Float32Array(SIDE * SIDE),
};

function inkOf(bytes) {
  return Float32Array.from(bytes, (byte) => byte / 255);
}

// --- The one drawing

class Drawing {
  constructor() {
    this.listeners = new Set();
    this.note = ""; // what is to be said of the last photo
    this.opener = opener((digit) => this.take(digit), (words) => {
      this.note = words;
      this.tell();
    }, (file) => this.digitOf(file));
    this.open = this.opener.open;
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
      const strokes = kind === "d" ? decodeStrokes(rest) : [];
      const data = kind === "d" ? normalise(strokes) : PICTURES[kind]?.(rest);
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
    this.opener.forget();
    this.note = "";
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

  /** The digit of a photo; what is like no digit is refused. */
  async digitOf(file) {
    const photo = await openPhoto(file);
    try {
      const digit = digitOf(photo);
      this.known ??= await knownDigits(this.model);
      checkLike(digit, this.known);
      return digit;
    } finally {
      photo.close();
    }
  }

  /** The digit of a photo becomes the drawing. */
  take(digit) {
    const bytes = digit.map((value) => Math.round(255 * value));
    this.read(`p${toText(bytes)}`);
    this.carry();
    return "This is the digit of your photo, as the model gets it.";
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

/** Keep the trait `pixels` (vitlib.teach.alive.drawn) the drawing. */
export function shareWith(model, onEnd) {
  drawing.model = model; // which brings what a photo is held against
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
  listen(model, "pixels", take, onEnd);
  onEnd(drawing.on(send));
  take();
  send();
}

// --- The pad

const SHARP = 10; // pixels of the canvas a pixel of the picture
const PEN = 2;
const NEAR = 0.4;
const HELP =
  "Draw with mouse, finger or pen. By keys: arrows move the pen, Space " +
  "lowers or lifts it, Backspace takes a stroke back, Delete clears, 0 to " +
  "9 bring a sample.";
const PLACED =
  "What you draw is moved to the middle and scaled to the size of the " +
  "digits that the model learned from: where you draw it makes no " +
  "difference. A photo of a digit on paper can be dropped or pasted there; " +
  "the first loads half a megabyte of digits to hold it against.";

/** An element to draw in. It shows the drawing, whoever changed it. */
export function pad(label = "Drawing pad", { onEnd } = {}) {
  const hand = new Hand(label);
  takeFiles(hand.pad, drawing.open);
  onEnd?.(drawing.on(() => hand.show()));
  hand.show();
  return hand.pad;
}

/** Mouse, finger, pen or keys over a pad, and what they have drawn. */
class Hand {
  constructor(label) {
    this.canvas = html("canvas", {
      width: SIDE * SHARP, height: SIDE * SHARP,
      class: "vit-heat-ink", role: "img", "aria-label": "The drawing",
    });
    this.sample = heat("ink", [SIDE, SIDE], "The sample");
    this.pen = html("span", { class: "vit-pen", hidden: true });
    this.pad = html("div", {
      class: "vit-pad", tabindex: 0, role: "application",
      "aria-label": label, "aria-description": HELP, title: HELP,
    }, this.sample, this.canvas, this.pen);
    this.context = this.canvas.getContext("2d");
    this.strokes = null; // while a stroke is under way: all of them
    this.place = [SIDE / 2, SIDE / 2]; // of the pen that keys move
    this.isDown = false; // that pen
    this.publish = frame(() => {
      if (this.strokes) drawing.setStrokes(this.strokes);
    });
    followPointer(this);
    followKeys(this);
  }

  /** The drawing, as it is now. */
  show() {
    const isPicture = drawing.kind === "s" || drawing.kind === "p";
    this.sample.hidden = !isPicture;
    if (isPicture) this.sample.paint(drawing.image.data, 1);
    if (this.strokes) return; // the hand is ahead of the drawing
    this.wipe();
    drawing.strokes.forEach((stroke) => this.line(stroke));
  }

  wipe() {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  line(stroke, from = 0) {
    const { context } = this;
    context.lineWidth = PEN * SHARP;
    context.lineCap = "round";
    context.lineJoin = "round";
    context.beginPath();
    for (let i = from; i < stroke.length; i += 2) {
      context.lineTo(stroke[i] * SHARP, stroke[i + 1] * SHARP);
    }
    if (stroke.length - from === 2) { // a dot
      context.lineTo(stroke[from] * SHARP + 0.1, stroke[from + 1] * SHARP);
    }
    context.stroke();
  }

  // --- A stroke: it begins at a point, goes to others, ends

  begin(point) {
    if (!drawing.strokes.length) {
      this.wipe();
      this.sample.hidden = true;
    }
    this.strokes = [...drawing.strokes, [...point]];
    this.line(this.strokes.at(-1));
    this.publish();
  }

  go([x, y]) {
    const stroke = this.strokes.at(-1);
    const [x0, y0] = stroke.slice(-2);
    if (Math.hypot(x - x0, y - y0) < NEAR) return;
    stroke.push(x, y);
    this.line(stroke, stroke.length - 4);
    this.publish();
  }

  end() {
    if (!this.strokes) return;
    const all = this.strokes;
    this.strokes = null;
    this.isDown = false;
    drawing.setStrokes(all);
  }

  // --- The pen that keys move

  movePen([right, down]) {
    const [x, y] = this.place;
    this.place = [x + right, y + down].map((v) => clamp(v, 1, SIDE - 1));
    if (this.isDown) this.go(this.place);
  }

  lowerOrLift() {
    if (this.isDown) {
      this.end();
      return;
    }
    this.isDown = true;
    this.begin(this.place);
  }

  showPen() {
    this.pen.hidden = false;
    this.pen.classList.toggle("vit-pen-down", this.isDown);
    const [left, top] = this.place.map((v) => `${(100 * v) / SIDE}%`);
    Object.assign(this.pen.style, { left, top });
  }
}

function followPointer(hand) {
  const at = (event) => {
    const box = hand.canvas.getBoundingClientRect();
    const pixels = (value, size) => clamp((value / size) * SIDE, 0, SIDE);
    return [pixels(event.clientX - box.left, box.width),
      pixels(event.clientY - box.top, box.height)];
  };
  hand.pad.addEventListener("pointerdown", (event) => {
    if (event.button || hand.strokes) return;
    event.preventDefault();
    hand.pad.focus({ preventScroll: true });
    hand.pad.setPointerCapture(event.pointerId);
    hand.pen.hidden = true;
    hand.begin(at(event));
  });
  hand.pad.addEventListener("pointermove", (event) => {
    if (!hand.strokes || hand.isDown) return;
    const all = event.getCoalescedEvents?.() ?? [];
    for (const part of all.length ? all : [event]) hand.go(at(part));
  });
  for (const over of ["pointerup", "pointercancel"]) {
    hand.pad.addEventListener(over, () => { if (!hand.isDown) hand.end(); });
  }
  hand.pad.addEventListener("blur", () => {
    hand.end();
    hand.pen.hidden = true;
  });
}

/** What a key does to the drawing, its stroke ended; else undefined. */
function deedOf({ key, ctrlKey, metaKey, altKey }) {
  const undo = () => drawing.undo();
  if (ctrlKey || metaKey) return key === "z" ? undo : undefined;
  if (altKey) return undefined;
  if (/^\d$/.test(key)) return () => drawing.sample(key);
  return { Backspace: undo, Delete: () => drawing.clear() }[key];
}

function followKeys(hand) {
  hand.pad.addEventListener("keydown", (event) => {
    const { key, ctrlKey, metaKey, altKey } = event;
    const [step, deed] = [arrow(event), deedOf(event)];
    if (step) {
      hand.movePen(step);
    } else if (deed) {
      hand.end();
      deed();
    } else if (key === " " && !ctrlKey && !metaKey && !altKey) {
      hand.lowerOrLift();
    } else {
      return;
    }
    event.preventDefault();
    hand.showPen();
  });
}

/** Ten samples to try, the ways back, and what becomes of a drawing. */
export function padControls(onEnd) {
  const thumbs = samples.map((_, digit) => {
    const thumb = heat("ink", [SIDE, SIDE], `Sample: ${digit}`);
    thumb.paint(PICTURES.s(digit), 1);
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
    button("clear", () => drawing.clear(), "clear the drawing"),
    fileButton("a photo", drawing.open),
    hint(PLACED), noteOf(onEnd));
}

/** What is said of the last photo. */
function noteOf(onEnd) {
  const said = html("p", { class: "vit-hint", role: "status" });
  onEnd(drawing.on(() => { said.textContent = drawing.note; }));
  return said;
}

/** Controls, one of which puts a pad of its own where `shown` is. */
export function drawOver(shown, kind, back, onEnd) {
  const own = html("div", { class: kind, hidden: true },
    pad("Draw a digit here", { onEnd }));
  const swap = button("draw your own", () => {
    own.hidden = !own.hidden;
    shown.hidden = !own.hidden;
    swap.textContent = own.hidden ? "draw your own" : back;
  });
  const controls = padControls(onEnd);
  controls.prepend(swap);
  return { own, controls };
}
