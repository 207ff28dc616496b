"""Pictures of clothes: another task for a model that reads digits."""

from torch import Tensor

from vitlib._checks import check_choice
from vitlib.teach.data.digits import read_part

PARTS = {  # where in the file the pictures of a part lie
    "train": slice(0, 6000),
    "validation": slice(6000, 7000),
}
NAMES = (
    "T-shirt",
    "trousers",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
SHA256 = "5f37f4a9d01a7bdf380a5215fbbf19f957a8632ad2173acdf4ffda6a3ec8e8b6"


def clothes(part: str) -> tuple[Tensor, Tensor]:
    """Load pictures of clothes: "train" or "validation".

    Gives images (n, 1, 28, 28), floats from 0 (ground) to 1, and labels
    (n,), whole numbers from 0 to 9, which `NAMES` names. There are 6,000
    to train, drawn from the training half of Fashion-MNIST, and 1,000 to
    judge by, from its test half. Source: Fashion-MNIST (Han Xiao, Kashif
    Rasul, Roland Vollgraf; Zalando SE, MIT), arxiv.org/abs/1708.07747, as
    Debian's package dataset-fashion-mnist holds it; made by
    scripts/make_clothes.py.

    >>> images, labels = clothes("train")
    >>> images.shape, [NAMES[label] for label in labels[:3]]
    (torch.Size([6000, 1, 28, 28]), ['sneaker', 'sneaker', 'trousers'])
    """
    check_choice("part", part, PARTS)
    return read_part("clothes.npz", SHA256, PARTS[part])
