"""Check your class `ViT`, called by names as vitlib's is."""

from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.module import ModulePiece, weights_of
from vitlib.teach.checking.piece import Case, Mistake
from vitlib.teach.checking.words import count_of
from vitlib.tokens import add_positions, prepend_cls
from vitlib.vit import ViT

Forward = Callable[[ViT, Tensor], Tensor]


def cases() -> list[Case]:
    """Draw models, and pictures for them."""
    draw, found = Draw(7), []
    sizes = [  # batch, channels, rows, columns, patch, width, depth, heads
        (2, 3, 2, 3, 4, 12, 2, 3),
        (1, 1, 3, 2, 2, 8, 3, 2),
        (3, 2, 2, 2, 3, 6, 1, 1),
    ]
    for batch, channels, rows, cols, p, width, depth, heads in sizes:
        size = rows * p, cols * p
        settings = {
            "image_size": size[0] if rows == cols else size,
            "patch_size": p,
            "in_channels": channels,
            "num_classes": 5,
            "embed_dim": width,
            "depth": depth,
            "num_heads": heads,
        }
        found.append(
            Case(
                f"{count_of(batch, 'image')} of {size[0]} by {size[1]} "
                f"pixels and a model of {count_of(depth, 'layer')}, "
                f"{width} numbers wide",
                {"images": draw.uniform(batch, channels, *size)},
                settings,
                weights_of(ViT, draw, **settings),
                {"d": width, "depth": depth, "n": rows * cols},
            )
        )
    return found


def embedded(model: ViT, images: Tensor) -> Tensor:
    """Give the tokens with the class token, without positions."""
    return prepend_cls(model.patch_embed(images), model.cls_token)


def placed(model: ViT, images: Tensor) -> Tensor:
    """Give what goes into the encoder."""
    return add_positions(embedded(model, images), model.pos_embed)


def answered(model: ViT, tokens: Tensor) -> Tensor:
    """Give the scores for what goes into the encoder."""
    return model.head(model.norm(model.blocks(tokens))[:, 0])


def read_by(read: Callable[[Tensor], Tensor]) -> Forward:
    """Give a model which reads its answer elsewhere."""

    def wrong(model: ViT, images: Tensor) -> Tensor:
        return model.head(read(model.forward_features(images)))

    return wrong


def ended_by(end: Callable[[Tensor], Tensor]) -> Forward:
    """Give a model which changes its scores afterwards."""

    def wrong(model: ViT, images: Tensor) -> Tensor:
        return end(ViT.forward(model, images))

    return wrong


def no_last_norm(model: ViT, images: Tensor) -> Tensor:
    """Read the bare stream."""
    return model.head(model.blocks(placed(model, images))[:, 0])


def with_eps(eps: float) -> Forward:
    """Give a model whose last norm adds another number."""

    def wrong(model: ViT, images: Tensor) -> Tensor:
        tokens = model.blocks(placed(model, images))[:, 0]
        norm, shape = model.norm, tokens.shape[-1:]
        tokens = F.layer_norm(tokens, shape, norm.weight, norm.bias, eps)
        return model.head(tokens)

    return wrong


def no_positions(model: ViT, images: Tensor) -> Tensor:
    """Forget the places."""
    return answered(model, embedded(model, images))


def class_token_without_position(model: ViT, images: Tensor) -> Tensor:
    """Give positions to the patches only."""
    patches = model.patch_embed(images) + model.pos_embed[:, 1:]
    return answered(model, prepend_cls(patches, model.cls_token))


def position_of_the_one_before(model: ViT, images: Tensor) -> Tensor:
    """Give the patches the first positions."""
    patches = model.patch_embed(images) + model.pos_embed[:, :-1]
    return answered(model, prepend_cls(patches, model.cls_token))


def class_token_at_the_end(model: ViT, images: Tensor) -> Tensor:
    """Put the class token behind the patches, and read it there."""
    patches = model.patch_embed(images)
    last = model.cls_token.expand(len(images), -1, -1)
    tokens = torch.cat([patches, last], dim=1) + model.pos_embed
    return model.head(model.norm(model.blocks(tokens))[:, -1])


