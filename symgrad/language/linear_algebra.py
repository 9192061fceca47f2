"""Linear algebra on the last two axes: inverse, solve, determinants, Cholesky; and what runs along an axis.

Axes in front of the last two (and the sample axis) are a stack of matrices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symgrad.formulas.names import shape_text
from symgrad.graphs.algebra import linear, running
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.errors import ShapeError
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Size, canonical
from symgrad.language.align import as_axes, as_axis, as_tensor, common_over, describe
from symgrad.language.composed import tril, triu
from symgrad.language.contraction import eye
from symgrad.language.habits import axis_named
from symgrad.language.recipes import operation
from symgrad.language.tensor import Axis, Tensor, wrap


def _square(x: Any, name: str) -> Tensor:
    t = as_tensor(x, name)
    if t.ndim < 2:
        raise ShapeError(f"{name}: {describe(t)} is not a matrix; it needs two axes of one size")
    if t.shape[-1] != t.shape[-2]:
        raise ShapeError(f"{name}: {describe(t)} is not square: its last two axes are {t.shape[-2]} and {t.shape[-1]}")
    return t


@operation
def _of_matrix(name: str, x: Any, build: Callable[[Node], Node]) -> Tensor:
    t = _square(x, name)
    return wrap(build(t.node), t.over)


def inv(a: Any) -> Tensor:
    """The inverse of the last two axes.

    Raises ShapeError for what is not square; a singular matrix is a DataError when it runs.

    >>> import symgrad as sg
    >>> A, b = sg.data("A", (3, 3)), sg.data("b", 3)
    >>> print(sg.gradient(b @ sg.inv(A) @ b, A))
    -A⁻ᵀ b bᵀ A⁻ᵀ
    """
    return _of_matrix("inv", a, linear.inverse)


def det(a: Any) -> Tensor:
    """The determinant of the last two axes. Its derivatives are cofactors: right for singular matrices too.

    >>> A = sg.data("A", (2, 2))
    >>> sg.gradient(sg.det(A), A).eval(A=[[1.0, 2.0], [2.0, 4.0]])
    array([[ 4., -2.],
           [-2.,  1.]])
    """
    return _of_matrix("det", a, _determinant)


def _determinant(node: Node) -> Node:
    return linear.cofactor(node, 0)


def logdet(a: Any) -> Tensor:
    """log |det A| of the last two axes.

    >>> import symgrad as sg
    >>> A = sg.data("A", (3, 3))
    >>> print(sg.gradient(sg.logdet(A), A))
    A⁻ᵀ
    """
    return _of_matrix("logdet", a, linear.logdet)


def cholesky(a: Any) -> Tensor:
    """The lower triangular L with L Lᵀ = A. Of an A that is not symmetric, that of its symmetric part (A + Aᵀ)/2.

    Source of the derivative: Murray, Differentiation of the Cholesky decomposition (2016).

    >>> sg.cholesky(sg.data("A", (2, 2))).eval(A=[[4.0, 2.0], [2.0, 5.0]])
    array([[2., 0.],
           [1., 2.]])
    """
    return _of_matrix("cholesky", a, linear.cholesky)


@operation
def solve(a: Any, b: Any) -> Tensor:
    """X with A X = B. A right side of one axis is a vector; otherwise a stack of matrices, as in NumPy.

    Raises ShapeError where the sizes do not fit.

    >>> import symgrad as sg
    >>> A, b = sg.data("A", (3, 3)), sg.data("b", 3)
    >>> print(sg.solve(A, b), sg.solve(A, b).shape)
    A⁻¹ b (3,)
    """
    left, right = _square(a, "solve"), as_tensor(b, "solve")
    if right.ndim == 0:
        raise ShapeError(f"solve: the right side {describe(right)} is a scalar; it is a vector or a matrix")
    axis = max(right.ndim - 2, 0)
    if right.shape[axis] != left.shape[-1]:
        raise ShapeError(f"solve: {describe(left)} and right side {describe(right)}: axis {axis} of the right side is "
                         f"{right.shape[axis]}; the matrix needs {left.shape[-1]}")
    over = common_over("solve", [left, right])
    width = max(left.ndim - 2, axis)
    stack = [_stack_size(left, right, place - width) for place in range(width)]
    matrix = [*_places(left.shape[:-2], stack, left.over), "i", "j"]
    columns = ["k"] if right.ndim > 1 else []
    rhs = [*_places(right.shape[:axis], stack, right.over), "i", *columns]
    sizes: dict[Any, Size] = {"sample": over, **dict(enumerate(stack)), "i": left.shape[-1]}
    out = [*([] if over is None else ["sample"]), *range(width)]
    # Stack axes that the matrix does not have are columns: it is factored once.
    held = [x for x in out if x in matrix]
    extra = [x for x in out if x not in matrix]
    lead = contract([left.node], [matrix], (*held, "i", "j"), {x: sizes[x] for x in held})
    if columns:
        sizes["k"] = right.shape[-1]
    order = (*held, "i", *columns, *extra)
    body = contract([right.node], [rhs], order, {x: sizes[x] for x in order})
    result = contract([linear.solve(lead, body)], [order], (*out, "i", *columns))
    return wrap(result, over)


def _stack_size(left: Tensor, right: Tensor, place: int) -> Size:
    """The size of a stack axis, counted from the last: only a literal 1 stretches."""
    found = [t.shape[:-2][place] for t in (left, right) if t.ndim - 2 >= -place]
    wide = [size for size in found if size != 1]
    if len(set(wide)) > 1:
        raise ShapeError(f"solve: {describe(left)} and right side {describe(right)}: the stack axis {place} is {found[0]} "
                         f"and {found[1]}; they must be equal or one of them 1")
    return wide[0] if wide else 1


def _places(shape: tuple[Size, ...], stack: list[Size], over: Size | None) -> list[Any]:
    """Labels of the stack axes of an operand: places in the joint stack; size 1 against a longer axis is dropped."""
    start = len(stack) - len(shape)
    names: list[Any] = [] if over is None else ["sample"]
    return names + [start + i if size == stack[start + i] else ("one", start + i) for i, size in enumerate(shape)]


def solve_triangular(a: Any, b: Any, lower: bool = False, unit_diagonal: bool = False) -> Tensor:
    """X with T X = B, T the upper (or lower) triangle of A, as SciPy's; the other triangle has no influence.

    >>> T, b = sg.data("T", (2, 2)), sg.data("b", 2)
    >>> sg.solve_triangular(T, b).eval(T=[[2.0, 1.0], [9.0, 4.0]], b=[3.0, 4.0])
    array([1., 1.])
    """
    t = _square(a, "solve_triangular")
    if unit_diagonal:
        triangle = (tril(t, -1) if lower else triu(t, 1)) + eye(t.shape[-1])
    else:
        triangle = tril(t) if lower else triu(t)
    return solve(triangle, b)


# along an axis ----------------------------------------------------------------------------------------------


@operation
def _multiplied(t: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    lead = 0 if t.over is None else 1
    node = t.node
    for axis in reversed(axes):
        node = running.multiply(node, axis + lead)
    if keepdims:
        shape = [1 if i - lead in axes else size for i, size in enumerate(t.node.shape)]
        kept = [i for i in range(len(shape)) if i - lead not in axes]
        node = contract([node], [kept], range(len(shape)), dict(enumerate(shape)))
    return wrap(node, t.over)


@axis_named
def prod(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The product over `axis` (None: all axes of one sample). Derivatives are right where entries are zero.

    >>> x = sg.data("x", 3)
    >>> sg.gradient(sg.prod(x), x).eval(x=[0.0, 2.0, 3.0])
    array([6., 0., 0.])
    """
    t = as_tensor(x, "prod")
    return _multiplied(t, as_axes(axis, t, "prod"), keepdims)


