"""Operands brought together: Python and NumPy values become tensors, shapes broadcast, samples meet.

Every shape check of a two-sided operation is here, so that all of them speak alike: the operation, both
operands as written, the axes, both sizes, what would fit.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from fractions import Fraction
from hashlib import blake2b
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NamedTuple

import sympy as sp

from symgrad.formulas.names import shape_text
from symgrad.formulas.spelling.mathml import mathml_of
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal, literal_value
from symgrad.graphs.algebra.primitives import constant as constant_node
from symgrad.graphs.errors import ShapeError, SymgradError
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL, Array, Node
from symgrad.graphs.sizes import Shape, Size, canonical, free_symbols
from symgrad.language.habits import no_tensor
from symgrad.language.numpy_values import is_truth_value
from symgrad.language.printing import short
from symgrad.language.tensor import Tensor, wrap

if TYPE_CHECKING:
    import numpy as np

UNPRINTABLE = {"Cc": "a control character", "Cs": "half of a surrogate pair", "Cn": "what is no character in Unicode",
               "Cf": "an invisible character", "Zs": "a blank other than the plain one"}


def as_tensor(value: Any, operation: str = "constant") -> Tensor:
    """A tensor, number, size or array as a tensor. Raises TypeError for anything else, and for a Python bool."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, bool) and operation != "constant":  # who means it writes sg.constant(True) or np.True_
        raise TypeError(f"{operation}: {value} is a Python bool, no tensor: == and != compare tensors as formulas, once; "
                        "sg.equal(a, b) compares their entries, and sg.logical_not(sg.equal(a, b)) tells where they differ")
    if is_truth_value(value):
        return _array(_asarray(value), None)
    if isinstance(value, Integral):
        return wrap(literal(int(value)))
    if isinstance(value, sp.Expr):  # before Real: SymPy's rational numbers are of that kind too, and stay exact
        if value.is_number and value.is_real is False:
            raise TypeError(f"{operation}: {value} is not a real number")
        return wrap(literal(value))
    if isinstance(value, (Real, Fraction)):
        return wrap(literal(value if isinstance(value, Fraction) else float(value)))
    if isinstance(value, (list, tuple)) and any(isinstance(v, Tensor) for v in value):
        pair = isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], Tensor)
        more = "; of the pair that a recurrent layer gives take the first: output, state = layer(x)" if pair else ""
        raise TypeError(f"{operation}: a list of tensors is not a tensor; use sg.stack or sg.concatenate{more}")
    if isinstance(value, (list, tuple)) or hasattr(value, "__array__"):
        try:
            return _array(_asarray(value), None)
        except ValueError:
            raise TypeError(f"{operation}: the rows of {value!r} differ in length, so it is no array") from None
    no_tensor(operation, value)


def constant(value: Any, name: str | None = None) -> Tensor:
    """A literal number or array as a tensor; `name` is how it prints.

    Raises TypeError for values that are not real numbers.

    >>> import symgrad as sg
    >>> sg.constant([1.0, 2.0], name="c").shape
    (2,)
    """
    if isinstance(value, Tensor):
        return value if name is None else value.named(name)
    tensor = as_tensor(value)
    if name is None:
        return tensor
    as_name(name, "constant")
    if tensor.node.op is ops.CONSTANT:
        return _array(tensor.node.attrs[0].value, name)
    return tensor.named(name)


def _asarray(value: Any) -> np.ndarray:
    import numpy as np  # formulas without constant arrays do without

    return np.asarray(value)


def _array(value: np.ndarray, name: str | None) -> Tensor:
    kinds = {"f": REAL, "i": INTEGER, "u": INTEGER, "b": BOOLEAN}
    if value.dtype.kind not in kinds:
        raise TypeError(f"a constant must hold real numbers, integers or booleans, not {value.dtype}")
    if value.ndim == 0 and value.dtype.kind != "b" and name is None:
        return wrap(literal(value.item()))
    value = value.copy(order="C")
    value.flags.writeable = False
    digest = blake2b(f"{value.dtype.str}{value.shape}".encode() + value.tobytes(), digest_size=16).hexdigest()
    return wrap(constant_node(Array(digest, name, value), value.shape, kinds[value.dtype.kind]))


def common_over(operation: str, tensors: Sequence[Tensor]) -> Size | None:
    """The sample axis that the operands share; raises ShapeError where two differ."""
    over: Size | None = None
    owner: Tensor | None = None
    for tensor in tensors:
        if tensor.over is None:
            continue
        if owner is not None and tensor.over != over:
            raise ShapeError(
                f"{operation}: {describe(owner)} is one sample of {over}, {describe(tensor)} one of "
                f"{tensor.over}; two different sample axes do not meet in one operation. "
                f"Close one of them first, e.g. with sg.mean(..., over={tensor.over}).")
        over, owner = tensor.over, tensor
    if owner is not None and isinstance(over, sp.Expr):
        for tensor in tensors:
            if over in tensor.shape:
                axis = tensor.shape.index(over)
                raise ShapeError(
                    f"{operation}: axis {axis} of {describe(tensor)} is an ordinary axis of size {over}, but "
                    f"{describe(owner)} is one sample of {over}; write the operand with over={over}, "
                    "or both with ordinary axes.")
    return over


