"""The kernel of all matrix products in C: an einsum over axes that step through memory, nothing copied to make it fit.

A product of two arrays has four groups of axes: those of a stack are in both and in the result, rows are in `a` and the
result, columns in `b` and the result, and deep ones are summed. Each axis has a size and a step in each of the three
arrays, so transposes, slices and reshapes of what lies in memory are read where they lie. So are the windows of a
convolution: two of their axes walk the same memory, and no copy of them is ever made.

Within, it is the usual loop nest around one tile (Goto and van de Geijn 2008): a panel of `b`, DEEP entries deep, is
packed side by side where more than a few tiles read it; a tile of ROWS x WIDE vectors of the result stays in registers
while entries of `a` multiply rows of the panel. Entries of `a` are read at a place of the row plus a place of the depth
(Matthews 2018 calls this a block scatter matrix; Dukhan 2019 an indirect convolution). Vectors are an extension of
GCC's and Clang's. What several blocks of rows read is packed once, by all threads, as many panels at a time as fit into
one room: the gradient by a kernel is a sum over all places of all images, and nobody packs these twice or keeps a sum of
their own.

An entry of the result is added up in one order, however many threads there are: one seed gives the same bits.
"""

from __future__ import annotations

CONTRACT = """\
#if defined(__AVX512F__)
#define BYTES 64
#define WIDE 4
#elif defined(__AVX__)
#define BYTES 32
#define WIDE 2
#else
#define BYTES 16
#define WIDE 2
#endif
#define LANES (int64_t)(BYTES / sizeof(real))
#define ROWS 6 /* ROWS x WIDE vectors of the result stay in registers */
#define PANEL (WIDE * (int)(BYTES / sizeof(real)))
#define DEEP 256
#define TALL 8 /* rows where one vector is all there is */
#define BLOCK (192 * ROWS)
#define FOR_ALL 8 /* panels that are packed once, for all threads */
#define WORTH (1 << 20) /* multiplications that are worth waking a thread */
typedef real lanes __attribute__((vector_size(BYTES), aligned(sizeof(real)), may_alias));

typedef struct {
  const real *a, *b;
  real *c;
  const Axis *axes;                          /* those of the stack, of rows, of columns, and those that are summed */
  int stack, rows, columns, deep, symmetric; /* how many; of a symmetric result only the lower triangle is computed */
  int64_t m, n, k, block, down, across;      /* sizes, and how many blocks */
  int64_t first, last, chunks;               /* the part of the sum that is added in this turn, and its panels */
  real *packed;                              /* these, where they are shared */
  int close;                                 /* is b as good as packed: are its rows of columns one behind the other? */
} Product;

/* sum[i][j] = sum over p of a[row[i] + deep[p]] times vector j of what lies at b + line[p]. */
static inline __attribute__((always_inline)) void tile(int high, int wide, int64_t k, const real *a, const int64_t *row,
                                                       const int64_t *deep, const real *b, const int64_t *line,
                                                       lanes sum[TALL][WIDE]) {
  const real *at[TALL];
  lanes s[TALL][WIDE];
  for (int i = 0; i < high; i++) at[i] = a + row[i];
  for (int i = 0; i < high; i++)
    for (int j = 0; j < wide; j++) s[i][j] = (lanes){0};
  for (int64_t p = 0; p < k; p++) {
    lanes x[WIDE];
    for (int j = 0; j < wide; j++) x[j] = *(const lanes *)(b + line[p] + j * LANES);
    for (int i = 0; i < high; i++)
      for (int j = 0; j < wide; j++) s[i][j] += at[i][deep[p]] * x[j];
  }
  for (int i = 0; i < high; i++)
    for (int j = 0; j < wide; j++) sum[i][j] = s[i][j];
}

/* The panel from columns that lie apart, few at a time, so that their lines stay in the cache: squares of four by four
   where what is summed lies side by side. */
NEST void pack(const real *b, const int64_t *from, const int64_t *beside, int64_t n, int64_t k, real *panel) {
  for (int64_t start = 0, end; start < k; start = end) {
    for (end = start + 1; end < k && beside[end] == beside[end - 1] + 1;) end++;
    const int64_t done = end - start < 4 ? 0 : n - n % 4; /* runs that are shorter are gathered with their neighbours */
    while (!done && end < k && (end + 3 >= k || beside[end + 3] != beside[end] + 3)) end++;
    for (int64_t j = 0; j < done; j += 4) {
      const real *const at[4] = {b + from[j], b + from[j + 1], b + from[j + 2], b + from[j + 3]};
      int64_t p = start;
      for (; p + 4 <= end; p += 4)
        square(at[0] + beside[p], at[1] + beside[p], at[2] + beside[p], at[3] + beside[p], panel + p * PANEL + j, PANEL);
      for (; p < end; p++)
        for (int i = 0; i < 4; i++) panel[p * PANEL + j + i] = at[i][beside[p]];
    }
    for (int64_t j0 = done; j0 < n; j0 += 8)
      for (int64_t p = start; p < end; p++)
        for (int64_t j = j0; j < n && j < j0 + 8; j++) panel[p * PANEL + j] = b[beside[p] + from[j]];
  }
}

/* The columns from j0 on of DEEP rows of b, side by side, with zeros up to whole vectors. `far`: they lie apart. */
static void panel_of(const real *b, const int64_t *from, const int64_t *beside, int far, int64_t n, int64_t k,
                     real *panel) {
  const int64_t wide = (n + LANES - 1) / LANES * LANES;
  if (far) pack(b, from, beside, n, k, panel);
  for (int64_t p = 0; !far && p < k; p++) memcpy(panel + p * PANEL, b + beside[p] + from[0], sizeof *panel * n);
  for (int64_t p = 0; n < wide && p < k; p++) memset(panel + p * PANEL + n, 0, sizeof *panel * (wide - n));
}

static int apart(const int64_t *at, int64_t n) {
  for (int64_t j = 1; j < n; j++)
    if (at[j] != at[0] + j) return 1;
  return 0;
}

/* One of the panels that all blocks read. */
static void pack_for_all(const void *data, int64_t number) {
  const Product *q = data;
  const Axis *columns = q->axes + q->stack + q->rows, *deep = columns + q->columns;
  const int64_t j0 = number / q->chunks % q->across * PANEL, p0 = q->first + number % q->chunks * DEEP;
  const int64_t n = q->n - j0 < PANEL ? q->n - j0 : PANEL, k = q->last - p0 < DEEP ? q->last - p0 : DEEP;
  int64_t from[PANEL], beside[DEEP], begin;
  places(q->axes, q->stack, 2, number / (q->chunks * q->across), 1, &begin);
  places(columns, q->columns, 2, j0, n, from);
  places(deep, q->deep, 2, p0, k, beside);
  panel_of(q->b + begin, from, beside, apart(from, n), n, k, q->packed + number * DEEP * PANEL);
}

/* A block of rows by a panel of columns. */
static void block(const void *data, int64_t number) {
  const Product *q = data;
  const Axis *rows = q->axes + q->stack, *columns = rows + q->rows, *deep = columns + q->columns;
  const int64_t own = number / (q->across * q->down);
  const int64_t j0 = number % q->across * PANEL, i0 = number / q->across % q->down * q->block;
  const int64_t m = q->m - i0 < q->block ? q->m - i0 : q->block, n = q->n - j0 < PANEL ? q->n - j0 : PANEL;
  const int wide = (int)((n + LANES - 1) / LANES), high = wide == 1 ? TALL : ROWS;
  int64_t at_a[BLOCK + TALL], at_c[BLOCK], to[PANEL], from[PANEL], below[DEEP], beside[DEEP], begin[3];
  real panel[DEEP * PANEL] __attribute__((aligned(BYTES)));
  lanes sum[TALL][WIDE];
  if (q->symmetric && j0 > i0 + m - 1) return;
  for (int which = 0; which < 3; which++) places(q->axes, q->stack, which + 1, own, 1, begin + which);
  const real *a = q->a + begin[0], *b = q->b + begin[1];
  real *c = q->c + begin[2];
  places(rows, q->rows, 1, i0, m, at_a);
  for (int64_t i = m; i < m + TALL; i++) at_a[i] = at_a[m - 1]; /* a tile that sticks out repeats a row */
  places(rows, q->rows, 3, i0, m, at_c);
  places(columns, q->columns, 2, j0, n, from);
  places(columns, q->columns, 3, j0, n, to);
  const int far = apart(from, n), beside_c = n % LANES == 0 && !apart(to, n);
  for (int64_t p0 = q->first; p0 < q->last; p0 += DEEP) {
    const int64_t k = q->last - p0 < DEEP ? q->last - p0 : DEEP;
    const real *right = panel;
    places(deep, q->deep, 1, p0, k, below);
    if (q->packed)
      right = q->packed + ((own * q->across + number % q->across) * q->chunks + (p0 - q->first) / DEEP) * DEEP * PANEL;
    else {
      places(deep, q->deep, 2, p0, k, beside);
      if (!far && n % LANES == 0 && (q->close || m <= 12 * ROWS)) /* read where they lie */
        right = b + from[0];
      else
        panel_of(b, from, beside, far, n, k, panel);
    }
    for (int64_t p = 0; (q->packed || right == panel) && p < k; p++) beside[p] = p * PANEL;
    for (int64_t i = 0; i < m; i += high) {
      const int64_t last = m - i < high ? m - i : high;
      if (q->symmetric && j0 > i0 + i + last - 1) continue;
      if (last <= 4 && wide == WIDE) switch (last) { /* a vector times a matrix, or rows that are left over */
        case 1: tile(1, WIDE, k, a, at_a + i, below, right, beside, sum); break;
        case 2: tile(2, WIDE, k, a, at_a + i, below, right, beside, sum); break;
        default: tile(4, WIDE, k, a, at_a + i, below, right, beside, sum);
      }
      else switch (wide) {
        case 1: tile(TALL, 1, k, a, at_a + i, below, right, beside, sum); break;
        case 2: tile(ROWS, 2, k, a, at_a + i, below, right, beside, sum); break;
        default: tile(ROWS, WIDE, k, a, at_a + i, below, right, beside, sum);
      }
      for (int64_t r = 0; r < last; r++) {
        real *row = c + at_c[i + r];
        const real *s = (const real *)sum[r];
        if (beside_c && p0)
          for (int j = 0; j < wide; j++) *(lanes *)(row + to[0] + j * LANES) += sum[r][j];
        else if (beside_c)
          for (int j = 0; j < wide; j++) *(lanes *)(row + to[0] + j * LANES) = sum[r][j];
        else
          for (int64_t j = 0; j < n; j++) row[to[j]] = p0 ? row[to[j]] + s[j] : s[j];
      }
    }
  }
}

/* c = a b: sums over the deep axes, for each entry of the stack, of the rows and of the columns. */
NEST void contract(const real *a, const real *b, real *c, int stack, int rows, int columns, int deep, int symmetric,
                   const Axis *axes) {
  const Axis *row = axes + stack, *column = row + rows, *sum = column + columns;
  const int64_t many = entries(axes, stack);
  Product q = {a, b, c, axes, stack, rows, columns, deep, symmetric, entries(row, rows), entries(column, columns),
               entries(sum, deep), BLOCK, 0, 0, 0, 0, 0, 0, 0};
  if (q.n > 2 * PANEL) q.block /= 4; /* many panels read the same rows: these stay in the cache of the second level */
  if (q.m * q.n * many == 0) return;
  if (q.k == 0) {
    int64_t start, at, to;
    for (int64_t s = 0; s < many; s++)
      for (int64_t i = 0; i < q.m; i++)
        for (int64_t j = 0; j < q.n; j++) {
          places(axes, stack, 3, s, 1, &start), places(row, rows, 3, i, 1, &at), places(column, columns, 3, j, 1, &to);
          c[start + at + to] = 0;
        }
    return;
  }
  q.across = (q.n + PANEL - 1) / PANEL, q.last = q.k;
  q.close = deep && columns == 1 && column->b == 1 && sum[deep - 1].b <= 2 * PANEL && q.n % LANES == 0;
  for (int i = 1; i < deep; i++) q.close &= sum[i - 1].b == sum[i].b * sum[i].size;
  const int64_t threads = q.m * q.n * q.k * many > WORTH && !inside ? team.threads : 1;
  const int64_t panels = many * q.across;
  const int64_t high = q.n > LANES ? ROWS : TALL, tiles = (q.m + high - 1) / high;
  q.down = (tiles * high + q.block - 1) / q.block;
  if (threads > 1) { /* so many blocks that every thread has some, and as many as the others, but none of few tiles */
    while (q.down < tiles / 4 && q.down * panels < 4 * threads) q.down++;
    while (q.down < tiles / 4 && q.down * panels % threads && q.down * panels < 16 * threads) q.down++;
  }
  q.block = (tiles + q.down - 1) / q.down * high;
  q.down = (q.m + q.block - 1) / q.block;
  if (q.down > 1 && !q.close && panels <= FOR_ALL && claim()) {
    static real packed[FOR_ALL * DEEP * PANEL] __attribute__((aligned(BYTES)));
    const int64_t chunks = (q.k + DEEP - 1) / DEEP, most = FOR_ALL / panels, turns = (chunks + most - 1) / most;
    q.packed = packed, q.chunks = (chunks + turns - 1) / turns;
    for (; q.first < q.k; q.first = q.last) {
      q.last = LESSER(q.first + q.chunks * DEEP, q.k);
      q.chunks = (q.last - q.first + DEEP - 1) / DEEP;
      (threads > 1 ? share : alone)(pack_for_all, &q, panels * q.chunks);
      (threads > 1 ? share : alone)(block, &q, panels * q.down);
    }
    release();
  } else
    (threads > 1 ? together : alone)(block, &q, panels * q.down);
  if (symmetric)
    for (int64_t s = 0; s < many; s++)
      for (int64_t i = 0; i < q.m; i++)
        for (int64_t j = 0; j < i; j++) c[(s * q.m + j) * q.n + i] = c[(s * q.m + i) * q.n + j];
}
"""
