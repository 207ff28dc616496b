"""Checks of input, one line each where they are used.

They run in every forward pass: a message is put together only where a
check fails.
"""

import math
import operator
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Kind = TypeVar("Kind")


def is_whole(value: object) -> bool:
    """Tell if it is a whole number; True and False are none."""
    if isinstance(value, (int, torch.SymInt)):
        return not isinstance(value, bool)
    try:
        plain(value)
    except TypeError:
        return False
    return not str(getattr(value, "dtype", "")).endswith("bool")


def is_number(value: object) -> bool:
    """Tell if it is a finite number; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    return math.isfinite(value)


def plain(value: Any) -> int:
    """Give a whole number, of NumPy say, as one of Python's."""
    symbolic = isinstance(value, torch.SymInt)
    return value if symbolic else operator.index(value)


def check_sizes(**sizes: int) -> None:
    """Refuse a size that is not a whole number of at least one."""
    for name, size in sizes.items():
        if not is_whole(size) or size < 1:
            raise ValueError(
                f"{name} is {size!r}; it must be a whole number, 1 or more"
            )


def sizes_of(**sizes: int) -> tuple[int, ...]:
    """Give the sizes, checked, as plain numbers in their order."""
    check_sizes(**sizes)
    return tuple(map(plain, sizes.values()))


def count_of(name: str, count: int) -> int:
    """Give a plain number of things of which there may be none."""
    if not is_whole(count) or count < 0:
        raise ValueError(
            f"{name} is {count!r}; it must be a whole number, 0 or more"
        )
    return plain(count)


def check_grid(name: str, grid: tuple[int, int]) -> None:
    """Refuse a grid that is not (rows, columns)."""
    pair = isinstance(grid, (tuple, list)) and len(grid) == 2
    if not pair or not all(is_whole(side) and side > 0 for side in grid):
        raise ValueError(
            f"{name} is {grid!r}; it must be (rows, columns), two whole "
            "numbers, 1 or more"
        )


def dropout_of(dropout: float) -> float:
    """Give the probability as a plain number in [0, 1)."""
    if not is_number(dropout) or not 0 <= dropout < 1:
        raise ValueError(
            f"dropout is {dropout!r}; it is the share that is dropped, a "
            "number from 0 to less than 1"
        )
    return float(dropout)


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Refuse a word that is none of the choices."""
    if not isinstance(value, str) or value not in choices:
        known = ", ".join(map(repr, choices))
        raise ValueError(f"{name} is {value!r}; it must be one of {known}")


def check_heads(embed_dim: int, num_heads: int) -> None:
    """Refuse a width that the heads cannot share evenly."""
    if embed_dim % num_heads:
        raise ValueError(
            f"embed_dim {embed_dim} cannot be shared among {num_heads} "
            f"heads: {embed_dim % num_heads} would be left over; make it "
            "a multiple of num_heads"
        )


def check_waves(grid: tuple[int, int], embed_dim: int) -> None:
    """Refuse a width that four kinds of waves cannot share evenly."""
    check_grid("grid", grid)
    check_sizes(embed_dim=embed_dim)
    if embed_dim % 4:
        raise ValueError(
            f"embed_dim {embed_dim} is not a multiple of 4: sine and "
            "cosine, of row and column, take a quarter each"
        )


def check_rank(name: str, tensor: Tensor, shape: str) -> None:
    """Refuse what has other axes than `shape`, say "(b, n, d)"."""
    if not isinstance(tensor, Tensor):
        raise ValueError(
            f"{name} must be a tensor {shape}, but the type is "
            f"{type(tensor).__name__}: torch.as_tensor makes a tensor of "
            "numbers"
        )
    rank = shape.count(",") + 1
    if tensor.ndim != rank:
        raise ValueError(
            f"{name} must have the {rank} axes {shape}, but the shape is "
            f"{tuple(tensor.shape)}: add or remove an axis"
        )


def check_float(name: str, tensor: Tensor) -> None:
    """Refuse whole numbers where a layer has learned floats."""
    if not tensor.is_floating_point():
        raise ValueError(
            f"{name} must hold floats, but the dtype is {tensor.dtype}: "
            "call .float(), and divide bytes of a picture by 255 first"
        )


def check_images(
    images: Tensor, in_channels: int, image_size: tuple[int, int]
) -> None:
    """Refuse images of other channels or sides than the layer's."""
    check_rank("images", images, "(b, c, h, w)")
    _, channels, height, width = images.shape
    if channels != in_channels:
        raise ValueError(
            f"images {tuple(images.shape)} have {channels} on axis 1, the "
            "channels, but the layer was made for in_channels "
            f"{in_channels}: change the images, or make a layer of their "
            "in_channels"
        )
    if (height, width) != image_size:
        raise ValueError(
            f"images are {height} x {width} pixels, but the layer and its "
            f"positions were made for {image_size[0]} x {image_size[1]}: "
            "resize the images, or make a model of their image_size and "
            "give it positions by resize_positions"
        )
    check_float("images", images)


