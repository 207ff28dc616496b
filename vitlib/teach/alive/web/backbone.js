// A pretrained ViT without a head, of any grid: the tokens behind each of its
// blocks, by WebAssembly where there is SIMD (kernel.js), by vit.js where
// there is none. Both give what vitlib gives with the same packed weights.
//
//   const backbone = await Backbone.open(bytes);      // a packed file
//   for (const { tokens, looks } of backbone.look(image)) ...
//
// `image` is (h, w, 3) from 0 to 1, its sides multiples of the patch size.
// The first that comes has no looks: the tokens before the first block.

import { inflate } from "./inflate.js";
import { Kernel } from "./kernel.js";
import {
  ViT, add, linear, patchify, prependCls, readSafetensors, tensor, unpack,
} from "./vit.js";

/** Weights of a neighbour at a distance: torch's bicubic, a = -0.75. */
function cubic(t) {
  const near = (x) => ((1.25 * x - 2.25) * x) * x + 1;
  const far = (x) => ((-0.75 * x + 3.75) * x - 6) * x + 3;
  return [far(1 + t), near(t), near(1 - t), far(2 - t)];
}

/** For each of `count` places: four of `side`, with their weights. */
function tapsOf(count, side) {
  return Array.from({ length: count }, (_, place) => {
    const at = ((place + 0.5) * side) / count - 0.5;
    const low = Math.floor(at);
    return cubic(at - low).map((weight, i) =>
      [Math.min(side - 1, Math.max(0, low - 1 + i)), weight]);
  });
}

/** (1 + side side, d) -> (1 + rows cols, d): bicubic, no antialiasing. */
export function positionsFor({ data, shape }, rows, cols) {
  const d = shape.at(-1);
  const side = Math.round(Math.sqrt(data.length / d - 1));
  const places = tensor([1 + rows * cols, d]);
  places.data.set(data.subarray(0, d));
  const [down, right] = [tapsOf(rows, side), tapsOf(cols, side)];
  for (let place = 0; place < rows * cols; place++) {
    const to = (1 + place) * d;
    for (const [y, a] of down[Math.floor(place / cols)]) {
      for (const [x, b] of right[place % cols]) {
        const from = (1 + y * side + x) * d;
        for (let i = 0; i < d; i++) {
          places.data[to + i] += a * b * data[from + i];
        }
      }
    }
  }
  return places;
}

/** The same blocks in plain JavaScript; `begin` and `block` of Kernel. */
class Plain {
  constructor(tensors, num_heads) {
    this.vit = new ViT(tensors, num_heads);
  }

  dense(x, name) {
    const { filters, parameters } = this.vit;
    return linear(x, filters, parameters[`${name}.bias`]);
  }

  begin(tokens) {
    this.tokens = tokens;
  }

  block(layer) {
    const { output, attn } = this.vit.block(
      this.tokens, layer, new Set(), []);
    const [heads, n] = attn.weights.shape;
    const looks = tensor([heads, n]);
    for (let head = 0; head < heads; head++) {
      const from = head * n * n; // the class token asks first
      looks.data.set(attn.weights.data.subarray(from, from + n), head * n);
    }
    this.tokens = output;
    return { tokens: output, looks };
  }
}

/** (d, c, y, x) -> (d, y x c), as patches lie. */
function filtersOf({ shape: [d, c, p], codes, scale }) {
  const turned = new Int8Array(codes.length);
  const size = p * p;
  for (let i = 0; i < codes.length; i++) {
    const [filter, rest] = [Math.floor(i / (c * size)), i % (c * size)];
    const [channel, yx] = [Math.floor(rest / size), rest % size];
    turned[(filter * size + yx) * c + channel] = codes[i];
  }
  return { shape: [d, size * c], codes: turned, scale };
}

const FIRST = "patch_embed.proj";

export class Backbone {
  /** From a packed file; `plain` leaves WebAssembly out. */
  static async open(bytes, plain = false) {
    const whole = await inflate(bytes);
    const { tensors, metadata } = readSafetensors(whole, { codes: true });
    const settings = JSON.parse(metadata.settings);
    const { num_heads } = settings.model;
    if (!plain) {
      try {
        const filters = filtersOf(tensors[`${FIRST}.weight`]);
        const turned = { ...tensors, [`${FIRST}.weight`]: filters };
        const engine = new Kernel(turned, num_heads);
        return new Backbone(engine, tensors, settings, true);
      } catch (error) {
        if (!(error instanceof WebAssembly.CompileError)) throw error;
      }
    }
    const floats = Object.fromEntries(Object.entries(tensors).map(
      ([name, one]) => [name, one.codes ? unpack(one) : one]));
    return new Backbone(
      new Plain(floats, num_heads), floats, settings, false);
  }

  constructor(engine, tensors, settings, isFast) {
    const { patch_size, depth, embed_dim } = settings.model;
    const { cls_token, pos_embed } = tensors;
    Object.assign(this, {
      engine, settings, isFast, patch_size, depth, embed_dim, cls_token,
      table: pos_embed.codes ? unpack(pos_embed) : pos_embed,
      places: {}, // by grid
    });
  }

  positions(rows, cols) {
    this.places[[rows, cols]] ??= positionsFor(this.table, rows, cols);
    return this.places[[rows, cols]];
  }

  /** Yields { tokens, looks } before and after each block. */
  *look(image) {
    const [height, width] = image.shape;
    const p = this.patch_size;
    const patches = patchify(image, p);
    const embedded = this.engine.dense(patches, FIRST);
    const tokens = add(prependCls(embedded, this.cls_token),
      this.positions(height / p, width / p));
    yield { tokens };
    this.engine.begin(tokens);
    for (let layer = 0; layer < this.depth; layer++) {
      yield this.engine.block(layer);
    }
  }
}
