// Draws the live figures of a page, with no kernel and no network. In a
// notebook anywidget does this. Each place holds the figure's name and its
// traits as the notebook was saved; a figure that fails leaves its picture.
// The first figure of a page is drawn before the rest of the page is read.

import { fromBase64 } from "./vit.js";

/** What anywidget hands to a figure, without a kernel behind it. */
function modelOf(state) {
  const heard = {}; // by event: who waits for it
  const model = {
    get: (name) => state[name],
    set(name, value) {
      if (state[name] === value) return;
      state[name] = value;
      for (const event of [`change:${name}`, "change"]) {
        for (const f of Array.from(heard[event] ?? [])) f(model, value);
      }
    },
    save_changes() {},
    send() {},
    on(event, f) {
      (heard[event] ??= new Set()).add(f);
    },
    off(event, f) {
      heard[event]?.delete(f);
    },
  };
  return model;
}

const stored = {};

function viewOf(text) {
  return new DataView(fromBase64(text).buffer);
}

function stateOf(place) {
  const text = place.querySelector("script").textContent;
  const { state, reader } = JSON.parse(text);
  for (const [name, value] of Object.entries(state)) {
    if (value?.base64 !== undefined) state[name] = viewOf(value.base64);
  }
  if (reader) {
    state.weights = stored.weights ??= viewOf(vitlib.weights);
  }
  return state;
}

function draw(place) {
  const view = document.createElement("div");
  place.append(view);
  try {
    const { render } = vitlib[place.dataset.live];
    render({ model: modelOf(stateOf(place)), el: view });
  } catch (error) {
    console.error(error);
  }
  const ready = view.querySelector("[data-ready]");
  place.classList.add(ready ? "vit-live-on" : "vit-live-failed");
  if (!ready) view.remove();
}

/** Draw what of the page is there by now, and not yet drawn. */
export function wake() {
  const asleep = ":not(.vit-live-on, .vit-live-failed)";
  const places = document.querySelectorAll(`.vit-live[data-live]${asleep}`);
  for (const place of places) draw(place);
  performance.mark("vitlib-ready");
}

wake();
