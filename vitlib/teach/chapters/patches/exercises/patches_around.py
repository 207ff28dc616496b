"""Check your `patches_around(index, rows, cols)`."""

from collections.abc import Callable, Generator
from math import prod

import numpy as np
import torch
from torch import Tensor

from vitlib.teach.checking.answer import Finding, Runner, Unwritten
from vitlib.teach.checking.compare import agrees, kind_of
from vitlib.teach.checking.number import numbers_in
from vitlib.teach.checking.picture import matrices
from vitlib.teach.checking.piece import Case, Mistake, Piece, questions

CROSS = [(-1, 0), (0, -1), (0, 1), (1, 0)]  # steps down and right
CORNERS = [(-1, -1), (-1, 1), (1, -1), (1, 1)]


def around(*steps: tuple[int, int]) -> Callable:
    """Number the patches that lie at one of these steps."""

    def numbers(index: int, rows: int, cols: int) -> list[int]:
        row, col = divmod(index, cols)
        places = [(row + down, col + right) for down, right in steps]
        return [
            r * cols + c
            for r, c in places
            if 0 <= r < rows and 0 <= c < cols
        ]

    return numbers


def patches_around(index: int, rows: int, cols: int) -> list[int]:
    """Number the patches above, to the left, to the right and below."""
    return around(*CROSS)(index, rows, cols)


def said(patches: Tensor) -> str:
    """Write the numbers of patches.

    >>> said(torch.tensor([2.0, 5.0])), said(torch.tensor([]))
    ('2, 5', 'none')
    """
    return ", ".join(f"{n:g}" for n in patches.tolist()) or "none"


class AroundPiece(Piece):
    """The answer is a collection of numbers, in any order."""

    def read(self, output: object, case: Case) -> Tensor:
        """Sort the numbers."""
        if output is None or output is ...:
            raise Unwritten
        some = set | frozenset | range | np.ndarray | Generator
        if isinstance(output, some):
            output = list(output)
        if not isinstance(output, list | tuple | Tensor):
            raise Finding(
                f"Your code gives {kind_of(output)}. Wanted is a list of "
                "numbers.",
                "no_list",
            )
        if isinstance(output, list | tuple) and any(
            isinstance(part, list | tuple) for part in output
        ):
            raise Finding(
                "Your list holds pairs, perhaps rows and columns. Wanted "
                "are the numbers of the patches in the sequence. Which "
                "number has the patch in row r and column c?",
                "rows_and_columns",
            )
        found = numbers_in(output, ("numbers of patches",))
        return torch.tensor(found, dtype=torch.float64).sort().values

    def words(
        self, mistake: Mistake, case: Case, wanted: Tensor, found: Tensor
    ) -> dict[str, object]:
        """Tell the two lists."""
        return case.tells | {"mine": said(found), "good": said(wanted)}

    def tell(self, case: Case, yours: Tensor, right: Tensor) -> Finding:
        """Say what is missing, and what is too many."""
        missing = right[~torch.isin(right, yours)]
        excess = yours[~torch.isin(yours, right)]
        row, col = case.tells["row"], case.tells["col"]
        told = (
            f"I asked about {case.words}; it stands in row {row}, column "
            f"{col}. Yours gives {said(yours)}."
        )
        if len(missing):
            told += f" Missing: {said(missing)}."
        if len(excess):
            told += f" No neighbours: {said(excess)}."
        if len(missing) and not len(excess):
            way = direction(case, int(missing[0]))
            return Finding(
                f"{told} Rows and columns count from 0. In which of them "
                f"is there a patch {way}, and what does your condition "
                "say?",
                "neighbour_missing",
            )
        if len(excess):
            return Finding(
                f"{told} In which row and column do these stand, and how "
                "many steps is that away?",
                "unknown",
            )
        told += " Each neighbour counts once."
        return Finding(told, "neighbours_twice")


def direction(case: Case, neighbour: int) -> str:
    """Say on which side of the patch its neighbour lies."""
    index, _, cols = case.inputs.values()
    step = neighbour - index
    if abs(step) == cols and (cols > 1 or case.inputs["rows"] > 1):
        return "above" if step < 0 else "below"
    return "to the left" if step < 0 else "to the right"


def one_based(index: int, rows: int, cols: int) -> list[int]:
    """Count the patches from 1."""
    return [number + 1 for number in patches_around(index, rows, cols)]


def round_the_edges(index: int, rows: int, cols: int) -> list[int]:
    """Let each edge join the opposite one."""
    row, col = divmod(index, cols)
    return [
        (row + down) % rows * cols + (col + right) % cols
        for down, right in CROSS
    ]


def always_14(index: int, rows: int, cols: int) -> list[int]:
    """Take every grid for that of the cat."""
    return patches_around(index, 14, 14)


def one_of_each_pair(index: int, rows: int, cols: int) -> list[int]:
    """Ask `elif` where both may hold."""
    row, col = divmod(index, cols)
    found = [index - cols] if row > 0 else []
    if row == 0 and rows > 1:
        found.append(index + cols)
    if col > 0:
        return [*found, index - 1]
    return [*found, index + 1] if cols > 1 else found


