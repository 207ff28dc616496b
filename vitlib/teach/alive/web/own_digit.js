// A digit on a photo, found as vitlib.teach.data finds it (ink.py, signs.py,
// own_digit.py), and made like those that the reader learned from.
//
//   digitOf(photo)   784 numbers, 0 to 1; an Error says why there is none
//
// Whether it is like a digit at all is asked in likeness.js.

import { clamp } from "./kit.js";
import { resized } from "./photo.js";

const SIDE = 256; // pixels: the longer side, on which all is done
const STROKE = 61; // the widest stroke that is ink, and no shadow
const LINE = 9; // the widest printed line
const DARKEST = 0.25; // of the lightest paper: below is mostly noise
const TILT = 36; // how far a line may rise or fall across the picture
const REACHES = 0.6; // the share of the way in which a line is seen
const TAKEN = [0.4, 0.25, 0.15, 0.08]; // of the light, by dark or faint ink
const CUT = 0.35; // of the sign's darkness: what is lighter is its edge
const SMALLEST = 20;
const MARGIN = 4; // pixels: what is so near to the edge touches it
const SPECK = 0.04; // of the sign's ink: less is dirt
const OTHER = 0.2; // of the sign's ink: as much is another sign
const PALE = 0.45; // of the sign's darkness: less is a shadow of it
const BROKEN = 0.05; // of the sign's size: parts so near belong together
const ABOVE = 0.3; // and so near, if one stands above the other
const WIDEST = 2; // times its height
const [ACROSS, DOWN, BOTH] = [2.4, 3.1, 4.8]; // strokes that a line meets
const THINNEST = 0.08; // of its size
const LEAST = 12; // pixels
const BUSY = 0.25; // of what is around a sign: as much is dark beside none
const NEAR = [4, 6, 8, 10, 12]; // pixels from a sign: paper is there
const FINE = 7; // the width of a stroke
const EVEN = 0.8; // of its darkness, which half of a stroke has at least
const BOX = 20; // of the digit's 28 pixels
const MIDDLE = 14.5;

// --- Tables of numbers: { data, rows, cols }

function table(rows, cols, data = new Float32Array(rows * cols)) {
  return { data, rows, cols };
}

function turned({ data, rows, cols }) {
  const found = table(cols, rows);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      found.data[col * rows + row] = data[row * cols + col];
    }
  }
  return found;
}

/** The number below which a share of all lies, from 0 to 1. */
function quantile(numbers, share) {
  const sorted = Float32Array.from(numbers).sort();
  const place = share * (sorted.length - 1);
  const [low, high] = [Math.floor(place), Math.ceil(place)];
  return sorted[low] + (sorted[high] - sorted[low]) * (place - low);
}

/** What `f(row, start, step)` makes of each column, one after another. */
function downwards({ data, rows, cols }, f) {
  const found = table(rows, cols);
  for (let col = 0; col < cols; col++) {
    const line = Float32Array.from({ length: rows }, (_, row) =>
      data[row * cols + col]);
    f(line).forEach((value, row) => { found.data[row * cols + col] = value; });
  }
  return found;
}

function smoothLine(line) {
  return line.map((value, i) =>
    (line[Math.max(0, i - 1)] + value +
      line[Math.min(line.length - 1, i + 1)]) / 3);
}

/** The largest number of a window around each place. */
function largestLine(line, size) {
  const reach = (size - 1) / 2;
  const queue = []; // places whose numbers fall
  const found = new Float32Array(line.length);
  for (let i = 0, next = 0; i < line.length; i++) {
    for (; next < Math.min(line.length, i + reach + 1); next++) {
      while (queue.length && line[queue.at(-1)] <= line[next]) queue.pop();
      queue.push(next);
    }
    if (queue[0] < i - reach) queue.shift();
    found[i] = line[queue[0]];
  }
  return found;
}

function largest(picture, size) {
  return downwards(picture, (line) => largestLine(line, size));
}

