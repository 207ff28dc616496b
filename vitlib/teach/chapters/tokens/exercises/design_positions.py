"""Check your `design_positions(grid, embed_dim)`, of any design."""

import torch
from torch import Tensor
from torch.nn import functional as F

from vitlib.teach.checking.answer import Caught, Finding, Runner
from vitlib.teach.checking.compare import as_tensor
from vitlib.teach.checking.picture import matrices
from vitlib.teach.checking.piece import Case, Piece
from vitlib.teach.checking.words import shape_of
from vitlib.tokens import sincos_positions

ALIKE = 0.99  # so alike are two places that are taken for one
GRIDS = [
    ((4, 4), 64),
    ((14, 14), 192),
    ((3, 7), 64),
    ((9, 4), 32),
    ((1, 5), 16),
    ((14, 14), 16),
]


def waves(grid: tuple[int, int], embed_dim: int) -> Tensor:
    """(rows, cols) -> (n, d): sine and cosine, scaled to length 1."""
    table = sincos_positions(grid, embed_dim, class_token=False)[0]
    return F.normalize(table.double(), dim=1)


def bumps(grid: tuple[int, int], embed_dim: int) -> Tensor:
    """(rows, cols) -> (n, d): for each side a bump that moves along."""
    at = torch.linspace(-3, 17, embed_dim // 2, dtype=torch.float64)
    places = torch.cartesian_prod(*map(torch.arange, grid))
    apart = places[:, :, None] - at
    found = F.normalize(torch.exp(-(apart**2) / 8), dim=2)
    return found.flatten(1) / 2**0.5


def cases() -> list[Case]:
    """Grids that are square, wide, high and flat."""
    return [
        Case(
            f"a grid of {grid[0]} by {grid[1]} and a width of {width}",
            {"grid": grid, "embed_dim": width},
        )
        for grid, width in GRIDS
    ]


def steps(grid: tuple[int, int]) -> Tensor:
    """Count the steps from place to place, (n, n)."""
    places = torch.cartesian_prod(*map(torch.arange, grid))
    return (places[:, None] - places).abs().sum(dim=2)


def place(index: int, grid: tuple[int, int]) -> str:
    """Name a place."""
    row, col = divmod(index, grid[1])
    return f"row {row}, column {col}"


def lengths(grid: tuple[int, int], table: Tensor) -> Finding | None:
    """Every vector has length 1."""
    found = table.norm(dim=1)
    low, high = found.min().item(), found.max().item()
    if low >= 0.99 and high <= 1.01:
        return None
    seen = (
        f"{low:.2f} to {high:.2f}" if high - low > 0.01 else f"{low:.2f}"
    )
    return Finding(
        f"Your vectors have a length of {seen}. Wanted is 1: positions "
        "that are louder drown the picture, and quiet ones are not heard.",
        "other_length",
    )


def apart(grid: tuple[int, int], table: Tensor) -> Finding | None:
    """No two places are taken for one."""
    alike = table @ table.T
    alike.fill_diagonal_(-1)
    if not alike.numel() or alike.max() <= ALIKE:
        return None
    first, second = divmod(int(alike.argmax()), len(table))
    row = torch.arange(len(table)) // grid[1]
    beside = (row[:, None] == row) & (steps(grid) > 0)
    in_rows = beside.any() and bool((alike[beside] > ALIKE).all())
    both = f"{place(first, grid)}, and {place(second, grid)}"
    told = (
        f"Two places can hardly be told apart: {both}. Their dot product "
        f"is {alike.max():.3f}, and {ALIKE} is the most that is allowed."
    )
    others = steps(grid) > 0
    if (alike[others] > ALIKE).all():
        told += " So it is with all of them."
        return Finding(told, "all_places_alike")
    if in_rows:
        told += " So it is all along each row. Where do columns go in?"
        return Finding(told, "columns_alike")
    told += " What changes in your vector from one to the other?"
    return Finding(told, "places_alike")


def near(grid: tuple[int, int], table: Tensor) -> Finding | None:
    """The places beside are more alike than all others."""
    alike, away = table @ table.T, steps(grid)
    for index in range(len(table)):
        beside, others = away[index] == 1, away[index] > 1
        if not others.any() or not beside.any():
            continue
        least = alike[index].masked_fill(~beside, 2).argmin()
        most = alike[index].masked_fill(~others, -2).argmax()
        if alike[index, least] > alike[index, most]:
            continue
        guess = why(grid, alike, away, index)
        return Finding(
            f"Take {place(index, grid)}. The place beside it, "
            f"{place(int(least), grid)}, has a dot product of "
            f"{alike[index, least]:.2f} with it; "
            f"{place(int(most), grid)}, {int(away[index, most])} steps "
            f"away, has {alike[index, most]:.2f}. "
            f"{guess.message}",
            guess.mistake,
        )
    return None


def why(
    grid: tuple[int, int], alike: Tensor, away: Tensor, index: int
) -> Finding:
    """Guess what kind of positions these are."""
    rows, cols = grid
    some = alike[index, away[index] > 0]
    if (some[:, None] - some).abs().gt(1e-6).float().mean() < 0.6:
        return Finding(
            "Most places are one as like it as the other. What could make "
            "the near ones nearer?",
            "equally_far",
        )
    others = alike[away > 1]
    beside = alike[away == 1]
    if (beside.mean() - others.mean()).abs() < 0.1:
        return Finding(
            "The places beside are no more like it than all others: these "
            "positions differ, and know nothing of near and far.",
            "near_as_far",
        )
    index = torch.arange(rows * cols)
    step = index[:, None] - index
    along = alike[step == 1]
    if rows > 1 and cols > 1 and along.max() - along.min() < 1e-3:
        return Finding(
            "Your positions count along the sequence, over the ends of "
            "the rows. How near is the place below?",
            "along_the_sequence",
        )
    if rows != cols and min(rows, cols) > 1:
        right = alike[(step == 1) & (away == 1)].mean()
        down = alike[(step == cols) & (away == 1)].mean()
        if (right - down).abs() > 0.02:
            way = "down" if down < right else "to the right"
            return Finding(
                f"A step {way} changes more than a step the other way. "
                "Are rows and columns measured by the same rule, in "
                "steps, whatever the size of the grid?",
                "rows_unlike_columns",
            )
    return Finding(
        "Does what you build on turn back, or jump, somewhere?",
        "turns_back",
    )


def refuse_waves(asked: list[Case], found: list[Tensor]) -> None:
    """The waves of the chapter are no design of the reader's own."""
    if all(
        torch.allclose(table, waves(**case.inputs), atol=1e-4)
        for case, table in zip(asked, found, strict=True)
    ):
        raise Finding(
            "These are the waves of this chapter, scaled to length 1, and "
            "no design of your own. With 16 numbers for 14 by 14 places "
            "they even turn back. Which other vectors grow less alike, "
            "the further apart two places are?",
            "waves_of_the_chapter",
        )


class DesignPiece(Piece):
    """There is no one right answer, but there are demands."""

    def read(self, output: object, case: Case) -> Tensor:
        """Take positions with or without an axis of 1 in front."""
        table = as_tensor(output).detach().double()
        if table.ndim == 3 and len(table) == 1:
            table = table[0]
        rows, cols = case.inputs["grid"]
        wanted = rows * cols, case.inputs["embed_dim"]
        if tuple(table.shape) == (wanted[0] + 1, wanted[1]):
            raise Finding(
                f"For {case.words} yours gives {wanted[0] + 1} positions. "
                "One too many: the class token stands outside the grid, "
                "and needs none here.",
                "with_class_token",
            )
        if tuple(table.shape) != wanted:
            raise Finding(
                f"For {case.words} yours gives the shape "
                f"{shape_of(table)}, wanted is {wanted}: a row for each "
                "place, in reading order.",
                "other_shape",
            )
        if not torch.isfinite(table).all():
            raise Finding(
                f"For {case.words} some of your numbers are infinite, or "
                "no numbers at all (nan). A grid may have a single row: "
                "where does your code divide?",
                "not_finite",
            )
        return table

    def examine(self, runner: Runner) -> str:
        """Make every demand on every grid."""
        asked = self.cases()
        found = [self.found(runner, case) for case in asked]
        for case, table in zip(asked, found, strict=True):
            again = self.found(runner, case, seed=1)
            if not torch.allclose(table, again, atol=1e-6):
                raise Finding(
                    f"Asked twice for {case.words}, yours gives two "
                    "answers. A model that is loaded tomorrow must find "
                    "its places again. What may be random once, and is "
                    "then kept?",
                    "random",
                )
        refuse_waves(asked, found)
        for case, table in zip(asked, found, strict=True):
            for demand in (lengths, apart, near):
                wrong = demand(case.inputs["grid"], table)
                if wrong:
                    raise Finding(
                        f"I asked for {case.words}. {wrong.message}",
                        wrong.mistake,
                    )
        return f"Right. {self.shown}\n\n{self.next}"

    def found(self, runner: Runner, case: Case, seed: int = 0) -> Tensor:
        """Give the positions, or say what came instead."""
        try:
            return self.read(self.ask(runner, case, seed=seed), case)
        except Caught as caught:
            message = f"I asked for {case.words}. {caught.message}"
            raise Finding(message, "stops") from None


def draw_nearness(piece: Piece, runner: Runner) -> str:
    """Draw how alike all places are to one, yours and the waves'."""
    case = piece.cases()[2]
    rows, cols = grid = case.inputs["grid"]
    middle = rows // 2 * cols + cols // 2
    named = {}
    tables = piece.found(runner, case), waves(**case.inputs)
    for name, table in zip(("yours", "waves"), tables, strict=True):
        alike = F.normalize(table, dim=1) @ F.normalize(
            table[middle], dim=0
        )
        named[name] = (alike - alike.mean()).reshape(grid)
    return matrices(
        named,
        f"Two grids of {rows} by {cols} places, coloured by how like each "
        "is to the one in the middle, by your positions and by sine and "
        "cosine: red is more than on average, blue is less.",
    )


PIECE = DesignPiece(
    module=__name__,
    number=5,
    reference=bumps,
    cases=cases,
    mistakes=(),
    draw=draw_nearness,
    differentiable=False,
    shown="On six grids, one of them a single row, every place is as "
    "loud as every other, can be told from all, and is most like those "
    "beside it.",
    next="A model could start from these. The paper's own positions know "
    "nothing of this at the start, and have learned it in the end.",
)
