// What works beside the page, in a worker: the backbone, and the colours of
// its tokens. The page says what it wants to see, most wanted first; between
// two blocks the worker listens, and leaves what nobody wants any more.
//
//   { open: bytes, plain }        -> { open: { isFast, depth, ... } }
//   { photo: key, sent, side, pixels }   bytes, (side, side, 3); another one
//                                    of this key takes its place
//   { file, image, turn, sides }  -> { turn, squares: bytes by side }, of the
//                                    image, or else of the file; none where
//                                    this worker cannot do it
//   { wish: [key, ...] }          -> { block, key, sent, tokens, looks } ...
//   { colours: [key, ...], sent } -> { colours: by block, keys, sent }
//
// What fails is told: { failed: message }.

import { Backbone } from "./backbone.js";
import { coloursOf } from "./colours.js";
import { middleOf, openPhoto } from "./photo.js";
import { tensor } from "./vit.js";

const photos = new Map(); // by key
const seen = new Map(); // tokens behind each block, by key
let wish = [];
let backbone = null;
let isBusy = false;

/** Let messages in that have come meanwhile. */
function listen() {
  return new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener("message", () => done(port1.close()));
    port1.start();
    port2.postMessage(null);
  });
}

/** The first of what is wanted that has not been seen. */
function next() {
  return wish.find((key) => !seen.has(key) && photos.has(key));
}

/**
 * Go on with a photo, block by block, as long as it is the most wanted and
 * no other has taken its place.
 */
async function look(key, photo, steps, blocks) {
  const { value, done } = steps.next();
  if (done) {
    seen.set(key, blocks);
    return;
  }
  const { tokens, looks } = value;
  postMessage({
    block: blocks.length, key, sent: photo.sent,
    tokens: tokens.data, looks: looks?.data,
  });
  blocks.push(tokens);
  await listen();
  if (next() !== key || photos.get(key) !== photo) return;
  await look(key, photo, steps, blocks);
}

async function work() {
  const key = next();
  if (isBusy || !backbone || key === undefined) return;
  isBusy = true;
  try {
    const photo = photos.get(key);
    await look(key, photo, backbone.look(photo.image), []);
  } finally {
    isBusy = false;
  }
  await work();
}

/** The middle square of a photo, by side, if this worker can draw. */
async function squaresOf(file, image, sides) {
  try {
    const photo = image ?? await openPhoto(file);
    const found = sides.map((side) => [side, middleOf(photo, side)]);
    photo.close();
    return Object.fromEntries(found);
  } catch {
    return undefined; // the page tries it too, and says why not
  }
}

const DEEDS = {
  async open({ open, plain }) {
    backbone = await Backbone.open(open, plain);
    const { isFast, depth, embed_dim, patch_size, settings } = backbone;
    postMessage({ open: { isFast, depth, embed_dim, patch_size, settings } });
    await work();
  },
  photo({ photo, sent, side, pixels }) {
    const numbers = new Float32Array(pixels).map((byte) => byte / 255);
    photos.set(photo, { sent, image: tensor([side, side, 3], numbers) });
    seen.delete(photo);
  },
  async file({ file, image, turn, sides }) {
    postMessage({ turn, squares: await squaresOf(file, image, sides) });
  },
  async wish({ wish: keys }) {
    wish = keys;
    await work();
  },
  colours({ colours: keys, sent }) {
    const blocks = keys.map((key) => seen.get(key));
    if (blocks.includes(undefined)) return; // no longer wanted
    postMessage({ keys, sent, colours: coloursOf(blocks) });
  },
};

self.addEventListener("message", async ({ data }) => {
  const deed = Object.keys(DEEDS).find((name) => name in data);
  try {
    await DEEDS[deed]?.(data);
  } catch (error) {
    postMessage({ failed: String(error.message ?? error) });
  }
});
