"""What a structured matrix does: products, solves, its diagonal, blocks and all entries, as nodes.

Everything follows the structure (`reading.py`): a diagonal divides, blocks are a stack, the factors of a
Kronecker product act one after the other, `X' diag(s) X v` is three small products, a diagonal plus low rank is
solved by the formula of Sherman, Morrison and Woodbury (Golub and Van Loan, Matrix Computations, 2.1.4). A
delta is never formed: a vector is contracted with the terms of a sum one by one where one of them is a delta.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal_value, scale, zeros
from symgrad.graphs.algebra.flattening import Term, is_mixed
from symgrad.graphs.algebra.flattening import product as product_of
from symgrad.graphs.algebra.linear import solve as solve_node
from symgrad.graphs.algebra.primitives import add, elementwise, reshape
from symgrad.graphs.node import Node
from symgrad.graphs.rewrites.patterns import bare, positive
from symgrad.graphs.sizes import Size
from symgrad.graphs.sizes import product as size_of
from symgrad.graphs.structure.form import BLOCKS, DENSE, DIAGONAL, GRAM, KRONECKER, LOW_RANK, SUM, MatrixForm
from symgrad.graphs.weights import MINUS, ONE

Factors = Sequence[tuple[Node, Sequence[Any]]]


def _lay(node: Node, labels: Sequence[Hashable], out: Sequence[Hashable]) -> Node:
    return contract([node], [labels], out)


def _extra(form: MatrixForm, v: Node, axes: range) -> tuple[int, ...]:
    """Labels for the axes of `v` behind its batch and matrix axes: it is a vector for each of their entries."""
    count = len(v.shape) - form.batch - len(axes)
    return tuple(range(len(form.shape), len(form.shape) + count))


# products ---------------------------------------------------------------------------------------------


def apply(form: MatrixForm, v: Node) -> Node:
    """The matrix times `v`, of axes batch, columns and any number of others; the result has rows instead."""
    batch, rows, columns = tuple(range(form.batch)), tuple(form.row_axes), tuple(form.column_axes)
    extra = _extra(form, v, form.column_axes)
    given, wanted = (*batch, *columns, *extra), (*batch, *rows, *extra)
    if form.kind == DIAGONAL:
        return contract([form.nodes[0], v], [(*batch, *rows), (*batch, *rows, *extra)], wanted)
    if form.kind == BLOCKS:
        (lead, over), (inner_rows, inner_columns) = form.pairs
        row_of = dict(zip(over, lead, strict=True))
        u = _lay(v, [row_of.get(x, x) for x in given], (*batch, *lead, *inner_columns, *extra))
        return _lay(apply(form.parts[0], u), (*batch, *lead, *inner_rows, *extra), wanted)
    if form.kind == KRONECKER and not form.shared:
        return _one_after_another(form, v, given, wanted, False)
    if form.kind == GRAM:
        x, s = form.nodes
        summed = tuple(("s", i) for i in range(form.shared))
        u = contract([x, v], [(*batch, *summed, *columns), given], (*batch, *summed, *extra))
        u = contract([s, u], [(*batch, *summed), (*batch, *summed, *extra)], (*batch, *summed, *extra))
        return contract([x, u], [(*batch, *summed, *rows), (*batch, *summed, *extra)], wanted)
    if form.kind == LOW_RANK:
        left, right = form.nodes
        u = contract([right, v], [(*batch, *columns, "r"), given], (*batch, "r", *extra))
        return add([apply(form.parts[0], v),
                    contract([left, u], [(*batch, *rows, "r"), (*batch, "r", *extra)], wanted)])
    if form.kind == SUM:
        return add([apply(part, v) for part in form.parts])
    parts = [_times(term, form, v, extra) for term in form.terms]
    return add(parts) if parts else zeros((*(form.shape[a] for a in (*batch, *rows)), *v.shape[len(v.shape) - len(extra):]))


def _one_after_another(form: MatrixForm, v: Node, given: Sequence[int], wanted: Sequence[int], inverse: bool) -> Node:
    """The factors of a Kronecker product, each on its own axes."""
    batch, labels = tuple(range(form.batch)), tuple(given)
    for part, (rows, columns) in zip(form.parts, form.pairs, strict=True):
        near, far = (rows, columns) if inverse else (columns, rows)
        if part.identity:
            rename = dict(zip(near, far, strict=True))
            labels = tuple(rename.get(x, x) for x in labels)
            continue
        others = tuple(x for x in labels if x not in near and x not in batch)
        v = _lay(v, labels, (*batch, *near, *others))
        v = solve(part, v) if inverse else apply(part, v)
        labels = (*batch, *far, *others)
    return _lay(v, labels, wanted)


def _times(term: Term, form: MatrixForm, v: Node, extra: Sequence[int]) -> Node:
    """A term times a vector. What lies on the columns only meets it first, then a sum among the factors term by
    term, then the rest."""
    behind = tuple(("x", i) for i in extra)
    batch = term.out[:form.batch]
    columns = [term.out[a] for a in form.column_axes]
    rows = [term.out[a] for a in form.row_axes]
    out = (*batch, *rows, *behind)
    sizes: dict[Any, Size] = {**term.sizes, **dict(zip(behind, v.shape[len(v.shape) - len(behind):], strict=True))}
    vector: tuple[Node, Sequence[Any]] = (v, (*batch, *columns, *behind))
    mixed = next((factor for factor in term.factors if is_mixed(factor[0])), None)
    if mixed is None:
        return scale(product_of([*term.factors, vector], out, sizes), term.by)
    rest = [factor for factor in term.factors if factor is not mixed]
    near = [f for f in rest if not set(f[1]).isdisjoint(columns) and set(f[1]).isdisjoint(rows)]
    far = [f for f in rest if f not in near]
    later = {x for _, labels in far for x in labels}.union(out)
    u = _join([*near, vector], later.union(mixed[1]), sizes)
    middle = tuple(x for x in dict.fromkeys((*u[1], *mixed[1])) if x in later)
    return scale(spread([*far, (spread([mixed, u], middle, sizes), middle)], out, sizes), term.by)


def _join(factors: Factors, needed: set[Any], sizes: Mapping[Any, Size]) -> tuple[Node, tuple[Any, ...]]:
    """The product of `factors` over the labels that are needed later."""
    out = tuple(x for x in dict.fromkeys(x for _, labels in factors for x in labels) if x in needed)
    return product_of(factors, out, sizes), out


def spread(factors: Factors, out: Sequence[Any], sizes: Mapping[Any, Size]) -> Node:
    """The product of `factors`, distributed over sums with a delta among their terms."""
    place = next((i for i, (node, _) in enumerate(factors) if is_mixed(node)), None)
    if place is None:
        return product_of(factors, out, sizes)
    node, labels = factors[place]
    rest = [factor for i, factor in enumerate(factors) if i != place]
    return add([spread([*rest, (operand, labels)], out, sizes) for operand in node.operands], node.attrs[0])


# entries ----------------------------------------------------------------------------------------------


def diagonal(form: MatrixForm) -> Node:
    """The diagonal of a square matrix, with the axes batch and rows."""
    batch, rows = tuple(range(form.batch)), tuple(form.row_axes)
    out = (*batch, *rows)
    if form.kind == DIAGONAL:
        return form.nodes[0]
    if form.kind == BLOCKS:
        return _lay(diagonal(form.parts[0]), (*batch, *form.pairs[0][0], *form.pairs[1][0]), out)
    if form.kind == KRONECKER and all(len(r) == len(c) for r, c in form.pairs):
        summed = tuple(("s", i) for i in range(form.shared))
        return contract([diagonal(part) for part in form.parts], [(*batch, *summed, *r) for r, _ in form.pairs], out)
    if form.kind in (SUM, LOW_RANK):
        return add([diagonal(part) for part in form.parts])
    parts = [_on_the_diagonal(term, form) for term in form.terms]
    return add(parts) if parts else zeros(form.shape[:form.batch + form.rows])


def _on_the_diagonal(term: Term, form: MatrixForm) -> Node:
    same: dict[Any, Any] = {}

    def find(x: Any) -> Any:
        while x in same:
            x = same[x]
        return x

    for r, c in zip(form.row_axes, form.column_axes, strict=True):
        a, b = find(term.out[r]), find(term.out[c])
        if a != b:
            same[b] = a
    factors = [(node, [find(x) for x in labels]) for node, labels in term.factors]
    out = [find(x) for x in term.out[:form.batch + form.rows]]
    return scale(spread(factors, out, term.sizes), term.by)


def dense(form: MatrixForm) -> Node:
    """All entries, with the axes batch, rows, columns. A Gram matrix is formed as Z' Z where s is not negative."""
    batch, rows, columns = tuple(range(form.batch)), tuple(form.row_axes), tuple(form.column_axes)
    out = (*batch, *rows, *columns)
    if form.kind == DENSE:
        if form.source is not None or not form.terms:
            return form.source or zeros(form.shape)
        return add([term.node() for term in form.terms])
    if form.kind == DIAGONAL:
        return _lay(form.nodes[0], (*batch, *rows), (*batch, *rows, *rows))
    if form.kind == BLOCKS:
        (lead, over), (inner_rows, inner_columns) = form.pairs
        row_of = dict(zip(over, lead, strict=True))
        return _lay(dense(form.parts[0]), (*batch, *lead, *inner_rows, *inner_columns), [row_of.get(x, x) for x in out])
    if form.kind == KRONECKER:
        summed = tuple(("s", i) for i in range(form.shared))
        return contract([dense(part) for part in form.parts], [(*batch, *summed, *r, *c) for r, c in form.pairs], out)
    if form.kind == GRAM:
        return _gram(form, batch, rows, columns)
    return add([dense(part) for part in form.parts])


