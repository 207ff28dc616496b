"""Time and memory of vitlib beside other Vision Transformers.

`make bench` runs it. The peers are transformers, timm and vit-pytorch, as
many as can be imported. All get the same sizes, images of 224 x 224, 1000
classes, exact GELU, norms with eps 1e-6, no dropout, float32. A training
step is forward, cross entropy, backward and a step of AdamW (fused).

Time: a round runs every contender once, in an order drawn anew, so that a
busy moment of the machine strikes all alike. There are eleven at least;
all tables take about twenty minutes. A table has the median and the middle
80 %. A ratio is the median over the rounds of a model's time by the best
peer's time in the same round.

Memory: the most that torch holds at once in one call, to the byte: the
weights and the optimiser's state, plus the peak of what the profiler sees
allocated and freed. Scratch inside of the matrix library is not in it.

The floor, "products alone", is the same matrix products one by one with
nothing in between. "one product" is a large square one, the best that the
machine does. GFLOP/s counts the products only, two for each multiply-add.

timm and vit-pytorch need torchvision. Its usual wheel is built for CUDA
and fails beside a CPU torch for want of two operators, which are declared
here. transformers fails too where it finds such a torchvision, so the
peers are installed in build/peers, for PYTHONPATH, not beside the tests.
"""

import argparse
import importlib
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from functools import cache
from importlib.metadata import version

os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # the profiler is chatty

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

import vitlib

ALLOWED = 1.02  # of the best peer, in time and in memory, at batch 8
SECONDS = 30  # for the rounds of one table
LEAST, MOST = 11, 100  # rounds, however long they take
PRODUCTS, SQUARE = "products alone", "one product"
SIDE = 2048  # of the square product

Call = Callable[[], object]


def from_transformers(
    patch_size: int, embed_dim: int, depth: int, num_heads: int
) -> nn.Module:
    from transformers import ViTConfig, ViTForImageClassification

    class Scores(ViTForImageClassification):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images).logits

    config = ViTConfig(
        patch_size=patch_size,
        hidden_size=embed_dim,
        num_hidden_layers=depth,
        num_attention_heads=num_heads,
        intermediate_size=4 * embed_dim,
        num_labels=1000,
    )
    return Scores(config)


def from_timm(
    patch_size: int, embed_dim: int, depth: int, num_heads: int
) -> nn.Module:
    from timm.models.vision_transformer import VisionTransformer

    return VisionTransformer(
        patch_size=patch_size,
        embed_dim=embed_dim,
        depth=depth,
        num_heads=num_heads,
    )


def from_vit_pytorch(
    patch_size: int, embed_dim: int, depth: int, num_heads: int
) -> nn.Module:
    from vit_pytorch import ViT

    return ViT(
        image_size=224,
        patch_size=patch_size,
        num_classes=1000,
        dim=embed_dim,
        depth=depth,
        heads=num_heads,
        mlp_dim=4 * embed_dim,
    )


PEERS = {
    "transformers": from_transformers,
    "timm": from_timm,
    "vit-pytorch": from_vit_pytorch,
}


def declare_torchvision() -> None:
    """Let torchvision's CUDA wheel be imported beside a CPU torch."""
    try:
        import torchvision  # noqa: F401
    except ImportError:
        return
    except RuntimeError:  # operator torchvision::nms does not exist
        for name in list(sys.modules):
            if name.partition(".")[0] == "torchvision":
                del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        boxes = "(Tensor boxes, Tensor scores, float threshold) -> Tensor"
        library.define(f"nms{boxes}")
        library.define(f"qnms{boxes}")
        declare_torchvision.keep = library  # undeclared when it is freed
        importlib.import_module("torchvision")


def importable_peers() -> list[str]:
    """Import what is there, and say what is not and why."""
    declare_torchvision()
    found = []
    for name in PEERS:
        try:
            importlib.import_module(name.replace("-", "_"))
            print(f"  {name} {version(name)}")
            found.append(name)
        except (ImportError, RuntimeError) as error:
            print(f"  {name} is left out: {error}")
    return found


