// Accuracy against the number of digits: go along a curve, and see with how
// many digits the others come as far. Between measured points a curve goes
// straight, on scales that go by factors, as in data_explorer.py.

import {
  arrows, figure, frame, hint, html, listen, rounded, slider, speaker, svg,
} from "../../alive/web/kit.js";
import { follow } from "../../alive/web/panels.js";

const CHART = {
  width: 400, height: 330, left: 26, right: 20, top: 12, bottom: 40,
};
const [LEAST, MOST] = [0.0105, 0.52]; // wrong answers, as shares
const TICKS = [2, 5, 10, 20, 50];
const STEPS = 40; // of the slider, from the fewest digits to the most
const NEAR = 0.04; // so near to a measured number it is that number
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

function curvesOf(model) {
  const sizes = model.get("sizes");
  return model.get("names").map((name, i) => {
    const seeds = model.get("shares")[i].map((row) => row.map((v) => 1 - v));
    const mean = seeds.map((row) =>
      row.reduce((sum, v) => sum + v, 0) / row.length);
    const worst = seeds.map((row) => Math.max(...row));
    const best = seeds.map((row) => Math.min(...row));
    const last = sizes.length - 1;
    return {
      name, seeds, mean, worst, best,
      distorted: name.endsWith("distorted"),
      kind: name.split(/\W/)[0].toLowerCase(),
      at: (images) => [worst, mean, best].map((ys) =>
        between(images, sizes, ys)),
      /** Digits for this share of wrong answers; 0 or Infinity beyond. */
      needs: (wrong) => {
        if (wrong > mean[0] * (1 + 1e-9)) return 0;
        if (wrong < mean[last] * (1 - 1e-9)) return Infinity;
        return between(
          Math.min(mean[0], Math.max(mean[last], wrong)), mean, sizes);
      },
    };
  });
}

function base(name) {
  return name.replace(", distorted", "");
}

function whole(number) {
  return Math.round(number).toLocaleString("en-US");
}

/** Read off between measured points: two digits are enough. */
function rough(number) {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(number)) - 1);
  return whole(Math.round(number / unit) * unit);
}

function right(wrong) {
  return rounded(100 * (1 - wrong), 1);
}

// --- The chart

