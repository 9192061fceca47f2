"""Threads of generated C: a team that waits for work, in the text itself; no library, no other pool beside it.

Work is numbered, and who takes which number changes no result. Helpers look for work a while before they sleep, for a
thread that sleeps comes back late and often where the caller computes; the caller looks the same way for those who still
work. Both give their processor away while they look, so that a team larger than the machine is not slower than one thread.
"""

from __future__ import annotations

TEAM = """\
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#define PAUSE __builtin_ia32_pause()
#else
#define PAUSE __asm__ volatile("")
#endif
#define LOOKS 8000 /* some 200 microseconds */
#define GET(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define SWAP(x, old, new) \\
  __atomic_compare_exchange_n(&(x), &(old), new, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

/* Threads: `share` calls work(data, k) for k = 0 .. count - 1, by as many threads as there are; who takes which k
   changes no result. A helper that does not wake in time is not waited for. The team belongs to who has claimed it; others
   compute alone meanwhile. `state` counts those at work, OPEN while more may join. */
enum { OPEN = 1 << 16, NOBODY = -1 };
static struct {
  pthread_mutex_t busy, lock;
  pthread_cond_t wake, done;
  void (*work)(const void *, int64_t);
  const void *data;
  int64_t count, next __attribute__((aligned(64)));
  int state __attribute__((aligned(64))), turn;
  int threads __attribute__((aligned(64))), helpers, asleep, waiting, owner;
} team = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER,
          0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0};
static __thread int inside; /* is this thread at work for the team? It asks for no other then */
void use_threads(int count) { team.threads = count; }

/* Whether x is no longer y, or was not for so long that it is better to sleep. */
static int look(const int *x, int y) {
  for (int i = 1; i <= LOOKS; i++) {
    if (GET(*x) != y) return 1;
    PAUSE;
    if (i % 64 == 0) sched_yield();
  }
  return 0;
}

static void take(void) {
  inside = 1;
  for (int64_t k; (k = __atomic_fetch_add(&team.next, 1, __ATOMIC_RELAXED)) < team.count;) team.work(team.data, k);
  inside = 0;
}

static void *helper(void *unused) {
  for (int turn = 0;;) {
    if (!look(&team.turn, turn)) {
      pthread_mutex_lock(&team.lock);
      __atomic_add_fetch(&team.asleep, 1, __ATOMIC_SEQ_CST);
      while (GET(team.turn) == turn) pthread_cond_wait(&team.wake, &team.lock);
      __atomic_sub_fetch(&team.asleep, 1, __ATOMIC_SEQ_CST);
      pthread_mutex_unlock(&team.lock);
    }
    turn = GET(team.turn);
    int state = GET(team.state);
    while (state & OPEN && !SWAP(team.state, state, state + 1));
    if (!(state & OPEN)) continue;
    take();
    if (__atomic_sub_fetch(&team.state, 1, __ATOMIC_SEQ_CST) == 0 && GET(team.waiting)) {
      pthread_mutex_lock(&team.lock);
      pthread_cond_signal(&team.done);
      pthread_mutex_unlock(&team.lock);
    }
  }
  return unused;
}

/* The team is ours until `release`, or (0) somebody else's. */
static int claim(void) {
  const int own = getpid();
  for (int old = GET(team.owner); old != own; old = GET(team.owner)) /* after a fork there are no helpers, */
    if (old != NOBODY && SWAP(team.owner, old, NOBODY)) {
      pthread_mutex_init(&team.busy, 0); /* and nobody to give back a lock */
      pthread_mutex_init(&team.lock, 0);
      pthread_cond_init(&team.wake, 0);
      pthread_cond_init(&team.done, 0);
      team.helpers = team.state = team.turn = team.asleep = team.waiting = 0;
      __atomic_store_n(&team.owner, own, __ATOMIC_SEQ_CST);
    }
  return !inside && !pthread_mutex_trylock(&team.busy);
}

static void alone(void (*work)(const void *, int64_t), const void *data, int64_t count) {
  for (int64_t k = 0; k < count; k++) work(data, k);
}

static void release(void) { pthread_mutex_unlock(&team.busy); }

static void share(void (*work)(const void *, int64_t), const void *data, int64_t count) {
  if (count < 2 || team.threads < 2) {
    alone(work, data, count);
    return;
  }
  for (pthread_t thread; team.helpers < team.threads - 1; team.helpers++) {
    if (pthread_create(&thread, 0, helper, 0)) break;
    pthread_detach(thread);
  }
  team.work = work, team.data = data, team.count = count, team.next = 0;
  __atomic_store_n(&team.state, OPEN, __ATOMIC_SEQ_CST);
  __atomic_add_fetch(&team.turn, 1, __ATOMIC_SEQ_CST);
  if (GET(team.asleep)) {
    pthread_mutex_lock(&team.lock);
    pthread_cond_broadcast(&team.wake);
    pthread_mutex_unlock(&team.lock);
  }
  take();
  for (int left = __atomic_and_fetch(&team.state, ~OPEN, __ATOMIC_SEQ_CST); left; left = GET(team.state)) {
    if (look(&team.state, left)) continue;
    pthread_mutex_lock(&team.lock);
    __atomic_store_n(&team.waiting, 1, __ATOMIC_SEQ_CST);
    while (GET(team.state)) pthread_cond_wait(&team.done, &team.lock);
    __atomic_store_n(&team.waiting, 0, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&team.lock);
  }
}

/* The same for work that needs the team once. */
static void together(void (*work)(const void *, int64_t), const void *data, int64_t count) {
  if (claim()) {
    share(work, data, count);
    release();
  } else
    alone(work, data, count);
}
"""
