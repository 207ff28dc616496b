// Large files, asked for by a click: from scripts beside the page's own,
// which a page from disk can load too, or from the kernel of a notebook.
//
//   const bytes = await bring(model, "backbone", (share) => ...);
//
// `share` says how much of it has come. What one figure of a page has
// brought, the others have too. See vitlib/teach/alive/bring.py.

import { bytesOf } from "./kit.js";
import { fromBase64 } from "./vit.js";

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Load a script of the page; it calls `vitlib.part`. */
function load(address) {
  return new Promise((done, fail) => {
    const script = document.createElement("script");
    script.src = address;
    script.addEventListener("load", () => done(script.remove()));
    script.addEventListener("error", () => fail(new Error(
      "A file of this page did not come. Is all of the book there, and " +
      "is the network? Try again.")));
    document.head.append(script);
  });
}

async function fromPage(page, name, step) {
  const parts = [];
  page.waiting ??= {};
  page.part ??= (of, index, text) => page.waiting[of]?.(index, text);
  let come = 0;
  page.waiting[name] = (index, text) => {
    parts[index] = fromBase64(text);
    come += 1;
    step(come / page.files[name].length);
  };
  await Promise.all(page.files[name].map(load));
  return joined(parts);
}

function fromKernel(model, name, step) {
  return new Promise((done) => {
    const parts = [];
    let come = 0;
    const take = (about, [buffer]) => {
      if (about.bring !== name) return;
      parts[about.index] = buffer.buffer ? bytesOf(buffer)
        : new Uint8Array(buffer);
      come += 1;
      step(come / about.count);
      if (come < about.count) return;
      model.off("msg:custom", take);
      done(joined(parts));
    };
    model.on("msg:custom", take);
    model.send({ bring: name });
  });
}

/** Give the bytes of a file, once they are all there. */
export function bring(model, name, step = () => {}) {
  const page = globalThis.vitlib;
  if (!page?.files?.[name]) return fromKernel(model, name, step);
  page.brought ??= {};
  page.brought[name] ??= fromPage(page, name, step).catch((error) => {
    delete page.brought[name]; // so that it can be asked for again
    throw error;
  });
  return page.brought[name];
}
