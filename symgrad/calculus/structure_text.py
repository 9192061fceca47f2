"""The formula of a structured matrix: `blockdiag_i(2 Vᵀ diag(O_i) V)`, `Xᵀ X ⊗ I`, `∑_t (diag(p_t) - p_t p_tᵀ) ⊗ x_t x_tᵀ`.

A matrix whose rows and columns are one axis each prints as any tensor does; with more axes its rows and columns
are numbered in row-major order, as `vec` of the variable is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from symgrad.formulas.notation.coefficients import weight_tree
from symgrad.formulas.rendering import composed
from symgrad.formulas.spelling.tree import EYE, HIDDEN, ONES, Tree, big, call, product, sum_of, transpose
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal_value
from symgrad.graphs.algebra.primitives import add
from symgrad.graphs.node import Node
from symgrad.graphs.structure.form import BLOCKS, DIAGONAL, GRAM, KRONECKER, LOW_RANK, SUM, MatrixForm
from symgrad.graphs.structure.maps import dense
from symgrad.graphs.weights import ONE, Weight

if TYPE_CHECKING:
    from symgrad.formulas.notation.writer import Writer

Letters = tuple[Tree, ...]


def formula(form: MatrixForm, over: bool, names: Mapping[Node, str], style: str = "unicode") -> str:
    """The formula of a structure; `over` says that its batch axis is the sample axis. `names` are display names."""
    lead = tuple(HIDDEN if over and i == 0 else None for i in range(form.batch))
    stack = form.batch - over

    def build(w: Writer) -> Tree:
        if not stack:
            return _tree(form, w, tuple(i for i in lead if i is not None))
        letters = tuple(_letters(form, w, (), range(int(over), form.batch)))
        w.stacked.update(letters)
        inner = _tree(form, w, (*(i for i in lead if i is not None), *letters))
        return Tree("entries", (inner, letters))

    return composed(_nodes(form), build, names, style)


def _nodes(form: MatrixForm) -> list[Node]:
    """The nodes over which the formula is written."""
    if form.kind == DIAGONAL and form.rows == 1:
        return _diagonals(form)
    if not _by_parts(form):
        return [_node(form)]
    return list(dict.fromkeys(node for part in form.parts for node in _nodes(part)))


def _by_parts(form: MatrixForm) -> bool:
    if form.kind == KRONECKER:
        return _ordered(form)
    return form.kind in (BLOCKS, LOW_RANK, SUM)


def _ordered(form: MatrixForm) -> bool:
    """Do the factors of a Kronecker product lie one behind the other?"""
    rows = [a for r, _ in form.pairs for a in r]
    columns = [a for _, c in form.pairs for a in c]
    return rows == sorted(rows) and columns == sorted(columns)


def _node(form: MatrixForm) -> Node:
    """The matrix as one node: X' diag(s) X, not the form in which it is best computed."""
    batch, rows, columns = tuple(range(form.batch)), tuple(form.row_axes), tuple(form.column_axes)
    if form.kind == DIAGONAL and form.rows > 1:
        return form.nodes[0]
    if form.kind != GRAM:
        return dense(form)
    x, s = form.nodes
    summed = tuple(("s", i) for i in range(form.shared))
    return contract([x, s, x], [(*batch, *summed, *rows), (*batch, *summed), (*batch, *summed, *columns)],
                    (*batch, *rows, *columns))


def _diagonals(form: MatrixForm) -> list[Node]:
    """A diagonal as the terms of diag(p) + λ I."""
    (entries,) = form.nodes
    axes = tuple(range(len(entries.shape)))
    plain: list[tuple[Node, Weight]] = []
    same: list[tuple[Node, Weight]] = []
    if entries.op is ops.ADD:
        for node, by in zip(entries.operands, entries.attrs[0], strict=True):
            constant = node.op is ops.VIEW and bool(node.operands) and node.attrs[1][-1] not in node.attrs[0][0]
            (same if constant else plain).append((node, by))
    groups = [plain, same] if plain and same else [[(entries, ONE)]]
    sums = [add([node for node, _ in group], [by for _, by in group]) for group in groups]
    return [contract([node], [axes], (*axes, axes[-1])) for node in sums]


