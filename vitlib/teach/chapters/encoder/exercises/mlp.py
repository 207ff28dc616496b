"""Check your class `MLP(embed_dim, mlp_ratio)`."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from vitlib.encoder import MLP
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.module import ModulePiece, weights_of
from vitlib.teach.checking.picture import tables
from vitlib.teach.checking.piece import Case, Mistake
from vitlib.teach.checking.words import sequences_of


def cases() -> list[Case]:
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


def with_activation(
    act: Callable[[Tensor], Tensor],
) -> Callable[[MLP, Tensor], Tensor]:
    """Give an MLP that bends in another way."""

    def wrong(mlp: MLP, tokens: Tensor) -> Tensor:
        return mlp.fc2(act(mlp.fc1(tokens)))

    return wrong


PIECE = ModulePiece(
    module=__name__,
    number=1,
    reference=MLP,
    cases=cases,
    axes="sequences, tokens, width",
    draw=tables,
    next="Attention gathers, this thinks, each token for itself. Two "
    "thirds of the parameters of a ViT are in its MLPs.",
    mistakes=(
        Mistake(
            "relu",
            with_activation(F.relu),
            "Nearly: between your two layers stands ReLU, which cuts off "
            "at zero. {seen} The Transformer of 2017 had it; a ViT bends "
            "more gently."
            " Which bend is it?",
        ),
        Mistake(
            "gelu_by_tanh",
            with_activation(lambda x: F.gelu(x, approximate="tanh")),
            "Right to about three places: this is GELU by way of tanh, "
            "the approximation that Google's code uses. {seen} timm and "
            "this book take the exact one. Which argument of yours asks "
            "for the other?",
        ),
        Mistake(
            "silu",
            with_activation(F.silu),
            "Nearly: between your two layers stands SiLU, x times a "
            "sigmoid. {seen} It resembles GELU and is not it."
            " Which bend is it?",
        ),
        Mistake(
            "gelu_by_sigmoid",
            with_activation(lambda x: x * torch.sigmoid(1.702 * x)),
            "Nearly: this is GELU by way of a sigmoid, as CLIP has it. "
            "{seen} timm and this book take the exact one."
            " Which one is that?",
        ),
        Mistake(
            "gelu_without_the_root",
            with_activation(lambda x: x * (1 + torch.erf(x)) / 2),
            "Nearly: this is GELU by way of `erf`, and inside it a root "
            "is missing. {seen} The normal distribution has a deviation "
            "of 1, `erf` one of 1 over the root of 2. What is x divided "
            "by before `erf` sees it?",
        ),
        Mistake(
            "gelu_times_the_root",
            with_activation(lambda x: x * (1 + torch.erf(x * 2**0.5)) / 2),
            "Nearly: this is GELU by way of `erf`, and inside it x is "
            "multiplied by the root of 2. {seen} Is it to become larger "
            "or smaller there?",
        ),
        Mistake(
            "gelu_without_the_half",
            with_activation(lambda x: x * (1 + torch.erf(x / 2**0.5))),
            "Nearly: your GELU is twice as large as it should be. {seen} "
            "For large x it should be x itself, and 1 + erf(x) is 2 "
            "there."
            " What is missing?",
        ),
        Mistake(
            "share_only",
            with_activation(lambda x: (1 + torch.erf(x / 2**0.5)) / 2),
            "This is the share of the normal distribution below x, from 0 "
            "to 1, and GELU is made of it. {seen} What is the share "
            "multiplied by?",
        ),
        Mistake(
            "sigmoid",
            with_activation(torch.sigmoid),
            "Between your two layers stands a sigmoid. {seen} A ViT has "
            "another bend there, one that lets large numbers pass."
            " Which one is it?",
        ),
        Mistake(
            "leaky_relu",
            with_activation(F.leaky_relu),
            "Between your two layers stands a ReLU that leaks. {seen} A "
            "ViT has a bend there that is round at zero. What is it "
            "called?",
        ),
        Mistake(
            "tanh",
            with_activation(torch.tanh),
            "Between your two layers stands tanh. {seen} A ViT has "
            "another bend there, one that lets large numbers pass."
            " Which one is it?",
        ),
        Mistake(
            "no_activation",
            with_activation(lambda x: x),
            "Nothing stands between your two layers, and two linear "
            "layers in a row are one. {seen} What has to happen to the "
            "{hidden} numbers in between?",
        ),
        Mistake(
            "activation_last",
            lambda mlp, tokens: F.gelu(mlp.fc2(mlp.fc1(tokens))),
            "The bend comes after the second layer. {seen} What is added "
            "to the stream must be free to be negative, and between the "
            "layers nothing bends."
            " Where does it belong?",
        ),
        Mistake(
            "activation_twice",
            lambda mlp, tokens: F.gelu(mlp.fc2(F.gelu(mlp.fc1(tokens)))),
            "The bend comes twice, after the second layer too. {seen} "
            "What is added to the stream must be free to be negative."
            " Which of the two belongs there?",
        ),
        Mistake(
            "activation_first",
            lambda mlp, tokens: mlp.fc2(mlp.fc1(F.gelu(tokens))),
            "The bend comes before the first layer, on the narrow side. "
            "{seen} It belongs where there are {hidden} numbers to choose "
            "from."
            " After which layer is that?",
        ),
        Mistake(
            "with_residual",
            lambda mlp, tokens: tokens + MLP.forward(mlp, tokens),
            "Right, and the tokens themselves are added to it. {seen} "
            "That sum belongs to the block around the MLP."
            " Where does your code add them?",
        ),
        Mistake(
            "with_norm",
            lambda mlp, tokens: MLP.forward(
                mlp, F.layer_norm(tokens, tokens.shape[-1:], eps=1e-6)
            ),
            "Right, but your MLP norms its tokens first. {seen} That norm "
            "belongs to the block around it."
            " Where does yours come in?",
        ),
        Mistake(
            "no_fc1_bias",
            lambda mlp, tokens: F.linear(
                F.gelu(F.linear(tokens, mlp.fc1.weight)),
                mlp.fc2.weight,
                mlp.fc2.bias,
            ),
            "The bias of `fc1` is left out. {seen} What does a linear "
            "layer add, after it has multiplied?",
        ),
        Mistake(
            "no_fc2_bias",
            lambda mlp, tokens: F.linear(
                F.gelu(mlp.fc1(tokens)), mlp.fc2.weight
            ),
            "The bias of `fc2` is left out. {seen} What does a linear "
            "layer add, after it has multiplied?",
        ),
    ),
)
