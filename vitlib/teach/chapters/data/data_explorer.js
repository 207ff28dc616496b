// Accuracy against the number of digits: go along a curve, and see with how
// many digits the others come as far. Between measured points a curve goes
// straight, on scales that go by factors, as in data_explorer.py.

import {
  arrows, clamp, figure, frame, hint, html, listen, mean, rounded, set,
  slider, speaker, svg, table, thousands,
} from "../../alive/web/kit.js";
import { Chart, log, text } from "../../alive/web/chart.js";
import { follow } from "../../alive/web/panels.js";

const SIZE = {
  width: 400, height: 330, left: 38, right: 20, top: 12, bottom: 40,
  inset: 12,
};
const [LEAST, MOST] = [0.0105, 0.52]; // wrong answers, as shares
const TICKS = [2, 5, 10, 20, 50];
const STEPS = 40; // of the slider, from the fewest digits to the most
const NEAR = 0.04; // so near to a measured number it is that number
const APART = 50; // units between two numbers at the floor
const PARTNERS = {
  "ViT": "CNN",
  "CNN": "ViT",
  "ViT, distorted": "CNN, distorted",
  "CNN, distorted": "ViT, distorted",
  "nearest neighbour": "ViT",
};

// --- The curves

/** Where `x` lies between `xs`, which rise or fall, go straight in logs. */
function between(x, xs, ys) {
  const rising = xs[0] < xs[xs.length - 1];
  const i = Math.max(1, xs.findIndex((v) => (rising ? v >= x : v <= x)));
  const [a, b] = [Math.log(xs[i - 1]), Math.log(xs[i])];
  const t = a === b ? 0 : (Math.log(x) - a) / (b - a);
  return Math.exp(Math.log(ys[i - 1]) * (1 - t) + Math.log(ys[i]) * t);
}

/** A model's wrong answers, as shares, of each size and seed. */
class Curve {
  constructor(name, sizes, shares) {
    this.name = name;
    this.sizes = sizes;
    this.seeds = shares.map((row) => row.map((share) => 1 - share));
    this.mean = this.seeds.map(mean);
    this.worst = this.seeds.map((row) => Math.max(...row));
    this.best = this.seeds.map((row) => Math.min(...row));
    this.isDistorted = name.endsWith("distorted");
    const dashed = this.isDistorted ? "vit-data-dashed" : "";
    this.kind = `vit-data-${name.split(/\W/)[0].toLowerCase()} ${dashed}`;
  }

  /** Worst, mean and best with so many digits. */
  at(images) {
    return [this.worst, this.mean, this.best].map((ys) =>
      between(images, this.sizes, ys));
  }

  /** Digits for this share of wrong answers; 0 or Infinity beyond. */
  needs(wrong) {
    const [most, least] = [this.mean[0], this.mean[this.mean.length - 1]];
    if (wrong > most * (1 + 1e-9)) return 0;
    if (wrong < least * (1 - 1e-9)) return Infinity;
    return between(clamp(wrong, least, most), this.mean, this.sizes);
  }
}

function curvesOf(model) {
  const [sizes, shares] = [model.get("sizes"), model.get("shares")];
  return model.get("names").map((name, i) =>
    new Curve(name, sizes, shares[i]));
}

// --- In words

function base(name) {
  return name.replace(", distorted", "");
}

function whole(number) {
  return thousands(Math.round(number));
}

/** Read off between measured points: two digits are enough. */
function rough(number) {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(number)) - 1);
  return whole(Math.round(number / unit) * unit);
}

function right(wrong) {
  return rounded(100 * (1 - wrong), 1);
}

/** What `needs` says, with words for what lies beyond the measured. */
function needed(count, sizes, [fewer, more, write]) {
  if (count === 0) return `${fewer}${whole(sizes[0])}`;
  if (count === Infinity) return `${more}${whole(sizes[sizes.length - 1])}`;
  return write(count);
}

