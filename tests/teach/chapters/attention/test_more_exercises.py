"""Chapter 5's exercises: a mask, a head that looks left, a stream."""

import math

import pytest
import torch
from torch.nn import functional as F

from vitlib.teach import check


def refused(result, words):
    assert not result
    assert result.kind == "wrong"
    assert words in str(result), str(result)


# neighbours, right


def by_loops(rows, cols):
    mask = torch.zeros(rows * cols, rows * cols).bool()
    for i in range(rows * cols):
        for j in range(rows * cols):
            (a, b), (c, d) = divmod(i, cols), divmod(j, cols)
            mask[i, j] = max(abs(a - c), abs(b - d)) < 2
    return mask


def by_distance(rows, cols):
    places = torch.cartesian_prod(torch.arange(rows), torch.arange(cols))
    return torch.cdist(places.float(), places.float()) < 1.5


def by_kron(rows, cols):
    near = [
        torch.ones(n, n).tril(1).triu(-1).int().contiguous()
        for n in (rows, cols)
    ]
    return torch.kron(*near) == 1


def by_pooling(rows, cols):
    one_hot = torch.eye(rows * cols).reshape(-1, 1, rows, cols)
    return F.max_pool2d(one_hot, 3, 1, 1).flatten(1) > 0


@pytest.mark.parametrize(
    "answer", [by_loops, by_distance, by_kron, by_pooling]
)
def test_every_style_of_neighbours_is_right(answer):
    result = check.neighbour_mask(answer)
    assert result, str(result)


# neighbours, wrong


def places(rows, cols, width=None):
    number = torch.arange(rows * cols)
    return number // (width or cols), number % (width or cols)


def apart(rows, cols, width=None):
    sides = places(rows, cols, width)
    return [(side[:, None] - side).abs() for side in sides]


def number_apart(rows, cols):
    i = torch.arange(rows * cols)
    steps = (i[:, None] - i).abs()
    near = (steps <= 1) | ((steps >= cols - 1) & (steps <= cols + 1))
    return near


def a_cross(rows, cols):
    down, right = apart(rows, cols)
    return down + right < 2


def without_itself(rows, cols):
    return by_loops(rows, cols) & ~torch.eye(rows * cols).bool()


def crossed(rows, cols):
    down, right = apart(rows, cols, rows)
    return (down <= 1) & (right <= 1)


def signed(rows, cols):
    row, col = places(rows, cols)
    return (row[:, None] - row <= 1) & (col[:, None] - col <= 1)


def half_signed(rows, cols):
    (row, _), (_, right) = places(rows, cols), apart(rows, cols)
    return (row[:, None] - row <= 1) & (right <= 1)


def either(rows, cols):
    down, right = apart(rows, cols)
    return (down <= 1) | (right <= 1)


def in_numbers(rows, cols):
    return by_loops(rows, cols).float()


def with_the_class_token(rows, cols):
    return F.pad(by_loops(rows, cols), (1, 0, 1, 0), value=True)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (number_apart, "patch 0 (row 0, column 0) may look at patch 3 ("),
        (a_cross, "the four corners are missing"),
        (lambda r, c: ~by_loops(r, c), "True where a patch may not look"),
        (without_itself, "and the patch itself is not"),
        (crossed, "Rows and columns have changed places"),
        (signed, "A difference can be negative"),
        (half_signed, "patch 8 (row 2, column 0). How far apart"),
        (either, "each patch sees a broad cross"),
        (
            lambda r, c: torch.eye(r * c).bool(),
            "Each patch may look at itself and at nobody else",
        ),
        (
            lambda r, c: torch.stack(apart(r, c)).amax(0) < 3,
            "25 patches in place of nine",
        ),
        (
            with_the_class_token,
            "your shape is (13, 13), wanted is",
        ),
        (
            lambda r, c: by_loops(r, c).view(r, c, r, c),
            "one axis for each of the two patches",
        ),
        (in_numbers, "Your mask holds float32 numbers"),
        (
            lambda r, c: torch.ones(r * c, r * c).bool(),
            "In a grid of 3 by 4 patches 70 of 144 pairs are right. But",
        ),
        (
            lambda r, c: by_loops(r, c)[0],
            "patches that look, patches",
        ),
        (lambda r, c: by_loops(r, c).tolist(), "a list of 12 things"),
        (
            lambda rows: rows,
            "`neighbour_mask(rows, cols)`, and yours takes",
        ),
    ],
)
def test_wrong_neighbours_are_understood(answer, words):
    refused(check.neighbour_mask(answer), words)


# look_left, right


