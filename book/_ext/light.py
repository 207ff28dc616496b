"""Let a page load what it shows, and nothing else.

The theme and its friends ask for some twenty scripts a page, most of them
before the first word is shown: here they become one, in the order in which
they stood, which runs when the page is there. Fifteen hundred kilobytes of
icons become the few drawings that the pages have. What only the search
page needs, only the search page loads.
"""

import hashlib
import html
import re
from functools import cache
from pathlib import Path
from posixpath import relpath

from sphinx.errors import ExtensionError

STATIC = "_static"
ICONS = f"{STATIC}/scripts/fontawesome.js"
LOOK = """<style>
svg.svg-inline--fa { overflow: visible; box-sizing: content-box; }
.svg-inline--fa {
  display: inline-block; height: 1em; vertical-align: -0.125em;
}
.svg-inline--fa.fa-lg { vertical-align: -0.2em; }
</style>
"""
SCRIPT = re.compile(
    r"[ \t]*<script(?P<attributes>[^>]*)>(?P<text>.*?)</script>\n?",
    re.DOTALL,
)
ADDRESS = re.compile(r'\bsrc="(?:\.\./)*([^"?]+)')
PRELOAD = re.compile(r'[ \t]*<link rel="preload" as="script"[^>]*/>\n?')
LEFT_OUT = (
    ICONS,
    f"{STATIC}/design-tabs.js",  # the book has no tabs
    f"{STATIC}/searchtools.js",
    f"{STATIC}/language_data.js",
    "searchindex.js",
)
# Only a menu of versions asks for the page's name.
NAME = re.compile(r"DOCUMENTATION_OPTIONS\.pagename = '[^']*';")
ICON = re.compile(
    r'<(?P<tag>i|span) class="(?P<names>[^"]*\bfa[srb]?\b[^"]*)"'
    r"(?P<others>[^>]*)></(?P=tag)>"
)
PACKS = {  # by class: where the pack ends in the theme's script
    "fas": '("fas",',
    "fa-solid": '("fas",',
    "fab": '("fab",',
    "fa-brands": '("fab",',
    "far": '("far",',
    "fa-regular": '("far",',
}
DRAWING = (
    '<svg class="svg-inline--fa {names}"{others} focusable="false" '
    'role="img" xmlns="http://www.w3.org/2000/svg" '
    'viewBox="0 0 {width} {height}">{title}'
    '<path fill="currentColor" d="{path}"></path></svg>'
)
# A browser that keeps nothing, or no more, must not stop the menu, the
# search or the theme's button: their notes then last as long as the page.
GUARD = """<script>
(() => {
  const notes = new Map();
  const own = {
    getItem: (name) => notes.get(String(name)) ?? null,
    setItem: (name, value) => { notes.set(String(name), String(value)); },
    removeItem: (name) => { notes.delete(String(name)); },
    clear: () => notes.clear(),
  };
  for (const name of ["localStorage", "sessionStorage"]) {
    try {
      window[name].getItem("mode");
    } catch {
      Object.defineProperty(window, name, { value: own });
    }
  }
  if (!window.Storage) return;
  const { getItem, setItem } = Storage.prototype;
  Storage.prototype.getItem = function (name) {
    return own.getItem(name) ?? getItem.call(this, name);
  };
  Storage.prototype.setItem = function (name, value) {
    own.removeItem(name);
    try {
      setItem.call(this, name, value);
    } catch {
      own.setItem(name, value);
    }
  };
})();
</script>
"""
FIRST = '<script data-cfasync="false">'
# The theme finds out by day or by night when the page is there, and then
# all of it is styled anew: it can be known before the first word.
THEME = """<script>
(() => {
  const { dataset } = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const chosen = ["light", "dark"].includes(dataset.mode);
  dataset.theme = chosen ? dataset.mode : dark ? "dark" : "light";
})();
</script>
"""
BEFORE_STYLES = "  <!-- Loaded before other Sphinx assets -->\n"
# What the theme's scripts ask and make before anybody needs it.
CHANGES = {
    # What is asked for its width and then changed, a hundred times in a
    # row, is laid out a hundred times: most need no change, the others
    # wait until all are asked, and all until the page has arrived.
    "e.tabIndex=e.scrollWidth>e.clientWidth||e.scrollHeight>e.clientHeight"
    "?0:-1": "if(document.documentElement.matches('.vit-arriving'))return;"
    "const n=e.scrollWidth>e.clientWidth||e.scrollHeight>"
    "e.clientHeight?0:-1;e.tabIndex!==n&&queueMicrotask(()=>{e.tabIndex=n})",
    'window.addEventListener("resize",t),new MutationObserver(t)': (
        'window.addEventListener("resize",t),'
        'window.addEventListener("vit-arrived",e),new MutationObserver(t)'
    ),
    # How deep the header reaches, before the page is laid out.
    'var e=document.getElementsByClassName("bd-header")[0]'
    '.getBoundingClientRect();window.addEventListener("scroll",'
    "function(){": (
        'var e;window.addEventListener("scroll",function(){'
        'e??=document.getElementsByClassName("bd-header")[0]'
        ".getBoundingClientRect();"
    ),
    # A button's tooltip, before a pointer or the focus comes to it.
    ".map(function(t){return new ps(t,{delay:{show:500,hide:100}})})": (
        '.map(function(t){["pointerenter","focus"].forEach(function(n){'
        "t.addEventListener(n,function(){ps.getOrCreateInstance(t,"
        "{delay:{show:500,hide:100}})},{once:!0})})})"
    ),
}


