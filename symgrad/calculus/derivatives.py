"""Gradients, Jacobians, Hessians and products with them, of tensors by tensors.

Raw formulas are brought into their stable forms first; then one reverse pass per call, on nodes (`pipeline.py`
has all passes in order). The only question here is which sample axis a result has: a derivative is over T if and
only if `y` or the variable is. Layout: gradients have the shape of the variable, Jacobians are `y.shape + x.shape`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, overload

from symgrad.calculus.parts import placed
from symgrad.calculus.pipeline import COMPUTED, READ, Lens, Posed, Raw, derived, entries, finished, posed
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.primitives import add
from symgrad.graphs.errors import DifferentiationError, ShapeError
from symgrad.graphs.node import REAL, Node
from symgrad.graphs.reverse import delta_seed, push_forward, reverse
from symgrad.graphs.samples import sample_axes
from symgrad.language.align import as_tensor, describe
from symgrad.language.recipes import ambient
from symgrad.language.results import TensorDict, TensorList
from symgrad.language.tensor import Tensor

Variables = TypeVar("Variables", bound=Tensor | Sequence[Any] | Mapping[Any, Any])  # a tensor, or a list or dict of such
Key = TypeVar("Key")


def _scalar(y: Any, operation: str) -> Tensor:
    t = as_tensor(y, operation)
    if t.ndim:
        raise DifferentiationError(f"{operation}: {describe(t)} is not a scalar; "
                                   "use sg.jacobian, or close it with sg.sum or sg.mean")
    return t


def _variable(x: Any, operation: str) -> Tensor:
    if not isinstance(x, Tensor):
        raise TypeError(f"{operation}: the variable must be a tensor, not {type(x).__name__}")
    if x.dtype != REAL:
        raise DifferentiationError(f"{operation}: {describe(x)} is {x.dtype}; only real tensors have derivatives")
    return x


def in_form(f: Callable[[Tensor], Any], wrt: Any) -> Any:
    """`f` of every tensor of a tensor, list, tuple or dict (of such), in the same form."""
    if isinstance(wrt, Mapping):
        return TensorDict({key: in_form(f, value) for key, value in wrt.items()})
    if isinstance(wrt, (list, tuple)):
        parts = (in_form(f, v) for v in wrt)
        return tuple(parts) if type(wrt) is tuple else TensorList(parts, wrt)
    return f(wrt)


def variables_of(wrt: Any, operation: str) -> list[Tensor]:
    """The variables in a tensor, list, tuple or dict, in order."""
    found: list[Tensor] = []
    in_form(lambda x: found.append(_variable(x, operation)), wrt)
    return found


def gradient_of(t: Tensor) -> tuple[Tensor, Tensor] | None:
    """(y, x) where `t` was made as the gradient of `y` by `x`: for drawings."""
    made = t.recipe
    return (made.args[0], made.args[1]) if made is not None and made.function is gradient else None


def _coupled(root: Node, x: Node) -> bool:
    axes = sample_axes([root], start={x: 0})
    return axes.get(root, 0) != 0


def _jacobian(y: Tensor, x: Tensor, asked: Posed, operation: str) -> Raw:
    """The Jacobian of `y` by `x`, laid out as `y.shape + x.shape`, with the sample axis in front."""
    root, node = asked.root, asked.x
    rank = len(root.shape)
    if y.over is not None and x.over is not None:
        if y.over != x.over:
            raise ShapeError(f"{operation}: {describe(y)} and {describe(x)} are over two different sample axes")
        if _coupled(root, node):
            raise DifferentiationError(
                f"{operation}: the samples of {describe(y)} depend on other samples of {describe(x)} (a statistic "
                f"over {y.over} couples them), so there is no derivative per sample; the gradient of a closed "
                "scalar, jvp, vjp and hvp are exact")
        (j,) = reverse(root, delta_seed(root.shape, free=[0]), [node], asked.way.guarded)
        return derived(asked, _to_front(entries(asked, j, rank - 1), rank - 1), y.over)
    if not node.shape:  # forwards there is one direction, and no deltas
        pushed = push_forward(root, node, contract([], [], ()), asked.way.guarded)
        return derived(asked, entries(asked, pushed, rank), y.over)
    (j,) = reverse(root, delta_seed(root.shape), [node], asked.way.guarded)
    j = entries(asked, j, rank)
    return derived(asked, j if x.over is None else _to_front(j, rank), y.over if x.over is None else x.over)


def _to_front(node: Node, axis: int) -> Node:
    labels = list(range(len(node.shape)))
    return contract([node], [labels], [axis, *(i for i in labels if i != axis)])


def gradient(y: Any, wrt: Variables) -> Variables:
    """The gradient of a scalar (closed, or one per sample) in the form of `wrt`: a tensor, list or dict.

    Shape: that of the variable. Zeros where `y` does not depend on it. Entries, slices and transposes of a symbol give
    their part of the gradient by the symbol; another tensor counts as an independent variable of `y` as it was written.
    Raises DifferentiationError for a `y` that is no scalar, for integer variables, for per-sample derivatives of coupled
    samples, and for a tensor that `y` was not written with though it depends on its symbols.

    >>> import symgrad as sg
    >>> A, w = sg.data("A", (3, 3)), sg.parameter("w", 3)
    >>> print(sg.gradient(w @ A @ w, w), sg.gradient(w @ A @ w, w[0]), sep="; ")
    (A + Aᵀ) w; wᵀ (A[0] + A[:, 0])
    """
    found: Variables = _gradient(y, wrt, COMPUTED, gradient, read_gradient)
    return found


def read_gradient(y: Any, wrt: Any) -> Any:
    """The gradient as people read it."""
    return _gradient(y, wrt, READ, read_gradient)


def _gradient(y: Any, wrt: Any, way: Lens, function: Callable[..., Any], reading: Callable[..., Any] | None = None) -> Any:
    target = ambient(_scalar(y, "gradient"))
    variables = list(dict.fromkeys(variables_of(wrt, "gradient")))
    asked = dict(zip(variables, posed(target, variables, "gradient", way), strict=True))
    found: dict[Tensor, Raw] = {}
    if target.over is None:
        for root in dict.fromkeys(question.root for question in asked.values()):  # one pass for each graph
            some = [x for x in variables if asked[x].root is root]
            parts = reverse(root, delta_seed(()), [asked[x].x for x in some], way.guarded)
            found |= {x: derived(asked[x], entries(asked[x], g, 0), x.over) for x, g in zip(some, parts, strict=True)}
    else:
        found = {x: _jacobian(target, x, question, "gradient") for x, question in asked.items()}
    made = finished([found[x] for x in variables], function, [(target, x) for x in variables], way, reading)
    return in_form(dict(zip(variables, made, strict=True)).__getitem__, wrt)


def jacobian(y: Any, x: Variables) -> Variables:
    """The Jacobian, of shape `y.shape + x.shape` (numerator layout); a list or dict of variables is kept.

    Raises DifferentiationError for integer variables and for samples that are coupled.

    >>> A, x = sg.data("A", (2, 3)), sg.data("x", 3)
    >>> J = sg.jacobian(sg.tanh(A @ x), x)
    >>> print(J, J.shape)
    diag(1 - tanh(A x)^⊙2) A (2, 3)
    """
    found: Variables = _jacobians(y, x, COMPUTED, jacobian, read_jacobian)
    return found


def read_jacobian(y: Any, x: Any) -> Any:
    """The Jacobian as people read it."""
    return _jacobians(y, x, READ, read_jacobian)


def _jacobians(y: Any, x: Any, way: Lens, function: Callable[..., Any], reading: Callable[..., Any] | None = None) -> Any:
    target = ambient(as_tensor(y, "jacobian"))
    variables_of(x, "jacobian")

    def one(variable: Tensor) -> Tensor:
        (asked,) = posed(target, [variable], "jacobian", way)
        return finished([_jacobian(target, variable, asked, "jacobian")], function, [(target, variable)], way, reading)[0]

    return in_form(one, x)


@overload
def hessian(y: Any, x: Tensor, z: None = None) -> Tensor: ...
@overload
def hessian(y: Any, x: Tensor, z: Variables) -> Variables: ...
@overload
def hessian(y: Any, x: list[Tensor], z: None = None) -> list[list[Tensor]]: ...
@overload
def hessian(y: Any, x: list[Tensor], z: Variables) -> list[Variables]: ...
@overload
def hessian(y: Any, x: dict[Key, Tensor], z: None = None) -> dict[Key, dict[Key, Tensor]]: ...
@overload
def hessian(y: Any, x: dict[Key, Tensor], z: Variables) -> dict[Key, Variables]: ...
@overload
def hessian(y: Any, x: Any, z: Any = None) -> Any: ...
def hessian(y: Any, x: Any, z: Any = None) -> Any:
    """Second derivatives of a scalar, of shape `x.shape + (z or x).shape`.

    A list or dict for `x` gives nested lists or dicts, one block per pair.

    >>> X, w = sg.data("X", (5, 3)), sg.parameter("w", 3)
    >>> print(sg.hessian(sg.sum(sg.exp(X @ w)), w))
    Xᵀ diag(exp(X w)) X
    """
    target = _scalar(y, "hessian")
    variables_of([x, x if z is None else z], "hessian")
    return in_form(lambda a: in_form(lambda b: _second(target, a, b), x if z is None else z), x)


def _second(y: Tensor, x: Tensor, z: Tensor) -> Tensor:
    g = gradient(y, x)
    if x.over is not None and z.over is not None:
        (asked,) = posed(g, [z], "hessian", COMPUTED)
        if _coupled(asked.root, asked.x):
            raise DifferentiationError(
                f"hessian: the samples of {describe(x)} are coupled in the gradient (a statistic over {x.over}), so "
                "the Hessian has no per-sample blocks; sg.hvp is exact")
    return jacobian(g, z)


def vjp(y: Any, x: Variables, u: Any) -> Variables:
    """u' J, in the form of `x`: the Jacobian of `y` by `x`, never formed, times `u` of the shape of `y`.

    >>> A, x, u = sg.data("A", (2, 3)), sg.data("x", 3), sg.data("u", 2)
    >>> print(sg.vjp(A @ x, x, u))
    Aᵀ u
    """
    found: Variables = _vjp(y, x, u, COMPUTED, vjp, read_vjp)
    return found


def read_vjp(y: Any, x: Any, u: Any) -> Any:
    """u' J as people read it."""
    return _vjp(y, x, u, READ, read_vjp)


