// A picture, its patches, their sequence: point at a pixel, and see where
// its numbers stand in each of the three.

import {
  button, bytesOf, figure, frame, hint, html, listen, picture, rgb, set,
  speaker, stopSlider, svg, thousands, within,
} from "../../alive/web/kit.js";
import {
  follow, mark, named, panel, place, walk,
} from "../../alive/web/panels.js";
import { middleOf } from "../../alive/web/photo.js";
import { door } from "../../alive/web/photo_door.js";
import { patchify, tensor } from "../../alive/web/vit.js";

const TRAITS = ["patch_size", "patch", "image_size", "pixels"];
const SMALLEST = 4; // the side of a patch, in pixels
const SIDE = 224; // of a photo from outside
const SHARP = 480; // pixels of the canvas for a panel's side
const NEAR = 6; // patches shown before and after the chosen one

const CHANNELS = ["red", "green", "blue"];

// --- What is followed: a patch of the picture, a pixel of the patch

class Cut {
  constructor(model) {
    this.model = model;
    this.putInMiddle(model.get("patch_size"));
  }

  putInMiddle(p) {
    this.pixel = Math.floor(p / 2) * (p + 1);
  }

  /** Read the traits; false while Python has sent a part of them. */
  take() {
    const [patch_size, patch, [height, width], pixels] = TRAITS.map(
      (trait) => this.model.get(trait));
    const bytes = bytesOf(pixels);
    const fits = height % patch_size === 0 && width % patch_size === 0;
    if (bytes.length !== height * width * 3 || !fits) return false;
    const isOther = this.buffer !== bytes.buffer;
    if (isOther) this.takePicture(bytes, [height, width, 3]);
    if (isOther || this.p !== patch_size) this.cutInto(patch_size);
    this.patch = within(patch, this.n);
    this.pixel = within(this.pixel, patch_size ** 2);
    return true;
  }

  takePicture(bytes, shape) {
    this.buffer = bytes.buffer;
    this.image = tensor(shape, new Float32Array(bytes).map((v) => v / 255));
    this.photo = picture(this.image, "");
  }

  cutInto(p) {
    const [height, width] = this.image.shape;
    Object.assign(this, { p, rows: height / p, cols: width / p });
    this.n = this.rows * this.cols;
    this.patches = patchify(this.image, p);
  }

  /** Row and column of the patch in the picture. */
  get where() {
    return [Math.floor(this.patch / this.cols), this.patch % this.cols];
  }

  /** Row and column of the pixel in its patch. */
  get inPatch() {
    return [Math.floor(this.pixel / this.p), this.pixel % this.p];
  }

  /** Row and column of the pixel in the picture. */
  get onPicture() {
    return this.where.map((v, i) => v * this.p + this.inPatch[i]);
  }

  /** Red, green and blue of the pixel. */
  get numbers() {
    const at = 3 * (this.patch * this.p ** 2 + this.pixel);
    return [...this.patches.data.subarray(at, at + 3)];
  }

  /** The row of the sequence: (1, p p 3). */
  get row() {
    const size = this.p ** 2 * 3;
    return tensor([1, size], this.patches.data.subarray(
      this.patch * size, (this.patch + 1) * size));
  }

  /** Patch and pixel at a row and a column of the picture. */
  at(y, x) {
    const { p, cols } = this;
    return [Math.floor(y / p) * cols + Math.floor(x / p),
      (y % p) * p + (x % p)];
  }
}

function canvasOf(kind, label) {
  return html("canvas", {
    class: `vit-heat ${kind}`, role: "img", "aria-label": label,
  });
}

// --- The panels

function pictureOf(cut) {
  const grid = canvasOf("vit-cut-smooth", "The picture");
  const [here, dot] = [mark("vit-panel-here"), mark("vit-panel-dot")];
  const one = panel("the picture", "Patch", grid, here, dot);
  one.mark = here;
  one.paint = () => paintGrid(grid, cut);
  one.show = () => {
    const [height, width] = cut.image.shape;
    const [[row, col], [y, x]] = [cut.where, cut.onPicture];
    place(here, col / cut.cols, row / cut.rows, 1 / cut.cols, 1 / cut.rows);
    place(dot, (x + 0.5) / width, (y + 0.5) / height, 0, 0);
    one.name.write("images", [1, 3, height, width]);
    one.say(cut.patch, cut.n, title(cut));
  };
  return one;
}

function title({ patch, where: [row, col] }) {
  return `patch ${patch}: row ${row}, column ${col}`;
}

