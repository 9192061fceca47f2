"""How the rows of a region are shared in C: in parts, as many threads as there are take one after the other.

There is a part for every thread; four, where they are long, so that one that comes late takes fewer. Where rows are few and
long (three images for two threads), they are one part: the products in it share their own blocks. A part begins at a place
where vectors begin too, so that an entry is in a vector, or is not, however many parts there are: functions of vectors and
of single numbers differ in the last bit.
"""

from __future__ import annotations

LANES = 16  # entries of the widest vectors
BYTES = 64  # and of a loop that visits truths, which are bytes

SHARING = """\
/* Rows in parts, by all threads; parts begin at multiples of `grain`. `entries` are those that all loops visit. */
typedef void (*Rows)(void *const *, const int64_t *, int64_t, int64_t);
typedef struct { Rows work; void *const *at; const int64_t *size; int64_t rows, parts, grain; } Shared;
#define SHARED 32768   /* entries that are worth waking a thread */
#define LONG (1 << 20) /* and those of a part that is long */

static void shared(const void *data, int64_t k) {
  const Shared *s = data;
  const int64_t first = s->rows * k / s->parts / s->grain * s->grain, end = s->rows * (k + 1) / s->parts;
  const int64_t last = k + 1 < s->parts ? end / s->grain * s->grain : end;
  if (first < last) s->work(s->at, s->size, first, last);
}

NEST void by_rows(Rows work, void *const *at, const int64_t *size, int64_t rows, int64_t grain, int64_t entries) {
  const int64_t threads = entries > SHARED && !inside ? LARGER(team.threads, 1) : 1, grains = (rows + grain - 1) / grain;
  const int64_t turns = (grains + threads - 1) / threads, few = entries > LONG * grains && 5 * grains < 4 * turns * threads;
  const int64_t parts = few ? 1 : entries / threads > 4 * LONG ? 4 * threads : threads;
  Shared s = {work, at, size, rows, LESSER(parts, LARGER(grains, 1)), grain};
  (s.parts > 1 ? together : alone)(shared, &s, s.parts);
}
"""
