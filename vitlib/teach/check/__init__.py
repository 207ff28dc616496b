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

from vitlib.teach.check import _progress
from vitlib.teach.check._accumulate import ACCUMULATE
from vitlib.teach.check._as_conv import AS_CONV
from vitlib.teach.check._attention import ATTENTION
from vitlib.teach.check._darkest import DARKEST
from vitlib.teach.check._design import DESIGN
from vitlib.teach.check._embedding import PATCH_EMBEDDING
from vitlib.teach.check._encoder import ENCODER_BLOCK, MLP_PIECE
from vitlib.teach.check._evaluate import EVALUATE
from vitlib.teach.check._fold import FOLD
from vitlib.teach.check._foreign_weights import FOREIGN_WEIGHTS
from vitlib.teach.check._inside import DISTANCE, LENS, ROLLOUT
from vitlib.teach.check._introduction import CORNERS, OUTGROWN, WINDOW
from vitlib.teach.check._look_left import LOOK_LEFT
from vitlib.teach.check._more_embedding import LOUDEST, SIZES
from vitlib.teach.check._more_encoder import (
    ENCODER_PARAMETERS,
    POST_NORM,
    QUIET,
)
from vitlib.teach.check._more_inside import AVERAGE_HEAD, COVERING_HEADS
from vitlib.teach.check._more_introduction import MIRROR, PHOTO
from vitlib.teach.check._more_patches import AROUND, SATELLITE
from vitlib.teach.check._more_vit import DIGIT_VIT, PAIR_SHARE
from vitlib.teach.check._multi_head import MULTI_HEAD_ATTENTION
from vitlib.teach.check._neighbour_mask import NEIGHBOUR_MASK
from vitlib.teach.check._overlapping import OVERLAPPING
from vitlib.teach.check._own import read_digits
from vitlib.teach.check._parameter_groups import GROUPS
from vitlib.teach.check._patches import PATCHIFY, UNPATCHIFY
from vitlib.teach.check._progress import Progress
from vitlib.teach.check._registers import ENCODER_INPUT, REGISTERS
from vitlib.teach.check._result import Result
from vitlib.teach.check._smooth_loss import SMOOTH_LOSS
from vitlib.teach.check._streaming import STREAM
from vitlib.teach.check._tokens import ADD_POSITIONS, PREPEND_CLS
from vitlib.teach.check._vit import VIT
from vitlib.teach.check._warmup_cosine import CURVE

PIECES = {
    piece.name: piece
    for piece in (
        CORNERS,
        WINDOW,
        MIRROR,
        OUTGROWN,
        PHOTO,
        SATELLITE,
        PATCHIFY,
        UNPATCHIFY,
        AROUND,
        OVERLAPPING,
        SIZES,
        LOUDEST,
        PATCH_EMBEDDING,
        AS_CONV,
        FOLD,
        ENCODER_INPUT,
        PREPEND_CLS,
        ADD_POSITIONS,
        REGISTERS,
        DESIGN,
        ATTENTION,
        MULTI_HEAD_ATTENTION,
        NEIGHBOUR_MASK,
        LOOK_LEFT,
        STREAM,
        MLP_PIECE,
        ENCODER_PARAMETERS,
        ENCODER_BLOCK,
        POST_NORM,
        QUIET,
        DIGIT_VIT,
        PAIR_SHARE,
        VIT,
        DARKEST,
        FOREIGN_WEIGHTS,
        CURVE,
        SMOOTH_LOSS,
        EVALUATE,
        GROUPS,
        ACCUMULATE,
        ROLLOUT,
        DISTANCE,
        LENS,
        AVERAGE_HEAD,
        COVERING_HEADS,
    )
}


__all__ = ["PIECES", "Progress", "Result", "forget", "progress"]
__all__ += ["read_digits", *PIECES]


def progress() -> Progress:
    """Show which pieces are done in this environment.

    What is done is kept in a small file in your home folder, and goes
    nowhere else. `forget()` empties it.
    """
    chapters = {name: piece.chapter for name, piece in PIECES.items()}
    return Progress(chapters, frozenset(_progress.done()))


def forget() -> None:
    """Forget what is done."""
    _progress.clear()


def corner_to_corner(answer: int) -> Result:
    """Check after how many layers one corner sees the other."""
    return CORNERS.check(answer)


def receptive_field(answer: Callable) -> Result:
    """Check your `receptive_field(layers)`, the side of the window."""
    return WINDOW.check(answer)


def mirror_patches(answer: Callable) -> Result:
    """Check your `mirror_patches(images, patch_size)`."""
    return MIRROR.check(answer)


def outgrown_weights(answer: int) -> Result:
    """Check from which side on the tables outgrow the weights."""
    return OUTGROWN.check(answer)


def vit_for(answer: Callable) -> Result:
    """Check your `vit_for(height, width)`, which makes a model."""
    return PHOTO.check(answer)


def patches_shape(answer: tuple[int, ...]) -> Result:
    """Check your shape of the satellite picture's patches."""
    return SATELLITE.check(answer)


def patchify(answer: Callable) -> Result:
    """Check your `patchify(images, patch_size)`."""
    return PATCHIFY.check(answer)


def unpatchify(answer: Callable) -> Result:
    """Check your `unpatchify(patches, patch_size, image_size)`."""
    return UNPATCHIFY.check(answer)


def patches_around(answer: Callable) -> Result:
    """Check your `patches_around(index, rows, cols)`."""
    return AROUND.check(answer)


def overlapping_patches(answer: Callable) -> Result:
    """Check your `overlapping_patches(images, patch_size, step)`."""
    return OVERLAPPING.check(answer)


