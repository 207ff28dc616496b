// Photos, and what the backbone sees in them. Nothing is computed here: the
// photos go to a worker (looker.js), its answers come back block by block.
// A file of the reader's is opened and made smaller there as well.
//
//   const album = new Album(model);
//   await album.load((share) => ...)   // once, when somebody asks for it
//   album.want(["cat", "rocket"])      // look at these, in this order
//   album.on(f)                        // f(key) when something has come
//   await album.squaresOf(file)        // bytes of its middle, by side
//
// A photo has `picture`, a square canvas, and, as they come, `blocks`: the
// tokens before the first block and behind each, `looks`, what the class
// token's heads give each token, and `grid`, its patches a side. The model
// gets the pixels that vitlib.teach's `resize_and_crop` gives.

import { bring } from "./bring.js";
import { html } from "./kit.js";
import { middleOf, openPhoto } from "./photo.js";

const PATCH = 14;
export const GRIDS = [16, 32]; // patches a side
export const SHARP = 448; // pixels of a picture's side
const SIDES = GRIDS.map((grid) => grid * PATCH);

/** Bytes (side, side, 3) -> a canvas that shows them. */
function canvasOf(pixels, side) {
  const canvas = html("canvas", { width: side, height: side });
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  image.data.fill(255);
  for (let from = 0, to = 0; from < pixels.length; from += 3, to += 4) {
    image.data[to] = pixels[from];
    image.data[to + 1] = pixels[from + 1];
    image.data[to + 2] = pixels[from + 2];
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** The middle square of an image, in all sizes that are asked for. */
export function squaresOf(image) {
  return Object.fromEntries(
    SIDES.map((side) => [side, middleOf(image, side)]));
}

/** Rows of length 1, so that a dot product is a cosine. */
function unit(tokens, d) {
  const rows = new Float32Array(tokens.length);
  for (let from = 0; from < tokens.length; from += d) {
    let sum = 0;
    for (let i = from; i < from + d; i++) sum += tokens[i] ** 2;
    const scale = 1 / Math.sqrt(sum || 1);
    for (let i = from; i < from + d; i++) rows[i] = tokens[i] * scale;
  }
  return rows;
}

export class Photo {
  constructor(key, { shows, credit = "" }) {
    Object.assign(this, { key, shows, credit, sides: {} });
    this.picture = html("canvas", { width: SHARP, height: SHARP });
    this.forget(GRIDS[0]);
  }

  /** Take the squares of an image, bytes by their side. */
  develop(squares) {
    this.sides = squares;
    this.picture = canvasOf(squares[SHARP], SHARP);
    return this;
  }

  forget(grid) {
    Object.assign(this, { grid, blocks: [], looks: [], units: [] });
  }

  /** True once all blocks have been seen. */
  isSeen(depth) {
    return this.blocks.length > depth;
  }

  /** The token of a patch, of length 1. */
  token(block, patch) {
    const rows = this.rows(block);
    const d = rows.length / (1 + this.grid ** 2);
    return rows.subarray((1 + patch) * d, (2 + patch) * d);
  }

  rows(block) {
    const d = this.blocks[block].length / (1 + this.grid ** 2);
    return (this.units[block] ??= unit(this.blocks[block], d));
  }

  /** How alike each patch is to a token of length 1: cosines. */
  alike(block, token) {
    const [rows, d] = [this.rows(block), token.length];
    return Float32Array.from({ length: this.grid ** 2 }, (_, patch) => {
      let sum = 0;
      const from = (1 + patch) * d;
      for (let i = 0; i < d; i++) sum += rows[from + i] * token[i];
      return sum;
    });
  }
}

export class Album {
  constructor(model) {
    Object.assign(this, {
      model, photos: new Map(), listeners: new Set(), wish: [],
      colours: {}, state: "empty", depth: 0, about: null,
      opening: new Map(), turns: 0, sent: 0,
    });
  }

  on(f) {
    this.listeners.add(f);
  }

  tell(key) {
    for (const f of this.listeners) f(key);
  }

  add(photo) {
    this.photos.set(photo.key, photo);
    if (this.worker) this.send(photo);
  }

  get isReady() {
    return this.state === "ready";
  }

  /** Bring the weights and start the worker; `plain`: no WebAssembly. */
  async load(step, plain = false) {
    this.state = "loading";
    try {
      const script = await bring(this.model, "looker");
      const weights = await bring(this.model, "backbone", step);
      const blob = new Blob([script], { type: "text/javascript" });
      const address = URL.createObjectURL(blob);
      this.worker = new Worker(address);
      URL.revokeObjectURL(address);
      await this.opened(weights, plain);
      this.state = "ready";
      for (const photo of this.photos.values()) this.send(photo);
      this.ask();
    } catch (error) {
      this.state = "empty";
      this.end();
      throw error;
    }
  }

  opened(weights, plain) {
    return new Promise((done, fail) => {
      this.worker.addEventListener(
        "error", ({ message }) => fail(new Error(message)));
      this.worker.addEventListener("message", ({ data }) => {
        if (this.about) {
          this.take(data);
        } else if (data.failed) {
          fail(new Error(data.failed));
        } else {
          this.about = data.open;
          this.depth = data.open.depth;
          done();
        }
      });
      const own = weights.slice(); // a page keeps them for its figures
      this.worker.postMessage({ open: own, plain }, [own.buffer]);
    });
  }

  /** Hand a photo to the worker: what came of it before is left. */
  send(photo) {
    const side = photo.grid * PATCH;
    const pixels = photo.sides[side].slice();
    const sent = photo.sent = (this.sent += 1);
    this.worker.postMessage(
      { photo: photo.key, sent, side, pixels }, [pixels.buffer]);
  }

  /**
   * A file's middle square, by side. A worker of WebKit's opens no files for
   * a page from disk, but makes what the page has opened smaller; one that
   * cannot draw leaves all to the page.
   */
  async squaresOf(file) {
    const squares = await this.fromWorker({ file }) ??
      await this.fromWorker({ image: await openPhoto(file) });
    if (squares) return squares;
    const image = await openPhoto(file);
    const found = squaresOf(image);
    image.close();
    return found;
  }

  /** What the worker makes of a file, or of an image that it is given. */
  fromWorker({ file, image }) {
    const turn = (this.turns += 1);
    return new Promise((done) => {
      this.opening.set(turn, done);
      this.worker.postMessage({ file, image, turn, sides: SIDES },
        image ? [image] : []);
    });
  }

  /** Look at a photo through another grid. */
  regrid(key, grid) {
    const photo = this.photos.get(key);
    if (!photo || photo.grid === grid) return;
    photo.forget(grid);
    this.colours = {};
    if (this.worker) this.send(photo);
  }

  want(keys) {
    this.wish = keys;
    if (this.isReady) this.ask();
  }

  ask() {
    this.worker.postMessage({ wish: this.wish }, []);
  }

  /** The colours of two photos, if they are there; else they will come. */
  coloursOf(keys) {
    const name = keys.join("\n");
    const isSeen = keys.every(
      (key) => this.photos.get(key)?.isSeen(this.depth));
    if (this.worker && isSeen && this.colours[name] === undefined) {
      this.colours[name] = null;
      this.worker.postMessage({ colours: keys, sent: this.sentOf(keys) }, []);
    }
    return this.colours[name];
  }

  /** Which of what was sent of these photos counts. */
  sentOf(keys) {
    return keys.map((key) => this.photos.get(key).sent).join();
  }

  take({ failed, turn, squares, key, keys = [key], sent, ...found }) {
    if (turn) {
      this.opening.get(turn)(squares);
      this.opening.delete(turn);
      return;
    }
    if (failed) {
      this.failed = failed;
    } else if (String(sent) !== this.sentOf(keys)) {
      return; // of a photo that was sent again meanwhile
    } else if (found.colours) {
      this.colours[keys.join("\n")] = found.colours;
    } else {
      const photo = this.photos.get(key);
      photo.blocks[found.block] = found.tokens;
      if (found.looks) photo.looks[found.block - 1] = found.looks;
    }
    this.tell(key);
  }

  end() {
    this.about = null;
    this.worker?.terminate();
    this.worker = null;
  }
}