def describe(tensor: Tensor) -> str:
    """A tensor in an error message: as written, with its shape."""
    over = "" if tensor.over is None else f" over {tensor.over}"
    return f"{short(tensor)} of shape {shape_text(tensor.shape)}{over}"


class Aligned(NamedTuple):
    """Operands with a label per axis of their nodes; `labels` are those of the broadcast result."""

    nodes: list[Node]
    inputs: list[tuple[int, ...]]
    labels: tuple[int, ...]
    shape: Shape  # of the node: the sample axis first
    over: Size | None


def align(operation: str, tensors: Sequence[Tensor]) -> Aligned:
    """Broadcast operands as NumPy does. Only a literal size 1 broadcasts; symbols match only themselves."""
    over = common_over(operation, tensors)
    rank = max(t.ndim for t in tensors)
    shape: list[Size] = [1] * rank
    source: list[Tensor | None] = [None] * rank
    for tensor in tensors:
        for place, size in enumerate(tensor.shape, start=rank - tensor.ndim):
            if size == 1 or size == shape[place]:
                source[place] = tensor if source[place] is None else source[place]
                continue
            if shape[place] != 1:
                first = source[place]
                assert first is not None
                raise _mismatch(operation, first, tensor, place - rank, shape[place], size)
            shape[place], source[place] = size, tensor
    lead = 0 if over is None else 1
    labels = tuple(range(rank + lead))
    inputs = []
    fresh = len(labels)
    for tensor in tensors:
        names = [] if tensor.over is None else [0]
        for place, size in enumerate(tensor.shape, start=rank - tensor.ndim):
            if size == shape[place]:
                names.append(place + lead)
            else:  # size 1 against a longer axis: a label of its own, summed over one entry
                names.append(fresh)
                fresh += 1
        inputs.append(tuple(names))
    full = (*(() if over is None else (over,)), *shape)
    return Aligned([t.node for t in tensors], inputs, labels, full, over)


def _mismatch(operation: str, a: Tensor, b: Tensor, axis: int, size_a: Size, size_b: Size) -> ShapeError:
    advice = _advice(operation, a, b, size_a, size_b)
    return ShapeError(f"{operation}: {describe(a)} and {describe(b)} do not broadcast: "
                      f"axis {axis} is {size_a} in the first and {size_b} in the second; {advice}.")


def _advice(operation: str, a: Tensor, b: Tensor, size_a: Size, size_b: Size) -> str:
    """What would fit: a transpose, an axis of one entry, a matrix product, or else equal sizes."""
    if min(a.ndim, b.ndim) > 1:
        for one, other in ((b, a), (a, b)):
            turned = one.shape[:-2] + one.shape[:-3:-1]
            if _fits(turned, other.shape):
                return f"{short(one)} transposed, of shape {shape_text(turned)}, would fit"
        if operation == "multiply" and a.shape[-1] == b.shape[-2]:
            return f"a matrix product is written @, {short(a)} @ {short(b)}"
    for one, other in ((a, b), (b, a)):
        if one.ndim == 1 and other.ndim > 1 and one.shape[0] == other.shape[-2]:
            rows = f"{short(one)}[:, None]"
            return f"a vector meets the last axis; {rows}, of shape {shape_text((*one.shape, 1))}, would fit"
    if isinstance(size_a, int) and isinstance(size_b, int):
        return f"the sizes must be equal, or one of them 1 ({size_b} or {size_a})"
    return (f"{size_a} and {size_b} are different sizes, and the axes must have one; where both mean the same, declare "
            f"both with {size_a if isinstance(size_a, sp.Expr) else size_b}")


def _fits(shape: Shape, other: Shape) -> bool:
    return all(s == o or 1 in (s, o) for s, o in zip(shape[::-1], other[::-1], strict=False))


def broadcast_all(aligned: Aligned) -> list[Node]:
    """The nodes of aligned operands, each at the full shape."""
    full = dict(zip(aligned.labels, aligned.shape, strict=True))
    result = []
    for node, names in zip(aligned.nodes, aligned.inputs, strict=True):
        value = literal_value(node)
        if value is not None:
            result.append(literal(value, aligned.shape))
        else:
            result.append(contract([node], [names], aligned.labels, full))
    return result


