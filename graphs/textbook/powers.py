"""Products with one exponent for each base: x/x, (x²)², √x², exp(a) exp(-a), |x| sign(x) in their shortest form.

A product of the graph is read as a weight times bases with named axes and rational exponents. Quotients, roots and
powers are exponents; what a summed label connects is one base (‖x‖², Xᵀ r). Written back, every base occurs once.
Two products are equal here where they are equal almost everywhere, as in a textbook: x/x is 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import isfinite

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal, literal_value, scale
from symgrad.graphs.algebra.flattening import joined
from symgrad.graphs.algebra.primitives import add, elementwise
from symgrad.graphs.node import BOOLEAN, Node
from symgrad.graphs.rewrites.patterns import row_of
from symgrad.graphs.textbook.bases import (
    HALF,
    Key,
    Labels,
    Powers,
    connected,
    is_even,
    is_safe,
    power_of,
    product_of,
    settled,
)
from symgrad.graphs.textbook.content import content, divided
from symgrad.graphs.weights import ONE, Weight, exact, times, weight

MOST = 32  # factors of one product: longer ones stay as they are


def product_form(node: Node) -> Node:
    """A product, view, quotient, root or power with one exponent for each base; other nodes as they are."""
    read = _read_top(node)
    if read is None:
        return node
    return written(read)


def scaled_product(node: Node) -> Node:
    """A product with its weight: one exponent for each base."""
    bare, by = unweighted(node)
    return scale(product_form(bare), by) if bare is not node else product_form(node)


def unweighted(node: Node) -> tuple[Node, Weight]:
    """A product without its weight."""
    if node.op is ops.ADD and len(node.operands) == 1:
        return node.operands[0], node.attrs[0][0]
    return node, ONE


def is_sum(node: Node) -> bool:
    """A sum of several terms."""
    return node.op is ops.ADD and len(node.operands) > 1


def pairs_of(node: Node) -> list[tuple[Node, Weight]]:
    """The terms of a node with their weights."""
    return list(zip(node.operands, node.attrs[0], strict=True)) if node.op is ops.ADD else [(node, ONE)]


def powers_of(node: Node) -> Powers:
    """A term of a sum as powers of bases on its axes: what is no product is one base."""
    read = _read_top(node)
    out = tuple(range(len(node.shape)))
    if read is None:
        read = Powers(out, dict(enumerate(node.shape)))
        _read(read, node, out, Fraction(1))
    return Powers(read.out, read.sizes, read.by, settled(read))


def bases_of(factors: Sequence[tuple[Node, Labels]]) -> dict[Key, Fraction]:
    """The bases of a product of factors with their axes, and the exponent of each."""
    read = Powers((), {})
    for node, labels in factors:
        _read(read, node, labels, Fraction(1))
    return settled(read)


def _read_top(node: Node) -> Powers | None:
    """The powers of a product; the labels that it sums are those of its operands."""
    if node.op is ops.EINSUM:
        inputs, out = node.attrs
        if len(inputs) > MOST:
            return None
        read = Powers(tuple(out), dict(zip(out, node.shape, strict=True)))
        for operand, labels in zip(node.operands, inputs, strict=True):
            read.sizes.update(zip(labels, operand.shape, strict=True))
        for operand, labels in zip(node.operands, inputs, strict=True):
            _read(read, operand, tuple(labels), Fraction(1))
        return read
    if node.op is ops.ELEMENTWISE and node.attrs[0] in _RULES:
        out = tuple(range(len(node.shape)))
        read = Powers(out, dict(zip(out, node.shape, strict=True)))
        _read(read, node, out, Fraction(1))
        return read
    return None


def _read(into: Powers, node: Node, labels: Labels, power: Fraction) -> None:
    """Read `node`, with its axes labelled, raised to a power, into a product."""
    stack = [(node, labels, power)]
    opened = 0  # squares of squares have few bases and many factors
    while stack:
        node, labels, p = stack.pop()
        rule = _RULES.get(node.attrs[0]) if node.op is ops.ELEMENTWISE else _NODES.get(node.op)
        parts = rule(into, node, labels, p) if rule is not None and len(into.bases) + opened < MOST else None
        if parts is None:
            into.put(node, labels, p)
        else:
            opened += max(len(parts) - 1, 0)
            stack.extend(reversed(parts))


Opened = list[tuple[Node, Labels, Fraction]] | None  # None: the node is a base


def _scaled(into: Powers, node: Node, labels: Labels, p: Fraction) -> Opened:
    if not node.operands and p > 0:
        into.by = Weight(0)
        return []
    if len(node.operands) > 1:
        return _with_content(into, node, labels, p)
    by, inner = node.attrs[0][0], node.operands[0]
    raised = power_of(by, p)
    if raised is None:
        return None
    into.by = times(into.by, raised)
    return [(inner, labels, p)]


def _with_content(into: Powers, node: Node, labels: Labels, p: Fraction) -> Opened:
    """(2 x - 4) y is 2 (x - 2) y."""
    shared = content(node.attrs[0])
    raised = power_of(shared, p)
    if shared == ONE or raised is None:
        return None
    into.by = times(into.by, raised)
    return [(divided(node, shared), labels, p)]


def _viewed(into: Powers, node: Node, labels: Labels, p: Fraction) -> Opened:
    inputs, out = node.attrs
    if len(set(out)) < len(out):
        return _diagonal(into, node, labels, p)
    place = dict(zip(out, labels, strict=True))
    if not node.operands:
        return []
    (names,) = inputs
    if len(set(names)) < len(names):
        return None
    return [(node.operands[0], tuple(place[x] for x in names), p)]


def _diagonal(into: Powers, node: Node, labels: Labels, p: Fraction) -> Opened:
    """diag(c v) is c diag(v) for a scalar c."""
    if not node.operands or p.denominator != 1 or p < 0:
        return None
    (inner,), ((names,), out) = node.operands, node.attrs
    read = Powers(tuple(range(len(names))), dict(enumerate(inner.shape)))
    _read(read, inner, read.out, Fraction(1))
    bases = settled(read)
    scalars = {key: e for key, e in bases.items() if not key[1]}
    if p > 1 or not scalars and read.by == ONE:
        return None
    into.by = times(into.by, read.by)
    rest = Powers(read.out, read.sizes, ONE, {key: e for key, e in bases.items() if key[1]})
    sizes = dict(zip(out, node.shape, strict=True))
    body = contract([written(rest)], [names], out, sizes) if rest.bases else contract([], [], out, sizes)
    return [*((base, (), e) for (base, _), e in scalars.items()), (body, labels, p)]


def _multiplied(into: Powers, node: Node, labels: Labels, p: Fraction) -> Opened:
    """The factors of a product that sums nothing; under a root only what may leave it."""
    inputs, out = node.attrs
    if len(inputs) > MOST or {x for names in inputs for x in names} != set(out) or len(set(out)) < len(out):
        return None
    place = dict(zip(out, labels, strict=True))
    if p.denominator == 1:
        return [(o, tuple(place[x] for x in names), p) for o, names in zip(node.operands, inputs, strict=True)]
    return _out_of_root(into, node, labels, p)


def _out_of_root(into: Powers, node: Node, labels: Labels, p: Fraction) -> Opened:
    """√(x² y) is |x| √y: what is not negative, and at most one factor of unknown sign."""
    inner = Powers(labels, dict(zip(labels, node.shape, strict=True)))
    place = dict(zip(node.attrs[1], labels, strict=True))
    for operand, names in zip(node.operands, node.attrs[0], strict=True):
        _read(inner, operand, tuple(place[x] for x in names), Fraction(1))
    bases = settled(inner)
    by = power_of(inner.by, p)
    unsafe = [key for key, e in bases.items() if not (is_even(e) or is_safe(key[0]))]
    if by is None or len(unsafe) > 1:
        return None
    into.by = times(into.by, by)
    parts = []
    for (base, names), e in bases.items():
        q = e * p
        if is_even(e) and not is_even(q) and not is_safe(base):
            base = elementwise("abs", [base])
        parts.append((base, names, q))
    return parts


def _reciprocal(into: Powers, node: Node, labels: Labels, p: Fraction) -> Opened:
    return [(node.operands[0], labels, -p)]


def _root(into: Powers, node: Node, labels: Labels, p: Fraction) -> Opened:
    """√u to an even power is u."""
    return [(node.operands[0], labels, p * HALF)]


def _raised(into: Powers, node: Node, labels: Labels, p: Fraction) -> Opened:
    base, exponent = node.operands
    value = literal_value(exponent)
    if value is None:
        return _of_product(node, labels, p)
    if value.factor is not None or isinstance(value.number, float):
        return None
    e = Fraction(value.number)
    if p.denominator > 1 and is_even(e) and not is_even(e * p) and not is_safe(base):
        base = elementwise("abs", [base])
    return [(base, labels, e * p)]


def _of_product(node: Node, labels: Labels, p: Fraction) -> Opened:
    """(a/c)^(y - 1) is (a/c)^y c/a, so that what is beside it may cancel."""
    u, exponent = node.operands
    pairs = pairs_of(joined(pairs_of(exponent)))
    number = next((times(value, by) for each, by in pairs if (value := literal_value(each)) is not None), None)
    if number is None or number.factor is not None or isinstance(number.number, float) or p.denominator > 1:
        return None
    if not _is_product(u):
        return None
    rest = joined([(each, by) for each, by in pairs if literal_value(each) is None])
    return [(elementwise("power", [u, rest]), labels, p), (u, labels, p * Fraction(number.number))]


def _is_product(u: Node) -> bool:
    """A product or quotient of several bases."""
    read = _read_top(u)
    if read is None or read.by != ONE:
        return False
    return len(settled(read)) > 1 and all(e.denominator == 1 for e in read.bases.values())


def _rejoined(bases: dict[Key, Fraction]) -> dict[Key, Fraction]:
    """(a/c)^y c/a is (a/c)^(y - 1), where that leaves fewer factors."""
    for (power, labels), e in list(bases.items()):
        if e != 1 or power.op is not ops.ELEMENTWISE or power.attrs[0] != "power" or not _is_product(power.operands[0]):
            continue
        u, exponent = power.operands
        mine = bases_of([(u, labels)])
        tried = sorted({bases[key] / m for key, m in mine.items() if key in bases}, key=abs)
        left = {k: sum(bases.get(key, 0) != k * m for key, m in mine.items()) for k in (Fraction(0), *tried)}
        k = min(left, key=lambda each: left[each])  # of as many left, no change
        if k and k.denominator == 1 and left[k] < left[Fraction(0)]:
            whole = add([exponent, literal(1, exponent.shape)], [ONE, Weight(exact(k))])
            found = {key: rest for key, f in bases.items() if (rest := f - k * mine.get(key, 0)) and key != (power, labels)}
            return _rejoined({**found, (elementwise("power", [u, whole]), labels): Fraction(1)})
    return bases


def _exponential(into: Powers, node: Node, labels: Labels, p: Fraction) -> Opened:
    inner, by = node.operands[0], ONE
    if inner.op is ops.ADD and len(inner.operands) == 1:
        (by,), inner = inner.attrs[0], inner.operands[0]
    if (u := row_of(inner, "log")) is not None and by.factor is None and not isinstance(by.number, float):
        return [(u, labels, p * Fraction(by.number))]
    into.exponents.setdefault(labels, []).append((Weight(exact(p)), node.operands[0]))
    into.sizes.update(zip(labels, node.shape, strict=True))
    return []


def _chosen(into: Powers, node: Node, labels: Labels, p: Fraction) -> Opened:
    """{a if c, 0 otherwise} is [c] a, unless a is infinite: a mask of -∞ stays a choice, for 0 times it is no number."""
    condition, one, other = node.operands
    if condition.dtype != BOOLEAN or p != 1 or is_triangle(condition):
        return None
    for value, rest, test in ((other, one, condition), (one, other, None)):
        zero = literal_value(value)
        if zero is not None and zero.number == 0 and all(isfinite(by.number) for _, by in pairs_of(rest)):
            test = elementwise("logical_not", [condition]) if test is None else test
            return [(test, labels, p), (rest, labels, p)]
    return None


def _scaled_power(into: Powers, node: Node, labels: Labels, p: Fraction) -> Opened:
    x, base, exponent = node.operands
    return [(x, labels, p), (elementwise("power", [base, exponent]), labels, p)] if p.denominator == 1 else None


def _log_of_base(into: Powers, node: Node, labels: Labels, p: Fraction) -> Opened:
    """What u^y has by y is read where u > 0."""
    return [(elementwise("log", [node.operands[0]]), labels, p)]


def _taken(into: Powers, node: Node, labels: Labels, p: Fraction) -> Opened:
    """What is taken where a condition holds: elsewhere a factor beside it is zero, which is read as such."""
    return [(node.operands[1], labels, p)]


def is_triangle(condition: Node) -> bool:
    """A comparison of the number of a row with that of a column: tril and triu have a name."""
    return condition.op is ops.ELEMENTWISE and len(condition.operands) == 2 and all(
        o.op is ops.VIEW and o.operands and o.operands[0].op is ops.IOTA for o in condition.operands)


def _real(into: Powers, node: Node, labels: Labels, p: Fraction) -> Opened:
    """A truth value as a number."""
    return [(node.operands[0], labels, p)]


Rule = Callable[[Powers, Node, Labels, Fraction], Opened]
_RULES: Mapping[str, Rule] = {"reciprocal": _reciprocal, "sqrt": _root, "power": _raised, "exp": _exponential,
                              "where": _chosen, "taken": _taken, "real": _real,
                              "times_power": _scaled_power, "log_or_zero": _log_of_base,
                              "abs": lambda *_: None, "sign": lambda *_: None}
_NODES: Mapping[ops.Op, Rule] = {ops.ADD: _scaled, ops.VIEW: _viewed, ops.EINSUM: _multiplied}


def written(read: Powers) -> Node:
    """The product as a node."""
    bases = _rejoined(settled(read))
    by = read.by
    for x in {x for x in read.sizes if x not in read.out and not any(x in labels for _, labels in bases)}:
        by = times(by, weight(read.sizes[x]))  # a sum of ones
    inner = {x for _, labels in bases for x in labels if x not in read.out}
    free = [key for key in bases if inner.isdisjoint(key[1])]
    groups = connected([key for key in bases if not inner.isdisjoint(key[1])], inner)
    if not groups or (len(groups) == 1 and not free):
        return scale(product_of(bases, read.out, read.sizes), by)
    again = Powers(read.out, dict(read.sizes), by)
    for key in free:
        again.put(*key, bases[key])
    for group in groups:
        out = tuple(dict.fromkeys(x for _, labels in group for x in labels if x in read.out))
        _read(again, product_of({key: bases[key] for key in group}, out, read.sizes), out, Fraction(1))
    return scale(product_of(settled(again), again.out, again.sizes), again.by)
