"""`Tensor`: what a user holds. A thin interned wrapper around a node, and the methods NumPy's arrays have.

A tensor adds to its node which axis is the sample axis (`over`: then axis 0 of the node, not shown in `shape`),
and how it was written (`recipe`). Tensors are equal where their nodes and sample axes are; the same operation
on the same operands is the same object. All that is known of a tensor hangs on it: no table of the session does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from weakref import WeakValueDictionary

import sympy as sp

from symgrad.formulas.shown import Shown
from symgrad.graphs import ops
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Shape, Size

Axis = int | Sequence[int] | None
_table: WeakValueDictionary[tuple[Node, Any], Tensor] = WeakValueDictionary()


class Recipe(NamedTuple):
    """How a tensor was written: see `recipes.py`."""
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    operands: tuple[Tensor, ...]  # the tensors among the arguments
    ambient: Tensor | None = None  # of a derivative: what it was before declared facts simplified it
    settled: bool = False  # of a derivative of a stable form: a stable form too, left as it is
    reading: Callable[..., Any] | None = None  # of a derivative: `function` for the formula that people see


class Tensor(Shown):
    """An immutable symbolic tensor. Made by `sg.data`, `sg.parameter`, ... and by operations on those.

    >>> import symgrad as sg
    >>> n, d = sg.dims("n d")
    >>> X, w = sg.data("X", (n, d)), sg.parameter("w", d)
    >>> (X @ w).shape, X @ w is X @ w
    ((n,), True)
    """

    __slots__ = ("__weakref__", "node", "over", "recipe")
    __array_priority__ = 1000
    node: Node
    over: Size | None
    recipe: Recipe | None

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a tensor is immutable: cannot set {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a tensor is immutable: cannot delete {name!r}")

    def __hash__(self) -> int:  # of the content: it outlives the object
        return hash((self.node.key, self.over))

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Tensor) and self.node is other.node and self.over == other.over)

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
        if self.node.op in ops.GIVEN:
            return self.node.attrs[0].name
        return self.node.attrs[0] if self.node.op is ops.NAMED else None

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

    # what is written in tensors: attached by `methods.py`, declared here for type checkers ------------------

    if TYPE_CHECKING:
        T: Tensor
        mT: Tensor
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __rmatmul__(self, other: Any) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __and__(self, other: Any) -> Tensor: ...
        def __rand__(self, other: Any) -> Tensor: ...
        def __or__(self, other: Any) -> Tensor: ...
        def __ror__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __pos__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __getitem__(self, index: Any) -> Tensor: ...
        def named(self, name: str) -> Tensor: ...
        def eval(self, **values: Any) -> Any: ...
        def to_sympy(self, **sizes: int) -> Any: ...
        def latex(self, style: str = "plain", width: float | None = None) -> str: ...
        def mathml(self) -> str: ...
        def pretty(self) -> str: ...
        def reshape(self, *shape: Any) -> Tensor: ...
        def transpose(self, *axes: Any) -> Tensor: ...
        def swapaxes(self, a: int, b: int) -> Tensor: ...
        def squeeze(self, axis: Axis = None) -> Tensor: ...
        def ravel(self) -> Tensor: ...
        def flatten(self) -> Tensor: ...
        def sum(self, axis: Axis = None, keepdims: bool = False, over: Size | None = None) -> Tensor: ...
        def mean(self, axis: Axis = None, keepdims: bool = False, over: Size | None = None) -> Tensor: ...
        def max(self, axis: Axis = None, keepdims: bool = False, over: Size | None = None) -> Tensor: ...
        def min(self, axis: Axis = None, keepdims: bool = False, over: Size | None = None) -> Tensor: ...
        def argmax(self, axis: int | None = None, keepdims: bool = False) -> Tensor: ...
        def prod(self, axis: Axis = None, keepdims: bool = False) -> Tensor: ...
        def cumsum(self, axis: int | None = None) -> Tensor: ...
        def all(self, axis: Axis = None, keepdims: bool = False) -> Tensor: ...
        def any(self, axis: Axis = None, keepdims: bool = False) -> Tensor: ...
        def repeat(self, repeats: Any, axis: int | None = None) -> Tensor: ...
        def round(self, decimals: int = 0) -> Tensor: ...
        def astype(self, dtype: Any) -> Tensor: ...
        def copy(self) -> Tensor: ...
        size: Size
        def argmin(self, axis: int | None = None, keepdims: bool = False) -> Tensor: ...
        clip: Callable[..., Tensor]
        diagonal: Callable[..., Tensor]
        dot: Callable[..., Tensor]
        std: Callable[..., Tensor]
        take: Callable[..., Tensor]
        trace: Callable[..., Tensor]
        var: Callable[..., Tensor]


def wrap(node: Node, over: Size | None = None) -> Tensor:
    """The tensor of `node` whose axis 0 runs over the samples `over` (None: no sample axis), as written by nobody."""
    known = _table.get((node, over))
    if known is None:
        known = _table[node, over] = new_tensor(node, over, None)
    return known


def new_tensor(node: Node, over: Size | None, recipe: Recipe | None) -> Tensor:
    """Another object, equal to all tensors of `node`, that was written by `recipe`."""
    made = object.__new__(Tensor)
    for name, value in (("node", node), ("over", over), ("recipe", recipe)):
        object.__setattr__(made, name, value)
    return made
