"""Somebody's answer is run: nothing that it does may stop the check."""

import ast
import contextlib
import inspect
import io
import linecache
import re
import textwrap
from collections.abc import Callable, Iterator
from types import FunctionType, TracebackType

import torch

from vitlib.teach.checking.limits import (
    Stopwatch,
    TimeIsUpError,
    time_limit,
)
from vitlib.teach.checking.words import count_of, listed

SECONDS = 10.0  # of work, in one check; a right answer takes one
LINES, WIDTH = 12, 400  # what is kept of what an answer prints and says

EXPLAINED = (  # what a message of Python or torch says, and means
    (
        "view size is not compatible",
        "The numbers of this input do not lie in memory in the order of "
        "its axes; the book's cat is such a tensor. `view` needs that "
        "they do. Which of its relatives does not?",
    ),
    (
        "leaf variable that requires grad is being used in an in-place",
        "Your code writes into its input, and this input is learned: "
        "torch has to remember it as it was. Look for `+=` and for "
        "assignments to a slice. Which of them could make a new tensor?",
    ),
    (
        r"call numpy\(\) on tensor that requires grad",
        "numpy knows no gradients, and a ViT needs them everywhere. Every "
        "step of this has its twin in torch.",
    ),
    (
        "have the same dtype|expected scalar type|found (double|float)",
        "This was asked in float64. Somewhere in your code a tensor is "
        "made in float32: does it take its `dtype` from the input?",
    ),
    (
        "must match except in dimension",
        "`torch.cat` joins tensors along one axis; in all others they "
        "have to be equally long. Which axis is not?",
    ),
    (
        "number of sizes provided|dimensions of repeat dims",
        "`expand` and `repeat` want a number for every axis, from the "
        "first to the last. How many axes are there, and which of them is "
        "to grow?",
    ),
    (
        "size of tensor a .* must match the size of tensor b",
        "Two tensors are combined number by number. Read their shapes "
        "from the right: in each axis they have to be equally long, or "
        "one of them 1. Which axis is not?",
    ),
    (
        "must have same number of dimensions",
        "One of your tensors has an axis less than the other. An index "
        "such as `[:, 0]` takes its axis away, `[:, :1]` keeps it.",
    ),
    (
        r"transpose\(\) (takes|received)",
        "In torch `transpose` lets two axes change places. What puts all "
        "of them into a new order?",
    ),
    (
        "shapes cannot be multiplied|first two dimensions of batch2",
        "A product of matrices needs as many columns on the left as there "
        "are rows on the right. Which of the two is to be turned, or cut "
        "in another way?",
    ),
    (
        "is invalid for input of size",
        "A `reshape` makes no number and loses none: the new sizes "
        "multiplied have to give as many as there are. Which of your "
        "sizes is taken from one side for both, or is a number of its own "
        "where it should come from the input?",
    ),
    (
        "stack expects each tensor to be equal size",
        "What is put on a stack has to be equally large. A slice that "
        "reaches over the edge is cut short, without a word. Where does "
        "the last of yours begin?",
    ),
    (
        "can't divide axis|shape mismatch",
        "An axis is to be cut into equal pieces, and does not come out "
        "even. Which size does your code take for another: one side for "
        "both, or a number of its own where it should come from the "
        "input?",
    ),
    (
        "cannot be cut into patches",
        "A side has to be made of whole patches. How much does it lack to "
        "the next multiple?",
    ),
    (
        r"unsupported operand .*('tuple'|'list') and 'int'",
        "One of the two is a pair, such as (height, width), and is taken "
        "for a number. Which of the two forms does your code expect?",
    ),
    (
        "to have .* channels, but got",
        "The weight of a convolution is (filters, channels, rows, "
        "columns). What stands in front in yours?",
    ),
    (
        "expanded size of the tensor",
        "`expand` makes only axes of the length 1 longer, and -1 leaves "
        "an axis as it is. Which axis is to grow?",
    ),
    (
        "nn.module.__init__|before module.__init__",
        "A module must first run the constructor of `nn.Module`. What is "
        "the first line of your `__init__`?",
    ),
)


WRITTEN_OVER = "modified by an inplace operation"


class Finding(Exception):
    """Stops a check: what was found, ready to be shown.

    `mistake` names it; after a `final` one nothing more is asked.
    """

    def __init__(
        self,
        message: str,
        mistake: str = "",
        *,
        kind: str = "wrong",
        final: bool = False,
    ) -> None:
        super().__init__(message)
        self.message, self.mistake = message, mistake
        self.kind, self.final = kind, final


class Unwritten(Finding):
    """There is nothing to check yet."""

    def __init__(self) -> None:
        super().__init__("", kind="unwritten", final=True)


