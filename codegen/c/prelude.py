"""What stands in front of generated C: types, vector forms of libm, the kernel of products, and whichever BLAS is there."""

from __future__ import annotations

from collections.abc import Iterable

from symgrad.codegen.c.kernel import CONTRACT
from symgrad.codegen.c.linear import LAPACK
from symgrad.codegen.c.rearrange import REARRANGE
from symgrad.codegen.c.sharing import SHARING
from symgrad.codegen.c.strides import STRIDES
from symgrad.codegen.c.team import TEAM
from symgrad.codegen.c.texts import LIBM, VECTOR, own_texts, with_used

HEAD = """\
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef {real} real;
#define ROOM(count, type) (((count) * (int64_t)sizeof(type) + 63) / 64 * 64) /* bytes of an array in the workspace */
#define LARGER(a, b) ((a) > (b) ? (a) : (b))
#define LESSER(a, b) ((a) < (b) ? (a) : (b))
#define CHECKED(call) do {{ const int failed = call; if (failed) return failed; }} while (0)

/* A loop nest that is needed more than once is compiled once. Callers know nothing of what is in it: GCC 12 takes a loop
   that counts from another array for one that reads through NULL, calls its function pure, and drops the calls. */
#ifdef __has_attribute
#if __has_attribute(noipa)
#define NEST static __attribute__((noipa))
#endif
#endif
#ifndef NEST
#define NEST static __attribute__((noinline))
#endif
"""

# The loops where there is no library.
GEMV = """\
    for (int64_t i = 0; i < m; i++) {
      real sum = 0;
      for (int64_t j = 0; j < n; j++) sum += (t ? a[j * lda + i] : a[i * lda + j]) * x[j * step];
      y[i] = sum;
    }
"""
BLAS = """\
/* Matrix times vector, in row-major order: kind 1 is CBLAS with 64-bit sizes, 2 Fortran's BLAS, 0 plain loops. */
static int kind;
static void *gemv_;
void bind(int k, void *gemv) { kind = k; gemv_ = gemv; }

typedef void (*cblas_gemv)(int, int, int64_t, int64_t, real, const real *, int64_t, const real *, int64_t, real, real *,
                           int64_t);
typedef void (*blas_gemv)(const char *, const int *, const int *, const real *, const real *, const int *, const real *,
                          const int *, const real *, real *, const int *);

/* y = a x, of rows x columns as a lies; `t`: y = a' x. */
NEST void gemv(int t, int64_t rows, int64_t columns, const real *a, int64_t lda, const real *x, int64_t step,
                 real *y) {
  const int64_t m = t ? columns : rows, n = t ? rows : columns;
  if (m == 0 || n == 0) {
    memset(y, 0, m * sizeof *y);
  } else if (kind == 1) {
    ((cblas_gemv)gemv_)(101, t ? 112 : 111, rows, columns, 1, a, lda, x, step, 0, y, 1);
  } else if (kind == 2) {
    const int M = columns, N = rows, A = lda, S = step, unit = 1;
    const real one = 1, zero = 0;
    ((blas_gemv)gemv_)(t ? "N" : "T", &M, &N, &one, a, &A, x, &S, &zero, y, &unit);
  } else {
@gemv@  }
}
""".replace("@gemv@", GEMV)


def prelude(single: bool, used: Iterable[str]) -> str:
    """The head of a C text that uses these rows."""
    used = with_used(used)
    parts = [HEAD.format(real="float" if single else "double")]
    names = sorted({LIBM[row] for row in used if row in LIBM and LIBM[row] in VECTOR})
    if names:
        lines = ["/* glibc has vector forms of these (libmvec); a loop may use them. */", "#ifdef VECTOR_LIBM"]
        for name in names:
            suffix, real = ("f", "float") if single else ("", "double")
            arguments = f"{real}, {real}" if name == "pow" else real
            lines.append(f'__attribute__((simd("notinbranch"))) extern {real} {name}{suffix}({arguments});')
        parts.append("\n".join([*lines, "#endif\n"]))
    if own := own_texts(used, single):
        parts.append("\n".join(own) + "\n")
    parts.append(BLAS)
    if used & {"contract", "rearrange", "rows"}:
        parts += [TEAM, STRIDES]
    texts = (("contract", CONTRACT), ("rearrange", REARRANGE), ("rows", SHARING))
    parts += [text for row, text in texts if row in used]
    if "lapack" in used:
        parts.append(LAPACK)
    return "\n".join(parts)
