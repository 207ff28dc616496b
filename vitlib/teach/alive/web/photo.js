// A picture file of the reader's, opened as vitlib.photos opens it and made
// smaller as Pillow does it: the page and Python see the same, to one grey
// level.
//
//   const photo = await openPhoto(file)   or an Error that says why not
//   photo.width, photo.height
//   middleOf(photo, side)          (side, side, 3) bytes, as `resize_and_crop`
//   resized(photo, [h, w], [top, left, rows, cols])   a part of it, smaller
//
// The browser turns the photo as the camera noted, and converts its colours.
// All of it works in a worker too, in browsers whose workers can draw.

import { fixed } from "./palette.js";

const LARGEST_FILE = 40e6; // bytes
const STRIP = 4e6; // pixels of the photo that are read at a time
const REACH = 2; // of the cubic curve, in pixels of what is smaller

// --- Opening

/** How a file of each kind begins, from which byte on. */
const KINDS = [
  ["a JPEG", 0, "\xff\xd8\xff"],
  ["a PNG", 0, "\x89PNG"],
  ["a GIF", 0, "GIF8"],
  ["a WebP", 8, "WEBP"],
  ["an AVIF", 4, "ftypavif"],
];
const STRANGE = [
  ["a TIFF", 0, "II*\0"],
  ["a TIFF", 0, "MM\0*"],
  ["a HEIC, as iPhones take photos", 4, "ftyphei"],
  ["a HEIC", 4, "ftypmif1"],
  ["a PDF", 0, "%PDF"],
];

/** A file -> what is in it, upright and on white; or it says why not. */
export async function openPhoto(file) {
  if (file.size > LARGEST_FILE) {
    throw new Error("That file is larger than 40 MB. Try a smaller photo.");
  }
  try {
    return await createImageBitmap(file, { premultiplyAlpha: "none" });
  } catch {
    throw new Error(await reason(file));
  }
}

/** Why a browser did not open it, as far as its beginning tells. */
async function reason(file) {
  const bytes = new Uint8Array(await file.slice(0, 16).arrayBuffer());
  const head = String.fromCharCode(...bytes);
  const [known, strange] = [KINDS, STRANGE].map((kinds) =>
    kinds.find(([, from, mark]) => head.startsWith(mark, from))?.[0]);
  if (known) {
    return `That file begins like ${known}, but it is cut off or damaged. ` +
      "Copy it again, or save it anew as JPEG or PNG.";
  }
  if (strange) {
    return `That file is ${strange}: this browser cannot read it. Export ` +
      "it as JPEG or PNG.";
  }
  return "This browser finds no picture in that file. A JPEG or PNG will do.";
}

function canvasOf(width, height) {
  if (!globalThis.document) return new OffscreenCanvas(width, height);
  return Object.assign(document.createElement("canvas"), { width, height });
}

/** A part of a photo as RGBA bytes, what is transparent on white. */
function partOf(photo, [left, top, width, height]) {
  const canvas = canvasOf(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = fixed.white;
  context.fillRect(0, 0, width, height);
  context.drawImage(photo, left, top, width, height, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}

// --- Making it smaller, as Pillow does it: rows, then columns, in bytes

/** Which pixels weigh how much in each of `count` new ones. */
function weightsOf(size, wanted, from, count) {
  const scale = size / wanted;
  const wide = Math.max(scale, 1);
  return Array.from({ length: count }, (_, i) => {
    const centre = (from + i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - REACH * wide + 0.5));
    const last = Math.min(size, Math.trunc(centre + REACH * wide + 0.5));
    const weights = Float64Array.from({ length: last - first }, (_, at) =>
      cubic((first + at - centre + 0.5) / wide));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: weights.map((weight) => weight / total) };
  });
}

/** From the first pixel that counts to behind the last. */
function reachOf(all) {
  return [all[0].first, all.at(-1).first + all.at(-1).weights.length];
}

function cubic(x) {
  const away = Math.abs(x);
  if (away >= 2) return 0;
  if (away >= 1) return ((5 - away) * away - 8) * away / 2 + 2;
  return (1.5 * away - 2.5) * away * away + 1;
}

/**
 * The photo made [height, width] large -> (rows, cols, 3) bytes, the part
 * of it from [top, left] on. It is read in strips: a canvas of a whole
 * photo is more than some phones allow.
 */
export function resized(photo, [height, width], [top, left, rows, cols]) {
  const across = weightsOf(photo.width, width, left, cols);
  const down = weightsOf(photo.height, height, top, rows);
  const [start, end] = reachOf(down);
  const [west, east] = reachOf(across);
  const narrow = new Uint8ClampedArray((end - start) * cols * 3);
  const strip = Math.max(1, Math.floor(STRIP / (east - west)));
  for (let y = start; y < end; y += strip) {
    const count = Math.min(strip, end - y);
    const data = partOf(photo, [west, y, east - west, count]);
    squeeze(data, [west, east], across,
      narrow.subarray((y - start) * cols * 3));
  }
  const small = new Uint8ClampedArray(rows * cols * 3);
  const line = cols * 3;
  down.forEach(({ first, weights }, row) => {
    for (let at = 0; at < line; at++) {
      let [sum, from] = [0, (first - start) * line + at];
      for (let k = 0; k < weights.length; k++, from += line) {
        sum += weights[k] * narrow[from];
      }
      small[row * line + at] = Math.floor(sum + 0.5);
    }
  });
  return small;
}

/** Fewer columns for each row of RGBA bytes: RGB into `narrow`. */
function squeeze(data, [west, east], across, narrow) {
  let to = 0;
  for (let row = 0; row < data.length; row += 4 * (east - west)) {
    for (const { first, weights } of across) {
      let [red, green, blue, from] = [0, 0, 0, row + 4 * (first - west)];
      for (let k = 0; k < weights.length; k++, from += 4) {
        red += weights[k] * data[from];
        green += weights[k] * data[from + 1];
        blue += weights[k] * data[from + 2];
      }
      narrow[to++] = Math.floor(red + 0.5);
      narrow[to++] = Math.floor(green + 0.5);
      narrow[to++] = Math.floor(blue + 0.5);
    }
  }
}

/** To a whole number, halves to the even one, as Python rounds. */
function whole(value) {
  return value % 1 === 0.5 ? 2 * Math.round(value / 2) : Math.round(value);
}

/** Shrink the shorter side to `side`, cut out the middle: (side, side, 3). */
export function middleOf(photo, side) {
  const scale = side / Math.min(photo.width, photo.height);
  const [height, width] = [photo.height, photo.width].map(
    (length) => Math.max(side, whole(length * scale)));
  const [top, left] = [height, width].map(
    (length) => Math.floor((length - side) / 2));
  return resized(photo, [height, width], [top, left, side, side]);
}
