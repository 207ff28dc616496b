"""Score how digits are read from photos of every kind.

    .venv/bin/python experiments/score_photos.py

Takes 100 held-out digits a kind, as tests/photographed.py draws them, and
writes photos_of_digits.json. Nothing is chosen by what it finds: the ways
and limits of vitlib/teach/data/signs.py were chosen on validation digits,
and none of them by a kind that is put aside.
"""

import io
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from storing import store

from vitlib.teach import digit_from_picture, digit_reader, digits

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from photographed import ASIDE, DIGITS, OTHERS, photographed

COUNT = 100
SURE = 0.7
SEED = 1


@torch.no_grad()
def score(kind: str) -> dict[str, object]:
    """Count what is right, wrong, surely wrong and refused, and why."""
    images, labels = digits("held_out")
    generator = np.random.default_rng([SEED, *kind.encode()])
    reader, counts = digit_reader(), Counter()
    reasons: Counter[str] = Counter()
    for at in range(COUNT):
        some = images[at : at + 2, 0]
        if kind != "two digits":
            some = some[:1]
        file = io.BytesIO(photographed(some, kind, generator))
        try:
            digit = digit_from_picture(file)
        except ValueError as error:
            counts["refused"] += 1
            reasons[str(error).split(":")[0]] += 1
            continue
        sureness, answer = reader(digit).softmax(dim=1)[0].max(dim=0)
        right = kind not in OTHERS and bool(answer == labels[at])
        counts["right" if right else "wrong"] += 1
        counts["surely wrong"] += not right and bool(sureness > SURE)
    names = ("right", "wrong", "surely wrong", "refused")
    found = {name: counts[name] for name in names}
    return found | {"reasons": dict(reasons.most_common(3))}


def main() -> None:
    """Score all kinds, those put aside last."""
    torch.set_num_threads(1)
    store(
        "photos_of_digits",
        count=COUNT,
        sure=SURE,
        seed=SEED,
        digits={kind: score(kind) for kind in DIGITS},
        others={kind: score(kind) for kind in OTHERS},
        aside={kind: score(kind) for kind in ASIDE},
    )


if __name__ == "__main__":
    main()
