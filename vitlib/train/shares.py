"""How the batches of a run are parted among its processes.

A batch is that of one step of the whole run, whatever computes it. Each
process takes its share of it, in pieces, and knows how large a share of
the batch each piece is: weighted by these, the sum of the pieces is the
batch, also the last and smaller one. Accelerate's own loader would fill
that up with pictures that were seen already.
"""

from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from vitlib._data import Batches
from vitlib.train.changes import Key, Prepared


class Piece(NamedTuple):
    """What is computed at once, and its share of the whole batch."""

    images: Tensor
    labels: Tensor
    share: float


class Planned(NamedTuple):
    """A piece that is not opened yet."""

    keys: list[Key]
    share: float


class Shares(Batches):
    """One process's share of every batch: `rank` of so many `ranks`.

    `accumulate` is the number of pieces in which it is computed. Where a
    batch has fewer pictures than there are processes, those without one
    get the first once more with a share of 0: all must take part in a
    step. `done` steps are left out.
    """

    def __init__(
        self,
        prepared: Prepared,
        batch_size: int,
        *,
        rank: int = 0,
        ranks: int = 1,
        accumulate: int = 1,
        seed: int = 0,
        done: int = 0,
        workers: int = 0,
        pinned: bool = False,
    ) -> None:
        self.prepared, self.batch_size = prepared, batch_size
        self.rank, self.ranks, self.accumulate = rank, ranks, accumulate
        self.seed, self.done = seed, done
        self.workers, self.pinned = workers, pinned

    def __len__(self) -> int:
        return -(-len(self.prepared) // self.batch_size)

    def in_order(self) -> Iterator[Any]:
        """Give this process's pieces of each batch, as pictures lie."""
        keys = [(0, index) for index in range(len(self.prepared))]
        return self.opened(self.planned(keys))

    def by_chance(self, generator: torch.Generator) -> Iterator[Any]:
        """Give them in the order of the epoch, but for what is done.

        Each picture comes once. The order hangs on the seed and the epoch
        alone, and not on the generator.
        """
        epoch, first = divmod(self.done, len(self))
        plan = self.planned(self.order(epoch))[first:]
        for pieces in self.opened(plan):
            self.done += 1
            yield pieces

    def order(self, epoch: int) -> list[Key]:
        """Shuffle all pictures for an epoch."""
        order = list(range(len(self.prepared)))
        Random(f"{self.seed} {epoch}").shuffle(order)
        return [(epoch, index) for index in order]

    def planned(self, keys: list[Key]) -> list[list[Planned]]:
        """Cut batches, and from each this process's share, in pieces."""
        size = self.batch_size
        starts = range(0, len(keys), size)
        return [self.part_of(keys[i : i + size]) for i in starts]

    def part_of(self, batch: list[Key]) -> list[Planned]:
        """Cut this process's share of a batch into pieces."""
        own = batch[self.rank :: self.ranks]
        if not own:
            return [Planned(batch[:1], 0.0)]
        count = min(self.accumulate, len(own))
        pieces = [own[i::count] for i in range(count)]
        return [Planned(some, len(some) / len(batch)) for some in pieces]

    def opened(self, plan: list[list[Planned]]) -> Iterator[list[Piece]]:
        """Open what is planned, ahead of time where there are workers."""
        loader = DataLoader(
            self.prepared,
            batch_sampler=[p.keys for pieces in plan for p in pieces],
            num_workers=self.workers,
            pin_memory=self.pinned,
        )
        found = iter(loader)
        for pieces in plan:
            yield [Piece(*next(found), p.share) for p in pieces]
