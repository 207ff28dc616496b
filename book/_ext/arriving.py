"""Let a long page arrive a part at a time.

A chapter is as long as thirty screens. What lies below its second heading
is laid out when it comes into view, or at the latest when the page is
there, one part after the other: so a finger or a key never waits for all
of it, and the first live figure for nothing below. A browser that is sent
to a place within a page, or looks for one it has been to, gets all at
once: it could not find it otherwise.
"""

from pathlib import Path

END = "</head>"
PARTS = "article > section > section ~ section"
HEAD = f"""<style>
@media screen {{
  .vit-arriving {PARTS}:not(.vit-arrived) {{
    content-visibility: auto; contain-intrinsic-size: auto 60rem;
  }}
}}
</style>
<script>
(() => {{
  const [visit] = performance.getEntriesByType("navigation");
  if (location.hash || visit?.type !== "navigate") return;
  const {{ classList }} = document.documentElement;
  classList.add("vit-arriving");
  addEventListener("DOMContentLoaded", () => {{
    const parts = [...document.querySelectorAll("{PARTS}")];
    const next = () => {{
      const part = parts.shift();
      if (!part) {{
        classList.remove("vit-arriving");
        dispatchEvent(new Event("vit-arrived"));
        return;
      }}
      part.classList.add("vit-arrived");
      requestAnimationFrame(() => setTimeout(next));
    }};
    setTimeout(next);
  }});
}})();
</script>
"""
# The contents stand beside the text and come after it: their place is
# kept, or all that is laid out by then would move and be laid out again.
CONTENTS = 'class="bd-sidebar-secondary'
KEPT = """<style>
@media (min-width: 1200px) {
  .bd-content:not(:has(.bd-sidebar-secondary)) {
    padding-right: var(--pst-sidebar-secondary);
  }
}
</style>
"""


def add_arrival(app, exception) -> None:
    """Write into the head of every page how it arrives."""
    if exception or app.builder.format != "html":
        return
    for path in sorted(Path(app.outdir).rglob("*.html")):
        page = path.read_text(encoding="utf-8")
        if END in page and HEAD not in page:
            head = HEAD + KEPT if CONTENTS in page else HEAD
            page = page.replace(END, head + END, 1)
            path.write_text(page, encoding="utf-8")


def setup(app) -> dict:
    """Connect to Sphinx, after what else changes the written pages."""
    app.connect("build-finished", add_arrival, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
