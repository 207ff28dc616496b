"""The coloured shapes: what the cue asks for, and where everything is."""

import hashlib

import pytest
import torch

from vitlib.teach.data.shapes import (
    CELL,
    COLOURS,
    CUE,
    GRID,
    KINDS,
    SIDE,
    shapes,
)

PALETTE = torch.tensor(list(COLOURS.values())) / 255
COUNT = 300


@pytest.fixture(scope="module")
def aligned():
    return shapes(COUNT, seed=7)


@pytest.fixture(scope="module", params=[False, True])
def scenes(request):
    """Pictures with things in cells, then with things anywhere."""
    return shapes(COUNT, seed=7, anywhere=request.param)


def colour_under(images, mask):
    """(n, 3): the mean colour where the mask is True."""
    ink = mask[:, None].float()
    return (images * ink).sum((2, 3)) / ink.sum((2, 3))


def nearest(colours):
    return torch.cdist(colours, PALETTE).argmin(dim=1)


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("k", [2, 3, 4])
@pytest.mark.parametrize("anywhere", [False, True])
def test_everything_has_the_shape_that_it_is_said_to_have(
    count, k, anywhere
):
    made = shapes(count, seed=0, num_shapes=k, anywhere=anywhere)
    assert made.images.shape == (count, 3, SIDE, SIDE)
    assert made.images.dtype == torch.float32
    assert made.images.min() >= 0
    assert made.images.max() <= 1
    assert made.labels.shape == made.target.shape == (count,)
    assert made.kinds.shape == made.colours.shape == (count, k)
    assert made.masks.shape == (count, 1 + k, SIDE, SIDE)
    assert made.boxes.shape == (count, 1 + k, 4)
    assert made.masks.dtype == torch.bool
    for whole in (made.labels, made.target, made.kinds, made.colours):
        assert whole.dtype == torch.int64


@pytest.mark.parametrize(
    ("anywhere", "wanted"),
    [(False, "bf73b56fb116b5f0"), (True, "023615e2213ee6ab")],
)
def test_a_seed_gives_the_same_bytes_on_every_machine(anywhere, wanted):
    made = shapes(100, seed=0, anywhere=anywhere)
    pixels = (made.images * 255).round().byte()
    found = hashlib.sha256(pixels.numpy().tobytes()).hexdigest()
    assert found[:16] == wanted


def test_another_seed_gives_other_pictures():
    first, second = (shapes(4, seed=s).images for s in (0, 1))
    assert not torch.equal(first, second)


def test_the_answer_is_the_kind_of_the_shape_that_is_asked_for(scenes):
    rows = torch.arange(COUNT)
    assert torch.equal(scenes.labels, scenes.kinds[rows, scenes.target])


def test_exactly_one_shape_has_the_colour_of_the_cue(scenes):
    """Told from the pixels alone."""
    cue = nearest(colour_under(scenes.images, scenes.cue_mask))
    for k in range(3):
        seen = nearest(colour_under(scenes.images, scenes.masks[:, 1 + k]))
        assert torch.equal(seen, scenes.colours[:, k])
        assert torch.equal(seen == cue, scenes.target == k)


def test_kinds_and_colours_differ_within_a_picture(scenes):
    for values in (scenes.kinds, scenes.colours):
        assert all(len(set(row)) == 3 for row in values.tolist())


@pytest.mark.parametrize("anywhere", [False, True])
def test_neither_cue_nor_shapes_alone_give_the_answer_away(anywhere):
    """Each kind is asked for by each colour, from each quarter."""
    many = shapes(6000, seed=1, anywhere=anywhere)
    rows = torch.arange(6000)
    colour = many.colours[rows, many.target]
    middle = (SIDE - CUE) / 2
    low, right = (many.boxes[:, 0, :2] > middle).long().unbind(dim=1)
    corner = 2 * low + right
    for given, ways in ((colour, len(COLOURS)), (corner, 4)):
        pairs = torch.bincount(
            given * len(KINDS) + many.labels, minlength=ways * len(KINDS)
        )
        wanted = 6000 / ways / len(KINDS)
        assert (pairs / wanted - 1).abs().max() < 0.25
    places = torch.bincount(many.target, minlength=3)
    assert (places / 2000 - 1).abs().max() < 0.1


def test_the_cue_is_a_square(scenes):
    top, left, bottom, right = scenes.boxes[:, 0].unbind(dim=1)
    for start, end in ((top, bottom), (left, right)):
        assert torch.equal(end - start, torch.full_like(start, CUE))
    assert (scenes.cue_mask.sum((1, 2)) == CUE**2).all()


def test_in_cells_the_cue_fills_a_corner(aligned):
    starts = aligned.boxes[:, 0, :2]
    assert set(starts.flatten().tolist()) == {0, SIDE - CUE}


def test_a_box_fits_its_mask_tightly(scenes):
    for i in range(20):
        for mask, box in zip(
            scenes.masks[i], scenes.boxes[i], strict=True
        ):
            rows, cols = mask.nonzero().unbind(dim=1)
            ends = (rows.min(), cols.min(), rows.max() + 1, cols.max() + 1)
            assert box.tolist() == [int(end) for end in ends]


