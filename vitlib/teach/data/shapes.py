"""Coloured shapes and a question that needs two places of a picture."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from vitlib._checks import check_sizes, is_whole

SIDE = 32  # pixels of a picture
CELL = 8  # pixels of the square in which a thing lies
GRID = SIDE // CELL  # cells on a side, where the squares are cells
CUE = CELL  # pixels of the swatch, which fills its square
REACH = 3.75  # pixels from the middle of the largest shape to its edge
KINDS = ("disc", "square", "triangle", "cross")
COLOURS = {  # red, green, blue: four of Paul Tol's bright palette
    "blue": (68, 119, 170),
    "green": (34, 136, 51),
    "yellow": (204, 187, 68),
    "red": (238, 102, 119),
}


@dataclass(frozen=True)
class Scenes:
    """Pictures, their question and answer, and where everything is.

    `images` (n, 3, 32, 32) are floats from 0 to 1; a square swatch, the
    cue, has the colour of exactly one of the `k` shapes, and
    `labels` (n,) are the kind of that shape. `kinds` and `colours` (n, k)
    are places in KINDS and COLOURS, `target` (n,) says which of the k the
    cue asks for. `masks` (n, 1 + k, 32, 32) are True on the cue, then on
    each shape; `boxes` (n, 1 + k, 4) are their top, left, bottom, right
    in pixels, bottom and right just outside.
    """

    images: Tensor
    labels: Tensor
    kinds: Tensor
    colours: Tensor
    target: Tensor
    masks: Tensor
    boxes: Tensor

    @property
    def cue_mask(self) -> Tensor:
        """(n, 32, 32): True on the swatch."""
        return self.masks[:, 0]

    @property
    def target_mask(self) -> Tensor:
        """(n, 32, 32): True on the shape that the cue asks for."""
        return self.masks[torch.arange(len(self.target)), 1 + self.target]

    @property
    def other_mask(self) -> Tensor:
        """(n, 32, 32): True on the shapes that it does not ask for."""
        return self.masks[:, 1:].any(dim=1) & ~self.target_mask

    def ask(self, shape: int) -> "Scenes":
        """Give the same pictures with the cue in another shape's colour.

        Nothing but the pixels of the swatch changes, and the answer.
        """
        count = self.kinds.shape[1]
        if not is_whole(shape) or not 0 <= shape < count:
            raise ValueError(
                f"shape is {shape!r}; each picture has {count} shapes: it "
                f"must be a whole number from 0 to {count - 1}"
            )
        palette = torch.tensor(list(COLOURS.values())) / 255
        swatch = palette[self.colours[:, shape], :, None, None]
        images = torch.where(self.cue_mask[:, None], swatch, self.images)
        return replace(
            self,
            images=images,
            labels=self.kinds[:, shape],
            target=torch.full_like(self.target, shape),
        )


def shapes(
    count: int, seed: int, num_shapes: int = 3, *, anywhere: bool = False
) -> Scenes:
    """Draw `count` pictures with a cue, far from the shape it asks for.

    The kinds differ within a picture, and so do the colours. Every thing
    lies in a square of 8 x 8 pixels of its own, and no shape's square is
    nearer to the cue than 8 pixels. The squares are cells of a 4 x 4
    grid, the cue's in a corner; or, with `anywhere`, each begins at any
    pixel. The same seed gives the same pictures on every machine.

    >>> scenes = shapes(2, seed=0)
    >>> scenes.images.shape, scenes.masks.shape
    (torch.Size([2, 3, 32, 32]), torch.Size([2, 4, 32, 32]))
    """
    _check(count, seed, num_shapes, anywhere)
    random = np.random.default_rng(seed)
    kinds = _choose(random, count, len(KINDS), num_shapes)
    colours = _choose(random, count, len(COLOURS), num_shapes)
    target = random.integers(num_shapes, size=count)
    where = _anywhere if anywhere else _on_the_grid
    places = where(random, count, num_shapes)
    pictures, masks = _drawn(random, places, kinds, colours)
    rows = np.arange(count)
    swatch = _bytes(_palette())[colours[rows, target]]
    window = _window(places[:, 0])
    pictures[window] = swatch[:, None, None]
    masks[:, 0][window] = True
    return Scenes(
        images=torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255,
        labels=torch.from_numpy(kinds[rows, target]),
        kinds=torch.from_numpy(kinds),
        colours=torch.from_numpy(colours),
        target=torch.from_numpy(target),
        masks=torch.from_numpy(masks),
        boxes=torch.from_numpy(_boxes(masks)),
    )


def _check(count: int, seed: int, num_shapes: int, anywhere: bool) -> None:
    check_sizes(count=count, num_shapes=num_shapes)
    if not 2 <= num_shapes <= len(KINDS):
        raise ValueError(
            f"num_shapes is {num_shapes}; it must be from 2 to "
            f"{len(KINDS)}, the number of kinds, for no kind comes twice"
        )
    if not is_whole(seed) or seed < 0:
        raise ValueError(
            f"seed is {seed!r}; it must be a whole number, 0 or more"
        )
    if not isinstance(anywhere, bool):
        raise ValueError(
            f"anywhere is {anywhere!r}; it must be True, for things that "
            "begin at any pixel, or False, for things in cells"
        )


def _choose(
    random: np.random.Generator, count: int, of: int, size: int
) -> np.ndarray:
    """(count, size): different whole numbers below `of` in each row."""
    return random.random((count, of)).argsort(axis=1)[:, :size]


def _on_the_grid(
    random: np.random.Generator, count: int, num_shapes: int
) -> np.ndarray:
    """(count, 1 + num_shapes, 2): where the squares of all begin.

    The cue's is a corner of the grid, and no other cell touches it.
    """
    corners = random.integers(2, size=(count, 2)) * (SIDE - CUE)
    row, col = np.divmod(np.arange(GRID**2), GRID)
    cells = np.stack([row, col], axis=1) * CELL
    near = (np.abs(cells - corners[:, None]) <= CELL).all(axis=2)
    order = (random.random(near.shape) + near).argsort(axis=1)
    chosen = cells[order[:, :num_shapes]]
    return np.concatenate([corners[:, None], chosen], axis=1)


def _anywhere(
    random: np.random.Generator, count: int, num_shapes: int
) -> np.ndarray:
    """(count, 1 + num_shapes, 2): where the squares of all begin.

    Drawn until nothing overlaps and the cue has its distance, so that
    all ways in which they can lie are as likely.
    """
    apart = np.full((1 + num_shapes, 1 + num_shapes), CELL)
    apart[0], apart[:, 0] = CUE + CELL, CUE + CELL
    np.fill_diagonal(apart, 0)
    places = np.empty((count, 1 + num_shapes, 2), dtype=np.int64)
    missing = np.arange(count)
    while len(missing):
        shape = (len(missing), *places.shape[1:])
        drawn = random.integers(SIDE - CELL + 1, size=shape)
        places[missing] = drawn
        steps = np.abs(drawn[:, :, None] - drawn[:, None]).max(axis=3)
        missing = missing[(steps < apart).any(axis=(1, 2))]
    return places


def _window(starts: np.ndarray) -> tuple[np.ndarray, ...]:
    """(count, 2) -> the indices of 8 x 8 pixels of each picture."""
    within = np.arange(CELL)
    tops, lefts = starts[:, :, None, None].swapaxes(0, 1)
    rows = np.arange(len(starts))[:, None, None]
    return rows, tops + within[:, None], lefts + within


def _drawn(
    random: np.random.Generator,
    places: np.ndarray,
    kinds: np.ndarray,
    colours: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw paper and shapes, (n, 32, 32, 3), and where each shape is."""
    count, num_shapes = kinds.shape
    radii = random.uniform(0.87 * REACH, REACH, kinds.shape)
    room = CELL / 2 - REACH
    centres = CELL / 2 + random.uniform(-room, room, (*kinds.shape, 2))
    # Paper of any light grey; no two shapes have quite the same shade.
    paper = random.uniform(0.85, 0.95, (count, 1, 1, 1))
    shades = random.uniform(-0.04, 0.04, (*kinds.shape, 3))
    shades += _palette()[colours]
    pictures = np.empty((count, SIDE, SIDE, 3), dtype=np.uint8)
    pictures[:] = _bytes(paper)
    masks = np.zeros((count, 1 + num_shapes, SIDE, SIDE), dtype=bool)
    for i in range(num_shapes):
        window = _window(places[:, 1 + i])
        ink = _ink(kinds[:, i], centres[:, i], radii[:, i])
        masks[:, 1 + i][window] = ink > 0.5
        ink, shade = ink[..., None], shades[:, i, None, None]
        pictures[window] = _bytes(paper + ink * (shade - paper))
    return pictures, masks


