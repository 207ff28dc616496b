// What a ViT of any size costs: tokens, parameters, multiply-adds, memory,
// as sizes.js counts them.

import {
  button, clamp, figure, frame, hint, html, listen, set, speaker, stopSlider,
  sum, svg, table, thousands,
} from "../../alive/web/kit.js";
import { Chart, log, text } from "../../alive/web/chart.js";
import {
  all, countTokens, memory, multiplyAdds, parameters, refusal,
} from "../../alive/web/sizes.js";

const NAMES = [
  "image_size", "patch_size", "embed_dim", "depth", "num_heads",
  "in_channels", "num_classes",
];
const DEFAULTS = {
  image_size: 224, patch_size: 16, in_channels: 3, num_classes: 1000,
  embed_dim: 768, depth: 12, num_heads: 12,
};
// Where the sliders stop; a value that Python sets gets a stop of its own.
const STOPS = {
  image_size: [28, 32, 64, 96, 112, 128, 160, 192, 224, 256, 288, 320, 384,
    448, 512, 640, 768, 896, 1024],
  patch_size: [1, 2, 4, 7, 8, 14, 16, 28, 32, 56],
  embed_dim: [64, 128, 192, 256, 320, 384, 448, 512, 576, 640, 704, 768, 832,
    896, 960, 1024, 1152, 1280, 1408, 1536, 1664],
  depth: Array.from({ length: 48 }, (_, i) => i + 1),
  num_heads: [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32],
  in_channels: [1, 2, 3, 4],
  num_classes: [2, 10, 100, 1000, 21843],
};
const PUBLISHED = {
  "Ti/16": { embed_dim: 192, depth: 12, num_heads: 3 },
  "S/16": { embed_dim: 384, depth: 12, num_heads: 6 },
  "B/16": {},
  "B/32": { patch_size: 32 },
  "L/16": { embed_dim: 1024, depth: 24, num_heads: 16 },
  "H/14": { patch_size: 14, embed_dim: 1280, depth: 32, num_heads: 16 },
};
const READER = {
  image_size: 28, patch_size: 7, in_channels: 1, num_classes: 10,
  embed_dim: 64, depth: 4, num_heads: 4,
};
const KNOWN = { ...PUBLISHED, digits: READER };
const BODY = ["patch_size", "embed_dim", "depth", "num_heads", "in_channels"];

// --- Names

/** Who has published a model of this body, at whatever image size. */
export function nameOf(settings) {
  const isLike = (other, keys) => keys.every((key) =>
    settings[key] === { ...DEFAULTS, ...other }[key]);
  if (isLike(READER, NAMES)) return "the digit reader";
  const found = Object.entries(PUBLISHED).find(
    ([, other]) => isLike(other, BODY));
  return found ? found[0] : "";
}

// --- In words

function whole(count) {
  return Number.isSafeInteger(count)
    ? thousands(count) : count.toExponential(2);
}

