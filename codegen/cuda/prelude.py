"""What stands before every kernel: types, barriers, copies, tiles. No header of CUDA: it compiles without a GPU, and runs
on a CPU where `__CUDACC_RTC__` is not defined and somebody else says what a thread is (tests/support/cuda_cpu.h)."""

from __future__ import annotations

from collections.abc import Iterable

from symgrad.codegen.c.texts import own_texts, with_used
from symgrad.codegen.cuda.linear import LINEAR_TEXT
from symgrad.codegen.cuda.many_blocks import GRID_TEXT, PRECISIONS, TASKS_TEXT

TYPES_TEXT = r"""
typedef ${real} real;
struct alignas(16) Four { real at[4]; };  // read at once
struct alignas(2 * sizeof(real)) Pair { real at[2]; };
#ifdef __CUDACC_RTC__
typedef unsigned char uint8_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#define INFINITY __int_as_float(0x7f800000)
#define NAN __int_as_float(0x7fffffff)
#define INT64_MAX 0x7fffffffffffffffLL
#define INT64_MIN (-INT64_MAX - 1)
#define SHARED(name) extern __shared__ __align__(16) char name[]
"""

BLOCK_TEXT = r"""
// A copy that goes on while others compute; `arrived` waits for it.
template <int bytes> static __device__ __forceinline__ void fetch(void *to, const void *from) {
  const unsigned place = (unsigned)__cvta_generic_to_shared(to);
  if constexpr (bytes == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(place), "l"(from));
  else if constexpr (bytes == 8)
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8;" ::"r"(place), "l"(from));
  else if constexpr (bytes == 4)
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(place), "l"(from));
  else *(char *)to = *(const char *)from;
}
static __device__ __forceinline__ void arrived() {
  asm volatile("cp.async.wait_all;" ::: "memory");
}
#else
#define SHARED(name) char *const name = now->shared
template <int bytes> static void fetch(void *to, const void *from) { memcpy(to, from, bytes); }
static void arrived() {}
#endif
static __device__ __forceinline__ void barrier() { __syncthreads(); }
"""

COMMON_TEXT = r"""
static __host__ __device__ constexpr int warps(int lanes) { return (lanes + 31) / 32 * 32; }
static __host__ __device__ constexpr int most(int a, int b) { return a > b ? a : b; }
static __host__ __device__ constexpr int aligned(int bytes) { return (bytes + 15) / 16 * 16; }
template <class T> static __device__ __forceinline__ void swap(T &a, T &b) {
  T c = a;
  a = b;
  b = c;
}
// What the lanes of a row have, joined: each of them gets the same bits.
template <int lanes, class T> static __device__ __forceinline__ T warp_sum(T total) {
  #pragma unroll
  for (int apart = lanes / 2; apart; apart /= 2) total += __shfl_xor_sync(~0u, total, apart);
  return total;
}
template <int lanes, class T> static __device__ __forceinline__ T warp_max(T total) {
  #pragma unroll
  for (int apart = lanes / 2; apart; apart /= 2) {
    const T other = __shfl_xor_sync(~0u, total, apart);
    total = total > other || total != total ? total : other;
  }
  return total;
}
template <int lanes, class T> static __device__ __forceinline__ T warp_min(T total) {
  #pragma unroll
  for (int apart = lanes / 2; apart; apart /= 2) {
    const T other = __shfl_xor_sync(~0u, total, apart);
    total = total < other || total != total ? total : other;
  }
  return total;
}
"""

