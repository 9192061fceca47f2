"""What the terms of a sum are functions of: entries of x, lengths |x - m| of groups of entries, or one product a'x + b."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.flattening import Term
from symgrad.graphs.algebra.formulas import lower
from symgrad.graphs.algebra.primitives import add, elementwise
from symgrad.graphs.node import Node, topological, transform
from symgrad.graphs.proximal.scalars import Coupled, EntryFormulas, X
from symgrad.graphs.stationary.affine import degrees, terms
from symgrad.graphs.table import rebuild
from symgrad.graphs.weights import MINUS, ONE


@dataclass(frozen=True)
class Lengths:
    """Lengths of x - `middle` over all axes but those `kept`; `formulas`: what nodes are in such a length X."""

    middle: Node | None
    kept: tuple[int, ...]
    formulas: dict[Node, sp.Expr]


def upright(root: Node, x: Node) -> Node:
    """Functions of a transposed matrix as the transposed matrix of functions."""
    def rule(node: Node, operands: tuple[Node, ...]) -> Node:
        turned = [o for o in operands if o.op is ops.VIEW and o.operands and sorted(o.attrs[1]) == sorted(o.attrs[0][0])
                  and len(set(o.attrs[1])) == len(o.attrs[1])]
        if node.op in (ops.ELEMENTWISE, ops.ADD) and len(node.shape) > 1 and turned:
            (names,), out = turned[0].attrs
            if all(o.attrs == turned[0].attrs for o in turned):
                back = [contract([o], [out], names) for o in operands]
                inner = add(back, node.attrs[0]) if node.op is ops.ADD else elementwise(node.attrs[0], back)
                return contract([inner], [names], out)
        return rebuild(node, operands)

    return transform([root], rule, {})[0]


def lengths(parts: Sequence[Term], x: Node, live: Collection[Node], scalars: EntryFormulas) -> Lengths:
    """The lengths that all functions in `parts` are functions of. Raises Coupled where there are none."""
    degree = degrees([node for term in parts for node, _ in term.factors], [x])
    found: Lengths | None = None
    for node in topological([factor for term in parts for factor, _ in term.factors]):
        if degree.get(node) != 2 or node.op not in ops.PRODUCTS or node not in live:
            continue
        mine = _length(node, x, live, degree, scalars)
        if mine is None or len(mine.kept) == len(x.shape):
            continue
        if found is None:
            found = mine
        elif found.kept == mine.kept and found.middle is mine.middle:
            found = Lengths(found.middle, found.kept, {**found.formulas, **mine.formulas})
        else:
            raise Coupled(node)
    if found is None:
        raise Coupled(parts[0].node())
    return found


def _length(node: Node, x: Node, live: Collection[Node], degree: dict[Node, int], scalars: EntryFormulas) -> Lengths | None:
    """A sum of squares of entries of a (x - m), a the same for all that are summed."""
    parts = terms(node, live)
    if len(parts) != 1:
        return None
    (term,) = parts
    mine = [factor for factor in term.factors if factor[0] in live]
    if len(mine) != 2 or mine[0] != mine[1] or len(set(mine[0][1])) != len(mine[0][1]):
        return None
    (u, labels), _ = mine
    if u.shape != x.shape or not set(term.out) <= set(labels) or len(set(term.out)) != len(term.out):
        return None
    kept = tuple(labels.index(label) for label in term.out)
    if list(kept) != sorted(kept):
        return None
    try:
        formula = sp.expand(scalars.of(u, {x: X}))
        fixed = [factor for factor in term.factors if factor[0] not in live]
        if any(not set(each) <= set(term.out) for _, each in fixed):
            return None
        by = scalars.constant(term.over(fixed, term.out)) if fixed else sp.S.One
    except Coupled:
        return None
    slope, rest = formula.coeff(X, 1), formula.coeff(X, 0)
    varying = [n for n, s in scalars.symbols.items() if s in slope.free_symbols and n.shape]
    if varying or formula.is_polynomial(X) is False or sp.degree(formula, X) != 1:
        return None
    middle = None
    if rest != 0:
        middle = lower(sp.simplify(-rest / slope), scalars.nodes(x.shape), x.shape)
    weight = sp.Mul(by, scalars.number(term.by))
    return Lengths(middle, kept, {node: weight * slope**2 * X**2})


def product_with(parts: Sequence[Term], x: Node, live: Collection[Node]) -> Node:
    """The one affine number a'x + b that all functions in `parts` are functions of. Raises Coupled."""
    roots = [factor for term in parts for factor, _ in term.factors]
    degree = degrees(roots, [x])
    found = [node for node in topological(roots, enter=lambda n: degree.get(n, 0) > 1)
             if not node.shape and degree.get(node) == 1 and node in live]
    bases: list[Node] = []
    for node in found:
        inner = node
        while inner.op is ops.ADD and len([o for o in inner.operands if o in live]) == 1:
            (inner,) = [o for o in inner.operands if o in live]
        if inner not in bases:
            bases.append(inner)
    if len(bases) != 1:
        raise Coupled(parts[0].node())
    return bases[0]


def difference(a: Node, b: Node | None) -> Node:
    """a - b; `a` where there is no b."""
    return a if b is None else add([a, b], [ONE, MINUS])
