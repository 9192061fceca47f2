"""Gradients, Jacobians, Hessians and products with them, of tensors by tensors.

Raw formulas are brought into their stable forms first; then one reverse pass per call, on nodes. The only
question here is which sample axis a result has: a derivative is over T if and only if `y` or the variable
is. Layout: gradients have the shape of the variable, Jacobians are `y.shape + x.shape`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary, ref

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.primitives import as_real
from symgrad.graphs.errors import DifferentiationError, ShapeError
from symgrad.graphs.node import REAL, Node, topological
from symgrad.graphs.reverse import delta_seed, push_forward, reverse
from symgrad.graphs.rewrites.both_signs import tidied
from symgrad.graphs.rewrites.declared import simplified
from symgrad.graphs.rewrites.picking import unpicked
from symgrad.graphs.rewrites.stable import settled, stabilise
from symgrad.graphs.samples import sample_axes
from symgrad.graphs.sizes import Size
from symgrad.language.align import as_tensor, describe
from symgrad.language.recipes import ambient, is_absorbed, put_back, remember, replay, stand_in
from symgrad.language.tensor import Tensor, births, wrap


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
        return {key: in_form(f, value) for key, value in wrt.items()}
    if isinstance(wrt, (list, tuple)):
        return tuple(in_form(f, v) for v in wrt) if type(wrt) is tuple else [in_form(f, v) for v in wrt]
    return f(wrt)


def variables_of(wrt: Any, operation: str) -> list[Tensor]:
    """The variables in a tensor, list, tuple or dict, in order."""
    found: list[Tensor] = []
    in_form(lambda x: found.append(_variable(x, operation)), wrt)
    return found


def _as_used(y: Tensor, x: Tensor) -> Tensor:
    """The variable as it occurs in `y`: a name that `y` was not written with is looked through."""
    if x.node.op is ops.NAMED and x.node not in topological([y.node]):
        return wrap(x.node.operands[0], x.over)
    return x


def _stable(y: Tensor, variables: Sequence[Tensor]) -> Node:
    """The stable form of `y`, in which the variables are kept."""
    inner = [x.node for x in variables if x.node.op not in ops.GIVEN]
    below = set(topological([y.node])) if inner else set()
    (root,) = stabilise([y.node], keep=[node for node in inner if node in below])
    return root


def _apart(function: Callable[..., Tensor], y: Tensor, x: Tensor, *rest: Tensor) -> Tensor:
    """`function(y, x, ...)` for an `x` that normal forms absorb: `y` as it was written, x a fresh variable."""
    new = stand_in(x)
    result = function(replay(y, x, new), new, *rest)
    return wrap(put_back(result.node, new, x), result.over)


def _finished(nodes: Sequence[Node], variables: Sequence[Node]) -> list[Node]:
    """Derivatives in their shorter forms, which hold for independent entries too: they may be differentiated again."""
    results = [as_real(node) for node in tidied(simplified(unpicked(nodes), declared=False))]
    if all(x.op in ops.GIVEN for x in variables):  # what lies below others was not stabilised
        settled.update(results)
    return results


def _done(node: Node, over: Size | None, variables: Sequence[Node]) -> Tensor:
    return wrap(_finished([node], variables)[0], over)


_gradients: WeakKeyDictionary[Node, tuple[ref[Tensor], ref[Tensor]]] = WeakKeyDictionary()


def _recorded(raw: Sequence[Tensor], before: int, function: Callable[..., Any],
              args: Sequence[tuple[Any, ...]]) -> list[Tensor]:
    """Derivatives, simplified by declared facts, with notes of how they were made and of what they were before."""
    results = []
    for t, short, given in zip(raw, simplified([t.node for t in raw], declared=True), args, strict=True):
        node = as_real(short)
        if node is t.node:
            results.append(remember(t, before, function, given))
            continue
        if t.node in settled:
            settled.add(node)
        results.append(remember(wrap(node, t.over), before, function, given, ambient=t.node))
    return results


def _remember(g: Tensor, y: Tensor, x: Tensor) -> Tensor:
    _gradients[g.node] = ref(y), ref(x)
    return g


def gradient_of(node: Node) -> tuple[Tensor, Tensor] | None:
    """(y, x) where `node` is the gradient of `y` by `x` and both are still there: for drawings."""
    y, x = (known() for known in _gradients.get(node, (_nothing, _nothing)))
    return None if y is None or x is None or node in (y.node, x.node) else (y, x)


def _nothing() -> None:
    return None


def _coupled(root: Node, x: Node) -> bool:
    axes = sample_axes([root], start={x: 0})
    return axes.get(root, 0) != 0


def _derivative(y: Tensor, x: Tensor, root: Node, node: Node, operation: str) -> Tensor:
    """The Jacobian of `y` by `x`, laid out as `y.shape + x.shape`, with the sample axis in front."""
    rank = len(root.shape)
    if y.over is not None and x.over is not None:
        if y.over != x.over:
            raise ShapeError(f"{operation}: {describe(y)} and {describe(x)} are over two different sample axes")
        if _coupled(root, node):
            raise DifferentiationError(
                f"{operation}: the samples of {describe(y)} depend on other samples of {describe(x)} (a statistic "
                f"over {y.over} couples them), so there is no derivative per sample; the gradient of a closed "
                "scalar, jvp, vjp and hvp are exact")
        (j,) = reverse(root, delta_seed(root.shape, free=[0]), [node])
        return _done(_to_front(j, rank - 1), y.over, [node])
    if not node.shape:  # forwards there is one direction, and no deltas
        return _done(push_forward(root, node, contract([], [], ())), y.over, [node])
    (j,) = reverse(root, delta_seed(root.shape), [node])
    if x.over is not None:
        return _done(_to_front(j, rank), x.over, [node])
    return _done(j, y.over, [node])


def _to_front(node: Node, axis: int) -> Node:
    labels = list(range(len(node.shape)))
    return contract([node], [labels], [axis, *(i for i in labels if i != axis)])


def gradient(y: Any, wrt: Any) -> Any:
    """The gradient of a scalar (closed, or one per sample) in the form of `wrt`: a tensor, list or dict.

    Shape: that of the variable. Zeros where `y` does not depend on it. Raises DifferentiationError for a
    `y` that is no scalar, for integer variables, and for per-sample derivatives of coupled samples.

    >>> import symgrad as sg
    >>> w = sg.parameter("w", 3)
    >>> print(sg.gradient(w @ w, w))
    2 w
    """
    target = ambient(_scalar(y, "gradient"))
    before = next(births)
    variables = variables_of(wrt, "gradient")
    used = {x: _as_used(target, x) for x in variables}
    solid = [x for x in dict.fromkeys(used.values()) if not is_absorbed(x)]
    nodes, root = [x.node for x in solid], _stable(target, solid)
    if target.over is None:
        parts = _finished(reverse(root, delta_seed(()), nodes), nodes)
        found = {x: wrap(g, x.over) for x, g in zip(solid, parts, strict=True)}
    else:
        found = {x: _derivative(target, x, root, node, "gradient") for x, node in zip(solid, nodes, strict=True)}
    raw = [found[used[x]] if used[x] in found else _apart(gradient, target, used[x]) for x in variables]
    results = _recorded(raw, before, gradient, [(target, x) for x in variables])
    made = {x: _remember(g, target, x) for x, g in zip(variables, results, strict=True)}
    return in_form(made.__getitem__, wrt)


def jacobian(y: Any, x: Any) -> Any:
    """The Jacobian, of shape `y.shape + x.shape` (numerator layout); a list or dict of variables is kept.

    Raises DifferentiationError for integer variables and for samples that are coupled.

    >>> A, x = sg.data("A", (2, 3)), sg.data("x", 3)
    >>> J = sg.jacobian(sg.tanh(A @ x), x)
    >>> print(J, J.shape)
    diag(1 - tanh(A x)^⊙2) A (2, 3)
    """
    target = ambient(as_tensor(y, "jacobian"))
    variables_of(x, "jacobian")

    def one(variable: Tensor) -> Tensor:
        before = next(births)
        used = _as_used(target, variable)
        if is_absorbed(used):
            result = _apart(jacobian, target, used)
        else:
            result = _derivative(target, used, _stable(target, [used]), used.node, "jacobian")
        return _recorded([result], before, jacobian, [(target, variable)])[0]

    return in_form(one, x)


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
    x, z = _as_used(y, x), _as_used(y, z)
    if is_absorbed(z):
        new = stand_in(z)
        apart = _second(replay(y, z, new), replay(x, z, new), new)
        return wrap(put_back(apart.node, new, z), apart.over)
    g = gradient(y, x)
    if x.over is not None and z.over is not None and _coupled(g.node, z.node):
        raise DifferentiationError(
            f"hessian: the samples of {describe(x)} are coupled in the gradient (a statistic over {x.over}), so "
            "the Hessian has no per-sample blocks; sg.hvp is exact")
    result: Tensor = jacobian(g, z)
    return result


def vjp(y: Any, x: Any, u: Any) -> Any:
    """u' J, in the form of `x`: the Jacobian of `y` by `x`, never formed, times `u` of the shape of `y`.

    >>> A, x, u = sg.data("A", (2, 3)), sg.data("x", 3), sg.data("u", 2)
    >>> print(sg.vjp(A @ x, x, u))
    Aᵀ u
    """
    target, cotangent = ambient(as_tensor(y, "vjp")), as_tensor(u, "vjp")
    variables_of(x, "vjp")
    _same_shape("vjp", "u", cotangent, "y", target)
    (seed,) = stabilise([_spread(cotangent, target)])

    def one(variable: Tensor) -> Tensor:
        before = next(births)
        used = _as_used(target, variable)
        if is_absorbed(used):
            result = _apart(vjp, target, used, cotangent)
        else:
            result = _pulled(target, used, _stable(target, [used]), used.node, seed)
        return _recorded([result], before, vjp, [(target, variable, cotangent)])[0]

    return in_form(one, x)


def _spread(t: Tensor, like: Tensor) -> Node:
    """The node of `t`, repeated over the samples of `like` where it is the same for all."""
    if t.over is not None or like.over is None:
        return t.node
    labels = range(1, 1 + t.ndim)
    return contract([t.node], [labels], (0, *labels), {0: like.over})


def _pulled(y: Tensor, x: Tensor, root: Node, node: Node, u: Node) -> Tensor:
    if y.over is None or x.over is not None:
        (g,) = reverse(root, u, [node])
        return _done(g, x.over, [node])
    labels = range(len(root.shape))  # one product per sample: a delta over the samples in front
    (g,) = reverse(root, contract([u], [labels], (0, *labels)), [node])
    return _done(g, y.over, [node])


def jvp(y: Any, x: Tensor, v: Any) -> Tensor:
    """J v: the directional derivative of `y` along `v` of the shape of `x`; nothing is formed.

    >>> A, x, v = sg.data("A", (2, 3)), sg.data("x", 3), sg.data("v", 3)
    >>> print(sg.jvp(A @ x, x, v))
    A v
    """
    target, direction = ambient(as_tensor(y, "jvp")), as_tensor(v, "jvp")
    _variable(x, "jvp")
    _same_shape("jvp", "v", direction, "x", x)
    before = next(births)
    used = _as_used(target, x)
    if is_absorbed(used):
        result = _apart(jvp, target, used, direction)
    else:
        (along,) = stabilise([_spread(direction, x)])
        root = _stable(target, [used])
        result = _done(push_forward(root, used.node, along), target.over, [used.node])
    return _recorded([result], before, jvp, [(target, x, direction)])[0]


def hvp(y: Any, x: Tensor, v: Any) -> Tensor:
    """H v: the Hessian of a scalar, never formed, times `v` of the shape of `x`.

    >>> X, w, v = sg.data("X", (5, 3)), sg.parameter("w", 3), sg.data("v", 3)
    >>> print(sg.hvp(sg.sum(sg.exp(X @ w)), w, v))
    Xᵀ ((X v) ⊙ exp(X w))
    """
    target, direction = _scalar(y, "hvp"), as_tensor(v, "hvp")
    _variable(x, "hvp")
    _same_shape("hvp", "v", direction, "x", x)
    used = _as_used(target, x)
    if is_absorbed(used):
        return _apart(hvp, target, used, direction)
    return jvp(gradient(target, used), used, direction)


def _same_shape(operation: str, a: str, first: Tensor, b: str, second: Tensor) -> None:
    if first.shape != second.shape or (first.over is not None and first.over != second.over):
        raise ShapeError(f"{operation}: {a} is {describe(first)}, {b} is {describe(second)}; "
                         f"{a} must have the shape of {b}")
