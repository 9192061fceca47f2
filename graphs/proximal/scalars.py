"""Nodes read as formulas of one number: entry i of a sum of functions depends on entry i of its base alone.

The base is a node (the variable, a sum of squares, a product a'x) that stands as a formula in `X`; what does not depend on
the variable becomes a symbol, with the sign that is declared of it or follows from its form. Decimals are read as
they were typed, so that 0.1 is a tenth.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import sympy as sp
from sympy.logic.boolalg import BooleanAtom, BooleanFunction

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import broadcast, contract, literal, literal_value
from symgrad.graphs.algebra.flattening import Term
from symgrad.graphs.algebra.primitives import elementwise
from symgrad.graphs.algebra.rows import ROWS
from symgrad.graphs.algebra.signs import bare, not_negative, positive
from symgrad.graphs.facts import NONNEGATIVE, facts_of
from symgrad.graphs.node import Node, topological, transform
from symgrad.graphs.sizes import Shape
from symgrad.graphs.table import rebuild
from symgrad.graphs.weights import Weight, to_expr

X = sp.Symbol("x", real=True)
CLOSED = ("log", "log1p", "exp", "expm1", "sqrt", "reciprocal", "power", "abs", "sign", "maximum", "minimum", "relu",
          "leaky_relu", "clip", "where", "less", "less_equal", "greater", "greater_equal", "equal", "not_equal",
          "logical_and", "logical_or", "logical_not", "elu", "real", "log_abs")  # rows that are read by their formulas
FIXED = ("sqrt", "reciprocal", "abs", "power")  # those that are read where the variable does not occur
TRUTHS = (sp.Rel, BooleanFunction, BooleanAtom)
TRUTH = ("logical_and", "logical_or", "logical_not", "where")


class Coupled(Exception):
    """A node whose entries depend on more than one entry of the base, or in a way that is not read."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.node = node


