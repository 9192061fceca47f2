"""A loss as the parts of a batch see it: what in it is a sum over samples, and what knows none.

Processes that train together take a part of each batch. Let L = A + R, where A is a sum over samples, times anything that
knows none, and R has no samples in it (a penalty of the parameters). For parts P, each with n of all N samples,

    L = sum over P of n/N L_P,    L_P = N/n A_P + R,    and so are the gradients,

where numbers of samples that stand in A and in R themselves (1/N, log N) are those of the whole batch. The weights n/N add
up to one, so R counts once. If A is a mean and R knows no number of samples, then L_P is the loss of the part, as it is.

Samples that meet in any other way (the statistics of a batch, a maximum over it, a function of a mean) are `MixedSamples`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.axes import COUPLED
from symgrad.graphs.algebra.einsum import contract, literal, scale, zeros
from symgrad.graphs.algebra.primitives import add, elementwise
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import Node, topological, transform
from symgrad.graphs.samples import sample_size
from symgrad.graphs.sizes import Size, free_symbols
from symgrad.graphs.table import PRIMITIVES, rebuild
from symgrad.graphs.weights import Weight, inverse, weight

Halves = tuple[Node | None, Node | None]  # of a node: the sum over samples, and what knows none
# Linear in the first operand (a concatenation: in all); of ops.LINEAR, sums and products have rules of their own.
MOVED = (ops.LINEAR | {ops.STOP}) - {ops.ADD, ops.NAMED}


class MixedSamples(SymgradError):
    """A loss that is no sum over samples: `node` is where they meet."""

    def __init__(self, node: Node, why: str) -> None:
        super().__init__(why)
        self.node, self.why = node, why


def loss_of_part(root: Node, count: Node) -> Node:
    """L_P of the scalar `root`: a part's share, to be weighted by n/N; `count` is N, a scalar symbol.

    It is `root` itself, where the loss is a mean. Raises MixedSamples.
    """
    size = sample_size([root])
    if size is None:
        return root
    sums, rest = halves(root, size)
    if (sums is None or degree(sums, size) == -1) and (rest is None or degree(rest, size) == 0):
        return root
    terms = []
    if sums is not None:
        share = contract([count, counted(sums, size, count)], [(), ()], ())
        terms.append(scale(share, inverse(weight(size))))
    if rest is not None:
        terms.append(counted(rest, size, count))
    return add(terms)


def halves(root: Node, size: Size) -> Halves:
    """(A, R) of a scalar whose samples are counted by `size`. Raises MixedSamples."""
    axes: dict[Node, int] = {}  # of what is one thing for each sample: where the samples are
    places: set[Node] = set()  # numbers of samples, 0, 1, 2, ...
    sums: dict[Node, Halves] = {}
    for node in topological([root]):
        if any(o in sums for o in node.operands):
            if any(o in axes or o in places for o in node.operands):
                _mixed(node, "each sample meets a sum over all of them")
            sums[node] = moved(node, sums)
        elif node.op is ops.IOTA and node.shape[0] == size:
            places.add(node)
        elif any(o in places for o in node.operands) and node.op is ops.VIEW:
            places.add(node)
        elif any(o in places for o in (node.operands[:1] if node.op in ops.INDEXED else node.operands)):
            _mixed(node, "the place of a sample in the batch is used")
        elif any(o in axes or o in places for o in node.operands):
            axis = PRIMITIVES[node.op].axis(node, axes)
            if axis != COUPLED:
                axes[node] = axis
            elif sums_samples(node, axes, size):
                sums[node] = node, None
            else:
                _mixed(node, "samples meet in it, and it is no sum over them")
        elif size in free_symbols(node.shape):
            begin(node, size, axes)
    return sums.get(root, (None, root))


def begin(node: Node, size: Size, axes: dict[Node, int]) -> None:
    """A node that no sample comes to has one value for each of them."""
    given = node.op is ops.INPUT and node.attrs[0].over is None
    if given or node.op is ops.CONSTANT or list(node.shape).count(size) != 1 or any(
            s != size and size in free_symbols([s]) for s in node.shape):
        _mixed(node, "the number of samples is the size of an ordinary axis")
    axes[node] = node.shape.index(size)


def sums_samples(node: Node, axes: dict[Node, int], size: Size) -> bool:
    """Is it a product that is summed over the samples, or are they added up at places that have none of them?"""
    if node.op is ops.SCATTER:
        return size not in free_symbols(node.shape)
    if node.op is not ops.EINSUM:
        return False
    inputs, out = node.attrs
    labels = {names[axes[o]] for o, names in zip(node.operands, inputs, strict=True) if o in axes}
    return len(labels) == 1 and not labels & set(out)


def moved(node: Node, sums: dict[Node, Halves]) -> Halves:
    """The halves through an operation that is linear in them. Raises MixedSamples for others."""
    if node.op is ops.NAMED:
        return sums[node.operands[0]]
    pairs = [sums.get(o, (None, o)) for o in node.operands]
    if node.op is ops.ADD:
        weights = node.attrs[0]
        return tuple(_sum([(pair[k], by) for pair, by in zip(pairs, weights, strict=True)])  # type: ignore[return-value]
                     for k in (0, 1))
    several = sum(o in sums for o in node.operands) > 1
    if node.op is ops.EINSUM and not several:
        return tuple(_replaced(node, sums, k) for k in (0, 1))  # type: ignore[return-value]
    if node.op is ops.CONCAT:
        return tuple(rebuild(node, tuple(zeros(o.shape, o.dtype) if p[k] is None else p[k]  # type: ignore
                                         for o, p in zip(node.operands, pairs, strict=True))) for k in (0, 1))
    if node.op in MOVED and node.operands[0] in sums and not several:
        return tuple(_replaced(node, sums, k) for k in (0, 1))  # type: ignore[return-value]
    _mixed(node, "a sum over samples goes through a function that is not linear")


def _replaced(node: Node, sums: dict[Node, Halves], k: int) -> Node | None:
    """The node with that half of its one sum; None where there is no such half."""
    new = [sums[o][k] if o in sums else o for o in node.operands]
    return None if None in new else rebuild(node, tuple(o for o in new if o is not None))


def _sum(terms: Sequence[tuple[Node | None, Weight]]) -> Node | None:
    found = [(node, by) for node, by in terms if node is not None]
    return add([node for node, _ in found], [by for _, by in found]) if found else None


def _mixed(node: Node, why: str) -> NoReturn:
    raise MixedSamples(node, why)


# numbers of samples -----------------------------------------------------------------------------------------


def degree(root: Node, size: Size) -> int | None:
    """The power of `size` to which weights make `root` proportional; None where it is proportional to none."""
    found: dict[Node, int | None] = {}
    for node in topological([root]):
        below = [found[o] for o in node.operands]
        if node.op is ops.ADD:
            below = [None if d is None or (w := _power(by, size)) is None else d + w
                     for d, by in zip(below, node.attrs[0], strict=True)]
        if None in below:
            found[node] = None
        elif node.op is ops.EINSUM:
            found[node] = sum(d for d in below if d is not None)
        elif node.op in (ops.ADD, ops.CONCAT) or (node.op in ops.LINEAR and not any(below[1:])):
            found[node] = next(iter(below), 0) if len(set(below)) < 2 or node.op not in (ops.ADD, ops.CONCAT) else None
        else:
            found[node] = None if any(below) else 0
    return found[root]


def _power(by: Weight, size: Size) -> int | None:
    if by.factor is None or not by.factor.has(size):
        return 0
    power = by.factor.as_independent(size, as_Add=False)[1].as_powers_dict().get(size)
    rest = by.factor / size ** power if power is not None else by.factor
    return int(power) if power is not None and power.is_Integer and not rest.has(size) else None


def counted(root: Node, size: Size, count: Node, memo: dict[Node, Node] | None = None) -> Node:
    """`root` with `count` for `size` in all weights; axes keep their sizes. Roots of one graph share a `memo`."""
    def rule(node: Node, operands: tuple[Node, ...]) -> Node:
        if node.op is not ops.ADD or not any(by.factor is not None and by.factor.has(size) for by in node.attrs[0]):
            return rebuild(node, operands)
        terms = []
        for operand, by in zip(operands, node.attrs[0], strict=True):
            if by.factor is not None and by.factor.has(size):
                labels = tuple(range(len(operand.shape)))
                operand = contract([_number(by.factor, size, count, node), operand], [(), labels], labels)
                by = Weight(by.number)
            terms.append(scale(operand, by))
        return add(terms)

    return transform([root], rule, {} if memo is None else memo)[0]


def _number(expr: sp.Expr, size: Size, count: Node, node: Node) -> Node:
    """An expression in sizes as a scalar, with `count` for `size`. Raises MixedSamples for a function nobody knows here."""
    if not expr.has(size):
        return literal(expr)
    if expr == size:
        return count
    inside: Callable[[sp.Expr], Node] = lambda e: _number(e, size, count, node)  # noqa: E731 - the same for a part
    if expr.is_Add:
        return add([inside(e) for e in expr.args])
    if expr.is_Mul:
        return contract([inside(e) for e in expr.args], [()] * len(expr.args), ())
    if expr.is_Pow and not expr.exp.has(size):
        return elementwise("power", [inside(expr.base), literal(expr.exp)])
    if isinstance(expr, sp.log):
        return elementwise("log", [inside(expr.args[0])])
    _mixed(node, f"it has {expr}, which is known for a whole batch only")