function chartOf(curves, sizes) {
  const { width, height, left, right: edge, top, bottom } = CHART;
  const floor = height - bottom;
  const span = Math.log(sizes[sizes.length - 1] / sizes[0]);
  const wide = width - left - edge - 12;
  const start = left + 12;
  const x = (images) => start + (Math.log(images / sizes[0]) / span) * wide;
  const y = (wrong) => top + (floor - top) *
    (Math.log(MOST / wrong) / Math.log(MOST / LEAST));
  const path = (ys) => ys.map((v, i) =>
    `${x(sizes[i]).toFixed(1)},${y(v).toFixed(1)}`);
  const text = (at, up, words, anchor) => svg("text", {
    x: at, y: up, "text-anchor": anchor, class: "vit-data-text",
  }, words);
  const marks = TICKS.flatMap((tick) => [
    svg("path", {
      class: "vit-data-rule", d: `M${left},${y(tick / 100)} H${width - edge}`,
    }),
    text(left - 6, y(tick / 100) + 4, tick, "end"),
  ]);
  const counts = sizes.map((size) =>
    text(x(size), floor + 16, size.toLocaleString("en-US"), "middle"));
  const drawn = new Map(curves.map((curve) => {
    const band = svg("path", {
      class: "vit-data-band",
      d: `M${[...path(curve.worst), ...path(curve.best).reverse()].join(" ")}Z`,
    });
    const line = svg("path", {
      class: "vit-data-line", d: `M${path(curve.mean).join(" ")}`,
    });
    const dots = curve.seeds.flatMap((row, i) => row.map((wrong) =>
      svg("circle", {
        class: "vit-data-seed", cx: x(sizes[i]), cy: y(wrong), r: 2.5,
      })));
    const group = svg("g", {
      class: `vit-data-curve vit-data-${curve.kind}` +
        (curve.distorted ? " vit-data-dashed" : ""),
    }, band, line, ...dots);
    return [curve.name, group];
  }));
  const level = svg("path", { class: "vit-data-level" });
  const drops = svg("path", { class: "vit-data-drop" });
  const meeting = svg("circle", { class: "vit-data-meeting", r: 4 });
  const here = svg("circle", { class: "vit-data-here", r: 7 });
  const numbers = [0, 1].map(() => text(0, floor - 6, "", "start"));
  const layer = svg("g", {}, ...drawn.values());
  const picture = svg("svg", {
    class: "vit-data-chart", viewBox: `0 0 ${width} ${height}`, role: "img",
  }, ...marks, ...counts,
  text(width - edge, height - 4, "digits to train on", "end"),
  layer, level, drops, ...numbers, meeting, here);
  picture.imagesAt = (share) =>
    sizes[0] * Math.exp(((share * width - start) / wide) * span);
  picture.wrongAt = (share) => MOST * Math.exp(
    -((share * height - top) / (floor - top)) * Math.log(MOST / LEAST));
  picture.show = (curve, images, wrong, needed, label) => {
    for (const [name, group] of drawn) {
      group.classList.toggle("vit-data-chosen", name === curve.name);
    }
    layer.append(drawn.get(curve.name)); // on top of the others
    const [cx, cy] = [x(images), y(wrong)];
    const meets = needed > 0 && needed < Infinity;
    const other = needed === 0 ? left : meets ? x(needed) : width - edge;
    level.setAttribute("d", `M${cx},${cy} H${other}`);
    drops.setAttribute("d", `M${cx},${cy} V${floor}` +
      (meets ? ` M${other},${cy} V${floor}` : ""));
    meeting.toggleAttribute("hidden", !meets);
    meeting.setAttribute("cx", other);
    meeting.setAttribute("cy", cy);
    here.setAttribute("cx", cx);
    here.setAttribute("cy", cy);
    here.setAttribute("class", `vit-data-here vit-data-${curve.kind}`);
    const apart = Math.abs(other - cx) > 50;
    [[cx, images], [other, needed]].forEach(([at, count], i) => {
      const shown = i === 0 || (meets && apart);
      numbers[i].textContent = !shown ? "" : i ? rough(count) : whole(count);
      numbers[i].setAttribute("x", at + (at > width - 60 ? -5 : 5));
      numbers[i].setAttribute("text-anchor", at > width - 60 ? "end" : "start");
    });
    picture.setAttribute("aria-label", label);
  };
  return picture;
}

// --- The table: a legend, a choice and all numbers

function tableOf(curves, choose) {
  const [reached, wanted] = [0, 1].map(() => html("th", { scope: "col" }));
  const rows = curves.map((curve) => {
    const swatch = svg("svg", { viewBox: "0 0 22 10", "aria-hidden": "true" },
      svg("g", {
        class: `vit-data-curve vit-data-${curve.kind}` +
          (curve.distorted ? " vit-data-dashed" : ""),
      }, svg("path", { class: "vit-data-line", d: "M0,5 H22" })));
    const name = html("button", { type: "button", class: "vit-data-name" },
      swatch, curve.name);
    const [share, band] = [html("b"), html("span")];
    const needed = html("td");
    const row = html("tr", {}, html("th", { scope: "row" }, name),
      html("td", {}, share, band), needed);
    return { curve, name, share, band, needed, row };
  });
  arrows(rows.map(({ name }) => name), 1, (i) => choose(curves[i].name));
  const table = html("table", { class: "vit-data-table" },
    html("thead", {}, html("tr", {}, html("td"), reached, wanted)),
    html("tbody", {}, ...rows.map(({ row }) => row)));
  table.show = (chosen, images, wrong, sizes) => {
    reached.textContent = `right with ${whole(images)}\u00a0digits`;
    wanted.textContent = `digits for ${right(wrong)}\u00a0%`;
    for (const { curve, name, share, band, needed, row } of rows) {
      const here = curve.name === chosen;
      const [worst, mean, best] = curve.at(images);
      const count = curve.needs(wrong);
      share.textContent = `${right(mean)} %`;
      band.textContent = curve.seeds[0].length > 1
        ? `${right(worst)} to ${right(best)}` : "";
      needed.textContent = count === 0 ? `< ${whole(sizes[0])}`
        : count === Infinity ? `> ${whole(sizes[sizes.length - 1])}`
          : here ? whole(images) : rough(count);
      row.classList.toggle("vit-data-row", here);
      name.setAttribute("aria-pressed", String(here));
      name.tabIndex = here ? 0 : -1;
    }
  };
  return table;
}

