// A run of training, from epoch to epoch: the curves, a hundred digits and
// what it takes them for, what it adds to its filters and positions.
//
// Everything was recorded by experiments/one_minute.py; nothing is trained
// here. A moment is an epoch, 0 before the first step.

import {
  arrows, best, button, bytesOf, choice, figure, frame, heat, hint, html,
  listen, mean, percent, rounded, scale, set, sheet, slider, speaker, svg,
  thousands, within,
} from "../../alive/web/kit.js";
import { Chart, linear, log, pathOf } from "../../alive/web/chart.js";
import { named, place, press, walk } from "../../alive/web/panels.js";

const [SIDE, CLASSES, COLS] = [28, 10, 10];
const [FILTERS, PATCH, GRID] = [64, 7, 4];
const COLUMNS = 8; // filters side by side
const FINE = 10000; // a probability or a cosine in ten-thousandths
const EVERY = 25; // steps between two losses
const PACE = 600; // milliseconds from moment to moment
const SIZE = {
  width: 330, height: 128, left: 28, right: 8, top: 8, bottom: 20,
};
const TRAITS = ["moment", "digit", "place"];
const PLACES = Array.from({ length: GRID ** 2 }, (_, i) => i);

// --- The recording

/** Ten probabilities for each of so many digits at each moment. */
function sharesOf(bytes, count) {
  const shares = new Int16Array(bytes.buffer);
  return (moment, digit) => {
    const from = (moment * count + digit) * CLASSES;
    return Array.from(shares.subarray(from, from + CLASSES), (v) => v / FINE);
  };
}

/** How alike two positions are: the lower half of a table, by moments. */
function cosinesOf(bytes) {
  const cosines = new Int16Array(bytes.buffer);
  const pairs = (GRID ** 2 * (GRID ** 2 + 1)) / 2;
  const cosine = (moment, a, b) => {
    const [low, high] = a < b ? [a, b] : [b, a];
    return cosines[moment * pairs + (high * (high + 1)) / 2 + low] / FINE;
  };
  const least = cosines.reduce((low, v) => Math.min(low, v), FINE) / FINE;
  return { cosine, least, moments: cosines.length / pairs };
}

/** Two pixels a byte: the picture of a digit, from 0 to 1. */
function picturesOf(pixels) {
  return (digit) => new Float32Array(SIDE ** 2).map((_, i) => {
    const two = pixels[(digit * SIDE ** 2 + i) >> 1];
    return (i % 2 ? two & 15 : two >> 4) / 15;
  });
}

/** The filters at the start, and what has been added at a moment. */
function filtersOf(start, later, [top, most]) {
  const unpacked = (bytes, largest) => new Float32Array(
    new Int8Array(bytes.buffer)).map((v) => (v * largest) / 127);
  const size = FILTERS * PATCH ** 2;
  const all = unpacked(later, most);
  const added = (moment) => (moment === 0 ? new Float32Array(size)
    : all.subarray((moment - 1) * size, moment * size));
  return { start: unpacked(start, top), added, most };
}

function filmOf(model) {
  const bytes = (name) => bytesOf(model.get(name)).slice();
  const labels = model.get("labels");
  const of = sharesOf(bytes("shares"), labels.length);
  const { cosine, least, moments } = cosinesOf(bytes("cosines"));
  const answers = Array.from({ length: moments }, (_, moment) =>
    labels.map((_, digit) => best(of(moment, digit))));
  /** The moment since which a digit is read rightly, to the end. */
  const since = labels.map((label, digit) =>
    1 + answers.findLastIndex((all) => all[digit] !== label));
  return {
    labels, of, answers, since, cosine, least, last: moments - 1,
    order: labels.map((_, i) => i).sort(
      (a, b) => since[a] - since[b] || a - b),
    picture: picturesOf(bytes("pixels")),
    ...filtersOf(bytes("start"), bytes("added"), model.get("tops")),
  };
}

// --- The curves

/**
 * A curve over the epochs: `values` from the first to the last, `band` two
 * lists like it, `y` their scale. What is past is drawn in violet.
 */
