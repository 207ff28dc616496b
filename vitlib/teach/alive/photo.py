"""A picture in three channels, on its way into a live figure."""

from torch import Tensor

from vitlib.teach.draw.canvas import as_picture

LARGEST = 448


def packed(images: Tensor) -> tuple[bytes, tuple[int, int]]:
    """(1, 3, h, w), 0 to 1 -> its bytes in rows, and h and w."""
    shape = tuple(images.shape)
    if len(shape) != 4 or shape[:2] != (1, 3) or 0 in shape:
        raise ValueError(
            f"images has the shape {shape}; it must be (1, 3, h, w): one "
            "picture of three channels"
        )
    if max(shape) > LARGEST:
        raise ValueError(
            f"images has the shape {shape}; this figure shows pictures "
            f"of at most {LARGEST} by {LARGEST} pixels"
        )
    low, high = images.min().item(), images.max().item()
    if not 0 <= low <= high <= 1:
        raise ValueError(
            f"images runs from {low:g} to {high:g}; it must stay between "
            "0 and 1, as `to_tensor` gives it"
        )
    return as_picture(images).tobytes(), shape[2:]