def check_tokens(tokens: Tensor, embed_dim: int) -> None:
    """Refuse what is not a batch of sequences of the layer's width."""
    check_rank("tokens", tokens, "(b, n, d)")
    if tokens.shape[2] != embed_dim:
        raise ValueError(
            f"tokens are {tokens.shape[2]} wide, but the layer was made "
            f"for embed_dim {embed_dim}: make a layer of their width"
        )
    check_float("tokens", tokens)


def check_patches(
    patches: Tensor, grid: tuple[int, int], side: int
) -> None:
    """Refuse patches that do not fill the grid, pixel by pixel."""
    check_rank("patches", patches, "(b, n, d)")
    rows, cols = grid
    _, count, length = patches.shape
    if count != rows * cols:
        raise ValueError(
            f"{count} patches do not fill a grid of {rows} x {cols} = "
            f"{rows * cols}: check image_size and patch_size"
        )
    if length == 0 or length % side**2:
        raise ValueError(
            f"{length} numbers are not a whole number of channels of "
            f"{side} x {side} pixels: check patch_size"
        )


def check_cls_token(cls_token: Tensor, tokens: Tensor) -> None:
    """Refuse a class token that is not one for the whole batch."""
    check_rank("tokens", tokens, "(b, n, d)")
    check_rank("cls_token", cls_token, "(1, 1, d)")
    wanted = (1, 1, tokens.shape[2])
    if tuple(cls_token.shape) != wanted:
        raise ValueError(
            f"cls_token has the shape {tuple(cls_token.shape)}; for "
            f"tokens {tuple(tokens.shape)} it must be {wanted}, one for "
            "all images"
        )


def check_positions(pos_embed: Tensor, tokens: Tensor) -> None:
    """Refuse positions of another number or width than the tokens."""
    check_rank("tokens", tokens, "(b, n, d)")
    check_rank("pos_embed", pos_embed, "(1, n, d)")
    wanted = (1, *tokens.shape[1:])
    if tuple(pos_embed.shape) != wanted:
        raise ValueError(
            f"pos_embed has the shape {tuple(pos_embed.shape)}; for "
            f"tokens {tuple(tokens.shape)} it must be {wanted}: is the "
            "class token in front? Is the grid another one "
            "(resize_positions)?"
        )


def check_resize(
    pos_embed: Tensor, old_grid: tuple[int, int], new_grid: tuple[int, int]
) -> None:
    """Refuse positions that do not fill the grid they come from."""
    check_rank("pos_embed", pos_embed, "(1, n, d)")
    check_float("pos_embed", pos_embed)
    check_grid("old_grid", old_grid)
    check_grid("new_grid", new_grid)
    if pos_embed.shape[0] != 1:
        raise ValueError(
            f"pos_embed has the shape {tuple(pos_embed.shape)}; the first "
            "axis must be 1, for the positions are the same for all images"
        )
    rows, cols = old_grid
    if pos_embed.shape[1] - rows * cols not in (0, 1):
        raise ValueError(
            f"pos_embed has {pos_embed.shape[1]} positions; a grid of "
            f"{rows} x {cols} has {rows * cols}, and one more with a "
            "class token: check old_grid"
        )


def check_queries(q: Tensor, k: Tensor, mask: Tensor | None) -> None:
    """Refuse queries, keys and a mask that do not belong together."""
    check_rank("q", q, "(b, heads, n, k)")
    check_rank("k", k, "(b, heads, n, k)")
    if q.shape[:2] != k.shape[:2] or q.shape[3] != k.shape[3]:
        raise ValueError(
            f"queries {tuple(q.shape)} and keys {tuple(k.shape)} must "
            "agree in b, heads and k, on axes 0, 1 and 3"
        )
    if mask is not None:
        check_mask(mask, (*q.shape[:3], k.shape[2]))


def check_mask(mask: Tensor, full: tuple[int, int, int, int]) -> None:
    """Refuse a mask that says nothing about some of the pairs."""
    kind = getattr(mask, "dtype", type(mask).__name__)
    floats = isinstance(mask, Tensor) and mask.is_floating_point()
    if kind != torch.bool and not floats:
        raise ValueError(
            f"mask has the type {kind}; it must be a torch.bool tensor, "
            "True where a query may look, or floats to add to the scores"
        )
    shape = tuple(mask.shape)
    each = len(shape) == 4 and shape[3] == full[3]
    for side, wanted in zip(shape, full, strict=False):
        each = each and side in (1, wanted)
    if shape != full[2:] and not each:
        raise ValueError(
            f"mask has the shape {shape}; it must be {full[2:]}, or "
            f"{full} of which the first three may be 1"
        )


