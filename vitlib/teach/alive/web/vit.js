// The Vision Transformer of vitlib once more, in plain JavaScript: the same
// weights, the same names, every number kept on the way. Read it beside the
// book: the functions stand in the order of the chapters.
//
//   const vit = ViT.read(bytes);            // a safetensors file of vitlib
//   const pass = vit.forward(image);        // numbers from 0 to 1, (h w c)
//   pass.blocks[0].attn.weights             // { data, shape: [4, 17, 17] }
//   pass.logits.data                        // the scores of the classes
//   vit.forward(image, { off: ["pos_embed"] })   // see `forward`
//
// A tensor is { data: Float32Array, shape: [...] }, the last axis fastest.
// tests/test_live_engine.py holds all of it to vitlib, in a real browser.

export function tensor(shape, data) {
  const size = shape.reduce((a, b) => a * b, 1);
  return { shape, data: data ?? new Float32Array(size) };
}

// --- Chapter 2: patches

/** (h, w, c) -> (n, d): squares in reading order, numbers as (y x c). */
export function patchify(image, p) {
  const [height, width, channels] = image.shape;
  if (height % p || width % p) {
    throw new Error(`${height} x ${width} pixels are no patches of ${p}`);
  }
  const [rows, cols] = [height / p, width / p];
  const patches = tensor([rows * cols, p * p * channels]);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      for (let y = 0; y < p; y++) {
        const from = ((row * p + y) * width + col * p) * channels;
        const line = image.data.subarray(from, from + p * channels);
        patches.data.set(line, at);
        at += line.length;
      }
    }
  }
  return patches;
}

// --- Chapter 3: embedding

/** (n, i) -> (n, o): each row times each row of `weight`, plus `bias`. */
export function linear(x, weight, bias) {
  const [n, size] = x.shape;
  const out = weight.shape[0];
  const [X, W, B] = [x.data, weight.data, bias.data];
  const y = tensor([n, out]);
  const Y = y.data;
  // Four rows and two outputs at a time: a number that has been read is
  // used more than once, which is what makes plain loops fast enough.
  const whole = n - (n % 4);
  const pairs = out - (out % 2);
  for (let r = 0; r < whole; r += 4) {
    const x0 = r * size;
    const x1 = x0 + size;
    const x2 = x1 + size;
    const x3 = x2 + size;
    for (let o = 0; o < pairs; o += 2) {
      const w = o * size;
      const v = w + size;
      let a0 = B[o], a1 = a0, a2 = a0, a3 = a0;
      let b0 = B[o + 1], b1 = b0, b2 = b0, b3 = b0;
      for (let i = 0; i < size; i++) {
        const a = W[w + i];
        const b = W[v + i];
        const c0 = X[x0 + i];
        const c1 = X[x1 + i];
        const c2 = X[x2 + i];
        const c3 = X[x3 + i];
        a0 += a * c0;
        a1 += a * c1;
        a2 += a * c2;
        a3 += a * c3;
        b0 += b * c0;
        b1 += b * c1;
        b2 += b * c2;
        b3 += b * c3;
      }
      const at = r * out + o;
      Y[at] = a0;
      Y[at + 1] = b0;
      Y[at + out] = a1;
      Y[at + out + 1] = b1;
      Y[at + 2 * out] = a2;
      Y[at + 2 * out + 1] = b2;
      Y[at + 3 * out] = a3;
      Y[at + 3 * out + 1] = b3;
    }
  }
  for (let r = 0; r < n; r++) {
    for (let o = r < whole ? pairs : 0; o < out; o++) {
      let sum = B[o];
      for (let i = 0; i < size; i++) sum += W[o * size + i] * X[r * size + i];
      Y[r * out + o] = sum;
    }
  }
  return y;
}

// --- Chapter 4: tokens

/** (n, d), (d) -> (1 + n, d) */
export function prependCls(tokens, cls_token) {
  const [n, d] = tokens.shape;
  const all = tensor([1 + n, d]);
  all.data.set(cls_token.data);
  all.data.set(tokens.data, d);
  return all;
}

export function add(a, b) {
  return tensor(a.shape, a.data.map((value, i) => value + b.data[i]));
}

