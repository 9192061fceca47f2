// CUDA text as C++ on a CPU. Every CUDA thread is a fiber (ucontext); a barrier is a switch to the next one.
// What a launch does not order must not matter: ORDER 0 runs the threads forward, 1 backward, 2 in random order,
// so a barrier that is missing gives another result. One OS thread, no dependency, about 90 lines.
#pragma once
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <vector>
#define __global__
#define __host__
#define __device__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __restrict__ __restrict
struct dim3_ { unsigned x = 1, y = 1, z = 1; };
struct float2 { float x, y; };
struct __attribute__((aligned(16))) float4 { float x, y, z, w; };
struct Gate { int arrived = 0, size = 0; unsigned turn = 0; };
struct Fiber { ucontext_t at; bool done = false; dim3_ thread, block; Gate *cta, *warp, *grid; char *shared; double *lanes; void *stack;
               const Gate *waits = nullptr; unsigned turn = 0; };
static Fiber *now; static ucontext_t home; static dim3_ blockDim, gridDim; static void (*entry)(void);
static long switches;
#define threadIdx (now->thread)
#define blockIdx (now->block)
static void yield_() { switches++; swapcontext(&now->at, &home); }
static void gate(Gate *g) {  // a barrier among g->size fibers
  const unsigned turn = g->turn;
  if (++g->arrived == g->size) { g->arrived = 0; g->turn++; return; }
  now->waits = g; now->turn = turn;
  while (g->turn == turn) yield_();
  now->waits = nullptr;
}
static inline void __syncthreads() { gate(now->cta); }
static inline void __syncwarp(unsigned = ~0u) { gate(now->warp); }
static int skipped_ = -1;  // of the numbered barriers, the one that is left out
static inline void __syncthreads_at(int k) { if (k != skipped_) __syncthreads(); }
static inline void __syncwarp_at(int k) { if (k != skipped_) __syncwarp(); }
static inline void grid_sync_() { gate(now->grid); }
static inline void grid_sync_at(int k) { if (k != skipped_) grid_sync_(); }
template <class T> static T __shfl_xor_sync(unsigned, T v, int mask, int = 32) {
  const int lane = now->thread.x & 31;
  memcpy(&now->lanes[lane], &v, sizeof v); gate(now->warp);
  T r; memcpy(&r, &now->lanes[lane ^ mask], sizeof r); gate(now->warp);
  return r;
}
template <class T> static T __shfl_sync(unsigned, T v, int from, int width = 32) {
  const int lane = now->thread.x & 31;
  memcpy(&now->lanes[lane], &v, sizeof v); gate(now->warp);
  T r; memcpy(&r, &now->lanes[(lane & ~(width - 1)) | (from & (width - 1))], sizeof r); gate(now->warp);
  return r;
}
static inline unsigned __ballot_sync(unsigned, int v) {
  unsigned r = 0; const int lane = now->thread.x & 31;
  double x = v; memcpy(&now->lanes[lane], &x, 8); gate(now->warp);
  for (int k = 0; k < 32; k++) { memcpy(&x, &now->lanes[k], 8); r |= (x != 0) << k; }
  gate(now->warp); return r;
}
// Tensor cores: 16 x K by K x 8, the fragments that PTX gives each lane, gathered from the warp.
static inline unsigned in_tf32_(float x) { unsigned r; memcpy(&r, &x, 4); return (r + 0x1000u) & ~0x1fffu; }  // 10 bits, ties away
static inline unsigned in_bfloat16_(float x) { unsigned r; memcpy(&r, &x, 4); return (r + 0x7fffu + (r >> 16 & 1)) >> 16; }  // to even
static inline unsigned in_pair_(float x, float y) { return in_bfloat16_(x) | in_bfloat16_(y) << 16; }
static inline float back_(unsigned x) { float r; memcpy(&r, &x, 4); return r; }
template <int deep> static void multiply_(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  const int lane = now->thread.x % 32, g = lane / 4, t = lane % 4;
  float A[16][16], B[16][8];
  for (int k = 0; k < 6; k++) {
    memcpy(&now->lanes[lane], k < 4 ? &a[k] : &b[k - 4], 4); gate(now->warp);
    for (int l = 0; l < 32; l++) {
      unsigned v; memcpy(&v, &now->lanes[l], 4);
      for (int h = 0; h < deep / 8; h++) {
        const float x = deep == 8 ? back_(v) : back_(v >> 16 * h << 16);
        const int place = deep == 8 ? l % 4 : l % 4 * 2 + h;
        if (k < 4) A[l / 4 + k % 2 * 8][place + k / 2 * (deep / 2)] = x; else B[place + (k - 4) * (deep / 2)][l / 4] = x;
      }
    }
    gate(now->warp);
  }
  for (int c = 0; c < 4; c++) for (int k = 0; k < deep; k++) d[c] += A[g + c / 2 * 8][k] * B[k][2 * t + c % 2];
}
static void multiply_tf32_(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) { multiply_<8>(d, a, b); }
static void multiply_bfloat16_(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) { multiply_<16>(d, a, b); }
template <class T> static T atomicAdd(T *p, T v) { T o = *p; *p = o + v; return o; }
static inline void __threadfence() {}
#define rsqrtf(x) (1.0f / sqrtf(x))
static void start_() { entry(); now->done = true; yield_(); abort(); }
// threads must be a multiple of 32
static int launch_(int blocks, int threads, size_t shared, int order, unsigned seed, void (*body)(void)) {
  entry = body; blockDim.x = threads; gridDim.x = blocks;
  const int n = blocks * threads, warps = threads / 32; const size_t room = 64 << 10;
  std::vector<Fiber> f(n); std::vector<Gate> cta(blocks), warp(blocks * warps); Gate grid; grid.size = n;
  std::vector<double> lanes(blocks * warps * 32);
  std::vector<void *> mem(blocks);
  for (int b = 0; b < blocks; b++) {
    cta[b].size = threads; mem[b] = aligned_alloc(128, (shared + 127) / 128 * 128 + 128);
    memset(mem[b], 0xff, shared);  // NaN: shared memory is not zero on a card
    for (int w = 0; w < warps; w++) warp[b * warps + w].size = 32;
  }
  for (int i = 0; i < n; i++) {
    const int b = i / threads, t = i % threads;
    f[i].thread.x = t; f[i].block.x = b; f[i].thread.y = f[i].thread.z = f[i].block.y = f[i].block.z = 0;
    f[i].cta = &cta[b]; f[i].warp = &warp[b * warps + t / 32]; f[i].grid = &grid; f[i].shared = (char *)mem[b];
    f[i].lanes = &lanes[(b * warps + t / 32) * 32]; f[i].stack = malloc(room);
    getcontext(&f[i].at); f[i].at.uc_stack.ss_sp = f[i].stack; f[i].at.uc_stack.ss_size = room; f[i].at.uc_link = &home;
    makecontext(&f[i].at, start_, 0);
  }
  std::vector<int> turn(n); for (int i = 0; i < n; i++) turn[i] = order == 1 ? n - 1 - i : i;
  int left = n, stuck = 0;
  while (left && !stuck) {
    if (order == 2) for (int i = n - 1; i > 0; i--) { seed = seed * 1664525u + 1013904223u; int j = (seed >> 8) % (i + 1); int k = turn[i]; turn[i] = turn[j]; turn[j] = k; }
    stuck = 1;
    for (int i : turn) {
      Fiber &me = f[i];
      if (me.done || (me.waits && me.waits->turn == me.turn)) continue;
      stuck = 0; now = &me; swapcontext(&home, &me.at);
      if (me.done) left--;
    }
  }
  for (auto &x : f) free(x.stack);
  for (void *m : mem) free(m);
  return stuck ? 1 : 0;  // 1: some wait for ever at a barrier that others never reach
}
