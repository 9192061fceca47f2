"""One step of the plan as C: scalar functions in a loop, and the writers of all other operations."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from symgrad.codegen.c.layouts import rearranged
from symgrad.codegen.c.linear import LINEAR, write_linear
from symgrad.codegen.c.loops import Body, Context, StepWriter, nest
from symgrad.codegen.c.moves import write_concat, write_diag, write_gather, write_place
from symgrad.codegen.c.norms import write_norm
from symgrad.codegen.c.products import write_distances, write_dots, write_matmul
from symgrad.codegen.c.reduce import write_argument, write_cumsum, write_leave_out, write_powers, write_reduction
from symgrad.codegen.c.texts import TYPES, bare
from symgrad.codegen.c.windows import write_overlaps
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.plan.indices import AffineForm, AffineIndex, counters, flat, leading, locate


def write_scalar(c: Context, group: Sequence[Expr], passing: Collection[Expr] = ()) -> list[str]:
    """Scalar functions over one shape, in one loop: read again from their variables, stored unless only passing."""
    rank = len(group[0].shape)
    body = Body(c, rank)
    index = counters(rank)
    lines = []
    for e in group:
        value = body.computed(e, index) if not _shared(e) else body.value(e.args[0], index_below(e, index, rank))
        value = bare(value)
        name = c.arrays[e]
        if _shared(e) and (copy := rearranged(c, e, e.shape, body, value, flat(index, e.shape, rank))):
            return copy
        if len(group) > 1:
            lines.append(f"const {TYPES[e.kind]} {name}_ = {value};")
            if e not in passing:
                lines.append(f"{name}[{body.place(flat(index, e.shape, rank))}] = {name}_;")
            body.known[e] = f"{name}_"
        else:
            lines.append(f"{name}[{body.place(flat(index, e.shape, rank))}] = {value};")
    return nest(c, group[0].shape, body.places, lines, tiled=True, row=leading(group[0].shape))


def _shared(e: Expr) -> bool:
    return e.op in acts.VIEWS


def index_below(e: Expr, index: AffineIndex, rank: int) -> AffineIndex:
    """The index of the operand of a view that is stored: a copy."""
    if e.op is acts.RESHAPE:
        raise AssertionError("a reshape is no loop")
    inner = locate(e, index, rank, lambda x: x is not e)[1]
    assert not isinstance(inner, AffineForm)
    return inner


def write_reshape(c: Context, e: Expr) -> list[str]:
    """A reshape that is stored: its operand, entry by entry in row-major order."""
    (arg,) = e.args
    rank = len(arg.shape)
    body = Body(c, rank)
    value = body.value(arg, counters(rank))
    if copy := rearranged(c, e, arg.shape, body, value, flat(counters(rank), arg.shape, rank)):
        return copy
    place = body.place(flat(counters(rank), arg.shape, rank))
    line = f"{c.arrays[e]}[{place}] = {bare(value)};"
    return nest(c, arg.shape, body.places, [line], tiled=True, row=leading(arg.shape))


WRITERS: Mapping[acts.Act, StepWriter] = MappingProxyType({
    **dict.fromkeys(acts.REDUCTIONS, write_reduction),
    **dict.fromkeys(acts.ARGUMENTS, write_argument),
    acts.CUMSUM: write_cumsum, acts.CONCAT: write_concat, acts.PLACE: write_place, acts.GATHER: write_gather,
    acts.MATMUL: write_matmul, acts.RESHAPE: write_reshape, acts.ROOM: lambda c, e: [],
})
ELSEWHERE: Mapping[acts.Act, str] = MappingProxyType({
    **dict.fromkeys(acts.GIVEN, "an argument of the function"),
    **dict.fromkeys({acts.NUMBER} | acts.FILLS | acts.SCALARS, "in a loop, entry by entry: `loops.Body`, `write_scalar`"),
    **dict.fromkeys(acts.VIEWS - {acts.RESHAPE}, "an index map of `plan/indices.py`; stored, a copy by `write_scalar`"),
    acts.CALL: "by the name of the function: `CALLED`", acts.LOOP: "a loop over the steps: `recurrences.py`",
})
CALLED: Mapping[str, StepWriter] = MappingProxyType({
    **dict.fromkeys(("vdot", "dot", "vecdot", "einsum"), write_dots), "diag": write_diag,
    "overlaps": write_overlaps, "leave_out": write_leave_out, **dict.fromkeys(LINEAR, write_linear),
    "distances": write_distances, "powers": write_powers, "norm": write_norm,
})


def writer(e: Expr) -> StepWriter | None:
    """What writes the step of `e`; None where only NumPy can do it."""
    if e.op is acts.CALL:
        return CALLED.get(e.attrs[0])
    return WRITERS.get(e.op)

