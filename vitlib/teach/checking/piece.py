"""How a piece is checked: cases, mistakes, and what is said of them.

A piece has a reference (vitlib's own), a list of cases to ask it, and a
table of mistakes. An answer is asked every case and compared with the
reference. Where it differs, it is compared with each mistake, which is
nothing but a wrong reference: the first that computes what the answer
computed gives the hint.
"""

import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache

import torch
from torch import Tensor, nn

from vitlib.teach.chapters import Chapter, chapter_of
from vitlib.teach.checking import done
from vitlib.teach.checking.answer import (
    Caught,
    Finding,
    Runner,
    TrustedRunner,
    Unwritten,
    blanks,
    check_signature,
    is_empty,
    told,
    undisturbed,
    unwritten,
)
from vitlib.teach.checking.compare import (
    agrees,
    as_tensor,
    compared,
    first_difference,
    gradients_of,
    kind_of,
)
from vitlib.teach.checking.result import Result
from vitlib.teach.checking.words import (
    count_of,
    dtype_of,
    listed,
    pair,
    shape_of,
)

Found = Tensor | Caught | Finding  # a result, or what came instead


@dataclass(frozen=True)
class Case:
    """One question: `words` say it, `inputs` are what an answer gets.

    For a module, `settings` go to its constructor and `weights` into its
    parameters. `tells` are further words that hints may use.
    """

    words: str
    inputs: dict[str, object]
    settings: dict[str, object] = field(default_factory=dict)
    weights: dict[str, Tensor] = field(default_factory=dict)
    tells: dict[str, object] = field(default_factory=dict)

    @property
    def floats(self) -> dict[str, Tensor]:
        """Those inputs that are tensors of floats: they get gradients."""
        return {k: v for k, v in self.inputs.items() if is_float(v)}

    def copies(self) -> dict[str, object]:
        """Copy the inputs, in the same order in memory."""
        return {
            name: part.clone() if is_float(part) else deepcopy(part)
            for name, part in self.inputs.items()
        }

    def of(self, dtype: torch.dtype) -> "Case":
        """Give the same case with its floats in this dtype."""

        def cast(parts: dict) -> dict:
            return {name: in_dtype(p, dtype) for name, p in parts.items()}

        return replace(
            self, inputs=cast(self.inputs), weights=cast(self.weights)
        )


@dataclass(frozen=True)
class Mistake:
    """A wrong way to compute a piece, and what to say to who took it.

    `name` says it in a word or three, "softmax_over_queries". `hint` may
    use {yours} and {wanted}, the numbers where the two first differ,
    {where}, their index, {seen}, a sentence with all three, {shape} and
    {right}, their shapes, and what the case `tells`. `facts` makes more
    words, from the case and the answer's own result.
    """

    name: str
    compute: Callable
    hint: str
    facts: Callable[[Case, Tensor], dict[str, object]] | None = None


