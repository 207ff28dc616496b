"""The logit lens on the reader's drawing: what each token would say."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from torch import Tensor
from traitlets import Int, validate

from vitlib._checks import check_index
from vitlib.inside import logit_lens
from vitlib.teach.alive.drawn import DrawnFigure
from vitlib.teach.data.reader import SETTINGS, digit_reader
from vitlib.teach.draw.canvas import OTHERS, WEIGHTS, canvas, style
from vitlib.teach.draw.palette import (
    CLS,
    GREY,
    INK,
    LINE,
    ON_PICTURE,
    ON_TILE,
)

SIDE = SETTINGS["image_size"] // SETTINGS["patch_size"]
STEPS = 1 + SETTINGS["depth"]
WIDTH, HEIGHT, CELL, TOP = 680, 214, 26, 66
DARK = 0.79  # from this share on, white is easier to read on violet


class LensExplorer(DrawnFigure):
    """Let the head read every token after every layer.

    `step` counts as `logit_lens` does: 0 is the embedded image, 1 what
    comes out of layer 0. `token` 0 is the class token.
    """

    _reader = True

    step = Int(2).tag(sync=True)
    token = Int(0).tag(sync=True)

    @validate("step")
    def _check_step(self, proposal: dict) -> int:
        check_index("step", proposal["value"], STEPS)
        return proposal["value"]

    @validate("token")
    def _check_token(self, proposal: dict) -> int:
        check_index("token", proposal["value"], 1 + SIDE**2)
        return proposal["value"]

    @property
    def scores(self) -> Tensor:
        """The scores of the drawing, as `logit_lens` gives them."""
        return logit_lens(digit_reader(), self.image)

    def still(self) -> tuple[Figure, str]:
        """Draw the digit, and the answer of every token at every step."""
        sure, answers = self.scores[:, 0].softmax(dim=-1).max(dim=-1)
        final = int(answers[-1, 0])
        figure = canvas(WIDTH, HEIGHT)
        with style():
            axes = figure.add_axes((0, 0, 1, 1))
            axes.set_axis_off()
            axes.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
            _digit(axes, self.image)
            for step in range(STEPS):
                _map(axes, step, answers[step], sure[step], final)
            axes.text(
                2,
                HEIGHT - 8,
                f"violet: {final}, as the model answers; grey: another "
                "digit; the darker, the surer",
                size=11,
                color=GREY,
            )
        said = ", ".join(map(str, answers[:, 0].tolist()))
        agree = (answers[:, 1:] == final).sum(dim=1).tolist()
        alt = (
            f"A handwritten digit, and {STEPS} times its {SIDE} by {SIDE} "
            "squares with the digit that each would answer: embedded, and "
            f"after each layer. The class token says in turn: {said}. "
            f"Squares that say {final}: {', '.join(map(str, agree))} of "
            f"{SIDE**2}."
        )
        return figure, alt


def _left(column: int) -> float:
    return 2 + column * (WIDTH - 2) / (1 + STEPS)


def _digit(axes: Axes, image: Tensor) -> None:
    size = SIDE * CELL
    left = _left(0)
    axes.text(left, 20, "drawing")
    axes.imshow(
        image[0, 0].numpy(),
        cmap="gray_r",
        vmin=0,
        vmax=1,
        extent=(left, left + size, TOP + size, TOP),
        aspect="auto",
    )
    frame = Rectangle((left, TOP), size, size, fc="none", ec=LINE)
    axes.add_patch(frame)


def _map(
    axes: Axes, step: int, answers: Tensor, sure: Tensor, final: int
) -> None:
    """Draw the class token of one step, and below it the patches."""
    left = _left(1 + step)
    axes.text(left, 20, f"layer {step - 1}" if step else "embedded")
    for token, (answer, share) in enumerate(
        zip(answers.tolist(), sure.tolist(), strict=True)
    ):
        row, col = divmod(token - 1, SIDE)
        x, y = left + col * CELL, TOP + row * CELL
        if token == 0:
            x, y = left, TOP - CELL - 8
        colours = WEIGHTS if answer == final else OTHERS
        side = CELL - 3
        tile = FancyBboxPatch(
            (x, y), side, side, boxstyle="round,pad=0,rounding_size=4"
        )
        tile.set(fc=colours(share), ec=LINE, lw=0.8)
        if token == 0:
            tile.set(ec=CLS, lw=2)
        axes.add_patch(tile)
        dark = answer == final and share > DARK
        axes.text(
            x + side / 2,
            y + side / 2 + 4,
            f"{answer}",
            ha="center",
            color=ON_PICTURE if dark else ON_TILE,
        )
    agree = int((answers[1:] == final).sum())
    axes.text(
        left,
        TOP + SIDE * CELL + 16,
        f"{agree} of {SIDE**2}",
        size=11,
        color=INK,
    )