def _vjp(y: Any, x: Any, u: Any, way: Lens, function: Callable[..., Any], reading: Callable[..., Any] | None = None) -> Any:
    target, cotangent = ambient(as_tensor(y, "vjp")), as_tensor(u, "vjp")
    variables_of(x, "vjp")
    _same_shape("vjp", "u", cotangent, "y", target)
    seed = _spread(cotangent, target, way)

    def one(variable: Tensor) -> Tensor:
        (asked,) = posed(target, [variable], "vjp", way)
        given = (target, variable, cotangent)
        return finished([_pulled(target, variable, asked, seed)], function, [given], way, reading)[0]

    return in_form(one, x)


def _spread(t: Tensor, like: Tensor, way: Lens) -> Node:
    """The form of `t`, repeated over the samples of `like` where it is the same for all."""
    (node,) = way.forms([t])
    if t.over is not None or like.over is None:
        return node
    labels = range(1, 1 + t.ndim)
    return contract([node], [labels], (0, *labels), {0: like.over})


def _pulled(y: Tensor, x: Tensor, asked: Posed, u: Node) -> Raw:
    """u' J, one product per sample where `y` is per sample and the variable is not."""
    if y.over is None or x.over is not None:
        (g,) = reverse(asked.root, u, [asked.x], asked.way.guarded)
        return derived(asked, entries(asked, g, 0), x.over)
    labels = range(len(asked.root.shape))  # a delta over the samples in front
    (g,) = reverse(asked.root, contract([u], [labels], (0, *labels)), [asked.x], asked.way.guarded)
    return derived(asked, entries(asked, g, 1), y.over)


