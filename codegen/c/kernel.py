"""The kernel of all matrix products in C: an einsum over axes that step through memory, nothing copied to make it fit.

A product of two arrays has four groups of axes: those of a stack are in both and in the result, rows are in `a` and the
result, columns in `b` and the result, and deep ones are summed. Each axis has a size and a step in each of the three
arrays, so transposes, slices and reshapes of what lies in memory are read where they lie. So are the windows of a
convolution: two of their axes walk the same memory, and no copy of them is ever made.

Within, it is the usual loop nest around one tile (Goto and van de Geijn 2008): a panel of `b`, DEEP entries deep, is
packed side by side where more than a few tiles read it; a tile of ROWS x WIDE vectors of the result stays in registers
while entries of `a` multiply rows of the panel. Entries of `a` are read at a place of the row plus a place of the depth
(Matthews 2018 calls this a block scatter matrix; Dukhan 2019 an indirect convolution). Vectors are an extension of
GCC's and Clang's.

An entry of the result is added up in one order, however many threads there are: one seed gives the same bits.
"""

from __future__ import annotations

TEAM = """\
#include <pthread.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#define PAUSE __builtin_ia32_pause()
#else
#define PAUSE __asm__ volatile("")
#endif

/* Threads: `together` calls work(data, k) for k = 0 .. count - 1, by as many threads as there are; who takes which k
   changes no result. A helper that does not wake in time is not waited for; a second call meanwhile computes alone. */
static struct {
  pthread_mutex_t busy, lock;
  pthread_cond_t wake, done;
  void (*work)(const void *, int64_t);
  const void *data;
  int64_t count, next;
  int threads, helpers, active, open, turn, owner;
} team = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER,
          0, 0, 0, 0, 1, 0, 0, 0, 0, 0};
void use_threads(int count) { team.threads = count; }

static void take(void) {
  for (int64_t k; (k = __atomic_fetch_add(&team.next, 1, __ATOMIC_RELAXED)) < team.count;) team.work(team.data, k);
}

static void *helper(void *unused) {
  for (int turn = 0;;) {
    for (int i = 0; i < 4000 && __atomic_load_n(&team.turn, __ATOMIC_RELAXED) == turn; i++) PAUSE;
    pthread_mutex_lock(&team.lock);
    while (team.turn == turn) pthread_cond_wait(&team.wake, &team.lock);
    turn = team.turn;
    const int joins = team.open;
    team.active += joins;
    pthread_mutex_unlock(&team.lock);
    if (!joins) continue;
    take();
    pthread_mutex_lock(&team.lock);
    if (--team.active == 0) pthread_cond_signal(&team.done);
    pthread_mutex_unlock(&team.lock);
  }
  return unused;
}

static void together(void (*work)(const void *, int64_t), const void *data, int64_t count) {
  if (team.owner != getpid()) { /* after a fork there are no helpers, and nobody to give back a lock */
    pthread_mutex_init(&team.busy, 0);
    pthread_mutex_init(&team.lock, 0);
    pthread_cond_init(&team.wake, 0);
    pthread_cond_init(&team.done, 0);
    team.helpers = team.active = team.turn = 0;
    team.owner = getpid();
  }
  if (count < 2 || team.threads < 2 || pthread_mutex_trylock(&team.busy)) {
    for (int64_t k = 0; k < count; k++) work(data, k);
    return;
  }
  for (pthread_t thread; team.helpers < team.threads - 1; team.helpers++) {
    if (pthread_create(&thread, 0, helper, 0)) break;
    pthread_detach(thread);
  }
  pthread_mutex_lock(&team.lock);
  team.work = work, team.data = data, team.count = count, team.next = 0, team.open = 1, team.turn++;
  pthread_cond_broadcast(&team.wake);
  pthread_mutex_unlock(&team.lock);
  take();
  pthread_mutex_lock(&team.lock);
  team.open = 0;
  while (team.active) pthread_cond_wait(&team.done, &team.lock);
  pthread_mutex_unlock(&team.lock);
  pthread_mutex_unlock(&team.busy);
}
"""

