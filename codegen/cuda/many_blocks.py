"""What a kernel of many blocks has before it: a barrier of the grid, tiles whose sums a block shares out."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

GRID_TEXT = r"""
template <int bytes> static __device__ __forceinline__ void fetch(void *to, const void *from) {
  if constexpr (bytes == 16) *(float4 *)to = *(const float4 *)from;
  else if constexpr (bytes == 8) *(int64_t *)to = *(const int64_t *)from;
  else if constexpr (bytes == 4) *(int *)to = *(const int *)from;
  else *(char *)to = *(const char *)from;
}
// All blocks meet. One word: block 0 adds 2^31 - (blocks - 1), the others 1, so the last one flips
// bit 31, and nobody sets it back.
static __device__ __forceinline__ void barrier(unsigned *word) {
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    const unsigned before = atomicAdd(word, blockIdx.x == 0 ? 0x80000000u - (gridDim.x - 1) : 1u);
    unsigned seen;
#ifdef SPINS
    long long spins = 0;
#endif
    do {
      asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(word) : "memory");
#ifdef SPINS
      if (++spins > SPINS) __trap();
#endif
    } while (!((before ^ seen) & 0x80000000u));
  }
  __syncthreads();
}
#else
#define SHARED(name) char *const name = now->shared
template <int bytes> static void fetch(void *to, const void *from) { memcpy(to, from, bytes); }
static void barrier(unsigned *) { grid_sync_(); }
#endif
static __device__ __forceinline__ void arrived() {}
// The warps of all blocks in turn, so that few lanes are spread over all blocks.
static __device__ __forceinline__ int strided() { return gridDim.x * blockDim.x; }
static __device__ __forceinline__ int ranked() {
  return (threadIdx.x / 32 * gridDim.x + blockIdx.x) * 32 + threadIdx.x % 32;
}
"""

TASKS_TEXT = r"""
static __host__ __device__ constexpr int pieces(int n, int of) { return (n + of - 1) / of; }
// A matrix as an operand: `length` lines that are `along` words apart, entries of the sum `across`
// words apart. `fours`: four entries of a sum lie side by side; `side`: four lines do.
template <int length, int along, int across, bool whole> struct Matrix {
  static constexpr bool fours = across == 1 && along % 4 == 0 && whole;
  static constexpr bool side = along == 1 && across % 4 == 0 && length % 16 == 0 && whole;
  static constexpr int step = along, sum = across, lines = length;
};
"""

EXACT_TEXT = r"""
// The part of a tile of 16 x 16 entries that a warp sums up: two rows and four columns for each lane.
// It is compiled once for all sizes.
template <bool a_fours, bool b_fours, bool b_side> static __device__ __noinline__ void part_of_tile(
    real *partial, const real *A, const real *B, int tile_row, int tile_column, int M, int N, int K,
    int a_step, int a_sum, int b_step, int b_sum) {
  constexpr int apart = b_fours ? 4 : 1, first = b_fours ? 1 : 4;
  const int share = (K + 31) / 32 * 4;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, begin = warp * share;
  const int end = begin + share < K ? begin + share : K;
  real sums[2][4] = {};
  const real *a_[2], *b_[4];
  #pragma unroll
  for (int r = 0; r < 2; r++) {
    const int at = tile_row + lane / 4 + r * 8;
    a_[r] = A + (at < M ? at : M - 1) * a_step;
  }
  #pragma unroll
  for (int c = 0; c < 4; c++) {
    const int at = tile_column + lane % 4 * first + c * apart;
    b_[c] = B + (at < N ? at : N - 1) * b_step;
  }
  int k = begin;
  #pragma unroll 2
  for (; k + 4 <= end; k += 4) {
    real a[2][4], b[4][4];
    #pragma unroll
    for (int r = 0; r < 2; r++) {
      if constexpr (a_fours) {
        const Four v = *(const Four *)(a_[r] + k);
        #pragma unroll
        for (int l = 0; l < 4; l++) a[r][l] = v.at[l];
      } else {
        #pragma unroll
        for (int l = 0; l < 4; l++) a[r][l] = a_[r][(k + l) * a_sum];
      }
    }
    if constexpr (b_side) {
      #pragma unroll
      for (int l = 0; l < 4; l++) {
        const Four v = *(const Four *)(b_[0] + (k + l) * b_sum);
        #pragma unroll
        for (int c = 0; c < 4; c++) b[c][l] = v.at[c];
      }
    } else {
      #pragma unroll
      for (int c = 0; c < 4; c++) {
        if constexpr (b_fours) {
          const Four v = *(const Four *)(b_[c] + k);
          #pragma unroll
          for (int l = 0; l < 4; l++) b[c][l] = v.at[l];
        } else {
          #pragma unroll
          for (int l = 0; l < 4; l++) b[c][l] = b_[c][(k + l) * b_sum];
        }
      }
    }
    #pragma unroll
    for (int l = 0; l < 4; l++)
      #pragma unroll
      for (int r = 0; r < 2; r++)
        #pragma unroll
        for (int c = 0; c < 4; c++) sums[r][c] += a[r][l] * b[c][l];
  }
  for (; k < end; k++)
    #pragma unroll
    for (int r = 0; r < 2; r++)
      #pragma unroll
      for (int c = 0; c < 4; c++) sums[r][c] += a_[r][k * a_sum] * b_[c][k * b_sum];
  #pragma unroll
  for (int r = 0; r < 2; r++)
    #pragma unroll
    for (int c = 0; c < 4; c++)
      partial[warp * 256 + (lane / 4 + r * 8) * 16 + lane % 4 * first + c * apart] = sums[r][c];
}
"""

ROUNDED_TEXT = r"""
// The part of a tile of 16 x 16 entries that a warp sums up on tensor cores, from operands that are
// rounded; the sums are exact as float32 is. It is compiled once for all sizes.
template <bool a_fours, bool b_fours, bool b_side, class One, class Two>
static __device__ __noinline__ void part_of_tile(real *partial, const One *A, const Two *B,
    int tile_row, int tile_column, int M, int N, int K, int a_step, int a_sum, int b_step, int b_sum) {
  const int share = (K + 127) / 128 * 16, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int begin = warp * share, end = begin + share < K ? begin + share : K, g = lane / 4, t = lane % 4;
  float sums[2][4] = {};
  const One *a_[2];
  const Two *b_[2];
  #pragma unroll
  for (int r = 0; r < 2; r++) {
    const int row = tile_row + g + r * 8, column = tile_column + g + r * 8;
    a_[r] = A + (row < M ? row : M - 1) * a_step;
    b_[r] = B + (column < N ? column : N - 1) * b_step;
  }
  for (int k = begin; k < end; k += DEPTH) {
    unsigned a[4], b[2][2];
    #pragma unroll
    for (int r = 0; r < 4; r++) a[r] = rounded(a_[r % 2], k + r / 2 * (DEPTH / 2), t, end, a_sum);
    #pragma unroll
    for (int n = 0; n < 2; n++)
      #pragma unroll
      for (int r = 0; r < 2; r++) b[n][r] = rounded(b_[n], k + r * (DEPTH / 2), t, end, b_sum);
    #pragma unroll
    for (int n = 0; n < 2; n++) multiply(sums[n], a, b[n]);
  }
  #pragma unroll
  for (int n = 0; n < 2; n++)
    #pragma unroll
    for (int c = 0; c < 4; c++)
      partial[warp * 256 + (g + c / 2 * 8) * 16 + n * 8 + 2 * t + c % 2] = sums[n][c];
}
"""

TF32_TEXT = r"""
constexpr int DEPTH = 8;  // entries of a sum that tensor cores take at once, in TF32
#ifdef __CUDACC_RTC__
static __device__ __forceinline__ unsigned in_tf32(float x) {
  unsigned r;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(r) : "f"(x));
  return r;
}
static __device__ __forceinline__ void multiply(float (&d)[4], const unsigned (&a)[4],
    const unsigned (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};" : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#else
static unsigned in_tf32(float x) { return in_tf32_(x); }
static void multiply(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  multiply_tf32_(d, a, b);
}
#endif
static __device__ __forceinline__ unsigned rounded(const real *A, int k, int t, int end, int sum) {
  return in_tf32(k + t < end ? A[(k + t) * sum] : 0);
}
"""

BFLOAT16_TEXT = r"""
// A number that is stored in two bytes: those of float32, rounded to the nearest, to even if there are two.
struct bfloat16 {
  unsigned short bits;
  __device__ __forceinline__ void operator=(float x) {
#ifdef __CUDACC_RTC__
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
#else
    bits = x != x ? 0x7fc0 : in_bfloat16_(x);
#endif
  }
};
static __device__ __forceinline__ float wide(bfloat16 x) {
#ifdef __CUDACC_RTC__
  return __uint_as_float((unsigned)x.bits << 16);
#else
  return back_((unsigned)x.bits << 16);
#endif
}
static __device__ __forceinline__ float wide(float x) { return x; }
constexpr int DEPTH = 16;  // entries of a sum that tensor cores take at once, in bfloat16
#ifdef __CUDACC_RTC__
static __device__ __forceinline__ unsigned in_pair(float x, float y) {
  unsigned r;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(y), "f"(x));
  return r;
}
static __device__ __forceinline__ void multiply(float (&d)[4], const unsigned (&a)[4],
    const unsigned (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};" : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#else
static unsigned in_pair(float x, float y) { return in_pair_(x, y); }
static void multiply(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  multiply_bfloat16_(d, a, b);
}
#endif
template <class T>
static __device__ __forceinline__ unsigned rounded(const T *A, int k, int t, int end, int sum) {
  k += 2 * t;
  return in_pair(k < end ? wide(A[k * sum]) : 0, k + 1 < end ? wide(A[(k + 1) * sum]) : 0);
}
"""

PRECISIONS: Mapping[str, str] = MappingProxyType({  # how the products of many blocks compute
    "float32": EXACT_TEXT, "tf32": TF32_TEXT + ROUNDED_TEXT.lstrip("\n"),
    "bfloat16": BFLOAT16_TEXT + ROUNDED_TEXT.lstrip("\n")})
