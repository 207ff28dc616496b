// A picture, its patches, their sequence: point at a pixel, and see where
// its numbers stand in each of the three.

import { button, figure, frame, hint, html, listen, slider, svg } from "../../alive/web/kit.js";
import { follow, named, panel, place, walk } from "../../alive/web/panels.js";
import { patchify, tensor } from "../../alive/web/vit.js";

const SMALLEST = 4; // the side of a patch, in pixels
const SIDE = 224; // of a photo from outside
const LARGEST_FILE = 40e6;
const SHARP = 480; // pixels of the canvas for a panel's side
const NEAR = 6; // patches shown before and after the chosen one

const CHANNELS = ["red", "green", "blue"];

const bytesOf = ({ buffer, byteOffset, byteLength }) =>
  new Uint8Array(buffer, byteOffset, byteLength);
const counted = (number) => number.toLocaleString("en");
const within = (value, end) => Math.min(end - 1, Math.max(0, value));

// --- A photo from outside

/** A file -> the bytes of its middle square, (224, 224, 3); may refuse. */
async function middleOf(file) {
  if (file.size > LARGEST_FILE) {
    throw new Error("That file is larger than 40 MB. Try a smaller photo.");
  }
  let photo;
  try {
    photo = await createImageBitmap(file);
  } catch {
    throw new Error(
      "This browser finds no picture in that file. A JPEG or PNG will do.");
  }
  const canvas = html("canvas", { width: SIDE, height: SIDE });
  const context = canvas.getContext("2d");
  context.fillStyle = "#ffffff"; // where the photo is transparent
  context.fillRect(0, 0, SIDE, SIDE);
  context.imageSmoothingQuality = "high";
  const scale = SIDE / Math.min(photo.width, photo.height);
  const [width, height] = [photo.width * scale, photo.height * scale];
  context.drawImage(
    photo, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  return data.filter((_, i) => i % 4 < 3);
}

const canvas = (kind, label) => html("canvas", {
  class: `vit-heat ${kind}`, role: "img", "aria-label": label,
});
const mark = (kind) => html("span", { class: `vit-panel-mark ${kind}` });

// --- The figure

export const render = figure(
  "patch_explorer", "A picture, its patches and their sequence",
  ({ model, root, links, onEnd }) => {
    const traits = ["patch_size", "patch", "image_size", "pixels"];
    const first = Object.fromEntries(traits.map((t) => [t, model.get(t)]));
    let image; // (h, w, 3)
    let patches; // (n, p p 3)
    let photo; // the image on a canvas, to be cut from
    let [p, rows, cols, patch, pixel] = [0, 0, 0, 0, 0];
    let drawn; // what the grid and the table show

    const grid = canvas("vit-cut-smooth", "The picture");
    const [here, dot] = [mark("vit-panel-here"), mark("vit-panel-dot")];
    const picture = panel("the picture", "Patch", grid, here, dot);
    const table = canvas("", "All patches, row by row");
    const band = canvas("vit-cut-band", "The row of the patch");
    const [row, tick] = [mark("vit-cut-row"), mark("vit-cut-tick")];
    row.append(band, tick);
    const sequence = panel(
      "a row for each patch", "Row of the sequence", table, row);
    const close = canvas("", "The patch, enlarged");
    const square = mark("vit-panel-dot");
    const large = panel("", "Pixel of the patch", close, square);
    const threads = svg("svg", { class: "vit-cut-threads", "aria-hidden": true });
    const swatch = html("span", { class: "vit-cut-swatch" });
    const [from, to] = [named(picture.whole), named(sequence.whole)];
    const values = html("span");
    const readout = html("div", { class: "vit-cut-readout" },
      html("span", {}, "these three numbers:"), from, to,
      html("span", { class: "vit-cut-values" }, swatch, values));
    const panels = html("div", { class: "vit-cut-panels" },
      picture.whole, sequence.whole,
      html("div", { class: "vit-cut-detail" }, large.whole, readout), threads);

    const film = html("div", { class: "vit-cut-film", "aria-hidden": true });
    const frames = Array.from({ length: 2 * NEAR + 1 }, (_, i) => {
      const cut = canvas("", "A patch");
      const number = html("span");
      const whole = html("span", {
        class: i === NEAR ? "vit-cut-frame vit-cut-frame-now" : "vit-cut-frame",
        onclick: () => choose(patch + i - NEAR, pixel),
      }, cut, number);
      film.append(whole);
      return { cut, number, whole };
    });
    const facts = html("div", { class: "vit-cut-facts" });
    const said = html("p", { class: "vit-hint", role: "status" });

    // --- What changes

    /** Read the traits; false while Python has sent a part of them. */
    const take = () => {
      const [height, width] = model.get("image_size");
      const bytes = bytesOf(model.get("pixels"));
      const size = model.get("patch_size");
      const fits = height % size === 0 && width % size === 0;
      if (bytes.length !== height * width * 3 || !fits) return false;
      p = size;
      if (image?.bytes !== bytes.buffer) {
        const data = Float32Array.from(bytes, (byte) => byte / 255);
        image = tensor([height, width, 3], data);
        image.bytes = bytes.buffer;
        photo = asCanvas(image);
      }
      [rows, cols] = [height / p, width / p];
      patch = within(model.get("patch"), rows * cols);
      pixel = within(pixel, p * p);
      return true;
    };

    const choose = (next, at) => {
      if (next < 0 || next >= rows * cols) return;
      pixel = within(at, p * p);
      if (next !== patch) {
        model.set("patch", next);
        model.save_changes();
      }
      draw();
    };

    /** Another size; the chosen pixel of the picture stays chosen. */
    const resize = (size) => {
      const [y, x] = onPicture();
      model.set("patch_size", size);
      const [top, left] = [Math.floor(y / size), Math.floor(x / size)];
      model.set("patch", top * (image.shape[1] / size) + left);
      pixel = (y % size) * size + (x % size);
      model.save_changes();
      draw();
    };

    const onPicture = () => [
      Math.floor(patch / cols) * p + Math.floor(pixel / p),
      (patch % cols) * p + (pixel % p),
    ];

    // --- Drawing

    const paintAll = () => {
      const key = [image.bytes, p];
      if (drawn?.every((part, i) => part === key[i])) return;
      drawn = key;
      patches = patchify(image, p);
      panels.style.setProperty("--ratio", cols / rows);
      paintGrid(grid, photo, p, rows, cols);
      paintTable(table, patches, SHARP, SHARP);
      showSlider();
      showFacts();
    };

    const showSlider = () => {
      const [height, width] = image.shape;
      const sizes = Array.from({ length: height + 1 }, (_, i) => i).filter(
        (i) => i >= SMALLEST && height % i === 0 && width % i === 0);
      if (sizes.join() !== control.sizes?.join()) {
        const fresh = slider(
          "patch size", {
            min: 0, max: sizes.length - 1, value: sizes.indexOf(p),
          }, (i) => `${sizes[i]} × ${sizes[i]} pixels`,
          (i) => resize(sizes[i]));
        control.replaceChildren(fresh);
        Object.assign(control, { sizes, set: fresh.set });
      }
      control.set(sizes.indexOf(p));
    };

    const showFacts = () => {
      const n = rows * cols;
      const [height, width] = image.shape;
      const entries = [
        ["words", n, `${height} / ${p} · ${width} / ${p}`],
        ["numbers in a word", p * p * 3, `${p} · ${p} · 3`],
        ["numbers in all", n * p * p * 3, "always the same: none is lost"],
        ["pairs of words", n * n, "what attention will compare"],
      ];
      facts.replaceChildren(...entries.map(([name, number, why]) =>
        html("div", {}, html("span", {}, name),
          html("b", {}, counted(number)), html("span", {}, why))));
    };

    const draw = () => {
      if (!take()) return;
      paintAll();
      const n = rows * cols;
      const [top, left] = [Math.floor(patch / cols), patch % cols];
      const [y, x] = onPicture();
      const where = `patch ${patch}: row ${top}, column ${left}`;
      const start = 3 * pixel;
      const at = patch * p * p * 3 + start;
      const numbers = [...patches.data.subarray(at, at + 3)];
      const written = numbers.map((v) => v.toFixed(3));

      place(here, left / cols, top / rows, 1 / cols, 1 / rows);
      place(dot, (x + 0.5) / image.shape[1], (y + 0.5) / image.shape[0], 0, 0);
      paintTable(band, tensor([1, p * p * 3], patches.data.subarray(
        at - start, at - start + p * p * 3)), Math.min(p * p, SHARP), 1);
      row.style.top = `${(100 * (patch + 0.5)) / n}%`;
      row.style.height = `max(18px, ${100 / n}%)`;
      tick.style.left = `${(100 * (pixel + 0.5)) / (p * p)}%`;
      cut(close, patch);
      place(square, (pixel % p) / p, Math.floor(pixel / p) / p, 1 / p, 1 / p);

      picture.name.write("images", [1, 3, ...image.shape.slice(0, 2)]);
      sequence.name.write("patches", [1, n, p * p * 3]);
      large.title.textContent = where;
      large.name.write(`patches[0, ${patch}]`, [p * p * 3]);
      picture.say(patch, n, where);
      sequence.say(patch, n, where);
      large.say(pixel, p * p, `row ${Math.floor(pixel / p)}, column ` +
        `${pixel % p}: ${written.map((v, c) => `${CHANNELS[c]} ${v}`)}`);
      from.textContent = `images[0, :, ${y}, ${x}]`;
      to.textContent = `patches[0, ${patch}, ${start}:${start + 3}]`;
      values.textContent = `[${written.join(", ")}]`;
      swatch.style.background =
        `rgb(${numbers.map((v) => Math.round(255 * v))})`;
      showFilm();
      thread();
    };

    /** One patch on a canvas of its size. */
    const cut = (onto, index) => {
      onto.width = onto.height = p;
      onto.getContext("2d").drawImage(
        photo, (index % cols) * p, Math.floor(index / cols) * p, p, p,
        0, 0, p, p);
    };

    const showFilm = () => {
      frames.forEach(({ cut: onto, number, whole }, i) => {
        const index = patch + i - NEAR;
        const isThere = index >= 0 && index < rows * cols;
        whole.classList.toggle("vit-cut-frame-none", !isThere);
        whole.classList.toggle(
          "vit-cut-frame-first", isThere && index > 0 && index % cols === 0);
        number.textContent = isThere ? index : "";
        if (isThere) cut(onto, index);
      });
    };

    /** Lines from the patch to its row, from the row to the large patch. */
    const thread = frame(() => {
      const box = panels.getBoundingClientRect();
      const [a, b, c] = [here, row, close].map(
        (part) => part.getBoundingClientRect());
      const line = (x0, y0, x1, y1) => svg("path", {
        d: `M${x0 - box.left},${y0 - box.top} ` +
          `C${(x0 + x1) / 2 - box.left},${y0 - box.top} ` +
          `${(x0 + x1) / 2 - box.left},${y1 - box.top} ` +
          `${x1 - box.left},${y1 - box.top}`,
      });
      const middle = (side) => (side.top + side.bottom) / 2;
      const lines = [line(a.right, middle(a), b.left, middle(b))];
      if (c.left >= b.right) {
        lines.push(line(b.right, middle(b), c.left, middle(c)));
      }
      threads.replaceChildren(...lines);
    });

    // --- Hands

    let held = false; // by a press; the pointer may go where it likes then
    const point = (find) => (x, y, { type, buttons, pointerType }) => {
      const isPress = type === "pointerdown";
      if (held && !isPress && !buttons) return;
      const [next, at] = find(x, y);
      const again = held && next === patch && pointerType === "mouse";
      if (isPress) held = !again;
      here.classList.toggle("vit-cut-held", held);
      row.classList.toggle("vit-cut-held", held);
      choose(next, at);
    };

    follow(picture.view, point((x, y) => {
      const [height, width] = image.shape;
      const [top, left] = [Math.floor(y * height), Math.floor(x * width)];
      return [Math.floor(top / p) * cols + Math.floor(left / p),
        (top % p) * p + (left % p)];
    }));
    walk(picture.view, (dx, dy) => {
      const [top, left] = [Math.floor(patch / cols), patch % cols];
      const [y, x] = [within(top + dy, rows), within(left + dx, cols)];
      choose(y * cols + x, pixel);
    });
    follow(sequence.view, point((x, y) =>
      [Math.floor(y * rows * cols), Math.floor(x * p * p)]));
    walk(sequence.view, (dx, dy) =>
      choose(within(patch + dx + dy, rows * cols), pixel));
    follow(large.view, (x, y) =>
      choose(patch, Math.floor(y * p) * p + Math.floor(x * p)));
    walk(large.view, (dx, dy) => {
      const [y, x] = [Math.floor(pixel / p), pixel % p];
      choose(patch, within(y + dy, p) * p + within(x + dx, p));
    });

    // --- Photos

    const set = (values) => {
      for (const [trait, value] of Object.entries(values)) {
        model.set(trait, value);
      }
      pixel = Math.floor(p / 2) * (p + 1); // the middle of the patch
      model.save_changes();
      draw();
    };
    const open = async (file) => {
      try {
        const bytes = await middleOf(file);
        set({
          patch_size: SIDE % p ? 16 : p, patch: 0, image_size: [SIDE, SIDE],
          pixels: new DataView(new Uint8Array(bytes).buffer),
        });
        back.hidden = false;
        said.textContent = "The middle of your photo, 224 × 224 pixels. " +
          (links ? "It does not leave this page."
            : "Python has it as the figure's images.");
      } catch ({ message }) {
        said.textContent = message;
      }
    };
    const chosen = html("input", {
      type: "file", accept: "image/*",
      onchange: () => {
        if (chosen.files.length) open(chosen.files[0]);
        chosen.value = "";
      },
    });
    const back = button("back to the first picture", () => {
      set(first);
      back.hidden = true;
      said.textContent = "";
    });
    back.hidden = true;
    root.addEventListener("dragover", (event) => event.preventDefault());
    root.addEventListener("drop", (event) => {
      event.preventDefault();
      const [file] = event.dataTransfer.files;
      if (file) open(file);
    });

    const control = html("span");
    root.append(
      hint("Move over the picture and follow one pixel; a click holds it. " +
        "Then change the size of the patches."),
      html("div", { class: "vit-panel-controls" }, control,
        html("label", { class: "vit-button" }, chosen, "your own photo"),
        back),
      said, panels, film, facts);
    pixel = Math.floor(model.get("patch_size") / 2) *
      (model.get("patch_size") + 1); // the middle of the patch
    draw();
    const redraw = frame(draw);
    for (const trait of traits) listen(model, trait, redraw, onEnd);
    const watch = new ResizeObserver(thread);
    watch.observe(panels);
    onEnd(() => watch.disconnect());
  });

// --- Painting

function asCanvas({ data, shape: [height, width] }) {
  const onto = html("canvas", { width, height });
  const context = onto.getContext("2d");
  const pixels = context.createImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) {
      pixels.data[4 * i + c] = Math.round(255 * data[3 * i + c]);
    }
    pixels.data[4 * i + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
  return onto;
}

/** The picture with its patches moved apart. */
function paintGrid(onto, photo, p, rows, cols) {
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
  const pixels = context.createImageData(width, height);
  for (let y = 0, to = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * n) / height) * length;
    for (let x = 0; x < width; x++, to += 4) {
      const from = 3 * (row + Math.floor(((x + 0.5) * length) / width));
      for (let c = 0; c < 3; c++) {
        pixels.data[to + c] = Math.round(255 * data[from + c]);
      }
      pixels.data[to + 3] = 255;
    }
  }
  context.putImageData(pixels, 0, 0);
}
