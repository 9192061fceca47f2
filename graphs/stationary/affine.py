"""Is a graph affine in a node, or quadratic, and what are its coefficients? The algebra of stationary points.

`degrees` bounds the degree of every node as a polynomial in some variables, from operands to consumers: a
product adds, a sum takes the largest, what only moves entries keeps it, a function of the variables has none
(`MANY`). The bound is never too low, so what it calls affine is affine; the first node beyond a degree is the
term that stands in the way. `terms` writes a node as a sum of flat products whose labels can be read: a label on
a row and on the same column is a delta, operands without a label in common are factors of a Kronecker product.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal_value, scale, zeros
from symgrad.graphs.algebra.flattening import Factor, Term, is_mixed
from symgrad.graphs.algebra.primitives import add, elementwise
from symgrad.graphs.node import Node, topological, transform
from symgrad.graphs.rewrites.declared import Facts, symmetric
from symgrad.graphs.rewrites.patterns import bare
from symgrad.graphs.sizes import Size
from symgrad.graphs.table import rebuild
from symgrad.graphs.weights import MINUS, ONE, Weight, inverse, plus, times

MANY = 99  # the degree of what is no polynomial
MOVES = ops.LINEAR - ops.SUMS


class Obstacle(Exception):
    """Why there is no closed form: a kind of reason, the node that stands in the way, the variables, a number, a fact."""

    def __init__(self, kind: str, node: Node | None, variables: Sequence[Node], number: int = 0, fact: str = "") -> None:
        super().__init__(kind)
        self.kind, self.node, self.variables, self.number, self.fact = kind, node, tuple(variables), number, fact


def degrees(roots: Sequence[Node], variables: Iterable[Node]) -> dict[Node, int]:
    """A bound of the degree in `variables` of every node below `roots`."""
    found = dict.fromkeys(variables, 1)
    for node in topological(roots, enter=lambda n: n not in found):
        if node not in found:
            found[node] = _degree(node, [found[o] for o in node.operands])
    return found


def _degree(node: Node, below: Sequence[int]) -> int:
    if not any(below):
        return 0
    if node.op is ops.ADD:
        return max(below)
    if node.op is ops.EINSUM:
        return min(sum(below), MANY)
    if node.op in MOVES and not any(below[1:] if node.op in ops.INDEXED else ()):
        return max(below)
    if node.op is ops.SOLVE and not below[0]:
        return below[1]
    if node.op is ops.ELEMENTWISE and node.attrs[0] in ("where", "taken") and not below[0]:
        return max(below)
    if node.op is ops.ELEMENTWISE and node.attrs[0] == "power" and not below[1]:
        by = literal_value(node.operands[1])
        if by is not None and by.factor is None and isinstance(by.number, int) and by.number >= 0:
            return min(by.number * below[0], MANY)
    return MANY


def first_beyond(root: Node, variables: Sequence[Node], most: int) -> Node | None:
    """The first node below `root` whose degree is above `most`; None where there is none."""
    found = degrees([root], variables)
    return next((node for node in topological([root]) if found.get(node, 0) > most), None)


def substituted(node: Node, values: Mapping[Node, Node]) -> Node:
    """`node` with nodes replaced; what changes below a display name loses the name."""
    (result,) = transform([node], _unnamed, dict(values))
    return result


def _unnamed(node: Node, operands: tuple[Node, ...]) -> Node:
    return operands[0] if node.op is ops.NAMED and operands != node.operands else rebuild(node, operands)


def at_zero(node: Node, variable: Node) -> Node:
    """The value where `variable` is zero."""
    return substituted(node, {variable: zeros(variable.shape)})


def tidy(node: Node) -> Node:
    """The same value in the form in which equal things meet.

    The last two labels of a symmetric operand are in order (S' r is S r), and the first positive weight of
    a sum (of those without a size, if there are) is 1 and stands in front, so that it can be cancelled.
    """
    return transform([node], _tidied, {})[0]


def _tidied(node: Node, operands: tuple[Node, ...]) -> Node:
    node = rebuild(node, operands)
    if node.op is ops.ADD and len(node.operands) > 1:
        first = min(node.attrs[0], key=lambda by: (by.factor is not None, by.number < 0))
        if first != ONE and math.isfinite(first.number):
            over = inverse(first)
            return scale(add(node.operands, [times(by, over) for by in node.attrs[0]]), first)
    if node.op in ops.PRODUCTS:
        inputs, out = node.attrs
        turned = [(*x[:-2], x[-1], x[-2]) if len(x) > 1 and x[-2] > x[-1] and is_symmetric(o) else x
                  for o, x in zip(node.operands, inputs, strict=True)]
        if turned != list(inputs):
            return contract(node.operands, turned, out, dict(zip(out, node.shape, strict=True)))
    return node


def positive_sign(node: Node) -> Node:
    """-(a - b) c as (b - a) c: a minus in front of a product goes into a sum that has one."""
    if node.op is not ops.ADD or len(node.operands) != 1 or node.attrs[0][0].number > 0:
        return node
    (inner,) = node.operands
    for place, part in enumerate(inner.operands if inner.op in ops.PRODUCTS else ()):
        if part.op is ops.ADD and any(by.number < 0 for by in part.attrs[0]):
            ranked = sorted(zip(part.attrs[0], part.operands, strict=True), key=lambda each: each[0].number > 0)
            turned = add([o for _, o in ranked], [times(by, MINUS) for by, _ in ranked])
            operands = [*inner.operands[:place], turned, *inner.operands[place + 1:]]
            return scale(rebuild(inner, tuple(operands)), times(node.attrs[0][0], MINUS))
    return node


# flat products ----------------------------------------------------------------------------------------


def terms(node: Node, opened: Container[Node] = ()) -> list[Term]:
    """`node` as a sum of terms; like terms are one.

    Sums and scalars inside a product stay one operand unless they are `opened`.
    """
    merged: dict[Node, Term] = {}
    rest: list[Term] = []
    stack = [(ONE, node)]
    while stack:
        by, node = stack.pop()
        node = bare(node)
        parts = _parts(node, opened)
        if parts is not None:
            stack.extend((times(by, each), part) for each, part in reversed(parts))
            continue
        term = _flat(node, by, opened)
        key = term.over(term.factors, term.out)
        if key not in merged:
            merged[key] = term
        elif (both := plus(merged[key].by, by)) is not None:
            merged[key] = replace(merged[key], by=both)
        else:
            rest.append(term)
    return [term for term in (*merged.values(), *rest) if term.by.number]


def _parts(node: Node, opened: Container[Node]) -> list[tuple[Weight, Node]] | None:
    """The summands of a node; None where it is one product."""
    if node.op is ops.ADD:
        return list(zip(node.attrs[0], node.operands, strict=True))
    if node.op not in ops.PRODUCTS:
        return None
    operands = [bare(operand) for operand in node.operands]
    inputs, out = node.attrs
    sizes = dict(zip(out, node.shape, strict=True))
    if any(new is not old for new, old in zip(operands, node.operands, strict=True)):
        return [(ONE, contract(operands, inputs, out, sizes))]
    for place, operand in enumerate(operands):
        if operand.op is ops.ADD and (len(operands) == 1 or operand in opened or is_mixed(operand)):
            return [(by, contract([*operands[:place], part, *operands[place + 1:]], inputs, out, sizes))
                    for by, part in zip(operand.attrs[0], operand.operands, strict=True)]
    return None


def _flat(node: Node, by: Weight, opened: Container[Node]) -> Term:
    """A product or view as one term, products inside flattened."""
    fresh = count()
    sizes: dict[int, Size] = {}

    def new(size: Size) -> int:
        label = next(fresh)
        sizes[label] = size
        return label

    place: dict[int, int] = {}
    inner = node.attrs[1] if node.op in ops.PRODUCTS else tuple(range(len(node.shape)))
    for label, size in zip(inner, node.shape, strict=True):
        if label not in place:
            place[label] = new(size)
    out = tuple(place[label] for label in inner)
    if node.op not in ops.PRODUCTS:
        return Term(by, ((node, out),), out, sizes)
    done: list[Factor] = []
    stack: list[tuple[Node, dict[int, int]]] = [(node, place)]
    while stack:
        each, outer = stack.pop()
        for operand, labels in zip(each.operands, each.attrs[0], strict=True):
            for label, size in zip(labels, operand.shape, strict=True):
                if label not in outer:
                    outer[label] = new(size)
            mine = tuple(outer[x] for x in labels)
            plain = not any(o.op is ops.NAMED for o in operand.operands)
            if operand.op is ops.EINSUM and (operand.shape or operand in opened) and plain:
                stack.append((operand, dict(zip(operand.attrs[1], mine, strict=True))))
            else:
                done.append((operand, mine))
    return Term(by, tuple(done), out, sizes)


def is_symmetric(node: Node) -> bool:
    """Is a matrix symmetric in its last two axes, by what is declared or by its form?"""
    return symmetric(node, Facts(declared=True))


def total(parts: Sequence[Term]) -> Node:
    """The sum of terms, as a node."""
    return add([term.over(term.factors, term.out) for term in parts], [term.by for term in parts])


def scaled(parts: Sequence[Term], by: Weight) -> list[Term]:
    """All terms times a weight."""
    return [replace(term, by=times(term.by, by)) for term in parts]


def reciprocal(node: Node) -> Node:
    """1 / node, with its weight in front."""
    if node.op is ops.ADD and len(node.operands) == 1:
        return scale(reciprocal(node.operands[0]), inverse(node.attrs[0][0]))
    return elementwise("reciprocal", [node])


def negative(node: Node) -> Node:
    """-1 times a node."""
    return scale(node, Weight(-1))