def as_latex(text: Any, operation: str) -> str:
    r"""LaTeX for a name: not empty, its braces in pairs, without what would end the formula that it stands in.

    >>> as_latex(r"\vec{x", "data 'x'")
    Traceback (most recent call last):
    symgrad.graphs.errors.SymgradError: data 'x': in latex '\vec{x' the { at character 5 is not closed; write }
    """
    if not isinstance(text, str) or not text.strip():
        raise SymgradError(f"{operation}: latex is LaTeX for the name, such as r'\\vec{{x}}', not {text!r}")
    shown = f"{operation}: in latex '{text}'" if text.isprintable() else f"{operation}: latex {text!r}"
    if not text.isprintable():
        raise SymgradError(f"{shown} has a control character: Python read a backslash as an escape; write r'...', "
                           "a raw string")
    opened: list[int] = []
    for found in re.finditer(r"\\.|\\$|[{}$%#&]", text):
        sign, place = found[0], found.start() + 1
        if sign == "{":
            opened.append(place)
        elif sign == "}" and not opened:
            raise SymgradError(f"{shown} the }} at character {place} closes nothing")
        elif sign == "}":
            opened.pop()
        elif sign == "\\":
            raise SymgradError(f"{shown} the backslash at the end begins no command")
        elif sign in "$%#&":
            why = "it stands in a formula already" if sign == "$" else f"as a letter it is \\{sign}"
            raise SymgradError(f"{shown} {sign} at character {place} means something else to LaTeX: {why}")
    if opened:
        raise SymgradError(f"{shown} the {{ at character {opened[-1]} is not closed; write }}")
    if len(re.findall(r"\\left(?![A-Za-z])", text)) != len(re.findall(r"\\right(?![A-Za-z])", text)):
        raise SymgradError(f"{shown} each \\left needs its \\right")
    try:
        mathml_of(rf"\left( {text} \right)")
    except Exception as error:  # what cannot be set is said here, and not by every page that shows the symbol
        raise SymgradError(f"{shown} something is missing: a command without its argument, or a script without "
                           "what it raises or lowers") from error
    return text.strip()


def as_name(name: Any, operation: str) -> str:
    """A name to show: a text that is not blank, of characters that can be printed, so that it stays on its line.

    >>> as_name("x\\ny", "data")
    Traceback (most recent call last):
        ...
    symgrad.graphs.errors.SymgradError: data: the name 'x\\ny' holds a line break at place 1; names are printable \
characters on one line
    """
    if not isinstance(name, str) or not name.strip():
        raise SymgradError(f"{operation}: a name is a text that is not blank, not {name!r}")
    if not name.isprintable():
        place, letter = next((i, c) for i, c in enumerate(name) if not c.isprintable())
        kind = "a line break" if letter in "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029" else UNPRINTABLE.get(
            unicodedata.category(letter), "a character that cannot be printed")
        raise SymgradError(f"{operation}: the name {name!r} holds {kind} at place {place}; names are printable "
                           "characters on one line")
    return name


def as_int(value: Any, operation: str, what: str) -> int:
    """An offset, shift or step: an int."""
    if is_truth_value(value) or not isinstance(value, Integral):
        raise ShapeError(f"{operation}: {what} must be an int, not {value!r}")
    return int(value)


def as_size(size: Any, operation: str) -> Size:
    """One size: an int or a symbol."""
    sizes = as_shape(size, operation)
    if len(sizes) != 1:
        raise ShapeError(f"{operation}: one size is wanted, not {size!r}")
    return sizes[0]


def as_shape(shape: Any, operation: str) -> Shape:
    """A shape as a tuple of canonical sizes; a single size serves as a shape of one axis."""
    parts = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    try:
        sizes = tuple(canonical(part) for part in parts)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"{operation}: {error}") from None
    for symbol in free_symbols(sizes):
        as_name(symbol.name, f"{operation}, a size")
    return sizes


def as_axis(axis: Any, ndim: int, operation: str, tensor: Tensor) -> int:
    """One axis, counted from the front, of a tensor with `ndim` axes."""
    if isinstance(axis, bool) or not isinstance(axis, Integral):
        raise ShapeError(f"{operation}: an axis must be an int, not {axis!r}")
    axis = int(axis)
    if not -ndim <= axis < ndim:
        fits = f"{-ndim} to {ndim - 1}" if ndim else "it has no axes"
        raise ShapeError(f"{operation}: axis {axis} of {describe(tensor)} does not exist ({fits}).")
    return axis % ndim


def as_axes(axis: Any, tensor: Tensor, operation: str) -> tuple[int, ...]:
    """`axis=None|int|tuple` as increasing axes of one sample."""
    if axis is None:
        return tuple(range(tensor.ndim))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    found = tuple(sorted(as_axis(a, tensor.ndim, operation, tensor) for a in axes))
    if len(set(found)) != len(found):
        raise ShapeError(f"{operation}: axis {axis} of {describe(tensor)} names an axis twice.")
    return found
