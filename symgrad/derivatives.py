"""Gradients, Jacobians, Hessians and products with them, of tensors by tensors.

Raw formulas are brought into their stable forms first; then one reverse pass per call, on nodes. The only
question here is which sample axis a result has: a derivative is over T if and only if `y` or the variable
is. Layout: gradients have the shape of the variable, Jacobians are `y.shape + x.shape`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from symgrad.align import as_tensor, describe
from symgrad.graphs.einsum import contract
from symgrad.graphs.errors import DifferentiationError, ShapeError
from symgrad.graphs.node import REAL, Node, topological
from symgrad.graphs.reverse import delta_seed, push_forward, reverse
from symgrad.graphs.rewrite import settled, stabilise
from symgrad.graphs.samples import COUPLED, sample_axes
from symgrad.graphs.sizes import Size
from symgrad.tensor import Tensor, wrap


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


def _map(f: Callable[[Tensor], Any], wrt: Any) -> Any:
    """`f` of every tensor of a tensor, list, tuple or dict, in the same form."""
    if isinstance(wrt, Mapping):
        return {key: f(value) for key, value in wrt.items()}
    if isinstance(wrt, (list, tuple)):
        return type(wrt)(f(value) for value in wrt) if type(wrt) in (list, tuple) else [f(v) for v in wrt]
    return f(wrt)


def variables_of(wrt: Any, operation: str) -> list[Tensor]:
    """The variables in a tensor, list, tuple or dict, in order."""
    found: list[Tensor] = []
    _map(lambda x: found.append(_variable(x, operation)), wrt)
    return found


def _prepared(y: Tensor, variables: Sequence[Tensor]) -> tuple[Node, list[Node]]:
    """The stable form of `y`, and the nodes of the variables as they occur in it."""
    below = set(topological([y.node]))
    nodes = []
    for x in variables:
        node = x.node
        if node not in below and node.op == "named" and node.operands[0] in below:
            node = node.operands[0]
        nodes.append(node)
    (root,) = stabilise([y.node], keep=[n for n in nodes if n.op not in ("input", "constant")])
    return root, nodes


def _done(node: Node, over: Size | None) -> Tensor:
    settled.add(node)
    return wrap(node, over)


gradient_of: WeakKeyDictionary[Node, tuple[Tensor, Tensor]] = WeakKeyDictionary()  # for drawings: (y, x)


def _remember(g: Tensor, y: Tensor, x: Tensor) -> Tensor:
    gradient_of[g.node] = y, x
    return g


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
        return _done(_to_front(j, rank - 1), y.over)
    (j,) = reverse(root, delta_seed(root.shape), [node])
    if x.over is not None:
        return _done(_to_front(j, rank), x.over)
    return _done(j, y.over)


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
    target = _scalar(y, "gradient")
    variables = variables_of(wrt, "gradient")
    root, nodes = _prepared(target, variables)
    if target.over is None:
        found = dict(zip(variables, reverse(root, delta_seed(()), nodes), strict=True))
        return _map(lambda x: _remember(_done(found[x], x.over), target, x), wrt)
    place = dict(zip(variables, nodes, strict=True))
    return _map(lambda x: _remember(_derivative(target, x, root, place[x], "gradient"), target, x), wrt)


def jacobian(y: Any, x: Any) -> Any:
    """The Jacobian, of shape `y.shape + x.shape` (numerator layout); a list or dict of variables is kept.

    Raises DifferentiationError for integer variables and for samples that are coupled.
    """
    target = as_tensor(y, "jacobian")
    if target.dtype != REAL:
        raise DifferentiationError(f"jacobian: {describe(target)} is {target.dtype}; "
                                   "only real tensors have derivatives")

    def one(variable: Tensor) -> Tensor:
        root, (node,) = _prepared(target, [_variable(variable, "jacobian")])
        return _derivative(target, variable, root, node, "jacobian")

    return _map(one, x)


def hessian(y: Any, x: Any, z: Any = None) -> Any:
    """Second derivatives of a scalar, of shape `x.shape + (z or x).shape`.

    A list or dict for `x` gives nested lists or dicts, one block per pair.
    """
    target = _scalar(y, "hessian")

    def rows(variable: Tensor) -> Any:
        g = gradient(target, _variable(variable, "hessian"))
        return _map(lambda other: _second(g, variable, other), x if z is None else z)

    return _map(rows, x)


def _second(g: Tensor, x: Tensor, z: Tensor) -> Tensor:
    if x.over is not None and z.over is not None and _coupled(g.node, z.node):
        raise DifferentiationError(
            f"hessian: the samples of {describe(x)} are coupled in the gradient (a statistic over {x.over}), so "
            "the Hessian has no per-sample blocks; sg.hvp is exact")
    result: Tensor = jacobian(g, z)
    return result


def vjp(y: Any, x: Any, u: Any) -> Any:
    """u' J, in the form of `x`: the Jacobian of `y` by `x`, never formed, times `u` of the shape of `y`."""
    target, cotangent = as_tensor(y, "vjp"), as_tensor(u, "vjp")
    _same_shape("vjp", "u", cotangent, "y", target)
    variables = variables_of(x, "vjp")
    root, nodes = _prepared(target, variables)
    place = dict(zip(variables, nodes, strict=True))
    return _map(lambda v: _pulled(target, v, root, place[v], _spread(cotangent, target)), x)


def _spread(t: Tensor, like: Tensor) -> Node:
    """The node of `t`, repeated over the samples of `like` where it is the same for all."""
    if t.over is not None or like.over is None:
        return t.node
    labels = range(1, 1 + t.ndim)
    return contract([t.node], [labels], (0, *labels), {0: like.over})


def _pulled(y: Tensor, x: Tensor, root: Node, node: Node, u: Node) -> Tensor:
    if y.over is None or x.over is not None:
        (g,) = reverse(root, u, [node])
        return _done(g, x.over)
    labels = range(len(root.shape))  # one product per sample: a delta over the samples in front
    (g,) = reverse(root, contract([u], [labels], (0, *labels)), [node])
    return _done(g, y.over)


def jvp(y: Any, x: Tensor, v: Any) -> Tensor:
    """J v: the directional derivative of `y` along `v` of the shape of `x`; nothing is formed."""
    target, direction = as_tensor(y, "jvp"), as_tensor(v, "jvp")
    _variable(x, "jvp")
    _same_shape("jvp", "v", direction, "x", x)
    root, (node,) = _prepared(target, [x])
    return _done(push_forward(root, node, _spread(direction, x)), target.over)


def hvp(y: Any, x: Tensor, v: Any) -> Tensor:
    """H v: the Hessian of a scalar, never formed, times `v` of the shape of `x`."""
    target, direction = _scalar(y, "hvp"), as_tensor(v, "hvp")
    _variable(x, "hvp")
    _same_shape("hvp", "v", direction, "x", x)
    g = gradient(target, x)
    return jvp(g, x, direction)


def _same_shape(operation: str, a: str, first: Tensor, b: str, second: Tensor) -> None:
    if first.shape != second.shape or (first.over is not None and first.over != second.over):
        raise ShapeError(f"{operation}: {a} is {describe(first)}, {b} is {describe(second)}; "
                         f"{a} must have the shape of {b}")
