"""How each operation of a graph is written: one function per operation, and the table of them.

A function gets the writer, the node, the index at which it is written and the letters in use, and gives a tree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from symgrad.formulas.notation.convolutions import write_grouped, write_pool, write_transposed
from symgrad.formulas.notation.enlarged import write_enlarged
from symgrad.formulas.notation.heads import write_joined, write_split
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
from symgrad.formulas.notation.own_letters import function_text, mapped
from symgrad.formulas.notation.recurrences import write_scan
from symgrad.formulas.notation.sums import is_uniform, write_add
from symgrad.formulas.spelling.tree import (
    EYE,
    ONES,
    UNIT,
    ZERO,
    Tree,
    call,
    contains,
    fraction,
    hadamard,
    num,
    power,
    product,
    sum_of,
    transpose,
)
from symgrad.graphs import ops
from symgrad.graphs.algebra.axes import counts_along
from symgrad.graphs.algebra.einsum import contract, literal_value
from symgrad.graphs.node import Node
from symgrad.graphs.weights import Weight

if TYPE_CHECKING:
    from symgrad.formulas.notation.writer import Index, Writer

Operator = Callable[["Writer", Node, "Index", frozenset[Tree]], Tree]
RELATIONS = {"less": "<", "less_equal": "≤", "greater": ">", "greater_equal": "≥", "equal": "=", "not_equal": "≠"}
OPPOSITE = {"<": "≥", "≤": ">", ">": "≤", "≥": "<", "=": "≠", "≠": "="}
LOGIC = {"logical_and": "∧", "logical_or": "∨"}
RENAMED = {"maximum": "max", "minimum": "min"}


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
    if row == "zeroed":
        return product([ZERO], [first])
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
    if row == "ceil":
        return Tree("ceil", (first,))
    if row == "sinc_derivative":
        return call("sinc" + "'" * order_of(node), args[1])
    if row == "where" and args[1:] == [UNIT, ZERO]:
        return first
    if row == "where":
        test = condition(first)
        chosen, other = _decided(args[1], test, True), _decided(args[2], test, False)
        rows, last = other.args if other.head == "cases" else ((), other)  # a choice of choices is one
        return Tree("cases", (((chosen, test), *rows), last))
    if row in RELATIONS:
        return Tree("bracket", (Tree("relation", (RELATIONS[row], first, args[1])),))
    if row in LOGIC:
        return Tree("bracket", (Tree("logic", (LOGIC[row], *map(condition, args))),))
    if row == "logical_not":
        test = condition(first)
        if test.head == "relation":
            return Tree("bracket", (Tree("relation", (OPPOSITE[test.args[0]], *test.args[1:])),))
        return Tree("bracket", (Tree("not", (test,)),))
    return call(RENAMED.get(row) or function_text(row, w.used), *args)


def _decided(tree: Tree, test: Tree, holds: bool) -> Tree:
    """A tree where it is known whether a test holds: guards of what is not taken are gone."""
    if tree.head == "cases" and tree.args[0][0][1] == test:
        (first, _), *rows = tree.args[0]
        tree = first if holds else Tree("cases", (tuple(rows), tree.args[1])) if rows else tree.args[1]
        return _decided(tree, test, holds)
    if not contains(tree, "cases") or tree.head in ("entries", "big"):  # whose letters are their own
        return tree
    return mapped(tree, lambda part: _decided(part, test, holds))


def _known(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree | None:
    """Comparisons with positions that have names: tril, triu, onehot. At an index they stay comparisons."""
    if any(i is not None and not w.is_fixed(i) for i in index):
        return None
    places = [axis for axis, i in enumerate(index) if i is None]
    if len(places) == 2 and (along := [counts_along(o) for o in node.operands]) in (places, places[::-1]):
        if node.attrs[0] == "equal":  # a rectangle of equal positions is told by its entries
            return EYE if node.shape[0] == node.shape[-1] else None
        name = TRIANGLES.get((node.attrs[0], along == places))
        return None if name is None else call(name, product([ONES], [transpose(ONES)]))
    if node.attrs[0] == "where" and len(places) == 2 and literal_value(node.operands[2]) == Weight(0):
        test, laid = node.operands[0], list(range(len(index)))
        if test.op is ops.VIEW and len(test.operands) == 1 and set(test.attrs[0][0]) <= set(test.attrs[1]):
            laid = [test.attrs[1].index(label) for label in test.attrs[0][0]]  # the same for all matrices of a stack
            (test,) = test.operands
        along = [None if (axis := counts_along(o)) is None else laid[axis] for o in test.operands]
        name = TRIANGLES.get((test.attrs[0], along == places)) if test.op is ops.ELEMENTWISE else None
        square = test.op is ops.ELEMENTWISE and test.attrs[0] == "equal" and len({node.shape[i] for i in places}) == 1
        if (name is not None or square) and along in (places, places[::-1]):
            inside = node.operands[1]
            tree = w.at(inside, index, taken)
            if name is None:  # the diagonal of a matrix
                value = literal_value(inside)
                return hadamard([tree, EYE], 2) if value is None else product([number(value)], [EYE])
            return call(name, product([tree], [ONES, transpose(ONES)]) if is_uniform(inside) else tree)
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


def order_of(node: Node) -> int:
    """The order of a derivative, which is a number."""
    order = literal_value(node.operands[0])
    assert order is not None
    return int(order.number)


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
    return call("stop", w.at(node.operands[0], index, taken))


def write_named(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """A marked tensor whose mark is not wanted here."""
    return w.at(node.operands[0], index, taken)


def _rather(known: Callable[..., Tree | None], plain: Operator) -> Operator:
    """What `known` recognises is written so."""
    def write(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
        found = known(w, node, index, taken)
        return plain(w, node, index, taken) if found is None else found

    return write


OPERATORS: Mapping[ops.Op, Operator] = MappingProxyType({
    ops.ADD: write_add, ops.EINSUM: write_product, ops.VIEW: _rather(write_split, write_product),
    ops.ELEMENTWISE: write_elementwise,
    ops.MAX: _rather(write_pool, write_reduction), ops.MIN: write_reduction, ops.LOGSUMEXP: write_reduction,
    ops.ARGMAX: write_reduction, ops.ARGMIN: write_reduction, ops.SOFTMAX: write_softmax,
    ops.SLICE: _rather(write_transposed, write_slice), ops.PAD: _rather(write_transposed, write_pad),
    ops.CONCAT: write_concat,
    ops.RESHAPE: _rather(write_grouped, _rather(write_enlarged, _rather(write_joined, write_reshape))),
    ops.GATHER: write_gather, ops.SCATTER: write_scatter, ops.IOTA: write_iota, ops.STOP: write_stop,
    ops.NAMED: write_named, ops.TRACKED: write_named, ops.SOLVE: write_solve, **dict.fromkeys(FORMS, write_any),
    ops.OVERLAP: _rather(write_transposed, write_any), ops.SCAN: write_scan,
})
ELSEWHERE: Mapping[ops.Op, str] = MappingProxyType({
    **dict.fromkeys(ops.GIVEN, "a name, or the entries of a small array: `Writer.at` writes them itself"),
    ops.DISTANCES: "made when code is written, never in what people wrote",
})
