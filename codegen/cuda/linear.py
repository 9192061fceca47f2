"""Linear systems of small matrices, a warp for each: factors with partial pivoting, substituted columns, determinants.

A warp keeps the matrix that it takes apart in memory of its own, row by row; its lanes share out rows, or columns where
these do not wait for each other. What has no solution becomes infinite or no number, as in the plain step.
"""

from __future__ import annotations

from symgrad.codegen.c.texts import bare
from symgrad.codegen.cuda.body import Names, Writing, entries_of, split
from symgrad.codegen.cuda.contractions import letters
from symgrad.codegen.cuda.entries import entry
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.phases.units import Unit
from symgrad.graphs.sizes import Shape

LINEAR_TEXT = r"""
// W, of n x n, becomes its factors by a warp, with partial pivoting: the upper one stays; X, of n x w,
// has the same done to its rows. Gives the sign of the permutation. Rows are `wide` and `apart` words apart.
static __device__ __noinline__ int eliminated(real *W, real *X, int n, int w, int wide, int apart, int part) {
  int sign = 1;
  for (int k = 0; k < n; k++) {
    __syncwarp();
    int pivot = k;
    for (int row = k + 1; row < n; row++)
      if (fabs(W[row * wide + k]) > fabs(W[pivot * wide + k])) pivot = row;
    __syncwarp();
    if (pivot != k) {
      sign = -sign;
      for (int c = part; c < n; c += 32) swap(W[k * wide + c], W[pivot * wide + c]);
      for (int c = part; c < w; c += 32) swap(X[k * apart + c], X[pivot * apart + c]);
    }
    __syncwarp();
    const real top = W[k * wide + k];
    if (top != 0)
      for (int row = k + 1 + part; row < n; row += 32) {
        const real factor = W[row * wide + k] / top;
        for (int c = k + 1; c < n; c++) W[row * wide + c] -= factor * W[k * wide + c];
        for (int c = 0; c < w; c++) X[row * apart + c] -= factor * X[k * apart + c];
      }
  }
  __syncwarp();
  return sign;
}
// The x with W x = X, in the place of X; W is an upper triangle. Each lane has columns of its own.
static __device__ __noinline__ void substituted(const real *W, real *X, int n, int w, int wide, int apart, int part) {
  for (int c = part; c < w; c += 32)
    for (int k = n - 1; k >= 0; k--) {
      real total = X[k * apart + c];
      for (int j = k + 1; j < n; j++) total -= W[k * wide + j] * X[j * apart + c];
      X[k * apart + c] = total / W[k * wide + k];
    }
}
// The lower triangle L with L L' = L, by a warp; what is above its diagonal becomes 0.
static __device__ __noinline__ void rooted(real *L, int n, int wide, int part) {
  for (int k = 0; k < n; k++) {
    __syncwarp();
    real top = L[k * wide + k];
    for (int j = 0; j < k; j++) top -= L[k * wide + j] * L[k * wide + j];
    top = sqrt(top);
    __syncwarp();
    for (int row = part; row < n; row += 32) {
      if (row == k) L[row * wide + k] = top;
      if (row < k) L[row * wide + k] = 0;
      if (row > k) {
        real total = L[row * wide + k];
        for (int j = 0; j < k; j++) total -= L[row * wide + j] * L[k * wide + j];
        L[row * wide + k] = total / top;
      }
    }
  }
}
"""


def write_linear_unit(on: Writing, unit: Unit) -> tuple[str, list[str]]:
    """The lanes of a unit, a warp for each matrix, and the lines of one of them."""
    *copies, e = unit.steps
    name, args = e.attrs[0], e.args
    n = on.size(args[0].shape[-1])
    vector = name == "solve" and len(args[1].shape) == 1
    stack: Shape = () if vector else e.shape if name in ("det", "logdet") else e.shape[:-2]
    names: list[str | None] = [x if s != 1 else None for x, s in zip(letters(len(stack)), stack, strict=True)]
    lines = ["const int part = lane % 32;  // a warp for each matrix", *split(on, "lane / 32", names, stack)]
    if name == "cholesky":
        lines += _filled(on, e, args[0], names, n, n)
        lines.append(f"rooted({_first(on, e, names)}, {n}, {on.size(on.strides[e][-2])}, part);")
    else:
        (copy,) = copies
        lines += _filled(on, copy, copy, names, n, n)
        matrix, wide = _first(on, copy, names), on.size(on.strides[copy][-2])
        if name in ("det", "logdet"):
            start, add = ("sign", "total *= {}") if name == "det" else ("0", "total += log(fabs({}))")
            add = add.format(f"({matrix})[k * {wide} + k]")
            lines += [f"const int sign = eliminated({matrix}, nullptr, {n}, 0, {wide}, 0, part);", f"real total = {start};",
                      f"for (int k = 0; k < {n}; k++) {add};", f"if (part == 0) {on.place(e, names)} = total;"]
        else:
            w = "1" if vector else on.size(e.shape[-1])
            apart = on.size(on.strides[e][-1 if vector else -2])
            lines += _filled(on, e, None if name == "inverse" else args[1], names, n, "" if vector else w)
            given = f"{matrix}, {_first(on, e, names)}, {n}, {w}, {wide}, {apart}, part"
            lines += [f"eliminated({given});", f"substituted({given});"]
    return f"{on.size(entries_of(stack))} * 32", lines


def _first(on: Writing, e: Expr, names: Names) -> str:
    """Where the matrix of a warp begins."""
    return f"&{on.place(e, [*names, *[None] * (len(e.shape) - len(names))])}"


def _filled(on: Writing, to: Expr, what: Expr | None, names: Names, n: str, w: str) -> list[str]:
    """Lines that copy a matrix, or a vector where `w` says no width; None: the identity."""
    own: list[str | None] = [*names, "row", "column"] if w else ["row"]
    lines: list[str] = []
    if what is None:
        value = "row == column"
    elif what is to:
        lines, value = entry(on, to, own)
    else:
        value = bare(on.operand(what, own[len(own) - len(what.shape):]))
    if not w:
        return [f"for (int row = part; row < {n}; row += 32) {on.place(to, own)} = {value};"]
    return [f"for (int place = part; place < {n} * {w}; place += 32) {{",
            f"  const int row = place / {w}, column = place % {w};", *(f"  {line}" for line in lines),
            f"  {on.place(to, own)} = {value};", "}"]