function sentence({ curve, partner, images, wrong, count }) {
  const { name, sizes, isDistorted } = curve;
  const about = sizes.includes(images) ? "" : "about ";
  const digits = isDistorted ? "distorted digits" : "digits";
  const words = needed(count, sizes, [
    "fewer than ", "more than ", (some) => `about ${rough(some)}`]);
  return `For what the ${base(name)} does with ${whole(images)} ${digits}, ` +
    `${about}${right(wrong)} % right, the ${base(partner.name)} needs ` +
    `${words}.`;
}

// --- The chart

/** A curve with its band, and a dot for each seed. */
function drawn(plot, { sizes, seeds, kind, worst, mean: middle, best }) {
  const dots = seeds.flatMap((row, i) => row.map((wrong) =>
    plot.move(plot.dot(2.5, "vit-data-seed"), sizes[i], wrong)));
  return svg("g", { class: `vit-data-curve ${kind}` },
    plot.band(sizes, worst, best), plot.line(sizes, middle), ...dots);
}

/** From the chosen point across to its partner, and down from both. */
function reading(plot) {
  const level = svg("path", { class: "vit-data-level" });
  const drops = svg("path", { class: "vit-data-drop" });
  const meeting = plot.dot(4, "vit-data-meeting");
  const here = plot.dot(7);
  const numbers = [0, 1].map(() => text(0, plot.floor - 6, ""));
  plot.add(level, drops, ...numbers, meeting, here);

  const write = (number, x, words) => {
    const isLate = x > plot.end - 40;
    number.textContent = words;
    number.setAttribute("x", x + (isLate ? -5 : 5));
    number.setAttribute("text-anchor", isLate ? "end" : "start");
  };
  return ({ curve, images, wrong, count }) => {
    const meets = count > 0 && count < Infinity;
    const [x, y] = [plot.x(images), plot.y(wrong)];
    const edge = count === 0 ? plot.start : plot.end;
    const other = meets ? plot.x(count) : edge;
    level.setAttribute("d", `M${x},${y} H${other}`);
    drops.setAttribute("d", `M${x},${y} V${plot.floor}${
      meets ? ` M${other},${y} V${plot.floor}` : ""}`);
    plot.move(here, images, wrong);
    here.setAttribute("class", `vit-chart-dot vit-data-here ${curve.kind}`);
    meeting.toggleAttribute("hidden", !meets);
    if (meets) plot.move(meeting, count, wrong);
    const isRead = meets && Math.abs(other - x) > APART;
    write(numbers[0], x, whole(images));
    write(numbers[1], other, isRead ? rough(count) : "");
  };
}

function chartOf(curves, sizes) {
  const plot = new Chart("vit-data-chart vit-chart-drag", {
    ...SIZE, x: log(sizes[0], sizes[sizes.length - 1]), y: log(LEAST, MOST),
  });
  const lines = new Map(curves.map((curve) => [curve, drawn(plot, curve)]));
  const layer = svg("g", {}, ...lines.values());
  plot.add(
    ...TICKS.map((tick) => plot.row(tick / 100, tick)),
    ...sizes.map((size) => plot.below(size, whole(size))),
    text(plot.end, plot.height - 4, "digits to train on", "end"), layer);
  const read = reading(plot);
  plot.show = (now, label) => {
    for (const [curve, line] of lines) {
      line.classList.toggle("vit-data-chosen", curve === now.curve);
    }
    layer.append(lines.get(now.curve)); // on top of the others
    read(now);
    plot.picture.setAttribute("aria-label", label);
  };
  return plot;
}

// --- The table: a legend, a choice and all numbers

function rowOf(curve) {
  const swatch = svg("svg", { viewBox: "0 0 22 10", "aria-hidden": "true" },
    svg("g", { class: `vit-data-curve ${curve.kind}` },
      svg("path", { class: "vit-chart-line", d: "M0,5 H22" })));
  const name = html("button", { type: "button", class: "vit-data-name" },
    swatch, curve.name);
  const [share, band, digits] = [html("b"), html("span"), html("td")];
  const row = html("tr", {}, html("th", { scope: "row" }, name),
    html("td", {}, share, band), digits);
  const show = (now) => {
    const isHere = curve === now.curve;
    const [worst, middle, best] = curve.at(now.images);
    share.textContent = `${right(middle)} %`;
    band.textContent = curve.seeds[0].length > 1
      ? `${right(worst)} to ${right(best)}` : "";
    digits.textContent = needed(curve.needs(now.wrong), curve.sizes, [
      "< ", "> ", (count) => (isHere ? whole(now.images) : rough(count))]);
    row.classList.toggle("vit-data-row", isHere);
    name.setAttribute("aria-pressed", String(isHere));
    name.tabIndex = isHere ? 0 : -1;
  };
  return { name, row, show };
}

