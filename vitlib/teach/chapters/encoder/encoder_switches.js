// The encoder with a switch at every part: take a norm, a head, a whole
// layer or a plus sign away, and see what becomes of the stream and of the
// answer.
//
// The trait `off` holds the names of what is taken away, as `forward` of
// vit.js has them: "blocks.0.norm1", "blocks.2.head.3", "blocks.1.residual2".

import {
  arrow, best, button, figure, frame, hint, html, largest, listen, percent,
  readerOf, rounded, set, shape, speaker, svg,
} from "../../alive/web/kit.js";
import { answers } from "../../alive/web/answers.js";
import {
  drawing, pad, padControls, shareWith,
} from "../../alive/web/drawing.js";
import { softmax } from "../../alive/web/vit.js";

const [WIDE, TALL] = [120, 44]; // a block's piece of the stream
const REST = 250; // milliseconds until each part is tried alone
const AT_ONCE = 2; // parts tried in a frame

const LABELS = {
  norm1: "norm1", norm2: "norm2", attn: "attn", mlp: "mlp",
  residual1: "+", residual2: "+",
};
const WORDS = {
  norm1: "brings each token to mean 0 and deviation 1 for attention",
  attn: "attention: tokens gather from one another",
  head: "one head of the attention: zeros instead of what it mixed",
  residual1: "the sum around attention: without it the update replaces " +
    "the tokens",
  norm2: "brings each token to mean 0 and deviation 1 for the MLP",
  mlp: "the MLP: each token is worked on alone",
  residual2: "the sum around the MLP: without it the update replaces " +
    "the tokens",
};

function kindOf(name) {
  return name.split(".")[2];
}

function partsOf(layer, heads) {
  return [
    "norm1", "attn", ...Array.from({ length: heads }, (_, i) => `head.${i}`),
    "residual1", "norm2", "mlp", "residual2",
  ].map((part) => `blocks.${layer}.${part}`);
}

/** Has it no work to do, since what it works for is gone? */
function idles(name, off) {
  const [blocks, layer, kind] = name.split(".");
  const gone = (part) => off.has(`${blocks}.${layer}.${part}`);
  return ["norm1", "head", "residual1"].includes(kind) && gone("attn")
    || ["norm2", "residual2"].includes(kind) && gone("mlp");
}

/** Names with one more, or without the one that is among them. */
function toggled(names, name) {
  return names.includes(name)
    ? names.filter((other) => other !== name) : [...names, name];
}

// --- What is measured

/** (n, d) -> the mean length of a token. */
function lengthOf({ data, shape: [n, d] }) {
  let total = 0;
  for (let from = 0; from < n * d; from += d) {
    total += Math.hypot(...data.subarray(from, from + d));
  }
  return total / n;
}

/** (n, d) -> what part of their length tells the tokens apart. */
function apartOf({ data, shape: [n, d] }) {
  const middle = new Float64Array(d);
  data.forEach((v, i) => { middle[i % d] += v / n; });
  let [rest, all] = [0, 0];
  data.forEach((v, i) => {
    rest += (v - middle[i % d]) ** 2;
    all += v * v;
  });
  return Math.sqrt(rest / all);
}

/** The stream at the start, and in the middle and at the end of blocks. */
function pointsOf(pass) {
  const stream = [pass.with_positions,
    ...pass.blocks.flatMap(({ middle, output }) => [middle, output])];
  return stream.map((tokens) =>
    ({ length: lengthOf(tokens), apart: apartOf(tokens) }));
}

function answerOf({ logits }) {
  const shares = [...softmax(logits).data];
  return { shares, digit: best(shares), share: Math.max(...shares) };
}

/** The passes of one drawing: whole, and without each part alone. */
class Trials {
  constructor(vit, parts, tell) {
    Object.assign(this, { vit, parts, tell, round: 0 });
  }

  read() {
    this.whole = this.vit.forward(drawing.image);
    this.before = answerOf(this.whole);
    this.alone = new Map(); // what is read without a part, by its name
    this.stop();
    const { round } = this;
    setTimeout(() => this.tryEach(this.parts, round), REST);
  }

  /** A few at a time, until another drawing or the end. */
  tryEach(names, round) {
    if (round !== this.round) return;
    for (const name of names.slice(0, AT_ONCE)) {
      this.alone.set(name, answerOf(this.without([name])));
    }
    const rest = names.slice(AT_ONCE);
    if (rest.length) setTimeout(() => this.tryEach(rest, round), 0);
    else this.tell();
  }

  stop() {
    this.round += 1;
  }

  without(off) {
    return off.length
      ? this.vit.forward(drawing.image, { off }) : this.whole;
  }

  /** Is one part, taken away alone, enough to change the answer? */
  isVital(name) {
    const found = this.alone.get(name);
    return Boolean(found) && found.digit !== this.before.digit;
  }
}

// --- One block: two detours from the stream

