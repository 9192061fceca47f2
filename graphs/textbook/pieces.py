"""Choices as cases: [c] a + [not c] b is {a if c, b otherwise}; where a tie has no measure, max has one indicator.

Conditions are factors (`powers.py`: a mask is its own square). In a sum, terms that hold a condition meet those that
hold its opposite in one choice, so that the derivative of nested choices is a nested choice again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fractions import Fraction

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal_value, scale, zeros
from symgrad.graphs.algebra.flattening import joined
from symgrad.graphs.algebra.primitives import elementwise
from symgrad.graphs.node import BOOLEAN, Node
from symgrad.graphs.textbook.bases import Key, Powers, powers
from symgrad.graphs.textbook.powers import is_sum, pairs_of, powers_of, unweighted, written
from symgrad.graphs.textbook.ties import may_meet
from symgrad.graphs.weights import MINUS, ONE, Weight, times

MOST = 24  # terms
PARTIAL = ("log", "sqrt", "power", "reciprocal")  # functions that are not defined everywhere
Terms = list[tuple[Node, Weight]]
Test = tuple[Node, bool]  # a condition in one spelling, and whether it holds


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


_SPELLED = {"greater": ("greater", False, True), "less": ("greater", True, True),
            "less_equal": ("greater", False, False), "greater_equal": ("greater", True, False),
            "equal": ("equal", False, True), "not_equal": ("equal", False, False)}


def untied(node: Node) -> Node:
    """What a derivative says of ties, half of it each, is left out: {1 if a > b, 1/2 if a = b, 0 otherwise} is [a > b].

    Not where a and b may be the same entry (`ties.py`): all of a tie is left where they are one tensor.
    """
    if node.op is not ops.ELEMENTWISE or node.attrs[0] != "where":
        return _short_condition(node)
    condition, one, rest = node.operands
    if literal_value(one) != ONE:
        return node
    bare, by = unweighted(rest)
    if bare.op is ops.ELEMENTWISE and bare.attrs[0] == "real":
        bare = bare.operands[0]
    if by.factor is not None or 2 * by.number != 1 or bare.op is not ops.ELEMENTWISE or bare.attrs[0] != "equal":
        return node
    a, b = condition.operands
    if set(bare.operands) != {a, b}:
        return node
    return _all_tied(by, node) if a is b else node if may_meet(a, b) else elementwise("real", [condition])


def _all_tied(by: Weight, like: Node) -> Node:
    """a = a holds everywhere."""
    return scale(contract([], [], range(len(like.shape)), dict(enumerate(like.shape))), by)


TURNED = {"greater": "less", "less": "greater", "greater_equal": "less_equal", "less_equal": "greater_equal",
          "equal": "equal", "not_equal": "not_equal"}


def _short_condition(node: Node) -> Node:
    """1 - u > 0 is u < 1, -u > 0 is u < 0, 1 - u = 0 is u = 1."""
    if node.op is not ops.ELEMENTWISE or node.attrs[0] not in TURNED:
        return node
    body, zero = node.operands
    value = literal_value(zero)
    if value is None or value.number != 0 or body.op is not ops.ADD or not body.operands:
        return node
    pairs = pairs_of(body)
    numbers = [pair for pair in pairs if literal_value(pair[0]) is not None]
    rest = [pair for pair in pairs if literal_value(pair[0]) is None]
    if len(numbers) > 1 or len(rest) != 1 or not numbers and rest[0][1].number > 0:
        return node
    turned = rest[0][1].number < 0
    sign = MINUS if turned else ONE
    left = joined([(term, times(by, sign)) for term, by in rest])
    right = joined([(term, times(by, ONE if turned else MINUS)) for term, by in numbers]) if numbers else zero
    return elementwise(TURNED[node.attrs[0]] if turned else node.attrs[0], [left, right])


def gathered(node: Node) -> Node:
    """A sum with its conditional terms in cases."""
    terms = _conditional(node)
    found = None if terms is None else _condition(terms, node)
    if terms is None or found is None:
        return node
    key, condition = found
    holds: Terms = []
    fails: Terms = []
    rest: Terms = []
    for read in terms:
        mine = next((each for each in read.bases if each[1] == key[1] and each[0].dtype == BOOLEAN
                     and tested(each[0])[0] is key[0]), None)
        bases = {k: e for k, e in read.bases.items() if k != mine}
        term = written(Powers(read.out, read.sizes, read.by, bases))
        side = rest if mine is None else holds if tested(mine[0])[1] == tested(condition)[1] else fails
        side.append((term, ONE))
    choice = elementwise("where", [_spread(condition, key[1], node), _sum(holds, node), _sum(fails, node)])
    return joined([*rest, (choice, ONE)]) if rest else choice


def guarded(node: Node) -> Node:
    """[x > 0]/x is {1/x if x > 0, 0 otherwise}: what the condition keeps away from has no value there."""
    bare, by = unweighted(node)
    if bare.op is not ops.EINSUM and not (bare.op is ops.ELEMENTWISE and bare.attrs[0] == "where"):
        return node
    read = powers_of(bare)
    found = _kept_away([read])
    if found is None:
        return node
    condition, labels = found
    rest = {key: e for key, e in read.bases.items() if key != found}
    if set(labels) <= set(read.out):
        term = written(Powers(read.out, read.sizes, times(read.by, by), rest))
        return elementwise("where", [_spread(condition, labels, node), term, zeros(node.shape)])
    sizes = dict(zip(labels, condition.shape, strict=True))  # on a summed axis: what stands on it goes into the cases
    inner = {key: e for key, e in rest.items() if key[1] == labels}
    case = elementwise("where", [condition, written(Powers(labels, sizes, ONE, inner)), zeros(condition.shape)])
    outer = Powers(read.out, dict(read.sizes), times(read.by, by), {key: e for key, e in rest.items() if key not in inner})
    factors = [(each, names) for (base, names), e in outer.bases.items() for each in powers(base, e)]
    made = contract([case, *(each for each, _ in factors)], [labels, *(names for _, names in factors)], read.out,
                    {x: read.sizes[x] for x in {*read.out, *(x for _, names in factors for x in names), *labels}})
    return scale(made, outer.by)


def _kept_away(terms: Sequence[Powers]) -> Key | None:
    """A condition of all terms on the argument of a quotient, root or logarithm in one of them."""
    if not terms:
        return None
    conditions = [key for key in terms[0].bases if key[0].dtype == BOOLEAN and key[0].op is ops.ELEMENTWISE
                  and all(key in each.bases for each in terms)]
    for condition, labels in conditions:
        inside = {o for o in condition.operands if literal_value(o) is None}
        for each in terms:
            for (base, names), e in each.bases.items():
                if names == labels and base is not condition and (
                        base in inside and (e < 0 or e.denominator > 1) or _is_partial(base, inside)):
                    return condition, labels
    return None


def _is_partial(node: Node, inside: Collection[Node]) -> bool:
    """Does `node` hold a logarithm, root, power or reciprocal of one of `inside`?"""
    stack, seen = [node], 0
    while stack and seen < MOST:
        each, seen = stack.pop(), seen + 1
        if each.op is ops.ELEMENTWISE and each.attrs[0] in PARTIAL and _argument(each) in inside:
            return True
        if each.op in (ops.ADD, ops.ELEMENTWISE, ops.EINSUM):
            stack += [o for o in each.operands if o.shape == node.shape]
    return False


def _argument(node: Node) -> Node:
    """What a function is of, without a weight or sign: x of log(-x)."""
    return unweighted(node.operands[0])[0]


def _conditional(node: Node) -> list[Powers] | None:
    """The terms of a sum, multiplied out over the choices and conditional sums in them; None for too many."""
    found: list[Powers] = []
    stack = [(powers_of(each), by) for each, by in reversed(pairs_of(node))]
    while stack:
        if len(found) + len(stack) > MOST:
            return None
        read, by = stack.pop()
        read = Powers(read.out, read.sizes, times(read.by, by), read.bases)
        key = next((key for key, e in read.bases.items() if e == 1 and _is_conditional(key[0])), None)
        if key is None:
            found += [read] if read.by.number else []
            continue
        for part, weight in reversed(_parts(key[0])):
            inner = Powers(read.out, dict(read.sizes), read.by, {k: e for k, e in read.bases.items() if k != key})
            inner.put(part, key[1], Fraction(1))
            stack.append((powers_of(written(inner)), weight))
    return found


def _is_conditional(node: Node) -> bool:
    """A choice, or a sum with conditions or choices among the factors of its terms."""
    if node.op is ops.ELEMENTWISE and node.attrs[0] == "where":
        return True
    return is_sum(node) and any(base.dtype == BOOLEAN or (base.op is ops.ELEMENTWISE and base.attrs[0] == "where")
                                for each in node.operands for base, _ in powers_of(each).bases)


def _parts(node: Node) -> Terms:
    """A conditional sum or a choice as terms."""
    if is_sum(node):
        return pairs_of(node)
    condition, one, other = node.operands
    axes = tuple(range(len(node.shape)))
    tests = (condition, elementwise("logical_not", [condition]))
    return [(contract([test, value], [axes, axes], axes), ONE) for test, value in zip(tests, (one, other), strict=True)]


def _sum(terms: Terms, like: Node) -> Node:
    whole = joined(terms) if terms else zeros(like.shape)
    return gathered(whole) if is_sum(whole) else whole


def _spread(condition: Node, labels: tuple[int, ...], like: Node) -> Node:
    return contract([condition], [labels], range(len(like.shape)), dict(enumerate(like.shape)))


def _condition(terms: Sequence[Powers], node: Node) -> tuple[Key, Node] | None:
    """The condition that most terms hold or whose opposite they hold, if there are both."""
    axes = set(range(len(node.shape)))
    seen: dict[Key, list[tuple[bool, Node]]] = {}
    for read in terms:
        for base, labels in read.bases:
            if base.dtype == BOOLEAN and set(labels) <= axes:
                test, holds = tested(base)
                seen.setdefault((test, labels), []).append((holds, base))
    both = {key: found for key, found in seen.items() if len({holds for holds, _ in found}) == 2}
    if not both:
        away = _kept_away(terms)
        away = away if away is not None and set(away[1]) <= axes else None
        return away and ((tested(away[0])[0], away[1]), away[0])
    key = max(both, key=lambda k: len(both[k]))
    spelled = [base for _, base in both[key]]
    return key, next((base for base in spelled if not _is_negated(base)), spelled[0])


def _is_negated(node: Node) -> bool:
    return node.op is ops.ELEMENTWISE and node.attrs[0] == "logical_not"
