"""Check your `look_left(places)`, which makes queries."""

import torch
from torch import Tensor

from vitlib.teach.checking.answer import Finding
from vitlib.teach.checking.compare import as_tensor
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import shape_of
from vitlib.tokens import sincos_positions

# What is said of a patch in place of where it looks
EDGE = -1.0  # it has no neighbour on its left
TIE = -2.0  # several places have the highest score
BLIND = -3.0  # all places have it
COLUMN = -4.0  # those of the column on its left have it, and they alone
ROW = -5.0  # those of its own row have it, and they alone


def turned(
    places: Tensor, right: float = 0.0, down: float = 0.0
) -> Tensor:
    """Give the waves of other places: so far to the right, and down."""
    width = places.shape[1] // 4
    f = 1e-4 ** (torch.arange(width, dtype=places.dtype) / width)
    col_sin, col_cos, row_sin, row_cos = places.split(width, dim=1)
    found = []
    for sin, cos, step in [
        (col_sin, col_cos, f * right),
        (row_sin, row_cos, f * down),
    ]:
        found.append(sin * step.cos() + cos * step.sin())
        found.append(cos * step.cos() - sin * step.sin())
    return torch.cat(found, dim=1)


def look_left(places: Tensor) -> Tensor:
    """Ask for the place one column to the left."""
    return turned(places, right=-1.0)


def cases() -> list[Case]:
    """Draw grids; in the last the patches come in any order."""
    draw, found = Draw(56), []
    for grid, width, words in [
        ((14, 14), 384, ""),
        ((5, 8), 96, ""),
        ((6, 4), 160, " in any order"),
    ]:
        places = sincos_positions(grid, width, class_token=False)[0]
        row, col = torch.cartesian_prod(*map(torch.arange, grid)).T
        order = torch.arange(len(places))
        if words:
            order = torch.randperm(len(places), generator=draw.generator)
        found.append(
            Case(
                f"{grid[0]} by {grid[1]} places{words}, {width} numbers "
                "each",
                {"places": places.double()[order]},
                tells={"row": row[order], "col": col[order]},
            )
        )
    return found


def winners(scores: Tensor, row: Tensor, col: Tensor) -> Tensor:
    """Say for every patch which place has its highest score."""
    close = 1e-5 * scores.abs().amax(dim=1, keepdim=True)
    alike = ~(scores < scores.amax(dim=1, keepdim=True) - close)
    found = scores.argmax(dim=1).double()
    found[alike.sum(dim=1) > 1] = TIE
    found[(alike == (col == col[:, None] - 1)).all(dim=1)] = COLUMN
    found[(alike == (row == row[:, None])).all(dim=1)] = ROW
    found[alike.all(dim=1)] = BLIND
    found[col == 0] = EDGE
    return found


def no_rows(places: Tensor) -> Tensor:
    """Leave the row's half empty."""
    half = places.shape[1] // 2
    return torch.cat(
        [look_left(places)[:, :half], 0 * places[:, half:]], dim=1
    )


def no_columns(places: Tensor) -> Tensor:
    """Leave the column's half empty."""
    half = places.shape[1] // 2
    return torch.cat([0 * places[:, :half], places[:, half:]], dim=1)


def rearranged(places: Tensor, order: str) -> Tensor:
    """Give right queries whose four quarters stand in another order."""
    quarters = look_left(places).chunk(4, dim=1)
    return torch.cat([quarters[int(at)] for at in order], dim=1)


def one_sign(places: Tensor, quarter: int) -> Tensor:
    """Turn the sign in one line of the addition theorem."""
    quarters = list(look_left(places).chunk(4, dim=1))
    quarters[quarter] = turned(places, right=1.0).chunk(4, dim=1)[quarter]
    return torch.cat(quarters, dim=1)


class LookPiece(Piece):
    """The answer gives queries, of which only the winner counts."""

    def read(self, output: object, case: Case) -> Tensor:
        """Say for every patch which place has its highest score."""
        queries, places = as_tensor(output), case.inputs["places"]
        if queries.shape != places.shape:
            raise Finding(
                "Each place needs a query as wide as a key, in all "
                f"{shape_of(places)}. Yours have the shape "
                f"{shape_of(queries)}.",
                "other_shape",
            )
        scores = queries.detach() @ places.to(queries.dtype).T
        return winners(scores, case.tells["row"], case.tells["col"])

    def words(
        self, mistake: Mistake, case: Case, wanted: Tensor, found: Tensor
    ) -> dict[str, object]:
        """Tell where the first patch looks that does not look left."""
        first = int((found != wanted).nonzero()[0])
        row, col = (case.tells[side] for side in ("row", "col"))
        seen = int(found[first])
        at = (
            "several places" if seen < 0 else f"({row[seen]}, {col[seen]})"
        )
        told = (
            f"The patch in row {row[first]}, column {col[first]} looks at"
        )
        return {"seen": f"{told} {at}."}

    def tell(self, case: Case, yours: Tensor, right: Tensor) -> Finding:
        """Count who looks left, and show one who does not."""
        inner = right != EDGE
        good = int((yours == right)[inner].sum())
        first = int((yours != right).nonzero()[0])
        row, col = (case.tells[side] for side in ("row", "col"))
        seen, name = int(yours[first]), "unknown"
        whom = f"at row {row[seen]}, column {col[seen]}"
        if seen < 0:
            whom, name = "at several places alike", "no_single_winner"
        if seen == BLIND:
            whom, name = "at all places alike", "all_places_alike"
        return Finding(
            f"I asked about {case.words}. Of {int(inner.sum())} "
            f"patches that have a left neighbour {good} look at it. The "
            f"one in row {row[first]}, column {col[first]} looks {whom}. "
            "By what angle has each pair of sine and cosine to turn?",
            name,
        )


