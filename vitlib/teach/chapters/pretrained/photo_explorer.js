// A pretrained ViT looks at photos: click a patch and see what is alike in two
// of them, teach it a part by a few patches, follow the tokens' colours and
// the class token's heads through the blocks.
//
// `view`, `block`, `side`, `patch`, `head`, `grid`, `photos` and `marks` are
// the traits. Before the model is there, the first frame stands for it: two
// photos and one patch, computed beforehand (first_look.js).

import { Album, Photo, SHARP, squaresOf } from "../../alive/web/album.js";
import { bring } from "../../alive/web/bring.js";
import { first } from "../../alive/web/first_look.js";
import {
  arrows, best, button, choice, clamp, figure, frame, heat, hint,
  html, listen, rounded, scale, set, slider, speaker, svg, toggle, within,
} from "../../alive/web/kit.js";
import { mark, panel, place, press, walk } from "../../alive/web/panels.js";
import { door } from "../../alive/web/photo_door.js";
import { fromBase64 } from "../../alive/web/vit.js";

const TRAITS = [
  "view", "block", "side", "patch", "head", "grid", "photos", "marks",
];
const VIEWS = [
  ["alike", "what is alike"], ["part", "teach it a part"],
  ["colours", "colours"], ["class", "the class token"],
];
const STRANGE = 1 / 4; // of the way up from the middle: like nothing marked
const FAINT = 0.07; // what is left of a patch that does not count
const SIZE = "6.7 MB";

// --- Words

const HINTS = {
  alike: "Press a patch of either photo: the more alike another patch is, " +
    "the more of it stays.",
  part: "Press two or three patches that are the part, then some that are " +
    "not: every patch goes with the marked one that it is most like, and " +
    "what is like none stays out.",
  colours: "Each patch has the colour of its token: the same colour, the " +
    "same kind of token, in both photos.",
  class: "How much the class token hears of each patch, in one head. " +
    "Below are all heads of all blocks, each up to its own darkest.",
};

const TOUR = [
  ["Cut into 256 patches, each a token. Before the first block a token " +
    "knows its own colours and its place, nothing else.",
  { view: "colours", block: 0 }],
  ["After three blocks a token knows its surroundings: edges and textures " +
    "get colours of their own.", { view: "colours", block: 3 }],
  ["After eight, parts and things: eyes, fur, cloth, background. Nobody " +
    "told the model what these are.", { view: "colours", block: 8 }],
  ["One patch asks: what is like me? The patch on the cat's eye finds the " +
    "other eye, and in the other photo what comes nearest.",
  { view: "alike", block: 8 }],
  ["Before the first block the same patch finds what has its colours. " +
    "Move the slider and watch the answer change.",
  { view: "alike", block: 0 }],
  ["The class token collects what stands for the whole photo. Six heads " +
    "in each block look in six ways.", { view: "class", block: 8 }],
];

function at(patch, grid) {
  return `row ${Math.floor(patch / grid)}, column ${patch % grid}`;
}

function share(value) {
  return `${Math.round(100 * value)} %`;
}

// --- What is known before the model is there

const numbers = {
  alike: Float32Array.from(
    new Int8Array(fromBase64(first.alike).buffer), (v) => v / 127),
  colours: fromBase64(first.colours),
  looks: fromHalves(fromBase64(first.looks)),
};

/** Bytes of two numbers each, the roots of shares -> the shares. */
function fromHalves(bytes) {
  return Float32Array.from({ length: 2 * bytes.length }, (_, i) => {
    const byte = bytes[i >> 1];
    return ((i % 2 ? byte % 16 : byte >> 4) / 15) ** 2;
  });
}

/** A part of the first look: of a block, of a photo, `size` numbers each. */
function beforehand(kind, index, size) {
  return numbers[kind].subarray(index * size, (index + 1) * size);
}

// --- What is looked at, and what is seen

class Looking {
  constructor(model, album) {
    this.model = model;
    this.album = album;
  }

  get(trait) {
    return this.model.get(trait);
  }

  get pair() {
    return this.get("photos").map((key) => this.album.photos.get(key));
  }

  get patches() {
    return this.get("grid") ** 2;
  }

  /** True where the first look stands for what has not been seen. */
  get isFirst() {
    const own = this.get("photos");
    return this.get("grid") === first.grid &&
      first.photos.every((photo, i) => own[i] === photo.name);
  }

