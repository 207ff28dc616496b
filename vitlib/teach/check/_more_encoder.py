"""Chapter 6, more exercises: a count, the block of 2017, a quiet start."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vitlib.encoder import EncoderBlock
from vitlib.teach.check._answer import Finding, Runner
from vitlib.teach.check._changes import ChangePiece, as_module
from vitlib.teach.check._compare import agrees, as_tensor
from vitlib.teach.check._draw import Draw
from vitlib.teach.check._encoder import (
    block_cases,
    no_residual,
    norm_after_layer,
    normed_stream,
    old_sum,
    one_residual,
)
from vitlib.teach.check._modules import ModulePiece, weights_of
from vitlib.teach.check._number import NumberPiece, Slip
from vitlib.teach.check._picture import tables
from vitlib.teach.check._piece import Case, Mistake
from vitlib.teach.check._words import count_of, listed, shape_of

SEEN = "At {where} yours has {yours}, wanted is {wanted}. "


# How many numbers


def blocks_of(width: int, depth: int = 12) -> int:
    """Count the numbers of so many blocks."""
    return depth * (12 * width**2 + 13 * width)


ENCODER_PARAMETERS = NumberPiece(
    name="encoder_parameters",
    chapter=6,
    compute=lambda: blocks_of(384),
    next="Twice the width of ViT-Ti, and not quite four times its "
    "5,338,368 numbers: matrices have grown fourfold, biases and norms "
    "twofold. The number of heads plays no part.",
    mistakes=(
        Slip(
            blocks_of(384, depth=1),
            "{yours} are in one block. How many are there?",
        ),
        Slip(
            12 * 12 * 384**2,
            "{yours} are the matrices alone. What else does a linear "
            "layer have, and what does a norm learn?",
        ),
        Slip(
            12 * (12 * 384**2 + 9 * 384),
            "{yours} are right for the four linear layers of each block. "
            "The two norms have something to learn, too.",
        ),
        Slip(
            12 * (12 * 384**2 + 4 * 384),
            "{yours} are matrices and norms. What does a linear layer "
            "learn besides its matrix?",
        ),
        Slip(
            12 * (12 * 384**2 + 11 * 384),
            "{yours} would be right if a block had one norm, or if a norm "
            "had only its scale. What stands before the MLP, and what "
            "does a norm add?",
        ),
        Slip(
            blocks_of(384) + 2 * 384,
            "{yours} is with the last norm. It stands behind the blocks "
            "and belongs to the ViT.",
        ),
        Slip(
            12 * (4 * 384**2 + 4 * 384),
            "{yours} are the attention layers. What else is in a block?",
        ),
        Slip(
            12 * (8 * 384**2 + 5 * 384),
            "{yours} are the MLPs. What else is in a block?",
        ),
        Slip(
            22_050_664,
            "{yours} are in the whole ViT-S/16, with its patches, its "
            "positions and its head. Here only the blocks count.",
        ),
        Slip(blocks_of(192), "{yours} are those of ViT-Ti, 192 wide."),
        Slip(blocks_of(768), "{yours} are those of ViT-B, 768 wide."),
    ),
)


# The block of 2017


class PostNormBlock(EncoderBlock):
    """Norm after each sum."""

    def forward(self, tokens: Tensor) -> Tensor:
        """(b, n, d) -> (b, n, d)."""
        tokens = self.norm1(tokens + self.attn(tokens))
        return self.norm2(tokens + self.mlp(tokens))


def norms_swapped(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Use each norm for the other sum."""
    tokens = block.norm2(tokens + block.attn(tokens))
    return block.norm1(tokens + block.mlp(tokens))