class Caught(Exception):
    """Something that the answer raised, said in plain words."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Runner:
    """Runs an answer with a limit of time, and keeps what it prints.

    Random numbers are those of its `seed` in each call.
    """

    def __init__(
        self, answer: Callable, seconds: float | None = None
    ) -> None:
        self.answer, self.seed = answer, 0
        self.grad_left_off = (
            False  # by a call that should have restored it
        )
        self.left = self.seconds = seconds or SECONDS
        self.printed: str | None = None  # in the first call

    def run(self, call: Callable, *args: object) -> object:
        """Call, and turn all that goes wrong into a Finding or Caught."""
        paper = Paper()
        watch = Stopwatch()
        try:
            torch.default_generator.manual_seed(self.seed)
            with (
                contextlib.redirect_stdout(paper),
                contextlib.redirect_stderr(paper),
                torch.enable_grad(),  # and so again afterwards
                time_limit(self.left),
            ):
                output = call(*args)
                self.grad_left_off |= not torch.is_grad_enabled()
                return output
        except TimeIsUpError:
            raise Finding(
                self._too_slow(), "too_slow", final=True
            ) from None
        except (Finding, Caught, KeyboardInterrupt):
            raise
        except BaseException as caught:
            if is_stub(caught):
                raise Unwritten from None
            raise Caught(told(caught, self.answer)) from None
        finally:
            self.left = max(0.1, self.left - watch.spent())
            if self.printed is None:
                self.printed = paper.text()

    def _too_slow(self) -> str:
        return (
            f"Your code was stopped after {self.seconds:g} seconds. What "
            "is as small as these inputs takes a fraction of one. Is "
            "something made much larger than was asked for? Or is there a "
            "loop whose end never comes, a `while` whose condition stays "
            "true?"
        )


class TrustedRunner(Runner):
    """Runs what this package itself computes: no limit, no paper."""

    def run(self, call: Callable, *args: object) -> object:
        """Call; where the sizes of a case do not fit, give a Caught."""
        try:
            return call(*args)
        except (RuntimeError, ValueError, IndexError) as caught:
            raise Caught(str(caught)) from None


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Check in torch's usual state, and leave it as it was found.

    One thread: what is this small takes longer when it is shared out.
    """
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    torch.set_num_threads(1)
    try:
        with (
            torch.random.fork_rng(devices=[]),
            torch.enable_grad(),
            torch.device("cpu"),
        ):
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)


class Paper(io.TextIOBase):
    """Keeps the first lines of what is printed, and forgets the rest."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.room = LINES * 80

    def writable(self) -> bool:
        """Tell that one may write on it."""
        return True

    def write(self, text: str) -> int:
        """Keep as much as there is room for."""
        self.kept.append(text[: self.room])
        self.room -= len(self.kept[-1])
        return len(text)

    def text(self) -> str:
        """Give the lines that were kept."""
        lines = "".join(self.kept).strip("\n").splitlines()
        more = ["..."] if len(lines) > LINES or not self.room else []
        return "\n".join(lines[:LINES] + more)


def is_stub(caught: BaseException) -> bool:
    """Tell if it says: this is still to be written."""
    if not isinstance(caught, NotImplementedError):
        return False
    return not str(caught) or "raise" in last_line(caught.__traceback__)


def last_line(traceback: TracebackType | None) -> str:
    """Give the line of source at which it was raised."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return ""
    name = traceback.tb_frame.f_code.co_filename
    return linecache.getline(name, traceback.tb_lineno)


def told(caught: BaseException, answer: Callable) -> str:
    """Say what was raised, and at which of the reader's own lines."""
    if WRITTEN_OVER in words_of(caught):
        return about_written_over(answer)
    text = " ".join(words_of(caught).split())
    text = re.sub(r"\b[Ee]rror (while|in|when)\b", r"\1", text)
    text = re.sub(r"\b(\w*?)(Error|error)\b", r"\1", text).strip()
    text = text[:WIDTH].replace("`", "'")
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(caught).__name__)
    kind = kind.removesuffix("Error").strip()
    if kind in ("Runtime", "Value", "Type", "Einops", "Name"):
        said = f": “{text}”" if text else ""
    else:
        said = f": {kind}" + (f", “{text}”" if text else "")
    where = place(caught.__traceback__, answer)
    meaning = explained(words_of(caught))
    return f"Your code stopped{where}{said}." + (
        f"\n\n{meaning}" if meaning else ""
    )


def about_written_over(answer: Callable) -> str:
    """Say that numbers are gone which the gradient needs, and by whom.

    torch finds out on the way back, where no line of the reader's runs.
    """
    lines = changes_in_place(answer)
    seen = f" I see {listed(lines)}." if lines else ""
    return (
        "Forwards all is right. On the way back torch needs the tensors "
        "as your layers have read them, and one of them was written over."
        f"{seen} `+=` and an assignment to a slice change a tensor that "
        "is there. What makes a new one?"
    )


