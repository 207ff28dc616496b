// Who looks at whom: a patch of the reader's drawing asks, and every head of
// every block answers with a map; the tables that the map is a row of; and
// what becomes of it when the dot products are divided by another number.
//
// `query`, `layer`, `head` and `divisor` are the traits: what is shown is
// maps[layer][0, head, query] of `record_attention`. Queries, keys and
// values stay those of the trained model while the divisor changes.

import {
  arrows, best, button, colour, figure, frame, heat, hint, html, largest,
  listen, nameOf, percent, readerOf, rgb, rounded, scale, set, shape, slider,
  speaker, svg, within,
} from "../../alive/web/kit.js";
import { Chart, linear, text } from "../../alive/web/chart.js";
import { drawing, drawOver, shareWith } from "../../alive/web/drawing.js";
import { press, walk } from "../../alive/web/panels.js";
import { softmax, tensor } from "../../alive/web/vit.js";

const SIDE = 28;
const TRAITS = ["query", "layer", "head", "divisor"];
const [LOW, HIGH] = [-1, 6]; // the slider's ends, as powers of two
const STEP = 0.125;
const POWERS = Array.from({ length: 29 }, (_, i) => LOW + i / 4);
const FULL = 0.5; // the weight that gets the full colour
const PLOT = {
  width: 330, height: 132, left: 8, right: 8, top: 24, bottom: 16,
};

// --- Numbers and words

function capital(words) {
  return words[0].toUpperCase() + words.slice(1);
}

/** The entropy of a row of weights, in nats. */
export function entropyOf(row) {
  return row.reduce((sum, w) => sum - (w > 0 ? w * Math.log(w) : 0), 0);
}

/** How many keys a row of weights hears: e to its entropy. */
export function heardBy(row) {
  return Math.exp(entropyOf(row));
}

function counted(heard) {
  return heard.toFixed(heard < 10 ? 1 : 0);
}

function divisorText(divisor) {
  const square = divisor * divisor;
  if (divisor > 1 && divisor < 10 && square % 1 === 0 && divisor % 1 === 0) {
    return `√${square}`;
  }
  return rounded(divisor, divisor % 1 ? 2 : 0);
}

/** (heads, n, n) scores by the root -> the dot products of one head. */
function dotsOf(attn, head) {
  const [, n, size] = attn.q.shape;
  const root = Math.sqrt(size);
  const from = head * n * n;
  return attn.scores.data.subarray(from, from + n * n).map((s) => s * root);
}

function shade(weight) {
  return rgb(colour("weight", weight / FULL));
}

/** All maps of the drawing, for any divisor. */
class Reading {
  constructor(vit) {
    this.vit = vit;
    this.n = vit.num_tokens;
    this.root = Math.sqrt(vit.embed_dim / vit.num_heads);
    this.read();
  }

  read() {
    this.pass = this.vit.forward(drawing.image);
    this.dots = this.pass.blocks.map(({ attn }) =>
      Array.from({ length: this.vit.num_heads }, (_, head) =>
        dotsOf(attn, head)));
  }

  /** (n) weights: whom a query hears. */
  row(layer, head, query, divisor) {
    const dots = this.dots[layer][head].subarray(
      query * this.n, (query + 1) * this.n);
    return softmax(
      tensor([1, this.n], dots.map((dot) => dot / divisor))).data;
  }

  /** The rows of all heads, layer by layer. */
  rows(query, divisor) {
    return this.dots.flatMap((heads, layer) =>
      heads.map((_, head) => this.row(layer, head, query, divisor)));
  }

  /** What the model reads with this divisor in every head. */
  answer(divisor) {
    const { logits } = divisor === this.root ? this.pass
      : this.vit.forward(drawing.image, { scale: 1 / divisor });
    const shares = softmax(logits).data;
    return [best(shares), Math.max(...shares)];
  }
}

// --- The drawing: it asks, and it is looked at

