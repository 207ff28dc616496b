"""Measure what the packed backbone finds in photos, and what it does not.

    .venv/bin/python experiments/backbone_limits.py

Seconds. Parts: from patches on one eye of the cat to the other eye, and
from the cat to a mirrored crop of it, where each patch's place is known.
The whole: does the nearest of many crops come from the same photo, by the
class token, by the mean of all tokens, by nothing but the colours?
"""

import random

import torch
from first_look import GRID, SIDE, seen, small
from PIL import Image
from storing import store
from torch import Tensor
from torch.nn import functional as F

from vitlib.teach import to_tensor
from vitlib.teach.data.examples import EXAMPLES

# Cut out of the same photo, see scripts/make_photos.py: left, top, side.
CAT, CLOSER = (75, 0, 300), (130, 40, 200)
EYE = [row * GRID + col for row in (5, 6, 7) for col in (4, 5, 6)]
OTHER_EYE = range(11, 15), range(5, 9)  # columns, rows
FAR = 3  # patches: nearer ones are alike because they overlap in content
NEAR = 1.5  # patches: a place that is found
CROPS, SEED = 8, 0


def units_of(pictures: list[Image.Image]) -> Tensor:
    """Give tokens of length 1 by block, (blocks, pictures, 1 + n, d)."""
    tokens, _ = seen(torch.cat([to_tensor(p) for p in pictures]))
    return F.normalize(torch.stack(tokens), dim=-1)


def other_eye(patches: Tensor) -> float:
    """Say how often a patch of one eye finds the other: (n, d) tokens."""
    columns, rows = OTHER_EYE
    found = 0
    for asked in EYE:
        row, col = divmod(asked, GRID)
        alike = (patches @ patches[asked]).reshape(GRID, GRID).clone()
        top, left = max(0, row - FAR), max(0, col - FAR)
        alike[top : row + FAR + 1, left : col + FAR + 1] = -1
        row, col = divmod(int(alike.argmax()), GRID)
        found += col in columns and row in rows
    return found / len(EYE)


def places() -> list[tuple[int, float, float]]:
    """List patches of the cat with their row and column in the crop."""
    (left, top, side), (x, y, size) = CAT, CLOSER
    found = []
    for patch in range(GRID**2):
        row, col = divmod(patch, GRID)
        across = (left + (col + 0.5) / GRID * side - x) / size
        down = (top + (row + 0.5) / GRID * side - y) / size
        if 0 < across < 1 and 0 < down < 1:  # the crop is mirrored
            found.append((patch, down * GRID, (1 - across) * GRID))
    return found


def same_place(cat: Tensor, closer: Tensor) -> float:
    """Say how often the most alike patch lies where it should."""
    hits = []
    for patch, row, col in places():
        best = int((closer @ cat[patch]).argmax())
        off = abs(best // GRID + 0.5 - row), abs(best % GRID + 0.5 - col)
        hits.append(max(off) <= NEAR)
    return sum(hits) / len(hits)


def crops() -> tuple[list[int], list[Image.Image]]:
    """Cut squares out of the photos; say which is of which."""
    chance, owners, found = random.Random(SEED), [], []
    for index, example in enumerate(EXAMPLES):
        if example.name == "closer":  # it is the cat again
            continue
        picture = example.image()
        for _ in range(CROPS):
            size = int(picture.width * chance.uniform(0.35, 0.7))
            left, top = (
                chance.randint(0, picture.width - size) for _ in range(2)
            )
            box = (left, top, left + size, top + size)
            method = Image.Resampling.BICUBIC
            owners.append(index)
            found.append(picture.resize((SIDE, SIDE), method, box))
    return owners, found


def by_angle(features: Tensor) -> Tensor:
    """Say how alike crops are: the cosines of what sets them apart."""
    features = F.normalize(features - features.mean(dim=0), dim=-1)
    return features @ features.T


def by_colour(pictures: list[Image.Image]) -> Tensor:
    """Say how alike crops are by mean and deviation of each channel."""
    pixels = torch.cat([to_tensor(p) for p in pictures]).flatten(2)
    numbers = torch.cat([pixels.mean(dim=2), pixels.std(dim=2)], dim=1)
    numbers = (numbers - numbers.mean(dim=0)) / numbers.std(dim=0)
    return -torch.cdist(numbers, numbers)


def same_photo(alike: Tensor, owners: list[int]) -> float:
    """Say how often the most alike other crop is of the same photo."""
    nearest = alike.fill_diagonal_(-torch.inf).argmax(dim=1).tolist()
    hits = [owners[i] == owners[j] for i, j in enumerate(nearest)]
    return sum(hits) / len(hits)


def main() -> None:
    """Look, count, store."""
    torch.set_num_threads(1)
    known = {example.name: example for example in EXAMPLES}
    blocks = units_of([small(known["cat"]), small(known["closer"])])
    owners, pictures = crops()
    whole = torch.cat([units_of([p])[-1] for p in pictures])
    ways = {
        "class token": by_angle(whole[:, 0]),
        "mean of the patches": by_angle(whole[:, 1:].mean(dim=1)),
        "colours alone": by_colour(pictures),
    }
    store(
        "backbone_limits",
        other_eye=[round(other_eye(b[0, 1:]), 2) for b in blocks],
        same_place=[
            round(same_place(b[0, 1:], b[1, 1:]), 2) for b in blocks
        ],
        places=len(places()),
        crops=len(owners),
        same_photo={
            way: same_photo(alike, owners) for way, alike in ways.items()
        },
    )


if __name__ == "__main__":
    main()
