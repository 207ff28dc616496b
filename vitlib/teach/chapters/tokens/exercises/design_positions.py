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
]


def waves(grid: tuple[int, int], embed_dim: int) -> Tensor:
    """(rows, cols) -> (n, d): sine and cosine, scaled to length 1."""
    table = sincos_positions(grid, embed_dim, class_token=False)[0]
    return F.normalize(table.double(), dim=1)


def design_cases() -> list[Case]:
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
                "and needs none here."
            )
        if tuple(table.shape) != wanted:
            raise Finding(
                f"For {case.words} yours gives the shape "
                f"{shape_of(table)}, wanted is {wanted}: a row for each "
                "place, in reading order."
            )
        if not torch.isfinite(table).all():
            raise Finding(
                f"For {case.words} some of your numbers are infinite, or "
                "no numbers at all (nan). A grid may have a single row: "
                "where does your code divide?"
            )
        return table

    def examine(self, runner: Runner) -> str:
        """Make every demand on every grid."""
        cases = self.cases()
        found = [self.found(runner, case) for case in cases]
        for case, table in zip(cases, found, strict=True):
            again = self.found(runner, case, seed=1)
            if not torch.allclose(table, again, atol=1e-6):
                raise Finding(
                    f"Asked twice for {case.words}, yours gives two "
                    "answers. A model that is loaded tomorrow must find "
                    "its places again. What may be random once, and is "
                    "then kept?"
                )
        for demand in (lengths, apart, near):
            for case, table in zip(cases, found, strict=True):
                message = demand(case.inputs["grid"], table)
                if message:
                    raise Finding(f"I asked for {case.words}. {message}")
        return f"Right. {self.shown}\n\n{self.next}"

    def found(self, runner: Runner, case: Case, seed: int = 0) -> Tensor:
        """Give the positions, or say what came instead."""
        try:
            return self.read(self.ask(runner, case, seed=seed), case)
        except Caught as caught:
            message = f"I asked for {case.words}. {caught.message}"
            raise Finding(message) from None


def lengths(grid: tuple[int, int], table: Tensor) -> str:
    """Every vector has length 1."""
    found = table.norm(dim=1)
    low, high = found.min().item(), found.max().item()
    if low >= 0.99 and high <= 1.01:
        return ""
    seen = (
        f"{low:.2f} to {high:.2f}" if high - low > 0.01 else f"{low:.2f}"
    )
    return (
        f"Your vectors have a length of {seen}. Wanted is 1: positions "
        "that are louder drown the picture, and quiet ones are not heard."
    )


def apart(grid: tuple[int, int], table: Tensor) -> str:
    """No two places are taken for one."""
    alike = table @ table.T
    alike.fill_diagonal_(-1)
    if not alike.numel() or alike.max() <= ALIKE:
        return ""
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
        return f"{told} So it is with all of them."
    if in_rows:
        return (
            f"{told} So it is all along each row. Where do columns go in?"
        )
    return f"{told} What changes in your vector from one to the other?"


def near(grid: tuple[int, int], table: Tensor) -> str:
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
        return (
            f"Take {place(index, grid)}. The place beside it, "
            f"{place(int(least), grid)}, has a dot product of "
            f"{alike[index, least]:.2f} with it; "
            f"{place(int(most), grid)}, {int(away[index, most])} steps "
            f"away, has {alike[index, most]:.2f}. "
            f"{why(grid, alike, away, index)}"
        )
    return ""


def why(
    grid: tuple[int, int], alike: Tensor, away: Tensor, index: int
) -> str:
    """Guess what kind of positions these are."""
    rows, cols = grid
    some = alike[index, away[index] > 0]
    if (some[:, None] - some).abs().gt(1e-6).float().mean() < 0.6:
        return (
            "Most places are one as like it as the other. What could make "
            "the near ones nearer?"
        )
    others = alike[away > 1]
    beside = alike[away == 1]
    if (beside.mean() - others.mean()).abs() < 0.1:
        return (
            "The places beside are no more like it than all others: these "
            "positions differ, and know nothing of near and far."
        )
    index = torch.arange(rows * cols)
    step = index[:, None] - index
    along = alike[step == 1]
    if rows > 1 and cols > 1 and along.max() - along.min() < 1e-3:
        return (
            "Your positions count along the sequence, over the ends of "
            "the rows. How near is the place below?"
        )
    if rows != cols and min(rows, cols) > 1:
        right = alike[(step == 1) & (away == 1)].mean()
        down = alike[(step == cols) & (away == 1)].mean()
        if (right - down).abs() > 0.02:
            way = "down" if down < right else "to the right"
            return (
                f"A step {way} changes more than a step the other way. "
                "Are rows and columns measured by the same rule, in "
                "steps, whatever the size of the grid?"
            )
    return "Does what you build on turn back, or jump, somewhere?"


def draw_nearness(piece: Piece, runner: Runner) -> str:
    """Draw how alike all places are to one, yours and the waves'."""
    case = piece.cases()[2]
    rows, cols = grid = case.inputs["grid"]
    middle = rows // 2 * cols + cols // 2
    named = {}
    tables = piece.found(runner, case), piece.expect(case)
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
    reference=waves,
    cases=design_cases,
    mistakes=(),
    draw=draw_nearness,
    differentiable=False,
    shown="On five grids, one of them a single row, every place is as "
    "loud as every other, can be told from all, and is most like those "
    "beside it.",
    next="A model could start from these. The paper's own positions know "
    "nothing of this at the start, and have learned it in the end.",
)
