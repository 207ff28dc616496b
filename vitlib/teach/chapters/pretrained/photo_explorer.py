"""The photo explorer: a pretrained ViT looks at photos."""

import base64
import io

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle
from PIL import Image
from traitlets import (
    Bool,
    Dict,
    Float,
    Int,
    List,
    Tuple,
    Unicode,
    validate,
)

from vitlib.teach.alive.figure import LiveFigure
from vitlib.teach.data.examples import EXAMPLES
from vitlib.teach.data.first_look import arrays, first_look
from vitlib.teach.draw.canvas import bare, canvas, style
from vitlib.teach.draw.palette import KEY, QUERY

VIEWS = ("alike", "part", "colours", "class")
FAINT = 0.07
NEAR = 2  # patches around the one that asks, which are alike anyway


class PhotoExplorer(LiveFigure):
    """Press a patch of a photo; see what a pretrained model finds alike.

    The model is brought when the reader asks for it; until then the
    figure shows what was computed beforehand. `view` is "alike", "part",
    "colours" or "class"; `block` says behind which block the tokens are
    looked at, 0 is before the first; `patch` of the photo on `side` (0 is
    the left one) asks; `head` is one of the class token's. `photos` are
    the two that are shown, `grid` is 16 or 32 patches a side. `marks` are
    the patches that a part was taught by: {"photo", "x", "y", "yes"}, x
    and y as shares of the photo.
    """

    _brings = ("looker", "photos", "backbone")

    view = Unicode("alike").tag(sync=True)
    block = Int(8, min=0, max=8).tag(sync=True)
    side = Int(0, min=0, max=1).tag(sync=True)
    patch = Int(101, min=0).tag(sync=True)
    head = Int(4, min=0, max=5).tag(sync=True)
    grid = Int(16).tag(sync=True)
    photos = Tuple(
        Unicode(), Unicode(), default_value=("cat", "admiral")
    ).tag(sync=True)
    marks = List(
        Dict(
            per_key_traits={
                "photo": Unicode(),
                "x": Float(min=0, max=1),
                "y": Float(min=0, max=1),
                "yes": Bool(),
            }
        )
    ).tag(sync=True)

    @validate("view")
    def _is_a_view(self, proposal: dict) -> str:
        if proposal["value"] not in VIEWS:
            raise ValueError(
                f"view is {proposal['value']!r}; it must be one of "
                f"{', '.join(VIEWS)}"
            )
        return proposal["value"]

    @validate("grid")
    def _is_a_grid(self, proposal: dict) -> int:
        if proposal["value"] not in (16, 32):
            raise ValueError(
                f"grid is {proposal['value']}; it must be 16 or 32"
            )
        return proposal["value"]

    @validate("photos")
    def _are_there(self, proposal: dict) -> tuple[str, str]:
        known = [example.name for example in EXAMPLES]
        for name in proposal["value"]:
            if name not in known and not name.startswith("own "):
                raise ValueError(
                    f"photos has {name!r}; there are {', '.join(known)}"
                )
        return proposal["value"]

    def still(self) -> tuple[Figure, str]:
        """Draw the first look: who is alike to the patch that asks."""
        look, cosines = first_look(), arrays()["alike"][self.block]
        patch, grid = look["patch"], look["grid"]
        rows, cols = np.divmod(np.arange(grid**2), grid)
        far = np.maximum(
            abs(rows - patch // grid), abs(cols - patch % grid)
        )
        own = int(np.where(far > NEAR, cosines[0], -1).argmax())
        other = int(cosines[1].argmax())
        names = [photo["shows"] for photo in look["photos"]]
        alt = (
            f"Two photos side by side, {names[0]} and {names[1]}, each "
            f"cut into {grid} rows of {grid} patches. A patch on the "
            "cat's eye is outlined, and of every other patch the more is "
            "left, the more alike its token is, behind block "
            f"{self.block} of a pretrained model. Most alike in the same "
            f"photo is patch {own}, {cosines[0, own]:.1f}; in the other "
            f"it is patch {other}, {cosines[1, other]:.1f}."
        )
        words = (
            f"patch {patch} asks; patch {own}: {cosines[0, own]:.1f}",
            f"patch {other}: {cosines[1, other]:.1f}",
        )
        return _draw(look, cosines, (patch, other), words), alt


def _draw(
    look: dict, cosines: np.ndarray, found: tuple, words: tuple
) -> Figure:
    grid = look["grid"]
    figure = canvas(680, 390)
    ordered = np.sort(cosines.flatten())
    low, high = ordered[len(ordered) // 2], ordered[-2]
    ends = []
    with style():
        for i, photo in enumerate(look["photos"]):
            box = (0.005 + 0.51 * i, 0.08, 0.48, 0.84)
            axes = figure.add_axes(box)
            bare(axes, photo["shows"], words[i])
            kept = np.clip((cosines[i] - low) / (high - low), 0, 1)
            kept = FAINT + (1 - FAINT) * kept.reshape(grid, grid)
            axes.imshow(_faded(photo["webp"], kept))
            step = 224 / grid
            row, col = divmod(found[i], grid)
            corner = (col * step - 0.5, row * step - 0.5)
            colour = KEY if i else QUERY
            square = Rectangle(corner, step, step, fc="none", lw=2)
            square.set_edgecolor(colour)
            axes.add_patch(square)
            middle = (corner[0] + step / 2, corner[1] + step / 2)
            ends.append((axes, middle))
        (left, start), (right, end) = ends
        thread = ConnectionPatch(
            start, end, left.transData, right.transData, color=QUERY, lw=1
        )
        figure.add_artist(thread)
    return figure


def _faded(webp: str, kept: np.ndarray) -> np.ndarray:
    """Give a photo with as much of each patch as is kept, (h, w, 4)."""
    file = io.BytesIO(base64.b64decode(webp))
    pixels = np.asarray(Image.open(file).convert("RGB")) / 255
    side = len(pixels) // len(kept)
    opacity = np.kron(kept, np.ones((side, side)))
    return np.dstack([pixels, opacity])
