"""check.patches_around: right answers of any style, and wrong ones."""

import numpy as np
import pytest
import torch
from answers import is_named, is_right, right, wrong

from vitlib.teach import check


def by_divmod(index, rows, cols):
    row, col = divmod(index, cols)
    found = []
    if row:
        found.append(index - cols)
    if row < rows - 1:
        found.append(index + cols)
    if col:
        found.append(index - 1)
    if col < cols - 1:
        found.append(index + 1)
    return found


def by_table(index, rows, cols):
    table = torch.full((rows + 2, cols + 2), -1)
    table[1:-1, 1:-1] = torch.arange(rows * cols).reshape(rows, cols)
    row, col = index // cols + 1, index % cols + 1
    cross = [
        (row - 1, col),
        (row, col + 1),
        (row + 1, col),
        (row, col - 1),
    ]
    return torch.stack(
        [table[at] for at in cross if table[at] >= 0]
        or [torch.empty(0, dtype=torch.long)]
    ).flatten()


def by_distance(index, rows, cols):
    def place(i):
        return divmod(i, cols)

    def apart(i):
        (a, b), (c, d) = place(i), place(index)
        return abs(a - c) + abs(b - d)

    return {i for i in range(rows * cols) if apart(i) == 1}


def edges_from(first, before_last):
    """Keep a patch only between these distances from the edges."""

    def answer(index, rows, cols):
        row, col = divmod(index, cols)
        found = [index - cols] if row > first[0] else []
        found += [index + cols] if row < rows - before_last[0] else []
        found += [index - 1] if col > first[1] else []
        return found + ([index + 1] if col < cols - before_last[1] else [])

    return answer


def rolled_up(index, rows, cols):
    row, col = divmod(index, cols)
    return [
        (row - 1) % rows * cols + col,
        (row + 1) % rows * cols + col,
        row * cols + (col - 1) % cols,
        row * cols + (col + 1) % cols,
    ]


def elifs(index, rows, cols):
    row, col = divmod(index, cols)
    found = []
    if row > 0:
        found.append(index - cols)
    elif row < rows - 1:
        found.append(index + cols)
    if col > 0:
        found.append(index - 1)
    elif col < cols - 1:
        found.append(index + 1)
    return found


def by_yield(index, rows, cols):
    yield from by_divmod(index, rows, cols)


@right(
    by_divmod,
    by_table,
    by_distance,
    by_yield,
    lambda i, r, c: np.array(by_divmod(i, r, c), dtype=int),
)
def test_every_style_is_right(answer):
    is_right(check.patches_around(answer))


def pairs(index, rows, cols):
    return [divmod(i, cols) for i in by_divmod(index, rows, cols)]


def wraps(index, rows, cols):
    steps = (-cols, -1, 1, cols)
    return [index + s for s in steps if index + s in range(rows * cols)]


def no_edges(index, rows, cols):
    return index - cols, index + cols, index - 1, index + 1


def up_to_the_sides(index, rows, cols):
    row, col = divmod(index, cols)
    found = []
    if row > 0:
        found.append(index - cols)
    if row < rows:
        found.append(index + cols)
    if col > 0:
        found.append(index - 1)
    if col < cols:
        found.append(index + 1)
    return found


def rows_for_columns(index, rows, cols):
    row, col = index // rows, index % rows
    cross = [
        (row - 1, col),
        (row + 1, col),
        (row, col - 1),
        (row, col + 1),
    ]
    return [
        r * cols + c
        for r, c in cross
        if r in range(rows) and c in range(cols)
    ]


def down_the_columns(index, rows, cols):
    return by_divmod(index, cols, rows)


def eight(index, rows, cols):
    row, col = divmod(index, cols)
    return [
        i
        for i in range(rows * cols)
        if i != index
        and abs(i // cols - row) <= 1
        and abs(i % cols - col) <= 1
    ]


def only(rule):
    """Keep those neighbours that stand so to the patch."""

    def answer(index, rows, cols):
        found = by_divmod(index, rows, cols)
        return [other for other in found if rule(index, other, cols)]

    return answer


@wrong(
    ("neighbour_missing", edges_from((0, 0), (1, 2))),
    ("neighbour_missing", edges_from((0, 0), (2, 1))),
    ("neighbour_missing", edges_from((0, 1), (1, 1))),
    ("neighbour_missing", edges_from((1, 0), (1, 1))),
    ("neighbour_missing", lambda i, r, c: []),
    (
        "counted_from_one",
        lambda i, r, c: [n + 1 for n in by_divmod(i, r, c)],
    ),
    ("round_the_edges", rolled_up),
    ("always_14", lambda i, r, c: by_divmod(i, 14, 14)),
    ("one_of_each_pair", elifs),
    ("neighbours_by_number", wraps),
    ("one_too_far", up_to_the_sides),
    ("no_edges", no_edges),
    ("divided_by_rows", rows_for_columns),
    ("patches_column_by_column", down_the_columns),
    ("corners_too", eight),
    ("with_itself", lambda i, r, c: [*by_divmod(i, r, c), i]),
    ("same_row_only", only(lambda i, j, cols: i // cols == j // cols)),
    ("same_column_only", only(lambda i, j, cols: i % cols == j % cols)),
    ("right_and_below_only", only(lambda i, j, cols: i < j)),
    ("rows_and_columns", pairs),
    ("neighbours_twice", lambda i, r, c: 2 * by_divmod(i, r, c)),
    ("unknown", lambda i, r, c: [i + 1000]),
    ("no_list", lambda i, r, c: 86),
    ("no_numbers", lambda i, r, c: ["86"]),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.patches_around(answer))


def test_the_patch_at_an_edge_is_told():
    said = str(check.patches_around(wraps))
    assert "of patch 4 of a grid of 3 by 5 yours gives 3, 5, 9" in said


def test_what_is_missing_and_too_many_is_told():
    said = str(check.patches_around(lambda i, r, c: [i + 1000]))
    assert "Missing: 86, 99, 101, 114. No neighbours: 1100." in said


def test_a_picture_marks_the_patches_around():
    picture = check.patches_around(eight).picture
    assert "patch 100 blue: red are patches 85, 86, 87, 99, 101" in picture
    assert "86, 99, 101, 114 in the expected one" in picture
    assert picture.count("<rect") == 2 * (14 * 14 + 1)


def test_the_side_on_which_one_is_missing_is_told():
    said = str(check.patches_around(edges_from((0, 0), (1, 2))))
    assert "Missing: 4." in said
    assert "there a patch to the right" in said


@pytest.mark.parametrize(
    ("starts", "stops", "side"),
    [
        ((1, 0), (1, 1), "above"),
        ((0, 0), (2, 1), "below"),
        ((0, 1), (1, 1), "to the left"),
    ],
)
def test_so_are_the_other_sides(starts, stops, side):
    said = str(check.patches_around(edges_from(starts, stops)))
    assert f"there a patch {side}, and what does" in said