def build(name: str, size: str) -> nn.Module:
    """Make a contender's model of a published size, no weight at zero."""
    torch.manual_seed(0)
    if name == "vitlib":
        model = vitlib.ViT.from_name(size)
    else:
        model = PEERS[name](*vitlib.SIZES[size])
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = 1e-6
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.02)
    return model


def forward_call(model: nn.Module, images: Tensor) -> tuple[Call, int]:
    """Give a forward pass to call, and the bytes it starts from."""
    model.eval()

    @torch.inference_mode()
    def call() -> None:
        model(images)

    call()
    return call, size_in_bytes(model.state_dict().values())


def training_call(model: nn.Module, images: Tensor) -> tuple[Call, int]:
    """Give a training step to call, and the bytes it starts from."""
    model.train()
    labels = torch.arange(len(images))
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)

    def call() -> None:
        F.cross_entropy(model(images), labels).backward()
        optimiser.step()
        optimiser.zero_grad()

    call()  # makes the optimiser's state
    held = list(model.state_dict().values())
    for state in optimiser.state.values():
        held.extend(state.values())
    return call, size_in_bytes(held)


def size_in_bytes(tensors) -> int:
    return sum(t.numel() * t.element_size() for t in tensors)


def peak_bytes(call: Call) -> int:
    """How far one call raises what torch holds, at its highest."""
    activities = [ProfilerActivity.CPU]
    with profile(activities=activities, profile_memory=True) as record:
        call()
    events = record.profiler.kineto_results.events()
    steps = [e for e in events if e.name() == "[memory]"]
    held = peak = 0
    for step in sorted(steps, key=lambda e: e.start_ns()):
        held += step.nbytes()
        peak = max(peak, held)
    return peak


