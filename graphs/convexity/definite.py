"""Is a matrix positive semidefinite for all values of its symbols? Read from its structure.

A Gram matrix X' diag(s) X with s >= 0, a diagonal without negative entries, blocks and Kronecker products of such, and
their sums are. A matrix that is declared positive definite, and the inverse of one that is, become products L L' of a
symbol that stands for a root, so that B'AB is a Gram matrix of L'B by its form.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, scale
from symgrad.graphs.algebra.flattening import Label, Term
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.convexity.interval import Interval
from symgrad.graphs.facts import POSITIVE_DEFINITE, facts_of
from symgrad.graphs.node import REAL, Node, Symbol, topological, transform
from symgrad.graphs.structure.form import BLOCKS, DENSE, DIAGONAL, GRAM, KRONECKER, LOW_RANK, SUM, MatrixForm
from symgrad.graphs.structure.grouping import Classes
from symgrad.graphs.structure.reading import structure_of
from symgrad.graphs.table import rebuild

Values = Callable[[Node], Interval]
ROOTS = -10_000_000  # owners of symbols that stand for roots
LARGEST_GRAPH, LARGEST_ARRAY = 400, 500  # nodes of a matrix that is looked at; rows of a constant


def is_semidefinite(node: Node, batch: int, rows: int, values: Values, deepest: int = 4) -> bool:
    """Is every matrix of `node`, with its `batch` axes in front and `rows` axes of rows, positive semidefinite?"""
    if len(topological([node])) > LARGEST_GRAPH or node.shape[batch:batch + rows] != node.shape[batch + rows:]:
        return False
    return _is_so(structure_of(_with_roots(node, values, deepest), batch, rows), values, deepest)


def _with_roots(node: Node, values: Values, deepest: int) -> Node:
    """The node with products of roots in the place of matrices that are known to be positive definite."""
    number = 0

    def rule(each: Node, operands: tuple[Node, ...]) -> Node:
        nonlocal number
        made = rebuild(each, operands)
        known = POSITIVE_DEFINITE in facts_of(each) or (each.op is ops.CONSTANT and is_definite_array(each))
        if each.op is ops.INVERSE and each is not node and deepest:
            known = is_semidefinite(each.operands[0], len(each.shape) - 2, 1, values, deepest - 1)
        if not known:
            return made
        number += 1
        root = input_node(Symbol("data", "root", owner=ROOTS - number), each.shape, REAL)
        stack = tuple(range(len(each.shape) - 2))
        return contract([root, root], [(*stack, "i", "k"), (*stack, "j", "k")], (*stack, "i", "j"))

    if node.op is ops.CONSTANT and is_definite_array(node, exactly=False):
        return contract([], [], (0, 0), {0: node.shape[0]})  # as definite as the identity
    if node.op is ops.INVERSE and deepest:
        return _with_roots(node.operands[0], values, deepest - 1)  # as definite as the matrix itself
    return transform([node], rule, {})[0]


def is_definite_array(node: Node, exactly: bool = True) -> bool:
    """Is a constant matrix (exactly symmetric, or its symmetric part) positive definite, far beyond rounding?"""
    value = np.asarray(node.attrs[0].value)
    square = value.ndim == 2 and value.shape[0] == value.shape[1] and value.dtype.kind in "fiu"
    if not square or not 0 < len(value) <= LARGEST_ARRAY:
        return False
    if (exactly and not np.array_equal(value, value.T)) or not np.isfinite(value).all():
        return False
    eigenvalues = np.linalg.eigvalsh((value + value.T) / 2.0)
    return bool(eigenvalues[0] > 1e-10 * len(value) * np.abs(eigenvalues).max())


def _is_so(form: MatrixForm, values: Values, deepest: int) -> bool:
    if not form.square:
        return False
    if not form.terms or form.kind == DIAGONAL:
        return not form.terms or values(form.nodes[0]).nonnegative
    if form.kind == GRAM:
        return values(form.nodes[1]).nonnegative
    if form.kind in (KRONECKER, BLOCKS):
        parts = form.parts if form.kind == KRONECKER else form.parts[:1]
        return all(_is_so(part, values, deepest) for part in parts)
    if form.kind in (SUM, LOW_RANK):
        return all(_is_so(part, values, deepest) for part in form.parts)
    if form.kind == DENSE and deepest and len(form.terms) > 1:
        return all(_is_so(structure_of(term.node(), form.batch, form.rows), values, deepest - 1) for term in form.terms)
    return len(form.terms) == 1 and _is_mirrored(form.terms[0], form, values)


def _is_mirrored(term: Term, form: MatrixForm, values: Values) -> bool:
    """Is a product cut in two equal halves by some of its summed labels: (L'B)'(L'B)?"""
    rows, columns = (frozenset(term.out[a] for a in axes) for axes in (form.row_axes, form.column_axes))
    batch = set(term.out[:form.batch])
    places: dict[Label, set[tuple[Node, int]]] = {}
    twice: set[Label] = set()
    for node, labels in term.factors:
        for position, x in enumerate(labels):
            if x not in term.out and (node, position) in places.setdefault(x, set()):
                twice.add(x)
            places.setdefault(x, set()).add((node, position))
    if rows & columns or not twice:
        return False
    cuts = [twice, *({x} for x in sorted(twice))]
    return any(_halves(term, form, rows, columns, batch, cut, values) for cut in cuts)


def _halves(term: Term, form: MatrixForm, rows: frozenset[Label], columns: frozenset[Label], batch: set[Label],
            cut: set[Label], values: Values) -> bool:
    join = Classes()
    for i, (_, labels) in enumerate(term.factors):
        for x in labels:
            if x not in cut and x not in batch:
                join.union(i, ("label", x))
    roots = {i: join.find(i) for i in range(len(term.factors))}
    sides = [{roots[i] for i, (_, labels) in enumerate(term.factors) if not side.isdisjoint(labels)}
             for side in (rows, columns)]
    if sides[0] & sides[1] or not rows | columns <= term.held:
        return False
    front = (*term.out[:form.batch], *sorted(cut))

    def half(which: set[Hashable], axes: Sequence[int]) -> Node:
        factors = [f for i, f in enumerate(term.factors) if roots[i] in which]
        return term.over(factors, (*front, *(term.out[a] for a in axes)))

    between = [f for i, f in enumerate(term.factors) if roots[i] not in sides[0] | sides[1]]
    middle = scale(term.over(between, front), term.by)
    return half(sides[0], form.row_axes) is half(sides[1], form.column_axes) and values(middle).nonnegative