  /** How alike the patches of both photos are to the one that asks. */
  alike() {
    const [block, side, patch] = ["block", "side", "patch"].map(
      (trait) => this.get(trait));
    const asked = this.pair[side];
    if (asked.blocks[block]) {
      const token = asked.token(block, patch);
      return this.pair.map((photo) =>
        (photo.blocks[block] ? photo.alike(block, token) : null));
    }
    const isKnown = this.isFirst && side === 0 && patch === first.patch;
    return isKnown ? [0, 1].map(
      (i) => beforehand("alike", 2 * block + i, this.patches)) : [null, null];
  }

  /** The colours of both photos' tokens, (n, 3) bytes each. */
  colours() {
    const block = this.get("block");
    const found = this.album.coloursOf(this.get("photos"));
    if (found) return found[block];
    return this.isFirst ? [0, 1].map(
      (i) => beforehand("colours", 2 * block + i, 3 * this.patches))
      : [null, null];
  }

  /** What a head of the class token gives the patches of a photo. */
  looks(side, layer, head) {
    const { looks, grid } = this.pair[side];
    if (looks[layer]) {
      const from = head * (1 + grid ** 2) + 1;
      return looks[layer].subarray(from, from + grid ** 2);
    }
    const index = (2 * layer + side) * first.heads + head;
    return this.isFirst ? beforehand("looks", index, this.patches) : null;
  }

  /** The marked patches' tokens: { yes: [...], no: [...] }. */
  taught() {
    const block = this.get("block");
    const found = { yes: [], no: [] };
    for (const { photo: key, x, y, yes } of this.get("marks")) {
      const photo = this.album.photos.get(key);
      if (!photo?.blocks[block]) continue;
      const token = photo.token(block, patchAt(x, y, photo.grid));
      found[yes ? "yes" : "no"].push(token);
    }
    return found;
  }

  /** By photo: for each patch 1 if it goes with the part, or how near. */
  parts() {
    const block = this.get("block");
    const { yes, no } = this.taught();
    const seen = [...this.album.photos.values()].filter(
      (photo) => yes.length && photo.blocks[block]);
    const nearest = (photo, tokens) => tokens
      .map((token) => photo.alike(block, token))
      .reduce((a, b) => a.map((v, i) => Math.max(v, b[i])));
    const near = seen.map((photo) => nearest(photo, yes));
    const all = near.flatMap((values) => [...values]);
    return new Map(seen.map((photo, index) => {
      const lift = lifted(near[index], all);
      if (!no.length) return [photo.key, lift];
      const far = nearest(photo, no);
      return [photo.key, lift.map((v, i) =>
        Number(v > STRANGE && near[index][i] > far[i]))];
    }));
  }
}

function patchAt(x, y, grid) {
  return Math.floor(y * grid) * grid + Math.floor(x * grid);
}

/** From the middle of all to the highest: 0 to 1. */
function lifted(values, all) {
  const sorted = Float32Array.from(all).sort();
  const low = sorted[Math.floor(sorted.length / 2)];
  const high = sorted.at(-1);
  return values.map((v) => clamp((v - low) / (high - low || 1)));
}

// --- A photo, more or less of it

/** Paint a photo on a canvas; `kept` says how much of each patch, 0 to 1. */
function paintKept(canvas, picture, kept) {
  const { width } = canvas;
  const context = canvas.getContext("2d");
  context.globalCompositeOperation = "copy";
  context.drawImage(picture, 0, 0, width, width);
  if (!kept) return;
  const grid = Math.sqrt(kept.length);
  const mask = html("canvas", { width: grid, height: grid });
  const pixels = mask.getContext("2d").createImageData(grid, grid);
  kept.forEach((value, i) => {
    pixels.data[4 * i + 3] = 255 * (FAINT + (1 - FAINT) * value);
  });
  mask.getContext("2d").putImageData(pixels, 0, 0);
  context.globalCompositeOperation = "destination-in";
  context.imageSmoothingEnabled = false;
  context.drawImage(mask, 0, 0, width, width);
}

/** Paint colours, (n, 3) bytes, as squares. */
function paintColours(canvas, bytes) {
  const grid = Math.sqrt(bytes.length / 3);
  const small = html("canvas", { width: grid, height: grid });
  const pixels = small.getContext("2d").createImageData(grid, grid);
  for (let i = 0; i < grid ** 2; i++) {
    const soft = bytes.subarray(3 * i, 3 * i + 3).map((v) => 40 + 0.8 * v);
    pixels.data.set([...soft, 255], 4 * i);
  }
  small.getContext("2d").putImageData(pixels, 0, 0);
  const context = canvas.getContext("2d");
  context.globalCompositeOperation = "copy";
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.width);
}

