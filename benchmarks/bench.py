"""Time and memory of vitlib beside other Vision Transformers.

`make bench` runs it. A table is one size, batch and resolution, forward or
a training step: forward, cross entropy, backward and a step of AdamW
(fused). There are eleven rounds at least; measuring.py says how, peers.py
who takes part. A table is stored in build/bench as soon as it is
measured, and taken from there as long as code, versions and machine are
the same: a run that was stopped goes on where it was. --anew forgets them.

A table has the median, the middle 80 %, the ratio to the fastest peer.
One peer takes part twice ("again"): the goals at the end allow vitlib as
much as that one may differ from itself.

The floor, "products", is the same matrix products one by one with nothing
in between; "one product" is a large square one, the best that the machine
does. GFLOP/s counts the products only, two for each multiply-add.

Tables called "options" have the one line that makes vitlib faster,
`torch.compile(model)`, `torch.autocast(device, torch.bfloat16)` where the
CPU multiplies in bfloat16, or both, beside the fastest peer as it is.

With --device cuda the same tables are made on a GPU, with the share of
its peak in bfloat16 (--peak, for cards that are not in PEAKS). That part
was written without a GPU at hand, and has never run.
"""

import argparse
import hashlib
import json
import os
import platform
import sys
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import torch
from checks import checks_alone
from measuring import (
    forward_call,
    peak_bytes,
    run_rounds,
    training_call,
)
from peers import build, importable_peers
from products import matrix_products
from tables import (
    AGAIN,
    CHECKS,
    LOW,
    PRODUCTS,
    SIDE,
    SQUARE,
    Setting,
    fastest_peer,
    show,
    tell_goals,
)

ROOT = Path(__file__).resolve().parents[1]
STORE = ROOT / "build" / "bench"
REPEATS = 20  # of the checks, whose time is small

# In TFLOP/s, bfloat16 without sparsity, from NVIDIA's data sheets.
PEAKS = {"A100": 312, "H100 PCIe": 756, "H100 NVL": 835, "H100": 989}


class Run(NamedTuple):
    """What holds for all tables of a run."""

    device: str
    rounds: int | None
    peers: list[str]
    state: str
    peak: float | None


def all_settings() -> list[Setting]:
    """List the tables, small ones first; the options after them."""
    shapes = [("Ti/16", 1, 224), ("Ti/16", 8, 224), ("Ti/16", 32, 224)]
    shapes += [("Ti/16", 1, 384), ("S/16", 1, 224), ("S/16", 8, 224)]
    shapes += [("S/16", 1, 384), ("B/16", 1, 224), ("B/16", 1, 384)]
    shapes += [("S/16", 32, 224), ("B/16", 8, 224)]
    eager = [Setting(*s, t) for s in shapes for t in (False, True)]
    options = [
        one._replace(kind="options")
        for one in eager
        if one.size != "S/16" and one.batch < 32 and one.side == 224
    ]
    return [*eager, *options, Setting("Ti/16", 1, 224, False, "checks")]


