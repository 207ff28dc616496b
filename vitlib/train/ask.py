"""What a trained model says of pictures: `predict` and `score`."""

import sys
from argparse import Namespace
from pathlib import Path

import torch
from accelerate import Accelerator

from vitlib.photos import open_photo
from vitlib.pretrained import Pretrained, load
from vitlib.train.changes import Prepared
from vitlib.train.engine import count_right, device_named
from vitlib.train.pictures import (
    check_classes,
    find_broken,
    leave_out,
    pictures_in,
    shortened,
)
from vitlib.train.shares import Shares
from vitlib.train.summary import summary_of, table_of


def trained(source: str) -> Pretrained:
    """Load the best weights of a run, or what `load` finds elsewhere."""
    best = Path(source) / "best"
    found = load(best if best.is_dir() else source)
    if found.preprocess is None:
        raise ValueError(
            f"{source} does not tell how its pictures are prepared: give "
            "the folder of a run, or what has it beside its weights"
        )
    if not hasattr(found.model.head, "weight") and not found.classes:
        raise ValueError(f"{source} has no head: it names nothing")
    return found


@torch.no_grad()
def predict(options: Namespace) -> int:
    """Name what is in photos; 1 where one cannot be opened."""
    device = torch.device(device_named(options.device))
    model, preprocess, classes = trained(options.run)
    model.to(device).eval()
    broken = 0
    for path in options.photos:
        try:
            photo = open_photo(path)
        except (OSError, ValueError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            broken += 1
            continue
        pixels = preprocess(photo).to(device)  # type: ignore[misc]
        shares = model(pixels[None]).softmax(dim=1)[0]
        print(f"{path}: {named(shares, classes, options.top)}")
    if broken:
        of = f"{broken} of {len(options.photos)}"
        print(f"{of} photos could not be opened", file=sys.stderr)
    return int(broken > 0)


def named(shares: torch.Tensor, classes: tuple[str, ...], top: int) -> str:
    """Say the names of the largest shares."""
    best = shares.topk(min(top, len(shares)))
    return ", ".join(
        f"{classes[i] if classes else f'class {i}'} {100 * share:.1f} %"
        for share, i in zip(
            best.values.tolist(), best.indices.tolist(), strict=True
        )
    )


def score(options: Namespace) -> int:
    """Say how many pictures of each class a model names rightly."""
    device = device_named(options.device)
    accelerator = Accelerator(cpu=device == "cpu")
    model, preprocess, classes = trained(options.run)
    pictures = pictures_in(options.data)
    broken = find_broken(pictures, lambda looks, _: looks)
    leave_out(pictures, broken, options.skip_broken)
    check_classes(pictures, skip_empty=True)
    unknown = [n for n in pictures.classes if n not in classes]
    if unknown:
        raise ValueError(
            f"{len(unknown)} of {len(pictures.classes)} classes in "
            f"{options.data} are none of the {len(classes)} that the "
            f"model knows: {shortened(unknown)}"
        )
    number = [classes.index(name) for name in pictures.classes]
    pictures.labels = [number[label] for label in pictures.labels]
    prepared = Prepared(pictures, preprocess)  # type: ignore[arg-type]
    shares = Shares(
        prepared,
        options.batch_size,
        rank=accelerator.process_index,
        ranks=accelerator.num_processes,
    )
    model.to(accelerator.device)
    counts = count_right(model, shares, len(classes), accelerator)
    accelerator.print(table_of(summary_of(classes, counts)))
    accelerator.end_training()
    return 0