function curve({ values, band, y, ticks, last, choose }) {
  const plot = new Chart("vit-replay-chart vit-chart-drag", {
    ...SIZE, x: linear(0, last), y,
  });
  const epochs = values.map((_, i) => (i / (values.length - 1)) * last);
  const now = svg("path", { class: "vit-replay-now" });
  const past = plot.line(epochs, values, "vit-replay-past");
  const spot = plot.dot(4.5, "vit-replay-spot");
  plot.add(
    ...ticks.map((tick) => plot.row(tick, tick)),
    ...[0, 4, 8].map((epoch) => plot.below(epoch, epoch)),
    plot.below(last, `epoch ${last}`, "end"),
    ...(band ? [plot.band(epochs, ...band)] : []),
    plot.line(epochs, values), now, past, spot);
  press(plot.picture, (x) =>
    choose(Math.round(within(plot.fromLeft(x), last + 1))));
  const head = html("p", { class: "vit-head" });
  const whole = html("div", {}, head, plot.picture);
  whole.show = (moment, title, value) => {
    const at = (moment / last) * (values.length - 1);
    const until = epochs.slice(0, at + 1);
    past.setAttribute("d", pathOf(plot.points(until, values)));
    now.setAttribute("d", `M${plot.x(moment)},${plot.top} V${plot.floor}`);
    plot.move(spot, moment, values[at]);
    head.replaceChildren(`${title} `, html("b", {}, value));
    plot.picture.setAttribute("aria-label", `${title} ${value}`);
  };
  return whole;
}

function curves(model, last, choose) {
  const losses = model.get("losses");
  const runs = model.get("accuracies").map((run) => run.map((v) => 100 * v));
  const over = (pick) => runs[0].map((_, i) =>
    pick(...runs.map((run) => run[i])));
  const wrong = log(100, 2); // of a hundred: the axis counts what is right
  const loss = curve({
    values: losses, y: linear(0.4, 2.45), ticks: [0.5, 1, 2], last, choose,
  });
  const right = curve({
    values: runs[0], band: [over(Math.min), over(Math.max)],
    y: (share) => wrong(100 - share), ticks: [0, 50, 80, 90, 95, 98], last,
    choose,
  });
  const whole = html("div", { class: "vit-replay-curves" }, loss, right);
  whole.show = (moment) => {
    const share = `${runs[0][moment].toFixed(1)} %`;
    const now = losses[(moment / last) * (losses.length - 1)].toFixed(2);
    loss.show(moment, "loss of the batches", now);
    right.show(moment, "of 1,000 validation digits right", share);
    return `loss ${now}, ${share} of validation right`;
  };
  return whole;
}

// --- The hundred digits

/** A digit, with a badge for what it is taken for. */
function tile(film, digit) {
  const truth = film.labels[digit];
  const ink = heat("ink", [SIDE, SIDE], `a ${truth}`).paint(
    film.picture(digit), 1);
  const badge = html("span", { class: "vit-replay-badge" });
  const item = html("button", {
    type: "button", class: "vit-replay-digit",
  }, ink, badge);
  item.digit = digit;
  /** True where it is misread. */
  item.show = (moment, isHere) => {
    const answer = film.answers[moment][digit];
    const wrong = answer !== truth;
    item.classList.toggle("vit-replay-wrong", wrong);
    badge.textContent = wrong ? answer : "";
    item.tabIndex = isHere ? 0 : -1;
    item.setAttribute("aria-pressed", String(isHere));
    item.setAttribute("aria-label", wrong
      ? `a ${truth}, taken for ${answer}` : `a ${truth}, right`);
    return wrong;
  };
  return item;
}

function wall(film, choose) {
  const items = film.order.map((digit) => tile(film, digit));
  arrows(items, COLS, (index) => choose({ digit: items[index].digit }));
  const head = html("p", { class: "vit-head" });
  const whole = html("div", { class: "vit-panel" }, head,
    html("div", {
      class: "vit-replay-wall", role: "group",
      "aria-label": "A hundred validation digits",
    }, ...items));
  whole.append(named(whole).write("scores", [items.length, CLASSES]));
  whole.show = (moment, chosen) => {
    const misread = items.filter((item) =>
      item.show(moment, item.digit === chosen)).length;
    const words = `${misread} of 100 misread`;
    head.replaceChildren(html("b", {}, words),
      ", marked with what it read");
    return words;
  };
  return whole;
}

// --- One digit, and how its probabilities changed

function verdict({ labels, answers, since }, moment, digit, shares) {
  const [truth, answer] = [labels[digit], answers[moment][digit]];
  if (moment === 0) return "Untrained: 10 % each. No answer, counted as 0.";
  const share = percent(shares[answer]);
  if (answer !== truth) {
    return `A ${truth}, taken for ${answer} with ${share}; the ` +
      `${truth} gets ${percent(shares[truth])}.`;
  }
  const forGood = moment >= since[digit]
    ? `, for good since epoch ${since[digit]}` : "";
  return `A ${truth}, right with ${share}${forGood}.`;
}

