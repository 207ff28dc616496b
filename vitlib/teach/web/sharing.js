// Keeps Python's `pixels` and the reader's drawing the same, for the
// figures whose class is a DrawnFigure (vitlib/teach/live/_drawn.py).

import { listen } from "./kit.js";
import { drawing } from "./drawing.js";

/** The bytes of a trait, of whichever view they came in. */
function bytesOf({ buffer, byteOffset, byteLength }) {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

export function shareWith(model, onEnd) {
  const isSame = (bytes) => {
    const own = drawing.bytes;
    return bytes.length === own.length && bytes.every((b, i) => b === own[i]);
  };
  const send = () => {
    const bytes = drawing.bytes;
    if (isSame(bytesOf(model.get("pixels")))) return;
    model.set("pixels", new DataView(bytes.buffer));
    model.save_changes();
  };
  const take = () => {
    const bytes = bytesOf(model.get("pixels"));
    if (bytes.length && !isSame(bytes)) drawing.pixels(bytes);
  };
  listen(model, "pixels", take, onEnd);
  onEnd(drawing.on(send));
  take();
  send();
}