def jvp(y: Any, x: Any, v: Any) -> Tensor:
    """J v: the directional derivative of `y` along `v` of the shape of `x`; nothing is formed.

    For a list or dict of variables `v` is one of directions, and the result their sum. Raises ShapeError where they differ.

    >>> A, x, v = sg.data("A", (2, 3)), sg.data("x", 3), sg.data("v", 3)
    >>> print(sg.jvp(A @ x, x, v))
    A v
    """
    return _jvp(y, x, v, COMPUTED, jvp, read_jvp)


def read_jvp(y: Any, x: Any, v: Any) -> Tensor:
    """J v as people read it."""
    return _jvp(y, x, v, READ, read_jvp)


def _jvp(y: Any, x: Any, v: Any, way: Lens, function: Callable[..., Any],
         reading: Callable[..., Any] | None = None) -> Tensor:
    target = ambient(as_tensor(y, "jvp"))
    raw: list[Raw] = []
    for variable, direction in _directed("jvp", x, v):
        (asked,) = posed(target, [variable], "jvp", way)
        along = _spread(direction, variable, way)
        along = along if asked.part is None else placed(asked.part, along)
        raw.append(derived(asked, push_forward(asked.root, asked.x, along, way.guarded), target.over))
    if not raw:
        raise DifferentiationError("jvp: there is no variable to differentiate by")
    whole = Raw(add([r.node for r in raw]), target.over, all(r.settled for r in raw), raw[0].by, raw[0].names)
    return finished([whole], function, [(target, x, v)], way, reading)[0]


