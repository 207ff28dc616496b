"""A run of training, to go through from epoch to epoch."""

import math
from functools import cache

import numpy as np
import torch
from einops import rearrange
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor
from traitlets import Bytes, Float, Int, List, TraitError, validate

from vitlib.inside import position_similarity
from vitlib.teach.alive.figure import LiveFigure
from vitlib.teach.data.checked import FOLDER
from vitlib.teach.data.digits import digits
from vitlib.teach.data.experiments import stored
from vitlib.teach.draw.canvas import SIGNED, WEIGHTS, bare, canvas, style
from vitlib.teach.draw.palette import GREY, INK, LINE, STREAM, WEIGHT

EPOCHS, DIGITS, GRID = 12, 100, 4
FINE = 10_000  # a probability or a cosine travels in ten-thousandths
FAINT = 0.3  # how much of its ink a digit keeps that is read rightly


class TrainingReplay(LiveFigure):
    """Go through a run of training, and see what it can at each moment.

    The run is the first of the stored ones of a minute. `moment` is an
    epoch, 0 before the first step; `digit` is one of the first hundred
    validation digits, `place` the (row, col) of a patch.
    """

    moment = Int(1, min=0, max=EPOCHS).tag(sync=True)
    digit = Int(61, min=0, max=DIGITS - 1).tag(sync=True)
    place = List(Int(), [1, 1], minlen=2, maxlen=2).tag(sync=True)
    # What is shown: `losses` after every 25 steps, `accuracies` of each
    # run, an epoch each; the rest as bytes, see `_packed`.
    losses = List(Float()).tag(sync=True)
    accuracies = List(List(Float())).tag(sync=True)
    labels = List(Int()).tag(sync=True)
    tops = List(Float()).tag(sync=True)
    pixels = Bytes().tag(sync=True)
    shares = Bytes().tag(sync=True)
    start = Bytes().tag(sync=True)
    added = Bytes().tag(sync=True)
    cosines = Bytes().tag(sync=True)

    def __init__(self, **traits) -> None:
        super().__init__(**_packed(), **traits)

    @validate("place")
    def _check_place(self, proposal: dict) -> list[int]:
        row, col = proposal["value"]
        if not (0 <= row < GRID and 0 <= col < GRID):
            raise TraitError(
                f"place is ({row}, {col}); there are {GRID} rows and "
                f"{GRID} columns of patches"
            )
        return [row, col]

    @property
    def probabilities(self) -> Tensor:
        """What each class of each digit got at `moment`, (100, 10)."""
        return film()["shares"][self.moment]

    @property
    def answers(self) -> Tensor:
        """The class that each digit was taken for at `moment`, (100,)."""
        return self.probabilities.argmax(dim=1)

    @property
    def wrong(self) -> list[int]:
        """The numbers of the digits that were misread at `moment`."""
        misread = self.answers != torch.tensor(self.labels)
        return misread.nonzero().flatten().tolist()

    @property
    def filters(self) -> Tensor:
        """The weights of the patch embedding at `moment`, (64, 7, 7)."""
        return film()["filters"][self.moment]

    def share_added(self) -> float:
        """How long what training added to the filters is, measured by
        the length of what they began with.
        """
        start = film()["filters"][0]
        return ((self.filters - start).norm() / start.norm()).item()

    def nearness(self) -> tuple[float, float]:
        """Mean cosine of a position with those beside, above and below
        it, and with all others, over all places.
        """
        table = _likeness()[self.moment]
        index = torch.arange(GRID**2)
        row, col = index // GRID, index % GRID
        steps = (row[:, None] - row).abs() + (col[:, None] - col).abs()
        near, far = table[steps == 1], table[steps > 1]
        return near.mean().item(), far.mean().item()

    def order(self) -> list[int]:
        """Sort the digits by when they are read rightly for good."""
        right = film()["shares"].argmax(dim=2) == torch.tensor(self.labels)
        last_wrong = [
            max([-1, *(~right[:, i]).nonzero().flatten().tolist()])
            for i in range(DIGITS)
        ]
        return sorted(range(DIGITS), key=lambda i: (last_wrong[i], i))

    def still(self) -> tuple[Figure, str]:
        """Draw the curves, the digits, one of them, and the filters."""
        truth = self.labels[self.digit]
        share, answer = self.probabilities[self.digit].max(dim=0)
        accuracy = self.accuracies[0][self.moment]
        alt = (
            "A run of twelve epochs: the loss falls from 2.3 to "
            f"{self.losses[-1]:.2f}, the share of validation digits read "
            f"rightly rises to {self.accuracies[0][-1]:.1%}. Marked is "
            f"epoch {self.moment}, with {accuracy:.1%}. Below, a hundred "
            f"of the digits, {len(self.wrong)} of them misread then and "
            f"marked with what they were taken for; the {truth} that is "
            f"outlined for {answer}, with {share:.0%}. Beside them how "
            "its probabilities changed, and what training had added to "
            f"the 64 filters: {self.share_added():.0%} of the length of "
            "what they began with."
        )
        return _draw(self), alt