export const render = figure(
  "data_explorer", "Accuracy against the number of digits",
  ({ model, root, onEnd }) => {
    const sizes = model.get("sizes");
    const [least, most] = [sizes[0], sizes[sizes.length - 1]];
    const curves = curvesOf(model);
    const curveOf = (name) => curves.find((curve) => curve.name === name);
    const set = (some) => {
      for (const [name, value] of Object.entries(some)) {
        model.set(name, value);
      }
      model.save_changes();
    };
    /** Two digits that count, or the measured number close by. */
    const snap = (images) => {
      const near = sizes.find((size) => Math.abs(images / size - 1) < NEAR);
      const unit = 10 ** (Math.floor(Math.log10(images)) - 1);
      const round = near ?? Math.round(images / unit) * unit;
      return Math.min(most, Math.max(least, round));
    };
    const stepOf = (images) => Math.round(
      (STEPS * Math.log(images / least)) / Math.log(most / least));
    /** The digits of a step; those that are chosen may lie beside it. */
    const digitsAt = (step) => {
      const images = model.get("images");
      return stepOf(images) === step
        ? images : snap(least * (most / least) ** (step / STEPS));
    };
    const chart = chartOf(curves, sizes);
    const table = tableOf(curves, (line) => set({ line }));
    const said = html("p", { class: "vit-data-said" });
    const spoken = speaker();
    const count = slider("digits", {
      min: 0, max: STEPS, value: stepOf(model.get("images")),
    }, (step) => whole(digitsAt(step)),
    (step) => set({ images: digitsAt(step) }));
    follow(chart, (x, y, { type, buttons }) => {
      const images = snap(chart.imagesAt(x));
      const wrong = Math.log(chart.wrongAt(y));
      const off = (curve) => Math.abs(Math.log(curve.at(images)[1]) - wrong);
      if (type === "pointerdown") {
        const line = curves.reduce((a, b) => (off(b) < off(a) ? b : a)).name;
        set({ line, images });
      } else if (buttons) {
        set({ images });
      }
    });

    const draw = () => {
      const images = model.get("images");
      const curve = curveOf(model.get("line"));
      const wrong = curve.at(images)[1];
      const partner = PARTNERS[curve.name];
      const needed = curveOf(partner).needs(wrong);
      const words = needed === 0 ? `fewer than ${whole(least)}`
        : needed === Infinity ? `more than ${whole(most)}`
          : `about ${rough(needed)}`;
      const about = sizes.includes(images) ? "" : "about ";
      const kind = curve.distorted ? "distorted digits" : "digits";
      const text = `For what the ${base(curve.name)} does with ` +
        `${whole(images)} ${kind}, ${about}${right(wrong)} % right, the ` +
        `${base(partner)} needs ${words}.`;
      count.set(stepOf(images));
      chart.show(curve, images, wrong, needed, text);
      table.show(curve.name, images, wrong, sizes);
      said.textContent = text;
      spoken.say(text);
    };
    root.append(
      hint("Drag along a curve: how many digits do the others need for the " +
        "same?"),
      said,
      html("div", { class: "vit-data-main" },
        html("div", {},
          html("p", { class: "vit-head" }, "wrong of 100 validation digits"),
          chart, count),
        table),
      spoken);
    draw();
    const redraw = frame(draw);
    for (const trait of ["line", "images"]) {
      listen(model, trait, redraw, onEnd);
    }
  });
