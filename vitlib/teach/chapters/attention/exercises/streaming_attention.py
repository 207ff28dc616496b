"""Check your `streaming_attention(q, blocks)`."""

import math
import weakref
from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from vitlib.attention import attention
from vitlib.teach.checking.answer import Finding, Runner
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.piece import Case, Mistake, Piece

FEW = 3  # blocks that may still wait to be forgotten

Blocks = Iterable[tuple[Tensor, Tensor]]


def stream(q: Tensor, blocks: Blocks) -> Tensor:
    """Mix the values block by block, and never hold the table."""
    return streamed()(q, blocks)


def streamed(
    fade_mixed: bool = True,
    fade_total: bool = True,
    top: bool = True,
    divide: bool = True,
    scale: bool = True,
    block_softmax: bool = False,
) -> Callable[[Tensor, Blocks], Tensor]:
    """Give attention over blocks, with its steps or without some."""

    def compute(q: Tensor, blocks: Blocks) -> Tensor:
        largest = torch.full_like(q[..., :1], -torch.inf)
        total, mixed = torch.zeros_like(largest), torch.zeros_like(q)
        for k, v in blocks:
            scores = q @ k.mT / (q.shape[-1] ** 0.5 if scale else 1)
            highest = scores.amax(dim=-1, keepdim=True)
            highest = torch.maximum(largest, highest)
            if not top:
                highest = torch.zeros_like(highest)
            fade = (largest - highest).exp()
            weights = (scores - highest).exp()
            if block_softmax:
                weights = scores.softmax(dim=-1)
            rows = weights.sum(dim=-1, keepdim=True)
            total = total * (fade if fade_total else 1) + rows
            mixed = mixed * (fade if fade_mixed else 1) + weights @ v
            largest = highest
        return mixed / total if divide else mixed

    return compute


def stream_case(
    draw: Draw, heads: int, queries: int, sizes: list[int], factor: float
) -> Case:
    """Draw queries, and keys and values in blocks of these sizes."""
    head_dim = draw.size(2, 5)
    listed = ", ".join(map(str, sizes))
    q = factor * draw.normal(2, heads, queries, head_dim)
    blocks = [
        tuple(draw.normal(2, 2, heads, size, head_dim)) for size in sizes
    ]
    words = f"{queries} queries and blocks of {listed} keys"
    words += ", with scores in the thousands" if factor > 1 else ""
    return Case(words, {"q": q, "blocks": blocks})


def cases() -> list[Case]:
    """Draw blocks of several sizes, and a case with large scores."""
    draw = Draw(57)
    return [
        stream_case(draw, 2, 5, [3, 3, 2], 1.0),
        stream_case(draw, 1, 4, [2, 2, 2, 2], 1.0),
        stream_case(draw, 3, 6, [4], 1.0),
        stream_case(draw, 2, 5, [3, 4, 1], 1000.0),
    ]


def from_another_top(
    top_of: Callable[[Tensor, Tensor], Tensor],
) -> Callable[[Tensor, Blocks], Tensor]:
    """Give attention whose exponentials are taken from another top.

    `top_of` makes it of the highest so far and of a block's scores.
    """

    def compute(q: Tensor, blocks: Blocks) -> Tensor:
        top = torch.full_like(q[..., :1], -torch.inf)
        total, mixed = torch.zeros_like(top), torch.zeros_like(q)
        for k, v in blocks:
            scores = q @ k.mT / q.shape[-1] ** 0.5
            higher = top_of(top, scores)
            fade, weights = (top - higher).exp(), (scores - higher).exp()
            total = total * fade + weights.sum(dim=-1, keepdim=True)
            mixed = mixed * fade + weights @ v
            top = higher
        return mixed / total

    return compute


def weights_from_the_old(q: Tensor, blocks: Blocks) -> Tensor:
    """Measure a block's weights from the highest before it."""
    top = torch.full_like(q[..., :1], -torch.inf)
    total, mixed = torch.zeros_like(top), torch.zeros_like(q)
    for k, v in blocks:
        scores = q @ k.mT / q.shape[-1] ** 0.5
        higher = torch.maximum(top, scores.amax(dim=-1, keepdim=True))
        fade, weights = (top - higher).exp(), (scores - top).exp()
        total = total * fade + weights.sum(dim=-1, keepdim=True)
        mixed = mixed * fade + weights @ v
        top = higher
    return mixed / total