/** One of the two photos: a panel that can be pressed and walked in. */
function photoPanel(looking, side, choose) {
  const canvas = html("canvas", {
    class: "vit-heat vit-photo", width: SHARP, height: SHARP, role: "img",
    "aria-label": side ? "The second photo" : "The first photo",
  });
  const here = mark("vit-panel-here");
  const marks = html("span", { class: "vit-photo-marks" });
  const one = panel("", side ? "Patch of the second photo" :
    "Patch of the first photo", canvas, here, marks);
  const waits = html("span", { class: "vit-photo-waits" }, "looking …");
  one.view.append(waits);
  let walked = looking.get("patch");
  press(one.view, (x, y, { type }) => choose(
    side, patchAt(x, y, looking.get("grid")), type === "pointerdown"));
  walk(one.view, (right, down) => {
    const grid = looking.get("grid");
    const now = looking.get("side") === side ? looking.get("patch") : walked;
    const [row, col] = [Math.floor(now / grid) + down, (now % grid) + right];
    walked = within(row, grid) * grid + within(col, grid);
    choose(side, walked, false);
  });
  one.view.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    choose(side, looking.get("side") === side ? looking.get("patch")
      : walked, true);
  });
  one.canvas = canvas;
  one.here = here;
  one.put = (patch, kind) => {
    here.hidden = patch === null;
    here.classList.toggle("vit-photo-found", kind === "found");
    const grid = looking.get("grid");
    if (patch === null) return;
    place(here, (patch % grid) / grid, Math.floor(patch / grid) / grid,
      1 / grid, 1 / grid);
  };
  one.dots = (list) => marks.replaceChildren(...list.map(({ x, y, yes }) =>
    html("span", {
      class: `vit-photo-dot vit-photo-${yes ? "yes" : "no"}`,
      style: `left: ${100 * x}%; top: ${100 * y}%`,
    }, yes ? "+" : "−")));
  one.waits = waits;
  return one;
}

// --- The two, in each view

/** Of each view: what it paints, and what it says. */
const PAINTED = {
  alike(looking, panels, legend) {
    const [side, patch, grid, pair] = [
      looking.get("side"), looking.get("patch"), looking.get("grid"),
      looking.pair];
    const both = looking.alike();
    const known = both.filter(Boolean);
    const all = known.length ? known.flatMap((v) => [...v]) : [];
    const others = all.filter((v) => v < 0.9999);
    const found = both.map((values, i) => values &&
      best(i === side ? around(values, patch, grid) : values));
    panels.forEach((one, i) => {
      paintKept(one.canvas, pair[i].picture,
        both[i] && lifted(both[i], others));
      one.put(i === side ? patch : found[i], i === side ? "" : "found");
    });
    if (!known.length) return "";
    const sorted = others.sort((a, b) => a - b);
    legend.ends(`as alike as the middle patch: ${
      rounded(sorted[sorted.length >> 1])}`, rounded(sorted.at(-1)));
    const [own, other] = [found[side], found[1 - side]];
    const away = `Patch ${patch} (${at(patch, grid)}) of ${
      pair[side].shows} is most like patch ${own} there, ${
      rounded(both[side][own])}`;
    return other === null ? `${away}.` : `${away}, and patch ${other} of ${
      pair[1 - side].shows}, ${rounded(both[1 - side][other])}.`;
  },

  part(looking, panels, legend) {
    const { yes, no } = looking.taught();
    const found = looking.parts();
    const parts = looking.pair.map(({ key }) => found.get(key));
    panels.forEach((one, i) => {
      paintKept(one.canvas, looking.pair[i].picture, parts[i]);
      one.put(i === looking.get("side") ? looking.get("patch") : null, "");
      one.dots(looking.get("marks").filter(
        ({ photo }) => photo === looking.pair[i].key));
    });
    legend.hidden = true;
    if (!yes.length) return "Nothing is marked yet.";
    if (!no.length) return "Now mark patches that are not the part.";
    const counted = parts.map((part, i) => part && `${
      part.reduce((a, b) => a + b)} of ${part.length} patches of ${
      looking.pair[i].shows}`).filter(Boolean);
    return `The part: ${counted.join(", ")}.`;
  },

  colours(looking, panels, legend) {
    const both = looking.colours();
    panels.forEach((one, i) => {
      if (both[i]) paintColours(one.canvas, both[i]);
      else paintKept(one.canvas, looking.pair[i].picture);
      one.put(null);
    });
    legend.hidden = true;
    return both[0] ? "Red, green and blue are the three directions in " +
      "which the tokens of both photos differ most, turned so that a " +
      "patch changes its colour little from block to block." : "";
  },

  class(looking, panels, legend) {
    const [block, head] = [looking.get("block"), looking.get("head")];
    const layer = Math.max(1, block) - 1;
    const both = [0, 1].map((side) => looking.looks(side, layer, head));
    panels.forEach((one, i) => {
      const top = both[i] && Math.max(...both[i]);
      paintKept(one.canvas, looking.pair[i].picture,
        both[i]?.map((v) => v / top));
      one.put(null);
    });
    legend.ends("heard least", "heard most");
    if (!both[0]) return "";
    const tenth = both[0].slice().sort().slice(-Math.ceil(
      both[0].length / 10));
    const [most, all] = [tenth, both[0]].map((v) =>
      v.reduce((a, b) => a + b));
    return `Block ${layer + 1}, head ${head}: of what the class token hears ` +
      `of the patches of ${looking.pair[0].shows}, a tenth of them gives ${
        looking.pair[0].looks[layer] ? "" : "about "}${share(most / all)}.`;
  },
};