/** A token that can ask, with the share it gets. */
function cellOf(place, p, look) {
  const share = html("span", {});
  const ink = place ? heat("ink", [p, p], `Patch ${place - 1}`) : null;
  const cell = html("button", {
    type: "button",
    class: place ? "vit-ask" : "vit-ask vit-token-cls",
    onpointerenter: () => look(place),
    onpointerleave: () => look(null),
  }, ...(ink ? [ink] : []), share);
  cell.paint = (patches, weight, query, key) => {
    cell.style.background = shade(weight);
    cell.classList.toggle("vit-query", place === query);
    cell.classList.toggle("vit-key", place === key && key !== query);
    cell.setAttribute("aria-pressed", place === query);
    share.textContent = percent(weight);
    cell.setAttribute("aria-label", `${capital(nameOf(place))}: ` +
      `gets ${percent(weight)} from ${nameOf(query)}`);
    if (!ink) return;
    cell.tabIndex = place === (query || 1) ? 0 : -1;
    ink.paint(patches.data.subarray((place - 1) * p * p, place * p * p), 1);
  };
  return cell;
}

/** Buttons for the tokens, over the drawing; `paint` shows weights. */
function asker(n, p, choose, look) {
  const cells = Array.from({ length: n }, (_, place) =>
    cellOf(place, p, look));
  const cols = SIDE / p;
  cells[0].addEventListener("click", () => choose(0));
  arrows(cells.slice(1), cols, (index) => choose(index + 1));
  const whole = html("div", { class: "vit-asker", "data-tensor": "row" },
    html("div", { class: "vit-ask-cls" }, cells[0],
      html("span", { class: "vit-head" }, "class token")),
    html("div", {
      class: "vit-asks", style: `--cols: ${cols}`, role: "group",
      "aria-label": "Patches: choose one that asks",
    }, ...cells.slice(1)));
  whole.paint = (patches, row, query, key) => cells.forEach((cell, place) =>
    cell.paint(patches, row[place], query, key));
  return whole;
}

// --- All maps of one query

/** A small map: what one head gives the class token and the patches. */
function mapOf(layer, head, n) {
  const cols = Math.sqrt(n - 1);
  const cls = html("span", { class: "vit-headmap-cls" });
  const spot = html("span", { class: "vit-headmap-query" });
  const map = heat("weight", [cols, cols], "");
  map.removeAttribute("role");
  const cell = html("button", { type: "button", class: "vit-headmap" },
    cls, html("span", { class: "vit-headmap-box" }, map, spot));
  cell.paint = (row, query, isChosen) => {
    cls.style.background = shade(row[0]);
    cls.classList.toggle("vit-query", query === 0);
    map.paint(row.subarray(1), FULL);
    spot.hidden = query === 0;
    spot.style.setProperty("--row", Math.floor((query - 1) / cols));
    spot.style.setProperty("--col", (query - 1) % cols);
    cell.classList.toggle("vit-chosen", isChosen);
    cell.dataset.tensor = isChosen ? "row" : "";
    cell.setAttribute("aria-pressed", isChosen);
    cell.tabIndex = isChosen ? 0 : -1;
    cell.setAttribute("aria-label", `Block ${layer}, head ${head}: hears ` +
      `${counted(heardBy(row))} of ${n} tokens`);
  };
  return cell;
}

function atlas(depth, heads, n, choose) {
  const cells = Array.from({ length: depth * heads }, (_, i) =>
    mapOf(Math.floor(i / heads), i % heads, n));
  arrows(cells, heads, (i) => choose(Math.floor(i / heads), i % heads));
  const named = (words) => html("span", { class: "vit-head" }, words);
  const columns = Array.from({ length: heads }, (_, head) =>
    named(`head ${head}`));
  const rows = Array.from({ length: depth }, (_, layer) => [
    named(`block ${layer}`),
    ...cells.slice(layer * heads, (layer + 1) * heads)]);
  const whole = html("div", {
    class: "vit-atlas", role: "group",
    style: `--heads: ${heads}; --cols: ${Math.sqrt(n - 1)}`,
    "aria-label": "Maps of all heads: choose one",
  }, html("span", {}), ...columns, ...rows.flat());
  whole.paint = (all, query, chosen) => cells.forEach((cell, i) =>
    cell.paint(all[i], query, i === chosen));
  return whole;
}

// --- The three tables

/** (n, p p) -> (p, n p): patches side by side. */
function sideBySide({ data, shape: [n, size] }) {
  const p = Math.sqrt(size);
  const turned = new Float32Array(data.length);
  for (let i = 0; i < n; i++) {
    for (let y = 0; y < p; y++) {
      const from = (i * p + y) * p;
      turned.set(data.subarray(from, from + p), (y * n + i) * p);
    }
  }
  return turned;
}

