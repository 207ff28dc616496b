// How a patch becomes a token: the filters that the digit reader has
// learned, each laid on a patch of the reader's drawing, number by number.

import {
  figure, frame, heat, hint, html, largest, listen, readerOf, rounded, scale,
} from "../../alive/web/kit.js";
import { drawing, pad, padControls, shareWith } from "../../alive/web/drawing.js";
import { follow, named, panel, place, walk } from "../../alive/web/panels.js";
import { linear, patchify, tensor } from "../../alive/web/vit.js";

const SIDE = 28;
const COLS = 8; // filters side by side

const within = (value, end) => Math.min(end - 1, Math.max(0, value));
const mark = (kind) => html("span", { class: `vit-panel-mark ${kind}` });
const ends = (bar, top) =>
  bar.ends(`\u2212${top.toFixed(2)}`, top.toFixed(2));

/** Act where the pointer is pressed, and where it is drawn to then. */
function press(view, go) {
  follow(view, (x, y, { type, buttons }) => {
    if (type === "pointerdown" || buttons) go(x, y);
  });
}

/** (n, p p) -> (rows p, cols p): tables side by side, as one picture. */
function sheet({ data, shape: [n, size] }, cols) {
  const p = Math.sqrt(size);
  const whole = tensor([(n / cols) * p, cols * p]);
  for (let i = 0; i < n * size; i++) {
    const [one, at] = [Math.floor(i / size), i % size];
    const row = Math.floor(one / cols) * p + Math.floor(at / p);
    whole.data[row * cols * p + (one % cols) * p + (at % p)] = data[i];
  }
  return whole.data;
}

