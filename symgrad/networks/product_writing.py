"""Products and views in operators of ONNX: matrix products where they can be, else `Einsum`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.codegen.lowering.order import pairs
from symgrad.graphs.node import BOOLEAN, INTEGER, Node
from symgrad.graphs.sizes import Size
from symgrad.networks.building import Made, OnnxGraph

Get = Callable[[Node], Made]  # the value of an operand, which broadcasts to its shape
Labelled = tuple[Made, tuple[Any, ...]]


def full_value(g: OnnxGraph, get: Get, node: Node, kind: str | None = None) -> Made:
    """The value of a node at its full shape, in its kind or another."""
    return g.filled(g.cast(get(node), kind or node.dtype), node.shape)


def counts(g: OnnxGraph, size: Size) -> Made:
    """0, 1, 2, ... up to a size."""
    if isinstance(size, int):
        return g.array(np.arange(size))
    limit = g.op("Squeeze", [g.size(size), g.ints([0])])
    zero, one = (g.array(np.asarray(value, np.int64)).name for value in (0, 1))
    return Made(g.op("Range", [zero, limit, one]), (size,), INTEGER)


def written_product(g: OnnxGraph, node: Node, get: Get) -> Made:
    """A product, pair by pair in a good order, and its sums."""
    inputs, out = node.attrs
    sizes = {label: size for o, labels in zip(node.operands, inputs, strict=True)
             for label, size in zip(labels, o.shape, strict=True)}
    if 0 in sizes.values():  # of nothing
        return g.filled(g.number(0, node.dtype), node.shape)
    terms: list[Labelled] = []
    kind = INTEGER if node.dtype == BOOLEAN else node.dtype
    for operand, labels in zip(node.operands, inputs, strict=True):
        value, kept = _diagonal(g, full_value(g, get, operand, kind), labels)
        terms.append((value, kept))
    held = [label for _, labels in terms for label in labels]
    terms = [_summed(g, value, labels, [x for x in labels if x not in out and held.count(x) == 1])
             for value, labels in terms]
    for i, j in pairs([labels for _, labels in terms], out, sizes) if len(terms) > 1 else ():
        rest = {label for k, (_, labels) in enumerate(terms) if k not in (i, j) and labels is not None for label in labels}
        one, two = _in_order(terms[i], terms[j], out)
        joint = _product(g, one, two, rest | set(out))
        terms[i] = terms[j] = (terms[i][0], ())
        terms.append(joint)
    value, labels = terms[-1]
    value, labels = _summed(g, value, labels, [x for x in labels if x not in out])
    return g.cast(g.transposed(value, [labels.index(x) for x in out]), node.dtype)


def _diagonal(g: OnnxGraph, value: Made, labels: Sequence[Any]) -> Labelled:
    """Repeated labels as one: the entries with equal indices, summed over what else is zero then."""
    names = list(labels)
    for place in reversed(range(len(names))):
        at = names.index(names[place])
        if at != place:
            rank = len(names)
            sides = [g.unsqueezed(counts(g, value.shape[p]), [i for i in range(rank) if i != p]) for p in (at, place)]
            same = g.entrywise("Equal", sides, BOOLEAN)
            kept = g.entrywise("Where", [same, value, g.number(0, value.kind)], value.kind)
            shape = (*value.shape[:place], *value.shape[place + 1:])
            value = Made(g.op("ReduceSum", [kept.name, g.ints([place])], keepdims=0), shape, value.kind)
            del names[place]
    return value, tuple(names)


def _summed(g: OnnxGraph, value: Made, labels: tuple[Any, ...], away: Sequence[Any]) -> Labelled:
    if not away:
        return value, labels
    axes = [i for i, label in enumerate(labels) if label in away]
    name = g.op("ReduceSum", [value.name, g.ints(axes)], keepdims=0)
    return (Made(name, tuple(s for i, s in enumerate(value.shape) if i not in axes), value.kind),
            tuple(label for label in labels if label not in away))


def _product(g: OnnxGraph, one: Labelled, two: Labelled, wanted: set[Any]) -> Labelled:
    """The product of two, summed over the labels that nothing else wants."""
    (a, first), (b, second) = one, two
    summed = [x for x in first if x in second and x not in wanted]
    if not summed:
        out = (*first, *(x for x in second if x not in first))
        return g.entrywise("Mul", [_among(g, one, out), _among(g, two, out)], a.kind), out
    batch = [x for x in first if x in second and x in wanted]
    left = [x for x in first if x not in second]
    right = [x for x in second if x not in first]
    out = (*batch, *left, *right)
    sizes = dict(zip((*first, *second), (*a.shape, *b.shape), strict=True))
    shape = tuple(sizes[x] for x in out)
    if len(summed) == 1 and len(left) < 2 and len(right) < 2:
        made_a = _laid(g, a, first, [*batch, *left, *summed], not left, -2)
        made_b = _laid(g, b, second, [*batch, *summed, *right], not right, -1)
        name = g.op("MatMul", [made_a.name, made_b.name])
        gone = ([] if left else [-2]) + ([] if right else [-1])
        if gone:
            name = g.op("Squeeze", [name, g.ints(gone)])
        return Made(name, shape, a.kind), out
    letters = {label: chr(97 + i) for i, label in enumerate(dict.fromkeys((*first, *second)))}
    texts = ["".join(letters[x] for x in names) for names in (first, second, out)]
    return Made(g.op("Einsum", [a.name, b.name], equation=f"{texts[0]},{texts[1]}->{texts[2]}"), shape, a.kind), out


def _in_order(one: Labelled, two: Labelled, out: Sequence[Any]) -> tuple[Labelled, Labelled]:
    """The factors so that the axes of their product come as they are wanted: x Wᵀ, and not (W xᵀ)ᵀ."""
    firsts = [min((out.index(x) for x in mine if x in out and x not in other), default=-1)
              for (_, mine), (_, other) in ((one, two), (two, one))]
    return (two, one) if firsts[1] < firsts[0] and firsts[1] >= 0 else (one, two)


def _among(g: OnnxGraph, term: Labelled, out: Sequence[Any]) -> Made:
    """Axes in the order of `out`, with one entry along those that it has not."""
    value, labels = term
    laid = g.transposed(value, sorted(range(len(labels)), key=lambda i: out.index(labels[i])))
    return g.unsqueezed(laid, [i for i, label in enumerate(out) if label not in labels])


def _laid(g: OnnxGraph, value: Made, labels: Sequence[Any], order: Sequence[Any], alone: bool, place: int) -> Made:
    """Axes in this order; with an axis of one entry where a vector meets a matrix."""
    laid = g.transposed(value, [list(labels).index(x) for x in order])
    return g.unsqueezed(laid, [len(order) if place == -1 else len(order) - 1]) if alone else laid


def written_view(g: OnnxGraph, node: Node, get: Get) -> Made:
    """Axes of an operand laid anew: broadcast, transposed, a diagonal, or on a diagonal among zeros."""
    inputs, out = node.attrs
    if node.operands:
        operand = node.operands[0]
        base = get(operand)
        if len(set(inputs[0])) < len(inputs[0]):
            base, labels = _diagonal(g, full_value(g, get, operand), inputs[0])
        else:
            base = g.unsqueezed(base, range(len(operand.shape) - len(base.shape)))
            labels = tuple(inputs[0])
    else:
        base, labels = g.number(1), ()
    if node.dtype != base.kind:
        base = g.cast(base, node.dtype)
    kept = list(dict.fromkeys(out))
    order = sorted(range(len(labels)), key=lambda i: out.index(labels[i]))
    base = g.transposed(base, order)
    names = [labels[i] for i in order]
    first = [list(out).index(x) for x in names]
    front = min(first, default=len(out)) if len(kept) == len(out) else 0  # axes in front broadcast by themselves
    base = g.unsqueezed(base, [i - front for i in range(front, len(out)) if i not in first])
    if len(kept) == len(out):
        return base
    for place, label in enumerate(out):
        at = list(out).index(label)
        if at != place:
            sides = [g.unsqueezed(counts(g, node.shape[p]), [i for i in range(len(out)) if i != p]) for p in (at, place)]
            same = g.entrywise("Equal", sides, BOOLEAN)
            base = g.entrywise("Where", [same, base, g.number(0, base.kind)], base.kind)
    return base