/** The tokens along an edge of a table. */
function strip(kind, n, p) {
  const across = kind === "key";
  const size = across ? [p, p * (n - 1)] : [p * (n - 1), p];
  const ink = heat("ink", size, "");
  ink.removeAttribute("role");
  const whole = html("span", {
    class: `vit-strip vit-strip-${kind}`, "aria-hidden": true,
  }, html("span", { class: "vit-strip-cls" }), ink);
  whole.paint = (patches) =>
    ink.paint(across ? sideBySide(patches) : patches.data, 1);
  return whole;
}

/** A table of numbers, query by key; the pointer looks, a click chooses. */
function table([title, name], { n, p }, { look, choose }) {
  const cells = heat("weight", [n, n], title || name);
  const row = html("span", {
    class: "vit-row", "data-tensor": name === "weights" ? "row" : null,
  });
  const spot = html("span", { class: "vit-spot" });
  const box = html("div", {
    class: "vit-table-cells", style: `--n: ${n}`, "data-tensor": name,
  }, cells, row, spot);
  const strips = [strip("key", n, p), strip("query", n, p)];
  const range = scale("weight");
  const at = ({ clientX, clientY }) => {
    const { left, top, width, height } = box.getBoundingClientRect();
    return [(clientY - top) / height, (clientX - left) / width].map((share) =>
      within(Math.floor(share * n), n));
  };
  box.addEventListener("pointermove", (event) => look(...at(event)));
  box.addEventListener("pointerleave", () => look(null, null));
  box.addEventListener("click", (event) => choose(at(event)[0]));
  const label = html("span", { class: "vit-head" }, title);
  const whole = html("div", { class: "vit-table" },
    label, html("div", { class: "vit-edged" }, ...strips, box),
    range, called(shape(name, [n, n]), name));
  /** White is the lowest number, the darkest violet the highest. */
  whole.paint = (values, lowest, [low, high], asking) => {
    const [patches, query, [i, j]] = asking;
    cells.paint(values.map((v) => v - lowest), largest(values) - lowest);
    strips.forEach((one) => one.paint(patches));
    range.ends(low, high);
    row.style.setProperty("--row", query);
    spot.style.setProperty("--row", i);
    spot.style.setProperty("--col", j);
  };
  whole.rename = (words) => { label.textContent = words; };
  return whole;
}

function ends(values) {
  return [Math.min(...values), Math.max(...values)].map((v) => rounded(v, 1));
}

/** Dot products, scores and weights; arrow keys go from pair to pair. */
function tables(size, hands) {
  const all = [
    table(["dot products", "q @ k.mT"], size, hands),
    table(["", "scores"], size, hands),
    table(["softmax by row", "weights"], size, hands),
  ];
  const whole = html("div", {
    class: "vit-tables", tabindex: 0, role: "group",
    "aria-label": "Three tables, a row for each query, a column for " +
      "each key. Arrow keys choose the pair.",
    onblur: () => hands.look(null, null),
  }, ...all);
  walk(whole, hands.step);
  /** Gives the pair's numbers in words. */
  whole.paint = (dots, divisor, patches, query, [i, j]) => {
    const { n } = size;
    const scores = dots.map((dot) => dot / divisor);
    const weights = softmax(tensor([n, n], scores)).data;
    const by = divisorText(divisor);
    const at = [patches, query, [i, j]];
    all[0].paint(dots, Math.min(...dots), ends(dots), at);
    all[1].rename(`divided by ${by}`);
    all[1].paint(scores, Math.min(...scores), ends(scores), at);
    all[2].paint(weights, 0, ["0", percent(largest(weights))], at);
    const pair = i * n + j;
    return `${capital(nameOf(i))} asks ${nameOf(j)}: q · k = ` +
      `${rounded(dots[pair], 1)}, divided by ${by} it is ` +
      `${rounded(scores[pair])}, weight ${percent(weights[pair])}.`;
  };
  return whole;
}

// --- The curve over the divisor

