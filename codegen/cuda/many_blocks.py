"""What a kernel of many blocks has before it: a barrier of the grid, tiles whose sums a block shares out."""

from __future__ import annotations

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