def divided_each_time(q: Tensor, blocks: Blocks) -> Tensor:
    """Divide by the sum of the weights after every block."""
    top = torch.full_like(q[..., :1], -torch.inf)
    total, mixed = torch.zeros_like(top), torch.zeros_like(q)
    for k, v in blocks:
        scores = q @ k.mT / q.shape[-1] ** 0.5
        higher = torch.maximum(top, scores.amax(dim=-1, keepdim=True))
        fade, weights = (top - higher).exp(), (scores - higher).exp()
        total = total * fade + weights.sum(dim=-1, keepdim=True)
        mixed = (mixed * fade + weights @ v) / total
        top = higher
    return mixed


def mean_of_blocks(q: Tensor, blocks: Blocks) -> Tensor:
    """Attend to each block by itself, and take the mean."""
    return torch.stack([attention(q, k, v) for k, v in blocks]).mean(0)


def sum_of_blocks(q: Tensor, blocks: Blocks) -> Tensor:
    """Attend to each block by itself, and add up."""
    return torch.stack([attention(q, k, v) for k, v in blocks]).sum(0)


def last_block_only(q: Tensor, blocks: Blocks) -> Tensor:
    """Forget all blocks but the last."""
    return attention(q, *list(blocks)[-1])


class Stream:
    """Blocks that come by once; what has gone by is not held here.

    `held` counts, when a block is asked for, how many of those before the
    last are still held by somebody else.
    """

    def __init__(self, blocks: Iterable[tuple[Tensor, Tensor]]) -> None:
        self.blocks = iter(blocks)
        self.over, self.held = False, 0
        self.gone: list[weakref.ref] = []

    def __iter__(self) -> "Stream":
        """Go along the blocks, but not a second time."""
        if self.over:
            raise Finding(
                "Your code goes along the blocks a second time, and they "
                "come by once: when a block has been used it is gone. "
                "What does the first pass find out that the second needs? "
                "It has to be mended when a higher score comes, while the "
                "blocks go by.",
                "second_pass",
            )
        return self

    def __next__(self) -> tuple[Tensor, Tensor]:
        """Let the next block come by."""
        alive = sum(block() is not None for block in self.gone[:-2])
        self.held = max(self.held, alive)
        try:
            k, v = next(self.blocks)
        except StopIteration:
            self.over = True
            raise
        self.gone.append(weakref.ref(k))
        return k, v

    def __getitem__(self, index: object) -> None:
        """Say that there is no such thing as block number 3."""
        raise Finding(
            "Your code asks for a block by its number. They come by one "
            "after the other, and only once. What gives you each of them "
            "when it comes?",
            "asks_by_number",
        )


