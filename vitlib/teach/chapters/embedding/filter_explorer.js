// How a patch becomes a token: the filters that the digit reader has
// learned, each laid on a patch of the reader's drawing, number by number.

import {
  best, figure, frame, heat, hint, html, largest, listen, readerOf, rounded,
  scale, set, sheet, speaker, within,
} from "../../alive/web/kit.js";
import {
  drawing, pad, padControls, shareWith,
} from "../../alive/web/drawing.js";
import {
  follow, mark, named, panel, place, press, walk,
} from "../../alive/web/panels.js";
import { linear, patchify } from "../../alive/web/vit.js";

const SIDE = 28;
const COLS = 8; // filters side by side

// --- Grids: cells in reading order

/** The cell of a grid where the pointer is. */
function cellAt(x, y, [rows, cols]) {
  return Math.floor(y * rows) * cols + Math.floor(x * cols);
}

/** The cell that lies a step further, or at the edge. */
function cellBeside(at, right, down, [rows, cols]) {
  return within(Math.floor(at / cols) + down, rows) * cols +
    within((at % cols) + right, cols);
}

/** Mark a cell of a grid. */
function markCell(onto, at, [rows, cols]) {
  place(onto, (at % cols) / cols, Math.floor(at / cols) / rows, 1 / cols,
    1 / rows);
}

// --- What is shown: a patch, a filter, their products

class Embedding {
  constructor(vit) {
    const { patch_size: p, embed_dim: d, filters, parameters } = vit;
    const side = SIDE / p;
    Object.assign(this, { p, d, filters, n: side * side, size: p * p });
    this.grid = [side, side];
    this.sheet = [d / COLS, COLS];
    this.square = [p, p];
    this.bias = parameters["patch_embed.proj.bias"];
    this.strongest = largest(filters.data);
  }

  read() {
    this.patches = patchify(drawing.image, this.p);
    this.tokens = linear(this.patches, this.filters, this.bias);
    this.top = largest(this.tokens.data);
  }

  /** The numbers of a patch and of a filter, and the token they make. */
  look(patch, filter) {
    const { size, d } = this;
    const x = this.patches.data.subarray(patch * size, (patch + 1) * size);
    const w = this.filters.data.subarray(filter * size, (filter + 1) * size);
    const token = this.tokens.data.subarray(patch * d, (patch + 1) * d);
    const bias = this.bias.data[filter];
    const products = x.map((value, i) => value * w[i]);
    return { patch, filter, x, w, products, token, bias };
  }
}

// --- The panels: where a patch and a filter are chosen

function patchPanel({ grid, n, size }, hands) {
  const cells = heat("ink", [SIDE, SIDE], "The patches");
  const here = mark("vit-panel-here");
  const one = panel(`its ${n} patches: click one`, "Patch", cells, here);
  one.view.classList.add("vit-sum-cut");
  one.name.write("patches", [1, n, size]);
  press(one.view, (x, y) => hands.choose({ patch: cellAt(x, y, grid) }));
  walk(one.view, (right, down) => hands.choose({
    patch: cellBeside(hands.patch(), right, down, grid),
  }));
  one.read = () => cells.paint(drawing.image.data, 1);
  one.show = ({ patch }, result) => {
    markCell(here, patch, grid);
    one.say(patch, n, result);
  };
  return one;
}

function filterPanel({ filters, strongest, sheet: grid, p, d, size }, hands) {
  const cells = heat(
    "signed", [grid[0] * p, grid[1] * p], "The filters", p);
  cells.paint(sheet(filters.data, p, COLS), strongest);
  const here = mark("vit-panel-here");
  const one = panel(`${d} learned filters: click one`, "Filter", cells, here);
  one.whole.append(scale("signed").around(strongest));
  one.name.write("filters", [d, size]);
  press(one.view, (x, y) => hands.choose({ filter: cellAt(x, y, grid) }));
  walk(one.view, (right, down) => hands.choose({
    filter: cellBeside(hands.filter(), right, down, grid),
  }));
  one.show = ({ filter }, result) => {
    markCell(here, filter, grid);
    one.say(filter, d, result);
  };
  return one;
}

/** All tokens, a row each; the row of the patch is large. */
function tokenPanel(embedding, hands) {
  const { n, d } = embedding;
  const cells = heat("signed", [n, d], "The tokens");
  const [row, cell] = [mark("vit-sum-row"), mark("vit-sum-cell")];
  const band = heat("signed", [1, d], "The token");
  row.append(band);
  const one = panel(
    `${n} tokens, one for each patch: each number is the answer of a filter`,
    "Number of the tokens", cells, row, cell);
  const ends = scale("signed");
  one.whole.append(ends);
  one.name.write("tokens", [1, n, d]);
  press(one.view, (x, y) => hands.choose({
    patch: Math.floor(y * n), filter: Math.floor(x * d),
  }));
  walk(one.view, (right, down) => hands.choose({
    patch: within(hands.patch() + down, n),
    filter: within(hands.filter() + right, d),
  }));
  one.read = () => {
    cells.paint(embedding.tokens.data, embedding.top);
    ends.around(embedding.top);
  };
  let before; // the patch whose row was shown
  one.show = ({ patch, filter, token }, result) => {
    band.paint(token, embedding.top);
    const top = `${(100 * (patch + 0.5)) / n}%`;
    row.style.top = top;
    if (before !== undefined && patch !== before) grow(row);
    before = patch;
    Object.assign(cell.style, {
      top, left: `${(100 * filter) / d}%`, width: `${100 / d}%`,
    });
    one.say(patch * d + filter, n * d, result);
  };
  return one;
}

