// A run of training, from epoch to epoch: the curves, a hundred digits and
// what it takes them for, what it adds to its filters and positions.
//
// Everything was recorded by experiments/one_minute.py; nothing is trained
// here. A moment is an epoch, 0 before the first step.

import {
  arrows, button, choice, figure, frame, heat, hint, html, listen, percent,
  rounded, scale, slider, speaker, svg,
} from "../../alive/web/kit.js";
import { follow, named, place, walk } from "../../alive/web/panels.js";

const [SIDE, CLASSES, COLS] = [28, 10, 10];
const [FILTERS, PATCH, GRID] = [64, 7, 4];
const FINE = 10000; // a probability or a cosine in ten-thousandths
const EVERY = 25; // steps between two losses
const PACE = 600; // milliseconds from moment to moment
const CHART = {
  width: 330, height: 128, left: 28, right: 8, top: 8, bottom: 20,
};

// --- The recording

function filmOf(model) {
  const bytes = (name) => {
    const { buffer, byteOffset, byteLength } = model.get(name);
    return new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength));
  };
  const whole = (name) => new Int16Array(bytes(name).buffer);
  const labels = model.get("labels");
  const [shares, cosines] = [whole("shares"), whole("cosines")];
  const pairs = (GRID ** 2 * (GRID ** 2 + 1)) / 2;
  const [count, moments] = [labels.length, cosines.length / pairs];
  const [top, most] = model.get("tops");
  const size = FILTERS * PATCH ** 2;
  const start = Float32Array.from(
    new Int8Array(bytes("start").buffer), (v) => (v * top) / 127);
  const later = new Int8Array(bytes("added").buffer);
  const pixels = bytes("pixels");
  const nothing = new Float32Array(size);

  const of = (moment, digit) => Array.from(
    shares.subarray((moment * count + digit) * CLASSES).slice(0, CLASSES),
    (v) => v / FINE);
  const answers = Array.from({ length: moments }, (_, moment) =>
    labels.map((_, digit) => {
      const all = of(moment, digit);
      return all.indexOf(Math.max(...all));
    }));
  const added = (moment) => (moment === 0 ? nothing : Float32Array.from(
    later.subarray((moment - 1) * size, moment * size),
    (v) => (v * most) / 127));
  /** The moment since which a digit is read rightly, to the end. */
  const since = labels.map((label, digit) =>
    1 + answers.findLastIndex((all) => all[digit] !== label));
  const order = labels.map((_, i) => i).sort(
    (a, b) => since[a] - since[b] || a - b);
  const cosine = (moment, a, b) => {
    const [low, high] = a < b ? [a, b] : [b, a];
    return cosines[moment * pairs + (high * (high + 1)) / 2 + low] / FINE;
  };
  return {
    labels, answers, since, order, start, added, most, cosine, of,
    last: moments - 1,
    least: cosines.reduce((low, v) => Math.min(low, v), FINE) / FINE,
    picture: (digit) => Float32Array.from({ length: SIDE ** 2 }, (_, i) => {
      const two = pixels[(digit * SIDE ** 2 + i) >> 1];
      return (i % 2 ? two & 15 : two >> 4) / 15;
    }),
  };
}

// --- The curves

/**
 * A curve over the epochs: `values` from the first to the last moment,
 * `band` two lists like it, `along` how high a value lies, 0 to 1. What is
 * past is drawn in violet.
 */
