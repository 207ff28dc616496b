"""One run: from pictures and options to a trained model in a folder."""

import signal
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, gather_object
from torch import Tensor
from tqdm.auto import tqdm

from vitlib._checkpoint import Memory
from vitlib._checks import rates_of
from vitlib._families import HALVES
from vitlib._preprocess import Preprocess
from vitlib._settings import Settings
from vitlib.pretrained import Pretrained, load, save
from vitlib.train.changes import Changes, Prepared
from vitlib.train.engine import (
    LearnTogether,
    accelerator_on,
    count_right,
    device_named,
    dtype_named,
    placed,
    remembered_of,
    take_up,
    weights_of,
)
from vitlib.train.pictures import (
    Arrays,
    Pictures,
    check_classes,
    check_same_classes,
    find_broken,
    fingerprint_of,
    leave_out,
    pictures_in,
)
from vitlib.train.shares import Shares
from vitlib.train.store import Store, as_toml, check_same
from vitlib.train.summary import summary_of, table_of
from vitlib.training import Progress, optimizers_of, take_steps
from vitlib.vit import ViT

CROP_SHARE = 0.875  # of the shorter side, when a model is asked
RATE_FROM_NOTHING, RATE_FROM_WEIGHTS = 1e-3, 1e-4
# What may differ where a run goes on; of the data, where it lies.
MAY_DIFFER = (
    *("config", "out", "data", "device", "precision", "accumulate"),
    *("checkpointing", "compile", "shard", "workers", "look", "epochs"),
    *("save_every", "log_every", "skip_broken", "skip_empty", "command"),
)
NOT_REPEATED = "config", "out", "data", "command"


@dataclass
class Run:
    """All that one run has at hand."""

    options: Namespace
    accelerator: Accelerator
    store: Store
    trained: Pretrained  # as it is loaded again
    memory: Memory
    settings: Settings
    batches: Shares
    asked: Shares | None
    learn: LearnTogether
    best: float = -1.0
    counts: Tensor | None = None  # of the best epoch, by class
    began: float = field(default_factory=time.perf_counter)
    noted: tuple[int, float] = 0, 0.0  # step and time of the last line


def fit(options: Namespace) -> int:
    """Train as the options say; 0 where the run came to its end."""
    device = device_named(options.device)
    accelerator = accelerator_on(device, Path(options.out))
    pictures, validation = open_pictures(options, accelerator)
    run = prepare(options, accelerator, pictures, validation)
    go_on(run)
    if accelerator.is_main_process:
        run.store.begin_log(run.batches.done)
        given = vars(options).items()
        kept = {k: v for k, v in given if k not in NOT_REPEATED}
        path = run.store.folder / "run.toml"
        path.write_text(as_toml(kept), encoding="utf-8")
    stopped = train(run)
    if stopped:
        accelerator.print(f"stopped: {run.store.what_is_left()}")
        accelerator.end_training()
        return 128 + stopped
    finish(run, len(pictures))
    return 0


def open_pictures(
    options: Namespace, accelerator: Accelerator
) -> tuple[Pictures, Pictures | None]:
    """Open the pictures to learn from, and those to be asked about."""
    pictures = checked(options.data, options, accelerator)
    share = options.validation
    if share == 0:
        return pictures, None
    if not isinstance(share, str):
        return both_filled(pictures.split(share), share)
    validation = checked(share, options, accelerator)
    check_same_classes(pictures, validation)
    return pictures, validation


def both_filled(
    parts: tuple[Pictures, Pictures], share: float
) -> tuple[Pictures, Pictures]:
    """Refuse a share that leaves one of two parts without a picture."""
    learned, asked = map(len, parts)
    if not learned or not asked:
        raise ValueError(
            f"with --validation {share} there are {learned} pictures to "
            f"learn from and {asked} to be asked about: give some class "
            "two pictures or more, or take --validation 0"
        )
    return parts