@cache
def film() -> dict[str, Tensor]:
    """Give what the stored run kept of its 13 moments.

    `filters` (13, 64, 7, 7), `positions` (13, 17, 64), and of the first
    hundred validation digits `shares` (13, 100, 10): probabilities.
    """
    path = FOLDER / "one_minute.npz"
    with path.open("rb") as file, np.load(file) as arrays:
        return {k: torch.from_numpy(arrays[k]).float() for k in arrays}


@cache
def _likeness() -> Tensor:
    """Cosines of the places' positions at each moment, (13, 16, 16)."""
    positions = film()["positions"][:, None, 1:]
    return torch.stack([position_similarity(one) for one in positions])


@cache
def _packed() -> dict:
    """Give all that is shown as lists and bytes.

    `pixels` are two to a byte, in sixteen greys; `start` and `added`,
    what training adds to it, count in 127ths of the `tops`.
    """
    runs = stored("one_minute")["runs"]
    images, labels = digits("validation")
    zeros = (labels == 0).float().mean().item()  # the untrained answer
    grey = (images[:DIGITS] * 15).round().byte().flatten()
    filters = film()["filters"]
    parts = {"start": filters[0], "added": filters[1:] - filters[0]}
    tops = {name: part.abs().max() for name, part in parts.items()}
    lower = torch.tril_indices(GRID**2, GRID**2).unbind()
    cosines = _likeness()[:, *lower]
    return {
        "losses": [math.log(10), *runs[0]["loss_every_25_steps"]],
        "accuracies": [[zeros, *r["accuracy_by_epoch"]] for r in runs],
        "labels": labels[:DIGITS].tolist(),
        "tops": [top.item() for top in tops.values()],
        "pixels": (grey[::2] * 16 + grey[1::2]).numpy().tobytes(),
        "shares": _as_int16(film()["shares"]),
        "cosines": _as_int16(cosines),
    } | {
        name: (127 * part / tops[name])
        .round()
        .to(torch.int8)
        .numpy()
        .tobytes()
        for name, part in parts.items()
    }


def _as_int16(numbers: Tensor) -> bytes:
    return (numbers * FINE).round().numpy().astype("<i2").tobytes()


def _draw(replay: TrainingReplay) -> Figure:
    width, height = 700, 590
    figure = canvas(width, height)

    def axes(left: float, top: float, wide: float, high: float) -> Axes:
        bottom = 1 - (top + high) / height
        return figure.add_axes(
            (left / width, bottom, wide / width, high / height)
        )

    with style():
        _losses(axes(28, 26, 300, 100), replay)
        _accuracies(axes(392, 26, 300, 100), replay)
        _wall(axes(0, 206, 370, 370), replay)
        _history(axes(430, 206, 226, 150), replay)
        added = bare(
            axes(430, 398, 178, 178), "what training has added to filters"
        )
        _sheet(added, replay.filters - film()["filters"][0])
    return figure