/** The ten classes at the left of the table, their shares at the right. */
function names() {
  const column = () => Array.from({ length: CLASSES }, () => html("span"));
  const [classes, numbers] = [column(), column()];
  classes.forEach((one, i) => { one.textContent = i; });
  const beside = (rows) =>
    html("div", { class: "vit-replay-names" }, ...rows);
  const show = (shares, truth, answer) => numbers.forEach((number, i) => {
    number.textContent = percent(shares[i]);
    number.classList.toggle("vit-replay-answer", i === answer);
    classes[i].classList.toggle("vit-replay-truth", i === truth);
  });
  return { left: beside(classes), right: beside(numbers), show };
}

/** Ten probabilities over the epochs; a press chooses one of these. */
function probabilities(film, choose) {
  const columns = film.last + 1;
  const table = heat("weight", [CLASSES, columns], "");
  const now = html("span", { class: "vit-replay-column" });
  const cells = html("div", { class: "vit-replay-cells" }, table, now);
  press(cells, (x) => choose({ moment: Math.floor(x * columns) }));
  cells.show = (moment, digit) => {
    const values = new Float32Array(CLASSES * columns);
    for (let m = 0; m < columns; m++) {
      film.of(m, digit).forEach((v, i) => { values[i * columns + m] = v; });
    }
    table.paint(values, 1);
    place(now, moment / columns, 0, 1 / columns, 1);
    table.setAttribute("aria-label", "Taken for, epoch by epoch: " +
      film.answers.slice(1).map((answers) => answers[digit]).join(", "));
  };
  return cells;
}

function history(film, choose) {
  const ink = heat("ink", [SIDE, SIDE], "The digit");
  const cells = probabilities(film, choose);
  const rows = names();
  const said = html("p", { class: "vit-replay-said" });
  const head = html("p", { class: "vit-head" });
  const whole = html("div", { class: "vit-panel vit-replay-history" }, head,
    html("div", { class: "vit-replay-one" }, ink,
      html("div", { class: "vit-replay-rows" }, rows.left, cells,
        rows.right)),
    said, scale("weight").ends("0 %", "100 %"));
  whole.show = (moment, digit) => {
    const truth = film.labels[digit];
    const shares = film.of(moment, digit);
    ink.paint(film.picture(digit), 1);
    cells.show(moment, digit);
    rows.show(shares, truth,
      moment > 0 ? film.answers[moment][digit] : undefined);
    head.textContent =
      `this ${truth}: its probabilities, epoch 0 to ${film.last}`;
    said.textContent = verdict(film, moment, digit, shares);
    return said.textContent;
  };
  return whole;
}

// --- The weights: filters and positions

function filters(film) {
  const rows = FILTERS / COLUMNS;
  const canvas = heat(
    "signed", [rows * PATCH, COLUMNS * PATCH], "", PATCH);
  const ends = scale("signed");
  const said = html("p", { class: "vit-replay-said" });
  let [moment, look] = [0, "added"];
  const paint = () => {
    const added = film.added(moment);
    const isAdded = look === "added";
    const shown = isAdded ? added : added.map((v, i) => v + film.start[i]);
    const top = isAdded ? film.most : 2.5 * film.most;
    canvas.paint(sheet(shown, PATCH, COLUMNS), top);
    canvas.setAttribute("aria-label", isAdded
      ? "What training has added to the filters" : "The filters");
    ends.around(top);
    said.replaceChildren("added: ", html("b", {},
      percent(Math.hypot(...added) / Math.hypot(...film.start))),
    " of the length it began with");
  };
  const looks = choice("filters", [["added", "added"], ["now", "now"]], look,
    (next) => {
      look = next;
      paint();
    });
  const whole = html("div", { class: "vit-panel" }, looks,
    html("div", { class: "vit-replay-view" }, canvas));
  whole.append(html("div", { class: "vit-replay-below" },
    named(whole).write("filters", [FILTERS, PATCH, PATCH]), ends), said);
  whole.show = (next) => {
    moment = next;
    paint();
    return said.textContent;
  };
  return whole;
}

/** How many steps of the grid lie between two places. */
function stepsBetween(a, b) {
  return Math.abs(Math.floor(a / GRID) - Math.floor(b / GRID)) +
    Math.abs((a % GRID) - (b % GRID));
}