def by_addition_theorem(places):
    d = places.shape[1]
    f = 1e-4 ** (torch.arange(d // 4) / (d // 4))
    sin, cos, row = places.split([d // 4, d // 4, d // 2], dim=1)
    left_sin = sin * f.cos() - cos * f.sin()
    left_cos = cos * f.cos() + sin * f.sin()
    return torch.cat([left_sin, left_cos, row], dim=1)


def by_complex_numbers(places):
    quarter = places.shape[1] // 4
    f = 1e-4 ** (torch.arange(quarter) / quarter)
    wave = torch.complex(*places.split(quarter, 1)[1::-1])
    wave = wave * torch.polar(torch.ones_like(f), -f)
    row = places[:, 2 * quarter :]
    return torch.cat([wave.imag, wave.real, row], dim=1)


def by_one_matrix(places):
    d = places.shape[1]
    matrix = by_addition_theorem(torch.eye(d, dtype=places.dtype))
    return 40 * places @ matrix


def by_reading_the_place(places):
    quarter = places.shape[1] // 4
    f = 1e-4 ** (torch.arange(quarter) / quarter)
    slow = torch.atan2(
        places[:, quarter // 2], places[:, quarter + quarter // 2]
    )
    column = (slow / f[quarter // 2]).round()[:, None] - 1
    row = places[:, 2 * quarter :]
    return torch.cat([(column * f).sin(), (column * f).cos(), row], 1)


@pytest.mark.parametrize(
    "answer",
    [
        by_addition_theorem,
        by_complex_numbers,
        by_one_matrix,
        by_reading_the_place,
    ],
)
def test_every_way_to_look_left_is_right(answer):
    result = check.look_left(answer)
    assert result, str(result)


# look_left, wrong


def turn(places, first, angle):
    quarter = places.shape[1] // 4
    f = 1e-4 ** (torch.arange(quarter) / quarter) * angle
    parts = list(places.split(quarter, dim=1))
    sin, cos = parts[first : first + 2]
    parts[first] = sin * f.cos() + cos * f.sin()
    parts[first + 1] = cos * f.cos() - sin * f.sin()
    return torch.cat(parts, dim=1)


def column_only(places):
    quarter = places.shape[1] // 4
    return turn(places, 0, -1) * (torch.arange(4 * quarter) < 2 * quarter)


def half_a_step(places):
    return turn(places, 0, -0.4)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda p: 3 * p, "every patch finds itself"),
        (lambda p: turn(p, 0, 1), "Every patch finds its right neighbour"),
        (lambda p: turn(p, 2, -1), "Every patch finds the one above it"),
        (lambda p: turn(p, 2, 1), "Every patch finds the one below it"),
        (lambda p: turn(p, 0, -2), "looks two columns to the left"),
        (lambda p: p.roll(1, 0), "attention knows no order"),
        (lambda p: -p, "what is least like them"),
        (column_only, "Which half of a query keeps a patch in its row"),
        (half_a_step, "every patch finds itself"),
        (
            lambda p: turn(p, 0, -3),
            "Of 182 patches that have a left neighbour",
        ),
        (lambda p: 0 * p, "looks at all places alike"),
        (lambda p: p * math.nan, "looks at all places alike"),
        (lambda p: p[:, :10], "in all (196, 384). Yours have the shape"),
        (lambda p: p.argmax(1), "holds int64 numbers"),
    ],
)
def test_a_head_that_looks_elsewhere_is_understood(answer, words):
    refused(check.look_left(answer), words)


# streaming_attention, right


def running(q, blocks):
    top, total, mixed = None, 0, 0
    for k, v in blocks:
        scores = (
            torch.einsum("bhik,bhjk->bhij", q, k) * q.shape[-1] ** -0.5
        )
        new = scores.max(dim=-1, keepdim=True).values
        new = new if top is None else torch.max(new, top)
        fade = 0 if top is None else torch.exp(top - new)
        weights = torch.exp(scores - new)
        total = total * fade + weights.sum(-1, keepdim=True)
        mixed = mixed * fade + weights @ v
        top = new
    return mixed / total


def normed_on_the_way(q, blocks):
    """Keeps a finished answer, and the logarithm of its weight."""
    answer, weight = torch.zeros_like(q), None
    for k, v in blocks:
        scores = q @ k.mT / math.sqrt(q.size(-1))
        here = scores.logsumexp(dim=-1, keepdim=True)
        both = here if weight is None else torch.logaddexp(weight, here)
        old = 0 if weight is None else (weight - both).exp()
        answer = old * answer + (scores - both).exp() @ v
        weight = both
    return answer


def in_two_passes(q, blocks):
    q = q / q.shape[-1] ** 0.5
    blocks = list(blocks)
    top = torch.stack([(q @ k.mT).amax(-1) for k, _ in blocks]).amax(0)
    weights = [((q @ k.mT) - top[..., None]).exp() for k, _ in blocks]
    total = sum(w.sum(-1, keepdim=True) for w in weights)
    pairs = zip(weights, blocks, strict=True)
    return sum(w @ v for w, (_, v) in pairs) / total


@pytest.mark.parametrize(
    "answer", [running, normed_on_the_way, in_two_passes]
)
def test_every_style_of_streaming_is_right(answer):
    result = check.streaming_attention(answer)
    assert result, str(result)


# streaming_attention, wrong


def scores_of(q, k):
    return q @ k.mT / q.shape[-1] ** 0.5


def joined(q, blocks, mix):
    keys, values = (
        torch.cat(parts, dim=-2) for parts in zip(*blocks, strict=True)
    )
    return mix(q, keys, values)


def whole_table(q, k, v):
    return scores_of(q, k).softmax(-1) @ v


def overflowing(q, blocks):
    weights = [scores_of(q, k).exp() for k, _ in blocks]
    total = sum(w.sum(-1, keepdim=True) for w in weights)
    pairs = zip(weights, blocks, strict=True)
    return sum(w @ v for w, (_, v) in pairs) / total


def uncorrected(q, blocks):
    top = scores_of(q, blocks[0][0]).amax(-1, keepdim=True)
    total, mixed = 0, 0
    for k, v in blocks:
        scores = scores_of(q, k)
        top = torch.maximum(top, scores.amax(-1, keepdim=True))
        weights = (scores - top).exp()
        total = total + weights.sum(-1, keepdim=True)
        mixed = mixed + weights @ v
    return mixed / total


def half_corrected(which):
    def answer(q, blocks):
        top, sums = None, [0, 0]
        for k, v in blocks:
            scores = scores_of(q, k)
            new = scores.amax(-1, keepdim=True)
            new = new if top is None else torch.maximum(top, new)
            if top is not None:
                sums[which] = sums[which] * (top - new).exp()
            weights = (scores - new).exp()
            sums[0] = sums[0] + weights @ v
            sums[1] = sums[1] + weights.sum(-1, keepdim=True)
            top = new
        return sums[0] / sums[1]

    return answer


def softmax_in_each(q, blocks):
    top, mixed, total = torch.tensor(-torch.inf), 0, 0
    for k, v in blocks:
        scores = scores_of(q, k)
        new = torch.maximum(top, scores.amax(-1, keepdim=True))
        weights = scores.softmax(-1)
        mixed = mixed * (top - new).exp() + weights @ v
        total = total * (top - new).exp() + weights.sum(-1, keepdim=True)
        top = new
    return mixed / total


def undivided(q, blocks):
    keys = [scores_of(q, k).amax(-1, keepdim=True) for k, _ in blocks]
    top = torch.stack(keys).amax(0)
    return sum((scores_of(q, k) - top).exp() @ v for k, v in blocks)


def each_alone(q, blocks):
    return [scores_of(q, k).softmax(-1) @ v for k, v in blocks]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (uncorrected, "By what factor are the old sums too large"),
        (half_corrected(1), "corrected when a higher score comes, the mi"),
        (half_corrected(0), "when a higher score comes, the sum of the w"),
        (softmax_in_each, "sum to 1 in every block"),
        (undivided, "not divided by the sum of its weights"),
        (overflowing, "their exponentials are too large for a float"),
        (
            lambda q, blocks: running(q * q.shape[-1] ** 0.5, blocks),
            "The scores are not scaled",
        ),
        (
            lambda q, blocks: sum(each_alone(q, blocks)) / len(blocks),
            "then all blocks count alike",
        ),
        (
            lambda q, blocks: sum(each_alone(q, blocks)),
            "sum to the number of blocks",
        ),
        (
            lambda q, blocks: each_alone(q, blocks)[-1],
            "Only the last block is heard",
        ),
        (
            lambda q, blocks: joined(q, blocks, whole_table),
            "(2, 1, 64, 64), no smaller than the table of all scores",
        ),
        (
            lambda q, blocks: joined(
                q, blocks, F.scaled_dot_product_attention
            ),
            "it is torch's: inside its fused kernel",
        ),
        (lambda q, blocks: q @ blocks, "Your code stopped at line"),
        (lambda q, k, v: q, "`streaming_attention(q, blocks)`, and yours"),
    ],
)
def test_a_wrong_stream_is_understood(answer, words):
    refused(check.streaming_attention(answer), words)