class Icons:
    """The theme's icons, drawn as its script would draw them."""

    def __init__(self, script: str) -> None:
        self.script = script
        self.ends = {p: script.find(e) for p, e in PACKS.items()}
        self.shape = cache(self.shape)

    def shape(self, pack: str, name: str) -> tuple[str, str, str]:
        """Find width, height and path; a pack stands before its end."""
        end = self.ends[pack]
        start = max([e for e in self.ends.values() if e < end], default=0)
        found = re.search(
            rf'[,{{]"?{name}"?:\[(\d+),(\d+),\[[^\]]*\],"\w+","([^"]+)"\]',
            self.script[start:end],
        )
        if not found:
            raise ExtensionError(f"the theme has no icon {pack} {name}")
        return found.groups()

    def draw(self, found: re.Match) -> str:
        """Give the drawing for an <i> of the theme."""
        names, others = found["names"].split(), found["others"].rstrip()
        pack = next(name for name in names if name in PACKS)
        icon = next(
            name.removeprefix("fa-")
            for name in names
            if name.startswith("fa-") and name not in (*PACKS, "fa-lg")
        )
        width, height, path = self.shape(pack, icon)
        title = re.search(r'title="([^"]*)"', others)
        others = others.replace(title[0], "") if title else others
        label = f' aria-label="{title[1]}"' if title else ""
        hidden = "" if title else ' aria-hidden="true"'
        kept = [name for name in names if name not in PACKS]
        return DRAWING.format(
            names=html.escape(" ".join(kept)),
            others=" ".join((others + label + hidden).split(" ")),
            width=width,
            height=height,
            path=path,
            title=f"<title>{title[1]}</title>" if title else "",
        )


def is_of_the_page(address: str) -> bool:
    """Tell the scripts that every page has from those of its figures."""
    return address.startswith(f"{STATIC}/") and "/live/" not in address


def changed(text: str) -> str:
    """Make our changes to the theme's scripts."""
    for old, new in CHANGES.items():
        if text.count(old) != 1:
            raise ExtensionError(
                f"the theme's scripts no longer have {old}"
            )
        text = text.replace(old, new)
    return text


def one_script(page: str, out: Path, home: str) -> str:
    """Write the scripts of a page as one; load that, when all is there."""
    texts = []

    def take(found: re.Match) -> str:
        attributes, text = found["attributes"], found["text"]
        source = ADDRESS.search(attributes)
        if source and source[1] in LEFT_OUT:
            return ""
        if source and is_of_the_page(source[1]):
            texts.append((out / source[1]).read_text(encoding="utf-8"))
            return ""
        if not attributes and re.match(r"(let|var) toggle|DOCUM", text):
            texts.append(NAME.sub("", text))
            return ""
        return found[0]

    page = PRELOAD.sub("", SCRIPT.sub(take, page))
    texts = list(dict.fromkeys(text for text in texts if text))
    whole = changed(
        "\n;".join(re.sub(r"//# source\S*", "", t) for t in texts)
    )
    name = f"{STATIC}/page.js"
    (out / name).write_text(whole, encoding="utf-8")
    version = hashlib.sha256(whole.encode()).hexdigest()[:8]
    link = f'<script defer src="{home}{name}?v={version}"></script>\n'
    return page.replace("</head>", f"{link}</head>", 1)


def lighten(page: str, out: Path, path: Path, icons: Icons) -> str:
    """Give a page without what it does not need."""
    home = relpath(str(out), str(path.parent)) + "/"
    home = "" if home == "./" else home
    page = page.replace(FIRST, GUARD + LOOK + FIRST, 1)
    page = page.replace(BEFORE_STYLES, THEME, 1)
    page = ICON.sub(icons.draw, page)
    if path.name == "search.html":
        left = re.compile(
            rf"<script[^>]*{re.escape(ICONS)}[^>]*></script>\n"
        )
        return left.sub("", page)
    return one_script(page, out, home)


def make_light(app, exception) -> None:
    """Lighten every page that was written now."""
    if exception or app.builder.format != "html":
        return
    out = Path(app.outdir)
    icons = Icons((out / ICONS).read_text(encoding="utf-8"))
    for path in sorted(out.rglob("*.html")):
        page = path.read_text(encoding="utf-8")
        if FIRST in page and GUARD not in page:
            path.write_text(
                lighten(page, out, path, icons), encoding="utf-8"
            )


def setup(app) -> dict:
    """Connect to Sphinx."""
    app.connect("build-finished", make_light, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
