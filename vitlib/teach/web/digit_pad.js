// The model reads while you draw: the digit, its patches, their tokens,
// where the class token looks in each block, the answer. Each stage leads
// to its chapter.

import {
  chapter, figure, frame, heat, hint, html, largest, percent, readerOf,
  rounded, scale, shape, svg, token,
} from "./kit.js";
import { drawing, pad, padControls } from "./drawing.js";
import { softmax } from "./vit.js";

const SHOWN = 16; // of a token's 64 numbers
const SURE = 0.6;

function tokenColumn(count) {
  const strips = Array.from({ length: count }, (_, i) =>
    heat("signed", [1, SHOWN], i ? `Token of patch ${i}` : "Class token"));
  const boxes = strips.map((strip, i) =>
    token(i ? `patch ${i}` : "class token", { cls: i === 0 }, strip));
  const column = html("span", { class: "vit-tokens" }, ...boxes);
  column.paint = ({ data, shape: [, width] }) => {
    const rows = strips.map((_, i) => data.subarray(i * width, i * width + SHOWN));
    const top = Math.max(...rows.map(largest));
    strips.forEach((strip, i) => strip.paint(rows[i], top));
    return top;
  };
  return column;
}

/** Which share the class token takes of each patch, mean over the heads. */
function lookOf({ data, shape: [heads, n] }) {
  const shares = new Float32Array(n - 1);
  for (let head = 0; head < heads; head++) {
    for (let j = 1; j < n; j++) shares[j - 1] += data[head * n * n + j] / heads;
  }
  return shares;
}

function answers(count) {
  const rows = Array.from({ length: count }, (_, digit) => {
    const bar = html("span", { class: "vit-bar" });
    const share = html("span", { class: "vit-share" });
    const row = html("li", {}, html("b", {}, String(digit)), bar, share);
    return { bar, share, row };
  });
  const list = html("ol", { class: "vit-answers" },
    ...rows.map(({ row }) => row));
  list.paint = (shares) => rows.forEach(({ bar, share, row }, digit) => {
    bar.style.setProperty("--share", shares[digit]);
    share.textContent = percent(shares[digit]);
    row.classList.toggle("vit-best", shares[digit] === Math.max(...shares));
  });
  return list;
}

function verdict(shares) {
  const order = [...shares.keys()].sort((a, b) => shares[b] - shares[a]);
  const [first, second] = order;
  if (drawing.isEmpty) return "Nothing is drawn: draw a digit.";
  if (shares[first] >= SURE) {
    return `The model reads ${first}, ${percent(shares[first])}.`;
  }
  return `Not sure: ${first} (${percent(shares[first])}) or ` +
    `${second} (${percent(shares[second])}). It knows digits, no more.`;
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

/** The bytes of a trait, of whichever view they came in. */
function bytesOf({ buffer, byteOffset, byteLength }) {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Keep Python's `pixels` and the drawing the same. */
function shareWith(model, onEnd) {
  const isSame = (bytes) => {
    const own = drawing.bytes;
    return bytes.length === own.length && bytes.every((b, i) => b === own[i]);
  };
  const send = () => {
    const bytes = drawing.bytes;
    if (isSame(bytesOf(model.get("pixels")))) return;
    model.set("pixels", new DataView(bytes.buffer));
    model.save_changes();
  };
  const take = () => {
    const bytes = bytesOf(model.get("pixels"));
    if (bytes.length && !isSame(bytes)) drawing.pixels(bytes);
  };
  model.on("change:pixels", take);
  onEnd(() => model.off("change:pixels", take));
  onEnd(drawing.on(send));
  take();
  send();
}

export const render = figure(
  "digit_pad", "A Vision Transformer reads your digit",
  ({ model, root, links, onEnd }) => {
    shareWith(model, onEnd);
    const vit = readerOf(model);
    const [patches, n, p] = [16, vit.num_tokens, vit.patch_size];
    const seen = heat("ink", [28, 28], "What the model gets, in patches", p);
    const column = tokenColumn(n);
    const colours = scale("signed");
    const looks = Array.from({ length: vit.depth }, (_, layer) => heat(
      "weight", [4, 4], `Block ${layer + 1}: where the class token looks`, 1));
    const weights = scale("weight");
    const list = answers(vit.num_classes);
    const said = html("output", { class: "vit-verdict" });

    const draw = () => {
      const pass = vit.forward(drawing.image);
      seen.paint(drawing.image.data, 1);
      const top = column.paint(pass.with_positions);
      colours.ends(rounded(-top, 1), rounded(top, 1));
      const shares = pass.blocks.map(({ attn }) => lookOf(attn.weights));
      const most = Math.max(...shares.map(largest));
      looks.forEach((look, layer) => look.paint(shares[layer], most));
      weights.ends("0", percent(most));
      const answer = [...softmax(pass.logits).data];
      list.paint(answer);
      said.textContent = verdict(answer);
      root.dataset.answer = drawing.isEmpty
        ? "" : answer.indexOf(Math.max(...answer));
    };

    root.append(
      html("div", { class: "vit-flow" },
        html("div", { class: "vit-drawn" },
          pad("Draw a digit here", { onEnd }), hint("Draw a digit.")),
        html("div", { class: "vit-stages" },
          stage(links, "02_patches", "patches", seen,
            shape("", [patches, p * p])),
          arrow(),
          stage(links, "04_tokens", "tokens", column,
            shape("", [n, vit.embed_dim])),
          arrow(),
          stage(links, "05_attention", `${vit.depth} blocks`,
            html("span", { class: "vit-looks" }, ...looks), weights)),
        stage(links, "07_vit", "answer", list, shape("", [vit.num_classes]))),
      padControls(), said);
    onEnd(drawing.on(frame(draw)));
    draw();
  });
