// Mix the patches of a digit. With positions the model sees two pictures,
// without it sees one: the logits say so, to the last digit of a float.

import {
  arrows, best, button, figure, frame, heat, hint, html, largest, listen,
  moves, percent, readerOf, rounded, set, speaker,
} from "../../alive/web/kit.js";
import {
  drawing, pad, padControls, shareWith,
} from "../../alive/web/drawing.js";
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

function inPlace(order) {
  return order.every((patch, at) => patch === at);
}

function exchanged(order, a, b) {
  const next = [...order];
  [next[a], next[b]] = [order[b], order[a]];
  return next;
}

/** A random order in which something has moved. */
function anyOrder(count) {
  const order = [...Array(count).keys()];
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return inPlace(order) ? anyOrder(count) : order;
}

/** Call `exchange` with two that have been chosen one after the other. */
function chooser(boxes, exchange) {
  let taken = null;
  const show = () => boxes.forEach((box, i) => {
    box.setAttribute("aria-pressed", String(i === taken));
  });
  const take = (at) => {
    const before = taken;
    taken = before === null ? at : null;
    show();
    if (before !== null && before !== at) exchange(before, at);
  };
  boxes.forEach((box, at) => {
    box.addEventListener("click", () => take(at));
    box.addEventListener("keydown", ({ key }) => {
      if (key === "Enter" || key === " ") take(at);
    });
  });
  return show;
}

/** Call `over` with what is under the pointer or has the focus, or null. */
function pointing(boxes, over) {
  boxes.forEach((box, at) => {
    for (const event of ["pointerenter", "focus"]) {
      box.addEventListener(event, () => over(at));
    }
    for (const event of ["pointerleave", "blur"]) {
      box.addEventListener(event, () => over(null));
    }
  });
}

/** The mixed picture: patches that change places when two are chosen. */
function pieces(count, cols, size, { exchange, over }) {
  const heats = Array.from({ length: count }, () =>
    heat("ink", [size, size], "A patch"));
  const boxes = heats.map((one) => html("button", {
    type: "button", class: "vit-tile vit-piece",
  }, one));
  arrows(boxes, cols, () => {});
  const showTaken = chooser(boxes, exchange);
  pointing(boxes, over);
  const whole = html("div", {
    class: "vit-tiles", role: "group", style: `--cols: ${cols}`,
    "aria-label": "The mixed patches: choose two to exchange them",
  }, ...boxes);
  whole.paint = ({ data }, order) => {
    const length = data.length / count;
    order.forEach((patch, at) => {
      const ink = data.subarray(patch * length, (patch + 1) * length);
      heats[at].paint(ink, 1);
      boxes[at].setAttribute("aria-label", `Place ${at}, patch ${patch}`);
    });
    showTaken();
  };
  whole.fly = (before, after) => after.forEach((patch, at) => {
    const from = boxes[before.indexOf(patch)];
    const [x, y] = ["offsetLeft", "offsetTop"].map(
      (side) => from[side] - boxes[at][side]);
    if (!x && !y) return;
    boxes[at].animate(
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

/** A pad on which the place that a mixed patch came from is marked. */
function handOf(cols, onEnd) {
  const origin = html("span", { class: "vit-origin", hidden: true });
  const hand = pad("Draw a digit here", { onEnd });
  hand.append(origin);
  hand.mark = (patch) => {
    origin.hidden = patch === null;
    if (patch === null) return;
    origin.style.left = `${(100 * (patch % cols)) / cols}%`;
    origin.style.top = `${(100 * Math.floor(patch / cols)) / cols}%`;
  };
  return hand;
}

/** What the model reads in the picture and in the mixed one. */
function answersOf(title, classes) {
  const list = pairs(classes);
  const words = verdict();
  const element = column(...title, list, words,
    named(list).write("logits", [classes]));
  element.show = (passes) => {
    const [here, there] = passes.map(({ logits }) => logits.data);
    list.paint(passes.map(({ logits }) => softmax(logits).data));
    return words.say([here, there], largest(here.map((v, i) => v - there[i])));
  };
  return element;
}

function remark(order) {
  if (drawing.isEmpty) {
    return "Nothing is drawn: patches of empty paper are all alike.";
  }
  return inPlace(order) ? "All patches are in their places. Mix them."
    : "Without positions the mixed picture is the same picture.";
}

export const render = figure(
  "patch_shuffle", "Patches in their places, and mixed",
  ({ model, root, onEnd }) => {
    shareWith(model, onEnd);
    const vit = readerOf(model);
    const { num_classes: classes, patch_size: p } = vit;
    const [n, cols] = [vit.num_tokens - 1, SIDE / p];
    const orderNow = () => model.get("order");
    const become = (order) => {
      const before = orderNow();
      set(model, { order });
      if (moves()) mixed.fly(before, order);
    };

    const hand = handOf(cols, onEnd);
    const mixed = pieces(n, cols, p, {
      exchange: (a, b) => become(exchanged(orderNow(), a, b)),
      over: (at) => hand.mark(at === null ? null : orderNow()[at]),
    });
    const answers = [
      answersOf(["with", [html("span", { class: "vit-tick" }),
        "with positions"]], classes),
      answersOf(["without", ["without positions"]], classes),
    ];
    const said = html("p", { class: "vit-remark" });
    const spoken = speaker();

    const draw = () => {
      const passes = [[], ["pos_embed"]].map((off) =>
        [undefined, orderNow()].map((order) =>
          vit.forward(drawing.image, { off, order })));
      mixed.paint(passes[0][0].patches, orderNow());
      const [one, other] = answers.map((list, i) => list.show(passes[i]));
      said.textContent = remark(orderNow());
      spoken.say(`With positions: ${one}. Without: ${other}.`);
    };

    root.append(
      hint("Draw a digit and mix its patches, or choose two of the mixed " +
        "ones to exchange them."),
      html("div", { class: "vit-shuffle" },
        column("drawn", [swatch("placed"), "your digit"], hand,
          named(hand, mixed).write("patches", [n, p * p])),
        column("mixed", [swatch("mixed"), "mixed"], mixed,
          html("div", { class: "vit-pad-controls" },
            button("mix", () => become(anyOrder(n)), "mix the patches"),
            button("put back", () => become([...Array(n).keys()]),
              "put back the patches"))),
        html("div", { class: "vit-shuffle-below" }, padControls(onEnd), said),
        ...answers),
      spoken);
    listen(model, "order", frame(draw), onEnd);
    onEnd(drawing.on(frame(draw)));
    draw();
  });
