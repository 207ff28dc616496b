"""A training run with sliders, for those who have a kernel."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import ipywidgets as widgets
import torch
from matplotlib.figure import Figure

from vitlib._checks import is_number
from vitlib.teach.alive.watch import smooth
from vitlib.teach.data.checked import FOLDER
from vitlib.teach.data.digits import digits
from vitlib.teach.data.reader import SETTINGS
from vitlib.teach.draw.canvas import bundle, canvas, style
from vitlib.teach.draw.narrow import NARROW
from vitlib.teach.draw.palette import GREY, INK, STREAM, WEIGHT
from vitlib.training import fit
from vitlib.vit import ViT

EPOCHS = 2
WIDGET = "application/vnd.jupyter.widget-view+json"
LIMIT = 25  # seconds that a run may take
PAUSE = 0.3  # seconds between two pictures
RANGES = {
    "learning_rate": (1e-4, 1e-1),
    "warmup": (0.0, 0.5),
    "weight_decay": (0.0, 1.0),
    "seed": (0, 9999),
}
BATCHES = (32, 64, 128, 256)
RECIPE = {
    "learning_rate": 2e-3,
    "warmup": 0.1,
    "weight_decay": 0.05,
    "batch_size": 64,
    "seed": 0,
}
WIDTH, HEIGHT, LEFT, RIGHT = 640, 180, 32, 610
LOW, HIGH = 0.4, 2.4  # of the losses that are drawn
COLUMNS = (
    "learning rate",
    "warm-up",
    "decay",
    "batch",
    "seed",
    "loss",
    "right",
)


@dataclass
class Run:
    """One run: its settings, the loss of each step, what came of it."""

    settings: dict[str, float]
    steps: int = 0
    losses: list[float] = field(default_factory=list)
    accuracy: float | None = None  # of validation, at the end alone
    seconds: float = 0.0

    @property
    def is_whole(self) -> bool:
        """Whether it took all its steps."""
        return self.accuracy is not None

    def row(self) -> tuple[str, ...]:
        """Its line of the table."""
        chosen = (f"{value:.2g}" for value in self.settings.values())
        loss = f"{smooth(self.losses)[-1]:.2f}" if self.losses else ""
        right = f"{self.accuracy:.1%}" if self.is_whole else ""
        return *chosen, loss, right


def steps_of(settings: dict[str, float]) -> Iterator[Run]:
    """Train the digit model for two epochs; give the run after each step.

    Nothing that is random elsewhere is touched.
    """
    run, start = Run(settings), time.monotonic()
    with torch.random.fork_rng([]):
        torch.manual_seed(settings["seed"])
        model = ViT(**SETTINGS)
    for progress in fit(
        model,
        *digits("train"),
        validation=digits("validation"),
        epochs=EPOCHS,
        **settings,
    ):
        run.steps = progress.steps
        run.losses.append(progress.loss)
        run.seconds = time.monotonic() - start
        if progress.step == progress.steps:
            run.accuracy = progress.accuracy
        yield run


@cache
def stored_runs() -> list[Run]:
    """Give the runs that experiments/three_rates.py made."""
    path = FOLDER / "three_rates.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    return [Run(**run) for run in record["runs"]]


class TrainingLab(widgets.VBox):
    """Choose the settings of a short run, train, compare with others.

    `runs` are the runs of this lab, `settings` what is chosen; both can
    be used from Python. A run stops after `seconds`.

    >>> TrainingLab(learning_rate=0.01).settings["learning_rate"]
    0.01
    """

    _ipython_display_ = None  # ipywidgets 7 would show no still picture

    def __init__(self, seconds: float = LIMIT, **settings: float) -> None:
        _check_settings(settings)
        self.runs: list[Run] = []
        self._seconds = seconds
        self._task: asyncio.Task | None = None
        self._stopped = False
        self._controls = _controls(RECIPE | settings)
        self.run_button = widgets.Button(
            description="Train", button_style="primary"
        )
        self.stop_button = widgets.Button(
            description="Stop", disabled=True
        )
        self.run_button.on_click(self._start)
        self.stop_button.on_click(self._stop)
        self.picture = widgets.HTML()
        self.status = widgets.HTML()
        self._show()
        self._say(
            f"Two epochs, about ten seconds, at most {seconds:g}. The "
            "runs in grey are stored; yours will be violet."
        )
        super().__init__(
            [
                widgets.VBox([*self._controls.values()]),
                widgets.HBox([self.run_button, self.stop_button]),
                self.status,
                self.picture,
            ]
        )

    @property
    def settings(self) -> dict[str, float]:
        """What is chosen, as `fit` takes it."""
        return {name: c.value for name, c in self._controls.items()}

    def still(self) -> tuple[Figure, str]:
        """Draw the stored runs, and say what came of them."""
        runs = stored_runs()
        told = "; ".join(
            f"{run.settings['learning_rate']:g}: loss "
            f"{smooth(run.losses)[-1]:.2f}, {run.accuracy:.1%} right"
            for run in runs
        )
        alt = (
            "Three runs of two epochs that differ in the learning rate: "
            f"the loss of each from step to step, and a table. {told}."
        )
        return _draw(runs), alt

    def narrow(self) -> Figure:
        """Draw the same for a narrow window."""
        return _draw(stored_runs(), NARROW)

    def _start(self, _: widgets.Button) -> None:
        """Train: step by step in a notebook, at once where no loop is."""
        self._stopped = False
        steps = self._steps()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            for _ in steps:
                pass
            return
        self._task = loop.create_task(_between_messages(steps))

    def _stop(self, _: widgets.Button) -> None:
        self._stopped = True

    def _steps(self) -> Iterator[None]:
        """Train, show and explain; whatever happens, be ready again."""
        self._set_running(True)
        self._say("Training begins.")
        try:
            yield from self._train()
        except FloatingPointError as error:
            self._say(f"Stopped at {error}.")
        finally:
            self._set_running(False)
            self._show()

    def _train(self) -> Iterator[None]:
        seen = -PAUSE
        run = None
        for run in steps_of(self.settings):
            if len(run.losses) == 1:
                self.runs.append(run)
            if self._stopped or run.seconds > self._seconds:
                break
            if time.monotonic() - seen > PAUSE:
                self._show()
                self._say(_where(run))
                seen = time.monotonic()
            yield
        why = f"{self._seconds:g} seconds are over"
        self._say(_verdict(run, "as you asked" if self._stopped else why))

    def _set_running(self, running: bool) -> None:
        self.run_button.disabled = running
        self.stop_button.disabled = not running
        for control in self._controls.values():
            control.disabled = running

    def _say(self, text: str) -> None:
        self.status.value = f'<div role="status">{text}</div>'

    def _show(self) -> None:
        self.picture.value = _picture(stored_runs(), self.runs)

    def __repr__(self) -> str:
        """Say the same in every notebook."""
        return "TrainingLab()"

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        """Give the widget, and for pages without a kernel its picture."""
        view = {
            "version_major": 2,
            "version_minor": 0,
            "model_id": self.model_id,
        }
        pictures, about = bundle(*self.still(), narrow=self.narrow())
        return {WIDGET: view, **pictures}, about


async def _between_messages(steps: Iterator[None]) -> None:
    """Take the steps, and let the kernel hear its messages in between."""
    for _ in steps:
        await asyncio.sleep(0)


def _check_settings(settings: dict[str, float]) -> None:
    for name, value in settings.items():
        if name not in RECIPE:
            known = ", ".join(RECIPE)
            raise ValueError(f"{name!r} is no setting; there are {known}")
        if name == "batch_size":
            if value not in BATCHES:
                known = ", ".join(map(str, BATCHES))
                raise ValueError(
                    f"batch_size is {value!r}; choose from {known}"
                )
            continue
        low, high = RANGES[name]
        if not is_number(value) or not low <= value <= high:
            raise ValueError(
                f"{name} is {value!r}; it must be a number from {low:g} "
                f"to {high:g}"
            )


def _controls(chosen: dict[str, float]) -> dict[str, widgets.Widget]:
    """Make a labelled control for each setting, in the order of RECIPE."""
    wide = {
        "style": {"description_width": "110px"},
        "layout": widgets.Layout(width="420px"),
        "continuous_update": False,
    }
    low, high = RANGES["warmup"]
    least, most = RANGES["weight_decay"]
    return {
        "learning_rate": widgets.FloatLogSlider(
            chosen["learning_rate"],
            min=-4,
            max=-1,
            step=0.1,
            readout_format=".2g",
            description="learning rate",
            **wide,
        ),
        "warmup": widgets.FloatSlider(
            chosen["warmup"],
            min=low,
            max=high,
            step=0.05,
            description="warm-up",
            **wide,
        ),
        "weight_decay": widgets.FloatSlider(
            chosen["weight_decay"],
            min=least,
            max=most,
            step=0.05,
            description="weight decay",
            **wide,
        ),
        "batch_size": widgets.SelectionSlider(
            value=chosen["batch_size"],
            options=BATCHES,
            description="batch size",
            **wide,
        ),
        "seed": widgets.BoundedIntText(
            chosen["seed"],
            min=RANGES["seed"][0],
            max=RANGES["seed"][1],
            description="seed",
            style=wide["style"],
            layout=widgets.Layout(width="200px"),
        ),
    }


def _where(run: Run) -> str:
    step = len(run.losses)
    loss = smooth(run.losses)[-1]
    return f"Step {step:,} of {run.steps:,}: loss {loss:.2f}."


def _verdict(run: Run, why: str) -> str:
    if not run.is_whole:
        return (
            f"{_where(run)} Stopped, {why}. The curve stays; an accuracy "
            "would not be one to compare with."
        )
    return (
        f"{run.accuracy:.1%} of validation digits right after "
        f"{run.steps:,} steps in {run.seconds:.0f} seconds. Change one "
        "thing and train again; another seed shows what is luck."
    )


# --- Pictures: in the notebook, and in its place without a kernel


def _points(run: Run) -> list[tuple[float, float]]:
    """Give the smoothed losses at their shares of the run."""
    steps = run.steps or 1
    smoothed = smooth(run.losses)
    return [((i + 1) / steps, loss) for i, loss in enumerate(smoothed)]


def _line(run: Run, look: str) -> str:
    points = " ".join(
        f"{LEFT + (RIGHT - LEFT) * share:.1f},{_height(loss):.1f}"
        for share, loss in _points(run)
    )
    return f'<polyline points="{points}" {look}/>'


def _height(loss: float) -> float:
    share = (min(HIGH, max(LOW, loss)) - LOW) / (HIGH - LOW)
    return 10 + (HEIGHT - 20) * (1 - share)


def _numbers(runs: list[Run]) -> str:
    """Write its number where each curve ends, one below the other."""
    ends = [(*_points(run)[-1], i + 1) for i, run in enumerate(runs)]
    texts, least = [], 0.0
    for share, loss, number in sorted(ends, key=lambda end: -end[1]):
        least = max(least + 12, _height(loss) + 4)
        x = LEFT + (RIGHT - LEFT) * share + 6
        texts.append(f'<text x="{x:.1f}" y="{least:.1f}">{number}</text>')
    return "".join(texts)


def _picture(stored: list[Run], own: list[Run]) -> str:
    """Draw all curves, the last own one in violet, above a table."""
    grey = f'stroke="{GREY}" stroke-width="1.2" opacity="0.6"'
    violet = f'stroke="{WEIGHT}" stroke-width="2.2"'
    faint = f'stroke="{WEIGHT}" stroke-width="1.2" opacity="0.6"'
    looks = [grey] * len(stored) + [faint] * (len(own) - 1) + [violet]
    runs = [*stored, *own]
    lines = "".join(map(_line, runs, looks))
    ticks = "".join(
        f'<path d="M{LEFT} {_height(loss):.1f}H{RIGHT}" stroke="{GREY}"'
        f' opacity="0.3"/><text x="{LEFT - 8}" text-anchor="end"'
        ' fill="currentColor"'
        f' y="{_height(loss) + 4:.1f}">{loss:g}</text>'
        for loss in (0.5, 1, 1.5, 2)
    )
    names = "".join(f"<th>{name}</th>" for name in ("run", *COLUMNS))
    rows = "".join(
        f"<tr><td>{number}{', stored' * (number <= len(stored))}</td>"
        + "".join(f"<td>{text}</td>" for text in run.row())
        + "</tr>"
        for number, run in enumerate(runs, start=1)
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" fill="none"'
        ' style="width: 100%; max-width: 640px; font: 12px sans-serif"'
        f' aria-label="The loss of {len(runs)} runs over two epochs">'
        f"{ticks}{lines}"
        f'<g fill="currentColor">{_numbers(runs)}</g></svg>'
        '<table style="border-spacing: 14px 2px; font-size: 13px;'
        ' line-height: 1.4; text-align: right; white-space: nowrap">'
        f"<tr>{names}</tr>{rows}</table>"
    )


def _draw(runs: list[Run], width: float = 680) -> Figure:
    """Draw curves and a table; a narrow one has only what differs."""
    figure = canvas(width, 330)
    rows = [COLUMNS, *(run.row() for run in runs)]
    columns = [
        column
        for column in zip(*rows, strict=True)
        if width == 680 or len({*column[1:]}) > 1
    ]
    step = 0.126 * 680 / width
    tops = [run.settings["learning_rate"] for run in runs]
    looks = [GREY, WEIGHT, STREAM]
    with style():
        left = 0.06 * 680 / width
        axes = figure.add_axes((left, 0.43, 0.86 - left, 0.49))
        for run, rate, colour in zip(runs, tops, looks, strict=True):
            x, y = zip(*_points(run), strict=True)
            axes.plot([EPOCHS * share for share in x], y, color=colour)
            axes.text(2.03, y[-1], f"{rate:g}", color=INK, va="center")
        axes.set(ylim=(LOW, HIGH), yticks=(0.5, 1, 1.5, 2), xlim=(0, 2))
        axes.set(xticks=(0, 1, 2), xlabel="epoch")
        axes.set_title("loss, at three learning rates", color=GREY)
        for row, texts in enumerate(zip(*columns, strict=True)):
            for col, text in enumerate(texts):
                figure.text(
                    0.16 * 680 / width + step * col,
                    0.26 - 0.075 * row,
                    text,
                    ha="right",
                    size=11,
                    color=INK if row else GREY,
                )
    return figure