/** Let a row open once more. */
function grow(row) {
  row.classList.remove("vit-sum-grow");
  void row.offsetWidth; // so that it starts again
  row.classList.add("vit-sum-grow");
}

// --- The sum: a patch times a filter, number by number

/** One of the three tables; `go(at)` tells which number is pointed at. */
function factor(kind, label, square, hands) {
  const canvas = heat(kind, square, label);
  const spot = mark("vit-panel-dot");
  const one = panel("", label, canvas, spot);
  follow(one.view, (x, y) => hands.go(cellAt(x, y, square)));
  walk(one.view, (right, down) =>
    hands.go(cellBeside(hands.at(), right, down, square)));
  one.paint = (values, top, title, name) => {
    canvas.paint(values, top);
    one.title.textContent = title;
    one.name.textContent = name;
  };
  one.point = (at, words) => {
    markCell(spot, at, square);
    one.say(at, square[0] * square[1], words);
  };
  return one;
}

function sign(words) {
  return html("span", { class: "vit-sum-sign" }, words);
}

/** Patch, filter and products: the same place is marked in all three. */
function factors({ square, size }) {
  let at = null; // the place in the patch
  let shown = null;
  const hands = {
    at: () => at,
    go: (next) => {
      at = next;
      point();
    },
  };
  const three = [
    ["ink", "Place in the patch"], ["signed", "Place in the filter"],
    ["signed", "Place among the products"],
  ].map(([kind, label]) => factor(kind, label, square, hands));
  const [ink, weights, products] = three;
  for (const { view } of [ink, weights]) view.tabIndex = -1;
  const once = html("p", { class: "vit-sum-once" });
  const whole = html("div", { class: "vit-sum-factors" },
    ink.whole, sign("·"), weights.whole, sign("="), products.whole);

  const point = () => {
    const { x, w, products: xw } = shown;
    once.textContent = `at row ${Math.floor(at / square[1])}, column ` +
      `${at % square[1]}: ${rounded(x[at])} · ${rounded(w[at], 3)} = ` +
      `${rounded(xw[at], 3)}`;
    for (const one of three) one.point(at, once.textContent);
  };
  const show = (now) => {
    const { patch, filter, x, w, products: xw } = now;
    const top = largest(w);
    shown = now;
    at ??= best(xw.map(Math.abs));
    ink.paint(x, 1, `patch ${patch}`, `patches[0, ${patch}]`);
    weights.paint(w, top, `filter ${filter}: ±${top.toFixed(2)}`,
      `filters[${filter}]`);
    products.paint(xw, top, "products", `(${size})`);
    point();
  };
  return { whole, once, show };
}

/** What the products come to, and the bias: the number of the token. */
function sumOf({ size }, tokens) {
  const [total, constant, answer] = ["b", "b", "b"].map((tag) => html(tag));
  const name = named(tokens.whole);
  const whole = html("div", { class: "vit-sum-up" },
    html("span", {}, `sum of the ${size} products`), total,
    html("span", {}, "+ bias of the filter"), constant,
    name, answer);
  whole.show = ({ patch, filter, token, bias }) => {
    total.textContent = rounded(token[filter] - bias);
    constant.textContent = rounded(bias);
    answer.textContent = rounded(token[filter]);
    name.textContent = `= tokens[0, ${patch}, ${filter}]`;
    return `Patch ${patch}, filter ${filter}: the products sum to ` +
      `${total.textContent}, with the bias of ${constant.textContent} ` +
      `${answer.textContent}, number ${filter} of the token.`;
  };
  return whole;
}

export const render = figure(
  "filter_explorer", "A patch of your digit becomes a token",
  ({ model, root, onEnd }) => {
    shareWith(model, onEnd);
    const embedding = new Embedding(readerOf(model));
    const hands = {
      choose: (traits) => {
        set(model, traits);
        draw();
      },
      patch: () => model.get("patch"),
      filter: () => model.get("filter"),
    };
    const cut = patchPanel(embedding, hands);
    const learned = filterPanel(embedding, hands);
    const tokens = tokenPanel(embedding, hands);
    const three = factors(embedding);
    const total = sumOf(embedding, tokens);
    const said = hint("");
    const spoken = speaker();

    const draw = () => {
      const now = embedding.look(hands.patch(), hands.filter());
      const { patch, filter, token } = now;
      const result = `${rounded(token[filter])} for patch ${patch}, ` +
        `filter ${filter}`;
      for (const one of [cut, learned, tokens]) one.show(now, result);
      three.show(now);
      spoken.say(`${total.show(now)} ${said.textContent}`.trim());
    };
    const read = () => {
      embedding.read();
      cut.read();
      tokens.read();
      said.textContent = drawing.isEmpty
        ? "Nothing is drawn: all products are 0, and each token is the bias."
        : "";
      draw();
    };

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
          three.whole, three.once, total),
        learned.whole),
      tokens.whole, padControls(onEnd), said, spoken);
    read();
    onEnd(drawing.on(frame(read)));
    listen(model, ["patch", "filter"], frame(draw), onEnd);
  });
