"""Which scalar functions run in one loop, what is copied before a product, in which order steps are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symgrad.codegen.c.loops import Body, Context
from symgrad.codegen.c.products import fits_vector
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.plan.indices import AffineForm, counters, strides
from symgrad.codegen.plan.storage import SCALAR, Storage, as_large, reads

Loads = Callable[[Expr], list[tuple[Expr, AffineForm]]]


def copied_first(kept: Storage, context: Context) -> None:
    """Operands that gemv cannot read where they lie are stored, before the first step that reads them."""
    again = True
    while again:
        again = False
        for e in list(kept.stored):
            for arg in e.args if e.op is acts.MATMUL else ():
                vector = min(len(x.shape) for x in e.args) == 1 and len(arg.shape) < 3
                if arg not in kept and e.kind == "real" and vector and not fits_vector(context, arg):
                    kept.keep.add(arg)  # from now on other steps read the copy too: it stands before the first
                    first = next(k for k, step in enumerate(kept.stored) if arg in reads(step, kept))
                    kept.stored.insert(first, arg)
                    again = True


def in_loops(e: Expr) -> bool:
    return e.op in SCALAR or (e.op in acts.VIEWS and e.op is not acts.RESHAPE)


def joins_loop(group: Sequence[Expr], e: Expr, memory: Callable[[Expr], Any],
           loads: Callable[[Expr], list[tuple[Expr, AffineForm]]]) -> bool:
    """May `e` be computed in the loop of `group`? What the loop writes it reads only at the entry of its turn, and only
    as numbers of the same kind: entries of another size lie elsewhere."""
    if e.shape != group[0].shape or e.op in acts.VIEWS or group[0].op in acts.VIEWS or len(group) > 8:
        return False
    kinds = {memory(x): x.kind for x in group}
    if memory(e) in kinds:
        return False
    kinds[memory(e)] = e.kind
    own = AffineForm(0, strides(e.shape))
    return all((base.kind, form) == (kinds[memory(base)], own) and as_large(base, e)
               for x in (*group, e) for base, form in loads(x) if memory(base) in kinds)


def own_reads(e: Expr, loads: Sequence[tuple[Expr, AffineForm]]) -> dict[Expr, bool]:
    """What a step in a loop reads, and whether only at the entry that it writes."""
    own = AffineForm(0, strides(e.shape))
    found: dict[Expr, bool] = {}
    for base, form in loads:
        found[base] = found.get(base, True) and form == own and as_large(base, e)
    return found


def loads_of(c: Context, e: Expr) -> list[tuple[Expr, AffineForm]]:
    probe = Context(c.storage, _Anything(), c.sizes, c.single, c.by_value)
    body = Body(probe, len(e.shape))
    body.computed(e, counters(len(e.shape)))
    return body.loads


class _Anything(dict[Expr, str]):
    def __missing__(self, e: Expr) -> str:
        return "x"