/** A switch for a part of the block. */
function partOf(name, toggle, point) {
  const kind = kindOf(name);
  const part = html("button", {
    type: "button", class: `vit-part vit-part-${kind}`,
    onclick: () => toggle(name),
    onpointerenter: () => point(name),
    onpointerleave: () => point(null),
    onfocus: () => point(name),
    onblur: () => point(null),
  }, LABELS[kind] ?? name.at(-1));
  part.paint = (off, isVital) => {
    const isOff = off.has(name);
    part.setAttribute("aria-pressed", !isOff);
    part.classList.toggle("vit-off", isOff);
    part.classList.toggle("vit-idle", !isOff && idles(name, off));
    part.classList.toggle("vit-vital", isVital);
    if (kind.startsWith("residual")) part.textContent = isOff ? "=" : "+";
    part.setAttribute("aria-label",
      `${name}, ${isOff ? "taken away" : "in place"}`);
  };
  return part;
}

/** Arrow keys go around the parts; one of them is in the Tab order. */
function walkAround(parts) {
  const enter = (next) => parts.forEach((part, i) => {
    part.tabIndex = i === next ? 0 : -1;
  });
  enter(0);
  return (event) => {
    const at = parts.indexOf(document.activeElement);
    const step = arrow(event);
    if (!step || at < 0) return;
    event.preventDefault();
    const next = (at + step[0] + step[1] + parts.length) % parts.length;
    enter(next);
    parts[next].focus();
  };
}

/** The stream along a block, as thick as its tokens are long. */
function bandOf() {
  const band = svg("svg", {
    class: "vit-band", viewBox: `0 0 ${WIDE} ${TALL}`,
    preserveAspectRatio: "none", "aria-hidden": true,
  });
  const half = ({ length }) => Math.min(TALL / 2, 3.2 * Math.sqrt(length));
  const piece = ([x0, x1], before, after, isOff) => {
    const [a, b] = [half(before), half(after)];
    const y = TALL / 2;
    return svg("path", {
      class: isOff ? "vit-flow-off" : "vit-flow-on",
      d: `M${x0},${y - a} L${x1},${y - b} V${y + b} L${x0},${y + a} Z`,
    });
  };
  const [first, second] = [0.38 * WIDE, 0.88 * WIDE]; // where the sums are
  band.paint = ([start, middle, end], isOff1, isOff2) =>
    band.replaceChildren(
      piece([0, first], start, start, isOff1),
      piece([first, second], middle, middle, isOff2),
      piece([second, WIDE], end, end, false));
  return band;
}

function wire(kind) {
  return html("span", { class: `vit-wire vit-wire-${kind}` });
}

function blockOf(layer, heads, toggle, point) {
  const names = partsOf(layer, heads);
  const parts = names.map((name) => partOf(name, toggle, point));
  const of = (part) => parts[names.indexOf(`blocks.${layer}.${part}`)];
  const band = bandOf();
  const [lengths, aparts] = [0, 1].map(() =>
    [0, 1].map(() => html("span", {})));
  const whole = html("div", {
    class: "vit-block", role: "toolbar", "aria-label": `Block ${layer}`,
    onkeydown: walkAround(parts),
  }, html("span", { class: "vit-head" }, `block ${layer}`),
  html("div", { class: "vit-detours" },
    html("div", { class: "vit-detour" },
      html("div", { class: "vit-heads" }, of("attn"),
        ...Array.from({ length: heads }, (_, i) => of(`head.${i}`))),
      wire("up"), of("norm1"), wire("down"), of("residual1")),
    html("div", { class: "vit-detour" },
      of("mlp"), wire("up"), of("norm2"), wire("down"), of("residual2")),
    band),
  html("div", { class: "vit-along" }, ...lengths),
  html("div", { class: "vit-along" }, ...aparts));
  /** `points` are the stream in front, in the middle and at the end. */
  whole.paint = (points, off, trials) => {
    band.paint(points, ...["residual1", "residual2"].map((part) =>
      off.has(`blocks.${layer}.${part}`)));
    parts.forEach((part, i) => part.paint(off, trials.isVital(names[i])));
    points.slice(1).forEach(({ length, apart }, i) => {
      lengths[i].textContent = rounded(length, length < 99.5 ? 1 : 0);
      aparts[i].textContent = rounded(apart);
    });
  };
  return whole;
}

/** All blocks behind one another, and what enters the first. */
function encoder(all, heads, toggle, point) {
  const blocks = all.map((_, layer) => blockOf(layer, heads, toggle, point));
  const [length, apart] = [0, 1].map(() => html("span", {}));
  const whole = html("div", { class: "vit-encoder" },
    html("div", { class: "vit-enter" },
      html("span", {}, "length", length),
      html("span", {}, "apart", apart)),
    ...blocks);
  whole.paint = (points, off, trials) => {
    length.textContent = rounded(points[0].length, 1);
    apart.textContent = rounded(points[0].apart);
    blocks.forEach((block, i) =>
      block.paint(points.slice(2 * i, 2 * i + 3), off, trials));
  };
  return whole;
}

