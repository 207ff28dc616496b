// Who can see whom: the pixels that reach one output of a stack of
// convolutions, beside those that reach one output of an attention layer.
//
// A layer is [kernel, step], its padding half the kernel. Rows and columns
// do not depend on each other, so that all is computed on one axis at a
// time, as in receptive_field.py beside this file, and a test holds both
// to the gradients of torch.

import {
  button, bytesOf, choice, clamp, figure, frame, hint, html, listen, set,
  speaker, stopSlider, sum, svg, toggle, within,
} from "../../alive/web/kit.js";
import { Chart, linear, log, text } from "../../alive/web/chart.js";
import { mark, panel, place, press, walk } from "../../alive/web/panels.js";

const PATCH = 16; // the side of a patch, in pixels
const FADED = 0.22;
const STRIDE = 8; // pixels an arrow key
const STOPS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 18, 20, 24, 28,
  32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384];
const RESNET = [[7, 2], [3, 2], ...Array.from({ length: 16 }, (_, i) =>
  [3, [4, 8, 14].includes(i + 1) ? 2 : 1])];
const PLOT = {
  width: 330, height: 176, left: 46, right: 10, top: 14, bottom: 34,
};
const TICKS = [1, 4, 24, 112]; // layers
const NETWORKS = [
  ["plain", "3 × 3, one upon the other"], ["resnet50", "ResNet-50's steps"],
];
const TRAITS = ["place", "layers", "network", "ways"];

// --- One axis

export function layersOf(network, count) {
  return network === "plain"
    ? Array.from({ length: count }, () => [3, 1]) : RESNET.slice(0, count);
}

/** After so many layers a corner sees the other. */
function mostOf(network, size) {
  return network === "plain" ? Math.max(...size) - 1 : RESNET.length;
}

/** The output whose window's middle is nearest, and what it sees. */
export function axis(layers, size, at) {
  let [low, step, count, side] = [0, 1, size, 1];
  for (const [kernel, stride] of layers) {
    const pad = (kernel - 1) / 2;
    low -= pad * step;
    step *= stride;
    count = Math.floor((count + 2 * pad - kernel) / stride) + 1;
  }
  for (const [kernel, stride] of [...layers].reverse()) {
    side = (side - 1) * stride + kernel;
  }
  const middle = low + (side - 1) / 2;
  const output = within(Math.floor((at - middle) / step + 0.5), count);
  const first = low + output * step;
  const last = first + side - 1;
  const seen = Math.min(last, size - 1) - Math.max(first, 0) + 1;
  return { output, first, last, side, seen, size };
}

/** Which share of the ways to the output starts at each pixel. */
export function waysOf(layers, size, output) {
  const sizes = [size];
  for (const [, stride] of layers) {
    sizes.push(Math.floor((sizes.at(-1) - 1) / stride) + 1);
  }
  let ways = new Float64Array(sizes.at(-1));
  ways[output] = 1;
  for (let i = layers.length - 1; i >= 0; i--) {
    const [kernel, stride] = layers[i];
    const before = new Float64Array(sizes[i]);
    ways.forEach((count, o) => {
      const from = o * stride - (kernel - 1) / 2;
      for (let k = Math.max(0, -from); k < kernel; k++) {
        if (from + k < sizes[i]) before[from + k] += count;
      }
    });
    ways = before;
  }
  const all = sum(ways);
  return ways.map((count) => count / all);
}

/** The side of the middle square that holds half of all ways. */
export function halfOf([rows, cols]) {
  const share = ({ ways, first, last }, cut) => {
    const inside = ways.slice(Math.max(first + cut, 0), last - cut + 1);
    return sum(inside);
  };
  let cut = Math.floor((rows.side - 1) / 2);
  while (cut > 0 && share(rows, cut) * share(cols, cut) < 0.5) cut--;
  return { side: rows.side - 2 * cut, cut };
}

// --- In words

function percent(share) {
  const number = 100 * share;
  if (share < 1 && number >= 99.95) return "> 99.9 %";
  if (share === 1) return "100 %";
  return `${number.toFixed(number < 0.1 ? 2 : 1)} %`;
}

function nameOf(network, count) {
  const many = count === 1 ? "" : "s";
  return network === "plain" ? `${count} convolution${many}`
    : `${count} layer${many} of ResNet-50`;
}

function square(height, width = height) {
  return `${height} × ${width}`;
}

/** After how many layers all is seen, and where most ways begin. */
function told({ network, count, needed, half }) {
  const isPlain = network === "plain";
  const kind = isPlain ? "convolutions" : "of these layers";
  const all = needed
    ? `From here it takes ${needed} ${kind} to see the whole picture, or ` +
      "one attention layer."
    : `From here all ${count} ${kind} do not see the whole picture. One ` +
      "attention layer does.";
  const ways = "Not all pixels in the frame count alike: half of all ways " +
    `through the layers start in the dashed ${square(half.side)}.`;
  const omitted = " (Shortcuts and 1 × 1 layers, which widen nothing, are " +
    "left out.)";
  return [all, ways + (isPlain ? "" : omitted)];
}

