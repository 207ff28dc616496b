"""Check your `average_shards(gradients, counts)`, one gradient of many."""

from collections.abc import Callable

import torch
from torch import Tensor

from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import count_of


def average_shards(gradients: Tensor, counts: Tensor) -> Tensor:
    """(processes, weights), (processes,) -> (weights,)."""
    shares = counts.to(gradients.dtype) / counts.sum()
    return shares @ gradients


def cases() -> list[Case]:
    """Draw shards that are even, uneven, and empty but for one."""
    draw, found = Draw(121), []
    for counts in ([4, 4], [5, 4, 4], [7], [1, 8], [3, 2, 2, 2], [6, 1]):
        processes = len(counts)
        inputs = {
            "gradients": draw.normal(processes, 5) + 0.3,
            "counts": torch.tensor(counts),
        }
        words = (
            f"{count_of(processes, 'process')} with {counts} pictures"
            if processes > 1
            else "one process alone"
        )
        found.append(Case(words, inputs, tells={"n": sum(counts)}))
    return found


def weighed(weigh: Callable[[Tensor], Tensor]) -> Callable:
    """Give an answer with other weights of the processes."""

    def wrong(gradients: Tensor, counts: Tensor) -> Tensor:
        return weigh(counts.to(gradients.dtype)) @ gradients

    return wrong


PIECE = Piece(
    module=__name__,
    number=3,
    reference=average_shards,
    cases=cases,
    axes="weights",
    shown="For six ways to share out the pictures your gradient is that "
    "of all of them together.",
    next="DistributedDataParallel takes the plain mean of the processes. "
    "It is right as long as all have equally many pictures; so samplers "
    "repeat a picture or drop one, or the losses are weighed.",
    mistakes=(
        Mistake(
            "plain_mean",
            weighed(lambda n: torch.ones_like(n) / len(n)),
            "Each process has one vote, however many pictures it has "
            "seen. {seen} What should a picture weigh, wherever it lies?",
        ),
        Mistake(
            "plain_sum",
            weighed(torch.ones_like),
            "These are the gradients added up. {seen} Each of them is a "
            "mean already: of what do they together have to be one?",
        ),
        Mistake(
            "weighed_sum",
            weighed(lambda n: n),
            "Each gradient counts as often as its pictures, as it should. "
            "{seen} By what is a sum over {n} pictures divided to be a "
            "mean?",
        ),
        Mistake(
            "divided_by_the_processes",
            weighed(lambda n: n / len(n)),
            "The weights are right, but for what they are divided by. "
            "{seen} Of how many things do you take the mean: processes, "
            "or pictures?",
        ),
        Mistake(
            "fewer_count_more",
            weighed(lambda n: (1 / n) / (1 / n).sum()),
            "A process with few pictures has most to say in yours. {seen} "
            "Which way round do the counts belong?",
        ),
        Mistake(
            "divided_by_its_own",
            weighed(lambda n: 1 / n),
            "Each gradient is divided by its own number of pictures, and "
            "that was done already: it came as a mean. {seen} What is to "
            "be undone before the processes are added up?",
        ),
        Mistake(
            "by_the_largest",
            weighed(lambda n: n / n.max()),
            "The largest shard has the weight 1 in yours. {seen} What do "
            "the weights of a mean add up to?",
        ),
        Mistake(
            "softmax_of_the_counts",
            weighed(lambda n: n.softmax(dim=0)),
            "A softmax makes weights that sum to 1, and much too steep "
            "ones. {seen} How much more should 8 pictures weigh than 4?",
        ),
        Mistake(
            "first_process_alone",
            lambda gradients, counts: gradients[0],
            "This is the gradient of the first process. {seen} Who else "
            "has seen pictures?",
        ),
    ),
)
