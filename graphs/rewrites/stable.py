"""Stabilising rewrites, before differentiation: raw formulas become their safe forms.

`stabilise` is a pure function graph -> graph with the same meaning on the real numbers. What holds
afterwards: no exponential is divided by the sum of exponentials it belongs to (softmax), no logarithm is
taken of such a sum (logsumexp), of 1 + exp(z) (softplus), of a softmax, a sigmoid or 1 - sigmoid, of a product
or sum of such with factors of any sign (`logarithms.py`), no quotient of two is left (`quotients.py`), and no root
of a sum of squares is squared; so that values, gradients and Hessians at logits of 1000 are finite and right when
they are asked for together.
Rules look through display names. Derivatives of a stable graph are stable: a caller that knows of them says so
(`settled`), and they are not searched again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from weakref import WeakKeyDictionary, ref

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal, literal_value, scale
from symgrad.graphs.algebra.primitives import add, elementwise, input_node, reshape, softmax
from symgrad.graphs.algebra.recurrence import loop_of, scan
from symgrad.graphs.node import Node, Symbol, transform
from symgrad.graphs.rewrites.differences import reciprocal_of
from symgrad.graphs.rewrites.lifting import lifted
from symgrad.graphs.rewrites.logarithms import log_of, logarithm
from symgrad.graphs.rewrites.patterns import bare, exponential_sum, one_plus_exp, row_of, shifted, sum_of, terms
from symgrad.graphs.rewrites.quotients import inlined, quotient
from symgrad.graphs.rewrites.roots import power_of_root, power_of_size
from symgrad.graphs.table import rebuild
from symgrad.graphs.weights import MINUS, ONE, Weight, inverse, times

_known: WeakKeyDictionary[Node, ref[Node]] = WeakKeyDictionary()  # of graphs of which nothing is kept or settled
TWO = Weight(2)
OPAQUE = -1000  # owners from here downwards: stand-ins for kept nodes, which never survive `stabilise`


def stabilise(roots: Sequence[Node], keep: Collection[Node] = (), settled: Collection[Node] = ()) -> list[Node]:
    """The graph in stable forms. Nodes in `keep` (variables asked for) stay as they are, and opaque.

    Nodes that are `settled` stay as well: they are in stable forms already.
    """
    if not keep and not settled:
        known = [_known[root]() for root in roots if root in _known]
        if len(known) == len(roots) and None not in known:
            return [node for node in known if node is not None]
    kept = {node: _opaque(node, i) for i, node in enumerate(dict.fromkeys(keep))}
    memo = {**{node: node for node in settled}, **kept}
    results = transform(roots, lambda node, operands: _stabilised(node, rebuild(node, operands)), memo)
    if keep:
        return transform(results, rebuild, {stand_in: node for node, stand_in in kept.items()})
    if not settled:
        for root, result in zip(roots, results, strict=True):
            _known[root] = ref(result)
    return results


def _opaque(node: Node, number: int) -> Node:
    """A symbol in the place of a kept node: no rule looks inside."""
    return input_node(Symbol("data", "kept", owner=OPAQUE - number), node.shape, node.dtype)


def _stabilised(node: Node, new: Node) -> Node:
    """`new`, which is `node` with stable operands, in stable form; a product too that got a weight from these."""
    if node.op is ops.EINSUM and new.op is ops.ADD and len(new.operands) == 1:
        return scale(_stable(new.operands[0]), new.attrs[0][0])
    return _stable(new)


def _stable(node: Node) -> Node:
    if node.op is ops.EINSUM or (node.op is ops.ELEMENTWISE and node.attrs[0] == "power"):
        node = power_of_size(node)
        if node.op is ops.ADD and len(node.operands) == 1:  # |2 x|² is 4 x²
            return scale(_stable(node.operands[0]), node.attrs[0][0])
        node = power_of_root(node)
    if node.op is ops.EINSUM:
        return quotient(_product(node))
    if node.op is ops.ELEMENTWISE:
        if node.attrs[0] == "log":
            return logarithm(node)
        if node.attrs[0] == "log1p":
            return log_of(_sum(add([literal(1, node.shape), node.operands[0]]))) or node
        if node.attrs[0] == "reciprocal":
            return _reciprocal(node)
        return node
    if node.op is ops.RESHAPE and node.operands[0].op is ops.RESHAPE:
        return reshape(node.operands[0].operands[0], node.shape)
    if node.op is ops.ADD:
        return _sum(node)
    if node.op in (ops.SOFTMAX, ops.LOGSUMEXP):
        return shifted(node)
    return _recurrence(node) if node.op is ops.SCAN else node


def _recurrence(node: Node) -> Node:
    """A recurrence whose step is in stable form, and computes nothing that all steps can compute at once."""
    loop, what = loop_of(node), node.attrs[1]
    results = [] if isinstance(what, int) else [what]
    stable = stabilise([*loop.body.after, *results], loop.body.symbols)
    inner = loop._replace(body=loop.body._replace(after=tuple(stable[:len(loop.body.after)])))
    return lifted(scan(inner, what if isinstance(what, int) else stable[-1]))


def _product(node: Node) -> Node:
    """exp(z) / sum exp(z) -> softmax(z); exp(z) sigmoid(-z) -> sigmoid(z); sinh(z) / cosh(z) -> tanh(z).

    exp(z) / (exp(z) - 1) -> 1 / (1 - exp(-z))."""
    node = inlined(node)
    if node.op is not ops.EINSUM:
        return node
    operands, (inputs, out) = list(node.operands), node.attrs
    labels = [tuple(names) for names in inputs]
    changed, by = True, ONE
    while changed:
        changed = False
        for i, divisor in enumerate(operands):
            total = row_of(divisor, "reciprocal")
            found = exponential_sum(total) if total is not None else None
            target = row_of(divisor, "sigmoid")
            cosine, below = row_of(divisor, "sech"), row_of(divisor, "bose")
            for j, numerator in enumerate(operands):
                z = row_of(numerator, "exp")
                if i != j and cosine is not None and cosine is row_of(numerator, "sinh") and labels[i] == labels[j]:
                    operands[j] = elementwise("tanh", [cosine])
                elif (angle := row_of(divisor, "csch")) is not None and angle is row_of(numerator, "cosh") and (
                        labels[i] == labels[j] and i != j):
                    operands[j] = elementwise("reciprocal", [elementwise("tanh", [angle])])
                elif i == j or z is None:
                    continue
                elif found is not None and found[0] is z and labels[i] == tuple(
                        x for a, x in enumerate(labels[j]) if a not in found[1]):
                    operands[j] = softmax(z, found[1])
                    by = times(by, inverse(found[2]))
                elif below is z and labels[i] == labels[j]:
                    operands[j] = elementwise("bose", [scale(z, MINUS)])
                    by = times(by, MINUS)
                elif target is scale(z, MINUS) and labels[i] == labels[j]:
                    operands[j] = elementwise("sigmoid", [z])
                else:
                    continue
                del operands[i], labels[i]
                changed = True
                break
            if changed:
                break
    if len(operands) == len(node.operands):
        return node
    operands = [_stable(n) for n in operands]
    return scale(contract(operands, labels, out, dict(zip(out, node.shape, strict=True))), by)


def _reciprocal(node: Node) -> Node:
    """1 / (1 + exp(w)) -> sigmoid(-w), 1 / (1 / z) -> z; 1 / sigmoid and 1 / exp keep their form."""
    w = one_plus_exp(node.operands[0])
    if w is None and (known := reciprocal_of(node.operands[0])) is not None:
        return known
    if w is None:
        return row_of(node.operands[0], "reciprocal") or node
    return elementwise("sigmoid", [scale(w, MINUS)])


def _sum(node: Node) -> Node:
    """1 - sigmoid(z) -> sigmoid(-z), 1 + tanh(z) -> 2 sigmoid(2 z), 1 + expm1(z) -> exp(z); softplus by its parts."""
    if node.op is not ops.ADD:
        return node
    if len(node.operands) == 2:
        for (p, q), (a, b) in ((node.attrs[0], node.operands), (node.attrs[0][::-1], node.operands[::-1])):
            if p != ONE or literal_value(a) != ONE:
                continue
            if q == MINUS and (z := row_of(b, "sigmoid")) is not None:
                return elementwise("sigmoid", [scale(z, MINUS)])
            if q in (ONE, MINUS) and (z := row_of(b, "tanh")) is not None:
                return scale(elementwise("sigmoid", [scale(z, times(q, TWO))]), TWO)
            if q == ONE and (z := row_of(b, "expm1")) is not None:
                return elementwise("exp", [z])
    return _whole_softplus(node)


def _whole_softplus(node: Node) -> Node:
    """max(z, 0) + softplus(-|z|) -> softplus(z): smooth, and so are its derivatives at 0."""
    if not any(row_of(o, "softplus") for o in node.operands):
        return node
    pairs = terms(node)
    for by, tail in pairs:
        bent = row_of(tail, "softplus")
        bent = row_of(scale(bent, MINUS), "abs") if bent is not None else None
        if bent is None:
            continue
        for other, part in pairs:
            if other == by and _positive_part(part) is bent:
                less = [pair for pair in pairs if pair not in ((by, tail), (other, part))]
                return sum_of([*less, (by, elementwise("softplus", [bent]))], node)
    return node


def _positive_part(node: Node) -> Node | None:
    """z where `node` is max(z, 0)."""
    if (z := row_of(node, "relu")) is not None:
        return z
    node = bare(node)
    if node.op is ops.ELEMENTWISE and node.attrs[0] == "maximum":
        a, b = node.operands
        for z, zero in ((a, b), (b, a)):
            value = literal_value(zero)
            if value is not None and value.number == 0:
                return z
    return None