class EntryFormulas:
    """Formulas of nodes, with the symbols that stand for what does not depend on the variable."""

    def __init__(self, live: Collection[Node]) -> None:
        self.live = live
        self.symbols: dict[Node, sp.Symbol] = {}

    def nodes(self, shape: Shape) -> dict[sp.Symbol, Node]:
        """What the symbols stand for, at every entry of `shape`."""
        return {symbol: node if node.shape == shape else broadcast(node, (), shape) for node, symbol in self.symbols.items()
                if node.shape in ((), shape)}

    def of_term(self, term: Term, known: Mapping[Node, sp.Expr]) -> tuple[tuple[int, ...], sp.Expr]:
        """A term of a closed sum as (labels, formula): the sum over the labels of the formula. Raises Coupled."""
        mine = [(node, labels) for node, labels in term.factors if node in self.live]
        labels = mine[0][1]
        for node, each in mine:
            if each != labels or len(set(each)) != len(each):
                raise Coupled(node)
        fixed = [factor for factor in term.factors if factor[0] not in self.live]
        parts = []
        apart = [(node, each) for node, each in fixed if set(each) <= set(labels) and len(set(each)) == len(each)
                 and not any(set(each) & set(other) for n, other in fixed if n is not node or other is not each)]
        for node, each in apart:
            parts.append(self.constant(node if not each else term.over([(node, each)], labels)))
        rest = [factor for factor in fixed if factor not in apart]
        if rest:
            parts.append(self.constant(term.over(rest, labels)))
        formula = sp.Mul(self.number(term.by), *parts, *(self.of(node, known) for node, _ in mine))
        return labels, formula

    def of(self, root: Node, known: Mapping[Node, sp.Expr]) -> sp.Expr:
        """A node as a formula of one entry of the base, which is among the `known`. Raises Coupled."""
        found = dict(known)
        for node in topological([root], enter=lambda n: n not in known and n in self.live):
            if node not in found:
                found[node] = self._of(node, found) if node in self.live else self.constant(node)
        return found[root]

    def _of(self, node: Node, found: Mapping[Node, sp.Expr]) -> sp.Expr:
        below = [found[o] for o in node.operands]
        same = all(o.shape == node.shape for o in node.operands if o in self.live)
        if node.op is ops.NAMED:
            return below[0]
        if node.op is ops.ADD and same:
            return sp.Add(*(self.number(by) * f for by, f in zip(node.attrs[0], below, strict=True)))
        if node.op is ops.EINSUM and same:
            inputs, out = node.attrs
            formulas = []
            for operand, labels, formula in zip(node.operands, inputs, below, strict=True):
                if operand in self.live and labels != out or not set(labels) <= set(out):
                    raise Coupled(node)
                spread = operand not in self.live and labels != out and labels
                formulas.append(self.constant(contract([operand], [labels], out, dict(zip(out, node.shape, strict=True))))
                                if spread else formula)
            return sp.Mul(*formulas)
        if node.op is ops.ELEMENTWISE and node.attrs[0] in CLOSED and same:
            return applied(node.attrs[0], below)
        raise Coupled(node)

    def constant(self, node: Node) -> sp.Expr:
        """What does not depend on the variable, at one entry."""
        node = bare(node)
        value = literal_value(node)
        if value is not None:
            return self.number(value)
        if node.op is ops.VIEW and node.operands and not node.operands[0].shape:
            return self.constant(node.operands[0])
        if node.op is ops.ADD:
            return sp.Add(*(self.number(by) * self.constant(o) for by, o in zip(node.attrs[0], node.operands, strict=True)))
        if node.op is ops.EINSUM and set().union(*map(set, node.attrs[0])) <= set(node.attrs[1]):
            out, sizes = node.attrs[1], dict(zip(node.attrs[1], node.shape, strict=True))
            return sp.Mul(*(self.constant(o if not labels else contract([o], [labels], out, sizes))
                            for o, labels in zip(node.operands, node.attrs[0], strict=True)))
        if node.op is ops.ELEMENTWISE and node.attrs[0] in FIXED:
            return applied(node.attrs[0], [self.constant(o) for o in node.operands])
        return self.symbol(node)

    def number(self, by: Weight) -> sp.Expr:
        """A weight with its decimals as fractions, 0.1 being a tenth; sizes in it are one positive symbol."""
        value = sp.Rational(repr(by.number)) if isinstance(by.number, float) and abs(by.number) < math.inf else (
            to_expr(Weight(by.number)))
        if by.factor is None or not by.factor.free_symbols:
            return value if by.factor is None else value * by.factor
        return value * self.symbol(literal(Weight(1, by.factor)))

    def symbol(self, node: Node) -> sp.Symbol:
        """The symbol of a node, with what is known of its sign."""
        if node not in self.symbols:
            sign = "positive" if positive(node) or never_negative(node) else "real"  # 0 is the limit of small weights
            self.symbols[node] = sp.Symbol(f"p{len(self.symbols)}", **{sign: True})
        return self.symbols[node]


def never_negative(node: Node) -> bool:
    """Not negative by form and by what is declared."""
    declared = {n: elementwise("abs", [n]) for n in topological([node]) if NONNEGATIVE in facts_of(n)}
    return not_negative(transform([node], rebuild, declared)[0] if declared else node)


def applied(row: str, below: list[sp.Expr]) -> sp.Expr:
    """A row of formulas."""
    if row in TRUTH:  # of conditions
        below = [f if isinstance(f, TRUTHS) or i else sp.Ne(f, 0) for i, f in enumerate(below)]
        if row == "where":
            return sp.Piecewise((below[1], below[0]), (below[2], True))
        return {"logical_and": sp.And, "logical_or": sp.Or, "logical_not": sp.Not}[row](*below)
    below = [sp.Piecewise((1, f), (0, True)) if isinstance(f, TRUTHS) else f for f in below]
    if row == "real":
        return below[0]
    spec = ROWS[row]
    formula = spec.formula.xreplace(dict(zip(spec.symbols, below, strict=True)))
    return formula.replace(sp.Function("expm1", real=True), lambda z: sp.exp(z) - 1)

