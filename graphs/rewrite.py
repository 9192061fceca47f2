"""Stabilising rewrites, before differentiation: raw formulas become their safe forms.

`stabilise` is a pure function graph -> graph with the same meaning on the real numbers. What holds
afterwards: no exponential is divided by the sum of exponentials it belongs to (softmax), no logarithm is
taken of such a sum (logsumexp), of 1 + exp(z) (softplus), of a softmax, a sigmoid or 1 - sigmoid; so that
values, gradients and Hessians at logits of 1000 are finite and right when they are asked for together.
Rules look through display names. Derivatives of a stable graph are stable: they are marked `settled` and
not searched again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from weakref import WeakKeyDictionary, WeakSet, ref

from symgrad.graphs.einsum import contract, literal_value, scale
from symgrad.graphs.node import Node, Symbol, transform
from symgrad.graphs.primitives import add, elementwise, input_node, rebuild, reduction, reshape, softmax
from symgrad.graphs.weights import MINUS, ONE, Weight, inverse, times

settled: WeakSet[Node] = WeakSet()
_known: WeakKeyDictionary[Node, ref[Node]] = WeakKeyDictionary()
OPAQUE = -1000  # owners from here downwards: stand-ins for kept nodes, which never survive `stabilise`
POSITIVE = ("exp", "sigmoid", "softplus", "cosh")


def stabilise(roots: Sequence[Node], keep: Collection[Node] = ()) -> list[Node]:
    """The graph in stable forms; nodes in `keep` (variables asked for) stay as they are, and opaque."""
    known = [] if keep else [_known[root]() for root in roots if root in _known]
    if len(known) == len(roots) and None not in known:
        return [node for node in known if node is not None]
    kept = {node: _opaque(node, i) for i, node in enumerate(dict.fromkeys(keep))}
    memo = dict(kept)
    for node in _settled_below(roots):
        memo.setdefault(node, node)
    results = transform(roots, lambda node, operands: _stable(rebuild(node, operands)), memo)
    if keep:
        return transform(results, rebuild, {stand_in: node for node, stand_in in kept.items()})
    for root, result in zip(roots, results, strict=True):
        _known[root] = _known[result] = ref(result)
    return results


def _opaque(node: Node, number: int) -> Node:
    """A symbol in the place of a kept node: no rule looks inside."""
    return input_node(Symbol("data", "kept", owner=OPAQUE - number), node.shape, node.dtype)


def _settled_below(roots: Sequence[Node]) -> list[Node]:
    found, stack, seen = [], list(roots), set(roots)
    while stack:
        node = stack.pop()
        if node in settled:
            found.append(node)
            continue
        for operand in node.operands:
            if operand not in seen:
                seen.add(operand)
                stack.append(operand)
    return found


def _stable(node: Node) -> Node:
    if node.op == "einsum":
        return _product(node)
    if node.op == "elementwise":
        if node.attrs[0] == "log":
            return _log(node)
        if node.attrs[0] == "log1p" and (z := _row(node.operands[0], "exp")) is not None:
            return elementwise("softplus", [z])
        if node.attrs[0] == "reciprocal":
            return _reciprocal(node)
        return node
    if node.op == "reshape" and node.operands[0].op == "reshape":
        return reshape(node.operands[0].operands[0], node.shape)
    if node.op == "add":
        return _sum(node)
    if node.op in ("softmax", "logsumexp"):
        return _shifted(node)
    return node


def bare(node: Node) -> Node:
    """`node` without display names."""
    while node.op == "named":
        node = node.operands[0]
    return node


def _row(node: Node, row: str) -> Node | None:
    node = bare(node)
    return node.operands[0] if node.op == "elementwise" and node.attrs[0] == row else None


def _scaled(node: Node) -> tuple[Weight, Node]:
    node = bare(node)
    if node.op == "add" and len(node.operands) == 1:
        return node.attrs[0][0], bare(node.operands[0])
    return ONE, node


def _exponential_sum(node: Node) -> tuple[Node, tuple[int, ...], Weight] | None:
    """`node` as weight * sum over axes of exp(z): (z, axes, weight)."""
    by, node = _scaled(node)
    if node.op != "einsum" or len(node.operands) != 1:
        return None
    z = _row(node.operands[0], "exp")
    (labels,), out = node.attrs
    if z is None or len(set(labels)) != len(labels) or [x for x in labels if x in out] != list(out):
        return None
    return z, tuple(i for i, label in enumerate(labels) if label not in out), by


def _product(node: Node) -> Node:
    """exp(z) / sum exp(z) -> softmax(z); exp(z) sigmoid(-z) -> sigmoid(z)."""
    operands, (inputs, out) = list(node.operands), node.attrs
    labels = [tuple(names) for names in inputs]
    changed, by = True, ONE
    while changed:
        changed = False
        for i, divisor in enumerate(operands):
            total = _row(divisor, "reciprocal")
            found = _exponential_sum(total) if total is not None else None
            target = _row(divisor, "sigmoid")
            for j, numerator in enumerate(operands):
                z = _row(numerator, "exp")
                if i == j or z is None:
                    continue
                if found is not None and found[0] is z and labels[i] == tuple(
                        x for a, x in enumerate(labels[j]) if a not in found[1]):
                    operands[j] = softmax(z, found[1])
                    by = times(by, inverse(found[2]))
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
    w = _one_plus_exp(node.operands[0])
    if w is None:
        return _row(node.operands[0], "reciprocal") or node
    return elementwise("sigmoid", [scale(w, MINUS)])


def _one_plus_exp(node: Node) -> Node | None:
    """z where `node` is 1 + exp(z)."""
    node = bare(node)
    if node.op != "add" or len(node.operands) != 2 or node.attrs[0] != (ONE, ONE):
        return None
    a, b = node.operands
    for one, other in ((a, b), (b, a)):
        if literal_value(one) == ONE and (z := _row(other, "exp")) is not None:
            return z
    return None


def _sum(node: Node) -> Node:
    """1 - sigmoid(z) -> sigmoid(-z)."""
    if len(node.operands) == 2:
        for (p, q), (a, b) in ((node.attrs[0], node.operands), (node.attrs[0][::-1], node.operands[::-1])):
            z = _row(b, "sigmoid")
            if p == ONE and q == MINUS and z is not None and literal_value(a) == ONE:
                return elementwise("sigmoid", [scale(z, MINUS)])
    return node


def _shifted(node: Node) -> Node:
    """softmax(z + c) -> softmax(z), logsumexp(z + c) -> logsumexp(z) + c, for c constant along the axes."""
    inner, axes = bare(node.operands[0]), node.attrs[0]
    if inner.op != "add" or len(inner.operands) < 2:
        return node
    kept: list[tuple[Weight, Node]] = []
    moved: list[tuple[Weight, Node]] = []
    for by, term in zip(inner.attrs[0], inner.operands, strict=True):
        (moved if _constant_along(term, axes) else kept).append((by, term))
    if not moved or not kept:
        return node
    rest = add([term for _, term in kept], [by for by, _ in kept])
    if node.op == "softmax":
        return softmax(rest, axes)
    labels = range(len(inner.shape))
    out = [i for i in labels if i not in axes]
    pairs = [(ONE, reduction("logsumexp", rest, axes))]
    pairs += [(by, _without(term, axes, out)) for by, term in moved]
    return add([term for _, term in pairs], [by for by, _ in pairs])


def _constant_along(node: Node, axes: Sequence[int]) -> bool:
    """Is `node` a view that repeats its entries along all of `axes`?"""
    if node.op != "view":
        return False
    held = set(node.attrs[0][0]) if node.operands else set()
    out = node.attrs[1]
    return all(out[a] not in held and out.count(out[a]) == 1 for a in axes)


def _without(node: Node, axes: Sequence[int], out: Sequence[int]) -> Node:
    inputs, labels = node.attrs
    kept = [labels[a] for a in out]
    return contract(node.operands, inputs, kept, {labels[a]: node.shape[a] for a in out})


def _log(node: Node) -> Node:
    """The logarithm of what is positive by form, taken apart; see the module's docstring."""
    argument = node.operands[0]
    by, inner = _scaled(argument)
    if by != ONE and by.number > 0 and (by.factor is None or by.factor.is_positive):
        log = _log_of(inner)
        if log is not None:
            return add([log, _literal_log(by, node)])
        return node
    return _log_of(argument) or node


