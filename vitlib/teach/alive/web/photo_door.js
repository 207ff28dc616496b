// Ways for the reader to bring a photo: a button, a drop, a paste. Of two
// photos the latest wins.
//
//   door(place, text, take, open)  all of it: `take(photo)` does what is to
//                                  be done, and gives what is said then
//   opener(take, say, open), fileButton(text, open), takeFiles(place, open)
//                                  the same in parts
//
// `open(file)` makes the photo of the file; it is `openPhoto` of photo.js
// where nothing else is given.

import { html } from "./kit.js";
import { openPhoto } from "./photo.js";

/** A button to choose a picture file; `open(file)`. */
export function fileButton(text, open) {
  const chosen = html("input", {
    type: "file", accept: "image/*",
    onchange: () => {
      if (chosen.files.length) open(chosen.files[0]);
      chosen.value = "";
    },
  });
  return html("label", { class: "vit-button" }, chosen, text);
}

/** Let a file be dropped or pasted on a place; `open(file)`. */
export function takeFiles(place, open) {
  const from = (event, { files }) => {
    if (!files.length) return;
    event.preventDefault();
    open(files[0]);
  };
  place.addEventListener("dragover", (event) => event.preventDefault());
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    from(event, event.dataTransfer);
  });
  place.addEventListener("paste", (event) =>
    from(event, event.clipboardData));
}

/**
 * A way to open files of which the latest wins: whoever brings a second
 * photo while the first is being opened gets the second. `take(photo)` does
 * with it what is to be done and gives what is said then; `say(words)`.
 * `forget()` lets one go that is still being opened.
 */
export function opener(take, say, open = openPhoto) {
  let latest = 0;
  const bring = async (file) => {
    const turn = (latest += 1);
    let [photo, words] = [null, ""];
    try {
      photo = await open(file);
      if (turn === latest) words = take(photo);
    } catch ({ message }) {
      words = message;
    }
    photo?.close?.();
    if (turn === latest) say(words);
  };
  return { open: bring, forget: () => { latest += 1; } };
}

/** A button, a drop and a paste; what is said is beside them. */
export function door(place, text, take, open = openPhoto) {
  const said = html("p", { class: "vit-hint", role: "status" });
  const own = opener(take, (words) => {
    said.textContent = words;
  }, open);
  takeFiles(place, own.open);
  return {
    label: fileButton(text, own.open), said,
    forget: () => {
      own.forget();
      said.textContent = "";
    },
  };
}
