"""check.loudest_patch: the right number, and wrong ones."""

from functools import cache

import torch
from answers import is_named, is_right, right, wrong

from vitlib import patchify
from vitlib.teach import cat, check, resize_and_crop, to_tensor


@cache
def answers(low=-1.0, mean_kept=False, by_angle=False):
    """Rank the cat's patches by what they answer to the pupil."""
    images = to_tensor(resize_and_crop(cat(), 224))
    patches = patchify(images * (1 - low) + low, 16)[0]
    pupil = patches[74] - (0 if mean_kept else patches[74].mean())
    if by_angle:
        patches = patches / patches.norm(dim=1, keepdim=True)
    return (patches @ pupil).argsort(descending=True).tolist()


@right(answers()[1], torch.tensor(answers()[1]))
def test_the_right_patch_is_right_however_it_is_written(answer):
    is_right(check.loudest_patch(answer))


@wrong(
    ("pupil_itself", answers()[0]),
    ("mean_kept", answers(mean_kept=True)[1]),
    ("nearest_in_angle", answers(mean_kept=True, by_angle=True)[1]),
    ("next_after_the_loudest", answers()[2]),
    ("quietest", answers()[-1]),
    ("pixels_from_0_to_1", answers(low=0, mean_kept=True)[0]),
    ("next_to_it", answers()[1] + 1),
    ("no_numbers", torch.tensor([74, 108])),
)
def test_a_wrong_patch_is_named(mistake, answer):
    is_named(mistake, check.loudest_patch(answer))


def test_the_place_of_a_wrong_patch_is_told():
    answers = check.loudest_patch.compute.__globals__["answers"]()
    louder = int((answers > answers[48]).sum())
    said = str(check.loudest_patch(48))
    assert f"Patch 48 answers {answers[48]:.2f}, and {louder} of" in said
    assert "is no patch" in str(check.loudest_patch(5.19))
