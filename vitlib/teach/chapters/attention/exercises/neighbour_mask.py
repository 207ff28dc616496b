"""Check your `neighbour_mask(rows, cols)`."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from vitlib.teach.checking.answer import Finding
from vitlib.teach.checking.compare import as_tensor
from vitlib.teach.checking.piece import Case, Mistake, Piece


def steps(rows: int, cols: int) -> tuple[Tensor, Tensor]:
    """Give the steps from patch to patch, in rows and in columns."""
    places = torch.arange(rows * cols)
    row, col = places // cols, places % cols
    return row[:, None] - row, col[:, None] - col


def neighbour_mask(rows: int, cols: int) -> Tensor:
    """Let each patch look at itself and the eight around it."""
    down, right = steps(rows, cols)
    return (down.abs() <= 1) & (right.abs() <= 1)


def cases() -> list[Case]:
    """Grids that are wide, high, flat and large."""
    return [
        Case(f"{rows} by {cols} patches", {"rows": rows, "cols": cols})
        for rows, cols in [(3, 4), (5, 3), (1, 5), (6, 7), (14, 14)]
    ]


def neighbours_by_number(rows: int, cols: int) -> Tensor:
    """Take the numbers of the patches for places."""
    places = torch.arange(rows * cols)
    apart = (places[:, None] - places).abs()
    near = [0, 1, cols - 1, cols, cols + 1]
    return torch.isin(apart, torch.tensor(near))


def with_class_token(rows: int, cols: int) -> Tensor:
    """Count the class token among those who may look."""
    mask = torch.ones(1 + rows * cols, 1 + rows * cols, dtype=torch.bool)
    mask[1:, 1:] = neighbour_mask(rows, cols)
    return mask


def round_the_edges(rows: int, cols: int) -> Tensor:
    """Let each edge join the opposite one."""
    down, right = (side.abs() for side in steps(rows, cols))
    down, right = down.minimum(rows - down), right.minimum(cols - right)
    return (down <= 1) & (right <= 1)


def next_in_sequence(rows: int, cols: int) -> Tensor:
    """Take the numbers beside it for the neighbours."""
    places = torch.arange(rows * cols)
    return (places[:, None] - places).abs() <= 1


def near_by(allowed: Callable[[Tensor, Tensor], Tensor]) -> Callable:
    """Give a mask with another idea of what is near."""

    def wrong(rows: int, cols: int) -> Tensor:
        return allowed(*steps(rows, cols))

    return wrong


def first_pair(case: Case, found: Tensor) -> dict[str, object]:
    """Name the first pair of patches about which the answer is wrong."""
    rows, cols = case.inputs.values()
    wrong = found.bool() != neighbour_mask(rows, cols)
    one, other = wrong.nonzero()[0].tolist()

    def place(patch: int) -> str:
        return (
            f"patch {patch} (row {patch // cols}, column {patch % cols})"
        )

    may = "may" if found[one, other] else "may not"
    return {"pair": f"{place(one)} {may} look at {place(other)}"}


class MaskPiece(Piece):
    """The answer is a table of True and False, or of 1 and 0."""

    def read(self, output: object, case: Case) -> Tensor:
        """Give 1 where one may look; refuse all but 0 and 1."""
        if isinstance(output, list | tuple | np.ndarray):
            try:
                output = torch.as_tensor(output)
            except (TypeError, ValueError, RuntimeError):
                return as_tensor(output)
        if not isinstance(output, Tensor):
            return as_tensor(output)
        held = output.double().unique()
        other = held[(held != 0) & (held != 1)]
        if len(other):
            raise Finding(
                f"Your mask holds {other[0]:g}, and it should hold True "
                "and False, or 1 and 0: a comparison such as `apart <= 1` "
                "gives them. What do your numbers say, and what follows "
                "from them about who may look?",
                "no_booleans",
            )
        return as_tensor(output.double())

    def words(
        self, mistake: Mistake, case: Case, wanted: Tensor, found: Tensor
    ) -> dict[str, object]:
        """Tell the first pair about which the answer is wrong."""
        words = super().words(mistake, case, wanted, found)
        if found.shape == wanted.shape:
            pair = first_pair(case, found)["pair"]
            words["seen"] = f"{pair[0].upper()}{pair[1:]}."
        return words

    def tell(self, case: Case, yours: Tensor, right: Tensor) -> str:
        """Name the first pair about which the answer is wrong."""
        if yours.shape != right.shape:
            return ""
        good = int((yours == right).sum())
        one, other = (yours != right).nonzero()[0].tolist()
        ask = "How far apart are the two, in rows and in columns?"
        if one == other:
            ask = "May a patch not look at itself?"
        return (
            f"In a grid of {case.words} {good} of {yours.numel()} pairs "
            f"are right. But {first_pair(case, yours)['pair']}. {ask}"
        )


PIECE = MaskPiece(
    module=__name__,
    number=3,
    reference=neighbour_mask,
    cases=cases,
    axes="patches that look, patches that are looked at",
    differentiable=False,
    shown="On five grids, square or not, each patch may look at itself "
    "and those around it.",
    next="With 14 by 14 patches 1,600 of 38,416 pairs are allowed. Given "
    "to `attention_weights`, as booleans, it makes of attention something "
    "like a convolution of 3 by 3, whose weights depend on what is there.",
    mistakes=(
        Mistake(
            "neighbours_by_number",
            neighbours_by_number,
            "You compare the numbers of the patches, and a line of the "
            "picture ends where the next begins: {pair}. What are the row "
            "and the column of a number?",
            first_pair,
        ),
        Mistake(
            "next_in_sequence",
            next_in_sequence,
            "You compare the numbers of the patches, and only those that "
            "follow one another are near: {pair}. How many numbers "
            "further on is the patch below?",
            first_pair,
        ),
        Mistake(
            "round_the_edges",
            round_the_edges,
            "The picture is rolled up: {pair}, across the edge. How far "
            "apart are the first column and the last?",
            first_pair,
        ),
        Mistake(
            "rows_only",
            near_by(lambda down, right: down.abs() <= 1),
            "Only the rows count: {pair}. What about the columns?",
            first_pair,
        ),
        Mistake(
            "columns_only",
            near_by(lambda down, right: right.abs() <= 1),
            "Only the columns count: {pair}. What about the rows?",
            first_pair,
        ),
        Mistake(
            "corners_only",
            near_by(
                lambda down, right: (down.abs() == 1) & (right.abs() == 1)
            ),
            "Only the four corners are left: {pair}. You ask that row and "
            "column differ by exactly 1. Which of them may stay the same?",
            first_pair,
        ),
        Mistake(
            "a_circle_of_two",
            near_by(
                lambda down, right: down.square() + right.square() <= 4
            ),
            "You measure along a straight line, and up to 2: {pair}. The "
            "corners are 1.41 away. How far are two columns?",
            first_pair,
        ),
        Mistake(
            "no_corners",
            near_by(lambda down, right: down.abs() + right.abs() <= 1),
            "Above, below, left and right are right; the four corners are "
            "missing: {pair}. How far may a row differ while the column "
            "differs, too?",
            first_pair,
        ),
        Mistake(
            "inverted",
            lambda rows, cols: ~neighbour_mask(rows, cols),
            "Right, and turned round: yours is True where a patch may "
            "not look, as in `nn.MultiheadAttention`. Here True means "
            "that it may."
            " Which comparison says who may?",
        ),
        Mistake(
            "without_itself",
            near_by(
                lambda down, right: (
                    (down.abs() <= 1)
                    & (right.abs() <= 1)
                    & ((down != 0) | (right != 0))
                )
            ),
            "All eight neighbours are there, and the patch itself is not: "
            "{pair}. A token may always listen to itself."
            " How far is a patch from itself?",
            first_pair,
        ),
        Mistake(
            "rows_and_columns_swapped",
            lambda rows, cols: neighbour_mask(cols, rows),
            "Rows and columns have changed places: {pair}. Counting "
            "along the picture, after how many patches does a new row "
            "begin?",
            first_pair,
        ),
        Mistake(
            "one_sided",
            near_by(lambda down, right: (down <= 1) & (right <= 1)),
            "A step to one side is held to 1, a step to the other may be "
            "as long as it likes: {pair}. A difference can be negative."
            " What makes a distance of it?",
            first_pair,
        ),
        Mistake(
            "row_or_column",
            near_by(
                lambda down, right: (down.abs() <= 1) | (right.abs() <= 1)
            ),
            "For you it is enough if the row or the column is near: each "
            "patch sees a broad cross, and {pair}. Which of the two must "
            "hold?",
            first_pair,
        ),
        Mistake(
            "only_itself",
            near_by(lambda down, right: (down.abs() < 1) & (right == 0)),
            "Each patch may look at itself and at nobody else: {pair}. "
            "How far may row and column differ?",
            first_pair,
        ),
        Mistake(
            "two_steps",
            near_by(
                lambda down, right: (down.abs() <= 2) & (right.abs() <= 2)
            ),
            "Your neighbours are two steps away, 25 patches in place of "
            "nine: {pair}."
            " How far may a neighbour be?",
            first_pair,
        ),
        Mistake(
            "with_class_token",
            with_class_token,
            "The class token is among them: your shape is {shape}, wanted "
            "is {right}. This mask is for the patches alone."
            " Which row and column are too many?",
        ),
        Mistake(
            "an_axis_for_each_side",
            lambda rows, cols: neighbour_mask(rows, cols).reshape(
                rows, cols, rows, cols
            ),
            "The pairs are right, with an axis for each row and column: "
            "your shape is {shape}, wanted is {right}, one axis for each "
            "of the two patches."
            " Which axes become one?",
        ),
    ),
)
