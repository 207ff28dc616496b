"""Check your `patches_around(index, rows, cols)`."""

from collections.abc import Callable

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
        if isinstance(output, set | frozenset | range):
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
        told = f"I asked about {case.words}. Yours gives {said(yours)}."
        if len(missing):
            told += f" Missing: {said(missing)}."
        if len(excess):
            told += f" No neighbours: {said(excess)}."
        if len(missing) or len(excess):
            return Finding(told, "unknown")
        told += " Each neighbour counts once."
        return Finding(told, "neighbours_twice")


def cases() -> list[Case]:
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
    shown="Nine patches in the middle, at edges and in corners have the "
    "neighbours that they should.",
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
            "corners_too",
            around(*CROSS, *CORNERS),
            "Yours takes the corners too: of {words} it gives {mine}. The "
            "four that share a side are asked for.",
        ),
        Mistake(
            "with_itself",
            with_itself,
            "The neighbours are right, and the patch itself is among "
            "them: of {words} yours gives {mine}.",
        ),
        Mistake(
            "same_row_only",
            around((0, -1), (0, 1)),
            "Left and right are right; above and below are missing. Of "
            "{words} yours gives {mine}.",
        ),
        Mistake(
            "same_column_only",
            around((-1, 0), (1, 0)),
            "Above and below are right; left and right are missing. Of "
            "{words} yours gives {mine}.",
        ),
        Mistake(
            "right_and_below_only",
            around((0, 1), (1, 0)),
            "Yours looks to the right and down only: of {words} it gives "
            "{mine}. A patch has neighbours on both sides.",
        ),
    ),
)