@dataclass(frozen=True, repr=False)
class Piece:
    """A function that a reader writes, and how it is checked.

    Call it with the function. `module` is the file of the exercise, which
    has its name and lies in the room of its chapter, where it has this
    `number`. `next` says what the piece is used for, `axes` what its axes
    mean. `draw` makes a picture of an answer that went wrong. `shown`
    says what a right answer has done, where it is not a piece of vitlib.
    """

    module: str
    number: int
    reference: Callable
    cases: Callable[[], list[Case]]
    mistakes: tuple[Mistake, ...]
    next: str
    axes: str = ""
    draw: Callable[["Piece", Runner], str] | None = None
    differentiable: bool = True
    shown: str = ""

    @property
    def name(self) -> str:
        """What the exercise is called: `check.NAME`."""
        return self.module.rpartition(".")[2]

    @property
    def chapter(self) -> Chapter:
        """The chapter in whose room the exercise lies."""
        return chapter_of(self.module)

    def __repr__(self) -> str:
        """Say what it checks, in the words of its file."""
        return f"check.{self.name}: {sys.modules[self.module].__doc__}"

    def __call__(self, answer: object) -> Result:
        """Ask the answer every case; say what is right, or what is not."""
        with undisturbed():
            return self.result(Runner(answer))

    def result(self, runner: Runner) -> Result:
        """Check, and put what was found into words and a picture."""
        try:
            self.check_kind(runner.answer)
            message = self.examine(runner)
        except Finding as finding:
            return self.wrong(runner, finding)
        except Caught as caught:
            return self.wrong(runner, Finding(caught.message, "stops"))
        except Exception as caught:  # what nobody thought of
            message = told(caught, runner.answer)
            return self.wrong(runner, Finding(message, "unreadable"))
        done.note(self.name)
        return Result("right", message)

    def wrong(self, runner: Runner, finding: Finding) -> Result:
        """Show what was found, with a picture and what was printed."""
        answer = runner.answer
        kind = self.kind_of(finding, answer)
        if kind == "unwritten":
            message = unwritten(answer, called(answer, self.name))
            return Result(kind, message)
        picture = "" if finding.final else self.picture(runner)
        printed = runner.printed or ""
        name = finding.mistake or "unknown"
        return Result(kind, finding.message, picture, printed, name)

    def kind_of(self, finding: Finding, answer: object) -> str:
        """Tell apart what is wrong and what is not finished."""
        if blanks(answer):
            return "unwritten"
        if finding.kind == "unwritten" and not is_empty(answer):
            finding.message = (
                "Your code runs to its end and gives nothing back. Is "
                "there a `return`, and does your code come to it each "
                "time?"
            )
            finding.mistake = "gives_nothing"
            return "wrong"
        return finding.kind

    def examine(self, runner: Runner) -> str:
        """Compare the answer in every way; a Finding stops it."""
        cases, wanted = questions(self)
        found = [self.outcome(runner, case) for case in cases]
        for index in range(len(cases)):
            if not agrees(found[index], wanted[index]):
                self.diagnose(runner, cases, wanted, found, index)
        for case in cases[:2]:
            self.examine_inputs(runner, case)
            self.examine_dtype(runner, case)
            self.examine_dtype(runner, case.of(torch.float32))
            if self.differentiable:
                self.examine_gradients(runner, case)
        for case in cases[:1]:
            self.examine_more(runner, case)
            self.examine_modules(runner, case)
        if runner.grad_left_off:
            raise Finding(
                "The result is right. But your code switches gradients "
                "off and never on again: whoever trains afterwards gets "
                "none. What switches them on by itself at the end of a "
                "block?",
                "gradients_left_off",
            )
        if self.shown:
            return f"Right. {self.shown}\n\n{self.next}"
        ways = "values and gradients" if self.differentiable else "results"
        whose = f"vitlib's `{self.reference.__name__}`"
        if self.reference.__module__.startswith("vitlib.teach"):
            whose = "the reference"
        return (
            f"Right. On {count_of(len(cases), 'random input')} your "
            f"{ways} are those of {whose}.\n\n{self.next}"
        )

    # What differs between functions and modules

    def check_kind(self, answer: object) -> None:
        """Refuse what cannot be called with these arguments."""
        if answer is ...:
            raise Unwritten
        given = kind_of(answer)
        if isinstance(answer, Tensor):
            given = "a tensor, the result of a call"
        if isinstance(answer, type):
            given = f"the class `{answer.__name__}`"
        if isinstance(answer, type) or not callable(answer):
            raise Finding(
                f"I was given {given}. Give me the function itself, by "
                "its name and without brackets behind it.",
                "no_function",
            )
        cases, _ = questions(self)
        check_signature(answer, list(cases[0].inputs), self.name)

    def ask(
        self,
        runner: Runner,
        case: Case,
        given: dict[str, object] | None = None,
        seed: int = 0,
    ) -> object:
        """Ask the answer, on copies of the inputs unless given some."""
        runner.seed = seed
        given = case.copies() if given is None else given
        return self.call(runner, case, given)

    def call(
        self, runner: Runner, case: Case, given: dict[str, object]
    ) -> object:
        """Run the answer once. A hook: some are run in another way."""
        return runner.run(runner.answer, *given.values())

    def with_mistake(self, mistake: Mistake) -> Callable:
        """Give an answer that makes this mistake."""
        return mistake.compute

    def read(self, output: object, case: Case) -> Tensor:
        """Take the tensor out of what the answer gave."""
        return as_tensor(output)

    def examine_more(self, runner: Runner, case: Case) -> None:
        """Look at what only some pieces have."""

    def gradients(
        self, runner: Runner, case: Case
    ) -> dict[str, Tensor | None]:
        """Give what each input gets when a mixture of outputs is asked."""
        given = case.copies()
        learned = {name: given[name] for name in case.floats}
        for part in learned.values():
            part.requires_grad_()
        output = self.ask(runner, case, given)
        output = runner.run(self.read, output, case)
        return runner.run(gradients_of, output, learned)

    # Asking

    def expect(self, case: Case) -> Tensor:
        """Ask the reference."""
        output = self.ask(TrustedRunner(self.reference), case)
        return self.read(output, case).detach()

    def outcome(self, runner: Runner, case: Case, seed: int = 0) -> Found:
        """Give the answer's result, or what came instead of one."""
        try:
            output = self.ask(runner, case, seed=seed)
            return runner.run(self.read, output, case).detach()
        except Caught as caught:
            return caught
        except Finding as finding:
            if finding.final:
                raise
            return finding

    def examine_inputs(self, runner: Runner, case: Case) -> None:
        """The inputs are afterwards what they were before."""
        given = case.copies()
        self.ask(runner, case, given)
        for name, before in case.floats.items():
            change = changed(name, before, given[name].detach())
            if not change:
                continue
            raise Finding(
                "The result is right, but your code has changed its "
                f"input: {change}. Whoever called it still needs the old "
                "numbers, and so does the gradient. Look for `+=` and for "
                "assignments to a slice. Which of them could make a new "
                "tensor?",
                "changes_its_input",
            )

    def examine_modules(self, runner: Runner, case: Case) -> None:
        """A model is afterwards what it was before."""
        given = case.copies()
        models = {
            name: part
            for name, part in given.items()
            if isinstance(part, nn.Module)
        }
        for mode in (True, False) if models else ():
            for model in models.values():
                model.train(mode)
            before = {n: deepcopy(m) for n, m in models.items()}
            self.ask(runner, case, given)
            for name, model in models.items():
                check_left_alone(name, before[name], model)

    def examine_dtype(self, runner: Runner, case: Case) -> None:
        """In float32 it works as well, and each dtype is kept."""
        output = self.outcome(runner, case)
        if not isinstance(output, Tensor):
            raise Finding(
                f"Right in float64, but not in float32. {output.message}",
                "stops_in_float32",
            )
        wanted = self.expect(case)
        if output.dtype != wanted.dtype:
            raise Finding(
                f"Right numbers. But asked in {dtype_of(wanted)}, yours "
                f"answers in {dtype_of(output)}. Where does your code "
                "choose a dtype of its own?",
                "other_dtype",
            )
        if not agrees(output, wanted):
            raise Finding(
                "Right in float64. In float32 your numbers are further "
                "from the reference than rounding explains: "
                f"{compared(output, wanted).message}",
                "coarse_in_float32",
            )

    def examine_gradients(self, runner: Runner, case: Case) -> None:
        """Every input gets the gradient that the reference gives it."""
        wanted = self.gradients(TrustedRunner(self.reference), case)
        try:
            yours = self.gradients(runner, case)
        except Caught as caught:
            raise Finding(
                "The result is right. But as soon as gradients are asked "
                f"for, something stops. {caught.message}",
                "stops_backwards",
            ) from None
        lost = [name for name in wanted if yours.get(name) is None]
        if lost:
            it = "it" if len(lost) == 1 else "they"
            raise Finding(
                "The result is right, but no gradient comes back to "
                f"{listed(lost)}: {it} could never be learned. Somewhere "
                "between input and result the thread is cut: by `detach` "
                "or `.data`, by `no_grad`, by a trip through numpy, or by "
                "a new tensor made of plain numbers. Where?",
                "no_gradient",
            )
        for name, gradient in wanted.items():
            if not agrees(yours[name], gradient):
                raise Finding(
                    "The result is right, but the gradient of "
                    f"`{name}` is not the reference's: only a part of it "
                    "comes back. What is detached, or copied out and in "
                    "again, on some of the ways from input to result?",
                    "part_of_the_gradient",
                )

    # Naming what is wrong

    def diagnose(
        self,
        runner: Runner,
        cases: list[Case],
        wanted: list[Tensor],
        found: list[Found],
        index: int,
    ) -> None:
        """Raise a Finding that says what is wrong with case `index`."""
        for mistake in self.mistakes:
            at = self.first_made(mistake, wanted, found)
            if at is not None:
                words = self.words(
                    mistake, cases[at], wanted[at], found[at]
                )
                hint = mistake.hint
                if "{" not in hint and "seen" in words:
                    hint = with_numbers(hint)
                hint = hint.format(**words).strip()
                raise Finding(hint, mistake.name)
        raise self.described(runner, cases, wanted, found, index)

    def first_made(
        self,
        mistake: Mistake,
        wanted: list[Tensor],
        found: list[Found],
    ) -> int | None:
        """Give the first wrong case, if all are wrong in this very way."""
        first = None
        for index, mine in enumerate(found):
            if not isinstance(mine, Tensor):
                continue
            output = made(self, mistake, index)
            if not isinstance(output, Tensor):
                continue
            if not agrees(mine, output):
                return None
            if first is None and not agrees(mine, wanted[index]):
                first = index
        return first

    def words(
        self, mistake: Mistake, case: Case, wanted: Tensor, found: Tensor
    ) -> dict[str, object]:
        """Gather what the hint may name."""
        words = dict(case.tells)
        words |= {"shape": shape_of(found), "right": shape_of(wanted)}
        if found.shape == wanted.shape:
            words |= first_difference(found, wanted)
        if mistake.facts is not None:
            words |= mistake.facts(case, found)
        return words

    def tell(
        self, case: Case, yours: Tensor, right: Tensor
    ) -> Finding | str:
        """Say of a wrong result what only this piece can say, if anything.

        A hook, asked where no known mistake explains the result. It gives
        a Finding where what is wrong has a name.
        """
        return ""

    def described(
        self,
        runner: Runner,
        cases: list[Case],
        wanted: list[Tensor],
        found: list[Found],
        index: int,
    ) -> Finding:
        """Say what can be said where no known mistake fits."""
        case, output, right = cases[index], found[index], wanted[index]
        good = [
            case.words
            for case, out, good in zip(cases, found, wanted, strict=True)
            if agrees(out, good)
        ]
        about = f"I asked about {case.words}."
        if good:
            about = f"Right for {good[0]}, but not for {case.words}."
        if isinstance(output, Finding):
            if good:
                output.message = f"{about} {output.message}"
            return output
        if isinstance(output, Caught):
            return Finding(f"{about} {output.message}", "stops")
        own = self.tell(case, output, right)
        if own:
            known = isinstance(own, Finding)
            return own if known else Finding(own, "unknown")
        if output.shape != right.shape:
            axes = f": {self.axes}" if self.axes else ""
            return Finding(
                f"{about} Yours has the shape {shape_of(output)}, wanted "
                f"is {shape_of(right)}{axes}. "
                f"{self.ask_about_axes(output, right)}",
                "other_shape",
            )
        return self.other_numbers(runner, case, output, right, about)

    def ask_about_axes(self, yours: Tensor, right: Tensor) -> str:
        """Ask for the first axis that is longer, shorter or missing."""
        if yours.ndim < right.ndim:
            return "Which axis was lost, and in which of your steps?"
        if yours.ndim > right.ndim:
            return "Which axis is one too many: what should become of it?"
        pairs = zip(yours.shape, right.shape, strict=True)
        at = next(i for i, (a, b) in enumerate(pairs) if a != b)
        names = self.axes.split(", ")
        named = f", {names[at]}," if len(names) == right.ndim else ""
        return (
            f"The axis {at}{named} is {yours.shape[at]} long in place of "
            f"{right.shape[at]}. Which of your steps makes it?"
        )

    def other_numbers(
        self,
        runner: Runner,
        case: Case,
        output: Tensor,
        right: Tensor,
        about: str,
    ) -> Finding:
        """Say how numbers of the right shape are wrong."""
        again = self.outcome(runner, case, seed=1)
        if isinstance(again, Tensor) and not agrees(again, output):
            return Finding(
                "Asked the same twice, yours gives two answers. Something "
                "in it is random. Is a tensor drawn anew where one was "
                "given, or is dropout at work where it should rest?",
                "random",
            )
        bad = int((~torch.isfinite(output)).sum())
        if bad:
            return Finding(
                f"{about} The shape is right, but {bad} of "
                f"{output.numel()} numbers are infinite, or no numbers at "
                "all (nan). Where does your code divide, take a "
                "logarithm, or an exponential of something large?",
                "not_finite",
            )
        found = compared(output, right)
        return Finding(f"{about} {found.message}", found.mistake)

    def picture(self, runner: Runner) -> str:
        """Draw the answer beside the reference, where that is possible."""
        if self.draw is None:
            return ""
        try:
            return self.draw(self, runner)
        except Exception:  # a picture is a help, and may be missing
            return ""


