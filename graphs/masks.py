"""Cases in derivatives: what is zero by a condition stays zero, whatever it is multiplied with.

The cotangent of the branch of `where(c, f(x), g(x))` is `u [c]`, and zero times an infinite f'(x) is no number:
x log(x) where x > 0, else 0, would have no derivative at 0. So a factor that may be infinite is selected by the
condition before it meets such a cotangent, and stands for the condition: `u where(c, f'(x), 0)`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import reduce
from weakref import WeakKeyDictionary

from symgrad.graphs.einsum import contract, literal, literal_value
from symgrad.graphs.node import BOOLEAN, Node
from symgrad.graphs.patterns import bare
from symgrad.graphs.primitives import elementwise
from symgrad.graphs.sizes import Size
from symgrad.graphs.weights import Weight

Label = Hashable
Factor = tuple[Node, tuple[Label, ...]]
# Rows whose value may be infinite, or no number, where the argument is finite (exp overflows).
UNBOUNDED = frozenset("reciprocal log log1p log_or_zero exp expm1 power sqrt tan sinh cosh arcsin arccos".split())
ZERO = Weight(0)
SEEN = 24  # pieces of a factor that are looked at
DEEPEST = 6  # forms inside forms that are looked into for conditions
MOST = 4  # terms of a sum that is zero by conditions
_known: WeakKeyDictionary[Node, bool] = WeakKeyDictionary()


def guarded(u: Node, labels: Sequence[Label], factors: Sequence[Factor]) -> list[Factor]:
    """The factors of `u * factors`, `u` with axes `labels`: those that may be infinite are zero where `u` must be."""
    labels = tuple(labels)
    masks = conditions(u, labels) if conditional(u) and any(unbounded(node) for node, _ in factors) else []
    if not masks:
        return [(u, labels), *factors]
    sizes: dict[Label, Size] = {}
    for node, names in ((u, labels), *factors):
        sizes.update(zip(names, node.shape, strict=True))
    made = [_selected(factor, masks, sizes) if unbounded(factor[0]) else factor for factor in factors]
    return [*_unmasked(u, labels), *made]


def conditional(node: Node) -> bool:
    """Is the value zero by a condition, as far as the form says? Each node is asked once."""
    stack = [node]
    while stack:
        top = stack[-1]
        inner = top.operands if top.op in ("add", "einsum", "view", "named") else ()
        unknown = [] if top in _known else [o for o in inner if o not in _known]
        if unknown:
            stack += unknown
            continue
        stack.pop()
        each = [_known[o] for o in inner]
        _known[top] = (_test(top) is not None if top.op == "elementwise" else
                       bool(each) and all(each) if top.op == "add" else any(each))
    return _known[node]


def conditions(u: Node, labels: tuple[Label, ...], depth: int = DEEPEST) -> list[Factor]:
    """Conditions, with their axes, without any of which `u` is zero."""
    node = bare(u)
    if depth == 0 or not conditional(node):
        return []
    if node.op == "elementwise":
        test = _test(node)
        return [] if test is None else [(test, labels)]
    if node.op == "add":
        each = [conditions(operand, labels, depth - 1) for operand in node.operands]
        return each[0] if len(each) == 1 else _any_of(each, dict(zip(labels, node.shape, strict=True)))
    inputs, out = node.attrs
    place = dict(zip(out, labels, strict=True))  # of a repeated axis the last: seeds come first
    found = [conditions(operand, tuple(place[x] for x in names), depth - 1)
             for operand, names in zip(node.operands, inputs, strict=True) if all(x in place for x in names)]
    return list(dict.fromkeys(factor for factors in found for factor in factors))


def _any_of(terms: Sequence[Sequence[Factor]], sizes: Mapping[Label, Size]) -> list[Factor]:
    """The condition of a sum: one of the terms has all of its conditions."""
    if not all(terms) or len(terms) > MOST:
        return []
    wide = tuple(dict.fromkeys(x for factors in terms for _, names in factors for x in names))
    place = {x: sizes[x] for x in wide}
    met = [reduce(_both, (contract([test], [names], wide, place) for test, names in factors)) for factors in terms]
    return [(reduce(_either, met), wide)]


def _both(a: Node, b: Node) -> Node:
    return elementwise("logical_and", [a, b])


def _either(a: Node, b: Node) -> Node:
    return elementwise("logical_or", [a, b])


def _test(node: Node) -> Node | None:
    """The condition without which `node` is zero: a comparison, or cases that are zero otherwise."""
    tests: list[Node] = []
    while node.op == "elementwise" and node.dtype != BOOLEAN and node.attrs[0] == "where" and len(tests) < MOST:
        tests.append(node.operands[0])
        node = bare(node.operands[2])
        if literal_value(node) == ZERO:
            return reduce(_either, tests)
    return node if not tests and node.op == "elementwise" and node.dtype == BOOLEAN else None


def unbounded(node: Node) -> bool:
    """May the value be infinite, or not a number, where all symbols are finite? Judged by its outer form."""
    stack, seen = [node], 0
    while stack and seen < SEEN:
        node = bare(stack.pop())
        seen += 1
        if node.op == "elementwise" and node.attrs[0] in UNBOUNDED:
            return True
        if node.op in ("add", "einsum", "view"):
            stack.extend(node.operands)
    return False


def _selected(factor: Factor, masks: Sequence[Factor], sizes: Mapping[Label, Size]) -> Factor:
    node, names = factor
    wide = tuple(dict.fromkeys((*names, *(x for _, each in masks for x in each))))
    place = {x: sizes[x] for x in wide}
    node = contract([node], [names], wide, place)
    for test, each in masks:
        chosen = contract([test], [each], wide, place)
        node = elementwise("where", [chosen, node, literal(ZERO, node.shape)])
    return node, wide


def _unmasked(u: Node, labels: tuple[Label, ...]) -> list[Factor]:
    """`u` without the factors of it that are conditions."""
    if u.op == "elementwise" and u.dtype == BOOLEAN:
        return []
    if u.op not in ("einsum", "view"):
        return [(u, labels)]
    inputs, out = u.attrs
    rest = [(operand, names) for operand, names in zip(u.operands, inputs, strict=True)
            if operand.op != "elementwise" or operand.dtype != BOOLEAN or not all(x in out for x in names)]
    return [(contract([n for n, _ in rest], [names for _, names in rest], out, dict(zip(out, u.shape, strict=True))),
             labels)]
