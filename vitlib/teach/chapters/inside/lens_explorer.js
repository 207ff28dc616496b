// The logit lens: after every layer the head reads every token, as if no
// further layer came. The drawing at one step, large; all steps beside it;
// under each step the ten probabilities of one token.
//
// `step` and `token` are the traits: what is shown is the softmax of
// scores[step, 0, token], of `logit_lens`; step 0 is the embedded image.

import {
  arrows, button, colour, figure, frame, heat, hint, html, listen, percent,
  readerOf, slider, speaker,
} from "../../alive/web/kit.js";
import { drawing, pad, padControls, shareWith } from "../../alive/web/drawing.js";
import { named } from "../../alive/web/panels.js";
import { softmax } from "../../alive/web/vit.js";

const SIDE = 28;
const OTHERS = [[255, 255, 255], [214, 219, 224], [152, 161, 171]];
const DARK = 0.79; // from this share on, white is easier to read on violet

function nameOf(token) {
  return token ? `patch ${token - 1}` : "the class token";
}

function stepName(step) {
  return step ? `layer ${step - 1}` : "embedded";
}

/** When: the beginning of a sentence. */
function when(step) {
  return step ? `After layer ${step - 1}` : "Before the first layer";
}

/** Violet where a token says what the model says, grey where it does not. */
function shade(share, agrees) {
  if (agrees) return colour("weight", share);
  const along = share * (OTHERS.length - 1);
  const at = Math.min(OTHERS.length - 2, Math.floor(along));
  return OTHERS[at].map((v, i) => v + (OTHERS[at + 1][i] - v) * (along - at));
}

function paint(element, share, agrees) {
  const [r, g, b] = shade(share, agrees);
  element.style.background = `rgb(${r}, ${g}, ${b})`;
  element.classList.toggle("vit-lens-dark", agrees && share > DARK);
}

// --- The tokens in their places, large

function places(n, p, choose, look) {
  const cols = SIDE / p;
  const inks = Array.from({ length: n - 1 }, () => {
    const ink = heat("ink", [p, p], "");
    ink.removeAttribute("role");
    return ink;
  });
  const answers = Array.from({ length: n }, () => html("b", {}));
  const shares = Array.from({ length: n }, () => html("span", {}));
  const cells = answers.map((answer, token) => html("button", {
    type: "button",
    class: token ? "vit-lens-cell" : "vit-lens-cell vit-token-cls",
    onpointerenter: () => look(token),
    onpointerleave: () => look(null),
  }, ...(token ? [inks[token - 1]] : []), answer, " ", shares[token]));
  cells[0].addEventListener("click", () => choose(0));
  arrows(cells.slice(1), cols, (index) => choose(index + 1));
  const whole = html("div", { class: "vit-lens-now" },
    html("div", { class: "vit-lens-cls" }, cells[0],
      html("span", { class: "vit-head" }, "class token")),
    html("div", {
      class: "vit-lens-cells", style: `--cols: ${cols}`, role: "group",
      "aria-label": "Patches: choose one to follow",
    }, ...cells.slice(1)));
  whole.ink = (patches) => inks.forEach((ink, i) =>
    ink.paint(patches.data.subarray(i * p * p, (i + 1) * p * p), 1));
  whole.paint = (readings, final, chosen) => {
    readings.forEach(({ best, share }, token) => {
      paint(cells[token], share, best === final);
      answers[token].textContent = best;
      shares[token].textContent = percent(share);
      cells[token].classList.toggle("vit-lens-chosen", token === chosen);
      cells[token].setAttribute("aria-pressed", token === chosen);
      cells[token].setAttribute("aria-label",
        `${nameOf(token)} says ${best} ${percent(share)}`);
      if (token) cells[token].tabIndex = token === (chosen || 1) ? 0 : -1;
    });
  };
  return whole;
}

// --- All steps, small, and one token's probabilities under each

function film(steps, n, choose) {
  const all = Array.from({ length: steps }, (_, step) => {
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
    return { step, tiles, agree, press, column };
  });
  arrows(all.map(({ press }) => press), steps, choose);
  const whole = html("div", {
    class: "vit-lens-film", role: "group", "aria-label": "Choose a step",
  }, html("span", {}), ...all.map(({ column }) => column));
  whole.paint = (readings, final, chosen, token) => all.forEach((one) => {
    const now = readings[one.step];
    now.forEach(({ best, share }, i) => {
      paint(one.tiles[i], share, best === final);
      one.tiles[i].textContent = best;
      one.tiles[i].classList.toggle("vit-lens-chosen", i === token);
    });
    const count = now.slice(1).filter(({ best }) => best === final).length;
    one.agree.textContent = `${count} of ${n - 1}`;
    const isChosen = one.step === chosen;
    one.column.classList.toggle("vit-lens-here", isChosen);
    one.press.setAttribute("aria-pressed", isChosen);
    one.press.tabIndex = isChosen ? 0 : -1;
    one.press.setAttribute("aria-label", `${stepName(one.step)}: the class ` +
      `token says ${now[0].best}, ${percent(now[0].share)}; ${count} of ` +
      `${n - 1} patches say ${final}`);
  });
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
        one.classList.toggle("vit-lens-best", readings[i].best === digit);
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
    const best = shares.indexOf(Math.max(...shares));
    return { shares, best, share: shares[best] };
  });
}