def test_every_shape_lies_in_one_cell_and_no_two_share_one(aligned):
    boxes = aligned.boxes[:, 1:]
    first = boxes[..., :2] // CELL
    last = (boxes[..., 2:] - 1) // CELL
    assert torch.equal(first, last)
    cells = first[..., 0] * GRID + first[..., 1]
    assert all(len(set(row)) == 3 for row in cells.tolist())


def test_every_shape_is_a_cell_or_more_away_from_the_cue(scenes):
    cue, boxes = scenes.boxes[:, :1], scenes.boxes[:, 1:]
    before = cue[..., :2] - boxes[..., 2:]
    after = boxes[..., :2] - cue[..., 2:]
    gap = torch.maximum(before, after).max(dim=2).values
    assert gap.min() >= CELL == 8


def test_all_cells_are_used():
    boxes = shapes(500, seed=3).boxes[:, 1:]
    cells = boxes[..., 0] // CELL * GRID + boxes[..., 1] // CELL
    assert set(cells.flatten().tolist()) == set(range(GRID**2))


@pytest.mark.parametrize("side", [0, 1])
def test_anywhere_means_beginning_at_any_row_and_column(side):
    """A cue in the middle leaves no room for shapes far from it."""
    made = shapes(3000, seed=3, anywhere=True)
    assert set(made.boxes[:, 0, side].tolist()) == set(range(25))
    first = made.boxes[:, 1:, side].flatten()
    assert set(first.tolist()) >= set(range(25))
    counts = torch.bincount(first % CELL, minlength=CELL).float()
    assert (counts / counts.mean() - 1).abs().max() < 0.5


def test_anywhere_most_shapes_lie_across_a_border_of_patches():
    boxes = shapes(3000, seed=3, anywhere=True).boxes[:, 1:]
    first, last = boxes[..., :2] // CELL, (boxes[..., 2:] - 1) // CELL
    across = (first != last).any(dim=2).float().mean()
    assert across > 0.8


def test_masks_cover_all_that_is_not_paper(scenes):
    """But for the soft edge, half a pixel wide."""
    paper = scenes.images.amax(dim=(2, 3), keepdim=True)
    away = (scenes.images - paper).abs().amax(dim=1) > 0.5
    assert not (away & ~scenes.masks.any(dim=1)).any()


def test_the_masks_of_target_and_others_share_nothing(scenes):
    parts = (scenes.cue_mask, scenes.target_mask, scenes.other_mask)
    total = torch.stack(parts).sum(dim=0)
    assert total.max() == 1
    assert torch.equal(total.bool(), scenes.masks.any(dim=1))
    for i in range(20):
        mask = scenes.masks[i, 1 + scenes.target[i]]
        assert torch.equal(scenes.target_mask[i], mask)


def test_kinds_have_much_the_same_area(scenes):
    areas = scenes.masks[:, 1:].sum((2, 3))
    means = torch.stack(
        [areas[scenes.kinds == k].float().mean() for k in range(4)]
    )
    assert means.max() / means.min() < 1.25


@pytest.mark.parametrize("shape", [0, 1, 2])
def test_asking_for_another_shape_changes_the_swatch_alone(scenes, shape):
    asked = scenes.ask(shape)
    changed = (asked.images != scenes.images).any(dim=1)
    assert not (changed & ~scenes.cue_mask).any()
    assert torch.equal(asked.labels, scenes.kinds[:, shape])
    assert torch.equal(asked.target_mask, scenes.masks[:, 1 + shape])
    cue = nearest(colour_under(asked.images, asked.cue_mask))
    assert torch.equal(cue, scenes.colours[:, shape])


@pytest.mark.parametrize("anywhere", [False, True])
def test_asking_for_the_same_shape_changes_nothing(anywhere):
    made = shapes(50, seed=2, anywhere=anywhere)
    for shape in range(3):
        same = made.target == shape
        asked = made.ask(shape)
        assert torch.equal(asked.images[same], made.images[same])


@pytest.mark.parametrize("count", [0, -1, 2.0, True])
def test_a_count_of_none_is_refused(count):
    with pytest.raises(ValueError, match="count is"):
        shapes(count, seed=0)


@pytest.mark.parametrize("num_shapes", [1, 5])
def test_too_few_or_too_many_shapes_are_refused(num_shapes):
    with pytest.raises(ValueError, match=f"num_shapes is {num_shapes}"):
        shapes(1, seed=0, num_shapes=num_shapes)


@pytest.mark.parametrize("seed", [-1, 0.5, None])
def test_a_seed_that_is_none_is_refused(seed):
    with pytest.raises(ValueError, match="seed is"):
        shapes(1, seed=seed)


@pytest.mark.parametrize("anywhere", [1, "yes", None])
def test_a_place_that_is_neither_is_refused(anywhere):
    with pytest.raises(ValueError, match="anywhere is"):
        shapes(1, seed=0, anywhere=anywhere)


@pytest.mark.parametrize("shape", [3, -1, 1.0])
def test_a_shape_that_is_not_there_is_refused(scenes, shape):
    with pytest.raises(ValueError, match="3 shapes"):
        scenes.ask(shape)
