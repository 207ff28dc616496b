// The encoder with a switch at every part: take a norm, a head, a whole
// layer or a plus sign away, and see what becomes of the stream and of the
// answer.
//
// The trait `off` holds the names of what is taken away, as `forward` of
// vit.js has them: "blocks.0.norm1", "blocks.2.head.3", "blocks.1.residual2".

import {
  button, figure, frame, hint, html, listen, percent, readerOf, rounded,
  shape, speaker, svg,
} from "../../alive/web/kit.js";
import { answers } from "../../alive/web/answers.js";
import { drawing, pad, padControls, shareWith } from "../../alive/web/drawing.js";
import { softmax } from "../../alive/web/vit.js";

const [WIDE, TALL] = [120, 44]; // a block's piece of the stream
const REST = 250; // milliseconds until each part is tried alone
const AT_ONCE = 2; // parts tried in a frame

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

/** (n, d) -> the mean length of a token. */
function lengthOf({ data, shape: [n, d] }) {
  let sum = 0;
  for (let from = 0; from < n * d; from += d) {
    sum += Math.hypot(...data.subarray(from, from + d));
  }
  return sum / n;
}

/** (n, d) -> what part of their length tells the tokens apart. */
function apartOf({ data, shape: [n, d] }) {
  const mean = new Float64Array(d);
  data.forEach((v, i) => { mean[i % d] += v / n; });
  let [rest, all] = [0, 0];
  data.forEach((v, i) => {
    rest += (v - mean[i % d]) ** 2;
    all += v * v;
  });
  return Math.sqrt(rest / all);
}

function answerOf({ logits }) {
  const shares = [...softmax(logits).data];
  const best = shares.indexOf(Math.max(...shares));
  return { shares, best, share: shares[best] };
}

// --- One block: two detours from the stream

