"""Chapter 2's other exercises: right answers of any style, wrong ones."""

import pytest
import torch
from torch.nn import functional as F

from vitlib.teach import check


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((1, 48, 400), "How many numbers has one pixel"),
        ((1, 48, 1200), "This satellite sees more than three colours"),
        ((1, 20, 4000), "20 is the side of a patch"),
        ((1, 14, 4000), "14 is 6 rows and 8 columns, added"),
        ((10, 48, 400), "How many numbers has one pixel"),
        ((10, 48, 4000), "stands for ten images"),
        ((1, 4000, 48), "not in their places: (1, 4000, 48)"),
        ((48, 4000), "one number for each of these: (images, patches"),
        ((1, 50, 4000), "Not yet right: 50 for patches."),
    ],
)
def test_a_wrong_shape_of_patches_is_understood(answer, words):
    result = check.patches_shape(answer)
    assert not result
    assert words in str(result)


# patches_around, right


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


@pytest.mark.parametrize("answer", [by_divmod, by_table, by_distance])
def test_every_style_of_patches_around_is_right(answer):
    result = check.patches_around(answer)
    assert result, str(result)


# patches_around, wrong


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


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (wraps, "of patch 4 of a grid of 3 by 5 yours gives 3, 5, 9"),
        (
            up_to_the_sides,
            "of patch 4 of a grid of 3 by 5 yours gives 3, 5",
        ),
        (no_edges, "the grid has edges"),
        (rows_for_columns, "By what do you divide the number?"),
        (down_the_columns, "counts the patches down the columns"),
        (eight, "Yours takes the corners too"),
        (lambda i, r, c: [*by_divmod(i, r, c), i], "is among them"),
        (
            lambda i, r, c: [
                j for j in by_divmod(i, r, c) if j // c == i // c
            ],
            "above and below are missing",
        ),
        (
            lambda i, r, c: [
                j for j in by_divmod(i, r, c) if j % c == i % c
            ],
            "left and right are missing",
        ),
        (
            lambda i, r, c: [j for j in by_divmod(i, r, c) if j > i],
            "to the right and down only",
        ),
        (pairs, "Which number has the patch in row r"),
        (lambda i, r, c: [], "Missing: 86, 99, 101, 114."),
        (
            lambda i, r, c: 2 * by_divmod(i, r, c),
            "Each neighbour counts once",
        ),
        (lambda i, r, c: [i + 1000], "No neighbours: 1100."),
        (lambda i, r, c: 86, "the number 86. Wanted is a list"),
        (lambda i, r, c: ["86"], "a list of one thing"),
    ],
)
def test_wrong_patches_around_are_understood(answer, words):
    result = check.patches_around(answer)
    assert not result
    assert words in str(result)


def test_a_picture_marks_the_patches_around():
    picture = check.patches_around(eight).picture
    assert "patch 100 blue: red are patches 85, 86, 87, 99, 101" in picture
    assert "86, 99, 101, 114 in the expected one" in picture
    assert picture.count("<rect") == 2 * (14 * 14 + 1)


# overlapping_patches, right


def in_order(columns, c, p):
    parts = columns.unflatten(1, (c, p, p)).permute(0, 4, 2, 3, 1)
    return parts.flatten(2)


def by_unfold(images, patch_size, step):
    columns = F.unfold(images, patch_size, stride=step)
    return in_order(columns, images.shape[1], patch_size)


def by_loops(images, patch_size, step):
    _, _, h, w = images.shape
    found = []
    for top in range(0, h - patch_size + 1, step):
        for left in range(0, w - patch_size + 1, step):
            cut = images[
                :, :, top : top + patch_size, left : left + patch_size
            ]
            found.append(cut.movedim(1, 3).flatten(1))
    return torch.stack(found, dim=1)


def by_index(images, patch_size, step):
    p = patch_size
    rows, cols = (
        torch.arange(0, side - p + 1, step) for side in images.shape[2:]
    )
    y = rows[:, None, None, None] + torch.arange(p)[:, None]
    x = cols[:, None, None] + torch.arange(p)
    windows = images[:, :, y, x]  # b c row col y x
    return windows.permute(0, 2, 3, 4, 5, 1).flatten(3).flatten(1, 2)


@pytest.mark.parametrize("answer", [by_unfold, by_loops, by_index])
def test_every_style_of_overlapping_patches_is_right(answer):
    result = check.overlapping_patches(answer)
    assert result, str(result)


# overlapping_patches, wrong


def short_range(images, patch_size, step):
    _, _, h, w = images.shape
    found = []
    for top in range(0, h - patch_size, step):
        for left in range(0, w - patch_size, step):
            cut = images[
                :, :, top : top + patch_size, left : left + patch_size
            ]
            found.append(cut.movedim(1, 3).flatten(1))
    return torch.stack(found, dim=1)


def over_the_edge(images, patch_size, step):
    _, _, h, w = images.shape
    found = []
    for top in range(0, h, step):
        for left in range(0, w, step):
            cut = images[
                :, :, top : top + patch_size, left : left + patch_size
            ]
            found.append(cut.movedim(1, 3).flatten(1))
    return torch.stack(found, dim=1)


def down(images, patch_size, step):
    turned = by_loops(images.transpose(2, 3), patch_size, step)
    p = patch_size
    parts = turned.unflatten(2, (p, p, -1)).transpose(2, 3)
    return parts.flatten(2)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            lambda x, p, s: F.unfold(x, p, stride=s).mT,
            "in the wrong order inside",
        ),
        (lambda x, p, s: F.unfold(x, p, stride=s), "as torch gives it"),
        (lambda x, p, s: F.unfold(x, p, s).mT, "is the `dilation`"),
        (lambda x, p, s: by_unfold(x, p, p), "do not overlap"),
        (lambda x, p, s: by_unfold(x, s, p), "have changed places"),
        (lambda x, p, s: by_unfold(x, p, s).mT, "last two axes"),
        (short_range, "Where does your `range` stop?"),
        (over_the_edge, "Your code stopped at line"),
        (down, "the sequence goes down the columns"),
        (
            lambda x, p, s: by_unfold(x.transpose(2, 3), p, s),
            "Yours",
        ),
        (
            lambda x, p, s: by_unfold(x.detach(), p, s),
            "no gradient comes back to `images`",
        ),
    ],
)
def test_wrong_overlapping_patches_are_understood(answer, words):
    result = check.overlapping_patches(answer)
    assert not result
    assert words in str(result)
