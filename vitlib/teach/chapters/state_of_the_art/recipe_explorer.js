// Published results as a ladder: choose one and then another, and see what
// changed from the first to the second: the architecture, the recipe, the
// data, the size. All numbers come from Python (vitlib/teach/data), each
// with its source; none is computed here but differences.

import {
  arrows, choice, figure, frame, hint, html, listen, speaker,
} from "../../alive/web/kit.js";

const [LOW, HIGH] = [78, 87]; // the ends of the axis, in per cent
const PICTURES = 50000; // in ImageNet's validation set
const PARTS = ["architecture", "recipe", "data", "parameters", "pixels"];
const ABOUT = {
  recipe: (count) => `ViT-B/16 at 224 pixels, ${count} sets of weights, all ` +
    "measured by timm's one script. Hollow dots are near twins.",
  size: (count) => `DeiT III at ${count} sizes: the recipe of one paper, ` +
    "ImageNet-1k, 224 pixels. As published.",
  architecture: () => "86 to 89 million parameters, ImageNet-1k, 224 " +
    "pixels; each with the recipe of its authors. As published.",
};

const along = (top1) => (top1 - LOW) / (HIGH - LOW);
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

// --- The ladder: the best on top

function ladderOf(rungs, choose, point) {
  const rows = rungs.map((rung, i) => {
    const band = html("span", { class: "vit-rung-band" });
    const dot = html("span", {
      class: `vit-rung-dot vit-rung-${rung.look}`,
      style: `--at: ${along(rung.top1)}`,
    });
    const row = html("button", {
      type: "button", class: "vit-rung",
      onpointerenter: ({ pointerType }) => {
        if (pointerType === "mouse") point(i);
      },
      onpointerleave: () => point(null),
    }, html("span", { class: "vit-rung-name" },
      html("span", {}, rung.label), " ",
      html("span", { class: "vit-head" }, rung.below)), " ",
    html("span", { class: "vit-rung-track" }, band,
      html("span", {
        class: "vit-rung-line", style: `--at: ${along(rung.top1)}`,
      }), dot), " ",
    html("b", {}, number(rung)));
    return { row, band };
  }).reverse();
  const at = (place) => rungs.length - 1 - place;
  arrows(rows.map(({ row }) => row), 1, (place) => choose(at(place)));
  const ticks = [78, 80, 82, 84, 86].map((tick) =>
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

function card() {
  const cell = () => html("td", {});
  const rows = [...PARTS, "top-1", "model", "source"].map((part) => {
    const cells = [cell(), cell()];
    const row = html("tr", {}, html("th", { scope: "row" }, part), ...cells);
    return { part, cells, row };
  });
  const heads = ["from", "to"].map((words) =>
    html("th", { scope: "col" }, words));
  const whole = html("table", { class: "vit-rung-card" },
    html("thead", {}, html("tr", {}, html("td", {}), ...heads)),
    html("tbody", {}, ...rows.map(({ row }) => row)));
  whole.paint = (...pair) => rows.forEach(({ part, cells, row }) => {
    const isCompared = PARTS.includes(part);
    const differs = isCompared && pair[0][part] !== pair[1][part];
    row.classList.toggle("vit-rung-changed", differs);
    row.classList.toggle("vit-rung-same", isCompared && !differs);
    cells.forEach((one, i) => {
      const rung = pair[i];
      if (part === "source") {
        one.replaceChildren(html("a", { href: rung.url }, rung.source));
      } else if (part === "model") {
        one.replaceChildren(html("span", {}, rung.name));
      } else {
        one.textContent = part === "top-1" ? `${number(rung)} %`
          : write(rung, part);
      }
    });
  });
  return whole;
}

// --- The figure

export const render = figure(
  "recipe_explorer", "What changed from one result to another",
  ({ model, root, onEnd }) => {
    const ladders = model.get("ladders");
    let pointed = null; // the rung under the pointer
    let shown; // the ladder that is drawn

    const set = (traits) => {
      Object.entries(traits).forEach(([k, v]) => model.set(k, v));
      model.save_changes();
    };
    const choose = (rung) => {
      pointed = null;
      const chosen = model.get("chosen");
      if (rung === chosen) again();
      else set({ against: chosen, chosen: rung });
    };
    const point = (rung) => {
      pointed = rung;
      again();
    };
    const best = (name) => ladders[name].findLastIndex(
      ({ look }) => look === "full");
    const kinds = choice("what may change", [
      ["recipe", "recipe and data"], ["size", "size"],
      ["architecture", "architecture"],
    ], model.get("ladder"), (ladder) =>
      set({ ladder, against: 0, chosen: best(ladder) }));
    const about = html("p", { class: "vit-hint" });
    const place = html("div", {});
    const told = html("p", { class: "vit-verdict" });
    const parts = html("p", {});
    const luck = html("p", { class: "vit-hint" });
    const both = card();
    const spoken = speaker();

    const draw = () => {
      const [name, chosen, against] =
        ["ladder", "chosen", "against"].map((k) => model.get(k));
      const rungs = ladders[name];
      if (Math.max(chosen, against) >= rungs.length) return;
      if (shown !== name) {
        shown = name;
        pointed = null;
        place.replaceChildren(ladderOf(rungs, choose, point));
      }
      const isPointed = pointed !== null && pointed !== chosen;
      const [from, to] = isPointed ? [chosen, pointed] : [against, chosen];
      const [before, after] = [rungs[from], rungs[to]];
      kinds.set(name);
      about.textContent = ABOUT[name](rungs.length);
      place.firstChild.paint(from, to, chosen);
      both.paint(before, after);

      const changed = PARTS.filter((part) => before[part] !== after[part]);
      const kept = PARTS.filter((part) => before[part] === after[part]);
      const times = after.parameters / before.parameters;
      const factor = Math.abs(Math.log(times)) < 0.05 ? ""
        : ` ${times.toFixed(times < 1 ? 2 : 1)} times the parameters.`;
      told.textContent = from === to ? "Choose another result."
        : difference(before, after) + factor;
      parts.textContent = `Changed: ${changed.join(", ") || "nothing"}. ` +
        `The same: ${kept.join(", ") || "nothing"}.`;
      const deviation = chance(before.top1, after.top1);
      const points = Math.abs(after.top1 - before.top1);
      luck.textContent = "By the luck of the pictures alone, two such " +
        `numbers differ by about ${deviation.toFixed(2)} points` +
        (from !== to && points <= 2 * deviation
          ? ": this difference says little." : ".");
      Object.assign(root.dataset, {
        ladder: name, from, to, points: (after.top1 - before.top1).toFixed(2),
        changed: changed.join(" "), chance: deviation,
      });
      spoken.say(`From ${nameOf(before)} to ${nameOf(after)}: ` +
        `${told.textContent} ${parts.textContent}`);
    };
    const again = frame(draw);

    root.append(
      hint("Click a result, then another: what changed from the first to " +
        "the second?"),
      kinds, about, place,
      html("div", { class: "vit-rung-told" },
        html("div", {}, told, parts, luck), both),
      spoken);
    for (const name of ["ladder", "chosen", "against"]) {
      listen(model, name, again, onEnd);
    }
    draw();
  });