const UNITS = [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

/** 17563828224 -> "17.56 G" */
function short(count, unit = "", digits = 2) {
  const [size, prefix] = UNITS.find(([least]) => count >= least) ?? [1, ""];
  return `${(count / size).toFixed(digits)} ${prefix}${unit}`;
}

function call(settings) {
  const name = nameOf(settings);
  const body = name in PUBLISHED ? BODY : [];
  const others = NAMES.filter((key) =>
    settings[key] !== DEFAULTS[key] && !body.includes(key));
  const words = others.map((key) => `${key}=${settings[key]}`);
  if (name in PUBLISHED) {
    return `ViT.from_name(${[`"${name}"`, ...words].join(", ")})`;
  }
  return `ViT(${words.join(", ")})`;
}

function verdict(settings) {
  const name = nameOf(settings);
  if (name === "the digit reader") return "This is the book's digit reader.";
  if (!name) return "Not a published size.";
  const { image_size, num_classes } = settings;
  const pixels = image_size === DEFAULTS.image_size
    ? "" : ` for ${image_size} pixels`;
  const classes = num_classes === DEFAULTS.num_classes
    ? "" : ` with ${whole(num_classes)} classes`;
  return `This is ViT-${name}${pixels}${classes}.`;
}

// --- The map of sizes: multiply-adds to the right, parameters upwards

const X = [1e6, 1e13];
const Y = [1e5, 10 ** 9.5];
const MAP = {
  width: 340, height: 262, left: 44, right: 8, top: 18, bottom: 34,
  x: log(...X), y: log(...Y),
};
const WORK = [[1e6, "1 M"], [1e9, "1 G"], [1e12, "1 T"]];
const LEARNED = [[1e6, "1 M"], [1e7, "10 M"], [1e8, "100 M"], [1e9, "1 G"]];
const NAMED_LEFT = new Set(["B/32", "S/16"]); // right there are others

/** Where a model lies; what is off the map lies at its edge. */
function spot(settings) {
  return [
    clamp(all(multiplyAdds(settings)), ...X),
    clamp(all(parameters(settings)), ...Y),
  ];
}

function mapOf(choose) {
  const plot = new Chart("vit-map", MAP);
  const dotOf = ([name, other]) => {
    const place = spot({ ...DEFAULTS, ...other });
    const [x, y] = [plot.x(place[0]), plot.y(place[1])];
    const words = NAMED_LEFT.has(name)
      ? text(x - 10, y + 4, name, "end") : text(x + 10, y + 4, name);
    return svg("g", {
      class: "vit-map-dot", onclick: () => choose(other),
    }, plot.move(plot.dot(5), ...place), words);
  };
  const here = svg("circle", { class: "vit-map-here", r: 8 });
  plot.add(
    ...WORK.map(([count, words]) => plot.column(count, words)),
    ...LEARNED.map(([count, words]) => plot.row(count, words)),
    text(0, 11, "parameters"),
    text(plot.end, plot.height - 3, "multiply-adds for one image", "end"),
    ...Object.entries(KNOWN).map(dotOf), here);
  plot.show = (settings, words) => {
    here.toggleAttribute("hidden", !settings);
    if (settings) plot.move(here, ...spot(settings));
    plot.picture.setAttribute("aria-label", words);
  };
  return plot;
}

// --- Numbers and parts

function number(label) {
  const main = html("b", {});
  const below = html("span", { class: "vit-hint" });
  const item = html("div", { class: "vit-number" },
    html("span", { class: "vit-head" }, label), main, below);
  item.show = (words, more) => {
    main.textContent = words;
    below.textContent = more;
  };
  return item;
}

// A part's name, its parameters, its multiply-adds: names of both counts.
const PAIRS = "attention: pairs of tokens";
const PARTS = [
  ["patch embedding", ["patch_embed"], ["patch_embed"]],
  ["class token, positions", ["cls_token", "pos_embed"], []],
  ["attention: its layers", ["attention"], ["qkv", "proj"]],
  [PAIRS, [], ["scores", "mixing"]],
  ["MLPs", ["mlp"], ["mlp"]],
  ["norms", ["norms"], []],
  ["head", ["head"], ["head"]],
];

/** A part's share of all parameters, or of all multiply-adds. */
function showShare(cell, names, counts) {
  const part = sum(names.map((name) => counts[name]));
  const share = part / all(counts);
  cell.style.setProperty("--share", share);
  cell.textContent = part ? `${(100 * share).toFixed(1)} %` : "none";
  cell.title = whole(part);
}

function partsTable() {
  const heads = ["parameters", "multiply-adds"].map((words) =>
    html("th", { scope: "col" }, words));
  const rows = PARTS.map(([name, ...names]) => {
    const cells = names.map(() => html("td"));
    const kind = name === PAIRS ? "vit-pairs-of-tokens" : null;
    const row = html("tr", { class: kind },
      html("th", { scope: "row" }, name), ...cells);
    return { names, cells, row };
  });
  const parts = table("vit-parts", heads, rows.map(({ row }) => row));
  parts.show = (...counts) => {
    for (const { names, cells } of rows) {
      cells.forEach((cell, i) => showShare(cell, names[i], counts[i]));
    }
  };
  return parts;
}

/** The number of heads that keeps them about as wide as they were. */
function headsFor(width, head_dim) {
  const off = (heads) => Math.abs(heads - width / head_dim);
  return Array.from({ length: width }, (_, i) => i + 1)
    .filter((heads) => width % heads === 0)
    .reduce((best, heads) => (off(heads) < off(best) ? heads : best));
}

/** Buttons for all known sizes; the one that is shown is pressed. */
function presetsOf(become) {
  const buttons = Object.entries(KNOWN).map(([name, other]) =>
    button(name, () => become(other),
      name === "digits" ? "digits: the book's digit reader" : `ViT-${name}`));
  const group = html("div", {
    class: "vit-presets", role: "group", "aria-label": "Published sizes",
  }, ...buttons);
  group.show = (name) => {
    const words = name === "the digit reader" ? "digits" : name;
    for (const one of buttons) {
      one.setAttribute("aria-pressed", String(one.textContent === words));
    }
  };
  return group;
}

/** The four numbers and the table; `show` says them in words, too. */
function results() {
  const numbers = ["tokens", "parameters", "multiply-adds", "memory"].map(
    number);
  const [tokens, learned, work, bytes] = numbers;
  const parts = partsTable();
  const element = html("div", { class: "vit-results" },
    html("div", { class: "vit-numbers" }, ...numbers), parts);
  element.show = (settings) => {
    const n = countTokens(settings);
    const side = settings.image_size / settings.patch_size;
    const [counts, products] = [parameters(settings), multiplyAdds(settings)];
    const { weights, training, activations, maps } = memory(settings);
    tokens.show(whole(n), `${side} x ${side} patches and the class token`);
    learned.show(whole(all(counts)), `${short(all(counts))} to learn`);
    work.show(short(all(products)), `${whole(all(products))} an image`);
    bytes.show(short(weights, "B", 1), `${short(training, "B", 1)} to ` +
      `train with AdamW, and ${short(activations, "B", 1)} more for each ` +
      `image; maps of an image ${short(maps, "B", 1)}`);
    parts.show(counts, products);
    return `${whole(n)} tokens, ${whole(all(counts))} parameters, ` +
      `${short(all(products))} multiply-adds.`;
  };
  return element;
}

export const render = figure(
  "size_explorer", "Sizes of a Vision Transformer",
  ({ model, root, onEnd }) => {
    const become = (other) => set(model, { ...DEFAULTS, ...other });
    const change = (some) => {
      const head_dim = model.get("embed_dim") / model.get("num_heads");
      const width = some.embed_dim;
      const heads = width ? { num_heads: headsFor(width, head_dim) } : {};
      set(model, { ...some, ...heads });
    };
    const sliders = NAMES.map((name) => stopSlider(
      html("code", {}, name), STOPS[name], model.get(name),
      thousands,
      (size) => change({ [name]: size })));
    const presets = presetsOf(become);
    const said = html("p", { class: "vit-verdict" });
    const code = html("code", { class: "vit-shape vit-call" });
    const sizes = mapOf(become);
    const counted = results();
    const spoken = speaker();

    const draw = () => {
      const settings = Object.fromEntries(
        NAMES.map((name) => [name, model.get(name)]));
      sliders.forEach((one, i) => one.set(settings[NAMES[i]]));
      presets.show(nameOf(settings));
      const wrong = refusal(settings);
      root.toggleAttribute("data-refused", Boolean(wrong));
      said.textContent = wrong || verdict(settings);
      code.textContent = wrong ? "" : call(settings);
      const words = wrong
        || `${said.textContent} ${counted.show(settings)}`;
      sizes.show(wrong ? null : settings, words);
      spoken.say(words);
    };

    root.append(
      hint("Move a slider, or start from a published size."), presets,
      html("div", { class: "vit-sizes" },
        html("div", { class: "vit-size-sliders" }, ...sliders),
        sizes.picture),
      said, code, counted, spoken);
    listen(model, NAMES, frame(draw), onEnd);
    draw();
  });