/** The dot may be pulled: `choose` gets the divisor under the pointer. */
function plot(n, head_dim, embed_dim, choose) {
  const chart = new Chart("vit-plot", {
    ...PLOT, x: linear(LOW, HIGH), y: linear(1, n),
  });
  press(chart.picture, (x) => {
    const step = Math.round(chart.fromLeft(x) / STEP) * STEP;
    choose(2 ** Math.min(HIGH, Math.max(LOW, step)));
  });
  const level = (count, words) => [
    chart.row(count),
    text(chart.end, chart.y(count) - 4, words, "end")];
  const upright = (divisor, words) => [
    chart.column(Math.log2(divisor)),
    text(chart.x(Math.log2(divisor)), chart.top - 12, words, "middle")];
  const curves = svg("g", {});
  const dot = chart.dot(5);
  chart.add(
    ...level(1, "1 heard"), ...level(n, `all ${n} heard`),
    ...upright(1, "1"),
    ...upright(Math.sqrt(head_dim), `√${head_dim}`),
    ...upright(Math.sqrt(embed_dim), `√${embed_dim}`), curves, dot);
  /** `rowsOf(divisor)` are the rows of all heads. */
  chart.show = (rowsOf, chosen, divisor) => {
    const all = POWERS.map((power) => rowsOf(2 ** power).map(heardBy));
    const of = (index) => all.map((counts) => counts[index]);
    curves.replaceChildren(
      ...all[0].map((_, index) => chart.line(POWERS, of(index), "vit-faint")),
      chart.line(POWERS, of(chosen), "vit-curve"));
    chart.move(dot, Math.log2(divisor), heardBy(rowsOf(divisor)[chosen]));
    const counts = of(chosen);
    chart.picture.setAttribute("aria-label", "How many tokens are heard, " +
      `over the divisor: ${counts[0].toFixed(1)} at ${2 ** LOW}, ` +
      `${counts.at(-1).toFixed(1)} at ${2 ** HIGH}`);
  };
  return chart;
}

/** The curve, a slider under it, and the divisors of the chapter. */
function dialOf({ n, root, vit }, choose) {
  const head_dim = root ** 2;
  const curve = plot(n, head_dim, vit.embed_dim, choose);
  const dial = slider("divided by", {
    min: LOW, max: HIGH, step: STEP, value: Math.log2(root),
  }, (power) => divisorText(2 ** power), (power) => choose(2 ** power));
  const preset = (words, divisor) => button(words, () => choose(divisor));
  const whole = html("div", { class: "vit-dial" }, curve.picture, dial,
    html("div", { class: "vit-presets" },
      preset("no root", 1),
      preset(`√${head_dim}, the head's`, root),
      preset(`√${vit.embed_dim}, the model's`, Math.sqrt(vit.embed_dim))));
  whole.show = (rowsOf, chosen, divisor) => {
    dial.set(Math.log2(divisor));
    curve.show(rowsOf, chosen, divisor);
  };
  return whole;
}

/** How many are heard, and what the model then reads, in words. */
function outcome() {
  const count = html("p", { class: "vit-count" });
  const rest = hint("");
  const answer = html("p", {});
  const whole = html("div", { class: "vit-counts" }, count, rest, answer);
  whole.show = (row, [digit, sure]) => {
    count.textContent =
      `${counted(heardBy(row))} of ${row.length} tokens heard`;
    rest.textContent = `Entropy ${rounded(entropyOf(row))} nats, largest ` +
      `weight ${percent(largest(row))}.`;
    answer.textContent = drawing.isEmpty
      ? "Nothing is drawn: these are the maps of white paper."
      : `With this divisor in every head the model reads ${digit}, ` +
        `${percent(sure)}.`;
    return `${count.textContent}. ${answer.textContent}`;
  };
  return whole;
}

/** What waits under its name until it is asked for. */
function fold(words, ...inside) {
  return html("details", { class: "vit-fold" },
    html("summary", {}, words), ...inside);
}

/** Which way the tables are read. */
function ways() {
  return html("p", { class: "vit-hint" },
    html("b", { class: "vit-asking-word" }, "Rows ask"),
    " (queries, the framed row is the map above), ",
    html("b", { class: "vit-asked-word" }, "columns are asked"),
    " (keys). In each table the darkest is the highest.");
}

// --- The figure