/** The step from which on the token says what the model says at the end. */
function since(readings, token, final) {
  const last = readings.findLastIndex((now) => now[token].best !== final);
  return last + 1;
}

export const render = figure(
  "lens_explorer", "What every token would answer, layer by layer",
  ({ model, root, onEnd }) => {
    shareWith(model, onEnd);
    const vit = readerOf(model);
    const { num_tokens: n, patch_size: p, num_classes: classes } = vit;
    const steps = 1 + vit.depth;
    let pass;
    let readings; // by step, by token
    let pointed = null; // the token under the pointer

    const choose = (traits) => {
      Object.entries(traits).forEach(([k, v]) => model.set(k, v));
      model.save_changes();
    };
    const now = places(n, p, (token) => choose({ token }), (token) => {
      pointed = token;
      again();
    });
    const all = film(steps, n, (step) => choose({ step }));
    const follow = table(steps, classes);
    const [large, column] = [named(now), named(follow)];
    const dial = slider("after", { min: 0, max: steps - 1, value: 0 },
      stepName, (step) => choose({ step }));
    const asked = html("span", { class: "vit-head" });
    const followed = html("span", { class: "vit-head" });
    const told = html("p", { class: "vit-verdict" });
    const story = html("p", {});
    const violet = html("span", {});
    const key = (kind, ...words) => html("span", { class: "vit-scale" },
      html("span", { class: `vit-ramp ${kind}`, "aria-hidden": true }),
      ...words);
    const legend = html("p", { class: "vit-lens-legend vit-hint" },
      key("vit-ramp-weight", violet), key("vit-lens-ramp", "another digit"),
      html("span", {}, "The darker, the surer."));
    const spoken = speaker();

    const drawOwn = html("div", { class: "vit-lens-own", hidden: true },
      pad("Draw a digit here", { onEnd }));
    const draws = button("draw your own", () => {
      drawOwn.hidden = !drawOwn.hidden;
      now.hidden = !drawOwn.hidden;
      draws.textContent = drawOwn.hidden
        ? "draw your own" : "back to the tokens";
    });
    const controls = padControls();
    controls.prepend(draws);

    const draw = () => {
      const [step, chosen] = ["step", "token"].map((k) => model.get(k));
      const token = pointed ?? chosen;
      const { best: final, share: sure } = readings[steps - 1][0];
      const { best, share } = readings[step][token];
      asked.textContent = step
        ? `After layer ${step - 1} each would answer`
        : "Before the first layer each would answer";
      large.write(`scores[${step}, 0].softmax(-1)`, [n, classes]);
      column.write(`scores[:, 0, ${token}].softmax(-1)`, [steps, classes]);
      now.paint(readings[step], final, token);
      all.paint(readings, final, step, token);
      follow.paint(readings.map((one) => one[token]), step, final,
        nameOf(token));
      followed.textContent = `The ten answers of ${nameOf(token)}`;
      dial.set(step);
      violet.textContent = `${final}, as the model answers ` +
        `(${percent(sure)})`;
      told.textContent = `${when(step)} ${nameOf(token)} would answer ` +
        `${best}, ${percent(share)}.`.replace(" %", "\u00a0%");
      const start = since(readings, token, final);
      const whose = token ? `what the model says, ${final}`
        : `${final}, which is the model's answer`;
      const first = start ? `From layer ${start - 1} on it says ${whose}.`
        : `It says ${whose}, from the beginning.`;
      story.textContent = drawing.isEmpty
        ? "Nothing is drawn: this is how the tokens of white paper are read."
        : start < steps ? first
          : `Even in the end it does not say ${final}, the model's answer.`;
      Object.assign(root.dataset, {
        step, token, answer: drawing.isEmpty ? "" : final,
        answers: readings[step].map((one) => one.best).join(" "),
        shares: Array.from(readings[step][token].shares).join(" "),
      });
      spoken.say(`${told.textContent} ${story.textContent}`);
    };
    const again = frame(draw);
    const read = () => {
      pass = vit.forward(drawing.image);
      const stream = [pass.with_positions,
        ...pass.blocks.map(({ output }) => output)];
      readings = stream.map((tokens) => readingsOf(vit.lens(tokens)));
      now.ink(pass.patches);
    };

    root.append(
      hint("Move the slider: the layers run. Click a token to follow it. " +
        "Draw a digit of your own."),
      html("div", { class: "vit-lens" },
        html("div", { class: "vit-lens-left" }, asked, now, drawOwn, dial,
          large),
        html("div", { class: "vit-lens-right" }, all, followed, follow,
          column)),
      html("div", { class: "vit-lens-said" }, legend, told, story,
        hint("A lens proves only what it reads. The head was trained on " +
          "the last layer: before it, an answer may be there in a form " +
          "that this head cannot read.")),
      controls, spoken);
    for (const name of ["step", "token"]) listen(model, name, again, onEnd);
    onEnd(drawing.on(() => {
      read();
      again();
    }));
    read();
    draw();
  });