def _literal_log(by: Weight, node: Node) -> Node:
    return elementwise("log", [scale(_ones_like(node), by)])


def _ones_like(node: Node) -> Node:
    labels = range(len(node.shape))
    return contract([], [], labels, dict(zip(labels, node.shape, strict=True)))


def _log_of(argument: Node) -> Node | None:
    """The stable logarithm of `argument`, or None where its form says nothing."""
    inner = bare(argument)
    labels = tuple(range(len(inner.shape)))
    if inner.op == "softmax":
        scores, axes = inner.operands[0], inner.attrs[0]
        kept = tuple(i for i in labels if i not in axes)
        norm = contract([reduction("logsumexp", scores, axes)], [kept], labels, dict(enumerate(inner.shape)))
        return add([scores, norm], [ONE, MINUS])
    found = _exponential_sum(inner)
    if found is not None and found[2] == ONE:
        return _shifted(reduction("logsumexp", found[0], found[1]))
    if (z := _row(inner, "exp")) is not None:
        return z
    if (z := _row(inner, "sigmoid")) is not None:
        return scale(elementwise("softplus", [scale(z, MINUS)]), MINUS)
    if (z := _one_plus_exp(inner)) is not None:
        return elementwise("softplus", [z])
    if (z := _row(inner, "reciprocal")) is not None and (log := _log_of(z)) is not None:
        return scale(log, MINUS)
    if inner.op in ("view", "gather", "slice", "reshape", "concat") or _squeezes(inner):
        return _log_inside(inner)
    return _log_product(inner)