function smallest(picture, size) {
  const less = (line) => line.map((v) => -v);
  return downwards(picture, (line) => less(largestLine(less(line), size)));
}

/** The same along the rows. */
function across(f, picture, ...given) {
  return turned(f(turned(picture), ...given));
}

// --- Ink on paper

function brightness(photo) {
  const scale = SIDE / Math.max(photo.width, photo.height);
  const [rows, cols] = [photo.height, photo.width].map((side) =>
    Math.max(1, Math.round(side * scale)));
  const colours = resized(photo, [rows, cols], [0, 0, rows, cols]);
  const light = table(rows, cols);
  light.data.forEach((_, i) => {
    light.data[i] = (0.299 * colours[3 * i] + 0.587 * colours[3 * i + 1] +
      0.114 * colours[3 * i + 2]) / 255;
  });
  return light;
}

function smooth(picture) {
  const once = (p) => downwards(p, smoothLine);
  return across(once, once(picture));
}

function leastLight(light) {
  return Math.max(1e-6, DARKEST * quantile(light.data, 0.99));
}

function inkOn(light) {
  const soft = smooth(light);
  let paper = across(largest, largest(soft, STROKE), STROKE);
  paper = across(smallest, smallest(paper, STROKE), STROKE);
  const least = leastLight(soft);
  const ink = table(light.rows, light.cols, soft.data.map((value, i) =>
    clamp((paper.data[i] - value) / Math.max(paper.data[i], least))));
  return across(withoutLines, withoutLines(ink));
}

/** How much two neighbours differ where nothing is. */
function noiseOf({ data, rows, cols }) {
  const steps = [];
  for (let row = 0; row < rows; row++) {
    for (let at = row * cols + 1; at < (row + 1) * cols; at++) {
      steps.push(Math.abs(data[at] - data[at - 1]));
    }
  }
  return quantile(steps, 0.5);
}

/** Take out thin lines that run from the left edge to the right. */
function withoutLines(ink) {
  const flat = largest(smallest(ink, LINE), LINE);
  const least = Math.max(0.05, 4 * noiseOf(ink));
  const marks = table(ink.rows, ink.cols, ink.data.map((value, i) =>
    value - flat.data[i] > least ? 1 : 0));
  const found = linesIn(marks);
  const hidden = ink.data.filter((_, i) => found[i]);
  if (!hidden.length) return ink;
  const dark = 1.2 * quantile(hidden, 0.9) + 0.1; // ink on a line
  const [above, below] = [1, -1].map((step) => nearest(ink, found, step));
  return table(ink.rows, ink.cols, ink.data.map((value, i) =>
    found[i] && value <= dark
      ? Math.min(value, above[i], below[i]) : value));
}

function linesIn(marks) {
  const { rows, cols } = marks;
  const thick = largest(marks, 3).data;
  const on = table(rows, cols);
  const ends = Math.max(1, Math.floor(cols / 8));
  for (let tilt = -TILT; tilt <= TILT; tilt++) {
    const shift = Array.from({ length: cols }, (_, col) =>
      Math.round(tilt * (col / Math.max(1, cols - 1) - 0.5)));
    for (let row = 0; row < rows; row++) {
      const counts = [0, 0, 0];
      for (let col = 0; col < cols; col++) {
        const y = row + shift[col];
        if (y < 0 || y >= rows || !thick[y * cols + col]) continue;
        counts[0] += 1;
        if (col < ends) counts[1] += 1;
        if (col >= cols - ends) counts[2] += 1;
      }
      const sizes = [cols, ends, ends];
      if (counts.some((count, i) => count <= REACHES * sizes[i])) continue;
      shift.forEach((by, col) => {
        const y = row + by;
        if (y >= 0 && y < rows) on.data[y * cols + col] = 1;
      });
    }
  }
  const near = largest(on, 5).data;
  return thick.map((value, i) => value * near[i]);
}