def _letters(form: MatrixForm, w: Writer, taken: Sequence[Tree], axes: Sequence[int]) -> list[Tree]:
    """Letters for batch axes of a form, or for summed axes of its parts."""
    inside = [node for part in form.parts for node in _nodes(part)] or _nodes(form)
    return w.letters(len(axes), set(taken), [any(w.axes.get(node) == axis for node in inside) for axis in axes])


def _tree(form: MatrixForm, w: Writer, batch: Letters) -> Tree:
    if form.identity:
        return EYE
    if not _by_parts(form):
        return _plain(form, w, batch)
    if form.kind in (LOW_RANK, SUM):
        return sum_of([(1, _tree(part, w, batch)) for part in form.parts])
    if form.kind == BLOCKS:
        lead = form.pairs[0][0]
        letters = tuple(_letters(form, w, batch, range(form.batch, form.batch + len(lead))))
        w.stacked.update(letters)
        return call("blockdiag", _tree(form.parts[0], w, (*batch, *letters)), subs=letters)
    letters = tuple(_letters(form, w, batch, range(form.batch, form.batch + form.shared)))
    w.stacked.update(letters)
    sign, front, factors = 1, [], []
    for part in form.parts:
        each, scalars, tree = _apart(_tree(part, w, (*batch, *letters)))
        sign *= each
        front += scalars
        factors.append(tree)
    return sum_of([(sign, big(letters, product(front, [Tree("kron", tuple(factors))])))])


def _apart(tree: Tree) -> tuple[int, list[Tree], Tree]:
    """The sign, the scalars and the rest of a tree; the scalars of a sum are those that all of its terms have."""
    sign = 1
    if tree.head == "sum" and len(tree.args) == 1:
        ((sign, tree),) = tree.args
    elif tree.head == "sum":
        fronts = [list(part.args[0]) if part.head == "product" and part.args[1] else [] for _, part in tree.args]
        common = [scalar for scalar in fronts[0] if all(scalar in front for front in fronts)]
        rest = [(each, product([x for x in front if x not in common], part.args[1]) if common else part)
                for (each, part), front in zip(tree.args, fronts, strict=True)]
        return sign, common, Tree("sum", tuple(rest))
    if tree.head == "product" and tree.args[0] and tree.args[1]:
        return sign, list(tree.args[0]), product((), tree.args[1])
    return sign, [], tree


def _plain(form: MatrixForm, w: Writer, batch: Letters) -> Tree:
    """A matrix, row or column without indices, or the entries of a tensor of higher order."""
    node = _node(form)
    counts = form.rows, len(form.column_axes)
    value = literal_value(node)
    if form.kind == DIAGONAL and value is not None:
        sign, size = weight_tree(value)
        return sum_of([(sign, product([size], [EYE]))]) if value.number else size
    if form.kind == DIAGONAL and form.rows > 1:
        entries = w.at(node, (*batch, *[None] * form.rows), frozenset(batch))
        return call("diag", call("vec", entries)) if form.rows == 2 else call("diag", entries)
    if form.kind == DIAGONAL and form.rows == 1:
        return sum_of([(1, w.at(each, (*batch, None, None), frozenset(batch))) for each in _diagonals(form)])
    if counts == (1, 1) and value is not None and value.number:
        sign, size = weight_tree(value)
        return sum_of([(sign, product([size], [ONES, transpose(ONES)]))])
    if max(counts) <= 1:
        tree = w.at(node, (*batch, *[None] * sum(counts)), frozenset(batch))
        return transpose(tree) if counts == (0, 1) else tree
    letters = tuple(w.letters(sum(counts), set(batch)))
    return Tree("entries", (w.at(node, (*batch, *letters), frozenset((*batch, *letters))), letters))