def check_values(v: Tensor, k: Tensor) -> None:
    """Refuse values that are not one for each key, as wide as it."""
    check_rank("k", k, "(b, heads, n, k)")
    check_rank("v", v, "(b, heads, n, k)")
    if v.shape != k.shape:
        raise ValueError(
            f"values {tuple(v.shape)} must have the shape of the keys, "
            f"{tuple(k.shape)}: one value for each key"
        )


def check_convolution(layer: nn.Module) -> None:
    """Refuse a layer that does not hold the filters itself."""
    if not isinstance(layer, nn.Conv2d):
        raise ValueError(
            f"proj is a {type(layer).__name__}, but as_linear reads the "
            "weights of an nn.Conv2d: unwrap or merge it first"
        )


def of_kind(name: str, thing: object, kind: type[Kind]) -> Kind:
    """Give what is of the class whose parts are needed."""
    if not isinstance(thing, kind):
        raise ValueError(
            f"{name} is a {type(thing).__name__}; it must be a "
            f"{kind.__name__} of vitlib, whose parts are known by name"
        )
    return thing


def check_index(name: str, index: int, count: int) -> None:
    """Refuse an index that is not one of `count`, counted from 0."""
    if not is_whole(index) or not 0 <= index < count:
        raise ValueError(
            f"{name} is {index!r}; there are {count}, counted from 0 to "
            f"{count - 1}"
        )


def check_maps(maps: Tensor) -> None:
    """Refuse what does not end in a weight for every pair of tokens."""
    if not isinstance(maps, Tensor) or maps.ndim < 2:
        check_rank("maps", maps, "(n, n)")
    check_float("maps", maps)
    queries, keys = maps.shape[-2:]
    if queries != keys:
        raise ValueError(
            f"maps {tuple(maps.shape)} have {queries} queries and {keys} "
            "keys; they must end in (n, n): give whole maps, with the "
            "class token"
        )


def extra_tokens_of(
    maps: Tensor, grid: tuple[int, int], at_least: int = 0
) -> int:
    """How many tokens of attention maps stand in front of the patches."""
    check_grid("grid", grid)
    check_maps(maps)
    rows, cols = grid
    extra = maps.shape[-1] - rows * cols
    if extra < at_least:
        front = " and a class token in front" if at_least else ""
        raise ValueError(
            f"maps of {maps.shape[-1]} tokens are too small for {rows} x "
            f"{cols} = {rows * cols} patches{front}: check grid"
        )
    return extra


def kept_patches_of(removed: Tensor | list[int], count: int) -> Tensor:
    """Which of `count` patches stay: a mask (n), or (b, n)."""
    removed = torch.as_tensor(removed).cpu()
    if removed.numel() == 0:
        removed = removed.long()
    whole = not removed.is_floating_point() and removed.dtype != torch.bool
    if removed.ndim not in (1, 2) or not whole:
        raise ValueError(
            f"patches have the shape {tuple(removed.shape)} and the dtype "
            f"{removed.dtype}; they must be indices, (m) or (b, m)"
        )
    for patch in removed.unique().tolist():
        check_index("patch", patch, count)
    kept = torch.ones(*removed.shape[:-1], count, dtype=torch.bool)
    kept = kept.scatter(-1, removed.long(), False)
    left = set(kept.sum(dim=-1).flatten().tolist())
    if len(left) > 1 or 0 in left:
        raise ValueError(
            f"{sorted(left)} of {count} patches would be left; leave one "
            "at least, and the same number for each image"
        )
    return kept


def check_removal(
    kept: Tensor, front: int, tokens: Tensor, known: int | None
) -> None:
    """Refuse tokens of other images, or without some of the patches."""
    count = kept.shape[-1]
    if front < 0 or known not in (None, front):
        raise ValueError(
            f"{front + count} tokens came, but the model cuts an image "
            f"into {count} patches: which of them are left is not known"
        )
    if tokens.shape[1] != front + count:
        raise ValueError(
            f"{tokens.shape[1] - front} patches came, not {count}: some "
            "are removed already; name all in one `without_patches`"
        )
    if kept.ndim == 2 and len(kept) != len(tokens):
        raise ValueError(
            f"the patches to remove are given for {len(kept)} images, but "
            f"{len(tokens)} came: give (b, m), or (m) for all"
        )


def check_scores(scores: Tensor, labels: Tensor) -> None:
    """Refuse labels for which the model has no score."""
    check_rank("the model's scores", scores, "(b, num_classes)")
    classes = scores.shape[1]
    if labels.ndim == 2:
        if labels.shape[1] == classes:
            return
        raise ValueError(
            f"soft labels are shares of {labels.shape[1]} classes, but "
            f"the model has {classes}: make a model of as many num_classes"
        )
    least, most = labels.min().item(), labels.max().item()
    if least < 0 or most >= classes:
        raise ValueError(
            f"labels go from {least} to {most}, but the model has "
            f"{classes} classes, 0 to {classes - 1}: count labels from 0, "
            "or make a model of more num_classes"
        )


