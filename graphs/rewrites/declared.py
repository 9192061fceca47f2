"""Declared facts as rewrites, for what is not differentiated any more.

`by_facts` is a pure function graph -> graph, right where the declared facts hold. What holds afterwards: a
symmetric tensor (declared, or by form: an inverse of one, X'X) stands with its last two axes in canonical order, so
that `S x + S' x` has merged; no orthogonal matrix meets its own transpose; no simplex or softmax is summed along its
axis, nor padding; a tensor that is not negative has no absolute value; a diagonal matrix has no transpose, a lower
triangular one no tril. Derivatives are ambient (entries independent): nothing declared may come before differentiating.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal, literal_value
from symgrad.graphs.algebra.linear import swapped
from symgrad.graphs.algebra.primitives import pad
from symgrad.graphs.facts import (
    DIAGONAL,
    LOWER_TRIANGULAR,
    NONNEGATIVE,
    ORTHOGONAL,
    SIMPLEX,
    SYMMETRIC,
    any_declared,
    facts_of,
)
from symgrad.graphs.node import BOOLEAN, Node, topological, transform
from symgrad.graphs.rewrites.mirrors import parity
from symgrad.graphs.rewrites.patterns import bare, positive, row_of
from symgrad.graphs.table import rebuild

TELLING = (ops.SOFTMAX, ops.INVERSE, ops.PAD)  # whose form says something


class Facts:
    """What is known of the nodes of one graph; `declared` false leaves only what their form says."""

    def __init__(self, declared: bool) -> None:
        self.declared = declared
        self.parities: dict[Node, int] = {}

    def of(self, node: Node) -> frozenset[str]:
        """What is declared of a symbol, and what follows."""
        return facts_of(bare(node)) if self.declared else frozenset()


def by_facts(roots: Sequence[Node], declared: bool, mirrored: bool = False) -> list[Node]:
    """`roots`, simplified by what their form says and, if `declared`, by the facts that are declared of symbols.

    `mirrored`: what is symmetric by form alone, too, XᵀX, has one writing, as people want it.
    """
    below = topological(roots)
    if not mirrored and not any(n.op in TELLING for n in below) and not (declared and any_declared(below)):
        return list(roots)
    facts = Facts(declared)
    return transform(roots, lambda n, operands: with_facts(rebuild(n, operands), facts), {})


def with_facts(node: Node, facts: Facts) -> Node:
    """One node whose operands are simplified already."""
    if node.op in ops.PRODUCTS:
        return _product(node, facts)
    if node.op is ops.ELEMENTWISE and facts.declared:
        return _function(node, facts)
    if node.op in (ops.INVERSE, ops.SOLVE, ops.LOGDET) and _orthogonal(node.operands[0], facts):
        q = node.operands[0]
        if node.op is ops.LOGDET:
            return literal(0, node.shape)
        turned = swapped(q) if node.op is ops.INVERSE else _turned(q, node.operands[1])
        return _product(turned, facts) if turned.op in ops.PRODUCTS else turned
    return node


def _orthogonal(node: Node, facts: Facts) -> bool:
    """Declared orthogonal, or the transpose of such a matrix."""
    if node.op is ops.VIEW and node.operands and node.shape == node.operands[0].shape:
        (names,), out = node.attrs
        if names in (out, (*out[:-2], out[-1], out[-2])):
            node = node.operands[0]
    return ORTHOGONAL in facts.of(node)


def _turned(q: Node, b: Node) -> Node:
    """Q' B, in the axes of a solve."""
    rank = len(q.shape) - 2
    stack = tuple(range(rank))
    columns = tuple(f"c{i}" for i in range(len(b.shape) - rank - 1))
    return contract([q, b], [(*stack, "k", "i"), (*stack, "k", *columns)], (*stack, "i", *columns))


# products ---------------------------------------------------------------------------------------------------------


