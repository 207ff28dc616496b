// Plan a training run: its work, hours, memory and cost, with published runs
// beside it. The arithmetic is that of plan.py beside this file; a test
// holds the two to each other, and memory to what torch keeps.

import {
  button, choice, clamp, figure, frame, hint, html, listen, set, speaker,
  stopSlider, svg, table, thousands, toggle,
} from "../../alive/web/kit.js";
import { Chart, log, text } from "../../alive/web/chart.js";
import {
  all, countTokens, multiplyAdds, parameters, refusal,
} from "../../alive/web/sizes.js";

const BODIES = { // width, depth, heads
  Ti: [192, 12, 3], S: [384, 12, 6], B: [768, 12, 12], L: [1024, 24, 16],
  H: [1280, 32, 16],
};
const MODELS = ["Ti/16", "S/16", "B/16", "B/32", "L/16", "L/14", "H/14"];
const DEVICES = { // TFLOP/s with 16 and with 32 bits, gigabytes
  V100: [125, 15.7, 32], A100: [312, 19.5, 80], H100: [989, 67, 80],
};
const STOPS = {
  image_size: [112, 160, 224, 288, 320, 384, 448, 512, 640, 896],
  images: [1e3, 1e4, 5e4, 1e5, 1281167, 1e7, 14e6, 1e8, 303e6, 4e8, 2e9],
  epochs: [1, 3, 7, 10, 14, 30, 32, 90, 100, 300, 400, 800, 1600],
  devices: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
  batch: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
  utilisation: Array.from({ length: 80 }, (_, i) => i + 1),
};
const NAMES = [
  "model", "image_size", "images", "epochs", "device", "devices", "peak",
  "batch", "bf16", "checkpoints", "sharded", "utilisation", "price",
];
const [OPERATIONS, PASSES] = [2, 3];
const [WIDE, NARROW, COPIES] = [4, 2, 4];

// --- The arithmetic

function settingsOf({ model, image_size }) {
  const [body, patch] = model.split("/");
  const [embed_dim, depth, num_heads] = BODIES[body];
  return {
    image_size, patch_size: Number(patch), in_channels: 3,
    num_classes: 1000, embed_dim, depth, num_heads,
  };
}

/** The floating-point operations of the whole run. */
export function work(run) {
  const once = OPERATIONS * PASSES * all(multiplyAdds(settingsOf(run)));
  return once * run.images * run.epochs;
}

export function teraflops({ device, peak, bf16 }) {
  if (!DEVICES[device]) return peak;
  const [narrow, wide] = DEVICES[device];
  return bf16 ? narrow : wide;
}

/** How long one device of so many TFLOP/s is busy with so much work. */
export function deviceHours(flops, peak, utilisation, checkpoints = false) {
  const again = checkpoints ? (PASSES + 1) / PASSES : 1;
  return (flops * again) / (peak * 1e12 * utilisation) / 3600;
}

/** The bytes that a step keeps of one picture. */
export function activations(run) {
  const settings = settingsOf(run);
  const { embed_dim: d, depth, num_heads, image_size } = settings;
  const n = countTokens(settings);
  const size = run.bf16 ? NARROW : WIDE;
  const wide = WIDE * (2 * d + 4 + num_heads);
  const block = n * (wide + size * (6 * d + 8 * d));
  const ends = size * 3 * image_size ** 2 +
    WIDE * n * ((run.bf16 ? 1 : 2) * d + 2);
  if (!run.checkpoints) return depth * block + ends;
  const inputs = WIDE * n * d;
  return depth * inputs + (block - inputs) + ends;
}

/** The bytes on one device: the state of the training, and activations. */
export function memory(run) {
  const settings = settingsOf(run);
  const parts = parameters(settings);
  const count = all(parts);
  const size = run.bf16 ? NARROW : WIDE;
  let state = COPIES * WIDE * count + (run.bf16 ? NARROW * count : 0);
  if (run.sharded && run.devices > 1) {
    const block = (parts.attention + parts.mlp) / settings.depth;
    state = (COPIES * WIDE * count) / run.devices + size * block;
  }
  return { state, activations: run.batch * activations(run) };
}

// --- In words

