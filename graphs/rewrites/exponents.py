"""One exponent for each base of a quotient, as a program needs it: x (1/x²) (1/x²) is (1/x)³.

`reduced` is a pure function graph -> graph for derivatives. The quotient rule makes powers of powers and products with
powers of a reciprocal; (x²)² overflows where x³ is an ordinary number, and 1/x² times x is infinity times zero. What
holds afterwards: where a divisor meets itself or what it divides in one product, its base occurs there with one exponent,
and a negative one is that many factors 1/x, each of which brings the product nearer to its value.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal, literal_value, scale
from symgrad.graphs.algebra.primitives import add, elementwise
from symgrad.graphs.node import Node, topological, transform
from symgrad.graphs.rewrites.differences import is_double
from symgrad.graphs.rewrites.patterns import bare, row_of
from symgrad.graphs.table import rebuild
from symgrad.graphs.weights import ONE, Weight, inverse, times

LONGEST = 16  # factors of one product that are read
GROWTH = 6  # factors that a product may get
LARGEST = 500  # nodes: in a graph of more levels products stay as they are, so that their weights stay in range
CHAIN = 8  # negative exponents that are spelled out

Key = tuple[Node, tuple[Any, ...]]
Bases = Counter[Key]


def reduced(roots: Sequence[Node]) -> list[Node]:
    """`roots` with one exponent for each base that a product divides by."""
    order = topological(roots)
    if len(order) > LARGEST or not any(
            node.op is ops.ELEMENTWISE and node.attrs[0] in ("reciprocal", "exp") for node in order):
        return list(roots)
    return transform(roots, lambda node, operands: _reduced(node, rebuild(node, operands)), {})


def _reduced(node: Node, new: Node) -> Node:
    """`new`, which is `node` with operands in their form; a product too that got a weight from these."""
    if node.op is ops.EINSUM and new.op is ops.ADD and len(new.operands) == 1:
        return scale(quotient_form(new.operands[0]), new.attrs[0][0])
    return quotient_form(new)


def quotient_form(node: Node) -> Node:
    """A product with one exponent for each of its divisors; other nodes as they are."""
    node = _single_exponentials(node)
    if node.op is not ops.EINSUM or not any(map(_may_divide, _factors(node))):
        return node
    inputs, out = node.attrs
    if len(inputs) > LONGEST:
        return node
    by = ONE
    bases: Bases = Counter()
    seen: Bases = Counter()  # in how many factors; a power of a divisor counts twice
    below: set[Key] = set()
    for operand, labels in zip(node.operands, inputs, strict=True):
        found: Bases = Counter()
        by = times(by, _read(operand, tuple(labels), 1, found))
        bases.update(found)
        for key, e in found.items():
            divides = e < 0 or _divides(key[0])
            seen[key] += 2 if divides and abs(e) > 1 else 1
            if divides:
                below.add(key)
    nested = any(_plain(bare(o)) and all(map(_may_divide, bare(o).operands)) for o in node.operands)
    if not _with_roots(bases, below) and not nested and not any(seen[key] > 1 for key in below):
        return node
    nodes: list[Node] = []
    names: list[Sequence[Any]] = []
    for (base, labels), e in bases.items():
        for factor in _power(base, e):
            nodes.append(factor)
            names.append(labels)
    if len(nodes) > len(inputs) + GROWTH:  # along a chain of quotients every product would be that of all before
        return node
    sizes = dict(zip(out, node.shape, strict=True))
    for operand, labels in zip(node.operands, inputs, strict=True):
        sizes.update(zip(labels, operand.shape, strict=True))
    held = {x for labels in names for x in labels} | set(out)
    if set(sizes) - held:  # what is summed would be gone
        return node
    return scale(contract(nodes, names, out, sizes), by)


def _single_exponentials(node: Node) -> Node:
    """exp(a) exp(-exp(a)) as exp(a - exp(a)): the first factor is infinite where the second is zero."""
    if node.op is not ops.EINSUM:
        return node
    factors = list(zip(node.operands, node.attrs[0], strict=True))
    for i, (one, names) in enumerate(factors):
        for j, (two, others) in enumerate(factors):
            a, outer = row_of(one, "exp"), row_of(two, "exp")
            if i != j and names == others and a is not None and outer is not None and is_double(outer, a):
                rest = [factor for k, factor in enumerate(factors) if k not in (i, j)]
                rest.append((elementwise("exp", [add([a, outer])]), names))
                return _single_exponentials(contract([n for n, _ in rest], [x for _, x in rest], node.attrs[1],
                                                     dict(zip(node.attrs[1], node.shape, strict=True))))
    return node


def _divides(base: Node) -> bool:
    """Is a base 1/x, taken where a condition holds?"""
    return base.op is ops.ELEMENTWISE and base.attrs[0] == "taken" and row_of(base.operands[1], "reciprocal") is not None


def _factors(node: Node) -> list[Node]:
    """The factors of a product, and those of products inside that sum nothing."""
    return [factor for o in node.operands for factor in (o, *(bare(o).operands if _plain(bare(o)) else ()))]


def _may_divide(node: Node) -> bool:
    return row_of(node, "reciprocal") is not None or row_of(node, "taken") is not None


def _plain(node: Node) -> bool:
    """Is `node` a product that sums nothing?"""
    return node.op is ops.EINSUM and {x for names in node.attrs[0] for x in names} == set(node.attrs[1])


def _read(node: Node, labels: tuple[Any, ...], e: int, into: Bases) -> Weight:
    """Read `node` to the power e or -e into bases; the weight in front of them."""
    by, stack = ONE, [(node, labels, e)]
    opened = 0  # squares of squares have few bases and many factors
    while stack:
        node, labels, e = stack.pop()
        inner = bare(node)
        row = inner.attrs[0] if inner.op is ops.ELEMENTWISE else None
        if row == "reciprocal":
            stack.append((inner.operands[0], labels, -e))
        elif row == "taken" and e == 1 and (parts := _chosen(inner)) is not None:
            stack += [(part, labels, e) for part in parts]
        elif row == "power" and (n := _twice(inner.operands[1])) is not None:
            base = inner.operands[0]
            stack.append((base, labels, e * n // 2) if n % 2 == 0 else (elementwise("sqrt", [base]), labels, e * n))
        elif inner.op is ops.ADD and len(inner.operands) == 1 and abs(e) == 1 and inner.attrs[0][0].number != 0:
            weight = inner.attrs[0][0]
            by = times(by, weight if e == 1 else inverse(weight))
            stack.append((inner.operands[0], labels, e))
        elif _plain(inner) and opened < LONGEST:
            opened += len(inner.operands)
            place = dict(zip(inner.attrs[1], labels, strict=True))
            stack += [(o, tuple(place[x] for x in names), e)
                      for o, names in zip(inner.operands[::-1], inner.attrs[0][::-1], strict=True)]
        else:
            into[node, labels] += e
    return by


def _chosen(node: Node) -> list[Node] | None:
    """The factors of which `node` is the product, each taken where the condition holds; None where it is a base."""
    condition, inner = node.operands[0], bare(node.operands[1])
    if not _plain(inner) or set(inner.attrs[0]) != {inner.attrs[1]}:
        return None
    if not any(row_of(o, "reciprocal") is not None for o in inner.operands):
        return None
    return [elementwise("taken", [condition, o]) for o in inner.operands]


def _with_roots(bases: Bases, below: Collection[Key]) -> bool:
    """Are q and √q in one product, and one of them divides? Then q is the square of √q there."""
    found = False
    for root, labels in list(bases):
        q = row_of(root, "sqrt")
        if q is not None and (q, labels) in bases and not {(root, labels), (q, labels)}.isdisjoint(below):
            bases[root, labels] += 2 * bases.pop((q, labels))
            found = True
    return found


def _twice(exponent: Node) -> int | None:
    """2 p where the exponent p is a half or a whole number."""
    value = literal_value(exponent)
    twice = None if value is None or value.factor is not None else 2 * value.number
    return int(twice) if twice is not None and math.isfinite(twice) and twice == int(twice) else None


def _power(base: Node, e: int) -> list[Node]:
    """Factors whose product is base^e."""
    if abs(e) > CHAIN:
        raised = elementwise("power", [base, literal(abs(e), base.shape)])
        return [raised if e > 0 else elementwise("reciprocal", [raised])]
    return [base] * e if e > 0 else [elementwise("reciprocal", [base])] * -e
