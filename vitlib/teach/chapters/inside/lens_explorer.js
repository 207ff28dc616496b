// The logit lens: after every layer the head reads every token, as if no
// further layer came. The drawing at one step, large; all steps beside it;
// under each step the ten probabilities of one token.
//
// `step` and `token` are the traits: what is shown is the softmax of
// scores[step, 0, token], of `logit_lens`; step 0 is the embedded image.

import {
  arrows, best, blend, colour, figure, frame, heat, hint, html, listen,
  nameOf, percent, readerOf, rgb, set, slider, speaker,
} from "../../alive/web/kit.js";
import { drawing, drawOver, shareWith } from "../../alive/web/drawing.js";
import { named } from "../../alive/web/panels.js";
import { softmax } from "../../alive/web/vit.js";

const SIDE = 28;
const TRAITS = ["step", "token"];
const OTHERS = [[255, 255, 255], [214, 219, 224], [152, 161, 171]];
const DARK = 0.79; // from this share on, white is easier to read on violet

function stepName(step) {
  return step ? `layer ${step - 1}` : "embedded";
}

/** When: the beginning of a sentence. */
function when(step) {
  return step ? `After layer ${step - 1}` : "Before the first layer";
}

/** Violet where a token says what the model says, grey where it does not. */
function paint(element, share, agrees) {
  const shade = agrees ? colour("weight", share) : blend(OTHERS, share);
  element.style.background = rgb(shade);
  element.classList.toggle("vit-lens-dark", agrees && share > DARK);
}

// --- The tokens in their places, large

/** A token with what it would answer; a patch shows its ink. */
function cellOf(token, p, look) {
  const ink = token ? heat("ink", [p, p], "") : null;
  ink?.removeAttribute("role");
  const [answer, sure] = [html("b", {}), html("span", {})];
  const cell = html("button", {
    type: "button",
    class: token ? "vit-lens-cell" : "vit-lens-cell vit-token-cls",
    onpointerenter: () => look(token),
    onpointerleave: () => look(null),
  }, ...(ink ? [ink] : []), answer, " ", sure);
  cell.ink = (values) => ink?.paint(values, 1);
  cell.paint = ({ digit, share }, final, chosen) => {
    paint(cell, share, digit === final);
    answer.textContent = digit;
    sure.textContent = percent(share);
    cell.classList.toggle("vit-lens-chosen", token === chosen);
    cell.setAttribute("aria-pressed", token === chosen);
    cell.setAttribute("aria-label",
      `${nameOf(token)} says ${digit} ${percent(share)}`);
    if (ink) cell.tabIndex = token === (chosen || 1) ? 0 : -1;
  };
  return cell;
}

function places(n, p, choose, look) {
  const cols = SIDE / p;
  const cells = Array.from({ length: n }, (_, token) =>
    cellOf(token, p, look));
  const [cls, ...patches] = cells;
  cls.addEventListener("click", () => choose(0));
  arrows(patches, cols, (index) => choose(index + 1));
  const whole = html("div", { class: "vit-lens-now" },
    html("div", { class: "vit-lens-cls" }, cls,
      html("span", { class: "vit-head" }, "class token")),
    html("div", {
      class: "vit-lens-cells", style: `--cols: ${cols}`, role: "group",
      "aria-label": "Patches: choose one to follow",
    }, ...patches));
  whole.ink = ({ data }) => patches.forEach((cell, i) =>
    cell.ink(data.subarray(i * p * p, (i + 1) * p * p)));
  whole.paint = (readings, final, chosen) => readings.forEach((one, token) =>
    cells[token].paint(one, final, chosen));
  return whole;
}

// --- All steps, small, and one token's probabilities under each

