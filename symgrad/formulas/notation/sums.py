"""Sums: terms in order with their signs, like ones together, a number or a mean where it is one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING

from symgrad.formulas.notation.coefficients import weight_tree
from symgrad.formulas.notation.convolutions import is_image_map, is_shift
from symgrad.formulas.notation.moves import opened
from symgrad.formulas.notation.windowed import tiles_of
from symgrad.formulas.spelling.tree import (
    DOTS,
    ONES,
    UNIT,
    Tree,
    call,
    children,
    contains,
    is_whole,
    primes,
    product,
    scaled,
    sum_of,
    transpose,
    weight_of,
)
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Size
from symgrad.graphs.weights import ONE, Weight, plus, times, weight

if TYPE_CHECKING:
    from symgrad.formulas.notation.writer import Index, Writer


def write_add(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """Terms in order with their signs; one weight in front of a sum stays in front of parentheses."""
    if opened(index) > 2 and any(_spread(w, o, index) for o in node.operands):  # beside a tensor: entry by entry
        mine = [i == w.axes.get(node) for i, at in enumerate(index) if at is None]
        letters = w.letters(len(mine), taken, mine)
        left = iter(letters)
        full = tuple(next(left) if i is None else i for i in index)
        return Tree("entries", (write_add(w, node, full, taken | set(letters)), tuple(letters)))
    terms: list[tuple[int, Tree]] = []
    pairs = list(zip(node.operands, node.attrs[0], strict=True))
    shown = pairs if w.terms is None or len(pairs) <= w.terms else pairs[:w.terms - 1]
    for tree, by in _merged(w, _terms(w, shown, index, taken)):
        sign, size = weight_tree(by)
        if tree.head == "sum" and size != UNIT and any(_nested(part) for _, part in tree.args):
            terms += [(sign * inner, scaled(size, part)) for inner, part in tree.args]
        else:
            terms.append((sign, scaled(size, tree)))
    if len(terms) == len(pairs) == 1 and terms[0][0] < 0 and terms[0][1].head == "sum":
        inner = terms[0][1].args
        if any(sign < 0 for sign, _ in inner):  # -(a - b) is b - a
            terms = [(-sign, part) for sign, part in inner]
    if len(terms) > 1 and shown is pairs and all(_is_turned(part) for _, part in terms):
        return transpose(sum_of([(sign, transpose(part)) for sign, part in terms]))  # (A - B)ᵀ
    return sum_of(terms if shown is pairs else [*terms, (1, DOTS)])


def _is_turned(tree: Tree) -> bool:
    """A transpose, with a number in front or not."""
    return tree.head == "transpose" or (tree.head == "product" and len(tree.args[1]) == 1 and _is_turned(tree.args[1][0]))


def _terms(w: Writer, pairs: Sequence[tuple[Node, Weight]], index: Index,
           taken: frozenset[Tree]) -> list[tuple[Tree, Weight]]:
    """The terms of a sum. What is one number for a whole matrix is a multiple of 1 1ᵀ, but beside functions; literals are
    numbers, but alone and beside products of matrices. Beside a vector a number stands for each entry: x - μ, X w + b.
    """
    terms = [(UNIT, by) if literal_value(operand) is not None else _mean(w, operand, w.at(operand, index, taken), by)
             for operand, by in pairs]
    if any(is_image_map(tree) for tree, _ in terms):  # K ⋆ X + b
        terms = [(w.at(o.operands[0], (None,), taken), by) if is_shift(o) and w.inlines(o) else (tree, by)
                 for (o, _), (tree, by) in zip(pairs, terms, strict=True)]
    spread = [_spread(w, o, index) if opened(index) > 1 else [] for o, _ in pairs]
    if any(spread) and not _all_entrywise(w, [o for (o, _), ones in zip(pairs, spread, strict=True) if not ones]):
        terms = [(product([tree], ones) if ones else tree, by) for (tree, by), ones in zip(terms, spread, strict=True)]
    if opened(index) != 2 or not any(is_uniform(o) for o, _ in pairs):
        return terms
    if len(pairs) > 1 and not any(_algebraic(tree) for tree, _ in terms):
        return terms
    return [(product([tree], [ONES, transpose(ONES)]) if literal_value(o) is not None else tree, by)
            for (o, _), (tree, by) in zip(pairs, terms, strict=True)]


def _all_entrywise(w: Writer, others: Sequence[Node]) -> bool:
    """Is what a number is added to taken entry by entry anyway, |x| - s and c² + x^⊙2, or is there a literal?"""
    return bool(others) and (any(literal_value(o) is not None for o in others) or all(_entrywise(w, o) for o in others))


def _entrywise(w: Writer, node: Node) -> bool:
    """A function of entries, or a product of them, that is written out."""
    if not w.inlines(node):
        return False
    if node.op is ops.VIEW and len(node.operands) == 1:
        return _entrywise(w, node.operands[0])
    if node.op is not ops.EINSUM:
        return node.op is ops.ELEMENTWISE
    inputs, out = node.attrs
    whole = sum(set(names) == set(out) for names in inputs)
    return set().union(*inputs) == set(out) and (whole > 1 or any(_entrywise(w, o) for o in node.operands))


def _spread(w: Writer, node: Node, index: Index) -> list[Tree]:
    """The ones of which what stands at the open axes is a multiple, as μ 1; none where it is no number, or a literal."""
    if node.op is not ops.VIEW or len(node.operands) != 1 or not w.inlines(node):
        return []
    (labels,), out = node.attrs
    free = [(x, size != 1) for x, i, size in zip(out, index, node.shape, strict=True) if i is None]
    if any(long and (x in labels or out.count(x) > 1) for x, long in free):
        return []
    return [ones for ones, (_, long) in zip((ONES, transpose(ONES), ONES, ONES, ONES), free, strict=False) if long]


def _mean(w: Writer, node: Node, tree: Tree, by: Weight) -> tuple[Tree, Weight]:
    """1/n sum(x) is mean(x), and 1/k of sums over windows of k entries is avgpool(x)."""
    if tree.head == "call" and tree.args[0] == "sumpool":
        count = reduce(times, (weight(n) for n in _window(w, node)), ONE)
        return Tree("call", ("avgpool", *tree.args[1:])), times(by, count)
    if tree.head != "call" or tree.args[0] != "sum" or len(tree.args[1]) != 1:
        return tree, by
    inner = node.operands[0] if node.op is ops.VIEW and node.operands else node
    if inner.op is not ops.EINSUM or len(inner.operands) != 1 or inner.shape:
        return tree, by
    count = reduce(times, map(weight, inner.operands[0].shape), ONE)
    rest = times(by, count)
    if rest.factor is not None or by.factor is None and abs(rest.number) != 1 or count == ONE:
        return tree, by
    return call("mean", *tree.args[1]), rest


def _window(w: Writer, node: Node) -> list[Size]:
    """The sides of the windows whose entries are summed."""
    tiles = tiles_of(w, node.operands[0])
    return [side.width for side in tiles.sides] if tiles is not None else []


def is_uniform(node: Node) -> bool:
    """One number at every entry."""
    return node.op is ops.VIEW and (not node.operands or not node.operands[0].shape) and (
        len(set(node.attrs[1])) == len(node.shape))


def _algebraic(tree: Tree) -> bool:
    """Is a matrix written as one of matrix algebra, not entry by entry: I, diag(v), u vᵀ?"""
    if tree.head == "product":
        return len(tree.args[1]) > 1 or any(map(_algebraic, tree.args[1]))
    if tree.head == "fraction":
        return _algebraic(tree.args[0])
    return tree.head == "eye" or (tree.head == "call" and tree.args[0] == "diag")


def _merged(w: Writer, terms: Sequence[tuple[Tree, Weight]]) -> list[tuple[Tree, Weight]]:
    """Terms that are written alike are one: W r + Wᵀ r for a symmetric W, products in another bracketing."""
    merged: list[tuple[Tree, Weight]] = []
    place: dict[Tree, int] = {}
    several = sum(tree != UNIT and not w.is_symbol(tree) for tree, _ in terms) > 1
    for tree, by in (_loose(tree, by) for tree, by in terms):
        form = w.unfolded(tree) if several else tree
        if form in place and (total := plus(merged[place[form]][1], by)) is not None:
            merged[place[form]] = min(tree, merged[place[form]][0], key=weight_of), total
            continue
        if not contains(form, "dots"):  # what is left out may differ
            place[form] = len(merged)
        merged.append((tree, by))
    return _upright([(tree, by) for tree, by in merged if by.number])


def _upright(terms: list[tuple[Tree, Weight]]) -> list[tuple[Tree, Weight]]:
    """A matrix stands before its transpose: B + Bᵀ."""
    for i in range(len(terms) - 1):
        (one, p), (other, q) = terms[i:i + 2]
        if p == q and primes(one) > primes(other) and transpose(one) == other:
            terms[i:i + 2] = [(other, q), (one, p)]
    return terms


def _loose(tree: Tree, by: Weight) -> tuple[Tree, Weight]:
    """A term without the sign and the whole number in front of it, which go to the weight."""
    if tree.head == "sum" and len(tree.args) == 1:
        ((sign, tree),) = tree.args
        by = times(by, Weight(sign))
    if tree.head == "product" and tree.args[0] and is_whole(tree.args[0][0]):
        (first, *front), rest = tree.args
        return product(front, rest), times(by, Weight(int(first.args[0])))
    return tree, by


def _nested(tree: Tree) -> bool:
    """Does a term show a sum in parentheses already? Then a weight in front goes to each term."""
    if tree.head not in ("product", "hadamard", "transpose"):
        return False
    return any(part.head == "sum" or _nested(part) for part in children(tree))