const UNITS = [[1e18, "E"], [1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"],
  [1e3, "k"]];

/** 40.5e18 -> "40.5 E" */
function short(count) {
  const [size, prefix] = UNITS.find(([least]) => count >= least) ?? [1, ""];
  return `${digits(count / size)} ${prefix}`;
}

function digits(value) {
  if (value >= 100) return thousands(Math.round(value));
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function lasting(hours) {
  if (hours < 1 / 60) return `${digits(3600 * hours)} seconds`;
  if (hours < 1) return `${digits(60 * hours)} minutes`;
  return hours < 72 ? `${digits(hours)} hours`
    : `${digits(hours / 24)} days`;
}

/** Each result: its number, and the formula with the run's own numbers. */
function results(run) {
  const flops = work(run);
  const peak = teraflops(run);
  const share = run.utilisation / 100;
  const hours = deviceHours(flops, peak, share, run.checkpoints);
  const held = memory(run);
  const bytes = held.state + held.activations;
  const once = all(multiplyAdds(settingsOf(run)));
  const rate = `${digits(peak)} T × ${run.utilisation} %`;
  const again = run.checkpoints ? "4/3 × " : "";
  const room = DEVICES[run.device]?.[2];
  const fits = bytes > 1e9 * room ? `more than its ${room} GB`
    : `it has ${room} GB`;
  return {
    hours, flops, paid: (hours * 3600 * peak) / 1e6,
    lines: [
      ["work", `${short(flops)}FLOPs`,
        `6 × ${short(once)} multiply-adds × ${thousands(run.images)} × ` +
        `${thousands(run.epochs)}`],
      ["time", lasting(hours / run.devices),
        `${again}${short(flops)}FLOPs / (${thousands(run.devices)} × ${rate})`],
      ["device hours", digits(hours),
        `${lasting(hours / run.devices)} × ${thousands(run.devices)}`],
      ["memory of a device", `${digits(bytes / 1e9)} GB`,
        `${digits(held.state / 1e9)} GB of state, ${run.batch} × ` +
        `${digits(activations(run) / 1e6)} MB of activations` +
        (room ? `; ${fits}` : "")],
      ["cost", run.price ? digits(hours * run.price) : "enter a price",
        run.price ? `${digits(hours)} × ${run.price}` :
          "device hours × the price of one"],
    ],
  };
}

// --- Controls

function numberInput(label, value, change) {
  const input = html("input", {
    type: "number", min: 0, step: "any", value, inputmode: "decimal",
    onchange: () => change(Math.max(0, Number(input.value) || 0)),
  });
  const field = html("label", { class: "vit-plan-number" }, label, input);
  field.set = (next) => {
    if (Number(input.value) !== next) input.value = next;
  };
  return field;
}

const SLIDERS = {
  image_size: ["pixels", thousands],
  images: ["pictures", thousands],
  epochs: ["epochs", thousands],
  devices: ["devices", thousands],
  batch: ["batch on each", thousands],
  utilisation: ["share of the peak", (value) => `${value} %`],
};
const TOGGLES = {
  bf16: "bfloat16", checkpoints: "activation checkpoints",
  sharded: "sharded state",
};

/** All that can be chosen; `set` shows what is. */
function controls(model) {
  const changed = (name) => (value) => set(model, { [name]: value });
  const named = (words, key, choices) => choice(words,
    choices.map((name) => [name, name]), model.get(key), changed(key));
  const made = {
    model: named("model", "model", MODELS),
    device: named("device", "device", [...Object.keys(DEVICES), "other"]),
    peak: numberInput("TFLOP/s of the other", model.get("peak"),
      (value) => set(model, { peak: Math.max(0.01, value) })),
    price: numberInput("price of a device hour", model.get("price"),
      changed("price")),
  };
  for (const [name, [label, write]] of Object.entries(SLIDERS)) {
    made[name] = stopSlider(label, STOPS[name], model.get(name), write,
      changed(name));
  }
  for (const [name, label] of Object.entries(TOGGLES)) {
    made[name] = toggle(label, model.get(name), changed(name));
  }
  const group = (...names) => html("div", { class: "vit-plan-group" },
    ...names.map((name) => made[name]));
  const element = html("div", { class: "vit-plan-controls" },
    made.model, group("image_size", "images", "epochs"),
    made.device, group("peak", "devices", "batch", "utilisation"),
    html("div", { class: "vit-plan-toggles" },
      ...Object.keys(TOGGLES).map((name) => made[name])),
    made.price);
  element.set = (run) => {
    for (const name of NAMES) made[name].set(run[name]);
    made.peak.hidden = run.device !== "other";
  };
  return element;
}

// --- The results, with their formulas

function sheet() {
  const rows = Array.from({ length: 5 }, () => {
    const cells = [
      html("span", { class: "vit-head" }), html("b", {}),
      html("span", { class: "vit-hint" })];
    const row = html("div", { class: "vit-plan-result" }, ...cells);
    return { cells, row };
  });
  const list = html("div", { class: "vit-plan-results" },
    ...rows.map(({ row }) => row));
  list.paint = (lines) => lines.forEach((words, i) =>
    words.forEach((part, at) => { rows[i].cells[at].textContent = part; }));
  return list;
}

// --- What was paid for, against what is counted

const X = [1, 2e4];
const Y = [1, 1e5];
const MAP = {
  width: 340, height: 250, left: 62, right: 18, top: 20, bottom: 34,
  x: log(...X), y: log(...Y),
};
const TICKS = [[1, "1 E"], [10, "10 E"], [100, "100 E"], [1e3, "1,000 E"],
  [1e4, "10,000 E"]];

function mapOf(runs) {
  const plot = new Chart("vit-plan-map", MAP);
  const line = svg("path", { class: "vit-chart-line vit-plan-line" });
  const here = svg("circle", { class: "vit-plan-here", r: 8 });
  const dots = runs.map((run) => {
    const x = work(run.settings) / 1e18;
    const y = (run.hours * 3600 * run.peak) / 1e6;
    const dot = plot.move(plot.dot(5, "vit-plan-dot"), x, y);
    const label = plot.x(x) < MAP.width / 2
      ? text(plot.x(x) + 13, plot.y(y) + 14, run.name)
      : text(plot.x(x) - 9, plot.y(y) - 3, run.name, "end");
    return svg("g", {}, dot, label);
  });
  plot.add(
    ...TICKS.map(([count, words], i) =>
      plot.column(count, i % 2 ? "" : words)), // a phone has room for half
    ...TICKS.map(([count, words]) => plot.row(count, words)),
    text(0, 11, "FLOPs of peak that were paid for"),
    text(plot.end, plot.height - 3, "FLOPs that are counted", "end"),
    line, ...dots, here);
  plot.paint = (flops, paid, share) => {
    const ends = plot.points(X, X.map((x) => clamp(x / share, ...Y)));
    const [[x0, y0], [x1, y1]] = ends;
    line.setAttribute("d", `M${x0},${y0} L${x1},${y1}`);
    plot.move(here, clamp(flops / 1e18, ...X), clamp(paid, ...Y));
  };
  plot.picture.setAttribute("aria-label", "Published runs: what was paid " +
    "for against what is counted. The table below has the numbers.");
  return plot;
}

// --- How far off it is

/** The published runs with what is foretold of them; names choose. */
function checks(runs, become) {
  const rows = runs.map((run) => {
    const cells = Array.from({ length: 3 }, () => html("td"));
    const name = button(run.name, () => become(run),
      `plan ${run.name} as published`);
    const source = html("td", {}, html("a", { href: run.url }, run.source));
    const head = html("th", { scope: "row" }, name);
    return { run, cells, row: html("tr", {}, head, ...cells, source) };
  });
  const heads = ["device hours published", "foretold", "ratio", "source"]
    .map((words) => html("th", { scope: "col" }, words));
  const checked = table("vit-plan-checks", heads, rows.map(({ row }) => row));
  checked.paint = (share) => rows.map(({ run, cells }) => {
    const told = deviceHours(work(run.settings), run.peak, share);
    const ratio = (told / run.hours).toFixed(2);
    const published = `${run.bound} ${digits(run.hours)} (${run.device})`;
    [published.trim(), digits(told), ratio].forEach((words, i) => {
      cells[i].textContent = words;
    });
    return Number(ratio);
  });
  return checked;
}

function verdict(ratios, utilisation) {
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
  return `At ${utilisation} % of the peak these runs are foretold between ` +
    `${least.toFixed(2)} and ${most.toFixed(2)} times the hours that they ` +
    "took. No one share is right for all.";
}

// --- The figure

/** A published run as the planner would have it. */
function asPlan({ settings, device, peak }) {
  return DEVICES[device] ? { ...settings, device, bf16: true }
    : { ...settings, device: "other", peak };
}

export const render = figure(
  "run_planner", "Plan a training run",
  ({ model, root, onEnd }) => {
    const runs = model.get("runs");
    const chosen = controls(model);
    const wrong = html("p", { class: "vit-verdict" });
    const found = sheet();
    const map = mapOf(runs);
    const checked = checks(runs, (run) => set(model, asPlan(run)));
    const said = html("p", { class: "vit-plan-verdict" });
    const spoken = speaker();

    const draw = () => {
      const run = Object.fromEntries(
        NAMES.map((name) => [name, model.get(name)]));
      chosen.set(run);
      const refused = refusal(settingsOf(run));
      root.toggleAttribute("data-refused", Boolean(refused));
      wrong.textContent = refused;
      const share = run.utilisation / 100;
      const { flops, paid, hours, lines } = results(run);
      found.paint(lines);
      map.paint(flops, paid, share);
      said.textContent = verdict(checked.paint(share), run.utilisation);
      root.dataset.hours = hours;
      spoken.say(refused || lines.slice(0, 4).map(
        ([name, words]) => `${name} ${words}`).join(", "));
    };

    root.append(
      hint("Choose, and see what it takes. A name in the table below " +
        "plans that run."),
      chosen, wrong,
      html("div", { class: "vit-plan-told" }, found, map.picture),
      checked, said, spoken);
    listen(model, NAMES, frame(draw), onEnd);
    draw();
  });
