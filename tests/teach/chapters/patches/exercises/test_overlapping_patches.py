"""check.overlapping_patches: right answers of any style, wrong ones."""

import torch
from answers import is_named, is_right, right, wrong
from torch.nn import functional as F

from vitlib.teach import check


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


@right(by_unfold, by_loops, by_index)
def test_every_style_is_right(answer):
    is_right(check.overlapping_patches(answer))


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


def mirrored(images, patch_size, step):
    found = by_loops(images, patch_size, step)
    parts = found.unflatten(2, (patch_size, patch_size, -1))
    return parts.transpose(2, 3).flatten(2)


def padded(images, patch_size, step):
    hang = [-(side - patch_size) % step for side in images.shape[2:]]
    images = F.pad(images, (0, hang[1], 0, hang[0]))
    return by_loops(images, patch_size, step)


def parted(images, patch_size, step):
    rows = images.unfold(2, patch_size, step)
    return rows.unfold(3, patch_size, step).permute(0, 2, 3, 4, 5, 1)


def padded_first(images, patch_size, step, whole):
    hang = [-side % whole for side in images.shape[2:]]
    images = F.pad(images, (0, hang[1], 0, hang[0]))
    return by_loops(images, patch_size, step)


def cut_first(images, patch_size, step, whole):
    height, width = (side // whole * whole for side in images.shape[2:])
    return by_loops(images[:, :, :height, :width], patch_size, step)


@wrong(
    ("padded_to_whole_steps", lambda x, p, s: padded_first(x, p, s, s)),
    ("padded_to_whole_patches", lambda x, p, s: padded_first(x, p, s, p)),
    ("cut_to_whole_steps", lambda x, p, s: cut_first(x, p, s, s)),
    ("side_by_side_first", lambda x, p, s: cut_first(x, p, s, p)),
    ("half_a_patch", lambda x, p, s: by_loops(x, p, p // 2)),
    (
        "unfold_reshaped",
        lambda x, p, s: F.unfold(x, p, stride=s).reshape(
            len(x), -1, x.shape[1] * p * p
        ),
    ),
    ("other_signs", lambda x, p, s: by_loops(x, p, s).abs()),
    ("channels_first", lambda x, p, s: F.unfold(x, p, stride=s).mT),
    ("columns_of_unfold", lambda x, p, s: F.unfold(x, p, stride=s)),
    ("step_as_dilation", lambda x, p, s: F.unfold(x, p, s).mT),
    ("no_overlap", lambda x, p, s: by_unfold(x, p, p)),
    ("size_and_step_swapped", lambda x, p, s: by_unfold(x, s, p)),
    ("patches_as_columns", lambda x, p, s: by_unfold(x, p, s).mT),
    ("last_place_missing", short_range),
    ("over_the_edge", padded),
    ("stops", over_the_edge),
    ("patches_column_by_column", down),
    ("pixels_column_by_column", mirrored),
    ("still_a_grid", lambda x, p, s: parted(x, p, s).flatten(3)),
    ("still_squares", lambda x, p, s: parted(x, p, s).flatten(1, 2)),
    ("out_of_place", lambda x, p, s: by_unfold(x.mT, p, s)),
    ("no_gradient", lambda x, p, s: by_unfold(x.detach(), p, s)),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.overlapping_patches(answer))


def test_an_edge_that_hangs_over_whole_steps_is_asked_about():
    """The step divides the patch, and the picture is not even."""
    sizes = [
        (case.inputs["images"].shape, *list(case.inputs.values())[1:])
        for case in check.overlapping_patches.cases()
    ]
    assert any(
        p % step == 0 and p > step and (h - p) % step and (w - p) % step
        for (_, _, h, w), p, step in sizes
    )
