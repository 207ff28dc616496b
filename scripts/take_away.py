"""Write book/_static/take_away/vit.py: the whole model in one file.

    python scripts/take_away.py

It is cut out of vitlib's modules. Left out are doctests, masks, dropout,
what looks inside a model, and all settings but the usual ones: positions
are learned, the class token is read. Of the checks of input one stays, as
an assert: without it a mistake would be silent.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "book" / "_static" / "take_away" / "vit.py"
PARTS = {  # module: what of it goes into the file, in this order
    "_checks": ["grid_of"],
    "embedding": ["PatchEmbedding"],
    "tokens": ["prepend_cls", "learned_positions"],
    "attention": ["attention_weights", "attention", "MultiHeadAttention"],
    "encoder": ["MLP", "EncoderBlock", "Encoder"],
    "vit": ["ViT"],
}
USUAL = {
    "mask": None,
    "dropout": 0.0,
    "positions": "learned",
    "pos_embed": "there",
    "global_pool": "token",
}
METHODS_OUT = {"as_linear", "__setattr__", "mix", "pool", "from_name"}
METHODS_OUT |= {"set_grad_checkpointing"}
DROPOUTS = {"pos_drop", "proj_drop", "drop1", "drop2"}
ATTRIBUTES_OUT = {"in_channels", "image_size", "embed_dim", "fc_norm"}
ATTRIBUTES_OUT |= DROPOUTS | {"dropout"}
INSTEAD = {  # what would take a function of its own
    "fused_attention": "F.scaled_dot_product_attention",
    "self.mix": "self.attention",
    "run": "block",  # what would spare memory
}
HEAD = '''\
"""A Vision Transformer in one file: image in, class scores out.

Cut out of vitlib, the package of the book "Vision Transformers, piece by
piece", which explains every line. Parameters have timm's names; torch and
einops are all it needs. b images, c channels, h x w pixels, p the side of
a patch, n tokens, d numbers a token, k numbers a head.

MIT License. Copyright (c) 2026 The authors of "Vision Transformers, piece
by piece". Provided as is, without warranty of any kind.
"""

import torch
from einops import einsum, rearrange
from torch import Tensor, nn
from torch.nn import functional as F
'''


class Shorten(ast.NodeTransformer):
    """Take out of vitlib's source what one file can do without."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Drop the calls that only check."""
        name = name_of(node.value)
        if name.startswith("check_") or name == "grid_of":
            return None
        return self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Answer what asks for a setting that has its usual value."""
        name = ast.unparse(node.left).removeprefix("self.")
        asked = isinstance(node.ops[0], (ast.Is, ast.IsNot, ast.Eq))
        if name not in USUAL or not asked:
            return self.generic_visit(node)
        same = ast.literal_eval(node.comparators[0]) == USUAL[name]
        return ast.Constant(same != isinstance(node.ops[0], ast.IsNot))

    def visit_If(self, node: ast.If) -> ast.AST | list | None:
        """Keep the branch that is taken; of the checks, one assert."""
        if isinstance(node.body[0], ast.Raise):
            if "%" not in ast.unparse(node.test):
                return None
            rests = ast.unparse(ast.Tuple(node.test.values, ast.Load()))
            words = ast.Constant("patches must cover the image exactly")
            return ast.Assert(expression(f"not any({rests})"), words)
        node = self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        """Keep the value that is taken."""
        node = self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        """Drop what changes nothing, and what only checks read."""
        if name_of(node.value) == "sparing":
            return None
        if name_of(node.value) == "sizes_of":
            values = [word.value for word in node.value.keywords]
            node.value = ast.Tuple(values, ast.Load())
        node = self.generic_visit(node)
        target, value = map(ast.unparse, (node.targets[0], node.value))
        if target.removeprefix("self.") in ATTRIBUTES_OUT:
            return None
        return None if target == value or value in USUAL else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        """Forget the type of what may be of several kinds."""
        if node.value is not None:
            return self.visit(ast.Assign([node.target], node.value))
        return node if ast.unparse(node.annotation) == "int" else None

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Put what a check gives back in place of its call."""
        node = self.generic_visit(node)
        node.args = [each for each in node.args if not is_usual(each)]
        if ast.unparse(node.func).removeprefix("self.") in DROPOUTS:
            return node.args[0]
        values = [*map(ast.unparse, node.args)]
        if ast.unparse(node.func) == "self.pool":
            return expression(f"{values[0]}[:, 0]")
        name = name_of(node)
        if name == "count_of":
            return node.args[-1]
        if name == "add_positions":
            return expression(" + ".join(values))
        if name == "is_whole":
            return expression(f"isinstance({values[0]}, int)")
        if name == "hidden_dim_of":
            return expression(f"int({values[1]} * {values[0]})")
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Name the kernel itself."""
        name = ast.unparse(node)
        return expression(INSTEAD[name]) if name in INSTEAD else node

    visit_Attribute = visit_Name

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
        """Leave a method out, or its unusual parameters."""
        if node.name in METHODS_OUT:
            return None
        node = self.with_a_line_of_words(node)
        drop_usual_parameters(node.args)
        if not node.args.kwonlyargs:  # the whole model says what is usual
            node.args.defaults = []
        forget_types(node)
        ends = [isinstance(each, ast.Return) for each in node.body]
        if True in ends:
            node.body = node.body[: ends.index(True) + 1]
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Shorten a class's words."""
        return self.with_a_line_of_words(node)

    def with_a_line_of_words(self, node: ast.AST) -> ast.AST:
        """Keep of the docstring its first line; shorten what follows."""
        if text := ast.get_docstring(node):
            first = re.sub(r"[:;] .*`.*", ".", text.split("\n")[0])
            node.body[0].value.value = first
        return self.generic_visit(node)


