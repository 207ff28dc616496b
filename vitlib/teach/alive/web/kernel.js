// The blocks of vit.js in WebAssembly (kernel.c), for weights in whole
// numbers: the same names, a tenth of the time. It keeps the tokens behind
// each block and what the class token looks at, and nothing else.
//
//   const kernel = new Kernel(tensors, num_heads);   // see backbone.js
//   kernel.begin(tokens);                // (n, d), with positions
//   kernel.block(0)                      // { tokens, looks: (heads, n) }
//
// A browser without SIMD says so by an exception: vit.js takes its place.

import { fromBase64, tensor } from "./vit.js";
import { wasm } from "./kernel_bytes.js";

const PAGE = 65536;
const WHOLE = 32767; // the largest number of sixteen bits
const MOST = 2 ** 31 - 1; // and of thirty-two, which sums have to stay in

const up = (value, to) => Math.ceil(value / to) * to;

/** A matrix of whole numbers has codes and a scale; others have data. */
export class Kernel {
  constructor(tensors, num_heads) {
    const built = new WebAssembly.Module(fromBase64(wasm));
    this.run = new WebAssembly.Instance(built, {}).exports;
    this.memory = this.run.memory;
    this.top = up(this.run["__heap_base"].value, 16);
    this.heads = num_heads;
    this.d = tensors.cls_token.data.length;
    const kept = Object.entries(tensors).filter(
      ([name]) => name.startsWith("blocks.") || name.startsWith("patch_"));
    const room = Math.max(...kept.map(([, t]) => t.codes?.length ?? 0));
    this.at = {};
    for (const [name, { shape, data, codes, scale }] of kept) {
      this.at[name] = codes ? this.panels(shape, codes, scale, room)
        : this.put(data);
    }
    this.floor = this.top;
  }

  take(bytes) {
    const at = this.top;
    this.top = up(at + bytes, 16);
    this.reach(this.top);
    return at;
  }

  reach(end) {
    const missing = end - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE));
  }

  put(numbers) {
    const at = this.take(numbers.byteLength);
    new numbers.constructor(this.memory.buffer, at, numbers.length)
      .set(numbers);
    return at;
  }

  /** Lay the numbers out as the loop of `linear` reads them. */
  panels([out], codes, scale, room) {
    const at = this.take(codes.length);
    const rows = this.top; // for a moment, behind all that stays
    this.reach(rows + room);
    new Int8Array(this.memory.buffer, rows, codes.length).set(codes);
    const size = codes.length / out;
    const largest = this.run.arrange(rows, out, size, at);
    const levels = Math.min(WHOLE, Math.floor(MOST / Math.max(1, largest)));
    return { at, out, size, levels, scale: this.put(scale) };
  }

  view(at, length) {
    return new Float32Array(this.memory.buffer, at, length);
  }

  /** Rows of x at an address, through a layer, to an address. */
  linear(x, name, y) {
    const { at, out, size, levels, scale } = this.at[`${name}.weight`];
    const { rows, numbers, worth } = this.room;
    this.run.whole(x, rows, size, levels, numbers, worth);
    this.run.linear(numbers, worth, rows, size, at, scale,
      this.at[`${name}.bias`], out, y);
  }

  norm(x, name, y) {
    this.run.layer_norm(x, this.room.rows, this.d,
      this.at[`${name}.weight`], this.at[`${name}.bias`], y);
  }

  /** Room for n tokens; what was there for others is given up. */
  begin({ shape: [n, d], data }) {
    this.top = this.floor;
    const [rows, padded] = [up(n, 4), up(n, 8)];
    const widest = Math.max(...Object.values(this.at).map(
      ({ out = 0, size = 0 }) => Math.max(out, size)));
    this.room = {
      n, rows, padded,
      x: this.take(4 * rows * d), y: this.take(4 * rows * widest),
      z: this.take(4 * rows * widest), numbers: this.take(2 * rows * widest),
      worth: this.take(4 * rows), looks: this.take(4 * this.heads * n),
      work: this.take(4 * padded * ((2 * d) / this.heads + 4)),
    };
    const x = this.view(this.room.x, rows * d);
    x.fill(0);
    x.set(data);
  }

  /** (n, size) numbers through a layer, outside of the blocks. */
  dense({ shape: [n, size], data }, name) {
    this.begin(tensor([n, size], data));
    const { x, y } = this.room;
    this.linear(x, name, y);
    const { out } = this.at[`${name}.weight`];
    return tensor([n, out], this.view(y, n * out).slice());
  }

  block(layer) {
    const { run, d, heads, room } = this;
    const { n, rows, padded, x, y, z, looks, work } = room;
    const of = (name) => `blocks.${layer}.${name}`;
    this.norm(x, of("norm1"), y);
    this.linear(y, of("attn.qkv"), z);
    run.attend(z, n, rows, padded, d, heads, y, looks, work);
    this.linear(y, of("attn.proj"), z);
    run.add(x, z, rows * d);
    this.norm(x, of("norm2"), y);
    this.linear(y, of("mlp.fc1"), z);
    run.gelu(z, rows * this.at[`${of("mlp.fc1")}.weight`].out);
    this.linear(z, of("mlp.fc2"), y);
    run.add(x, y, rows * d);
    return {
      tokens: tensor([n, d], this.view(x, n * d).slice()),
      looks: tensor([heads, n], this.view(looks, heads * n).slice()),
    };
  }
}