// --- Around it

/** Buttons that take all parts of a kind away; the one that holds is on. */
function presetsOf(all, choose) {
  const every = (...kinds) => all.filter((name) =>
    kinds.includes(kindOf(name)));
  const presets = [
    ["everything on", []],
    ["no sums", every("residual1", "residual2")],
    ["no norms", every("norm1", "norm2")],
    ["no attention", every("attn")],
    ["no MLPs", every("mlp")],
  ];
  const buttons = presets.map(([words, off]) =>
    button(words, () => choose(off)));
  const whole = html("div", {
    class: "vit-presets", role: "group", "aria-label": "All of a kind",
  }, ...buttons);
  whole.paint = (off) => presets.forEach(([, names], i) => {
    const isSame = names.length === off.size
      && names.every((name) => off.has(name));
    buttons[i].setAttribute("aria-pressed", isSame);
  });
  return whole;
}

/** What is under the pointer, or how to read the thick frames. */
function note(trials, pointed) {
  const { alone, parts } = trials;
  if (pointed) {
    const found = alone.get(pointed);
    const then = found ? ` Taken away alone, the model reads ${
      found.digit}, ${percent(found.share)}.` : "";
    return [html("code", {}, pointed), ` ${WORDS[kindOf(pointed)]}.${then}`];
  }
  if (alone.size < parts.length) return ["Trying each part alone …"];
  const count = parts.filter((name) => trials.isVital(name)).length;
  return [`Thick frames: ${count} of ${alone.size} parts of which one ` +
    "alone, taken away, is enough to change what this digit is read as."];
}

/** The answer without the parts, beside the one with all of them. */
function outcome(count, onEnd) {
  const list = answers(count);
  const said = html("p", { class: "vit-verdict" });
  const moved = html("p", {});
  const whole = html("div", { class: "vit-outcome" },
    html("div", { class: "vit-drawn" },
      pad("Draw a digit here", { onEnd })),
    list,
    html("div", { class: "vit-counts" }, said, moved,
      hint("The blue marks are the answer with every part in place.")));
  whole.paint = (now, { before, parts }, off, most) => {
    list.paint(now.shares, before.shares);
    said.textContent = drawing.isEmpty ? "Nothing is drawn: draw a digit."
      : `The model reads ${now.digit}, ${percent(now.share)}.`;
    moved.textContent = off.size
      ? `${off.size} of ${parts.length} parts taken away. Whole, it ` +
        `reads ${before.digit}, ${percent(before.share)}; a score has ` +
        `moved by up to ${rounded(most, 1)}.`
      : "Every part is in place.";
    return `${said.textContent} ${moved.textContent}`;
  };
  return whole;
}

export const render = figure(
  "encoder_switches", "The encoder, with a switch at every part",
  ({ model, root, onEnd }) => {
    shareWith(model, onEnd);
    const vit = readerOf(model);
    const { depth, num_heads: heads, num_tokens: n, embed_dim: d } = vit;
    const all = Array.from({ length: depth }, (_, i) => partsOf(i, heads));
    const again = frame(() => draw());
    const trials = new Trials(vit, all.flat(), again);
    let pointed = null;

    const choose = (off) => set(model, { off });
    const toggle = (name) => choose(toggled(model.get("off"), name));
    const point = (name) => {
      pointed = name;
      told.replaceChildren(...note(trials, pointed));
    };
    const presets = presetsOf(all.flat(), choose);
    const blocks = encoder(all, heads, toggle, point);
    const told = html("p", { class: "vit-told" });
    const below = outcome(vit.num_classes, onEnd);
    const spoken = speaker();

    const draw = () => {
      const off = new Set(model.get("off"));
      const pass = trials.without([...off]);
      const points = pointsOf(pass);
      const now = answerOf(pass);
      const most = largest(pass.logits.data.map((v, i) =>
        v - trials.whole.logits.data[i]));
      blocks.paint(points, off, trials);
      presets.paint(off);
      told.replaceChildren(...note(trials, pointed));
      spoken.say(below.paint(now, trials, off, most));
      Object.assign(root.dataset, {
        off: [...off].join(" "), answer: drawing.isEmpty ? "" : now.digit,
        share: now.share, moved: most, tried: trials.alone.size,
        vital: trials.parts.filter((name) => trials.isVital(name)).join(" "),
        lengths: points.map((p) => p.length).join(" "),
        aparts: points.map((p) => p.apart).join(" "),
      });
    };

    root.append(
      hint("Click a part to take it away, and again to put it back."),
      presets, blocks,
      html("div", { class: "vit-shapes" }, shape("tokens", [n, d]),
        hint("length: mean over the tokens. apart: the part of it that " +
          "tells them apart.")),
      told, below, padControls(onEnd), spoken);
    listen(model, "off", again, onEnd);
    onEnd(() => trials.stop());
    onEnd(drawing.on(() => {
      trials.read();
      again();
    }));
    trials.read();
    draw();
  });
