"""The bug clinic: programs that run, each with one error planted in it.

Whoever wants to find the errors looks at book/clinic.ipynb first: here
they are called by their names.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from vitlib.attention import Mask, MultiHeadAttention
from vitlib.teach.data.results import Result, results
from vitlib.vit import ViT

Labelled = tuple[Tensor, Tensor]  # images, labels

# --- Build: the trained digit reader with one wrong piece


class ColumnByColumn(nn.Module):
    """Hand the patches on in the order of columns, not of rows.

    (b, c, h, w) -> (b, n, d), `embed` a `PatchEmbedding`.
    """

    def __init__(self, embed: nn.Module) -> None:
        super().__init__()
        self.embed = embed

    def forward(self, images: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, n, d)."""
        rows, _ = self.embed.grid
        order = "b (row col) d -> b (col row) d"
        return rearrange(self.embed(images), order, row=rows)


def softmax_over_queries(
    q: Tensor, k: Tensor, v: Tensor, mask: Mask = None
) -> Tensor:
    """Let each key share itself out among the queries; takes no mask."""
    scores = q @ k.mT / q.shape[-1] ** 0.5
    return scores.softmax(dim=-2) @ v


class HeadsFirst(MultiHeadAttention):
    """Cut what `qkv` gives as (heads k qkv); the weights stay."""

    def forward(self, tokens: Tensor, mask: Mask = None) -> Tensor:
        """(b, n, d) -> (b, n, d)."""
        q, k, v = rearrange(
            self.qkv(tokens),
            "b n (heads k qkv) -> qkv b heads n k",
            qkv=3,
            heads=self.num_heads,
        )
        mixed = self.mix(q, k, v, mask)
        return self.proj(rearrange(mixed, "b heads n k -> b n (heads k)"))


class ReadsTokenOne(ViT):
    """Read the answer from token 1, as if the class token were patch 0."""

    def pool(self, tokens: Tensor) -> Tensor:
        """(b, 1 + n, d) -> (b, d)."""
        return tokens[:, 1]


# --- Understand: the training loop with one wrong line


def sorted_by_class(images: Tensor, labels: Tensor) -> Labelled:
    """Give all zeros first, then all ones; nobody shuffles them again."""
    order = labels.argsort(stable=True)
    return images[order], labels[order]


def labels_of_others(labels: Tensor, seed: int) -> Tensor:
    """Shuffle the labels and leave the images where they are."""
    generator = torch.Generator().manual_seed(seed)
    return labels[torch.randperm(len(labels), generator=generator)]


def softmax_twice(scores: Tensor, labels: Tensor) -> Tensor:
    """Take a softmax before the loss, which takes one itself."""
    return F.cross_entropy(scores.softmax(dim=1), labels)


def left_in_training_mode(
    model: nn.Module, dropout: float = 0.35
) -> nn.Module:
    """Give every dropout layer this rate, and forget `model.eval()`."""
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = dropout
    return model.train()


# --- Beyond: a comparison with one wrong side


def of_two_sizes() -> list[Result]:
    """Give one model's accuracy twice, at two sizes of the image."""
    name = "ViT-S/16 AugReg"
    timms = "vit_small_patch16_224.augreg_in21k_ft_in1k"
    return [
        replace(row, name=name)
        for table in ("published", "measured")
        for row in results(table)
        if row.name in (name, timms)
    ]


def in_two_units(
    operations: float, multiply_adds: float
) -> dict[str, float]:
    """Put operations beside multiply-adds, in billions, as if alike."""
    return {"ours": operations / 1e9, "the table's": multiply_adds / 1e9}


def half_of_the_asked_too(known: Labelled, asked: Labelled) -> Labelled:
    """Let half of what will be asked slip in among what is known."""
    return tuple(
        torch.cat([k, a[: len(a) // 2]])
        for k, a in zip(known, asked, strict=True)
    )


def best_against_one(shares: list[float]) -> dict[str, float]:
    """Let the best of all runs stand for A, and one of them for B."""
    return {"A": max(shares), "B": shares[1]}


# --- How they are put in, and how they are examined


def _column_by_column(model: ViT) -> ViT:
    model.patch_embed = ColumnByColumn(model.patch_embed)
    return model


def _softmax_over_queries(model: ViT) -> ViT:
    for block in model.blocks:
        block.attn.attention = softmax_over_queries
    return model


def _heads_first(model: ViT) -> ViT:
    for block in model.blocks:
        block.attn.__class__ = HeadsFirst
    return model


def _reads_token_one(model: ViT) -> ViT:
    model.__class__ = ReadsTokenOne
    return model


PLANTED: dict[int, Callable] = {
    1: _column_by_column,
    2: _softmax_over_queries,
    3: _heads_first,
    4: _reads_token_one,
    5: sorted_by_class,
    6: labels_of_others,
    7: softmax_twice,
    8: left_in_training_mode,
    9: of_two_sizes,
    10: in_two_units,
    11: half_of_the_asked_too,
    12: best_against_one,
}


def planted(case: int) -> Callable:
    """Give what is wrong in a case of book/clinic.ipynb, as a function.

    Cases 1 to 4 and 8 take a `ViT` and give it back with the error in it.

    >>> from vitlib.teach import digit_reader
    >>> planted(4)(digit_reader())(torch.zeros(1, 1, 28, 28)).shape
    torch.Size([1, 10])
    """
    if case not in PLANTED:
        raise ValueError(
            f"case is {case}; the clinic has the cases 1 to {len(PLANTED)}"
        )
    return PLANTED[case]


@torch.no_grad()
def shares_of(model: ViT, images: Tensor, block: int = 0) -> Tensor:
    """Give the shares by which a block's attention really mixes.

    (b, c, h, w) -> (b, heads, n, n). `record_attention` would put the
    right function in the place of a wrong one; this asks the function
    that is there, with values of which each is a token of its own.
    """
    layer, found = model.blocks[block].attn, []

    def asked(q: Tensor, k: Tensor, v: Tensor, mask: Mask) -> Tensor:
        n, width = k.shape[2:]
        single = F.pad(torch.eye(n), (0, -n % width)).split(width, dim=1)
        parts = [before(q, k, s.expand_as(k), mask) for s in single]
        found.append(torch.cat(parts, dim=3)[..., :n])
        return before(q, k, v, mask)

    before, layer.attention = layer.attention, asked
    try:
        model(images)
    finally:
        layer.attention = before
    return found[0]


@torch.no_grad()
def first_attention(model: ViT, images: Tensor) -> dict[str, Tensor]:
    """Give what the first attention layer computes, step by step."""
    block, found = model.blocks[0], {}
    layer = block.attn

    def keep(name: str) -> Callable:
        return lambda module, given, made: found.update({name: made})

    def asked(q: Tensor, k: Tensor, v: Tensor, mask: Mask) -> Tensor:
        found.update(q=q, scores=q @ k.mT / q.shape[-1] ** 0.5)
        return before(q, k, v, mask)

    before, layer.attention = layer.attention, asked
    parts = {"norm1": block.norm1, "qkv": layer.qkv, "output": layer}
    hooks = [
        part.register_forward_hook(keep(name))
        for name, part in parts.items()
    ]
    try:
        model(images)
    finally:
        layer.attention = before
        for hook in hooks:
            hook.remove()
    return {n: found[n] for n in ("norm1", "qkv", "q", "scores", "output")}
