"""The command line: `python -m vitlib.train fit|score|predict`."""

import argparse
import math
import os
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from vitlib.train.ask import predict, score
from vitlib.train.engine import DEVICES, PRECISIONS
from vitlib.train.run import RATE_FROM_NOTHING, RATE_FROM_WEIGHTS, fit
from vitlib.vit import SIZES

FIT = """Train or fine-tune a Vision Transformer on pictures.

DATA is a folder with one sub-folder of photos a class, or an .npz with the
arrays images and labels. The same command again goes on from the last
checkpoint in --out, also with another number of processes. Behind torchrun
or accelerate launch it runs in many processes:

    torchrun --nproc_per_node 2 -m vitlib.train fit DATA --out RUN
"""
BROKEN = ("peer", "gloo", "nccl", "socket", "connection")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; say in a line what is wrong, where something is."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    rank, ranks = (os.environ.get(n) for n in ("RANK", "WORLD_SIZE"))
    who = f"process {rank} of {ranks}: " if rank else ""
    try:
        options = parser().parse_args(with_config(given))
        return options.command(options)
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"vitlib-train: {who}{last_line(error)}", file=sys.stderr)
    except torch.OutOfMemoryError as error:
        print(f"vitlib-train: {who}{last_line(error)}", file=sys.stderr)
        print(
            "The same with less memory, at the same result: a larger "
            "--accumulate, --checkpointing, or --shard behind torchrun",
            file=sys.stderr,
        )
    except RuntimeError as error:
        words = str(error).lower()
        if not rank or not any(word in words for word in BROKEN):
            raise
        print(
            f"vitlib-train: {who}another process of this run has ended. "
            "The same command goes on from the last checkpoint",
            file=sys.stderr,
        )
    return 1


def last_line(error: Exception) -> str:
    """Say what went wrong, without the trace of a loader's worker."""
    said = str(error).strip()
    if not said.startswith("Caught "):
        return said
    return said.splitlines()[-1].partition(": ")[2]


def with_config(given: list[str]) -> list[str]:
    """Put what a file of options says before what the command says."""
    if given[:1] != ["fit"]:
        return given
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--config")
    path = finder.parse_known_args(given)[0].config
    if path is None:
        return given
    try:
        options = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is no TOML: {error}") from error
    found: list[str] = []
    for name, value in options.items():
        found += as_arguments(name, value, path)
    return ["fit", *found, *given[1:]]


def as_arguments(name: str, value: object, path: str) -> list[str]:
    """Write a line of a file of options as the command line has it."""
    option = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return [option if value else f"--no-{option[2:]}"]
    if isinstance(value, (str, int, float)):
        return [f"{option}={value}"]
    raise ValueError(
        f"{path}: {name} is {value!r}; it must be a text, a number, true "
        "or false"
    )


def parser() -> argparse.ArgumentParser:
    """Describe the three commands."""
    whole = argparse.ArgumentParser(
        "vitlib-train", description="Vision Transformers on your pictures."
    )
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    add_fit(commands)
    add_score(commands)
    add_predict(commands)
    return whole