def class_token_lost_at_the_end(model: ViT, images: Tensor) -> Tensor:
    """Put the class token behind the patches, and read the first patch."""
    patches = model.patch_embed(images)
    last = model.cls_token.expand(len(images), -1, -1)
    tokens = torch.cat([patches, last], dim=1) + model.pos_embed
    return answered(model, tokens)


def through(choose: Callable[[list], list]) -> Forward:
    """Give a model which runs other blocks."""

    def wrong(model: ViT, images: Tensor) -> Tensor:
        tokens = placed(model, images)
        for block in choose(list(model.blocks)):
            tokens = block(tokens)
        return model.head(model.norm(tokens)[:, 0])

    return wrong


def positions_behind_the_encoder(model: ViT, images: Tensor) -> Tensor:
    """Add the positions behind the encoder."""
    tokens = model.blocks(embedded(model, images)) + model.pos_embed
    return model.head(model.norm(tokens)[:, 0])


def positions_before_every_block(model: ViT, images: Tensor) -> Tensor:
    """Add the positions before every block."""
    tokens = embedded(model, images)
    for block in model.blocks:
        tokens = block(tokens + model.pos_embed)
    return model.head(model.norm(tokens)[:, 0])


def norm_before_the_encoder(model: ViT, images: Tensor) -> Tensor:
    """Use the last norm before the encoder."""
    tokens = model.blocks(model.norm(placed(model, images)))
    return model.head(tokens[:, 0])


def patches_column_by_column(model: ViT, images: Tensor) -> Tensor:
    """Read the picture down the columns."""
    maps = model.patch_embed.proj(images)
    patches = rearrange(maps, "b d row col -> b (col row) d")
    tokens = prepend_cls(patches, model.cls_token) + model.pos_embed
    return answered(model, tokens)


def no_class_token(model: ViT, images: Tensor) -> Tensor:
    """Do without one."""
    patches = model.patch_embed(images) + model.pos_embed[:, 1:]
    return model.head(model.norm(model.blocks(patches)).mean(dim=1))


