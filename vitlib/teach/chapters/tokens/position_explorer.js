// Choose a place: how alike its position is to those of all others. The
// same place on every grid, so that kinds of positions can be compared.

import {
  figure, heat, hint, html, listen, rounded, scale, speaker,
} from "../../alive/web/kit.js";
import { named } from "../../alive/web/panels.js";

const FINE = 10000;
const WALK = {
  ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0],
};
const HELP = "Arrow keys move to another place.";

/** The pairs of places of each kind: cosines, the lower half, by rows. */
function tablesOf(model) {
  const { buffer, byteOffset, byteLength } = model.get("cosines");
  const all = new Int16Array(
    buffer.slice(byteOffset, byteOffset + byteLength));
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

/** The place of another grid that lies where `place` lies on `from`. */
function across([row, col], from, to) {
  return [
    Math.floor(((row + 0.5) / from.rows) * to.rows),
    Math.floor(((col + 0.5) / from.cols) * to.cols),
  ];
}

function mean(values) {
  return values.reduce((sum, v) => sum + v, 0) / values.length;
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

/** A kind of positions: its map, its scale, what it says of a place. */
function mapOf(table, choose) {
  const { name, rows, cols, d, cosine, least } = table;
  const canvas = heat("position", [rows, cols], `${name}: how alike`);
  const mark = html("span", { class: "vit-place" });
  const ground = html("div", {
    class: "vit-places", tabindex: 0, role: "application",
    "aria-description": HELP,
  }, canvas, mark);
  const said = html("p", { class: "vit-places-said" });
  const pair = hint("");
  const ends = scale("position").ends(rounded(least), "1");
  const label = named(ground).write("", [rows * cols, d]);
  let place = [0, 0];

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const part = (value, size, count) => Math.min(count - 1,
      Math.max(0, Math.floor((value / size) * count)));
    return [
      part(event.clientY - box.top, box.height, rows),
      part(event.clientX - box.left, box.width, cols),
    ];
  };
  const readPair = (other) => {
    const [row, col] = other;
    const value = cosine(place[0] * cols + place[1], row * cols + col);
    pair.textContent = `with (${row}, ${col}): ${rounded(value)}`;
  };
  const clear = () => { pair.textContent = "\u00a0"; };
  ground.addEventListener("pointermove", (event) => readPair(at(event)));
  ground.addEventListener("pointerleave", clear);
  ground.addEventListener("click", (event) => choose(at(event)));
  ground.addEventListener("keydown", (event) => {
    const step = WALK[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const [row, col] = [place[0] + step[0], place[1] + step[1]];
    if (row >= 0 && row < rows && col >= 0 && col < cols) {
      choose([row, col]);
    }
  });

  const whole = html("div", { class: "vit-places-of" },
    html("p", { class: "vit-head" }, name), ground,
    html("div", { class: "vit-places-below" }, label, ends), said, pair);
  whole.show = (next) => {
    place = next;
    const [row, col] = place;
    const likeness = Array.from({ length: rows * cols }, (_, i) =>
      cosine(row * cols + col, i));
    canvas.paint(likeness.map((v) => (v - least) / (1 - least)), 1);
    mark.style.left = `${(100 * col) / cols}%`;
    mark.style.top = `${(100 * row) / rows}%`;
    mark.style.width = `${100 / cols}%`;
    mark.style.height = `${100 / rows}%`;
    const [near, far] = nearness(likeness, table, place).map(
      (v) => rounded(v));
    said.replaceChildren(
      `(${row}, ${col}): beside it `, html("b", {}, near),
      ", ", html("span", {}, "farther ", html("b", {}, far)));
    ground.setAttribute("aria-label", `${name}: row ${row}, column ${col}`);
    clear();
    return `${name}: ${said.textContent}`;
  };
  return whole;
}

export const render = figure(
  "position_explorer", "How alike positions are",
  ({ model, root, onEnd }) => {
    const tables = tablesOf(model);
    const fine = finest(tables);
    const choose = (table) => (place) => {
      model.set("place", across(place, table, fine));
      model.save_changes();
    };
    const maps = tables.map((table) => mapOf(table, choose(table)));
    const spoken = speaker();
    const draw = () => {
      const place = model.get("place");
      const said = tables.map((table, i) =>
        maps[i].show(across(place, fine, table)));
      spoken.say(said.join("; "));
    };
    root.append(
      hint("Choose a place on any map, or point at another to compare."),
      html("div", { class: "vit-all-places" }, ...maps), spoken);
    listen(model, "place", draw, onEnd); // at once: keys may come fast
    draw();
  });
