"""From weights under our names to the settings of a model for them."""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from vitlib._checks import check_sizes, grid_of
from vitlib._names import Weights
from vitlib.published import STRETCHES, PublishedViT, stretched
from vitlib.tokens import sincos_positions
from vitlib.vit import ViT


@dataclass
class Plan:
    """The weights, the settings of the model to be, and what to say."""

    where: str
    title: str
    weights: Weights
    settings: dict[str, Any] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    new_head: bool = False

    @property
    def front(self) -> int:
        """How many tokens in front of the patches have a position."""
        return 1 + self.settings.get("distilled", False)

    def shape(self, name: str, axes: int) -> tuple[int, ...]:
        """Give the shape of a tensor that must be there."""
        tensor = self.weights.get(name)
        if tensor is None or tensor.ndim != axes or not tensor.numel():
            found = tensor if tensor is None else tuple(tensor.shape)
            raise ValueError(
                f"{self.where} looked like {self.title}, but {name} must "
                f"have {axes} axes and is {found}"
            )
        return tuple(tensor.shape)

    def read_shapes(self) -> None:
        """Take from the shapes what they tell."""
        width, channels, *sides = self.shape("patch_embed.proj.weight", 4)
        if sides[0] != sides[1]:
            raise ValueError(
                f"{self.where} has patches of {sides[0]} x {sides[1]} "
                "pixels; those of vitlib are square"
            )
        layers = [n.split(".")[1] for n in self.weights if "blocks." in n]
        hidden = self.shape("blocks.0.mlp.fc1.weight", 2)[0]
        deep = "head.pre_logits.weight"
        head = "head.fc.weight" if deep in self.weights else "head.weight"
        self.settings |= {
            "patch_size": sides[0],
            "in_channels": channels,
            "num_classes": self.size_of(head, 2, 0),
            "embed_dim": width,
            "depth": 1 + max(int(n) for n in layers if n.isdigit()),
            "mlp_ratio": ratio_of(hidden, width),
            "global_pool": (
                "avg" if "fc_norm.weight" in self.weights else "token"
            ),
            "layer_scale": "blocks.0.ls1.gamma" in self.weights,
            "distilled": "dist_token" in self.weights,
            "num_registers": self.size_of("reg_token", 3, 1),
            "representation_size": self.size_of(deep, 2, 0),
        }

    def size_of(self, name: str, axes: int, axis: int) -> int:
        """Give one side of a tensor, or 0 where there is none."""
        if name not in self.weights:
            return 0
        return self.shape(name, axes)[axis]

    def place(self, trained_at: int | tuple[int, int] | None) -> None:
        """Bring the positions into our form, and learn the grid.

        Ours have one for each token in front but the registers. Some have
        none there: that is one of zeros. Those of registers are the same
        for all images, and go into the registers.
        """
        one, count, width = self.shape("pos_embed", 3)
        if (one, width) != (1, self.settings["embed_dim"]):
            raise ValueError(
                f"{self.where} looked like {self.title}, but pos_embed is "
                f"{(one, count, width)}, not (1, {count}, "
                f"{self.settings['embed_dim']})"
            )
        registers = self.settings["num_registers"]
        patch, grid = self.settings["patch_size"], None
        if trained_at is not None:
            grid = grid_of(trained_at, patch)
        for extra in (self.front, 0, self.front + registers):
            side = math.isqrt(max(count - extra, 0))
            rows, cols = grid or (side, side)
            if rows * cols == count - extra > 0:
                break
        else:
            raise ValueError(
                f"{self.where} has {count} positions, "
                + (f"not those of {grid}" if grid else "no square")
                + ": say for which images it was trained, config="
                "{'image_size': [height, width]}"
            )
        self.settings["image_size"] = (rows * patch, cols * patch)
        positions = self.weights["pos_embed"]
        front, middle, patches = positions.tensor_split(
            [min(extra, self.front), extra], dim=1
        )
        if not extra:
            front = positions.new_zeros(1, self.front, positions.shape[2])
        if middle.shape[1]:
            self.weights["reg_token"] = self.weights["reg_token"] + middle
        self.weights["pos_embed"] = torch.cat([front, patches], dim=1)

    def resize(self, image_size: int | tuple[int, int]) -> None:
        """Stretch the positions to images of another size."""
        patch = self.settings["patch_size"]
        old = grid_of(self.settings["image_size"], patch)
        new = grid_of(image_size, patch)
        positions = self.weights.get("pos_embed")
        if self.settings.get("positions") == "sincos":
            width = self.settings["embed_dim"]
            self.weights["pos_embed"] = sincos_positions(new, width)
        elif positions is not None and new != old:
            how = STRETCHES[self.settings.get("stretch", "timm")]
            self.weights["pos_embed"] = stretched(
                positions, self.front, old, new, how
            )
        self.settings["image_size"] = (new[0] * patch, new[1] * patch)

    def take_channels(self, count: int) -> None:
        """Let the first layer read other channels, as in timm.

        One channel gets the sum of all filters, so that a grey picture
        gives what it gave as three equal channels; for more they are
        repeated, and made smaller as they are more.
        """
        check_sizes(in_channels=count)
        name, old = "patch_embed.proj.weight", self.settings["in_channels"]
        if count == old:
            return
        kernel = self.weights[name]
        if count == 1:
            kernel = kernel.sum(dim=1, keepdim=True)
        else:
            turns = math.ceil(count / old)
            kernel = kernel.repeat(1, turns, 1, 1)[:, :count] * old / count
        self.weights[name] = kernel
        self.settings["in_channels"] = count
        self.lost.append(
            f"{name} was made for {old} channels, and is "
            + ("summed for 1" if count == 1 else f"repeated for {count}")
        )

    def take_classes(self, count: int) -> None:
        """Let go of the head, for another number of classes or none."""
        heads = [n for n in self.weights if n.startswith("head")]
        if count and count == self.settings["num_classes"]:
            return
        for name in heads:
            del self.weights[name]
        new = ["head"] + ["head_dist"] * (self.front - 1)
        for name in new if count else []:
            width = self.settings["embed_dim"]
            self.weights[f"{name}.weight"] = torch.zeros(count, width)
            self.weights[f"{name}.bias"] = torch.zeros(count)
        self.settings["num_classes"] = count
        if self.settings.get("representation_size"):
            self.settings["representation_size"] = 0
        self.new_head = True
        if heads:
            start = f"; the head for {count} classes starts at zero"
            names = ", ".join(heads)
            self.lost.append(f"{names} are left out" + start * bool(count))

    def check_pool(self, told: str | None) -> None:
        """Refuse a mean of the patches after the norm, not before."""
        pool = self.settings["global_pool"]
        if told not in (None, pool):
            raise ValueError(
                f"{self.where} looks like {self.title} with global_pool "
                f"{pool!r}, by its names, but its config says {told!r}: "
                "such a model is not among vitlib's"
            )

    def build(self) -> ViT:
        """Make the model, and give it all of the weights or none."""
        kind = PublishedViT if "stretch" in self.settings else ViT
        try:
            model = on_paper(kind, self.settings)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{self.where} looked like {self.title}, but no ViT has "
                f"its sizes: {error}"
            ) from error
        self.check(model.state_dict())
        own = {
            name: tensor.detach().to(
                "cpu",
                torch.get_default_dtype(),
                copy=True,
                memory_format=torch.contiguous_format,
            )
            for name, tensor in self.weights.items()
        }
        model.load_state_dict(own, assign=True)
        return model.eval()

    def check(self, wanted: Weights) -> None:
        """Refuse weights that do not fit, and say which."""
        given = self.weights
        shapes = {
            name: (tuple(given[name].shape), tuple(tensor.shape))
            for name, tensor in wanted.items()
            if name in given
        }
        faults = {
            "missing": [n for n in wanted if n not in given],
            "too many": [
                self.origin.get(n, n) for n in given if n not in wanted
            ],
            "other shapes": [
                f"{name} {found}, not {right}"
                for name, (found, right) in shapes.items()
                if found != right
            ],
            "no floats": [
                name
                for name, tensor in given.items()
                if not tensor.is_floating_point()
            ],
        }
        told = [
            f"{fault}: {', '.join(names[:3])}"
            + f" and {len(names) - 3} more" * (len(names) > 3)
            for fault, names in faults.items()
            if names
        ]
        if told:
            raise ValueError(
                f"{self.where} looked like {self.title}, but the weights "
                f"make no ViT of their sizes; {'; '.join(told)}"
            )


class Unfilled(TorchFunctionMode):
    """Let tensors without memory be without random numbers, too.

    For the first of them torch would import its compiler, for seconds.
    """

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Call what is called, but for what draws numbers."""
        given = kwargs or {}
        if function.__name__ in ("normal_", "uniform_"):
            return next(iter((*args, *given.values())))
        return function(*args, **given)


def on_paper(kind: type[ViT], settings: dict[str, Any]) -> ViT:
    """Make a model with shapes and without memory."""
    with torch.device("meta"), Unfilled():
        return kind(**settings)


def ratio_of(hidden: int, width: int) -> float:
    """Give the mlp_ratio that leads to this many hidden numbers."""
    ratio = hidden / width
    short = int(ratio * width) != hidden
    return math.nextafter(ratio, math.inf) if short else ratio