def _gram(form: MatrixForm, batch: Sequence[Any], rows: Sequence[Any], columns: Sequence[Any]) -> Node:
    x, s = form.nodes
    summed = tuple(("s", i) for i in range(form.shared))
    near, far, out = (*batch, *summed, *rows), (*batch, *summed, *columns), (*batch, *rows, *columns)
    by, inside = (s.attrs[0][0], s.operands[0]) if s.op is ops.ADD and len(s.operands) == 1 else (ONE, s)
    if literal_value(s) is None and not_negative(inside):
        z = contract([elementwise("sqrt", [inside]), x], [(*batch, *summed), near], near)
        return scale(contract([z, z], [near, far], out), by)
    same = x.op is ops.VIEW and bool(x.operands) and set(x.attrs[1][:form.batch]).isdisjoint(x.attrs[0][0])
    if form.batch and same:  # one X for the whole stack
        size = dict(zip(near, x.shape, strict=True))
        alone = contract(x.operands, x.attrs[0], x.attrs[1][form.batch:],
                         dict(zip(x.attrs[1][form.batch:], x.shape[form.batch:], strict=True)))
        rest = near[form.batch:], far[form.batch:]
        pair = contract([alone, alone], rest, (*summed, *rows, *columns))  # so that one product serves all
        return contract([s, pair], [(*batch, *summed), (*summed, *rows, *columns)], out, {a: size[a] for a in batch})
    return contract([x, s, x], [near, (*batch, *summed), far], out)


