"""Plan a training run: hours, memory, cost; published runs check it."""

from matplotlib.figure import Figure
from traitlets import Bool, Float, Int, List, Unicode, validate

from vitlib._checks import check_choice
from vitlib.teach.alive.figure import LiveFigure
from vitlib.teach.chapters.scaling import plan
from vitlib.teach.draw.canvas import canvas, style
from vitlib.teach.draw.palette import GREY, INK, LINE, WEIGHT

DEVICES = (*plan.DEVICES, "other")
TICKS = (1, 10, 100, 1000, 10_000, 100_000)
X, Y = (1, 2e4), (1, 1e5)  # exaFLOPs, counted and paid for


class RunPlanner(LiveFigure):
    """Choose a model, pictures and devices; see hours, memory, cost.

    `utilisation` is in per cent of the peak, `price` what an hour of one
    device costs, in whatever money; `peak` is the TFLOP/s of a device of
    another kind. `batch` counts the pictures on one device.
    """

    model = Unicode("B/16").tag(sync=True)
    image_size = Int(224, min=16, max=4096).tag(sync=True)
    images = Int(1_281_167, min=1, max=10**11).tag(sync=True)
    epochs = Int(300, min=1, max=100_000).tag(sync=True)
    device = Unicode("A100").tag(sync=True)
    devices = Int(8, min=1, max=100_000).tag(sync=True)
    peak = Float(100.0, min=0.01, max=1e6).tag(sync=True)
    batch = Int(128, min=1, max=100_000).tag(sync=True)
    bf16 = Bool(True).tag(sync=True)
    checkpoints = Bool(False).tag(sync=True)
    sharded = Bool(False).tag(sync=True)
    utilisation = Int(35, min=1, max=100).tag(sync=True)
    price = Float(0.0, min=0.0, max=1e6).tag(sync=True)
    runs = List().tag(sync=True)

    def __init__(self, **traits) -> None:
        super().__init__(runs=[_told(r) for r in plan.planned()], **traits)

    @validate("model", "device")
    def _check_name(self, proposal: dict) -> str:
        name, value = proposal["trait"].name, proposal["value"]
        known = DEVICES if name == "device" else plan.MODELS
        check_choice(name, value, known)
        return value

    @property
    def teraflops(self) -> float:
        """The peak of one device in the precision that is chosen."""
        if self.device == "other":
            return self.peak
        known = plan.DEVICES[self.device]
        return known.narrow if self.bf16 else known.wide

    def counts(self) -> dict[str, float]:
        """Give operations, hours, bytes on a device, and the cost."""
        flops = plan.work(
            self.model, self.image_size, self.images, self.epochs
        )
        hours = plan.device_hours(
            flops,
            self.teraflops,
            self.utilisation / 100,
            self.checkpoints,
        )
        held = plan.memory(
            self.model,
            self.image_size,
            self.batch,
            self.devices,
            bf16=self.bf16,
            checkpoints=self.checkpoints,
            sharded=self.sharded,
        )
        return {
            "flops": flops,
            "device_hours": hours,
            "hours": hours / self.devices,
            "cost": hours * self.price,
            **held,
        }

    def still(self) -> tuple[Figure, str]:
        """Draw what was paid for against what is counted."""
        figure = canvas(680, 330)
        counts, share = self.counts(), self.utilisation / 100
        exaflops = counts["flops"] / plan.EXA
        paid = counts["device_hours"] * plan.HOUR * self.teraflops / 1e6
        told = []
        with style():
            axes = figure.add_axes((0.1, 0.15, 0.86, 0.75))
            axes.set(xscale="log", yscale="log", xlim=X, ylim=Y)
            axes.plot(X, [x / share for x in X], color=GREY, lw=1)
            for run in plan.planned():
                x, y = run.flops / plan.EXA, run.flops / plan.EXA
                y /= run.utilisation
                axes.plot(x, y, "o", color=WEIGHT, ms=7)
                _name(axes, x, y, f"{run.name}: {run.utilisation:.0%}")
                told.append(f"{run.name} {run.utilisation:.0%}")
            axes.plot(exaflops, paid, "o", color=INK, ms=11)
            axes.grid(color=LINE, lw=0.7)
            axes.set_xticks(TICKS[:-1], [f"{t:,}" for t in TICKS[:-1]])
            axes.set_yticks(TICKS, [f"{t:,}" for t in TICKS])
            axes.minorticks_off()
            axes.text(1.2, 1.3 / share, f"{share:.0%}", color=GREY)
            axes.set_xlabel("exaFLOPs that the model needs, counted")
            axes.set_title(
                "exaFLOPs of peak that were paid for", color=GREY
            )
        alt = (
            "Points on two logarithmic axes, the work that is counted to "
            "the right and the peak work that was paid for upwards, for "
            "published runs, with the share that was used: "
            f"{'; '.join(told)}. A line marks {share:.0%}. On it lies one "
            f"more point, the run that is planned: ViT-{self.model}, "
            f"{exaflops:,.1f} exaFLOPs counted, {paid:,.1f} paid for."
        )
        return figure, alt


def _name(axes, x: float, y: float, words: str) -> None:
    axes.annotate(
        words,
        (x, y),
        xytext=(-10, 4),
        textcoords="offset points",
        ha="right",
        size=11,
    )


def _told(run: plan.Run) -> dict:
    """Put a published run into words and numbers for the page."""
    return {
        "name": run.name,
        "settings": {
            "model": run.planned_as,
            "image_size": run.pixels,
            "images": run.pictures,
            "epochs": run.epochs,
        },
        "bound": run.bound,
        "hours": run.hours,
        "device": run.device,
        "peak": run.peak,
        "how": run.how,
        "source": run.source,
        "url": run.url,
    }
