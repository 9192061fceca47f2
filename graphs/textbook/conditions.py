"""Comparisons in one spelling: 1 - u > 0 is u < 1, q a > (q - 1) a is a > 0, a >= -c and a <= c is |a| <= c.

Where a derivative is taken by what a condition depends on, a tie has no measure: either both cases agree there or there
is no derivative. So it may be counted to either side, and beside [a > 0] its opposite is [a < 0]. What stands alone stays
as it was written, [a >= 0].
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal, literal_value, scale
from symgrad.graphs.algebra.flattening import joined
from symgrad.graphs.algebra.primitives import elementwise
from symgrad.graphs.node import REAL, Node, depends, order, topological, transform
from symgrad.graphs.rewrites.patterns import row_of
from symgrad.graphs.table import rebuild
from symgrad.graphs.textbook.bases import HALF
from symgrad.graphs.textbook.powers import pairs_of
from symgrad.graphs.textbook.spreading import multiplied_out
from symgrad.graphs.textbook.ties import may_meet
from symgrad.graphs.weights import MINUS, ONE, Weight, inverse, times

Test = tuple[Node, bool]  # a condition in one spelling, and whether it holds
TURNED = {"greater": "less", "less": "greater", "greater_equal": "less_equal", "less_equal": "greater_equal",
          "equal": "equal", "not_equal": "not_equal"}
SEEN = 64  # nodes among which the name of a side is looked for
JOINED = ("logical_and", "logical_or")
ORDERED = ("greater", "less", "greater_equal", "less_equal")
_SPELLED = {"greater": ("greater", False, True), "less": ("greater", True, True),
            "less_equal": ("greater", False, False), "greater_equal": ("greater", True, False),
            "equal": ("equal", False, True), "not_equal": ("equal", False, False)}


def tested(condition: Node) -> Test:
    """x < y, y > x and not (x >= y) are one condition."""
    holds = True
    while condition.op is ops.ELEMENTWISE and condition.attrs[0] == "logical_not":
        condition, holds = condition.operands[0], not holds
    if condition.op is not ops.ELEMENTWISE or condition.attrs[0] not in _SPELLED:
        return condition, holds
    row, turned, same = _SPELLED[condition.attrs[0]]
    a, b = condition.operands[::-1] if turned else condition.operands
    return elementwise(row, [a, b]), holds == same


def short_condition(node: Node) -> Node:
    """A comparison with its number on the right and nothing on both sides, two bounds as one; other nodes as they are."""
    if node.op is not ops.ELEMENTWISE:
        return node
    if node.attrs[0] in JOINED:
        return _within(node)
    if node.attrs[0] not in TURNED or any(o.dtype != REAL for o in node.operands):
        return node
    row, (left, right) = node.attrs[0], node.operands
    if literal_value(left) is not None and literal_value(right) is None:
        return short_condition(elementwise(TURNED[row], [right, left]))
    value = literal_value(right)
    if value is not None:
        return _against_zero(row, left, right) if value.number == 0 else _against_number(row, left, value)
    if row not in ORDERED:
        return node
    apart = joined([(left, ONE), (right, MINUS)])
    shorter = multiplied_out(apart)
    if shorter is None and len(pairs_of(apart)) == len(pairs_of(left)) + len(pairs_of(right)):
        return node
    return _against_zero(row, apart if shorter is None else shorter, literal(0, left.shape))


def _against_zero(row: str, body: Node, zero: Node) -> Node:
    """2 u > 0 is u > 0, -u > 0 is u < 0, 1 - u > 0 is u < 1."""
    node = elementwise(row, [body, zero])
    if body.op is not ops.ADD or not body.operands:
        return node
    pairs = pairs_of(body)
    numbers = [pair for pair in pairs if literal_value(pair[0]) is not None]
    rest = [pair for pair in pairs if literal_value(pair[0]) is None]
    if len(numbers) > 1 or len(rest) != 1:
        return node
    ((term, by),) = rest
    if by.factor is not None:
        return node
    turned = by.number < 0
    row = TURNED[row] if turned else row
    if not numbers:
        return elementwise(row, [term, zero])
    sign = MINUS if turned else ONE
    right = joined([(each, times(w, ONE if turned else MINUS)) for each, w in numbers])
    return elementwise(row, [scale(term, times(by, sign)), right])


def _against_number(row: str, left: Node, value: Weight) -> Node:
    """2 u > 1 is u > 1/2."""
    if left.op is ops.ADD and len(left.operands) == 1:
        (by,), (u,) = left.attrs[0], left.operands
        if by.factor is None and not isinstance(by.number, float):
            right = literal(times(value, inverse(by)), left.shape)
            return elementwise(row if by.number > 0 else TURNED[row], [u, right])
    return elementwise(row, [left, literal(value, left.shape)])


def _within(node: Node) -> Node:
    """a >= -c and a <= c is |a| <= c, a > c or a < -c is |a| > c."""
    both = node.attrs[0] == "logical_and"
    (one, holds), (other, too) = map(tested, node.operands)
    if holds != too or any(each.op is not ops.ELEMENTWISE or each.attrs[0] != "greater" for each in (one, other)):
        return node
    for (a, b), (c, d) in ((one.operands, other.operands), (other.operands, one.operands)):
        if a is d and c is scale(b, MINUS) and both != holds:  # a > b, -b > a, or neither
            return elementwise("less_equal" if both else "greater", [elementwise("abs", [a]), b])
        if b is c and d is scale(a, MINUS) and both == holds:  # a > b > -a, or not one of them
            return elementwise("less" if both else "greater_equal", [elementwise("abs", [b]), a])
    return node


def is_size(node: Node) -> bool:
    """|u|: what is within a bound is said first."""
    return node.op is ops.ELEMENTWISE and node.attrs[0] == "abs"


# ties ----------------------------------------------------------------------------------------------------------


def untied(node: Node) -> Node:
    """What a derivative says of ties, half of it each, is left out: {1 if a > b, 1/2 if a = b, 0 otherwise} is [a > b].

    Not where a and b may be the same entry (`ties.py`): all of a tie is left where they are one tensor.
    """
    if node.op is not ops.ELEMENTWISE or node.attrs[0] != "where":
        return node
    condition, one, rest = node.operands
    tie = _half_of_tie(rest)
    if literal_value(one) != ONE or tie is None or condition.op is not ops.ELEMENTWISE:
        return node
    a, b = tie.operands
    if set(condition.operands) != {a, b}:
        return node
    return literal(HALF, node.shape) if a is b else node if may_meet(a, b) else elementwise("real", [condition])


def _half_of_tie(node: Node) -> Node | None:
    """a = b where `node` is one half of it."""
    if node.op is ops.ELEMENTWISE and node.attrs[0] == "where":
        tie, half, rest = node.operands
        value, zero = literal_value(half), literal_value(rest)
        if value != Weight(HALF) or zero is None or zero.number != 0:
            return None
    elif node.op is ops.ADD and node.attrs[0] == (Weight(HALF),):
        tie = node.operands[0].operands[0] if row_of(node.operands[0], "real") is not None else node.operands[0]
    else:
        return None
    return tie if tie.op is ops.ELEMENTWISE and tie.attrs[0] == "equal" else None


def strict(condition: Node) -> Node:
    """A comparison without its tie: a > b, or not a > b, with the number on the right, a size on the left."""
    if condition.op is not ops.ELEMENTWISE or condition.attrs[0] not in ORDERED:
        return condition
    test, holds = tested(condition)
    a, b = test.operands
    if a.dtype != REAL or b.dtype != REAL or may_meet(a, b):
        return condition
    if _place(b) < _place(a):
        test, holds = elementwise("greater", [b, a]), not holds
    return test if holds else elementwise("logical_not", [test])


def _place(side: Node) -> tuple[Any, ...]:
    if literal_value(side) is not None:
        return (2,)
    near = [side]
    for each in near:
        near += each.operands if len(near) < SEEN else ()
    names = (str(each.attrs[0].name) for each in near if each.op is ops.INPUT)
    return (0 if is_size(side) else 1, min(names, default=""), order(side))


def without_ties(roots: Sequence[Node]) -> list[Node]:
    """Derivatives without what they say of ties."""
    if not any(each.op is ops.ELEMENTWISE and each.attrs[0] in ORDERED for each in topological(roots)):
        return list(roots)
    return transform(roots, lambda node, operands: untied(rebuild(node, operands)), {})


def in_one_direction(roots: Sequence[Node], by: Sequence[Node | None]) -> list[Node | None]:
    """Derivatives in which a > b and a < b are opposites, by what the variable moves; None where there are none such."""
    if not _both_directions(roots):
        return [None] * len(roots)
    return [None if x is None else _directed(root, x) for root, x in zip(roots, by, strict=True)]


def _directed(root: Node, x: Node) -> Node | None:
    sides = _both_directions([root])
    return _rewritten(root, x, lambda node: _strict_of(node, sides)) if sides else None


def _both_directions(roots: Sequence[Node]) -> set[frozenset[Node]]:
    """The two sides of comparisons that are made in both directions."""
    found: dict[frozenset[Node], set[Node]] = {}
    for each in topological(roots):
        if each.op is ops.ELEMENTWISE and each.attrs[0] in ORDERED:
            test = tested(short_condition(each))[0]
            if test.op is ops.ELEMENTWISE:
                found.setdefault(frozenset(test.operands), set()).add(test)
    return {sides for sides, tests in found.items() if len(tests) > 1}


def _strict_of(node: Node, sides: Collection[frozenset[Node]]) -> Node:
    if node.op is not ops.ELEMENTWISE or node.attrs[0] not in ORDERED:
        return node
    short = short_condition(node)
    return strict(short) if short.op is ops.ELEMENTWISE and frozenset(short.operands) in sides else node


def with_opposites(root: Node, by: Node) -> Node:
    """A derivative with its lone opposites spelled out: not a > 0 is a < 0, not |a| > c is |a| <= c."""
    return _rewritten(root, by, _opposite)


def _opposite(node: Node) -> Node:
    if node.op is not ops.ELEMENTWISE or node.attrs[0] != "logical_not":
        return node
    test, holds = tested(node)
    if holds or test.op is not ops.ELEMENTWISE or test.attrs[0] != "greater" or may_meet(*test.operands):
        return node
    return elementwise("less_equal" if is_size(test.operands[0]) else "less", test.operands)


def _rewritten(root: Node, x: Node, rule: Callable[[Node], Node]) -> Node:
    below = depends([root], [x])
    held = {o for each in below if each.op is ops.ELEMENTWISE and each.attrs[0] in JOINED for o in each.operands}

    def step(node: Node, operands: tuple[Node, ...]) -> Node:
        made = rebuild(node, operands)
        return rule(made) if node in below and node not in held else made

    return transform([root], step, {})[0]
