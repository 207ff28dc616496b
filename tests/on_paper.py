"""What is printed: the built pages on paper, and the book as one PDF.

sheets = Sheets(pdf)
sheets.marks, sheets.links, sheets.outside(margin), ...
"""

import ctypes

import pypdfium2
import pypdfium2.raw as pdfium
from built_site import html
from live_page import arrive
from one_file import print_once

MILLIMETRE = 72 / 25.4  # in points
MARGIN = 23 * MILLIMETRE  # left and right, see @page in book.css
FOOT = 22 * MILLIMETRE
GUTTER = 6 * MILLIMETRE  # where the numbers of a list may stand
LEAST = 60  # letters of a page that is not blank

# What a page shows on paper, asked where it is as wide as paper.
WIDTH = 620  # pixels of A4 between the margins
HEIGHT = 964
SEEN = """(tallest) => {
  const all = (what) => [...document.querySelectorAll(what)];
  const seen = (e) => e.checkVisibility() && e.getClientRects().length;
  const name = (e) => e.outerHTML.slice(0, 80);
  const figures = all(".vit-figure:not(.vit-words)").filter(seen);
  const folds = all(".bd-article details").filter(seen);
  return {
    stills: all(".vit-live > .vit-figure").filter(seen).length,
    alive: all("[data-figure]").filter(seen).map(name),
    controls: all("button, input, select, nav, .headerlink")
      .filter((e) => seen(e) && e.getBoundingClientRect().width > 1)
      .map(name),
    folded: folds.filter((e) => [...e.children].some(
      (child) => !child.classList.contains("vit-paper")
        && !child.checkVisibility())).map(name),
    solutions: all(".vit-solution").filter(seen).map(name),
    broken: figures.filter((e) => {
      const { height } = e.getBoundingClientRect();
      const { breakInside } = getComputedStyle(e);
      return breakInside !== "avoid" || height > tallest;
    }).map(name),
    cut: all("article *").filter((e) => {
      if (!seen(e) || e.closest(".math *, .vit-live-figure")) return false;
      const { overflowX } = getComputedStyle(e);
      const hides = overflowX !== "visible" && !e.matches("svg, .math");
      const { right } = e.getBoundingClientRect();
      return right > document.querySelector("article")
        .getBoundingClientRect().right + 1
        || hides && e.scrollWidth > e.clientWidth + 1;
    }).map(name),
    "wide formulas": all(".math mjx-container > svg").filter(
      (e) => e.getBoundingClientRect().right > innerWidth).map(name),
  };
}"""


class Sheets:
    """The sheets of a PDF, and what can be asked of them."""

    def __init__(self, pdf: bytes) -> None:
        self.pdf = pypdfium2.PdfDocument(pdf)
        self.texts = [sheet.get_textpage() for sheet in self.pdf]

    def close(self):
        self.pdf.close()

    def __len__(self):
        return len(self.pdf)

    def words(self, index, **box):
        """Give what stands on a sheet, or in a part of it."""
        return self.texts[index].get_text_bounded(**box)

    @property
    def marks(self):
        """The bookmarks: level, title, sheet and height on it."""
        return [
            (
                mark.level,
                mark.get_title(),
                mark.get_dest().get_index(),
                mark.get_dest().get_view()[1][1],
            )
            for mark in self.pdf.get_toc()
        ]

    @property
    def links(self):
        """The links: from which sheet; to which, or to what address."""
        return [
            (index, self._target(link))
            for index, sheet in enumerate(self.pdf)
            for link in self._links_of(sheet)
        ]

    def _links_of(self, sheet):
        place, link = ctypes.c_int(0), pdfium.FPDF_LINK()
        while pdfium.FPDFLink_Enumerate(sheet, place, link):
            yield link

    def _target(self, link):
        if dest := pdfium.FPDFLink_GetDest(self.pdf, link):
            return pdfium.FPDFDest_GetDestPageIndex(self.pdf, dest)
        action = pdfium.FPDFLink_GetAction(link)
        size = pdfium.FPDFAction_GetURIPath(self.pdf, action, None, 0)
        address = ctypes.create_string_buffer(size)
        pdfium.FPDFAction_GetURIPath(self.pdf, action, address, size)
        return address.value.decode() or None

    def outside(self):
        """Give the letters that stand where no letter should."""
        found = []
        for index, text in enumerate(self.texts):
            width, height = self.pdf[index].get_size()
            for place in range(text.count_chars()):
                left, bottom, right, top = text.get_charbox(place)
                if right - left > 0 and not (
                    left > MARGIN - GUTTER
                    and right < width - MARGIN + 1
                    and 0 < bottom < top < height - MARGIN / 2
                ):
                    letter = text.get_text_range(place, 1)
                    found.append((index + 1, letter, left, right))
        return found

    def lonely(self):
        """Give the headings below which nothing stands on their sheet."""
        return [
            (index + 1, title)
            for _, title, index, top in self.marks
            if squeezed(self.words(index, bottom=FOOT, top=top + 2))
            == squeezed(title)
        ]

    def blank(self):
        """Give the numbers of sheets with next to nothing on them."""
        return [
            index + 1
            for index, text in enumerate(self.texts)
            if len(squeezed(text.get_text_range())) < LEAST
            and not any(
                self.pdf[index].get_objects([pdfium.FPDF_PAGEOBJ_IMAGE])
            )
        ]

    def paper(self):
        """Give the shades of the corners, and how much is as light."""
        picture = self.pdf[0].render(scale=0.5).to_numpy()
        return picture[0, 0].tolist(), (picture > 250).mean()


def squeezed(words):
    """Leave out what may differ between a heading and its bookmark."""
    return "".join(words.split())


def printed(browser, page):
    """Print a page as who reads in the dark would; say what is seen."""
    context = browser.new_context(
        color_scheme="dark", viewport={"width": WIDTH, "height": HEIGHT}
    )
    tab = context.new_page()
    tab.goto(html(page).as_uri())
    tab.wait_for_function(
        """() => [...document.querySelectorAll(".vit-live")].every(
          (e) => e.classList.contains("vit-live-on"))"""
    )
    arrive(tab)
    pdf = print_once(tab)
    tab.emulate_media(media="print")
    seen = tab.evaluate(SEEN, HEIGHT)
    seen["theme"] = tab.evaluate("document.documentElement.dataset.theme")
    context.close()
    return Sheets(pdf), seen
