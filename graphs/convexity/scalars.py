"""Entries of nodes as SymPy formulas in affine entries and constants: what second derivatives and signs are taken of.

Each affine entry and each constant is a symbol, with what is known of its sign. A formula with |u|, a maximum or `where`
is one in pieces. What is smooth must be so wherever the formula is a number: no root of what may reach zero inside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.algebra.rows import ROWS
from symgrad.graphs.convexity.bends import Because, Bend
from symgrad.graphs.convexity.interval import NONNEGATIVES, POSITIVES, Interval
from symgrad.graphs.convexity.nonnegative import always_positive, never_negative
from symgrad.graphs.convexity.ranges import Ranges, exponent_of
from symgrad.graphs.node import Node
from symgrad.graphs.weights import to_expr

LARGEST_FORMULA = 120  # operations
SYMPY_FAILS = (RecursionError, TypeError, ValueError, NotImplementedError, ArithmeticError, AttributeError)  # inside of it
SMOOTH: Mapping[str, Callable[[sp.Expr], sp.Expr] | None] = MappingProxyType({
    "sigmoid": lambda x: 1 / (1 + sp.exp(-x)), "softplus": lambda x: sp.log(1 + sp.exp(x)),
    "sech": lambda x: 1 / sp.cosh(x), "log_cosh": lambda x: sp.log(sp.cosh(x)),
    **dict.fromkeys(("exp", "log", "log1p", "expm1", "reciprocal", "sin", "cos", "sinh", "cosh", "tanh", "arctan",
                     "arcsinh", "sqrt", "real"))})  # those without a formula have one in ROWS


def cases(*parts: tuple[Any, Any]) -> sp.Expr:
    """A formula in pieces, as it is: SymPy spends minutes on the conditions of some."""
    return sp.Piecewise(*parts, evaluate=False)


KINKED: Mapping[str, Callable[..., sp.Expr]] = MappingProxyType({
    "abs": sp.Abs, "relu": lambda x: cases((x, sp.Gt(x, 0, evaluate=False)), (0, True)),
    "maximum": lambda x, y: cases((x, sp.Ge(x, y, evaluate=False)), (y, True)),
    "minimum": lambda x, y: cases((x, sp.Le(x, y, evaluate=False)), (y, True)),
    "sign": lambda x: cases((1, sp.Gt(x, 0, evaluate=False)), (-1, sp.Lt(x, 0, evaluate=False)), (0, True)),
    "leaky_relu": lambda x, s: cases((x, sp.Gt(x, 0, evaluate=False)), (s * x, True))})
TESTS: Mapping[str, Callable[..., Any]] = MappingProxyType({
    "less": sp.Lt, "less_equal": sp.Le, "greater": sp.Gt, "greater_equal": sp.Ge})
LOGIC: Mapping[str, Callable[..., Any]] = MappingProxyType({
    "logical_and": sp.And, "logical_or": sp.Or, "logical_not": sp.Not})
Labels = tuple[Any, ...]
Located = tuple[Node, Labels]


class Knowing(Protocol):
    """What a calculus knows of nodes."""

    live: set[Node]
    ranges: Ranges
    bends: dict[Node, Bend]
    reasons: dict[Node, Because]
    never_negative: set[Node]


class NoKernel(Exception):
    """A node that is no smooth scalar function of affine entries."""


class KernelFormulas:
    """Entries of nodes as scalar expressions; `places` are those that became symbols."""

    def __init__(self, c: Knowing) -> None:
        self.c = c
        self.places: dict[Located, sp.Symbol] = {}
        self.left = LARGEST_FORMULA  # entries that are looked at: a formula is a tree

    def __call__(self, node: Node, labels: Labels) -> sp.Expr:
        """The entry of `node` at `labels`. Raises NoKernel."""
        self.left -= 1
        if self.left < 0:
            raise NoKernel
        value = literal_value(node)
        if value is not None:
            return to_expr(value)
        if node.op is ops.NAMED:
            return self(node.operands[0], labels)
        if node.op is ops.ADD:
            return sp.Add(*[to_expr(by) * self(o, labels) for o, by in zip(node.operands, node.attrs[0], strict=True)])
        if node.op in ops.PRODUCTS and set(node.attrs[1]) >= {x for names in node.attrs[0] for x in names} and len(
                set(node.attrs[1])) == len(node.attrs[1]):
            place = dict(zip(node.attrs[1], labels, strict=True))
            return sp.Mul(*[self(o, tuple(place[x] for x in names))
                            for o, names in zip(node.operands, node.attrs[0], strict=True)])
        if node.op is ops.ELEMENTWISE and (node in self.c.live or node.attrs[0] in SMOOTH):
            return self._function(node, labels)
        if node in self.c.live and not self.c.bends[node].affine:
            raise NoKernel
        return self.symbol(node, labels)

    def symbol(self, node: Node, labels: Labels) -> sp.Symbol:
        """The symbol of an entry, with what is known of its sign."""
        if (node, labels) not in self.places:
            values = self.c.ranges(node)
            fact = "positive" if values.positive else "nonnegative" if values.nonnegative else "real"
            self.places[node, labels] = sp.Dummy("u" if node in self.c.live else "c", **{fact: True})
        return self.places[node, labels]

    def _function(self, node: Node, labels: Labels) -> sp.Expr:
        row, operands, live = node.attrs[0], node.operands, node in self.c.live
        x = operands[0]
        if row == "power":
            p = exponent_of(operands[1])
            if operands[1] in self.c.live and self.c.ranges(x).positive:
                return self(x, labels) ** self(operands[1], labels)
            if p is None:
                raise NoKernel
            if live and p.denominator > 1:
                self._inside(x)
            return self(x, labels) ** sp.Rational(p.numerator, p.denominator)
        if row in KINKED:
            return KINKED[row](*[self(o, labels) for o in operands])
        if row == "where":
            first, second = (self(o, labels) for o in operands[1:])
            return cases((first, self._condition(operands[0], labels)), (second, True))
        if row not in SMOOTH:
            raise NoKernel
        if live and row == "sqrt":
            self._inside(x)
        inner = self(x, labels)
        formula = SMOOTH[row]
        return formula(inner) if formula is not None else ROWS[row].formula.subs(ROWS[row].symbols[0], inner)

    def _condition(self, node: Node, labels: Labels) -> Any:
        """A comparison, or several together. Raises NoKernel for one that the variables do not touch."""
        if node.op in (ops.NAMED, ops.VIEW) and node.operands and node not in self.c.live:
            raise NoKernel
        row = node.attrs[0] if node.op is ops.ELEMENTWISE else ""
        if row in TESTS:
            left, right = (self(o, labels) for o in node.operands)
            return TESTS[row](left, right, evaluate=False)
        if row in LOGIC:
            return LOGIC[row](*[self._condition(o, labels) for o in node.operands])
        raise NoKernel

    def _inside(self, x: Node) -> None:
        """A root has a kink where its argument is zero inside of the domain. Raises NoKernel."""
        if not (self.c.bends[x].affine or self.c.ranges(x).positive):
            raise NoKernel



def proved_range(node: Node, c: Knowing) -> Interval | None:
    """That the entries of a node are positive, or not negative, by their formula: 1 - exp(u)/(1 + exp(u))."""
    formulas = KernelFormulas(c)
    try:
        e = formulas(node, tuple(range(len(node.shape))))
    except (NoKernel, *SYMPY_FAILS):
        return None
    if sp.count_ops(e) > LARGEST_FORMULA or e.has(sp.Piecewise, sp.Abs):
        return None
    values = {symbol: c.ranges(place[0]) for place, symbol in formulas.places.items()}
    try:
        if always_positive(e, values):
            return POSITIVES
        return NONNEGATIVES if never_negative(e, values) else None
    except SYMPY_FAILS:
        return None
