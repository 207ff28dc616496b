// Published results as a ladder: choose one and then another, and see what
// changed from the first to the second: the architecture, the recipe, the
// data, the size. All numbers come from Python (vitlib/teach/data), each
// with its source; none is computed here but differences.

import {
  arrows, choice, figure, frame, hint, html, listen, set, speaker, table,
} from "../../alive/web/kit.js";
import { linear } from "../../alive/web/chart.js";

const TRAITS = ["ladder", "chosen", "against"];
const along = linear(78, 87); // the axis, in per cent
const TICKS = [78, 80, 82, 84, 86];
const PICTURES = 50000; // in ImageNet's validation set
const PARTS = ["architecture", "recipe", "data", "parameters", "pixels"];
const ABOUT = {
  recipe: (count) => `ViT-B/16 at 224 pixels, ${count} sets of weights, all ` +
    "measured by timm's one script. Hollow dots are near twins.",
  size: (count) => `DeiT III at ${count} sizes, ImageNet-1k, tested at 224 ` +
    "pixels: the recipe of one paper, fitted to each size. As published.",
  architecture: () => "86 to 89 million parameters, ImageNet-1k, 224 " +
    "pixels; each with the recipe of its authors. As published.",
};

const number = ({ top1, digits }) => top1.toFixed(digits);

/** The standard deviation of a difference of two, in points. */
export function chance(...accuracies) {
  const variance = accuracies.reduce((sum, top1) =>
    sum + (top1 / 100) * (1 - top1 / 100) / PICTURES, 0);
  return 100 * Math.sqrt(variance);
}

function write(rung, part) {
  if (part === "parameters") return `${rung.parameters} M`;
  if (part === "pixels") return `${rung.pixels}`;
  return rung[part];
}

const nameOf = ({ label, below }) => `${label}, ${below}`;

function difference(before, after) {
  const points = after.top1 - before.top1;
  const digits = Math.max(before.digits, after.digits);
  const size = Math.abs(points).toFixed(digits);
  if (Number(size) === 0) return "The same accuracy.";
  return `${size} points ${points > 0 ? "more" : "less"}.`;
}

function factor(before, after) {
  const times = after.parameters / before.parameters;
  if (Math.abs(Math.log(times)) < 0.05) return "";
  return ` ${times.toFixed(times < 1 ? 2 : 1)} times the parameters.`;
}

function list(parts) {
  return parts.join(", ") || "nothing";
}

function luck(before, after) {
  const deviation = chance(before.top1, after.top1);
  const points = Math.abs(after.top1 - before.top1);
  const isLittle = before !== after && points <= 2 * deviation;
  return "By the luck of the pictures alone, two such numbers differ by " +
    `about ${deviation.toFixed(2)} points` +
    (isLittle ? ": this difference says little." : ".");
}

// --- The ladder: the best on top

/** A result: its name, its dot on the track, its number. */
function rungOf(rung, point) {
  const at = { style: `--at: ${along(rung.top1)}` };
  const band = html("span", { class: "vit-rung-band" });
  const row = html("button", {
    type: "button", class: "vit-rung",
    onpointerenter: ({ pointerType }) => {
      if (pointerType === "mouse") point(true);
    },
    onpointerleave: () => point(false),
  }, html("span", { class: "vit-rung-name" },
    html("span", {}, rung.label), " ",
    html("span", { class: "vit-head" }, rung.below)), " ",
  html("span", { class: "vit-rung-track" }, band,
    html("span", { class: "vit-rung-line", ...at }),
    html("span", { class: `vit-rung-dot vit-rung-${rung.look}`, ...at })),
  " ", html("b", {}, number(rung)));
  return { row, band };
}

function ladderOf(rungs, choose, point) {
  const rows = rungs.map((rung, i) =>
    rungOf(rung, (on) => point(on ? i : null))).reverse();
  const at = (place) => rungs.length - 1 - place;
  arrows(rows.map(({ row }) => row), 1, (place) => choose(at(place)));
  const ticks = TICKS.map((tick) =>
    html("span", { style: `--at: ${along(tick)}` }, `${tick} %`));
  const whole = html("div", { class: "vit-rungs" },
    html("div", {
      class: "vit-rung-rows", role: "group",
      "aria-label": "Results, the best on top: choose one and then another",
    }, ...rows.map(({ row }) => row)),
    html("div", { class: "vit-rung-axis", "aria-hidden": true },
      html("span", {}, "top-1 accuracy"),
      html("span", { class: "vit-rung-ticks" }, ...ticks)));
  whole.paint = (from, to, chosen) => {
    const ends = [from, to].map((i) => along(rungs[i].top1));
    rows.forEach(({ row, band }, place) => {
      const i = at(place);
      band.style.setProperty("--from", Math.min(...ends));
      band.style.setProperty("--to", Math.max(...ends));
      row.classList.toggle("vit-rung-from", i === from);
      row.classList.toggle("vit-rung-to", i === to);
      row.setAttribute("aria-pressed", i === to);
      row.tabIndex = i === chosen ? 0 : -1;
    });
  };
  return whole;
}

