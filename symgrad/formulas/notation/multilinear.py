"""Products of graphs: which labels are summed, fixed or open, and matrix or index notation for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from symgrad.formulas.notation.coefficients import weight_tree
from symgrad.formulas.notation.convolutions import convolves, write_convolution, write_pool
from symgrad.formulas.notation.matrices import matrix_form
from symgrad.formulas.notation.own_letters import kronecker, unit
from symgrad.formulas.notation.steps import of_step, step_axis, step_letter
from symgrad.formulas.spelling.tree import (
    HIDDEN,
    ONES,
    UNIT,
    Tree,
    big,
    call,
    hadamard,
    num,
    scaled,
    sum_of,
    walk,
    weight_of,
)
from symgrad.graphs import ops
from symgrad.graphs.algebra.axes import counts_along
from symgrad.graphs.algebra.einsum import contract, literal_value
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Shape, Size

if TYPE_CHECKING:
    from symgrad.formulas.notation.writer import Index, Writer

Label = Hashable
Maker = Callable[["Index", frozenset[Tree]], Tree]
MadeFactor = tuple[Maker, tuple[Label, ...]]
MOST = 12  # factors of one product


def write_product(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """A product or a view of the graph. Products inside are written as one with it where that can be read."""
    inputs, out = node.attrs
    if node.op is ops.EINSUM and convolves(w, node):
        known = write_convolution(w, node, index, taken) if len(node.operands) > 1 else write_pool(w, node, index, taken)
        if known is not None:
            return known
    scope = _Scope(w, out, node.shape)
    outer = [(operand, tuple(labels)) for operand, labels in zip(node.operands, inputs, strict=True)]
    inner = _flattened(w, outer)
    choices = [scope.factors(inner), scope.factors(outer)] if inner != outer else [scope.factors(outer)]
    return contraction(w, choices, tuple(out), index, taken, scope)


@dataclass(slots=True)
class _Scope:
    """What is known of labels: sizes, which run over samples or steps, and which stand for the entry of a slice."""

    w: Writer
    sizes: dict[Label, Size]
    samples: set[Label]
    steps: set[Label]  # of a recurrence on its way back
    first: set[Label]

    def __init__(self, w: Writer, out: Sequence[Label], shape: Shape) -> None:
        self.w = w
        self.sizes = dict(zip(out, shape, strict=True))
        self.samples, self.steps, self.first = set(), set(), set()

    def factors(self, terms: Sequence[tuple[Node, tuple[Label, ...]]]) -> list[MadeFactor]:
        return [(self.note(operand, labels), labels) for operand, labels in terms]

    def note(self, operand: Node, labels: tuple[Label, ...]) -> Maker:
        self.sizes.update(zip(labels, operand.shape, strict=True))
        axis = self.w.axes.get(operand)
        if axis is not None:
            self.samples.add(labels[axis])
        if operand.op is ops.SLICE:  # x[2] is an entry, not a sum over one
            self.first |= {x for x, size in zip(labels, operand.shape, strict=True) if size == 1}
        if (steps := step_axis(self.w, operand)) is not None:
            self.steps.add(labels[steps])
        return lambda index, taken: self.w.at(operand, of_step(self.w, operand, index), taken)


def _flattened(w: Writer, terms: Sequence[tuple[Node, tuple[Label, ...]]]) -> list[tuple[Node, tuple[Label, ...]]]:
    """Products among the operands taken apart, if they have no name and sum over no samples."""
    done: list[tuple[Node, tuple[Label, ...]]] = []
    stack = list(reversed(terms))
    fresh = 0
    while stack:
        operand, labels = stack.pop()
        if operand.op is not ops.EINSUM or len(done) + len(stack) >= MOST or not w.inlines(operand) or (
                _closes(w, operand) or convolves(w, operand)):
            done.append((operand, labels))
            continue
        inputs, out = operand.attrs
        fresh += 1
        place: dict[int, Label] = dict(zip(out, labels, strict=True))
        for each, names in zip(reversed(operand.operands), reversed(inputs), strict=True):
            stack.append((each, tuple(place.setdefault(x, ("inner", fresh, x)) for x in names)))
    return done


def _closes(w: Writer, node: Node) -> bool:
    """Does a product sum over samples?"""
    inputs, out = node.attrs
    return w.mode == "sample" and any(
        labels[w.axes[operand]] not in out for operand, labels in zip(node.operands, inputs, strict=True)
        if operand in w.axes)


def write_scatter(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """Values added at indices are a product with one-hot vectors: e_y for one label, onehot(y) for many."""
    body, *indices = node.operands
    (axes,) = node.attrs
    width = len(indices[0].shape)
    body, labels, kept = _without_deltas(w, body)
    rest = iter(labels[width:])
    out: list[Label] = []
    hot: list[MadeFactor] = []
    scope = _Scope(w, kept, body.shape)
    for axis, size in enumerate(node.shape):
        if axis not in axes:
            out.append(next(rest))
            continue
        each = indices[axes.index(axis)]
        along = counts_along(each)
        if along is not None and each.shape[along] == size and along not in out:
            out.append(along)
            continue
        label = ("hot", axis)
        out.append(label)
        scope.sizes[label] = size
        hot.append((_one_hot(w, each), (*labels[:width], label)))
    for each in indices:
        if each in w.axes:
            scope.samples.add(labels[w.axes[each]])
    value = literal_value(body)
    if value is None:
        return contraction(w, [[*scope.factors([(body, tuple(kept))]), *hot]], tuple(out), index, taken, scope)
    sign, size = weight_tree(value)
    return sum_of([(sign, scaled(size, contraction(w, [hot], tuple(out), index, taken, scope)))])


def _without_deltas(w: Writer, body: Node) -> tuple[Node, list[Label], list[Label]]:
    """What is scattered without its deltas, a label for each axis that it had, and the labels of the axes that are left.

    Where the values of each sample are scattered for that sample, two of their axes are one.
    """
    labels: list[Label] = list(range(len(body.shape)))
    if body.op is not ops.VIEW or not w.inlines(body) or len(body.operands) != 1:
        return body, labels, labels
    inputs, out = body.attrs
    labels = [out.index(x) for x in out]
    kept = list(dict.fromkeys(labels))
    sizes = dict(zip(out, body.shape, strict=True))
    return contract(body.operands, inputs, [out[i] for i in kept], sizes), labels, kept


def _one_hot(w: Writer, indices: Node) -> Callable[[Index, frozenset[Tree]], Tree]:
    def write(index: Index, taken: frozenset[Tree]) -> Tree:
        *front, last = index
        picked = w.at(indices, tuple(front), taken)
        if any(i is None for i in front):
            whole = call("onehot", picked)
            return whole if last is None else Tree("item", (whole, (Tree("colon"), last)))
        return unit(picked) if last is None else delta(picked, last)

    return write


def delta(a: Tree, b: Tree) -> Tree:
    """Kronecker's delta."""
    return UNIT if a == b or HIDDEN in (a, b) else kronecker(a, b)


