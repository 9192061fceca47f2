"""SymPy scalar formulas into the algebra: sums, products and powers become nodes, functions become rows.

A formula is taken apart at once, so that a user's `x0 / x1` or `log(x0)` meets the same rewrites as the
same formula written with tensors; scalar formulas are never composed into larger ones. What SymPy has to
say about an expression is asked once per expression (`_parts` is cached), since SymPy is slow and a
recurrence lowers the same partial thousands of times.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import sympy as sp

from symgrad.graphs.algebra.einsum import literal, product, scale
from symgrad.graphs.algebra.primitives import add, elementwise
from symgrad.graphs.algebra.rows import ROWS
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import BOOLEAN, Node
from symgrad.graphs.sizes import Shape
from symgrad.graphs.weights import Weight, weight

FUNCTIONS: Mapping[Any, str] = {
    sp.exp: "exp", sp.log: "log", sp.sin: "sin", sp.cos: "cos", sp.tan: "tan", sp.asin: "arcsin",
    sp.acos: "arccos", sp.atan: "arctan", sp.atan2: "arctan2", sp.sinh: "sinh", sp.cosh: "cosh",
    sp.tanh: "tanh", sp.asinh: "arcsinh", sp.acosh: "arccosh", sp.atanh: "arctanh", sp.erf: "erf",
    sp.erfc: "erfc", sp.loggamma: "lgamma", sp.digamma: "digamma", sp.polygamma: "polygamma",
    sp.Abs: "abs", sp.sign: "sign", sp.floor: "floor", sp.ceiling: "ceil", sp.erfinv: "erfinv",
    sp.StrictLessThan: "less", sp.LessThan: "less_equal", sp.StrictGreaterThan: "greater",
    sp.GreaterThan: "greater_equal", sp.Equality: "equal", sp.Unequality: "not_equal",
}
CHAINS: Mapping[Any, str] = {
    sp.Max: "maximum", sp.Min: "minimum", sp.And: "logical_and", sp.Or: "logical_or",
}


def lower(formula: sp.Basic, operands: Mapping[sp.Symbol, Node], shape: Shape) -> Node:
    """`formula` with its symbols read as `operands`, all of `shape`, as a node.

    Raises SymgradError for a function that has no row.
    """
    return _lower(formula, dict(operands), shape)


def _lower(e: sp.Basic, env: dict[Any, Node], shape: Shape) -> Node:
    known = env.get(e)
    if known is None:
        known = env[e] = _fresh(e, env, shape)
    return known


def _fresh(e: sp.Basic, env: dict[Any, Node], shape: Shape) -> Node:
    kind, parts, weights = _parts(e)
    if kind == "literal":
        return literal(weights[0], shape)
    if kind == "power":
        return power(_lower(parts[0], env, shape), parts[1], env, shape)
    nodes = [_lower(part, env, shape) for part in parts]
    if kind == "add":
        return add(nodes, weights)
    if kind == "mul":
        return scale(product(*nodes), weights[0])
    if kind == "chain":
        result, *rest = nodes
        for other in rest:  # Max(a, b, c) is maximum of maximum
            result = elementwise(weights[0], [result, other])
        return result
    if kind == "piecewise":
        result = nodes[-1]
        for value, chosen in reversed(list(zip(nodes[0:-1:2], nodes[1:-1:2], strict=True))):
            result = elementwise("where", [chosen, value, result])
        return result
    if kind in ("equal", "not_equal") and parts[1] == 0 and nodes[0].dtype == BOOLEAN:
        return nodes[0] if kind == "not_equal" else elementwise("logical_not", nodes[:1])
    return elementwise(kind, nodes)


@lru_cache(maxsize=4096)
def _parts(e: sp.Basic) -> tuple[str, tuple[Any, ...], tuple[Any, ...]]:
    """How an expression is built: (kind or row, parts, weights)."""
    if e in (sp.true, sp.false):
        return "literal", (), (Weight(int(e == sp.true)),)
    if isinstance(e, sp.Expr) and not e.free_symbols:
        return "literal", (), (_constant(e),)
    if isinstance(e, sp.Add):
        terms = sorted(e.as_ordered_terms(), key=lambda term: bool(term.could_extract_minus_sign()))
        pairs = [term.as_coeff_Mul(rational=True) for term in terms]
        return "add", tuple(rest for _, rest in pairs), tuple(weight(c) for c, _ in pairs)
    if isinstance(e, sp.Mul):
        constants = [f for f in e.args if not f.free_symbols]
        factors = tuple(f for f in e.args if f.free_symbols)
        return "mul", factors, (_constant(sp.Mul(*constants)),)
    if isinstance(e, sp.Pow):
        return "power", (e.base, e.exp), ()
    if e.func in CHAINS:
        return "chain", tuple(sorted(e.args, key=sp.default_sort_key, reverse=e.func in (sp.Max, sp.Min))), (
            CHAINS[e.func],)
    if isinstance(e, sp.Piecewise):
        flat = [part for branch in e.args for part in (branch.expr, branch.cond)]
        if flat[-1] == sp.true:
            return "piecewise", tuple(flat[:-1]), ()
        return "piecewise", (*flat, sp.nan), ()
    if isinstance(e, sp.Heaviside):
        return "greater", (e.args[0], sp.Integer(0)), ()
    if isinstance(e, sp.DiracDelta):
        return "literal", (), (Weight(0),)
    if isinstance(e, sp.Not):
        return "logical_not", e.args, ()
    name = getattr(e.func, "__name__", "")
    if name == "mask":  # a truth value as a number
        return "chain", e.args, ("",)
    row = FUNCTIONS.get(e.func, name)
    if row in ROWS and len(e.args) == ROWS[row].arity:
        return row, e.args, ()
    known = ", ".join(sorted({f.__name__ for f in FUNCTIONS} | {"Max", "Min", "Piecewise"}))
    raise SymgradError(f"elementwise: no row for {e.func} in the formula; known are {known}")


def _constant(e: sp.Expr) -> Weight:
    if e in (sp.oo, -sp.oo, sp.nan):
        return Weight(float(e))
    if e.is_real is False or e.has(sp.zoo, sp.I):
        raise SymgradError(f"elementwise: the constant {e} in the formula is not a real number")
    return weight(e)


def power(base: Node, exponent: sp.Basic, env: dict[Any, Node], shape: Shape) -> Node:
    """`base ** exponent`; small powers are products, roots and reciprocals of their own rows."""
    if exponent.is_Integer and int(exponent) < 0:
        return elementwise("reciprocal", [power(base, -exponent, env, shape)])
    if exponent == 0:
        return literal(1, shape)
    if exponent == 1:
        return base
    if exponent == 2:
        return product(base, base)
    if exponent == sp.Rational(1, 2):
        return elementwise("sqrt", [base])
    if exponent == sp.Rational(-1, 2):
        return elementwise("reciprocal", [elementwise("sqrt", [base])])
    known = env.keys() & exponent.free_symbols or not exponent.free_symbols
    above = _lower(exponent, env, shape) if known else literal(weight(exponent), shape)  # a size
    return elementwise("power", [base, above])
