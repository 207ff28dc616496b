"""Check your `logit_lens(model, images)`."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from vitlib import inside
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import count_of
from vitlib.vit import ViT

Lens = Callable[[ViT, Tensor], Tensor]


def cases() -> list[Case]:
    """Make small models, every weight random."""
    draw, found = Draw(12), []
    for depth in (2, 3):
        model = ViT(
            image_size=(8, 12),
            patch_size=4,
            in_channels=1,
            embed_dim=8,
            depth=depth,
            num_heads=2,
            num_classes=3,
        )
        for name, part in model.named_parameters():
            one = "norm" in name and name.endswith("weight")
            part.data = one + draw.normal(*part.shape, std=0.4)
        words = f"a small ViT of {count_of(depth, 'layer')}"
        images = draw.normal(depth + 2, 1, 8, 12)
        found.append(
            Case(words, {"model": model.eval(), "images": images})
        )
    return found


def seen_by(read: Lens) -> Lens:
    """Give an answer that reads the stream in another way."""

    def wrong(model: ViT, images: Tensor) -> Tensor:
        return read(model, inside.residual_stream(model, images))

    return wrong


def lens(model: ViT, stream: Tensor) -> Tensor:
    """Norm, then head."""
    return model.head(model.norm(stream))


def branches(model: ViT, images: Tensor) -> Tensor:
    """Note what the attention of each layer adds."""
    stream = inside.residual_stream(model, images)
    added = [
        block.attn(block.norm1(tokens))
        for block, tokens in zip(model.blocks, stream[:-1], strict=True)
    ]
    return lens(model, torch.stack([stream[0], *added]))


def one_layer_early(model: ViT, images: Tensor) -> Tensor:
    """Note what goes into each module, where it gives what comes out."""
    stream = inside.residual_stream(model, images)
    return lens(model, torch.cat([stream[:1], stream[:-1]]))


def bare_norm(model: ViT, stream: Tensor) -> Tensor:
    """Norm without what the norm has learned."""
    return model.head(F.layer_norm(stream, stream.shape[-1:], eps=1e-6))


def twice_normed(model: ViT, stream: Tensor) -> Tensor:
    """Norm the last layer's tokens twice."""
    return lens(model, model.norm(stream[-1:]))


def layers_second(model: ViT, stream: Tensor) -> Tensor:
    """Put the images before the layers."""
    return lens(model, stream).transpose(0, 1)


def normed_stream(model: ViT, images: Tensor) -> Tensor:
    """Let the normed tokens go on to the next block."""
    tokens = inside.residual_stream(model, images)[0]
    found = [model.norm(tokens)]
    for block in model.blocks:
        found.append(model.norm(block(found[-1])))
    return model.head(torch.stack(found))


PIECE = Piece(
    module=__name__,
    number=3,
    reference=inside.logit_lens,
    cases=cases,
    axes="layers and the one before them, images, tokens, classes",
    differentiable=False,
    next="Token by token and layer by layer: when does the picture begin "
    "to look like its class?",
    mistakes=(
        Mistake(
            "no_norm",
            seen_by(lambda model, stream: model.head(stream)),
            "The head reads the bare stream, without the norm before it. "
            "{seen} What stands between the last block and the head?",
        ),
        Mistake(
            "nothing_before_the_first_layer",
            seen_by(lambda model, stream: lens(model, stream[1:])),
            "One is missing at the beginning: your shape is {shape}, "
            "wanted is {right}. The tokens have something to say before "
            "the first layer, too."
            " Which module gives them?",
        ),
        Mistake(
            "what_attention_adds",
            branches,
            "From the first layer on these are not the tokens but what "
            "attention adds to them. {seen} A hook notes what its module "
            "gives. Which module gives the stream, sums included?",
        ),
        Mistake(
            "one_layer_early",
            one_layer_early,
            "Your hooks note what goes into a module, and so each layer "
            "is one too early. {seen} Which of the three things that a "
            "forward hook is given came out?",
        ),
        Mistake(
            "norm_not_learned",
            seen_by(bare_norm),
            "The tokens are normed, by a norm that has learned nothing. "
            "{seen} The model has its own, with a scale and a shift. "
            "Where?",
        ),
        Mistake(
            "images_before_layers",
            seen_by(layers_second),
            "The numbers are right, with the images before the layers: "
            "your shape is {shape}, wanted is {right}. Along which axis "
            "do you stack?",
        ),
        Mistake(
            "layers_in_one_batch",
            seen_by(
                lambda model, stream: lens(model, stream).flatten(0, 1)
            ),
            "The numbers are right, and all layers stand in one batch: "
            "your shape is {shape}, wanted is {right}. `cat` joins along "
            "an axis that is there. What makes a new one?",
        ),
        Mistake(
            "last_layer_first",
            seen_by(lambda model, stream: lens(model, stream.flip(0))),
            "The layers stand in reverse order. {seen} Which comes first?",
        ),
        Mistake(
            "normed_at_the_end",
            seen_by(
                lambda model, stream: torch.cat(
                    [lens(model, stream[:-1]), twice_normed(model, stream)]
                )
            ),
            "The last entry is normed twice: your hook on the last norm "
            "has noted tokens that are normed already. {seen} Which "
            "module gives the stream after the last layer?",
        ),
        Mistake(
            "no_last_layer",
            seen_by(lambda model, stream: lens(model, stream[:-1])),
            "One is missing at the end: your last entry is what goes into "
            "the last layer. Your shape is {shape}, wanted is {right}."
            " Which module gives what comes out of it?",
        ),
        Mistake(
            "class_token_only",
            seen_by(lambda model, stream: lens(model, stream[:, :, 0])),
            "Only the class token is read: your shape is {shape}, wanted "
            "is {right}. The lens asks every token."
            " Which index is too many?",
        ),
        Mistake(
            "no_class_token",
            seen_by(lambda model, stream: lens(model, stream[:, :, 1:])),
            "The class token is left out: your shape is {shape}, wanted "
            "is {right}."
            " Where does your slice begin?",
        ),
        Mistake(
            "softmax_at_the_end",
            seen_by(lambda model, stream: lens(model, stream).softmax(-1)),
            "Right, and then made into shares by a softmax: {yours}, "
            "wanted are the scores, {wanted}."
            " Which step is too many?",
        ),
        Mistake(
            "last_layer_only",
            seen_by(lambda model, stream: lens(model, stream[-1])),
            "This is the last layer only: your shape is {shape}, wanted "
            "is {right}."
            " Where are the others?",
        ),
        Mistake(
            "stream_only",
            seen_by(lambda model, stream: stream),
            "This is the stream itself, {shape}. The norm and the head "
            "have not read it yet: wanted is {right}."
            " Who reads it, and through which norm?",
        ),
        Mistake(
            "normed_stream",
            normed_stream,
            "Your normed tokens go on to the next block. {seen} The lens "
            "looks at the stream and leaves it as it is."
            " Which tensor goes on in your loop?",
        ),
    ),
)
