"""Check your class `MLP(embed_dim, mlp_ratio)`."""

import torch
from torch import Tensor
from torch.nn import functional as F

from vitlib.encoder import MLP
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.module import ModulePiece, weights_of
from vitlib.teach.checking.picture import tables
from vitlib.teach.checking.piece import Case, Mistake
from vitlib.teach.checking.words import sequences_of

SEEN = "At {where} yours has {yours}, wanted is {wanted}. "


def mlp_cases() -> list[Case]:
    """Draw layers of several widths, and tokens for them."""
    draw, found = Draw(6), []
    sizes = [  # batch, tokens, width, ratio
        (2, 3, 6, 2.5),
        (1, 4, 5, 3.0),
        (3, 1, 4, 4.0),
        (2, draw.size(2, 6), 8, 1.5),
    ]
    for batch, count, width, ratio in sizes:
        settings = {"embed_dim": width, "mlp_ratio": ratio}
        found.append(
            Case(
                f"{sequences_of(batch, count, width)}, "
                f"widened {ratio:g} times",
                {"tokens": draw.normal(batch, count, width)},
                settings,
                weights_of(MLP, draw, **settings),
                {"d": width, "hidden": int(width * ratio)},
            )
        )
    return found


def with_activation(act):
    """Give an MLP that bends in another way."""

    def wrong(mlp: MLP, tokens: Tensor) -> Tensor:
        return mlp.fc2(act(mlp.fc1(tokens)))

    return wrong


MLP_MISTAKES = (
    Mistake(
        "mistake_0",
        with_activation(F.relu),
        "Nearly: between your two layers stands ReLU, which cuts off at "
        "zero. " + SEEN + "The Transformer of 2017 had it; a ViT bends "
        "more gently.",
    ),
    Mistake(
        "mistake_1",
        with_activation(lambda x: F.gelu(x, approximate="tanh")),
        "Right to about three places: this is GELU by way of tanh, the "
        "approximation that Google's code uses. " + SEEN + "timm and this "
        "book take the exact one. Which argument of yours asks for the "
        "other?",
    ),
    Mistake(
        "mistake_2",
        with_activation(F.silu),
        "Nearly: between your two layers stands SiLU, x times a sigmoid. "
        + SEEN
        + "It resembles GELU and is not it.",
    ),
    Mistake(
        "mistake_3",
        with_activation(lambda x: x * torch.sigmoid(1.702 * x)),
        "Nearly: this is GELU by way of a sigmoid, as CLIP has it. "
        + SEEN
        + "timm and this book take the exact one.",
    ),
    Mistake(
        "mistake_4",
        with_activation(torch.tanh),
        "Between your two layers stands tanh. " + SEEN + "A ViT has "
        "another bend there, one that lets large numbers pass.",
    ),
    Mistake(
        "mistake_5",
        with_activation(lambda x: x),
        "Nothing stands between your two layers, and two linear layers in "
        "a row are one. " + SEEN + "What has to happen to the {hidden} "
        "numbers in between?",
    ),
    Mistake(
        "mistake_6",
        lambda mlp, tokens: F.gelu(mlp.fc2(mlp.fc1(tokens))),
        "The bend comes after the second layer. " + SEEN + "What is "
        "added to the stream must be free to be negative, and between the "
        "layers nothing bends.",
    ),
    Mistake(
        "mistake_7",
        lambda mlp, tokens: F.gelu(mlp.fc2(F.gelu(mlp.fc1(tokens)))),
        "The bend comes twice, after the second layer too. "
        + SEEN
        + "What is added to the stream must be free to be negative.",
    ),
    Mistake(
        "mistake_8",
        lambda mlp, tokens: mlp.fc2(mlp.fc1(F.gelu(tokens))),
        "The bend comes before the first layer, on the narrow side. "
        + SEEN
        + "It belongs where there are {hidden} numbers to choose "
        "from.",
    ),
    Mistake(
        "mistake_9",
        lambda mlp, tokens: tokens + MLP.forward(mlp, tokens),
        "Right, and the tokens themselves are added to it. "
        + SEEN
        + "That sum belongs to the block around the MLP.",
    ),
    Mistake(
        "mistake_10",
        lambda mlp, tokens: MLP.forward(
            mlp, F.layer_norm(tokens, tokens.shape[-1:], eps=1e-6)
        ),
        "Right, but your MLP norms its tokens first. "
        + SEEN
        + "That norm "
        "belongs to the block around it.",
    ),
    Mistake(
        "mistake_11",
        lambda mlp, tokens: F.linear(
            F.gelu(F.linear(tokens, mlp.fc1.weight)),
            mlp.fc2.weight,
            mlp.fc2.bias,
        ),
        "The bias of `fc1` is left out. " + SEEN + "What does a linear "
        "layer add, after it has multiplied?",
    ),
    Mistake(
        "mistake_12",
        lambda mlp, tokens: F.linear(
            F.gelu(mlp.fc1(tokens)), mlp.fc2.weight
        ),
        "The bias of `fc2` is left out. " + SEEN + "What does a linear "
        "layer add, after it has multiplied?",
    ),
)


PIECE = ModulePiece(
    module=__name__,
    number=1,
    reference=MLP,
    cases=mlp_cases,
    mistakes=MLP_MISTAKES,
    axes="sequences, tokens, width",
    draw=tables,
    next="Attention gathers, this thinks, each token for itself. Two "
    "thirds of the parameters of a ViT are in its MLPs.",
)