/** What is followed, for whoever does not see it. */
function inWords(cut) {
  const { n, p, numbers, onPicture: [y, x] } = cut;
  const written = numbers.map((v, c) => `${CHANNELS[c]} ${v.toFixed(3)}`);
  return `${n} patches of ${p} × ${p} pixels, ${p * p * 3} numbers each. ` +
    `${title(cut).replace("p", "P")}. Its pixel at row ${y}, column ${x} ` +
    `of the picture: ${written.join(", ")}.`;
}

function sequenceOf(cut) {
  const table = canvasOf("", "All patches, row by row");
  const band = canvasOf("vit-cut-band", "The row of the patch");
  const [row, tick] = [mark("vit-cut-row"), mark("vit-cut-tick")];
  row.append(band, tick);
  const one = panel("a row for each patch", "Row of the sequence", table, row);
  one.mark = row;
  one.paint = () => paintTable(table, cut.patches, SHARP, SHARP);
  one.show = () => {
    const { n, p, patch, pixel } = cut;
    paintTable(band, cut.row, Math.min(p * p, SHARP), 1);
    row.style.top = `${(100 * (patch + 0.5)) / n}%`;
    row.style.height = `max(18px, ${100 / n}%)`;
    tick.style.left = `${(100 * (pixel + 0.5)) / (p * p)}%`;
    one.name.write("patches", [1, n, p * p * 3]);
    one.say(patch, n, title(cut));
  };
  return one;
}

/** The patch, enlarged, and one pixel of it. */
function detailOf(cut) {
  const close = canvasOf("", "The patch, enlarged");
  const square = mark("vit-panel-dot");
  const one = panel("", "Pixel of the patch", close, square);
  one.mark = close;
  one.show = () => {
    const { p, patch, pixel, numbers, inPatch: [y, x] } = cut;
    paintPatch(close, cut, patch);
    place(square, x / p, y / p, 1 / p, 1 / p);
    one.title.textContent = title(cut);
    one.name.write(`patches[0, ${patch}]`, [p * p * 3]);
    const written = numbers.map((v, c) => `${CHANNELS[c]} ${v.toFixed(3)}`);
    one.say(pixel, p * p, `row ${y}, column ${x}: ${written}`);
  };
  return one;
}

/** The three numbers of the pixel, and where they stand. */
function readoutOf(cut, views) {
  const swatch = html("span", { class: "vit-cut-swatch" });
  const [from, to] = views.map((view) => named(view.whole));
  const values = html("span");
  const whole = html("div", { class: "vit-cut-readout" },
    html("span", {}, "these three numbers:"), from, to,
    html("span", { class: "vit-cut-values" }, swatch, values));
  whole.show = () => {
    const { patch, pixel, numbers, onPicture: [y, x] } = cut;
    from.textContent = `images[0, :, ${y}, ${x}]`;
    to.textContent =
      `patches[0, ${patch}, ${3 * pixel}:${3 * pixel + 3}]`;
    values.textContent = `[${numbers.map((v) => v.toFixed(3)).join(", ")}]`;
    swatch.style.background = rgb(numbers.map((v) => Math.round(255 * v)));
  };
  return whole;
}

/** Lines from the patch to its row, from the row to the large patch. */
function threadsOf(panels, marks) {
  const threads = svg("svg", {
    class: "vit-cut-threads", "aria-hidden": true,
  });
  panels.append(threads);
  const middle = ({ top, bottom }) => (top + bottom) / 2;
  threads.show = frame(() => {
    const box = panels.getBoundingClientRect();
    const [a, b, c] = marks.map((part) => part.getBoundingClientRect());
    const line = (from, to) => {
      const [x0, x1] = [from.right - box.left, to.left - box.left];
      const [y0, y1] = [from, to].map((side) => middle(side) - box.top);
      const x = (x0 + x1) / 2;
      return svg("path", {
        d: `M${x0},${y0} C${x},${y0} ${x},${y1} ${x1},${y1}`,
      });
    };
    const lines = c.left >= b.right ? [line(a, b), line(b, c)] : [line(a, b)];
    threads.replaceChildren(...lines);
  });
  return threads;
}