def contraction(w: Writer, choices: Sequence[Sequence[MadeFactor]], out: tuple[Label, ...], index: Index,
                taken: frozenset[Tree], scope: _Scope) -> Tree:
    """The sum over labels not in `out` of the product of factors, at `index`.

    `choices` are lists of factors of one product: the first that has a matrix form is written so.
    """
    token: dict[Label, Tree] = {}
    extra: list[MadeFactor] = []
    for label, at in zip(out, index, strict=True):
        if at is not None and token.setdefault(label, at) != at:
            extra.append((_fixed(delta(token[label], at)), ()))
    left: list[Label] = []
    for place, (label, at) in enumerate(zip(out, index, strict=True)):
        if at is None and label in token:  # a delta between an open axis and an index
            extra.append((_fixed(unit(token[label])), (("axis", place),)))
            left.append(("axis", place))
        elif at is None:
            left.append(label)
    summed = list(dict.fromkeys(x for factors in choices for _, labels in factors for x in labels if x not in out))
    over: dict[Label, Tree] = {}
    for label in sorted(summed, key=lambda label: label in scope.steps):  # samples, then steps
        if label in scope.samples and w.mode == "sample":
            over[label] = w.sample_letter(taken)
            taken |= {over[label]}
        elif label in scope.steps and (step := step_letter(w, scope.sizes[label])) not in taken:
            over[label] = step
            taken |= {over[label]}
        elif label in scope.first:
            token[label] = num(0)
    token.update(over)
    counts = Counter(x for _, labels in choices[0] for x in set(labels))
    single = {x for x in summed if scope.sizes.get(x) == 1 and counts[x] == 1} if len(choices[0]) > 1 else set[Label]()
    full = [[*factors, *extra] for factors in choices]
    open_axes = tuple(left)
    for factors in full:
        if _readable(w, factors, open_axes, token, scope.sizes):
            return big(list(over.values()), _in_matrices(w, factors, open_axes, token, taken, scope.sizes))
    alone = dict.fromkeys(single - set(token), HIDDEN)  # an axis of one factor alone, brought beside others that lack it
    return big(list(over.values()), _in_indices(w, full[0], open_axes, {**token, **alone}, taken, scope))