@cache
def questions(piece: Piece) -> tuple[list[Case], list[Tensor]]:
    """Draw the cases of a piece, and ask its reference, once.

    Nobody writes into them: an answer gets copies.
    """
    cases = [case.of(torch.float64) for case in piece.cases()]
    return cases, [piece.expect(case) for case in cases]


@cache
def made(piece: Piece, mistake: Mistake, index: int) -> Found:
    """Ask somebody who makes this mistake one of the cases, once."""
    runner = TrustedRunner(piece.with_mistake(mistake))
    return piece.outcome(runner, questions(piece)[0][index])


def changed(name: str, before: Tensor, after: Tensor) -> str:
    """Say what a number of an input was and is, if it is another one."""
    for kind in (shape_of, dtype_of):
        if kind(after) != kind(before):
            return f"`{name}` was {kind(before)} and is now {kind(after)}"
    if torch.equal(after, before):
        return ""
    first = (after != before).nonzero()[0].tolist()
    said = pair([before[*first]], [after[*first]])
    return f"`{name}{first}` was {said[0]} and is now {said[1]}"


def with_numbers(hint: str) -> str:
    """Put what is seen before the question that the hint ends in.

    >>> with_numbers("Right, and turned. Which axis is it?")
    'Right, and turned. {seen} Which axis is it?'
    """
    before, stop, question = hint.rpartition(". ")
    if not stop or "?" not in question:
        return f"{hint} {{seen}}"
    return f"{before}. {{seen}} {question}"