/** The last number above that is not hidden; below, for step -1. */
function nearest({ data, rows, cols }, hidden, step) {
  const found = new Float32Array(data.length);
  const start = step > 0 ? 0 : rows - 1;
  for (let col = 0; col < cols; col++) {
    let last = 0;
    for (let row = start; row >= 0 && row < rows; row += step) {
      const at = row * cols + col;
      if (!hidden[at]) last = data[at];
      found[at] = last;
    }
  }
  return found;
}

// --- The one sign

/** A part of the ink: its pixels, its box, how dark it is. */
function part(pixels, { data, cols }, level) {
  const [ys, xs] = [pixels.map((at) => Math.floor(at / cols)),
    pixels.map((at) => at % cols)];
  const low = (list) => list.reduce((a, b) => Math.min(a, b));
  const high = (list) => list.reduce((a, b) => Math.max(a, b)) + 1;
  const [top, left, bottom, right] = [low(ys), low(xs), high(ys), high(xs)];
  return {
    pixels, top, left, bottom, right,
    high: bottom - top, wide: right - left,
    size: Math.max(bottom - top, right - left),
    level: level ?? quantile(pixels.map((at) => data[at]), 0.9),
  };
}

function partsOf(ink, least) {
  const { data, cols } = ink;
  const free = Uint8Array.from(data, (value) => (value > least ? 1 : 0));
  const parts = [];
  for (let start = 0; start < data.length; start++) {
    if (!free[start]) continue;
    const pixels = [start];
    free[start] = 0;
    for (let i = 0; i < pixels.length; i++) {
      for (const at of besides(pixels[i], cols)) {
        if (!free[at]) continue;
        free[at] = 0;
        pixels.push(at);
      }
    }
    if (pixels.length >= LEAST) parts.push(part(pixels, ink));
  }
  return parts.filter((one) => !isPrint(one, ink)).sort((a, b) =>
    b.pixels.length * b.level - a.pixels.length * a.level);
}

/** The neighbours of a pixel; places beyond the table are not free. */
function besides(at, cols) {
  const found = [at - cols, at + cols];
  if (at % cols) found.push(at - 1, at - 1 - cols, at - 1 + cols);
  if ((at + 1) % cols) found.push(at + 1, at + 1 - cols, at + 1 + cols);
  return found;
}

/** No handwriting: it touches the edge, or is a rule. */
function isPrint({ top, left, bottom, right, high, wide }, { rows, cols }) {
  const atEdge = Math.min(top, left, rows - bottom, cols - right) <= MARGIN;
  return atEdge || (wide > 0.6 * cols && high < 0.15 * wide);
}

function belongs(one, sign) {
  const rows = Math.max(one.top, sign.top) -
    Math.min(one.bottom, sign.bottom);
  const cols = Math.max(one.left, sign.left) -
    Math.min(one.right, sign.right);
  if (Math.max(rows, cols) <= BROKEN * sign.size) return true;
  return rows <= ABOVE * sign.size && -cols > 0.5 * one.wide;
}

/** The largest part with all that belongs to it, and what is left. */
function joined([first, ...others], ink) {
  let sign = first;
  let rest = others.filter(({ pixels, level }) =>
    pixels.length > SPECK * first.pixels.length &&
    level > PALE * first.level);
  for (;;) {
    const near = rest.filter((one) => belongs(one, sign));
    if (!near.length) return { sign, rest };
    rest = rest.filter((one) => !near.includes(one));
    sign = part([sign, ...near].flatMap(({ pixels }) => pixels), ink,
      Math.max(sign.level, ...near.map(({ level }) => level)));
  }
}

/** The pixels on a frame so far around a box, within the picture. */
function frameOf({ data, rows, cols }, box, around) {
  const [top, left] = [box.top, box.left].map((v) =>
    Math.max(0, v - around));
  const bottom = Math.min(rows, box.bottom + around);
  const right = Math.min(cols, box.right + around);
  const found = [];
  for (let x = left; x < right; x++) {
    found.push(data[top * cols + x], data[(bottom - 1) * cols + x]);
  }
  for (let y = top; y < bottom; y++) {
    found.push(data[y * cols + left], data[y * cols + right - 1]);
  }
  return found;
}