def norm_twice(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Use the first norm for both sums."""
    tokens = block.norm1(tokens + block.attn(tokens))
    return block.norm1(tokens + block.mlp(tokens))


def only_last_norm(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Leave out the norm after the first sum."""
    tokens = tokens + block.attn(tokens)
    return block.norm2(tokens + block.mlp(tokens))


def only_first_norm(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Leave out the norm after the second sum."""
    tokens = block.norm1(tokens + block.attn(tokens))
    return tokens + block.mlp(tokens)


def normed_without_sum(block: EncoderBlock, tokens: Tensor) -> Tensor:
    """Norm what each layer gives, and add nothing."""
    tokens = block.norm1(block.attn(tokens))
    return block.norm2(block.mlp(tokens))


POST_NORM = ModulePiece(
    name="post_norm_block",
    chapter=6,
    reference=PostNormBlock,
    cases=block_cases,
    axes="sequences, tokens, width",
    draw=tables,
    shown="On four random inputs your values and gradients are those of "
    "`nn.TransformerEncoderLayer` as it is by default, with GELU.",
    next="A stream that runs through every norm keeps little of what "
    "entered it. That is why a ViT norms what a layer reads.",
    mistakes=(
        Mistake(
            EncoderBlock.forward,
            "This is the block of the ViT, with the norms in front of the "
            "layers. " + SEEN + "In 2017 a layer read the stream as it "
            "was. What was normed then?",
        ),
        Mistake(
            norm_after_layer,
            "What each layer gives is normed, and then added. "
            + SEEN
            + "In 2017 the sum itself was normed.",
        ),
        Mistake(
            norms_swapped,
            "The two norms have changed places. " + SEEN + "Which of them "
            "belongs to the attention?",
        ),
        Mistake(
            norm_twice,
            "`norm1` is used twice, and `norm2` not at all. "
            + SEEN
            + "No "
            "count of parameters shows it.",
        ),
        Mistake(
            only_last_norm,
            "The norm after the first sum is missing. " + SEEN + "What "
            "does the MLP read?",
        ),
        Mistake(
            only_first_norm,
            "The norm after the second sum is missing. " + SEEN + "What "
            "does the next block get?",
        ),
        Mistake(
            normed_without_sum,
            "The norms stand where they should, and nothing is added "
            "before them. " + SEEN + "What has to be in the sum besides "
            "the layer's result?",
        ),
        Mistake(
            no_residual,
            "Nothing is added, everything replaced, and the norms stand "
            "in front. " + SEEN + "What is normed in 2017?",
        ),
        Mistake(
            normed_stream,
            "Your norms come first, and the sums start from the normed "
            "tokens. " + SEEN + "In which order do a sum and its norm "
            "follow each other in 2017?",
        ),
        Mistake(
            old_sum,
            "Your norms stand in front, and the second sum begins with "
            "the tokens from before the attention. " + SEEN + "Write down "
            "what one layer does, then the same for the other.",
        ),
        Mistake(
            one_residual,
            "There is one sum around both layers, with the norms inside. "
            + SEEN
            + "Each layer has a sum, and each sum a norm behind it.",
        ),
    ),
)


# A block that starts as nothing


def start_quietly(block: EncoderBlock) -> EncoderBlock:
    """Set the last layer of each branch to zero."""
    for layer in (block.attn.proj, block.mlp.fc2):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    return block


def quiet_cases() -> list[Case]:
    """Draw blocks; none of their numbers is zero."""
    draw, found = Draw(67), []
    for width, heads in [(8, 2), (6, 3)]:
        settings = {"embed_dim": width, "num_heads": heads}
        block = EncoderBlock(**settings)
        block.load_state_dict(weights_of(EncoderBlock, draw, **settings))
        found.append(
            Case(
                f"a block of width {width} with {count_of(heads, 'head')}",
                {"block": block},
                tells={
                    "tokens": draw.normal(2, 5, width),
                    "goal": draw.normal(2, 5, width),
                },
            )
        )
    return found


@dataclass(frozen=True)
class QuietPiece(ChangePiece):
    """The block must hand its input on, and still be able to learn."""

    def read(self, output: object, case: Case) -> Tensor:
        """Look at what the changed block gives, and let it learn."""
        block = as_module(output)
        return Runner(block).run(self.look_at, block, case)

    def look_at(self, block: nn.Module, case: Case) -> Tensor:
        """Give what the block gives; a Finding says what is wrong."""
        parameters = list(block.parameters())
        if not parameters:
            raise Finding(
                "Your block has no parameters left. It should start as "
                "nothing, and become something."
            )
        tokens, goal = (
            case.tells[name].to(parameters[0].dtype)
            for name in ("tokens", "goal")
        )
        block = block.train(False)
        given = as_tensor(block(tokens)).detach()
        if not agrees(given, tokens):
            raise Finding(about_noise(block, tokens, given))
        asleep = sleepers(block, tokens, goal)
        if asleep:
            raise Finding(
                "The block hands its input on. But it can never become "
                f"anything else: in three steps of training "
                f"{listed(asleep[:4])} "
                f"{'gets' if len(asleep) == 1 else 'get'} no gradient. A "
                "gradient is multiplied by every weight on its way, and a "
                "layer learns from what it reads. Which layer has zeros "
                "both before and behind it, or is frozen?"
            )
        return given


def about_noise(block: nn.Module, tokens: Tensor, given: Tensor) -> str:
    """Say which part of the block still adds something."""
    if given.shape != tokens.shape:
        return (
            f"Given tokens of the shape {shape_of(tokens)}, your block "
            f"gives {shape_of(given)}. It should hand them on."
        )
    added = given - tokens
    if agrees(given, torch.zeros_like(tokens)):
        return (
            "Your block gives nothing but zeros: the tokens are lost. It "
            "should add nothing to them."
        )
    if agrees(added, added[:1, :1].expand_as(added)):
        return (
            "Nearly: what the block adds is the same for every token, "
            "whatever it is. Which part of a layer does not look at its "
            "input?"
        )
    try:
        between = tokens + block.attn(block.norm1(tokens))
        loud = [
            name
            for name, silent in (
                ("attention", agrees(between, tokens)),
                ("the MLP", agrees(given, between)),
            )
            if not silent
        ]
    except (AttributeError, RuntimeError, TypeError, ValueError):
        loud = []
    size = (added.norm() / tokens.norm()).item()
    who = " and ".join(loud) or "the block"
    return (
        f"What {who} {'add' if len(loud) == 2 else 'adds'} is still "
        f"{size:.2f} times as long as the tokens. Which layer is the last "
        "to touch what a branch pours into the stream?"
    )


def sleepers(block: nn.Module, tokens: Tensor, goal: Tensor) -> list[str]:
    """Name the parameters that get no gradient in three steps."""
    weights = dict(block.named_parameters())
    awake = set()
    for _ in range(3):
        output = block(tokens)
        if not output.requires_grad:
            break
        loss = (output - goal).square().mean()
        learned = {n: w for n, w in weights.items() if w.requires_grad}
        gradients = torch.autograd.grad(
            loss, list(learned.values()), allow_unused=True
        )
        for (name, weight), gradient in zip(
            learned.items(), gradients, strict=True
        ):
            if gradient is not None and gradient.abs().max() > 0:
                awake.add(name)
                weight.data = weight.data - 0.1 * gradient
    return [name for name in weights if name not in awake]


QUIET = QuietPiece(
    name="quiet_start",
    chapter=6,
    reference=start_quietly,
    cases=quiet_cases,
    differentiable=False,
    shown="Your blocks hand their tokens on unchanged, and after three "
    "steps of training every one of their parameters has had a gradient.",
    next="Some deep models start so, or with a small learned factor at "
    "the end of each branch (LayerScale): a block has to earn its say.",
    mistakes=(),
)