// --- What is seen from a place

/** Which share of the picture a network sees, layer by layer. */
function seenAfter(network, at, size) {
  return Array.from({ length: mostOf(network, size) }, (_, i) => {
    const layers = layersOf(network, i + 1);
    const [rows, cols] = at.map((v, j) => axis(layers, size[j], v).seen);
    return (rows * cols) / (size[0] * size[1]);
  });
}

function reading(model, size) {
  const [at, layers, network, ways] = TRAITS.map((t) => model.get(t));
  const axes = at.map((v, i) => {
    const one = axis(layersOf(network, layers), size[i], v);
    const share = waysOf(layersOf(network, layers), size[i], one.output);
    return Object.assign(one, { ways: share });
  });
  const shares = Object.fromEntries(NETWORKS.map(([name]) =>
    [name, seenAfter(name, at, size)]));
  const mine = shares[network];
  return {
    at, size, layers, network, ways, axes, shares, half: halfOf(axes),
    share: mine[layers - 1], needed: mine.indexOf(1) + 1,
    count: mine.length,
  };
}

// --- The curves: how much of the picture is seen, over the layers

function plot(size) {
  const most = mostOf("plain", size);
  const chart = new Chart("vit-reach-plot", {
    ...PLOT, x: log(1, most), y: linear(0, 1),
  });
  const beside = (layers, share, right, down) =>
    [chart.x(layers) + right, chart.y(share) + down];
  const curves = svg("g", {});
  const dot = chart.dot(5);
  chart.add(
    ...TICKS.filter((count) => count <= most).map((count) =>
      chart.column(count, count)),
    ...[0, 0.5, 1].map((share) => chart.row(share, `${100 * share} %`)),
    text(chart.end, chart.height - 3, "layers", "end"), curves,
    text(...beside(1, 1, 7, 15), "attention", "start", "vit-reach-violet"),
    text(...beside(10, 0.62, -6, 0), "ResNet-50's steps", "end"),
    text(...beside(70, 0.18, 8, 0), "3 × 3"), dot);
  const lineOf = (shares, kind) =>
    chart.line(shares.map((_, i) => i + 1), shares, kind);
  chart.show = ({ shares, network, layers, share }) => {
    const kind = (name) =>
      (name === network ? "vit-reach-line" : "vit-reach-faint");
    curves.replaceChildren(
      chart.line([1, most], [1, 1], "vit-reach-attention"),
      ...Object.entries(shares).map(([name, all]) => lineOf(all, kind(name))));
    chart.move(dot, layers, share);
    chart.picture.setAttribute("aria-label", "The share of the picture that " +
      `is seen, over the layers: ${percent(share)} after ${layers}, by ` +
      "attention 100 % after 1.");
  };
  return chart;
}

// --- The two pictures

/** The picture, each pixel as opaque as `share(y, x)` says. */
function paint(canvas, pixels, share) {
  const { width, height } = canvas;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let y = 0, at = 0, from = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      for (let c = 0; c < 3; c++) image.data[at + c] = pixels[from++];
      image.data[at + 3] = Math.round(255 * share(y, x));
    }
  }
  context.putImageData(image, 0, 0);
}

/** Put a mark around what lies in the picture, `cut` pixels inside. */
function outline(of, [rows, cols], cut = 0) {
  const [top, left] = [rows, cols].map(({ first, size }) =>
    clamp((first + cut) / size));
  const [bottom, right] = [rows, cols].map(({ last, size }) =>
    clamp((last + 1 - cut) / size));
  place(of, left, top, right - left, bottom - top);
}

/** A picture with a frame around what is seen; a press is a place. */
function view(label, model, size) {
  const [height, width] = size;
  const canvas = html("canvas", {
    class: "vit-heat vit-reach-picture", width, height, role: "img",
    "aria-label": label,
  });
  const [around, half, dot] = ["frame", "half", "here"].map(
    (kind) => mark(`vit-reach-${kind}`));
  const one = panel("", `${label}: the place`, canvas, around, half, dot);
  const count = html("b", {});
  const words = html("span", { class: "vit-head" });
  one.whole.append(html("div", { class: "vit-reach-count" }, count, words));
  one.name.write("mask", size);
  const go = (row, col) => set(model, {
    place: [within(row, height), within(col, width)],
  });
  press(one.view, (x, y) => go(Math.floor(y * height), Math.floor(x * width)));
  walk(one.view, (right, down) => {
    const [row, col] = model.get("place");
    go(row + STRIDE * down, col + STRIDE * right);
  });
  return Object.assign(one, { canvas, around, half, dot, count, words });
}

