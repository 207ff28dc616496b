// The chart kit: axes, lines, bands and dots of the plots that are built by
// hand, in the colours of the page (chart.css).
//
//   const plot = new Chart("vit-my-plot", {
//     width: 330, height: 128, left: 28, right: 8, top: 8, bottom: 20,
//     x: linear(0, 12), y: log(0.01, 0.5),
//   });
//   plot.add(plot.row(0.1, "10 %"), plot.column(6, "epoch 6"));
//   plot.add(plot.line(epochs, shares), plot.move(plot.dot(4), 12, 0.05));
//   root.append(plot.picture);
//
// A scale says how far along an axis a value lies, from 0 to 1, and by
// `back` which value lies there; `y` goes up. The sides are the room around
// the plot, in units of its width; lines across begin `inset` further left.
// The colour of a line, a band or a dot is its --curve.

import { svg } from "./kit.js";

const BESIDE = 6; // units from the plot to the words at its left
const BELOW = 15; // and down to the foot of those under it

export function linear(low, high) {
  const along = (value) => (value - low) / (high - low);
  along.back = (share) => low + share * (high - low);
  return along;
}

/** Equal factors lie equally far apart. */
export function log(low, high) {
  const along = (value) => Math.log(value / low) / Math.log(high / low);
  along.back = (share) => low * (high / low) ** share;
  return along;
}

export class Chart {
  constructor(kind, { inset = 0, ...sizes }) {
    const { width, height, left, right, top, bottom, x, y } = sizes;
    Object.assign(this, { width, height, left, top });
    this.scales = { x, y };
    this.start = left - inset;
    this.end = width - right;
    this.floor = height - bottom;
    this.picture = svg("svg", {
      class: `vit-chart ${kind}`, viewBox: `0 0 ${width} ${height}`,
      role: "img",
    });
  }

  /** Where a value lies, in units; so does `y`. */
  x(value) {
    return this.left + this.scales.x(value) * (this.end - this.left);
  }

  y(value) {
    return this.floor - this.scales.y(value) * (this.floor - this.top);
  }

  /** The value at a share of the picture's width. */
  fromLeft(share) {
    const along = share * this.width - this.left;
    return this.scales.x.back(along / (this.end - this.left));
  }

  /** The value at a share of its height. */
  fromTop(share) {
    const up = this.floor - share * this.height;
    return this.scales.y.back(up / (this.floor - this.top));
  }

  add(...marks) {
    this.picture.append(...marks);
  }

  // --- Axes

  /** A line across at a value, its words at the left. */
  row(value, words = "") {
    const y = this.y(value);
    return svg("g", {}, rule(`M${this.start},${y} H${this.end}`),
      text(this.start - BESIDE, y + 4, words, "end"));
  }

  /** An upright line at a value, its words below. */
  column(value, words = "") {
    const x = this.x(value);
    return svg("g", {}, rule(`M${x},${this.top} V${this.floor}`),
      this.below(value, words));
  }

  /** Words under a value. */
  below(value, words, anchor = "middle") {
    return text(this.x(value), this.floor + BELOW, words, anchor);
  }

  // --- What is plotted

  line(xs, ys, kind = "") {
    return svg("path", {
      class: `vit-chart-line ${kind}`, d: pathOf(this.points(xs, ys)),
    });
  }

  /** What lies between two lines. */
  band(xs, low, high, kind = "") {
    const around = [
      ...this.points(xs, low), ...this.points(xs, high).reverse()];
    return svg("path", {
      class: `vit-chart-band ${kind}`, d: `${pathOf(around)}Z`,
    });
  }

  /** A dot, to be moved; its radius is in units. */
  dot(r, kind = "") {
    return svg("circle", { class: `vit-chart-dot ${kind}`, r });
  }

  move(dot, x, y) {
    dot.setAttribute("cx", this.x(x));
    dot.setAttribute("cy", this.y(y));
    return dot;
  }

  points(xs, ys) {
    return Array.from(xs, (x, i) => [this.x(x), this.y(ys[i])]);
  }
}

/** Words at a place in units: their start, middle or end. */
export function text(x, y, words, anchor = "start", kind = "") {
  return svg("text", { x, y, "text-anchor": anchor, class: kind }, words);
}

/** Points in units, joined. */
export function pathOf(points) {
  const written = points.map((point) =>
    point.map((v) => v.toFixed(1)).join(","));
  return `M${written.join(" ")}`;
}

function rule(d) {
  return svg("path", { class: "vit-chart-rule", d });
}
