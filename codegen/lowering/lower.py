"""Nodes to array expressions: one rule for each primitive.

What holds afterwards: every node has an expression that broadcasts to its shape, in its kind (or a Python
number); products are pairs in a chosen order; views are views; `1/b` that only one product uses divides it;
terms of a sum that fill only a part of it (slices transposed, scatters, deltas) are added in place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from symgrad.codegen.lowering import acts, forms
from symgrad.codegen.lowering.arrays import ALL, NUMBER, Arrays, Expr, broadcast_shape, signed
from symgrad.codegen.lowering.complements import complement
from symgrad.codegen.lowering.divisors import related
from symgrad.codegen.lowering.factors import Uses, once_guarded
from symgrad.codegen.lowering.grams import halves
from symgrad.codegen.lowering.linear import MATRICES
from symgrad.codegen.lowering.logsums import larger_first
from symgrad.codegen.lowering.products import Operand, contract, divided, pulled_out
from symgrad.codegen.lowering.ranges import backwards, items
from symgrad.codegen.lowering.rearranging import rearranged
from symgrad.codegen.lowering.recurrences import lowered_scan
from symgrad.codegen.lowering.roots import power_of_squares
from symgrad.codegen.lowering.tiles import side_by_side
from symgrad.graphs import ops
from symgrad.graphs.algebra.axes import counts_along
from symgrad.graphs.node import INTEGER, REAL, Node
from symgrad.graphs.sizes import Size, canonical
from symgrad.graphs.weights import ONE, Weight, joins, times, to_expr

PLACED = frozenset({ops.PAD, ops.SCATTER})  # zeros with something put into a part of them


class Lowering(Uses):
    """The expressions of the nodes below `roots`; those in `keep` are computed as they are, not taken apart."""

    def __init__(self, roots: Sequence[Node], keep: Collection[Node] = (), quick: bool = False,
                 single: bool = False) -> None:
        self.now = rearranged(roots, keep)
        super().__init__([self.now.get(node, node) for node in roots], [self.now.get(node, node) for node in keep])
        self.b = Arrays(quick, single)
        self.made: dict[Node, Expr] = {}
        self.loops: dict[Any, dict[Node, Expr]] = {}  # the results of each recurrence
        for node in self.nodes:
            e = RULES[node.op](self, node)
            self.made[node] = self.b.cast(e, node.dtype)

    def loose(self, node: Node) -> Expr:
        """The expression of `node`, which broadcasts to its shape."""
        return self.made[node if node in self.made else self.now[node]]

    def step(self, roots: Sequence[Node]) -> Lowering:
        """The body of a recurrence, with these results."""
        return Lowering(roots, (), self.b.quick, self.b.single)

    def exact(self, node: Node, kind: str | None = None) -> Expr:
        """An array with exactly the shape of `node`."""
        return self.b.filled(self.loose(node), node.shape, kind or node.dtype)


Rule = Callable[[Lowering, Node], Expr]


def _leaf(c: Lowering, node: Node) -> Expr:
    return c.b.leaf(node)


def _alias(c: Lowering, node: Node) -> Expr:
    return c.loose(node.operands[0])


def _iota(c: Lowering, node: Node) -> Expr:
    return c.b.make(acts.ARANGE, (), (), node.shape, INTEGER)


def _elementwise(c: Lowering, node: Node) -> Expr:
    found = _powers(c, node) if node.attrs[0] == "power" else None
    found = found or power_of_squares(c.b, c.exact, node)
    return found or forms.elementwise(c.b, node.attrs[0], [c.loose(o) for o in node.operands], node.dtype)


def _powers(c: Lowering, node: Node) -> Expr | None:
    """x^0, x^1, x^2, ... along an axis on which x does not depend, of which each is made of the one before."""
    x, exponent = node.operands
    if node.dtype != REAL or x.op is not ops.VIEW or not x.operands or exponent.op is not ops.VIEW or (
            not exponent.operands or exponent.operands[0].op is not ops.IOTA):
        return None
    (inner,), out = x.attrs
    (label,), places = exponent.attrs[0][0], exponent.attrs[1]
    axis = places.index(label)
    if len(set(out)) < len(out) or len(set(inner)) < len(inner) or out[axis] in inner or places.count(label) > 1:
        return None
    held = [label for label in out if label in inner]
    base = c.b.transpose(c.exact(x.operands[0], REAL), [inner.index(label) for label in held])
    size = node.shape[axis]
    return c.b.align(c.b.call("powers", [base], (size,), (*base.shape, size), REAL), [*held, out[axis]], out)


# products and sums ------------------------------------------------------------------------------------


def _einsum(c: Lowering, node: Node) -> Expr:
    factors, terms = once_guarded(c.factors(node)), []
    whole = halves(c.b, c.exact, [(operand, labels) for operand, labels, _ in factors], node.attrs[1])
    if whole := whole or related(c.b, c.exact, c.loose, factors):
        return contract(c.b, whole, node.attrs[1], node.dtype)
    for operand, labels, user in factors:
        e = c.loose(operand)
        if e.kind != NUMBER or operand.shape:
            e = c.exact(operand)
        terms.append(divided(e, labels) if c.only_in(operand, user) else Operand(e, labels))  # a / b for a * (1 / b)
    return contract(c.b, terms, node.attrs[1], node.dtype)


def _view(c: Lowering, node: Node) -> Expr:
    inputs, out = node.attrs
    b = c.b
    if node.operands:
        base, labels = b.diagonal(c.exact(node.operands[0]), inputs[0])
    else:
        base, labels = b.number(1), ()
    if len(set(out)) == len(out):
        return base if base.kind == NUMBER else b.align(base, labels, out)
    if len(out) == 2 and len(labels) < 2:  # a diagonal matrix
        if labels:
            return b.call("diag", [base], (), node.shape, node.dtype)
        return b.product([base, b.make(acts.EYE, (), (), node.shape, node.dtype)], [], ONE, node.dtype)
    return _place(c, node.shape, node.dtype, None, [_delta(c, node, ONE)])


def _add(c: Lowering, node: Node) -> Expr:
    b, (weights,) = c.b, node.attrs
    if not node.operands:
        return b.number(0)
    terms = list(zip(node.operands, weights, strict=True))
    if (pair := larger_first(terms)) is not None:
        i, j, larger = pair
        one, two = (c.b.cast(b.add([(c.loose(n), by) for n, by in part], REAL), REAL) for part in larger)
        whole = forms.elementwise(b, "logaddexp", [one, two], REAL)
        return b.add([(whole, terms[i][1]), *((c.loose(n), by) for k, (n, by) in enumerate(terms) if k not in (i, j))],
                     node.dtype)
    if (joined := complement(b, c.made, terms, b.quick)) is not None:
        i, j, whole, by = joined
        return b.add([(whole, by), *((c.loose(n), each) for k, (n, each) in enumerate(terms) if k not in (i, j))],
                     node.dtype)
    placed = [] if node.dtype != REAL else [
        (o, by) for o, by in terms if _is_placed(o) and c.only_in(o, node)]
    rest = [(c.loose(o), by) for o, by in terms if (o, by) not in placed]
    if len(terms) == 1 and rest and rest[0][0].attrs == ("diag",):
        return b.call("diag", [b.product(rest[0][0].args, [], weights[0], node.dtype)], (), node.shape, node.dtype)
    if len(terms) == 1 and not placed and rest[0][0].op is acts.PRODUCT and c.only_in(node.operands[0], node) and (
            joins(rest[0][0].attrs[0], weights[0])):
        e, by = rest[0][0], times(rest[0][0].attrs[0], weights[0])  # 2 (3 x) is 6 x
        return b.product(e.args[:e.attrs[1]], e.args[e.attrs[1]:], by, node.dtype)
    if not placed:
        shared = pulled_out(b, rest, node.dtype) if all(c.only_in(o, node) for o in node.operands) else None
        return shared or b.add(rest, node.dtype)
    if not rest and (tiles := side_by_side([o for o, _ in placed])) is not None:
        axis, order = tiles
        weight_of = dict(placed)
        inner = [b.filled(b.product([c.loose(o.operands[0])], [], weight_of[o], REAL), o.operands[0].shape, REAL)
                 for o in order]
        return b.make(acts.CONCAT, inner, (axis,), node.shape, REAL)
    base = b.filled(b.add(rest, REAL), node.shape, REAL) if rest else None
    parts = [_delta(c, o, by) if o.op is ops.VIEW else _part(c, o, by) for o, by in placed]
    return _place(c, node.shape, REAL, base, parts)


def _is_placed(node: Node) -> bool:
    if node.op is ops.VIEW:
        out = node.attrs[1]
        return len(out) > 2 and len(set(out)) < len(out)
    return node.op in PLACED


# zeros, or a sum, with something added to a part: op "place", attrs (has base, parts); one part is
# (how, where, sign, arguments): how "slice" (items) | "delta" (pattern) | "scatter" (axes in front, unique rows)

LoweredPart = tuple[str, Any, int, tuple[Expr, ...]]


def _place(c: Lowering, shape: tuple[Size, ...], kind: str, base: Expr | None, parts: Sequence[LoweredPart]) -> Expr:
    args: list[Expr] = [] if base is None else [base]
    attrs = []
    for how, where, sign, exprs in parts:
        attrs.append((how, where, sign, len(exprs)))
        args += exprs
    return c.b.make(acts.PLACE, args, (base is not None, tuple(attrs)), shape, kind)


def _scaled(c: Lowering, e: Expr, by: Weight, kind: str) -> tuple[int, Expr]:
    """by * e as a sign and the rest."""
    e = c.b.product([c.b.cast(e, kind)], [], by, kind)
    if e.op is acts.PRODUCT and e.attrs[0].number < 0:
        sign, size = signed(e.attrs[0])
        count = e.attrs[1]
        return sign, c.b.product(e.args[:count], e.args[count:], size, kind)
    sign, size = signed(e.attrs[0]) if e.kind == NUMBER else (1, ONE)
    return sign, c.b.number(size) if e.kind == NUMBER else e


def _delta(c: Lowering, node: Node, by: Weight) -> LoweredPart:
    """A view with a repeated label: its values on the entries where the indices agree."""
    inputs, out = node.attrs
    kept = tuple(dict.fromkeys(out))
    if node.operands:
        base, labels = c.b.diagonal(c.exact(node.operands[0]), inputs[0])
        value = c.b.align(base, labels, kept)
    else:
        value = c.b.number(1)
    sign, value = _scaled(c, value, by, node.dtype)
    return "delta", tuple(kept.index(x) for x in out), sign, (value,)


def _part(c: Lowering, node: Node, by: Weight) -> LoweredPart:
    sign, value = _scaled(c, c.loose(node.operands[0]), by, node.dtype)
    if node.op is ops.PAD:
        inner, (spec,) = node.operands[0].shape, node.attrs
        back = backwards(spec, inner)
        if value.kind != NUMBER and any(item != ALL for item in back):
            value = c.b.index(c.b.filled(value, inner, node.dtype), back)
        return "slice", tuple(items(spec, inner, node.shape)), sign, (value,)
    indices, axes = node.operands[1:], node.attrs[0]
    along = [counts_along(i) for i in indices]
    unique = set(along) >= set(range(len(indices[0].shape)))
    if not unique and value.kind != NUMBER:  # NumPy 2.4: ufunc.at reads past the end of a value it must stretch
        value = c.b.filled(value, node.operands[0].shape, node.dtype)
    order = (*axes, *(a for a in range(len(node.shape)) if a not in axes))
    return "scatter", (order, unique), sign, (value, *_index_arrays(c, indices))


def _placed(c: Lowering, node: Node) -> Expr:
    return _place(c, node.shape, node.dtype, None, [_part(c, node, ONE)])


# indexing -------------------------------------------------------------------------------------------------


def _slice(c: Lowering, node: Node) -> Expr:
    operand, (spec,) = node.operands[0], node.attrs
    e = c.b.index(c.exact(operand), items(spec, node.shape, operand.shape))
    return c.b.index(e, backwards(spec, node.shape))


def _index_arrays(c: Lowering, indices: Sequence[Node]) -> list[Expr]:
    arrays = [c.b.cast(c.loose(i), INTEGER) for i in indices]
    if broadcast_shape(e.shape for e in arrays) != indices[0].shape:  # together they show the result's shape
        arrays[0] = c.b.filled(arrays[0], indices[0].shape, INTEGER)
    return arrays


def _gather(c: Lowering, node: Node) -> Expr:
    body, *indices = node.operands
    (axes,) = node.attrs
    arrays = _index_arrays(c, indices)
    order = (*axes, *(a for a in range(len(body.shape)) if a not in axes))
    e = c.b.transpose(c.exact(body), order)
    if not indices[0].shape and all(i.kind == NUMBER for i in arrays):
        places = [("take", canonical(to_expr(i.attrs[0]))) for i in arrays]
        return c.b.index(e, [*places, *[ALL] * (len(body.shape) - len(axes))])
    return c.b.make(acts.GATHER, [e, *arrays], (), node.shape, node.dtype)


def _concat(c: Lowering, node: Node) -> Expr:
    return c.b.make(acts.CONCAT, [c.exact(o, node.dtype) for o in node.operands], node.attrs, node.shape, node.dtype)


def _reshape(c: Lowering, node: Node) -> Expr:
    return c.b.reshape(c.exact(node.operands[0]), node.shape)


# reductions -------------------------------------------------------------------------------------------------


def _reduction(c: Lowering, node: Node) -> Expr:
    axes = node.attrs[0] if isinstance(node.attrs[0], tuple) else node.attrs
    return c.b.reduce(acts.named(node.op), c.exact(node.operands[0]), axes, node.dtype)


def _exponentials(c: Lowering, node: Node) -> tuple[Expr, Expr, Expr]:
    """The largest entries, exp(x - largest), and its sum: softmax and logsumexp of one x share them."""
    b, axes = c.b, node.attrs[0]
    x = c.exact(node.operands[0], REAL)
    top = b.reduce(acts.MAX, x, axes, REAL, keepdims=True)
    powers = b.row("exp", [b.add([(x, ONE), (top, Weight(-1))], REAL)], REAL)
    return top, powers, b.reduce(acts.SUM, powers, axes, REAL, keepdims=True)


def _softmax(c: Lowering, node: Node) -> Expr:
    _, powers, total = _exponentials(c, node)
    return c.b.product([powers], [total], ONE, REAL)


def _logsumexp(c: Lowering, node: Node) -> Expr:
    """Where the largest entry is infinite it is the result: x - largest is NaN, which fmax passes over."""
    b, axes = c.b, node.attrs[0]
    top, _, total = _exponentials(c, node)
    safe = b.add([(top, ONE), (b.row("log", [total], REAL), ONE)], REAL)
    e = b.row("fmax", [safe, top], REAL)
    return b.index(e, [("take", 0) if i in axes else ALL for i in range(len(e.shape))])


def _matrix(c: Lowering, node: Node) -> Expr:
    kind = None if node.op in (ops.MULTIPLY, ops.CUMSUM, ops.WINDOWS, ops.ARGSORT) and node.dtype != REAL else REAL
    return MATRICES[node.op](c.b, node, [c.exact(o, kind) for o in node.operands])


def _distances(c: Lowering, node: Node) -> Expr:
    """Of the rows of x and the columns of m, as in x @ m."""
    x, m = (c.exact(o) for o in node.operands)
    axes = range(len(m.shape))
    return c.b.call("distances", [x, c.b.transpose(m, (*axes[:-2], axes[-1], axes[-2]))], (), node.shape, REAL)


RULES: Mapping[ops.Op, Rule] = MappingProxyType({
    ops.INPUT: _leaf, ops.CONSTANT: _leaf, ops.IOTA: _iota, **dict.fromkeys(ops.MARKS, _alias),
    ops.ADD: _add, ops.EINSUM: _einsum, ops.VIEW: _view, ops.ELEMENTWISE: _elementwise, ops.DISTANCES: _distances,
    ops.MAX: _reduction, ops.MIN: _reduction, ops.ARGMAX: _reduction, ops.ARGMIN: _reduction,
    ops.SOFTMAX: _softmax, ops.LOGSUMEXP: _logsumexp,
    ops.SLICE: _slice, ops.PAD: _placed, ops.CONCAT: _concat, ops.RESHAPE: _reshape,
    ops.GATHER: _gather, ops.SCATTER: _placed, **dict.fromkeys(MATRICES, _matrix), ops.SCAN: lowered_scan,
})
