// The model's answer, class by class: ten bars, and marks where they were.

import { best, html, percent } from "./kit.js";

/** A list of bars; .paint(shares) or .paint(shares, before). */
export function answers(count) {
  const rows = Array.from({ length: count }, (_, digit) => {
    const bar = html("span", { class: "vit-bar" });
    const share = html("span", { class: "vit-share" });
    const row = html("li", {}, html("b", {}, String(digit)), bar, share);
    return { bar, share, row };
  });
  const list = html("ol", { class: "vit-answers" },
    ...rows.map(({ row }) => row));
  list.paint = (shares, before) => {
    const first = best(shares);
    rows.forEach(({ bar, share, row }, digit) => {
      bar.style.setProperty("--share", shares[digit]);
      bar.classList.toggle("vit-bar-marked", Boolean(before));
      if (before) bar.style.setProperty("--before", before[digit]);
      share.textContent = percent(shares[digit]);
      row.classList.toggle("vit-best", digit === first);
    });
  };
  return list;
}
