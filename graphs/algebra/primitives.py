"""Constructors of the primitives that compute: leaves, sums, scalar functions, reductions.

Constructors do only what is local and always right: a zero, a one, like terms, a delta or a broadcast
that all operands share. Everything else is a rewrite (`rewrites/stable.py`).

| op            | operands        | attributes                                    |
|---------------|-----------------|-----------------------------------------------|
| input         |                 | (Symbol,)                                     |
| constant      |                 | (Array,)                                      |
| iota          |                 | () : 0, 1, ..., n - 1                         |
| add           | terms           | (weights,)                                    |
| einsum, view  | see einsum.py   | (labels of operands, labels of the output)    |
| elementwise   | operands        | (row of rows.py,)                             |
| named         | tensor          | (display name,)                               |
| stop          | tensor          | () : a constant for differentiation           |
| tracked       | tensor, mode, state, next state | (): the state moves in training (`graphs/phases.py`) |
| max, min      | tensor          | (axes,) reduced                               |
| argmax, argmin| tensor          | (axis,)                                       |
| softmax       | tensor          | (axes,)                                       |
| logsumexp     | tensor          | (axes,) reduced                               |
| slice         | tensor          | ((start, step) of each axis,)                 |
| pad           | tensor          | ((start, step) of each axis,): slice's transpose |
| concat        | tensors         | (axis,)                                       |
| reshape       | tensor          | ()                                            |
| gather        | tensor, indices | (indexed axes,): indices first, then the rest |
| scatter       | tensor, indices | (indexed axes,): gather's transpose           |

Matrices are in `linear.py`, what runs along an axis (products, running sums, windows) in `running.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, joins_weight, joint_dtype, literal, literal_value, scale, zeros
from symgrad.graphs.algebra.entries import concat as concat
from symgrad.graphs.algebra.entries import gather as gather
from symgrad.graphs.algebra.entries import pad as pad
from symgrad.graphs.algebra.entries import reshape as reshape
from symgrad.graphs.algebra.entries import scatter as scatter
from symgrad.graphs.algebra.entries import slices as slices
from symgrad.graphs.algebra.entries import uniform
from symgrad.graphs.algebra.rows import ROWS
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL, Array, Node, Symbol, make
from symgrad.graphs.sizes import Shape, Size
from symgrad.graphs.weights import ONE, Weight, from_expr, is_far, is_integer, magnitude, plus, times, to_expr


def input_node(symbol: Symbol, shape: Shape, dtype: str) -> Node:
    """The leaf of a symbol; `shape` with the sample axis first."""
    return make(ops.INPUT, (), (symbol,), shape, dtype)


def constant(array: Array, shape: Shape, dtype: str) -> Node:
    """The leaf of a constant array."""
    return make(ops.CONSTANT, (), (array,), shape, dtype)


def iota(size: Size) -> Node:
    """0, 1, ..., size - 1."""
    return make(ops.IOTA, (), (), (size,), INTEGER)


def named(node: Node, name: str) -> Node:
    """The same tensor under a display name; rewrites that flatten stop here."""
    while node.op is ops.NAMED:
        node = node.operands[0]
    return make(ops.NAMED, (node,), (name,), node.shape, node.dtype)


def stop(node: Node) -> Node:
    """The same value, with derivative zero."""
    return make(ops.STOP, (node,), (), node.shape, node.dtype)


def tracked(node: Node, mode: Node, state: Node, after: Node) -> Node:
    """The same value, which says that `state` becomes `after` where `mode` holds; `graphs/phases.py` reads it.

    Where it is known whether the mode holds, nothing is said.
    """
    if mode.op is not ops.INPUT:
        return node
    return make(ops.TRACKED, (node, mode, state, after), (), node.shape, node.dtype)


def add(nodes: Sequence[Node], weights: Sequence[Weight] | None = None) -> Node:
    """The weighted sum of nodes of one shape; like terms merge, in the order of first occurrence."""
    if len(nodes) == 1 and weights is None:
        return nodes[0]
    shape = nodes[0].shape
    sums: dict[Node, list[Weight]] = {}
    for node, by in zip(nodes, weights or [ONE] * len(nodes), strict=True):
        if node.shape != shape:
            raise ValueError(f"terms of shapes {shape} and {node.shape}")
        while node.op is ops.ADD and len(node.operands) < 2:
            if not node.operands:
                by = Weight(0)
                break
            if not joins_weight(node, by) or (
                    is_far(node.attrs[0][0]) and literal_value(node) is None):  # 2^32 a + 2^32 a is 2 (2^32 a)
                break
            by, node = times(by, node.attrs[0][0]), node.operands[0]
        _merge(sums.setdefault(node, []), by)
    terms = [(node, by) for node, parts in sums.items() for by in parts if by.number != 0]
    if not terms:
        return zeros(shape, joint_dtype(nodes))
    if len(terms) == 1:
        return scale(*terms[0])
    common = magnitude(terms[0][1])
    if common != ONE and all(magnitude(by) == common for _, by in terms):  # 1/T a - 1/T b
        plain = [(node, Weight(1 if by.number > 0 else -1)) for node, by in terms]
        return scale(_sum(plain, shape), common)
    return _sum(terms, shape)


def _merge(parts: list[Weight], by: Weight) -> None:
    for i, part in enumerate(parts):
        joined = plus(part, by)
        if joined is not None:
            parts[i] = joined
            return
    parts.append(by)


def _sum(terms: list[tuple[Node, Weight]], shape: Shape) -> Node:
    nodes = [node for node, _ in terms]
    groups = shared_pattern(nodes)
    if groups is not None:  # a delta or a broadcast that every term has moves in front of the sum
        kept = [group for group in groups if group is not None]
        compact = [_compact(node, groups) for node in nodes]
        inner = add(compact, [by for _, by in terms])
        return _expand(inner, kept, shape)
    weights = tuple(by for _, by in terms)
    dtype = joint_dtype(nodes) if all(is_integer(by) for by in weights) else REAL
    return make(ops.ADD, tuple(nodes), (weights,), shape, dtype)


def shared_pattern(nodes: Sequence[Node]) -> list[tuple[int, ...] | None] | None:
    """Axes that all `nodes` repeat as one delta, and (None) axes along which all of them are constant.

    Gives groups of axes, each group one axis of the compact form, or None if there is nothing to share.
    """
    if not all(node.op is ops.VIEW for node in nodes):
        return None
    rank = len(nodes[0].shape)
    labels = [[node.attrs[1][axis] for node in nodes] for axis in range(rank)]
    held = [set(node.attrs[0][0]) if node.operands else set() for node in nodes]
    groups: dict[tuple[int, ...], list[int]] = {}
    for axis in range(rank):
        groups.setdefault(tuple(labels[axis]), []).append(axis)
    result: list[tuple[int, ...] | None] = []
    for key, axes in groups.items():
        constant_axis = len(axes) == 1 and all(
            label not in have and node.attrs[1].count(label) == 1
            for label, have, node in zip(key, held, nodes, strict=True))
        result.append(None if constant_axis else tuple(axes))
    if all(group is not None and len(group) == 1 for group in result):
        return None
    return result


def _compact(node: Node, groups: Sequence[tuple[int, ...] | None]) -> Node:
    """`node` with each group of axes as one axis and constant axes dropped."""
    inner_in, inner_out = node.attrs
    kept = [group for group in groups if group is not None]
    if not node.operands:
        out = [inner_out[group[0]] for group in kept]
        return contract([], [], out, {inner_out[g[0]]: node.shape[g[0]] for g in kept})
    sizes = {inner_out[g[0]]: node.shape[g[0]] for g in kept}
    return contract(node.operands, inner_in, [inner_out[g[0]] for g in kept], sizes)


def _expand(inner: Node, kept: Sequence[tuple[int, ...]], shape: Shape) -> Node:
    label = {axis: i for i, axes in enumerate(kept) for axis in axes}
    out = [label.get(axis, len(kept) + axis) for axis in range(len(shape))]
    return contract([inner], [range(len(kept))], out, dict(zip(out, shape, strict=True)))


def elementwise(row: str, operands: Sequence[Node]) -> Node:
    """The scalar function `row` of operands of one shape, entry by entry."""
    shape = operands[0].shape
    spec = ROWS[row]
    if len(operands) != spec.arity:
        raise ValueError(f"{row} takes {spec.arity} operands, got {len(operands)}")
    values = [literal_value(node) for node in operands]
    if row in ("where", "taken") and (branch := _branch(row, operands, values[0])) is not None:
        return branch
    if row == "taken" and (short := _taken(operands, values)) is not None:
        return short
    if all(v is not None for v in values):
        folded = _fold(row, [v for v in values if v is not None])
        if folded is not None:
            return literal(folded, shape)
    hoisted = _hoist(row, operands, values, shape) if shape else None
    if hoisted is not None:
        return hoisted
    dtype = spec.dtype
    if dtype == "same":
        same = operands[1:] if row == "where" else operands
        truth = row in TRUTH and all(node.dtype == BOOLEAN for node in same)
        dtype = BOOLEAN if truth else joint_dtype(same)
    return make(ops.ELEMENTWISE, operands, (row,), shape, dtype)


def _branch(row: str, operands: Sequence[Node], condition: Weight | None) -> Node | None:
    """The branch that is taken in any case, under a condition that is a number; else None."""
    if condition is None or condition.factor is not None:
        return None
    branch = operands[1] if condition.number else operands[2] if row == "where" else zeros(operands[1].shape)
    return branch if branch.dtype == joint_dtype(operands[1:]) or row == "taken" else None


def _taken(operands: Sequence[Node], values: Sequence[Weight | None]) -> Node | None:
    """What is finite needs no condition, and weights stand in front; None for all else."""
    condition, value = operands
    if value.dtype != REAL or values[1] is not None:
        return value
    if value.op is ops.ADD and len(value.operands) == 1:
        return scale(elementwise("taken", [condition, value.operands[0]]), value.attrs[0][0])
    same = value.op is ops.ELEMENTWISE and value.attrs[0] == "taken" and value.operands[0] is condition
    return value if same else None


def as_real(node: Node) -> Node:
    """`node` as real numbers: a derivative is never a count or a truth value."""
    return node if node.dtype == REAL else elementwise("real", [node])


TRUTH = ("where", "maximum", "minimum")  # of two truth values: a truth value


def _hoist(row: str, operands: Sequence[Node], values: Sequence[Weight | None], shape: Shape) -> Node | None:
    """A broadcast that all operands share moves behind the function: exp of s ones is ones of exp s."""
    varying: set[int] = set()
    parts: list[tuple[Weight, Node]] = []
    for node, value in zip(operands, values, strict=True):
        by = ONE
        if node.op is ops.ADD and len(node.operands) == 1 and value is None:
            by, node = node.attrs[0][0], node.operands[0]
        if value is None:
            if node.op is not ops.VIEW:
                return None
            held = set(node.attrs[0][0]) if node.operands else set()
            out = node.attrs[1]
            varying.update(a for a, label in enumerate(out) if label in held or out.count(label) > 1)
        parts.append((by, node))
    kept = sorted(varying)
    if len(kept) == len(shape):
        return None
    small = tuple(shape[axis] for axis in kept)
    inner = []
    for (by, node), value in zip(parts, values, strict=True):
        if value is not None:
            inner.append(literal(value, small))
        else:
            labels, out = node.attrs
            inner.append(scale(contract(node.operands, labels, [out[a] for a in kept],
                                        {out[a]: shape[a] for a in kept}), by))
    result = elementwise(row, inner)
    return contract([result], [tuple(kept)], range(len(shape)), dict(enumerate(shape)))


def _fold(row: str, values: Sequence[Weight]) -> Weight | None:
    """The value at literals where it is rational, else None (sqrt(2) stays sqrt(2))."""
    spec = ROWS[row]
    if spec.dtype == BOOLEAN or any(v.factor is not None or isinstance(v.number, float) or magnitude(v).number > 1000
                                    for v in values):
        return None
    result = spec.formula.subs(dict(zip(spec.symbols, map(to_expr, values), strict=True)))
    return from_expr(result) if isinstance(result, sp.Rational) else None


def reduction(op: ops.Op, node: Node, axes: Sequence[int]) -> Node:
    """max, min or logsumexp over `axes`."""
    axes = tuple(sorted(axes))
    if not axes:
        return node
    shape = tuple(s for i, s in enumerate(node.shape) if i not in axes)
    if op is ops.LOGSUMEXP:
        empty = any(node.shape[a] == 0 for a in axes)  # the logarithm of the empty sum
        return literal(-math.inf, shape) if empty else make(op, (node,), (axes,), shape, REAL)
    return uniform(node, shape) or make(op, (node,), (axes,), shape, node.dtype)


def argument(op: ops.Op, node: Node, axis: int) -> Node:
    """argmax or argmin along `axis`: the first position."""
    shape = node.shape[:axis] + node.shape[axis + 1:]
    return make(op, (node,), (axis,), shape, INTEGER)


def softmax(node: Node, axes: Sequence[int]) -> Node:
    """exp(x - logsumexp(x)) along `axes`, stable by construction."""
    if not axes or 0 in node.shape:
        return literal(1, node.shape)
    return make(ops.SOFTMAX, (node,), (tuple(sorted(axes)),), node.shape, REAL)
