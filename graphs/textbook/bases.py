"""What a product is made of: bases with axes and rational exponents; what they have to do with one another, and back.

|x| and sign(x) are known to be of x, a mask is its own square, exponentials meet where their arguments cancel. Written as
a node again, every base occurs once, and what a summed label connects is one factor (‖x‖², Xᵀ r).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal, literal_value, scale
from symgrad.graphs.algebra.entries import is_zero
from symgrad.graphs.algebra.primitives import add, elementwise
from symgrad.graphs.facts import NONNEGATIVE, facts_of
from symgrad.graphs.node import BOOLEAN, Node
from symgrad.graphs.rewrites.patterns import positive
from symgrad.graphs.rewrites.roots import not_negative
from symgrad.graphs.sizes import Size
from symgrad.graphs.textbook.ties import repeats
from symgrad.graphs.weights import ONE, Weight, exact, from_expr, inverse, times, to_expr, weight

Labels = tuple[Any, ...]
Key = tuple[Node, Labels]
HALF = Fraction(1, 2)


@dataclass(slots=True)
class Powers:
    """`by` times the bases, each with axes and an exponent, summed over the labels that are not in `out`."""

    out: Labels
    sizes: dict[Any, Size]
    by: Weight = ONE
    bases: dict[Key, Fraction] = field(default_factory=dict)
    exponents: dict[Labels, list[tuple[Weight, Node]]] = field(default_factory=dict)  # of exp, by their axes

    def put(self, base: Node, labels: Labels, power: Fraction) -> None:
        """One more factor; an axis of one entry is none, so that s and 1/s meet with it or without.

        Images and their windows keep theirs: a channel is one, if it is the only one.
        """
        if 1 in base.shape and len(self.out) < 4 and len(base.shape) < 4 and len(set(labels)) == len(labels):
            kept = tuple(x for x, size in zip(labels, base.shape, strict=True) if size != 1)
            base, labels = contract([base], [labels], kept), kept
        before = self.bases.get((base, labels))
        self.bases[base, labels] = power if before is None else before + power
        self.sizes.update(zip(labels, base.shape, strict=True))


def power_of(by: Weight, p: Fraction) -> Weight | None:
    """A weight to a power; None where that is no real number."""
    if by == ONE or p == 1:
        return by
    if p.denominator > 1 and (by.number <= 0 or not (by.factor is None or by.factor.is_positive)):
        return None
    if by.number == 0:
        return by if p > 0 else None
    if isinstance(by.number, float):
        factor = None if by.factor is None else by.factor ** sp.Rational(p)
        return times(weight(float(by.number) ** float(p)), ONE if factor is None else from_expr(factor))
    if by.factor is None and p.denominator == 1:
        base = Fraction(by.number) ** abs(int(p))
        return Weight(_plain(base)) if p > 0 else inverse(Weight(_plain(base)))
    return from_expr(to_expr(by) ** sp.Rational(p.numerator, p.denominator))


def _plain(number: Fraction) -> int | Fraction:
    return int(number) if number.denominator == 1 else number


def is_even(e: Fraction) -> bool:
    return e.denominator == 1 and e.numerator % 2 == 0


def is_safe(node: Node) -> bool:
    """Known not to be negative."""
    if NONNEGATIVE in facts_of(node):
        return True
    return node.dtype == BOOLEAN or positive(node) or not_negative(node)


# bases that know each other ------------------------------------------------------------------------------------


def settled(read: Powers) -> dict[Key, Fraction]:
    """The bases of a product with their exponents: zeros gone, masks once, |x| and sign(x) with x, exponentials."""
    found: dict[Key, Fraction] = {}
    for (base, labels), e in read.bases.items():
        if base.dtype == BOOLEAN and e > 0:
            e = Fraction(1)
        found[base, labels] = e
    for base, labels in list(found):
        if base.op is ops.ELEMENTWISE and base.attrs[0] in ("abs", "sign"):
            _signed(found, base.operands[0], labels)
    _rectified(found)
    _without_ties(found)
    _named_ratios(found)
    _general_powers(found)
    for labels, parts in read.exponents.items():
        for node in _merged_exponents(parts):
            key = (elementwise("exp", [node]), labels)
            found[key] = found.get(key, Fraction(0)) + 1
    return {key: e for key, e in found.items() if e}


def _signed(found: dict[Key, Fraction], x: Node, labels: Labels) -> None:
    """x^a |x|^b sign(x)^s with one magnitude and one sign."""
    size, sign = elementwise("abs", [x]), elementwise("sign", [x])
    a = found.get((x, labels), Fraction(0))
    b, s = found.get((size, labels), Fraction(0)), found.get((sign, labels), Fraction(0))
    if a.denominator > 1 or s.denominator > 1:
        return
    m, odd = a + b, (a + s) % 2 == 1
    for key in ((x, labels), (size, labels), (sign, labels)):
        found.pop(key, None)
    if m.denominator == 1 and (m % 2 == 1) == odd:
        found[x, labels] = m
    elif odd and m.denominator == 1 and m > 1:  # |x|² sign(x) is x |x|
        found[x, labels], found[size, labels] = Fraction(1), m - 1
    else:
        if odd:
            found[sign, labels] = Fraction(1)
        if m:
            found[size, labels] = m


RATIOS = {"cosh": ("sinh", "tanh"), "cos": ("sin", "tan")}


def _rectified(found: dict[Key, Fraction]) -> None:
    """relu(x) [x > 0] is relu(x), relu(x)/x is [x > 0]."""
    for base, labels in list(found):
        if base.op is ops.ELEMENTWISE and base.attrs[0] == "relu" and found.get((base.operands[0], labels), 0) < 0:
            (u,) = base.operands
            found[u, labels] += found.pop((base, labels))
            found[elementwise("greater", [u, literal(0, u.shape)]), labels] = Fraction(1)
    for condition, labels in list(found):
        if condition.op is not ops.ELEMENTWISE or condition.attrs[0] not in ("greater", "greater_equal"):
            continue
        u, zero = condition.operands
        value = literal_value(zero)
        if value is None or value.number != 0:
            continue
        relu = elementwise("relu", [u]), labels
        if found.get(relu, Fraction(0)) > 0:
            del found[condition, labels]


def _without_ties(found: dict[Key, Fraction]) -> None:
    """The largest is one entry, if none is there twice: by how many share it is not divided."""
    for key, e in list(found.items()):
        count = key[0]
        if count.op is ops.EINSUM and len(count.operands) == 1 and e < 0:
            (test,) = count.operands
            if test.op is ops.ELEMENTWISE and test.attrs[0] == "real":
                (test,) = test.operands
            if test.op is ops.ELEMENTWISE and test.attrs[0] == "equal" and any(_is_lone_extreme(o) for o in test.operands):
                found.pop(key)


def _is_lone_extreme(node: Node) -> bool:
    """The largest of entries of which no two are one."""
    inner = node.operands[0] if node.op is ops.VIEW and node.operands else node
    return inner.op in (ops.MAX, ops.MIN) and not repeats(inner.operands[0], inner.attrs[0])


def _named_ratios(found: dict[Key, Fraction]) -> None:
    """sinh(u)/cosh(u) is tanh(u)."""
    for (below, labels), e in list(found.items()):
        if below.op is ops.ELEMENTWISE and below.attrs[0] in RATIOS and e < 0:
            above, name = RATIOS[below.attrs[0]]
            u = below.operands[0]
            top = elementwise(above, [u]), labels
            common = min(-e, found.get(top, Fraction(0)))
            if common > 0:
                ratio = elementwise(name, [u]), labels
                found[top] -= common
                found[below, labels] += common
                found[ratio] = found.get(ratio, Fraction(0)) + common


def _general_powers(found: dict[Key, Fraction]) -> None:
    """u u^(y - 1) is u^y."""
    powers = [key for key in found if key[0].op is ops.ELEMENTWISE and key[0].attrs[0] == "power"
              and ((value := literal_value(key[0].operands[1])) is None or value.factor is not None)]
    for u, labels in dict.fromkeys((base.operands[0], labels) for base, labels in powers):
        mine = [key for key in powers if key in found and key[0].operands[0] is u and key[1] == labels]
        if not mine:
            continue
        root = (u.operands[0], labels) if u.op is ops.ELEMENTWISE and u.attrs[0] == "sqrt" else None
        if root is not None and root in found:  # ‖x‖^a/‖x‖
            found[u, labels] = found.get((u, labels), Fraction(0)) + 2 * found.pop(root)
        plain = found.get((u, labels), Fraction(0))
        if len(mine) == 1 and not plain and found[mine[0]] == 1:
            continue
        exponent = add([*(key[0].operands[1] for key in mine), literal(1, u.shape)],
                       [*(Weight(exact(found[key])) for key in mine), Weight(exact(plain))])
        for key in [*mine, (u, labels)]:
            found.pop(key, None)
        value = literal_value(exponent)
        if value is not None and value.factor is None and not isinstance(value.number, float):
            found[u, labels] = Fraction(value.number)
        else:
            whole = elementwise("power", [u, exponent]), labels
            found[whole] = found.get(whole, Fraction(0)) + 1


def _merged_exponents(parts: Sequence[tuple[Weight, Node]]) -> list[Node]:
    """The arguments of exponentials: one sum where terms cancel in it, else each its own."""
    single = [scale(node, by) for by, node in parts]
    if len(single) == 1:
        return single
    whole = add([node for _, node in parts], [by for by, _ in parts])
    if is_zero(whole):
        return []
    return [whole] if _terms(whole) < sum(map(_terms, single)) else single


def _terms(node: Node) -> int:
    return max(len(node.operands), 1) if node.op is ops.ADD else 1


# written back --------------------------------------------------------------------------------------------------


def connected(keys: Sequence[Key], inner: set[Any]) -> list[list[Key]]:
    """Factors in groups that no summed label connects."""
    groups: list[tuple[set[Any], list[Key]]] = []
    for key in keys:
        summed, members = set(key[1]) & inner, [key]
        for other in [g for g in groups if not summed.isdisjoint(g[0])]:
            groups.remove(other)
            summed |= other[0]
            members = [*other[1], *members]
        groups.append((summed, members))
    return [members for _, members in groups]


def product_of(bases: Mapping[Key, Fraction], out: Labels, sizes: Mapping[Any, Size]) -> Node:
    nodes: list[Node] = []
    names: list[Labels] = []
    for (base, labels), e in bases.items():
        for node in powers(base, e):
            nodes.append(node)
            names.append(labels)
    used = {x for labels in names for x in labels} | set(out)
    return contract(nodes, names, out, {x: sizes[x] for x in used})


def powers(base: Node, e: Fraction) -> list[Node]:
    """Factors whose product is base^e."""
    if e > 0:
        return _whole(base, e)
    below = _whole(base, -e)
    axes = range(len(base.shape))
    return [elementwise("reciprocal", [contract(below, [axes] * len(below), axes)])]


def is_square(node: Node) -> bool:
    """The square of a norm, or of one a row."""
    return node.op is ops.EINSUM and len(node.operands) == 2 and node.operands[0] is node.operands[1] and (
        node.attrs[0][0] == node.attrs[0][1]) and len(node.attrs[1]) < len(node.attrs[0][0])


def _whole(base: Node, e: Fraction) -> list[Node]:
    if e == 1:
        return [base]
    if e == 2:
        return [base, base]
    if e == HALF:
        return [elementwise("sqrt", [base])]
    if e.denominator == 2 and is_square(base):  # ‖x‖³
        base, e = elementwise("sqrt", [base]), 2 * e
    return [elementwise("power", [base, literal(e, base.shape)])]
