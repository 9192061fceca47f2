"""Sums in the shortest of three writings: as they are, common factors outside, multiplied out.

Like terms meet when their products have one form (`powers.py`) and are nodes of one sum. A writing is taken only where
it is shorter (`length.py`); so the form of a sum is never longer than the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import gcd, lcm
from typing import Any

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value, scale, zeros
from symgrad.graphs.algebra.flattening import joined
from symgrad.graphs.algebra.primitives import add, elementwise
from symgrad.graphs.node import Node, order
from symgrad.graphs.rewrites.patterns import row_of
from symgrad.graphs.table import rebuild
from symgrad.graphs.textbook.factors import FACTORED, all_shared, shared_factors
from symgrad.graphs.textbook.length import Length
from symgrad.graphs.textbook.powers import MOST, is_sum, pairs_of, scaled_product, unweighted
from symgrad.graphs.textbook.spreading import cancelling, multiplied_out
from symgrad.graphs.weights import MINUS, ONE, Weight, from_expr, inverse, times

MARGIN = 2.0  # σ (1 - σ) (1 - 2 σ) is not multiplied out for less
LONG = 48.0  # pieces of a sum: what is longer is no formula to be read, and stays


def sum_form(node: Node, length: Length) -> Node:
    """A sum in its shortest writing."""
    if not is_sum(node):
        return scaled_product(node)
    if (key := ("sum", node)) not in length.forms:
        length.forms[key] = _shortest(node, length)
    return length.forms[key]


def _shortest(node: Node, length: Length) -> Node:
    plain = joined(pairs_of(node))
    if (turned := _complement(plain)) is not None:
        return turned
    if not is_sum(plain):  # all of it has cancelled, or all but one term
        return scaled_product(plain)
    if length(plain) > LONG:
        return _long(plain, length)
    found = [plain, *_factored(plain, length)]
    if plain is not node:
        found += _factored(node, length)
    if (opened := _with_factors_in_front(plain, length)) is not plain:
        found += _factored(opened, length)
    best = min((_hoisted(_arranged(each, length)) for each in found), key=lambda each: _rank(each, length))
    whole = multiplied_out(plain)
    if whole is None:
        return best
    others = [_hoisted(_arranged(each, length)) for each in (whole, *_factored(whole, length))]
    other = min(others, key=lambda each: _rank(each, length))
    return other if length(other) < length(best) - MARGIN else best


def _long(node: Node, length: Length) -> Node:
    """A long sum with all that its terms share in front at once."""
    shared = all_shared(node) if len(node.operands) <= FACTORED else None
    if shared is not None:
        whole, terms = shared
        made = scaled_product(whole(sum_form(joined(terms), length)))
        if length(made) < length(node):
            return made
    return _hoisted(_arranged(node, length))


def _rank(node: Node, length: Length) -> tuple[Any, ...]:
    """The shorter first, of the same length a sum of more terms; then by content, so that no order shows."""
    return length(node), -len(unweighted(node)[0].operands), order(node)


def _complement(node: Node) -> Node | None:
    """1 - σ(a - b) is σ(b - a), which is no longer than σ(a - b); 1 - σ(-a) is σ(a)."""
    if node.attrs[0] not in ((ONE, MINUS), (MINUS, ONE)):
        return None
    for one, other in (node.operands, node.operands[::-1]):
        z = row_of(other, "sigmoid")
        if z is None or literal_value(one) != ONE or node.attrs[0][node.operands.index(other)] != MINUS:
            continue
        if z.op is ops.ADD and len(z.operands) == 1 and z.attrs[0][0].number < 0:
            return elementwise("sigmoid", [scale(z, MINUS)])
        if not is_sum(z):
            continue
        if any(by.number < 0 for by in z.attrs[0]) and any(by.number > 0 for by in z.attrs[0]):
            turned = add(z.operands, [times(by, MINUS) for by in z.attrs[0]])
            return elementwise("sigmoid", [turned])
    return None


def product_in_sum_form(node: Node, length: Length) -> Node:
    """A product multiplied out over a sum in which it cancels something: σ (1 - σ) (y/σ - (1 - y)/(1 - σ))."""
    if (key := ("product", node)) not in length.forms:
        length.forms[key] = _multiplied(node, length)
    return length.forms[key]


def _multiplied(node: Node, length: Length) -> Node:
    opened = _with_factors_in_front(node, length) if unweighted(node)[0].op is ops.EINSUM else node
    if opened is not node and length(opened) <= length(node):
        node = opened
    for terms in cancelling(node):
        inner = [(product_in_sum_form(each, length), by) for each, by in terms]
        whole = sum_form(joined(inner), length) if inner else zeros(node.shape, node.dtype)
        if length(whole) < length(node):
            return whole
    return node


def _factored(node: Node, length: Length) -> list[Node]:
    """The sum with what all of its terms share in front, where that makes it shorter: one factor after the other."""
    if not is_sum(node) or len(node.operands) > FACTORED:
        return []
    best: list[Node] = []
    for whole, terms in shared_factors(node):
        if length.tries <= 0:
            break
        length.tries -= 1
        body = sum_form(joined(terms), length) if len(terms) > 1 else scale(*terms[0])
        made = scaled_product(whole(body))
        if length(made) < length(node):
            best.append(made)
    return best


def _with_factors_in_front(node: Node, length: Length) -> Node:
    """The sum with what the terms of each sum in its products share in front, so that all terms may share it."""
    pairs = []
    for term, by in pairs_of(node):
        if term.op is ops.EINSUM and len(term.operands) <= MOST:
            inner = tuple(_opened(o, length) for o in term.operands)
            term = term if inner == term.operands else scaled_product(rebuild(term, inner))
        pairs.append((term, by))
    return joined(pairs)


def _opened(node: Node, length: Length, below: bool = False) -> Node:
    """A sum, or the reciprocal of a power of one, with what its terms share in front: 1/(1 + x²/c²) is c²/(c² + x²)."""
    if is_sum(node) and length(node) <= LONG and len(node.operands) <= FACTORED:
        shared = all_shared(node, below)
        if shared is None:
            return node
        whole, terms = shared
        return whole(joined(terms))
    if node.op is ops.ELEMENTWISE and (node.attrs[0] == "reciprocal" or node.attrs[0] == "power" and _is_whole(node)):
        inner = _opened(node.operands[0], length, True)
        return node if inner is node.operands[0] else scaled_product(rebuild(node, (inner, *node.operands[1:])))
    if node.op is ops.EINSUM and len(node.operands) == 2 and node.operands[0] is node.operands[1] and below:
        inner = _opened(node.operands[0], length, True)  # a square
        return node if inner is node.operands[0] else scaled_product(rebuild(node, (inner, inner)))
    return node


def _is_whole(power: Node) -> bool:
    value = literal_value(power.operands[1])
    return value is not None and value.factor is None and value.number == int(value.number)


def _arranged(node: Node, length: Length) -> Node:
    """The terms of a sum in the order in which they are read: 4 x³ - 9 x² + 2, but 1 - x² and 1 + x²."""
    if not is_sum(node):
        return node
    numbers = [pair for pair in pairs_of(node) if literal_value(pair[0]) is not None]
    others = sorted((pair for pair in pairs_of(node) if pair not in numbers), key=lambda pair: length.place(pair[0]))
    if numbers and not _is_polynomial(others, length):
        rising = sorted(others, key=lambda pair: length.place(pair[0], True))
        pairs = [*numbers, *rising]
    else:
        pairs = [*others, *numbers]
    return add([each for each, _ in pairs], [by for _, by in pairs])


def _is_polynomial(terms: Sequence[tuple[Node, Weight]], length: Length) -> bool:
    """Several powers of one letter, or a multiple of it, the highest with a plus."""
    if not terms or terms[0][1].number < 0 or len({length.place(node)[2] for node, _ in terms}) > 1:
        return False
    return len(terms) > 1 or terms[0][0].op is ops.INPUT and terms[0][1] != ONE


def _hoisted(node: Node) -> Node:
    """2/n x - 2/n² s is 2/n (x - 1/n s): the number and the sizes that all coefficients share stand in front."""
    if not is_sum(node):
        return node
    shared = content(node.attrs[0])
    if shared == ONE:
        return node
    by = inverse(shared)
    return scale(add(node.operands, [times(each, by) for each in node.attrs[0]]), shared)


def content(weights: Sequence[Weight]) -> Weight:
    """The greatest common coefficient: of the numbers where all are rational, of the sizes; negative if all are.

    >>> content([Weight(4), Weight(-6)]), content([Weight(-2), Weight(-3)]), content([Weight(1), Weight(Fraction(1, 2))])
    (Weight(number=2, factor=None), Weight(number=-1, factor=None), Weight(number=1, factor=None))
    """
    number = Fraction(1)
    if not any(isinstance(by.number, float) for by in weights):
        parts = [Fraction(by.number) for by in weights]
        number = Fraction(gcd(*(abs(q.numerator) for q in parts)), lcm(*(q.denominator for q in parts)))
        if not all(q.denominator > 1 for q in parts):  # x + 1/2 y stays
            number = Fraction(number.numerator)
    if all(by.number < 0 for by in weights):
        number = -number
    whole = Weight(int(number) if number.denominator == 1 else number)
    if any(by.factor is None for by in weights):
        return whole
    powers = [dict(part.as_base_exp() for part in sp.Mul.make_args(by.factor)) for by in weights]
    common = [b ** min((each[b] for each in powers), key=abs) for b, e in powers[0].items()
              if e.is_Rational and all(b in each and each[b].is_Rational and each[b] * e > 0 for each in powers)]
    return times(whole, from_expr(sp.Mul(*common))) if common else whole
