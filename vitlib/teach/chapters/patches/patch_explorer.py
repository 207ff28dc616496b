"""The patch explorer: a picture, its patches, their sequence."""

import torch
from einops import rearrange
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle
from torch import Tensor
from traitlets import Bytes, Int, Tuple, validate

from vitlib.patches import patchify
from vitlib.teach.alive.figure import LiveFigure
from vitlib.teach.alive.photo import packed
from vitlib.teach.draw.canvas import bare, canvas, style, tiles
from vitlib.teach.draw.palette import GREY, PAPER, QUERY

SMALLEST = 4


class PatchExplorer(LiveFigure):
    """Cut a picture into patches of every size that fits; look at each.

    `images` is the picture, (1, 3, h, w) from 0 to 1; a photo that is
    opened in the figure is found there too. `patch_size` is the side of a
    patch, `patch` the number of the one that is shown, and `patches` the
    sequence, (1, n, p * p * 3). All can be set but the last.
    """

    patch_size = Int(16).tag(sync=True)
    patch = Int(0).tag(sync=True)
    image_size = Tuple(Int(), Int(), default_value=(0, 0)).tag(sync=True)
    pixels = Bytes().tag(sync=True)

    def __init__(
        self, images: Tensor, patch_size: int = 16, patch: int = 0
    ) -> None:
        pixels, image_size = packed(images)
        super().__init__(
            pixels=pixels,
            image_size=image_size,
            patch_size=patch_size,
            patch=patch,
        )

    @property
    def images(self) -> Tensor:
        """The picture as a batch of one, from 0 to 1."""
        height, width = self.image_size
        numbers = torch.frombuffer(
            bytearray(self.pixels), dtype=torch.uint8
        )
        picture = numbers.reshape(1, height, width, 3)
        return rearrange(picture, "b h w c -> b c h w") / 255

    @images.setter
    def images(self, images: Tensor) -> None:
        pixels, image_size = packed(images)
        patchify(images, self.patch_size)
        with self.hold_sync(), self.hold_trait_notifications():
            self.pixels, self.image_size = pixels, image_size
            self.patch = 0

    @property
    def patches(self) -> Tensor:
        """The sequence of the picture's patches."""
        return patchify(self.images, self.patch_size)

    @validate("patch_size")
    def _cuts_without_rest(self, proposal: dict) -> int:
        size = proposal["value"]
        if size < SMALLEST:
            raise ValueError(
                f"patch_size is {size}; this figure shows patches of "
                f"{SMALLEST} pixels and more"
            )
        patchify(self.images, size)
        return size

    @validate("patch")
    def _is_there(self, proposal: dict) -> int:
        count = self.patches.shape[1]
        if not 0 <= proposal["value"] < count:
            raise ValueError(
                f"patch is {proposal['value']}; there are {count}, "
                f"counted from 0 to {count - 1}"
            )
        return proposal["value"]

    def still(self) -> tuple[Figure, str]:
        """Draw the picture, the sequence, and the patch that is shown."""
        height, width = self.image_size
        size, count = self.patch_size, self.patches.shape[1]
        rows, cols = height // size, width // size
        row, col = divmod(self.patch, cols)
        alt = (
            f"Three panels, joined by lines. A picture, {height} by "
            f"{width} pixels, cut into {rows} rows of {cols} squares, one "
            "of them outlined. The sequence as a table of "
            f"{count} rows, a patch in each, every pixel in its colour; "
            f"one row is pulled out. Patch {self.patch}, from row {row} "
            f"and column {col} of the picture, enlarged."
        )
        return _draw(self), alt


def _draw(explorer: PatchExplorer) -> Figure:
    size, patch = explorer.patch_size, explorer.patch
    patches = explorer.patches[0]
    count = len(patches)
    height, width = explorer.image_size
    cols = width // size
    bytes_ = (patches * 255).round().byte().numpy()
    squares = rearrange(
        bytes_, "n (y x c) -> n y x c", y=size, x=size, c=3
    )
    gap = max(1, size // 6)
    row, col = divmod(patch, cols)
    mark = {"fc": "none", "ec": QUERY, "lw": 2, "clip_on": False}
    figure = canvas(680, 270)
    with style():
        picture, table, large = (
            figure.add_axes(box)
            for box in (
                (0.005, 0.11, 0.355, 0.8),
                (0.425, 0.11, 0.27, 0.8),
                (0.765, 0.31, 0.23, 0.6),
            )
        )
        for axes in (picture, large):
            axes.set_anchor("NW")
        bare(picture, "the picture", f"images {(1, 3, height, width)}")
        picture.imshow(tiles(squares, cols, gap))
        step = size + gap
        corner = (col * step - 0.5, row * step - 0.5)
        picture.add_patch(Rectangle(corner, size, size, **mark))
        below = f"patches {(1, count, patches.shape[1])}"
        bare(table, "the sequence", below)
        lines = rearrange(bytes_, "n (k c) -> n k c", c=3)
        box = (0, 1, count, 0)
        table.imshow(lines, aspect="auto", extent=box)
        half = max(0.03, 0.5 / count)
        middle = 1 - (patch + 0.5) / count
        band = table.inset_axes((-0.02, middle - half, 1.04, 2 * half))
        band.imshow(lines[patch : patch + 1], aspect="auto")
        band.set(xticks=[], yticks=[])
        band.patch.set_facecolor(PAPER)
        for spine in band.spines.values():
            spine.set(visible=True, color=QUERY, linewidth=2)
        name = f"patches[0, {patch}] ({patches.shape[1]})"
        name += f"\nrow {row}, column {col}"
        bare(large, f"patch {patch}", name)
        large.imshow(squares[patch])
        large.xaxis.label.set_color(GREY)
        for axes, start, end, onto in (
            (picture, (corner[0] + size, corner[1] + size / 2), 0, band),
            (band, None, 1, large),
        ):
            look = {"color": QUERY, "linewidth": 1}
            if start is None:
                ends = {"xyA": (1, 0.5), "coordsA": axes.transAxes}
                ends |= {"xyB": (0, 0.5), "coordsB": onto.transAxes}
            else:
                ends = {"xyA": start, "coordsA": axes.transData}
                ends |= {"xyB": (end, 0.5), "coordsB": onto.transAxes}
            figure.add_artist(ConnectionPatch(**ends, **look))
    return figure