MOST = 16  # axes of one kind
CONTRACT = TEAM + """\

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
#define BLOCK (192 * ROWS)
#define MOST 16          /* axes of one kind */
#define WORTH (1 << 20)  /* multiplications that are worth waking a thread */
typedef real lanes __attribute__((vector_size(BYTES), aligned(sizeof(real)), may_alias));
typedef real four __attribute__((vector_size(4 * sizeof(real)), aligned(sizeof(real)), may_alias));

typedef struct { int64_t size, a, b, c; } Axis; /* how long, and the step in each array */
typedef struct {
  const real *a, *b;
  real *c;
  const Axis *axes;                          /* those of the stack, of rows, of columns, and those that are summed */
  int stack, rows, columns, deep, symmetric; /* how many; of a symmetric result only the lower triangle is computed */
  int64_t m, n, k, block, down, across;      /* sizes, and how many blocks */
} Product;

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

/* sum[i][j] = sum over p of a[row[i] + deep[p]] times vector j of what lies at b + line[p]. */
static inline __attribute__((always_inline)) void tile(int high, int wide, int64_t k, const real *a, const int64_t *row,
                                                       const int64_t *deep, const real *b, const int64_t *line,
                                                       lanes sum[ROWS][WIDE]) {
  const real *at[ROWS];
  lanes s[ROWS][WIDE];
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
  int64_t done = 0;
#if defined(__has_builtin) && __has_builtin(__builtin_shufflevector)
  int64_t run = 1;
  while (run < k && beside[run] == beside[0] + run) run++;
  if (run == k)
    for (; done + 4 <= n; done += 4)
      for (int64_t p = 0; p + 4 <= k; p += 4) {
        four x[4];
        for (int j = 0; j < 4; j++) x[j] = *(const four *)(b + beside[p] + from[done + j]);
        const four r = __builtin_shufflevector(x[0], x[1], 0, 4, 1, 5), s = __builtin_shufflevector(x[2], x[3], 0, 4, 1, 5);
        const four t = __builtin_shufflevector(x[0], x[1], 2, 6, 3, 7), u = __builtin_shufflevector(x[2], x[3], 2, 6, 3, 7);
        real *to = panel + p * PANEL + done;
        *(four *)to = __builtin_shufflevector(r, s, 0, 1, 4, 5);
        *(four *)(to + PANEL) = __builtin_shufflevector(r, s, 2, 3, 6, 7);
        *(four *)(to + 2 * PANEL) = __builtin_shufflevector(t, u, 0, 1, 4, 5);
        *(four *)(to + 3 * PANEL) = __builtin_shufflevector(t, u, 2, 3, 6, 7);
      }
  for (int64_t p = k - k % 4; done && p < k; p++)
    for (int64_t j = 0; j < done; j++) panel[p * PANEL + j] = b[beside[p] + from[j]];
#endif
  for (; done < n; done += 8)
    for (int64_t p = 0; p < k; p++)
      for (int64_t j = done; j < n && j < done + 8; j++) panel[p * PANEL + j] = b[beside[p] + from[j]];
}

/* A block of rows by a panel of columns. */
static void block(const void *data, int64_t number) {
  const Product *q = data;
  const Axis *rows = q->axes + q->stack, *columns = rows + q->rows, *deep = columns + q->columns;
  const int64_t j0 = number % q->across * PANEL, i0 = number / q->across % q->down * q->block;
  const int64_t m = q->m - i0 < q->block ? q->m - i0 : q->block, n = q->n - j0 < PANEL ? q->n - j0 : PANEL;
  const int wide = (int)((n + LANES - 1) / LANES);
  int64_t at_a[BLOCK + ROWS], at_c[BLOCK], to[PANEL], from[PANEL], below[DEEP], beside[DEEP], begin[3];
  real panel[DEEP * PANEL] __attribute__((aligned(BYTES)));
  lanes sum[ROWS][WIDE];
  if (q->symmetric && j0 > i0 + m - 1) return;
  for (int which = 0; which < 3; which++)
    places(q->axes, q->stack, which + 1, number / (q->across * q->down), 1, begin + which);
  const real *a = q->a + begin[0], *b = q->b + begin[1];
  real *c = q->c + begin[2];
  places(rows, q->rows, 1, i0, m, at_a);
  for (int64_t i = m; i < m + ROWS; i++) at_a[i] = at_a[m - 1]; /* a tile that sticks out repeats a row */
  places(rows, q->rows, 3, i0, m, at_c);
  places(columns, q->columns, 2, j0, n, from);
  places(columns, q->columns, 3, j0, n, to);
  int beside_b = 1, beside_c = n % LANES == 0;
  for (int64_t j = 1; j < n; j++) beside_b &= from[j] == from[0] + j, beside_c &= to[j] == to[0] + j;
  for (int64_t p0 = 0; p0 < q->k; p0 += DEEP) {
    const int64_t k = q->k - p0 < DEEP ? q->k - p0 : DEEP;
    places(deep, q->deep, 1, p0, k, below);
    places(deep, q->deep, 2, p0, k, beside);
    const int there = beside_b && n % LANES == 0 && m <= 12 * ROWS; /* rows that few tiles read are read where they lie */
    for (int64_t p = 0; beside_b && !there && p < k; p++)
      memcpy(panel + p * PANEL, b + beside[p] + from[0], sizeof *panel * n);
    if (!beside_b) pack(b, from, beside, n, k, panel);
    for (int64_t p = 0; n < wide * LANES && p < k; p++)
      memset(panel + p * PANEL + n, 0, sizeof *panel * (wide * LANES - n));
    for (int64_t p = 0; !there && p < k; p++) beside[p] = p * PANEL;
    const real *right = there ? b + from[0] : panel;
    for (int64_t i = 0; i < m; i += ROWS) {
      const int64_t last = m - i < ROWS ? m - i : ROWS;
      if (q->symmetric && j0 > i0 + i + last - 1) continue;
      if (last == 1 && wide == WIDE) /* a vector times a matrix, or a row that is left over */
        tile(1, WIDE, k, a, at_a + i, below, right, beside, sum);
      else switch (wide) {
        case 1: tile(ROWS, 1, k, a, at_a + i, below, right, beside, sum); break;
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
               entries(sum, deep), BLOCK, 0, 0};
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
  q.across = (q.n + PANEL - 1) / PANEL;
  const int64_t threads = q.m * q.n * q.k * many > WORTH ? team.threads : 1, wanted = 4 * threads / (q.across * many) + 1;
  if (threads > 1 && (q.m + BLOCK - 1) / BLOCK < wanted) { /* smaller blocks, so that every thread has some */
    const int64_t tiles = (q.m + ROWS - 1) / ROWS, each = (tiles + wanted - 1) / wanted;
    q.block = (each < 4 ? 4 : each) * ROWS;
  }
  q.down = (q.m + q.block - 1) / q.block;
  const int64_t count = many * q.down * q.across;
  if (threads > 1)
    together(block, &q, count);
  else
    for (int64_t k = 0; k < count; k++) block(&q, k);
  if (symmetric)
    for (int64_t s = 0; s < many; s++)
      for (int64_t i = 0; i < q.m; i++)
        for (int64_t j = 0; j < i; j++) c[(s * q.m + j) * q.n + i] = c[(s * q.m + i) * q.n + j];
}
"""
