// Mix the patches of a digit. With positions the model sees two pictures,
// without it sees one: the logits say so, to the last digit of a float.

import {
  arrows, button, figure, frame, heat, html, largest, listen, moves,
  percent, readerOf, rounded, speaker,
} from "../../alive/web/kit.js";
import { drawing, pad, padControls, shareWith } from "../../alive/web/drawing.js";
import { named } from "../../alive/web/panels.js";
import { softmax } from "../../alive/web/vit.js";

const SIDE = 28;
const CLOSE = 1e-5;
const WORTH_A_NUMBER = 0.1;
const FLIGHT = { duration: 260, easing: "ease-in-out" };

/** Two bars for each class: in their places, and mixed. */
function pairs(count) {
  const rows = Array.from({ length: count }, (_, digit) => {
    const bars = [0, 1].map(() => html("span", { class: "vit-pair-bar" }));
    const said = [0, 1].map(() => html("span", {}));
    const row = html("li", {}, html("b", {}, String(digit)),
      html("span", { class: "vit-pair-bars" }, ...bars),
      html("span", { class: "vit-pair-said" }, ...said));
    return { bars, said, row };
  });
  const list = html("ol", { class: "vit-pairs" },
    ...rows.map(({ row }) => row));
  list.paint = (both) => rows.forEach(({ bars, said }, digit) => {
    both.forEach((shares, i) => {
      const share = shares[digit];
      bars[i].style.setProperty("--share", share);
      said[i].textContent = share < WORTH_A_NUMBER ? "" : percent(share);
    });
  });
  return list;
}

function column(name, title, ...inside) {
  return html("div", { class: `vit-shuffle-${name}` },
    html("p", { class: "vit-head" }, ...title), ...inside);
}

function swatch(kind) {
  return html("span", { class: `vit-swatch vit-swatch-${kind}` });
}

function best(logits) {
  return logits.indexOf(Math.max(...logits));
}

/** A random order in which something has moved. */
function anyOrder(count) {
  const order = [...Array(count).keys()];
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order.every((patch, place) => patch === place)
    ? anyOrder(count) : order;
}

/** The mixed picture: patches that change places when two are chosen. */
function pieces(count, cols, size, { exchange, over }) {
  const heats = Array.from({ length: count }, () =>
    heat("ink", [size, size], "A patch"));
  const boxes = heats.map((one) => html("button", {
    type: "button", class: "vit-tile vit-piece",
  }, one));
  let taken = null;
  const take = (place) => {
    const before = taken;
    taken = before === null ? place : null;
    boxes.forEach((box, i) => {
      box.setAttribute("aria-pressed", String(i === taken));
    });
    if (before !== null && before !== place) exchange(before, place);
  };
  arrows(boxes, cols, () => {});
  boxes.forEach((box, place) => {
    box.addEventListener("click", () => take(place));
    box.addEventListener("keydown", ({ key }) => {
      if (key === "Enter" || key === " ") take(place);
    });
    for (const event of ["pointerenter", "focus"]) {
      box.addEventListener(event, () => over(place));
    }
    for (const event of ["pointerleave", "blur"]) {
      box.addEventListener(event, () => over(null));
    }
  });
  const whole = html("div", {
    class: "vit-tiles", role: "group", style: `--cols: ${cols}`,
    "aria-label": "The mixed patches: choose two to exchange them",
  }, ...boxes);
  whole.paint = ({ data }, order) => order.forEach((patch, place) => {
    const length = data.length / count;
    heats[place].paint(
      data.subarray(patch * length, (patch + 1) * length), 1);
    boxes[place].setAttribute(
      "aria-label", `Place ${place}, patch ${patch}`);
    boxes[place].setAttribute("aria-pressed", String(place === taken));
  });
  whole.fly = (before, after) => after.forEach((patch, place) => {
    const from = boxes[before.indexOf(patch)];
    const [x, y] = ["offsetLeft", "offsetTop"].map(
      (side) => from[side] - boxes[place][side]);
    if (!x && !y) return;
    boxes[place].animate(
      [{ transform: `translate(${x}px, ${y}px)` }, {}], FLIGHT);
  });
  return whole;
}

