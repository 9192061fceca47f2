"""Contractions and constants: einsum and the matmul family, all of them one `contract`."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import sympy as sp

from symgrad.graphs.algebra.einsum import contract, literal
from symgrad.graphs.algebra.einsum import ones as ones_node
from symgrad.graphs.algebra.einsum import zeros as zeros_node
from symgrad.graphs.algebra.primitives import add, iota, pad
from symgrad.graphs.errors import ShapeError
from symgrad.graphs.sizes import Size, canonical
from symgrad.graphs.weights import weight
from symgrad.language.align import as_axis, as_int, as_shape, as_size, as_tensor, common_over, constant, describe
from symgrad.language.recipes import operation
from symgrad.language.tensor import Tensor, wrap

SAMPLE = "sample"  # the label of the sample axis


def _labels(tensor: Tensor, names: list[Any]) -> list[Any]:
    return names if tensor.over is None else [SAMPLE, *names]


@operation
def _contract(tensors: list[Tensor], inputs: list[list[Any]], out: list[Any], over: Size | None) -> Tensor:
    """A contraction in the labels of one sample; the sample axis rides along in front."""
    full = out if over is None else [SAMPLE, *out]
    sizes = {} if over is None else {SAMPLE: over}
    return wrap(contract([t.node for t in tensors],
                         [_labels(t, names) for t, names in zip(tensors, inputs, strict=True)], full, sizes), over)


def einsum(subscripts: str, *operands: Any) -> Tensor:
    """NumPy's einsum on one sample; indices may repeat in an operand or in several.

    Beyond NumPy, the output may repeat an index: `"i->ii"` is a diagonal matrix.
    Raises ShapeError for subscripts that do not fit the operands.

    >>> import symgrad as sg
    >>> A = sg.data("A", (2, 3))
    >>> print(sg.einsum("ij,kj->ik", A, A))
    A Aᵀ
    """
    tensors = [as_tensor(x, "einsum") for x in operands]
    if not isinstance(subscripts, str):
        raise TypeError(f"einsum: the subscripts must be a text, not {type(subscripts).__name__}")
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    parts = left.split(",")
    if len(parts) != len(tensors):
        raise ShapeError(f"einsum {subscripts!r}: {len(parts)} groups of indices for {len(tensors)} operands")
    dots = [t.ndim - len(part.replace("...", "")) for part, t in zip(parts, tensors, strict=True)]
    widest = max((d for d, part in zip(dots, parts, strict=True) if "..." in part), default=0)
    inputs = [_expand(part, t, d, subscripts, widest) for part, t, d in zip(parts, tensors, dots, strict=True)]
    letters = [x for names in inputs for x in names]
    if not arrow:
        right = "".join(sorted({x for x in letters if isinstance(x, str) and letters.count(x) == 1}))
        right = ("..." if any("..." in part for part in parts) else "") + right
    out = _expand(right, None, widest, subscripts, widest)
    seen: dict[Any, tuple[Size, Tensor]] = {}
    for names, tensor in zip(inputs, tensors, strict=True):
        for i, (name, size) in enumerate(zip(names, tensor.shape, strict=True)):
            known = seen.setdefault(name, (size, tensor))
            if known[0] == 1 and size != 1 and isinstance(name, int):
                seen[name] = (size, tensor)
            elif known[0] != size and not (isinstance(name, int) and size == 1):
                raise ShapeError(f"einsum {subscripts!r}: index {name!r} is {known[0]} in {describe(known[1])} "
                                 f"and {size} at axis {i} of {describe(tensor)}")
    for name in out:
        if name not in seen:
            raise ShapeError(f"einsum {subscripts!r}: index {name!r} of the output is in no operand")
    fresh = [[(name, i) if isinstance(name, int) and size != seen[name][0] else name
              for name, size in zip(names, tensor.shape, strict=True)]
             for i, (names, tensor) in enumerate(zip(inputs, tensors, strict=True))]
    return _contract(tensors, fresh, out, common_over("einsum", tensors))


def _expand(part: str, tensor: Tensor | None, dots: int, text: str, widest: int) -> list[Any]:
    """Letters as labels; the axes of an ellipsis as ints counted from the right."""
    head, ellipsis, tail = part.partition("...")
    if not all(x.isascii() and x.isalpha() for x in head + tail):
        raise ShapeError(f"einsum {text!r}: indices are single letters, got {part!r}")
    if not ellipsis:
        dots = 0
        if tensor is not None and len(head) != tensor.ndim:
            raise ShapeError(f"einsum {text!r}: {part!r} has {len(head)} indices, but {describe(tensor)} "
                             f"has {tensor.ndim} axes")
    if dots < 0:
        raise ShapeError(f"einsum {text!r}: {part!r} has more indices than "
                         + ("the output" if tensor is None else describe(tensor)) + " has axes")
    return [*head, *range(widest - dots, widest), *tail] if ellipsis else list(head)


def matmul(a: Any, b: Any) -> Tensor:
    """The matrix product `a @ b` with NumPy's rules for vectors and stacks of matrices.

    >>> sg.matmul(sg.data("A", (5, 2, 3)), sg.data("B", (3, 4))).shape
    (5, 2, 4)
    """
    left, right = as_tensor(a, "matmul"), as_tensor(b, "matmul")
    for t in (left, right):
        if t.ndim == 0:
            raise ShapeError(f"matmul: {describe(t)} is a scalar; write * for a multiple of "
                             f"{describe(right if t is left else left)}")
    over = common_over("matmul", [left, right])
    axis = max(right.ndim - 2, 0)
    if left.shape[-1] != right.shape[axis]:
        raise ShapeError(
            f"matmul: {describe(left)} @ {describe(right)}: axis {left.ndim - 1} of the first is "
            f"{left.shape[-1]}, axis {axis} of the second is {right.shape[axis]}; they must be equal{_hint(left, right)}.")
    stack = max(left.ndim, right.ndim, 2) - 2
    inputs: list[list[Any]] = []
    for t, names in ((left, ["i", "k"]), (right, ["k", "j"])):
        if t.ndim == 1:
            inputs.append(["k"])
        else:
            inputs.append([*range(stack - (t.ndim - 2), stack), *names])
    out: list[Any] = list(range(stack))
    for place in range(stack):
        sizes = [t.shape[names.index(place)] for t, names in zip((left, right), inputs, strict=True) if place in names]
        if len(sizes) == 2 and sizes[0] != sizes[1]:
            if 1 not in sizes:
                raise ShapeError(f"matmul: {describe(left)} @ {describe(right)}: the stack axis {place - stack} is "
                                 f"{sizes[0]} and {sizes[1]}; they must be equal or one of them 1.")
            short_one = 0 if sizes[0] == 1 else 1
            inputs[short_one][inputs[short_one].index(place)] = ("one", place)
    out += [x for x, t in (("i", left), ("j", right)) if t.ndim > 1]
    return _contract([left, right], inputs, out, over)


def _hint(left: Tensor, right: Tensor) -> str:
    if right.ndim == 2 and left.shape[-1] == right.shape[1]:
        return "; the second transposed (.T) would fit"
    if left.ndim == 2 and right.ndim <= 2 and left.shape[0] == right.shape[0]:
        return "; the first transposed (.T) would fit"
    return ""


def dot(a: Any, b: Any) -> Tensor:
    """NumPy's dot: the sum over the last axis of `a` and the last but one of `b`.

    >>> print(sg.dot(sg.data("u", 3), sg.data("v", 3)))
    uᵀ v
    """
    left, right = as_tensor(a, "dot"), as_tensor(b, "dot")
    if not left.ndim or not right.ndim:
        return left * right
    return _tensordot("dot", left, right, [left.ndim - 1], [max(right.ndim - 2, 0)])


def outer(a: Any, b: Any) -> Tensor:
    """All products of an entry of `a` with an entry of `b`; both are flattened as in NumPy.

    >>> print(sg.outer(sg.data("u", 3), sg.data("v", 2)))
    u vᵀ
    """
    pair = [as_tensor(x, "outer") for x in (a, b)]
    over = common_over("outer", pair)
    return _contract([t.reshape((-1,)) for t in pair], [["i"], ["j"]], ["i", "j"], over)


def tensordot(a: Any, b: Any, axes: Any = 2) -> Tensor:
    """NumPy's tensordot: `axes` is a count, or a pair of axes or lists of axes.

    >>> sg.tensordot(sg.data("A", (2, 3, 4)), sg.data("B", (4, 3)), ([2, 1], [0, 1])).shape
    (2,)
    """
    left, right = as_tensor(a, "tensordot"), as_tensor(b, "tensordot")
    if isinstance(axes, (tuple, list)):
        if len(axes) != 2:
            raise ShapeError(f"tensordot: axes are a count, or a pair of axes or lists of axes, not {axes!r}")
        first, second = (list(x) if isinstance(x, (tuple, list)) else [x] for x in axes)
    else:
        count = as_int(axes, "tensordot", "a count of axes")
        if not 0 <= count <= min(left.ndim, right.ndim):
            raise ShapeError(f"tensordot: {count} axes of {describe(left)} and {describe(right)} do not exist")
        first, second = list(range(left.ndim - count, left.ndim)), list(range(count))
    return _tensordot("tensordot", left, right, first, second)


def _tensordot(name: str, left: Tensor, right: Tensor, first: list[Any], second: list[Any]) -> Tensor:
    over = common_over(name, [left, right])
    one = [as_axis(x, left.ndim, name, left) for x in first]
    two = [as_axis(x, right.ndim, name, right) for x in second]
    if len(one) != len(two):
        raise ShapeError(f"{name}: {len(one)} axes of {describe(left)} for {len(two)} of {describe(right)}")
    for t, axes in ((left, one), (right, two)):
        if len(set(axes)) != len(axes):
            raise ShapeError(f"{name}: axes {axes} of {describe(t)} name an axis twice")
    for x, y in zip(one, two, strict=True):
        if left.shape[x] != right.shape[y]:
            raise ShapeError(f"{name}: axis {x} of {describe(left)} is {left.shape[x]}, "
                             f"axis {y} of {describe(right)} is {right.shape[y]}; they must be equal")
    names = [("a", i) for i in range(left.ndim)]
    others: list[Any] = [("b", i) for i in range(right.ndim)]
    for x, y in zip(one, two, strict=True):
        others[y] = names[x]
    out = [n for i, n in enumerate(names) if i not in one] + [n for i, n in enumerate(others) if i not in two]
    return _contract([left, right], [list(names), others], out, over)


def _squared(a: Any, operation: str, offset: int, axis1: int, axis2: int) -> tuple[Tensor, list[Any]]:
    """The part of `a` whose two axes are one diagonal, and its labels: "i" for both."""
    t, offset = as_tensor(a, operation), as_int(offset, operation, "the offset")
    if t.ndim < 2:
        raise ShapeError(f"{operation}: {describe(t)} has no matrix axes")
    rows, columns = (as_axis(axis, t.ndim, operation, t) for axis in (axis1, axis2))
    if rows == columns:
        raise ShapeError(f"{operation}: axis1 and axis2 of {describe(t)} are both {rows}")
    n, m = t.shape[rows], t.shape[columns]
    if n != m and not (isinstance(n, int) and isinstance(m, int)):
        raise ShapeError(f"{operation}: axes {rows} and {columns} of {describe(t)} are {n} and {m}; "
                         "they must be equal, or ints")
    if n != m or offset:
        start = (max(-offset, 0), max(offset, 0))
        length = n - abs(offset) if n == m else min(n - start[0], m - start[1])
        length = max(length, 0) if isinstance(length, int) else length
        cut: list[slice] = [slice(None)] * t.ndim
        for axis, first in ((rows, start[0]), (columns, start[1])):
            cut[axis] = slice(first, first + length) if not isinstance(length, int) or length else slice(0, 0)
        t = t[tuple(cut)]
    return t, ["i" if axis in (rows, columns) else axis for axis in range(t.ndim)]


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum of the diagonal of two axes, as NumPy's trace. Raises ShapeError where two symbolic sizes differ.

    >>> A = sg.data("A", (3, 3))
    >>> print(sg.trace(A @ A.T), "|", sg.gradient(sg.trace(A @ A.T), A))
    ‖A‖_F² | 2 A
    """
    t, names = _squared(a, "trace", offset, axis1, axis2)
    return _contract([t], [names], [x for x in names if x != "i"], t.over)


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The diagonal of two axes as the last axis, as NumPy's diagonal.

    >>> sg.diagonal(sg.data("A", (5, 3, 3)), axis1=1, axis2=2).shape
    (5, 3)
    """
    return _diagonal("diagonal", a, offset, axis1, axis2)


def _diagonal(operation: str, a: Any, offset: int, axis1: int, axis2: int) -> Tensor:
    t, names = _squared(a, operation, offset, axis1, axis2)
    return _contract([t], [names], [*(x for x in names if x != "i"), "i"], t.over)


def diag(a: Any, k: int = 0) -> Tensor:
    """A vector as diagonal `k` of a matrix that is zero elsewhere; of a matrix, its diagonal `k`.

    >>> sg.diag(sg.arange(1, 3)).eval()
    array([[1, 0],
           [0, 2]])
    """
    t, k = as_tensor(a, "diag"), as_int(k, "diag", "the number k of a diagonal")
    if t.ndim == 2:
        return _diagonal("diag", t, k, 0, 1)
    if t.ndim != 1:
        raise ShapeError(f"diag: {describe(t)} is neither a vector nor a matrix")
    square = _contract([t], [["i"]], ["i", "i"], t.over)
    return square if k == 0 else _framed(square, max(-k, 0), max(k, 0), abs(k))


@operation
def _framed(t: Tensor, above: int, left: int, more: int) -> Tensor:
    """A matrix `more` rows and columns larger, with `t` behind the first `above` rows and `left` columns of zeros."""
    lead = t.node.shape[:-2]
    starts = [0] * len(lead) + [above, left]
    return wrap(pad(t.node, starts, [1] * len(starts), (*lead, *(canonical(s + more) for s in t.shape))), t.over)


def eye(n: Any, m: Any = None) -> Tensor:
    """The identity matrix of size n; with `m` (ints then), of n rows and m columns.

    >>> sg.eye(2, 3).eval()
    array([[1., 0., 0.],
           [0., 1., 0.]])
    """
    size = as_size(n, "eye")
    width = size if m is None else as_size(m, "eye")
    if width == size:
        return wrap(contract([], [], ["i", "i"], {"i": size}))
    if not isinstance(size, int) or not isinstance(width, int):
        raise ShapeError(f"eye: an identity of symbolic size is square, got {size} and {width}")
    inner = contract([], [], ["i", "i"], {"i": min(size, width)})
    return wrap(pad(inner, [0, 0], [1, 1], (size, width)))


def zeros(shape: Any) -> Tensor:
    """Zeros of `shape`.

    >>> sg.zeros((2, 3)).shape
    (2, 3)
    """
    return wrap(zeros_node(as_shape(shape, "zeros")))


def ones(shape: Any) -> Tensor:
    """Ones of `shape`.

    >>> sg.ones(sg.dim("n")).shape
    (n,)
    """
    return wrap(ones_node(as_shape(shape, "ones")))


def full(shape: Any, value: Any) -> Tensor:
    """The scalar `value` at every entry of `shape`.

    >>> sg.full(3, 2.5).eval()
    array([2.5, 2.5, 2.5])
    """
    t, sizes = constant(value) if isinstance(value, bool) else as_tensor(value, "full"), as_shape(shape, "full")
    if t.ndim:
        raise ShapeError(f"full: the value must be a scalar, got {describe(t)}")
    return t * wrap(ones_node(sizes))


def arange(start: Any, stop: Any = None, step: int = 1) -> Tensor:
    """Integers from `start` (0) up to, not including, `stop`, as NumPy's arange; sizes may be symbolic.

    >>> sg.arange(2, 9, 3).eval()
    array([2, 5, 8])
    """
    low, high = (0, start) if stop is None else (start, stop)
    step = as_int(step, "arange", "the step")
    if step == 0:
        raise ShapeError("arange: the step must not be 0")
    low, high = (_bound(x) for x in (low, high))
    length = high - low
    if step != 1:
        if not isinstance(length, int):
            raise ShapeError(f"arange: a step of {step} needs int bounds, got {low} and {high}")
        length = -(-length // step)
    size = as_size(max(length, 0) if isinstance(length, int) else length, "arange")
    count = iota(size)
    return wrap(count) if low == 0 and step == 1 else wrap(add([count, literal(1, (size,))], [weight(step), weight(low)]))


def _bound(value: Any) -> Any:
    """An end of a range: an int or a size, perhaps negative."""
    if isinstance(value, sp.Expr) or isinstance(value, Integral) and not isinstance(value, bool):
        return value if isinstance(value, sp.Expr) else int(value)
    raise ShapeError(f"arange: a bound must be an int or a size, not {value!r}")