function chart({ values, band, along, ticks, last, choose }) {
  const { width, height, left, right, top, bottom } = CHART;
  const [wide, floor] = [width - left - right, height - bottom];
  const y = (value) => floor - along(value) * (floor - top);
  const points = (all) => all.map((value, i) =>
    `${(left + (i / (all.length - 1)) * wide).toFixed(1)},` +
    `${y(value).toFixed(1)}`);
  const line = (all) => `M${all.join(" ")}`;
  const whole = points(values);
  const text = (x, y, words, anchor) => svg("text", {
    x, y, "text-anchor": anchor, class: "vit-replay-text",
  }, words);
  const marks = ticks.flatMap((value) => [
    svg("path", {
      d: `M${left},${y(value)} H${width - right}`, class: "vit-replay-rule",
    }),
    text(left - 5, y(value) + 4, value, "end"),
  ]);
  const epochs = [0, 4, 8, last].map((epoch) => text(
    left + (epoch / last) * wide, height - 5,
    epoch === last ? `epoch ${epoch}` : epoch,
    epoch === last ? "end" : "middle"));
  const area = band ? [svg("path", {
    d: `${line([...points(band[0]), ...points(band[1]).reverse()])} Z`,
    class: "vit-replay-band",
  })] : [];
  const now = svg("path", { class: "vit-replay-now" });
  const past = svg("path", { class: "vit-replay-past" });
  const spot = svg("circle", { r: 4.5, class: "vit-replay-spot" });
  const picture = svg("svg", {
    class: "vit-replay-chart", viewBox: `0 0 ${width} ${height}`, role: "img",
  }, ...marks, ...epochs, ...area,
  svg("path", { d: line(whole), class: "vit-replay-line" }), now, past, spot);
  const head = html("p", { class: "vit-head" });
  follow(picture, (x, _, { type, buttons }) => {
    if (type !== "pointerdown" && !buttons) return;
    const time = (x * width - left) / wide;
    choose(Math.round(Math.min(1, Math.max(0, time)) * last));
  });
  const element = html("div", {}, head, picture);
  element.show = (moment, title, value) => {
    const at = (moment / last) * (values.length - 1);
    const [cx, cy] = whole[at].split(",");
    past.setAttribute("d", line(whole.slice(0, at + 1)));
    now.setAttribute("d", `M${cx},${top} V${floor}`);
    spot.setAttribute("cx", cx);
    spot.setAttribute("cy", cy);
    head.replaceChildren(`${title} `, html("b", {}, value));
    picture.setAttribute("aria-label", `${title} ${value}`);
  };
  return element;
}