def cases() -> list[Case]:
    """Ask in the middle, at the edges, in the corners, then everywhere."""
    found = []
    grids = [(3, 5), (4, 3), (4, 1), (1, 4)]
    everywhere = [(i, *grid) for grid in grids for i in range(prod(grid))]
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
        *everywhere,
    ]:
        inputs = {"index": index, "rows": rows, "cols": cols}
        words = f"patch {index} of a grid of {rows} by {cols}"
        row, col = divmod(index, cols)
        tells = {"words": words, "row": row, "col": col, **inputs}
        found.append(Case(words, inputs, tells=tells))
    return found


def neighbours_by_number(index: int, rows: int, cols: int) -> list[int]:
    """Step in the sequence, and stop at its ends only."""
    steps = index - cols, index - 1, index + 1, index + cols
    return [i for i in steps if 0 <= i < rows * cols]


def no_edges(index: int, rows: int, cols: int) -> list[int]:
    """Forget the edges."""
    return [index - cols, index - 1, index + 1, index + cols]


def one_too_far(index: int, rows: int, cols: int) -> list[int]:
    """Take the number of rows for that of the last row."""
    found = [index - cols] if index >= cols else []
    found += [index - 1] if index % cols else []
    return [*found, index + 1, index + cols]


def divided_by_rows(index: int, rows: int, cols: int) -> list[int]:
    """Divide by the number of rows."""
    row, col = divmod(index, rows)
    places = (row - 1, col), (row, col - 1), (row, col + 1), (row + 1, col)
    return [
        r * cols + c for r, c in places if 0 <= r < rows and 0 <= c < cols
    ]


def patches_column_by_column(
    index: int, rows: int, cols: int
) -> list[int]:
    """Count the patches down the columns."""
    return patches_around(index, cols, rows)


def with_itself(index: int, rows: int, cols: int) -> list[int]:
    """Count the patch among its own neighbours."""
    return [*patches_around(index, rows, cols), index]


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


PIECE = AroundPiece(
    module=__name__,
    number=4,
    reference=patches_around,
    cases=cases,
    differentiable=False,
    draw=draw_grid,
    shown="In six grids, of one row and of one column too, every patch "
    "has the neighbours that it should.",
    next="To know what lies below a patch one must be told the number of "
    "columns. A model is not told: it has to find out, with the positions "
    "of chapter 4.",
    mistakes=(
        Mistake(
            "neighbours_by_number",
            neighbours_by_number,
            "Right in the middle of the grid. But of {words} yours gives "
            "{mine}, and this patch stands at an edge: the one beside it "
            "in the sequence lies at the other edge, one row on. How do "
            "you know in which column you are?",
        ),
        Mistake(
            "no_edges",
            no_edges,
            "Right in the middle of the grid, and the grid has edges: of "
            "{words} yours gives {mine}. Which of them does not exist, or "
            "lies at the other end of a row?",
        ),
        Mistake(
            "one_too_far",
            one_too_far,
            "Right but in the last row and the last column: of {words} "
            "yours gives {mine}. Rows and columns count from 0. Which "
            "number has the last?",
        ),
        Mistake(
            "divided_by_rows",
            divided_by_rows,
            "Your row and column of a patch are wrong where the grid is "
            "not square: of {words} yours gives {mine}. By what do you "
            "divide the number? So many patches has a row.",
        ),
        Mistake(
            "patches_column_by_column",
            patches_column_by_column,
            "Yours counts the patches down the columns: of {words} it "
            "gives {mine}. They are numbered as one reads, along the "
            "rows. How many steps is it from a patch to the one below?",
        ),
        Mistake(
            "counted_from_one",
            one_based,
            "Right, and each one too high: of {words} yours gives {mine}. "
            "The first patch of the sequence has the number 0."
            " Which number does your first row begin with?",
        ),
        Mistake(
            "round_the_edges",
            round_the_edges,
            "Right in the middle of the grid. But of {words} yours gives "
            "{mine}: you go round the edges, as if the picture were "
            "rolled up. What lies beyond an edge is left out."
            " How do you know that a step leads out?",
        ),
        Mistake(
            "always_14",
            always_14,
            "Right for 14 by 14 patches. But of {words} yours gives "
            "{mine}. Where does your code say 14 instead of `rows` and "
            "`cols`?",
        ),
        Mistake(
            "one_of_each_pair",
            one_of_each_pair,
            "Yours gives one neighbour of each pair: of {words} {mine}. "
            "After an `if` that holds, what becomes of its `elif`? A "
            "patch may have both.",
        ),
        Mistake(
            "corners_too",
            around(*CROSS, *CORNERS),
            "Yours takes the corners too: of {words} it gives {mine}. The "
            "four that share a side are asked for."
            " Which of your steps go down and sideways at once?",
        ),
        Mistake(
            "with_itself",
            with_itself,
            "The neighbours are right, and the patch itself is among "
            "them: of {words} yours gives {mine}."
            " Which of your steps leads nowhere?",
        ),
        Mistake(
            "same_row_only",
            around((0, -1), (0, 1)),
            "Left and right are right; above and below are missing. Of "
            "{words} yours gives {mine}."
            " How far away in the sequence is the patch below?",
        ),
        Mistake(
            "same_column_only",
            around((-1, 0), (1, 0)),
            "Above and below are right; left and right are missing. Of "
            "{words} yours gives {mine}."
            " How far away in the sequence is the patch beside it?",
        ),
        Mistake(
            "right_and_below_only",
            around((0, 1), (1, 0)),
            "Yours looks to the right and down only: of {words} it gives "
            "{mine}. A patch has neighbours on both sides."
            " Which steps lead back?",
        ),
    ),
)
