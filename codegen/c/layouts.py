"""Copies in another order of axes: an image whose channels come last, the transpose of a product.

What is written side by side is then read from places far apart, or the other way round; both are done a square at a time,
and large arrays by all threads. Writers ask `rearranged`, which answers for a copy of one array whose neighbours change,
and leaves all others to loops.
"""

from __future__ import annotations

from math import prod

from symgrad.codegen.c.loops import Body, Context
from symgrad.codegen.c.nests import wrapped
from symgrad.codegen.c.products import merged
from symgrad.codegen.c.strides import MOST
from symgrad.codegen.c.texts import size_c
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.plan.indices import AffineForm
from symgrad.graphs.node import REAL
from symgrad.graphs.sizes import Shape

LEAST = 4096  # entries below which a loop is as good

def rearranged(c: Context, e: Expr, shape: Shape, body: Body, value: str, target: AffineForm) -> list[str] | None:
    """The call that writes `value`, an entry of an array as `body` reads it, at `target` in `e`; None for what loops do."""
    if c.by_itself or e.kind != REAL or len(body.loads) != 1 or body.loads[0][0].kind != REAL or len(body.places) != 1:
        return None
    ((base, form),) = body.loads
    if base in c.by_value or value != f"{c.arrays[base]}[#0#]":
        return None
    axes = merged([(size, x, y) for size, x, y in zip(shape, form.steps, target.steps, strict=True)])
    read = [k for k, (_, x, _) in enumerate(axes) if x == 1]
    written = [k for k, (_, _, y) in enumerate(axes) if y == 1]
    if len(read) != 1 or len(written) != 1 or read == written or len(axes) > MOST:
        return None
    if all(isinstance(size, int) for size in shape) and prod(shape) < LEAST:
        return None
    order = [*(k for k in range(len(axes)) if k not in (*read, *written)), *read, *written]
    sizes = {k: size_c(axis[0], c.sizes) for k, axis in enumerate(axes)}
    places = [[] if at.const == 0 else [size_c(at.const, c.sizes)] for at in (form, target)]
    if c.rows is not None:  # those of the first axis
        size, *steps = axes[0]
        sizes[0] = c.rows_c(size, "(last - first)")
        places = [[*place, c.rows_c(size * step, "first")] for place, step in zip(places, steps, strict=True)]
    table = ", ".join(f"{{{sizes[k]}, {size_c(axes[k][1], c.sizes)}, 0, {size_c(axes[k][2], c.sizes)}}}" for k in order)
    c.used["rearrange"] = None
    names = [" + ".join([c.arrays[each], *place]) for each, place in zip((base, e), places, strict=True)]
    call = f"rearrange({', '.join(names)}, {len(order)},\0(const Axis[]){{{table}}});"
    return wrapped(call.replace("{", "\1").replace(" ", "\0").replace(",\0", ", ").replace("\1", "{"), 6, "  ")