function blockOf(layer, heads, toggle, point) {
  const parts = partsOf(layer, heads);
  const labels = {
    norm1: "norm1", norm2: "norm2", attn: "attn", mlp: "mlp",
    residual1: "+", residual2: "+",
  };
  const buttons = parts.map((name, i) => html("button", {
    type: "button", tabindex: i ? -1 : 0,
    class: `vit-part vit-part-${kindOf(name)}`,
    onclick: () => toggle(name),
    onpointerenter: () => point(name),
    onpointerleave: () => point(null),
    onfocus: () => point(name),
    onblur: () => point(null),
  }, labels[kindOf(name)] ?? name.at(-1)));
  const of = (part) => buttons[parts.indexOf(`blocks.${layer}.${part}`)];
  const band = svg("svg", {
    class: "vit-band", viewBox: `0 0 ${WIDE} ${TALL}`,
    preserveAspectRatio: "none", "aria-hidden": true,
  });
  const wire = (kind) => html("span", { class: `vit-wire vit-wire-${kind}` });
  const lengths = [1, 2].map(() => html("span", {}));
  const aparts = [1, 2].map(() => html("span", {}));
  const whole = html("div", {
    class: "vit-block", role: "toolbar", "aria-label": `Block ${layer}`,
    onkeydown: (event) => {
      const step = {
        ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1,
      }[event.key];
      const at = buttons.indexOf(document.activeElement);
      if (!step || at < 0) return;
      event.preventDefault();
      const next = (at + step + buttons.length) % buttons.length;
      buttons.forEach((b, i) => { b.tabIndex = i === next ? 0 : -1; });
      buttons[next].focus();
    },
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
  whole.paint = (points, off, vital) => {
    const half = ({ length }) =>
      Math.min(TALL / 2, 3.2 * Math.sqrt(length));
    const piece = (x0, x1, before, after, isOff) => svg("path", {
      class: isOff ? "vit-flow-off" : "vit-flow-on",
      d: `M${x0},${TALL / 2 - half(before)} L${x1},${TALL / 2 -
        half(after)} V${TALL / 2 + half(after)} L${x0},${TALL / 2 +
        half(before)} Z`,
    });
    const [first, second] = ["residual1", "residual2"].map((part) =>
      off.has(`blocks.${layer}.${part}`));
    const [a, b] = [0.38 * WIDE, 0.88 * WIDE];
    band.replaceChildren(
      piece(0, a, points[0], points[0], first),
      piece(a, b, points[1], points[1], second),
      piece(b, WIDE, points[2], points[2], false));
    buttons.forEach((part, i) => {
      const isOff = off.has(parts[i]);
      const kind = kindOf(parts[i]);
      const idle = !isOff && idles(parts[i], off);
      part.setAttribute("aria-pressed", !isOff);
      part.classList.toggle("vit-off", isOff);
      part.classList.toggle("vit-idle", idle);
      part.classList.toggle("vit-vital", vital(parts[i]));
      if (kind.startsWith("residual")) part.textContent = isOff ? "=" : "+";
      part.setAttribute("aria-label", `${parts[i]}, ` +
        (isOff ? "taken away" : "in place"));
    });
    [1, 2].forEach((i) => {
      const { length, apart } = points[i];
      lengths[i - 1].textContent = length < 99.5
        ? rounded(length, 1) : rounded(length, 0);
      aparts[i - 1].textContent = rounded(apart);
    });
  };
  return whole;
}

/** Has it no work to do, since what it works for is gone? */
function idles(name, off) {
  const [blocks, layer, kind] = name.split(".");
  const gone = (part) => off.has(`${blocks}.${layer}.${part}`);
  return ["norm1", "head", "residual1"].includes(kind) && gone("attn")
    || ["norm2", "residual2"].includes(kind) && gone("mlp");
}

// --- The figure

export const render = figure(
  "encoder_switches", "The encoder, with a switch at every part",
  ({ model, root, onEnd }) => {
    shareWith(model, onEnd);
    const vit = readerOf(model);
    const { depth, num_heads: heads, num_tokens: n, embed_dim: d } = vit;
    const all = Array.from({ length: depth }, (_, i) => partsOf(i, heads));
    const every = (...kinds) =>
      all.flat().filter((name) => kinds.includes(kindOf(name)));
    const presets = [
      ["everything on", []],
      ["no sums", every("residual1", "residual2")],
      ["no norms", every("norm1", "norm2")],
      ["no attention", every("attn")],
      ["no MLPs", every("mlp")],
    ];
    let pointed = null;
    let whole; // the pass with everything on
    let alone; // what the model reads without one part, by its name

    const setOff = (off) => {
      model.set("off", off);
      model.save_changes();
    };
    const toggle = (name) => {
      const off = model.get("off");
      setOff(off.includes(name)
        ? off.filter((other) => other !== name) : [...off, name]);
    };
    const point = (name) => {
      pointed = name;
      tell();
    };

    const choices = presets.map(([text, off]) =>
      button(text, () => setOff(off)));
    const blocks = all.map((_, layer) =>
      blockOf(layer, heads, toggle, point));
    const [start, startApart] = [0, 1].map(() => html("span", {}));
    const list = answers(vit.num_classes);
    const said = html("p", { class: "vit-verdict" });
    const moved = html("p", {});
    const told = html("p", { class: "vit-told" });
    const spoken = speaker();

    /** What is under the pointer, or how to read the thick frames. */
    const tell = () => {
      const before = answerOf(whole);
      if (pointed) {
        const found = alone.get(pointed);
        const then = found ? ` Taken away alone, the model reads ${
          found.best}, ${percent(found.share)}.` : "";
        told.replaceChildren(html("code", {}, pointed),
          ` ${WORDS[kindOf(pointed)]}.${then}`);
        return;
      }
      const count = [...alone.values()]
        .filter(({ best }) => best !== before.best).length;
      told.textContent = alone.size < all.flat().length
        ? "Trying each part alone …"
        : `Thick frames: ${count} of ${alone.size} parts of which one ` +
          `alone, taken away, is enough to change what this digit is read as.`;
    };
    const draw = () => {
      const off = new Set(model.get("off"));
      const pass = off.size
        ? vit.forward(drawing.image, { off: [...off] }) : whole;
      const [now, before] = [answerOf(pass), answerOf(whole)];
      const measure = (tokens) =>
        ({ length: lengthOf(tokens), apart: apartOf(tokens) });
      const points = [measure(pass.with_positions),
        ...pass.blocks.flatMap(({ middle, output }) =>
          [measure(middle), measure(output)])];
      const vital = (name) =>
        alone.has(name) && alone.get(name).best !== before.best;
      blocks.forEach((block, i) =>
        block.paint(points.slice(2 * i, 2 * i + 3), off, vital));
      start.textContent = rounded(points[0].length, 1);
      startApart.textContent = rounded(points[0].apart);
      choices.forEach((choice, i) => {
        const same = presets[i][1].length === off.size
          && presets[i][1].every((name) => off.has(name));
        choice.setAttribute("aria-pressed", same);
      });
      list.paint(now.shares, before.shares);
      const most = pass.logits.data.reduce((top, v, i) =>
        Math.max(top, Math.abs(v - whole.logits.data[i])), 0);
      said.textContent = drawing.isEmpty ? "Nothing is drawn: draw a digit."
        : `The model reads ${now.best}, ${percent(now.share)}.`;
      moved.textContent = off.size
        ? `${off.size} of ${all.flat().length} parts taken away. Whole, it ` +
          `reads ${before.best}, ${percent(before.share)}; a score has ` +
          `moved by up to ${rounded(most, 1)}.`
        : "Every part is in place.";
      tell();
      Object.assign(root.dataset, {
        off: [...off].join(" "), answer: drawing.isEmpty ? "" : now.best,
        share: now.share, moved: most, tried: alone.size,
        vital: all.flat().filter(vital).join(" "),
        lengths: points.map((p) => p.length).join(" "),
        aparts: points.map((p) => p.apart).join(" "),
      });
      spoken.say(`${said.textContent} ${moved.textContent}`);
    };
    const again = frame(draw);

    // Each part alone, a few at a time, when the hand rests.
    let round = 0;
    const tryEach = (names, mine) => {
      if (mine !== round) return;
      for (const name of names.slice(0, AT_ONCE)) {
        alone.set(name, answerOf(vit.forward(drawing.image, { off: [name] })));
      }
      const rest = names.slice(AT_ONCE);
      if (rest.length) setTimeout(() => tryEach(rest, mine), 0);
      else again();
    };
    const read = () => {
      whole = vit.forward(drawing.image);
      alone = new Map();
      const mine = (round += 1);
      setTimeout(() => tryEach(all.flat(), mine), REST);
    };
    onEnd(() => { round += 1; });

    root.append(
      hint("Click a part to take it away, and again to put it back."),
      html("div", {
        class: "vit-presets", role: "group", "aria-label": "All of a kind",
      }, ...choices),
      html("div", { class: "vit-encoder" },
        html("div", { class: "vit-enter" },
          html("span", {}, "length", start),
          html("span", {}, "apart", startApart)),
        ...blocks),
      html("div", { class: "vit-shapes" }, shape("tokens", [n, d]),
        hint("length: mean over the tokens. apart: the part of it that " +
          "tells them apart.")), told,
      html("div", { class: "vit-outcome" },
        html("div", { class: "vit-drawn" }, pad("Draw a digit here",
          { onEnd })),
        list,
        html("div", { class: "vit-counts" }, said, moved,
          hint("The blue marks are the answer with every part in place."))),
      padControls(), spoken);
    listen(model, "off", again, onEnd);
    onEnd(drawing.on(() => {
      read();
      again();
    }));
    read();
    draw();
  });