def _product(node: Node, facts: Facts) -> Node:
    inputs, out = node.attrs
    operands, labels = list(node.operands), [tuple(names) for names in inputs]
    inlined = _inlined(node, facts)
    if inlined is not None and _whole(*inlined, out, facts) is not None:
        operands, labels = inlined
    sizes = dict(zip(out, node.shape, strict=True))
    for operand, names in zip(operands, labels, strict=True):
        sizes.update(zip(names, operand.shape, strict=True))
    changed = _unpadded(operands, labels, out, sizes)
    while (found := _whole(operands, labels, out, facts)) is not None:
        operands, labels, gone = found
        sizes = {label: size for label, size in sizes.items() if label not in gone}
        changed = True
    for i, (operand, names) in enumerate(zip(operands, labels, strict=True)):
        if len(names) > 1 and names[-2] > names[-1] and symmetric(operand, facts):
            labels[i] = (*names[:-2], names[-1], names[-2])
            changed = True
    if node.op is ops.VIEW and operands and _repeats(facts.of(operands[0]), labels[0], out):
        return operands[0]
    return contract(operands, labels, out, sizes) if changed else node


def _unpadded(operands: list[Node], labels: Sequence[tuple[Any, ...]], out: Sequence[Any], sizes: dict[Any, Any]) -> bool:
    """Zeros that are only summed go: the sum of pad(x) is that of x. Tells whether there were any."""
    every, changed = [*out, *(x for names in labels for x in names)], False
    for i, (operand, names) in enumerate(zip(operands, labels, strict=True)):
        if operand.op is not ops.PAD:
            continue
        inner, (spec,) = operand.operands[0], operand.attrs
        alone = [every.count(x) == 1 for x in names]
        if not any(one and place != (0, 1) or one and a != b for one, place, a, b in zip(
                alone, spec, operand.shape, inner.shape, strict=True)):
            continue
        places = [(0, 1) if one else place for one, place in zip(alone, spec, strict=True)]
        shape = tuple(inner.shape[a] if one else operand.shape[a] for a, one in enumerate(alone))
        operands[i] = pad(inner, [start for start, _ in places], [step for _, step in places], shape)
        sizes.update(zip(names, shape, strict=True))
        changed = True
    return changed


def _inlined(node: Node, facts: Facts) -> tuple[list[Node], list[tuple[Any, ...]]] | None:
    """The factors, with those of products inside, if some may meet their like there: Q (Q' x)."""
    inner = [o for o in node.operands if o.op is ops.EINSUM]
    every = [*node.operands, *(o for product in inner for o in product.operands)]
    if not facts.declared or not inner or not any(_orthogonal(o, facts) or row_of(o, "sign") for o in every):
        return None
    operands: list[Node] = []
    labels: list[tuple[Any, ...]] = []
    for i, (operand, names) in enumerate(zip(node.operands, node.attrs[0], strict=True)):
        if operand.op is not ops.EINSUM:
            operands.append(operand)
            labels.append(tuple(names))
            continue
        known = dict(zip(operand.attrs[1], names, strict=True))
        operands += operand.operands
        labels += [tuple(known.get(x, 1000 * (i + 1) + x) for x in each) for each in operand.attrs[0]]
    return operands, labels


Factors = tuple[list[Node], list[tuple[Any, ...]], tuple[Any, ...]]  # with the labels that are summed no more


def _whole(operands: list[Node], labels: list[tuple[Any, ...]], out: Sequence[Any],
           facts: Facts) -> Factors | None:
    """The factors without a pair Q'Q (the identity instead), a simplex that is summed (one), x sign(x) (x)."""
    count: dict[Any, int] = dict.fromkeys(out, 2)  # a label of the result is not summed
    for names in labels:
        for x in names:
            count[x] = count.get(x, 0) + 1
    for i, (operand, names) in enumerate(zip(operands, labels, strict=True)):
        axes = unit_axes(operand, facts)
        if axes and all(count[names[axis]] == 1 for axis in axes):
            return [*operands[:i], *operands[i + 1:]], [*labels[:i], *labels[i + 1:]], tuple(names[a] for a in axes)
        x = row_of(operand, "sign")
        if x is not None and (x, names) in zip(operands, labels, strict=True) and nonnegative(x, facts):
            return [*operands[:i], *operands[i + 1:]], [*labels[:i], *labels[i + 1:]], ()
        if ORTHOGONAL not in facts.of(operand):
            continue
        for j in range(i + 1, len(operands)):
            if operands[j] is not operand or names[:-2] != labels[j][:-2]:
                continue
            for one, other in ((-2, -1), (-1, -2)):
                if names[one] == labels[j][one] and count[names[one]] == 2 and names[other] != names[one]:
                    ends = (names[other], labels[j][other])
                    unit = contract([], [], (0, 0), {0: operand.shape[-1]})
                    rest = [k for k in range(len(operands)) if k not in (i, j)]
                    return [*(operands[k] for k in rest), unit], [*(labels[k] for k in rest), ends], (names[one],)
    return None