/** The mean over pairs of places, with two digits, never −0.00. */
function likeness(film, moment, isMeant) {
  const values = PLACES.flatMap((a) => PLACES
    .filter((b) => isMeant(stepsBetween(a, b)))
    .map((b) => film.cosine(moment, a, b)));
  return rounded(Math.round(100 * mean(values)) / 100);
}

/** A grid of places; `at` gives the one that was asked for last. */
function ground(at, choose, ...inside) {
  const view = html("div", {
    class: "vit-replay-view vit-replay-places", tabindex: 0,
    role: "application",
    "aria-description": "Arrow keys move to another place.",
  }, ...inside);
  press(view, (x, y) =>
    choose({ place: [Math.floor(y * GRID), Math.floor(x * GRID)] }));
  walk(view, (right, down) => {
    const [row, col] = at();
    choose({ place: [within(row + down, GRID), within(col + right, GRID)] });
  });
  return view;
}

function positions(film, at, choose) {
  const canvas = heat("position", [GRID, GRID], "How alike");
  const mark = html("span", { class: "vit-replay-place" });
  const view = ground(at, choose, canvas, mark);
  const said = html("p", { class: "vit-replay-said" });
  const whole = html("div", { class: "vit-panel" },
    html("p", { class: "vit-head" }, "positions: how alike"), view);
  whole.append(html("div", { class: "vit-replay-below" },
    named(whole).write("positions", [GRID ** 2, FILTERS]),
    scale("position").ends(rounded(film.least), "1")), said);
  whole.show = (moment, [row, col]) => {
    canvas.paint(PLACES.map((other) =>
      (film.cosine(moment, row * GRID + col, other) - film.least) /
        (1 - film.least)), 1);
    place(mark, col / GRID, row / GRID, 1 / GRID, 1 / GRID);
    view.setAttribute("aria-label", `Position of row ${row}, column ${col}`);
    said.replaceChildren("mean: neighbours ",
      html("b", {}, likeness(film, moment, (steps) => steps === 1)),
      ", others ",
      html("b", {}, likeness(film, moment, (steps) => steps > 1)));
    return said.textContent;
  };
  return whole;
}

// --- Time

/** Play from moment to moment, until the last or until `stop`. */
function player(model, last) {
  let waiting = null;
  const stop = () => {
    clearTimeout(waiting);
    waiting = null;
    play.textContent = "Play";
  };
  const go = () => {
    set(model, { moment: Math.min(last, model.get("moment") + 1) });
    if (model.get("moment") === last) stop();
    else waiting = setTimeout(go, PACE);
  };
  const play = button("Play", () => {
    if (waiting !== null) {
      stop();
      return;
    }
    if (model.get("moment") === last) set(model, { moment: 0 });
    play.textContent = "Pause";
    waiting = setTimeout(go, PACE);
  });
  play.classList.add("vit-replay-play");
  return { play, stop };
}

/** Where in the run a moment lies, in words. */
function when(model, last) {
  const steps = ((model.get("losses").length - 1) * EVERY) / last;
  return (moment) => (moment
    ? `${moment} of ${last}, step ${thousands(moment * steps)}`
    : "0, before the first step");
}

export const render = figure(
  "training_replay", "A run of training, epoch by epoch",
  ({ model, root, onEnd }) => {
    const film = filmOf(model);
    const { last } = film;
    const { play, stop } = player(model, last);
    onEnd(stop);
    const choose = (traits) => {
      if ("moment" in traits) stop();
      set(model, traits);
    };
    const seek = (moment) => choose({ moment });
    const time = slider("epoch", {
      min: 0, max: last, value: model.get("moment"),
    }, when(model, last), seek);
    const lines = curves(model, last, seek);
    const all = wall(film, choose);
    const one = history(film, choose);
    const learned = filters(film);
    const places = positions(film, () => model.get("place"), choose);
    const spoken = speaker();

    const draw = () => {
      const [moment, digit, at] = TRAITS.map((trait) => model.get(trait));
      time.set(moment);
      const said = [
        `Epoch ${moment}`, lines.show(moment), all.show(moment, digit),
        one.show(moment, digit), learned.show(moment),
        places.show(moment, at),
      ];
      spoken.say(said.join("; "));
    };
    root.append(
      hint("Move through the run with the slider. Choose a digit to see " +
        "how its answer came about."),
      lines,
      html("div", { class: "vit-replay-time" }, play, time),
      html("div", { class: "vit-replay-main" }, all,
        html("div", { class: "vit-replay-right" }, one,
          html("div", { class: "vit-replay-weights" }, learned, places))),
      spoken);
    listen(model, TRAITS, frame(draw), onEnd);
    draw();
  });