def checked(
    path: str, options: Namespace, accelerator: Accelerator
) -> Pictures:
    """Open pictures; the first process looks whether all can be read."""
    pictures = pictures_in(path)
    found: list[Any] = [[]]
    if options.look and accelerator.is_main_process:
        found = [find_broken(pictures, with_bar)]
    if accelerator.num_processes > 1:
        broadcast_object_list(found)
    leave_out(pictures, found[0], options.skip_broken)
    check_classes(pictures, options.skip_empty)
    everywhere = gather_object([fingerprint_of(pictures)])
    if len(set(everywhere)) > 1:
        raise ValueError(
            f"{path} is not the same for all of the "
            f"{accelerator.num_processes} processes: give each machine "
            "the same files"
        )
    said = len(found[0]), len(pictures.empty)
    if any(said):
        accelerator.print(
            f"{path}: left out {said[0]} photos that cannot be read and "
            f"{said[1]} classes without a picture"
        )
    return pictures


def with_bar(steps: Iterator[Any], total: int, done: int = 0) -> Any:
    """Show how far it is, if somebody looks."""
    return tqdm(steps, total=total, initial=done, disable=None)


def prepare(
    options: Namespace,
    accelerator: Accelerator,
    pictures: Pictures,
    validation: Pictures | None,
) -> Run:
    """Make the model, its batches and its optimizers."""
    torch.manual_seed(options.seed)
    trained = built(options, pictures)
    model = trained.model
    given = given_of(options, pictures, model)
    paper = deepcopy(model).to("meta")
    freeze(model, options)
    if options.checkpointing:
        model.blocks.set_grad_checkpointing()
    if options.compile:
        model.compile()
    settings = settings_of(options, model, accelerator.device.type)
    prepared = placed(model, accelerator, options.shard)
    optimizers = optimizers_of(model, settings)
    memory = Memory(prepared, optimizers, torch.Generator(), given, None)
    how = changes_of(options)
    learned = shares_of(options, accelerator, pictures, trained, how)
    asked = None
    if validation is not None:
        asked = shares_of(options, accelerator, validation, trained, None)
    return Run(
        options,
        accelerator,
        Store(options.out),
        trained._replace(model=paper),
        memory,
        settings,
        learned,
        asked,
        LearnTogether(accelerator),
    )


def built(options: Namespace, pictures: Pictures) -> Pretrained:
    """Make a model of the size that is named, or load its weights."""
    classes = tuple(pictures.classes)
    arrays = isinstance(pictures, Arrays)
    channels, side = 3, options.image_size
    if isinstance(pictures, Arrays):
        channels = pictures.images.shape[1]
    if options.weights:
        model, preprocess, _ = load(
            options.weights,
            image_size=side,
            in_channels=channels,
            num_classes=len(classes),
        )
        return Pretrained(
            model, preprocess or plain_preprocess(model, arrays), classes
        )
    if side is None and isinstance(pictures, Arrays):
        side = tuple(pictures.images.shape[-2:])
    names = "patch_size", "embed_dim", "depth", "num_heads"
    sizes = {n: getattr(options, n) for n in names if getattr(options, n)}
    model = ViT.from_name(
        options.size,
        image_size=side or 224,
        in_channels=channels,
        num_classes=len(classes),
        dropout=options.dropout,
        **sizes,
    )
    return Pretrained(model, plain_preprocess(model, arrays), classes)


def plain_preprocess(model: ViT, arrays: bool) -> Preprocess:
    """Say how pictures are prepared for a model that nobody trained.

    The middle of a photo is cut out; what comes in arrays is taken whole.
    """
    size = model.patch_embed.image_size
    share = 1 if arrays else CROP_SHARE
    resize = tuple(round(side / share) for side in size)
    half = Preprocess(size, resize, *HALVES)
    return half.of_channels(model.patch_embed.in_channels)


def freeze(model: ViT, options: Namespace) -> None:
    """Leave all but the head as it is, where its rate would be 0."""
    if options.body_rate == 0:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name.startswith("head."))


