"""Check your number of the patch that answers the pupil."""

from functools import cache

from torch import Tensor
from torch.nn import functional as F

from vitlib.patches import patchify
from vitlib.teach.checking.number import NumberPiece, Slip, numeral
from vitlib.teach.data.pictures import cat, resize_and_crop, to_tensor


@cache
def answers() -> Tensor:
    """Ask every patch of the cat for her pupil."""
    images = to_tensor(resize_and_crop(cat(), 224)) * 2 - 1
    patches = patchify(images, 16)[0]
    pupil = F.normalize(patches[74] - patches[74].mean(), dim=0)
    return patches @ pupil


def loudest() -> int:
    """Give the loudest but the pupil itself."""
    return int(answers().topk(2).indices[1])


def place(patch: float) -> str:
    """Say how loud a patch answers, in the order of all."""
    if patch not in range(len(answers())):
        return (
            f"{numeral(patch)} is no patch: they are numbered from 0 to "
            "195. `topk` gives two things, the answers and where they "
            "stand. Which is the number of a patch?"
        )
    order = answers().argsort(descending=True).tolist()
    return (
        f"Patch {numeral(patch)} answers {answers()[int(patch)]:.2f}, and "
        f"{order.index(patch)} of the 196 answer louder. Two steps make "
        "the filter, its mean taken away and its length made 1, and one "
        "product asks all patches as they are. Which of the three is "
        "another in your code?"
    )


PIECE = NumberPiece(
    module=__name__,
    number=3,
    compute=loudest,
    follows=place,
    next="It lies at the rim of her other eye, and the next in the row, "
    "94, in the same eye. The margin is small, though: one filter is a "
    "weak witness, which is why there are hundreds.",
    mistakes=(
        Slip(
            "pupil_itself",
            74,
            "74 is the pupil itself. Which comes after it?",
        ),
        Slip(
            "mean_kept",
            162,
            "162 is a dark patch, and your filter, which has kept its "
            "mean, asks for darkness first of all. What is to be "
            "subtracted?",
        ),
        Slip(
            "nearest_in_angle",
            60,
            "60 is nearest in angle to a pupil that has kept its mean: it "
            "is dark as well. What is to be subtracted?",
        ),
        Slip(
            "next_after_the_loudest",
            94,
            "94 lies in her other eye too, and one there is louder."
            " Which place in the order does the pupil itself have?",
        ),
        Slip(
            "quietest",
            76,
            "76 gives the quietest answer. Which is the loudest?",
        ),
        Slip(
            "pixels_from_0_to_1",
            195,
            "195 is a bright piece of background. Your pixels go from 0 "
            "to 1, and your filter has kept its mean."
            " Which two steps are missing?",
        ),
    ),
)