/** Darker than what is around it, near and far. */
function standsOut(sign, light) {
  const least = leastLight(light);
  const frames = [[Math.max(3, Math.floor(sign.size / 8)), 0.5],
    [Math.max(64, 2 * sign.size), 0.75]];
  return frames.every(([around, share]) => {
    const paper = quantile(frameOf(light, sign, around), share);
    const ink = sign.pixels.map((at) =>
      clamp((paper - light.data[at]) / Math.max(paper, least)));
    return quantile(ink, 0.5) >= 0.5 * sign.level;
  });
}

/** The darkest sign, and what else there is. */
function signOn(light) {
  const ink = inkOn(light);
  const noise = 6 * noiseOf(ink);
  for (const least of TAKEN) {
    const parts = partsOf(ink, Math.max(least, noise));
    if (!parts.length) continue;
    const found = joined(parts, ink);
    if (found.sign.size < SMALLEST) continue;
    if (!standsOut(found.sign, light)) continue;
    const finer = partsOf(ink, Math.max(CUT * found.sign.level, noise));
    const again = finer.length ? joined(finer, ink) : found;
    const better = again.sign.size >= found.sign.size ? again : found;
    return { ink, ...better };
  }
  return undefined;
}

function oneSign(light) {
  let found = signOn(light);
  const all = { top: 0, left: 0, bottom: light.rows, right: light.cols };
  const edge = quantile(frameOf(light, all, 0), 0.5);
  const ground = Math.max(edge, quantile(light.data, 0.5));
  if (!found && ground < 0.5 * quantile(light.data, 0.99)) {
    found = signOn(table(light.rows, light.cols,
      light.data.map((value) => 1 - value)));
  }
  if (!found) {
    throw new Error("There is no ink that stands clear of the picture's " +
      "edge. Leave some paper around the digit, and write it darker.");
  }
  return found;
}

function checkOne({ sign, rest }) {
  const others = rest.filter(({ pixels }) =>
    pixels.length > OTHER * sign.pixels.length);
  if (others.length) {
    throw new Error(`There are ${1 + others.length} signs in this ` +
      "picture. Cut out the one that is to be read.");
  }
  if (sign.wide > WIDEST * sign.high) {
    throw new Error("What is in this picture is too wide for a digit.");
  }
}

/** No part of a photo: a pen's stroke is even, and beside it is paper. */
function checkStroke({ ink, sign }, kept) {
  const { data, cols } = ink;
  let [dark, count] = [0, 0];
  data.forEach((value, at) => {
    const [y, x] = [Math.floor(at / cols), at % cols];
    const inside = y >= sign.top - 6 && y < sign.bottom + 6 &&
      x >= sign.left - 6 && x < sign.right + 6;
    if (inside) return;
    count += 1;
    if (value > CUT * sign.level) dark += 1;
  });
  const own = quantile(sign.pixels.map((at) => data[at]), 0.5);
  const uneven = own < EVEN * sign.level && widthOf(kept) >= FINE;
  const beside = NEAR.flatMap((away) => frameOf(ink, sign, away));
  const near = beside.filter((value) => value > CUT * sign.level).length;
  if (uneven || dark > BUSY * Math.max(1, count) ||
      near > BUSY * beside.length) {
    throw new Error("This looks like no pen on paper: take the photo so " +
      "that it shows one digit, and little else.");
  }
}

function cutOut({ ink, sign }) {
  const kept = table(sign.high, sign.wide);
  for (const at of sign.pixels) {
    const [y, x] = [Math.floor(at / ink.cols), at % ink.cols];
    kept.data[(y - sign.top) * sign.wide + x - sign.left] =
      clamp(1.6 * ink.data[at] / sign.level - 0.5);
  }
  return kept;
}

