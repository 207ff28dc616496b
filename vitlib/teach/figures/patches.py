"""Figures of chapter 2: a picture, its patches, their sequence."""

from einops import rearrange
from matplotlib.patches import Rectangle
from PIL import Image
from torch import Tensor

from vitlib.patches import patchify
from vitlib.teach.data import resize_and_crop
from vitlib.teach.figures._canvas import (
    CLS,
    GREY,
    KEY,
    as_picture,
    bare,
    canvas,
    show,
    style,
    tiles,
)


def crop_or_squash(image: Image.Image, image_size: int = 224) -> None:
    """Show the photo, its middle cut out, and the photo squashed."""
    width, height = image.size
    cropped = resize_and_crop(image, image_size)
    squashed = image.resize((image_size, image_size))
    ratios = [width, image_size, image_size]
    figure = canvas(680, 225)
    with style():
        axes = figure.subplots(1, 3, width_ratios=ratios)
        pictures = (image, cropped, squashed)
        titles = ("the photo", "resized, then cropped", "squashed")
        for ax, picture, title in zip(axes, pictures, titles, strict=True):
            bare(ax, title, f"{picture.width} x {picture.height}")
            ax.imshow(picture)
        scale = height / image_size
        left = (width - height) / 2
        side = image_size * scale
        axes[0].add_patch(
            Rectangle((left, 0), side, side - 1, fill=False, ec=CLS, lw=2)
        )
        figure.tight_layout(w_pad=1.5)
    show(
        figure,
        f"Three pictures of a cat's face. The photo, {width} pixels wide "
        f"and {height} high, with a square of {height} marked in its "
        f"middle; that square at {image_size} by {image_size}; the whole "
        "photo pressed into the same square, the face too narrow by a "
        f"factor of {width / height:.2f}.",
    )


def patch_grid(images: Tensor, patch_size: int) -> None:
    """Show a picture, its patches apart, and the sequence they form."""
    patches = patchify(images, patch_size)
    side = images.shape[-1] // patch_size
    squares = rearrange(
        (patches[0] * 255).round().byte().numpy(),
        "n (y x c) -> n y x c",
        y=patch_size,
        x=patch_size,
    )
    rows = images.shape[-2] // patch_size
    figure = canvas(680, 430)
    with style():
        top = figure.add_gridspec(
            1, 2, left=0.01, right=0.99, top=0.91, bottom=0.28, wspace=0.12
        )
        left, right = (figure.add_subplot(cell) for cell in top)
        bare(left, below=f"{tuple(images.shape)}")
        left.set_title("the picture", pad=20)
        left.imshow(as_picture(images))
        bare(right).set_title(f"{rows} x {side} patches", pad=20)
        gap = max(2, patch_size // 5)
        right.imshow(tiles(squares, side, gap))
        step = patch_size + gap
        for number in (0, 1, side - 1, side, rows * side - 1):
            row, col = divmod(number, side)
            x, y = col * step, row * step
            look = {"size": 11, "color": GREY, "clip_on": False}
            if row == 0:  # above its patch
                middle = x + patch_size / 2
                right.text(middle, -4, f"{number}", ha="center", **look)
                continue
            before = col == 0
            right.text(
                -4 if before else x + step + 2,
                y + patch_size / 2,
                f"{number}",
                ha="right" if before else "left",
                va="center_baseline",
                **look,
            )
        shown = min(len(squares), 18)
        bottom = figure.add_axes((0.01, 0.10, 0.86, 0.09), anchor="W")
        bare(bottom, "the sequence: left to right, top to bottom")
        bottom.imshow(tiles(squares[:shown], shown, gap))
        more = f"{len(squares) - shown} more"
        figure.text(0.88, 0.145, f"... {more}", va="center", color=GREY)
        shape = f"{tuple(patches.shape)}"
        figure.text(
            0.44, 0.03, shape, family="monospace", size=11, color=GREY
        )
    show(
        figure,
        f"A cat's face, {images.shape[-2]} by {images.shape[-1]} pixels; "
        f"beside it the same picture as {rows} rows of {side} squares "
        f"with gaps between them, numbered from 0 at the upper left to "
        f"{len(squares) - 1} at the lower right; below, the first "
        f"{shown} squares in one row.",
    )


def reading_orders(images: Tensor, patch_size: int) -> None:
    """Show one patch put together in the right and in the wrong order."""
    right = patchify(images, patch_size)
    wrong = rearrange(
        images,
        "b c (row y) (col x) -> b (row col) (c y x)",
        y=patch_size,
        x=patch_size,
    )
    rows = images.shape[-2] // patch_size
    pictures = [
        rearrange(
            patches,
            "1 (row col) (y x c) -> (row y) (col x) c",
            row=rows,
            y=patch_size,
            x=patch_size,
        )
        for patches in (right, wrong)
    ]
    figure = canvas(680, 270)
    with style():
        titles = ("y x c, read as y x c", "c y x, read as y x c")
        axes = figure.subplots(1, 2)
        for ax, title, picture in zip(axes, titles, pictures, strict=True):
            bare(ax, title)
            ax.imshow((picture * 255).round().byte().numpy())
        axes[1].set_title(titles[1], color=KEY)
        figure.tight_layout()
    same = (right == wrong).float().mean().item()
    show(
        figure,
        "Two pictures from the same numbers. Left the cat; right, where "
        "the channels were laid out first, every patch has become a block "
        f"of three grey bands. Only {same:.0%} of the numbers stand in "
        "the same place.",
    )
