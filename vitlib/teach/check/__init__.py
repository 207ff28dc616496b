"""Check your own work: every piece of the ViT has a checker.

    from vitlib.teach import check

    check.patchify(my_patchify)

What comes back is true if your piece is right, and its `str()` says what
was found: in a notebook it is shown below the cell. A piece may be
written in any style. It is asked random inputs, and what it gives has to
be what vitlib's piece gives, with its gradients. Functions get their
weights as arguments; modules have vitlib's names for their parameters,
into which the check loads weights of its own.
"""

from collections.abc import Callable

from vitlib.teach.check._attention import ATTENTION
from vitlib.teach.check._patches import PATCHIFY, UNPATCHIFY
from vitlib.teach.check._result import Result
from vitlib.teach.check._tokens import ADD_POSITIONS, PREPEND_CLS

PIECES = {
    piece.name: piece
    for piece in (
        PATCHIFY,
        UNPATCHIFY,
        PREPEND_CLS,
        ADD_POSITIONS,
        ATTENTION,
    )
}


def patchify(answer: Callable) -> Result:
    """Check your `patchify(images, patch_size)`."""
    return PATCHIFY.check(answer)


def unpatchify(answer: Callable) -> Result:
    """Check your `unpatchify(patches, patch_size, image_size)`."""
    return UNPATCHIFY.check(answer)


def prepend_cls(answer: Callable) -> Result:
    """Check your `prepend_cls(tokens, cls_token)`."""
    return PREPEND_CLS.check(answer)


def add_positions(answer: Callable) -> Result:
    """Check your `add_positions(tokens, pos_embed)`."""
    return ADD_POSITIONS.check(answer)


def attention(answer: Callable) -> Result:
    """Check your `attention(q, k, v)`, with the weights or without."""
    return ATTENTION.check(answer)