PIECE = LookPiece(
    module=__name__,
    number=4,
    reference=look_left,
    cases=cases,
    differentiable=False,
    shown="On three grids, one of them shuffled, every patch with a left "
    "neighbour gives it the highest score.",
    next="A turn by a fixed angle is a linear map, so that the weights of "
    "`qkv` can hold it. Chapter 10 asks how far trained heads look.",
    mistakes=(
        Mistake(
            "finds_itself",
            lambda places: places,
            "Every patch finds itself, as if your queries were the places "
            "as they are. What has to change in a query, and by how much, "
            "so that another key fits it best?",
        ),
        Mistake(
            "right_neighbour",
            lambda places: turned(places, right=1.0),
            "Every patch finds its right neighbour. Which of the signs in "
            "the addition theorem belong to x - 1?",
        ),
        Mistake(
            "neighbour_above",
            lambda places: turned(places, down=-1.0),
            "Every patch finds the one above it: you have turned the half "
            "that speaks of the rows. Which half speaks of the columns?",
        ),
        Mistake(
            "neighbour_below",
            lambda places: turned(places, down=1.0),
            "Every patch finds the one below it: you have turned the half "
            "that speaks of the rows. Which half speaks of the columns?",
        ),
        Mistake(
            "sign_of_the_sine",
            lambda places: one_sign(places, 0),
            "The cosines are turned to the left, the sines to the right: "
            "the patches look here and there. Put x = 1 and f = 1 into "
            "your line for the sine: it should give sin(0). Which sign "
            "stands between its two products?",
        ),
        Mistake(
            "sign_of_the_cosine",
            lambda places: one_sign(places, 1),
            "The sines are turned to the left, the cosines to the right: "
            "the patches look here and there. Put x = 1 and f = 1 into "
            "your line for the cosine: it should give cos(0). Which sign "
            "stands between its two products?",
        ),
        Mistake(
            "sine_and_cosine_swapped",
            lambda places: rearranged(places, "1023"),
            "Both lines of the addition theorem are right, and stand in "
            "each other's place: a query has its cosines where a key has "
            "its sines. In which order does a place hold the two?",
        ),
        Mistake(
            "halves_swapped",
            lambda places: rearranged(places, "2301"),
            "Each half is right, and they stand in each other's place: "
            "the row of a query meets the column of a key. Which half of "
            "a place speaks of the columns?",
        ),
        Mistake(
            "above_to_the_left",
            lambda places: turned(places, right=-1.0, down=-1.0),
            "Every patch finds the one to the left in the row above: you "
            "have turned both halves. Which half speaks of the rows, and "
            "is to stay as it is?",
        ),
        Mistake(
            "two_columns",
            lambda places: turned(places, right=-2.0),
            "Every patch looks two columns to the left. By how much is "
            "each pair turned?",
        ),
        Mistake(
            "one_before_in_the_sequence",
            lambda places: places.roll(1, dims=0),
            "Right for patches that stand in a row, and not for the same "
            "patches shuffled: each of yours takes the place of the one "
            "before it in the sequence. A query is made of its own token, "
            "and attention knows no order. What does the token itself "
            "say about its place?",
        ),
        Mistake(
            "one_after_in_the_sequence",
            lambda places: places.roll(-1, dims=0),
            "Each of your queries is the place of the next patch in the "
            "sequence, which lies to the right. And a query is made of "
            "its own token: attention knows no order. What does the token "
            "itself say about its place?",
        ),
        Mistake(
            "left_with_the_sign_turned",
            lambda places: -look_left(places),
            "Right, and then the sign of everything is turned: each patch "
            "finds what is least like its left neighbour. Where does the "
            "minus come in?",
        ),
        Mistake(
            "least_alike",
            lambda places: -places,
            "Your queries are the places with the sign turned, and find "
            "what is least like them. One step to the left is nearly the "
            "same place."
            " Where does the minus come in?",
        ),
        Mistake(
            "no_rows",
            no_rows,
            "The column is right, and about the row your queries say "
            "nothing: all patches of one column have the same score. "
            "Which half of a query keeps a patch in its row?",
        ),
        Mistake(
            "no_columns",
            no_columns,
            "The row is right, and about the column your queries say "
            "nothing: all patches of one row have the same score. Which "
            "half of a query is to be turned, and not left out?",
        ),
    ),
)
