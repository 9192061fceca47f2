"""Products as C: BLAS where it can read the operands where they lie, loops for the rest."""

from __future__ import annotations

from typing import Any

from symgrad.codegen.c.loops import Body, Context, counter, index_c
from symgrad.codegen.c.reduce import around, reduce_loops
from symgrad.codegen.c.texts import size_c
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.plan.indices import AffineForm, AffineIndex, counters, flat, locate
from symgrad.graphs.node import REAL


def write_dots(c: Context, e: Expr) -> list[str]:
    """vdot, vecdot and a two-operand einsum: one loop nest that multiplies and adds."""
    name, *words = e.attrs
    one, two = e.args
    if name == "einsum":
        left, _, out = words[0].partition("->")
        la, lb = map(tuple, left.split(","))
    else:
        la = lb = tuple(range(len(one.shape)))
        out = () if name in ("vdot", "dot") else la[:-1]
    size = {**dict(zip(la, one.shape, strict=True)), **dict(zip(lb, two.shape, strict=True))}
    letters = [*out, *dict.fromkeys(x for x in la + lb if x not in out)]

    def value(body: Body, index: AffineIndex) -> str:
        at = dict(zip(letters, index, strict=True))
        return f"{body.value(one, tuple(at[x] for x in la))} * {body.value(two, tuple(at[x] for x in lb))}"

    return reduce_loops(c, e, tuple(size[x] for x in letters), range(len(out), len(letters)), value)


def write_distances(c: Context, e: Expr) -> list[str]:
    """|x_i - m_j|^2 of rows and columns: differences squared and added, nothing cancels, no array of pairs is made.

    The innermost loop runs over the columns, so that it vectorises without a sum across a vector.
    """
    x, m = e.args

    def value(body: Body, index: AffineIndex) -> str:
        *front, i, k, j = index
        return f"square({body.value(x, (*front, i, k))} - {body.value(m, (*front, k, j))})"

    c.used["square"] = None
    last = len(e.shape) - 1
    return reduce_loops(c, e, (*e.shape[:-1], x.shape[-1], e.shape[-1]), [last], value)


class Matrix:
    """A view of a stored array as BLAS takes it: pointer, leading dimension, transposed or not."""

    def __init__(self, c: Context, e: Expr, axes: tuple[int, int]) -> None:
        rank = len(e.shape)
        base, at = locate(e, counters(rank), rank, c.storage.__contains__)
        form = at if isinstance(at, AffineForm) else flat(at, base.shape, rank)
        self.base, self.form, self.rank = base, form, rank
        rows, columns = axes
        self.m, self.n = e.shape[rows], e.shape[columns]
        down, across = form.steps[rows], form.steps[columns]
        if self.n == 1 and self.m == 1:
            down, across = 1, 1
        elif self.n == 1 and down != 1:
            across = 1
        elif self.m == 1 and across != 1:
            down = 1
        self.transposed = across != 1
        self.lead = down if not self.transposed else across
        if self.lead == 1 and (self.n if not self.transposed else self.m) != 1:
            self.lead = self.n if not self.transposed else self.m  # one row: any leading dimension that is long enough
        self.fits = (across == 1 or down == 1) and _positive(self.lead)

    def pointer(self, c: Context, names: dict[int, str]) -> str:
        text = index_c(self.form, names, c.sizes)
        return c.arrays[self.base] + ("" if text == "0" else f" + {text}")


def _positive(size: Any) -> bool:
    return size > 0 if isinstance(size, int) else bool(size.is_positive)


def fits_blas(c: Context, e: Expr) -> bool:
    """Can BLAS read this operand of a product where it lies?"""
    rank = len(e.shape)
    if rank == 1:
        base, at = locate(e, counters(1), 1, c.storage.__contains__)
        form = at if isinstance(at, AffineForm) else flat(at, base.shape, 1)
        return _positive(form.steps[0]) or e.shape[0] == 1
    return Matrix(c, e, (rank - 2, rank - 1)).fits


