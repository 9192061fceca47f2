"""The copy of all arrays whose axes change their order, in C: squares of vectors, a share of them for every thread."""

from __future__ import annotations

REARRANGE = """\
typedef real eight __attribute__((vector_size(8 * sizeof(real)), aligned(sizeof(real)), may_alias));
typedef struct {
  const real *from;
  real *to;
  const Axis *axes;                           /* outer ones, then what is read side by side, then what is written so */
  int outer;
  int64_t down, along, high, wide, all, each; /* parts of the last two axes and their sizes; how many parts, in a task */
} Copy;
#define STRIP 32
#define GROUP 64
#define LARGE (1 << 15) /* entries whose copy is worth waking a thread */

/* A square of eight by eight, turned: pairs of rows, then of pairs, then of halves. */
static inline __attribute__((always_inline)) void large_square(const real *from, int64_t v, real *to, int64_t x) {
#if defined(__has_builtin) && __has_builtin(__builtin_shufflevector)
  eight r[8], s[8];
  for (int i = 0; i < 8; i++) r[i] = *(const eight *)(from + i * v);
  for (int i = 0; i < 8; i += 2) {
    s[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
    s[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  }
  for (int i = 0; i < 8; i += 4)
    for (int k = 0; k < 2; k++) {
      r[i + k] = __builtin_shufflevector(s[i + k], s[i + k + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      r[i + k + 2] = __builtin_shufflevector(s[i + k], s[i + k + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  for (int k = 0; k < 4; k++) {
    *(eight *)(to + k * x) = __builtin_shufflevector(r[k], r[k + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    *(eight *)(to + (k + 4) * x) = __builtin_shufflevector(r[k], r[k + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
#else
  for (int i = 0; i < 8; i++)
    for (int k = 0; k < 8; k++) to[k * x + i] = from[i * v + k];
#endif
}

/* m of what is read side by side, by n of what is written so; squares that would stick out overlap others. */
static void turn(const real *from, real *to, int64_t m, int64_t n, int64_t v, int64_t x) {
  const int64_t side = m >= 8 && n >= 8 ? 8 : 4;
  for (int64_t first = 0; first < m; first += STRIP) {
    const int64_t end = LESSER(first + STRIP, m);
    for (int64_t j = 0; j < n; j += side)
      for (int64_t i = first, c = LESSER(j, n - side); i < end; i += side) {
        const int64_t r = LESSER(i, m - side);
        const real *at = from + r + c * v;
        if (side == 8)
          large_square(at, v, to + r * x + c, x);
        else
          square(at, at + v, at + 2 * v, at + 3 * v, to + r * x + c, x);
      }
  }
}

/* Some parts. */
static void turned(const void *data, int64_t number) {
  const Copy *q = data;
  const Axis *row = q->axes + q->outer;
  const int64_t u = row[0].a, v = row[1].a, x = row[0].c, y = row[1].c;
  const int64_t own = q->down * q->along, last = LESSER(q->all, (number + 1) * q->each);
  int64_t start[GROUP], at[GROUP];
  for (int64_t part = number * q->each, many; part < last; part += many) {
    const int64_t i = part / q->along % q->down * q->high, m = LESSER(q->high, row[0].size - i);
    const int64_t j = part % q->along * q->wide, n = LESSER(q->wide, row[1].size - j);
    many = own > 1 ? 1 : LESSER(last - part, GROUP);
    places(q->axes, q->outer, 1, part / own, many, start);
    places(q->axes, q->outer, 3, part / own, many, at);
    for (int64_t t = 0; t < many; t++) {
      const real *from = q->from + start[t] + i * u + j * v;
      real *to = q->to + at[t] + i * x + j * y;
      if (u == 1 && y == 1 && m >= 4 && n >= 4)
        turn(from, to, m, n, v, x);
      else
        for (int64_t r = 0; r < m; r++)
          for (int64_t k = 0; k < n; k++) to[r * x + k * y] = from[r * u + k * v];
    }
  }
}

/* to = from, each with steps of its own along the axes; what is read side by side last but one, what is written so last. */
NEST void rearrange(const real *from, real *to, int count, const Axis *axes) {
  const int64_t m = axes[count - 2].size, n = axes[count - 1].size, outer = entries(axes, count - 2);
  if (outer * m * n == 0) return;
  const int64_t tasks = outer * m * n > LARGE && !inside ? 8 * team.threads : 1;
  Copy q = {from, to, axes, count - 2, 1, 1, m, n, outer, outer};
  if (tasks > 1) {
    if (outer < tasks) q.high = q.wide = 4 * STRIP;
    q.down = (m + q.high - 1) / q.high, q.along = (n + q.wide - 1) / q.wide;
    q.all = outer * q.down * q.along, q.each = (q.all + tasks - 1) / tasks;
    together(turned, &q, (q.all + q.each - 1) / q.each);
  } else
    turned(&q, 0);
}
"""