def prepend_cls(answer: Callable) -> Result:
    """Check your `prepend_cls(tokens, cls_token)`."""
    return PREPEND_CLS.check(answer)


def add_positions(answer: Callable) -> Result:
    """Check your `add_positions(tokens, pos_embed)`."""
    return ADD_POSITIONS.check(answer)


def encoder_input(answer: tuple[int, ...]) -> Result:
    """Check your shape of what goes into the encoder."""
    return ENCODER_INPUT.check(answer)


def prepend_registers(answer: Callable) -> Result:
    """Check your `prepend_registers(tokens, registers)`."""
    return REGISTERS.check(answer)


def design_positions(answer: Callable) -> Result:
    """Check your `design_positions(grid, embed_dim)`, of any design."""
    return DESIGN.check(answer)


def attention(answer: Callable) -> Result:
    """Check your `attention(q, k, v)`, with the weights or without."""
    return ATTENTION.check(answer)


def multi_head_attention(answer: Callable) -> Result:
    """Check your class `MultiHeadAttention(embed_dim, num_heads)`."""
    return MULTI_HEAD_ATTENTION.check(answer)


def neighbour_mask(answer: Callable) -> Result:
    """Check your `neighbour_mask(rows, cols)`."""
    return NEIGHBOUR_MASK.check(answer)


def look_left(answer: Callable) -> Result:
    """Check your `look_left(places)`, which makes queries."""
    return LOOK_LEFT.check(answer)


def streaming_attention(answer: Callable) -> Result:
    """Check your `streaming_attention(q, blocks)`."""
    return STREAM.check(answer)


def patch_embedding(answer: Callable) -> Result:
    """Check your class `PatchEmbedding`, as vitlib's is called."""
    return PATCH_EMBEDDING.check(answer)


def embedding_sizes(answer: tuple[int, ...]) -> Result:
    """Check your sizes of the patch embedding of ViT-H/14."""
    return SIZES.check(answer)


def as_conv(answer: Callable) -> Result:
    """Check your `as_conv(linear, patch_size)`."""
    return AS_CONV.check(answer)


def loudest_patch(answer: int) -> Result:
    """Check your number of the patch that answers the pupil."""
    return LOUDEST.check(answer)


def fold_normalisation(answer: Callable) -> Result:
    """Check your `fold_normalisation(weight, bias, mean, std)`."""
    return FOLD.check(answer)


def mlp(answer: Callable) -> Result:
    """Check your class `MLP(embed_dim, mlp_ratio)`."""
    return MLP_PIECE.check(answer)


def encoder_block(answer: Callable) -> Result:
    """Check your class `EncoderBlock(embed_dim, num_heads)`."""
    return ENCODER_BLOCK.check(answer)


def encoder_parameters(answer: int) -> Result:
    """Check how many numbers twelve blocks of ViT-S hold."""
    return ENCODER_PARAMETERS.check(answer)


def post_norm_block(answer: Callable) -> Result:
    """Check your class `PostNormBlock(embed_dim, num_heads)`."""
    return POST_NORM.check(answer)


def quiet_start(answer: Callable) -> Result:
    """Check your `quiet_start(block)`, which changes a block."""
    return QUIET.check(answer)


def vit(answer: Callable) -> Result:
    """Check your class `ViT`, called by names as vitlib's is."""
    return VIT.check(answer)


def digit_vit(answer: Callable) -> Result:
    """Check your `digit_vit()`, which makes a model."""
    return DIGIT_VIT.check(answer)


def pair_share(answer: Callable) -> Result:
    """Check your `pair_share(image_size)` of ViT-B/16."""
    return PAIR_SHARE.check(answer)


def darkest_quarter(answer: Callable) -> Result:
    """Check your `darkest_quarter(model)`, which changes a model."""
    return DARKEST.check(answer)


def rename_weights(answer: Callable) -> Result:
    """Check your `rename_weights(weights)`, which gives a dict."""
    return FOREIGN_WEIGHTS.check(answer)


def parameter_groups(answer: Callable) -> Result:
    """Check your `parameter_groups(model, weight_decay)`."""
    return GROUPS.check(answer)


def warmup_cosine(answer: Callable) -> Result:
    """Check your `warmup_cosine(step, steps, warmup)`."""
    return CURVE.check(answer)


def evaluate(answer: Callable) -> Result:
    """Check your `evaluate(model, images, labels, batch_size)`."""
    return EVALUATE.check(answer)


def smooth_loss(answer: Callable) -> Result:
    """Check your `smooth_loss(scores, labels, smoothing)`."""
    return SMOOTH_LOSS.check(answer)


def accumulate(answer: Callable) -> Result:
    """Check your `accumulate(model, images, labels, size)`."""
    return ACCUMULATE.check(answer)


def rollout(answer: Callable) -> Result:
    """Check your `rollout(maps)`."""
    return ROLLOUT.check(answer)


def mean_attention_distance(answer: Callable) -> Result:
    """Check your `mean_attention_distance(maps, grid, patch_size)`."""
    return DISTANCE.check(answer)


def logit_lens(answer: Callable) -> Result:
    """Check your `logit_lens(model, images)`."""
    return LENS.check(answer)


def average_head(answer: Callable) -> Result:
    """Check your `average_head(model, images, layer, head)`."""
    return AVERAGE_HEAD.check(answer)


def covering_heads(answer: tuple[int, ...]) -> Result:
    """Check your two heads, and how many answers they cost."""
    return COVERING_HEADS.check(answer)