def settings_of(options: Namespace, model: ViT, device: str) -> Settings:
    """Give chapter 8's settings of the loop."""
    rates = {}
    if options.body_rate not in (0, 1):
        parts = {
            name.split(".")[0] for name, _ in model.named_parameters()
        }
        rates = dict.fromkeys(sorted(parts - {"head"}), options.body_rate)
    rate = options.learning_rate
    if rate is None:
        rate = RATE_FROM_WEIGHTS if options.weights else RATE_FROM_NOTHING
    return Settings(
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=rate,
        weight_decay=options.weight_decay,
        warmup=options.warmup,
        label_smoothing=options.label_smoothing,
        max_norm=options.max_norm,
        augment=None,
        seed=options.seed,
        optimizer=options.optimizer,
        dtype=dtype_named(options.precision, device),
        loss=None,
        rates=rates_of(model, rates),
        keep_best=False,
    )


def changes_of(options: Namespace) -> Changes:
    """Say how training pictures are changed."""
    return Changes(
        options.flip, options.crop, options.mixup, options.cutmix
    )


def shares_of(
    options: Namespace,
    accelerator: Accelerator,
    pictures: Pictures,
    trained: Pretrained,
    how: Changes | None,
) -> Shares:
    """Part pictures among the processes."""
    assert trained.preprocess is not None
    workers = options.workers
    if workers is None:
        workers = 0 if isinstance(pictures, Arrays) else 2
    return Shares(
        Prepared(pictures, trained.preprocess, how, options.seed),
        options.batch_size,
        rank=accelerator.process_index,
        ranks=accelerator.num_processes,
        accumulate=options.accumulate,
        seed=options.seed,
        workers=workers,
        pinned=accelerator.device.type == "cuda",
    )


def given_of(
    options: Namespace, pictures: Pictures, model: ViT
) -> dict[str, str]:
    """Describe all that the weights depend on, to know a run again."""
    given = vars(options).items()
    told = {k: str(v) for k, v in given if k not in MAY_DIFFER}
    return told | {
        "pictures": fingerprint_of(pictures),
        "classes": ", ".join(pictures.classes),
        "parameters": str(sum(p.numel() for p in model.parameters())),
    }


def go_on(run: Run) -> None:
    """Take up the checkpoint in the folder, if there is one."""
    store, settings = run.store, run.settings
    store.folder.mkdir(parents=True, exist_ok=True)
    about = store.read_about()
    done = 0 if about is None else about["step"]
    if len(set(gather_object([done]))) > 1:
        raise ValueError(
            f"the processes do not see the same {store.last}: give --out "
            "on a disk that all machines share"
        )
    if about is None:
        return
    check_same(about["given"], run.memory.given, store.last)
    steps = len(run.batches) * settings.epochs
    if done > steps:
        raise ValueError(
            f"{store.last} has {done} steps behind it, and "
            f"{settings.epochs} epochs are {steps}: give more --epochs"
        )
    take_up(run.memory.model, run.memory.optimizers, *store.read_tensors())
    run.batches.done = run.learn.step = done
    run.best, counts = about["best"], about["counts"]
    run.began -= about["seconds"]
    run.counts = None if counts is None else torch.tensor(counts)
    run.accelerator.print(f"going on from step {done} of {steps}")


def train(run: Run) -> int:
    """Take the steps that are left; say which signal came, or 0."""
    accelerator, batches, options = (
        run.accelerator,
        run.batches,
        run.options,
    )
    done, count = batches.done, len(batches)
    steps = take_steps(
        run.memory, done, run.settings, batches, None, run.learn
    )
    if accelerator.log_with:
        purge = {"tensorboard": {"purge_step": done + 1}}
        accelerator.init_trackers("tensorboard", init_kwargs=purge)
    total = count * run.settings.epochs
    run.noted = done, time.perf_counter()
    stopped = 0
    with signals_heeded(run.learn) as came:
        bar = tqdm(
            steps,
            total=total,
            initial=done,
            disable=None if accelerator.is_main_process else True,
        )
        for progress in bar:
            ends = progress.step % count == 0
            accuracy = ask(run) if ends else None
            note(run, progress, ends, accuracy, bar)
            due = progress.step % options.save_every == 0
            if ends or due or run.learn.stop:
                write(run, progress)
            if run.learn.stop and progress.step < total:
                stopped = came[0] if came else signal.SIGTERM
                break
    steps.close()
    return int(stopped)


