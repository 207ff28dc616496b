// Choose a place: how alike its position is to those of all others. The
// same place on every grid, so that kinds of positions can be compared.

import {
  bytesOf, figure, heat, hint, html, listen, mean, rounded, scale, set,
  speaker, within,
} from "../../alive/web/kit.js";
import { named, place, walk } from "../../alive/web/panels.js";

const FINE = 10000;
const HELP = "Arrow keys move to another place.";

/** The pairs of places of each kind: cosines, the lower half, by rows. */
function tablesOf(model) {
  const all = new Int16Array(bytesOf(model.get("cosines")).slice().buffer);
  let start = 0;
  return model.get("shapes").map(([rows, cols, d], i) => {
    const n = rows * cols;
    const half = all.subarray(start, start += (n * (n + 1)) / 2);
    const cosine = (a, b) => {
      const [low, high] = a < b ? [a, b] : [b, a];
      return half[(high * (high + 1)) / 2 + low] / FINE;
    };
    const least = half.reduce((low, v) => Math.min(low, v), FINE) / FINE;
    return { name: model.get("names")[i], rows, cols, d, cosine, least };
  });
}

/** A grid as fine as the finest: what is chosen is a place of this one. */
function finest(tables) {
  return {
    rows: Math.max(...tables.map(({ rows }) => rows)),
    cols: Math.max(...tables.map(({ cols }) => cols)),
  };
}

/** The place of another grid that lies where one lies on `from`. */
function across([row, col], from, to) {
  return [
    Math.floor(((row + 0.5) / from.rows) * to.rows),
    Math.floor(((col + 0.5) / from.cols) * to.cols),
  ];
}

/** Mean cosine with the places next to this one, and with the others. */
function nearness(likeness, { cols }, [row, col]) {
  const steps = likeness.map((_, i) =>
    Math.abs(Math.floor(i / cols) - row) + Math.abs((i % cols) - col));
  return [
    mean(likeness.filter((_, i) => steps[i] === 1)),
    mean(likeness.filter((_, i) => steps[i] > 1)),
  ];
}

/** A grid of places: who presses or walks chooses, who points looks. */
function groundOf({ rows, cols }, canvas, hands) {
  const mark = html("span", { class: "vit-place" });
  const ground = html("div", {
    class: "vit-places", tabindex: 0, role: "application",
    "aria-description": HELP,
  }, canvas, mark);
  const at = ({ clientX, clientY }) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return [
      within(Math.floor(((clientY - top) / height) * rows), rows),
      within(Math.floor(((clientX - left) / width) * cols), cols),
    ];
  };
  let [row, col] = [0, 0];
  ground.addEventListener("pointermove", (event) => hands.look(at(event)));
  ground.addEventListener("pointerleave", () => hands.look(null));
  ground.addEventListener("click", (event) => hands.choose(at(event)));
  walk(ground, (right, down) => {
    const next = [within(row + down, rows), within(col + right, cols)];
    if (next[0] !== row || next[1] !== col) hands.choose(next);
  });
  ground.show = (here, label) => {
    [row, col] = here;
    place(mark, col / cols, row / rows, 1 / cols, 1 / rows);
    ground.setAttribute("aria-label", label);
  };
  return ground;
}

/** A kind of positions: its map, its scale, what it says of a place. */
function mapOf(table, choose) {
  const { name, rows, cols, d, cosine, least } = table;
  const canvas = heat("position", [rows, cols], `${name}: how alike`);
  const said = html("p", { class: "vit-places-said" });
  const pair = hint("");
  let here = 0; // the chosen place, in reading order
  const look = (other) => {
    pair.textContent = "\u00a0";
    if (!other) return;
    const [row, col] = other;
    const value = cosine(here, row * cols + col);
    pair.textContent = `with (${row}, ${col}): ${rounded(value)}`;
  };
  const ground = groundOf(table, canvas, { look, choose });
  const whole = html("div", { class: "vit-places-of" },
    html("p", { class: "vit-head" }, name), ground,
    html("div", { class: "vit-places-below" },
      named(ground).write("", [rows * cols, d]),
      scale("position").ends(rounded(least), "1")),
    said, pair);
  whole.show = ([row, col]) => {
    here = row * cols + col;
    const likeness = Array.from({ length: rows * cols }, (_, i) =>
      cosine(here, i));
    canvas.paint(likeness.map((v) => (v - least) / (1 - least)), 1);
    const [near, far] = nearness(likeness, table, [row, col]).map(
      (v) => rounded(v));
    said.replaceChildren(
      `(${row}, ${col}): beside it `, html("b", {}, near),
      ", ", html("span", {}, "farther ", html("b", {}, far)));
    ground.show([row, col], `${name}: row ${row}, column ${col}`);
    look(null);
    return `${name}: ${said.textContent}`;
  };
  return whole;
}

export const render = figure(
  "position_explorer", "How alike positions are",
  ({ model, root, onEnd }) => {
    const tables = tablesOf(model);
    const fine = finest(tables);
    const maps = tables.map((table) => mapOf(table, (chosen) =>
      set(model, { place: across(chosen, table, fine) })));
    const spoken = speaker();
    const draw = () => {
      const said = tables.map((table, i) =>
        maps[i].show(across(model.get("place"), fine, table)));
      spoken.say(said.join("; "));
    };
    root.append(
      hint("Choose a place on any map, or point at another to compare."),
      html("div", { class: "vit-all-places" }, ...maps), spoken);
    listen(model, "place", draw, onEnd); // at once: keys may come fast
    draw();
  });
