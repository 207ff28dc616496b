// Who can see whom: the pixels that reach one output of a stack of
// convolutions, beside those that reach one output of an attention layer.
//
// A layer is [kernel, step], its padding half the kernel. Rows and columns
// do not depend on each other, so that all is computed on one axis at a
// time, as in receptive_field.py beside this file, and a test holds both
// to the gradients of torch.

import {
  button, choice, figure, frame, hint, html, listen, slider, speaker, svg,
  toggle,
} from "../../alive/web/kit.js";
import { follow, panel, place, walk } from "../../alive/web/panels.js";

const PATCH = 16; // the side of a patch, in pixels
const FADED = 0.22;
const STRIDE = 8; // pixels an arrow key
const STOPS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 18, 20, 24, 28,
  32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384];
const RESNET = [[7, 2], [3, 2], ...Array.from({ length: 16 }, (_, i) =>
  [3, [4, 8, 14].includes(i + 1) ? 2 : 1])];
const PLOT = { width: 330, height: 176, left: 46, right: 10, top: 14, floor: 142 };

const within = (value, end) => Math.min(end - 1, Math.max(0, value));
const mark = (kind) => html("span", { class: `vit-panel-mark ${kind}` });

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
  for (const [kernel, stride] of layers) {
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
  const all = ways.reduce((sum, count) => sum + count, 0);
  return ways.map((count) => count / all);
}

/** The side of the middle square that holds half of all ways. */
export function halfOf([rows, cols]) {
  const share = ({ ways, first, last }, cut) => {
    let sum = 0;
    const end = Math.min(last - cut, ways.length - 1);
    for (let i = Math.max(first + cut, 0); i <= end; i++) sum += ways[i];
    return sum;
  };
  let cut = Math.floor((rows.side - 1) / 2);
  while (cut > 0 && share(rows, cut) * share(cols, cut) < 0.5) cut--;
  return { side: rows.side - 2 * cut, cut };
}

// --- In words

function percent(share) {
  const number = 100 * share;
  const digits = number < 0.1 ? 2 : number < 99.95 ? 1 : 0;
  return share < 1 && number >= 99.95 ? "> 99.9 %"
    : `${number.toFixed(digits)} %`;
}

function nameOf(network, count) {
  const many = count === 1 ? "" : "s";
  return network === "plain" ? `${count} convolution${many}`
    : `${count} layer${many} of ResNet-50`;
}

const square = (side) => `${side} × ${side}`;

// --- The curves: how much of the picture is seen, over the layers

function plot(choose) {
  const { width, height, left, right, top, floor } = PLOT;
  const curves = svg("g", {});
  const dot = svg("circle", { class: "vit-reach-dot", r: 5 });
  const whole = svg("svg", {
    class: "vit-reach-plot", viewBox: `0 0 ${width} ${height}`, role: "img",
  });
  whole.paint = ({ plain, resnet }, network, layers, attention) => {
    const most = plain.length;
    const x = (count) => left + (Math.log2(count) / Math.log2(most)) *
      (width - left - right);
    const y = (share) => floor - share * (floor - top);
    const text = (words, at, to, anchor, kind = "") =>
      svg("text", { x: at, y: to, "text-anchor": anchor, class: kind }, words);
    const line = (shares, kind) => svg("path", {
      class: kind,
      d: shares.map((share, i) =>
        `${i ? "L" : "M"}${x(i + 1).toFixed(1)},${y(share).toFixed(1)}`)
        .join(""),
    });
    const ticks = [1, 4, 24, 112].filter((count) => count <= most);
    const kind = (name) =>
      name === network ? "vit-reach-line" : "vit-reach-faint";
    curves.replaceChildren(
      ...ticks.flatMap((count) => [
        svg("path", {
          class: "vit-reach-tick", d: `M${x(count)},${top} V${floor}`,
        }),
        text(count, x(count), floor + 15, "middle")]),
      ...[0, 0.5, 1].flatMap((share) => [
        svg("path", {
          class: "vit-reach-tick", d: `M${left},${y(share)} H${width - right}`,
        }),
        text(`${100 * share} %`, left - 5, y(share) + 4, "end")]),
      text("layers", width - right, height - 3, "end"),
      line(plain.map(() => 1), "vit-reach-attention"),
      line(plain, kind("plain")), line(resnet, kind("resnet50")),
      text("attention", x(1) + 7, y(1) + 15, "start", "vit-reach-violet"),
      text("ResNet-50's steps", x(10) - 6, y(0.62), "end"),
      text("3 × 3", x(70) + 8, y(0.18), "start"));
    const share = (network === "plain" ? plain : resnet)[layers - 1];
    dot.setAttribute("cx", x(layers));
    dot.setAttribute("cy", y(share));
    whole.replaceChildren(curves, dot);
    whole.setAttribute("aria-label", "The share of the picture that is " +
      `seen, over the layers: ${percent(share)} after ${layers}, by ` +
      `attention ${percent(attention)} after 1.`);
  };
  return whole;
}

