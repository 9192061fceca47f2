"""Products as C: matrices by the kernel of `kernel.py`, which reads operands where they lie, loops for the rest.

What a product reads is a view of stored arrays, so each of its axes is one step through memory; an axis that a reshape
made of several is several steps, and needs no copy. So windows are never copied, nor are heads of attention.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

from symgrad.codegen.c.loops import Body, Context, equal, quotient
from symgrad.codegen.c.nests import wrapped
from symgrad.codegen.c.reduce import reduce_loops
from symgrad.codegen.c.strides import MOST
from symgrad.codegen.c.texts import size_c
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.lowering.order import typical
from symgrad.codegen.plan.indices import STEPS, AffineForm, AffineIndex, counters, flat, leading, locate, strides
from symgrad.codegen.plan.storage import Storage
from symgrad.graphs.node import REAL
from symgrad.graphs.sizes import Shape, Size


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


def write_matmul(c: Context, e: Expr) -> list[str]:
    """A product of matrices, or of stacks of them, by the kernel; matrix times vector by gemv; a dot product in a loop."""
    a, b = e.args
    if len(a.shape) == len(b.shape) == 1:
        return reduce_loops(c, e, a.shape, [0], lambda body, index: f"{body.value(a, index)} * {body.value(b, index)}")
    if e.kind != REAL or (c.by_itself and len(a.shape) > 1 < len(b.shape)):
        return _plain_product(c, e)
    if len(a.shape) == 1 or len(b.shape) == 1:
        return _times_vector(c, e) if len(a.shape) + len(b.shape) == 3 else _plain_product(c, e)
    left, right, groups, symmetric = walks(c.storage, e)
    pointers = [_from(c, left), _from(c, right), c.arrays[e]]
    sizes = [[size_c(axis[0], c.sizes) for axis in group] for group in groups]
    if c.rows is not None:
        at = int(leading(e.shape) == len(e.shape) - 2)  # of a stack, or rows of one product
        size, *steps = groups[at][0]
        sizes[at][0] = c.rows_c(size, "(last - first)")
        pointers = [p if step == 0 else f"{p} + {c.rows_c(size * step, 'first')}"
                    for p, step in zip(pointers, steps, strict=True)]
        symmetric = False
    c.used["contract"] = None
    axes = ", ".join("{" + ", ".join([size, *(size_c(x, c.sizes) for x in axis[1:])]) + "}"
                     for group, named in zip(groups, sizes, strict=True) for axis, size in zip(group, named, strict=True))
    counts = ", ".join(str(len(group)) for group in groups)
    call = (f"contract({', '.join(pointers)}, {counts}, {int(symmetric)},\0"
            f"(const Axis[]){{{axes or '{1, 0, 0, 0}'}}});")
    return wrapped(call.replace("{", "\1").replace(" ", "\0").replace(",\0", ", ").replace("\1", "{"), 6, "  ")


Axis = tuple[Size, ...]  # its length, and the step in each array that it walks


class Strided(NamedTuple):
    """Where the entries of an operand lie: for each of its axes the lengths and steps of those that it was made of."""

    base: Expr
    const: Size
    axes: list[list[Axis]]


def walks(storage: Storage, e: Expr) -> tuple[Strided, Strided, list[list[Axis]], bool]:
    """How the kernel computes a product: how it walks both operands; the axes of the stack, of rows, of columns, and those
    that are summed; is the result symmetric?"""
    left, right = (walked(storage, arg) for arg in e.args)
    places = strides(e.shape)
    stack: list[Axis] = []
    for k, size in enumerate(e.shape[:-2]):
        own = [(one.axes[k - len(e.shape)] or [(1, 0)])[0] if len(e.shape) - k <= len(one.axes) else (1, 0)
               for one in (left, right)]
        stack.append((size, *(0 if length == 1 and size != 1 else step for length, step in own), places[k]))
    rows = [(size, x, 0, y) for size, x, y in _refined(left.axes[-2], [(e.shape[-2], places[-2])])]
    columns = [(size, 0, x, y) for size, x, y in _refined(right.axes[-1], [(e.shape[-1], places[-1])])]
    deep = [(size, x, y, 0) for size, x, y in _refined(left.axes[-1], right.axes[-2])]
    symmetric = not stack and left.base is right.base and left.const == right.const and (
        [(size, x) for size, x, *_ in rows], [(size, x) for size, x, *_ in deep]) == (
        [(size, x) for size, _, x, _ in columns], [(size, x) for size, _, x, _ in deep])
    return left, right, [merged(group) for group in (stack, rows, columns, deep)], symmetric


def walked(storage: Storage, e: Expr) -> Strided:
    """How the kernel reads an operand where it lies."""
    inner, groups = split(e, storage)
    rank = len(inner.shape)
    base, at = locate(inner, counters(rank), rank, storage.__contains__)
    form = at if isinstance(at, AffineForm) else flat(at, base.shape, rank)
    return Strided(base, form.const, [merged([(inner.shape[k], form.steps[k]) for k in group]) for group in groups])


def split(e: Expr, stored: Storage | Container[Expr] = ()) -> tuple[Expr, tuple[tuple[int, ...], ...]]:
    """The view that `e` is a reshape of, transposed or not, and which of its axes each axis of `e` is made of."""
    if e not in stored:
        if e.op is acts.TRANSPOSE:
            inner, groups = split(e.args[0], stored)
            return inner, tuple(groups[k] for k in e.attrs[0])
        if e.op is acts.RESHAPE and (found := grouped(e.shape, e.args[0].shape)):
            return e.args[0], found
    return e, tuple((k,) for k in range(len(e.shape)))


def grouped(shape: Shape, inner: Shape) -> tuple[tuple[int, ...], ...] | None:
    """Which axes of `inner` each axis of `shape` is made of by a reshape that only joins neighbours; None for others."""
    groups, k = [], 0
    for size in shape:
        found: list[int] = []
        total: Size = 1
        while k < len(inner) and not equal(total, size):
            total = total * inner[k]
            found.append(k)
            k += 1
        if not equal(total, size):
            return None
        groups.append(tuple(found))
    rest = tuple(range(k, len(inner)))
    if any(inner[k] != 1 for k in rest) or (rest and not groups):
        return None
    return (*groups[:-1], (*groups[-1], *rest)) if rest else tuple(groups)


def in_place(roots: Sequence[Expr], exprs: Sequence[Expr]) -> set[Expr]:
    """The reshapes that need no copy of the view they are of: only products read them, by steps through its memory."""
    readers: dict[Expr, list[Expr]] = {}
    for e in exprs:
        for arg in e.args:
            readers.setdefault(arg, []).append(e)

    def fits(e: Expr) -> bool:
        return e not in roots and all(
            fits(r) if r.op is acts.TRANSPOSE else r.op is acts.MATMUL and r.kind == REAL and _refinable(r)
            for r in readers.get(e, ()))

    return {e for e in exprs if e.op is acts.RESHAPE and grouped(e.shape, e.args[0].shape) and fits(e)
            and not any(_is_kernel(e, r) for r in readers.get(e, ()))}


def windowed(e: Expr) -> bool:
    """Is it a view of windows, which a product reads where they lie?"""
    while e.op in STEPS:
        if e.op is acts.WINDOWS:
            return True
        (e,) = e.args
    return False


def _is_kernel(e: Expr, product: Expr) -> bool:
    """Does a product with windows read this as a kernel that lies across, in more places than it has rows? Then it is laid
    out once, and no block of rows, nor part of the batch, packs it again."""
    if product.op is not acts.MATMUL or product.args[1] is not e or not windowed(product.args[0]):
        return False
    across = e.args[0].op is acts.TRANSPOSE and e.args[0].attrs[0][-1] != len(e.args[0].shape) - 1
    return across and all(isinstance(size, int) for size in e.shape) and typical(product.shape[-2]) >= typical(e.shape[-2])


def _refinable(product: Expr) -> bool:
    """Do both operands split what is summed in steps that agree, and are these few?"""
    if any(len(arg.shape) < 2 or any(len(group) != 1 for group in split(arg)[1][:-2]) for arg in product.args):
        return False
    (one, left), (two, right) = map(split, product.args)
    deep = [[(inner.shape[k], 0) for k in group] for inner, group in ((one, left[-1]), (two, right[-2]))]
    try:
        return max(len(_refined(*deep)), len(left[-2]), len(right[-1]), len(product.shape)) <= MOST
    except ValueError:
        return False


def _refined(one: Sequence[Axis], two: Sequence[Axis]) -> list[Axis]:
    """One axis split in two ways, split in both: lengths, and the steps in both. ValueError where the parts do not nest."""
    left, right = [p for p in one if p[0] != 1], [p for p in two if p[0] != 1]
    result: list[Axis] = []
    while left or right:
        (m, x), (n, y) = left.pop() if left else (1, 0), right.pop() if right else (1, 0)
        if equal(m, n):
            result.append((m, x, y))
        elif (part := quotient(m, n)) is not None:
            result.append((n, x, y))
            left.append((part, x * n))
        elif (part := quotient(n, m)) is not None:
            result.append((m, x, y))
            right.append((part, y * m))
        else:
            raise ValueError(f"{m} and {n}")
    return result[::-1]


def merged(axes: Sequence[Axis]) -> list[Axis]:
    """The same axes (a length, and the step in each array), with neighbours as one that every array walks as one."""
    result: list[Axis] = []
    for axis in axes:
        if result and all(equal(outer, inner * axis[0]) for outer, inner in zip(result[-1][1:], axis[1:], strict=True)):
            result[-1] = (result[-1][0] * axis[0], *axis[1:])
        elif axis[0] != 1:
            result.append(axis)
    return result


def _from(c: Context, walk: Strided) -> str:
    """The pointer to the first entry."""
    text = size_c(walk.const, c.sizes)
    return c.arrays[walk.base] + ("" if text == "0" else f" + {text}")


def fits_vector(c: Context, e: Expr) -> bool:
    """Can gemv read this operand of a product where it lies?"""
    rank = len(e.shape)
    base, at = locate(e, counters(rank), rank, c.storage.__contains__)
    form = at if isinstance(at, AffineForm) else flat(at, base.shape, rank)
    return _positive(form.steps[0]) or e.shape[0] == 1 if rank == 1 else Matrix(c, e).fits


class Matrix:
    """A view of a stored array as gemv takes it: pointer, leading dimension, transposed or not."""

    def __init__(self, c: Context, e: Expr) -> None:
        self.base, at = locate(e, counters(2), 2, c.storage.__contains__)
        self.form = at if isinstance(at, AffineForm) else flat(at, self.base.shape, 2)
        self.m, self.n = e.shape
        down, across = self.form.steps
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


def _positive(size: Size) -> bool:
    return size > 0 if isinstance(size, int) else bool(size.is_positive)


def _times_vector(c: Context, e: Expr) -> list[str]:
    """A matrix times a vector, or a vector times a matrix, by gemv."""
    a, b = e.args
    matrix, vector = (b, a) if len(a.shape) == 1 else (a, b)
    m = Matrix(c, matrix)
    base, at = locate(vector, counters(1), 1, c.storage.__contains__)
    form = at if isinstance(at, AffineForm) else flat(at, base.shape, 1)
    rows, columns = (m.m, m.n) if not m.transposed else (m.n, m.m)
    flip = m.transposed == (vector is b)
    step = size_c(form.steps[0], c.sizes) if vector.shape[0] != 1 else "1"
    whole, part = (_from(c, Strided(x, f.const, [])) for x, f in ((m.base, m.form), (base, form)))
    return [f"  gemv({int(flip)}, {size_c(rows, c.sizes)}, {size_c(columns, c.sizes)}, {whole}, "
            f"{size_c(m.lead, c.sizes)}, {part}, {step}, {c.arrays[e]});"]


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