def write_matmul(c: Context, e: Expr) -> list[str]:
    """A matrix product by gemm, a stack of them in loops, matrix times vector by gemv, a dot product in a loop."""
    a, b = e.args
    out = c.arrays[e]
    if len(a.shape) == len(b.shape) == 1:
        return reduce_loops(c, e, a.shape, [0], lambda body, index: f"{body.value(a, index)} * {body.value(b, index)}")
    if e.kind != REAL:
        return _plain_product(c, e)
    if len(a.shape) == 1 or len(b.shape) == 1:
        matrix, vector = (b, a) if len(a.shape) == 1 else (a, b)
        if len(matrix.shape) > 2:
            return _plain_product(c, e)
        m = Matrix(c, matrix, (0, 1))
        base, at = locate(vector, counters(1), 1, c.storage.__contains__)
        form = at if isinstance(at, AffineForm) else flat(at, base.shape, 1)
        offset = index_c(form._replace(steps=(0,)), {}, c.sizes)
        x = c.arrays[base] + ("" if offset == "0" else f" + {offset}")
        rows, columns = (m.m, m.n) if not m.transposed else (m.n, m.m)
        flip = m.transposed == (vector is b)
        step = size_c(form.steps[0], c.sizes) if vector.shape[0] != 1 else "1"
        return [f"  gemv({int(flip)}, {size_c(rows, c.sizes)}, {size_c(columns, c.sizes)}, {m.pointer(c, {})}, "
                f"{size_c(m.lead, c.sizes)}, {x}, {step}, {out});"]
    left = Matrix(c, a, (len(a.shape) - 2, len(a.shape) - 1))
    right = Matrix(c, b, (len(b.shape) - 2, len(b.shape) - 1))
    stack = e.shape[:-2]
    names = {k: counter(k) for k in range(len(stack))}

    def pointer(m: Matrix) -> str:
        lead = m.rank - 2
        shift = {k: names[len(stack) - lead + k] for k in range(lead)}
        return m.pointer(c, shift)

    place = flat(tuple(counters(len(e.shape))), e.shape, len(e.shape))
    offset = index_c(AffineForm(0, (*place.steps[:-2], 0, 0)), names, c.sizes)
    target = out if offset == "0" else f"{out} + {offset}"
    m, n, k = e.shape[-2], e.shape[-1], a.shape[-1]
    if not stack and left.base is right.base and left.transposed != right.transposed and m == n and (
            left.form.const, left.lead, left.form.steps) == (right.form.const, right.lead, right.form.steps[::-1]):
        return [f"  syrk({int(left.transposed)}, {size_c(m, c.sizes)}, {size_c(k, c.sizes)}, {pointer(left)}, "
                f"{size_c(left.lead, c.sizes)}, {target});"]
    sizes = ", ".join(size_c(x, c.sizes) for x in (m, n, k))
    call = (f"gemm({int(left.transposed)}, {int(right.transposed)}, {sizes}, {pointer(left)}, "
            f"{size_c(left.lead, c.sizes)}, {pointer(right)}, {size_c(right.lead, c.sizes)}, {target});")
    return around(c, stack, [call]) if stack else [f"  {call}"]


def _plain_product(c: Context, e: Expr) -> list[str]:
    """A product of integers, or of a stack with a vector: loops."""
    a, b = e.args
    front: tuple[int | str, ...] = tuple(range(max(len(a.shape), len(b.shape)) - 2))
    la, lb, out = (*front, "m", "x"), (*front, "x", "n"), (*front, "m", "n")
    if len(a.shape) == 1:
        la, out = ("x",), (*front, "n")
    elif len(b.shape) == 1:
        lb, out = ("x",), (*front, "m")
    else:
        la, lb = (*front[len(front) - len(a.shape) + 2:], "m", "x"), (*front[len(front) - len(b.shape) + 2:], "x", "n")
    size = {**dict(zip(la, a.shape, strict=True)), **dict(zip(lb, b.shape, strict=True))}
    letters = [*out, "x"]

    def value(body: Body, index: AffineIndex) -> str:
        at = dict(zip(letters, index, strict=True))
        return f"{body.value(a, tuple(at[x] for x in la))} * {body.value(b, tuple(at[x] for x in lb))}"

    return reduce_loops(c, e, tuple(size[x] for x in letters), [len(letters) - 1], value)
