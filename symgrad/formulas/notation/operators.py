"""How each operation of a graph is written: one function per operation, and the table of them.

A function gets the writer, the node, the index at which it is written and the letters in use, and gives a tree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from types import MappingProxyType
from typing import TYPE_CHECKING

from symgrad.formulas.notation.coefficients import weight_tree
from symgrad.formulas.notation.linear import FORMS, write_any, write_solve
from symgrad.formulas.notation.moves import (
    axis_text,
    number,
    opened,
    picked,
    write_concat,
    write_gather,
    write_iota,
    write_pad,
    write_reshape,
    write_slice,
)
from symgrad.formulas.notation.multilinear import write_product, write_scatter
from symgrad.formulas.spelling.tree import (
    DOTS,
    EYE,
    ONES,
    UNIT,
    ZERO,
    Tree,
    call,
    children,
    contains,
    fraction,
    hadamard,
    is_whole,
    num,
    power,
    primes,
    product,
    scaled,
    sum_of,
    transpose,
    weight_of,
)
from symgrad.graphs import ops
from symgrad.graphs.algebra.axes import counts_along
from symgrad.graphs.algebra.einsum import contract, literal_value
from symgrad.graphs.node import Node
from symgrad.graphs.weights import ONE, Weight, plus, times, weight

if TYPE_CHECKING:
    from symgrad.formulas.notation.writer import Index, Writer

Operator = Callable[["Writer", Node, "Index", frozenset[Tree]], Tree]
RELATIONS = {"less": "<", "less_equal": "≤", "greater": ">", "greater_equal": "≥", "equal": "=", "not_equal": "≠"}
OPPOSITE = {"<": "≥", "≤": ">", ">": "≤", "≥": "<", "=": "≠", "≠": "="}
LOGIC = {"logical_and": "∧", "logical_or": "∨"}
RENAMED = {"maximum": "max", "minimum": "min"}


# sums -------------------------------------------------------------------------------------------------


def write_add(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """Terms in order with their signs; one weight in front of a sum stays in front of parentheses."""
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
    """The terms of a sum; a number that stands for a whole matrix is 1 1ᵀ alone and beside matrices, else the number."""
    terms = [(UNIT, by) if literal_value(operand) is not None else _mean(operand, w.at(operand, index, taken), by)
             for operand, by in pairs]
    if opened(index) != 2 or not any(_is_uniform(o) for o, _ in pairs):
        return terms
    if len(pairs) > 1 and not any(_algebraic(tree) for tree, _ in terms):
        return terms
    return [(product([tree], [ONES, transpose(ONES)]) if _is_uniform(o) else tree, by)
            for (o, _), (tree, by) in zip(pairs, terms, strict=True)]


def _mean(node: Node, tree: Tree, by: Weight) -> tuple[Tree, Weight]:
    """1/n sum(x) is mean(x)."""
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


def _is_uniform(node: Node) -> bool:
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
    for tree, by in (_loose(tree, by) for tree, by in terms):
        form = w.unfolded(tree) if len(terms) > 1 else tree
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


# scalar functions -------------------------------------------------------------------------------------


def write_elementwise(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """A function of entries: tanh(a), 1/x, √x, |x|, [a > 0], cases."""
    (row,) = node.attrs
    if row in ("taken", "defined"):  # what is multiplied by zero elsewhere
        return w.at(node.operands[1], index, taken)
    known = _known(w, node, index, taken)
    if known is not None:
        return known
    args = []
    for operand in node.operands:
        value = literal_value(operand)
        args.append(number(value) if value is not None else w.at(operand, index, taken))
    order = opened(index)
    first = args[0]
    bounds = [literal_value(operand) for operand in node.operands[1:]]
    if row == "real":
        return first
    if row == "clip" and any(value is not None and abs(value.number) == math.inf for value in bounds):
        low = bounds[1] is not None and abs(bounds[1].number) == math.inf  # no upper bound
        return call("max", first, args[1]) if low else call("min", first, args[2])
    if row == "reciprocal":
        return fraction(UNIT, first)
    if row == "sqrt":
        squared = first.head == "power" and first.args[0].head == "norm" and first.args[1] == num(2)
        return first.args[0] if squared else Tree("root", (first,))
    if row == "power":
        return power(first, args[1], order > 0)
    if row == "times_power":
        return hadamard([first, power(args[1], args[2], order > 0)], order)
    if row == "times_exp":
        return hadamard([first, call("exp", args[1])], order)
    if row == "log1p":
        return call("log", sum_of([(1, UNIT), (1, first)]))
    if row == "expm1":
        return sum_of([(1, call("exp", first)), (-1, UNIT)])
    if row == "log_or_zero":
        if first.head == "num" and first != num(0):  # a negative number is no num
            return call("log", first)
        return hadamard([Tree("bracket", (Tree("relation", (">", first, num(0))),)), call("log", first)], order)
    if row == "log_abs":
        return call("log", Tree("bars", (first,)))
    if row == "log_cosh":
        return call("log", call("cosh", first))
    if row in ("abs", "floor"):
        return Tree("bars" if row == "abs" else "floor", (first,))
    if row == "where" and args[1:] == [UNIT, ZERO]:
        return first
    if row == "where":
        rows, last = args[2].args if args[2].head == "cases" else ((), args[2])  # a choice of choices is one
        return Tree("cases", (((args[1], condition(first)), *rows), last))
    if row in RELATIONS:
        return Tree("bracket", (Tree("relation", (RELATIONS[row], first, args[1])),))
    if row in LOGIC:
        return Tree("bracket", (Tree("logic", (LOGIC[row], *map(condition, args))),))
    if row == "logical_not":
        test = condition(first)
        if test.head == "relation":
            return Tree("bracket", (Tree("relation", (OPPOSITE[test.args[0]], *test.args[1:])),))
        return Tree("bracket", (Tree("not", (test,)),))
    return call(RENAMED.get(row, row), *args)


def _known(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree | None:
    """Comparisons with positions that have names: tril, triu, onehot. At an index they stay comparisons."""
    if any(i is not None and not w.is_sample(i) for i in index):
        return None
    places = [axis for axis, i in enumerate(index) if i is None]
    if node.attrs[0] == "where" and len(places) == 2 and literal_value(node.operands[2]) == Weight(0):
        test = node.operands[0]
        along = [counts_along(o) for o in test.operands]
        name = TRIANGLES.get((test.attrs[0], along == places)) if test.op is ops.ELEMENTWISE else None
        if name is not None and along in (places, places[::-1]):
            inside = node.operands[1]
            tree = w.at(inside, index, taken)
            return call(name, product([tree], [ONES, transpose(ONES)]) if _is_uniform(inside) else tree)
    if node.attrs[0] == "equal" and places and places[-1] == len(index) - 1:
        for one, other in (node.operands, node.operands[::-1]):
            if counts_along(one) == places[-1] and other.op is ops.VIEW and other.operands:
                (labels,), out = other.attrs
                if out[-1] not in labels and out.count(out[-1]) == 1 and len(set(out)) == len(out):
                    picked = w.at(dropped(other), index[:-1], taken)
                    if picked.head == "count" and node.shape[0] == node.shape[-1] and len(places) == 2:
                        return EYE
                    return call("onehot", picked)
    return None


def dropped(node: Node) -> Node:
    """A view without its last axis, along which it is constant."""
    inputs, out = node.attrs
    return contract(node.operands, inputs, out[:-1], dict(zip(out[:-1], node.shape, strict=False)))


TRIANGLES = {("less_equal", True): "triu", ("greater_equal", True): "tril",
             ("less_equal", False): "tril", ("greater_equal", False): "triu"}


def condition(tree: Tree) -> Tree:
    """A truth value where a condition stands: without its bracket."""
    inner: Tree = tree.args[0] if tree.head == "bracket" else tree
    return inner


# reductions -------------------------------------------------------------------------------------------


def write_reduction(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """max(z), max_j Z_ij or max(Z, axis=1); logsumexp, argmax and the like alike."""
    (operand,) = node.operands
    axes = node.attrs[0] if isinstance(node.attrs[0], tuple) else (node.attrs[0],)
    given = iter(index)
    below: list[Tree | None] = [None if i in axes else next(given) for i in range(len(operand.shape))]
    letters: list[Tree] = []
    sample = w.axes.get(operand) if w.mode == "sample" else None
    if sample is not None and sample in axes:
        letters.append(w.sample_letter(taken))
        below[sample] = letters[0]
    left = [i for i in axes if i != sample]
    if left and any(i is not None and not w.is_sample(i) for i in index):
        fresh = w.letters(len(left), taken | set(letters))
        for axis, letter in zip(left, fresh, strict=True):
            below[axis] = letter
        letters, left = [*letters, *fresh], []
    tree = w.at(operand, tuple(below), taken | set(letters))
    if letters:
        return call(node.op, tree, subs=letters)
    if len(left) == sum(i is None for i in below):
        return call(node.op, tree)
    return call(node.op, tree, axis_text(below, left))


def write_softmax(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """softmax(z); an entry is softmax(z)_i, or softmax_j(Z_ij) where other axes are fixed as well."""
    (operand,), (axes,) = node.operands, node.attrs
    fixed = [index[axis] for axis in axes if index[axis] is not None]
    others = [i for axis, i in enumerate(index) if axis not in axes]
    plain = all(i is None or w.is_sample(i) for i in others)
    if not fixed or plain:
        below = tuple(None if axis in axes else i for axis, i in enumerate(index))
        tree = w.at(operand, below, taken)
        if opened(below) == len(axes) or (len(axes) == 1 and axes[0] == len(index) - 1):
            tree = call("softmax", tree)
        else:
            tree = call("softmax", tree, axis_text(below, axes))
        if not fixed:
            return tree
        if opened(below) == len(axes) == len(fixed):
            return Tree("at", (tree, tuple(i for i in fixed if i is not None)))
    elif len(fixed) == len(axes) and not opened(index):
        letters = [i for i in fixed if i is not None]
        if all(i.head == "name" and sum(i == j for j in index) == 1 for i in letters):
            return call("softmax", w.at(operand, index, taken), subs=letters)
    return picked(w, node, index, taken)


def write_stop(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """A constant for differentiation."""
    return call("sg", w.at(node.operands[0], index, taken))


def write_named(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """A named tensor whose name is not wanted here."""
    return w.at(node.operands[0], index, taken)


OPERATORS: Mapping[ops.Op, Operator] = MappingProxyType({
    ops.ADD: write_add, ops.EINSUM: write_product, ops.VIEW: write_product, ops.ELEMENTWISE: write_elementwise,
    ops.MAX: write_reduction, ops.MIN: write_reduction, ops.LOGSUMEXP: write_reduction,
    ops.ARGMAX: write_reduction, ops.ARGMIN: write_reduction, ops.SOFTMAX: write_softmax,
    ops.SLICE: write_slice, ops.PAD: write_pad, ops.CONCAT: write_concat, ops.RESHAPE: write_reshape,
    ops.GATHER: write_gather, ops.SCATTER: write_scatter, ops.IOTA: write_iota, ops.STOP: write_stop,
    ops.NAMED: write_named, ops.SOLVE: write_solve, **dict.fromkeys(FORMS, write_any),
})
ELSEWHERE: Mapping[ops.Op, str] = MappingProxyType({
    **dict.fromkeys(ops.GIVEN, "a name, or the entries of a small array: `Writer.at` writes them itself"),
    ops.DISTANCES: "made when code is written, never in what people wrote",
})
