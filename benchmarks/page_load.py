"""Measure what a page of the book loads, and how soon it is alive.

    python benchmarks/page_load.py _build/html [OTHER/html ...]

Each page is opened in Chromium from a server on this machine, with an
empty cache and a processor six times slower than it is; several sites by
turns, in one run. A row a page: requests and kilobytes until it is at
rest, the longest task, when the first figure is alive, when the first
words are seen, the whole work; then the ratios to the first site's.
Milliseconds are medians of the rounds.
"""

import argparse
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / name) for name in ("tests", "scripts", "")]

from built_site import serve  # noqa: E402
from headless import chromium  # noqa: E402

SLOWER = 6
COLUMNS = "requests", "kB", "longest", "alive", "words", "work"
OBSERVE = """
window.tasks = [];
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.tasks.push(task.duration);
}).observe({ type: "longtask", buffered: true });
new MutationObserver((records, observer) => {
  const ready = "[data-figure][data-ready], .vit-live-on";
  if (!records.some(({ target }) => target.matches(ready))) return;
  window.firstAlive = performance.now();
  observer.disconnect();
}).observe(document, {
  subtree: true, attributeFilter: ["data-ready", "class"] });
"""
REST = """async () => {
  if (window.MathJax?.startup) await MathJax.startup.promise;
  const idle = () => new Promise((done) => requestIdleCallback(done));
  await idle();
  await idle();
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return {
    longest: Math.max(0, ...window.tasks),
    alive: window.firstAlive ?? 0,
    words: paint?.startTime ?? 0,
  };
}"""


def visit(browser, address: str) -> dict[str, float]:
    """Open a page with nothing in the cache; give what it took."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    session = context.new_cdp_session(tab)
    session.send("Network.enable")
    session.send("Performance.enable")
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    asked, sizes = set(), []
    session.on(
        "Network.requestWillBeSent",
        lambda event: (
            event["request"]["url"].startswith("http")
            and asked.add(event["requestId"])
        ),
    )
    session.on(
        "Network.loadingFinished",
        lambda event: (
            event["requestId"] in asked
            and sizes.append(event["encodedDataLength"])
        ),
    )
    tab.add_init_script(OBSERVE)
    tab.goto(address, wait_until="networkidle")
    found = tab.evaluate(REST)
    metrics = session.send("Performance.getMetrics")["metrics"]
    work = {m["name"]: m["value"] for m in metrics}["TaskDuration"]
    context.close()
    return {
        "requests": len(sizes),
        "kB": sum(sizes) / 1000,
        "work": 1000 * work,
        **found,
    }


def measure(sites: list[Path], names: list[str], rounds: int) -> list:
    """Visit every page of all sites by turns; give medians."""
    found = [{name: [] for name in names} for _ in sites]
    with ExitStack() as stack:
        browser = stack.enter_context(chromium())
        homes = [stack.enter_context(serve(site)) for site in sites]
        for name in names:
            for _ in range(rounds):
                for home, rows in zip(homes, found, strict=True):
                    address = f"{home}/book/{name}.html"
                    rows[name].append(visit(browser, address))
    return [
        {
            name: {
                column: statistics.median(one[column] for one in visits)
                for column in COLUMNS
            }
            for name, visits in rows.items()
        }
        for rows in found
    ]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sites", type=Path, nargs="+")
    parser.add_argument("--pages", nargs="*", default=[""])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    pages = sorted((given.sites[0] / "book").glob("*.html"))
    starts = tuple(given.pages)
    names = [path.stem for path in pages if path.stem.startswith(starts)]
    found = measure(given.sites, names, given.rounds)
    print("site page".ljust(26), *(c.rjust(9) for c in COLUMNS))
    for name in names:
        for place, rows in enumerate(found, start=1):
            row = [f"{rows[name][c]:9.0f}" for c in COLUMNS]
            print(f"{place:4} {name}".ljust(26), *row)
    first = found[0]
    for place, rows in enumerate(found, start=1):
        for column in COLUMNS:
            ratios = [
                rows[name][column] / first[name][column]
                for name in names
                if first[name][column]
            ]
            print(
                f"{place:4} {column}: {statistics.median(ratios):.2f} of "
                f"the first site's, at most {max(ratios):.2f}"
            )


if __name__ == "__main__":
    main()
