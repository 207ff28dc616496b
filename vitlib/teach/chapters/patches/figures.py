"""Figures of chapter 2: a picture, its patches, their sequence."""

import torch
from einops import rearrange
from matplotlib.patches import Rectangle
from PIL import Image
from torch import Tensor

from vitlib.patches import patchify
from vitlib.teach.data.pictures import resize_and_crop
from vitlib.teach.draw.canvas import bare, canvas, show, style
from vitlib.teach.draw.palette import CLS, KEY


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
    places = torch.arange(right.shape[2])
    moved = rearrange(
        places, "(y x c) -> (c y x)", y=patch_size, x=patch_size
    )
    same = (moved == places).sum().item()
    show(
        figure,
        "Two pictures from the same numbers. First the cat; then, where "
        "the channels were laid out first, every patch has become a block "
        "of three grey bands. Of the numbers of a patch only "
        f"{same} stand in the same place.",
        by_row=True,
    )