def _ink(
    kinds: np.ndarray, centres: np.ndarray, radii: np.ndarray
) -> np.ndarray:
    """(count,) -> (count, 8, 8): how much of each pixel is ink."""
    middles = np.arange(CELL) + 0.5
    y = middles[:, None] - centres[:, 0, None, None]
    x = middles[None, :] - centres[:, 1, None, None]
    r = radii[:, None, None]
    # Distances to the edge, below 0 inside; the areas are much alike.
    across = np.maximum(np.abs(x) - r, np.abs(y) - 0.37 * r)
    along = np.maximum(np.abs(y) - r, np.abs(x) - 0.37 * r)
    side = (2 * np.abs(x) - y - r) / 5**0.5
    outside = {
        "disc": np.sqrt(x * x + y * y) - 0.84 * r,
        "square": np.maximum(np.abs(x), np.abs(y)) - 0.74 * r,
        "triangle": np.maximum(side, y - r),
        "cross": np.minimum(across, along),
    }
    ways = np.stack([outside[kind] for kind in KINDS])
    chosen = ways[kinds, np.arange(len(kinds))]
    return (0.5 - chosen).clip(0, 1)


def _bytes(shares: np.ndarray) -> np.ndarray:
    """From 0 to 1 -> 0 to 255, so that no rounding differs later."""
    return np.rint(shares * 255).astype(np.uint8)


def _palette() -> np.ndarray:
    """(4, 3): red, green and blue of each colour, from 0 to 1."""
    return np.array(list(COLOURS.values())) / 255


def _boxes(masks: np.ndarray) -> np.ndarray:
    """(n, m, h, w) -> (n, m, 4): top, left, bottom, right."""
    sides = []
    for axis in (3, 2):
        used = masks.any(axis=axis)
        first = used.argmax(axis=2)
        last = used.shape[2] - used[..., ::-1].argmax(axis=2)
        sides.append((first, last))
    (top, bottom), (left, right) = sides
    return np.stack([top, left, bottom, right], axis=2)
