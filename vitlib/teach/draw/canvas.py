"""The drawing kit: one way to draw, one way to show.

A figure is drawn by matplotlib and shown twice: as PNG for Jupyter and
GitHub, and as SVG for the book, where every colour of the palette is a
CSS variable, so that it follows the page from light to dark. The SVG
travels in the output's metadata, which nbval does not compare; the
alternative text, with its numbers, is the output's plain text, which it
does.
"""

import base64
import io
import re

import matplotlib as mpl
import numpy as np
from einops import rearrange
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from PIL import Image
from torch import Tensor

from vitlib.teach.draw.narrow import Panel, alone, panels
from vitlib.teach.draw.palette import GREY, INK, LIGHT, PAPER, RAMPS

_NAMES = {colour: name for name, colour in reversed(LIGHT.items())}

_FAMILIES = {"DejaVu Sans Mono": "mono", "DejaVu Sans": "sans"}

SIGNED, WEIGHTS, POSITIONS, OTHERS = (
    LinearSegmentedColormap.from_list(name, RAMPS[name])
    for name in ("signed", "weight", "position", "others")
)

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "vitlib",
    "font.family": "DejaVu Sans",
    "font.size": 12,
    "text.color": INK,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.titleweight": "normal",
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "legend.fontsize": 11,
    "image.interpolation": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
}


def canvas(width: float = 680, height: float = 300) -> Figure:
    """Give an empty figure, `width` x `height` pixels of the page.

    Text is 12 pixels high unless told; a page's text column is about 680
    pixels wide. Draw inside `with style():` where axes are made.
    """
    with style():
        figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        FigureCanvasAgg(figure)
        return figure


def style() -> mpl.rc_context:
    """Make matplotlib draw in the book's style while the block runs."""
    return mpl.rc_context(_STYLE)


def show(
    figure: Figure,
    alt: str,
    cuts: tuple[float, ...] = (),
    narrow: Figure | None = None,
    by_row: bool = False,
) -> None:
    """Show the figure below the cell; `alt` says what is to be seen.

    `alt` is compared by the tests of the notebooks: numbers in it must be
    rounded so far that every machine gives the same.

    In a narrow window its panels stand one above the other (see
    narrow.py). `cuts` says where to cut, in pixels from the left, or
    `narrow` what to show instead; without them both are found, `by_row`
    so that rows of pictures follow each other.
    """
    data, metadata = bundle(figure, alt, cuts, narrow, by_row=by_row)
    display(data, metadata=metadata, raw=True)


def bundle(
    figure: Figure,
    alt: str,
    cuts: tuple[float, ...] = (),
    narrow: Figure | None = None,
    whole: bool = False,
    by_row: bool = False,
) -> tuple[dict, dict]:
    """Give what `show` shows: the output's data, and its metadata.

    `whole` is for a picture that hardly anyone sees in a narrow window:
    there it scrolls.
    """
    with style():
        png, about = _png(figure), {"svg": _svg(figure)}
        if narrow is not None:
            parts = [{"svg": _svg(narrow)}]
        elif whole:
            parts = []
        else:
            found = panels(figure, cuts, by_row)
            parts = [_part(figure, one) for one in found]
    if parts:
        about["panels"] = parts
    width, height = (round(72 * side) for side in figure.get_size_inches())
    picture = {"alt": alt, "width": width, "height": height}
    metadata = {"image/png": picture, "vitlib": about}
    return {"image/png": png, "text/plain": alt}, metadata


def _part(figure: Figure, panel: Panel) -> dict:
    """Give a panel's ends in the figure, or what was drawn anew."""
    if not panel.axes:
        ends = {"from": round(panel.left), "to": round(panel.right)}
        if panel.rows:
            ends |= {"rows": [round(end) for end in panel.rows]}
        return ends
    with alone(figure, panel):
        return {"svg": _svg(figure)}


