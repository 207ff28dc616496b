// Tokens as colours: what sets the patches of some photos apart most, as red,
// green and blue, block by block.
//
//   coloursOf([[tokens, ...], ...])  // per photo, by block, each (1 + n, d)
//     -> [[bytes, ...], ...]         // by block, per photo, (n, 3)
//
// For each block the tokens of all patches are laid out along the three
// directions in which they differ most (their principal components). Which of
// the three is red is turned so that a patch changes its colour as little as
// it can from a block to the one before: colours can be followed through the
// depth. vitlib/teach/chapters/pretrained/colours.py is the same in Python.

// Eight directions are followed, so that the three main ones are soon found.
const K = 8;
const ROUNDS = 16;
const SWEEPS = 8;
const SPARE = 0.02; // of the patches at either end may be beyond the colours

/** (n, d), its columns' mean taken away. */
function centred(photos) {
  const d = photos[0].shape[1];
  const count = photos.reduce((n, { shape }) => n + shape[0] - 1, 0);
  const x = new Float32Array(count * d);
  let at = 0;
  for (const { data } of photos) {
    x.set(data.subarray(d), at); // the class token is no patch
    at += data.length - d;
  }
  const mean = new Float64Array(d);
  for (let i = 0; i < x.length; i++) mean[i % d] += x[i] / count;
  for (let i = 0; i < x.length; i++) x[i] -= mean[i % d];
  return { x, count, d };
}

/** (n, d) times (d, K) -> (n, K). */
function along({ x, count, d }, v) {
  const y = new Float64Array(K * count);
  for (let row = 0, from = 0; row < count; row++) {
    const to = K * row;
    for (let i = 0; i < d; i++, from++) {
      const value = x[from];
      for (let c = 0; c < K; c++) y[to + c] += value * v[K * i + c];
    }
  }
  return y;
}

/** (n, d) turned, times (n, K) -> (d, K). */
function across({ x, count, d }, y) {
  const v = new Float64Array(K * d);
  for (let row = 0, from = 0; row < count; row++) {
    const at = K * row;
    for (let i = 0; i < d; i++, from++) {
      const value = x[from];
      for (let c = 0; c < K; c++) v[K * i + c] += value * y[at + c];
    }
  }
  return v;
}

/** Make the columns of length 1, and at right angles to each other. */
function upright(v, width) {
  for (let c = 0; c < width; c++) {
    for (let other = 0; other < c; other++) {
      let dot = 0;
      for (let i = 0; i < v.length; i += width) dot += v[i + c] * v[i + other];
      for (let i = 0; i < v.length; i += width) v[i + c] -= dot * v[i + other];
    }
    let length = 0;
    for (let i = c; i < v.length; i += width) length += v[i] ** 2;
    const scale = length ? 1 / Math.sqrt(length) : 0;
    for (let i = c; i < v.length; i += width) v[i] *= scale;
  }
  return v;
}

/** (n, K) -> (K, K): all products of two columns. */
function squares(y) {
  const s = new Float64Array(K * K);
  for (let row = 0; row < y.length; row += K) {
    for (let a = 0; a < K; a++) {
      for (let b = 0; b < K; b++) s[a * K + b] += y[row + a] * y[row + b];
    }
  }
  return s;
}

/** Turn two columns of rows of K into each other, in place. */
function rotate(m, [p, q], [cos, sin], [step, stride]) {
  for (let i = 0; i < K; i++) {
    const [a, b] = [i * step + p * stride, i * step + q * stride];
    const [u, v] = [m[a], m[b]];
    m[a] = cos * u - sin * v;
    m[b] = sin * u + cos * v;
  }
}

/** The three main directions of a (K, K) table, (K, 3): Jacobi's way. */
function mainOf(s) {
  const v = Float64Array.from({ length: K * K }, (_, i) =>
    Number(i % (K + 1) === 0));
  for (let pair = 0; pair < SWEEPS * K * K; pair++) {
    const [p, q] = [Math.floor(pair / K) % K, pair % K];
    if (p >= q || s[p * K + q] === 0) continue;
    const angle = 0.5 * Math.atan2(
      2 * s[p * K + q], s[q * K + q] - s[p * K + p]);
    const turn = [Math.cos(angle), Math.sin(angle)];
    rotate(s, [p, q], turn, [K, 1]);
    rotate(s, [p, q], turn, [1, K]);
    rotate(v, [p, q], turn, [K, 1]);
  }
  const order = Array.from({ length: K }, (_, i) => i)
    .sort((a, b) => s[b * K + b] - s[a * K + a]).slice(0, 3);
  return Float64Array.from({ length: 3 * K }, (_, i) =>
    v[Math.floor(i / 3) * K + order[i % 3]]);
}

