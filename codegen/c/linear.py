"""Linear algebra as C: LAPACK where the matrices lie, one after the other, from the library that BLAS comes from.

The same factorisations as NumPy's, so the same results and the same refusals: LU with partial pivoting for inverses,
solves and determinants, Cholesky. LAPACK takes columns where arrays lie in rows: every matrix is copied, as NumPy does.
"""

from __future__ import annotations

from symgrad.codegen.c.loops import Context, counter, index_c
from symgrad.codegen.c.reduce import around
from symgrad.codegen.c.texts import size_c
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.plan.indices import AffineForm, counters, flat, locate
from symgrad.graphs.sizes import Shape

# The loops where there is no library; a file that stands alone has nothing else.
FACTORED = """\
    for (int64_t j = 0; j < n; j++) {
      int64_t p = j;
      for (int64_t i = j + 1; i < n; i++)
        if (fabs(a[j * n + i]) > fabs(a[j * n + p])) p = i;
      ((int64_t *)pivots)[j] = p + 1;
      if (a[j * n + p] == 0) {
        info = info ? info : j + 1;
        continue;
      }
      for (int64_t k = 0; k < n && p != j; k++) {
        const real x = a[k * n + j];
        a[k * n + j] = a[k * n + p];
        a[k * n + p] = x;
      }
      for (int64_t i = j + 1; i < n; i++) a[j * n + i] /= a[j * n + j];
      for (int64_t k = j + 1; k < n; k++)
        for (int64_t i = j + 1; i < n; i++) a[k * n + i] -= a[j * n + i] * a[k * n + j];
    }
"""
SUBSTITUTED = """\
    for (int64_t c = 0; c < k; c++, b += n) {
      for (int64_t i = 0; i < n; i++) {
        const real x = b[pivot(pivots, i)];
        b[pivot(pivots, i)] = b[i];
        b[i] = x;
      }
      for (int64_t j = 0; j < n; j++)
        for (int64_t i = j + 1; i < n; i++) b[i] -= a[j * n + i] * b[j];
      for (int64_t j = n; j-- > 0;) {
        b[j] /= a[j * n + j];
        for (int64_t i = 0; i < j; i++) b[i] -= a[j * n + i] * b[j];
      }
    }
"""
CHOLESKY = """\
    for (int64_t j = 0; j < n && !info; j++) {
      for (int64_t k = 0; k < j; k++)
        for (int64_t i = j; i < n; i++) x[j * n + i] -= x[k * n + i] * x[k * n + j];
      if (x[j * n + j] <= 0) info = j + 1;
      const real root = sqrt(x[j * n + j]);
      for (int64_t i = j; i < n; i++) x[j * n + i] /= root;
    }
"""
LAPACK = """\
/* Linear algebra, one matrix at a time; `kind` as above, 0 is plain loops. A matrix lies in steps of `down` and `across`,
   results in rows. 0 is success, 2 a singular matrix, 3 one that is not positive definite, 4 no memory. */
static void *getrf_, *getrs_, *potrf_;
void bind_lapack(void *getrf, void *getrs, void *potrf) { getrf_ = getrf; getrs_ = getrs; potrf_ = potrf; }

typedef void (*getrf64)(const int64_t *, const int64_t *, real *, const int64_t *, int64_t *, int64_t *);
typedef void (*getrf32)(const int *, const int *, real *, const int *, int *, int *);
typedef void (*getrs64)(const char *, const int64_t *, const int64_t *, const real *, const int64_t *, const int64_t *,
                        real *, const int64_t *, int64_t *);
typedef void (*getrs32)(const char *, const int *, const int *, const real *, const int *, const int *, real *,
                        const int *, int *);
typedef void (*potrf64)(const char *, const int64_t *, real *, const int64_t *, int64_t *);
typedef void (*potrf32)(const char *, const int *, real *, const int *, int *);

/* x in columns, of m x n, from a matrix anywhere. */
NEST void columns(int64_t m, int64_t n, const real *a, int64_t down, int64_t across, real *x) {
  for (int64_t j = 0; j < n; j++)
    for (int64_t i = 0; i < m; i++) x[j * m + i] = a[i * down + j * across];
}

/* The row that took the place of row i, counted from 0. */
static int64_t pivot(const void *pivots, int64_t i) {
  return (kind == 2 ? ((const int *)pivots)[i] : ((const int64_t *)pivots)[i]) - 1;
}

/* a = p l u in its place, a in columns: 0, or the number of the first column without a pivot. */
NEST int64_t factored(int64_t n, real *a, void *pivots) {
  int64_t info = 0;
  if (kind == 1) {
    ((getrf64)getrf_)(&n, &n, a, &n, pivots, &info);
  } else if (kind == 2) {
    int size = n, found;
    ((getrf32)getrf_)(&size, &size, a, &size, pivots, &found);
    info = found;
  } else {
@factored@  }
  return info;
}

/* b becomes the x with a x = b, of n x k, both in columns; a is factored. */
NEST void substituted(int64_t n, int64_t k, const real *a, const void *pivots, real *b) {
  if (kind == 1) {
    int64_t info;
    ((getrs64)getrs_)("N", &n, &k, a, &n, pivots, b, &n, &info);
  } else if (kind == 2) {
    int size = n, width = k, info;
    ((getrs32)getrs_)("N", &size, &width, a, &size, pivots, b, &size, &info);
  } else {
@substituted@  }
}

/* y = the x with a x = b, b of n x k; without b (NULL) the inverse. */
NEST int solve(int64_t n, int64_t k, const real *a, int64_t down, int64_t across, const real *b, int64_t b_down,
               int64_t b_across, real *y) {
  int64_t *const pivots = malloc((n + 1) * sizeof *pivots + (n + k) * n * sizeof(real));
  if (!pivots) return 4;
  real *const room = (real *)(pivots + n + 1), *const x = room + n * n;
  columns(n, n, a, down, across, room);
  if (b) {
    columns(n, k, b, b_down, b_across, x);
  } else {
    memset(x, 0, n * k * sizeof *x);
    for (int64_t i = 0; i < n; i++) x[i * n + i] = 1;
  }
  const int failed = n && factored(n, room, pivots) ? 2 : 0;
  if (n && k && !failed) substituted(n, k, room, pivots, x);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < k; j++) y[i * k + j] = x[j * n + i];
  free(pivots);
  return failed;
}

/* log |det a|, or with `sign` det a. */
NEST int determinant(int sign, int64_t n, const real *a, int64_t down, int64_t across, real *y) {
  int64_t *const pivots = malloc((n + 1) * sizeof *pivots + n * n * sizeof(real));
  if (!pivots) return 4;
  real *const room = (real *)(pivots + n + 1);
  columns(n, n, a, down, across, room);
  const int singular = n && factored(n, room, pivots);
  double total = singular ? -INFINITY : 0, side = singular ? 0 : 1;
  for (int64_t i = 0; i < n && !singular; i++) {
    total += log(fabs((double)room[i * n + i]));
    side = (pivot(pivots, i) != i) != (room[i * n + i] < 0) ? -side : side;
  }
  *y = sign ? side * exp(total) : total;
  free(pivots);
  return 0;
}

/* The lower triangular l with l l' = a, of which only the lower triangle is read. */
NEST int cholesky(int64_t n, const real *a, int64_t down, int64_t across, real *y) {
  real *const x = malloc((n * n + 1) * sizeof *x);
  if (!x) return 4;
  columns(n, n, a, down, across, x);
  int64_t info = 0;
  if (n && kind == 1) {
    ((potrf64)potrf_)("L", &n, x, &n, &info);
  } else if (n && kind == 2) {
    int size = n, found;
    ((potrf32)potrf_)("L", &size, x, &size, &found);
    info = found;
  } else {
@cholesky@  }
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) y[i * n + j] = j > i ? 0 : x[j * n + i];
  free(x);
  return info ? 3 : 0;
}
""".replace("@factored@", FACTORED).replace("@substituted@", SUBSTITUTED).replace("@cholesky@", CHOLESKY)
LINEAR = ("inverse", "solve", "det", "logdet", "cholesky")