class Watch(TorchFunctionMode):
    """Notes the largest tensor that is made, and torch's own kernels."""

    def __init__(self) -> None:
        super().__init__()
        self.largest, self.shape, self.fused = 0, (), False

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Let the call pass, and look at what it gives."""
        output = func(*args, **(kwargs or {}))
        self.fused |= func is F.scaled_dot_product_attention
        parts = output if isinstance(output, tuple) else (output,)
        for part in parts:
            if isinstance(part, Tensor):
                shape = tuple(part.shape)
                if math.prod(shape) > self.largest:
                    self.largest, self.shape = math.prod(shape), shape
        return output


class StreamPiece(Piece):
    """The answer must not hold the table of all scores, nor the blocks."""

    def call(
        self, runner: Runner, case: Case, given: dict[str, object]
    ) -> object:
        """Let the blocks come by one after the other, once."""
        stream = Stream(given["blocks"])
        return super().call(runner, case, given | {"blocks": stream})

    def examine_more(self, runner: Runner, case: Case) -> None:
        """Give 64 keys in blocks of four, and watch what is made."""
        many = stream_case(Draw(58), 1, 64, [4] * 16, 1.0)
        blocks = many.copies()["blocks"]
        # Once it has come by, only the answer itself can hold a block.
        stream = Stream(blocks.pop(0) for _ in range(len(blocks)))

        def watched() -> Watch:
            watch = Watch()
            with watch:
                runner.answer(many.inputs["q"].clone(), stream)
            return watch

        watch = runner.run(watched)
        if watch.fused:
            raise Finding(
                "The result is right, and it is torch's: inside its fused "
                "kernel all this happens. What happens there?",
                "kernel_of_torch",
            )
        if watch.largest >= 2 * 64 * 64:
            raise Finding(
                "The result is right. But for 64 queries and 16 blocks of "
                "4 keys your code makes a tensor of the shape "
                f"{watch.shape}, no smaller than the table "
                "of all scores, (2, 1, 64, 64), which was not to be held. "
                "What can you forget as soon as a block is done?",
                "holds_the_table",
            )
        if stream.held > FEW:
            raise Finding(
                "The result is right. But when the last of 16 blocks "
                f"comes, your code still holds {stream.held} of those "
                "before it: with a long sequence that is all keys and "
                "values. When a block has been used it is gone. What is "
                "left of it in your two sums?",
                "holds_the_blocks",
            )


PIECE = StreamPiece(
    module=__name__,
    number=5,
    reference=stream,
    cases=cases,
    axes="sequences, heads, queries, head_dim",
    shown="Block by block, in one pass, you get what attention gets from "
    "the whole table, with scores in the thousands too, and no table is "
    "ever held.",
    next="This is the idea of FlashAttention. The rest of it is about "
    "which memory of the GPU each block lies in.",
    mistakes=(
        Mistake(
            "sums_not_corrected",
            streamed(fade_mixed=False, fade_total=False),
            "Right as long as the first block has the highest score. When "
            "a higher one comes, what you have summed up so far was "
            "measured from the old one. {seen} By what factor are the old "
            "sums too large then?",
        ),
        Mistake(
            "mixture_not_corrected",
            streamed(fade_mixed=False),
            "The sum of the weights is corrected when a higher score "
            "comes, the mixture is not. {seen} Both were measured from "
            "the old one."
            " By what factor is it too large?",
        ),
        Mistake(
            "total_not_corrected",
            streamed(fade_total=False),
            "The mixture is corrected when a higher score comes, the sum "
            "of the weights is not. {seen} Both were measured from the "
            "old one."
            " By what factor is it too large?",
        ),
        Mistake(
            "highest_of_the_block",
            from_another_top(
                lambda top, scores: scores.amax(dim=-1, keepdim=True)
            ),
            "Right while the scores are small. Your exponentials are "
            "taken relative to the highest score of each block, and when "
            "a block comes whose highest is far lower, the fade is "
            "endless: {yours} at {where}. Relative to the highest of "
            "which blocks should they be?",
        ),
        Mistake(
            "one_maximum_for_all",
            from_another_top(
                lambda top, scores: torch.maximum(top, scores.max())
            ),
            "Right while the scores are small. You take one highest score "
            "for all queries, and the exponentials of a query whose own "
            "scores are far lower are all 0: {yours} at {where}. Which "
            "axis may the maximum go over?",
        ),
        Mistake(
            "weights_from_the_old_maximum",
            weights_from_the_old,
            "The weights of a block are measured from the old highest "
            "score, and before the first block that is minus infinity: "
            "{yours} at {where}. From which of the two, old or new, are "
            "the sums measured when the block is in them?",
        ),
        Mistake(
            "divided_each_time",
            divided_each_time,
            "The mixture is divided by the sum of the weights after every "
            "block, and so once too often for all blocks but the last. "
            "{seen} Only at the end is it known what the weights sum to."
            " Where does the division belong?",
        ),
        Mistake(
            "no_maximum",
            streamed(top=False, fade_mixed=False, fade_total=False),
            "Right while the scores are small. With scores in the "
            "thousands their exponentials are too large for a float: "
            "{yours} at {where}. A softmax does not change when the same "
            "number is taken from every score. Which number helps?",
        ),
        Mistake(
            "not_divided_by_sum",
            streamed(divide=False),
            "The mixture is not divided by the sum of its weights. {seen} "
            "What did you add up besides the values?",
        ),
        Mistake(
            "no_scale",
            streamed(scale=False),
            "The scores are not scaled. {seen} By the root of what do you "
            "divide a dot product?",
        ),
        Mistake(
            "softmax_of_each_block",
            streamed(block_softmax=True),
            "The weights of a block are a softmax of their own, and sum "
            "to 1 in every block. {seen} Only at the end is it known what "
            "all of them sum to. What is a weight before that?",
        ),
        Mistake(
            "mean_of_blocks",
            mean_of_blocks,
            "Each block has a softmax of its own, and then all blocks "
            "count alike. {seen} A block with better matches should count "
            "for more. By how much?",
        ),
        Mistake(
            "sum_of_blocks",
            sum_of_blocks,
            "Each block has a softmax of its own, and you add the results "
            "up: the shares of a query sum to the number of blocks. "
            "{seen} What do all keys have to share?",
        ),
        Mistake(
            "last_block_only",
            last_block_only,
            "Only the last block is heard. {seen} What of the earlier "
            "blocks is still there when it comes?",
        ),
    ),
)