function columnOf(step, n) {
  const tiles = Array.from({ length: n }, (_, token) => html("span", {
    class: token ? "vit-lens-tile" : "vit-lens-tile vit-token-cls",
  }));
  const agree = html("span", { class: "vit-hint" });
  const press = html("button", { type: "button", class: "vit-lens-press" });
  const column = html("div", { class: "vit-lens-step" },
    html("div", { class: "vit-lens-tiles", "aria-hidden": true },
      html("span", { class: "vit-head" }, stepName(step)),
      ...tiles, agree),
    press);
  column.press = press;
  column.paint = (readings, final, isHere, token) => {
    readings.forEach(({ digit, share }, i) => {
      paint(tiles[i], share, digit === final);
      tiles[i].textContent = digit;
      tiles[i].classList.toggle("vit-lens-chosen", i === token);
    });
    const [cls, ...patches] = readings;
    const count = patches.filter(({ digit }) => digit === final).length;
    agree.textContent = `${count} of ${n - 1}`;
    column.classList.toggle("vit-lens-here", isHere);
    press.setAttribute("aria-pressed", isHere);
    press.tabIndex = isHere ? 0 : -1;
    press.setAttribute("aria-label", `${stepName(step)}: the class token ` +
      `says ${cls.digit}, ${percent(cls.share)}; ${count} of ${n - 1} ` +
      `patches say ${final}`);
  };
  return column;
}

function film(steps, n, choose) {
  const columns = Array.from({ length: steps }, (_, step) =>
    columnOf(step, n));
  arrows(columns.map(({ press }) => press), steps, choose);
  const whole = html("div", {
    class: "vit-lens-film", role: "group", "aria-label": "Choose a step",
  }, html("span", {}), ...columns);
  whole.paint = (readings, final, chosen, token) =>
    columns.forEach((column, step) =>
      column.paint(readings[step], final, step === chosen, token));
  return whole;
}

function table(steps, classes) {
  const cell = (role, text = "") => html("span", { role }, text);
  const heads = Array.from({ length: steps }, (_, step) =>
    cell("columnheader", stepName(step)));
  const rows = Array.from({ length: classes }, (_, digit) => {
    const cells = Array.from({ length: steps }, () => cell("cell"));
    const row = html("div", { role: "row", class: "vit-lens-row" },
      cell("rowheader", String(digit)), ...cells);
    return { cells, row };
  });
  const whole = html("div", { class: "vit-lens-table", role: "table" },
    html("div", { role: "row", class: "vit-lens-heads" },
      cell("columnheader", "digit"), ...heads),
    ...rows.map(({ row }) => row));
  whole.paint = (readings, step, final, name) => {
    whole.setAttribute("aria-label",
      `What ${name} would answer, after each layer`);
    rows.forEach(({ cells, row }, digit) => {
      row.classList.toggle("vit-lens-final", digit === final);
      cells.forEach((one, i) => {
        const share = readings[i].shares[digit];
        paint(one, share, true);
        one.textContent = percent(share);
        one.classList.toggle("vit-lens-best", readings[i].digit === digit);
        one.classList.toggle("vit-lens-here", i === step);
      });
    });
  };
  return whole;
}

// --- The figure

/** (n, classes) scores -> for each token its shares and the best. */
function readingsOf(scores) {
  const { data, shape: [n, classes] } = softmax(scores);
  return Array.from({ length: n }, (_, token) => {
    const shares = data.subarray(token * classes, (token + 1) * classes);
    const digit = best(shares);
    return { shares, digit, share: shares[digit] };
  });
}

/** What each token would answer, before the first layer and after each. */
function readingsAfter(vit, pass) {
  const stream = [
    pass.with_positions, ...pass.blocks.map(({ output }) => output)];
  return stream.map((tokens) => readingsOf(vit.lens(tokens)));
}

/** Since which step a token says what the model says in the end. */
function story(readings, token, final) {
  const start = 1 + readings.findLastIndex(
    (now) => now[token].digit !== final);
  if (drawing.isEmpty) {
    return "Nothing is drawn: this is how the tokens of white paper are read.";
  }
  if (start === readings.length) {
    return `Even in the end it does not say ${final}, the model's answer.`;
  }
  const whose = token ? `what the model says, ${final}`
    : `${final}, which is the model's answer`;
  return start ? `From layer ${start - 1} on it says ${whose}.`
    : `It says ${whose}, from the beginning.`;
}

/** What the two colours mean. */
function legendOf() {
  const violet = html("span", {});
  const key = (kind, ...words) => html("span", { class: "vit-scale" },
    html("span", { class: `vit-ramp ${kind}`, "aria-hidden": true }),
    ...words);
  const whole = html("p", { class: "vit-lens-legend vit-hint" },
    key("vit-ramp-weight", violet), key("vit-lens-ramp", "another digit"),
    html("span", {}, "The darker, the surer."));
  whole.show = ({ digit, share }) => {
    violet.textContent = `${digit}, as the model answers ` +
      `(${percent(share)})`;
  };
  return whole;
}