function curves(model, film, choose) {
  const runs = model.get("accuracies").map((run) => run.map((v) => 100 * v));
  const losses = model.get("losses");
  const over = (pick) => runs[0].map((_, i) =>
    pick(...runs.map((run) => run[i])));
  const { last } = film;
  const loss = chart({
    values: losses, along: (loss) => (loss - 0.4) / 2.05,
    ticks: [0.5, 1, 2], last, choose,
  });
  const right = chart({
    values: runs[0], band: [over(Math.min), over(Math.max)],
    along: (share) => 1 - Math.log((100 - share) / 2) / Math.log(50),
    ticks: [0, 50, 80, 90, 95, 98], last, choose,
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

function wall(film, choose) {
  const items = film.order.map((digit) => {
    const ink = heat("ink", [SIDE, SIDE], `a ${film.labels[digit]}`);
    ink.paint(film.picture(digit), 1);
    const badge = html("span", { class: "vit-replay-badge" });
    const item = html("button", {
      type: "button", class: "vit-replay-digit",
    }, ink, badge);
    return Object.assign(item, { badge, digit });
  });
  arrows(items, COLS, (index) => choose({ digit: items[index].digit }));
  const head = html("p", { class: "vit-head" });
  const whole = html("div", { class: "vit-panel" }, head,
    html("div", {
      class: "vit-replay-wall", role: "group",
      "aria-label": "A hundred validation digits",
    }, ...items));
  whole.append(named(whole).write("scores", [items.length, CLASSES]));
  whole.show = (moment, chosen) => {
    let misread = 0;
    for (const item of items) {
      const truth = film.labels[item.digit];
      const answer = film.answers[moment][item.digit];
      const wrong = answer !== truth;
      const here = item.digit === chosen;
      misread += wrong;
      item.classList.toggle("vit-replay-wrong", wrong);
      item.badge.textContent = wrong ? answer : "";
      item.tabIndex = here ? 0 : -1;
      item.setAttribute("aria-pressed", String(here));
      item.setAttribute("aria-label", wrong
        ? `a ${truth}, taken for ${answer}` : `a ${truth}, right`);
    }
    head.replaceChildren(html("b", {}, `${misread} of 100 misread`),
      ", marked with what it read");
    return `${misread} of 100 misread`;
  };
  return whole;
}

// --- One digit, and how its probabilities changed

function history(film, choose) {
  const columns = film.last + 1;
  const ink = heat("ink", [SIDE, SIDE], "The digit");
  const table = heat("weight", [CLASSES, columns], "");
  const now = html("span", { class: "vit-replay-column" });
  const cells = html("div", { class: "vit-replay-cells" }, table, now);
  const row = (i) => html("span", {}, i);
  const classes = Array.from({ length: CLASSES }, (_, i) => row(i));
  const numbers = classes.map(() => row(""));
  const said = html("p", { class: "vit-replay-said" });
  const ends = scale("weight").ends("0 %", "100 %");
  const head = html("p", { class: "vit-head" });
  follow(cells, (x, _, { type, buttons }) => {
    if (type === "pointerdown" || buttons) {
      choose({ moment: Math.floor(x * columns) });
    }
  });
  const whole = html("div", { class: "vit-panel vit-replay-history" }, head,
    html("div", { class: "vit-replay-one" }, ink,
      html("div", { class: "vit-replay-rows" },
        html("div", { class: "vit-replay-names" }, ...classes),
        cells,
        html("div", { class: "vit-replay-names" }, ...numbers))),
    said, ends);
  const words = (moment, truth, all, answer, since) => {
    if (moment === 0) {
      return "Untrained: 10 % each. No answer, counted as 0.";
    }
    const share = percent(all[answer]);
    if (answer !== truth) {
      return `A ${truth}, taken for ${answer} with ${share}; the ` +
        `${truth} gets ${percent(all[truth])}.`;
    }
    const for_good = moment >= since ? `, for good since epoch ${since}` : "";
    return `A ${truth}, right with ${share}${for_good}.`;
  };
  whole.show = (moment, digit) => {
    const truth = film.labels[digit];
    const all = film.of(moment, digit);
    const answer = film.answers[moment][digit];
    const values = new Float32Array(CLASSES * columns);
    for (let m = 0; m < columns; m++) {
      film.of(m, digit).forEach((v, i) => { values[i * columns + m] = v; });
    }
    ink.paint(film.picture(digit), 1);
    table.paint(values, 1);
    place(now, moment / columns, 0, 1 / columns, 1);
    head.textContent = `this ${truth}: its probabilities, epoch 0 to ${film.last}`;
    table.setAttribute("aria-label", "Taken for, epoch by epoch: " +
      film.answers.slice(1).map((answers) => answers[digit]).join(", "));
    numbers.forEach((number, i) => {
      number.textContent = percent(all[i]);
      number.classList.toggle(
        "vit-replay-answer", moment > 0 && i === answer);
      classes[i].classList.toggle("vit-replay-truth", i === truth);
    });
    said.textContent = words(moment, truth, all, answer, film.since[digit]);
    return said.textContent;
  };
  return whole;
}

// --- The weights: filters and positions

function length(values) {
  return Math.hypot(...values);
}

function filters(film) {
  const rows = FILTERS / 8;
  const canvas = heat("signed", [rows * PATCH, 8 * PATCH], "", PATCH);
  const ends = scale("signed");
  const said = html("p", { class: "vit-replay-said" });
  let [moment, of] = [0, "added"];
  const sheet = (values) => {
    const whole = new Float32Array(values.length);
    for (let i = 0; i < values.length; i++) {
      const [one, at] = [Math.floor(i / PATCH ** 2), i % PATCH ** 2];
      const row = Math.floor(one / 8) * PATCH + Math.floor(at / PATCH);
      whole[row * 8 * PATCH + (one % 8) * PATCH + (at % PATCH)] = values[i];
    }
    return whole;
  };
  const paint = () => {
    const added = film.added(moment);
    const now = added.map((v, i) => v + film.start[i]);
    const top = of === "added" ? film.most : 2.5 * film.most;
    canvas.paint(sheet(of === "added" ? added : now), top);
    canvas.setAttribute("aria-label", of === "added"
      ? "What training has added to the filters" : "The filters");
    ends.ends(`\u2212${top.toFixed(2)}`, top.toFixed(2));
    said.replaceChildren("added: ", html("b", {},
      percent(length(added) / length(film.start))),
    " of the length it began with");
  };
  const look = choice("filters", [["added", "added"], ["now", "now"]], of,
    (next) => {
      of = next;
      paint();
    });
  const whole = html("div", { class: "vit-panel" }, look,
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

/** The mean with two digits, and never a minus before 0.00. */
function mean(values) {
  const sum = values.reduce((total, v) => total + v, 0);
  return rounded(Math.round((100 * sum) / values.length) / 100);
}

function positions(film, choose) {
  const canvas = heat("position", [GRID, GRID], "How alike");
  const mark = html("span", { class: "vit-replay-place" });
  const ground = html("div", {
    class: "vit-replay-view vit-replay-places", tabindex: 0,
    role: "application", "aria-description": "Arrow keys move to another place.",
  }, canvas, mark);
  const said = html("p", { class: "vit-replay-said" });
  const all = Array.from({ length: GRID ** 2 }, (_, i) => i);
  const steps = (a, b) => Math.abs(Math.floor(a / GRID) - Math.floor(b / GRID)) +
    Math.abs((a % GRID) - (b % GRID));
  let at = [0, 0];
  const within = (v) => Math.min(GRID - 1, Math.max(0, v));
  follow(ground, (x, y, { type, buttons }) => {
    if (type === "pointerdown" || buttons) {
      choose({ place: [Math.floor(y * GRID), Math.floor(x * GRID)] });
    }
  });
  walk(ground, (dx, dy) => choose({
    place: [within(at[0] + dy), within(at[1] + dx)],
  }));
  const whole = html("div", { class: "vit-panel" },
    html("p", { class: "vit-head" }, "positions: how alike"), ground);
  whole.append(html("div", { class: "vit-replay-below" },
    named(whole).write("positions", [GRID ** 2, FILTERS]),
    scale("position").ends(rounded(film.least), "1")), said);
  whole.show = (moment, next) => {
    at = next;
    const here = at[0] * GRID + at[1];
    canvas.paint(all.map((other) =>
      (film.cosine(moment, here, other) - film.least) / (1 - film.least)), 1);
    place(mark, at[1] / GRID, at[0] / GRID, 1 / GRID, 1 / GRID);
    ground.setAttribute("aria-label", `Position of row ${at[0]}, column ` +
      `${at[1]}`);
    const over = (which) => mean(all.flatMap((a) => all
      .filter((b) => which(steps(a, b)))
      .map((b) => film.cosine(moment, a, b))));
    said.replaceChildren("mean: neighbours ",
      html("b", {}, over((s) => s === 1)), ", others ",
      html("b", {}, over((s) => s > 1)));
    return said.textContent;
  };
  return whole;
}

export const render = figure(
  "training_replay", "A run of training, epoch by epoch",
  ({ model, root, onEnd }) => {
    const film = filmOf(model);
    const { last } = film;
    let waiting = null;
    const set = (some) => {
      for (const [name, value] of Object.entries(some)) {
        if (String(model.get(name)) !== String(value)) model.set(name, value);
      }
      model.save_changes();
    };
    const stop = () => {
      clearTimeout(waiting);
      waiting = null;
      play.textContent = "Play";
    };
    const choose = (some) => {
      if ("moment" in some) stop();
      set(some);
    };
    const go = () => {
      set({ moment: Math.min(last, model.get("moment") + 1) });
      if (model.get("moment") === last) stop();
      else waiting = setTimeout(go, PACE);
    };
    const play = button("Play", () => {
      if (waiting !== null) {
        stop();
        return;
      }
      if (model.get("moment") === last) set({ moment: 0 });
      play.textContent = "Pause";
      waiting = setTimeout(go, PACE);
    });
    play.classList.add("vit-replay-play");
    onEnd(stop);

    const steps = ((model.get("losses").length - 1) * EVERY) / last;
    const when = (moment) => (moment
      ? `${moment} of ${last}, step ${(moment * steps).toLocaleString("en-US")}`
      : "0, before the first step");
    const time = slider("epoch", {
      min: 0, max: last, value: model.get("moment"),
    }, when, (moment) => choose({ moment }));
    const lines = curves(model, film, (moment) => choose({ moment }));
    const all = wall(film, choose);
    const one = history(film, choose);
    const learned = filters(film);
    const places = positions(film, choose);
    const spoken = speaker();

    const draw = () => {
      const [moment, digit] = [model.get("moment"), model.get("digit")];
      time.set(moment);
      const said = [
        `Epoch ${moment}`, lines.show(moment), all.show(moment, digit),
        one.show(moment, digit), learned.show(moment),
        places.show(moment, model.get("place")),
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
    draw();
    const redraw = frame(draw);
    for (const trait of ["moment", "digit", "place"]) {
      listen(model, trait, redraw, onEnd);
    }
  });