/** (rows, K) times (K, 3) -> (rows, 3). */
function narrowed(y, m) {
  const z = new Float64Array((3 * y.length) / K);
  for (let row = 0; row < z.length / 3; row++) {
    for (let k = 0; k < K; k++) {
      for (let c = 0; c < 3; c++) z[3 * row + c] += y[K * row + k] * m[3 * k + c];
    }
  }
  return z;
}

/** (n, 3), (n, 3) -> (3, 3): the first turned, times the second. */
function product(a, b) {
  const m = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  for (let row = 0; row < a.length; row += 3) {
    for (let i = 0; i < 9; i++) {
      m[i] += a[row + Math.floor(i / 3)] * b[row + (i % 3)];
    }
  }
  return m;
}

function turned(y, m) {
  const z = new Float64Array(y.length);
  for (let row = 0; row < y.length; row += 3) {
    for (let c = 0; c < 3; c++) {
      z[row + c] = y[row] * m[c] + y[row + 1] * m[3 + c] +
        y[row + 2] * m[6 + c];
    }
  }
  return z;
}

/** The inverse of a 3 x 3 matrix, turned: its cofactors by its volume. */
function inverseTurned([a, b, c, d, e, f, g, h, i]) {
  const cofactors = [
    e * i - f * h, f * g - d * i, d * h - e * g,
    c * h - b * i, a * i - c * g, b * g - a * h,
    b * f - c * e, c * d - a * f, a * e - b * d];
  const volume = a * cofactors[0] + b * cofactors[1] + c * cofactors[2];
  return cofactors.map((value) => value / volume);
}

/** The turn that is nearest to a 3 x 3 matrix (Higham's iteration). */
function nearestTurn(matrix) {
  let m = matrix;
  for (let round = 0; round < 40; round++) {
    const other = inverseTurned(m);
    if (!other.every(Number.isFinite)) return [1, 0, 0, 0, 1, 0, 0, 0, 1];
    const [long, short] = [m, other].map((v) => Math.hypot(...v));
    const even = Math.sqrt(short / long);
    m = m.map((v, i) => (v * even + other[i] / even) / 2);
  }
  return m;
}

/** A column of the directions gets the sign of its largest number. */
function signed(v, y) {
  for (let c = 0; c < 3; c++) {
    let top = 0;
    for (let i = c; i < v.length; i += 3) {
      if (Math.abs(v[i]) > Math.abs(top)) top = v[i];
    }
    if (top >= 0) continue;
    for (let row = c; row < y.length; row += 3) y[row] *= -1;
  }
  return y;
}

/** Directions to begin with: none is at right angles to all. */
function anything(d) {
  return Float64Array.from({ length: K * d }, (_, i) =>
    Math.sin(1 + Math.floor(i / K) * ((i % K) + 1.3)));
}

/** (n, 3): the patches along their three main directions, and `v`. */
function laidOut(x, before) {
  let v = upright(before?.v ?? anything(x.d), K);
  for (let round = 0; round < ROUNDS; round++) {
    v = upright(across(x, along(x, v)), K);
  }
  const wide = along(x, v);
  const m = mainOf(squares(wide));
  const y = narrowed(wide, m);
  if (!before) return { v, y: upright(signed(narrowed(v, m), y), 3) };
  const own = upright(y, 3);
  return { v, y: turned(own, nearestTurn(product(own, before.y))) };
}

/** Stretch each of the three to 0 to 255. */
function stretched(y) {
  const bytes = new Uint8ClampedArray(y.length);
  for (let c = 0; c < 3; c++) {
    const column = y.filter((_, i) => i % 3 === c).sort();
    const last = column.length - 1;
    const low = column[Math.round(SPARE * last)];
    const high = column[Math.round((1 - SPARE) * last)];
    for (let i = c; i < y.length; i += 3) {
      bytes[i] = (255 * (y[i] - low)) / (high - low || 1);
    }
  }
  return bytes;
}

export function coloursOf(photos) {
  const blocks = [];
  let before;
  for (let layer = photos[0].length - 1; layer >= 0; layer--) {
    const tokens = photos.map((photo) => photo[layer]);
    before = laidOut(centred(tokens), before);
    const bytes = stretched(before.y);
    let at = 0;
    blocks[layer] = tokens.map(({ shape: [n] }) => {
      const own = bytes.slice(at, at + 3 * (n - 1));
      at += own.length;
      return own;
    });
  }
  return blocks;
}
