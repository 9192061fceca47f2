"""Functions that have a name, however they were written: exp(z)/∑ exp(z) is softmax(z), log ∑ exp(z) is logsumexp(z).

A pure function graph -> graph, before a formula is differentiated to be read. Only what a reader knows by name is
recognised, through display names too; what is rewritten so that it computes well stays in `rewrites/`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from symgrad.graphs import ops
from symgrad.graphs.algebra.axes import counts_along
from symgrad.graphs.algebra.einsum import broadcast, contract, literal, scale
from symgrad.graphs.algebra.flattening import joined
from symgrad.graphs.algebra.primitives import add, elementwise, reduction, softmax
from symgrad.graphs.node import Node, transform
from symgrad.graphs.rewrites.patterns import bare, exponential_sum, is_positive, one_plus_exp, row_of, scaled, shifted
from symgrad.graphs.rewrites.roots import power_of_size
from symgrad.graphs.table import rebuild
from symgrad.graphs.textbook.exponentials import hyperbolic, less_one, ratio
from symgrad.graphs.textbook.rectified import rectified
from symgrad.graphs.weights import MINUS, ONE, Weight, inverse, times

MOST = 8  # factors of a product in a quotient
Labels = tuple[int, ...]
TERMS = 24  # of a sum in which like terms are looked for


def recognised(roots: Sequence[Node], keep: Collection[Node] = ()) -> list[Node]:
    """`roots` with their functions by name; nodes in `keep` stay as they are."""
    return transform(roots, lambda node, operands: _known(rebuild(node, operands)), {node: node for node in keep})


def _known(node: Node) -> Node:
    if node.op is ops.ADD and len(node.operands) == 1 and node.operands[0].op is ops.ADD:
        return scale(_known(node.operands[0]), node.attrs[0][0])  # 2 (u + |u|)
    node = rectified(node)
    if node.op is ops.EINSUM:
        node = power_of_size(node)
        return _quotient(node) if node.op is ops.EINSUM else node
    if node.op is ops.ELEMENTWISE and node.attrs[0] == "power":
        return power_of_size(node)
    if node.op is ops.ELEMENTWISE and node.attrs[0] == "reciprocal":
        w = one_plus_exp(node.operands[0])
        return elementwise("sigmoid", [scale(w, MINUS)]) if w is not None else _unscaled(node)
    if node.op is ops.ELEMENTWISE and node.attrs[0] == "log":
        return _logarithm(node)
    if node.op is ops.ELEMENTWISE and node.attrs[0] == "log1p":
        z = row_of(node.operands[0], "exp")
        return node if z is None else elementwise("softplus", [z])
    if node.op in (ops.SOFTMAX, ops.LOGSUMEXP):
        return shifted(node)
    if node.op is ops.ADD:
        node = _collected(node)
        return hyperbolic(node) if node.op is ops.ADD and len(node.operands) > 1 else node
    if node.op in (ops.GATHER, ops.SLICE):
        return _picked(node)
    return node


def _unscaled(node: Node) -> Node:
    """1/(2 cosh(u)) is 1/2 times 1/cosh(u)."""
    by, inner = scaled(node.operands[0])
    return scale(elementwise("reciprocal", [inner]), inverse(by)) if row_of(inner, "cosh") is not None else node


def _collected(node: Node) -> Node:
    """A sum with the sums in it taken apart, where terms meet: z - m - (logsumexp(z) - m)."""
    if len(node.operands) < 2 or not any(o.op is ops.ADD and len(o.operands) > 1 for o in node.operands):
        return node
    if not _is_short(node):
        return node
    flat = joined(list(zip(node.operands, node.attrs[0], strict=True)))
    before = sum(max(len(o.operands), 1) if o.op is ops.ADD else 1 for o in node.operands)
    return flat if (len(flat.operands) if flat.op is ops.ADD else 1) < before else node


def _is_short(node: Node) -> bool:
    """Are the sums in a sum of few terms together?"""
    stack, terms = [node], 0
    while stack and terms + len(stack) <= TERMS:
        each = stack.pop()
        if each.op is ops.ADD:
            stack += each.operands
        else:
            terms += 1
    return not stack


def _picked(node: Node) -> Node:
    """Entries of a sum with a term that is the same wherever they are picked: (z - m)_t is z_t - m."""
    body, *indices = node.operands
    if body.op is not ops.ADD or len(body.operands) < 2:
        return node
    if node.op is ops.GATHER:
        axes = {a for a, index in zip(node.attrs[0], indices, strict=True) if counts_along(index) is None}
    else:
        axes = {a for a, (n, whole) in enumerate(zip(node.shape, body.shape, strict=True)) if n != whole}
    if not any(_constant_along(o, axes) for o in body.operands):
        return node
    return joined([(rebuild(node, (o, *indices)), by) for o, by in zip(body.operands, body.attrs[0], strict=True)])


def _constant_along(node: Node, axes: Collection[int]) -> bool:
    if node.op is not ops.VIEW:
        return False
    held = set(node.attrs[0][0]) if node.operands else set()
    return bool(axes) and all(node.attrs[1][a] not in held for a in axes)


def _quotient(node: Node) -> Node:
    """exp(z)/∑ exp(z), exp(z) σ(-z), sinh(z)/cosh(z)."""
    operands, labels = _inlined(node)
    out = node.attrs[1]
    by = ONE
    before = len(operands)
    found = _pair(operands, labels)
    while found is not None:
        i, j, made, weight = found
        operands[j], by = made, times(by, weight)
        del operands[i], labels[i]
        found = _pair(operands, labels)
    if len(operands) == before:
        return node
    return scale(contract(operands, labels, out, dict(zip(out, node.shape, strict=True))), by)


def _inlined(node: Node) -> tuple[list[Node], list[Labels]]:
    """The factors of a product with their axes; beside a divisor also those of products inside that sum nothing."""
    operands: list[Node] = []
    labels: list[Labels] = []
    divided = any(row_of(o, "reciprocal") is not None or row_of(o, "sigmoid") is not None for o in node.operands)
    for operand, names in zip(node.operands, node.attrs[0], strict=True):
        inner = operand.attrs[0] if operand.op is ops.EINSUM else ()
        if not divided or not inner or {x for each in inner for x in each} != set(operand.attrs[1]) or len(inner) > MOST:
            operands.append(operand)
            labels.append(tuple(names))
            continue
        place = dict(zip(operand.attrs[1], names, strict=True))
        operands += operand.operands
        labels += [tuple(place[x] for x in each) for each in inner]
    return operands, labels


def _pair(operands: Sequence[Node], labels: Sequence[tuple[int, ...]]) -> tuple[int, int, Node, Weight] | None:
    """Two factors that are one function: the place of the divisor, of the numerator, the function, its weight."""
    for i, divisor in enumerate(operands):
        below = row_of(divisor, "reciprocal")
        mine = labels[i]
        if below is not None and 1 in below.shape:  # of a sum that has a name and kept its axis
            mine = tuple(x for x, size in zip(mine, below.shape, strict=True) if size != 1)
            below = contract([bare(below)], [labels[i]], mine)
        total = None if below is None else exponential_sum(below)
        target = row_of(divisor, "sigmoid")
        for j, numerator in enumerate(operands):
            if i == j:
                continue
            z = row_of(numerator, "exp")
            if labels[i] == labels[j]:
                found = less_one(numerator, divisor) if below is None else ratio(numerator, below)
                if found is not None:
                    return i, j, *found
            if z is None:
                continue
            if total is not None and total[0] is z and mine == tuple(
                    x for a, x in enumerate(labels[j]) if a not in total[1]):
                return i, j, softmax(z, total[1]), inverse(total[2])
            if target is scale(z, MINUS) and labels[i] == labels[j]:
                return i, j, elementwise("sigmoid", [z]), ONE
    return None


def _logarithm(node: Node) -> Node:
    """log ∑ exp(z), log softmax(z), log(1 + exp(z)), log exp(z); also of entries of these."""
    known = _log_of(node.operands[0])
    return node if known is None else known


def _log_of(inner: Node) -> Node | None:
    inner = bare(inner)
    if (z := one_plus_exp(inner)) is not None:
        return elementwise("softplus", [z])
    if (z := row_of(inner, "exp")) is not None:
        return z
    by, cosine = scaled(inner)
    if (z := row_of(cosine, "cosh")) is not None and is_positive(by):
        return joined([(elementwise("log_cosh", [z]), ONE), (elementwise("log", [literal(by, z.shape)]), ONE)])
    if inner.op is ops.SOFTMAX:
        scores, axes = inner.operands[0], inner.attrs[0]
        kept = tuple(i for i in range(len(inner.shape)) if i not in axes)
        norm = broadcast(shifted(reduction(ops.LOGSUMEXP, scores, axes)), kept, inner.shape)
        return add([scores, norm], [ONE, MINUS])
    total = exponential_sum(inner)
    if total is not None and is_positive(total[2]):
        whole = shifted(reduction(ops.LOGSUMEXP, total[0], total[1]))
        return whole if total[2] == ONE else add([whole, elementwise("log", [literal(total[2], whole.shape)])])
    if inner.op in (ops.SLICE, ops.GATHER, ops.RESHAPE) or _is_one_entry(inner):
        known = _log_of(inner.operands[0])
        return None if known is None else rebuild(inner, (known, *inner.operands[1:]))
    return None


def _is_one_entry(node: Node) -> bool:
    """A sum over axes of one entry each."""
    if node.op is not ops.EINSUM or len(node.operands) != 1:
        return False
    (names,), out = node.attrs
    return all(n == 1 for x, n in zip(names, node.operands[0].shape, strict=True) if x not in out)