def matrix_products(
    size: str, batch: int, training: bool
) -> tuple[Call, int]:
    """Give the products of one call, to be run alone, and their FLOPs.

    Every layer has weights of its own, as in the model, so that they come
    from memory; operands and results of one shape share their place.
    """
    patch, width, depth, heads = vitlib.SIZES[size]
    patches = (224 // patch) ** 2
    tokens, head_dim = patches + 1, width // heads
    rows = batch * tokens
    block = [(width, 3 * width), (width, width)]
    block += [(width, 4 * width), (4 * width, width)]
    layers = [(batch * patches, 3 * patch**2, width)]
    layers += depth * [(rows, *sides) for sides in block]
    layers += [(batch, width, 1000)]

    @cache
    def shared(*shape: int | str) -> Tensor:
        return torch.randn([side for side in shape if side != "result"])

    pairs = []
    for index, (count, inputs, outputs) in enumerate(layers):
        x, weight = shared(count, inputs), torch.randn(outputs, inputs)
        pairs.append((x, weight.T))
        if training:
            gradient = shared(count, outputs)
            pairs.append((gradient.T, x))
            if index > 0:  # the image needs no gradient
                pairs.append((gradient, weight))
    queries = shared(batch * heads, tokens, head_dim)
    weights = shared(batch * heads, tokens, tokens)
    attention = [(queries, queries.mT), (weights, queries)]
    if training:
        attention += [(queries, queries.mT), (weights.mT, queries)]
        attention += [(weights, queries), (weights.mT, queries)]
    pairs += depth * attention

    def call() -> None:
        for left, right in pairs:
            result = shared("result", *left.shape[:-1], right.shape[-1])
            torch.matmul(left, right, out=result)

    call()
    flops = sum(2 * a.numel() * b.shape[-1] for a, b in pairs)
    return call, flops


def run_rounds(
    calls: dict[str, Call], rounds: int | None
) -> dict[str, list[float]]:
    """Time every contender once a round, in milliseconds."""
    times = {name: [] for name in calls}
    least, most = (rounds, rounds) if rounds else (LEAST, MOST)
    begin = time.perf_counter()
    for done in range(most):
        if done >= least and time.perf_counter() - begin > SECONDS:
            break
        for name in random.sample(list(calls), len(calls)):
            start = time.perf_counter()
            calls[name]()
            times[name].append(1000 * (time.perf_counter() - start))
    return times


def compare(
    models: dict[str, nn.Module],
    size: str,
    batch: int,
    training: bool,
    rounds: int | None,
) -> tuple[float, float]:
    """Print one table; give vitlib's ratios in time and in memory."""
    images = torch.randn(batch, 3, 224, 224)
    make = training_call if training else forward_call
    calls, held, peak = {}, {}, {}
    for name, model in models.items():
        calls[name], held[name] = make(model, images)
        peak[name] = peak_bytes(calls[name])
    calls[PRODUCTS], flops = matrix_products(size, batch, training)
    square = torch.randn(2, SIDE, SIDE)
    calls[SQUARE] = lambda: square[0] @ square[1]
    times = run_rounds(calls, rounds)

    median = {name: statistics.median(t) for name, t in times.items()}
    memory = {name: held[name] + peak[name] for name in models}
    peers = [name for name in models if name != "vitlib"]
    fastest = min(peers, key=median.get)
    smallest = min(memory[name] for name in peers)

    def ratio(name: str, other: str) -> float:
        pairs = zip(times[name], times[other], strict=True)
        return statistics.median(a / b for a, b in pairs)

    what = "training step" if training else "forward"
    count = len(times["vitlib"])
    print(
        f"\n{size}, batch {batch}, {what} ({count} rounds)\n"
        f"{'':15}{'ms':>8}{'middle 80 %':>16}{'ratio':>7}{'x floor':>9}"
        f"{'GFLOP/s':>9}{'MB':>17}{'ratio':>7}"
    )
    for name, mine in times.items():
        low, *_, high = statistics.quantiles(
            mine, n=10, method="inclusive"
        )
        spread = (
            f"{low:.0f} to {high:.0f}"
            if low > 99
            else (f"{low:.1f} to {high:.1f}")
        )
        work = 2 * SIDE**3 if name == SQUARE else flops
        line = f"{name:15}{median[name]:8.1f}{spread:>16}"
        speed = f"{work / median[name] / 1e6:9.0f}"
        if name in models:
            megabytes = f"{held[name] / 1e6:.1f} + {peak[name] / 1e6:.1f}"
            line += f"{ratio(name, fastest):7.2f}"
            line += f"{ratio(name, PRODUCTS):9.2f}{speed}{megabytes:>17}"
            line += f"{memory[name] / smallest:7.3f}"
        else:
            line += f"{'':16}{speed}"
        print(line, flush=True)
    return ratio("vitlib", fastest), memory["vitlib"] / smallest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, help="rounds of each table")
    parser.add_argument(
        "--quick", action="store_true", help="Ti/16 alone, five rounds"
    )
    arguments = parser.parse_args()
    rounds = 5 if arguments.quick else arguments.rounds
    sizes = ["Ti/16"] if arguments.quick else ["Ti/16", "B/16"]

    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"{torch.backends.cpu.get_cpu_capability()}, load of the machine "
        f"before the run {os.getloadavg()[0]:.1f}\n"
        f"  vitlib {version('vitlib')}"
    )
    peers = importable_peers()
    if not peers:
        sys.exit("no peer can be imported: run it by `make bench`")
    print(
        "MB: weights and optimiser state + the peak above them of what "
        "torch allocates in a call."
    )
    worst = [0.0, 0.0]
    for size in sizes:
        models = {name: build(name, size) for name in ["vitlib", *peers]}
        for batch in (1, 8):
            for training in (False, True):
                ratios = compare(models, size, batch, training, rounds)
                if batch == 8:
                    worst = list(map(max, worst, ratios))
    print(
        f"\nvitlib by the best peer at batch 8, at worst: time "
        f"{worst[0]:.3f}, memory {worst[1]:.3f}; allowed {ALLOWED}."
    )


if __name__ == "__main__":
    main()
