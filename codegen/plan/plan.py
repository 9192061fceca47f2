"""The plan of a function as data: its steps, each one variable, with shapes and costs, before any of it runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from types import MappingProxyType
from typing import Any

import sympy as sp

from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr, base_of, is_view, order
from symgrad.codegen.lowering.order import typical
from symgrad.codegen.plan.tables import Table, Tabled
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Shape, Size, size_key

WAKING = 2_000_000  # operations of a matrix product from which a second thread is worth waking
SINGLE = 250_000  # operations up to which a BLAS does not think of waking one
Work = tuple[tuple[int, Shape], ...]  # the sum of counts times the entries of shapes


@dataclass(frozen=True)
class PlanStep:
    """One variable: its name, the outermost operation, the variables it reads, its text and its cost."""

    target: str
    op: str
    operands: tuple[str, ...]
    lines: tuple[str, ...]
    comment: str | None
    shape: Shape
    kind: str
    itemsize: int
    work: Work
    nodes: tuple[Node, ...] = field(default=(), repr=False)  # those with a name or formula whose value it is

    @property
    def flops(self) -> Size:
        """Arithmetic operations; an elementwise function counts as one per entry."""
        return total(self.work)

    @property
    def bytes(self) -> Size:
        """The memory of the variable."""
        return total(((self.itemsize, self.shape),))


@dataclass(frozen=True, repr=False)
class Plan(Tabled):
    """The steps of one function. `print(plan)` shows them with their costs."""

    inputs: tuple[tuple[str, Shape], ...]
    steps: tuple[PlanStep, ...]
    results: tuple[str, ...]
    sizes: Mapping[Any, str] = field(repr=False)
    workspace: Work | None = None  # bytes of slots that are made once; None where every step makes its array
    products: Work = field(default=(), repr=False)  # each matrix product once, as one of a stack counts
    made: tuple[Shape, ...] = field(default=(), repr=False)  # what operations make, views and results apart

    @cached_property
    def flops(self) -> Size:
        """All arithmetic operations."""
        return total(item for step in self.steps for item in step.work)

    @cached_property
    def bytes(self) -> Size:
        """The memory of all variables together."""
        return total((step.itemsize, step.shape) for step in self.steps)

    def largest_product(self, sizes: Mapping[Any, int]) -> int:
        """The operations of the largest matrix product at these sizes; others count as typical."""
        return max((entries_at(shape, sizes) * count for count, shape in self.products), default=0)

    def wants_one_thread(self, sizes: Mapping[Any, int]) -> bool:
        """Is one thread to be asked for: are products too small for two, and large enough for a BLAS to take two?"""
        return SINGLE < self.largest_product(sizes) < WAKING

    def may_take_threads(self, sizes: Mapping[Any, int]) -> bool:
        """Are products large enough for a BLAS to take more than one thread?"""
        return self.largest_product(sizes) > SINGLE

    def largest_array(self, sizes: Mapping[Any, int]) -> int:
        """The entries of the largest array that an operation makes and that is not returned, at these sizes."""
        return max((entries_at(shape, sizes) for shape in self.made), default=0)

    def _returned(self) -> set[str]:
        return set(re.findall(r"[^\W\d]\w*", " ".join(self.results)))

    @cached_property
    def peak(self) -> Size:
        """The memory at the step that needs most: arrays still to be read, or the workspace, and the results."""
        returned = self._returned()
        if self.workspace is not None:
            own = [(step.itemsize, step.shape) for step in self.steps if step.target in returned]
            return total([*self.workspace, *own])
        last = {name: i for i, step in enumerate(self.steps) for name in (*step.operands, step.target)}
        last.update({step.target: len(self.steps) for step in self.steps if step.target in returned})
        ending: dict[int, int] = {}
        most, now, when = -1, 0, 0
        for i, step in enumerate(self.steps):
            size = step.itemsize * prod(map(typical, step.shape))
            now += size
            ending[last[step.target]] = ending.get(last[step.target], 0) + size
            if now > most:
                most, when = now, i
            now -= ending.get(i, 0)
        return total((s.itemsize, s.shape) for s in self.steps[:when + 1] if last[s.target] >= when)

    @property
    def table(self) -> Table:
        """The steps as rows."""
        rows = []
        for step in self.steps:
            text = "; ".join(step.lines).removeprefix(f"{step.target} = ") or f"{step.op}({', '.join(step.operands)})"
            rows.append((step.target, text if len(text) <= 60 else text[:57] + "...", self._shape(step.shape),
                         self._size(step.flops), self._size(step.bytes)))
        totals = [("total", "", "", self._size(self.flops), self._size(self.bytes)),
                  ("peak", "", "", "", self._size(self.peak))]
        return Table(("step", "computes", "shape", "flops", "bytes"), rows, totals, right=("flops", "bytes"),
                     code=("computes",), note="returns " + ", ".join(self.results))

    def __str__(self) -> str:
        return str(self.table)

    def _size(self, size: Size) -> str:
        return f"{size:,}" if isinstance(size, int) else str(size).replace("**", "^").replace("*", " ")

    def _shape(self, shape: Shape) -> str:
        return "scalar" if not shape else " x ".join(self._size(s) for s in shape)


@dataclass(frozen=True)
class Mark:
    """Where a step is written: the lines from `first` to `last` of a text, counted from 1, its formula among them."""

    first: int
    last: int
    step: PlanStep

    def moved(self, lines: int) -> Mark:
        """The same in a text that has so many lines in front."""
        return replace(self, first=self.first + lines, last=self.last + lines)


def entries_at(shape: Shape, sizes: Mapping[Any, int]) -> int:
    """The number of entries where sizes have these values, and others typical ones."""
    return prod(s if isinstance(s, int) else typical(s.subs(sizes)) for s in shape)


def total(work: Iterable[tuple[int, Shape]]) -> Size:
    """The sum of counts times products of sizes, as an int or a SymPy polynomial."""
    whole = 0
    parts: dict[tuple[Any, ...], int] = {}
    for count, shape in work:
        number = count * prod(s for s in shape if isinstance(s, int))
        symbols = tuple(sorted((s for s in shape if not isinstance(s, int)), key=size_key))
        if symbols:
            parts[symbols] = parts.get(symbols, 0) + number
        else:
            whole += number
    if not parts:
        return whole
    return sp.Add(whole, *(number * sp.Mul(*symbols) for symbols, number in parts.items()))


MATRIX = {"inverse": 2, "solve": 1, "det": 1, "logdet": 1, "cholesky": 1, "cofactor": 12, "eigvalsh": 4, "eigenvectors": 9,
          "svdvals": 4, "singular_vectors": 20, "qr": 4}


def products_of(exprs: Iterable[Expr]) -> Work:
    """The matrix products among expressions, and what LAPACK does with them, each by its own size."""
    found: dict[tuple[int, Shape], None] = {}
    for e in exprs:
        a = e.args[0].shape if e.args else ()
        if e.op is acts.MATMUL:
            free = sum(len(arg.shape) > 1 for arg in e.args)  # a vector has no axis that stays
            found[2, (*e.shape[len(e.shape) - free:], a[-1])] = None
        elif e.op is acts.LOOP:
            found.update(dict.fromkeys(products_of(order(e.attrs[0].roots))))
        elif e.op is acts.CALL and e.attrs[0] in MATRIX:
            found[MATRIX[e.attrs[0]], (a[-1], a[-1], a[-1])] = None
    return tuple(found)


def made_by(exprs: Iterable[Expr], roots: Iterable[Expr]) -> tuple[Shape, ...]:
    """The shapes of what expressions make that is no view and not part of a result, each once."""
    returned = set(map(base_of, roots))
    return tuple(dict.fromkeys(e.shape for e in exprs if e.op not in acts.LEAVES and not is_view(e) and e not in returned))


def work_of(e: Expr) -> Work:
    """The arithmetic of one operation."""
    return CALLED[e.attrs[0]](e) if e.op is acts.CALL else WORK[e.op](e)


def _none(e: Expr) -> Work:
    """Nothing is computed, or what is does not count: copies, conversions, indices."""
    return ()


def _product(e: Expr) -> Work:
    by, count = e.attrs
    ops = len(e.args) - 1 + (by.number != 1 or by.factor is not None) + (count == 0)
    return ((ops, e.shape),)


def _each(e: Expr) -> Work:
    return ((1, e.shape),)


def _read(e: Expr) -> Work:
    return ((1, e.args[0].shape),)


def _contraction(e: Expr) -> Work:
    return ((2, e.args[0].shape),)


def _matrix(e: Expr) -> Work:
    """Of order n^3 for each matrix of the stack."""
    a = e.args[0].shape
    return ((MATRIX[e.attrs[0]], (*a, a[-1])),)


def _loop(e: Expr) -> Work:
    """Of the body, once for each step."""
    body = e.attrs[0]
    return tuple((count, (body.length, *shape)) for inner in order(body.roots) for count, shape in work_of(inner))


def _distances(e: Expr) -> Work:
    """A product, two norms, their sum; the centre taken off."""
    x, m = (a.shape for a in e.args)
    return (2, (*e.shape, x[-1])), (2, e.shape), (3, x), (3, m)


WORK: Mapping[acts.Act, Callable[[Expr], Work]] = MappingProxyType({
    **dict.fromkeys(acts.LEAVES | acts.FILLS | acts.VIEWS | acts.ROOMS | {acts.CAST, acts.GATHER, acts.CONCAT}, _none),
    **dict.fromkeys(acts.FOLDING, _read), acts.ROW: _each, acts.PRODUCT: _product,
    acts.LOOP: _loop, acts.ADD: lambda e: ((len(e.args) - 1, e.shape),),
    acts.MATMUL: lambda e: ((2, (*e.shape, *e.args[0].shape[-1:])),),
    acts.PLACE: lambda e: tuple((1, arg.shape) for arg in e.args[1:]),
})
CALLED: Mapping[str, Callable[[Expr], Work]] = MappingProxyType({  # functions of whole arrays, by name
    **dict.fromkeys(("vdot", "vecdot", "einsum", "norm", "dot"), _contraction), **dict.fromkeys(MATRIX, _matrix),
    **dict.fromkeys(("diag", "leave_out", "overlap", "overlaps", "argsort"), _none), "powers": _each,
    "distances": _distances,
})
