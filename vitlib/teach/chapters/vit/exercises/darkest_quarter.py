"""Check your `darkest_quarter(model)`, which changes a model."""

from itertools import permutations

import torch
from torch import Tensor, nn

from vitlib.teach.chapters.vit.by_hand import vit_by_hand
from vitlib.teach.checking.answer import Finding, Runner
from vitlib.teach.checking.change import ChangePiece, as_module
from vitlib.teach.checking.compare import as_tensor
from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.piece import Case
from vitlib.teach.checking.words import count_of, shape_of

SIZE = 8  # pixels along the side of a picture
NAMES = ["left above", "right above", "left below", "right below"]
SURE = 0.1  # what the winner's score must be ahead of the next


def find_darkest(model: nn.Module) -> nn.Module:
    """Turn the query; make the class token too bright to be chosen."""
    with torch.no_grad():
        model.blocks[0].attn.qkv.bias[0] *= -1
        model.cls_token[0, 0, 0] = 1
    return model


SHADES = [  # a usual picture, a dark one, and one in full light
    (0.2, 0.4, 0.6, 0.8),
    (0.0, 0.1, 0.2, 0.3),
    (0.6, 0.7, 0.8, 0.9),
]


def pictures() -> Tensor:
    """Paint all orders of the shades, with some noise."""
    orders = [order for four in SHADES for order in permutations(four)]
    shades = torch.tensor(orders)
    half = SIZE // 2
    blocks = shades.reshape(-1, 1, 2, 2).double()
    blocks = blocks.repeat_interleave(half, 2).repeat_interleave(half, 3)
    return blocks + 0.1 * (Draw(71).uniform(*blocks.shape) - 0.5)


class DarkestPiece(ChangePiece):
    """The changed model must name the darkest quarter, and be sure.

    It is asked in float32, as models are: what is too small for that is
    0 for the reader, too.
    """

    def read(self, output: object, case: Case) -> Tensor:
        """Let the changed model answer."""
        model = as_module(output)
        return Runner(model).run(self.answers, model, case)

    def answers(self, model: nn.Module, case: Case) -> Tensor:
        """Give the quarters that it names, unless some are wrong."""
        asked = case.tells["pictures"].float()
        model = model.float().train(False)
        with torch.no_grad():
            scores = as_tensor(model(asked))
        if scores.shape != (len(asked), 4):
            raise Finding(
                f"Your model gives the shape {shape_of(scores)}. Wanted "
                f"is a score for each quarter, ({len(asked)}, 4).",
                "other_shape",
            )
        quarters = nn.functional.avg_pool2d(asked, SIZE // 2).flatten(1)
        found, right = scores.argmax(dim=1), quarters.argmin(dim=1)
        check_silence(scores, quarters)
        check_answers(found, quarters)
        best, second = scores.topk(2, dim=1).values.T
        least = (best - second).min().item()
        if least < SURE:
            raise Finding(
                f"All {count_of(len(found), 'answer')} are right. But the "
                "model is hardly sure of anything: its best score is only "
                f"{least:.0e} ahead of the next, and a little noise would "
                f"turn it round. {who_listens(model)}",
                "hardly_sure",
            )
        check_weights(model, asked, right)
        return right.to(torch.float64)


def shades_of(quarters: Tensor) -> str:
    """Write how bright the four quarters are."""
    return ", ".join(f"{shade:.1f}" for shade in quarters)


def who_listens(model: nn.Module) -> str:
    """Ask where the attention goes: to the class token, or to all."""
    own = getattr(model, "cls_token", None)
    if own is not None and not own[0, 0, 0]:
        return (
            "Where does the class token spend its attention now? It has a "
            "brightness of its own, 0."
        )
    return (
        "The quarters share the attention: how sharply is the question "
        "asked, and by which number?"
    )


def check_silence(scores: Tensor, quarters: Tensor) -> None:
    """Say of which picture the model says nothing at all."""
    silent = (scores == 0).all(dim=1)
    if not silent.any() or silent.all():
        return
    first = int(silent.nonzero()[0])
    raise Finding(
        f"Of {count_of(len(scores), 'picture')} {int(silent.sum())} get "
        "four scores of exactly 0. One has quarters of the brightness "
        f"{shades_of(quarters[first])}. The score of a quarter is made of "
        "what the class token takes from it, and that is less than "
        "float32 can hold. Where does the class token spend its attention "
        "now? It has a brightness of its own, 0.",
        "silent",
    )


def check_weights(model: nn.Module, asked: Tensor, right: Tensor) -> None:
    """Put the weights into a fresh model: it must answer as well."""
    fresh = vit_by_hand(image_size=SIZE, sharpness=200).float()
    weights = {
        name: weight
        for name, weight in model.state_dict().items()
        if name in fresh.state_dict()
    }
    try:
        fresh.load_state_dict(weights)
        with torch.no_grad():
            found = fresh.eval()(asked).argmax(dim=1)
    except RuntimeError:
        found = None
    if found is None or not torch.equal(found, right):
        raise Finding(
            "The answers are right, but they do not come from the "
            "weights: put into the model of this chapter, yours do not "
            "find the darkest quarter. Only numbers in its weights are to "
            "be changed, not what is done with a picture before or after. "
            "Which number asks for brightness?",
            "not_by_its_weights",
        )


def check_answers(found: Tensor, quarters: Tensor) -> None:
    """Say which quarters are named where it is not the darkest."""
    right, bright = quarters.argmin(dim=1), quarters.argmax(dim=1)
    if torch.equal(found, right):
        return
    good = int((found == right).sum())
    if torch.equal(found, bright):
        raise Finding(
            "Your model still names the brightest quarter, as before. "
            "Which number decides what a large score means: one of the "
            "query's, the key's or the value's?",
            "brightest_quarter",
        )
    if torch.equal(found, 3 - bright):
        raise Finding(
            "Your model names the quarter opposite to the brightest: it "
            "finds the brightest, and then hands over the wrong place. "
            "It should find another one. Who asks for brightness?",
            "opposite_quarter",
        )
    if len(found.unique()) == 1:
        raise Finding(
            f"Your model names the quarter {NAMES[int(found[0])]}, "
            "whatever it sees. What does the class token gather now, and "
            "from whom?",
            "always_the_same_quarter",
        )
    first = int((found != right).nonzero()[0])
    raise Finding(
        f"{good} of {len(found)} answers are right. Of quarters with the "
        f"brightness {shades_of(quarters[first])}, row by row, your model "
        "names the one "
        f"{NAMES[int(found[first])]}.",
        "other_quarter",
    )


def cases() -> list[Case]:
    """Make the hand-made model, and pictures for it."""
    model = vit_by_hand(image_size=SIZE, sharpness=200)
    return [
        Case(
            "the model of this chapter",
            {"model": model},
            tells={"pictures": pictures()},
        )
    ]


PIECE = DarkestPiece(
    module=__name__,
    number=4,
    reference=find_darkest,
    cases=cases,
    differentiable=False,
    shown="In 72 pictures, dark, middling and in full light, the model "
    "names the darkest quarter, and is sure of it.",
    next="You have trained a model by hand. Chapter 8 lets the gradient "
    "find such numbers.",
    mistakes=(),
)
