"""Choices as cases: [c] a + [not c] b is {a if c, b otherwise}; where a tie has no measure, max has one indicator.

Conditions are factors (`powers.py`: a mask is its own square). In a sum, terms that hold a condition meet those that
hold its opposite in one choice, so that the derivative of nested choices is a nested choice again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal, literal_value, scale, zeros
from symgrad.graphs.algebra.flattening import joined
from symgrad.graphs.algebra.primitives import elementwise
from symgrad.graphs.node import BOOLEAN, REAL, Node
from symgrad.graphs.rewrites.patterns import row_of
from symgrad.graphs.textbook.bases import Key, Powers, powers
from symgrad.graphs.textbook.conditions import short_condition, tested
from symgrad.graphs.textbook.length import Length
from symgrad.graphs.textbook.powers import is_sum, is_triangle, pairs_of, powers_of, scaled_product, unweighted, written
from symgrad.graphs.weights import ONE, Weight, times

MOST = 24  # terms
PARTIAL = ("log", "sqrt", "power", "reciprocal")  # functions that are not defined everywhere
Terms = list[tuple[Node, Weight]]


def chosen_product(node: Node, length: Length) -> Node:
    """relu(1 - m) [m < 1] is relu(1 - m); sign(u) {|u| if c, 1 otherwise} is {u if c, sign(u) otherwise}."""
    bare, by = unweighted(node)
    if bare.op is not ops.EINSUM or len(bare.operands) > MOST:
        return node
    if not any(o.dtype == BOOLEAN or o.op is ops.ELEMENTWISE and o.attrs[0] in ("where", "real") for o in bare.operands):
        return node
    read = powers_of(bare)
    for (condition, labels), e in list(read.bases.items()):
        if condition.dtype == BOOLEAN:
            _rectify(read, condition, labels)
        elif e == 1 and condition.op is ops.ELEMENTWISE and condition.attrs[0] == "where":
            _taken_in(read, condition, labels, length)
    return scale(written(read), by)


def triangular(node: Node) -> Node:
    """A product of which only a triangle counts, tril(v xᵀ): no factor of ones and zeros beside others."""
    bare, by = unweighted(node)
    if bare.op is not ops.EINSUM:
        return node
    inputs, out = bare.attrs
    for i, (mask, labels) in enumerate(zip(bare.operands, inputs, strict=True)):
        test = row_of(mask, "real") or mask
        if not is_triangle(test) or len(set(labels)) < len(labels) or not set(labels) <= set(out):
            continue
        rest = [k for k in range(len(inputs)) if k != i]
        sizes = dict(zip(out, bare.shape, strict=True))
        inner = contract([bare.operands[k] for k in rest], [inputs[k] for k in rest], out, sizes)
        condition = elementwise(test.attrs[0], [contract([o], [labels], out, sizes) for o in test.operands])
        return elementwise("where", [condition, scale(inner, by), zeros(bare.shape)])
    return node


def _rectify(read: Powers, condition: Node, labels: tuple[Any, ...]) -> None:
    """relu(u) [u > 0] is relu(u)."""
    for (u, names), e in list(read.bases.items()):
        inner = row_of(u, "relu") if names == labels and e > 0 else None
        if inner is not None and _is_positive(inner, tested(condition)):
            del read.bases[condition, labels]
            return


def _is_positive(u: Node, test: tuple[Node, bool]) -> bool:
    """Is a condition u > 0 or u >= 0?"""
    zero = literal(0, u.shape)
    return any(tested(short_condition(elementwise(row, [u, zero]))) == test for row in ("greater", "greater_equal"))


def _taken_in(read: Powers, choice: Node, labels: tuple[Any, ...], length: Length) -> None:
    """What stands beside a choice goes into its cases, where that makes them shorter."""
    mates = {key: e for key, e in read.bases.items() if key[1] == labels and key[0] is not choice and key[0].dtype == REAL}
    if not mates:
        return
    condition, *cases = choice.operands
    sizes = dict(zip(labels, choice.shape, strict=True))
    inside = []
    for case in cases:
        product = Powers(labels, dict(sizes), ONE, dict(mates))
        product.put(case, labels, Fraction(1))
        inside.append(scaled_product(written(product)))
    beside = written(Powers(labels, dict(sizes), ONE, dict(mates)))
    fewer = any(len(powers_of(made).bases) < len(powers_of(case).bases) + len(mates) for made, case in zip(
        inside, cases, strict=True) if literal_value(case) is None)
    if fewer or sum(map(length, inside)) < sum(map(length, cases)) + length(beside):
        for key in [*mates, (choice, labels)]:
            del read.bases[key]
        read.put(elementwise("where", [condition, *inside]), labels, Fraction(1))


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
        mine = [each for each in read.bases if each[1] == key[1] and each[0].dtype == BOOLEAN
                and tested(each[0])[0] is key[0]]
        sides = {tested(each)[1] == tested(condition)[1] for each, _ in mine}
        if len(sides) == 2:  # it cannot both hold and fail
            continue
        bases = {k: e for k, e in read.bases.items() if k not in mine}
        term = written(Powers(read.out, read.sizes, read.by, bases))
        side = rest if not sides else holds if sides == {True} else fails
        side.append((term, ONE))
    if not fails or not holds:  # 1 + [c] (|u| - 1) is {|u| if c, 1 otherwise}
        holds, fails, rest = [*rest, *holds], [*rest, *fails], []
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
    tests = _tests(node)
    if not tests:
        return None
    stack = [(powers_of(each), by) for each, by in reversed(pairs_of(node))]
    while stack:
        if len(found) + len(stack) > MOST:
            return None
        read, by = stack.pop()
        read = Powers(read.out, read.sizes, times(read.by, by), read.bases)
        key = next((key for key, e in read.bases.items() if e == 1 and _is_conditional(key[0], tests)), None)
        if key is None:
            found += [read] if read.by.number else []
            continue
        for part, weight in reversed(_parts(key[0], tests)):
            inner = Powers(read.out, dict(read.sizes), read.by, {k: e for k, e in read.bases.items() if k != key})
            inner.put(part, key[1], Fraction(1))
            stack.append((powers_of(written(inner)), weight))
    return found


def _tests(node: Node) -> set[Node]:
    """The conditions of the terms of a sum, and of the choices and sums in them."""
    found: set[Node] = set()
    stack, seen = [node], 0
    while stack and seen < MOST:
        each, seen = stack.pop(), seen + 1
        for term in each.operands:
            for base, _ in powers_of(term).bases:
                if base.dtype == BOOLEAN:
                    found.add(tested(base)[0])
                elif _is_choice(base):
                    found.add(tested(base.operands[0])[0])
                elif is_sum(base):
                    stack.append(base)
    return found


def _is_choice(node: Node) -> bool:
    """Two cases, and no triangle of a matrix."""
    return node.op is ops.ELEMENTWISE and node.attrs[0] == "where" and not is_triangle(node.operands[0])


def _is_conditional(node: Node, tests: Collection[Node]) -> bool:
    """A choice, or a sum with conditions or choices among the factors of its terms."""
    if node.op is ops.ELEMENTWISE:
        return _is_choice(node) or _bounded(node, tests) is not None
    return is_sum(node) and any(base.dtype == BOOLEAN or base.op is ops.ELEMENTWISE and _is_conditional(base, tests)
                                for each in node.operands for base, _ in powers_of(each).bases)


def _bounded(node: Node, tests: Collection[Node]) -> tuple[Node, Node, Node] | None:
    """max(a, b) as {a if a > b, b otherwise}, clip(a, -c, c) as {a if |a| <= c, c sign(a) otherwise}, by one of `tests`."""
    found = _as_choice(node)
    return next((choice for choice in found if tested(choice[0])[0] in tests), None)


def _as_choice(node: Node) -> Iterator[tuple[Node, Node, Node]]:
    if node.attrs[0] in ("maximum", "minimum"):
        for a, b in (node.operands, node.operands[::-1]):
            yield short_condition(elementwise("greater" if node.attrs[0] == "maximum" else "less", [a, b])), a, b
    if node.attrs[0] == "relu":
        (a,) = node.operands
        yield short_condition(elementwise("greater", [a, literal(0, a.shape)])), a, zeros(a.shape)
    if node.attrs[0] == "clip":
        a, low, high = node.operands
        bounds = [short_condition(elementwise(row, [a, b])) for row, b in (("greater_equal", low), ("less_equal", high))]
        inside = short_condition(elementwise("logical_and", bounds))
        axes = tuple(range(len(a.shape)))
        alike = inside.attrs[0] == "less_equal"
        yield inside, a, contract([high, elementwise("sign", [a])], [axes, axes], axes) if alike else node


def _parts(node: Node, tests: Collection[Node]) -> Terms:
    """A conditional sum or a choice as terms."""
    if is_sum(node):
        return pairs_of(node)
    condition, one, other = _bounded(node, tests) or node.operands
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
        return _cancelling(terms, seen) if away is None else ((tested(away[0])[0], away[1]), away[0])
    key = max(both, key=lambda k: len(both[k]))
    spelled = [base for _, base in both[key]]
    return key, next((base for base in spelled if not _is_negated(base)), spelled[0])


def _cancelling(terms: Sequence[Powers], seen: Mapping[Key, Sequence[tuple[bool, Node]]]) -> tuple[Key, Node] | None:
    """A condition under which two terms of a sum cancel."""
    for (test, labels), found in seen.items():
        condition = found[0][1]
        inside = []
        for read in terms:
            bases = {key: e for key, e in read.bases.items() if key != (condition, labels)}
            inside.append((written(Powers(read.out, read.sizes, read.by, bases)), ONE))
        if len(found) < len(terms) and len(pairs_of(joined(inside))) < len(terms) - 1:
            return (test, labels), condition
    return None


def _is_negated(node: Node) -> bool:
    return node.op is ops.ELEMENTWISE and node.attrs[0] == "logical_not"