def changes_in_place(answer: object) -> list[str]:
    """Give the lines of the answer that add to what is there."""

    def adds(tree: ast.AST) -> set[int]:
        nodes = ast.walk(tree)
        return {n.lineno for n in nodes if isinstance(n, ast.AugAssign)}

    return [line.replace("`", "'") for line in lines_of(answer, adds)]


def lines_of(
    answer: object, find: Callable[[ast.AST], set[int]]
) -> list[str]:
    """Give the lines of the answer's source that `find` names."""
    found = []
    for function in functions_of(answer):
        try:
            source = textwrap.dedent(inspect.getsource(function))
            tree = ast.parse(source)
        except (OSError, TypeError, SyntaxError):
            continue
        lines = source.splitlines()
        found += [lines[n - 1].strip() for n in sorted(find(tree))]
    return found


def words_of(caught: BaseException) -> str:
    """Give what it says, if it can say it."""
    try:
        return str(caught)
    except Exception:
        return ""


def explained(text: str) -> str:
    """Say what a message of Python or torch means, if it is known."""
    for pattern, meaning in EXPLAINED:
        if re.search(pattern, text, re.IGNORECASE):
            return meaning
    return ""


def place(traceback: TracebackType | None, answer: Callable) -> str:
    """Name the deepest line that belongs to the answer's own module."""
    module = getattr(answer, "__module__", None) or "__main__"
    found = ""
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_globals.get("__name__") == module:
            number = traceback.tb_lineno
            name = frame.f_code.co_filename
            line = linecache.getline(name, number).strip()
            found = f" at line {number}"
            if line:
                found += f", `{line.replace('`', chr(39))}`"
        traceback = traceback.tb_next
    return found


def functions_of(answer: object) -> list[FunctionType]:
    """Give the functions that the answer consists of, as far as seen."""
    if isinstance(answer, type):
        found = [f for f in vars(answer).values() if inspect.isfunction(f)]
        return found
    try:
        answer = inspect.unwrap(answer) if callable(answer) else answer
    except Exception:  # wrapped in itself, or not to be looked at
        return []
    return [answer] if inspect.isfunction(answer) else []


def blanks(answer: object) -> list[str]:
    """Give the lines of the answer in which a `...` waits to be filled.

    In `x[..., 0]` the dots are an index, and no blank.
    """

    def waiting(tree: ast.AST) -> set[int]:
        indices = {
            id(part)
            for node in ast.walk(tree)
            if isinstance(node, ast.Subscript)
            for part in ast.walk(node.slice)
        }
        return {
            node.lineno
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and node.value is ...
            and id(node) not in indices
        }

    return lines_of(answer, waiting)


def is_empty(answer: object) -> bool:
    """Tell if a function does nothing at all, or cannot be looked at."""
    for function in functions_of(answer):
        try:
            source = textwrap.dedent(inspect.getsource(function))
            body = ast.parse(source).body[0].body
        except (OSError, TypeError, SyntaxError, AttributeError):
            continue
        if any(
            not isinstance(step, ast.Pass | ast.Raise)
            and not (
                isinstance(step, ast.Expr)
                and isinstance(step.value, ast.Constant)
            )
            for step in body
        ):
            return False
    return True


def unwritten(answer: object, name: str) -> str:
    """Say in one friendly line that there is nothing to check yet."""
    waiting = blanks(answer)
    telling = [line for line in waiting if line != "..."]
    if not telling:
        return (
            f"`{name}` is not written yet. Fill in the `...` and run the "
            "cell again."
        )
    if len(waiting) == 1:
        return f"`{name}` is not written yet: `{waiting[0]}` still waits."
    return (
        f"`{name}` is not written yet: {count_of(len(waiting), 'line')} "
        f"still wait, the first is `{telling[0]}`."
    )


def check_signature(
    call: Callable, takes: list[str], name: str, keywords: bool = False
) -> None:
    """Refuse what cannot be called with these arguments."""
    try:
        signature = inspect.signature(call)
    except Exception:  # it does not say, or says nonsense
        return
    try:
        if keywords:
            signature.bind(**dict.fromkeys(takes))
        else:
            signature.bind(*takes)
    except TypeError:
        has = list(signature.parameters)
        has = f"takes {listed(has)}" if has else "takes nothing"
        takes = [f"{part}=..." for part in takes] if keywords else takes
        raise Finding(
            f"I call it as `{name}({', '.join(takes)})`, and yours {has}.",
            "other_arguments",
        ) from None
