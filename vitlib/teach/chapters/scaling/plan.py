"""What a training run takes, by arithmetic: work, hours, memory, cost.

Counted are the multiplications of the model, by the sizes of chapter 7.
What a machine makes of its peak is not counted but assumed: `utilisation`
is the share of the peak that does this work. Published runs say what it
was elsewhere.
"""

from dataclasses import dataclass

from vitlib import SIZES
from vitlib.teach.data import experiments, sizes

OPERATIONS = 2  # a multiplication and its addition
PASSES = 3  # forward, and backward to the inputs and to the weights
WIDE, NARROW = 4, 2  # bytes of a number: float32, bfloat16
COPIES = 4  # of each weight: itself, a gradient, AdamW's two means
TERA, EXA, HOUR = 1e12, 1e18, 3600


@dataclass(frozen=True)
class Device:
    """Peak TFLOP/s with 16 and with 32 bits, and gigabytes of memory."""

    narrow: float
    wide: float
    gigabytes: float


DEVICES = {
    "V100": Device(125, 15.7, 32),
    "A100": Device(312, 19.5, 80),
    "H100": Device(989, 67, 80),
}


MODELS = (*(name for name in SIZES if name != "H/14"), "L/14", "H/14")


def published(name: str) -> str:
    """Name a published size that differs in its patches at most.

    >>> published("L/14")
    'L/16'
    """
    body, _ = name.split("/")
    return next(n for n in SIZES if n.split("/")[0] == body)


def settings_of(name: str) -> dict[str, int]:
    """Give a size by name, "L/14" too.

    >>> settings_of("L/14")["patch_size"], settings_of("L/14")["depth"]
    (14, 24)
    """
    _, patch_size = name.split("/")
    settings = sizes.settings_of(published(name))
    return settings | {"patch_size": int(patch_size)}


def heads_of(name: str) -> int:
    """Count the heads of a size."""
    return SIZES[published(name)].num_heads


def work(name: str, image_size: int, pictures: int, epochs: int) -> float:
    """Count the floating-point operations of a run.

    >>> f"{work('H/14', 224, 303_000_000, 14) / 1e18:,.0f} exaFLOPs"
    '4,258 exaFLOPs'
    """
    parts = sizes.multiply_adds(image_size=image_size, **settings_of(name))
    once = OPERATIONS * PASSES * sum(parts.values())
    return float(once * pictures * epochs)


def again(checkpoints: bool) -> float:
    """Say how much longer a step is whose blocks run forward twice."""
    return (PASSES + 1) / PASSES if checkpoints else 1.0


def device_hours(
    flops: float,
    peak: float,
    utilisation: float,
    checkpoints: bool = False,
) -> float:
    """Say how long one device of so many TFLOP/s would be busy."""
    return flops * again(checkpoints) / (peak * TERA * utilisation) / HOUR


def activations(
    name: str,
    image_size: int = 224,
    bf16: bool = False,
    checkpoints: bool = False,
) -> int:
    """Count the bytes that a step keeps of one picture.

    With bfloat16 by autocast, what the products are given has 2 bytes;
    the tokens themselves and the norms stay in 4. With checkpoints a
    block keeps its input, and one at a time all the rest.
    """
    settings = settings_of(name)
    width, depth = settings["embed_dim"], settings["depth"]
    tokens = sizes.count_tokens(image_size, settings["patch_size"])
    size = NARROW if bf16 else WIDE
    wide = WIDE * (2 * width + 4 + heads_of(name))
    block = tokens * (wide + size * (6 * width + 8 * width))
    pixels = size * 3 * image_size**2
    ends = pixels + WIDE * tokens * ((1 if bf16 else 2) * width + 2)
    if not checkpoints:
        return depth * block + ends
    inputs = WIDE * tokens * width
    return depth * inputs + (block - inputs) + ends


def memory(
    name: str,
    image_size: int = 224,
    batch: int = 1,
    devices: int = 1,
    bf16: bool = False,
    checkpoints: bool = False,
    sharded: bool = False,
) -> dict[str, float]:
    """Count the bytes on one device: "state" and "activations".

    The state is the weights, a gradient and two means for each, and with
    bfloat16 a copy of the weights in 2 bytes. Sharded, each device holds
    its part of it, and the whole weights of one block at a time.
    """
    settings = settings_of(name)
    parts = sizes.parameters(image_size=image_size, **settings)
    count = sum(parts.values())
    size = NARROW if bf16 else WIDE
    state = COPIES * WIDE * count + (NARROW * count if bf16 else 0)
    if sharded and devices > 1:
        block = (parts["attention"] + parts["mlp"]) / settings["depth"]
        state = COPIES * WIDE * count / devices + size * block
    kept = activations(name, image_size, bf16, checkpoints)
    return {"state": state, "activations": batch * kept}


@dataclass(frozen=True)
class Run:
    """A training run as it was published.

    `hours` are those of all devices together, `devices` how many they
    were, or 0; `bound` is "less than" or "". `planned_as` is the size by
    which `work` counts the run, or "" where that does not apply.
    """

    name: str
    planned_as: str
    pixels: int
    pictures: int
    epochs: int
    devices: int
    bound: str
    hours: float
    device: str
    peak: float
    how: str
    source: str
    url: str

    @property
    def flops(self) -> float:
        """The operations that are counted for it."""
        return work(
            self.planned_as, self.pixels, self.pictures, self.epochs
        )

    @property
    def utilisation(self) -> float:
        """The share of the peak that the counted work took."""
        return self.flops / (self.hours * HOUR * self.peak * TERA)


def runs() -> list[Run]:
    """Read all published runs, in the order of the table."""
    return [
        Run(
            name=row["name"],
            planned_as=row["planned_as"],
            pixels=int(row["pixels"] or 0),
            pictures=int(row["pictures"] or 0),
            epochs=int(row["epochs"] or 0),
            devices=int(row["devices"] or 0),
            bound=row["bound"],
            hours=float(row["hours"]),
            device=row["device"],
            peak=float(row["peak_tflops"]),
            how=row["how"],
            source=row["source"],
            url=row["url"],
        )
        for row in experiments.table("training_runs")
    ]


def planned() -> list[Run]:
    """Give the runs whose work can be counted."""
    return [run for run in runs() if run.planned_as]