/** The patches before and after, in the order of the sequence. */
function filmOf(cut, choose) {
  const frames = Array.from({ length: 2 * NEAR + 1 }, (_, i) => {
    const view = canvasOf("", "A patch");
    const number = html("span");
    const whole = html("span", {
      class: i === NEAR ? "vit-cut-frame vit-cut-frame-now" : "vit-cut-frame",
      onclick: () => choose(cut.patch + i - NEAR, cut.pixel),
    }, view, number);
    return { view, number, whole };
  });
  const film = html("div", { class: "vit-cut-film", "aria-hidden": true },
    ...frames.map(({ whole }) => whole));
  film.show = () => frames.forEach(({ view, number, whole }, i) => {
    const index = cut.patch + i - NEAR;
    const isThere = index >= 0 && index < cut.n;
    const isFirst = isThere && index > 0 && index % cut.cols === 0;
    whole.classList.toggle("vit-cut-frame-none", !isThere);
    whole.classList.toggle("vit-cut-frame-first", isFirst);
    number.textContent = isThere ? index : "";
    if (isThere) paintPatch(view, cut, index);
  });
  return film;
}

function factsOf(cut) {
  const facts = html("div", { class: "vit-cut-facts" });
  facts.paint = () => {
    const { p, n, image: { shape: [height, width] } } = cut;
    const entries = [
      ["words", n, `${height} / ${p} · ${width} / ${p}`],
      ["numbers in a word", p * p * 3, `${p} · ${p} · 3`],
      ["numbers in all", n * p * p * 3, "always the same: none is lost"],
      ["pairs of words", n * n, "what attention will compare"],
    ];
    facts.replaceChildren(...entries.map(([name, number, why]) =>
      html("div", {}, html("span", {}, name),
        html("b", {}, thousands(number)), html("span", {}, why))));
  };
  return facts;
}

// --- Hands

/** A press holds what is pointed at; the next one lets it go. */
function holder(cut, marks, choose) {
  let held = false; // the pointer may go where it likes then
  return (find) => (x, y, { type, buttons, pointerType }) => {
    const isPress = type === "pointerdown";
    if (held && !isPress && !buttons) return;
    const [patch, pixel] = find(x, y);
    const isSame = held && patch === cut.patch && pointerType === "mouse";
    if (isPress) held = !isSame;
    for (const one of marks) one.classList.toggle("vit-cut-held", held);
    choose(patch, pixel);
  };
}

/** By pointer and by keys, in each of the three. */
function followHands(cut, [whole, sequence, detail], choose) {
  const hold = holder(cut, [whole.mark, sequence.mark], choose);
  follow(whole.view, hold((x, y) => {
    const [height, width] = cut.image.shape;
    return cut.at(Math.floor(y * height), Math.floor(x * width));
  }));
  walk(whole.view, (right, down) => {
    const [row, col] = cut.where;
    choose(within(row + down, cut.rows) * cut.cols +
      within(col + right, cut.cols), cut.pixel);
  });
  follow(sequence.view, hold((x, y) =>
    [Math.floor(y * cut.n), Math.floor(x * cut.p ** 2)]));
  walk(sequence.view, (right, down) =>
    choose(within(cut.patch + right + down, cut.n), cut.pixel));
  follow(detail.view, (x, y) =>
    choose(cut.patch, Math.floor(y * cut.p) * cut.p + Math.floor(x * cut.p)));
  walk(detail.view, (right, down) => {
    const [y, x] = cut.inPatch;
    choose(cut.patch, within(y + down, cut.p) * cut.p +
      within(x + right, cut.p));
  });
}

/** Sides that cut the picture into whole patches. */
function sizesOf([height, width]) {
  return Array.from({ length: height + 1 }, (_, i) => i).filter(
    (i) => i >= SMALLEST && height % i === 0 && width % i === 0);
}

/** Another size; the chosen pixel of the picture stays chosen. */
function sizeSlider(cut, draw) {
  const { model } = cut;
  const resize = (size) => {
    const [y, x] = cut.onPicture;
    const cols = cut.image.shape[1] / size;
    const [row, col] = [y, x].map((v) => Math.floor(v / size));
    set(model, { patch_size: size, patch: row * cols + col });
    cut.pixel = (y % size) * size + (x % size);
    draw();
  };
  const dial = stopSlider("patch size", sizesOf(model.get("image_size")),
    model.get("patch_size"), (size) => `${size} × ${size} pixels`, resize);
  dial.paint = () => dial.set(cut.p, sizesOf(cut.image.shape));
  return dial;
}

// --- A photo from outside

