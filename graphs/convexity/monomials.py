"""A contraction read as constants times bases with exponents, summed over labels: `x * x / y` is x² y⁻¹.

Products, roots, reciprocals and powers among its factors are taken apart, and equal bases meet. An absolute value and the
root of a square are the size of their base; even powers join it.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import count
from typing import Any, NamedTuple

from symgrad.graphs import ops
from symgrad.graphs.convexity.ranges import exponent_of
from symgrad.graphs.facts import SYMMETRIC, facts_of
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Size

MOST_FACTORS = 24
ROOTS_AND_RECIPROCALS = {"sqrt": Fraction(1, 2), "reciprocal": Fraction(-1)}
BaseLabels = tuple[Any, ...]


class Base(NamedTuple):
    """A factor: a node with named axes, or (`size`) its absolute value."""

    node: Node
    labels: BaseLabels
    size: bool = False


class Monomials(NamedTuple):
    """A contraction: bases with exponents, the labels of its output, the sizes of all labels."""

    bases: dict[Base, Fraction]
    out: BaseLabels
    sizes: dict[Any, Size]


def factors_of(node: Node, deep: bool = False) -> Monomials:
    """A contraction by its factors; products, roots, reciprocals and whole powers among them taken apart.

    `deep`: contractions among them too, which are one contraction with this.
    """
    inputs, out = node.attrs
    fresh = count(1_000_000)
    sizes: dict[Any, Size] = {}
    found: dict[Base, Fraction] = {}
    stack = [(o, tuple(labels), Fraction(1)) for o, labels in zip(node.operands, inputs, strict=True)][::-1]
    for o, labels, _ in stack:
        sizes.update(zip(labels, o.shape, strict=True))
    while stack:
        o, labels, e = stack.pop()
        row = o.attrs[0] if o.op is ops.ELEMENTWISE else None
        p = exponent_of(o.operands[1]) if row == "power" else ROOTS_AND_RECIPROCALS.get(row or "")
        if o.op is ops.NAMED:
            stack.append((o.operands[0], labels, e))
        elif p is not None and p != 0 and (e.denominator == 1 or row == "reciprocal"):
            stack.append((o.operands[0], labels, e * p))
        elif o.op is ops.EINSUM and len(found) + len(stack) < MOST_FACTORS and (e == 1 if deep else e.denominator == 1 and (
                set(o.attrs[1]) == {x for names in o.attrs[0] for x in names})):
            place = dict(zip(o.attrs[1], labels, strict=True))
            for each, names in zip(o.operands, o.attrs[0], strict=True):
                for x, size in zip(names, each.shape, strict=True):
                    if x not in place:
                        place[x] = next(fresh)
                        sizes[place[x]] = size
            stack += [(each, tuple(place[x] for x in names), e) for each, names in zip(o.operands, o.attrs[0], strict=True)]
        elif o.op is ops.VIEW and o.operands and len(set(o.attrs[1])) == len(o.attrs[1]):
            place = dict(zip(o.attrs[1], labels, strict=True))
            for x, size in zip(o.attrs[0][0], o.operands[0].shape, strict=True):
                if x not in place:
                    place[x] = next(fresh)
                    sizes[place[x]] = size
            stack.append((o.operands[0], tuple(place[x] for x in o.attrs[0][0]), e))
        else:
            if SYMMETRIC in facts_of(o):
                labels = (*labels[:-2], *sorted(labels[-2:]))
            key = Base(o, labels)
            found[key] = found.get(key, Fraction(0)) + e
    return Monomials(_sizes_joined(found), tuple(out), sizes)


def _sizes_joined(found: dict[Base, Fraction]) -> dict[Base, Fraction]:
    """Absolute values and roots of squares are sizes; an even power of what has a size among the factors is one of it."""
    made: dict[Base, Fraction] = {}
    for (node, labels, size), e in found.items():
        square = node.op is ops.EINSUM and node.operands[0] is node.operands[-1] and len(node.operands) == 2 and (
            node.attrs == ((node.attrs[1], node.attrs[1]), node.attrs[1]))
        if node.op is ops.ELEMENTWISE and node.attrs[0] == "abs":
            key, power = Base(node.operands[0], labels, True), e
        elif square:
            key, power = Base(node.operands[0], labels, True), 2 * e
        else:
            key, power = Base(node, labels, size), e
        made[key] = made.get(key, Fraction(0)) + power
    for key in [key for key in made if key.size]:
        plain = key._replace(size=False)
        if plain in made and made[plain] % 2 == 0:
            made[key] += made.pop(plain)
        if made[key] % 2 == 0 and plain not in made:
            made[plain] = made.pop(key)
    return {b: e for b, e in made.items() if e}
