"""Check your `average_head(model, images, layer, head)`."""

from collections.abc import Callable
from contextlib import ExitStack

import torch
from einops import rearrange
from torch import Tensor, nn

from vitlib.teach.checking.answer import Caught, Finding, Runner
from vitlib.teach.checking.compare import agrees
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.module import weights_of
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import count_of
from vitlib.vit import ViT

Change = Callable[[Tensor, int], Tensor]  # what the heads say, and which


def average_head(
    model: ViT, images: Tensor, layer: int, head: int
) -> Tensor:
    """Give the scores where one head says the mean over all images."""
    return with_change(mean_over(0))(model, images, layer, head)


def with_change(
    change: Change,
    order: str = "heads k",
    shift: tuple[int, int] = (0, 0),
) -> Callable[[ViT, Tensor, int, int], Tensor]:
    """Give an answer that changes what the heads of a layer say.

    `order` is how the heads lie in the width; `shift` is added to the
    numbers of the layer and the head, as one does who counts from 1.
    """

    def answer(
        model: ViT, images: Tensor, layer: int, head: int
    ) -> Tensor:
        attn = model.blocks[(layer + shift[0]) % len(model.blocks)].attn
        heads = attn.num_heads

        def exchange(_: nn.Module, inputs: tuple[Tensor]) -> Tensor:
            said = rearrange(
                inputs[0].clone(),
                f"b n ({order}) -> b n heads k",
                heads=heads,
            )
            said = change(said, (head + shift[1]) % heads)
            return rearrange(said, f"b n heads k -> b n ({order})")

        with attn.proj.register_forward_pre_hook(exchange):
            return model(images)

    return answer


class HeadPiece(Piece):
    """The answer must leave the model as it was."""

    def examine_more(self, runner: Runner, case: Case) -> None:
        """Ask the model again, after the answer has used it."""
        given = case.copies()
        model, images = given["model"], given["images"]
        with torch.no_grad():
            before = model(images)
        self.ask(runner, case, given)
        try:
            after = Runner(model).run(model, images)
        except Caught:
            after = None
        if not agrees(after, before):
            raise Finding(
                "The scores are right. But afterwards the model answers "
                "otherwise than before: your change is still in it. Who "
                "takes the hook away, or puts the weights back?",
                "change_left_behind",
            )


def cases() -> list[Case]:
    """Make small models, and pictures for them."""
    draw, found = Draw(101), []
    for batch, depth, heads, layer, head in [
        (3, 3, 4, 1, 2),
        (2, 2, 3, 0, 0),
        (4, 3, 2, 2, 1),
        (1, 2, 2, 1, 0),
    ]:
        settings = {
            "image_size": (8, 12),
            "patch_size": 4,
            "in_channels": 1,
            "num_classes": 3,
            "embed_dim": 12,
            "depth": depth,
            "num_heads": heads,
        }
        model = ViT(**settings)
        model.load_state_dict(weights_of(ViT, draw, **settings))
        words = (
            f"layer {layer}, head {head} of a small ViT with "
            f"{count_of(depth, 'layer')} of {count_of(heads, 'head')}, "
            f"and {count_of(batch, 'image')}"
        )
        inputs = {
            "model": model.eval(),
            "images": draw.normal(batch, 1, 8, 12),
            "layer": layer,
            "head": head,
        }
        found.append(Case(words, inputs, tells={"layer": layer}))
    return found


def mean_over(*axes: int) -> Change:
    """Take the mean of what one head says over these axes."""

    def change(said: Tensor, head: int) -> Tensor:
        part = said[:, :, head].mean(dim=axes, keepdim=True)
        said[:, :, head] = part
        return said

    return change


def silent_head(said: Tensor, head: int) -> Tensor:
    """Let the head say nothing."""
    said[:, :, head] = 0
    return said


def every_head(said: Tensor, head: int) -> Tensor:
    """Let every head of the layer say the usual."""
    return said.mean(dim=0, keepdim=True).expand_as(said)


def class_token_only(said: Tensor, head: int) -> Tensor:
    """Let the head say the usual to the class token."""
    said[:, 0, head] = said[:, 0, head].mean(dim=0)
    return said


def mean_over_heads(said: Tensor, head: int) -> Tensor:
    """Let the head say what the heads say on average."""
    said[:, :, head] = said.mean(dim=2)
    return said


def sum_over_images(said: Tensor, head: int) -> Tensor:
    """Sum where a mean belongs."""
    said[:, :, head] = said[:, :, head].sum(dim=0)
    return said


def first_image(said: Tensor, head: int) -> Tensor:
    """Let the head say to all what it says of the first image."""
    said[:, :, head] = said[:1, :, head]
    return said


def mean_over_width(said: Tensor, head: int) -> Tensor:
    """Let the head say one number, the mean of its own."""
    said[:, :, head] = said[:, :, head].mean(dim=-1, keepdim=True)
    return said


def one_number_on(said: Tensor, head: int) -> Tensor:
    """Begin at number `head`, and not at that head's first number."""
    flat, width = said.flatten(2).clone(), said.shape[3]
    part = flat[:, :, head : head + width]
    part[:] = part.mean(dim=0, keepdim=True)
    return flat.reshape(said.shape)


def tokens_for_width(said: Tensor, head: int) -> Tensor:
    """Index the tokens where the numbers of the head were meant."""
    flat, width = said.flatten(2).clone(), said.shape[3]
    part = flat[:, head * width : (head + 1) * width]
    part[:] = part.mean(dim=0, keepdim=True)
    return flat.reshape(said.shape)


