"""How operations that move entries are written: slices, padding, joining, reshaping, picking by index.

At an index most of them are their operand at another index; what is left open prints as Python writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from symgrad.formulas.notation.coefficients import expression, weight_tree
from symgrad.formulas.notation.own_letters import unit
from symgrad.formulas.spelling.tree import (
    HIDDEN,
    ONES,
    UNIT,
    Tree,
    call,
    negative,
    num,
    product,
    sum_of,
    transpose,
)
from symgrad.graphs import ops
from symgrad.graphs.algebra.axes import counts_along
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Shape, Size
from symgrad.graphs.sizes import product as product_of
from symgrad.graphs.weights import ONE, Weight

if TYPE_CHECKING:
    from symgrad.formulas.notation.writer import Index, Writer


def number(by: Weight) -> Tree:
    """A weight as a signed tree."""
    sign, size = weight_tree(by)
    return size if sign > 0 else negative(size)


def opened(index: Index) -> int:
    """The number of axes that stay open."""
    return sum(i is None for i in index)


def axis_text(index: Sequence[Tree | None], axes: Sequence[int]) -> Tree:
    """axis=1, counted among the open axes."""
    places = [sum(i is None for i in index[:axis]) for axis in axes]
    value = num(places[0]) if len(places) == 1 else Tree("tuple", tuple(map(num, places)))
    return Tree("keyword", ("axis", value))


def picked(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """An operation that does not act entry by entry, at an index: written whole, then indexed."""
    from_samples = tuple(i if w.is_sample(i) else None for i in index)
    if from_samples == index:
        return Tree("dots")
    whole = w.at(node, from_samples, taken)
    rest = tuple(i for i in index if not w.is_sample(i))
    return pick(whole, rest)


def pick(tree: Tree, index: Sequence[Tree | None]) -> Tree:
    """A tree at an index of its open axes."""
    if all(i is None for i in index):
        return tree
    if all(i is not None for i in index):
        return Tree("at", (tree, tuple(index)))
    parts = [i if i is not None else Tree("colon") for i in index]
    while parts and parts[-1].head == "colon":
        parts.pop()
    return Tree("item", (tree, tuple(parts)))


def affine(start: Size, step: int, letter: Tree) -> Tree:
    """start + step * letter."""
    if letter == HIDDEN or (start == 0 and step == 1):
        return letter
    size = product([num(abs(step))], [letter]) if letter != num(0) else num(0)
    if size == num(0):
        return expression(start)
    if start == 0:
        return size if step > 0 else negative(size)
    first, second = expression(start), (1 if step > 0 else -1, size)
    return sum_of([second, (1, first)] if step > 0 else [(1, first), second])


def write_slice(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """x[1:, ::-1]; an entry is an entry of the operand."""
    (operand,), (spec,) = node.operands, node.attrs
    below = tuple(None if i is None else affine(start, step, i) for i, (start, step) in zip(index, spec, strict=True))
    tree = w.at(operand, below, taken)
    parts = [_range(start, step, size, whole) for i, (start, step), size, whole
             in zip(index, spec, node.shape, operand.shape, strict=True) if i is None]
    while parts and parts[-1].head == "colon":
        parts.pop()
    return Tree("item", (tree, tuple(parts))) if parts else tree


def _range(start: Size, step: int, size: Size, whole: Size) -> Tree:
    if (start, step) == (0, 1) and size == whole:
        return Tree("colon")
    stop = start + size * step if step in (1, -1) else start + (size - 1) * step + (1 if step > 0 else -1)
    low: Tree | None = expression(start)
    high: Tree | None = None if stop == whole and step > 0 else expression(stop) if stop != -1 else None
    if step > 1 and isinstance(whole, int) and isinstance(stop, int) and whole - stop < step:
        high = None
    if (step > 0 and start == 0) or (step < 0 and start == whole - 1):
        low = None
    return Tree("range", (low, high, None if step == 1 else number(Weight(step))))


def write_pad(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """x e_1 where one entry, row or column is put in its place; else pad(x, (1, 0)): zeros before and after, per axis."""
    (operand,), (spec,) = node.operands, node.attrs
    units = _units(w, node, index, taken)
    if units is not None:
        return units
    same = [spec[i] == (0, 1) and node.shape[i] == operand.shape[i] for i in range(len(index))]
    if any(i is not None and not whole for i, whole in zip(index, same, strict=True)):
        return picked(w, node, index, taken)
    tree = w.at(operand, index, taken)
    widths = []
    for axis, (start, step) in enumerate(spec):
        if index[axis] is None:
            span = (operand.shape[axis] - 1) * abs(step) + 1
            first = start if step > 0 else start + (operand.shape[axis] - 1) * step
            sizes = [expression(first), expression(node.shape[axis] - first - span)]
            if step != 1:
                sizes.append(Tree("keyword", ("step", number(Weight(step)))))
            widths.append(Tree("tuple", tuple(sizes)))
    return call("pad", tree, *widths)


def _units(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree | None:
    """A vector or matrix with all of its entries in one place, row or column: x e_1, e_1 xᵀ, x e_0 e_1ᵀ."""
    (operand,), (spec,) = node.operands, node.attrs
    left = [a for a, i in enumerate(index) if i is None]
    if len(left) > 2 or any(not w.is_sample(i) for i in index if i is not None):
        return None
    alone = [a for a in left if operand.shape[a] == 1 and node.shape[a] != 1]
    whole = [a for a in range(len(index)) if spec[a] == (0, 1) and node.shape[a] == operand.shape[a]]
    if not alone or len(whole) + len(alone) < len(index):
        return None
    inside = w.at(operand, tuple(num(0) if a in alone else i for a, i in enumerate(index)), taken)
    if literal_value(operand) == ONE:
        inside = UNIT if len(alone) == len(left) else ONES
    vectors = [unit(expression(spec[a][0])) for a in alone]
    if len(left) == 1:
        return product([inside], vectors)
    if len(alone) == 2:
        return product([inside], [vectors[0], transpose(vectors[1])])
    pair = [vectors[0], transpose(inside)] if alone == left[:1] else [inside, transpose(vectors[0])]
    return product((), pair)


def write_concat(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """[a; b] stacked, [A, B] side by side."""
    (axis,) = node.attrs
    if index[axis] is not None:
        return picked(w, node, index, taken)
    trees = tuple(_entry(w, operand, index, axis, taken) for operand in node.operands)
    place = sum(i is None for i in index[:axis])
    shapes = {tuple(len(row) for row in tree.args) for tree in trees if tree.head == "matrix"}
    if len(shapes) == 1 and all(tree.head == "matrix" for tree in trees):
        (lengths,) = shapes
        if place == 0 and len(lengths) == 1:  # rows of entries
            return Tree("matrix", tuple(tree.args[0] for tree in trees))
        if place == 1 and set(lengths) == {1}:  # columns of entries
            return Tree("matrix", tuple(tuple(tree.args[i][0] for tree in trees) for i in range(len(lengths))))
    if place > 1:
        return call("concat", *trees, axis_text(index, (axis,)))
    return Tree("matrix", tuple((tree,) for tree in trees) if place == 0 else (trees,))


def _entry(w: Writer, operand: Node, index: Index, axis: int, taken: frozenset[Tree]) -> Tree:
    """A part of a stack; one of a single entry as that entry."""
    left = [a for a, i in enumerate(index) if i is None]
    if operand.shape[axis] == 1 and left == [axis]:
        return w.at(operand, tuple(num(0) if a == axis else i for a, i in enumerate(index)), taken)
    if len(left) == 2 and all(operand.shape[a] == 1 for a in left):
        return w.at(operand, tuple(num(0) if a in left else i for a, i in enumerate(index)), taken)
    return w.at(operand, index, taken)


def write_reshape(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """vec(Xᵀ), flatten(x), groups_2(x), reshape(X, (n, d)); of the products of all entries of two matrices it is A ⊗ B."""
    (operand,) = node.operands
    if index == (None, None) and (pair := _kronecker(w, node, operand)) is not None:
        return Tree("kron", tuple(tree if a < b else transpose(tree) for tree, (a, b) in (
            (w.at(o, index, taken), labels) for o, labels in pair)))
    if tuple(size for size in node.shape if size != 1) == operand.shape:  # only axes of one entry come in
        inside = tuple(i for i, size in zip(index, node.shape, strict=True) if size != 1)
        places = [a for a, i in enumerate(index) if i is None]
        if len(places) == sum(i is None for i in inside) or len(places) == 2 and node.shape[places[1]] == 1:
            return w.at(operand, inside, taken)  # a column
        if len(places) == 2 and node.shape[places[0]] == 1:
            return transpose(w.at(operand, inside, taken))
    lead = 0
    while lead < len(index) and index[lead] is not None and node.shape[:lead + 1] == operand.shape[:lead + 1]:
        lead += 1
    if any(i is not None for i in index[lead:]):
        return picked(w, node, index, taken)
    tree = w.at(operand, (*index[:lead], *[None] * (len(operand.shape) - lead)), taken)
    return _rearranged(tree, operand.shape[lead:], node.shape[lead:], w.mode == "batch" and node in w.axes)


def _rearranged(tree: Tree, before: Shape, after: Shape, rows: bool) -> Tree:
    """A reshape as mathematics has a word for it: the rows of a matrix one after the other are vec(Xᵀ), those of a tensor
    flatten(x), of each sample where samples are `rows`; channels are cut into groups and joined again.
    """
    if len(after) == 1 and len(before) == 2:
        return call("vec", transpose(tree))
    if len(after) == 1 and len(before) > 2 or rows and len(after) == 2 and before[0] == after[0] and len(before) > 2:
        return call("flatten", tree)
    if len(before) > 1 and len(after) == len(before) + 1 and before[1:] == after[2:]:
        return call("groups", tree, subs=[expression(after[0])])
    if len(after) > 1 and len(before) == len(after) + 1 and before[2:] == after[1:]:
        return call("ungroup", tree)
    shape = Tree("tuple", tuple(map(expression, after)))
    return call("unflatten" if len(before) == 1 and len(after) > 1 else "reshape", tree, shape)


def _kronecker(w: Writer, node: Node, operand: Node) -> list[tuple[Node, tuple[int, int]]] | None:
    """The factors of a Kronecker product, in order, with their labels."""
    if operand.op is not ops.EINSUM or not w.inlines(operand) or len(operand.operands) != 2:
        return None
    factors = sorted(zip(operand.operands, operand.attrs[0], strict=True), key=lambda factor: sorted(factor[1]))
    merged = tuple(product_of(operand.shape[i:i + 2]) for i in (0, 2))
    if [sorted(labels) for _, labels in factors] != [[0, 2], [1, 3]] or node.shape != merged:
        return None
    return factors


def write_gather(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """z_y where one entry is picked, E[ids] where many are."""
    body, *indices = node.operands
    (axes,) = node.attrs
    width = len(indices[0].shape)
    front, rest = index[:width], iter(index[width:])
    if all(i is not None for i in front):
        if _is_whole(w, body) and all(w.is_sample(w.at(each, front, taken)) for each in indices
                                      if counts_along(each) is not None):
            return _picked_from(w, node, index, taken)
        found = dict(zip(axes, (w.at(each, front, taken) for each in indices), strict=True))
        return w.at(body, tuple(found[a] if a in found else next(rest) for a in range(len(body.shape))), taken)
    if any(i is not None and not w.is_sample(i) for i in index):
        return picked(w, node, index, taken)
    if any(counts_along(each) is not None for each in indices):  # entries (t, y_t): not the block t, y
        mine = [i == w.axes.get(node) for i, at in enumerate(index) if at is None]
        letters = w.letters(len(mine), taken, mine)
        full = iter(letters)
        fixed = tuple(next(full) if i is None else i for i in index)
        return Tree("entries", (write_gather(w, node, fixed, taken | set(letters)), tuple(letters)))
    below: list[Tree | None] = []
    parts: list[Tree] = []
    for axis in range(len(body.shape)):
        if axis in axes:
            one = w.at(indices[axes.index(axis)], front, taken)
            below.append(one if w.is_sample(one) else None)
            parts += [] if w.is_sample(one) else [one]
        else:
            token = next(rest)
            below.append(token)
            parts += [Tree("colon")] if token is None else []
    while parts and parts[-1].head == "colon":
        parts.pop()
    return Tree("item", (w.at(body, tuple(below), taken), tuple(parts)))


def _is_whole(w: Writer, body: Node) -> bool:
    """Is an entry picked from a sum of products, which prints better whole: (V x + b)_t?"""
    return body.op is ops.ADD and len(body.operands) > 1 and w.inlines(body) and any(
        o.op is ops.EINSUM and {x for names in o.attrs[0] for x in names} != set(o.attrs[1]) for o in body.operands)


def _picked_from(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """The body, whole but for its samples, at the indices."""
    body, *indices = node.operands
    (axes,) = node.attrs
    width = len(indices[0].shape)
    front, rest = index[:width], iter(index[width:])
    places = [w.at(indices[axes.index(a)], front, taken) if a in axes else next(rest) for a in range(len(body.shape))]
    inside = tuple(i if i is not None and w.is_sample(i) else None for i in places)
    return pick(w.at(body, inside, taken), tuple(i for i in places if i is None or not w.is_sample(i)))


def write_iota(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """(0..n-1); its entry i is i."""
    return index[0] if index[0] is not None else Tree("count", (expression(node.shape[0]),))
