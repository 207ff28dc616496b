"""Cut the six photos of the pretrained figure out of their sources.

    pip download --no-deps scikit-image==0.26.0
    .venv/bin/python scripts/make_photos.py scikit_image-*.whl

All but the admiral, who is in matplotlib, come from scikit-image. Each is
cut to a square and stored as a JPEG of at most 448 pixels.
"""

import io
import sys
import zipfile
from pathlib import Path

from matplotlib import cbook
from PIL import Image, ImageOps

from vitlib.teach.data.checked import FOLDER

SIDE = 448
QUALITY = 85
SOURCES = {  # the file, and what is cut out: left, top, side
    "cat": ("chelsea.png", (75, 0, 300)),
    "astronaut": ("astronaut.png", (0, 0, 512)),
    "closer": ("chelsea.png", (130, 40, 200)),
    "coffee": ("coffee.png", (100, 0, 400)),
    "rocket": ("rocket.jpg", (106, 0, 427)),
}
ADMIRAL = (60, 30, 420)


def cut(picture: Image.Image, left: int, top: int, side: int):
    """Cut out a square; shrink it where it is large."""
    square = picture.convert("RGB").crop(
        (left, top, left + side, top + side)
    )
    if side > SIDE:
        square = square.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return square


def main() -> None:
    """Cut them all."""
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        found = {
            name: cut(
                Image.open(io.BytesIO(wheel.read(f"skimage/data/{file}"))),
                *box,
            )
            for name, (file, box) in SOURCES.items()
        }
    found["closer"] = ImageOps.mirror(found["closer"])
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        found["admiral"] = cut(Image.open(file), *ADMIRAL)
    for name, picture in found.items():
        path = Path(FOLDER / f"photo_{name}.jpg")
        picture.save(path, quality=QUALITY, optimize=True)
        print(
            f"{path.name}: {picture.width} pixels, {path.stat().st_size}"
        )


if __name__ == "__main__":
    main()