def behind_proj(
    model: ViT, images: Tensor, layer: int, head: int
) -> Tensor:
    """Change what comes out of `proj`."""
    proj = model.blocks[layer].attn.proj
    width = proj.in_features // model.blocks[layer].attn.num_heads

    def exchange(_: nn.Module, inputs: object, output: Tensor) -> Tensor:
        said = output.clone()
        part = said[:, :, head * width : (head + 1) * width]
        part[:] = part.mean(dim=0, keepdim=True)
        return said

    with proj.register_forward_hook(exchange):
        return model(images)


def in_every_layer(
    model: ViT, images: Tensor, layer: int, head: int
) -> Tensor:
    """Let the head of this number say the usual in every layer."""

    def exchange(attn: nn.Module, inputs: tuple[Tensor]) -> Tensor:
        width = attn.in_features // model.blocks[0].attn.num_heads
        said = inputs[0].clone()
        part = said[:, :, head * width : (head + 1) * width]
        part[:] = part.mean(dim=0, keepdim=True)
        return said

    with ExitStack() as hooks:
        for block in model.blocks:
            proj = block.attn.proj
            hooks.enter_context(proj.register_forward_pre_hook(exchange))
        return model(images)


PIECE = HeadPiece(
    module=__name__,
    number=4,
    reference=average_head,
    cases=cases,
    axes="images, classes",
    differentiable=False,
    shown="In four small models the head says the usual, the scores are "
    "those of ours, and the model is afterwards what it was.",
    next="In the digit reader's layer 2, head 2 this leaves 489 of 500 "
    "answers right; silence leaves 487, and the head itself has 493.",
    mistakes=(
        Mistake(
            "silent_head",
            with_change(silent_head),
            "The head is silent: you have put zeros where the mean over "
            "the images belongs. {seen} That is `without_head`."
            " Over which axis is a mean to be taken?",
        ),
        Mistake(
            "mean_over_tokens",
            with_change(mean_over(1)),
            "You take the mean over the tokens of each image. {seen} A "
            "token should hear what it usually hears, in other images: "
            "over which axis is that a mean?",
        ),
        Mistake(
            "mean_over_images_and_tokens",
            with_change(mean_over(0, 1)),
            "You take the mean over the images and over the tokens. "
            "{seen} Each token has a usual word of its own."
            " Which of the two axes stays?",
        ),
        Mistake(
            "every_head",
            with_change(every_head),
            "All heads of the layer say the usual. {seen} Behind `proj` "
            "they cannot be told apart any more. Which of the numbers "
            "that go into it belong to one head?",
        ),
        Mistake(
            "sum_over_images",
            with_change(sum_over_images),
            "You sum over the images where their mean belongs. {seen} "
            "What the head usually says is as loud as what it says once."
            " By what is the sum to be divided?",
        ),
        Mistake(
            "first_image",
            with_change(first_image),
            "The head says of all images what it says of the first. "
            "{seen} What does it say usually, over all of them?",
        ),
        Mistake(
            "mean_over_width",
            with_change(mean_over_width),
            "You take the mean over the numbers of the head. {seen} Over "
            "which axis are the images counted?",
        ),
        Mistake(
            "one_number_on",
            with_change(one_number_on),
            "Right for head 0. Yours begins at number `head` of the "
            "width, and a head has several numbers. {seen} How many come "
            "before the first of this one?",
        ),
        Mistake(
            "tokens_for_width",
            with_change(tokens_for_width),
            "You cut tokens where the numbers of a head were meant. "
            "{seen} (b, n, d): which axis holds the heads?",
        ),
        Mistake(
            "behind_proj",
            behind_proj,
            "Your change comes behind `proj`, where the heads are mixed "
            "already. {seen} A pre-hook is given what goes in."
            " Which hook do you register?",
        ),
        Mistake(
            "in_every_layer",
            in_every_layer,
            "The head of this number says the usual in every layer. "
            "{seen} Which of the layers was asked for?",
        ),
        Mistake(
            "heads_interleaved",
            with_change(mean_over(0), order="k heads"),
            "The mean is right, of the wrong numbers: you take one in so "
            "many. {seen} The numbers of a head stand beside each other."
            " Where does the slice of one begin and end?",
        ),
        Mistake(
            "head_before",
            with_change(mean_over(0), shift=(0, -1)),
            "It is the head before the one I asked for. {seen} Heads "
            "count from 0."
            " Where does its slice begin?",
        ),
        Mistake(
            "head_behind",
            with_change(mean_over(0), shift=(0, 1)),
            "It is the head behind the one I asked for. {seen} Heads "
            "count from 0."
            " Where does its slice begin?",
        ),
        Mistake(
            "layer_before",
            with_change(mean_over(0), shift=(-1, 0)),
            "It is a head of the layer before the one I asked for. {seen} "
            "Layers count from 0."
            " Which block do you index?",
        ),
        Mistake(
            "class_token_only",
            with_change(class_token_only),
            "Only the class token hears the usual; the patches hear the "
            "head as it is. {seen} Which axis did you index?",
        ),
        Mistake(
            "mean_over_heads",
            with_change(mean_over_heads),
            "The head says what the heads of its layer say on average. "
            "{seen} Usual means: in other images. Which axis counts them?",
        ),
        Mistake(
            "head_as_it_is",
            lambda model, images, layer, head: model(images),
            "These are the scores with the head as it is. {seen} What a "
            "pre-hook gives back takes the place of the input. Does yours "
            "give something back? And does the mean get into it, or is a "
            "name bound anew?",
        ),
    ),
)
