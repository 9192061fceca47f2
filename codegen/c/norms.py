"""Norms as C: squares added in double, and once more with the largest entry taken out where that over- or underflows."""

from __future__ import annotations

from symgrad.codegen.c.loops import Body, Context, counter, index_c, nest, placed
from symgrad.codegen.c.reduce import around, row_below
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.plan.indices import counters, flat


def write_norm(c: Context, e: Expr) -> list[str]:
    """The root of the sum of squares along the last axis."""
    (arg,) = e.args
    kept, rank = len(e.shape), len(e.shape) + 1
    body = Body(c, rank)
    value = f"const double next = {body.value(arg, counters(rank))};"
    target = f"{c.arrays[e]}[{body.place(flat(counters(rank)[:kept], e.shape, rank))}]"

    def loop(*lines: str, reduction: str = "") -> list[str]:
        return nest(c, arg.shape, body.places, [value, *lines], 0, bool(reduction), reduction, kept)

    texts = [index_c(form, {k: counter(k) for k in range(kept)}, c.sizes) for form in body.places]
    lines = ["double total = 0, best = 0;", *loop("total += next * next;", reduction=" reduction(+:total)"),
             "if (!(total > 1e-290 && total < 1e300)) {",
             *("  " + line for line in loop("if (!(fabs(next) <= best)) best = fabs(next);")),
             "  if (best > 0 && best < INFINITY) {", "    total = 0;",
             *("    " + line for line in loop("total += next / best * (next / best);", reduction=" reduction(+:total)")),
             "  } else {", "    best = 1;", "  }", "} else {", "  best = 1;", "}",
             placed(f"{target} = best * sqrt(total);", texts)]
    return around(c, e.shape, lines, row_below(c, e, range(kept)))