def hvp(y: Any, x: Variables, v: Any) -> Variables:
    """H v, in the form of `x`: the Hessian of a scalar, never formed, times `v` of the form and shape of `x`.

    >>> X, w, v = sg.data("X", (5, 3)), sg.parameter("w", 3), sg.data("v", 3)
    >>> print(sg.hvp(sg.sum(sg.exp(X @ w)), w, v))
    Xᵀ ((X v) ⊙ exp(X w))
    """
    target = _scalar(y, "hvp")
    _directed("hvp", x, v)
    found: Variables = in_form(lambda g: jvp(g, x, v), gradient(target, x))
    return found


def _directed(operation: str, x: Any, v: Any) -> list[tuple[Tensor, Tensor]]:
    """Variables with their directions, of the form and the shapes of the variables."""
    if isinstance(x, Mapping) or isinstance(x, (list, tuple)):
        keys = list(x) if isinstance(x, Mapping) else list(range(len(x)))
        fits = isinstance(v, Mapping) and set(v) == set(keys) if isinstance(x, Mapping) else (
            isinstance(v, (list, tuple)) and len(v) == len(keys))
        if not fits:
            form = f"a dict with {', '.join(map(repr, keys))}" if isinstance(x, Mapping) else f"a list of {len(keys)}"
            raise ShapeError(f"{operation}: x is {form}, and v must have its form: one direction for each variable")
        return [pair for key in keys for pair in _directed(operation, x[key], v[key])]
    variable, direction = _variable(x, operation), as_tensor(v, operation)
    _same_shape(operation, "v", direction, "x", variable)
    return [(variable, direction)]


def _same_shape(operation: str, a: str, first: Tensor, b: str, second: Tensor) -> None:
    if first.shape != second.shape or (first.over is not None and first.over != second.over):
        raise ShapeError(f"{operation}: {a} is {describe(first)}, {b} is {describe(second)}; "
                         f"{a} must have the shape of {b}")
