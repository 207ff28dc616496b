r"""Set the formulas while the book is built, not while it is read.

MathJax itself does it, in the JavaScript engine of mini-racer, and writes
what it would write in a browser: a drawing, and MathML for whoever does
not see it. So a page loads no MathJax, shows its formulas at once, and
shows them where JavaScript is off. mathjax/ holds the files of the npm
package mathjax 3.2.2 that this needs, as they are: es5/output/svg/fonts/
tex.js is called font.js here.
"""

import html
import json
import re
from pathlib import Path

from py_mini_racer import mini_racer
from sphinx.errors import ExtensionError
from sphinx.ext.mathjax import html_visit_displaymath, html_visit_math

FOLDER = Path(__file__).parent / "mathjax"
FILES = (  # each after what it needs
    *("startup.js", "core.js", "liteDOM.js", "tex.js", "svg.js"),
    *("font.js", "assistive-mml.js"),
)
SETTINGS = """var MathJax = {
  options: { enableMenu: false },
  startup: { typeset: false, ready() {} },
  svg: { fontCache: "global" },
};"""
START = """(() => {
  MathJax.startup.getComponents();
  MathJax.startup.makeMethods();
  const { adaptor, document, output } = MathJax.startup;
  globalThis.set = (text, display) =>
    adaptor.outerHTML(MathJax.tex2svg(text, { display }));
  globalThis.glyphs = () => adaptor.outerHTML(output.fontCache.getCache());
  globalThis.look = () => adaptor.textContent(output.styleSheet(document));
  globalThis.nextPage = () => {
    output.fontCache.clearCache();
    output.clearFontCache();
  };
})(); 0"""
FORMULA = re.compile(
    r'(<(span|div) class="math notranslate nohighlight"[^>]*>)'
    r"(.*?)(</\2>)",
    re.DOTALL,
)
NUMBER = re.compile(r'^(<span class="eqno">.*?</span>)?\s*', re.DOTALL)
GLYPHS = '<svg style="display: none" aria-hidden="true">{}</svg>\n'


class Typesetter:
    """MathJax in an engine that is open already."""

    def __init__(self, engine) -> None:
        self.engine = engine
        engine.eval(SETTINGS)
        for name in FILES:
            text = (FOLDER / name).read_text(encoding="utf-8")
            engine.eval(f"{text}\n0")
        engine.eval(START)

    def call(self, name: str, *given) -> str:
        """Call one of START's functions."""
        arguments = ", ".join(map(json.dumps, given))
        return self.engine.eval(f"{name}({arguments}) ?? ''")

    def formula(self, text: str) -> str:
        r"""Set \(...\), \[...\], or what is displayed without them."""
        text = text.strip()
        inner = text[2:-2] if text[:2] in (r"\(", r"\[") else text
        drawn = self.call("set", inner, not text.startswith(r"\("))
        if "data-mjx-error" in drawn:
            raise ExtensionError(f"MathJax cannot set {text}")
        return drawn

    def page(self, page: str) -> str:
        """Set all formulas of a page; its glyphs are drawn once."""
        self.call("nextPage")

        def typeset(found: re.Match) -> str:
            start, _, inner, end = found.groups()
            number = NUMBER.match(inner)
            text = html.unescape(inner[number.end() :])
            return start + (number[1] or "") + self.formula(text) + end

        page, count = FORMULA.subn(typeset, page)
        if not count:
            return page
        style = f"<style>{self.call('look')}</style>\n"
        page = page.replace("</head>", f"{style}</head>", 1)
        glyphs = GLYPHS.format(self.call("glyphs"))
        return page.replace("</body>", f"{glyphs}</body>", 1)


def set_formulas(app, exception) -> None:
    """Set those of every page that was written now."""
    if exception or app.builder.format != "html":
        return
    with mini_racer() as engine:
        typesetter = Typesetter(engine)
        for path in sorted(Path(app.outdir).rglob("*.html")):
            page = path.read_text(encoding="utf-8")
            if FORMULA.search(page) and "<mjx-container" not in page:
                path.write_text(typesetter.page(page), encoding="utf-8")


def setup(app) -> dict:
    """Connect to Sphinx, which shall load no MathJax itself."""
    app.add_html_math_renderer(
        "mathjax_at_build",
        (html_visit_math, None),
        (html_visit_displaymath, None),
    )
    app.connect("build-finished", set_formulas, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