def _losses(ax: Axes, replay: TrainingReplay) -> None:
    now = replay.moment * (len(replay.losses) - 1) // EPOCHS
    ax.plot(replay.losses, color=STREAM)
    ax.plot(replay.losses[: now + 1], color=WEIGHT)
    ax.plot(now, replay.losses[now], "o", color=WEIGHT)
    each = (len(replay.losses) - 1) // EPOCHS
    ax.set_xticks([each * e for e in (0, 4, 8, 12)], ["0", "4", "8", "12"])
    ax.set(ylim=(0.4, 2.45), yticks=(0.5, 1, 2), xlabel="epoch")
    ax.set_title(f"loss {replay.losses[now]:.2f}")


def _accuracies(ax: Axes, replay: TrainingReplay) -> None:
    table = 100 * np.array(replay.accuracies)
    epochs, now = np.arange(EPOCHS + 1), replay.moment
    wrong = 100 - table
    ax.fill_between(epochs, wrong.min(0), wrong.max(0), color=LINE, lw=0)
    ax.plot(wrong[0], color=STREAM)
    ax.plot(wrong[0][: now + 1], color=WEIGHT)
    ax.plot(now, wrong[0][now], "o", color=WEIGHT)
    ax.set(yscale="log", ylim=(100, 2), xlabel="epoch")
    ax.set_yticks((100, 50, 20, 10, 5, 2), (0, 50, 80, 90, 95, 98))
    ax.minorticks_off()
    ax.set_xticks((0, 4, 8, 12))
    ax.set_title(f"validation right {table[0][now]:.1f} %")


def _wall(ax: Axes, replay: TrainingReplay) -> None:
    """Draw the digits in order; those that are misread keep their ink."""
    order, wrong = replay.order(), set(replay.wrong)
    images = digits("validation")[0][order, 0]
    strength = [1 if i in wrong else FAINT for i in order]
    shaded = images * torch.tensor(strength)[:, None, None]
    apart = torch.nn.functional.pad(shaded, (1, 1, 1, 1))
    sheet = rearrange(apart, "(r c) y x -> (r y) (c x)", r=10)
    ax.imshow(sheet.numpy(), cmap="gray_r", vmin=0, vmax=1)
    bare(ax, f"100 digits, {len(wrong)} misread")
    for place, i in enumerate(order):
        row, col = divmod(place, 10)
        left, top = 30 * col, 30 * row
        if i in wrong:
            look = {"color": WEIGHT, "weight": "bold", "size": 10}
            at = left + 29, top + 1
            text = f"{replay.answers[i]}"
            ax.text(*at, text, ha="right", va="top", **look)
        if i == replay.digit:
            look = {"fc": "none", "ec": INK, "lw": 1.6, "clip_on": False}
            ax.add_patch(Rectangle((left, top), 29, 29, **look))


def _history(ax: Axes, replay: TrainingReplay) -> None:
    """Draw the probabilities of the chosen digit, a moment a column."""
    of_digit = film()["shares"][:, replay.digit].T
    ax.imshow(
        of_digit.numpy(), cmap=WEIGHTS, vmin=0, vmax=1, aspect="auto"
    )
    truth = replay.labels[replay.digit]
    bare(ax, f"this {truth}: its probabilities by epoch")
    ax.set_yticks(range(10), range(10))
    ax.tick_params(axis="y", length=0, labelsize=10)
    ax.get_yticklabels()[truth].set(color=INK, weight="bold")
    look = {"fc": "none", "ec": INK, "lw": 1.2, "clip_on": False}
    ax.add_patch(Rectangle((replay.moment - 0.5, -0.5), 1, 10, **look))
    now = replay.probabilities[replay.digit]
    for row, share in enumerate(now.tolist()):
        look = {"size": 10, "color": GREY, "va": "center"}
        ax.text(EPOCHS + 0.8, row, f"{100 * share:.0f} %", **look)


def _sheet(ax: Axes, added: Tensor) -> None:
    apart = torch.nn.functional.pad(added, (0, 1, 0, 1), value=torch.nan)
    whole = rearrange(apart, "(r c) y x -> (r y) (c x)", c=8)[:-1, :-1]
    top = (film()["filters"] - film()["filters"][0]).abs().max().item()
    ax.imshow(whole.numpy(), cmap=SIGNED, vmin=-top, vmax=top)
    ax.patch.set_facecolor(LINE)
