"""Check your `quiet_start(block)`, which changes a block."""

import torch
from torch import Tensor, nn

from vitlib.encoder import EncoderBlock
from vitlib.teach.checking.answer import Finding, Runner
from vitlib.teach.checking.change import ChangePiece, as_module
from vitlib.teach.checking.compare import agrees, as_tensor
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.module import weights_of
from vitlib.teach.checking.piece import Case
from vitlib.teach.checking.words import count_of, listed, shape_of

LOUD = {  # the names of the mistakes, by who still adds something
    "attention": "attention_adds",
    "the MLP": "mlp_adds",
    "attention and the MLP": "both_add",
    "the block": "block_adds",
}


def start_quietly(block: EncoderBlock) -> EncoderBlock:
    """Set the last layer of each branch to zero."""
    for layer in (block.attn.proj, block.mlp.fc2):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    return block


def cases() -> list[Case]:
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


def about_noise(
    block: nn.Module, tokens: Tensor, given: Tensor
) -> Finding:
    """Say which part of the block still adds something."""
    if given.shape != tokens.shape:
        return Finding(
            f"Given tokens of the shape {shape_of(tokens)}, your block "
            f"gives {shape_of(given)}. It should hand them on.",
            "other_shape",
        )
    if not torch.isfinite(given).all():
        return Finding(
            "Some of what your block gives is infinite, or no number at "
            "all (nan). It should hand its tokens on as they are. What is "
            "divided by zero, or multiplied by something endless?",
            "not_finite",
        )
    added = given - tokens
    if agrees(given, torch.zeros_like(tokens)):
        return Finding(
            "Your block gives nothing but zeros: the tokens are lost. It "
            "should add nothing to them.",
            "all_zeros",
        )
    if agrees(added, added[:1, :1].expand_as(added)):
        return Finding(
            "Nearly: what the block adds is the same for every token, "
            "whatever it is. Which part of a layer does not look at its "
            "input?",
            "bias_left",
        )
    loud = loud_branches(block, tokens, given)
    size = (added.norm() / tokens.norm()).item()
    who = " and ".join(loud) or "the block"
    return Finding(
        f"What {who} {'add' if len(loud) == 2 else 'adds'} is still "
        f"{size:.2f} times as long as the tokens. Which layer is the last "
        "to touch what a branch pours into the stream?",
        LOUD[who],
    )


def loud_branches(
    block: nn.Module, tokens: Tensor, given: Tensor
) -> list[str]:
    """Name the branches that add something, where it has vitlib's."""
    try:
        between = tokens + block.attn(block.norm1(tokens))
    except (AttributeError, RuntimeError, TypeError, ValueError):
        return []
    silent = {
        "attention": agrees(between, tokens),
        "the MLP": agrees(given, between),
    }
    return [name for name in silent if not silent[name]]


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
                "nothing, and become something.",
                "no_parameters",
            )
        tokens, goal = (
            case.tells[name].to(parameters[0].dtype)
            for name in ("tokens", "goal")
        )
        block = block.train(False)
        given = as_tensor(block(tokens)).detach()
        if not agrees(given, tokens):
            raise about_noise(block, tokens, given)
        asleep = sleepers(block, tokens, goal)
        if asleep:
            raise Finding(
                "The block hands its input on. But it can never become "
                f"anything else: in three steps of training "
                f"{listed(asleep[:4])} "
                f"{'gets' if len(asleep) == 1 else 'get'} no gradient. A "
                "gradient is multiplied by every weight on its way, and a "
                "layer learns from what it reads. Which layer has zeros "
                "both before and behind it, or is frozen?",
                "never_learns",
            )
        return given


PIECE = QuietPiece(
    module=__name__,
    number=5,
    reference=start_quietly,
    cases=cases,
    differentiable=False,
    shown="Your blocks hand their tokens on unchanged, and after three "
    "steps of training every one of their parameters has had a gradient.",
    next="Some deep models start so, or with a small learned factor at "
    "the end of each branch (LayerScale): a block has to earn its say.",
    mistakes=(),
)
