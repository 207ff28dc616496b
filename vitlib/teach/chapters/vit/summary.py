"""A table of a model's layers with their shapes and true counts."""

from copy import deepcopy

import torch
from torch import nn

Row = tuple[str, str, int]


def summary(model: nn.Module, input_shape: tuple[int, ...]) -> str:
    """List what each layer of a ViT gives and holds, in running order.

    `input_shape` is (b, c, h, w). The model is copied to the meta
    device, where tensors have shapes and no numbers, so that running it
    costs nothing. Parameters that belong to no layer (`cls_token`,
    `pos_embed`) have lines of their own; blocks after the first, which
    repeat it, share one.
    """
    rows = _layers(deepcopy(model).to("meta"), input_shape)
    first = [row for row in rows if row[0].startswith("blocks.0.")]
    before = rows[: rows.index(first[0])]
    after = [
        row for row in rows if row not in before and "blocks" not in row[0]
    ]
    own = [
        (name, str(tuple(parameter.shape)), parameter.numel())
        for name, parameter in model.named_parameters(recurse=False)
    ]
    rows = before + own + first
    others = len(model.blocks) - 1
    if others:
        name = f"blocks.1 to {others}, each"
        rows.append((name, first[-1][1], _count(model.blocks[1])))
    rows += after
    total = _count(model)
    rule = "-" * 60
    lines = [f"{'layer':<24}{'gives':<22}{'parameters':>14}", rule]
    lines += [f"{name:<24}{gives:<22}{n:>14,}" for name, gives, n in rows]
    lines += [rule, f"{'all':<24}{'':<22}{total:>14,}"]
    lines += [f"{'as float32':<46}{total * 4 / 2**20:>10.2f} MiB"]
    return "\n".join(lines)


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _layers(model: nn.Module, input_shape: tuple[int, ...]) -> list[Row]:
    """(name, shape of the output, parameters), in calling order."""
    rows: list[Row] = []

    def note(name: str):
        def hook(
            module: nn.Module, _: tuple, output: torch.Tensor
        ) -> None:
            rows.append((name, str(tuple(output.shape)), _count(module)))

        return hook

    for name, module in model.named_modules():
        passes = isinstance(module, nn.Identity | nn.Dropout)
        if not passes and not list(module.children()):
            module.register_forward_hook(note(name))
    with torch.no_grad():
        model(torch.empty(input_shape, device="meta"))
    return rows
