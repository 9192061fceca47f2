"""The general laws that a derivation uses, each derived once on symbols of its own.

The law of an operation is its derivative rule, applied by the engine to an operand x and the gradient of a result y:
`y = softmax(x): G_x = ...`. Only the chain rule and the two laws of layers are written down here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from symgrad.derivations.pieces import Math, Sentence
from symgrad.derivations.text import scalar_derivative, show
from symgrad.derivations.transcript import Stage
from symgrad.graphs import ops
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.node import REAL, Node, Symbol, depends, topological
from symgrad.graphs.pieces.boxes import LEAF, Box, cotangent_leaf, local_cotangents, row_of
from symgrad.graphs.pieces.images import is_convolution, is_transposed
from symgrad.language.linear_algebra import det, inv, logdet
from symgrad.language.reduction import logsumexp, softmax
from symgrad.language.symbols import dim
from symgrad.language.tensor import Tensor, wrap

CHAIN = {"unicode": "G_v = ∑_u (∂u/∂v)ᵀ G_u, over all u that use v",
         "latex": r"G_{v} = \sum_{u} \left(\frac{\partial u}{\partial v}\right)^{\top} G_{u}"}
USERS: dict[str, Sentence] = {"unicode": (), "latex": (" over all ", Math("u"), " that use ", Math("v"))}  # ends it
CHAIN_RULE, DERIVED = "Chain rule", "Derived by SymPy"
STOPPED = {"unicode": ["y = stop(x)", "y = x", "G_x = 0"],
           "latex": [r"y = \operatorname{stop}(x)", "y = x", "G_{x} = 0"]}
AFFINE = {"unicode": ["a = W x + b", "G_x = Wᵀ G_a", "G_W = G_a xᵀ", "G_b = G_a"],
          "latex": ["a = W x + b", r"G_{x} = W^{\top} G_{a}", r"G_{W} = G_{a} x^{\top}", r"G_{b} = G_{a}"]}
ROWS = {"unicode": ["A = X W + 1 bᵀ", "G_X = G_A Wᵀ", "G_W = Xᵀ G_A", "G_b = G_Aᵀ 1"],
        "latex": [r"A = X W + \mathbf{1} b^{\top}", r"G_{X} = G_{A} W^{\top}", r"G_{W} = X^{\top} G_{A}",
                  r"G_{b} = G_{A}^{\top} \mathbf{1}"]}
CONVOLUTION = {"unicode": ["a = K ⋆ x + b", "G_x = Kᵀ ⋆ G_a", "G_K = G_a ⋆ x", "G_b = [∑_jk G_{a,ijk}]_i"],
               "latex": [r"a = K \star x + b", r"G_{x} = K^{\top} \star G_{a}", r"G_{K} = G_{a} \star x",
                         r"G_{b} = [\textstyle\sum_{jk} G_{a,ijk}]_{i}"]}
TRANSPOSED = {"unicode": ["a = Kᵀ ⋆ x + b", "G_x = K ⋆ G_a", "G_K = x ⋆ G_a", "G_b = [∑_jk G_{a,ijk}]_i"],
              "latex": [r"a = K^{\top} \star x + b", r"G_{x} = K \star G_{a}", r"G_{K} = x \star G_{a}",
                        r"G_{b} = [\textstyle\sum_{jk} G_{a,ijk}]_{i}"]}
ENTRYWISE = {"unicode": ["x = f(a)", "G_a = diag[f'(a)] G_x = f'(a) ⊙ G_x"],
             "latex": ["x = f(a)", r"G_{a} = \operatorname{diag}[f'(a)] G_{x} = f'(a) \odot G_{x}"]}
# What is derived: a title, the shape of x, and y.
OPERATIONS: dict[str, tuple[str, int, Callable[[Tensor], Tensor]]] = {
    ops.SOFTMAX: ("Softmax", 1, softmax),
    ops.LOGSUMEXP: ("Log-sum-exp", 1, logsumexp),
    "squares": ("Squared norm", 1, lambda x: x @ x),
    ops.INVERSE: ("Inverse", 2, inv),
    ops.LOGDET: ("Log-determinant", 2, logdet),
    "det": ("Determinant", 2, det),
}


@lru_cache
def derived(operation: str, style: str) -> tuple[str, str]:
    """An operation and what it makes of a gradient, as two formulas."""
    _, rank, make = OPERATIONS[operation]
    names = ("x", "y") if rank == 1 else ("X", "Y" if make(wrap(_symbol("X", 2))).ndim else "y")
    x = _symbol(names[0], rank)
    local = make(wrap(x)).node
    y = input_node(Symbol("data", names[1], owner=LEAF), local.shape, REAL)
    box = Box(names[1], "operation", local, local, y, (), 0)
    (part,) = local_cotangents(box, cotangent_leaf(box), [x])
    source = Box(names[0], "data", x, x, x, (), 0)
    return (f"{names[1]} = {show(local, style)}", f"{show(cotangent_leaf(source), style)} = {show(part, style)}")


def _symbol(name: str, rank: int) -> Node:
    return input_node(Symbol("data", name, owner=LEAF), (dim("n"),) * rank, REAL)


def operations(node: Node, leaf: Node) -> list[str]:
    """The operations with a law of their own between a leaf and a local formula."""
    found: list[str] = []
    live = depends([node], {leaf}) - {leaf}
    for n in topological([node], enter=lambda n: n in live):
        if n not in live:
            continue
        if n.op in OPERATIONS:
            found.append(n.op)
        elif n.op is ops.EINSUM and n.operands and len(n.shape) < len((inner := n.operands[0]).shape) and _square(
                n if len(n.operands) > 1 else inner):
            found.append("squares")
    return found


def _square(node: Node) -> bool:
    """A product of something with itself, entry by entry."""
    return node.op is ops.EINSUM and len(node.operands) == 2 and node.operands[0] is node.operands[1] and (
        node.attrs[0][0] == node.attrs[0][1])


@dataclass(frozen=True)
class Law:
    """An operation and what it does to gradients; without an operation, formulas that stand by themselves."""

    title: str
    operation: str
    formulas: tuple[str, ...]
    end: Sentence = ()


def laws(steps: Sequence[Stage], style: str) -> list[Law]:
    """The laws that the backward steps use, each once, in the order of first use."""
    found = {CHAIN_RULE: Law(CHAIN_RULE, "", (CHAIN[style],), USERS[style])}
    slopes: dict[str, None] = {}
    for step in steps:
        for user in step.consumers if step.kind == "backward" else ():
            row = row_of(user)
            if user.kind == "affine":
                title, texts = _layer(user)
                _add(found, title, texts[style])
            elif row is not None:
                _add(found, "Entry by entry", ENTRYWISE[style])
                slopes.setdefault(scalar_derivative(row, style, step.world.taken))
            for operation in operations(user.local, step.box.leaf) if row is None else ():
                _add(found, OPERATIONS[operation][0], derived(operation, style))
    if any(n.op is ops.STOP for n in topological([step.node for step in steps])):
        _add(found, "Held constant", STOPPED[style])
    return [*found.values(), *([Law(DERIVED, "", tuple(slopes))] if slopes else [])]


def _add(found: dict[str, Law], title: str, texts: Sequence[str]) -> None:
    found.setdefault(title, Law(title, texts[0], tuple(texts[1:])))


def _layer(user: Box) -> tuple[str, dict[str, list[str]]]:
    """The law of a layer that is affine: its title and texts."""
    if is_convolution(user.local):
        return ("Transposed convolution", TRANSPOSED) if is_transposed(user.local) else ("Convolution", CONVOLUTION)
    return ("Affine layer of rows", ROWS) if of_rows(user) else ("Affine layer", AFFINE)


def of_rows(user: Box) -> bool:
    """Is the value of a layer a matrix for each sample, of rows?"""
    sampled = user.leaf.op is ops.INPUT and user.leaf.attrs[0].over is not None
    return len(user.leaf.shape) - sampled > 1


def general(step: Stage, style: str) -> str:
    """The general law of which a backward step is an instance."""
    if step.kind == "mean":
        return ""
    if step.kind != "backward" or len(step.consumers) > 1:
        return "" if step.kind == "forward" else CHAIN[style]
    (user,) = step.consumers
    if user.kind == "affine":
        text = _layer(user)[1][style]
    elif row_of(user) is not None:
        text = ENTRYWISE[style]
    else:
        found = set(operations(user.local, step.box.leaf))
        if len(found) != 1:
            return CHAIN[style]
        text = list(derived(found.pop(), style))
    colon, comma = (r":\quad ", r",\quad ") if style == "latex" else (": ", ", ")
    return text[0] + colon + comma.join(text[1:])