function tableOf(curves, choose) {
  const heads = [0, 1].map(() => html("th", { scope: "col" }));
  const rows = curves.map(rowOf);
  arrows(rows.map(({ name }) => name), 1, (i) => choose(curves[i].name));
  const all = table("vit-data-table", heads, rows.map(({ row }) => row));
  all.show = (now) => {
    heads[0].textContent = `right with ${whole(now.images)}\u00a0digits`;
    heads[1].textContent = `digits for ${right(now.wrong)}\u00a0%`;
    for (const row of rows) row.show(now);
  };
  return all;
}

// --- Numbers of digits that can be chosen

function stepsOf(model) {
  const sizes = model.get("sizes");
  const [least, most] = [sizes[0], sizes[sizes.length - 1]];
  const along = log(least, most);
  /** Two digits that count, or the measured number close by. */
  const snap = (images) => {
    const near = sizes.find((size) => Math.abs(images / size - 1) < NEAR);
    const unit = 10 ** (Math.floor(Math.log10(images)) - 1);
    return clamp(near ?? Math.round(images / unit) * unit, least, most);
  };
  const stepOf = (images) => Math.round(STEPS * along(images));
  /** The digits of a step; those that are chosen may lie beside it. */
  const digitsAt = (step) => {
    const images = model.get("images");
    return stepOf(images) === step ? images : snap(along.back(step / STEPS));
  };
  return { snap, stepOf, digitsAt };
}

/** A press chooses the nearest curve; who is drawn along stays on it. */
function hold(chart, curves, snap, choose) {
  follow(chart.picture, (x, y, { type, buttons }) => {
    const images = snap(chart.fromLeft(x));
    const wrong = chart.fromTop(y);
    const off = (curve) => Math.abs(Math.log(curve.at(images)[1] / wrong));
    if (type === "pointerdown") {
      const line = curves.reduce((a, b) => (off(b) < off(a) ? b : a)).name;
      choose({ line, images });
    } else if (buttons) {
      choose({ images });
    }
  });
}

export const render = figure(
  "data_explorer", "Accuracy against the number of digits",
  ({ model, root, onEnd }) => {
    const choose = (traits) => set(model, traits);
    const curves = curvesOf(model);
    const curveOf = (name) => curves.find((curve) => curve.name === name);
    const { snap, stepOf, digitsAt } = stepsOf(model);
    const chart = chartOf(curves, model.get("sizes"));
    const numbers = tableOf(curves, (line) => choose({ line }));
    const said = html("p", { class: "vit-data-said" });
    const spoken = speaker();
    const dial = slider("digits", {
      min: 0, max: STEPS, value: stepOf(model.get("images")),
    }, (step) => whole(digitsAt(step)),
    (step) => choose({ images: digitsAt(step) }));
    hold(chart, curves, snap, choose);

    const draw = () => {
      const images = model.get("images");
      const curve = curveOf(model.get("line"));
      const partner = curveOf(PARTNERS[curve.name]);
      const wrong = curve.at(images)[1];
      const count = partner.needs(wrong);
      const now = { curve, partner, images, wrong, count };
      said.textContent = sentence(now);
      dial.set(stepOf(images));
      chart.show(now, said.textContent);
      numbers.show(now);
      spoken.say(said.textContent);
    };
    root.append(
      hint("Drag along a curve: how many digits do the others need for the " +
        "same?"),
      said,
      html("div", { class: "vit-data-main" },
        html("div", {},
          html("p", { class: "vit-head" }, "wrong of 100 validation digits"),
          chart.picture, dial),
        numbers),
      spoken);
    listen(model, ["line", "images"], frame(draw), onEnd);
    draw();
  });