export const render = figure(
  "filter_explorer", "A patch of your digit becomes a token",
  ({ model, root, onEnd }) => {
    shareWith(model, onEnd);
    const vit = readerOf(model);
    const [p, d] = [vit.patch_size, vit.embed_dim];
    const [grid, size] = [SIDE / p, p * p];
    const n = grid * grid;
    const filters = vit.filters;
    const bias = vit.parameters["patch_embed.proj.bias"];
    const strongest = largest(filters.data);
    let [patch, filter] = [0, 0];
    let at = null; // the place in the patch
    let [patches, tokens] = [null, null];

    // --- The panels

    const cells = heat("ink", [SIDE, SIDE], "The patches");
    const here = mark("vit-panel-here");
    const cut = panel("its 16 patches: click one", "Patch", cells, here);
    cut.view.classList.add("vit-sum-cut");
    const all = heat("signed", [(d / COLS) * p, COLS * p], "The filters", p);
    all.paint(sheet(filters, COLS), strongest);
    const chosen = mark("vit-panel-here");
    const learned = panel(
      `${d} learned filters: click one`, "Filter", all, chosen);
    const learnedEnds = ends(scale("signed"), strongest);
    learned.whole.append(learnedEnds);

    const factor = (kind, label) => {
      const canvas = heat(kind, [p, p], label);
      const spot = mark("vit-panel-dot");
      const whole = panel("", label, canvas, spot);
      return Object.assign(whole, { canvas, spot });
    };
    const ink = factor("ink", "Place in the patch");
    const weights = factor("signed", "Place in the filter");
    const products = factor("signed", "Place among the products");
    const three = [ink, weights, products];
    const sign = (text) => html("span", { class: "vit-sum-sign" }, text);
    const once = html("p", { class: "vit-sum-once" });
    const [total, constant, answer] = ["b", "b", "b"].map((tag) => html(tag));
    const numbers = heat("signed", [n, d], "The tokens");
    const [row, cell] = [mark("vit-sum-row"), mark("vit-sum-cell")];
    const band = heat("signed", [1, d], "The token");
    row.append(band);
    const sequence = panel(
      "16 tokens, one for each patch: each number is the answer of a filter",
      "Number of the tokens", numbers, row, cell);
    const name = named(sequence.whole);
    const sum = html("div", { class: "vit-sum-up" },
      html("span", {}, `sum of the ${size} products`), total,
      html("span", {}, "+ bias of the filter"), constant,
      name, answer);
    const tokenEnds = scale("signed");
    sequence.whole.append(tokenEnds);
    const said = html("p", { class: "vit-hint", role: "status" });

    // --- What changes

    const choose = (next) => {
      for (const [trait, value] of Object.entries(next)) {
        if (model.get(trait) !== value) model.set(trait, value);
      }
      model.save_changes();
      draw();
    };

    const embed = () => {
      patches = patchify(drawing.image, p);
      tokens = linear(patches, filters, bias);
      cells.paint(drawing.image.data, 1);
      const top = largest(tokens.data);
      numbers.paint(tokens.data, top);
      ends(tokenEnds, top);
      said.textContent = drawing.isEmpty
        ? "Nothing is drawn: all products are 0, and each token is the bias."
        : "";
      draw();
    };

    const draw = () => {
      const moved = patch !== model.get("patch");
      patch = model.get("patch");
      filter = model.get("filter");
      const x = patches.data.subarray(patch * size, (patch + 1) * size);
      const w = filters.data.subarray(filter * size, (filter + 1) * size);
      const xw = x.map((value, i) => value * w[i]);
      const token = tokens.data.subarray(patch * d, (patch + 1) * d);
      const top = largest(w);
      at ??= xw.indexOf(xw.reduce((a, b) => Math.abs(a) > Math.abs(b) ? a : b));

      place(here, (patch % grid) / grid, Math.floor(patch / grid) / grid,
        1 / grid, 1 / grid);
      place(chosen, (filter % COLS) / COLS,
        Math.floor(filter / COLS) / (d / COLS), 1 / COLS, COLS / d);
      ink.canvas.paint(x, 1);
      weights.canvas.paint(w, top);
      products.canvas.paint(xw, top);
      for (const { spot } of three) {
        place(spot, (at % p) / p, Math.floor(at / p) / p, 1 / p, 1 / p);
      }
      band.paint(token, largest(tokens.data));
      row.style.top = `${(100 * (patch + 0.5)) / n}%`;
      if (moved) {
        row.classList.remove("vit-sum-grow");
        void row.offsetWidth; // so that it starts again
        row.classList.add("vit-sum-grow");
      }
      cell.style.top = row.style.top;
      cell.style.left = `${(100 * filter) / d}%`;
      cell.style.width = `${100 / d}%`;

      cut.name.write("patches", [1, n, size]);
      learned.name.write("filters", [d, size]);
      sequence.name.write("tokens", [1, n, d]);
      ink.title.textContent = `patch ${patch}`;
      weights.title.textContent = `filter ${filter}: ±${top.toFixed(2)}`;
      products.title.textContent = "products";
      ink.name.textContent = `patches[0, ${patch}]`;
      weights.name.textContent = `filters[${filter}]`;
      products.name.textContent = `(${size})`;
      once.textContent = `at row ${Math.floor(at / p)}, column ${at % p}: ` +
        `${rounded(x[at])} · ${rounded(w[at], 3)} = ${rounded(xw[at], 3)}`;
      total.textContent = rounded(token[filter] - bias.data[filter]);
      constant.textContent = rounded(bias.data[filter]);
      answer.textContent = rounded(token[filter]);
      name.textContent = `= tokens[0, ${patch}, ${filter}]`;

      const result = `${rounded(token[filter])} for patch ${patch}, ` +
        `filter ${filter}`;
      cut.say(patch, n, result);
      learned.say(filter, d, result);
      sequence.say(patch * d + filter, n * d, result);
      for (const { say } of three) say(at, size, once.textContent);
    };

    // --- Hands

    press(cut.view, (x, y) => choose({
      patch: Math.floor(y * grid) * grid + Math.floor(x * grid),
    }));
    walk(cut.view, (dx, dy) => choose({
      patch: within(Math.floor(patch / grid) + dy, grid) * grid +
        within((patch % grid) + dx, grid),
    }));
    const rows = d / COLS;
    press(learned.view, (x, y) => choose({
      filter: Math.floor(y * rows) * COLS + Math.floor(x * COLS),
    }));
    walk(learned.view, (dx, dy) => choose({
      filter: within(Math.floor(filter / COLS) + dy, rows) * COLS +
        within((filter % COLS) + dx, COLS),
    }));
    press(sequence.view, (x, y) => choose({
      patch: Math.floor(y * n), filter: Math.floor(x * d),
    }));
    walk(sequence.view, (dx, dy) => choose({
      patch: within(patch + dy, n), filter: within(filter + dx, d),
    }));
    for (const { view } of three) {
      follow(view, (x, y) => {
        at = Math.floor(y * p) * p + Math.floor(x * p);
        draw();
      });
      walk(view, (dx, dy) => {
        at = within(Math.floor(at / p) + dy, p) * p +
          within((at % p) + dx, p);
        draw();
      });
    }
    for (const { view } of [ink, weights]) view.tabIndex = -1;

    root.append(
      hint("Choose a patch and a filter. The filter is laid on the patch, " +
        "number on number: the sum of the products is one number of the " +
        "token."),
      html("div", { class: "vit-sum-top" },
        html("div", { class: "vit-sum-left" },
          html("div", { class: "vit-sum-drawn" },
            html("div", { class: "vit-panel" },
              html("span", { class: "vit-head" }, "your drawing"),
              pad("Draw a digit here", { onEnd })),
            cut.whole),
          html("div", { class: "vit-sum-factors" },
            ink.whole, sign("·"), weights.whole, sign("="), products.whole),
          once, sum),
        learned.whole),
      sequence.whole, padControls(), said);
    embed();
    onEnd(drawing.on(frame(embed)));
    const redraw = frame(draw);
    for (const trait of ["patch", "filter"]) {
      listen(model, trait, redraw, onEnd);
    }
  });