def write_linear(c: Context, e: Expr) -> list[str]:
    """A call for each matrix of a stack."""
    name, a = e.attrs[0], e.args[0]
    stack, n = a.shape[:-2], size_c(a.shape[-1], c.sizes)
    c.used["lapack"] = None
    names = {k: counter(k) for k in range(len(stack))}
    matrix = _lying(c, a, len(stack), names)
    own = flat(counters(len(e.shape)), e.shape, len(e.shape))
    offset = index_c(_leading(own, len(stack)), names, c.sizes)
    target = c.arrays[e] + ("" if offset == "0" else f" + {offset}")
    if name in ("det", "logdet"):
        call = f"determinant({int(name == 'det')}, {n}, {matrix}, {target})"
    elif name == "cholesky":
        call = f"cholesky({n}, {matrix}, {target})"
    elif name == "inverse":
        call = f"solve({n}, {n}, {matrix}, NULL, 0, 0, {target})"
    else:
        right = e.args[1]
        width = size_c(right.shape[-1], c.sizes) if len(right.shape) > len(stack) + 1 else "1"
        call = f"solve({n}, {width}, {matrix}, {_lying(c, right, len(stack), names)}, {target})"
    line = f"CHECKED({call});"
    return around(c, stack, [line]) if stack else [f"  {line}"]


def _leading(form: AffineForm, count: int) -> AffineForm:
    """The part of a place that depends on the first counters."""
    return AffineForm(form.const, (*form.steps[:count], *[0] * (len(form.steps) - count)))


def _lying(c: Context, e: Expr, stack: int, names: dict[int, str]) -> str:
    """A view of a stored array as pointer and steps: of matrices, or of vectors as columns."""
    rank = len(e.shape)
    base, at = locate(e, counters(rank), rank, c.storage.__contains__)
    form = at if isinstance(at, AffineForm) else flat(at, base.shape, rank)
    offset = index_c(_leading(form, stack), names, c.sizes)
    steps: Shape = (*form.steps[stack:], 1)[:2]
    pointer = c.arrays[base] + ("" if offset == "0" else f" + {offset}")
    return ", ".join([pointer, *(size_c(step, c.sizes) for step in steps)])
