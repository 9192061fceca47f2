"""Products of matrices: tiles in the registers of lanes, or of the warps of a block that share out the sum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symgrad.codegen.cuda.body import Placed, Writing, entries_of, split
from symgrad.codegen.cuda.contractions import letters
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.plan.indices import AffineForm, counters, locate
from symgrad.graphs.node import REAL


@dataclass(frozen=True)
class OperandText:
    """Where an operand of a product lies: its first entry, the steps along rows and columns, whether each of its matrices
    begins where four words are read at once."""

    first: str
    down: str
    across: str
    aligned: str


def matrix_of(on: Writing, e: Expr, arg: Expr) -> OperandText | None:
    """Where an operand of `e` lies; None where it is no array of real numbers."""
    rank = len(arg.shape)
    base, at = locate(arg, counters(rank), rank, on.context.storage.__contains__)
    if base not in on.context.storage or base.kind != REAL:
        return None
    form = at if isinstance(at, AffineForm) else Placed(on, rank).located(base, at)
    lead, stack = rank - 2, len(e.shape) - 2
    texts = [on.context.arrays[base]]
    fours = [*on.offsets.get(base, ()), form.const, *form.steps[:lead]]
    if form.const != 0:
        texts.append(on.size(form.const))
    for k, step in enumerate(form.steps[:lead]):
        if step != 0 and arg.shape[k] != 1:
            texts.append(f"{letters(stack)[stack - lead + k]} * {on.size(step)}")
    known = all(s % 4 == 0 for s in fours if isinstance(s, int))
    rest = [f"{on.size(s)} % 4 == 0" for s in fours if not isinstance(s, int)]
    aligned = " && ".join(rest) or "true" if known else "false"
    return OperandText(" + ".join(texts), on.size(form.steps[lead]), on.size(form.steps[lead + 1]), f"({aligned})")


def by_lanes(on: Writing, e: Expr, one: OperandText, two: OperandText, lines: Sequence[str],
             threads: int) -> tuple[str, list[str]]:
    """A tile for each lane; `lines` follow at each entry, `total`, at `row` and `column`."""
    M, N, K = on.size(e.shape[-2]), on.size(e.shape[-1]), on.size(e.args[0].shape[-1])
    stack = e.shape[:-2]
    names = [name if size != 1 else None for name, size in zip(letters(len(stack)), stack, strict=True)]
    count = on.size(entries_of(stack))
    body = [
        f"constexpr int R = tile_rows({M}, {N}, {threads}), C = tile_columns({M}, {N}, {threads});",
        f"constexpr int down = {M} / R, across = {N} / C;",
        *(split(on, "lane / (down * across)", names, stack) if count != "1" else []),
        "const int tile_row = lane / across % down, tile_column = lane % across;",
        f"using One = Operand<R, {M}, {one.down}, {one.across}, {one.aligned}>;",
        f"using Two = Operand<C, {N}, {two.across}, {two.down}, {two.aligned}>;",
        "real sums[R][C] = {};",
        f"tile<R, C, {K}, One, Two>(sums, {one.first} + tile_row * One::first, {two.first} + tile_column * Two::first);",
        "#pragma unroll", "for (int r = 0; r < R; r++)", "  #pragma unroll", "  for (int c = 0; c < C; c++) {",
        "    const int row = tile_row * One::start + r * One::apart, column = tile_column * Two::start + c * Two::apart;",
        "    const real total = sums[r][c];", *(f"    {line}" for line in lines), "  }"]
    lanes = f"{count} * tiles({M}, {N}, {threads})" if count != "1" else f"tiles({M}, {N}, {threads})"
    return f"warps({lanes})", [f"if (lane < {lanes}) {{", *(f"  {line}" for line in body), "}"]


def by_blocks(on: Writing, e: Expr, one: OperandText, two: OperandText, lines: Sequence[str]) -> tuple[str, list[str]]:
    """A tile of 16 x 16 for each task: the warps of a block share out the sum, and their parts meet in shared memory."""
    M, N, K = on.size(e.shape[-2]), on.size(e.shape[-1]), on.size(e.args[0].shape[-1])
    stack = e.shape[:-2]
    names = [name if size != 1 else None for name, size in zip(letters(len(stack)), stack, strict=True)]
    count = on.size(entries_of(stack))
    tiles = f"pieces({M}, 16) * pieces({N}, 16)"
    body = [
        *(split(on, f"task / ({tiles})", names, stack) if count != "1" else []),
        f"const int tile_row = task / pieces({N}, 16) % pieces({M}, 16) * 16, tile_column = task % pieces({N}, 16) * 16;",
        f"using One = Matrix<{M}, {one.down}, {one.across}, {one.aligned}>;",
        f"using Two = Matrix<{N}, {two.across}, {two.down}, {two.aligned}>;",
        "SHARED(memory);", "real *const partial = (real *)memory;",
        "part_of_tile<One::fours, Two::fours, Two::side>(",
        f"    partial, {one.first}, {two.first}, tile_row, tile_column, {M}, {N}, {K}, One::step, One::sum,",
        "    Two::step, Two::sum);", "__syncthreads();",
        "{", "  const int row = tile_row + threadIdx.x / 16, column = tile_column + threadIdx.x % 16;",
        f"  if (row < {M} && column < {N}) {{", "    real total = 0;",
        "    for (int warp = 0; warp < 8; warp++) total += partial[warp * 256 + threadIdx.x];",
        *(f"    {line}" for line in lines), "  }", "}", "__syncthreads();  // the parts are read"]
    return (f"{count} * {tiles}" if count != "1" else tiles), body