/** The same values without the patches next to one: they are alike anyway. */
function around(values, patch, grid) {
  const reach = Math.round(grid / 8);
  const [row, col] = [Math.floor(patch / grid), patch % grid];
  return values.map((v, i) => {
    const far = Math.max(Math.abs(Math.floor(i / grid) - row),
      Math.abs((i % grid) - col));
    return far > reach ? v : -1;
  });
}

// --- All heads of all blocks

/** A wall of small maps, of the first photo: a row a block. */
function wallOf(looking, choose) {
  const { heads, depth } = first;
  const maps = Array.from({ length: heads * depth }, (_, i) =>
    heat("weight", [first.grid, first.grid],
      `Block ${Math.floor(i / heads) + 1}, head ${i % heads}`));
  const cells = maps.map((map, i) => html("button", {
    type: "button", class: "vit-photo-map",
    "aria-label": `Block ${Math.floor(i / heads) + 1}, head ${i % heads}`,
  }, map));
  arrows(cells, heads, (i) =>
    choose(Math.floor(i / heads) + 1, i % heads));
  const rows = Array.from({ length: depth }, (_, layer) => [
    html("span", { class: "vit-head" }, `block ${layer + 1}`),
    ...cells.slice(layer * heads, (layer + 1) * heads)]);
  const whole = html("div", {
    class: "vit-photo-wall", role: "group", style: `--heads: ${heads}`,
    "aria-label": "All heads of all blocks: choose one",
  }, ...rows.flat());
  whole.paint = () => {
    const chosen = (Math.max(1, looking.get("block")) - 1) * heads +
      looking.get("head");
    cells.forEach((cell, i) => {
      const values = looking.looks(0, Math.floor(i / heads), i % heads);
      if (values) maps[i].paint(thinned(values));
      cell.classList.toggle("vit-chosen", i === chosen);
      cell.setAttribute("aria-pressed", i === chosen);
      cell.tabIndex = i === chosen ? 0 : -1;
    });
  };
  return whole;
}

/** A map of any grid on that of the first look: means of squares. */
function thinned(values) {
  const grid = Math.sqrt(values.length);
  const step = grid / first.grid;
  if (step === 1) return values;
  const small = new Float32Array(first.grid ** 2);
  values.forEach((v, i) => {
    const row = Math.floor(Math.floor(i / grid) / step);
    small[row * first.grid + Math.floor((i % grid) / step)] += v / step ** 2;
  });
  return small;
}

// --- Bringing the model, and photos