def name_of(node: ast.AST) -> str:
    """Name what is called, or give nothing."""
    called = getattr(node, "func", None)
    return called.id if isinstance(called, ast.Name) else ""


def is_usual(node: ast.AST) -> bool:
    """Tell if it is a setting that has only its usual value."""
    return isinstance(node, ast.Name) and node.id in ("mask", "dropout")


def expression(code: str) -> ast.expr:
    """Give the tree of an expression."""
    return ast.parse(code, mode="eval").body


def drop_usual_parameters(given: ast.arguments) -> None:
    """Take away the parameters that have only their usual value."""
    given.args = [each for each in given.args if each.arg not in USUAL]
    pairs = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    kept = [pair for pair in pairs if pair[0].arg not in USUAL]
    given.kwonlyargs = [name for name, _ in kept]
    given.kw_defaults = [default for _, default in kept]


def forget_types(node: ast.FunctionDef) -> None:
    """Keep the types that are tensors: of numbers the names say enough."""
    given = node.args
    for each in [*given.args, *given.kwonlyargs, given.kwarg]:
        if each and "Tensor" not in ast.unparse(each):
            each.annotation = None
    if node.returns and "Tensor" not in ast.unparse(node.returns):
        node.returns = None


def named(node: ast.stmt) -> str:
    """Give the name that a statement of a module defines."""
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0])
    return getattr(node, "name", "")


def gather() -> str:
    """Give the text of vit.py, formatted."""
    pieces = [HEAD]
    for module, names in PARTS.items():
        source = (ROOT / "vitlib" / f"{module}.py").read_text()
        found = {named(node): node for node in ast.parse(source).body}
        for name in names:
            node = Shorten().visit(found[name])
            pieces.append(ast.unparse(ast.fix_missing_locations(node)))
    return formatted(tidy("\n\n".join(pieces)))


def tidy(code: str) -> str:
    """Take away the brackets that ast adds."""
    code = re.sub(r"\*\* \((-[\d.]+)\)", r"** \1", code)
    code = re.sub(r"\(\((.* for .*)\)\)", r"(\1)", code)
    return re.sub(r"( = |return )\((.+,.+)\)$", r"\1\2", code, flags=re.M)


def formatted(code: str) -> str:
    """Format code as all of vitlib is formatted."""
    ruff = [sys.executable, "-m", "ruff", "format", "-"]
    done = subprocess.run(
        [*ruff, "--config", str(ROOT / "pyproject.toml")],
        input=code,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(gather())