def multiplies_bfloat16(device: str) -> bool:
    """Tell if the device is quicker in bfloat16 than in float32."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported()
    found = torch.cpu.get_capabilities()
    return bool(found.get("amx_bf16") or found.get("avx512_bf16"))


def eager_calls(setting: Setting, run: Run) -> dict:
    """Make the calls of all libraries, and measure what they hold."""
    names = ["vitlib", *run.peers, run.peers[0] + AGAIN]
    images = images_of(setting, run)
    make = training_call if setting.training else forward_call
    calls, held, peak = {}, {}, {}
    for name in names:
        source = name.removesuffix(AGAIN)
        model = build(source, setting.size, setting.side).to(run.device)
        calls[name], held[name] = make(model, images)
        peak[name] = peak_bytes(calls[name], run.device)
    return {"calls": calls, "held": held, "peak": peak}


def option_calls(setting: Setting, run: Run) -> dict:
    """Make the calls of vitlib's options and of the fastest peer.

    What was compiled for tables before is forgotten: after eight models
    torch would leave the next as it is.
    """
    torch.compiler.reset()
    images = images_of(setting, run)
    make = training_call if setting.training else forward_call
    lower = partial(torch.autocast, run.device, torch.bfloat16)
    eager = load(setting._replace(kind="eager"), run)
    fastest = fastest_peer(eager["times"]) if eager else run.peers[0]
    models = {
        name: build(name, setting.size, setting.side).to(run.device)
        for name in ("vitlib", fastest)
    }
    calls = {
        name: make(model, images)[0] for name, model in models.items()
    }
    compiled = torch.compile(models["vitlib"])
    calls["compiled"], _ = make(compiled, images)
    if multiplies_bfloat16(run.device):
        calls["bf16"], _ = make(models["vitlib"], images, lower)
        calls["compiled, bf16"], _ = make(compiled, images, lower)
    return {"calls": calls}


def check_calls(setting: Setting, run: Run) -> dict:
    """Make the calls of a forward pass and of its checks alone."""
    model = build("vitlib", setting.size, setting.side)
    images = images_of(setting, run._replace(device="cpu"))
    forward, _ = forward_call(model, images)
    alone = checks_alone(setting.size, REPEATS)
    return {
        "calls": {"vitlib": forward, CHECKS: alone},
        "repeats": REPEATS,
    }


def images_of(setting: Setting, run: Run) -> torch.Tensor:
    """Make the images of a table, the same in every run."""
    torch.manual_seed(0)
    shape = setting.batch, 3, setting.side, setting.side
    return torch.randn(shape).to(run.device)


def floor_calls(setting: Setting, run: Run, lower: bool) -> dict:
    """Make the calls of the bare products, in bfloat16 too if asked."""
    like = torch.zeros((), device=run.device)
    given = setting[:4]
    calls = {}
    calls[PRODUCTS], flops = matrix_products(*given, like)
    if lower:
        calls[LOW], _ = matrix_products(*given, like.bfloat16())
    square = torch.randn(2, SIDE, SIDE).to(run.device)
    calls[SQUARE] = lambda: square[0] @ square[1]
    return {"calls": calls, "flops": flops}


def measure(setting: Setting, run: Run) -> dict:
    """Measure one table; give what is stored of it."""
    kinds = {"eager": eager_calls, "options": option_calls}
    made = kinds.get(setting.kind, check_calls)(setting, run)
    calls = made.pop("calls")
    if setting.kind != "checks":
        lower = "bf16" in calls
        floor = floor_calls(setting, run, lower)
        calls |= floor.pop("calls")
        made |= floor
    times = run_rounds(calls, run.rounds, run.device)
    made |= {"setting": setting, "times": times, "peak_flops": run.peak}
    return made | {"state": run.state, "date": time.strftime("%Y-%m-%d")}


def path_of(setting: Setting) -> Path:
    """Name the file of a table."""
    return STORE / f"{setting.title().replace('/', '').replace(', ', '_')}"


def load(setting: Setting, run: Run) -> dict | None:
    """Read a table that was measured in this very state."""
    path = path_of(setting)
    if not path.exists():
        return None
    found = json.loads(path.read_text())
    found["setting"] = Setting(*found["setting"])
    return found if found["state"] == run.state else None


def save(setting: Setting, found: dict) -> None:
    """Store a table at once and whole."""
    STORE.mkdir(parents=True, exist_ok=True)
    whole = path_of(setting).with_suffix(".part")
    whole.write_text(json.dumps(found))
    whole.replace(path_of(setting))


def state_of(arguments: argparse.Namespace, versions: dict) -> str:
    """Name code, versions, machine and threads, in few letters."""
    digest = hashlib.sha256()
    for folder in ("vitlib", "benchmarks"):
        for path in sorted((ROOT / folder).glob("*.py")):
            digest.update(path.read_bytes())
    threads = torch.get_num_threads()
    here = platform.node(), platform.processor(), os.cpu_count(), threads
    given = arguments.device, arguments.rounds, versions
    digest.update(repr((here, given)).encode())
    return digest.hexdigest()[:16]


def peak_of(device: str, given: float | None) -> float | None:
    """Give the peak of the device in FLOP/s, where it is known."""
    if given is None and device == "cuda":
        card = torch.cuda.get_device_name()
        known = [peak for name, peak in PEAKS.items() if name in card]
        given = known[0] if known else None
    return given and given * 1e12


def arguments_of() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, help="rounds of each table")
    parser.add_argument(
        "--only", default="", help="tables with this in their title"
    )
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument(
        "--peak", type=float, help="of the GPU, in TFLOP/s"
    )
    parser.add_argument(
        "--anew", action="store_true", help="forget what was measured"
    )
    return parser.parse_args()


def begin(arguments: argparse.Namespace) -> Run:
    """Say what is compared, on what; end where there is no peer."""
    versions = {name: version(name) for name in ("torch", "vitlib")}
    versions |= importable_peers()
    peers = list(versions)[2:]
    for name, number in versions.items():
        print(f"  {name} {number}")
    print(
        f"  {torch.get_num_threads()} threads, "
        f"{torch.backends.cpu.get_cpu_capability()}, load of the machine "
        f"before the run {os.getloadavg()[0]:.1f}"
    )
    if not peers:
        sys.exit("no peer can be imported: run it by `make bench`")
    return Run(
        arguments.device,
        arguments.rounds,
        peers,
        state_of(arguments, versions),
        peak_of(arguments.device, arguments.peak),
    )


def main() -> None:
    """Measure what is not measured yet; show all, and the goals."""
    arguments = arguments_of()
    run = begin(arguments)
    tables = []
    for setting in all_settings():
        if arguments.only not in setting.title():
            continue
        found = None if arguments.anew else load(setting, run)
        if found is None:
            found = measure(setting, run)
            save(setting, found)
        tables.append(found)
        show(found)
    tell_goals(tables)


if __name__ == "__main__":
    main()
