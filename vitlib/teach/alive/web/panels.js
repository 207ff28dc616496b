// Pictures of tensors that can be pointed at: panels with a headline above
// and the tensor's name beneath, ways to move in them, marks upon them. To
// point at a name, or to reach it by Tab, lights the tensor it belongs to.

import { arrow, clamp, html } from "./kit.js";

/** A name in the type of code; `write` changes it, `panels` light up. */
export function named(...panels) {
  const lit = (on) => () => {
    for (const one of panels) one.classList.toggle("vit-panel-lit", on);
  };
  const code = html("code", {
    class: "vit-shape vit-panel-name", tabindex: 0,
    onpointerenter: lit(true), onpointerleave: lit(false),
    onfocus: lit(true), onblur: lit(false),
  });
  code.write = (name, sizes) => {
    code.textContent = `${name} (${sizes.join(", ")})`;
    return code;
  };
  return code;
}

/** A picture under a headline, over its tensor's name. */
export function panel(head, label, ...views) {
  const title = html("span", { class: "vit-head" }, head);
  const view = html("div", {
    class: "vit-panel-view", tabindex: 0, role: "slider", "aria-label": label,
    "aria-valuemin": 0,
  }, ...views);
  const whole = html("div", { class: "vit-panel" }, title, view);
  const name = named(whole);
  whole.append(name);
  const say = (now, count, text) => {
    view.setAttribute("aria-valuenow", now);
    view.setAttribute("aria-valuemax", count - 1);
    view.setAttribute("aria-valuetext", text);
  };
  return { whole, title, view, name, say };
}

/** Call `go(x, y, event)`, shares of the view, where the pointer is. */
export function follow(view, go) {
  const at = (event) => {
    const box = view.getBoundingClientRect();
    const share = (value, size) => clamp(value / size, 0, 0.9999);
    go(share(event.clientX - box.left, box.width),
      share(event.clientY - box.top, box.height), event);
  };
  view.addEventListener("pointermove", at);
  view.addEventListener("pointerdown", at);
}

/** The same where the pointer is pressed, and where it is drawn to then. */
export function press(view, go) {
  follow(view, (x, y, event) => {
    if (event.type === "pointerdown" || event.buttons) go(x, y, event);
  });
}

const ENDS = { Home: [-Infinity, 0], End: [Infinity, 0] };

/** Let arrow keys, Home and End move within the view: `go(right, down)`. */
export function walk(view, go) {
  view.addEventListener("keydown", (event) => {
    const { key, ctrlKey, metaKey, altKey } = event;
    const isAlone = !ctrlKey && !metaKey && !altKey;
    const step = arrow(event) ?? (isAlone ? ENDS[key] : undefined);
    if (!step) return;
    event.preventDefault();
    go(...step);
  });
}

/** A mark upon a panel's picture, to be placed. */
export function mark(kind) {
  return html("span", { class: `vit-panel-mark ${kind}` });
}

/** Put a mark: its left, top, width and height, as shares of the view. */
export function place(onto, left, top, width, height) {
  const shares = { left, top, width, height };
  for (const [side, share] of Object.entries(shares)) {
    onto.style[side] = `${100 * share}%`;
  }
}
