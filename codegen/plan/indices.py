"""Where the entries of views lie: indices as affine forms of loop counters.

A loop nest over `rank` counters reads a view of a stored array at `const + sum(step_i * counter_i)`. Transposes,
slices, broadcasts, diagonals and windows map forms to forms; so does a reshape of what is stored in one piece.
That is all a backend that writes its own loops needs to know of views.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr
from symgrad.graphs.sizes import Shape, Size


class AffineForm(NamedTuple):
    """const + sum of step times counter, over the counters of a loop nest."""

    const: Size
    steps: tuple[Size, ...]

    def plus(self, other: AffineForm) -> AffineForm:
        """The sum of two forms over the same counters."""
        return AffineForm(_sum(self.const, other.const), tuple(map(_sum, self.steps, other.steps)))

    def times(self, by: Size) -> AffineForm:
        """A multiple."""
        return AffineForm(_multiple(self.const, by), tuple(_multiple(step, by) for step in self.steps))


def _sum(a: Size, b: Size) -> Size:  # most are 0 or 1, and SymPy takes its time
    return b if isinstance(a, int) and a == 0 else a if isinstance(b, int) and b == 0 else a + b


def _multiple(a: Size, by: Size) -> Size:
    return 0 if isinstance(a, int) and a == 0 else by if isinstance(a, int) and a == 1 else a * by


AffineIndex = tuple[AffineForm, ...]


def counters(rank: int) -> AffineIndex:
    """The index at which a nest of `rank` loops visits an array of its own shape."""
    return tuple(AffineForm(0, tuple(int(i == j) for j in range(rank))) for i in range(rank))


def zero(rank: int) -> AffineForm:
    """The form that is 0 everywhere."""
    return AffineForm(0, (0,) * rank)


def leading(shape: Shape) -> int | None:
    """The axis along which an array is cut in pieces that lie one after the other: the first that is longer than 1.

    >>> leading((1, 32, 8)), leading((1, 1)), leading(())
    (1, None, None)
    """
    return next((k for k, size in enumerate(shape) if size != 1), None)


def strides(shape: Shape) -> tuple[Size, ...]:
    """Entries from one index to the next, of an array in row-major order."""
    result: list[Size] = []
    step: Size = 1
    for size in reversed(shape):
        result.append(step)
        step = step * size
    return tuple(reversed(result))


def flat(index: AffineIndex, shape: Shape, rank: int) -> AffineForm:
    """The place of an entry in row-major order."""
    total = zero(rank)
    for form, step in zip(index, strides(shape), strict=True):
        total = total.plus(form.times(step))
    return total


def spread(index: AffineIndex, shape: Shape, rank: int) -> AffineIndex:
    """The index of an operand of `shape` that broadcasts, where the result is at `index`."""
    own = index[len(index) - len(shape):]
    return tuple(zero(rank) if size == 1 else form for form, size in zip(own, shape, strict=True))


def locate(e: Expr, index: AffineIndex, rank: int, stored: Callable[[Expr], bool]) -> tuple[Expr, AffineIndex | AffineForm]:
    """What `e` at `index` is an entry of: an expression that is no view, and the index there.

    A `AffineForm` instead of an index is a place in row-major order: of a reshape, whose operand is stored.
    """
    while not stored(e) and e.op in STEPS:
        if e.op is acts.RESHAPE:
            place = flat(index, e.shape, rank)
            (e,) = e.args
            return e, place
        index = STEPS[e.op](e, index, rank)
        (e,) = e.args
    return e, index


def _transpose(e: Expr, index: AffineIndex, rank: int) -> AffineIndex:
    result = list(index)
    for form, axis in zip(index, e.attrs[0], strict=True):
        result[axis] = form
    return tuple(result)


def _index(e: Expr, index: AffineIndex, rank: int) -> AffineIndex:
    forms = iter(index)
    result: list[AffineForm] = []
    for item in e.attrs[0]:
        if item[0] == "take":
            start = item[1]
            if isinstance(start, int) and start < 0:
                start = e.args[0].shape[len(result)] + start
            result.append(zero(rank)._replace(const=start))
            continue
        form = next(forms)
        if item[0] == "slice":
            start, step = item[1], item[3]
            if start is None:
                start = 0 if step > 0 else e.args[0].shape[len(result)] - 1
            form = form.times(step)
            form = form._replace(const=form.const + start)
        if item[0] != "new":
            result.append(form)
    return (*result, *forms)


def _broadcast(e: Expr, index: AffineIndex, rank: int) -> AffineIndex:
    return spread(index, e.args[0].shape, rank)


def _diagonal(e: Expr, index: AffineIndex, rank: int) -> AffineIndex:
    return tuple(index[place] for place in e.attrs[0])


def _windows(e: Expr, index: AffineIndex, rank: int) -> AffineIndex:
    axis, step = e.attrs
    *own, offset = index
    own[axis] = own[axis].times(step).plus(offset)
    return tuple(own)


def _part(e: Expr, index: AffineIndex, rank: int) -> AffineIndex:
    place = flat(index, e.shape, rank)
    return (place._replace(const=_sum(place.const, e.attrs[0])),)


STEPS: dict[acts.Act, Callable[[Expr, AffineIndex, int], AffineIndex]] = {
    acts.TRANSPOSE: _transpose, acts.INDEX: _index, acts.BROADCAST: _broadcast,
    acts.DIAGONAL: _diagonal, acts.WINDOWS: _windows, acts.PART: _part, acts.RESHAPE: lambda e, index, rank: index,
}