TILES_TEXT = r"""
// A tile of R x C entries of a product of M x N, in the registers of a lane: R and C divide M and
// N, and are as large as leaves each of so many threads a tile.
static __host__ __device__ constexpr int part_of(int n, int most) {
  return most >= 4 && n % 4 == 0 ? 4 : most >= 2 && n % 2 == 0 ? 2 : 1;
}
static __host__ __device__ constexpr bool leaves(int M, int N, int most, int threads) {
  return M / part_of(M, most) * (N / part_of(N, most)) >= threads;
}
static __host__ __device__ constexpr int tile_rows(int M, int N, int threads) {
  return part_of(M, leaves(M, N, 4, threads) ? 4 : leaves(M, N, 2, threads / 2) || M * N >= 2 * threads ? 2 : 1);
}
static __host__ __device__ constexpr int tile_columns(int M, int N, int threads) {
  return part_of(N, leaves(M, N, 4, threads) ? 4 : leaves(M, N, 2, threads / 2) ? 2 : 1);
}
static __host__ __device__ constexpr int tiles(int M, int N, int threads) {
  return M / tile_rows(M, N, threads) * (N / tile_columns(M, N, threads));
}
// An operand of a product: lines `along` words apart, entries of the sum `across` words apart.
// Where the sum runs along memory, the lines of a tile lie far apart, so that lanes side by side
// read lines side by side.
template <int lines, int length, int along, int across, bool whole> struct Operand {
  static constexpr bool fours = across == 1 && along % 4 == 0 && whole;
  static constexpr bool side = along == 1 && across % 4 == 0 && whole;
  static constexpr int step = along, sum = across, apart = fours ? length / lines : 1;
  static constexpr int start = fours ? 1 : lines, first = start * along;
  // Lines of four entries each of the sum, from entry k.
  static __device__ __forceinline__ void four(real (&a)[lines][4], const real *A, int k) {
    if constexpr (fours) {
      #pragma unroll
      for (int r = 0; r < lines; r++) {
        const Four v = *(const Four *)(A + r * apart * along + k);
        #pragma unroll
        for (int l = 0; l < 4; l++) a[r][l] = v.at[l];
      }
    } else if constexpr (side && lines == 4) {
      #pragma unroll
      for (int l = 0; l < 4; l++) {
        const Four v = *(const Four *)(A + (k + l) * across);
        #pragma unroll
        for (int r = 0; r < 4; r++) a[r][l] = v.at[r];
      }
    } else if constexpr (side && lines == 2) {
      #pragma unroll
      for (int l = 0; l < 4; l++) {
        const Pair v = *(const Pair *)(A + (k + l) * across);
        a[0][l] = v.at[0];
        a[1][l] = v.at[1];
      }
    } else {
      #pragma unroll
      for (int l = 0; l < 4; l++)
        #pragma unroll
        for (int r = 0; r < lines; r++) a[r][l] = A[r * apart * along + (k + l) * across];
    }
  }
};
// sums += A B, the sum of length K in fours
template <int R, int C, int K, class One, class Two>
static __device__ __forceinline__ void tile(real (&sums)[R][C], const real *A, const real *B) {
  #pragma unroll 4
  for (int k = 0; k + 4 <= K; k += 4) {
    real a[R][4], b[C][4];
    One::four(a, A, k);
    Two::four(b, B, k);
    #pragma unroll
    for (int l = 0; l < 4; l++)
      #pragma unroll
      for (int r = 0; r < R; r++)
        #pragma unroll
        for (int c = 0; c < C; c++) sums[r][c] += a[r][l] * b[c][l];
  }
  #pragma unroll
  for (int k = K / 4 * 4; k < K; k++)
    #pragma unroll
    for (int r = 0; r < R; r++)
      #pragma unroll
      for (int c = 0; c < C; c++) {
        sums[r][c] += A[r * One::apart * One::step + k * One::sum] * B[c * Two::apart * Two::step + k * Two::sum];
      }
}
"""


def prelude_text(single: bool, used: Iterable[str], vessel: str, products: bool, precision: str = "float32",
                 linear: bool = False) -> str:
    """The text before a kernel, with our own functions among the rows that are `used`; `linear`: and linear systems."""
    tiles = TASKS_TEXT + PRECISIONS[precision].lstrip("\n") if vessel is GRID_TEXT else TILES_TEXT
    parts = [TYPES_TEXT.replace("${real}", "float" if single else "double").strip("\n"), vessel.strip("\n"),
             COMMON_TEXT.strip("\n"), *([tiles.strip("\n")] if products else []),
             *([LINEAR_TEXT.strip("\n")] if linear else [])]
    own = [text.replace("static inline ", "static __device__ __forceinline__ ")
           .replace("static real ", "static __device__ real ")
           for text in own_texts(with_used(used), single)]
    return "\n".join([*parts, *own])
