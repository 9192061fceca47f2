"""The step on one smooth piece: the zero of t e'(z) + z - v, where that has a closed form.

With z = (y - b)/a for the affine y under a logarithm, power or exponential, the equation is `A y + B + C f(y) = 0`:

| e(y)         | f(y)          | the step                                                   |
|--------------|---------------|------------------------------------------------------------|
| quadratic    |               | y = -B/A                                                   |
| -log y       | 1/y           | a root of a quadratic                                      |
| y^3          | y^2           | a root of a quadratic                                      |
| y^(3/2)      | y^(1/2)       | the square of one                                          |
| y^4, y^(4/3) | y^3, y^(1/3)  | a root of y³ + P y = Q with P > 0, by sinh                 |
| 1/y, -y^(1/2)| y^-2, y^(-1/2)| the positive root of y³ + P y = Q, by Cardano or by cosine |
| y log y      | log y         | by Wright's omega function, omega(u) + log omega(u) = u    |
| exp(k y)     | exp(k y)      | the same                                                   |

Omega is Lambert's W of exp (Corless and Jeffrey, The Wright omega function, 2002); Combettes and Pesquet, Proximal
splitting methods in signal processing, 2011, table 10.2 has most of these steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symgrad.graphs.proximal.deciding import ABOVE, sign_of
from symgrad.graphs.proximal.kinks import SmoothPiece, Unsolved
from symgrad.graphs.proximal.scalars import X

V = sp.Symbol("a", real=True)  # the point and the step, named so that sums are written in this order
T = sp.Symbol("b", positive=True)
omega = sp.Function("wright_omega", real=True)
LOSES = "it needs a special function that is not among the elementwise ones"


@dataclass(frozen=True)
class Root:
    """The zero on a piece, a formula in V and T: as computed, and as people read it; `slope` where it is affine in V."""

    computed: sp.Expr
    read: sp.Expr
    slope: sp.Expr | None = None


def root_on(piece: SmoothPiece) -> Root:
    """Where the piece, continued, has its step. Raises Unsolved."""
    f = sp.expand(T * sp.diff(piece.formula, X) + X - V)
    if f.is_polynomial(X) and sp.degree(f, X) == 1:
        below = sp.factor(f.coeff(X, 1))
        z = sp.expand(-f.coeff(X, 0)) / below
        return Root(z, z, 1 / below)
    y, inner = _inside(f, piece)
    a, b = inner.coeff(X, 1), inner.coeff(X, 0)
    g = sp.expand(sp.powsimp(sp.expand_log(f.xreplace({X: (y - b) / a}), force=True), force=True))
    g = sp.expand(g.replace(lambda e: e.is_Pow and e.base.has(y), lambda e: sp.powdenest(sp.simplify(e), force=True)))
    parts = sp.collect(g, y, evaluate=False)
    rest = {k: c for k, c in parts.items() if k not in (y, sp.S.One)}
    lead, base = parts.get(y, sp.S.Zero), parts.get(sp.S.One, sp.S.Zero)
    if base.has(y):
        curved = [t for t in sp.Add.make_args(sp.expand(base)) if t.has(y)]
        base = sp.expand(base) - sp.Add(*curved)
        kinds = {t.as_independent(y)[1] for t in curved}
        if len(kinds) != 1 or rest:
            raise Unsolved(LOSES)
        (kind,) = kinds
        factor = sp.Add(*(t.as_independent(y)[0] for t in curved))
    elif len(rest) == 1:
        ((kind, factor),) = rest.items()
    else:
        raise Unsolved("the zero of its slope is a root of a polynomial of too high a degree, or of no polynomial")
    p, q, c = (sp.simplify(e) for e in (base / lead, 1, factor / lead))
    found = _solved(y, kind, p, c)
    return Root(*((e - b) / a if (a, b) != (1, 0) else e for e in found))


def _inside(f: sp.Expr, piece: SmoothPiece) -> tuple[sp.Symbol, sp.Expr]:
    """A symbol for the affine formula under the one function of X, and that formula, not negative on the piece."""
    inner: set[sp.Expr] = set()
    for node in sp.preorder_traversal(f):
        if isinstance(node, sp.log) and node.has(X):
            inner.add(node.args[0])
        elif isinstance(node, sp.Pow) and node.base.has(X) and not (node.exp.is_Integer and node.exp > 0):
            inner.add(node.base)
        elif isinstance(node, sp.exp) and node.has(X):
            inner.add(X)
    if not inner:
        return _of_polynomial(f, piece)
    if len(inner) == 1:
        (form,) = inner
        if form.is_polynomial(X) and sp.degree(form, X) == 1:
            positive = form is not X or f.has(sp.log(X)) or any(
                n.is_Pow and n.base == X and not n.exp.is_integer for n in sp.preorder_traversal(f))
            if any(sign_of(form.xreplace({X: at})) == -1 for at in (piece.low + ABOVE, piece.high - ABOVE) if at.is_finite):
                form, positive = -form, True
            return sp.Symbol("y", positive=True) if positive else sp.Symbol("y", real=True), sp.expand(form)
    raise Unsolved("it has several functions of different arguments, and no closed form is known for their sum")


def _of_polynomial(f: sp.Expr, piece: SmoothPiece) -> tuple[sp.Symbol, sp.Expr]:
    """A quadratic polynomial from the end of its piece on, where it rises; a cubic one from where it has no square."""
    if sp.degree(f, X) == 2:
        if piece.low.is_finite or piece.high.is_finite:
            return sp.Symbol("y", positive=True), sp.expand(X - piece.low if piece.low.is_finite else piece.high - X)
        raise Unsolved("it has no minimum")
    if sp.degree(f, X) == 3:
        return sp.Symbol("y", real=True), sp.expand(X + f.coeff(X, 2) / (3 * f.coeff(X, 3)))
    raise Unsolved("the zero of its slope is a root of a polynomial of too high a degree")


def _solved(y: sp.Symbol, kind: sp.Expr, p: sp.Expr, c: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """y with y + p + c kind(y) = 0: as it is computed, and as people read it."""
    if kind == sp.log(y):
        z = c * omega(sp.expand(-p / c) - sp.log(c))
        return z, z
    if isinstance(kind, sp.exp):
        k = sp.simplify(kind.args[0] / y)
        if k.has(y):
            raise Unsolved(LOSES)
        z = -p - omega(sp.log(c * k) - k * p) / k
        return z, z
    power = kind.as_base_exp()[1] if kind.as_base_exp()[0] == y else None
    if power == -1:
        return _quadratic(p, -c)
    if power == 2:
        z = -2 * p / (1 + sp.sqrt(1 - 4 * c * p))
        return z, z
    if power == sp.Rational(1, 2):
        z = (-2 * p / (c + sp.sqrt(c**2 - 4 * p)))**2
        return z, z
    if power == 3:
        return (_sinh(1 / c, -p / c),) * 2
    if power == sp.Rational(1, 3):
        return (_sinh(c, -p)**3,) * 2
    if power == -2:
        return (1 / _cardano(p / c, -1 / c),) * 2
    if power == sp.Rational(-1, 2):
        return (_cardano(p, -c)**2,) * 2
    raise Unsolved(LOSES if power is None else f"the power {power} in the equation of its step has no closed form here")


def _quadratic(p: sp.Expr, c: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """The positive root of y² + p y - c: computed without cancellation for any sign of p."""
    size = sp.sqrt(sp.expand(p**2) + 4 * c) if sign_of(c) != 0 else sp.Abs(p)
    read = (-p + size) / 2
    return sp.Piecewise((read, p <= 0), (2 * c / (p + size), True)), read


def _sinh(p: sp.Expr, q: sp.Expr) -> sp.Expr:
    """The one root of y³ + p y = q, p > 0."""
    return 2 * sp.sqrt(p / 3) * sp.sinh(sp.asinh(3 * q / (2 * p) * sp.sqrt(3 / p)) / 3)


def _cardano(p: sp.Expr, q: sp.Expr) -> sp.Expr:
    """The positive root of y³ + p y = q, q > 0: written so that nothing cancels."""
    inside = q**2 / 4 + p**3 / 27
    a = (q / 2 + sp.sqrt(inside))**sp.Rational(1, 3)
    one = q / (a**2 + p / 3 + p**2 / (9 * a**2))
    turn = sp.sqrt(-p / 3)
    three = 2 * turn * sp.cos(sp.acos(q / (2 * turn**3)) / 3)
    return sp.Piecewise((one, inside >= 0), (three, True))