// --- Chapter 5: attention

/** Softmax over the last axis; `hidden` columns get nothing. */
export function softmax(scores, hidden = []) {
  const n = scores.shape.at(-1);
  const weights = tensor(scores.shape);
  for (let from = 0; from < scores.data.length; from += n) {
    const row = scores.data.slice(from, from + n);
    for (const j of hidden) row[j] = -Infinity;
    const top = row.reduce((a, b) => Math.max(a, b), -Infinity);
    if (top === -Infinity) continue; // may look nowhere: zeros, as vitlib
    let sum = 0;
    for (let j = 0; j < n; j++) sum += row[j] = Math.exp(row[j] - top);
    for (let j = 0; j < n; j++) weights.data[from + j] = row[j] / sum;
  }
  return weights;
}

/** (n, 3 d) -> q, k, v, each (heads, n, k): "n (qkv heads k)". */
function splitHeads(qkv, heads) {
  const [n, width] = qkv.shape;
  const k = width / 3 / heads;
  return [0, 1, 2].map((part) => {
    const one = tensor([heads, n, k]);
    for (let head = 0; head < heads; head++) {
      for (let i = 0; i < n; i++) {
        const from = i * width + (part * heads + head) * k;
        one.data.set(qkv.data.subarray(from, from + k), (head * n + i) * k);
      }
    }
    return one;
  });
}

/** (heads, n, k), (heads, n, k) -> (heads, n, n): dot products, scaled. */
function scoresOf(q, k, scale) {
  const [heads, n, size] = q.shape;
  const scores = tensor([heads, n, n]);
  for (let head = 0; head < heads; head++) {
    for (let i = 0; i < n; i++) {
      const a = (head * n + i) * size;
      for (let j = 0; j < n; j++) {
        const b = (head * n + j) * size;
        let sum = 0;
        for (let c = 0; c < size; c++) sum += q.data[a + c] * k.data[b + c];
        scores.data[(head * n + i) * n + j] = sum * scale;
      }
    }
  }
  return scores;
}

/** (heads, n, n), (heads, n, k) -> (n, d): "n (heads k)". */
function mix(weights, v) {
  const [heads, n, size] = v.shape;
  const mixed = tensor([n, heads * size]);
  for (let head = 0; head < heads; head++) {
    for (let i = 0; i < n; i++) {
      const to = (i * heads + head) * size;
      for (let j = 0; j < n; j++) {
        const weight = weights.data[(head * n + i) * n + j];
        const from = (head * n + j) * size;
        for (let c = 0; c < size; c++) {
          mixed.data[to + c] += weight * v.data[from + c];
        }
      }
    }
  }
  return mixed;
}

// --- Chapter 6: encoder

/** (n, d) -> (n, d): each token to mean 0 and deviation 1, then scaled. */
export function layerNorm(x, weight, bias) {
  const [n, d] = x.shape;
  const y = tensor(x.shape);
  for (let from = 0; from < n * d; from += d) {
    let mean = 0;
    let variance = 0;
    for (let i = 0; i < d; i++) mean += x.data[from + i] / d;
    for (let i = 0; i < d; i++) variance += (x.data[from + i] - mean) ** 2;
    const scale = 1 / Math.sqrt(variance / d + 1e-6);
    for (let i = 0; i < d; i++) {
      const plain = (x.data[from + i] - mean) * scale;
      y.data[from + i] = plain * weight.data[i] + bias.data[i];
    }
  }
  return y;
}

// 1 - erf(z) for z >= 0 by Chebyshev fitting, at most 1.2e-7 of it off
// (Numerical Recipes, "erfcc").
const ERFC = [
  0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806,
  0.09678418, 0.37409196, 1.00002368, -1.26551223,
];

export function erf(x) {
  const z = Math.abs(x);
  const t = 1 / (1 + z / 2);
  let power = ERFC[0];
  for (let i = 1; i < ERFC.length; i++) power = ERFC[i] + t * power;
  const rest = t * Math.exp(power - z * z);
  return x < 0 ? rest - 1 : 1 - rest;
}

