"""Numbers, sizes and constants of SymPy as trees: the coefficients of a formula."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import sympy as sp

from symgrad.formulas.notation.own_letters import EULER, PI
from symgrad.formulas.spelling.tree import UNIT, Tree, call, fraction, name, negative, num, power, product, sum_of
from symgrad.graphs.node import Node
from symgrad.graphs.weights import Number, Weight, exact


def weight_tree(by: Weight) -> tuple[int, Tree]:
    """The sign and the size of a weight."""
    sign = -1 if by.number < 0 else 1
    number: Number = by.number if sign > 0 else -by.number
    above, below = sp.S.One, sp.S.One
    if by.factor is not None:
        above, below = by.factor.as_numer_denom()
    if isinstance(number, float):
        return sign, _ratio([num(number)], [], above, below)
    exact, above, below = _roots_below(Fraction(number), above, below)
    return sign, _ratio([num(exact.numerator)], [num(exact.denominator)], above, below)


def _roots_below(number: Fraction, above: sp.Expr, below: sp.Expr) -> tuple[Fraction, sp.Expr, sp.Expr]:
    """√2/(2 √π) is 1/√(2 π): a root of a divisor of the denominator stands below; √2/4 alone is 1/√8, for a width of 8."""
    if below == 1 and above.is_Pow and above.exp == sp.Rational(1, 2) and above.base.is_Integer:
        square = number**2 * int(above.base)
        if square.numerator == 1:
            return Fraction(1), sp.S.One, sp.sqrt(square.denominator, evaluate=False)
    for factor in sp.Mul.make_args(above):
        base, e = factor.as_base_exp()
        if e == sp.Rational(1, 2) and base.is_Integer and number.denominator % int(base) == 0:
            roots = [f for f in sp.Mul.make_args(below) if f.as_base_exp()[1] == sp.Rational(1, 2)]
            inside = sp.Mul(base, *(f.as_base_exp()[0] for f in roots))
            rest = sp.Mul(*(f for f in sp.Mul.make_args(below) if f not in roots))
            return number * int(base), above / factor, sp.Mul(rest, sp.sqrt(inside, evaluate=False), evaluate=False)
    return number, above, below


def _ratio(top: list[Tree], bottom: list[Tree], above: sp.Expr, below: sp.Expr) -> Tree:
    return fraction(product([*top, *map(expression, _factors(above))]),
                    product([*bottom, *map(expression, _factors(below))]))


def _factors(e: sp.Expr) -> Sequence[sp.Expr]:
    if e == 1:
        return ()
    return sorted(e.args, key=sp.default_sort_key) if e.is_Mul else (e,)


def expression(e: Any) -> Tree:
    """A size or scalar constant of SymPy as a tree."""
    if isinstance(e, int):
        return num(e)
    if e.is_Integer:
        return num(int(e))
    if e.is_Symbol:
        return name(e.name)
    if e is sp.pi:
        return PI
    if e is sp.E:
        return EULER
    if e.is_Float:
        return num(float(e))
    if e.is_Add:
        terms = []
        for term in e.as_ordered_terms():
            minus = term.could_extract_minus_sign()
            terms.append((-1, expression(-term)) if minus else (1, expression(term)))
        return sum_of(terms)
    if e.is_Mul or e.is_Rational:
        if e.could_extract_minus_sign():
            return negative(expression(-e))
        above, below = e.as_numer_denom()
        return _ratio([], [], above, below)
    if e.is_Pow:
        if e.exp == sp.Rational(1, 2):
            return Tree("root", (expression(e.base),))
        if e.exp.could_extract_minus_sign():
            return fraction(UNIT, expression(1 / e))
        return power(expression(e.base), expression(e.exp), False)
    return call(type(e).__name__, *map(expression, e.args)) if e.args else name(str(e))


def written_out(node: Node) -> Tree:
    """A small constant array by its entries; a vector is a column."""
    value = node.attrs[0].value
    if not value.ndim:
        return _entry(value.item())
    rows = value if value.ndim == 2 else value[:, None]
    return Tree("matrix", tuple(tuple(_entry(entry.item()) for entry in row) for row in rows))


def _entry(value: Any) -> Tree:
    value = exact(value)
    return expression(sp.Rational(value)) if isinstance(value, Fraction) else num(value)