/** What reaches the output of a stack of convolutions. */
function stackOf(model, size, pixels) {
  const one = view("A stack of convolutions", model, size);
  const shareOf = ({ axes: [rows, cols], ways }) => {
    const most = Math.max(...rows.ways) * Math.max(...cols.ways);
    const faint = FADED / 2;
    return (y, x) => {
      const way = rows.ways[y] * cols.ways[x];
      if (ways) return faint + (1 - faint) * (way / most);
      return way > 0 ? 1 : FADED;
    };
  };
  one.show = (now) => {
    const { axes, half, network, layers, share, at: [row, col] } = now;
    paint(one.canvas, pixels, shareOf(now));
    outline(one.around, axes);
    outline(one.half, axes, half.cut);
    const [y, x] = axes.map(({ first, last, size: side }) =>
      (within((first + last) / 2, side) + 0.5) / side);
    place(one.dot, x, y, 0, 0);
    const side = square(axes[0].side);
    one.title.textContent = nameOf(network, layers);
    one.count.textContent = side;
    one.words.textContent = `pixels, ${percent(share)} of the picture`;
    one.say(row * size[1] + col, size[0] * size[1],
      `row ${row}, column ${col}: ${side} pixels`);
    return `${nameOf(network, layers)}: ${side} ${one.words.textContent}`;
  };
  return one;
}

/** All pixels reach all outputs of an attention layer. */
function attentionOf(model, size, pixels) {
  const [height, width] = size;
  const one = view("Attention", model, size);
  paint(one.canvas, pixels, () => 1);
  outline(one.around, size.map((side) =>
    ({ first: 0, last: side - 1, size: side })));
  one.dot.hidden = true;
  one.title.textContent = "1 attention layer";
  one.count.textContent = square(height, width);
  one.words.textContent = "pixels, 100 % of the picture";
  one.show = ({ at: [row, col] }) => {
    const [down, right] = [row, col].map((v) => Math.floor(v / PATCH));
    outline(one.half, [down, right].map((v, i) =>
      ({ first: PATCH * v, last: PATCH * (v + 1) - 1, size: size[i] })));
    one.say(row * width + col, height * width,
      `patch ${down * (width / PATCH) + right}: all pixels`);
  };
  return one;
}

// --- The controls

/** Where the slider stops for a network. */
function stopsOf(network, size) {
  if (network !== "plain") return RESNET.map((_, i) => i + 1);
  const most = mostOf(network, size);
  return [...STOPS.filter((n) => n < most), most];
}

function controlsOf(model, size) {
  const network = model.get("network");
  let needed = 0; // layers to see all; 0 where all are not enough
  const dial = stopSlider("layers", stopsOf(network, size),
    model.get("layers"), String, (layers) => set(model, { layers }));
  const everything = button("", () => {
    if (needed) set(model, { layers: needed });
  });
  const networks = choice("network", NETWORKS, network, (next) => set(model, {
    network: next, layers: Math.min(model.get("layers"), mostOf(next, size)),
  }));
  const bright = toggle("brightness: how many ways lead from a pixel to " +
    "the output", model.get("ways"), (ways) => set(model, { ways }));
  const whole = html("div", { class: "vit-panel-controls" },
    html("span", {}, dial), everything, networks, bright);
  whole.show = (now) => {
    needed = now.needed;
    dial.set(now.layers, stopsOf(now.network, size));
    networks.set(now.network);
    bright.set(now.ways);
    everything.hidden = !needed;
    everything.textContent = `see all: ${needed} layers`;
  };
  return whole;
}

export const render = figure(
  "receptive_field", "Who can see whom",
  ({ model, root, onEnd }) => {
    const size = model.get("image_size");
    const pixels = bytesOf(model.get("pixels"));
    const stack = stackOf(model, size, pixels);
    const attention = attentionOf(model, size, pixels);
    const controls = controlsOf(model, size);
    const curves = plot(size);
    const verdict = html("p", { class: "vit-verdict" });
    const halves = html("p", {});
    const spoken = speaker();

    const draw = () => {
      const now = reading(model, size);
      const words = stack.show(now);
      attention.show(now);
      controls.show(now);
      curves.show(now);
      [verdict.textContent, halves.textContent] = told(now);
      Object.assign(root.dataset, {
        place: now.at.join(" "), layers: now.layers, network: now.network,
        ways: now.ways, share: now.share, half: now.half.side,
        needed: now.needed,
        window: now.axes.flatMap((one) => [one.first, one.last]).join(" "),
      });
      spoken.say(`${words}. ${verdict.textContent}`);
    };

    root.append(
      hint("Click a place: which pixels can reach the output there? Then " +
        "add layers."),
      html("div", { class: "vit-reach-pair" }, stack.whole, attention.whole),
      controls,
      html("div", { class: "vit-reach-more" }, curves.picture,
        html("div", { class: "vit-reach-told" }, verdict, halves,
          hint("What reaches the output may count. What does count, " +
            "training decides, in both."))),
      spoken);
    listen(model, TRAITS, frame(draw), onEnd);
    draw();
  });