def check_left_alone(
    name: str, before: nn.Module, after: nn.Module
) -> None:
    """Refuse what is left behind in a model that was only lent."""
    hooks = hooks_of(after) - hooks_of(before)
    if hooks:
        raise Finding(
            f"The result is right. But {count_of(hooks, 'hook')} of yours "
            f"stay in `{name}` and run in every later pass. Which of the "
            "handles that `register_...` gives is to be removed, and "
            "when?",
            "hook_not_removed",
        )
    if after.training != before.training:
        modes = {True: "training", False: "eval"}
        raise Finding(
            f"The result is right. But `{name}` came in "
            f"{modes[before.training]} mode and leaves in "
            f"{modes[after.training]} mode: whoever lent it goes on with "
            "another model than before. What do you remember before you "
            "change it?",
            "mode_not_restored",
        )
    old, new = (dict(m.named_parameters()) for m in (before, after))
    for part, weight in new.items():
        was = old.get(part)
        if was is None or not torch.equal(was.detach(), weight.detach()):
            raise Finding(
                "The result is right, but your code has changed the "
                f"weights: `{name}.{part}` is not what it was. It was "
                "only lent. What writes into it?",
                "changes_the_weights",
            )
        if was.requires_grad != weight.requires_grad:
            raise Finding(
                f"The result is right. But `{name}.{part}` asked for a "
                "gradient before and does not afterwards, or the other "
                "way round. What keeps gradients away for a while only?",
                "changes_who_learns",
            )


def hooks_of(module: nn.Module) -> int:
    """Count the hooks in a module and all its parts."""
    return sum(
        len(part._forward_hooks)
        + len(part._forward_pre_hooks)
        + len(part._backward_hooks)
        for part in module.modules()
    )


def is_float(part: object) -> bool:
    """Tell if it is a tensor of floats."""
    return isinstance(part, Tensor) and part.is_floating_point()


def in_dtype(part: object, dtype: torch.dtype) -> object:
    """Give floats and modules in this dtype, and all else as it is."""
    if isinstance(part, nn.Module):
        return deepcopy(part).to(dtype)
    if isinstance(part, list | tuple):
        return type(part)(in_dtype(inner, dtype) for inner in part)
    if isinstance(part, dict):
        return {k: in_dtype(inner, dtype) for k, inner in part.items()}
    return part.to(dtype) if is_float(part) else part


def called(answer: object, name: str) -> str:
    """Give the name under which the reader knows the answer."""
    try:
        own = str(answer.__name__)
    except Exception:  # it has none, or will not say it
        return name
    return own if own.isidentifier() else name
