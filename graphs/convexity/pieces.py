"""Functions of one number in pieces: Huber's, a quantile loss by cases, whatever `where` and |u| put together.

Between its breakpoints such a function is smooth. It is convex if every piece is, if the pieces meet at the breakpoints,
the value there included, and if the slope jumps upward where it jumps. Breakpoints are roots of conditions that are
affine in the number; their order must be known for all values of constants.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import sympy as sp
from sympy.logic.boolalg import Boolean, BooleanFalse, BooleanTrue

from symgrad.graphs.convexity.interval import NONNEGATIVES, Interval
from symgrad.graphs.convexity.kernels import Kernel
from symgrad.graphs.convexity.nonnegative import Bounds, never_negative
from symgrad.graphs.node import Node

MOST_BREAKS, MOST_READINGS, MOST_CHOICES, LARGEST_PIECES = 6, 32, 5, 60  # the last: operations of the formula


@dataclass(frozen=True, slots=True)
class InPieces:
    """A function of `atom`, its breakpoints from left to right, and its formulas between them."""

    formula: sp.Expr
    symbol: sp.Symbol
    atom: Node
    constants: dict[sp.Symbol, Node]
    breaks: tuple[sp.Expr, ...]
    pieces: tuple[sp.Expr, ...]


class OpenCondition(Exception):
    """A condition whose sign is not known."""


def bends_in_pieces(kernel: Kernel, sign: int, ranges: Callable[[Node], Interval]) -> InPieces | None:
    """The proof that `sign` times a function of one number is convex, or None."""
    choices = kernel.formula.atoms(sp.Abs, sp.Piecewise)
    if len(kernel.atoms) != 1 or len(choices) > MOST_CHOICES or sp.count_ops(kernel.formula) > LARGEST_PIECES:
        return None
    ((u, atom),) = kernel.atoms.items()
    known: Bounds = {s: ranges(node) for s, node in {**kernel.atoms, **kernel.constants}.items()}
    e = (sp.nsimplify(kernel.formula, rational=True) if kernel.formula.has(sp.Float) else kernel.formula) * sign
    try:
        e, u, known = _by_margin(e, u, known)
        breaks = _sorted(_breaks(e, u), known)
        middles = _between(breaks)
        pieces = [_read(e, u, place, breaks, known) for place in middles]
        if not all(_bends_up(piece, u, i, breaks, known) for i, piece in enumerate(pieces)):
            return None
        for b, left, right in zip(breaks, pieces, pieces[1:], strict=False):
            here = _read(e, u, b, None, known).subs(u, b)
            jump = (sp.diff(right, u) - sp.diff(left, u)).subs(u, b)
            meet = [_short(side.subs(u, b) - here) for side in (left, right)]
            if any(meet) or not never_negative(_short(jump), known):
                return None
    except OpenCondition:
        return None
    kept = [i for i in range(len(breaks)) if sp.expand(pieces[i] - pieces[i + 1]) != 0]
    shown = tuple(sign * piece for piece in [pieces[0], *(pieces[i + 1] for i in kept)])
    return InPieces(kernel.formula, u, atom, kernel.constants, tuple(breaks[i] for i in kept), shown)


def _bends_up(piece: sp.Expr, u: sp.Symbol, i: int, breaks: Sequence[sp.Expr], known: Bounds) -> bool:
    """Is the second derivative of the piece before break `i` never negative there?"""
    second = sp.diff(piece, u, 2)
    if never_negative(second, known):
        return True
    t = sp.Dummy("t", nonnegative=True)
    if i == 0:
        place = breaks[0] - t
    elif i == len(breaks):
        place = breaks[-1] + t
    else:
        place = (breaks[i - 1] + breaks[i] * t) / (1 + t)
    return never_negative(second.subs(u, place), {**known, t: NONNEGATIVES})


def _by_margin(e: sp.Expr, u: sp.Symbol, known: Bounds) -> tuple[sp.Expr, sp.Symbol, Bounds]:
    """A loss of a margin t = a + b u with a constant b of any sign, as a function of t, where it is one."""
    for switch in _switches(e):
        slope = sp.diff(switch, u)
        by, b = slope.as_coeff_Mul()
        if slope.has(u) or not b.is_Symbol or b.is_nonnegative or not by.is_Rational:
            continue
        t = sp.Dummy("u", real=True)
        made = e.subs(u, (t - switch.subs(u, 0)) / slope)
        made = made.replace(lambda each: isinstance(each, (sp.Add, sp.Mul, sp.Pow)), sp.cancel)
        if not made.free_symbols & {u, b} and not e.subs(b, 0).has(u):
            return made, t, {**known, t: Interval()}
    return e, u, known


def _short(e: sp.Expr) -> sp.Expr:
    """Zero, where a fraction is; else the expression as it is expanded."""
    found = sp.expand(e)
    return found if found.is_number or found.has(sp.exp, sp.log) else sp.cancel(sp.together(found))


def _switches(e: sp.Basic) -> list[sp.Expr]:
    """What is compared with zero in an expression."""
    found = [each.args[0] for each in e.atoms(sp.Abs)]
    return found + [each.lhs - each.rhs for each in e.atoms(sp.core.relational.Relational)]


def _breaks(e: sp.Basic, u: sp.Symbol) -> list[sp.Expr]:
    found: set[sp.Expr] = set()
    for switch in _switches(e):
        for reading in _readings(switch):
            slope = sp.diff(reading, u)
            if slope.has(u):
                raise OpenCondition
            if slope != 0:
                found.add(_short(-reading.subs(u, 0) / slope))
    if not 0 < len(found) <= MOST_BREAKS:
        raise OpenCondition
    return sorted(found, key=sp.default_sort_key)


def _readings(e: sp.Expr) -> list[sp.Expr]:
    """The expression with every choice inside it taken in every way."""
    choices = sorted((*e.atoms(sp.Abs), *e.atoms(sp.Piecewise)), key=lambda c: (sp.count_ops(c), sp.default_sort_key(c)))
    if not choices:
        return [sp.expand(e)]
    first = choices[0]
    ways = [first.args[0], -first.args[0]] if isinstance(first, sp.Abs) else [part.expr for part in first.args]
    found = [reading for way in ways for reading in _readings(e.xreplace({first: way}))]
    if len(found) > MOST_READINGS:
        raise OpenCondition
    return found


def _sorted(breaks: Sequence[sp.Expr], known: Bounds) -> list[sp.Expr]:
    """The breakpoints from left to right."""
    done: list[sp.Expr] = []
    for b in breaks:
        place = 0
        for other in done:
            if never_negative(b - other, known):
                place += 1
            elif not never_negative(other - b, known):
                raise OpenCondition
        done.insert(place, b)
    for a, b in product(range(len(done)), repeat=2):
        if a < b and not never_negative(done[b] - done[a], known):
            raise OpenCondition
    return done


def _between(breaks: Sequence[sp.Expr]) -> list[sp.Expr]:
    """A place in each piece."""
    inner = [(a + b) / 2 for a, b in zip(breaks, breaks[1:], strict=False)]
    return [breaks[0] - 1, *inner, breaks[-1] + 1]


def _read(e: sp.Basic, u: sp.Symbol, place: sp.Expr, breaks: Sequence[sp.Expr] | None, known: Bounds) -> sp.Expr:
    """The formula that holds at a place, and, with `breaks`, in the piece around it."""
    def sign(switch: sp.Expr) -> int:
        slope = sp.diff(switch, u)
        if breaks is not None and slope != 0 and not any(
                _short(switch.subs(u, b)) == 0 for b in breaks):
            raise OpenCondition
        value = _short(switch.subs(u, place))
        if value == 0:
            if breaks is not None and slope != 0:
                raise OpenCondition
            return 0
        if never_negative(value, known):
            return 1
        if never_negative(-value, known):
            return -1
        raise OpenCondition

    def truth(c: Boolean) -> bool:
        if isinstance(c, (BooleanTrue, BooleanFalse)):
            return bool(c)
        if isinstance(c, (sp.And, sp.Or)):
            values = [truth(part) for part in c.args]
            return all(values) if isinstance(c, sp.And) else any(values)
        if isinstance(c, sp.Not):
            return not truth(c.args[0])
        if isinstance(c, (sp.Gt, sp.Ge, sp.Lt, sp.Le)):
            way = sign(visit(c.lhs - c.rhs))
            return {sp.Gt: way > 0, sp.Ge: way >= 0, sp.Lt: way < 0, sp.Le: way <= 0}[c.func]
        raise OpenCondition

    def visit(each: sp.Basic) -> sp.Basic:
        if isinstance(each, sp.Piecewise):
            for part in each.args:
                if truth(part.cond):
                    return visit(part.expr)
            raise OpenCondition
        if isinstance(each, sp.Abs):
            inner = visit(each.args[0])
            return inner * sign(inner)
        return each.func(*map(visit, each.args)) if each.args else each

    return sp.expand(visit(e))