def not_negative(node: Node) -> bool:
    """Not negative by form: positive, a square, or a product such as p (1 - p) with p in [0, 1]."""
    node = bare(node)
    if node.op is ops.EINSUM and set(node.attrs[1]) == {x for labels in node.attrs[0] for x in labels}:
        pairs = list(zip(node.operands, node.attrs[0], strict=True))
        odd = [operand for i, (operand, _) in enumerate(pairs) if pairs.count(pairs[i]) % 2]
        return all(positive(operand) or _complement(operand) for operand in odd)
    return positive(node) or _complement(node)


def _complement(node: Node) -> bool:
    """1 - p with p in [0, 1]."""
    node = bare(node)
    if node.op is not ops.ADD or node.attrs[0] != (ONE, MINUS) or literal_value(node.operands[0]) != ONE:
        return False
    p = bare(node.operands[1])
    return p.op is ops.SOFTMAX or (p.op is ops.ELEMENTWISE and p.attrs[0] == "sigmoid")


def blocks(form: MatrixForm) -> Node | None:
    """The blocks of a block-diagonal matrix: batch axes, block axes, rows and columns inside a block; else None.

    Those of a diagonal are of size 1 x 1; of `I ⊗ A` and `A ⊗ I` they are all the same.
    """
    if form.kind == BLOCKS:
        return dense(form.parts[0])
    if form.kind == DIAGONAL:
        entries = form.nodes[0]
        axes = range(len(entries.shape))
        return contract([entries], [axes], (*axes, "r", "c"), {"r": 1, "c": 1})
    if form.kind != KRONECKER or form.shared:
        return None
    parts = list(zip(form.parts, form.pairs, strict=True))
    alone = [r for part, (r, _) in parts if part.kind == DIAGONAL]
    rest = [(part, pair) for part, pair in parts if part.kind != DIAGONAL]
    if not alone:
        return None
    batch, lead = tuple(range(form.batch)), tuple(a for r in alone for a in r)
    rows = tuple(a for _, (r, _) in rest for a in r)
    columns = tuple(a for _, (_, c) in rest for a in c)
    nodes = [part.nodes[0] for part, _ in parts if part.kind == DIAGONAL] + [dense(part) for part, _ in rest]
    labels = [(*batch, *r) for r in alone] + [(*batch, *r, *c) for _, (r, c) in rest]
    return contract(nodes, labels, (*batch, *lead, *rows, *columns))