/** The exact GELU, by the error function, as in vitlib. */
export function gelu(x) {
  const bend = (value) => 0.5 * value * (1 + erf(value * Math.SQRT1_2));
  return tensor(x.shape, x.data.map(bend));
}

// --- Chapter 7: the whole model

export class ViT {
  /** From vitlib's parameters by name, and the number of heads. */
  constructor(parameters, num_heads) {
    const shape = (name) => parameters[name].shape;
    const [d, channels, p] = shape("patch_embed.proj.weight");
    this.parameters = parameters;
    this.num_heads = num_heads;
    this.embed_dim = d;
    this.in_channels = channels;
    this.patch_size = p;
    this.num_tokens = shape("pos_embed").at(-2);
    this.num_classes = parameters["head.weight"]?.shape[0] ?? 0;
    this.depth = 0;
    while (`blocks.${this.depth}.norm1.weight` in parameters) this.depth++;
    this.filters = asLinear(parameters["patch_embed.proj.weight"]);
  }

  /** From the bytes of a safetensors file as vitlib.teach writes it. */
  static read(bytes) {
    const { tensors, metadata } = readSafetensors(bytes);
    return new ViT(tensors, JSON.parse(metadata.settings).num_heads);
  }

  /**
   * (h, w, c) -> every number on the way to the class scores.
   *
   * The switches take parts of the model away:
   *   off     names of what is left out: "pos_embed", "blocks.0.norm1"
   *           (the tokens pass as they are), "blocks.0.residual1" (the sum
   *           around attention: its output replaces the tokens),
   *           "blocks.0.residual2" (that around the MLP), "blocks.0.attn"
   *           and "blocks.0.mlp" (nothing is added), "blocks.0.head.2"
   *           (zeros instead of what head 2 mixed)
   *   order   [n numbers]: the patch that stands at each place
   *   hidden  [places]: patches that nobody may look at
   *   scale   what the dot products are multiplied by; 1 / sqrt(head_dim)
   */
  forward(image, { off = [], order, hidden = [], scale } = {}) {
    const P = (name) => this.parameters[name];
    const left = new Set(off);
    const pass = {};
    pass.patches = patchify(image, this.patch_size);
    if (order) pass.patches = reorder(pass.patches, order);
    pass.patch_embed = linear(
      pass.patches, this.filters, P("patch_embed.proj.bias"));
    pass.tokens = prependCls(pass.patch_embed, P("cls_token"));
    pass.with_positions = left.has("pos_embed")
      ? pass.tokens
      : add(pass.tokens, P("pos_embed"));
    pass.blocks = [];
    let tokens = pass.with_positions;
    for (let layer = 0; layer < this.depth; layer++) {
      const block = this.block(tokens, layer, left, hidden, scale);
      pass.blocks.push(block);
      tokens = block.output;
    }
    pass.norm = layerNorm(tokens, P("norm.weight"), P("norm.bias"));
    const d = this.embed_dim;
    pass.pool = tensor([1, d], pass.norm.data.subarray(0, d));
    pass.logits = linear(pass.pool, P("head.weight"), P("head.bias"));
    return pass;
  }

  /** (n, d) -> what one block computes, its `output` (n, d) the last. */
  block(tokens, layer, left, hidden, scale) {
    const P = (name) => this.parameters[`blocks.${layer}.${name}`];
    const isOff = (part) => left.has(`blocks.${layer}.${part}`);
    const norm = (x, name) =>
      isOff(name) ? x : layerNorm(x, P(`${name}.weight`), P(`${name}.bias`));
    const dense = (x, name) =>
      linear(x, P(`${name}.weight`), P(`${name}.bias`));
    const sum = (before, update, branch, residual) => {
      if (isOff(branch)) return before;
      return isOff(residual) ? update : add(before, update);
    };

    const attn = {};
    const norm1 = norm(tokens, "norm1");
    attn.qkv = dense(norm1, "attn.qkv");
    [attn.q, attn.k, attn.v] = splitHeads(attn.qkv, this.num_heads);
    const head_dim = this.embed_dim / this.num_heads;
    attn.scores = scoresOf(attn.q, attn.k, scale ?? 1 / Math.sqrt(head_dim));
    attn.weights = softmax(attn.scores, hidden.map((place) => place + 1));
    attn.mixed = mix(attn.weights, attn.v);
    for (let head = 0; head < this.num_heads; head++) {
      if (isOff(`head.${head}`)) clear(attn.mixed, head * head_dim, head_dim);
    }
    attn.proj = dense(attn.mixed, "attn.proj");
    const middle = sum(tokens, attn.proj, "attn", "residual1");

    const mlp = {};
    const norm2 = norm(middle, "norm2");
    mlp.fc1 = dense(norm2, "mlp.fc1");
    mlp.act = gelu(mlp.fc1);
    mlp.fc2 = dense(mlp.act, "mlp.fc2");
    const output = sum(middle, mlp.fc2, "mlp", "residual2");
    return { input: tokens, norm1, attn, middle, norm2, mlp, output };
  }

