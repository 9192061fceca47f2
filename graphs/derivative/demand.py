"""Supports of cotangents: outside of its support a cotangent is zero, and what it meets there contributes nothing.

`where`, max, min, relu, clip and indices select. What they do not take has the cotangent 0, but 0 * infinity is NaN:
a local derivative, or a factor, that may be infinite or NaN there must not be multiplied. So the reverse pass carries
the support of every cotangent along (None: all entries), and `taken` makes such factors zero outside of it. It is part
of no formula, since what it changes is multiplied by zero; and as it is linear, with itself as derivative, second order
and forward mode follow.

What may be anything depends on who selects. max and its kin look at all candidates: a NaN would have won, so only
forms matter that turn numbers into infinities (`Suspects.wild`). `where` and indices look at nothing: given numbers that
they leave out may be NaN themselves (`Support.unseen`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.axes import counts_along
from symgrad.graphs.algebra.einsum import contract, literal, literal_value
from symgrad.graphs.algebra.formulas import lower
from symgrad.graphs.algebra.primitives import elementwise, reduction
from symgrad.graphs.algebra.rows import ROWS, partial
from symgrad.graphs.derivative.covers import cover, holds_somewhere
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL, Node, topological
from symgrad.graphs.primitive import Demand, Primitive, Pull
from symgrad.graphs.sizes import Size

TAME = frozenset({
    "real", "sin", "cos", "sinc", "sinc_derivative", "tanh", "arctan", "arcsinh", "erf", "erfc", "log_ndtr", "hazard",
    "sigmoid", "softplus",
    "silu", "gelu", "abs", "sign", "floor", "ceil", "round", "relu", "leaky_relu", "elu", "maximum", "minimum", "clip",
    "where", "taken",
    "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "logical_and", "logical_or", "logical_not",
    "isnan", "isfinite", "isinf",
})  # finite, with finite derivatives, wherever their operands are finite
UNTAMED = ops.MATRICES | ops.SPECTRA  # infinite where a matrix is singular
CHOOSING = frozenset({"where", "maximum", "minimum", "relu", "clip", "leaky_relu", "elu", "abs", "taken"})
TAKING = (ops.SLICE, ops.GATHER)
ORDERS = {sp.Gt: frozenset({1}), sp.Ge: frozenset({0, 1}), sp.Eq: frozenset({0}), sp.Ne: frozenset({-1, 1}),
          sp.Le: frozenset({-1, 0}), sp.Lt: frozenset({-1})}  # the signs of a - b
Entries = Sequence[Node | None]  # a condition for each operand; None: all of it


@dataclass(frozen=True, slots=True)
class Support:
    """The entries outside of which a cotangent is zero; `unseen`: what lies there had no say in it."""

    condition: Node
    unseen: bool


class Suspects:
    """What may be infinite or NaN outside of a support. One for a reverse pass: each node is looked at once."""

    def __init__(self) -> None:
        self._wild: dict[Node, bool] = {}
        self._given: dict[Node, bool] = {}

    def wild(self, node: Node) -> bool:
        """May it be infinite or NaN, or have such derivatives, although the inputs are finite?"""
        return self._any(node, self._wild, _is_wild)

    def given(self, node: Node) -> bool:
        """Does it depend on data? A parameter that not all entries look at is taken to be finite."""
        return self._any(node, self._given, _is_given)

    def _any(self, node: Node, known: dict[Node, bool], test: Callable[[Node], bool]) -> bool:
        if node not in known:
            for n in topological([node], enter=lambda n: n not in known):
                if n not in known:
                    known[n] = test(n) or any(known[o] for o in n.operands)
        return known[node]

    def anything(self, node: Node, support: Support | None) -> bool:
        """May `node` be anything outside of the support?"""
        if support is None or node.dtype != REAL or literal_value(node) is not None:
            return False
        return self.wild(node) or support.unseen and node.op is not ops.IOTA


def _is_wild(node: Node) -> bool:
    if node.op is ops.ELEMENTWISE:
        counts = node.attrs[0] == "reciprocal" and node.operands[0].dtype == INTEGER  # of ties: one at least
        return node.attrs[0] not in TAME and not counts
    return node.op in UNTAMED


def _is_given(node: Node) -> bool:
    return node.op is ops.CONSTANT or node.op is ops.INPUT and node.attrs[0].kind != "parameter" and node.dtype == REAL


def selects(nodes: Iterable[Node]) -> bool:
    """Does one of the nodes leave entries out?"""
    return any(node.op in (ops.MAX, ops.MIN, *TAKING) or node.op is ops.ELEMENTWISE and node.attrs[0] in CHOOSING
               for node in nodes)


def supports(row: Primitive, node: Node, support: Support | None, suspects: Suspects) -> list[Support | None]:
    """The support of the cotangent of each operand, given that of `node`: None where nothing below needs one.

    `row` is that of the operation of `node`.
    """
    found: list[Support | None] = []
    passed: Entries = [None] * len(node.operands)
    if support is not None or node.op in TAKING:
        passed = row.demand(node, support.condition if support is not None else literal(1, node.shape))
    unseen = node.op in TAKING or node.op is ops.ELEMENTWISE and node.attrs[0] in ("where", "taken")
    for operand, condition, own in zip(node.operands, passed, conditions(node), strict=True):
        if own is not None:
            condition = own if condition is None or condition is own else elementwise("logical_and", [condition, own])
        each = None if condition is None else Support(condition, unseen or support is not None and support.unseen)
        found.append(each if each is not None and (each.unseen or suspects.wild(operand)) else None)
    return found


# who selects --------------------------------------------------------------------------------------------------


def conditions(node: Node) -> list[Node | None]:
    """Where `node` takes each operand, if it chooses: 0 is its derivative elsewhere."""
    if node.op in (ops.MAX, ops.MIN):
        return [hit(node)]
    if node.op is not ops.ELEMENTWISE or node.attrs[0] not in CHOOSING:
        return [None] * len(node.operands)
    if node.attrs[0] in ("where", "taken"):
        condition = _truth(node.operands[0])
        return [None, condition, elementwise("logical_not", [condition])][:len(node.operands)]
    env = dict(zip(ROWS[node.attrs[0]].symbols, node.operands, strict=True))
    tests = [nonzero(partial(node.attrs[0], i)) for i in range(len(node.operands))]
    return [None if test is None else lower(test, env, node.shape) for test in tests]


def hit(node: Node) -> Node:
    """The entries that are the largest, or smallest."""
    (operand,), (axes,) = node.operands, node.attrs
    labels = range(len(operand.shape))
    top = contract([node], [[i for i in labels if i not in axes]], labels, dict(zip(labels, operand.shape, strict=True)))
    return elementwise("equal", [operand, top])


@cache
def nonzero(formula: sp.Basic) -> sp.Basic | None:
    """Where a derivative with cases is not zero; None for everywhere.

    >>> from symgrad.graphs.algebra.rows import partial
    >>> nonzero(partial("relu", 0)), nonzero(partial("maximum", 1))
    (x0 > 0, x0 <= x1)
    """
    if formula.func.__name__ == "mask":
        return formula.args[0]
    if isinstance(formula, sp.sign):
        return sp.Ne(formula.args[0], 0)
    if isinstance(formula, sp.Piecewise) and any(value == 0 for value, _ in formula.args):
        return _cases(formula)
    return None


def _cases(formula: sp.Piecewise) -> sp.Basic:
    """The cases of which the value is not zero, as one condition: a > b or a = b is a >= b."""
    tests = {test for _, test in formula.args if test != sp.true}
    sides = {test.args for test in tests}
    if len(sides) == 1 and all(test.func in ORDERS for test in tests):  # SymPy takes half a second for that
        left, taken = frozenset((-1, 0, 1)), frozenset[int]()
        for value, test in formula.args:
            here = left if test == sp.true else left & ORDERS[test.func]
            taken, left = taken if value == 0 else taken | here, left - here
        relation = next((relation for relation, signs in ORDERS.items() if signs == taken), None)
        if relation is not None:
            return relation(*sides.pop())
    found, before = sp.false, sp.false
    for value, test in formula.args:
        if value != 0:
            found = sp.Or(found, sp.And(test, sp.Not(before)))
        before = sp.Or(before, test)
    return found.simplify()


# how supports pass on -----------------------------------------------------------------------------------------


def everything(node: Node, demand: Node) -> Entries:
    """All entries of the operands may count, whichever do of the node."""
    return [None] * len(node.operands)


def same_entries(node: Node, demand: Node) -> Entries:
    """Entry by entry."""
    return [demand] * len(node.operands)


def first_entries(node: Node, demand: Node) -> Entries:
    """Those of the first operand, whose value it is."""
    return [demand, *[None] * (len(node.operands) - 1)]


def product_entries(node: Node, demand: Node) -> Entries:
    """By labels."""
    inputs, out = node.attrs
    return [along(demand, out, names, operand.shape) for names, operand in zip(inputs, node.operands, strict=True)]


def moved_entries(rule: Pull) -> Demand:
    """Of what moves entries: the transposed move, put to truth values."""
    def entries(node: Node, demand: Node) -> Entries:
        return [None if part is None else _truth(part) for part in rule(node, demand, 0)]

    return entries


def reduced_entries(node: Node, demand: Node) -> Entries:
    """All that was reduced."""
    (operand,), (axes,) = node.operands, node.attrs
    labels = range(len(operand.shape))
    return [along(demand, [i for i in labels if i not in axes], labels, operand.shape)]


def softmax_entries(node: Node, demand: Node) -> Entries:
    """One entry that counts needs its whole row."""
    labels = range(len(node.shape))
    return [_rows(demand, labels, [i for i in labels if i not in node.attrs[0]], node.operands[0])]


def multiplied_entries(node: Node, demand: Node) -> Entries:
    """All factors."""
    (operand,), (axis, order) = node.operands, node.attrs
    kept = [i for i in range(len(operand.shape)) if i != axis]
    return [_rows(demand, [*kept, *(("more", i) for i in range(order))], kept, operand)]


def matrix_entries(node: Node, demand: Node) -> Entries:
    """Matrix by matrix."""
    matrix = node.operands[0]
    stack = list(range(len(matrix.shape) - 2))
    places = [*stack, *(("inside", i) for i in range(len(node.shape) - len(stack)))]
    return [_rows(demand, places, stack, matrix)]


def solve_entries(node: Node, demand: Node) -> Entries:
    """Matrix by matrix; of a right side column by column."""
    labels, stack = range(len(node.shape)), len(node.operands[0].shape) - 2
    return [*matrix_entries(node, demand), _rows(demand, labels, [i for i in labels if i != stack], node.operands[1])]


def _rows(demand: Node, labels: Sequence[object], kept: Sequence[int], operand: Node) -> Node | None:
    """All of `operand` along the axes that are not `kept`, where one entry counts."""
    row = along(demand, labels, kept, [operand.shape[i] for i in kept])
    return None if row is None else along(row, kept, range(len(operand.shape)), operand.shape)


def along(demand: Node, labels: Sequence[object], names: Sequence[object], shape: Sequence[Size]) -> Node | None:
    """The condition `demand`, with axes `labels`, on a tensor with axes `names`: of several entries one is enough."""
    if len(set(labels)) != len(labels) or len(set(names)) != len(names):
        return None
    if not set(labels) <= set(names):
        if demand.op is ops.VIEW and demand.operands and len(set(demand.attrs[1])) == len(demand.attrs[1]):
            (inner,), out = demand.attrs
            back = dict(zip(out, labels, strict=True))
            demand, labels = demand.operands[0], [back[x] for x in inner]
        axes = [i for i, x in enumerate(labels) if x not in names]
        if _one_in_each(demand, axes) or holds_somewhere(demand, axes) or any(demand.shape[i] == 0 for i in axes):
            return None
        demand = reduction(ops.MAX, demand, axes)
        labels = [x for x in labels if x in names]
    sizes = dict(zip(names, shape, strict=True))
    return contract([demand], [labels], names, sizes)


def _one_in_each(demand: Node, axes: Sequence[int]) -> bool:
    """Does `demand` hold somewhere along `axes`, whatever the other axes: places t, y_t for every t?"""
    if demand.op is not ops.ELEMENTWISE or demand.attrs[0] != "not_equal" or demand.operands[0].op is not ops.SCATTER:
        return False
    places = demand.operands[0]
    body, *indices = places.operands
    if literal_value(body) is None:
        return False
    for axis, index in zip(places.attrs[0], indices, strict=True):
        p = counts_along(index)
        if axis not in axes and (p is None or index.shape[p] != places.shape[axis]):
            return False
    return True


def either(parts: Sequence[Support | None]) -> Support | None:
    """What counts for one of several consumers counts."""
    first = parts[0]
    if len(parts) > 1 and cover([part.condition if part is not None else None for part in parts]):
        return None
    for part in parts[1:]:
        if first is None or part is None:
            return None
        if part.condition is not first.condition:
            first = Support(elementwise("logical_or", [first.condition, part.condition]), first.unseen)
        first = replace(first, unseen=first.unseen or part.unseen)
    return first


def _truth(node: Node) -> Node:
    return node if node.dtype == BOOLEAN else elementwise("not_equal", [node, literal(0, node.shape)])


# what is not taken --------------------------------------------------------------------------------------------


def taken(value: Node, condition: Node | None, lead: int = 0) -> Node:
    """`value`, with `lead` seed axes in front, zero where the condition does not hold: no part of the formula."""
    if condition is None:
        return value
    labels = range(len(value.shape))
    everywhere = contract([condition], [labels[lead:]], labels, dict(zip(labels, value.shape, strict=True)))
    return elementwise("taken", [everywhere, value])


def chosen(value: Node, condition: Node) -> Node:
    """The same as a choice that the formula shows."""
    return elementwise("where", [condition, value, literal(0, value.shape)])


def without(u: Node, demand: Node, lead: int) -> Node:
    """`u` without the factor `demand`, which what it is multiplied with has as a condition."""
    base, names, out = u, tuple(range(len(u.shape))), tuple(range(len(u.shape)))
    if u.op is ops.VIEW and u.operands:
        (names,), out = u.attrs
        (base,) = u.operands
    sizes = dict(zip(out, u.shape, strict=True))
    if base is demand:
        return contract([], [], out, sizes) if names == out[lead:] else u
    if base.op is not ops.EINSUM:
        return u
    inputs, inner = base.attrs
    label = {x: names[i] for i, x in enumerate(inner)}
    factors = [(o, tuple(label.get(x, ("inner", x)) for x in labels))
               for o, labels in zip(base.operands, inputs, strict=True)]
    rest = [pair for pair in factors if pair != (demand, out[lead:])]
    if len(rest) == len(factors):
        return u
    held = {x for _, labels in rest for x in labels}
    if any(("inner", x) not in held for labels in inputs for x in labels if x not in label):
        return u  # the condition alone held a summed label
    return contract([o for o, _ in rest], [labels for _, labels in rest], out, sizes)