/** The button that brings the model, its progress, and what failed. */
function loader(start) {
  const bar = html("progress", {
    max: 1, value: 0, "aria-label": "How much of the model has come",
  });
  const said = hint("");
  said.setAttribute("role", "status");
  const words = hint("This is a first look, computed beforehand. With the " +
    "model you can press any patch, in any photo, your own too. It runs in " +
    "this page: no photo leaves your machine.");
  const whole = html("div", { class: "vit-photo-load" });
  const go = button(`Load the model (${SIZE}, once)`, async () => {
    go.disabled = true;
    bar.hidden = false;
    said.textContent = "The weights are coming …";
    try {
      await start((part) => {
        bar.value = part;
        if (part === 1) said.textContent = "Unpacking the weights …";
      });
      whole.hidden = true;
    } catch (error) {
      said.textContent = error.message;
      go.disabled = false;
    }
    bar.hidden = true;
  });
  bar.hidden = true;
  go.classList.add("vit-photo-go");
  whole.append(words, go, bar, said);
  return whole;
}

/** The photos that are there, small; a press shows one. */
function stripOf(looking, choose) {
  const whole = html("div", {
    class: "vit-photo-strip", role: "group", "aria-label": "Photos",
  });
  const thumbs = new Map();
  const thumb = (photo) => {
    const canvas = html("canvas", { width: 96, height: 96 });
    const own = html("button", {
      type: "button", class: "vit-photo-thumb", title: photo.credit,
      "data-name": photo.key,
      onclick: () => choose(photo.key),
    }, canvas);
    own.canvas = canvas;
    whole.append(own);
    return own;
  };
  whole.paint = () => {
    const parts = looking.get("view") === "part" ? looking.parts()
      : new Map();
    const shown = looking.get("photos");
    for (const photo of looking.album.photos.values()) {
      if (!thumbs.has(photo.key)) thumbs.set(photo.key, thumb(photo));
      const own = thumbs.get(photo.key);
      paintKept(own.canvas, photo.picture, parts.get(photo.key));
      const isShown = shown.includes(photo.key);
      own.setAttribute("aria-pressed", isShown);
      own.setAttribute("aria-label", isShown ? `${photo.shows}, shown`
        : `Show ${photo.shows}`);
      own.classList.toggle("vit-photo-unseen", looking.album.isReady &&
        !photo.isSeen(looking.album.depth));
    }
  };
  return whole;
}

/** A walk through what there is to see, step by step. */
function tourOf(go) {
  let step = -1;
  const words = html("p", { class: "vit-photo-step", role: "status" });
  const to = (next) => {
    step = next;
    const isOn = step >= 0 && step < TOUR.length;
    if (!isOn) step = -1;
    inside.hidden = !isOn;
    start.hidden = isOn;
    if (!isOn) return start.focus();
    const [text, traits] = TOUR[step];
    words.textContent = `${step + 1} of ${TOUR.length}. ${text}`;
    forth.textContent = step + 1 === TOUR.length ? "end" : "next";
    go(traits);
    return forth.focus();
  };
  const start = button("a tour in six steps", () => to(0));
  const forth = button("next", () => to(step + 1));
  const back = button("back", () => to(step - 1));
  const inside = html("div", { class: "vit-photo-tour", hidden: true },
    words, back, forth);
  return { start, inside };
}

/** A thread from the patch that asks to what it finds. */
function threadOf(panels, pair) {
  const path = svg("path");
  const whole = svg("svg", {
    class: "vit-photo-thread", "aria-hidden": true,
  }, path);
  pair.append(whole);
  whole.show = (isOn) => {
    const ends = panels.map(({ here }) => here.getBoundingClientRect());
    const box = pair.getBoundingClientRect();
    if (!isOn || panels.some(({ here }) => here.hidden) || !box.width) {
      path.removeAttribute("d");
      return;
    }
    const [[x, y], [u, v]] = ends.map((one) => [
      one.left + one.width / 2 - box.left,
      one.top + one.height / 2 - box.top]);
    const across = Math.abs(u - x) > Math.abs(v - y);
    const [a, b] = across ? [(x + u) / 2, y] : [x, (y + v) / 2];
    const [c, d] = across ? [(x + u) / 2, v] : [u, (y + v) / 2];
    path.setAttribute("d", `M${x},${y} C${a},${b} ${c},${d} ${u},${v}`);
  };
  return whole;
}

/** Which model it is, and what it cannot do. */
function facts() {
  return html("details", { class: "vit-photo-facts" },
    html("summary", {}, "Which model is this, and what can it not do?"),
    ...first.facts.map((text) => html("p", {}, text)));
}

// --- The figure

function imageOf(bytes, kind) {
  const image = new Image();
  const type = `image/${kind}`;
  image.src = URL.createObjectURL(new Blob([bytes], { type }));
  return image.decode().then(() => {
    URL.revokeObjectURL(image.src);
    return image;
  });
}