/** What is said of one token at one step. */
function verdict() {
  const legend = legendOf();
  const told = html("p", { class: "vit-verdict" });
  const more = html("p", {});
  const whole = html("div", { class: "vit-lens-said" }, legend, told, more,
    hint("A lens proves only what it reads. The head was trained on " +
      "the last layer: before it, an answer may be there in a form " +
      "that this head cannot read."));
  whole.show = (readings, step, token) => {
    const { digit, share } = readings[step][token];
    const final = readings.at(-1)[0];
    legend.show(final);
    told.textContent = `${when(step)} ${nameOf(token)} would answer ` +
      `${digit}, ${percent(share).replace(" %", "\u00a0%")}.`;
    more.textContent = story(readings, token, final.digit);
    return `${told.textContent} ${more.textContent}`;
  };
  return whole;
}

/** All tokens at a step, large, under their name and over the slider. */
function large(now, own, dial, [n, classes]) {
  const asked = html("span", { class: "vit-head" });
  const name = named(now);
  const whole = html("div", { class: "vit-lens-left" }, asked, now, own,
    dial, name);
  whole.show = (readings, step, token) => {
    asked.textContent = `${when(step)} each would answer`;
    name.write(`scores[${step}, 0].softmax(-1)`, [n, classes]);
    now.paint(readings[step], readings.at(-1)[0].digit, token);
    dial.set(step);
  };
  return whole;
}

/** All steps, small, and under them the answers of one token. */
function small(all, follow, [steps, classes]) {
  const asked = html("span", { class: "vit-head" });
  const name = named(follow);
  const whole = html("div", { class: "vit-lens-right" }, all, asked, follow,
    name);
  whole.show = (readings, step, token) => {
    const final = readings.at(-1)[0].digit;
    all.paint(readings, final, step, token);
    asked.textContent = `The ten answers of ${nameOf(token)}`;
    follow.paint(readings.map((one) => one[token]), step, final,
      nameOf(token));
    name.write(`scores[:, 0, ${token}].softmax(-1)`, [steps, classes]);
  };
  return whole;
}

export const render = figure(
  "lens_explorer", "What every token would answer, layer by layer",
  ({ model, root, onEnd }) => {
    shareWith(model, onEnd);
    const vit = readerOf(model);
    const { num_tokens: n, patch_size: p, num_classes: classes } = vit;
    const steps = 1 + vit.depth;
    let readings; // by step, by token
    let pointed = null; // the token under the pointer

    const choose = (traits) => set(model, traits);
    const now = places(n, p, (token) => choose({ token }), (token) => {
      pointed = token;
      again();
    });
    const { own, controls } = drawOver(
      now, "vit-lens-own", "back to the tokens", onEnd);
    const dial = slider("after", { min: 0, max: steps - 1, value: 0 },
      stepName, (step) => choose({ step }));
    const left = large(now, own, dial, [n, classes]);
    const right = small(film(steps, n, (step) => choose({ step })),
      table(steps, classes), [steps, classes]);
    const said = verdict();
    const spoken = speaker();

    const draw = () => {
      const [step, chosen] = TRAITS.map((trait) => model.get(trait));
      const token = pointed ?? chosen;
      for (const part of [left, right]) part.show(readings, step, token);
      spoken.say(said.show(readings, step, token));
      Object.assign(root.dataset, {
        step, token,
        answer: drawing.isEmpty ? "" : readings.at(-1)[0].digit,
        answers: readings[step].map(({ digit }) => digit).join(" "),
        shares: Array.from(readings[step][token].shares).join(" "),
      });
    };
    const again = frame(draw);
    const read = () => {
      const pass = vit.forward(drawing.image);
      readings = readingsAfter(vit, pass);
      now.ink(pass.patches);
    };

    root.append(
      hint("Move the slider: the layers run. Click a token to follow it. " +
        "Draw a digit of your own."),
      html("div", { class: "vit-lens" }, left, right),
      said, controls, spoken);
    listen(model, TRAITS, again, onEnd);
    onEnd(drawing.on(() => {
      read();
      again();
    }));
    read();
    draw();
  });
