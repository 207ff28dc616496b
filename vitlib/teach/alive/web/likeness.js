// How like a digit it is: held against all that the reader learned from, as
// vitlib.teach.data.own_digit holds it.
//
//   const known = await knownDigits(model)   brought when it is asked for
//   checkLike(digit, known)     784 numbers; an Error if it is like none

import { bring } from "./bring.js";
import { inflate } from "./inflate.js";
import { thousands } from "./kit.js";

const SIDE = 28;
const HALF = SIDE / 2;
const WIDTH = HALF * HALF; // numbers of a digit that is seen softly
const LEAST_LIKE = 0.866;
const BLUR = 1.2; // pixels
const REACH = 3;

const bell = Float32Array.from({ length: 2 * REACH + 1 }, (_, i) =>
  Math.exp(-(((i - REACH) / BLUR) ** 2) / 2));
const total = bell.reduce((a, b) => a + b);

/** The digits that the reader learned from: (n, 196), 0 to 15. */
export async function knownDigits(model) {
  const halves = await inflate(await bring(model, "known_digits"));
  return new Uint8Array(2 * halves.length).map((_, i) =>
    (i % 2 ? halves[i >> 1] % 16 : halves[i >> 1] >> 4));
}

/** Blurred along rows (step 1) or columns (step 28); beyond is paper. */
function blurred(digit, step) {
  return digit.map((_, at) => {
    const place = step === 1 ? at % SIDE : Math.floor(at / SIDE);
    let sum = 0;
    for (let i = -REACH; i <= REACH; i++) {
      const isInside = place + i >= 0 && place + i < SIDE;
      if (isInside) sum += bell[i + REACH] * digit[at + i * step];
    }
    return sum / total;
  });
}

/** A digit blurred and halved: its means of four pixels. */
function seenSoftly(digit) {
  const soft = blurred(blurred(Float32Array.from(digit), SIDE), 1);
  return Float32Array.from({ length: WIDTH }, (_, i) => {
    const at = 2 * SIDE * Math.floor(i / HALF) + 2 * (i % HALF);
    return (soft[at] + soft[at + 1] + soft[at + SIDE] +
      soft[at + SIDE + 1]) / 4;
  });
}

/** The cosine of a digit with the nearest that is known. */
export function likeness(digit, known) {
  const own = seenSoftly(digit);
  let most = 0;
  for (let from = 0; from < known.length; from += WIDTH) {
    let [dot, square] = [0, 0];
    for (let i = 0; i < WIDTH; i++) {
      dot += own[i] * known[from + i];
      square += known[from + i] ** 2;
    }
    most = Math.max(most, dot / Math.sqrt(square));
  }
  return most / Math.hypot(...own);
}

/** Refuse what is like no digit. */
export function checkLike(digit, known) {
  const found = likeness(digit, known);
  if (found >= LEAST_LIKE) return;
  const count = thousands(known.length / WIDTH);
  throw new Error("What is in this picture is like no digit: the nearest " +
    `of ${count} has a likeness of ${found.toFixed(2)}, and a digit at ` +
    `least ${LEAST_LIKE}.`);
}
