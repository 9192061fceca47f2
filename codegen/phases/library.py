"""What a library of matrix products takes from the phases, with what it does at the entries; the rest is left for kernels.

A library takes matrices whose rows or columns lie in one piece, and stacks of them that lie equally far apart. It adds a
vector to each row and takes the positive part, where nobody needs what was before. All that is read off affine places.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod

import sympy as sp

from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Arrays, Expr
from symgrad.codegen.phases.units import Phases, Unit, hazards, narrow
from symgrad.codegen.plan.indices import AffineForm, counters, flat, locate, spread
from symgrad.codegen.plan.storage import Storage, reads
from symgrad.graphs.node import REAL
from symgrad.graphs.sizes import Size


@dataclass(frozen=True)
class MatrixPlace:
    """Where a matrix lies, or a stack of them: the array, its first entry, the step from line to line, and whether these
    are columns (`turned`) and not rows; the step from one matrix to the next."""

    base: Expr
    start: Size
    line: Size
    turned: bool
    apart: Size


@dataclass(frozen=True)
class LibraryProduct:
    """A product of matrices and what the library does with its entries: `result` is what it leaves in memory."""

    one: MatrixPlace
    two: MatrixPlace
    rows: Size
    columns: Size
    depth: Size
    count: Size
    bias: tuple[Expr, Size] | None  # an array, and where in it the vector begins
    positive: bool
    steps: tuple[Expr, ...]

    @property
    def result(self) -> Expr:
        """The array that is written."""
        return self.steps[-1]

    @property
    def told(self) -> str:
        """What it does, in a word or two."""
        more = [*(["bias"] if self.bias else []), *(["relu"] if self.positive else [])]
        return " + ".join(["product", *more])


def library_product(unit: Unit, phases: Phases) -> LibraryProduct | None:
    """What a library takes of a unit; None where it takes nothing."""
    if unit.kind != "product":
        return None
    of, e = phases.storage, unit.head
    places = [_matrix(arg, e, of) for arg in e.args]
    if None in places:
        return None
    one, two = (place for place in places if place is not None)
    steps, bias, positive = [e], None, False
    for step in unit.steps[1:]:
        last = steps[-1]
        if positive or last in phases.kept or any(last in reads(s, of) for s in unit.steps if s is not step):
            break
        inner = _positive(step)
        above = step if inner is None else inner
        vector = None if above is last else _vector(above, last, of)
        if above is not last and (vector is None or bias is not None):
            break
        bias, positive = bias or vector, inner is not None
        steps.append(step)
    count = prod(e.shape[:-2]) if len(e.shape) > 2 else 1
    return LibraryProduct(one, two, e.shape[-2], e.shape[-1], e.args[0].shape[-1], count, bias, positive, tuple(steps))


def _matrix(arg: Expr, e: Expr, of: Storage) -> MatrixPlace | None:
    """Where an operand of a product lies; None where it lies as no library takes it."""
    rank = len(arg.shape)
    base, at = locate(arg, counters(rank), rank, of.__contains__)
    if base not in of or base.kind != REAL:
        return None
    form = at if isinstance(at, AffineForm) else flat(at, base.shape, rank)
    rows, columns = arg.shape[-2:]
    down, across = form.steps[-2:]
    stack = [0] * (len(e.shape) - rank) + [0 if size == 1 else step
                                           for step, size in zip(form.steps[:-2], arg.shape[:-2], strict=True)]
    sizes = [(step, size) for step, size in zip(stack, e.shape[:-2], strict=True) if size != 1]
    if any(not _same(before, after * size) for (before, _), (after, size) in pairwise(sizes)):
        return None
    apart: Size = sizes[-1][0] if sizes else 0
    if columns == 1 and down == 1 or columns != 1 and across != 1:
        line, width, turned = across if columns != 1 else rows, rows, True
        if down != 1 and rows != 1:
            return None
    else:
        line, width, turned = down if rows != 1 else columns, columns, False
    return MatrixPlace(base, form.const, line, turned, apart) if _covers(line, width) else None


def _same(a: Size, b: Size) -> bool:
    return bool(a == b) or bool(sp.expand(a - b) == 0)


def _covers(line: Size, width: Size) -> bool:
    """Is a line at least so long, for all sizes?"""
    rest = sp.expand(sp.sympify(line) - width)
    return all(factor >= 0 for factor in rest.as_coefficients_dict().values())


def _positive(step: Expr) -> Expr | None:
    """What a step takes the positive part of."""
    zero = step.op is acts.ROW and step.attrs[0] == "maximum" and step.args[1].op is acts.NUMBER and (
        step.args[1].attrs[0].number == 0)
    return step.args[0] if zero else None


def _vector(step: Expr, last: Expr, of: Storage) -> tuple[Expr, Size] | None:
    """The vector that a step adds to each row of `last`."""
    if step.op is not acts.ADD or step.attrs[0] != (1, 1) or last not in step.args or step.shape != last.shape:
        return None
    (other,) = [a for a in step.args if a is not last] or [last]
    rank = len(step.shape)
    base, at = locate(other, spread(counters(rank), other.shape, rank), rank, of.__contains__)
    if base not in of or base.kind != REAL:
        return None
    form = at if isinstance(at, AffineForm) else flat(at, base.shape, rank)
    if form.steps[-1] != 1 or any(step != 0 for step in form.steps[:-1]):
        return None
    return base, form.const


def with_library(phases: Phases) -> tuple[Phases, dict[Expr, LibraryProduct]]:
    """The phases with products by a library, each by its first step; what it leaves of a unit comes in a phase behind."""
    products: dict[Expr, LibraryProduct] = {}
    levels: list[tuple[Unit, ...]] = []
    for level in phases.levels:
        units, behind = [], []
        for unit in level:
            found = library_product(unit, phases)
            if found is None:
                units.append(unit)
                continue
            products[unit.head] = found
            units.append(Unit("library", list(found.steps), unit.level))
            rest = unit.steps[len(found.steps):]
            if rest:
                behind.append(Unit("entries", rest, unit.level))
        levels += [tuple(units), *([tuple(behind)] if behind else [])]
    done = replace(phases, levels=tuple(levels), kept=phases.kept | {found.result for found in products.values()})
    wrong = hazards(done)
    assert not wrong, wrong
    return done, products


def with_copies(phases: Phases, products: Mapping[Expr, LibraryProduct]) -> tuple[
        Phases, dict[Expr, LibraryProduct], frozenset[Expr]]:
    """The same with operands that are all stored in half as many bytes, for a library multiplies what is of one type: what
    is not, such as a parameter, is copied once it is there. Gives what is stored so, too."""
    halves = set(narrow(phases))
    level_of = {e: number for number, level in enumerate(phases.levels) for unit in level for e in unit.steps}
    copies: dict[Expr, Expr] = {}

    def copied(e: Expr) -> Expr:
        if e in halves:
            return e
        return copies.setdefault(e, Arrays().make(acts.BROADCAST, [e], (), e.shape, e.kind))

    done = {}
    for head, p in products.items():
        bias = p.bias if p.bias is None or p.result not in halves else (copied(p.bias[0]), p.bias[1])
        done[head] = replace(p, one=replace(p.one, base=copied(p.one.base)), two=replace(p.two, base=copied(p.two.base)),
                             bias=bias)
    behind: dict[int, list[Unit]] = {}  # the copies that follow a phase; -1: what is given
    for e, copy in copies.items():
        behind.setdefault(level_of.get(e, -1), []).append(Unit("entries", [copy], 0))
    levels = [tuple(behind[-1])] if -1 in behind else []
    for number, level in enumerate(phases.levels):
        units = []
        for unit in level:
            found = done.get(unit.head) if unit.kind == "library" else None
            vector = [found.bias[0]] if found is not None and found.bias is not None else []
            units.append(unit if found is None else replace(unit, beyond=(found.one.base, found.two.base, *vector)))
        levels += [tuple(units), *([tuple(behind[number])] if number in behind else [])]
    whole = replace(phases, levels=tuple(levels), kept=phases.kept | set(copies.values()))
    return whole, done, frozenset(halves | set(copies.values()))