/** Let a tensor's name light up what shows the tensor. */
function called(code, name) {
  const light = (on) => () => {
    const root = code.closest("[data-figure]");
    for (const shown of root.querySelectorAll("[data-tensor]")) {
      const is = shown.dataset.tensor.split(", ").includes(name);
      shown.classList.toggle("vit-lit", on && is);
    }
  };
  code.tabIndex = 0;
  for (const start of ["pointerenter", "focus"]) {
    code.addEventListener(start, light(true));
  }
  for (const end of ["pointerleave", "blur"]) {
    code.addEventListener(end, light(false));
  }
  return code;
}

function traitsOf(model) {
  return TRAITS.map((trait) => model.get(trait));
}

/** Query and key of which the numbers are told: by pointer, or by keys. */
function pointing(model, reading, again) {
  let [query, key] = [null, null]; // under the pointer
  const hands = {
    get key() {
      return key;
    },
    look(...pair) {
      [query, key] = pair;
      again();
    },
    choose: (next) => set(model, { query: next }),
    /** What is pointed at, or else the query and whom it hears most. */
    pair() {
      const [asks, layer, head, divisor] = traitsOf(model);
      const row = reading.row(layer, head, query ?? asks, divisor);
      return [query ?? asks, key ?? best(row)];
    },
    step(right, down) {
      const [i, j] = hands.pair();
      const next = within(i + down, reading.n);
      [query, key] = [null, within(j + right, reading.n)];
      if (next === model.get("query")) again();
      else hands.choose(next);
    },
  };
  return hands;
}

/** What opens in place: the tables, and another divisor. */
function deeper(three, dial, heard) {
  return [
    fold("The three tables that the map is a row of", ways(), three),
    fold("Divide the dot products by another number",
      html("div", { class: "vit-tempered" }, dial, heard)),
  ];
}

export const render = figure(
  "attention_explorer", "Who looks at whom in the digit reader",
  ({ model, root, onEnd }) => {
    shareWith(model, onEnd);
    const vit = readerOf(model);
    const { num_tokens: n, patch_size: p, num_heads: heads } = vit;
    const reading = new Reading(vit);
    const choose = (traits) => set(model, traits);
    const again = frame(() => draw());
    const pointer = pointing(model, reading, again);

    const asked = html("span", { class: "vit-head" });
    const which = called(html("code", { class: "vit-shape" }), "row");
    const picture = asker(n, p, (query) => choose({ query }),
      (key) => pointer.look(null, key));
    const maps = atlas(vit.depth, heads, n,
      (layer, head) => choose({ layer, head }));
    const share = scale("weight").ends("0", `${percent(FULL)} or more`);
    const three = tables({ n, p }, pointer);
    const told = html("p", { class: "vit-verdict vit-pair" });
    const dial = dialOf(reading, (divisor) => choose({ divisor }));
    const heard = outcome();
    const spoken = speaker();
    const { own, controls } = drawOver(
      picture, "vit-drawn", "back to the map", onEnd);

    const draw = () => {
      const [query, layer, head, divisor] = traitsOf(model);
      const { patches } = reading.pass;
      const rows = reading.rows(query, divisor);
      const at = layer * heads + head;
      const answer = reading.answer(divisor);
      asked.textContent = `${capital(nameOf(query))} asks`;
      which.textContent = `maps[${layer}][0, ${head}, ${query}] (${n},)`;
      picture.paint(patches, rows[at], query, pointer.key);
      maps.paint(rows, query, at);
      told.textContent = three.paint(
        reading.dots[layer][head], divisor, patches, query, pointer.pair());
      dial.show((by) => reading.rows(query, by), at, divisor);
      const words = heard.show(rows[at], answer);
      Object.assign(root.dataset, {
        query, layer, head, divisor, heard: heardBy(rows[at]),
        answer: drawing.isEmpty ? "" : answer[0],
      });
      spoken.say(`${told.textContent} ${words}`);
    };

    root.append(
      hint("Click a patch: it asks. The darker a patch, the more it is " +
        "heard. Click a small map to see it large."),
      html("div", { class: "vit-attention" },
        html("div", { class: "vit-asking" }, asked, picture, own, which),
        html("div", { class: "vit-everyone" }, maps, share, controls)),
      told, ...deeper(three, dial, heard), spoken);
    listen(model, TRAITS, again, onEnd);
    onEnd(drawing.on(() => {
      reading.read();
      again();
    }));
    draw();
  });
