"""Sums in the shortest of three writings: as they are, common factors outside, multiplied out.

Like terms meet when their products have one form (`powers.py`) and are nodes of one sum. A writing is taken only where
it is shorter (`length.py`); so the form of a sum is never longer than the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value, scale, zeros
from symgrad.graphs.algebra.flattening import joined
from symgrad.graphs.algebra.primitives import add, elementwise
from symgrad.graphs.node import Node, order
from symgrad.graphs.rewrites.declared import symmetric
from symgrad.graphs.rewrites.patterns import row_of
from symgrad.graphs.table import rebuild
from symgrad.graphs.textbook.content import content, divided
from symgrad.graphs.textbook.factors import FACTORED, all_shared, shared_factors
from symgrad.graphs.textbook.length import Length
from symgrad.graphs.textbook.powers import MOST, is_sum, pairs_of, powers_of, scaled_product, unweighted
from symgrad.graphs.textbook.spreading import cancelling, multiplied_out
from symgrad.graphs.weights import MINUS, ONE, Weight, times

MARGIN = 2.0  # σ (1 - σ) (1 - 2 σ) is not multiplied out for less
PAIR = 1.5  # what two terms of a sum must gain by standing as one product
PAIRED = 6  # terms of a sum in which such two are looked for
SPREAD = 96.0  # pieces of a product: one of more is not multiplied out, as each of its sums would double the ways
LONG = 48.0  # pieces of a sum: what is longer is no formula to be read, and stays


def sum_form(node: Node, length: Length) -> Node:
    """A sum in its shortest writing."""
    if not is_sum(node):
        return turned(scaled_product(node), length)
    return length.remembered(("sum", node), _shortest)


def turned(node: Node, length: Length) -> Node:
    """-2 (y - x) is 2 (x - y)."""
    bare, by = unweighted(node)
    if not is_sum(bare) or by.number >= 0 or not any(w.number < 0 for w in bare.attrs[0]):
        return node
    return scale(_arranged(divided(bare, MINUS), length), times(by, MINUS))


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
    best = min((_hoisted(_arranged(each, length), length) for each in found), key=lambda each: _rank(each, length))
    for squares in (False, True):  # (y - m)² is not multiplied out unless that is shorter still
        whole = multiplied_out(plain, squares)
        if whole is None:
            continue
        others = [_hoisted(_arranged(each, length), length) for each in (whole, *_factored(whole, length))]
        other = min(others, key=lambda each: _rank(each, length))
        best = other if length(other) < length(best) - MARGIN else best
    return _in_pairs(best, length)


def _in_pairs(node: Node, length: Length) -> Node:
    """A sum with two of its terms as one product, where that is much shorter: ‖w‖² (A + Aᵀ) w - 2 (wᵀ A w) w."""
    bare, by = unweighted(node)
    pairs = pairs_of(bare)
    if not is_sum(bare) or not 3 <= len(pairs) <= PAIRED or not length.facts.declared:  # until then terms may be alike
        return node
    found = []
    for i, one in enumerate(pairs):
        for j, other in enumerate(pairs[:i]):
            two = joined([one, other])
            if not _may_stand_together(two, bare, length):
                continue
            for made in _factored(two, length):
                if length(made) < length(two) - PAIR:
                    rest = [pair for k, pair in enumerate(pairs) if k not in (i, j)]
                    found.append(add([made, *(each for each, _ in rest)], [ONE, *(w for _, w in rest)]))
    if not found:
        return node
    best = min(found, key=lambda each: _rank(each, length))
    return scale(_in_pairs(_hoisted(_arranged(best, length), length), length), by)


def _may_stand_together(two: Node, whole: Node, length: Length) -> bool:
    """Not over a common denominator, which others have too; what is symmetric stays so to the eye."""
    if not is_sum(two) or symmetric(whole, length.facts) and not symmetric(two, length.facts):
        return False
    one, other = (powers_of(term).bases for term in two.operands)
    least = {key: min(one.get(key, Fraction(0)), other.get(key, Fraction(0))) for key in {**one, **other}}
    return all(e >= 0 or one.get(key) == other.get(key) for key, e in least.items())


def _long(node: Node, length: Length) -> Node:
    """A long sum with all that its terms share in front at once."""
    shared = all_shared(node) if len(node.operands) <= FACTORED else None
    if shared is not None:
        whole, terms = shared
        made = scaled_product(whole(sum_form(joined(terms), length)))
        if length(made) < length(node):
            return made
    return _hoisted(_arranged(node, length), length)


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
    return length.remembered(("product", node), _multiplied)


def _multiplied(node: Node, length: Length) -> Node:
    if length(node) > SPREAD:
        return node
    opened = _with_factors_in_front(node, length) if unweighted(node)[0].op is ops.EINSUM else node
    if opened is not node and length(opened) <= length(node):
        node = opened
    for terms in cancelling(node, length.facts):
        inner = [(length.renamed(product_in_sum_form(each, length)), by) for each, by in terms]
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


def _hoisted(node: Node, length: Length) -> Node:
    """2/n x - 2/n² s is 2/n (x - 1/n s): what all coefficients share in front, their sizes in any case.

    A number only where that is no longer: 12 x² - 18 x stays.
    """
    if not is_sum(node):
        return node
    shared = content(node.attrs[0])
    made = scale(divided(node, shared), shared)
    if length(made) <= length(node) or shared.factor is None:
        return made if length(made) <= length(node) else node
    sizes = Weight(1 if shared.number > 0 else -1, shared.factor)
    return scale(divided(node, sizes), sizes)