def _squeezes(node: Node) -> bool:
    """Is `node` the sum of one operand over axes of size 1?"""
    if node.op != "einsum" or len(node.operands) != 1:
        return False
    (labels,), out = node.attrs
    sizes = zip(labels, node.operands[0].shape, strict=True)
    return len(set(labels)) == len(labels) and all(size == 1 for label, size in sizes if label not in out)


def _log_inside(inner: Node) -> Node | None:
    """log of picked or rearranged entries is the picked or rearranged log (no deltas: log 0)."""
    if inner.op == "view" and len(set(inner.attrs[1])) != len(inner.attrs[1]) or not inner.operands:
        return None
    tensors = inner.operands if inner.op == "concat" else inner.operands[:1]
    logs = [_log_of(operand) for operand in tensors]
    if any(log is None for log in logs):
        return None
    operands: list[Any] = [*logs, *inner.operands[len(logs):]]
    return rebuild(inner, tuple(operands))


def _log_product(inner: Node) -> Node | None:
    """log(a b) -> log a + log b, for an entrywise product of factors that are positive by form."""
    if inner.op != "einsum" or len(inner.operands) < 2:
        return None
    inputs, out = inner.attrs
    if any(set(names) - set(out) or len(set(names)) != len(names) for names in inputs):
        return None
    if not all(_positive(operand) for operand in inner.operands):
        return None
    sizes = dict(zip(out, inner.shape, strict=True))
    terms = []
    for operand, names in zip(inner.operands, inputs, strict=True):
        log = _log_of(operand)
        terms.append(contract([log or elementwise("log", [operand])], [names], out, sizes))
    return add(terms)


def _positive(node: Node) -> bool:
    """Positive by form: exponentials, softmax, sigmoid, and sums, products and reciprocals of such."""
    stack, seen = [node], 0
    while stack:
        node = bare(stack.pop())
        seen += 1
        if seen > 64:
            return False
        value = literal_value(node)
        if value is not None:
            if not (value.number > 0 and (value.factor is None or value.factor.is_positive)):
                return False
        elif node.op == "elementwise":
            row = node.attrs[0]
            if row == "reciprocal":
                stack.append(node.operands[0])
            elif row not in POSITIVE:
                return False
        elif node.op in ("einsum", "slice", "reshape", "gather"):
            stack.extend(node.operands if node.op == "einsum" else node.operands[:1])
        elif node.op == "view" and len(set(node.attrs[1])) == len(node.attrs[1]):
            stack.extend(node.operands)
        elif node.op == "add" and node.operands and all(
                by.number > 0 and (by.factor is None or by.factor.is_positive) for by in node.attrs[0]):
            stack.extend(node.operands)
        elif node.op != "softmax":
            return False
    return True