@contextmanager
def signals_heeded(learn: LearnTogether) -> Iterator[list[int]]:
    """Let Ctrl-C and a cluster's SIGTERM end the run after a step.

    The second time they end it at once.
    """
    came: list[int] = []
    kinds = signal.SIGINT, signal.SIGTERM

    def heed(kind: int, _: Any) -> None:
        came.append(kind)
        learn.asked_to_stop = True
        signal.signal(kind, before[kind])

    before = {kind: signal.signal(kind, heed) for kind in kinds}
    try:
        yield came
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def ask(run: Run) -> float | None:
    """Ask about the validation's pictures; keep the weights if best."""
    counts = None
    accuracy = None
    model = run.accelerator.unwrap_model(run.memory.model)
    if run.asked is not None:
        classes = len(run.trained.classes)
        counts = count_right(model, run.asked, classes, run.accelerator)
        right, pictures = counts.sum(dim=0).tolist()
        accuracy = right / pictures
    if accuracy is None or accuracy > run.best:
        run.best, run.counts = accuracy or 0.0, counts
        keep_best(run)
    return accuracy


def keep_best(run: Run) -> None:
    """Write the weights as `load` reads them."""
    weights = weights_of(run.memory.model)
    if run.accelerator.is_main_process:
        run.trained.model.load_state_dict(weights, assign=True)
        save(run.trained, run.store.best)
    run.accelerator.wait_for_everyone()


def note(
    run: Run,
    progress: Progress,
    ends: bool,
    accuracy: float | None,
    bar: Any,
) -> None:
    """Log a step, where it is its turn or ends an epoch."""
    due = ends or progress.step % run.options.log_every == 0
    if not due or not run.accelerator.is_main_process:
        return
    row = {k: v for k, v in asdict(progress).items() if k != "steps"}
    row["accuracy"] = accuracy
    row["pictures_per_second"] = speed(run, progress.step)
    run.store.write_log(row)
    told = {k: v for k, v in row.items() if v is not None and k != "step"}
    run.accelerator.log(told, step=progress.step)
    bar.set_postfix(loss=f"{progress.loss:.3f}", best=f"{run.best:.3f}")
    if ends and bar.disable:
        said = "" if accuracy is None else f", accuracy {accuracy:.1%}"
        print(
            f"epoch {progress.epoch} of {run.settings.epochs}: loss "
            f"{progress.loss:.3f}{said}",
            flush=True,
        )


def speed(run: Run, step: int) -> float:
    """Say how many pictures a second came since the line before."""
    now = time.perf_counter()
    pictures = (step - run.noted[0]) * run.settings.batch_size
    passed = now - run.noted[1]
    run.noted = step, now
    return round(pictures / passed, 1)


def write(run: Run, progress: Progress) -> None:
    """Store the state after this step."""
    model, optimizers = run.memory.model, run.memory.optimizers
    state = weights_of(model), remembered_of(model, optimizers)
    if run.accelerator.is_main_process:
        about = {
            "step": progress.step,
            "given": run.memory.given,
            "best": run.best,
            "seconds": time.perf_counter() - run.began,
            "counts": None if run.counts is None else run.counts.tolist(),
        }
        run.store.write_last(*state, about)
    run.accelerator.wait_for_everyone()


def finish(run: Run, count: int) -> None:
    """Say how good the best weights are, class by class."""
    if run.accelerator.is_main_process:
        summary = summary_of(run.trained.classes, run.counts)
        summary["training_pictures"] = count
        summary["seconds"] = round(time.perf_counter() - run.began, 1)
        run.store.write_json("summary.json", summary)
        print(table_of(summary))
        print(f"the best weights are in {run.store.best}")
        sys.stdout.flush()
    run.accelerator.wait_for_everyone()
    run.accelerator.end_training()