/** One answer in words: what is read, and how far the logits move. */
function verdict() {
  const reads = html("p", { class: "vit-verdict" });
  const moved = html("p", { class: "vit-hint" });
  const whole = html("div", {}, reads, moved);
  whole.say = ([here, there], change) => {
    const one = best(here) === best(there);
    reads.textContent = one
      ? `reads ${best(here)} in both`
      : `reads ${best(here)}, mixed ${best(there)}`;
    moved.textContent = change <= CLOSE
      ? `no logit moves by more than ${change ? change.toFixed(7) : "0"}`
      : `a logit moves by up to ${rounded(change)}`;
    return `${reads.textContent}, ${moved.textContent}`;
  };
  return whole;
}

export const render = figure(
  "patch_shuffle", "Patches in their places, and mixed",
  ({ model, root, onEnd }) => {
    shareWith(model, onEnd);
    const vit = readerOf(model);
    const n = vit.num_tokens - 1;
    const p = vit.patch_size;
    const cols = SIDE / p;
    const order = () => model.get("order");
    const become = (next) => {
      const before = order();
      model.set("order", next);
      model.save_changes();
      if (moves()) mixed.fly(before, next);
    };

    const origin = html("span", { class: "vit-origin", hidden: true });
    const mixed = pieces(n, cols, p, {
      exchange: (a, b) => become(order().map((patch, place) =>
        place === a ? order()[b] : place === b ? order()[a] : patch)),
      over: (place) => {
        origin.hidden = place === null;
        if (place === null) return;
        const patch = order()[place];
        origin.style.left = `${(100 * (patch % cols)) / cols}%`;
        origin.style.top = `${(100 * Math.floor(patch / cols)) / cols}%`;
      },
    });
    const hand = pad("Draw a digit here", { onEnd });
    hand.append(origin);
    const lists = [pairs(vit.num_classes), pairs(vit.num_classes)];
    const words = [verdict(), verdict()];
    const remark = html("p", { class: "vit-remark" });
    const spoken = speaker();

    const draw = () => {
      const answers = [[], ["pos_embed"]].map((off) =>
        [undefined, order()].map((way) =>
          vit.forward(drawing.image, { off, order: way })));
      mixed.paint(answers[0][0].patches, order());
      const said = answers.map((passes, i) => {
        const logits = passes.map((pass) => pass.logits.data);
        lists[i].paint(passes.map((pass) => softmax(pass.logits).data));
        const change = largest(logits[0].map((v, j) => v - logits[1][j]));
        return words[i].say(logits, change);
      });
      const inPlace = order().every((patch, place) => patch === place);
      remark.textContent = drawing.isEmpty
        ? "Nothing is drawn: patches of empty paper are all alike."
        : inPlace ? "All patches are in their places. Mix them."
          : "Without positions the mixed picture is the same picture.";
      spoken.say(`With positions: ${said[0]}. Without: ${said[1]}.`);
    };

    root.append(
      html("p", { class: "vit-hint" },
        "Draw a digit and mix its patches, or choose two of the mixed " +
        "ones to exchange them."),
      html("div", { class: "vit-shuffle" },
        column("drawn", [swatch("placed"), "your digit"], hand,
          named(hand, mixed).write("patches", [n, p * p])),
        column("mixed", [swatch("mixed"), "mixed"], mixed,
          html("div", { class: "vit-pad-controls" },
            button("mix", () => become(anyOrder(n)), "mix the patches"),
            button("put back", () => become([...Array(n).keys()]),
              "put back the patches"))),
        column("with",
          [html("span", { class: "vit-tick" }), "with positions"],
          lists[0], words[0],
          named(lists[0]).write("logits", [vit.num_classes])),
        column("without", ["without positions"], lists[1], words[1],
          named(lists[1]).write("logits", [vit.num_classes])),
        html("div", { class: "vit-shuffle-below" },
          padControls(), remark)),
      spoken);
    listen(model, "order", frame(draw), onEnd);
    onEnd(drawing.on(frame(draw)));
    draw();
  });
