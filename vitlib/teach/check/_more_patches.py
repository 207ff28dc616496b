"""Chapter 2's other exercises: a shape, patches around one, overlap."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from vitlib.patches import patchify
from vitlib.teach.check._answer import Finding, Runner, Unwritten
from vitlib.teach.check._compare import agrees, kind_of
from vitlib.teach.check._draw import Draw
from vitlib.teach.check._number import NumberPiece, Slip, numbers_in
from vitlib.teach.check._picture import matrices
from vitlib.teach.check._piece import (
    Case,
    Found,
    Mistake,
    Piece,
    questions,
)
from vitlib.teach.check._words import count_of

SATELLITE = NumberPiece(
    name="patches_shape",
    chapter=2,
    compute=lambda: patchify(torch.zeros(1, 10, 120, 160), 20).shape,
    axes=("images", "patches", "numbers of a patch"),
    next="A layer that reads these words must have 4,000 inputs. How many "
    "words there are, it need not know.",
    mistakes=(
        Slip(
            (None, None, 20 * 20),
            "400 counts the pixels of a patch. How many numbers has one "
            "pixel of this picture?",
        ),
        Slip(
            (None, None, 20 * 20 * 3),
            "1,200 would be right for red, green and blue. This satellite "
            "sees more than three colours.",
        ),
        Slip(
            (None, 20, None),
            "20 is the side of a patch in pixels. How many of them stand "
            "side by side in 160 columns, and how many below each other?",
        ),
        Slip(
            (None, 6 + 8, None),
            "14 is 6 rows and 8 columns, added. How many patches has a "
            "grid of them?",
        ),
        Slip(
            (10, None, None),
            "The 10 in front stands for ten images. There is one, and its "
            "channels belong to the patches.",
        ),
    ),
)


# patches around one

EIGHT = [
    (down, right)
    for down in (-1, 0, 1)
    for right in (-1, 0, 1)
    if (down, right) != (0, 0)
]


def some(*steps: tuple[int, int]) -> Callable:
    """Give neighbours which lie at one of these steps only."""

    def wrong(index: int, rows: int, cols: int) -> list[int]:
        row, col = divmod(index, cols)
        places = [(row + down, col + right) for down, right in steps]
        return [
            r * cols + c
            for r, c in places
            if 0 <= r < rows and 0 <= c < cols
        ]

    return wrong


def around(index: int, rows: int, cols: int) -> list[int]:
    """Number the patches above, to the left, to the right and below."""
    return some((-1, 0), (0, -1), (0, 1), (1, 0))(index, rows, cols)


@dataclass(frozen=True)
class AroundPiece(Piece):
    """The answer is a collection of numbers, in any order."""

    def read(self, output: object, case: Case) -> Tensor:
        """Sort the numbers."""
        if output is None or output is ...:
            raise Unwritten
        if isinstance(output, set | frozenset | range):
            output = list(output)
        if not isinstance(output, list | tuple | Tensor):
            raise Finding(
                f"Your code gives {kind_of(output)}. Wanted is a list of "
                "numbers."
            )
        if isinstance(output, list | tuple) and any(
            isinstance(part, list | tuple) for part in output
        ):
            raise Finding(
                "Your list holds pairs, perhaps rows and columns. Wanted "
                "are the numbers of the patches in the sequence. Which "
                "number has the patch in row r and column c?"
            )
        found = numbers_in(output, ("numbers of patches",))
        return torch.tensor(found, dtype=torch.float64).sort().values

    def words(
        self, mistake: Mistake, case: Case, wanted: Tensor, found: Tensor
    ) -> dict[str, object]:
        """Tell the two lists."""
        return case.tells | {"mine": said(found), "good": said(wanted)}

    def describe(
        self,
        runner: Runner,
        cases: list[Case],
        wanted: list[Tensor],
        found: list[Found],
        index: int,
    ) -> str:
        """Say what is missing, and what is too many."""
        if not isinstance(found[index], Tensor):
            return super().describe(runner, cases, wanted, found, index)
        yours, right = found[index].tolist(), wanted[index].tolist()
        missing = torch.tensor([i for i in right if i not in yours])
        excess = torch.tensor([i for i in yours if i not in right])
        parts = [f"Yours gives {said(found[index])}."]
        if len(missing):
            parts.append(f"Missing: {said(missing)}.")
        if len(excess):
            parts.append(f"No neighbours: {said(excess)}.")
        if not len(missing) and not len(excess):
            parts.append("Each neighbour counts once.")
        return f"I asked about {cases[index].words}. {' '.join(parts)}"


def said(patches: Tensor) -> str:
    """Write the numbers of patches.

    >>> said(torch.tensor([2.0, 5.0])), said(torch.tensor([]))
    ('2, 5', 'none')
    """
    return ", ".join(f"{n:g}" for n in patches.tolist()) or "none"


def around_cases() -> list[Case]:
    """Ask in the middle, at the edges, in the corners."""
    found = []
    for index, rows, cols in [
        (100, 14, 14),
        (6, 3, 5),
        (4, 3, 5),
        (5, 3, 5),
        (0, 4, 3),
        (11, 4, 3),
        (2, 4, 1),
        (1, 1, 4),
        (0, 1, 1),
    ]:
        inputs = {"index": index, "rows": rows, "cols": cols}
        words = f"patch {index} of a grid of {rows} by {cols}"
        row, col = divmod(index, cols)
        tells = {"words": words, "row": row, "col": col, **inputs}
        found.append(Case(words, inputs, tells=tells))
    return found


def by_number(index: int, rows: int, cols: int) -> list[int]:
    """Step in the sequence, and stop at its ends only."""
    steps = index - cols, index - 1, index + 1, index + cols
    return [i for i in steps if 0 <= i < rows * cols]


def beyond(index: int, rows: int, cols: int) -> list[int]:
    """Forget the edges."""
    return [index - cols, index - 1, index + 1, index + cols]


def by_rows(index: int, rows: int, cols: int) -> list[int]:
    """Divide by the number of rows."""
    row, col = divmod(index, rows)
    places = (row - 1, col), (row, col - 1), (row, col + 1), (row + 1, col)
    return [
        r * cols + c for r, c in places if 0 <= r < rows and 0 <= c < cols
    ]


def downwards(index: int, rows: int, cols: int) -> list[int]:
    """Count the patches down the columns."""
    return around(index, cols, rows)


def with_itself(index: int, rows: int, cols: int) -> list[int]:
    """Count the patch among its own neighbours."""
    return sorted([*around(index, rows, cols), index])


def draw_grid(piece: Piece, runner: Runner) -> str:
    """Mark the neighbours in the first grid that came out wrong."""
    for case, wanted in zip(*questions(piece), strict=True):
        yours = piece.outcome(runner, case)
        index, rows, cols = case.inputs.values()
        if not isinstance(yours, Tensor) or agrees(yours, wanted):
            continue
        named = {}
        for name, marked in (("yours", yours), ("expected", wanted)):
            table = torch.zeros(rows * cols)
            inside = [int(i) for i in marked if 0 <= i < rows * cols]
            table[inside] = 1.0
            table[index] = -1.0
            named[name] = table.reshape(rows, cols)
        return matrices(
            named,
            f"Two grids of {rows} by {cols} patches, patch {index} blue: "
            f"red are patches {said(yours)} in yours, {said(wanted)} in "
            "the expected one.",
        )
    return ""


AROUND = AroundPiece(
    name="patches_around",
    chapter=2,
    reference=around,
    cases=around_cases,
    differentiable=False,
    draw=draw_grid,
    shown="Nine patches in the middle, at edges and in corners have the "
    "neighbours that they should.",
    next="To know what lies below a patch one must be told the number of "
    "columns. A model is not told: it has to find out, with the positions "
    "of chapter 4.",
    mistakes=(
        Mistake(
            by_number,
            "Right in the middle of the grid. But of {words} yours gives "
            "{mine}, and this patch stands at an edge: the one beside it "
            "in the sequence lies at the other edge, one row on. How do "
            "you know in which column you are?",
        ),
        Mistake(
            beyond,
            "Right in the middle of the grid, and the grid has edges: of "
            "{words} yours gives {mine}. Which of them does not exist, or "
            "lies at the other end of a row?",
        ),
        Mistake(
            by_rows,
            "Your row and column of a patch are wrong where the grid is "
            "not square: of {words} yours gives {mine}. By what do you "
            "divide the number? So many patches has a row.",
        ),
        Mistake(
            downwards,
            "Yours counts the patches down the columns: of {words} it "
            "gives {mine}. They are numbered as one reads, along the "
            "rows. How many steps is it from a patch to the one below?",
        ),
        Mistake(
            some(*EIGHT),
            "Yours takes the corners too: of {words} it gives {mine}. The "
            "four that share a side are asked for.",
        ),
        Mistake(
            with_itself,
            "The neighbours are right, and the patch itself is among "
            "them: of {words} yours gives {mine}.",
        ),
        Mistake(
            some((0, -1), (0, 1)),
            "Left and right are right; above and below are missing. Of "
            "{words} yours gives {mine}.",
        ),
        Mistake(
            some((-1, 0), (1, 0)),
            "Above and below are right; left and right are missing. Of "
            "{words} yours gives {mine}.",
        ),
        Mistake(
            some((0, 1), (1, 0)),
            "Yours looks to the right and down only: of {words} it gives "
            "{mine}. A patch has neighbours on both sides.",
        ),
    ),
)

# patches that overlap


def overlapping(images: Tensor, patch_size: int, step: int) -> Tensor:
    """(b, c, h, w) -> (b, n, p * p * c), a patch every `step` pixels."""
    p = patch_size
    windows = images.unfold(2, p, step).unfold(3, p, step)
    return rearrange(windows, "b c row col y x -> b (row col) (y x c)")


def overlap_cases() -> list[Case]:
    """Steps that fit and that do not, down to a single pixel."""
    draw, found = Draw(22), []
    for batch, channels, height, width, p, step in [
        (2, 3, 8, 12, 4, 2),
        (1, 2, 9, 7, 4, 3),
        (2, 1, 6, 9, 3, 3),
        (1, 3, 5, 8, 4, 1),
        (2, 2, 7, 5, 3, 2),
    ]:
        words = (
            f"{count_of(batch, 'image')} of {height} by {width} pixels, a "
            f"patch of {p} every {count_of(step, 'pixel')}"
        )
        images = draw.uniform(batch, channels, height, width)
        inputs = {"images": images, "patch_size": p, "step": step}
        n = overlapping(images, p, step).shape[1]
        tells = {"words": words, "p": p, "step": step, "n": n}
        found.append(Case(words, inputs, tells=tells))
    return found


def windows_as(pattern: str) -> Callable:
    """Give patches that overlap, of this pattern."""

    def wrong(images: Tensor, patch_size: int, step: int) -> Tensor:
        windows = images.unfold(2, patch_size, step)
        return rearrange(windows.unfold(3, patch_size, step), pattern)

    return wrong


def side_by_side(images: Tensor, patch_size: int, step: int) -> Tensor:
    """Ignore the step."""
    return overlapping(images, patch_size, patch_size)


def exchanged(images: Tensor, patch_size: int, step: int) -> Tensor:
    """Take the step for the side."""
    return overlapping(images, step, patch_size)


def padded(images: Tensor, patch_size: int, step: int) -> Tensor:
    """Let the last ones hang over the edge."""
    hang = [-(side - patch_size) % step for side in images.shape[2:]]
    images = F.pad(images, (0, hang[1], 0, hang[0]))
    return overlapping(images, patch_size, step)


def one_short(images: Tensor, patch_size: int, step: int) -> Tensor:
    """Stop before the last place, as `range(0, h - p, step)` does."""
    return overlapping(images[:, :, :-1, :-1], patch_size, step)


OVERLAPPING = Piece(
    name="overlapping_patches",
    chapter=2,
    reference=overlapping,
    cases=overlap_cases,
    axes="images, patches, numbers of a patch",
    next="With the step as long as the side, this is `patchify`. On the "
    "cat, a patch of 16 every 8 pixels makes 729 words where there were "
    "196, and for attention 531,441 pairs where there were 38,416.",
    mistakes=(
        Mistake(
            windows_as("b c row col y x -> b (row col) (c y x)"),
            "All the right patches, in the wrong order inside: at {where} "
            "yours has {yours}, wanted is {wanted}. `Unfold` counts the "
            "channels first, `patchify` last.",
        ),
        Mistake(
            windows_as("b c row col y x -> b (col row) (y x c)"),
            "Every patch is right, and the sequence goes down the "
            "columns. At {where} yours has {yours}, wanted is {wanted}. "
            "Which of your two loops is the inner one?",
        ),
        Mistake(
            windows_as("b c row col y x -> b (row col) (x y c)"),
            "The right patches, each mirrored along its diagonal. At "
            "{where} yours has {yours}, wanted is {wanted}. Inside a "
            "patch, which comes first, x or y?",
        ),
        Mistake(
            side_by_side,
            "Your patches do not overlap: your shape is {shape}, wanted "
            "is {right}. They are {p} pixels wide, and one begins every "
            "{step}. Where does `step` go?",
        ),
        Mistake(
            exchanged,
            "Side and step have changed places: your shape is {shape}, "
            "wanted is {right}. A patch is {p} pixels wide, and the next "
            "begins {step} further on.",
        ),
        Mistake(
            one_short,
            "The last place is missing: your shape is {shape}, wanted is "
            "{right}. A patch that ends exactly at the edge still fits. "
            "Where does your `range` stop?",
        ),
        Mistake(
            padded,
            "The last of your patches hang over the edge, filled up with "
            "zeros: your shape is {shape}, wanted is {right}. What does "
            "not fit is left out.",
        ),
        Mistake(
            windows_as("b c row col y x -> b (c y x) (row col)"),
            "This is `Unfold` as torch gives it: your shape is {shape}, "
            "wanted is {right}, a patch in each row. When you have turned "
            "it, look at the order inside a patch too.",
        ),
        Mistake(
            windows_as("b c row col y x -> b (y x c) (row col)"),
            "The numbers are right, and the last two axes have changed "
            "places: your shape is {shape}, wanted is {right}.",
        ),
        Mistake(
            windows_as("b c row col y x -> b row col (y x c)"),
            "The patches are right, but they still stand in a grid: your "
            "shape is {shape}, wanted is {right}.",
        ),
        Mistake(
            windows_as("b c row col y x -> b (row col) y x c"),
            "The patches are right, but each is still a small picture: "
            "your shape is {shape}, wanted is {right}.",
        ),
    ),
)
