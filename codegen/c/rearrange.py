"""The copy of all arrays whose axes change their order, in C: squares of four by four, a share of them for every thread."""

from __future__ import annotations

REARRANGE = """\
typedef struct { const real *from; real *to; const Axis *axes; int outer; int64_t strips, units, each; } Copy;
#define STRIP 32
#define LARGE (1 << 15) /* entries whose copy is worth waking a thread */

/* Some strips of the last but one axis, beside all of the last. Where fewer than four are left, the square overlaps. */
static void strip(const void *data, int64_t number) {
  const Copy *q = data;
  const Axis *down = q->axes + q->outer, *along = down + 1;
  const int64_t u = down->a, x = down->c, v = along->a, y = along->c, n = along->size;
  const int64_t end = LESSER(q->units, (number + 1) * q->each);
  for (int64_t unit = number * q->each; unit < end; unit++) {
    int64_t start, at;
    places(q->axes, q->outer, 1, unit / q->strips, 1, &start);
    places(q->axes, q->outer, 3, unit / q->strips, 1, &at);
    const int64_t first = unit % q->strips * STRIP, m = LESSER(down->size - first, STRIP);
    const real *from = q->from + start + first * u;
    real *to = q->to + at + first * x;
    if (u == 1 && y == 1 && m >= 4 && n >= 4)
      for (int64_t j = 0; j < n; j += 4)
        for (int64_t i = 0, k = LESSER(j, n - 4); i < m; i += 4) {
          const int64_t h = LESSER(i, m - 4);
          const real *row = from + h + k * v;
          square(row, row + v, row + 2 * v, row + 3 * v, to + h * x + k, x);
        }
    else
      for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) to[i * x + j * y] = from[i * u + j * v];
  }
}

/* to = from, each with steps of its own along the axes; what is read side by side last but one, what is written so last. */
NEST void rearrange(const real *from, real *to, int count, const Axis *axes) {
  Copy q = {from, to, axes, count - 2, (axes[count - 2].size + STRIP - 1) / STRIP, 0, 1};
  const int64_t all = entries(axes, count);
  q.units = all ? entries(axes, q.outer) * q.strips : 0;
  const int64_t parts = all > LARGE && !inside ? 8 * LARGER(team.threads, 1) : 1;
  q.each = (q.units + parts - 1) / parts;
  if (parts > 1)
    together(strip, &q, (q.units + q.each - 1) / q.each);
  else if (all)
    strip(&q, 0);
}
"""
