// What a ViT of any size costs: tokens, parameters, multiply-adds, memory.
// The arithmetic is that of sizes.py beside this file; a test holds the two
// to each other, and both to models that vitlib has built.

import {
  button, figure, frame, hint, html, listen, slider, speaker, svg,
} from "../../alive/web/kit.js";

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
const BODY = ["patch_size", "embed_dim", "depth", "num_heads", "in_channels"];

// --- The counts

function sum(parts) {
  return Object.values(parts).reduce((a, b) => a + b, 0);
}

export function countTokens({ image_size, patch_size }) {
  return 1 + (image_size / patch_size) ** 2;
}

/** The learned numbers of each part. Heads change nothing. */
export function parameters(settings) {
  const { patch_size, in_channels, num_classes, embed_dim: d, depth } =
    settings;
  const hidden = 4 * d;
  return {
    patch_embed: (in_channels * patch_size ** 2 + 1) * d,
    cls_token: d,
    pos_embed: countTokens(settings) * d,
    attention: depth * 4 * (d + 1) * d,
    mlp: depth * ((d + 1) * hidden + (hidden + 1) * d),
    norms: (2 * depth + 1) * 2 * d,
    head: (d + 1) * num_classes,
  };
}

/** The multiplications of all matrix products, each with its addition. */
export function multiplyAdds(settings) {
  const { patch_size, in_channels, num_classes, embed_dim: d, depth } =
    settings;
  const n = countTokens(settings);
  return {
    patch_embed: (n - 1) * in_channels * patch_size ** 2 * d,
    qkv: depth * n * 3 * d ** 2,
    scores: depth * n ** 2 * d,
    mixing: depth * n ** 2 * d,
    proj: depth * n * d ** 2,
    mlp: depth * n * 2 * d * 4 * d,
    head: d * num_classes,
  };
}

/** Bytes in float32: to run it, to train it by AdamW, maps of an image. */
export function memory(settings) {
  const weights = 4 * sum(parameters(settings));
  const { depth, num_heads } = settings;
  const maps = 4 * depth * num_heads * countTokens(settings) ** 2;
  return { weights, training: 4 * weights, maps };
}

/** What vitlib would refuse, in its words; "" where there is nothing. */
export function refusal({ image_size, patch_size, embed_dim, num_heads }) {
  const left = image_size % patch_size;
  if (left) {
    return `An image of ${image_size} x ${image_size} pixels cannot be cut ` +
      `into patches of ${patch_size} x ${patch_size}: ${left} rows and ` +
      `${left} columns would be left over.`;
  }
  if (embed_dim % num_heads) {
    return `embed_dim ${embed_dim} cannot be shared among ${num_heads} ` +
      `heads: ${embed_dim % num_heads} would be left over.`;
  }
  return "";
}

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

function whole(number) {
  return Number.isSafeInteger(number)
    ? number.toLocaleString("en-US") : number.toExponential(2);
}