def bare(axes: Axes, title: str = "", below: str = "") -> Axes:
    """Take ticks and frame away; `below` is a shape, in code type."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(title, color=INK)
    if below:
        axes.set_xlabel(below, family="monospace", size=11, color=GREY)
    return axes


def as_picture(images: Tensor) -> np.ndarray:
    """(1, 3, h, w), 0 to 1 -> (h, w, 3) bytes, ready to be drawn."""
    pixels = rearrange(images[0].clamp(0, 1), "c h w -> h w c")
    return (pixels * 255).round().byte().numpy()


def ink(axes: Axes, pixels: Tensor) -> None:
    """Draw ink on white paper, in the light and in the dark."""
    axes.imshow(pixels.numpy(), cmap="gray_r", vmin=0, vmax=1)


def tiles(pictures: np.ndarray, cols: int, gap: int = 2) -> np.ndarray:
    """Lay (n, y, x, 3 or 4) pictures out in rows, the gaps clear."""
    count, height, width, channels = pictures.shape
    rows = -(-count // cols)
    shape = (
        rows * (height + gap) - gap,
        cols * (width + gap) - gap,
        4,
    )
    sheet = np.zeros(shape, dtype=pictures.dtype)
    opaque = 255 if pictures.dtype == np.uint8 else 1
    for index, picture in enumerate(pictures):
        row, col = divmod(index, cols)
        top, left = row * (height + gap), col * (width + gap)
        place = sheet[top : top + height, left : left + width]
        place[..., :channels] = picture
        if channels == 3:
            place[..., 3] = opaque
    return sheet


def _png(figure: Figure) -> str:
    """Draw sharply, but a photograph at the page's pixels: it is long."""
    kinds = Image.Quantize
    for dpi, kind in ((108, kinds.MEDIANCUT), (72, kinds.MAXCOVERAGE)):
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=dpi, facecolor=PAPER)
        picture = Image.open(file).convert("RGB")
        file = io.BytesIO()
        picture.quantize(256, kind).save(file, "png", optimize=True)
        if file.tell() < 100_000:
            break
    return _base64(file)


def _svg(figure: Figure) -> str:
    for image in figure.findobj(AxesImage):
        if np.ndim(image.get_alpha()):
            raise ValueError(
                "an SVG loses a table of alphas: draw a picture of "
                "(h, w, 4) numbers"
            )
    file = io.StringIO()
    figure.savefig(file, format="svg", dpi=144, metadata={"Date": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<image [^>]*/>", _image, svg)
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)
    svg = re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', "", svg, count=1)
    svg = re.sub(r' d="[^"]*"', _shorter, svg)
    for family, name in _FAMILIES.items():
        svg = re.sub(
            rf"font-family: '{family}'[^;\"]*",
            f"font-family: var(--vit-{name}, {family})",
            svg,
        )
    for colour, name in _NAMES.items():
        svg = svg.replace(colour, f"var(--vit-{name}, {colour})")
    return re.sub(r"\s*\n\s*", "\n", svg)


def _shorter(path: re.Match) -> str:
    """Hundredths of a pixel are enough for a path."""
    path = re.sub(r"\s+", " ", path[0])
    return re.sub(r"-?\d+\.\d{3,}", lambda n: f"{float(n[0]):.2f}", path)


def _image(element: re.Match) -> str:
    """Large images become WebP: photographs a tenth of their PNG.

    A map of few colours keeps each of them. Only what is enlarged keeps
    the square pixels that matplotlib asks for: a photograph made smaller
    must be smooth.
    """
    text = re.sub(r' id="[^"]*"', "", element[0])
    scale = re.search(r"matrix\(([\d.]+)", text)
    if scale and float(scale[1]) < 1.5:
        text = re.sub(r' style="image-rendering[^"]*"', "", text)
    png = base64.b64decode(re.search(r"base64,([^\"]+)", text)[1])
    if len(png) < 8_000:
        return text
    image, file = Image.open(io.BytesIO(png)), io.BytesIO()
    is_map = image.getcolors(1024) is not None
    image.save(file, format="webp", quality=80, lossless=is_map)
    webp = "data:image/webp;base64," + _base64(file)
    return re.sub(r"data:image/png;base64,[^\"]+", webp, text)


def _base64(file: io.BytesIO) -> str:
    return base64.b64encode(file.getvalue()).decode()