/** Ways to bring a photo, and to go back. */
function photos(cut, root, links, draw) {
  const { model } = cut;
  const first = Object.fromEntries(TRAITS.map((t) => [t, model.get(t)]));
  const become = (traits) => {
    set(model, traits);
    cut.putInMiddle(traits.patch_size);
    draw();
  };
  const take = (photo) => {
    become({
      patch_size: SIDE % cut.p ? 16 : cut.p, patch: 0,
      image_size: [SIDE, SIDE],
      pixels: new DataView(middleOf(photo, SIDE).buffer),
    });
    back.hidden = false;
    return "The middle of your photo, 224 × 224 pixels. " +
      (links ? "It does not leave this page."
        : "Python has it as the figure's images.");
  };
  const { label, said, forget } = door(root, "your own photo", take);
  const back = button("back to the first picture", () => {
    forget();
    become(first);
    back.hidden = true;
  });
  back.hidden = true;
  return { controls: [label, back], said };
}

// --- The figure

export const render = figure(
  "patch_explorer", "A picture, its patches and their sequence",
  ({ model, root, links, onEnd }) => {
    const cut = new Cut(model);
    const choose = (patch, pixel) => {
      if (patch < 0 || patch >= cut.n) return;
      cut.pixel = within(pixel, cut.p ** 2);
      if (patch !== cut.patch) set(model, { patch });
      draw();
    };
    const views = [pictureOf(cut), sequenceOf(cut), detailOf(cut)];
    const [whole, sequence, detail] = views;
    const readout = readoutOf(cut, [whole, sequence]);
    const panels = html("div", { class: "vit-cut-panels" },
      whole.whole, sequence.whole,
      html("div", { class: "vit-cut-detail" }, detail.whole, readout));
    const threads = threadsOf(panels, views.map((view) => view.mark));
    const film = filmOf(cut, choose);
    const facts = factsOf(cut);
    const dial = sizeSlider(cut, () => draw());
    const own = photos(cut, root, links, () => draw());
    const spoken = speaker();
    let drawn; // the patches that picture and table show

    const draw = () => {
      if (!cut.take()) return;
      if (drawn !== cut.patches) {
        drawn = cut.patches;
        panels.style.setProperty("--ratio", cut.cols / cut.rows);
        for (const part of [whole, sequence, dial, facts]) part.paint();
      }
      for (const part of [...views, readout, film, threads]) part.show();
      spoken.say(inWords(cut));
    };

    root.append(
      hint("Move over the picture and follow one pixel; a click holds it. " +
        "Then change the size of the patches."),
      html("div", { class: "vit-panel-controls" }, html("span", {}, dial),
        ...own.controls),
      own.said, panels, film, facts, spoken);
    followHands(cut, views, choose);
    listen(model, TRAITS, frame(draw), onEnd);
    draw();
    const watch = new ResizeObserver(threads.show);
    watch.observe(panels);
    onEnd(() => watch.disconnect());
  });

// --- Painting

/** One patch on a canvas of its size. */
function paintPatch(onto, { photo, p, cols }, index) {
  Object.assign(onto, { width: p, height: p });
  onto.getContext("2d").drawImage(
    photo, (index % cols) * p, Math.floor(index / cols) * p, p, p,
    0, 0, p, p);
}

/** The picture with its patches moved apart. */
function paintGrid(onto, { photo, p, rows, cols }) {
  const scale = (2 * SHARP) / Math.max(photo.width, photo.height);
  onto.width = photo.width * scale;
  onto.height = photo.height * scale;
  const context = onto.getContext("2d");
  const step = p * scale;
  const gap = Math.min(8, step / 6);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      context.drawImage(
        photo, col * p, row * p, p, p,
        col * step + gap / 2, row * step + gap / 2, step - gap, step - gap);
    }
  }
}

/** Rows of numbers (y x c), each pixel in its colour, on a given size. */
function paintTable(onto, { data, shape: [n, size] }, width, height) {
  const length = size / 3;
  Object.assign(onto, { width, height });
  const context = onto.getContext("2d");
  const image = context.createImageData(width, height);
  const pixels = image.data; // rounds what it is given
  const line = 4 * width;
  const nearest = (at, count, all) => Math.floor(((at + 0.5) * count) / all);
  const columns = Array.from({ length: width }, (_, x) =>
    3 * nearest(x, length, width));
  for (let y = 0, to = 0, before; y < height; y++) {
    const row = nearest(y, n, height) * size;
    if (row === before) { // the same line again
      pixels.copyWithin(to, to - line, to);
      to += line;
      continue;
    }
    before = row;
    for (const column of columns) {
      for (let c = 0; c < 3; c++) pixels[to++] = 255 * data[row + column + c];
      pixels[to++] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}