// --- The figure

export const render = figure(
  "receptive_field", "Who can see whom",
  ({ model, root, onEnd }) => {
    const [height, width] = model.get("image_size");
    const size = [height, width];
    const pixels = bytesOf(model.get("pixels"));
    let stops = [];

    const set = (traits) => {
      Object.entries(traits).forEach(([k, v]) => model.set(k, v));
      model.save_changes();
    };
    const go = (row, col) =>
      set({ place: [within(row, height), within(col, width)] });
    const views = ["A stack of convolutions", "Attention"].map((label) => {
      const canvas = html("canvas", {
        class: "vit-heat vit-reach-picture", width, height, role: "img",
        "aria-label": label,
      });
      const [frameOf, half, dot] = ["frame", "half", "here"].map(
        (kind) => mark(`vit-reach-${kind}`));
      const one = panel("", `${label}: the place`, canvas, frameOf, half, dot);
      const count = html("b", {});
      const words = html("span", { class: "vit-head" });
      one.whole.append(html("div", { class: "vit-reach-count" }, count, words));
      follow(one.view, (x, y, { type, buttons }) => {
        if (type === "pointerdown" || buttons) {
          go(Math.floor(y * height), Math.floor(x * width));
        }
      });
      walk(one.view, (dx, dy) => {
        const [row, col] = model.get("place");
        go(row + STRIDE * dy, col + STRIDE * dx);
      });
      return { ...one, canvas, frameOf, half, dot, count, words };
    });
    const [stack, attention] = views;
    paint(attention.canvas, pixels, () => 1);
    attention.dot.hidden = true;
    const control = html("span", {});
    const networks = choice("network", [
      ["plain", "3 × 3, one upon the other"], ["resnet50", "ResNet-50's steps"],
    ], model.get("network"), (network) => set({
      network, layers: Math.min(model.get("layers"), mostOf(network, size)),
    }));
    const bright = toggle("brightness: how many ways lead from a pixel to " +
      "the output", model.get("ways"), (ways) => set({ ways }));
    const everything = button("", () => set({ layers: needed }));
    let needed = 1;
    const curve = plot();
    const told = html("p", { class: "vit-verdict" });
    const halves = html("p", {});
    const spoken = speaker();

    /** A slider with the stops of this network and a stop for `layers`. */
    const dial = (network, layers) => {
      const most = mostOf(network, size);
      const plain = [...STOPS.filter((n) => n < most), most];
      const own = network === "plain" ? plain
        : RESNET.map((_, i) => i + 1);
      const next = [...new Set([...own, layers])].sort((a, b) => a - b);
      if (next.join() !== stops.join()) {
        stops = next;
        const hadFocus = control.contains(document.activeElement);
        control.replaceChildren(slider("layers", {
          min: 0, max: stops.length - 1, value: 0,
        }, (at) => String(stops[at]), (at) => set({ layers: stops[at] })));
        if (hadFocus) control.querySelector("input").focus();
      }
      control.firstChild.set(stops.indexOf(layers));
    };

    const draw = () => {
      const [network, count, [row, col], ways] =
        ["network", "layers", "place", "ways"].map((k) => model.get(k));
      const layers = layersOf(network, count);
      const axes = [row, col].map((at, i) => {
        const found = axis(layers, size[i], at);
        return { ...found, ways: waysOf(layers, size[i], found.output) };
      });
      const seenAfter = (name) => Array.from(
        { length: mostOf(name, size) }, (_, i) => {
          const some = layersOf(name, i + 1);
          return [row, col].map((at, j) => axis(some, size[j], at).seen)
            .reduce((a, b) => a * b) / (height * width);
        });
      const shares = {
        plain: seenAfter("plain"), resnet: seenAfter("resnet50"),
      };
      const mine = network === "plain" ? shares.plain : shares.resnet;
      const share = mine[count - 1];
      const [rows, cols] = axes;
      const half = halfOf(axes);
      needed = mine.indexOf(1) + 1;

      const most = Math.max(...rows.ways) * Math.max(...cols.ways);
      paint(stack.canvas, pixels, (y, x) => {
        const way = rows.ways[y] * cols.ways[x];
        return ways ? FADED / 2 + (1 - FADED / 2) * (way / most)
          : way > 0 ? 1 : FADED;
      });
      outline(stack.frameOf, axes, 0);
      outline(stack.half, axes, half.cut);
      const middle = axes.map(({ first, last, size }) =>
        within((first + last) / 2, size) + 0.5);
      place(stack.dot, middle[1] / width, middle[0] / height, 0, 0);
      outline(attention.frameOf, size.map((side) =>
        ({ first: 0, last: side - 1, size: side })), 0);
      outline(attention.half, [row, col].map((at, i) => {
        const first = PATCH * Math.floor(at / PATCH);
        return { first, last: first + PATCH - 1, size: size[i] };
      }), 0);

      stack.title.textContent = nameOf(network, count);
      attention.title.textContent = "1 attention layer";
      stack.count.textContent = square(rows.side);
      stack.words.textContent = `pixels, ${percent(share)} of the picture`;
      attention.count.textContent = `${height} × ${width}`;
      attention.words.textContent = "pixels, 100 % of the picture";
      const patch = Math.floor(row / PATCH) * (width / PATCH) +
        Math.floor(col / PATCH);
      stack.say(row * width + col, height * width, `row ${row}, column ` +
        `${col}: ${square(rows.side)} pixels`);
      attention.say(row * width + col, height * width,
        `patch ${patch}: all pixels`);
      for (const one of views) one.name.write("mask", size);

      dial(network, count);
      networks.set(network);
      bright.set(ways);
      everything.hidden = !needed;
      everything.textContent = `see all: ${needed} layers`;
      curve.paint(shares, network, count, 1);
      const kind = network === "plain" ? "convolutions" : "of these layers";
      told.textContent = needed
        ? `From here it takes ${needed} ${kind} to see the whole picture, ` +
          "or one attention layer."
        : `From here all ${mine.length} ${kind} do not see the whole ` +
          "picture. One attention layer does.";
      halves.textContent = "Not all pixels in the frame count alike: half " +
        "of all ways through the layers start in the dashed " +
        `${square(half.side)}.` + (network === "plain" ? ""
        : " (Shortcuts and 1 × 1 layers, which widen nothing, are left out.)");
      Object.assign(root.dataset, {
        place: [row, col].join(" "), layers: count, network, ways,
        window: axes.flatMap(({ first, last }) => [first, last]).join(" "),
        share, half: half.side, needed, most,
      });
      spoken.say(`${nameOf(network, count)}: ${square(rows.side)} ` +
        `${stack.words.textContent}. ${told.textContent}`);
    };

    root.append(
      hint("Click a place: which pixels can reach the output there? Then " +
        "add layers."),
      html("div", { class: "vit-reach-pair" }, stack.whole, attention.whole),
      html("div", { class: "vit-panel-controls" }, control, everything,
        networks, bright),
      html("div", { class: "vit-reach-more" }, curve,
        html("div", { class: "vit-reach-told" }, told, halves,
          hint("What reaches the output may count. What does count, " +
            "training decides, in both."))),
      spoken);
    const again = frame(draw);
    for (const name of ["place", "layers", "network", "ways"]) {
      listen(model, name, again, onEnd);
    }
    draw();
  });

function bytesOf({ buffer, byteOffset, byteLength }) {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

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
function outline(of, [rows, cols], cut) {
  const [top, left, bottom, right] = [
    rows.first + cut, cols.first + cut, rows.last + 1 - cut,
    cols.last + 1 - cut,
  ].map((edge, i) =>
    Math.min(1, Math.max(0, edge / (i % 2 ? cols : rows).size)));
  place(of, left, top, right - left, bottom - top);
}
