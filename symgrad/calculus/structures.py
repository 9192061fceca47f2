"""`sg.structure`: a Jacobian or Hessian as the matrix it is - diagonal, blocks, Kronecker products, low rank - and
what follows from that: products, solves, blocks that are stored as such.

The reading is in `structure/reading.py`, what a structure does in `structure/maps.py`; here are tensors, their
shapes and the sample axis.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from symgrad.calculus.derivatives import gradient, jacobian
from symgrad.calculus.structure_text import formula as formula_of
from symgrad.formulas.names import shape_text
from symgrad.formulas.shown import Shown
from symgrad.formulas.spelling.letters import for_tex
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.errors import ShapeError, SymgradError
from symgrad.graphs.node import Node, topological
from symgrad.graphs.rewrites.patterns import bare
from symgrad.graphs.rewrites.simplification import with_identities
from symgrad.graphs.sizes import Shape, Size
from symgrad.graphs.structure import maps
from symgrad.graphs.structure.form import DENSE, MatrixForm
from symgrad.graphs.structure.reading import structure_of
from symgrad.language.align import as_tensor, describe
from symgrad.language.recipes import stable
from symgrad.language.replaying import shown
from symgrad.language.tensor import Tensor, wrap


class Structure(Shown):
    """A matrix and its structure; made by `sg.structure`.

    Its rows have the axes of `y` (for a Hessian of `x`), its columns those of `x`. Results are tensors. Over
    samples there is one matrix per sample. The parts of a structure may be stacks of matrices: those inside blocks
    have the axes of the blocks in front, the factors of `∑_t A_t ⊗ B_t` an axis for t; `stack` are these sizes.

    >>> x = sg.data("x", 3)
    >>> J = sg.structure(sg.jacobian(sg.tanh(x), x))
    >>> J.kind, J.formula
    ('diagonal', 'diag(1 - tanh(x)^⊙2)')
    >>> print(J.solve(sg.data("v", 3)))
    v/(1 - tanh(x)^⊙2)
    """

    def __init__(self, form: MatrixForm, over: Size | None, names: Mapping[Node, str],
                 read: MatrixForm | None = None) -> None:
        self._form, self.over, self._names = form, over, names
        self._read = form if read is None else read  # the same matrix as it is read

    @property
    def kind(self) -> str:
        """"dense", "diagonal", "block_diagonal", "kronecker", "gram", "diagonal_plus_low_rank" or "sum"."""
        return self._form.kind

    @cached_property
    def parts(self) -> tuple[Structure, ...]:
        """The block, the factors or the terms, as structures."""
        alike = len(self._read.parts) == len(self._form.parts)
        read = self._read.parts if alike else self._form.parts
        return tuple(Structure(part, self.over, self._names, other)
                     for part, other in zip(self._form.parts, read, strict=True))

    @cached_property
    def formula(self) -> str:
        """The matrix on one line of Unicode; of several axes rows and columns are numbered in row-major order."""
        return formula_of(self._read, self.over is not None, self._names)

    def latex(self) -> str:
        """The formula in LaTeX."""
        return for_tex(self._notation())

    def _notation(self) -> str:
        return formula_of(self._read, self.over is not None, self._names, "latex")

    def __str__(self) -> str:
        return self.formula

    def __repr__(self) -> str:
        return f"<Structure {self.kind} {shape_text(self.rows)} x {shape_text(self.columns)}: {self.formula}>"

    @property
    def stack(self) -> Shape:
        """The sizes of axes in front of rows and columns, without the sample axis."""
        return self._form.shape[self.over is not None:self._form.batch]

    @property
    def rows(self) -> Shape:
        """The axes of `y`."""
        return tuple(self._form.shape[a] for a in self._form.row_axes)

    @property
    def columns(self) -> Shape:
        """The axes of `x`."""
        return tuple(self._form.shape[a] for a in self._form.column_axes)

    def matvec(self, v: Any) -> Tensor:
        """The matrix times `v` of the shape of `x`; the result has the shape of `y`. Nothing of the matrix is formed."""
        return self._along("matvec", v, self.columns, len(self.rows), maps.apply)

    def solve(self, b: Any) -> Tensor:
        """x with the matrix times x = `b`, by the structure: a diagonal divides, blocks are solved as a stack, the
        factors of a Kronecker product one after the other, a diagonal plus low rank by the formula of Woodbury;
        all others by elimination. Of a singular matrix the result is not finite, or a DataError."""
        self._square("solve")
        return self._along("solve", b, self.rows, len(self.columns), maps.solve)

    def diagonal(self) -> Tensor:
        """The diagonal, of the shape of `x`."""
        self._square("diagonal")
        return self._done(maps.diagonal(self._form))

    def blocks(self) -> Tensor:
        """The blocks of a block-diagonal matrix: the axes of the blocks, then rows and columns inside a block."""
        node = maps.blocks(self._form)
        if node is None:
            raise SymgradError(f"blocks: this matrix is {self.kind}, not block diagonal; it has "
                               ".matvec, .solve, .diagonal and .dense")
        return self._done(node)

    def dense(self) -> Tensor:
        """All entries, of shape `y.shape + x.shape`."""
        return self._done(maps.dense(self._form))

    def _square(self, operation: str) -> None:
        if not self._form.square:
            raise ShapeError(f"{operation}: the matrix is not square: rows {shape_text(self.rows)}, "
                             f"columns {shape_text(self.columns)}")

    def _done(self, node: Node) -> Tensor:
        return wrap(node, self.over)

    def _along(self, operation: str, v: Any, axes: Shape, count: int, function: Any) -> Tensor:
        """`function` of the matrix and a vector, or one vector per sample."""
        vector = as_tensor(v, operation)
        wanted = (*self.stack, *axes)
        if vector.shape != wanted or (self.over is not None and vector.over not in (None, self.over)):
            over = f" over {self.over}" if self.over is not None else ""
            raise ShapeError(f"{operation}: {describe(vector)} must have the shape {shape_text(wanted)}{over}")
        node, rank = vector.node, len(wanted)
        if self.over is not None:
            if vector.over is None:
                node = contract([node], [range(1, 1 + rank)], range(1 + rank), {0: self.over})
            return self._done(function(self._form, node))
        if vector.over is None:
            return self._done(function(self._form, node))
        moved = contract([node], [range(1 + rank)], (*range(1, 1 + rank), 0))  # the samples behind: many vectors
        result = function(self._form, moved)
        last = len(self.stack) + count
        result = contract([result], [range(last + 1)], (last, *range(last)))
        return wrap(result, vector.over)


def structure(H: Any, rows: int | None = None) -> Structure:
    """The structure of a Jacobian or Hessian, or of any tensor whose first `rows` axes are rows.

    Without `rows` a derivative is cut where it was made, and another tensor in the middle. Raises ShapeError for a
    tensor that cannot be cut, SymgradError for a list or dict of blocks.

    >>> import symgrad as sg
    >>> n, d = sg.dims("n d")
    >>> X, w, y = sg.data("X", (n, d)), sg.parameter("w", d), sg.data("y", n)
    >>> p = sg.sigmoid(X @ w)
    >>> S = sg.structure(sg.hessian(-sg.sum(y * sg.log(p) + (1 - y) * sg.log(1 - p)), w))
    >>> S.kind, S.formula
    ('gram', 'Xᵀ diag(σ(X w) ⊙ (1 - σ(X w))) X')
    """
    if isinstance(H, (list, tuple, dict)):
        form = "dict" if isinstance(H, dict) else "list" if isinstance(H, list) else "tuple"
        raise SymgradError(f"structure: a {form} of blocks has no structure of its own; "
                           "give one Jacobian or Hessian, such as sg.hessian(loss, x)")
    t = as_tensor(H, "structure")
    cut = _cut(t) if rows is None else rows
    if not 0 <= cut <= t.ndim:
        raise ShapeError(f"structure: {describe(t)} has {t.ndim} axes, so not {cut} of rows")
    batch = int(t.over is not None)
    (node,) = with_identities([t.node])
    found = structure_of(node, batch, cut)
    read = shown(t).node
    if read is t.node:
        return Structure(found, t.over, _names(t))
    (node,) = with_identities([read])
    other = structure_of(node, batch, cut)
    if found.kind == DENSE:  # Aᵀ diag(s) A may show in the textbook's form alone
        found = other
    return Structure(found, t.over, _names(t), other if other.kind == found.kind else found)


def _names(t: Tensor) -> dict[Node, str]:
    """What carries a name in a derivative, and in what it is a derivative of; of two with one name, none."""
    found: dict[str, set[Node]] = {}
    sources = [t]
    for each in sources:
        if each.recipe is not None and each.recipe.function in (jacobian, gradient):
            sources.append(each.recipe.operands[0])
    for node in topological([*(each.node for each in sources), *stable(sources)]):
        if node.op is ops.NAMED:
            found.setdefault(node.attrs[0], set()).add(bare(with_identities(node.operands)[0]))
    return {node: name for name, nodes in found.items() if len(nodes) == 1 for node in nodes if node.op is not ops.INPUT}


def _cut(t: Tensor) -> int:
    """The number of row axes: those of `y` where the tensor is a Jacobian of it, else half of all."""
    if t.recipe is not None and t.recipe.function is jacobian:
        target: Tensor = t.recipe.operands[0]
        return target.ndim
    if t.ndim % 2:
        raise ShapeError(f"structure: {describe(t)} has {t.ndim} axes, and which of them are rows is not known; "
                         "say rows=1, for example")
    return t.ndim // 2


