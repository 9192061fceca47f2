"""`Tensor`: what a user holds. A thin interned wrapper around a node, and the methods NumPy's arrays have.

A tensor adds two things to its node: which axis is the sample axis (`over`: then axis 0 of the node, not
shown in `shape`), and how it prints. Tensors are equal where their nodes and sample axes are; the same
operation on the same operands is the same object.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple, NoReturn
from weakref import WeakValueDictionary

import sympy as sp

from symgrad.formulas.shown import Shown
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Shape, Size

Axis = int | Sequence[int] | None
births = itertools.count(1)  # tensors are numbered, only to tell which of two is older
_table: WeakValueDictionary[tuple[Node, Any], Tensor] = WeakValueDictionary()


class Recipe(NamedTuple):
    """How a tensor was written: see `written.py`."""
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    operands: tuple[Tensor, ...]  # the tensors among the arguments
    ambient: Node | None = None  # of a derivative: its node before declared facts simplified it


class Tensor(Shown):
    """An immutable symbolic tensor. Made by `sg.data`, `sg.parameter`, ... and by operations on those.

    >>> import symgrad as sg
    >>> n, d = sg.dims("n d")
    >>> X, w = sg.data("X", (n, d)), sg.parameter("w", d)
    >>> (X @ w).shape, X @ w is X @ w
    ((n,), True)
    """

    __slots__ = ("__weakref__", "born", "node", "over", "recipe")
    __array_priority__ = 1000
    node: Node
    over: Size | None
    recipe: Recipe | None
    born: int

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a tensor is immutable: cannot set {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a tensor is immutable: cannot delete {name!r}")

    def __hash__(self) -> int:  # of the content: it outlives the object
        return hash((self.node.key, self.over))

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Tensor) and self.node is other.node and self.over == other.over)

    def __reduce__(self) -> tuple[Any, ...]:
        return wrap, (self.node, self.over)

    def __copy__(self) -> Tensor:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        return self

    # what it is -----------------------------------------------------------------------------------

    @property
    def shape(self) -> Shape:
        """The sizes (ints or SymPy expressions) of the axes, without the sample axis."""
        return self.node.shape if self.over is None else self.node.shape[1:]

    @property
    def ndim(self) -> int:
        """The number of axes, without the sample axis."""
        return len(self.shape)

    @property
    def dtype(self) -> str:
        """"real", "integer" or "boolean"."""
        return self.node.dtype

    @property
    def name(self) -> str | None:
        """The name of a symbol, or the one given by `named`; None for other expressions."""
        if self.node.op in ("input", "constant"):
            return self.node.attrs[0].name
        return self.node.attrs[0] if self.node.op == "named" else None

    def named(self, name: str) -> Tensor:
        """The same tensor, displayed as `name`."""
        return _rearrange.named(self, name)

    def eval(self, **values: Any) -> Any:
        """The value at `values` (arrays by symbol name), computed in float64.

        >>> import symgrad as sg
        >>> float(sg.sum(sg.data("x", 3)).eval(x=[1, 2, 3]))
        6.0
        """
        return import_module("symgrad.computing.functions").evaluate(self, values)  # brings the code generator

    # how it prints --------------------------------------------------------------------------------

    def __str__(self) -> str:
        return _formulas.text(self)

    def __repr__(self) -> str:
        return f"<Tensor {_formulas.short(self)}: {_formulas.shape_text(self)}>"

    def latex(self) -> str:
        """The formula in LaTeX, in the notation of a textbook."""
        return _formulas.latex(self)

    def mathml(self) -> str:
        """The formula as presentation MathML."""
        return _formulas.mathml(self)

    def pretty(self) -> str:
        """The formula as Unicode over several lines."""
        return _formulas.pretty(self)

    def to_sympy(self, **sizes: int) -> Any:
        """Explicit SymPy: a scalar, Matrix or Array of element symbols; symbolic sizes by name."""
        return import_module("symgrad.exchange.to_sympy").to_sympy(self, sizes)

    # what Python must not do with it --------------------------------------------------------------

    def __bool__(self) -> NoReturn:
        raise TypeError("a symbolic tensor has no truth value: use sg.where, sg.equal or sg.logical_and")

    def __iter__(self) -> NoReturn:
        raise TypeError("a symbolic tensor cannot be iterated: index it (t[0]) or use sg.split")

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("a symbolic tensor has no values: use t.eval(name=array) or sg.function")

    def __float__(self) -> NoReturn:
        raise TypeError("a symbolic tensor has no value: use t.eval(name=array) or sg.function")

    __int__ = __index__ = __complex__ = __float__

    def _sympy_(self) -> NoReturn:
        raise sp.SympifyError(self)  # so that `n * x` with a size n asks the tensor

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a scalar tensor has no length")
        if not isinstance(self.shape[0], int):
            raise TypeError(f"the length of a tensor of symbolic size {self.shape[0]} is not a number: use t.shape[0]")
        return self.shape[0]

    def __contains__(self, item: Any) -> NoReturn:
        raise TypeError("a symbolic tensor has no values to search: use sg.equal and sg.max")

    # NumPy's functions ----------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return _numpy.ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        return _numpy.function(func, args, kwargs)

    # arithmetic -----------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Tensor:
        return _pointwise.add(self, other)

    def __radd__(self, other: Any) -> Tensor:
        return _pointwise.add(other, self)

    def __sub__(self, other: Any) -> Tensor:
        return _pointwise.subtract(self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return _pointwise.subtract(other, self)

    def __mul__(self, other: Any) -> Tensor:
        return _pointwise.multiply(self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return _pointwise.multiply(other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return _pointwise.divide(self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return _pointwise.divide(other, self)

    def __pow__(self, other: Any) -> Tensor:
        return _pointwise.power(self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return _pointwise.power(other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return _contraction.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return _contraction.matmul(other, self)

    def __neg__(self) -> Tensor:
        return _pointwise.negative(self)

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return _pointwise.abs(self)

    def __lt__(self, other: Any) -> Tensor:
        return _pointwise.less(self, other)

    def __le__(self, other: Any) -> Tensor:
        return _pointwise.less_equal(self, other)

    def __gt__(self, other: Any) -> Tensor:
        return _pointwise.greater(self, other)

    def __ge__(self, other: Any) -> Tensor:
        return _pointwise.greater_equal(self, other)

    def __and__(self, other: Any) -> Tensor:
        return _pointwise.logical_and(self, other)

    def __or__(self, other: Any) -> Tensor:
        return _pointwise.logical_or(self, other)

    __rand__, __ror__ = __and__, __or__

    def __invert__(self) -> Tensor:
        return _pointwise.logical_not(self)

    # structure ------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Tensor:
        return _indexing.getitem(self, index)

    @property
    def T(self) -> Tensor:
        """All axes reversed."""
        return _rearrange.transpose(self)

    @property
    def mT(self) -> Tensor:
        """The last two axes swapped."""
        return _rearrange.matrix_transpose(self)

    def reshape(self, *shape: Any) -> Tensor:
        """The same entries, in row-major order, in another shape; one -1 is worked out."""
        return _rearrange.reshape(self, shape[0] if len(shape) == 1 else shape)

    def ravel(self) -> Tensor:
        """All entries along one axis."""
        return _rearrange.reshape(self, (-1,))

    flatten = ravel

    def transpose(self, *axes: Any) -> Tensor:
        """Axes permuted; all reversed without an argument."""
        return _rearrange.transpose(self, (axes[0] if len(axes) == 1 else axes) if axes else None)

    def swapaxes(self, a: int, b: int) -> Tensor:
        """Two axes swapped."""
        return _rearrange.swapaxes(self, a, b)

    def squeeze(self, axis: Axis = None) -> Tensor:
        """Without axes of size 1."""
        return _rearrange.squeeze(self, axis)

    # reductions -----------------------------------------------------------------------------------

    def sum(self, axis: Axis = None, keepdims: bool = False, over: Size | None = None) -> Tensor:
        """See `sg.sum`."""
        return _reduction.sum(self, axis, keepdims, over)

    def mean(self, axis: Axis = None, keepdims: bool = False, over: Size | None = None) -> Tensor:
        """See `sg.mean`."""
        return _reduction.mean(self, axis, keepdims, over)

    def max(self, axis: Axis = None, keepdims: bool = False, over: Size | None = None) -> Tensor:
        """See `sg.max`."""
        return _reduction.max(self, axis, keepdims, over)

    def min(self, axis: Axis = None, keepdims: bool = False, over: Size | None = None) -> Tensor:
        """See `sg.min`."""
        return _reduction.min(self, axis, keepdims, over)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """See `sg.argmax`."""
        return _reduction.argmax(self, axis, keepdims)

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """See `sg.argmin`."""
        return _reduction.argmin(self, axis, keepdims)

    # The functions of these names are methods as they are; the end of this module puts them in.
    clip: Callable[..., Tensor]
    diagonal: Callable[..., Tensor]
    dot: Callable[..., Tensor]
    std: Callable[..., Tensor]
    take: Callable[..., Tensor]
    trace: Callable[..., Tensor]
    var: Callable[..., Tensor]


def wrap(node: Node, over: Size | None = None) -> Tensor:
    """A tensor of `node` whose axis 0 runs over the samples `over` (None: no sample axis): the first that was made."""
    known = _table.get((node, over))
    if known is None:
        known = _table[node, over] = _new(node, over)
    return known


def another(t: Tensor) -> Tensor:
    """An equal tensor that is another object, for another way to write it."""
    return _new(t.node, t.over)


def _new(node: Node, over: Size | None) -> Tensor:
    made = object.__new__(Tensor)
    for name, value in (("node", node), ("over", over), ("recipe", None), ("born", next(births))):
        object.__setattr__(made, name, value)
    return made


# Methods are the functions below, and those are written in tensors: the one cycle of the house.
import symgrad.formulas.rendering as _formulas  # noqa: E402
import symgrad.language.composed as _composed  # noqa: E402
import symgrad.language.contraction as _contraction  # noqa: E402
import symgrad.language.indexing as _indexing  # noqa: E402
import symgrad.language.numpy_protocol as _numpy  # noqa: E402
import symgrad.language.pointwise as _pointwise  # noqa: E402
import symgrad.language.rearrange as _rearrange  # noqa: E402
import symgrad.language.reduction as _reduction  # noqa: E402

for _method in (_pointwise.clip, _contraction.diagonal, _contraction.dot, _composed.std, _composed.take,
                _contraction.trace, _composed.var):
    setattr(Tensor, _method.__name__, _method)
