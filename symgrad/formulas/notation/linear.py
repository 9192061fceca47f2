"""How linear algebra and what runs along an axis are written; and any operation that no table knows.

All of them are functions of whole matrices: stack axes and samples are carried along, the rest is indexed from
outside. A solve is the inverse times its right side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from symgrad.formulas.notation.coefficients import expression
from symgrad.formulas.notation.moves import affine, opened, picked
from symgrad.formulas.spelling.tree import ONES, Tree, call, is_whole, name, num, product, sum_of, transpose
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.node import Node
from symgrad.graphs.weights import ONE

if TYPE_CHECKING:
    from symgrad.formulas.notation.writer import Index, Writer


def write_any(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """A form of `FORMS`; the sample axis, where it is in front, is carried along."""
    lead = 1 if index and w.is_sample(index[0]) else 0
    if any(i is not None for i in index[lead:]):
        if node.op is ops.WINDOWS and None not in index:
            return _entry_of_window(w, node, index, taken)
        return picked(w, node, index, taken)
    trees = []
    for operand in node.operands:
        carried = lead and operand.shape and operand.shape[0] == node.shape[0]
        below = (index[0], *[None] * (len(operand.shape) - 1)) if carried else (None,) * len(operand.shape)
        trees.append(w.at(operand, below, taken))
    return FORMS[node.op](node, index, *trees)


def _entry_of_window(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """Entry k of window i is entry step i + k of the operand."""
    axis, step = node.attrs
    place, offset = index[axis], index[-1]
    assert place is not None and offset is not None
    start = num(step * int(place.args[0])) if is_whole(place) else affine(0, step, place)
    zero = num(0)
    both = start if offset == zero else offset if start == zero else sum_of([(1, start), (1, offset)])
    return w.at(node.operands[0], (*index[:axis], both, *index[axis + 1:-1]), taken)


def write_solve(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """A^-1 B; an index of a column is one of B, and with several open columns all axes take letters."""
    a, b = node.operands
    stack = len(a.shape) - 2
    front, row, columns = index[:stack], index[stack], index[stack + 1:]
    if opened(columns) > 1:
        letters = iter(w.letters(opened(index), taken))
        full = tuple(next(letters) if i is None else i for i in index)
        mine = tuple(x for x, i in zip(full, index, strict=True) if i is None)
        return Tree("entries", (write_solve(w, node, full, taken | set(mine)), mine))
    ones = not opened(columns) and literal_value(b) == ONE
    right = ONES if ones else w.at(b, (*front, None, *columns), taken)
    tree = product((), [inverse_of(w.at(a, (*front, None, None), taken)), right])
    left = tuple(i for i in (row, *(i for i in columns if i is None)))
    if row is None:
        return tree
    return Tree("at", (tree, (row,))) if len(left) == 1 else Tree("item", (tree, (row, Tree("colon"))))


def inverse_of(tree: Tree) -> Tree:
    """The inverse of a matrix; that of a transpose is written A^-T."""
    return transpose(Tree("inverse", (tree.args[0],))) if tree.head == "transpose" else Tree("inverse", (tree,))


def _along(name: str) -> Callable[..., Tree]:
    """A function along one axis, which is told where there are several."""

    def form(node: Node, index: Index, x: Tree) -> Tree:
        axis, more = node.attrs
        carried = sum(i is not None for i in index)
        place = [] if len(node.operands[0].shape) - carried - (node.op is ops.OVERLAP) == 1 else [
            _keyword("axis", num(axis - carried))]
        if name in ("windows", "overlap"):
            step = [_keyword("step", num(more))] if more != 1 else []
            width = [_keyword("width", expression(node.shape[-1]))] if name == "windows" else []
            return call(name, x, *width, *step, *place)
        return call(name + "'" * more, x, *place)

    return form


def _running_sums(node: Node, index: Index, x: Tree) -> Tree:
    """Running sums; from the end they are those of the flipped axis, flipped: cumsum(x[::-1])[::-1]."""
    axis, reverse = node.attrs
    carried = sum(i is not None for i in index)
    order = len(node.shape) - carried
    place = [] if order == 1 else [_keyword("axis", num(axis - carried))]
    return _flipped(call("cumsum", _flipped(x, axis - carried), *place), axis - carried) if reverse else call(
        "cumsum", x, *place)


def _sorting(node: Node, index: Index, x: Tree) -> Tree:
    """The places in ascending order, along an axis where there are several."""
    carried = sum(i is not None for i in index)
    return call("argsort", x, *([] if len(node.shape) - carried == 1 else [_keyword("axis", num(node.attrs[0] - carried))]))


def _flipped(x: Tree, axis: int) -> Tree:
    back = Tree("range", (None, None, num(-1)))
    if x.head == "item" and x.args[1] == (*[Tree("colon")] * axis, back):
        return x.args[0] if isinstance(x.args[0], Tree) else x
    return Tree("item", (x, (*[Tree("colon")] * axis, back)))


def _product_along(node: Node, index: Index, x: Tree) -> Tree:
    """Products along several axes are one product along all of them."""
    axis, prime = node.attrs
    inner, axes = node.operands[0], [axis]
    if prime or x.head != "call" or x.args[0] != "prod":  # has a name
        return _along("prod")(node, index, x)
    while inner.op is ops.MULTIPLY and inner.attrs[1] == 0:
        (axis, _), inner = inner.attrs, inner.operands[0]
        axes = [*(a + (a >= axis) for a in axes), axis]
    carried = sum(i is not None for i in index)
    numbers = Tree("tuple", tuple(num(a - carried) for a in sorted(axes)))
    return call("prod", x.args[1][0], *([] if len(inner.shape) - carried == len(axes) else [_keyword("axis", numbers)]))


def _keyword(name: str, value: Tree) -> Tree:
    return Tree("keyword", (name, value))


def _cofactor(node: Node, index: Index, a: Tree) -> Tree:
    (order,) = node.attrs
    return call("det", a) if not order else call("cof", a, subs=[num(order)] if order > 1 else [])


FORMS: Mapping[ops.Op, Callable[..., Tree]] = MappingProxyType({
    ops.INVERSE: lambda node, index, a: inverse_of(a),
    ops.LOGDET: lambda node, index, a: call("logdet", a),
    ops.CHOLESKY: lambda node, index, a: call("chol", a),
    ops.COFACTOR: _cofactor, ops.MULTIPLY: _product_along, ops.CUMSUM: _running_sums,
    ops.EIGVALS: lambda node, index, a: call("eigvalsh", a), ops.EIGVECS: lambda node, index, a: call("eigvecs", a),
    ops.SVDVALS: lambda node, index, a: call("svdvals", a),
    ops.SVD: lambda node, index, a: call("svd", a, subs=[name(node.attrs[0].upper())]),
    ops.QR: lambda node, index, a: call("qr", a, subs=[name(node.attrs[0].upper())]), ops.ARGSORT: _sorting,
    ops.WINDOWS: _along("windows"), ops.OVERLAP: _along("overlap"),
})
