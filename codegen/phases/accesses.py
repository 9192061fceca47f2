"""Which entries a step reads where it computes one entry: the question that decides about barriers.

A step runs loops: over the axes of its result first, then over those that it sums up. Every array that it reads is read
at an index, a form of these counters, axis by axis; None stands where that is known at run time only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr, broadcast_shape
from symgrad.codegen.plan.indices import STEPS, AffineForm, AffineIndex, counters, locate, spread, zero
from symgrad.codegen.plan.storage import SCALAR, Storage
from symgrad.graphs.sizes import Shape

Index = tuple[AffineForm | None, ...]


@dataclass(frozen=True)
class Visit:
    """The loops of a step: `shape` are their extents, of which the first `rows` are the first axes of its result, in
    order; `reads` are arrays with the index at which each is read; None: anywhere."""

    shape: Shape
    rows: int
    reads: tuple[tuple[Expr, Index | None], ...]

    def leading(self, b: Expr) -> int:
        """How many leading axes of `b` are read only where the step itself is: 0 where it may be read anywhere."""
        least = len(b.shape)
        rank = len(self.shape)
        for base, index in self.reads:
            if base is b:
                least = 0 if index is None else min(least, _common(index, b.shape, rank))
        return min(least, self.rows)

    def entry(self, b: Expr) -> bool:
        """Is `b` read only at the entry of the loops that is computed?"""
        rank = len(self.shape)
        return b.shape == self.shape and all(
            index is not None and _common(index, b.shape, rank) == rank for base, index in self.reads if base is b)


def _common(index: Index, shape: Shape, rank: int) -> int:
    """The number of leading axes at which an index is that of the loops; an axis of length 1 has one entry only."""
    own = counters(rank)
    for k, form in enumerate(index):
        if shape[k] != 1 and (k >= rank or form != own[k]):
            return k
    return len(index)


def visit(e: Expr, of: Storage) -> Visit:
    """The loops of the step of `e`, and what they read."""
    if e.op in acts.REDUCTIONS:
        return _reduction(e, of)
    rank = len(e.shape)
    if e.op in SCALAR or (e.op in STEPS and e.op is not acts.RESHAPE):
        return Visit(e.shape, rank, tuple(_below(e, counters(rank), rank, of, True)))
    if e.op is acts.GATHER:
        return _gather(e, of)
    if e.op is acts.PLACE and _entrywise(e, of):
        return _place(e, of)
    return Visit(e.shape, 0, tuple((b, None) for a in e.args for b in _bases(a, of)))


def _bases(e: Expr, of: Storage) -> list[Expr]:
    """The arrays below an operand."""
    found, stack = dict[Expr, None](), [e]
    while stack:
        part = stack.pop()
        if part in of:
            found[part] = None
        else:
            stack += part.args
    return list(found)


def _below(e: Expr, index: AffineIndex, rank: int, of: Storage, itself: bool) -> list[tuple[Expr, Index | None]]:
    """What is read for the entry of `e` at `index`; `itself`: it is computed here, though it is stored."""
    found: list[tuple[Expr, Index | None]] = []
    stack: list[tuple[Expr, AffineIndex, bool]] = [(e, index, itself)]
    while stack:
        part, at, inside = stack.pop()
        if part in of and not inside:
            found.append((part, at))
            continue
        if part.op in STEPS:
            base, place = locate(part, at, rank, _but(part, of) if inside else of.__contains__)
            if isinstance(place, AffineForm):
                found += [(b, None) for b in _bases(base, of)]
            else:
                stack.append((base, place, False))
            continue
        stack += [(a, spread(at, a.shape, rank), False) for a in part.args]
    return found


def _but(e: Expr, of: Storage) -> Callable[[Expr], bool]:
    """Is an expression stored, and another than `e`?"""
    return lambda x: x is not e and x in of


def _reduction(e: Expr, of: Storage) -> Visit:
    axes, keepdims = e.attrs
    (arg,) = e.args
    rank = len(arg.shape)
    kept = [a for a in range(rank) if a not in axes]
    own, index = counters(rank), [zero(rank)] * rank
    for k, a in enumerate([*kept, *axes]):
        index[a] = own[k]
    rows = next((a for a in range(rank) if a in axes), rank)  # with its axes kept or not, those before are the same
    return Visit(tuple(arg.shape[a] for a in [*kept, *axes]), rows, tuple(_below(arg, tuple(index), rank, of, False)))


def counting(index: Expr, shape: Shape, of: Storage) -> int | None:
    """The axis of `shape` along which an index only counts; None where it says something else."""
    rank = len(shape)
    base, at = locate(index, spread(counters(rank), index.shape, rank), rank, of.__contains__)
    if base.op is not acts.ARANGE or base in of or isinstance(at, AffineForm):
        return None
    return next((k for k in range(rank) if at[0] == counters(rank)[k]), None)


def _gather(e: Expr, of: Storage) -> Visit:
    picked, *indices = e.args
    shape, rank = broadcast_shape(i.shape for i in indices), len(e.shape)
    own = counters(rank)
    found: list[tuple[Expr, Index | None]] = []
    forms: list[AffineForm | None] = []
    for k, index in enumerate(indices):
        axis = counting(index, shape, of)
        forms.append(own[axis] if axis is not None and shape[axis] == picked.shape[k] else None)
        found += _below(index, spread(own[:len(shape)], index.shape, rank), rank, of, False)
    whole = (*forms, *own[len(shape):])
    base, _ = locate(picked, counters(len(picked.shape)), len(picked.shape), of.__contains__)
    found += [(b, whole if b is picked else None) for b in _bases(base, of)]
    return Visit(e.shape, rank, tuple(found))


def scattered(e: Expr, order: Sequence[int], indices: Sequence[Expr], of: Storage) -> dict[int, int] | None:
    """Where every axis of the indices of a scatter is counted along an axis of `e`: that axis, by the axis of the indices.

    None where several indices may say the same place, so that what arrives there is a sum over a search.
    """
    shape = broadcast_shape(i.shape for i in indices)
    found: dict[int, int] = {}
    for k, index in enumerate(indices):
        axis = counting(index, shape, of)
        if axis is not None and shape[axis] == e.shape[order[k]]:
            found[axis] = order[k]
    return found if all(axis in found or shape[axis] == 1 for axis in range(len(shape))) else None


def _entrywise(e: Expr, of: Storage) -> bool:
    """Can each entry of sums at places be computed by itself?"""
    has_base, parts = e.attrs
    rest = list(e.args[1 if has_base else 0:])
    for how, where, _, count in parts:
        _, *indices = rest[:count]
        del rest[:count]
        if how == "scatter" and scattered(e, where[0], indices, of) is None:
            return False
    return True


def entrywise(e: Expr, of: Storage) -> bool:
    """Is the step of `e` one that computes each entry by itself, in a line?"""
    return e.op in SCALAR or (e.op in STEPS and e.op is not acts.RESHAPE) or e.op in (acts.GATHER, acts.CONCAT) or (
        e.op is acts.PLACE and _entrywise(e, of)) or (e.op is acts.CALL and e.attrs[0] in ("diag", "overlaps"))


def _place(e: Expr, of: Storage) -> Visit:
    """Sums at places, entry by entry: an index of the target where axes are whole or counted, else somewhere."""
    has_base, parts = e.attrs
    rank, rest = len(e.shape), list(e.args)
    own = counters(rank)
    found: list[tuple[Expr, Index | None]] = []
    if has_base:
        found += _below(rest.pop(0), own, rank, of, False)
    for how, where, _, count in parts:
        value, *indices = rest[:count]
        del rest[:count]
        if how == "scatter":
            along = scattered(e, where[0], indices, of)
            assert along is not None
            shape = broadcast_shape(i.shape for i in indices)
            at = tuple(own[along[a]] if a in along else zero(rank) for a in range(len(shape)))
            whole = (*at, *(own[a] for a in where[0][len(indices):]))
            for part, index in [(value, whole), *((i, at) for i in indices)]:
                found += _below(part, spread(index, part.shape, rank), rank, of, False)
        elif how == "slice" and len(value.shape) == rank:
            elsewhere = AffineForm(1 << 40, (0,) * rank)  # no index of the loops, whatever view is taken of it
            at = tuple(elsewhere if item[0] == "slice" else form for item, form in zip(where, own, strict=True))
            found += _below(value, spread(at, value.shape, rank), rank, of, False)
        else:
            found += [(b, None) for part in (value, *indices) for b in _bases(part, of)]
    return Visit(e.shape, rank, tuple(found))
