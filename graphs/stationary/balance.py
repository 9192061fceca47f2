"""Zeros of gradients that are not affine: matrices under logdet and inverse, entries under log, powers and exp.

*Matrices.* Where X occurs only as logdet X, X^-1 and X, the loss is affine in these three with coefficients a, C, D
(found by differentiating by them), and its gradient is `a X'^-1 - X'^-1 C X'^-1 + D`. Without D it is zero at
X = C'/a, without C at X = -a D'^-1: the maximum-likelihood estimates of a covariance and of a precision
(Anderson, An Introduction to Multivariate Statistical Analysis, theorem 3.2.1). A symmetric X needs the symmetric
part of the gradient only, so C and D are made symmetric.

*Entries.* Where the gradient of an entry x is c0 f0(x) + c1 f1(x), the equation is f0/f1 (x) = -c1/c0, and a power, a
log, an exp or a quotient of affine functions is inverted. On a simplex a multiplier for the sum is added (so what is
constant along the last axis does not count): -∑ c log p gives c / Σ c, and ∑ p log p + ∑ d p gives softmax(-d).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal, scale
from symgrad.graphs.algebra.flattening import Term
from symgrad.graphs.algebra.formulas import lower
from symgrad.graphs.algebra.linear import inverse, logdet, swapped
from symgrad.graphs.algebra.primitives import add, elementwise, input_node, softmax
from symgrad.graphs.algebra.rows import ROWS
from symgrad.graphs.facts import LOWER_TRIANGULAR, NONNEGATIVE, ORTHOGONAL, SIMPLEX, implied
from symgrad.graphs.node import Node, Symbol, depends, topological, transform
from symgrad.graphs.reverse import reverse
from symgrad.graphs.stationary.affine import (
    Obstacle,
    degrees,
    is_symmetric,
    negative,
    reciprocal,
    substituted,
    terms,
    total,
)
from symgrad.graphs.stationary.systems import cancelled
from symgrad.graphs.table import rebuild
from symgrad.graphs.weights import to_expr, weight

X = sp.Symbol("x", positive=True)
ATOM = -2000  # owners from here downwards: stand-ins for logdet X and X^-1, which never survive


def inverses(root: Node, variables: Sequence[Node]) -> Node:
    """`solve(X, B)` as `X^-1 B` for variables X, and the square of a root as what is under it."""
    wanted = set(variables)

    def rule(node: Node, operands: tuple[Node, ...]) -> Node:
        if node.op is ops.SOLVE and operands[0] in wanted:
            a, b = operands
            stack = tuple(range(len(a.shape) - 2))
            columns = tuple(f"c{i}" for i in range(len(b.shape) - len(stack) - 1))
            return contract([inverse(a), b], [(*stack, "i", "j"), (*stack, "j", *columns)], (*stack, "i", *columns))
        if node.op is ops.EINSUM and len(operands) == 2 and operands[0] is operands[1]:
            one, other = node.attrs[0]
            if one == other and operands[0].op is ops.ELEMENTWISE and operands[0].attrs[0] == "sqrt":
                return contract(operands[0].operands, [one], node.attrs[1])
        return rebuild(node, operands)

    return transform([root], rule, {})[0]


def of_matrix(root: Node, x: Node) -> tuple[Node, Node, Node] | None:
    """(a, C, D) where `root` is affine in logdet x, x^-1 and x; None where it is not, or has neither of the first."""
    if len(x.shape) < 2 or x.shape[-1] != x.shape[-2]:
        return None
    known = [logdet(x), inverse(x)]
    if not set(known) & set(topological([root])):
        return None
    atoms = [input_node(Symbol("data", "atom", owner=ATOM - i), node.shape, node.dtype) for i, node in enumerate(known)]
    inner = substituted(root, dict(zip(known, atoms, strict=True)))
    found = degrees([inner], [*atoms, x])
    if found[inner] > 1:
        return None
    a, c, d = reverse(inner, contract([], [], ()), [*atoms, x])
    return a, c, d


def keeps_no_pattern(x: Node) -> None:
    """Raises Obstacle for a variable with declared zeros or declared orthogonal: its zero need not be so."""
    for fact in x.attrs[0].facts if x.op is ops.INPUT else ():
        if not implied((fact,)).isdisjoint((ORTHOGONAL, LOWER_TRIANGULAR)):
            raise Obstacle("fact", None, [x], fact=fact)


def matrix_zero(x: Node, a: Node, c: Node, d: Node) -> Node:
    """The zero of `a X'^-1 - X'^-1 C X'^-1 + D`. Raises Obstacle where C and D are both there, or a is zero."""
    keeps_no_pattern(x)
    empty = [node.op is ops.ADD and not node.operands for node in (a, c, d)]
    if empty[0] or empty[1] == empty[2]:
        raise Obstacle("matrix", None, [x])
    n = len(x.shape)
    stack = tuple(range(n - 2))
    body = c if empty[2] else d
    symmetric = is_symmetric(x)
    if symmetric and not is_symmetric(body):
        body = scale(add([body, swapped(body)]), weight(0.5))
    if not symmetric:
        body = swapped(body)
    over = reciprocal(a) if empty[2] else a
    result = body if empty[2] else negative(inverse(body))
    return contract([over, result], [stack, range(n)], range(n))


# entries ----------------------------------------------------------------------------------------------


def entry_zero(root: Node, g: Node, x: Node, facts: Collection[str]) -> Node | None:
    """The zero of a gradient whose entries depend on one entry of `x` each; None where the form is another.

    Raises Obstacle where there are several zeros.
    """
    coefficients = _by_function(g, x)
    if coefficients is None:
        return None
    if SIMPLEX in facts:
        return _on_simplex(coefficients, x)
    if len(coefficients) != 2:
        if len(coefficients) > 2 and all(_power(f) is not None for f in coefficients):
            powers = [p for f in coefficients if (p := _power(f)) is not None]
            if all(p.is_Integer for p in powers):
                raise Obstacle("several", None, [x], int(max(powers) - min(powers)))
        return None
    (f, c), (h, b) = sorted(coefficients.items(), key=lambda item: sp.default_sort_key(item[0]))
    ratio = sp.powsimp(f / h, force=True)
    if _upside_down(ratio):
        ratio, c, b = 1 / ratio, b, c
    value = negative(_quotient(b, c))
    power = _power(ratio)
    if power is not None:
        return _root(value, power, x, NONNEGATIVE in facts or _positive(root, x))
    if ratio == sp.log(X):
        return elementwise("exp", [value])
    quotient = _of_affine(ratio, c, b)
    if quotient is not None:
        return quotient
    rate = sp.log(ratio).expand(force=True) / X if isinstance(ratio, sp.exp) else sp.S.NaN
    return lower(sp.log(X) / rate, {X: value}, x.shape) if rate.is_Rational else None


def _of_affine(ratio: sp.Expr, c: Node, b: Node) -> Node | None:
    """x with c ratio(x) + b = 0 for a ratio (n1 x + n0) / (d1 x + d0): x = -(n0 c + d0 b) / (n1 c + d1 b)."""
    parts = sp.fraction(sp.together(ratio))
    if not all(part.is_polynomial(X) and sp.degree(part, X) <= 1 for part in parts):
        return None
    (n1, n0), (d1, d0) = ((part.coeff(X, 1), part.coeff(X, 0)) for part in map(sp.expand, parts))
    if not all(number.is_Rational for number in (n1, n0, d1, d0)):
        return None
    above = add([c, b], [weight(-n0), weight(-d0)])
    below = add([c, b], [weight(n1), weight(d1)])
    return _quotient(total(terms(above)), total(terms(below)))


def _upside_down(ratio: sp.Expr) -> bool:
    """1/log, a negative power, exp with a negative rate."""
    power = _power(ratio)
    if power is not None:
        return bool(power.is_negative)
    return ratio == 1 / sp.log(X) or (isinstance(ratio, sp.exp) and ratio.args[0].could_extract_minus_sign())


def _root(value: Node, power: sp.Expr, x: Node, positive: bool) -> Node | None:
    """x with x**power = value."""
    if power == 1:
        return value
    if not power.is_Integer or positive:
        return lower(X ** (1 / power), {X: value}, x.shape)
    if power % 2 == 0:
        raise Obstacle("several", None, [x], 2)
    size = lower(X ** (1 / power), {X: elementwise("abs", [value])}, x.shape)
    axes = range(len(x.shape))
    return contract([elementwise("sign", [value]), size], [axes, axes], axes)


def _on_simplex(coefficients: dict[sp.Expr, Node], x: Node) -> Node | None:
    last = len(x.shape) - 1
    mine = {f: c for f, c in coefficients.items() if f != 1 or not _constant_along(c, last)}
    axes = range(len(x.shape))
    if set(mine) == {1 / X}:
        (c,) = mine.values()
        if c.op is ops.ADD and len(c.operands) == 1:  # a weight cancels
            (c,) = c.operands
        below = reciprocal(contract([c], [axes], axes[:-1]))
        return contract([c, below], [axes, axes[:-1]], axes)
    if sp.log(X) in mine and set(mine) <= {sp.log(X), sp.Integer(1)}:
        rate = mine[sp.log(X)]
        if not _constant_along(rate, last):
            return None
        one = mine.get(sp.Integer(1))
        if one is None:
            return literal(weight(sp.Integer(1) / sp.sympify(x.shape[-1])), x.shape)
        varying = [t for t in terms(one) if not _flat_along(t, last)]
        return softmax(negative(_quotient(total(varying), rate)), [last])
    return None


def _constant_along(node: Node, axis: int) -> bool:
    """Is a node, or every term of it, the same along an axis?"""
    return all(_flat_along(term, axis) for term in terms(node))


def _flat_along(term: Term, axis: int) -> bool:
    return term.out[axis] not in term.held and term.out.count(term.out[axis]) == 1


def _quotient(above: Node, below: Node) -> Node:
    """Entry by entry; what both share as a factor is cancelled."""
    h, b = cancelled(terms(below), terms(above))
    axes = range(len(above.shape))
    return contract([total(b), reciprocal(total(h))], [axes, axes], axes) if b else above


def _power(f: sp.Expr) -> sp.Expr | None:
    """q where f is x**q."""
    if f == 1:
        return sp.Integer(0)
    base, exponent = f.as_base_exp()
    return exponent if base == X and exponent.is_Rational else None


def _positive(root: Node, x: Node) -> bool:
    """Must entries of x be positive, because a logarithm or a root of them is taken?"""
    return any(node.op is ops.ELEMENTWISE and node.attrs[0] in ("log", "sqrt") and node.operands[0] is x
               for node in topological([root]))


def _by_function(g: Node, x: Node) -> dict[sp.Expr, Node] | None:
    """The coefficients of functions of an entry of x; None where entries do not stand by themselves."""
    found: dict[sp.Expr, list[Node]] = {}
    live = depends([g], [x])
    for term in terms(g, live):
        formula = _formula(term, x, live)
        if formula is None:
            return None
        fixed = [f for f in term.factors if f[0] not in live]
        node = scale(term.over(fixed, term.out), term.by)
        for product, number in sp.expand(formula).as_coefficients_dict().items():
            constant, f = product.as_independent(X, as_Add=False)  # 1/(2 π x)
            found.setdefault(f, []).append(scale(node, weight(number * constant)))
    sums = {f: add(nodes) for f, nodes in found.items()}
    return {f: node for f, node in sums.items() if node.op is not ops.ADD or node.operands}


def _formula(term: Term, x: Node, live: set[Node]) -> sp.Expr | None:
    """The product of the factors of a term that depend on x, as a function of one entry."""
    result: sp.Expr = sp.Integer(1)
    for node, labels in term.factors:
        if node in live:
            f = _entry(node, x) if labels == term.out and len(set(labels)) == len(labels) else None
            if f is None:
                return None
            result = result * f
    return result


def _entry(root: Node, x: Node) -> sp.Expr | None:
    """A node of the shape of x as a function of one entry of x."""
    found: dict[Node, sp.Expr] = {x: X}
    for node in topological([root], enter=lambda n: n is not x):
        if node is x:
            continue
        if any(o not in found for o in node.operands) or node.shape != x.shape:
            return None
        below = [found[o] for o in node.operands]
        if node.op is ops.ADD and all(by.factor is None or not by.factor.free_symbols for by in node.attrs[0]):
            found[node] = sp.Add(*(to_expr(by) * f for by, f in zip(node.attrs[0], below, strict=True)))
        elif node.op is ops.EINSUM and all(labels == node.attrs[1] for labels in node.attrs[0]):
            found[node] = sp.Mul(*below)
        elif node.op is ops.VIEW and not below and len(set(node.attrs[1])) == len(node.shape):
            found[node] = sp.Integer(1)
        elif node.op is ops.ELEMENTWISE and node.attrs[0] in ("log", "exp", "reciprocal", "sqrt", "power"):
            row = ROWS[node.attrs[0]]
            whole = row.name in ("exp", "reciprocal") or (row.name == "power" and below[1].is_Integer)
            if not whole and not (below[0].is_polynomial(X) and sp.degree(below[0], X) == 1):
                return None  # the root or logarithm of x**2 has a second branch, at negative x
            found[node] = row.formula.xreplace(dict(zip(row.symbols, below, strict=True)))
        elif node.op is ops.NAMED:
            found[node] = below[0]
        else:
            return None
    return sp.powsimp(found[root], force=True) if root in found else None
