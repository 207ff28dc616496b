// The model reads while you draw: the digit, its patches, their tokens,
// where the class token looks in each block, the answer. Each stage leads
// to its chapter.

import {
  best, chapter, figure, frame, heat, html, largest, percent,
  readerOf, scale, shape, speaker, svg, tiles, token,
} from "../../alive/web/kit.js";
import { answers } from "../../alive/web/answers.js";
import {
  drawing, pad, padControls, shareWith,
} from "../../alive/web/drawing.js";
import { softmax } from "../../alive/web/vit.js";

const SHOWN = 16; // of a token's 64 numbers
const SURE = 0.6;
const SIDE = 28;

function tokenColumn(count) {
  const strips = Array.from({ length: count }, (_, i) =>
    heat("signed", [1, SHOWN], i ? `Token of patch ${i}` : "Class token"));
  const boxes = strips.map((strip, i) =>
    token(i ? `patch ${i}` : "class token", { cls: i === 0 }, strip));
  const column = html("span", { class: "vit-tokens" }, ...boxes);
  column.paint = ({ data, shape: [, width] }) => {
    const rows = strips.map((_, i) =>
      data.subarray(i * width, i * width + SHOWN));
    const top = Math.max(...rows.map(largest));
    strips.forEach((strip, i) => strip.paint(rows[i], top));
  };
  return column;
}

/** Which share the class token takes of each patch, mean over the heads. */
function lookOf({ data, shape: [heads, n] }) {
  const shares = new Float32Array(n - 1);
  for (let head = 0; head < heads; head++) {
    for (let j = 1; j < n; j++) {
      shares[j - 1] += data[head * n * n + j] / heads;
    }
  }
  return shares;
}

function verdict(shares) {
  const order = [...shares.keys()].sort((a, b) => shares[b] - shares[a]);
  const [first, second] = order;
  if (drawing.isEmpty) {
    return `Draw a digit. To an empty picture it says ${first}.`;
  }
  if (shares[first] >= SURE) return `The model reads ${first}.`;
  return `Not sure: ${first} or ${second}?`;
}

function stage(links, name, head, body, below) {
  return chapter(links, name, html("span", { class: "vit-head" }, head),
    body, below);
}

function arrow() {
  return svg("svg", {
    class: "vit-arrow", viewBox: "0 0 12 10", "aria-hidden": true,
  }, svg("path", { d: "M0,5 H10 M7,2 L10,5 L7,8" }));
}

export const render = figure(
  "digit_pad", "A Vision Transformer reads your digit",
  ({ model, root, links, onEnd }) => {
    shareWith(model, onEnd);
    const vit = readerOf(model);
    const [n, p] = [vit.num_tokens, vit.patch_size];
    const seen = tiles("ink", n - 1, SIDE / p, [p, p], "Patches");
    const column = tokenColumn(n);
    const looks = Array.from({ length: vit.depth }, (_, layer) => heat(
      "weight", [SIDE / p, SIDE / p], `Block ${layer + 1}`));
    const shown = html("span", {
      class: "vit-looks", role: "img",
      "aria-label": "Where the class token looks, block by block",
    }, ...looks);
    const ends = scale("weight");
    const list = answers(vit.num_classes);
    const said = html("p", { class: "vit-verdict" });
    const spoken = speaker();

    const draw = () => {
      const pass = vit.forward(drawing.image);
      seen.paint(pass.patches, 1);
      column.paint(pass.with_positions);
      const shares = pass.blocks.map(({ attn }) => lookOf(attn.weights));
      const most = Math.max(...shares.map(largest));
      looks.forEach((look, layer) => look.paint(shares[layer], most));
      ends.ends("0", percent(most));
      const answer = [...softmax(pass.logits).data];
      list.paint(answer);
      said.textContent = verdict(answer);
      spoken.say(said.textContent);
      root.dataset.answer = drawing.isEmpty
        ? "" : best(answer);
    };

    root.append(
      html("div", { class: "vit-flow" },
        html("div", { class: "vit-drawn" },
          pad("Draw a digit here", { onEnd }), said),
        html("div", { class: "vit-stages" },
          stage(links, "02_patches", "patches", seen,
            shape("", [n - 1, p * p])),
          arrow(),
          stage(links, "04_tokens", "tokens", column,
            shape("", [n, vit.embed_dim])),
          arrow(),
          stage(links, "05_attention", `${vit.depth} blocks`, shown, ends)),
        stage(links, "07_vit", "answer", list,
          shape("", [vit.num_classes]))),
      padControls(onEnd), spoken);
    onEnd(drawing.on(frame(draw)));
    draw();
  });