// --- The two results, part by part

/** What stands in a cell of the table. */
function written(rung, part) {
  if (part === "source") return html("a", { href: rung.url }, rung.source);
  if (part === "model") return html("span", {}, rung.name);
  if (part === "top-1") return `${number(rung)} %`;
  return write(rung, part);
}

function card() {
  const rows = [...PARTS, "top-1", "model", "source"].map((part) => {
    const cells = [0, 1].map(() => html("td"));
    const row = html("tr", {}, html("th", { scope: "row" }, part), ...cells);
    return { part, cells, row };
  });
  const heads = ["from", "to"].map((words) =>
    html("th", { scope: "col" }, words));
  const whole = table("vit-rung-card", heads, rows.map(({ row }) => row));
  whole.paint = (...pair) => rows.forEach(({ part, cells, row }) => {
    const isCompared = PARTS.includes(part);
    const differs = isCompared && pair[0][part] !== pair[1][part];
    row.classList.toggle("vit-rung-changed", differs);
    row.classList.toggle("vit-rung-same", isCompared && !differs);
    cells.forEach((one, i) => one.replaceChildren(written(pair[i], part)));
  });
  return whole;
}

/** What is said of two results. */
function verdict() {
  const told = html("p", { class: "vit-verdict" });
  const parts = html("p", {});
  const chances = hint("");
  const both = card();
  const whole = html("div", { class: "vit-rung-told" },
    html("div", {}, told, parts, chances), both);
  whole.paint = (before, after) => {
    const isSame = (part) => before[part] === after[part];
    const changed = PARTS.filter((part) => !isSame(part));
    told.textContent = before === after ? "Choose another result."
      : difference(before, after) + factor(before, after);
    parts.textContent = `Changed: ${list(changed)}. ` +
      `The same: ${list(PARTS.filter(isSame))}.`;
    chances.textContent = luck(before, after);
    both.paint(before, after);
    const words = `From ${nameOf(before)} to ${nameOf(after)}: ` +
      `${told.textContent} ${parts.textContent}`;
    return { words, changed: changed.join(" ") };
  };
  return whole;
}

// --- The figure

const LADDERS = [
  ["recipe", "recipe and data"], ["size", "size"],
  ["architecture", "architecture"],
];

export const render = figure(
  "recipe_explorer", "What changed from one result to another",
  ({ model, root, onEnd }) => {
    const ladders = model.get("ladders");
    let pointed = null; // the rung under the pointer
    let shown; // the ladder that is drawn

    const choose = (rung) => {
      pointed = null;
      const chosen = model.get("chosen");
      if (rung === chosen) again();
      else set(model, { against: chosen, chosen: rung });
    };
    const point = (rung) => {
      pointed = rung;
      again();
    };
    const best = (name) => ladders[name].findLastIndex(
      ({ look }) => look === "full");
    const kinds = choice("what may change", LADDERS, model.get("ladder"),
      (ladder) => set(model, { ladder, against: 0, chosen: best(ladder) }));
    const about = hint("");
    const place = html("div", {});
    const told = verdict();
    const spoken = speaker();

    /** Another ladder takes the place of the one that is shown. */
    const become = (name) => {
      shown = name;
      pointed = null;
      place.replaceChildren(ladderOf(ladders[name], choose, point));
      about.textContent = ABOUT[name](ladders[name].length);
      kinds.set(name);
    };
    const draw = () => {
      const [name, chosen, against] = TRAITS.map((trait) => model.get(trait));
      const rungs = ladders[name];
      if (Math.max(chosen, against) >= rungs.length) return;
      if (shown !== name) become(name);
      const isPointed = pointed !== null && pointed !== chosen;
      const [from, to] = isPointed ? [chosen, pointed] : [against, chosen];
      const [before, after] = [rungs[from], rungs[to]];
      place.firstChild.paint(from, to, chosen);
      const { words, changed } = told.paint(before, after);
      Object.assign(root.dataset, {
        ladder: name, from, to, points: (after.top1 - before.top1).toFixed(2),
        changed, chance: chance(before.top1, after.top1),
      });
      spoken.say(words);
    };
    const again = frame(draw);

    root.append(
      hint("Click a result, then another: what changed from the first to " +
        "the second?"),
      kinds, about, place, told, spoken);
    listen(model, TRAITS, again, onEnd);
    draw();
  });
