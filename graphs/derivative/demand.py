"""Which entries of a node a derivative needs: the branch of `where` that is not taken gives nothing, not 0 * infinity.

Below `where(c, a, b)` the derivative of `a` counts only where `c` holds. The reverse pass carries this condition
along with the cotangents (None: all entries count), and a local derivative that may be infinite or NaN is taken as
zero elsewhere: `where(c, 1/x, 0)`. Since the result is again a choice, second order and forward mode follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal
from symgrad.graphs.algebra.primitives import elementwise, pad, reduction, reshape, slices
from symgrad.graphs.node import BOOLEAN, Node, topological
from symgrad.graphs.sizes import Size

TAME = frozenset({
    "sin", "cos", "tanh", "arctan", "arcsinh", "erf", "sigmoid", "softplus", "silu", "gelu", "abs", "sign", "floor",
    "relu", "leaky_relu", "elu", "maximum", "minimum", "clip", "where", "less", "less_equal", "greater",
    "greater_equal", "equal", "not_equal", "logical_and", "logical_or", "logical_not",
})  # finite, with finite derivatives, wherever their operands are finite
SAME_ENTRIES = (ops.ELEMENTWISE, ops.ADD, ops.NAMED)


def may_be_infinite(roots: Sequence[Node]) -> set[Node]:
    """The nodes below `roots` that may be infinite or NaN, or have such derivatives, although the inputs are finite."""
    found: set[Node] = set()
    for node in topological(roots):
        risky = node.op is ops.ELEMENTWISE and node.attrs[0] not in TAME
        if risky or any(o in found for o in node.operands):
            found.add(node)
    return found


def chooses(nodes: Iterable[Node]) -> bool:
    """Is there a `where` among the nodes?"""
    return any(node.op is ops.ELEMENTWISE and node.attrs[0] == "where" for node in nodes)


def demands(node: Node, demand: Node | None) -> list[Node | None]:
    """The entries of each operand that count where the entries `demand` of `node` do."""
    if node.op is ops.ELEMENTWISE and node.attrs[0] == "where":
        condition = node.operands[0]
        if condition.dtype != BOOLEAN:
            condition = elementwise("not_equal", [condition, literal(0, condition.shape)])
        return [demand, _both(demand, condition), _both(demand, elementwise("logical_not", [condition]))]
    if demand is None:
        return [None] * len(node.operands)
    if node.op in SAME_ENTRIES:
        return [demand] * len(node.operands)
    if node.op in ops.PRODUCTS:
        inputs, out = node.attrs
        return [along(demand, out, names, operand.shape)
                for names, operand in zip(inputs, node.operands, strict=True)]
    if node.op in ops.REDUCTIONS:
        (operand,), (axes,) = node.operands, node.attrs
        labels = range(len(operand.shape))
        return [along(demand, [i for i in labels if i not in axes], labels, operand.shape)]
    if node.op is ops.SOFTMAX:
        labels = range(len(node.shape))
        kept = [i for i in labels if i not in node.attrs[0]]
        row = along(demand, labels, kept, [node.shape[i] for i in kept])  # one entry that counts needs its whole row
        return [None if row is None else along(row, kept, labels, node.shape)]
    if node.op is ops.RESHAPE:
        return [reshape(demand, node.operands[0].shape)]
    if node.op in ops.STRIDED:
        starts, steps = [start for start, _ in node.attrs[0]], [step for _, step in node.attrs[0]]
        move = pad if node.op is ops.SLICE else slices
        return [_truth(move(demand, starts, steps, node.operands[0].shape))]
    if node.op is ops.CONCAT:
        (axis,), start, found = node.attrs, 0, []
        for operand in node.operands:
            starts = [start if a == axis else 0 for a in range(len(node.shape))]
            found.append(slices(demand, starts, [1] * len(starts), operand.shape))
            start = start + operand.shape[axis]
        return [_truth(part) for part in found]
    return [None] * len(node.operands)


def along(demand: Node, labels: Sequence[int], names: Sequence[int], shape: Sequence[Size]) -> Node | None:
    """The condition `demand`, with axes `labels`, on a tensor with axes `names`: of several entries one is enough."""
    if len(set(labels)) != len(labels) or len(set(names)) != len(names):
        return None
    if not set(labels) <= set(names):
        if demand.op is ops.VIEW and demand.operands and len(set(demand.attrs[1])) == len(demand.attrs[1]):
            (inner,), out = demand.attrs
            back = dict(zip(out, labels, strict=True))
            demand, labels = demand.operands[0], [back[x] for x in inner]
        demand = reduction(ops.MAX, demand, [i for i, x in enumerate(labels) if x not in names])
        labels = [x for x in labels if x in names]
    sizes = dict(zip(names, shape, strict=True))
    return contract([demand], [labels], names, sizes)


def either(parts: Sequence[Node | None]) -> Node | None:
    """What counts for one of several consumers counts."""
    first = parts[0]
    for part in parts[1:]:
        if first is None or part is None:
            return None
        if part is not first:
            first = elementwise("logical_or", [first, part])
    return first


def _both(a: Node | None, b: Node) -> Node:
    return b if a is None or a is b else elementwise("logical_and", [a, b])


def _truth(node: Node) -> Node:
    return node if node.dtype == BOOLEAN else elementwise("not_equal", [node, literal(0, node.shape)])


def where_needed(value: Node, demand: Node | None) -> Node:
    """`value`, or zero for entries that do not count."""
    return value if demand is None else elementwise("where", [demand, value, literal(0, value.shape)])


def guarded(part: Node, demand: Node | None, lead: int) -> Node:
    """A cotangent behind `lead` seed axes, zero for entries that do not count."""
    if demand is None:
        return part
    labels = range(len(part.shape))
    everywhere = contract([demand], [labels[lead:]], labels, dict(zip(labels, part.shape, strict=True)))
    return where_needed(part, everywhere)


def without(u: Node, demand: Node, lead: int) -> Node:
    """`u` without the factor `demand`, which what it is multiplied with has as a condition."""
    base, names, out = u, tuple(range(len(u.shape))), tuple(range(len(u.shape)))
    if u.op is ops.VIEW and u.operands:
        (names,), out = u.attrs
        (base,) = u.operands
    sizes = dict(zip(out, u.shape, strict=True))
    if base is demand:
        return contract([], [], out, sizes) if names == out[lead:] else u
    if base.op is not ops.EINSUM:
        return u
    inputs, inner = base.attrs
    label = {x: names[i] for i, x in enumerate(inner)}
    factors = [(o, tuple(label.get(x, ("inner", x)) for x in labels))
               for o, labels in zip(base.operands, inputs, strict=True)]
    rest = [pair for pair in factors if pair != (demand, out[lead:])]
    if len(rest) == len(factors):
        return u
    held = {x for _, labels in rest for x in labels}
    if any(("inner", x) not in held for labels in inputs for x in labels if x not in label):
        return u  # the condition alone held a summed label
    return contract([o for o, _ in rest], [labels for _, labels in rest], out, sizes)