/** The photos of the first look: grey until they are decoded, at once. */
function firstPhotos(album, again) {
  for (const about of first.photos) {
    const photo = new Photo(about.name, about);
    album.photos.set(about.name, photo);
    develop(photo, about.webp, again);
  }
}

async function develop(photo, webp, again) {
  const image = await imageOf(fromBase64(webp), "webp");
  if (photo.isFine) return; // the larger one was faster
  photo.develop(squaresOf(image));
  again();
}

/** A line of JSON with their lengths, then files -> each of the files. */
function filesIn(bytes) {
  const end = bytes.indexOf(10);
  const lengths = JSON.parse(new TextDecoder().decode(bytes.slice(0, end)));
  let from = end + 1;
  return lengths.map((length) => bytes.slice(from, (from += length)));
}

/** One photo after another: the page does other things in between. */
async function developEach([next, ...others]) {
  if (!next) return;
  const [photo, file] = next;
  photo.develop(squaresOf(await imageOf(file, "jpeg")));
  await developEach(others);
}

/** Bring all: the photos that are ready to be looked at, then the model. */
async function bringAll(looking, step) {
  const { album, model } = looking;
  const files = filesIn(await bring(model, "photos"));
  await developEach(first.all.map((about, i) => {
    const photo = album.photos.get(about.name) ??
      new Photo(about.name, about);
    photo.isFine = true;
    album.photos.set(about.name, photo);
    return [photo, files[i]];
  }));
  wishAll(looking);
  await album.load(step);
}

/** What a press does: ask, or mark; only what is seen can be asked. */
function chooser(looking, kind, said) {
  return (side, patch, isPress) => {
    const { album } = looking;
    const view = looking.get("view");
    if (!album.isReady && !(side === 0 && patch === first.patch)) {
      said.textContent = "For other patches load the model first.";
      return;
    }
    set(looking.model, {
      side, patch, view: view === "part" ? view : "alike",
    });
    if (view === "part" && isPress) {
      markPatch(looking, side, patch, kind.value);
    }
  };
}

/** Mark a patch; the same mark again takes it away. */
function markPatch(looking, side, patch, yes) {
  const { key, grid } = looking.pair[side];
  const [x, y] = [patch % grid, Math.floor(patch / grid)].map(
    (v) => (v + 0.5) / grid);
  const isHere = (one) => one.photo === key && one.x === x && one.y === y;
  const marks = looking.get("marks");
  const old = marks.find(isHere);
  const others = marks.filter((one) => !isHere(one));
  set(looking.model, { marks: old && old.yes === yes ? others
    : [...others, { photo: key, x, y, yes }] });
}

/** The controls of teaching: which kind of mark, and all away. */
function teaching(looking) {
  const kind = { value: true };
  const pick = choice("the next patch", [[true, "is the part"],
    [false, "is not"]], true, (value) => { kind.value = value; });
  const away = button("take all marks away", () => {
    kind.value = true;
    pick.set(true);
    set(looking.model, { marks: [] });
  });
  return { kind, row: html("div", { class: "vit-panel-controls" }, pick,
    away) };
}

/** All that the figure is made of. */
function partsOf(looking, root, again) {
  const { model, album } = looking;
  const said = html("p", { class: "vit-verdict" });
  const { kind, row: marking } = teaching(looking);
  const choose = chooser(looking, kind, said);
  const panels = [0, 1].map((side) => photoPanel(looking, side, choose));
  const pair = html("div", { class: "vit-photo-pair" },
    ...panels.map(({ whole }) => whole));
  return {
    said, marking, panels, pair,
    words: hint(""),
    spoken: speaker(),
    thread: threadOf(panels, pair),
    legend: scale("ink"),
    wall: wallOf(looking, (block, head) => set(model, { block, head })),
    views: choice("", VIEWS, model.get("view"), (view) =>
      set(model, { view })),
    dial: slider("after block", {
      min: 0, max: first.depth, value: model.get("block"),
    }, String, (block) => set(model, { block })),
    fine: toggle("32 × 32 patches", false, (on) =>
      regrid(looking, on ? 32 : 16)),
    load: loader(async (step) => {
      await bringAll(looking, step);
      again();
    }),
    strip: stripOf(looking, (key) => show(looking, key)),
    own: door(root, "your own photo",
      (squares) => addOwn(looking, squares),
      async (file) => album.isReady && album.squaresOf(file)),
    tour: tourOf((traits) => set(model, {
      ...traits, side: 0, patch: first.patch, grid: first.grid,
      photos: first.photos.map((photo) => photo.name),
    })),
    waiting: () => [...album.photos.values()].filter(
      (photo) => album.isReady && !photo.isSeen(album.depth)).length,
  };
}