  /** The logit lens: final norm and head on every token. (n, classes) */
  lens(tokens) {
    const P = (name) => this.parameters[name];
    const normed = layerNorm(tokens, P("norm.weight"), P("norm.bias"));
    return linear(normed, P("head.weight"), P("head.bias"));
  }
}

/** All tensors of a pass by name, "blocks.0.attn.q" and so on. */
export function named(pass, prefix = "") {
  return Object.entries(pass).flatMap(([key, value]) =>
    value.data instanceof Float32Array
      ? [[prefix + key, value]]
      : named(value, `${prefix}${key}.`));
}

/** (d, c, y, x) -> (d, y x c): the convolution's filters, as a matrix. */
function asLinear(filters) {
  const [d, channels, p] = filters.shape;
  const matrix = tensor([d, p * p * channels]);
  for (let i = 0; i < d; i++) {
    for (let c = 0; c < channels; c++) {
      for (let yx = 0; yx < p * p; yx++) {
        matrix.data[(i * p * p + yx) * channels + c] =
          filters.data[(i * channels + c) * p * p + yx];
      }
    }
  }
  return matrix;
}

function reorder(rows, order) {
  const [n, size] = rows.shape;
  const moved = tensor([n, size]);
  order.forEach((from, to) => {
    const row = rows.data.subarray(from * size, (from + 1) * size);
    moved.data.set(row, to * size);
  });
  return moved;
}

function clear(rows, from, count) {
  const [n, size] = rows.shape;
  for (let i = 0; i < n; i++) {
    rows.data.fill(0, i * size + from, i * size + from + count);
  }
}

// --- Weights

const KINDS = { F32: Float32Array, I8: Int8Array };

/**
 * A safetensors file: eight bytes with the length of a header in JSON,
 * which says where each tensor lies. A matrix NAME of int8 has in
 * NAME.scale a float32 for each of its rows to be multiplied by; with
 * `codes` it stays as it is: { shape, codes, scale }.
 */
export function readSafetensors(bytes, { codes = false } = {}) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const start = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.slice(8, start)));
  const { __metadata__: metadata = {}, ...entries } = header;
  const raw = (name) => {
    const { dtype, data_offsets: [from, to] } = entries[name];
    return new KINDS[dtype](bytes.slice(start + from, start + to).buffer);
  };
  const tensors = {};
  for (const [name, { dtype, shape }] of Object.entries(entries)) {
    if (name.endsWith(".scale")) continue;
    if (dtype !== "I8") {
      tensors[name] = tensor(shape, raw(name));
      continue;
    }
    const packed = { shape, codes: raw(name), scale: raw(`${name}.scale`) };
    tensors[name] = codes ? packed : unpack(packed);
  }
  return { tensors, metadata };
}

/** Whole numbers with a scale a row -> a tensor. */
export function unpack({ shape, codes, scale }) {
  const numbers = tensor(shape);
  const size = codes.length / scale.length;
  for (let row = 0, i = 0; row < scale.length; row++) {
    for (const end = i + size; i < end; i++) {
      numbers.data[i] = codes[i] * scale[row];
    }
  }
  return numbers;
}

/** Text in base64 -> bytes, by the browser's own way where it has one. */
export function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}