const UNITS = [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

/** 17563828224 -> "17.56 G" */
function short(number, unit = "", digits = 2) {
  const [size, prefix] = UNITS.find(([least]) => number >= least) ?? [1, ""];
  return `${(number / size).toFixed(digits)} ${prefix}${unit}`;
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

const MAP = { width: 340, height: 262, left: 44, bottom: 34, top: 18 };
const X = [6, 13]; // powers of ten
const Y = [5, 9.5];

function clip(value) {
  return Math.min(1, Math.max(0, value));
}

function spot(settings) {
  const along = (value, [low, high]) =>
    clip((Math.log10(value) - low) / (high - low));
  const x = along(sum(multiplyAdds(settings)), X);
  const y = along(sum(parameters(settings)), Y);
  const { width, height, left, bottom, top } = MAP;
  const [wide, high] = [width - left - 8, height - top - bottom];
  return [left + x * wide, top + (1 - y) * high];
}

function axis() {
  const { width, height, left, bottom, top } = MAP;
  const floor = height - bottom;
  const text = (x, y, words, anchor) => svg("text", {
    x, y, "text-anchor": anchor, class: "vit-map-text",
  }, words);
  const marks = [];
  for (const [power, words] of [[6, "1 M"], [9, "1 G"], [12, "1 T"]]) {
    const x = left + ((power - X[0]) / (X[1] - X[0])) * (width - left - 8);
    marks.push(svg("path", { d: `M${x},${top} V${floor}` }),
      text(x, floor + 15, words, "middle"));
  }
  for (const [power, words] of [[6, "1 M"], [7, "10 M"], [8, "100 M"],
    [9, "1 G"]]) {
    const y = top + (1 - (power - Y[0]) / (Y[1] - Y[0])) * (floor - top);
    marks.push(svg("path", { d: `M${left},${y} H${width - 8}` }),
      text(left - 6, y + 4, words, "end"));
  }
  return svg("g", { class: "vit-map-axis" }, ...marks,
    text(0, 11, "parameters", "start"),
    text(width - 8, height - 3, "multiply-adds for one image", "end"));
}

function mapOf(choose) {
  const dots = Object.entries({ ...PUBLISHED, digits: READER }).map(
    ([name, other]) => {
      const [x, y] = spot({ ...DEFAULTS, ...other });
      const isLeft = ["B/32", "S/16"].includes(name);
      return svg("g", {
        class: "vit-map-dot", onclick: () => choose(other),
      }, svg("circle", { cx: x, cy: y, r: 5 }),
      svg("text", {
        x: x + (isLeft ? -10 : 10), y: y + 4,
        "text-anchor": isLeft ? "end" : "start",
      }, name));
    });
  const here = svg("circle", { class: "vit-map-here", r: 8 });
  const picture = svg("svg", {
    class: "vit-map", viewBox: `0 0 ${MAP.width} ${MAP.height}`, role: "img",
  }, axis(), ...dots, here);
  picture.show = (settings, words) => {
    here.toggleAttribute("hidden", !settings);
    if (settings) {
      const [x, y] = spot(settings);
      here.setAttribute("cx", x);
      here.setAttribute("cy", y);
    }
    picture.setAttribute("aria-label", words);
  };
  return picture;
}

// --- Numbers and parts

function number(label) {
  const main = html("b", {});
  const below = html("span", { class: "vit-hint" });
  const item = html("div", { class: "vit-number" },
    html("span", { class: "vit-head" }, label), main, below);
  item.show = (text, more) => {
    main.textContent = text;
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

function partsTable() {
  const rows = PARTS.map(([name]) => {
    const cells = [0, 1].map(() => html("td", {}));
    const kind = name === PAIRS ? "vit-pairs-of-tokens" : null;
    const row = html("tr", { class: kind },
      html("th", { scope: "row" }, name), ...cells);
    return { cells, row };
  });
  const heads = ["parameters", "multiply-adds"].map((words) =>
    html("th", { scope: "col" }, words));
  const table = html("table", { class: "vit-parts" },
    html("thead", {}, html("tr", {}, html("td"), ...heads)),
    html("tbody", {}, ...rows.map(({ row }) => row)));
  table.show = (...counts) => rows.forEach(({ cells }, i) => {
    cells.forEach((cell, column) => {
      const part = PARTS[i][column + 1].reduce(
        (total, key) => total + counts[column][key], 0);
      const share = part / sum(counts[column]);
      cell.style.setProperty("--share", share);
      cell.textContent = part ? `${(100 * share).toFixed(1)} %` : "none";
      cell.title = whole(part);
    });
  });
  return table;
}

/** The number of heads that keeps them about as wide as they were. */
function headsFor(width, head_dim) {
  const off = (heads) => Math.abs(heads - width / head_dim);
  return Array.from({ length: width }, (_, i) => i + 1)
    .filter((heads) => width % heads === 0)
    .reduce((best, heads) => (off(heads) < off(best) ? heads : best));
}

/** A slider that stops where models do. */
function sizeSlider(name, get, set) {
  let stops = STOPS[name];
  const words = (at) => (stops[at] ?? "").toLocaleString("en-US");
  const control = slider(html("code", {}, name), {
    min: 0, max: stops.length - 1, value: stops.indexOf(get(name)),
  }, words, (at) => set({ [name]: stops[at] }));
  const input = control.querySelector("input");
  control.show = () => {
    const value = get(name);
    if (!stops.includes(value)) {
      stops = [...STOPS[name], value].sort((a, b) => a - b);
      input.max = stops.length - 1;
    }
    control.set(stops.indexOf(value));
  };
  return control;
}

export const render = figure(
  "size_explorer", "Sizes of a Vision Transformer",
  ({ model, root, onEnd }) => {
    const get = (name) => model.get(name);
    const set = (some) => {
      for (const [name, value] of Object.entries(some)) {
        model.set(name, value);
      }
      model.save_changes();
    };
    const become = (other) => set({ ...DEFAULTS, ...other });
    const change = (some) => {
      const width = some.embed_dim;
      const head_dim = get("embed_dim") / get("num_heads");
      set(width ? { ...some, num_heads: headsFor(width, head_dim) } : some);
    };
    const sliders = NAMES.map((name) => sizeSlider(name, get, change));
    const buttons = Object.entries({ ...PUBLISHED, digits: READER }).map(
      ([name, other]) => button(name, () => become(other),
        name === "digits" ? "digits: the book's digit reader" : `ViT-${name}`));
    const numbers = ["tokens", "parameters", "multiply-adds", "memory"].map(
      number);
    const [tokens, learned, work, bytes] = numbers;
    const said = html("p", { class: "vit-verdict" });
    const code = html("code", { class: "vit-shape vit-call" });
    const sizes = mapOf(become);
    const parts = partsTable();
    const results = html("div", { class: "vit-results" },
      html("div", { class: "vit-numbers" }, ...numbers), parts);
    const spoken = speaker();

    const draw = () => {
      const settings = Object.fromEntries(
        NAMES.map((name) => [name, get(name)]));
      sliders.forEach((control) => control.show());
      const name = nameOf(settings);
      buttons.forEach((one) => one.setAttribute("aria-pressed", String(
        one.textContent === (name === "the digit reader" ? "digits" : name))));
      const wrong = refusal(settings);
      root.toggleAttribute("data-refused", Boolean(wrong));
      said.textContent = wrong || verdict(settings);
      if (wrong) {
        code.textContent = "";
        sizes.show(null, wrong);
        spoken.say(wrong);
        return;
      }
      code.textContent = call(settings);
      const n = countTokens(settings);
      const side = settings.image_size / settings.patch_size;
      const [counts, products] = [parameters(settings), multiplyAdds(settings)];
      const { weights, training, maps } = memory(settings);
      tokens.show(whole(n), `${side} x ${side} patches and the class token`);
      learned.show(whole(sum(counts)), `${short(sum(counts))} to learn`);
      work.show(short(sum(products)), `${whole(sum(products))} an image`);
      bytes.show(short(weights, "B", 1), `${short(training, "B", 1)} to ` +
        `train with AdamW, maps of an image ${short(maps, "B", 1)}`);
      parts.show(counts, products);
      const words = `${said.textContent} ${whole(n)} tokens, ` +
        `${whole(sum(counts))} parameters, ${short(sum(products))} ` +
        "multiply-adds.";
      sizes.show(settings, words);
      spoken.say(words);
    };

    root.append(
      hint("Move a slider, or start from a published size."),
      html("div", {
        class: "vit-presets", role: "group",
        "aria-label": "Published sizes",
      }, ...buttons),
      html("div", { class: "vit-sizes" },
        html("div", { class: "vit-size-sliders" }, ...sliders), sizes),
      said, code, results, spoken);
    for (const name of NAMES) listen(model, name, frame(draw), onEnd);
    draw();
  });