# solves -----------------------------------------------------------------------------------------------


def solve(form: MatrixForm, b: Node) -> Node:
    """x with the matrix times x = `b`, of axes batch, rows and any number of others; the result has columns instead."""
    batch, rows, columns = tuple(range(form.batch)), tuple(form.row_axes), tuple(form.column_axes)
    extra = _extra(form, b, form.row_axes)
    given, wanted = (*batch, *rows, *extra), (*batch, *columns, *extra)
    if form.kind == DIAGONAL:
        return b if form.identity else contract(
            [elementwise("reciprocal", [form.nodes[0]]), b], [(*batch, *rows), given], given)
    if form.kind == BLOCKS:
        (lead, over), (inner_rows, inner_columns) = form.pairs
        row_of = dict(zip(over, lead, strict=True))
        u = solve(form.parts[0], _lay(b, given, (*batch, *lead, *inner_rows, *extra)))
        return _lay(u, (*batch, *lead, *inner_columns, *extra), [row_of.get(x, x) for x in wanted])
    if form.kind == KRONECKER and not form.shared and all(part.square for part in form.parts):
        return _one_after_another(form, b, given, wanted, True)
    if form.kind == LOW_RANK:
        return _woodbury(form, b, given)
    return _eliminated(form, b)


def _woodbury(form: MatrixForm, b: Node, given: Sequence[Any]) -> Node:
    """D^-1 b - D^-1 U (I + V' D^-1 U)^-1 V' D^-1 b."""
    batch, rows = tuple(range(form.batch)), tuple(form.row_axes)
    extra = tuple(given[form.batch + form.rows:])
    left, right = form.nodes
    rank = left.shape[-1]
    reciprocal = elementwise("reciprocal", [form.parts[0].nodes[0]])
    scaled_b = contract([reciprocal, b], [(*batch, *rows), given], given)
    scaled_u = contract([reciprocal, left], [(*batch, *rows), (*batch, *rows, "r")], (*batch, *rows, "r"))
    small = contract([right, scaled_b], [(*batch, *rows, "r"), given], (*batch, "r", *extra))
    inner_axes = (*batch, "q", "r") if rank > 1 else batch
    inner = contract([right, scaled_u], [(*batch, *rows, "q"), (*batch, *rows, "r")], inner_axes)
    front = dict(zip(batch, form.shape, strict=False))
    if rank == 1:
        inverse = elementwise("reciprocal", [add([contract([], [], batch, front), inner])])
        small = contract([inverse, small], [batch, (*batch, "r", *extra)], (*batch, "r", *extra))
    else:
        inner = add([contract([], [], (*batch, "r", "r"), {**front, "r": rank}), inner])
        small = _as_vectors(solve_node, inner, small, form.batch)
    taken = contract([scaled_u, small], [(*batch, *rows, "r"), (*batch, "r", *extra)], given)
    return add([scaled_b, taken], [ONE, MINUS])


def _as_vectors(f: Any, a: Node, b: Node, batch: int) -> Node:
    """f(a, b) with all axes of `b` behind its matrix axis as one."""
    whole = reshape(b, (*b.shape[:batch + 1], size_of(b.shape[batch + 1:])))
    return reshape(f(a, whole), b.shape)


def _eliminated(form: MatrixForm, b: Node) -> Node:
    """By elimination, on all entries."""
    front = form.shape[:form.batch]
    row_shape, column_shape = (tuple(form.shape[a] for a in axes) for axes in (form.row_axes, form.column_axes))
    if len(row_shape) == len(column_shape) == 1:
        return solve_node(dense(form), b)
    order, other = size_of(row_shape), b.shape[form.batch + form.rows:]
    a = reshape(dense(form), (*front, order, order))
    flat = reshape(b, (*front, order, size_of(other)))
    return reshape(solve_node(a, flat), (*front, *column_shape, *other))