def rates_of(
    model: nn.Module, rates: dict[str, float] | None
) -> dict[str, float]:
    """Give the shares of the learning rate, by parts of the model."""
    names = [name for name, _ in model.named_parameters()]
    for part, share in (rates or {}).items():
        if not is_number(share) or share < 0:
            raise ValueError(
                f"rates[{part!r}] is {share!r}; it must be a share of the "
                "learning rate, a number from 0 upwards"
            )
        if not any(is_in(name, part) for name in names):
            tops = sorted({name.split(".")[0] for name in names})
            raise ValueError(
                f"rates names {part!r}, and no parameter begins so: the "
                f"model has {', '.join(tops)}"
            )
    return dict(rates or {})


def is_in(name: str, part: str) -> bool:
    """Tell if a parameter belongs to a part; all do to the part ""."""
    return f"{name}.".startswith(f"{part}." if part else "")


def check_best(keep_best: bool, validation: object) -> None:
    """Refuse to keep the best of what is not measured."""
    if keep_best and validation is None:
        raise ValueError(
            "keep_best needs validation, by which it tells what is best"
        )


def check_learning(model: nn.Module) -> None:
    """Refuse a model in which nothing can be learned."""
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError(
            "no parameter of the model can learn: all are frozen, or "
            "there are none; call requires_grad_(True) on a part of it"
        )


def muon_blocks_of(model: nn.Module) -> nn.Module:
    """Give the blocks of which Muon takes the matrices."""
    if not hasattr(torch.optim, "Muon"):
        raise ValueError(
            "optimizer 'muon' needs torch 2.9 or later, but this is "
            f"{torch.__version__}: use 'adamw'"
        )
    blocks = getattr(model, "blocks", None)
    if not isinstance(blocks, nn.Module):
        raise ValueError(
            "optimizer 'muon' works on the matrices of model.blocks, "
            "which this model does not have: use 'adamw'"
        )
    return blocks


def check_finite(
    loss: float, norm: float, epoch: int, step: int, rate: float
) -> None:
    """Stop a run whose numbers have burst, before the weights do."""
    if math.isfinite(loss) and math.isfinite(norm):
        return
    raise FloatingPointError(
        f"epoch {epoch}, step {step}, learning rate {rate:.2g}: the loss "
        f"is {loss:.4g}, the length of the gradient {norm:.4g}; the step "
        "was not taken. Try a third of the learning_rate, a longer warmup "
        "or max_norm 1, and look whether augment gives finite images"
    )


def check_remembered(path: object, stored: dict, given: dict) -> None:
    """Refuse to go on with a run that was given something else."""
    for name in sorted(stored.keys() | given.keys()):
        if stored.get(name) != given.get(name):
            value = f" {stored.get(name)}, not {given.get(name)}"
            shown = name not in ("images", "labels", "model")
            raise ValueError(
                f"{path} comes from a run with "
                + (f"{name}{value}" if shown else f"another {name}")
                + ": to go on with it, give the same; to start anew, give "
                "another checkpoint"
            )


def grid_of(
    image_size: int | Sequence[int], patch_size: int
) -> tuple[int, int]:
    """Rows and columns of patches, for a side or a (height, width)."""
    sides: Any = image_size
    if is_whole(image_size):
        sides = (image_size, image_size)
    if not isinstance(sides, (tuple, list)) or len(sides) != 2:
        raise ValueError(
            f"image_size is {image_size!r}; it must be a side in pixels "
            "or (height, width)"
        )
    height, width, patch_size = sizes_of(
        height=sides[0], width=sides[1], patch_size=patch_size
    )
    if height % patch_size or width % patch_size:
        raise ValueError(
            f"an image of {height} x {width} pixels cannot be cut into "
            f"patches of {patch_size} x {patch_size}: "
            f"{height % patch_size} rows and "
            f"{width % patch_size} columns would be left over; resize or "
            "crop it to multiples of patch_size"
        )
    return height // patch_size, width // patch_size


def hidden_dim_of(embed_dim: int, mlp_ratio: float) -> int:
    """Width between the two layers of an MLP."""
    check_sizes(embed_dim=embed_dim)
    if not is_number(mlp_ratio) or int(mlp_ratio * embed_dim) < 1:
        raise ValueError(
            f"mlp_ratio is {mlp_ratio!r}; it must be a number, and "
            f"mlp_ratio * embed_dim ({embed_dim}) must be 1 or more"
        )
    return int(mlp_ratio * embed_dim)
