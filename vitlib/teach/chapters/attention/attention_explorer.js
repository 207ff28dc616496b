// Who looks at whom: a patch of the reader's drawing asks, and every head of
// every block answers with a map; the tables that the map is a row of; and
// what becomes of it when the dot products are divided by another number.
//
// `query`, `layer`, `head` and `divisor` are the traits: what is shown is
// maps[layer][0, head, query] of `record_attention`. Queries, keys and
// values stay those of the trained model while the divisor changes.

import {
  arrows, button, colour, figure, frame, heat, hint, html, largest, listen,
  percent, readerOf, rounded, scale, shape, slider, speaker, svg, token,
} from "../../alive/web/kit.js";
import { drawing, pad, padControls, shareWith } from "../../alive/web/drawing.js";
import { softmax, tensor } from "../../alive/web/vit.js";

const SIDE = 28;
const LOW = -1; // the slider's ends, as powers of two
const HIGH = 6;
const STEP = 0.125;
const FULL = 0.5; // the weight that gets the full colour
const [WIDE, TALL, EDGE] = [330, 132, 8]; // the curve's plot, in pixels

function nameOf(place) {
  return place ? `patch ${place - 1}` : "the class token";
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}

/** How many keys a row of weights hears: e to its entropy in nats. */
function entropyOf(row) {
  return row.reduce((sum, w) => sum - (w > 0 ? w * Math.log(w) : 0), 0);
}

function divisorText(divisor) {
  const square = divisor * divisor;
  if (divisor > 1 && divisor < 10 && square % 1 === 0 && divisor % 1 === 0) {
    return `√${square}`;
  }
  return rounded(divisor, divisor % 1 ? 2 : 0);
}

function heard(entropy) {
  const count = Math.exp(entropy);
  return count < 10 ? count.toFixed(1) : count.toFixed(0);
}

/** (heads, n, n) scores by the root -> the dot products of one head. */
function dotsOf(attn, head) {
  const [, n, size] = attn.q.shape;
  const root = Math.sqrt(size);
  const from = head * n * n;
  return attn.scores.data.subarray(from, from + n * n).map((s) => s * root);
}

function shade(weight) {
  const [r, g, b] = colour("weight", weight / FULL);
  return `rgb(${r}, ${g}, ${b})`;
}