PIECE = ModulePiece(
    module=__name__,
    number=3,
    reference=ViT,
    cases=cases,
    keywords=True,
    axes="images, classes",
    next="It is the whole of it, and all that it knows is still to come: "
    "chapter 8 trains one to read digits.",
    mistakes=(
        Mistake(
            "eps_of_torch",
            with_eps(1e-5),
            "Right but for the sixth decimal or so: your last norm has "
            "torch's own `eps`, 1e-5. {seen} A ViT has 1e-6, as in its "
            "blocks."
            " Where is it said to `nn.LayerNorm`?",
        ),
        Mistake(
            "mean_of_all_tokens_read",
            read_by(lambda tokens: tokens.mean(dim=1)),
            "Your head reads the mean of all tokens, the class token "
            "among them. {seen} The class token alone is there to be "
            "read; and where a mean is taken, it does not count."
            " Which token does the head read?",
        ),
        Mistake(
            "mean_of_patches_read",
            read_by(lambda tokens: tokens[:, 1:].mean(dim=1)),
            "Your head reads the mean of the patches. That is the other "
            "way to end a ViT; this one ends with the class token. {seen} "
            "Which of the tokens is it?",
        ),
        Mistake(
            "first_patch_read",
            read_by(lambda tokens: tokens[:, 1]),
            "Off by one: your head reads the first patch. {seen} At which "
            "place stands the class token?",
        ),
        Mistake(
            "last_patch_read",
            read_by(lambda tokens: tokens[:, -1]),
            "Your head reads the last token, the patch in the corner. "
            "{seen} At which place stands the class token?",
        ),
        Mistake(
            "no_last_norm",
            no_last_norm,
            "The norm behind the last block is missing. {seen} The stream "
            "has grown in every block, and the head would read it as loud "
            "as it is. What stands between the two?",
        ),
        Mistake(
            "norm_before_the_encoder",
            norm_before_the_encoder,
            "`norm` stands before the encoder, and nothing behind it. "
            "{seen} What the head reads has to be normed."
            " Where does it belong?",
        ),
        Mistake(
            "softmax_at_the_end",
            ended_by(lambda scores: scores.softmax(-1)),
            "Right up to the scores; then a softmax makes shares of them, "
            "{yours}, where {wanted} is wanted. The loss brings its own "
            "softmax, and a second one would flatten it."
            " Who makes shares of them?",
        ),
        Mistake(
            "log_softmax_at_the_end",
            ended_by(lambda scores: scores.log_softmax(-1)),
            "Right up to the scores; then a logarithm of a softmax, "
            "{yours}, where {wanted} is wanted. The loss brings its own."
            " Who takes the logarithm?",
        ),
        Mistake(
            "sigmoid_at_the_end",
            ended_by(lambda scores: scores.sigmoid()),
            "Right up to the scores; then a sigmoid, {yours}, where "
            "{wanted} is wanted. The loss brings its own."
            " What does the head give by itself?",
        ),
        Mistake(
            "no_positions",
            no_positions,
            "The positions are not used: your model could not tell the "
            "picture from its shuffled patches. {seen} What is done with "
            "`pos_embed`?",
        ),
        Mistake(
            "class_token_without_position",
            class_token_without_position,
            "The patches have their positions, the class token has none. "
            "{seen} Which comes first, the sum or the class token?",
        ),
        Mistake(
            "position_of_the_one_before",
            position_of_the_one_before,
            "The positions are off by one: the first patch has that of "
            "the class token. {seen} Which comes first, the sum or the "
            "class token?",
        ),
        Mistake(
            "class_token_at_the_end",
            class_token_at_the_end,
            "The class token stands behind the patches: every patch has "
            "the position of its neighbour. {seen} At which place do all "
            "published weights expect it?",
        ),
        Mistake(
            "class_token_lost_at_the_end",
            class_token_lost_at_the_end,
            "The class token stands behind the patches, and the head "
            "reads the first patch. {seen} Where does `prepend_cls` put "
            "it?",
        ),
        Mistake(
            "positions_behind_the_encoder",
            positions_behind_the_encoder,
            "The positions are added behind the encoder, when all the "
            "looking around is over. {seen} Who needs to know the places?",
        ),
        Mistake(
            "positions_before_every_block",
            positions_before_every_block,
            "The positions are added before every block. {seen} Once is "
            "enough: the stream keeps them."
            " How often are they needed?",
        ),
        Mistake(
            "first_block_repeated",
            through(lambda blocks: [blocks[0]] * len(blocks)),
            "The first block runs {depth} times, the others never. {seen} "
            "No count of parameters shows it."
            " Which block does your loop call?",
        ),
        Mistake(
            "first_block_only",
            through(lambda blocks: blocks[:1]),
            "Only the first of {depth} blocks runs. {seen} Where does the "
            "loop go on with the result of the one before?",
        ),
        Mistake(
            "last_block_only",
            through(lambda blocks: blocks[-1:]),
            "Only the last of {depth} blocks counts: each starts from the "
            "embedded picture anew. {seen} What does a block get?",
        ),
        Mistake(
            "blocks_backwards",
            through(lambda blocks: blocks[::-1]),
            "The blocks run from the last to the first. {seen} Which way "
            "does your loop go?",
        ),
        Mistake(
            "no_blocks",
            through(lambda blocks: []),
            "No block runs: the class token is read as it was put in, and "
            "has seen nothing. {seen} Where is the encoder called?",
        ),
        Mistake(
            "patches_column_by_column",
            patches_column_by_column,
            "The patches go down the columns. {seen} In which order does "
            "your embedding read the picture?",
        ),
        Mistake(
            "no_class_token",
            no_class_token,
            "There is no class token: your head reads the mean of the "
            "patches. {seen} What is done with `cls_token`?",
        ),
        Mistake(
            "features_only",
            lambda model, images: model.pool(
                model.forward_features(images)
            ),
            "These are the features, {shape}: the head is missing. Wanted "
            "are the scores, {right}."
            " Who reads them?",
        ),
        Mistake(
            "tokens_only",
            ViT.forward_features,
            "These are the tokens behind the encoder, {shape}. Wanted are "
            "the scores, {right}: one token is read, by the head."
            " Who reads them?",
        ),
        Mistake(
            "every_token_read",
            read_by(lambda tokens: tokens),
            "Your head reads every token: {shape}. Wanted is one answer "
            "for an image, {right}. Whose?",
        ),
    ),
)