@axis_named
@operation
def cumsum(x: Any, axis: int = -1) -> Tensor:
    """Running sums along `axis`.

    >>> import symgrad as sg
    >>> x = sg.data("x", 4)
    >>> print(sg.cumsum(x))
    cumsum(x)
    """
    t = as_tensor(x, "cumsum")
    place = as_axis(axis, t.ndim, "cumsum", t)
    return wrap(running.cumsum(t.node, place + (0 if t.over is None else 1)), t.over)


@operation
def windows(x: Any, width: Any, step: int = 1, axis: int = -1) -> Tensor:
    """All windows of `width` entries along `axis`, `step` apart; the offset in a window is a new last axis.

    Raises ShapeError where no window fits. A convolution is a product with windows:

    >>> import symgrad as sg
    >>> x, w = sg.data("x", 7), sg.parameter("w", 3)
    >>> sg.windows(x, 3).shape, (sg.windows(x, 3, step=2) @ w).shape
    ((5, 3), (3,))
    """
    t = as_tensor(x, "windows")
    place = as_axis(axis, t.ndim, "windows", t)
    size, wide = t.shape[place], canonical(width)
    if isinstance(step, bool) or not isinstance(step, int) or step < 1:
        raise ShapeError(f"windows: step is a positive int, not {step!r}")
    if isinstance(wide, int) and (wide < 1 or isinstance(size, int) and wide > size):
        raise ShapeError(f"windows: a window of {wide} does not fit into axis {place} of {describe(t)}: 1 to {size} do "
                         f"(shape {shape_text(t.shape)})")
    count = canonical((size - wide) // step + 1)
    lead = 0 if t.over is None else 1
    return wrap(running.windows(t.node, place + lead, step, count, wide), t.over)
