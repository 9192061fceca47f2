"""Stacks and slices undo each other: a slice of a stack is a piece of it, pieces side by side are the whole.

[u; v][n:] is v, also within what is done entry by entry; a sum of paddings that fill an axis is a stack; a stack of
neighbouring slices of one tensor, f(x[:2]) and f(x[2:]), is f(x).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal, literal_value, scale
from symgrad.graphs.algebra.entries import concat, slices
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Size
from symgrad.graphs.table import rebuild
from symgrad.graphs.textbook.powers import is_sum, pairs_of

DEEPEST = 8  # operations between a slice and the stack that it cuts
Spec = Sequence[tuple[Any, Any]]  # start and step of each axis


def in_blocks(node: Node) -> Node:
    """A slice of a stack, a sum of paddings or a stack of slices in its shorter form."""
    if node.op is ops.SLICE:
        return _cut(node.operands[0], node.attrs[0], node.shape, DEEPEST) or node
    if is_sum(node) and (parts := _side_by_side(node)) is not None:
        axis, blocks = parts
        return _whole(blocks, axis, node.shape) or concat(blocks, axis, node.shape[axis])
    if node.op is ops.CONCAT:
        return _whole(node.operands, node.attrs[0], node.shape) or node
    return node


# slices of stacks ----------------------------------------------------------------------------------------------


def _cut(body: Node, spec: Spec, shape: tuple[Size, ...], depth: int) -> Node | None:
    """A slice of `body` where that meets a stack; else None."""
    if depth == 0:
        return None
    if body.op is ops.CONCAT:
        return _piece(body, spec, shape)
    if body.op is ops.ELEMENTWISE or body.op is ops.ADD and body.operands:
        every = [range(len(shape))] * len(body.operands)
    elif body.op is ops.EINSUM or body.op is ops.VIEW and body.operands:
        inputs, out = body.attrs
        if len(set(out)) < len(out) or any(len(set(names)) < len(names) for names in inputs):
            return None
        every = [[out.index(x) if x in out else None for x in names] for names in inputs]  # type: ignore[misc]
    else:
        return None
    found, met = [], False
    for operand, axes in zip(body.operands, every, strict=True):
        mine = [spec[a] if a is not None else (0, 1) for a in axes]
        sizes = tuple(shape[a] if a is not None else n for a, n in zip(axes, operand.shape, strict=True))
        cut = _cut(operand, mine, sizes, depth - 1)
        met |= cut is not None
        found.append(cut if cut is not None else slices(operand, [s for s, _ in mine], [t for _, t in mine], sizes))
    if not met:
        return None
    if body.op in (ops.EINSUM, ops.VIEW):
        inputs, out = body.attrs
        return contract(found, inputs, out, dict(zip(out, shape, strict=True)))
    return rebuild(body, tuple(found))


def _piece(stack: Node, spec: Spec, shape: tuple[Size, ...]) -> Node | None:
    """The parts of a stack that a slice takes, whole or, where places are numbers, in part."""
    axis = stack.attrs[0]
    start, step = spec[axis]
    if step != 1:
        return None
    stop, place = start + shape[axis], 0
    found: list[Node] = []
    began = False
    for part in stack.operands:
        low, high = place, place + part.shape[axis]
        place = high
        if all(isinstance(x, int) for x in (start, stop, low, high)):
            low, high = max(low, start), min(high, stop)
            if low < high:
                found.append(_sliced(part, spec, shape, axis, low - (place - part.shape[axis]), high - low))
            continue
        began |= low == start
        if began:
            found.append(_sliced(part, spec, shape, axis, 0, part.shape[axis]))
            if high == stop:
                return concat(found, axis, shape[axis])
    integer = isinstance(start, int) and isinstance(stop, int) and isinstance(place, int)
    return concat(found, axis, shape[axis]) if integer and found else None


def _sliced(part: Node, spec: Spec, shape: tuple[Size, ...], axis: int, start: Size, size: Size) -> Node:
    starts = [start if a == axis else s for a, (s, _) in enumerate(spec)]
    return slices(part, starts, [step for _, step in spec], (*shape[:axis], size, *shape[axis + 1:]))


# paddings side by side -----------------------------------------------------------------------------------------


def _side_by_side(node: Node) -> tuple[int, list[Node]] | None:
    """The axis that the paddings of a sum fill one after the other, and what they pad."""
    pairs = pairs_of(node)
    if any(term.op is not ops.PAD for term, _ in pairs):
        return None
    for axis, size in enumerate(node.shape):
        blocks = {}
        for term, by in pairs:
            spec, inner = term.attrs[0], term.operands[0]
            if spec[axis][1] != 1 or any(a != axis and n != m for a, (n, m) in enumerate(
                    zip(inner.shape, node.shape, strict=True))):
                break
            blocks[spec[axis][0]] = scale(inner, by)
        else:
            place: Size = 0
            order = []
            while place in blocks:
                order.append(blocks.pop(place))
                place = place + order[-1].shape[axis]
            if not blocks and place == size and len(order) == len(pairs):
                return axis, order
    return None


# stacks of slices ----------------------------------------------------------------------------------------------


def _whole(parts: Sequence[Node], axis: int, shape: tuple[Size, ...]) -> Node | None:
    """The tensor whose neighbouring pieces along an axis the parts are, or a function of it; else None."""
    first, *rest = parts
    if not rest:
        return first
    if all(literal_value(p) is not None and literal_value(p) == literal_value(first) for p in parts):
        value = literal_value(first)
        assert value is not None
        return literal(value, shape)
    if any(p.op is not first.op for p in rest):
        return None
    if first.op is ops.SLICE:
        return _neighbours(parts, axis, shape)
    if any(p.attrs != first.attrs or len(p.operands) != len(first.operands) for p in rest) or not first.operands:
        return None
    if first.op is ops.ELEMENTWISE or first.op is ops.ADD:
        found = [_whole(column, axis, shape) for column in zip(*(p.operands for p in parts), strict=True)]
        return None if any(f is None for f in found) else rebuild(first, tuple(f for f in found if f is not None))
    if first.op is not ops.EINSUM or first.attrs[1].count(first.attrs[1][axis]) > 1:
        return None
    inputs, out = first.attrs
    label, made = out[axis], []
    for names, column in zip(inputs, zip(*(p.operands for p in parts), strict=True), strict=True):
        if label not in names:
            if any(each is not column[0] for each in column):
                return None
            made.append(column[0])
            continue
        place = names.index(label)
        whole = _whole(column, place, tuple(shape[axis] if a == place else n for a, n in enumerate(column[0].shape)))
        if names.count(label) > 1 or whole is None:
            return None
        made.append(whole)
    return contract(made, inputs, out, dict(zip(out, shape, strict=True)))


def _neighbours(parts: Sequence[Node], axis: int, shape: tuple[Size, ...]) -> Node | None:
    body, spec = parts[0].operands[0], parts[0].attrs[0]
    start, step = spec[axis]
    place = start
    for part in parts:
        mine = part.attrs[0]
        if part.operands[0] is not body or step != 1 or mine[axis] != (place, 1) or any(
                a != axis and (mine[a] != spec[a] or part.shape[a] != shape[a]) for a in range(len(shape))):
            return None
        place = place + part.shape[axis]
    return slices(body, [s for s, _ in spec], [t for _, t in spec], shape)