/** How many strokes a row meets, in the mean of those that meet any. */
function crossingsOf({ data, rows, cols }) {
  let [starts, lines] = [0, 0];
  for (let row = 0; row < rows; row++) {
    let [count, before] = [0, false];
    for (let at = row * cols; at < (row + 1) * cols; at++) {
      const now = data[at] > 0.4;
      if (now && !before) count += 1;
      before = now;
    }
    starts += count;
    if (count) lines += 1;
  }
  return starts / Math.max(1, lines);
}

/** How thick strokes are: twice their area by their outline. */
function widthOf(kept) {
  const { data, rows, cols } = padded(kept);
  let outline = 0;
  for (let at = 0; at < data.length; at++) {
    if (at % cols < cols - 1) outline += Math.abs(data[at + 1] - data[at]);
    if (at < (rows - 1) * cols) {
      outline += Math.abs(data[at + cols] - data[at]);
    }
  }
  const area = data.reduce((total, value) => total + value, 0);
  return 2 * area / (0.25 * Math.PI * outline);
}

function padded({ data, rows, cols }) {
  const found = table(rows + 2, cols + 2);
  for (let row = 0; row < rows; row++) {
    found.data.set(data.subarray(row * cols, (row + 1) * cols),
      (row + 1) * (cols + 2) + 1);
  }
  return found;
}

function strokesOf(cut) {
  const [over, down] = [crossingsOf(cut), crossingsOf(turned(cut))];
  if (over > ACROSS || down > DOWN || over + down > BOTH) {
    throw new Error("This looks like a scribble or a letter: it has more " +
      "strokes side by side than a digit.");
  }
  let kept = cut;
  while (widthOf(kept) < THINNEST * Math.max(kept.rows, kept.cols)) {
    kept = across(largest, largest(padded(kept), 3), 3);
  }
  return kept;
}

// --- As the reader's digits were made

/** Fewer or more rows, each the mean of those that it covers. */
function stretched(picture, wanted) {
  const scale = picture.rows / wanted;
  const wide = Math.max(scale, 1);
  const found = table(wanted, picture.cols);
  for (let row = 0; row < wanted; row++) {
    const centre = (row + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - wide + 0.5));
    const last = Math.min(picture.rows, Math.floor(centre + wide + 0.5));
    let total = 0;
    for (let y = first; y < last; y++) {
      const weight = Math.max(0, 1 - Math.abs((y + 0.5 - centre) / wide));
      total += weight;
      for (let x = 0; x < picture.cols; x++) {
        found.data[row * picture.cols + x] +=
          weight * picture.data[y * picture.cols + x];
      }
    }
    for (let x = 0; x < picture.cols; x++) {
      found.data[row * picture.cols + x] /= total;
    }
  }
  return found;
}

/** Ink in 28 by 28 pixels: the longer side 20, its mass in the middle. */
function likeTheOthers(ink) {
  const scale = BOX / Math.max(ink.rows, ink.cols);
  const [rows, cols] = [ink.rows, ink.cols].map((side) =>
    Math.max(1, Math.round(side * scale)));
  const small = across(stretched, stretched(ink, rows), cols);
  const most = small.data.reduce((a, b) => Math.max(a, b));
  let [sum, down, right] = [0, 0, 0];
  small.data.forEach((value, at) => {
    sum += value;
    down += value * (Math.floor(at / cols) + 0.5);
    right += value * ((at % cols) + 0.5);
  });
  const top = clamp(Math.round(MIDDLE - down / sum), 0, 28 - rows);
  const left = clamp(Math.round(MIDDLE - right / sum), 0, 28 - cols);
  const digit = new Float32Array(28 * 28);
  small.data.forEach((value, at) => {
    const [y, x] = [Math.floor(at / cols), at % cols];
    digit[(top + y) * 28 + left + x] = value / most;
  });
  return digit;
}

/** The one digit of a photo, (28, 28) from 0 to 1. */
export function digitOf(photo) {
  const found = oneSign(brightness(photo));
  checkOne(found);
  const kept = cutOut(found);
  checkStroke(found, kept);
  return likeTheOthers(strokesOf(kept));
}