def _fixed(tree: Tree) -> Callable[[Index, frozenset[Tree]], Tree]:
    return lambda index, taken: tree


def _rest(factors: Sequence[MadeFactor], token: Mapping[Label, Tree]) -> list[tuple[Label, ...]]:
    return [tuple(x for x in labels if x not in token) for _, labels in factors]


def _unit(factors: Sequence[MadeFactor], left: tuple[Label, ...], token: Mapping[Label, Tree],
          sizes: Mapping[Label, Size]) -> set[Label]:
    return {x for labels in (left, *_rest(factors, token)) for x in labels if sizes.get(x) == 1}


def _entrywise(left: tuple[Label, ...], rest: Sequence[tuple[Label, ...]]) -> bool:
    """A Hadamard product of tensors of higher order."""
    return len(left) > 2 and len(set(left)) == len(left) and all(labels in ((), left) for labels in rest)


def _readable(w: Writer, factors: Sequence[MadeFactor], left: tuple[Label, ...], token: Mapping[Label, Tree],
              sizes: Mapping[Label, Size]) -> bool:
    """Is there a form without indices?"""
    rest = _rest(factors, token)
    for labels, (_, whole) in zip(rest, factors, strict=True):
        if labels and any(x in token and not w.is_fixed(token[x]) and token[x].head != "num" for x in whole):
            return False
    if _entrywise(left, rest):
        return True
    return matrix_form([(ONES, labels) for labels in rest], left, _unit(factors, left, token, sizes)) is not None


def _in_matrices(w: Writer, factors: Sequence[MadeFactor], left: tuple[Label, ...], token: Mapping[Label, Tree],
                 taken: frozenset[Tree], sizes: Mapping[Label, Size]) -> Tree:
    rest = _rest(factors, token)
    trees = [make(_index(labels, token), taken) for make, labels in factors]
    if _entrywise(left, rest):
        return _product(trees, rest)
    tree = matrix_form(list(zip(trees, rest, strict=True)), left, _unit(factors, left, token, sizes))
    assert tree is not None
    return tree


def _index(labels: Sequence[Label], token: Mapping[Label, Tree]) -> Index:
    return tuple(token.get(x) for x in labels)


def _product(trees: Sequence[Tree], rest: Sequence[tuple[Label, ...]]) -> Tree:
    scalars = [tree for tree, labels in zip(trees, rest, strict=True) if not labels]
    whole = [tree for tree, labels in zip(trees, rest, strict=True) if labels]
    tree = hadamard(whole, 3) if whole else UNIT
    return hadamard([*scalars, tree], 0) if scalars else tree


def _in_indices(w: Writer, factors: Sequence[MadeFactor], left: tuple[Label, ...], token: Mapping[Label, Tree],
                taken: frozenset[Tree], scope: _Scope) -> Tree:
    summed = list(dict.fromkeys(x for labels in _rest(factors, token) for x in labels if x not in left))
    letters = w.letters(len(left) + len(summed), taken, [x in scope.samples for x in (*left, *summed)])
    place = dict(token)
    deltas = []
    for label, letter in zip((*left, *summed), letters, strict=True):
        if label in place and label in left:
            deltas.append(delta(place[label], letter))
        else:
            place[label] = letter
    inner = taken | set(letters)
    rank = {letter: i for i, letter in enumerate((*token.values(), *letters))}
    rows = []
    for make, labels in factors:
        at = _index(labels, place)
        rows.append((min((rank.get(x, 0) for x in at if x is not None), default=-1), make(at, inner)))
    rows.sort(key=lambda row: (row[0], weight_of(row[1])))
    body = hadamard([*deltas, *(tree for _, tree in rows)], 0, ordered=True)
    parts = set(walk(body))
    over = [letter for label, letter in zip(summed, letters[len(left):], strict=True)
            if scope.sizes.get(label) != 1 or letter in parts]  # one entry that nothing shows
    tree = big(over, body)
    return Tree("entries", (tree, tuple(letters[:len(left)]))) if left else tree

