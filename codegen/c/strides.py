"""Axes that step through memory, in generated C: where entries lie, and squares of them that are turned."""

from __future__ import annotations

MOST = 16  # axes of one kind

STRIDES = """\
#define MOST 16 /* axes of one kind */
typedef real four __attribute__((vector_size(4 * sizeof(real)), aligned(sizeof(real)), may_alias));
typedef struct { int64_t size, a, b, c; } Axis; /* how long, and the step in each array */

static int64_t entries(const Axis *axes, int count) {
  int64_t size = 1;
  for (int i = 0; i < count; i++) size *= axes[i].size;
  return size;
}

/* The places in one array of `many` entries, from one on; the last axis is the fastest. `which` is 1 for a, 2, 3. */
NEST void places(const Axis *axes, int count, int which, int64_t from, int64_t many, int64_t *at) {
  int64_t index[MOST], place = 0;
  if (count == 1) {
    const int64_t step = (&axes->size)[which];
    for (int64_t t = 0; t < many; t++) at[t] = (from + t) * step;
    return;
  }
  for (int i = count - 1; i >= 0; i--) {
    index[i] = from % axes[i].size;
    from /= axes[i].size;
    place += index[i] * (&axes[i].size)[which];
  }
  for (int64_t t = 0; t < many; t++) {
    at[t] = place;
    for (int i = count - 1; i >= 0; i--) {
      place += (&axes[i].size)[which];
      if (++index[i] < axes[i].size) break;
      place -= axes[i].size * (&axes[i].size)[which];
      index[i] = 0;
    }
  }
}

/* A square of four by four, turned: rows at a, b, c and d, columns `step` apart. */
static inline __attribute__((always_inline)) void square(const real *a, const real *b, const real *c, const real *d,
                                                         real *to, int64_t step) {
#if defined(__has_builtin) && __has_builtin(__builtin_shufflevector)
  const four w = *(const four *)a, x = *(const four *)b, y = *(const four *)c, z = *(const four *)d;
  const four r = __builtin_shufflevector(w, x, 0, 4, 1, 5), s = __builtin_shufflevector(y, z, 0, 4, 1, 5);
  const four t = __builtin_shufflevector(w, x, 2, 6, 3, 7), u = __builtin_shufflevector(y, z, 2, 6, 3, 7);
  *(four *)to = __builtin_shufflevector(r, s, 0, 1, 4, 5);
  *(four *)(to + step) = __builtin_shufflevector(r, s, 2, 3, 6, 7);
  *(four *)(to + 2 * step) = __builtin_shufflevector(t, u, 0, 1, 4, 5);
  *(four *)(to + 3 * step) = __builtin_shufflevector(t, u, 2, 3, 6, 7);
#else
  for (int i = 0; i < 4; i++, to += step) to[0] = a[i], to[1] = b[i], to[2] = c[i], to[3] = d[i];
#endif
}
"""