def unit_axes(node: Node, facts: Facts) -> tuple[int, ...]:
    """The axes over which the entries of a node sum to one."""
    node = bare(node)
    if node.op is ops.SOFTMAX:
        axes: tuple[int, ...] = node.attrs[0]
        return axes
    return (len(node.shape) - 1,) if SIMPLEX in facts.of(node) else ()


def _repeats(declared: frozenset[str], names: tuple[Any, ...], out: tuple[Any, ...]) -> bool:
    """Is a view diag(diag(A)) of a diagonal matrix?"""
    return DIAGONAL in declared and names == out and len(names) > 1 and names[-2] == names[-1]


def symmetric(node: Node, facts: Facts) -> bool:
    """Symmetric in the last two axes: declared, or by form."""
    return parity(node, lambda n: SYMMETRIC in facts.of(n), facts.parities) == 1


# scalar functions -------------------------------------------------------------------------------------------------


def _function(node: Node, facts: Facts) -> Node:
    row, x = node.attrs[0], node.operands[0]
    if row in ("abs", "relu") and nonnegative(x, facts):
        return x
    if row == "maximum":
        for a, b in (node.operands, node.operands[::-1]):
            value = literal_value(b)
            if value is not None and value.number == 0 and nonnegative(a, facts):
                return a
    if row == "sqrt" and (root := _root(x, facts)) is not None:
        return root
    if row == "where" and LOWER_TRIANGULAR in facts.of(node.operands[1]) and _is_lower(node):
        return node.operands[1]
    return node


def nonnegative(node: Node, facts: Facts) -> bool:
    """Declared so, or by form."""
    stack = [bare(node)]
    while stack:
        n = stack.pop()
        if NONNEGATIVE in facts.of(n) or n.dtype == BOOLEAN or positive(n):
            continue
        if n.op in (ops.VIEW, ops.SLICE, ops.GATHER, ops.RESHAPE, ops.NAMED):
            stack += n.operands[:1]
        elif n.op is ops.EINSUM and not _is_square(n):
            stack += n.operands
        elif not (n.op is ops.EINSUM or row_of(n, "abs") or row_of(n, "relu") or row_of(n, "sqrt")):
            return False
    return True


def _is_square(node: Node) -> bool:
    inputs = node.attrs[0]
    return len(node.operands) == 2 and node.operands[0] is node.operands[1] and inputs[0] == inputs[1]


def _root(x: Node, facts: Facts) -> Node | None:
    """x where this is x * x, entry by entry, and x is not negative."""
    x = bare(x)
    if x.op is ops.EINSUM and _is_square(x) and x.attrs[0][0] == x.attrs[1] and nonnegative(x.operands[0], facts):
        return x.operands[0]
    return None


def _is_lower(node: Node) -> bool:
    """Does this `where` choose the entries on and below the diagonal, zeros elsewhere?"""
    condition, _, other = node.operands
    value = literal_value(other)
    order = {"greater_equal": (0, 1), "less_equal": (1, 0)}  # row >= column
    if value is None or value.number != 0 or condition.op is not ops.ELEMENTWISE or condition.attrs[0] not in order:
        return False
    for side, axis in zip(condition.operands, order[condition.attrs[0]], strict=True):
        if side.op is not ops.VIEW or not side.operands or side.operands[0].op is not ops.IOTA:
            return False
        (names,), out = side.attrs
        if out[axis] != names[0]:
            return False
    return True
