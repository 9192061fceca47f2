"""What only moves entries, and what stands in front of it: onehot(y)/n is 1/n onehot(y), scatter(α v, y) is α onehot(y)' v.

A move is linear in its tensor, so numbers and scalars go in front; where the entries of a scatter are counted along an
axis of the result, whatever varies along that axis alone goes in front as well.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.algebra.axes import counts_along
from symgrad.graphs.algebra.einsum import contract, literal, literal_value, scale, zeros
from symgrad.graphs.algebra.entries import concat, pad, scatter, slices
from symgrad.graphs.algebra.flattening import joined
from symgrad.graphs.algebra.primitives import iota
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Size
from symgrad.graphs.table import rebuild
from symgrad.graphs.textbook.bases import Key, Powers
from symgrad.graphs.textbook.powers import pairs_of, powers_of, unweighted, written
from symgrad.graphs.weights import ONE, Weight

MOVES = frozenset({  # linear in the first operand
    ops.SCATTER, ops.PAD, ops.SLICE, ops.GATHER, ops.RESHAPE, ops.CUMSUM, ops.WINDOWS, ops.OVERLAP})


def moved_form(node: Node) -> Node:
    """A move with all that is the same for its entries in front of it."""
    if node.op in ops.INDEXED:
        node = _as_product(node)
        if node.op not in MOVES:
            return node
    body = node.operands[0]
    if node.op not in MOVES or (literal_value(body) in (None, ONE) and body.op not in (ops.ADD, ops.EINSUM, ops.VIEW)):
        return node
    if body.op is ops.ADD and len(body.operands) != 1:
        return node
    read = powers_of(body)
    axes = _axes(node)
    front = {key: e for key, e in read.bases.items() if all(x in axes for x in key[1])}
    if not front and read.by == ONE:
        return node
    rest = Powers(read.out, read.sizes, ONE, {key: e for key, e in read.bases.items() if key not in front})
    inner = literal(1, body.shape) if not rest.bases else written(rest)
    made = rebuild(node, (inner, *node.operands[1:]))
    if not front:
        return scale(made, read.by)
    outer = Powers(tuple(range(len(node.shape))), dict(enumerate(node.shape)), ONE)
    for (base, labels), e in front.items():
        outer.put(base, tuple(axes[x] for x in labels), e)
    outer.put(made, outer.out, Fraction(1))
    return scale(written(outer), read.by)


def _as_product(node: Node) -> Node:
    """What is gathered or scattered by one vector of indices as a product with one-hot rows; I[j] is onehot(j)."""
    body, *indices = node.operands
    if len(indices) != 1 or len(indices[0].shape) != 1 or counts_along(indices[0]) is not None:
        return node
    (index,), (axis,) = indices, node.attrs[0]
    count = index.shape[0]
    if node.op is ops.GATHER:
        inputs, out = body.attrs if body.op is ops.VIEW else ((), ())
        return onehot(index, body.shape[axis]) if not body.operands and out == (0, 0) and len(body.shape) == 2 else node
    rest = list(range(1, len(body.shape)))
    out = [*rest[:axis], "hot", *rest[axis:]]
    if literal_value(body) is not None and len(body.shape) == 1:
        return node
    rows = onehot(index, node.shape[axis])
    made = contract([rows, body], [(0, "hot"), (0, *rest)], out)
    return made if count else node


def onehot(index: Node, size: Size) -> Node:
    """The rows of the identity at `index`."""
    count = index.shape[0]
    return scatter(literal(1, (count,)), [iota(count), index], (0, 1), (count, size))


def _axes(node: Node) -> dict[Any, Any]:
    """For the axes of the body of a scatter that its entries are counted along: the axis of the result."""
    if node.op is not ops.SCATTER:
        return {}
    body, *indices = node.operands
    width = len(indices[0].shape)
    found: dict[Any, int] = {}
    for axis, index in zip(node.attrs[0], indices, strict=True):
        along = counts_along(index)
        if along is not None and index.shape[along] == node.shape[axis]:
            found.setdefault(along, axis)
    rest = [a for a in range(len(node.shape)) if a not in node.attrs[0]]
    if len(found) == width:
        found |= {width + i: a for i, a in enumerate(rest)}
    return found


# stacks -----------------------------------------------------------------------------------------------------------

STACKED = 6  # entries of an axis that are written one below the other


def stacked(node: Node, least: int = 2) -> Node:
    """A sum of entries in their places as a stack: [2 x_0; -2 x_1]; what no term fills is zero.

    At least so many places are filled: a single one is written with a unit vector, but within a stack.
    """
    for axis, size in enumerate(node.shape):
        if isinstance(size, int) and 1 < size <= STACKED:
            parts = _placed(node, axis, least)
            if parts is not None:
                return concat(parts, axis, size)
    return node


def _placed(node: Node, axis: int, least: int) -> list[Node] | None:
    """What stands at each place of an axis, if every term of a sum is at one place."""
    rows: dict[int, list[tuple[Node, Weight]]] = {}
    shape = (*node.shape[:axis], 1, *node.shape[axis + 1:])
    for term, by in pairs_of(node):
        read = powers_of(term)
        key = next((key for key, e in read.bases.items() if e == 1 and _is_place(key, axis)), None)
        if key is None or any(axis in labels for _, labels in read.bases if (_, labels) != key):
            return None
        (operand,), (spec,), labels = key[0].operands, key[0].attrs, key[1]
        start = spec[labels.index(axis)][0]
        if not isinstance(start, int):
            return None
        below = pad(operand, [0 if x == axis else s for x, (s, _) in zip(labels, spec, strict=True)],
                    [step for _, step in spec], tuple(shape[x] for x in labels))
        bases = {k: e for k, e in read.bases.items() if k != key}
        rest = Powers(read.out, {**read.sizes, axis: 1}, read.by, bases)
        rest.put(below, labels, Fraction(1))
        rows.setdefault(start, []).append((written(rest), by))
    if len(rows) < least:
        return None
    return [stacked(joined(rows[i]), 1) if i in rows else zeros(shape) for i in range(int(node.shape[axis]))]


def _is_place(key: Key, axis: int) -> bool:
    """Padding that puts one entry of an axis of the sum in its place."""
    node, labels = key
    if node.op is not ops.PAD or axis not in labels or not all(isinstance(x, int) for x in labels):
        return False
    place = labels.index(axis)
    return node.operands[0].shape[place] == 1 and node.attrs[0][place][1] == 1


def picked_columns(node: Node) -> Node:
    """W e_0 is W[:, 0]: a matrix at a unit vector is a column."""
    if node.op is not ops.EINSUM:
        return node
    inputs, out = node.attrs
    for i, (unit, labels) in enumerate(zip(node.operands, inputs, strict=True)):
        if unit.op is not ops.PAD or len(labels) != 1 or labels[0] in out or unit.operands[0].shape != (1,):
            continue
        if literal_value(unit.operands[0]) != ONE or sum(names.count(labels[0]) for names in inputs) != 2:
            continue
        j, names = next((j, names) for j, names in enumerate(inputs) if j != i and labels[0] in names)
        other = node.operands[j]
        if other.op not in ops.BEARERS and other.op is not ops.SLICE:
            continue
        place = names.index(labels[0])
        starts: list[Any] = [unit.attrs[0][0][0] if a == place else 0 for a in range(len(names))]
        column = slices(other, starts, [1] * len(names), tuple(1 if a == place else n for a, n in enumerate(other.shape)))
        operands = [column if k == j else o for k, o in enumerate(node.operands) if k != i]
        rest = [each for k, each in enumerate(inputs) if k != i]
        return contract(operands, rest, out, dict(zip(out, node.shape, strict=True)))
    return node


def scaled_stack(node: Node) -> Node:
    """2 [x; y] is [2 x; 2 y]; what stands in a stack is written out."""
    bare, by = unweighted(node)
    if bare.op is ops.CONCAT and bare is node:
        parts = [scaled_stack(o) if o.op is ops.CONCAT else stacked(o, 1) for o in node.operands]
        return concat(parts, node.attrs[0], node.shape[node.attrs[0]])
    if bare is node or bare.op is not ops.CONCAT:
        return node
    return concat([scaled_stack(scale(o, by)) for o in bare.operands], bare.attrs[0], bare.shape[bare.attrs[0]])
