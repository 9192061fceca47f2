"""Products and views: every multilinear expression in one normal form.

`contract` is the constructor of all of them. A *product* (op "einsum") multiplies operands with named
axes and sums the labels that its output lacks; its output is compact: distinct labels, each held by an
operand. A *view* (op "view") only renames the axes of at most one operand: it may repeat a label in the
output (a delta), hold a label of no operand (ones), transpose, or repeat a label in the input (a
diagonal). Views are always inlined into the products that use them, so a delta that meets a product
disappears by renaming, and `eye`, `ones`, `trace`, `diag`, broadcasting need no rules of their own.

Attributes of both: (labels of each operand, labels of the output); labels are small canonical ints, the
output's first in order. Canonical labels follow colour refinement with capped individualisation
(McKay and Piperno, Practical graph isomorphism II, 2014): a cap that is hit is a missed merge, never a
wrong one.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.node import INTEGER, REAL, Node, make, order
from symgrad.graphs.sizes import Shape, Size
from symgrad.graphs.weights import ONE, Weight, is_integer, joins, times, weight

Labels = tuple[int, ...]
LEAVES = 64  # individualised forms tried before ties are left as they are


def contract(operands: Sequence[Node], inputs: Sequence[Sequence[Hashable]], out: Sequence[Hashable],
             sizes: Mapping[Any, Size] | None = None) -> Node:
    """The sum over all labels not in `out` of the product of `operands`.

    `inputs` gives one label per axis of each operand, `out` those of the result; both may repeat labels.
    `sizes` gives the size of labels that no operand holds: in `out` they are ones, elsewhere a factor.
    """
    size: dict[Any, Size] = dict(sizes or {})
    for node, labels in zip(operands, inputs, strict=True):
        for label, extent in zip(labels, node.shape, strict=True):
            if size.setdefault(label, extent) != extent:
                raise ValueError(f"label {label!r} is {size[label]} and {extent}")
    shape = tuple(size[label] for label in out)
    parent: dict[Any, Any] = {}

    def find(label: Any) -> Any:
        while label in parent:
            label = parent[label]
        return label

    scalar, terms = ONE, []
    for node, labels in zip(operands, inputs, strict=True):
        while True:
            if node.op is ops.ADD and len(node.operands) < 2:
                if not node.operands:
                    return zeros(shape, joint_dtype(operands))
                if not joins_weight(node, scalar):
                    terms.append((node, labels))
                    break
                scalar = times(scalar, node.attrs[0][0])
                node = node.operands[0]
            elif node.op is ops.VIEW:
                inner_in, inner_out = node.attrs
                outer: dict[int, Any] = {}
                for inner, label in zip(inner_out, labels, strict=True):
                    a, b = find(outer.setdefault(inner, label)), find(label)
                    if a != b:
                        parent[b] = a
                if not node.operands:
                    break
                node, labels = node.operands[0], tuple(outer[i] for i in inner_in[0])
            else:
                terms.append((node, labels))
                break
    if parent:
        terms = [(node, tuple(map(find, labels))) for node, labels in terms]
        out = tuple(map(find, out))
    held = {label for _, labels in terms for label in labels}
    for label in set(map(find, size) if parent else size).difference(held, out):  # sums of ones
        scalar = times(scalar, weight(size[label]))
    core = tuple(dict.fromkeys(label for label in out if label in held))
    if not terms:
        return scale(_view(None, (), out, shape), scalar)
    base, labels = _product(terms, core, size)
    return scale(_view(base, labels, out, shape), scalar)


def _product(terms: list[tuple[Node, Sequence[Any]]], out: tuple[Any, ...],
             size: Mapping[Any, Size]) -> tuple[Node, Sequence[Any]]:
    """The compact product of `terms`, and the labels of its axes."""
    if len(terms) == 1 and set(terms[0][1]) == set(out):
        return terms[0]  # nothing is contracted: a view of the operand itself
    operands, inputs = _canonical(terms, out)
    dtype = REAL if any(node.dtype == REAL for node in operands) else INTEGER
    if len(operands) == 1 and all(size[label] == 1 for label in terms[0][1] if label not in out):
        dtype = operands[0].dtype  # an axis of one entry is dropped
    shape = tuple(size[label] for label in out)
    return make(ops.EINSUM, operands, (inputs, tuple(range(len(out)))), shape, dtype), out


def _view(base: Node | None, labels: Sequence[Any], out: Sequence[Any], shape: Shape) -> Node:
    """`base` with its axes, labelled `labels`, laid out as `out`."""
    if base is not None and tuple(labels) == tuple(out) and len(set(out)) == len(out):
        return base
    number = {label: i for i, label in enumerate(dict.fromkeys(out))}
    outputs = tuple(number[label] for label in out)
    if base is None:
        return make(ops.VIEW, (), ((), outputs), shape, REAL)
    return make(ops.VIEW, (base,), ((tuple(number[label] for label in labels),), outputs), shape, base.dtype)


def _canonical(terms: list[tuple[Node, Sequence[Any]]],
               out: tuple[Any, ...]) -> tuple[tuple[Node, ...], tuple[Labels, ...]]:
    """Operands in canonical order with canonical labels."""
    pinned = {label: i for i, label in enumerate(out)}
    if len(terms) > 1:
        terms = sorted(terms, key=lambda term: order(term[0]))
    nodes = [node for node, _ in terms]
    if len(set(nodes)) == len(nodes):
        labels = _number(terms, pinned)
        return tuple(nodes), labels
    place = {node: i for i, node in enumerate(dict.fromkeys(nodes))}
    summed = list(dict.fromkeys(x for _, labels in terms for x in labels if x not in pinned))
    base = {**pinned, **dict.fromkeys(summed, len(out))}
    leaves: list[tuple[Any, list[tuple[Node, Sequence[Any]]]]] = []
    stack = [base]
    while stack and len(leaves) < LEAVES:
        colour = _refine(terms, place, summed, stack.pop())
        classes: dict[int, list[Any]] = {}
        for label in summed:
            classes.setdefault(colour[label], []).append(label)
        tied = min((c for c, members in classes.items() if len(members) > 1), default=None)
        if tied is None:
            ranked = sorted(terms, key=lambda t: (place[t[0]], [colour[x] for x in t[1]]))
            leaves.append((_number(ranked, pinned), ranked))
            continue
        for label in reversed(classes[tied]):
            stack.append({**colour, label: -1 - len(colour)})
    form, ranked = min(leaves, key=lambda leaf: leaf[0])
    return tuple(node for node, _ in ranked), form


def _refine(terms: list[tuple[Node, Sequence[Any]]], place: Mapping[Node, int], summed: list[Any],
            colour: dict[Any, int]) -> dict[Any, int]:
    """Colours of labels, split until stable by where each occurs and beside what."""
    count = -1
    while True:
        seen: dict[Any, list[Any]] = {label: [] for label in summed}
        for node, labels in terms:
            row = (place[node], tuple(colour[x] for x in labels))
            for position, label in enumerate(labels):
                if label in seen:
                    seen[label].append((row, position))
        signature = {label: (colour[label], sorted(seen[label])) for label in summed}
        ranks = {key: i for i, key in enumerate(sorted({_freeze(s) for s in signature.values()}))}
        base = len(colour)
        colour = {**colour, **{label: base + ranks[_freeze(signature[label])] for label in summed}}
        if len(ranks) == count:
            return colour
        count = len(ranks)


def _freeze(signature: tuple[int, list[Any]]) -> tuple[int, tuple[Any, ...]]:
    return signature[0], tuple(signature[1])


def _number(terms: Sequence[tuple[Node, Sequence[Any]]], pinned: Mapping[Any, int]) -> tuple[Labels, ...]:
    number = dict(pinned)
    for _, labels in terms:
        for label in labels:
            number.setdefault(label, len(number))
    return tuple([tuple([number[label] for label in labels]) for _, labels in terms])


def scale(node: Node, by: Weight) -> Node:
    """`by * node`; scales nest only where their weights do not join, and zero is the empty sum."""
    if by == ONE:
        return node
    if by.number == 0:
        return zeros(node.shape, joint_dtype([node]))
    if node.op is ops.ADD and len(node.operands) < 2:
        if not node.operands:
            return node
        if joins_weight(node, by):
            return scale(node.operands[0], times(by, node.attrs[0][0]))
    dtype = INTEGER if node.dtype != REAL and is_integer(by) else REAL
    return make(ops.ADD, (node,), ((by,),), node.shape, dtype)


def joins_weight(node: Node, by: Weight) -> bool:
    """Does the weight of `node`, a scaled tensor, become one with `by`? Those of literals always do."""
    (inner,) = node.operands
    return joins(by, node.attrs[0][0]) or (inner.op is ops.VIEW and not inner.operands)


def zeros(shape: Shape, dtype: str = REAL) -> Node:
    """The empty sum."""
    return make(ops.ADD, (), ((),), shape, dtype)


def joint_dtype(nodes: Sequence[Node]) -> str:
    """Sums and products are integer where all operands are integer or boolean; whole literals fit both."""
    values = [literal_value(node) if node.dtype == REAL else None for node in nodes]
    if any(node.dtype == REAL and (value is None or not is_integer(value))
           for node, value in zip(nodes, values, strict=True)):
        return REAL
    return INTEGER if any(node.dtype != REAL for node in nodes) else REAL


def ones(shape: Shape) -> Node:
    """A view of no operand: a one for every entry."""
    return make(ops.VIEW, (), ((), tuple(range(len(shape)))), shape, REAL)


def literal(value: Any, shape: Shape = ()) -> Node:
    """The number `value` at every entry of `shape`."""
    return scale(ones(shape), weight(value))


def literal_value(node: Node) -> Weight | None:
    """The number at every entry of `node`, where it is a literal."""
    by = ONE
    if node.op is ops.ADD and len(node.operands) < 2:
        if not node.operands:
            return Weight(0)
        by, node = node.attrs[0][0], node.operands[0]
    if node.op is ops.VIEW and not node.operands and len(set(node.attrs[1])) == len(node.shape):
        return by
    return None


def broadcast(node: Node, axes: Sequence[int], shape: Shape) -> Node:
    """`node` with axis i at `axes[i]` of `shape`, repeated along the others."""
    return contract([node], [tuple(axes)], range(len(shape)), dict(enumerate(shape)))


def transpose(node: Node, axes: Sequence[int]) -> Node:
    """Axis i of the result is axis `axes[i]` of `node`."""
    return contract([node], [range(len(node.shape))], axes)


def product(*nodes: Node) -> Node:
    """The entrywise product of nodes of one shape."""
    labels = range(len(nodes[0].shape))
    return contract(nodes, [labels] * len(nodes), labels)


def total(node: Node, axes: Sequence[int]) -> Node:
    """The sum of `node` over `axes`."""
    labels = range(len(node.shape))
    return contract([node], [labels], [i for i in labels if i not in axes])