/** How much light a shade gives back, from 0 to 1: black text needs 0.18. */
function brightness(weight) {
  const [r, g, b] = colour("weight", weight / FULL).map((v) => (
    v <= 10 ? v / 3295 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function rowOf(dots, query, n, divisor) {
  const row = dots.subarray(query * n, (query + 1) * n);
  return softmax(tensor([1, n], row.map((dot) => dot / divisor))).data;
}

// --- The drawing: it asks, and it is looked at

/** Buttons for the tokens, over the drawing; `paint(row)` shows weights. */
function asker(n, p, choose, look) {
  const cols = SIDE / p;
  const inks = Array.from({ length: n - 1 }, (_, i) =>
    heat("ink", [p, p], `Patch ${i}`));
  const shares = Array.from({ length: n }, () => html("span", {}));
  const cells = shares.map((share, place) => html("button", {
    type: "button",
    class: place ? "vit-ask" : "vit-ask vit-token-cls",
    onpointerenter: () => look(place),
    onpointerleave: () => look(null),
  }, ...(place ? [inks[place - 1]] : []), share));
  cells[0].addEventListener("click", () => choose(0));
  arrows(cells.slice(1), cols, (index) => choose(index + 1));
  const whole = html("div", { class: "vit-asker", "data-tensor": "row" },
    html("div", { class: "vit-ask-cls" }, cells[0],
      html("span", { class: "vit-head" }, "class token")),
    html("div", {
      class: "vit-asks", style: `--cols: ${cols}`, role: "group",
      "aria-label": "Patches: choose one that asks",
    }, ...cells.slice(1)));
  whole.paint = (patches, row, query, key) => {
    cells.forEach((cell, place) => {
      cell.style.background = shade(row[place]);
      cell.classList.toggle("vit-dark", brightness(row[place]) < 0.18);
      cell.classList.toggle("vit-query", place === query);
      cell.classList.toggle("vit-key", place === key && key !== query);
      cell.setAttribute("aria-pressed", place === query);
      shares[place].textContent = percent(row[place]);
      cell.setAttribute("aria-label", `${capital(nameOf(place))}: ` +
        `gets ${percent(row[place])} from ${nameOf(query)}`);
      if (place) cell.tabIndex = place === (query || 1) ? 0 : -1;
    });
    inks.forEach((ink, i) =>
      ink.paint(patches.data.subarray(i * p * p, (i + 1) * p * p), 1));
  };
  return whole;
}

// --- All maps of one query

function atlas(depth, heads, n, choose) {
  const cols = Math.sqrt(n - 1);
  const all = Array.from({ length: depth * heads }, (_, i) => {
    const [layer, head] = [Math.floor(i / heads), i % heads];
    const cls = html("span", { class: "vit-headmap-cls" });
    const spot = html("span", { class: "vit-headmap-query" });
    const map = heat("weight", [cols, cols], "");
    map.removeAttribute("role");
    const cell = html("button", { type: "button", class: "vit-headmap" },
      cls, html("span", { class: "vit-headmap-box" }, map, spot));
    return { layer, head, cls, map, spot, cell };
  });
  arrows(all.map(({ cell }) => cell), heads, (index) =>
    choose(all[index].layer, all[index].head));
  const column = (text) => html("span", { class: "vit-head" }, text);
  const rows = Array.from({ length: depth }, (_, layer) => [
    column(`block ${layer}`),
    ...all.slice(layer * heads, (layer + 1) * heads).map((m) => m.cell),
  ]);
  const whole = html("div", {
    class: "vit-atlas", style: `--heads: ${heads}; --cols: ${cols}`, role: "group",
    "aria-label": "Maps of all heads: choose one",
  }, html("span", {}),
  ...Array.from({ length: heads }, (_, head) => column(`head ${head}`)),
  ...rows.flat());
  whole.paint = (rowAt, { query, ...chosen }) => all.forEach((one, i) => {
    const row = rowAt(one.layer, one.head);
    one.cls.style.background = shade(row[0]);
    one.cls.classList.toggle("vit-query", query === 0);
    one.map.paint(row.subarray(1), FULL);
    one.spot.hidden = query === 0;
    one.spot.style.setProperty("--row", Math.floor((query - 1) / cols));
    one.spot.style.setProperty("--col", (query - 1) % cols);
    const isChosen = i === chosen.layer * heads + chosen.head;
    one.cell.classList.toggle("vit-chosen", isChosen);
    one.cell.dataset.tensor = isChosen ? "row" : "";
    one.cell.setAttribute("aria-pressed", isChosen);
    one.cell.tabIndex = isChosen ? 0 : -1;
    one.cell.setAttribute("aria-label", `Block ${one.layer}, head ` +
      `${one.head}: hears ${heard(entropyOf(row))} of ${n} tokens`);
  });
  return whole;
}

// --- The three tables

/** The tokens along an edge of a table. */
function strip(kind, n, p) {
  const across = kind === "key";
  const size = across ? [p, p * (n - 1)] : [p * (n - 1), p];
  const ink = heat("ink", size, "");
  ink.removeAttribute("role");
  const whole = html("span", {
    class: `vit-strip vit-strip-${kind}`, "aria-hidden": true,
  }, html("span", { class: "vit-strip-cls" }), ink);
  whole.paint = ({ data }) => {
    if (!across) return ink.paint(data, 1);
    const turned = new Float32Array(data.length);
    for (let i = 0; i < n - 1; i++) {
      for (let y = 0; y < p; y++) {
        const from = (i * p + y) * p;
        turned.set(data.subarray(from, from + p), (y * (n - 1) + i) * p);
      }
    }
    return ink.paint(turned, 1);
  };
  return whole;
}

function table(kind, title, name, n, p, { look, choose }) {
  const cells = heat(kind, [n, n], title || name);
  const row = html("span", {
    class: "vit-row", "data-tensor": kind === "weight" ? "row" : null,
  });
  const spot = html("span", { class: "vit-spot" });
  const box = html("div", {
    class: "vit-table-cells", style: `--n: ${n}`,
  }, cells, row, spot);
  const strips = [strip("key", n, p), strip("query", n, p)];
  const range = scale(kind);
  const at = (event) => {
    const { left, top, width, height } = box.getBoundingClientRect();
    const place = [(event.clientY - top) / height,
      (event.clientX - left) / width];
    return place.map((v) => Math.min(n - 1, Math.max(0, Math.floor(v * n))));
  };
  box.addEventListener("pointermove", (event) => look(...at(event)));
  box.addEventListener("pointerleave", () => look(null, null));
  box.addEventListener("click", (event) => choose(at(event)[0]));
  const label = html("span", { class: "vit-head" }, title);
  const whole = html("div", { class: "vit-table" },
    label, html("div", { class: "vit-edged" }, ...strips, box),
    range, called(shape(name, [n, n]), name));
  box.dataset.tensor = name;
  whole.paint = (values, [low, high], patches, query, [i, j]) => {
    cells.paint(values);
    strips.forEach((one) => one.paint(patches));
    range.ends(low, high);
    row.style.setProperty("--row", query);
    spot.style.setProperty("--row", i);
    spot.style.setProperty("--col", j);
  };
  whole.rename = (text) => { label.textContent = text; };
  return whole;
}

// --- The curve over the divisor

function plot(n, head_dim, embed_dim) {
  const x = (power) =>
    EDGE + ((power - LOW) / (HIGH - LOW)) * (WIDE - 2 * EDGE);
  const y = (count) => TALL - 16 - ((count - 1) / (n - 1)) * (TALL - 40);
  const powers = Array.from(
    { length: 1 + (HIGH - LOW) / 0.25 }, (_, i) => LOW + i / 4);
  const line = (counts, kind) => svg("path", {
    class: kind,
    d: counts.map((c, i) =>
      `${i ? "L" : "M"}${x(powers[i]).toFixed(1)},${y(c).toFixed(1)}`)
      .join(""),
  });
  const tick = (power, text) => [
    svg("line", {
      class: "vit-plot-tick", x1: x(power), x2: x(power), y1: 18, y2: TALL - 12,
    }),
    svg("text", { x: x(power), y: 12, "text-anchor": "middle" }, text)];
  const end = (count, text, x, anchor) => [
    svg("line", {
      class: "vit-plot-tick", x1: EDGE, x2: WIDE - EDGE, y1: y(count),
      y2: y(count),
    }),
    svg("text", { x, y: y(count) - 4, "text-anchor": anchor }, text)];
  const curves = svg("g", {});
  const dot = svg("circle", { class: "vit-dot", r: 5 });
  const whole = svg("svg", {
    class: "vit-plot", viewBox: `0 0 ${WIDE} ${TALL}`, role: "img",
  }, ...end(1, "1 heard", WIDE - EDGE, "end"),
  ...end(n, `all ${n} heard`, WIDE - EDGE, "end"),
  ...tick(0, "1"), ...tick(Math.log2(head_dim) / 2, `√${head_dim}`),
  ...tick(Math.log2(embed_dim) / 2, `√${embed_dim}`), curves, dot);
  whole.paint = (rowsOf, chosen, divisor) => {
    const all = powers.map((power) =>
      rowsOf(2 ** power).map((row) => Math.exp(entropyOf(row))));
    const of = (index) => all.map((counts) => counts[index]);
    curves.replaceChildren(
      ...all[0].map((_, index) => line(of(index), "vit-faint")),
      line(of(chosen), "vit-curve"));
    const count = Math.exp(entropyOf(rowsOf(divisor)[chosen]));
    dot.setAttribute("cx", x(Math.log2(divisor)));
    dot.setAttribute("cy", y(count));
    whole.setAttribute("aria-label", "How many tokens are heard, over " +
      `the divisor: ${of(chosen)[0].toFixed(1)} at ${2 ** LOW}, ` +
      `${of(chosen).at(-1).toFixed(1)} at ${2 ** HIGH}`);
  };
  return whole;
}

// --- The figure

function answerOf(logits) {
  const shares = [...softmax(logits).data];
  const best = shares.indexOf(Math.max(...shares));
  return [best, shares[best]];
}

/** Let a tensor's name light up what shows the tensor. */
function called(code, name) {
  const light = (on) => () => {
    const figure = code.closest("[data-figure]");
    for (const shown of figure.querySelectorAll("[data-tensor]")) {
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

export const render = figure(
  "attention_explorer", "Who looks at whom in the digit reader",
  ({ model, root, onEnd }) => {
    shareWith(model, onEnd);
    const vit = readerOf(model);
    const { num_tokens: n, patch_size: p, num_heads: heads } = vit;
    const head_dim = vit.embed_dim / heads;
    const root_of = Math.sqrt(head_dim);
    let pass;
    let pointed = [null, null]; // the pair under the pointer

    const choose = (traits) => {
      Object.entries(traits).forEach(([k, v]) => model.set(k, v));
      model.save_changes();
    };
    const look = (query, key) => {
      pointed = [query, key];
      again();
    };

    const asked = html("span", { class: "vit-head" });
    const which = called(html("code", { class: "vit-shape" }), "row");
    const picture = asker(n, p, (query) => choose({ query }),
      (key) => look(null, key));
    const maps = atlas(vit.depth, heads, n,
      (layer, head) => choose({ layer, head }));
    const share = scale("weight").ends("0", `${percent(FULL)} or more`);
    const hands = {
      look, choose: (query) => choose({ query }),
    };
    const tables = [
      table("signed", "dot products", "q @ k.mT", n, p, hands),
      table("signed", "", "scores", n, p, hands),
      table("weight", "softmax by row", "weights", n, p, hands),
    ];
    const three = html("div", {
      class: "vit-tables", tabindex: 0, role: "group",
      "aria-label": "Three tables, a row for each query, a column for " +
        "each key. Arrow keys choose the pair.",
      onkeydown: (event) => {
        const step = {
          ArrowUp: [-1, 0], ArrowDown: [1, 0],
          ArrowLeft: [0, -1], ArrowRight: [0, 1],
        }[event.key];
        if (!step) return;
        event.preventDefault();
        const [i, j] = pair().map((v, axis) =>
          Math.min(n - 1, Math.max(0, v + step[axis])));
        pointed = [null, j];
        if (i === model.get("query")) again();
        else choose({ query: i });
      },
      onblur: () => look(null, null),
    }, ...tables);
    const told = html("p", { class: "vit-verdict vit-pair" });
    const curve = plot(n, head_dim, vit.embed_dim);
    const dial = slider("divided by", {
      min: LOW, max: HIGH, step: STEP, value: Math.log2(root_of),
    }, (power) => divisorText(2 ** power),
    (power) => choose({ divisor: 2 ** power }));
    const set = (text, divisor) =>
      button(text, () => choose({ divisor }));
    const count = html("p", { class: "vit-count" });
    const rest = html("p", { class: "vit-hint" });
    const answer = html("p", {});
    const spoken = speaker();

    const drawOwn = html("div", { class: "vit-drawn", hidden: true },
      pad("Draw a digit here", { onEnd }));
    const draws = button("draw your own", () => {
      drawOwn.hidden = !drawOwn.hidden;
      picture.hidden = !drawOwn.hidden;
      draws.textContent = drawOwn.hidden ? "draw your own" : "back to the map";
    });
    const controls = padControls();
    controls.prepend(draws);

    /** Query and key of which the numbers are told. */
    const pair = () => {
      const query = pointed[0] ?? model.get("query");
      if (pointed[1] !== null) return [query, pointed[1]];
      const row = rowAt(model.get("layer"), model.get("head"), query);
      return [query, row.indexOf(Math.max(...row))];
    };
    const dots = new Map();
    const dotsAt = (layer, head) => {
      const key = layer * heads + head;
      if (!dots.has(key)) {
        dots.set(key, dotsOf(pass.blocks[layer].attn, head));
      }
      return dots.get(key);
    };
    const rowAt = (layer, head, query = model.get("query"),
      divisor = model.get("divisor")) =>
      rowOf(dotsAt(layer, head), query, n, divisor);
    const rowsOf = (divisor) =>
      Array.from({ length: vit.depth * heads }, (_, i) => rowAt(
        Math.floor(i / heads), i % heads, model.get("query"), divisor));

    const draw = () => {
      const [query, layer, head, divisor] =
        ["query", "layer", "head", "divisor"].map((k) => model.get(k));
      const row = rowAt(layer, head);
      const [i, j] = pair();
      asked.textContent = `${capital(nameOf(query))} asks`;
      which.textContent = `maps[${layer}][0, ${head}, ${query}] (${n},)`;
      picture.paint(pass.patches, row, query, pointed[1]);
      maps.paint((l, h) => rowAt(l, h), { query, layer, head });

      const table = dotsAt(layer, head);
      const scaled = table.map((dot) => dot / divisor);
      const weights = softmax(tensor([n, n], scaled)).data;
      const ends = (values) => [Math.min(...values), Math.max(...values)]
        .map((v) => rounded(v, 1));
      const by = divisorText(divisor);
      tables[1].rename(`divided by ${by}`);
      tables[0].paint(table, ends(table), pass.patches, query, [i, j]);
      tables[1].paint(scaled, ends(scaled), pass.patches, query, [i, j]);
      tables[2].paint(weights, ["0", percent(largest(weights))],
        pass.patches, query, [i, j]);
      const at = i * n + j;
      told.textContent = `${capital(nameOf(i))} asks ${nameOf(j)}: q · k = ` +
        `${rounded(table[at], 1)}, divided by ${by} it is ` +
        `${rounded(scaled[at])}, weight ${percent(weights[at])}.`;

      dial.set(Math.log2(divisor));
      curve.paint(rowsOf, layer * heads + head, divisor);
      const entropy = entropyOf(row);
      count.textContent = `${heard(entropy)} of ${n} tokens heard`;
      rest.textContent = `Entropy ${rounded(entropy)} nats, largest ` +
        `weight ${percent(largest(row))}.`;
      const { logits } = divisor === root_of ? pass
        : vit.forward(drawing.image, { scale: 1 / divisor });
      const [best, sure] = answerOf(logits);
      answer.textContent = drawing.isEmpty
        ? "Nothing is drawn: these are the maps of white paper."
        : `With this divisor in every head the model reads ${best}, ` +
          `${percent(sure)}.`;
      Object.assign(root.dataset, {
        query, layer, head, divisor, answer: drawing.isEmpty ? "" : best,
        heard: Math.exp(entropy),
      });
      spoken.say(`${told.textContent} ${count.textContent}. ` +
        answer.textContent);
    };
    const again = frame(draw);
    const read = () => {
      dots.clear();
      pass = vit.forward(drawing.image);
    };
    const readAgain = () => {
      read();
      again();
    };

    root.append(
      hint("Click a patch: it asks. Click a small map to see it large."),
      html("div", { class: "vit-attention" },
        html("div", { class: "vit-asking" }, asked, picture, drawOwn, which),
        html("div", { class: "vit-everyone" }, maps, share, controls)),
      three, told,
      html("div", { class: "vit-tempered" },
        html("div", { class: "vit-dial" }, curve, dial,
          html("div", { class: "vit-presets" },
            set("no root", 1),
            set(`√${head_dim}, the head's`, root_of),
            set(`√${vit.embed_dim}, the model's`,
              Math.sqrt(vit.embed_dim)))),
        html("div", { class: "vit-counts" }, count, rest, answer)),
      spoken);
    for (const name of ["query", "layer", "head", "divisor"]) {
      listen(model, name, again, onEnd);
    }
    onEnd(drawing.on(readAgain));
    read();
    draw();
  });