function paint(looking, parts, root) {
  const { album, pair: shown } = looking;
  const [view, block] = [looking.get("view"), looking.get("block")];
  if (shown.includes(undefined)) return; // not here yet
  parts.legend.hidden = false;
  parts.panels.forEach((one, side) => {
    one.dots([]);
    call(one, looking, side);
    one.waits.hidden = !album.isReady || shown[side].blocks.length > block;
  });
  const text = PAINTED[view](looking, parts.panels, parts.legend);
  parts.said.textContent = album.failed ?? text;
  parts.spoken.say(parts.said.textContent);
  parts.words.textContent = HINTS[view];
  parts.marking.hidden = view !== "part";
  parts.wall.hidden = view !== "class";
  if (view === "class") parts.wall.paint();
  parts.thread.show(view === "alike");
  parts.views.set(view);
  parts.dial.set(block);
  parts.fine.set(looking.get("grid") !== first.grid);
  for (const one of [parts.fine, parts.own.label]) {
    one.hidden = !album.isReady;
  }
  parts.strip.paint();
  Object.assign(root.dataset, {
    view, block, state: album.state, photos: album.photos.size,
    waiting: parts.waiting(),
  });
}

export const render = figure(
  "photo_explorer", "A pretrained Vision Transformer looks at photos",
  ({ model, root, onEnd }) => {
    const album = new Album(model);
    const looking = new Looking(model, album);
    const again = frame(() => paint(looking, parts, root));
    const parts = partsOf(looking, root, again);
    firstPhotos(album, again);
    album.on(again);
    root.append(parts.words,
      html("div", { class: "vit-panel-controls" }, parts.views, parts.dial),
      parts.pair, html("div", { class: "vit-photo-under" }, parts.legend),
      parts.said, parts.marking, parts.wall, parts.load,
      html("div", { class: "vit-photo-bring" }, parts.strip,
        parts.own.label, parts.fine, parts.tour.start),
      parts.own.said, parts.tour.inside, facts(), parts.spoken);
    listen(model, TRAITS, () => {
      for (const key of model.get("photos")) {
        album.regrid(key, model.get("grid"));
      }
      wishAll(looking);
      again();
    }, onEnd);
    const watch = new ResizeObserver(again);
    watch.observe(parts.pair);
    onEnd(() => {
      watch.disconnect();
      album.end();
    });
    paint(looking, parts, root);
  });

/** What a photo is called, above it and beneath. */
function call(one, looking, side) {
  const { shows, grid } = looking.pair[side];
  const block = looking.get("block");
  one.title.textContent = shows;
  one.name.write(`tokens[${block}][${side}, 1:]`, [grid ** 2, 384]);
  const patch = looking.get("side") === side ? looking.get("patch") : 0;
  one.say(patch, grid ** 2, `patch ${patch}: ${at(patch, grid)}`);
}

/** Look at what is shown first, then at the others. */
function wishAll({ album, model }) {
  const shown = model.get("photos");
  const others = [...album.photos.keys()].filter((k) => !shown.includes(k));
  album.want([...shown, ...others]);
}

/** Show a photo on the right; the one that was there goes to the left. */
function show({ model }, key) {
  const [left, right] = model.get("photos");
  if (key === right) return;
  const photos = key === left ? [right, left] : [right, key];
  set(model, { photos, side: 0 });
}

/** Another grid for the two that are shown; the query keeps its place. */
function regrid({ model }, grid) {
  const old = model.get("grid");
  const middle = (v) => Math.floor(((v + 0.5) * grid) / old);
  const patch = model.get("patch");
  const moved = middle(Math.floor(patch / old)) * grid + middle(patch % old);
  set(model, { grid, patch: moved });
}

let count = 0;

/** Put a photo beside the last one; say what becomes of it. */
function addOwn(looking, squares) {
  if (!squares) return "For your own photo load the model.";
  const key = `own ${(count += 1)}`;
  const photo = new Photo(key, { shows: "your photo" });
  looking.album.add(photo.develop(squares));
  show(looking, key);
  return "Your photo, its middle square. It does not leave this machine.";
}