class Formatter(
    argparse.ArgumentDefaultsHelpFormatter,
    argparse.RawDescriptionHelpFormatter,
):
    """Keep the lines of a description, and say what the defaults are."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default is False:
            return action.help
        return super()._get_help_string(action)


def add_fit(commands: "argparse._SubParsersAction") -> None:
    """Describe `fit`."""
    command = commands.add_parser(
        "fit",
        help="train, or go on with it",
        description=FIT,
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    command.set_defaults(command=fit)
    command.add_argument("data", metavar="DATA")
    add = command.add_argument
    add("--out", required=True, metavar="RUN", help="the run's folder")
    add("--config", metavar="TOML", help="a file of these options")
    for describe in (model, data, changes, training, engine, files):
        describe(
            command.add_argument_group(describe.__name__).add_argument
        )


Add = Callable[..., object]


def model(add: Add) -> None:
    """Describe what is trained."""
    add(
        "--size",
        choices=SIZES,
        default="Ti/16",
        help="a published size, from nothing",
    )
    add(
        "--weights",
        metavar="SOURCE",
        help="go on from these instead: a file, a folder, a name of the "
        "Hugging Face hub, whatever vitlib.pretrained.load takes",
    )
    add(
        "--image-size",
        type=count,
        metavar="SIDE",
        help="that of the weights or the arrays, or 224, if not given",
    )
    for name in ("patch-size", "embed-dim", "depth", "num-heads"):
        add(f"--{name}", type=count, help="another than that of --size")
    add("--dropout", type=float, default=0.0, help="from nothing only")


def data(add: Add) -> None:
    """Describe how pictures are taken."""
    add(
        "--validation",
        type=share_or_path,
        default=0.1,
        metavar="SHARE",
        help="share of each class that is kept to be asked about, 0 for "
        "none; or other data, a folder or an .npz",
    )
    add(
        "--look",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="open each photo once before the run, to find broken ones",
    )
    add("--skip-broken", **SWITCH, help="leave broken photos out")
    add("--skip-empty", **SWITCH, help="leave classes of no picture out")
    add(
        "--workers",
        type=whole,
        help="processes that open photos, for each that computes; 2 for "
        "photos and 0 for arrays if not given",
    )


def changes(add: Add) -> None:
    """Describe how training pictures are changed."""
    add(
        "--flip",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="mirror every other picture; not for digits or letters",
    )
    add(
        "--crop",
        type=float,
        default=0.35,
        metavar="SHARE",
        help="the least share of the area that is left; 1 for all",
    )
    for name in ("mixup", "cutmix"):
        add(
            f"--{name}",
            type=float,
            default=0.0,
            metavar="ALPHA",
            help="mix two pictures and their labels; 0 for none",
        )


def training(add: Add) -> None:
    """Describe how it is learned."""
    add(
        "--epochs", type=count, default=10, help="times each picture comes"
    )
    add(
        "--batch-size",
        type=count,
        default=64,
        help="pictures of one step, of all processes together",
    )
    add(
        "--learning-rate",
        type=float,
        metavar="RATE",
        help=f"the peak; {RATE_FROM_NOTHING:g}, with --weights "
        f"{RATE_FROM_WEIGHTS:g} if not given",
    )
    add("--weight-decay", type=float, default=0.05, help="of matrices")
    add("--warmup", type=float, default=0.1, help="share of the steps")
    add("--label-smoothing", type=float, default=0.1, help="0 for none")
    add("--max-norm", type=float, default=1.0, help="of the gradient")
    add(
        "--optimizer", choices=("adamw", "muon"), default="adamw", help=" "
    )
    add(
        "--body-rate",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="of the rate, for all below the head; 0 freezes it",
    )
    add("--seed", type=whole, default=0, help="what decides all chance")


def engine(add: Add) -> None:
    """Describe what computes it; the result is the same."""
    add("--device", choices=DEVICES, default="auto", help="what computes")
    add(
        "--precision",
        choices=("auto", *PRECISIONS),
        default="auto",
        help="auto: bf16 on a GPU that has it, else fp32",
    )
    add(
        "--accumulate",
        type=count,
        default=1,
        metavar="N",
        help="pieces in which each process computes its share of a batch",
    )
    add(
        "--checkpointing",
        **SWITCH,
        help="compute activations twice rather than keep them",
    )
    add("--compile", **SWITCH, help="let torch compile the model")
    add(
        "--shard",
        **SWITCH,
        help="part weights and optimizer among the processes",
    )


def files(add: Add) -> None:
    """Describe when something is written."""
    add("--save-every", type=count, default=500, help="steps")
    add("--log-every", type=count, default=10, help="steps")


SWITCH = {"action": argparse.BooleanOptionalAction, "default": False}


def add_score(commands: "argparse._SubParsersAction") -> None:
    """Describe `score`."""
    command = commands.add_parser(
        "score", help="ask a trained model about other pictures"
    )
    command.set_defaults(command=score)
    add = command.add_argument
    add("run", metavar="RUN", help="a run's folder, or other weights")
    add("data", metavar="DATA", help="a folder or an .npz, as in fit")
    add("--batch-size", type=count, default=64)
    add("--device", choices=DEVICES, default="auto")
    add("--skip-broken", **SWITCH, help="leave broken photos out")


def add_predict(commands: "argparse._SubParsersAction") -> None:
    """Describe `predict`."""
    command = commands.add_parser("predict", help="name what is in photos")
    command.set_defaults(command=predict)
    add = command.add_argument
    add("run", metavar="RUN", help="a run's folder, or other weights")
    add("photos", nargs="+", metavar="PHOTO")
    add("--top", type=count, default=3, help="names that are said")
    add("--device", choices=DEVICES, default="auto")


def count(text: str) -> int:
    """Read a whole number above 0."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def whole(text: str) -> int:
    """Read a whole number from 0 upwards."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return number


def share_or_path(text: str) -> float | str:
    """Read a share from 0 to less than 1, or else a path."""
    try:
        share = float(text)
    except ValueError:
        return text
    if not 0 <= share < 1 or math.isnan(share):
        raise argparse.ArgumentTypeError(
            f"{text} is no share from 0 to less than 1"
        )
    return share
